//! The SQLite database file: permissions, exclusive use by one server, and behaviour when it is not writable or is
//! deleted or replaced while in use.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook, fails};
use crate::harness::{Backend, Client, Service, folder, skip};
use crate::resource_exhaustion::SmallDisk;

/// Longer than any wait in these tests on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(180);

fn serve(folder: &Path, database: &Path) -> Command {
    let mut command = addressbook(folder, &["--bind", "127.0.0.1:0", "--database-url"]);
    command.arg(format!("sqlite://{}", database.display()));
    command
}

fn keys(folder: &Path, database: &Path, args: &[&str]) -> Command {
    let mut command = addressbook(folder, &["keys"]);
    command.args(args).arg("--database-url").arg(format!("sqlite://{}", database.display()));
    command
}

fn create(client: &Client, name: &str) -> u16 {
    client.post("/v1/contacts", &json!({"username": name, "phone_number": "+4479000000001"})).status
}

fn ready(client: &Client) -> u16 {
    client.get("/readyz").status
}

fn stop(serving: ServerProcess) -> String {
    serving.signal("-TERM");
    serving.end()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// As seen by another process.
fn query(database: &Path, sql: &str) -> i64 {
    rusqlite::Connection::open(database).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn aliases_of_the_file_do_not_allow_a_second_server() {
    let folder = folder();
    let database = folder.join("data/addressbook.db");
    let mut first = ServerProcess::start(&mut serve(&folder, &database));
    let alias = folder.join("alias.db");
    symlink(&database, &alias).unwrap();
    symlink(folder.join("data"), folder.join("elsewhere")).unwrap();
    drop(std::fs::remove_file(with_suffix(&database, ".lock")));
    for name in [&database, &alias, &folder.join("elsewhere/addressbook.db")] {
        fails(&mut serve(&folder, name), &["another server", "several servers need PostgreSQL"]);
        assert!(keys(&folder, name, &["list"]).status().unwrap().success());
    }
    let link = folder.join("data/link.db");
    std::fs::hard_link(&database, &link).unwrap();
    fails(&mut serve(&folder, &link), &["2 hard links"]);
    fails(&mut keys(&folder, &link, &["list"]), &["2 hard links"]);
    assert!(!with_suffix(&link, "-wal").exists());
    std::fs::remove_file(&link).unwrap();
    assert_eq!(ready(&Client::new(first.address(), None)), 200);

    first.kill();
    let next = ServerProcess::start(&mut serve(&folder, &alias));
    assert!(
        !with_suffix(&alias, "-wal").exists() && with_suffix(&database, "-wal").exists(),
        "one log for all names"
    );
    stop(next);
}

#[test]
fn files_are_accessible_to_their_owner_only() {
    for umask in ["000", "277"] {
        let folder = folder();
        let database = folder.join("new/data/addressbook.db");
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_addressbook")])
            .args(["--bind", "127.0.0.1:0", "--database-url", &format!("sqlite://{}", database.display())]);
        if umask == "277" {
            // A directory that its owner cannot write to is a mistake of the operator.
            std::fs::create_dir_all(database.parent().unwrap()).unwrap();
        }
        let mut serving = ServerProcess::start(&mut command);
        let files = [database.clone(), with_suffix(&database, "-wal"), with_suffix(&database, "-shm")];
        assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 3], "{umask}");
        if umask == "000" {
            assert_eq!((mode(&folder.join("new")), mode(&folder.join("new/data"))), (0o700, 0o700));
        }
        serving.kill();

        // Left by an earlier version.
        for file in &files {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
        }
        let serving = ServerProcess::start(&mut serve(&folder, &database));
        assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 3], "tightened");
        stop(serving);
    }
}

#[test]
fn keys_commands_neither_create_nor_migrate_a_database() {
    let folder = folder();
    let database = folder.join("data/addressbook.db");
    fails(&mut keys(&folder, &database, &["create", "--account", "a"]), &["no database here", "migrate"]);
    assert!(!folder.join("data").exists(), "nothing was made");

    let foreign = folder.join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE notes (text)").unwrap();
    drop(other);
    let before = std::fs::read(&foreign).unwrap();
    fails(&mut keys(&folder, &foreign, &["list"]), &["no addressbook schema"]);
    assert!(std::fs::read(&foreign).unwrap() == before, "as it was");

    let url = format!("sqlite://{}", database.display());
    assert!(addressbook(&folder, &["migrate", "--database-url", &url]).status().unwrap().success());
    assert!(keys(&folder, &database, &["create", "--account", "a"]).status().unwrap().success());
    let connection = rusqlite::Connection::open(&database).unwrap();
    let newest = "(SELECT max(version) FROM seaql_migrations)";
    let forget = format!("DELETE FROM seaql_migrations WHERE version = {newest}");
    connection.execute(&forget, []).unwrap();
    let applied = query(&database, "SELECT count(*) FROM seaql_migrations");
    fails(&mut keys(&folder, &database, &["list"]), &["older than this program", "addressbook migrate"]);
    assert_eq!(query(&database, "SELECT count(*) FROM seaql_migrations"), applied, "not migrated");
}

#[test]
fn durations_are_bounded_and_far_dates_are_listed() {
    let folder = folder();
    let database = folder.join("addressbook.db");
    let url = format!("sqlite://{}", database.display());
    assert!(addressbook(&folder, &["migrate", "--database-url", &url]).status().unwrap().success());
    for span in ["0s", "1000000y", "101y", "999ms"] {
        let args = ["create", "--account", "a", "--expires", span];
        fails(&mut keys(&folder, &database, &args), &["--expires", "between 1s and 100 years"]);
    }
    fails(&mut addressbook(&folder, &["--idempotency-ttl", "0s"]), &["between 1s and 100 years"]);
    fails(&mut addressbook(&folder, &["--audience-ttl", "1000000y"]), &["between 1s and 100 years"]);
    fails(&mut addressbook(&folder, &["--database-acquire-timeout", "0s"]), &["between 1ms and 1h"]);
    fails(&mut addressbook(&folder, &["--request-timeout", "2days"]), &["between 1ms and 1day"]);

    assert!(
        keys(&folder, &database, &["create", "--account", "a", "--expires", "100y"])
            .status()
            .unwrap()
            .success()
    );
    for end in [i64::MAX, 31_556_952_000_000_000] {
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.execute("UPDATE api_keys SET expires_at = ?1", [end]).unwrap();
        drop(connection);
        let output = keys(&folder, &database, &["list"]).output().unwrap();
        let list = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && list.contains("9999-12-31T23:59:59.999Z"), "{list}");
    }
}

#[test]
fn the_first_key_is_written_to_a_file_of_its_owner() {
    let folder = folder();
    let (database, file) = (folder.join("addressbook.db"), folder.join("key"));
    let start = |file: &Path| {
        let mut command = serve(&folder, &database);
        command.arg("--first-key-file").arg(file);
        command
    };
    std::fs::write(&file, "mine").unwrap();
    fails(&mut start(&file), &["first API key", "key", "exists"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    symlink(folder.join("nowhere"), folder.join("link")).unwrap();
    fails(&mut start(&folder.join("link")), &["first API key", "exists"]);
    std::fs::remove_file(&file).unwrap();

    let mut serving = ServerProcess::start(&mut start(&file));
    let line = serving.first_key();
    assert_eq!(line, file.display().to_string(), "where it is, not what it is");
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(key.starts_with("ab_live_") && key.ends_with('\n') && key.lines().count() == 1);
    assert_eq!(mode(&file), 0o600);
    let client = Client::new(serving.address(), Some(key.trim().to_owned()));
    assert_eq!(create(&client, "john"), 201);
    let log = serving.banner.clone() + &stop(serving);
    assert!(!log.contains("ab_live_"), "{log}");
    // A key exists by now: nothing is written, and the existing file is not an error.
    stop(ServerProcess::start(&mut start(&file)));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);
}

#[test]
fn no_password_is_printed() {
    let folder = folder();
    for url in [
        "postgres://user:pa#SECRET@127.0.0.1:1/x",
        "postgres://user:1#SECRET@127.0.0.1:1/x",
        "postgres://127.0.0.1:1/x?password=SECRET",
        "postgres://127.0.0.1:1/x?passwort=SECRET",
        "mysql://user:SECRET@127.0.0.1/x",
    ] {
        std::fs::write(folder.join("settings.toml"), format!("database_url = \"{url}\"\n")).unwrap();
        for args in [
            vec!["--bind=127.0.0.1:0", "--log=trace", "--database-url", url],
            vec!["keys", "list", "--database-url", url],
            vec!["--config", "settings.toml", "--log=trace"],
            vec!["--config", "settings.toml", "--help"],
            vec!["keys", "list", "--config", "settings.toml", "--help"],
        ] {
            let output = addressbook(&folder, &args).output().unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains("SECRET"), "{args:?}: {text}");
        }
    }
    let settings = addressbook::config::DatabaseSettings {
        database_url: "postgres://user:SECRET@host/x".to_owned(),
        ..addressbook::config::Settings::default().database
    };
    assert!(!format!("{settings:?}").contains("SECRET"));
}

#[test]
fn a_read_only_database_is_not_served() {
    let Some(disk) = SmallDisk::mount("20m") else {
        skip("a file system cannot be mounted here");
        return;
    };
    let (folder, database) = (folder(), disk.path().join("addressbook.db"));
    let url = format!("sqlite://{}", database.display());
    assert!(addressbook(&folder, &["migrate", "--database-url", &url]).status().unwrap().success());
    let remount = |how: &str| {
        let path = disk.path().to_str().unwrap();
        assert!(Command::new("mount").args(["-o", how, path]).status().unwrap().success());
    };
    remount("remount,ro");
    fails(&mut serve(&folder, &database), &["cannot be written to", "addressbook.db"]);
    remount("remount,rw");
    stop(ServerProcess::start(&mut serve(&folder, &database)));
}

#[test]
fn a_deleted_or_replaced_file_is_not_written_to() {
    let folder = folder();
    let database = folder.join("data/addressbook.db");
    let mut serving = ServerProcess::start(serve(&folder, &database).arg("--log=off"));
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    assert_eq!((create(&client, "before"), ready(&client)), (201, 200));

    let away = folder.join("away");
    let refuses = |what: &str| {
        assert_eq!(ready(&client), 503, "{what}");
        for i in 0..3 {
            assert_eq!(create(&client, &format!("{what}-{i}")), 503);
        }
        let group = client.post("/v1/groups", &json!({"name": what}));
        assert_eq!((group.status, group.header("Retry-After")), (503, "1"));
        assert_eq!(client.get("/v1/contacts?username=before").status, 200, "reads go on");
    };
    let back = || {
        assert_eq!(ready(&client), 200);
        assert_eq!(
            client.get("/addressbook/contacts").expect(200)["total"],
            1,
            "nothing was stored meanwhile"
        );
    };
    std::fs::rename(folder.join("data"), &away).unwrap();
    refuses("moved");
    std::fs::rename(&away, folder.join("data")).unwrap();
    back();
    std::fs::rename(&database, &away).unwrap();
    refuses("deleted");
    std::fs::write(&database, "").unwrap();
    refuses("replaced");
    assert_eq!(std::fs::metadata(&database).unwrap().len(), 0, "the new file is left alone");
    std::fs::rename(&away, &database).unwrap();
    back();
    assert_eq!(create(&client, "after"), 201);
    stop(serving);
}

#[test]
fn a_file_that_becomes_unwritable_is_not_ready() {
    let folder = folder();
    let database = folder.join("addressbook.db");
    // With a file size limit the system rejects each write, as a failing disk does.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_addressbook")])
        .args(["--log=off", "--bind=127.0.0.1:0", "--database-url"])
        .arg(format!("sqlite://{}", database.display()));
    let mut serving = ServerProcess::start(&mut command);
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    assert_eq!((create(&client, "before"), ready(&client)), (201, 200));
    let limit = |bytes: &str| {
        let (process, limit) = (serving.id().to_string(), format!("--fsize={bytes}"));
        Command::new("prlimit")
            .args(["--pid", &process, &limit])
            .status()
            .is_ok_and(|status| status.success())
    };
    if !limit("0:unlimited") {
        skip("limits cannot be set here");
        return;
    }
    for i in 0..3 {
        assert_eq!(create(&client, &format!("meanwhile-{i}")), 503);
        assert_eq!(ready(&client), 503);
    }
    assert_eq!(client.get("/v1/contacts?username=before").status, 200, "reads go on");
    assert!(limit("unlimited:unlimited"));
    assert_eq!(ready(&client), 200);
    assert_eq!(create(&client, "after"), 201);
    stop(serving);
}

/// Expired idempotency keys, as many as a busy client leaves in a day.
const EXPIRED: i64 = 60_000;

#[test]
fn expired_keys_are_deleted_concurrently_with_other_writes() {
    let folder = folder();
    let database = folder.join("addressbook.db");
    let mut serving = ServerProcess::start(serve(&folder, &database).arg("--log=off"));
    let key = serving.first_key();
    stop(serving);
    let connection = rusqlite::Connection::open(&database).unwrap();
    let fill = "INSERT INTO idempotency_keys (account_id, operation, key, fingerprint, contact, created_at) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                SELECT 1, 'createContact', hex(randomblob(16)), randomblob(32), hex(zeroblob(100)), i FROM n";
    connection.execute(fill, [EXPIRED]).unwrap();
    drop(connection);

    let serving = ServerProcess::start(serve(&folder, &database).arg("--log=off"));
    let left = || query(&database, "SELECT count(*) FROM idempotency_keys");
    let client = Client::new(serving.address(), Some(key));
    let (began, mut seen, mut largest, mut created) = (Instant::now(), Vec::new(), 0, 0);
    while seen.last() != Some(&0) {
        assert!(began.elapsed() < TIMEOUT, "{seen:?}");
        assert_eq!(create(&client, &format!("u{created}")), 201);
        created += 1;
        largest = largest.max(std::fs::metadata(with_suffix(&database, "-wal")).unwrap().len());
        if created % 10 == 0 {
            seen.push(left());
        }
    }
    seen.dedup();
    println!("{created} creates beside it, a WAL of {largest}: {seen:?}");
    assert_eq!(seen[0], EXPIRED, "not at the very start");
    assert!(seen.len() > 5, "in batches: {seen:?}");
    assert!(largest < 64 << 20, "{largest}");
    assert_eq!(query(&database, "SELECT count(*) FROM contacts"), created);
    stop(serving);
}

#[test]
fn a_start_on_an_up_to_date_database_writes_nothing() {
    let folder = folder();
    let database = folder.join("addressbook.db");
    stop(ServerProcess::start(&mut serve(&folder, &database)));
    let content = std::fs::read(&database).unwrap();
    let serving = ServerProcess::start(&mut serve(&folder, &database));
    assert_eq!(ready(&Client::new(serving.address(), None)), 200);
    assert_eq!(std::fs::metadata(with_suffix(&database, "-wal")).unwrap().len(), 0, "nothing in the log");
    stop(serving);
    assert!(std::fs::read(&database).unwrap() == content);
}

#[test]
fn the_log_has_the_effective_settings() {
    let folder = folder();
    let database = folder.join("addressbook.db");
    let mut serving = ServerProcess::start(serve(&folder, &database).arg("--log-format=json"));
    let address = serving.address().to_owned();
    drop(serving.first_key());
    let log = stop(serving);
    let started: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["message"] == "started")
        .collect();
    assert_eq!(started.len(), 1, "{log}");
    assert_eq!(started[0]["address"], address);
    assert_eq!(started[0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(started[0]["database"], format!("sqlite://{}", database.display()));
}

/// Expired rows are deleted on either database, and no others.
#[test]
fn expired_rows_are_deleted_on_both_databases() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let service = Service::start(backend, |settings| {
            settings.storage.idempotency_ttl = Duration::from_secs(1);
            settings.storage.audience_ttl = Duration::from_secs(1);
        });
        let Some(service) = service else { continue };
        let client = service.client();
        let send = |path: &str, key: &str, body: Value| {
            let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
            client.send("POST", path, &headers, body.to_string().as_bytes()).expect(201)
        };
        for i in 0..3 {
            let name = format!("u{i}");
            send(
                "/v1/contacts",
                &name,
                json!({"username": name, "phone_number": format!("+447900000000{i}")}),
            );
        }
        send("/v1/audiences", "kept", json!({"recipients": [{"all": true}], "keep": true}));
        let (_, runtime) = service.keys();
        let url = &service.settings.database.database_url;
        let rows = || -> Vec<i64> {
            runtime.block_on(async {
                let database = sea_orm::Database::connect(url).await.unwrap();
                let mut rows = Vec::new();
                for table in ["idempotency_keys", "audiences", "audience_entries", "contacts"] {
                    let sql = format!("SELECT count(*) FROM {table}");
                    let sql = Statement::from_string(database.get_database_backend(), sql);
                    let row = database.query_one_raw(sql).await.unwrap().unwrap();
                    rows.push(row.try_get_by_index(0).unwrap());
                }
                rows
            })
        };
        assert_eq!(rows(), [4, 1, 3, 3], "{backend:?}");
        // The clean-up may have run before anything expired; a deletion wakes it.
        std::thread::sleep(Duration::from_millis(1_100));
        let body = json!({"recipients": [{"username": "u0"}], "keep": true});
        let id = client.post("/v1/audiences", &body).expect(201)["id"].as_str().unwrap().to_owned();
        client.delete(&format!("/v1/audiences/{id}")).expect(204);
        let began = Instant::now();
        while rows() != [0, 0, 0, 3] {
            assert!(began.elapsed() < TIMEOUT, "{backend:?}: {:?}", rows());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
