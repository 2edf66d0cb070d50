//! GET …/find: the elements of a list that satisfy a filter, in any order, page by page in both directions.

pub(super) mod entries;
pub(super) mod events;
pub(super) mod ledgers;
pub(super) mod transactions;
pub(super) mod writers;

use counterfoil_read::{Found, Search};
use counterfoil_store::Condition;

use crate::problem::Problem;
use crate::search::{Order, parse_order};
use crate::value::U64;

/// The order of a list, and which page of it.
struct Bounds {
    order: Option<String>,
    after: Option<String>,
    before: Option<String>,
    limit: Option<u64>,
}

impl Bounds {
    fn new(
        order: &mut Option<String>,
        after: &mut Option<String>,
        before: &mut Option<String>,
        limit: Option<U64>,
    ) -> Self {
        let limit = limit.map(|limit| limit.0);
        Self { order: order.take(), after: after.take(), before: before.take(), limit }
    }

    fn search<C: Order>(self, condition: Condition<C>) -> Result<Search<C>, Problem> {
        let order = parse_order(self.order.as_deref())?;
        let (first, last) = if self.before.is_some() { (None, self.limit) } else { (self.limit, None) };
        Ok(Search { condition, order, first, after: self.after, last, before: self.before })
    }
}

/// The cursors for the next page and the one before, where there are such.
fn cursors<T, H>(found: &Found<T, H>) -> (Option<String>, Option<String>) {
    let next = found.items.last().filter(|_| found.has_next);
    let previous = found.items.first().filter(|_| found.has_previous);
    (next.map(|(cursor, _)| cursor.clone()), previous.map(|(cursor, _)| cursor.clone()))
}
