//! What the indexer needs of a chain. Implemented by [`crate::Rpc`], and by recordings and scripts in tests.

use std::future::Future;

use counterfoil_core::{LedgerAccount, LedgerId};

use crate::{ClientError, TransactionRecord};

/// A transaction that a server lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The slot.
    pub slot: u64,
    /// The signature.
    pub signature: [u8; 64],
}

/// An account and the slot as of which a server reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountAt {
    /// The slot.
    pub slot: u64,
    /// The account.
    pub account: LedgerAccount,
}

/// A chain, seen through one server that is not trusted: it may lack, repeat, reorder and invent.
pub trait Source: Send + Sync {
    /// The server's name for logs; holds no key.
    fn name(&self) -> &str;

    /// The addresses of all ledgers of the program.
    fn fetch_ledgers(&self) -> impl Future<Output = Result<Vec<LedgerId>, ClientError>> + Send;

    /// The ledger's account, finalized.
    fn fetch_account(&self, ledger: LedgerId) -> impl Future<Output = Result<AccountAt, ClientError>> + Send;

    /// The successful finalized transactions that name the ledger, from slot `since` on, oldest first as far as the
    /// server tells; within a slot in any order.
    fn list_transactions(
        &self,
        ledger: LedgerId,
        since: u64,
    ) -> impl Future<Output = Result<Vec<ListedTransaction>, ClientError>> + Send;

    /// The transactions themselves, in the order asked for.
    fn fetch_transactions(
        &self,
        listed: &[ListedTransaction],
    ) -> impl Future<Output = Result<Vec<TransactionRecord>, ClientError>> + Send;
}
