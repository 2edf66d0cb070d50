//! A ledger that grows by one entry at a time: events as the program would emit them, written as the indexer does.

use counterfoil_core::{Event, EventBody, EventHeader, LedgerAccount, LedgerId, LedgerState, VerifiedAppend, Wallet};
use counterfoil_store::{CommittedIn, PgConnection, add_ledger, commit, mark_checked};
use merkle_log::{Frontier, LeafIndex, hash_leaf};

const WALLET: Wallet = Wallet([0xc0; 32]);
const FIRST_SLOT: u64 = 300_000_000;
const FIRST_TIME: i64 = 1_772_280_000;
const ENTRY_BYTES: usize = 100;

/// A ledger as far as it was written.
pub struct History {
    pub ledger: LedgerId,
    state: Option<LedgerState>,
    entries: Frontier,
    events: Frontier,
}

impl History {
    /// Not created yet.
    pub fn new(ledger: LedgerId) -> Self {
        Self { ledger, state: Some(LedgerState::new(ledger)), entries: Frontier::new(), events: Frontier::new() }
    }

    /// Writes that the ledger was created, and checks it.
    pub async fn create(&mut self, connection: &mut PgConnection) -> anyhow::Result<()> {
        add_ledger(&mut *connection, self.ledger).await?;
        self.emit(connection, EventBody::LedgerCreated { id: [7; 32], flags: 0 }).await
    }

    /// Writes one more entry, and checks it.
    pub async fn append(&mut self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let mut entry = vec![0; ENTRY_BYTES];
        fastrand::fill(&mut entry);
        self.entries.append_leaf(&hash_leaf(&entry))?;
        self.emit(connection, EventBody::EntriesAppended { entries: vec![entry] }).await
    }

    /// How many entries there are.
    pub fn size(&self) -> u64 {
        self.entries.size().get()
    }

    async fn emit(&mut self, connection: &mut PgConnection, body: EventBody) -> anyhow::Result<()> {
        let count = if let EventBody::EntriesAppended { entries } = &body { entries.len() as u64 } else { 0 };
        let seq = self.events.size().get();
        let header = EventHeader {
            ledger: self.ledger,
            event_seq: LeafIndex::new(seq)?,
            slot: FIRST_SLOT + seq,
            unix_time: FIRST_TIME + i64::try_from(seq)?,
            signer: WALLET,
            first_index: merkle_log::TreeSize::new(self.size() - count)?,
            count,
            size: self.entries.size(),
            root: self.entries.root(),
        };
        let event = Event { header, body };
        self.events.append_leaf(&event.leaf_hash())?;
        let state = self.state.take().expect("it is put back below, or an error has ended all");
        let (state, append) = state.apply(event)?;
        self.write(connection, seq, append, &state).await?;
        self.state = Some(state);
        Ok(())
    }

    /// Within the caller's SQL transaction.
    async fn write(
        &self,
        connection: &mut PgConnection,
        seq: u64,
        append: VerifiedAppend,
        state: &LedgerState,
    ) -> anyhow::Result<()> {
        let mut signature = [0; 64];
        fastrand::fill(&mut signature);
        commit(&mut *connection, self.ledger, &[(CommittedIn { signature }, append)]).await?;
        let checked = state.check(&self.account())?;
        mark_checked(connection, &checked, FIRST_SLOT + seq).await?;
        Ok(())
    }

    fn account(&self) -> LedgerAccount {
        LedgerAccount {
            flags: 0,
            id: [7; 32],
            creator: WALLET,
            authority: WALLET,
            pending_authority: None,
            leaves_by_subtree: 0,
            heads_written: 0,
            created_slot: FIRST_SLOT,
            created_time: FIRST_TIME,
            appended_slot: 0,
            appended_time: 0,
            entries: Box::new(self.entries.clone()),
            events: Box::new(self.events.clone()),
            heads: Vec::new(),
        }
    }
}
