//! The statement's bytes, and who signed them.

use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet};
use counterfoil_statement::{
    AuthorSignature, AuthorTime, ContentType, Place, RecordId, Signature, SignedStatement, SigningKey, Statement,
    StatementError, StreamId, SubjectId, TAG_BYTES,
};
use merkle_log::LeafHash;
use proptest::prelude::*;

use super::sample::{CONTENT, GENESIS_HASH, LEDGER, PROGRAM, SALT, author, extreme, first, second};
use super::seed;

pub fn decode(entry: &[u8]) -> Result<SignedStatement, StatementError> {
    SignedStatement::decode(entry).map(|statement| statement.expect("it has the tag"))
}

fn entries() -> Vec<Vec<u8>> {
    let signed = |statement: &Statement| statement.encode_entry(Some(&statement.sign(&author())));
    let all = [first(), second(), extreme()];
    all.iter().map(|statement| statement.encode_entry(None)).chain(all.iter().map(signed)).collect()
}

#[test]
fn an_entry_is_the_statement_that_was_encoded() {
    for statement in [first(), second(), extreme()] {
        for signature in [None, Some(statement.sign(&author()))] {
            let entry = statement.encode_entry(signature.as_ref());
            assert_eq!(decode(&entry), Ok(SignedStatement { statement: statement.clone(), signature }));
        }
    }
}

/// Written from RFC 8949 by hand.
#[test]
fn the_bytes_are_those_of_the_protocol() {
    let fixed = |key: &[u8], bytes: &[u8]| [key, &[0x58, bytes.len() as u8], bytes].concat();
    let statement = first();
    let map = [
        &[0xaa][..],
        &fixed(&[1], &[0x6e; 32]),
        &fixed(&[2], &[0x96; 32]),
        &fixed(&[3], &[0x1e; 32]),
        &[&[4, 0x50][..], statement.record_id.as_bytes()].concat(),
        &fixed(&[5], statement.commitment.as_bytes()),
        b"\x06\x70application/json",
        &[7, 0x1b],
        &1_790_000_000_123_u64.to_be_bytes(),
        &fixed(&[8], &[0x57; 32]),
        &fixed(&[9], &[0x5b; 32]),
        &[10, 0],
    ]
    .concat();
    let head = [&TAG_BYTES[..], &[0x81, 0x59], &(map.len() as u16).to_be_bytes()].concat();
    assert_eq!(statement.encode_entry(None), [head.as_slice(), &map].concat());
    let signature = AuthorSignature { author: Wallet([7; 32]), signature: Signature([8; 64]) };
    let signed = [head.as_slice(), &map, &[0x82], &fixed(&[], &[7; 32]), &fixed(&[], &[8; 64])].concat();
    assert_eq!(statement.encode_entry(Some(&signature)), [&signed[..5], &[0x82], &signed[6..]].concat());
}

#[test]
fn entries_without_the_tag_are_raw() {
    let entry = first().encode_entry(None);
    for raw in [&b""[..], b"{}", &entry[1..], &TAG_BYTES[..4], &[&[0xdb, 0, 0, 0, 0], &entry[1..]].concat()] {
        assert_eq!(SignedStatement::decode(raw), Ok(None), "{raw:?}");
    }
}

#[test]
fn refuses_every_truncation_and_every_byte_that_follows() {
    for entry in entries() {
        for end in TAG_BYTES.len()..entry.len() {
            assert!(decode(&entry[..end]).is_err(), "{end}");
        }
        for byte in 0..=u8::MAX {
            assert!(decode(&[entry.as_slice(), &[byte]].concat()).is_err(), "{byte}");
        }
    }
}

/// Each bit of each entry: refused, or another statement, or another signature; never the same.
#[test]
fn refuses_or_tells_apart_every_flipped_bit() {
    for entry in entries() {
        let whole = decode(&entry).expect("true");
        let is_signed = whole.verify_signature().expect("true").is_some();
        for at in TAG_BYTES.len()..entry.len() {
            for bit in 0..8 {
                let mut altered = entry.clone();
                altered[at] ^= 1 << bit;
                let Ok(decoded) = decode(&altered) else { continue };
                assert_ne!(decoded, whole, "byte {at}, bit {bit}");
                assert_eq!(decoded.statement.encode_entry(decoded.signature.as_ref()), altered);
                assert!(!is_signed || decoded.verify_signature().is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn the_text_that_an_author_signs_is_short_and_ascii() {
    let text = first().signing_text();
    assert_eq!((text.len(), text.lines().count()), (89, 2));
    assert!(text.starts_with("counterfoil statement v1\n") && text.is_ascii(), "{text}");
}

#[test]
fn only_the_author_who_signed_is_shown() {
    let statement = first();
    let signature = statement.sign(&author());
    let by = |signature: AuthorSignature| {
        decode(&statement.encode_entry(Some(&signature))).expect("well formed").verify_signature()
    };
    assert_eq!(by(signature), Ok(Some(signature.author)));
    assert_eq!(decode(&statement.encode_entry(None)).expect("well formed").verify_signature(), Ok(None));
    let other = SigningKey::from_bytes(&[3; 32]);
    let claimed = AuthorSignature { author: Wallet(other.verifying_key().to_bytes()), ..signature };
    assert_eq!(by(claimed), Err(StatementError::NotSigned { author: claimed.author }));
    let foreign = second().sign(&author());
    assert_eq!(by(foreign), Err(StatementError::NotSigned { author: foreign.author }));
}

/// By the key of the neutral element, with a nonce of it, the zero scalar "signs" everything where the check is not strict.
#[test]
fn refuses_a_key_of_small_order() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let signature = Signature([neutral, [0; 32]].concat().try_into().expect("64"));
    let entry = first().encode_entry(Some(&AuthorSignature { author: Wallet(neutral), signature }));
    assert!(decode(&entry).expect("well formed").verify_signature().is_err());
}

#[test]
fn refuses_a_statement_for_elsewhere() {
    let statement = first();
    assert_eq!(statement.expect_here(&GENESIS_HASH, &PROGRAM, &LEDGER), Ok(()));
    let elsewhere = [
        statement.expect_here(&GenesisHash([0; 32]), &PROGRAM, &LEDGER),
        statement.expect_here(&GENESIS_HASH, &ProgramId([0; 32]), &LEDGER),
        statement.expect_here(&GENESIS_HASH, &PROGRAM, &LedgerId([0; 32])),
    ];
    let expected = [
        Err(StatementError::OtherCluster { found: GENESIS_HASH }),
        Err(StatementError::OtherProgram { found: PROGRAM }),
        Err(StatementError::OtherLedger { found: LEDGER }),
    ];
    assert_eq!(elsewhere, expected);
}

#[test]
fn only_the_first_statement_has_none_before_it() {
    let previous = Some(LeafHash([1; 32]));
    assert_eq!(Place::new(0, None), Ok(Place::First));
    assert_eq!(Place::new(7, previous).map(|place| (place.sequence(), place.previous().copied())), Ok((7, previous)));
    assert!(Place::new(0, previous).is_err() && Place::new(1, None).is_err());
}

#[test]
fn a_record_id_is_read_in_its_one_form() {
    let text = "01a0c3f1-4a7b-7101-8101-010101010101";
    let id: RecordId = text.parse().expect("a record id");
    assert_eq!((id.to_string(), RecordId::new(*id.as_bytes())), (text.to_owned(), Ok(id)));
    let faulty = [
        "",
        "01A0C3F1-4A7B-7101-8101-010101010101",
        "01a0c3f14a7b71018101010101010101",
        "{01a0c3f1-4a7b-7101-8101-010101010101}",
        "01a0c3f1-4a7b-7101-8101-01010101010",
        "01a0c3f1-4a7b-7101-8101-0101010101011",
        "01a0c3f1-4a7b-4101-8101-010101010101",
        "01a0c3f1-4a7b-7101-c101-010101010101",
        "01a0c3f1-4a7b-7101-0101-010101010101",
        "01a0c3f14-a7b-7101-8101-010101010101",
    ];
    assert!(faulty.iter().all(|text| text.parse::<RecordId>().is_err()));
}

#[test]
fn a_content_type_is_a_media_type() {
    let longest = format!("a/{}", "b".repeat(125));
    let true_ones = [
        "a/b",
        "text/plain;charset=utf-8",
        "text/plain  ;  charset=utf-8",
        "application/ld+json; profile=\"https://example.org/a b\"",
        "a/b;c=\"\"",
        "a/b;c=\"\\\"\\\\\"",
        "TEXT/x.y!#$&'*+-^_`|~",
        longest.as_str(),
    ];
    for text in true_ones {
        assert_eq!(text.parse::<ContentType>().map(|found| found.to_string()), Ok(text.to_owned()));
    }
    let too_long = format!("a/{}", "b".repeat(126));
    let faulty = [
        "",
        "a",
        "/",
        "a/",
        "/b",
        "a/b/c",
        " a/b",
        "a/b ",
        "a/b;",
        "a/b;;c=d",
        "a/b;c",
        "a/b;c=",
        "a/b; =d",
        "a/b c=d",
        "a/b;c =d",
        "a/b;c= d",
        "a/b;c=\"",
        "a/b;c=\"\\",
        "a/b;c=\"\\\"",
        "a/b;c=\"d\"e",
        "a/b;\tc=d",
        "a/b;c=\"\t\"",
        "a/b;c=\"\u{e4}\"",
        "a/\u{e4}",
        "a/b\n",
        "a/b\0",
        "a/b,c/d",
        &too_long,
    ];
    assert!(faulty.iter().all(|text| text.parse::<ContentType>().is_err()));
}

#[test]
fn a_salt_is_not_shown_by_debug() {
    assert_eq!((format!("{SALT:?}"), SALT.to_string()), ("Salt(..)".to_owned(), "5a".repeat(32)));
    assert_ne!(counterfoil_statement::commit(&SALT, CONTENT), counterfoil_statement::commit(&SALT, &CONTENT[1..]));
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let place = (any::<u64>(), any::<[u8; 32]>()).prop_map(|(sequence, previous)| {
        Place::new(sequence, (sequence > 0).then_some(LeafHash(previous))).expect("they fit")
    });
    let keys = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>());
    let content_type = "[a-z0-9]{1,20}/[a-z.+-]{1,20}( ?; ?[a-z]{1,8}=([a-z0-9]{1,8}|\"[ -!#-\\[\\]-~]{0,8}\")){0,2}";
    let values = (any::<u64>(), any::<[u8; 10]>(), content_type, 0..=i64::MAX as u64, any::<Option<[u8; 32]>>(), place);
    (keys, values).prop_map(|(keys, (ms, random, content_type, time, subject, place))| Statement {
        genesis_hash: GenesisHash(keys.0),
        program: ProgramId(keys.1),
        ledger: LedgerId(keys.2),
        record_id: RecordId::from_parts(ms, random),
        commitment: counterfoil_statement::Commitment(keys.3),
        content_type: content_type.parse().expect("a media type"),
        author_time: AuthorTime::new(time).expect("in range"),
        stream: StreamId(keys.4),
        subject: subject.map(SubjectId),
        place,
    })
}

proptest! {
    #![proptest_config(seed::cases(400))]

    #[test]
    fn any_statement_is_read_as_it_was_written(statement in any_statement(), is_signed: bool, key: [u8; 32]) {
        let key = SigningKey::from_bytes(&key);
        let signature = is_signed.then(|| statement.sign(&key));
        let decoded = decode(&statement.encode_entry(signature.as_ref()));
        prop_assert_eq!(&decoded, &Ok(SignedStatement { statement, signature }));
        let author = signature.map(|signature| signature.author);
        prop_assert_eq!(decoded.expect("it is one").verify_signature(), Ok(author));
    }

    /// Bytes that decode are the one encoding of their values.
    #[test]
    fn whatever_is_read_is_written_as_the_same_bytes(tail: Vec<u8>, from in 0..600_usize, by: Vec<u8>) {
        let mut entry = entries()[from % 6].clone();
        let from = TAG_BYTES.len() + from % (entry.len() - TAG_BYTES.len());
        entry.splice(from..(from + by.len() / 2).min(entry.len()), by);
        for bytes in [entry, [&TAG_BYTES, tail.as_slice()].concat()] {
            if let Ok(Some(decoded)) = SignedStatement::decode(&bytes) {
                prop_assert_eq!(decoded.statement.encode_entry(decoded.signature.as_ref()), bytes);
            }
        }
    }
}
