//! A throw-away PostgreSQL cluster on loopback, one for a run of the tests.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sea_orm::ConnectionTrait;

use super::folder::root;

/// The URL of a new, empty database; `None` where PostgreSQL's programs are not found (and
/// `TEST_POSTGRES` does not say that they must be).
pub(super) fn new_database() -> Option<String> {
    static CLUSTER: OnceLock<Option<u16>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let port = (*CLUSTER.get_or_init(start))?;
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let admin = sea_orm::Database::connect(url(port, "postgres")).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await.unwrap();
    });
    Some(url(port, &name))
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

fn start() -> Option<u16> {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("TEST_POSTGRES").is_none(), "PostgreSQL's programs are not found");
        eprintln!("PostgreSQL's programs are not found: its tests do nothing");
        return None;
    };
    let home = root().join("postgres");
    std::fs::create_dir(&home).unwrap();
    let user = unprivileged_user();
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(&home, Some(uid), Some(gid)).unwrap();
    }
    let command = |program: &str| {
        let mut command = Command::new(programs.join(program));
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        command.current_dir(&home).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let data = home.join("data");
    let made = command("initdb")
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata"])
        .arg(&data)
        .status()
        .unwrap();
    assert!(made.success(), "initdb failed");

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = std::fs::File::create(home.join("log")).unwrap();
    // The keeper of the folder ends it.
    #[allow(clippy::zombie_processes)]
    let _server = command("postgres")
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
        // These tests are about what the service says, not about power cuts.
        .args(["-c", "fsync=off", "-c", "max_connections=200"])
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap();
    for _ in 0..300 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() && ready(port) {
            return Some(port);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("PostgreSQL did not start: {}", std::fs::read_to_string(home.join("log")).unwrap());
}

fn ready(port: u16) -> bool {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { sea_orm::Database::connect(url(port, "postgres")).await.is_ok() })
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

fn programs() -> Option<PathBuf> {
    let has_both = |folder: &Path| folder.join("initdb").exists() && folder.join("postgres").exists();
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim().to_owned()));
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    told.into_iter().chain(debian.into_iter().rev()).chain(on_path).find(|folder| has_both(folder))
}
