//! `counterfoil evidence LEDGER --from --to --out FILE`: a range of entries with all that proves it, as one file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use counterfoil_core::evidence::{
    EndLine, EntryLine, EventLine, EvidenceVerifier, FORMAT, Growth, Header, LeafLine, Line, Range,
};
use counterfoil_core::receipt::{Head, Receipt, Version};
use counterfoil_core::{Event, LedgerId};
use counterfoil_service::{Progress, counted, note};
use merkle_log::{Hash, hash_leaf};
use serde::Serialize;

use crate::api::Api;
use crate::context::Options;
use crate::entries::Entries;
use crate::file::Growing;
use crate::verdict::{Refute, Usage};

const PAGE: u64 = 1_000;

/// Arguments of `counterfoil evidence`.
#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    ledger: LedgerId,
    /// The first entry.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The entry that follows the last. Default: all that the API has checked.
    #[arg(long)]
    to: Option<u64>,
    /// With the entries' bytes; else by their hashes, so that who has the bytes can compare them.
    #[arg(long)]
    with_content: bool,
    /// The file to write, - for standard output. One that is there is replaced once the new one is whole. `counterfoil
    /// verify` reads it.
    #[arg(long)]
    out: PathBuf,
}

impl Arguments {
    /// The first `to` entries, by their hashes.
    pub const fn of(ledger: LedgerId, to: u64, out: PathBuf) -> Self {
        Self { ledger, from: 0, to: Some(to), with_content: false, out }
    }
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (api, ledger, from) = (options.api()?, arguments.ledger, arguments.from);
    let checked = api.fetch_ledger(ledger).await?.checked.context("the API has nothing of the ledger checked yet")?;
    let to = arguments.to.unwrap_or(checked.head.size.0);
    if from >= to || to > checked.head.size.0 {
        let size = checked.head.size.0;
        return Err(Usage(format!(
            "--from {from} --to {to} is no range of the {size} entries that the API has checked"
        ))
        .into());
    }
    let (first, last) = (fetch_receipt(&api, ledger, from).await?, fetch_receipt(&api, ledger, to - 1).await?);
    let header = header(&api, &arguments, (from, to), &first, &last).await?;
    write(&api, &header, &arguments.out).await?;
    note!("{}: {} and their events", arguments.out.display(), counted(to - from, "entry", "entries"));
    Ok(ExitCode::SUCCESS)
}

async fn fetch_receipt(api: &Api, ledger: LedgerId, index: u64) -> anyhow::Result<Receipt> {
    let receipt = api.fetch_receipt(ledger, index).await?;
    receipt.verify().refute(|| "the API gave a receipt that does not hold: do not trust it".to_owned())?;
    Ok(receipt)
}

/// The first line: the receipts of the first and the last entry have all of it but the proofs of the ranges.
async fn header(
    api: &Api,
    arguments: &Arguments,
    (from, to): (u64, u64),
    first: &Receipt,
    last: &Receipt,
) -> anyhow::Result<Header> {
    let ledger = arguments.ledger;
    let Version::V2 { transaction, bridge: Some(bridge), .. } = &last.version else {
        return Err(anyhow::anyhow!("the API's receipts are of an older version"));
    };
    let stated = Event::decode_leaf(&last.event.leaf).refute(|| "an event cannot be read".to_owned())?.header;
    let entries = Head { size: stated.size.get(), root: stated.root };
    let left = api.fetch_inclusion(ledger, "entries", from, entries.size).await?;
    let proof = beside((from, &left), (to - 1, &last.entry.proof), entries.size)?;
    let (seq, end) = (first.event.seq, last.event.seq + 1);
    let left = api.fetch_inclusion(ledger, "events", seq, bridge.event_head.size).await?;
    let event_proof = beside((seq, &left), (end - 1, &bridge.event_proof), bridge.event_head.size)?;
    Ok(Header {
        format: FORMAT.to_owned(),
        genesis_hash: last.genesis_hash,
        program: last.program,
        ledger,
        entries: Range { from, to, head: entries, proof },
        events: Range { from: seq, to: end, head: bridge.event_head, proof: event_proof },
        content: arguments.with_content,
        transaction: *transaction,
        bridge: Some(Growth { head: bridge.head, consistency: bridge.consistency.clone() }),
    })
}

/// The proof of a range: what stands to the left of its first leaf's way to the root, the largest subtree first, and to the
/// right of its last leaf's, from the inclusion proofs of both.
fn beside(
    (first, first_proof): (u64, &[Hash]),
    (last, last_proof): (u64, &[Hash]),
    size: u64,
) -> anyhow::Result<Vec<Hash>> {
    let mut left = Vec::new();
    each_side(first, size, first_proof, |hash, is_left| left.extend(is_left.then_some(hash)))?;
    left.reverse();
    each_side(last, size, last_proof, |hash, is_left| left.extend((!is_left).then_some(hash)))?;
    Ok(left)
}

/// Tells of each hash of an inclusion proof whether it stands to the left. Source: RFC 9162 section 2.1.3.2.
fn each_side(index: u64, size: u64, proof: &[Hash], mut tell: impl FnMut(Hash, bool)) -> anyhow::Result<()> {
    ensure!(index < size, "leaf {index} is not below {size}");
    let (mut node, mut last) = (index, size - 1);
    for hash in proof {
        ensure!(last > 0, "the API's proof is too long");
        let is_left = node % 2 == 1 || node == last;
        tell(*hash, is_left);
        if is_left {
            while node % 2 == 0 && node > 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        }
        (node, last) = (node >> 1, last >> 1);
    }
    Ok(())
}

/// Writes all lines, and verifies them as their reader will.
async fn write(api: &Api, header: &Header, out: &Path) -> anyhow::Result<()> {
    let false_answer = || "the API gave what does not hold together: do not trust it".to_owned();
    let mut verifier = EvidenceVerifier::new(header).refute(false_answer)?;
    let mut file = Growing::begin(out)?;
    file.write(&to_line(header)?)?;
    let (Range { from, to, .. }, events) = (&header.entries, &header.events);
    let progress = Progress::begin("written", "entries", 0, to - from);
    let mut entries = Entries::new(api, header.ledger);
    let (mut seq, mut next) = (events.from, *from);
    while seq < events.to {
        let page = api.fetch_events(header.ledger, seq, PAGE.min(events.to - seq)).await?.events;
        ensure!(!page.is_empty(), "the API does not serve event {seq}");
        for event in page {
            seq += 1;
            let end = match Event::decode_leaf(&event.leaf.0).refute(false_answer)?.header {
                header if header.count > 0 => header.size.get().min(*to),
                _ => next,
            };
            let line = Line::Event(EventLine { seq: event.seq.0, leaf: event.leaf.0 });
            verifier.push(&line).refute(false_answer)?;
            file.write(&to_line(&line)?)?;
            while next < end {
                let payload = entries.take(next).await?;
                let line = match header.content {
                    true => Line::Entry(EntryLine { index: next, payload }),
                    false => Line::Leaf(LeafLine { index: next, hash: hash_leaf(&payload).into() }),
                };
                verifier.push(&line).refute(false_answer)?;
                file.write(&to_line(&line)?)?;
                next += 1;
            }
            progress.set(next - from, to - from);
        }
    }
    let end = Line::End(EndLine { entries: to - from, events: events.to - events.from });
    verifier.push(&end).and_then(|_| verifier.finish()).refute(false_answer)?;
    file.write(&to_line(&end)?)?;
    file.finish()
}

fn to_line(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value).context("a line can be written as JSON")?;
    line.push(b'\n');
    Ok(line)
}
