//! `GET /v1/me`: what a key may do, and what its account stores.

use std::time::Duration;

use addressbook::domain::Permission;
use serde_json::{Value, json};

use crate::audiences::wait_until;
use crate::harness::imports::ImportClient;
use crate::harness::{Backend, Service, new_account};

const ME: &str = "/v1/me";

fn number(index: usize) -> String {
    format!("+4479000{index:06}")
}

on_both_databases! {
    fn it_says_which_key_and_account_a_request_has(service: &Service) {
        let account = new_account();
        let limited = service.client_of(&account, &[Permission::ReadGroups, Permission::CreateContacts]);
        let me = limited.get(ME).expect(200);
        assert_eq!(me["account"], json!({"name": account}));
        let id = limited.key.as_deref().unwrap().split('_').nth(2).unwrap();
        assert_eq!(me["key"]["id"], id);
        // In the order of the documentation, whichever they were given in.
        assert_eq!(me["key"]["permissions"], json!(["create:Contacts", "read:Groups"]));
        assert_eq!(me["key"]["label"], Value::Null);
        assert_eq!(me["key"]["expires_at"], Value::Null);
        assert!(me["key"]["created_at"].as_str().unwrap().ends_with('Z'));
        // A key with all permissions names them: a client need not know which there are.
        let all: Vec<&str> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
        assert_eq!(service.client().get(ME).expect(200)["key"]["permissions"], json!(all));
        // Nothing of the secret.
        let secret = limited.key.as_deref().unwrap().rsplit('_').next().unwrap();
        assert!(!me.to_string().contains(&secret[..52]));
        assert_eq!(service.anonymous().get(ME).expect(401)["error"]["code"], "unauthorized");
    }

    fn it_counts_what_the_account_stores(service: &Service) {
        let account = new_account();
        let (client, other) = (service.client_of(&account, &[]), service.client());
        let usage = || client.get(ME).expect(200)["usage"].clone();
        let nothing = json!({
            "contacts": 0, "groups": 0, "opt_outs": 0, "fields": 0, "audience_entries": 0, "import_bytes": 0,
        });
        assert_eq!(usage(), nothing);
        let contacts: Vec<Value> = (0..7)
            .map(|index| json!({"username": format!("c{index}"), "phone_number": number(index)}))
            .collect();
        let batch = json!({"mode": "create", "contacts": contacts});
        client.post("/v1/contacts/batch", &batch).expect(200);
        client.delete(&format!("/addressbook/contacts/{}", number(0).trim_start_matches('+'))).expect(200);
        client.post("/v1/groups", &json!({"name": "g"})).expect(201);
        client.post("/v1/opt_outs", &json!({"phone_number": number(1)})).expect(201);
        client.post("/v1/opt_outs", &json!({"phone_number": number(2)})).expect(201);
        client.post("/v1/fields", &json!({"key": "CITY", "type": "text"})).expect(201);
        let audience = json!({"recipients": [{"all": true}], "keep": true, "template": {"text": "Hi"}});
        client.post("/v1/audiences", &audience).expect(201);
        let mut expected = json!({
            "contacts": 6, "groups": 1, "opt_outs": 2, "fields": 1, "audience_entries": 100, "import_bytes": 0,
        });
        assert_eq!(usage(), expected);
        let file = "username,phone_number\nimported,+447900000099\n";
        ImportClient::planned(&client, &json!({}), file);
        // What is left of a planned file is its plan.
        let stored = usage()["import_bytes"].as_u64().unwrap();
        assert!(stored > 0);
        expected["import_bytes"] = stored.into();
        assert_eq!(usage(), expected);
        assert_eq!(other.get(ME).expect(200)["usage"], nothing, "of another account");
    }
}

/// The numbers are those that are enforced: see `rate_limits`, `audience_snapshots` and `imports`.
fn it_says_the_limits_of_this_server(backend: Backend) {
    let service = Service::start(backend, |settings| {
        settings.limits.key_rate_limit = 3;
        settings.limits.account_rate_limit = 0;
        settings.limits.rate_limit_window = Duration::from_secs(20);
        settings.limits.audience_quota = 1_234;
        settings.limits.import_quota = 5_678;
    });
    let Some(service) = service else { return };
    let client = service.client();
    let me = client.get(ME).expect(200);
    let rates = json!([{"name": "key", "quota": 60, "window": 20}]);
    assert_eq!(me["limits"]["rates"], rates);
    assert_eq!(service.anonymous().get("/openapi.json").expect(200)["x-rate-limits"], rates);
    assert_eq!(me["limits"]["audience_entries"], 1_234);
    assert_eq!(me["limits"]["import_bytes"], 5_678);
    assert_eq!(me["limits"]["fields"], 20);
    // It is itself counted, and refused when nothing is left.
    wait_until("the quota is spent", || {
        let reply = client.get(ME);
        reply.status == 429 && reply.json()["error"]["code"] == "rate_limited"
    });
}

on_each! {
    it_says_the_limits_of_this_server
}
