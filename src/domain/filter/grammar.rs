//! The grammar of filters, over their tokens.
//!
//! ```text
//! filter     = expression
//! expression = term { "AND" term } | term { "OR" term }
//! term       = ( "NOT" | "-" ) term | "(" expression ")" | condition
//! condition  = subject [ operator value | ":" "*" | "IN" ( "(" value { "," value } ")" | "next" "(" span ")" ) ]
//! subject    = property | "meta" "." key | key | "anniversary" "(" ( "meta" "." key | key ) ")"
//! value      = text | [ "-" ] number | "true" | "false" | ( "now" | "today" ) "(" ")" [ ( "+" | "-" ) span ]
//! ```
//!
//! The next token decides at each step, so that nothing is parsed twice. `AND` and `OR` do not mix without
//! parentheses: AIP-160 and everything else disagree about which binds more tightly.

use serde_json::Number;
use winnow::combinator::opt;
use winnow::error::ParserError;
use winnow::prelude::*;
use winnow::stream::TokenSlice;
use winnow::token::any;

use super::expression::{
    Base, Condition, Direction, Expression, Operator, RelativeTime, Span, Subject, Test, Value,
};
use super::limits::{MAX_CONDITIONS, MAX_DAYS, MAX_DEPTH, MAX_VALUES};
use super::names::PropertyNames;
use super::position::Position;
use super::syntax_error::SyntaxError;
use super::tokens::{QuotedText, Token, TokenKind, tokens};
use crate::domain::field::FieldKey;
use crate::domain::json::number::has_inexact;
use crate::domain::pagination::SortDirection;

pub(super) fn parse(text: &str, names: &PropertyNames) -> Result<Expression, SyntaxError> {
    let tokens = tokens(text)?;
    let mut grammar = Grammar { names, depth: 0, conditions: 0 };
    let mut input = TokenSlice::new(&tokens);
    let expression = grammar.expression(&mut input)?;
    match next(&input) {
        (TokenKind::End, _) => Ok(expression),
        (TokenKind::Close, position) => Err(SyntaxError::new(position, "this parenthesis was never opened")),
        (_, position) => Err(SyntaxError::new(position, "expected AND, OR or the end, in capitals")),
    }
}

/// A subject and its direction, of an order; and where the subject stands.
pub(super) fn order(
    text: &str,
    names: &PropertyNames,
) -> Result<(Position, Subject, SortDirection), SyntaxError> {
    let tokens = tokens(text)?;
    let mut input = TokenSlice::new(&tokens);
    let (kind, position) = next(&input);
    if !matches!(kind, TokenKind::Name(_)) {
        return unexpected(&input, "expected a property or a declared field such as meta.CITY");
    }
    let subject = Grammar { names, depth: 0, conditions: 0 }.subject(&mut input)?;
    let direction = take_map(&mut input, |kind| match kind {
        TokenKind::Name(name) if name == ASCENDING => Some(SortDirection::Ascending),
        TokenKind::Name(name) if name == DESCENDING => Some(SortDirection::Descending),
        _ => None,
    });
    match (next(&input).0, direction) {
        (TokenKind::End, direction) => Ok((position, subject, direction.unwrap_or(SortDirection::Ascending))),
        (TokenKind::Comma, _) => unexpected(&input, "expected the end: contacts are ordered by one of them"),
        (_, Some(_)) => unexpected(&input, "expected the end"),
        (_, None) => unexpected(&input, "expected asc, desc or the end"),
    }
}

const ASCENDING: &str = "asc";
pub(super) const DESCENDING: &str = "desc";

type Tokens<'t> = TokenSlice<'t, Token>;

impl ParserError<Tokens<'_>> for SyntaxError {
    type Inner = Self;

    fn from_input(input: &Tokens<'_>) -> Self {
        let (_, position) = next(input);
        Self::new(position, "the filter is incomplete")
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

static END: TokenKind = TokenKind::End;

/// The next token and its position. The last token is never taken.
fn next<'t>(input: &Tokens<'t>) -> (&'t TokenKind, Position) {
    input.peek_token().map_or((&END, Position::START), |token| (&token.kind, token.position))
}

/// Takes the next token if it is this one.
fn take(input: &mut Tokens<'_>, kind: &TokenKind) -> bool {
    opt::<_, _, SyntaxError, _>(any.verify(|token: &&Token| token.kind == *kind))
        .parse_next(input)
        .is_ok_and(|token| token.is_some())
}

/// Takes this token.
fn expect(input: &mut Tokens<'_>, kind: &TokenKind, expected: &'static str) -> Result<(), SyntaxError> {
    if take(input, kind) { Ok(()) } else { unexpected(input, expected) }
}

fn unexpected<T>(input: &Tokens<'_>, expected: &'static str) -> Result<T, SyntaxError> {
    let (_, position) = next(input);
    Err(SyntaxError::new(position, expected))
}

/// Takes a token of which the function makes something.
fn take_map<'t, T>(input: &mut Tokens<'t>, map: impl FnMut(&'t TokenKind) -> Option<T>) -> Option<T> {
    let mut map = map;
    opt::<_, _, SyntaxError, _>(any.verify_map(|token: &'t Token| map(&token.kind)))
        .parse_next(input)
        .ok()
        .flatten()
}

struct Grammar<'n> {
    names: &'n PropertyNames,
    depth: usize,
    conditions: usize,
}

const CONDITION: &str = "expected a condition, such as meta.CITY = \"London\"";
const KEY: &str = "expected a key of meta; one that is not a word stands in quotes";
const VALUE: &str = "expected a value: a text in quotes, a number, true, false, now() or today()";
const MIXED: &str = "AND and OR are mixed; put parentheses around those that belong together";

impl Grammar<'_> {
    fn expression(&mut self, input: &mut Tokens<'_>) -> Result<Expression, SyntaxError> {
        let first = self.term(input)?;
        let (joint, join): (_, fn(Vec<Expression>) -> Expression) = match next(input).0 {
            TokenKind::And => (TokenKind::And, Expression::all),
            TokenKind::Or => (TokenKind::Or, Expression::any),
            _ => return Ok(first),
        };
        let mut operands = vec![first];
        while take(input, &joint) {
            operands.push(self.term(input)?);
        }
        match next(input).0 {
            TokenKind::And | TokenKind::Or => unexpected(input, MIXED),
            _ => Ok(join(operands)),
        }
    }

    fn term(&mut self, input: &mut Tokens<'_>) -> Result<Expression, SyntaxError> {
        let (kind, position) = next(input);
        let is_nested = matches!(kind, TokenKind::Not | TokenKind::Minus | TokenKind::Open);
        if is_nested && self.depth == MAX_DEPTH {
            let message = format!("conditions must not be nested deeper than {MAX_DEPTH} levels");
            return Err(SyntaxError::new(position, message));
        }
        self.depth += 1;
        let term = if take(input, &TokenKind::Not) || take(input, &TokenKind::Minus) {
            Expression::Not(Box::new(self.term(input)?))
        } else if take(input, &TokenKind::Open) {
            let inner = self.expression(input)?;
            expect(input, &TokenKind::Close, "expected AND, OR or a closing parenthesis")?;
            inner
        } else {
            Expression::Condition(self.condition(input)?)
        };
        self.depth -= 1;
        Ok(term)
    }

    fn condition(&mut self, input: &mut Tokens<'_>) -> Result<Condition, SyntaxError> {
        let (_, position) = next(input);
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            let message = format!("a filter has at most {MAX_CONDITIONS} conditions");
            return Err(SyntaxError::new(position, message));
        }
        let subject = self.subject(input)?;
        let test = test(input)?;
        Ok(Condition { subject, test, position })
    }

    fn subject(&self, input: &mut Tokens<'_>) -> Result<Subject, SyntaxError> {
        let (_, position) = next(input);
        let Some(name) = take_name(input) else { return unexpected(input, CONDITION) };
        if name == META && take(input, &TokenKind::Dot) {
            return key(input).map(Subject::Meta);
        }
        if name == ANNIVERSARY && take(input, &TokenKind::Open) {
            let key = match take_name(input) {
                Some(name) if name == META && take(input, &TokenKind::Dot) => key(input)?,
                Some(name) => bare_key(name, position)?,
                None => return unexpected(input, "expected a key of meta, such as meta.BIRTHDAY"),
            };
            expect(input, &TokenKind::Close, "expected a closing parenthesis")?;
            return Ok(Subject::Anniversary(key));
        }
        match self.names.find(name) {
            Some(property) => Ok(Subject::Property(property)),
            None => bare_key(name, position).map(Subject::Meta),
        }
    }
}

pub(super) const META: &str = "meta";
pub(super) const ANNIVERSARY: &str = "anniversary";
pub(super) const NEXT: &str = "next";

fn take_name<'t>(input: &mut Tokens<'t>) -> Option<&'t str> {
    take_map(input, |kind| match kind {
        TokenKind::Name(name) => Some(name.as_str()),
        _ => None,
    })
}

/// Behind `meta.`.
fn key(input: &mut Tokens<'_>) -> Result<FieldKey, SyntaxError> {
    let (_, position) = next(input);
    let written = take_map(input, |kind| match kind {
        TokenKind::Name(key) => Some(key.as_str()),
        TokenKind::Text(QuotedText { text, wildcard: _ }) => Some(text.as_str()),
        _ => None,
    });
    written.map_or_else(|| unexpected(input, KEY), |key| bare_key(key, position))
}

fn bare_key(key: &str, position: Position) -> Result<FieldKey, SyntaxError> {
    FieldKey::parse(key).map_err(|violation| SyntaxError::new(position, violation.sentence("a key of meta")))
}

fn test(input: &mut Tokens<'_>) -> Result<Test, SyntaxError> {
    let operator = take_map(input, |kind| match kind {
        TokenKind::Operator(operator) => Some(*operator),
        _ => None,
    });
    if let Some(operator) = operator {
        return Ok(Test::Compare(operator, value(input)?));
    }
    if take(input, &TokenKind::Has) {
        expect(input, &TokenKind::Star, "expected *, which asks whether there is a value")?;
        return Ok(Test::Present);
    }
    if !take(input, &TokenKind::In) {
        // Alone: `opted_out`.
        return Ok(Test::Compare(Operator::Equal, Value::Boolean(true)));
    }
    if take_map(input, |kind| (*kind == TokenKind::Name(NEXT.to_owned())).then_some(())).is_some() {
        return days_ahead(input).map(Test::InNext);
    }
    expect(input, &TokenKind::Open, "expected a list of values in parentheses, or next(7d)")?;
    let mut values = vec![value(input)?];
    while take(input, &TokenKind::Comma) {
        if values.len() == MAX_VALUES {
            let (_, position) = next(input);
            return Err(SyntaxError::new(position, format!("a list has at most {MAX_VALUES} values")));
        }
        values.push(value(input)?);
    }
    expect(input, &TokenKind::Close, "expected a comma or a closing parenthesis")?;
    Ok(Test::In(values))
}

/// Behind `next`.
fn days_ahead(input: &mut Tokens<'_>) -> Result<Span, SyntaxError> {
    const DAYS: &str = "expected a number of days or weeks in parentheses, such as (7d)";
    expect(input, &TokenKind::Open, DAYS)?;
    let (_, position) = next(input);
    let Some(span) = take_span(input) else { return unexpected(input, DAYS) };
    expect(input, &TokenKind::Close, "expected a closing parenthesis")?;
    match span.days() {
        Some(days) if (1..=MAX_DAYS).contains(&days) => Ok(span),
        _ => Err(SyntaxError::new(position, format!("expected 1d to {MAX_DAYS}d, or whole weeks"))),
    }
}

fn take_span(input: &mut Tokens<'_>) -> Option<Span> {
    take_map(input, |kind| match kind {
        TokenKind::Span(span) => Some(*span),
        _ => None,
    })
}

fn value(input: &mut Tokens<'_>) -> Result<Value, SyntaxError> {
    let (kind, position) = next(input);
    match kind {
        TokenKind::Text(text) => {
            take(input, kind);
            quoted(text)
        }
        TokenKind::True | TokenKind::False => {
            take(input, kind);
            Ok(Value::Boolean(*kind == TokenKind::True))
        }
        TokenKind::Minus | TokenKind::Number(_) => number(input, position),
        TokenKind::Name(name) => match Base::ALL.into_iter().find(|base| base.as_str() == name) {
            Some(base) => {
                take(input, kind);
                relative_time(input, base).map(Value::Relative)
            }
            None => unexpected(input, VALUE),
        },
        _ => unexpected(input, VALUE),
    }
}

fn quoted(QuotedText { text, wildcard }: &QuotedText) -> Result<Value, SyntaxError> {
    match wildcard {
        None => Ok(Value::Text(text.clone())),
        Some((index, _)) if index + 1 == text.len() => Ok(Value::Prefix(text[..*index].to_owned())),
        Some((_, position)) => {
            let message = "* stands for the rest of a text, at its end alone; \\* is the character itself";
            Err(SyntaxError::new(*position, message))
        }
    }
}

fn number(input: &mut Tokens<'_>, position: Position) -> Result<Value, SyntaxError> {
    let sign = if take(input, &TokenKind::Minus) { "-" } else { "" };
    let digits = take_map(input, |kind| match kind {
        TokenKind::Number(digits) => Some(digits.as_str()),
        _ => None,
    });
    let Some(digits) = digits else { return unexpected(input, "expected a number") };
    let text = format!("{sign}{digits}");
    let number = if has_inexact(text.as_bytes()) { None } else { serde_json::from_str::<Number>(&text).ok() };
    number.map(Value::Number).ok_or_else(|| SyntaxError::new(position, "this number does not fit in 64 bits"))
}

/// Behind `now` or `today`.
fn relative_time(input: &mut Tokens<'_>, base: Base) -> Result<RelativeTime, SyntaxError> {
    expect(input, &TokenKind::Open, "expected ()")?;
    expect(input, &TokenKind::Close, "expected a closing parenthesis")?;
    let direction = if take(input, &TokenKind::Plus) {
        Direction::After
    } else if take(input, &TokenKind::Minus) {
        Direction::Before
    } else {
        return Ok(RelativeTime { base, offset: None });
    };
    match take_span(input) {
        Some(span) => Ok(RelativeTime { base, offset: Some((direction, span)) }),
        None => unexpected(input, "expected a number with a unit of time: s, m, h, d or w"),
    }
}
