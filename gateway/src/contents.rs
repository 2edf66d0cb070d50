//! GET /v1/ledgers/{ledger}/contents: a ledger's entries with the contents that they commit to, for those who compare them with their rows.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_core::LedgerId;
use counterfoil_http::{Rejection, RequestCaller};
use counterfoil_read::Who;
use counterfoil_statement::SignedStatement;
use counterfoil_store::gateway::{RecordContent, load_contents};
use counterfoil_store::{EntryRow, KeyScope, load_entries, load_ledger};
use counterfoil_wire::{Code, EntryContent, U64};
use serde::Deserialize;

use crate::ledgers::unavailable;
use crate::state::Gateway;

/// The most entries of an answer.
const ENTRIES: u32 = 2_048;
/// The bytes of contents after which an answer ends.
const BYTES: usize = 8 << 20;

/// The place from which on entries are told, and the most of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    #[serde(default)]
    from: u64,
    limit: Option<u32>,
}

/// Answers with a line of JSON an entry, from `from` on, up to the checked size: none where there is no further one. It tells contents and
/// salts, so a key needs the scopes `read` and `write`; of records that came by HTTP it tells those that came with the same key.
pub(crate) async fn contents(
    State(gateway): State<Arc<Gateway>>,
    Path(ledger): Path<String>,
    Query(From { from, limit }): Query<From>,
    caller: RequestCaller,
) -> Result<Response, Rejection> {
    let ledger: LedgerId = ledger.parse().map_err(|error| {
        Rejection::new(Code::MalformedKey, format!("{ledger:?} is no address of a ledger: {error}."))
    })?;
    caller.caller().authorize(ledger).await?;
    caller.caller().authorize_writing(ledger, KeyScope::Write).await?;
    let mut index = gateway.ledgers.index.acquire().await.map_err(unavailable)?;
    let row = load_ledger(&mut index, ledger).await.map_err(unavailable)?;
    let checked = row.checked.map_or(0, |(head, _)| head.entries.size.get());
    let entries =
        load_entries(&mut index, &row, from, limit.unwrap_or(ENTRIES).clamp(1, ENTRIES)).await.map_err(unavailable)?;
    drop(index);
    let known = entries.into_iter().zip(from..checked).take_while(|(entry, index)| entry.index.get() == *index);
    let entries: Vec<(EntryRow, Option<[u8; 16]>)> = known.map(|(entry, _)| named(entry)).collect();
    let ids: Vec<[u8; 16]> = entries.iter().filter_map(|(_, id)| *id).collect();
    let found = load_contents(&mut *gateway.pool.acquire().await.map_err(unavailable)?, &ids).await;
    let is_told = |content: &RecordContent| {
        gateway.is_open
            || content.is_relayed
            || matches!(caller.caller().who(), Who::Key(key) if key[..] == content.api_key[..])
    };
    let found = found.map_err(unavailable)?.into_iter().filter(is_told);
    let mut contents: HashMap<[u8; 16], RecordContent> = found.map(|content| (content.id, content)).collect();
    let mut lines = Vec::new();
    for (entry, id) in entries {
        let content = id.and_then(|id| contents.remove(&id));
        let line = EntryContent {
            index: U64(entry.index.get()),
            entry: BASE64_STANDARD.encode(&entry.payload),
            content_type: content.as_ref().map(|content| content.content_type.clone()),
            content: content.as_ref().map(|content| BASE64_STANDARD.encode(&content.content)),
            salt: content.map(|content| BASE64_STANDARD.encode(content.salt)),
        };
        serde_json::to_writer(&mut lines, &line).map_err(|error| Rejection::new(Code::Busy, error.to_string()))?;
        lines.push(b'\n');
        if lines.len() > BYTES {
            break;
        }
    }
    let kind = HeaderValue::from_static("application/x-ndjson");
    Ok(([(header::CONTENT_TYPE, kind)], Bytes::from(lines)).into_response())
}

/// An entry with the id of the record that it states.
fn named(entry: EntryRow) -> (EntryRow, Option<[u8; 16]>) {
    let id = match SignedStatement::decode(&entry.payload) {
        Ok(Some(signed)) => Some(*signed.statement.record_id.as_bytes()),
        _ => None,
    };
    (entry, id)
}
