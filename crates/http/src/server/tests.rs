//! Clients over HTTP/2, good ones and those that take or send too much or nothing, against one connection. Time is tokio's own.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower::Service;

use super::{LINGER, MAX_STREAMS, PATIENCE, PING_INTERVAL, PING_TIME, converse};
use crate::stop::Stop;
use crate::tls::Certificate;
use crate::tls::tests::make;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const BUFFER: usize = 1 << 20;

/// A connection that is served until it ends or stops.
fn open<S>(service: S) -> (DuplexStream, Stop, JoinHandle<()>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let ((client, server), stop) = (duplex(BUFFER), Stop::default());
    let serving = tokio::spawn(converse(server, PEER, service, stop.stopping()));
    (client, stop, serving)
}

/// A service whose responses have this body.
fn answering(
    body: impl Fn() -> Body + Clone + Send + 'static,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static {
    tower::service_fn(move |_: Request| {
        let body = body();
        async move { Ok(Response::new(body)) }
    })
}

fn request() -> hyper::Request<Body> {
    hyper::Request::get("http://localhost/").body(Body::empty()).unwrap()
}

/// A body that never has news.
fn silent() -> Body {
    Body::new(Silent)
}

struct Silent;

impl axum::body::HttpBody for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Pending
    }
}

/// A client that writes frames itself, and takes all that comes.
struct Raw {
    writer: Arc<Mutex<WriteHalf<DuplexStream>>>,
    /// All frames, when the connection has ended.
    reading: JoinHandle<Vec<Received>>,
    begun: Instant,
}

struct Received {
    kind: u8,
    payload: Vec<u8>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// GET http://localhost/. Source: RFC 7541 appendix A, section 6.2.1.
const GET: &[u8] = b"\x82\x86\x84\x41\x09localhost";
/// A window of zero. Source: RFC 9113 section 6.5.2.
const NO_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 0];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

async fn read_frames(
    mut reader: ReadHalf<DuplexStream>,
    writer: Arc<Mutex<WriteHalf<DuplexStream>>>,
    answers_pings: bool,
) -> Vec<Received> {
    let mut frames = Vec::new();
    loop {
        let mut head = [0; 9];
        if reader.read_exact(&mut head).await.is_err() {
            return frames;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        if reader.read_exact(&mut payload).await.is_err() {
            return frames;
        }
        if answers_pings && head[3] == PING && head[4] == 0 {
            let _ = writer.lock().await.write_all(&frame(PING, ACK, 0, &payload)).await;
        }
        frames.push(Received { kind: head[3], payload });
    }
}

impl Raw {
    /// Begins HTTP/2 with these settings.
    async fn begin(client: DuplexStream, settings: &[u8], answers_pings: bool) -> Self {
        let (reader, writer) = split(client);
        let writer = Arc::new(Mutex::new(writer));
        let reading = tokio::spawn(read_frames(reader, writer.clone(), answers_pings));
        let mut raw = Self { writer, reading, begun: Instant::now() };
        assert!(raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()).await);
        assert!(raw.send(frame(SETTINGS, 0, 0, settings)).await);
        raw
    }

    /// Sends bytes; returns whether the connection is still there.
    async fn send(&mut self, bytes: Vec<u8>) -> bool {
        self.writer.lock().await.write_all(&bytes).await.is_ok()
    }

    /// Begins a request, whole.
    async fn get(&mut self, stream: u32) -> bool {
        self.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, GET)).await
    }

    /// All frames, when the server has closed the connection, and after how long that was.
    async fn closed(self) -> (Vec<Received>, Duration) {
        let frames = timeout(Duration::from_secs(86_400), self.reading).await;
        (frames.expect("the connection is still open").unwrap(), self.begun.elapsed())
    }
}

fn count(frames: &[Received], kind: u8) -> usize {
    frames.iter().filter(|frame| frame.kind == kind).count()
}

#[tokio::test(start_paused = true)]
async fn the_first_bytes_choose_the_version() {
    let (client, _stop, _serving) = open(answering(|| Body::from("an answer")));
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    let response = client.send_request(request()).await.unwrap();
    assert_eq!(response.version(), hyper::Version::HTTP_2);
    assert_eq!(to_bytes(Body::new(response.into_body()), BUFFER).await.unwrap(), "an answer");

    let (client, _stop, _serving) = open(answering(|| Body::from("an answer")));
    let (mut client, connection) = http1::handshake(TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get("/").header("host", "localhost").body(Body::empty()).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!(response.version(), hyper::Version::HTTP_11);
    assert_eq!(to_bytes(Body::new(response.into_body()), BUFFER).await.unwrap(), "an answer");
}

#[tokio::test]
async fn over_tls_the_client_chooses_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let files = make(folder.path(), "a");
    let acceptor = Certificate::read(files.clone()).unwrap().serve().unwrap();
    for (offered, chosen) in [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)] {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&files.certificate).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let connector = TlsConnector::from(Arc::new(config));
        let (client, server) = duplex(BUFFER);
        let name = ServerName::try_from("localhost").unwrap();
        let (client, server) = tokio::join!(connector.connect(name, client), acceptor.accept(server));
        let (client, server, stop) = (client.unwrap(), server.unwrap(), Stop::default());
        assert_eq!(client.get_ref().1.alpn_protocol(), chosen.map(str::as_bytes));
        tokio::spawn(converse(server, PEER, answering(|| Body::from("an answer")), stop.stopping()));
        let response = if chosen == Some("h2") {
            let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
            tokio::spawn(connection);
            client.send_request(request()).await.unwrap()
        } else {
            let (mut client, connection) = http1::handshake(TokioIo::new(client)).await.unwrap();
            tokio::spawn(connection);
            let request = hyper::Request::get("/").header("host", "localhost").body(Body::empty()).unwrap();
            client.send_request(request).await.unwrap()
        };
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_over_http2_names_one_host() {
    for (host, expected) in [(None, 200), (Some("localhost"), 200), (Some("evil.example"), 400)] {
        let (client, _stop, _serving) = open(answering(Body::empty));
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
        tokio::spawn(connection);
        let mut request = request();
        if let Some(host) = host {
            request.headers_mut().insert("host", host.parse().unwrap());
        }
        assert_eq!(client.send_request(request).await.unwrap().status(), expected, "{host:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_has_so_many_streams_and_not_more() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, seen) = (running.clone(), most.clone());
    let (client, _stop, serving) = open(tower::service_fn(move |_: Request| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::future::pending::<Result<Response, Infallible>>()
    }));
    let mut client = Raw::begin(client, &[], true).await;
    for stream in 0..MAX_STREAMS + 50 {
        assert!(client.get(2 * stream + 1).await);
    }
    // Long enough for all to be looked at.
    sleep(Duration::from_secs(1)).await;
    serving.abort();
    let (frames, _) = client.closed().await;
    assert_eq!(most.load(Ordering::SeqCst), MAX_STREAMS as usize);
    // REFUSED_STREAM. Source: RFC 9113 section 7.
    let refused = frames.iter().filter(|frame| frame.kind == RST_STREAM && frame.payload == [0, 0, 0, 7]);
    assert_eq!(refused.count(), 50);
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_opened_and_reset_end_the_connection() {
    let (client, _stop, _serving) = open(answering(silent));
    let mut client = Raw::begin(client, &[], true).await;
    for stream in 0..10_000 {
        let (open, reset) = (
            frame(HEADERS, END_STREAM | END_HEADERS, 2 * stream + 1, GET),
            frame(RST_STREAM, 0, 2 * stream + 1, &[0, 0, 0, 8]),
        );
        if !client.send([open, reset].concat()).await {
            break;
        }
    }
    let (frames, took) = client.closed().await;
    assert!(count(&frames, GO_AWAY) > 0 && took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn headers_without_end_are_bounded_in_time() {
    for (begins, drips) in [(false, false), (true, false), (true, true)] {
        let (client, _stop, _serving) = open(answering(silent));
        let begun = Instant::now();
        if !begins {
            let mut client = client;
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        } else {
            let mut client = Raw::begin(client, &[], true).await;
            if drips {
                assert!(client.send(frame(HEADERS, END_STREAM, 1, GET)).await);
                // A literal header field of no length now and then.
                while client.send(frame(CONTINUATION, 0, 1, b"\x00\x01a\x00")).await {
                    sleep(Duration::from_millis(500)).await;
                }
            }
            client.closed().await;
        }
        assert!(begun.elapsed() <= PATIENCE.head + Duration::from_secs(1), "{begins} {drips}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn headers_without_end_are_bounded_in_length() {
    let (client, _stop, _serving) = open(answering(silent));
    let mut client = Raw::begin(client, &[], true).await;
    assert!(client.send(frame(HEADERS, END_STREAM, 1, GET)).await);
    let field = [b"\x00\x01a\x7f\x00".as_slice(), &[b'x'; 127]].concat();
    let mut sent = 0;
    while sent < 1 << 20 && client.send(frame(CONTINUATION, 0, 1, &field.repeat(100))).await {
        sent += 100 * field.len();
    }
    let (_, took) = client.closed().await;
    assert!(took < Duration::from_secs(1), "{sent} bytes in {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_of_a_response_is_cut() {
    for length in [10, 10 << 20] {
        let (client, _stop, _serving) = open(answering(move || Body::from(vec![0; length])));
        let mut client = Raw::begin(client, NO_WINDOW, true).await;
        assert!(client.get(1).await);
        let (frames, took) = client.closed().await;
        assert_eq!(count(&frames, DATA), 0);
        assert!(took >= PATIENCE.write && took <= PATIENCE.write + Duration::from_secs(1), "{length}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_cut() {
    let (client, _stop, _serving) = open(answering(silent));
    let mut client = Raw::begin(client, &[], false).await;
    assert!(client.get(1).await);
    let (_, took) = client.closed().await;
    assert!(took <= PING_INTERVAL + PING_TIME + Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_in_good_order() {
    let (client, _stop, _serving) = open(answering(|| Body::from("an answer")));
    let mut client = Raw::begin(client, &[], true).await;
    assert!(client.get(1).await);
    let (frames, took) = client.closed().await;
    assert_eq!((count(&frames, DATA), count(&frames, GO_AWAY) > 0), (1, true));
    assert!(took >= PATIENCE.idle && took <= PATIENCE.idle + LINGER + Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_news_stays_open() {
    let (client, _stop, serving) = open(answering(silent));
    let mut client = Raw::begin(client, &[], true).await;
    assert!(client.get(1).await);
    sleep(Duration::from_secs(3600)).await;
    assert!(client.get(3).await && !serving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_what_is_under_way() {
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (asked.clone(), go_on.clone());
    let (client, stop, serving) = open(tower::service_fn(move |_: Request| {
        let (tell, wait) = (tell.clone(), wait.clone());
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok(Response::new(Body::from("an answer")))
        }
    }));
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    let answer = tokio::spawn(client.send_request(request()));
    asked.notified().await;
    let stopping = tokio::spawn(stop.stop());
    sleep(Duration::from_secs(1)).await;
    assert!(!stopping.is_finished());
    go_on.notify_one();
    let response = answer.await.unwrap().unwrap();
    assert_eq!(to_bytes(Body::new(response.into_body()), BUFFER).await.unwrap(), "an answer");
    stopping.await.unwrap();
    serving.await.unwrap();
    client.send_request(request()).await.unwrap_err();
}
