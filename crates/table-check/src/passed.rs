//! The transactions of the records, by their time: how long ago one had begun, by what the ledger has.

use std::collections::BTreeMap;

use crate::ids::{Timestamp, Xid};

/// The newest transaction of each second that has a record.
#[derive(Default)]
pub(crate) struct Passed(BTreeMap<i64, Xid>);

impl Passed {
    /// Takes a record's transaction and time.
    pub(crate) fn take(&mut self, xid: Xid, at: &Timestamp) {
        let Some(second) = at.second() else { return };
        let newest = self.0.entry(second).or_insert(xid);
        *newest = xid.max(*newest);
    }

    /// Forgets all: an `adopt` begins another numbering.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn newest(&self) -> Option<Xid> {
        self.0.values().copied().max()
    }

    /// The first second with a transaction that is this one, or began after it.
    pub(crate) fn had_begun(&self, xid: Xid) -> Option<i64> {
        self.0.iter().find(|(_, newest)| **newest >= xid).map(|(second, _)| *second)
    }
}
