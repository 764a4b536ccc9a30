//! Imports: what a file is planned to do, what the commit does, and what an undo leaves.

use std::io::Write;

use serde_json::{Value, json};

use crate::contacts::{create, path};
use crate::harness::imports::{ImportClient, counts};
use crate::harness::{Client, new_account, raw};
use addressbook::domain::Permission;

const FILE: &str = "username,phone_number,display_name,meta.CITY\n\
    john,+4479000000001,John,London\n\
    mary,+442079460000,,Leeds\n";

/// The contacts of an account by username, without ids and times.
fn contacts(client: &Client) -> Value {
    let all = crate::durability::all(client);
    let mut contacts: Vec<Value> = all
        .into_iter()
        .map(|contact| {
            let member = |name: &str| contact[name].clone();
            json!([member("username"), member("phone_number"), member("display_name"), member("meta")])
        })
        .collect();
    contacts.sort_by_key(|contact| contact[0].to_string());
    contacts.into()
}

fn groups_of(client: &Client, username: &str) -> Vec<String> {
    let found = client.get(&format!("/v1/contacts?username={username}&expand=groups")).expect(200);
    let groups = found["data"][0]["groups"].as_array().unwrap();
    groups.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect()
}

on_both_databases! {
    fn a_file_is_planned_committed_and_undone(service: &Service) {
        let client = service.client();
        let import = ImportClient::planned(&client, &json!({"group": "customers"}), FILE);
        let planned = import.get();
        assert_eq!(counts(&planned), json!({"rows": 2, "create": 2}));
        assert_eq!(contacts(&client), json!([]), "a plan does nothing");
        let rows = import.rows("");
        assert_eq!(rows[0]["changes"], json!([
            "username: none → \"john\"", "phone_number: none → \"+4479000000001\"",
            "display_name: none → \"John\"", "CITY: none → \"London\"",
        ]));
        assert_eq!((&rows[1]["number"], &rows[1]["position"], &rows[1]["outcome"]), (&json!(3), &json!(1), &json!("create")));

        let committed = import.commit();
        assert_eq!(counts(&committed), json!({"rows": 2, "create": 2, "applied": 2}));
        let expected = json!([
            ["john", "+4479000000001", "John", {"CITY": "London"}],
            ["mary", "+442079460000", "mary", {"CITY": "Leeds"}],
        ]);
        assert_eq!(contacts(&client), expected);
        assert_eq!(groups_of(&client, "john"), ["customers"]);
        assert!(import.rows("").iter().all(|row| row["status"] == "applied" && row["id"].is_string()));

        // Once more: there is nothing to do.
        let again = ImportClient::planned(&client, &json!({"group": "customers"}), FILE);
        assert_eq!(counts(&again.get()), json!({"rows": 2, "unchanged": 2}));

        assert_eq!(counts(&import.undo()), json!({"rows": 2, "create": 2, "undone": 2}));
        assert_eq!(contacts(&client), json!([]));
        let group = client.get("/v1/groups?name=customers").expect(200);
        assert_eq!(group["data"][0]["member_count"], 0);
    }

    fn an_update_shows_the_difference_and_is_taken_back(service: &Service) {
        let client = service.client();
        let body = json!({
            "username": "john", "phone_number": "+4479000000001", "display_name": "John",
            "avatar_url": "https://example.com/a.png", "meta": {"CITY": "London", "AGE": 42, "NESTED": {"a": null}},
        });
        let john = client.post("/v1/contacts", &body).expect(201);
        let before = client.get(&path(&john)).expect(200);
        let mary = create(&client, "mary", "+442079460000");
        let file = "username,phone_number,display_name,avatar_url,meta.CITY,meta.AGE,groups\n\
            john,+4479000000002,NULL,,Leeds,NULL,\"vip,new\"\n\
            mary,+44 20 7946 0000,mary,,,,\n";
        let options = json!({"clear_token": "NULL"});
        let (import, committed) = ImportClient::committed(&client, &options, file);
        // A display name is set that equals the username: it no longer follows it.
        assert_eq!(counts(&committed), json!({"rows": 2, "update": 2, "applied": 2}));
        assert_eq!(import.rows("&outcome=update")[0]["changes"], json!([
            "phone_number: \"+4479000000001\" → \"+4479000000002\"", "display_name: \"John\" → none",
            "CITY: \"London\" → \"Leeds\"", "AGE: 42 → none",
        ]));
        let after = client.get(&path(&john)).expect(200);
        assert_eq!((&after["phone_number"], &after["display_name"]), (&json!("+4479000000002"), &json!("john")));
        assert_eq!(after["meta"], json!({"CITY": "Leeds", "NESTED": {"a": null}}));
        assert_eq!(after["avatar_url"], before["avatar_url"]);
        assert_eq!(groups_of(&client, "john"), ["vip", "new"]);

        // Mary changes in the meantime.
        client.patch(&path(&mary), &json!({"meta": {"X": 1}})).expect(200);
        assert_eq!(counts(&import.undo()), json!({"rows": 2, "update": 2, "undone": 1, "kept": 1}));
        let kept = import.rows("&outcome=kept");
        assert_eq!((&kept[0]["username"], &kept[0]["message"]), (&Value::Null, &json!("the contact has changed since")));
        let mut restored = client.get(&path(&john)).expect(200);
        restored["updated_at"] = before["updated_at"].clone();
        assert_eq!(restored["meta"].as_object().unwrap().len(), 3);
        assert_eq!(restored, before);
        assert_eq!(groups_of(&client, "john"), [""; 0]);
        assert_eq!(client.get(&path(&mary)).expect(200)["meta"], json!({"X": 1}));
    }

    fn what_changed_since_the_plan_is_left_alone(service: &Service) {
        let client = service.client();
        let (changed, deleted) = (create(&client, "changed", "+4479000000001"), create(&client, "deleted", "+4479000000002"));
        create(&client, "renamed", "+4479000000003");
        let file = "id,username,phone_number\n";
        let lines = ["changed", "deleted", "renamed"].map(|name| {
            let id = client.get(&format!("/v1/contacts?username={name}")).expect(200)["data"][0]["id"].clone();
            format!("{},new {name},+4479000000009\n", id.as_str().unwrap())
        });
        let by_id = ImportClient::planned(&client, &json!({"match_by": "id"}), &[file, &lines.concat()].concat());
        let by_name = ImportClient::planned(&client, &json!({}), "username,phone_number\nlate,+4479000000007\nfree,+4479000000008\n");
        client.patch(&path(&changed), &json!({"display_name": "x"})).expect(200);
        client.delete(&path(&deleted)).expect(204);
        create(&client, "new renamed", "+4479000000004");
        create(&client, "late", "+4479000000005");

        assert_eq!(counts(&by_id.commit()), json!({"rows": 3, "update": 3, "changed_since": 3}));
        let reasons: Vec<Value> = by_id.rows("&outcome=changed_since").iter().map(|row| row["message"].clone()).collect();
        assert_eq!(reasons, [
            "the contact has changed since", "the contact was deleted since",
            "another contact has taken the username since",
        ]);
        assert_eq!(counts(&by_name.commit()), json!({"rows": 2, "create": 2, "applied": 1, "changed_since": 1}));
        let late = client.get("/v1/contacts?username=late").expect(200);
        assert_eq!(late["data"][0]["phone_number"], "+4479000000005");
    }

    fn a_rename_is_carried_out_and_taken_back(service: &Service) {
        let client = service.client();
        let john = create(&client, "john", "+4479000000001");
        let file = "username,phone_number\njohnny,+4479000000001\n";
        let (import, _) = ImportClient::committed(&client, &json!({"match_by": "phone_number"}), file);
        assert_eq!(client.get(&path(&john)).expect(200)["username"], "johnny");
        create(&client, "john", "+4479000000002");
        assert_eq!(counts(&import.undo()), json!({"rows": 1, "update": 1, "kept": 1}));
        assert_eq!(client.get(&path(&john)).expect(200)["username"], "johnny");
    }

    fn rules_and_modes_decide_what_a_row_may_do(service: &Service) {
        let client = service.client();
        let body = json!({"username": "john", "phone_number": "+4479000000001", "meta": {"CITY": "London"}});
        client.post("/v1/contacts", &body).expect(201);
        let file = "who,tel,city,age\njohn,+4479000000002,Leeds,42\nmary,+4479000000003,York,\n";
        let columns = |rule: &str| json!([
            {"column": "who", "to": "username"}, {"column": "tel", "to": "phone_number", "rule": "never"},
            {"column": "city", "to": "meta.CITY", "rule": rule}, {"column": "age", "to": "meta.AGE", "rule": rule},
        ]);
        for (options, expected) in [
            (json!({"columns": columns("overwrite")}), json!({"rows": 2, "update": 1, "create": 1})),
            (json!({"columns": columns("never")}), json!({"rows": 2, "unchanged": 1, "create": 1})),
            (json!({"columns": columns("fill"), "mode": "create"}), json!({"rows": 2, "skip": 1, "create": 1})),
            (json!({"columns": columns("fill"), "mode": "update"}), json!({"rows": 2, "skip": 1, "update": 1})),
        ] {
            let import = ImportClient::planned(&client, &options, file);
            assert_eq!(counts(&import.get()), expected, "{options}");
        }
        let options = json!({"columns": columns("fill"), "mode": "update"});
        let import = ImportClient::planned(&client, &options, file);
        assert_eq!(import.rows("&outcome=update")[0]["changes"], json!(["AGE: none → \"42\""]));
        assert_eq!(import.rows("&outcome=skip")[0]["message"], "there is no such contact");
        let missing = ImportClient::create(&client, &options);
        missing.put("text/csv", b"who,tel\njohn,+4479000000001\n").expect(202);
        assert_eq!(missing.wait("failed")["failure"], "The file has no column \"city\"");
    }

    fn rejected_rows_come_back_in_their_columns_and_go_through_once_mended(service: &Service) {
        let client = service.client();
        create(&client, "ann", "+4479000000005");
        create(&client, "bob", "+4479000000005");
        let file = "\u{feff}username;phone_number;note;meta.CITY\r\n\
            john;+4479000000001;a;\"Lon\ndon\"\r\n\
            ;+4479000000002;b;Leeds\r\n\
            excel;4.47E+11;c;\r\n\
            john;+4479000000003;d;York\r\n\
            national;020 7946 0000;\"e;f\";\r\n\
            short;+44\r\n\
            long;+4479000000004;g;Bath;too;many\r\n";
        let (import, committed) = ImportClient::committed(&client, &json!({}), file);
        assert_eq!(counts(&committed), json!({"rows": 7, "create": 1, "reject": 6, "applied": 1}));
        assert_eq!(committed["ignored_columns"], json!(["note"]));
        let rejects = import.rejects();
        let lines: Vec<&str> = rejects.lines().collect();
        assert_eq!(lines[0], "username,phone_number,note,meta.CITY,code,column,message");
        assert_eq!(lines[1], ",+4479000000002,b,Leeds,required,username,username is required");
        assert!(lines[2].starts_with("excel,4.47E+11,c,,spreadsheet_number,phone_number,"), "{}", lines[2]);
        assert_eq!(lines[3], "john,+4479000000003,d,York,duplicate_row,username,row 2 is about the same contact");
        assert!(lines[4].starts_with("national,020 7946 0000,e;f,,national_phone_number,phone_number,"), "{}", lines[4]);
        assert!(lines[5].starts_with("short,+44,,,"), "{}", lines[5]);
        assert!(lines[6].starts_with("long,+4479000000004,g,Bath;too;many,too_many_cells,"), "{}", lines[6]);
        assert_eq!(lines.len(), 7);
        assert_eq!(import.rows("&outcome=reject")[1]["column"], "phone_number");

        let mended = rejects.replace("\n,+44", "\nmended,+44").replace("4.47E+11", "+4479000000006");
        let (again, committed) = ImportClient::committed(&client, &json!({"default_region": "GB"}), &mended);
        let expected = json!({"rows": 6, "create": 4, "update": 1, "reject": 1, "applied": 5});
        assert_eq!(counts(&committed), expected, "{:?}", again.rows(""));
        assert_eq!(committed["ignored_columns"], json!(["note", "code", "column", "message"]));

        let ambiguous = "phone_number,username\n+4479000000005,x\n";
        let import = ImportClient::planned(&client, &json!({"match_by": "phone_number"}), ambiguous);
        assert_eq!(import.rows("")[0]["code"], "phone_number_ambiguous");
    }

    fn an_opt_out_is_counted_and_never_taken_back(service: &Service) {
        let client = service.client();
        client.post("/v1/opt_outs", &json!({"phone_number": "+4479000000001"})).expect(201);
        create(&client, "shared", "+442079460000");
        let (import, committed) = ImportClient::committed(&client, &json!({}), FILE);
        let expected = json!({"rows": 2, "create": 2, "warnings": 2, "opted_out": 1, "applied": 2});
        assert_eq!(counts(&committed), expected);
        let warnings: Vec<Value> = import.rows("").iter().map(|row| row["warnings"].clone()).collect();
        assert_eq!(warnings, [json!(["opted_out"]), json!(["shared_phone_number"])]);
        client.get("/v1/opt_outs/4479000000001").expect(200);
    }

    fn an_import_does_only_what_its_state_allows(service: &Service) {
        let client = service.client();
        let import = ImportClient::create(&client, &json!({}));
        let code = |reply: crate::harness::Reply, status| reply.expect(status)["error"]["code"].clone();
        let post = |path: &str, body: &Value| client.post(&format!("{}/{path}", import.path), body);
        let digest = json!({"digest": "0".repeat(64)});
        assert_eq!(code(post("commit", &digest), 409), "import_state");
        assert_eq!(code(post("undo", &json!({})), 409), "import_state");
        assert_eq!(import.rows(""), Vec::<Value>::new());
        assert_eq!(code(import.put("application/json", b"{}"), 415), "unsupported_media_type");
        // Neither a body nor a type.
        let mut stream = raw::connect(&service.address);
        let key = client.key.as_deref().unwrap();
        let head = format!("PUT {}/file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n", import.path);
        stream.write_all(head.as_bytes()).unwrap();
        let (status, body) = raw::response(&mut stream).unwrap();
        assert_eq!((status, String::from_utf8(body).unwrap().contains("body is required")), (400, true));
        import.put("text/csv", b"username\n").expect(202);
        import.wait("planned");
        import.put("text/csv", b"").expect(202);
        assert_eq!(import.wait("failed")["failure"], "The file is empty");
        // A failed one takes another file, and so does a planned one.
        for csv in [FILE, "username,phone_number\nann,+4479000000009\n"] {
            import.put("text/csv", csv.as_bytes()).expect(202);
            import.wait("planned");
        }
        assert_eq!(code(post("commit", &digest), 409), "plan_changed");
        assert_eq!(contacts(&client), json!([]));
        import.commit();
        assert_eq!(contacts(&client), json!([["ann", "+4479000000009", "ann", {}]]));
        assert_eq!(code(import.put("text/csv", b""), 409), "import_state");
        assert_eq!(code(import.start_commit(), 409), "import_state");
        client.delete(&import.path).expect(204);
        client.get(&import.path).expect(404);

        let deleted = ImportClient::planned(&client, &json!({}), FILE);
        client.delete(&deleted.path).expect(204);
        client.get(&deleted.path).expect(404);
        client.delete(&deleted.path).expect(404);
    }

    fn the_example_in_the_document_is_a_real_one(service: &Service) {
        let client = service.client();
        let document = client.get("/openapi.json").expect(200);
        let operations = &document["paths"]["/v1/imports/{id}/file"]["put"];
        let file = operations["requestBody"]["content"]["application/octet-stream"]["examples"]["file"]["value"].as_str().unwrap();
        let import = ImportClient::planned(&client, &json!({}), file);
        let example = operations["responses"]["202"]["content"]["application/json"]["examples"]["example"]["value"].clone();
        let planned = import.get();
        for member in ["state", "counts", "columns", "digest", "progress", "file_bytes", "notes"] {
            assert_eq!(planned[member], example[member], "{member}");
        }
        let of = |path: &str| &document["paths"][path]["get"]["responses"]["200"]["content"];
        let rows = &of("/v1/imports/{id}/rows")["application/json"]["examples"]["example"]["value"]["data"];
        assert_eq!(rows[0], import.rows("")[0]);
        let rejects = &of("/v1/imports/{id}/rejects")["text/csv"]["examples"]["example"]["value"];
        assert_eq!(rejects.as_str().unwrap(), import.rejects());
    }

    fn a_commit_takes_the_permissions_of_what_it_does(service: &Service) {
        use Permission::*;
        let account = new_account();
        let key = |permissions: &[Permission]| service.client_of(&account, permissions);
        let all = key(&[]);
        for (options, commit, undo) in [
            (json!({}), vec![CreateContacts, UpdateContacts], vec![DeleteContacts]),
            (json!({"mode": "create"}), vec![CreateContacts], vec![DeleteContacts]),
            (json!({"mode": "update"}), vec![UpdateContacts], vec![]),
            (json!({"mode": "create", "group": "g"}), vec![CreateContacts, CreateGroups, UpdateGroups], vec![DeleteContacts]),
        ] {
            let with = |permissions: &[Permission]| key(&[&[CreateImports, ReadImports], permissions].concat());
            let import = ImportClient::planned(&all, &options, "username,phone_number\n");
            for missing in &commit {
                let others: Vec<Permission> = commit.iter().copied().filter(|other| other != missing).collect();
                let client = with(&others);
                let reply = ImportClient { client: &client, path: import.path.clone() }.start_commit();
                assert!(reply.violation(403).0.contains(missing.as_str()), "{options} without {missing}");
                let automatic = json!({"commit": "automatic", "mode": options["mode"], "group": options["group"]});
                let reply = client.post("/v1/imports", &automatic);
                assert!(reply.violation(403).0.contains(missing.as_str()), "{automatic} without {missing}");
            }
            let client = with(&commit);
            let import = ImportClient { client: &client, path: import.path };
            import.commit();
            if !undo.is_empty() {
                let reply = client.post(&format!("{}/undo", import.path), &json!({}));
                assert!(reply.violation(403).0.contains(undo[0].as_str()));
            }
            let client = with(&[commit, undo].concat());
            ImportClient { client: &client, path: import.path }.undo();
        }
        // Guessed groups need permissions that an automatic import may not have.
        let client = key(&[CreateImports, ReadImports, CreateContacts, UpdateContacts]);
        let import = ImportClient::create(&client, &json!({"commit": "automatic"}));
        import.put("text/csv", b"username,phone_number,groups\njohn,+4479000000001,g\n").expect(202);
        assert_eq!(import.wait("committed")["ignored_columns"], json!(["groups"]));
        assert_eq!(all.get("/v1/groups?name=g").expect(200)["data"], json!([]));
    }

    fn imports_belong_to_their_account(service: &Service) {
        let (client, other) = (service.client(), service.client());
        let import = ImportClient::planned(&client, &json!({}), FILE);
        let foreign = ImportClient { client: &other, path: import.path.clone() };
        for (method, suffix) in [("GET", ""), ("GET", "/rows"), ("GET", "/rejects"), ("POST", "/undo"), ("DELETE", "")] {
            assert_eq!(other.send(method, &format!("{}{suffix}", import.path), &[], b"").status, 404, "{method} {suffix}");
        }
        assert_eq!(foreign.put("text/csv", FILE.as_bytes()).status, 404);
        assert_eq!(other.get("/v1/imports").expect(200)["data"], json!([]));
        assert_eq!(client.get("/v1/imports").expect(200)["data"], json!([import.get()]));
    }

    fn files_come_in_every_format_compressed_or_not(service: &Service) {
        use std::io::Write as _;
        let expected = json!([
            ["john", "+4479000000001", "John", {"CITY": "London"}],
            ["mary", "+442079460000", "mary", {"CITY": "Leeds"}],
        ]);
        let ndjson = concat!(
            r#"{"username":"john","phone_number":"+4479000000001","display_name":"John","meta":{"CITY":"London"}}"#, "\n",
            r#"{"username":"mary","phone_number":"+442079460000","display_name":null,"meta":{"CITY":"Leeds"}}"#, "\n",
        );
        let utf16: Vec<u8> = FILE.replace(',', "\t").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(FILE.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        for (media_type, file) in [
            ("text/csv; charset=utf-8", FILE.as_bytes()),
            ("application/octet-stream", &[b"\xff\xfe", utf16.as_slice()].concat()),
            ("application/gzip", &gzip),
            ("application/x-ndjson", ndjson.as_bytes()),
        ] {
            let client = service.client();
            let import = ImportClient::create(&client, &json!({"commit": "automatic"}));
            import.put(media_type, file).expect(202);
            import.wait("committed");
            assert_eq!(contacts(&client), expected, "{media_type}");
        }
    }
}
