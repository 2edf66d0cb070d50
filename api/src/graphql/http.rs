//! POST /graphql: queries, and subscriptions as server-sent events; GET /graphql: operations over a WebSocket.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use async_graphql::{Data, ErrorExtensionValues, Executor, Request, Response, ServerError};
use axum::extract::rejection::JsonRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::post;
use axum::{Json, Router};
use counterfoil_http::{MAX_BODY_BYTES, ReaderOf, Rejection, RequestCaller, Stopping, code_of_body};
use counterfoil_read::{Live, Reader};
use counterfoil_wire::Code;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::allowed::AllowedQueries;
use super::limits::Limits;
use super::operation::{Followed, in_time};
use super::schema::{ApiSchema, schema};
use super::socket;
use super::writer::LedgersAt;

/// The interval of keep-alive messages on a stream without news.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The routes. `introspection` opens the schema to tools. An answer that is no stream has `request_timeout`.
pub(crate) fn router(
    reader: Reader,
    feed: Live,
    introspection: bool,
    allowed: Option<AllowedQueries>,
    request_timeout: Duration,
) -> Router {
    let methods = post(graphql).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).get(subscribe);
    let routes = Router::new().route("/graphql", methods);
    let schema = Coded { schema: schema(introspection), limits: Limits::new(allowed, introspection) };
    routes.with_state(GraphQl { schema, reader, feed, request_timeout })
}

#[derive(Clone)]
struct GraphQl {
    schema: Coded,
    reader: Reader,
    feed: Live,
    request_timeout: Duration,
}

impl FromRef<GraphQl> for Reader {
    fn from_ref(state: &GraphQl) -> Self {
        state.reader.clone()
    }
}

/// The schema, for requests within the limits. Each error has a code: what resolvers refuse has its own; all else was
/// refused before anything was asked of the database.
#[derive(Clone)]
struct Coded {
    schema: ApiSchema,
    limits: Limits,
}

impl Executor for Coded {
    async fn execute(&self, request: Request) -> Response {
        match self.limits.admit(request).await {
            Ok(request) => with_codes(self.schema.execute(request).await),
            Err(error) => refused(error),
        }
    }

    fn execute_stream(&self, request: Request, session: Option<std::sync::Arc<Data>>) -> BoxStream<'static, Response> {
        let Self { schema, limits } = self.clone();
        let admitted = async move { limits.admit(request).await };
        let answers = stream::once(admitted).flat_map(move |admitted| match admitted {
            Ok(request) => Executor::execute_stream(&schema, request, session.clone()).map(with_codes).boxed(),
            Err(error) => stream::once(ready(refused(error))).boxed(),
        });
        answers.boxed()
    }
}

fn refused(error: ServerError) -> Response {
    with_codes(Response::from_errors(vec![error]))
}

fn with_codes(mut response: Response) -> Response {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        if extensions.get("code").is_none() {
            extensions.set("code", Code::MalformedQuery.text());
        }
    }
    response
}

async fn graphql(
    State(GraphQl { schema, feed, request_timeout, .. }): State<GraphQl>,
    ReaderOf(reader): ReaderOf,
    stopping: Stopping,
    headers: HeaderMap,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<axum::response::Response, Rejection> {
    let Json(request) = request.map_err(refuse_body)?;
    let followed = Followed::default();
    let request = request.data(reader).data(feed).data(stopping).data(followed.clone()).data(LedgersAt::default());
    if !wants_events(&headers) {
        return Ok(Json(schema.execute(request).await).into_response());
    }
    // Source: the distinct connections mode of the protocol GraphQL over SSE.
    let answers = in_time(schema.execute_stream(request, None), followed, request_timeout).map(|response| {
        let json = serde_json::to_string(&response).expect("an answer's keys are text");
        Event::default().event("next").data(json)
    });
    let complete = stream::iter([Event::default().event("complete").data("")]);
    let messages = answers.chain(complete).map(Ok::<_, Infallible>);
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|one| one.split(';').next().is_some_and(|media_type| media_type.trim() == "text/event-stream"))
}

/// Operations over a WebSocket.
async fn subscribe(
    State(GraphQl { schema, reader, feed, request_timeout }): State<GraphQl>,
    caller: RequestCaller,
    stopping: Stopping,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<impl IntoResponse, Rejection> {
    let upgrade = upgrade.map(|upgrade| upgrade.protocols([socket::PROTOCOL]).max_message_size(MAX_BODY_BYTES));
    let Some(upgrade) = upgrade.ok().filter(|upgrade| upgrade.selected_protocol().is_some()) else {
        let detail = "GET opens a WebSocket with the protocol graphql-transport-ws. Send queries by POST.";
        return Err(Rejection::new(Code::MethodNotAllowed, detail));
    };
    let service = socket::Service { executor: schema, reader, caller, feed, stopping, request_timeout };
    Ok(upgrade.on_upgrade(|socket| socket::serve(socket, service)))
}

fn refuse_body(rejection: JsonRejection) -> Rejection {
    let detail = format!(
        "{}. Send {{\"query\": \"...\", \"variables\": {{}}}} as application/json, at most {MAX_BODY_BYTES} bytes.",
        rejection.body_text()
    );
    Rejection::new(code_of_body(rejection.status()), detail)
}
