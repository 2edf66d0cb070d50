//! `counterfoil append`: as many entries per transaction as fit, each written once.

mod by_hash;
mod input;
mod journal;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use counterfoil_client::{Backoff, ClientError, Keypair, Rpc, Sent, Source, entries_that_fit, instruction, send};
use counterfoil_core::limits::ledger_flag;
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use counterfoil_service::{Progress, StopSignals, counted, note, out, out_json_line};
use merkle_log::{LeafHash, Root, hash_leaf, verify_consistency};
use serde_json::json;
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};

use crate::api::Api;
use crate::context::{ACCOUNT_MISSING, Options, UNEXPECTED_SIZE, confirmed_account, wallet_of};
use crate::file;
use crate::verdict::Usage;
use input::{Rules, lines_of_standard_input};
use journal::{Journal, Planned};

/// How often a transaction is signed anew while the server's size does not change: it is behind what the chain refuses by.
const MAX_STALE_ROUNDS: u32 = 8;
/// How long a transaction that is not full waits for the next line.
const LINGER: Duration = Duration::from_millis(50);
/// How often a wait for a transaction is told.
const NOTE_INTERVAL: Duration = Duration::from_secs(10);
/// How often a server or an API that is behind is asked, and for how long.
const WAIT_INTERVAL: Duration = Duration::from_millis(500);
const WAIT_ATTEMPTS: u32 = 240;

/// What to append, and where.
#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    ledger: LedgerId,
    /// The entry, as text; - for lines of standard input, each an entry. In its place: --file, or --jsonl.
    #[arg(conflicts_with_all = ["file", "jsonl"])]
    entry: Option<String>,
    /// Append this file's bytes as one entry.
    #[arg(long, conflicts_with = "jsonl")]
    file: Option<PathBuf>,
    /// Append each line of standard input, which must be JSON, as one entry: its bytes without the line's end.
    #[arg(long)]
    jsonl: bool,
    /// Pass over blank lines of standard input. Without it one ends the work.
    #[arg(long)]
    skip_blank: bool,
    /// Keep in this file how far the work is. Where it is there already, go on from where it ended: give the same input
    /// again, whole.
    #[arg(long, value_name = "JOURNAL", conflicts_with = "subtrees")]
    resume: Option<PathBuf>,
    /// Append only the hashes of the lines, as subtrees: up to millions in one transaction. The ledger must allow it.
    #[arg(long, requires = "keep")]
    subtrees: bool,
    /// With --subtrees: write the entries to this file, which must not be there yet. Nobody else has them:
    /// `counterfoil-indexer fill` takes them from it.
    #[arg(long, value_name = "FILE", requires = "subtrees")]
    keep: Option<PathBuf>,
    /// Wait until the entries are finalized and the API can prove them.
    #[arg(long)]
    wait: bool,
    /// Print what was appended as lines of JSON, one a transaction.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn reads_lines(&self) -> bool {
        self.jsonl || self.entry.as_deref() == Some("-")
    }

    const fn rules(&self) -> Rules {
        Rules { json: self.jsonl, skip_blank: self.skip_blank }
    }
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let key = options.wallet()?;
    let rpc = options.rpc();
    if arguments.subtrees {
        by_hash::run(options, &rpc, &key, &arguments).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let entries = Entries::of(&arguments)?;
    let appender = Appender::start(&rpc, arguments.ledger, &key).await?;
    let journal = arguments.resume.as_deref().map(|path| Journal::open(path, options.program(), arguments.ledger));
    // From here on a signal ends nothing by itself: every wait below listens for it.
    let stop = StopSignals::listen(false).context("cannot listen for signals")?;
    let mut work = Work {
        options,
        arguments: &arguments,
        appender,
        entries,
        journal: journal.transpose()?,
        stop,
        told: Told::default(),
    };
    let result = work.run().await;
    work.told.tell(&arguments, result.is_ok());
    if result.is_err() {
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

/// What is appended: one entry, or lines as they come.
struct Entries {
    ready: VecDeque<Vec<u8>>,
    lines: Option<Receiver<anyhow::Result<Vec<u8>>>>,
    /// Why no more comes; told once what came before is appended.
    error: Option<anyhow::Error>,
}

impl Entries {
    fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let one = match (&arguments.entry, &arguments.file) {
            _ if arguments.reads_lines() => {
                return Ok(Self {
                    ready: VecDeque::new(),
                    lines: Some(lines_of_standard_input(arguments.rules())),
                    error: None,
                });
            }
            (Some(entry), _) => entry.clone().into_bytes(),
            (None, Some(path)) => file::read(path, counterfoil_core::limits::MAX_ENTRY_BYTES as u64)?,
            (None, None) => {
                let what = "an entry, - for lines of standard input, --jsonl for lines that are JSON, or --file";
                return Err(Usage(format!("there is nothing to append: give {what}")).into());
            }
        };
        Ok(Self { ready: VecDeque::from([one]), lines: None, error: None })
    }

    /// The next entry; none at the end.
    async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.ready.is_empty() {
            self.receive().await;
        }
        match self.ready.pop_front() {
            Some(entry) => Ok(Some(entry)),
            None => self.error.take().map_or(Ok(None), Err),
        }
    }

    /// As many entries, from the next on, as `fit` lets into one transaction; none at the end. One that is not full waits
    /// for more only a moment.
    async fn next_batch(&mut self, fit: impl Fn(&[Vec<u8>]) -> usize) -> anyhow::Result<Option<Vec<Vec<u8>>>> {
        if self.ready.is_empty() {
            self.receive().await;
        }
        while !self.ready.is_empty() && fit(self.ready.make_contiguous()) == self.ready.len() {
            let had = self.ready.len();
            if timeout(LINGER, self.receive()).await.is_err() || self.ready.len() == had {
                break;
            }
        }
        if self.ready.is_empty() {
            return self.error.take().map_or(Ok(None), Err);
        }
        let count = fit(self.ready.make_contiguous()).max(1);
        Ok(Some(self.ready.drain(..count).collect()))
    }

    /// Takes one more line, where there is one.
    async fn receive(&mut self) {
        let Some(lines) = &mut self.lines else { return };
        match lines.recv().await {
            Some(Ok(line)) => self.ready.push_back(line),
            Some(Err(error)) => (self.error, self.lines) = (Some(error), None),
            None => self.lines = None,
        }
    }
}

/// What was appended, and what is not known.
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
    options: &'a Options,
    arguments: &'a Arguments,
    appender: Appender<'a>,
    entries: Entries,
    journal: Option<Journal>,
    stop: StopSignals,
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
            self.appender.expect_that_it_fits(&batch, self.told.done)?;
            self.append(&batch).await?;
            progress.set(self.told.done, self.told.done + self.entries.ready.len() as u64);
            if self.told.is_stopped {
                return Ok(());
            }
        }
    }

    /// Passes over what is in already, and finds out about what was about to be sent.
    async fn resume(&mut self) -> anyhow::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
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
        if self.appender.account.entries.size().get() == planned.first {
            // Not in yet; if it still comes, the chain refuses the one that is sent now, and the head says which it was.
            self.appender.uncertain = Some(planned);
            return self.append(&batch).await;
        }
        match self.appender.is_in(self.options, planned).await? {
            true => {
                journal.done(&leaves)?;
                self.told.add(self.arguments, planned.first, planned.count, None);
            }
            false => batch.into_iter().rev().for_each(|entry| self.entries.ready.push_front(entry)),
        }
        self.told.unknown = 0;
        Ok(())
    }

    /// Appends one transaction's entries; a signal is heeded once its outcome is known.
    async fn append(&mut self, batch: &[Vec<u8>]) -> anyhow::Result<()> {
        let count = batch.len() as u64;
        let leaves: Vec<LeafHash> = batch.iter().map(|entry| hash_leaf(entry)).collect();
        let (first, sent) = {
            let mut sending = Box::pin(self.appender.append(self.options, batch, &leaves, self.journal.as_mut()));
            loop {
                tokio::select! {
                    sent = &mut sending => break sent,
                    () = sleep(NOTE_INTERVAL) => note!("waiting until the chain has the transaction under way, or refuses it"),
                    () = self.stop.received() => {
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
            let is_unknown = matches!(error.downcast_ref(), Some(ClientError::OutcomeUnknown { .. }));
            self.told.unknown = if is_unknown { count } else { 0 };
        })?;
        self.told.unknown = 0;
        if let Some(journal) = &mut self.journal {
            journal.done(&leaves)?;
        }
        self.told.add(self.arguments, first, count, sent.as_ref());
        Ok(())
    }
}

/// The next entry of an input that is given again, unless a signal comes before.
async fn next_entry(entries: &mut Entries, stop: &mut StopSignals) -> anyhow::Result<Option<Vec<u8>>> {
    tokio::select! {
        entry = entries.next() => entry,
        () = stop.received() => bail!("stopped while the input was read again: nothing more was appended"),
    }
}

/// Waits until entries up to `end` are finalized and the API can prove them.
async fn wait_until_checked(options: &Options, rpc: &Rpc, ledger: LedgerId, end: u64) -> anyhow::Result<()> {
    let api = options.api()?;
    let mut last = String::new();
    for attempt in 0..WAIT_ATTEMPTS {
        if attempt > 0 {
            sleep(WAIT_INTERVAL).await;
        }
        let finalized = rpc.fetch_account(ledger).await.map(|at| at.account.entries.size().get());
        let checked = api.fetch_ledger(ledger).await.map(|row| row.checked.map_or(0, |checked| checked.head.size));
        match (finalized, checked) {
            (Ok(finalized), Ok(checked)) if finalized >= end && checked >= end => {
                note!("finalized, and {} proves them", api.name());
                return Ok(());
            }
            (Err(error), _) => last = error.to_string(),
            (Ok(finalized), Err(error)) if Api::is_behind(&error) => {
                last = format!("{finalized} of {end} entries are finalized, the API has none of them checked yet");
            }
            (Ok(finalized), Err(error)) => last = format!("{finalized} of {end} entries are finalized; {error:#}"),
            (Ok(finalized), Ok(checked)) => {
                last = format!("{finalized} of {end} entries are finalized, the API has {checked} checked");
            }
        }
        if attempt % 20 == 19 {
            note!("waiting up to {} s more: {last}", (WAIT_ATTEMPTS - attempt) / 2);
        }
    }
    bail!("the entries are appended, and not yet finalized and checked: {last}")
}

pub(super) struct Appender<'a> {
    rpc: &'a Rpc,
    ledger: LedgerId,
    key: &'a Keypair,
    wallet: Wallet,
    is_writer: bool,
    account: LedgerAccount,
    /// What an earlier run may have sent, so that it may still come.
    uncertain: Option<Planned>,
}

impl<'a> Appender<'a> {
    async fn start(rpc: &'a Rpc, ledger: LedgerId, key: &'a Keypair) -> anyhow::Result<Self> {
        let wallet = wallet_of(key);
        let account = confirmed_account(rpc, ledger).await?;
        ensure!(account.flags & ledger_flag::SEALED == 0, "ledger {ledger} is sealed: nothing can be appended to it");
        let is_writer = account.authority != wallet && account.flags & ledger_flag::OPEN == 0;
        Ok(Self { rpc, ledger, key, wallet, is_writer, account, uncertain: None })
    }

    fn fit(&self, entries: &[Vec<u8>]) -> usize {
        entries_that_fit(self.rpc, self.ledger, self.wallet, self.is_writer, entries)
    }

    /// An entry that is too large is a transaction of its own that does not fit.
    fn expect_that_it_fits(&self, batch: &[Vec<u8>], done: u64) -> anyhow::Result<()> {
        let [entry] = batch else { return Ok(()) };
        ensure!(!entry.is_empty(), "the entry has no bytes");
        ensure!(
            self.fit(batch) == 1,
            "entry {} of the input has {} bytes, which do not fit a transaction of 1,232 bytes with all that it needs \
             besides; append its SHA-256 and keep the content elsewhere",
            done + 1,
            entry.len()
        );
        Ok(())
    }

    /// Appends one transaction's entries and returns the first one's index; no transaction where an earlier run sent it.
    ///
    /// It is signed anew only when it is certain that nothing was written; the expected size keeps the order.
    async fn append(
        &mut self,
        options: &Options,
        batch: &[Vec<u8>],
        leaves: &[LeafHash],
        mut journal: Option<&mut Journal>,
    ) -> anyhow::Result<(u64, Option<Sent>)> {
        let (mut backoff, mut stale_rounds) = (Backoff::default(), 0);
        loop {
            let first = self.account.entries.size().get();
            let mut after = (*self.account.entries).clone();
            for leaf in leaves {
                after.append_leaf(leaf).context("the ledger is full")?;
            }
            if let Some(journal) = &mut journal {
                journal.plan(Planned { first, count: leaves.len() as u64, root: after.root() })?;
            }
            let append =
                instruction::append(self.rpc.program(), self.ledger, self.wallet, self.is_writer, Some(first), batch);
            match send(self.rpc, self.key, append).await {
                Ok(sent) => {
                    *self.account.entries = after;
                    self.uncertain = None;
                    return Ok((first, Some(sent)));
                }
                // Somebody else appended first, or our transaction came too late to be executed.
                Err(
                    ClientError::Refused { code: UNEXPECTED_SIZE, .. }
                    | ClientError::SentByAnother { .. }
                    | ClientError::Expired { .. },
                ) => {
                    self.account = confirmed_account(self.rpc, self.ledger).await?;
                    if self.account.entries.size().get() != first {
                        if let Some(planned) = self.uncertain.take()
                            && self.is_in(options, planned).await?
                        {
                            return Ok((planned.first, None));
                        }
                        (backoff, stale_rounds) = (Backoff::default(), 0);
                        continue;
                    }
                    stale_rounds += 1;
                    ensure!(
                        stale_rounds < MAX_STALE_ROUNDS,
                        "{} says that ledger {} has {first} entries, and the chain refuses to append there: the server is \
                         behind. Try again later, or another --rpc",
                        self.rpc.name(),
                        self.ledger
                    );
                    sleep(backoff.next_delay()).await;
                }
                Err(ClientError::Refused { code: ACCOUNT_MISSING, .. }) if self.is_writer => bail!(
                    "wallet {} may not append to ledger {}: it is not the authority, has no grant, and the ledger is not \
                     open",
                    self.wallet,
                    self.ledger
                ),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether what was planned is in the ledger, whose account is beyond the size for which it was planned.
    async fn is_in(&self, options: &Options, planned: Planned) -> anyhow::Result<bool> {
        let end = planned.first + planned.count;
        let heads = &self.account.heads;
        if let Some(head) = heads.iter().find(|head| head.size.get() == end) {
            return Ok(head.root == planned.root);
        }
        // The ring holds every head from its oldest on: none of this size means that no append ended there.
        if heads.len() < counterfoil_core::limits::HEADS || heads.first().is_some_and(|oldest| oldest.size.get() <= end)
        {
            return Ok(false);
        }
        let found = self.root_at(options, end).await.map(|root| root == planned.root);
        found.with_context(|| {
            format!(
                "whether entries {} to {} are those of the transaction that was under way is not known: the ledger has \
                 grown by more than its account keeps. Give an API that has it with --api",
                planned.first,
                end - 1
            )
        })
    }

    /// The root of the first `size` entries, by the API's proof that the account extends it.
    async fn root_at(&self, options: &Options, size: u64) -> anyhow::Result<Root> {
        let head = self.account.entries.head();
        let (earlier, proof) = options.api()?.fetch_head(self.ledger, size, head.size.get()).await?;
        ensure!(earlier.size.get() == size, "the API gave a head of another size");
        verify_consistency(&earlier, &head, &proof).context("the API's proof does not hold")?;
        Ok(earlier.root)
    }
}
