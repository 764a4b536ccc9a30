//! What of a contact can be found.

use serde_json::Value;

use super::fold::fold_into;
use crate::domain::Contact;
use crate::domain::contact::fields::DisplayName;

/// The folded texts of a contact: its handle, its display name and the texts in `meta`, one a line; and the digits of its
/// number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: Box<str>,
    /// Where the handle ends.
    handle: u32,
    /// Where the display name ends.
    names: u32,
    number: Box<str>,
}

/// Separates the fields: no word and no part of a word goes across it.
const SEPARATOR: char = '\n';

impl Document {
    /// Of the folded texts, in bytes. What a contact has beyond it cannot be found.
    pub const MAX_BYTES: usize = 4 * 1024;

    #[must_use]
    pub fn of(contact: &Contact) -> Self {
        let Contact {
            id: _,
            handle,
            phone,
            display_name,
            avatar_url: _,
            meta,
            created_at: _,
            updated_at: _,
            version: _,
        } = contact;
        let mut text = String::with_capacity(handle.as_str().len() + meta.as_json().len());
        fold_into(handle.as_str(), &mut text);
        let handle = offset(&text);
        text.push(SEPARATOR);
        fold_into(display_name.as_ref().map_or("", DisplayName::as_str), &mut text);
        let names = offset(&text);
        for value in meta.to_map().values() {
            add_texts(value, &mut text);
        }
        text.truncate(text.floor_char_boundary(Self::MAX_BYTES));
        Self { text: text.into(), handle, names, number: phone.as_str().trim_start_matches('+').into() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn handle(&self) -> &str {
        &self.text[..self.handle as usize]
    }

    /// The handle and the display name.
    pub(crate) fn names(&self) -> &str {
        &self.text[..self.names as usize]
    }

    /// The number's digits.
    pub(crate) fn number(&self) -> &str {
        &self.number
    }

    /// Its size in memory, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.number.len()
    }
}

/// Handle and display name are far shorter than the maximum.
fn offset(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// `meta` is at most five levels deep.
fn add_texts(value: &Value, text: &mut String) {
    match value {
        Value::String(value) => {
            text.push(SEPARATOR);
            fold_into(value, text);
        }
        Value::Array(values) => values.iter().for_each(|value| add_texts(value, text)),
        Value::Object(members) => members.values().for_each(|value| add_texts(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
