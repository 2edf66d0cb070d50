//! An entry's receipt.

use std::slice;

use counterfoil_core::LedgerId;
use counterfoil_core::receipt::{Bridge, EntryProof, EventLeaf, Receipt, TransactionSignature, Version};
use counterfoil_signed::{Inclusion, StandardSigner, cose, tlog};
use counterfoil_store::Log;

use crate::entries::load_checked_entry;
use crate::entry::proven_entry;
use crate::error::{Difference, Place, ReadError};
use crate::reader::Reader;
use crate::snapshot::{LedgerSnapshot, answer};
use crate::tree::{Reading, load_trees};

/// Answers the receipt of an entry, verified as its reader will verify it.
///
/// # Errors
/// [`ReadError`].
pub async fn receipt(reader: &Reader, ledger: LedgerId, index: u64) -> Result<Receipt, ReadError> {
    answer(reader, ledger, |snapshot| load_receipt(snapshot, index)).await
}

async fn load_receipt(mut snapshot: LedgerSnapshot, index: u64) -> Result<Receipt, ReadError> {
    let (ledger, head) = (snapshot.ledger(), snapshot.head);
    let place = Place::Leaf(ledger, Log::Entries, index);
    let mut entries = Reading::new(&head, Log::Entries);
    let mut events = Reading::new(&head, Log::Events);
    let index = entries.index(index)?;
    let entry = load_checked_entry(&mut snapshot, index).await?;
    let cluster = snapshot.cluster(place).await?.ok_or_else(|| place.corrupt(Difference::NoCluster))?;
    let event = &entry.event;
    let size = event.event.header.size;
    entries.add_leaf(index, size)?;
    entries.add_head(size)?;
    entries.add_growth(size, head.entries.size)?;
    events.add_leaf(event.seq, head.events.size)?;

    let [entries, events] = load_trees(&mut snapshot, place, [entries, events]).await?;
    let stated = entries.head_at(size)?;
    let receipt = Receipt {
        genesis_hash: cluster.genesis_hash,
        program: cluster.program,
        ledger,
        entry: EntryProof {
            index: index.get(),
            payload: entry.payload.to_vec(),
            proof: entries.prove_leaf(&stated, index, &entry.leaf)?,
        },
        event: EventLeaf { seq: event.seq.get(), leaf: event.leaf_bytes.clone() },
        version: Version::V2 {
            transaction: Some(TransactionSignature(event.signature)),
            bridge: Some(Bridge {
                head: head.entries.into(),
                consistency: entries.prove_growth(&stated, &head.entries)?,
                event_head: head.events.into(),
                event_proof: events.prove_leaf(&head.events, event.seq, &event.leaf)?,
            }),
            statement: Vec::new(),
        },
    };
    receipt.verify().map_err(|error| place.corrupt(error))?;
    snapshot.cache().keep_entries(&head, slice::from_ref(&entry));
    Ok(receipt)
}

/// The formats of receipts that need the operator's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedFormat {
    /// C2SP tlog-proof.
    TlogProof,
    /// A COSE receipt, RFC 9942.
    Cose,
}

/// Answers the receipt of an entry in a format of other people's, signed under the name of the ledger's log of entries.
///
/// # Errors
/// [`ReadError`].
pub async fn signed_receipt(
    reader: &Reader,
    ledger: LedgerId,
    index: u64,
    format: SignedFormat,
    signer: &StandardSigner,
) -> Result<Vec<u8>, ReadError> {
    let proven = proven_entry(reader, ledger, index).await?;
    let (head, entry) = (&proven.head.entries, &proven.entry);
    let inclusion = Inclusion { index: entry.index, leaf: entry.leaf, proof: &proven.proof };
    let receipt = match format {
        SignedFormat::TlogProof => tlog::proof(&inclusion, head, signer),
        SignedFormat::Cose => cose::receipt(&inclusion, head, signer),
    };
    receipt.map_err(|error| Place::Leaf(ledger, Log::Entries, index).corrupt(error))
}
