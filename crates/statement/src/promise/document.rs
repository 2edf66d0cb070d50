//! A promise's JSON: one text for each value, and nothing that the format does not name.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use counterfoil_core::{GenesisHash, LedgerId, ProgramId, json};
use merkle_log::{Hash, Root};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FORMAT, Promise, PromiseBody, PromisedRecord, Record, Records};
use crate::ids::{Commitment, RecordId};
use crate::signature::{PromiseKey, Signature};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    #[serde(with = "json::text")]
    genesis_hash: GenesisHash,
    #[serde(with = "json::text")]
    program: ProgramId,
    #[serde(with = "json::text")]
    ledger: LedgerId,
    #[serde(with = "json::text")]
    from: u64,
    #[serde(with = "json::text")]
    deadline: i64,
    #[serde(with = "json::object")]
    records: DocumentRecords,
    copies: u32,
    #[serde(with = "json::text")]
    key: PromiseKey,
    #[serde(with = "json::text")]
    signature: Signature,
    #[serde(default, with = "json::optional::object", skip_serializing_if = "Option::is_none")]
    record: Option<DocumentRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentRecords {
    #[serde(with = "json::text")]
    count: u64,
    #[serde(with = "json::text")]
    root: Root,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentRecord {
    #[serde(with = "json::text")]
    index: u64,
    #[serde(with = "json::text")]
    id: RecordId,
    #[serde(with = "json::text")]
    commitment: Commitment,
    #[serde(with = "json::hashes")]
    proof: Vec<Hash>,
}

impl Serialize for Promise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { body, key, signature, record } = self.clone();
        let record = record.map(|PromisedRecord { index, record, proof }| DocumentRecord {
            index,
            id: record.id,
            commitment: record.commitment,
            proof,
        });
        let document = Document {
            format: FORMAT.to_string(),
            genesis_hash: body.genesis_hash,
            program: body.program,
            ledger: body.ledger,
            from: body.from,
            deadline: body.deadline,
            records: DocumentRecords { count: body.records.count, root: body.records.root },
            copies: body.copies,
            key,
            signature,
            record,
        };
        document.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Promise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document: Document = json::object::deserialize(deserializer)?;
        if document.format != FORMAT {
            let format = document.format;
            return Err(D::Error::custom(format_args!("the format {format:?} is not \"{FORMAT}\"")));
        }
        let record = document.record.map(|DocumentRecord { index, id, commitment, proof }| PromisedRecord {
            index,
            record: Record { id, commitment },
            proof,
        });
        Ok(Self {
            body: PromiseBody {
                genesis_hash: document.genesis_hash,
                program: document.program,
                ledger: document.ledger,
                from: document.from,
                deadline: document.deadline,
                records: Records { count: document.records.count, root: document.records.root },
                copies: document.copies,
            },
            key: document.key,
            signature: document.signature,
            record,
        })
    }
}
