//! How many entries fit one transaction.

use counterfoil_client::address::key;
use counterfoil_core::limits::MAX_APPEND_BYTES;
use counterfoil_core::{LedgerId, ProgramId, Wallet};
use solana_message::Message;

use crate::instruction;

/// The most bytes that a transaction has on the wire.
const MAX_TRANSACTION_BYTES: usize = 1_232;

/// How many of `entries`, from the first on, fit one transaction that one wallet signs and that has `more` bytes besides. 0 when the
/// first is too large.
#[must_use]
pub fn entries_that_fit(
    program: ProgramId,
    ledger: LedgerId,
    appender: Wallet,
    is_writer: bool,
    entries: &[Vec<u8>],
    more: usize,
) -> usize {
    let empty = instruction::append(program, ledger, appender, is_writer, Some(0), &[]);
    let message = Message::new(&[empty], Some(&key(appender.0)));
    // One signature, and the instruction's length, a compact-u16, may need one byte more than when empty.
    let fixed = message.serialize().len().saturating_add(1 + 64 + 1).saturating_add(more);
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
