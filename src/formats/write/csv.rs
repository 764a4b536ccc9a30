//! CSV (RFC 4180), exact and for spreadsheet programs.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::{Map, Value};

use super::exported::ExportedContact;
use crate::domain::Contact;
use crate::domain::contact::fields::Meta;
use crate::domain::group::GroupName;
use crate::formats::fields::META_PREFIX;
use crate::formats::formula;

const BYTE_ORDER_MARK: &str = "\u{feff}";
const LINE_END: &[u8] = b"\r\n";

/// The keys of meta that have a column of their own in the spreadsheet profile, in the order of the columns.
#[derive(Clone, Debug, Default)]
pub struct MetaColumns(BTreeSet<String>);

impl MetaColumns {
    /// Spreadsheet programs get slow, or cut off, what is much wider.
    pub const MAX: usize = 200;

    /// Adds the keys of a contact. If there are too many, the first ones remain.
    pub fn add(&mut self, meta: &Meta) {
        for (key, value) in meta.to_map() {
            if fits_column(&key, &value) && !self.0.contains(&key) {
                self.0.insert(key);
                if self.0.len() > Self::MAX {
                    self.0.pop_last();
                }
            }
        }
    }
}

/// Writes a line of any cells, exactly.
pub fn write_record<'c>(cells: impl IntoIterator<Item = &'c str>, out: &mut Vec<u8>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_cell(None, cell, out);
    }
    out.extend_from_slice(LINE_END);
}

pub(super) fn write_exact_header(with_groups: bool, out: &mut Vec<u8>) {
    let groups = if with_groups { ",groups" } else { "" };
    let header =
        ["id,username,phone_number,display_name,avatar_url,meta", groups, ",created_at,updated_at\r\n"];
    out.extend_from_slice(header.concat().as_bytes());
}

pub(super) fn write_exact(exported: ExportedContact<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let ExportedContact { contact, groups } = exported;
    let Contact { id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, version: _ } =
        contact;
    write_plain(id, out);
    write_next(handle.as_str(), out);
    write_next(phone.as_str(), out);
    write_next(display_name.as_ref().map_or("", |name| name.as_str()), out);
    write_next(avatar_url.as_ref().map_or("", |url| url.as_str()), out);
    write_next(if *meta == Meta::default() { "" } else { meta.as_json() }, out);
    if let Some(groups) = groups {
        write_next(&serde_json::to_string(groups)?, out);
    }
    out.push(b',');
    write_plain(created_at, out);
    out.push(b',');
    write_plain(updated_at, out);
    out.extend_from_slice(LINE_END);
    Ok(())
}

pub(super) fn write_spreadsheet_header(columns: &MetaColumns, with_groups: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(BYTE_ORDER_MARK.as_bytes());
    out.extend_from_slice(b"id,username,phone_number,display_name,avatar_url");
    for key in &columns.0 {
        write_next(&format!("{META_PREFIX}{key}"), out);
    }
    out.extend_from_slice(b",meta");
    if with_groups {
        out.extend_from_slice(b",groups");
    }
    out.extend_from_slice(LINE_END);
}

pub(super) fn write_spreadsheet(
    exported: ExportedContact<'_>,
    columns: &MetaColumns,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let ExportedContact { contact, groups } = exported;
    let Contact {
        id,
        handle,
        phone,
        display_name,
        avatar_url,
        meta,
        created_at: _,
        updated_at: _,
        version: _,
    } = contact;
    let mut meta = if *meta == Meta::default() { Map::new() } else { meta.to_map() };
    write_plain(id, out);
    write_next_guarded(handle.as_str(), out);
    write_next_guarded(phone.as_str(), out);
    write_next_guarded(display_name.as_ref().map_or("", |name| name.as_str()), out);
    write_next_guarded(avatar_url.as_ref().map_or("", |url| url.as_str()), out);
    for key in &columns.0 {
        let fits = meta.get(key).is_some_and(|value| fits_column(key, value));
        match if fits { meta.shift_remove(key) } else { None } {
            Some(Value::String(text)) => write_next_guarded(&text, out),
            _ => out.push(b','),
        }
    }
    // Whatever has no column.
    write_next(&if meta.is_empty() { String::new() } else { serde_json::to_string(&meta)? }, out);
    if let Some(groups) = groups {
        write_next(&serde_json::to_string::<[GroupName]>(groups)?, out);
    }
    out.extend_from_slice(LINE_END);
    Ok(())
}

/// Whether a member of meta comes back the same from a column of its own: what is not a string would come back as one, an
/// empty cell as absent, and white space around a name or a value may be trimmed.
fn fits_column(key: &str, value: &Value) -> bool {
    let is_name = key.trim() == key && !key.chars().any(char::is_control);
    is_name && matches!(value, Value::String(text) if !text.is_empty() && text.trim() == text)
}

/// A value that needs no quotes.
fn write_plain(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
}

fn write_next(value: &str, out: &mut Vec<u8>) {
    write_next_after(None, value, out);
}

fn write_next_guarded(value: &str, out: &mut Vec<u8>) {
    write_next_after(formula::guard(value), value, out);
}

/// Writes a delimiter and a cell.
fn write_next_after(guard: Option<char>, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    push_cell(guard, value, out);
}

/// Writes a cell, in quotes where it needs them.
fn push_cell(guard: Option<char>, value: &str, out: &mut Vec<u8>) {
    let guard = guard.map_or("", |_| "'").as_bytes();
    let bytes = value.as_bytes();
    let needs_quotes = bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'))
        // Some readers trim what is not in quotes.
        || bytes.first().is_some_and(u8::is_ascii_whitespace)
        || bytes.last().is_some_and(u8::is_ascii_whitespace);
    if !needs_quotes {
        out.extend_from_slice(guard);
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(guard);
    let mut rest = bytes;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        out.push(b'"');
        rest = &rest[quote + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
