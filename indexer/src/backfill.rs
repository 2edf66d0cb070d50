//! Showing how far a backfill is.

use counterfoil_service::Progress;

use crate::health::Health;

/// From how many missing events on it is shown; fewer are there before one could read it.
const SHOWN_FROM: u64 = 10_000;

/// A progress bar, as long as there is much to catch up with.
#[derive(Default)]
pub(crate) struct Backfill {
    progress: Option<Progress>,
}

impl Backfill {
    /// Shows how far the ledgers are now.
    pub(crate) fn show(&mut self, health: &Health) {
        let extent = health.extent();
        let missing = extent.account.saturating_sub(extent.applied);
        if self.progress.is_none() && missing >= SHOWN_FROM {
            self.progress = Some(Progress::begin("verified", "events", extent.applied, extent.account));
        }
        if let Some(progress) = &self.progress {
            progress.set(extent.applied, extent.account);
        }
        if missing == 0 {
            self.progress = None;
        }
    }
}
