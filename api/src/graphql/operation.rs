//! One operation's time: what does not become a stream ends when an answer is due.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_graphql::Response;
use counterfoil_http::Rejection;
use counterfoil_wire::Code;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Sleep, sleep};

use super::error::refuse;

/// Whether an operation has become a stream: set by what it follows, when that has a place among the streams. A query
/// follows nothing, whatever its text says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Followed(Arc<AtomicBool>);

impl Followed {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The answers of an operation that has `limit` to end, or to become a stream.
pub(super) fn in_time(
    answers: BoxStream<'static, Response>,
    followed: Followed,
    limit: Duration,
) -> impl Stream<Item = Response> + Send + 'static {
    let timed = Timed { answers, followed, limit, due: Some(Box::pin(sleep(limit))) };
    stream::unfold(Some(timed), async |timed| timed?.next().await)
}

struct Timed {
    answers: BoxStream<'static, Response>,
    followed: Followed,
    limit: Duration,
    /// None when the operation is a stream.
    due: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    /// The next answer, and what is left; nothing after the last one.
    async fn next(mut self) -> Option<(Response, Option<Self>)> {
        if let Some(due) = &mut self.due {
            tokio::select! {
                biased;
                answer = self.answers.next() => return Some((answer?, Some(self))),
                () = due => {}
            }
            if !self.followed.is_set() {
                return Some((self.too_late(), None));
            }
            self.due = None;
        }
        Some((self.answers.next().await?, Some(self)))
    }

    fn too_late(&self) -> Response {
        let detail = format!("No answer within {} ms. Ask for less, or try again.", self.limit.as_millis());
        refused(Rejection::new(Code::Timeout, detail))
    }
}

/// The answer to an operation that there is no other for.
pub(super) fn refused(problem: Rejection) -> Response {
    Response::from_errors(vec![refuse(problem).into_server_error(async_graphql::Pos::default())])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_graphql::{Response, Value};
    use futures_util::{StreamExt, stream};

    use super::{Followed, in_time};

    const LIMIT: Duration = Duration::from_secs(10);

    fn late() -> stream::BoxStream<'static, Response> {
        let answers = stream::iter([1, 2]).then(async |number| {
            tokio::time::sleep(LIMIT * 2).await;
            Response::new(Value::from(number))
        });
        answers.boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_follows_nothing_ends_when_an_answer_is_due() {
        let answers: Vec<Response> = in_time(late(), Followed::default(), LIMIT).collect().await;
        let codes = answers.iter().map(|answer| answer.errors[0].extensions.as_ref().unwrap().get("code").unwrap());
        assert_eq!(codes.collect::<Vec<_>>(), [&Value::from("timeout")]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_follows_something_has_no_end() {
        let followed = Followed::default();
        followed.set();
        let answers: Vec<Response> = in_time(late(), followed, LIMIT).collect().await;
        assert_eq!(answers.iter().map(|answer| &answer.data).collect::<Vec<_>>(), [&Value::from(1), &Value::from(2)]);
    }
}
