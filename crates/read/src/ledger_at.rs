//! A ledger as it was: how long its log was, who could do what, and the events that say so.

use std::sync::Arc;

use counterfoil_core::{EventBody, LedgerHead, LedgerId, Wallet};
use counterfoil_store::{Log, Rising, count_events_until, load_administrative};
use jiff::Timestamp;
use merkle_log::{LeafIndex, TreeHead, TreeSize};

use crate::CheckedEvent;
use crate::error::{Difference, Place, ReadError};
use crate::events::{leaves_of, load_checked_events};
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;
use crate::tree::{Reading, load_trees, verify_leaves};

/// The most events that may say who can do what.
const MAX_ADMINISTRATIVE: u32 = 10_000;

/// When: as far as is checked, but no further than all that is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// A number of entries; a bound, which may cut those that one event appended together.
    pub size: Option<u64>,
    /// A number of events.
    pub events: Option<u64>,
    /// At the end of a slot.
    pub slot: Option<u64>,
    /// At the end of a second, since 1970, of the chain's clock.
    pub time: Option<i64>,
}

/// A writer.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Who.
    pub wallet: Wallet,
    /// 1: append, 2: append subtrees.
    pub permissions: u32,
    /// The first second, since 1970, in which it no longer holds; the largest number for never.
    pub expires_at: i64,
    /// The event that says so.
    pub granted: Arc<CheckedEvent>,
    /// The event that took it back.
    pub revoked: Option<Arc<CheckedEvent>>,
    /// Of how many events that follows, unless these are all that are checked: as it was then.
    pub then: Option<TreeSize>,
}

impl Writer {
    /// Whether it may append entries.
    #[must_use]
    pub const fn may_append(&self) -> bool {
        self.permissions & 1 != 0
    }

    /// Whether it may append subtrees.
    #[must_use]
    pub const fn may_append_subtrees(&self) -> bool {
        self.permissions & 2 != 0
    }

    /// From when on it no longer holds. A moment beyond the calendar never comes.
    #[must_use]
    pub fn expiry(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.expires_at).ok()
    }
}

/// A ledger as it was.
#[derive(Clone, Debug)]
pub struct LedgerAt {
    /// The checked heads, in whose event log the events below stand.
    pub head: LedgerHead,
    /// The head of the entries then, consistent with the checked one.
    pub entries: TreeHead,
    /// The head of the events then, consistent with the checked one.
    pub events: TreeHead,
    /// The last event until then: with `next`, the one after it, it shows when this was so.
    pub last: Option<Arc<CheckedEvent>>,
    /// The first event after; none when there is none that is checked.
    pub next: Option<Arc<CheckedEvent>>,
    /// The wallet that may grant, revoke, pass on and seal.
    pub authority: Option<Wallet>,
    /// To whom that is offered.
    pub pending_authority: Option<Wallet>,
    /// The wallets that were ever granted to append, in the order of the grants that count.
    pub writers: Vec<Writer>,
    /// The event that sealed it: nothing can be appended since.
    pub sealed: Option<Arc<CheckedEvent>>,
    /// The events that append nothing, in order: all of the above follows from them.
    pub administrative: Vec<Arc<CheckedEvent>>,
}

/// Answers how a ledger was. Each event is verified to be in the checked tree; that none is left out of
/// `administrative` shows the event log itself, of which pages have certificates.
///
/// # Errors
/// [`ReadError`].
pub async fn ledger_at(reader: &Reader, ledger: LedgerId, when: When) -> Result<LedgerAt, ReadError> {
    let _place = reader.begin_search().await?;
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let events = count_events(&mut snapshot, when).await?;
    let place = Place::Log(ledger, Log::Events);
    let (connection, row) = snapshot.parts().await?;
    let found = load_administrative(connection, row, 0, events.get(), MAX_ADMINISTRATIVE.saturating_add(1)).await;
    let found = found.map_err(place.store_error())?;
    if found.len() > MAX_ADMINISTRATIVE as usize {
        return Err(ReadError::TooMuchHistory { most: MAX_ADMINISTRATIVE });
    }
    let checked = snapshot.head.events.size.get();
    let edge = [events.get().checked_sub(1), Some(events.get())].into_iter().flatten();
    let edge = edge.filter(|seq| *seq < checked);
    let edge = edge.filter_map(|seq| LeafIndex::new(seq).ok());
    let loaded = load_checked_events(&mut snapshot, found.iter().copied().chain(edge)).await?;
    verify_leaves(&mut snapshot, &[], &leaves_of(&loaded), None).await?;
    let event = |seq: u64| loaded.get(&LeafIndex::new(seq).ok()?).cloned();
    let last = events.get().checked_sub(1).and_then(event);
    let size = size_at(when, last.as_deref(), event(events.get()).as_deref(), snapshot.head.entries.size);
    let (entries, events_head) = heads(&mut snapshot, size, events).await?;
    let mut standing = LedgerAt {
        head: snapshot.head,
        entries,
        events: events_head,
        last,
        next: event(events.get()),
        authority: None,
        pending_authority: None,
        writers: Vec::new(),
        sealed: None,
        administrative: Vec::new(),
    };
    for seq in found {
        let event = loaded.get(&seq).cloned();
        standing.take(event.ok_or_else(|| Place::Leaf(ledger, Log::Events, seq.get()).corrupt(Difference::Missing))?);
    }
    Ok(standing)
}

/// How many events there had been; refuses what there never was.
async fn count_events(snapshot: &mut LedgerSnapshot, when: When) -> Result<TreeSize, ReadError> {
    for (asked, checked) in [(when.size, snapshot.head.entries.size), (when.events, snapshot.head.events.size)] {
        if let Some(size) = asked.filter(|size| *size > checked.get()) {
            return Err(ReadError::SizeOutOfRange { size, least: 0, most: checked.get() });
        }
    }
    let mut events = when.events.and_then(|events| TreeSize::new(events).ok()).unwrap_or(snapshot.head.events.size);
    let to_number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let bounds =
        [(Rising::Size, when.size.map(to_number)), (Rising::Slot, when.slot.map(to_number)), (Rising::Time, when.time)];
    let place = Place::Log(snapshot.ledger(), Log::Events);
    for (rising, most) in bounds {
        let Some(most) = most else { continue };
        let (connection, row) = snapshot.parts().await?;
        let count = count_events_until(connection, row, events.get(), rising, most).await;
        // It is at most what it was, which is a size.
        events = TreeSize::new(count.map_err(place.store_error())?).unwrap_or(events);
    }
    Ok(events)
}

/// How many entries there had been: after the last event; or with a part of those that the next one appended, where a size
/// says so that cuts it.
fn size_at(when: When, last: Option<&CheckedEvent>, next: Option<&CheckedEvent>, checked: TreeSize) -> TreeSize {
    let size = last.map_or(TreeSize::ZERO, |last| last.event.header.size);
    let Some(wanted) = when.size else { return size };
    let is_later = |next: &CheckedEvent| {
        let header = &next.event.header;
        when.slot.is_some_and(|slot| header.slot > slot) || when.time.is_some_and(|time| header.unix_time > time)
    };
    match next {
        Some(next) if is_later(next) => size,
        _ => TreeSize::new(wanted.min(checked.get())).map_or(size, |wanted| wanted.max(size)),
    }
}

async fn heads(
    snapshot: &mut LedgerSnapshot,
    entries: TreeSize,
    events: TreeSize,
) -> Result<(TreeHead, TreeHead), ReadError> {
    let mut entry_reading = Reading::new(&snapshot.head, Log::Entries);
    entry_reading.add_head(entries)?;
    let mut event_reading = Reading::new(&snapshot.head, Log::Events);
    event_reading.add_head(events)?;
    let place = Place::Ledger(snapshot.ledger());
    let [entry_tree, event_tree] = load_trees(snapshot, place, [entry_reading, event_reading]).await?;
    Ok((entry_tree.head_at(entries)?, event_tree.head_at(events)?))
}

impl LedgerAt {
    fn take(&mut self, event: Arc<CheckedEvent>) {
        match &event.event.body {
            EventBody::LedgerCreated { .. } => self.authority = Some(event.event.header.signer),
            EventBody::WriterGranted { wallet, permissions, expires_at } => {
                self.writers.retain(|writer| writer.wallet != *wallet);
                let (wallet, permissions, expires_at) = (*wallet, *permissions, *expires_at);
                let granted = event.clone();
                let then = Some(self.events.size).filter(|size| *size < self.head.events.size);
                self.writers.push(Writer { wallet, permissions, expires_at, granted, revoked: None, then });
            }
            EventBody::WriterRevoked { wallet } => {
                let writer = self.writers.iter_mut().find(|writer| writer.wallet == *wallet);
                if let Some(writer) = writer {
                    writer.revoked = Some(event.clone());
                }
            }
            EventBody::AuthorityProposed { pending_authority } => {
                self.pending_authority = Some(*pending_authority).filter(|wallet| wallet.0 != [0; 32]);
            }
            EventBody::AuthorityAccepted { .. } => {
                self.authority = Some(event.event.header.signer);
                self.pending_authority = None;
            }
            EventBody::LedgerSealed => self.sealed = Some(event.clone()),
            EventBody::SubtreesDisallowed | EventBody::EntriesAppended { .. } | EventBody::SubtreesAppended { .. } => {}
        }
        self.administrative.push(event);
    }
}
