//! Pages of entries or events, each with the certificate that it is whole.

use counterfoil_core::certificate::{Certificate, CertificateError};
use counterfoil_core::json;
use counterfoil_core::limits::MAX_ENTRY_BYTES;
use counterfoil_core::relate::LogKind;
use merkle_log::{LeafHash, hash_leaf};
use serde::{Deserialize, Deserializer};

use crate::claim::{Claim, ClaimedHead, Shows, root_compared};
use crate::pin::Pin;
use crate::value::{Value, unreadable};
use crate::verdict::{Comparison, Facts, Fault, Kind, Origin};

#[derive(Deserialize)]
struct Page {
    #[serde(with = "json::object")]
    certificate: Certificate,
    #[serde(default)]
    entries: Option<Vec<EntryRow>>,
    #[serde(default)]
    events: Option<Vec<EventRow>>,
}

/// The members of a row that a certificate covers, and the hash that must follow from them.
#[derive(Deserialize)]
struct EntryRow {
    #[serde(with = "json::text")]
    index: u64,
    payload: Hashed,
    #[serde(default, with = "json::optional::text")]
    leaf_hash: Option<LeafHash>,
}

#[derive(Deserialize)]
struct EventRow {
    #[serde(with = "json::text")]
    seq: u64,
    leaf: Hashed,
    #[serde(default, with = "json::optional::text")]
    leaf_hash: Option<LeafHash>,
}

/// Bytes, of which the hash alone is kept: a list's memory does not grow with its bytes.
struct Hashed {
    hash: LeafHash,
    bytes: usize,
}

impl<'de> Deserialize<'de> for Hashed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = json::bytes::deserialize(deserializer)?;
        Ok(Self { hash: hash_leaf(&bytes), bytes: bytes.len() })
    }
}

/// Verifies that a page is all leaves of its range.
pub(crate) fn verify(document: &Value<'_>, pin: &Pin, compared: &mut Vec<Comparison>) -> Result<Claim, Fault> {
    let Page { certificate, entries, events } =
        Page::deserialize(document).map_err(|error| unreadable("it is not a page with a certificate", &error))?;
    let origin =
        Origin { genesis_hash: certificate.genesis_hash, program: certificate.program, ledger: certificate.ledger };
    pin.expect(&origin, compared)?;
    let (name, leaves) = match (certificate.log, entries, events) {
        (LogKind::Entries, Some(rows), None) => ("entries", leaves_of_entries(&rows, certificate.from)?),
        (LogKind::Events, None, Some(rows)) => ("events", leaves_of_events(&rows, certificate.from)?),
        _ => return Err(Fault::refused("the list is not of the log that the certificate names").at("certificate.log")),
    };
    let head = certificate.verify(leaves).map_err(|error| fault(&error, name))?;
    Ok(Claim {
        kind: Kind::Certificate,
        origin: Some(origin),
        what: format!("{name} {} up to {} of ledger {}, all of them", certificate.from, certificate.to, origin.ledger),
        heads: vec![ClaimedHead { log: certificate.log, head, place: "certificate.head", shows: Shows::Leaves }],
        compared: vec![root_compared("root that the list and the certificate lead to", &head)],
        facts: Facts {
            log: Some(certificate.log),
            from: Some(certificate.from),
            to: Some(certificate.to),
            ..Facts::default()
        },
        event: None,
        not_checked: vec!["members of the rows besides number, bytes and leaf hash; the certificate's slot".to_owned()],
    })
}

fn leaves_of_entries(rows: &[EntryRow], from: u64) -> Result<Vec<LeafHash>, Fault> {
    let rows = rows.iter().enumerate().map(|(at, row)| {
        if !(1..=MAX_ENTRY_BYTES).contains(&row.payload.bytes) {
            let problem = format!("the entry has {} bytes, not 1 to {MAX_ENTRY_BYTES}", row.payload.bytes);
            return Err(Fault::refused(problem).at(format_args!("entries[{at}].payload")));
        }
        leaf(&row.payload, row.leaf_hash, (from, row.index), &format!("entries[{at}]"), at)
    });
    rows.collect()
}

fn leaves_of_events(rows: &[EventRow], from: u64) -> Result<Vec<LeafHash>, Fault> {
    let rows = rows.iter().enumerate();
    rows.map(|(at, row)| leaf(&row.leaf, row.leaf_hash, (from, row.seq), &format!("events[{at}]"), at)).collect()
}

/// A row's leaf hash. Its number and the hash that it says are shown to readers, so they must be the proven ones.
fn leaf(
    bytes: &Hashed,
    said: Option<LeafHash>,
    (from, number): (u64, u64),
    place: &str,
    at: usize,
) -> Result<LeafHash, Fault> {
    let expected = from.saturating_add(at as u64);
    if number != expected {
        return Err(Fault::refused(format_args!("the row says number {number}, it stands at {expected}")).at(place));
    }
    if said.is_some_and(|said| said != bytes.hash) {
        return Err(
            Fault::refused("the row's leaf hash is not that of its bytes").at(format_args!("{place}.leaf_hash"))
        );
    }
    Ok(bytes.hash)
}

fn fault(error: &CertificateError, list: &str) -> Fault {
    let place = match error {
        CertificateError::UnknownFormat => "certificate.format",
        CertificateError::OutOfRange(_) => "certificate.from or certificate.head",
        CertificateError::Count { .. } => list,
        CertificateError::Proof(_) => "certificate.proof and the list",
    };
    Fault::refused(error).at(place)
}
