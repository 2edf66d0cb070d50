//! One ledger's transactions at the servers: fetched, searched for where they are missing, and written.

use counterfoil_client::{ClientError, Fetched, ListedTransaction, Listing, Source, TransactionRecord};
use counterfoil_core::{LedgerId, LedgerState};
use tracing::{Instrument, debug, debug_span, info, warn};

use super::error::FollowError;
use super::follower::{Backlog, Follower, Kept};
use crate::Quorum;
use crate::feed::inbox::{Delivered, Inbox};

/// How many transactions are fetched, verified and written at a time.
const TRANSACTIONS_PER_BATCH: usize = 256;
/// After how many batches other ledgers get their turn.
const BATCHES_PER_PASS: usize = 16;
/// How many events may wait for one that comes before them. Servers list by slot, and a slot holds far fewer of one
/// ledger; so an event that is missing is found missing before the rest of the history fills the memory.
const MAX_WAITING: usize = 2_048;
/// How far ahead of a quorum a server may honestly be, in slots: half an hour.
const MAX_SLOTS_AHEAD: u64 = 4_096;
/// Over how many slots an event that is not listed is looked for in blocks: some three minutes.
const MAX_SLOTS_SEARCHED: u64 = 432;

impl<S: Source> Follower<'_, S> {
    /// Goes on with one server's transactions. A quorum's refutation of the result comes before any other error.
    pub(super) async fn catch_up_from(
        &self,
        server: usize,
        ledger: LedgerId,
        kept: Kept,
        quorum: &mut Quorum,
    ) -> Result<Kept, FollowError> {
        quorum.compare(&kept.state);
        let result = match quorum.refuted() {
            Some(_) => Ok(kept),
            None => self.fetch_from(server, ledger, kept, quorum).await,
        };
        FollowError::refuted(quorum).map_or(result, Err)
    }

    async fn fetch_from(
        &self,
        server: usize,
        ledger: LedgerId,
        Kept { mut state, mut backlogs }: Kept,
        quorum: &mut Quorum,
    ) -> Result<Kept, FollowError> {
        let source = &self.sources[server];
        let target = quorum.event_seq_of_quorum();
        let gap = |expected| FollowError::Gap { expected, server: source.name().to_owned(), account: target };
        let mut backlog = backlogs.extract_if(.., |backlog| backlog.server == server).next();
        let (fruitless, begins_at) = (backlog.as_ref().map_or(0, |backlog| backlog.fruitless), state.event_seq());
        let mut is_listed_now = false;
        let mut batches = 0;
        while state.event_seq().get() < target {
            let event_seq = state.event_seq().get();
            let mut rest = match backlog.take() {
                Some(rest) if rest.listed.len() > 0 || rest.waiting.holds(event_seq) => rest,
                // The listing left out newer ones; those listed so far may be anybody's.
                Some(Backlog { next_slot: Some(slot), waiting, .. }) => {
                    self.list(server, ledger, slot, quorum, waiting).await?
                }
                // All that is listed was looked through: the event is not among it.
                Some(mut rest) if is_listed_now => {
                    self.search_blocks(source, ledger, event_seq, quorum, &mut rest.waiting).await?;
                    if !rest.waiting.holds(event_seq) {
                        return Err(gap(event_seq));
                    }
                    rest
                }
                _ => {
                    is_listed_now = true;
                    let since = self.database.slot_before(ledger, event_seq).await?;
                    self.list(server, ledger, since, quorum, Inbox::default()).await?
                }
            };
            if batches == BATCHES_PER_PASS {
                info!(ledger.id = %ledger, event_seq, "{} transactions are left for the next passes", rest.listed.len());
                if state.event_seq() > begins_at {
                    backlogs.clear();
                    rest.fruitless = 0;
                } else {
                    rest.fruitless = fruitless.saturating_add(1);
                }
                backlogs.push(rest);
                return Ok(Kept { state, backlogs });
            }
            batches += 1;
            let chunk: Vec<ListedTransaction> = rest.listed.by_ref().take(TRANSACTIONS_PER_BATCH).collect();
            self.fetch_chunk(source, ledger, &chunk, event_seq, &mut rest.waiting).await?;
            let run = rest.waiting.take_run(event_seq, target, usize::MAX);
            state = self.writer(ledger).apply(state, run, quorum, source.name()).await?;
            let event_seq = state.event_seq().get();
            if rest.waiting.len() > MAX_WAITING && event_seq < target {
                self.search_blocks(source, ledger, event_seq, quorum, &mut rest.waiting).await?;
                if !rest.waiting.holds(event_seq) {
                    return Err(gap(event_seq));
                }
            }
            backlog = Some(rest);
        }
        Ok(Kept { state, backlogs: Vec::new() })
    }

    /// Looks for an event that the server does not list in the blocks where it must be: after the event before it,
    /// and before the next one that is there.
    async fn search_blocks(
        &self,
        source: &S,
        ledger: LedgerId,
        event_seq: u64,
        quorum: &Quorum,
        waiting: &mut Inbox,
    ) -> Result<(), FollowError> {
        let first = self.database.slot_before(ledger, event_seq).await?;
        let last = waiting.first_slot().unwrap_or_else(|| quorum.slot_of_last_append());
        if event_seq == 0 || last < first || last - first > MAX_SLOTS_SEARCHED {
            return Ok(());
        }
        let server = source.name();
        warn!(ledger.id = %ledger, server, "event {event_seq} is not listed: reading blocks {first} to {last}");
        let found = source.fetch_slots(first, last).await.map_err(FollowError::Client)?;
        self.take_events(ledger, &found, event_seq, waiting)
    }

    async fn list(
        &self,
        server: usize,
        ledger: LedgerId,
        since: u64,
        quorum: &Quorum,
        waiting: Inbox,
    ) -> Result<Backlog, FollowError> {
        let source = &self.sources[server];
        let Listing { transactions, is_whole } =
            source.list_transactions(ledger, since).await.map_err(FollowError::Client)?;
        debug!(ledger.id = %ledger, server = source.name(), since, "{} transactions are listed", transactions.len());
        let last = transactions.last().map(|listed| listed.slot);
        let newest = quorum.slot_of_quorum().saturating_add(MAX_SLOTS_AHEAD);
        if let Some(slot) = last.filter(|last| *last > newest) {
            let what = format!("slot {slot}, far beyond slot {} of a quorum", quorum.slot_of_quorum());
            let (server, method) = (source.name().to_owned(), "getSignaturesForAddress");
            return Err(FollowError::Client(ClientError::Malformed { server, method, what }));
        }
        // A slot that fills a listing alone cannot be listed further: the next one is.
        let next_slot = last.filter(|_| !is_whole).map(|last| last.max(since.saturating_add(1)));
        Ok(Backlog { server, fruitless: 0, listed: transactions.into_iter(), next_slot, waiting })
    }

    /// Lets servers that are ahead of the quorum agree to where it stands: their events are applied in memory, one
    /// batch, and kept nowhere, for one server alone must not lead the index. A failure here leads to fewer that
    /// agree and to nothing else.
    pub(super) async fn look_ahead(
        &self,
        ledger: LedgerId,
        state: &LedgerState,
        quorum: &mut Quorum,
    ) -> Result<(), FollowError> {
        let event_seq = state.event_seq().get();
        let mut checked = self.mark_if_new(quorum, ledger).await?;
        for server in self.reputation.order() {
            let source = &self.sources[server];
            if checked >= quorum.event_seq_of_quorum() || quorum.newest_event_seq() <= event_seq {
                break;
            }
            let ahead = async {
                let since = self.database.slot_before(ledger, event_seq).await?;
                let listed = self.list(server, ledger, since, quorum, Inbox::default()).await?.listed;
                let chunk: Vec<ListedTransaction> = listed.take(TRANSACTIONS_PER_BATCH).collect();
                let mut waiting = Inbox::default();
                self.fetch_chunk(source, ledger, &chunk, event_seq, &mut waiting).await?;
                Ok::<_, FollowError>(waiting.take_run(event_seq, u64::MAX, usize::MAX))
            };
            match ahead.await {
                Ok(run) => {
                    let mut ahead = state.clone();
                    for delivered in run {
                        let Ok((next, _)) = ahead.apply(delivered.event) else { break };
                        ahead = next;
                        quorum.compare(&ahead);
                    }
                }
                Err(error) if error.is_of_database() => return Err(error),
                Err(error) => {
                    debug!(ledger.id = %ledger, server = source.name(), "not looked ahead: {error}");
                    self.reputation.failed(server);
                }
            }
            checked = self.mark_if_new(quorum, ledger).await?;
        }
        Ok(())
    }

    /// Fetches transactions and sets their events of this ledger aside, from number `event_seq` on.
    async fn fetch_chunk(
        &self,
        source: &S,
        ledger: LedgerId,
        chunk: &[ListedTransaction],
        event_seq: u64,
        waiting: &mut Inbox,
    ) -> Result<(), FollowError> {
        let span = debug_span!("fetch", ledger.id = %ledger, server = source.name(), transactions = chunk.len());
        let Fetched { transactions, unread } =
            source.fetch_transactions(chunk).instrument(span).await.map_err(FollowError::Client)?;
        // It may be anybody's. Events of this ledger in it are found missing.
        for error in unread {
            warn!(ledger.id = %ledger, "passed over: {error}");
        }
        self.take_events(ledger, &transactions, event_seq, waiting)
    }

    fn take_events(
        &self,
        ledger: LedgerId,
        transactions: &[TransactionRecord],
        event_seq: u64,
        waiting: &mut Inbox,
    ) -> Result<(), FollowError> {
        for transaction in transactions {
            for delivered in Delivered::decode(self.program, transaction).map_err(FollowError::Client)? {
                if delivered.ledger() == ledger && delivered.event.header.event_seq.get() >= event_seq {
                    waiting.insert(delivered);
                }
            }
        }
        Ok(())
    }
}
