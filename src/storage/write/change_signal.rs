//! Notifies the subscribers to the changes of an account.
//!
//! Within the process, each commit signals the accounts that it changed. Commits of other instances are found by
//! `storage::changes::poll`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::domain::AccountId;
use crate::domain::change::ChangeSubscription;
use crate::storage::change_set::ChangeSet;

#[derive(Clone, Default)]
pub(crate) struct ChangeSignal {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The accounts with subscribers.
    waiting: Mutex<HashMap<AccountId, Waiting>>,
    /// The size of the map: a commit without subscribers takes no lock.
    accounts: AtomicUsize,
    /// There is an account again.
    first: Notify,
}

struct Waiting {
    sender: watch::Sender<()>,
    /// See [`ChangeSignal::turn`].
    turns: Arc<Semaphore>,
}

/// How many subscribers of one account read at the same time.
const TURNS: usize = 4;

impl Default for Waiting {
    fn default() -> Self {
        Self { sender: watch::Sender::new(()), turns: Arc::new(Semaphore::new(TURNS)) }
    }
}

impl Inner {
    fn with_waiting<T>(&self, work: impl FnOnce(&mut HashMap<AccountId, Waiting>) -> T) -> T {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut waiting);
        self.accounts.store(waiting.len(), Ordering::SeqCst);
        result
    }
}

impl ChangeSignal {
    /// What is committed from now on wakes the subscription.
    pub(crate) fn subscribe(&self, account: AccountId) -> Subscription {
        let receiver =
            self.inner.with_waiting(|waiting| waiting.entry(account).or_default().sender.subscribe());
        self.inner.first.notify_one();
        Subscription { account, receiver: Some(receiver), inner: Arc::clone(&self.inner) }
    }

    /// The right of a subscriber to read, until it is dropped. Thousands that are woken at once would else queue for
    /// connections, where they exceed the time that a request may wait, and hold up the other requests of the account.
    pub(crate) async fn turn(&self, account: AccountId) -> Option<OwnedSemaphorePermit> {
        let turns =
            self.inner.with_waiting(|waiting| waiting.get(&account).map(|it| Arc::clone(&it.turns)))?;
        turns.acquire_owned().await.ok()
    }

    /// To be called after the commit.
    pub(crate) fn publish(&self, change_set: &ChangeSet) {
        // A subscriber that is not counted yet reads after this commit.
        if self.inner.accounts.load(Ordering::SeqCst) == 0 {
            return;
        }
        self.inner.with_waiting(|waiting| {
            let mut last = None;
            for change in &change_set.changes {
                let account = change.account();
                if last.replace(account) != Some(account)
                    && let Some(Waiting { sender, .. }) = waiting.get(&account)
                {
                    sender.send_replace(());
                }
            }
        });
    }

    /// As [`Self::publish`], for a commit of another instance.
    pub(crate) fn wake(&self, account: AccountId) {
        self.inner.with_waiting(|waiting| {
            if let Some(Waiting { sender, .. }) = waiting.get(&account) {
                sender.send_replace(());
            }
        });
    }

    /// The accounts with subscribers; waits until there is one.
    pub(crate) async fn accounts(&self) -> Vec<AccountId> {
        loop {
            let accounts: Vec<_> = self.inner.with_waiting(|waiting| waiting.keys().copied().collect());
            if !accounts.is_empty() {
                return accounts;
            }
            self.inner.first.notified().await;
        }
    }
}

pub(crate) struct Subscription {
    account: AccountId,
    /// `None` only while it is dropped.
    receiver: Option<watch::Receiver<()>>,
    inner: Arc<Inner>,
}

#[async_trait]
impl ChangeSubscription for Subscription {
    async fn changed(&mut self) {
        // The sender lives as long as a receiver does.
        if let Some(receiver) = &mut self.receiver {
            drop(receiver.changed().await);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.inner.with_waiting(|waiting| {
            drop(self.receiver.take());
            if let Entry::Occupied(account) = waiting.entry(self.account)
                && account.get().sender.receiver_count() == 0
            {
                account.remove();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::RequestContext;
    use crate::domain::api_key::KeyId;
    use crate::domain::opt_out::OptOutId;
    use crate::storage::change_set::ChangeKind;

    async fn is_woken(subscription: &mut Subscription) -> bool {
        tokio::time::timeout(Duration::from_millis(20), subscription.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn a_commit_wakes_the_subscribers_of_its_accounts_once() {
        let signal = ChangeSignal::default();
        let (one, other) = (AccountId::new(1), AccountId::new(2));
        let commit = || {
            let context = RequestContext::new(one, KeyId::from_stored("test".to_owned()), "test");
            ChangeSet::of(&context, ChangeKind::OptOutDeleted(OptOutId::generate().0))
        };
        signal.publish(&commit());
        let mut first = signal.subscribe(one);
        assert!(!is_woken(&mut first).await, "by a commit before it");
        let (mut second, mut third) = (signal.subscribe(one), signal.subscribe(other));
        signal.publish(&commit());
        assert!(is_woken(&mut first).await && is_woken(&mut second).await);
        assert!(!is_woken(&mut first).await && !is_woken(&mut third).await);
        // Between two calls, too.
        signal.wake(other);
        assert!(is_woken(&mut third).await);
        drop((first, third));
        assert_eq!(signal.accounts().await, [one]);
        drop(second);
        assert_eq!(signal.inner.accounts.load(Ordering::SeqCst), 0);
    }
}
