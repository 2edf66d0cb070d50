//! The head of a request: names, times, how long to wait.

use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use counterfoil_http::Rejection;
use counterfoil_statement::AuthorTime;
use counterfoil_store::gateway::Form;
use counterfoil_wire::{Code, RecordState};
use jiff::Timestamp;
use serde::Deserialize;

/// The longest name of a stream, a subject or a request, in bytes.
const MAX_NAME: usize = 255;
/// The longest that an answer waits. A proxy gives up after a minute by default.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The head of a request, read.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) form: Form,
    /// One record a line, and what each line is.
    pub(super) lines: Option<Lines>,
    pub(super) idempotency_key: Option<String>,
    pub(super) stream: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) time: Option<AuthorTime>,
    pub(super) wait: Option<Wait>,
}

/// The meaning of the lines of a request of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// Each is a record's content, JSON.
    Contents,
    /// Each is an object of a record's content with what else is said of it.
    Envelopes,
}

/// Until which state an answer waits, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) until: RecordState,
    pub(crate) most: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    form: Option<String>,
    lines: Option<String>,
    wait: Option<String>,
}

impl Given {
    pub(super) fn read(parts: &Parts) -> Result<Self, Rejection> {
        let query: Query = axum::extract::Query::try_from_uri(&parts.uri)
            .map_err(|error| malformed(format!("{}. There are form, lines and wait.", error.body_text())))?
            .0;
        let form = match query.form.as_deref() {
            None | Some("statement") => Form::Statement,
            Some("raw") => Form::Raw,
            Some(other) => return Err(malformed(format!("There is no form {other:?}: statement or raw."))),
        };
        let is_lines = essence(&parts.headers).is_some_and(|essence| essence == "application/x-ndjson");
        let lines = match (is_lines, query.lines.as_deref()) {
            (false, None) => None,
            (true, None | Some("contents")) => Some(Lines::Contents),
            (true, Some("envelopes")) => Some(Lines::Envelopes),
            (false, Some(_)) => return Err(malformed("lines is for bodies of type application/x-ndjson.".to_owned())),
            (true, Some(other)) => {
                return Err(malformed(format!("Lines are contents or envelopes, not {other:?}.")));
            }
        };
        if lines.is_some() && query.wait.is_some() {
            return Err(malformed(
                "A wait is for one record: those of many lines are asked for by their ids.".to_owned(),
            ));
        }
        Ok(Self {
            form,
            lines,
            idempotency_key: one(&parts.headers, "idempotency-key")?.map(unquoted).transpose()?,
            stream: one(&parts.headers, "counterfoil-stream")?,
            subject: one(&parts.headers, "counterfoil-subject")?,
            time: one(&parts.headers, "counterfoil-time")?.map(|text| parse_time(&text)).transpose()?,
            wait: wait(&parts.headers, query.wait.as_deref())?,
        })
    }
}

/// The media type of a body without its parameters, in small letters.
pub(super) fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// A header that may come once.
pub(super) fn one(headers: &HeaderMap, name: &str) -> Result<Option<String>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), rest) = (values.next(), values.next()) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=MAX_NAME).contains(&text.len()) && rest.is_none());
    let fault = || malformed(format!("{name} comes once, with 1 to {MAX_NAME} visible characters of ASCII."));
    text.map(|text| Some(text.to_owned())).ok_or_else(fault)
}

/// A string of RFC 8941, or bare as many clients send it.
fn unquoted(text: String) -> Result<String, Rejection> {
    let Some(inner) = text.strip_prefix('"') else { return Ok(text) };
    let inner = inner.strip_suffix('"').filter(|inner| !inner.is_empty() && !inner.contains(['"', '\\']));
    inner
        .map(str::to_owned)
        .ok_or_else(|| malformed("Idempotency-Key is a string in quotes, as \"8e03978e\".".to_owned()))
}

pub(super) fn parse_time(text: &str) -> Result<AuthorTime, Rejection> {
    let time: Option<Timestamp> = text.parse().ok();
    let time = time.and_then(|time| u64::try_from(time.as_millisecond()).ok()).and_then(|ms| AuthorTime::new(ms).ok());
    time.ok_or_else(|| malformed(format!("{text:?} is no time of RFC 3339 since 1970, as 2026-02-28T12:00:00Z.")))
}

/// `Prefer: wait=SECONDS` waits for the receipt (RFC 7240); `wait=STATE` names a state.
fn wait(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Wait>, Rejection> {
    let mut preferred = None;
    for preference in headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()) {
        for part in preference.split([',', ';']) {
            if let Some(seconds) = part.trim().strip_prefix("wait=") {
                let seconds: u64 = seconds.parse().map_err(|_| malformed("Prefer: wait= takes seconds.".to_owned()))?;
                preferred = Some(Duration::from_secs(seconds).min(MAX_WAIT));
            }
        }
    }
    let until = match query {
        None => RecordState::Checked,
        Some("confirmed") => RecordState::Confirmed,
        Some("finalized") => RecordState::Finalized,
        Some("checked") => RecordState::Checked,
        Some(other) => {
            return Err(malformed(format!(
                "There is no state {other:?} to wait for: confirmed, finalized or checked."
            )));
        }
    };
    Ok((query.is_some() || preferred.is_some()).then(|| Wait { until, most: preferred.unwrap_or(MAX_WAIT) }))
}

pub(super) fn malformed(detail: String) -> Rejection {
    Rejection::new(Code::MalformedParameter, detail)
}
