//! `addressbook export`, as a process beside a running server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::cli::addressbook;
use crate::contacts::create;
use crate::harness::{Backend, Client, Service, folder};

/// `addressbook export`, with the address of the server and the key in the environment.
fn export(folder: &Path, server: &str, key: &str, args: &[&str]) -> Command {
    let mut command = addressbook(folder, &["export"]);
    command.args(args).env("ADDRESSBOOK_SERVER", server).env("ADDRESSBOOK_KEY", key);
    command
}

#[track_caller]
fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The exit code, and the one line on standard error.
#[track_caller]
fn fails(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), error)
}

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn server() -> (&'static Service, Client, String) {
    let service = Service::shared(Backend::Sqlite).unwrap();
    let client = service.client();
    for name in ["john", "zoë"] {
        create(&client, name, "+4479000000001");
    }
    client.post("/addressbook/groups", &serde_json::json!({"name": "Friends & Co"})).expect(200);
    let members = serde_json::json!({"aliases": ["zoë"]});
    client.post("/addressbook/groups/Friends%20%26%20Co/contacts", &members).expect(200);
    (service, client.clone(), format!("http://{}", service.address))
}

#[test]
fn writes_what_the_server_sends() {
    let (_, client, server) = server();
    let (folder, key) = (folder(), client.key.clone().unwrap());
    for (args, query, name) in [
        (&[][..], "", "a.csv"),
        (&["--profile", "spreadsheet"], "profile=spreadsheet", "b.csv"),
        (&["--format", "vcard", "--groups"], "format=vcard&expand=groups", "c.vcf"),
        (&["--format=ndjson", "--group=Friends & Co"], "format=ndjson&group=Friends+%26+Co", "d.ndjson"),
        (&["--format=jscontact", "--updated-since=2025-11-10T20:15:12Z"], "format=jscontact", "e.json"),
    ] {
        let expected = client.get(&format!("/v1/contacts/export?{query}"));
        assert_eq!(expected.status, 200);
        let to_stdout = succeeds(&mut export(&folder, &server, &key, args));
        assert_eq!(to_stdout.stdout, expected.body, "{args:?}");
        let to_file = succeeds(export(&folder, &server, &key, args).args(["-o", name]));
        assert!(to_file.stdout.is_empty());
        assert_eq!(std::fs::read(folder.join(name)).unwrap(), expected.body, "{args:?}");
        let report = String::from_utf8(to_file.stderr).unwrap();
        let position = expected.header("X-Change-Position");
        assert_eq!(
            report,
            format!("wrote {} bytes to {name}\nchange position: {position}\n", expected.body.len())
        );
    }
    // An earlier file is replaced. Flags override the environment, and a server may be below a path.
    let flags = ["--server", &format!("{server}/"), "--key", &key, "-o", "a.csv", "--group", "Friends & Co"];
    succeeds(&mut export(&folder, "http://nobody.invalid", "nothing", &flags));
    let csv = std::fs::read_to_string(folder.join("a.csv")).unwrap();
    assert!(csv.contains(",zoë,") && !csv.contains(",john,"), "{csv}");
    assert_eq!(files(&folder).len(), 5);
}

#[test]
fn fails_with_a_code_and_one_line() {
    let (service, client, server) = server();
    let (folder, key) = (folder(), client.key.clone().unwrap());
    let refused = |key: &str, args: &[&str]| {
        let failure = fails(&mut export(&folder, &server, key, &[args, &["-o", "file"]].concat()));
        assert_eq!(files(&folder), [""; 0]);
        failure
    };
    assert_eq!(
        refused(&key, &["--group", "nobody"]),
        (3, "error: There is no such group (404)\n".to_owned())
    );
    assert_eq!(refused("ab_live_x", &[]).0, 3);
    let may_read_nothing =
        service.client_of(&crate::harness::new_account(), &[addressbook::domain::Permission::ReadGroups]);
    let (code, error) = refused(may_read_nothing.key.as_deref().unwrap(), &[]);
    assert!(code == 3 && error.contains("read:Contacts") && error.ends_with(" (403)\n"), "{error}");
    assert_eq!(refused(&key, &["--format", "xlsx"]).0, 2);
    assert_eq!(refused(&key, &["--server", "ftp://x"]).0, 2);
    let (code, error) = refused(&key, &["--server", "http://127.0.0.1:9"]);
    assert!(
        code == 1 && error.starts_with("error: the server at http://127.0.0.1:9/ cannot be reached: "),
        "{error}"
    );
    let (code, error) = fails(export(&folder, &server, &key, &[]).args(["-o", "no/such/folder"]));
    assert!(code == 1 && error.contains("no/such/folder"), "{error}");
    // Without a key, it asks for one.
    let (code, error) = fails(export(&folder, &server, &key, &[]).env_remove("ADDRESSBOOK_KEY"));
    assert!(code == 2 && error.contains("--key"), "{error}");
}

/// A file that breaks off is not left behind, and an earlier one stays as it is.
#[test]
fn half_a_file_is_no_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let breaking = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}4\r\nid\r\n\r\n").as_bytes()).unwrap();
    });
    let folder = folder();
    std::fs::write(folder.join("file"), "earlier").unwrap();
    let (code, error) = fails(&mut export(&folder, &server, "key", &["-o", "file"]));
    breaking.join().unwrap();
    assert!(code == 1 && error.starts_with("error: file: "), "{error}");
    assert_eq!(files(&folder), ["file"]);
    assert_eq!(std::fs::read_to_string(folder.join("file")).unwrap(), "earlier");
}
