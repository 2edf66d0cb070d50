//! Refused calls.

use counterfoil_wire::Code;

/// A refused call: a code, the failure, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({code})")]
pub struct Refusal {
    /// A problem's code of the API, or `refused` or `cannot_tell` of `counterfoil verify`.
    pub code: &'static str,
    /// The failure, the input, and what to do. It holds no byte of a record.
    pub detail: String,
    /// Whether to try again soon.
    pub is_temporary: bool,
}

impl Refusal {
    /// A refusal with a code of the API.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code: code.text(), detail: detail.into(), is_temporary: code.is_temporary() }
    }

    /// A refusal of what contradicts the chain or itself.
    pub fn refused(detail: impl Into<String>) -> Self {
        Self { code: "refused", detail: detail.into(), is_temporary: false }
    }

    /// A refusal for want of evidence.
    pub fn cannot_tell(detail: impl Into<String>) -> Self {
        Self { code: "cannot_tell", detail: detail.into(), is_temporary: true }
    }

    /// A refusal of an answer that is none of Counterfoil's: a server behind this one gave it.
    pub(crate) fn foreign(field: &str) -> Self {
        Self::refused(format!(
            "The index answered with a field {field} that is not of its form, so nothing of the answer is shown. Do not trust that server."
        ))
    }
}
