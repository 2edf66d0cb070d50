//! GET /v1/ledgers/{ledger}/writers/find.

use counterfoil_store::{Comparison, Condition};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Bounds, cursors};
use crate::access::ReaderOf;
use crate::problem::{Problem, ProblemBody};
use crate::rest::body::Head;
use crate::rest::json::Json;
use crate::rest::parameters::{LedgerPath, Limit, Parameters};
use crate::rest::standing::Writer;
use crate::search::{WriterFilter, parse_filter, push_comparison};
use crate::value::{Key, Time, U64};
use counterfoil_read::{self as read, WriterField};

/// Which writers: those that are all that is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichWriters {
    /// The wallet.
    wallet: Option<Key>,
    /// Whether it may append entries.
    may_append: Option<bool>,
    /// Whether it may append subtrees by their hashes.
    may_append_subtrees: Option<bool>,
    /// The first second in which the grant no longer holds, or a later one; never is later than all.
    #[param(inline)]
    from_expires_at: Option<Time>,
    /// A second later than that.
    #[param(inline)]
    to_expires_at: Option<Time>,
    /// Whether it was taken back.
    is_revoked: Option<bool>,
    /// By what they are put in order, each with - before it for the largest first; by the wallets' bytes when absent.
    #[param(
        pattern = "^-?(wallet|may_append|may_append_subtrees|expires_at|granted_seq|is_revoked)\
            (,-?(wallet|may_append|may_append_subtrees|expires_at|granted_seq|is_revoked)){0,3}$",
        example = "is_revoked,-granted_seq"
    )]
    order: Option<String>,
    /// What else they must satisfy, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(example = r#"{"or":[{"is_revoked":true},{"granted_seq":{"lt":"5"}}]}"#)]
    filter: Option<String>,
    /// `next` of the page before this one.
    after: Option<String>,
    /// `previous` of the page after this one; not with `after`.
    before: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// A page of the writers that were found, as they are now. They follow from the events that …/standing shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundWriters {
    head: Head,
    /// The checked head of the event log at which they were looked for.
    event_head: Head,
    /// In the order that was wanted.
    writers: Vec<Writer>,
    /// For `after`; null when there are no more.
    #[schema(required)]
    next: Option<String>,
    /// For `before`; null when there are none before.
    #[schema(required)]
    previous: Option<String>,
}

/// Who was granted to append, as it is now, and is all that is given, in any order. They follow from events that were verified to
/// be in the checked tree.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/writers/find", tag = "Ledgers", operation_id = "find_writers",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichWriters),
    responses(
        (status = 200, body = FoundWriters),
        (status = "4XX", description = "malformed_key, malformed_parameter, page_too_large, unknown_ledger, \
            unknown_cursor, not_checked_yet, too_expensive", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, too_many_searches, timeout", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn writers(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichWriters>,
) -> Result<Json<FoundWriters>, Problem> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, &mut which.before, which.limit);
    let search = bounds.search(which.condition()?)?;
    let found = read::find_writers(&reader, ledger, search).await?;
    let (next, previous) = cursors(&found);
    Ok(Json(FoundWriters {
        head: found.head.head.entries.into(),
        event_head: found.head.head.events.into(),
        writers: found.items.into_iter().map(|(_, writer)| writer.into()).collect(),
        next,
        previous,
    }))
}

impl WhichWriters {
    fn condition(self) -> Result<Condition<WriterField>, Problem> {
        use WriterField::{ExpiresAt, IsRevoked, MayAppend, MayAppendSubtrees, Wallet};
        let mut parts = vec![parse_filter::<WriterFilter>(self.filter.as_deref())?];
        push_comparison(&mut parts, Wallet, Comparison::Equal, self.wallet)?;
        push_comparison(&mut parts, MayAppend, Comparison::Equal, self.may_append)?;
        push_comparison(&mut parts, MayAppendSubtrees, Comparison::Equal, self.may_append_subtrees)?;
        push_comparison(&mut parts, ExpiresAt, Comparison::AtLeast, self.from_expires_at)?;
        push_comparison(&mut parts, ExpiresAt, Comparison::Less, self.to_expires_at)?;
        push_comparison(&mut parts, IsRevoked, Comparison::Equal, self.is_revoked)?;
        Ok(Condition::All(parts))
    }
}
