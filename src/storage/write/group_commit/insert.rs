//! Stores a group: with one autocommit statement where possible, else in a transaction.

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

/// Whether one statement stores the group as a transaction of its own (triggers update the counters): one
/// thread hop to the connection instead of three.
pub(super) fn can_autocommit(writer: &Writer, group: &[PendingCreate]) -> bool {
    writer.connection().get_database_backend() == DbBackend::Sqlite && has_no_idempotency_key(group)
}

/// Whether no create of the group has to be recorded under an idempotency key.
pub(super) fn has_no_idempotency_key(group: &[PendingCreate]) -> bool {
    group.iter().all(|pending| pending.create.has_no_idempotency_key())
}

pub(super) fn creates_of(group: &[PendingCreate]) -> Vec<Arc<Create>> {
    group.iter().map(|pending| Arc::clone(&pending.create)).collect()
}

/// Stores a group in a transaction of its own. Returns the outcome of each create, in order, once it is
/// durable.
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

/// Stores a group with one statement; see [`can_autocommit`]. Returns the ids of the creates whose handle was
/// free.
pub(super) async fn insert_autocommit(
    connection: &Connection,
    group: &[Arc<Create>],
) -> Result<HashSet<Uuid>, WriteError> {
    let creates: Vec<&Create> = group.iter().map(AsRef::as_ref).collect();
    insert_all(connection, &creates).await
}

/// The outcomes of a group that [`insert_autocommit`] has stored, and the changes to publish.
pub(super) fn autocommit_output(
    group: &[Arc<Create>],
    stored: &HashSet<Uuid>,
) -> WriteOutput<Vec<CreateOutcome>> {
    let outcomes = outcomes(group, stored, HashMap::new());
    let changes = changes(group, &outcomes);
    (outcomes, changes)
}

/// Age at which a timestamp is renewed; well below the writer's `MAX_TIMESTAMP_AGE`.
const REFRESH_TIMESTAMP_AFTER: Duration = Duration::from_millis(500);

/// Renews `updated_at` of creates that have waited long: it must not be long past when they become visible.
/// (`created_at` stays: it is part of the id.)
pub(super) fn refresh_timestamps(mut group: Vec<Arc<Create>>) -> Vec<Arc<Create>> {
    let now = Timestamp::now();
    for create in &mut group {
        if now.since(create.contact.updated_at) > REFRESH_TIMESTAMP_AFTER {
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
    let created = group.iter().zip(outcomes).filter(|(_, outcome)| is_new(outcome));
    put_changes(created.map(|(create, _)| create))
}

/// The changes of new contacts.
pub(super) fn put_changes<'c>(creates: impl Iterator<Item = &'c Arc<Create>>) -> Vec<Change> {
    let put = |create: &Arc<Create>| Change::Put {
        account: create.account,
        contact: Arc::clone(&create.contact),
        old_handle: None,
    };
    creates.map(put).collect()
}

/// Each create was stored, or resolved before, or its handle is taken.
fn outcomes(
    group: &[Arc<Create>],
    stored: &HashSet<Uuid>,
    mut resolved: HashMap<Uuid, CreateOutcome>,
) -> Vec<CreateOutcome> {
    let mut outcome = |create: &Arc<Create>| {
        let id = create.contact.id.as_uuid();
        if stored.contains(&id) {
            // The request has its own copy of an unchanged contact.
            let contact = &create.contact;
            let is_unchanged = contact.updated_at == contact.created_at;
            return Ok(
                (!is_unchanged).then(|| Created { resource: contact.as_ref().clone(), replayed: false })
            );
        }
        resolved.remove(&id).unwrap_or_else(|| Err(Error::handle_taken()))
    };
    group.iter().map(&mut outcome).collect()
}

/// Stores a group within a transaction.
///
/// **Lock order**, so that groups do not deadlock: idempotency keys, contacts by handle, counters by account.
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
            Ok(created) => drop(resolved.insert(id, Ok(created))),
            // A client error fails one create, any other error the whole group.
            Err(error) if error.is_client_error() => drop(resolved.insert(id, Err(error))),
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
            // A failed create does not use up its idempotency key.
            idempotency::delete(transaction, create.account, request).await?;
        }
    }
    for (account, delta) in counts.into_values() {
        counters::add_contacts(transaction, account, settings.shard, delta).await?;
    }
    Ok(outcomes(group, &stored, resolved))
}

/// The creates with an idempotency key, in the order of their keys.
fn in_key_order(group: &[Arc<Create>]) -> Vec<(&Create, &IdempotentRequest)> {
    let keyed = group.iter().filter_map(|create| Some((create.as_ref(), create.request.as_ref()?)));
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_by_key(|(create, request)| (create.account.get(), request.operation, request.key.as_str()));
    keyed
}

/// Reserves a create's idempotency key. `None` if it is the first request with the key, else what the first
/// one created.
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

/// Inserts contacts; returns the ids of those whose handle was free. (The ids are new: rows with them were
/// inserted by this call, whether or not in a transaction.)
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
