//! Entity tags: no lost updates, and no retransmission of unchanged representations.

use serde_json::json;

use crate::contacts::{create, path};

const JSON: (&str, &str) = ("Content-Type", "application/json");

on_both_databases! {
    fn every_change_has_a_new_entity_tag(service: &Service) {
        let client = service.client();
        let contact = create(&client, "john", "+4479000000001");
        let path = path(&contact);
        assert_eq!(client.get(&path).header("ETag"), "\"1\"");
        assert_eq!(client.patch(&path, &json!({})).header("ETag"), "\"1\"", "nothing changed");
        assert_eq!(client.patch(&path, &json!({"display_name": "J"})).header("ETag"), "\"2\"");
        client.post(&format!("/addressbook{}", &path[3..]), &json!({"alias": "jo"})).expect(200);
        assert_eq!(client.get(&path).header("ETag"), "\"3\"", "whoever changed it");
    }

    fn if_match_rejects_a_stale_version(service: &Service) {
        let client = service.client();
        let contact = create(&client, "john", "+4479000000001");
        let path = path(&contact);
        let patch = |tag: &str, name: &str| {
            let body = json!({"display_name": name}).to_string();
            client.send("PATCH", &path, &[JSON, ("If-Match", tag)], body.as_bytes())
        };
        assert_eq!(patch("\"1\"", "A").status, 200);
        for tag in ["\"1\"", "W/\"2\"", "\"x\"", "\"+2\"", "\"02\"", "\"2 \"", "\"3\"", "\"1\", \"3\"", "2", "nonsense"] {
            let reply = patch(tag, "B");
            assert_eq!(reply.expect(412)["error"]["code"], "precondition_failed", "{tag}");
            let reply = client.send("DELETE", &path, &[("If-Match", tag)], b"");
            assert_eq!(reply.status, 412, "{tag}");
        }
        assert_eq!(client.get(&path).expect(200)["display_name"], "A");
        assert_eq!(patch("\"1\", \"2\"", "C").status, 200);
        assert_eq!(patch("*", "D").header("ETag"), "\"4\"");
        assert_eq!(client.send("DELETE", &path, &[("If-Match", "\"4\"")], b"").status, 204);
        assert_eq!(patch("*", "E").status, 404);
        assert_eq!(patch("\"4\"", "E").status, 404);
    }

    fn concurrent_changes_of_one_version_succeed_once(service: &Service) {
        let client = service.client();
        let path = path(&create(&client, "john", "+4479000000001"));
        for round in 1..=5 {
            let tag = format!("\"{round}\"");
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..8)
                    .map(|racer| {
                        let body = json!({"display_name": format!("{round}-{racer}")}).to_string();
                        let (client, path, tag) = (client.clone(), &path, &tag);
                        scope.spawn(move || {
                            client.send("PATCH", path, &[JSON, ("If-Match", tag)], body.as_bytes()).status
                        })
                    })
                    .collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
            assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
        }
    }

    fn if_none_match_does_not_resend_a_representation(service: &Service) {
        let client = service.client();
        let path = path(&create(&client, "john", "+4479000000001"));
        let get = |tag: &str| client.send("GET", &path, &[("If-None-Match", tag)], b"");
        for tag in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
            let reply = get(tag);
            assert_eq!((reply.status, reply.body.len(), reply.header("ETag")), (304, 0, "\"1\""), "{tag}");
        }
        for tag in ["\"2\"", "1", "nonsense"] {
            assert_eq!(get(tag).expect(200)["username"], "john", "{tag}");
        }
        client.patch(&path, &json!({"display_name": "J"})).expect(200);
        assert_eq!(get("\"1\"").expect(200)["display_name"], "J");
    }
}
