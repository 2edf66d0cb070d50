//! Answers of all servers, for as long as it is worth to wait for them.

use std::future::Future;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::sleep;

/// The answers in the order of the questions; none for a server that had not answered so long after a quorum had.
pub(crate) fn gather<T, E, F>(
    questions: impl IntoIterator<Item = F>,
    quorum: usize,
    grace: Duration,
) -> impl Future<Output = Vec<Option<Result<T, E>>>>
where
    F: Future<Output = Result<T, E>>,
{
    let asked = questions.into_iter().enumerate().map(|(number, question)| async move { (number, question.await) });
    let waiting: FuturesUnordered<_> = asked.collect();
    wait_for(waiting, quorum, grace)
}

async fn wait_for<T, E, F>(
    mut waiting: FuturesUnordered<F>,
    quorum: usize,
    grace: Duration,
) -> Vec<Option<Result<T, E>>>
where
    F: Future<Output = (usize, Result<T, E>)>,
{
    let mut answers: Vec<Option<Result<T, E>>> = (0..waiting.len()).map(|_| None).collect();
    let mut good = 0;
    while good < quorum
        && let Some((number, answer)) = waiting.next().await
    {
        good += usize::from(answer.is_ok());
        answers[number] = Some(answer);
    }
    let rest = async {
        while let Some((number, answer)) = waiting.next().await {
            answers[number] = Some(answer);
        }
    };
    tokio::select! {
        biased;
        () = rest => {}
        () = sleep(grace) => {}
    }
    answers
}
