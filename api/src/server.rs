//! Connections: how many, how long they may take to say what they want, and their end.
//!
//! Clients are not trusted. Whatever a client does not do, such as shake hands, end its headers or take its answer, it has
//! a time for; after that its connection is closed and its place is another's.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Version, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::App;
use crate::access::{Peer, network};
use crate::problem::{Code, Problem};
use crate::stop::{Stop, Stopping};

/// For the whole head of a request, also of the next one on a connection.
const HEAD_TIME: Duration = Duration::from_secs(10);
const MAX_HEAD_BYTES: usize = 32 * 1024;
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// Without any byte taken by the client.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// When the operating system gives no more connections: others must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection that keeps its place until it is closed, whatever it has become meanwhile.
struct Placed<S>(S, #[expect(dead_code, reason = "dropped with the connection")] Place);

/// How many connections there may be, and how many of one address.
#[derive(Clone)]
pub(crate) struct Places {
    most: u32,
    all: Arc<Semaphore>,
    share: u32,
    /// Who brings the connections of many.
    trusted_proxies: Vec<IpNet>,
    by_address: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// Held by a connection.
struct Place {
    _all: OwnedSemaphorePermit,
    _own: Option<OwnPlace>,
}

/// One of an address's share.
struct OwnPlace {
    address: IpAddr,
    by_address: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Places {
    /// Of `all`, one address has `share`; of trusted proxies' connections nobody can tell here whose they are.
    pub(crate) fn new(all: u32, share: u32, trusted_proxies: Vec<IpNet>) -> Self {
        let (most, all) = (all, Arc::new(Semaphore::new(all as usize)));
        Self { most, all, share, trusted_proxies, by_address: Arc::default() }
    }

    /// How many are taken, one of them by who waits for the next connection.
    pub(crate) fn taken(&self) -> usize {
        (self.most as usize).saturating_sub(self.all.available_permits())
    }

    /// None when the address has its share already.
    fn take(&self, all: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        if self.trusted_proxies.iter().any(|net| net.contains(&peer)) {
            return Some(Place { _all: all, _own: None });
        }
        let address = network(peer);
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = by_address.get(&address).copied().unwrap_or_default();
        if taken >= self.share {
            return None;
        }
        by_address.insert(address, taken.saturating_add(1));
        Some(Place { _all: all, _own: Some(OwnPlace { address, by_address: self.by_address.clone() }) })
    }
}

impl Drop for OwnPlace {
    fn drop(&mut self) {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let left = by_address.get(&self.address).copied().unwrap_or_default().saturating_sub(1);
        match left {
            0 => by_address.remove(&self.address),
            left => by_address.insert(self.address, left),
        };
    }
}

type Tcp = Placed<Pin<Box<TimeoutStream<TcpStream>>>>;

/// Serves until `stop` is ready, and then what is under way; streams are told to end. Connections beyond `places` wait in the
/// operating system's queue; one beyond its address's share is closed.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: App,
    places: Places,
    stop: impl Future<Output = ()>,
) {
    let app = TowerToHyperService::new(app);
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
                warn!("no connection can be taken: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (app, tls, stopping) = (app.clone(), tls.clone(), connections.stopping());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, peer, app, stopping).await,
                Some(tls) => match timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, peer, app, stopping).await,
                    Ok(Err(error)) => debug!("no TLS with {peer}: {error}"),
                    Err(_) => debug!("{peer} did not shake hands in time"),
                },
            }
        });
    }
    drop(listener);
    connections.stop().await;
}

/// The next connection; none when it is beyond its address's share.
async fn accept(listener: &TcpListener, places: &Places) -> io::Result<Option<(Tcp, IpAddr)>> {
    let place = places.all.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    let Some(place) = places.take(place, peer.ip()) else {
        debug!("{} has as many connections as one address may have", peer.ip());
        return Ok(None);
    };
    // Answers are written whole: waiting for more only delays them.
    stream.set_nodelay(true)?;
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(WRITE_TIME));
    Ok(Some((Placed(stream, place), peer.ip())))
}

async fn converse<S>(stream: S, peer: IpAddr, app: TowerToHyperService<App>, stopping: Stopping)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let told = stopping.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(told.clone());
        let is_named = has_one_host(&request);
        let answer = is_named.then(|| app.call(request.map(Body::new)));
        async move {
            match answer {
                Some(answer) => answer.await,
                None => Ok(Problem::new(Code::MalformedParameter, "Send one header Host.").into_response()),
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!("the connection of {peer} broke off: {error}");
    }
}

/// Proxies and we must not understand different hosts. Source: RFC 9112 section 3.2.
fn has_one_host<B>(request: &Request<B>) -> bool {
    match request.headers().get_all(header::HOST).iter().count() {
        0 => request.version() < Version::HTTP_11,
        count => count == 1,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Placed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Placed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
