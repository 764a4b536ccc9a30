//! The guides under `/docs/`: they are listed, their commands run as they stand, and what they say of responses is so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use addressbook::config::Settings;
use addressbook::domain::field::MAX_FIELDS;
use addressbook::domain::idempotency::IdempotencyKey;
use addressbook::domain::{Error, ErrorCode};
use addressbook::http::error::table::{WireCode, wire_code};
use addressbook::http::request_id::RequestId;
use serde_json::{Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::docs::text;
use crate::harness::{Backend, Client, Service, folder};

pub const GUIDES: [&str; 18] = [
    "quickstart",
    "dialects",
    "errors",
    "retries",
    "paging",
    "searching",
    "filters",
    "importing",
    "campaigns",
    "syncing",
    "erasure",
    "keys",
    "administration",
    "limits",
    "operating",
    "high-availability",
    BACKUPS,
    "monitoring",
];

/// `backups` runs its commands.
const BACKUPS: &str = "backups";

const CAMPAIGNS: &str = include_str!("../../src/http/docs/guides/campaigns.md");
const ERRORS: &str = include_str!("../../src/http/docs/guides/errors.md");
const LIMITS: &str = include_str!("../../src/http/docs/guides/limits.md");
const PAGING: &str = include_str!("../../src/http/docs/guides/paging.md");
const RETRIES: &str = include_str!("../../src/http/docs/guides/retries.md");

/// A server on a database of its own, beside which the commands of a guide run.
struct Site {
    folder: PathBuf,
    server: ServerProcess,
}

impl Site {
    fn start() -> Self {
        let folder = folder();
        let server = ServerProcess::start(&mut addressbook(
            &folder,
            &["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0", "--log", "off"],
        ));
        Self { folder, server }
    }

    /// A client of an account that the guide has to itself.
    fn client(&self, guide: &str) -> Client {
        let output = addressbook(&self.folder, &["keys", "create", "--account", guide]).output().unwrap();
        let key = String::from_utf8(output.stdout).unwrap();
        Client::new(self.server.address(), Some(key.trim_end().to_owned()))
    }

    /// Runs the commands of a guide, and returns their output.
    fn run(&self, guide: &str, commands: &str, client: &Client) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_addressbook")).parent().unwrap();
        let output = Command::new("bash")
            .args(["-e", "-c", commands])
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()))
            .env("BASE_URL", format!("http://{}", self.server.address()))
            .env("ADMIN_URL", format!("http://{}", self.server.admin_address()))
            .env("KEY", client.key.as_ref().unwrap())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{guide}: {stdout}{stderr}");
        stdout
    }
}

/// The code blocks of a page in a language.
pub fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let parts = page.split("```").skip(1).step_by(2);
    parts.filter_map(|part| part.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// The responses that commands have printed.
fn responses(output: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(output).into_iter::<Value>();
    values.map(|value| value.unwrap_or_else(|error| panic!("{error}: {output}"))).collect()
}

/// The values of a member of each item of a list.
fn each<'v>(list: &'v Value, member: &str) -> Vec<&'v str> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

#[test]
fn guides_are_in_every_index() {
    let client = Service::shared(Backend::Sqlite).unwrap().anonymous();
    let [index, full, html] = ["/llms.txt", "/llms-full.txt", "/docs/"].map(|path| text(&client, path));
    for guide in GUIDES {
        let page = text(&client, &format!("/docs/{guide}.md"));
        let title = page.lines().find_map(|line| line.strip_prefix("# ")).unwrap();
        assert!(index.contains(&format!("- [{title}](docs/{guide}.md): ")), "{index}");
        assert!(full.contains(&format!("\n# {title}\n")), "{title}");
        assert!(html.contains(&format!("<a href=\"{guide}\">{title}</a>")), "{title}");
    }
    let listed = index.split("\n## Guides\n").nth(1).unwrap().split("\n## ").next().unwrap();
    assert_eq!(listed.matches("\n- [").count(), GUIDES.len(), "{listed}");
}

#[test]
fn commands_run() {
    let site = Site::start();
    for guide in GUIDES.into_iter().filter(|guide| *guide != BACKUPS) {
        let client = site.client(guide);
        let page = text(&client, &format!("/docs/{guide}.md"));
        if guide == "filters" {
            let contact = json!({"username": "rita", "phone_number": "+44 20 7946 0011"});
            client.post("/v1/contacts", &contact).expect(201);
        }
        let commands = blocks(&page, "bash");
        let output = site.run(guide, &commands.concat(), &client);
        let responses = || responses(&output);
        match guide {
            "quickstart" => quickstart(&responses()),
            "dialects" => dialects(&responses()),
            "errors" => errors(&page, &responses()),
            "retries" => retries(&responses()),
            "paging" => paging(&responses()),
            "searching" => searching(&responses()),
            "filters" => filters(&responses()),
            "importing" => importing(&responses()),
            "campaigns" => campaigns(&responses(), &client),
            "syncing" => syncing(&responses()),
            "erasure" => erasure(&responses(), &client),
            "keys" => keys(&responses(), &site),
            "administration" => administration(&output),
            "operating" => operating(&output, &site),
            "limits" => limits(&responses(), &client),
            // `tests/cluster` runs what they describe.
            "high-availability" | "monitoring" => assert!(commands.is_empty(), "{guide}"),
            other => panic!("what {other} says of its responses is not checked"),
        }
    }
}

fn quickstart(responses: &[Value]) {
    let [john, _, members, audience] = responses else { panic!("{responses:?}") };
    assert_eq!((&john["username"], &john["phone_number"]), (&json!("john"), &json!("+442079460000")));
    assert_eq!(members["member_count"], 2);
    assert_eq!(each(&audience["recipients"], "text"), ["Hi John, we open in London!"]);
    assert_eq!(each(&audience["problems"], "message"), ["1 of 2 lack CITY"]);
}

fn dialects(responses: &[Value]) {
    let [created, listed] = responses else { panic!("{responses:?}") };
    let record = &created["record"];
    assert_eq!((&created["success"], &record["msisdn"]), (&json!(true), &json!("4479000000001")));
    let contact = &listed["data"][0];
    assert_eq!((&contact["id"], &contact["phone_number"]), (&record["id"], &json!("+4479000000001")));
}

fn errors(page: &str, responses: &[Value]) {
    let [in_v1, in_address_book] = &blocks(page, "json")[..] else { panic!("{page}") };
    assert_eq!(
        [in_v1, in_address_book].map(|shown| serde_json::from_str::<Value>(shown).unwrap()),
        *responses
    );
}

fn retries(responses: &[Value]) {
    let [created, replayed, changed, rejected, unchanged] = responses else { panic!("{responses:?}") };
    assert_eq!(created["username"], "paul");
    assert_eq!(created, replayed);
    assert_eq!(changed["display_name"], "Vera");
    assert_eq!(rejected["error"]["code"], "precondition_failed");
    assert_eq!(unchanged["status"], 304);
}

fn paging(responses: &[Value]) {
    let [_, _, _, first, second, window] = responses else { panic!("{responses:?}") };
    let pages = [first, second].map(|page| (each(&page["data"], "username"), &page["has_more"]));
    assert_eq!(pages, [(vec!["cleo", "ben"], &json!(true)), (vec!["anna"], &json!(false))]);
    assert_eq!(each(&window["records"], "alias"), ["cleo"]);
    assert_eq!((&window["offset"], &window["limit"], &window["total"]), (&json!(2), &json!(2), &json!(3)));
}

fn searching(responses: &[Value]) {
    assert_eq!(responses.len(), 3, "{responses:?}");
    for page in responses {
        assert_eq!((&page["data"], &page["has_more"]), (&json!([]), &json!(false)));
    }
}

fn filters(responses: &[Value]) {
    let [field, count, matching, ordered, segment] = responses else { panic!("{responses:?}") };
    assert_eq!((&field["key"], &count["count"]), (&json!("COUNTRY"), &json!(1)));
    assert_eq!(each(&matching["data"], "username"), ["rita"]);
    assert_eq!(ordered["data"], matching["data"]);
    assert_eq!(segment["name"], "newcomers");
}

fn importing(responses: &[Value]) {
    let [_, import, rows] = responses else { panic!("{responses:?}") };
    let counts = &import["counts"];
    assert_eq!(
        (&import["state"], &counts["create"], &counts["reject"]),
        (&json!("planned"), &json!(1), &json!(1))
    );
    assert_eq!(rows["data"][0]["username"], "ina");
}

fn campaigns(responses: &[Value], client: &Client) {
    let [batch, members, opt_out, template, dry_run, _, kept, first, second, exclusions] = responses else {
        panic!("{responses:?}")
    };
    assert_eq!((&batch["counts"]["created"], &members["member_count"]), (&json!(3), &json!(3)));
    assert_eq!(opt_out["phone_number"], "+442079460033");
    assert_eq!(each(&template["variables"], "name"), ["NAME", "CITY"]);
    let counts = json!({"asked": 3, "recipients": 1, "excluded": 2, "parts": 1});
    assert_eq!(dry_run["counts"], counts, "{dry_run}");
    let reasons: BTreeSet<_> = each(&dry_run["problems"], "reason").into_iter().collect();
    assert_eq!(reasons, BTreeSet::from(["missing_variable", "opted_out"]));
    assert!(each(&dry_run["problems"], "message").contains(&"1 of 3 lack CITY"), "{dry_run}");
    assert_eq!(kept["counts"]["recipients"], 2);
    let texts = [first, second].map(|page| each(&page["data"], "text"));
    assert_eq!(texts, [["Hi Ben, we open in your town!"], ["Hi Anna, we open in Leeds!"]]);
    assert_eq!((&first["has_more"], &second["has_more"]), (&json!(true), &json!(false)));
    assert_eq!(each(&exclusions["data"], "reason"), ["opted_out"]);
    assert_eq!(client.get("/v1/audiences").expect(200)["data"], json!([]), "it was deleted");
}

fn syncing(responses: &[Value]) {
    let [_, created, changes] = responses else { panic!("{responses:?}") };
    assert_eq!(changes["data"][0]["contact"], *created);
}

fn erasure(responses: &[Value], client: &Client) {
    let [_, receipt, again, by_number, listed] = responses else { panic!("{responses:?}") };
    let counts = |receipt: &Value, place: &str| {
        let places = receipt["places"].as_array().unwrap();
        let found = places.iter().find(|it| it["place"] == place).unwrap_or_else(|| panic!("{place}"));
        (found["erased"].clone(), found["kept"].clone())
    };
    assert_eq!(counts(receipt, "contacts"), (json!(1), json!(0)));
    assert_eq!(counts(receipt, "opt_outs"), (json!(0), json!(1)));
    assert_eq!((&again["id"], &again["state"]), (&receipt["id"], &json!("complete")));
    assert_eq!(counts(by_number, "contacts"), (json!(0), json!(0)), "nothing is left");
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    for receipt in [receipt, again, by_number, listed] {
        assert!(!receipt.to_string().contains("20794600"), "{receipt}");
    }
    assert!(again["backups_until"].as_str() > again["completed_at"].as_str(), "{again}");
    assert_eq!(client.get("/v1/contacts").expect(200)["data"], json!([]));
    assert_eq!(client.get("/v1/opt_outs").expect(200)["data"], json!([]));
    client.get("/v1/opt_outs/442079460044").expect(200);
}

fn keys(responses: &[Value], site: &Site) {
    let [listed, forbidden, with_old, with_new, audited] = responses else { panic!("{responses:?}") };
    assert_eq!(audited, &json!({"data": [], "next": null, "has_more": false}));
    assert_eq!((listed, listed), (with_old, with_new));
    let message = forbidden["error"]["message"].as_str().unwrap();
    assert!(message.contains("read:Groups"), "{message}");
    let list = std::fs::read_to_string(site.folder.join("keys.txt")).unwrap();
    let states: Vec<_> = list.lines().filter(|line| line.contains("web shop")).collect();
    let [old, new] = &*states else { panic!("{list}") };
    assert!(old.contains(" revoked ") && new.contains(" live "), "{list}");
}

fn limits(responses: &[Value], client: &Client) {
    let [me] = responses else { panic!("{responses:?}") };
    assert_eq!(me["account"]["name"], "limits");
    assert_eq!(client.key.as_deref().unwrap().split('_').nth(2), me["key"]["id"].as_str());
    assert_eq!(me["limits"]["rates"].as_array().unwrap().len(), 2);
}

fn administration(output: &str) {
    let (json_lines, tables) = output.split_once("ID  ").map_or((output, ""), |(json, rest)| {
        // The id that the command line prints first.
        (json.trim_end().trim_end_matches(|digit: char| digit.is_ascii_digit()), rest)
    });
    let [with_old, revoked, with_new, account, listed, usage, limited, suspended, resumed, closed] =
        &self::responses(json_lines)[..]
    else {
        panic!("{output}")
    };
    assert_eq!((&with_old["data"], &with_new["data"]), (&json!([]), &json!([])));
    assert_eq!((&revoked["state"], &account["name"]), (&json!("revoked"), &json!("globex")));
    assert_eq!(listed["data"], json!([account]));
    assert_eq!((&usage["contacts"], &usage["import_bytes"]), (&json!(0), &json!(0)));
    assert_eq!(
        (&limited["limits"]["contacts"], &limited["limits"]["key_rate"]),
        (&json!(20_000_000), &json!(100))
    );
    assert_eq!(limited["limits"], closed["limits"]);
    assert!(tables.contains("contacts          20000000\n"), "{tables}");
    let states = [suspended, resumed, closed].map(|account| account["state"].as_str().unwrap());
    assert_eq!(states, ["suspended", "active", "closed"]);
    let names: Vec<_> = tables.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let created = names.iter().filter(|name| ["initech", "globex"].contains(name));
    let expected = ["initech", "initech", "initech", "initech", "initech", "globex"];
    assert_eq!(created.copied().collect::<Vec<_>>(), expected, "{tables}");
    let states = tables.lines().filter_map(|line| line.split_whitespace().nth(1));
    let changed: Vec<_> = states.filter(|state| ["suspended", "closed"].contains(state)).collect();
    assert_eq!(changed, ["suspended", "closed", "closed", "closed"], "{tables}");
}

/// The server that starts with these settings makes no further key.
fn operating(output: &str, site: &Site) {
    assert!(output.starts_with("ab_live_") && output.lines().count() == 1, "{output}");
    let arguments = ["serve", "--config", "addressbook.toml", "--bind", "127.0.0.1:0", "--log", "off"];
    let server = ServerProcess::start(&mut addressbook(&site.folder, &arguments));
    let client = Client::new(server.address(), Some(output.trim_end().to_owned()));
    assert_eq!(client.get("/v1/contacts").expect(200)["data"], json!([]));
    assert!(site.folder.join("state/addressbook.db").exists());
    assert!(!site.folder.join("state/first-key").exists());
}

/// Each code once, under its status and with both names; and a request that is not to blame is worth repeating.
#[test]
fn the_table_of_errors_is_that_of_the_service() {
    let rows: Vec<Vec<&str>> = ERRORS
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| status "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), ErrorCode::ALL.len());
    for &code in ErrorCode::ALL {
        let WireCode { status, v1, address_book } = wire_code(code);
        let row = rows.iter().find(|row| row[1] == format!("`{v1}`"));
        let [shown, _, name, repeat, about] = row.unwrap_or_else(|| panic!("{v1}"))[..] else {
            panic!("{row:?}")
        };
        assert_eq!((shown, name), (status.as_str(), &*format!("`{address_book}`")), "{v1}");
        assert!(["yes", ""].contains(&repeat) && about.ends_with('.'), "{row:?}");
        assert!(Error::from(code).is_client_error() || repeat == "yes", "{v1}");
    }
}

/// `10,000,000`.
fn thousands(number: u64) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        thousand => format!("{},{:03}", thousands(thousand), number % 1_000),
    }
}

/// Those that settings can change are the defaults.
#[test]
fn limits_are_those_of_the_service() {
    let Settings { storage, limits, .. } = Settings::default();
    let hours = |time: Duration| format!("{} hours", time.as_secs() / 3_600);
    let (page_max, page_default) = (limits.page_max, limits.page_default);
    for (guide, words) in [
        (CAMPAIGNS, format!("It is kept for {}", hours(storage.audience_ttl))),
        (CAMPAIGNS, format!("at most {} entries", thousands(limits.audience_kept_limit))),
        (CAMPAIGNS, format!("Up to {} recipients", thousands(limits.audience_answer_limit))),
        (LIMITS, format!("| contacts | {} |", thousands(limits.contact_quota))),
        (LIMITS, format!("as at least 100 | {} |", thousands(limits.audience_quota))),
        (LIMITS, format!("of imports | {} ", thousands(limits.import_quota))),
        (LIMITS, format!("| declared fields | {MAX_FIELDS} |")),
        (ERRORS, format!("of up to {} letters", RequestId::MAX_CHARS)),
        (PAGING, format!("at most {page_max} items, {page_default} if")),
        (RETRIES, format!("stored for {}", hours(storage.idempotency_ttl))),
        (RETRIES, format!("at most {} characters", IdempotencyKey::MAX_CHARS)),
    ] {
        assert!(guide.contains(&words), "{words}");
    }
}
