//! What one process has of one budget.
//!
//! The next slice is asked for while there is something left of the one before it. A request that finds too little goes into
//! debt while an answer is under way, as far as the overdraft allows, and else waits for it. An answer says what is left in the
//! budget: as long as that cannot be enough, requests are refused without asking again.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::lease::{BudgetId, Lease, LeaseRequest};

/// A slice is what the budget refills in an eighth of a second, or a 32nd of the quota if that is more.
const SLICES_PER_SECOND: u32 = 8;
const SLICES_PER_QUOTA: u32 = 32;

/// How often what a process may spend of a budget without sharing it fits into the budget.
pub(super) const ALLOWANCES_PER_BUDGET: u32 = 64;

/// An older answer does not say any more what is left: others have returned units, or the database has lost the budget.
const ANSWER_EXPIRY: Duration = Duration::from_secs(1);

/// What is not spent for so long is returned.
const RETURNED_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Share {
    budget: BudgetId,
    quota: NonZeroU32,
    /// Leased, and not spent yet.
    stock: u32,
    /// Spent, and neither leased nor settled yet.
    debt: u32,
    /// What the requests that wait for an answer lack: the least of them, and all together.
    lacking: Option<(u32, u32)>,
    is_asking: bool,
    /// The last one; `None` as long as it is unknown what is left in the budget.
    answer: Option<Answer>,
    used_at: Instant,
    is_closed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    left: f64,
    at: Instant,
    /// How long the budget is not asked again if it has nothing left.
    pause: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// `left`: in the budget, as far as is known.
    Spent { left: u32 },
    /// So many units are missing, and it is of no use to ask before some time.
    Refused { missing: u32, wait: Duration },
    /// The answer that is under way decides.
    Unknown,
    /// The share has been returned: there may be a new one.
    Closed,
}

/// What a process may spend of a budget without sharing it.
pub(super) fn allowance(quota: NonZeroU32) -> u32 {
    quota.get() / ALLOWANCES_PER_BUDGET
}

impl Share {
    /// Of a budget of which the allowance has just been spent.
    pub(super) fn new(budget: BudgetId, quota: NonZeroU32, now: Instant) -> Self {
        Self {
            budget,
            quota,
            stock: 0,
            debt: allowance(quota),
            lacking: None,
            is_asking: false,
            answer: None,
            used_at: now,
            is_closed: false,
        }
    }

    /// Spends leased units, if there are enough. Returns what is left, and whether the budget is to be asked now.
    pub(super) fn spend_stock(&mut self, units: u32, now: Instant) -> Option<(u32, bool)> {
        // A closed share has none.
        self.stock = self.stock.checked_sub(units)?;
        self.used_at = now;
        let is_low = self.stock < self.slice() / 2;
        let asks = is_low && self.pause(now).is_zero() && self.begin_asking();
        Some((self.left(now), asks))
    }

    /// Spends units. Returns also whether the budget is to be asked now.
    pub(super) fn spend(&mut self, units: u32, now: Instant) -> (Attempt, bool) {
        if let Some((left, asks)) = self.spend_stock(units, now) {
            return (Attempt::Spent { left }, asks);
        }
        if self.is_closed {
            return (Attempt::Closed, false);
        }
        self.used_at = now;
        let lacking = units - self.stock;
        if let Some(refusal) = self.refusal(lacking, now).filter(|_| !self.is_asking) {
            return (refusal, false);
        }
        let asks = self.begin_asking();
        // With as much again as it may have spent before it shared the budget.
        if self.debt.saturating_add(lacking) <= 2 * allowance(self.quota) {
            return (Attempt::Spent { left: self.overdraw(units, now) }, asks);
        }
        let (least, all) = self.lacking.unwrap_or((lacking, 0));
        self.lacking = Some((least.min(lacking), all.saturating_add(lacking)));
        (Attempt::Unknown, asks)
    }

    /// Spends units whether there are enough or not. Returns what is left.
    pub(super) fn overdraw(&mut self, units: u32, now: Instant) -> u32 {
        self.debt = self.debt.saturating_add(units.saturating_sub(self.stock));
        self.stock = self.stock.saturating_sub(units);
        self.left(now)
    }

    /// Asks the budget; it is not asked again before [`Self::answered`] or [`Self::unanswered`].
    pub(super) fn request(&mut self) -> LeaseRequest {
        let (least, all) = self.lacking.take().unwrap_or((1, 0));
        LeaseRequest {
            budget: self.budget.clone(),
            quota: self.quota,
            settled: std::mem::take(&mut self.debt).into(),
            least,
            wanted: all.max(self.slice()).min(self.quota.get()),
        }
    }

    /// `pause`: before the budget is asked again, if it has nothing left.
    pub(super) fn answered(&mut self, lease: Lease, pause: Duration, now: Instant) {
        let Lease { granted, left } = lease;
        self.stock = self.stock.saturating_add(granted);
        // What was spent meanwhile is a part of what was granted.
        let paid = self.debt.min(self.stock);
        self.debt -= paid;
        self.stock -= paid;
        self.answer = Some(Answer { left, at: now, pause });
        self.lacking = None;
        self.is_asking = false;
    }

    pub(super) fn unanswered(&mut self) {
        self.answer = None;
        self.lacking = None;
        self.is_asking = false;
    }

    /// Closes the share, if nobody uses it. Returns what is to be settled.
    pub(super) fn close_unused(&mut self, now: Instant) -> Option<i64> {
        let is_unused = now.saturating_duration_since(self.used_at) >= RETURNED_AFTER;
        if self.is_asking || !is_unused { None } else { Some(self.close()) }
    }

    pub(super) fn close(&mut self) -> i64 {
        self.is_closed = true;
        i64::from(std::mem::take(&mut self.debt)) - i64::from(std::mem::take(&mut self.stock))
    }

    pub(super) fn quota(&self) -> NonZeroU32 {
        self.quota
    }

    fn slice(&self) -> u32 {
        let (rate, quota) = (self.budget.rate.get(), self.quota.get());
        Ord::max(rate.div_ceil(SLICES_PER_SECOND), quota.div_ceil(SLICES_PER_QUOTA))
    }

    fn begin_asking(&mut self) -> bool {
        !std::mem::replace(&mut self.is_asking, true)
    }

    /// How long the budget is not to be asked, because it had nothing left.
    fn pause(&self, now: Instant) -> Duration {
        let empty = self.answer.filter(|answer| answer.left < 1.0);
        empty.map_or(Duration::ZERO, |answer| {
            answer.pause.saturating_sub(now.saturating_duration_since(answer.at))
        })
    }

    /// What the budget should have by now if nobody else has spent anything of it.
    fn expected(&self, answer: Answer, now: Instant) -> f64 {
        let refilled =
            f64::from(self.budget.rate.get()) * now.saturating_duration_since(answer.at).as_secs_f64();
        (answer.left + refilled).min(self.quota.get().into()) - f64::from(self.debt)
    }

    fn refusal(&self, lacking: u32, now: Instant) -> Option<Attempt> {
        let answer = self.answer?;
        if now.saturating_duration_since(answer.at) >= ANSWER_EXPIRY {
            return None;
        }
        let (missing, wait) = (f64::from(lacking) - self.expected(answer, now), self.pause(now));
        if missing <= 0.0 && wait.is_zero() {
            return None;
        }
        Some(Attempt::Refused { missing: whole(missing.ceil()).max(1), wait })
    }

    fn left(&self, now: Instant) -> u32 {
        let expected = self.answer.map_or(self.quota.get(), |answer| whole(self.expected(answer, now)));
        self.stock.saturating_add(expected).min(self.quota.get())
    }
}

/// The whole units, at least none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(units: f64) -> u32 {
    // Saturates.
    units as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AccountId;

    const PAUSE: Duration = Duration::from_millis(100);

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn share(rate: u32, quota: u32, now: Instant) -> Share {
        let budget = BudgetId { account: AccountId::new(1), key: None, rate: number(rate) };
        Share::new(budget, number(quota), now)
    }

    fn later(now: Instant, millis: u64) -> Instant {
        now + Duration::from_millis(millis)
    }

    #[test]
    fn slices_are_asked_for_ahead_and_not_twice() {
        let now = Instant::now();
        // Its allowance is 10, its slice 80.
        let mut share = share(640, 640, now);
        assert_eq!(share.spend(1, now), (Attempt::Spent { left: 640 }, true));
        let request = share.request();
        assert_eq!((request.settled, request.least, request.wanted), (11, 1, 80));
        // The overdraft while the answer is under way, and no further.
        for _ in 0..20 {
            assert_eq!(share.spend(1, now), (Attempt::Spent { left: 640 }, false));
        }
        assert_eq!(share.spend(1, now), (Attempt::Unknown, false));
        share.answered(Lease { granted: 80, left: 549.0 }, PAUSE, now);
        let statements = (0..60).filter(|_| share.spend(1, now).1).count();
        assert_eq!(statements, 1, "60 of 80 are left, and the next slice is asked for at 40");
    }

    #[test]
    fn what_is_refused_waits_as_long_as_the_answer_says() {
        let now = Instant::now();
        let mut share = share(10, 20, now);
        assert_eq!(share.spend(5, now), (Attempt::Unknown, true));
        let request = share.request();
        assert_eq!((request.settled, request.least, request.wanted), (0, 5, 5));
        share.answered(Lease { granted: 0, left: 2.0 }, PAUSE, now);
        assert_eq!(share.spend(5, now), (Attempt::Refused { missing: 3, wait: Duration::ZERO }, false));
        // What is there is given to whom it is enough for.
        assert_eq!(share.spend(2, now), (Attempt::Unknown, true));
        share.request();
        share.answered(Lease { granted: 2, left: 0.0 }, PAUSE, now);
        assert_eq!(share.spend(2, now).0, Attempt::Spent { left: 0 });
        assert_eq!(share.spend(1, now), (Attempt::Refused { missing: 1, wait: PAUSE }, false));
        assert_eq!(
            share.spend(2, later(now, 150)),
            (Attempt::Refused { missing: 1, wait: Duration::ZERO }, false)
        );
        assert_eq!(share.spend(1, later(now, 150)), (Attempt::Unknown, true));
        share.request();
        share.answered(Lease { granted: 0, left: -5.0 }, PAUSE, now);
        assert_eq!(share.spend(1, now).0, Attempt::Refused { missing: 6, wait: PAUSE });
        assert_eq!(share.spend(1, later(now, 1_000)), (Attempt::Unknown, true), "it may have come back");
    }

    #[test]
    fn what_is_not_spent_is_returned_once() {
        let now = Instant::now();
        let mut share = share(640, 640, now);
        share.spend(1, now);
        share.request();
        assert_eq!(share.close_unused(later(now, 2_000)), None, "an answer is under way");
        share.answered(Lease { granted: 80, left: 500.0 }, PAUSE, now);
        share.spend(30, later(now, 500));
        assert_eq!(share.close_unused(later(now, 1_400)), None);
        assert_eq!(share.close_unused(later(now, 1_500)), Some(-50));
        assert_eq!(share.spend(1, later(now, 1_500)).0, Attempt::Closed);
        assert_eq!(share.close(), 0);
    }
}
