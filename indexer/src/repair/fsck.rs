//! The check of an index: every row is derived again from entries and events, and compared.

use std::collections::BTreeMap;

use counterfoil_core::{Event, EventBody, LedgerId, LedgerState, VerifiedAppend};
use counterfoil_store::{
    EntryRow, EventRow, LedgerRow, Log, PgConnection, PgPool, StoreError, TileKey, count_rows, find_strays,
    load_entries, load_event_range, load_full_tiles, load_ledger, load_ledgers, load_subtree_roots, snapshot,
};
use futures_util::{StreamExt, stream};
use merkle_log::{Edge, Frontier, FullTile, Grown, Hash, LeafHash, LeafIndex, Position, hash_leaf};

/// How many events are read at a time, and how many entries.
const EVENTS_PER_PAGE: u64 = 4_096;
const ENTRIES_PER_PAGE: u64 = 16_384;

/// How many ledgers are derived at once.
const CONCURRENT_LEDGERS: usize = 2;

/// A row that does not follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The ledger; none for what concerns the whole database.
    pub ledger: Option<LedgerId>,
    /// The difference, by table and key.
    pub problem: String,
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ledgers that were derived again.
    pub ledgers: u64,
    /// Their events.
    pub events: u64,
    /// Their entries.
    pub entries: u64,
    /// The differences; a ledger's first only, for later ones follow from it.
    pub findings: Vec<Finding>,
}

/// Derives the ledgers again, those of `only` or all, each in one moment of the database, and compares. `progress` is
/// told how many events and entries were derived since it was told last.
///
/// # Errors
/// [`StoreError`] when the database cannot be read. Faults of rows are in the report.
pub async fn fsck(pool: &PgPool, only: &[LedgerId], progress: impl Fn(u64)) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let ledgers = selected(pool, only).await?;
    let progress = &progress;
    let mut checks = stream::iter(ledgers)
        .map(|ledger| async move { (ledger, check(pool, ledger, progress).await) })
        .buffered(CONCURRENT_LEDGERS);
    while let Some((ledger, outcome)) = checks.next().await {
        let (counts, wrong) = outcome?;
        report.ledgers += 1;
        report.events += counts.events;
        report.entries += counts.entries;
        report.findings.extend(wrong.map(|problem| Finding { ledger: Some(ledger), problem }));
    }
    if only.is_empty() {
        let strays = find_strays(&mut *pool.acquire().await?).await?;
        report.findings.extend(strays.into_iter().map(|problem| Finding { ledger: None, problem }));
    }
    Ok(report)
}

/// Derives one ledger again. Returns the first difference, if any.
async fn check(
    pool: &PgPool,
    ledger: LedgerId,
    progress: &impl Fn(u64),
) -> Result<(Counts, Option<String>), StoreError> {
    let mut connection = snapshot(pool).await?;
    let row = load_ledger(&mut connection, ledger).await?;
    let state = LedgerState::new(ledger);
    let mut check = Check { row: &row, state, ahead: Vec::new(), counts: Counts::default() };
    let wrong = match check.run(&mut connection, progress).await {
        Ok(()) => None,
        Err(Fault::Wrong(problem)) => Some(problem),
        Err(Fault::Store(error @ StoreError::Corrupt { .. })) => Some(error.to_string()),
        Err(Fault::Store(error)) => return Err(error),
    };
    Ok((check.counts, wrong))
}

/// How many events and entries [`fsck`] will look at.
///
/// # Errors
/// [`StoreError`].
pub async fn extent(pool: &PgPool, only: &[LedgerId]) -> Result<u64, StoreError> {
    let mut total = 0;
    for ledger in selected(pool, only).await? {
        let row = load_ledger(&mut *pool.acquire().await?, ledger).await?;
        total += row.applied_event_seq.get() + row.applied_size.get() - row.missing;
    }
    Ok(total)
}

async fn selected(pool: &PgPool, only: &[LedgerId]) -> Result<Vec<LedgerId>, StoreError> {
    if !only.is_empty() {
        return Ok(only.to_vec());
    }
    let mut connection = pool.acquire().await?;
    let mut ledgers: Vec<LedgerId> = Vec::new();
    loop {
        let page = load_ledgers(&mut connection, ledgers.last().copied(), 1_000).await?;
        if page.is_empty() {
            return Ok(ledgers);
        }
        ledgers.extend(page.into_iter().map(|row| row.ledger));
    }
}

enum Fault {
    Wrong(String),
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn expect(is_so: bool, problem: impl FnOnce() -> String) -> Result<(), Fault> {
    if is_so { Ok(()) } else { Err(Fault::Wrong(problem())) }
}

#[derive(Default)]
struct Counts {
    events: u64,
    entries: u64,
    tiles: u64,
    subtrees: u64,
}

/// Events that were derived again, and the rows that must be stored with them.
#[derive(Default)]
struct Derived {
    tiles: Vec<(Log, FullTile)>,
    nodes: Vec<(Position, Hash)>,
    /// Subtrees of the chain, and the event of each.
    subtrees: Vec<(LeafIndex, Position, Hash)>,
    entries: u64,
}

struct Check<'a> {
    row: &'a LedgerRow,
    state: LedgerState,
    /// Events that were read and whose entries did not fit into the page before.
    ahead: Vec<EventRow>,
    counts: Counts,
}

impl Check<'_> {
    async fn run(&mut self, connection: &mut PgConnection, progress: &impl Fn(u64)) -> Result<(), Fault> {
        let end = self.row.applied_event_seq.get();
        let mut read = self.read(connection, 0).await?;
        while let Some((events, entries)) = read.take() {
            let next = self.counts.events + events.len() as u64;
            let (state, checked) = (self.state.clone(), self.row.checked.map(|(head, _)| head));
            let work = tokio::task::spawn_blocking(move || derive(state, events, entries, checked));
            let (work, page) = tokio::join!(work, self.read(connection, next));
            let (state, derived) = match work {
                Ok(result) => result.map_err(Fault::Wrong)?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            self.compare(connection, &derived, progress).await?;
            progress(next - self.counts.events + derived.entries);
            (self.counts.events, self.state) = (next, state);
            self.counts.entries += derived.entries;
            read = page?;
        }
        let (size, applied) = (self.state.head().entries.size, self.row.applied_size);
        expect(self.counts.events == end && size == applied, || {
            format!(
                "table cursor: it says {end} events and {applied} entries, {} and {size} follow",
                self.counts.events
            )
        })?;
        let found = count_rows(connection, self.row).await?;
        let pairs = [
            ("event", found.events, self.counts.events),
            ("entry", found.entries, self.counts.entries),
            ("tile", found.tiles, self.counts.tiles),
            ("subtree", found.subtrees, self.counts.subtrees),
        ];
        for (table, found, derived) in pairs {
            expect(found == derived, || format!("table {table}: {found} rows where {derived} follow"))?;
        }
        let missing = self.state.head().entries.size.get() - self.counts.entries;
        let unchecked = self.row.checked.is_none_or(|(head, _)| head.entries.size != size);
        expect(unchecked || missing == self.row.missing, || {
            format!("table cursor: it says that {} entries are missing, {missing} are", self.row.missing)
        })
    }

    /// The next events with their entries; none at the end. An event of subtrees ends a page.
    async fn read(
        &mut self,
        connection: &mut PgConnection,
        first: u64,
    ) -> Result<Option<(Vec<EventRow>, Vec<EntryRow>)>, Fault> {
        let end = self.row.applied_event_seq.get().min(first.saturating_add(EVENTS_PER_PAGE));
        if first >= end {
            return Ok(None);
        }
        let mut events = std::mem::take(&mut self.ahead);
        events.extend(load_event_range(connection, self.row, first + events.len() as u64, end).await?);
        let (mut taken, mut leaves) = (0, 0_u64);
        for event in &events {
            if !matches!(event.event.body, EventBody::SubtreesAppended { .. }) {
                leaves = leaves.saturating_add(event.event.header.count);
            }
            taken += 1;
            if leaves >= ENTRIES_PER_PAGE || matches!(event.event.body, EventBody::SubtreesAppended { .. }) {
                break;
            }
        }
        self.ahead = events.split_off(taken);
        let mut entries = Vec::new();
        if let Some(first) = events.first().filter(|_| leaves > 0) {
            let limit = u32::try_from(leaves)
                .map_err(|_| Fault::Wrong(format!("event {}: its count", first.event.header.event_seq)))?;
            entries = load_entries(connection, self.row, first.event.header.first_index.get(), limit).await?;
        }
        Ok(Some((events, entries)))
    }

    /// Compares what must be stored with what is.
    async fn compare(
        &mut self,
        connection: &mut PgConnection,
        derived: &Derived,
        progress: &impl Fn(u64),
    ) -> Result<(), Fault> {
        self.compare_tiles(connection, &derived.tiles).await?;
        let wanted: Vec<(Position, Hash)> = derived
            .subtrees
            .iter()
            .map(|(_, position, root)| (*position, *root))
            .chain(derived.nodes.clone())
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let positions: Vec<Position> = wanted.iter().map(|(position, _)| *position).collect();
        let stored = load_subtree_roots(connection, self.row, &positions).await?;
        for (position, root) in &wanted {
            expect(stored.get(position) == Some(root), || {
                format!("table subtree, {}/{}: it is not {root}, which follows", position.level, position.offset)
            })?;
        }
        self.counts.subtrees += wanted.len() as u64;
        self.compare_filled_tiles(connection, &derived.nodes).await?;
        for (event_seq, position, root) in &derived.subtrees {
            self.check_filled(connection, *event_seq, *position, *root, progress).await?;
        }
        Ok(())
    }

    async fn compare_tiles(&mut self, connection: &mut PgConnection, tiles: &[(Log, FullTile)]) -> Result<(), Fault> {
        let key = |(log, tile): &(Log, FullTile)| -> TileKey { (*log, tile.level, tile.index) };
        let keys: Vec<TileKey> = tiles.iter().map(key).collect();
        let stored: BTreeMap<TileKey, (Hash, Vec<u8>)> = load_full_tiles(connection, self.row, &keys).await?;
        for tile in tiles {
            let hashes: Vec<u8> = tile.1.hashes.iter().flat_map(|hash| hash.0).collect();
            let (log, level, index) = key(tile);
            expect(stored.get(&key(tile)) == Some(&(tile.1.root, hashes)), || {
                format!("table tile, log {log:?}, {level}/{index}: it is missing, or is not what follows")
            })?;
        }
        self.counts.tiles += tiles.len() as u64;
        Ok(())
    }

    /// Tiles that had holes when they became as wide, and were stored when entries filled the last one in.
    async fn compare_filled_tiles(
        &mut self,
        connection: &mut PgConnection,
        nodes: &[(Position, Hash)],
    ) -> Result<(), Fault> {
        let key = |position: &Position| -> TileKey { (Log::Entries, position.level / 8 - 1, position.offset) };
        let keys: Vec<TileKey> = nodes.iter().map(|(position, _)| key(position)).collect();
        let stored = load_full_tiles(connection, self.row, &keys).await?;
        for (position, root) in nodes {
            let Some((stored_root, hashes)) = stored.get(&key(position)) else { continue };
            let mut log = Frontier::new();
            for hash in hashes.as_chunks::<32>().0 {
                log.append_leaf(&LeafHash(*hash)).map_err(|error| Fault::Wrong(error.to_string()))?;
            }
            expect(stored_root == root && log.root().0 == root.0, || {
                format!("table tile, log Entries, {}/{}: it is not what follows", key(position).1, position.offset)
            })?;
            self.counts.tiles += 1;
        }
        Ok(())
    }

    /// The entries below a subtree that was appended by its hash: none, or all, and those lead to its root.
    async fn check_filled(
        &mut self,
        connection: &mut PgConnection,
        event_seq: LeafIndex,
        position: Position,
        root: Hash,
        progress: &impl Fn(u64),
    ) -> Result<(), Fault> {
        let first = position.offset << position.level;
        let end = first + (1 << position.level);
        let mut edge = Edge::new();
        let mut next = first;
        while next < end {
            let limit = (end - next).min(ENTRIES_PER_PAGE);
            let page = load_entries(connection, self.row, next, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
            let page: Vec<EntryRow> = page.into_iter().take_while(|entry| entry.index.get() < end).collect();
            if page.is_empty() && next == first {
                return Ok(());
            }
            expect(page.len() as u64 == limit, || format!("table entry, {next}: a subtree is filled in in part"))?;
            let mut grown = Grown::default();
            for entry in &page {
                let leaf = derive_entry(entry, next, event_seq).map_err(Fault::Wrong)?;
                edge.append_leaf(&leaf, &mut grown).map_err(|error| Fault::Wrong(error.to_string()))?;
                next += 1;
            }
            let shifted = grown.tiles.into_iter().map(|tile| {
                let index = tile.index + (first >> (8 * (u32::from(tile.level) + 1)));
                (Log::Entries, FullTile { index, ..tile })
            });
            self.compare_tiles(connection, &shifted.collect::<Vec<_>>()).await?;
            self.counts.entries += page.len() as u64;
            progress(page.len() as u64);
        }
        let computed = edge.frontier().root();
        expect(computed.0 == root.0, || {
            format!("table entry, {first} to {end}: they lead to {computed}, appended was {root}")
        })
    }
}

/// Applies the events with their entries, and compares both with what they are derived from.
fn derive(
    mut state: LedgerState,
    events: Vec<EventRow>,
    entries: Vec<EntryRow>,
    checked: Option<counterfoil_core::LedgerHead>,
) -> Result<(LedgerState, Derived), String> {
    let mut derived = Derived::default();
    let mut entries = entries.into_iter();
    for row in events {
        let (seq, header) = (row.event.header.event_seq, row.event.header.clone());
        let mut event: Event = row.event;
        if let EventBody::EntriesAppended { entries: bytes } = &mut event.body {
            for index in header.first_index.get()..header.size.get() {
                let entry = entries.next().ok_or_else(|| format!("table entry, {index}: the row is missing"))?;
                derive_entry(&entry, index, seq)?;
                bytes.push(entry.payload);
            }
            derived.entries += bytes.len() as u64;
        }
        let (next, append) = state.apply(event).map_err(|error| format!("table event, {seq}: {error}"))?;
        if append.leaf_bytes() != row.leaf_bytes || *append.leaf() != row.leaf {
            return Err(format!("table event, {seq}: its leaf hash is not {:?}, which follows", append.leaf()));
        }
        state = next;
        if let Some(checked) = checked.filter(|checked| checked.events.size == state.event_seq())
            && checked != state.head()
        {
            return Err(format!("table cursor: checked was {checked:?}, {:?} follows", state.head()));
        }
        keep(append, seq, &mut derived);
    }
    Ok((state, derived))
}

fn keep(append: VerifiedAppend, seq: LeafIndex, derived: &mut Derived) {
    derived.subtrees.extend(append.subtrees().iter().map(|(position, root)| (seq, *position, *root)));
    derived.nodes.extend_from_slice(append.holed_tiles());
    derived.tiles.extend(append.entry_tiles().iter().map(|tile| (Log::Entries, tile.clone())));
    derived.tiles.extend(append.event_tiles().iter().map(|tile| (Log::Events, tile.clone())));
}

/// The leaf hash of an entry that must be this one.
fn derive_entry(entry: &EntryRow, index: u64, event_seq: LeafIndex) -> Result<LeafHash, String> {
    let leaf = hash_leaf(&entry.payload);
    if entry.index.get() != index {
        return Err(format!("table entry, {index}: the row is missing"));
    }
    if entry.event_seq != event_seq || entry.leaf != leaf {
        return Err(format!("table entry, {index}: event {event_seq} and leaf hash {leaf} follow, not what it says"));
    }
    Ok(leaf)
}
