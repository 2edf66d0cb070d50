//! The state that all requests share.

use std::sync::Arc;

use counterfoil_read::Reader;
use counterfoil_statement::PromiseKey;
use counterfoil_store::PgPool;

use crate::ids::Ids;
use crate::intake::{Committer, ContentLimits};
use crate::ledgers::Ledgers;
use crate::names::Names;
use crate::promises::Promiser;
use crate::sequencer::Sequencers;

/// The state that all requests share.
pub(crate) struct Gateway {
    pub(crate) pool: PgPool,
    pub(crate) reader: Reader,
    pub(crate) ledgers: Arc<Ledgers>,
    pub(crate) sequencers: Sequencers,
    pub(crate) committer: Committer,
    pub(crate) promiser: Promiser,
    pub(crate) names: Names,
    pub(crate) ids: Ids,
    pub(crate) limits: ContentLimits,
    pub(crate) promise_key: PromiseKey,
    /// Whether callers need no key.
    pub(crate) is_open: bool,
}
