//! `counterfoil record`: all transactions of the program's ledgers, and their accounts, into one file.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use counterfoil_client::{
    Backoff, ClientError, Fetched, ListedTransaction, RecordingWriter, Rpc, Source, TransactionRecord, decode,
};
use counterfoil_core::{LedgerAccount, LedgerId};
use counterfoil_service::{counted, note, out, progress};
use indicatif::ProgressBar;
use tokio::time::sleep;

use crate::context::Options;

/// How many transactions are fetched before they are written.
const TRANSACTIONS_PER_CHUNK: usize = 1_024;
/// How often a call is tried again while the server fails.
const ATTEMPTS: u32 = 8;

/// Arguments of `counterfoil record`.
#[derive(Args)]
pub struct Arguments {
    /// The file to write; it must not be there yet.
    #[arg(long)]
    out: PathBuf,
    /// Only this ledger; may be given several times. Default: all ledgers of the program.
    #[arg(long = "ledger")]
    ledgers: Vec<LedgerId>,
    /// Only transactions from this slot on. An index cannot be built from such a file alone.
    #[arg(long, default_value_t = 0)]
    since_slot: u64,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let out = &arguments.out;
    // A link that leads to nothing is there, too: the file could not take its place at the end.
    ensure!(out.symlink_metadata().is_err(), "{} is there already: give another --out", out.display());
    let part = part_of(out);
    let file = OpenOptions::new().write(true).create_new(true).open(&part).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!(
            "{} is there: another record is writing it, or was ended; remove it when none is",
            part.display()
        ),
        _ => anyhow::Error::new(error).context(format!("{} cannot be written", part.display())),
    })?;
    let recorded = record(options, &arguments, file).await.and_then(|recorded| {
        // A link, for it refuses to replace a file that came meanwhile.
        fs::hard_link(&part, out).with_context(|| format!("{} cannot be written", out.display()))?;
        Ok(recorded)
    });
    // Whole or not, this name is done with.
    let removed = fs::remove_file(&part);
    let recorded = recorded?;
    removed.with_context(|| format!("{} cannot be removed", part.display()))?;
    out!(
        "{}: {} with {} of {}",
        out.display(),
        counted(recorded.transactions, "transaction", "transactions"),
        counted(recorded.events, "event", "events"),
        counted(recorded.ledgers as u64, "ledger", "ledgers")
    );
    Ok(ExitCode::SUCCESS)
}

fn part_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// The contents of the recording.
#[derive(Default)]
struct Recorded {
    ledgers: usize,
    transactions: u64,
    events: u64,
}

async fn record(options: &Options, arguments: &Arguments, file: File) -> anyhow::Result<Recorded> {
    let rpc = options.rpc();
    let genesis_hash = patiently(|| rpc.fetch_genesis_hash()).await?;
    let ledgers = match arguments.ledgers.is_empty() {
        true => patiently(|| rpc.fetch_ledgers(None)).await?,
        false => arguments.ledgers.clone(),
    };
    let ledgers: Vec<LedgerId> = BTreeSet::from_iter(ledgers).into_iter().collect();
    // The accounts come before the transactions: whatever an account has, the transactions listed later have too.
    let accounts = patiently(|| rpc.fetch_account_data(&ledgers)).await?;
    let writer = RecordingWriter::new(BufWriter::new(file), genesis_hash, rpc.program())?;
    let mut recorder = Recorder {
        rpc: &rpc,
        ledgers: ledgers.iter().copied().collect(),
        shared: HashSet::new(),
        writer,
        recorded: Recorded { ledgers: ledgers.len(), ..Recorded::default() },
        bar: progress(0, "events"),
    };
    for (ledger, account) in ledgers.iter().zip(accounts) {
        let (slot, data) = account.with_context(|| format!("the program has no ledger at {ledger}"))?;
        let account = LedgerAccount::decode(&data).with_context(|| format!("{ledger}"))?;
        recorder.writer.add_account(*ledger, slot, &data);
        recorder.bar.inc_length(account.events.size().get());
        recorder
            .record_ledger(*ledger, arguments.since_slot, account.events.size().get())
            .await
            .with_context(|| format!("ledger {ledger}"))?;
    }
    recorder.bar.finish_and_clear();
    let file = recorder.writer.finish()?.into_inner().map_err(|error| error.into_error())?;
    file.sync_all()?;
    Ok(recorder.recorded)
}

/// One ledger after the other, so that memory does not grow with their count.
struct Recorder<'a> {
    rpc: &'a Rpc,
    ledgers: BTreeSet<LedgerId>,
    /// Written transactions that name several of the ledgers, which must not be written again.
    shared: HashSet<[u8; 64]>,
    writer: RecordingWriter<BufWriter<File>>,
    recorded: Recorded,
    bar: ProgressBar,
}

impl Recorder<'_> {
    /// Writes a ledger's transactions, and makes sure that all `needed` events of its account are among them.
    async fn record_ledger(&mut self, ledger: LedgerId, since: u64, needed: u64) -> anyhow::Result<()> {
        let mut seen = Seen::default();
        let mut since_slot = since;
        // The transactions written of the slot that the next listing begins with.
        let mut written: HashSet<[u8; 64]> = HashSet::new();
        loop {
            let listing = patiently(|| self.rpc.list_transactions(ledger, since_slot)).await?;
            let mut listed = listing.transactions;
            let last_slot = listed.last().map_or(since_slot, |last| last.slot);
            listed.retain(|transaction| !written.contains(&transaction.signature));
            ensure!(
                listing.is_whole || last_slot > since_slot,
                "slot {last_slot} has more transactions than a listing takes"
            );
            if last_slot > since_slot {
                written.clear();
            }
            written.extend(listed.iter().filter(|each| each.slot == last_slot).map(|each| each.signature));
            self.write_listed(ledger, &listed, &mut seen).await?;
            if listing.is_whole {
                break;
            }
            since_slot = last_slot;
        }
        match seen.first_missing(needed, since > 0) {
            None => Ok(()),
            Some(event) => bail!(
                "{} does not list event {event} of the {needed} that its account has: try again, or another --rpc",
                self.rpc.name()
            ),
        }
    }

    async fn write_listed(
        &mut self,
        ledger: LedgerId,
        listed: &[ListedTransaction],
        seen: &mut Seen,
    ) -> anyhow::Result<()> {
        // Of the last slot more may follow in the next chunk.
        let mut held: Vec<(u64, TransactionRecord)> = Vec::new();
        for chunk in listed.chunks(TRANSACTIONS_PER_CHUNK) {
            let Fetched { transactions, unread } = patiently(|| self.rpc.fetch_transactions(chunk)).await?;
            // It may be anybody's. Events of the ledger in it are found missing at the end.
            unread.iter().for_each(|error| note!("passed over: {error}"));
            for transaction in transactions {
                let events = decode(self.rpc.program(), &transaction)?;
                let numbers = events.iter().filter(|event| event.header.ledger == ledger);
                let numbers: Vec<u64> = numbers.map(|event| event.header.event_seq.get()).collect();
                numbers.iter().for_each(|number| seen.add(*number));
                self.recorded.events = self.recorded.events.saturating_add(numbers.len() as u64);
                self.bar.inc(numbers.len() as u64);
                held.push((numbers.first().copied().unwrap_or(u64::MAX), transaction));
            }
            held.sort_by_key(|(first_event, transaction)| (transaction.slot, *first_event));
            let last_slot = held.last().map_or(0, |(_, transaction)| transaction.slot);
            let rest = held.split_off(held.partition_point(|(_, transaction)| transaction.slot < last_slot));
            self.write(std::mem::replace(&mut held, rest))?;
        }
        self.write(held)
    }

    fn write(&mut self, transactions: Vec<(u64, TransactionRecord)>) -> anyhow::Result<()> {
        for (_, transaction) in transactions {
            let named = transaction.accounts.iter().filter(|key| self.ledgers.contains(&LedgerId(**key)));
            if named.count() > 1 && !self.shared.insert(transaction.signature) {
                continue;
            }
            self.writer.write_transaction(&transaction)?;
            self.recorded.transactions = self.recorded.transactions.saturating_add(1);
        }
        Ok(())
    }
}

/// The events that were seen, a bit each.
#[derive(Default)]
struct Seen {
    words: Vec<u64>,
}

impl Seen {
    /// Events beyond what any account could need are a server's invention and not counted.
    fn add(&mut self, event: u64) {
        const MAX_EVENTS: u64 = 1 << 32;
        if event >= MAX_EVENTS {
            return;
        }
        let word = (event / 64) as usize;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (event % 64);
    }

    fn has(&self, event: u64) -> bool {
        self.words.get((event / 64) as usize).is_some_and(|word| word >> (event % 64) & 1 == 1)
    }

    /// The first of `needed` events that was not seen; of a part, the first after those that were.
    fn first_missing(&self, needed: u64, is_part: bool) -> Option<u64> {
        let first = if is_part { (0..needed).find(|event| self.has(*event)).unwrap_or(needed) } else { 0 };
        (first..needed).find(|event| !self.has(*event))
    }
}

/// Calls again while the server fails in a way that may pass, and while it goes on with a list that is long.
async fn patiently<T, F>(mut call: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let (mut backoff, mut failures, mut most_rows) = (Backoff::default(), 0, 0);
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(ClientError::Unfinished { server, rows, .. }) => {
                // After a failure the list begins again: only what no call had before shows that it comes to an end.
                if rows > most_rows {
                    (backoff, failures, most_rows) = (Backoff::default(), 0, rows);
                }
                note!("{server} has listed {rows} transactions, and goes on");
            }
            Err(error) if error.is_transient() => {
                failures += 1;
                if failures == ATTEMPTS {
                    let what = format!("given up after {ATTEMPTS} attempts: run it again later, or with another --rpc");
                    return Err(anyhow::Error::from(error).context(what));
                }
                let delay = backoff.next_delay();
                note!("{error}; trying again in {} ms", delay.as_millis());
                sleep(delay).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use counterfoil_client::ClientError;

    use super::{ATTEMPTS, Seen, patiently};

    #[tokio::test(start_paused = true)]
    async fn a_list_that_goes_on_is_no_failure_however_often_it_does_and_one_that_fails_is_given_up() {
        let server = || "http://server".to_owned();
        let calls = Cell::new(0);
        let listed = patiently(|| {
            calls.set(calls.get() + 1);
            let rows = calls.get() * 1_000;
            async move {
                match rows {
                    57_000 => Ok(rows),
                    _ => Err(ClientError::Unfinished { server: server(), method: "getSignaturesForAddress", rows }),
                }
            }
        });
        assert_eq!(listed.await.unwrap(), 57_000);

        let calls = Cell::new(0_u32);
        let failed = patiently(|| {
            calls.set(calls.get() + 1);
            // Every other call begins the list again, and comes no further than before.
            let is_failure = calls.get().is_multiple_of(2);
            async move {
                let method = "getSignaturesForAddress";
                Err::<(), _>(match is_failure {
                    true => ClientError::Rpc { server: server(), method, reason: "busy".to_owned() },
                    false => ClientError::Unfinished { server: server(), method, rows: 1_000 },
                })
            }
        });
        let error = format!("{:#}", failed.await.unwrap_err());
        assert!(error.contains("another --rpc") && error.contains("busy"), "{error}");
        assert_eq!(calls.get(), 2 * ATTEMPTS);
    }

    #[test]
    fn names_the_first_event_that_is_missing() {
        let mut seen = Seen::default();
        [0, 1, 2, 63, 64, 200].into_iter().for_each(|event| seen.add(event));
        assert_eq!([0, 3, 4].map(|needed| seen.first_missing(needed, false)), [None, None, Some(3)]);
        assert_eq!(Seen::default().first_missing(1, false), Some(0));
    }

    #[test]
    fn of_a_part_only_what_follows_its_first_event_can_be_missing() {
        let mut seen = Seen::default();
        (70..130).for_each(|event| seen.add(event));
        assert_eq!([130, 131].map(|needed| seen.first_missing(needed, true)), [None, Some(130)]);
        assert_eq!(seen.first_missing(130, false), Some(0));
        assert_eq!(Seen::default().first_missing(9, true), None);
    }
}
