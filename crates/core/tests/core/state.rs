//! The events that `LedgerState` believes, and those that it refuses.

use std::mem::discriminant;
use std::num::NonZeroUsize;

use counterfoil_core::limits::MAX_ENTRY_BYTES;
use counterfoil_core::{
    AccountError, ApplyError, CheckError, Event, EventBody, LedgerAccount, LedgerId, LedgerState, VerifiedAppend,
    plan_subtrees,
};
use merkle_log::{
    Edge, EdgeError, FrontierError, Grown, Hash, LeafIndex, MAX_TREE_SIZE, OutOfRange, Position, Root, Tile, Tiles,
    TreeSize,
};

use super::history::{AUTHORITY, History, ID, LEDGER, WRITER, aligned, encode_leaf, leaf, root};

fn size(leaves: u64) -> TreeSize {
    TreeSize::new(leaves).expect("in range")
}

fn apply_all(events: impl IntoIterator<Item = Event>) -> Result<LedgerState, ApplyError> {
    events.into_iter().try_fold(LedgerState::new(LEDGER), |state, event| Ok(state.apply(event)?.0))
}

/// The state before event `number`.
fn before(history: &History, number: usize) -> LedgerState {
    apply_all(history.events[..number].iter().cloned()).expect("the true history")
}

fn account(history: &History, events: usize) -> LedgerAccount {
    LedgerAccount::decode(&history.account(events)).expect("a ledger")
}

#[test]
fn the_true_history_is_applied_and_checked_after_every_event() {
    let history = History::sample();
    let mut state = LedgerState::new(LEDGER);
    for (number, event) in history.events.iter().enumerate() {
        let applied: VerifiedAppend;
        (state, applied) = state.apply(event.clone()).expect("it follows");

        assert_eq!(applied.event().header, event.header);
        assert_eq!(applied.leaf_bytes(), encode_leaf(event));
        assert_eq!(applied.leaf().0, leaf(&encode_leaf(event)));
        let first = event.header.first_index.get() as usize;
        let expected: Vec<_> = (first..event.header.size.get() as usize).collect();
        let indexes: Vec<_> = applied.entries().iter().map(|entry| entry.index.get() as usize).collect();
        assert_eq!(indexes, expected);
        for entry in applied.entries() {
            let bytes = &history.entries[entry.index.get() as usize];
            assert_eq!((&entry.bytes, entry.leaf.0), (bytes, leaf(bytes)));
        }

        assert_eq!(state.event_seq(), size(number as u64 + 1));
        let account = account(&history, number + 1);
        assert_eq!(state.check(&account).map(|checked| *checked.head()), Ok(account.head(LEDGER)));
        assert_eq!(state.head().events.root.0, root(&history.event_leaves(number + 1)));
    }
}

#[test]
fn tiles_are_handed_out_when_they_are_full() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    for round in 0..300_u32 {
        history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![round.to_le_bytes().to_vec(); 2] });
    }
    let mut state = LedgerState::new(LEDGER);
    let (mut entry_tiles, mut event_tiles) = (Vec::new(), Vec::new());
    for event in &history.events {
        let applied: VerifiedAppend;
        (state, applied) = state.apply(event.clone()).expect("it follows");
        entry_tiles.extend(applied.entry_tiles().iter().map(|tile| (tile.level, tile.index, tile.hashes.clone())));
        event_tiles.extend(applied.event_tiles().iter().map(|tile| (tile.level, tile.index, tile.hashes.clone())));
    }
    let hashes = |leaves: &[[u8; 32]]| leaves.iter().copied().map(Hash).collect::<Vec<_>>();
    let leaves = history.leaves(600);
    assert_eq!(entry_tiles, [(0, 0, hashes(&leaves[..256])), (0, 1, hashes(&leaves[256..512]))]);
    assert_eq!(event_tiles, [(0, 0, hashes(&history.event_leaves(256)))]);
}

/// An alteration, and the refusal expected.
type Alteration = (&'static str, fn(&mut Event), ApplyError);

/// Refusals are compared by kind where the facts differ from event to event.
#[track_caller]
fn expect_refusal(state: LedgerState, event: Event, name: &str, expected: &ApplyError) {
    let error = state.apply(event).expect_err(name);
    assert_eq!(discriminant(&error), discriminant(expected), "{name}: {error}");
}

#[test]
fn each_field_that_the_state_knows_is_compared() {
    let (zero, none) = (TreeSize::ZERO, Root([0; 32]));
    let wrong_first = ApplyError::WrongFirstIndex { expected: zero, found: zero };
    let wrong_sequence = ApplyError::WrongSequence { expected: 0, found: 0 };
    let wrong_count = ApplyError::WrongCount { entries: 0, claimed: 0 };
    let wrong_size = ApplyError::SizeMismatch { computed: zero, claimed: zero };
    let alterations: [Alteration; 11] = [
        ("ledger", |event| event.header.ledger.0[31] ^= 1, ApplyError::WrongLedger { expected: LEDGER, found: LEDGER }),
        ("event_seq + 1", |event| event.header.event_seq = next(event.header.event_seq, 1), wrong_sequence),
        ("event_seq far off", |event| event.header.event_seq = next(event.header.event_seq, 1 << 40), wrong_sequence),
        ("first_index", |event| event.header.first_index = grown(event.header.first_index), wrong_first),
        ("count + 1", |event| event.header.count += 1, wrong_count),
        ("count of all bits", |event| event.header.count = u64::MAX, wrong_count),
        ("size", |event| event.header.size = grown(event.header.size), wrong_size),
        ("the largest size", |event| event.header.size = TreeSize::new(MAX_TREE_SIZE).expect("in range"), wrong_size),
        ("first byte of root", |event| event.header.root.0[0] ^= 1, mismatch(none)),
        ("last byte of root", |event| event.header.root.0[31] ^= 0x80, mismatch(none)),
        ("no root", |event| event.header.root = Root([0; 32]), mismatch(none)),
    ];
    let history = History::sample();
    for (number, event) in history.events.iter().enumerate() {
        for (name, alter, expected) in &alterations {
            let mut altered = event.clone();
            alter(&mut altered);
            expect_refusal(before(&history, number), altered, name, expected);
        }
    }
}

fn next(index: LeafIndex, by: u64) -> LeafIndex {
    LeafIndex::new(index.get() + by).expect("in range")
}

fn grown(leaves: TreeSize) -> TreeSize {
    size(leaves.get() + 1)
}

fn mismatch(root: Root) -> ApplyError {
    ApplyError::RootMismatch { size: TreeSize::ZERO, computed: root, claimed: root }
}

#[test]
fn a_refusal_carries_the_facts() {
    let history = History::sample();
    let mut event = history.events[2].clone();
    event.header.root.0[0] ^= 1;
    let expected = ApplyError::RootMismatch {
        size: history.events[2].header.size,
        computed: history.events[2].header.root,
        claimed: event.header.root,
    };
    assert_eq!(before(&history, 2).apply(event), Err(expected));

    let mut event = history.events[2].clone();
    event.header.ledger = LedgerId([9; 32]);
    let expected = ApplyError::WrongLedger { expected: LEDGER, found: LedgerId([9; 32]) };
    assert_eq!(before(&history, 2).apply(event), Err(expected));

    let event = history.events[4].clone();
    let found = event.header.event_seq.get();
    assert_eq!(before(&history, 2).apply(event), Err(ApplyError::WrongSequence { expected: 2, found }));
}

fn entries(event: &mut Event) -> &mut Vec<Vec<u8>> {
    match &mut event.body {
        EventBody::EntriesAppended { entries } => entries,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_bit_of_every_entry_is_covered_by_the_root() {
    let history = History::sample();
    for (number, event) in history.events.iter().enumerate().filter(|(_, event)| event.header.count != 0) {
        let state = before(&history, number);
        for entry in 0..event.header.count as usize {
            let length = entries(&mut event.clone())[entry].len();
            for bit in 0..8 * length {
                let mut altered = event.clone();
                entries(&mut altered)[entry][bit / 8] ^= 1 << (bit % 8);
                expect_refusal(state.clone(), altered, "a bit", &mismatch(Root([0; 32])));
            }
        }
    }
}

#[test]
fn entries_dropped_doubled_swapped_moved_or_of_a_wrong_length_are_refused() {
    let history = History::sample();
    let number = history.events.iter().position(|event| event.header.count == 3).expect("an append of three");
    let wrong_count = ApplyError::WrongCount { entries: 0, claimed: 0 };
    let wrong_length = ApplyError::WrongEntryLength { index: 0, bytes: 0 };
    let other_root = mismatch(Root([0; 32]));
    let alterations: [Alteration; 9] = [
        ("dropped", |event| drop(entries(event).remove(1)), wrong_count),
        ("all dropped", |event| entries(event).clear(), wrong_count),
        ("doubled", |event| entries(event).insert(1, vec![1]), wrong_count),
        ("another in its place", |event| entries(event)[1] = b"another".to_vec(), other_root),
        ("swapped", |event| entries(event).swap(0, 2), other_root),
        (
            "a byte moved to the next",
            |event| {
                let byte = entries(event)[1].pop().expect("a byte");
                entries(event)[2].insert(0, byte);
            },
            other_root,
        ),
        ("a byte added", |event| entries(event)[1].push(0), other_root),
        ("empty", |event| entries(event)[1].clear(), wrong_length),
        ("too long", |event| entries(event)[1] = vec![0; MAX_ENTRY_BYTES + 1], wrong_length),
    ];
    for (name, alter, expected) in alterations {
        let mut altered = history.events[number].clone();
        alter(&mut altered);
        expect_refusal(before(&history, number), altered, name, &expected);
    }
}

#[test]
fn an_append_of_nothing_is_refused() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: Vec::new() });
    let refused = apply_all(history.events).expect_err("nothing is appended");
    assert_eq!(refused, ApplyError::WrongCount { entries: 0, claimed: 0 });
}

#[test]
fn the_longest_entry_is_accepted() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![7; MAX_ENTRY_BYTES]] });
    apply_all(history.events).expect("it follows");
}

#[test]
fn only_the_first_event_creates() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::WriterRevoked { wallet: WRITER });
    let refused = apply_all(history.events).expect_err("nothing was created");
    assert_eq!(refused, ApplyError::WrongKind { event_seq: 0, name: "WriterRevoked" });

    let mut history = History::sample();
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    let event_seq = history.events.len() as u64 - 1;
    let refused = apply_all(history.events).expect_err("it is there already");
    assert_eq!(refused, ApplyError::WrongKind { event_seq, name: "LedgerCreated" });
}

/// Positions and roots of the subtrees of a run of a history's leaves.
fn subtrees_of(history: &History, start: usize, end: usize) -> Vec<(Position, Hash)> {
    let leaves = history.leaves(end);
    let place = |(start, len): (usize, usize)| {
        let position = Position { level: len.trailing_zeros() as u8, offset: (start / len) as u64 };
        (position, Hash(root(&leaves[start..start + len])))
    };
    aligned(start, end).map(place).collect()
}

/// Batches as they are planned for the program, over the borders of tiles, with appends between them.
#[test]
fn planned_batches_of_subtrees_are_placed_and_checked() {
    for (before, leaves, most) in [(0, 1, 1), (3, 700, 4), (255, 514, 128), (100, 1_000, 1), (256, 256, 7)] {
        let mut history = History::new(LEDGER);
        history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 4 });
        let entries = |first: usize, count: u64| (first..first + count as usize).map(|at| at.to_le_bytes().to_vec());
        if before > 0 {
            history.push(AUTHORITY, EventBody::EntriesAppended { entries: entries(0, before).collect() });
        }
        let plan = plan_subtrees(size(before), leaves, NonZeroUsize::new(most).expect("some")).expect("room");
        for batch in plan {
            assert_eq!(batch.expected_size(), size(history.entries.len() as u64));
            let entries = entries(history.entries.len(), batch.leaves()).collect();
            history.push_subtrees(WRITER, entries);
        }
        history.push(AUTHORITY, EventBody::EntriesAppended { entries: entries(0, 300).collect() });

        let mut state = LedgerState::new(LEDGER);
        let (mut placed, mut tiles, mut holed) = (Vec::new(), Vec::new(), Vec::new());
        for (number, event) in history.events.iter().enumerate() {
            let applied: VerifiedAppend;
            (state, applied) = state.apply(event.clone()).expect("it follows");
            assert_eq!(state.check(&account(&history, number + 1)).err(), None);
            let (first, end) = (event.header.first_index.get() as usize, event.header.size.get() as usize);
            if matches!(event.body, EventBody::SubtreesAppended { .. }) {
                assert_eq!((applied.subtrees(), applied.entries()), (&*subtrees_of(&history, first, end), &[][..]));
            } else {
                assert_eq!(applied.subtrees(), []);
            }
            placed.extend(applied.subtrees().iter().map(|(position, _)| *position));
            tiles.extend(applied.entry_tiles().iter().map(|tile| (tile.level, tile.index, tile.root)));
            holed.extend(applied.holed_tiles().iter().copied());
            assert_eq!(applied.event_tiles(), []);
        }
        // Each tile of leaves is stored, or its root alone is, or it is itself the subtree or lies in one.
        let leaves = history.leaves(history.entries.len());
        for tile in 0..history.entries.len() / 256 {
            let position = Position { level: 8, offset: tile as u64 };
            let known = Hash(root(&leaves[tile * 256..(tile + 1) * 256]));
            let is_within =
                |subtree: &Position| subtree.level >= 8 && position.offset >> (subtree.level - 8) == subtree.offset;
            let lacks = |subtree: &Position| {
                (1..8).contains(&subtree.level) && subtree.offset >> (8 - subtree.level) == position.offset
            };
            assert_eq!(holed.contains(&(position, known)), placed.iter().any(lacks), "tile {tile}");
            let is_stored = tiles.contains(&(0, tile as u64, known));
            assert_eq!(is_stored, !placed.iter().any(|subtree| is_within(subtree) || lacks(subtree)), "tile {tile}");
        }
    }
}

#[test]
fn a_false_batch_of_subtrees_is_refused() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 4 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1]; 3] });
    // Leaf 3, leaves 4 to 7, leaves 8 and 9, leaf 10.
    history.push_subtrees(AUTHORITY, (0..8).map(|number| vec![number]).collect());
    let true_event = history.events[2].clone();
    let EventBody::SubtreesAppended { hashes } = true_event.body.clone() else { panic!("subtrees") };
    assert_eq!(hashes.len(), 4);
    before(&history, 2).apply(true_event.clone()).expect("it follows");

    let refuse = |hashes: Vec<Hash>, count: u64, end: u64| {
        let mut event = true_event.clone();
        event.body = EventBody::SubtreesAppended { hashes };
        (event.header.count, event.header.size) = (count, size(end));
        before(&history, 2).apply(event).expect_err("false")
    };
    let with = |hash: Hash| [hashes.as_slice(), &[hash]].concat();
    let wrong = |hashes, claimed| ApplyError::WrongSubtrees { hashes, claimed };
    assert_eq!(refuse(hashes[..3].to_vec(), 8, 11), wrong(3, 8));
    assert_eq!(refuse(vec![], 8, 11), wrong(0, 8));
    assert_eq!(refuse(with(Hash([7; 32])), 8, 11), wrong(5, 8));
    // It would not end if the positions of all these leaves were made first.
    assert_eq!(refuse(hashes.clone(), (1 << 47) - 1, 11), wrong(4, (1 << 47) - 1));
    let full = |leaves| ApplyError::Full(EdgeError::Frontier(FrontierError::Full(OutOfRange(leaves))));
    assert_eq!(refuse(hashes.clone(), MAX_TREE_SIZE, 11), full(MAX_TREE_SIZE + 3));
    assert_eq!(refuse(hashes.clone(), u64::MAX, 11), full(u64::MAX));
    assert_eq!(refuse(vec![], 0, 3), ApplyError::WrongCount { entries: 0, claimed: 0 });
    assert_eq!(refuse(hashes.clone(), 8, 12), ApplyError::SizeMismatch { computed: size(11), claimed: size(12) });
    for altered in 0..hashes.len() {
        let mut hashes = hashes.clone();
        hashes[altered].0[altered] ^= 1;
        assert!(matches!(refuse(hashes, 8, 11), ApplyError::RootMismatch { .. }), "hash {altered}");
    }
}

/// A root does not say of how many leaves it is: where the same hashes are placed higher, it may stay as it is.
#[test]
fn the_same_subtrees_of_more_leaves_are_seen_by_check() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 4 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1]; 3] });
    history.push_subtrees(AUTHORITY, (0..8).map(|number| vec![number]).collect());
    let account = account(&history, 3);
    let mut event = history.events[2].clone();
    // Not leaves 8 and 9, and leaf 10, but leaves 8 to 11, and leaves 12 and 13.
    (event.header.count, event.header.size) = (11, size(14));
    let (state, applied) = before(&history, 2).apply(event).expect("apply cannot know");
    assert_eq!(applied.subtrees()[2].0, Position { level: 2, offset: 2 });
    assert_eq!(state.head().entries.root, account.entries.root());
    assert!(matches!(state.check(&account), Err(CheckError::Differs(_))));
}

#[test]
fn events_dropped_doubled_or_swapped_are_refused() {
    let events = History::sample().events;
    for number in 0..events.len() {
        // The last one may lack: then the account says so.
        if number + 1 < events.len() {
            let mut altered = events.clone();
            altered.remove(number);
            apply_all(altered).expect_err("one is missing");
            let mut altered = events.clone();
            altered.swap(number, number + 1);
            apply_all(altered).expect_err("out of order");
        }
        let mut altered = events.clone();
        altered.insert(number, events[number].clone());
        apply_all(altered).expect_err("one is doubled");
    }
}

/// The event's leaf, and so the account, covers also the fields that no state can recompute.
#[test]
fn a_false_word_that_apply_cannot_see_is_seen_by_check() {
    let history = History::sample();
    let account = account(&history, history.events.len());
    type Falsehood = (&'static str, fn(&mut Event));
    let alterations: [Falsehood; 12] = [
        ("slot", |event| event.header.slot ^= 1),
        ("unix_time", |event| event.header.unix_time ^= 1),
        ("signer", |event| event.header.signer.0[0] ^= 1),
        ("id", |event| {
            if let EventBody::LedgerCreated { id, .. } = &mut event.body {
                id[0] ^= 1;
            }
        }),
        ("flags", |event| {
            if let EventBody::LedgerCreated { flags, .. } = &mut event.body {
                *flags ^= 2;
            }
        }),
        ("wallet", |event| {
            if let EventBody::WriterGranted { wallet, .. } = &mut event.body {
                wallet.0[0] ^= 1;
            }
        }),
        ("permissions", |event| {
            if let EventBody::WriterGranted { permissions, .. } = &mut event.body {
                *permissions ^= 2;
            }
        }),
        ("expires_at", |event| {
            if let EventBody::WriterGranted { expires_at, .. } = &mut event.body {
                *expires_at -= 1;
            }
        }),
        ("revoked wallet", |event| {
            if let EventBody::WriterRevoked { wallet } = &mut event.body {
                wallet.0[31] ^= 1;
            }
        }),
        ("pending authority", |event| {
            if let EventBody::AuthorityProposed { pending_authority } = &mut event.body {
                pending_authority.0[0] ^= 1;
            }
        }),
        ("previous authority", |event| {
            if let EventBody::AuthorityAccepted { previous_authority } = &mut event.body {
                previous_authority.0[0] ^= 1;
            }
        }),
        ("an act of the authority", |event| {
            if event.body == EventBody::SubtreesDisallowed {
                event.body = EventBody::LedgerSealed;
            }
        }),
    ];
    for (name, alter) in alterations {
        let mut altered = 0;
        for number in 0..history.events.len() {
            let mut events = history.events.clone();
            alter(&mut events[number]);
            if events == history.events {
                continue;
            }
            altered += 1;
            let state = apply_all(events).expect("apply cannot know");
            let refused = state.check(&account).expect_err(name);
            let CheckError::Differs(heads) = refused else { panic!("{name}: {refused}") };
            assert_eq!((heads.computed, heads.account), (state.head(), account.head(LEDGER)));
            assert_eq!(heads.computed.entries, heads.account.entries);
            assert_ne!(heads.computed.events, heads.account.events);
        }
        assert_ne!(altered, 0, "{name}");
    }
}

#[test]
fn an_account_of_another_moment_says_nothing() {
    let history = History::sample();
    let last = history.events.len();
    for (applied, at) in [(last, last - 1), (last - 1, last), (1, last)] {
        let refused = before(&history, applied).check(&account(&history, at)).expect_err("another moment");
        let expected = CheckError::DifferentMoment { applied: size(applied as u64), account: size(at as u64) };
        assert_eq!(refused, expected);
    }
}

#[test]
fn every_peak_of_the_account_is_compared() {
    let history = History::sample();
    let last = history.events.len();
    let state = before(&history, last);
    for (start, leaves) in [(208, history.entries.len()), (1_744, last)] {
        for level in (0..48).filter(|level| leaves >> level & 1 == 1) {
            for byte in [0, 31] {
                let mut bytes = history.account(last);
                bytes[start + 32 * level + byte] ^= 1;
                match LedgerAccount::decode(&bytes) {
                    Ok(account) => {
                        assert!(matches!(state.check(&account), Err(CheckError::Differs(_))), "level {level}")
                    }
                    // Of the log the ring tells already.
                    Err(error) => assert!(start == 208 && matches!(error, AccountError::RingDiffers { .. }), "{error}"),
                }
            }
        }
    }
}

/// The edge of a full log: 255 hashes on each of six levels.
fn full_edge() -> Edge {
    let mut tiles = Tiles::default();
    for tile in Tile::partial(size(MAX_TREE_SIZE)) {
        tiles.insert(tile, vec![Hash([7; 32]); usize::from(tile.width)]).expect("as wide as it says");
    }
    Edge::from_tiles(size(MAX_TREE_SIZE), &tiles).expect("all of its tiles")
}

#[test]
fn a_full_log_takes_nothing() {
    let full = full_edge();
    let mut history = History::sample();
    history.events.truncate(1);
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1]] });
    let one_event = |event: &Event| {
        let mut events = Edge::new();
        events.append_leaf(&event.leaf_hash(), &mut Grown::default()).expect("room");
        events
    };
    let mut event = history.events[1].clone();
    event.header.event_seq = LeafIndex::new(1).expect("in range");
    event.header.first_index = size(MAX_TREE_SIZE);
    event.header.size = size(MAX_TREE_SIZE);
    event.header.count = 1;
    let state = LedgerState::from_edges(LEDGER, full, one_event(&history.events[0]));
    let expected = ApplyError::Full(EdgeError::Frontier(FrontierError::Full(OutOfRange(MAX_TREE_SIZE))));
    assert_eq!(state.apply(event), Err(expected));
}
