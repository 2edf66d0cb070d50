//! Writers that were never seen before.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_core::Wallet;
use counterfoil_forecast::newcomers;
use counterfoil_store::{Log, load_signers};

use super::bounds::Bound;
use super::bucket::NewWriter;
use crate::error::{Difference, MAX_PAGE, Place, ReadError};
use crate::events::{leaves_of, load_checked_events};
use crate::search::expensive;
use crate::snapshot::LedgerSnapshot;
use crate::tree::verify_leaves;

/// How many events before the first bucket are looked through for the writers that are known.
const LOOK_BACK: u64 = 100_000;

/// Finds the new writers of each bucket that has any, by the bucket's place, and from which event on they were looked for. Their first
/// events are verified; that there is no earlier one is the database's word.
pub(super) async fn load_new_writers(
    snapshot: &mut LedgerSnapshot,
    bounds: &[Bound],
) -> Result<(BTreeMap<usize, Vec<NewWriter>>, u64), ReadError> {
    let (first, end) = (bounds.first().map_or(0, |bound| bound.events), bounds.last().map_or(0, |bound| bound.events));
    let since = first.saturating_sub(LOOK_BACK);
    let place = Place::Log(snapshot.ledger(), Log::Events);
    let (connection, row) = snapshot.parts().await?;
    let most = MAX_PAGE.saturating_add(1);
    let known = load_signers(connection, row, since, first, most).await.map_err(expensive(place))?;
    let found = load_signers(connection, row, first, end, most).await.map_err(expensive(place))?;
    if known.len().max(found.len()) > MAX_PAGE as usize {
        return Err(ReadError::TooManyWriters { most: MAX_PAGE });
    }
    let firsts: BTreeMap<Wallet, _> = found.into_iter().collect();
    let place_of = |seq: u64| bounds.partition_point(|bound| bound.events <= seq).saturating_sub(1);
    let mut buckets = vec![BTreeSet::new(); bounds.len().saturating_sub(1)];
    for (wallet, seq) in &firsts {
        if let Some(bucket) = buckets.get_mut(place_of(seq.get())) {
            bucket.insert(*wallet);
        }
    }
    let new = newcomers(known.into_iter().map(|(wallet, _)| wallet).collect(), &buckets);
    let of = |wallet: &Wallet| firsts.get(wallet).map(|seq| NewWriter { wallet: *wallet, event_seq: *seq });
    let new = new.iter().enumerate().map(|(at, wallets)| (at, wallets.iter().filter_map(of).collect::<Vec<_>>()));
    let new: BTreeMap<usize, Vec<NewWriter>> = new.filter(|(_, writers)| !writers.is_empty()).collect();
    verify(snapshot, &new.values().flatten().copied().collect::<Vec<_>>()).await?;
    Ok((new, since))
}

/// Verifies that each of these events is of its writer.
async fn verify(snapshot: &mut LedgerSnapshot, writers: &[NewWriter]) -> Result<(), ReadError> {
    let seqs: Vec<_> = writers.iter().map(|writer| writer.event_seq).collect();
    let events = load_checked_events(snapshot, seqs).await?;
    verify_leaves(snapshot, &[], &leaves_of(&events), None).await?;
    for writer in writers {
        let signer = events.get(&writer.event_seq).map(|event| event.event.header.signer);
        if signer != Some(writer.wallet) {
            let place = Place::Leaf(snapshot.ledger(), Log::Events, writer.event_seq.get());
            return Err(place.corrupt(Difference::Missing));
        }
    }
    Ok(())
}
