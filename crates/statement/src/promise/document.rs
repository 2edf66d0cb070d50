//! A promise's JSON: one text for each value, and nothing that the format does not name.

use alloc::string::String;

use counterfoil_core::json::{self, FromJson, ReadError, Value};
use merkle_log::{Hash, Root};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FORMAT, Promise, PromiseBody, PromisedRecord, Record, Records};
use crate::base58;
use crate::ids::{Commitment, RecordId};
use crate::signature::{PromiseKey, Signature};

/// A promise as it is written.
#[derive(Serialize)]
struct Document<'p> {
    format: &'static str,
    #[serde(serialize_with = "base58::key")]
    genesis_hash: [u8; 32],
    #[serde(serialize_with = "base58::key")]
    program: [u8; 32],
    #[serde(serialize_with = "base58::key")]
    ledger: [u8; 32],
    #[serde(with = "json::text")]
    from: u64,
    #[serde(with = "json::text")]
    deadline: i64,
    records: DocumentRecords,
    #[serde(with = "json::text")]
    copies: u32,
    #[serde(with = "json::text")]
    key: PromiseKey,
    #[serde(with = "json::text")]
    signature: Signature,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<DocumentRecord<'p>>,
}

#[derive(Serialize)]
struct DocumentRecords {
    #[serde(with = "json::text")]
    count: u64,
    #[serde(with = "json::text")]
    root: Root,
}

#[derive(Serialize)]
struct DocumentRecord<'p> {
    #[serde(with = "json::text")]
    index: u64,
    #[serde(with = "json::text")]
    id: RecordId,
    #[serde(with = "json::text")]
    commitment: Commitment,
    #[serde(serialize_with = "json::hashes::serialize")]
    proof: &'p [Hash],
}

impl Serialize for Promise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { body, key, signature, record } = self;
        let record = record.as_ref().map(|PromisedRecord { index, record, proof }| DocumentRecord {
            index: *index,
            id: record.id,
            commitment: record.commitment,
            proof,
        });
        let document = Document {
            format: FORMAT,
            genesis_hash: body.genesis_hash.0,
            program: body.program.0,
            ledger: body.ledger.0,
            from: body.from,
            deadline: body.deadline,
            records: DocumentRecords { count: body.records.count, root: body.records.root },
            copies: body.copies,
            key: *key,
            signature: *signature,
            record,
        };
        document.serialize(serializer)
    }
}

impl FromJson for Promise {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|promise| {
            let format = promise.member::<String>("format")?;
            if format != FORMAT {
                return Err(ReadError::new(format_args!("the format {format:?} is not \"{FORMAT}\"")));
            }
            Ok(Self {
                body: PromiseBody {
                    genesis_hash: promise.member("genesis_hash")?,
                    program: promise.member("program")?,
                    ledger: promise.member("ledger")?,
                    from: promise.member("from")?,
                    deadline: promise.member_by("deadline", Value::text)?,
                    records: promise.member_by("records", read_records)?,
                    copies: promise.member_by("copies", Value::text)?,
                },
                key: promise.member_by("key", Value::text)?,
                signature: promise.member_by("signature", Value::text)?,
                record: promise.optional_by("record", read_record)?,
            })
        })
    }
}

fn read_records(value: &Value<'_>) -> Result<Records, ReadError> {
    value.object(|records| Ok(Records { count: records.member("count")?, root: records.member("root")? }))
}

fn read_record(value: &Value<'_>) -> Result<PromisedRecord, ReadError> {
    value.object(|record| {
        Ok(PromisedRecord {
            index: record.member("index")?,
            record: Record {
                id: record.member_by("id", Value::text)?,
                commitment: record.member_by("commitment", Value::text)?,
            },
            proof: record.member("proof")?,
        })
    })
}

impl<'de> Deserialize<'de> for Promise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
