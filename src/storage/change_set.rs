//! Change sets: what a write changed, and on whose behalf. The one description of a write from which its counters, its
//! rows in the change log and the updates of the cache are derived.

use std::sync::Arc;

use uuid::Uuid;

use super::entity::idempotency_key::Recorded;
use crate::domain::change::ChangeType;
use crate::domain::group::GroupId;
use crate::domain::idempotency::IdempotentRequest;
use crate::domain::{AccountId, Contact, ContactId, OptOutId, RequestContext, Timestamp};

/// In the order in which the changes were applied; committed as a whole or not at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeSet {
    pub(crate) changes: Vec<Change>,
    /// The idempotent requests that the changes carry out.
    pub(crate) idempotency_records: Vec<IdempotencyRecord>,
}

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) context: Arc<RequestContext>,
    pub(crate) kind: ChangeKind,
}

#[derive(Clone, Debug)]
pub(crate) enum ChangeKind {
    ContactCreated(Arc<Contact>),
    ContactUpdated {
        before: Arc<Contact>,
        after: Arc<Contact>,
    },
    /// The contact as it was.
    ContactDeleted(Arc<Contact>),
    MemberAdded {
        group: GroupId,
        contact: ContactId,
    },
    MemberRemoved {
        group: GroupId,
        contact: ContactId,
    },
    /// A deleted contact was in the group. Counted, but not logged: the deletion of the contact is.
    MembershipEnded {
        group: GroupId,
    },
    OptOutCreated(OptOutId),
    OptOutDeleted(OptOutId),
    /// Of a group or a template, which are stored alike.
    Named {
        event: ChangeType,
        id: Uuid,
        version: i64,
        fields: Vec<&'static str>,
        /// The counter of such resources, and what the change adds to it.
        counted: Option<(Uuid, i64)>,
    },
}

/// What an idempotent request did.
#[derive(Clone, Debug)]
pub(crate) struct IdempotencyRecord {
    pub(crate) account: AccountId,
    pub(crate) request: IdempotentRequest,
    pub(crate) recorded: Recorded,
}

impl ChangeSet {
    /// One change.
    pub(crate) fn of(context: &Arc<RequestContext>, kind: ChangeKind) -> Self {
        let mut changes = Self::default();
        changes.push(context, kind);
        changes
    }

    pub(crate) fn push(&mut self, context: &Arc<RequestContext>, kind: ChangeKind) {
        self.changes.push(Change { context: Arc::clone(context), kind });
    }

    /// Records what an idempotent request did.
    pub(crate) fn record(&mut self, account: AccountId, request: IdempotentRequest, recorded: Recorded) {
        self.idempotency_records.push(IdempotencyRecord { account, request, recorded });
    }

    /// The oldest timestamp that it gives a contact.
    pub(crate) fn oldest_timestamp(&self) -> Option<Timestamp> {
        let updated_at = |change: &Change| match &change.kind {
            ChangeKind::ContactCreated(contact) | ChangeKind::ContactUpdated { after: contact, .. } => {
                Some(contact.updated_at)
            }
            _ => None,
        };
        self.changes.iter().filter_map(updated_at).min()
    }
}

impl Change {
    pub(crate) fn account(&self) -> AccountId {
        self.context.account()
    }
}
