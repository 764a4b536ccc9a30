//! The canonical text of a filter, which is parsed to the same filter.

use std::fmt::{self, Display, Formatter, Write as _};

use super::expression::{Condition, Direction, Expression, RelativeTime, Span, Subject, Test, Value};
use super::grammar::{ANNIVERSARY, META, NEXT};
use super::names::PropertyNames;
use super::tokens::{ESCAPES, is_name};

/// An expression in the words of a dialect.
pub(super) struct InDialect<'e> {
    pub(super) expression: &'e Expression,
    pub(super) names: &'static PropertyNames,
}

impl Display for InDialect<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { expression, names } = self;
        let joined = |f: &mut Formatter<'_>, operands: &[Expression], joint| {
            for (i, operand) in operands.iter().enumerate() {
                if i > 0 {
                    f.write_str(joint)?;
                }
                self.operand(operand, f)?;
            }
            Ok(())
        };
        match expression {
            Expression::And(operands) => joined(f, operands, " AND "),
            Expression::Or(operands) => joined(f, operands, " OR "),
            Expression::Not(operand) => {
                f.write_str("NOT ")?;
                self.operand(operand, f)
            }
            Expression::Condition(Condition { subject, test, position: _ }) => {
                write_subject(subject, names, f)?;
                write_test(test, f)
            }
        }
    }
}

impl InDialect<'_> {
    fn operand(&self, expression: &Expression, f: &mut Formatter<'_>) -> fmt::Result {
        let operand = InDialect { expression, names: self.names };
        match expression {
            Expression::And(_) | Expression::Or(_) => write!(f, "({operand})"),
            Expression::Not(_) | Expression::Condition(_) => operand.fmt(f),
        }
    }
}

pub(super) fn write_subject(subject: &Subject, names: &PropertyNames, f: &mut Formatter<'_>) -> fmt::Result {
    match subject {
        Subject::Property(property) => f.write_str(names.name(*property)),
        Subject::Meta(key) => write_key(key.as_str(), f),
        Subject::Anniversary(key) => {
            write!(f, "{ANNIVERSARY}(")?;
            write_key(key.as_str(), f)?;
            f.write_char(')')
        }
    }
}

fn write_key(key: &str, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{META}.")?;
    if is_name(key) { f.write_str(key) } else { write_text(key, "", f) }
}

fn write_test(test: &Test, f: &mut Formatter<'_>) -> fmt::Result {
    match test {
        Test::Compare(operator, value) => {
            write!(f, " {} ", operator.as_str())?;
            write_value(value, f)
        }
        Test::Present => f.write_str(":*"),
        Test::In(values) => {
            f.write_str(" IN (")?;
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write_value(value, f)?;
            }
            f.write_char(')')
        }
        Test::InNext(span) => {
            write!(f, " IN {NEXT}(")?;
            write_span(*span, f)?;
            f.write_char(')')
        }
    }
}

fn write_value(value: &Value, f: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Value::Text(text) => write_text(text, "", f),
        Value::Prefix(text) => write_text(text, "*", f),
        Value::Number(number) => number.fmt(f),
        Value::Boolean(value) => value.fmt(f),
        Value::Relative(RelativeTime { base, offset }) => {
            write!(f, "{}()", base.as_str())?;
            let Some((direction, span)) = offset else { return Ok(()) };
            f.write_str(match direction {
                Direction::Before => " - ",
                Direction::After => " + ",
            })?;
            write_span(*span, f)
        }
    }
}

fn write_span(Span { count, unit }: Span, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{count}{}", unit.as_str())
}

/// In quotes, with what stands unescaped at its end.
fn write_text(text: &str, end: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match ESCAPES.iter().find(|(_, meaning)| *meaning == character) {
            Some((written, _)) => write!(f, "\\{written}")?,
            None => f.write_char(character)?,
        }
    }
    write!(f, "{end}\"")
}
