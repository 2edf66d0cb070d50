//! GET /v1/ledgers/{ledger}/entries/find.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_store::{Comparison, Condition, EntryColumn};
use counterfoil_wire::{Code, FoundEntries, Hash, Key, Signature, Time, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Bounds, cursors};
use crate::rest::json::Json;
use crate::rest::parameters::{LedgerPath, Limit, Parameters};
use crate::rest::problems::{LogProblems, SearchProblems};
use crate::search::{EntryFilter, parse_filter, push_comparison};

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
    /// What else they must satisfy, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = EntryFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Entries that are all that is given, in any order. Each was verified to be in the checked tree; that none was left out is
/// the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/find", tag = "Entries", operation_id = "find_entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichEntries),
    responses(
        (status = 200, body = FoundEntries),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn entries(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichEntries>,
) -> Result<Json<FoundEntries>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(which.condition()?)?;
    let found = read::find_entries(&reader, ledger, search).await?;
    let (next, previous) = cursors(&found);
    Ok(Json(FoundEntries {
        head: found.head.entries.into(),
        event_head: found.head.events.into(),
        entries: found.items.into_iter().map(|(_, entry)| entry.into()).collect(),
        next,
        previous,
    }))
}

impl WhichEntries {
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
