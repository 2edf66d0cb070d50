//! All routes, and what holds for each of them.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use counterfoil_store::PgPool;
use tracing::debug;

use crate::graphql::AllowedQueries;
use crate::live::Feed;
use crate::problem::{Code, Problem};
use crate::query::View;
use crate::tlog::{self, Logs, NoteKey};
use crate::{cache, graphql, rest};

/// How the service answers.
#[derive(Debug)]
pub struct Settings {
    /// The longest time that an answer may take.
    pub request_timeout: Duration,
    /// Whether GraphQL's schema is open to tools, and GraphiQL served.
    pub introspection: bool,
    /// The only GraphQL queries that are answered; without it all are.
    pub allowed_queries: Option<AllowedQueries>,
    /// How many streams may be open at a time.
    pub max_streams: usize,
    /// Signs checkpoints of logs and receipts; without it there are none but our own.
    pub note_key: Option<NoteKey>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(10),
            introspection: true,
            allowed_queries: None,
            max_streams: 20_000,
            note_key: None,
        }
    }
}

/// The whole service.
///
/// Clients are not trusted: what they ask for is bounded in length, time and depth.
pub fn app(pool: PgPool, settings: Settings) -> Router {
    let feed = Feed::new(pool.clone(), settings.max_streams);
    let view = View::new(pool);
    let logs = Logs::new(view.clone(), settings.note_key);
    let cached = rest::router(view.clone(), logs.clone()).merge(tlog::router(logs)).layer(from_fn(cache::tag));
    cached
        .merge(rest::streams(view.clone(), feed.clone()))
        .merge(graphql::router(view, feed, settings.introspection, settings.allowed_queries))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(settings.request_timeout, answer_in_time))
        .layer(from_fn(harden))
}

async fn answer_in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = Instant::now();
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("No answer within {} ms. Ask for less, or try again.", limit.as_millis());
            Problem::new(Code::Timeout, detail).into_response()
        }
    };
    let (status, elapsed_ms) = (response.status().as_u16(), started.elapsed().as_millis());
    debug!(http.status = status, elapsed_ms, "{method} {path}");
    response
}

/// Tells browsers to take answers for what they are, and to load nothing because of them; pages say what they need.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(Code::NotFound, format!("There is nothing at {}. See /docs for the routes.", uri.path()))
}

async fn method_not_allowed(uri: Uri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{} takes another method. See /docs.", uri.path()))
}
