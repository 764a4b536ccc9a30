//! The domain command of an audience: recipients, template, options and budget.

use serde_json::{Map, Value};

use super::budget::Budget;
use super::segments::RequestedSegments;
use crate::domain::contact::ContactId;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::filter::Filter;
use crate::domain::group::GroupKey;
use crate::domain::segment::SegmentKey;
use crate::domain::template::engine::{MissingVariables, Template};

/// How many items of a request can be segments or filters: each of them may have to read every contact of the account.
pub const MAX_FILTERED_ITEMS: usize = 10;

#[derive(Clone, Debug)]
pub enum Selector {
    Handle(Handle),
    Id(ContactId),
    /// The number itself, whether or not a contact has it.
    Phone(Phone),
    /// The members of a group, in the order of the list of members.
    Group(GroupKey),
    /// Every contact, in the order of the list of contacts.
    All,
    /// The contacts that are in a segment, in the order of the list of contacts.
    Segment(SegmentKey),
    /// The contacts that match, in the order of the list of contacts.
    Filter(Filter),
}

#[derive(Clone, Debug)]
pub struct RecipientSpec {
    pub selector: Selector,
    /// Values for these recipients only; they override the contact's `meta`.
    pub fields: Option<Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to include numbers that have opted out.
    pub opted_out: bool,
    /// Whether a number may get more than one message.
    pub repeated_numbers: bool,
    pub missing_variables: MissingVariables,
}

#[derive(Debug)]
pub struct Request {
    /// Entries are returned in this order.
    pub asked: Vec<RecipientSpec>,
    pub segments: RequestedSegments,
    /// Without a template, entries have no message.
    pub template: Option<Template>,
    pub options: Options,
    pub budget: Budget,
}
