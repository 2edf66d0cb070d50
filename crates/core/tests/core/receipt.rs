//! Receipts: what they prove, and what they refuse.

use std::mem::discriminant;

use counterfoil_core::limits::MAX_ENTRY_BYTES;
use counterfoil_core::receipt::{
    Bridge, EntryProof, EventLeaf, Head, Receipt, ReceiptError, TransactionSignature, Version,
};
use counterfoil_core::relate::{LogKind, Relation, relate};
use counterfoil_core::{Event, EventBody, EventError, GenesisHash, LedgerAccount, LedgerId, ProgramId};
use merkle_log::{Hash, MAX_TREE_SIZE, OutOfRange, ProofError, Root};

use super::history::{AUTHORITY, History, ID, LEDGER, consistency, encode_leaf, leaf, path, root};

/// The parts of a receipt besides entry and event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Version 1: heads.
    V1,
    /// Version 2: nothing.
    Bare,
    /// Version 2: a transaction and a bridge.
    Bridged,
}

pub const FORMS: [Form; 3] = [Form::V1, Form::Bare, Form::Bridged];

/// The receipt of an entry as of the heads that a history has after `events` events.
pub fn receipt(form: Form, history: &History, index: usize, events: usize) -> Receipt {
    receipt_at(form, history, index, history.size_after(events), events)
}

fn receipt_at(form: Form, history: &History, index: usize, size: usize, events: usize) -> Receipt {
    let seq = covering(history, index);
    let stated = history.size_after(seq + 1);
    let (leaves, event_leaves) = (history.leaves(size), history.event_leaves(events));
    let head = Head { size: size as u64, root: Root(root(&leaves)) };
    let event_head = Head { size: events as u64, root: Root(root(&event_leaves)) };
    let event_proof = path(seq, &event_leaves);
    let version = match form {
        Form::V1 => Version::V1 { head, event_head, event_proof },
        Form::Bare => Version::V2 { transaction: None, bridge: None, statement: Vec::new() },
        Form::Bridged => Version::V2 {
            transaction: Some(TransactionSignature([0x7a; 64])),
            bridge: Some(Bridge { head, consistency: consistency(stated, &leaves), event_head, event_proof }),
            statement: Vec::new(),
        },
    };
    let under = if form == Form::V1 { size } else { stated };
    Receipt {
        genesis_hash: GenesisHash([0x6e; 32]),
        program: ProgramId([0x50; 32]),
        ledger: history.ledger,
        entry: EntryProof {
            index: index as u64,
            payload: history.entries[index].clone(),
            proof: path(index, &history.leaves(under)),
        },
        event: EventLeaf { seq: seq as u64, leaf: encode_leaf(&history.events[seq]) },
        version,
    }
}

/// The event that committed an entry.
pub fn covering(history: &History, index: usize) -> usize {
    let after = |event: &Event| event.header.size.get() as usize > index;
    history.events.iter().position(after).expect("an event that committed it")
}

/// Receipts of every entry in every form as of every head that has it.
fn all(history: &History) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for index in 0..history.entries.len() {
        receipts.push(receipt(Form::Bare, history, index, history.events.len()));
        for events in covering(history, index) + 1..=history.events.len() {
            receipts.push(receipt(Form::V1, history, index, events));
            receipts.push(receipt(Form::Bridged, history, index, events));
        }
    }
    receipts
}

/// Three entries, nine by the hashes of their subtrees, and two more.
pub fn by_subtrees() -> History {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 4 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1], vec![2], vec![3]] });
    history.push_subtrees(AUTHORITY, (0..9).map(|number| vec![number; 3]).collect());
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![4], vec![5]] });
    history
}

/// The lists of hashes that a receipt holds.
fn proofs(receipt: &mut Receipt) -> Vec<(&'static str, &mut Vec<Hash>)> {
    let mut all = vec![("entry.proof", &mut receipt.entry.proof)];
    match &mut receipt.version {
        Version::V1 { event_proof, .. } => all.push(("event.proof", event_proof)),
        Version::V2 { bridge: None, .. } => {}
        Version::V2 { bridge: Some(bridge), .. } => {
            all.push(("bridge.consistency", &mut bridge.consistency));
            all.push(("bridge.event_proof", &mut bridge.event_proof));
        }
    }
    all
}

/// The heads that a receipt holds.
fn heads(receipt: &mut Receipt) -> Vec<(LogKind, &mut Head)> {
    match &mut receipt.version {
        Version::V1 { head, event_head, .. } => vec![(LogKind::Entries, head), (LogKind::Events, event_head)],
        Version::V2 { bridge: None, .. } => Vec::new(),
        Version::V2 { bridge: Some(bridge), .. } => {
            vec![(LogKind::Entries, &mut bridge.head), (LogKind::Events, &mut bridge.event_head)]
        }
    }
}

fn refuse(receipt: &Receipt, what: &str) {
    assert!(receipt.verify().is_err(), "{what}: {receipt:#?}");
}

#[test]
fn a_true_receipt_verifies_and_says_what_it_proves() {
    let history = History::sample();
    for receipt in all(&history) {
        let verified = receipt.verify().expect("a true receipt");
        assert_eq!(verified.index().get(), receipt.entry.index);
        assert_eq!(verified.leaf().0, leaf(&receipt.entry.payload));
        let event = &history.events[receipt.event.seq as usize];
        assert_eq!(verified.event().header, event.header);
        assert_eq!(verified.event().body, EventBody::EntriesAppended { entries: Vec::new() });

        let stated = Head { size: event.header.size.get(), root: event.header.root };
        let is_under = |head: &Head| !matches!(receipt.version, Version::V1 { .. }) || *head == stated;
        let later = heads(&mut receipt.clone()).iter().map(|(_, head)| **head).collect::<Vec<_>>();
        let expected = later.first().is_none_or(is_under).then_some(stated);
        assert_eq!(verified.stated_head().map(|head| Head::from(*head)), expected);
        let found = verified.later_heads().map(|head| (head.ledger, vec![head.entries.into(), head.events.into()]));
        assert_eq!(found, (!later.is_empty()).then_some((LEDGER, later)));
    }
}

/// The event then proves who committed to the entry and when, not that the bytes were on the chain.
#[test]
fn an_entry_appended_by_the_hash_of_its_subtree_has_a_receipt() {
    let history = by_subtrees();
    for receipt in all(&history) {
        let verified = receipt.verify().expect("a true receipt");
        let is_by_subtree = (3..12).contains(&receipt.entry.index);
        assert_eq!(matches!(verified.event().body, EventBody::SubtreesAppended { .. }), is_by_subtree);
        for elsewhere in [2, 3, 11, 12].into_iter().filter(|index| *index != receipt.entry.index) {
            let mut altered = receipt.clone();
            altered.entry.index = elsewhere;
            refuse(&altered, "another index");
        }
    }
}

/// Without its optional members it is one text, whenever it is made.
#[test]
fn a_bare_receipt_does_not_change_when_its_ledger_grows() {
    let history = History::sample();
    for index in 0..history.entries.len() {
        let first = receipt(Form::Bare, &history, index, covering(&history, index) + 1);
        assert_eq!(receipt(Form::Bare, &history, index, history.events.len()), first);
    }
}

/// Whether nothing but the chain says that a byte of an event is true, where no proof leads from the event to a head: slot,
/// time, signer, how many entries it appended, and the size, for a proof can hold for several.
fn is_for_the_chain_to_say(receipt: &Receipt, byte: usize) -> bool {
    matches!(receipt.version, Version::V2 { bridge: None, .. }) && ((48..120).contains(&byte) || byte >= 152)
}

#[test]
fn a_flipped_bit_is_refused_in_every_byte() {
    for history in [History::sample(), by_subtrees()] {
        for (number, receipt) in all(&history).into_iter().enumerate() {
            let bit = 1 << (number % 8);
            let alter = |what: &str, change: &dyn Fn(&mut Receipt)| {
                let mut altered = receipt.clone();
                change(&mut altered);
                refuse(&altered, what);
            };
            for byte in 0..receipt.entry.payload.len() {
                alter("payload", &|receipt| receipt.entry.payload[byte] ^= bit);
            }
            for byte in (0..receipt.event.leaf.len()).filter(|byte| !is_for_the_chain_to_say(&receipt, *byte)) {
                alter("event leaf", &|receipt| receipt.event.leaf[byte] ^= bit);
            }
            let mut counted = receipt.clone();
            for byte in 0..32 {
                for (at, (what, hashes)) in proofs(&mut counted).into_iter().enumerate() {
                    for hash in 0..hashes.len() {
                        alter(what, &|receipt| proofs(receipt)[at].1[hash].0[byte] ^= bit);
                    }
                }
                for at in 0..heads(&mut counted).len() {
                    alter("root", &|receipt| heads(receipt)[at].1.root.0[byte] ^= bit);
                }
                alter("ledger", &|receipt| receipt.ledger.0[byte] ^= bit);
            }
        }
    }
}

/// The event's leaf as a whole proves who appended and when: another one is another leaf, which the chain does not
/// have.
#[test]
fn what_a_bare_receipt_leaves_to_the_chain_changes_the_events_leaf_hash() {
    let history = History::sample();
    let bare = receipt(Form::Bare, &history, 9, history.events.len());
    let hash = bare.verify().expect("a true receipt").event().leaf_hash();
    for byte in 48..96 {
        let mut altered = bare.clone();
        altered.event.leaf[byte] ^= 1;
        let verified = altered.verify().expect("it belongs together");
        assert_ne!(verified.event().leaf_hash(), hash, "byte {byte}");
    }
}

#[test]
fn hashes_dropped_doubled_swapped_or_added_are_refused() {
    for receipt in all(&History::sample()) {
        for (at, (what, hashes)) in proofs(&mut receipt.clone()).into_iter().enumerate() {
            let check = |how: &str, proof: Vec<Hash>| {
                let mut altered = receipt.clone();
                *proofs(&mut altered)[at].1 = proof;
                refuse(&altered, &format!("{what} {how}"));
            };
            for hash in 0..hashes.len() {
                let mut altered = hashes.clone();
                altered.remove(hash);
                check("dropped", altered);
                let mut altered = hashes.clone();
                altered.insert(hash, hashes[hash]);
                check("doubled", altered);
                for other in hash + 1..hashes.len() {
                    let mut altered = hashes.clone();
                    altered.swap(hash, other);
                    check("swapped", altered);
                }
            }
            check("added", [hashes.as_slice(), &[Hash::default()]].concat());
        }
    }
}

#[test]
fn another_index_or_sequence_is_refused() {
    for receipt in all(&History::sample()) {
        for other in (0..20).chain([MAX_TREE_SIZE - 1, MAX_TREE_SIZE, u64::MAX]) {
            if other != receipt.entry.index {
                let mut altered = receipt.clone();
                altered.entry.index = other;
                refuse(&altered, "index");
            }
            if other != receipt.event.seq {
                let mut altered = receipt.clone();
                altered.event.seq = other;
                refuse(&altered, "seq");
            }
        }
    }
}

/// A proof can hold for several sizes; which size the root has is for the account to say.
#[test]
fn another_size_is_refused_by_the_receipt_or_by_the_account() {
    let history = History::sample();
    let account = LedgerAccount::decode(&history.account(history.events.len())).expect("a ledger");
    for receipt in all(&history) {
        for other in (0..30).chain([MAX_TREE_SIZE, MAX_TREE_SIZE + 1, u64::MAX]) {
            for at in 0..heads(&mut receipt.clone()).len() {
                let mut altered = receipt.clone();
                let (log, head) = heads(&mut altered).swap_remove(at);
                if head.size == other {
                    continue;
                }
                head.size = other;
                let Ok(verified) = altered.verify() else { continue };
                let later = verified.later_heads().expect("it has heads");
                let head = if log == LogKind::Entries { later.entries } else { later.events };
                let relation = relate(log, &head, &account);
                assert!(!matches!(relation, Relation::Same | Relation::InRing), "{altered:#?}: {relation:?}");
            }
        }
    }
}

#[test]
fn numbers_beyond_the_largest_tree_are_refused() {
    let history = History::sample();
    for form in FORMS {
        let true_one = receipt(form, &history, 0, 2);
        let refused = |change: &dyn Fn(&mut Receipt)| {
            let mut altered = true_one.clone();
            change(&mut altered);
            assert_eq!(altered.verify(), Err(ReceiptError::OutOfRange(OutOfRange(u64::MAX))), "{form:?}");
        };
        refused(&|receipt| receipt.entry.index = u64::MAX);
        refused(&|receipt| receipt.event.seq = u64::MAX);
        for at in 0..heads(&mut true_one.clone()).len() {
            refused(&|receipt| heads(receipt)[at].1.size = u64::MAX);
        }
    }
}

#[test]
fn an_entry_of_a_wrong_length_is_refused() {
    let history = History::sample();
    for form in FORMS {
        for bytes in [0, MAX_ENTRY_BYTES + 1] {
            let mut altered = receipt(form, &history, 0, 2);
            altered.entry.payload = vec![1; bytes];
            assert_eq!(altered.verify(), Err(ReceiptError::EntryLength { bytes }));
        }
    }
}

/// Every other event of the log, with its true proof, in place of the right one.
#[test]
fn an_event_that_did_not_append_the_entry_is_refused() {
    let history = History::sample();
    let events = history.events.len();
    for (form, index) in FORMS.into_iter().flat_map(|form| (0..history.entries.len()).map(move |index| (form, index))) {
        for (other, event) in history.events.iter().enumerate().filter(|(other, _)| *other != covering(&history, index))
        {
            let mut altered = receipt(form, &history, index, events);
            altered.event = EventLeaf { seq: other as u64, leaf: encode_leaf(event) };
            if form != Form::Bare {
                *proofs(&mut altered).pop().expect("the event's proof is the last").1 =
                    path(other, &history.event_leaves(events));
            }
            let expected = match &event.body {
                EventBody::EntriesAppended { .. } => {
                    let header = &event.header;
                    ReceiptError::NotCovered { first: header.first_index.get(), count: header.count }
                }
                _ => ReceiptError::WrongEvent { name: event.body.name() },
            };
            assert_eq!(altered.verify(), Err(expected));
        }
    }
}

#[test]
fn another_ledgers_event_is_refused() {
    let other = LedgerId([0x77; 32]);
    let mut history = History::new(other);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1]] });
    for form in FORMS {
        let mut altered = receipt(form, &history, 0, 2);
        altered.verify().expect("true for its own ledger");
        altered.ledger = LEDGER;
        assert_eq!(altered.verify(), Err(ReceiptError::WrongLedger { found: other }));
    }
}

#[test]
fn the_event_and_the_receipt_say_one_sequence() {
    let history = History::sample();
    for form in FORMS {
        let mut altered = receipt(form, &history, 0, 4);
        altered.event.seq += 1;
        assert_eq!(altered.verify(), Err(ReceiptError::WrongSequence { found: 1 }));
    }
}

#[test]
fn a_head_of_version_1_that_the_event_contradicts_is_refused() {
    let history = History::sample();
    let events = history.events.len();
    let append = history.events.iter().find(|event| event.header.count == 3).expect("an append of three");
    let (first, size) = (append.header.first_index.get() as usize, append.header.size.get() as usize);
    // A true tree that ends within the append: no head of the ledger.
    let within = receipt_at(Form::V1, &history, first, first + 1, events);
    assert_eq!(within.verify(), Err(ReceiptError::HeadMismatch));

    // An event that is in its log, and says another root for the head's size.
    let mut altered = receipt_at(Form::V1, &history, first, size, events);
    let mut event = append.clone();
    event.header.root.0[0] ^= 1;
    altered.event.leaf = encode_leaf(&event);
    assert_eq!(altered.verify(), Err(ReceiptError::HeadMismatch));
}

/// A true head of the ledger that the stated one does not lead to, and a false one of the same size.
#[test]
fn a_bridge_that_does_not_extend_the_stated_head_is_refused() {
    let history = History::sample();
    let events = history.events.len();
    let (index, stated) = (9, history.size_after(covering(&history, 9) + 1));
    let mut altered = receipt(Form::Bridged, &history, index, events);
    for size in 0..stated {
        *heads(&mut altered)[0].1 = Head { size: size as u64, root: Root(root(&history.leaves(size))) };
        *proofs(&mut altered)[1].1 = Vec::new();
        let found = altered.verify();
        assert!(matches!(found, Err(ReceiptError::Bridge(ProofError::Shrinks { .. }))), "{size}: {found:?}");
    }
    *heads(&mut altered)[0].1 = Head { size: stated as u64, root: Root([0xee; 32]) };
    let found = altered.verify();
    assert!(matches!(found, Err(ReceiptError::Bridge(ProofError::RootMismatch { .. }))), "{found:?}");

    // A log that was the ledger's until after the event, and went on otherwise.
    let mut fork = history.clone();
    *fork.entries.last_mut().expect("an entry") = vec![0xee];
    let leaves = fork.leaves(fork.entries.len());
    *heads(&mut altered)[0].1 = Head { size: leaves.len() as u64, root: Root(root(&leaves)) };
    *proofs(&mut altered)[1].1 = consistency(stated, &history.leaves(leaves.len()));
    let found = altered.verify();
    assert!(matches!(found, Err(ReceiptError::Bridge(ProofError::SecondRootMismatch { .. }))), "{found:?}");
}

#[test]
fn an_event_that_cannot_be_read_is_refused() {
    let history = History::sample();
    for form in FORMS {
        let mut altered = receipt(form, &history, 0, 2);
        altered.event.leaf.push(0);
        let trailing = ReceiptError::UnreadableEvent(EventError::TrailingBytes { count: 1 });
        assert_eq!(altered.verify(), Err(trailing));
        altered.event.leaf.truncate(100);
        assert_eq!(altered.verify(), Err(ReceiptError::UnreadableEvent(EventError::Truncated)));
    }
}

#[test]
fn a_proof_that_leads_elsewhere_is_named() {
    let history = History::sample();
    let mismatch = || ProofError::RootMismatch { computed: Root([0; 32]), expected: Root([0; 32]) };
    for (form, true_one) in FORMS.map(|form| (form, receipt(form, &history, 1, 5))) {
        let is = |what: &str, change: &dyn Fn(&mut Receipt), expected: ReceiptError| {
            let mut altered = true_one.clone();
            change(&mut altered);
            let found = altered.verify().expect_err("it was altered");
            let of = |error: &ReceiptError| match error {
                ReceiptError::Entry(error) | ReceiptError::Event(error) | ReceiptError::Bridge(error) => {
                    discriminant(error)
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(discriminant(&found), discriminant(&expected), "{form:?} {what}");
            assert_eq!(of(&found), of(&expected), "{form:?} {what}");
        };
        is("payload", &|receipt| receipt.entry.payload[0] ^= 1, ReceiptError::Entry(mismatch()));
        is("entry", &|receipt| receipt.entry.proof.clear(), ReceiptError::Entry(ProofError::TooShort));
        if form != Form::Bare {
            let event_proof = |receipt: &mut Receipt| proofs(receipt).pop().expect("the last").1.push(Hash::default());
            is("event head", &|receipt| heads(receipt)[1].1.root.0[0] ^= 1, ReceiptError::Event(mismatch()));
            is("event", &event_proof, ReceiptError::Event(ProofError::TooLong));
        }
        if form == Form::Bridged {
            let long = |receipt: &mut Receipt| proofs(receipt)[1].1.push(Hash::default());
            is("bridge", &long, ReceiptError::Bridge(ProofError::TooLong));
        }
    }
}

/// It helps to find the event, and proves nothing.
#[test]
fn the_transaction_is_a_hint() {
    let mut other = receipt(Form::Bridged, &History::sample(), 3, 5);
    let verified = other.verify().expect("a true receipt");
    for hint in [None, Some(TransactionSignature([0; 64]))] {
        let Version::V2 { transaction, .. } = &mut other.version else { unreachable!("it is of version 2") };
        *transaction = hint;
        assert_eq!((other.transaction(), other.verify()), (hint, Ok(verified.clone())));
    }
    assert_eq!(receipt(Form::V1, &History::sample(), 3, 5).transaction(), None);
}

#[test]
fn a_receipt_with_a_statement_is_never_verified_and_a_contradiction_is_said_first() {
    let history = History::sample();
    for form in [Form::Bare, Form::Bridged] {
        let mut with_statement = receipt(form, &history, 3, 5);
        let Version::V2 { statement, .. } = &mut with_statement.version else { unreachable!("it is of version 2") };
        *statement = vec!["content", "salt"];
        assert_eq!(with_statement.verify(), Err(ReceiptError::Statement { member: "content" }));
        for (at, (what, _)) in proofs(&mut with_statement.clone()).into_iter().enumerate() {
            let mut altered = with_statement.clone();
            proofs(&mut altered)[at].1.push(Hash::default());
            let found = altered.verify().expect_err(what);
            assert!(!matches!(found, ReceiptError::Statement { .. }), "{what}: {found:?}");
        }
        with_statement.ledger = LedgerId([0x77; 32]);
        assert_eq!(with_statement.verify(), Err(ReceiptError::WrongLedger { found: LEDGER }));
    }
}
