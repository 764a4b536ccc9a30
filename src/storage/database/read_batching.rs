//! Group read: gets that wait at the same time share one statement.
//!
//! Who finds a free turn reads at once, alone. While none is free the next group gathers, and is read as
//! soon as a turn ends; nobody waits for a group to fill up. A get joins a group before its statement
//! begins and never after: it sees every write that was acknowledged before it was asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};
use tokio::runtime::Handle;

use crate::domain::{AccountId, Contact, ContactId, Error, ErrorCode, Result};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::db::batched_replies::{self, Answer, Answered};
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_rows::{self, Key};

/// How many statements are under way at the same time. With one, two clients wait for each other; with
/// more, groups are smaller and cost more.
const TURNS: usize = 2;

/// Most gets in a group.
const MOST: usize = 128;

/// Where gets wait.
#[derive(Clone)]
pub(crate) struct GroupRead(Arc<Shared>);

struct Shared {
    reader: Connection,
    cache: Option<ContactCache>,
    patience: Duration,
    /// Where groups are read: those who wait are on several threads, and each may end first.
    runtime: Handle,
    queue: Mutex<Queue>,
}

struct Queue {
    /// Those that are free.
    turns: usize,
    /// Nobody, while a turn is free.
    waiting: Vec<Waiting>,
}

/// A get that waits for its group.
struct Waiting {
    key: Key,
    answer: Answer<Result<Arc<Contact>>>,
}

/// The contacts that there are. One that cannot be read is nobody's fault but its own.
type Found = HashMap<Key, Result<Arc<Contact>>>;

impl GroupRead {
    /// `patience` is how long a get waits for its group. To be called within the runtime that groups are
    /// read on.
    pub(crate) fn new(reader: Connection, cache: Option<ContactCache>, patience: Duration) -> Self {
        let queue = Mutex::new(Queue { turns: TURNS, waiting: Vec::new() });
        Self(Arc::new(Shared { reader, cache, patience, runtime: Handle::current(), queue }))
    }

    /// A contact as the database has it.
    pub(crate) async fn get(&self, key: Key) -> Result<Contact> {
        let contact = match Turn::take(&self.0, key) {
            Ok(turn) => one_of(&turn.alone(key).await, key)?,
            Err(answered) => {
                tokio::time::timeout(self.0.patience, answered.get()).await.map_err(|_| {
                    Error::caused_by(ErrorCode::Unavailable, "another read is taking too long")
                })???
            }
        };
        Ok(Arc::unwrap_or_clone(contact))
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to run one statement. However it ends, those who wait have it next.
struct Turn(Arc<Shared>);

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.waiting.retain(|waiting| !waiting.answer.is_closed());
        if queue.waiting.is_empty() {
            queue.turns += 1;
            return;
        }
        let most = queue.waiting.len().min(MOST);
        let group = queue.waiting.drain(..most).collect();
        drop(queue);
        drop(self.0.runtime.spawn(Self(Arc::clone(&self.0)).group(group)));
    }
}

impl Turn {
    /// A free turn; or else what becomes of a get that waits.
    fn take(shared: &Arc<Shared>, key: Key) -> std::result::Result<Self, Answered<Result<Arc<Contact>>>> {
        let mut queue = shared.queue();
        if let Some(left) = queue.turns.checked_sub(1) {
            queue.turns = left;
            return Ok(Self(Arc::clone(shared)));
        }
        let (answer, answered) = batched_replies::answer();
        queue.waiting.push(Waiting { key, answer });
        Err(answered)
    }

    /// Not by way of another thread where that can be helped; see [`super::handle::Database::read`].
    async fn alone(self, key: Key) -> Result<Found> {
        if self.0.reader.get_database_backend() == DbBackend::Sqlite {
            return self.read(&[key]).await;
        }
        let runtime = self.0.runtime.clone();
        let read = runtime.spawn(async move { self.read(&[key]).await });
        read.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
    }

    async fn group(self, group: Vec<Waiting>) {
        let keys: Vec<Key> = group.iter().map(|waiting| waiting.key).collect();
        let found = self.read(&keys).await;
        batched_replies::send(group.into_iter().map(|Waiting { key, answer }| (answer, one_of(&found, key))));
    }

    /// The turn ends when the database has answered: the next group need not wait for what is made of
    /// that.
    async fn read(self, keys: &[Key]) -> Result<Found> {
        let shared = Arc::clone(&self.0);
        let moment = shared.cache.as_ref().map(|cache| (cache, cache.moment()));
        let rows = contact_rows::these(&shared.reader, keys).await;
        drop(self);
        let found = rows?.into_iter().map(|row| {
            let key = (AccountId::new(row.account_id), ContactId::from_uuid(row.id));
            let contact = Contact::try_from(row).map(Arc::new);
            if let (Some((cache, moment)), Ok(contact)) = (moment, &contact) {
                cache.keep(moment, key.0, [contact.as_ref()]);
            }
            (key, contact)
        });
        Ok(found.collect())
    }
}

/// What one of a group is answered.
fn one_of(found: &Result<Found>, key: Key) -> Result<Arc<Contact>> {
    match found.as_ref().map(|found| found.get(&key)) {
        Ok(Some(Ok(contact))) => Ok(Arc::clone(contact)),
        Ok(None) => Err(ErrorCode::NotFound.into()),
        Ok(Some(Err(error))) | Err(error) => Err(Error::caused_by(error.code(), error.cause())),
    }
}
