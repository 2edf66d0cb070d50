//! The four verdicts, the exit codes that stand for them, and how a command tells them.

use std::process::ExitCode;

use counterfoil_append::{AppendError, SendError};
use counterfoil_service::{note, note_json_line, note_line, out_json, out_line};
use serde_json::json;

/// The exit code of a command line that cannot be run as it stands; `EX_USAGE` of sysexits.
pub const USAGE: u8 = 64;

/// The verdict on the thing under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, against a ledger or head that the verifier pinned, as servers of the verifier's choice have it.
    Verified,
    /// Something contradicts it.
    Refused,
    /// The evidence is incomplete: a server is away or behind, a proof is missing.
    CannotTell,
    /// It holds together and is the chain's, but the verifier pinned no ledger: anybody can make such a one.
    Consistent,
}

impl Verdict {
    /// 0 to 3, the exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Refused => 1,
            Self::CannotTell => 2,
            Self::Consistent => 3,
        }
    }

    /// As the first word of the text.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Verified => "VERIFIED",
            Self::Refused => "REFUSED",
            Self::CannotTell => "CANNOT TELL",
            Self::Consistent => "CONSISTENT",
        }
    }

    /// As the member `verdict` of the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::CannotTell => "cannot_tell",
            Self::Consistent => "consistent",
        }
    }
}

/// An error that says that the thing under test is false. Every other error says only that nothing can be told.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct Refutation(anyhow::Error);

impl Refutation {
    /// The finding that refutes.
    pub const fn cause(&self) -> &anyhow::Error {
        &self.0
    }
}

/// A command line that cannot be run as it stands.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Turns an error into a [`Refutation`].
pub trait Refute<T> {
    /// Says what the error refutes.
    ///
    /// # Errors
    /// A [`Refutation`] in place of the error.
    fn refute(self, what: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Refute<T> for Result<T, E> {
    fn refute(self, what: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|error| refutation(error.into().context(what())))
    }
}

/// Ends the function with a [`Refutation`] unless a condition holds.
macro_rules! refute_unless {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return Err($crate::verdict::refutation(anyhow::anyhow!($($message)*)));
        }
    };
}
pub(crate) use refute_unless;

/// The error as a [`Refutation`].
pub fn refutation(error: anyhow::Error) -> anyhow::Error {
    Refutation(error).into()
}

/// Whether an error says that the thing under test is false.
pub fn is_refutation(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refutation>().is_some()
}

/// The findings behind a verdict.
#[derive(Default)]
pub struct Report {
    /// The comparisons that held, each with its other side.
    pub checked: Vec<String>,
    /// The checks that were not made.
    pub not_checked: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// The statements of the thing under test, as members of the JSON; null where a command has none.
    pub facts: serde_json::Value,
    /// The findings, which are told with each verdict: a line each.
    pub found: Vec<String>,
    /// The history of the thing under test, which is told with each verdict and accuses no one: a line each.
    pub noted: Vec<String>,
    /// Both for machines, as the member `found` of the JSON.
    pub findings: serde_json::Value,
    /// Whether a promise was kept, where it is one that is under test: `kept`, `broken`, `due`, `cannot_tell`.
    pub promise: Option<&'static str>,
    /// Whether standard output carries data, so that the verdict goes to standard error.
    pub is_beside_data: bool,
}

impl Report {
    /// Tells the verdict and returns its exit code.
    ///
    /// The findings that fit are told only with a verdict that they support: a forger makes things fit.
    ///
    /// # Errors
    /// [`Usage`], which is no verdict.
    pub fn conclude(self, result: anyhow::Result<(Verdict, String)>, as_json: bool) -> anyhow::Result<ExitCode> {
        let (verdict, reason) = match result {
            Ok(found) => found,
            Err(error) if error.downcast_ref::<Usage>().is_some() => return Err(error),
            Err(error) if is_refutation(&error) => (Verdict::Refused, format!("{error:#}")),
            Err(error) => (Verdict::CannotTell, format!("{error:#}")),
        };
        // A broken promise is shown by what fits, too.
        let is_broken = verdict == Verdict::Refused && self.promise == Some("broken");
        let holds = is_broken || matches!(verdict, Verdict::Verified | Verdict::Consistent);
        let [checked, not_checked] =
            [&self.checked, &self.not_checked].map(|lines| if holds { lines.as_slice() } else { &[] });
        if as_json {
            let mut document = json!({
                "verdict": verdict.name(),
                "reason": reason,
                "checked": checked,
                "not_checked": not_checked,
                "warnings": self.warnings,
            });
            if !self.findings.is_null() {
                document["found"] = self.findings;
            }
            if let Some(promise) = self.promise {
                document["promise"] = json!(promise);
            }
            if holds && let Some(facts) = self.facts.as_object() {
                document["facts"] = json!(facts);
            }
            if self.is_beside_data { note_json_line(&document) } else { out_json(&document) }
        } else {
            let tell = if self.is_beside_data { note_line } else { out_line };
            tell(format_args!("{}: {reason}", verdict.word()));
            for (kind, lines) in [
                ("found", self.found.as_slice()),
                ("noted", self.noted.as_slice()),
                ("checked", checked),
                ("not checked", not_checked),
                ("warning", &self.warnings),
            ] {
                lines.iter().for_each(|line| tell(format_args!("  {kind}: {line}")));
            }
        }
        Ok(ExitCode::from(verdict.code()))
    }
}

/// Tells an error that no verdict stands for, and returns its exit code.
pub fn tell_error(error: &anyhow::Error) -> ExitCode {
    note!("error: {error:#}");
    let is_unknown = error.downcast_ref().is_some_and(SendError::is_outcome_unknown)
        || error.downcast_ref().is_some_and(AppendError::is_outcome_unknown);
    match error.downcast_ref::<Usage>() {
        Some(_) => ExitCode::from(USAGE),
        None if is_unknown => ExitCode::from(Verdict::CannotTell.code()),
        None => ExitCode::FAILURE,
    }
}
