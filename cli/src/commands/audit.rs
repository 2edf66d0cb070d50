//! `counterfoil audit LEDGER`: every entry and event, recomputed, compared with the chain.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use counterfoil_core::limits::MAX_APPEND_BYTES;
use counterfoil_core::{CheckError, Event, EventBody, LedgerHead, LedgerId, LedgerState};
use counterfoil_service::progress;
use indicatif::ProgressBar;
use tokio::time::sleep;

use crate::api::{Api, Problem};
use crate::context::{Options, quorum};
use crate::heads::{self, Reading};
use crate::output::printable;

const PAGE: u64 = 1_000;
/// How often an API that is behind the chain is asked again, and after how long.
const ATTEMPTS: u32 = 60;
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);

/// What to audit.
#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    ledger: LedgerId,
    /// How many of the servers must have exactly what the API serves. Default: more than half.
    #[arg(long)]
    quorum: Option<usize>,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    match audit(options, &arguments).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            println!("AUDIT FAILED: {}", printable(&format!("{error:#}")));
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn audit(options: &Options, arguments: &Arguments) -> anyhow::Result<()> {
    let rpcs = options.rpcs();
    let quorum = quorum(arguments.quorum, rpcs.len())?;
    let mut readings = heads::read(&rpcs, arguments.ledger, quorum).await?;
    readings.sort_by_key(|reading| Reverse(reading.at.account.events.size()));
    let needed = readings[quorum - 1].at.account.events.size().get();
    let entries = readings[quorum - 1].at.account.entries.size().get();

    let api = options.api()?;
    let served = wait_for_index(&api, arguments.ledger, needed).await?;
    let bar = progress(entries, "entries");
    let mut confirmed = recompute(&api, arguments.ledger, &readings, served, &bar).await?;
    bar.finish_and_clear();
    // A server further on than a quorum of them confirms the others' head, not its own.
    confirmed.sort_by_key(|head| Reverse(head.events.size));
    let head = confirmed.get(quorum - 1).with_context(|| {
        format!("{} of {} servers have what the API serves, {quorum} are needed", confirmed.len(), rpcs.len())
    })?;
    println!("AUDIT PASSED: ledger {}", arguments.ledger);
    println!("  {} entries and {} events were downloaded and recomputed", head.entries.size, head.events.size);
    println!("  root {} is what {quorum} of {} servers have, finalized", head.entries.root, rpcs.len());
    Ok(())
}

/// Waits until the API serves `events` events; returns how many it does.
async fn wait_for_index(api: &Api, ledger: LedgerId, events: u64) -> anyhow::Result<u64> {
    let mut has = 0;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(ATTEMPT_INTERVAL).await;
        }
        has = match api.fetch_ledger(ledger).await {
            Ok(row) => row.checked.map_or(0, |checked| checked.event_head.size),
            // The chain has it: the indexer has not come to it yet.
            Err(error) if error.downcast_ref::<Problem>().is_some_and(|problem| problem.code == "unknown_ledger") => 0,
            Err(error) => return Err(error),
        };
        if has >= events {
            return Ok(has);
        }
    }
    bail!("the API has {has} of the chain's {events} events checked: its indexer waits or has halted, see its /readyz")
}

/// Applies every event with its entries, as far as any server's account goes and the API serves; returns the heads at
/// which servers' accounts were equal, one for each such server.
async fn recompute(
    api: &Api,
    ledger: LedgerId,
    readings: &[Reading],
    served: u64,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<LedgerHead>> {
    let newest = readings.first().map_or(0, |reading| reading.at.account.events.size().get());
    let target = newest.min(served);
    let mut state = LedgerState::new(ledger);
    let mut entries = Entries { api, ledger, next: 0, buffer: VecDeque::new() };
    let mut confirmed = Vec::new();
    while state.event_seq().get() < target {
        let page = api.fetch_events(ledger, state.event_seq().get(), PAGE).await?.events;
        ensure!(!page.is_empty(), "the API does not serve event {} and what follows", state.event_seq());
        for row in page {
            if state.event_seq().get() == target {
                break;
            }
            let mut event = Event::decode_leaf(&row.leaf).with_context(|| format!("event {}", row.seq))?;
            let count = event.header.count;
            if let EventBody::EntriesAppended { entries: carried } = &mut event.body {
                ensure!(count <= MAX_APPEND_BYTES as u64, "event {} cannot have appended {count} entries", row.seq);
                *carried = entries.take(count).await?;
            }
            let (next, _) = state
                .apply(event)
                .with_context(|| format!("event {} does not follow from what was served before it", row.seq))?;
            state = next;
            bar.inc(count);
            for reading in readings {
                confirmed.extend(compare(&state, reading)?);
            }
        }
    }
    Ok(confirmed)
}

/// Compares with an account that stands here; one that differs fails the audit.
fn compare(state: &LedgerState, reading: &Reading) -> anyhow::Result<Option<LedgerHead>> {
    match state.check(&reading.at.account) {
        Ok(checked) => Ok(Some(*checked.head())),
        Err(CheckError::DifferentMoment { .. }) => Ok(None),
        Err(error) => Err(anyhow::Error::new(error).context(format!("{} contradicts the API", reading.server))),
    }
}

/// The API's entries, page by page.
struct Entries<'a> {
    api: &'a Api,
    ledger: LedgerId,
    next: u64,
    buffer: VecDeque<Vec<u8>>,
}

impl Entries<'_> {
    async fn take(&mut self, count: u64) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut taken = Vec::new();
        while (taken.len() as u64) < count {
            if self.buffer.is_empty() {
                self.fetch().await?;
            }
            taken.extend(self.buffer.pop_front());
        }
        Ok(taken)
    }

    async fn fetch(&mut self) -> anyhow::Result<()> {
        let page = self.api.fetch_entries(self.ledger, self.next, PAGE).await?.entries;
        ensure!(!page.is_empty(), "the API does not serve entry {} and what follows", self.next);
        for entry in page {
            ensure!(entry.index == self.next, "the API serves entry {} where entry {} belongs", entry.index, self.next);
            self.buffer.push_back(entry.payload);
            self.next += 1;
        }
        Ok(())
    }
}
