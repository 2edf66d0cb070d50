//! Keeps a table of the entries of ledgers, one row an entry, in SQLite.
//!
//! A message over NATS says that entries were checked, and which. It is not believed: the entries are read from the API, a page at a
//! time, and each page is verified by its certificate, and its head against the last one by a consistency proof. Where a message's
//! range begins behind the table's end, the table has a hole; reading on from the table's end fills it. Messages that were lost,
//! repeated, or are a stranger's change nothing, for every few seconds the API is asked without one.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when a pipe is closed, and escape nothing")]
#![forbid(unsafe_code)]

mod api;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use counterfoil_core::LedgerId;
use counterfoil_nats::{Prefix, Servers, ledger_of, listen, parse_server};
use counterfoil_service::{StopSignals, log_to_stderr};
use counterfoil_wire::EntriesHint;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use api::Api;
use table::Table;

/// How many messages wait. One that finds no room is dropped: the next look makes up for it.
const WAITING: usize = 256;

/// Keeps a table of the entries of ledgers, told of them over NATS and verifying each.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The NATS servers. Not trusted.
    #[arg(long, env = "COUNTERFOIL_NATS", value_delimiter = ',', hide_env_values = true, required = true, value_parser = parse_server)]
    nats: Vec<String>,
    /// The second token of the subjects, as the indexer has it.
    #[arg(long, env = "COUNTERFOIL_NATS_PREFIX")]
    prefix: Prefix,
    /// The API. Trusted for the newest head alone: what it gives must be a whole range of one log that only ever grows.
    #[arg(long, env = "COUNTERFOIL_API")]
    api: String,
    /// The ledgers.
    #[arg(long = "ledger", required = true)]
    ledgers: Vec<LedgerId>,
    /// The SQLite database.
    #[arg(long)]
    database: PathBuf,
    /// The longest time between two looks at the API, in milliseconds.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..))]
    look_ms: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    log_to_stderr("info,async_nats=error");
    let arguments = Arguments::parse();
    let mut stop = StopSignals::listen(false).context("cannot listen for signals")?;
    let servers = Servers::new(&arguments.nats, None)?;
    let subject = arguments.prefix.entries_of_all();
    let (sender, told) = mpsc::channel(WAITING);
    let hear = listen(&servers, "projection", &subject, |subject, body| {
        if let (Some(ledger), Ok(hint)) = (ledger_of(subject), serde_json::from_slice(body)) {
            let _ = sender.try_send((ledger, hint));
        }
    });
    tokio::select! {
        result = keep(&arguments, told) => result,
        never = hear => match never {},
        () = stop.received() => Ok(()),
    }
}

/// Reads what is told, and looks once in a while at all ledgers. Ends only with the database.
async fn keep(arguments: &Arguments, mut told: mpsc::Receiver<(LedgerId, EntriesHint)>) -> anyhow::Result<()> {
    let (api, mut table) = (Api::new(&arguments.api)?, Table::open(&arguments.database)?);
    let interval = Duration::from_millis(arguments.look_ms);
    let mut next_look = Instant::now();
    loop {
        let due = tokio::select! {
            () = sleep_until(next_look) => {
                next_look = Instant::now() + interval;
                arguments.ledgers.clone()
            }
            Some((ledger, hint)) = told.recv() => {
                let size = table.load_cursor(ledger)?.size;
                if !arguments.ledgers.contains(&ledger) || hint.to.0 <= size {
                    continue;
                }
                if hint.from.0 > size {
                    info!("entries {size} to {} of ledger {ledger} were not told of; reading them", hint.from.0);
                }
                vec![ledger]
            }
        };
        for ledger in due {
            // The next look tries again.
            if let Err(error) = api.catch_up(ledger, &mut table).await {
                warn!("ledger {ledger}: {error:#}");
            }
        }
    }
}
