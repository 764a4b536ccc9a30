//! The budgets that this process shares with others at the moment.
//!
//! **A request waits for the database only if nothing else can decide it**, and not long: without an answer in time, budgets are
//! taken for unreachable, and the process applies its limits alone until the database answers again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::lease::{BudgetId, Lease, LeaseRequest};
use super::share::{self, Attempt, Share};
use crate::domain::random;

/// How long a request waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);

/// A budget that has nothing left is asked again after about 100 ms: what has come back by then is worth a statement.
/// The time is random: of processes that ask at equal intervals, the first to ask would get nearly all every time.
fn pause() -> Duration {
    let [random] = random::bytes().unwrap_or([u8::MAX / 2]);
    Duration::from_millis(50 + u64::from(random) * 100 / u64::from(u8::MAX))
}

/// How often budgets are looked through for what is to be returned.
const RETURN_INTERVAL: Duration = Duration::from_millis(500);

/// Requests per statement.
const MAX_REQUESTS: usize = 500;

/// How many answers a request waits for while others spend what it lacks.
const MAX_ANSWERS: usize = 4;

#[derive(Debug, Default)]
pub struct SharedBudgets {
    budgets: RwLock<HashMap<BudgetId, Arc<SharedBudget>>>,
    /// Those that are to be asked, and what is to be settled of shares that are closed.
    pending: Mutex<Pending>,
    is_pending: Notify,
    is_unreachable: AtomicBool,
}

#[derive(Debug, Default)]
struct Pending {
    asking: Vec<Arc<SharedBudget>>,
    returned: HashMap<BudgetId, (NonZeroU32, i64)>,
}

#[derive(Debug)]
struct SharedBudget {
    share: Mutex<Share>,
    answered: Notify,
}

/// The requests of a statement, and who waits for the answers.
#[derive(Debug)]
pub struct LeaseBatch {
    pub requests: Vec<LeaseRequest>,
    /// `None`: nobody.
    waiting: Vec<Option<Arc<SharedBudget>>>,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Spending {
    /// Of the shared budget. `left`: as far as this process knows.
    Spent { left: u32 },
    /// The budget has not enough: so many units are missing, and there are not more before some time.
    Refused { missing: u32, wait: Duration },
    /// The budget is not shared: this process decides alone.
    Unshared,
}

impl SharedBudgets {
    /// What a process may spend of a budget without sharing it, at once, and how often that fits into the budget: the
    /// allowance refills as much more slowly. 0: every budget of this size is shared.
    #[must_use]
    pub fn allowance(quota: NonZeroU32) -> (u32, u32) {
        (share::allowance(quota), share::ALLOWANCES_PER_BUDGET)
    }

    /// Spends units of a budget. It is shared if it is already, or if it exceeds its allowance.
    pub async fn spend(
        &self,
        budget: BudgetId,
        quota: NonZeroU32,
        units: NonZeroU32,
        exceeds_allowance: impl FnOnce() -> bool,
    ) -> Spending {
        let shared = match self.find(&budget) {
            Some(shared) => shared,
            None if !exceeds_allowance() => return Spending::Unshared,
            None => self.share(budget.clone(), quota),
        };
        let stock = shared.share().spend_stock(units.get(), Instant::now());
        match stock {
            Some((left, asks)) => {
                self.ask_if(asks, &shared);
                Spending::Spent { left }
            }
            // Boxed: few requests come here, and all would have a larger future.
            None => Box::pin(self.spend_or_wait(budget, quota, units.get())).await,
        }
    }

    async fn spend_or_wait(&self, budget: BudgetId, quota: NonZeroU32, units: u32) -> Spending {
        for _ in 0..MAX_ANSWERS {
            let shared = self.find(&budget).unwrap_or_else(|| self.share(budget.clone(), quota));
            // Before the attempt: else the answer could be missed.
            let answered = shared.answered.notified();
            let (attempt, asks) = shared.share().spend(units, Instant::now());
            self.ask_if(asks, &shared);
            match attempt {
                Attempt::Spent { left } => return Spending::Spent { left },
                Attempt::Closed => {}
                _ if self.is_unreachable() => return Spending::Unshared,
                Attempt::Refused { missing, wait } => return Spending::Refused { missing, wait },
                Attempt::Unknown => {
                    if tokio::time::timeout(ANSWER_TIMEOUT, answered).await.is_err() {
                        self.set_unreachable(true);
                        return Spending::Unshared;
                    }
                }
            }
        }
        // The budget is not empty: what was leased for this request, others were faster to spend.
        match self.find(&budget) {
            Some(shared) => Spending::Spent { left: shared.share().overdraw(units, Instant::now()) },
            None => Spending::Unshared,
        }
    }

    fn ask_if(&self, asks: bool, shared: &Arc<SharedBudget>) {
        if asks {
            self.pending().asking.push(Arc::clone(shared));
            self.is_pending.notify_one();
        }
    }

    /// Waits until there is something to ask or to settle.
    pub async fn wait_until_pending(&self) {
        let has_budgets = !self.budgets.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        if has_budgets {
            drop(tokio::time::timeout(RETURN_INTERVAL, self.is_pending.notified()).await);
        } else {
            self.is_pending.notified().await;
        }
    }

    /// What is to be asked and settled now. To be called again once it is answered, until there is nothing.
    #[must_use]
    pub fn next_batch(&self) -> LeaseBatch {
        self.close_where(|share| share.close_unused(Instant::now()));
        let mut pending = self.pending();
        let asking = pending.asking.len().min(MAX_REQUESTS);
        let mut batch = LeaseBatch { requests: Vec::new(), waiting: Vec::new() };
        for shared in pending.asking.drain(..asking).collect::<Vec<_>>() {
            let mut request = shared.share().request();
            // A statement has each budget once.
            let (_, settled) = pending.returned.remove(&request.budget).unwrap_or((request.quota, 0));
            request.settled += settled;
            batch.push(request, Some(shared));
        }
        let returned = pending.returned.keys().take(MAX_REQUESTS - asking).cloned().collect::<Vec<_>>();
        for budget in returned {
            if let Some((quota, settled)) = pending.returned.remove(&budget) {
                batch.push(LeaseRequest { budget, quota, settled, least: 0, wanted: 0 }, None);
            }
        }
        batch
    }

    /// Returns everything that is not spent. To be called after the last request.
    #[must_use]
    pub fn last_batch(&self) -> LeaseBatch {
        self.close_where(|share| Some(share.close()));
        self.pending().asking.clear();
        self.next_batch()
    }

    fn close_where(&self, close: impl Fn(&mut Share) -> Option<i64>) {
        let mut budgets = self.budgets.write().unwrap_or_else(PoisonError::into_inner);
        let mut pending = self.pending();
        budgets.retain(|budget, shared| {
            let mut share = shared.share();
            let Some(settled) = close(&mut share) else { return true };
            if settled != 0 {
                pending.returned.entry(budget.clone()).or_insert((share.quota(), 0)).1 += settled;
            }
            false
        });
    }

    /// `leases` are those of the requests, in their order.
    pub fn answered(&self, batch: LeaseBatch, leases: impl IntoIterator<Item = Lease>) {
        self.set_unreachable(false);
        let now = Instant::now();
        for (shared, lease) in batch.waiting.into_iter().zip(leases) {
            if let Some(shared) = shared {
                shared.share().answered(lease, pause(), now);
                shared.answered.notify_waiters();
            }
        }
    }

    /// The database cannot be reached. What was to be settled is forgotten: budgets are never below what they should be for long.
    pub fn unanswered(&self, batch: LeaseBatch) {
        self.set_unreachable(true);
        for shared in batch.waiting.into_iter().flatten() {
            shared.share().unanswered();
            shared.answered.notify_waiters();
        }
    }

    fn is_unreachable(&self) -> bool {
        self.is_unreachable.load(Ordering::Relaxed)
    }

    fn set_unreachable(&self, is_unreachable: bool) {
        if self.is_unreachable.swap(is_unreachable, Ordering::Relaxed) == is_unreachable {
            return;
        }
        if is_unreachable {
            tracing::warn!("the database does not answer: rate limits are those of this instance alone");
        } else {
            tracing::info!("rate limits are shared with other instances again");
        }
    }

    fn find(&self, budget: &BudgetId) -> Option<Arc<SharedBudget>> {
        self.budgets.read().unwrap_or_else(PoisonError::into_inner).get(budget).cloned()
    }

    fn share(&self, budget: BudgetId, quota: NonZeroU32) -> Arc<SharedBudget> {
        let mut budgets = self.budgets.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let share = Share::new(budget.clone(), quota, Instant::now());
            Arc::new(SharedBudget { share: Mutex::new(share), answered: Notify::new() })
        };
        Arc::clone(budgets.entry(budget.clone()).or_insert_with(new))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedBudget {
    fn share(&self) -> MutexGuard<'_, Share> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LeaseBatch {
    fn push(&mut self, request: LeaseRequest, waiting: Option<Arc<SharedBudget>>) {
        self.requests.push(request);
        self.waiting.push(waiting);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}
