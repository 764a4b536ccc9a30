//! How a group is stored: at once where it can be, else in a transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use super::queue::{CommitSettings, Create, CreateOutcome, PendingCreate};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, Error, Result, Timestamp};
use crate::storage::cache::contacts::Change;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup;
use crate::storage::db::contact_rows::ContactBatch;
use crate::storage::db::counters;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::Reference;
use crate::storage::write::idempotency::{self, Reservation};
use crate::storage::write::writer::{WriteError, WriteOutput, Writer};

/// Whether one statement stores a group, and is a transaction by itself (triggers count what it stores): one way
/// to the connection's thread, and not three.
pub(super) fn can_autocommit(writer: &Writer, group: &[PendingCreate]) -> bool {
    writer.connection().get_database_backend() == DbBackend::Sqlite && has_no_idempotency_key(group)
}

/// Whether all of a group may be tried again by anybody.
pub(super) fn has_no_idempotency_key(group: &[PendingCreate]) -> bool {
    group.iter().all(|pending| pending.create.has_no_idempotency_key())
}

/// What is to be created.
pub(super) fn creates_of(group: &[PendingCreate]) -> Vec<Arc<Create>> {
    group.iter().map(|pending| Arc::clone(&pending.create)).collect()
}

/// Stores a group in a turn of its own; answers what became of each, in order, once that is durable.
pub(super) async fn commit(
    writer: &Writer,
    settings: CommitSettings,
    group: Vec<Arc<Create>>,
) -> Result<Vec<CreateOutcome>, WriteError> {
    writer
        .transact(move |transaction| {
            Box::pin(async move {
                let group = refresh_timestamps(group);
                let outcomes = insert_in_transaction(transaction, settings, &group).await?;
                let changes = changes(&group, &outcomes);
                Ok((outcomes, changes))
            })
        })
        .await
}

/// Stores a group with one statement; see [`can_autocommit`]. Answers the ids of those whose handle was free.
pub(super) async fn insert_autocommit(
    connection: &Connection,
    group: &[Arc<Create>],
) -> Result<HashSet<Uuid>, WriteError> {
    let creates: Vec<&Create> = group.iter().map(AsRef::as_ref).collect();
    insert_all(connection, &creates).await
}

/// What became of each of a group that [`insert_autocommit`] has stored, and what memory has to know of it.
pub(super) fn autocommit_output(
    group: &[Arc<Create>],
    stored: &HashSet<Uuid>,
) -> WriteOutput<Vec<CreateOutcome>> {
    let outcomes = outcomes(group, stored, HashMap::new());
    let changes = changes(group, &outcomes);
    (outcomes, changes)
}

/// The age from which on the time of a change is taken anew; well below what a transaction may have.
const MAX_TIMESTAMP_AGE: Duration = Duration::from_millis(500);

/// Creates that have not waited for long. Those that have count as changed now: their time must not be long past
/// when they become visible. (That of their creation stays: it is in their id.)
pub(super) fn refresh_timestamps(mut group: Vec<Arc<Create>>) -> Vec<Arc<Create>> {
    let now = Timestamp::now();
    for create in &mut group {
        if now.since(create.contact.updated_at) > MAX_TIMESTAMP_AGE {
            let contact = Contact { updated_at: now, ..create.contact.as_ref().clone() };
            let Create { account, contact: _, request } = create.as_ref();
            let request = request.clone();
            *create = Arc::new(Create { account: *account, contact: Arc::new(contact), request });
        }
    }
    group
}

fn changes(group: &[Arc<Create>], outcomes: &[CreateOutcome]) -> Vec<Change> {
    let is_new =
        |outcome: &CreateOutcome| matches!(outcome, Ok(None | Some(Created { replayed: false, .. })));
    let made = group.iter().zip(outcomes).filter(|(_, outcome)| is_new(outcome));
    put_changes(made.map(|(create, _)| create))
}

/// What memory has to know of contacts that are new.
pub(super) fn put_changes<'c>(creates: impl Iterator<Item = &'c Arc<Create>>) -> Vec<Change> {
    let put = |create: &Arc<Create>| Change::Put {
        account: create.account,
        contact: Arc::clone(&create.contact),
        old_handle: None,
    };
    creates.map(put).collect()
}

/// What became of each: it was stored, or had another outcome, or its handle was taken.
fn outcomes(
    group: &[Arc<Create>],
    stored: &HashSet<Uuid>,
    mut resolved: HashMap<Uuid, CreateOutcome>,
) -> Vec<CreateOutcome> {
    let mut outcome = |create: &Arc<Create>| {
        let id = create.contact.id.as_uuid();
        if stored.contains(&id) {
            // Who asked for it has the time that it came with.
            let contact = &create.contact;
            let is_unchanged = contact.updated_at == contact.created_at;
            return Ok((!is_unchanged).then(|| Created { made: contact.as_ref().clone(), replayed: false }));
        }
        resolved.remove(&id).unwrap_or_else(|| Err(Error::handle_taken()))
    };
    group.iter().map(&mut outcome).collect()
}

/// Stores a group within a transaction.
///
/// Whatever is in a group, its locks are taken in one order, or two groups would wait for each other's rows:
/// idempotency keys, then contacts by their handles, then counters by account.
async fn insert_in_transaction(
    transaction: &Transaction,
    settings: CommitSettings,
    group: &[Arc<Create>],
) -> Result<Vec<CreateOutcome>> {
    let mut resolved: HashMap<Uuid, CreateOutcome> = HashMap::new();
    for (create, request) in in_key_order(group) {
        let id = create.contact.id.as_uuid();
        match reserve(transaction, create, request, settings.idempotency_ttl).await {
            Ok(None) => {}
            Ok(made) => drop(resolved.insert(id, Ok(made))),
            // One's own fault; a fault of the database is everybody's.
            Err(error) if error.code().row().status < 500 => drop(resolved.insert(id, Err(error))),
            Err(error) => return Err(error),
        }
    }
    let mut new: Vec<&Create> = group.iter().map(AsRef::as_ref).collect();
    new.retain(|create| !resolved.contains_key(&create.contact.id.as_uuid()));
    new.sort_by_key(|create| (create.account.get(), create.contact.handle.as_str()));
    let stored = insert_all(transaction, &new).await?;
    let mut counts: BTreeMap<i64, (AccountId, i64)> = BTreeMap::new();
    for create in new {
        if stored.contains(&create.contact.id.as_uuid()) {
            counts.entry(create.account.get()).or_insert((create.account, 0)).1 += 1;
        } else if let Some(request) = &create.request {
            // What failed is not remembered.
            idempotency::delete(transaction, create.account, request).await?;
        }
    }
    for (account, delta) in counts.into_values() {
        counters::add_contacts(transaction, account, settings.shard, delta).await?;
    }
    Ok(outcomes(group, &stored, resolved))
}

/// Creates under an idempotency key, in the order of their keys.
fn in_key_order(group: &[Arc<Create>]) -> Vec<(&Create, &IdempotentRequest)> {
    let keyed = group.iter().filter_map(|create| Some((create.as_ref(), create.request.as_ref()?)));
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_by_key(|(create, request)| (create.account.get(), request.operation, request.key.as_str()));
    keyed
}

/// Notes the attempt of a create. `None` where it is the first of its key, or the earlier outcome.
async fn reserve(
    transaction: &Transaction,
    create: &Create,
    request: &IdempotentRequest,
    ttl: Duration,
) -> CreateOutcome {
    let reference = Reference::created(create.contact.id.as_uuid());
    match idempotency::reserve(transaction, create.account, request, Some(reference), ttl).await? {
        Reservation::Reserved => Ok(None),
        Reservation::Replay(Reference { id, is_new: _ }) => {
            let key = ContactKey::Id(ContactId::from_uuid(id));
            let found = contact_lookup::find(transaction, create.account, &key, false).await;
            Created::replay(found, "contact").map(Some)
        }
    }
}

/// Stores contacts; answers the ids of those whose handle was free. (Nobody else writes contacts of these ids:
/// those that are there were stored by this, within a transaction or not.)
async fn insert_all(
    connection: &impl ConnectionTrait,
    group: &[&Create],
) -> Result<HashSet<Uuid>, WriteError> {
    if group.is_empty() {
        return Ok(HashSet::new());
    }
    let batch = ContactBatch::new(group.iter().map(|create| (create.account, create.contact.as_ref())));
    let batch = batch.map_err(WriteError::NotCommitted)?;
    if batch.insert(connection).await.map_err(WriteError::from_statement)? {
        return Ok(group.iter().map(|create| create.contact.id.as_uuid()).collect());
    }
    Ok(batch.inserted_ids(connection).await.map_err(WriteError::CommitUnknown)?.into_iter().collect())
}
