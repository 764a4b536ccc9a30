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
use crate::storage::db::batched_replies::{self, ReplyReceiver, ReplySender};
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_rows::{self, ContactKeyPair};

/// How many statements are under way at the same time. With one, two clients wait for each other; with
/// more, groups are smaller and cost more.
const MAX_CONCURRENT_READS: usize = 2;

/// Most gets in a group.
const MAX_BATCH_SIZE: usize = 128;

/// Where gets wait.
#[derive(Clone)]
pub(crate) struct ReadBatcher(Arc<Shared>);

struct Shared {
    reader: Connection,
    cache: Option<ContactCache>,
    acquire_timeout: Duration,
    /// Where groups are read: those who wait are on several threads, and each may end first.
    runtime: Handle,
    queue: Mutex<Queue>,
}

struct Queue {
    /// Those that are free.
    free_permits: usize,
    /// Nobody, while a turn is free.
    waiting: Vec<WaitingRead>,
}

/// A get that waits for its group.
struct WaitingRead {
    key: ContactKeyPair,
    reply: ReplySender<Result<Arc<Contact>>>,
}

/// The contacts that there are. One that cannot be read is nobody's fault but its own.
type FoundContacts = HashMap<ContactKeyPair, Result<Arc<Contact>>>;

impl ReadBatcher {
    /// `acquire_timeout` is how long a get waits for its group. To be called within the runtime that groups are
    /// read on.
    pub(crate) fn new(reader: Connection, cache: Option<ContactCache>, acquire_timeout: Duration) -> Self {
        let queue = Mutex::new(Queue { free_permits: MAX_CONCURRENT_READS, waiting: Vec::new() });
        Self(Arc::new(Shared { reader, cache, acquire_timeout, runtime: Handle::current(), queue }))
    }

    /// A contact as the database has it.
    pub(crate) async fn get(&self, key: ContactKeyPair) -> Result<Contact> {
        let contact = match ReadPermit::take(&self.0, key) {
            Ok(permit) => reply_for(&permit.read_one(key).await, key)?,
            Err(receiver) => {
                tokio::time::timeout(self.0.acquire_timeout, receiver.receive()).await.map_err(
                    |_| Error::caused_by(ErrorCode::Unavailable, "another read is taking too long"),
                )???
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
struct ReadPermit(Arc<Shared>);

impl Drop for ReadPermit {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.waiting.retain(|waiting| !waiting.reply.is_closed());
        if queue.waiting.is_empty() {
            queue.free_permits += 1;
            return;
        }
        let size = queue.waiting.len().min(MAX_BATCH_SIZE);
        let batch = queue.waiting.drain(..size).collect();
        drop(queue);
        drop(self.0.runtime.spawn(Self(Arc::clone(&self.0)).read_batch(batch)));
    }
}

impl ReadPermit {
    /// A free turn; or else what becomes of a get that waits.
    fn take(
        shared: &Arc<Shared>,
        key: ContactKeyPair,
    ) -> std::result::Result<Self, ReplyReceiver<Result<Arc<Contact>>>> {
        let mut queue = shared.queue();
        if let Some(free) = queue.free_permits.checked_sub(1) {
            queue.free_permits = free;
            return Ok(Self(Arc::clone(shared)));
        }
        let (reply, receiver) = batched_replies::channel();
        queue.waiting.push(WaitingRead { key, reply });
        Err(receiver)
    }

    /// Not by way of another thread where that can be helped; see [`super::handle::Database::read`].
    async fn read_one(self, key: ContactKeyPair) -> Result<FoundContacts> {
        if self.0.reader.get_database_backend() == DbBackend::Sqlite {
            return self.read(&[key]).await;
        }
        let runtime = self.0.runtime.clone();
        let read = runtime.spawn(async move { self.read(&[key]).await });
        read.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
    }

    async fn read_batch(self, group: Vec<WaitingRead>) {
        let keys: Vec<ContactKeyPair> = group.iter().map(|waiting| waiting.key).collect();
        let found = self.read(&keys).await;
        batched_replies::send_all(
            group.into_iter().map(|WaitingRead { key, reply }| (reply, reply_for(&found, key))),
        );
    }

    /// The turn ends when the database has answered: the next group need not wait for what is made of
    /// that.
    async fn read(self, keys: &[ContactKeyPair]) -> Result<FoundContacts> {
        let shared = Arc::clone(&self.0);
        let read_version = shared.cache.as_ref().map(|cache| (cache, cache.read_version()));
        let rows = contact_rows::find_by_keys(&shared.reader, keys).await;
        drop(self);
        let found = rows?.into_iter().map(|row| {
            let key = (AccountId::new(row.account_id), ContactId::from_uuid(row.id));
            let contact = Contact::try_from(row).map(Arc::new);
            if let (Some((cache, read_version)), Ok(contact)) = (read_version, &contact) {
                cache.insert_if_current(read_version, key.0, [contact.as_ref()]);
            }
            (key, contact)
        });
        Ok(found.collect())
    }
}

/// What one of a group is answered.
fn reply_for(found: &Result<FoundContacts>, key: ContactKeyPair) -> Result<Arc<Contact>> {
    match found.as_ref().map(|found| found.get(&key)) {
        Ok(Some(Ok(contact))) => Ok(Arc::clone(contact)),
        Ok(None) => Err(ErrorCode::NotFound.into()),
        Ok(Some(Err(error))) | Err(error) => Err(Error::caused_by(error.code(), error.cause())),
    }
}
