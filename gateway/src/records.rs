//! Reading records: how far each is, its promise, its receipt.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use counterfoil_http::{Rejection, RequestCaller, Stopping};
use counterfoil_read::Who;
use counterfoil_statement::{Promise, RecordId};
use counterfoil_store::gateway::RecordRow;
use counterfoil_wire::{Code, Record, RecordState};
use futures_util::{Stream, stream};
use tokio::time::Instant;

use crate::state::Gateway;
use crate::wait::unknown;

/// How long a stream of states lives at most; a client connects again.
const STREAM_TIME: Duration = Duration::from_secs(10 * 60);
/// The interval of messages on a stream without news.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// GET /v1/records/{id}: how far a record is, with its receipt once it is checked.
pub(crate) async fn get(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    caller: RequestCaller,
) -> Result<Json<Record<Promise>>, Rejection> {
    let row = find(&gateway, &id, &caller).await?;
    Ok(Json(gateway.tell(&row).await?))
}

/// GET /v1/records/{id}/events: server-sent events, each named `record` and the record as it is then, until it is checked.
pub(crate) async fn events(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    caller: RequestCaller,
    stopping: Stopping,
) -> Result<impl IntoResponse, Rejection> {
    let row = find(&gateway, &id, &caller).await?;
    Ok(Sse::new(states(gateway, row, stopping)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn states(gateway: Arc<Gateway>, row: RecordRow, stopping: Stopping) -> impl Stream<Item = Result<Event, Infallible>> {
    let end = Instant::now() + STREAM_TIME;
    stream::unfold(Some((gateway, row, None)), move |state| {
        let stopping = stopping.clone();
        async move {
            let (gateway, row, last) = state?;
            let changed = tokio::select! {
                changed = gateway.next_state(row, last, end) => changed,
                () = stopping.stopped() => return None,
            };
            let Ok(Some((row, state))) = changed else { return None };
            let record = gateway.tell(&row).await.ok()?;
            let event = Event::default().event("record").json_data(&record).ok()?;
            Some((Ok(event), (state < RecordState::Checked).then_some((gateway, row, Some(state)))))
        }
    })
}

async fn find(gateway: &Gateway, id: &str, caller: &RequestCaller) -> Result<RecordRow, Rejection> {
    let id: RecordId =
        id.parse().map_err(|error| Rejection::new(Code::MalformedParameter, format!("{id:?}: {error}.")))?;
    let row = gateway.load(*id.as_bytes()).await?.ok_or_else(unknown)?;
    let is_own = matches!(caller.caller().who(), Who::Key(key) if key[..] == row.api_key[..]);
    // A key reads what came with it and nothing else: a record tells its salt.
    if !is_own && !gateway.is_open {
        return Err(unknown());
    }
    Ok(row)
}
