//! Searches: GET /v1/ledgers/find, and /v1/ledgers/{ledger}/…/find of entries, events, transactions and writers. Each list has a
//! filter, any order, and pages in both directions.

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, CheckedEvent, Found, Reader, Search, WriterField};
use counterfoil_store::{Comparison, Condition, EntryColumn, EventColumn, TransactionColumn};
use counterfoil_wire::{
    Code, Event, FoundEntries, FoundEvents, FoundLedgers, FoundTransactions, FoundWriters, Hash, Head, Key, Signature,
    Time, U64,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Limit, Parameters};
use super::problems::{IndexProblems, LogProblems, SearchProblems};
use crate::search::{
    EntryFilter, EventFilter, EventKind, LedgerFilter, Order, TransactionFilter, WriterFilter, parse_filter,
    parse_order, push_comparison,
};

/// The prefix of a cursor that leads to the page before. No cursor begins with it.
const BEFORE: char = '~';

/// The order of a list, and which page of it.
struct Bounds {
    order: Option<String>,
    /// A cursor, with [`BEFORE`] where the page ends before it.
    beyond: Option<String>,
    limit: Option<u64>,
}

impl Bounds {
    fn new(order: &mut Option<String>, beyond: &mut Option<String>, limit: Option<U64>) -> Self {
        Self { order: order.take(), beyond: beyond.take(), limit: limit.map(|limit| limit.0) }
    }

    fn search<C: Order>(self, condition: Condition<C>) -> Result<Search<C>, Rejection> {
        let Self { order, beyond, limit } = self;
        let order = parse_order(order.as_deref())?;
        let forwards = Search { condition, order, first: limit, after: None, last: None, before: None };
        Ok(match beyond {
            Some(cursor) => match cursor.strip_prefix(BEFORE) {
                Some(cursor) => Search { first: None, last: limit, before: Some(cursor.to_owned()), ..forwards },
                None => Search { after: Some(cursor), ..forwards },
            },
            None => forwards,
        })
    }
}

/// The cursors of the next page and of the one before, where there are such.
fn cursors<T, H>(found: &Found<T, H>) -> [Option<String>; 2] {
    let next = found.items.last().filter(|_| found.has_next);
    let previous = found.items.first().filter(|_| found.has_previous);
    [next.map(|(cursor, _)| cursor.clone()), previous.map(|(cursor, _)| format!("{BEFORE}{cursor}"))]
}

/// A page of what was found of one ledger, by `page`, which takes the checked heads, the elements and the cursors.
fn answer<T, B: From<T>, P>(
    heads: LedgerHead,
    found: Found<T, impl Sized>,
    page: impl FnOnce([Head; 2], Vec<B>, [Option<String>; 2]) -> P,
) -> Json<P> {
    let cursors = cursors(&found);
    let elements = found.items.into_iter().map(|(_, element)| element.into()).collect();
    Json(page([heads.entries.into(), heads.events.into()], elements, cursors))
}

/// The conditions of a search for entries; all must hold.
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
    /// The fields of the order, with commas between them, each with - before it for the largest first; by index when absent.
    #[param(
        pattern = "^-?(index|event_seq|slot|time|signer|transaction|leaf_hash|payload_bytes)\
            (,-?(index|event_seq|slot|time|signer|transaction|leaf_hash|payload_bytes)){0,3}$",
        example = "-time,index"
    )]
    order: Option<String>,
    /// A further condition, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = EntryFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Entries that satisfy all conditions, in any order. Each was verified to be in the checked tree; that none was left out is
/// the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/find", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichEntries),
    responses(
        (status = 200, body = FoundEntries),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn find_entries(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<WhichEntries>,
) -> Result<Json<FoundEntries>, Rejection> {
    which.find(&reader, ledger).await.map(Json)
}

impl WhichEntries {
    /// The page that this asks for.
    pub(crate) async fn find(mut self, reader: &Reader, ledger: LedgerId) -> Result<FoundEntries, Rejection> {
        let bounds = Bounds::new(&mut self.order, &mut self.after, self.limit);
        let search = bounds.search(self.condition()?)?;
        let found = read::find_entries(reader, ledger, search).await?;
        Ok(answer(found.head, found, FoundEntries::new).0)
    }

    fn condition(self) -> Result<Condition<EntryColumn>, Rejection> {
        use EntryColumn::{Index, LeafHash, Payload, Signer, Slot, Time, Transaction};
        let mut parts = vec![parse_filter::<EntryFilter>(self.filter.as_deref())?];
        push_comparison(&mut parts, Signer, Comparison::Equal, self.signer)?;
        push_comparison(&mut parts, Transaction, Comparison::Equal, self.transaction)?;
        push_comparison(&mut parts, LeafHash, Comparison::Equal, self.leaf_hash)?;
        push_comparison(&mut parts, Index, Comparison::AtLeast, self.from_index)?;
        push_comparison(&mut parts, Index, Comparison::Less, self.to_index)?;
        push_comparison(&mut parts, Slot, Comparison::AtLeast, self.from_slot)?;
        push_comparison(&mut parts, Slot, Comparison::Less, self.to_slot)?;
        push_comparison(&mut parts, Time, Comparison::AtLeast, self.from_time)?;
        push_comparison(&mut parts, Time, Comparison::Less, self.to_time)?;
        if let Some(prefix) = self.payload_prefix {
            parts.push(Condition::StartsWith(Payload, parse_hex(&prefix)?));
        }
        Ok(Condition::All(parts))
    }
}

fn parse_hex(text: &str) -> Result<Vec<u8>, Rejection> {
    let bytes = base16ct::lower::decode_vec(text).ok();
    bytes.filter(|bytes| (1..=64).contains(&bytes.len())).ok_or_else(|| {
        let detail = format!("\"{}\" is not 1 to 64 bytes as lowercase hex digits.", text.escape_debug());
        Rejection::new(Code::MalformedParameter, detail)
    })
}

/// The conditions of a search for events; all must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichEvents {
    /// The kind of event.
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
    /// The fields of the order, with commas between them, each with - before it for the largest first; by number when absent.
    #[param(
        pattern = "^-?(seq|kind|slot|time|signer|transaction|leaf_hash|first_index|count)\
            (,-?(seq|kind|slot|time|signer|transaction|leaf_hash|first_index|count)){0,3}$",
        example = "-count,seq"
    )]
    order: Option<String>,
    /// A further condition, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = EventFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Events that satisfy all conditions, in any order. Each was verified to be in the checked tree; that none was left out is
/// the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events/find", tag = "Events",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichEvents),
    responses(
        (status = 200, body = FoundEvents),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn find_events(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichEvents>,
) -> Result<Json<FoundEvents>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(which.condition()?)?;
    let found = read::find_events(&reader, ledger, search).await?;
    let (heads, cursors) = (found.head, cursors(&found));
    let events = found.items.iter().map(|(_, event)| Event::from(AsRef::<CheckedEvent>::as_ref(event))).collect();
    Ok(Json(FoundEvents::new([heads.entries.into(), heads.events.into()], events, cursors)))
}

impl WhichEvents {
    fn condition(self) -> Result<Condition<EventColumn>, Rejection> {
        use EventColumn::{Kind, Signer, Slot, Time, Transaction};
        let mut parts = vec![parse_filter::<EventFilter>(self.filter.as_deref())?];
        push_comparison(&mut parts, Kind, Comparison::Equal, self.kind)?;
        push_comparison(&mut parts, Signer, Comparison::Equal, self.signer)?;
        push_comparison(&mut parts, Transaction, Comparison::Equal, self.transaction)?;
        push_comparison(&mut parts, Slot, Comparison::AtLeast, self.from_slot)?;
        push_comparison(&mut parts, Slot, Comparison::Less, self.to_slot)?;
        push_comparison(&mut parts, Time, Comparison::AtLeast, self.from_time)?;
        push_comparison(&mut parts, Time, Comparison::Less, self.to_time)?;
        Ok(Condition::All(parts))
    }
}

/// The conditions of a search for transactions; all must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichTransactions {
    /// The signature.
    signature: Option<Signature>,
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
    /// At least how many events came in each.
    from_event_count: Option<U64>,
    /// At least how many entries each appended.
    from_entry_count: Option<U64>,
    /// The fields of the order, with commas between them, each with - before it for the largest first; by their first event when absent.
    #[param(
        pattern = "^-?(first_seq|signature|slot|time|event_count|first_index|entry_count)\
            (,-?(first_seq|signature|slot|time|event_count|first_index|entry_count)){0,3}$",
        example = "-entry_count,slot"
    )]
    order: Option<String>,
    /// A further condition, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = TransactionFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Transactions that satisfy all conditions, in any order, each with its events of this ledger. Each event was verified to be in
/// the checked tree; which came in one transaction, and that none was left out, is the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/transactions/find", tag = "Events",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichTransactions),
    responses(
        (status = 200, body = FoundTransactions),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn find_transactions(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichTransactions>,
) -> Result<Json<FoundTransactions>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(which.condition()?)?;
    let found = read::find_transactions(&reader, ledger, search).await?;
    Ok(answer(found.head, found, FoundTransactions::new))
}

impl WhichTransactions {
    fn condition(self) -> Result<Condition<TransactionColumn>, Rejection> {
        use TransactionColumn::{EntryCount, EventCount, Signature, Slot, Time};
        let mut parts = vec![parse_filter::<TransactionFilter>(self.filter.as_deref())?];
        push_comparison(&mut parts, Signature, Comparison::Equal, self.signature)?;
        push_comparison(&mut parts, Slot, Comparison::AtLeast, self.from_slot)?;
        push_comparison(&mut parts, Slot, Comparison::Less, self.to_slot)?;
        push_comparison(&mut parts, Time, Comparison::AtLeast, self.from_time)?;
        push_comparison(&mut parts, Time, Comparison::Less, self.to_time)?;
        push_comparison(&mut parts, EventCount, Comparison::AtLeast, self.from_event_count)?;
        push_comparison(&mut parts, EntryCount, Comparison::AtLeast, self.from_entry_count)?;
        Ok(Condition::All(parts))
    }
}

/// The conditions of a search for writers; all must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichWriters {
    /// The wallet.
    wallet: Option<Key>,
    /// Whether it may append entries.
    may_append: Option<bool>,
    /// Whether it may append subtrees by their hashes.
    may_append_subtrees: Option<bool>,
    /// The first second in which the grant no longer holds, or a later one; never is later than all.
    #[param(inline)]
    from_expires_at: Option<Time>,
    /// A second later than that.
    #[param(inline)]
    to_expires_at: Option<Time>,
    /// Whether it was taken back.
    is_revoked: Option<bool>,
    /// The fields of the order, with commas between them, each with - before it for the largest first; by the wallets' bytes when absent.
    #[param(
        pattern = "^-?(wallet|may_append|may_append_subtrees|expires_at|granted_seq|is_revoked)\
            (,-?(wallet|may_append|may_append_subtrees|expires_at|granted_seq|is_revoked)){0,3}$",
        example = "is_revoked,-granted_seq"
    )]
    order: Option<String>,
    /// A further condition, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = WriterFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Writers, as of now, that satisfy all conditions, in any order. They follow from events that were verified to be in the checked
/// tree.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/writers/find", tag = "Ledgers",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichWriters),
    responses(
        (status = 200, body = FoundWriters),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn find_writers(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichWriters>,
) -> Result<Json<FoundWriters>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(which.condition()?)?;
    let found = read::find_writers(&reader, ledger, search).await?;
    Ok(answer(found.head.head, found, FoundWriters::new))
}

impl WhichWriters {
    fn condition(self) -> Result<Condition<WriterField>, Rejection> {
        use WriterField::{ExpiresAt, IsRevoked, MayAppend, MayAppendSubtrees, Wallet};
        let mut parts = vec![parse_filter::<WriterFilter>(self.filter.as_deref())?];
        push_comparison(&mut parts, Wallet, Comparison::Equal, self.wallet)?;
        push_comparison(&mut parts, MayAppend, Comparison::Equal, self.may_append)?;
        push_comparison(&mut parts, MayAppendSubtrees, Comparison::Equal, self.may_append_subtrees)?;
        push_comparison(&mut parts, ExpiresAt, Comparison::AtLeast, self.from_expires_at)?;
        push_comparison(&mut parts, ExpiresAt, Comparison::Less, self.to_expires_at)?;
        push_comparison(&mut parts, IsRevoked, Comparison::Equal, self.is_revoked)?;
        Ok(Condition::All(parts))
    }
}

/// A selection of the ledgers.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichLedgers {
    /// A condition, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = LedgerFilter, required = false)]
    filter: Option<String>,
    /// The fields of the order, with commas between them, each with - before it for the largest first; by the addresses' bytes when absent.
    #[param(
        pattern = "^-?(ledger|size|event_seq|checked_slot|missing_leaves|is_halted)\
            (,-?(ledger|size|event_seq|checked_slot|missing_leaves|is_halted)){0,3}$",
        example = "-size"
    )]
    order: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// The ledgers of the index that satisfy a filter, in any order. That none was left out is the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/find", tag = "Ledgers", params(WhichLedgers),
    responses(
        (status = 200, body = FoundLedgers),
        IndexProblems, SearchProblems,
    ),
)]
pub(crate) async fn find_ledgers(
    ReaderOf(reader): ReaderOf,
    Parameters(mut which): Parameters<WhichLedgers>,
) -> Result<Json<FoundLedgers>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(parse_filter::<LedgerFilter>(which.filter.as_deref())?)?;
    let found = read::find_ledgers(&reader, search).await?;
    let [next, previous] = cursors(&found);
    let ledgers = found.items.into_iter().map(|(_, ledger)| ledger.into()).collect();
    Ok(Json(FoundLedgers { ledgers, next, previous }))
}
