//! Certificates of pages.

use std::ops::Range;

use counterfoil_core::certificate::{Certificate, FORMAT};
use counterfoil_core::relate::LogKind;
use counterfoil_store::Log;
use merkle_log::Hash;

use super::error::{Place, QueryError};
use super::moment::Moment;

/// The certificate of a range with this proof, which was verified. None without a proof, and when the index is bound to no
/// cluster.
pub(crate) async fn certify(
    moment: &mut Moment,
    log: Log,
    range: &Range<u64>,
    proof: Option<Vec<Hash>>,
) -> Result<Option<Certificate>, QueryError> {
    let Some(proof) = proof else { return Ok(None) };
    let place = Place::Log(moment.ledger(), log);
    let cluster = moment.cluster(place).await?;
    let kind = match log {
        Log::Entries => LogKind::Entries,
        Log::Events => LogKind::Events,
    };
    Ok(cluster.map(|cluster| Certificate {
        format: FORMAT.to_owned(),
        genesis_hash: cluster.genesis_hash,
        program: cluster.program,
        ledger: moment.ledger(),
        log: kind,
        from: range.start,
        to: range.end,
        head: moment.tree_head(log).into(),
        slot: moment.slot,
        proof,
    }))
}
