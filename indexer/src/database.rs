//! The index as the indexer uses it: whole steps, each given only so much time.

use std::time::{Duration, Instant};

use counterfoil_core::{CheckedHead, LedgerHead, LedgerId, LedgerState, VerifiedAppend};
use counterfoil_store::{
    Cluster, CommittedIn, Epoch, LedgerRow, Pending, PgConnection, PgPool, PgPoolConnection, Postgres, Said,
    StoreError, Transaction, add_ledger, begin, clear_pending, commit, drop_unchecked, expect_lease, halt,
    keep_evidence, load_cluster, load_events, load_head_at, load_ledger, load_ledgers, load_state, mark_checked,
    replace_pending,
};
use merkle_log::{LeafIndex, TreeSize};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::hints::Hints;
use crate::metrics::Metrics;

const LEDGERS_PER_PAGE: u32 = 1_000;

/// The index, each step in a transaction of its own.
///
/// A step that takes longer than the patience is given up and its connection closed, for a server that hangs answers
/// nothing for ever: whether its transaction was committed is then not known, which the cursor will tell.
#[derive(Clone)]
pub struct Database {
    /// The connections.
    pub pool: PgPool,
    /// How long a step may take.
    pub patience: Duration,
    /// Where the times of commits go.
    pub metrics: Metrics,
    /// In whose place is written; none where there is no other who could.
    pub epoch: Option<Epoch>,
    /// Where it is told what was committed.
    pub hints: Hints,
}

impl Database {
    /// The index of a pool with no other writer.
    #[must_use]
    pub fn new(pool: PgPool, patience: Duration, metrics: Metrics) -> Self {
        Self { pool, patience, metrics, epoch: None, hints: Hints::default() }
    }

    /// A transaction that writes, unless another indexer has taken this one's place.
    async fn begin<'a>(&self, connection: &'a mut PgConnection) -> Result<Transaction<'a, Postgres>, StoreError> {
        let mut transaction = begin(connection).await?;
        if let Some(epoch) = self.epoch {
            expect_lease(&mut transaction, epoch).await?;
        }
        Ok(transaction)
    }

    /// Writes a run of events, how far a quorum has confirmed the ledger, and what the servers said of it.
    ///
    /// # Errors
    /// As [`commit`], [`mark_checked`] and [`keep_evidence`].
    pub async fn write(
        &self,
        ledger: LedgerId,
        batch: &[(CommittedIn, VerifiedAppend)],
        checked: Option<(CheckedHead, u64)>,
        said: &[Said],
    ) -> Result<(), StoreError> {
        if batch.is_empty() && checked.is_none() && said.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let mut connection = self.pool.acquire().await?;
        let work = async {
            let mut transaction = self.begin(&mut connection).await?;
            commit(&mut transaction, ledger, batch).await?;
            if let Some((head, slot)) = checked {
                mark_checked(&mut transaction, &head, slot).await?;
            }
            keep_evidence(&mut transaction, ledger, said).await?;
            Ok(transaction.commit().await?)
        };
        let outcome = timeout(self.patience, work).await;
        settle(connection, outcome)?;
        if !batch.is_empty() {
            self.metrics.committed(batch, start.elapsed());
        }
        self.hints.committed(ledger, batch, checked.as_ref().map(|(head, _)| head.head()));
        Ok(())
    }

    /// Takes back what was applied and never checked; answers how many events.
    ///
    /// # Errors
    /// As [`drop_unchecked`].
    pub async fn drop_unchecked(&self, ledger: LedgerId) -> Result<u64, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let work = async {
            let mut transaction = self.begin(&mut connection).await?;
            let dropped = drop_unchecked(&mut transaction, ledger).await?;
            transaction.commit().await?;
            Ok(dropped)
        };
        let outcome = timeout(self.patience, work).await;
        let dropped = settle(connection, outcome)?;
        if dropped > 0 {
            self.hints.dropped(ledger);
        }
        Ok(dropped)
    }

    /// The state as stored.
    ///
    /// # Errors
    /// As [`load_state`].
    pub async fn load_state(&self, ledger: LedgerId) -> Result<LedgerState, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let outcome = timeout(self.patience, load_state(&mut connection, ledger)).await;
        settle(connection, outcome)
    }

    /// The cluster that the index is of.
    ///
    /// # Errors
    /// As [`load_cluster`].
    pub async fn load_cluster(&self) -> Result<Option<Cluster>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let outcome = timeout(self.patience, load_cluster(&mut connection)).await;
        settle(connection, outcome)
    }

    /// The heads after the first `events` events, which are stored.
    ///
    /// # Errors
    /// As [`load_head_at`].
    pub async fn load_head_at(&self, ledger: LedgerId, events: TreeSize) -> Result<LedgerHead, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let work = async {
            let row = load_ledger(&mut connection, ledger).await?;
            load_head_at(&mut connection, &row, events).await
        };
        let outcome = timeout(self.patience, work).await;
        settle(connection, outcome)
    }

    /// How far the ledger is.
    ///
    /// # Errors
    /// As [`load_ledger`].
    pub async fn load_ledger(&self, ledger: LedgerId) -> Result<LedgerRow, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let outcome = timeout(self.patience, load_ledger(&mut connection, ledger)).await;
        settle(connection, outcome)
    }

    /// All ledgers of the index.
    ///
    /// # Errors
    /// As [`load_ledgers`].
    pub async fn load_ledgers(&self) -> Result<Vec<LedgerRow>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let work = async {
            let mut known: Vec<LedgerRow> = Vec::new();
            loop {
                let after = known.last().map(|row| row.ledger);
                let page = load_ledgers(&mut connection, after, LEDGERS_PER_PAGE).await?;
                if page.is_empty() {
                    return Ok(known);
                }
                known.extend(page);
            }
        };
        let outcome = timeout(self.patience, work).await;
        settle(connection, outcome)
    }

    /// Makes a ledger known.
    ///
    /// # Errors
    /// As [`add_ledger`].
    pub async fn add_ledger(&self, ledger: LedgerId) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let outcome = timeout(self.patience, add_ledger(&mut connection, ledger)).await;
        settle(connection, outcome)
    }

    /// Halts a ledger, for what servers said.
    ///
    /// # Errors
    /// As [`halt`] and [`keep_evidence`].
    pub async fn halt(&self, ledger: LedgerId, reason: &str, said: &[Said]) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let work = async {
            let mut transaction = self.begin(&mut connection).await?;
            halt(&mut transaction, ledger, reason).await?;
            keep_evidence(&mut transaction, ledger, said).await?;
            Ok(transaction.commit().await?)
        };
        let outcome = timeout(self.patience, work).await;
        settle(connection, outcome)?;
        self.hints.halted(ledger);
        Ok(())
    }

    /// Shows events as pending, in the place of all that are from number `from` on.
    ///
    /// # Errors
    /// As [`replace_pending`].
    pub async fn replace_pending(&self, ledger: LedgerId, from: u64, events: &[Pending]) -> Result<(), StoreError> {
        let from = LeafIndex::new(from).map_err(|_| StoreError::TooLarge { what: "event", value: from })?;
        let mut connection = self.pool.acquire().await?;
        let work = async {
            let mut transaction = self.begin(&mut connection).await?;
            replace_pending(&mut transaction, ledger, from, events).await?;
            Ok(transaction.commit().await?)
        };
        let outcome = timeout(self.patience, work).await;
        settle(connection, outcome)
    }

    /// Shows nothing as pending.
    ///
    /// # Errors
    /// As [`clear_pending`].
    pub async fn clear_pending(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let outcome = timeout(self.patience, clear_pending(&mut connection)).await;
        settle(connection, outcome)
    }

    /// The slot of event `event_seq - 1`; 0 when there is none.
    ///
    /// # Errors
    /// As [`load_events`].
    pub async fn slot_before(&self, ledger: LedgerId, event_seq: u64) -> Result<u64, StoreError> {
        let Some(last) = event_seq.checked_sub(1) else { return Ok(0) };
        let last = LeafIndex::new(last).expect("a log's last index is in range");
        let mut connection = self.pool.acquire().await?;
        let work = async {
            let row = load_ledger(&mut connection, ledger).await?;
            let events = load_events(&mut connection, &row, &[last]).await?;
            Ok(events.first().map_or(0, |row| row.event.header.slot))
        };
        let outcome = timeout(self.patience, work).await;
        settle(connection, outcome)
    }
}

/// Gives the connection back, or closes it when it did not answer in time: who came after would wait for the answer.
fn settle<T>(
    mut connection: PgPoolConnection,
    outcome: Result<Result<T, StoreError>, Elapsed>,
) -> Result<T, StoreError> {
    outcome.unwrap_or_else(|_| {
        connection.close_on_drop();
        Err(StoreError::TimedOut)
    })
}
