//! How PostgreSQL reads tiles: by index, in one plan that it keeps, whatever the sizes of the tables.

use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_store::{Log, PgConnection, TileSet, connect, load_ledger, load_tile_sets};
use merkle_log::Tile;
use sqlx::AssertSqlSafe;

use crate::database::{Database, LEDGER, OTHER_LEDGER};
use crate::history::History;

/// As many rows PostgreSQL is told to believe in each table.
const ROWS: [u32; 2] = [100_000, 100_000_000];
const READS: i64 = 20;
/// PostgreSQL plans a statement again this number of times before it compares with the plan that it could keep.
/// Source: `choose_custom_plan` in src/backend/utils/cache/plancache.c.
const PLANS_BEFORE_IT_DECIDES: i64 = 5;

/// How the statement is executed that reads tiles.
struct Plan {
    /// The planner's estimate of the kept one, in its own unit.
    cost: f64,
    /// As EXPLAIN shows it.
    text: String,
    /// How often it was planned for the values at hand, and how often the kept plan was used.
    planned_anew: i64,
    kept: i64,
}

/// Reads these tiles of the entries many times on a new connection.
async fn plan_of_reading(database: &Database, ledger: LedgerId, tiles: &[Tile]) -> Plan {
    let pool = connect(database.url(), 1, Duration::from_secs(30)).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let row = load_ledger(&mut connection, ledger).await.unwrap();
    let set = TileSet { ledger: &row, log: Log::Entries, tiles: tiles.to_vec() };
    for _ in 0..READS {
        load_tile_sets(&mut connection, std::slice::from_ref(&set)).await.unwrap();
    }
    explain(&mut connection).await
}

async fn explain(connection: &mut PgConnection) -> Plan {
    let (name, parameters, planned_anew, kept): (String, i32, i64, i64) = sqlx::query_as(
        "select name, cardinality(parameter_types), custom_plans, generic_plans from pg_prepared_statements
         where statement like $1",
    )
    .bind("%from tile%")
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    sqlx::query("set plan_cache_mode = force_generic_plan").execute(&mut *connection).await.unwrap();
    let nulls = vec!["null"; parameters as usize].join(", ");
    let statement = format!("explain execute {name} ({nulls})");
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(&mut *connection).await.unwrap();
    let cost = lines[0].split("..").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    Plan { cost, text: lines.join("\n"), planned_anew, kept }
}

#[tokio::test]
async fn tiles_are_read_by_index_in_one_plan_that_is_kept_at_all_sizes() {
    let database = Database::open().await;
    let (mut whole, mut holed) = (History::create(LEDGER), History::create(OTHER_LEDGER));
    whole.append(600);
    holed.append(300);
    holed.append_subtrees(300);
    database.commit(LEDGER, &whole.take()).await.unwrap();
    database.commit(OTHER_LEDGER, &holed.take()).await.unwrap();
    sqlx::raw_sql("vacuum analyze").execute(&database.pool).await.unwrap();
    let tile = |level, index, width| Tile { level, index, width };
    let tiles = [tile(0, 0, 256), tile(0, 1, 256), tile(0, 2, 88), tile(1, 0, 2)];

    let mut costs = Vec::new();
    for rows in ROWS {
        let believe = format!(
            "update pg_class set reltuples = {rows}, relpages = pg_relation_size(oid) / 8192
             where relkind = 'r' and relname ~ '^(entry|event|tile)_[0-9]$|^subtree$' and pg_relation_size(oid) > 0"
        );
        let changed = sqlx::query(AssertSqlSafe(believe)).execute(&database.pool).await.unwrap();
        assert_eq!(changed.rows_affected(), 7, "three tables of each ledger, and the subtrees");
        for ledger in [LEDGER, OTHER_LEDGER] {
            let plan = plan_of_reading(&database, ledger, &tiles).await;
            println!("{rows} rows:\n{}", plan.text);
            assert_eq!((plan.planned_anew, plan.kept), (PLANS_BEFORE_IT_DECIDES, READS - PLANS_BEFORE_IT_DECIDES));
            costs.push(plan.cost);
        }
    }
    let [whole, holed, whole_later, holed_later] = costs[..] else { panic!("two ledgers at two sizes") };
    assert!(whole_later < 2.0 * whole, "{whole} has become {whole_later}");
    assert!(holed_later < 2.0 * holed, "{holed} has become {holed_later}");
}
