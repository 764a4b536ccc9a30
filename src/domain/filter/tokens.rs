//! The tokens of the filter language.

use winnow::combinator::{dispatch, opt, peek};
use winnow::error::ParserError;
use winnow::prelude::*;
use winnow::token::{any, literal, one_of, take_while};

use super::expression::{Operator, Span, Unit};
use super::position::Position;
use super::syntax_error::SyntaxError;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) position: Position,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A bare word that is no keyword.
    Name(String),
    Text(QuotedText),
    /// As it is written, without its sign.
    Number(String),
    Span(Span),
    Operator(Operator),
    And,
    Or,
    Not,
    In,
    True,
    False,
    Open,
    Close,
    Comma,
    Dot,
    Has,
    Star,
    Plus,
    Minus,
    End,
}

/// A text in quotes, its escapes resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct QuotedText {
    pub(super) text: String,
    /// The first `*` that is not escaped: its index in the text, and its position.
    pub(super) wildcard: Option<(usize, Position)>,
}

const KEYWORDS: [(&str, TokenKind); 6] = [
    ("AND", TokenKind::And),
    ("OR", TokenKind::Or),
    ("NOT", TokenKind::Not),
    ("IN", TokenKind::In),
    ("true", TokenKind::True),
    ("false", TokenKind::False),
];

const SIGNS: [(&str, TokenKind); 8] = [
    ("(", TokenKind::Open),
    (")", TokenKind::Close),
    (",", TokenKind::Comma),
    (".", TokenKind::Dot),
    (":", TokenKind::Has),
    ("*", TokenKind::Star),
    ("+", TokenKind::Plus),
    ("-", TokenKind::Minus),
];

/// What stands behind a backslash in a canonical text, for which character.
pub(super) const ESCAPES: [(char, char); 8] = [
    ('"', '"'),
    ('\\', '\\'),
    ('*', '*'),
    ('b', '\u{8}'),
    ('f', '\u{c}'),
    ('n', '\n'),
    ('r', '\r'),
    ('t', '\t'),
];

/// What may stand behind a backslash, too, for itself. With them and `\u`, each string of JSON (RFC 8259, section 7) is a text.
const OPTIONAL_ESCAPES: [char; 2] = ['\'', '/'];

/// Whether a text can stand without quotes where a name does.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(begins_name)
        && text.chars().all(continues_name)
        && KEYWORDS.iter().all(|(word, _)| *word != text)
}

fn begins_name(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn continues_name(character: char) -> bool {
    character == '_' || character == '-' || character.is_alphanumeric()
}

/// The tokens of a text; the last one is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let (mut rest, mut position) = (text, Position::START);
    loop {
        let trimmed = rest.trim_start();
        position = position.moved_by(&rest[..rest.len() - trimmed.len()]);
        rest = trimmed;
        if rest.is_empty() {
            tokens.push(Token { kind: TokenKind::End, position });
            return Ok(tokens);
        }
        let kind = token(position).parse_next(&mut rest).map_err(|error| error.in_text(trimmed, position))?;
        tokens.push(Token { kind, position });
        position = position.moved_by(&trimmed[..trimmed.len() - rest.len()]);
    }
}

/// Why a text is not a token, and how many bytes of it are left where that shows.
struct TokenError {
    left: usize,
    message: &'static str,
}

impl TokenError {
    fn in_text(self, text: &str, start: Position) -> SyntaxError {
        SyntaxError::new(start.moved_by(&text[..text.len() - self.left]), self.message)
    }
}

impl ParserError<&str> for TokenError {
    type Inner = Self;

    fn from_input(rest: &&str) -> Self {
        Self { left: rest.len(), message: "this character has no meaning here; texts stand in quotes" }
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

/// A failure here.
fn fail<T>(rest: &str, message: &'static str) -> Result<T, TokenError> {
    Err(TokenError { left: rest.len(), message })
}

/// The first character decides which token it is: nothing is tried twice, and an error is where it shows.
fn token<'t>(position: Position) -> impl Parser<&'t str, TokenKind, TokenError> {
    dispatch! {peek(any);
        '"' | '\'' => quoted(position),
        '0'..='9' => number_or_span,
        first if begins_name(first) => word,
        _ => sign,
    }
}

fn quoted<'t>(start: Position) -> impl Parser<&'t str, TokenKind, TokenError> {
    move |rest: &mut &'t str| {
        let whole = *rest;
        let quote = any.parse_next(rest)?;
        let (mut text, mut wildcard) = (String::new(), None);
        loop {
            let here = *rest;
            let Ok(character) = any::<_, TokenError>.parse_next(rest) else {
                return fail(whole, "this quote is never closed");
            };
            match character {
                _ if character == quote => return Ok(TokenKind::Text(QuotedText { text, wildcard })),
                '\\' => text.push(escaped(here, rest)?),
                '\0' => return fail(here, NUL),
                '*' => {
                    let position = start.moved_by(&whole[..whole.len() - here.len()]);
                    wildcard = wildcard.or(Some((text.len(), position)));
                    text.push(character);
                }
                _ => text.push(character),
            }
        }
    }
}

fn escaped(backslash: &str, rest: &mut &str) -> Result<char, TokenError> {
    let written = any::<_, TokenError>.parse_next(rest).ok();
    match written {
        Some('u') => escaped_utf16(backslash, rest),
        Some(character) if OPTIONAL_ESCAPES.contains(&character) => Ok(character),
        written => {
            let meaning = ESCAPES.iter().find(|(character, _)| Some(*character) == written);
            meaning.map_or_else(|| fail(backslash, UNKNOWN_ESCAPE), |(_, meaning)| Ok(*meaning))
        }
    }
}

const UNKNOWN_ESCAPE: &str =
    "a backslash must be followed by one of \" ' \\ * / b f n r t, or by u and four hexadecimal digits";

/// `\u00e9`, behind its `u`, or both halves of a surrogate pair.
fn escaped_utf16(backslash: &str, rest: &mut &str) -> Result<char, TokenError> {
    let unit = |rest: &mut &str| -> Result<u16, TokenError> {
        let digits = take_while(4..=4, |digit: char| digit.is_ascii_hexdigit()).parse_next(rest);
        let unit = digits.and_then(|digits: &str| {
            u16::from_str_radix(digits, 16).map_err(|_| TokenError::from_input(rest))
        });
        unit.or_else(|_| fail(backslash, UNKNOWN_ESCAPE))
    };
    let first = unit(rest)?;
    let is_high = (0xd800..0xdc00).contains(&first);
    let second = if is_high && opt("\\u").parse_next(rest)?.is_some() { Some(unit(rest)?) } else { None };
    let mut characters = char::decode_utf16([first].into_iter().chain(second));
    match (characters.next(), characters.next()) {
        (Some(Ok('\0')), _) => fail(backslash, NUL),
        (Some(Ok(character)), None) => Ok(character),
        _ => fail(backslash, "half of a surrogate pair is no character"),
    }
}

const NUL: &str = "a text must not contain the character U+0000";

/// `18`, `1.5e3`, `30d`.
fn number_or_span(rest: &mut &str) -> Result<TokenKind, TokenError> {
    let whole = *rest;
    let digits =
        |rest: &mut &str| take_while(0.., |byte: char| byte.is_ascii_digit()).parse_next(rest).map(str::len);
    digits(rest)?;
    let integer = &whole[..whole.len() - rest.len()];
    if let Some(letter) = rest.chars().next().filter(|letter| *letter != 'e' && continues_name(*letter)) {
        let unit = Unit::ALL.into_iter().find(|unit| unit.as_str().starts_with(letter));
        let after = &rest[letter.len_utf8()..];
        return match (unit, integer.parse()) {
            (Some(unit), Ok(count)) if !after.starts_with(continues_name) => {
                let span = Span { count, unit };
                *rest = after;
                if span.millis() > Span::MAX_MILLIS {
                    fail(whole, TOO_LONG)
                } else {
                    Ok(TokenKind::Span(span))
                }
            }
            (Some(_), Err(_)) => fail(whole, TOO_LONG),
            _ => fail(rest, "expected a unit of time: s, m, h, d or w"),
        };
    }
    if opt('.').parse_next(rest)?.is_some() && digits(rest)? == 0 {
        return fail(rest, "expected a digit");
    }
    if opt(one_of(['e', 'E'])).parse_next(rest)?.is_some() {
        opt(one_of(['+', '-'])).parse_next(rest)?;
        if digits(rest)? == 0 {
            return fail(rest, "expected a digit");
        }
    }
    let number = &whole[..whole.len() - rest.len()];
    if integer.len() > 1 && integer.starts_with('0') {
        return fail(whole, "a number must not begin with 0; a text of digits stands in quotes");
    }
    Ok(TokenKind::Number(number.to_owned()))
}

const TOO_LONG: &str = "this is more than a thousand years";

fn word(rest: &mut &str) -> Result<TokenKind, TokenError> {
    let word = take_while(1.., continues_name).parse_next(rest)?;
    let keyword = KEYWORDS.iter().find(|(keyword, _)| *keyword == word);
    Ok(keyword.map_or_else(|| TokenKind::Name(word.to_owned()), |(_, kind)| kind.clone()))
}

fn sign(rest: &mut &str) -> Result<TokenKind, TokenError> {
    // The longer operators first: `<=` begins as `<` does.
    let mut operators = Operator::ALL;
    operators.sort_by_key(|operator| std::cmp::Reverse(operator.as_str().len()));
    let operators = operators.map(|operator| (operator.as_str(), TokenKind::Operator(operator)));
    for (text, kind) in operators.into_iter().chain(SIGNS) {
        if opt(literal(text)).parse_next(rest)?.is_some() {
            return Ok(kind);
        }
    }
    Err(TokenError::from_input(rest))
}
