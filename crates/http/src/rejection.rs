//! Problem responses: RFC 9457 documents with stable codes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use counterfoil_read::{LiveError, Place, ReadError};
use counterfoil_wire::{Code, Problem};

/// A refused or failed request, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of problem.
    pub code: Code,
    /// The failure, the input, and what to do.
    pub detail: String,
    /// When to come again, in seconds. None: in a second where the problem passes.
    pub retry_after: Option<u32>,
}

impl Rejection {
    /// A rejection with a code and its detail.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after: None }
    }

    /// The same, with the seconds after which to come again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The problem document.
    #[must_use]
    pub fn into_body(self) -> Problem {
        Problem::new(self.code, self.detail)
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).expect("each code has a status of HTTP's")
}

/// The code of a body that is not JSON of the route's form, by the status that axum gives it.
#[must_use]
pub const fn code_of_body(status: StatusCode) -> Code {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        _ => Code::MalformedBody,
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
        let (code, retry_after) = (self.code, self.retry_after);
        let mut response = (status(code), Json(self.into_body())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = retry_after.or(code.is_temporary().then_some(1)) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if code == Code::Unauthorized {
            // Source: RFC 6750 section 3.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// For errors that are handled by the response: those that concern the operator are logged.
impl From<ReadError> for Rejection {
    fn from(error: ReadError) -> Self {
        error.log();
        Self::from(&error)
    }
}

/// For errors that were logged where they were handled.
impl From<&ReadError> for Rejection {
    fn from(error: &ReadError) -> Self {
        let (code, advice) = match error {
            ReadError::UnknownLedger(_) => (
                Code::UnknownLedger,
                "Compare the address, and see /v1/ledgers for those that are indexed. A private one is there for its readers alone: \
                 sign in, or send a key to it.",
            ),
            ReadError::Unauthorized => (Code::Unauthorized, "Sign in again, or ask the operator for a key."),
            ReadError::ScopeMissing { .. } => (
                Code::Forbidden,
                "Send a key that has this scope for the ledger; the operator makes them by `key create --scope`.",
            ),
            ReadError::NotCheckedYet(_) => {
                (Code::NotCheckedYet, "Try again when the indexer has compared it with its account.")
            }
            ReadError::IndexOutOfRange { .. } => {
                (Code::IndexOutOfRange, "If it was appended just now, try again when the indexer has checked it.")
            }
            ReadError::SizeOutOfRange { .. } => {
                (Code::SizeOutOfRange, "Proofs end at the checked size, which the ledger's own route tells.")
            }
            ReadError::MissingEntry { .. } => (
                Code::EntryMissing,
                "A holder of the entries can fill them in; the ledger's missing route lists the gaps.",
            ),
            ReadError::UnknownNode { .. } => (
                Code::ProofUnavailable,
                "Proofs for the checked size and between sizes that the ledger had do not need it, nor do other leaves'; \
                 a holder of the entries can fill them in.",
            ),
            ReadError::PageTooLarge { .. } => (Code::PageTooLarge, ""),
            ReadError::TooExpensive => {
                (Code::TooExpensive, "Narrow it, best by a range of the key, or of slots or times.")
            }
            ReadError::TooManySearches { .. } => {
                (Code::TooManySearches, "Search for less at a time, or try again later.")
            }
            ReadError::TooMuchHistory { .. } => {
                (Code::TooExpensive, "Ask for an earlier size, slot or time, or read the events themselves.")
            }
            ReadError::TooManyWriters { .. } => (Code::TooExpensive, "Narrow the times, or name one writer."),
            ReadError::NoTransaction { .. } | ReadError::NoWriter { .. } => {
                (Code::NotFound, "Take the id from a field id.")
            }
            ReadError::FilterTooLarge | ReadError::OrderTooLong | ReadError::BothEnds => (Code::MalformedParameter, ""),
            ReadError::ForeignCursor => {
                (Code::UnknownCursor, "Take it from a page of the same list in the same order.")
            }
            ReadError::EmptyPage | ReadError::HorizonOutOfRange { .. } => (Code::MalformedParameter, ""),
            ReadError::Corrupt { place, .. } => {
                return Self::new(Code::StoredDataCorrupt, corrupt_detail(error, *place));
            }
            ReadError::Database(_) => {
                (Code::DatabaseUnavailable, "Try again; if it stays so, the operator's log says why.")
            }
        };
        let text = error.to_string();
        let mut detail: String =
            text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect();
        detail.push('.');
        if !advice.is_empty() {
            detail.push(' ');
            detail.push_str(advice);
        }
        Self::new(code, detail)
    }
}

impl From<LiveError> for Rejection {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Read(error) => Self::from(&*error),
            LiveError::Standby => {
                let detail =
                    "This server reads a standby, which cannot tell what is new. Ask one that reads the primary.";
                Self::new(Code::NotConfigured, detail)
            }
            LiveError::Off => {
                let detail = "This server runs as a function, which cannot wait for what is new. Ask one that runs as a service.";
                Self::new(Code::NotConfigured, detail)
            }
            LiveError::TooSlow { next } => {
                let detail = match next.checked_sub(1) {
                    Some(last) => format!("You took what is new too slowly. Connect again and resume after {last}."),
                    None => "You took what is new too slowly. Connect again and start from 0.".to_owned(),
                };
                Self::new(Code::TooSlow, detail)
            }
            LiveError::Ended => {
                Self::new(Code::StreamEnded, "The server stops. Connect again, and resume after the last that came.")
            }
            LiveError::TooManyStreams { open } => {
                let detail = format!("This server has {open} streams open, its most. Try again later.");
                Self::new(Code::TooManyStreams, detail)
            }
            LiveError::TooManyStreamsOfCaller { open } => {
                let detail = format!("You have {open} streams open, the most that one caller may have. End one first.");
                Self::new(Code::TooManyStreamsOfCaller, detail)
            }
        }
    }
}

fn corrupt_detail(error: &ReadError, place: Place) -> String {
    let audit = match place {
        Place::Index => "counterfoil audit LEDGER".to_owned(),
        Place::Ledger(ledger) | Place::Log(ledger, _) | Place::Leaf(ledger, ..) => {
            format!("counterfoil audit {ledger}")
        }
    };
    format!(
        "What the database holds was changed or damaged, so it is not served. In {error}. Do not trust this database: \
         run `{audit}` to compare it with the chain."
    )
}
