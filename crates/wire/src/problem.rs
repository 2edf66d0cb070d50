//! Problems: RFC 9457 documents with stable codes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// A row a code: its name, text, HTTP status, title, and whether to try again soon.
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $code:ident = $text:literal, $status:literal, $title:literal $(, $temporary:ident)?;)*) => {
        /// A problem's code: part of the contract, so codes are added and never renamed.
        #[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "openapi", derive(ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])* $code,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// As clients see it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)*
                }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)*
                }
            }

            /// One line for people, the same for every problem of this code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)*
                }
            }

            /// Whether to try again soon.
            #[must_use]
            pub const fn is_temporary(self) -> bool {
                match self {
                    $(Self::$code => codes!(@ $($temporary)?),)*
                }
            }
        }
    };
    (@ temporary) => { true };
    (@) => { false };
}

codes! {
    /// A ledger's address is not base58 of 32 bytes.
    MalformedKey = "malformed_key", 400, "The ledger's address is malformed";
    /// A parameter is unknown, missing, or not of its form.
    MalformedParameter = "malformed_parameter", 400, "A parameter is malformed";
    /// The body is not what the route takes.
    MalformedBody = "malformed_body", 400, "The body is malformed";
    /// The GraphQL query is not valid, or beyond the limits of depth and complexity.
    MalformedQuery = "malformed_query", 400, "The query is malformed or too large";
    /// The GraphQL query is not on the list of those that the operator allows.
    QueryNotAllowed = "query_not_allowed", 403, "The query is not allowed";
    /// The caller gave no credential, or one that is not valid.
    Unauthorized = "unauthorized", 401, "A good key or session is needed";
    /// This caller, or pages of its origin, may not have the answer.
    Forbidden = "forbidden", 403, "It is not for this caller";
    /// The server is called by a name that is not its own.
    UnknownHost = "unknown_host", 421, "The server does not go by that name";
    /// Too many requests in too short a time.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// The body took too long to come.
    RequestTimeout = "request_timeout", 408, "The body took too long to come";
    /// More was asked for than one page holds.
    PageTooLarge = "page_too_large", 400, "The page is too large";
    /// A size beyond the checked one, or below the leaf or the earlier size.
    SizeOutOfRange = "size_out_of_range", 404, "The size is out of range";
    /// The ledger is not in the index, or private and not for this caller.
    UnknownLedger = "unknown_ledger", 404, "The ledger is unknown";
    /// An entry or event beyond what was checked.
    IndexOutOfRange = "index_out_of_range", 404, "The index is out of range";
    /// The index does not have the entry: it was appended by the hash of its subtree, and no one has filled it in.
    EntryMissing = "entry_missing", 404, "The index does not have the entry";
    /// A proof needs hashes of leaves whose entries the index does not have.
    ProofUnavailable = "proof_unavailable", 404, "The index does not have the hashes for the proof";
    /// A cursor of another list, of another ledger's, or of another order.
    UnknownCursor = "unknown_cursor", 404, "The cursor is not of this list";
    /// There is nothing at this path, or with this id.
    NotFound = "not_found", 404, "There is nothing here";
    /// The path takes another method.
    MethodNotAllowed = "method_not_allowed", 405, "The path takes another method";
    /// The operator has not set up what the route needs.
    NotConfigured = "not_configured", 501, "The operator has not set this up";
    /// Nothing of the ledger was checked against the chain yet.
    NotCheckedYet = "not_checked_yet", 409, "Nothing of the ledger is checked yet", temporary;
    /// The body is too large.
    BodyTooLarge = "body_too_large", 413, "The body is too large";
    /// The body must be `application/json`.
    UnsupportedMediaType = "unsupported_media_type", 415, "The body's media type is not JSON";
    /// Stored data contradicts itself or the checked head, so it is not answered.
    StoredDataCorrupt = "stored_data_corrupt", 500, "Stored data is corrupt";
    /// The database does not answer.
    DatabaseUnavailable = "database_unavailable", 503, "The database does not answer", temporary;
    /// The server has as much work as it can hold.
    Busy = "busy", 503, "The server is busy", temporary;
    /// The ledger takes no records from this gateway: it is sealed, takes no subtrees, or the gateway's wallet may not append.
    LedgerRefuses = "ledger_refuses", 409, "The ledger takes no records";
    /// The caller's name for the request, its Idempotency-Key, is another request's.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The Idempotency-Key is another request's";
    /// The key has used what it may in 24 hours.
    QuotaExceeded = "quota_exceeded", 429, "The key has used what it may in a day";
    /// The answer took too long.
    Timeout = "timeout", 504, "The answer took too long", temporary;
    /// The search did not end in the time that a search has.
    TooExpensive = "too_expensive", 422, "It takes too long to find";
    /// A stream's client took what is new too slowly; it can go on after the last that came.
    TooSlow = "too_slow", 408, "The stream was taken too slowly";
    /// The server ended a stream, which can go on after the last that came.
    StreamEnded = "stream_ended", 503, "The server ended the stream";
    /// As many streams are open as the server allows.
    TooManyStreams = "too_many_streams", 503, "Too many streams are open", temporary;
    /// As many streams are open as the server allows one caller.
    TooManyStreamsOfCaller = "too_many_streams_of_caller", 429, "Too many streams of one caller are open";
    /// As many operations run on a WebSocket as one may carry.
    TooManyOperations = "too_many_operations", 429, "Too many operations run on this WebSocket";
    /// As many searches run and wait as the server allows, or one caller.
    TooManySearches = "too_many_searches", 503, "Too many searches are under way", temporary;
}

/// A problem as a document. Source: RFC 9457.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Problem {
    /// Where the problem is described, relative to this server.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(example = "/docs#unknown_ledger"))]
    pub kind: String,
    /// One line, the same for every problem of this code.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    #[cfg_attr(feature = "openapi", schema(example = 404))]
    pub status: u16,
    /// The failure, the input, and what to do.
    pub detail: String,
    /// For programs: it never changes.
    pub code: Code,
}

impl Problem {
    /// The document of a code.
    #[must_use]
    pub fn new(code: Code, detail: String) -> Self {
        let kind = format!("/docs#{}", code.text());
        Self { kind, title: code.title().into(), status: code.status(), detail, code }
    }
}
