//! The arguments of each tool.

use counterfoil_core::LedgerId;
use counterfoil_wire::{ActivityStep, Code};
use rmcp::model::JsonObject;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::limits::MAX_ROWS;
use crate::refusal::Refusal;

/// A moment of a ledger: where several are given, the earliest; now when none is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// A number of entries.
    pub size: Option<u64>,
    /// The end of a slot.
    pub slot: Option<u64>,
    /// The end of a second, RFC 3339.
    pub time: Option<String>,
}

/// The conditions of a search for entries, which all must hold; its order, and where to go on. The names and texts are those of
/// the API's route.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the tool's schema describes each")]
pub struct EntryQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_prefix: Option<String>,
    #[serde(default, deserialize_with = "digits", skip_serializing_if = "Option::is_none")]
    pub from_index: Option<String>,
    #[serde(default, deserialize_with = "digits", skip_serializing_if = "Option::is_none")]
    pub to_index: Option<String>,
    #[serde(default, deserialize_with = "digits", skip_serializing_if = "Option::is_none")]
    pub from_slot: Option<String>,
    #[serde(default, deserialize_with = "digits", skip_serializing_if = "Option::is_none")]
    pub to_slot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    #[serde(default, rename = "where", deserialize_with = "json_text", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A number, as digits in a text or as a JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| D::Error::custom("a number is digits alone, below 2^64"))
    }
}

/// The name of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) LedgerId);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom("a ledger's address is base58 of 32 bytes; list_ledgers has them"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListLedgers {
    pub(crate) after: Option<Address>,
    pub(crate) limit: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfLedger {
    pub(crate) ledger: Address,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetEntries {
    pub(crate) ledger: Address,
    pub(crate) first: Option<Number>,
    pub(crate) limit: Option<Number>,
    #[serde(default)]
    pub(crate) include_data: bool,
}

/// The arguments of `find_entries` besides its [`EntryQuery`].
pub(crate) struct FindEntries {
    pub(crate) ledger: Address,
    pub(crate) limit: Option<Number>,
    pub(crate) include_data: bool,
    pub(crate) query: EntryQuery,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetReceipt {
    pub(crate) ledger: Address,
    pub(crate) index: Number,
    #[serde(default)]
    pub(crate) include_data: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyReceipt {
    pub(crate) receipt: Option<Value>,
    pub(crate) ledger: Option<Address>,
    pub(crate) index: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetStanding {
    pub(crate) ledger: Address,
    pub(crate) size: Option<Number>,
    pub(crate) slot: Option<Number>,
    pub(crate) time: Option<String>,
    pub(crate) skip: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetActivity {
    pub(crate) ledger: Address,
    pub(crate) step: Option<ActivityStep>,
    pub(crate) from_time: Option<String>,
    pub(crate) to_time: Option<String>,
    pub(crate) writer: Option<String>,
    pub(crate) horizon: Option<Number>,
    pub(crate) skip: Option<Number>,
}

/// The span of an activity, whose it is, and how many buckets are forecast: as the API's route takes them.
#[derive(Clone, Debug, Serialize)]
pub struct ActivityQuery {
    /// The length of a bucket.
    pub step: Option<ActivityStep>,
    /// The first second, RFC 3339.
    pub from_time: Option<String>,
    /// The second before which it ends.
    pub to_time: Option<String>,
    /// One writer alone.
    pub writer: Option<String>,
    /// How many buckets are forecast.
    pub horizon: Option<String>,
}

/// Reads a tool's arguments.
///
/// # Errors
/// `malformed_parameter`.
pub(crate) fn parse<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| malformed(format!("The arguments do not fit: {error}.")))
}

impl FindEntries {
    /// Reads the arguments of `find_entries`.
    ///
    /// # Errors
    /// `malformed_parameter`.
    pub(crate) fn parse(mut arguments: JsonObject) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Own {
            ledger: Address,
            limit: Option<Number>,
            #[serde(default)]
            include_data: bool,
        }
        let own = ["ledger", "limit", "include_data"];
        let own: JsonObject =
            own.into_iter().filter_map(|name| Some((name.to_owned(), arguments.remove(name)?))).collect();
        let Own { ledger, limit, include_data } = parse(own)?;
        Ok(Self { ledger, limit, include_data, query: parse(arguments)? })
    }
}

/// The number of rows that is asked for.
///
/// # Errors
/// `page_too_large`, `malformed_parameter`.
pub(crate) fn limit(given: Option<Number>) -> Result<u64, Refusal> {
    match given.map_or(MAX_ROWS, |given| given.0) {
        0 => Err(malformed("The limit is 1 to 50.".to_owned())),
        limit if limit <= MAX_ROWS => Ok(limit),
        _ => Err(Refusal::new(Code::PageTooLarge, "An answer has at most 50 rows: ask for 50, and go on with next.")),
    }
}

pub(crate) fn malformed(detail: String) -> Refusal {
    Refusal::new(Code::MalformedParameter, detail)
}

/// A number as the API's routes take it.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Number>::deserialize(deserializer)?.map(|number| number.0.to_string()))
}

/// A filter as JSON's text, given so or as the object.
fn json_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(object) => Some(object.to_string()),
    })
}
