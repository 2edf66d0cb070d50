//! A follower's place: how many there are, and their end.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Code, Problem};
use crate::stop::Stopping;

/// As many places as there may be followers.
pub(super) struct Places {
    most: usize,
    free: Arc<Semaphore>,
}

/// Held by a follower for as long as it follows.
pub(super) struct Place {
    stopping: Stopping,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { most, free: Arc::new(Semaphore::new(most)) }
    }

    pub(super) fn take(&self, stopping: Stopping) -> Result<Place, Problem> {
        let permit = self.free.clone().try_acquire_owned().map_err(|_| {
            let detail = format!("This server has {} streams open, its most. Try again later.", self.most);
            Problem::new(Code::TooManyStreams, detail)
        })?;
        Ok(Place { stopping, _permit: permit })
    }
}

impl Place {
    /// Ready when the server stops, with the stream's last message.
    pub(super) fn ended(&self) -> impl Future<Output = Problem> + use<> {
        let stopped = self.stopping.clone().stopped();
        async {
            stopped.await;
            stream_ended()
        }
    }
}

pub(super) fn stream_ended() -> Problem {
    Problem::new(Code::StreamEnded, "The server stops. Connect again, and go on after the last that came.")
}
