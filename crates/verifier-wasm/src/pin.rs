//! The pin: what the verifier relies on, and took from elsewhere than the document.

use counterfoil_core::json::{FromJson, ReadError, Value};
use counterfoil_core::receipt::Head;
use counterfoil_core::relate::LogKind;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use merkle_log::TreeHead;

use crate::verdict::{Comparison, Fault, Origin};

/// A pin; every part may be absent, and nothing of it is ever filled from the document.
#[derive(Debug, Default)]
pub(crate) struct Pin {
    pub(crate) genesis_hash: Option<GenesisHash>,
    pub(crate) program: Option<ProgramId>,
    pub(crate) ledger: Option<LedgerId>,
    /// Heads of the pinned ledger, as the verifier knows them from the chain.
    heads: Vec<(LogKind, Head)>,
}

impl FromJson for Pin {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|pin| {
            Ok(Self {
                genesis_hash: pin.optional("genesis_hash")?,
                program: pin.optional("program")?,
                ledger: pin.optional("ledger")?,
                heads: pin.optional_by("heads", |heads| heads.list(pinned_head))?.unwrap_or_default(),
            })
        })
    }
}

fn pinned_head(value: &Value<'_>) -> Result<(LogKind, Head), ReadError> {
    value.object(|head| {
        let log = head.member("log")?;
        Ok((log, Head { size: head.member("size")?, root: head.member("root")? }))
    })
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
            Value::parse(bytes).and_then(|value| Self::from_json(&value)).map_err(|error| error.to_string())?;
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
        self.heads.iter().copied()
    }

    /// Compares the names that a document gives itself.
    ///
    /// # Errors
    /// A refusal, when one is not the pinned one.
    pub(crate) fn expect(&self, origin: &Origin, compared: &mut Vec<Comparison>) -> Result<(), Fault> {
        let mut compare = |(what, place): (&'static str, &str), found: String, expected: Option<String>| {
            let Some(expected) = expected else { return Ok(()) };
            let equal = found == expected;
            let fault = || Fault::refused(format_args!("it is of {what} {found}, you pinned {expected}"));
            let result = if equal { Ok(()) } else { Err(fault().at(place)) };
            compared.push(Comparison { what, found, expected, by: "pin", equal });
            result
        };
        compare(
            ("genesis hash", "genesis_hash"),
            origin.genesis_hash.to_string(),
            self.genesis_hash.map(|key| key.to_string()),
        )?;
        compare(("program", "program"), origin.program.to_string(), self.program.map(|key| key.to_string()))?;
        compare(("ledger", "ledger"), origin.ledger.to_string(), self.ledger.map(|key| key.to_string()))
    }
}
