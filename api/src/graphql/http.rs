//! POST /graphql: queries, and subscriptions as server-sent events; GET /graphql: subscriptions over a WebSocket;
//! GET /graphiql.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use async_graphql::http::{ALL_WEBSOCKET_PROTOCOLS, GraphiQLSource};
use async_graphql::{Data, ErrorExtensionValues, Executor, Request, Response, ServerError};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::extract::rejection::JsonRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{BoxStream, SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt, stream};
use tokio::time::timeout;

use super::limits::Limits;
use super::{AllowedQueries, ApiSchema, schema};
use crate::app::MAX_BODY_BYTES;
use crate::live::Feed;
use crate::problem::{Code, Problem};
use crate::query::View;
use crate::stop::Stopping;

/// How often a stream says that it lives, when nothing is new; who does not answer to it on a WebSocket is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client may take to hear that its WebSocket is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// The routes. `introspection` opens the schema to tools, and serves one.
pub(crate) fn router(view: View, feed: Feed, introspection: bool, allowed: Option<AllowedQueries>) -> Router {
    let methods = post(graphql).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).get(subscribe);
    let routes = Router::new().route("/graphql", methods);
    let routes = if introspection { routes.route("/graphiql", get(graphiql)) } else { routes };
    let schema = Coded { schema: schema(introspection), limits: Limits::new(allowed, introspection) };
    routes.with_state(GraphQl { schema, view, feed })
}

#[derive(Clone)]
struct GraphQl {
    schema: Coded,
    view: View,
    feed: Feed,
}

impl FromRef<GraphQl> for View {
    fn from_ref(state: &GraphQl) -> Self {
        state.view.clone()
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
    State(GraphQl { schema, feed, .. }): State<GraphQl>,
    view: View,
    stopping: Stopping,
    headers: HeaderMap,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<axum::response::Response, Problem> {
    let Json(request) = request.map_err(refuse_body)?;
    let request = request.data(view).data(feed).data(stopping);
    if !wants_events(&headers) {
        return Ok(Json(schema.execute(request).await).into_response());
    }
    // Source: the distinct connections mode of the protocol GraphQL over SSE.
    let answers = schema.execute_stream(request, None).map(|response| {
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

/// The protocol graphql-transport-ws, and its forerunner graphql-ws.
async fn subscribe(
    State(GraphQl { schema, feed, .. }): State<GraphQl>,
    view: View,
    stopping: Stopping,
    protocol: Result<GraphQLProtocol, StatusCode>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<impl IntoResponse, Problem> {
    let (Ok(protocol), Ok(upgrade)) = (protocol, upgrade) else {
        let detail = "GET opens a WebSocket with the protocol graphql-transport-ws. Send queries by POST.";
        return Err(Problem::new(Code::MethodNotAllowed, detail));
    };
    let upgrade = upgrade.protocols(ALL_WEBSOCKET_PROTOCOLS).max_message_size(MAX_BODY_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (mut sink, mut stream) = socket.split();
        let data = (view, feed, stopping.clone());
        let served = GraphQLWebSocket::new_with_pair(&mut sink, &mut stream, schema, protocol)
            .on_connection_init(|payload| sign_on(payload, data))
            .keepalive_timeout(KEEP_ALIVE)
            .serve();
        tokio::select! {
            biased;
            () = stopping.stopped() => {}
            () = served => return,
        }
        let _ = timeout(FAREWELL, close(sink, stream)).await;
    }))
}

/// Tells the client that the server goes away, and waits until it has heard: a connection that is closed before may
/// lose what was sent last. Source: RFC 6455 sections 7.1.1 and 7.4.1.
async fn close(mut sink: SplitSink<WebSocket, Message>, mut stream: SplitStream<WebSocket>) {
    let frame = CloseFrame { code: close_code::AWAY, reason: "The server stops.".into() };
    if sink.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = stream.next().await {}
    }
}

/// Whoever could not say who calls by a header says it with the first message, as its `authorization`.
async fn sign_on(
    payload: serde_json::Value,
    (view, feed, stopping): (View, Feed, Stopping),
) -> async_graphql::Result<Data> {
    let mut data = Data::default();
    data.insert(view.sign_on(payload["authorization"].as_str()).await?);
    data.insert(feed);
    data.insert(stopping);
    Ok(data)
}

/// A page to try queries on. It loads its scripts from a public server, so it needs a network; nothing else does.
async fn graphiql() -> impl IntoResponse {
    let page = GraphiQLSource::build()
        .endpoint("/graphql")
        .subscription_endpoint("/graphql")
        .title("Counterfoil GraphQL")
        .finish();
    ([(header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'")], Html(page))
}

fn refuse_body(rejection: JsonRejection) -> Problem {
    let detail = format!(
        "{}. Send {{\"query\": \"...\", \"variables\": {{}}}} as application/json, at most {MAX_BODY_BYTES} bytes.",
        rejection.body_text()
    );
    Problem::new(Code::of_body(rejection.status()), detail)
}
