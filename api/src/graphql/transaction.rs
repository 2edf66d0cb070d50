//! A transaction, as far as one ledger is concerned.

use std::sync::Arc;

use async_graphql::{ID, Object, Result};
use counterfoil_core::LedgerHead;
use counterfoil_read::{self as read, PageProofs, ReadError};
use counterfoil_wire::{Signature, Time, U64};

use super::error::refuse;
use super::event::Event;

/// A transaction has at most 64 instructions, those that others call included, and each event takes two.
/// Source: Agave, `MAX_INSTRUCTION_TRACE_LENGTH`.
const MAX_EVENTS: usize = 32;

/// The events of a ledger that came in one transaction, as far as they are checked. That they came in one is the database's
/// word, for no proof covers a transaction's signature.
pub(super) struct Transaction {
    head: LedgerHead,
    transaction: read::Transaction,
    proofs: Arc<PageProofs>,
}

/// A transaction alone.
pub(super) fn one_transaction(found: Result<(LedgerHead, read::Transaction), ReadError>) -> Result<Transaction> {
    let (head, transaction) = found.map_err(refuse)?;
    Ok(Transaction::of_page(head, vec![transaction]).pop().ok_or("a page of one transaction is empty")?)
}

impl Transaction {
    /// The transactions of a page.
    pub(super) fn of_page(head: LedgerHead, transactions: Vec<read::Transaction>) -> Vec<Self> {
        let events: Vec<_> = transactions.iter().flat_map(|transaction| transaction.events.iter().cloned()).collect();
        let proofs = PageProofs::of_events(head, &events);
        transactions.into_iter().map(|transaction| Self { head, transaction, proofs: proofs.clone() }).collect()
    }
}

/// The events of a ledger that came in one transaction, as far as they are checked. That they came in one is the database's
/// word, for no proof covers a transaction's signature.
#[Object]
impl Transaction {
    pub(super) async fn id(&self) -> ID {
        ID(format!("transaction:{}:{}", self.head.ledger, self.transaction.first.seq))
    }

    /// Its signature, as stored: a hint where to look, which no proof covers.
    async fn signature(&self) -> Signature {
        self.transaction.first.signature.into()
    }

    /// The slot of its events.
    async fn slot(&self) -> U64 {
        U64(self.transaction.first.event.header.slot)
    }

    /// The chain's clock in that slot.
    async fn time(&self) -> Time {
        self.transaction.first.time.into()
    }

    /// The number of its first event in the ledger's event log.
    async fn first_seq(&self) -> U64 {
        self.transaction.first.seq.into()
    }

    /// How many events came in it.
    async fn event_count(&self) -> U64 {
        U64(self.transaction.events.len() as u64)
    }

    /// The size of the log before.
    async fn first_index(&self) -> U64 {
        self.transaction.first.event.header.first_index.into()
    }

    /// How many entries its events appended.
    async fn entry_count(&self) -> U64 {
        U64(self.transaction.entry_count)
    }

    /// Its events, in order, each with its proof.
    #[graphql(complexity = "MAX_EVENTS * child_complexity")]
    async fn events(&self) -> Vec<Event> {
        Event::with_proofs(self.head, self.transaction.events.clone(), &self.proofs)
    }
}
