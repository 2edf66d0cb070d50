//! The end of the process, told to what would not end by itself.

use std::convert::Infallible;
use std::future::pending;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::watch;

/// Tells who holds a [`Stopping`], and knows when nobody does any more.
#[derive(Debug, Default)]
pub(crate) struct Stop(watch::Sender<bool>);

/// Goes with each connection and each request. The process waits for whoever holds it.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.0.subscribe())
    }

    /// Tells everybody, and waits for the last one.
    pub(crate) async fn stop(self) {
        self.0.send_replace(true);
        self.0.closed().await;
    }
}

impl Stopping {
    /// Ready when the process shall stop.
    pub(crate) async fn stopped(mut self) {
        if self.0.wait_for(|is_stopped| *is_stopped).await.is_err() {
            pending().await
        }
    }
}

/// Without a server, as in tests of the routes, nothing stops.
impl<S: Sync> FromRequestParts<S> for Stopping {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Stop::default().stopping()))
    }
}
