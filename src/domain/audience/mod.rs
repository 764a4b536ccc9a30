//! Audiences: who exactly gets what text, who does not, and why.
//!
//! A request names recipients in any mix. The [`Resolver`] finds them in the order in which they were
//! named, leaves out who is not to be written to, fills in the template for the others, and accounts for
//! every one: recipients and exclusions add up to what was asked for.

mod budget;
mod entry;
mod report;
mod repository;
mod request;
mod resolver;
mod save;
mod segments;
mod service;
mod snapshot;

pub use entry::{ContactRef, Entry, Exclusion, Included, Reason};
pub use report::{Counts, Problem, Report};
pub use repository::{
    AudienceRepository, EntryPage, Kind, LookupRequest, LookupResult, MatchingRecipients, PhoneMatch,
    Recipient,
};
pub use request::{MAX_FILTERED_ITEMS, Options, RecipientSpec, Request, Selector};
pub use resolver::Resolver;
pub use segments::RequestedSegments;
pub use service::{
    AudienceService, AudienceSettings, PendingSnapshot, ResolveCommand, ResolvedAudience, TemplateChoice,
};
pub use snapshot::{AudienceId, AudienceSnapshot, SnapshotLimits};
