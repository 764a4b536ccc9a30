//! import(export(x)) = x, for every format and profile, with hostile values.

use std::collections::BTreeMap;

use addressbook::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use addressbook::domain::file_format::FileFormat;
use addressbook::domain::group::GroupName;
use addressbook::domain::{Contact, ContactId, Timestamp};
use addressbook::formats::Profile;
use addressbook::formats::fields::{Field, id_text};
use addressbook::formats::read::FormulaGuard;
use addressbook::formats::write::{ExportedContact, MetaColumns, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Number, Value};

use super::harness::{Named, OPTIONS, gzip, read_with};

const LAYOUTS: [(FileFormat, Profile); 5] = [
    (FileFormat::Csv, Profile::Exact),
    (FileFormat::Csv, Profile::Spreadsheet),
    (FileFormat::VCard, Profile::Exact),
    (FileFormat::NdJson, Profile::Exact),
    (FileFormat::JsContact, Profile::Exact),
];

/// What an export has of a contact. (Members of meta have no order.)
#[derive(Clone, Debug, Default, PartialEq)]
struct Exported {
    id: String,
    username: String,
    phone_number: String,
    display_name: Option<String>,
    avatar_url: Option<String>,
    meta: BTreeMap<String, Value>,
    groups: Vec<String>,
}

fn export(contacts: &[(Contact, Vec<GroupName>)], format: FileFormat, profile: Profile) -> Vec<u8> {
    let mut columns = MetaColumns::default();
    for (contact, _) in contacts {
        columns.add(&contact.meta);
    }
    let mut writer = Writer::new(format, profile, columns, true);
    let mut file = Vec::new();
    writer.begin(&mut file);
    for (contact, groups) in contacts {
        writer.write(ExportedContact { contact, groups: Some(groups) }, &mut file).unwrap();
    }
    writer.finish("position", &mut file).unwrap();
    file
}

fn expected((contact, groups): &(Contact, Vec<GroupName>)) -> Exported {
    Exported {
        id: contact.id.to_string(),
        username: contact.handle.as_str().to_owned(),
        phone_number: contact.phone.as_str().to_owned(),
        display_name: contact.display_name.as_ref().map(|name| name.as_str().to_owned()),
        avatar_url: contact.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
        meta: contact.meta.to_map().into_iter().collect(),
        groups: groups.iter().map(|group| group.as_str().to_owned()).collect(),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A JSON value, or the JSON text of one.
fn json(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(text).unwrap(),
        value => value.clone(),
    }
}

fn imported(format: FileFormat, record: &Named) -> Exported {
    assert_eq!(record.rejected, None);
    let mut contact = Exported::default();
    for (column, value) in &record.cells {
        match Field::of_column(format, column).unwrap_or_else(|| panic!("no field: {column}")) {
            Field::Id => contact.id = id_text(value.as_str().unwrap()).to_owned(),
            Field::Username => contact.username = text(value).unwrap(),
            Field::PhoneNumber => contact.phone_number = text(value).unwrap(),
            Field::DisplayName => contact.display_name = text(value),
            Field::AvatarUrl => contact.avatar_url = text(value),
            Field::Meta => contact.meta.extend(json(value).as_object().cloned().unwrap_or_default()),
            Field::MetaKey(key) => contact.meta.extend(text(value).map(|value| (key, value.into()))),
            Field::Groups => contact.groups = serde_json::from_value(json(value)).unwrap(),
            Field::CreatedAt | Field::UpdatedAt => assert!(text(value).is_some()),
        }
    }
    contact
}

/// Pieces of text that some format, program or language treats in a way of its own.
const PIECES: &[&str] = &[
    "a",
    "John",
    "\"",
    "\"\"",
    "'",
    "''",
    ",",
    ";",
    "\t",
    "|",
    "\n",
    "\r",
    "\r\n",
    "\\",
    "\\n",
    "\\,",
    "=",
    "+",
    "-",
    "@",
    "＝",
    "=1+1",
    "+44",
    "0",
    "007",
    "4.47E+11",
    "1e400",
    "12345678901234567890",
    "true",
    "null",
    "{",
    "}",
    "[",
    "]",
    ":",
    "::",
    " ",
    "  ",
    "\u{a0}",
    "\u{feff}",
    "\u{202e}",
    "\u{200d}",
    "\u{2028}",
    "\u{85}",
    "e\u{301}",
    "שלום",
    "مرحبا",
    "😀",
    "👩‍👧",
    "𐍈",
    "ﬁ",
    "BEGIN:VCARD",
    "END:VCARD",
    "\nEND:VCARD\n",
    "=0A",
    "tel:",
    "meta",
    "sep=;",
    "\u{1}",
    "\u{7f}",
    "\u{e9}",
    "\u{ff}",
];

fn hostile(max: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_filter("U+0000 is rejected everywhere", |c| *c != '\0').prop_map(String::from),
        1 => "[a-z]{1,90}",
    ];
    vec(piece, 0..max).prop_map(|pieces| pieces.concat())
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |float| Number::from_f64(float).map(Value::Number)),
    ]
}

fn meta() -> impl Strategy<Value = Meta> {
    let leaf = prop_oneof![
        4 => hostile(8).prop_map(Value::String),
        1 => number(),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
    ];
    let value = leaf.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((hostile(3), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let key = prop_oneof![2 => "[A-Z]{1,3}", 1 => hostile(3)];
    let members = vec((key, value), 0..8);
    members.prop_filter_map("within the limits", |members| {
        let members: Map<String, Value> = members.into_iter().collect();
        Meta::parse(&members).ok()
    })
}

fn contact() -> impl Strategy<Value = (Contact, Vec<GroupName>)> {
    let handle = hostile(4).prop_filter_map("a handle", |text| Handle::parse(&text).ok());
    let phone = prop_oneof![Just("+447900000001"), Just("+14155550100"), Just("+39061234567")];
    let name =
        proptest::option::of(hostile(4).prop_filter_map("a name", |text| DisplayName::parse(&text).ok()));
    let url = proptest::option::of(
        "https?://[a-z]{1,9}\\.example(:[1-9][0-9]{0,3})?([/?#][A-Za-z0-9._~!$&'()*+,;=:@/?#%-]{0,99})?",
    );
    let group = hostile(4).prop_filter_map("a group", |text| GroupName::parse(&text).ok());
    let groups = vec(group, 0..4).prop_map(|mut groups| {
        // An object has no order, and no name twice.
        groups.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        groups.dedup();
        groups
    });
    let times = (0..253_402_300_799_999_i64, 0..253_402_300_799_999_i64);
    (handle, phone, name, url, meta(), groups, times).prop_map(
        |(handle, phone, name, url, meta, groups, times)| {
            let contact = Contact {
                id: ContactId::generate().0,
                handle,
                phone: Phone::parse(phone).unwrap(),
                display_name: name,
                avatar_url: url.map(|url| AvatarUrl::parse(&url).unwrap()),
                meta,
                created_at: Timestamp::from_millis(times.0),
                updated_at: Timestamp::from_millis(times.1),
                version: 1,
            };
            (contact, groups)
        },
    )
}

fn check(contacts: &[(Contact, Vec<GroupName>)]) {
    let expected: Vec<_> = contacts.iter().map(expected).collect();
    for (format, profile) in LAYOUTS {
        let file = export(contacts, format, profile);
        // Known by its content, however it is sent, as well as by its name.
        for options in [OPTIONS, addressbook::formats::read::ReadOptions { format: Some(format), ..OPTIONS }]
        {
            for file in [file.clone(), gzip(&file)] {
                let read = read_with(file, &options).unwrap();
                assert_eq!(read.detected.format, format);
                assert_eq!(read.notes, []);
                let imported: Vec<_> = read.records.iter().map(|record| imported(format, record)).collect();
                assert_eq!(imported, expected, "{format:?} {profile:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_comes_back_the_same(contacts in vec(contact(), 1..5)) {
        check(&contacts);
    }
}

/// In the file of the spreadsheet profile, no cell runs; in the exact one, each value stands as it is.
#[test]
fn only_the_spreadsheet_profile_guards_formulas() {
    let meta: Map<String, Value> = serde_json::from_str(
        r#"{"A": "=1+1", "B": "\t=1", "C": "'@x", "D": "'tis", "E": ["=1"], "F ": "=2"}"#,
    )
    .unwrap();
    let mut contact = sample("+john");
    contact.meta = Meta::parse(&meta).unwrap();
    contact.display_name = Some(DisplayName::parse("-John").unwrap());
    let contacts = [(contact, vec![GroupName::parse("=Friends").unwrap()])];
    check(&contacts);

    let options = addressbook::formats::read::ReadOptions { formula_guard: FormulaGuard::Keep, ..OPTIONS };
    let read = |profile| {
        let file = export(&contacts, FileFormat::Csv, profile);
        (file.starts_with(b"\xef\xbb\xbf"), read_with(file, &options).unwrap())
    };
    let (has_bom, spreadsheet) = read(Profile::Spreadsheet);
    let [record] = &spreadsheet.records[..] else { panic!("{spreadsheet:?}") };
    assert!(has_bom);
    let columns = [
        "id",
        "username",
        "phone_number",
        "display_name",
        "avatar_url",
        "meta.A",
        "meta.C",
        "meta.D",
        "meta",
        "groups",
    ];
    assert_eq!(spreadsheet.columns, columns);
    for (column, text) in [
        ("username", "'+john"),
        ("phone_number", "'+447900000001"),
        ("display_name", "'-John"),
        ("meta.A", "'=1+1"),
        ("meta.C", "''@x"),
        ("meta.D", "'tis"),
        ("meta", r#"{"B":"\t=1","E":["=1"],"F ":"=2"}"#),
        ("groups", r#"["=Friends"]"#),
    ] {
        assert_eq!(record.text(column), text);
    }
    let runs = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    assert!(!record.cells.values().any(|cell| runs(cell.as_str().unwrap())));

    let (has_bom, exact) = read(Profile::Exact);
    let [record] = &exact.records[..] else { panic!("{exact:?}") };
    assert!(!has_bom);
    assert_eq!(record.text("username"), "+john");
    assert_eq!(record.text("phone_number"), "+447900000001");
    assert_eq!(record.text("meta"), Value::Object(meta).to_string());
}

/// What vCard and JSContact require of the text itself.
#[test]
fn cards_are_well_formed() {
    let mut contact = sample("jane");
    contact.meta =
        Meta::parse(&serde_json::from_str(&format!(r#"{{"A": "{}"}}"#, "é".repeat(200))).unwrap()).unwrap();
    let contacts = [(contact, Vec::new()), (sample("john"), vec![GroupName::parse("a,b").unwrap()])];
    let vcard = String::from_utf8(export(&contacts, FileFormat::VCard, Profile::Exact)).unwrap();
    assert!(vcard.split_inclusive('\n').all(|line| line.ends_with("\r\n") && line.len() <= 77), "{vcard}");
    assert!(vcard.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n") && vcard.ends_with("END:VCARD\r\n"));
    assert!(vcard.contains("\r\nCREATED:20251110T201512Z\r\nREV:20251110T201512Z\r\n"), "{vcard}");
    assert!(
        vcard.contains("\r\nFN;DERIVED=TRUE:john\r\n") && vcard.contains("\r\nCATEGORIES:a\\,b\r\n"),
        "{vcard}"
    );

    let cards: Vec<Value> =
        serde_json::from_slice(&export(&contacts, FileFormat::JsContact, Profile::Exact)).unwrap();
    assert_eq!(cards.len(), 2);
    assert_eq!(cards[1]["created"], "2025-11-10T20:15:12Z");
    assert_eq!(cards[1]["updated"], "2025-11-10T20:15:12.34Z");
    assert_eq!(cards[1]["phones"]["1"]["number"], "tel:+447900000001");
    assert_eq!(cards[1].get("name"), None);

    let empty: Vec<Value> =
        serde_json::from_slice(&export(&[], FileFormat::JsContact, Profile::Exact)).unwrap();
    assert_eq!(empty, Vec::<Value>::new());
    assert_eq!(export(&[], FileFormat::NdJson, Profile::Exact), b"{\"$position\":\"position\"}\n");
}

/// More keys than columns: the rest is in the last column.
#[test]
fn a_spreadsheet_has_at_most_200_columns_of_meta() {
    let contacts: Vec<_> = (0..10)
        .map(|contact| {
            let member = |key: usize| (format!("K{:03}", contact * 30 + key), Value::from("x"));
            let mut with_meta = sample(&format!("john{contact}"));
            with_meta.meta = Meta::parse(&(0..30).map(member).collect()).unwrap();
            (with_meta, Vec::new())
        })
        .collect();
    check(&contacts);
    let file = read_with(export(&contacts, FileFormat::Csv, Profile::Spreadsheet), &OPTIONS).unwrap();
    let columns: Vec<_> = file.columns.iter().filter(|column| column.starts_with("meta.")).collect();
    assert_eq!((columns.len(), columns[0].as_str(), columns[199].as_str()), (200, "meta.K000", "meta.K199"));
}

fn sample(handle: &str) -> Contact {
    Contact {
        id: ContactId::generate().0,
        handle: Handle::parse(handle).unwrap(),
        phone: Phone::parse("+447900000001").unwrap(),
        display_name: None,
        avatar_url: None,
        meta: Meta::default(),
        created_at: Timestamp::from_millis(1_762_805_712_000),
        updated_at: Timestamp::from_millis(1_762_805_712_340),
        version: 1,
    }
}
