//! From a feed to events: read and decoded in a task of its own, so that it goes on while what it delivered is written.

use std::sync::Arc;

use counterfoil_client::Feed;
use counterfoil_core::ProgramId;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{debug, warn};

use crate::feed::inbox::Delivered;

/// How many KiB of events wait to be taken. Events that come in while a pass writes are the next one's: the more of
/// it, the fewer commits, each of which waits for a disk, and the more of them while the next events are verified.
const KIB_WAITING: u32 = 48 << 10;
/// How many lists wait. Those of few events are bounded by this, all others by their size.
const LISTS_WAITING: usize = 1_024;

/// The kind of feed that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feeding {
    /// There is no feed, or it has ended.
    Nothing,
    /// The feed goes on for ever, and delivers soon or not at all.
    Live(String),
    /// The feed ends, and delivers each ledger's events in order until then.
    Finite(String),
}

/// A delivery of a feed.
pub(crate) enum Fed {
    /// Events of any ledgers, in its order, and the room that they take while they wait.
    Events(Vec<Delivered>, OwnedSemaphorePermit),
    /// Something may have been missed.
    Gap,
}

/// Reads the feed until it ends or the receiver is gone.
pub(crate) fn pump(mut feed: Feed, name: String, program: ProgramId) -> mpsc::Receiver<Fed> {
    let (sender, receiver) = mpsc::channel(LISTS_WAITING);
    let room = Arc::new(Semaphore::new(KIB_WAITING as usize));
    tokio::spawn(async move {
        loop {
            // Dropping the receiver ends the feed although it may have nothing to say for long.
            let delivered = tokio::select! {
                delivered = feed.next() => delivered,
                () = sender.closed() => return,
            };
            let fed = match delivered {
                None => return,
                Some(Ok(transactions)) if transactions.is_empty() => Fed::Gap,
                Some(Ok(transactions)) => {
                    let decoded = transactions.iter().map(|transaction| Delivered::decode(program, transaction));
                    let mut events = Vec::new();
                    for result in decoded {
                        match result {
                            Ok(decoded) => events.extend(decoded),
                            // The ledger's next number is then missing, and its servers decide.
                            Err(error) => warn!(feed = name, "{error}"),
                        }
                    }
                    let bytes: usize = events.iter().map(Delivered::bytes).sum();
                    let kib = u32::try_from(bytes / 1_024).unwrap_or(KIB_WAITING).min(KIB_WAITING);
                    let room = tokio::select! {
                        room = room.clone().acquire_many_owned(kib) => room,
                        () = sender.closed() => return,
                    };
                    Fed::Events(events, room.expect("it is never closed"))
                }
                Some(Err(error)) => {
                    debug!(feed = name, "{error}");
                    Fed::Gap
                }
            };
            if sender.send(fed).await.is_err() {
                return;
            }
        }
    });
    receiver
}
