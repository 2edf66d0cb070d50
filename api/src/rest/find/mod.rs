//! GET …/find: the elements of a list that satisfy a filter, in any order, page by page in both directions.

pub(super) mod entries;
pub(super) mod events;
pub(super) mod ledgers;
pub(super) mod transactions;
pub(super) mod writers;

use counterfoil_http::Rejection;
use counterfoil_read::{Found, Search};
use counterfoil_store::Condition;
use counterfoil_wire::U64;

use crate::search::{Order, parse_order};

/// What the cursor of the page before begins with. No cursor has it.
const BEFORE: char = '~';

/// The order of a list, and which page of it.
struct Bounds {
    order: Option<String>,
    /// A cursor, with [`BEFORE`] where the page ends before it.
    beyond: Option<String>,
    limit: Option<u64>,
}

impl Bounds {
    fn new(order: &mut Option<String>, beyond: &mut Option<String>, limit: Option<U64>) -> Self {
        Self { order: order.take(), beyond: beyond.take(), limit: limit.map(|limit| limit.0) }
    }

    fn search<C: Order>(self, condition: Condition<C>) -> Result<Search<C>, Rejection> {
        let Self { order, beyond, limit } = self;
        let order = parse_order(order.as_deref())?;
        let forwards = Search { condition, order, first: limit, after: None, last: None, before: None };
        Ok(match beyond {
            Some(cursor) => match cursor.strip_prefix(BEFORE) {
                Some(cursor) => Search { first: None, last: limit, before: Some(cursor.to_owned()), ..forwards },
                None => Search { after: Some(cursor), ..forwards },
            },
            None => forwards,
        })
    }
}

/// What leads to the next page and to the one before, where there are such.
fn cursors<T, H>(found: &Found<T, H>) -> (Option<String>, Option<String>) {
    let next = found.items.last().filter(|_| found.has_next);
    let previous = found.items.first().filter(|_| found.has_previous);
    (next.map(|(cursor, _)| cursor.clone()), previous.map(|(cursor, _)| format!("{BEFORE}{cursor}")))
}
