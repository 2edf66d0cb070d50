//! A server: by JSON-RPC, or a recording of one.

use std::sync::Arc;

use counterfoil_client::{
    AccountAt, ClientError, Fetched, ListedTransaction, Listing, Recording, Rpc, Source, TransactionRecord,
};
use counterfoil_core::{GenesisHash, LedgerId, Wallet};

/// A server. Not trusted, whichever it is.
pub enum Server {
    /// One JSON-RPC server.
    Rpc(Arc<Rpc>),
    /// A file that another server's answers were recorded in.
    Recording(Recording),
}

impl Server {
    /// The JSON-RPC server, if it is one.
    pub(crate) const fn rpc(&self) -> Option<&Arc<Rpc>> {
        match self {
            Self::Rpc(rpc) => Some(rpc),
            Self::Recording(_) => None,
        }
    }

    /// The hash of the cluster's first block.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn fetch_genesis_hash(&self) -> Result<GenesisHash, ClientError> {
        match self {
            Self::Rpc(rpc) => rpc.fetch_genesis_hash().await,
            Self::Recording(recording) => Ok(recording.genesis_hash()),
        }
    }
}

impl Source for Server {
    fn name(&self) -> &str {
        match self {
            Self::Rpc(rpc) => rpc.name(),
            Self::Recording(recording) => recording.name(),
        }
    }

    async fn fetch_ledgers(&self, authority: Option<Wallet>) -> Result<Vec<LedgerId>, ClientError> {
        match self {
            Self::Rpc(rpc) => rpc.fetch_ledgers(authority).await,
            Self::Recording(recording) => recording.fetch_ledgers(authority).await,
        }
    }

    async fn fetch_accounts(&self, ledgers: &[LedgerId]) -> Result<Vec<Result<AccountAt, ClientError>>, ClientError> {
        match self {
            Self::Rpc(rpc) => rpc.fetch_accounts(ledgers).await,
            Self::Recording(recording) => recording.fetch_accounts(ledgers).await,
        }
    }

    async fn list_transactions(&self, ledger: LedgerId, since: u64) -> Result<Listing, ClientError> {
        match self {
            Self::Rpc(rpc) => rpc.list_transactions(ledger, since).await,
            Self::Recording(recording) => recording.list_transactions(ledger, since).await,
        }
    }

    async fn fetch_transactions(&self, listed: &[ListedTransaction]) -> Result<Fetched, ClientError> {
        match self {
            Self::Rpc(rpc) => rpc.fetch_transactions(listed).await,
            Self::Recording(recording) => recording.fetch_transactions(listed).await,
        }
    }

    async fn fetch_slots(&self, first: u64, last: u64) -> Result<Vec<TransactionRecord>, ClientError> {
        match self {
            Self::Rpc(rpc) => rpc.fetch_slots(first, last).await,
            Self::Recording(recording) => recording.fetch_slots(first, last).await,
        }
    }
}
