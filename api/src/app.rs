//! All routes, and what holds for each of them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use counterfoil_read::{Cache, Live, Reader, SearchBudget, StreamLimits};
use counterfoil_store::PgPool;
use tower::{Layer, Service, service_fn};
use tower_http::cors::CorsLayer;
use tracing::{Instrument, Span, debug, debug_span, field};

use crate::access::{Access, AccessSettings, guard};
use crate::cache::tag;
use crate::graphql::AllowedQueries;
use crate::limits::MAX_BODY_BYTES;
use crate::metrics::{Now, Requests};
use crate::problem::{Code, Problem};
use crate::tlog::{self, Logs, NoteKey};
use crate::{graphql, rest};

/// How long it may take to come.
const BODY_TIME: Duration = Duration::from_secs(5);

/// How the service answers.
#[derive(Debug)]
pub struct Settings {
    /// The longest time that an answer may take.
    pub request_timeout: Duration,
    /// Whether GraphQL's schema is open to tools.
    pub introspection: bool,
    /// The only GraphQL queries that are answered; without it all are.
    pub allowed_queries: Option<AllowedQueries>,
    /// How many streams may be open at a time.
    pub max_streams: usize,
    /// How many of them of one caller: a key, a wallet, or else an address.
    pub max_streams_per_caller: usize,
    /// How many searches run at a time; of one caller half of them.
    pub search_connections: usize,
    /// How many bytes of tiles and entries are kept in memory; with 0 all is read anew for each answer.
    pub memory_bytes: u64,
    /// Signs checkpoints of logs and receipts; without it there are none but our own.
    pub note_key: Option<NoteKey>,
    /// Who may read, and how often.
    pub access: AccessSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(10),
            introspection: true,
            allowed_queries: None,
            max_streams: 20_000,
            max_streams_per_caller: 100,
            search_connections: 4,
            memory_bytes: 256 << 20,
            note_key: None,
            access: AccessSettings::default(),
        }
    }
}

/// The whole service, from requests to answers.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    access: Arc<Access>,
    request_timeout: Duration,
    routes: Router,
    requests: Requests,
    pool: PgPool,
    feed: Live,
    searches: Arc<SearchBudget>,
    cors: Option<CorsLayer>,
}

/// Makes the whole service.
///
/// Clients are not trusted: what they ask for is bounded in length, time and depth.
///
/// # Panics
/// Outside of Tokio's runtime, in which it listens to the database.
pub fn app(pool: PgPool, settings: Settings) -> App {
    let cache = Arc::new(Cache::new(settings.memory_bytes));
    let limits = StreamLimits { all: settings.max_streams, per_caller: settings.max_streams_per_caller };
    let feed = Live::new(pool.clone(), cache.clone(), limits);
    if settings.memory_bytes > 0 {
        tokio::spawn(feed.clone().listen());
    }
    let cors = cors(&settings.access.cors_origins);
    let access = Access::new(pool.clone(), settings.access);
    let searches = Arc::new(SearchBudget::new(settings.search_connections));
    let reader = Reader::with_cache(pool.clone(), cache, searches.clone());
    let logs = Logs::new(reader.clone(), settings.note_key);
    let routes = rest::router(reader.clone(), logs.clone())
        .merge(tlog::router(logs))
        .merge(rest::streams(reader.clone(), feed.clone()))
        .merge(graphql::router(
            reader,
            feed.clone(),
            settings.introspection,
            settings.allowed_queries,
            settings.request_timeout,
        ))
        .merge(rest::sign_in(access.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    let (requests, request_timeout) = (Requests::default(), settings.request_timeout);
    App(Arc::new(Inner { access, request_timeout, routes, requests, pool, feed, searches, cors }))
}

impl App {
    /// What Prometheus reads, with how many connections of clients there are.
    ///
    /// # Errors
    /// When it cannot be written as text.
    pub(crate) fn metrics(&self, connections: usize) -> prometheus::Result<Vec<u8>> {
        let Self(inner) = self;
        inner.requests.text(&Now {
            streams: inner.feed.streams(),
            searches: inner.searches.running(),
            database_connections: inner.pool.size(),
            database_connections_idle: inner.pool.num_idle(),
            connections,
        })
    }
}

/// Around all routes at once: what a router has as a layer is around each of them, and is cloned for each request.
impl Service<Request> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self(app) = self.clone();
        // What an operator who exports traces sees of a request. Its path may name a private ledger, never a secret.
        let span = debug_span!(
            "request",
            http.request.method = %request.method(),
            url.path = request.uri().path(),
            http.response.status_code = field::Empty
        );
        let answer = async move {
            let started = Instant::now();
            let response = match &app.cors {
                Some(cors) => cors.layer(service_fn(|request| app.pass(request))).call(request).await?,
                None => app.pass(request).await?,
            };
            app.requests.count(response.status(), started.elapsed());
            Span::current().record("http.response.status_code", response.status().as_u16());
            Ok(harden(response))
        };
        Box::pin(answer.instrument(span))
    }
}

impl Inner {
    /// What each request passes before its route.
    async fn pass(&self, request: Request) -> Result<Response, Infallible> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let route = |request| tag(request, |request| receive_in_time(request, self.routes.clone()));
        let started = Instant::now();
        let response = answer_in_time(self.request_timeout, guard(&self.access, request, route)).await;
        let (status, elapsed_ms) = (response.status().as_u16(), started.elapsed().as_millis());
        debug!(http.status = status, elapsed_ms, "{method} {}", uri.path());
        Ok(response)
    }
}

/// Pages of these origins may read the answers; no others. Credentials are headers, never cookies.
fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
        ])
        .max_age(Duration::from_secs(3600));
    (!origins.is_empty()).then_some(layer)
}

/// Takes the whole body before anything is done about it. A slow one has a time of its own, so that what is known of the
/// request is not forgotten with it; that a client sends a byte now and then does not prolong it.
async fn receive_in_time(request: Request, routes: Router) -> Response {
    let (parts, body) = request.into_parts();
    if parts.headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        let detail = "Send the body as it is, without Content-Encoding.";
        return Problem::new(Code::UnsupportedMediaType, detail).into_response();
    }
    if body.is_end_stream() {
        return route(routes, Request::from_parts(parts, body)).await;
    }
    match tokio::time::timeout(BODY_TIME, to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => route(routes, Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => {
            let detail = format!("The body is larger than {MAX_BODY_BYTES} bytes, or broke off.");
            Problem::new(Code::BodyTooLarge, detail).into_response()
        }
        Err(_) => {
            let detail = format!("The body did not come within {} s.", BODY_TIME.as_secs());
            Problem::new(Code::RequestTimeout, detail).into_response()
        }
    }
}

async fn route(mut routes: Router, request: Request) -> Response {
    routes.call(request).await.unwrap_or_else(|never| match never {})
}

async fn answer_in_time(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let detail = format!("No answer within {} ms. Ask for less, or try again.", limit.as_millis());
        Problem::new(Code::Timeout, detail).into_response()
    })
}

/// Tells browsers to take answers for what they are, and to load nothing because of them; pages say what they need.
fn harden(mut response: Response) -> Response {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"text/event-stream") {
        // nginx, and proxies that follow it, hold back what they may; a message of a stream is for now.
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    response
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(Code::NotFound, format!("There is nothing at {}. See /docs for the routes.", uri.path()))
}

async fn method_not_allowed(uri: Uri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{} takes another method. See /docs.", uri.path()))
}
