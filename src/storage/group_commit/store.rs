//! How a group is stored: at once where it can be, else in a transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use super::{Create, Outcome, Place};
use crate::domain::idempotency::Created;
use crate::domain::{AccountId, Error, Result};
use crate::storage::attempts::{self, Found};
use crate::storage::cache::Change;
use crate::storage::connection::Connection;
use crate::storage::contact_changes::count;
use crate::storage::entity::idempotency_key::Snapshot;
use crate::storage::rows::Given;
use crate::storage::transaction::Transaction;
use crate::storage::writer::{Done, Failure, Writer};

/// Stores a group; answers what became of each, in order, once that is durable.
pub(super) async fn store(
    writer: &Writer,
    place: Place,
    group: Vec<Arc<Create>>,
) -> Result<Vec<Outcome>, Failure> {
    let connection = writer.connection();
    if connection.get_database_backend() == DbBackend::Sqlite && group.iter().all(|create| create.is_plain())
    {
        return writer.at_once(&puts(group.iter()), at_once(connection, &group)).await;
    }
    writer
        .transact(move |transaction| {
            Box::pin(async move { Ok(done(&group, in_turn(transaction, place, &group).await?)) })
        })
        .await
}

/// What became of each, and what memory has to know of it.
fn done(group: &[Arc<Create>], outcomes: Vec<Outcome>) -> Done<Vec<Outcome>> {
    let made = group.iter().zip(&outcomes).filter(|(_, outcome)| matches!(outcome, Ok(None)));
    let changes = puts(made.map(|(create, _)| create));
    (outcomes, changes)
}

fn puts<'c>(creates: impl Iterator<Item = &'c Arc<Create>>) -> Vec<Change> {
    let put = |create: &Arc<Create>| Change::Put {
        account: create.account,
        contact: Arc::clone(&create.contact),
        was: None,
    };
    creates.map(put).collect()
}

/// With one statement, which on SQLite is a transaction by itself (triggers count what it stores): one way to
/// the connection's thread, and not three.
async fn at_once(connection: &Connection, group: &[Arc<Create>]) -> Result<Done<Vec<Outcome>>, Failure> {
    let creates: Vec<&Create> = group.iter().map(AsRef::as_ref).collect();
    let stored = insert_all(connection, &creates).await?;
    Ok(done(group, outcomes(group, &stored, HashMap::new())))
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
            return Ok(None);
        }
        others.remove(&id).unwrap_or_else(|| Err(Error::handle_taken()))
    };
    group.iter().map(&mut outcome).collect()
}

async fn in_turn(transaction: &Transaction, place: Place, group: &[Arc<Create>]) -> Result<Vec<Outcome>> {
    let (plain, tried): (Vec<&Create>, Vec<&Create>) =
        group.iter().map(AsRef::as_ref).partition(|create| create.is_plain());
    let mut stored = insert_all(transaction, &plain).await?;
    let mut earlier: HashMap<Uuid, Outcome> = HashMap::new();
    for create in tried {
        let id = create.contact.id.as_uuid();
        match try_once(transaction, create, place.ttl).await {
            Ok(None) => drop(stored.insert(id)),
            Ok(made) => drop(earlier.insert(id, Ok(made))),
            // One's own fault; a fault of the database is everybody's.
            Err(error) if error.code().row().status < 500 => drop(earlier.insert(id, Err(error))),
            Err(error) => return Err(error),
        }
    }
    let mut counts: BTreeMap<i64, (AccountId, i64)> = BTreeMap::new();
    for create in group.iter().filter(|create| stored.contains(&create.contact.id.as_uuid())) {
        counts.entry(create.account.get()).or_insert((create.account, 0)).1 += 1;
    }
    for (account, by) in counts.into_values() {
        count(transaction, account, place.shard, by).await?;
    }
    Ok(outcomes(group, &stored, earlier))
}

/// One create under an idempotency key. `None` where it was stored, the earlier outcome where it was
/// not the first of its key.
async fn try_once(transaction: &Transaction, create: &Create, ttl: Duration) -> Outcome {
    let Some(attempt) = &create.attempt else { return Ok(None) };
    let snapshot = Snapshot::from(create.contact.as_ref());
    match attempts::note(transaction, create.account, attempt, Some(&snapshot), ttl).await? {
        Found::Made(snapshot) => {
            let snapshot: Snapshot = attempts::read(&snapshot)?;
            Ok(Some(Created { made: snapshot.try_into()?, replayed: true }))
        }
        Found::Taken => Err(Error::handle_taken()),
        Found::First => {
            if insert_all(transaction, &[create]).await?.is_empty() {
                attempts::note_outcome::<Snapshot>(transaction, create.account, attempt, None).await?;
                return Err(Error::handle_taken());
            }
            Ok(None)
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
