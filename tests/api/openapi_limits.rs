//! The limits and patterns in the OpenAPI document are the ones that the service enforces.

use serde_json::{Value, json};

use crate::harness::{Backend, Client, Service};
use crate::openapi::{document, operations, resolve_ref};

/// A filter that every account can have.
const FILTER: &str = "opted_out";

/// A valid text of `length` characters for a member.
fn valid_text(member: &str, length: usize) -> String {
    match member {
        "phone_number" | "msisdn" => format!("{:>length$}", "+4479000000001"),
        "avatar_url" => format!("{:a<length$}", "https://example.com/"),
        "filter" => format!("{:<length$}", FILTER),
        _ => "x".repeat(length),
    }
}

fn attempt(client: &Client, path: &str, required: &[&str], member: &str, value: Value) -> u16 {
    let mut body = json!({});
    for name in required {
        body[*name] = match *name {
            "phone_number" | "msisdn" => json!("+4479000000001"),
            "recipients" => json!([]),
            "filter" => json!(FILTER),
            "type" => json!("text"),
            _ => json!(uuid::Uuid::now_v7().to_string()),
        };
    }
    body[member] = value;
    client.post(path, &body).status
}

/// The path and the request schema of each create operation.
fn create_operations(document: &Value) -> Vec<(&str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let posts =
        paths.iter().filter(|(path, _)| !path.contains('{')).map(|(path, item)| (path, &item["post"]));
    posts
        .filter(|(_, post)| {
            post["operationId"]
                .as_str()
                .is_some_and(|id| id.starts_with("create") || id.starts_with("declare"))
        })
        .map(|(path, post)| {
            let schema = &post["requestBody"]["content"]["application/json"]["schema"];
            (path.as_str(), resolve_ref(document, schema))
        })
        .collect()
}

/// Boundary values of every limit in a request schema: the limit is accepted, one more is rejected.
#[test]
fn its_limits_are_enforced() {
    let document = document();
    let mut held = Vec::new();
    for (path, schema) in create_operations(&document) {
        let client = Service::shared(Backend::Sqlite).unwrap().client();
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        for (member, rules) in schema["properties"].as_object().unwrap() {
            let rules = resolve_ref(&document, rules);
            let mut edge = |rule: &str, inside: Value, outside: Value| {
                let status = attempt(&client, path, &required, member, inside);
                assert!((200..300).contains(&status), "{path} {member} at {rule}: {status}");
                assert_eq!(
                    attempt(&client, path, &required, member, outside),
                    400,
                    "{path} {member} past {rule}"
                );
                held.push(format!("{member} {rule}"));
            };
            for (rule, limit) in rules.as_object().unwrap() {
                let Some(limit) = limit.as_u64().and_then(|limit| usize::try_from(limit).ok()) else {
                    continue;
                };
                match rule.as_str() {
                    "maxLength" => {
                        edge(rule, json!(valid_text(member, limit)), json!(valid_text(member, limit + 1)));
                    }
                    "minLength" if member == "avatar_url" => edge(rule, json!("http://a"), json!("http://")),
                    "minLength" if limit == 7 => edge(rule, json!("4420794"), json!("442079")),
                    "minLength" if member == "filter" => edge(rule, json!(FILTER), json!("")),
                    "minLength" => edge(rule, json!(valid_text(member, limit)), json!("")),
                    "maxItems" => {
                        let item = if member == "columns" {
                            json!({"column": "x", "to": "username"})
                        } else {
                            json!({"username": "x"})
                        };
                        let items = |count: usize| json!(vec![item.clone(); count]);
                        edge(rule, items(limit), items(limit + 1));
                    }
                    "maxProperties" => {
                        let keys = |count: usize| {
                            (0..count).map(|i| (i.to_string(), json!(i))).collect::<serde_json::Map<_, _>>()
                        };
                        edge(rule, keys(limit).into(), keys(limit + 1).into());
                    }
                    other => panic!("{member}: nothing holds {other}"),
                }
            }
            if let Some(limit) = rules["propertyNames"]["maxLength"].as_u64() {
                let key = |length: u64| json!({"k".repeat(usize::try_from(length).unwrap()): 1});
                edge("key length", key(limit), key(limit + 1));
                edge("shortest key", key(1), key(0));
            }
        }
    }
    assert_eq!(
        held.len(),
        2 * (2 + 2 + 3) + 2 + 2 + 2 * (2 + 2 + 2) + 2 * (2 + 2) + 2 + 2 + 1 + (1 + 2 + 2) + 2 + 2 * (2 + 2),
        "{held:?}"
    );
}

/// The patterns in the document accept the same texts as the service.
#[test]
fn its_patterns_match_the_accepted_texts() {
    let document = document();
    let client = Service::shared(Backend::Sqlite).unwrap().client();
    let texts = [
        "Jürgen",
        "É",
        "李",
        "a b",
        "\u{1f468}\u{200d}\u{1f469}",
        "a\u{200b}",
        "a\u{ad}",
        "\u{feff}",
        "a\n",
        "a\u{0}",
        "a\u{7f}",
        "a\u{85}",
        "a\u{202e}b",
        "a\u{2028}",
        " ",
        "\u{a0}\u{3000}",
        "\u{2009}a",
    ];
    let mut refused = 0;
    for (path, schema) in create_operations(&document) {
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        let members = schema["properties"].as_object().unwrap();
        // Members with rules that a portable pattern cannot express.
        for (member, rules) in members.iter().filter(|(_, rules)| rules["if"].is_object()) {
            // Portable to every regular expression dialect.
            assert!(!rules["pattern"].as_str().unwrap().contains("\\u"), "{path} {member}");
            let validator = jsonschema::draft202012::new(rules).unwrap();
            for text in texts {
                let status = attempt(&client, path, &required, member, json!(text));
                let valid = validator.is_valid(&json!(text));
                assert_eq!(status != 400, valid, "{path} {member}: {text:?}: {status}");
                refused += usize::from(status == 400);
            }
        }
    }
    // Handles and group names twice, names of templates and of segments in both dialects, and the group of an import; a display name, and in both dialects two opt-out texts and
    // one group text, where joiners are allowed; the text of a template, where everything except U+0000 is.
    assert_eq!(refused, (2 + 2 + 1 + 2 + 1) * 12 + (1 + 2 * 2 + 2 + 1) * 8 + 3);
}

#[test]
fn its_page_limits_are_the_settings() {
    let service = Service::start(Backend::Sqlite, |settings| {
        settings.limits.page_max = 7;
        settings.limits.page_default = 3;
    })
    .unwrap();
    let client = service.client();
    let document = client.get("/openapi.json").expect(200);
    let mut lists = 0;
    for (id, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["name"] == "limit" {
                assert_eq!(
                    (&parameter["schema"]["maximum"], &parameter["schema"]["default"]),
                    (&json!(7), &json!(3)),
                    "{id}"
                );
                lists += 1;
            }
        }
    }
    assert_eq!(lists, operations(&document).filter(|(id, _)| id.starts_with("list")).count());
    assert_eq!(client.get("/v1/contacts?limit=7").status, 200);
    assert_eq!(client.get("/v1/contacts?limit=8").status, 400);
    assert_eq!(client.get("/addressbook/contacts").expect(200)["limit"], 3);
}
