//! Ledgers themselves, to those who follow how far they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_core::LedgerId;
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::error::LiveError;
use super::hub::Hub;
use super::permit::StreamPermit;
use crate::error::ReadError;
use crate::ledgers::{CheckedLedger, ledger as load_ledger};
use crate::reader::Reader;

/// How long the database is left alone after a failure.
const PAUSE: Duration = Duration::from_secs(1);

type Sender = watch::Sender<Result<CheckedLedger, LiveError>>;

/// The ledgers that are followed, each read once for all who do.
pub(super) struct Ledgers {
    reader: Reader,
    hub: Arc<Hub>,
    followed: Arc<Mutex<HashMap<LedgerId, Sender>>>,
}

impl Ledgers {
    pub(super) fn new(reader: Reader, hub: Arc<Hub>) -> Self {
        Self { reader, hub, followed: Arc::default() }
    }

    /// The ledger as it is, then as it becomes. The stream ends with its first problem.
    pub(super) async fn follow(
        &self,
        reader: Reader,
        ledger: LedgerId,
        permit: StreamPermit,
    ) -> Result<impl Stream<Item = Result<CheckedLedger, LiveError>> + use<>, LiveError> {
        self.hub.listen().await?;
        let now = load_ledger(&reader, ledger).await?;
        let mut receiver = self.subscribe(ledger, now);
        receiver.mark_changed();
        Ok(stream::unfold(Some((reader, receiver, permit)), move |follower| async move {
            let (reader, mut receiver, permit) = follower?;
            let ended = tokio::select! {
                biased;
                ended = permit.ended() => Some(ended),
                changed = receiver.changed() => changed.err().map(|_| LiveError::Ended),
            };
            if let Some(ended) = ended {
                return Some((Err(ended), None));
            }
            let now = receiver.borrow_and_update().clone();
            // Read for all who follow, so it was not asked whether this one still may.
            let now = reader.authorize(ledger).await.map_err(LiveError::from).and(now);
            let rest = now.is_ok().then_some((reader, receiver, permit));
            Some((now, rest))
        }))
    }

    fn subscribe(&self, ledger: LedgerId, now: CheckedLedger) -> watch::Receiver<Result<CheckedLedger, LiveError>> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        match followed.entry(ledger) {
            Slot::Occupied(sender) => sender.get().subscribe(),
            Slot::Vacant(slot) => {
                let (sender, receiver) = watch::channel(Ok(now));
                let changes = self.hub.changes(ledger);
                tokio::spawn(keep(self.reader.clone(), ledger, sender.clone(), changes, self.followed.clone()));
                slot.insert(sender);
                receiver
            }
        }
    }
}

/// Reads the ledger whenever it changed. Ends without followers, or with a problem.
async fn keep(
    reader: Reader,
    ledger: LedgerId,
    sender: Sender,
    mut changes: watch::Receiver<()>,
    followed: Arc<Mutex<HashMap<LedgerId, Sender>>>,
) {
    // It may have changed since it was read, before changes were heard of.
    changes.mark_changed();
    loop {
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = sender.closed() => {
                let mut followed = followed.lock().unwrap_or_else(PoisonError::into_inner);
                if sender.receiver_count() == 0 {
                    followed.remove(&ledger);
                    return;
                }
                continue;
            }
        }
        match load_ledger(&reader, ledger).await {
            Ok(now) => {
                sender.send_if_modified(|before| {
                    let is_new = before.as_ref().is_ok_and(|before| !is_same(before, &now));
                    if is_new {
                        *before = Ok(now);
                    }
                    is_new
                });
            }
            Err(ReadError::Database(error)) => {
                tracing::warn!("cannot read ledger {ledger}, trying again: {error}");
                tokio::time::sleep(PAUSE).await;
                changes.mark_changed();
            }
            Err(error) => {
                followed.lock().unwrap_or_else(PoisonError::into_inner).remove(&ledger);
                let _ = sender.send_replace(Err(error.into()));
                return;
            }
        }
    }
}

/// Whether nothing changed that followers are told of.
fn is_same(left: &CheckedLedger, right: &CheckedLedger) -> bool {
    left.row.checked == right.row.checked && left.row.halt == right.row.halt
}
