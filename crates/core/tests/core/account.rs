//! The ledger's account.

use counterfoil_core::account::LEDGER_BYTES;
use counterfoil_core::{AccountError, AccountReplay, LedgerAccount, LedgerState, Wallet};
use merkle_log::{Frontier, FrontierError, LeafHash, OutOfRange, Root, TreeHead, TreeSize};

use super::history::{AUTHORITY, HEIR, History, ID, LEDGER, WRITER, root};
use super::receipt::by_subtrees;
use super::relate::long;

/// Offsets in the account, its discriminator included.
const PENDING_AUTHORITY: usize = 112;
const SIZE: usize = 144;
const EVENT_SEQ: usize = 160;
const FRONTIER: usize = 208;
const EVENT_FRONTIER: usize = 1_744;
const HEADS: usize = 3_280;

fn sample() -> (History, Vec<u8>) {
    let history = History::sample();
    let bytes = history.account(history.events.len());
    (history, bytes)
}

fn frontier(leaves: &[[u8; 32]]) -> Box<Frontier> {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.append_leaf(&LeafHash(*leaf)).expect("room"));
    Box::new(frontier)
}

fn head(size: u64, root: Root) -> TreeHead {
    TreeHead { size: TreeSize::new(size).expect("in range"), root }
}

#[test]
fn reads_every_field_after_every_event() {
    let (history, _) = sample();
    for events in 1..=history.events.len() {
        let appends: Vec<_> = history.events[..events].iter().filter(|event| event.header.count != 0).collect();
        let last = appends.last().map(|event| &event.header);
        // The last five events: disallowed, offered, accepted, offered again, sealed.
        let (flags, authority, pending_authority) = match history.events.len() - events {
            0 => (1, HEIR, Some(WRITER)),
            1 => (0, HEIR, Some(WRITER)),
            2 => (0, HEIR, None),
            3 => (0, AUTHORITY, Some(HEIR)),
            4 => (0, AUTHORITY, None),
            _ => (4, AUTHORITY, None),
        };
        let expected = LedgerAccount {
            flags,
            id: ID,
            creator: AUTHORITY,
            authority,
            pending_authority,
            leaves_by_subtree: 0,
            heads_written: appends.len() as u64,
            created_slot: 500_000_000,
            created_time: 1_700_000_000,
            appended_slot: last.map_or(0, |header| header.slot),
            appended_time: last.map_or(0, |header| header.unix_time),
            entries: frontier(&history.leaves(history.size_after(events))),
            events: frontier(&history.event_leaves(events)),
            heads: appends.iter().map(|event| head(event.header.size.get(), event.header.root)).collect(),
        };
        let account = LedgerAccount::decode(&history.account(events)).expect("a ledger");
        assert_eq!(account, expected);
        let newest = &history.events[events - 1].header;
        assert_eq!(account.head(LEDGER).entries, head(newest.size.get(), newest.root));
    }
}

#[test]
fn the_ring_is_read_oldest_first() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, counterfoil_core::EventBody::LedgerCreated { id: ID, flags: 0 });
    for number in 0..50 {
        let entries = vec![vec![number]];
        history.push(AUTHORITY, counterfoil_core::EventBody::EntriesAppended { entries });
        let account = LedgerAccount::decode(&history.account(history.events.len())).expect("a ledger");
        let all: Vec<_> =
            history.events[1..].iter().map(|event| head(event.header.size.get(), event.header.root)).collect();
        assert_eq!(account.heads, all[all.len().saturating_sub(16)..]);
    }
}

#[test]
fn an_offered_authority_is_read() {
    let (_, mut bytes) = sample();
    bytes[PENDING_AUTHORITY..PENDING_AUTHORITY + 32].copy_from_slice(&WRITER.0);
    let account = LedgerAccount::decode(&bytes).expect("a ledger");
    assert_eq!(account.pending_authority, Some(Wallet(WRITER.0)));
}

#[test]
fn another_length_is_refused() {
    let (_, bytes) = sample();
    assert_eq!(bytes.len(), LEDGER_BYTES);
    for length in [0, 1, 7, 8, LEDGER_BYTES - 1] {
        assert_eq!(LedgerAccount::decode(&bytes[..length]), Err(AccountError::WrongLength { bytes: length }));
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(LedgerAccount::decode(&longer), Err(AccountError::WrongLength { bytes: LEDGER_BYTES + 1 }));
}

#[test]
fn another_discriminator_is_refused() {
    let (_, bytes) = sample();
    for bit in 0..64 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(LedgerAccount::decode(&bytes), Err(AccountError::NotALedger));
    }
}

#[test]
fn another_version_is_refused() {
    let (_, mut bytes) = sample();
    for version in (0..=u8::MAX).filter(|version| *version != 1) {
        bytes[8] = version;
        assert_eq!(LedgerAccount::decode(&bytes), Err(AccountError::UnknownVersion { version }));
    }
}

#[test]
fn a_frontier_that_does_not_fit_its_size_is_refused() {
    let (history, bytes) = sample();
    let sizes = [(FRONTIER, history.entries.len()), (EVENT_FRONTIER, history.events.len())];
    for (start, size) in sizes {
        for level in 0..48_u8 {
            let mut bytes = bytes.clone();
            let slot = start + 32 * usize::from(level);
            let is_set = size >> level & 1 == 1;
            bytes[slot..slot + 32].fill(if is_set { 0 } else { 1 });
            let expected = AccountError::Frontier(FrontierError::Inconsistent { level });
            assert_eq!(LedgerAccount::decode(&bytes), Err(expected));
        }
    }
    for offset in [SIZE, EVENT_SEQ] {
        let mut bytes = bytes.clone();
        bytes[offset] ^= 1;
        let expected = AccountError::Frontier(FrontierError::Inconsistent { level: 0 });
        assert_eq!(LedgerAccount::decode(&bytes), Err(expected));
    }
}

#[test]
fn sizes_beyond_the_largest_tree_are_refused() {
    let (_, bytes) = sample();
    for offset in [SIZE, EVENT_SEQ, HEADS, HEADS + 40 * 15] {
        for size in [1 << 48, u64::MAX] {
            let mut bytes = bytes.clone();
            bytes[offset..offset + 8].copy_from_slice(&size.to_le_bytes());
            assert_eq!(LedgerAccount::decode(&bytes), Err(AccountError::OutOfRange(OutOfRange(size))));
        }
    }
}

#[test]
fn a_ring_whose_newest_head_is_not_the_frontiers_is_refused() {
    let (history, bytes) = sample();
    let appends = history.events.iter().filter(|event| event.header.count != 0).count();
    let newest = HEADS + 40 * ((appends - 1) % 16);
    let frontier = head(history.entries.len() as u64, Root(root(&history.leaves(history.entries.len()))));
    for byte in [newest, newest + 8, newest + 39] {
        let mut altered = bytes.clone();
        altered[byte] ^= 1;
        match LedgerAccount::decode(&altered) {
            Err(AccountError::RingDiffers { ring, frontier: found }) => {
                assert!(ring != frontier && found == frontier, "{ring:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The account is a pure function of the history: each field of it, after each event.
#[test]
fn the_events_alone_make_every_field_of_the_account() {
    for history in [History::sample(), by_subtrees(), long().0] {
        let (mut state, mut replay) = (LedgerState::new(LEDGER), AccountReplay::default());
        for (number, event) in (1..).zip(&history.events) {
            replay.apply(event);
            (state, _) = state.apply(event.clone()).expect("the true history");
            let expected = LedgerAccount::decode(&history.account(number)).expect("a ledger");
            assert_eq!(replay.account(&state), expected, "after {number} events");
        }
    }
}
