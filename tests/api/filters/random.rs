//! Random filters, and contacts with values that are hostile to them.

use serde_json::{Map, Value, json};

use super::reference::{Filter, Number, SEGMENTS, Test, Text, TextTest, Time};

pub const V1: [&str; 4] = ["username", "phone_number", "created_at", "updated_at"];
pub const ADDRESS_BOOK: [&str; 4] = ["alias", "msisdn", "created_on", "updated_on"];

/// The declared fields.
pub const FIELDS: [(&str, &str); 5] =
    [("CITY", "text"), ("FIRST NAME", "text"), ("AGE", "number"), ("VIP", "boolean"), ("BORN", "datetime")];

pub const GROUPS: [&str; 3] = ["friends", "Lon%", "everybody"];

const TEXTS: [&str; 18] = [
    "",
    "London",
    "london",
    "Lon",
    "Lon%",
    "Lon_on",
    "Lon\u{10ffff}",
    "Lon\u{10ffff}x",
    "Loo",
    "L*n",
    "5",
    "true",
    "e\u{301}",
    "\u{e9}",
    "a\"b\\c'd",
    "\u{1f468}\u{200d}\u{1f469}",
    "\u{d7ff}\u{e000}",
    "\n\t",
];

const PREFIXES: [&str; 10] =
    ["", "L", "Lon", "Lon%", "Lon_", "Lon\u{10ffff}", "\u{10ffff}", "L*", "\u{d7ff}", "e"];

const NUMBERS: [&str; 12] = [
    "0",
    "-0.0",
    "17",
    "18",
    "18.0",
    "17.999",
    "-1",
    "1e300",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551615",
    "-1.5e-3",
];

const TIMES: [&str; 8] = [
    "1999-12-31T23:59:59.999Z",
    "2000-01-01",
    "2000-01-01T00:00:00Z",
    "2000-01-01T00:30:00+01:00",
    "2000-02-29",
    "1899-12-31",
    "9999-12-31T23:59:59.999Z",
    "0000-01-01",
];

const PHONES: [&str; 4] = ["+447900000001", "00 44 7900 000002", "14155550100", "+1 (415) 555-0101"];

fn pick<T: Clone>(values: &[T]) -> T {
    values[fastrand::usize(..values.len())].clone()
}

/// `meta` of a contact: a value of each key, or none.
pub fn meta() -> Value {
    let mut meta = Map::new();
    for (key, field_type) in FIELDS {
        let fitting = match field_type {
            "text" => json!(pick(&TEXTS)),
            "number" => {
                let text = pick(&NUMBERS);
                if fastrand::bool() { json!(text) } else { serde_json::from_str(text).unwrap() }
            }
            "boolean" => pick(&[json!(true), json!(false), json!("true"), json!("false")]),
            _ => json!(pick(&TIMES)),
        };
        let other = [
            json!(5),
            json!(true),
            json!([]),
            json!({"London": 18}),
            json!("x".repeat(255)),
            json!("x".repeat(256)),
            json!("True"),
            json!("007"),
            json!(" 18"),
            json!("2000-1-1"),
        ];
        match fastrand::u8(..10) {
            0 => {}
            1 => drop(meta.insert(key.to_owned(), Value::Null)),
            2 => drop(meta.insert(key.to_owned(), pick(&other))),
            _ => drop(meta.insert(key.to_owned(), fitting)),
        }
    }
    meta.into()
}

/// The members of a new contact. The first ones have each text as their `CITY`, so that every text is compared with
/// a contact that has it.
pub fn contact(number: usize) -> Value {
    let names = ["London", "e\u{301}", "\u{e9}", "100%_*", "Zo\u{eb}"];
    let mut contact = json!({
        "username": format!("{} {number}", pick(&names)),
        "phone_number": pick(&PHONES),
        "meta": meta(),
    });
    if fastrand::bool() {
        contact["display_name"] = pick(&names).into();
    }
    if let Some(city) = TEXTS.get(number) {
        contact["meta"]["CITY"] = (*city).into();
    }
    contact
}

fn test<T: Clone>(values: &[T], operators: &[&'static str]) -> Test<T> {
    if fastrand::u8(..4) == 0 {
        let count = fastrand::usize(1..5);
        return Test::In((0..count).map(|_| pick(values)).collect());
    }
    Test::Compare(pick(operators), pick(values))
}

const ALL: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];

fn condition() -> Filter {
    let text = |text, values: &[&'static str], prefixes: &[&'static str], operators: &[&'static str]| {
        let test = match fastrand::u8(..3) {
            0 => TextTest::Prefix(pick(prefixes), fastrand::bool()),
            _ => TextTest::Value(test(values, operators)),
        };
        Filter::Text(text, test)
    };
    match fastrand::u8(..19) {
        0..=3 => text(Text::Key("CITY"), &TEXTS, &PREFIXES, &ALL),
        4 => text(Text::Key("FIRST NAME"), &TEXTS, &PREFIXES, &ALL),
        5..=7 => Filter::Number("AGE", test(&NUMBERS.map(Number), &ALL)),
        8 => Filter::Boolean("VIP", fastrand::bool(), fastrand::bool()),
        9 | 10 => Filter::Time(Time::Key("BORN"), test(&TIMES, &ALL)),
        11 => Filter::Present(pick(&FIELDS).0),
        12 => {
            text(Text::Handle, &["London 5", "e\u{301} 7", "\u{e9} 8", "Zo\u{eb} 12", "a"], &PREFIXES, &ALL)
        }
        13 => text(Text::DisplayName, &["London", "e\u{301}", "100%_*", "a"], &PREFIXES, &ALL),
        14 => text(Text::Phone, &PHONES, &["+44", "0044 79", "1415", "+1 (415) 555-01", "+7"], &["=", "!="]),
        15 => {
            let time = pick(&[Time::CreatedAt, Time::UpdatedAt]);
            Filter::Time(time, test(&["2000-01-01", "2100-01-01T00:00:00Z"], &ALL))
        }
        16 => match fastrand::u8(..4) {
            0 => Filter::AnyGroup,
            1 => Filter::Group(vec![pick(&GROUPS), pick(&GROUPS)]),
            _ => Filter::Group(vec![pick(&GROUPS)]),
        },
        17 => Filter::Segment(pick(&SEGMENTS)),
        _ => Filter::OptedOut,
    }
}

/// At most `depth` levels of operators.
pub fn filter(depth: u8) -> Filter {
    let operands = || (0..fastrand::usize(1..4)).map(|_| filter(depth - 1)).collect();
    match fastrand::u8(..if depth == 0 { 1 } else { 6 }) {
        0 => condition(),
        1 | 2 => Filter::And(operands()),
        3 | 4 => Filter::Or(operands()),
        _ => Filter::Not(Box::new(filter(depth - 1))),
    }
}
