//! Certificates: what they prove of a list, what they refuse, and their one text.

use std::ops::Range;

use counterfoil_core::certificate::{Certificate, CertificateError, FORMAT};
use counterfoil_core::receipt::Head;
use counterfoil_core::relate::LogKind;
use counterfoil_core::{GenesisHash, ProgramId};
use merkle_log::{Hash, LeafHash, MAX_TREE_SIZE, OutOfRange, ProofError, Root, hash_leaf};
use serde_json::{Value, json};

use super::history::{Bytes32, History, LEDGER, root};

/// The roots of the largest subtrees outside a range, from left to right, by RFC 6962's definition of a tree.
fn beside(start: usize, leaves: &[Bytes32], range: &Range<usize>) -> Vec<Hash> {
    let end = start + leaves.len();
    if end <= range.start || range.end <= start {
        return vec![Hash(root(leaves))];
    }
    if range.start <= start && end <= range.end {
        return Vec::new();
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    [beside(start, left, range), beside(start + split, right, range)].concat()
}

fn certificate(leaves: &[Bytes32], range: Range<usize>) -> Certificate {
    Certificate {
        format: FORMAT.to_owned(),
        genesis_hash: GenesisHash([0x6e; 32]),
        program: ProgramId([0x50; 32]),
        ledger: LEDGER,
        log: LogKind::Entries,
        from: range.start as u64,
        to: range.end as u64,
        head: Head { size: leaves.len() as u64, root: Root(root(leaves)) },
        slot: 77,
        proof: beside(0, leaves, &range),
    }
}

fn hashed(entries: &[Vec<u8>]) -> impl Iterator<Item = LeafHash> {
    entries.iter().map(|entry| hash_leaf(entry))
}

#[test]
fn a_whole_range_is_certified_and_any_other_list_is_not() {
    let history = History::sample();
    let leaves = history.leaves(history.entries.len());
    for from in 0..leaves.len() {
        for to in from + 1..=leaves.len() {
            let certificate = certificate(&leaves, from..to);
            let list = history.entries[from..to].to_vec();
            let head = certificate.verify(hashed(&list)).expect("a true certificate");
            assert_eq!(Head::from(head), certificate.head);

            let count = |found: usize| CertificateError::Count { found: found as u64, expected: (to - from) as u64 };
            let missing = &list[1..];
            assert_eq!(certificate.verify(hashed(missing)), Err(count(missing.len())));
            let extra = [&list[..], &list[..1], &list[..1]].concat();
            assert_eq!(certificate.verify(hashed(&extra)), Err(count(list.len() + 1)));
            let mut altered = list.clone();
            altered[0].push(0);
            let mut reordered = list.clone();
            reordered.rotate_left(1);
            for other in [altered, reordered].iter().filter(|other| **other != list) {
                let error = certificate.verify(hashed(other)).expect_err("another list");
                assert!(matches!(error, CertificateError::Proof(_)), "{from}..{to}: {error}");
            }
        }
    }
}

#[test]
fn a_certificate_altered_in_any_field_that_it_proves_is_refused() {
    let history = History::sample();
    let leaves = history.leaves(history.entries.len());
    let size = leaves.len() as u64;
    let good = certificate(&leaves, 2..4);
    let list = &history.entries[2..4];
    let verify = |change: &dyn Fn(&mut Certificate)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.verify(hashed(list)).expect_err("it was altered")
    };
    assert_eq!(verify(&|it| it.format.push('0')), CertificateError::UnknownFormat);
    assert_eq!(
        verify(&|it| it.head.size = MAX_TREE_SIZE + 1),
        CertificateError::OutOfRange(OutOfRange(MAX_TREE_SIZE + 1))
    );
    assert_eq!(verify(&|it| it.from = u64::MAX), CertificateError::OutOfRange(OutOfRange(u64::MAX)));
    assert_eq!(verify(&|it| it.to += 1), CertificateError::Count { found: 2, expected: 3 });
    assert_eq!(verify(&|it| it.from -= 1), CertificateError::Count { found: 2, expected: 3 });
    let beyond = verify(&|it| (it.from, it.to) = (size - 1, size + 1));
    assert!(matches!(beyond, CertificateError::Proof(ProofError::NoRange { .. })), "{beyond}");
    for change in [
        &|it: &mut Certificate| (it.from, it.to) = (1, 3),
        &|it: &mut Certificate| it.head.size += 1,
        &|it: &mut Certificate| it.head.root.0[31] ^= 1,
        &|it: &mut Certificate| it.proof[0].0[0] ^= 1,
        &|it: &mut Certificate| it.proof.push(Hash::default()),
        &|it: &mut Certificate| {
            it.proof.pop();
        },
    ] as [&dyn Fn(&mut Certificate); 6]
    {
        let error = verify(change);
        assert!(matches!(error, CertificateError::Proof(_)), "{error}");
    }
}

#[test]
fn a_certificate_has_one_text() {
    let history = History::sample();
    let leaves = history.leaves(history.entries.len());
    let certificate = certificate(&leaves, 2..4);
    let text = serde_json::to_value(&certificate).expect("it can be written");
    assert_eq!(text["log"], "entries");
    assert_eq!((&text["from"], &text["to"], &text["slot"]), (&json!("2"), &json!("4"), &json!("77")));
    assert_eq!(serde_json::from_value::<Certificate>(text.clone()).expect("its own text"), certificate);
    for (field, value, expected) in [
        ("from", json!(2), "from: a number stands in place of a text"),
        ("to", json!("04"), "to: not in its usual form"),
        ("log", json!("other"), "log: a log is `entries` or `events`"),
        ("more", json!(1), "the member `more` is none that it may have"),
    ] {
        let mut other: Value = text.clone();
        other[field] = value;
        let refused = serde_json::from_value::<Certificate>(other).expect_err(field).to_string();
        assert!(refused.contains(expected), "{field}: {refused}");
    }
}
