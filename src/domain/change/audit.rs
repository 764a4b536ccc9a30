//! The audit log: the change log with who made each change.

use uuid::Uuid;

use super::feed::{Change, ChangeTypes};
use super::position::ChangePosition;
use crate::domain::api_key::{KeyId, KeyLabel};

/// A change, without the resource that it was about: no value of a contact is in the audit log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    pub change: Change,
    pub actor: Actor,
    /// `X-Request-Id`. Of an import, that of the request that committed or undid it.
    pub request_id: String,
}

/// The key with which a change was asked for.
#[derive(Clone, Debug)]
pub struct Actor {
    pub key: KeyId,
    pub label: Option<KeyLabel>,
}

#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// `None`: from the last change on.
    pub before: Option<ChangePosition>,
    /// The resource; of a change of members, the group or the contact.
    pub about: Option<Uuid>,
    pub key: Option<KeyId>,
    pub types: ChangeTypes,
    pub limit: u64,
}

/// Newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    pub entries: Vec<AuditEntry>,
    /// Where older entries are that have not been looked at. `None`: there are none.
    pub next: Option<ChangePosition>,
}
