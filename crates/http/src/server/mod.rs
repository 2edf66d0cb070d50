//! Connections: HTTP/1.1 and HTTP/2, how many there are, how long each step of a client may take, and their end.
//!
//! Clients are not trusted. Each step that a client has to take, such as the TLS handshake, the end of its headers or the
//! reading of a response, has a time limit; after it the connection is closed and its place is free.

mod activity;
mod places;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Version, header};
use axum::response::{IntoResponse, Response};
use counterfoil_wire::Code;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::{Service, ServiceExt};
use tracing::{debug, warn};

use self::activity::{Activity, Patience, Verdict, Watched};
use self::places::Placed;
use crate::auth::Peer;
use crate::rejection::Rejection;
use crate::stop::{Stop, Stopping};

pub use self::places::Places;

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    // HTTP/2 alone: browsers and proxies keep a connection about as long; the next head over HTTP/1 has the time of a head.
    idle: Duration::from_secs(60),
    write: Duration::from_secs(30),
};
/// The longest head, of both versions: HTTP/1's buffer, HTTP/2's list of headers.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// Time to answer GOAWAY, for a connection that is closed because it is idle.
const LINGER: Duration = Duration::from_secs(5);
/// When the operating system gives no more connections: others must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// HTTP/2: the least that RFC 9113 section 6.5.2 recommends, so that one place holds a bounded number of requests.
const MAX_STREAMS: u32 = 100;
/// HTTP/2: what a client may send of one body before it is read; all of the longest body.
const STREAM_WINDOW: u32 = 64 * 1024;
/// HTTP/2: what a client may send of all bodies before they are read, so that one place holds as much memory at most.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// HTTP/2: the protocol's smallest, so that no stream waits long for another's frame.
const MAX_FRAME: u32 = 16 * 1024;
/// HTTP/2: what h2 buffers of one response that its client does not take yet.
const MAX_SEND_BUFFER: usize = 64 * 1024;
/// HTTP/2: streams that a client opened and reset before they were looked at; beyond it the connection ends (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// HTTP/2: streams that were reset here for a client's errors; beyond it the connection ends, as each costs memory.
const MAX_ERROR_RESETS: usize = 64;
/// HTTP/2: a peer that does not answer a ping is gone, also while a stream waits for news.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIME: Duration = Duration::from_secs(10);

type Tcp = Placed<Pin<Box<TimeoutStream<TcpStream>>>>;

/// Serves until `stop` is ready, and then what is under way; streams are told to end. Connections beyond `places` wait in the
/// operating system's queue; one beyond its address's share is closed.
///
/// With TLS the client chooses HTTP/2 or HTTP/1.1 by ALPN, without TLS by its first bytes. Each request carries [`Peer`] and
/// [`Stopping`] as extensions.
pub async fn serve<S>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: S,
    places: Places,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let connections = Stop::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(Some(accepted)) => accepted,
            Ok(None) => continue,
            Err(error) => {
                warn!("no connection can be accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (service, tls, stopping) = (service.clone(), tls.clone(), connections.stopping());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, peer, service, stopping).await,
                Some(tls) => match timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, peer, service, stopping).await,
                    Ok(Err(error)) => debug!("no TLS with {peer}: {error}"),
                    Err(_) => debug!("{peer} did not complete the TLS handshake in time"),
                },
            }
        });
    }
    drop(listener);
    connections.stop().await;
}

/// The next connection; none when it is beyond its address's share.
async fn accept(listener: &TcpListener, places: &Places) -> io::Result<Option<(Tcp, IpAddr)>> {
    let place = places.reserve().await?;
    let (stream, peer) = listener.accept().await?;
    let Some(place) = places.take(place, peer.ip()) else {
        debug!("{} has as many connections as one address may have", peer.ip());
        return Ok(None);
    };
    // Responses are written whole: waiting for more only delays them.
    stream.set_nodelay(true)?;
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(PATIENCE.write));
    Ok(Some((Placed(stream, place), peer.ip())))
}

/// Serves one connection to its end, or until it becomes a WebSocket's.
async fn converse<I, S>(stream: I, peer: IpAddr, service: S, stopping: Stopping)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let (activity, for_requests) = (Activity::new(), stopping.clone());
    let watched = activity.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(for_requests.clone());
        answer(request, service.clone(), watched.clone())
    });
    let builder = builder();
    let mut connection = std::pin::pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut stopped = std::pin::pin!(stopping.stopped());
    let (mut is_stopping, mut is_closing) = (false, false);
    let mut look = Instant::now();
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            () = &mut stopped, if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(look) => match activity.verdict(Instant::now(), PATIENCE) {
                Verdict::Wait(until) => look = until,
                Verdict::Idle if !is_closing => {
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                    look = Instant::now() + LINGER;
                }
                Verdict::Idle | Verdict::Stuck => {
                    debug!("{peer} took or sent nothing for too long: its connection is closed");
                    return;
                }
            },
        }
    };
    if let Err(error) = ended {
        debug!("the connection of {peer} broke off: {error}");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE.head).max_buf_size(MAX_HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEAD_BYTES)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIME);
    builder
}

async fn answer<S>(
    request: hyper::Request<Incoming>,
    service: S,
    activity: Arc<Activity>,
) -> Result<hyper::Response<Watched>, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let (under_way, is_http2) = (activity.begin(), request.version() == Version::HTTP_2);
    let response = if names_one_host(&request) {
        service.oneshot(request.map(Body::new)).await?
    } else {
        Rejection::new(Code::MalformedParameter, "Send one header Host.").into_response()
    };
    Ok(response.map(|body| under_way.watch(body, is_http2)))
}

/// A proxy and this server must not understand different hosts. HTTP/2 names the host in `:authority`, and `Host` may repeat it.
///
/// Source: RFC 9112 section 3.2, RFC 9113 section 8.3.1.
fn names_one_host<B>(request: &hyper::Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, authority) = (hosts.next(), request.uri().authority());
    if hosts.next().is_some() {
        return false;
    }
    match (request.version(), host, authority) {
        (Version::HTTP_2, Some(host), Some(authority)) => host.as_bytes() == authority.as_str().as_bytes(),
        (Version::HTTP_2, None, None) => false,
        (Version::HTTP_2, ..) => true,
        (version, host, _) => host.is_some() || version < Version::HTTP_11,
    }
}
