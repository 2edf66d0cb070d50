//! GET /v1/ledgers/{ledger}/…/find. GraphQL's filters say more: `or`, `not`, and lists.

pub(super) mod entries;
pub(super) mod events;
pub(super) mod transactions;
pub(super) mod writers;

use counterfoil_store::{Condition, Direction};

use crate::problem::{Code, Problem};
use crate::query::{Found, Search};

fn search<C>(
    condition: Condition<C>,
    order: Vec<(C, Direction)>,
    after: Option<String>,
    limit: Option<u64>,
) -> Search<C> {
    Search { condition, order, first: limit, after, last: None, before: None }
}

fn next<T, H>(found: &Found<T, H>) -> Option<String> {
    found.items.last().filter(|_| found.has_next).map(|(cursor, _)| cursor.clone())
}

fn parse_order<C>(text: Option<&str>, column: impl Fn(&str) -> Option<C>) -> Result<Vec<(C, Direction)>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let parts = text.split(',').map(|part| match part.strip_prefix('-') {
        Some(name) => Some((column(name)?, Direction::Descending)),
        None => Some((column(part)?, Direction::Ascending)),
    });
    let order: Option<Vec<_>> = parts.collect();
    order.ok_or_else(|| {
        let detail = format!("\"{}\" is not an order of columns of this list. See /docs.", text.escape_debug());
        Problem::new(Code::MalformedParameter, detail)
    })
}
