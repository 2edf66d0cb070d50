//! Which kind of document the input is.

use counterfoil_core::json::Value;
use counterfoil_core::{certificate, evidence};

use crate::claim::Claim;
use crate::pin::Pin;
use crate::verdict::{Comparison, Fault, Kind, unreadable};

/// The longest document that is one JSON text, in bytes: its tree takes up to ten times as many.
const MAX_BYTES: usize = 16 << 20;

/// A document, and what it is.
pub(crate) enum Document<'a> {
    /// Lines, each a JSON text.
    Evidence(&'a [u8]),
    Other(Kind, Value<'a>),
}

impl<'a> Document<'a> {
    /// Tells what a document is.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, Fault> {
        let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let is_evidence = |value: &Value<'_>| format(value) == Some(evidence::FORMAT);
        let too_long = || {
            let reason = format!("it is one JSON text of more than {MAX_BYTES} bytes: take `counterfoil verify`");
            Fault::cannot_tell(reason)
        };
        // Before its tree is made, which takes seconds.
        if first.len() > MAX_BYTES {
            return Err(too_long());
        }
        let line = Value::parse(first);
        if line.as_ref().is_ok_and(is_evidence) {
            return Ok(Self::Evidence(bytes));
        }
        if bytes.len() > MAX_BYTES {
            return Err(too_long());
        }
        let text = if first.len() == bytes.len() { line } else { Value::parse(bytes) };
        let value = text.map_err(|error| unreadable("it is not one JSON text", &error))?;
        let kind = match format(&value) {
            Some(certificate::FORMAT) => {
                return Err(Fault::cannot_tell(
                    "a certificate says that a list is whole, and its list is not here: give the page that came with it",
                ));
            }
            Some(_) => Kind::Receipt,
            None if has(&value, "certificate") => Kind::Certificate,
            None if has(&value, "entries") || has(&value, "events") => {
                let reason = "it is a list without a certificate: nothing says that it is whole";
                return Err(Fault::cannot_tell(reason).at("certificate"));
            }
            None if has(&value, "second") => Kind::Consistency,
            None => {
                return Err(Fault::refused(
                    "it is no receipt, page with a certificate, evidence or consistency proof of Counterfoil's",
                ));
            }
        };
        Ok(Self::Other(kind, value))
    }

    /// Its kind.
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Evidence(_) => Kind::Evidence,
            Self::Other(kind, _) => *kind,
        }
    }

    /// Verifies that its parts belong together.
    pub(crate) fn verify(self, pin: &Pin, compared: &mut Vec<Comparison>) -> Result<Claim, Fault> {
        match self {
            Self::Evidence(lines) => crate::evidence::verify(lines, pin, compared),
            Self::Other(Kind::Certificate, value) => crate::certificate::verify(&value, pin, compared),
            Self::Other(Kind::Consistency, value) => crate::consistency::verify(&value),
            Self::Other(_, value) => crate::receipt::verify(&value, pin, compared),
        }
    }
}

/// The format that a document names.
fn format<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    value.get("format").and_then(|format| format.as_text().ok())
}

/// Whether it is an object with this member, and that is not null.
pub(crate) fn has(value: &Value<'_>, name: &str) -> bool {
    value.get(name).is_some_and(|value| *value != Value::Null)
}
