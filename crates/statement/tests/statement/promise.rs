//! The promise: its bytes, its JSON, and whose it is.

use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_statement::{Promise, PromiseBody, PromiseError, PromiseKey, PromisedRecord, Records, SigningKey};
use merkle_log::{MAX_TREE_SIZE, Root};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::sample::{DEADLINE, gateway, promise, record, records, with};
use super::seed;

pub fn pinned() -> PromiseKey {
    PromiseKey(gateway().verifying_key().to_bytes())
}

pub fn read(document: &Value) -> Result<Promise, serde_json::Error> {
    serde_json::from_str(&document.to_string())
}

#[test]
fn the_signed_bytes_are_those_of_the_protocol() {
    let body = promise(3, None).body;
    let numbers = [8_u64.to_le_bytes(), DEADLINE.to_le_bytes(), 3_u64.to_le_bytes()].concat();
    let head = [&b"counterfoil promise v1\n"[..], &[0x6e; 32], &[0x96; 32], &[0x1e; 32], &numbers].concat();
    let bytes = [head.as_slice(), body.records.root.as_bytes(), &[2, 0, 0, 0]].concat();
    assert_eq!((bytes.len(), body.signing_bytes()), (179, bytes));
}

#[test]
fn a_promise_is_believed_by_a_pinned_key_alone() {
    let promise = promise(3, Some(1));
    let other = PromiseKey([1; 32]);
    let verified = promise.verify(&[other, pinned()]).expect("true");
    assert_eq!((verified.body(), verified.key(), verified.record()), (&promise.body, &pinned(), Some(&record(2))));
    let refused = PromiseError::OtherKey { key: pinned() };
    assert_eq!(promise.verify(&[other]), Err(refused.clone()));
    assert_eq!(promise.verify(&[]), Err(refused));
    assert_eq!(promise.verify_unpinned(), Ok(()));
}

#[test]
fn a_forged_signature_is_refused_whatever_is_pinned() {
    let forger = SigningKey::from_bytes(&[0xbd; 32]);
    let forged = Promise { key: pinned(), ..Promise::sign(promise(3, None).body, &forger) };
    assert_eq!(forged.verify(&[pinned()]), Err(PromiseError::NotSigned { key: pinned() }));
    assert_eq!(forged.verify_unpinned(), Err(PromiseError::NotSigned { key: pinned() }));
}

/// Each member of the body altered; whether the signature is looked at is what the twin takes out.
#[test]
fn refuses_each_altered_member_of_the_body() {
    let alterations: [fn(&mut PromiseBody); 8] = [
        |body| body.genesis_hash = GenesisHash([0; 32]),
        |body| body.program = ProgramId([0; 32]),
        |body| body.ledger = LedgerId([0; 32]),
        |body| body.from += 1,
        |body| body.deadline += 1,
        |body| body.records.count += 1,
        |body| body.records.root = Root([0; 32]),
        |body| body.copies += 1,
    ];
    for alter in alterations {
        let mut altered = promise(3, None);
        alter(&mut altered.body);
        assert_eq!(altered.verify(&[pinned()]), Err(PromiseError::NotSigned { key: pinned() }));
        let signed_again = Promise::sign(altered.body, &gateway());
        assert!(signed_again.verify(&[pinned()]).is_ok(), "the signature alone refused it");
    }
}

#[test]
fn refuses_numbers_that_say_nothing_even_when_signed() {
    let signed = |alter: fn(&mut PromiseBody)| {
        let mut body = promise(3, None).body;
        alter(&mut body);
        Promise::sign(body, &gateway()).verify(&[pinned()])
    };
    assert!(matches!(signed(|body| body.from = MAX_TREE_SIZE + 1), Err(PromiseError::OutOfRange(_))));
    assert!(matches!(signed(|body| body.records.count = MAX_TREE_SIZE + 1), Err(PromiseError::OutOfRange(_))));
    assert_eq!(signed(|body| body.records.count = 0), Err(PromiseError::NoRecords));
    assert_eq!(signed(|body| body.copies = 0), Err(PromiseError::NoCopies));
    assert!(signed(|body| body.from = MAX_TREE_SIZE).is_ok());
}

/// Every record of requests of each size up to 40; and of each hash of each proof, the alteration.
#[test]
fn a_record_is_shown_to_be_one_of_the_request() {
    for count in 1..=40 {
        let records = records(count);
        for index in 0..records.len() {
            let shown = promise(count, Some(index));
            assert!(shown.verify_unpinned().is_ok(), "{index} of {count}");
            for at in 0..shown.record.as_ref().expect("shown").proof.len() {
                let mut altered = shown.clone();
                altered.record.as_mut().expect("shown").proof[at].0[0] ^= 1;
                assert!(matches!(altered.verify_unpinned(), Err(PromiseError::Record(_))), "{index} of {count}");
            }
        }
        assert_eq!(PromisedRecord::of(&records, records.len()), None);
    }
}

#[test]
fn refuses_a_record_that_is_not_one_of_the_request() {
    let shown = promise(5, Some(2));
    let altered = |alter: fn(&mut PromisedRecord)| {
        let mut altered = shown.clone();
        alter(altered.record.as_mut().expect("shown"));
        altered.verify(&[pinned()])
    };
    let alterations: [fn(&mut PromisedRecord); 6] = [
        |shown| shown.index = 3,
        |shown| shown.index = 5,
        |shown| shown.record.id = record(9).id,
        |shown| shown.record.commitment.0[31] ^= 1,
        |shown| shown.proof.truncate(1),
        |shown| shown.proof.push(shown.proof[0]),
    ];
    for alter in alterations {
        assert!(matches!(altered(alter), Err(PromiseError::Record(_))));
    }
    assert!(matches!(altered(|shown| shown.index = u64::MAX), Err(PromiseError::OutOfRange(_))));
}

#[test]
fn the_root_is_that_of_rfc_6962_over_id_and_commitment() {
    use merkle_log::{Hash, hash_children, hash_leaf};
    let leaf = |number| {
        let record = record(number);
        Hash(hash_leaf(&[&record.id.as_bytes()[..], record.commitment.as_bytes()].concat()).0)
    };
    let root = hash_children(&hash_children(&leaf(1), &leaf(2)), &leaf(3));
    assert_eq!(Records::of(&records(3)), Some(Records { count: 3, root: Root(root.0) }));
}

#[test]
fn its_json_is_one_text() {
    let document = serde_json::to_value(promise(3, Some(1))).expect("JSON");
    assert_eq!(document["deadline"], json!(DEADLINE.to_string()));
    assert_eq!(document["copies"], json!("2"));
    assert_eq!(document["record"]["id"], json!(record(2).id.to_string()));
    assert_eq!(read(&document).expect("a promise"), promise(3, Some(1)));
    let bare = serde_json::to_value(promise(3, None)).expect("JSON");
    assert!(bare.get("record").is_none());
    assert_eq!(read(&bare).expect("a promise"), promise(3, None));
}

#[test]
fn refuses_json_that_the_format_does_not_name() {
    let document = serde_json::to_value(promise(3, Some(1))).expect("JSON");
    let cases: [(&[&str], Value); 22] = [
        (&["note"], json!("")),
        (&["records", "note"], json!("")),
        (&["record", "note"], json!("")),
        (&["record"], json!(null)),
        (&["record"], json!([])),
        (&["records"], json!(["3", "00"])),
        (&["format"], json!("counterfoil promise v2")),
        (&["from"], json!(8)),
        (&["from"], json!("08")),
        (&["from"], json!("+8")),
        (&["from"], json!("-8")),
        (&["from"], json!("18446744073709551616")),
        (&["deadline"], json!("-0")),
        (&["deadline"], json!(DEADLINE)),
        (&["copies"], json!(2)),
        (&["copies"], json!("02")),
        (&["copies"], json!("4294967296")),
        (&["copies"], json!("-1")),
        (&["key"], json!("1")),
        (&["signature"], json!(pinned().to_string())),
        (&["record", "id"], json!(record(2).id.to_string().to_uppercase())),
        (&["record", "commitment"], json!("0X")),
    ];
    for (path, value) in cases {
        assert!(read(&with(&document, path, value.clone())).is_err(), "{path:?} {value}");
    }
    let text = document.to_string();
    for name in ["format", "genesis_hash", "from", "copies", "key", "record"] {
        let doubled = text.replacen('{', &format!("{{\"{name}\":{},", document[name]), 1);
        assert!(serde_json::from_str::<Promise>(&doubled).is_err(), "{name} twice");
    }
    for name in document.as_object().expect("an object").keys().filter(|name| *name != "record") {
        let mut missing = document.clone();
        missing.as_object_mut().expect("an object").remove(name);
        assert!(read(&missing).is_err(), "without {name}");
        assert!(read(&with(&document, &[name], json!(null))).is_err(), "{name} null");
    }
}

proptest! {
    #![proptest_config(seed::cases(300))]

    #[test]
    fn any_promise_is_read_as_it_was_written_and_no_other_body_has_its_signature(
        keys: [[u8; 32]; 4], from in 0..=MAX_TREE_SIZE, deadline: i64, count in 1..=MAX_TREE_SIZE, copies in 1..=u32::MAX,
        at in 0..156_usize, bit in 0..8_u32,
    ) {
        let body = PromiseBody {
            genesis_hash: GenesisHash(keys[0]),
            program: ProgramId(keys[1]),
            ledger: LedgerId(keys[2]),
            from,
            deadline,
            records: Records { count, root: Root(keys[3]) },
            copies,
        };
        let signed = Promise::sign(body.clone(), &gateway());
        let document = serde_json::to_value(&signed).expect("JSON");
        prop_assert_eq!(&read(&document).expect("a promise"), &signed);
        prop_assert!(signed.verify(&[pinned()]).is_ok());
        let mut bytes = body.signing_bytes();
        bytes[23 + at] ^= 1 << bit;
        let altered = Promise { body: from_bytes(&bytes), ..signed };
        // Numbers out of range are refused before the signature is looked at.
        prop_assert!(altered.verify(&[pinned()]).is_err());
    }
}

/// The body whose signed bytes these are.
fn from_bytes(bytes: &[u8]) -> PromiseBody {
    let mut reader = counterfoil_core::bytes::Reader::new(&bytes[23..]);
    let body = PromiseBody {
        genesis_hash: GenesisHash(reader.array().expect("32")),
        program: ProgramId(reader.array().expect("32")),
        ledger: LedgerId(reader.array().expect("32")),
        from: reader.u64().expect("8"),
        deadline: reader.i64().expect("8"),
        records: Records { count: reader.u64().expect("8"), root: Root(reader.array().expect("32")) },
        copies: reader.u32().expect("4"),
    };
    assert_eq!(body.signing_bytes(), bytes);
    body
}
