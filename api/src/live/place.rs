//! A follower's place: how many there are, whose they are, and their end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::CallerName;
use crate::problem::{Code, Problem};
use crate::stop::Stopping;

/// As many places as there may be followers.
pub(super) struct Places {
    most: usize,
    most_per_caller: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Of those who have any.
    by_caller: HashMap<CallerName, usize>,
}

/// Held by a follower for as long as it follows.
pub(crate) struct Place {
    caller: CallerName,
    stopping: Stopping,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub(super) fn new(most: usize, most_per_caller: usize) -> Self {
        Self { most, most_per_caller, taken: Arc::default() }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    pub(super) fn take(&self, caller: CallerName, stopping: Stopping) -> Result<Place, Problem> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_caller.get(&caller).copied().unwrap_or_default();
        if own >= self.most_per_caller {
            let detail = format!("You have {own} streams open, the most that one caller may have. End one first.");
            return Err(Problem::new(Code::TooManyStreamsOfCaller, detail));
        }
        if taken.all >= self.most {
            let detail = format!("This server has {} streams open, its most. Try again later.", self.most);
            return Err(Problem::new(Code::TooManyStreams, detail));
        }
        taken.all = taken.all.saturating_add(1);
        taken.by_caller.insert(caller, own.saturating_add(1));
        Ok(Place { caller, stopping, taken: self.taken.clone() })
    }
}

impl Place {
    /// Ready when the server stops, with the stream's last message.
    pub(crate) fn ended(&self) -> impl Future<Output = Problem> + use<> {
        let stopped = self.stopping.clone().stopped();
        async {
            stopped.await;
            stream_ended()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let own = taken.by_caller.remove(&self.caller).unwrap_or_default().saturating_sub(1);
        if own > 0 {
            taken.by_caller.insert(self.caller, own);
        }
    }
}

pub(super) fn stream_ended() -> Problem {
    Problem::new(Code::StreamEnded, "The server stops. Connect again, and go on after the last that came.")
}
