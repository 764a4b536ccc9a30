//! The example changes, with the key that made them.

use super::me::{KEY_ID, LABEL};
use crate::domain::api_key::{KeyId, KeyLabel};
use crate::domain::change::{Actor, AuditEntry, AuditPage, Change, ChangePage};

pub const REQUEST_ID: &str = "0d1f7a52-6a37-4a6e-8c49-2d3f1a1c9b7e";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn page() -> AuditPage {
    let ChangePage { changes, next: _, has_more: _ } = super::change::page();
    let key = KEY_ID.parse::<KeyId>().expect("an id");
    let actor = Actor { key, label: Some(KeyLabel::parse(LABEL).expect("a label")) };
    let entry = |change| AuditEntry {
        change: Change { current: None, ..change },
        actor: actor.clone(),
        request_id: REQUEST_ID.to_owned(),
    };
    AuditPage { entries: changes.into_iter().rev().map(entry).collect(), next: None }
}
