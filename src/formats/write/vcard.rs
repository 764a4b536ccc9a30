//! vCard 4.0 (RFC 6350).

use std::fmt::Write;

use super::exported::ExportedContact;
use crate::domain::Contact;
use crate::domain::Timestamp;
use crate::domain::contact::fields::Meta;
use crate::formats::fields::{UUID_URN, VCARD_META, VCARD_USERNAME};

/// Longer lines are folded (RFC 6350, section 3.2).
const MAX_LINE_BYTES: usize = 75;

pub(super) fn write(exported: ExportedContact<'_>, out: &mut Vec<u8>) {
    let ExportedContact { contact, groups } = exported;
    let Contact { id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, version: _ } =
        contact;
    let mut card = Lines { out, line: String::new() };
    card.property("BEGIN", |line| line.push_str("VCARD"));
    card.property("VERSION", |line| line.push_str("4.0"));
    card.property("UID", |line| push(line, format_args!("{UUID_URN}{id}")));
    match display_name {
        Some(name) => card.text("FN", name.as_str()),
        // vCard requires a name; the parameter says that it is none of the contact's (RFC 9554, section 4.4).
        None => card.text("FN;DERIVED=TRUE", handle.as_str()),
    }
    card.property("TEL;VALUE=uri", |line| push(line, format_args!("tel:{phone}")));
    if let Some(url) = avatar_url {
        card.property("PHOTO", |line| line.push_str(url.as_str()));
    }
    if let Some(groups) = groups.filter(|groups| !groups.is_empty()) {
        card.property("CATEGORIES", |line| {
            for (index, group) in groups.iter().enumerate() {
                if index > 0 {
                    line.push(',');
                }
                escape(group.as_str(), line);
            }
        });
    }
    card.text(VCARD_USERNAME, handle.as_str());
    if *meta != Meta::default() {
        card.text(VCARD_META, meta.as_json());
    }
    card.property("CREATED", |line| line.push_str(&timestamp(*created_at)));
    card.property("REV", |line| line.push_str(&timestamp(*updated_at)));
    card.property("END", |line| line.push_str("VCARD"));
}

fn push(line: &mut String, value: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = line.write_fmt(value);
}

struct Lines<'a> {
    out: &'a mut Vec<u8>,
    /// A buffer.
    line: String,
}

impl Lines<'_> {
    fn text(&mut self, name: &str, value: &str) {
        self.property(name, |line| escape(value, line));
    }

    fn property(&mut self, name: &str, write_value: impl FnOnce(&mut String)) {
        self.line.clear();
        self.line.push_str(name);
        self.line.push(':');
        write_value(&mut self.line);
        let mut rest = self.line.as_str();
        let mut room = MAX_LINE_BYTES;
        while rest.len() > room {
            let (line, folded) = rest.split_at(rest.floor_char_boundary(room));
            self.out.extend_from_slice(line.as_bytes());
            self.out.extend_from_slice(b"\r\n ");
            rest = folded;
            // The space before it counts.
            room = MAX_LINE_BYTES - 1;
        }
        self.out.extend_from_slice(rest.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
}

/// RFC 6350, section 3.4. A carriage return, which vCard cannot express, becomes a line break.
fn escape(value: &str, line: &mut String) {
    for character in value.chars() {
        match character {
            '\\' | ',' | ';' => line.extend(['\\', character]),
            '\n' | '\r' => line.push_str("\\n"),
            _ => line.push(character),
        }
    }
}

/// `20251110T201512Z` (RFC 6350, section 4.3.5).
fn timestamp(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    let mut basic: String = seconds.chars().filter(|character| !matches!(character, '-' | ':')).collect();
    basic.push('Z');
    basic
}
