//! One follower's way through a log.

use std::sync::Arc;

use counterfoil_core::LedgerId;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

use super::hub::Hub;
use super::leaf::{Batch, Leaf};
use super::place::{Place, stream_ended};
use super::tail::{BATCH, Receiver, Tails};
use crate::problem::{Code, Problem};
use crate::query::{self, QueryError, View, Window};

/// Follows a log from a leaf on, from the checked size when none is said; tells also which that is. The stream ends with its first problem.
///
/// The order matters: listen, then take what the tail hands over, then see how far the log is. What comes after that is
/// handed over, what was before is read.
pub(super) async fn follow<T: Leaf>(
    view: View,
    hub: &Hub,
    tails: &Tails<T>,
    ledger: LedgerId,
    first: Option<u64>,
    place: Place,
) -> Result<(u64, impl Stream<Item = Result<Arc<Batch<T>>, Problem>> + use<T>), Problem> {
    hub.listen().await?;
    let known = query::head(&view, ledger, T::LOG).await?.size;
    let receiver = tails.subscribe(ledger, known.get());
    let size = query::head(&view, ledger, T::LOG).await?.size;
    let next = first.unwrap_or(size.get());
    if next > size.get() {
        return Err(QueryError::IndexOutOfRange { log: T::LOG, index: next, size }.into());
    }
    let follower = Follower { view, ledger, next, receiver, is_behind: next < size.get(), place };
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
    view: View,
    ledger: LedgerId,
    /// The first leaf that it did not get yet.
    next: u64,
    receiver: Receiver<T>,
    /// Whether there are leaves to be read that were not handed over.
    is_behind: bool,
    place: Place,
}

impl<T: Leaf> Follower<T> {
    async fn next_batch(&mut self) -> Result<Arc<Batch<T>>, Problem> {
        tokio::select! {
            biased;
            ended = self.place.ended() => Err(ended),
            batch = self.find_batch() => batch,
        }
    }

    async fn find_batch(&mut self) -> Result<Arc<Batch<T>>, Problem> {
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
    async fn read(&mut self) -> Result<Option<Arc<Batch<T>>>, Problem> {
        // What was handed over while it read is older than what it reads now.
        self.receiver = self.receiver.resubscribe();
        let window = Window::From { first: self.next, limit: Some(BATCH) };
        let page = T::load_page(&self.view, self.ledger, window).await?;
        // A batch that ends at the checked size is followed by what the receiver gets from here on.
        self.is_behind = page.next.is_some();
        if page.range.is_empty() {
            return Ok(None);
        }
        self.next = page.range.end;
        Ok(Some(Batch::new(page)))
    }

    /// Takes a batch that was handed over; none when it does not begin where this follower is.
    async fn receive(&mut self) -> Result<Option<Arc<Batch<T>>>, Problem> {
        let batch = match self.receiver.recv().await {
            Ok(batch) => batch?,
            Err(RecvError::Lagged(_)) => return Err(self.too_slow()),
            Err(RecvError::Closed) => return Err(stream_ended()),
        };
        // Read for all who follow, so it was not asked whether this one still may.
        self.view.authorize(self.ledger).await?;
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

    fn too_slow(&self) -> Problem {
        let detail = match self.next.checked_sub(1) {
            Some(last) => format!("You took what is new too slowly. Connect again and go on after {last}."),
            None => "You took what is new too slowly. Connect again and begin anew.".to_owned(),
        };
        Problem::new(Code::TooSlow, detail)
    }
}
