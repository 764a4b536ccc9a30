//! A semaphore for connections that is fair between accounts.
//!
//! In a first-come-first-served queue, an account with sixty slow requests makes all other accounts wait
//! behind them. Here each account has a queue of its own, and a free permit goes to the queues in round-robin
//! order. That alone would make a quiet account wait until a slow request ends, so a busy account also leaves
//! a share of the permits ([`RESERVED`]) to others, as long as there were requests of other accounts
//! recently.
//!
//! Permits are not all that requests share: each connection in use keeps a processor busy, here and at the
//! database. Streams of any length (exports, audiences) would keep all of them busy for as long as they last, and a
//! get would wait behind them at each processor. So [`Class::Bulk`] has a small share of the permits ([`BULK`]), for
//! all accounts together. (A single stream reads one page at a time: it needs one permit.)

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
const RESERVED: usize = 2;

/// One in so many permits is for bulk reads; at least one.
const BULK: u32 = 8;

/// No share is reserved for an account without requests for so long.
const ACTIVE_WINDOW: Duration = Duration::from_secs(60);

/// What a permit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Somebody waits for the whole of it.
    Interactive,
    /// A page of a stream of any length.
    Bulk,
}

/// Who requests a permit, and what for. Each has a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    pub(super) owner: Owner,
    pub(super) class: Class,
}

impl Claim {
    /// Of the service itself.
    pub(super) const OWN: Self = Self { owner: None, class: Class::Interactive };
}

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
    held_by_bulk: usize,
    /// Claims that wait, the next one first; each once.
    round_robin: VecDeque<Claim>,
    /// The queue of each claim that waits, first come first served; never empty.
    waiting: HashMap<Claim, VecDeque<oneshot::Sender<Permit>>>,
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
    claim: Claim,
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
            held_by_bulk: 0,
            round_robin: VecDeque::new(),
            waiting: HashMap::new(),
            recent: [None; 2],
        };
        Self(Arc::new(Shared { state: Mutex::new(state), all_returned: Notify::new() }))
    }

    /// A bulk read, whose share is so much smaller, may wait so much longer.
    pub(super) async fn acquire_within(&self, claim: Claim, timeout: Duration) -> Result<Permit, Error> {
        let timeout = match claim.class {
            Class::Interactive => timeout,
            Class::Bulk => timeout.saturating_mul(BULK),
        };
        let permit = tokio::time::timeout(timeout, self.acquire(claim)).await;
        permit.map_err(|_| Error::PoolTimedOut)?.map_err(|Closed| Error::PoolClosed)
    }

    /// Waits in the queue of the claim. Dropping the future leaves it.
    async fn acquire(&self, claim: Claim) -> Result<Permit, Closed> {
        let receiver = {
            let mut state = self.0.state();
            if state.closed {
                return Err(Closed);
            }
            state.record_request(claim.owner, Instant::now());
            if state.free > 0 && !state.waiting.contains_key(&claim) && state.may_acquire(claim) {
                return Ok(state.grant(claim, &self.0));
            }
            let (sender, receiver) = oneshot::channel();
            state.enqueue(claim, sender);
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
    fn may_acquire(&self, claim: Claim) -> bool {
        let Claim { owner, class } = claim;
        if class == Class::Bulk && self.held_by_bulk >= (self.total / BULK as usize).max(1) {
            return false;
        }
        if owner.is_none() || self.total == 1 || !self.has_recent_others(owner) {
            return true;
        }
        let max = self.total - (self.total / RESERVED).max(1);
        self.held.get(&owner).is_none_or(|held| *held < max)
    }

    fn grant(&mut self, claim: Claim, shared: &Arc<Shared>) -> Permit {
        let Claim { owner, class } = claim;
        self.free -= 1;
        *self.held.entry(owner).or_default() += 1;
        self.held_by_bulk += usize::from(class == Class::Bulk);
        Permit { claim, shared: Some(Arc::clone(shared)) }
    }

    fn return_permit(&mut self, claim: Claim) {
        let Claim { owner, class } = claim;
        self.free += 1;
        self.held_by_bulk -= usize::from(class == Class::Bulk);
        if let Some(held) = self.held.get_mut(&owner) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&owner);
            }
        }
    }

    fn enqueue(&mut self, claim: Claim, sender: oneshot::Sender<Permit>) {
        let queue = self.waiting.entry(claim).or_default();
        if queue.is_empty() {
            self.round_robin.push_back(claim);
        }
        // Abandoned requests at the front are removed: the queue does not grow with them.
        while queue.front().is_some_and(oneshot::Sender::is_closed) {
            queue.pop_front();
        }
        queue.push_back(sender);
    }

    /// Grants free permits to the claims that wait, in round-robin order.
    fn grant_waiting(&mut self, shared: &Arc<Shared>) {
        while self.free > 0 {
            let next = self.round_robin.iter().position(|claim| self.may_acquire(*claim));
            let Some(claim) = next.and_then(|next| self.round_robin.remove(next)) else { return };
            let Some(mut queue) = self.waiting.remove(&claim) else { continue };
            let mut permit = Some(self.grant(claim, shared));
            while let Some(offered) = permit.take() {
                let Some(sender) = queue.pop_front() else {
                    permit = Some(offered);
                    break;
                };
                permit = sender.send(offered).err();
            }
            if !queue.is_empty() {
                self.waiting.insert(claim, queue);
                self.round_robin.push_back(claim);
            }
            if let Some(mut unwanted) = permit {
                // All waiting requests were abandoned. (The permit's drop would take the lock that is held
                // here.)
                unwanted.shared = None;
                self.return_permit(claim);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let mut state = shared.state();
        state.return_permit(self.claim);
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

    fn account(id: i64) -> Claim {
        Claim { owner: Some(AccountId::new(id)), class: Class::Interactive }
    }

    fn stream(id: i64) -> Claim {
        Claim { class: Class::Bulk, ..account(id) }
    }

    /// Requests a permit, and asserts that it waits.
    fn wait(semaphore: &FairSemaphore, claim: Claim) -> Wait {
        let semaphore = semaphore.clone();
        let mut wait: Wait = Box::pin(async move { semaphore.acquire(claim).await });
        assert!(wait.as_mut().now_or_never().is_none(), "it does not wait");
        wait
    }

    fn at_once(semaphore: &FairSemaphore, claim: Claim) -> Permit {
        semaphore.acquire(claim).now_or_never().expect("it waits").unwrap()
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
        let max: Vec<Permit> = (0..4).map(|_| at_once(&semaphore, account(1))).collect();
        let mut further = wait(&semaphore, account(1));
        let quiet: Vec<Permit> = (0..4).map(|_| at_once(&semaphore, account(2))).collect();
        drop(quiet);
        assert!(now(&mut further).is_none(), "the reserved share is not granted");
        // The service's own work is not limited.
        let own = [at_once(&semaphore, Claim::OWN), at_once(&semaphore, Claim::OWN)];
        drop(own);
        drop(max);
        assert!(now(&mut further).is_some());
    }

    #[test]
    fn streams_leave_most_permits_to_requests() {
        let semaphore = FairSemaphore::new(16);
        let bulk = [at_once(&semaphore, stream(1)), at_once(&semaphore, stream(1))];
        let (mut next, mut of_another) = (wait(&semaphore, stream(1)), wait(&semaphore, stream(2)));
        // Requests overtake the streams of their own account, too.
        drop(at_once(&semaphore, account(1)));
        drop(at_once(&semaphore, account(2)));
        assert!(
            now(&mut next).is_none() && now(&mut of_another).is_none(),
            "streams took more than their share"
        );
        let [first, second] = bulk;
        drop(first);
        let held = now(&mut next).unwrap();
        assert!(now(&mut of_another).is_none());
        drop((second, held));
        assert!(now(&mut of_another).is_some());
        // There is always one for them.
        drop(at_once(&FairSemaphore::new(1), stream(1)));
    }

    #[test]
    fn an_abandoned_request_keeps_no_permit() {
        let semaphore = FairSemaphore::new(1);
        let held = at_once(&semaphore, Claim::OWN);
        let (abandoned, mut next) = (wait(&semaphore, account(1)), wait(&semaphore, account(1)));
        let (late, mut last) = (wait(&semaphore, account(2)), wait(&semaphore, account(3)));
        drop((abandoned, late));
        drop(held);
        drop(now(&mut next).unwrap());
        drop(now(&mut last).unwrap());
        // Granted, but never received.
        let held = at_once(&semaphore, account(1));
        let handed = wait(&semaphore, stream(1));
        drop(held);
        drop(handed);
        drop(at_once(&semaphore, account(1)));
        let state = semaphore.0.state();
        assert!(
            state.free == 1
                && state.held.is_empty()
                && state.held_by_bulk == 0
                && state.waiting.is_empty()
                && state.round_robin.is_empty()
        );
    }

    #[test]
    fn close_waits_for_permits_and_rejects_requests() {
        let semaphore = FairSemaphore::new(2);
        let held = at_once(&semaphore, Claim::OWN);
        let (other, mut refused) = (at_once(&semaphore, account(1)), wait(&semaphore, account(1)));
        let mut closing = Box::pin(semaphore.close());
        assert!(closing.as_mut().now_or_never().is_none());
        assert!(refused.as_mut().now_or_never().unwrap().is_err());
        assert!(semaphore.acquire(Claim::OWN).now_or_never().unwrap().is_err());
        drop(held);
        assert!(closing.as_mut().now_or_never().is_none());
        drop(other);
        assert!(closing.as_mut().now_or_never().is_some());
    }
}
