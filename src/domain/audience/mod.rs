//! Audiences: who exactly gets what text, who does not, and why.
//!
//! A request names recipients in any mix. The [`Resolver`] finds them in the order in which they were
//! named, leaves out who is not to be written to, fills in the template for the others, and accounts for
//! every one: recipients and exclusions add up to what was asked for.

mod budget;
mod entry;
mod report;
mod repository;
mod resolver;
mod snapshot;

use serde_json::{Map, Value};

use super::contact::ContactId;
use super::contact::fields::{Handle, Phone};
use super::group::GroupKey;
use super::id::id_type;
use super::template::engine::{MissingVariables, Template};
use super::timestamp::Timestamp;

pub use budget::{Budget, Caller, Presence, SnapshotsInFlight};
pub use entry::{ContactRef, Entry, Exclusion, Included, Reason};
pub use report::{Counts, Problem, Report};
pub use repository::{
    AudienceRepository, EntryPage, Kind, LookupRequest, LookupResult, PhoneMatch, Recipient,
};
pub use resolver::Resolver;
pub use snapshot::{SnapshotLimits, keep};

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

id_type! {
    /// The id of an audience that is kept.
    AudienceId
}

/// An audience that is kept: its entries stay as they were found.
#[derive(Clone, Debug)]
pub struct AudienceSnapshot {
    /// Made by the server.
    pub id: AudienceId,
    /// When its entries were found.
    pub created_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Timestamp,
    /// What was found.
    pub report: Report,
}
