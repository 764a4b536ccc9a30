//! A list of contacts of any length as a stream of pages, each of them a short read: no connection and no transaction is held
//! while the consumer is busy, and memory is bounded by two pages.

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use super::database::handle::Database;
use super::db::connection::Connection;
use crate::domain::{Contact, ContactId, Result};

/// Contacts per page: enough to make the round trip negligible, few enough to leave the connection to other
/// requests in between.
const MAX_PAGE_SIZE: u64 = 1_000;

/// Target size of a page in bytes: while a client reads slowly, two pages stay in memory.
const TARGET_PAGE_BYTES: usize = 128 * 1024;

/// Size of the first page, before the size of a contact is known.
const INITIAL_PAGE_SIZE: u64 = 8;

/// Estimated size of a contact without its `meta`.
const CONTACT_BYTES: usize = 200;

/// An item of the list.
pub(in crate::storage) trait Item: Send + 'static {
    fn contact(&self) -> &Contact;

    /// What it has besides the contact, in bytes.
    fn extra_bytes(&self) -> usize {
        0
    }
}

/// The rest of the list behind a contact, or the list from its beginning; at most this many items.
pub(in crate::storage) type ReadPage<T> =
    Box<dyn Fn(Connection, Option<ContactId>, u64) -> BoxFuture<'static, Result<Vec<T>>> + Send + Sync>;

/// Reads one page ahead of the consumer, up to a page without items; ends when the stream is dropped.
pub(in crate::storage) fn pages<T: Item>(
    database: &Database,
    read: ReadPage<T>,
) -> BoxStream<'static, Result<Vec<T>>> {
    let (pages, received) = mpsc::channel(1);
    database.spawn(send_pages(database.clone(), read, pages));
    stream::unfold(received, async |mut received| received.recv().await.map(|page| (page, received))).boxed()
}

/// Reads page after page, as far ahead as the channel has capacity.
async fn send_pages<T: Item>(database: Database, read: ReadPage<T>, pages: mpsc::Sender<Result<Vec<T>>>) {
    let (mut after, mut limit) = (None, INITIAL_PAGE_SIZE);
    // Capacity first, then the page: a page that is read is never held back.
    while let Ok(room) = pages.reserve().await {
        let page = database.read_bulk(|reader| read(reader, after, limit)).await;
        let last = page.as_ref().ok().and_then(|items| items.last()).map(|item| item.contact().id);
        let Some(last) = last else {
            // The end of the list, or an error to pass on.
            if page.is_err() {
                room.send(page);
            }
            return;
        };
        after = Some(last);
        if let Ok(items) = &page {
            limit = page_size(items);
        }
        room.send(page);
    }
}

/// The page size for which items of this size reach [`TARGET_PAGE_BYTES`].
fn page_size<T: Item>(items: &[T]) -> u64 {
    let bytes = |item: &T| CONTACT_BYTES + item.contact().meta.as_json().len() + item.extra_bytes();
    let bytes: usize = items.iter().map(bytes).sum();
    let size = TARGET_PAGE_BYTES * items.len() / bytes.max(1);
    u64::try_from(size).unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE)
}
