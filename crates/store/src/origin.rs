//! The cluster and the program that all rows of one index come from.

use counterfoil_core::{GenesisHash, ProgramId};

/// A cluster, and the program on it that the rows of an index come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The hash of the cluster's first block.
    pub genesis_hash: GenesisHash,
    /// The program.
    pub program: ProgramId,
}
