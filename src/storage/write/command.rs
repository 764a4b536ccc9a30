//! The commands that share transactions: one creates, updates or deletes a contact, an opt-out, or members of a group.
//!
//! Plain data: [`crate::storage::commands`] executes them.

use std::sync::Arc;

use crate::domain::group::{GroupKey, MemberChange, MemberOp, MembersChanged};
use crate::domain::idempotency::IdempotentRequest;
use crate::domain::opt_out::OptOutResult;
use crate::domain::precondition::Precondition;
use crate::domain::{
    AccountId, Contact, ContactKey, ContactPatch, Error, ErrorCode, OptOut, OptOutKey, RequestContext,
    Result, Timestamp,
};
use crate::storage::entity::idempotency_key::Reference;

#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) context: Arc<RequestContext>,
    /// Of a create.
    pub(crate) idempotent: Option<IdempotentRequest>,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    CreateContact(Arc<Contact>),
    UpdateContact { key: ContactKey, patch: ContactPatch, precondition: Precondition, now: Timestamp },
    DeleteContact { key: ContactKey, precondition: Precondition },
    ChangeMembers { group: GroupKey, changes: Vec<MemberChange> },
    CreateOptOut(OptOut),
    DeleteOptOut(OptOutKey),
}

/// What a command did, once it is durable.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The contact as it was created, or is after an update.
    Contact(Arc<Contact>),
    Members(MembersChanged),
    OptOut(OptOutResult),
    Deleted,
    /// An earlier request with the same idempotency key created this.
    Replayed(Reference),
}

/// The result of each command of a group, in order. `None`: it was not executed, and has to be executed alone.
pub(crate) type Outcomes = Vec<Option<Result<Outcome>>>;

impl Outcome {
    /// A bug: commands of this kind have another outcome.
    pub(crate) fn unexpected(&self) -> Error {
        Error::caused_by(ErrorCode::Internal, "a command had the outcome of one of another kind")
    }
}

impl Command {
    pub(crate) fn account(&self) -> AccountId {
        self.context.account()
    }

    /// Whether it only deletes: on a full disk it may use the disk reserve.
    pub(crate) fn is_deletion(&self) -> bool {
        match &self.action {
            Action::DeleteContact { .. } | Action::DeleteOptOut(_) => true,
            Action::ChangeMembers { group: _, changes } => {
                changes.iter().all(|change| change.op == MemberOp::Remove)
            }
            Action::CreateContact(_) | Action::UpdateContact { .. } | Action::CreateOptOut(_) => false,
        }
    }

    /// Changes of members lock contacts by another order than other commands do: on PostgreSQL they would deadlock with
    /// each other, and have groups of their own.
    pub(crate) fn changes_members(&self) -> bool {
        matches!(self.action, Action::ChangeMembers { .. })
    }

    /// How many rows it may change.
    pub(crate) fn weight(&self) -> usize {
        match &self.action {
            Action::ChangeMembers { group: _, changes } => changes.len(),
            _ => 1,
        }
    }
}
