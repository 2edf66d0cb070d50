//! How an earlier head stands to what an account says now.

use counterfoil_core::relate::{LogKind, Relation, relate};
use counterfoil_core::{EventBody, LedgerAccount};
use merkle_log::{Root, TreeHead, TreeSize};

use super::history::{AUTHORITY, History, ID, LEDGER, root};

/// Twenty appends of two entries each, so that the ring has lost the first four heads.
pub fn long() -> (History, LedgerAccount) {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    for number in 0..20 {
        history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![number], vec![number, 1]] });
    }
    let account = LedgerAccount::decode(&history.account(history.events.len())).expect("a ledger");
    (history, account)
}

pub fn head(size: usize, root: Root) -> TreeHead {
    TreeHead { size: TreeSize::new(size as u64).expect("in range"), root }
}

#[test]
fn an_earlier_head_stands_to_the_account_in_one_of_five_ways() {
    let (history, account) = long();
    let current = account.entries.head();
    let another = |head: &TreeHead| TreeHead { root: Root([0xee; 32]), ..*head };
    for size in 0..=44 {
        let known = size.min(40);
        let earlier = head(size, Root(root(&history.leaves(known))));
        let is_in_ring = size % 2 == 0 && (10..40).contains(&size);
        let (expected, expected_of_another) = match size {
            40 => (Relation::Same, Relation::Contradiction(current)),
            41.. => (Relation::Stale(current), Relation::Stale(current)),
            _ if is_in_ring => (Relation::InRing, Relation::Contradiction(earlier)),
            _ => (Relation::Grown(current), Relation::Grown(current)),
        };
        assert_eq!(relate(LogKind::Entries, &earlier, &account), expected, "size {size}");
        assert_eq!(relate(LogKind::Entries, &another(&earlier), &account), expected_of_another, "size {size}");
    }
}

/// The ring holds heads of the log, none of the event log.
#[test]
fn an_earlier_event_head_is_never_in_the_ring() {
    let (history, account) = long();
    let current = account.events.head();
    for events in 1..=24 {
        let known = events.min(21);
        let earlier = head(events, Root(root(&history.event_leaves(known))));
        let expected = match events {
            21 => Relation::Same,
            22.. => Relation::Stale(current),
            _ => Relation::Grown(current),
        };
        assert_eq!(relate(LogKind::Events, &earlier, &account), expected, "{events} events");
    }
    let another = TreeHead { root: Root([0xee; 32]), ..current };
    assert_eq!(relate(LogKind::Events, &another, &account), Relation::Contradiction(current));
}
