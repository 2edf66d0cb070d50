//! Whether the gateway's database may have been restored from before.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Whether the database may have been restored.
#[derive(Default)]
pub(crate) struct Restored {
    pub(crate) is_quiet: AtomicBool,
    /// How often it was: a sequencer compares the index with the chain after each.
    pub(crate) times: AtomicU64,
}

impl Restored {
    /// Whether nothing may be planned or promised.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::Acquire)
    }

    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Acquire)
    }
}
