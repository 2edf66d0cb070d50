//! POST /v1/ledgers/{ledger}/records: takes records, accepts them on disk, answers with the promise.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Bytes};
use counterfoil_core::LedgerId;
use counterfoil_http::{Rejection, RequestCaller};
use counterfoil_read::Who;
use counterfoil_statement::{Commitment, Promise, Record, RecordId, Salt, commit};
use counterfoil_store::KeyScope;
use counterfoil_store::gateway::{Accepted, Form, NewRecord, NewRequest, OverQuota, Used, load_named, load_request};
use counterfoil_wire::{Acceptance, AcceptedRecord, Code};
use sha2::{Digest, Sha256};

use super::content::{Content, read_content};
use super::headers::{Given, Wait, essence};
use super::lines;
use crate::ids::{id_text, now};
use crate::ledgers::unavailable;
use crate::promises::promised;
use crate::state::Gateway;
use crate::wait::wait_for;

/// Takes the records of a request.
///
/// The answer is 202 once they are on disk, 201 with the receipt where the caller waited for it and it came in time. `Location`
/// is the first record.
pub(crate) async fn post(
    State(gateway): State<Arc<Gateway>>,
    Path(ledger): Path<String>,
    caller: RequestCaller,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Rejection> {
    let ledger: LedgerId = ledger.parse().map_err(|error| {
        Rejection::new(Code::MalformedKey, format!("{ledger:?} is no address of a ledger: {error}."))
    })?;
    if gateway.is_open && parts.headers.contains_key(header::ORIGIN) {
        let detail = "A page of a browser may not write where no key is needed: any page could.";
        return Err(Rejection::new(Code::Forbidden, detail));
    }
    let given = Given::read(&parts)?;
    let scope = if given.form == Form::Raw { KeyScope::Raw } else { KeyScope::Write };
    let quota = caller.caller().authorize_writing(ledger, scope).await?;
    let api_key = match caller.caller().who() {
        Who::Key(id) => id.to_vec(),
        Who::Anonymous | Who::Wallet(_) => Vec::new(),
    };
    let fingerprint = fingerprint(&parts, &given, &body);
    let named = named(&gateway, ledger, &api_key, &given, &fingerprint).await?;
    if let (Some(request), None) = (named, &given.lines) {
        // Accepted before: told again whatever the ledger takes now.
        let (ids, promise) = before(&gateway, ledger, request).await?;
        return answer_one(&gateway, request, &ids, promise, given.wait).await;
    }
    let standing = gateway.ledgers.standing(ledger).await?;
    if named.is_none() {
        gateway.ledgers.expect_moving(ledger, &standing)?;
    }
    let taken = match &given.lines {
        Some(lines) => lines::read(&body, *lines, &given, &gateway.limits)?,
        None => lines::Taken::one(read_content(&parts, &body, &given, &gateway.limits)?),
    };
    if taken.accepted.is_empty() {
        return Ok(lines::answer(&taken, &[], None));
    }
    let records = taken
        .accepted
        .iter()
        .map(|content| gateway.new_record(ledger, &given, content))
        .collect::<Result<Vec<_>, _>>()?;
    let promised: Vec<Record> = records
        .iter()
        .filter(|record| record.form == Form::Statement)
        .map(|record| Ok(Record { id: RecordId::new(record.id)?, commitment: Commitment(record.commitment) }))
        .collect::<Result<_, counterfoil_statement::NotARecordId>>()
        .map_err(|error| Rejection::new(Code::MalformedBody, error.to_string()))?;
    let from = standing.checked_size.filter(|_| !promised.is_empty());
    let terms = from.and_then(|from| gateway.promiser.terms(from, &promised));
    let request = NewRequest {
        id: records.first().map(|record| record.id).unwrap_or_default(),
        ledger,
        api_key,
        idempotency_key: given.idempotency_key.clone(),
        quota,
        fingerprint,
        terms,
        records,
    };
    let mut ids: Vec<[u8; 16]> = request.records.iter().map(|record| record.id).collect();
    let mut promise = terms.map(|terms| gateway.promiser.sign(ledger, &terms, &promised));
    let (first, accepted) = (request.id, gateway.committer.accept(request).await?);
    let first = match accepted {
        Accepted::New => first,
        Accepted::Before { is_same: false, .. } => return Err(reused()),
        Accepted::OverQuota(over) => return Err(over_quota(&over)),
        Accepted::Before { request, is_same: true } => {
            (ids, promise) = before(&gateway, ledger, request).await?;
            request
        }
    };
    gateway.sequencers.wake(ledger);
    if given.lines.is_none() {
        return answer_one(&gateway, first, &ids, promise, given.wait).await;
    }
    Ok(with_place(lines::answer(&taken, &ids, promise.as_ref()), &first))
}

/// The answer to a request of one record.
async fn answer_one(
    gateway: &Gateway,
    record: [u8; 16],
    ids: &[[u8; 16]],
    promise: Option<Promise>,
    wait: Option<Wait>,
) -> Result<Response, Rejection> {
    let response = match wait {
        Some(wait) => wait_for(gateway, record, wait).await?,
        None => (StatusCode::ACCEPTED, Json(acceptance(ids, promise))).into_response(),
    };
    Ok(with_place(response, &record))
}

fn with_place(mut response: Response, record: &[u8; 16]) -> Response {
    let place = HeaderValue::from_str(&url(record)).expect("a path of digits and letters");
    response.headers_mut().insert(header::LOCATION, place);
    response
}

/// The request that has this one's name and is the same; none where the name is new or absent.
async fn named(
    gateway: &Gateway,
    ledger: LedgerId,
    api_key: &[u8],
    given: &Given,
    fingerprint: &[u8; 32],
) -> Result<Option<[u8; 16]>, Rejection> {
    let (Some(name), Some(key)) = (&given.idempotency_key, gateway.ledgers.keys().get(&ledger).copied()) else {
        return Ok(None);
    };
    let mut connection = gateway.pool.acquire().await.map_err(unavailable)?;
    match load_named(&mut connection, key, api_key, name, fingerprint).await.map_err(unavailable)? {
        Some((_, false)) => Err(reused()),
        found => Ok(found.map(|(request, _)| request)),
    }
}

fn reused() -> Rejection {
    let detail = "The Idempotency-Key was used for another request: another body, path, media type, stream, subject, time or attribute \
                  of an event. Use a new one for each request.";
    Rejection::new(Code::IdempotencyKeyReused, detail)
}

impl Gateway {
    fn new_record(&self, ledger: LedgerId, given: &Given, content: &Content) -> Result<NewRecord, Rejection> {
        let fault = |error: getrandom::Error| Rejection::new(Code::Busy, format!("No random bytes: {error}."));
        let mut salt = Salt([0; 32]);
        getrandom::fill(&mut salt.0).map_err(fault)?;
        let id = self.ids.next().map_err(fault)?;
        let stream = content.stream.as_deref().or(given.stream.as_deref());
        let subject = content.subject.as_deref().or(given.subject.as_deref());
        Ok(NewRecord {
            id: *id.as_bytes(),
            form: given.form,
            content_type: content.content_type.to_string(),
            salt: salt.0,
            commitment: commit(&salt, &content.bytes).0,
            stream: self.names.stream(ledger, stream).0,
            subject: subject.map(|subject| self.names.subject(ledger, subject).0),
            author_time_ms: content.time.or(given.time).unwrap_or_else(now).ms(),
            content: content.bytes.clone(),
        })
    }
}

fn over_quota(over: &OverQuota) -> Rejection {
    let what = match over.what {
        Used::Records => "records",
        Used::Bytes => "bytes",
        Used::Lamports => "lamports",
    };
    let detail = format!(
        "This key may use {} {what} in 24 hours and has used {}. Nothing was accepted. GET /v1/usage tells what it used.",
        over.bound, over.used
    );
    Rejection::new(Code::QuotaExceeded, detail).retry_after(3_600)
}

/// The answer that a request of the same name got.
async fn before(
    gateway: &Gateway,
    ledger: LedgerId,
    request: [u8; 16],
) -> Result<(Vec<[u8; 16]>, Option<Promise>), Rejection> {
    let mut connection = gateway.pool.acquire().await.map_err(unavailable)?;
    let Some((terms, records)) = load_request(&mut connection, request).await.map_err(unavailable)? else {
        return Err(Rejection::new(Code::NotFound, "The request of this Idempotency-Key is not there any more."));
    };
    let corrupt =
        |error: counterfoil_statement::NotARecordId| Rejection::new(Code::StoredDataCorrupt, error.to_string());
    let promised = promised(&records).map_err(corrupt)?;
    let promise = terms.map(|terms| gateway.promiser.sign(ledger, &terms, &promised));
    Ok((records.iter().map(|record| record.id).collect(), promise))
}

fn acceptance(ids: &[[u8; 16]], promise: Option<Promise>) -> Acceptance<Promise> {
    let records = ids.iter().map(|id| AcceptedRecord { id: id_text(id), url: url(id) }).collect();
    Acceptance { records, promise }
}

/// The parts that are the same where a request comes again: method, path, query, body, and the headers that become a part of the record.
/// Each but the body ends with a zero byte, which none of them has.
fn fingerprint(parts: &Parts, given: &Given, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update(part);
        digest.update([0]);
    };
    add(parts.method.as_str().as_bytes());
    add(parts.uri.path().as_bytes());
    // How long an answer is waited for is no part of the record.
    add(format!("{:?} {:?}", given.form, given.lines).as_bytes());
    add(essence(&parts.headers).unwrap_or_else(|| "application/json".to_owned()).as_bytes());
    add(given.stream.as_deref().unwrap_or_default().as_bytes());
    add(given.subject.as_deref().unwrap_or_default().as_bytes());
    add(given.time.map(|time| time.ms().to_string()).unwrap_or_default().as_bytes());
    let mut attributes: Vec<_> = parts.headers.iter().filter(|(name, _)| name.as_str().starts_with("ce-")).collect();
    attributes.sort_by_key(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in attributes {
        add(name.as_str().as_bytes());
        add(value.as_bytes());
    }
    digest.update([0]);
    digest.update(body);
    digest.finalize().into()
}

fn url(id: &[u8; 16]) -> String {
    format!("/v1/records/{}", id_text(id))
}
