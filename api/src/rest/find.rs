//! GET /v1/ledgers/{ledger}/entries/find and …/events/find. GraphQL's filters say more: `or`, `not`, and lists.

use axum::Json;
use counterfoil_store::{Column, Comparison, Condition, Direction, EntryColumn, EventColumn};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Entry, Event, Head};
use super::parameters::{LedgerPath, Limit, Parameters};
use crate::condition::{EventKind, ToValue};
use crate::problem::{Code, Problem, ProblemBody};
use crate::query::{self, CheckedEvent, Found, Search, View};
use crate::value::{Hash, Key, Signature, Time, U64};

/// Which entries: those that are all that is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichEntries {
    /// The wallet whose signature allowed them.
    signer: Option<Key>,
    /// The signature of the transaction that they came in.
    transaction: Option<Signature>,
    /// The leaf hash.
    leaf_hash: Option<Hash>,
    /// The bytes with which they begin, as lowercase hex digits.
    #[param(pattern = "^([0-9a-f]{2}){1,64}$", example = "7b22")]
    payload_prefix: Option<String>,
    /// The first index.
    from_index: Option<U64>,
    /// The index before which they end.
    to_index: Option<U64>,
    /// The first slot.
    from_slot: Option<U64>,
    /// The slot before which they end.
    to_slot: Option<U64>,
    /// The first second of the chain's clock.
    #[param(inline)]
    from_time: Option<Time>,
    /// The second before which they end.
    #[param(inline)]
    to_time: Option<Time>,
    /// By what they are put in order, each with - before it for the largest first; by index when absent.
    #[param(
        pattern = "^-?(index|event_seq|slot|time|signer|transaction|leaf_hash|payload_bytes)\
            (,-?(index|event_seq|slot|time|signer|transaction|leaf_hash|payload_bytes)){0,3}$",
        example = "-time,index"
    )]
    order: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Which events: those that are all that is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichEvents {
    /// What happened.
    #[param(inline)]
    kind: Option<EventKind>,
    /// The wallet whose signature allowed it.
    signer: Option<Key>,
    /// The signature of the transaction that it came in.
    transaction: Option<Signature>,
    /// The first slot.
    from_slot: Option<U64>,
    /// The slot before which they end.
    to_slot: Option<U64>,
    /// The first second of the chain's clock.
    #[param(inline)]
    from_time: Option<Time>,
    /// The second before which they end.
    #[param(inline)]
    to_time: Option<Time>,
    /// By what they are put in order, each with - before it for the largest first; by number when absent.
    #[param(
        pattern = "^-?(seq|kind|slot|time|signer|transaction|leaf_hash|first_index|count)\
            (,-?(seq|kind|slot|time|signer|transaction|leaf_hash|first_index|count)){0,3}$",
        example = "-count,seq"
    )]
    order: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// A page of the entries that were found. Each is proven; that none is left out is not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundEntries {
    /// The checked head at which they were looked for.
    head: Head,
    event_head: Head,
    /// In the order that was wanted.
    entries: Vec<Entry>,
    /// For `after`; null when there are no more.
    #[schema(required)]
    next: Option<String>,
}

/// A page of the events that were found. Each is proven; that none is left out is not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundEvents {
    head: Head,
    /// The checked head of the event log at which they were looked for.
    event_head: Head,
    /// In the order that was wanted.
    events: Vec<Event>,
    /// For `after`; null when there are no more.
    #[schema(required)]
    next: Option<String>,
}

/// Entries that are all that is given, in any order. Each was verified to be in the checked tree; that none was left out is
/// the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/find", tag = "Entries", operation_id = "find_entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichEntries),
    responses(
        (status = 200, body = FoundEntries),
        (status = "4XX", description = "malformed_key, malformed_parameter, page_too_large, unknown_ledger, \
            unknown_cursor, not_checked_yet, too_expensive", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, timeout", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn entries(
    view: View,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<WhichEntries>,
) -> Result<Json<FoundEntries>, Problem> {
    let (after, limit) = (which.after.clone(), which.limit.map(|limit| limit.0));
    let order = parse_order(which.order.as_deref(), entry_column)?;
    let search = search(which.condition()?, order, after, limit);
    let found = query::find_entries(&view, ledger, search).await?;
    let next = next(&found);
    Ok(Json(FoundEntries {
        head: found.head.entries.into(),
        event_head: found.head.events.into(),
        entries: found.items.into_iter().map(|(_, entry)| entry.into()).collect(),
        next,
    }))
}

/// Events that are all that is given, in any order. Each was verified to be in the checked tree; that none was left out is
/// the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events/find", tag = "Events", operation_id = "find_events",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichEvents),
    responses(
        (status = 200, body = FoundEvents),
        (status = "4XX", description = "malformed_key, malformed_parameter, page_too_large, unknown_ledger, \
            unknown_cursor, not_checked_yet, too_expensive", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, timeout", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn events(
    view: View,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<WhichEvents>,
) -> Result<Json<FoundEvents>, Problem> {
    let (after, limit) = (which.after.clone(), which.limit.map(|limit| limit.0));
    let order = parse_order(which.order.as_deref(), event_column)?;
    let search = search(which.condition()?, order, after, limit);
    let found = query::find_events(&view, ledger, search).await?;
    let next = next(&found);
    Ok(Json(FoundEvents {
        head: found.head.entries.into(),
        event_head: found.head.events.into(),
        events: found.items.iter().map(|(_, event)| Event::from(AsRef::<CheckedEvent>::as_ref(event))).collect(),
        next,
    }))
}

fn search<C>(
    condition: Condition<C>,
    order: Vec<(C, Direction)>,
    after: Option<String>,
    limit: Option<u64>,
) -> Search<C> {
    Search { condition, order, first: limit, after, last: None, before: None }
}

fn next<T>(found: &Found<T>) -> Option<String> {
    found.items.last().filter(|_| found.has_next).map(|(cursor, _)| cursor.clone())
}

impl WhichEntries {
    fn condition(self) -> Result<Condition<EntryColumn>, Problem> {
        use EntryColumn::{Index, LeafHash, Payload, Signer, Slot, Time, Transaction};
        let mut parts = Vec::new();
        push(&mut parts, Signer, Comparison::Equal, self.signer)?;
        push(&mut parts, Transaction, Comparison::Equal, self.transaction)?;
        push(&mut parts, LeafHash, Comparison::Equal, self.leaf_hash)?;
        push(&mut parts, Index, Comparison::AtLeast, self.from_index)?;
        push(&mut parts, Index, Comparison::Less, self.to_index)?;
        push(&mut parts, Slot, Comparison::AtLeast, self.from_slot)?;
        push(&mut parts, Slot, Comparison::Less, self.to_slot)?;
        push(&mut parts, Time, Comparison::AtLeast, self.from_time)?;
        push(&mut parts, Time, Comparison::Less, self.to_time)?;
        if let Some(prefix) = self.payload_prefix {
            parts.push(Condition::StartsWith(Payload, parse_hex(&prefix)?));
        }
        Ok(Condition::All(parts))
    }
}

impl WhichEvents {
    fn condition(self) -> Result<Condition<EventColumn>, Problem> {
        use EventColumn::{Kind, Signer, Slot, Time, Transaction};
        let mut parts = Vec::new();
        push(&mut parts, Kind, Comparison::Equal, self.kind)?;
        push(&mut parts, Signer, Comparison::Equal, self.signer)?;
        push(&mut parts, Transaction, Comparison::Equal, self.transaction)?;
        push(&mut parts, Slot, Comparison::AtLeast, self.from_slot)?;
        push(&mut parts, Slot, Comparison::Less, self.to_slot)?;
        push(&mut parts, Time, Comparison::AtLeast, self.from_time)?;
        push(&mut parts, Time, Comparison::Less, self.to_time)?;
        Ok(Condition::All(parts))
    }
}

fn push<C>(
    parts: &mut Vec<Condition<C>>,
    column: C,
    comparison: Comparison,
    value: Option<impl ToValue>,
) -> Result<(), Problem> {
    if let Some(value) = value {
        parts.push(Condition::Compare(column, comparison, value.to_value()?));
    }
    Ok(())
}

fn parse_hex(text: &str) -> Result<Vec<u8>, Problem> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(digit(high)? * 16 + digit(low)?).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.filter(|bytes| rest.is_empty() && (1..=64).contains(&bytes.len())).ok_or_else(|| {
        let detail = format!("\"{}\" is not 1 to 64 bytes as lowercase hex digits.", text.escape_debug());
        Problem::new(Code::MalformedParameter, detail)
    })
}

fn parse_order<C: Column>(
    text: Option<&str>,
    column: impl Fn(&str) -> Option<C>,
) -> Result<Vec<(C, Direction)>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let parts = text.split(',').map(|part| match part.strip_prefix('-') {
        Some(name) => Some((column(name)?, Direction::Descending)),
        None => Some((column(part)?, Direction::Ascending)),
    });
    let order: Option<Vec<_>> = parts.collect();
    order.filter(|order| order.len() <= 4).ok_or_else(|| {
        let detail = format!("\"{}\" is not an order of at most four columns. See /docs.", text.escape_debug());
        Problem::new(Code::MalformedParameter, detail)
    })
}

fn entry_column(name: &str) -> Option<EntryColumn> {
    Some(match name {
        "index" => EntryColumn::Index,
        "event_seq" => EntryColumn::EventSeq,
        "slot" => EntryColumn::Slot,
        "time" => EntryColumn::Time,
        "signer" => EntryColumn::Signer,
        "transaction" => EntryColumn::Transaction,
        "leaf_hash" => EntryColumn::LeafHash,
        "payload_bytes" => EntryColumn::PayloadBytes,
        _ => return None,
    })
}

fn event_column(name: &str) -> Option<EventColumn> {
    Some(match name {
        "seq" => EventColumn::Seq,
        "kind" => EventColumn::Kind,
        "slot" => EventColumn::Slot,
        "time" => EventColumn::Time,
        "signer" => EventColumn::Signer,
        "transaction" => EventColumn::Transaction,
        "leaf_hash" => EventColumn::LeafHash,
        "first_index" => EventColumn::FirstIndex,
        "count" => EventColumn::Count,
        _ => return None,
    })
}
