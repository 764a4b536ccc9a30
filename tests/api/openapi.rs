//! The OpenAPI document: what it says is true, and it says everything.

use std::collections::BTreeSet;

use addressbook::app;
use addressbook::config::Settings;
use serde_json::{Value, json};

use crate::harness::{Backend, Client, Service};

fn document() -> Value {
    serde_json::from_str(&app::openapi(&Settings::default().limits).unwrap()).unwrap()
}

/// Every operation of the document with its name.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| (operation["operationId"].as_str().unwrap(), operation))
}

#[test]
fn is_the_committed_one() {
    let committed = std::fs::read_to_string("openapi/openapi.json").unwrap();
    let made = app::openapi(&Settings::default().limits).unwrap();
    assert!(made == committed, "`addressbook openapi > openapi/openapi.json` brings it up to date");
}

#[test]
fn is_served_in_both_forms() {
    let client = Service::shared(Backend::Sqlite).unwrap().anonymous();
    let json = client.get("/openapi.json");
    assert_eq!(json.header("Content-Type"), "application/json");
    assert_eq!(json.expect(200), document());
    let yaml = client.get("/openapi.yaml");
    assert_eq!((yaml.status, yaml.header("Content-Type")), (200, "application/yaml"));
    assert!(String::from_utf8(yaml.body).unwrap().starts_with("openapi: 3.1.0\n"));
    assert_eq!(client.send("HEAD", "/openapi.json", &[], b"").status, 200);
    let reply = client.send_json("POST", "/openapi.json", "{}");
    assert_eq!((reply.status, reply.header("Allow")), (405, "GET, HEAD"));
}

#[test]
fn says_what_it_is() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    for text in
        ["/info/title", "/info/description", "/info/license/name", "/info/contact/name", "/servers/0/url"]
    {
        assert!(document.pointer(text).is_some_and(|text| !text.as_str().unwrap().is_empty()), "{text}");
    }
    let scheme = &document["components"]["securitySchemes"]["ApiKey"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&json!("http"), &json!("bearer")));
    for permission in addressbook::domain::Permission::ALL {
        assert!(scheme["description"].as_str().unwrap().contains(permission.as_str()), "{permission}");
    }
    let tags: BTreeSet<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| {
            assert!(!tag["description"].as_str().unwrap().is_empty());
            tag["name"].as_str().unwrap()
        })
        .collect();
    let mut ids = BTreeSet::new();
    for (id, operation) in operations(&document) {
        assert!(ids.insert(id), "{id} stands twice");
        for text in ["summary", "description"] {
            assert!(!operation[text].as_str().unwrap().is_empty(), "{id}: {text}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert_eq!(parameter["required"], parameter["in"] == "path", "{id}: {parameter}");
            assert!(!parameter["description"].as_str().unwrap().is_empty(), "{id}: {parameter}");
        }
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{id}");
        if operation["security"].is_array() {
            let permission = operation["security"][0]["ApiKey"][0].as_str().unwrap();
            assert!(operation["description"].as_str().unwrap().contains(permission), "{id}");
        }
    }
    // These are method names in other people's programs.
    let expected = [
        "createAddressBookContact",
        "createContact",
        "deleteAddressBookContact",
        "deleteContact",
        "getAddressBookContact",
        "getContact",
        "getHealth",
        "getReadiness",
        "listAddressBookContacts",
        "listContacts",
        "updateAddressBookContact",
        "updateContact",
    ];
    assert_eq!(ids, BTreeSet::from(expected));
    assert!(!document["paths"].as_object().unwrap().keys().any(|path| path.starts_with("/contacts")));
}

/// A validator of the schema at a place in the document.
fn validator(document: &Value, pointer: &str) -> jsonschema::Validator {
    let mut whole = document.clone();
    whole["$ref"] = json!(format!("#{}", pointer.replace('{', "%7B").replace('}', "%7D")));
    jsonschema::draft202012::options().build(&whole).unwrap()
}

#[test]
fn its_examples_validate() {
    let document = document();
    let mut seen = 0;
    let mut walk = vec![(String::new(), &document)];
    while let Some((pointer, value)) = walk.pop() {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(map) => {
                map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
            }
            Value::Array(list) => {
                list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
            }
            _ => Vec::new(),
        };
        if let (Some(Value::Object(examples)), true) = (value.get("examples"), value.get("schema").is_some())
        {
            let validator = validator(&document, &format!("{pointer}/schema"));
            for (name, example) in examples {
                let errors: Vec<_> =
                    validator.iter_errors(&example["value"]).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{pointer}: {name}: {errors:?}");
                seen += 1;
            }
        }
        if let (Some(Value::Array(examples)), Some(_)) = (value.get("examples"), value.get("type")) {
            let validator = validator(&document, &pointer);
            for example in examples {
                assert!(validator.is_valid(example), "{pointer}: {example}");
                seen += 1;
            }
        }
        walk.extend(children.into_iter().map(|(key, value)| (format!("{pointer}/{key}"), value)));
    }
    assert!(seen > 100, "{seen} examples");
}

#[test]
fn every_body_has_an_example() {
    let document = document();
    for (id, operation) in operations(&document) {
        let request = &operation["requestBody"]["content"]["application/json"];
        assert!(request.is_null() || !request["examples"].as_object().unwrap().is_empty(), "{id}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{id} {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{id} {status}");
            let content = &response["content"]["application/json"];
            assert!(content.is_null() == ["204", "304"].contains(&status.as_str()), "{id} {status}");
            assert!(
                content.is_null() || !content["examples"].as_object().unwrap().is_empty(),
                "{id} {status}"
            );
        }
    }
}

#[test]
fn every_operation_names_every_status() {
    let document = document();
    for (id, operation) in operations(&document) {
        let statuses: BTreeSet<_> = operation["responses"]
            .as_object()
            .unwrap()
            .keys()
            .map(|status| status.parse::<u16>().unwrap())
            .collect();
        if !operation["security"].is_array() {
            continue;
        }
        let mut expected = BTreeSet::from([401, 403, 414, 500, 503]);
        expected.extend(statuses.iter().filter(|status| **status < 400));
        if operation["parameters"].is_array() || operation["requestBody"].is_object() {
            expected.insert(400);
        }
        if operation["requestBody"].is_object() {
            expected.extend([408, 413, 415]);
        }
        let creates = id.starts_with("create");
        if creates {
            expected.insert(422);
        }
        if !id.starts_with("list") && !id.starts_with("get") {
            expected.insert(507);
        }
        if ["updateContact", "deleteContact"].contains(&id) {
            expected.insert(412);
        }
        let about_one = id != "listContacts" && id != "listAddressBookContacts" && !creates;
        // A cursor, too, can name a contact that is gone.
        if about_one || id == "listContacts" {
            expected.insert(404);
        }
        let unique = ["create", "update"].iter().any(|verb| id.starts_with(verb));
        if unique || (about_one && id.contains("AddressBook")) {
            expected.insert(409);
        }
        assert_eq!(statuses, expected, "{id}");
    }
}

/// What a schema refers to, or itself.
fn named<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(&name[1..]).unwrap(),
        None => schema,
    }
}

/// What generators make of the document depends on these.
#[test]
fn is_fit_for_generators() {
    let document = document();
    // OpenAPI Generator refuses a licence without an identifier.
    assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
    // The free-form object has a name; generators make up names for what has none.
    let inline = |schema: &Value| schema["enum"].is_array() || schema["additionalProperties"] == true;
    for schema in document["components"]["schemas"].as_object().unwrap().values() {
        for (member, rules) in schema["properties"].as_object().into_iter().flatten() {
            assert!(!inline(rules), "{member}: {rules}");
            // Not every generator knows lists of types.
            assert!(!rules["type"].is_array(), "{member}: {rules}");
        }
    }
    for (id, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            // No reference, which C and C++ stumble over, but a title.
            let schema = &parameter["schema"];
            assert!(schema["$ref"].is_null(), "{id}: {parameter}");
            assert_eq!(schema["enum"].is_array(), schema["title"].is_string(), "{id}: {parameter}");
        }
        // The name of an argument, where it would be the method's name again.
        let expected = match operation["requestBody"].is_object() {
            true if id.starts_with("create") => json!("contact"),
            true => json!("changes"),
            false => Value::Null,
        };
        assert_eq!(operation["requestBody"]["x-codegen-request-body-name"], expected, "{id}");
    }
}

/// A text that has so many characters and obeys the rules of a member.
fn text_of(member: &str, length: usize) -> String {
    match member {
        "phone_number" | "msisdn" => format!("{:>length$}", "+4479000000001"),
        "avatar_url" => format!("{:a<length$}", "https://example.com/"),
        _ => "x".repeat(length),
    }
}

fn attempt(client: &Client, path: &str, required: &[&str], member: &str, value: Value) -> u16 {
    let mut body = json!({});
    for name in required {
        body[*name] = match *name {
            "phone_number" | "msisdn" => json!("+4479000000001"),
            _ => json!(uuid::Uuid::now_v7().to_string()),
        };
    }
    body[member] = value;
    client.post(path, &body).status
}

/// Every limit of a request's schema, at its edge: the schema's number is accepted, the next is not.
#[test]
fn its_limits_are_enforced() {
    let document = document();
    let mut held = Vec::new();
    for (schema, path) in
        [("CreateContact", "/v1/contacts"), ("CreateAddressBookRecord", "/addressbook/contacts")]
    {
        let client = Service::shared(Backend::Sqlite).unwrap().client();
        let schema = &document["components"]["schemas"][schema];
        let required: Vec<_> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        for (member, rules) in schema["properties"].as_object().unwrap() {
            let rules = named(&document, rules);
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
                        edge(rule, json!(text_of(member, limit)), json!(text_of(member, limit + 1)));
                    }
                    "minLength" if member == "avatar_url" => edge(rule, json!("http://a"), json!("http://")),
                    "minLength" if limit == 7 => edge(rule, json!("4420794"), json!("442079")),
                    "minLength" => edge(rule, json!(text_of(member, limit)), json!("")),
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
    assert_eq!(held.len(), 2 * (2 + 2 + 3) + 2 + 2, "{held:?}");
}

/// What the document says of the characters of names is what the service does.
#[test]
fn its_texts_are_the_accepted_ones() {
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
    for (schema, path) in
        [("CreateContact", "/v1/contacts"), ("CreateAddressBookRecord", "/addressbook/contacts")]
    {
        let required: Vec<_> = document["components"]["schemas"][schema]["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        for member in ["username", "alias", "display_name"] {
            let pointer = format!("/components/schemas/{schema}/properties/{member}");
            let Some(rules) = document.pointer(&pointer) else { continue };
            // Every language's regular expressions know its words.
            assert!(!rules["pattern"].as_str().unwrap().contains("\\u"), "{pointer}");
            let validator = validator(&document, &pointer);
            for text in texts {
                let status = attempt(&client, path, &required, member, json!(text));
                assert_eq!(status != 400, validator.is_valid(&json!(text)), "{pointer}: {text:?}: {status}");
                refused += usize::from(status == 400);
            }
        }
    }
    assert_eq!(refused, 2 * 12 + 8);
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
    assert_eq!(lists, 2);
    assert_eq!(client.get("/v1/contacts?limit=7").status, 200);
    assert_eq!(client.get("/v1/contacts?limit=8").status, 400);
    assert_eq!(client.get("/addressbook/contacts").expect(200)["limit"], 3);
}
