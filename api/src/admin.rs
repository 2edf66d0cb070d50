//! The operator's commands: keys, which ledgers are private, and lists of readers. The service itself only reads them.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context, ensure};
use counterfoil_core::{LedgerId, Wallet};
use counterfoil_http::{ApiKey, key_id_text, parse_key_id};
use counterfoil_store::{
    ApiKeyRow, KeyScope, PgPoolConnection, Quota, Reader, StoreError, add_reader, connect, insert_api_key,
    load_api_keys, load_ledger, load_private_ledgers, load_readers, make_private, make_public, remove_reader,
    revoke_api_key,
};
use jiff::Timestamp;
use serde_json::json;
use tracing::warn;

/// The table holds no longer one.
const MAX_NAME: usize = 100;

/// A command. It tells its outcome as lines of JSON.
#[derive(Clone, Debug)]
pub enum Admin {
    /// Make a key.
    CreateKey {
        /// Its purpose.
        name: String,
        /// The scopes; reading when there are none.
        scopes: Vec<KeyScope>,
        /// Bounds of its use of the gateway.
        quota: Quota,
        /// The ledgers that it is for, private ones too; all that are not private when there are none.
        ledgers: Vec<LedgerId>,
        /// Requests a minute.
        rate: NonZeroU32,
        /// From when on it is worth nothing.
        expires: Option<Timestamp>,
    },
    /// List all keys, without secrets.
    ListKeys,
    /// End a key.
    RevokeKey {
        /// Its public part.
        id: String,
    },
    /// Make a ledger private.
    MakePrivate(LedgerId),
    /// Make a ledger public, and its list empty.
    MakePublic(LedgerId),
    /// List the private ledgers.
    ListPrivate,
    /// Put a wallet on a ledger's list, and make the ledger private.
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
        Admin::CreateKey { name, scopes, quota, ledgers, rate, expires } => {
            let scopes = if scopes.is_empty() { vec![KeyScope::Read] } else { scopes };
            vec![create_key(&mut connection, name, scopes, quota, ledgers, rate, expires).await?]
        }
        Admin::ListKeys => load_api_keys(&mut connection).await.map_err(refused)?.iter().map(key_json).collect(),
        Admin::RevokeKey { id } => {
            let key = parse_key_id(&id).with_context(|| format!("{id} is not the id of a key: `key list` has them"))?;
            let is_revoked = revoke_api_key(&mut connection, key).await.map_err(refused)?;
            ensure!(is_revoked, "there is no key {id} that is not revoked already");
            vec![json!({ "id": id, "revoked": true })]
        }
        Admin::MakePrivate(ledger) => {
            make_private(&mut connection, ledger).await.map_err(refused)?;
            let is_in_index = is_in_index(&mut connection, ledger).await?;
            vec![json!({ "ledger": ledger.to_string(), "private": true, "in_index": is_in_index })]
        }
        Admin::MakePublic(ledger) => {
            let was_private = make_public(&mut connection, ledger).await.map_err(refused)?;
            ensure!(was_private, "ledger {ledger} is not private: `ledger list-private` has those that are");
            vec![json!({ "ledger": ledger.to_string(), "private": false })]
        }
        Admin::ListPrivate => {
            let private = load_private_ledgers(&mut connection).await.map_err(refused)?;
            private.iter().map(|ledger| json!({ "ledger": ledger.to_string() })).collect()
        }
        Admin::AddReader(ledger, wallet) => {
            add_reader(&mut connection, Reader { ledger, wallet }).await.map_err(refused)?;
            let mut said = reader_json(&Reader { ledger, wallet });
            said["private"] = true.into();
            said["in_index"] = is_in_index(&mut connection, ledger).await?.into();
            vec![said]
        }
        Admin::RemoveReader(ledger, wallet) => {
            let is_removed = remove_reader(&mut connection, Reader { ledger, wallet }).await.map_err(refused)?;
            ensure!(is_removed, "wallet {wallet} is not on the list of ledger {ledger}");
            vec![json!({ "ledger": ledger.to_string(), "removed": wallet.to_string(), "private": true })]
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

/// Whether the index knows a ledger; warns where it does not, as the address may be mistyped.
async fn is_in_index(connection: &mut PgPoolConnection, ledger: LedgerId) -> anyhow::Result<bool> {
    let is_known = match load_ledger(connection, ledger).await {
        Ok(_) => true,
        Err(StoreError::UnknownLedger(_)) => false,
        Err(error) => return Err(refused(error)),
    };
    if !is_known {
        warn!(
            "ledger {ledger} is not in this index: compare the address. Should it appear, it is private from the first"
        );
    }
    Ok(is_known)
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
    scopes: Vec<KeyScope>,
    quota: Quota,
    ledgers: Vec<LedgerId>,
    rate: NonZeroU32,
    expires: Option<Timestamp>,
) -> anyhow::Result<serde_json::Value> {
    let key = ApiKey::generate()?;
    let row = ApiKeyRow {
        id: key.id,
        name,
        secret_hash: key.secret_hash(),
        scopes,
        ledgers: Some(ledgers).filter(|ledgers| !ledgers.is_empty()),
        requests_per_minute: rate.get(),
        quota,
        created: String::new(),
        revoked: None,
        expires: expires.map(|expires| expires.to_string()),
        last_used: None,
    };
    insert_api_key(connection, &row).await.map_err(refused)?;
    Ok(json!({ "id": key_id_text(key.id), "key": key.to_secret_text() }))
}

fn key_json(key: &ApiKeyRow) -> serde_json::Value {
    let ledgers = key.ledgers.as_ref();
    json!({
        "id": key_id_text(key.id),
        "name": key.name,
        "scopes": key.scopes.iter().map(|scope| scope.text()).collect::<Vec<_>>(),
        "ledgers": ledgers.map(|ledgers| ledgers.iter().map(LedgerId::to_string).collect::<Vec<_>>()),
        "requests_per_minute": key.requests_per_minute,
        "records_a_day": key.quota.records.map(|bound| bound.to_string()),
        "bytes_a_day": key.quota.bytes.map(|bound| bound.to_string()),
        "lamports_a_day": key.quota.lamports.map(|bound| bound.to_string()),
        "created": key.created,
        "revoked": key.revoked,
        "expires": key.expires,
        "last_used": key.last_used,
    })
}

fn reader_json(reader: &Reader) -> serde_json::Value {
    json!({ "ledger": reader.ledger.to_string(), "wallet": reader.wallet.to_string() })
}
