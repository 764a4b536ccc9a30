//! Invalid bodies: each violation is reported at its JSON path, and the cost of reporting is linear in the size of
//! the body.

use serde_json::{Map, Value, json};

use crate::cli::{ServerProcess, addressbook};
use crate::harness::fixtures::{Fixtures, account_for};
use crate::harness::operations::Call;
use crate::harness::{Backend, Client, Service, folder};
use crate::openapi::{document, resolve_ref};

/// Maximum number of violations in one response.
const MAX_REPORTED: usize = 100;

/// A member of a body, or the first item of one of its lists, as the schema describes it.
struct Site {
    /// The path from the body; a list is represented by its first item, a free-form object by one of its keys.
    path: Vec<String>,
    schema: Value,
    required: bool,
    is_member: bool,
}

impl Site {
    fn path(&self) -> String {
        self.path.join(".")
    }

    fn kind(&self) -> Option<&str> {
        self.schema["type"].as_str()
    }
}

/// Every member that a schema allows.
fn sites(document: &Value, schema: &Value, path: &[String], found: &mut Vec<Site>) {
    let schema = match schema["oneOf"].as_array() {
        Some(choices) => {
            resolve_ref(document, choices.iter().find(|choice| choice["type"] != "null").unwrap())
        }
        None => resolve_ref(document, schema),
    };
    let mut add = |step: &str, schema: &Value, required, is_member| {
        let path = [path, &[step.to_owned()]].concat();
        let index = found.len();
        sites(document, schema, &path, found);
        let schema = schema["oneOf"].as_array().map_or(schema, |choices| &choices[0]);
        found
            .insert(index, Site { path, schema: resolve_ref(document, schema).clone(), required, is_member });
    };
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
        add(name, member, required, true);
    }
    if schema["items"].is_object() {
        add("0", &schema["items"], true, false);
    }
    if schema["additionalProperties"].is_object() && schema["additionalProperties"] != json!({}) {
        add("anna", &schema["additionalProperties"], true, false);
    }
}

/// Every operation with a body, its sites, and the name of its example.
fn bodies() -> Vec<(Call, Vec<Site>)> {
    let document = document();
    let calls = Call::all(&document).into_iter().filter(Call::has_json);
    calls
        .map(|call| {
            let operation = &document["paths"][&call.path][call.method.to_lowercase()];
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let mut found = Vec::new();
            sites(&document, schema, &[], &mut found);
            assert!(!found.is_empty(), "{}", call.id);
            (call, found)
        })
        .collect()
}

/// The body with a value at a path; members on the way are created.
fn with(mut body: Value, path: &[String], value: Value) -> Value {
    let value = path[1..].iter().rev().fold(value, |value, step| match step.as_str() {
        "0" => json!([value]),
        name => Value::Object(Map::from_iter([(name.to_owned(), value)])),
    });
    body[&path[0]] = value;
    body
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

on_both_databases! {
    fn a_wrong_type_is_reported_at_its_path(service: &Service) {
        let client = service.client();
        let calls = Call::all(&document());
        let fixtures = Fixtures::create(&calls, &client);
        let mut tried = 0;
        for (call, sites) in bodies() {
            let call = call.on(&fixtures);
            for site in sites {
                // An item of a batch fails alone: see `batch`.
                if call.applies_batch() && site.path.len() > 1 {
                    continue;
                }
                let Some(kind) = site.kind() else { continue };
                let values = [json!(null), json!(true), json!(7), json!("text"), json!([7]), json!({"a": 7})];
                for value in values.into_iter().filter(|value| kind_of(value) != kind) {
                    if value.is_null() && site.is_member {
                        continue;
                    }
                    let body = with(call.json(), &site.path, value);
                    let reply = call.with_body(body.to_string()).send(&client).expect(400);
                    let error = &reply["error"];
                    let article = if ["object", "array"].contains(&kind) { "an" } else { "a" };
                    let details = error["details"].as_array().unwrap_or_else(|| panic!("{body}: {reply}"));
                    assert_eq!(details.len(), 1, "{} {body}: {reply}", call.id);
                    let at = site.path();
                    assert_eq!((&details[0]["field"], &details[0]["code"]), (&json!(at), &json!("wrong_type")), "{body}");
                    let message = error["message"].as_str().unwrap().to_lowercase();
                    assert_eq!(message, format!("{at} must be {article} {kind}").to_lowercase(), "{} {body}", call.id);
                    tried += 1;
                }
            }
        }
        assert!(tried > 200, "{tried}");
    }

    /// Clients often send null for every member that is not set.
    fn null_equals_absent_for_optional_members(service: &Service) {
        let calls = Call::all(&document());
        for (call, sites) in bodies() {
            let success = call.success;
            for site in sites.iter().filter(|site| site.is_member) {
                let (client, call) = account_for(service, &calls, &call, success);
                let call = if call.path.contains('{') { call } else { call.with_body(other(&call.json())) };
                let body = with(call.json(), &site.path, Value::Null);
                let reply = call.with_body(body.to_string()).send(&client);
                if site.required {
                    // Other members of the same item may be missing, too.
                    let details = reply.expect(400)["error"]["details"].as_array().unwrap().clone();
                    let own = details.iter().find(|detail| detail["field"] == site.path());
                    assert_eq!(own.map(|own| &own["code"]), Some(&json!("required")), "{} {body}", call.id);
                    let message = reply.violation(400).0;
                    assert!(details.len() > 1 || message.ends_with(" is required"), "{message}");
                } else if reply.status == 400 {
                    // Omitting the member here would leave nothing else: its alternative must be present.
                    let (_, at, code) = reply.violation(400);
                    let lacks_another = code == "required" && at != site.path();
                    let needs_alternative = ["not_exactly_one", "no_items"].contains(&code.as_str());
                    assert!(lacks_another || needs_alternative, "{} {body}: {code}", call.id);
                } else {
                    assert!((200..300).contains(&reply.status), "{} {body}: {}", call.id, reply.status);
                }
            }
        }
    }

    fn an_unknown_member_is_reported_with_a_suggestion(service: &Service) {
        let client = service.client();
        for (path, body, field, words) in [
            ("/v1/contacts", json!({"user_name": "j"}), "user_name", "is not a known member; did you mean username?"),
            ("/v1/contacts", json!({"phoneNumber": "j"}), "phoneNumber", "is not a known member; did you mean phone_number?"),
            ("/v1/contacts", json!({"city": "London"}), "city", "is not a known member; put custom data in meta"),
            ("/addressbook/contacts", json!({"MSISDN": "j"}), "MSISDN", "is not a known member; did you mean msisdn?"),
            ("/v1/templates", json!({"zzz": "j"}), "zzz", "is not a known member"),
            ("/v1/audiences", json!({"recipients": [{"usrname": "j"}]}), "recipients.0.usrname",
             "is not a known member; did you mean username?"),
        ] {
            let reply = client.post(path, &body).expect(400);
            let details = reply["error"]["details"].as_array().unwrap();
            let message = format!("{field} {words}");
            assert!(details.iter().any(|detail| detail["field"] == field && detail["message"] == message), "{reply}");
        }
        let (message, ..) = client.get("/v1/contacts?user_name=j").violation(400);
        assert_eq!(message, "user_name is not a parameter of this operation; did you mean username?");
        let long = client.post("/v1/contacts", &json!({"x".repeat(60_000): 1}));
        assert!(long.status == 400 && long.body.len() < 2_000);
    }

    fn a_conflict_names_the_member_of_its_dialect(service: &Service) {
        let client = service.client();
        let document = document();
        for (path, body, message) in [
            ("/v1/contacts", json!({"username": "j", "phone_number": "+4479000000001"}), "username is already taken"),
            ("/addressbook/contacts", json!({"alias": "j", "msisdn": "+4479000000001"}), "Alias is already taken"),
            ("/v1/groups", json!({"name": "j"}), "name is already taken"),
        ] {
            client.post(path, &body);
            assert_eq!(client.post(path, &body).violation(409).0, message);
            let described = &document["paths"][path]["post"]["responses"]["409"];
            assert!(described.to_string().contains(message), "{described}");
            assert!(!described.to_string().contains("handle"), "{described}");
        }
    }

    fn the_length_of_a_list_is_checked_before_its_items(service: &Service) {
        let client = service.client();
        let fixtures = Fixtures::create(&Call::all(&document()), &client);
        let id = fixtures.id("contacts");
        let members = format!("/v1/groups/{}/members", fixtures.id("groups"));
        let wrong = json!(vec![json!([7]); 1_001]);
        for (path, body, message) in [
            (members.as_str(), json!({"add": vec![id; 700], "remove": vec![id; 400]}), "add and remove together must have at most 1000 items"),
            (&members, json!({"add": wrong}), "add must have at most 1000 items"),
            ("/v1/audiences", json!({"recipients": wrong}), "recipients must have at most 1000 items"),
            ("/addressbook/resolve", json!({"aliases": wrong}), "aliases must have at most 1000 items"),
        ] {
            let reply = client.post(path, &body).expect(400);
            assert_eq!(reply["error"]["message"], message);
            assert_eq!(reply["error"]["details"].as_array().unwrap().len(), 1);
        }
        let both = json!({"aliases": ["j"], "template": "a", "template_name": "b"});
        let (message, ..) = client.post("/addressbook/resolve", &both).violation(400);
        assert_eq!(message, "template_name must not be given together with template");
        let not_all = json!({"recipients": [{"all": false}]});
        assert_eq!(client.post("/v1/audiences", &not_all).violation(400).0, "recipients.0.all must be true");
    }

    fn at_most_a_hundred_violations_are_reported(service: &Service) {
        let client = service.client();
        let fixtures = Fixtures::create(&Call::all(&document()), &client);
        let members = format!("/v1/groups/{}/members", fixtures.id("groups"));
        let unknown = |count: usize| Value::Object((0..count).map(|i| (format!("m{i}"), json!(1))).collect());
        for (path, body) in [
            ("/v1/audiences", json!({"recipients": vec![json!({}); 1_000]})),
            ("/v1/audiences", json!({"recipients": vec![json!({"id": 7}); 1_000]})),
            ("/v1/audiences", json!({"recipients": [unknown(40_000)]})),
            ("/v1/contacts", unknown(4_000)),
            ("/addressbook/resolve", json!({"aliases": vec![""; 1_000]})),
            ("/addressbook/resolve", json!({"aliases": ["a"], "fields": unknown(40_000)})),
            (&members, json!({"add": vec!["x"; 1_000]})),
        ] {
            let reply = client.post(path, &body);
            let error = reply.expect(400)["error"].clone();
            assert_eq!(error["details"].as_array().unwrap().len(), MAX_REPORTED, "{path}");
            let more = if path.starts_with("/v1") { "more_details" } else { "moreDetails" };
            assert_eq!(error[more], true, "{path}");
            assert!(reply.body.len() < 32 * 1024, "{path}: {}", reply.body.len());
        }
        for count in [MAX_REPORTED, MAX_REPORTED + 1] {
            let error = client.post("/v1/templates", &unknown(count - 2)).expect(400)["error"].clone();
            assert_eq!(error["details"].as_array().unwrap().len(), MAX_REPORTED);
            assert_eq!(error["more_details"].as_bool(), (count > MAX_REPORTED).then_some(true));
        }
        let query: String = (0..400).map(|i| format!("&m{i}=1")).collect();
        let error = client.get(&format!("/v1/contacts?{}", &query[1..])).expect(400)["error"].clone();
        assert_eq!((error["details"].as_array().unwrap().len(), &error["more_details"]), (MAX_REPORTED, &json!(true)));
    }
}

/// The body of a create with unique names.
fn other(body: &Value) -> String {
    let number = usize::try_from(fastrand::u32(..100_000_000)).unwrap();
    crate::harness::fixtures::other(body.clone(), number).to_string()
}

/// Processor time of a process, in hundredths of a second.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let times: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).collect();
    times.iter().map(|time| time.parse::<u64>().unwrap()).sum()
}

/// Invalid bodies of about `size` bytes.
fn hostile(sites: &[Site], size: usize) -> Vec<(String, String)> {
    let repeated = |item: &str| vec![item; size / (item.len() + 1)].join(",");
    let keyed = |value: &str| {
        let members = (0..size / (value.len() + 12)).map(|i| format!("\"m{i:07}\":{value}"));
        members.collect::<Vec<_>>().join(",")
    };
    let mut bodies = vec![
        ("unknown members".to_owned(), format!("{{{}}}", keyed("1"))),
        ("one unknown member, again and again".to_owned(), format!("{{{}}}", repeated("\"x\":1"))),
        ("a list in the place of the body".to_owned(), format!("[{}]", repeated("{}"))),
    ];
    for site in sites.iter().filter(|site| site.path.len() == 1) {
        let name = &site.path[0];
        let mut add = |what: &str, json: String| {
            bodies.push((format!("{name}: {what}"), format!("{{\"{name}\":{json}}}")));
        };
        bodies_of(site, &repeated, &keyed, &mut add);
    }
    bodies
}

fn bodies_of(
    site: &Site,
    repeated: &dyn Fn(&str) -> String,
    keyed: &dyn Fn(&str) -> String,
    add: &mut dyn FnMut(&str, String),
) {
    match site.kind() {
        Some("array") => {
            for item in ["{}", "1", "\"\"", "\"x\"", "[{}]", r#"{"a":1}"#] {
                add(item, format!("[{}]", repeated(item)));
            }
            add("members of one item", format!("[{{{}}}]", keyed("1")));
            add("one member of one item, again and again", format!("[{{{}}}]", repeated("\"id\":1")));
            add("keys of fields", format!("[{{\"fields\":{{{}}}}}]", keyed("1")));
        }
        Some("object") | None => {
            add("keys", format!("{{{}}}", keyed("1")));
            add("keys with objects", format!("{{{}}}", keyed("{\"\":1}")));
            add("one key, again and again", format!("{{{}}}", repeated("\"x\":1")));
            add("long numbers", format!("{{{}}}", keyed("18446744073709551616")));
            add("nested keys, twice", format!("{{\"a\":{{{},\"m0000000\":1}}}}", keyed("1")));
        }
        _ => {}
    }
}

/// Four times the body takes four times the processor time, not sixteen times.
#[test]
fn the_cost_of_violations_is_linear_in_the_body() {
    let folder = folder();
    let mut serving =
        ServerProcess::start(&mut addressbook(&folder, &["--bind", "127.0.0.1:0", "--log=off"]));
    let key = serving.first_key();
    let client = Client::new(serving.address(), Some(key));
    let fixtures = Fixtures::create(&Call::all(&document()), &client);
    let cost = |call: &Call, what: &str, body: &str, times: usize| {
        let before = ticks(serving.id());
        for _ in 0..times {
            let reply = call.with_body(body).send(&client);
            assert_eq!(reply.status, 400, "{}", call.id);
            assert!(reply.body.len() < 64 * 1024, "{}: {}", call.id, reply.body.len());
            let error = &reply.json()["error"];
            assert!(error["details"].as_array().is_none_or(|details| details.len() <= MAX_REPORTED));
        }
        let taken = ticks(serving.id()) - before;
        println!("{} with {what}: {times} x {} bytes: {taken} ticks", call.id, body.len());
        taken
    };
    for (call, sites) in bodies() {
        let call = call.on(&fixtures);
        let is_large = sites.iter().any(|site| site.kind() == Some("array"));
        let size = if is_large { 400_000 } else { 60_000 };
        for ((what, small), (_, large)) in hostile(&sites, size / 4).into_iter().zip(hostile(&sites, size)) {
            let (four_small, one_large) = (cost(&call, &what, &small, 4), cost(&call, &what, &large, 1));
            assert!(
                one_large <= 2 * four_small + 30,
                "{} with {what}: {four_small} ticks, then {one_large} ticks",
                call.id
            );
        }
    }
    serving.signal("-TERM");
    serving.end();
}

/// Regression: such a body once took 18 CPU-seconds and returned 18 MB.
#[test]
fn a_hundred_thousand_empty_recipients_are_one_violation() {
    let client = Service::shared(Backend::Sqlite).unwrap().client();
    let body = format!("{{\"recipients\":[{}]}}", vec!["{}"; 120_000].join(","));
    let reply = client.send_json("POST", "/v1/audiences", &body);
    assert_eq!(reply.violation(400).0, "recipients must have at most 1000 items");
    assert!(reply.body.len() < 1_000);
}
