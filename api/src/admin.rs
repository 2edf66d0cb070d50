//! What an operator writes: keys and lists of readers. The service itself only reads them.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context, ensure};
use counterfoil_core::{LedgerId, Wallet};
use counterfoil_store::{
    ApiKeyRow, PgPoolConnection, Reader, StoreError, add_reader, connect, insert_api_key, load_api_keys, load_readers,
    remove_reader, revoke_api_key,
};
use serde_json::json;

use crate::access::{ApiKey, key_id_text, parse_key_id};

/// The table holds no longer one.
const MAX_NAME: usize = 100;

/// What to do. What comes of it is told as lines of JSON.
#[derive(Clone, Debug)]
pub enum Admin {
    /// Make a key.
    CreateKey {
        /// What it is for.
        name: String,
        /// The ledgers that it reads, private ones too; all that are not private when there are none.
        ledgers: Vec<LedgerId>,
        /// Requests a minute.
        rate: NonZeroU32,
    },
    /// List all keys, without secrets.
    ListKeys,
    /// End a key.
    RevokeKey {
        /// Its public part.
        id: String,
    },
    /// Put a wallet on a ledger's list.
    AddReader(LedgerId, Wallet),
    /// Take a wallet off a ledger's list.
    RemoveReader(LedgerId, Wallet),
    /// List all readers, or a ledger's.
    ListReaders(Option<LedgerId>),
}

/// Does it, and says what came of it.
///
/// # Errors
/// When the database refuses, or there is nothing to revoke or remove.
pub async fn administer(database_url: &str, admin: Admin) -> anyhow::Result<Vec<serde_json::Value>> {
    if let Admin::CreateKey { name, .. } = &admin {
        let length = name.chars().count();
        ensure!(!name.trim().is_empty(), "a key's name must not be empty: say with --name what the key is for");
        ensure!(length <= MAX_NAME, "a key's name has at most {MAX_NAME} characters, this one has {length}");
    }
    let pool = connect(database_url, 1, Duration::from_secs(30)).await;
    let pool = pool.context("cannot reach the database: check DATABASE_URL and that PostgreSQL runs")?;
    let mut connection = pool.acquire().await?;
    let said = match admin {
        Admin::CreateKey { name, ledgers, rate } => {
            vec![create_key(&mut connection, name, ledgers, rate).await?]
        }
        Admin::ListKeys => load_api_keys(&mut connection).await.map_err(refused)?.iter().map(key_json).collect(),
        Admin::RevokeKey { id } => {
            let key = parse_key_id(&id).with_context(|| format!("{id} is not the id of a key: `key list` has them"))?;
            let is_revoked = revoke_api_key(&mut connection, key).await.map_err(refused)?;
            ensure!(is_revoked, "there is no key {id} that is not revoked already");
            vec![json!({ "id": id, "revoked": true })]
        }
        Admin::AddReader(ledger, wallet) => {
            add_reader(&mut connection, Reader { ledger, wallet }).await.map_err(refused)?;
            vec![reader_json(&Reader { ledger, wallet })]
        }
        Admin::RemoveReader(ledger, wallet) => {
            let is_removed = remove_reader(&mut connection, Reader { ledger, wallet }).await.map_err(refused)?;
            ensure!(is_removed, "wallet {wallet} is not on the list of ledger {ledger}");
            let readers = load_readers(&mut connection).await.map_err(refused)?;
            let is_private = readers.iter().any(|reader| reader.ledger == ledger);
            vec![json!({ "ledger": ledger.to_string(), "removed": wallet.to_string(), "private": is_private })]
        }
        Admin::ListReaders(only) => {
            let readers = load_readers(&mut connection).await.map_err(refused)?;
            let of_ledger = |reader: &&Reader| only.is_none_or(|only| reader.ledger == only);
            readers.iter().filter(of_ledger).map(reader_json).collect()
        }
    };
    drop(connection);
    pool.close().await;
    Ok(said)
}

/// Says what to do about an error of the database's.
fn refused(error: StoreError) -> anyhow::Error {
    let advice = match &error {
        error if error.is_of_tables() => {
            "the tables are not there, or of another version: the indexer makes them, start its version of this program once"
        }
        error if error.is_not_permitted() => {
            "this role may not do that: give DATABASE_URL of one that may write the tables of keys and readers"
        }
        error if error.is_of_standby() => "this database only reads: give DATABASE_URL of the primary",
        error if error.is_of_value() => "the database refuses what was to be written",
        error if error.is_transient() => "the database does not answer as it should: try again",
        _ => "the database failed",
    };
    anyhow::Error::new(error).context(advice)
}

async fn create_key(
    connection: &mut PgPoolConnection,
    name: String,
    ledgers: Vec<LedgerId>,
    rate: NonZeroU32,
) -> anyhow::Result<serde_json::Value> {
    let key = ApiKey::generate()?;
    let row = ApiKeyRow {
        id: key.id,
        name,
        secret_hash: key.secret_hash(),
        ledgers: Some(ledgers).filter(|ledgers| !ledgers.is_empty()),
        requests_per_minute: rate.get(),
        created: String::new(),
        revoked: None,
    };
    insert_api_key(connection, &row).await.map_err(refused)?;
    Ok(json!({ "id": key_id_text(key.id), "key": key.to_secret_text() }))
}

fn key_json(key: &ApiKeyRow) -> serde_json::Value {
    let ledgers = key.ledgers.as_ref();
    json!({
        "id": key_id_text(key.id),
        "name": key.name,
        "ledgers": ledgers.map(|ledgers| ledgers.iter().map(LedgerId::to_string).collect::<Vec<_>>()),
        "requests_per_minute": key.requests_per_minute,
        "created": key.created,
        "revoked": key.revoked,
    })
}

fn reader_json(reader: &Reader) -> serde_json::Value {
    json!({ "ledger": reader.ledger.to_string(), "wallet": reader.wallet.to_string() })
}
