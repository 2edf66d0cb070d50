//! The limit of what the database gives: the statement by which the API reads a list, and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use counterfoil_core::LedgerId;
use counterfoil_service::announce;
use counterfoil_store::{PgPool, connect, load_entries, load_ledger};
use serde_json::json;

#[derive(Args)]
pub struct Arguments {
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    #[arg(long)]
    ledger: LedgerId,
    /// How many rows at a time.
    #[arg(long)]
    rows: u32,
    /// How many connections, each asking as soon as it is answered; as many as the API has.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    #[arg(long)]
    seconds: u64,
}

/// Prints how many lists were read a second, and how long they took.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let pool = connect(&arguments.database_url, arguments.connections, Duration::from_secs(10)).await?;
    let start = Instant::now();
    let end = start + Duration::from_secs(arguments.seconds);
    let (ledger, rows) = (arguments.ledger, arguments.rows);
    let readers = (0..arguments.connections).map(|_| tokio::spawn(read(pool.clone(), ledger, rows, end)));
    let mut times = Vec::new();
    for reader in readers.collect::<Vec<_>>() {
        times.extend(reader.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let percentile = |percent: usize| times.get(times.len() * percent / 100).map(|time| time.as_secs_f64() * 1e3);
    announce(&json!({
        "per_second": times.len() as f64 / seconds, "p50_ms": percentile(50), "p99_ms": percentile(99),
    }))?;
    Ok(())
}

/// Reads random runs of rows until the end; how long each took.
async fn read(pool: PgPool, ledger: LedgerId, rows: u32, end: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut connection = pool.acquire().await?;
    let row = load_ledger(&mut connection, ledger).await?;
    let (head, _) = row.checked.context("nothing of the ledger is checked")?;
    let last = head.entries.size.get().checked_sub(u64::from(rows)).context("the ledger has fewer rows")?;
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        let found = load_entries(&mut connection, &row, fastrand::u64(..=last), rows).await?;
        times.push(start.elapsed());
        ensure!(found.len() == rows as usize, "{} rows came, not {rows}", found.len());
    }
    Ok(times)
}
