//! The events that a transaction really carries.

use std::sync::OnceLock;

use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::{Event, ProgramId};

use crate::{ClientError, address};

/// The program that was decoded first, which is the only one as a rule, with its event authority: finding that address
/// takes longer than all the rest of decoding.
static FIRST: OnceLock<(ProgramId, [u8; 32])> = OnceLock::new();

/// A transaction as far as events need it: executed, with its inner instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// The first signature, which names it.
    pub signature: [u8; 64],
    /// The slot.
    pub slot: u64,
    /// Whether it succeeded; one that failed wrote nothing.
    pub is_ok: bool,
    /// The keys of all accounts: the message's own, then those loaded, writable before read-only.
    pub accounts: Vec<[u8; 32]>,
    /// All inner instructions, in order of execution.
    pub inner_instructions: Vec<InnerInstruction>,
}

/// An instruction that a program sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerInstruction {
    /// The program called, as an index into the accounts.
    pub program: u8,
    /// The accounts handed over, as indexes.
    pub accounts: Vec<u8>,
    /// The data.
    pub data: Vec<u8>,
}

/// Reads the program's events, in order of execution.
///
/// An event is an inner instruction to the program itself that begins with the event tag and whose first account is
/// the event authority: only the program can sign for that account, so only the program can have sent it.
///
/// # Errors
/// [`ClientError::Event`] when an event cannot be read. It must not be skipped.
pub fn decode(program: ProgramId, transaction: &TransactionRecord) -> Result<Vec<Event>, ClientError> {
    if !transaction.is_ok {
        return Ok(Vec::new());
    }
    let authority = event_authority(program);
    let account = |index: u8| transaction.accounts.get(usize::from(index));
    let mut events = Vec::new();
    for inner in &transaction.inner_instructions {
        let is_ours = account(inner.program) == Some(&program.0);
        let is_signed = inner.accounts.first().is_some_and(|index| account(*index) == Some(&authority));
        let Some(bytes) = inner.data.strip_prefix(&EVENT_TAG) else { continue };
        if is_ours && is_signed {
            let signature = || bs58::encode(&transaction.signature).into_string();
            events.push(Event::decode(bytes).map_err(|cause| ClientError::Event { signature: signature(), cause })?);
        }
    }
    Ok(events)
}

fn event_authority(program: ProgramId) -> [u8; 32] {
    let find = || address::event_authority(program).to_bytes();
    let (first, authority) = FIRST.get_or_init(|| (program, find()));
    if *first == program { *authority } else { find() }
}
