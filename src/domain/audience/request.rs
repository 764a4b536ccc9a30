//! What a request asks for: recipients, and what they are to get.

use serde_json::{Map, Value};

use super::budget::Budget;
use crate::domain::contact::ContactId;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::group::GroupKey;
use crate::domain::template::engine::{MissingVariables, Template};

/// Somebody or several that a request names.
#[derive(Clone, Debug)]
pub enum Selector {
    /// The contact with this handle.
    Handle(Handle),
    /// The contact with this id.
    Id(ContactId),
    /// Whoever has this number, a contact or not.
    Phone(Phone),
    /// The members of the group with this id or name, in the order of the list of its members.
    Group(GroupKey),
    /// Every contact, in the order of the list of contacts.
    All,
}

/// An item of a request.
#[derive(Clone, Debug)]
pub struct RecipientSpec {
    /// Whom it names.
    pub who: Selector,
    /// Data for these recipients alone; it goes over their own.
    pub fields: Option<Map<String, Value>>,
}

/// What a request wants otherwise than by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether numbers that opted out are written to all the same.
    pub opted_out: bool,
    /// Whether a number can get more than one message.
    pub repeated_numbers: bool,
    /// What becomes of recipients for whom something is missing.
    pub gaps: MissingVariables,
}

/// Recipients, and what they are to get.
#[derive(Debug)]
pub struct Request {
    /// The items, in the order of the answer.
    pub asked: Vec<RecipientSpec>,
    /// The text; without one the answer tells recipients alone.
    pub template: Option<Template>,
    /// What is wanted otherwise than by default.
    pub options: Options,
    /// What it may take.
    pub budget: Budget,
}
