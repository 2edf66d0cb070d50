//! The frame around each route: authentication, time limits, body limit, hardening headers, CORS, metrics.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use counterfoil_wire::Code;
use tokio::sync::{Semaphore, SemaphorePermit};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;
use tracing::{Instrument, Span, debug, debug_span, field};

use crate::auth::{Access, guard};
use crate::etag::tag;
use crate::metrics::RequestMetrics;
use crate::rejection::Rejection;

/// The longest body of a request, in bytes, unless a service sets another.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// The unit in which room for bodies is taken.
const ROOM_UNIT: usize = 4 * 1024;

/// The bodies of requests: a body is read whole before its route runs.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// The longest one, in bytes.
    pub bytes: usize,
    /// How long one may take to arrive.
    pub time: Duration,
    /// The bytes that have come of all bodies that are being read or answered, unless one alone may have more.
    pub all_bytes: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes: MAX_BODY_BYTES, time: Duration::from_secs(5), all_bytes: 256 << 20 }
    }
}

/// The limits, with the room that is left.
#[derive(Debug)]
struct Bodies {
    limits: BodyLimits,
    room: Semaphore,
}

impl Bodies {
    fn new(limits: BodyLimits) -> Self {
        let units = limits.all_bytes.max(limits.bytes).div_ceil(ROOM_UNIT);
        Self { limits, room: Semaphore::new(units.min(Semaphore::MAX_PERMITS)) }
    }

    /// Reads a body whole. Room is taken for bytes that have come, not for those that are announced: a client that sends slowly
    /// takes no more from others than it has sent.
    async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<(Bytes, SemaphorePermit<'_>), Rejection> {
        let stated = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if stated.is_some_and(|bytes| bytes > self.limits.bytes) {
            return Err(self.too_large());
        }
        let mut bytes = Vec::with_capacity(stated.unwrap_or(0).min(MAX_BODY_BYTES));
        let mut room = self.reserve(0)?;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let Ok(chunk) = frame.map_err(|error| broke_off(&error))?.into_data() else { continue };
            if chunk.len() > self.limits.bytes.saturating_sub(bytes.len()) {
                return Err(self.too_large());
            }
            bytes.extend_from_slice(&chunk);
            room.merge(self.reserve(bytes.len().div_ceil(ROOM_UNIT).saturating_sub(room.num_permits()))?);
        }
        Ok((bytes.into(), room))
    }

    fn reserve(&self, units: usize) -> Result<SemaphorePermit<'_>, Rejection> {
        self.room.try_acquire_many(u32::try_from(units).unwrap_or(u32::MAX)).map_err(|_| {
            Rejection::new(Code::Busy, "This server is reading as many bodies as it has room for. Try again.")
        })
    }

    fn too_large(&self) -> Rejection {
        Rejection::new(Code::BodyTooLarge, format!("The body is larger than {} bytes.", self.limits.bytes))
    }
}

fn broke_off(error: &axum::Error) -> Rejection {
    Rejection::new(Code::MalformedBody, format!("The body broke off: {error}."))
}

/// A service around all routes at once. Clones share it.
///
/// A layer of a router is around each of its routes, and is cloned for each request.
#[derive(Debug)]
pub struct Frame<S>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    access: Arc<Access>,
    request_timeout: Duration,
    routes: S,
    requests: RequestMetrics,
    bodies: Bodies,
    cors: Option<CorsLayer>,
}

impl<S> Clone for Frame<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Frame<S> {
    /// A frame around `routes`. Clients are not trusted: their requests are bounded in length and time. A response that has not
    /// begun within `request_timeout` is given up.
    pub fn new(routes: S, access: Arc<Access>, requests: RequestMetrics, request_timeout: Duration) -> Self {
        Self::with_bodies(routes, access, requests, request_timeout, BodyLimits::default())
    }

    /// As [`Self::new`], with limits of bodies that are not the usual ones.
    pub fn with_bodies(
        routes: S,
        access: Arc<Access>,
        requests: RequestMetrics,
        request_timeout: Duration,
        bodies: BodyLimits,
    ) -> Self {
        let cors = cors(access.origins());
        Self(Arc::new(Inner { access, request_timeout, routes, requests, bodies: Bodies::new(bodies), cors }))
    }

    /// The metrics of the requests.
    #[must_use]
    pub fn requests(&self) -> &RequestMetrics {
        &self.0.requests
    }
}

impl<S> Service<Request> for Frame<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self(frame) = self.clone();
        // An operator exports it as a trace. A path may name a private ledger, never a secret.
        let span = debug_span!(
            "request",
            http.request.method = %request.method(),
            url.path = request.uri().path(),
            http.response.status_code = field::Empty
        );
        let answer = async move {
            let started = Instant::now();
            let response = match &frame.cors {
                Some(cors) => cors.layer(service_fn(|request| frame.pass(request))).call(request).await?,
                None => frame.pass(request).await?,
            };
            frame.requests.count(response.status(), started.elapsed());
            Span::current().record("http.response.status_code", response.status().as_u16());
            Ok(harden(response))
        };
        Box::pin(answer.instrument(span))
    }
}

impl<S> Inner<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    /// All steps before the route.
    async fn pass(&self, request: Request) -> Result<Response, Infallible> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let route = |request| tag(request, |request| receive_in_time(request, self.routes.clone(), &self.bodies));
        let started = Instant::now();
        let response = answer_in_time(self.request_timeout, guard(&self.access, request, route)).await;
        let (status, elapsed_ms) = (response.status().as_u16(), started.elapsed().as_millis());
        debug!(http.status = status, elapsed_ms, "{method} {}", uri.path());
        Ok(response)
    }
}

/// Pages of these origins may read the responses; no others. Credentials are headers, never cookies.
fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            // Those of the Model Context Protocol.
            HeaderName::from_static("mcp-method"),
            HeaderName::from_static("mcp-name"),
            HeaderName::from_static("mcp-protocol-version"),
        ])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
        ])
        .max_age(Duration::from_secs(3600));
    (!origins.is_empty()).then_some(layer)
}

/// Reads the whole body before the route runs. The body's time is its own and total: a late body gets its own problem, and
/// a byte now and then does not extend it.
async fn receive_in_time<S>(request: Request, routes: S, bodies: &Bodies) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let (parts, body) = request.into_parts();
    if parts.headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        let detail = "Send the body as it is, without Content-Encoding.";
        return Rejection::new(Code::UnsupportedMediaType, detail).into_response();
    }
    if body.is_end_stream() {
        return route(routes, Request::from_parts(parts, body)).await;
    }
    match tokio::time::timeout(bodies.limits.time, bodies.read(&parts.headers, body)).await {
        // The room is held until the answer begins.
        Ok(Ok((bytes, _room))) => route(routes, Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(rejection)) => rejection.into_response(),
        Err(_) => {
            let detail = format!("The body did not arrive within {} s.", bodies.limits.time.as_secs());
            Rejection::new(Code::RequestTimeout, detail).into_response()
        }
    }
}

async fn route<S>(routes: S, request: Request) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    routes.oneshot(request).await.unwrap_or_else(|never| match never {})
}

async fn answer_in_time(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let detail = format!("No answer within {} ms. Ask for less, or try again.", limit.as_millis());
        Rejection::new(Code::Timeout, detail).into_response()
    })
}

/// Tells browsers to guess no media type and to load nothing because of a response; a page sets its own policy.
fn harden(mut response: Response) -> Response {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"text/event-stream") {
        // nginx buffers responses unless told not to; a stream's message must arrive at once.
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::{HeaderMap, HeaderValue, header};
    use counterfoil_wire::Code;

    use super::{Bodies, BodyLimits};

    const KIB: usize = 1024;

    fn body(bytes: usize) -> Body {
        Body::from(vec![7; bytes])
    }

    #[tokio::test]
    async fn bodies_share_their_room_and_give_it_back() {
        let bodies = Bodies::new(BodyLimits { bytes: 16 * KIB, time: Duration::MAX, all_bytes: 16 * KIB });
        let read = async |bytes| bodies.read(&HeaderMap::new(), body(bytes)).await.map_err(|problem| problem.code);
        let (first, room) = read(12 * KIB).await.unwrap();
        assert_eq!(first.len(), 12 * KIB);
        assert_eq!(read(8 * KIB).await.unwrap_err(), Code::Busy);
        assert!(read(4 * KIB).await.is_ok(), "what is left");
        drop(room);
        assert!(read(16 * KIB).await.is_ok());
        assert_eq!(read(16 * KIB + 1).await.unwrap_err(), Code::BodyTooLarge);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("16385"));
        let announced = bodies.read(&headers, Body::empty()).await.map_err(|problem| problem.code);
        assert_eq!(announced.unwrap_err(), Code::BodyTooLarge, "without waiting for it");
    }
}
