//! The gateway as a service: its routes, and the state that they share.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use counterfoil_append::TransactionSigner;
use counterfoil_archive::Archive;
use counterfoil_client::Rpc;
use counterfoil_core::{GenesisHash, ProgramId};
use counterfoil_http::{
    Access, AccessPaths, AccessSettings, BodyLimits, Frame, Mode, Rejection, RequestCaller, RequestMetrics, key_id_text,
};
use counterfoil_read::{KeyUses, Policies, Reader, Who};
use counterfoil_statement::{PromiseKey, SigningKey};
use counterfoil_store::PgPool;
use counterfoil_store::gateway::load_usage;
use counterfoil_wire::{Code, KeyUsage, PromiseKey as PublicKey, U64, Usage};
use tokio::sync::mpsc;
use tower::Service;

use crate::archive::archive;
use crate::budget::Budget;
use crate::contents::contents;
use crate::ids::Ids;
use crate::intake::{Committer, CommitterLimits, ContentLimits, post as post_records};
use crate::keys::Names;
use crate::ledgers::{Ledgers, Means, Terms, unavailable};
use crate::metrics::Metrics;
use crate::openapi::openapi;
use crate::payers::Payers;
use crate::promises::Promiser;
use crate::quiet::{look, watch_origin};
use crate::records;
use crate::relay::relay;
use crate::sequencer::{Cluster, Pace, Sequencers};
use crate::state::Gateway;
use crate::watch::{watch, watch_wallets};

/// The longest a request may take. The longest wait for a record is shorter.
const REQUEST_TIME: Duration = Duration::from_secs(45);
const LIVEZ: &str = "/livez";
const PATHS: AccessPaths = AccessPaths {
    open: &[LIVEZ, "/readyz", "/v1/promise-key", "/v1/openapi.json"],
    liveness: Some(LIVEZ),
    socket: None,
    own_pages: &[],
};

/// The settings of the gateway.
pub struct Settings {
    /// The wallet that appends.
    pub writer: Arc<dyn TransactionSigner>,
    /// The wallets that pay; the appender where there are none.
    pub payers: Vec<Arc<dyn TransactionSigner>>,
    /// The most that a transaction bids for a place in a block beyond the fee of its signatures, in lamports.
    pub max_bid: u64,
    /// The bound of what transactions cost in a day, in lamports.
    pub lamports_a_day: Option<u64>,
    /// The key that signs promises.
    pub promise_key: SigningKey,
    /// The key of streams' and subjects' names.
    pub names: Names,
    /// The servers of the chain; transactions go to the first.
    pub servers: Vec<Rpc>,
    /// The cluster.
    pub genesis_hash: GenesisHash,
    /// The program on it.
    pub program: ProgramId,
    /// How far ahead promises reach.
    pub promise_time: Duration,
    /// How old the oldest record that waits may be for more to be accepted.
    pub longest_wait: Duration,
    /// On how many machines a commit stands.
    pub copies: u16,
    /// How often a busy ledger gets a transaction.
    pub window: Duration,
    /// After what time another gateway takes a ledger over.
    pub lease: Duration,
    /// Where entries are archived; none where they are not.
    pub archive: Option<Archive>,
    /// The databases whose outboxes are relayed. They hold passwords: keep them out of logs.
    pub relays: Vec<String>,
    /// For how many hours rows of outboxes stay that have their receipts; for ever where it is none.
    pub outbox_hours: Option<u32>,
    /// The most bytes of a record.
    pub record_bytes: usize,
    /// Authentication and rates.
    pub access: AccessSettings,
}

/// The whole service. Clones share it.
#[derive(Clone)]
pub struct App(Frame<Router>);

/// The longest body of many records.
const MAX_BODY_BYTES: usize = 16 << 20;
/// The bytes of all bodies at a time. Each is in memory up to three times: as it comes, as records, and on its way to the database.
const ALL_BODY_BYTES: usize = 64 << 20;
/// The most lines of one request.
const MAX_LINES: usize = 10_000;
/// The most bytes of an entry that a transaction carries.
const MAX_RAW_BYTES: usize = 768;

/// Makes the service, and begins to work for the ledgers of earlier runs.
///
/// Clients are not trusted: their requests are bounded in length, number and time.
///
/// # Errors
/// When the gateway's database does not answer.
pub async fn app(index: PgPool, pool: PgPool, settings: Settings) -> anyhow::Result<App> {
    let (begun, mut to_begin) = mpsc::unbounded_channel();
    let requests = RequestMetrics::new("counterfoil_gateway");
    let metrics = Metrics::new(&requests);
    let payers = Payers::new(settings.writer.clone(), settings.payers, settings.max_bid);
    let budget = Budget::new(settings.lamports_a_day, payers.most());
    metrics.set_year(sol_a_year(settings.window, payers.most(), settings.lamports_a_day));
    metrics.set_promise(settings.promise_time);
    let means = Means { servers: settings.servers, writer: settings.writer, payers, budget };
    let terms = Terms { promise_time: settings.promise_time, longest_wait: settings.longest_wait };
    let ledgers = Arc::new(Ledgers::new(index.clone(), pool.clone(), means, terms, metrics, begun));
    // A standby that took over has another timeline, and where commits wait for it nothing is missing there.
    let with_timeline = settings.copies == 1;
    look(&ledgers, with_timeline).await?;
    ledgers.resume().await?;
    let cluster = Cluster { genesis_hash: settings.genesis_hash, program: settings.program };
    let pace = Pace { window: settings.window, lease: settings.lease, open_plans: 64, records: 65_536 };
    let promise_key = PromiseKey(settings.promise_key.verifying_key().to_bytes());
    let promiser = Promiser::new(
        settings.promise_key,
        settings.genesis_hash,
        settings.program,
        settings.promise_time,
        settings.copies,
    );
    let gateway = Arc::new(Gateway {
        committer: Committer::start(pool.clone(), ledgers.clone(), CommitterLimits::default()),
        pool,
        reader: Reader::new(index.clone()),
        ledgers: ledgers.clone(),
        sequencers: Sequencers::default(),
        promiser,
        names: settings.names,
        ids: Ids::default(),
        limits: ContentLimits { bytes: settings.record_bytes, raw_bytes: MAX_RAW_BYTES, lines: MAX_LINES },
        promise_key,
        is_open: settings.access.mode == Mode::Off,
    });
    let worker = gateway.clone();
    tokio::spawn(async move {
        while let Some((ledger, key)) = to_begin.recv().await {
            worker.sequencers.begin(worker.ledgers.clone(), cluster, pace, ledger, key);
        }
    });
    let fresh = ledgers.clone();
    tokio::spawn(async move { fresh.keep_fresh().await });
    if let Some(to) = settings.archive {
        tokio::spawn(archive(to, ledgers.clone()));
    }
    for url in settings.relays {
        tokio::spawn(relay(gateway.clone(), url, settings.outbox_hours));
    }
    tokio::spawn(watch_origin(ledgers.clone(), with_timeline));
    tokio::spawn(watch_wallets(ledgers.clone()));
    tokio::spawn(watch(ledgers));
    let routes = Router::new()
        .route("/v1/ledgers/{ledger}/records", post(post_records))
        .route("/v1/ledgers/{ledger}/contents", get(contents))
        .route("/v1/records/{id}", get(records::get))
        .route("/v1/records/{id}/events", get(records::events))
        .route("/v1/openapi.json", get(openapi))
        .route("/v1/usage", get(usage))
        .route("/v1/promise-key", get(promise_key_of))
        .route(LIVEZ, get(async || StatusCode::OK))
        .route("/readyz", get(readyz))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(gateway);
    let uses = match settings.access.mode {
        Mode::Off => KeyUses::default(),
        Mode::Public | Mode::Required => KeyUses::recorded(index.clone(), settings.access.use_interval),
    };
    let policies = Policies::new(index, settings.access.patience);
    let access = Access::new(settings.access, PATHS, policies, uses);
    let bodies = BodyLimits { bytes: MAX_BODY_BYTES, time: Duration::from_secs(30), all_bytes: ALL_BODY_BYTES };
    Ok(App(Frame::with_bodies(routes, access, requests, REQUEST_TIME, bodies)))
}

/// The most that a ledger costs in a year which gets records all the time, in SOL.
pub(crate) fn sol_a_year(window: Duration, lamports: u64, lamports_a_day: Option<u64>) -> f64 {
    const DAYS: f64 = 365.25;
    /// A transaction is confirmed in a slot or two, so that even without a window there are not more.
    const LEAST_WINDOW: f64 = 0.4;
    #[expect(clippy::cast_precision_loss, reason = "an estimate needs no lamport's precision")]
    let (lamports, a_day) = (lamports as f64, lamports_a_day.map(|lamports| lamports as f64));
    let most_a_day = 86_400.0 / window.as_secs_f64().max(LEAST_WINDOW) * lamports;
    a_day.unwrap_or(f64::INFINITY).min(most_a_day) * DAYS / 1e9
}

impl App {
    /// All metrics in Prometheus' text format, with the number of clients' connections.
    pub(crate) fn metrics(&self, connections: usize) -> prometheus::Result<Vec<u8>> {
        self.0.requests().text(connections)
    }
}

impl Service<Request> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = <Frame<Router> as Service<Request>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request)
    }
}

/// GET /readyz: whether records can be accepted. The chain may be away: what is accepted waits for it.
async fn readyz(State(gateway): State<Arc<Gateway>>) -> Response {
    match gateway.pool.acquire().await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => unavailable(error).into_response(),
    }
}

/// GET /v1/promise-key: the public key of this gateway's promises. A verifier takes it from elsewhere.
async fn promise_key_of(State(gateway): State<Arc<Gateway>>) -> Json<PublicKey> {
    Json(PublicKey { key: gateway.promise_key.to_string() })
}

/// GET /v1/usage: what a key wrote to each ledger in the last 24 hours; where no key is needed, what all did.
async fn usage(State(gateway): State<Arc<Gateway>>, caller: RequestCaller) -> Result<Json<Usage>, Rejection> {
    let own = match caller.caller().who() {
        Who::Key(id) => Some(id.to_vec()),
        Who::Anonymous | Who::Wallet(_) if gateway.is_open => None,
        Who::Anonymous | Who::Wallet(_) => {
            return Err(Rejection::new(Code::Forbidden, "Send a key: it is told what it used."));
        }
    };
    let mut connection = gateway.pool.acquire().await.map_err(unavailable)?;
    let usage = load_usage(&mut connection).await.map_err(unavailable)?;
    let rows = usage.into_iter().filter(|row| own.as_ref().is_none_or(|own| *own == row.api_key)).map(|row| {
        let key: Option<[u8; 8]> = row.api_key.try_into().ok();
        KeyUsage {
            key: key.map(key_id_text),
            ledger: row.ledger.into(),
            records: U64(row.records),
            bytes: U64(row.bytes),
            lamports: U64(row.lamports),
        }
    });
    Ok(Json(Usage { usage: rows.collect() }))
}

async fn not_found(uri: Uri) -> Rejection {
    Rejection::new(
        Code::NotFound,
        format!("There is nothing at {}. Records go to /v1/ledgers/LEDGER/records.", uri.path()),
    )
}

async fn method_not_allowed(uri: Uri) -> Rejection {
    Rejection::new(Code::MethodNotAllowed, format!("{} takes another method.", uri.path()))
}
