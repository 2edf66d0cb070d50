//! The meaning of a refusal, by a server or by the chain.

use counterfoil_client::{CallError, PREFLIGHT_FAILURE, idl};
use counterfoil_core::Wallet;
use serde_json::Value;
use solana_instruction::error::InstructionError;
use solana_rpc_client_api::response::RpcSimulateTransactionResult;
use solana_transaction_error::TransactionError;

use crate::error::SendError;

/// Codes of errors that callers tell apart.
pub mod code {
    /// The program's error when a ledger has another size than the one that was given: another append came first.
    pub const UNEXPECTED_SIZE: u32 = 6006;
    /// Anchor's error when an account that an instruction names does not exist.
    pub const ACCOUNT_MISSING: u32 = 3012;
    /// Anchor's error when an account is another program's.
    pub const WRONG_OWNER: u32 = 3007;
    /// Anchor's error when an account is of another kind.
    pub const WRONG_KIND: u32 = 3002;
}

/// The system program's error when an account cannot pay for another one.
const INSUFFICIENT_LAMPORTS: u32 = 1;
/// The codes of JSON-RPC by which a server refuses permanently: no JSON, no request, no such method, wrong parameters,
/// wrong signature.
const FINAL_CODES: [i64; 5] = [-32_700, -32_600, -32_601, -32_602, -32_003];
/// The codes by which a server says that it is behind, before it does anything.
const BEHIND_CODES: [i64; 2] = [-32_005, -32_016];
/// Statuses of HTTP that are no refusal although they are numbered so: too late, too early.
const LATE_STATUSES: [u16; 2] = [408, 425];

/// The permanent refusal in a server's answer to a transaction: its own, or the chain's. None where the server may still take
/// it.
pub(crate) fn refusal(error: &CallError, signature: &str, payer: &Payer<'_>) -> Option<SendError> {
    if let Some(error) = simulated(error) {
        // We have sent nothing yet: another process signed the very same bytes.
        let is_anothers = matches!(error, TransactionError::AlreadyProcessed);
        return Some(match is_anothers {
            true => SendError::SentByAnother { signature: signature.to_owned() },
            false => failure(&error, payer),
        });
    }
    let is_final = match error {
        CallError::Status(status) => (300..500).contains(status) && !LATE_STATUSES.contains(status),
        CallError::Refused { code, .. } => FINAL_CODES.contains(code) || *code == PREFLIGHT_FAILURE,
        _ => false,
    };
    is_final.then(|| SendError::NotSent { server: payer.server.to_owned(), reason: error.reason() })
}

/// Whether the transaction may have got to the chain although the server did not say so.
pub(crate) const fn leaves_open(error: &CallError) -> bool {
    match error {
        CallError::Unreached(_) | CallError::NoBatches => false,
        CallError::Paused { may_have_arrived, .. } => *may_have_arrived,
        CallError::Refused { code, .. } => *code != BEHIND_CODES[0] && *code != BEHIND_CODES[1],
        CallError::Failed(_) | CallError::Status(_) | CallError::Malformed(_) => true,
    }
}

/// The error of the simulation with which a server begins.
fn simulated(error: &CallError) -> Option<TransactionError> {
    let CallError::Refused { code: PREFLIGHT_FAILURE, data, .. } = error else { return None };
    let simulation: RpcSimulateTransactionResult = serde_json::from_value(Value::clone(data)).ok()?;
    Some(simulation.err?.into())
}

/// The paying wallet and the server that was asked, for the error of a wallet without SOL.
pub(crate) struct Payer<'a> {
    /// The wallet.
    pub wallet: Wallet,
    /// The server's name.
    pub server: &'a str,
}

impl Payer<'_> {
    fn no_sol(&self) -> SendError {
        SendError::NoSol { wallet: self.wallet, server: self.server.to_owned() }
    }
}

/// The chain's error as a refusal.
pub(crate) fn failure(error: &TransactionError, payer: &Payer<'_>) -> SendError {
    match error {
        TransactionError::InstructionError(_, InstructionError::Custom(INSUFFICIENT_LAMPORTS)) => payer.no_sol(),
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
            let message = idl::error_message(*code).or_else(|| framework_message(*code)).map(str::to_owned);
            let message = message.unwrap_or_else(|| format!("Anchor or another program gave error {code}"));
            SendError::Refused { code: *code, message }
        }
        TransactionError::AccountNotFound
        | TransactionError::InsufficientFundsForFee
        | TransactionError::InsufficientFundsForRent { .. } => payer.no_sol(),
        other => SendError::TransactionFailed(other.clone()),
    }
}

/// The meaning of codes below the program's own: those of the system program, of which the program makes accounts, and of Anchor,
/// which looks at the accounts and arguments of each instruction first.
///
/// Source: `ErrorCode` of anchor-lang 1.2, `SystemError` of Solana's system program.
const fn framework_message(code: u32) -> Option<&'static str> {
    Some(match code {
        0 => "there is an account at that address already",
        101 => "the program knows no such instruction: it may be of another version",
        102 => "the program cannot read the instruction's arguments: it may be of another version",
        2000 => "an account that the instruction changes was not given as one that may be written",
        2002 | 3010 => "an account that must sign did not sign",
        2006 => "an account is not at the address that follows from the others",
        2012 => "an account is not the one that the instruction wants there",
        3002 => "an account is of another kind than the instruction wants there",
        3005 => "the instruction was given too few accounts",
        3007 => "an account belongs to another program",
        3008 => "an account that must be a program is none",
        3012 => "an account that the instruction needs does not exist",
        4100 => "the program is not at the address that it declares",
        _ => return None,
    })
}
