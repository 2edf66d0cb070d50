//! Random histories of several ledgers, seen through servers that fail, lag, lose, repeat, reorder and lie, written to
//! a database that breaks, by an indexer that is killed: in the end the index is the chain, and what was checked on
//! the way always was.
//!
//! `SEEDS=n` plays so many, `SEED=s` that one alone.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use counterfoil_client::{
    AccountAt, ClientError, Fetched, ListedTransaction, Listing, MAX_LISTED, Source, TransactionRecord,
};
use counterfoil_core::{LedgerId, Wallet};
use counterfoil_indexer::database::Database;
use counterfoil_indexer::fsck::fsck;
use counterfoil_indexer::inbox::Delivered;
use counterfoil_indexer::metrics::Metrics;
use counterfoil_indexer::{Feeding, Indexer, Round, Selection};
use counterfoil_store::{PgPool, connect, load_ledger, load_state};
use fastrand::Rng;

use crate::chain::{Chain, PROGRAM};
use crate::rules::{database, database_url, port};
use crate::wire::{Break, Wire};

/// How many seeds are played where nothing else is said.
const SEEDS: u64 = 200;
/// How many are played at once, each lane with a database and a thread of its own.
const LANES: u64 = 4;
/// How many rounds of events and faults a seed has.
const ROUNDS: u64 = 4;
/// How many passes without a broken wire or a new event are enough to catch up with everything, come what may from
/// the servers.
const LAST_PASSES: u64 = 60;

/// The end of the signatures of foreign transactions.
const FOREIGN: [u8; 64] = [0xf0; 64];

/// How long others are waited for when a quorum has answered: honest servers here answer at once.
const GRACE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// How a server treats the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It may fail, lag, lose, repeat and reorder; what it says was so once.
    Faulty,
    /// It may also invent: transactions, accounts that fit them, and slots; and it lists without end.
    Liar,
}

/// How many foreign transactions one listing without end holds.
const JUNK: u16 = 600;

/// The truth, and what a liar says instead.
struct World {
    chains: BTreeMap<LedgerId, Chain>,
    forged: BTreeMap<LedgerId, Chain>,
}

struct SimulatedServer {
    name: String,
    manner: Manner,
    world: Arc<Mutex<World>>,
    rng: Mutex<Rng>,
    /// Of 100 answers, how many have something wrong with them.
    trouble: AtomicU64,
}

impl SimulatedServer {
    fn draws(&self, percent: u64) -> bool {
        self.rng.lock().unwrap().u64(0..100) < percent
    }

    /// Whether something is wrong with an answer.
    fn is_troubled(&self) -> bool {
        self.draws(self.trouble.load(Ordering::Relaxed))
    }

    fn fails(&self, method: &'static str) -> Result<(), ClientError> {
        if !self.is_troubled() {
            return Ok(());
        }
        let server = self.name.clone();
        Err(match self.rng.lock().unwrap().u8(0..3) {
            0 => ClientError::Rpc { server, method, reason: "429 Too Many Requests".to_owned() },
            1 => ClientError::Rpc { server, method, reason: "the connection was closed".to_owned() },
            _ => ClientError::Malformed { server, method, what: "half an answer".to_owned() },
        })
    }

    /// The chain that the server tells of.
    fn chain(&self, ledger: LedgerId) -> Option<Chain> {
        let world = self.world.lock().unwrap();
        let is_forged = self.manner == Manner::Liar && self.draws(50);
        let chains = if is_forged { &world.forged } else { &world.chains };
        chains.get(&ledger).cloned()
    }
}

impl Source for SimulatedServer {
    fn name(&self) -> &str {
        &self.name
    }

    async fn fetch_ledgers(&self, _: Option<Wallet>) -> Result<Vec<LedgerId>, ClientError> {
        self.fails("getProgramAccounts")?;
        let mut ledgers: Vec<LedgerId> = self.world.lock().unwrap().chains.keys().copied().collect();
        if self.is_troubled() {
            ledgers.truncate(1);
        }
        if self.manner == Manner::Liar {
            ledgers.push(LedgerId([0xee; 32]));
        }
        Ok(ledgers)
    }

    async fn fetch_accounts(&self, ledgers: &[LedgerId]) -> Result<Vec<Result<AccountAt, ClientError>>, ClientError> {
        self.fails("getMultipleAccounts")?;
        if self.manner == Manner::Liar && self.draws(5) {
            // It keeps its caller waiting, longer than an indexer waits that has a quorum.
            tokio::time::sleep(20 * GRACE).await;
            return Err(ClientError::Rpc {
                server: self.name.clone(),
                method: "getMultipleAccounts",
                reason: "no answer".to_owned(),
            });
        }
        let report = |ledger: &LedgerId| {
            let nothing = ClientError::NoLedger { server: self.name.clone(), ledger: *ledger };
            let chain = self.chain(*ledger).ok_or(nothing)?;
            // A server that lags tells of an earlier moment.
            let slot = match self.manner {
                Manner::Liar if self.draws(10) => *self.rng.lock().unwrap().choice(&[0, 1 << 62, u64::MAX]).unwrap(),
                _ => chain.slot(),
            };
            let lag = if self.is_troubled() { self.rng.lock().unwrap().u64(0..chain.event_count()) } else { 0 };
            Ok(AccountAt { slot, account: chain.account_at(chain.event_count() - lag) })
        };
        Ok(ledgers.iter().map(report).collect())
    }

    async fn list_transactions(&self, ledger: LedgerId, since: u64) -> Result<Listing, ClientError> {
        self.fails("getSignaturesForAddress")?;
        let Some(chain) = self.chain(ledger) else { return Ok(Listing { transactions: vec![], is_whole: true }) };
        let listed = chain.transactions.iter().filter(|transaction| transaction.slot >= since);
        let mut listed: Vec<ListedTransaction> = listed
            .map(|transaction| ListedTransaction { slot: transaction.slot, signature: transaction.signature })
            .collect();
        let mut is_whole = true;
        if self.manner == Manner::Liar && self.draws(10) {
            let slot = if self.draws(50) { since.max(1) } else { 1 << 61 };
            let junk = (0..JUNK).map(|number| {
                let mut signature = FOREIGN;
                signature[..2].copy_from_slice(&number.to_le_bytes());
                ListedTransaction { slot, signature }
            });
            listed.extend(junk);
            listed.sort_by_key(|listed| listed.slot);
            is_whole = false;
        }
        if self.is_troubled() && !listed.is_empty() {
            let rng = &mut *self.rng.lock().unwrap();
            let at = rng.usize(0..listed.len());
            match rng.u8(0..5) {
                0 => drop(listed.remove(at)),
                1 => listed.truncate(at),
                2 => {
                    // A page that ends early, and says so.
                    listed.truncate(at + 1);
                    is_whole = false;
                }
                3 => listed.push(listed[at]),
                _ => {
                    rng.shuffle(&mut listed);
                    listed.sort_by_key(|listed| listed.slot);
                }
            }
        }
        assert!(listed.len() <= MAX_LISTED);
        Ok(Listing { transactions: listed, is_whole })
    }

    async fn fetch_transactions(&self, listed: &[ListedTransaction]) -> Result<Fetched, ClientError> {
        self.fails("getTransaction")?;
        let world = self.world.lock().unwrap();
        let chains = world.chains.values().chain(world.forged.values());
        let known: BTreeMap<[u8; 64], &TransactionRecord> = chains
            .flat_map(|chain| chain.transactions.iter().map(|transaction| (transaction.signature, transaction)))
            .collect();
        let foreign = |listed: &ListedTransaction| TransactionRecord {
            signature: listed.signature,
            slot: listed.slot,
            is_ok: true,
            accounts: vec![[1; 32]],
            inner_instructions: vec![],
        };
        let record = |listed: &ListedTransaction| {
            known.get(&listed.signature).map_or_else(|| foreign(listed), |record| (*record).clone())
        };
        let mut records: Vec<TransactionRecord> = listed.iter().map(record).collect();
        // A server that does not read the version of some transaction, now and then of one of the ledger's.
        let unread = |record: &TransactionRecord| ClientError::Unreadable {
            server: self.name.clone(),
            signature: format!("{:?}", record.signature),
            reason: "Transaction version (1) is not supported".to_owned(),
        };
        let at = self.rng.lock().unwrap().usize(0..records.len().max(1));
        let refused = if self.is_troubled() && at < records.len() { Some(unread(&records.remove(at))) } else { None };
        if self.manner == Manner::Liar && self.draws(30) {
            self.damage(&mut records);
        }
        Ok(Fetched { transactions: records, unread: refused.into_iter().collect() })
    }

    async fn fetch_slots(&self, first: u64, last: u64) -> Result<Vec<TransactionRecord>, ClientError> {
        self.fails("getBlocks")?;
        let world = self.world.lock().unwrap();
        let records = world.chains.values().flat_map(|chain| chain.transactions.clone());
        Ok(records.filter(|transaction| (first..=last).contains(&transaction.slot)).collect())
    }
}

impl SimulatedServer {
    fn damage(&self, records: &mut [TransactionRecord]) {
        let rng = &mut *self.rng.lock().unwrap();
        if records.is_empty() {
            return;
        }
        let at = rng.usize(0..records.len());
        let record = &mut records[at];
        match rng.u8(0..4) {
            0 => record.slot += 1,
            1 => record.is_ok = false,
            2 => record.inner_instructions.clear(),
            _ => {
                // A foreign one has nothing to be damaged.
                let Some(instruction) = record.inner_instructions.first_mut() else { return };
                let data = &mut instruction.data;
                // Behind the tag and the kind, so that it stays an event.
                let at = rng.usize(16..data.len());
                data[at] ^= 1 << rng.u8(0..8);
            }
        }
    }
}

fn grow(chain: &mut Chain, rng: &mut Rng) {
    for _ in 0..rng.usize(0..6) {
        match rng.u8(0..10) {
            0 => chain.grant(),
            1 if chain.can_take_a_subtree() => chain.append_subtree(),
            _ => {
                let entries: Vec<String> = (0..rng.usize(1..60)).map(|_| format!("{:x}", rng.u64(..))).collect();
                chain.append(&entries.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }
}

/// A chain that begins as the true one and goes on otherwise.
fn forge(chain: &Chain, rng: &mut Rng) -> Chain {
    let mut forged = chain.until(rng.u64(1..=chain.event_count()));
    grow(&mut forged, rng);
    forged.append(&["forged"]);
    forged
}

/// The faults of one life of the indexer.
enum Ending {
    None,
    Wire(usize, Break),
    /// It is killed at this step in the database.
    Kill(usize),
}

struct Lane {
    pool: PgPool,
    wire: Wire,
    /// The same database through the wire. One connection makes the steps the same each time.
    wired: PgPool,
}

impl Lane {
    async fn open() -> Self {
        let (pool, wire) = (database().await, Wire::to(port()).await);
        let url = database_url(&pool).replace(&format!(":{}/", port()), &format!(":{}/", wire.port()));
        let wired = connect(&url, 1, PATIENCE).await.unwrap();
        Self { pool, wire, wired }
    }

    async fn empty(&self) {
        let sql = "delete from halt; delete from evidence; delete from pending; delete from subtree; delete from tile; delete from entry;
            delete from event; delete from cursor; delete from ledger";
        sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
    }

    fn indexer(&self, servers: Vec<SimulatedServer>, seed: u64) -> Indexer<SimulatedServer> {
        let database = Database::new(self.wired.clone(), PATIENCE, Metrics::new());
        let mut indexer = Indexer::new(PROGRAM, servers, 2, Selection::default(), database).with_turns(1);
        indexer.patience = PATIENCE;
        indexer.grace = GRACE;
        // A feed that takes part in half of the seeds.
        if seed.is_multiple_of(2) {
            indexer.feeding = Feeding::Live("feed".to_owned());
        }
        indexer
    }

    async fn play(&self, seed: u64) {
        self.empty().await;
        let mut rng = Rng::with_seed(seed);
        let ids: Vec<LedgerId> = (1..=rng.u8(1..=3)).map(|id| LedgerId([id; 32])).collect();
        let chains: BTreeMap<LedgerId, Chain> = ids.iter().map(|id| (*id, Chain::of(*id))).collect();
        let forged = chains.iter().map(|(id, chain)| (*id, forge(chain, &mut rng))).collect();
        let world = Arc::new(Mutex::new(World { chains, forged }));
        let liar = rng.usize(0..3);
        let start = Instant::now();
        let mut now = 0;
        let mut later = || {
            now += 120;
            start + Duration::from_secs(now)
        };
        for round in 0..ROUNDS {
            {
                let mut world = world.lock().unwrap();
                let World { chains, forged } = &mut *world;
                for (id, chain) in chains {
                    grow(chain, &mut rng);
                    forged.insert(*id, forge(chain, &mut rng));
                }
            }
            let trouble = *rng.choice(&[0, 5, 20]).unwrap();
            let ending = match rng.u8(0..5) {
                0 | 1 => Ending::None,
                2 => Ending::Wire(rng.usize(0..80), Break::Before),
                3 => Ending::Wire(rng.usize(0..80), Break::After),
                _ => Ending::Kill(rng.usize(0..80)),
            };
            let fed = feed(&world, &mut rng);
            let servers = servers(&world, liar, trouble, &mut rng);
            self.wire.break_at(match ending {
                Ending::Wire(step, fault) => Some((step, fault)),
                Ending::Kill(step) => Some((step, Break::Before)),
                Ending::None => None,
            });
            let life = async {
                let mut indexer = self.indexer(servers, seed);
                let _ = indexer.pass(later(), Round::All).await;
                indexer.deliver(fed, later());
                let _ = indexer.pass(later(), Round::New).await;
                let _ = indexer.pass(later(), Round::All).await;
            };
            match ending {
                Ending::Kill(_) => tokio::select! { () = life => {}, () = self.wire.broken() => {} },
                _ => life.await,
            }
            self.wire.break_at(None);
            self.expect_only_truth(&world, seed, round).await;
        }
        self.expect_all(&world, liar, seed, &mut rng, &mut later).await;
    }

    /// A checked head was so on the chain, always.
    async fn expect_only_truth(&self, world: &Mutex<World>, seed: u64, round: u64) {
        let mut connection = self.pool.acquire().await.unwrap();
        let chains = world.lock().unwrap().chains.clone();
        for (id, chain) in chains {
            let Ok(row) = load_ledger(&mut connection, id).await else { continue };
            let Some((head, _)) = row.checked else { continue };
            let truth = chain.until(head.events.size.get()).state().head();
            assert_eq!(head, truth, "seed {seed}, round {round}");
        }
    }

    /// In the end the index is the chain, although one of the servers lies to the last.
    async fn expect_all(
        &self,
        world: &Arc<Mutex<World>>,
        liar: usize,
        seed: u64,
        rng: &mut Rng,
        later: &mut impl FnMut() -> Instant,
    ) {
        let chains = world.lock().unwrap().chains.clone();
        let mut indexer = self.indexer(servers(world, liar, 5, rng), seed);
        let mut is_done = false;
        for _ in 0..LAST_PASSES {
            indexer.pass(later(), Round::All).await.unwrap();
            let mut connection = self.pool.acquire().await.unwrap();
            is_done = true;
            for (id, chain) in &chains {
                let row = load_ledger(&mut connection, *id).await;
                let checked = row.ok().and_then(|row| row.checked).map(|(head, _)| head);
                is_done &= checked == Some(chain.state().head());
            }
            if is_done {
                break;
            }
        }
        let (_, problems) = indexer.health.readiness();
        assert!(is_done, "seed {seed}: not caught up: {problems:?}");
        let mut connection = self.pool.acquire().await.unwrap();
        for (id, chain) in &chains {
            assert!(load_state(&mut connection, *id).await.unwrap() == chain.state(), "seed {seed}");
            assert!(load_ledger(&mut connection, *id).await.unwrap().halt.is_none(), "seed {seed}");
        }
        drop(connection);
        let report = fsck(&self.pool, &[], |_| ()).await.unwrap();
        assert_eq!(report.findings, vec![], "seed {seed}");
        let known: BTreeSet<LedgerId> = chains.keys().copied().collect();
        assert_eq!(report.ledgers, known.len() as u64, "seed {seed}");
    }
}

fn servers(world: &Arc<Mutex<World>>, liar: usize, trouble: u64, rng: &mut Rng) -> Vec<SimulatedServer> {
    let server = |number| SimulatedServer {
        name: format!("server {number}"),
        manner: if number == liar { Manner::Liar } else { Manner::Faulty },
        world: world.clone(),
        rng: Mutex::new(Rng::with_seed(rng.u64(..))),
        trouble: AtomicU64::new(trouble),
    };
    (0..3).map(server).collect()
}

/// The deliveries of a feed: some of the truth in any order, and now and then a lie.
fn feed(world: &Mutex<World>, rng: &mut Rng) -> Vec<Delivered> {
    let world = world.lock().unwrap();
    let chains: Vec<&Chain> = world.chains.values().chain(world.forged.values()).collect();
    let truth = world.chains.len();
    let mut delivered = Vec::new();
    for (number, chain) in chains.into_iter().enumerate() {
        for transaction in &chain.transactions {
            if rng.u8(0..10) < if number < truth { 8 } else { 1 } {
                delivered.extend(Delivered::decode(PROGRAM, transaction).unwrap());
            }
        }
    }
    if rng.bool() {
        rng.shuffle(&mut delivered);
    }
    delivered
}

#[test]
fn whatever_fails_lags_lies_breaks_and_is_killed_the_index_becomes_the_chain() {
    let number = |name: &str| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let (first, count) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("SEEDS").unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..LANES.min(count) {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let lane = Lane::open().await;
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= first + count {
                            break;
                        }
                        if seed.is_multiple_of(10_000) && seed > first {
                            println!("{seed} of {} seeds", first + count);
                        }
                        let play = std::panic::AssertUnwindSafe(lane.play(seed));
                        let outcome = futures_util::FutureExt::catch_unwind(play).await;
                        if let Err(panic) = outcome {
                            eprintln!("play it again: SEED={seed} cargo test -p counterfoil-indexer simulation");
                            std::panic::resume_unwind(panic);
                        }
                    }
                });
            });
        }
    });
}
