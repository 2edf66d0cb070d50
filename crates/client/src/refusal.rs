//! What it means that a server or the chain does not take a transaction.

use serde_json::Value;
use solana_instruction::error::InstructionError;
use solana_rpc_client_api::response::RpcSimulateTransactionResult;
use solana_transaction_error::TransactionError;

use crate::line::{CallError, PREFLIGHT_FAILURE};
use crate::{ClientError, idl};

/// The system program's error when an account cannot pay for another one.
const SYSTEM_LACKS_LAMPORTS: u32 = 1;
/// By what codes of JSON-RPC a server says that it will never take it: no JSON, no request, no such method, wrong parameters,
/// wrong signature.
const FINAL_CODES: [i64; 5] = [-32_700, -32_600, -32_601, -32_602, -32_003];
/// By what codes it says that it is behind, before it does anything.
const BEHIND_CODES: [i64; 2] = [-32_005, -32_016];
/// Statuses of HTTP that are no refusal although they are numbered so: too late, too early.
const LATE_STATUSES: [u16; 2] = [408, 425];

/// What a server said of a transaction that it was handed, where it will not take it, however often it is asked: its own
/// refusal, or what the chain has against it.
pub fn refusal(error: &CallError, signature: &str, payer: &Payer<'_>) -> Option<ClientError> {
    if let Some(error) = simulated(error) {
        // We have sent nothing yet: another process signed the very same bytes.
        let is_anothers = matches!(error, TransactionError::AlreadyProcessed);
        return Some(match is_anothers {
            true => ClientError::SentByAnother { signature: signature.to_owned() },
            false => failure(&error, payer),
        });
    }
    let is_final = match error {
        CallError::Status(status) => (300..500).contains(status) && !LATE_STATUSES.contains(status),
        CallError::Refused { code, .. } => FINAL_CODES.contains(code) || *code == PREFLIGHT_FAILURE,
        _ => false,
    };
    is_final.then(|| ClientError::NotSent { server: payer.server.to_owned(), reason: error.reason() })
}

/// Whether the transaction may have got to the chain although the server did not say so.
pub const fn leaves_open(error: &CallError) -> bool {
    match error {
        CallError::Unreached(_) | CallError::NoBatches => false,
        CallError::Paused { may_have_arrived, .. } => *may_have_arrived,
        CallError::Refused { code, .. } => *code != BEHIND_CODES[0] && *code != BEHIND_CODES[1],
        CallError::Failed(_) | CallError::Status(_) | CallError::Malformed(_) => true,
    }
}

/// What the simulation found, with which a server begins.
fn simulated(error: &CallError) -> Option<TransactionError> {
    let CallError::Refused { code: PREFLIGHT_FAILURE, data, .. } = error else { return None };
    let simulation: RpcSimulateTransactionResult = serde_json::from_value(Value::clone(data)).ok()?;
    Some(simulation.err?.into())
}

/// Who pays, and which server was asked: a wallet without SOL is told both.
pub struct Payer<'a> {
    /// The wallet's address.
    pub wallet: String,
    /// The server's name.
    pub server: &'a str,
}

impl Payer<'_> {
    fn lacks_sol(&self) -> ClientError {
        let Self { wallet, server } = self;
        ClientError::TransactionFailed(format!(
            "wallet {wallet} has no SOL, or not enough, on the cluster of {server}: send it some. On a local or test cluster \
             `solana airdrop 1 {wallet} --url URL` gives it some for nothing"
        ))
    }
}

/// What the chain has against a transaction.
pub fn failure(error: &TransactionError, payer: &Payer<'_>) -> ClientError {
    match error {
        TransactionError::InstructionError(_, InstructionError::Custom(SYSTEM_LACKS_LAMPORTS)) => payer.lacks_sol(),
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
            let message = idl::error_message(*code).or_else(|| framework_message(*code)).map(str::to_owned);
            let message = message.unwrap_or_else(|| format!("Anchor or another program gave error {code}"));
            ClientError::Refused { code: *code, message }
        }
        TransactionError::AccountNotFound
        | TransactionError::InsufficientFundsForFee
        | TransactionError::InsufficientFundsForRent { .. } => payer.lacks_sol(),
        other => ClientError::TransactionFailed(other.to_string()),
    }
}

/// What codes below the program's own mean: those of the system program, of which the program makes accounts, and of Anchor,
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
