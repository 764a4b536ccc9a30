//! `GET /v1/contacts`.

use serde_json::{Value, json};

use crate::contacts::{create, path};
use crate::harness::Client;

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|contact| contact["id"].as_str().unwrap()).collect()
}

/// The URL of a relation in the `Link` header.
fn link(client: &Client, page: &str, relation: &str) -> Option<String> {
    let reply = client.get(page);
    let links = reply.header("Link").to_owned();
    links
        .split(", ")
        .find(|link| link.ends_with(&format!("rel=\"{relation}\"")))
        .map(|link| link[1..link.find('>').unwrap()].to_owned())
}

on_both_databases! {
    fn is_empty_at_first(service: &Service) {
        let reply = service.client().get("/v1/contacts");
        assert_eq!(reply.expect(200), json!({"has_more": false, "data": []}));
        assert_eq!(reply.header("Link"), "");
    }

    fn pages_forward_and_backward_newest_first(service: &Service) {
        let client = service.client();
        let mut created: Vec<String> = (0..25)
            .map(|i| create(&client, &format!("u{i}"), "+4479000000001")["id"].as_str().unwrap().to_owned())
            .collect();
        created.reverse();

        let first = client.get("/v1/contacts").expect(200);
        assert_eq!(ids(&first), created[..10], "10 by default, newest first");
        assert_eq!(first["has_more"], true);

        // Follows the links to the end and back.
        let (mut seen, mut page) = (Vec::new(), "/v1/contacts?limit=7".to_owned());
        loop {
            let list = client.get(&page).expect(200);
            seen.extend(ids(&list).into_iter().map(str::to_owned));
            match link(&client, &page, "next") {
                Some(next) => page = next,
                None => break,
            }
        }
        assert_eq!(seen, created);
        let mut back = ids(&client.get(&page).expect(200)).iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        while let Some(previous) = link(&client, &page, "prev") {
            let list = client.get(&previous).expect(200);
            let mut earlier: Vec<_> = ids(&list).into_iter().map(str::to_owned).collect();
            earlier.extend(back);
            back = earlier;
            page = previous;
        }
        assert_eq!(back, created);

        let between = client.get(&format!("/v1/contacts?limit=3&ending_before={}", created[10])).expect(200);
        assert_eq!(ids(&between), created[7..10]);
        assert_eq!(between["has_more"], true);
        let both = format!("/v1/contacts?limit=3&starting_after={}&ending_before={}", created[3], created[8]);
        let (list, next) = (client.get(&both).expect(200), link(&client, &both, "next").unwrap());
        assert_eq!((ids(&list), &list["has_more"]), (created[4..7].iter().map(String::as_str).collect(), &json!(true)));
        let last = client.get(&next).expect(200);
        assert_eq!((ids(&last), &last["has_more"]), (vec![created[7].as_str()], &json!(false)));
        let all = client.get("/v1/contacts?limit=100").expect(200);
        assert_eq!((ids(&all).len(), &all["has_more"]), (25, &json!(false)));
    }

    fn a_cursor_remains_valid_after_its_contact_is_deleted(service: &Service) {
        let client = service.client();
        let contacts: Vec<Value> = (0..3).map(|i| create(&client, &format!("u{i}"), "+4479000000001")).collect();
        client.delete(&path(&contacts[1])).expect(204);
        let after = format!("/v1/contacts?starting_after={}", contacts[1]["id"].as_str().unwrap());
        assert_eq!(client.get(&after).expect(200)["data"], json!([contacts[0]]));
    }

    fn filters(service: &Service) {
        let client = service.client();
        let john = create(&client, "john & co", "+442079460000");
        let mary = create(&client, "mary", "+442079460000");
        let paul = create(&client, "paul", "+14155550100");
        let data = |query: &str| client.get(&format!("/v1/contacts?{query}")).expect(200)["data"].clone();

        assert_eq!(data("username=john+%26%20co"), json!([john]));
        assert_eq!(data("username=nobody"), json!([]));
        for spelling in ["%2B442079460000", "+442079460000", "0044(20)7946-0000", "44+20.7946.0000"] {
            assert_eq!(data(&format!("phone_number={spelling}")), json!([mary, john]), "{spelling}");
        }
        assert_eq!(data("phone_number=442079460000&username=mary"), json!([mary]));
        assert_eq!(data("phone_number=442079460000&limit=1"), json!([mary]));
        let next = link(&client, "/v1/contacts?phone_number=442079460000&limit=1", "next").unwrap();
        assert!(next.contains("phone_number=%2B442079460000"), "{next}");
        assert_eq!(client.get(&next).expect(200)["data"], json!([john]));

        std::thread::sleep(std::time::Duration::from_millis(5));
        let john = client.patch(&path(&john), &json!({"display_name": "J"})).expect(200);
        let since = john["updated_at"].as_str().unwrap();
        assert_eq!(data(&format!("updated_since={since}")), json!([john]));
        assert_eq!(data(&format!("updated_since={}", paul["updated_at"].as_str().unwrap())), json!([john, paul]));
        assert_eq!(data("updated_since=2001-01-01T00:00:00+02:00"), json!([john, paul, mary]));
        assert_eq!(data("updated_since=2001-01-01T00:00:00Z&phone_number=442079460000"), json!([mary, john]));

        let (mut seen, mut page) = (Vec::new(), Some("/v1/contacts?updated_since=2001-01-01T00:00:00Z&limit=1".to_owned()));
        while let Some(at) = page {
            seen.push(client.get(&at).expect(200)["data"][0].clone());
            page = link(&client, &at, "next");
        }
        assert_eq!(json!(seen), json!([john, paul, mary]));
        let before = format!("updated_since=2001-01-01T00:00:00Z&ending_before={}", mary["id"].as_str().unwrap());
        assert_eq!(data(&before), json!([john, paul]));
    }

    fn invalid_parameters_are_named_in_the_error(service: &Service) {
        let client = service.client();
        let id = "019a6f5b-0f80-7a79-9ef8-7dc174836688";
        for (query, field, code) in [
            ("limit=0", "limit", "out_of_range"),
            ("limit=101", "limit", "out_of_range"),
            ("limit=ten", "limit", "out_of_range"),
            ("limit=", "limit", "out_of_range"),
            ("limit=1&limit=2", "limit", "duplicate"),
            ("limitt=1", "limitt", "unknown"),
            ("starting_after=1", "starting_after", "not_a_uuid"),
            ("phone_number=john", "phone_number", "not_a_phone_number"),
            ("username=a%00b", "username", "forbidden_character"),
            ("username=%FF", "username", "forbidden_character"),
            ("username=%20", "username", "blank"),
            ("updated_since=yesterday", "updated_since", "not_a_timestamp"),
        ] {
            let (_, at, what) = client.get(&format!("/v1/contacts?{query}")).violation(400);
            assert_eq!((at.as_str(), what.as_str()), (field, code), "{query}");
        }
        let error = client.get("/v1/contacts?limit=0&username=%20&group=a%00").expect(400);
        let details = error["error"]["details"].as_array().unwrap();
        let fields: Vec<_> = details.iter().map(|violation| violation["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["limit", "username", "group"]);
        // In order of change, a deleted contact has no position.
        let reply = client.get(&format!("/v1/contacts?updated_since=2001-01-01T00:00:00Z&starting_after={id}"));
        assert_eq!(reply.expect(404)["error"]["code"], "not_found");
        assert_eq!(client.get("/v1/contacts?limit=1").status, 200);
        assert_eq!(client.get("/v1/contacts?limit=100").status, 200);
        let (_, field, code) = client.get("/v1/contacts/john").violation(400);
        assert_eq!((field.as_str(), code.as_str()), ("id", "not_a_uuid"));
    }
}
