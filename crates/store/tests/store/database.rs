//! One PostgreSQL server for the tests that run at the same time, and a database for each test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_store::{PgConnection, PgPool, StoreError, add_ledger, commit, connect, migrate};
use pgcluster::{Cluster, Durability};
use sqlx::AssertSqlSafe;

use crate::history::Batch;

pub const LEDGER: LedgerId = LedgerId([1; 32]);
pub const OTHER_LEDGER: LedgerId = LedgerId([2; 32]);

const TABLES: [&str; 14] = [
    "cluster",
    "ledger",
    "event",
    "entry",
    "tile",
    "subtree",
    "cursor",
    "halt",
    "pending",
    "api_key",
    "private_ledger",
    "reader",
    "evidence",
    "lease",
];

/// For statements that write by hand: as many bytes as asked for.
const BYTES: &str = "create function bytes(length integer) returns bytea language sql immutable
    as $$ select decode(repeat('ab', length), 'hex') $$";

/// The server ends with the last test that uses it, and its folder is removed.
struct Server {
    cluster: Cluster,
    databases: AtomicU32,
}

/// A migrated database in which both ledgers are known, the first as 1, the other as 2.
pub struct Database {
    pub pool: PgPool,
    empty: EmptyDatabase,
}

/// A database without tables.
pub struct EmptyDatabase {
    pub url: String,
    _server: Arc<Server>,
}

impl Database {
    pub async fn empty() -> EmptyDatabase {
        let server = server();
        let name = format!("test_{}", server.databases.fetch_add(1, Ordering::Relaxed));
        server.cluster.create_database(&name).unwrap();
        EmptyDatabase { url: server.cluster.url(&name), _server: server }
    }

    pub async fn open() -> Self {
        let empty = Self::empty().await;
        let pool = connect(&empty.url, 4, Duration::from_secs(30)).await.unwrap();
        migrate(&pool).await.unwrap();
        sqlx::query(BYTES).execute(&pool).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        add_ledger(&mut connection, LEDGER).await.unwrap();
        add_ledger(&mut connection, OTHER_LEDGER).await.unwrap();
        Self { pool, empty }
    }

    pub fn url(&self) -> &str {
        &self.empty.url
    }

    /// Commits a batch in a transaction of its own, and rolls back when it is refused.
    pub async fn commit(&self, ledger: LedgerId, batch: &Batch) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await.unwrap();
        let outcome = commit(&mut transaction, ledger, batch).await;
        match outcome {
            Ok(()) => transaction.commit().await.unwrap(),
            Err(_) => transaction.rollback().await.unwrap(),
        }
        outcome
    }

    /// Every row of every table.
    pub async fn rows(&self) -> Vec<String> {
        rows(&mut self.pool.acquire().await.unwrap()).await
    }
}

pub async fn rows(connection: &mut PgConnection) -> Vec<String> {
    let mut rows = Vec::new();
    for table in TABLES {
        let sql = format!("select '{table} ' || {table}::text from {table} order by 1");
        rows.extend(sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.unwrap());
    }
    rows
}

/// The rule of the whole table that a partition's rule is part of.
pub async fn rule(pool: &PgPool, constraint: &str) -> String {
    sqlx::query_scalar(
        "select coalesce(whole.conname, part.conname)::text
         from pg_constraint as part left join pg_constraint as whole on whole.oid = part.conparentid
         where part.conname = $1 limit 1",
    )
    .bind(constraint)
    .fetch_one(pool)
    .await
    .unwrap()
}

/// Changes the database as its owner could.
pub async fn tamper(connection: &mut PgConnection, sql: &str) {
    let changed = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap().rows_affected();
    assert!(changed > 0, "nothing was changed by: {sql}");
}

fn server() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    if let Some(server) = shared.upgrade() {
        return server;
    }
    let cluster = Cluster::start_temporary(Durability::None).unwrap();
    let server = Arc::new(Server { cluster, databases: AtomicU32::new(0) });
    *shared = Arc::downgrade(&server);
    server
}
