use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Number;

use super::expression::{
    Base, Condition, Direction, Expression, Operator, RelativeTime, Span, Subject, Test, Unit, Value,
};
use super::position::Position;
use super::*;
use crate::domain::field::{Field, FieldKey};
use crate::domain::field::{FieldId, FieldNumber, FieldState, FieldType};
use crate::domain::{Error, ErrorCode};
use crate::domain::{Timestamp, Violation};

static NAMES: PropertyNames = PropertyNames {
    handle: "username",
    phone: "phone_number",
    created_at: "created_at",
    updated_at: "updated_at",
};

fn parse(text: &str) -> Result<Filter, Violation> {
    Filter::parse(text, &NAMES)
}

fn key() -> impl Strategy<Value = FieldKey> {
    let keys = prop_oneof!["[A-Z]{1,6}", "(AND|IN|meta|true|now|next|username|first-name|4u|É)", ".{1,8}"];
    keys.prop_filter_map("no key of meta", |key| FieldKey::parse(&key).ok())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "[\"'\\\\*/\u{8}\u{c}\n\r\t%_é\u{10ffff}]{0,6}"]
}

fn span(units: &'static [Unit]) -> impl Strategy<Value = Span> {
    (0..10_000_u32, select(units)).prop_map(|(count, unit)| Span { count, unit })
}

fn relative(base: Base, units: &'static [Unit]) -> impl Strategy<Value = Value> {
    let offset = option::of((select(&[Direction::Before, Direction::After][..]), span(units)));
    offset.prop_map(move |offset| Value::Relative(RelativeTime { base, offset }))
}

fn value() -> impl Strategy<Value = Value> {
    let double = any::<f64>().prop_filter_map("no JSON number", Number::from_f64);
    prop_oneof![
        text().prop_map(Value::Text),
        text().prop_map(Value::Prefix),
        any::<i64>().prop_map(|number| Value::Number(number.into())),
        any::<u64>().prop_map(|number| Value::Number(number.into())),
        double.prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        relative(Base::Now, &Unit::ALL),
        relative(Base::Today, &Unit::ALL),
    ]
}

/// A condition that the parser accepts without knowing the fields of the account.
fn condition() -> impl Strategy<Value = Condition> {
    let operator = || select(&Operator::ALL[..]);
    let on_meta = prop_oneof![
        4 => (operator(), value()).prop_map(|(operator, value)| Test::Compare(operator, value)),
        1 => Just(Test::Present),
        2 => vec(value(), 1..4).prop_map(Test::In),
    ];
    let day = || {
        let day = (1..13_u32, 1..29_u32).prop_map(|(month, day)| Value::Text(format!("{month:02}-{day:02}")));
        prop_oneof![day, relative(Base::Today, &[Unit::Day, Unit::Week])]
    };
    let on_anniversary = prop_oneof![
        day().prop_map(|day| Test::Compare(Operator::Equal, day)),
        vec(day(), 1..4).prop_map(Test::In),
        (1..=MAX_DAYS).prop_map(|count| Test::InNext(Span { count, unit: Unit::Day })),
    ];
    let on_text = prop_oneof![
        (operator(), text().prop_map(Value::Text)).prop_map(|(operator, text)| Test::Compare(operator, text)),
        vec(prop_oneof![text().prop_map(Value::Text), text().prop_map(Value::Prefix)], 1..4)
            .prop_map(Test::In),
    ];
    let group = || "[a-z]{1,8}".prop_map(Value::Text);
    let on_group = prop_oneof![
        group().prop_map(|group| Test::Compare(Operator::Equal, group)),
        vec(group(), 1..4).prop_map(Test::In),
        Just(Test::Present),
    ];
    let texts = select(&[Property::Handle, Property::DisplayName][..]).prop_map(Subject::Property);
    let times = select(&[Property::CreatedAt, Property::UpdatedAt][..]).prop_map(Subject::Property);
    let on_time = (operator(), relative(Base::Now, &Unit::ALL))
        .prop_map(|(operator, time)| Test::Compare(operator, time));
    let on_opted_out = any::<bool>().prop_map(|value| Test::Compare(Operator::Equal, Value::Boolean(value)));
    prop_oneof![
        4 => (key().prop_map(Subject::Meta), on_meta),
        1 => (key().prop_map(Subject::Anniversary), on_anniversary),
        2 => (texts, on_text),
        1 => (times, on_time),
        1 => (Just(Subject::Property(Property::Group)), on_group),
        1 => (Just(Subject::Property(Property::OptedOut)), on_opted_out),
    ]
    .prop_map(|(subject, test)| Condition { subject, test, position: Position::START })
}

fn expression() -> impl Strategy<Value = Expression> {
    condition().prop_map(Expression::Condition).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expression::all),
            vec(inner.clone(), 2..4).prop_map(Expression::any),
            inner.prop_map(|operand| Expression::Not(Box::new(operand))),
        ]
    })
}

proptest! {
    #[test]
    fn the_canonical_text_is_parsed_to_the_same_filter(expression in expression()) {
        let filter = Filter { expression };
        let text = filter.in_dialect(&NAMES).to_string();
        prop_assume!(text.chars().count() <= MAX_CHARS);
        let parsed = parse(&text);
        prop_assert_eq!(parsed.as_ref(), Ok(&filter), "{}", text);
        prop_assert_eq!(parsed.unwrap().in_dialect(&NAMES).to_string(), text);
    }

    /// As `serde_json` writes it, and with each UTF-16 unit escaped. A `*` is a wildcard unless it is escaped.
    #[test]
    fn each_string_of_json_is_a_text(text in "[^*\0]{0,30}") {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
        let units = units.replace("\\u002f", "\\/");
        let written = [serde_json::to_string(&text).unwrap(), format!("\"{units}\""), format!("'{units}'")];
        for written in written {
            let Filter { expression } = parse(&format!("meta.A = {written}")).unwrap();
            let Expression::Condition(Condition { test, .. }) = expression else { panic!("{expression:?}") };
            prop_assert_eq!(test, Test::Compare(Operator::Equal, Value::Text(text.clone())), "{}", written);
        }
    }

    /// Of anything, and of what looks like a filter: no panic, and a position within the text or right behind it.
    #[test]
    fn an_error_has_its_position(text in prop_oneof![
        ".{0,60}",
        "((username|meta|\\.|CITY|=|!=|<|>|AND|OR|NOT|IN|\\(|\\)|-|\\*|:|,|\"a\"|\"a|'|5|30d|now|true) ?){0,30}",
    ]) {
        if let Err(Violation::FilterSyntax { position, .. }) = parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&position), "{} in {:?}", position, text);
        }
    }
}

#[test]
fn positions_are_those_of_the_first_character_that_is_wrong() {
    for (text, position) in [
        ("=", 1),
        ("username", 1),
        ("username =", 11),
        ("username = london", 12),
        ("username = \"é\" & meta.A = 1", 16),
        ("username = \"é\" and meta.A = 1", 16),
        ("username = \"never closed", 12),
        ("meta.A = \"\\x\"", 11),
        ("meta.A = \"a\\u00e\"", 12),
        ("meta.A = \"a\\u+0e9\"", 12),
        ("meta.A = \"a\\u0000\"", 12),
        ("meta.A = \"a\\ud83d\"", 12),
        ("meta.A = \"a\\udc69\\ud83d\"", 12),
        ("meta.A = \"a\\ud83d\\u0041\"", 12),
        ("meta.A = \"a\\ud83d\\u\"", 12),
        ("meta.A = \"a*b\"", 12),
        ("meta.A = \"\u{0}\"", 11),
        ("meta.A = 1 AND meta.B = 2 OR meta.C = 3", 27),
        ("meta.A = 1 OR meta.B = 2 AND meta.C = 3", 26),
        ("(meta.A = 1", 12),
        ("meta.A = 1)", 11),
        ("()", 2),
        ("NOT", 4),
        ("meta. = 1", 7),
        ("meta.A IN ()", 12),
        ("meta.A IN (1, )", 15),
        ("meta.A IN (1", 13),
        ("meta.A = 1.", 12),
        ("meta.A = 1e", 12),
        ("meta.A = 007", 10),
        ("meta.A = -x", 11),
        ("meta.A = 18446744073709551616", 10),
        ("meta.A > now() - 5", 18),
        ("meta.A > now() - 5y", 19),
        ("meta.A > now() - 5days", 19),
        ("meta.A > now() - 99999999d", 18),
        ("meta.A > now", 13),
        ("meta.A:1", 8),
        ("meta.A = 1 phone_number > \"1\"", 12),
        ("meta.A = 1 AND phone_number > \"1\"", 16),
        ("group != \"x\"", 1),
        ("opted_out = \"x\"", 1),
        ("created_at > \"yesterday\"", 1),
        ("username = 5", 1),
        ("username > \"a*\"", 1),
        ("anniversary(meta.B) = \"02-30\"", 1),
        ("anniversary(meta.B) = now()", 1),
        ("anniversary(meta.B) IN next(40d)", 29),
        ("anniversary(meta.B) IN next(3h)", 29),
        ("anniversary meta.B", 13),
        ("meta.A IN next(7d) AND username IN next(7d)", 24),
    ] {
        match parse(text) {
            Err(Violation::FilterSyntax { position: found, message }) => {
                assert_eq!(found, position, "{text}: {message}");
                assert!(message.len() > 10 && !message.contains("london"), "{message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(parse(" \n"), Err(Violation::Blank));
    assert_eq!(parse(&"x".repeat(MAX_CHARS + 1)), Err(Violation::TooLong { max: MAX_CHARS }));
}

#[test]
fn spellings_of_one_filter() {
    for (text, canonical) in [
        ("meta.A = \"\\u002a\\u00e9\\u0022*\"", "meta.A = \"\\*é\\\"*\""),
        ("meta.A = \"\\ud83d\\udc69\\/\\'\"", "meta.A = \"👩/'\""),
        (
            "meta.CITY = \"London\" AND (age >= 18 OR NOT opted_out) AND created_at > \"2026-01-01T00:00:00Z\"",
            "meta.CITY = \"London\" AND (meta.age >= 18 OR NOT opted_out = true) AND \
             created_at > \"2026-01-01T00:00:00Z\"",
        ),
        ("-opted_out", "NOT opted_out = true"),
        ("NOT  -(opted_out)", "NOT NOT opted_out = true"),
        ("meta.\"CITY\"='a\"b'", "meta.CITY = \"a\\\"b\""),
        ("meta.\"FIRST NAME\" : *", "meta.\"FIRST NAME\":*"),
        ("meta.A=\"Lon\\*\"", "meta.A = \"Lon\\*\""),
        ("meta.A=\"Lon*\"", "meta.A = \"Lon*\""),
        ("meta.A=\"*\"", "meta.A = \"*\""),
        ("meta.A=-5 AND\tmeta.B\n=\r1.5E3", "meta.A = -5 AND meta.B = 1500.0"),
        ("((meta.A=1 AND meta.B=2) AND (meta.C=3))", "meta.A = 1 AND meta.B = 2 AND meta.C = 3"),
        ("meta.A>now()-30d", "meta.A > now() - 30d"),
        ("anniversary(BIRTHDAY) IN next( 1w )", "anniversary(meta.BIRTHDAY) IN next(1w)"),
        ("meta.first-name = \"x\"", "meta.first-name = \"x\""),
        ("meta.meta = 1 AND meta.next = 1", "meta.meta = 1 AND meta.next = 1"),
    ] {
        let filter = parse(text).unwrap_or_else(|violation| panic!("{text}: {violation:?}"));
        assert_eq!(filter.in_dialect(&NAMES).to_string(), canonical);
        assert_eq!(parse(canonical).as_ref(), Ok(&filter), "{canonical}");
    }
    let quoted = parse("meta.\"AND\" = 1").unwrap();
    assert_eq!(quoted.in_dialect(&NAMES).to_string(), "meta.\"AND\" = 1");
}

#[test]
fn the_limits_hold_exactly() {
    let conditions = |count: usize| vec!["meta.A = 1"; count].join(" OR ");
    assert!(parse(&conditions(MAX_CONDITIONS)).is_ok());
    assert!(matches!(parse(&conditions(MAX_CONDITIONS + 1)), Err(Violation::FilterSyntax { .. })));
    let values = |count: usize| format!("meta.A IN ({})", vec!["1"; count].join(", "));
    assert!(parse(&values(MAX_VALUES)).is_ok());
    assert!(matches!(parse(&values(MAX_VALUES + 1)), Err(Violation::FilterSyntax { .. })));
    for nested in ["NOT ", "-", "("] {
        let filter = |depth: usize| {
            let close = if nested == "(" { ")" } else { "" };
            format!("{}meta.A = 1{}", nested.repeat(depth), close.repeat(depth))
        };
        assert!(parse(&filter(MAX_DEPTH)).is_ok());
        let position = nested.len() * MAX_DEPTH + 1;
        let found = match parse(&filter(MAX_DEPTH + 1)) {
            Err(Violation::FilterSyntax { position, .. }) => position,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, position);
    }
}

/// What recurses is bounded: the stack of this thread is smaller than any that a server has.
#[test]
fn no_input_exhausts_the_stack() {
    let inputs = || {
        [
            "(".repeat(MAX_CHARS),
            "NOT ".repeat(MAX_CHARS / 4),
            "-".repeat(MAX_CHARS),
            format!("{}meta.A = 1{}", "(".repeat(2_000), ")".repeat(2_000)),
            format!("{}meta.A = 1{}", "(NOT ".repeat(MAX_DEPTH / 2), ")".repeat(MAX_DEPTH / 2)),
            "\"".repeat(MAX_CHARS),
            "9".repeat(MAX_CHARS),
        ]
        .map(|input| parse(&input).is_ok())
    };
    let parsed = std::thread::Builder::new().stack_size(256 * 1024).spawn(inputs).unwrap().join();
    assert_eq!(parsed.ok(), Some([false, false, false, false, true, false, false]));
}

fn field(number: i32, key: &str, field_type: FieldType, state: FieldState) -> Field {
    let (id, created_at) = FieldId::generate();
    Field {
        id,
        number: FieldNumber::new(number),
        key: FieldKey::parse(key).unwrap(),
        field_type,
        state,
        indexed: 7,
        mismatched: 0,
        created_at,
    }
}

fn resolve(text: &str) -> Result<Predicate, Error> {
    let fields = [
        field(1, "CITY", FieldType::Text, FieldState::Ready),
        field(2, "AGE", FieldType::Number, FieldState::Ready),
        field(3, "VIP", FieldType::Boolean, FieldState::Ready),
        field(4, "BIRTHDAY", FieldType::DateTime, FieldState::Ready),
        field(5, "NEW", FieldType::Text, FieldState::Building),
    ];
    parse(text).unwrap().resolve(&fields, Timestamp::parse("2026-11-27T17:30:00Z").unwrap())
}

#[test]
fn the_fields_of_the_account_decide() {
    let code = |text: &str| resolve(text).map_err(|error| error.code()).map(drop);
    for text in [
        "meta.CITY = \"London\"",
        "CITY != \"Lon*\"",
        "AGE >= 18 AND AGE < 1e3",
        "VIP",
        "VIP != false AND VIP IN (true)",
        "VIP:*",
        "BIRTHDAY < \"2000-01-01\" OR BIRTHDAY > now() - 5w",
        "anniversary(BIRTHDAY) = today()",
    ] {
        assert_eq!(code(text), Ok(()), "{text}");
    }
    let long = format!("CITY = \"{}\"", "é".repeat(128));
    for text in [
        "CITY = 5",
        "CITY",
        "CITY > \"a*\"",
        &long,
        "AGE = \"18\"",
        "AGE",
        "VIP > false",
        "VIP = \"true\"",
        "BIRTHDAY = 5",
        "BIRTHDAY = \"12-24\"",
        "anniversary(CITY) = \"12-24\"",
        "AGE IN next(7d)",
    ] {
        assert_eq!(code(text), Err(ErrorCode::Invalid), "{text}");
    }
    assert_eq!(code("NEW = \"x\""), Err(ErrorCode::FieldNotReady));
    let error = resolve("CITY = \"a\" OR meta.\"a\\\"b\":*").unwrap_err();
    assert_eq!(error.code(), ErrorCode::FieldNotDeclared);
    let declare =
        "\"a\\\"b\" is not a declared field; declare it with POST /v1/fields and {\"key\": \"a\\\"b\", ";
    assert!(error.message().starts_with(declare), "{}", error.message());
}

#[test]
fn times_are_relative_to_the_moment_of_use() {
    let at = |text: &str| match resolve(&format!("created_at >= {text}")).unwrap() {
        Predicate::Match(Match::Time(TimeColumn::CreatedAt, ranges)) => match &ranges[..] {
            [KeyRange { lower: std::ops::Bound::Included(time), upper: std::ops::Bound::Unbounded }] => {
                time.to_string()
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    for (text, time) in [
        ("now()", "2026-11-27T17:30:00.000Z"),
        ("today()", "2026-11-27T00:00:00.000Z"),
        ("now() - 30d", "2026-10-28T17:30:00.000Z"),
        ("now() + 90m", "2026-11-27T19:00:00.000Z"),
        ("today() - 1w", "2026-11-20T00:00:00.000Z"),
        ("now() - 3661s", "2026-11-27T16:28:59.000Z"),
        ("now() - 366000d", "1024-10-31T17:30:00.000Z"),
        ("\"2026-01-01\"", "2026-01-01T00:00:00.000Z"),
        ("\"2026-01-01T00:00:00+01:00\"", "2025-12-31T23:00:00.000Z"),
    ] {
        assert_eq!(at(text), time, "{text}");
    }
}
