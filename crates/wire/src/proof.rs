//! Proofs.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

#[cfg(feature = "graphql")]
use async_graphql::SimpleObject;
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::head::{Head, LogName};
use crate::value::{Hash, Hashes, U64};

/// An inclusion proof.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Inclusion {
    pub log: LogName,
    pub index: U64,
    pub leaf_hash: Hash,
    /// The head that the proof leads to.
    pub head: Head,
    /// From the leaf to the root.
    pub proof: Hashes,
}

/// A consistency proof.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Consistency {
    pub log: LogName,
    /// The earlier head.
    pub first: Head,
    /// The later head.
    pub second: Head,
    /// From the leaves to the root.
    pub proof: Hashes,
}
