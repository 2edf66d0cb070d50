//! Permits to stream, limited in total and per caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::error::LiveError;
use crate::access::CallerName;

/// How many streams may be open at a time.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// In all.
    pub all: usize,
    /// Of one caller.
    pub per_caller: usize,
}

/// The permits that there are.
pub(super) struct StreamPermits {
    limits: StreamLimits,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Of callers who have any.
    by_caller: HashMap<CallerName, usize>,
}

/// One open stream: held by a follower for as long as it follows.
#[derive(Debug)]
pub struct StreamPermit {
    caller: CallerName,
    stopping: CancellationToken,
    taken: Arc<Mutex<Taken>>,
}

impl StreamPermits {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self { limits, taken: Arc::default() }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    pub(super) fn take(&self, caller: CallerName, stopping: CancellationToken) -> Result<StreamPermit, LiveError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_caller.get(&caller).copied().unwrap_or_default();
        if own >= self.limits.per_caller {
            return Err(LiveError::TooManyStreamsOfCaller { open: own });
        }
        if taken.all >= self.limits.all {
            return Err(LiveError::TooManyStreams { open: taken.all });
        }
        taken.all = taken.all.saturating_add(1);
        taken.by_caller.insert(caller, own.saturating_add(1));
        Ok(StreamPermit { caller, stopping, taken: self.taken.clone() })
    }
}

impl StreamPermit {
    /// Ready when the process stops, with the stream's last message.
    pub fn ended(&self) -> impl Future<Output = LiveError> + Send + use<> {
        let stopped = self.stopping.clone().cancelled_owned();
        async {
            stopped.await;
            LiveError::Ended
        }
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let own = taken.by_caller.remove(&self.caller).unwrap_or_default().saturating_sub(1);
        if own > 0 {
            taken.by_caller.insert(self.caller, own);
        }
    }
}
