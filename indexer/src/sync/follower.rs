//! A follower of one ledger, and what each of its passes leaves for the next one.

use counterfoil_client::ListedTransaction;
use counterfoil_core::{LedgerId, LedgerState, ProgramId};

use super::error::FollowError;
use crate::Quorum;
use crate::database::Database;
use crate::feed::inbox::Inbox;
use crate::sync::apply::Writer;
use crate::sync::reputation::Reputation;

/// The means to follow a ledger.
pub struct Follower<'a, S> {
    /// The program whose events count.
    pub program: ProgramId,
    /// The servers.
    pub sources: &'a [S],
    /// The record of what they have done so far.
    pub reputation: &'a Reputation,
    /// How many servers must report the same account.
    pub quorum: usize,
    /// The index.
    pub database: &'a Database,
}

/// The part of a pass that the next one takes over, and need not read again.
pub struct Kept {
    /// The state as stored.
    pub state: LedgerState,
    /// The backlog of each server, so that a server that lists without end does not keep the others from their turn.
    pub(super) backlogs: Vec<Backlog>,
}

impl Kept {
    /// Whether a server listed more than fitted into the pass.
    #[must_use]
    pub const fn has_backlog(&self) -> bool {
        !self.backlogs.is_empty()
    }
}

/// The transactions that a server listed and that were not fetched yet.
pub(super) struct Backlog {
    pub(super) server: usize,
    /// How many passes in a row the server led to no event.
    pub(super) fruitless: u32,
    pub(super) listed: std::vec::IntoIter<ListedTransaction>,
    /// The slot from which on the server must be asked again; none when it listed everything.
    pub(super) next_slot: Option<u64>,
    /// Events that came before their turn: servers list a slot's transactions in any order.
    pub(super) waiting: Inbox,
}

impl<S> Follower<'_, S> {
    /// Moves the checked watermark when the quorum is above it; returns where it then is.
    pub(super) async fn mark_if_new(&self, quorum: &Quorum, ledger: LedgerId) -> Result<u64, FollowError> {
        let row = self.database.load_ledger(ledger).await?;
        let known = row.checked.map_or(0, |(head, _)| head.events.size.get());
        let agreed = quorum.checked().map_or(0, |(head, _)| head.head().events.size.get());
        if agreed > known {
            self.database.write(ledger, &[], quorum.checked(), &quorum.said(ledger)).await?;
        }
        Ok(agreed.max(known))
    }

    pub(super) fn writer(&self, ledger: LedgerId) -> Writer<'_> {
        Writer { database: self.database, ledger }
    }
}
