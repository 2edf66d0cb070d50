//! Tables `api_key`, `private_ledger` and `reader`: who may read through the API.
//!
//! The API reads them; only an operator's commands write them, but for when a key was last used.

use counterfoil_core::{LedgerId, Wallet};
use sqlx::PgConnection;

use crate::StoreError;
use crate::convert::{bytes, from_bigint, to_bigint};

/// The public part of a key's text.
pub type KeyId = [u8; 8];

/// A permission of a key, within its ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyScope {
    /// Read through the API.
    Read,
    /// Have the gateway accept records.
    Write,
    /// Have the gateway accept entries whose bytes are public for ever.
    Raw,
}

impl KeyScope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Raw];

    /// As the table and the commands name it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Raw => "raw",
        }
    }

    fn read(key: &str, text: &str) -> Result<Self, StoreError> {
        let scope = Self::ALL.into_iter().find(|scope| scope.text() == text);
        scope.ok_or_else(|| StoreError::corrupt("api_key", key, format!("there is no scope {text}")))
    }
}

/// A key as stored. The table holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// The public part of its text.
    pub id: KeyId,
    /// Its purpose, in the operator's words.
    pub name: String,
    /// SHA-256 of the secret part.
    pub secret_hash: [u8; 32],
    /// Its permissions, at least one.
    pub scopes: Vec<KeyScope>,
    /// The ledgers that it is for; none for all that are not private.
    pub ledgers: Option<Vec<LedgerId>>,
    /// How many requests it may make in a minute.
    pub requests_per_minute: u32,
    /// Bounds of its use of the gateway.
    pub quota: Quota,
    /// Since when, RFC 3339 in UTC.
    pub created: String,
    /// Since when it is worth nothing, RFC 3339 in UTC.
    pub revoked: Option<String>,
    /// From when on it is worth nothing, RFC 3339 in UTC.
    pub expires: Option<String>,
    /// When it was last used, to a minute or so, RFC 3339 in UTC.
    pub last_used: Option<String>,
}

/// Bounds of what a key uses of the gateway in 24 hours; none where there is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Records.
    pub records: Option<u64>,
    /// Bytes of records.
    pub bytes: Option<u64>,
    /// Its share of what transactions cost, in lamports.
    pub lamports: Option<u64>,
}

/// A wallet on a ledger's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The ledger, which is private.
    pub ledger: LedgerId,
    /// The reader.
    pub wallet: Wallet,
}

/// Writes a key. The times of the row are the database's, but for its end.
///
/// # Errors
/// [`StoreError::Database`], also when the row breaks a rule of the table.
pub async fn insert_api_key(connection: &mut PgConnection, key: &ApiKeyRow) -> Result<(), StoreError> {
    let ledgers: Option<Vec<Vec<u8>>> =
        key.ledgers.as_ref().map(|ledgers| ledgers.iter().map(|ledger| ledger.0.to_vec()).collect());
    let rate = i32::try_from(key.requests_per_minute)
        .map_err(|_| StoreError::TooLarge { what: "rate", value: key.requests_per_minute.into() })?;
    let scopes: Vec<String> = key.scopes.iter().map(|scope| scope.text().to_owned()).collect();
    sqlx::query!(
        "insert into api_key (id, name, secret_hash, ledgers, requests_per_minute, expires, scopes,
                              records_a_day, bytes_a_day, lamports_a_day)
         values ($1, $2, $3, $4, $5, $6::text::timestamptz, $7, $8, $9, $10)",
        &key.id[..],
        key.name,
        &key.secret_hash[..],
        ledgers.as_deref(),
        rate,
        key.expires,
        &scopes,
        bound("records a day", key.quota.records)?,
        bound("bytes a day", key.quota.bytes)?,
        bound("lamports a day", key.quota.lamports)?,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn bound(what: &'static str, bound: Option<u64>) -> Result<Option<i64>, StoreError> {
    bound.map(|bound| to_bigint(what, bound)).transpose()
}

/// Reads all keys, the oldest first.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_api_keys(connection: &mut PgConnection) -> Result<Vec<ApiKeyRow>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, name, secret_hash, scopes, ledgers, requests_per_minute,
                  records_a_day, bytes_a_day, lamports_a_day,
                  to_char(created at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "created!",
                  to_char(revoked at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as revoked,
                  to_char(expires at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as expires,
                  to_char(last_used at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as last_used
           from api_key order by api_key.created, id"#
    );
    let rows = rows.fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| {
            let id: KeyId = bytes("api_key", &row.name, &row.id)?;
            let ledger = |address: &Vec<u8>| Ok::<_, StoreError>(LedgerId(bytes("api_key", &row.name, address)?));
            let ledgers = row.ledgers.as_ref().map(|ledgers| ledgers.iter().map(ledger).collect());
            let scopes = row.scopes.iter().map(|scope| KeyScope::read(&row.name, scope)).collect::<Result<_, _>>()?;
            let rate = u32::try_from(row.requests_per_minute);
            Ok(ApiKeyRow {
                id,
                secret_hash: bytes("api_key", &row.name, &row.secret_hash)?,
                scopes,
                ledgers: ledgers.transpose()?,
                requests_per_minute: rate.map_err(|error| StoreError::corrupt("api_key", &row.name, error))?,
                quota: Quota {
                    records: row.records_a_day.map(|bound| from_bigint("api_key", &row.name, bound)).transpose()?,
                    bytes: row.bytes_a_day.map(|bound| from_bigint("api_key", &row.name, bound)).transpose()?,
                    lamports: row.lamports_a_day.map(|bound| from_bigint("api_key", &row.name, bound)).transpose()?,
                },
                created: row.created,
                revoked: row.revoked,
                expires: row.expires,
                last_used: row.last_used,
                name: row.name,
            })
        })
        .collect()
}

/// Revokes a key. Whether there was such a key and it was not revoked.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_api_key(connection: &mut PgConnection, id: KeyId) -> Result<bool, StoreError> {
    let revoked = sqlx::query!("update api_key set revoked = now() where id = $1 and revoked is null", &id[..]);
    Ok(revoked.execute(connection).await?.rows_affected() > 0)
}

/// Notes that these keys were used just now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn mark_keys_used(connection: &mut PgConnection, ids: &[KeyId]) -> Result<(), StoreError> {
    let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.to_vec()).collect();
    sqlx::query!("update api_key set last_used = now() where id = any($1)", &ids).execute(connection).await?;
    Ok(())
}

/// Makes a ledger private. Whether it was not.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn make_private(connection: &mut PgConnection, ledger: LedgerId) -> Result<bool, StoreError> {
    let made = sqlx::query!(
        "insert into private_ledger (ledger) values ($1) on conflict on constraint private_ledger_key do nothing",
        &ledger.0[..],
    );
    Ok(made.execute(connection).await?.rows_affected() > 0)
}

/// Makes a ledger public, and its list of readers empty. Whether it was private.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn make_public(connection: &mut PgConnection, ledger: LedgerId) -> Result<bool, StoreError> {
    let removed = sqlx::query_scalar!(
        r#"with listed as (delete from reader where ledger = $1 returning ledger),
                private as (delete from private_ledger where ledger = $1 returning ledger)
           select exists (select from listed union all select from private) as "removed!""#,
        &ledger.0[..],
    );
    Ok(removed.fetch_one(connection).await?)
}

/// Reads which ledgers are private, by their addresses. One with readers is, whatever else is said of it.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_private_ledgers(connection: &mut PgConnection) -> Result<Vec<LedgerId>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"select ledger as "ledger!" from private_ledger union select ledger from reader order by 1"#
    );
    let rows = rows.fetch_all(connection).await?;
    rows.into_iter().map(|address| Ok(LedgerId(bytes("private_ledger", "ledger", &address)?))).collect()
}

/// Puts a wallet on a ledger's list, and makes the ledger private. Whether the wallet was not on it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_reader(connection: &mut PgConnection, reader: Reader) -> Result<bool, StoreError> {
    let added = sqlx::query!(
        "with private as (
             insert into private_ledger (ledger) values ($1) on conflict on constraint private_ledger_key do nothing
         )
         insert into reader (ledger, wallet) values ($1, $2) on conflict on constraint reader_key do nothing",
        &reader.ledger.0[..],
        &reader.wallet.0[..],
    );
    Ok(added.execute(connection).await?.rows_affected() > 0)
}

/// Takes a wallet off a ledger's list, which stays private. Whether it was on it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove_reader(connection: &mut PgConnection, reader: Reader) -> Result<bool, StoreError> {
    let removed = sqlx::query!(
        "delete from reader where ledger = $1 and wallet = $2",
        &reader.ledger.0[..],
        &reader.wallet.0[..],
    );
    Ok(removed.execute(connection).await?.rows_affected() > 0)
}

/// Reads all lists, by ledger and wallet.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_readers(connection: &mut PgConnection) -> Result<Vec<Reader>, StoreError> {
    let rows = sqlx::query!("select ledger, wallet from reader order by ledger, wallet").fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| {
            let ledger = LedgerId(bytes("reader", "ledger", &row.ledger)?);
            Ok(Reader { ledger, wallet: Wallet(bytes("reader", ledger, &row.wallet)?) })
        })
        .collect()
}
