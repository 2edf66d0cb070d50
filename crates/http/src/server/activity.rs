//! The activity of one connection: its requests under way, and how long its client has taken nothing of a response.
//!
//! HTTP/1 needs the first request's deadline alone: hyper bounds each head, and the socket each write. Over HTTP/2 a client
//! that reads the socket and answers pings can still leave every window closed, which neither sees.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// The longest piece of a response that is handed on at once over HTTP/2. A piece handed on waits for the client in h2's
/// memory; the rest waits here, where the time is taken.
const MAX_PIECE: usize = 32 * 1024;

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until the first request's head is complete.
    pub(super) head: Duration,
    /// Without a request under way, after the first.
    pub(super) idle: Duration,
    /// Without the client taking a byte of a response.
    pub(super) write: Duration,
}

/// The next step for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again at this time.
    Wait(Instant),
    /// Close it in good order: nothing is under way.
    Idle,
    /// Drop it.
    Stuck,
}

#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    has_asked: bool,
    under_way: usize,
    /// Since when no request has been under way.
    idle_since: Instant,
    next_body: u64,
    /// The response bodies whose client is to take what it was handed, and since when.
    waiting: HashMap<u64, Instant>,
}

/// A request, until its response is sent or given up.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

/// A response's body, which tells when its client takes nothing of it.
pub(super) struct Watched {
    body: Body,
    request: UnderWay,
    /// Over HTTP/2 the body's number, and what is left of a piece that was too long.
    pieces: Option<(u64, Bytes)>,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let (idle_since, waiting) = (Instant::now(), HashMap::new());
        Arc::new(Self(Mutex::new(State { has_asked: false, under_way: 0, idle_since, next_body: 0, waiting })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state();
        state.has_asked = true;
        state.under_way = state.under_way.saturating_add(1);
        drop(state);
        UnderWay(self.clone())
    }

    /// How the connection stands at `now`.
    pub(super) fn verdict(&self, now: Instant, patience: Patience) -> Verdict {
        let state = self.state();
        let (since, limit, verdict) = match state.waiting.values().min() {
            Some(since) => (*since, patience.write, Verdict::Stuck),
            // A response that waits for the service is the service's own to bound.
            None if state.under_way > 0 => (now, patience.write, Verdict::Stuck),
            None if state.has_asked => (state.idle_since, patience.idle, Verdict::Idle),
            None => (state.idle_since, patience.head, Verdict::Stuck),
        };
        if now.saturating_duration_since(since) >= limit { verdict } else { Verdict::Wait(since + limit) }
    }
}

impl UnderWay {
    /// The body of the request's response.
    pub(super) fn watch(self, body: Body, is_http2: bool) -> Watched {
        let pieces = is_http2.then(|| {
            let mut state = self.0.state();
            let number = state.next_body;
            state.next_body = number.wrapping_add(1);
            if !body.is_end_stream() {
                state.waiting.insert(number, Instant::now());
            }
            (number, Bytes::new())
        });
        Watched { body, request: self, pieces }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way = state.under_way.saturating_sub(1);
        state.idle_since = Instant::now();
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let Some((number, rest)) = &mut this.pieces else { return Pin::new(&mut this.body).poll_frame(cx) };
        // Polled: the client has room, so that now the service is waited for.
        this.request.0.state().waiting.remove(&*number);
        if rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let piece = rest.split_to(rest.len().min(MAX_PIECE));
        // Also of the last piece: hyper holds it, and with it this body, until the client has room.
        this.request.0.state().waiting.insert(*number, Instant::now());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.as_ref().is_none_or(|(_, rest)| rest.is_empty()) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.size_hint();
        let left = self.pieces.as_ref().map_or(0, |(_, rest)| rest.len() as u64);
        let mut with_rest = SizeHint::new();
        with_rest.set_lower(hint.lower().saturating_add(left));
        if let Some(upper) = hint.upper() {
            with_rest.set_upper(upper.saturating_add(left));
        }
        with_rest
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some((number, _)) = &self.pieces {
            self.request.0.state().waiting.remove(number);
        }
    }
}
