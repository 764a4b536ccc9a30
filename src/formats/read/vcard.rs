//! vCard 4.0 (RFC 6350), 3.0 (RFC 2426) and 2.1.
//!
//! A parser of our own, of properties alone: no value is interpreted, so that each cell has what stands in the file. (The
//! crates that know vCard turn values into dates, numbers and enumerations, need the whole file, and have panicked on
//! malformed ones.) It has no state between cards, and accepts any sequence of bytes.

use data_encoding::HEXUPPER_PERMISSIVE;
use encoding_rs::Encoding;
use serde_json::Value;

use super::error::{FileError, Rejected};
use super::limits::MAX_RECORD_BYTES;
use super::record::{CellValue, Columns, Record, Records, Tally};
use super::source::{LineLength, Source};
use super::values::{is_http_url, numbered, without_tel_scheme};
use crate::formats::fields::VCARD_USERNAME;

pub(super) struct Cards {
    source: Source,
    /// Cards so far.
    count: u64,
    /// A `BEGIN` that came where an `END` was due.
    has_begun: bool,
}

/// An unfolded line of a card.
struct Line {
    /// The line of the file on which it begins.
    number: u64,
    kind: LineKind,
    text: Vec<u8>,
}

/// Decided by the first of the lines that are folded: looking at all of them again for each would be quadratic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Text,
    QuotedPrintable,
    /// A value that is no text and no address; not kept.
    Media,
}

impl LineKind {
    fn of(line: &[u8]) -> Self {
        if is_embedded_media(line) {
            Self::Media
        } else if is_quoted_printable(line) {
            Self::QuotedPrintable
        } else {
            Self::Text
        }
    }
}

/// Properties whose value is often a picture or a sound: megabytes, which are not kept.
const MEDIA: [&[u8]; 4] = [b"PHOTO", b"LOGO", b"SOUND", b"KEY"];

impl Cards {
    pub(super) fn new(source: Source) -> Self {
        Self { source, count: 0, has_begun: false }
    }

    /// Skips to the next card. Fails at the first line that belongs to none.
    fn find_begin(&mut self) -> Result<Option<Result<(), Rejected>>, FileError> {
        if std::mem::take(&mut self.has_begun) {
            return Ok(Some(Ok(())));
        }
        let mut outside = None;
        loop {
            let number = self.source.line;
            let mut line = Vec::new();
            if self.source.read_line(&mut line, MAX_RECORD_BYTES)?.is_none() {
                return Ok(outside.map(|line| Err(Rejected::OutsideCard { line })));
            }
            if is_delimiter(&line, b"BEGIN:VCARD") {
                let found = match outside {
                    None => Ok(()),
                    Some(line) => {
                        self.has_begun = true;
                        Err(Rejected::OutsideCard { line })
                    }
                };
                return Ok(Some(found));
            }
            if !line.trim_ascii().is_empty() {
                outside.get_or_insert(number);
            }
        }
    }

    /// The lines up to the card's end, unfolded.
    fn read_card(&mut self) -> Result<Result<Vec<Line>, Rejected>, FileError> {
        let mut lines: Vec<Line> = Vec::new();
        let mut bytes = 0;
        let mut is_too_long = false;
        // Cards within the card: the values of `AGENT` in 2.1.
        let mut depth = 0_usize;
        loop {
            let number = self.source.line;
            let mut line = Vec::new();
            let Some(length) = self.source.read_line(&mut line, MAX_RECORD_BYTES)? else {
                return Ok(Err(Rejected::UnterminatedCard));
            };
            // A value may say `BEGIN:VCARD` where it is folded.
            let is_folded = depth == 0 && !lines.is_empty() && matches!(line.first(), Some(b' ' | b'\t'));
            if !is_folded && is_delimiter(&line, b"BEGIN:VCARD") {
                let is_agent =
                    lines.last().is_some_and(|last| name_of(&last.text).eq_ignore_ascii_case(b"AGENT"));
                if depth == 0 && !is_agent {
                    self.has_begun = true;
                    return Ok(Err(Rejected::UnterminatedCard));
                }
                depth += 1;
                continue;
            }
            if !is_folded && is_delimiter(&line, b"END:VCARD") {
                match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None if is_too_long => return Ok(Err(Rejected::TooLong)),
                    None => return Ok(Ok(lines)),
                }
                continue;
            }
            if depth > 0 || is_too_long {
                continue;
            }
            let is_cut = length == LineLength::Exceeded;
            match lines.last_mut() {
                // A soft line break of quoted-printable: a space behind it belongs to the value.
                Some(last) if last.kind == LineKind::QuotedPrintable && last.text.ends_with(b"=") => {
                    last.text.pop();
                    last.text.extend_from_slice(&line);
                    bytes += line.len();
                    is_too_long |= is_cut;
                }
                Some(last) if matches!(line.first(), Some(b' ' | b'\t')) => {
                    if last.kind != LineKind::Media {
                        last.text.extend_from_slice(&line[1..]);
                        bytes += line.len();
                        is_too_long |= is_cut;
                    }
                }
                _ if line.trim_ascii().is_empty() => {}
                _ => {
                    let kind = LineKind::of(&line);
                    if kind == LineKind::Media {
                        line.clear();
                    }
                    is_too_long |= is_cut && kind != LineKind::Media;
                    bytes += line.len() + size_of::<Line>();
                    lines.push(Line { number, kind, text: line });
                }
            }
            is_too_long |= bytes > MAX_RECORD_BYTES;
        }
    }
}

fn is_delimiter(line: &[u8], delimiter: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() == delimiter.len() && line.eq_ignore_ascii_case(delimiter)
}

/// The property's name, without its group.
fn name_of(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| matches!(byte, b':' | b';')).unwrap_or(line.len());
    let start = line[..end].iter().position(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
    &line[start..end]
}

/// Whether a line begins a value that is no text and no address.
fn is_embedded_media(line: &[u8]) -> bool {
    if !MEDIA.iter().any(|name| name_of(line).eq_ignore_ascii_case(name)) {
        return false;
    }
    let value = value_start(line).map_or(&[][..], |start| &line[start..]);
    let is_binary = |parameter: &str| {
        let start = &line[..line.len() - value.len()];
        contains_ignoring_case(start, parameter.as_bytes())
    };
    ["ENCODING=B", ";BASE64"].into_iter().any(is_binary)
        || value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:"))
}

fn is_quoted_printable(line: &[u8]) -> bool {
    let start = value_start(line).map_or(line, |start| &line[..start]);
    contains_ignoring_case(start, b"QUOTED-PRINTABLE")
}

fn contains_ignoring_case(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// Where the value begins: after the first colon outside quotes.
fn value_start(line: &[u8]) -> Option<usize> {
    let mut in_quotes = false;
    let colon = line.iter().position(|byte| {
        in_quotes ^= *byte == b'"';
        *byte == b':' && !in_quotes
    });
    colon.map(|colon| colon + 1)
}

impl Records for Cards {
    fn next(&mut self, columns: &mut Columns, tally: &mut Tally) -> Result<Option<Record>, FileError> {
        let Some(begin) = self.find_begin()? else { return Ok(None) };
        // What stands between two cards is reported as the card that it may have been.
        self.count += 1;
        if let Err(rejected) = begin {
            return Ok(Some(Record::rejected(self.count, rejected)));
        }
        let card = self.read_card()?;
        Ok(Some(match card.and_then(|lines| cells(self.count, lines, tally)) {
            Ok(cells) => Record::from_named(self.count, cells, columns),
            Err(rejected) => Record::rejected(self.count, rejected),
        }))
    }
}

/// A property, decoded.
struct Property {
    name: String,
    parameters: Vec<(String, String)>,
    value: String,
}

impl Property {
    fn parse(card: u64, line: Vec<u8>, tally: &mut Tally) -> Option<Self> {
        let start = value_start(&line)?;
        let name = String::from_utf8_lossy(name_of(&line)).to_ascii_uppercase();
        if name.is_empty() {
            return None;
        }
        let head = tally.decode(card, line[..start - 1].to_vec());
        let parameters = parameters(&head);
        let find = |name: &str| {
            parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).next()
        };
        let value = line[start..].to_vec();
        // In 2.1, the name of the encoding may stand without `ENCODING=`.
        let is_quoted_printable =
            parameters.iter().any(|(_, value)| value.eq_ignore_ascii_case("QUOTED-PRINTABLE"));
        let value = if is_quoted_printable { decode_quoted_printable(&value) } else { value };
        let charset = find("CHARSET").and_then(|label| Encoding::for_label(label.as_bytes()));
        let value = match charset {
            Some(charset) => charset.decode_without_bom_handling(&value).0.into_owned(),
            None => tally.decode(card, value),
        };
        Some(Self { name, parameters, value })
    }

    fn has(&self, parameter: &str, value: &str) -> bool {
        self.parameters.iter().any(|(name, values)| {
            name == parameter && values.split(',').any(|item| item.trim().eq_ignore_ascii_case(value))
        })
    }

    /// Lower comes first: what is preferred; then mobile numbers, which get messages.
    fn rank(&self) -> (u8, bool) {
        let preference = self.parameters.iter().find(|(name, _)| name == "PREF");
        let preference = match preference {
            Some((_, value)) => value.parse().unwrap_or(1),
            None if self.has("TYPE", "PREF") => 1,
            None => u8::MAX,
        };
        (preference, !self.has("TYPE", "CELL"))
    }
}

/// `TYPE=home;TYPE="work,voice"`; a value without a name, in 2.1, is a type. Names are in capitals.
fn parameters(head: &str) -> Vec<(String, String)> {
    let mut in_quotes = false;
    let parts = head.split(move |character| {
        in_quotes ^= character == '"';
        character == ';' && !in_quotes
    });
    let parsed = parts.skip(1).map(|part| match part.split_once('=') {
        Some((name, value)) => (name.trim().to_ascii_uppercase(), value.trim().replace('"', "")),
        None => ("TYPE".to_owned(), part.trim().to_owned()),
    });
    parsed.collect()
}

/// RFC 2045, section 6.7; soft line breaks are gone already. What is no escape stays.
fn decode_quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'=').then(|| after.get(..2)).flatten();
        match escaped.and_then(|digits| HEXUPPER_PERMISSIVE.decode(digits).ok()) {
            Some(bytes) => {
                decoded.extend_from_slice(&bytes);
                rest = &after[2..];
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}

/// The parts of a value, unescaped: those that the separator, not escaped, separates.
fn unescaped_parts(value: &str, separator: Option<char>) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        let mut push = |character| {
            if let Some(part) = parts.last_mut() {
                part.push(character);
            }
        };
        match character {
            '\\' => match characters.next() {
                Some('n' | 'N') => push('\n'),
                Some(escaped @ ('\\' | ',' | ';' | ':')) => push(escaped),
                Some(other) => {
                    push('\\');
                    push(other);
                }
                None => push('\\'),
            },
            _ if Some(character) == separator => parts.push(String::new()),
            _ => push(character),
        }
    }
    parts
}

fn unescaped(value: &str) -> String {
    unescaped_parts(value, None).concat()
}

/// The components of a structured value that are not empty, as one text.
fn joined(parts: impl IntoIterator<Item = String>, separator: &str) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
    parts.join(separator)
}

/// Properties that say nothing about the contact.
const ENVELOPE: [&str; 3] = ["VERSION", "PRODID", "AGENT"];

fn cells(card: u64, lines: Vec<Line>, tally: &mut Tally) -> Result<Vec<(String, CellValue)>, Rejected> {
    let mut properties = Vec::new();
    let mut has_media_without_url = false;
    for Line { number, kind, text } in lines {
        if kind == LineKind::Media {
            has_media_without_url = true;
            continue;
        }
        let property = Property::parse(card, text, tally).ok_or(Rejected::MalformedLine { line: number })?;
        if property.name == "VERSION" && !["2.1", "3.0", "4.0"].contains(&property.value.trim()) {
            return Err(Rejected::UnsupportedVersion);
        }
        properties.push(property);
    }
    let is_ours = properties.iter().any(|property| property.name == VCARD_USERNAME);
    properties.retain(|property| !ENVELOPE.contains(&property.name.as_str()));
    // Stable: what ranks the same stays in the order of the file.
    properties.sort_by_key(Property::rank);
    let mut cells: Vec<(String, CellValue)> = Vec::new();
    let mut categories = Vec::new();
    let mut counts = std::collections::HashMap::<String, usize>::new();
    for property in properties {
        let Property { name, value, .. } = &property;
        let text = match name.as_str() {
            "CATEGORIES" => {
                categories
                    .extend(unescaped_parts(value, Some(',')).into_iter().filter(|part| !part.is_empty()));
                continue;
            }
            "N" => {
                let mut parts = unescaped_parts(value, Some(';')).into_iter();
                let mut next = || parts.next().unwrap_or_default();
                let [family, given, additional, prefix, suffix] = [next(), next(), next(), next(), next()];
                joined([prefix, given, additional, family, suffix], " ")
            }
            "ORG" | "ADR" => joined(unescaped_parts(value, Some(';')), ", "),
            "NICKNAME" => joined(unescaped_parts(value, Some(',')), ", "),
            "TEL" => without_tel_scheme(&unescaped(value)).to_owned(),
            "PHOTO" => {
                let address = unescaped(value);
                if !is_http_url(&address) {
                    has_media_without_url = true;
                    continue;
                }
                address
            }
            _ => unescaped(value),
        };
        // Our exports derive the name, which vCard requires, where a contact has none (RFC 9554, section 4.4).
        let is_derived = is_ours && name == "FN" && property.has("DERIVED", "TRUE");
        let value = if is_derived { CellValue::Json(Value::Null) } else { CellValue::Text(text) };
        let count = counts.entry(name.clone()).or_default();
        cells.push((numbered(name, *count), value));
        *count += 1;
    }
    if has_media_without_url {
        tally.media_without_url.add(card);
    }
    if !categories.is_empty() {
        cells.push(("CATEGORIES".to_owned(), CellValue::Json(categories.into())));
    }
    Ok(cells)
}
