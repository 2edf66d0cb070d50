//! GET /v1/ledgers/{ledger}/entries/live, …/events/live and …/live: server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use counterfoil_http::{ReaderOf, Rejection, Stopping};
use counterfoil_read::{Batch, Leaf, Live, Page};
use counterfoil_wire::{Code, EntryPage, EventPage, Key, Ledger, U64};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::IntoParams;

use super::parameters::{LedgerPath, Parameters};
use super::problems::{FollowProblems, LeafProblems, LedgerProblems, LogProblems};

/// The interval of keep-alive messages on a stream without news.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The id of the message before leaf 0.
const NONE: &str = "-1";

/// The beginning of a stream.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Beginning {
    /// The last leaf that the client has, which is the `id` of the last message that came. A browser sends it by itself, as
    /// the header `Last-Event-ID`, which counts before this. Without any the stream begins with what is checked next.
    after: Option<U64>,
    /// The first leaf that the client wants: 0 for who has none. With `after` both hold.
    from: Option<U64>,
}

impl Beginning {
    fn first(&self, headers: &HeaderMap) -> Result<Option<u64>, Rejection> {
        let Some(id) = headers.get("last-event-id") else {
            let next = self.after.as_ref().map(|after| after.0.saturating_add(1));
            return Ok(next.max(self.from.as_ref().map(|from| from.0)));
        };
        match id.to_str() {
            Ok(NONE) => Ok(Some(0)),
            Ok(id) if id.parse::<u64>().is_ok() => Ok(id.parse::<u64>().ok().map(|id| id.saturating_add(1))),
            _ => {
                let detail = "Last-Event-ID is not the id of a message of this stream.";
                Err(Rejection::new(Code::MalformedParameter, detail))
            }
        }
    }
}

/// New entries as they are checked, as server-sent events: each message `entries` is a page as of …/entries, with its
/// certificate, and has its last index as `id`. First comes an empty one with the `id` before them. A message `problem` is the last; connect again to go on.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/live", operation_id = "follow_entries", tag = "Streams",
    params(("ledger" = Key, Path, description = "The ledger's address."), Beginning),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        LogProblems, LeafProblems, FollowProblems,
    ),
)]
pub(crate) async fn entries(
    State(feed): State<Live>,
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(beginning): Parameters<Beginning>,
    headers: HeaderMap,
    stopping: Stopping,
) -> Result<impl IntoResponse, Rejection> {
    let (first, batches) = feed.entries(reader, ledger, beginning.first(&headers)?, stopping.token()).await?;
    let batches = batches.map(|batch| Ok(batch_message("entries", &*batch?, EntryPage::from)));
    Ok(sent(stream::iter([Ok(before(first))]).chain(batches)))
}

/// New events as they are checked, likewise; each message is named `events`.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events/live", operation_id = "follow_events", tag = "Streams",
    params(("ledger" = Key, Path, description = "The ledger's address."), Beginning),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        LogProblems, LeafProblems, FollowProblems,
    ),
)]
pub(crate) async fn events(
    State(feed): State<Live>,
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(beginning): Parameters<Beginning>,
    headers: HeaderMap,
    stopping: Stopping,
) -> Result<impl IntoResponse, Rejection> {
    let (first, batches) = feed.events(reader, ledger, beginning.first(&headers)?, stopping.token()).await?;
    let batches = batches.map(|batch| Ok(batch_message("events", &*batch?, EventPage::from)));
    Ok(sent(stream::iter([Ok(before(first))]).chain(batches)))
}

/// A ledger as of now, and whenever its checked heads move or it is halted: messages `ledger` as of …/{ledger}. A slow client
/// misses states in between.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/live", operation_id = "follow_ledger", tag = "Streams",
    params(("ledger" = Key, Path, description = "The ledger's address.")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        LedgerProblems, FollowProblems,
    ),
)]
pub(crate) async fn ledger(
    State(feed): State<Live>,
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    stopping: Stopping,
) -> Result<impl IntoResponse, Rejection> {
    let states = feed.ledger(reader, ledger, stopping.token()).await?;
    Ok(sent(states.map(|state| Ok(Event::default().event("ledger").data(to_json(&Ledger::from(state?)))))))
}

/// An empty message with an id: a client that loses the connection before the first page goes on from there.
/// Source: HTML, section 9.2.6: without data it is no event, and its id is kept.
fn before(first: u64) -> Event {
    Event::default().id(first.checked_sub(1).map_or_else(|| NONE.to_owned(), |last| last.to_string()))
}

/// A page as a message. It is written once for all who follow.
fn batch_message<T: Leaf, B: Serialize>(name: &str, batch: &Batch<T>, body: impl Fn(Page<T>) -> B) -> Event {
    let json = batch.text.get_or_init(|| to_json(&body(batch.page.clone())));
    // A batch is not empty.
    let last = batch.page.range.end.saturating_sub(1);
    Event::default().event(name).id(last.to_string()).data(json)
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("bodies have text for keys")
}

fn sent(messages: impl Stream<Item = Result<Event, Rejection>> + Send + 'static) -> impl IntoResponse {
    let messages = messages.map(|message| {
        let problem = |problem: Rejection| {
            let body = json!({ "code": problem.code, "detail": problem.detail });
            Event::default().event("problem").data(body.to_string())
        };
        Ok::<_, Infallible>(message.unwrap_or_else(problem))
    });
    Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}
