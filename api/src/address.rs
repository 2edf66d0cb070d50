//! Addresses of ledgers as clients write them.

use counterfoil_core::LedgerId;

use crate::problem::{Code, Problem};

/// Reads a ledger's address.
pub(crate) fn parse_ledger(text: &str) -> Result<LedgerId, Problem> {
    let mut key = [0; 32];
    if five8::decode_32(text, &mut key).is_ok() {
        return Ok(LedgerId(key));
    }
    text.parse().map_err(|error| {
        let detail = format!(
            "\"{}\" is not the address of a ledger: {error}. Copy it from /v1/ledgers or from a receipt.",
            text.escape_debug()
        );
        Problem::new(Code::MalformedKey, detail)
    })
}
