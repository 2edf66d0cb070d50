//! Values that clients give, as the database compares them.

use async_graphql::Enum;
use counterfoil_core::Wallet;
use counterfoil_core::event::kind;
use counterfoil_http::Rejection;
use counterfoil_store::{Comparison, Condition, Value};
use counterfoil_wire::{Bytes, Code, Hash, Key, Signature, Time, U64};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Deserialize, ToSchema)]
pub(crate) enum EventKind {
    LedgerCreated,
    EntriesAppended,
    SubtreesAppended,
    WriterGranted,
    WriterRevoked,
    AuthorityProposed,
    AuthorityAccepted,
    SubtreesDisallowed,
    LedgerSealed,
}

impl EventKind {
    const fn bytes(self) -> [u8; 8] {
        match self {
            Self::LedgerCreated => kind::LEDGER_CREATED,
            Self::EntriesAppended => kind::ENTRIES_APPENDED,
            Self::SubtreesAppended => kind::SUBTREES_APPENDED,
            Self::WriterGranted => kind::WRITER_GRANTED,
            Self::WriterRevoked => kind::WRITER_REVOKED,
            Self::AuthorityProposed => kind::AUTHORITY_PROPOSED,
            Self::AuthorityAccepted => kind::AUTHORITY_ACCEPTED,
            Self::SubtreesDisallowed => kind::SUBTREES_DISALLOWED,
            Self::LedgerSealed => kind::LEDGER_SEALED,
        }
    }
}

/// Adds that a column compares so with a value, where one is given.
pub(crate) fn push_comparison<C>(
    parts: &mut Vec<Condition<C>>,
    column: C,
    comparison: Comparison,
    value: Option<impl ToValue>,
) -> Result<(), Rejection> {
    if let Some(value) = value {
        parts.push(Condition::Compare(column, comparison, value.to_value()?));
    }
    Ok(())
}

/// A value as the database compares it.
pub(crate) trait ToValue {
    fn to_value(self) -> Result<Value, Rejection>;
}

impl ToValue for U64 {
    fn to_value(self) -> Result<Value, Rejection> {
        Ok(self.0.into())
    }
}

impl ToValue for bool {
    fn to_value(self) -> Result<Value, Rejection> {
        Ok(u64::from(self).into())
    }
}

impl ToValue for Time {
    fn to_value(self) -> Result<Value, Rejection> {
        seconds(&self).map(Value::Number)
    }
}

impl ToValue for Key {
    fn to_value(self) -> Result<Value, Rejection> {
        base58::<32>(&self.0).map(Value::Bytes)
    }
}

impl ToValue for Signature {
    fn to_value(self) -> Result<Value, Rejection> {
        base58::<64>(&self.0).map(Value::Bytes)
    }
}

impl ToValue for Hash {
    fn to_value(self) -> Result<Value, Rejection> {
        Ok(Value::Bytes(self.0.0.to_vec()))
    }
}

impl ToValue for Bytes {
    fn to_value(self) -> Result<Value, Rejection> {
        Ok(Value::Bytes(self.0))
    }
}

/// Seconds since 1970 of a moment that is written with its offset.
pub(crate) fn seconds(time: &Time) -> Result<i64, Rejection> {
    let parsed = time.0.parse::<Timestamp>().map_err(|_| {
        let detail = format!("\"{}\" is not a time: write it as 2026-02-28T12:00:00Z.", time.0.escape_debug());
        Rejection::new(Code::MalformedParameter, detail)
    })?;
    Ok(parsed.as_second())
}

/// The wallet of an argument.
pub(crate) fn wallet(key: &Key) -> Result<Wallet, Rejection> {
    let bytes = base58::<32>(&key.0)?;
    bytes.try_into().map(Wallet).map_err(|_| unreachable!("it has 32 bytes"))
}

fn base58<const N: usize>(text: &str) -> Result<Vec<u8>, Rejection> {
    let mut bytes = [0; N];
    match bs58::decode(text).onto(&mut bytes) {
        Ok(length) if length == N => Ok(bytes.to_vec()),
        _ => {
            let detail = format!("\"{}\" is not {N} bytes in base58.", text.escape_debug());
            Err(Rejection::new(Code::MalformedParameter, detail))
        }
    }
}

impl ToValue for EventKind {
    fn to_value(self) -> Result<Value, Rejection> {
        Ok(Value::Bytes(self.bytes().to_vec()))
    }
}
