//! Packing of entries into transactions as they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// How long a transaction that is not full waits for the next entry.
const LINGER: Duration = Duration::from_millis(50);

/// A queue of entries that hands out one transaction's entries at a time, in order.
#[derive(Debug)]
pub struct Batches<E> {
    ready: VecDeque<Vec<u8>>,
    source: Option<Receiver<Result<Vec<u8>, E>>>,
    /// Why the source ended; told once all entries before it were taken.
    error: Option<E>,
}

impl<E> Batches<E> {
    /// A queue of one entry.
    #[must_use]
    pub fn of_one(entry: Vec<u8>) -> Self {
        Self { ready: VecDeque::from([entry]), source: None, error: None }
    }

    /// A queue that a channel feeds. The channel's first error ends it.
    #[must_use]
    pub fn of(source: Receiver<Result<Vec<u8>, E>>) -> Self {
        Self { ready: VecDeque::new(), source: Some(source), error: None }
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// The source's.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, E> {
        if self.ready.is_empty() {
            self.receive().await;
        }
        match self.ready.pop_front() {
            Some(entry) => Ok(Some(entry)),
            None => self.error.take().map_or(Ok(None), Err),
        }
    }

    /// The next transaction's entries: as many as `fit` admits; none at the end. A transaction that is not full waits for
    /// more entries for a moment only. An entry that does not fit at all comes alone.
    ///
    /// Dropping the future loses no entry.
    ///
    /// # Errors
    /// The source's.
    pub async fn next_batch(&mut self, fit: impl Fn(&[Vec<u8>]) -> usize) -> Result<Option<Vec<Vec<u8>>>, E> {
        if self.ready.is_empty() {
            self.receive().await;
        }
        while !self.ready.is_empty() && fit(self.ready.make_contiguous()) == self.ready.len() {
            let had = self.ready.len();
            if timeout(LINGER, self.receive()).await.is_err() || self.ready.len() == had {
                break;
            }
        }
        if self.ready.is_empty() {
            return self.error.take().map_or(Ok(None), Err);
        }
        let count = fit(self.ready.make_contiguous()).max(1);
        Ok(Some(self.ready.drain(..count).collect()))
    }

    /// Puts entries back, so that they come next.
    pub fn put_back(&mut self, entries: Vec<Vec<u8>>) {
        entries.into_iter().rev().for_each(|entry| self.ready.push_front(entry));
    }

    /// How many entries have arrived and were not taken.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.ready.len() as u64
    }

    /// Receives one more entry, where there is one.
    async fn receive(&mut self) {
        let Some(source) = &mut self.source else { return };
        match source.recv().await {
            Some(Ok(entry)) => self.ready.push_back(entry),
            Some(Err(error)) => (self.error, self.source) = (Some(error), None),
            None => self.source = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::Batches;

    /// Two entries fill a transaction.
    fn two(entries: &[Vec<u8>]) -> usize {
        entries.len().min(2)
    }

    #[tokio::test(start_paused = true)]
    async fn entries_come_in_order_and_the_error_after_them() {
        let (sender, receiver) = channel(8);
        for entry in 0..3 {
            sender.send(Ok(vec![entry])).await.unwrap();
        }
        sender.send(Err("the input is broken")).await.unwrap();
        let mut batches = Batches::of(receiver);
        assert_eq!(batches.next_batch(two).await, Ok(Some(vec![vec![0], vec![1]])));
        batches.put_back(vec![vec![0], vec![1]]);
        assert_eq!(batches.next().await, Ok(Some(vec![0])));
        assert_eq!(batches.next_batch(two).await, Ok(Some(vec![vec![1], vec![2]])));
        assert_eq!(batches.next_batch(two).await, Err("the input is broken"));
        assert_eq!(batches.next_batch(two).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_is_not_full_goes_out_after_a_moment() {
        let (sender, receiver) = channel::<Result<Vec<u8>, &str>>(8);
        sender.send(Ok(vec![7])).await.unwrap();
        let mut batches = Batches::of(receiver);
        assert_eq!(batches.next_batch(two).await, Ok(Some(vec![vec![7]])));
        sender.send(Ok(vec![8])).await.unwrap();
        // An entry that fits no transaction comes alone.
        assert_eq!(batches.next_batch(|_| 0).await, Ok(Some(vec![vec![8]])));
    }
}
