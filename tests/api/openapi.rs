//! The OpenAPI document is correct and complete.

use std::collections::BTreeSet;

use addressbook::app;
use addressbook::config::Settings;
use serde_json::{Value, json};

use crate::harness::operation_table::OPERATIONS;
use crate::harness::{Backend, Service};

pub fn document() -> Value {
    serde_json::from_str(&app::openapi(&Settings::default().limits).unwrap()).unwrap()
}

/// Every operation of the document, with its id.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| (operation["operationId"].as_str().unwrap(), operation))
}

#[test]
fn equals_the_committed_document() {
    let committed = std::fs::read_to_string("openapi/openapi.json").unwrap();
    let created = app::openapi(&Settings::default().limits).unwrap();
    assert!(created == committed, "`addressbook openapi > openapi/openapi.json` brings it up to date");
}

#[test]
fn is_served_in_both_forms() {
    let client = Service::shared(Backend::Sqlite).unwrap().anonymous();
    let json = client.get("/openapi.json");
    assert_eq!(json.header("Content-Type"), "application/json");
    let mut served = json.expect(200);
    served["servers"][0]["url"] = json!("/");
    assert_eq!(served, document());
    let yaml = client.get("/openapi.yaml");
    assert_eq!((yaml.status, yaml.header("Content-Type")), (200, "application/yaml"));
    assert!(String::from_utf8(yaml.body).unwrap().starts_with("openapi: 3.1.0\n"));
    assert_eq!(client.send("HEAD", "/openapi.json", &[], b"").status, 200);
    let reply = client.send_json("POST", "/openapi.json", "{}");
    assert_eq!((reply.status, reply.header("Allow")), (405, "GET, HEAD"));
}

#[test]
fn has_title_version_licence_and_stable_operation_ids() {
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
        for permission in operation["security"][0]["ApiKey"].as_array().into_iter().flatten() {
            let permission = permission.as_str().unwrap();
            assert!(operation["description"].as_str().unwrap().contains(permission), "{id}");
        }
    }
    // Operation ids are method names in clients' programs: the table of operations lists them.
    assert_eq!(ids, OPERATIONS.iter().map(|operation| operation.id).collect());
    assert!(!document["paths"].as_object().unwrap().keys().any(|path| path.starts_with("/contacts")));
}

/// A document whose schemas are to be compiled. It is large, and has hundreds of them: it is read once.
pub struct Schemas {
    pub document: Value,
    registry: jsonschema::Registry<'static>,
}

impl Schemas {
    const DOCUMENT: &str = "urn:document";

    pub fn of(document: Value) -> Self {
        let registry = jsonschema::Registry::new().draft(jsonschema::Draft::Draft202012);
        let registry = registry.add(Self::DOCUMENT, document.clone()).unwrap().prepare().unwrap();
        Self { document, registry }
    }

    /// A validator of the schema at a JSON pointer.
    pub fn validator(&self, pointer: &str) -> jsonschema::Validator {
        let pointer = pointer.replace('{', "%7B").replace('}', "%7D");
        let schema = json!({"$ref": format!("{}#{pointer}", Self::DOCUMENT)});
        jsonschema::draft202012::options().with_registry(&self.registry).build(&schema).unwrap()
    }
}

#[test]
fn its_examples_validate() {
    let seen = validate_examples(document());
    assert!(seen > 250, "{seen} examples");
}

/// Validates each example of a document against its schema; returns how many there are.
pub fn validate_examples(document: Value) -> usize {
    let schemas = Schemas::of(document);
    let document = &schemas.document;
    let mut seen = 0;
    let mut walk = vec![(String::new(), document)];
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
            let validator = schemas.validator(&format!("{pointer}/schema"));
            for (name, example) in examples {
                let errors: Vec<_> =
                    validator.iter_errors(&example["value"]).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{pointer}: {name}: {errors:?}");
                seen += 1;
            }
        }
        // Schemas have `examples`; some still have the deprecated `example`.
        let listed = value.get("examples").and_then(Value::as_array).into_iter().flatten();
        let mut examples = listed.chain(value.get("example")).peekable();
        if value.get("type").is_some() && examples.peek().is_some() {
            let validator = schemas.validator(&pointer);
            for example in examples {
                assert!(validator.is_valid(example), "{pointer}: {example}");
                seen += 1;
            }
        }
        walk.extend(children.into_iter().map(|(key, value)| (format!("{pointer}/{key}"), value)));
    }
    seen
}

/// The requests in the curl samples; the samples in other languages derive from the same request.
#[test]
fn its_samples_validate() {
    let schemas = Schemas::of(document());
    let document = &schemas.document;
    for call in crate::harness::operations::Call::all(document) {
        let operation = format!("/paths/{}/{}", call.path.replace('/', "~1"), call.method.to_lowercase());
        let described = document.pointer(&operation).unwrap();
        let sample = &described["x-codeSamples"][0];
        assert_eq!(sample["label"], "curl");
        let source = sample["source"].as_str().unwrap();
        let body = source.split("--data").nth(1).map(|rest| rest.split('\'').nth(1).unwrap());
        assert_eq!(body.is_some(), described["requestBody"].is_object(), "{}", call.id);
        if let Some(body) = body.filter(|_| call.has_json()) {
            let schema = format!("{operation}/requestBody/content/application~1json/schema");
            let body: Value = serde_json::from_str(body).unwrap();
            assert!(schemas.validator(&schema).is_valid(&body), "{}: {body}", call.id);
        }
        let address = source.split('"').nth(1).unwrap().strip_prefix("$BASE_URL").unwrap();
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let mut sent: Vec<(&str, &str)> =
            query.split_terminator('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let mut collection = "";
        for (expected, segment) in call.path.split('/').zip(path.split('/')) {
            match expected.strip_prefix('{') {
                // `$GROUP_ID` is the id of a group.
                Some(_) if segment.starts_with('$') => {
                    let resolve_ref = segment[1..].strip_suffix("_ID").map(|name| name.to_lowercase() + "s");
                    assert_eq!(resolve_ref.as_deref(), Some(collection), "{}", call.id);
                }
                Some(name) => sent.push((name.trim_end_matches('}'), segment)),
                None => assert_eq!(expected, segment, "{}", call.id),
            }
            collection = expected;
        }
        for (name, text) in sent {
            let index = call.known.iter().position(|(known, _)| known == name).unwrap();
            let schema = format!("{operation}/parameters/{index}/schema");
            let is_number = document.pointer(&schema).unwrap()["type"] == "integer";
            let value = if is_number { json!(text.parse::<u64>().unwrap()) } else { json!(text) };
            assert!(schemas.validator(&schema).is_valid(&value), "{} {name}: {value}", call.id);
        }
    }
}

#[test]
fn every_body_has_an_example() {
    require_examples(&document());
}

/// Of each body and each header.
pub fn require_examples(document: &Value) {
    for (id, operation) in operations(document) {
        let request = &operation["requestBody"]["content"]["application/json"];
        assert!(request.is_null() || !request["examples"].as_object().unwrap().is_empty(), "{id}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{id} {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{id} {status}");
            for (name, header) in response["headers"].as_object().unwrap() {
                let example = header["schema"]["examples"][0].as_str();
                assert!(example.is_some_and(|example| !example.is_empty()), "{id} {status}: {name}");
            }
            let mut content =
                response["content"].as_object().into_iter().flat_map(|content| content.values());
            let content = content.next().unwrap_or(&Value::Null);
            assert!(content.is_null() == ["204", "304"].contains(&status.as_str()), "{id} {status}");
            assert!(
                content.is_null() || !content["examples"].as_object().unwrap().is_empty(),
                "{id} {status}"
            );
        }
    }
}

#[test]
fn every_operation_documents_every_status() {
    let document = document();
    for call in crate::harness::operations::Call::all(&document) {
        let id = &call.id;
        let statuses = BTreeSet::from_iter(call.statuses.iter().copied());
        if !call.needs_key {
            assert!(
                statuses.contains(&414) && statuses.iter().all(|status| [200, 414, 503].contains(status))
            );
            continue;
        }
        // Where any key will do, that of a suspended account will not.
        let mut expected = BTreeSet::from([401, 403, 414, 429, 500, 503]);
        expected.extend(statuses.iter().filter(|status| **status < 400));
        assert!(statuses.iter().any(|status| (200..300).contains(status)), "{id}");
        if !call.known.is_empty() || call.body.is_some() {
            expected.insert(400);
        }
        if call.body.is_some() {
            expected.extend([408, 413, 415]);
        }
        // Every create accepts an idempotency key, and so does a batch, whose results are not gone with a contact.
        assert_eq!(call.takes("Idempotency-Key"), call.creates() || call.applies_batch(), "{id}");
        if call.creates() {
            expected.extend([410, 422]);
        }
        // A position that has expired.
        if ["listChanges", "listAuditEntries"].contains(&id.as_str()) {
            expected.insert(410);
        }
        // An atomic batch has the error of an item.
        if call.applies_batch() {
            expected.extend([404, 409, 412, 422]);
        }
        // A template that is too costly.
        if id.starts_with("resolve") {
            expected.insert(422);
        }
        // Deletes work on a full disk.
        let deletes = call.method == "DELETE" || call.path.ends_with("/delete");
        let writes = call.permission.as_ref().is_some_and(|permission| !permission.starts_with("read:"));
        if writes && !deletes || call.creates() {
            expected.insert(507);
        }
        // A resource with an entity tag is changed with `If-Match` and read with `If-None-Match`.
        let shown = &document["paths"][&call.path]["get"]["responses"]["200"]["headers"]["ETag"];
        let changes = ["PATCH", "DELETE"].contains(&call.method.as_str());
        assert_eq!(call.takes("If-Match"), changes && shown.is_object(), "{id}");
        assert_eq!(statuses.contains(&304), call.method == "GET" && shown.is_object(), "{id}");
        if call.takes("If-Match") {
            expected.insert(412);
        }
        // A cursor can name a deleted contact; a body can name a missing template.
        let names_template = !call.json()["template"].is_null() && !call.path.contains("templates");
        if call.path.contains('{') || names_template {
            expected.insert(404);
        }
        // A filter can name a missing group, or a field that is being built.
        let has_filter =
            call.takes("filter") || call.path.ends_with("/batch/get") || id == "changeGroupMembers";
        if has_filter || call.path.ends_with("/batch/delete") {
            expected.extend([404, 409]);
        }
        // A name that is taken, an idempotency key in use, a number that several contacts share.
        let by_number = call.path.starts_with("/addressbook/") && call.path.ends_with("/contacts/{contact}");
        let by_state = ["putImportFile", "commitImport", "undoImport", "deleteField"].contains(&id.as_str());
        if call.creates() || id.starts_with("update") || by_number || by_state {
            expected.insert(409);
        }
        // More than an account may store.
        if id == "putImportFile" {
            expected.insert(422);
        }
        assert_eq!(statuses, expected, "{id}");
    }
}

/// The schema itself, or the target of its `$ref`.
pub fn resolve_ref<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(&name[1..]).unwrap(),
        None => schema,
    }
}

/// `OptOut` → `opt_out`.
fn snake_case(name: &str) -> String {
    let words = name.split_inclusive(|_: char| true).map(|letter| {
        let is_first = letter.chars().all(char::is_uppercase);
        if is_first { format!("_{}", letter.to_lowercase()) } else { letter.to_owned() }
    });
    words.collect::<String>().trim_start_matches('_').to_owned()
}

/// Properties that code generators depend on.
#[test]
fn is_fit_for_generators() {
    let document = document();
    // OpenAPI Generator rejects a licence with neither URL nor identifier.
    assert!(document["info"]["license"]["url"].is_string());
    // The free-form object has a name: generators invent names for anonymous schemas. Each alternative of a union has a
    // title, after which generators name its type.
    let inline = |schema: &Value| {
        (schema["enum"].is_array() && schema["title"].is_null()) || schema["additionalProperties"] == true
    };
    for schema in document["components"]["schemas"].as_object().unwrap().values() {
        for (member, rules) in schema["properties"].as_object().into_iter().flatten() {
            assert!(!inline(rules), "{member}: {rules}");
            // Not every generator supports lists of types.
            assert!(!rules["type"].is_array(), "{member}: {rules}");
        }
    }
    for (id, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            // A title instead of a `$ref` next to other keywords, which the C and C++ generators do not support.
            let schema = &parameter["schema"];
            assert!(schema["$ref"].is_null(), "{id}: {parameter}");
            assert_eq!(schema["enum"].is_array(), schema["title"].is_string(), "{id}: {parameter}");
        }
        // A parameter name must not equal the method name.
        let created = id.strip_prefix("create").or(id.strip_prefix("declare"));
        let created = if id.starts_with("resolve") { Some("Audience") } else { created };
        let expected = match (operation["requestBody"].is_object(), created) {
            (true, None) if id.contains("ContactBatch") => json!("batch"),
            // `import` is reserved in many languages.
            (true, _) if id == "createImport" => json!("options"),
            (true, _) if id == "putImportFile" => json!("file"),
            (true, _) if id == "commitImport" => json!("plan"),
            (true, _) if id == "eraseContacts" => json!("erasure"),
            (true, Some(created)) => json!(snake_case(created.trim_start_matches("AddressBook"))),
            (true, None) => json!("changes"),
            (false, _) => Value::Null,
        };
        assert_eq!(operation["requestBody"]["x-codegen-request-body-name"], expected, "{id}");
    }
}

/// Calls a function with each object inside a value and its JSON pointer. Skips examples: their content is not
/// schema.
pub fn each_object<'a>(value: &'a Value, pointer: &str, seen: &mut impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(members) => {
            seen(pointer, value);
            for (name, member) in members {
                let is_example =
                    ["example", "examples"].contains(&name.as_str()) && !pointer.ends_with("/properties");
                if !is_example && name != "x-codeSamples" {
                    each_object(member, &format!("{pointer}/{name}"), seen);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_object(item, &format!("{pointer}/{index}"), seen);
            }
        }
        _ => {}
    }
}

/// Regressions of third-party generators and converters: each line names the tool that failed.
#[test]
fn works_with_third_party_generators() {
    let document = document();
    let (mut integers, mut lists, mut refusals, mut files) = (0, 0, 0, 0);
    each_object(&document, "", &mut |pointer, schema| {
        // swagger-typescript-api turned it into `any`, openapi-mcp-generator into a schema that rejects everything.
        assert!(!schema["not"].is_object(), "{pointer}");
        refusals += usize::from(schema["if"]["pattern"].is_string() && schema["then"]["maxLength"] == 0);
        if schema["type"] == "integer" {
            assert!(["int32", "int64"].contains(&schema["format"].as_str().unwrap_or_default()), "{pointer}");
            integers += 1;
        }
        if schema["type"] == "object" {
            let is_described =
                ["properties", "additionalProperties"].iter().any(|it| schema[it] != Value::Null);
            assert!(is_described, "{pointer}: {schema}");
        }
        if schema["type"] == "array" {
            assert!(schema["maxItems"].is_u64(), "{pointer}");
            lists += 1;
        }
        // Unions of responses: orval, typed-openapi, ng-openapi-gen. A file is a string, unless it is JSON.
        if let Some(content) = schema["content"].as_object() {
            let is_file = content.iter().all(|(media_type, content)| match &content["schema"] {
                Value::Null => media_type.ends_with("+json"),
                schema => {
                    *schema == json!({"type": "string"})
                        || *schema == json!({"type": "string", "format": "binary"})
                }
            });
            assert!(is_file || content.keys().eq(["application/json"]), "{pointer}");
            files += usize::from(is_file);
        }
    });
    assert!(integers > 30 && lists > 30 && refusals > 30, "{integers} {lists} {refusals}");
    assert_eq!(files, 3);

    // A closed set of values in a request is an `enum`, not a pattern.
    for member in ["CreateAudience", "ResolveAddressBookAliases"] {
        let choice = &document["components"]["schemas"][member]["properties"]["missing_variables"];
        assert_eq!(choice["enum"], json!(["exclude", "blank"]));
    }
    for (id, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            // Postman and dredd look for an example at the parameter.
            let schema = &parameter["schema"];
            let needs_none =
                schema["enum"].is_array() || schema["type"] == "integer" || schema["type"] == "boolean";
            assert!(needs_none || parameter["example"].is_string(), "{id}: {}", parameter["name"]);
            assert_eq!(parameter["example"], schema["examples"][0], "{id}: {}", parameter["name"]);
        }
    }
    assert_eq!(parameter_example(&document, "/v1/contacts/{id}", "patch", "If-Match"), &json!("\"1\""));

    // One sentence: code generators put it into the header of every file.
    let about = document["info"]["description"].as_str().unwrap();
    assert!(!about.contains('\n') && !about.contains('|') && about.ends_with('.'), "{about}");
    // Where tags are not shown, the summary distinguishes the dialects.
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let summary = operation["summary"].as_str().unwrap();
            assert_eq!(
                summary.starts_with("Address book: "),
                path.starts_with("/addressbook/"),
                "{path}: {summary}"
            );
        }
    }
    // The address book has the same sub-tags as v1.
    let tags: BTreeSet<&str> = operations(&document)
        .filter(|(id, _)| id.contains("AddressBook"))
        .map(|(_, operation)| operation["tags"][0].as_str().unwrap())
        .collect();
    assert_eq!(
        tags,
        BTreeSet::from([
            "Address book",
            "Address book audiences",
            "Address book groups",
            "Address book opt-outs",
            "Address book segments"
        ])
    );
}

fn parameter_example<'a>(document: &'a Value, path: &str, method: &str, name: &str) -> &'a Value {
    let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
    &parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["example"]
}
