//! GraphQL documents and variables of any form: reading them ends, within a worker's stack and in memory that grows with the
//! text alone.
//!
//! Input: the document, a zero byte, the variables as JSON.
#![no_main]

use async_graphql_value::Variables;
use counterfoil_graphql_limits::{check, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (document, variables) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    let Ok(document) = std::str::from_utf8(document) else { return };
    let variables = variables.get(1..).and_then(|json| serde_json::from_slice(json).ok());
    let variables = variables.map_or_else(Variables::default, Variables::from_json);
    let Ok(document) = parse(document, &variables, false) else { return };
    // An admitted query is admitted again, with the schema open too, as a persisted query is.
    assert!(check(&document, &variables, true).is_ok());
});
