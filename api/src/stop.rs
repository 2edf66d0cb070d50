//! Shutdown signal for connections, streams and WebSockets.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Broadcasts the shutdown, then waits until every [`Stopping`] is dropped.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    holders: TaskTracker,
}

/// Goes with each connection and each request. The process waits for its holders.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    token: CancellationToken,
    _holder: TaskTrackerToken,
}

impl Stop {
    pub(crate) fn stopping(&self) -> Stopping {
        Stopping { token: self.token.clone(), _holder: self.holders.token() }
    }

    /// Signals the shutdown, and waits for the last holder.
    pub(crate) async fn stop(self) {
        self.token.cancel();
        self.holders.close();
        self.holders.wait().await;
    }
}

impl Stopping {
    /// Ready when the process stops.
    pub(crate) async fn stopped(self) {
        self.token.cancelled().await;
    }

    /// The signal alone.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

/// Without a server, as in tests of the routes, nothing stops.
impl<S: Sync> FromRequestParts<S> for Stopping {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Stop::default().stopping()))
    }
}
