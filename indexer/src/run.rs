//! The process: be the only indexer, then pass after pass until told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use counterfoil_client::{Commitment, Feed, Recording, Rpc, Source, block_feed, log_feed, with_causes};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_geyser::geyser_feed;
use counterfoil_http::{Places, serve};
use counterfoil_nats::{Prefix, Publisher};
use counterfoil_service::announce;
use counterfoil_store::{
    Cluster, Epoch, PgConnection, PgPool, PgPoolConnection, StoreError, bind_cluster, connect, hold_lease,
    is_only_indexer, load_cluster, migrate, renew_lease, take_lease,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};
use tracing::{Instrument, debug, debug_span, error, info, warn};

use crate::backfill::Backfill;
use crate::database::Database;
use crate::feed::feeding::{Fed, pump};
use crate::gather::gather;
use crate::health::Health;
use crate::hints::{Hints, Nats};
use crate::metrics::Metrics;
use crate::sync::pending::PendingLedgers;
use crate::{Feeding, Indexer, Round, Selection, Server};

/// Connections to the health server: probes and Prometheus.
const MAX_CONNECTIONS: u32 = 64;
const STANDBY_INTERVAL: Duration = Duration::from_secs(1);
const START_INTERVAL: Duration = Duration::from_secs(1);
/// The number of attempts to start for each one that the log tells.
const START_ATTEMPTS_TOLD: u32 = 30;
/// How often a command asks servers that do not answer.
const COMMAND_ATTEMPTS: u32 = 10;
/// How long other servers are waited for when enough have answered.
pub(crate) const SERVER_GRACE: Duration = Duration::from_secs(1);
/// How often servers are asked again which cluster they are of: what stands behind a URL can change.
const CLUSTER_INTERVAL: Duration = Duration::from_secs(60);
/// How often the indexer makes sure that it is still the only one, and renews its lease.
const LOCK_INTERVAL: Duration = Duration::from_secs(1);
/// The least time between two looks at all ledgers, whatever calls for one.
const LEAST_LOOK_INTERVAL: Duration = Duration::from_millis(50);
pub(crate) const CONNECTIONS: u32 = 8;

/// How much memory events may take that were delivered before their turn.
const WAITING_BYTES: usize = 64 << 20;
/// How much of what a feed delivered is taken in before it is written.
const BYTES_PER_PASS: usize = 24 << 20;
/// After how long a feed that has ended is read again, as long as something is missing.
const FEED_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long connections may take to close at the end.
const CLOSING_TIME: Duration = Duration::from_millis(1_500);

/// A Yellowstone gRPC server.
#[derive(Clone)]
pub struct Geyser {
    /// Its URL.
    pub endpoint: String,
    /// The token that it asks for.
    pub token: Option<String>,
}

/// How the indexer is run.
#[derive(Clone)]
pub struct Config {
    /// The index. Holds a password: keep it out of logs.
    pub database_url: String,
    /// JSON-RPC servers. Not trusted. Hold keys: keep them out of logs.
    pub rpc_urls: Vec<String>,
    /// A recording, which counts as one more server and delivers what it holds. Not trusted.
    pub recording: Option<PathBuf>,
    /// A server's WebSocket URL: tells of new transactions, both confirmed and finalized. Not trusted.
    pub ws_url: Option<String>,
    /// A Yellowstone gRPC server, which streams transactions, both confirmed and finalized. Not trusted.
    pub geyser: Option<Geyser>,
    /// Follow by whole blocks of the first server from this slot on, or from where the index stands if that is later.
    pub blocks_from: Option<u64>,
    /// How many of the servers must report the same account, 1 to all.
    pub quorum: usize,
    /// The program.
    pub program: ProgramId,
    /// The ledgers.
    pub selection: Selection,
    /// Where /livez, /readyz and /metrics are served.
    pub listen: SocketAddr,
    /// The longest time between two looks at all ledgers.
    pub poll_interval: Duration,
    /// How long a step in the database may take before it is given up and tried again.
    pub patience: Duration,
    /// After how long without a renewal another indexer takes this one's place.
    pub lease: Duration,
    /// Where hints of commits go.
    pub nats: Option<Nats>,
}

impl Config {
    /// Checks what can be checked without asking anybody, and opens the servers.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<Server>> {
        let distinct: BTreeSet<&String> = self.rpc_urls.iter().collect();
        ensure!(
            distinct.len() == self.rpc_urls.len(),
            "one of the --rpc servers is given twice: it would count as two"
        );
        let count = self.rpc_urls.len() + usize::from(self.recording.is_some());
        ensure!(count > 0, "give servers by --rpc, or a recording by --recording");
        ensure!((1..=count).contains(&self.quorum), "the quorum must be 1 to {count}, the count of servers");
        let rpcs = self.rpc_urls.iter().map(|url| Server::Rpc(Arc::new(Rpc::new(url, self.program))));
        let mut servers: Vec<Server> = rpcs.collect();
        if let Some(path) = &self.recording {
            let recording = Recording::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            let (expected, found) = (self.program, recording.program());
            ensure!(found == expected, "{} is of program {found}, not of {expected}", path.display());
            servers.push(Server::Recording(recording));
        }
        Ok(servers)
    }

    const fn has_finite_feed(&self) -> bool {
        self.recording.is_some()
    }

    /// The feed of finalized transactions, if there is one.
    async fn open_feed(&self, indexer: &mut Indexer<Server>) -> anyhow::Result<Option<mpsc::Receiver<Fed>>> {
        let (feed, feeding): (Feed, Feeding) = match (&self.recording, indexer.sources.iter().find_map(Server::rpc)) {
            (Some(path), _) => (Recording::feed(path), Feeding::Finite(path.display().to_string())),
            (None, _) if let Some(Geyser { endpoint, token }) = &self.geyser => {
                let feed = geyser_feed(endpoint, token.as_deref(), self.program, Commitment::Finalized, None);
                (feed, Feeding::Live("Yellowstone".to_owned()))
            }
            (None, Some(rpc)) if self.blocks_from.is_some() => {
                let name = format!("blocks of {}", rpc.name());
                let rows = indexer.database.load_ledgers().await?;
                let stands = rows.iter().filter_map(|row| Some(row.checked?.1)).min().unwrap_or(0);
                let from = stands.max(self.blocks_from.unwrap_or(0));
                (block_feed(rpc.clone(), from, Commitment::Finalized, self.poll_interval), Feeding::Live(name))
            }
            (None, Some(rpc)) if let Some(url) = &self.ws_url => {
                let name = format!("notifications of {}", rpc.name());
                (log_feed(url, rpc.clone(), Commitment::Finalized), Feeding::Live(name))
            }
            _ => return Ok(None),
        };
        let name = match &feeding {
            Feeding::Live(name) | Feeding::Finite(name) => name.clone(),
            Feeding::Nothing => String::new(),
        };
        indexer.feeding = feeding;
        Ok(Some(pump(feed, name, self.program)))
    }

    /// The feed of confirmed transactions, if there is one.
    fn open_confirmed_feed(&self, servers: &[Server]) -> Option<Feed> {
        if let Some(Geyser { endpoint, token }) = &self.geyser {
            return Some(geyser_feed(endpoint, token.as_deref(), self.program, Commitment::Confirmed, None));
        }
        let rpc = servers.iter().find_map(Server::rpc)?;
        Some(log_feed(self.ws_url.as_ref()?, rpc.clone(), Commitment::Confirmed))
    }
}

/// Runs until `stop` is ready.
///
/// # Errors
/// When the database cannot be reached or brought to this version at the start, the address cannot be listened on, or
/// a server is of another cluster than the index or another server.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let servers = config.servers()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another address with --listen", config.listen))?;
    let metrics = Metrics::new();
    let health = Health::new(metrics.clone());
    health.expect(config.poll_interval, config.recording.is_none());
    let url = format!("http://{}", listener.local_addr()?);
    // Health is answered and a stop heard from here on, whatever else is waited for.
    let places = Places::new(MAX_CONNECTIONS, MAX_CONNECTIONS, Vec::new());
    let service = serve(listener, None, health.router(), places, std::future::pending());
    let opened = OnceLock::new();
    let work = async {
        health.stands_still("starting: the database is opened".to_owned());
        let pool = open_for(&config.database_url, config.patience).await?;
        let _ = opened.set(pool.clone());
        health.stands_still("starting: the database is brought to this version".to_owned());
        migrate(&pool).await?;
        bind_to_cluster(&config, &servers, &pool, Some(&health)).await?;
        announce(&json!({ "url": url })).context("standard output is closed")?;
        let publisher = open_publisher(&config, &pool, &metrics).await?;
        let hints = publisher.clone().map(Hints::new).unwrap_or_default();
        let database = Database { hints, ..Database::new(pool, config.patience, metrics) };
        tokio::select! {
            result = index(&config, &database, &health) => result.map(|never| match never {}),
            never = publish(&config, publisher) => match never {},
        }
    };
    tokio::select! {
        result = work => result?,
        () = service => bail!("the health server ended"),
        () = stop => info!("stopping"),
    }
    // Work under way is rolled back: the cursor says where to go on.
    if let Some(pool) = opened.get()
        && timeout(CLOSING_TIME, pool.close()).await.is_err()
    {
        debug!("the database has not closed all connections in time");
    }
    Ok(())
}

/// The publisher of hints, if there is a NATS to publish to.
async fn open_publisher(config: &Config, pool: &PgPool, metrics: &Metrics) -> anyhow::Result<Option<Publisher>> {
    let Some(nats) = &config.nats else { return Ok(None) };
    let cluster = load_cluster(&mut *pool.acquire().await?).await?.context("the index is of no cluster")?;
    let prefix = nats.prefix.clone().unwrap_or_else(|| Prefix::of_cluster(cluster.genesis_hash));
    info!("hints go to {:?} on {}", nats.servers, prefix.all());
    let metrics = metrics.clone();
    Ok(Some(Publisher::new(prefix, move |outcome| metrics.hinted(outcome))))
}

async fn publish(config: &Config, publisher: Option<Publisher>) -> Infallible {
    match (&config.nats, publisher) {
        (Some(nats), Some(publisher)) => publisher.run(&nats.servers, nats.limits).await,
        _ => std::future::pending().await,
    }
}

/// Lets a halted ledger be tried again. Whether it was halted.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn clear_halt(database_url: &str, ledger: LedgerId) -> anyhow::Result<bool> {
    let pool = open(database_url).await?;
    let was_halted = counterfoil_store::clear_halt(&mut *pool.acquire().await?, ledger).await?;
    pool.close().await;
    Ok(was_halted)
}

/// The connection that makes a command the only one to write to the index, brought to this version, for as long as it lives.
///
/// # Errors
/// When an indexer is at work, or the database refuses.
pub(crate) async fn alone(pool: &PgPool) -> anyhow::Result<PgPoolConnection> {
    let mut lock = pool.acquire().await?;
    ensure!(
        is_only_indexer(&mut lock).await?,
        "an indexer is at work on this database: stop it, and those that stand by, then try again"
    );
    migrate(pool).await?;
    hold_lease(&mut lock).await?;
    Ok(lock)
}

/// Opens the index, for commands whose statements take as long as they take.
///
/// # Errors
/// When the database cannot be reached.
pub async fn open(database_url: &str) -> anyhow::Result<PgPool> {
    open_for(database_url, Duration::ZERO).await
}

/// Opens the index for work whose steps may take so long; zero for any time.
async fn open_for(database_url: &str, patience: Duration) -> anyhow::Result<PgPool> {
    let pool = connect(database_url, CONNECTIONS, patience).await;
    pool.context("cannot reach the database: check DATABASE_URL and that PostgreSQL runs")
}

/// Makes sure that a quorum of servers is of the one cluster that the index is of. Waits until a quorum has said so; what it
/// waits for is told to `health`.
pub(crate) async fn bind_to_cluster(
    config: &Config,
    servers: &[Server],
    pool: &PgPool,
    health: Option<&Health>,
) -> anyhow::Result<()> {
    let tell = |problem: String| health.iter().for_each(|health| health.stands_still(format!("starting: {problem}")));
    tell("the servers are asked which cluster they are of".to_owned());
    for attempt in 0_u32.. {
        let Clusters { named, errors } = ask_for_cluster(servers, config.quorum).await;
        let bound = load_cluster(&mut *pool.acquire().await?).await?.map(|cluster| cluster.genesis_hash);
        let agreed: Vec<GenesisHash> =
            named.iter().filter(|(_, names)| names.len() >= config.quorum).map(|(hash, _)| *hash).collect();
        let chosen = bound.filter(|bound| agreed.contains(bound)).or(match agreed[..] {
            [hash] => Some(hash),
            _ => None,
        });
        if let Some(genesis_hash) = chosen {
            let cluster = Cluster { genesis_hash, program: config.program };
            bind_cluster(&mut *pool.acquire().await?, cluster).await?;
            if let Some(problem) = of_other_clusters(&named, genesis_hash) {
                warn!("{problem}");
            }
            return Ok(());
        }
        let told: usize = named.values().map(Vec::len).sum();
        let of_each = named.iter().map(|(hash, names)| format!("{} of {hash}", names.join(", ")));
        ensure!(
            agreed.is_empty() && (told < servers.len() || named.len() < 2),
            "the servers are of different clusters: {}. Give --rpc servers of one cluster",
            of_each.collect::<Vec<_>>().join("; ")
        );
        let problem = format!(
            "{told} of {} servers answered, {} are needed to start; trying again. If they stay away, give other --rpc \
             servers or a smaller --quorum. {}",
            servers.len(),
            config.quorum,
            errors.join("; ")
        );
        // A service waits for its servers; a command is waited for by a person.
        ensure!(health.is_some() || attempt < COMMAND_ATTEMPTS, "{problem}");
        if attempt.is_multiple_of(START_ATTEMPTS_TOLD) {
            warn!("{problem}");
        }
        tell(problem);
        sleep(START_INTERVAL).await;
    }
    unreachable!("the attempts do not end")
}

/// The clusters of the servers.
struct Clusters {
    /// By the hash of the first block, the servers that name it.
    named: BTreeMap<GenesisHash, Vec<String>>,
    /// The errors of the others.
    errors: Vec<String>,
}

async fn ask_for_cluster(servers: &[Server], quorum: usize) -> Clusters {
    let mut clusters = Clusters { named: BTreeMap::new(), errors: Vec::new() };
    let answers = gather(servers.iter().map(Server::fetch_genesis_hash), quorum, SERVER_GRACE).await;
    for (server, answer) in servers.iter().zip(answers) {
        match answer {
            Some(Ok(hash)) => clusters.named.entry(hash).or_default().push(server.name().to_owned()),
            Some(Err(error)) => clusters.errors.push(with_causes(&error)),
            None => clusters.errors.push(format!("{}: no answer in time", server.name())),
        }
    }
    clusters
}

/// The servers that are of another cluster than the index.
fn of_other_clusters(named: &BTreeMap<GenesisHash, Vec<String>>, bound: GenesisHash) -> Option<String> {
    let others: Vec<String> = named
        .iter()
        .filter(|(hash, _)| **hash != bound)
        .map(|(hash, names)| format!("{} of cluster {hash}", names.join(", ")))
        .collect();
    (!others.is_empty()).then(|| {
        format!("{}, the index is of cluster {bound}: give --rpc servers of the index's cluster", others.join("; "))
    })
}

/// Becomes the only indexer of the database, works as long as it is, and stands by again when it lost that.
async fn index(config: &Config, database: &Database, health: &Health) -> anyhow::Result<Infallible> {
    let mut is_told = false;
    loop {
        let attempt = async {
            let mut lock = database.pool.acquire().await?;
            Ok::<_, StoreError>((take_lease(&mut lock, config.lease).await?, lock))
        };
        let attempt = timeout(config.patience, attempt).await.unwrap_or(Err(StoreError::TimedOut));
        let (epoch, mut lock) = match attempt {
            Ok((Some(epoch), lock)) => (epoch, lock),
            Ok((None, _)) => {
                if !is_told {
                    warn!("another indexer is at work on this database; standing by");
                    is_told = true;
                }
                health.stands_by("another indexer is at work on this database; standing by".to_owned());
                sleep(STANDBY_INTERVAL).await;
                continue;
            }
            Err(error) => {
                stands_still(health, "the database cannot be used", &error);
                sleep(STANDBY_INTERVAL).await;
                continue;
            }
        };
        is_told = false;
        let sources = config.servers()?;
        let (program, selection) = (config.program, config.selection.clone());
        let database = &Database { epoch: Some(epoch), ..database.clone() };
        database.hints.forget();
        let mut indexer = Indexer::new(program, sources, config.quorum, selection, database.clone());
        indexer.health = health.clone();
        let confirmed = config.open_confirmed_feed(&indexer.sources);
        let pending = PendingLedgers::new(program, database.clone(), indexer.finality.clone());
        let pending = async {
            if let Some(feed) = confirmed
                && let Err(error) = pending.run(feed).await
            {
                warn!("nothing is shown as pending: {}", with_causes(&error));
            }
            std::future::pending::<()>().await;
        };
        let watch = watch_clusters(config, indexer.sources.clone(), database, health);
        tokio::select! {
            result = work(config, indexer) => match result? {},
            () = pending => {}
            never = watch => match never {},
            () = keep(&mut lock, epoch, config.patience) => {}
        }
        health.stands_by("the place of the only indexer is lost; standing by".to_owned());
        warn!("the connection that held the lock is gone, or another indexer has taken this one's place; standing by");
        lock.close_on_drop();
    }
}

/// Tells of servers that have come to be of another cluster.
async fn watch_clusters(
    config: &Config,
    servers: Arc<Vec<Server>>,
    database: &Database,
    health: &Health,
) -> Infallible {
    loop {
        sleep(CLUSTER_INTERVAL).await;
        let Ok(Some(cluster)) = database.load_cluster().await else { continue };
        let Clusters { named, .. } = ask_for_cluster(&servers, servers.len()).await;
        let others = of_other_clusters(&named, cluster.genesis_hash);
        if let Some(problem) = &others {
            warn!("{problem}");
        }
        let of_others: usize =
            named.iter().filter(|(hash, _)| **hash != cluster.genesis_hash).map(|(_, names)| names.len()).sum();
        health.of_other_clusters(others.filter(|_| servers.len().saturating_sub(of_others) < config.quorum));
    }
}

/// Keeps the place of the only indexer, until it is lost.
async fn keep(lock: &mut PgConnection, epoch: Epoch, patience: Duration) {
    // The lock lives as long as its connection: asking for it again on that connection shows that it does.
    while let Ok(Ok(true)) = timeout(patience, is_only_indexer(lock)).await
        && let Ok(Ok(true)) = timeout(patience, renew_lease(lock, epoch)).await
    {
        sleep(LOCK_INTERVAL).await;
    }
}

/// Passes, for ever.
async fn work(config: &Config, indexer: Indexer<Server>) -> anyhow::Result<Infallible> {
    let mut work = Work::begin(config, indexer).await?;
    let mut backfill = Backfill::default();
    loop {
        work.round().await?;
        backfill.show(&work.indexer.health);
    }
}

/// The work of an indexer: what feeds deliver and what the servers are asked for, taken in and written round by round.
pub(crate) struct Work<'a> {
    config: &'a Config,
    pub(crate) indexer: Indexer<Server>,
    feed: Option<mpsc::Receiver<Fed>>,
    /// How often a feed has come to its end.
    pub(crate) feeds_ended: u64,
    feed_again: Instant,
    last_look: Instant,
    next_look: Instant,
}

impl<'a> Work<'a> {
    pub(crate) async fn begin(config: &'a Config, mut indexer: Indexer<Server>) -> anyhow::Result<Self> {
        let feed = config.open_feed(&mut indexer).await?;
        let now = Instant::now();
        Ok(Self { config, indexer, feed, feeds_ended: 0, feed_again: now, last_look: now, next_look: now })
    }

    /// Waits until there is something to do, and makes a pass: over all ledgers when that is due, which is answered.
    pub(crate) async fn round(&mut self) -> anyhow::Result<Round> {
        if !self.indexer.has_backlog() {
            tokio::select! {
                fed = next(&mut self.feed) => self.take_in(fed),
                () = self.indexer.settle() => {}
                () = sleep_until(self.next_look.into()) => {}
            }
        }
        while self.indexer.waiting_bytes() < BYTES_PER_PASS
            && let Some(Ok(fed)) = self.feed.as_mut().map(mpsc::Receiver::try_recv)
        {
            self.take_in(Some(fed));
        }
        let now = Instant::now();
        let round = if now >= self.next_look { Round::All } else { Round::New };
        if round == Round::All {
            (self.last_look, self.next_look) = (now, now + self.config.poll_interval);
        }
        if let Err(error) = self.indexer.pass(now, round).instrument(debug_span!("pass", ?round)).await {
            stands_still(&self.indexer.health, "the index cannot be read", &error);
            sleep(STANDBY_INTERVAL).await;
        }
        if round == Round::All {
            self.measure().await;
        }
        if self.indexer.waiting_bytes() > WAITING_BYTES {
            debug!("too much is waiting for its turn; it will be asked for again");
            self.indexer.forget_waiting();
        }
        if self.feed.is_none() && self.indexer.is_behind() && self.config.has_finite_feed() && now >= self.feed_again {
            self.feed = self.config.open_feed(&mut self.indexer).await?;
            self.feed_again = Instant::now() + FEED_AGAIN_AFTER;
        }
        Ok(round)
    }

    /// Tells how the servers do, and how many slots ledgers are behind.
    async fn measure(&self) {
        let Indexer { sources, database, finality, health, .. } = &self.indexer;
        for rpc in sources.iter().filter_map(Server::rpc) {
            database.metrics.server(rpc.name(), &rpc.health());
        }
        let newest = finality.newest_slot();
        let mut most = 0;
        for (ledger, health) in health.ledgers() {
            let Some(progress) = health.progress.filter(|progress| progress.applied < progress.account) else {
                continue;
            };
            let last = match database.metrics.last_slot(ledger) {
                Some(slot) => slot,
                // Nothing was written since the start. A size that cannot be read now is measured the next time.
                None => database.slot_before(ledger, progress.applied).await.unwrap_or(newest),
            };
            most = newest.saturating_sub(last).max(most);
        }
        database.metrics.lag_slots(most);
    }

    /// Looks at all ledgers soon when something calls for it.
    fn take_in(&mut self, fed: Option<Fed>) {
        let calls_for_look = match fed {
            Some(Fed::Events(events, room)) => {
                drop(room);
                if let Feeding::Live(name) | Feeding::Finite(name) = &self.indexer.feeding {
                    self.indexer.database.metrics.fed(name, events.len() as u64);
                }
                self.indexer.deliver(events, Instant::now())
            }
            Some(Fed::Gap) => true,
            None => {
                self.feed = None;
                self.feeds_ended = self.feeds_ended.saturating_add(1);
                self.indexer.feeding = Feeding::Nothing;
                true
            }
        };
        if calls_for_look {
            self.next_look = self.next_look.min(self.last_look + LEAST_LOOK_INTERVAL);
        }
    }
}

async fn next(feed: &mut Option<mpsc::Receiver<Fed>>) -> Option<Fed> {
    match feed {
        Some(feed) => feed.recv().await,
        None => std::future::pending().await,
    }
}

fn stands_still(health: &Health, what: &str, error: &StoreError) {
    let reason = format!("{what}, trying again: {}", with_causes(error));
    error!("{reason}");
    health.stands_still(reason);
}
