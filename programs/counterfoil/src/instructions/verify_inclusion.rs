//! `verify_inclusion`: other programs call it and rely on its success. They hash the entry and pin the ledger's address
//! themselves: this proves that the leaf is in the ledger that it was given, whosever that is.

use anchor_lang::prelude::*;
use merkle_log::frontier::peak_covering;
use merkle_log::{Hash, LeafHash, LeafIndex, ProofError, Root, TreeHead};

use crate::errors::CounterfoilError;
use crate::state::{Ledger, tree_size};

/// The accounts of `verify_inclusion`.
#[derive(Accounts)]
pub struct VerifyInclusion<'info> {
    /// The ledger.
    pub ledger: AccountLoader<'info, Ledger>,
}

/// The root at which a proof ends.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofTarget {
    /// The newest head: any append makes the proof useless.
    CurrentHead,
    /// The head of this size, the newest or one of the 15 before it.
    KeptHead {
        /// Leaves.
        size: u64,
    },
    /// The peak of the frontier that covers the index: a shorter proof, useless once an append merges the peak.
    Peak,
}

pub(crate) fn handler(
    ctx: Context<VerifyInclusion>,
    leaf_hash: [u8; 32],
    index: u64,
    target: ProofTarget,
    proof: Vec<[u8; 32]>,
) -> Result<()> {
    let ledger = ctx.accounts.ledger.load()?;
    let index = LeafIndex::new(index).map_err(|_| CounterfoilError::IndexOutOfRange)?;
    let (head, index) = match target {
        ProofTarget::CurrentHead => (kept_head(&ledger, ledger.size)?, index),
        ProofTarget::KeptHead { size } => (kept_head(&ledger, size)?, index),
        ProofTarget::Peak => covering_peak(&ledger, index)?,
    };
    let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
    merkle_log::verify_inclusion(&head, index, &LeafHash(leaf_hash), &proof).map_err(|error| {
        error!(match error {
            ProofError::IndexOutOfRange { .. } => CounterfoilError::IndexOutOfRange,
            ProofError::TooShort | ProofError::TooLong => CounterfoilError::WrongProofLength,
            _ => CounterfoilError::NotProven,
        })
    })
}

fn kept_head(ledger: &Ledger, size: u64) -> Result<TreeHead> {
    let root = ledger.kept_root(size).ok_or(CounterfoilError::HeadNotKept)?;
    Ok(TreeHead { size: tree_size(size)?, root })
}

/// The peak as the head of a tree of its own, and the leaf's index in that tree.
fn covering_peak(ledger: &Ledger, index: LeafIndex) -> Result<(TreeHead, LeafIndex)> {
    let out_of_range = CounterfoilError::IndexOutOfRange;
    let peak = peak_covering(tree_size(ledger.size)?, index).ok_or(out_of_range)?;
    let root = ledger.frontier.get(usize::from(peak.level)).ok_or(out_of_range)?;
    let leaves = 1_u64 << peak.level;
    let within = LeafIndex::new(index.get() & leaves.wrapping_sub(1)).map_err(|_| out_of_range)?;
    Ok((TreeHead { size: tree_size(leaves)?, root: Root(*root) }, within))
}
