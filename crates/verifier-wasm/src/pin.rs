//! The pin: what the verifier relies on, and took from elsewhere than the document.

use counterfoil_core::receipt::Head;
use counterfoil_core::relate::LogKind;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId, json};
use merkle_log::TreeHead;
use serde::Deserialize;

use crate::value::Value;
use crate::verdict::{Comparison, Fault, Origin};

/// A pin; every part may be absent, and nothing of it is ever filled from the document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    #[serde(default, with = "json::optional::text")]
    pub(crate) genesis_hash: Option<GenesisHash>,
    #[serde(default, with = "json::optional::text")]
    pub(crate) program: Option<ProgramId>,
    #[serde(default, with = "json::optional::text")]
    pub(crate) ledger: Option<LedgerId>,
    /// Heads of the pinned ledger, as the verifier knows them from the chain.
    #[serde(default)]
    heads: Vec<PinnedHead>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinnedHead {
    log: LogKind,
    #[serde(with = "json::text")]
    size: u64,
    #[serde(with = "json::text")]
    root: merkle_log::Root,
}

impl Pin {
    /// Reads a pin; no bytes are one without parts.
    ///
    /// # Errors
    /// A text for its author, when it is none.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let pin: Self =
            Value::parse(bytes).and_then(|value| Self::deserialize(&value)).map_err(|error| error.to_string())?;
        for (log, head) in pin.heads() {
            TreeHead::try_from(head).map_err(|error| error.to_string())?;
            let contradicts =
                |(other, of): (LogKind, Head)| other == log && of.size == head.size && of.root != head.root;
            if pin.heads().any(contradicts) {
                return Err(format!("two heads have {} leaves and two roots", head.size));
            }
        }
        Ok(pin)
    }

    /// The heads that the verifier trusts.
    pub(crate) fn heads(&self) -> impl Iterator<Item = (LogKind, Head)> + '_ {
        self.heads.iter().map(|PinnedHead { log, size, root }| (*log, Head { size: *size, root: *root }))
    }

    /// Compares the names that a document gives itself.
    ///
    /// # Errors
    /// A refusal, when one is not the pinned one.
    pub(crate) fn expect(&self, origin: &Origin, compared: &mut Vec<Comparison>) -> Result<(), Fault> {
        let mut compare = |what: &'static str, found: String, expected: Option<String>| {
            let Some(expected) = expected else { return Ok(()) };
            let equal = found == expected;
            let fault = || Fault::refused(format_args!("it is of {what} {found}, you pinned {expected}"));
            let result = if equal { Ok(()) } else { Err(fault().at(what.replace(' ', "_"))) };
            compared.push(Comparison { what, found, expected, by: "pin", equal });
            result
        };
        compare("genesis hash", origin.genesis_hash.to_string(), self.genesis_hash.map(|key| key.to_string()))?;
        compare("program", origin.program.to_string(), self.program.map(|key| key.to_string()))?;
        compare("ledger", origin.ledger.to_string(), self.ledger.map(|key| key.to_string()))
    }
}
