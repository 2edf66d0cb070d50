//! A bound of what transactions cost in a day: busy ledgers get them less often where that would be exceeded.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const SECONDS_A_DAY: f64 = 86_400.0;
/// The part that an idle gateway may save up, in hours of the budget: so much may come at once.
const SAVED_HOURS: f64 = 1.0;

/// A budget of lamports a day, for all ledgers of this process. It fills evenly over the day.
pub(crate) struct Budget {
    /// None where nothing is bounded.
    a_day: Option<f64>,
    filled: Mutex<(Instant, f64)>,
}

impl Budget {
    /// Begins with what `first` transactions of this cost need.
    pub(crate) fn new(lamports_a_day: Option<u64>, first: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a budget needs no lamport's precision")]
        let (a_day, first) = (lamports_a_day.map(|lamports| lamports as f64), first as f64);
        Self { a_day, filled: Mutex::new((Instant::now(), first)) }
    }

    /// Takes what a transaction costs, where it is there.
    pub(crate) fn take(&self, lamports: u64) -> bool {
        self.take_at(lamports, Instant::now())
    }

    /// Takes it also where it is not there: what comes later waits longer.
    pub(crate) fn overdraw(&self, lamports: u64) {
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let lamports = lamports as f64;
        filled.1 -= lamports;
    }

    /// Gives back what was taken for a transaction that was not made.
    pub(crate) fn give_back(&self, lamports: u64) {
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let lamports = lamports as f64;
        filled.1 += lamports;
    }

    fn take_at(&self, lamports: u64, now: Instant) -> bool {
        let Some(a_day) = self.a_day else { return true };
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let lamports = lamports as f64;
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, before) = *filled;
        let most = (a_day * SAVED_HOURS / 24.0).max(lamports);
        let there = (before + now.saturating_duration_since(since).as_secs_f64() * a_day / SECONDS_A_DAY).min(most);
        let is_enough = there >= lamports;
        *filled = (now, if is_enough { there - lamports } else { there });
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Budget;

    #[test]
    fn a_busy_gateway_spends_its_budget_and_no_more() {
        // One transaction of 5,000 lamports a minute.
        let budget = Budget::new(Some(5_000 * 24 * 60), 5_000);
        let begin = Instant::now();
        let spent = |from: u64, seconds: u64| {
            (from..from + seconds).filter(|second| budget.take_at(5_000, begin + Duration::from_secs(*second))).count()
        };
        assert!((60..=61).contains(&spent(0, 3_600)), "one a minute, and the first at once");
        assert!((60..=121).contains(&spent(3_600 + 86_400, 3_600)), "after a day of silence an hour's worth more");
    }

    #[test]
    fn a_gateway_without_a_budget_and_one_that_overdraws_are_not_held_up() {
        let free = Budget::new(None, 0);
        assert!((0..1_000).all(|_| free.take(u64::MAX)));
        let budget = Budget::new(Some(86_400 * 5_000), 5_000);
        budget.overdraw(50_000);
        let now = Instant::now();
        assert!(!budget.take_at(5_000, now + Duration::from_secs(8)), "nine seconds pay what was overdrawn");
        assert!(budget.take_at(5_000, now + Duration::from_secs(12)));
    }
}
