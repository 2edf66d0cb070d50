//! A record's content: its bytes, what they are, and what a CloudEvent says of itself.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_http::Rejection;
use counterfoil_statement::{AuthorTime, ContentType, SignedStatement};
use counterfoil_wire::Code;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::{RawValue, to_raw_value};

use super::headers::{Given, malformed, one, parse_time};
use counterfoil_store::gateway::Form;

/// The bounds of contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContentLimits {
    /// The most bytes of one content.
    pub(crate) bytes: usize,
    /// The most bytes of one entry by its bytes: what fits a transaction.
    pub(crate) raw_bytes: usize,
    /// The most lines of one request.
    pub(crate) lines: usize,
}

/// A record's content.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) content_type: ContentType,
    pub(super) stream: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) time: Option<AuthorTime>,
}

const EVENT: &str = "application/cloudevents+json";
const EVENTS: &str = "application/cloudevents-batch+json";
/// Contents of this kind come from an outbox alone: check takes them for what happened to a protected table.
const OWN: &str = "application/vnd.counterfoil.";

/// The attributes of a CloudEvent that are read here.
#[derive(Deserialize)]
struct Event {
    specversion: String,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    id: String,
    subject: Option<String>,
    time: Option<String>,
    data: Option<IgnoredAny>,
    data_base64: Option<IgnoredAny>,
}

/// The content of a request of one record.
pub(super) fn read_content(
    parts: &Parts,
    body: &[u8],
    given: &Given,
    limits: &ContentLimits,
) -> Result<Content, Rejection> {
    if parts.headers.contains_key("ce-specversion") {
        return read_binary_event(&parts.headers, body, given.form, limits);
    }
    let content_type = match parts.headers.get(header::CONTENT_TYPE) {
        None => json(),
        Some(value) => {
            let text = value.to_str().unwrap_or_default();
            text.parse()
                .map_err(|error| Rejection::new(Code::UnsupportedMediaType, format!("Content-Type: {error}.")))?
        }
    };
    let content = Content { bytes: body.to_vec(), content_type, stream: None, subject: None, time: None };
    content.checked(given.form, limits)
}

impl Content {
    /// Refuses what is not what it says, and takes from a CloudEvent what it says of itself.
    pub(super) fn checked(mut self, form: Form, limits: &ContentLimits) -> Result<Self, Rejection> {
        let most = if form == Form::Raw { limits.raw_bytes } else { limits.bytes };
        let length = self.bytes.len();
        if length == 0 {
            return Err(Rejection::new(Code::MalformedBody, "A record has at least one byte."));
        }
        if length > most {
            let detail = format!("The record has {length} bytes, and may have {most}.");
            return Err(Rejection::new(Code::BodyTooLarge, detail));
        }
        if form == Form::Raw && !matches!(SignedStatement::decode(&self.bytes), Ok(None)) {
            let detail = "Bytes with a statement's tag are no entry of their own: they would be read as what the gateway states.";
            return Err(Rejection::new(Code::MalformedBody, detail));
        }
        let essence = self.content_type.as_str().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence == EVENT {
            let event: Event = parse(&self.bytes)?;
            expect_event(&event)?;
            let names: BTreeMap<String, IgnoredAny> = parse(&self.bytes)?;
            names.keys().filter(|name| *name != "data_base64").try_for_each(|name| expect_attribute(name))?;
            self.subject = self.subject.or(event.subject.filter(|subject| !subject.is_empty()));
            if self.time.is_none() {
                self.time = event.time.map(|time| parse_time(&time)).transpose()?;
            }
        } else if essence.starts_with(OWN) {
            let detail = format!("Contents of the types {OWN}* come from a protected table's outbox alone.");
            return Err(Rejection::new(Code::UnsupportedMediaType, detail));
        } else if essence == EVENTS {
            let detail = format!(
                "Of a batch of CloudEvents send one a line, as application/x-ndjson, or each alone as {EVENT}."
            );
            return Err(Rejection::new(Code::UnsupportedMediaType, detail));
        } else if essence == "application/json" || essence.ends_with("+json") {
            parse::<IgnoredAny>(&self.bytes)?;
        } else if essence.starts_with("text/")
            && let Err(error) = std::str::from_utf8(&self.bytes)
        {
            return Err(Rejection::new(Code::MalformedBody, format!("The text is not UTF-8: {error}.")));
        }
        Ok(self)
    }
}

/// A CloudEvent whose attributes are headers: kept as the same event in one piece of JSON.
///
/// Source: CloudEvents 1.0, HTTP protocol binding, section 3.1, and JSON event format, section 3.1.
fn read_binary_event(
    headers: &HeaderMap,
    body: &[u8],
    form: Form,
    limits: &ContentLimits,
) -> Result<Content, Rejection> {
    let mut event: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    let text_of = |text: &str| to_raw_value(text).map_err(|error| malformed(error.to_string()));
    for (name, value) in headers {
        if let Some(attribute) = name.as_str().strip_prefix("ce-") {
            expect_attribute(attribute)?;
            let text = value.to_str().ok().and_then(percent_decoded);
            let text = text.ok_or_else(|| malformed(format!("The header {name} is not of visible ASCII.")))?;
            if event.insert(attribute.to_owned(), text_of(&text)?).is_some() {
                return Err(malformed(format!("The header {name} comes twice.")));
            }
        }
    }
    if event.contains_key("data") || event.contains_key("datacontenttype") {
        return Err(malformed("An event's data is the body, and its type is Content-Type.".to_owned()));
    }
    let content_type = one(headers, "content-type")?;
    let is_json = super::headers::essence(headers)
        .is_some_and(|essence| essence == "application/json" || essence.ends_with("+json"));
    if let Some(content_type) = content_type {
        event.insert("datacontenttype".to_owned(), text_of(&content_type)?);
    }
    if is_json {
        // As it came: its digits, the order of its members, and those that come twice.
        event.insert("data".to_owned(), parse::<&RawValue>(body)?.to_owned());
    } else if !body.is_empty() {
        event.insert("data_base64".to_owned(), text_of(&BASE64_STANDARD.encode(body))?);
    }
    let bytes = serde_json::to_vec(&event).map_err(|error| malformed(error.to_string()))?;
    let content_type = EVENT.parse().expect("a media type");
    Content { bytes, content_type, stream: None, subject: None, time: None }.checked(form, limits)
}

/// Source: CloudEvents 1.0, section 3.1, "Naming Conventions".
fn expect_attribute(name: &str) -> Result<(), Rejection> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(malformed(format!("{name:?} is no name of an attribute of an event: those are of a to z and 0 to 9.")))
}

fn expect_event(event: &Event) -> Result<(), Rejection> {
    if event.data.is_some() && event.data_base64.is_some() {
        return Err(malformed("An event has data or data_base64, not both.".to_owned()));
    }
    if event.specversion != "1.0" {
        return Err(malformed(format!(
            "CloudEvents of version {:?} are not read, those of 1.0 are.",
            event.specversion
        )));
    }
    for (name, value) in [("id", &event.id), ("source", &event.source), ("type", &event.kind)] {
        if value.is_empty() {
            return Err(malformed(format!("The event's {name} is empty.")));
        }
    }
    Ok(())
}

pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Rejection> {
    // Of strings that no one asks for serde_json looks at no bytes.
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Rejection::new(Code::MalformedBody, format!("The JSON is not UTF-8: {error}.")))?;
    serde_json::from_str(text)
        .map_err(|error| Rejection::new(Code::MalformedBody, format!("The body is not what it says: {error}.")))
}

fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                let mut decoded = [0];
                base16ct::mixed::decode(digits, &mut decoded).ok()?;
                bytes.push(decoded[0]);
                rest = after;
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The content type of JSON.
pub(super) fn json() -> ContentType {
    "application/json".parse().expect("a media type")
}
