//! Reads what is new in a log once, for all who follow it.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_core::LedgerId;
use tokio::sync::{broadcast, watch};

use super::error::LiveError;
use super::hub::Hub;
use super::leaf::{Batch, Leaf};
use crate::error::ReadError;
use crate::page::Window;
use crate::reader::Reader;

/// How many leaves are handed over at a time.
pub(super) const BATCH: u64 = 100;
/// How many batches a follower may be behind.
const BACKLOG: usize = 64;
/// How long the database is left alone after a failure.
const PAUSE: Duration = Duration::from_secs(1);

type Sender<T> = broadcast::Sender<Result<Arc<Batch<T>>, LiveError>>;
/// The messages that a follower takes. They end with the first problem.
pub(super) type Receiver<T> = broadcast::Receiver<Result<Arc<Batch<T>>, LiveError>>;

/// The logs that are followed.
pub(super) struct Tails<T: Leaf> {
    reader: Reader,
    hub: Arc<Hub>,
    followed: Arc<Mutex<HashMap<LedgerId, Sender<T>>>>,
}

impl<T: Leaf> Tails<T> {
    pub(super) fn new(reader: Reader, hub: Arc<Hub>) -> Self {
        Self { reader, hub, followed: Arc::default() }
    }

    /// Everything that is checked from now on. `size` is one that the log has or had.
    pub(super) fn subscribe(&self, ledger: LedgerId, size: u64) -> Receiver<T> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        match followed.entry(ledger) {
            Slot::Occupied(sender) => sender.get().subscribe(),
            Slot::Vacant(slot) => {
                let (sender, receiver) = broadcast::channel(BACKLOG);
                let changes = self.hub.changes(ledger);
                let tail = Tail { reader: self.reader.clone(), ledger, next: size, sender: sender.clone() };
                tokio::spawn(tail.run(changes, self.followed.clone()));
                slot.insert(sender);
                receiver
            }
        }
    }
}

struct Tail<T: Leaf> {
    reader: Reader,
    ledger: LedgerId,
    /// The leaf at which the next batch begins.
    next: u64,
    sender: Sender<T>,
}

impl<T: Leaf> Tail<T> {
    /// Ends without followers, or with a problem.
    async fn run(mut self, mut changes: watch::Receiver<()>, followed: Arc<Mutex<HashMap<LedgerId, Sender<T>>>>) {
        loop {
            let ended = self.hand_over().await;
            // Under the lock, in which also followers come: none comes to a tail that is gone.
            let close = |is_over: bool| {
                let mut followed = followed.lock().unwrap_or_else(PoisonError::into_inner);
                let is_over = is_over || self.sender.receiver_count() == 0;
                if is_over {
                    followed.remove(&self.ledger);
                }
                is_over
            };
            if let Err(problem) = ended {
                close(true);
                let _ = self.sender.send(Err(problem));
                return;
            }
            loop {
                tokio::select! {
                    changed = changes.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = self.sender.closed() => if close(false) { return },
                }
            }
        }
    }

    /// Reads to the checked size.
    async fn hand_over(&mut self) -> Result<(), LiveError> {
        loop {
            let window = Window::From { first: self.next, limit: Some(BATCH) };
            match T::load_page(&self.reader, self.ledger, window).await {
                Ok(page) if page.range.is_empty() => return Ok(()),
                Ok(page) => {
                    self.next = page.range.end;
                    let is_last = page.next.is_none();
                    // Fails without followers, which the caller sees.
                    let _ = self.sender.send(Ok(Batch::new(page)));
                    if is_last {
                        return Ok(());
                    }
                }
                Err(ReadError::NotCheckedYet(_)) => return Ok(()),
                Err(ReadError::Database(error)) => {
                    tracing::warn!("cannot read what is new, trying again: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
