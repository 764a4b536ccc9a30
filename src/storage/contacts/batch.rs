//! Batches: many creates and updates in one transaction, each kind as a set.
//!
//! Which items are creates is decided first, by one lookup of all their keys; then the **order of locks** is that of
//! [all commands](crate::storage::commands): names of new contacts, then contacts by key. What another transaction changes
//! between lookup and lock (on PostgreSQL) makes the batch run again.
//!
//! No item can fail its neighbours: a name that is taken is found before it is written.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::commands::{self, Create, Edit, EditKind, Edited, Rename};
use crate::domain::contact::batch::{Batch, BatchItem, ITEMS, ItemChange, ItemOutcome};
use crate::domain::contact::fields::Handle;
use crate::domain::precondition::Precondition;
use crate::domain::{
    AccountId, Contact, ContactId, ContactKey, ContactPatch, Error, ErrorCode, RequestContext, Result,
    Timestamp,
};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::change_set::ChangeSet;
use crate::storage::db::contact_lookup::{KeyMatch, KeyMatches};
use crate::storage::db::transaction::Transaction;
use crate::storage::error::concurrent_change;
use crate::storage::write::contact_quota::ContactQuota;
use crate::storage::write::idempotency::unreadable;

/// What an item did to which contact.
type Done = (ItemChange, Arc<Contact>);

/// A batch, with what is made of it before its transaction, for which others wait.
pub(super) struct Prepared {
    pub(super) batch: Batch,
    /// Each item as a create; empty if none can be one.
    creates: Vec<Result<Arc<Contact>>>,
}

impl Prepared {
    pub(super) fn new(batch: Batch) -> Self {
        let items = batch.items.iter().filter(|_| batch.mode.creates());
        let creates = items.map(|item| Ok(Arc::new(Contact::new(item.to_new()?)))).collect();
        Self { batch, creates }
    }
}

/// Carries out a batch.
///
/// # Errors
/// That of the first item that failed, if the batch is atomic.
pub(super) async fn apply(
    transaction: &Transaction,
    context: &Arc<RequestContext>,
    prepared: &Prepared,
    cache: Option<&ContactCache>,
    quota: &ContactQuota,
) -> Result<(Vec<ItemOutcome>, ChangeSet)> {
    let Prepared { batch, creates } = prepared;
    let mut applying =
        Applying { transaction, context, batch, results: Vec::new(), change_set: ChangeSet::default() };
    let steps = applying.plan(creates).await?;
    applying.results.resize_with(steps.len(), || None);
    let (mut creates, mut updates) = (Vec::new(), Vec::new());
    for (index, step) in steps.into_iter().enumerate() {
        match step {
            Ok(Step::Create(contact)) => creates.push((index, contact)),
            Ok(Step::Update(update)) => updates.push((index, update)),
            Err(error) => applying.results[index] = Some(Err(error)),
        }
    }
    updates.extend(applying.create(creates, quota).await?);
    applying.update(updates, cache).await?;
    applying.finish()
}

/// What an item is, once it is known which contacts exist.
enum Step<'b> {
    Create(Arc<Contact>),
    Update(Update<'b>),
}

struct Update<'b> {
    id: ContactId,
    /// By which the contact was found.
    key: &'b ContactKey,
    precondition: &'b Precondition,
    patch: &'b ContactPatch,
}

struct Applying<'b> {
    transaction: &'b Transaction,
    context: &'b Arc<RequestContext>,
    batch: &'b Batch,
    results: Vec<Option<Result<Done>>>,
    change_set: ChangeSet,
}

impl<'b> Applying<'b> {
    fn account(&self) -> AccountId {
        self.context.account()
    }

    /// Decides for each item whether it is a create or an update, or why it is neither. The first of several items for one
    /// contact, or with one name, counts.
    async fn plan(&self, creates: &[Result<Arc<Contact>>]) -> Result<Vec<Result<Step<'b>>>> {
        let items = &self.batch.items;
        let keys = items.iter().filter_map(|item| item.key.as_ref());
        let matches = KeyMatches::find(self.transaction, self.account(), keys).await?;
        let mut seen = Seen::default();
        let steps = items.iter().enumerate().map(|(index, item)| {
            let step = step(item, creates.get(index), &matches)?;
            seen.check(index, item, &step)?;
            Ok(step)
        });
        Ok(steps.collect())
    }

    /// Creates contacts. Returns the items that are updates after all: another transaction has just created their contacts.
    async fn create(
        &mut self,
        contacts: Vec<(usize, Arc<Contact>)>,
        quota: &ContactQuota,
    ) -> Result<Vec<(usize, Update<'b>)>> {
        let creates: Vec<_> =
            contacts.iter().map(|(_, contact)| Create { context: self.context, contact }).collect();
        let created = commands::create(self.transaction, &creates, quota, &mut self.change_set).await?;
        let (batch, mut found_later) = (self.batch, Vec::new());
        for ((index, _), created) in contacts.into_iter().zip(created) {
            let is_taken = matches!(&created, Err(error) if error.code() == ErrorCode::HandleTaken);
            match &batch.items[index].key {
                Some(key @ ContactKey::Handle(_)) if is_taken => found_later.push((index, key)),
                _ => self.results[index] = Some(created.map(|contact| (ItemChange::Created, contact))),
            }
        }
        let keys = found_later.iter().map(|(_, key)| *key);
        let matches = KeyMatches::find(self.transaction, self.account(), keys).await?;
        let update = |(index, key): (usize, &'b ContactKey)| {
            let KeyMatch::One(id) = matches.get(key) else { return Err(concurrent_change()) };
            let item = &batch.items[index];
            let (precondition, patch) = (&item.precondition, item.to_patch()?);
            Ok((index, Update { id, key, precondition, patch }))
        };
        found_later.into_iter().map(update).collect()
    }

    async fn update(
        &mut self,
        updates: Vec<(usize, Update<'b>)>,
        cache: Option<&ContactCache>,
    ) -> Result<()> {
        let holders = self.holders_of_names(&updates).await?;
        let now = Timestamp::now();
        let edit = |(_, update): &(usize, Update<'b>)| {
            let Update { id, key, precondition, patch } = *update;
            let is_taken = patch.handle.as_ref().is_some_and(|handle| {
                let holder = holders.get(&ContactKey::Handle(handle.clone()));
                matches!(holder, KeyMatch::One(holder) if holder != id)
            });
            let rename = if is_taken { Rename::Taken } else { Rename::Allowed };
            Edit { context: self.context, key, precondition, kind: EditKind::Update { patch, now, rename } }
        };
        let edits: Vec<_> = updates.iter().map(edit).collect();
        let ids = updates.iter().map(|(_, update)| Ok(update.id)).collect();
        let edited =
            commands::edit_resolved(self.transaction, &edits, ids, cache, &mut self.change_set).await;
        let edited = edited.map_err(|error| match error.code() {
            // The name was free when it was looked up.
            ErrorCode::HandleTaken => concurrent_change(),
            _ => error,
        })?;
        for ((index, update), edited) in updates.into_iter().zip(edited) {
            self.results[index] = Some(match edited {
                Ok(Edited::Updated(contact)) => Ok((ItemChange::Updated, contact)),
                Ok(Edited::Unchanged(contact)) => Ok((ItemChange::Unchanged, contact)),
                Ok(Edited::Deleted | Edited::Postponed) => {
                    Err(Error::caused_by(ErrorCode::Internal, "an update of a batch was not carried out"))
                }
                // It existed when it was looked up; an id is not looked up.
                Err(error)
                    if error.code() == ErrorCode::NotFound && !matches!(update.key, ContactKey::Id(_)) =>
                {
                    return Err(concurrent_change());
                }
                Err(error) => Err(error),
            });
        }
        Ok(())
    }

    /// Who has the names that updates give to their contacts. (A contact that is found by its name keeps it.)
    async fn holders_of_names(&self, updates: &[(usize, Update<'b>)]) -> Result<KeyMatches> {
        let names: Vec<ContactKey> = updates
            .iter()
            .filter(|(_, update)| !matches!(update.key, ContactKey::Handle(_)))
            .filter_map(|(_, update)| update.patch.handle.clone().map(ContactKey::Handle))
            .collect();
        KeyMatches::find(self.transaction, self.account(), names.iter()).await
    }

    fn finish(self) -> Result<(Vec<ItemOutcome>, ChangeSet)> {
        let Self { batch, results, change_set, .. } = self;
        let mut outcomes = Vec::with_capacity(results.len());
        for (index, result) in results.into_iter().enumerate() {
            let result = result
                .ok_or_else(|| Error::caused_by(ErrorCode::Internal, "an item of a batch has no result"))?;
            outcomes.push(match result {
                Ok((change, contact)) => {
                    let Contact { id, handle, .. } = contact.as_ref();
                    ItemOutcome::Done { change, id: *id, handle: Some(handle.clone()) }
                }
                Err(error) if batch.atomic => return Err(error.of_item(ITEMS, index)),
                Err(error) => ItemOutcome::Failed { error: (batch.render_error)(&error) },
            });
        }
        Ok((outcomes, change_set))
    }
}

/// `create` is the item as a create, if it can be one.
fn step<'b>(
    item: &'b BatchItem,
    create: Option<&Result<Arc<Contact>>>,
    matches: &KeyMatches,
) -> Result<Step<'b>> {
    let found = item.key.as_ref().map(|key| (key, matches.get(key)));
    match (found, create) {
        (Some((key, KeyMatch::One(id))), _) => {
            let (precondition, patch) = (&item.precondition, item.to_patch()?);
            Ok(Step::Update(Update { id, key, precondition, patch }))
        }
        (Some((_, KeyMatch::Several)), _) => {
            item.to_patch()?;
            Err(ErrorCode::PhoneAmbiguous.into())
        }
        (Some((_, KeyMatch::None)) | None, Some(create)) => {
            let contact = create.clone()?;
            // There is no version that it could have.
            if item.precondition != Precondition::None {
                return Err(ErrorCode::PreconditionFailed.into());
            }
            Ok(Step::Create(contact))
        }
        (Some((_, KeyMatch::None)) | None, None) => {
            item.to_patch()?;
            Err(commands::not_found())
        }
    }
}

/// The contacts and the names of the items so far, with their first items.
#[derive(Default)]
struct Seen<'b> {
    contacts: HashMap<ContactKey, usize>,
    names: HashMap<&'b Handle, usize>,
}

impl<'b> Seen<'b> {
    fn check(&mut self, index: usize, item: &'b BatchItem, step: &Step<'b>) -> Result<()> {
        let contact = match (step, &item.key) {
            (Step::Update(update), _) => ContactKey::Id(update.id),
            (Step::Create(_), Some(key)) => key.clone(),
            (Step::Create(contact), None) => ContactKey::Handle(contact.handle.clone()),
        };
        let first = *self.contacts.entry(contact).or_insert(index);
        if first != index {
            return Err(Error::duplicate_item(ITEMS, first));
        }
        let Some(name) = item.handle() else { return Ok(()) };
        let first = *self.names.entry(name).or_insert(index);
        if first == index { Ok(()) } else { Err(Error::duplicate_name(ITEMS, first)) }
    }
}

/// An [`ItemOutcome`] as it is recorded: without the name of the contact, which a copy would outlive.
#[derive(Serialize, Deserialize)]
enum StoredOutcome<'r> {
    Done(StoredChange, Uuid),
    Failed(std::borrow::Cow<'r, str>),
}

#[derive(Serialize, Deserialize)]
enum StoredChange {
    Created,
    Updated,
    Unchanged,
}

pub(super) fn encode(outcomes: &[ItemOutcome]) -> Result<Vec<u8>> {
    let stored = outcomes.iter().map(|outcome| match outcome {
        ItemOutcome::Done { change, id, handle: _ } => {
            let change = match change {
                ItemChange::Created => StoredChange::Created,
                ItemChange::Updated => StoredChange::Updated,
                ItemChange::Unchanged => StoredChange::Unchanged,
            };
            StoredOutcome::Done(change, id.as_uuid())
        }
        ItemOutcome::Failed { error } => StoredOutcome::Failed(error.as_str().into()),
    });
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| Error::caused_by(ErrorCode::Internal, error);
    let bytes = postcard::to_stdvec(&stored.collect::<Vec<_>>()).map_err(|error| failed(error.into()))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes).and_then(|()| encoder.finish()).map_err(|error| failed(error.into()))
}

fn inflate(recorded: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(recorded).read_to_end(&mut bytes).map_err(|_| unreadable())?;
    Ok(bytes)
}

/// Whether a recorded batch has created or changed one of these contacts.
pub(in crate::storage) fn has_changed(recorded: &[u8], is_one: impl Fn(Uuid) -> bool) -> Result<bool> {
    let bytes = inflate(recorded)?;
    let stored: Vec<StoredOutcome<'_>> = postcard::from_bytes(&bytes).map_err(|_| unreadable())?;
    Ok(stored.iter().any(|outcome| matches!(outcome, StoredOutcome::Done(_, id) if is_one(*id))))
}

/// The outcomes of the items of a batch that was carried out before. A name is the one that the item has sent, or unknown.
pub(super) fn decode(batch: &Batch, recorded: &[u8]) -> Result<Vec<ItemOutcome>> {
    let bytes = inflate(recorded)?;
    let stored: Vec<StoredOutcome<'_>> = postcard::from_bytes(&bytes).map_err(|_| unreadable())?;
    if stored.len() != batch.items.len() {
        return Err(unreadable());
    }
    let outcomes = stored.into_iter().zip(&batch.items).map(|(stored, item)| match stored {
        StoredOutcome::Done(change, id) => ItemOutcome::Done {
            change: match change {
                StoredChange::Created => ItemChange::Created,
                StoredChange::Updated => ItemChange::Updated,
                StoredChange::Unchanged => ItemChange::Unchanged,
            },
            id: ContactId::from_uuid(id),
            handle: item.handle().cloned(),
        },
        StoredOutcome::Failed(error) => ItemOutcome::Failed { error: error.into_owned() },
    });
    Ok(outcomes.collect())
}
