//! `addressbook import`: the plan, the commit, the rejected rows, the undo, and the exit codes.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::cli::addressbook;
use crate::harness::{Backend, Client, Service, folder};

const FILE: &str =
    "Name,Mobile,City\nmary,+44 20 7946 0000,Leeds\nnora,020 7946 0001,York\noscar,4.47E+11,Bath\n";

fn run(folder: &Path, client: &Client, server: &str, args: &[&str]) -> Output {
    let mut command: Command = addressbook(folder, args);
    command.env("ADDRESSBOOK_SERVER", server).env("ADDRESSBOOK_KEY", client.key.as_deref().unwrap());
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn a_file_is_planned_committed_and_undone_from_a_shell() {
    let service = Service::start(Backend::Sqlite, |_| {}).unwrap();
    let (client, folder) = (service.client(), folder());
    let server = format!("http://{}", service.address);
    std::fs::write(folder.join("contacts.csv"), FILE).unwrap();
    let options = [
        "import",
        "contacts.csv",
        "--map",
        "Name=username",
        "--map",
        "Mobile=phone_number",
        "--map",
        "City=meta.CITY",
        "--default-region",
        "GB",
    ];
    let with = |more: &[&'static str]| [&options[..], more].concat();
    let total = || client.get("/addressbook/contacts").expect(200)["total"].clone();

    let planned = run(&folder, &client, &server, &with(&["--plan"]));
    assert_eq!(planned.status.code(), Some(5), "{}", text(&planned.stderr));
    let shown = text(&planned.stdout);
    for line in ["Mobile → phone_number", "3 rows", "2 contacts to create", "1 rejected"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let rejects = std::fs::read_to_string(folder.join("contacts.csv.rejects.csv")).unwrap();
    assert!(rejects.contains("oscar,4.47E+11,Bath,spreadsheet_number,Mobile,"), "{rejects}");
    // Without a terminal there is no one to ask.
    let unanswered = run(&folder, &client, &server, &with(&[]));
    assert_eq!((unanswered.status.code(), total()), (Some(4), 0.into()), "{}", text(&unanswered.stderr));

    let committed = run(&folder, &client, &server, &with(&["--yes", "--rejects", "other.csv"]));
    assert_eq!((committed.status.code(), total()), (Some(5), 2.into()), "{}", text(&committed.stderr));
    assert_eq!(std::fs::read_to_string(folder.join("other.csv")).unwrap(), rejects);
    let shown = text(&committed.stdout);
    assert!(shown.contains("2 rows carried out"), "{shown}");
    let id = shown.trim_end().rsplit(' ').next().unwrap();
    let undone = run(&folder, &client, &server, &["import", "--undo", id]);
    assert_eq!((undone.status.code(), total()), (Some(0), 0.into()), "{}", text(&undone.stderr));
    assert!(text(&undone.stdout).contains("2 rows taken back"), "{}", text(&undone.stdout));

    for (args, server, code, message) in [
        (&["import", "nothing.csv"][..], &server, 1, "nothing.csv: No such file"),
        (&["import", "contacts.csv", "--map", "Name=name"], &server, 3, "columns.0.to must be one of"),
        (&["import", "contacts.csv", "--yes", "--plan"], &server, 2, "cannot be used with"),
        (&["import"], &server, 2, "not provided"),
        (&["import", "--undo", id], &server, 3, "only a committed import can be undone"),
        (&["import", "contacts.csv"], &"http://127.0.0.1:1".to_owned(), 1, "cannot be reached"),
    ] {
        let failed = run(&folder, &client, server, args);
        let stderr = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(message) && stderr.trim_end().lines().count() == 1, "{args:?}: {stderr}");
    }
}
