//! Keys and readers' lists.

use std::time::Duration;

use counterfoil_core::{LedgerId, Wallet};
use counterfoil_store::{
    ApiKeyRow, KeyScope, PgConnection, Quota, Reader, Swap, add_reader, begin_rebuild, connect_to_rebuild,
    insert_api_key, load_api_keys, load_private_ledgers, load_readers, make_private, make_public, mark_keys_used,
    migrate, remove_reader, revoke_api_key,
};

use crate::database::{Database, LEDGER, OTHER_LEDGER};

fn key(id: u8) -> ApiKeyRow {
    ApiKeyRow {
        id: [id; 8],
        name: format!("key {id}"),
        secret_hash: [id; 32],
        scopes: vec![KeyScope::Read],
        ledgers: None,
        quota: Quota { records: Some(5), bytes: None, lamports: Some(0) },
        requests_per_minute: 600,
        created: String::new(),
        revoked: None,
        expires: None,
        last_used: None,
    }
}

#[tokio::test]
async fn keys_are_read_as_they_were_written_and_are_revoked_once() {
    let database = Database::open().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let expires = Some("2027-01-31T12:00:00Z".to_owned());
    let scopes = vec![KeyScope::Read, KeyScope::Write, KeyScope::Raw];
    let scoped = ApiKeyRow { scopes, ledgers: Some(vec![LEDGER, OTHER_LEDGER]), expires, ..key(2) };
    for key in [&key(1), &scoped] {
        insert_api_key(&mut connection, key).await.unwrap();
    }
    assert!(revoke_api_key(&mut connection, [1; 8]).await.unwrap());
    assert!(!revoke_api_key(&mut connection, [1; 8]).await.unwrap());
    assert!(!revoke_api_key(&mut connection, [3; 8]).await.unwrap());
    let stored = load_api_keys(&mut connection).await.unwrap();
    let times: Vec<(bool, bool)> = stored.iter().map(|key| (key.created.is_empty(), key.revoked.is_some())).collect();
    assert_eq!(times, [(false, true), (false, false)]);
    let without_times = |key: ApiKeyRow| ApiKeyRow { created: String::new(), revoked: None, ..key };
    assert_eq!(stored.into_iter().map(without_times).collect::<Vec<_>>(), [key(1), scoped]);

    insert_api_key(&mut connection, &key(1)).await.unwrap_err();
    let too_fast = ApiKeyRow { requests_per_minute: u32::MAX, ..key(4) };
    insert_api_key(&mut connection, &too_fast).await.unwrap_err();
}

#[tokio::test]
async fn the_use_of_a_key_is_noted_with_it_alone() {
    let database = Database::open().await;
    let mut connection = database.pool.acquire().await.unwrap();
    for id in 1..=3 {
        insert_api_key(&mut connection, &key(id)).await.unwrap();
    }
    mark_keys_used(&mut connection, &[[1; 8], [3; 8], [9; 8]]).await.unwrap();
    let used = load_api_keys(&mut connection).await.unwrap();
    let used: Vec<bool> = used.iter().map(|key| key.last_used.is_some()).collect();
    assert_eq!(used, [true, false, true]);
}

#[tokio::test]
async fn a_ledger_is_private_until_it_is_made_public() {
    let database = Database::open().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let reader = Reader { ledger: LEDGER, wallet: Wallet([8; 32]) };
    assert!(add_reader(&mut connection, reader).await.unwrap());
    assert!(make_private(&mut connection, OTHER_LEDGER).await.unwrap());
    assert!(!make_private(&mut connection, LEDGER).await.unwrap());
    assert!(remove_reader(&mut connection, reader).await.unwrap());
    assert_eq!(load_private_ledgers(&mut connection).await.unwrap(), [LEDGER, OTHER_LEDGER]);
    add_reader(&mut connection, reader).await.unwrap();
    assert!(make_public(&mut connection, LEDGER).await.unwrap());
    assert!(!make_public(&mut connection, LEDGER).await.unwrap());
    assert_eq!(load_readers(&mut connection).await.unwrap(), []);
    assert_eq!(load_private_ledgers(&mut connection).await.unwrap(), [OTHER_LEDGER]);
    // As an earlier version of the program adds one.
    let sql = "insert into reader values (decode(repeat('01', 32), 'hex'), decode(repeat('08', 32), 'hex'))";
    sqlx::query(sql).execute(&mut *connection).await.unwrap();
    assert_eq!(load_private_ledgers(&mut connection).await.unwrap(), [LEDGER, OTHER_LEDGER]);
    assert!(make_public(&mut connection, LEDGER).await.unwrap());
}

#[tokio::test]
async fn a_wallet_is_on_a_list_once() {
    let database = Database::open().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let one = Reader { ledger: LEDGER, wallet: Wallet([8; 32]) };
    let other = Reader { ledger: OTHER_LEDGER, wallet: Wallet([7; 32]) };
    for reader in [other, one] {
        assert!(add_reader(&mut connection, reader).await.unwrap());
        assert!(!add_reader(&mut connection, reader).await.unwrap());
    }
    assert_eq!(load_readers(&mut connection).await.unwrap(), [one, other]);
    assert!(remove_reader(&mut connection, one).await.unwrap());
    assert!(!remove_reader(&mut connection, one).await.unwrap());
    assert_eq!(load_readers(&mut connection).await.unwrap(), [other]);
}

async fn kept(connection: &mut PgConnection) -> (Vec<ApiKeyRow>, Vec<LedgerId>, Vec<Reader>) {
    let keys = load_api_keys(connection).await.unwrap();
    (keys, load_private_ledgers(connection).await.unwrap(), load_readers(connection).await.unwrap())
}

#[tokio::test]
async fn a_rebuilt_index_keeps_who_may_read() {
    let database = Database::open().await;
    let mut connection = database.pool.acquire().await.unwrap();
    insert_api_key(&mut connection, &key(1)).await.unwrap();
    insert_api_key(&mut connection, &ApiKeyRow { ledgers: Some(vec![LEDGER]), ..key(2) }).await.unwrap();
    revoke_api_key(&mut connection, [1; 8]).await.unwrap();
    add_reader(&mut connection, Reader { ledger: LEDGER, wallet: Wallet([8; 32]) }).await.unwrap();
    make_private(&mut connection, OTHER_LEDGER).await.unwrap();
    let before = kept(&mut connection).await;
    for keep_old in [false, true] {
        begin_rebuild(&mut connection).await.unwrap();
        let new = connect_to_rebuild(database.url(), 1, Duration::from_secs(30)).await.unwrap();
        migrate(&new).await.unwrap();
        new.close().await;
        let swap = loop {
            if let Some(swap) = Swap::begin(&mut connection).await.unwrap() {
                break swap;
            }
        };
        swap.finish(keep_old).await.unwrap();
        assert_eq!(kept(&mut connection).await, before);
    }
}
