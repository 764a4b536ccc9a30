//! `/v1/templates`.

use serde_json::{Value, json};

use crate::harness::{Client, Reply};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn create(client: &Client, name: &str, text: &str) -> Value {
    client.post("/v1/templates", &json!({"name": name, "text": text})).expect(201)
}

fn path(template: &Value) -> String {
    format!("/v1/templates/{}", template["id"].as_str().unwrap())
}

fn change(client: &Client, path: &str, tag: &str, body: &Value) -> Reply {
    client.send("PATCH", path, &[JSON, ("If-Match", tag)], body.to_string().as_bytes())
}

on_both_databases! {
    fn lists_its_variables(service: &Service) {
        let client = service.client();
        // Stored verbatim, white space included.
        let text = "  Hi {{ NAME | default(\"friend\") }},\n{{ CITY }} {% if STREET %}{{ STREET }}{% endif %}{{ CITY }}\u{301} ";
        let reply = client.post("/v1/templates", &json!({"name": " welcome ", "text": text}));
        let created = reply.expect(201);
        let variables = json!([
            {"name": "NAME", "required": false},
            {"name": "CITY", "required": true},
            {"name": "STREET", "required": false},
        ]);
        let expected = json!({
            "id": created["id"], "name": "welcome", "text": text, "variables": variables,
            "created_at": created["created_at"], "updated_at": created["created_at"],
        });
        assert_eq!(created, expected);
        assert_eq!((reply.header("Location"), reply.header("ETag")), (path(&created).as_str(), "\"1\""));
        let got = client.get(&path(&created));
        assert_eq!((got.expect(200), got.header("ETag")), (created, "\"1\""));
        let plain = create(&client, "difference", "{{ A - B }}{{ A -1 }}");
        assert_eq!(plain["variables"].as_array().unwrap().len(), 2);
        let plain = create(&client, "plain", "Nothing to fill in");
        assert_eq!(plain["variables"], json!([]));
    }

    fn a_syntax_error_is_reported_with_its_position(service: &Service) {
        let client = service.client();
        let template = create(&client, "welcome", "{{ NAME }}");
        for (text, at) in [
            ("Hello {{ NAME", "line 1"),
            ("Hello\n{{ NAME }}\n  {% if %}", "line 3, column 9"),
            ("é {% set a = 1 %}", "line 1, column 6"),
            ("{% for a in b %}", "line 1"),
            ("{{ NAME | nosuch }}", "line 1, column 11"),
            ("{% include 'other' %}", "line 1, column 4"),
            ("{{ contact.secret }}", "line 1, column 4"),
            ("{{ range(9) }}", "line 1, column 4"),
            ("{{first-name}}", "line 1, column 3: first-name is not a valid name: names consist of letters"),
            ("Hi {{ first-name | default('x') }}", "first-name is not a valid name"),
            ("{{ 1 + contact.first-last-name }}", "contact.first-last-name is not a valid name"),
        ] {
            for reply in [
                client.post("/v1/templates", &json!({"name": "other", "text": text})),
                client.patch(&path(&template), &json!({"text": text})),
            ] {
                let (message, field, code) = reply.violation(400);
                assert_eq!((field.as_str(), code.as_str()), ("text", "template_syntax"), "{text}");
                assert!(message.contains(at) && message.contains(", column "), "{text}: {message}");
            }
        }
        for (body, field, code) in [
            (json!({}), "name", "required"),
            (json!({"name": "a"}), "text", "required"),
            (json!({"name": "a", "text": " \n"}), "text", "blank"),
            (json!({"name": "a", "text": "x".repeat(4_001)}), "text", "too_long"),
            (json!({"name": "a", "text": "a\u{0}"}), "text", "nul_character"),
            (json!({"name": "x".repeat(65), "text": "a"}), "name", "too_long"),
            (json!({"name": "a\u{200b}", "text": "a"}), "name", "forbidden_character"),
            (json!({"name": "a", "text": "a", "variables": []}), "variables", "unknown"),
        ] {
            let (_, at, what) = client.post("/v1/templates", &body).violation(400);
            assert_eq!((at.as_str(), what.as_str()), (field, code), "{body}");
        }
        assert_eq!(client.get("/v1/templates").expect(200)["data"], json!([template]));
        assert_eq!(client.patch(&path(&template), &json!({"name": null, "text": null})).expect(200), template);
    }

    fn names_are_unique_within_the_account(service: &Service) {
        let client = service.client();
        let welcome = create(&client, "welcome", "Hi");
        let other = create(&client, "Welcome", "Names compare exactly");
        for reply in [
            client.post("/v1/templates", &json!({"name": " welcome", "text": "Ho"})),
            client.patch(&path(&other), &json!({"name": "welcome"})),
        ] {
            assert_eq!(reply.expect(409)["error"]["code"], "name_taken");
            let (message, field, code) = reply.violation(409);
            assert_eq!((message.as_str(), field.as_str(), code.as_str()), ("name is already taken", "name", "taken"));
        }
        assert_eq!(client.get(&path(&other)).expect(200), other, "as it was");
        client.delete(&path(&welcome)).expect(204);
        assert_eq!(client.get(&path(&welcome)).violation(404).0, "There is no such template");
        client.patch(&path(&other), &json!({"name": "welcome"})).expect(200);
        // Unique within the account only.
        create(&service.client(), "welcome", "Hi");
    }

    fn concurrent_creates_with_one_name_succeed_once(service: &Service) {
        let client = service.client();
        for round in 0..5 {
            let body = json!({"name": format!("name {round}"), "text": "Hi"});
            let mut statuses: Vec<u16> = std::thread::scope(|scope| {
                let racers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| client.clone().post("/v1/templates", &body).status)).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
        }
        assert_eq!(client.get("/v1/templates").expect(200)["data"].as_array().unwrap().len(), 5);
    }

    fn no_update_is_lost(service: &Service) {
        let client = service.client();
        let template = create(&client, "welcome", "Hi {{ NAME }}");
        let path = path(&template);
        assert_eq!(client.patch(&path, &json!({"text": "Hi {{ NAME }}"})).header("ETag"), "\"1\"", "nothing changed");
        std::thread::sleep(std::time::Duration::from_millis(5));
        let reply = change(&client, &path, "\"1\"", &json!({"text": "Ho {{ CITY }}"}));
        let changed = reply.expect(200);
        assert_eq!(reply.header("ETag"), "\"2\"");
        assert_eq!((&changed["name"], &changed["variables"][0]["name"]), (&json!("welcome"), &json!("CITY")));
        assert_eq!(changed["created_at"], template["created_at"]);
        assert!(changed["updated_at"].as_str() > template["updated_at"].as_str());

        for tag in ["\"1\"", "W/\"2\"", "nonsense"] {
            assert_eq!(change(&client, &path, tag, &json!({"name": "x"})).expect(412)["error"]["code"], "precondition_failed");
            assert_eq!(client.send("DELETE", &path, &[("If-Match", tag)], b"").status, 412);
        }
        assert_eq!(client.get(&path).expect(200), changed);
        let read = |tag: &str| client.send("GET", &path, &[("If-None-Match", tag)], b"");
        let same = read("\"2\"");
        assert_eq!((same.status, same.body.len(), same.header("ETag")), (304, 0, "\"2\""));
        assert_eq!(read("\"1\"").expect(200), changed);

        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|racer| {
                    let (client, path) = (client.clone(), &path);
                    scope.spawn(move || change(&client, path, "\"2\"", &json!({"text": format!("{racer}")})).status)
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(client.send("DELETE", &path, &[("If-Match", "\"3\"")], b"").status, 204);
        assert_eq!(change(&client, &path, "*", &json!({})).status, 404);
    }

    fn lists_are_ordered_newest_first(service: &Service) {
        let client = service.client();
        let mut created: Vec<Value> =
            (0..5).map(|i| create(&client, &format!("name {i}"), "Hi {{ NAME }}")).collect();
        created.reverse();
        let page = |query: &str| client.get(&format!("/v1/templates?{query}"));
        let first = page("limit=2");
        assert_eq!(first.expect(200), json!({"has_more": true, "data": created[..2]}));
        let next = format!("/v1/templates?limit=2&starting_after={}", created[1]["id"].as_str().unwrap());
        assert_eq!(first.header("Link"), format!("<{next}>; rel=\"next\""));
        assert_eq!(client.get(&next).expect(200)["data"], json!(created[2..4]));
        let before = page(&format!("ending_before={}", created[3]["id"].as_str().unwrap()));
        assert_eq!(before.expect(200), json!({"has_more": false, "data": created[..3]}));
        assert_eq!(page("name=name+3").expect(200), json!({"has_more": false, "data": [created[1]]}));
        assert_eq!(page("name=nobody").expect(200)["data"], json!([]));
        assert_eq!(page("text=Hi").violation(400).2, "unknown");
        assert_eq!(page("starting_after=1").violation(400).2, "not_a_uuid");
    }

    fn a_repeated_request_creates_one_template(service: &Service) {
        let client = service.client();
        let send = |key: &str, name: &str| {
            let body = json!({"name": name, "text": "Hi {{ NAME }}"}).to_string();
            client.send("POST", "/v1/templates", &[JSON, ("Idempotency-Key", key)], body.as_bytes())
        };
        let first = send("key", "welcome");
        let template = first.expect(201);
        let again = send("key", "welcome");
        assert_eq!((again.status, &again.body, again.header("ETag")), (201, &first.body, "\"1\""));
        // In its current state; 410 once it is deleted.
        client.patch(&path(&template), &json!({"name": "changed"})).expect(200);
        let again = send("key", "welcome");
        assert_eq!((again.expect(201)["name"].clone(), again.header("ETag")), (json!("changed"), "\"2\""));
        assert_eq!(again.header("Idempotent-Replayed"), "true");
        client.delete(&path(&template)).expect(204);
        let message = "The template that the first request with this idempotency key created has been deleted";
        assert_eq!(send("key", "welcome").violation(410).0, message);
        assert_eq!(send("key", "other").status, 422);
        assert_eq!(client.get("/v1/templates").expect(200)["data"], json!([]));
        // A conflict is not stored.
        let taken = create(&client, "taken", "Hi");
        assert_eq!(send("second", "taken").status, 409);
        client.delete(&path(&taken)).expect(204);
        assert_eq!(send("second", "taken").status, 201);
    }
}
