//! The documents as served: compression, entity tags, and server URLs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use addressbook::http::addressbook::dialect::DOCUMENT_PATH as ADDRESS_BOOK_PATH;
use addressbook::http::openapi::{JSON_PATH, VERSION_3_0_PATH, YAML_PATH};
use addressbook::http::v1::dialect::DOCUMENT_PATH as V1_PATH;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::harness::{Backend, Client, Reply, Service};
use crate::middleware::raw;
use crate::openapi::{document, operations};

const PATHS: [&str; 5] = [JSON_PATH, YAML_PATH, V1_PATH, ADDRESS_BOOK_PATH, VERSION_3_0_PATH];

/// A document without its server URL.
fn without_address(client: &Client, path: &str) -> Value {
    let mut document = client.get(path).expect(200);
    assert_eq!(document["servers"].as_array().unwrap().len(), 1);
    document["servers"][0]["url"] = json!("/");
    document
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut decoder = GzDecoder::new(bytes);
    // Verifies the trailer (length and CRC), too.
    decoder.read_to_end(&mut text).unwrap();
    assert!(decoder.into_inner().is_empty(), "one stream and nothing behind it");
    text
}

#[test]
fn are_compressed_and_have_entity_tags() {
    let client = Service::shared(Backend::Sqlite).unwrap().anonymous();
    for path in PATHS {
        let get = |headers: &[(&str, &str)]| client.send("GET", path, headers, b"");
        let plain = client.get(path);
        let zipped = get(&[("Accept-Encoding", "gzip, deflate, br")]);
        assert_eq!((plain.status, zipped.status), (200, 200), "{path}");
        assert_eq!(unzipped(&zipped.body), plain.body, "{path}");
        assert!(zipped.body.len() * 8 < plain.body.len(), "{path}: {} bytes", zipped.body.len());
        let all = |name| [plain.header(name).to_owned(), zipped.header(name).to_owned()];
        assert_eq!(all("Content-Encoding"), ["", "gzip"], "{path}");
        assert_eq!(all("Vary"), ["Accept-Encoding", "Accept-Encoding"], "{path}");
        assert_eq!(all("Cache-Control"), ["no-cache", "no-cache"], "{path}");
        assert_eq!(all("Content-Type")[0], all("Content-Type")[1], "{path}");
        let [plain_tag, zipped_tag] = all("ETag");
        assert!(plain_tag.starts_with('"') && plain_tag != zipped_tag, "{path}: {plain_tag} {zipped_tag}");

        let known = |tag: &str, encoding: &str| -> Reply {
            get(&[("If-None-Match", tag), ("Accept-Encoding", encoding)])
        };
        for (tag, encoding) in [(&plain_tag, "identity"), (&zipped_tag, "gzip")] {
            let unchanged = known(tag, encoding);
            assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{path} {encoding}");
            assert_eq!((unchanged.header("ETag"), unchanged.header("Vary")), (&**tag, "Accept-Encoding"));
        }
        assert_eq!(known(&plain_tag, "gzip").status, 200, "{path}");
        assert_eq!(known("\"other\"", "gzip").status, 200, "{path}");
        for encoding in ["identity", "gzip;q=0", "br", "gzip;q=0.1, identity;q=0.9"] {
            assert_eq!(get(&[("Accept-Encoding", encoding)]).header("Content-Encoding"), "", "{encoding}");
        }
        let head = client.send("HEAD", path, &[("Accept-Encoding", "gzip")], b"");
        assert_eq!(head.header("Content-Length"), zipped.body.len().to_string(), "{path}");
    }
}

/// The server URL in the document for a request with these headers.
fn server_url(service: &Service, headers: &str) -> String {
    let request = format!("GET /openapi.json HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    let response = raw(service, request.as_bytes());
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{headers}: {head}");
    serde_json::from_str::<Value>(body).unwrap()["servers"][0]["url"].as_str().unwrap().to_owned()
}

#[test]
fn have_the_url_of_the_request() {
    let service = Service::shared(Backend::Sqlite).unwrap();
    let client = service.anonymous();
    for path in [JSON_PATH, V1_PATH, ADDRESS_BOOK_PATH, VERSION_3_0_PATH] {
        let document = client.get(path).expect(200);
        assert_eq!(document["servers"][0]["url"], format!("http://{}", service.address), "{path}");
    }
    let yaml = String::from_utf8(client.get(YAML_PATH).body).unwrap();
    assert!(yaml.contains(&format!("\n- url: http://{}\n", service.address)));

    for host in ["example.com", "example.com:8443", "a-b_c.example", "127.0.0.1:1", "[::1]", "[::1]:8080"] {
        assert_eq!(server_url(service, &format!("Host: {host}\r\n")), format!("http://{host}"));
    }
    let long = "x".repeat(254);
    for host in
        ["", "a b", "a\"b", "a/b", "a?b", "user@host", "a:99999", "a:b", "[::g]", "[", "<a>", "{a}", &long]
    {
        assert_eq!(server_url(service, &format!("Host: {host}\r\n")), "/", "{host}");
    }
    let forwarded =
        "Host: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nX-Forwarded-Prefix: /c\r\n";
    assert_eq!(
        server_url(service, forwarded),
        "http://a",
        "forwarded headers are ignored without the setting"
    );

    // Another server URL is another representation.
    let [one, other] = ["example.com", "other.example"].map(|host| {
        let reply = client.send("GET", JSON_PATH, &[("Host", host), ("Accept-Encoding", "gzip")], b"");
        let document: Value = serde_json::from_slice(&unzipped(&reply.body)).unwrap();
        assert_eq!(document["servers"][0]["url"], format!("http://{host}"));
        reply.header("ETag").to_owned()
    });
    assert_ne!(one, other);
}

#[test]
fn have_the_url_that_a_trusted_proxy_forwards() {
    let service = Service::start(Backend::Sqlite, |settings| settings.trust_proxy = true).unwrap();
    let server_url = |headers: &str| server_url(&service, &format!("Host: inner:1\r\n{headers}"));
    assert_eq!(server_url(""), "http://inner:1");
    assert_eq!(server_url("X-Forwarded-Proto: https\r\n"), "https://inner:1");
    assert_eq!(
        server_url("X-Forwarded-Proto: https\r\nX-Forwarded-Host: example.com\r\n"),
        "https://example.com"
    );
    let prefixed =
        "X-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: example.com\r\nX-Forwarded-Prefix: /book/\r\n";
    assert_eq!(server_url(prefixed), "https://example.com/book");
    for unsound in [
        "X-Forwarded-Proto: javascript\r\n",
        "X-Forwarded-Host: a/b\r\n",
        "X-Forwarded-Host: a, b\r\n",
        "X-Forwarded-Host: a\r\nX-Forwarded-Host: b\r\n",
        "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n",
    ] {
        assert_eq!(server_url(unsound), "http://inner:1", "{unsound}");
    }
}

/// Component names by kind: defined, and referenced.
fn components(document: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let kinds = document["components"].as_object().unwrap();
    let defined = kinds.iter().filter(|(kind, _)| *kind != "securitySchemes").flat_map(|(kind, all)| {
        all.as_object().unwrap().keys().map(move |name| format!("#/components/{kind}/{name}"))
    });
    let (defined, mut referred) = (defined.collect(), BTreeSet::new());
    let mut walk = vec![document];
    while let Some(value) = walk.pop() {
        match value {
            Value::Object(map) => {
                referred.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                walk.extend(map.values());
            }
            Value::Array(list) => walk.extend(list),
            _ => {}
        }
    }
    (defined, referred)
}

#[test]
fn a_dialects_document_equals_its_part_of_the_whole() {
    let client = Service::shared(Backend::Sqlite).unwrap().anonymous();
    let whole = document();
    let whole_operations: BTreeMap<&str, &Value> = operations(&whole).collect();
    let mut paths = BTreeSet::new();
    for (path, prefix, own, foreign) in [
        (V1_PATH, "/v1/", "V1Error", "AddressBookError"),
        (ADDRESS_BOOK_PATH, "/addressbook/", "AddressBookError", "V1Error"),
    ] {
        let part = without_address(&client, path);
        let expected: BTreeSet<_> =
            whole["paths"].as_object().unwrap().keys().filter(|path| path.starts_with(prefix)).collect();
        assert!(expected.len() > 5);
        assert_eq!(part["paths"].as_object().unwrap().keys().collect::<BTreeSet<_>>(), expected, "{path}");
        paths.extend(expected.into_iter().cloned());

        let (defined, referred) = components(&part);
        assert_eq!(defined, referred, "{path}: all that is referred to is there, and nothing else");
        let schemas = part["components"]["schemas"].as_object().unwrap();
        assert!(schemas.contains_key(own) && !schemas.contains_key(foreign), "{path}");
        for (name, schema) in schemas {
            assert_eq!(schema, &whole["components"]["schemas"][name]);
        }
        let ids: BTreeSet<_> = operations(&part).map(|(id, _)| id).collect();
        let tags: BTreeSet<_> =
            part["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        assert!(!tags.contains("Health"), "{tags:?}");
        for (id, operation) in operations(&part) {
            let mut expected = whole_operations[id].clone();
            assert!(
                operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(tag.as_str().unwrap()))
            );
            // A link to an operation of the other dialect is dropped.
            for (status, response) in expected["responses"].as_object_mut().unwrap() {
                let links = operation["responses"][status]["links"].as_object().into_iter().flatten();
                for (_, link) in links {
                    assert!(ids.contains(link["operationId"].as_str().unwrap()), "{id} {status}");
                }
                if let Some(links) = operation["responses"][status].get("links") {
                    response["links"] = links.clone();
                }
            }
            assert_eq!(operation, &expected, "{id}");
        }
        for member in ["openapi", "info"] {
            assert_eq!(part[member], whole[member], "{path}");
        }
        assert_eq!(part["components"]["securitySchemes"], whole["components"]["securitySchemes"]);
    }
    let all = whole["paths"].as_object().unwrap().keys().filter(|path| !path.ends_with('z'));
    assert_eq!(all.cloned().collect::<BTreeSet<_>>(), paths, "each operation is in one of them");
}

/// The schema keywords of OpenAPI 3.0.
const KEYWORDS_3_0: [&str; 35] = [
    "$ref",
    "title",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "required",
    "enum",
    "type",
    "allOf",
    "oneOf",
    "anyOf",
    "not",
    "items",
    "properties",
    "additionalProperties",
    "description",
    "format",
    "default",
    "nullable",
    "discriminator",
    "readOnly",
    "writeOnly",
    "externalDocs",
    "example",
    "deprecated",
];

/// Checks a schema of 3.0 and rewrites it as JSON Schema. Returns the number of schemas in it.
fn to_json_schema(schema: &mut Value, at: &str) -> usize {
    let map = schema.as_object_mut().unwrap_or_else(|| panic!("{at} is no object"));
    for (name, value) in map.iter() {
        assert!(KEYWORDS_3_0.contains(&name.as_str()) || name.starts_with("x-"), "{at}: {name}");
        assert!(name != "type" || value.is_string(), "{at}: {value}");
        assert!(!name.starts_with("exclusive") || value.is_boolean(), "{at}: {name}");
    }
    assert!(!map.contains_key("$ref") || map.len() == 1, "{at}: 3.0 ignores what stands beside a reference");
    let mut count = 1;
    for (name, value) in map.iter_mut() {
        let at = format!("{at}/{name}");
        match name.as_str() {
            "properties" => {
                for (name, value) in value.as_object_mut().unwrap() {
                    count += to_json_schema(value, &format!("{at}/{name}"));
                }
            }
            "allOf" | "oneOf" | "anyOf" => {
                assert!(!value.as_array().unwrap().is_empty(), "{at}");
                value
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .for_each(|value| count += to_json_schema(value, &at));
            }
            "items" | "not" => count += to_json_schema(value, &at),
            "additionalProperties" if value.is_object() => count += to_json_schema(value, &at),
            _ => {}
        }
    }
    if map.remove("nullable") == Some(json!(true)) {
        assert!(map.contains_key("type"), "{at}: `nullable` says nothing without a type");
        *schema = json!({"anyOf": [{"type": "null"}, schema.clone()]});
    }
    count
}

#[test]
fn version_3_0_is_equivalent() {
    let client = Service::shared(Backend::Sqlite).unwrap().anonymous();
    let whole = document();
    let mut derived = without_address(&client, VERSION_3_0_PATH);
    assert_eq!(derived["openapi"], "3.0.3");
    assert!(derived["webhooks"].is_null() && derived["jsonSchemaDialect"].is_null());
    let ids = |document: &Value| operations(document).map(|(id, _)| id.to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&derived), ids(&whole));
    assert_eq!(components(&derived).0, components(&whole).0);

    for (id, operation) in operations(&derived) {
        for requirement in operation["security"].as_array().unwrap() {
            // In 3.0, scopes are for OAuth only.
            assert_eq!(requirement["ApiKey"], json!([]), "{id}");
        }
    }
    // Nullable values are marked.
    let nullable = |name: &str, member: &str| {
        derived["components"]["schemas"][name]["properties"][member]["nullable"].clone()
    };
    assert_eq!(nullable("Contact", "avatar_url"), true);
    assert_eq!(nullable("Contact", "username"), Value::Null);

    // All schemas in place; then the examples are validated against them.
    let mut count = 0;
    for (name, schema) in derived["components"]["schemas"].as_object_mut().unwrap() {
        count += to_json_schema(schema, name);
    }
    let mut walk = vec![&mut derived["paths"]];
    while let Some(value) = walk.pop() {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match name.as_str() {
                        "schema" => count += to_json_schema(value, "schema"),
                        "example" | "examples" => {}
                        _ => walk.push(value),
                    }
                }
            }
            Value::Array(list) => walk.extend(list),
            _ => {}
        }
    }
    assert!(count > 1_000, "{count} schemas");
    let schemas = crate::openapi::Schemas::of(derived);
    let mut seen = 0;
    for (path, item) in schemas.document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("/paths/{}/{method}", path.replace('/', "~1"));
            let responses = operation["responses"].as_object().unwrap();
            let bodies = responses.iter().map(|(status, body)| (format!("{at}/responses/{status}"), body));
            let bodies = bodies.chain([(format!("{at}/requestBody"), &operation["requestBody"])]);
            for (at, body) in bodies {
                let examples = body["content"]["application/json"]["examples"].as_object();
                let schema = format!("{at}/content/application~1json/schema");
                let Some(examples) = examples else { continue };
                let validator = schemas.validator(&schema);
                for (name, example) in examples {
                    assert!(validator.is_valid(&example["value"]), "{at}: {name}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 250, "{seen} examples");
}

#[test]
fn equal_the_output_of_the_program() {
    let client = Service::shared(Backend::Sqlite).unwrap().anonymous();
    let folder = crate::harness::folder();
    for (name, path) in [("v1", V1_PATH), ("addressbook", ADDRESS_BOOK_PATH), ("3.0", VERSION_3_0_PATH)] {
        let output = crate::cli::addressbook(&folder, &["openapi", "--variant", name]).output().unwrap();
        assert!(output.status.success());
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed, without_address(&client, path), "{name}");
    }
    crate::cli::fails(&mut crate::cli::addressbook(&folder, &["openapi", "--variant", "2.0"]), &["2.0"]);
}
