//! An index of an earlier version is brought to this one with its data in place, and a new one leaves others' tables alone.

use std::borrow::Cow;
use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_store::{PgPool, StoreError, connect, load_cluster, load_state, migrate};
use sqlx::AssertSqlSafe;
use sqlx::migrate::Migrator;

use crate::database::{Database, LEDGER, OTHER_LEDGER, rows};
use crate::history::{Batch, History};

/// The tables as the first migration made them, and these rows written as the version of that day did.
async fn fill_first_version(pool: &PgPool, ledgers: &[(LedgerId, Batch)]) {
    let all = sqlx::migrate!("../../migrations");
    let first = Migrator { migrations: Cow::Owned(all.iter().take(1).cloned().collect()), ..Migrator::DEFAULT };
    first.run(pool).await.unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (key, (ledger, batch)) in (1..).zip(ledgers) {
        let mut sql = format!("insert into ledger (address) values ('\\x{}');", hex(&ledger.0));
        for (within, append) in batch {
            let header = &append.event().header;
            let (seq, signature) = (header.event_seq, hex(&within.signature));
            sql += &format!(
                "insert into transaction (signature, slot) select '\\x{signature}', {}
                 where not exists (select from transaction where signature = '\\x{signature}');
                 insert into event select {key}, {seq}, id, '\\x{}', '\\x{}' from transaction
                 where signature = '\\x{signature}';",
                header.slot,
                hex(&append.leaf().0),
                hex(append.leaf_bytes())
            );
            for entry in append.entries() {
                let (leaf, bytes) = (hex(&entry.leaf.0), hex(&entry.bytes));
                sql += &format!("insert into entry values ({key}, {}, {seq}, '\\x{leaf}', '\\x{bytes}');", entry.index);
            }
            for (log, tiles) in [(0, append.entry_tiles()), (1, append.event_tiles())] {
                for tile in tiles {
                    let hashes: String = tile.hashes.iter().map(|hash| hex(&hash.0)).collect();
                    let (level, index, root) = (tile.level, tile.index, hex(&tile.root.0));
                    sql += &format!(
                        "insert into tile values ({key}, {log}, {level}, {index}, '\\x{root}', '\\x{hashes}');"
                    );
                }
            }
        }
        let last = &batch.last().unwrap().1.event().header;
        sql += &format!("insert into cursor (ledger, event_seq, size) values ({key}, {}, {});", batch.len(), last.size);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
    }
}

#[tokio::test]
async fn an_index_of_the_first_version_is_migrated_with_its_data_in_place() {
    let (mut one, mut other) = (History::create(LEDGER), History::create(OTHER_LEDGER));
    (0..300).for_each(|_| one.append(1));
    one.append(300);
    other.grant();
    let batches = [(LEDGER, one.take()), (OTHER_LEDGER, other.take())];

    let today = Database::open().await;
    for (ledger, batch) in &batches {
        today.commit(*ledger, batch).await.unwrap();
    }
    let before = Database::empty().await;
    let pool = connect(&before.url, 2, Duration::from_secs(30)).await.unwrap();
    fill_first_version(&pool, &batches).await;
    migrate(&pool).await.unwrap();

    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(rows(&mut connection).await, today.rows().await);
    assert_eq!(&load_state(&mut connection, LEDGER).await.unwrap(), one.state());
}

#[tokio::test]
async fn a_schema_that_is_missing_is_made_and_other_schemas_are_left_alone() {
    let database = Database::empty().await;
    let others = connect(&database.url, 1, Duration::from_secs(30)).await.unwrap();
    sqlx::raw_sql("create table cluster (name text)").execute(&others).await.unwrap();
    let url = format!("{}?options=-c%20search_path%3Dcounterfoil", database.url);
    let pool = connect(&url, 2, Duration::from_secs(30)).await.unwrap();

    migrate(&pool).await.unwrap();
    migrate(&pool).await.unwrap();

    let public = "select string_agg(relname, ' ') from pg_class where relnamespace = 'public'::regnamespace";
    let tables: String = sqlx::query_scalar(public).fetch_one(&others).await.unwrap();
    assert_eq!(tables, "cluster");
    assert_eq!(load_cluster(&mut pool.acquire().await.unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn tables_of_others_are_refused_by_name_and_nothing_is_written() {
    let database = Database::empty().await;
    let pool = connect(&database.url, 2, Duration::from_secs(30)).await.unwrap();
    sqlx::raw_sql("create table invoice (id int); create table _sqlx_migrations (version int)")
        .execute(&pool)
        .await
        .unwrap();

    let error = migrate(&pool).await.unwrap_err();

    let StoreError::ForeignTable { schema, table } = error else { panic!("{error:?}") };
    assert_eq!((schema.as_str(), table.as_str()), ("public", "invoice"));
}
