//! Bringing one ledger up to date, once.

use std::collections::BTreeMap;

use counterfoil_client::{ClientError, ListedTransaction, Source, TransactionRecord, decode};
use counterfoil_core::{ApplyError, Event, LedgerId, LedgerState, ProgramId, VerifiedAppend};
use counterfoil_store::{CommittedIn, PgPool, StoreError, commit, load_events, load_ledger, load_state, mark_checked};
use futures_util::future::join_all;
use merkle_log::LeafIndex;
use tracing::{debug, info, warn};

use crate::Agreement;

/// How many transactions are fetched, verified and written at a time; bounds memory whatever the backlog.
const TRANSACTIONS_PER_BATCH: usize = 256;

/// Why a ledger could not be brought up to date, by what must be done.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A server or the database did not answer; try again.
    #[error(transparent)]
    Client(ClientError),
    /// The database did not answer, or another indexer is at work; load again and try again.
    #[error(transparent)]
    Store(StoreError),
    /// Too few servers answered to compare with; try again.
    #[error("{answered} of {asked} servers reported the account, {quorum} are needed: {errors}")]
    TooFewServers {
        /// How many answered.
        answered: usize,
        /// How many were asked.
        asked: usize,
        /// How many are needed.
        quorum: usize,
        /// What the others said.
        errors: String,
    },
    /// An event is missing from all that the server lists; nothing after it is served. Try again, elsewhere.
    #[error("event {expected} is missing from what {server} lists; its account has {account} events")]
    Gap {
        /// The missing event.
        expected: u64,
        /// The server asked.
        server: String,
        /// Events in the account.
        account: u64,
    },
    /// A server delivered an event that does not follow; try elsewhere, halt when all say so.
    #[error("{server} delivered an event that does not follow: {source}")]
    FalseEvent {
        /// The server.
        server: String,
        /// Why it does not follow.
        source: ApplyError,
    },
    /// The chain says other than what we recomputed. The ledger halts.
    #[error("{heads}; said by {servers}")]
    Refuted {
        /// Both heads.
        heads: String,
        /// Who says so.
        servers: String,
    },
}

impl FollowError {
    /// Whether the ledger must stop until a person has looked. A false event halts only when all servers deliver it.
    #[must_use]
    pub const fn halts(&self) -> bool {
        match self {
            Self::Refuted { .. } | Self::FalseEvent { .. } => true,
            Self::Client(error) => !error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Corrupt { .. }),
            Self::TooFewServers { .. } | Self::Gap { .. } => false,
        }
    }
}

impl From<StoreError> for FollowError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is needed to follow a ledger.
pub struct Follower<'a, S> {
    /// The program whose events count.
    pub program: ProgramId,
    /// The servers; the first is the one that delivers events, as long as it does.
    pub sources: &'a [S],
    /// How many servers must report the same account.
    pub quorum: usize,
    /// The index.
    pub pool: &'a PgPool,
}

/// How far a ledger is after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Events applied.
    pub applied: u64,
    /// Events in the account furthest ahead.
    pub account: u64,
    /// Events checked.
    pub checked: u64,
}

impl<S: Source> Follower<'_, S> {
    /// Brings one ledger up to date. `state` is what was kept from the last pass; none loads it. It is given back
    /// only after a pass without error, so that an error always leads to loading it anew.
    ///
    /// # Errors
    /// [`FollowError`].
    pub async fn follow(
        &self,
        ledger: LedgerId,
        state: Option<LedgerState>,
    ) -> Result<(LedgerState, Progress), FollowError> {
        // The accounts come first: whatever is appended after this reading is the next pass's.
        let mut agreement = self.read_accounts(ledger).await?;
        let mut state = match state {
            Some(state) => state,
            None => load_state(&mut *self.connection().await?, ledger).await?,
        };
        agreement.compare(&state);
        self.mark(&agreement, &[], ledger).await?;
        let target = agreement.newest_event_seq();
        if state.event_seq().get() < target {
            state = self.catch_up(ledger, state, &mut agreement).await?;
        }
        for (server, heads) in agreement.disagreeing() {
            warn!(ledger.id = %ledger, %server, "a server disagrees: {heads}");
        }
        if let Some((heads, servers)) = agreement.refuted() {
            return Err(FollowError::Refuted { heads: heads.to_string(), servers: servers.join(", ") });
        }
        let row = load_ledger(&mut *self.connection().await?, ledger).await?;
        let checked = row.checked.map_or(0, |(head, _)| head.events.size.get());
        let applied = state.event_seq().get();
        Ok((state, Progress { applied, account: target, checked }))
    }

    /// Asks one server after the other for the missing events, until one has led to the newest account.
    async fn catch_up(
        &self,
        ledger: LedgerId,
        state: LedgerState,
        agreement: &mut Agreement,
    ) -> Result<LedgerState, FollowError> {
        let mut result = self.fetch_from(&self.sources[0], ledger, state, agreement).await;
        for source in &self.sources[1..] {
            let Err(error) = &result else { break };
            if matches!(error, FollowError::Store(_)) {
                break;
            }
            warn!(ledger.id = %ledger, server = source.name(), "trying another server after: {error}");
            let state = load_state(&mut *self.connection().await?, ledger).await?;
            result = self.fetch_from(source, ledger, state, agreement).await;
        }
        result
    }

    async fn fetch_from(
        &self,
        source: &S,
        ledger: LedgerId,
        mut state: LedgerState,
        agreement: &mut Agreement,
    ) -> Result<LedgerState, FollowError> {
        let target = agreement.newest_event_seq();
        let since = self.slot_of_last_event(ledger, &state).await?;
        let listed = source.list_transactions(ledger, since).await.map_err(FollowError::Client)?;
        debug!(ledger.id = %ledger, server = source.name(), since, "{} transactions are listed", listed.len());

        // Events that came before the one that is next: servers list a slot's transactions in any order.
        let mut waiting = BTreeMap::new();
        let mut fetched = 0;
        for chunk in listed.chunks(TRANSACTIONS_PER_BATCH) {
            self.fetch_chunk(source, ledger, chunk, &state, &mut waiting).await?;
            let mut batch = Vec::new();
            while state.event_seq().get() < target {
                let Some((within, event)) = waiting.remove(&state.event_seq().get()) else { break };
                let (next, append) = state
                    .apply(event)
                    .map_err(|error| FollowError::FalseEvent { server: source.name().to_owned(), source: error })?;
                state = next;
                batch.push((within, append));
                agreement.compare(&state);
            }
            self.mark(agreement, &batch, ledger).await?;
            fetched += chunk.len();
            if listed.len() > TRANSACTIONS_PER_BATCH {
                let total = listed.len();
                info!(ledger.id = %ledger, event_seq = %state.event_seq(), "{fetched} of {total} transactions read");
            }
            if state.event_seq().get() == target {
                return Ok(state);
            }
        }
        let expected = state.event_seq().get();
        Err(FollowError::Gap { expected, server: source.name().to_owned(), account: target })
    }

    /// Fetches transactions and sets their events of this ledger aside, by number.
    async fn fetch_chunk(
        &self,
        source: &S,
        ledger: LedgerId,
        chunk: &[ListedTransaction],
        state: &LedgerState,
        waiting: &mut BTreeMap<u64, (CommittedIn, Event)>,
    ) -> Result<(), FollowError> {
        let transactions: Vec<TransactionRecord> =
            source.fetch_transactions(chunk).await.map_err(FollowError::Client)?;
        for transaction in &transactions {
            let within = CommittedIn { signature: transaction.signature, slot: transaction.slot };
            for event in decode(self.program, transaction).map_err(FollowError::Client)? {
                let event_seq = event.header.event_seq.get();
                if event.header.ledger == ledger && event_seq >= state.event_seq().get() {
                    waiting.insert(event_seq, (within, event));
                }
            }
        }
        Ok(())
    }

    /// Writes a batch, and how far a quorum has confirmed it, in one SQL transaction.
    async fn mark(
        &self,
        agreement: &Agreement,
        batch: &[(CommittedIn, VerifiedAppend)],
        ledger: LedgerId,
    ) -> Result<(), FollowError> {
        let checked = agreement.checked();
        if batch.is_empty() && checked.is_none() {
            return Ok(());
        }
        let mut transaction = self.pool.begin().await.map_err(StoreError::from)?;
        commit(&mut transaction, ledger, batch).await?;
        if let Some((head, slot)) = checked {
            mark_checked(&mut transaction, &head, slot).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        if let Some((_, append)) = batch.last() {
            let header = &append.event().header;
            let events = batch.len();
            info!(ledger.id = %ledger, tree.size = %header.size, "verified {events} events, {} entries", header.size);
        }
        Ok(())
    }

    async fn read_accounts(&self, ledger: LedgerId) -> Result<Agreement, FollowError> {
        let readings = join_all(self.sources.iter().map(|source| source.fetch_account(ledger))).await;
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        for (source, reading) in self.sources.iter().zip(readings) {
            match reading {
                Ok(at) => answers.push((source.name().to_owned(), at)),
                Err(error) => errors.push(error.to_string()),
            }
        }
        if answers.len() < self.quorum {
            return Err(FollowError::TooFewServers {
                answered: answers.len(),
                asked: self.sources.len(),
                quorum: self.quorum,
                errors: errors.join("; "),
            });
        }
        Ok(Agreement::new(self.quorum, answers))
    }

    /// From this slot on events may be missing: the slot of the last one applied, for others can share it.
    async fn slot_of_last_event(&self, ledger: LedgerId, state: &LedgerState) -> Result<u64, FollowError> {
        let Some(last) = state.event_seq().get().checked_sub(1) else { return Ok(0) };
        let mut connection = self.connection().await?;
        let row = load_ledger(&mut connection, ledger).await?;
        let last = LeafIndex::new(last).expect("a log's last index is in range");
        let events = load_events(&mut connection, &row, &[last]).await?;
        Ok(events.first().map_or(0, |row| row.event.header.slot))
    }

    async fn connection(&self) -> Result<counterfoil_store::PgPoolConnection, FollowError> {
        Ok(self.pool.acquire().await.map_err(StoreError::from)?)
    }
}
