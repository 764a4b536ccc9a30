//! `?search=`: what it finds, in which order, on every page, whether the contacts are indexed or only in the log; and that
//! it is never older than what was acknowledged.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use addressbook::domain::Permission;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;

use crate::audience_snapshots::DatabaseProbe;
use crate::cli::{ServerProcess, addressbook};
use crate::harness::{Backend, Client, Service, folder, new_account, new_database};

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn search(client: &Client, term: &str, more: &str) -> Value {
    client.get(&format!("/v1/contacts?search={}{more}", encode(term))).expect(200)
}

/// The usernames of a page, each with how it matches.
fn found(page: &Value) -> Vec<(&str, &str)> {
    let data = page["data"].as_array().unwrap();
    data.iter().map(|it| (it["username"].as_str().unwrap(), it["match_type"].as_str().unwrap())).collect()
}

fn names(page: &Value) -> Vec<&str> {
    found(page).into_iter().map(|(name, _)| name).collect()
}

fn create(client: &Client, username: &str, number: &str, display_name: &str, meta: &Value) -> Value {
    let display_name = if display_name.is_empty() { Value::Null } else { display_name.into() };
    let body =
        json!({"username": username, "phone_number": number, "display_name": display_name, "meta": meta});
    client.post("/v1/contacts", &body).expect(201)
}

/// Sends so many items at once.
fn create_many(client: &Client, contacts: &[Value]) {
    for batch in contacts.chunks(1_000) {
        let done =
            client.post("/v1/contacts/batch", &json!({"mode": "upsert", "contacts": batch})).expect(200);
        assert_eq!(done["counts"]["failed"], 0, "{done}");
    }
}

on_both_databases! {
    fn a_contact_is_found_by_parts_of_what_it_says(service: &Service) {
        let client = service.client();
        create(&client, "lukasz.w", "+48500100200", "Łukasz Wójcik", &json!({"CITY": "Łódź", "TAGS": ["vip", {"x": "Ærø"}]}));
        create(&client, "jose", "+34600100946", "José García", &json!({"CITY": "Málaga", "AGE": 41}));
        create(&client, "jose.maria", "+34600107946", "", &json!({"NOTE": "Straße 5"}));
        create(&client, "anna", "+447900555777", "Anna María", &json!({}));
        for (term, expected) in [
            // Folded, in either direction.
            ("LUKASZ", vec![("lukasz.w", "prefix")]),
            ("wojcik", vec![("lukasz.w", "word")]),
            ("ójci", vec![("lukasz.w", "part")]),
            ("lodz", vec![("lukasz.w", "word")]),
            ("aero", vec![("lukasz.w", "word")]),
            ("vip", vec![("lukasz.w", "word")]),
            ("strasse", vec![("jose.maria", "word")]),
            // The best match first, then the newest.
            ("jose", vec![("jose", "exact"), ("jose.maria", "prefix")]),
            ("maria", vec![("anna", "word"), ("jose.maria", "word")]),
            ("garcia jose", vec![("jose", "word")]),
            ("jose garcia", vec![("jose", "prefix")]),
            ("m", vec![("anna", "word"), ("jose.maria", "word"), ("jose", "word")]),
            ("ar", vec![]),
            ("ari", vec![("anna", "part"), ("jose.maria", "part")]),
            // Of the number: the beginning, the end, all of it, in any spelling.
            ("7946", vec![("jose.maria", "word")]),
            ("…7946", vec![("jose.maria", "word")]),
            ("946", vec![("jose.maria", "word"), ("jose", "word")]),
            ("46", vec![]),
            ("+34 600", vec![("jose.maria", "word"), ("jose", "word")]),
            ("0034600", vec![("jose.maria", "word"), ("jose", "word")]),
            ("+34 (600) 100-946", vec![("jose", "exact")]),
            ("00107", vec![]),
            ("jose 946", vec![("jose.maria", "prefix"), ("jose", "prefix")]),
            // Values that are no texts, and keys.
            ("41", vec![]),
            ("city", vec![]),
            ("nobody", vec![]),
            ("anna nobody", vec![]),
        ] {
            let page = search(&client, term, "");
            assert_eq!((found(&page), &page["has_more"]), (expected, &json!(false)), "{term}");
        }
        // A typing mistake, told apart.
        for (term, expected) in [
            ("garzia", vec![("jose", "fuzzy")]),
            ("gracia", vec![("jose", "fuzzy")]),
            ("jsoe", vec![("jose.maria", "fuzzy"), ("jose", "fuzzy")]),
            ("anna maira", vec![("anna", "fuzzy")]),
            ("gaziaa", vec![]),
            ("jos", vec![("jose.maria", "prefix"), ("jose", "prefix")]),
        ] {
            assert_eq!(found(&search(&client, term, "&fuzzy=true")), expected, "{term}");
        }
        assert_eq!(found(&search(&client, "garzia", "&fuzzy=false")), []);
        // A list has no match types.
        assert_eq!(client.get("/v1/contacts").expect(200)["data"][0].get("match_type"), None);
    }

    fn a_search_joins_with_the_other_filters(service: &Service) {
        let client = service.client();
        let group = client.post("/v1/groups", &json!({"name": "search friends"})).expect(201);
        let mut ids = Vec::new();
        for index in 0..6 {
            let number = format!("+44790000000{}", index % 2);
            ids.push(create(&client, &format!("filtered {index}"), &number, "", &json!({}))["id"].clone());
        }
        let members = format!("/v1/groups/{}/members", group["id"].as_str().unwrap());
        client.post(&members, &json!({"add": [ids[1], ids[2], ids[5]]})).expect(200);
        assert_eq!(names(&search(&client, "filter", "&group=search%20friends")), ["filtered 5", "filtered 2", "filtered 1"]);
        let page = search(&client, "filter", "&group=search%20friends&phone_number=%2B447900000001&expand=groups");
        assert_eq!(names(&page), ["filtered 5", "filtered 1"]);
        assert_eq!(page["data"][0]["groups"][0]["name"], "search friends");
        assert_eq!(names(&search(&client, "filter", "&username=filtered%203")), ["filtered 3"]);
        assert_eq!(names(&search(&client, "other", "&username=filtered%203")), Vec::<&str>::new());
        assert_eq!(names(&search(&client, "filter", "&updated_since=2999-01-01T00:00:00Z")), Vec::<&str>::new());
        assert_eq!(names(&search(&client, "filter", "&updated_since=2001-01-01T00:00:00Z")).len(), 6);
        client.get("/v1/contacts?search=filter&group=unknown").expect(404);
        let filter = |text: &str| format!("&filter={}", encode(text));
        let page = search(&client, "filter", &filter("username = \"filtered 2\" OR username = \"filtered 4\""));
        assert_eq!(names(&page), ["filtered 4", "filtered 2"]);
        let page = search(&client, "filter", &filter("NOT (group = \"search friends\")"));
        assert_eq!(names(&page), ["filtered 4", "filtered 3", "filtered 0"]);
        let path = format!("/addressbook/contacts?search=filter{}", filter("alias = \"filtered 1\""));
        assert_eq!(client.get(&path).expect(200)["records"][0]["alias"], "filtered 1");
        client.get(&format!("/v1/contacts?search=filter{}", filter("meta.UNDECLARED = 1"))).expect(400);
    }

    fn searches_are_of_one_account(service: &Service) {
        let (one, other) = (service.client(), service.client());
        create(&one, "only here", "+447900000001", "", &json!({}));
        assert_eq!(names(&search(&one, "only", "")), ["only here"]);
        assert_eq!(names(&search(&other, "only", "")), Vec::<&str>::new());
        let may_not = service.client_of(&new_account(), &[Permission::CreateContacts]);
        may_not.get("/v1/contacts?search=only").expect(403);
    }

    fn unsound_searches_are_rejected(service: &Service) {
        let client = service.client();
        let contact = create(&client, "unsound", "+447900000001", "", &json!({}));
        let id = contact["id"].as_str().unwrap();
        for (query, parameter, code) in [
            ("search=".to_owned(), "search", "blank"),
            ("search=%20%20".to_owned(), "search", "blank"),
            (format!("search={}", "a".repeat(101)), "search", "too_long"),
            ("search=a+b+c+d+e+f+g+h+i".to_owned(), "search", "too_many_words"),
            ("search=a&fuzzy=1".to_owned(), "fuzzy", "not_one_of"),
            (format!("search=a&ending_before={id}"), "search", "not_exactly_one"),
            ("search=a&starting_after_match=good".to_owned(), "starting_after_match", "not_one_of"),
        ] {
            let (_, field, reason) = client.get(&format!("/v1/contacts?{query}")).violation(400);
            assert_eq!((field.as_str(), reason.as_str()), (parameter, code), "{query}");
        }
        // A contact that does not match has no position.
        client.get(&format!("/v1/contacts?search=other&starting_after={id}")).expect(404);
        client.get("/addressbook/contacts?search=").expect(400);
        client.get("/addressbook/contacts?search=a&offset=991").expect(400);
        client.get("/addressbook/contacts?search=a&offset=990").expect(200);
        // Nothing of these is special.
        for term in ["%", "_", "*", "'", "\"", "\\", "\u{0}", "🎉", "NOT OR AND", "a\nb", "<script>"] {
            assert_eq!(names(&search(&client, term, "&fuzzy=true")), Vec::<&str>::new(), "{term:?}");
        }
    }

    fn the_address_book_searches_by_offset(service: &Service) {
        let client = service.client();
        for index in 0..7 {
            create(&client, &format!("offset {index}"), "+447900000001", "", &json!({}));
        }
        let page = |query: &str| {
            let page = client.get(&format!("/addressbook/contacts?search=offset{query}")).expect(200);
            let aliases: Vec<String> = page["records"].as_array().unwrap().iter().map(|record| {
                assert_eq!(record["match_type"], "prefix");
                record["alias"].as_str().unwrap()[7..].to_owned()
            }).collect();
            (aliases.concat(), page["total"].as_u64().unwrap())
        };
        assert_eq!(page(""), ("6543210".to_owned(), 7));
        assert_eq!(page("&limit=3"), ("654".to_owned(), 4));
        assert_eq!(page("&limit=3&offset=3"), ("321".to_owned(), 7));
        assert_eq!(page("&limit=3&offset=6"), ("0".to_owned(), 7));
        assert_eq!(page("&limit=3&offset=60"), (String::new(), 7));
    }
}

/// Folds as the documentation says; what the test's texts need of it.
fn fold(text: &str) -> String {
    let plain = text.to_lowercase().replace('ł', "l").replace('ø', "o").replace('ß', "ss");
    plain.nfkd().filter(|character| !unicode_normalization::char::is_combining_mark(*character)).collect()
}

/// How a contact of the API matches, by reading all that it says.
fn match_of(contact: &Value, term: &str) -> Option<usize> {
    let handle = fold(contact["username"].as_str().unwrap());
    let number = &contact["phone_number"].as_str().unwrap()[1..];
    let mut texts = vec![handle.clone(), fold(contact["display_name"].as_str().unwrap())];
    texts.extend(contact["meta"].as_object().unwrap().values().filter_map(Value::as_str).map(fold));
    let term = fold(term.trim());
    if handle == term || number == term {
        return Some(0);
    }
    let of_word = |word: &str| {
        let digits = word.chars().all(|character| character.is_ascii_digit());
        let by_number = digits && (number.starts_with(word) || (word.len() >= 3 && number.ends_with(word)));
        let begins = |text: &String| {
            text.match_indices(word)
                .any(|(at, _)| !text[..at].chars().next_back().is_some_and(char::is_alphanumeric))
        };
        if handle.starts_with(word) {
            Some(1)
        } else if by_number || texts.iter().any(begins) {
            Some(2)
        } else if word.chars().count() >= 3 && texts.iter().any(|text| text.contains(word)) {
            Some(3)
        } else {
            None
        }
    };
    let words: Option<Vec<usize>> = term.split_whitespace().map(of_word).collect();
    let words = words?;
    let (first, worst) = (words.first()?, words.iter().max()?);
    Some(match (first, worst) {
        (_, 3) => 3,
        (1, _) => 1,
        _ => 2,
    })
}

const MATCH_TYPES: [&str; 4] = ["exact", "prefix", "word", "part"];

/// All contacts, in the order of the list.
fn all(client: &Client) -> Vec<Value> {
    let mut contacts: Vec<Value> = Vec::new();
    loop {
        let after = contacts
            .last()
            .map_or(String::new(), |it| format!("&starting_after={}", it["id"].as_str().unwrap()));
        let page = client.get(&format!("/v1/contacts?limit=100{after}")).expect(200);
        contacts.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] == false {
            return contacts;
        }
    }
}

/// The pages of a search, by their links.
fn pages(client: &Client, term: &str, limit: usize) -> Vec<(String, String)> {
    let mut path = format!("/v1/contacts?limit={limit}&search={}", encode(term));
    let mut pages = Vec::new();
    loop {
        let reply = client.get(&path);
        let page = reply.expect(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        pages.extend(data.iter().map(|it| {
            (it["id"].as_str().unwrap().to_owned(), it["match_type"].as_str().unwrap().to_owned())
        }));
        if page["has_more"] == false {
            return pages;
        }
        let link = reply.header("link");
        let (target, relation) = link.trim_start_matches('<').split_once(">; ").unwrap();
        assert_eq!(relation, "rel=\"next\"");
        target.clone_into(&mut path);
    }
}

/// Compares what each term finds with what a scan of all contacts says.
fn require_all_found(client: &Client, terms: &[String]) {
    let contacts = all(client);
    for (index, term) in terms.iter().enumerate() {
        let mut expected: Vec<(usize, &Value)> =
            contacts.iter().filter_map(|contact| Some((match_of(contact, term)?, contact))).collect();
        // Stable: among equals the order of the list, newest first.
        expected.sort_by_key(|(match_type, _)| *match_type);
        let expected: Vec<(String, String)> = expected
            .into_iter()
            .map(|(match_type, it)| {
                (it["id"].as_str().unwrap().to_owned(), MATCH_TYPES[match_type].to_owned())
            })
            .collect();
        let limit = [100, 100, 41, 13][index % 4];
        let found = pages(client, term, limit);
        let differs = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        let (at, lengths) = (differs.unwrap_or(0), (found.len(), expected.len()));
        assert_eq!(
            (differs, lengths.0),
            (None, lengths.1),
            "{term}: {:?} and {:?}",
            found.get(at),
            expected.get(at)
        );
    }
}

const FIRST: [&str; 8] = ["maria", "Mario", "José", "Łukasz", "anna", "Anna-Lena", "øyvind", "Li"];
const LAST: [&str; 8] = ["Garcia", "Wójcik", "smith", "Smithson", "Groß", "nguyen", "O'Brien", "li"];
const CITIES: [&str; 5] = ["London", "Łódź", "New York", "Bath", "Londonderry"];

fn contact(random: &mut fastrand::Rng, index: usize) -> Value {
    let (first, last) = (FIRST[random.usize(..8)], LAST[random.usize(..8)]);
    json!({
        "username": format!("{first}.{last}{}", index / 3 * 7 + index % 3),
        "phone_number": format!("+4479{:08}", random.u32(..100_000_000)),
        "display_name": if random.bool() { json!(format!("{first} {last}")) } else { Value::Null },
        "meta": {"CITY": CITIES[random.usize(..5)], "CODE": format!("{:06x}", random.u32(..1 << 24)), "AGE": 7},
    })
}

fn terms(random: &mut fastrand::Rng, contacts: &[Value]) -> Vec<String> {
    let mut terms: Vec<String> = [
        "m",
        "li",
        "lond",
        "an",
        "smith",
        "groß",
        "o'b",
        "brien",
        "79",
        "447",
        "york",
        "zzz",
        "a",
        "lon bath",
        "garcia 44",
    ]
    .map(str::to_owned)
    .to_vec();
    for _ in 0..30 {
        let contact = &contacts[random.usize(..contacts.len())];
        let text = |name: &str| contact[name].as_str().unwrap().to_owned();
        let (number, code) = (text("phone_number"), contact["meta"]["CODE"].as_str().unwrap().to_owned());
        let start = random.usize(..4);
        terms.push(match random.usize(..7) {
            0 => text("username"),
            1 => number[number.len() - 4..].to_owned(),
            2 => number[1..1 + random.usize(1..8)].to_owned(),
            3 => code[start..].to_owned(),
            4 => format!("{} {}", contact["meta"]["CITY"].as_str().unwrap(), FIRST[random.usize(..8)]),
            5 => text("username").chars().skip(start).take(4).collect(),
            _ => format!("{} {} {}", LAST[random.usize(..8)], &code[..2], FIRST[random.usize(..8)]),
        });
    }
    terms
}

/// Waits until the index has followed the log of every account, and no account is being indexed.
pub fn wait_until_indexed(probe: &DatabaseProbe) {
    let began = Instant::now();
    let behind = "change_heads h LEFT JOIN search_heads s ON s.account_id = h.account_id WHERE h.sequence > \
                  COALESCE(s.position, 0) OR s.build_floor IS NOT NULL";
    while probe.count(behind) > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "the index does not follow");
        std::thread::sleep(Duration::from_millis(50));
    }
}

on_each! {
    what_is_found_is_what_a_scan_finds
    a_search_is_never_older_than_an_acknowledged_write
    the_index_survives_kills
}

/// In the log alone, indexed, changed and deleted since, indexed again, merged.
fn what_is_found_is_what_a_scan_finds(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    // An account is then indexed half a second after a change.
    let service =
        Service::start_on(&url, |settings| settings.storage.change_retention = Duration::from_secs(1));
    let probe = DatabaseProbe::connect(&url);
    let client = service.client();
    let mut random = fastrand::Rng::with_seed(7);
    let mut contacts: Vec<Value> = (0..500).map(|index| contact(&mut random, index)).collect();
    create_many(&client, &contacts);
    require_all_found(&client, &terms(&mut random, &contacts)[..20]);
    wait_until_indexed(&probe);
    assert_eq!(probe.count("search_segments WHERE state = 'live'"), 1);
    require_all_found(&client, &terms(&mut random, &contacts));

    // Some are changed: found by what they say now, and not by what they said.
    for index in (0..500).step_by(9) {
        let changed = contact(&mut random, index);
        let body = json!({"username": contacts[index]["username"], "display_name": changed["display_name"],
            "phone_number": changed["phone_number"], "meta": changed["meta"]});
        contacts[index] = body;
    }
    create_many(&client, &contacts);
    let deleted: Vec<&Value> =
        contacts.iter().skip(4).step_by(11).map(|contact| &contact["username"]).collect();
    client.post("/v1/contacts/batch/delete", &json!({"usernames": deleted})).expect(200);
    require_all_found(&client, &terms(&mut random, &contacts));
    wait_until_indexed(&probe);
    require_all_found(&client, &terms(&mut random, &contacts));

    // Many small segments, until they are merged.
    let mut rounds = 0;
    while probe.count("search_segments WHERE state = 'retired'") == 0 {
        rounds += 1;
        assert!(rounds < 30, "nothing was merged");
        create_many(&client, &[contact(&mut random, 1_000 + rounds)]);
        wait_until_indexed(&probe);
    }
    require_all_found(&client, &terms(&mut random, &contacts));
    // The whole index is built anew from the contacts if the log has lost what is not indexed.
    let reset = "UPDATE search_heads SET position = position - 5, version = version + 1";
    probe.execute(reset);
    probe.execute("DELETE FROM changes");
    let began = Instant::now();
    while client.get("/v1/contacts?search=maria").status == 503
        || probe.count("search_heads WHERE build_floor IS NOT NULL") > 0
    {
        assert!(began.elapsed() < Duration::from_secs(30), "it is not built");
        std::thread::sleep(Duration::from_millis(50));
    }
    require_all_found(&client, &terms(&mut random, &contacts));
}

/// While others write, and through another instance where there can be one.
fn a_search_is_never_older_than_an_acknowledged_write(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let fast = |settings: &mut addressbook::config::Settings| {
        settings.storage.change_retention = Duration::from_secs(1)
    };
    let one = Service::start_on(&url, fast);
    let other = (backend == Backend::Postgres).then(|| Service::start_on(&url, fast));
    let account = new_account();
    let writer = one.client_of(&account, &[]);
    let reader = other.as_ref().map_or_else(|| writer.clone(), |other| other.client_of(&account, &[]));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (writer, reader) = (writer.clone(), reader.clone());
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(thread);
                let mut rounds = 0;
                while began.elapsed() < Duration::from_secs(5) || rounds < 10 {
                    rounds += 1;
                    let word = |random: &mut fastrand::Rng| -> String {
                        (0..12).map(|_| random.lowercase()).collect()
                    };
                    let (first, second) = (word(&mut random), word(&mut random));
                    let filling: Vec<Value> = (0..random.usize(..40))
                        .map(|_| json!({"username": word(&mut random), "phone_number": "+447900000001"}))
                        .collect();
                    let created =
                        create(&writer, &first, "+447900000001", "", &json!({"NOTE": format!("x {second}")}));
                    assert_eq!(names(&search(&reader, &first[..6], "")), [&first]);
                    create_many(&writer, &filling);
                    assert_eq!(names(&search(&reader, &second[3..], "")), [&first]);
                    let path = format!("/v1/contacts/{}", created["id"].as_str().unwrap());
                    let third = word(&mut random);
                    writer.patch(&path, &json!({"meta": {"NOTE": third}})).expect(200);
                    assert_eq!(names(&search(&reader, &second[3..], "")), Vec::<&str>::new());
                    assert_eq!(names(&search(&reader, &third[2..], "")), [&first]);
                    writer.delete(&path).expect(204);
                    assert_eq!(names(&search(&reader, &third, "")), Vec::<&str>::new());
                }
            });
        }
    });
}

/// Kills the server while it indexes, merges and builds, and starts it again.
fn the_index_survives_kills(backend: Backend) {
    let Some(url) = new_database(backend) else { return };
    let start = || {
        let args =
            ["--bind", "127.0.0.1:0", "--log", "off", "--change-retention", "1s", "--database-url", &url];
        ServerProcess::start(&mut addressbook(&folder(), &args))
    };
    let mut serving = start();
    let key = serving.first_key();
    let mut random = fastrand::Rng::with_seed(3);
    let mut by_name: HashMap<String, Value> = HashMap::new();
    for round in 0..6 {
        let client = Client::new(serving.address(), Some(key.clone()));
        let contacts: Vec<Value> = (0..400).map(|index| contact(&mut random, round * 300 + index)).collect();
        create_many(&client, &contacts);
        by_name.extend(contacts.into_iter().map(|it| (it["username"].as_str().unwrap().to_owned(), it)));
        std::thread::sleep(Duration::from_millis(random.u64(..900)));
        serving.kill();
        serving = start();
    }
    let client = Client::new(serving.address(), Some(key));
    let contacts: Vec<Value> = by_name.into_values().collect();
    require_all_found(&client, &terms(&mut random, &contacts)[..20]);
    let probe = DatabaseProbe::connect(&url);
    wait_until_indexed(&probe);
    require_all_found(&client, &terms(&mut random, &contacts)[..20]);
    // What the killed processes began was given up.
    assert_eq!(probe.count("search_segments WHERE state = 'building'"), 0);
}
