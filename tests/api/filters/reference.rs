//! What a filter means, as a plain function over the contacts that the API shows: written by hand from the documentation,
//! and independent of the code under test.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

/// A contact as v1 shows it, and what other resources say about it.
pub struct Subject {
    pub contact: Value,
    pub groups: BTreeSet<String>,
    pub opted_out: bool,
}

#[derive(Clone, Debug)]
pub enum Filter {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Text(Text, TextTest),
    /// A key of the type number.
    Number(&'static str, Test<Number>),
    Boolean(&'static str, bool, bool),
    Time(Time, Test<&'static str>),
    Present(&'static str),
    Group(Vec<&'static str>),
    AnyGroup,
    OptedOut,
    /// One of the saved ones, by its name.
    Segment(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub enum Text {
    Handle,
    DisplayName,
    /// In any spelling.
    Phone,
    Key(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub enum Time {
    CreatedAt,
    UpdatedAt,
    Key(&'static str),
}

#[derive(Clone, Debug)]
pub enum TextTest {
    Value(Test<&'static str>),
    Prefix(&'static str, bool),
}

/// A JSON number as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub &'static str);

#[derive(Clone, Debug)]
pub enum Test<T> {
    Compare(&'static str, T),
    In(Vec<T>),
}

impl<T> Test<T> {
    fn holds(&self, compare: impl Fn(&T) -> Ordering) -> bool {
        match self {
            Self::In(values) => values.iter().any(|value| compare(value).is_eq()),
            Self::Compare(operator, value) => {
                let ordering = compare(value);
                match *operator {
                    "=" => ordering.is_eq(),
                    "!=" => ordering.is_ne(),
                    "<" => ordering.is_lt(),
                    "<=" => ordering.is_le(),
                    ">" => ordering.is_gt(),
                    ">=" => ordering.is_ge(),
                    other => panic!("{other}"),
                }
            }
        }
    }

    fn write(&self, literal: impl Fn(&T) -> String) -> String {
        match self {
            Self::Compare(operator, value) => format!("{operator}{}", literal(value)),
            Self::In(values) => format!(" IN ({})", values.iter().map(literal).collect::<Vec<_>>().join(",")),
        }
    }
}

/// With what a value is compared, as `meta` has texts, numbers and booleans.
pub fn indexed_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    (text.len() <= 255).then_some(text)
}

pub fn indexed_number(value: &Value) -> Option<serde_json::Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) if text.trim() == text => serde_json::from_str(text).ok(),
        _ => None,
    }
}

pub fn compare_numbers(a: &serde_json::Number, b: &serde_json::Number) -> Ordering {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap().partial_cmp(&b.as_f64().unwrap()).unwrap(),
    }
}

pub fn indexed_boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub fn indexed_time(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).ok();
    let date = || {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)?;
        Some(date.and_hms_opt(0, 0, 0)?.and_utc())
    };
    Some(time.or_else(date)?.timestamp_millis())
}

impl Filter {
    pub fn matches(&self, subject: &Subject) -> bool {
        let meta = |key: &str| subject.contact["meta"].get(key).filter(|value| !value.is_null());
        match self {
            Self::And(operands) => operands.iter().all(|operand| operand.matches(subject)),
            Self::Or(operands) => operands.iter().any(|operand| operand.matches(subject)),
            Self::Not(operand) => !operand.matches(subject),
            Self::Text(text, test) => {
                let member = |name: &str| subject.contact[name].as_str().map(str::to_owned);
                let value = match text {
                    Text::Handle => member("username"),
                    Text::DisplayName => member("display_name"),
                    Text::Phone => member("phone_number"),
                    Text::Key(key) => meta(key).and_then(indexed_text),
                };
                let literal = |literal: &str| match text {
                    Text::Handle | Text::DisplayName => literal.nfc().collect(),
                    Text::Phone => {
                        let digits: String = literal.chars().filter(char::is_ascii_digit).collect();
                        format!("+{}", digits.trim_start_matches('0'))
                    }
                    Text::Key(_) => literal.to_owned(),
                };
                value.is_some_and(|value| match test {
                    TextTest::Value(test) => test.holds(|other| value.as_str().cmp(&literal(other))),
                    TextTest::Prefix(prefix, wanted) => value.starts_with(&literal(prefix)) == *wanted,
                })
            }
            Self::Number(key, test) => meta(key).and_then(indexed_number).is_some_and(|number| {
                test.holds(|Number(other)| compare_numbers(&number, &serde_json::from_str(other).unwrap()))
            }),
            Self::Boolean(key, equal, value) => {
                meta(key).and_then(indexed_boolean).is_some_and(|found| (found == *value) == *equal)
            }
            Self::Time(time, test) => {
                let value = match time {
                    Time::CreatedAt => indexed_time(&subject.contact["created_at"]),
                    Time::UpdatedAt => indexed_time(&subject.contact["updated_at"]),
                    Time::Key(key) => meta(key).and_then(indexed_time),
                };
                value.is_some_and(|value| {
                    test.holds(|other| value.cmp(&indexed_time(&Value::from(*other)).unwrap()))
                })
            }
            Self::Present(key) => match *key {
                "AGE" => meta(key).and_then(indexed_number).is_some(),
                "VIP" => meta(key).and_then(indexed_boolean).is_some(),
                "BORN" => meta(key).and_then(indexed_time).is_some(),
                _ => meta(key).and_then(indexed_text).is_some(),
            },
            Self::Group(names) => names.iter().any(|name| subject.groups.contains(*name)),
            Self::AnyGroup => !subject.groups.is_empty(),
            Self::OptedOut => subject.opted_out,
            Self::Segment(name) => segment(name).matches(subject),
        }
    }

    /// The text, with the names of a dialect: of the handle, the number, and the times.
    pub fn text(&self, names: [&str; 4]) -> String {
        let [handle, phone, created_at, updated_at] = names;
        let joined = |operands: &[Self], joint: &str| {
            let operands = operands.iter().map(|operand| format!("({})", operand.text(names)));
            operands.collect::<Vec<_>>().join(joint)
        };
        match self {
            Self::And(operands) => joined(operands, " AND "),
            Self::Or(operands) => joined(operands, " OR "),
            Self::Not(operand) => format!("NOT ({})", operand.text(names)),
            Self::Text(text, test) => {
                let name = match text {
                    Text::Handle => handle.to_owned(),
                    Text::DisplayName => "display_name".to_owned(),
                    Text::Phone => phone.to_owned(),
                    Text::Key(key) => meta(key),
                };
                let test = match test {
                    TextTest::Value(test) => test.write(|text| quoted(text, "")),
                    TextTest::Prefix(prefix, true) => format!(" = {}", quoted(prefix, "*")),
                    TextTest::Prefix(prefix, false) => format!("!={}", quoted(prefix, "*")),
                };
                format!("{name}{test}")
            }
            Self::Number(key, test) => {
                format!("{}{}", meta(key), test.write(|Number(text)| (*text).to_owned()))
            }
            Self::Boolean(key, equal, value) => {
                format!("{}{}{value}", meta(key), if *equal { "=" } else { "!=" })
            }
            Self::Time(time, test) => {
                let name = match time {
                    Time::CreatedAt => created_at.to_owned(),
                    Time::UpdatedAt => updated_at.to_owned(),
                    Time::Key(key) => meta(key),
                };
                format!("{name}{}", test.write(|text| quoted(text, "")))
            }
            Self::Present(key) => format!("{}:*", meta(key)),
            Self::Group(groups) => match &groups[..] {
                [group] => format!("group = {}", quoted(group, "")),
                groups => {
                    let groups: Vec<String> = groups.iter().map(|group| quoted(group, "")).collect();
                    format!("group IN ({})", groups.join(", "))
                }
            },
            Self::AnyGroup => "group:*".to_owned(),
            Self::OptedOut => "opted_out".to_owned(),
            Self::Segment(name) => format!("segment = {}", quoted(name, "")),
        }
    }
}

/// The segments that filters name.
pub const SEGMENTS: [&str; 3] = ["londoners", "reachable \"friends\"", "nobody"];

/// The filter of one of [`SEGMENTS`].
pub fn segment(name: &str) -> Filter {
    let city = |test| Filter::Text(Text::Key("CITY"), test);
    match SEGMENTS.iter().position(|other| *other == name) {
        Some(0) => city(TextTest::Prefix("Lon", true)),
        Some(1) => {
            let either = Filter::Or(vec![Filter::Group(vec!["friends"]), Filter::Present("AGE")]);
            Filter::And(vec![Filter::Not(Box::new(Filter::OptedOut)), either])
        }
        _ => Filter::And(vec![Filter::OptedOut, Filter::Not(Box::new(Filter::OptedOut))]),
    }
}

pub fn meta(key: &str) -> String {
    if key.contains(' ') { format!("meta.\"{key}\"") } else { format!("meta.{key}") }
}

fn quoted(text: &str, end: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\' | '*') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    write!(quoted, "{end}\"").unwrap();
    quoted
}
