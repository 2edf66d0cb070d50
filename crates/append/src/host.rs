//! The caller of an appender, as a trait.

use std::future::Future;

use counterfoil_core::LedgerId;
use merkle_log::{Hash, Root, TreeHead};

/// Any error of the caller's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One transaction's entries, and the root of the ledger once they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The index of the first entry.
    pub first: u64,
    /// How many entries.
    pub count: u64,
    /// The root after them.
    pub root: Root,
}

impl Planned {
    /// The size of the ledger after them.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.first.saturating_add(self.count)
    }
}

/// The caller of an [`Appender`](crate::Appender): it keeps plans durably and delivers proofs of earlier heads.
pub trait Host {
    /// Keeps a plan durably. The appender calls it before it signs each transaction, so that
    /// [`Appender::settle`](crate::Appender::settle) can tell after a restart what became of it.
    ///
    /// # Errors
    /// When it cannot be kept: nothing is sent then.
    fn keep(&mut self, planned: Planned) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Fetches the head of the ledger's first `size` entries, with the proof that the log of `second` entries extends it.
    /// Not trusted: the appender verifies the proof.
    ///
    /// # Errors
    /// When no proof can be had.
    fn fetch_head(
        &self,
        ledger: LedgerId,
        size: u64,
        second: u64,
    ) -> impl Future<Output = Result<(TreeHead, Vec<Hash>), BoxError>> + Send;
}
