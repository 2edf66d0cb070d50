//! Errors of reading Solana, by the caller's next step.

use std::path::PathBuf;

use counterfoil_core::{AccountError, EventError, LedgerId, ProgramId, Wallet};

use crate::RecordingError;

/// An error of a server, a recording or an account. Each text contains its cause, and the cause is not also a `source`: printing an
/// error with its sources would repeat it. Servers are named without path, query or user, which may carry keys.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A server could not be reached, or refused; trying again, here or elsewhere, may help.
    #[error("{server}: {method} failed: {reason}; {}", what_helps(method))]
    Rpc {
        /// The server.
        server: String,
        /// The method called.
        method: &'static str,
        /// Why, as the server or the network said, keys removed.
        reason: String,
    },
    /// A server answered what cannot be; try elsewhere.
    #[error("{server}: {method} answered {what}")]
    Malformed {
        /// The server.
        server: String,
        /// The method called.
        method: &'static str,
        /// The fault of the answer.
        what: String,
    },
    /// A server lists more transactions than fit into one call; the next call goes on from there.
    #[error("{server}: {method} answered more than fits into one call: {rows} rows so far")]
    Unfinished {
        /// The server.
        server: String,
        /// The method called.
        method: &'static str,
        /// How many rows it has listed.
        rows: usize,
    },
    /// A server lists a transaction that it does not deliver, or not in a form that is known here.
    #[error("{server}: transaction {signature} cannot be read: {reason}")]
    Unreadable {
        /// The server.
        server: String,
        /// The transaction.
        signature: String,
        /// Why not.
        reason: String,
    },
    /// An inner instruction of the program's carries an event that cannot be read: a newer program may be running.
    #[error("transaction {signature}: {cause}")]
    Event {
        /// The transaction.
        signature: String,
        /// Why it cannot be read.
        cause: EventError,
    },
    /// There is no ledger at the address.
    #[error("{server}: there is no account at {ledger}: is it the ledger's address, on this cluster?")]
    NoLedger {
        /// The server.
        server: String,
        /// The address.
        ledger: LedgerId,
    },
    /// The account that a server shows is not the one of its address.
    #[error(
        "{server} shows an account of another address at {ledger}: the ledger that {creator} made with the id in it lies \
         elsewhere"
    )]
    NotItsAddress {
        /// The server.
        server: String,
        /// The address.
        ledger: LedgerId,
        /// Its creator, as the account says.
        creator: Wallet,
    },
    /// The account is another program's.
    #[error("the account at {ledger} belongs to {owner}, not to the program {program}: give the right --program")]
    WrongOwner {
        /// The address.
        ledger: LedgerId,
        /// Its owner.
        owner: ProgramId,
        /// The program that should own it.
        program: ProgramId,
    },
    /// The account's bytes are not a ledger's.
    #[error("{ledger}: {cause}")]
    Account {
        /// The address.
        ledger: LedgerId,
        /// Why not.
        cause: AccountError,
    },
    /// There is no upgradeable or immutable program at the address.
    #[error("{server}: there is no program at {program}: give the right --program, or servers of its cluster")]
    NoProgram {
        /// The server.
        server: String,
        /// The address.
        program: ProgramId,
    },
    /// A recording cannot be used from a line on.
    #[error(
        "{}: line {line} {cause}; what is before it can be used: copy or record the file again to have the rest",
        path.display()
    )]
    Recording {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: u64,
        /// The fault of the line.
        cause: RecordingError,
    },
    /// A recording was asked for transactions by their signatures: they come by its feed alone.
    #[error("{server} delivers its transactions in its own order only")]
    NotListed {
        /// The recording.
        server: String,
    },
}

impl ClientError {
    /// Whether the same call, here or at another server, may succeed without any change of the input.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Rpc { .. } | Self::Malformed { .. } | Self::Unfinished { .. } | Self::Unreadable { .. })
    }
}

/// Listing all accounts of a program costs a server much, so many refuse it; everything else any server does.
fn what_helps(method: &str) -> &'static str {
    match method {
        "getProgramAccounts" => {
            "if it goes on, give another --rpc, or, as many servers refuse to list a program's ledgers, the ledgers by \
             --ledger where the command takes it"
        }
        _ => "if it goes on, give another --rpc",
    }
}

/// An error with what lies under it, for an operator: the texts of all of them, outermost first.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use counterfoil_core::{AccountError, EventError, LedgerId};

    use super::{ClientError, with_causes};
    use crate::RecordingError;

    #[test]
    fn a_cause_is_told_once() {
        let ledger = LedgerId([1; 32]);
        let recording = ClientError::Recording { path: PathBuf::from("file"), line: 3, cause: RecordingError::Cut };
        for (error, cause) in [
            (ClientError::Account { ledger, cause: AccountError::NotALedger }, AccountError::NotALedger.to_string()),
            (
                ClientError::Event { signature: String::new(), cause: EventError::Truncated },
                EventError::Truncated.to_string(),
            ),
            (recording, RecordingError::Cut.to_string()),
        ] {
            assert_eq!(with_causes(&error).matches(&cause).count(), 1, "{}", with_causes(&error));
        }
    }
}
