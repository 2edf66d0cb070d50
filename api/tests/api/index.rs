//! An index in PostgreSQL, filled once and copied for each test, and the API over it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use counterfoil_api::{App, Settings};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_store::{Cluster, PgPool, Said, add_ledger, bind_cluster, connect, halt, keep_evidence, migrate};
use pgcluster::Durability;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tower::ServiceExt;

use crate::history::History;

pub const CLUSTER: Cluster = Cluster { genesis_hash: GenesisHash([0x6e; 32]), program: ProgramId([0x9f; 32]) };
/// Big: more than three full tiles of entries and one of events are checked, and more is applied.
pub const BIG: LedgerId = LedgerId([1; 32]);
/// Small, halted.
pub const SMALL: LedgerId = LedgerId([2; 32]);
/// Created and checked, without entries.
pub const EMPTY: LedgerId = LedgerId([3; 32]);
/// With entries, none checked.
pub const UNCHECKED: LedgerId = LedgerId([4; 32]);
/// Known, without events.
pub const NEW: LedgerId = LedgerId([5; 32]);
/// Not in the index.
pub const UNKNOWN: LedgerId = LedgerId([6; 32]);
/// How many entries of the big ledger are checked.
pub const BIG_SIZE: u64 = 900;
/// How many of its events are checked.
pub const BIG_EVENTS: u64 = 302;

/// An answer that takes longer on a busy machine will never come.
const PATIENCE: Duration = Duration::from_secs(60);

static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// The parts that the tests of this binary share; the server ends with the last one.
pub struct Shared {
    cluster: pgcluster::Cluster,
    copies: AtomicU32,
    pub big: History,
    pub small: History,
}

/// Asks again until there is an answer; fails with what was seen last when none comes.
pub async fn eventually<T, S: Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, S>) -> T {
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(begun.elapsed() < PATIENCE, "never came: {what}; last seen: {seen:?}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Patient, for a busy machine.
pub fn settings() -> Settings {
    // Patient, for a busy machine.
    Settings { request_timeout: Duration::from_secs(30), search_time: Duration::from_secs(20), ..Settings::default() }
}

/// One test's copy of the index, and the API over it.
pub struct Index {
    pub shared: Arc<Shared>,
    pub url: String,
    /// As the database's superuser.
    pub pool: PgPool,
    pub app: App,
}

impl Index {
    pub async fn open() -> Self {
        Self::open_with(settings()).await
    }

    pub async fn open_with(settings: Settings) -> Self {
        let shared = tokio::task::spawn_blocking(shared).await.unwrap();
        let name = format!("copy_{}", shared.copies.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&shared.cluster.url("postgres"), 1, Duration::from_secs(60)).await.unwrap();
        let copy = format!("create database {name} template filled");
        sqlx::query(AssertSqlSafe(copy)).execute(&admin).await.unwrap();
        admin.close().await;
        let url = shared.cluster.url(&name);
        let pool = connect(&url, 4, Duration::from_secs(10)).await.unwrap();
        let app = counterfoil_api::app(pool.clone(), settings);
        Self { shared, url, pool, app }
    }

    /// A streaming replica of the server with this and all other copies.
    pub fn start_replica(&self, folder: &std::path::Path, durability: Durability) -> pgcluster::Cluster {
        self.shared.cluster.start_replica(folder, durability).unwrap()
    }

    /// Does what changes no rows.
    pub async fn execute(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap();
    }

    /// Changes the database as its owner could.
    pub async fn tamper(&self, sql: &str) {
        let changed = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap().rows_affected();
        assert!(changed > 0, "nothing was changed by: {sql}");
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{path} is not JSON: {body:?}"));
        let expected = if head.status.is_success() { "application/json" } else { "application/problem+json" };
        assert_eq!(head.headers["content-type"], expected, "{path}");
        (head.status, body)
    }

    /// A good answer's body.
    pub async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// A problem's code and detail; the rest of the document is checked.
    pub async fn problem(&self, path: &str) -> (u16, String, String) {
        let (status, body) = self.get(path).await;
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{path}: {body}")).to_owned();
        assert_eq!(body["status"], status.as_u16(), "{path}");
        assert_eq!(text("type"), format!("/docs#{}", text("code")), "{path}");
        assert!(!text("title").is_empty(), "{path}");
        assert_eq!(body.as_object().unwrap().len(), 5, "{path}: {body}");
        (status.as_u16(), text("code"), text("detail"))
    }

    /// The data of a GraphQL query that must have no errors.
    pub async fn graphql(&self, query: &str) -> Value {
        let response = self.graphql_response(query).await;
        assert_eq!(response.get("errors"), None, "{query}: {response}");
        response["data"].clone()
    }

    /// The first error's code and message.
    pub async fn graphql_error(&self, query: &str) -> (String, String) {
        let response = self.graphql_response(query).await;
        let error = &response["errors"][0];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{query}: {response}")).to_owned();
        (text(&error["extensions"]["code"]), text(&error["message"]))
    }

    pub async fn graphql_response(&self, query: &str) -> Value {
        let body = serde_json::json!({ "query": query }).to_string();
        let request = Request::post("/graphql").header("content-type", "application/json").body(body.into()).unwrap();
        let response = self.send(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
    }
}

/// Waits for the index to be filled, or fills it.
fn shared() -> Arc<Shared> {
    let mut shared = SHARED.lock().unwrap();
    if let Some(shared) = shared.upgrade() {
        return shared;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = pgcluster::Cluster::start_temporary(Durability::None).unwrap();
    let (big, small) = runtime.block_on(fill(&cluster));
    let filled = Arc::new(Shared { cluster, copies: AtomicU32::new(0), big, small });
    *shared = Arc::downgrade(&filled);
    filled
}

async fn fill(cluster: &pgcluster::Cluster) -> (History, History) {
    let admin = connect(&cluster.url("postgres"), 1, Duration::from_secs(60)).await.unwrap();
    sqlx::query("create database filled").execute(&admin).await.unwrap();
    admin.close().await;
    let pool = connect(&cluster.url("filled"), 2, Duration::from_secs(60)).await.unwrap();
    migrate(&pool).await.unwrap();
    bind_cluster(&mut pool.acquire().await.unwrap(), CLUSTER).await.unwrap();

    let mut big = History::create(BIG);
    big.grant();
    for append in 0..300 {
        big.append(append % 5 + 1);
        if append % 100 == 0 {
            big.commit(&pool).await;
        }
    }
    let checked = big.check(&pool).await;
    let said = Said { server: "https://rpc.example".to_owned(), slot: 1, head: *checked.head(), agrees: true };
    keep_evidence(&mut pool.acquire().await.unwrap(), BIG, &[said]).await.unwrap();
    assert_eq!((big.payloads.len() as u64, big.events.len() as u64), (BIG_SIZE, BIG_EVENTS));
    big.append(1);
    big.append(2);
    big.commit(&pool).await;

    let mut small = History::create(SMALL);
    small.append(5);
    small.grant();
    small.check(&pool).await;
    halt(&mut pool.acquire().await.unwrap(), SMALL, "the account says otherwise").await.unwrap();
    History::create(EMPTY).check(&pool).await;
    let mut unchecked = History::create(UNCHECKED);
    unchecked.append(3);
    unchecked.commit(&pool).await;
    add_ledger(&mut pool.acquire().await.unwrap(), NEW).await.unwrap();
    pool.close().await;
    (big, small)
}
