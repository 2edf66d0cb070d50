//! Pending events: confirmed by the cluster, and shown until finality decides.
//!
//! Nothing here is believed. Each event must follow from the final state and the pending events before it, as any
//! event must, and is shown apart from the log; finality replaces it, or drops it with its fork.

use std::collections::BTreeMap;

use counterfoil_client::Feed;
use counterfoil_core::{Event, LedgerId, LedgerState, ProgramId};
use counterfoil_store::{Pending, StoreError};
use futures_util::StreamExt;
use tracing::{debug, warn};

use crate::database::Database;
use crate::feed::inbox::Delivered;
use crate::sync::finality::Finality;

/// How many ledgers' pending events are kept at once.
const MAX_LEDGERS: usize = 256;
/// How many events of a ledger may be pending, and how many may wait for one before them.
const MAX_PENDING: usize = 1_024;

/// The pending events of all ledgers.
pub struct PendingLedgers {
    program: ProgramId,
    database: Database,
    finality: Finality,
    tips: BTreeMap<LedgerId, Tip>,
}

/// The pending events of one ledger.
struct Tip {
    /// The final state.
    base: LedgerState,
    /// The events that follow from it, in order.
    shown: Vec<Pending>,
    /// The state after them.
    state: LedgerState,
    /// Events whose predecessor has not arrived.
    waiting: BTreeMap<u64, Pending>,
}

impl Tip {
    fn new(base: LedgerState) -> Self {
        Self { state: base.clone(), base, shown: Vec::new(), waiting: BTreeMap::new() }
    }

    fn first(&self) -> u64 {
        self.base.event_seq().get()
    }

    fn end(&self) -> u64 {
        self.state.event_seq().get()
    }

    /// The pending event with this number.
    fn shown(&self, event_seq: u64) -> Option<&Pending> {
        self.shown.get(usize::try_from(event_seq.checked_sub(self.first())?).ok()?)
    }

    /// Takes in an event. The first number from which on what is shown has changed, if it has.
    fn observe(&mut self, pending: Pending) -> Option<u64> {
        let event_seq = pending.event.header.event_seq.get();
        if event_seq < self.first() || self.shown(event_seq).is_some_and(|shown| shown.event == pending.event) {
            return None;
        }
        if event_seq > self.end() {
            if self.waiting.len() < MAX_PENDING {
                self.waiting.insert(event_seq, pending);
            }
            return None;
        }
        // Another event in the place of a pending one, on another fork: what follows from that one goes with it.
        let state = if event_seq == self.end() { self.state.clone() } else { self.state_before(event_seq)? };
        let state = state.apply(pending.event.clone()).ok()?.0;
        self.truncate(event_seq);
        self.shown.push(pending);
        self.state = state;
        while let Some(next) = self.waiting.remove(&self.end()) {
            let Ok((state, _)) = self.state.clone().apply(next.event.clone()) else { break };
            self.state = state;
            self.shown.push(next);
        }
        Some(event_seq)
    }

    /// Goes on from a later final state, in which everything up to `slot` is decided. The first number from which on
    /// what is shown has changed, if it has.
    fn settle(&mut self, base: LedgerState, slot: u64) -> Option<u64> {
        let (end, first) = (self.end(), base.event_seq().get());
        let after: Vec<Pending> = std::mem::take(&mut self.shown)
            .into_iter()
            .filter(|pending| pending.event.header.event_seq.get() >= first)
            .collect();
        let waiting = self.waiting.split_off(&first);
        *self = Self { waiting, ..Self::new(base) };
        for pending in after {
            let is_dead = pending.event.header.slot <= slot;
            let Some((state, _)) = self.follow(&pending.event).filter(|_| !is_dead) else { break };
            self.state = state;
            self.shown.push(pending);
        }
        (self.end() < end).then_some(self.end())
    }

    fn follow(&self, event: &Event) -> Option<(LedgerState, counterfoil_core::VerifiedAppend)> {
        self.state.clone().apply(event.clone()).ok()
    }

    fn state_before(&self, event_seq: u64) -> Option<LedgerState> {
        let count = usize::try_from(event_seq.checked_sub(self.first())?).ok()?;
        let before = self.shown.iter().take(count);
        before
            .map(|pending| pending.event.clone())
            .try_fold(self.base.clone(), |state, event| Some(state.apply(event).ok()?.0))
    }

    fn truncate(&mut self, event_seq: u64) {
        let first = self.first();
        self.shown.retain(|pending| (first..event_seq).contains(&pending.event.header.event_seq.get()));
    }
}

impl PendingLedgers {
    /// Nothing is pending yet.
    #[must_use]
    pub fn new(program: ProgramId, database: Database, finality: Finality) -> Self {
        Self { program, database, finality, tips: BTreeMap::new() }
    }

    /// Shows what the feed of confirmed transactions delivers, until the feed ends.
    ///
    /// # Errors
    /// [`StoreError`] when what was shown before cannot be taken back at the start.
    pub async fn run(mut self, mut feed: Feed) -> Result<(), StoreError> {
        self.database.clear_pending().await?;
        loop {
            let finality = self.finality.clone();
            let outcome = tokio::select! {
                delivered = feed.next() => match delivered {
                    None => return Ok(()),
                    Some(Ok(transactions)) => {
                        let events = transactions.iter().filter_map(|record| Delivered::decode(self.program, record).ok());
                        self.show(events.flatten().collect()).await
                    }
                    Some(Err(error)) => {
                        debug!("the feed of what is confirmed: {error}");
                        Ok(())
                    }
                },
                () = finality.changed() => self.settle().await,
            };
            if let Err(error) = outcome {
                // The table may not be equal to memory: both begin again with the next event.
                warn!("what is pending cannot be shown: {error}");
                self.tips.clear();
                let _ = self.database.clear_pending().await;
            }
        }
    }

    /// Shows confirmed events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn show(&mut self, events: Vec<Delivered>) -> Result<(), StoreError> {
        for Delivered { within, slot, event } in events {
            let ledger = event.header.ledger;
            if event.header.slot != slot || event.header.event_seq.get() < self.finality.of(ledger).event_seq {
                continue;
            }
            if self.tips.get(&ledger).is_none_or(|tip| tip.end() < event.header.event_seq.get()) {
                self.load(ledger).await?;
            }
            let Some(tip) = self.tips.get_mut(&ledger) else { continue };
            if tip.shown.len() >= MAX_PENDING {
                continue;
            }
            if let Some(from) = tip.observe(Pending { within, event }) {
                self.write(ledger, from).await?;
            }
        }
        Ok(())
    }

    /// Drops what finality has decided.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle(&mut self) -> Result<(), StoreError> {
        let ledgers: Vec<LedgerId> = self.tips.keys().copied().collect();
        for ledger in ledgers {
            let is_final = self.finality.of(ledger);
            let is_decided = |tip: &Tip| {
                let oldest = tip.shown.iter().map(|pending| pending.event.header.slot).min();
                tip.first() < is_final.event_seq || oldest.is_some_and(|slot| slot <= is_final.slot)
            };
            if self.tips.get(&ledger).is_some_and(is_decided) {
                self.load(ledger).await?;
            }
        }
        Ok(())
    }

    /// Goes on from the final state as it is stored now.
    async fn load(&mut self, ledger: LedgerId) -> Result<(), StoreError> {
        // Read before the state: what is decided up to this slot is in the state, or is not at all.
        let is_final = self.finality.of(ledger);
        let base = match self.database.load_state(ledger).await {
            Ok(base) => base,
            Err(StoreError::UnknownLedger(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        // Rows that are final on the chain and not yet here decide nothing.
        let slot = if base.event_seq().get() >= is_final.event_seq { is_final.slot } else { 0 };
        if self.tips.len() >= MAX_LEDGERS {
            self.tips.retain(|_, tip| !tip.shown.is_empty());
        }
        if let Some(tip) = self.tips.get_mut(&ledger) {
            return match tip.settle(base, slot) {
                Some(from) => self.write(ledger, from).await,
                None => Ok(()),
            };
        }
        if self.tips.len() < MAX_LEDGERS {
            self.tips.insert(ledger, Tip::new(base));
        }
        Ok(())
    }

    async fn write(&self, ledger: LedgerId, from: u64) -> Result<(), StoreError> {
        let Some(tip) = self.tips.get(&ledger) else { return Ok(()) };
        let skipped = usize::try_from(from.saturating_sub(tip.first())).unwrap_or(usize::MAX);
        let events = tip.shown.get(skipped..).unwrap_or_default();
        self.database.metrics.pending(events.len() as u64);
        self.database.replace_pending(ledger, from, events).await
    }
}
