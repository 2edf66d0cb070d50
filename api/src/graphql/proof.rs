//! Proofs of leaves and of growth.

use async_graphql::{Context, Result};
use counterfoil_read::{PageProofs, Reader};
use counterfoil_wire::Hashes;
use merkle_log::LeafIndex;

use super::error::refuse;

/// The proof of one of a page's leaves.
pub(super) async fn load_proof(proofs: &PageProofs, context: &Context<'_>, index: LeafIndex) -> Result<Hashes> {
    let proof = proofs.load(context.data::<Reader>()?, index).await.map_err(|error| refuse(&*error))?;
    // The page was made from the same leaves.
    Ok(Hashes::from(proof.ok_or("the leaf is not of this page")?))
}
