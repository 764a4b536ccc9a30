//! The syntax tree of a filter.

use serde_json::Number;

use super::position::Position;
use crate::domain::field::FieldKey;

/// A filter as it was written, with the names of its dialect resolved. Whether its keys of `meta` are declared, and
/// whether its values fit their types, is found out when it is resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expression {
    /// At least two, none of them a conjunction.
    And(Vec<Self>),
    /// At least two, none of them a disjunction.
    Or(Vec<Self>),
    Not(Box<Self>),
    Condition(Condition),
}

impl Expression {
    #[must_use]
    pub fn all(operands: Vec<Self>) -> Self {
        Self::flattened(operands, Self::And, |operand| match operand {
            Self::And(operands) => Ok(operands),
            other => Err(other),
        })
    }

    #[must_use]
    pub fn any(operands: Vec<Self>) -> Self {
        Self::flattened(operands, Self::Or, |operand| match operand {
            Self::Or(operands) => Ok(operands),
            other => Err(other),
        })
    }

    fn flattened(
        operands: Vec<Self>,
        join: fn(Vec<Self>) -> Self,
        operands_of: fn(Self) -> Result<Vec<Self>, Self>,
    ) -> Self {
        let mut flat = Vec::with_capacity(operands.len());
        for operand in operands {
            match operands_of(operand) {
                Ok(inner) => flat.extend(inner),
                Err(operand) => flat.push(operand),
            }
        }
        match flat.pop() {
            Some(only) if flat.is_empty() => only,
            Some(last) => {
                flat.push(last);
                join(flat)
            }
            None => join(flat),
        }
    }

    /// The conditions, from left to right.
    pub fn conditions(&self) -> Box<dyn Iterator<Item = &Condition> + '_> {
        match self {
            Self::And(operands) | Self::Or(operands) => Box::new(operands.iter().flat_map(Self::conditions)),
            Self::Not(operand) => operand.conditions(),
            Self::Condition(condition) => Box::new(std::iter::once(condition)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    pub subject: Subject,
    pub test: Test,
    pub position: Position,
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Property(Property),
    Meta(FieldKey),
    /// Month and day of a date.
    Anniversary(FieldKey),
}

/// What a contact has besides `meta`; each dialect has its own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property {
    Handle,
    Phone,
    /// The handle where there is none, as v1 shows it.
    DisplayName,
    CreatedAt,
    UpdatedAt,
    Group,
    /// Its filter matches.
    Segment,
    OptedOut,
}

impl Property {
    /// In the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Handle,
        Self::Phone,
        Self::DisplayName,
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::Group,
        Self::Segment,
        Self::OptedOut,
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::AtMost, Self::Greater, Self::AtLeast];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    Compare(Operator, Value),
    /// `:*`
    Present,
    /// At least one.
    In(Vec<Value>),
    /// Today and the days after it, so many in all.
    InNext(Span),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Text(String),
    /// What a text begins with: `"Lon*"`.
    Prefix(String),
    Number(Number),
    Boolean(bool),
    Relative(RelativeTime),
}

/// A time that depends on when the filter is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelativeTime {
    pub base: Base,
    pub offset: Option<(Direction, Span)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    Now,
    /// The last midnight, in UTC.
    Today,
}

impl Base {
    pub const ALL: [Self; 2] = [Self::Now, Self::Today];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Today => "today",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Before,
    After,
}

/// A length of time, as it is written: `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub count: u32,
    pub unit: Unit,
}

impl Span {
    /// A thousand years of days, or so many seconds.
    pub const MAX_MILLIS: i64 = 366_000 * 24 * 60 * 60 * 1_000;

    /// At most [`Self::MAX_MILLIS`] where the span was parsed.
    #[must_use]
    pub fn millis(self) -> i64 {
        i64::from(self.count).saturating_mul(self.unit.millis())
    }

    /// If it is written in days or weeks.
    #[must_use]
    pub fn days(self) -> Option<u32> {
        match self.unit {
            Unit::Day => Some(self.count),
            Unit::Week => self.count.checked_mul(7),
            Unit::Second | Unit::Minute | Unit::Hour => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
}

impl Unit {
    pub const ALL: [Self; 5] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Week];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
        }
    }

    fn millis(self) -> i64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
            Self::Week => 7 * 86_400_000,
        }
    }
}
