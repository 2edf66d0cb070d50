//! An entry's receipt.

use counterfoil_core::LedgerId;
use counterfoil_core::receipt::{EntryProof, EventProof, FORMAT, Receipt};
use counterfoil_signed::{Inclusion, StandardSigner, cose, tlog};
use counterfoil_store::Log;

use super::entry::{load_proven_entry, proven_entry};
use super::error::{Difference, Place, QueryError};
use super::moment::{Moment, answer};
use super::view::View;

/// Answers the receipt of an entry, verified as its reader will verify it.
///
/// # Errors
/// [`QueryError`].
pub async fn receipt(view: &View, ledger: LedgerId, index: u64) -> Result<Receipt, QueryError> {
    answer(view, ledger, |moment| load_receipt(moment, index)).await
}

async fn load_receipt(mut moment: Moment, index: u64) -> Result<Receipt, QueryError> {
    let ledger = moment.ledger();
    let place = Place::Leaf(ledger, Log::Entries, index);
    let proven = load_proven_entry(&mut moment, index).await?;
    let cluster = moment.cluster(place).await?.ok_or_else(|| place.corrupt(Difference::NoCluster))?;
    let event = proven.entry.event;
    let receipt = Receipt {
        format: FORMAT.to_owned(),
        genesis_hash: cluster.genesis_hash,
        program: cluster.program,
        ledger,
        entry: EntryProof { index, payload: proven.entry.payload.to_vec(), proof: proven.proof },
        event: EventProof { seq: event.seq.get(), leaf: event.leaf_bytes.clone(), proof: proven.event_proof },
        head: proven.head.entries.into(),
        event_head: proven.head.events.into(),
    };
    receipt.verify().map_err(|error| place.corrupt(error))?;
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
/// [`QueryError`].
pub async fn signed_receipt(
    view: &View,
    ledger: LedgerId,
    index: u64,
    format: SignedFormat,
    signer: &StandardSigner,
) -> Result<Vec<u8>, QueryError> {
    let proven = proven_entry(view, ledger, index).await?;
    let (head, entry) = (&proven.head.entries, &proven.entry);
    let inclusion = Inclusion { index: entry.index, leaf: entry.leaf, proof: &proven.proof };
    let receipt = match format {
        SignedFormat::TlogProof => tlog::proof(&inclusion, head, signer),
        SignedFormat::Cose => cose::receipt(&inclusion, head, signer),
    };
    receipt.map_err(|error| Place::Leaf(ledger, Log::Entries, index).corrupt(error))
}
