//! Statements and promises as a gateway would make them, and JSON with one value changed.

use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_statement::{
    AuthorTime, Place, Promise, PromiseBody, PromisedRecord, Record, RecordId, Records, Salt, SigningKey, Statement,
    StreamId, SubjectId, commit,
};
use merkle_log::LeafHash;
use serde_json::Value;

pub const GENESIS_HASH: GenesisHash = GenesisHash([0x6e; 32]);
pub const PROGRAM: ProgramId = ProgramId([0x96; 32]);
pub const LEDGER: LedgerId = LedgerId([0x1e; 32]);
pub const DEADLINE: i64 = 1_790_000_600;
/// The content of each sample, and its salt.
pub const CONTENT: &[u8] = b"{\"invoice\":\"R-1044\",\"total\":\"99.50\"}";
pub const SALT: Salt = Salt([0x5a; 32]);

pub fn author() -> SigningKey {
    SigningKey::from_bytes(&[0xa1; 32])
}

pub fn gateway() -> SigningKey {
    SigningKey::from_bytes(&[0x9a; 32])
}

pub fn record_id(number: u8) -> RecordId {
    RecordId::from_parts(1_790_000_000_123, [number; 10])
}

/// The first statement of a stream, with every member that it may have.
pub fn first() -> Statement {
    Statement {
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        record_id: record_id(1),
        commitment: commit(&SALT, CONTENT),
        content_type: "application/json".parse().expect("a media type"),
        author_time: AuthorTime::new(1_790_000_000_123).expect("in range"),
        stream: StreamId([0x57; 32]),
        subject: Some(SubjectId([0x5b; 32])),
        place: Place::First,
    }
}

/// The second, without a subject.
pub fn second() -> Statement {
    let previous = merkle_log::hash_leaf(&first().encode_entry(None));
    Statement {
        record_id: record_id(2),
        content_type: "text/plain; charset=\"utf-8\";x=y".parse().expect("a media type"),
        author_time: AuthorTime::new(0).expect("in range"),
        subject: None,
        place: Place::new(1, Some(previous)).expect("not the first"),
        ..first()
    }
}

/// The largest numbers and the longest content type.
pub fn extreme() -> Statement {
    Statement {
        record_id: record_id(0xff),
        content_type: format!("a/{}", "b".repeat(125)).parse().expect("a media type"),
        author_time: AuthorTime::new(i64::MAX as u64).expect("in range"),
        place: Place::new(u64::MAX, Some(LeafHash([0xff; 32]))).expect("not the first"),
        ..first()
    }
}

pub fn record(number: u8) -> Record {
    Record { id: record_id(number), commitment: commit(&Salt([number; 32]), CONTENT) }
}

pub fn records(count: u8) -> Vec<Record> {
    (1..=count).map(record).collect()
}

/// A promise of that many records, which shows the one at the index.
pub fn promise(count: u8, index: Option<usize>) -> Promise {
    let records = records(count);
    let body = PromiseBody {
        genesis_hash: GENESIS_HASH,
        program: PROGRAM,
        ledger: LEDGER,
        from: 8,
        deadline: DEADLINE,
        records: Records::of(&records).expect("not too many"),
        copies: 2,
    };
    let mut promise = Promise::sign(body, &gateway());
    promise.record = index.map(|index| PromisedRecord::of(&records, index).expect("it is there"));
    promise
}

/// A document with another value at a path; a path that leads nowhere adds the member.
pub fn with(document: &Value, path: &[&str], value: Value) -> Value {
    let Some((last, path)) = path.split_last() else { return value };
    let mut altered = document.clone();
    let mut place = &mut altered;
    for name in path {
        place = match place {
            Value::Array(values) => &mut values[name.parse::<usize>().expect("an index")],
            place => &mut place[*name],
        };
    }
    match place {
        Value::Array(values) => values[last.parse::<usize>().expect("an index")] = value,
        place => place[*last] = value,
    }
    altered
}
