//! Requests of many records: one a line, and an answer for each line.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_http::Rejection;
use counterfoil_statement::Promise;
use counterfoil_wire::{Code, LineAnswer, LinesEnd};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{Content, ContentLimits, json, parse};
use super::headers::{Given, Lines, malformed, parse_time};
use crate::ids::id_text;

/// The lines of a request: contents, and the answers of those that were refused.
pub(super) struct Taken {
    pub(super) accepted: Vec<Content>,
    /// Of each line that is not empty: its number, and its problem if it has one.
    lines: Vec<(u32, Option<Rejection>)>,
}

/// A line with what else is said of its record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    content_base64: Option<String>,
    content_type: Option<String>,
    stream: Option<String>,
    subject: Option<String>,
    time: Option<String>,
}

impl Taken {
    pub(super) fn one(content: Content) -> Self {
        Self { accepted: vec![content], lines: Vec::new() }
    }
}

/// Reads the lines. Each is judged by itself; empty ones are passed over.
pub(super) fn read(body: &[u8], lines: Lines, given: &Given, limits: &ContentLimits) -> Result<Taken, Rejection> {
    let mut taken = Taken { accepted: Vec::new(), lines: Vec::new() };
    for (line, number) in body.split(|byte| *byte == b'\n').zip(1..) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if taken.lines.len() == limits.lines {
            let detail = format!("The body has more than {} lines. Send the rest with another request.", limits.lines);
            return Err(Rejection::new(Code::BodyTooLarge, detail));
        }
        let content = match lines {
            Lines::Contents => {
                Ok(Content { bytes: line.to_vec(), content_type: json(), stream: None, subject: None, time: None })
            }
            Lines::Envelopes => open(line),
        };
        match content.and_then(|content| content.checked(given.form, limits)) {
            Ok(content) => {
                taken.accepted.push(content);
                taken.lines.push((number, None));
            }
            Err(problem) => taken.lines.push((number, Some(problem))),
        }
    }
    if taken.lines.is_empty() {
        return Err(Rejection::new(Code::MalformedBody, "The body has no line."));
    }
    Ok(taken)
}

fn open(line: &[u8]) -> Result<Content, Rejection> {
    let envelope: Envelope<'_> = parse(line)?;
    let bytes = match (envelope.content, envelope.content_base64) {
        (Some(content), None) => content.get().as_bytes().to_vec(),
        (None, Some(content)) => {
            let decoded = BASE64_STANDARD.decode(content);
            decoded.map_err(|error| malformed(format!("content_base64 is not base64 with padding: {error}.")))?
        }
        _ => return Err(malformed("A line has either content or content_base64.".to_owned())),
    };
    let content_type = match envelope.content_type {
        Some(text) => text.parse().map_err(|error| malformed(format!("content_type: {error}.")))?,
        None => json(),
    };
    let (stream, subject) = (envelope.stream, envelope.subject);
    if [&stream, &subject].into_iter().flatten().any(|name| !(1..=255).contains(&name.len())) {
        return Err(malformed("A stream's or subject's name has 1 to 255 bytes.".to_owned()));
    }
    let time = envelope.time.map(|time| parse_time(&time)).transpose()?;
    Ok(Content { bytes, content_type, stream, subject, time })
}

/// The answer: a line for each line, then the sum with the promise.
pub(super) fn answer(taken: &Taken, ids: &[[u8; 16]], promise: Option<&Promise>) -> Response {
    let mut text = Vec::new();
    let mut push = |value: serde_json::Result<String>| {
        text.extend_from_slice(value.expect("strings and numbers").as_bytes());
        text.push(b'\n');
    };
    let mut ids = ids.iter();
    let mut refused = 0_u32;
    for (line, problem) in &taken.lines {
        let answer = match problem {
            None => LineAnswer::Accepted { line: *line, id: ids.next().map(id_text).unwrap_or_default() },
            Some(Rejection { code, detail, .. }) => {
                refused += 1;
                LineAnswer::Refused { line: *line, code: *code, detail: detail.clone() }
            }
        };
        push(serde_json::to_string(&answer));
    }
    let accepted = u32::try_from(taken.lines.len()).unwrap_or(u32::MAX) - refused;
    push(serde_json::to_string(&LinesEnd { accepted, refused, promise }));
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = if accepted == 0 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::ACCEPTED };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}
