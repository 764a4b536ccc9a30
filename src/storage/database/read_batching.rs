//! Read batching: concurrent reads of single contacts share one statement.
//!
//! A read that gets a permit runs at once, alone. Without a permit it joins the next batch, which runs as
//! soon as a permit is released; no batch waits to fill up. A read joins a batch before its statement begins
//! and never after: it sees every write that was acknowledged before the request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::domain::{AccountId, Contact, ContactId, Error, ErrorCode, Result};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_rows::{self, ContactKeyPair};

/// Maximum number of concurrent statements. With one, two clients wait for each other; with more, batches are
/// smaller and cost more.
const MAX_CONCURRENT_READS: usize = 2;

const MAX_BATCH_SIZE: usize = 128;

#[derive(Clone)]
pub(crate) struct ReadBatcher(Arc<Shared>);

struct Shared {
    reader: Connection,
    cache: Option<ContactCache>,
    acquire_timeout: Duration,
    /// Runs the batches: the callers are on several threads, each of which may end first.
    runtime: Handle,
    queue: Mutex<Queue>,
}

struct Queue {
    free_permits: usize,
    /// Empty while a permit is free.
    waiting: Vec<WaitingRead>,
}

struct WaitingRead {
    key: ContactKeyPair,
    reply: oneshot::Sender<Result<Arc<Contact>>>,
}

/// The contacts that exist. An unreadable row fails its own read only.
type FoundContacts = HashMap<ContactKeyPair, Result<Arc<Contact>>>;

impl ReadBatcher {
    /// `acquire_timeout` limits the wait for a batch. To be called within the runtime that batches run on.
    pub(crate) fn new(reader: Connection, cache: Option<ContactCache>, acquire_timeout: Duration) -> Self {
        let queue = Mutex::new(Queue { free_permits: MAX_CONCURRENT_READS, waiting: Vec::new() });
        Self(Arc::new(Shared { reader, cache, acquire_timeout, runtime: Handle::current(), queue }))
    }

    pub(crate) async fn get(&self, key: ContactKeyPair) -> Result<Contact> {
        let contact = match ReadPermit::take(&self.0, key) {
            Ok(permit) => reply_for(&permit.read_one(key).await, key)?,
            Err(receiver) => {
                let reply = tokio::time::timeout(self.0.acquire_timeout, receiver).await.map_err(|_| {
                    Error::caused_by(ErrorCode::Unavailable, "another read is taking too long")
                })?;
                reply.map_err(|error| Error::caused_by(ErrorCode::Internal, error))??
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

/// Permit for one statement. When dropped, it passes to the waiting reads.
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
    /// A permit if one is free, else the receiver of a batched reply.
    fn take(
        shared: &Arc<Shared>,
        key: ContactKeyPair,
    ) -> std::result::Result<Self, oneshot::Receiver<Result<Arc<Contact>>>> {
        let mut queue = shared.queue();
        if let Some(free) = queue.free_permits.checked_sub(1) {
            queue.free_permits = free;
            return Ok(Self(Arc::clone(shared)));
        }
        let (reply, receiver) = oneshot::channel();
        queue.waiting.push(WaitingRead { key, reply });
        Err(receiver)
    }

    /// Without a thread hop where possible; see [`super::handle::Database::read`].
    async fn read_one(self, key: ContactKeyPair) -> Result<FoundContacts> {
        if self.0.reader.get_database_backend() == DbBackend::Sqlite {
            return self.read(&[key]).await;
        }
        let runtime = self.0.runtime.clone();
        let read = runtime.spawn(async move { self.read(&[key]).await }.in_current_span());
        read.await.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?
    }

    async fn read_batch(self, batch: Vec<WaitingRead>) {
        let keys: Vec<ContactKeyPair> = batch.iter().map(|waiting| waiting.key).collect();
        let found = self.read(&keys).await;
        for WaitingRead { key, reply } in batch {
            // The caller may have gone.
            drop(reply.send(reply_for(&found, key)));
        }
    }

    /// Releases the permit when the database has answered: the next batch need not wait for the decoding.
    async fn read(self, keys: &[ContactKeyPair]) -> Result<FoundContacts> {
        let shared = Arc::clone(&self.0);
        let versioned_cache = shared.cache.as_ref().map(|cache| (cache, cache.read_version()));
        let rows = contact_rows::find_by_keys(&shared.reader, keys).await;
        drop(self);
        let found = rows?.into_iter().map(|row| {
            let key = (AccountId::new(row.account_id), ContactId::from_uuid(row.id));
            let contact = Contact::try_from(row).map(Arc::new);
            if let (Some((cache, read_version)), Ok(contact)) = (versioned_cache, &contact) {
                cache.insert_if_current(read_version, key.0, [contact.as_ref()]);
            }
            (key, contact)
        });
        Ok(found.collect())
    }
}

fn reply_for(found: &Result<FoundContacts>, key: ContactKeyPair) -> Result<Arc<Contact>> {
    match found.as_ref().map(|found| found.get(&key)) {
        Ok(Some(Ok(contact))) => Ok(Arc::clone(contact)),
        Ok(None) => Err(Error::no_such("contact")),
        Ok(Some(Err(error))) | Err(error) => Err(Error::caused_by(error.code(), error.cause())),
    }
}
