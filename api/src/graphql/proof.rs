//! Proofs of leaves and of growth.

use async_graphql::{Enum, SimpleObject};
use counterfoil_store::Log;

use super::hashes::Hashes;
use super::head::Head;
use crate::query;
use crate::value::{Hash, U64, hashes};

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
    pub(super) fn new(log: LogName, found: query::Inclusion) -> Self {
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
    pub(super) fn new(log: LogName, found: query::Consistency) -> Self {
        Self { log, first: found.first.into(), second: found.second.into(), proof: Hashes(hashes(found.proof)) }
    }
}
