//! Transactions by blocks, for programs with much traffic.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::{ClientError, Commitment, Feed, Rpc, TransactionRecord};

/// How many slots are asked for at a time.
const SLOTS_PER_RANGE: u64 = 128;
/// How many blocks are fetched at once; a block can be many megabytes.
const CONCURRENT_BLOCKS: usize = 4;
/// How far the newest slot must be beyond slots without a block for these to be believed: servers behind one address
/// are not equally far.
const SETTLED_AFTER: u64 = 64;

type Block = (u64, Result<Option<Vec<TransactionRecord>>, ClientError>);

struct State {
    rpc: Arc<Rpc>,
    commitment: Commitment,
    poll_interval: Duration,
    next_slot: u64,
    /// Blocks under way, in slot order, and the slot that follows the last of them.
    blocks: Option<(BoxStream<'static, Block>, u64)>,
    backoff: Backoff,
    /// How long to wait before the server is asked again.
    wait: Option<Duration>,
}

/// The program's successful transactions from the blocks of slot `from_slot` on, in slot order, one list a block that
/// has any. Asks the server for new blocks each `poll_interval`. Never ends; after an error it goes on from the same
/// slot. A block that the server does not have gives an empty list.
#[must_use]
pub fn block_feed(rpc: Arc<Rpc>, from_slot: u64, commitment: Commitment, poll_interval: Duration) -> Feed {
    let backoff = Backoff::default();
    let state = State { rpc, commitment, poll_interval, next_slot: from_slot, blocks: None, backoff, wait: None };
    stream::unfold(state, |mut state| async move {
        let item = state.next().await;
        Some((item, state))
    })
    .boxed()
}

impl State {
    async fn next(&mut self) -> Result<Vec<TransactionRecord>, ClientError> {
        loop {
            if let Some(wait) = self.wait.take() {
                sleep(wait).await;
            }
            let error = match self.step().await {
                Ok(Some(transactions)) => return Ok(transactions),
                Ok(None) => continue,
                Err(error) => error,
            };
            self.blocks = None;
            self.wait = Some(self.backoff.next_delay());
            return Err(error);
        }
    }

    /// One block, or one look for more.
    async fn step(&mut self) -> Result<Option<Vec<TransactionRecord>>, ClientError> {
        let Some((blocks, end)) = &mut self.blocks else { return self.look().await.map(|()| None) };
        let Some((slot, block)) = blocks.next().await else {
            self.next_slot = *end;
            self.blocks = None;
            return Ok(None);
        };
        let transactions = block?;
        self.next_slot = slot.saturating_add(1);
        self.backoff.reset();
        Ok(match transactions {
            Some(transactions) if transactions.is_empty() => None,
            Some(transactions) => Some(transactions),
            // It was listed and is not to be had.
            None => Some(Vec::new()),
        })
    }

    async fn look(&mut self) -> Result<(), ClientError> {
        let (first, commitment) = (self.next_slot, self.commitment);
        let newest = self.rpc.fetch_slot(commitment).await?;
        if newest < first {
            self.wait = Some(self.poll_interval);
            return Ok(());
        }
        let is_settled = newest - first >= SLOTS_PER_RANGE + SETTLED_AFTER;
        let last = if is_settled { first.saturating_add(SLOTS_PER_RANGE - 1) } else { newest };
        let slots = self.rpc.fetch_block_slots(first, last, commitment).await?;
        let end = match slots.last() {
            _ if is_settled => last.saturating_add(1),
            Some(slot) => slot.saturating_add(1),
            None => {
                self.wait = Some(self.poll_interval);
                return Ok(());
            }
        };
        let rpc = Arc::clone(&self.rpc);
        let blocks = stream::iter(slots).map(move |slot| {
            let rpc = Arc::clone(&rpc);
            async move { (slot, rpc.fetch_block(slot, commitment).await) }
        });
        self.blocks = Some((blocks.buffered(CONCURRENT_BLOCKS).boxed(), end));
        Ok(())
    }
}
