use std::collections::BTreeSet;

use counterfoil_core::{GenesisHash, ProgramId};
use counterfoil_store::{Cluster, PgPool, bind_cluster, halt};
use sqlx::AssertSqlSafe;

use crate::database::{Database, LEDGER, rule};
use crate::history::History;

/// Each rule that the tables keep, by name, with a statement that breaks it and no other. The index holds one bound
/// cluster, ledgers 1 and 2, and of ledger 1 events 0 and 1, entry 0, a tile, a subtree and a halt; a key and a reader.
const VIOLATIONS: &[(&str, &str)] = &[
    ("cluster_one_row", "insert into cluster (genesis_hash, program) values (bytes(32), bytes(32))"),
    ("cluster_is_only", "insert into cluster values (false, bytes(32), bytes(32))"),
    ("cluster_genesis_hash_length", "update cluster set genesis_hash = bytes(31)"),
    ("cluster_program_length", "update cluster set program = bytes(33)"),
    ("ledger_key", "insert into ledger (id, address) overriding system value values (1, bytes(32))"),
    ("ledger_address_unique", "insert into ledger (address) select address from ledger where id = 1"),
    ("ledger_address_length", "insert into ledger (address) values (bytes(31))"),
    ("event_key_by_ledger", "insert into event values (1, 1, bytes(64), bytes(32), bytes(152))"),
    ("event_seq_range", "insert into event values (1, -1, bytes(64), bytes(32), bytes(152))"),
    ("event_signature_length", "insert into event values (1, 2, bytes(63), bytes(32), bytes(152))"),
    ("event_leaf_hash_length", "insert into event values (1, 2, bytes(64), bytes(20), bytes(152))"),
    ("event_leaf_length", "insert into event values (1, 2, bytes(64), bytes(32), bytes(151))"),
    ("entry_key_by_ledger", "insert into entry values (1, 0, 1, bytes(32), 'x')"),
    ("entry_event_seq_range", "insert into entry values (1, 1, -1, bytes(32), 'x')"),
    ("entry_index_range", "insert into entry values (1, -1, 1, bytes(32), 'x')"),
    ("entry_leaf_hash_length", "insert into entry values (1, 1, 1, bytes(33), 'x')"),
    ("entry_payload_length", "insert into entry values (1, 1, 1, bytes(32), '')"),
    ("entry_payload_length", "insert into entry values (1, 1, 1, bytes(32), bytes(65536))"),
    ("tile_key_by_ledger", "insert into tile values (1, 0, 0, 0, bytes(32), bytes(8192))"),
    ("tile_log_known", "insert into tile values (1, 2, 0, 0, bytes(32), bytes(8192))"),
    ("tile_level_range", "insert into tile values (1, 0, 6, 0, bytes(32), bytes(8192))"),
    ("tile_level_range", "insert into tile values (1, 0, -1, 0, bytes(32), bytes(8192))"),
    ("tile_index_range", "insert into tile values (1, 0, 0, -1, bytes(32), bytes(8192))"),
    ("tile_root_length", "insert into tile values (1, 0, 0, 1, bytes(31), bytes(8192))"),
    ("tile_hashes_length", "insert into tile values (1, 0, 0, 1, bytes(32), bytes(8160))"),
    ("subtree_key", "insert into subtree values (1, 0, 0, bytes(32), 0, false)"),
    ("subtree_ledger", "insert into subtree values (99, 0, 0, bytes(32), 0, false)"),
    ("subtree_level_range", "insert into subtree values (1, 48, 0, bytes(32), 0, false)"),
    ("subtree_level_range", "insert into subtree values (1, -1, 0, bytes(32), 0, false)"),
    ("subtree_index_range", "insert into subtree values (1, 0, -1, bytes(32), 0, false)"),
    ("subtree_event_seq_range", "insert into subtree values (1, 0, 1, bytes(32), -1, false)"),
    ("subtree_is_of_tile_level", "insert into subtree values (1, 7, 1, bytes(32), 0, true)"),
    ("subtree_is_of_tile_level", "insert into subtree values (1, 48, 1, bytes(32), 0, true)"),
    ("cursor_missing_range", "update cursor set missing = -1 where ledger = 1"),
    ("cursor_missing_range", "update cursor set missing = checked_size + 1 where ledger = 1"),
    ("subtree_root_length", "insert into subtree values (1, 0, 1, bytes(64), 0, false)"),
    ("cursor_key", "insert into cursor (ledger) values (1)"),
    ("cursor_ledger", "insert into cursor (ledger) values (99)"),
    ("cursor_checked_not_above_applied", "update cursor set event_seq = -1 where ledger = 2"),
    ("cursor_checked_not_above_applied", "update cursor set checked_size = -1 where ledger = 2"),
    ("cursor_checked_not_above_applied", "update cursor set checked_size = size + 1 where ledger = 1"),
    (
        "cursor_checked_not_above_applied",
        "update cursor set checked_event_seq = event_seq + 1, checked_root = bytes(32), checked_event_root = bytes(32),
         checked_slot = 1 where ledger = 1",
    ),
    ("cursor_checked_complete", "update cursor set checked_event_seq = 1 where ledger = 1"),
    (
        "cursor_checked_complete",
        "update cursor set checked_event_seq = 1, checked_root = bytes(32), checked_slot = 1 where ledger = 1",
    ),
    (
        "cursor_checked_complete",
        "update cursor set checked_event_seq = 1, checked_root = bytes(32), checked_event_root = bytes(32)
         where ledger = 1",
    ),
    (
        "cursor_checked_complete",
        "update cursor set checked_root = bytes(32), checked_event_root = bytes(32), checked_slot = 1 where ledger = 1",
    ),
    (
        "cursor_root_lengths",
        "update cursor set checked_event_seq = 1, checked_root = bytes(31), checked_event_root = bytes(32),
         checked_slot = 1 where ledger = 1",
    ),
    (
        "cursor_root_lengths",
        "update cursor set checked_event_seq = 1, checked_root = bytes(32), checked_event_root = bytes(33),
         checked_slot = 1 where ledger = 1",
    ),
    (
        "cursor_slot_range",
        "update cursor set checked_event_seq = 1, checked_root = bytes(32), checked_event_root = bytes(32),
         checked_slot = -1 where ledger = 1",
    ),
    ("halt_key", "insert into halt (ledger, reason) values (1, 'again')"),
    ("halt_ledger", "insert into halt (ledger, reason) values (99, 'unknown')"),
    ("pending_key", "insert into pending select * from pending"),
    ("pending_ledger", "insert into pending values (99, 2, bytes(64), 1, bytes(152), '{}')"),
    ("pending_seq_range", "insert into pending values (1, -1, bytes(64), 1, bytes(152), '{}')"),
    ("pending_signature_length", "insert into pending values (1, 3, bytes(63), 1, bytes(152), '{}')"),
    ("pending_slot_range", "insert into pending values (1, 3, bytes(64), -1, bytes(152), '{}')"),
    ("api_key_key", "insert into api_key select * from api_key"),
    ("api_key_id_length", "update api_key set id = bytes(7)"),
    ("api_key_name_length", "update api_key set name = ''"),
    ("api_key_name_length", "update api_key set name = repeat('x', 101)"),
    ("api_key_secret_hash_length", "update api_key set secret_hash = bytes(31)"),
    ("api_key_ledgers_not_empty", "update api_key set ledgers = '{}'"),
    ("api_key_rate_range", "update api_key set requests_per_minute = 0"),
    ("api_key_quotas_range", "update api_key set records_a_day = -1"),
    ("api_key_quotas_range", "update api_key set lamports_a_day = -1, bytes_a_day = 5"),
    ("api_key_scopes_known", "update api_key set scopes = '{}'"),
    ("api_key_scopes_known", "update api_key set scopes = '{read,erase}'"),
    ("private_ledger_key", "insert into private_ledger select * from private_ledger"),
    ("private_ledger_length", "insert into private_ledger values (bytes(33))"),
    ("reader_key", "insert into reader select * from reader"),
    ("reader_ledger_length", "insert into reader values (bytes(31), bytes(32))"),
    ("reader_wallet_length", "insert into reader values (bytes(32), bytes(33))"),
    ("pending_leaf_length", "insert into pending values (1, 3, bytes(64), 1, bytes(151), '{}')"),
    ("evidence_key", "insert into evidence select * from evidence"),
    ("evidence_ledger", "insert into evidence values (99, 'a', true, 0, 0, 1, 1, 1, bytes(32), bytes(32), now())"),
    ("evidence_place_range", "insert into evidence values (1, 'a', true, 16, 0, 1, 1, 1, bytes(32), bytes(32), now())"),
    ("evidence_place_range", "insert into evidence values (1, 'a', false, 64, 0, 1, 1, 1, bytes(32), bytes(32), null)"),
    (
        "evidence_numbers_range",
        "insert into evidence values (1, 'a', true, 0, -1, 1, 1, 1, bytes(32), bytes(32), now())",
    ),
    ("evidence_root_lengths", "insert into evidence values (1, 'a', true, 0, 0, 1, 1, 1, bytes(31), bytes(32), now())"),
    (
        "evidence_since_of_agreement",
        "insert into evidence values (1, 'a', false, 0, 0, 1, 1, 1, bytes(32), bytes(32), now())",
    ),
    (
        "evidence_since_of_agreement",
        "insert into evidence values (1, 'a', true, 0, 0, 1, 1, 1, bytes(32), bytes(32), null)",
    ),
    ("lease_key", "insert into lease select * from lease"),
    ("lease_one_row", "update lease set is_only = false"),
];

async fn filled() -> Database {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    history.append(1);
    database.commit(LEDGER, &history.take()).await.unwrap();
    let cluster = Cluster { genesis_hash: GenesisHash([3; 32]), program: ProgramId([4; 32]) };
    let mut connection = database.pool.acquire().await.unwrap();
    bind_cluster(&mut connection, cluster).await.unwrap();
    halt(&mut connection, LEDGER, "both heads").await.unwrap();
    drop(connection);
    let rows = "
        insert into tile values (1, 0, 0, 0, bytes(32), bytes(8192));
        insert into subtree values (1, 0, 0, bytes(32), 0, false);
        insert into pending values (1, 2, bytes(64), 1, bytes(152), '{}');
        insert into api_key (id, name, secret_hash, requests_per_minute) values (bytes(8), 'x', bytes(32), 1);
        insert into private_ledger values (bytes(32));
        insert into reader values (bytes(32), bytes(32));
        insert into lease (epoch, renewed_at) values (1, now());
        insert into evidence values (1, 'a', true, 1, 0, 1, 1, 1, bytes(32), bytes(32), now());";
    sqlx::raw_sql(rows).execute(&database.pool).await.unwrap();
    database
}

/// The name of the rule that refused the statement, if one did.
async fn refused_by(pool: &PgPool, statement: &str) -> Option<String> {
    let error = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(pool).await.err()?;
    Some(rule(pool, error.as_database_error()?.constraint()?).await)
}

#[tokio::test]
async fn each_rule_of_the_tables_refuses_what_breaks_it() {
    let database = filled().await;
    let before = database.rows().await;
    for (constraint, statement) in VIOLATIONS {
        assert_eq!(refused_by(&database.pool, statement).await.as_deref(), Some(*constraint), "{statement}");
    }
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn each_rule_of_the_tables_has_a_statement_that_breaks_it() {
    let database = Database::open().await;
    let rules: Vec<String> = sqlx::query_scalar(
        "select conname::text from pg_constraint join pg_class on pg_class.oid = conrelid
         where relnamespace = 'public'::regnamespace and contype in ('c', 'f', 'p', 'u') and not relispartition
         and relname <> '_sqlx_migrations'",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let rules: BTreeSet<&str> = rules.iter().map(String::as_str).collect();
    assert_eq!(rules, VIOLATIONS.iter().map(|(constraint, _)| *constraint).collect());
}
