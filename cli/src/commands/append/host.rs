//! The command line as an appender's host: plans go to the journal, proofs come from the API.

use counterfoil_append::{BoxError, Host, Planned};
use counterfoil_core::LedgerId;
use merkle_log::{Hash, TreeHead};

use super::journal::Journal;
use crate::context::Options;

/// The journal, where one is kept, and the API of the options.
pub struct CommandHost<'a> {
    /// The options.
    pub options: &'a Options,
    /// The journal.
    pub journal: Option<Journal>,
}

impl Host for CommandHost<'_> {
    async fn keep(&mut self, planned: Planned) -> Result<(), BoxError> {
        match &mut self.journal {
            Some(journal) => Ok(journal.plan(planned)?),
            None => Ok(()),
        }
    }

    async fn fetch_head(&self, ledger: LedgerId, size: u64, second: u64) -> Result<(TreeHead, Vec<Hash>), BoxError> {
        Ok(self.options.api()?.fetch_head(ledger, size, second).await?)
    }
}
