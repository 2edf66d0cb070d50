//! `counterfoil entries LEDGER`: a range of a ledger as JSON lines, with --verify each page shown to be whole.

use std::ops::Range;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use counterfoil_client::Rpc;
use counterfoil_core::LedgerId;
use counterfoil_core::relate::LogKind;
use counterfoil_service::{counted, is_output_closed, note, out_json_line};
use counterfoil_wire::{Entry, EntryPage};
use merkle_log::{Root, hash_leaf};
use serde_json::{Value, json};

use crate::context::Options;
use crate::heads;
use crate::verdict::{Refute, Report, Verdict, refute_unless};

const PAGE: u64 = 1_000;

/// Arguments of `counterfoil entries`.
#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    ledger: LedgerId,
    /// The first entry's index.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// At most how many. Default: all that there are.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Print a page only when its certificate shows that it is whole, and the chain has the head that it leads to. The event
    /// of an entry is left out then: the certificate does not cover it, a receipt does.
    #[arg(long)]
    verify: bool,
    /// With --verify: how many of the servers must confirm each head. Default: more than half.
    #[arg(long, requires = "verify")]
    quorum: Option<usize>,
    /// With --verify: print the verdict, on standard error, as JSON.
    #[arg(long, requires = "verify")]
    json: bool,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report { is_beside_data: true, ..Report::default() };
    let result = list(options, &arguments, &mut report).await;
    match arguments.verify {
        true => report.conclude(result.map(|whole| (Verdict::Verified, whole)), arguments.json),
        false => result.map(|_| ExitCode::SUCCESS),
    }
}

/// Prints the pages; returns what they are, as far as --verify shows it.
async fn list(options: &Options, arguments: &Arguments, report: &mut Report) -> anyhow::Result<String> {
    let api = options.api()?;
    let rpcs = options.servers(&mut report.warnings);
    let quorum = options.quorum(arguments.quorum, rpcs.len())?;
    let mut verifier = Verifier { options, rpcs, quorum, ledger: arguments.ledger, confirmed: None, report };
    let (mut first, mut left) = (arguments.first, arguments.limit.unwrap_or(u64::MAX));
    let mut printed = 0_u64;
    while left > 0 {
        let page = api.fetch_entries(arguments.ledger, first, left.min(PAGE)).await?;
        if arguments.verify {
            verifier.verify(&page, first).await?;
        }
        page.entries.iter().for_each(|entry| print_entry(entry, arguments.verify));
        for missing in &page.missing {
            note!(
                "missing from {} on: {}, of which the API has hashes only",
                missing.first_index.0,
                counted(missing.count.0, "entry", "entries")
            );
        }
        let count = page.entries.len() as u64;
        (printed, left) = (printed.saturating_add(count), left.saturating_sub(count));
        // A reader that has gone has had enough; what it got is judged as far as it goes.
        let Some(next) = page.next.map(|next| next.0).filter(|_| !is_output_closed()) else { break };
        ensure!(next > first, "the API's next page begins at {next}, this one at {first}");
        first = next;
    }
    let range = arguments.first..arguments.first.saturating_add(printed);
    Ok(verdict(&range, verifier.confirmed))
}

/// That there are no more is as fresh as the account that a server gave, and said only where one ended there.
fn verdict(range: &Range<u64>, confirmed: Option<Confirmed>) -> String {
    let whole = match range.is_empty() {
        true => format!("there are no entries from {} on", range.start),
        false => format!("these are all entries from {} up to {}, each as it was appended", range.start, range.end),
    };
    match confirmed.and_then(|confirmed| confirmed.slot_without_more.filter(|_| confirmed.size == range.end)) {
        Some(slot) => format!("{whole}; in finalized slot {slot} there were no more, say the servers asked"),
        None => whole,
    }
}

/// Shows that pages are whole ranges of the ledger.
pub struct Verifier<'a> {
    /// The options, with the APIs that give proofs.
    pub options: &'a Options,
    /// The servers that are asked for heads.
    pub rpcs: Vec<Rpc>,
    /// How many of them must confirm each head.
    pub quorum: usize,
    /// The ledger.
    pub ledger: LedgerId,
    /// The last head that they confirmed.
    pub confirmed: Option<Confirmed>,
    /// Where warnings go.
    pub report: &'a mut Report,
}

/// A head that the servers confirmed.
#[derive(Clone, Copy)]
pub struct Confirmed {
    size: u64,
    root: Root,
    /// The slot in which a server had just this head.
    slot_without_more: Option<u64>,
}

impl Verifier<'_> {
    /// Shows that a page is all entries from `first` up to its end, and that the chain has its head.
    ///
    /// # Errors
    /// A refutation when it is not.
    pub async fn verify(&mut self, page: &EntryPage, first: u64) -> anyhow::Result<()> {
        if page.entries.is_empty() {
            ensure!(
                page.missing.is_empty(),
                "the API has only hashes from entry {first} on, so nothing can be verified"
            );
            refute_unless!(page.next.is_none(), "the API goes on behind a page without entries: it leaves some out");
            return self.expect_no_more(first).await;
        }
        let certificate = page.certificate.as_ref().with_context(|| {
            format!("the API has no certificate for the page from {first} on: some of its entries are missing there")
        })?;
        refute_unless!(
            certificate.ledger == self.ledger
                && certificate.log == LogKind::Entries
                && certificate.program == self.options.program(),
            "the API gave another log's certificate: do not trust it"
        );
        refute_unless!(
            certificate.from == first && (first..).zip(&page.entries).all(|(index, entry)| entry.index.0 == index),
            "the page does not begin at {first}, or its indexes do not follow each other"
        );
        let head = certificate
            .verify(page.entries.iter().map(|entry| hash_leaf(&entry.payload.0)))
            .refute(|| format!("the page from {first} on is not what its certificate says"))?;
        let (end, size) = (certificate.to, head.size.get());
        refute_unless!(
            page.next.map(|next| next.0) == Some(end).filter(|end| *end < size),
            "the page ends at {end} of {size} entries, and the API goes on elsewhere: it leaves some out"
        );
        if self.confirmed.is_some_and(|known| (known.size, known.root) == (size, head.root)) {
            return Ok(());
        }
        let warnings = &mut self.report.warnings;
        heads::expect_cluster(&mut self.rpcs, self.quorum, certificate.genesis_hash, warnings)
            .await
            .context("the page cannot be confirmed")?;
        let heads = [(LogKind::Entries, head)];
        let readings = heads::confirm(self.options, &self.rpcs, self.quorum, self.ledger, &heads, warnings).await?;
        let at_head = readings.iter().filter(|reading| reading.at.account.entries.size() == head.size);
        let slot_without_more = at_head.map(|reading| reading.at.slot).min();
        self.confirmed = Some(Confirmed { size, root: head.root, slot_without_more });
        Ok(())
    }

    /// The servers' accounts must end here: entries after the last one cannot be certified as absent.
    async fn expect_no_more(&mut self, first: u64) -> anyhow::Result<()> {
        let readings = heads::read(&self.rpcs, self.ledger, self.quorum, &mut self.report.warnings).await?;
        let ended = readings.iter().filter(|reading| reading.at.account.entries.size().get() <= first);
        ensure!(
            ended.count() >= self.quorum,
            "the API has no entries from {first} on, the servers asked have: its indexer waits, or it leaves them out"
        );
        Ok(())
    }
}

fn print_entry(entry: &Entry, is_verified: bool) {
    let mut line = json!({ "index": entry.index.0.to_string() });
    // Text is shown as it is, for people and for tools that read JSON.
    match std::str::from_utf8(&entry.payload.0) {
        Ok(text) => line["text"] = Value::from(text),
        Err(_) => line["base64"] = Value::from(STANDARD.encode(&entry.payload.0)),
    }
    if !is_verified {
        // It was read as JSON.
        line["event"] = serde_json::from_str(entry.event.as_str()).unwrap_or_default();
    }
    out_json_line(&line);
}
