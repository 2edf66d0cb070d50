//! An entry.

use async_graphql::{Context, ID, Json, Object, Result};
use counterfoil_core::LedgerHead;
use counterfoil_core::receipt::Receipt;
use counterfoil_store::{Log, PgPool};

use super::event::Event;
use super::head::Head;
use super::loader::load_proof;
use super::refuse;
use crate::query::{self, ProofWanted};
use crate::value::{Bytes, Hash, U64};

/// An entry of a ledger.
pub(super) struct Entry {
    pub(super) head: LedgerHead,
    pub(super) entry: query::Entry,
}

/// An entry of a ledger.
#[Object]
impl Entry {
    pub(super) async fn id(&self) -> ID {
        ID(format!("entry:{}:{}", self.head.ledger, self.entry.index))
    }

    /// Its index in the log; the first is 0.
    async fn index(&self) -> U64 {
        self.entry.index.into()
    }

    /// The entry's bytes.
    async fn payload(&self) -> Bytes {
        Bytes(self.entry.payload.clone())
    }

    /// SHA-256(0x00 || payload).
    async fn leaf_hash(&self) -> Hash {
        self.entry.leaf.into()
    }

    /// The event that appended it: who, in which slot and when.
    async fn event(&self) -> Event {
        Event { head: self.head, event: self.entry.event.clone() }
    }

    /// Its inclusion proof, from the leaf to the root of head.
    #[graphql(complexity = 2)]
    async fn proof(&self, context: &Context<'_>) -> Result<Vec<Hash>> {
        let (index, leaf) = (self.entry.index, self.entry.leaf);
        load_proof(context, ProofWanted { head: self.head, log: Log::Entries, index, leaf }).await
    }

    /// The checked head.
    async fn head(&self) -> Head {
        self.head.entries.into()
    }

    /// The checked head of the event log.
    async fn event_head(&self) -> Head {
        self.head.events.into()
    }

    /// All that `counterfoil verify` needs beside the chain. Read apart from the entry, so its heads may be newer.
    #[graphql(complexity = 100)]
    async fn receipt(&self, context: &Context<'_>) -> Result<Json<Receipt>> {
        let receipt = query::receipt(context.data::<PgPool>()?, self.head.ledger, self.entry.index.get());
        receipt.await.map(Json).map_err(refuse)
    }
}
