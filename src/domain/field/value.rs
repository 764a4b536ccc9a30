//! What the index holds of a value: a text whose order by bytes is the order of the values.
//!
//! **Invariant: of two values of one type, the one that is less has the text that is less by bytes; equal values have
//! equal texts.** SQL compares these texts and nothing else, by bytes on both databases, which therefore agree. The
//! encodings are stored: a change of one of them must rebuild the indexes.

use serde_json::{Map, Number, Value};

use super::model::{FieldKey, FieldType};
use crate::domain::json::number::has_inexact;
use crate::domain::timestamp::Timestamp;

/// A value of a field's type as the index has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexedValue(String);

/// What a contact has under the key of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldContent {
    /// No value: the key is missing, or has `null`, with which a merge patch removes it.
    Absent,
    Value(IndexedValue),
    /// A value that does not fit the type.
    Mismatch,
}

impl FieldContent {
    #[must_use]
    pub fn of(field_type: FieldType, key: &FieldKey, meta: &Map<String, Value>) -> Self {
        match meta.get(key.as_str()) {
            None | Some(Value::Null) => Self::Absent,
            Some(value) => field_type.index(value).map_or(Self::Mismatch, Self::Value),
        }
    }
}

impl FieldType {
    /// The value as the index has it; `None` if it does not fit the type.
    #[must_use]
    pub fn index(self, value: &Value) -> Option<IndexedValue> {
        match (self, value) {
            (_, Value::String(text)) => self.index_text(text),
            (Self::Text, Value::Number(_) | Value::Bool(_)) => self.index_text(&value.to_string()),
            (Self::Number, Value::Number(number)) => IndexedValue::of_number(number),
            (Self::Boolean, Value::Bool(value)) => Some(IndexedValue::of_boolean(*value)),
            _ => None,
        }
    }

    /// As [`Self::index`], of a text: files and filters have numbers, booleans and times as texts.
    #[must_use]
    pub fn index_text(self, text: &str) -> Option<IndexedValue> {
        match self {
            Self::Text => IndexedValue::of_text(text),
            Self::Number => parse_number(text).and_then(|number| IndexedValue::of_number(&number)),
            Self::Boolean => text.parse().ok().map(IndexedValue::of_boolean),
            Self::DateTime => {
                Timestamp::parse(text).or_else(|| Timestamp::parse_date(text)).map(IndexedValue::of_time)
            }
        }
    }
}

/// A text that is exactly a JSON number, and one that `meta` can have.
fn parse_number(text: &str) -> Option<Number> {
    // The parser accepts white space around the number.
    let is_bare = text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit());
    if !is_bare || has_inexact(text.as_bytes()) {
        return None;
    }
    serde_json::from_str(text).ok()
}

impl IndexedValue {
    /// Of a text, in bytes: keys of an index are limited, and the one limit holds on both databases.
    pub const MAX_TEXT_BYTES: usize = 255;

    fn of_text(text: &str) -> Option<Self> {
        (text.len() <= Self::MAX_TEXT_BYTES && !text.contains('\0')).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn of_boolean(value: bool) -> Self {
        Self(if value { "t" } else { "f" }.to_owned())
    }

    /// A time out of the range of RFC 3339 is at its end.
    #[must_use]
    pub fn of_time(time: Timestamp) -> Self {
        let since_first = time.clamped().millis().abs_diff(Timestamp::MIN.millis());
        Self(format!("{since_first:013x}"))
    }

    /// The bits of a double in the order of the numbers. An integer of 64 bits that no double equals is the double
    /// below it, and three digits of the distance: ids of other systems are such numbers, and two of them must not be
    /// equal.
    fn of_number(number: &Number) -> Option<Self> {
        let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
        let Some(integer) = integer else {
            return number.as_f64().map(|double| Self(format!("{:016x}", ordered_bits(double))));
        };
        let nearest = number.as_f64()?;
        let below = if as_integer(nearest) > integer { nearest.next_down() } else { nearest };
        let bits = ordered_bits(below);
        Some(Self(match integer - as_integer(below) {
            0 => format!("{bits:016x}"),
            distance => format!("{bits:016x}{distance:03x}"),
        }))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Exact for doubles that are near an integer of 64 bits, of which this asks.
fn as_integer(double: f64) -> i128 {
    double as i128
}

/// Integers in the order of the doubles, -0 being 0: IEEE 754 orders the magnitudes, and a negative number is the less
/// the larger its magnitude.
fn ordered_bits(double: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    let bits = (double + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn index(field_type: FieldType, value: &Value) -> Option<String> {
        field_type.index(value).map(IndexedValue::into_string)
    }

    /// How two JSON numbers compare in exact arithmetic.
    fn compare(a: &Number, b: &Number) -> Ordering {
        let integer = |number: &Number| number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
        match (integer(a), integer(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (None, None) => a.as_f64().unwrap().partial_cmp(&b.as_f64().unwrap()).unwrap(),
            (None, Some(_)) => compare(b, a).reverse(),
            (Some(integer), None) => {
                let double = b.as_f64().unwrap();
                // Beyond 2^64 the double decides; below, its integer part is exact, and then its fraction decides.
                let whole = as_integer(double.trunc());
                integer.cmp(&whole).then(0.0.partial_cmp(&double.fract()).unwrap())
            }
        }
    }

    fn number() -> impl Strategy<Value = Number> {
        let near_2_to_the =
            |bits: u32| (-3_000_i64..3_000).prop_map(move |offset| (1_i128 << bits) + i128::from(offset));
        let large = (50_u32..64)
            .prop_flat_map(near_2_to_the)
            .prop_map(|integer| u64::try_from(integer).map_or_else(|_| Number::from(u64::MAX), Number::from));
        let negative = any::<i64>().prop_map(Number::from);
        let double = any::<f64>().prop_filter_map("JSON has no such number", Number::from_f64);
        let rounded = any::<i64>().prop_map(|integer| Number::from_f64(integer as f64).unwrap());
        let small = (-1_000..1_000).prop_map(Number::from);
        let fraction = (-1_000..1_000).prop_map(|tenths| Number::from_f64(f64::from(tenths) / 10.0).unwrap());
        prop_oneof![large, negative, double, rounded, small, fraction]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn numbers_are_in_their_order(a in number(), b in number()) {
            let texts = [&a, &b].map(|number| FieldType::Number.index(&Value::Number(number.clone())).unwrap());
            prop_assert_eq!(texts[0].cmp(&texts[1]), compare(&a, &b), "{} {}", a, b);
        }

        #[test]
        fn neighbouring_integers_are_in_their_order(a in any::<i64>(), distance in 0..5_000_i64) {
            let b = a.saturating_add(distance);
            let texts = [a, b].map(|number| FieldType::Number.index(&json!(number)).unwrap());
            prop_assert_eq!(texts[0].cmp(&texts[1]), a.cmp(&b));
        }

        #[test]
        fn a_text_that_is_a_number_is_that_number(number in number()) {
            let text = Value::String(number.to_string());
            prop_assert_eq!(FieldType::Number.index(&text), FieldType::Number.index(&Value::Number(number)));
        }

        #[test]
        fn times_are_in_their_order(a in any::<i64>(), b in -70_000_000_000_000..300_000_000_000_000_i64) {
            let times = [a, b].map(|millis| Timestamp::from_millis(millis).clamped());
            let texts = times.map(IndexedValue::of_time);
            prop_assert_eq!(texts[0].cmp(&texts[1]), times[0].cmp(&times[1]));
            prop_assert!(texts.iter().all(|text| text.as_str().len() == 13));
        }

        #[test]
        fn texts_are_in_the_order_of_code_points(a in "[^\\x00]{0,20}", b in "[^\\x00]{0,20}") {
            let texts = [&a, &b].map(|text| FieldType::Text.index(&json!(text)));
            prop_assert!(texts[0].is_some() && texts[1].is_some());
            prop_assert_eq!(texts[0].cmp(&texts[1]), a.chars().cmp(b.chars()));
        }
    }

    #[test]
    fn each_type_has_its_values() {
        let long = "x".repeat(IndexedValue::MAX_TEXT_BYTES);
        let too_long = format!("{long}x");
        let (text, number) = (FieldType::Text, FieldType::Number);
        let (boolean, date_time) = (FieldType::Boolean, FieldType::DateTime);
        for (field_type, value, expected) in [
            (text, json!("London"), Some("London")),
            (text, json!(" é\n"), Some(" é\n")),
            (text, json!(""), Some("")),
            (text, json!(18), Some("18")),
            (text, json!(1.5), Some("1.5")),
            (text, json!(true), Some("true")),
            (text, json!(long), Some(long.as_str())),
            (text, json!(too_long), None),
            (text, json!("é".repeat(128)), None),
            (text, json!([]), None),
            (text, json!({}), None),
            (number, json!(0), Some("8000000000000000")),
            (number, json!(-0.0), Some("8000000000000000")),
            (number, json!("-0"), Some("8000000000000000")),
            (number, json!(1), Some("bff0000000000000")),
            (number, json!("1.0"), Some("bff0000000000000")),
            (number, json!("10e-1"), Some("bff0000000000000")),
            (number, json!(-1), Some("400fffffffffffff")),
            (number, json!(9_007_199_254_740_993_u64), Some("c340000000000000001")),
            (number, json!(u64::MAX), Some("c3efffffffffffff7ff")),
            (number, json!(i64::MIN), Some("3c1fffffffffffff")),
            (number, json!("18446744073709551616"), None),
            (number, json!("1e400"), None),
            (number, json!(" 1"), None),
            (number, json!("1\n"), None),
            (number, json!("007"), None),
            (number, json!("+1"), None),
            (number, json!("1,5"), None),
            (number, json!("NaN"), None),
            (number, json!(""), None),
            (number, json!(true), None),
            (number, json!([1]), None),
            (boolean, json!(true), Some("t")),
            (boolean, json!("false"), Some("f")),
            (boolean, json!("True"), None),
            (boolean, json!(1), None),
            (date_time, json!("1970-01-01"), Some("0388a6f046000")),
            (date_time, json!("0000-01-01T00:00:00Z"), Some("0000000000000")),
            (date_time, json!("9999-12-31T23:59:59.999Z"), Some("11f0241243bff")),
            (date_time, json!("1970-01-01T01:00:00.0009+01:00"), Some("0388a6f046000")),
            (date_time, json!("1970-1-1"), None),
            (date_time, json!("2025-02-29"), None),
            (date_time, json!("1970-01-01T00:00:00"), None),
            (date_time, json!(0), None),
        ] {
            assert_eq!(index(field_type, &value).as_deref(), expected, "{field_type:?} {value}");
        }
    }

    #[test]
    fn null_is_no_value() {
        let key = FieldKey::parse("CITY").unwrap();
        let content = |meta: Value| FieldContent::of(FieldType::Text, &key, meta.as_object().unwrap());
        assert_eq!(content(json!({})), FieldContent::Absent);
        assert_eq!(content(json!({"city": "London"})), FieldContent::Absent);
        assert_eq!(content(json!({"CITY": null})), FieldContent::Absent);
        assert_eq!(content(json!({"CITY": []})), FieldContent::Mismatch);
        let london = FieldType::Text.index_text("London").unwrap();
        assert_eq!(content(json!({"CITY": "London"})), FieldContent::Value(london));
    }
}
