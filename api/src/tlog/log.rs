//! A ledger's log by its path.

use counterfoil_core::LedgerId;
use counterfoil_http::Rejection;
use counterfoil_store::Log;
use counterfoil_wire::Code;

use crate::address::parse_ledger;

/// One of a ledger's logs.
#[derive(Clone, Copy)]
pub(crate) struct LogId {
    pub(crate) ledger: LedgerId,
    pub(crate) log: Log,
}

impl LogId {
    pub(super) fn parse(ledger: &str, log: &str) -> Result<Self, Rejection> {
        let log = match log {
            "entries" => Log::Entries,
            "events" => Log::Events,
            other => {
                let detail = format!("\"{}\" is neither entries nor events.", other.escape_debug());
                return Err(Rejection::new(Code::MalformedParameter, detail));
            }
        };
        Ok(Self { ledger: parse_ledger(ledger)?, log })
    }

    pub(super) const fn name(self) -> &'static str {
        match self.log {
            Log::Entries => "entries",
            Log::Events => "events",
        }
    }
}
