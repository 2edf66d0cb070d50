//! One entry, and what proves it.

use std::slice;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::Log;
use merkle_log::Hash;

use crate::Entry;
use crate::entries::{load_checked_entry, verify_entries};
use crate::error::{Place, ReadError};
use crate::reader::Reader;
use crate::snapshot::{LedgerSnapshot, answer};
use crate::tree::{Reading, load_trees};

/// An entry with its inclusion proof, and that of the event that appended it.
#[derive(Clone, Debug)]
pub struct ProvenEntry {
    /// The heads that the proofs lead to: the checked ones.
    pub head: LedgerHead,
    /// The entry and its event.
    pub entry: Entry,
    /// The entry's proof, from the leaf to the root.
    pub proof: Vec<Hash>,
    /// The event's proof in the event log, from the leaf to the root.
    pub event_proof: Vec<Hash>,
}

/// Answers one entry, with the checked heads at which it was read.
///
/// # Errors
/// [`ReadError`].
pub async fn entry(reader: &Reader, ledger: LedgerId, index: u64) -> Result<(LedgerHead, Entry), ReadError> {
    answer(reader, ledger, |mut snapshot| async move {
        let index = Reading::new(&snapshot.head, Log::Entries).index(index)?;
        let entry = load_checked_entry(&mut snapshot, index).await?;
        verify_entries(&mut snapshot, slice::from_ref(&entry), None).await?;
        snapshot.cache().keep_entries(&snapshot.head, slice::from_ref(&entry));
        Ok((snapshot.head, entry))
    })
    .await
}

/// Answers one entry with its proofs.
///
/// # Errors
/// [`ReadError`].
pub async fn proven_entry(reader: &Reader, ledger: LedgerId, index: u64) -> Result<ProvenEntry, ReadError> {
    answer(reader, ledger, |mut snapshot| async move { load_proven_entry(&mut snapshot, index).await }).await
}

async fn load_proven_entry(snapshot: &mut LedgerSnapshot, index: u64) -> Result<ProvenEntry, ReadError> {
    let head = snapshot.head;
    let mut entries = Reading::new(&head, Log::Entries);
    let mut events = Reading::new(&head, Log::Events);
    let index = entries.index(index)?;
    let entry = load_checked_entry(snapshot, index).await?;
    entries.add_leaf(index, head.entries.size)?;
    events.add_leaf(entry.event.seq, head.events.size)?;

    let place = Place::Leaf(snapshot.ledger(), Log::Entries, index.get());
    let [entries, events] = load_trees(snapshot, place, [entries, events]).await?;
    let proof = entries.prove_leaf(&head.entries, index, &entry.leaf)?;
    let event_proof = events.prove_leaf(&head.events, entry.event.seq, &entry.event.leaf)?;
    snapshot.cache().keep_entries(&head, slice::from_ref(&entry));
    Ok(ProvenEntry { head, entry, proof, event_proof })
}
