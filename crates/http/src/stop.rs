//! Shutdown signal for connections, streams and WebSockets.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Broadcasts the shutdown, then waits until every [`Stopping`] is dropped.
#[derive(Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    holders: TaskTracker,
}

/// The shutdown signal of one connection or request. The server's stop waits for its holders.
#[derive(Clone, Debug)]
pub struct Stopping {
    token: CancellationToken,
    _holder: TaskTrackerToken,
}

impl Stop {
    /// A signal for one more holder.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping { token: self.token.clone(), _holder: self.holders.token() }
    }

    /// Signals the shutdown, and waits for the last holder.
    pub async fn stop(self) {
        self.token.cancel();
        self.holders.close();
        self.holders.wait().await;
    }
}

impl Stopping {
    /// Ready when the server stops.
    pub async fn stopped(self) {
        self.token.cancelled().await;
    }

    /// The signal alone: the stop does not wait for its holder.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

/// A request without a server, as in tests of the routes, is never stopped.
impl<S: Sync> FromRequestParts<S> for Stopping {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Stop::default().stopping()))
    }
}
