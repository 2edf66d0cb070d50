//! The whole history: ledgers created one after the other, then appends to them in turns that chance decides.

use std::io::Write;
use std::iter;

use counterfoil_client::{RecordingWriter, address, idl};
use counterfoil_core::{GenesisHash, ProgramId, Wallet};
use fastrand::Rng;

use crate::ledger::{Ledger, Moment, transaction};

const FIRST_SLOT: u64 = 300_000_000;
const FIRST_TIME: i64 = 1_700_000_000;
/// So that their order within a slot matters.
const TRANSACTIONS_PER_SLOT: u64 = 8;

/// How much there is of what.
#[derive(Clone, Copy)]
pub struct Shape {
    pub records: u64,
    pub ledgers: usize,
    pub entries_per_transaction: usize,
    pub entry_bytes: usize,
}

/// A history that is told once, from its beginning.
pub struct History {
    shape: Shape,
    program: ProgramId,
    random: Rng,
    ledgers: Vec<Ledger>,
    executed: u64,
}

impl History {
    /// Nothing has happened yet.
    pub fn new(shape: Shape, seed: u64) -> Self {
        let program = idl::declared_program();
        let mut random = Rng::with_seed(seed);
        let ledgers = iter::repeat_with(|| {
            let authority = Wallet(bytes(&mut random));
            Ledger::new(program, authority, bytes(&mut random))
        });
        let ledgers = ledgers.take(shape.ledgers).collect();
        Self { shape, program, random, ledgers, executed: 0 }
    }

    /// Tells it into a recording; the transactions before the one that appends record `from_record` are left out.
    /// Answers how many were not.
    pub fn write(mut self, out: impl Write, from_record: u64) -> anyhow::Result<u64> {
        let mut writer = RecordingWriter::new(out, GenesisHash(bytes(&mut self.random)), self.program)?;
        let authority = address::event_authority(self.program).to_bytes();
        let mut written = 0;
        for number in 0..self.ledgers.len() {
            let at = self.next_moment();
            let event = self.ledgers[number].create(at)?;
            if from_record == 0 {
                writer.write_transaction(&transaction(self.program, authority, &event, at))?;
                written += 1;
            }
        }
        let mut records = 0;
        while records < self.shape.records {
            let at = self.next_moment();
            let most = self.shape.entries_per_transaction as u64;
            let count = most.min(self.shape.records - records);
            let entries = (0..count).map(|_| self.next_entry()).collect();
            let chosen = self.random.usize(..self.ledgers.len());
            let event = self.ledgers[chosen].append(entries, at)?;
            records += count;
            if records > from_record {
                writer.write_transaction(&transaction(self.program, authority, &event, at))?;
                written += 1;
            }
        }
        let slot = self.next_moment().slot;
        self.ledgers.iter().for_each(|ledger| writer.add_account(ledger.address, slot, &ledger.account()));
        writer.finish()?.flush()?;
        Ok(written)
    }

    fn next_moment(&mut self) -> Moment {
        let slots = self.executed / TRANSACTIONS_PER_SLOT;
        self.executed += 1;
        // A slot takes 0.4 s.
        let seconds = i64::try_from(slots * 2 / 5).expect("a count of transactions is far smaller");
        Moment { slot: FIRST_SLOT + slots, unix_time: FIRST_TIME + seconds, signature: bytes(&mut self.random) }
    }

    fn next_entry(&mut self) -> Vec<u8> {
        let mut entry = vec![0; self.shape.entry_bytes];
        self.random.fill(&mut entry);
        entry
    }
}

fn bytes<const N: usize>(random: &mut Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use counterfoil_client::{Recording, Source, TransactionRecord, decode};
    use counterfoil_core::LedgerState;
    use futures_util::TryStreamExt;

    use super::*;

    const SHAPE: Shape = Shape { records: 700, ledgers: 3, entries_per_transaction: 4, entry_bytes: 9 };

    fn told(shape: Shape, from_record: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        History::new(shape, 7).write(&mut bytes, from_record).expect("memory takes all");
        bytes
    }

    async fn read(bytes: &[u8]) -> (Recording, Vec<TransactionRecord>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.recording");
        fs::write(&path, bytes).expect("there is room");
        let transactions = Recording::feed(&path).try_concat().await.expect("it is whole");
        (Recording::open(&path).expect("it is whole"), transactions)
    }

    #[tokio::test]
    async fn every_event_follows_and_leads_to_the_account() {
        let (recording, transactions) = read(&told(SHAPE, 0)).await;
        let mut states: BTreeMap<_, LedgerState> = BTreeMap::new();
        for event in transactions.iter().flat_map(|each| decode(recording.program(), each).expect("events")) {
            let ledger = event.header.ledger;
            let state = states.remove(&ledger).unwrap_or_else(|| LedgerState::new(ledger));
            states.insert(ledger, state.apply(event).expect("it follows").0);
        }
        assert_eq!(recording.fetch_ledgers(None).await.expect("ledgers"), states.keys().copied().collect::<Vec<_>>());
        let mut records = 0;
        for (ledger, state) in &states {
            let account = recording.fetch_accounts(&[*ledger]).await.expect("it is there").remove(0).expect("a ledger");
            let heads = state.check(&account.account).expect("the same heads");
            assert_eq!(account.account.heads.last(), Some(&heads.head().entries), "the ring ends with the newest head");
            records += heads.head().entries.size.get();
        }
        assert_eq!(records, SHAPE.records);
    }

    #[tokio::test]
    async fn a_longer_history_begins_with_the_shorter_one() {
        let longer = Shape { records: 900, ..SHAPE };
        let (_, mut before) = read(&told(SHAPE, 0)).await;
        let (_, after) = read(&told(longer, SHAPE.records)).await;
        let (_, whole) = read(&told(longer, 0)).await;
        before.extend(after);
        assert_eq!(before, whole);
    }
}
