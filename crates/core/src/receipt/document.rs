//! A receipt's JSON: one text for each value, and nothing that the format does not name.

use alloc::string::String;
use alloc::vec::Vec;

use merkle_log::Hash;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::{Bridge, EntryProof, EventLeaf, FORMAT, FORMAT_V1, Head, Receipt, TransactionSignature, Version};
use crate::json::{FromJson, Plain, ReadError, Value, deserialize_from_json};
use crate::{GenesisHash, LedgerId, ProgramId, json};

/// The members of both versions; which there must be, and may be, the format says.
#[derive(Serialize)]
struct Document<'r> {
    format: &'static str,
    #[serde(with = "json::text")]
    genesis_hash: GenesisHash,
    #[serde(with = "json::text")]
    program: ProgramId,
    #[serde(with = "json::text")]
    ledger: LedgerId,
    entry: &'r EntryProof,
    event: DocumentEvent,
    #[serde(with = "json::optional::text", skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionSignature>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<&'r Bridge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Head>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_head: Option<Head>,
}

#[derive(Serialize)]
struct DocumentEvent {
    #[serde(with = "json::text")]
    seq: u64,
    #[serde(with = "json::bytes")]
    leaf: Vec<u8>,
    #[serde(with = "json::optional::hashes", skip_serializing_if = "Option::is_none")]
    proof: Option<Vec<Hash>>,
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = Document {
            format: FORMAT,
            genesis_hash: self.genesis_hash,
            program: self.program,
            ledger: self.ledger,
            entry: &self.entry,
            event: DocumentEvent { seq: self.event.seq, leaf: self.event.leaf.clone(), proof: None },
            transaction: None,
            bridge: None,
            head: None,
            event_head: None,
        };
        match &self.version {
            Version::V1 { head, event_head, event_proof } => {
                document.format = FORMAT_V1;
                document.event.proof = Some(event_proof.clone());
                (document.head, document.event_head) = (Some(*head), Some(*event_head));
            }
            Version::V2 { statement, .. } if !statement.is_empty() => {
                return Err(S::Error::custom("a statement is not kept, so its receipt cannot be written"));
            }
            Version::V2 { transaction, bridge, .. } => {
                (document.transaction, document.bridge) = (*transaction, bridge.as_ref());
            }
        }
        document.serialize(serializer)
    }
}

impl FromJson for DocumentEvent {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|event| {
            Ok(Self { seq: event.member("seq")?, leaf: event.member("leaf")?, proof: event.optional("proof")? })
        })
    }
}

impl FromJson for Receipt {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|receipt| {
            let format = receipt.member::<String>("format")?;
            let (genesis_hash, program) = (receipt.member("genesis_hash")?, receipt.member("program")?);
            let ledger = receipt.member("ledger")?;
            let entry = receipt.member("entry")?;
            let DocumentEvent { seq, leaf, proof } = receipt.member("event")?;
            let transaction = receipt.optional("transaction")?;
            let bridge = receipt.optional("bridge")?;
            let head = receipt.optional("head")?;
            let event_head = receipt.optional("event_head")?;
            let mut statement = Vec::new();
            for member in ["statement", "content", "salt"] {
                if receipt.is_present(member)? {
                    statement.push(member);
                }
            }
            let is_bare = proof.is_none() && head.is_none() && event_head.is_none();
            let is_v1 = transaction.is_none() && bridge.is_none() && statement.is_empty();
            let version = match (format.as_str(), proof, head, event_head) {
                (FORMAT_V1, Some(event_proof), Some(head), Some(event_head)) if is_v1 => {
                    Version::V1 { head, event_head, event_proof }
                }
                (FORMAT, ..) if is_bare => Version::V2 { transaction, bridge, statement },
                (FORMAT | FORMAT_V1, ..) => return Err(ReadError::new("the members are not those of its format")),
                (format, ..) => {
                    return Err(ReadError::new(format_args!(
                        "the format \"{}\" is none that this version reads: \"{FORMAT}\", \"{FORMAT_V1}\"",
                        Plain(format)
                    )));
                }
            };
            Ok(Self { genesis_hash, program, ledger, entry, event: EventLeaf { seq, leaf }, version })
        })
    }
}

deserialize_from_json!(Receipt);
