//! `counterfoil append`: as many entries per transaction as fit, each written once.

mod arguments;
mod by_hash;
mod host;
mod input;
mod journal;
mod wait;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use counterfoil_append::{AppendError, Appender, Batches, InFlight, Sent, Settled};
use counterfoil_service::{Progress, StopSignals, counted, note, out, out_json_line};
use merkle_log::{LeafHash, hash_leaf};
use serde_json::json;
use tokio::time::sleep;

pub use arguments::Arguments;

use crate::context::Options;
use host::CommandHost;
use journal::Journal;
use wait::wait_until_checked;

/// How often a wait for a transaction is told.
const NOTE_INTERVAL: Duration = Duration::from_secs(10);

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let key = options.wallet()?;
    let rpc = options.rpc();
    if arguments.subtrees {
        by_hash::run(options, &rpc, &key, &arguments).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let entries = input::entries(&arguments)?;
    let appender = Appender::start(&rpc, arguments.ledger, &key).await?;
    let journal = arguments.resume.as_deref().map(|path| Journal::open(path, options.program(), arguments.ledger));
    // From here on a signal ends nothing by itself: every wait below listens for it.
    let stop = StopSignals::listen(false).context("cannot listen for signals")?;
    let mut work = Work {
        arguments: &arguments,
        appender,
        entries,
        host: CommandHost { options, journal: journal.transpose()? },
        stop,
        in_flight: InFlight::default(),
        told: Told::default(),
    };
    let result = work.run().await;
    work.told.tell(&arguments, result.is_ok());
    if result.is_err() && !work.told.is_stopped {
        work.told.explain(&arguments);
    }
    result?;
    if arguments.wait && work.told.end > 0 && !work.told.is_stopped {
        tokio::select! {
            waited = wait_until_checked(options, &rpc, arguments.ledger, work.told.end) => waited?,
            () = work.stop.received() => bail!("stopped: the entries are appended, and not waited for"),
        }
    }
    Ok(if work.told.is_stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The outcome so far: entries that are in, and entries whose outcome is unknown.
#[derive(Default)]
struct Told {
    /// Runs of neighbouring entries; several when others appended in between.
    ranges: Vec<(u64, u64)>,
    /// How many entries of the input are in for certain, those of an earlier run included.
    done: u64,
    /// How many after them may be in.
    unknown: u64,
    /// The index after the last.
    end: u64,
    is_stopped: bool,
}

impl Told {
    fn add(&mut self, arguments: &Arguments, first: u64, count: u64, sent: Option<&Sent>) {
        self.done += count;
        self.end = first + count;
        match self.ranges.last_mut() {
            Some((_, end)) if *end == first => *end += count,
            _ => self.ranges.push((first, first + count)),
        }
        if arguments.json {
            out_json_line(&json!({
                "first": first.to_string(),
                "count": count.to_string(),
                "transaction": sent.map(|sent| &sent.signature),
                "slot": sent.map(|sent| sent.slot.to_string()),
            }));
        }
    }

    fn tell(&self, arguments: &Arguments, is_ok: bool) {
        if !arguments.json {
            for (first, end) in &self.ranges {
                match end - first {
                    1 => out!("appended entry {first}"),
                    count => out!("appended {count} entries, {first} to {}", end - 1),
                }
            }
        }
        if self.is_stopped {
            note!("stopped: {}", self.how_to_go_on(arguments));
        } else if is_ok && self.ranges.is_empty() {
            note!("there is nothing more to append");
        } else if is_ok && !arguments.wait {
            note!("once finalized and indexed: counterfoil receipt {} {} --wait", arguments.ledger, self.end - 1);
        }
    }

    /// Tells, before the error itself, what became of the input.
    fn explain(&self, arguments: &Arguments) {
        match (arguments.reads_lines(), self.unknown) {
            (true, _) => note!("{}", self.how_to_go_on(arguments)),
            (false, 0) => note!("the entry was not appended"),
            (false, _) => note!("it is not known whether the entry is in"),
        }
    }

    fn how_to_go_on(&self, arguments: &Arguments) -> String {
        let done = counted(self.done, "entry", "entries");
        let after = match self.unknown {
            0 => "nothing".to_owned(),
            count => {
                format!("perhaps the {} of the transaction that was under way", counted(count, "entry", "entries"))
            }
        };
        let how = match (&arguments.resume, self.unknown) {
            (Some(path), _) => format!("run it again with --resume {} and the whole input", path.display()),
            (None, 0) if self.done == 0 => "run it again".to_owned(),
            (None, 0) => format!("leave out the first {done} and run it again"),
            (None, _) => {
                "look at the ledger's newest entries first (counterfoil entries); --resume JOURNAL spares that"
                    .to_owned()
            }
        };
        format!("in for certain: {done} of the input; after that {after}. To go on: {how}")
    }
}

struct Work<'a> {
    arguments: &'a Arguments,
    appender: Appender<'a>,
    entries: Batches<anyhow::Error>,
    host: CommandHost<'a>,
    stop: StopSignals,
    in_flight: InFlight,
    told: Told,
}

impl Work<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        self.resume().await?;
        let progress = Progress::begin("appended", "entries", self.told.done, self.told.done);
        loop {
            let fit = |entries: &[Vec<u8>]| self.appender.fit(entries);
            let batch = tokio::select! {
                batch = self.entries.next_batch(fit) => batch?,
                () = self.stop.received() => {
                    self.told.is_stopped = true;
                    return Ok(());
                }
            };
            let Some(batch) = batch else { return Ok(()) };
            self.expect_that_it_fits(&batch)?;
            self.append(&batch).await?;
            progress.set(self.told.done, self.told.done + self.entries.waiting());
            if self.told.is_stopped {
                return Ok(());
            }
        }
    }

    /// Passes over what is in already, and finds out about what was about to be sent.
    async fn resume(&mut self) -> anyhow::Result<()> {
        let Some(journal) = &self.host.journal else { return Ok(()) };
        if journal.entries() == 0 && journal.planned().is_none() {
            return Ok(());
        }
        let mut leaves = Vec::new();
        let what = |count| format!("the input ends after {count} entries, before those that are in already");
        for count in 0..journal.entries() {
            let entry = next_entry(&mut self.entries, &mut self.stop).await?.with_context(|| what(count))?;
            leaves.push(hash_leaf(&entry));
        }
        journal.expect_same(&leaves)?;
        self.told.done = journal.entries();
        note!("going on after {} that are in", counted(journal.entries(), "entry", "entries"));
        let Some(planned) = journal.planned() else { return Ok(()) };
        let mut batch = Vec::new();
        for count in 0..planned.count {
            let entry = next_entry(&mut self.entries, &mut self.stop).await?;
            batch.push(entry.with_context(|| what(journal.entries() + count))?);
        }
        self.told.unknown = planned.count;
        let leaves: Vec<LeafHash> = batch.iter().map(|entry| hash_leaf(entry)).collect();
        match self.appender.settle(&self.host, planned).await? {
            Settled::Open => return self.append(&batch).await,
            Settled::In => {
                self.done(&leaves)?;
                self.told.add(self.arguments, planned.first, planned.count, None);
            }
            Settled::NotIn => self.entries.put_back(batch),
        }
        self.told.unknown = 0;
        Ok(())
    }

    /// An entry that is too large is a transaction of its own that does not fit.
    fn expect_that_it_fits(&self, batch: &[Vec<u8>]) -> anyhow::Result<()> {
        let [entry] = batch else { return Ok(()) };
        ensure!(!entry.is_empty(), "the entry has no bytes");
        ensure!(
            self.appender.fit(batch) == 1,
            "entry {} of the input has {} bytes, which do not fit a transaction of 1,232 bytes with all that it needs \
             besides; append its SHA-256 and keep the content elsewhere",
            self.told.done + 1,
            entry.len()
        );
        Ok(())
    }

    fn done(&mut self, leaves: &[LeafHash]) -> anyhow::Result<()> {
        match &mut self.host.journal {
            Some(journal) => journal.done(leaves),
            None => Ok(()),
        }
    }

    /// Appends one transaction's entries; a signal is heeded at once while it is certain that none is in, and else once the
    /// outcome is known.
    async fn append(&mut self, batch: &[Vec<u8>]) -> anyhow::Result<()> {
        let count = batch.len() as u64;
        let leaves: Vec<LeafHash> = batch.iter().map(|entry| hash_leaf(entry)).collect();
        let (in_flight, is_uncertain) = (&self.in_flight, self.appender.is_uncertain());
        let appended = {
            let mut sending = Box::pin(self.appender.append(&mut self.host, batch, in_flight));
            loop {
                tokio::select! {
                    appended = &mut sending => break appended.map_err(anyhow::Error::from),
                    () = sleep(NOTE_INTERVAL) => note!("{}", progress_of(in_flight)),
                    () = self.stop.received() => {
                        if !is_uncertain && !in_flight.may_have_arrived() {
                            (self.told.is_stopped, self.told.unknown) = (true, 0);
                            bail!("stopped while no server had the transaction: nothing of it was sent");
                        }
                        if self.told.is_stopped {
                            self.told.unknown = count;
                            bail!("stopped while a transaction was under way");
                        }
                        self.told.is_stopped = true;
                        note!("stopping once the transaction under way is through; the signal again stops at once");
                    }
                }
            }
        }
        .inspect_err(|error| {
            // Of what an earlier run may have sent this one's error says nothing.
            let is_unknown = error.downcast_ref().is_some_and(AppendError::is_outcome_unknown);
            self.told.unknown = if is_unknown || is_uncertain { count } else { 0 };
        })?;
        self.told.unknown = 0;
        self.done(&leaves)?;
        self.told.add(self.arguments, appended.first, count, appended.sent.as_ref());
        Ok(())
    }
}

fn progress_of(in_flight: &InFlight) -> String {
    let what = match in_flight.may_have_arrived() {
        true => "waiting until the chain has the transaction under way, or refuses it",
        false => "waiting until a server takes the transaction",
    };
    match in_flight.last_error() {
        None => what.to_owned(),
        Some(error) => format!("{what}; the server's last answer: {error}"),
    }
}

/// The next entry of an input that is given again, unless a signal comes before.
async fn next_entry(entries: &mut Batches<anyhow::Error>, stop: &mut StopSignals) -> anyhow::Result<Option<Vec<u8>>> {
    tokio::select! {
        entry = entries.next() => entry,
        () = stop.received() => bail!("stopped while the input was read again: nothing more was appended"),
    }
}
