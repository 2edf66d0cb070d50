//! The problems with which each route may answer: sets that routes name in their descriptions.

use std::collections::BTreeMap;

use counterfoil_wire::Code;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

/// A row a set: its name, the sets within it, and its own codes. In a description each code is a response under the code's text;
/// [`super::common`] makes of these one response for each status.
macro_rules! problem_sets {
    ($($(#[doc = $doc:literal])* $set:ident = $($part:ident +)* [$($code:ident),* $(,)?];)*) => {
        $(
            $(#[doc = $doc])*
            pub(super) struct $set;

            impl IntoResponses for $set {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    let own = [$(Code::$code),*].map(|code| (code.text().to_owned(), Response::new("").into()));
                    let mut all = BTreeMap::new();
                    $(all.append(&mut $part::responses());)*
                    all.extend(own);
                    all
                }
            }
        )*
    };
}

problem_sets! {
    /// Reads of the index.
    IndexProblems = [StoredDataCorrupt, DatabaseUnavailable, Timeout];
    /// Reads of one ledger.
    LedgerProblems = IndexProblems + [MalformedKey, UnknownLedger];
    /// Reads of one of a ledger's logs, by parameters.
    LogProblems = LedgerProblems + [MalformedParameter, NotCheckedYet];
    /// Reads of leaves by their index.
    LeafProblems = [IndexOutOfRange];
    /// Reads of one entry.
    EntryProblems = LeafProblems + [EntryMissing];
    /// Reads at a size of the log.
    SizeProblems = [SizeOutOfRange];
    /// Proofs at a size of the log.
    ProofProblems = SizeProblems + [ProofUnavailable];
    /// Pages of a list.
    PageProblems = [MalformedParameter, PageTooLarge];
    /// Reads that take a place among the searches.
    CostProblems = [TooExpensive, TooManySearches];
    /// Searches, page by page.
    SearchProblems = PageProblems + CostProblems + [UnknownCursor];
    /// Responses that are streams.
    StreamProblems = [TooManyStreams, TooManyStreamsOfCaller];
    /// Streams of news.
    FollowProblems = StreamProblems + [RateLimited, NotConfigured];
    /// Routes that the operator has to set up.
    OptionalProblems = [NotConfigured];
    /// Parameters that are addresses.
    AddressProblems = [MalformedKey];
    /// Requests with a body.
    BodyProblems = [MalformedBody, RequestTimeout, BodyTooLarge, UnsupportedMediaType, Timeout];
    /// Requests that bring a credential in their body.
    CredentialProblems = [Unauthorized];
}
