//! The API as a service: all routes, and the state that they share.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::Response;
use counterfoil_http::{Access, AccessSettings, Frame, Mode, Rejection, RequestMetrics};
use counterfoil_read::{Cache, KeyUses, Live, Policies, Reader, SearchBudget, StreamLimits};
use counterfoil_store::PgPool;
use counterfoil_wire::Code;
use tower::Service;

use crate::graphql::AllowedQueries;
use crate::hints::{Nats, hear_hints};
use crate::metrics::{Gauges, Now};
use crate::paths::PATHS;
use crate::tlog::{self, Logs, NoteKey};
use crate::{explorer, graphql, mcp, rest};

/// The settings of the service.
#[derive(Debug)]
pub struct Settings {
    /// The longest time that a response may take to begin.
    pub request_timeout: Duration,
    /// Whether GraphQL answers introspection.
    pub introspection: bool,
    /// The only GraphQL queries that are answered; all when absent.
    pub allowed_queries: Option<AllowedQueries>,
    /// The number of streams that may be open at a time.
    pub max_streams: usize,
    /// The number of them that one caller may have: a key, a wallet, or else an address.
    pub max_streams_per_caller: usize,
    /// The number of searches that run at a time; one caller has half of them.
    pub search_connections: usize,
    /// How long each statement of a search may take.
    pub search_time: Duration,
    /// The size of the cache of tiles and entries, in bytes; with 0 nothing is cached.
    pub memory_bytes: u64,
    /// The key that signs checkpoints of logs and receipts; without it other tools' formats are not served.
    pub note_key: Option<NoteKey>,
    /// The NATS that tells of changes where the database cannot; without it a standby serves no streams.
    pub nats: Option<Nats>,
    /// Authentication and rates.
    pub access: AccessSettings,
    /// Whether the process works between requests: listens to the database, serves streams, notes the last use of keys. A
    /// function is frozen between requests.
    pub background: bool,
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
            search_time: Duration::from_secs(3),
            memory_bytes: 256 << 20,
            note_key: None,
            nats: None,
            access: AccessSettings::default(),
            background: true,
        }
    }
}

/// The whole service. Clones share it.
#[derive(Clone)]
pub struct App {
    frame: Frame<Router>,
    state: Arc<State>,
}

/// The state that metrics read.
struct State {
    gauges: Gauges,
    pool: PgPool,
    feed: Live,
    searches: Arc<SearchBudget>,
}

/// Makes the whole service.
///
/// Clients are not trusted: their requests are bounded in length, time and depth.
///
/// # Panics
/// Outside of Tokio's runtime, in which it listens to the database.
pub fn app(pool: PgPool, settings: Settings) -> App {
    let cache = Arc::new(Cache::new(settings.memory_bytes));
    let limits = StreamLimits { all: settings.max_streams, per_caller: settings.max_streams_per_caller };
    let live = if settings.background { Live::new } else { Live::off };
    let feed = live(pool.clone(), cache.clone(), limits);
    if settings.background && (settings.memory_bytes > 0 || settings.nats.is_some()) {
        tokio::spawn(feed.clone().listen());
    }
    if let Some(nats) = settings.nats.filter(|_| settings.background) {
        tokio::spawn(hear_hints(nats, pool.clone(), feed.hints()));
    }
    let access = access(&pool, settings.access, settings.background);
    let searches = Arc::new(SearchBudget::new(settings.search_connections).with_time(settings.search_time));
    let reader = Reader::with_cache(pool.clone(), cache, searches.clone());
    let logs = Logs::new(reader.clone(), settings.note_key);
    let routes = rest::router(reader.clone(), logs.clone())
        .merge(explorer::router())
        .merge(tlog::router(logs))
        .merge(rest::streams(reader.clone(), feed.clone()))
        .merge(mcp::router(reader.clone()))
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
    let requests = RequestMetrics::new("counterfoil_api");
    let gauges = Gauges::new(&requests);
    let frame = Frame::new(routes, access, requests, settings.request_timeout);
    App { frame, state: Arc::new(State { gauges, pool, feed, searches }) }
}

/// Authentication against the index's keys and lists of readers.
fn access(pool: &PgPool, settings: AccessSettings, background: bool) -> Arc<Access> {
    let uses = match settings.mode {
        Mode::Public | Mode::Required if background => KeyUses::recorded(pool.clone(), settings.use_interval),
        Mode::Off | Mode::Public | Mode::Required => KeyUses::default(),
    };
    let policies = Policies::new(pool.clone(), settings.patience);
    Access::new(settings, PATHS, policies, uses)
}

impl App {
    /// All metrics in Prometheus' text format, with the number of clients' connections.
    ///
    /// # Errors
    /// When they cannot be written as text.
    pub(crate) fn metrics(&self, connections: usize) -> prometheus::Result<Vec<u8>> {
        let State { gauges, pool, feed, searches } = &*self.state;
        gauges.set(&Now {
            streams: feed.streams(),
            searches: searches.running(),
            database_connections: pool.size(),
            database_connections_idle: pool.num_idle(),
        });
        self.frame.requests().text(connections)
    }
}

impl Service<Request> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = <Frame<Router> as Service<Request>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.frame.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.frame.call(request)
    }
}

async fn not_found(uri: Uri) -> Rejection {
    Rejection::new(Code::NotFound, format!("There is nothing at {}. See /docs for the routes.", uri.path()))
}

async fn method_not_allowed(uri: Uri) -> Rejection {
    Rejection::new(Code::MethodNotAllowed, format!("{} takes another method. See /docs.", uri.path()))
}
