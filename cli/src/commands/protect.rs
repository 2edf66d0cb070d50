//! `counterfoil protect TABLE`: a table's changes from now on, and its rows as they stand, become records.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use counterfoil_client::ClientError;
use counterfoil_core::LedgerId;
use counterfoil_core::limits::ledger_flag;
use counterfoil_outbox::{
    Wanted, backfill, install, is_lock_timeout, load_name, load_progress, load_protection, load_size, protect,
};
use counterfoil_service::{counted, note, progress};
use tokio::time::{interval, sleep};

use super::outbox::Database;
use crate::context::Options;

/// How long the table's lock is waited for, each time: while it is, those who write to the table wait as well.
const LOCK_TIMEOUT_MS: u32 = 1_000;
const LOCK_ATTEMPTS: u32 = 60;
const LOCK_PAUSE: Duration = Duration::from_secs(2);
/// The bytes that a row of the outbox and its record have besides the rows' JSON.
const BYTES_BESIDES: u64 = 400;
/// The most records of a transaction, and what it costs.
const RECORDS_PER_TRANSACTION: u64 = 65_536;
const LAMPORTS_PER_TRANSACTION: u64 = 5_000;

/// Arguments of `counterfoil protect`.
#[derive(Args)]
pub struct Arguments {
    /// The table, as SQL names it: orders, or shop.orders.
    table: String,
    #[command(flatten)]
    database: Database,
    /// The ledger; one of its own, so that "nothing is missing" can be said of the table. `counterfoil ledger create --allow-subtrees` makes it.
    #[arg(long)]
    ledger: LedgerId,
    /// The columns that are protected. Default: all.
    #[arg(long, value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// The columns that tell rows apart. Default: the primary key.
    #[arg(long, value_delimiter = ',')]
    key: Option<Vec<String>>,
    /// The name of the stream that the records are in.
    #[arg(long)]
    stream: Option<String>,
    /// The setting by which the application names its user: `set local counterfoil.actor = 'ada'`. Default: counterfoil.actor.
    #[arg(long, value_name = "SETTING")]
    actor: Option<String>,
    /// The operations that are meant to happen: `check` names each other one. None is prevented. Default: insert, update, delete, truncate.
    #[arg(long, value_delimiter = ',')]
    allow: Option<Vec<String>>,
    /// The rows of one transaction of the backfill.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    chunk: u32,
    /// A pause between two of them, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pause_ms: u32,
    /// Say what would be done and what it costs, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    expect_subtrees(options, arguments.ledger).await?;
    let mut connection = arguments.database.connect().await?;
    let table = load_name(&mut connection, &arguments.table).await?;
    let size = load_size(&mut connection, &table).await?;
    let bytes = size.rows.saturating_mul(size.row_bytes + BYTES_BESIDES);
    let lamports = size.rows.div_ceil(RECORDS_PER_TRANSACTION) * LAMPORTS_PER_TRANSACTION;
    note!(
        "{} has {}: as many records, about {} MB in the outbox until they have their receipts, {lamports} lamports at least",
        arguments.table,
        counted(size.rows, "row", "rows"),
        bytes.div_ceil(1_000_000),
    );
    if arguments.dry_run {
        note!(
            "schema counterfoil would be installed where it is not there; triggers would be placed under a lock that is waited for {} s at most; \
             then rows would be recorded, {} a transaction. Nothing was changed",
            LOCK_TIMEOUT_MS / 1_000,
            arguments.chunk
        );
        return Ok(ExitCode::SUCCESS);
    }
    install(&mut connection).await.context("the schema counterfoil is not installed")?;
    let wanted = Wanted {
        table,
        ledger: arguments.ledger.to_string(),
        columns: arguments.columns.map(trimmed),
        key: arguments.key.map(trimmed),
        stream: arguments.stream,
        actor: arguments.actor,
        allow: arguments.allow,
    };
    let protection = match load_protection(&mut connection, &wanted.table).await? {
        Some((protection, ledger)) if ledger == wanted.ledger => {
            note!("{} is protected already: what is left of its rows is recorded", wanted.table);
            protection
        }
        Some((_, ledger)) => bail!("{} is protected already, in ledger {ledger}: nothing was changed", wanted.table),
        None => {
            let protection = place(&mut connection, &wanted).await?;
            note!("{} is protected: each change from now on is recorded", wanted.table);
            protection
        }
    };
    let mut watcher = arguments.database.connect().await?;
    let bar = progress(size.rows, "rows");
    let mut ticks = interval(Duration::from_millis(500));
    let mut filling = std::pin::pin!(backfill(&mut connection, &wanted.table, arguments.chunk, arguments.pause_ms));
    loop {
        tokio::select! {
            filled = &mut filling => {
                filled.with_context(|| format!("the rows of {} are not all recorded: run the command again, it goes on there", wanted.table))?;
                break;
            }
            _ = ticks.tick() => bar.set_position(load_progress(&mut watcher, protection).await?.rows),
        }
    }
    bar.finish_and_clear();
    let rows = load_progress(&mut watcher, protection).await?.rows;
    note!(
        "{} of {} are recorded; the gateway that relays this outbox brings them to the ledger",
        counted(rows, "row", "rows"),
        wanted.table
    );
    Ok(ExitCode::SUCCESS)
}

/// Names without the spaces around them, as a list is written.
fn trimmed(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| name.trim().to_owned()).collect()
}

/// Refuses what is no ledger and one that takes no statements: the relay would stand still. Where the server does not answer, that is
/// told. The confirmed account is enough here: no verdict comes of it.
async fn expect_subtrees(options: &Options, ledger: LedgerId) -> anyhow::Result<()> {
    let account = match options.rpc().fetch_confirmed_account(ledger).await {
        Ok(at) => at.account,
        Err(
            error @ (ClientError::NoLedger { .. } | ClientError::WrongOwner { .. } | ClientError::NotItsAddress { .. }),
        ) => {
            return Err(error).with_context(|| format!("no table can be protected in ledger {ledger}"));
        }
        Err(error) => {
            note!("whether ledger {ledger} takes records is not known: {error}");
            return Ok(());
        }
    };
    let flags = account.flags;
    ensure!(flags & ledger_flag::SEALED == 0, "ledger {ledger} is sealed: nothing can be appended to it");
    ensure!(
        flags & ledger_flag::SUBTREES_ALLOWED != 0,
        "ledger {ledger} takes no subtrees, by which a gateway appends: `counterfoil ledger create --allow-subtrees` makes one that does"
    );
    Ok(())
}

/// Places the triggers, again and again where others hold the table.
async fn place(
    connection: &mut counterfoil_outbox::PgConnection,
    wanted: &Wanted,
) -> anyhow::Result<counterfoil_outbox::Uuid> {
    for attempt in 1..=LOCK_ATTEMPTS {
        match protect(connection, wanted, LOCK_TIMEOUT_MS).await {
            Err(error) if is_lock_timeout(&error) => {
                note!("{} is in use by a longer transaction: attempt {attempt} of {LOCK_ATTEMPTS}", wanted.table);
                sleep(LOCK_PAUSE).await;
            }
            placed => return placed.with_context(|| format!("{} is not protected", wanted.table)),
        }
    }
    bail!(
        "{} was in use all the time, and nothing was changed: try again when no long transaction holds it",
        wanted.table
    )
}
