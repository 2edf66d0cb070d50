//! Certificates of pages.

use std::ops::Range;

use counterfoil_core::certificate::{Certificate, FORMAT};
use counterfoil_core::relate::LogKind;
use counterfoil_store::Log;
use merkle_log::Hash;

use crate::error::{Place, ReadError};
use crate::snapshot::LedgerSnapshot;

/// The certificate of a range with this proof, which was verified. None without a proof, and when the index is bound to no
/// cluster.
pub(crate) async fn certify(
    snapshot: &mut LedgerSnapshot,
    log: Log,
    range: &Range<u64>,
    proof: Option<Vec<Hash>>,
) -> Result<Option<Certificate>, ReadError> {
    let Some(proof) = proof else { return Ok(None) };
    let place = Place::Log(snapshot.ledger(), log);
    let cluster = snapshot.cluster(place).await?;
    let kind = match log {
        Log::Entries => LogKind::Entries,
        Log::Events => LogKind::Events,
    };
    Ok(cluster.map(|cluster| Certificate {
        format: FORMAT.to_owned(),
        genesis_hash: cluster.genesis_hash,
        program: cluster.program,
        ledger: snapshot.ledger(),
        log: kind,
        from: range.start,
        to: range.end,
        head: snapshot.tree_head(log).into(),
        slot: snapshot.slot,
        proof,
    }))
}
