//! Hints of what was committed, for those who hear of it over NATS. They are made from what is in memory, and queued at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::{LedgerHead, LedgerId, VerifiedAppend};
use counterfoil_nats::{Prefix, Publisher, Servers, StreamLimits};
use counterfoil_store::{CommittedIn, LedgerRow};
use counterfoil_wire::{AppendHint, EntriesHint, HeadHint, Reached, U64};

/// How many leaf hashes a message has; a longer range is named without them. It bounds a message to 300 KB.
const LEAVES: u64 = 1_024;

/// The NATS that hints go to.
#[derive(Clone, Debug)]
pub struct Nats {
    /// Its servers. Not trusted: hints that are lost or false lead to no other answer, only to a later one.
    pub servers: Servers,
    /// The token of the subjects; none for the one that the cluster's genesis hash gives.
    pub prefix: Option<Prefix>,
    /// The limits of the stream, where it is to be created.
    pub limits: StreamLimits,
}

/// The hints of an index. Clones share them; by default there are none.
#[derive(Clone, Default)]
pub struct Hints(Option<Arc<Shared>>);

struct Shared {
    publisher: Publisher,
    known: Mutex<BTreeMap<LedgerId, Known>>,
}

/// The numbers that were told of a ledger, or read at the start.
#[derive(Default)]
struct Known {
    applied: Reached,
    checked: Option<Reached>,
    halted: bool,
    /// The newest appends that are not checked yet, of [`LEAVES`] leaves at most.
    appends: VecDeque<AppendHint>,
}

impl Hints {
    /// Hints that `publisher` sends.
    #[must_use]
    pub fn new(publisher: Publisher) -> Self {
        Self(Some(Arc::new(Shared { publisher, known: Mutex::default() })))
    }

    /// A batch was committed, or the checked heads moved.
    pub(crate) fn committed(
        &self,
        ledger: LedgerId,
        batch: &[(CommittedIn, VerifiedAppend)],
        checked: Option<&LedgerHead>,
    ) {
        self.change(ledger, |publisher, known| {
            batch.iter().for_each(|(within, append)| known.append(within, append));
            let checked = checked.map(reached).filter(|checked| known.checked.is_none_or(|known| known != *checked));
            let Some(checked) = checked else {
                return (!batch.is_empty()).then_some(("applied", known.applied.event_seq.0));
            };
            let from = known.checked.map_or(0, |before| before.size.0);
            if checked.size.0 > from {
                publisher.entries(ledger, &known.take_range(ledger, from, checked.size.0));
            }
            known.checked = Some(checked);
            Some(("checked", checked.event_seq.0))
        });
    }

    /// Events that were applied and never checked were taken back.
    pub(crate) fn dropped(&self, ledger: LedgerId) {
        self.change(ledger, |_, known| {
            known.appends.clear();
            known.applied = known.checked.unwrap_or_default();
            Some(("applied", known.applied.event_seq.0))
        });
    }

    /// A ledger was halted.
    pub(crate) fn halted(&self, ledger: LedgerId) {
        self.change(ledger, |_, known| {
            known.halted = true;
            Some(("halted", known.applied.event_seq.0))
        });
    }

    /// The rows of all ledgers, as a look found them. Numbers are taken of ledgers that were not known; that one is no longer
    /// halted is told.
    pub(crate) fn found<'a>(&self, rows: impl IntoIterator<Item = &'a LedgerRow>) {
        let Some(shared) = &self.0 else { return };
        for row in rows {
            let mut known = shared.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(row.ledger).or_insert_with(|| Known {
                applied: Reached { size: row.applied_size.into(), event_seq: row.applied_event_seq.into() },
                checked: row.checked.as_ref().map(|(head, _)| reached(head)),
                halted: row.halt.is_some(),
                appends: VecDeque::new(),
            });
            drop(known);
            self.change(row.ledger, |_, known| {
                let goes_on = row.halt.is_none() && std::mem::take(&mut known.halted);
                goes_on.then_some(("following", known.applied.event_seq.0))
            });
        }
    }

    /// Forgets all numbers, for another indexer may have moved them.
    pub(crate) fn forget(&self) {
        if let Some(shared) = &self.0 {
            shared.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Changes the numbers of a ledger, and tells them under the stage and number that `change` answers.
    fn change(&self, ledger: LedgerId, change: impl FnOnce(&Publisher, &mut Known) -> Option<(&'static str, u64)>) {
        let Some(shared) = &self.0 else { return };
        let mut known = shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(ledger).or_default();
        if let Some((stage, number)) = change(&shared.publisher, known) {
            let Known { applied, checked, halted, .. } = *known;
            let hint = HeadHint { ledger: ledger.into(), applied, checked, halted };
            shared.publisher.head(ledger, stage, number, &hint);
        }
    }
}

impl Known {
    fn append(&mut self, within: &CommittedIn, append: &VerifiedAppend) {
        let header = &append.event().header;
        let event_seq = header.event_seq.get();
        self.applied = Reached { size: header.size.into(), event_seq: U64(event_seq.saturating_add(1)) };
        if header.count == 0 {
            return;
        }
        let leaves = append.entries().iter().map(|entry| merkle_log::Hash::from(entry.leaf)).collect::<Vec<_>>();
        self.appends.push_back(AppendHint {
            event_seq: U64(event_seq),
            transaction: within.signature.into(),
            from: header.first_index.into(),
            to: header.size.into(),
            leaf_hashes: append.subtrees().is_empty().then(|| leaves.into()),
        });
        let size = header.size.get();
        while self.appends.front().is_some_and(|first| size.saturating_sub(first.from.0) > LEAVES) {
            self.appends.pop_front();
        }
    }

    /// The appends that make up a range, which are then forgotten with all before it.
    fn take_range(&mut self, ledger: LedgerId, from: u64, to: u64) -> EntriesHint {
        let mut range = Vec::new();
        while let Some(append) = self.appends.pop_front_if(|append| append.to.0 <= to) {
            range.push(append);
        }
        let is_whole =
            range.first().is_some_and(|first| first.from.0 == from) && range.last().is_some_and(|last| last.to.0 == to);
        EntriesHint { ledger: ledger.into(), from: U64(from), to: U64(to), appends: is_whole.then_some(range) }
    }
}

fn reached(head: &LedgerHead) -> Reached {
    Reached { size: head.entries.size.into(), event_seq: head.events.size.into() }
}
