//! Disposable PostgreSQL clusters on loopback.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sea_orm::ConnectionTrait;

use super::folder::folder;

/// The URL of a new, empty database in the shared cluster; `None` if PostgreSQL is not installed (and `TEST_POSTGRES`
/// does not require it).
pub(super) fn new_database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Without fsync: most tests do not test durability.
    let Some(cluster) = CLUSTER.get_or_init(|| Cluster::start(&["-c", "fsync=off"])) else {
        super::skip("PostgreSQL's programs are not found");
        return None;
    };
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    cluster.run(&format!("CREATE DATABASE {name}"));
    Some(cluster.url(&name))
}

/// A cluster that runs until the end of the test run, when the clean-up script stops it.
pub struct Cluster {
    bin_directory: PathBuf,
    home: PathBuf,
    port: u16,
    options: Vec<String>,
}

impl Cluster {
    /// A new cluster with these server options.
    pub fn start(options: &[&str]) -> Option<Self> {
        let Some(bin_directory) = bin_directory() else {
            assert!(std::env::var_os("TEST_POSTGRES").is_none(), "PostgreSQL's programs are not found");
            super::skip("PostgreSQL's programs are not found");
            return None;
        };
        let home = folder();
        if let Some((uid, gid)) = unprivileged_user() {
            std::os::unix::fs::chown(&home, Some(uid), Some(gid)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let cluster = Self { bin_directory, home, port, options };
        let created = cluster
            .command("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata=data"])
            .status()
            .unwrap();
        assert!(created.success(), "initdb failed");
        cluster.resume();
        Some(cluster)
    }

    pub fn resume(&self) {
        let log = std::fs::File::options().create(true).append(true).open(self.home.join("log")).unwrap();
        // The clean-up script stops it.
        #[allow(clippy::zombie_processes)]
        let _server = self
            .command("postgres")
            .args(["-D", "data", "-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "max_connections=200"])
            .args(&self.options)
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        for _ in 0..300 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.ready() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL did not start: {}", std::fs::read_to_string(self.home.join("log")).unwrap());
    }

    /// Stops the server as a crash does.
    pub fn crash(&self) {
        let stopped = self
            .command("pg_ctl")
            .args(["stop", "-D", "data", "-m", "immediate", "-w", "-s"])
            .status()
            .unwrap();
        assert!(stopped.success());
    }

    /// Runs a statement in the database `postgres`.
    pub fn run(&self, sql: &str) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let admin = sea_orm::Database::connect(self.url("postgres")).await.unwrap();
            admin.execute_unprepared(sql).await.unwrap();
            admin.close().await.unwrap();
        });
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin_directory.join(program));
        if let Some((uid, gid)) = unprivileged_user() {
            command.uid(uid).gid(gid);
        }
        command.current_dir(&self.home).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn ready(&self) -> bool {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { sea_orm::Database::connect(self.url("postgres")).await.is_ok() })
    }
}

/// PostgreSQL refuses to run as root.
fn unprivileged_user() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|parts| parts[0] == name)
    };
    let parts = find("postgres").or_else(|| find("nobody")).expect("a user other than root");
    Some((parts[2].parse().unwrap(), parts[3].parse().unwrap()))
}

fn bin_directory() -> Option<PathBuf> {
    let has_both = |folder: &Path| folder.join("initdb").exists() && folder.join("postgres").exists();
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    let configured =
        configured.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim().to_owned()));
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    configured.into_iter().chain(debian.into_iter().rev()).chain(on_path).find(|folder| has_both(folder))
}
