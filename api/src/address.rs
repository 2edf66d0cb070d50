//! Addresses of ledgers as clients write them.

use counterfoil_core::LedgerId;
use counterfoil_http::Rejection;
use counterfoil_wire::Code;

/// Reads a ledger's address.
pub(crate) fn parse_ledger(text: &str) -> Result<LedgerId, Rejection> {
    let mut key = [0; 32];
    if five8::decode_32(text, &mut key).is_ok() {
        return Ok(LedgerId(key));
    }
    text.parse().map_err(|error| {
        let detail = format!(
            "\"{}\" is not the address of a ledger: {error}. Copy it from /v1/ledgers or from a receipt.",
            text.escape_debug()
        );
        Rejection::new(Code::MalformedKey, detail)
    })
}
