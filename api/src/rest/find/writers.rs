//! GET /v1/ledgers/{ledger}/writers/find.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, WriterField};
use counterfoil_store::{Comparison, Condition};
use counterfoil_wire::{FoundWriters, Key, Time, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Bounds, cursors};
use crate::rest::json::Json;
use crate::rest::parameters::{LedgerPath, Limit, Parameters};
use crate::rest::problems::{LogProblems, SearchProblems};
use crate::search::{WriterFilter, parse_filter, push_comparison};

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
    #[param(value_type = WriterFilter, required = false)]
    filter: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Who was granted to append, as it is now, and is all that is given, in any order. They follow from events that were verified to
/// be in the checked tree.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/writers/find", tag = "Ledgers", operation_id = "find_writers",
    params(("ledger" = Key, Path, description = "The ledger's address."), WhichWriters),
    responses(
        (status = 200, body = FoundWriters),
        LogProblems, SearchProblems,
    ),
)]
pub(crate) async fn writers(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(mut which): Parameters<WhichWriters>,
) -> Result<Json<FoundWriters>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
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
    fn condition(self) -> Result<Condition<WriterField>, Rejection> {
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
