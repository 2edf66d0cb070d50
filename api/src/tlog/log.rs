//! A ledger's log by its path.

use counterfoil_core::LedgerId;
use counterfoil_store::Log;

use crate::address::parse_ledger;
use crate::problem::{Code, Problem};

/// One of a ledger's logs.
#[derive(Clone, Copy)]
pub(crate) struct LogId {
    pub(crate) ledger: LedgerId,
    pub(crate) log: Log,
}

impl LogId {
    pub(super) fn parse(ledger: &str, log: &str) -> Result<Self, Problem> {
        let log = match log {
            "entries" => Log::Entries,
            "events" => Log::Events,
            other => {
                let detail = format!("\"{}\" is neither entries nor events.", other.escape_debug());
                return Err(Problem::new(Code::MalformedParameter, detail));
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
