//! The quota of contacts: how many an account may have.
//!
//! **No commit adds contacts beyond the quota**, whichever requests, transactions and instances create them at the same time.
//! The statement that advances the counter of contacts checks it (see [`super::counters`]), while it holds the counter until
//! the commit; so below the quota, it costs no statement.
//!
//! A transaction that it rejects is run again. Its account is then watched: creates read the counter first, and those for
//! which there is no room fail, each alone. The counter is read without a lock, in the order of locks of all writes: what
//! others create meanwhile makes the transaction run again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ConnectionTrait, DbErr};

use crate::domain::{AccountId, Result};
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::counters::{self, CONTACTS};
use crate::storage::entity::counter::{Column, Entity};
use crate::storage::error::is_over_quota;

/// With more room than that, an account is not watched any more: no transaction creates so many contacts.
const AMPLE: u64 = 10_000;

/// Shared by all writers of the process.
#[derive(Clone, Debug)]
pub(crate) struct ContactQuota {
    /// `None`: any number.
    limit: Option<u64>,
    /// A hint: an account that is missing costs a transaction that is run twice, one too many a statement.
    watched: Arc<Mutex<HashSet<AccountId>>>,
}

impl ContactQuota {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { limit, watched: Arc::default() }
    }

    /// The counter after a change, for the statement that advances it; NULL, which the column rejects, if that would be beyond
    /// the quota.
    pub(super) fn checked(&self, sum: Expr) -> Expr {
        let Some(limit) = self.limit else { return sum };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let is_allowed = Expr::col((Entity, Column::Counted))
            .ne(CONTACTS)
            .or(Expr::cust("excluded.amount <= 0"))
            .or(sum.clone().lte(limit));
        Expr::case(is_allowed, sum).into()
    }

    /// Whether so many contacts are too many for any account, also for one without a counter.
    pub(super) fn is_exceeded_by(&self, created: i64) -> bool {
        self.limit.is_some_and(|limit| u64::try_from(created).is_ok_and(|created| created > limit))
    }

    /// Watches the accounts of a change set that was rejected.
    pub(super) fn watch_if_exceeded(&self, error: &DbErr, change_set: &ChangeSet) {
        if is_over_quota(error) {
            self.watch(change_set);
        }
    }

    /// Watches the accounts in which a change set creates contacts.
    pub(super) fn watch(&self, change_set: &ChangeSet) {
        let creates = change_set.changes.iter();
        let creates = creates.filter(|change| matches!(change.kind, ChangeKind::ContactCreated(_)));
        self.lock().extend(creates.map(|change| change.account()));
    }

    /// How many contacts may be added to the accounts that are watched, of these.
    pub(crate) async fn room(
        &self,
        connection: &impl ConnectionTrait,
        accounts: impl Iterator<Item = AccountId>,
    ) -> Result<BTreeMap<AccountId, u64>> {
        let Some(limit) = self.limit else { return Ok(BTreeMap::new()) };
        let accounts: BTreeSet<AccountId> = {
            let watched = self.lock();
            if watched.is_empty() {
                return Ok(BTreeMap::new());
            }
            accounts.filter(|account| watched.contains(account)).collect()
        };
        let mut rooms = BTreeMap::new();
        for account in accounts {
            let room = limit.saturating_sub(counters::read(connection, account, CONTACTS).await?);
            if room > AMPLE {
                self.lock().remove(&account);
            } else {
                rooms.insert(account, room);
            }
        }
        Ok(rooms)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
