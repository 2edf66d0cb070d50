//! The fields of a ledger's account that its frontiers do not hold, as its events make them.
//!
//! The account is a pure function of the history: with the frontiers of [`LedgerState`] this gives all of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use merkle_log::TreeHead;

use crate::limits::{HEADS, ledger_flag};
use crate::{Event, EventBody, LedgerAccount, LedgerState, Wallet};

/// The state of an account after the events so far.
#[derive(Clone, Debug, Default)]
pub struct AccountReplay {
    id: [u8; 32],
    creator: [u8; 32],
    authority: [u8; 32],
    pending_authority: [u8; 32],
    flags: u32,
    leaves_by_subtree: u64,
    created: (u64, i64),
    appended: (u64, i64),
    heads_written: u64,
    heads: Vec<TreeHead>,
}

impl AccountReplay {
    /// Takes in the next event, which [`LedgerState::apply`] must accept: nothing is looked at here.
    pub fn apply(&mut self, event: &Event) {
        let header = &event.header;
        match &event.body {
            EventBody::LedgerCreated { id, flags } => {
                (self.id, self.flags) = (*id, *flags);
                (self.creator, self.authority) = (header.signer.0, header.signer.0);
                self.created = (header.slot, header.unix_time);
            }
            EventBody::EntriesAppended { .. } => self.append(event),
            EventBody::SubtreesAppended { .. } => {
                self.leaves_by_subtree = self.leaves_by_subtree.saturating_add(header.count);
                self.append(event);
            }
            EventBody::WriterGranted { .. } | EventBody::WriterRevoked { .. } => {}
            EventBody::AuthorityProposed { pending_authority } => self.pending_authority = pending_authority.0,
            EventBody::AuthorityAccepted { .. } => {
                self.authority = header.signer.0;
                self.pending_authority = [0; 32];
            }
            EventBody::SubtreesDisallowed => self.flags &= !ledger_flag::SUBTREES_ALLOWED,
            EventBody::LedgerSealed => self.flags |= ledger_flag::SEALED,
        }
    }

    fn append(&mut self, event: &Event) {
        let header = &event.header;
        self.appended = (header.slot, header.unix_time);
        self.heads_written = self.heads_written.saturating_add(1);
        if self.heads.len() == HEADS {
            self.heads.remove(0);
        }
        self.heads.push(TreeHead { size: header.size, root: header.root });
    }

    /// The account after the events so far, which the state has applied.
    #[must_use]
    pub fn account(&self, state: &LedgerState) -> LedgerAccount {
        let (entries, events) = state.frontiers();
        LedgerAccount {
            flags: self.flags,
            id: self.id,
            creator: Wallet(self.creator),
            authority: Wallet(self.authority),
            pending_authority: Some(Wallet(self.pending_authority)).filter(|wallet| wallet.0 != [0; 32]),
            leaves_by_subtree: self.leaves_by_subtree,
            heads_written: self.heads_written,
            created_slot: self.created.0,
            created_time: self.created.1,
            appended_slot: self.appended.0,
            appended_time: self.appended.1,
            entries: Box::new(entries.clone()),
            events: Box::new(events.clone()),
            heads: self.heads.clone(),
        }
    }
}
