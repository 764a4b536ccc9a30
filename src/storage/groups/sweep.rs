//! Clears away what deleted groups leave, so that a deletion is quick however large the group is.
//!
//! A group without a name was deleted. Its members go a stretch at a time, with pauses in which others
//! can write; the row goes last. Whatever interrupts this, the row is still there, and the next start
//! goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement, Value};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::domain::{Error, Result};
use crate::storage::error::to_domain;
use crate::storage::json::Words;
use crate::storage::transaction::Transaction;
use crate::storage::writer::Writer;

/// Most members that go in one transaction.
const STRETCH: u32 = 5_000;

/// Shortest pause between two transactions. Usually they take longer: then the pause is as long.
const PAUSE: Duration = Duration::from_millis(10);

/// How often it is looked without being told to: another instance may have been ended over its work.
const EVERY: Duration = Duration::from_secs(60);

/// The task that does it.
#[derive(Debug)]
pub(in crate::storage) struct Sweeper {
    wake: Arc<Notify>,
    task: AbortHandle,
}

impl Sweeper {
    pub(in crate::storage) fn start(writer: Writer) -> Self {
        let wake = Arc::<Notify>::default();
        let task = tokio::spawn(sweep(writer, Arc::clone(&wake))).abort_handle();
        Self { wake, task }
    }

    /// To be called after a deletion.
    pub(in crate::storage) fn wake(&self) {
        self.wake.notify_one();
    }

    /// To be called before the database is closed. What is left is there at the next start.
    pub(in crate::storage) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn sweep(writer: Writer, wake: Arc<Notify>) {
    loop {
        if let Err(error) = clear(&writer).await {
            tracing::warn!(reason = error.cause(), "what deleted groups left could not be cleared away");
        }
        drop(tokio::time::timeout(EVERY, wake.notified()).await);
    }
}

/// Clears until nothing is left.
async fn clear(writer: &Writer) -> Result<()> {
    loop {
        let began = Instant::now();
        let step = writer.transact(|transaction| {
            Box::pin(async move { Ok((clear_some(transaction).await?, Vec::new())) })
        });
        if !step.await.map_err(Error::from)? {
            return Ok(());
        }
        tokio::time::sleep(began.elapsed().max(PAUSE)).await;
    }
}

/// Clears one stretch, and the group if it was the last; answers whether there was anything to do. What
/// another instance is at work on is left to it.
async fn clear_some(transaction: &Transaction) -> Result<bool> {
    let words = Words::of(transaction);
    let backend = transaction.get_database_backend();
    let skip = words.lock("FOR UPDATE SKIP LOCKED");
    let sql = format!("SELECT account_id, id FROM groups WHERE name IS NULL LIMIT 1 {skip}");
    let found = transaction.query_one_raw(Statement::from_string(backend, sql)).await;
    let Some(row) = found.map_err(|error| to_domain(&error))? else { return Ok(false) };
    let account: i64 = row.try_get("", "account_id").map_err(|error| to_domain(&error))?;
    let group: Uuid = row.try_get("", "id").map_err(|error| to_domain(&error))?;

    let values = || -> [Value; 2] { [account.into(), group.into()] };
    let of_group = "FROM members WHERE account_id = $1 AND group_id = $2";
    // Members whose contact is being deleted are passed over: they go by themselves.
    let stretch = format!("SELECT contact_id {of_group} ORDER BY contact_id LIMIT {STRETCH} {skip}");
    let members = format!("DELETE {of_group} AND contact_id {}", words.one_of(&stretch));
    if words.execute(transaction, members, values()).await? < u64::from(STRETCH) {
        // In the order of the index, or PostgreSQL might look for one that is not there in all members.
        let gone = format!("(SELECT contact_id {of_group} ORDER BY contact_id LIMIT 1) IS NULL");
        let group = format!("DELETE FROM groups WHERE account_id = $1 AND id = $2 AND {gone}");
        if words.execute(transaction, group, values()).await? > 0 {
            let tally = "DELETE FROM tallies WHERE account_id = $1 AND of_id = $2".to_owned();
            words.execute(transaction, tally, values()).await?;
        }
    }
    Ok(true)
}
