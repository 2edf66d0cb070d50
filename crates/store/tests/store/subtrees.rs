//! Ledgers to which leaves were appended by the hashes of their subtrees: followed, served, filled in.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use counterfoil_store::{
    Fill, FillError, LedgerRow, Log, MissingSubtree, drop_unchecked, load_ledger, load_missing, load_missing_at,
    load_state, load_tiles, mark_checked,
};
use merkle_log::{
    Edge, Grown, Hash, LeafHash, Position, Tile, TileError, TreeSize, hash_children, hash_leaf, subtrees,
};

use crate::database::{Database, LEDGER, OTHER_LEDGER};
use crate::history::{History, entry};

/// Numbers from a seed that is printed, and taken from `SEED=` to repeat a run.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let given = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("SEED={seed}");
        Self(seed)
    }

    /// Source: splitmix64, Steele, Lea and Flood 2014.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn of(&mut self, some: &[u64]) -> u64 {
        some[self.below(some.len() as u64) as usize]
    }
}

async fn ledger(database: &Database) -> LedgerRow {
    load_ledger(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap()
}

async fn check(database: &Database, history: &History) {
    mark_checked(&mut database.pool.acquire().await.unwrap(), &history.check(), 200).await.unwrap();
}

async fn missing(database: &Database) -> Vec<MissingSubtree> {
    let row = ledger(database).await;
    load_missing(&mut database.pool.acquire().await.unwrap(), &row, 0, u32::MAX).await.unwrap()
}

async fn expect_state(database: &Database, history: &History) {
    let stored = load_state(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap();
    assert_eq!(stored.head(), history.state().head());
}

/// Fills one subtree in with these entries, in its own transaction, some at a time.
async fn fill(database: &Database, first_index: u64, entries: &[Vec<u8>]) -> Result<(), FillError> {
    let mut transaction = database.pool.begin().await.unwrap();
    let mut fill = Fill::begin(&mut transaction, LEDGER, first_index).await?;
    for some in entries.chunks(300) {
        fill.push(some).await?;
    }
    fill.finish().await?;
    transaction.commit().await.unwrap();
    Ok(())
}

fn entries_of(subtree: &MissingSubtree) -> Vec<Vec<u8>> {
    (subtree.first_index()..subtree.first_index() + subtree.leaves()).map(entry).collect()
}

/// The rows of entries and of their tiles of one ledger.
async fn rows(database: &Database, ledger: i32) -> (Vec<String>, Vec<String>) {
    let mut connection = database.pool.acquire().await.unwrap();
    let mut of = async |sql: &'static str| {
        sqlx::query_scalar::<_, String>(sql).bind(ledger).fetch_all(&mut *connection).await.unwrap()
    };
    let entries = "select row(index, event_seq, leaf_hash, payload)::text from entry where ledger = $1 order by index";
    let tiles = "select row(level, index, root, hashes)::text from tile where ledger = $1 and log = 0
                 order by level, index";
    (of(entries).await, of(tiles).await)
}

/// Two ledgers of the same entries: by subtrees here and there, and whole.
struct Twins {
    holed: History,
    whole: History,
    /// Where subtrees were appended.
    appended: Vec<Position>,
}

impl Twins {
    fn create() -> Self {
        Self { holed: History::create(LEDGER), whole: History::create(OTHER_LEDGER), appended: Vec::new() }
    }

    fn size(&self) -> u64 {
        self.holed.state().head().entries.size.get()
    }

    fn append(&mut self, count: u64) {
        self.holed.append(count);
        self.whole.append(count);
    }

    fn append_subtrees(&mut self, count: u64) {
        let size = |leaves| TreeSize::new(leaves).unwrap();
        self.appended.extend(subtrees(size(self.size()), size(self.size() + count), 24));
        self.holed.append_subtrees(count);
        self.whole.append(count);
    }

    async fn commit(&mut self, database: &Database) {
        database.commit(LEDGER, &self.holed.take()).await.unwrap();
        database.commit(OTHER_LEDGER, &self.whole.take()).await.unwrap();
    }

    /// Each node near some leaves is what it is, or lies inside one of the missing subtrees.
    async fn expect_nodes(&self, database: &Database, random: &mut Random, missing: &[Position]) {
        let (size, row) = (self.size(), ledger(database).await);
        let mut positions = BTreeSet::new();
        for _ in 0..12 {
            let leaf = random.below(size);
            for level in 0..18_u8 {
                let offset = (leaf >> level).saturating_sub(random.below(2));
                if (offset + 1) << level <= size {
                    positions.insert(Position { level, offset });
                }
            }
        }
        let stored = TreeSize::new(size).unwrap();
        let tiles: BTreeSet<Tile> = positions.iter().map(|at| Tile::holding(*at, stored).unwrap()).collect();
        let tiles: Vec<Tile> = tiles.into_iter().collect();
        let mut connection = database.pool.acquire().await.unwrap();
        let read = load_tiles(&mut connection, &row, Log::Entries, &tiles).await.unwrap();
        for position in positions {
            let is_around = |subtree: &&Position| {
                subtree.level > position.level && position.offset >> (subtree.level - position.level) == subtree.offset
            };
            let expected = match missing.iter().find(is_around) {
                Some(subtree) => Err(TileError::Unknown { position, subtree: *subtree }),
                None => Ok(node(position)),
            };
            assert_eq!(read.hash_at(position), expected, "{position:?} at {size}");
        }
    }
}

/// By level, every node over the entries of these ledgers.
static NODES: LazyLock<Vec<Vec<Hash>>> = LazyLock::new(|| {
    let mut levels = vec![(0..80_000).map(|index| Hash::from(hash_leaf(&entry(index)))).collect::<Vec<_>>()];
    while let Some(below) = levels.last().filter(|below| below.len() > 1) {
        levels.push(below.as_chunks::<2>().0.iter().map(|[left, right]| hash_children(left, right)).collect());
    }
    levels
});

fn node(position: Position) -> Hash {
    NODES[usize::from(position.level)][position.offset as usize]
}

#[tokio::test]
async fn two_subtrees_cannot_begin_at_one_leaf() {
    let database = Database::open().await;
    let insert = "insert into subtree select id, level, 0, bytes(32), 0, level = 8
                  from ledger cross join unnest($1::smallint[]) as level";
    sqlx::query(insert).bind(vec![7_i16, 8]).execute(&database.pool).await.expect("a tile may begin there too");
    let error = sqlx::query(insert).bind(vec![2_i16]).execute(&database.pool).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().constraint(), Some("subtree_by_first_index"));
}

/// Appends of both kinds in any order, one restart or another; then all is filled in in any order, while more comes.
#[tokio::test]
async fn a_ledger_that_is_filled_in_becomes_one_whose_entries_all_came() {
    let mut random = Random::new();
    for round in 0..4 {
        let database = Database::open().await;
        let mut twins = Twins::create();
        for _ in 0..8 + 4 * round {
            let count = random.of(&[1, 2, 3, 100, 127, 255, 256, 257, 300, 512, 700, 2_000]) + random.below(3);
            if random.below(2) == 0 {
                twins.append(count);
            } else {
                twins.append_subtrees(count);
            }
            if random.below(2) == 0 {
                twins.commit(&database).await;
                let stored = load_state(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap();
                assert!(&stored == twins.holed.state(), "what is stored is what is in memory");
                if random.below(2) == 0 {
                    twins.holed.resume(stored);
                }
                check(&database, &twins.holed).await;
            }
        }
        twins.commit(&database).await;
        check(&database, &twins.holed).await;
        check(&database, &twins.whole).await;
        assert_eq!(ledger(&database).await.missing, twins.appended.iter().map(|at| 1 << at.level).sum::<u64>());

        let mut lacking = missing(&database).await;
        assert_eq!(lacking.iter().map(|subtree| subtree.position).collect::<Vec<_>>(), twins.appended);
        while !lacking.is_empty() {
            let positions: Vec<Position> = lacking.iter().map(|subtree| subtree.position).collect();
            twins.expect_nodes(&database, &mut random, &positions).await;
            for _ in 0..=lacking.len() / 4 {
                let subtree = lacking.swap_remove(random.below(lacking.len() as u64) as usize);
                assert_eq!(subtree.root, node(subtree.position));
                fill(&database, subtree.first_index(), &entries_of(&subtree)).await.unwrap();
            }
            lacking.sort_by_key(MissingSubtree::first_index);
            assert_eq!(missing(&database).await, lacking);
            assert_eq!(ledger(&database).await.missing, lacking.iter().map(MissingSubtree::leaves).sum::<u64>());
            expect_state(&database, &twins.holed).await;
            // From the state in memory, which knows nothing of what was filled in.
            twins.append(random.below(300) + 1);
            twins.commit(&database).await;
            if random.below(2) == 0 {
                check(&database, &twins.holed).await;
            }
        }
        // Long enough for every tile in which something was filled in to have become full.
        twins.append(256);
        twins.commit(&database).await;
        let (holed, whole) = (rows(&database, 1).await, rows(&database, 2).await);
        assert!(holed.0 == whole.0, "the entries differ");
        assert!(holed.1 == whole.1, "the tiles differ: {} and {}", holed.1.len(), whole.1.len());
        let stored = load_state(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap();
        assert_eq!(stored.head().entries, twins.whole.state().head().entries);
    }
}

/// Two levels of tiles, and subtrees as wide as tiles and wider, at each place of a tile of tiles.
#[tokio::test]
async fn tiles_of_tiles_are_completed_too() {
    let mut random = Random::new();
    let database = Database::open().await;
    let mut twins = Twins::create();
    // Ends of subtrees: 64 leaves, 256, 512, 4,096; 32,768 of them in one; then the second tile of tiles begins.
    for (count, by_subtree) in
        [(64, true), (192, false), (256, true), (512, true), (3_072, false), (4_096, true), (24_576, true)]
    {
        if by_subtree { twins.append_subtrees(count) } else { twins.append(count) }
    }
    twins.append_subtrees(32_768);
    twins.append(300);
    twins.append_subtrees(212);
    twins.commit(&database).await;
    check(&database, &twins.holed).await;
    check(&database, &twins.whole).await;
    let mut lacking = missing(&database).await;
    while !lacking.is_empty() {
        let positions: Vec<Position> = lacking.iter().map(|subtree| subtree.position).collect();
        twins.expect_nodes(&database, &mut random, &positions).await;
        let subtree = lacking.swap_remove(random.below(lacking.len() as u64) as usize);
        fill(&database, subtree.first_index(), &entries_of(&subtree)).await.unwrap();
        let stored = load_state(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap();
        assert_eq!(stored.head(), twins.holed.state().head());
    }
    let (holed, whole) = (rows(&database, 1).await, rows(&database, 2).await);
    assert_eq!(holed.0.len(), whole.0.len());
    assert!(holed == whole, "{} and {} tiles", holed.1.len(), whole.1.len());
    assert_eq!(whole.1.len(), 256 + 1 + 2);
}

#[tokio::test]
async fn what_is_offered_must_lead_to_the_root_and_nothing_is_written_else() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    history.append(250);
    history.append_subtrees(600);
    history.append(10);
    database.commit(LEDGER, &history.take()).await.unwrap();
    check(&database, &history).await;
    let before = database.rows().await;
    for subtree in missing(&database).await {
        let (first, entries) = (subtree.first_index(), entries_of(&subtree));
        for altered in [0, entries.len() / 2, entries.len() - 1] {
            let mut altered_entries = entries.clone();
            altered_entries[altered][3] ^= 1;
            let error = fill(&database, first, &altered_entries).await.unwrap_err();
            assert!(matches!(error, FillError::RootMismatch { appended, .. } if appended == subtree.root), "{error}");
        }
        if entries.len() > 1 {
            let mut turned = entries.clone();
            turned.swap(0, 1);
            let error = fill(&database, first, &turned).await.unwrap_err();
            assert!(matches!(error, FillError::RootMismatch { .. }), "{error}");
        }
        let error = fill(&database, first, &entries[1..]).await.unwrap_err();
        assert!(matches!(error, FillError::WrongCount { given, .. } if given == subtree.leaves() - 1), "{error}");
        let error = fill(&database, first, &[&entries[..], &[vec![1]]].concat()).await.unwrap_err();
        assert!(matches!(error, FillError::WrongCount { .. }), "{error}");
        for wrong in [0, 65_536] {
            let mut wrong_entries = entries.clone();
            wrong_entries[0] = vec![1; wrong];
            let error = fill(&database, first, &wrong_entries).await.unwrap_err();
            assert!(
                matches!(error, FillError::WrongEntryLength { index, bytes } if index == first && bytes == wrong),
                "{error}"
            );
        }
        for elsewhere in [first + 1, first.wrapping_sub(300), 860, u64::MAX] {
            let starts = missing(&database).await.iter().any(|subtree| subtree.first_index() == elsewhere);
            if !starts {
                let error = fill(&database, elsewhere, &entries).await.unwrap_err();
                assert!(matches!(error, FillError::NoSubtree { .. }), "{error}");
            }
        }
    }
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn a_second_fill_changes_nothing() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    history.append_subtrees(256);
    database.commit(LEDGER, &history.take()).await.unwrap();
    check(&database, &history).await;
    let subtree = missing(&database).await[0];
    fill(&database, 0, &entries_of(&subtree)).await.unwrap();
    let before = database.rows().await;
    let error = fill(&database, 0, &entries_of(&subtree)).await.unwrap_err();
    assert!(matches!(error, FillError::AlreadyFilled { first_index: 0, leaves: 256, .. }), "{error}");
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn what_is_not_checked_cannot_be_filled_and_is_dropped_with_all_else() {
    let mut random = Random::new();
    for (before, after) in [(1, 3), (3, 256), (200, 600), (256, 300), (255, 1)] {
        let database = Database::open().await;
        let mut history = History::create(LEDGER);
        history.append_subtrees(before);
        history.append(before);
        database.commit(LEDGER, &history.take()).await.unwrap();
        check(&database, &history).await;
        let (rows, state) = (database.rows().await, history.state().clone());
        let lacking = missing(&database).await;

        for _ in 0..3 {
            history.append(random.below(200) + 1);
            history.append_subtrees(after);
        }
        let above = history.take();
        database.commit(LEDGER, &above).await.unwrap();
        expect_state(&database, &history).await;
        assert_eq!(missing(&database).await, lacking, "what may yet be dropped is not asked for");
        let unchecked = above.iter().find_map(|(_, append)| append.subtrees().first()).unwrap().0;
        let error = fill(&database, unchecked.offset << unchecked.level, &[entry(0)]).await.unwrap_err();
        assert!(matches!(error, FillError::NoSubtree { .. }), "{error}");

        let mut transaction = database.pool.begin().await.unwrap();
        assert_eq!(drop_unchecked(&mut transaction, LEDGER).await.unwrap(), 6);
        transaction.commit().await.unwrap();
        assert_eq!(database.rows().await, rows);
        let stored = load_state(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap();
        assert_eq!(stored, state);

        // Filled in below the watermark, then the same events again, then they are checked.
        for subtree in &lacking {
            fill(&database, subtree.first_index(), &entries_of(subtree)).await.unwrap();
        }
        database.commit(LEDGER, &above).await.unwrap();
        check(&database, &history).await;
        assert_eq!(
            missing(&database).await.len(),
            above.iter().map(|(_, append)| append.subtrees().len()).sum::<usize>()
        );
        for subtree in missing(&database).await {
            fill(&database, subtree.first_index(), &entries_of(&subtree)).await.unwrap();
        }
        assert_eq!(ledger(&database).await.missing, 0);
        let mut edge = Edge::new();
        let mut grown = Grown::default();
        let size = history.state().head().entries.size.get();
        for index in 0..size {
            edge.append_leaf(&LeafHash(node(Position { level: 0, offset: index }).0), &mut grown).unwrap();
        }
        let (entries, tiles) = self::rows(&database, 1).await;
        assert_eq!((entries.len() as u64, tiles.len()), (size, grown.tiles.len()), "{before}, {after}");
    }
}

#[tokio::test]
async fn missing_subtrees_are_listed_by_page_and_found_by_leaf() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    history.append(3);
    history.append_subtrees(600);
    history.append(5);
    history.append_subtrees(9);
    database.commit(LEDGER, &history.take()).await.unwrap();
    assert_eq!(missing(&database).await, [], "nothing is checked");
    check(&database, &history).await;
    let (all, row) = (missing(&database).await, ledger(&database).await);
    let mut connection = database.pool.acquire().await.unwrap();
    let mut paged = Vec::new();
    let mut first = 0;
    loop {
        let page = load_missing(&mut connection, &row, first, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        first = last.first_index() + 1;
        paged.extend(page);
    }
    assert_eq!(paged, all);
    for index in 0..history.state().head().entries.size.get() + 2 {
        let within = |subtree: &&MissingSubtree| {
            (subtree.first_index()..subtree.first_index() + subtree.leaves()).contains(&index)
        };
        let expected = all.iter().find(within).copied();
        assert_eq!(load_missing_at(&mut connection, &row, index).await.unwrap(), expected, "leaf {index}");
    }
}
