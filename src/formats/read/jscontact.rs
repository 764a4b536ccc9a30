//! JSContact (RFC 9553): an array of Cards, one Card, or Cards one after the other.
//!
//! The file is cut into objects by their brackets, and each is parsed alone: an array of any length takes the memory of
//! one Card, and a malformed Card ends at its own end, or at the end of the line that a string does not close.

use serde_json::{Map, Value};

use super::error::{FileError, Rejected};
use super::limits::MAX_RECORD_BYTES;
use super::record::{CellValue, Columns, Record, Records, Tally};
use super::source::Source;
use super::values::{is_http_url, numbered, without_tel_scheme};
use crate::domain::json;

pub(super) struct Cards {
    source: Source,
    /// Cards so far.
    count: u64,
    /// After a malformed Card: the next one begins at the beginning of a line.
    at_line_start_only: bool,
}

/// Where the scanner is in an object.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Within,
    /// The object ends with this byte.
    End,
    /// A line ends within a string.
    Broken,
}

impl Scan {
    fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            match byte {
                b'\n' => return Step::Broken,
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return Step::Within;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Step::End;
                }
            }
            _ => {}
        }
        Step::Within
    }
}

impl Cards {
    pub(super) fn new(source: Source) -> Self {
        Self { source, count: 0, at_line_start_only: false }
    }

    /// Skips to the next object, whatever stands before it. Returns whether there is one, and whether only white space and
    /// the punctuation of an array was skipped.
    fn find_object(&mut self) -> Result<(bool, bool), FileError> {
        let mut is_clean = true;
        let mut is_line_start = false;
        loop {
            let at_line_start_only = self.at_line_start_only;
            let input = self.source.fill()?;
            if input.is_empty() {
                return Ok((false, is_clean));
            }
            let found = input.iter().position(|&byte| {
                if byte == b'{' && (is_line_start || !at_line_start_only) {
                    return true;
                }
                match byte {
                    b'\n' => is_line_start = true,
                    byte if byte.is_ascii_whitespace() => {}
                    byte => {
                        is_line_start = false;
                        is_clean &= matches!(byte, b'[' | b']' | b',') || at_line_start_only;
                    }
                }
                false
            });
            let skipped = found.unwrap_or(input.len());
            self.source.consume(skipped);
            if found.is_some() {
                self.at_line_start_only = false;
                return Ok((true, is_clean));
            }
        }
    }

    /// Reads the object that begins here.
    fn read_object(&mut self) -> Result<Result<Vec<u8>, Rejected>, FileError> {
        let mut object = Vec::new();
        let mut scan = Scan::default();
        let mut is_too_long = false;
        loop {
            let input = self.source.fill()?;
            if input.is_empty() {
                return Ok(Err(Rejected::UnterminatedCard));
            }
            let mut step = Step::Within;
            let end = input.iter().position(|&byte| {
                step = scan.step(byte);
                step != Step::Within
            });
            // The line end that broke a string is the start of the line from which reading goes on.
            let length = end.map_or(input.len(), |end| if step == Step::End { end + 1 } else { end });
            is_too_long |= object.len() + length > MAX_RECORD_BYTES;
            if !is_too_long {
                object.extend_from_slice(&input[..length]);
            }
            self.source.consume(length);
            match step {
                Step::Within => {}
                Step::Broken => {
                    self.at_line_start_only = true;
                    return Ok(Err(Rejected::NotJson));
                }
                Step::End if is_too_long => return Ok(Err(Rejected::TooLong)),
                Step::End => return Ok(Ok(object)),
            }
        }
    }
}

impl Records for Cards {
    fn next(&mut self, columns: &mut Columns, tally: &mut Tally) -> Result<Option<Record>, FileError> {
        let (is_found, is_clean) = self.find_object()?;
        if !is_clean {
            self.count += 1;
            return Ok(Some(Record::rejected(self.count, Rejected::NotJson)));
        }
        if !is_found {
            return Ok(None);
        }
        self.count += 1;
        let number = self.count;
        let object = self.read_object()?.and_then(|object| {
            let object = tally.decode(number, object);
            Ok(json::parse_object(object.as_bytes())?)
        });
        Ok(Some(match object.and_then(|card| cells(number, card, tally)) {
            Ok(cells) => Record::from_named(number, cells, columns),
            Err(rejected) => Record::rejected(number, rejected),
        }))
    }
}

/// A property that is a map of objects by id, and the text of each object that becomes a cell.
struct Texts {
    property: &'static str,
    member: &'static str,
    /// The name of the column.
    column: &'static str,
}

const TEXTS: [Texts; 7] = [
    Texts { property: "nicknames", member: "name", column: "nickname" },
    Texts { property: "phones", member: "number", column: "phone" },
    Texts { property: "emails", member: "address", column: "email" },
    Texts { property: "organizations", member: "name", column: "organization" },
    Texts { property: "titles", member: "name", column: "title" },
    Texts { property: "notes", member: "note", column: "note" },
    Texts { property: "links", member: "uri", column: "url" },
];

/// Members that say nothing about the contact.
const ENVELOPE: [&str; 3] = ["@type", "version", "prodId"];

/// The cells of a Card. What is not in the expected form is a cell with the name of its property.
fn cells(
    number: u64,
    card: Map<String, Value>,
    tally: &mut Tally,
) -> Result<Vec<(String, CellValue)>, Rejected> {
    if card.get("@type").and_then(Value::as_str) != Some("Card") {
        return Err(Rejected::NotCard);
    }
    let mut cells = Vec::new();
    for (name, value) in card {
        if ENVELOPE.contains(&name.as_str()) {
            continue;
        }
        let known = TEXTS.iter().find(|texts| texts.property == name);
        let parsed = match (name.as_str(), &value) {
            ("name", Value::Object(parts)) => {
                full_name(parts).map(|full| vec![("name.full".to_owned(), full.into())])
            }
            ("media", Value::Object(media)) => Some(photos(media, || tally.media_without_url.add(number))),
            ("keywords", Value::Object(keywords)) => {
                let keywords: Vec<_> = keywords.keys().cloned().map(Value::String).collect();
                Some(vec![(name.clone(), Value::Array(keywords))])
            }
            (_, Value::Object(objects)) => known.and_then(|texts| texts.cells(objects)),
            _ => None,
        };
        let parsed = parsed.unwrap_or_else(|| vec![(name, value)]);
        cells.extend(parsed.into_iter().map(|(name, value)| (name, value.into())));
    }
    Ok(cells)
}

impl Texts {
    /// In the order of preference; then mobile numbers, which get messages, before others.
    fn cells(&self, objects: &Map<String, Value>) -> Option<Vec<(String, Value)>> {
        let mut ranked = Vec::new();
        for object in objects.values() {
            let text = object.get(self.member)?.as_str()?;
            let preference = object.get("pref").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let is_mobile = object.pointer("/features/mobile") == Some(&Value::Bool(true));
            ranked.push(((preference, !is_mobile), text));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        let is_phone = self.property == "phones";
        let cells = ranked.into_iter().enumerate().map(|(index, (_, text))| {
            let text = if is_phone { without_tel_scheme(text) } else { text };
            (numbered(self.column, index), text.into())
        });
        Some(cells.collect())
    }
}

/// `full`, or else the components.
fn full_name(name: &Map<String, Value>) -> Option<String> {
    if let Some(full) = name.get("full") {
        return full.as_str().map(str::to_owned);
    }
    let components = name.get("components")?.as_array()?.iter();
    let values = components
        .filter(|component| component["kind"] != "separator")
        .map(|component| component["value"].as_str());
    Some(values.collect::<Option<Vec<_>>>()?.join(" "))
}

/// The addresses of photos. Photos that are not on the web are counted.
fn photos(media: &Map<String, Value>, mut without_url: impl FnMut()) -> Vec<(String, Value)> {
    let photos =
        media.values().filter(|item| item["kind"] == "photo").filter_map(|item| item["uri"].as_str());
    let (addresses, others): (Vec<&str>, Vec<&str>) = photos.partition(|uri| is_http_url(uri));
    if !others.is_empty() {
        without_url();
    }
    let cells = addresses.into_iter().enumerate();
    cells.map(|(index, uri)| (numbered("photo", index), uri.into())).collect()
}
