//! The group commit: requests that come while a commit is under way share the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil_http::Rejection;
use counterfoil_store::gateway::{Accepted, NewRequest, accept};
use counterfoil_store::{PgPool, StoreError, begin};
use counterfoil_wire::Code;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout_at;

use crate::ledgers::{Ledgers, unavailable};

/// The bounds of a commit, and of what waits for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitterLimits {
    /// How long a commit waits for more requests.
    pub(crate) window: Duration,
    /// The most records of one commit, but for what one request has more.
    pub(crate) records: usize,
    /// The most requests that wait; further ones are told to come again.
    pub(crate) waiting: usize,
    /// How many commits may be under way.
    pub(crate) commits: usize,
}

impl Default for CommitterLimits {
    fn default() -> Self {
        Self { window: Duration::from_millis(2), records: 512, waiting: 4_096, commits: 2 }
    }
}

type Outcome = Result<Accepted, Rejection>;
type Waiting = (NewRequest, oneshot::Sender<Outcome>);

/// Accepts requests, many in one commit.
#[derive(Clone)]
pub(crate) struct Committer(mpsc::Sender<Waiting>);

impl Committer {
    /// Starts. It ends with the last clone.
    pub(crate) fn start(pool: PgPool, ledgers: Arc<Ledgers>, limits: CommitterLimits) -> Self {
        let (sender, receiver) = mpsc::channel(limits.waiting);
        tokio::spawn(work(receiver, pool, ledgers, limits));
        Self(sender)
    }

    /// Waits until the request is on disk. A caller that goes away changes nothing of that.
    pub(crate) async fn accept(&self, request: NewRequest) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        self.0.try_send((request, answer)).map_err(|_| {
            Rejection::new(Code::Busy, "As many requests wait as this gateway holds. Nothing was accepted: try again.")
        })?;
        outcome.await.unwrap_or_else(|_| Err(Rejection::new(Code::Busy, "The gateway stops. Try again.")))
    }
}

async fn work(mut receiver: mpsc::Receiver<Waiting>, pool: PgPool, ledgers: Arc<Ledgers>, limits: CommitterLimits) {
    let places = Arc::new(Semaphore::new(limits.commits));
    while let Some(first) = receiver.recv().await {
        // While all commits are under way the batch grows for nothing.
        let place = places.clone().acquire_owned().await.expect("it is never closed");
        let mut records = first.0.records.len();
        let mut batch = vec![first];
        let deadline = tokio::time::Instant::now() + limits.window;
        while records < limits.records {
            let Ok(Some(next)) = timeout_at(deadline, receiver.recv()).await else { break };
            records += next.0.records.len();
            batch.push(next);
        }
        let (pool, ledgers) = (pool.clone(), ledgers.clone());
        tokio::spawn(async move {
            // In one order of names, so that two commits with the same names do not wait for each other.
            batch.sort_by(|(one, _), (other, _)| one.name().cmp(&other.name()));
            let (requests, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let begun = Instant::now();
            match commit(&pool, &ledgers, &requests).await {
                Ok(outcomes) => {
                    let is_new = requests.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Accepted::New);
                    ledgers.metrics.committed(is_new.map(|(request, _)| request.records.len()).sum(), begun.elapsed());
                    for (answer, outcome) in answers.into_iter().zip(outcomes) {
                        // A caller that went away is told when it comes again.
                        let _ = answer.send(Ok(outcome));
                    }
                }
                Err(error) => {
                    let mut problem = unavailable(error);
                    problem.detail =
                        "Whether the records were accepted is not known. Send them again: with the same Idempotency-Key they are \
                         accepted once."
                            .to_owned();
                    for answer in answers {
                        let _ = answer.send(Err(problem.clone()));
                    }
                }
            }
            drop(place);
        });
    }
}

async fn commit(pool: &PgPool, ledgers: &Ledgers, requests: &[NewRequest]) -> Result<Vec<Accepted>, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut transaction = begin(&mut connection).await?;
    let outcomes = accept(&mut transaction, &ledgers.keys(), requests).await?;
    transaction.commit().await?;
    Ok(outcomes)
}
