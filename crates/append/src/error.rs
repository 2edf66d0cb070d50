//! Why a transaction was not written, or an append came to nothing.

use counterfoil_client::{ClientError, with_causes};
use counterfoil_core::{LedgerId, Wallet};
use solana_signer::SignerError;
use solana_transaction_error::TransactionError;

use crate::host::BoxError;

/// Why a transaction has no slot. Each text contains its cause, and the cause is not also a `source`: printing an error with
/// its sources would repeat it. Servers are named without path, query or user, which may carry keys.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server could not be asked; nothing was signed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The signer did not sign; nothing was sent.
    #[error("the transaction was not signed: {0}")]
    Signer(SignerError),
    /// The program refused; the code is its own.
    #[error("the program refused: {message} (error {code})")]
    Refused {
        /// The error's code; see the IDL.
        code: u32,
        /// Its meaning.
        message: String,
    },
    /// The wallet cannot pay.
    #[error(
        "the transaction failed: wallet {wallet} has no SOL, or not enough, on the cluster of {server}: send it some. On a \
         local or test cluster `solana airdrop 1 {wallet} --url URL` gives it some for nothing"
    )]
    NoSol {
        /// The wallet.
        wallet: Wallet,
        /// The server that was asked.
        server: String,
    },
    /// The chain refused the transaction before the program or apart from it.
    #[error("the transaction failed: {0}")]
    TransactionFailed(TransactionError),
    /// Another process of the same wallet sent the very same transaction: it is that one's, not this call's.
    #[error("transaction {signature} was sent by another process of this wallet; this one wrote nothing")]
    SentByAnother {
        /// The transaction.
        signature: String,
    },
    /// The server did not take the transaction, and it is certain that it did not pass it on.
    #[error("{server}: sendTransaction failed: {reason}; nothing was sent: give another --rpc if it goes on")]
    NotSent {
        /// The server.
        server: String,
        /// Why, as the server or the network said, keys removed.
        reason: String,
    },
    /// The server does not say whether the transaction was executed.
    #[error(
        "the outcome of transaction {signature} is unknown, for the server does not tell it: {reason}; look for it before \
         you do the same again"
    )]
    OutcomeUnknown {
        /// The transaction.
        signature: String,
        /// The server's last words.
        reason: String,
    },
    /// The transaction did not arrive before its blockhash expired, and never will.
    #[error("transaction {signature} did not arrive before its blockhash expired; nothing was written{}", because(.reason.as_deref()))]
    Expired {
        /// The transaction.
        signature: String,
        /// The last server's reason for not taking it; none where a server took it, so that signing again may help.
        reason: Option<String>,
    },
}

impl SendError {
    /// Whether the same call, here or at another server, may succeed without any change of the input.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Client(error) => error.is_transient(),
            Self::Expired { .. } | Self::NotSent { .. } => true,
            _ => false,
        }
    }

    /// Whether the transaction may have been written.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }

    /// Whether the program refused with one of these codes.
    #[must_use]
    pub fn is_refusal(&self, codes: &[u32]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(code))
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}; give another --rpc if it goes on"))
}

/// Why entries were not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The ledger's account could not be read.
    #[error("{}", named(server, cause))]
    Account {
        /// The server.
        server: String,
        /// Why not.
        cause: Box<ClientError>,
    },
    /// The transaction was not written, or its outcome is unknown.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The outcome of a transaction is unknown, and the account does not tell it.
    #[error("{}: {sent}", with_causes(why.as_ref()))]
    OutcomeUnknown {
        /// Why the account does not tell it.
        why: Box<AppendError>,
        /// The server's error.
        sent: Box<SendError>,
    },
    /// The ledger is sealed.
    #[error("ledger {ledger} is sealed: nothing can be appended to it")]
    Sealed {
        /// The ledger.
        ledger: LedgerId,
    },
    /// The ledger takes no subtrees.
    #[error("ledger {ledger} takes no subtrees: only one that was created with --allow-subtrees does")]
    NoSubtrees {
        /// The ledger.
        ledger: LedgerId,
    },
    /// The wallet has no right to append.
    #[error(
        "wallet {wallet} may not append to ledger {ledger}: it is not the authority, has no grant, and the ledger is not open"
    )]
    NotAllowed {
        /// The wallet.
        wallet: Wallet,
        /// The ledger.
        ledger: LedgerId,
    },
    /// The ledger would exceed the largest size.
    #[error("the ledger is full")]
    Full,
    /// A batch without entries or hashes.
    #[error("there is nothing to append")]
    Nothing,
    /// An entry without bytes.
    #[error("the entry has no bytes")]
    EmptyEntry,
    /// The entries exceed one transaction.
    #[error(
        "{given} entries of {bytes} bytes do not fit a transaction of 1,232 bytes with all that it needs besides; the first \
         {fitting} do"
    )]
    TooLarge {
        /// How many entries were given.
        given: usize,
        /// How many bytes they have.
        bytes: usize,
        /// How many of them fit.
        fitting: usize,
    },
    /// Another wallet appended between two batches that must be neighbours.
    #[error("somebody else appended in between: the rest would not be neighbours of what is in already")]
    Interleaved,
    /// The server shows an older account than the chain has.
    #[error(
        "{server} says that ledger {ledger} has {size} entries, and the chain refuses to append there: the server is behind. \
         Try again later, or another --rpc"
    )]
    ServerBehind {
        /// The server.
        server: String,
        /// The ledger.
        ledger: LedgerId,
        /// The size that the server shows.
        size: u64,
    },
    /// Each of several transactions for the same size was not written.
    #[error("{tries} tries came to nothing: {cause}")]
    GaveUp {
        /// How many transactions.
        tries: u32,
        /// Why the last one was not written.
        cause: Box<SendError>,
    },
    /// The caller could not keep the plan; nothing was sent.
    #[error("what is about to be sent cannot be kept: {0:#}")]
    Keep(BoxError),
    /// The account's ring is beyond the planned size, and no proof of the head in between was found.
    #[error(
        "whether entries {first} to {last} are those of the transaction that was under way is not known: the ledger has \
         grown by more than its account keeps. Give an API that has it with --api"
    )]
    Undecided {
        /// The first entry.
        first: u64,
        /// The last entry.
        last: u64,
        /// Why there is no proof.
        #[source]
        cause: BoxError,
    },
}

impl AppendError {
    /// Whether the transaction that was sent last may have been written.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Send(error) => error.is_outcome_unknown(),
            Self::OutcomeUnknown { .. } => true,
            _ => false,
        }
    }
}

/// The text of an error with the name of the server that it is about.
fn named(server: &str, cause: &ClientError) -> String {
    let text = cause.to_string();
    if text.contains(server) { text } else { format!("{server}: {text}") }
}
