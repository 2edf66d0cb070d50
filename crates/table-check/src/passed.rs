//! The transactions of the records, by their time: how long ago one had begun, by what the ledger has.

use std::collections::BTreeMap;

use crate::ids::{Timestamp, Xid};

/// For each transaction the first second of those that are it or began after it: those alone at which that second changes, so that
/// transactions and seconds ascend together and there is one at most for each second.
#[derive(Default)]
pub(crate) struct Passed(BTreeMap<Xid, i64>);

impl Passed {
    /// Takes a record's transaction and time.
    pub(crate) fn take(&mut self, xid: Xid, at: &Timestamp) {
        let Some(second) = at.second() else { return };
        if self.had_begun(xid).is_some_and(|known| known <= second) {
            return;
        }
        while let Some((&before, &known)) = self.0.range(..xid).next_back()
            && known >= second
        {
            self.0.remove(&before);
        }
        self.0.insert(xid, second);
    }

    /// Forgets all: an `adopt` begins another numbering.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn newest(&self) -> Option<Xid> {
        self.0.last_key_value().map(|(xid, _)| *xid)
    }

    /// The first second with a transaction that is this one, or began after it.
    pub(crate) fn had_begun(&self, xid: Xid) -> Option<i64> {
        self.0.range(xid..).next().map(|(_, second)| *second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_had_begun_when_the_first_that_is_not_older_was_recorded() {
        // Transactions that stay open are recorded behind younger ones.
        let records = [(7, 3), (5, 1), (9, 4), (6, 6), (12, 5), (8, 2), (12, 9)];
        for count in 0..=records.len() {
            let mut passed = Passed::default();
            for (xid, second) in &records[..count] {
                passed.take(Xid(*xid), &Timestamp::parse(&format!("1970-01-01T00:00:{second:02}.000000Z")).unwrap());
            }
            for xid in 0..14 {
                let first = records[..count].iter().filter(|(other, _)| *other >= xid).map(|(_, second)| *second).min();
                assert_eq!(passed.had_begun(Xid(xid)), first, "{xid} of the first {count}");
            }
            assert_eq!(passed.newest(), records[..count].iter().map(|(xid, _)| Xid(*xid)).max());
        }
    }
}
