//! The statements that all implementations read, `docs/vectors/statement.json`: true ones, and entries that are none. Expected
//! is what is written here, not what this crate answers.
//!
//! `UPDATE=1 cargo test -p counterfoil-statement vectors` writes the files again; without it, one that differs is a failure.

use std::fs;
use std::path::PathBuf;

use counterfoil_core::Wallet;
use counterfoil_statement::{
    AuthorSignature, Signature, SignedStatement, SigningKey, Statement, StatementError, commit,
};
use merkle_log::hash_leaf;
use serde_json::{Value, json};

use super::cbor::{bytes, head, map, shortest, text, unsigned};
use super::sample::{CONTENT, GENESIS_HASH, LEDGER, PROGRAM, SALT, author, extreme, first, second};

/// The order of Ed25519's base point, little-endian. Source: RFC 8032 section 5.1.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// An entry: what it is to every reader, why, and its bytes.
type Entry = (&'static str, &'static str, Vec<u8>);

pub fn expect_committed(name: &str, vectors: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/vectors/{name}.json"));
    let text = serde_json::to_string_pretty(vectors).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).expect("a file");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/vectors/{name}.json is not what this test gives: run with UPDATE=1 and look at the change"
    );
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The members of a statement's map, encoded; of the second sample, which has each but the subject.
fn members() -> Vec<(Vec<u8>, Vec<u8>)> {
    let statement = second();
    let values = [
        bytes(&GENESIS_HASH.0),
        bytes(&PROGRAM.0),
        bytes(&LEDGER.0),
        bytes(statement.record_id.as_bytes()),
        bytes(&statement.commitment.0),
        text(statement.content_type.as_str().as_bytes()),
        unsigned(0),
        bytes(&statement.stream.0),
        bytes(&[9; 32]),
        unsigned(1),
        bytes(&statement.place.previous().expect("of the second").0),
    ];
    (1..).map(unsigned).zip(values).collect()
}

fn tagged(elements: &[u8]) -> Vec<u8> {
    [&shortest(6, 0x4366_5331), elements].concat()
}

/// The entry with this map, without a signature.
fn of(map: &[u8]) -> Vec<u8> {
    tagged(&[shortest(4, 1), bytes(map)].concat())
}

fn with_members(alter: impl FnOnce(&mut Vec<(Vec<u8>, Vec<u8>)>)) -> Vec<u8> {
    let mut members = members();
    alter(&mut members);
    of(&map(&members))
}

/// The entry with another value of a member.
fn with_value(key: usize, value: Vec<u8>) -> Vec<u8> {
    with_members(|members| members[key - 1].1 = value)
}

fn of_the_encoding() -> Vec<Entry> {
    let all = map(&members());
    let mut entries: Vec<Entry> = vec![
        ("statement", "every member", of(&all)),
        ("malformed", "not_deterministic", tagged(&[head(4, 1, 1), bytes(&all)].concat())),
        (
            "malformed",
            "not_deterministic",
            tagged(&[shortest(4, 1), head(2, all.len() as u64, 4), all.clone()].concat()),
        ),
        ("malformed", "shape", tagged(&[vec![0x9f], bytes(&all), vec![0xff]].concat())),
        ("malformed", "shape", tagged(&[shortest(4, 1), vec![0x5f], bytes(&all), vec![0xff]].concat())),
        ("malformed", "shape", of(&[&[0xbf], &all[1..], &[0xff]].concat())),
        ("malformed", "not_deterministic", of(&[&head(5, 11, 1), &all[1..]].concat())),
        ("malformed", "shape", of(&[&head(5, 12, 0), &all[1..]].concat())),
        ("malformed", "not_deterministic", of(&[&head(5, 10, 0), &all[1..]].concat())),
        ("malformed", "not_deterministic", of(&[all.as_slice(), &[0]].concat())),
        ("malformed", "not_deterministic", [of(&all).as_slice(), &[0]].concat()),
        ("malformed", "not_deterministic", [of(&all), of(&all)].concat()),
        ("malformed", "shape", tagged(&[])),
        ("malformed", "shape", tagged(&shortest(4, 0))),
        ("malformed", "shape", tagged(&[shortest(4, 3), bytes(&all), bytes(&[]), bytes(&[])].concat())),
        ("malformed", "shape", tagged(&bytes(&all))),
        ("malformed", "shape", tagged(&[shortest(4, 1), all.clone()].concat())),
        ("malformed", "shape", tagged(&[shortest(4, 1), text(&all)].concat())),
        ("malformed", "shape", of(&[])),
        ("malformed", "shape", of(&shortest(4, 0))),
        ("malformed", "missing_member", of(&shortest(5, 0))),
        ("raw", "no_tag", [&[0xdb, 0, 0, 0, 0], &of(&all)[1..]].concat()),
        ("raw", "no_tag", [&shortest(6, 0x4366_5332), &of(&all)[5..]].concat()),
        ("raw", "no_tag", of(&all)[5..].to_vec()),
        ("raw", "no_tag", shortest(6, 0x4366_5331)[..4].to_vec()),
        ("raw", "no_tag", b"{}".to_vec()),
    ];
    for at in 0..11 {
        let key = at as u64 + 1;
        entries.push(("malformed", "not_deterministic", with_members(|members| members[at].0 = head(0, key, 1))));
        entries.push((
            "malformed",
            "not_deterministic",
            with_members(|members| members.insert(at, members[at].clone())),
        ));
        if at < 10 {
            entries.push(("malformed", "not_deterministic", with_members(|members| members.swap(at, at + 1))));
        }
        let without = with_members(|members| drop(members.remove(at)));
        entries.push(match at {
            8 => ("statement", "no_subject", without),
            10 => ("malformed", "place", without),
            _ => ("malformed", "missing_member", without),
        });
        for value in [vec![0xf6], vec![0xf5], shortest(1, 0), vec![0xfb, 0, 0, 0, 0, 0, 0, 0, 0], shortest(4, 0)] {
            entries.push(("malformed", "shape", with_value(at + 1, value)));
        }
        let (_, value) = &members()[at];
        match at {
            6 | 9 => {
                entries.push(("malformed", "not_deterministic", with_value(at + 1, head(0, u64::from(value[0]), 1))));
                entries.push(("malformed", "not_deterministic", with_value(at + 1, head(0, u64::from(value[0]), 8))));
                entries.push(("malformed", "shape", with_value(at + 1, bytes(&[1]))));
            }
            5 => {
                let content = &value[2..];
                let longer = [head(3, content.len() as u64, 2), content.to_vec()].concat();
                entries.push(("malformed", "not_deterministic", with_value(6, longer)));
                entries.push(("malformed", "shape", with_value(6, [&[0x7f], value.as_slice(), &[0xff]].concat())));
                entries.push(("malformed", "shape", with_value(6, bytes(b"a/b"))));
                entries.push(("malformed", "shape", with_value(6, text(b"a/\xff"))));
            }
            _ => {
                let length = if at == 3 { 16 } else { 32 };
                let content = &value[value.len() - length..];
                let longer = [head(2, length as u64, 2), content.to_vec()].concat();
                entries.push(("malformed", "not_deterministic", with_value(at + 1, longer)));
                entries.push(("malformed", "shape", with_value(at + 1, [&[0x5f], value.as_slice(), &[0xff]].concat())));
                entries.push(("malformed", "shape", with_value(at + 1, text(&[b'a'; 32]))));
                entries.push(("malformed", "shape", with_value(at + 1, bytes(&content[1..]))));
                entries.push(("malformed", "shape", with_value(at + 1, bytes(&[content, &[0]].concat()))));
                entries.push(("malformed", "shape", with_value(at + 1, bytes(&[]))));
            }
        }
    }
    for (why, key) in [
        ("unknown_member", unsigned(0)),
        ("unknown_member", unsigned(12)),
        ("unknown_member", unsigned(255)),
        ("shape", unsigned(256)),
        ("shape", shortest(1, 0)),
        ("shape", text(b"1")),
    ] {
        let at = if key == unsigned(0) { 0 } else { 11 };
        entries.push(("malformed", why, with_members(|members| members.insert(at, (key, bytes(&[0; 32]))))));
    }
    entries
}

fn of_the_values() -> Vec<Entry> {
    let mut id = *second().record_id.as_bytes();
    let mut entries = Vec::new();
    for (at, byte) in [(6, 0x41), (6, 0x81), (6, 0x01), (8, 0x01), (8, 0x41), (8, 0xc1), (8, 0xff)] {
        let before = std::mem::replace(&mut id[at], byte);
        entries.push(("malformed", "record_id", with_value(4, bytes(&id))));
        id[at] = before;
    }
    let longest = format!("a/{}", "b".repeat(125));
    for name in ["a/b", "A/B;c=\"\\\"\"", "application/ld+json; profile=\"https://example.org/\"", &longest] {
        entries.push(("statement", "content_type", with_value(6, text(name.as_bytes()))));
    }
    let too_long = format!("a/{}", "b".repeat(126));
    for name in [
        "",
        "a",
        "a/",
        "/b",
        "a/b/c",
        " a/b",
        "a/b ",
        "a/b;",
        "a/b;c",
        "a/b;c=",
        "a/b;c=\"",
        "a/b;\tc=d",
        "a/b\n",
        "a/b\0",
        "a/\u{e4}",
        "a/b;c=\"\u{e4}\"",
        &too_long,
    ] {
        entries.push(("malformed", "content_type", with_value(6, text(name.as_bytes()))));
    }
    entries.extend([
        ("statement", "author_time", with_value(7, unsigned(i64::MAX as u64))),
        ("malformed", "author_time", with_value(7, unsigned(i64::MAX as u64 + 1))),
        ("malformed", "author_time", with_value(7, unsigned(u64::MAX))),
        ("statement", "place", with_value(10, unsigned(u64::MAX))),
        ("malformed", "place", with_value(10, unsigned(0))),
    ]);
    entries
}

fn of_signatures() -> Vec<Entry> {
    let statement = first();
    let true_one = statement.sign(&author());
    let with = |author: [u8; 32], signature: [u8; 64]| {
        statement.encode_entry(Some(&AuthorSignature { author: Wallet(author), signature: Signature(signature) }))
    };
    let flipped = |at: usize| {
        let mut signature = true_one.signature.0;
        signature[at] ^= 1;
        with(true_one.author.0, signature)
    };
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let by_neutral = [neutral, [0; 32]].concat().try_into().expect("64");
    let other = SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes();
    let map = map_of(&statement);
    let parts = |signature: Vec<u8>| tagged(&[shortest(4, 2), bytes(&map), signature].concat());
    let (key, signature) = (bytes(&true_one.author.0), bytes(&true_one.signature.0));
    vec![
        ("not_signed", "not_signed", flipped(0)),
        ("not_signed", "not_signed", flipped(31)),
        ("not_signed", "not_signed", flipped(32)),
        ("not_signed", "not_signed", flipped(63)),
        ("not_signed", "not_signed", with(other, true_one.signature.0)),
        ("not_signed", "not_signed", with([0xff; 32], true_one.signature.0)),
        ("not_signed", "not_signed", second().encode_entry(Some(&true_one))),
        ("not_signed", "not_signed", with(neutral, by_neutral)),
        ("not_signed", "not_signed", with([0; 32], by_neutral)),
        ("not_signed", "not_signed", with(true_one.author.0, with_order(&true_one.signature.0))),
        ("malformed", "shape", parts(vec![0xf6])),
        ("malformed", "shape", parts(shortest(4, 0))),
        ("malformed", "shape", parts([shortest(4, 1), key.clone()].concat())),
        ("malformed", "shape", parts([shortest(4, 3), key.clone(), signature.clone(), key.clone()].concat())),
        ("malformed", "shape", parts([shortest(4, 2), signature.clone(), key.clone()].concat())),
        ("malformed", "shape", parts([shortest(4, 2), bytes(&[1; 31]), signature.clone()].concat())),
        ("malformed", "shape", parts([shortest(4, 2), key.clone(), bytes(&[1; 65])].concat())),
        ("malformed", "not_deterministic", parts([head(4, 2, 1), key, signature].concat())),
    ]
}

/// The signature with the order added to its scalar: the same to who does not look whether that is reduced.
fn with_order(signature: &[u8; 64]) -> [u8; 64] {
    let (mut sum, mut carry) = (*signature, 0);
    for (byte, order) in sum[32..].iter_mut().zip(ORDER) {
        let added = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (added as u8, added >> 8);
    }
    sum
}

/// The bytes that an author signs the hash of.
pub fn map_of(statement: &Statement) -> Vec<u8> {
    let entry = statement.encode_entry(None);
    // Tag, array, and the head of a byte string of 256 or more.
    entry[9..].to_vec()
}

fn elsewhere() -> Vec<Entry> {
    let mut statements = [first(), first(), first()];
    statements[0].genesis_hash.0[0] ^= 1;
    statements[1].program.0[0] ^= 1;
    statements[2].ledger.0[0] ^= 1;
    let whys = ["other_cluster", "other_program", "other_ledger"];
    let signed = |statement: &Statement| statement.encode_entry(Some(&statement.sign(&author())));
    whys.into_iter().zip(&statements).map(|(why, statement)| ("elsewhere", why, signed(statement))).collect()
}

/// This crate's word on an entry, and why.
fn verdict(entry: &[u8]) -> (&'static str, &'static str) {
    let name = |error: StatementError| match error {
        StatementError::Shape { .. } => ("malformed", "shape"),
        StatementError::MissingMember { .. } => ("malformed", "missing_member"),
        StatementError::UnknownMember { .. } => ("malformed", "unknown_member"),
        StatementError::NotDeterministic => ("malformed", "not_deterministic"),
        StatementError::RecordId(_) => ("malformed", "record_id"),
        StatementError::ContentType(_) => ("malformed", "content_type"),
        StatementError::AuthorTime(_) => ("malformed", "author_time"),
        StatementError::Place { .. } => ("malformed", "place"),
        StatementError::OtherCluster { .. } => ("elsewhere", "other_cluster"),
        StatementError::OtherProgram { .. } => ("elsewhere", "other_program"),
        StatementError::OtherLedger { .. } => ("elsewhere", "other_ledger"),
        StatementError::NotSigned { .. } => ("not_signed", "not_signed"),
    };
    let read = || {
        let Some(signed) = SignedStatement::decode(entry)? else { return Ok(("raw", "no_tag")) };
        signed.statement.expect_here(&GENESIS_HASH, &PROGRAM, &LEDGER)?;
        signed.verify_signature()?;
        Ok(("statement", "true"))
    };
    read().unwrap_or_else(name)
}

#[test]
fn of_statements() {
    let mut statements = Vec::new();
    for statement in [first(), second(), extreme()] {
        for signature in [None, Some(statement.sign(&author()))] {
            let entry = statement.encode_entry(signature.as_ref());
            assert_eq!(verdict(&entry), ("statement", "true"));
            statements.push(json!({
                "entry": hex(&entry),
                "leaf_hash": hash_leaf(&entry).to_string(),
                "statement": {
                    "genesis_hash": GENESIS_HASH.to_string(),
                    "program": PROGRAM.to_string(),
                    "ledger": LEDGER.to_string(),
                    "record_id": statement.record_id.to_string(),
                    "commitment": statement.commitment.to_string(),
                    "content_type": statement.content_type.as_str(),
                    "author_time_ms": statement.author_time.ms().to_string(),
                    "stream": statement.stream.to_string(),
                    "subject": statement.subject.map(|subject| subject.to_string()),
                    "sequence": statement.place.sequence().to_string(),
                    "previous": statement.place.previous().map(ToString::to_string),
                },
                "signing_text": statement.signing_text(),
                "author": signature.map(|signature| signature.author.to_string()),
            }));
        }
    }
    let mut entries = Vec::new();
    for (is, why, entry) in [of_the_encoding(), of_the_values(), of_signatures(), elsewhere()].concat() {
        let (found, reason) = verdict(&entry);
        assert_eq!(found, is, "{why}: {}", hex(&entry));
        if is != "statement" {
            assert_eq!(reason, why, "{}", hex(&entry));
        }
        entries.push(json!({ "entry": hex(&entry), "is": is, "why": why }));
    }
    let commitments: Vec<Value> = [CONTENT, b""]
        .iter()
        .map(|content| {
            json!({ "salt": SALT.to_string(), "content": hex(content), "commitment": commit(&SALT, content).to_string() })
        })
        .collect();
    let here = json!({
        "genesis_hash": GENESIS_HASH.to_string(), "program": PROGRAM.to_string(), "ledger": LEDGER.to_string(),
    });
    let vectors = json!({ "here": here, "statements": statements, "entries": entries, "commitments": commitments });
    expect_committed("statement", &vectors);
}
