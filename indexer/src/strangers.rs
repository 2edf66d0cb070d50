//! Addresses that a feed or a server names and that are no ledger to follow: how soon they are looked for again.
//!
//! Anybody can make transactions that name a ledger of his, and one server can list what it likes: neither may make the
//! indexer ask all servers each time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use counterfoil_core::LedgerId;

const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How many are remembered.
const MOST: usize = 4_096;

/// The addresses that were looked for and not found.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    known: BTreeMap<LedgerId, Stranger>,
}

#[derive(Debug)]
struct Stranger {
    /// How often in a row it was not found.
    times: u32,
    not_before: Instant,
}

impl Strangers {
    pub(crate) fn may_be_looked_for(&self, ledger: LedgerId, now: Instant) -> bool {
        self.known.get(&ledger).is_none_or(|stranger| now >= stranger.not_before)
    }

    /// The address was looked for and is no ledger to follow, for now. The waits double.
    pub(crate) fn not_found(&mut self, ledger: LedgerId, now: Instant) {
        if !self.may_be_looked_for(ledger, now) {
            return;
        }
        if self.known.len() >= MOST && !self.known.contains_key(&ledger) {
            self.known.retain(|_, stranger| now < stranger.not_before);
            // Those that wait longest have been named longest, and are looked for again at worst.
            if self.known.len() >= MOST {
                let longest =
                    self.known.iter().max_by_key(|(_, stranger)| stranger.not_before).map(|(ledger, _)| *ledger);
                longest.and_then(|ledger| self.known.remove(&ledger));
            }
        }
        let stranger = self.known.entry(ledger).or_insert(Stranger { times: 0, not_before: now });
        stranger.not_before = now + FIRST_WAIT.saturating_mul(1 << stranger.times.min(16)).min(LONGEST_WAIT);
        stranger.times = stranger.times.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use counterfoil_core::LedgerId;

    use super::{MOST, Strangers};

    #[test]
    fn each_time_that_it_is_not_found_an_address_waits_longer_up_to_a_minute() {
        let (mut strangers, mut now) = (Strangers::default(), Instant::now());
        let ledger = LedgerId([1; 32]);
        assert!(strangers.may_be_looked_for(ledger, now));
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            strangers.not_found(ledger, now);
            // Named again while it waits, it waits no longer.
            strangers.not_found(ledger, now);
            let wait = Duration::from_secs(seconds);
            assert!(!strangers.may_be_looked_for(ledger, now + wait - Duration::from_millis(1)), "{seconds}");
            now += wait;
            assert!(strangers.may_be_looked_for(ledger, now), "{seconds}");
        }
        assert!(strangers.may_be_looked_for(LedgerId([2; 32]), now));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        for number in 0..2 * MOST {
            let mut address = [0; 32];
            address[..8].copy_from_slice(&number.to_le_bytes());
            strangers.not_found(LedgerId(address), now);
        }
        assert_eq!(strangers.known.len(), MOST);
    }
}
