//! The quota of contacts: how many an account may have.
//!
//! **No commit adds contacts beyond the quota**, whichever requests, transactions and instances create them at the same time.
//! The statement that advances the counter of contacts checks it (see [`super::counters`]), while it holds the counter until
//! the commit; so below the quota, it costs no statement. The same statement reads the limit that operators have set for the
//! account, if there is one: a new limit holds for every transaction that begins after it is committed.
//!
//! A transaction that it rejects is run again. Its account is then watched: creates read the counter first, and those for
//! which there is no room fail, each alone. The counter is read without a lock, in the order of locks of all writes: what
//! others create meanwhile makes the transaction run again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr};

use crate::domain::account::limits::AccountLimit;
use crate::domain::{AccountId, Result};
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::account_limits;
use crate::storage::db::counters::CONTACTS;
use crate::storage::entity::counter::{Column, Entity};
use crate::storage::error::{is_over_quota, no_row};

/// With more room than that, an account is not watched any more: no transaction creates so many contacts.
const AMPLE: u64 = 10_000;

/// Shared by all writers of the process.
#[derive(Clone, Debug)]
pub(crate) struct ContactQuota {
    /// Of an account that has none of its own; `None` for any number.
    limit: Option<u64>,
    /// A hint: an account that is missing costs a transaction that is run twice, one too many a statement.
    watched: Arc<Mutex<HashSet<AccountId>>>,
}

impl ContactQuota {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { limit, watched: Arc::default() }
    }

    /// What a change adds to a counter, for the statement that inserts it; NULL, which the column rejects, if that alone is
    /// beyond the quota.
    pub(super) fn checked_change(&self, counters: &'static str) -> Expr {
        let amount = Expr::col((counters, Column::Amount));
        // Every quota is at least 1: a single create needs no look-up.
        let is_allowed = Expr::col((counters, Column::Counted))
            .ne(CONTACTS)
            .or(amount.clone().lte(1))
            .or(amount.clone().lte(self.of(Expr::col((counters, Column::AccountId)))));
        Expr::case(is_allowed, amount).into()
    }

    /// The counter after a change, for the statement that advances it; NULL, which the column rejects, if that would be beyond
    /// the quota.
    pub(super) fn checked_sum(&self, sum: Expr) -> Expr {
        let is_allowed = Expr::col((Entity, Column::Counted))
            .ne(CONTACTS)
            .or(Expr::cust("excluded.amount <= 0"))
            .or(sum.clone().lte(self.of(Expr::col((Entity, Column::AccountId)))));
        Expr::case(is_allowed, sum).into()
    }

    /// The quota of an account.
    fn of(&self, account: Expr) -> Expr {
        let usual = self.limit.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        account_limits::or_usual(account, AccountLimit::Contacts, usual)
    }

    /// Watches the accounts in which a change set that was rejected creates contacts.
    pub(super) fn watch_if_exceeded(&self, error: &DbErr, change_set: &ChangeSet) {
        if !is_over_quota(error) {
            return;
        }
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
        let accounts: BTreeSet<AccountId> = {
            let watched = self.lock();
            if watched.is_empty() {
                return Ok(BTreeMap::new());
            }
            accounts.filter(|account| watched.contains(account)).collect()
        };
        let mut rooms = BTreeMap::new();
        for account in accounts {
            let room = self.room_in(connection, account).await?;
            if room > AMPLE {
                self.lock().remove(&account);
            } else {
                rooms.insert(account, room);
            }
        }
        Ok(rooms)
    }

    async fn room_in(&self, connection: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
        let contacts = Query::select()
            .column(Column::Amount)
            .from(Entity)
            .and_where(Column::AccountId.eq(account.get()))
            .and_where(Column::Counted.eq(CONTACTS))
            .to_owned();
        let limits = Query::select().expr(self.of(Expr::val(account.get()))).expr(contacts).to_owned();
        let row = connection.query_one(&limits).await?.ok_or_else(no_row)?;
        let (limit, contacts): (i64, Option<i64>) = row.try_get_many_by_index()?;
        Ok(u64::try_from(limit.saturating_sub(contacts.unwrap_or(0))).unwrap_or(0))
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
