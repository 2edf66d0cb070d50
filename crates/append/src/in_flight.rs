//! The progress of a transaction that is being sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use counterfoil_client::{CallError, beginning};

/// The state of a transaction that is being sent, for a caller that waits for it and may want to stop.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// Why the server did not take it when it was handed over last.
    refusal: Option<String>,
    /// Why the last question about it had no answer.
    silence: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
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

impl InFlight {
    /// A transaction that was handed over before, with an end that is not known.
    #[must_use]
    pub fn sent_before() -> Self {
        Self(Mutex::new(State { stage: Stage::Unclear, ..State::default() }))
    }

    /// Whether a server may have the transaction, so that it may still be executed.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        self.state().stage != Stage::Here
    }

    /// The server's last error, without keys.
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
        state.stage = state.stage.max(Stage::BeingHandedOver);
    }

    pub(crate) fn taken(&self) {
        let mut state = self.state();
        (state.stage, state.refusal) = (Stage::Taken, None);
    }

    pub(crate) fn not_taken(&self, reason: String, leaves_open: bool) {
        let mut state = self.state();
        // A server that has it already refuses it for that.
        if state.stage == Stage::Taken {
            return;
        }
        state.refusal = Some(beginning(reason));
        if state.stage <= Stage::BeingHandedOver {
            state.stage = if leaves_open { Stage::Unclear } else { Stage::Here };
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
        if state.stage == Stage::Taken { None } else { state.refusal.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
