//! Sending a transaction so that its outcome is known.

use std::time::Duration;

use counterfoil_core::limits::MAX_APPEND_BYTES;
use counterfoil_core::{LedgerId, Wallet};
use solana_commitment_config::{CommitmentConfig, CommitmentLevel};
use solana_instruction::Instruction;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_rpc_client_api::client_error::{Error as RpcError, ErrorKind};
use solana_rpc_client_api::config::RpcSendTransactionConfig;
use solana_rpc_client_api::request::{RpcError as RequestError, RpcResponseErrorData};
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::TransactionStatus;
use tokio::time::sleep;

use crate::{ClientError, Rpc, Source, idl, instruction};

/// The most bytes that a transaction has on the wire.
const MAX_TRANSACTION_BYTES: usize = 1_232;
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// After how many polls the same bytes are sent again.
const POLLS_PER_ROUND: u32 = 20;
/// How often they are sent: well beyond the minute or so in which a blockhash expires.
const ROUNDS: u32 = 90;

/// The system program's error when an account cannot pay for another one.
const SYSTEM_LACKS_LAMPORTS: u32 = 1;

/// A transaction that the cluster confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its signature, base58.
    pub signature: String,
    /// Its slot.
    pub slot: u64,
}

/// Signs a transaction, sends it, and waits until the cluster has confirmed it.
///
/// The same signed bytes are sent again until their blockhash has expired at finalized, so nothing is written twice.
///
/// # Errors
/// [`ClientError::Refused`], [`ClientError::TransactionFailed`]; [`ClientError::Expired`] and
/// [`ClientError::SentByAnother`] when it is certain that this call wrote nothing; [`ClientError::OutcomeUnknown`] when
/// the server stopped answering; [`ClientError::Rpc`] when nothing was sent yet.
pub async fn send(rpc: &Rpc, wallet: &Keypair, instruction: Instruction) -> Result<Sent, ClientError> {
    let client = rpc.client();
    let confirmed = CommitmentConfig::confirmed();
    let (blockhash, last_valid_height) =
        client.get_latest_blockhash_with_commitment(confirmed).await.map_err(rpc.failed("getLatestBlockhash"))?;
    let message = Message::new(&[instruction], Some(&wallet.pubkey()));
    let transaction = Transaction::new(&[wallet], message, blockhash);
    let signature = transaction.signatures.first().copied().unwrap_or_default();
    let payer = Payer { wallet: wallet.pubkey().to_string(), server: rpc.name() };

    for round in 0..ROUNDS {
        let config = RpcSendTransactionConfig {
            // Simulated once, for the error's sake; after that the outcome is what the chain says.
            skip_preflight: round > 0,
            preflight_commitment: Some(CommitmentLevel::Confirmed),
            ..Default::default()
        };
        let sent = client.send_transaction_with_config(&transaction, config).await;
        // Any other error leaves open whether the bytes arrived. A server that has them already may refuse them.
        if let (0, Some(refusal)) =
            (round, sent.err().and_then(|error| refusal(&error, &signature.to_string(), &payer)))
        {
            return Err(refusal);
        }
        for _ in 0..POLLS_PER_ROUND {
            // A failing poll is no outcome either.
            if let Ok(response) = client.get_signature_statuses(&[signature]).await
                && let Some(status) = response.value.into_iter().next().flatten()
                && status.satisfies_commitment(confirmed)
            {
                return outcome(&signature.to_string(), status, &payer);
            }
            sleep(POLL_INTERVAL).await;
        }
        let height = client.get_block_height_with_commitment(CommitmentConfig::finalized()).await;
        if height.is_ok_and(|height| height > last_valid_height)
            && let Ok(response) = client.get_signature_statuses_with_history(&[signature]).await
        {
            return match response.value.into_iter().next().flatten() {
                None => Err(ClientError::Expired { signature: signature.to_string() }),
                Some(status) => outcome(&signature.to_string(), status, &payer),
            };
        }
    }
    Err(ClientError::OutcomeUnknown { signature: signature.to_string() })
}

fn outcome(signature: &str, status: TransactionStatus, payer: &Payer<'_>) -> Result<Sent, ClientError> {
    match status.err {
        None => Ok(Sent { signature: signature.to_owned(), slot: status.slot }),
        Some(error) => Err(failure(&error, payer)),
    }
}

/// How many of `entries`, from the first on, fit one transaction that one wallet signs. 0 when the first is too
/// large.
#[must_use]
pub fn entries_that_fit(rpc: &Rpc, ledger: LedgerId, appender: Wallet, is_writer: bool, entries: &[Vec<u8>]) -> usize {
    let empty = instruction::append(rpc.program(), ledger, appender, is_writer, Some(0), &[]);
    let message = Message::new(&[empty], Some(&crate::address::key(appender.0)));
    // One signature, and the instruction's length, a compact-u16, may need one byte more than when empty.
    let fixed = message.serialize().len().saturating_add(1 + 64 + 1);
    let mut room = MAX_TRANSACTION_BYTES.saturating_sub(fixed);
    let mut bytes = 0_usize;
    entries
        .iter()
        .take_while(|entry| {
            bytes = bytes.saturating_add(entry.len());
            match room.checked_sub(entry.len().saturating_add(4)) {
                Some(rest) => room = rest,
                None => return false,
            }
            bytes <= MAX_APPEND_BYTES
        })
        .count()
}

/// What the server said before it sent anything, when it was the program or the chain that refused.
fn refusal(error: &RpcError, signature: &str, payer: &Payer<'_>) -> Option<ClientError> {
    let error = match error.kind() {
        ErrorKind::RpcError(RequestError::RpcResponseError {
            data: RpcResponseErrorData::SendTransactionPreflightFailure(simulation),
            ..
        }) => simulation.err.clone()?.into(),
        _ => error.get_transaction_error()?,
    };
    // We have sent nothing yet: another process signed the very same bytes.
    let is_anothers = matches!(error, TransactionError::AlreadyProcessed);
    Some(if is_anothers {
        ClientError::SentByAnother { signature: signature.to_owned() }
    } else {
        failure(&error, payer)
    })
}

/// Who pays, and which server was asked: a wallet without SOL is told both.
struct Payer<'a> {
    wallet: String,
    server: &'a str,
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

fn failure(error: &TransactionError, payer: &Payer<'_>) -> ClientError {
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
