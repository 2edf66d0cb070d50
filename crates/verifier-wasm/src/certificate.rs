//! Pages of entries or events, each with the certificate that it is whole.

use counterfoil_core::certificate::{Certificate, CertificateError};
use counterfoil_core::json::{FromJson, ReadError, Value};
use counterfoil_core::limits::MAX_ENTRY_BYTES;
use counterfoil_core::relate::LogKind;
use merkle_log::{LeafHash, hash_leaf};

use crate::claim::{Claim, ClaimedHead, Shows, root_compared};
use crate::pin::Pin;
use crate::verdict::{Comparison, Facts, Fault, Kind, Origin, unreadable};

struct Page {
    certificate: Certificate,
    entries: Option<Vec<Row>>,
    events: Option<Vec<Row>>,
}

/// The members of a row that a certificate covers, and the hash that must follow from them. Of the bytes their hash alone is
/// kept: a list's memory does not grow with them.
struct Row {
    number: u64,
    bytes: usize,
    hash: LeafHash,
    said: Option<LeafHash>,
}

impl FromJson for Page {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.open_object(|page| {
            Ok(Self {
                certificate: page.member("certificate")?,
                entries: page
                    .optional_by("entries", |rows| rows_or_null(rows, |row| read_row(row, "index", "payload")))?
                    .flatten(),
                events: page
                    .optional_by("events", |rows| rows_or_null(rows, |row| read_row(row, "seq", "leaf")))?
                    .flatten(),
            })
        })
    }
}

fn rows_or_null<'a>(
    value: &Value<'a>,
    read: fn(&Value<'a>) -> Result<Row, ReadError>,
) -> Result<Option<Vec<Row>>, ReadError> {
    if *value == Value::Null { Ok(None) } else { value.list(read).map(Some) }
}

fn read_row(value: &Value<'_>, number: &str, bytes: &str) -> Result<Row, ReadError> {
    value.open_object(|row| {
        let (hash, length) =
            row.member_by(bytes, |bytes| Vec::from_json(bytes).map(|bytes| (hash_leaf(&bytes), bytes.len())))?;
        let said = row.optional("leaf_hash")?;
        Ok(Row { number: row.member(number)?, bytes: length, hash, said })
    })
}

/// Verifies that a page is all leaves of its range.
pub(crate) fn verify(document: &Value<'_>, pin: &Pin, compared: &mut Vec<Comparison>) -> Result<Claim, Fault> {
    let Page { certificate, entries, events } =
        Page::from_json(document).map_err(|error| unreadable("it is not a page with a certificate", &error))?;
    let origin =
        Origin { genesis_hash: certificate.genesis_hash, program: certificate.program, ledger: certificate.ledger };
    pin.expect(&origin, compared)?;
    let (name, leaves) = match (certificate.log, entries, events) {
        (LogKind::Entries, Some(rows), None) => ("entries", leaves_of_entries(&rows, certificate.from)?),
        (LogKind::Events, None, Some(rows)) => ("events", leaves(&rows, certificate.from, "events")?),
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

fn leaves_of_entries(rows: &[Row], from: u64) -> Result<Vec<LeafHash>, Fault> {
    for (at, row) in rows.iter().enumerate() {
        if !(1..=MAX_ENTRY_BYTES).contains(&row.bytes) {
            let problem = format!("the entry has {} bytes, not 1 to {MAX_ENTRY_BYTES}", row.bytes);
            return Err(Fault::refused(problem).at(format_args!("entries[{at}].payload")));
        }
    }
    leaves(rows, from, "entries")
}

/// The rows' leaf hashes. The numbers and the hashes that rows say are shown to readers, so they must be the proven ones.
fn leaves(rows: &[Row], from: u64, list: &str) -> Result<Vec<LeafHash>, Fault> {
    let mut leaves = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let expected = from.checked_add(at as u64);
        if expected != Some(row.number) {
            let stands =
                expected.map_or_else(|| "beyond the largest number".to_owned(), |expected| format!("at {expected}"));
            let problem = format!("the row says number {}, it stands {stands}", row.number);
            return Err(Fault::refused(problem).at(format_args!("{list}[{at}]")));
        }
        if row.said.is_some_and(|said| said != row.hash) {
            let place = format!("{list}[{at}].leaf_hash");
            return Err(Fault::refused("the row's leaf hash is not that of its bytes").at(place));
        }
        leaves.push(row.hash);
    }
    Ok(leaves)
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
