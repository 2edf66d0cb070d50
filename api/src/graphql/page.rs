//! Relay's connections.

use async_graphql::{ObjectType, Result};
use counterfoil_core::LedgerHead;
use counterfoil_http::Rejection;
use counterfoil_read::{DEFAULT_PAGE, Page, ReadError, Search, Window};
use counterfoil_store::{Condition, Direction};
use counterfoil_wire::Code;
use merkle_log::LeafIndex;

use super::error::refuse;
use super::flat::{Flat, LeafConnection, Rows};
use super::head::PageParts;

/// The arguments of a connection.
pub(super) struct Arguments {
    pub(super) first: Option<i32>,
    pub(super) after: Option<String>,
    pub(super) last: Option<i32>,
    pub(super) before: Option<String>,
}

impl Arguments {
    /// A page of what satisfies a condition.
    pub(super) fn search<C>(
        self,
        condition: Condition<C>,
        order: Option<Vec<impl Into<(C, Direction)>>>,
    ) -> Result<Search<C>, Rejection> {
        Ok(Search {
            condition,
            order: order.into_iter().flatten().map(Into::into).collect(),
            first: self.first.map(count).transpose()?,
            after: self.after,
            last: self.last.map(count).transpose()?,
            before: self.before,
        })
    }
}

impl TryFrom<Arguments> for Window {
    type Error = Rejection;

    fn try_from(arguments: Arguments) -> Result<Self, Rejection> {
        Ok(Self::Between {
            after: arguments.after.as_deref().map(parse_cursor).transpose()?,
            before: arguments.before.as_deref().map(parse_cursor).transpose()?,
            first: arguments.first.map(count).transpose()?,
            last: arguments.last.map(count).transpose()?,
        })
    }
}

/// A page as a connection. `index` is a leaf's, `nodes` makes its elements.
pub(super) fn connection<S, T: Flat, F: ObjectType + From<PageParts>>(
    page: Result<Page<S>, ReadError>,
    index: impl Fn(&S) -> LeafIndex,
    nodes: impl FnOnce(LedgerHead, Vec<S>) -> Vec<T>,
) -> Result<LeafConnection<T, F>> {
    let page = page.map_err(refuse)?;
    let indexes: Vec<LeafIndex> = page.items.iter().map(index).collect();
    Ok(LeafConnection {
        has_previous_page: page.range.start > 0,
        has_next_page: page.next.is_some(),
        rows: Rows::new(indexes.into_iter().zip(nodes(page.head, page.items))),
        fields: F::from(PageParts { head: page.head, missing: page.missing, certificate: page.certificate }),
    })
}

/// The complexity of a connection: as many times its children's complexity as it may have elements.
pub(super) fn complexity(first: Option<i32>, last: Option<i32>, child_complexity: usize) -> usize {
    let default = i32::try_from(DEFAULT_PAGE).unwrap_or(i32::MAX);
    let count = first.or(last).unwrap_or(default).max(1);
    usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(child_complexity).saturating_add(1)
}

/// Checks a count of elements; that it is not too large is checked with the page.
pub(super) fn count(count: i32) -> Result<u64, Rejection> {
    u64::try_from(count).map_err(|_| Rejection::new(Code::MalformedParameter, format!("{count} is not a count.")))
}

pub(super) fn parse_cursor(text: &str) -> Result<u64, Rejection> {
    let index = text.parse::<u64>().ok().filter(|index| index.to_string() == text);
    index.ok_or_else(|| {
        let detail = format!("\"{}\" is not a cursor: take it from an edge or from pageInfo.", text.escape_debug());
        Rejection::new(Code::MalformedParameter, detail)
    })
}
