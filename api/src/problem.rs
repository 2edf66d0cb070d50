//! What a client is told when there is no answer: RFC 9457 problem documents with stable codes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use counterfoil_read::{LiveError, Place, ReadError};

/// A problem's code: part of the contract, so codes are added and never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A ledger's address is not base58 of 32 bytes.
    MalformedKey,
    /// A parameter is unknown, missing, or not of its form.
    MalformedParameter,
    /// The body is not what the route takes.
    MalformedBody,
    /// The GraphQL query is not valid, or beyond the limits of depth and complexity.
    MalformedQuery,
    /// The GraphQL query is not on the list of those that the operator allows.
    QueryNotAllowed,
    /// Who calls did not say who they are, or not truly.
    Unauthorized,
    /// What was asked for is not for this caller, or not for pages of its origin.
    Forbidden,
    /// The server is called by a name that is not its own.
    UnknownHost,
    /// Too many requests in too short a time.
    RateLimited,
    /// The body took too long to come.
    RequestTimeout,
    /// More was asked for than one page holds.
    PageTooLarge,
    /// A size beyond the checked one, or below the leaf or the earlier size.
    SizeOutOfRange,
    /// The ledger is not in the index, or private and not for this caller.
    UnknownLedger,
    /// An entry or event beyond what was checked.
    IndexOutOfRange,
    /// The index lacks the entry: it was appended by the hash of its subtree, and nobody has filled it in.
    EntryMissing,
    /// A proof needs hashes of leaves whose entries the index lacks.
    ProofUnavailable,
    /// A cursor of another list, of another ledger's, or of another order.
    UnknownCursor,
    /// There is nothing at this path, or with this id.
    NotFound,
    /// The path takes another method.
    MethodNotAllowed,
    /// The operator has not set up what the route needs.
    NotConfigured,
    /// Nothing of the ledger was checked against the chain yet.
    NotCheckedYet,
    /// The body is too large.
    BodyTooLarge,
    /// The body must be `application/json`.
    UnsupportedMediaType,
    /// What is stored contradicts itself or the checked head, so it is not answered.
    StoredDataCorrupt,
    /// The database does not answer.
    DatabaseUnavailable,
    /// The answer took too long.
    Timeout,
    /// What was looked for could not be found in the time that there is for it.
    TooExpensive,
    /// A stream's client took what is new too slowly; it can go on after the last that came.
    TooSlow,
    /// The server ended a stream, which can go on after the last that came.
    StreamEnded,
    /// As many streams are open as the server allows.
    TooManyStreams,
    /// As many streams are open as the server allows one caller.
    TooManyStreamsOfCaller,
    /// As many operations run on a WebSocket as one may carry.
    TooManyOperations,
    /// As many searches run and wait as the server allows, or one caller.
    TooManySearches,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 33] = [
        Self::MalformedKey,
        Self::MalformedParameter,
        Self::MalformedBody,
        Self::MalformedQuery,
        Self::QueryNotAllowed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::UnknownHost,
        Self::RateLimited,
        Self::RequestTimeout,
        Self::PageTooLarge,
        Self::SizeOutOfRange,
        Self::UnknownLedger,
        Self::IndexOutOfRange,
        Self::EntryMissing,
        Self::ProofUnavailable,
        Self::UnknownCursor,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotConfigured,
        Self::NotCheckedYet,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::StoredDataCorrupt,
        Self::DatabaseUnavailable,
        Self::Timeout,
        Self::TooExpensive,
        Self::TooSlow,
        Self::StreamEnded,
        Self::TooManyStreams,
        Self::TooManyStreamsOfCaller,
        Self::TooManyOperations,
        Self::TooManySearches,
    ];

    /// As clients see it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::MalformedKey => "malformed_key",
            Self::MalformedParameter => "malformed_parameter",
            Self::MalformedBody => "malformed_body",
            Self::MalformedQuery => "malformed_query",
            Self::QueryNotAllowed => "query_not_allowed",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::UnknownHost => "unknown_host",
            Self::RateLimited => "rate_limited",
            Self::RequestTimeout => "request_timeout",
            Self::PageTooLarge => "page_too_large",
            Self::SizeOutOfRange => "size_out_of_range",
            Self::UnknownLedger => "unknown_ledger",
            Self::IndexOutOfRange => "index_out_of_range",
            Self::EntryMissing => "entry_missing",
            Self::ProofUnavailable => "proof_unavailable",
            Self::UnknownCursor => "unknown_cursor",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotConfigured => "not_configured",
            Self::NotCheckedYet => "not_checked_yet",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::StoredDataCorrupt => "stored_data_corrupt",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::Timeout => "timeout",
            Self::TooExpensive => "too_expensive",
            Self::TooSlow => "too_slow",
            Self::StreamEnded => "stream_ended",
            Self::TooManyStreams => "too_many_streams",
            Self::TooManyStreamsOfCaller => "too_many_streams_of_caller",
            Self::TooManyOperations => "too_many_operations",
            Self::TooManySearches => "too_many_searches",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedKey
            | Self::MalformedParameter
            | Self::MalformedBody
            | Self::MalformedQuery
            | Self::PageTooLarge => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::RateLimited | Self::TooManyStreamsOfCaller | Self::TooManyOperations => StatusCode::TOO_MANY_REQUESTS,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::SizeOutOfRange
            | Self::UnknownLedger
            | Self::IndexOutOfRange
            | Self::EntryMissing
            | Self::ProofUnavailable
            | Self::UnknownCursor
            | Self::NotFound => StatusCode::NOT_FOUND,
            Self::QueryNotAllowed => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotConfigured => StatusCode::NOT_IMPLEMENTED,
            Self::NotCheckedYet => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::StoredDataCorrupt => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooExpensive => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::DatabaseUnavailable | Self::StreamEnded | Self::TooManyStreams | Self::TooManySearches => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Whether to try again soon.
    pub(crate) const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::DatabaseUnavailable
                | Self::Timeout
                | Self::NotCheckedYet
                | Self::TooManyStreams
                | Self::TooManySearches
        )
    }

    /// Why a body could not be read as JSON, by the status that says so.
    pub(crate) const fn of_body(status: StatusCode) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            _ => Self::MalformedBody,
        }
    }

    /// One line for people, the same for every problem of this code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::MalformedKey => "The ledger's address is malformed",
            Self::MalformedParameter => "A parameter is malformed",
            Self::MalformedBody => "The body is malformed",
            Self::MalformedQuery => "The query is malformed or too large",
            Self::QueryNotAllowed => "The query is not allowed",
            Self::Unauthorized => "A good key or session is needed",
            Self::Forbidden => "It is not for this caller",
            Self::UnknownHost => "The server does not go by that name",
            Self::RateLimited => "Too many requests",
            Self::RequestTimeout => "The body took too long to come",
            Self::PageTooLarge => "The page is too large",
            Self::SizeOutOfRange => "The size is out of range",
            Self::UnknownLedger => "The ledger is unknown",
            Self::IndexOutOfRange => "The index is out of range",
            Self::EntryMissing => "The index lacks the entry",
            Self::ProofUnavailable => "The index lacks hashes for the proof",
            Self::UnknownCursor => "The cursor is not of this list",
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "The path takes another method",
            Self::NotConfigured => "The operator has not set this up",
            Self::NotCheckedYet => "Nothing of the ledger is checked yet",
            Self::BodyTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body's media type is not JSON",
            Self::StoredDataCorrupt => "Stored data is corrupt",
            Self::DatabaseUnavailable => "The database does not answer",
            Self::Timeout => "The answer took too long",
            Self::TooExpensive => "It takes too long to find",
            Self::TooSlow => "The stream was taken too slowly",
            Self::StreamEnded => "The server ended the stream",
            Self::TooManyStreams => "Too many streams are open",
            Self::TooManyStreamsOfCaller => "Too many streams of one caller are open",
            Self::TooManyOperations => "Too many operations run on this WebSocket",
            Self::TooManySearches => "Too many searches are under way",
        }
    }
}

/// Why there is no answer, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which kind.
    pub code: Code,
    /// What failed, on which input, and what to do.
    pub detail: String,
}

/// A problem as a document. Source: RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Where the problem is described, relative to this server.
    #[serde(rename = "type")]
    #[schema(example = "/docs#unknown_ledger")]
    kind: String,
    /// One line, the same for every problem of this code.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What failed, on which input, and what to do.
    detail: String,
    /// For programs: it never changes.
    code: Code,
}

impl Problem {
    /// A problem.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// As it is written.
    pub(crate) fn into_body(self) -> ProblemBody {
        let Self { code, detail } = self;
        let kind = format!("/docs#{}", code.text());
        ProblemBody { kind, title: code.title(), status: code.status().as_u16(), detail, code }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
        let code = self.code;
        let mut response = (code.status(), Json(self.into_body())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if code.is_temporary() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if code == Code::Unauthorized {
            // Source: RFC 6750 section 3.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// For errors that are handled here: what an operator must know is logged.
impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        error.log();
        Self::from(&error)
    }
}

/// For errors that were logged where they were handled.
impl From<&ReadError> for Problem {
    fn from(error: &ReadError) -> Self {
        let (code, advice) = match error {
            ReadError::UnknownLedger(_) => (
                Code::UnknownLedger,
                "Compare the address, and see /v1/ledgers for those that are indexed. A private one is there for its readers alone: \
                 sign in, or send a key to it.",
            ),
            ReadError::Unauthorized => (Code::Unauthorized, "Sign in again, or ask the operator for a key."),
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
                "Whoever has the entries can fill them in; the ledger's missing route lists what is.",
            ),
            ReadError::UnknownNode { .. } => (
                Code::ProofUnavailable,
                "Proofs for the checked size and between sizes that the ledger had do not need it, nor do other leaves'; \
                 whoever has the entries can fill them in.",
            ),
            ReadError::PageTooLarge { .. } => (Code::PageTooLarge, ""),
            ReadError::TooExpensive { .. } => {
                (Code::TooExpensive, "Narrow it, best by a range of the key, or of slots or times.")
            }
            ReadError::TooManySearches { .. } => {
                (Code::TooManySearches, "Search for less at a time, or try again later.")
            }
            ReadError::TooMuchHistory { .. } => {
                (Code::TooExpensive, "Ask for an earlier size, slot or time, or read the events themselves.")
            }
            ReadError::NoTransaction { .. } | ReadError::NoWriter { .. } => {
                (Code::NotFound, "Take the id from a field id.")
            }
            ReadError::FilterTooLarge | ReadError::OrderTooLong | ReadError::BothEnds => (Code::MalformedParameter, ""),
            ReadError::ForeignCursor => {
                (Code::UnknownCursor, "Take it from a page of the same list in the same order.")
            }
            ReadError::EmptyPage => (Code::MalformedParameter, ""),
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

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Read(error) => Self::from(&*error),
            LiveError::Standby => {
                let detail =
                    "This server reads a standby, which cannot tell what is new. Ask one that reads the primary.";
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
