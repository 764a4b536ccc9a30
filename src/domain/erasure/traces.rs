//! What a person is found by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::audience::{ContactRef, Entry, Exclusion, Included};
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::contact::{Contact, ContactId};
use crate::domain::text;

/// A shorter username is part of too many texts that have nothing to do with it.
const MIN_MENTIONED_CHARS: usize = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    contacts: BTreeSet<Uuid>,
    /// Of the numbers below.
    opt_outs: BTreeSet<Uuid>,
    /// Numbers in E.164 that no other contact has.
    phones: BTreeSet<String>,
    handles: BTreeSet<String>,
    /// Username and number of contacts whose number others have, too.
    sharing: BTreeSet<(String, String)>,
}

impl Traces {
    pub fn add_id(&mut self, contact: ContactId) {
        self.contacts.insert(contact.as_uuid());
    }

    pub fn add_opt_out(&mut self, opt_out: Uuid) {
        self.opt_outs.insert(opt_out);
    }

    pub fn add_phone(&mut self, phone: &Phone) {
        self.phones.insert(phone.as_str().to_owned());
    }

    pub fn add_handle(&mut self, handle: &Handle) {
        self.handles.insert(handle.as_str().to_owned());
    }

    /// A contact that is erased; `shares_number` if another contact that is not has the same number, which then says nothing
    /// about this one.
    pub fn add_contact(&mut self, contact: &Contact, shares_number: bool) {
        self.add_id(contact.id);
        self.add_handle(&contact.handle);
        if shares_number {
            let (handle, phone) = (contact.handle.as_str(), contact.phone.as_str());
            self.sharing.insert((handle.to_owned(), phone.to_owned()));
        } else {
            self.add_phone(&contact.phone);
        }
    }

    pub fn contacts(&self) -> impl Iterator<Item = ContactId> {
        self.contacts.iter().map(|id| ContactId::from_uuid(*id))
    }

    pub fn phones(&self) -> impl Iterator<Item = &str> {
        self.phones.iter().map(String::as_str)
    }

    /// Username and number of contacts whose number others have, too.
    pub fn sharing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sharing.iter().map(|(handle, phone)| (handle.as_str(), phone.as_str()))
    }

    /// Whether an id is that of a contact or of an opt-out of the person.
    #[must_use]
    pub fn has_id(&self, id: Uuid) -> bool {
        self.contacts.contains(&id) || self.opt_outs.contains(&id)
    }

    /// The ids of the person's contacts and opt-outs.
    pub fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.contacts.iter().chain(&self.opt_outs).copied()
    }

    #[must_use]
    pub fn has_phone(&self, e164: &str) -> bool {
        self.phones.contains(e164)
    }

    /// Whether a text is one of the usernames, as they are compared.
    #[must_use]
    pub fn has_handle(&self, text: &str) -> bool {
        self.handles.contains(text) || self.handles.contains(&text::nfc(text.trim()))
    }

    /// Whether a text has one of the numbers, in any spelling with the country code, or one of the usernames as a word.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        if self.has_handle(text) || self.number_is_in(text) {
            return true;
        }
        let text = text::nfc(text);
        self.handles.iter().any(|handle| has_word(&text, handle))
    }

    /// Whether a text has one of the numbers, in any spelling with the country code.
    #[must_use]
    pub fn number_is_in(&self, text: &str) -> bool {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        self.phones.iter().any(|phone| digits.contains(phone.trim_start_matches('+')))
    }

    /// Whether an entry of an audience is about the person.
    #[must_use]
    pub fn are_in_entry(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Included(Included { index: _, contact, phone, message: _ }) => {
                self.is_contact(contact.as_ref()) || self.has_phone(phone.as_str())
            }
            Entry::Excluded(exclusion) => self.are_in_exclusion(exclusion),
        }
    }

    /// As [`Self::are_in_entry`], of an exclusion.
    #[must_use]
    pub fn are_in_exclusion(&self, exclusion: &Exclusion) -> bool {
        let Exclusion { index: _, contact, phone, named, reason: _ } = exclusion;
        let is_named = |named: &String| self.are_in(named) || self.is_named_by_id(named);
        self.is_contact(contact.as_ref())
            || phone.as_ref().is_some_and(|phone| self.has_phone(phone.as_str()))
            || named.as_ref().is_some_and(is_named)
    }

    fn is_contact(&self, contact: Option<&ContactRef>) -> bool {
        contact.is_some_and(|contact| self.contacts.contains(&contact.id.as_uuid()))
    }

    fn is_named_by_id(&self, named: &str) -> bool {
        ContactId::parse(named).is_some_and(|id| self.contacts.contains(&id.as_uuid()))
    }
}

/// Whether a text has a username that is not part of a longer word.
fn has_word(text: &str, handle: &str) -> bool {
    if handle.chars().count() < MIN_MENTIONED_CHARS {
        return false;
    }
    let is_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    text.match_indices(handle).any(|(start, found)| {
        let (before, after) = (&text[..start], &text[start + found.len()..]);
        !is_word(before.chars().next_back()) && !is_word(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces() -> Traces {
        let mut traces = Traces::default();
        traces.add_phone(&Phone::parse("+44 7900 000001").unwrap());
        traces.add_handle(&Handle::parse("andrée").unwrap());
        traces.add_handle(&Handle::parse("x").unwrap());
        traces
    }

    #[test]
    fn a_number_is_found_in_any_spelling_and_a_username_as_a_word() {
        let traces = traces();
        for text in [
            "+447900000001",
            "tel: 0044 (7900) 000-001",
            "create-447900000001-2",
            "andrée",
            " andre\u{301}e ",
            "create:andrée:1",
            "x",
        ] {
            assert!(traces.are_in(text), "{text}");
        }
        for text in ["+447900000002", "andréea", "andree", "key-x-1", ""] {
            assert!(!traces.are_in(text), "{text}");
        }
    }
}
