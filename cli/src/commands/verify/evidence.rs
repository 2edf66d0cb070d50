//! Verifying evidence: line by line, in memory that does not grow with it.

use std::io::BufRead;
use std::path::Path;

use anyhow::ensure;
use counterfoil_core::Wallet;
use counterfoil_core::evidence::{
    EntryLine, EventLine, EvidenceError, EvidenceVerifier, FORMAT, Header, Line, VerifiedEvidence,
};
use counterfoil_core::{Event, LedgerHead};
use counterfoil_service::{Progress, counted};
use serde_json::json;

use super::verifier::{Verifier, read_line};
use crate::bridge::{Bridge, Claim, Shown};
use crate::output::time;
use crate::verdict::{Refute, Report, Usage, refutation, refute_unless};

/// How often the progress is told, in lines.
const TOLD: u64 = 1 << 12;

/// Whether a file's first line is that of evidence.
pub fn is_header(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|value| value["format"] == FORMAT)
}

/// Verifies the evidence that begins with this line; returns what it is of.
pub async fn verify(
    verifier: Verifier<'_>,
    first: &[u8],
    mut input: impl BufRead,
    report: &mut Report,
) -> anyhow::Result<String> {
    let (path, signer) = (verifier.arguments.file.clone(), verifier.arguments.signer);
    if verifier.arguments.content.is_some() {
        return Err(Usage("--content is for a receipt: evidence has many entries".to_owned()).into());
    }
    let header: Header =
        serde_json::from_slice(first).refute(|| format!("the first line of {} is not evidence's", path.display()))?;
    verifier.expect_pins(header.genesis_hash, header.program, header.ledger)?;
    let mut reader = EvidenceVerifier::new(&header).refute(|| "the evidence does not hold together".to_owned())?;
    let last_leaf = read_lines(&path, &header, &mut input, signer, |line| reader.push(line))?;
    let verified = reader.finish().refute(|| "the evidence does not hold together".to_owned())?;
    conclude(verifier, &header, &verified, last_leaf, report).await
}

/// Reads all lines after the first and hands each to a reader, which says whether it is the last. Gives the last event.
///
/// # Errors
/// A refutation where a line does not hold together with those before it.
pub fn read_lines(
    path: &Path,
    header: &Header,
    input: &mut impl BufRead,
    signer: Option<Wallet>,
    mut push: impl FnMut(&Line) -> Result<bool, EvidenceError>,
) -> anyhow::Result<Vec<u8>> {
    let total = header.entries.to.saturating_sub(header.entries.from);
    let progress = Progress::begin("verified", "entries", 0, total);
    let (mut number, mut entries, mut last_leaf) = (1_u64, 0_u64, Vec::new());
    loop {
        let text = read_line(input, path)?;
        number += 1;
        ensure!(!text.is_empty(), "{} was cut off: it has no last line. Fetch it again", path.display());
        let line: Line = serde_json::from_slice(&text).refute(|| format!("line {number} is none of evidence's"))?;
        let is_last = push(&line).refute(|| format!("line {number} does not hold together with those before it"))?;
        match line {
            Line::Event(EventLine { leaf, .. }) => {
                expect_signer(signer, &leaf)?;
                last_leaf = leaf;
            }
            Line::Entry(EntryLine { .. }) | Line::Leaf(_) => {
                entries += 1;
                if entries.is_multiple_of(TOLD) {
                    progress.set(entries, total);
                }
            }
            Line::End(_) => {}
        }
        if is_last {
            break;
        }
    }
    drop(progress);
    let more = read_line(input, path)?;
    refute_unless!(more.is_empty(), "{} goes on after its last line", path.display());
    Ok(last_leaf)
}

/// The claim of evidence, with its last event.
pub fn claim_of(header: &Header, verified: &VerifiedEvidence, leaf: Vec<u8>) -> Claim {
    let event = &verified.last_event.header;
    Claim {
        ledger: verified.later.ledger,
        stated: Some(verified.stated),
        later: Some(verified.later),
        seq: event.event_seq.get(),
        leaf,
        slot: event.slot,
        transaction: header.transaction,
    }
}

/// How many servers show all events of evidence: the transaction shows the last one alone.
pub fn of_all(shown: &[Shown]) -> usize {
    shown.iter().filter(|shown| !matches!(shown.event, Bridge::Transaction(_))).count()
}

/// Evidence in a few words.
pub fn describe(header: &Header) -> String {
    let (from, to) = (header.entries.from, header.entries.to);
    let how = if header.content { "with their bytes" } else { "by their hashes" };
    format!(
        "{} of ledger {}, {from} up to {to}, {how}: none is missing, altered or out of place",
        counted(to.saturating_sub(from), "entry", "entries"),
        header.ledger,
    )
}

fn expect_signer(signer: Option<Wallet>, leaf: &[u8]) -> anyhow::Result<()> {
    let Some(signer) = signer else { return Ok(()) };
    let event = Event::decode_leaf(leaf).refute(|| "an event cannot be read".to_owned())?;
    let found = event.header.signer;
    let is_other = event.header.count > 0 && found != signer;
    if is_other {
        return Err(refutation(anyhow::anyhow!(
            "event {} was signed by {found}, you asked for {signer}",
            event.header.event_seq
        )));
    }
    Ok(())
}

async fn conclude(
    verifier: Verifier<'_>,
    header: &Header,
    verified: &VerifiedEvidence,
    leaf: Vec<u8>,
    report: &mut Report,
) -> anyhow::Result<String> {
    let (from, to) = (header.entries.from, header.entries.to);
    let event = &verified.last_event.header;
    report.facts = json!({
        "ledger": header.ledger.to_string(),
        "from": from.to_string(),
        "to": to.to_string(),
        "content": header.content,
    });
    let LedgerHead { ledger, .. } = verified.later;
    let claim = claim_of(header, verified, leaf);
    let entry = vec![describe(header)];
    let events = vec![format!(
        "{} up to number {} say who appended them and when; the last by {} in slot {}, at {} by the chain's clock",
        counted(header.events.to - header.events.from, "event", "events"),
        event.event_seq,
        event.signer,
        event.slot,
        time(event.unix_time),
    )];
    let before = header.events.to - header.events.from - 1;
    let (quorum, signer) = (verifier.quorum, verifier.arguments.signer);
    let shown = verifier.show(header.genesis_hash, &claim, entry, events, report).await?;
    if before > 0 && !shown.is_empty() && of_all(&shown) < quorum {
        ensure!(
            signer.is_none(),
            "the transaction shows the last event alone, so that who signed the {before} before it cannot be told: give an \
             API that has the ledger with --api"
        );
        report.not_checked.push(format!(
            "who appended the entries of the {before} events before the last one, and when: the transaction shows the last \
             one alone. An API that has the ledger (--api) gives a proof for all"
        ));
    }
    Ok(format!("entries {from} up to {to} of ledger {ledger}, all of them"))
}
