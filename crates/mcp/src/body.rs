//! The bodies of answers. Each value is one of a fixed form and is parsed, also where this server gave it; a record's bytes are escaped.

use counterfoil_core::Wallet;
use counterfoil_core::receipt::{Receipt, TransactionSignature, VerifiedReceipt};
use counterfoil_wire::{
    Activity, ActivityBucket, Entry, EntryEvent, EntryPage, Event, Forecast, FoundEntries, Head, Key, Ledger,
    LedgerPage, Signature, Standing, Time, Writer,
};
use serde_json::{Map, Value, json};

use crate::escape::{escape, is_plain};
use crate::limits::DATA;
use crate::records::{Described, Judged};
use crate::refusal::Refusal;

/// The kinds of events, as the program's IDL names them.
const KINDS: [&str; 9] = [
    "LedgerCreated",
    "EntriesAppended",
    "WriterGranted",
    "WriterRevoked",
    "SubtreesAppended",
    "AuthorityProposed",
    "AuthorityAccepted",
    "SubtreesDisallowed",
    "LedgerSealed",
];

/// The longest cursor that is passed on.
const MAX_CURSOR_BYTES: usize = 1_000;

/// Whether an answer holds records' bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// Only their number.
    LeftOut,
    /// Escaped.
    Included,
    /// They were asked for, and are too long for an answer.
    Withheld,
}

/// A JSON object with rows, and what stands around them.
pub(crate) type Body = Map<String, Value>;

pub(crate) fn ledgers(page: &LedgerPage) -> Result<Body, Refusal> {
    let rows = page.ledgers.iter().map(ledger_row).collect::<Result<Vec<_>, _>>()?;
    Ok(object(json!({ "ledgers": rows, "next": page.next.as_ref().map(key).transpose()? })))
}

pub(crate) fn described(found: &Described) -> Result<Body, Refusal> {
    let mut body = object(ledger_row(&found.ledger)?);
    if let Some(authority) = &found.authority {
        body.insert("authority".to_owned(), key(authority)?.into());
    }
    for (name, flag) in [("is_sealed", found.is_sealed), ("is_open", found.is_open)] {
        body.extend(flag.map(|flag| (name.to_owned(), flag.into())));
    }
    Ok(body)
}

pub(crate) fn page(page: &EntryPage, data: Data) -> Result<Body, Refusal> {
    let rows = page.entries.iter().map(|entry| entry_row(entry, data)).collect::<Result<Vec<_>, _>>()?;
    let missing: Vec<Value> = page
        .missing
        .iter()
        .take(10)
        .map(|missing| json!({ "first_index": missing.first_index, "count": missing.count }))
        .collect();
    let mut body = object(json!({ "head": page.head, "entries": rows, "next": page.next }));
    if !missing.is_empty() {
        body.insert("missing".to_owned(), missing.into());
    }
    Ok(body)
}

pub(crate) fn found(page: &FoundEntries, data: Data) -> Result<Body, Refusal> {
    let rows = page.entries.iter().map(|entry| entry_row(entry, data)).collect::<Result<Vec<_>, _>>()?;
    Ok(object(json!({ "head": page.head, "entries": rows, "next": page.next.as_deref().map(cursor).transpose()? })))
}

/// A receipt's facts. Its text is data too: in it stand the entry's bytes, and an event's, in base64.
pub(crate) fn receipt(receipt: &Receipt, verified: &VerifiedReceipt, data: Data) -> Result<Body, Refusal> {
    let header = &verified.event().header;
    let mut body = object(json!({
        "ledger": receipt.ledger.to_string(),
        "genesis_hash": receipt.genesis_hash.to_string(),
        "program": receipt.program.to_string(),
        "index": receipt.entry.index.to_string(),
        "leaf_hash": verified.leaf().to_string(),
        "bytes": receipt.entry.payload.len(),
        "event": {
            "seq": header.event_seq.to_string(),
            "signer": header.signer.to_string(),
            "slot": header.slot.to_string(),
            "unix_time": header.unix_time.to_string(),
        },
        "transaction": receipt.transaction().map(|transaction| transaction.to_string()),
    }));
    if let Some(later) = verified.later_heads() {
        body.insert("head".to_owned(), json!(Head::from(later.entries)));
        body.insert("event_head".to_owned(), json!(Head::from(later.events)));
    }
    match data {
        Data::LeftOut => {}
        Data::Included => {
            let text = serde_json::to_vec(receipt).map_err(|_| Refusal::foreign("receipt"))?;
            body.insert(DATA.to_owned(), escape(&text).into());
        }
        Data::Withheld => {
            body.insert("data_withheld".to_owned(), true.into());
        }
    }
    Ok(body)
}

pub(crate) fn judged(judged: &Judged) -> Body {
    object(json!({ "verdict": judged.verdict.name(), "reason": plain(&judged.reason) }))
}

/// A ledger as it was: of its writers and events those after `skip`, `limit` together.
pub(crate) fn standing(standing: &Standing, skip: usize, limit: usize) -> Result<Body, Refusal> {
    let writers = standing.writers.len();
    let events = standing.administrative.len();
    // The writers come first, then the events.
    let shown = skip..skip.saturating_add(limit).min(writers.saturating_add(events));
    let part = |from: usize, count: usize| {
        let begin = shown.start.saturating_sub(from).min(count);
        begin..shown.end.saturating_sub(from).clamp(begin, count)
    };
    let writer_rows = standing.writers.get(part(0, writers)).unwrap_or_default().iter().map(writer_row);
    let event_rows = standing.administrative.get(part(writers, events)).unwrap_or_default().iter().map(event_row);
    let next = (shown.end < writers.saturating_add(events)).then(|| shown.end.to_string());
    Ok(object(json!({
        "head": standing.head,
        "event_head": standing.event_head,
        "authority": standing.authority.as_ref().map(key).transpose()?,
        "pending_authority": standing.pending_authority.as_ref().map(key).transpose()?,
        "sealed_seq": standing.sealed_seq,
        "last_event": standing.last.as_ref().map(event_row).transpose()?,
        "writer_count": writers,
        "writers": writer_rows.collect::<Result<Vec<_>, _>>()?,
        "event_count": events,
        "administrative_events": event_rows.collect::<Result<Vec<_>, _>>()?,
        "next": next,
    })))
}

/// The buckets after `skip`, `limit` of them, from the newest on; the first page has the forecast too.
pub(crate) fn activity(activity: &Activity, skip: usize, limit: usize) -> Result<Body, Refusal> {
    let count = activity.buckets.len();
    let newest_first = activity.buckets.iter().rev();
    let end = skip.saturating_add(limit).min(count);
    let rows = newest_first.skip(skip).take(limit).map(bucket_row);
    Ok(object(json!({
        "head": activity.head,
        "event_head": activity.event_head,
        "slot": activity.slot,
        "step": activity.step,
        "bucket_count": count,
        "buckets": rows.collect::<Result<Vec<_>, _>>()?,
        "writers_since": activity.writers_since,
        "forecast": activity.forecast.as_ref().filter(|_| skip == 0).map(forecast).transpose()?,
        "next": (end < count).then(|| end.to_string()),
    })))
}

fn forecast(forecast: &Forecast) -> Result<Value, Refusal> {
    let points = forecast.points.iter().map(|point| {
        let mut row = json!(point);
        row["time"] = time(&point.time)?.into();
        Ok(row)
    });
    let points = points.collect::<Result<Vec<Value>, Refusal>>()?;
    Ok(
        json!({ "method": forecast.method, "error": forecast.error, "naive_error": forecast.naive_error, "points": points }),
    )
}

fn bucket_row(bucket: &ActivityBucket) -> Result<Value, Refusal> {
    let new_writers = bucket.new_writers.iter().map(|writer| key(&writer.wallet));
    Ok(json!({
        "time": time(&bucket.time)?,
        "count": bucket.count,
        "payload_bytes": bucket.payload_bytes,
        "missing": bucket.missing,
        "first_index": bucket.first_index,
        "end_index": bucket.end_index,
        "verdict": bucket.verdict,
        "expected": bucket.expected,
        "most": bucket.most,
        "new_writers": new_writers.collect::<Result<Vec<_>, _>>()?,
    }))
}

/// A text of ours, with whatever was put into it escaped, and no longer than an error should be.
pub(crate) fn plain(text: &str) -> String {
    const LONGEST: usize = 600;
    let escaped = escape(text.as_bytes());
    let mut shown: String = escaped
        .chars()
        .flat_map(|character| {
            match is_plain(character.encode_utf8(&mut [0; 4])) {
                true => character.to_string(),
                false => format!("\\u{{{:x}}}", u32::from(character)),
            }
            .chars()
            .collect::<Vec<_>>()
        })
        .take(LONGEST)
        .collect();
    if shown.len() == LONGEST {
        shown.push_str("...");
    }
    shown
}

fn ledger_row(ledger: &Ledger) -> Result<Value, Refusal> {
    let mut row = json!({
        "ledger": key(&ledger.ledger)?,
        "status": ledger.status,
        "applied": ledger.applied,
        "behind": ledger.behind,
        "missing_entries": ledger.missing_leaves,
        "checked": null,
    });
    if let Some(checked) = &ledger.checked {
        row["checked"] = json!({ "head": checked.head, "event_head": checked.event_head, "slot": checked.slot });
    }
    if let Some(halt) = &ledger.halt {
        // The reason is the indexer's text, which names heads: the API's route has it.
        row["halted_since"] = time(&halt.since)?.into();
    }
    Ok(row)
}

fn entry_row(entry: &Entry, data: Data) -> Result<Value, Refusal> {
    let mut row = json!({
        "index": entry.index,
        "leaf_hash": entry.leaf_hash,
        "bytes": entry.payload.0.len(),
    });
    // A server that verified the entry alone leaves its event out.
    if entry.event.as_str() != "null" {
        let event: EntryEvent = serde_json::from_str(entry.event.as_str()).map_err(|_| Refusal::foreign("event"))?;
        row["event"] = json!({
            "seq": event.seq,
            "kind": kind(&event.kind)?,
            "slot": event.slot,
            "time": time(&event.time)?,
            "signer": key(&event.signer)?,
        });
    }
    match data {
        Data::LeftOut => {}
        Data::Included => row[DATA] = escape(&entry.payload.0).into(),
        Data::Withheld => row["data_withheld"] = true.into(),
    }
    Ok(row)
}

fn writer_row(writer: &Writer) -> Result<Value, Refusal> {
    Ok(json!({
        "wallet": key(&writer.wallet)?,
        "may_append": writer.may_append,
        "may_append_subtrees": writer.may_append_subtrees,
        "expires_at": writer.expires_at.as_ref().map(time).transpose()?,
        "granted_seq": writer.granted_seq,
        "revoked_seq": writer.revoked_seq,
    }))
}

/// An event without its leaf: what of it a person chose would be text in base64.
fn event_row(event: &Event) -> Result<Value, Refusal> {
    Ok(json!({
        "seq": event.seq,
        "kind": kind(&event.kind)?,
        "leaf_hash": event.leaf_hash,
        "slot": event.slot,
        "time": time(&event.time)?,
        "signer": key(&event.signer)?,
        "transaction": signature(&event.transaction)?,
    }))
}

/// The only members are those of the macro's object.
fn object(value: Value) -> Body {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn key(key: &Key) -> Result<String, Refusal> {
    let parsed: Wallet = key.0.parse().map_err(|_| Refusal::foreign("of a key"))?;
    Ok(parsed.to_string())
}

fn signature(signature: &Signature) -> Result<String, Refusal> {
    let parsed: TransactionSignature = signature.0.parse().map_err(|_| Refusal::foreign("transaction"))?;
    Ok(parsed.to_string())
}

fn kind(kind: &str) -> Result<&'static str, Refusal> {
    KINDS.into_iter().find(|known| *known == kind).ok_or_else(|| Refusal::foreign("kind"))
}

fn time(time: &Time) -> Result<&str, Refusal> {
    let is_time = (1..=40).contains(&time.0.len())
        && time.0.bytes().all(|byte| byte.is_ascii_digit() || b"-:.+TZ".contains(&byte));
    is_time.then_some(time.0.as_str()).ok_or_else(|| Refusal::foreign("time"))
}

fn cursor(cursor: &str) -> Result<&str, Refusal> {
    let is_cursor = (1..=MAX_CURSOR_BYTES).contains(&cursor.len())
        && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    is_cursor.then_some(cursor).ok_or_else(|| Refusal::foreign("next"))
}
