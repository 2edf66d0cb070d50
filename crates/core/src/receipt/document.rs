//! A receipt's JSON: one text for each value, and nothing that the format does not name.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use merkle_log::Hash;
use serde::de::{Error as _, IgnoredAny};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bridge, EntryProof, EventLeaf, FORMAT, FORMAT_V1, Head, Receipt, TransactionSignature, Version};
use crate::{GenesisHash, LedgerId, ProgramId, json};

/// The members of both versions; which there must be, and may be, the format says.
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
    #[serde(with = "json::object")]
    entry: EntryProof,
    #[serde(with = "json::object")]
    event: DocumentEvent,
    #[serde(default, with = "json::optional::text", skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionSignature>,
    #[serde(default, with = "json::optional::object", skip_serializing_if = "Option::is_none")]
    bridge: Option<Bridge>,
    #[serde(default, with = "json::optional::object", skip_serializing_if = "Option::is_none")]
    head: Option<Head>,
    #[serde(default, with = "json::optional::object", skip_serializing_if = "Option::is_none")]
    event_head: Option<Head>,
    #[serde(default, skip_serializing)]
    statement: Present,
    #[serde(default, skip_serializing)]
    content: Present,
    #[serde(default, skip_serializing)]
    salt: Present,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentEvent {
    #[serde(with = "json::text")]
    seq: u64,
    #[serde(with = "json::bytes")]
    leaf: Vec<u8>,
    #[serde(default, with = "json::optional::hashes", skip_serializing_if = "Option::is_none")]
    proof: Option<Vec<Hash>>,
}

/// Whether a member is there, whatever it says but `null`.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<IgnoredAny>::deserialize(deserializer)? {
            Some(_) => Ok(Self(true)),
            None => Err(D::Error::custom("null is no member: leave it out")),
        }
    }
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { genesis_hash, program, ledger, entry, event, version } = self.clone();
        let mut document = Document {
            format: FORMAT.to_string(),
            genesis_hash,
            program,
            ledger,
            entry,
            event: DocumentEvent { seq: event.seq, leaf: event.leaf, proof: None },
            transaction: None,
            bridge: None,
            head: None,
            event_head: None,
            statement: Present::default(),
            content: Present::default(),
            salt: Present::default(),
        };
        match version {
            Version::V1 { head, event_head, event_proof } => {
                document.format = FORMAT_V1.to_string();
                document.event.proof = Some(event_proof);
                (document.head, document.event_head) = (Some(head), Some(event_head));
            }
            Version::V2 { statement, .. } if !statement.is_empty() => {
                return Err(S::Error::custom("a statement is not kept, so its receipt cannot be written"));
            }
            Version::V2 { transaction, bridge, .. } => (document.transaction, document.bridge) = (transaction, bridge),
        }
        document.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document: Document = json::object::deserialize(deserializer)?;
        let DocumentEvent { seq, leaf, proof } = document.event;
        let is_bare = proof.is_none() && document.head.is_none() && document.event_head.is_none();
        let statement = [("statement", &document.statement), ("content", &document.content), ("salt", &document.salt)];
        let statement: Vec<_> = statement.iter().filter(|(_, present)| present.0).map(|(name, _)| *name).collect();
        let is_v1 = document.transaction.is_none() && document.bridge.is_none() && statement.is_empty();
        let version = match (document.format.as_str(), proof, document.head, document.event_head) {
            (FORMAT_V1, Some(event_proof), Some(head), Some(event_head)) if is_v1 => {
                Version::V1 { head, event_head, event_proof }
            }
            (FORMAT, ..) if is_bare => {
                Version::V2 { transaction: document.transaction, bridge: document.bridge, statement }
            }
            (FORMAT | FORMAT_V1, ..) => return Err(D::Error::custom("the members are not those of its format")),
            (format, ..) => {
                return Err(D::Error::custom(format_args!(
                    "the format {format:?} is none that this version reads: \"{FORMAT}\", \"{FORMAT_V1}\""
                )));
            }
        };
        Ok(Self {
            genesis_hash: document.genesis_hash,
            program: document.program,
            ledger: document.ledger,
            entry: document.entry,
            event: EventLeaf { seq, leaf },
            version,
        })
    }
}
