//! Filling in from files and from a log that serves tiles, on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may panic")]

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use counterfoil_core::limits::MAX_SUBTREE_LEVEL;
use counterfoil_core::{Event, EventBody, EventHeader, LedgerAccount, LedgerId, LedgerState, Wallet};
use counterfoil_indexer::fill::{Filled, fill_from_file, fill_from_tiles};
use counterfoil_store::{
    CommittedIn, LedgerRow, PgPool, add_ledger, commit, connect, load_entries, load_ledger, mark_checked, migrate,
};
use merkle_log::{Frontier, Hash, LeafIndex, Position, TreeSize, hash_leaf, subtrees};
use pgcluster::{Cluster, Durability};
use tokio::net::TcpListener;

const LEDGER: LedgerId = LedgerId([1; 32]);
const AUTHORITY: Wallet = Wallet([5; 32]);
const LEAVES: u64 = 1_500;
/// The leaves that were appended by the hashes of their subtrees; the others' entries are on the chain.
const BY_SUBTREE: [Range<u64>; 3] = [100..700, 704..720, 900..1_499];

struct Index {
    pool: PgPool,
    _cluster: Cluster,
}

/// Of different lengths, so that bundles cannot be cut by count.
fn entry(index: u64) -> Vec<u8> {
    let mut entry = index.to_le_bytes().to_vec();
    entry.resize(8 + (index % 300) as usize, 7);
    entry
}

fn missing() -> u64 {
    BY_SUBTREE.iter().map(|run| run.end - run.start).sum()
}

impl Index {
    /// A ledger of which the subtrees' entries are missing.
    async fn open() -> Self {
        let cluster = Cluster::start_temporary(Durability::None).unwrap();
        cluster.create_database("fill").unwrap();
        let pool = connect(&cluster.url("fill"), 4, Duration::from_secs(30)).await.unwrap();
        migrate(&pool).await.unwrap();
        let mut state = LedgerState::new(LEDGER);
        let (mut entries, mut events) = (Frontier::new(), Frontier::new());
        let mut batch = Vec::new();
        let mut bodies = vec![(EventBody::LedgerCreated { id: [7; 32], flags: 4 }, 0..0)];
        let mut next = 0;
        for run in BY_SUBTREE {
            bodies.push((
                EventBody::EntriesAppended { entries: (next..run.start).map(entry).collect() },
                next..run.start,
            ));
            bodies.push((EventBody::SubtreesAppended { hashes: hashes(&run) }, run.clone()));
            next = run.end;
        }
        bodies.push((EventBody::EntriesAppended { entries: (next..LEAVES).map(entry).collect() }, next..LEAVES));
        for (seq, (body, leaves)) in (0..).zip(bodies) {
            let first_index = entries.size();
            leaves.clone().for_each(|index| entries.append_leaf(&hash_leaf(&entry(index))).unwrap());
            let header = EventHeader {
                ledger: LEDGER,
                event_seq: LeafIndex::new(seq).unwrap(),
                slot: 100,
                unix_time: 1_700_000_000,
                signer: AUTHORITY,
                first_index,
                count: leaves.end - leaves.start,
                size: entries.size(),
                root: entries.root(),
            };
            let event = Event { header, body };
            events.append_leaf(&event.leaf_hash()).unwrap();
            let (next, append) = state.apply(event).unwrap();
            state = next;
            batch.push((CommittedIn { signature: [9; 64] }, append));
        }
        let account = LedgerAccount {
            flags: 4,
            id: [7; 32],
            creator: AUTHORITY,
            authority: AUTHORITY,
            pending_authority: None,
            leaves_by_subtree: missing(),
            heads_written: 0,
            created_slot: 100,
            created_time: 0,
            appended_slot: 0,
            appended_time: 0,
            entries: Box::new(entries),
            events: Box::new(events),
            heads: Vec::new(),
        };
        let mut transaction = pool.begin().await.unwrap();
        add_ledger(&mut transaction, LEDGER).await.unwrap();
        commit(&mut transaction, LEDGER, &batch).await.unwrap();
        mark_checked(&mut transaction, &state.check(&account).unwrap(), 200).await.unwrap();
        transaction.commit().await.unwrap();
        let index = Self { pool, _cluster: cluster };
        assert_eq!(index.row().await.missing, missing());
        index
    }

    async fn row(&self) -> LedgerRow {
        load_ledger(&mut self.pool.acquire().await.unwrap(), LEDGER).await.unwrap()
    }

    async fn fill(&self, file: &File, first_index: u64) -> anyhow::Result<Filled> {
        fill_from_file(&self.pool, LEDGER, file, first_index, &mut |_| {}).await
    }

    async fn expect_whole(&self) {
        let row = self.row().await;
        assert_eq!(row.missing, 0);
        let mut connection = self.pool.acquire().await.unwrap();
        let stored = load_entries(&mut connection, &row, 0, u32::MAX).await.unwrap();
        assert_eq!(stored.len() as u64, LEAVES);
        for (index, stored) in (0..).zip(stored) {
            assert_eq!((stored.index.get(), stored.payload), (index, entry(index)));
        }
    }
}

fn hashes(run: &Range<u64>) -> Vec<Hash> {
    let size = |leaves| TreeSize::new(leaves).unwrap();
    let root = |Position { level, offset }| {
        let mut subtree = Frontier::new();
        let leaves = offset << level..(offset + 1) << level;
        leaves.for_each(|index| subtree.append_leaf(&hash_leaf(&entry(index))).unwrap());
        Hash(subtree.root().0)
    };
    subtrees(size(run.start), size(run.end), MAX_SUBTREE_LEVEL).map(root).collect()
}

fn bundle(leaves: Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in leaves {
        let entry = entry(index);
        bytes.extend(u16::try_from(entry.len()).unwrap().to_be_bytes());
        bytes.extend(entry);
    }
    bytes
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[tokio::test]
async fn a_file_of_the_whole_ledger_fills_in_what_is_missing_and_skips_the_rest() {
    let index = Index::open().await;
    let mut reported = 0;
    let whole = file(&bundle(0..LEAVES));
    let filled = fill_from_file(&index.pool, LEDGER, &whole, 0, &mut |entries| reported += entries).await.unwrap();
    assert_eq!((filled.entries, filled.skipped, reported), (missing(), LEAVES - missing(), missing()));
    index.expect_whole().await;
    let again = index.fill(&whole, 0).await.unwrap();
    assert_eq!(again, Filled { subtrees: 0, entries: 0, skipped: LEAVES });
}

#[tokio::test]
async fn files_of_parts_fill_in_those_parts() {
    let index = Index::open().await;
    // From a border of subtrees to another, in any order.
    for part in [704..720, 512..700, 890..1_024, 100..512, 1_024..1_499] {
        let before = index.row().await.missing;
        let filled = index.fill(&file(&bundle(part.clone())), part.start).await.unwrap();
        assert_eq!(filled.entries + filled.skipped, part.end - part.start);
        assert_eq!(index.row().await.missing, before - filled.entries);
    }
    index.expect_whole().await;
}

#[tokio::test]
async fn what_is_false_or_in_part_is_refused_as_a_whole_and_says_why() {
    let index = Index::open().await;
    let whole = bundle(100..700);
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    let zero = [[0, 0].as_slice(), &whole].concat();
    let cases: [(&[u8], u64, &str); 8] = [
        (&altered, 100, "lead to"),
        (&bundle(101..701), 100, "lead to"),
        (&whole[..whole.len() - 1], 100, "end too early"),
        (&bundle(100..699), 100, "the file ends before leaf 699"),
        (&bundle(110..700), 110, "leaf 110 lies within a subtree: give its 8 entries from 104 on"),
        (&bundle(101..700), 101, "leaf 101 lies within a subtree"),
        (&zero, 100, "no bytes"),
        (&whole[..1], 100, "end too early"),
    ];
    for (bytes, first_index, expected) in cases {
        let outcome = index.fill(&file(bytes), first_index).await;
        let error = format!("{:#}", outcome.expect_err(expected));
        assert!(error.contains(expected), "{error}");
        assert_eq!(index.row().await.missing, missing(), "nothing is written: {error}");
    }
}

/// A log as it serves itself: a size, false bytes in a bundle or none, how often it fails first.
struct Log {
    size: u64,
    altered: Option<u64>,
    failures: AtomicU32,
}

async fn serve(log: Log) -> String {
    async fn answer(State(log): State<Arc<Log>>, Path(path): Path<String>) -> Result<Vec<u8>, StatusCode> {
        if log.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        if path == "checkpoint" {
            return Ok(format!("example.org/log\n{}\nAAAA\n\n", log.size).into_bytes());
        }
        // This log has fewer than 1,000 bundles.
        let name = path.strip_prefix("tile/entries/").ok_or(StatusCode::NOT_FOUND)?;
        let (number, width) =
            name.split_once(".p/").map_or((name, 256), |(number, width)| (number, width.parse().unwrap()));
        let number: u64 = number.parse().unwrap();
        assert_eq!(width, (log.size - 256 * number).min(256));
        let mut bytes = bundle(256 * number..256 * number + width);
        if log.altered == Some(number) {
            *bytes.last_mut().unwrap() ^= 1;
        }
        Ok(bytes)
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/log/", listener.local_addr().unwrap());
    let router = Router::new().route("/log/{*path}", get(answer)).with_state(Arc::new(log));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_log_that_serves_tiles_fills_in_all() {
    for (size, failures) in [(LEAVES, 0), (1_499, 2)] {
        let index = Index::open().await;
        let url = serve(Log { size, altered: None, failures: failures.into() }).await;
        let filled = fill_from_tiles(&index.pool, LEDGER, &url, &mut |_| {}).await.unwrap();
        assert_eq!(filled.entries, missing());
        index.expect_whole().await;
        let again = fill_from_tiles(&index.pool, LEDGER, &url, &mut |_| {}).await.unwrap();
        assert_eq!(again, Filled::default());
    }
}

#[tokio::test]
async fn a_log_that_lacks_or_alters_entries_is_refused() {
    for (log, expected) in [
        (Log { size: LEAVES, altered: Some(1), failures: 0.into() }, "lead to"),
        (Log { size: 1_498, altered: None, failures: 0.into() }, "the log has 1498 leaves"),
        (Log { size: 1, altered: None, failures: 100.into() }, "503"),
    ] {
        let index = Index::open().await;
        let url = serve(log).await;
        let outcome = fill_from_tiles(&index.pool, LEDGER, &url, &mut |_| {}).await;
        let error = format!("{:#}", outcome.expect_err(expected));
        assert!(error.contains(expected), "{error}");
    }
}
