//! Finds the commits of other instances: on PostgreSQL, the last number of each account with subscribers is read at
//! intervals, with one query for all of them.
//!
//! (NOTIFY in every transaction would serialise all commits of the database, and needs a connection that a failover
//! takes away.)

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::domain::AccountId;
use crate::storage::background_task::BackgroundTask;
use crate::storage::db::connection::Connection;
use crate::storage::entity::change_head::{Column, Entity};
use crate::storage::write::change_signal::ChangeSignal;

/// How much later than its commit a change of another instance may notify the subscribers.
const INTERVAL: Duration = Duration::from_millis(100);

pub(crate) fn start(signal: ChangeSignal, reader: Connection) -> BackgroundTask {
    BackgroundTask::start(|_| async move {
        let mut known = HashMap::new();
        loop {
            let accounts = signal.accounts().await;
            known = poll(&signal, &reader, &accounts, known).await;
            tokio::time::sleep(INTERVAL).await;
        }
    })
}

/// Wakes the accounts whose number is another one than the known one. Returns the numbers.
async fn poll(
    signal: &ChangeSignal,
    reader: &Connection,
    accounts: &[AccountId],
    known: HashMap<i64, i64>,
) -> HashMap<i64, i64> {
    let ids = accounts.iter().map(|account| account.get());
    let heads = Entity::find().filter(Column::AccountId.is_in(ids)).all(reader).await;
    let heads = match heads {
        Ok(heads) => heads,
        // The next round finds what this one has missed.
        Err(error) => {
            tracing::debug!(cause = %error, "the change log could not be polled");
            return known;
        }
    };
    for head in &heads {
        if known.get(&head.account_id) != Some(&head.sequence) {
            signal.wake(AccountId::new(head.account_id));
        }
    }
    heads.into_iter().map(|head| (head.account_id, head.sequence)).collect()
}
