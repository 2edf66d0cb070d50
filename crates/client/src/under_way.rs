//! How far a transaction is while it is sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::line::CallError;
use crate::url::beginning;

/// The state of a transaction that is being sent, for a caller that waits for it and may want to stop.
#[derive(Debug, Default)]
pub struct UnderWay(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    standing: Standing,
    /// Why the server did not take it when it was handed over last.
    refusal: Option<String>,
    /// Why the last question about it had no answer.
    silence: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// No server has it.
    #[default]
    Here,
    /// It is being handed over, and no server had it before.
    BeingHandedOver,
    /// A server did not take it, and may have passed it on nevertheless.
    Unclear,
    /// A server took it.
    Taken,
}

impl UnderWay {
    /// Whether a server may have the transaction, so that it may still be executed.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        self.state().standing != Standing::Here
    }

    /// What the server said last that is no answer, without keys.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        let state = self.state();
        state.refusal.clone().or_else(|| state.silence.clone())
    }

    /// Another transaction, or none.
    pub(crate) fn begin(&self) {
        *self.state() = State::default();
    }

    pub(crate) fn hand_over(&self) {
        let mut state = self.state();
        state.standing = state.standing.max(Standing::BeingHandedOver);
    }

    pub(crate) fn taken(&self) {
        let mut state = self.state();
        (state.standing, state.refusal) = (Standing::Taken, None);
    }

    pub(crate) fn not_taken(&self, reason: String, leaves_open: bool) {
        let mut state = self.state();
        // A server that has it already refuses it for that.
        if state.standing == Standing::Taken {
            return;
        }
        state.refusal = Some(beginning(reason));
        if state.standing <= Standing::BeingHandedOver {
            state.standing = if leaves_open { Standing::Unclear } else { Standing::Here };
        }
    }

    /// The answer to a question, if there is one.
    pub(crate) fn polled<T>(&self, answer: Result<T, CallError>) -> Option<T> {
        let (answer, silence) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(beginning(error.reason()))),
        };
        self.state().silence = silence;
        answer
    }

    /// Why no server ever took it; none where one did.
    pub(crate) fn why_not_taken(&self) -> Option<String> {
        let state = self.state();
        if state.standing == Standing::Taken { None } else { state.refusal.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
