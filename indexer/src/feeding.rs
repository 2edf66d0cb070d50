//! From a feed to events: read and decoded in a task of its own, so that it goes on while what it delivered is written.

use counterfoil_client::Feed;
use counterfoil_core::ProgramId;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::inbox::Delivered;

/// How many lists wait to be taken. What comes in while a pass writes is what the next one writes, in batches that are
/// as large: fewer commits, and each of them waits for a disk. A recording's list is 512 transactions, some 2 MB at most.
const LISTS_WAITING: usize = 32;

/// What a feed has delivered.
pub(crate) enum Fed {
    /// Events of any ledgers, in its order.
    Events(Vec<Delivered>),
    /// Something may have been missed.
    Look,
}

/// Reads the feed until it ends or nobody takes what it delivers.
pub(crate) fn pump(mut feed: Feed, name: String, program: ProgramId) -> mpsc::Receiver<Fed> {
    let (sender, receiver) = mpsc::channel(LISTS_WAITING);
    tokio::spawn(async move {
        loop {
            // Dropping the receiver ends the feed although it may have nothing to say for long.
            let delivered = tokio::select! {
                delivered = feed.next() => delivered,
                () = sender.closed() => return,
            };
            let fed = match delivered {
                None => return,
                Some(Ok(transactions)) if transactions.is_empty() => Fed::Look,
                Some(Ok(transactions)) => {
                    let decoded = transactions.iter().map(|transaction| Delivered::decode(program, transaction));
                    let mut events = Vec::new();
                    for result in decoded {
                        match result {
                            Ok(decoded) => events.extend(decoded),
                            // The ledger will lack it, and say so when its servers deliver the same.
                            Err(error) => warn!(feed = name, "{error}"),
                        }
                    }
                    Fed::Events(events)
                }
                Some(Err(error)) => {
                    debug!(feed = name, "{error}");
                    Fed::Look
                }
            };
            if sender.send(fed).await.is_err() {
                return;
            }
        }
    });
    receiver
}
