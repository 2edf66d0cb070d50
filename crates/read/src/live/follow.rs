//! One follower's way through a log.

use std::sync::Arc;

use counterfoil_core::LedgerId;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

use super::error::LiveError;
use super::hub::Hub;
use super::leaf::{Batch, Leaf};
use super::permit::StreamPermit;
use super::tail::{BATCH, Receiver, Tails};
use crate::error::ReadError;
use crate::page::Window;
use crate::reader::Reader;
use crate::tiles::head;

/// Follows a log from a leaf on, from the checked size when none is said; tells also which that is. The stream ends with its first problem.
///
/// The order matters: listen, then take what the tail hands over, then see how far the log is. A leaf that comes after that is
/// handed over, what was before is read.
pub(super) async fn follow<T: Leaf>(
    reader: Reader,
    hub: &Hub,
    tails: &Tails<T>,
    ledger: LedgerId,
    first: Option<u64>,
    permit: StreamPermit,
) -> Result<(u64, impl Stream<Item = Result<Arc<Batch<T>>, LiveError>> + use<T>), LiveError> {
    hub.listen().await?;
    let known = head(&reader, ledger, T::LOG).await?.size;
    let receiver = tails.subscribe(ledger, known.get());
    let size = head(&reader, ledger, T::LOG).await?.size;
    let next = first.unwrap_or(size.get());
    if next > size.get() {
        return Err(ReadError::IndexOutOfRange { log: T::LOG, index: next, size }.into());
    }
    let follower = Follower { reader, ledger, next, receiver, is_behind: next < size.get(), permit };
    let batches = stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match follower.next_batch().await {
            Ok(batch) => Some((Ok(batch), Some(follower))),
            Err(problem) => Some((Err(problem), None)),
        }
    });
    Ok((next, batches))
}

struct Follower<T: Leaf> {
    reader: Reader,
    ledger: LedgerId,
    /// The first leaf that it did not get yet.
    next: u64,
    receiver: Receiver<T>,
    /// Whether there are leaves to be read that were not handed over.
    is_behind: bool,
    permit: StreamPermit,
}

impl<T: Leaf> Follower<T> {
    async fn next_batch(&mut self) -> Result<Arc<Batch<T>>, LiveError> {
        tokio::select! {
            biased;
            ended = self.permit.ended() => Err(ended),
            batch = self.find_batch() => batch,
        }
    }

    async fn find_batch(&mut self) -> Result<Arc<Batch<T>>, LiveError> {
        loop {
            if self.is_behind {
                if let Some(batch) = self.read().await? {
                    return Ok(batch);
                }
            } else if let Some(batch) = self.receive().await? {
                return Ok(batch);
            }
        }
    }

    /// Reads a batch; none when there is nothing before what is handed over.
    async fn read(&mut self) -> Result<Option<Arc<Batch<T>>>, LiveError> {
        // Leaves handed over while it read are older than those that it reads now.
        self.receiver = self.receiver.resubscribe();
        let window = Window::From { first: self.next, limit: Some(BATCH) };
        let page = T::load_page(&self.reader, self.ledger, window).await?;
        // A batch that ends at the checked size is followed by what the receiver gets from here on.
        self.is_behind = page.next.is_some();
        if page.range.is_empty() {
            return Ok(None);
        }
        self.next = page.range.end;
        Ok(Some(Batch::new(page)))
    }

    /// Takes a batch that was handed over; none when it does not begin where this follower is.
    async fn receive(&mut self) -> Result<Option<Arc<Batch<T>>>, LiveError> {
        let batch = match self.receiver.recv().await {
            Ok(batch) => batch?,
            Err(RecvError::Lagged(_)) => return Err(LiveError::TooSlow { next: self.next }),
            Err(RecvError::Closed) => return Err(LiveError::Ended),
        };
        // Read for all who follow, so it was not asked whether this one still may.
        self.reader.authorize(self.ledger).await?;
        let range = &batch.page.range;
        if range.end <= self.next {
            return Ok(None);
        }
        if range.start != self.next {
            self.is_behind = true;
            return Ok(None);
        }
        self.next = range.end;
        Ok(Some(batch))
    }
}
