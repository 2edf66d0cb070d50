//! Proofs of leaves and of growth.

use async_graphql::{Context, Enum, Result, SimpleObject};
use counterfoil_store::Log;

use super::hashes::Hashes;
use super::head::Head;
use crate::problem::Problem;
use crate::value::{Hash, U64, hashes};
use counterfoil_read::{self as read, PageProofs, Reader};
use merkle_log::LeafIndex;

/// Which of a ledger's two logs.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Log")]
pub(super) enum LogName {
    Entries,
    Events,
}

/// An inclusion proof.
#[derive(SimpleObject)]
pub(super) struct Inclusion {
    log: LogName,
    index: U64,
    leaf_hash: Hash,
    /// The head that the proof leads to.
    head: Head,
    /// From the leaf to the root.
    proof: Hashes,
}

/// A consistency proof.
#[derive(SimpleObject)]
pub(super) struct Consistency {
    log: LogName,
    /// The earlier head.
    first: Head,
    /// The later head.
    second: Head,
    /// From the leaves to the root.
    proof: Hashes,
}

impl Inclusion {
    pub(super) fn new(log: LogName, found: read::Inclusion) -> Self {
        Self {
            log,
            index: found.index.into(),
            leaf_hash: found.leaf.into(),
            head: found.head.into(),
            proof: Hashes(hashes(found.proof)),
        }
    }
}

impl Consistency {
    pub(super) fn new(log: LogName, found: read::Consistency) -> Self {
        Self { log, first: found.first.into(), second: found.second.into(), proof: Hashes(hashes(found.proof)) }
    }
}

/// The proof of one of a page's leaves.
pub(super) async fn load_proof(proofs: &PageProofs, context: &Context<'_>, index: LeafIndex) -> Result<Hashes> {
    let proof = proofs.load(context.data::<Reader>()?, index).await.map_err(|error| Problem::from(&*error))?;
    // The page was made from the same leaves.
    Ok(Hashes(hashes(proof.ok_or("the leaf is not of this page")?)))
}
