//! A semaphore for connections that is fair between accounts.
//!
//! In a first-come-first-served queue, an account with sixty slow requests makes all other accounts wait
//! behind them. Here each account has a queue of its own, and a free permit goes to the queues in round-robin
//! order. That alone would make a quiet account wait until a slow request ends, so a busy account also leaves
//! a share of the permits ([`RESERVED`]) to others, as long as there were requests of other accounts
//! recently.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::Error;
use tokio::sync::{Notify, oneshot};

use crate::domain::AccountId;

/// The account on whose behalf a permit is acquired; `None` for the service's own work.
pub(super) type Owner = Option<AccountId>;

/// One in so many permits is out of reach of an account that holds all others; at least one, if there are
/// several.
const RESERVED: usize = 4;

/// No share is reserved for an account without requests for so long.
const ACTIVE_WINDOW: Duration = Duration::from_secs(60);

/// The semaphore was closed.
#[derive(Debug)]
struct Closed;

#[derive(Clone, Debug)]
pub(super) struct FairSemaphore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when the last permit of a closed semaphore is returned.
    all_returned: Notify,
}

#[derive(Debug)]
struct State {
    total: usize,
    free: usize,
    closed: bool,
    /// Owners without permits are not in here.
    held: HashMap<Owner, usize>,
    /// Waiting owners, the next one first; each once.
    round_robin: VecDeque<Owner>,
    /// The queue of each waiting owner, first come first served; never empty.
    waiting: HashMap<Owner, VecDeque<oneshot::Sender<Permit>>>,
    /// The last two different owners that requested a permit, and when.
    recent: [Option<(Owner, Instant)>; 2],
}

/// How many permits there are, how many of them are held, and how many requests wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) total: usize,
    pub(super) used: usize,
    pub(super) waiting: usize,
}

/// Returned when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    owner: Owner,
    /// `None` if it was never handed over.
    shared: Option<Arc<Shared>>,
}

impl FairSemaphore {
    pub(super) fn new(total: usize) -> Self {
        let state = State {
            total,
            free: total,
            closed: false,
            held: HashMap::new(),
            round_robin: VecDeque::new(),
            waiting: HashMap::new(),
            recent: [None; 2],
        };
        Self(Arc::new(Shared { state: Mutex::new(state), all_returned: Notify::new() }))
    }

    pub(super) async fn acquire_within(&self, owner: Owner, timeout: Duration) -> Result<Permit, Error> {
        let permit = tokio::time::timeout(timeout, self.acquire(owner)).await;
        permit.map_err(|_| Error::PoolTimedOut)?.map_err(|Closed| Error::PoolClosed)
    }

    /// Waits in the owner's queue. Dropping the future leaves it.
    async fn acquire(&self, owner: Owner) -> Result<Permit, Closed> {
        let receiver = {
            let mut state = self.0.state();
            if state.closed {
                return Err(Closed);
            }
            state.record_request(owner, Instant::now());
            if state.free > 0 && !state.waiting.contains_key(&owner) && state.may_acquire(owner) {
                return Ok(state.grant(owner, &self.0));
            }
            let (sender, receiver) = oneshot::channel();
            state.enqueue(owner, sender);
            receiver
        };
        receiver.await.map_err(|_| Closed)
    }

    pub(super) fn usage(&self) -> Usage {
        let state = self.0.state();
        let waiting = state.waiting.values().flatten().filter(|waiting| !waiting.is_closed()).count();
        Usage { total: state.total, used: state.total - state.free, waiting }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.state().closed
    }

    /// Rejects waiting and new requests, and waits until all permits are returned.
    pub(super) async fn close(&self) {
        let all_returned = self.0.all_returned.notified();
        let is_idle = {
            let mut state = self.0.state();
            state.closed = true;
            state.round_robin.clear();
            state.waiting.clear();
            state.free == state.total
        };
        if !is_idle {
            all_returned.await;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record_request(&mut self, owner: Owner, now: Instant) {
        if owner.is_none() {
            return;
        }
        let [last, before] = &mut self.recent;
        if last.is_some_and(|(last, _)| last != owner) {
            *before = *last;
        }
        *last = Some((owner, now));
    }

    /// Whether another owner has requested a permit recently.
    fn has_recent_others(&self, owner: Owner) -> bool {
        self.recent.iter().flatten().any(|(other, at)| *other != owner && at.elapsed() < ACTIVE_WINDOW)
    }

    /// The service's own work is limited by the number of its tasks.
    fn may_acquire(&self, owner: Owner) -> bool {
        if owner.is_none() || self.total == 1 || !self.has_recent_others(owner) {
            return true;
        }
        let max = self.total - (self.total / RESERVED).max(1);
        self.held.get(&owner).is_none_or(|held| *held < max)
    }

    fn grant(&mut self, owner: Owner, shared: &Arc<Shared>) -> Permit {
        self.free -= 1;
        *self.held.entry(owner).or_default() += 1;
        Permit { owner, shared: Some(Arc::clone(shared)) }
    }

    fn return_permit(&mut self, owner: Owner) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(&owner) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&owner);
            }
        }
    }

    fn enqueue(&mut self, owner: Owner, sender: oneshot::Sender<Permit>) {
        let queue = self.waiting.entry(owner).or_default();
        if queue.is_empty() {
            self.round_robin.push_back(owner);
        }
        // Abandoned requests at the front are removed: the queue does not grow with them.
        while queue.front().is_some_and(oneshot::Sender::is_closed) {
            queue.pop_front();
        }
        queue.push_back(sender);
    }

    /// Grants free permits to waiting owners, in round-robin order.
    fn grant_waiting(&mut self, shared: &Arc<Shared>) {
        while self.free > 0 {
            let next = self.round_robin.iter().position(|owner| self.may_acquire(*owner));
            let Some(owner) = next.and_then(|next| self.round_robin.remove(next)) else { return };
            let Some(mut queue) = self.waiting.remove(&owner) else { continue };
            let mut permit = Some(self.grant(owner, shared));
            while let Some(offered) = permit.take() {
                let Some(sender) = queue.pop_front() else {
                    permit = Some(offered);
                    break;
                };
                permit = sender.send(offered).err();
            }
            if !queue.is_empty() {
                self.waiting.insert(owner, queue);
                self.round_robin.push_back(owner);
            }
            if let Some(mut unwanted) = permit {
                // All waiting requests were abandoned. (The permit's drop would take the lock that is held
                // here.)
                unwanted.shared = None;
                self.return_permit(owner);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let mut state = shared.state();
        state.return_permit(self.owner);
        if state.closed && state.free == state.total {
            shared.all_returned.notify_waiters();
        }
        state.grant_waiting(&shared);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt;

    use super::*;

    type Wait = Pin<Box<dyn Future<Output = Result<Permit, Closed>>>>;

    fn account(id: i64) -> Owner {
        Some(AccountId::new(id))
    }

    /// Requests a permit, and asserts that it waits.
    fn wait(semaphore: &FairSemaphore, owner: Owner) -> Wait {
        let semaphore = semaphore.clone();
        let mut wait: Wait = Box::pin(async move { semaphore.acquire(owner).await });
        assert!(wait.as_mut().now_or_never().is_none(), "it does not wait");
        wait
    }

    fn at_once(semaphore: &FairSemaphore, owner: Owner) -> Permit {
        semaphore.acquire(owner).now_or_never().expect("it waits").unwrap()
    }

    fn now(wait: &mut Wait) -> Option<Permit> {
        wait.as_mut().now_or_never().map(Result::unwrap)
    }

    #[test]
    fn accounts_are_served_round_robin() {
        let semaphore = FairSemaphore::new(1);
        let mut held = at_once(&semaphore, account(1));
        let mut busy: Vec<Wait> = (0..3).map(|_| wait(&semaphore, account(1))).collect();
        let mut quiet = wait(&semaphore, account(2));
        let mut other = wait(&semaphore, account(3));
        let mut order = Vec::new();
        for _ in 0..5 {
            drop(held);
            let next = [(1, &mut busy[0]), (2, &mut quiet), (3, &mut other)]
                .into_iter()
                .find_map(|(account, wait)| now(wait).map(|permit| (account, permit)));
            let (account, permit) = next.unwrap();
            order.push(account);
            held = permit;
            match account {
                1 => drop(busy.remove(0)),
                2 => quiet = Box::pin(std::future::pending()),
                _ => other = Box::pin(std::future::pending()),
            }
            if busy.is_empty() {
                busy.push(Box::pin(std::future::pending()));
            }
        }
        assert_eq!(order, [1, 2, 3, 1, 1]);
    }

    #[test]
    fn a_busy_account_leaves_a_share_to_others() {
        let semaphore = FairSemaphore::new(8);
        // Without requests of other accounts it may have all.
        let all: Vec<Permit> = (0..8).map(|_| at_once(&semaphore, account(1))).collect();
        drop(all);
        drop(at_once(&semaphore, account(2)));
        let max: Vec<Permit> = (0..6).map(|_| at_once(&semaphore, account(1))).collect();
        let mut further = wait(&semaphore, account(1));
        let quiet = [at_once(&semaphore, account(2)), at_once(&semaphore, account(2))];
        drop(quiet);
        assert!(now(&mut further).is_none(), "the reserved share is not granted");
        // The service's own work is not limited.
        let own = [at_once(&semaphore, None), at_once(&semaphore, None)];
        drop(own);
        drop(max);
        assert!(now(&mut further).is_some());
    }

    #[test]
    fn an_abandoned_request_keeps_no_permit() {
        let semaphore = FairSemaphore::new(1);
        let held = at_once(&semaphore, None);
        let (abandoned, mut next) = (wait(&semaphore, account(1)), wait(&semaphore, account(1)));
        let (late, mut last) = (wait(&semaphore, account(2)), wait(&semaphore, account(3)));
        drop((abandoned, late));
        drop(held);
        drop(now(&mut next).unwrap());
        drop(now(&mut last).unwrap());
        // Granted, but never received.
        let held = at_once(&semaphore, account(1));
        let handed = wait(&semaphore, account(1));
        drop(held);
        drop(handed);
        drop(at_once(&semaphore, account(1)));
        let state = semaphore.0.state();
        assert!(
            state.free == 1
                && state.held.is_empty()
                && state.waiting.is_empty()
                && state.round_robin.is_empty()
        );
    }

    #[test]
    fn close_waits_for_permits_and_rejects_requests() {
        let semaphore = FairSemaphore::new(2);
        let held = at_once(&semaphore, None);
        let (other, mut refused) = (at_once(&semaphore, account(1)), wait(&semaphore, account(1)));
        let mut closing = Box::pin(semaphore.close());
        assert!(closing.as_mut().now_or_never().is_none());
        assert!(refused.as_mut().now_or_never().unwrap().is_err());
        assert!(semaphore.acquire(None).now_or_never().unwrap().is_err());
        drop(held);
        assert!(closing.as_mut().now_or_never().is_none());
        drop(other);
        assert!(closing.as_mut().now_or_never().is_some());
    }
}
