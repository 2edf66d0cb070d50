//! Filters and orders as a query string carries them.

use counterfoil_http::Rejection;
use counterfoil_read::{MAX_FILTER_DEPTH, ReadError};
use counterfoil_store::{Condition, Direction};
use counterfoil_wire::Code;
use serde::de::DeserializeOwned;

/// A condition on the elements of a list.
pub(crate) trait Filter: Default + DeserializeOwned {
    /// The columns that it may name.
    type Column;

    /// The condition that it is.
    fn condition(self) -> Result<Condition<Self::Column>, Rejection>;
}

/// A column that a list can be put in order by.
pub(crate) trait Order: Sized {
    /// The field of this name, as `event_seq`.
    fn named(name: &str) -> Option<Self>;
}

/// How deep the JSON of a filter may be: `or` is a list within its filter, and so is `in` within its operators.
const MAX_JSON_DEPTH: usize = 2 * MAX_FILTER_DEPTH + 2;

/// Reads a filter that is JSON: `{"or":[{"slot":{"gte":"7"}},{"signer":{"eq":"..."}}]}`. Its depth is bounded before it is
/// parsed, for the parser recurses.
pub(crate) fn parse_filter<F: Filter>(text: Option<&str>) -> Result<Condition<F::Column>, Rejection> {
    let Some(text) = text else { return F::default().condition() };
    if json_depth(text) > MAX_JSON_DEPTH {
        return Err(ReadError::FilterTooLarge.into());
    }
    let filter: Result<F, _> = serde_json::from_str(text);
    let filter = filter.map_err(|error| {
        Rejection::new(Code::MalformedParameter, format!("where is not a filter of this list: {error}. See /docs."))
    })?;
    filter.condition()
}

/// How deep lists and objects are within one another, in a text that need not be JSON.
fn json_depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Reads an order: names of fields with commas between them, each with - before it for the largest first.
pub(crate) fn parse_order<C: Order>(text: Option<&str>) -> Result<Vec<(C, Direction)>, Rejection> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let parts = text.split(',').map(|part| match part.strip_prefix('-') {
        Some(name) => Some((C::named(name)?, Direction::Descending)),
        None => Some((C::named(part)?, Direction::Ascending)),
    });
    parts.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let detail = format!("\"{}\" is not an order of columns of this list. See /docs.", text.escape_debug());
        Rejection::new(Code::MalformedParameter, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::json_depth;

    #[test]
    fn depth_counts_brackets_outside_of_text() {
        for (text, depth) in [
            ("", 0),
            ("7", 0),
            ("{}", 1),
            ("{\"a\":[{}],\"b\":{}}", 3),
            ("\"[[{\"", 0),
            ("[\"\\\"[\"]", 1),
            ("[[[", 3),
            ("]]][", 1),
        ] {
            assert_eq!(json_depth(text), depth, "{text}");
        }
    }
}
