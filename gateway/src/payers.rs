//! The wallets that pay for transactions: which pays for a ledger, what they have, and for how long that lasts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_append::{LAMPORTS_PER_SIGNATURE, LAMPORTS_PER_SOL, Price, TransactionSigner, fetch_balance};
use counterfoil_client::{Rpc, with_causes};
use counterfoil_core::{LedgerId, Wallet};
use serde_json::json;
use sha2::{Digest, Sha256};
use tracing::{error, info, warn};

/// The lamports that an account without data must keep, where no server tells it: a wallet below it cannot pay. Source: Solana's rent.
const RENT_MINIMUM: u64 = 890_880;
/// Promises are given while all wallets together can pay this number of transactions.
const PROMISED_TRANSACTIONS: u64 = 20;
/// For how many hours funds should last; below it the log and the metrics say so.
const ALARM_HOURS: f64 = 24.0;
/// Over what time spending is measured.
const MEASURED: Duration = Duration::from_secs(3_600);
/// The least time from which a rate is told.
const LEAST_MEASURED: Duration = Duration::from_secs(60);
/// The compute units that a transaction of subtrees may use: 20 hashes take some 13,000. Source: docs/benchmarks.md.
pub(crate) const UNITS_OF_SUBTREES: u32 = 40_000;
/// The same for one of entries: 157 of a byte each fit, at some 650 an entry. It is what a transaction may use without asking.
pub(crate) const UNITS_OF_ENTRIES: u32 = 200_000;

/// The pool of wallets that pay.
pub(crate) struct Payers {
    all: Vec<Payer>,
    /// The most that a transaction bids beyond its signatures.
    max_bid: u64,
    /// Whether another wallet than the appender's pays: its signature costs too.
    signatures: u64,
    rent_minimum: AtomicU64,
}

struct Payer {
    signer: Arc<dyn TransactionSigner>,
    funds: Mutex<Funds>,
}

/// A wallet's lamports, as far as known.
#[derive(Default)]
struct Funds {
    /// None until a server told.
    lamports: Option<u64>,
    spending: Spending,
    is_low: bool,
    /// Whether it was told that no server says what the wallet has.
    is_unknown: bool,
}

/// All that was spent, at times of the last hour.
#[derive(Default)]
pub(crate) struct Spending(VecDeque<(Instant, u64)>);

impl Spending {
    /// Notes what was spent in all.
    pub(crate) fn note(&mut self, spent: u64, now: Instant) {
        self.0.push_back((now, spent));
        while self.0.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= MEASURED) {
            self.0.pop_front();
        }
    }

    fn total(&self) -> u64 {
        self.0.back().map_or(0, |(_, spent)| *spent)
    }

    /// Lamports an hour; none where the time is too short to tell.
    pub(crate) fn an_hour(&self) -> Option<f64> {
        let ((since, first), (until, last)) = (self.0.front()?, self.0.back()?);
        let time = until.saturating_duration_since(*since);
        #[expect(clippy::cast_precision_loss, reason = "a forecast needs no lamport's precision")]
        let spent = last.saturating_sub(*first) as f64;
        (time >= LEAST_MEASURED).then(|| spent / time.as_secs_f64() * 3_600.0)
    }
}

/// A wallet's state, for metrics and people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PayerState {
    pub(crate) wallet: Wallet,
    pub(crate) lamports: Option<u64>,
    /// For how many hours that lasts, as it was spent in the last one; none where nothing was.
    pub(crate) hours: Option<f64>,
}

impl Payers {
    /// `payers` are asked in an order that depends on the ledger. The appender pays where there are none.
    pub(crate) fn new(
        appender: Arc<dyn TransactionSigner>,
        payers: Vec<Arc<dyn TransactionSigner>>,
        max_bid: u64,
    ) -> Self {
        let is_apart = payers.iter().any(|payer| payer.wallet() != appender.wallet());
        let payers = if payers.is_empty() { vec![appender] } else { payers };
        Self {
            all: payers.into_iter().map(|signer| Payer { signer, funds: Mutex::default() }).collect(),
            max_bid,
            signatures: if is_apart { 2 } else { 1 },
            rent_minimum: AtomicU64::new(RENT_MINIMUM),
        }
    }

    /// The cost of a transaction that bids this price.
    pub(crate) fn cost(&self, price: Option<Price>) -> u64 {
        self.signatures * LAMPORTS_PER_SIGNATURE + price.map_or(0, Price::lamports)
    }

    /// The most that a transaction costs.
    pub(crate) fn most(&self) -> u64 {
        self.signatures * LAMPORTS_PER_SIGNATURE + self.max_bid
    }

    /// The price that a transaction of this many compute units bids where others bid this lately.
    pub(crate) fn price(&self, units: u32, recent: u64) -> Option<Price> {
        Price::within(units, recent, self.max_bid)
    }

    /// The wallet that pays for a ledger's next transaction: the first, in the ledger's own order, that can. So ledgers are spread over
    /// wallets, each of which is one write lock.
    pub(crate) fn choose(&self, ledger: LedgerId) -> Result<Arc<dyn TransactionSigner>, String> {
        let mut order: Vec<&Payer> = self.all.iter().collect();
        order.sort_by_cached_key(|payer| Sha256::digest([ledger.0, payer.signer.wallet().0].concat()));
        let can_pay = |payer: &&&Payer| self.usable(payer).is_none_or(|usable| usable >= self.most());
        if let Some(payer) = order.iter().find(can_pay) {
            return Ok(payer.signer.clone());
        }
        let told: Vec<String> = order
            .iter()
            .map(|payer| format!("{} has {}", payer.signer.wallet(), payer.funds().lamports.unwrap_or(0)))
            .collect();
        Err(format!(
            "no wallet can pay {} lamports and keep the rent minimum of {}: {}; send SOL there",
            self.most(),
            self.rent_minimum.load(Ordering::Relaxed),
            told.join(", ")
        ))
    }

    /// Whether the wallets can pay for what is promised now.
    pub(crate) fn can_promise(&self) -> bool {
        let known: Vec<u64> = self.all.iter().filter_map(|payer| self.usable(payer)).collect();
        let is_all_known = known.len() == self.all.len();
        !is_all_known || known.iter().sum::<u64>() >= self.most().saturating_mul(PROMISED_TRANSACTIONS)
    }

    /// How many transactions a wallet with this many lamports pays.
    pub(crate) fn transactions(&self, lamports: u64) -> u64 {
        lamports.saturating_sub(self.rent_minimum.load(Ordering::Relaxed)) / self.most()
    }

    pub(crate) fn states(&self) -> Vec<PayerState> {
        let state = |payer: &Payer| {
            let usable = self.usable(payer);
            let funds = payer.funds();
            let hours = usable.and_then(|usable| funds.hours(usable));
            PayerState { wallet: payer.signer.wallet(), lamports: funds.lamports, hours }
        };
        self.all.iter().map(state).collect()
    }

    /// Asks what the wallets have.
    pub(crate) async fn look(&self, servers: &[Rpc]) {
        for server in servers {
            let rent: Result<u64, _> = server.call_at_once("getMinimumBalanceForRentExemption", json!([0])).await;
            if let Ok(rent) = rent {
                self.rent_minimum.store(rent, Ordering::Relaxed);
                break;
            }
        }
        for payer in &self.all {
            let wallet = payer.signer.wallet();
            let mut failed = None;
            for server in servers {
                match fetch_balance(server, wallet).await {
                    Ok(lamports) => {
                        payer.funds().note(lamports, Instant::now());
                        failed = None;
                        break;
                    }
                    Err(error) => failed = Some(error),
                }
            }
            match failed {
                Some(error) => {
                    if !std::mem::replace(&mut payer.funds().is_unknown, true) {
                        warn!(payer = %wallet, "what wallet {wallet} has is not known: {}", with_causes(&error));
                    }
                }
                None => {
                    payer.funds().is_unknown = false;
                    self.tell(payer);
                }
            }
        }
    }

    fn tell(&self, payer: &Payer) {
        let Some(usable) = self.usable(payer) else { return };
        let mut funds = payer.funds();
        let hours = funds.hours(usable);
        let is_low = usable < self.most().saturating_mul(PROMISED_TRANSACTIONS)
            || hours.is_some_and(|hours| hours < ALARM_HOURS);
        if is_low == funds.is_low {
            return;
        }
        funds.is_low = is_low;
        drop(funds);
        let wallet = payer.signer.wallet();
        let sol = format!("{}.{:06} SOL", usable / LAMPORTS_PER_SOL, usable % LAMPORTS_PER_SOL / 1_000);
        match (is_low, hours) {
            (true, Some(hours)) => {
                error!(payer = %wallet, hours, "wallet {wallet} can spend {sol} more, which lasts for {hours:.1} hours: send it some")
            }
            (true, None) => {
                error!(payer = %wallet, "wallet {wallet} can spend {sol} more, which pays few transactions: send it some")
            }
            (false, _) => info!(payer = %wallet, "wallet {wallet} has enough again: {sol}"),
        }
    }

    /// The lamports that a wallet can spend: it must keep the rent minimum. None where that is not known.
    fn usable(&self, payer: &Payer) -> Option<u64> {
        let lamports = payer.funds().lamports?;
        Some(lamports.saturating_sub(self.rent_minimum.load(Ordering::Relaxed)))
    }
}

impl Payer {
    fn funds(&self) -> std::sync::MutexGuard<'_, Funds> {
        self.funds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Funds {
    fn note(&mut self, lamports: u64, now: Instant) {
        // Money that came in is not spending.
        let spent = self.spending.total() + self.lamports.map_or(0, |last| last.saturating_sub(lamports));
        self.lamports = Some(lamports);
        self.spending.note(spent, now);
    }

    fn hours(&self, usable: u64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a forecast needs no lamport's precision")]
        let usable = usable as f64;
        self.spending.an_hour().filter(|spent| *spent > 0.0).map(|spent| usable / spent)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use counterfoil_append::{Keypair, TransactionSigner, wallet_of};
    use counterfoil_core::LedgerId;

    use super::{Funds, Payers, RENT_MINIMUM};

    fn payers(lamports: &[u64]) -> Payers {
        let wallets = lamports.iter().map(|_| Arc::new(Keypair::new()) as Arc<dyn TransactionSigner>).collect();
        let payers = Payers::new(Arc::new(Keypair::new()), wallets, 0);
        for (payer, lamports) in payers.all.iter().zip(lamports) {
            payer.funds().note(*lamports, Instant::now());
        }
        payers
    }

    #[test]
    fn a_wallet_that_would_fall_below_the_rent_minimum_does_not_pay() {
        let rich = RENT_MINIMUM + 10_000;
        for (has, expected) in [([RENT_MINIMUM + 9_999, rich], 1), ([rich, RENT_MINIMUM + 2_000], 0)] {
            let payers = payers(&has);
            for ledger in 0..20 {
                let chosen = payers.choose(LedgerId([ledger; 32])).map(|payer| payer.wallet());
                assert_eq!(chosen, Ok(payers.all[expected].signer.wallet()));
            }
        }
        let poor = payers(&[RENT_MINIMUM + 2_000, 0]);
        let error = poor.choose(LedgerId([1; 32])).map(|payer| payer.wallet()).expect_err("no wallet can pay");
        assert!(error.contains("rent minimum of 890880"), "{error}");
        assert!(!poor.can_promise());
    }

    #[test]
    fn ledgers_are_spread_over_the_wallets_and_each_keeps_its_own() {
        let payers = payers(&[1 << 40; 4]);
        let mut counts = [0; 4];
        for ledger in 0..=u8::MAX {
            let chosen = payers.choose(LedgerId([ledger; 32])).map(|payer| payer.wallet());
            assert_eq!(chosen, payers.choose(LedgerId([ledger; 32])).map(|payer| payer.wallet()));
            let at = payers.all.iter().position(|payer| Ok(payer.signer.wallet()) == chosen).expect("one of them");
            counts[at] += 1;
        }
        assert!(counts.iter().all(|count| *count > 30), "{counts:?}");
    }

    #[test]
    fn the_appender_pays_with_one_signature_where_no_other_wallet_does() {
        let appender = Arc::new(Keypair::new());
        let alone = Payers::new(appender.clone(), Vec::new(), 0);
        assert_eq!(alone.most(), 5_000);
        assert_eq!(alone.choose(LedgerId([1; 32])).map(|payer| payer.wallet()), Ok(wallet_of(&*appender)));
        assert_eq!(Payers::new(appender, vec![Arc::new(Keypair::new())], 700).most(), 10_700);
    }

    #[test]
    fn what_a_wallet_spends_says_for_how_long_the_rest_lasts() {
        let begin = Instant::now();
        let at = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        let mut funds = Funds::default();
        funds.note(1_000_000, begin);
        assert_eq!(funds.hours(1_000_000), None);
        // 100,000 an hour, and money that comes between.
        funds.note(950_000, at(30));
        funds.note(2_950_000, at(31));
        funds.note(2_900_000, at(60));
        let hours = funds.hours(2_900_000).expect("it spends");
        assert!((28.9..29.1).contains(&hours), "{hours}");
    }
}
