//! The answers of servers about a ledger, as the indexer recorded them. Evidence, no proof: nothing here was recomputed.

use counterfoil_core::LedgerId;
use counterfoil_store::{Evidence, load_evidence, load_ledger};

use crate::error::{MAX_PAGE, Place, ReadError};
use crate::reader::Reader;

/// The answers of servers.
#[derive(Clone, Debug)]
pub struct Heads {
    /// Since when all of them have agreed with the index without interruption, RFC 3339 in UTC; none while one does not,
    /// and before the first comparison.
    pub agrees_since: Option<String>,
    /// By server, the newest answer first.
    pub said: Vec<Evidence>,
}

/// Answers what servers said of a ledger when their accounts were compared.
///
/// # Errors
/// [`ReadError`].
pub async fn heads(reader: &Reader, ledger: LedgerId) -> Result<Heads, ReadError> {
    let place = Place::Ledger(ledger);
    let mut snapshot = reader.snapshot_of(ledger).await?;
    let row = load_ledger(&mut snapshot, ledger).await.map_err(place.store_error())?;
    let said = load_evidence(&mut snapshot, &row, MAX_PAGE).await.map_err(place.store_error())?;
    Ok(Heads { agrees_since: agrees_since(&said), said })
}

/// The latest of the moments since which the servers agree; none when the newest answer of one does not.
fn agrees_since(said: &[Evidence]) -> Option<String> {
    let mut newest = said.chunk_by(|one, next| one.said.server == next.said.server).filter_map(<[Evidence]>::first);
    // Moments are written alike, so that their texts have their order.
    newest.try_fold(None, |latest, answer| answer.since.clone().map(|since| latest.max(Some(since)))).flatten()
}
