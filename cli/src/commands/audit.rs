//! `counterfoil audit LEDGER`: every entry and event, recomputed, compared with the chain.

use std::cmp::Reverse;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use counterfoil_core::limits::MAX_APPEND_BYTES;
use counterfoil_core::{AccountReplay, CheckError, Event, EventBody, LedgerAccount, LedgerHead, LedgerId, LedgerState};
use counterfoil_service::{counted, note, progress};
use indicatif::ProgressBar;
use tokio::time::sleep;

use counterfoil_wire::Code;

use crate::api::{Api, Problem};
use crate::context::Options;
use crate::entries::Entries;
use crate::heads::{self, Reading};
use crate::verdict::{Refute, Report, Verdict, refutation, refute_unless};

const PAGE: u64 = 1_000;
/// How often an API that is behind the chain is asked again, and after how long.
const ATTEMPTS: u32 = 60;
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `counterfoil audit`.
#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    ledger: LedgerId,
    /// How many of the servers must have exactly what the API serves. Default: more than half.
    #[arg(long)]
    quorum: Option<usize>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let result = audit(options, &arguments, &mut report).await;
    report.conclude(result, arguments.json)
}

async fn audit(options: &Options, arguments: &Arguments, report: &mut Report) -> anyhow::Result<(Verdict, String)> {
    let rpcs = options.servers(&mut report.warnings);
    let quorum = options.quorum(arguments.quorum, rpcs.len())?;
    let mut readings = heads::read(&rpcs, arguments.ledger, quorum, &mut report.warnings).await?;
    readings.sort_by_key(|reading| Reverse(reading.at.account.events.size()));
    let needed = readings[quorum - 1].at.account.events.size().get();
    let entries = readings[quorum - 1].at.account.entries.size().get();

    let api = options.api()?;
    let served = wait_for_index(&api, arguments.ledger, needed).await?;
    let bar = progress(entries, "entries");
    let (mut confirmed, by_hash) = recompute(&api, arguments.ledger, &readings, served, &bar).await?;
    bar.finish_and_clear();
    // A server further on than a quorum of them confirms the others' head, not its own.
    confirmed.sort_by_key(|head| Reverse(head.events.size));
    let head = confirmed.get(quorum - 1).with_context(|| {
        format!("{} of {} servers have what the API serves, {quorum} are needed", confirmed.len(), rpcs.len())
    })?;
    // Entries appended beyond the head are not among its entries.
    let by_hash: u64 =
        by_hash.iter().filter(|run| run.end <= head.entries.size.get()).map(|run| run.end - run.start).sum();
    let entries = head.entries.size.get() - by_hash;
    let (entries, events) = (counted(entries, "entry", "entries"), counted(head.events.size.get(), "event", "events"));
    report.checked.push(format!("{entries} and {events} were downloaded and recomputed"));
    report.checked.push(format!(
        "root {} is what {quorum} of {} servers have, finalized, and every field of the account follows from the events",
        head.entries.root,
        rpcs.len()
    ));
    for reading in &readings {
        let account = &reading.at.account;
        report.checked.push(format!(
            "{} has {} and {} in finalized slot {}",
            reading.server,
            counted(account.entries.size().get(), "entry", "entries"),
            counted(account.events.size().get(), "event", "events"),
            reading.at.slot,
        ));
    }
    if by_hash > 0 {
        report.not_checked.push(format!(
            "{by_hash} entries that are not on the chain: the hashes of their subtrees were recomputed from, not they"
        ));
    }
    let beyond = served.saturating_sub(head.events.size.get());
    if beyond > 0 {
        report.not_checked.push(format!(
            "{} that the API serves beyond that: no quorum of these servers is that far",
            counted(beyond, "event", "events")
        ));
    }
    report.not_checked.push("that what was written is true, or that everything was written".to_owned());
    report.not_checked.push("that these servers are honest: they were asked, their answers are no proof".to_owned());
    Ok((Verdict::Verified, format!("all of ledger {}, up to its entry {}", arguments.ledger, head.entries.size)))
}

/// Waits until the API serves `events` events; returns how many it does.
async fn wait_for_index(api: &Api, ledger: LedgerId, events: u64) -> anyhow::Result<u64> {
    let mut has = 0;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            if attempt % 5 == 1 {
                note!(
                    "waiting up to {} s more for the API: it has {has} of {events} events checked",
                    ATTEMPTS - attempt
                );
            }
            sleep(ATTEMPT_INTERVAL).await;
        }
        has = match api.fetch_ledger(ledger).await {
            Ok(row) => row.checked.map_or(0, |checked| checked.event_head.size.0),
            // The chain has it: the indexer has not come to it yet.
            Err(error) if error.downcast_ref::<Problem>().is_some_and(|problem| problem.is(Code::UnknownLedger)) => 0,
            Err(error) => return Err(error),
        };
        if has >= events {
            return Ok(has);
        }
    }
    bail!("the API has {has} of the chain's {events} events checked: its indexer waits or has halted, see its /readyz")
}

/// Applies every event with its entries, as far as any server's account goes and the API serves; returns the heads at
/// which servers' accounts were equal, one for each such server, and the leaves that were appended by hash.
async fn recompute(
    api: &Api,
    ledger: LedgerId,
    readings: &[Reading],
    served: u64,
    bar: &ProgressBar,
) -> anyhow::Result<(Vec<LedgerHead>, Vec<Range<u64>>)> {
    let newest = readings.first().map_or(0, |reading| reading.at.account.events.size().get());
    let target = newest.min(served);
    let (mut state, mut replay) = (LedgerState::new(ledger), AccountReplay::default());
    let mut entries = Entries::new(api, ledger);
    let (mut confirmed, mut by_hash) = (Vec::new(), Vec::new());
    while state.event_seq().get() < target {
        let page = api.fetch_events(ledger, state.event_seq().get(), PAGE).await?.events;
        refute_unless!(!page.is_empty(), "the API does not serve event {} and what follows", state.event_seq());
        for row in page {
            if state.event_seq().get() == target {
                break;
            }
            let mut event = Event::decode_leaf(&row.leaf.0).refute(|| format!("event {}", row.seq.0))?;
            let (first, count) = (event.header.first_index.get(), event.header.count);
            if matches!(event.body, EventBody::SubtreesAppended { .. }) {
                by_hash.push(first..event.header.size.get());
            }
            if let EventBody::EntriesAppended { entries: carried } = &mut event.body {
                refute_unless!(
                    count <= MAX_APPEND_BYTES as u64,
                    "event {} cannot have appended {count} entries",
                    row.seq.0
                );
                for index in first..first.saturating_add(count) {
                    carried.push(entries.take(index).await?);
                }
            }
            replay.apply(&event);
            let (next, _) = state
                .apply(event)
                .refute(|| format!("event {} does not follow from what was served before it", row.seq.0))?;
            state = next;
            bar.inc(count);
            for reading in readings {
                confirmed.extend(compare(&state, &replay, reading)?);
            }
        }
    }
    Ok((confirmed, by_hash))
}

/// Compares with an account that stands here; one that differs fails the audit.
fn compare(state: &LedgerState, replay: &AccountReplay, reading: &Reading) -> anyhow::Result<Option<LedgerHead>> {
    match state.check(&reading.at.account) {
        Ok(checked) => {
            let differing = difference(&replay.account(state), &reading.at.account);
            refute_unless!(
                differing.is_none(),
                "{} shows an account whose {} is not what the ledger's events make of it",
                reading.server,
                differing.unwrap_or_default()
            );
            Ok(Some(*checked.head()))
        }
        Err(CheckError::DifferentMoment { .. }) => Ok(None),
        Err(error) => {
            Err(refutation(anyhow::Error::new(error).context(format!("{} contradicts the API", reading.server))))
        }
    }
}

/// The first field, besides the frontiers, in which an account differs from what the events make of it.
fn difference(expected: &LedgerAccount, found: &LedgerAccount) -> Option<&'static str> {
    let fields = [
        ("flags", expected.flags == found.flags),
        ("id", expected.id == found.id),
        ("creator", expected.creator == found.creator),
        ("authority", expected.authority == found.authority),
        ("offered authority", expected.pending_authority == found.pending_authority),
        ("count of leaves by subtree", expected.leaves_by_subtree == found.leaves_by_subtree),
        ("count of heads", expected.heads_written == found.heads_written),
        (
            "slot or time of creation",
            (expected.created_slot, expected.created_time) == (found.created_slot, found.created_time),
        ),
        (
            "slot or time of the last append",
            (expected.appended_slot, expected.appended_time) == (found.appended_slot, found.appended_time),
        ),
        ("ring of heads", expected.heads == found.heads),
    ];
    fields.into_iter().find(|(_, is_equal)| !is_equal).map(|(name, _)| name)
}
