//! A chain as the indexer reads it. Implemented by [`crate::Rpc`], by recordings, and by scripts in tests.

use std::future::Future;

use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use futures_util::stream::BoxStream;

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

/// How many transactions a [`Listing`] holds at most, however long the history is.
pub const MAX_LISTED: usize = 65_536;

/// At most [`MAX_LISTED`] of the oldest successful finalized transactions that name the ledger from a slot on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The transactions, oldest first as far as the server tells; within a slot in any order.
    pub transactions: Vec<ListedTransaction>,
    /// Whether nothing newer was left out.
    pub is_whole: bool,
}

/// The transactions that a server delivered of those that it lists.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Those that could be read, in the order asked for.
    pub transactions: Vec<TransactionRecord>,
    /// Why others could not be: each is [`ClientError::Unreadable`]. They may be anybody's; what they hold of a ledger's
    /// shows as an event that is missing.
    pub unread: Vec<ClientError>,
}

/// Transactions of the program, of all ledgers, as they come.
///
/// Not trusted: it may omit, repeat, reorder and invent. Nothing may depend on its completeness, for what is missing is
/// asked of servers by the ledger's address. An empty list says that something may have been missed, or that something
/// happened which the feed could not fetch: look. An error is one of the feed's moments; unless its documentation says
/// otherwise it goes on after it.
pub type Feed = BoxStream<'static, Result<Vec<TransactionRecord>, ClientError>>;

/// A chain, seen through one server that is not trusted: it may omit, repeat, reorder and invent.
pub trait Source: Send + Sync {
    /// The server's name for logs; holds no key.
    fn name(&self) -> &str;

    /// The addresses of all ledgers of the program; of those that `authority` may always append to, when one is given.
    fn fetch_ledgers(
        &self,
        authority: Option<Wallet>,
    ) -> impl Future<Output = Result<Vec<LedgerId>, ClientError>> + Send;

    /// The ledgers' accounts, finalized, in the order asked for. The inner error is one ledger's own: no account, another
    /// owner's, bytes that are no ledger.
    fn fetch_accounts(
        &self,
        ledgers: &[LedgerId],
    ) -> impl Future<Output = Result<Vec<Result<AccountAt, ClientError>>, ClientError>> + Send;

    /// The successful finalized transactions that name the ledger, from slot `since` on: the oldest [`MAX_LISTED`].
    fn list_transactions(
        &self,
        ledger: LedgerId,
        since: u64,
    ) -> impl Future<Output = Result<Listing, ClientError>> + Send;

    /// The transactions themselves.
    fn fetch_transactions(
        &self,
        listed: &[ListedTransaction],
    ) -> impl Future<Output = Result<Fetched, ClientError>> + Send;

    /// The program's successful finalized transactions in the blocks of slots `first` to `last`, by which an event can
    /// be found that a server does not list. A caller asks for few slots at a time: a block can be many megabytes.
    fn fetch_slots(
        &self,
        first: u64,
        last: u64,
    ) -> impl Future<Output = Result<Vec<TransactionRecord>, ClientError>> + Send;
}
