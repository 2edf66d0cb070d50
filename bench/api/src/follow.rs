//! Many followers of few ledgers, over server-sent events, while entries are appended.
//!
//! Followers and the writer share one clock. An entry's time runs from just before its SQL transaction is committed until
//! its message is read from the follower's socket. Each follower must get each entry once and in order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_service::announce;
use counterfoil_store::{Cluster, PgPool, begin, bind_cluster, connect, migrate};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, stdin};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::history::History;

/// How many connect at a time.
const CONNECTING: usize = 64;
/// How many append at a time.
const WRITERS: u32 = 4;
/// How long what was appended last may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Arguments {
    /// An empty database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    #[arg(long, default_value_t = 100)]
    ledgers: u8,
    #[arg(long, default_value_t = 10_000)]
    followers: usize,
    /// To all ledgers together.
    #[arg(long, default_value_t = 100)]
    appends_per_second: u32,
    #[arg(long)]
    seconds: u32,
}

/// When each entry of a ledger was committed.
#[derive(Default)]
struct Commits(Mutex<Vec<Instant>>);

impl Commits {
    fn push(&self, at: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(at);
    }

    fn of(&self, index: usize) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }
}

/// Fills the database and says `ready`; is told the API's address; lets the followers connect and says so; is told to go
/// on; appends, and says how long the messages took. It takes commands as lines of standard input.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.ledgers > 0 && arguments.appends_per_second > 0, "there is something to append to");
    let pool = connect(&arguments.database_url, WRITERS, Duration::from_secs(10)).await?;
    let histories = fill(&pool, arguments.ledgers).await?;
    let mut told = BufReader::new(stdin()).lines();
    announce(&json!({ "ready": histories.len() }))?;
    let url = told.next_line().await?.context("the API's address is missing")?;
    let address = url.strip_prefix("http://").context("the API is served over http")?.to_owned();

    let commits: Vec<Arc<Commits>> = histories.iter().map(|_| Arc::default()).collect();
    let per_ledger = (arguments.seconds * arguments.appends_per_second).div_ceil(histories.len() as u32);
    let connecting = Instant::now();
    let mut followers = connect_all(&arguments, &address, &histories, &commits, per_ledger as usize).await?;
    announce(&json!({ "connected": arguments.followers, "seconds": connecting.elapsed().as_secs_f64() }))?;
    told.next_line().await?.context("it is not said to go on")?;

    let appending = Instant::now();
    append_all(&pool, histories, &commits, per_ledger, arguments.appends_per_second).await?;
    let seconds = appending.elapsed().as_secs_f64();
    let mut times = Vec::new();
    while let Some(follower) = timeout(PATIENCE, followers.join_next()).await.context("entries did not arrive")? {
        times.extend(follower??);
    }
    times.sort_unstable();
    let appended = per_ledger as usize * commits.len();
    let percentile = |tenths: usize| times.get(times.len() * tenths / 1_000).map(|time| time.as_secs_f64() * 1e3);
    announce(&json!({
        "appends_per_second": appended as f64 / seconds, "messages": times.len(),
        "messages_per_second": times.len() as f64 / seconds,
        "p50_ms": percentile(500), "p99_ms": percentile(990), "most_ms": percentile(999),
    }))?;
    Ok(())
}

async fn fill(pool: &PgPool, ledgers: u8) -> anyhow::Result<Vec<History>> {
    migrate(pool).await?;
    let mut connection = pool.acquire().await?;
    let cluster = Cluster { genesis_hash: GenesisHash([0x6e; 32]), program: ProgramId([0x9f; 32]) };
    bind_cluster(&mut connection, cluster).await?;
    let mut histories = Vec::new();
    for number in 1..=ledgers {
        let mut history = History::new(LedgerId([number; 32]));
        let mut transaction = begin(&mut connection).await?;
        history.create(&mut transaction).await?;
        transaction.commit().await?;
        histories.push(history);
    }
    Ok(histories)
}

type Followers = JoinSet<anyhow::Result<Vec<Duration>>>;

/// When this is done, whatever is appended is sent to all.
async fn connect_all(
    arguments: &Arguments,
    address: &str,
    histories: &[History],
    commits: &[Arc<Commits>],
    entries: usize,
) -> anyhow::Result<Followers> {
    let places = Arc::new(Semaphore::new(CONNECTING));
    let mut connections = JoinSet::new();
    for number in 0..arguments.followers {
        let (place, address) = (places.clone().acquire_owned().await?, address.to_owned());
        let which = number % histories.len();
        let ledger = histories[which].ledger;
        connections.spawn(async move {
            let follower = Follower::connect(&address, ledger).await.with_context(|| format!("follower {number}"));
            drop(place);
            follower.map(|follower| (which, follower))
        });
    }
    let mut followers = JoinSet::new();
    while let Some(connected) = connections.join_next().await {
        let (which, follower) = connected??;
        followers.spawn(follower.follow(commits[which].clone(), entries));
    }
    Ok(followers)
}

/// Appends to one ledger after the other, each writer to its share of them.
async fn append_all(
    pool: &PgPool,
    histories: Vec<History>,
    commits: &[Arc<Commits>],
    per_ledger: u32,
    per_second: u32,
) -> anyhow::Result<()> {
    let mut shares: Vec<Vec<(History, Arc<Commits>)>> = (0..WRITERS).map(|_| Vec::new()).collect();
    for (number, (history, commits)) in histories.into_iter().zip(commits).enumerate() {
        shares[number % WRITERS as usize].push((history, commits.clone()));
    }
    let count: usize = shares.iter().map(Vec::len).sum();
    let mut writers = JoinSet::new();
    for mut share in shares.into_iter().filter(|share| !share.is_empty()) {
        let period = Duration::from_secs(1).mul_f64(count as f64 / share.len() as f64 / f64::from(per_second));
        let pool = pool.clone();
        writers.spawn(async move {
            let mut ticks = interval(period);
            let mut connection = pool.acquire().await?;
            for _ in 0..per_ledger {
                for (history, commits) in &mut share {
                    ticks.tick().await;
                    let mut transaction = begin(&mut connection).await?;
                    history.append(&mut transaction).await?;
                    commits.push(Instant::now());
                    transaction.commit().await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    Ok(())
}

struct Follower {
    stream: TcpStream,
    /// The start of a line that has not ended.
    line: Vec<u8>,
}

impl Follower {
    /// Ready when the API has said that it sends what comes.
    async fn connect(address: &str, ledger: LedgerId) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /v1/ledgers/{ledger}/entries/live HTTP/1.1\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // Byte by byte, so that nothing of the messages is taken.
            head.push(stream.read_u8().await?);
        }
        let status = String::from_utf8_lossy(&head);
        ensure!(status.starts_with("HTTP/1.1 200 "), "{status}");
        Ok(Self { stream, line: Vec::new() })
    }

    /// Takes `count` entries; returns how long each took.
    async fn follow(mut self, commits: Arc<Commits>, entries: usize) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(entries);
        let mut buffer = [0; 4096];
        while times.len() < entries {
            let read = self.stream.read(&mut buffer).await?;
            ensure!(read > 0, "the stream has ended after {} entries", times.len());
            let now = Instant::now();
            for part in buffer[..read].split_inclusive(|byte| *byte == b'\n') {
                self.line.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    take_line(&self.line, &commits, now, &mut times)?;
                    self.line.clear();
                }
            }
        }
        Ok(times)
    }
}

/// A message's `id` is its last entry; several entries may come in one.
fn take_line(line: &[u8], commits: &Commits, now: Instant, times: &mut Vec<Duration>) -> anyhow::Result<()> {
    if line.starts_with(b"event: problem") {
        bail!("the API has ended the stream with a problem");
    }
    let Some(id) = line.strip_prefix(b"id: ") else { return Ok(()) };
    let last: usize = std::str::from_utf8(id)?.trim_end().parse()?;
    ensure!(last >= times.len(), "entry {last} came after {} entries", times.len());
    while times.len() <= last {
        let committed = commits.of(times.len()).context("an entry came that was not appended")?;
        times.push(now.saturating_duration_since(committed));
    }
    Ok(())
}
