//! What servers said of a ledger.

use async_graphql::SimpleObject;
use counterfoil_store::Evidence;

use super::head::Head;
use crate::value::{Time, U64};
use counterfoil_read as read;

/// Which servers said what of a ledger's account when the indexer compared it. Evidence that was kept, not a proof.
#[derive(SimpleObject)]
pub(super) struct Heads {
    /// Since when all of them have agreed with the index without interruption; null while one does not.
    agrees_since: Option<Time>,
    /// By server, the newest answer first; of each the newest 16 that agreed and the newest 64 that did not.
    said: Vec<ServerHead>,
}

/// What one server said.
#[derive(SimpleObject)]
struct ServerHead {
    /// Its scheme, host and port.
    server: String,
    /// Whether it said what was rebuilt from the events.
    agrees: bool,
    head: Head,
    event_head: Head,
    /// The slot at which it was asked.
    slot: U64,
    /// When the answer was compared first.
    observed_at: Time,
    /// Since when this server had agreed without interruption; null where it did not.
    since: Option<Time>,
}

impl From<read::Heads> for Heads {
    fn from(heads: read::Heads) -> Self {
        let said = heads.said.into_iter().map(ServerHead::from).collect();
        Self { agrees_since: heads.agrees_since.map(Time), said }
    }
}

impl From<Evidence> for ServerHead {
    fn from(Evidence { said, since, observed_at }: Evidence) -> Self {
        Self {
            server: said.server,
            agrees: said.agrees,
            head: said.head.entries.into(),
            event_head: said.head.events.into(),
            slot: U64(said.slot),
            observed_at: Time(observed_at),
            since: since.map(Time),
        }
    }
}
