//! Every kind of invalid request gets an error in the envelope of its dialect, and changes nothing.

use serde_json::{Value, json};

use crate::harness::{Client, Reply};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Where a dialect creates contacts, its names for the required members, and its error codes.
struct Dialect {
    path: &'static str,
    handle: &'static str,
    phone: &'static str,
    error: fn(&Reply) -> String,
}

const DIALECTS: [Dialect; 3] = [
    Dialect { path: "/v1/contacts", handle: "username", phone: "phone_number", error: v1_error },
    Dialect { path: "/addressbook/contacts", handle: "alias", phone: "msisdn", error: book_error },
    Dialect { path: "/contacts", handle: "alias", phone: "msisdn", error: book_error },
];

/// Checks v1's error envelope; returns the status for comparison.
fn v1_error(reply: &Reply) -> String {
    let json = reply.json();
    assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
    assert!(json["error"]["code"].is_string() && json["error"]["message"].is_string(), "{json}");
    check_details(&json, 2);
    json["error"]["code"].as_str().unwrap().to_owned()
}

/// Checks the address book's error envelope; returns the name.
fn book_error(reply: &Reply) -> String {
    let json = reply.json();
    assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
    assert_eq!(json["success"], false);
    assert_eq!(json["error"]["statusCode"], reply.status);
    assert!(json["error"]["message"].is_string(), "{json}");
    check_details(&json, 3);
    json["error"]["name"].as_str().unwrap().to_owned()
}

fn check_details(json: &Value, members: usize) {
    let details = json["error"]["details"].as_array();
    assert_eq!(json["error"].as_object().unwrap().len(), members + usize::from(details.is_some()), "{json}");
    for detail in details.into_iter().flatten() {
        for member in ["field", "code", "message"] {
            assert!(detail[member].is_string(), "{json}");
        }
    }
}

fn total(client: &Client) -> Value {
    client.get("/addressbook/contacts").expect(200)["total"].clone()
}

on_both_databases! {
    fn invalid_bodies_are_rejected_without_a_change(service: &Service) {
        let client = service.client();
        for Dialect { path, handle, phone, error } in DIALECTS {
            let good_phone = r#""+4479000000001""#;
            let deep = format!(r#"{{"{handle}":{}}}"#, "[".repeat(16) + &"]".repeat(16));
            for (body, field, code) in [
                ("{}".to_owned(), handle, "required"),
                (format!(r#"{{"{handle}":"j"}}"#), phone, "required"),
                (format!(r#"{{"{handle}":null,"{phone}":{good_phone}}}"#), handle, "required"),
                (format!(r#"{{"{handle}":"j","{phone}":{good_phone},"nickname":"x"}}"#), "nickname", "unknown"),
                (format!(r#"{{"{handle}":"j","{handle}":"j","{phone}":{good_phone}}}"#), handle, "duplicate"),
                (format!(r#"{{"{handle}":"j","{phone}":{good_phone},"meta":{{"A":1,"A":1}}}}"#), "meta.A", "duplicate"),
                (format!(r#"{{"{handle}":"j","{phone}":{good_phone},"meta":{{"A":[{{"b":1,"b":2}}]}}}}"#), "meta.A.0.b", "duplicate"),
                (format!(r#"{{"{handle}":5,"{phone}":{good_phone}}}"#), handle, "wrong_type"),
                (format!(r#"{{"{handle}":["j"],"{phone}":{good_phone}}}"#), handle, "wrong_type"),
                (format!(r#"{{"{handle}":"j","{phone}":4479000000001}}"#), phone, "wrong_type"),
                (format!(r#"{{"{handle}":"j","{phone}":{good_phone},"meta":"x"}}"#), "meta", "wrong_type"),
                (format!(r#"{{"{handle}":"j","{phone}":{good_phone},"meta":{{"A":18446744073709551616}}}}"#), "meta.A", "inexact_number"),
                (format!(r#"{{"{handle}":"j","{phone}":{good_phone},"meta":{{"A":[{{"B":-9223372036854775809}}]}}}}"#), "meta.A.0.B", "inexact_number"),
                (format!(r#"{{"{handle}":"j","{phone}":{good_phone},"meta":{{"A":1e400}}}}"#), "meta.A", "inexact_number"),
                (format!(r#"{{"{handle}":"","{phone}":{good_phone}}}"#), handle, "blank"),
                (format!(r#"{{"{handle}":" \u00a0 ","{phone}":{good_phone}}}"#), handle, "blank"),
                (format!(r#"{{"{handle}":"j","{phone}":"  "}}"#), phone, "blank"),
                (format!(r#"{{"{handle}":"a\u0000b","{phone}":{good_phone}}}"#), handle, "forbidden_character"),
                (format!(r#"{{"{handle}":"a\u202eb","{phone}":{good_phone}}}"#), handle, "forbidden_character"),
                (deep.replacen("[[", "[", 1).replacen("]]", "]", 1), handle, "wrong_type"),
            ] {
                let reply = client.send_json("POST", path, &body);
                assert_eq!(reply.status, 400, "{body}");
                let name = error(&reply);
                assert!(["validation_failed", "ValidationError"].contains(&name.as_str()), "{name}");
                let (message, at, what) = reply.violation(400);
                assert_eq!((at.as_str(), what.as_str()), (field, code), "{body}");
                assert!(message.to_lowercase().contains(&field.to_lowercase()), "{message} names {field}");
            }
            for body in ["", "{", "[]", "null", "42", "\"x\"", "{}{}", "{\"a\":1,}", r#"["john","+4479000000001"]"#, &deep, r#"{"x":"\ud800"}"#] {
                let reply = client.send("POST", path, &[JSON], body.as_bytes());
                if body.is_empty() {
                    // The client sends no Content-Type without a body; here it must.
                    assert_eq!(reply.status, 400);
                }
                assert_eq!(reply.status, 400, "{body}");
                let name = error(&reply);
                assert!(["malformed_json", "ValidationError"].contains(&name.as_str()), "{body}: {name}");
            }
            let not_utf8 = client.send("POST", path, &[JSON], b"{\"x\":\"\xff\"}");
            assert_eq!(not_utf8.status, 400);
            error(&not_utf8);
        }
        assert_eq!(total(&client), 0);
    }

    fn two_missing_required_members_are_both_reported(service: &Service) {
        for Dialect { path, handle, phone, .. } in DIALECTS {
            let reply = service.client().post(path, &json!({}));
            let details = reply.expect(400)["error"]["details"].clone();
            let fields: Vec<_> = details.as_array().unwrap().iter().map(|detail| detail["field"].as_str().unwrap()).collect();
            assert_eq!(fields, [handle, phone]);
            assert_eq!(reply.json()["error"]["message"], details[0]["message"]);
            // Together with other violations.
            let reply = service.client().post(path, &json!({phone: 5, "x": 1}));
            let codes: Vec<_> = reply.expect(400)["error"]["details"].as_array().unwrap().iter()
                .map(|detail| detail["code"].as_str().unwrap().to_owned()).collect();
            assert_eq!(codes, ["required", "wrong_type", "unknown"]);
        }
    }

    fn rejected_values_are_not_echoed(service: &Service) {
        for Dialect { path, handle, phone, .. } in DIALECTS {
            for body in [
                json!({handle: 987_654_321, phone: "secret-number"}),
                json!({handle: "very\u{0}secret", phone: {"secret": "secret"}}),
            ] {
                let reply = service.client().post(path, &body);
                assert_eq!(reply.status, 400);
                let text = String::from_utf8(reply.body).unwrap();
                assert!(!text.contains("secret") && !text.contains("987654321"), "{text}");
            }
        }
    }

    fn invalid_heads_are_rejected_without_a_change(service: &Service) {
        let client = service.client();
        for Dialect { path, handle, phone, error } in DIALECTS {
            let body = json!({handle: "john", phone: "+4479000000001"}).to_string();
            for headers in [
                vec![], vec![("Content-Type", "text/plain")], vec![("Content-Type", "application/x-www-form-urlencoded")],
                vec![("Content-Type", "application/jsonx")], vec![JSON, ("Content-Encoding", "gzip")],
            ] {
                let reply = client.send("POST", path, &headers, body.as_bytes());
                assert_eq!(reply.status, 415, "{headers:?}");
                assert!(["unsupported_media_type", "UnsupportedMediaTypeError"].contains(&error(&reply).as_str()));
            }
            let large = json!({handle: "john", phone: "+4479000000001", "meta": {"a": "x".repeat(65_536)}}).to_string();
            let reply = client.send_json("POST", path, &large);
            assert_eq!(reply.status, 413);
            assert!(["payload_too_large", "PayloadTooLargeError"].contains(&error(&reply).as_str()));

            let reply = client.get(&format!("{path}?x={}", "y".repeat(8_192)));
            assert_eq!(reply.status, 414);
            assert!(["uri_too_long", "UriTooLongError"].contains(&error(&reply).as_str()));

            for (address, allow) in [(path.to_owned(), "POST, GET, HEAD"), (format!("{path}/4479000000001"), "")] {
                for method in ["PUT", "OPTIONS", "PURGE"] {
                    if method == "PUT" && address.starts_with("/v1/contacts/") {
                        continue;
                    }
                    let reply = client.send(method, &address, &[], b"");
                    assert_eq!(reply.status, 405, "{method} {address}");
                    assert!(["method_not_allowed", "MethodNotAllowedError"].contains(&error(&reply).as_str()));
                    assert!(reply.header("Allow").contains(allow) && !reply.header("Allow").is_empty());
                }
            }
            let reply = client.get(&format!("{path}/a/b/c"));
            assert_eq!(reply.status, 404);
            assert!(["route_not_found", "NotFoundError"].contains(&error(&reply).as_str()));
        }
        assert_eq!(total(&client), 0);
        assert_eq!(book_error(&client.get("/addressbook")), "NotFoundError");
        assert_eq!(v1_error(&client.get("/v1/nothing")), "route_not_found");
        assert_eq!(v1_error(&client.get("/nothing")), "route_not_found");
    }
}
