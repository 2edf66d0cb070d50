//! Writes a recording of a made-up history: the records as a chain would have delivered them, events that follow
//! from each other and the accounts that they lead to. For benchmarks and tests, where a chain would set the pace.
//!
//! The same arguments give the same bytes, and more records begin with the transactions of fewer, where these fill theirs.

mod history;
mod ledger;

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;
use counterfoil_core::limits::MAX_APPEND_BYTES;

use history::{History, Shape};

#[derive(Parser)]
#[command(about = "Writes a recording of a made-up history that is true to the last byte")]
struct Arguments {
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    /// How many entries all ledgers have together.
    #[arg(long)]
    records: u64,
    /// How many ledgers there are.
    #[arg(long, default_value_t = 1)]
    ledgers: usize,
    /// How many entries a transaction appends; the last one of all may append fewer.
    #[arg(long, default_value_t = 1)]
    entries_per_transaction: usize,
    /// How many bytes an entry has; they do not compress.
    #[arg(long, default_value_t = 100)]
    entry_bytes: usize,
    /// The seed that the history is drawn from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Leaves out the transactions before the one that appends this record: what an index does not have that has those before.
    #[arg(long, default_value_t = 0)]
    from_record: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.ledgers > 0, "--ledgers must be 1 or more");
    ensure!(
        arguments.entry_bytes > 0 && arguments.entries_per_transaction > 0,
        "an append has entries, and they bytes"
    );
    let bytes = arguments.entry_bytes.saturating_mul(arguments.entries_per_transaction);
    ensure!(bytes <= MAX_APPEND_BYTES, "an append carries at most {MAX_APPEND_BYTES} bytes of entries, not {bytes}");
    let file = File::create(&arguments.out).with_context(|| format!("cannot write {}", arguments.out.display()))?;
    let shape = Shape {
        records: arguments.records,
        ledgers: arguments.ledgers,
        entries_per_transaction: arguments.entries_per_transaction,
        entry_bytes: arguments.entry_bytes,
    };
    let history = History::new(shape, arguments.seed);
    let transactions = history.write(BufWriter::with_capacity(1 << 20, file), arguments.from_record)?;
    let (records, ledgers) = (arguments.records, arguments.ledgers);
    writeln!(stdout(), r#"{{"records":{records},"ledgers":{ledgers},"transactions":{transactions}}}"#)?;
    Ok(())
}
