//! Executes the commands of a group in one transaction, kind by kind: each kind as a set.
//!
//! All commands of a group are concurrent, so their order is free. It is: creates of contacts, updates and deletions of
//! contacts, changes of members, opt-outs. On PostgreSQL, that is also the **order of locks**: handles of new contacts,
//! contacts by key, members, opt-outs by number; then, by the [writer](super::write::writer), idempotency keys, counters
//! and the head of the change log. (Changes of members lock their groups and contacts in one more order, and are in groups
//! of their own.)

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::cache::contacts::ContactCache;
use super::change_set::ChangeSet;
use super::contacts::commands::{self as contacts, Create, Edit, EditKind, Edited, Rename};
use super::db::transaction::Transaction;
use super::entity::idempotency_key::{Recorded, Reference};
use super::groups::{self, MembersCommand};
use super::opt_outs;
use super::write::command::{Action, Command, Outcome, Outcomes};
use super::write::contact_quota::ContactQuota;
use super::write::idempotency::EarlierRequests;
use super::write::writer::Writer;
use crate::domain::{ErrorCode, Result};

/// The implementation of [`Execute`](super::write::group_commit::Execute).
pub(super) fn execute(
    transaction: &Transaction,
    group: Vec<Arc<Command>>,
    writer: Writer,
) -> BoxFuture<'_, Result<(Outcomes, ChangeSet)>> {
    Box::pin(async move { Group::new(&group).execute(transaction, &writer).await })
}

/// Whether the same request may have created the contact before.
fn may_be_done(outcome: Option<&Result<Outcome>>) -> bool {
    let Some(Err(error)) = outcome else { return false };
    matches!(error.code(), ErrorCode::HandleTaken | ErrorCode::ContactQuota)
}

/// The commands of a group, with the outcomes that they have so far.
struct Group<'c> {
    commands: &'c [Arc<Command>],
    outcomes: Outcomes,
    change_set: ChangeSet,
}

impl<'c> Group<'c> {
    fn new(commands: &'c [Arc<Command>]) -> Self {
        let outcomes = commands.iter().map(|_| None).collect();
        Self { commands, outcomes, change_set: ChangeSet::default() }
    }

    async fn execute(mut self, transaction: &Transaction, writer: &Writer) -> Result<(Outcomes, ChangeSet)> {
        let ttl = writer.idempotency_ttl();
        self.replay(transaction, ttl, |outcome| outcome.is_none()).await?;
        self.create_contacts(transaction, writer.contact_quota()).await?;
        // A handle, or the last room in an account, may be taken by the same request, sent through another instance, whose
        // transaction has recorded the key.
        self.replay(transaction, ttl, may_be_done).await?;
        self.edit_contacts(transaction, writer.cache()).await?;
        self.change_members(transaction).await?;
        self.create_opt_outs(transaction).await?;
        self.delete_opt_outs(transaction).await?;
        self.record();
        Ok((self.outcomes, self.change_set))
    }

    /// The commands of a kind that have no outcome yet, and their places.
    fn select<T>(&self, kind: impl Fn(&'c Command) -> Option<T>) -> (Vec<usize>, Vec<T>) {
        let commands = self.commands.iter().enumerate().filter(|(place, _)| self.outcomes[*place].is_none());
        commands.filter_map(|(place, command)| Some((place, kind(command)?))).unzip()
    }

    fn set(&mut self, places: Vec<usize>, outcomes: impl IntoIterator<Item = Option<Result<Outcome>>>) {
        for (place, outcome) in places.into_iter().zip(outcomes) {
            self.outcomes[place] = outcome;
        }
    }

    /// Of the commands with such an outcome, those whose idempotency keys have been used get theirs from the earlier
    /// requests.
    async fn replay(
        &mut self,
        transaction: &Transaction,
        idempotency_ttl: Duration,
        is_asked: fn(Option<&Result<Outcome>>) -> bool,
    ) -> Result<()> {
        let asked = self.commands.iter().zip(&self.outcomes).enumerate();
        let (places, requests): (Vec<_>, Vec<_>) = asked
            .filter(|(_, (_, outcome))| is_asked(outcome.as_ref()))
            .filter_map(|(place, (command, _))| {
                Some((place, (command.account(), command.idempotent.as_ref()?)))
            })
            .unzip();
        let earlier = EarlierRequests::find(transaction, &requests, idempotency_ttl).await?;
        for (place, (account, request)) in places.into_iter().zip(requests) {
            if let Some(recorded) = earlier.replay(account, request).transpose() {
                let reference = recorded.and_then(Recorded::into_resource);
                self.outcomes[place] = Some(reference.map(Outcome::Replayed));
            }
        }
        Ok(())
    }

    async fn create_contacts(&mut self, transaction: &Transaction, quota: &ContactQuota) -> Result<()> {
        let (places, creates) = self.select(|command| match &command.action {
            Action::CreateContact(contact) => Some(Create { context: &command.context, contact }),
            _ => None,
        });
        let created = contacts::create(transaction, &creates, quota, &mut self.change_set).await?;
        self.set(places, created.into_iter().map(|contact| Some(contact.map(Outcome::Contact))));
        Ok(())
    }

    async fn edit_contacts(&mut self, transaction: &Transaction, cache: Option<&ContactCache>) -> Result<()> {
        let rename = if self.commands.len() == 1 { Rename::Allowed } else { Rename::Postponed };
        let (places, edits) = self.select(|command| {
            let (key, precondition, kind) = match &command.action {
                Action::UpdateContact { key, patch, precondition, now } => {
                    (key, precondition, EditKind::Update { patch, now: *now, rename })
                }
                Action::DeleteContact { key, precondition } => (key, precondition, EditKind::Delete),
                _ => return None,
            };
            Some(Edit { context: &command.context, key, precondition, kind })
        });
        let edited = contacts::edit(transaction, &edits, cache, &mut self.change_set).await?;
        let outcomes = edited.into_iter().map(|edited| match edited {
            Ok(Edited::Updated(contact) | Edited::Unchanged(contact)) => Some(Ok(Outcome::Contact(contact))),
            Ok(Edited::Deleted) => Some(Ok(Outcome::Deleted)),
            Ok(Edited::Postponed) => None,
            Err(error) => Some(Err(error)),
        });
        self.set(places, outcomes);
        Ok(())
    }

    async fn change_members(&mut self, transaction: &Transaction) -> Result<()> {
        let (places, changes) = self.select(|command| match &command.action {
            Action::ChangeMembers { group, changes } => {
                Some(MembersCommand { context: &command.context, group, changes })
            }
            _ => None,
        });
        let changed = groups::change(transaction, &changes, &mut self.change_set).await?;
        self.set(places, changed.into_iter().map(|changed| Some(changed.map(Outcome::Members))));
        Ok(())
    }

    async fn create_opt_outs(&mut self, transaction: &Transaction) -> Result<()> {
        let (places, creates) = self.select(|command| match &command.action {
            Action::CreateOptOut(opt_out) => Some((&command.context, opt_out)),
            _ => None,
        });
        let created = opt_outs::create(transaction, &creates, &mut self.change_set).await?;
        self.set(places, created.into_iter().map(|result| Some(Ok(Outcome::OptOut(result)))));
        Ok(())
    }

    async fn delete_opt_outs(&mut self, transaction: &Transaction) -> Result<()> {
        let (places, deletes) = self.select(|command| match &command.action {
            Action::DeleteOptOut(key) => Some((&command.context, key)),
            _ => None,
        });
        let deleted = opt_outs::delete(transaction, &deletes, &mut self.change_set).await?;
        self.set(places, deleted.into_iter().map(|deleted| Some(deleted.map(|()| Outcome::Deleted))));
        Ok(())
    }

    /// Records what the idempotent requests created. A request that failed does not use up its key.
    fn record(&mut self) {
        for (command, outcome) in self.commands.iter().zip(&self.outcomes) {
            let Some(request) = &command.idempotent else { continue };
            let reference = match outcome {
                Some(Ok(Outcome::Contact(contact))) => Reference::created(contact.id.as_uuid()),
                Some(Ok(Outcome::OptOut(result))) => {
                    Reference { id: result.opt_out.id.as_uuid(), is_new: result.is_new }
                }
                _ => continue,
            };
            self.change_set.record(command.account(), request.clone(), Recorded::Resource(reference));
        }
    }
}
