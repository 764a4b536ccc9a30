//! The command line, as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Backend, Client, KEY_CHANGE_DELAY, TIMEOUT, folder, new_database};

/// The program with arguments, in a working directory.
pub fn addressbook(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addressbook"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    addressbook(folder, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts that a command fails with one line on standard error that contains `words`.
#[track_caller]
pub fn fails(command: &mut Command, words: &[&str]) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A server that starts in spite of the error would never exit by itself.
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < 2 * TIMEOUT {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(child.kill());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(words.iter().all(|word| stderr.contains(word)), "{words:?}: {stderr}");
    assert!(output.stdout.is_empty());
}

/// A `serve` process.
pub struct ServerProcess {
    child: Child,
    lines: BufReader<std::process::ChildStderr>,
    pub banner: String,
}

impl ServerProcess {
    pub fn start(command: &mut Command) -> Self {
        command.env("ADDRESSBOOK_DATABASE_ACQUIRE_TIMEOUT", format!("{}s", TIMEOUT.as_secs()));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("  Database ") {
            assert!(lines.read_line(&mut banner).unwrap() > 0, "{banner}");
        }
        Self { child, lines, banner }
    }

    pub fn address(&self) -> &str {
        let start = self.banner.find("http://").unwrap() + "http://".len();
        &self.banner[start..start + self.banner[start..].find('/').unwrap()]
    }

    /// Of `--admin-bind`.
    pub fn admin_address(&self) -> &str {
        let start =
            self.banner.find("  Metrics     http://").expect(&self.banner) + "  Metrics     http://".len();
        self.banner[start..].split('/').next().unwrap()
    }

    /// A client of the administration address, without a key.
    pub fn admin(&self) -> Client {
        Client::new(self.admin_address(), None)
    }

    /// The key in the rest of the banner, or the next line if it has no key.
    pub fn first_key(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
    }

    /// Kills the process; when this returns, it has given up the lock of its database.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the process to exit; returns the output after the banner.
    pub fn end(mut self) -> String {
        assert!(self.child.wait().unwrap().success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for ServerProcess {
    /// A failing test leaves no server running.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_first_start_creates_a_key_and_prints_it_once() {
    let folder = folder();
    let mut serving = ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0"]));
    assert!(serving.banner.contains("sqlite://data/addressbook.db"), "{}", serving.banner);
    let pages = ["/swagger-ui/", "/docs/"].map(|page| format!("http://{}{page}", serving.address()));
    assert!(pages.iter().all(|page| serving.banner.contains(page)), "{}", serving.banner);
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    for page in ["/swagger-ui/", "/docs/"] {
        assert_eq!(client.get(page).status, 200, "{page}");
    }
    crate::contacts::create(&client, "john", "+4479000000001");
    serving.signal("-TERM");
    serving.end();
    assert!(folder.join("data/addressbook.db").exists());
    assert!(!folder.join("data/addressbook.db-wal").exists(), "the database was closed");

    let again =
        ServerProcess::start(&mut addressbook(&folder, &["serve", "--bind=127.0.0.1:0", "--log=off"]));
    assert_eq!(
        Client::new(again.address(), client.key).get("/v1/contacts").expect(200)["data"][0]["username"],
        "john"
    );
    let banner = again.banner.clone();
    again.signal("-INT");
    assert!(!(banner + &again.end()).contains("ab_live_"), "shown once");
}

#[test]
fn keys_are_created_listed_revoked_and_rotated_while_the_server_runs() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(url) = new_database(backend) else { continue };
        let folder = folder();
        let keys = |args: &[&str]| {
            let output = addressbook(&folder, &["keys"])
                .args(args)
                .env("ADDRESSBOOK_DATABASE_URL", &url)
                .output()
                .unwrap();
            (output.status.success(), stdout(&output), String::from_utf8(output.stderr).unwrap())
        };
        let serving = ServerProcess::start(
            addressbook(&folder, &["--bind", "127.0.0.1:0", "--database-url", &url])
                .env("ADDRESSBOOK_LOG", "off"),
        );
        let address = serving.address().to_owned();
        let list_status = |key: &str| Client::new(&address, Some(key.to_owned())).get("/v1/contacts").status;

        let (ok, key, stderr) = keys(&[
            "create",
            "--account",
            "acme",
            "--permission",
            "read:Contacts",
            "--expires",
            "90d",
            "--label",
            "ci job",
        ]);
        assert!(ok, "{stderr}");
        assert!(
            key.starts_with("ab_live_") && key.ends_with('\n') && key.trim().lines().count() == 1,
            "the key alone"
        );
        let key = key.trim();
        assert_eq!(list_status(key), 200);
        let body = json!({"username": "x", "phone_number": "+4479000000001"});
        assert_eq!(Client::new(&address, Some(key.to_owned())).post("/v1/contacts", &body).status, 403);

        let id = key.split('_').nth(2).unwrap();
        let (_, list, _) = keys(&["list", "--account", "acme"]);
        let line = list.lines().find(|line| line.contains(id)).unwrap();
        assert!(line.contains("live") && line.contains("ci job") && line.contains("read:Contacts"), "{line}");
        assert!(!list.contains(&key[30..]) && list.lines().count() == 2, "{list}");
        let (_, all, _) = keys(&["list"]);
        assert!(all.contains("default") && all.contains("acme") && all.lines().count() == 3, "{all}");

        let (ok, successor, _) = keys(&["rotate", id, "--overlap", "24h"]);
        assert!(ok && list_status(successor.trim()) == 200 && list_status(key) == 200);
        let (ok, _, stderr) = keys(&["revoke", id]);
        assert!(ok, "{stderr}");
        std::thread::sleep(KEY_CHANGE_DELAY);
        assert_eq!((list_status(key), list_status(successor.trim())), (401, 200));
        assert!(keys(&["list"]).1.lines().any(|line| line.contains(id) && line.contains("revoked")));

        for args in [
            vec!["revoke", "aaaaaaaaaaaaaaaa"],
            vec!["rotate", id],
            vec!["list", "--account", "nobody"],
            vec!["create"],
            vec!["create", "--account", "a", "--permission", "fly:Contacts"],
            vec!["revoke", "x"],
        ] {
            let (ok, stdout, stderr) = keys(&args);
            assert!(!ok && stdout.is_empty() && stderr.trim().lines().count() == 1, "{args:?}: {stderr}");
        }
        serving.signal("-TERM");
        serving.end();
    }
}

#[test]
fn a_boolean_setting_has_the_same_precedence() {
    let folder = folder();
    std::fs::write(folder.join("settings.toml"), "trust_proxy = true\n").unwrap();
    let trusts = |arguments: &[&str], variable: Option<&str>| {
        let mut command = addressbook(&folder, &["--bind", "127.0.0.1:0"]);
        command.args(arguments).envs(variable.map(|value| ("ADDRESSBOOK_TRUST_PROXY", value)));
        let mut serving = ServerProcess::start(&mut command);
        let client = Client::new(serving.address(), None);
        let page =
            client.send("GET", "/", &[("X-Forwarded-Prefix", "/a")], b"").header("Location").to_owned();
        drop(serving.first_key());
        serving.signal("-TERM");
        serving.end();
        page == "/a/swagger-ui/"
    };
    assert!(!trusts(&[], None));
    assert!(trusts(&["--config", "settings.toml"], None));
    assert!(!trusts(&["--config", "settings.toml"], Some("false")));
    assert!(trusts(&["--trust-proxy"], Some("false")));
    assert!(!trusts(&["--trust-proxy=false"], Some("true")));
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let folder = folder();
    let file = folder.join("settings.toml");
    std::fs::write(
        &file,
        "page_max = 50\npage_default = 5\nbody_timeout = \"3s\"\ncors_origins = [\"https://a.example\"]\n",
    )
    .unwrap();
    let config = file.to_str().unwrap();
    let limit = |command: &mut Command| {
        let mut serving = ServerProcess::start(command.args(["--bind", "127.0.0.1:0"]));
        let document = Client::new(serving.address(), None).get("/openapi.json").expect(200);
        drop(serving.first_key());
        serving.signal("-TERM");
        serving.end();
        let limit = &document["paths"]["/v1/contacts"]["get"]["parameters"][0]["schema"];
        (limit["default"].clone(), limit["maximum"].clone())
    };
    assert_eq!(limit(&mut addressbook(&folder, &[])), (json!(10), json!(100)));
    assert_eq!(limit(&mut addressbook(&folder, &["serve", "--config", config])), (json!(5), json!(50)));
    let mut environment = addressbook(&folder, &["--page-default", "7"]);
    environment
        .env("ADDRESSBOOK_CONFIG", config)
        .env("ADDRESSBOOK_PAGE_DEFAULT", "6")
        .env("ADDRESSBOOK_PAGE_MAX", "60")
        // Variables that clients read in the same shell.
        .env("ADDRESSBOOK_URL", "http://127.0.0.1:8080")
        .env("ADDRESSBOOK_KEY", "ab_live_");
    assert_eq!(limit(&mut environment), (json!(7), json!(60)));
}

#[test]
fn operator_errors_are_one_line() {
    let folder = folder();
    fails(&mut addressbook(&folder, &["--colour", "red"]), &["--colour"]);
    fails(&mut addressbook(&folder, &["sreve"]), &["sreve"]);
    fails(&mut addressbook(&folder, &["--body-timeout", "soon"]), &["--body-timeout", "soon"]);
    fails(addressbook(&folder, &[]).env("ADDRESSBOOK_COLOUR", "red"), &["ADDRESSBOOK_COLOUR"]);
    fails(addressbook(&folder, &[]).env("ADDRESSBOOK_PAGE_MAX", "many"), &["many"]);
    fails(&mut addressbook(&folder, &["--log", "loud"]), &["loud"]);
    fails(&mut addressbook(&folder, &["--config", "nowhere.toml"]), &["nowhere.toml"]);
    std::fs::write(folder.join("bad.toml"), "colour = 1").unwrap();
    fails(&mut addressbook(&folder, &["--config", "bad.toml"]), &["bad.toml", "colour"]);
    fails(&mut addressbook(&folder, &["keys", "list", "--config", "bad.toml"]), &["bad.toml", "colour"]);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&mut addressbook(&folder, &["--bind", &address]), &[&address, "in use"]);
    fails(&mut addressbook(&folder, &["--bind", "nonsense"]), &["nonsense"]);
    fails(&mut addressbook(&folder, &["--database-url", "mysql://x"]), &["sqlite://", "postgres://"]);
    fails(&mut addressbook(&folder, &["--database-url", "sqlite::memory:"]), &["memory"]);
    fails(
        &mut addressbook(&folder, &["--database-url", "sqlite:///proc/nowhere/x.db"]),
        &["cannot be reached"],
    );
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://user:hunter2@{closed}/x");
    let mut command = addressbook(&folder, &["--database-url", &url]);
    let stderr = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(!stderr.contains("hunter2"), "{stderr}");
    fails(&mut command, &["cannot be reached", &format!("[postgres://{closed}/x]")]);
}

#[test]
fn a_second_server_on_one_sqlite_file_refuses_to_start() {
    let folder = folder();
    let mut first = ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0"]));
    fails(&mut addressbook(&folder, &["--bind", "127.0.0.1:0"]), &["another server", "data/addressbook.db"]);
    first.kill();
    // The failed start leaves nothing that prevents the next one.
    let next = ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0"]));
    next.signal("-TERM");
    next.end();
}

#[test]
fn an_incompatible_newer_schema_is_refused_and_unchanged() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(url) = new_database(backend) else { continue };
        let folder = folder();
        let migrated = run(&folder, &["migrate", "--database-url", &url]);
        assert!(migrated.status.success());
        assert!(run(&folder, &["migrate", "--database-url", &url]).status.success(), "again");
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            use sea_orm::ConnectionTrait;
            let database = sea_orm::Database::connect(&url).await.unwrap();
            let future =
                "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_future', 0)";
            database.execute_unprepared(future).await.unwrap();
            let incompatible = "UPDATE schema_compatibility SET oldest_migration = 'm29991231_000001_future'";
            database.execute_unprepared(incompatible).await.unwrap();
        });
        for command in [vec!["serve", "--bind", "127.0.0.1:0"], vec!["migrate"], vec!["keys", "list"]] {
            fails(
                addressbook(&folder, &command).args(["--database-url", &url]),
                &["newer", "m29991231_000001_future"],
            );
        }
    }
}

#[test]
fn the_document_is_printed_and_checked() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let printed = run(&root, &["openapi"]);
    let committed = std::fs::read_to_string(root.join("openapi/openapi.json")).unwrap();
    assert!(stdout(&printed) == committed, "the committed document is out of date");
    assert!(run(&root, &["openapi", "--check"]).status.success());

    let file = folder().join("openapi.json");
    std::fs::write(&file, stdout(&printed).replace("createContact", "makeContact")).unwrap();
    let output = run(&root, &["openapi", "--check", "--file", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let admin = run(&root, &["openapi", "--admin"]);
    assert!(stdout(&admin) == std::fs::read_to_string(root.join("openapi/admin.json")).unwrap());
    assert!(run(&root, &["openapi", "--admin", "--check"]).status.success());
    let swapped = run(&root, &["openapi", "--admin", "--check", "--file", "openapi/openapi.json"]);
    assert_eq!(swapped.status.code(), Some(1));
    let difference = String::from_utf8(output.stderr).unwrap();
    assert!(difference.contains("-        \"operationId\": \"makeContact\""), "{difference}");
    assert!(difference.contains("+        \"operationId\": \"createContact\""), "{difference}");
}

#[test]
fn help_lists_every_command_and_setting() {
    let folder = folder();
    for args in [
        vec!["--help"],
        vec!["serve", "--help"],
        vec!["migrate", "--help"],
        vec!["accounts", "--help"],
        vec!["accounts", "create", "--help"],
        vec!["keys", "--help"],
        vec!["keys", "create", "--help"],
        vec!["openapi", "--help"],
    ] {
        let output = run(&folder, &args);
        assert!(output.status.success() && stdout(&output).contains("Usage: "), "{args:?}");
    }
    let help = stdout(&run(&folder, &["--help"]));
    for word in [
        "serve",
        "migrate",
        "accounts",
        "keys",
        "openapi",
        "--bind",
        "ADDRESSBOOK_DATABASE_URL",
        "ADDRESSBOOK_BODY_LIMIT",
        "127.0.0.1:8080",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

/// The names in the list of commands of `--help`.
fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines.take_while(|line| !line.is_empty());
    // What a description goes on with on a line of its own is indented further.
    let names = names.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

/// The flags that `--help` lists.
fn flags(help: &str) -> Vec<&str> {
    let words = help.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")));
    words.filter_map(|word| word.split(['=', '[']).next()).collect()
}

#[test]
fn each_command_has_a_manual_page_with_all_of_its_flags() {
    let folder = folder();
    let pages = folder.join("man");
    std::fs::create_dir(&pages).unwrap();
    let written = run(&folder, &["man", "--output", "man"]);
    assert!(written.status.success() && written.stdout.is_empty());

    let mut expected = 0;
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = pending.pop() {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = run(&folder, &[command.as_slice(), &["--help"]].concat());
        let help = stdout(&help);
        let name = [&["addressbook"], command.as_slice()].concat();
        let page = std::fs::read_to_string(pages.join(format!("{}.1", name.join("-")))).unwrap();
        let version = format!("\"addressbook {}\"", env!("CARGO_PKG_VERSION"));
        assert!(page.contains(&format!(".TH {} 1  {version}", name.join("-"))), "{page}");
        let flags = flags(&help);
        assert!(flags.contains(&"--help"));
        let variables = help.split("[env: ").skip(1).filter_map(|text| text.split(['=', ']']).next());
        for word in flags.into_iter().chain(variables) {
            assert!(page.contains(&word.replace('-', "\\-")), "{name:?} {word}");
        }
        expected += 1;
        for below in commands(&help) {
            pending.push(command.iter().copied().chain([below]).map(str::to_owned).collect());
        }
    }
    assert!(expected > 10, "{expected} pages");
    assert_eq!(std::fs::read_dir(&pages).unwrap().count(), expected);

    let main = std::fs::read_to_string(pages.join("addressbook.1")).unwrap();
    assert_eq!(stdout(&run(&folder, &["man"])), main);
    // What is set where it is generated is not in it.
    std::fs::write(folder.join("settings.toml"), "page_max = 50").unwrap();
    let mut set = addressbook(&folder, &["man"]);
    set.env("ADDRESSBOOK_CONFIG", folder.join("settings.toml")).env("ADDRESSBOOK_BODY_LIMIT", "4711");
    assert_eq!(stdout(&set.output().unwrap()), main);
    fails(&mut addressbook(&folder, &["man", "--output", "nowhere"]), &["nowhere", "No such file"]);
}

#[test]
fn shells_complete_commands_and_flags() {
    let folder = folder();
    let help = stdout(&run(&folder, &["--help"]));
    for shell in ["bash", "fish", "zsh"] {
        let script = stdout(&run(&folder, &["completions", shell]));
        for name in commands(&help) {
            assert!(script.contains(name), "{shell} {name}");
        }
        std::fs::write(folder.join(shell), script).unwrap();
    }
    // As bash calls it: the word before the cursor is the last one.
    let completed = |words: &str| {
        let last = words.split(' ').next_back().unwrap();
        let script = format!(
            "source ./bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _addressbook addressbook '{last}' ''; echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        stdout(&bash.args(["--norc", "-c", &script]).current_dir(&folder).output().unwrap()).trim().to_owned()
    };
    assert_eq!(completed("addressbook mig"), "migrate");
    assert_eq!(completed("addressbook keys ro"), "rotate");
    assert_eq!(completed("addressbook serve --database-u"), "--database-url");
    fails(&mut addressbook(&folder, &["completions", "cmd"]), &["cmd"]);
}

#[test]
fn shutdown_completes_accepted_requests() {
    let folder = folder();
    let mut serving = ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0"]));
    let key = serving.first_key();
    // A request whose body is still arriving when the signal comes: the server has asked for it.
    let body = r#"{"username":"late","phone_number":"+4479000000001"}"#;
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    write!(
        stream,
        "POST /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut asked).unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&asked));
    serving.signal("-TERM");
    let signalled = Instant::now();
    while TcpStream::connect(serving.address()).is_ok() {
        assert!(signalled.elapsed() < TIMEOUT, "it goes on taking new connections");
        std::thread::sleep(Duration::from_millis(10));
    }
    stream.write_all(body.as_bytes()).unwrap();
    let mut response = String::new();
    drop(stream.read_to_string(&mut response));
    assert!(response.starts_with("HTTP/1.1 201 "), "{response}");
    serving.end();

    let again = ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0"]));
    let list = Client::new(again.address(), Some(key)).get("/v1/contacts").expect(200);
    assert_eq!(list["data"][0]["username"], "late");
    again.signal("-TERM");
    again.end();
}

#[test]
fn the_log_contains_requests_and_no_personal_data() {
    let folder = folder();
    let mut serving = ServerProcess::start(
        addressbook(&folder, &["--bind", "127.0.0.1:0"]).env("ADDRESSBOOK_LOG", "trace"),
    );
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key.clone()));
    let body = json!({
        "username": "Secretname", "phone_number": "+4479111222333", "display_name": "Secretdisplay",
        "avatar_url": "https://secretavatar.example/", "meta": {"SECRETKEY": "Secretvalue"},
    });
    let headers = [("Content-Type", "application/json"), ("X-Request-Id", "the-first-one")];
    let contact = client.send("POST", "/v1/contacts", &headers, body.to_string().as_bytes()).expect(201);
    client.post("/v1/contacts", &body).expect(409);
    client
        .post("/v1/contacts", &json!({"username": "Secretname", "phone_number": "Secretphone"}))
        .expect(400);
    client.patch(&crate::contacts::path(&contact), &json!({"username": "Secrettoo"})).expect(200);
    client.get("/addressbook/contacts/4479111222333").expect(200);
    client.get("/v1/contacts?username=Secrettoo&phone_number=%2B4479111222333").expect(200);
    client.with_key("Secretnokey").get("/v1/contacts").expect(401);
    client.delete("/contacts/4479111222333").expect(200);
    serving.signal("-TERM");
    let log = serving.end();
    for secret in ["ecret", "SECRET", "4479111222333", &key, &key[30..]] {
        assert!(
            !log.contains(secret),
            "{secret}: {}",
            log.lines().find(|line| line.contains(secret)).unwrap()
        );
    }
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["message"] == "request")
        .collect();
    assert_eq!(lines.len(), 8, "{log}");
    assert_eq!(
        (&lines[0]["request_id"], &lines[0]["method"], &lines[0]["route"], &lines[0]["status"]),
        (&json!("the-first-one"), &json!("POST"), &json!("/v1/contacts"), &json!(201))
    );
    assert!(lines[0]["duration_us"].is_u64());
    assert_eq!(lines[4]["route"], "/addressbook/contacts/{contact}");
}
