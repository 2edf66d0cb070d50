//! One entry, and what proves it.

use std::slice;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::Log;
use merkle_log::Hash;

use super::Entry;
use super::entries::{load_checked_entry, verify_entries};
use super::error::{Place, QueryError};
use super::moment::{Moment, answer};
use super::tree::{Reading, load_trees};
use super::view::View;

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
/// [`QueryError`].
pub async fn entry(view: &View, ledger: LedgerId, index: u64) -> Result<(LedgerHead, Entry), QueryError> {
    answer(view, ledger, |mut moment| async move {
        let index = Reading::new(&moment.head, Log::Entries).index(index)?;
        let entry = load_checked_entry(&mut moment, index).await?;
        verify_entries(&mut moment, slice::from_ref(&entry), None).await?;
        moment.memory().keep_entries(&moment.head, slice::from_ref(&entry));
        Ok((moment.head, entry))
    })
    .await
}

/// Answers one entry with its proofs.
///
/// # Errors
/// [`QueryError`].
pub async fn proven_entry(view: &View, ledger: LedgerId, index: u64) -> Result<ProvenEntry, QueryError> {
    answer(view, ledger, |mut moment| async move { load_proven_entry(&mut moment, index).await }).await
}

async fn load_proven_entry(moment: &mut Moment, index: u64) -> Result<ProvenEntry, QueryError> {
    let head = moment.head;
    let mut entries = Reading::new(&head, Log::Entries);
    let mut events = Reading::new(&head, Log::Events);
    let index = entries.index(index)?;
    let entry = load_checked_entry(moment, index).await?;
    entries.add_leaf(index, head.entries.size)?;
    events.add_leaf(entry.event.seq, head.events.size)?;

    let place = Place::Leaf(moment.ledger(), Log::Entries, index.get());
    let [entries, events] = load_trees(moment, place, [entries, events]).await?;
    let proof = entries.prove_leaf(&head.entries, index, &entry.leaf)?;
    let event_proof = events.prove_leaf(&head.events, entry.event.seq, &entry.event.leaf)?;
    moment.memory().keep_entries(&head, slice::from_ref(&entry));
    Ok(ProvenEntry { head, entry, proof, event_proof })
}
