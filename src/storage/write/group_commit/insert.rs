//! How a group is stored: at once where it can be, else in a transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use super::queue::{Create, Outcome, Place, Waiting};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::{AccountId, Contact, ContactId, ContactKey, Error, Result, Timestamp};
use crate::storage::cache::contacts::Change;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup;
use crate::storage::db::contact_rows::Given;
use crate::storage::db::counters;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::Reference;
use crate::storage::write::idempotency::{self, Found};
use crate::storage::write::writer::{Done, Failure, Writer};

/// Whether one statement stores a group, and is a transaction by itself (triggers count what it stores): one way
/// to the connection's thread, and not three.
pub(super) fn is_one_statement(writer: &Writer, group: &[Waiting]) -> bool {
    writer.connection().get_database_backend() == DbBackend::Sqlite && is_plain(group)
}

/// Whether all of a group may be tried again by anybody.
pub(super) fn is_plain(group: &[Waiting]) -> bool {
    group.iter().all(|waiting| waiting.create.is_plain())
}

/// What is to be created.
pub(super) fn creates_of(group: &[Waiting]) -> Vec<Arc<Create>> {
    group.iter().map(|waiting| Arc::clone(&waiting.create)).collect()
}

/// Stores a group in a turn of its own; answers what became of each, in order, once that is durable.
pub(super) async fn store(
    writer: &Writer,
    place: Place,
    group: Vec<Arc<Create>>,
) -> Result<Vec<Outcome>, Failure> {
    writer
        .transact(move |transaction| {
            Box::pin(async move {
                let group = freshen(group);
                let outcomes = in_turn(transaction, place, &group).await?;
                let changes = changes(&group, &outcomes);
                Ok((outcomes, changes))
            })
        })
        .await
}

/// Stores a group with one statement; see [`is_one_statement`]. Answers the ids of those whose handle was free.
pub(super) async fn at_once(
    connection: &Connection,
    group: &[Arc<Create>],
) -> Result<HashSet<Uuid>, Failure> {
    let creates: Vec<&Create> = group.iter().map(AsRef::as_ref).collect();
    insert_all(connection, &creates).await
}

/// What became of each of a group that [`at_once`] has stored, and what memory has to know of it.
pub(super) fn done(group: &[Arc<Create>], stored: &HashSet<Uuid>) -> Done<Vec<Outcome>> {
    let outcomes = outcomes(group, stored, HashMap::new());
    let changes = changes(group, &outcomes);
    (outcomes, changes)
}

/// The age from which on the time of a change is taken anew; well below what a transaction may have.
const FRESH: Duration = Duration::from_millis(500);

/// Creates that have not waited for long. Those that have count as changed now: their time must not be long past
/// when they become visible. (That of their creation stays: it is in their id.)
pub(super) fn freshen(mut group: Vec<Arc<Create>>) -> Vec<Arc<Create>> {
    let now = Timestamp::now();
    for create in &mut group {
        if now.since(create.contact.updated_at) > FRESH {
            let contact = Contact { updated_at: now, ..create.contact.as_ref().clone() };
            let Create { account, contact: _, attempt } = create.as_ref();
            let attempt = attempt.clone();
            *create = Arc::new(Create { account: *account, contact: Arc::new(contact), attempt });
        }
    }
    group
}

fn changes(group: &[Arc<Create>], outcomes: &[Outcome]) -> Vec<Change> {
    let is_new = |outcome: &Outcome| matches!(outcome, Ok(None | Some(Created { replayed: false, .. })));
    let made = group.iter().zip(outcomes).filter(|(_, outcome)| is_new(outcome));
    puts(made.map(|(create, _)| create))
}

/// What memory has to know of contacts that are new.
pub(super) fn puts<'c>(creates: impl Iterator<Item = &'c Arc<Create>>) -> Vec<Change> {
    let put = |create: &Arc<Create>| Change::Put {
        account: create.account,
        contact: Arc::clone(&create.contact),
        was: None,
    };
    creates.map(put).collect()
}

/// What became of each: it was stored, or had another outcome, or its handle was taken.
fn outcomes(
    group: &[Arc<Create>],
    stored: &HashSet<Uuid>,
    mut others: HashMap<Uuid, Outcome>,
) -> Vec<Outcome> {
    let mut outcome = |create: &Arc<Create>| {
        let id = create.contact.id.as_uuid();
        if stored.contains(&id) {
            // Who asked for it has the time that it came with.
            let contact = &create.contact;
            let is_fresh = contact.updated_at == contact.created_at;
            return Ok((!is_fresh).then(|| Created { made: contact.as_ref().clone(), replayed: false }));
        }
        others.remove(&id).unwrap_or_else(|| Err(Error::handle_taken()))
    };
    group.iter().map(&mut outcome).collect()
}

/// Stores a group within a transaction.
///
/// Whatever is in a group, its locks are taken in one order, or two groups would wait for each other's rows:
/// idempotency keys, then contacts by their handles, then counters by account.
async fn in_turn(transaction: &Transaction, place: Place, group: &[Arc<Create>]) -> Result<Vec<Outcome>> {
    let mut earlier: HashMap<Uuid, Outcome> = HashMap::new();
    for (create, attempt) in by_key(group) {
        let id = create.contact.id.as_uuid();
        match reserve(transaction, create, attempt, place.ttl).await {
            Ok(None) => {}
            Ok(made) => drop(earlier.insert(id, Ok(made))),
            // One's own fault; a fault of the database is everybody's.
            Err(error) if error.code().row().status < 500 => drop(earlier.insert(id, Err(error))),
            Err(error) => return Err(error),
        }
    }
    let mut new: Vec<&Create> = group.iter().map(AsRef::as_ref).collect();
    new.retain(|create| !earlier.contains_key(&create.contact.id.as_uuid()));
    new.sort_by_key(|create| (create.account.get(), create.contact.handle.as_str()));
    let stored = insert_all(transaction, &new).await?;
    let mut counts: BTreeMap<i64, (AccountId, i64)> = BTreeMap::new();
    for create in new {
        if stored.contains(&create.contact.id.as_uuid()) {
            counts.entry(create.account.get()).or_insert((create.account, 0)).1 += 1;
        } else if let Some(attempt) = &create.attempt {
            // What failed is not remembered.
            idempotency::forget(transaction, create.account, attempt).await?;
        }
    }
    for (account, by) in counts.into_values() {
        counters::add_contacts(transaction, account, place.shard, by).await?;
    }
    Ok(outcomes(group, &stored, earlier))
}

/// Creates under an idempotency key, in the order of their keys.
fn by_key(group: &[Arc<Create>]) -> Vec<(&Create, &IdempotentRequest)> {
    let keyed = group.iter().filter_map(|create| Some((create.as_ref(), create.attempt.as_ref()?)));
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_by_key(|(create, attempt)| (create.account.get(), attempt.operation, attempt.key.as_str()));
    keyed
}

/// Notes the attempt of a create. `None` where it is the first of its key, or the earlier outcome.
async fn reserve(
    transaction: &Transaction,
    create: &Create,
    attempt: &IdempotentRequest,
    ttl: Duration,
) -> Outcome {
    let reference = Reference::to_new(create.contact.id.as_uuid());
    match idempotency::note(transaction, create.account, attempt, Some(reference), ttl).await? {
        Found::First => Ok(None),
        Found::Made(Reference { id, is_new: _ }) => {
            let key = ContactKey::Id(ContactId::from_uuid(id));
            let found = contact_lookup::find(transaction, create.account, &key, false).await;
            Created::replay(found, "contact").map(Some)
        }
    }
}

/// Stores contacts; answers the ids of those whose handle was free. (Nobody else writes contacts of these ids:
/// those that are there were stored by this, within a transaction or not.)
async fn insert_all(connection: &impl ConnectionTrait, group: &[&Create]) -> Result<HashSet<Uuid>, Failure> {
    if group.is_empty() {
        return Ok(HashSet::new());
    }
    let given = Given::new(group.iter().map(|create| (create.account, create.contact.as_ref())));
    let given = given.map_err(Failure::BeforeCommit)?;
    if given.store(connection).await.map_err(|error| Failure::of_statement(&error))? {
        return Ok(group.iter().map(|create| create.contact.id.as_uuid()).collect());
    }
    Ok(given.stored(connection).await.map_err(Failure::AtCommit)?.into_iter().collect())
}
