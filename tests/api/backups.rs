//! `addressbook backup`, `verify` and `restore`: what is in a backup, what makes one invalid, and what becomes of the clients of a
//! database that is restored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use addressbook_migrations::{Migrator, TABLES};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cli::{ServerProcess, addressbook, fails};
use crate::contacts::create;
use crate::guides::blocks;
use crate::harness::acknowledged::Acknowledged;
use crate::harness::change_log::Follower;
use crate::harness::feed::{self, Copy};
use crate::harness::{Backend, Client, folder, new_database};

const PHONE: &str = "+4479000000001";

/// A database, and a directory for its backups.
struct Site {
    url: String,
    folder: PathBuf,
}

impl Site {
    fn new(backend: Backend) -> Option<Self> {
        Some(Self { url: new_database(backend)?, folder: folder() })
    }

    fn serve(&self) -> ServerProcess {
        ServerProcess::start(&mut self.command(&["serve", "--bind", "127.0.0.1:0", "--log", "off"]))
    }

    /// A server on a new database, and a client with its first key.
    fn serve_first(&self) -> (ServerProcess, Client) {
        let mut serving = self.serve();
        let key = serving.first_key();
        let client = Client::new(serving.address(), Some(key));
        (serving, client)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = addressbook(&self.folder, args);
        command.args(["--database-url", &self.url]);
        command
    }

    #[track_caller]
    fn back_up(&self, args: &[&str]) -> PathBuf {
        let output = self.command(&["backup"]).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.folder.join(String::from_utf8(output.stdout).unwrap().trim_end())
    }

    fn restore(&self, file: &Path, more: &[&str]) -> Command {
        let mut command = self.command(&["restore"]);
        command.arg(file).args(more);
        command
    }

    /// The file of an SQLite database.
    fn database(&self) -> PathBuf {
        PathBuf::from(self.url.strip_prefix("sqlite://").unwrap())
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.database().into_os_string();
        path.push(suffix);
        path.into()
    }

    fn query<T: sea_orm::TryGetable>(&self, sql: &str) -> Vec<T> {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let database = sea_orm::Database::connect(&self.url).await.unwrap();
            let statement = Statement::from_string(database.get_database_backend(), sql);
            let rows = database.query_all_raw(statement).await.unwrap();
            let values = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
            database.close().await.unwrap();
            values
        })
    }

    fn tables(&self) -> BTreeSet<String> {
        let sql = if self.url.starts_with("sqlite") {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        } else {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
        };
        self.query(sql).into_iter().collect()
    }

    fn rows(&self) -> BTreeMap<String, u64> {
        let count = |table: String| {
            let count: Vec<i64> = self.query(&format!("SELECT count(*) FROM {table}"));
            (table, u64::try_from(count[0]).unwrap())
        };
        self.tables().into_iter().map(count).collect()
    }

    /// The names of the contacts.
    fn handles(&self) -> Vec<String> {
        self.query("SELECT handle FROM contacts ORDER BY handle")
    }
}

fn stop(serving: ServerProcess) {
    serving.signal("-TERM");
    serving.end();
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn verify(file: &Path) -> Command {
    let mut command = addressbook(&folder(), &["verify"]);
    command.arg(file);
    command
}

/// As any program reads it.
fn manifest(backup: &Path) -> Value {
    let mut archive = tar::Archive::new(File::open(backup).unwrap());
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(entry.path().unwrap(), Path::new("manifest.json"));
    let mut json = String::new();
    entry.read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn rows_of(manifest: &Value) -> BTreeMap<String, u64> {
    serde_json::from_value(manifest["rows"].clone()).unwrap()
}

fn position(client: &Client) -> String {
    client.get("/v1/changes").expect(200)["next"].as_str().unwrap().to_owned()
}

/// The response to whoever goes on from a position, as a page and as a stream of events.
fn since(client: &Client, position: &str) -> u16 {
    let page = client.get(&format!("/v1/changes?since={position}"));
    let headers = [("Accept", "text/event-stream"), ("Last-Event-ID", position)];
    if page.status != 200 {
        assert_eq!(client.send("GET", "/v1/changes", &headers, b"").status, page.status);
        assert_eq!(page.json()["error"]["code"], "position_expired");
    }
    page.status
}

/// What is in a backup that is taken under load is the state after one commit: whatever had been acknowledged before, nothing
/// after it, and what the manifest says. Restored, it is served, and clients that know what came after it begin again.
fn a_backup_under_load_is_the_state_of_one_moment(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let (serving, client) = site.serve_first();
    let acknowledged = Acknowledged::new(&client);
    let (done, lagging) = (AtomicBool::new(false), position(&client));
    let writer = |name: usize| {
        for number in 0.. {
            if done.load(Ordering::Relaxed) {
                return;
            }
            acknowledged.write(&client, &format!("writer{name}"), number).unwrap();
        }
    };
    let wait_for = |count: usize| {
        while acknowledged.count() < count {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let (before, positions) = std::thread::scope(|scope| {
        for name in 0..6 {
            scope.spawn(move || writer(name));
        }
        wait_for(200);
        let (before, position_before) = (acknowledged.so_far(), position(&client));
        site.back_up(&["backup.tar"]);
        create(&client, "late", PHONE);
        wait_for(acknowledged.count() + 200);
        done.store(true, Ordering::Relaxed);
        (before, [lagging, position_before, position(&client)])
    });
    let mut original = Follower::of(&site.url, &client);
    original.assert_agreement();
    original.disconnect();
    assert!(site.handles().contains(&"late".to_owned()));
    stop(serving);

    let backup = site.folder.join("backup.tar");
    let manifest = manifest(&backup);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o7777, 0o600);
    run(&mut verify(&backup));
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(rows_of(&manifest), site.rows());
    let mut restored = Follower::of(&site.url, &client);
    restored.assert_agreement();
    let length = restored.entries().len();
    assert_eq!(manifest["change_log"], json!({"default": length}));
    assert!(length < original.entries().len(), "it was taken under load");
    assert_eq!(restored.entries(), &original.entries()[..length], "the beginning of the same log");
    before.assert_survived(&mut restored);
    restored.disconnect();
    assert!(!site.handles().contains(&"late".to_owned()));

    let serving = site.serve();
    let client = Client::new(serving.address(), client.key);
    // A copy may be ahead of its position: none of before the restore is valid, not even that of a log that has not been shortened.
    let check = || {
        for position in &positions {
            assert_eq!(since(&client, position), 410, "{position}");
        }
    };
    check();
    let mut copy = Copy::begin(&client);
    // The log grows beyond all of them.
    while restored.entries().len() <= original.entries().len() {
        create(&client, &format!("after-{}", restored.entries().len()), PHONE);
        restored.step(1_000);
    }
    check();
    copy.assert_exact(&client);
    restored.assert_agreement();
    restored.disconnect();
    stop(serving);
}

/// A backup has all tables, with their indexes and whatever else belongs to them.
fn a_restored_database_has_the_schema_of_the_original(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let (serving, client) = site.serve_first();
    create(&client, "ann", PHONE);
    client.post("/v1/fields", &json!({"key": "AGE", "type": "number"})).expect(201);
    stop(serving);
    let schema = || -> Vec<String> {
        let sql = if backend == Backend::Sqlite {
            "SELECT name || coalesce(sql, '') FROM sqlite_master \
             UNION ALL SELECT tbl || coalesce(idx, '') || stat FROM sqlite_stat1 ORDER BY 1"
        } else {
            "SELECT indexdef::text FROM pg_indexes WHERE schemaname = 'public' UNION ALL \
             SELECT conrelid::regclass::text || conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0 UNION ALL \
             SELECT table_name || column_name || data_type || is_nullable || coalesce(column_default, '') \
             || coalesce(collation_name, '') || is_identity FROM information_schema.columns WHERE table_schema = 'public' UNION ALL \
             SELECT sequencename || coalesce(last_value, 0) FROM pg_sequences ORDER BY 1"
        };
        site.query(sql)
    };
    let (original, tables) = (schema(), site.tables());
    // All but those that later migrations have dropped.
    let expected: BTreeSet<_> =
        TABLES.iter().filter(|table| !["contact_counts", "tallies"].contains(table)).collect();
    assert_eq!(tables.iter().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
    let backup = site.back_up(&["backup.tar"]);
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(schema(), original);

    // To another database, which does not exist or is empty, without force.
    let other = Site::new(backend).unwrap();
    run(&mut other.restore(&backup, &[]));
    assert_eq!(other.handles(), ["ann"]);
    let timeline = |site: &Site| site.query::<i64>("SELECT timeline FROM change_timeline");
    assert_ne!(timeline(&other), timeline(&site));
    // The same key, and the numbers of new accounts go on.
    let serving = other.serve();
    let client = Client::new(serving.address(), client.key);
    assert_eq!(client.get("/v1/contacts").expect(200)["data"][0]["username"], "ann");
    run(&mut other.command(&["keys", "create", "--account", "other"]));
    stop(serving);
}

/// A database of an earlier program is backed up by this one, before it migrates it, and restored in place of a newer one.
fn a_backup_of_an_older_schema_is_migrated_after_it_was_restored(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let mode = if backend == Backend::Sqlite { "?mode=rwc" } else { "" };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = sea_orm::Database::connect(format!("{}{mode}", site.url)).await.unwrap();
        Migrator::up(&database, Some(10)).await.unwrap();
        database
            .execute_unprepared("INSERT INTO accounts (name, created_at) VALUES ('old', 0)")
            .await
            .unwrap();
        database.close().await.unwrap();
    });
    let old_tables = site.tables();
    assert!(old_tables.contains("tallies"));
    let backup = site.back_up(&["old.tar"]);
    assert_eq!(rows_of(&manifest(&backup)).into_keys().collect::<BTreeSet<_>>(), old_tables);
    run(&mut verify(&backup));

    run(&mut site.command(&["migrate"]));
    assert!(!site.tables().contains("tallies"));
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(site.tables(), old_tables, "no newer table is left");
    run(&mut site.command(&["migrate"]));
    assert_eq!(site.query::<String>("SELECT name FROM accounts"), ["old"]);

    // The other way round: this program cannot know what a newer schema has.
    let insert = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_new', 0)";
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = sea_orm::Database::connect(&site.url).await.unwrap();
        database.execute_unprepared(insert).await.unwrap();
        database.close().await.unwrap();
    });
    fails(&mut site.command(&["backup", "new.tar"]), &["newer than this program", "m29990101_000001_new"]);
    assert_eq!(names(&site.folder), ["old.tar"]);
}

/// What is in a directory, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Wherever a file is damaged or cut, and whatever its manifest says that is not so, it is refused, and changes nothing.
fn a_damaged_backup_is_refused(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let (serving, client) = site.serve_first();
    for name in ["ann", "ben", "cleo"] {
        create(&client, name, PHONE);
    }
    stop(serving);
    let backup = site.back_up(&["backup.tar"]);
    run(&mut verify(&backup));
    let serving = site.serve();
    create(&Client::new(serving.address(), client.key), "dora", PHONE);
    stop(serving);

    let whole = fs::read(&backup).unwrap();
    // Where each member is: its header, and its content.
    let mut members = Vec::new();
    for entry in tar::Archive::new(&whole[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let [header, start] = [entry.raw_header_position(), entry.raw_file_position()];
        members.push([header, start, entry.size()].map(|at| usize::try_from(at).unwrap()));
    }
    let [
        [_, manifest_start, manifest_size],
        [data_header, data_start, data_size],
        [sums_header, sums_start, sums_size],
    ] = members[..]
    else {
        panic!("{members:?}")
    };
    let state = || (site.rows(), site.handles());
    let before = state();
    assert_eq!(before.1, ["ann", "ben", "cleo", "dora"]);
    let damaged = site.folder.join("damaged.tar");
    let refused = |content: &[u8], words: &[&str]| {
        fs::write(&damaged, content).unwrap();
        fails(&mut verify(&damaged), words);
        fails(&mut site.restore(&damaged, &["--force"]), words);
        assert_eq!(state(), before, "nothing has changed");
    };
    // A digit of a count, the time in a header, the beginning, the middle and the end of the data, a hash.
    let count = whole[..data_header].windows(12).position(|part| part == b"\"contacts\": ").unwrap() + 12;
    for at in [
        count,
        data_header + 140,
        data_start + 100,
        data_start + data_size / 2,
        data_start + data_size - 1,
        sums_start + 70,
    ] {
        let mut content = whole.clone();
        content[at] ^= 1;
        refused(&content, &["damaged.tar is damaged: "]);
    }
    for length in [
        data_start,
        data_start + data_size / 2,
        data_start + data_size,
        sums_header,
        sums_start + sums_size - 1,
    ] {
        refused(&whole[..length], &["damaged.tar is damaged: "]);
    }
    for (content, words) in [
        (&whole[..manifest_start + manifest_size / 2], "is not a backup of addressbook"),
        (&whole[..0], "is not a backup of addressbook: it ends before manifest.json"),
        (b"SQLite format 3", "is not a backup of addressbook"),
    ] {
        refused(content, &[words]);
    }

    // Archives without damage, whose manifests say what is not so.
    let parts: Vec<Vec<u8>> =
        members.iter().map(|[_, start, size]| whole[*start..start + size].to_vec()).collect();
    let told = |change: fn(&mut Value)| {
        let mut manifest: Value = serde_json::from_slice(&parts[0]).unwrap();
        change(&mut manifest);
        packed(backend, &manifest.to_string().into_bytes(), &parts[1])
    };
    fs::write(&damaged, told(|_| ())).unwrap();
    run(&mut verify(&damaged));
    refused(&told(|it| it["rows"]["contacts"] = 4.into()), &["3 rows of contacts", "manifest says 4"]);
    refused(
        &told(|it| drop(it["rows"].as_object_mut().unwrap().remove("api_keys"))),
        &["1 rows of api_keys"],
    );
    refused(&told(|it| it["format"] = 2.into()), &["its form is 2"]);
    let newer = |it: &mut Value| it["migrations"].as_array_mut().unwrap().push("m29990101_000001_new".into());
    fs::write(&damaged, told(newer)).unwrap();
    let words = ["newer than this program", "m29990101_000001_new"];
    fails(&mut site.restore(&damaged, &["--force"]), &words);
    assert_eq!(state(), before, "nothing has changed");
    if backend == Backend::Sqlite {
        refused(&told(|it| it["change_log"]["default"] = 4.into()), &["change log"]);
        // The hashes are right, and the database is not sound.
        let mut data = parts[1].clone();
        let at = data.windows(4).position(|part| part == b"cleo").unwrap();
        data[at] ^= 1;
        refused(&packed(backend, &parts[0], &data), &["is damaged: the copy of the database is not sound"]);
        assert_eq!(names(site.database().parent().unwrap()), ["addressbook.db", "addressbook.db-reserve"]);
    }
    assert_eq!(names(&site.folder), ["backup.tar", "damaged.tar"]);
}

/// An archive with right hashes.
fn packed(backend: Backend, manifest: &[u8], data: &[u8]) -> Vec<u8> {
    let data_name = if backend == Backend::Sqlite { "database.sqlite3" } else { "database.pgdump" };
    let sum = |content: &[u8]| data_encoding::HEXLOWER.encode(&Sha256::digest(content));
    let sums = format!("{}  manifest.json\n{}  {data_name}\n", sum(manifest), sum(data));
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in [("manifest.json", manifest), (data_name, data), ("SHA256SUMS", sums.as_bytes())] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Tools that every system has verify a backup.
#[test]
fn a_backup_is_verified_without_this_program() {
    let site = Site::new(Backend::Sqlite).unwrap();
    run(&mut site.command(&["migrate"]));
    let backup = site.back_up(&["backup.tar"]);
    run(Command::new("tar").arg("-xf").arg(&backup).current_dir(&site.folder));
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&site.folder));
    assert_eq!(names(&site.folder), ["SHA256SUMS", "backup.tar", "database.sqlite3", "manifest.json"]);
    let sums = fs::read_to_string(site.folder.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 2);
}

/// Enough for a backup or a restore to take a while.
const MANY: u64 = 8_000;

fn create_many(client: &Client) {
    for batch in 0..MANY / 1_000 {
        let item = |i| {
            let note = format!("{batch} {i} ").repeat(60);
            json!({"username": format!("{batch}-{i}"), "phone_number": PHONE, "meta": {"note": note}})
        };
        let items: Vec<Value> = (0..1_000).map(item).collect();
        client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": items})).expect(200);
    }
}

/// However a restore is killed, the database is what it was, or the backup; the next one takes over what it has left.
fn a_killed_restore_leaves_one_database_or_the_other(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let (serving, client) = site.serve_first();
    create_many(&client);
    let backup = site.back_up(&["backup.tar"]);
    create(&client, "late", PHONE);
    stop(serving);
    let (mut interrupted, mut delay) = (0, Duration::from_millis(20));
    loop {
        let mut restore = site.restore(&backup, &["--force"]);
        let mut child = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        drop(child.kill());
        child.wait().unwrap();
        let counts =
            "SELECT count(*) FROM contacts UNION ALL SELECT count(*) FROM contacts WHERE handle = 'late'";
        let found = site.query::<i64>(counts);
        let many = i64::try_from(MANY).unwrap();
        if found == [many, 0] {
            break;
        }
        assert_eq!(found, [many + 1, 1]);
        interrupted += 1;
        delay += Duration::from_millis(30);
    }
    assert!(interrupted > 3, "{interrupted}");
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(site.rows(), rows_of(&manifest(&backup)));
    if backend == Backend::Sqlite {
        assert!(!site.beside(".partial").exists());
    }
}

/// However a backup is killed, its file is whole or not there; the next one takes over what it has left.
fn a_killed_backup_leaves_no_file(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let (serving, client) = site.serve_first();
    create_many(&client);
    stop(serving);
    let file = site.folder.join("backup.tar");
    let (mut interrupted, mut delay) = (0, Duration::ZERO);
    loop {
        let mut child = site
            .command(&["backup", "backup.tar"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !site.folder.join("backup.tar.partial").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(delay);
        drop(child.kill());
        child.wait().unwrap();
        if file.exists() {
            break;
        }
        interrupted += 1;
        delay += Duration::from_millis(5);
    }
    assert!(interrupted > 3, "{interrupted}");
    run(&mut verify(&file));
    run(&mut site.command(&["backup", "--force", "backup.tar"]));
    assert_eq!(names(&site.folder), ["backup.tar"]);
    run(&mut verify(&file));
    assert_eq!(rows_of(&manifest(&file))["contacts"], MANY);
}

/// `--keep` deletes the oldest backups of this database, and nothing else; what a killed backup has left goes as well.
fn only_the_newest_backups_are_kept(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    run(&mut site.command(&["migrate"]));
    let directory = site.folder.join("backups");
    fs::create_dir(&directory).unwrap();
    let first = site.back_up(&["--keep", "3", "backups"]);
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    let (prefix, time) = name.split_at(name.rfind('-').unwrap() + 1);
    let others = [
        "notes.tar".to_owned(),
        // Of another database, whose name begins like this one's.
        format!("{prefix}x-{time}"),
        format!("{}{time}", prefix.trim_end_matches('-')),
        format!("{prefix}{time}.gpg"),
        format!("{prefix}20250101.tar"),
        // Not those of a time.
        format!("{prefix}20250101T000000000Z.tar.partial.old"),
    ];
    for other in &others {
        fs::write(directory.join(other), "kept").unwrap();
    }
    let abandoned = [".tar.partial", ".tar.database.partial", ".tar.database.partial-journal"]
        .map(|end| format!("{prefix}20250101T000000000Z{end}"));
    for file in &abandoned {
        fs::write(directory.join(file), "abandoned").unwrap();
    }
    // It is being written.
    let busy = directory.join(format!("{prefix}20250102T000000000Z.tar.partial"));
    let lock = File::create(&busy).unwrap();
    lock.lock().unwrap();

    let mut written = vec![first];
    for _ in 0..4 {
        written.push(site.back_up(&["--keep", "3", "backups"]));
    }
    let mut expected: Vec<String> = others.to_vec();
    let kept = written[2..].iter().chain([&busy]);
    expected.extend(kept.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()));
    expected.sort();
    assert_eq!(names(&directory), expected);
    // Without it, all stay.
    site.back_up(&["backups/"]);
    assert_eq!(names(&directory).len(), expected.len() + 1);
    for path in &written[2..] {
        run(&mut verify(path));
    }
    fails(&mut site.command(&["backup", "--keep", "0", "backups"]), &["'0'"]);
    fails(
        &mut site.command(&["backup", "--keep", "3", "file.tar"]),
        &["file.tar is not a directory", "--keep"],
    );
    fails(&mut site.command(&["backup", "missing/"]), &["missing/ is not a directory"]);
    fails(
        &mut site.command(&["backup", "missing/backup.tar"]),
        &["cannot create missing/backup.tar.partial"],
    );
    assert_eq!(names(&site.folder), ["backups"]);
}

/// Nothing is overwritten without `--force`, and no database that is in use.
fn a_database_in_use_is_not_replaced(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let (serving, client) = site.serve_first();
    create(&client, "ann", PHONE);
    let backup = site.back_up(&["backup.tar"]);
    let content = fs::read(&backup).unwrap();
    fails(&mut site.command(&["backup", "backup.tar"]), &["backup.tar already exists", "--force"]);
    assert_eq!(fs::read(&backup).unwrap(), content);
    create(&client, "ben", PHONE);

    fails(&mut site.restore(&backup, &[]), &["there is a database already", "--force"]);
    fails(&mut site.restore(&backup, &["--force"]), &["the database is in use; stop its servers"]);
    assert_eq!(client.get("/addressbook/contacts").expect(200)["total"], 2);
    create(&client, "cleo", PHONE);
    stop(serving);
    fails(&mut site.restore(&backup, &[]), &["there is a database already", "--force"]);
    assert_eq!(site.handles(), ["ann", "ben", "cleo"]);

    // Another kind of database.
    if let Some(other) =
        Site::new(if backend == Backend::Sqlite { Backend::Postgres } else { Backend::Sqlite })
    {
        fails(&mut other.restore(&backup, &["--force"]), &["cannot be restored to another kind of database"]);
    }
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(site.handles(), ["ann"]);
}

/// Scripts tell from the exit code whether there is something to migrate; nothing is changed.
fn a_check_tells_whether_the_schema_lacks_migrations(backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let check = || {
        let output = site.command(&["migrate", "--check"]).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap().lines().count())
    };
    let all = Migrator::migrations().len();
    if backend == Backend::Sqlite {
        assert_eq!(check(), (1, 0), "there is no database");
        assert!(!site.database().exists());
    } else {
        assert_eq!(check(), (3, all));
        assert_eq!(site.tables(), BTreeSet::new());
    }
    run(&mut site.command(&["migrate"]));
    assert_eq!(check(), (0, 0));
    let run_sql = |sql: &str| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let database = sea_orm::Database::connect(&site.url).await.unwrap();
            database.execute_unprepared(sql).await.unwrap();
            database.close().await.unwrap();
        });
    };
    run_sql("DELETE FROM seaql_migrations WHERE version LIKE '%_timeline' OR version LIKE '%_segments'");
    assert_eq!(check(), (3, 2));
    assert_eq!(check(), (3, 2), "nothing was changed");
    run_sql("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_new', 0)");
    run_sql("UPDATE schema_compatibility SET oldest_migration = 'm29990101_000001_new'");
    assert_eq!(check(), (1, 0), "it is newer");
}

on_each! {
    a_check_tells_whether_the_schema_lacks_migrations
    a_backup_under_load_is_the_state_of_one_moment
    a_restored_database_has_the_schema_of_the_original
    a_backup_of_an_older_schema_is_migrated_after_it_was_restored
    a_damaged_backup_is_refused
    a_killed_backup_leaves_no_file
    a_killed_restore_leaves_one_database_or_the_other
    only_the_newest_backups_are_kept
    a_database_in_use_is_not_replaced
}

/// As an operator runs them, in the directory of the server.
#[test]
fn the_commands_of_the_guide_run() {
    let site = Site::new(Backend::Sqlite).unwrap();
    let serving =
        ServerProcess::start(&mut addressbook(&site.folder, &["--bind", "127.0.0.1:0", "--log", "off"]));
    let guide = include_str!("../../src/http/docs/guides/backups.md");
    let blocks = blocks(guide, "bash");
    assert_eq!(blocks.len(), 3);
    let program = Path::new(env!("CARGO_BIN_EXE_addressbook")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-e", "-c", &blocks.concat()])
        .current_dir(&site.folder)
        .env("PATH", path)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for words in
        ["backups/addressbook-20", "with 0 contacts in 1 account", "\"change_log\"", "manifest.json: OK"]
    {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    assert!(site.folder.join("rehearsal/addressbook.db").exists());
    stop(serving);
}

/// What other processes have open, SQLite would go on to write.
#[test]
fn a_database_that_any_process_has_open_is_not_replaced() {
    let site = Site::new(Backend::Sqlite).unwrap();
    let (serving, client) = site.serve_first();
    create(&client, "ann", PHONE);
    let backup = site.back_up(&["backup.tar"]);
    create(&client, "ben", PHONE);
    stop(serving);
    let connection = rusqlite::Connection::open(site.database()).unwrap();
    let count =
        || connection.query_row("SELECT count(*) FROM contacts", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(), 2);
    fails(&mut site.restore(&backup, &["--force"]), &["the database is in use"]);
    assert_eq!(count(), 2);
    assert_eq!(site.handles(), ["ann", "ben"]);
    connection.close().unwrap();
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(site.handles(), ["ann"]);
}

/// The log of another database under the same name would be applied to the restored one.
#[test]
fn a_stale_log_is_taken_away() {
    let site = Site::new(Backend::Sqlite).unwrap();
    let (mut serving, client) = site.serve_first();
    create(&client, "ann", PHONE);
    let backup = site.back_up(&["backup.tar"]);
    for i in 0..50 {
        create(&client, &format!("later-{i}"), PHONE);
    }
    serving.kill();
    let log = fs::read(site.beside("-wal")).unwrap();
    assert!(log.len() > 100_000);
    let restored = || {
        for suffix in ["-wal", "-shm", "-journal", ".partial"] {
            assert!(!site.beside(suffix).exists(), "{suffix}");
        }
        assert_eq!(site.handles(), ["ann"]);
        let mode = fs::metadata(site.database()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    };
    run(&mut site.restore(&backup, &["--force"]));
    restored();

    // The database alone was deleted.
    fs::write(site.beside("-wal"), &log).unwrap();
    fs::write(site.beside("-shm"), vec![0; 32_768]).unwrap();
    fs::remove_file(site.database()).unwrap();
    run(&mut site.restore(&backup, &[]));
    restored();

    // It was damaged, which is a reason to restore it.
    fs::write(site.database(), vec![7; 8_192]).unwrap();
    fs::write(site.beside("-wal"), &log).unwrap();
    run(&mut site.restore(&backup, &["--force"]));
    restored();
    let serving = site.serve();
    let client = Client::new(serving.address(), client.key);
    assert_eq!(feed::all(&client, "/v1/contacts").len(), 1);
    stop(serving);
}

/// A restore that was killed while it wrote to its copy leaves a journal, which SQLite would apply to the copy of the next one.
#[test]
fn a_journal_of_a_killed_restore_is_not_applied() {
    let site = Site::new(Backend::Sqlite).unwrap();
    let (serving, client) = site.serve_first();
    create_many(&client);
    let backup = site.back_up(&["backup.tar"]);
    stop(serving);
    // The journal of another database, as it is when its process is killed.
    let other = rusqlite::Connection::open(site.folder.join("other.db")).unwrap();
    other
        .execute_batch(
            "PRAGMA cache_size = 5; CREATE TABLE t (x); \
             INSERT INTO t SELECT randomblob(4000) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) a, \
             (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) b; BEGIN; UPDATE t SET x = randomblob(4001)",
        )
        .unwrap();
    let journal = fs::read(site.folder.join("other.db-journal")).unwrap();
    assert!(journal.len() > 50_000);
    fs::write(site.beside(".partial-journal"), &journal).unwrap();
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(site.rows(), rows_of(&manifest(&backup)));
    assert_eq!(names(site.database().parent().unwrap()), ["addressbook.db", "addressbook.db-reserve"]);
}

/// Roles that a server runs as keep what they may do; where they do not exist, nothing is restored.
#[test]
fn privileges_are_restored() {
    let Some(site) = Site::new(Backend::Postgres) else { return };
    run(&mut site.command(&["migrate"]));
    let run_sql = |sql: &str| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let database = sea_orm::Database::connect(&site.url).await.unwrap();
            assert_eq!(database.get_database_backend(), DbBackend::Postgres);
            database.execute_unprepared(sql).await.unwrap();
            database.close().await.unwrap();
        });
    };
    run_sql("CREATE ROLE backups_reader; GRANT SELECT ON contacts TO backups_reader");
    let backup = site.back_up(&["backup.tar"]);
    let allowed = "SELECT has_table_privilege('backups_reader', 'contacts', 'SELECT')";
    run(&mut site.restore(&backup, &["--force"]));
    assert_eq!(site.query::<bool>(allowed), [true]);
    run_sql("DROP OWNED BY backups_reader; DROP ROLE backups_reader");
    let tables = site.rows();
    fails(&mut site.restore(&backup, &["--force"]), &["psql failed", "\"backups_reader\" does not exist"]);
    assert_eq!(site.rows(), tables);
    // What depends on the tables is not dropped with them.
    run_sql("CREATE ROLE backups_reader; CREATE VIEW names AS SELECT handle FROM contacts");
    fails(&mut site.restore(&backup, &["--force"]), &["psql failed", "other objects depend on"]);
    run_sql("DROP VIEW names");
    run(&mut site.restore(&backup, &["--force"]));
    run_sql("DROP OWNED BY backups_reader; DROP ROLE backups_reader");
}
