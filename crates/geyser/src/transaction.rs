//! A transaction as the protocol carries it.

use counterfoil_client::{InnerInstruction, TransactionRecord};
use counterfoil_core::ProgramId;
use yellowstone_grpc_proto::geyser::SubscribeUpdateTransaction;

/// Reads a transaction; none when it failed or does not name the program, whatever was asked for.
pub fn read_transaction(
    update: SubscribeUpdateTransaction,
    program: ProgramId,
) -> Result<Option<TransactionRecord>, &'static str> {
    let info = update.transaction.ok_or("an update without its transaction")?;
    let meta = info.meta.ok_or("a transaction without its execution")?;
    if info.is_vote || meta.err.is_some() {
        return Ok(None);
    }
    let message = info.transaction.and_then(|transaction| transaction.message);
    let message = message.ok_or("a transaction without its message")?;
    let keys =
        message.account_keys.iter().chain(&meta.loaded_writable_addresses).chain(&meta.loaded_readonly_addresses);
    let accounts: Result<Vec<[u8; 32]>, _> = keys.map(|key| key.as_slice().try_into()).collect();
    let accounts = accounts.map_err(|_| "an account's key that does not have 32 bytes")?;
    if !accounts.contains(&program.0) {
        return Ok(None);
    }
    if meta.inner_instructions_none {
        return Err("a transaction without its inner instructions");
    }
    let mut inner_instructions = Vec::new();
    for instruction in meta.inner_instructions.into_iter().flat_map(|group| group.instructions) {
        inner_instructions.push(InnerInstruction {
            program: u8::try_from(instruction.program_id_index).map_err(|_| "a program beyond the accounts")?,
            accounts: instruction.accounts,
            data: instruction.data,
        });
    }
    let signature = info.signature.as_slice().try_into().map_err(|_| "a signature that does not have 64 bytes")?;
    Ok(Some(TransactionRecord { signature, slot: update.slot, is_ok: true, accounts, inner_instructions }))
}
