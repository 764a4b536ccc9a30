//! A filter as what it asks of the stored contacts, at one moment.

use super::anniversary::{self, MonthDay};
use super::expression::{
    Base, Condition, Direction, Expression, Operator, Property, RelativeTime, Span, Subject, Test, Value,
};
use super::limits::MAX_ANNIVERSARIES;
use super::ranges::KeyRange;
use super::syntax_error::SyntaxError;
use crate::domain::contact::fields::Phone;
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::field::{Field, FieldKey, FieldNumber, FieldState, FieldType, IndexedValue};
use crate::domain::group::GroupKey;
use crate::domain::segment::SegmentKey;
use crate::domain::text::nfc;
use crate::domain::timestamp::Timestamp;

/// Which contacts match. A match of a value that a contact does not have is false, and its negation true.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Match(Match),
}

/// A condition: the value is in one of the ranges.
#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    Text(TextColumn, Vec<KeyRange<String>>),
    Time(TimeColumn, Vec<KeyRange<Timestamp>>),
    /// Ranges of [`IndexedValue`]s.
    Field(FieldNumber, Vec<KeyRange<String>>),
    /// The contact is in one of these groups.
    Groups(Vec<GroupKey>),
    AnyGroup,
    /// The filter of one of these segments matches.
    Segments(Vec<SegmentKey>),
    /// Its number has opted out.
    OptedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextColumn {
    Handle,
    /// As stored: with its `+`.
    Phone,
    DisplayName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeColumn {
    CreatedAt,
    UpdatedAt,
}

type Converted<T> = Result<T, SyntaxError>;

/// Checks all that can be checked without the fields of an account.
pub(super) fn check(expression: &Expression) -> Converted<()> {
    expression.conditions().try_for_each(|condition| {
        let Condition { subject, test, position: _ } = condition;
        let now = Timestamp::now();
        match subject {
            Subject::Property(property) => of_property(*property, condition, now).map(drop),
            Subject::Anniversary(_) => days(condition, test, now).map(drop),
            Subject::Meta(_) => Ok(()),
        }
    })
}

/// The predicate at a time, in an account with these fields. The error of a violation is that of the parameter or member
/// `name`.
pub(super) fn resolve(
    expression: &Expression,
    fields: &[Field],
    now: Timestamp,
    violation: fn(SyntaxError) -> Error,
) -> Result<Predicate> {
    let resolve_all = |operands: &[Expression]| -> Result<Vec<Predicate>> {
        operands.iter().map(|operand| resolve(operand, fields, now, violation)).collect()
    };
    Ok(match expression {
        Expression::And(operands) => Predicate::And(resolve_all(operands)?),
        Expression::Or(operands) => Predicate::Or(resolve_all(operands)?),
        Expression::Not(operand) => Predicate::Not(Box::new(resolve(operand, fields, now, violation)?)),
        Expression::Condition(condition) => match &condition.subject {
            Subject::Property(property) => of_property(*property, condition, now).map_err(violation)?,
            Subject::Meta(key) => {
                let field = declared(fields, key)?;
                let ranges = of_field(field.field_type, condition, now).map_err(violation)?;
                Predicate::Match(Match::Field(field.number, ranges))
            }
            Subject::Anniversary(key) => {
                let field = declared(fields, key)?;
                if field.field_type != FieldType::DateTime {
                    return Err(violation(error(
                        condition,
                        "anniversary() takes a field of the type datetime",
                    )));
                }
                let days = days(condition, &condition.test, now).map_err(violation)?;
                Predicate::Match(Match::Field(field.number, anniversary::ranges(days)))
            }
        },
    })
}

/// The field that an account has for a key, when contacts can be chosen and sorted by it.
///
/// # Errors
/// [`ErrorCode::FieldNotDeclared`] and [`ErrorCode::FieldNotReady`].
pub fn declared<'f>(fields: &'f [Field], key: &FieldKey) -> Result<&'f Field> {
    let json = || serde_json::Value::from(key.as_str());
    let Some(field) = fields.iter().find(|field| field.key == *key) else {
        let message = format!(
            "{json} is not a declared field; declare it with POST /v1/fields and {{\"key\": {json}, \"type\": …}}, \
             where the type is one of {types}",
            json = json(),
            types = FieldType::NAMES,
        );
        return Err(Error::with_message(ErrorCode::FieldNotDeclared, message));
    };
    match field.state {
        FieldState::Ready => Ok(field),
        FieldState::Building => {
            let message = format!(
                "The field {} is still being built, with {} contacts so far; try again when its state is ready",
                json(),
                field.indexed
            );
            Err(Error::with_message(ErrorCode::FieldNotReady, message))
        }
    }
}

fn error(condition: &Condition, message: impl Into<std::borrow::Cow<'static, str>>) -> SyntaxError {
    SyntaxError::new(condition.position, message)
}

fn of_property(property: Property, condition: &Condition, now: Timestamp) -> Converted<Predicate> {
    let text = |column| {
        let key = |text: &str| Ok(nfc(text));
        Ok(Match::Text(column, text_ranges(condition, key, key)?))
    };
    let time = |column| Ok(Match::Time(column, ranges(condition, |value| time(condition, value, now))?));
    let matched = match property {
        Property::Handle => text(TextColumn::Handle),
        Property::DisplayName => text(TextColumn::DisplayName),
        Property::Phone => phone_ranges(condition).map(|ranges| Match::Text(TextColumn::Phone, ranges)),
        Property::CreatedAt => time(TimeColumn::CreatedAt),
        Property::UpdatedAt => time(TimeColumn::UpdatedAt),
        Property::Group => groups(condition),
        Property::Segment => segments(condition),
        Property::OptedOut => return opted_out(condition),
    };
    matched.map(Predicate::Match)
}

/// The ranges of a test of which each value is one key.
fn ranges<K: Clone>(
    condition: &Condition,
    mut key: impl FnMut(&Value) -> Converted<K>,
) -> Converted<Vec<KeyRange<K>>> {
    match &condition.test {
        Test::Present => Ok(vec![KeyRange::all()]),
        Test::Compare(operator, value) => Ok(KeyRange::compared(*operator, key(value)?)),
        Test::In(values) => values.iter().map(|value| key(value).map(KeyRange::point)).collect(),
        Test::InNext(_) => Err(error(condition, "next() stands with anniversary() alone")),
    }
}

const TEXT: &str = "this is a text: expected an operator, and a text in quotes";

/// The ranges of a test of texts, which may be prefixes.
fn text_ranges(
    condition: &Condition,
    key: impl Fn(&str) -> Converted<String>,
    prefix: impl Fn(&str) -> Converted<String>,
) -> Converted<Vec<KeyRange<String>>> {
    match &condition.test {
        Test::Compare(Operator::Equal, Value::Prefix(text)) => {
            Ok(vec![KeyRange::beginning_with(&prefix(text)?)])
        }
        Test::Compare(Operator::NotEqual, Value::Prefix(text)) => {
            Ok(KeyRange::not_beginning_with(&prefix(text)?))
        }
        Test::Compare(_, Value::Prefix(_)) => {
            Err(error(condition, "a text with * at its end stands with =, != and IN alone"))
        }
        Test::In(values) => {
            let range = |value: &Value| match value {
                Value::Text(text) => key(text).map(KeyRange::point),
                Value::Prefix(text) => Ok(KeyRange::beginning_with(&prefix(text)?)),
                _ => Err(error(condition, TEXT)),
            };
            values.iter().map(range).collect()
        }
        _ => ranges(condition, |value| match value {
            Value::Text(text) => key(text),
            _ => Err(error(condition, TEXT)),
        }),
    }
}

fn phone_ranges(condition: &Condition) -> Converted<Vec<KeyRange<String>>> {
    if let Test::Compare(operator, _) = &condition.test
        && !matches!(operator, Operator::Equal | Operator::NotEqual)
    {
        return Err(error(condition, "phone numbers have no order; expected =, !=, IN or :*"));
    }
    let invalid = |violation: crate::domain::Violation| error(condition, violation.sentence("the value"));
    let key = |text: &str| Phone::parse(text).map(Phone::into_string).map_err(invalid);
    let prefix = |text: &str| Phone::parse_prefix(text).map_err(invalid);
    text_ranges(condition, key, prefix)
}

fn groups(condition: &Condition) -> Converted<Match> {
    let group = |value: &Value| match value {
        Value::Text(text) => {
            GroupKey::parse(text).map_err(|violation| error(condition, violation.sentence("the value")))
        }
        _ => Err(error(condition, "expected the id or the name of a group in quotes")),
    };
    match &condition.test {
        Test::Compare(Operator::Equal, value) => Ok(Match::Groups(vec![group(value)?])),
        Test::In(values) => Ok(Match::Groups(values.iter().map(group).collect::<Converted<_>>()?)),
        Test::Present => Ok(Match::AnyGroup),
        Test::Compare(Operator::NotEqual, _) => Err(error(
            condition,
            "a contact can be in several groups; write NOT group = … for those that are not in this one",
        )),
        Test::Compare(..) | Test::InNext(_) => {
            Err(error(condition, "groups have no order; expected =, IN or :*"))
        }
    }
}

fn segments(condition: &Condition) -> Converted<Match> {
    let segment = |value: &Value| match value {
        Value::Text(text) => {
            SegmentKey::parse(text).map_err(|violation| error(condition, violation.sentence("the value")))
        }
        _ => Err(error(condition, "expected the id or the name of a segment in quotes")),
    };
    match &condition.test {
        Test::Compare(Operator::Equal, value) => Ok(Match::Segments(vec![segment(value)?])),
        Test::In(values) => Ok(Match::Segments(values.iter().map(segment).collect::<Converted<_>>()?)),
        Test::Compare(Operator::NotEqual, _) => Err(error(
            condition,
            "a contact can be in several segments; write NOT segment = … for those that are not in this one",
        )),
        Test::Compare(..) | Test::Present | Test::InNext(_) => {
            Err(error(condition, "a segment stands with = and IN alone"))
        }
    }
}

fn opted_out(condition: &Condition) -> Converted<Predicate> {
    let holds = match &condition.test {
        Test::Compare(Operator::Equal, Value::Boolean(value)) => *value,
        Test::Compare(Operator::NotEqual, Value::Boolean(value)) => !*value,
        _ => return Err(error(condition, "expected it alone, or = or != with true or false")),
    };
    let opted_out = Predicate::Match(Match::OptedOut);
    Ok(if holds { opted_out } else { Predicate::Not(Box::new(opted_out)) })
}

fn of_field(
    field_type: FieldType,
    condition: &Condition,
    now: Timestamp,
) -> Converted<Vec<KeyRange<String>>> {
    let indexed = |indexed: Option<IndexedValue>, expected: &'static str| {
        indexed.map(IndexedValue::into_string).ok_or_else(|| error(condition, expected))
    };
    match field_type {
        FieldType::Text => {
            let key = |text: &str| {
                indexed(field_type.index_text(text), "expected a text of at most 255 bytes of UTF-8")
            };
            text_ranges(condition, key, key)
        }
        FieldType::Number => ranges(condition, |value| {
            let number = match value {
                Value::Number(number) => field_type.index(&serde_json::Value::Number(number.clone())),
                _ => None,
            };
            indexed(number, "this field is a number: expected a number without quotes")
        }),
        FieldType::Boolean => {
            let is_ordered = matches!(
                condition.test,
                Test::Compare(Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast, _)
            );
            ranges(condition, |value| {
                let boolean = match value {
                    Value::Boolean(value) if !is_ordered => Some(IndexedValue::of_boolean(*value)),
                    _ => None,
                };
                indexed(boolean, "this field is a boolean: expected =, != or IN with true or false")
            })
        }
        FieldType::DateTime => {
            let keys = ranges(condition, |value| time(condition, value, now))?;
            Ok(keys
                .into_iter()
                .map(|range| range.map(|time| IndexedValue::of_time(time).into_string()))
                .collect())
        }
    }
}

fn time(condition: &Condition, value: &Value, now: Timestamp) -> Converted<Timestamp> {
    match value {
        Value::Relative(relative) => Some(at(*relative, now)),
        Value::Text(text) => Timestamp::parse(text).or_else(|| Timestamp::parse_date(text)),
        _ => None,
    }
    .ok_or_else(|| {
        let message = "expected a time: \"2026-01-31T12:00:00Z\", \"2026-01-31\", now() or today()";
        error(condition, message)
    })
}

fn at(RelativeTime { base, offset }: RelativeTime, now: Timestamp) -> Timestamp {
    let base = match base {
        Base::Now => now,
        Base::Today => anniversary::midnight(now),
    };
    let millis = match offset {
        None => 0,
        Some((Direction::After, span)) => span.millis(),
        Some((Direction::Before, span)) => -span.millis(),
    };
    Timestamp::from_millis(base.millis().saturating_add(millis)).clamped()
}

/// The days of a test of anniversaries.
fn days(condition: &Condition, test: &Test, now: Timestamp) -> Converted<Vec<MonthDay>> {
    let message = "expected =, IN (…) or IN next(7d) with a day such as \"12-24\" or today() + 1d";
    let invalid = || error(condition, message);
    let day = |value: &Value| match value {
        Value::Text(text) => MonthDay::parse(text).map(|day| vec![day]),
        Value::Relative(relative @ RelativeTime { base: Base::Today, offset }) => {
            let is_whole = offset.is_none_or(|(_, span)| span.days().is_some());
            is_whole.then(|| MonthDay::celebrated_on(at(*relative, now)))
        }
        _ => None,
    };
    match test {
        Test::Compare(Operator::Equal, value) => day(value).ok_or_else(invalid),
        Test::In(values) if values.len() > MAX_ANNIVERSARIES => {
            Err(error(condition, format!("a list of days has at most {MAX_ANNIVERSARIES} values")))
        }
        Test::In(values) => {
            let days: Option<Vec<_>> = values.iter().map(day).collect();
            days.map(|days| days.concat()).ok_or_else(invalid)
        }
        Test::InNext(span) => {
            let day = |ahead: u32| Span { count: ahead, unit: super::expression::Unit::Day };
            let ahead = 0..span.days().unwrap_or_default();
            let day = |ahead| {
                let offset = Some((Direction::After, day(ahead)));
                MonthDay::celebrated_on(at(RelativeTime { base: Base::Today, offset }, now))
            };
            Ok(ahead.flat_map(day).collect())
        }
        Test::Compare(..) | Test::Present => Err(invalid()),
    }
}
