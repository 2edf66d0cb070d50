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
use tokio::time::sleep;

use crate::{ClientError, Rpc, idl, instruction};

/// The most bytes that a transaction has on the wire.
const MAX_TRANSACTION_BYTES: usize = 1_232;
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// After how many polls the same bytes are sent again.
const POLLS_PER_SEND: u32 = 20;

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
/// [`ClientError::Refused`], [`ClientError::TransactionFailed`]; [`ClientError::Expired`] when it is certain that it
/// was not and will not be executed; [`ClientError::Rpc`] when the first call already fails.
pub async fn send(rpc: &Rpc, wallet: &Keypair, instruction: Instruction) -> Result<Sent, ClientError> {
    let client = rpc.client();
    let confirmed = CommitmentConfig::confirmed();
    let (blockhash, last_valid_height) =
        client.get_latest_blockhash_with_commitment(confirmed).await.map_err(rpc.failed("getLatestBlockhash"))?;
    let message = Message::new(&[instruction], Some(&wallet.pubkey()));
    let transaction = Transaction::new(&[wallet], message, blockhash);
    let signature = transaction.signatures.first().copied().unwrap_or_default();

    let mut is_first = true;
    loop {
        let config = RpcSendTransactionConfig {
            // Simulated once, for the error's sake; after that the outcome is what the chain says.
            skip_preflight: !is_first,
            preflight_commitment: Some(CommitmentLevel::Confirmed),
            ..Default::default()
        };
        match client.send_transaction_with_config(&transaction, config).await {
            Err(error) if is_first => {
                return Err(refusal(&error).unwrap_or_else(|| rpc.failed("sendTransaction")(error)));
            }
            // A server that has it already may refuse it.
            Ok(_) | Err(_) => is_first = false,
        }
        for _ in 0..POLLS_PER_SEND {
            // A failing poll is no outcome: the transaction may have arrived.
            let status = client.get_signature_statuses(&[signature]).await.ok();
            let status = status.and_then(|response| response.value.into_iter().next().flatten());
            if let Some(status) = status.filter(|status| status.satisfies_commitment(confirmed)) {
                return match status.err {
                    None => Ok(Sent { signature: signature.to_string(), slot: status.slot }),
                    Some(error) => Err(failure(&error)),
                };
            }
            sleep(POLL_INTERVAL).await;
        }
        let height = client.get_block_height_with_commitment(CommitmentConfig::finalized()).await;
        if height.is_ok_and(|height| height > last_valid_height) {
            let found = client.get_signature_statuses_with_history(&[signature]).await;
            let found = found.map_err(rpc.failed("getSignatureStatuses"))?.value.into_iter().next().flatten();
            return match found {
                None => Err(ClientError::Expired { signature: signature.to_string() }),
                Some(status) => match status.err {
                    None => Ok(Sent { signature: signature.to_string(), slot: status.slot }),
                    Some(error) => Err(failure(&error)),
                },
            };
        }
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

/// What the simulation before sending said, when it was the program or the chain that refused.
fn refusal(error: &RpcError) -> Option<ClientError> {
    if let ErrorKind::RpcError(RequestError::RpcResponseError {
        data: RpcResponseErrorData::SendTransactionPreflightFailure(simulation),
        ..
    }) = error.kind()
    {
        return simulation.err.clone().map(|error| failure(&error.into()));
    }
    error.get_transaction_error().map(|error| failure(&error))
}

fn failure(error: &TransactionError) -> ClientError {
    match error {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
            let message = idl::error_message(*code).map(str::to_owned);
            let message = message.unwrap_or_else(|| format!("Anchor or another program gave error {code}"));
            ClientError::Refused { code: *code, message }
        }
        TransactionError::AccountNotFound => {
            ClientError::TransactionFailed("the wallet has no SOL on this cluster to pay with".to_owned())
        }
        other => ClientError::TransactionFailed(other.to_string()),
    }
}
