//! The answer: bounds first, then counts, certificates, verdicts and the forecast.

use std::collections::BTreeMap;
use std::ops::Range;

use counterfoil_core::certificate::Certificate;
use counterfoil_core::{LedgerId, Wallet};
use counterfoil_forecast::{Series, forecast, judge};
use counterfoil_store::{Amount, Log, count_entries_between, count_of_signer_between};

use super::bounds::{Bound, load_bounds};
use super::bucket::{Activity, ActivityBucket};
use super::span::Span;
use super::writers::load_new_writers;
use crate::certificate::certify;
use crate::error::{Difference, Place, ReadError};
use crate::reader::Reader;
use crate::search::{expensive, limit};
use crate::snapshot::LedgerSnapshot;
use crate::tree::{CheckedTree, Reading, load_trees};

/// Answers the activity in a span of time, and forecasts `horizon` buckets after it, two days or two weeks when nothing is said.
///
/// Nothing beyond the checked heads is counted. Work is bounded: at most [`crate::MAX_PAGE`] buckets, in a search's time.
///
/// # Errors
/// [`ReadError`].
pub async fn activity(
    reader: &Reader,
    ledger: LedgerId,
    span: Span,
    writer: Option<Wallet>,
    horizon: Option<u64>,
) -> Result<Activity, ReadError> {
    let horizon = span.step.horizon(horizon)?;
    let _place = reader.begin_search().await?;
    // Entries are filled in below the head: the row must be of the time at which they are counted.
    let mut snapshot = LedgerSnapshot::open_anew(reader, ledger).await?;
    limit(&mut snapshot).await?;
    let starts = span.starts(&mut snapshot).await?;
    let bounds = load_bounds(&mut snapshot, &starts).await?;
    let amounts = count(&mut snapshot, &bounds, writer).await?;
    let [certificates, event_certificates] = certify_all(&mut snapshot, &bounds).await?;
    let series = starts.iter().zip(&amounts).map(|(start, amount)| (start / span.step.seconds(), amount.count));
    let series = Series::new(series, span.step.seasons());
    let judged = series.as_ref().map(judge).unwrap_or_default();
    let (mut new_writers, writers_since) = match writer {
        None => {
            let (new, since) = load_new_writers(&mut snapshot, &bounds).await?;
            (new, Some(since))
        }
        Some(_) => (BTreeMap::new(), None),
    };
    let ranges = bounds.windows(2).filter_map(|pair| pair.first().zip(pair.last()));
    let parts = starts.iter().zip(ranges).zip(amounts).zip(judged).zip(certificates).zip(event_certificates);
    let buckets =
        parts.enumerate().map(|(at, (((((start, (first, end)), amount), judged), entries), events))| ActivityBucket {
            start: *start,
            count: amount.count,
            payload_bytes: amount.payload_bytes,
            missing: amount.count.saturating_sub(amount.rows),
            entries: first.entries..end.entries,
            events: first.events..end.events,
            certificate: entries,
            event_certificate: events,
            judged,
            new_writers: new_writers.remove(&at).unwrap_or_default(),
        });
    let buckets = buckets.collect();
    let forecast = series.and_then(|series| forecast(&series, horizon));
    Ok(Activity { head: snapshot.head, slot: snapshot.slot, step: span.step, buckets, writers_since, forecast })
}

/// How much each bucket has.
async fn count(
    snapshot: &mut LedgerSnapshot,
    bounds: &[Bound],
    writer: Option<Wallet>,
) -> Result<Vec<Amount>, ReadError> {
    let place = Place::Log(snapshot.ledger(), Log::Entries);
    let by = |side: fn(&Bound) -> u64| bounds.iter().map(side).collect::<Vec<_>>();
    let has_all = snapshot.row().missing == 0;
    let (connection, row) = snapshot.parts().await?;
    let mut amounts = match writer {
        Some(wallet) => count_of_signer_between(connection, row, &by(|bound| bound.events), wallet).await,
        None => count_entries_between(connection, row, &by(|bound| bound.entries)).await,
    }
    .map_err(expensive(place))?;
    if writer.is_none() {
        for (amount, pair) in amounts.iter_mut().zip(bounds.windows(2)) {
            let (first, end) =
                (pair.first().map_or(0, |bound| bound.entries), pair.last().map_or(0, |bound| bound.entries));
            amount.count = end.saturating_sub(first);
        }
    }
    // A row that is gone would make fewer bytes; a row that is too many, more.
    match amounts.iter().find(|amount| amount.rows > amount.count || (has_all && amount.rows < amount.count)) {
        Some(_) => Err(place.corrupt(Difference::Missing)),
        None => Ok(amounts),
    }
}

/// The certificates of all buckets' entries, and of their events with those next to them.
async fn certify_all(
    snapshot: &mut LedgerSnapshot,
    bounds: &[Bound],
) -> Result<[Vec<Option<Certificate>>; 2], ReadError> {
    let events = snapshot.head.events.size.get();
    let pairs = || bounds.windows(2).filter_map(|pair| pair.first().zip(pair.last()));
    let entry_ranges: Vec<Range<u64>> = pairs().map(|(first, end)| first.entries..end.entries).collect();
    let around =
        |(first, end): (&Bound, &Bound)| first.events.saturating_sub(1)..end.events.saturating_add(1).min(events);
    let event_ranges: Vec<Range<u64>> = pairs().map(around).collect();
    let mut readings = [Reading::new(&snapshot.head, Log::Entries), Reading::new(&snapshot.head, Log::Events)];
    for (reading, ranges) in readings.iter_mut().zip([&entry_ranges, &event_ranges]) {
        ranges.iter().filter(|range| !range.is_empty()).try_for_each(|range| reading.add_range(range))?;
    }
    let place = Place::Ledger(snapshot.ledger());
    let [entry_tree, event_tree] = load_trees(snapshot, place, readings).await?;
    Ok([
        certify_each(snapshot, Log::Entries, &entry_tree, entry_ranges).await?,
        certify_each(snapshot, Log::Events, &event_tree, event_ranges).await?,
    ])
}

/// The certificates of ranges of one log. None for an empty one, and where the index does not have a hash that it needs.
async fn certify_each(
    snapshot: &mut LedgerSnapshot,
    log: Log,
    tree: &CheckedTree,
    ranges: Vec<Range<u64>>,
) -> Result<Vec<Option<Certificate>>, ReadError> {
    let mut certificates = Vec::with_capacity(ranges.len());
    for range in ranges {
        let proof = if range.is_empty() { None } else { tree.prove_unread_range(&range)? };
        certificates.push(certify(snapshot, log, &range, proof).await?);
    }
    Ok(certificates)
}
