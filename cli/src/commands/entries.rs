//! `counterfoil entries LEDGER`: a range of a ledger as JSON lines, with --verify each page shown to be whole.

use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use counterfoil_client::Rpc;
use counterfoil_core::LedgerId;
use counterfoil_core::receipt::LogKind;
use merkle_log::{Root, hash_leaf};
use serde_json::{Value, json};

use crate::api::{Entry, EntryPage};
use crate::context::{Options, quorum};
use crate::heads;
use crate::output::printable;

const PAGE: u64 = 1_000;

/// Which entries.
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
    /// Print a page only when its certificate shows that it lacks nothing, and the chain has the head that it leads to.
    #[arg(long)]
    verify: bool,
    /// With --verify: how many of the servers must confirm each head. Default: more than half.
    #[arg(long, requires = "verify")]
    quorum: Option<usize>,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    match list(options, &arguments).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Whoever reads a pipe, as `head` does, may have had enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) if arguments.verify => {
            eprintln!("NOT VERIFIED: {}", printable(&format!("{error:#}")));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error),
    }
}

async fn list(options: &Options, arguments: &Arguments) -> anyhow::Result<()> {
    let api = options.api()?;
    let rpcs = options.rpcs();
    let quorum = quorum(arguments.quorum, rpcs.len())?;
    let mut verifier = Verifier { options, rpcs: &rpcs, quorum, ledger: arguments.ledger, confirmed: None };
    let (mut first, mut left) = (arguments.first, arguments.limit.unwrap_or(u64::MAX));
    let mut printed = 0_u64;
    while left > 0 {
        let page = api.fetch_entries(arguments.ledger, first, left.min(PAGE)).await?;
        if arguments.verify {
            verifier.verify(&page, first).await?;
        }
        page.entries.iter().try_for_each(print_entry)?;
        for missing in &page.missing {
            eprintln!(
                "{} entries from {} on are missing: the API has their hashes only",
                missing.count, missing.first_index
            );
        }
        let count = page.entries.len() as u64;
        (printed, left) = (printed.saturating_add(count), left.saturating_sub(count));
        let Some(next) = page.next else { break };
        ensure!(next > first, "the API's next page begins at {next}, this one at {first}");
        first = next;
    }
    if arguments.verify {
        let range = arguments.first..arguments.first.saturating_add(printed);
        eprintln!("VERIFIED: {}", verdict(&range, verifier.confirmed));
    }
    Ok(())
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
struct Verifier<'a> {
    options: &'a Options,
    rpcs: &'a [Rpc],
    quorum: usize,
    ledger: LedgerId,
    confirmed: Option<Confirmed>,
}

/// The last head that the servers confirmed.
#[derive(Clone, Copy)]
struct Confirmed {
    size: u64,
    root: Root,
    /// The slot in which a server had just this head.
    slot_without_more: Option<u64>,
}

impl Verifier<'_> {
    async fn verify(&mut self, page: &EntryPage, first: u64) -> anyhow::Result<()> {
        if page.entries.is_empty() {
            ensure!(page.missing.is_empty(), "the API lacks the entries from {first} on, so nothing can be verified");
            ensure!(page.next.is_none(), "the API goes on behind a page without entries: it leaves some out");
            return self.expect_no_more(first).await;
        }
        let certificate = page.certificate.as_ref().with_context(|| {
            format!("the API has no certificate for the page from {first} on: it lacks some of its entries")
        })?;
        ensure!(
            certificate.ledger == self.ledger
                && certificate.log == LogKind::Entries
                && certificate.program == self.options.program(),
            "the API gave another log's certificate: do not trust it"
        );
        ensure!(
            certificate.from == first && (first..).zip(&page.entries).all(|(index, entry)| entry.index == index),
            "the page does not begin at {first}, or its indexes do not follow each other"
        );
        let head = certificate.verify(page.entries.iter().map(|entry| hash_leaf(&entry.payload)))?;
        let (end, size) = (certificate.to, head.size.get());
        ensure!(
            page.next == Some(end).filter(|end| *end < size),
            "the page ends at {end} of {size} entries, and the API goes on elsewhere: it leaves some out"
        );
        if self.confirmed.is_some_and(|known| (known.size, known.root) == (size, head.root)) {
            return Ok(());
        }
        heads::expect_cluster(self.rpcs, certificate.genesis_hash).await.context("the page cannot be confirmed")?;
        let mut warnings = Vec::new();
        let heads = [(LogKind::Entries, head)];
        let readings = heads::confirm(self.options, self.rpcs, self.quorum, self.ledger, &heads, &mut warnings).await?;
        warnings.iter().for_each(|warning| eprintln!("warning: {}", printable(warning)));
        let at_head = readings.iter().filter(|reading| reading.at.account.entries.size() == head.size);
        let slot_without_more = at_head.map(|reading| reading.at.slot).min();
        self.confirmed = Some(Confirmed { size, root: head.root, slot_without_more });
        Ok(())
    }

    /// What is not there cannot be certified: the servers' accounts must end here.
    async fn expect_no_more(&mut self, first: u64) -> anyhow::Result<()> {
        let readings = heads::read(self.rpcs, self.ledger, self.quorum).await?;
        let ended = readings.iter().filter(|reading| reading.at.account.entries.size().get() <= first);
        ensure!(
            ended.count() >= self.quorum,
            "the API has no entries from {first} on, the servers asked have: its indexer waits, or it leaves them out"
        );
        Ok(())
    }
}

fn print_entry(entry: &Entry) -> io::Result<()> {
    let mut line = json!({ "index": entry.index.to_string() });
    // Text is shown as it is, for people and for tools that read JSON.
    match std::str::from_utf8(&entry.payload) {
        Ok(text) => line["text"] = Value::from(text),
        Err(_) => line["base64"] = Value::from(STANDARD.encode(&entry.payload)),
    }
    line["event"] = entry.event.clone();
    writeln!(io::stdout(), "{line}")
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
