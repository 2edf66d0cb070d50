//! The ledgers that the gateway writes to: whether each takes records now, and what is known of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_append::{TransactionSigner, fetch_recent_price};
use counterfoil_client::{ClientError, Right, Rpc, fetch_right};
use counterfoil_core::limits::{NEVER, ledger_flag};
use counterfoil_core::{Event, EventBody, LedgerId, Wallet};
use counterfoil_http::Rejection;
use counterfoil_store::gateway::{
    GatewayLedger, add_gateway_ledger, has_plan, has_raw_record, load_gateway_ledgers, load_own_events, note_own_events,
};
use counterfoil_store::{LedgerRow, PgConnection, PgPool, StoreError, load_entries, load_events, load_ledger};
use counterfoil_wire::Code;
use jiff::Timestamp;
use merkle_log::{Frontier, LeafIndex};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::budget::Budget;
use crate::metrics::Metrics;
use crate::payers::Payers;
use crate::restored::Restored;

/// How old a server's answer may be for the chain to count as reachable.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the index is asked for sizes. A promise that begins at an older one is true as well.
const ROUND: Duration = Duration::from_secs(1);
/// In one of how many rounds servers are asked too.
const ROUNDS_PER_QUESTION: u64 = 5;
/// How many events are looked through at a time.
const EVENTS_PER_LOOK: u64 = 256;
/// How long servers have for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A ledger that takes records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) right: Right,
    /// The size that the index has compared with the chain. None where nothing can be promised now: no server of the chain answered
    /// lately, no wallet can pay, or the grant ends too soon.
    pub(crate) checked_size: Option<u64>,
    /// The age of the oldest record that is not in the ledger.
    pub(crate) oldest: Duration,
    /// The bid of others lately for a place in a block, in millionths of a lamport for a compute unit.
    pub(crate) recent_price: u64,
}

/// Servers, keys and money: transactions are made with them.
pub(crate) struct Means {
    /// The servers of the chain; transactions go to the first.
    pub(crate) servers: Vec<Rpc>,
    /// The wallet that appends.
    pub(crate) writer: Arc<dyn TransactionSigner>,
    pub(crate) payers: Payers,
    pub(crate) budget: Budget,
}

/// The bounds of promises and of acceptance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How far ahead promises reach.
    pub(crate) promise_time: Duration,
    /// How old the oldest record that waits may be for more to be accepted.
    pub(crate) longest_wait: Duration,
}

struct Known {
    key: i32,
    /// The last answer of a server.
    right: Result<Right, Rejection>,
    /// When it came; none where it came to an earlier process.
    asked: Option<Instant>,
    /// None until the index was asked.
    checked_size: Option<u64>,
    oldest: Duration,
    recent_price: u64,
    /// Whether this gateway holds the lease.
    is_planner: bool,
    /// Up to which event all appends of this wallet are known.
    own_events: u64,
    changes: watch::Sender<u64>,
}

impl Known {
    fn is_chain_there(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() < PATIENCE)
    }
}

/// All ledgers that were asked for.
pub(crate) struct Ledgers {
    pub(crate) index: PgPool,
    pub(crate) gateway: PgPool,
    pub(crate) means: Means,
    pub(crate) terms: Terms,
    pub(crate) metrics: Metrics,
    pub(crate) restored: Restored,
    known: Mutex<HashMap<LedgerId, Known>>,
    /// Held while a ledger is asked for, so that one question serves all.
    asking: AsyncMutex<()>,
    /// Told of each ledger that becomes known.
    begun: tokio::sync::mpsc::UnboundedSender<(LedgerId, i32)>,
}

impl Ledgers {
    pub(crate) fn new(
        index: PgPool,
        gateway: PgPool,
        means: Means,
        terms: Terms,
        metrics: Metrics,
        begun: tokio::sync::mpsc::UnboundedSender<(LedgerId, i32)>,
    ) -> Self {
        let (known, asking) = (Mutex::default(), AsyncMutex::default());
        let restored = Restored::default();
        Self { index, gateway, means, terms, metrics, restored, known, asking, begun }
    }

    /// Begins with the ledgers of earlier runs and of other gateways on this database.
    pub(crate) async fn resume(&self) -> Result<(), StoreError> {
        for (ledger, known) in load_gateway_ledgers(&mut *self.gateway.acquire().await?).await? {
            let GatewayLedger { key, by_grant, grant_expires_at } = known;
            let right = Right { by_grant, entries: true, subtrees: true, expires_at: grant_expires_at };
            self.remember(ledger, key, right);
        }
        Ok(())
    }

    /// The wallet that appends.
    pub(crate) fn wallet(&self) -> Wallet {
        self.means.writer.wallet()
    }

    /// The numbers of ledgers in the gateway's tables.
    pub(crate) fn keys(&self) -> HashMap<LedgerId, i32> {
        self.known().iter().map(|(ledger, known)| (*ledger, known.key)).collect()
    }

    /// Says that something of this ledger's records changed.
    pub(crate) fn tell(&self, ledger: LedgerId) {
        if let Some(known) = self.known().get(&ledger) {
            known.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Hears of changes from now on.
    pub(crate) fn hear(&self, ledger: LedgerId) -> Option<watch::Receiver<u64>> {
        self.known().get(&ledger).map(|known| known.changes.subscribe())
    }

    /// Whether a ledger takes records, or why not. Of a ledger that is known this costs nothing: [`Self::keep_fresh`] asks.
    pub(crate) async fn standing(&self, ledger: LedgerId) -> Result<Standing, Rejection> {
        if let Some(standing) = self.last(ledger) {
            return standing;
        }
        let _asking = self.asking.lock().await;
        if let Some(standing) = self.last(ledger) {
            return standing;
        }
        let checked_size = self.load_checked_size(ledger).await?;
        let asked = timeout(ANSWER_TIME, self.ask(ledger)).await.map_err(|_| chain_away())?;
        let right = asked.map_err(|error| {
            warn!(ledger.id = %ledger, "no server says whether ledger {ledger} takes records: {error}");
            chain_away()
        })??;
        self.expect_own(ledger).await?;
        let mut connection = self.gateway.acquire().await.map_err(unavailable)?;
        let added = add_gateway_ledger(&mut connection, ledger, right.by_grant, right.expires_at).await;
        self.remember(ledger, added.map_err(unavailable)?, right);
        self.note(ledger, Some(Ok(right)), Some(checked_size), None);
        self.last(ledger).unwrap_or_else(|| Err(chain_away()))
    }

    /// Asks again and again about the ledgers that are known.
    pub(crate) async fn keep_fresh(&self) {
        let mut round = 0_u64;
        loop {
            // Another gateway's ledgers: this one takes them over when that one is gone.
            if let Err(error) = self.resume().await {
                warn!("the gateway's database does not say which ledgers there are: {error}");
            }
            for ledger in self.keys().into_keys() {
                let size = self.load_checked_size(ledger).await.ok();
                let (mut right, mut price) = (None, None);
                if round.is_multiple_of(ROUNDS_PER_QUESTION) {
                    right = match self.expect_own(ledger).await {
                        Err(problem) if problem.code == Code::LedgerRefuses => Some(Err(problem)),
                        Ok(()) | Err(_) => timeout(ANSWER_TIME, self.ask(ledger)).await.ok().and_then(Result::ok),
                    };
                    let first = fetch_recent_price(&self.means.servers[0], ledger);
                    price = timeout(ANSWER_TIME, first).await.ok().and_then(Result::ok);
                }
                self.note(ledger, right, size, price);
            }
            self.metrics.set_chain(self.known().values().all(Known::is_chain_there));
            round = round.wrapping_add(1);
            sleep(ROUND).await;
        }
    }

    pub(crate) async fn load_checked_size(&self, ledger: LedgerId) -> Result<u64, Rejection> {
        match load_ledger(&mut *self.index.acquire().await.map_err(unavailable)?, ledger).await {
            Ok(row) => Ok(row.checked.map_or(0, |(head, _)| head.entries.size.get())),
            Err(StoreError::UnknownLedger(_)) => {
                let detail =
                    format!("Ledger {ledger} is not in the index. Create it, and wait until the indexer has it.");
                Err(Rejection::new(Code::UnknownLedger, detail))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Makes sure that each append of this wallet to the ledger is one that the gateway's database has: else it was restored from before, or
    /// another gateway's database writes to the ledger, and records could get there twice.
    pub(crate) async fn expect_own(&self, ledger: LedgerId) -> Result<(), Rejection> {
        let mut index = self.index.acquire().await.map_err(unavailable)?;
        let mut gateway = self.gateway.acquire().await.map_err(unavailable)?;
        let row = load_ledger(&mut index, ledger).await.map_err(unavailable)?;
        let applied = row.applied_event_seq.get();
        let noted = load_own_events(&mut gateway, ledger).await.map_err(unavailable)?;
        let mut from = self.known().get(&ledger).map_or(noted, |known| known.own_events.max(noted));
        while from < applied {
            let end = applied.min(from.saturating_add(EVENTS_PER_LOOK));
            let seqs: Vec<LeafIndex> = (from..end).filter_map(|seq| LeafIndex::new(seq).ok()).collect();
            for event in load_events(&mut index, &row, &seqs).await.map_err(unavailable)? {
                if !self.is_known(&mut index, &mut gateway, &row, &event.event).await.map_err(unavailable)? {
                    return Err(foreign(ledger, &event.event));
                }
            }
            from = end;
            if from - noted >= EVENTS_PER_LOOK {
                note_own_events(&mut gateway, ledger, from).await.map_err(unavailable)?;
            }
            if let Some(known) = self.known().get_mut(&ledger) {
                known.own_events = from;
            }
        }
        Ok(())
    }

    /// Forgets up to which event all appends are known: the database may be an older one now.
    pub(crate) fn forget_own_events(&self) {
        self.known().values_mut().for_each(|known| known.own_events = 0);
    }

    /// Whether an event is no append of this wallet's that the gateway's database does not have.
    async fn is_known(
        &self,
        index: &mut PgConnection,
        gateway: &mut PgConnection,
        row: &LedgerRow,
        event: &Event,
    ) -> Result<bool, StoreError> {
        let (header, ledger) = (&event.header, row.ledger);
        if header.signer != self.wallet() {
            return Ok(true);
        }
        let first_index = header.first_index.get();
        match &event.body {
            EventBody::SubtreesAppended { hashes } => has_plan(gateway, ledger, first_index, hashes).await,
            EventBody::EntriesAppended { .. } => {
                let limit = u32::try_from(header.count).unwrap_or(u32::MAX);
                let rows = load_entries(index, row, first_index, limit).await?;
                let mut leaves = Frontier::new();
                // No transaction has more leaves than a log.
                if rows.iter().any(|entry| leaves.append_leaf(&entry.leaf).is_err()) {
                    return Ok(false);
                }
                let entries: Vec<Vec<u8>> = rows.into_iter().map(|entry| entry.payload).collect();
                Ok(!has_raw_record(gateway, ledger, first_index, &leaves.root(), &entries).await?)
            }
            _ => Ok(true),
        }
    }

    pub(crate) async fn ask(&self, ledger: LedgerId) -> Result<Result<Right, Rejection>, ClientError> {
        let mut last = None;
        for server in &self.means.servers {
            let asked = async {
                let account = server.fetch_confirmed_account(ledger).await?.account;
                let right = fetch_right(server, ledger, &account, self.wallet()).await?;
                Ok::<_, ClientError>((account.flags, right))
            };
            match asked.await {
                Ok((flags, right)) => return Ok(self.judge(ledger, flags, right)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(ClientError::NoLedger { server: String::new(), ledger }))
    }

    fn judge(&self, ledger: LedgerId, flags: u32, right: Right) -> Result<Right, Rejection> {
        let refuses = |detail: String| Err(Rejection::new(Code::LedgerRefuses, detail));
        let wallet = self.wallet();
        if flags & ledger_flag::SEALED != 0 {
            return refuses(format!("Ledger {ledger} is sealed: nothing can be appended to it."));
        }
        if flags & ledger_flag::SUBTREES_ALLOWED == 0 {
            return refuses(format!(
                "Ledger {ledger} takes no subtrees, by which a gateway appends: create one with --allow-subtrees."
            ));
        }
        if flags & ledger_flag::OPEN != 0 {
            return refuses(format!("Ledger {ledger} is open to others' appends, so that no promise could be kept."));
        }
        if !right.subtrees || right.expires_at <= Timestamp::now().as_second() {
            return refuses(format!(
                "The gateway's wallet {wallet} may not append to ledger {ledger}: its authority grants it by \
                 `counterfoil writer grant {ledger} {wallet} --subtrees`."
            ));
        }
        Ok(right)
    }

    /// The ledger as it was known last; none where it is not known.
    fn last(&self, ledger: LedgerId) -> Option<Result<Standing, Rejection>> {
        let all = self.known();
        let known = all.get(&ledger)?;
        let (is_chain_there, oldest, recent_price) = (known.is_chain_there(), known.oldest, known.recent_price);
        Some(known.right.clone().map(|right| {
            let promise_end = Timestamp::now().as_second().saturating_add_unsigned(self.terms.promise_time.as_secs());
            let can_promise = !self.restored.is_quiet()
                && is_chain_there
                && self.means.payers.can_promise()
                && right.expires_at > promise_end
                && oldest < self.terms.promise_time / 2;
            Standing { right, checked_size: known.checked_size.filter(|_| can_promise), oldest, recent_price }
        }))
    }

    /// Refuses where records wait for longer than the operator states: then more would only be promised to wait.
    pub(crate) fn expect_moving(&self, ledger: LedgerId, standing: &Standing) -> Result<(), Rejection> {
        if standing.oldest <= self.terms.longest_wait {
            return Ok(());
        }
        let detail = format!(
            "A record of ledger {ledger} waits for {} s to get to the chain, and after {} s no more are taken. Nothing was accepted: \
             come again later.",
            standing.oldest.as_secs(),
            self.terms.longest_wait.as_secs()
        );
        Err(Rejection::new(Code::Busy, detail).retry_after(60))
    }

    /// Notes whether this gateway plans for a ledger.
    pub(crate) fn note_planner(&self, ledger: LedgerId, is_planner: bool) {
        if let Some(known) = self.known().get_mut(&ledger) {
            known.is_planner = is_planner;
        }
    }

    /// Whether this gateway plans for a ledger: it alone does what one should do.
    pub(crate) fn is_planner(&self, ledger: LedgerId) -> bool {
        self.known().get(&ledger).is_some_and(|known| known.is_planner)
    }

    /// Notes how long the oldest record of a ledger waits.
    pub(crate) fn note_oldest(&self, ledger: LedgerId, oldest: Duration) {
        if let Some(known) = self.known().get_mut(&ledger) {
            known.oldest = oldest;
        }
    }

    fn note(
        &self,
        ledger: LedgerId,
        right: Option<Result<Right, Rejection>>,
        checked_size: Option<u64>,
        recent_price: Option<u64>,
    ) {
        if let Some(known) = self.known().get_mut(&ledger) {
            if let Some(right) = right {
                let end = right.as_ref().ok().map(|right| right.expires_at).filter(|end| *end < NEVER);
                let now = Timestamp::now().as_second();
                self.metrics.set_grant(ledger, end.map(|end| end.saturating_sub(now)));
                (known.right, known.asked) = (right, Some(Instant::now()));
            }
            known.checked_size = checked_size.or(known.checked_size);
            known.recent_price = recent_price.unwrap_or(known.recent_price);
        }
    }

    fn remember(&self, ledger: LedgerId, key: i32, right: Right) {
        let mut all = self.known();
        if all.contains_key(&ledger) {
            return;
        }
        let known = Known {
            key,
            right: Ok(right),
            asked: None,
            checked_size: None,
            oldest: Duration::ZERO,
            recent_price: 0,
            is_planner: false,
            own_events: 0,
            changes: watch::Sender::new(0),
        };
        all.insert(ledger, known);
        // The receiver lives as long as the process.
        let _ = self.begun.send((ledger, key));
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<LedgerId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn foreign(ledger: LedgerId, event: &Event) -> Rejection {
    let detail = format!(
        "Ledger {ledger} has an append of the gateway's wallet at index {}, in slot {}, that the gateway's database does not have: the \
         database is older, or another gateway with a database of its own writes there. Give this gateway the newest database, or a \
         ledger of its own.",
        event.header.first_index, event.header.slot
    );
    Rejection::new(Code::LedgerRefuses, detail)
}

fn chain_away() -> Rejection {
    Rejection::new(
        Code::Busy,
        "Whether the ledger takes records is not known yet: no server of the chain answers. Try again.",
    )
}

pub(crate) fn unavailable(error: impl Into<StoreError>) -> Rejection {
    let error: StoreError = error.into();
    let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
    warn!("{error}{cause}");
    Rejection::new(Code::DatabaseUnavailable, "Try again.")
}
