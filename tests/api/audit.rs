//! The audit log: which key has changed what, and in which request.

use addressbook::domain::Permission;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, new_account};

const NUMBER: &str = "+4479000000001";

/// All pages.
fn entries(client: &Client, query: &str) -> Vec<Value> {
    let (mut entries, mut before) = (Vec::new(), String::new());
    loop {
        let mut page = client.get(&format!("/v1/audit?limit=3{query}{before}")).expect(200);
        entries.append(page["data"].as_array_mut().unwrap());
        assert_eq!(page["has_more"], page["next"].is_string(), "{page}");
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return entries,
        }
    }
}

fn key_id(client: &Client) -> &str {
    client.key.as_deref().unwrap().split('_').nth(2).unwrap()
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

/// What an entry has of the request that made it.
fn made_by(reply: &Reply, client: &Client) -> (Value, Value) {
    (json!(reply.header("X-Request-Id")), json!({"id": key_id(client), "label": null}))
}

on_both_databases! {
    fn it_says_which_key_has_changed_what(service: &Service) {
        let account = new_account();
        let [writer, deleter, auditor] = [
            &[Permission::CreateContacts, Permission::UpdateContacts, Permission::CreateGroups, Permission::UpdateGroups][..],
            &[Permission::DeleteContacts],
            &[Permission::ReadAudit],
        ]
        .map(|permissions| service.client_of(&account, permissions));
        let john = json!({"username": "john smith", "phone_number": NUMBER, "meta": {"CITY": "Hidden"}});
        let created = writer.post("/v1/contacts", &john);
        let contact = created.expect(201);
        let path = format!("/v1/contacts/{}", id(&contact));
        let changes = json!({"display_name": "Secret", "meta": {"CITY": "Other"}});
        let updated = writer.patch(&path, &changes);
        updated.expect(200);
        let group = writer.post("/v1/groups", &json!({"name": "private"})).expect(201);
        let joined = writer.post(&format!("/v1/groups/{}/members", id(&group)), &json!({"add": [id(&contact)]}));
        joined.expect(200);
        let deleted = deleter.delete(&path);
        deleted.expect(204);
        // What fails, and what changes nothing, is no change.
        writer.post("/v1/contacts", &json!({"username": "jane"})).expect(400);
        deleter.delete(&path).expect(404);

        let all = entries(&auditor, "");
        let kinds: Vec<&str> = all.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            ["contact.deleted", "group.member_added", "group.created", "contact.updated", "contact.created"]
        );
        for (entry, reply, client) in [
            (&all[0], &deleted, &deleter),
            (&all[1], &joined, &writer),
            (&all[3], &updated, &writer),
            (&all[4], &created, &writer),
        ] {
            assert_eq!((entry["request_id"].clone(), entry["key"].clone()), made_by(reply, client), "{entry}");
        }
        let sorted = |entry: &Value| {
            let mut names: Vec<String> = serde_json::from_value(entry["changed"].clone()).unwrap();
            names.sort();
            names
        };
        assert_eq!(sorted(&all[3]), ["display_name", "meta.CITY"]);
        assert_eq!((&all[3]["version"], &all[4]["version"], &all[0]["version"]), (&json!(2), &json!(1), &json!(2)));
        assert_eq!((&all[1]["id"], &all[1]["member_id"]), (&group["id"], &contact["id"]));
        assert_eq!((&all[0]["id"], &all[0]["member_id"]), (&contact["id"], &Value::Null));
        // No value of a contact.
        let text = json!(all).to_string();
        for value in ["john", "79000", "Hidden", "Other", "Secret", "private"] {
            assert!(!text.contains(value), "{value} in {text}");
        }

        // Filters, alone and together.
        let some = |query: String, indexes: &[usize]| {
            let expected: Vec<Value> = indexes.iter().map(|index| all[*index].clone()).collect();
            assert_eq!(entries(&auditor, &query), expected, "{query}");
        };
        some(format!("&id={}", id(&contact)), &[0, 1, 3, 4]);
        some(format!("&id={}", id(&group)), &[1, 2]);
        some(format!("&key={}", key_id(&deleter)), &[0]);
        some(format!("&key={}&types=contact.created,group.created", key_id(&writer)), &[2, 4]);
        some(format!("&types=contact.updated&id={}", id(&group)), &[]);
        assert_eq!(auditor.get("/v1/audit?key=x").violation(400).2, "not_a_key_id");
        assert_eq!(auditor.get("/v1/audit?before=x").violation(400).2, "not_a_position");

        // The key's label is told, and of another account nothing.
        assert_eq!(entries(&service.client_of(&new_account(), &[Permission::ReadAudit]), ""), Vec::<Value>::new());
        assert_eq!(writer.get("/v1/audit").status, 403);
    }

    fn a_request_looks_at_a_limited_number_of_changes(service: &Service) {
        let client = service.client_of(&new_account(), &[]);
        let group = client.post("/v1/groups", &json!({"name": "first"})).expect(201);
        for batch in 0..11 {
            let contact = |index: usize| json!({"username": format!("{batch} {index}"), "phone_number": NUMBER});
            let contacts: Vec<Value> = (0..1_000).map(contact).collect();
            client.post("/v1/contacts/batch", &json!({"mode": "create", "contacts": contacts})).expect(200);
        }
        let page = client.get(&format!("/v1/audit?id={}", id(&group))).expect(200);
        assert_eq!((&page["data"], &page["has_more"]), (&json!([]), &json!(true)));
        let found = entries(&client, &format!("&id={}", id(&group)));
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0]["type"], &found[0]["id"]), (&json!("group.created"), &group["id"]));
        // All of it, none twice and none left out.
        let mut count = 0;
        let mut path = "/v1/audit?limit=100".to_owned();
        loop {
            let page = client.get(&path).expect(200);
            count += page["data"].as_array().unwrap().len();
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/audit?limit=100&before={next}");
        }
        assert_eq!(count, 11_001);
    }
}
