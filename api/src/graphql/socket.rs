//! The protocol graphql-transport-ws: operations over a WebSocket, each within the bounds of a request.
//!
//! Clients are not trusted. Each operation counts as a request of its caller, a socket runs a bounded number of them, and a
//! query ends when an answer is due. An operation goes on whether or not the client reads, up to its next answer, so that it
//! holds nothing of the database for a client that does not. The server asks now and then whether the client lives.
//!
//! Source: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>, of which the close codes are.

use std::collections::HashMap;
use std::future::ready;
use std::time::Duration;

use async_graphql::{Data, Executor, Request, Response};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, close_code};
use counterfoil_http::{Rejection, RequestCaller, Stopping};
use counterfoil_read::{Live, Reader};
use counterfoil_wire::Code;
use futures_util::stream::{AbortHandle, Abortable, BoxStream, SelectAll};
use futures_util::{Sink, SinkExt, Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::operation::{Followed, in_time, refused};
use super::writer::LedgersAt;

pub(super) const PROTOCOL: &str = "graphql-transport-ws";
/// The number of operations that run at a time on one socket.
const MAX_OPERATIONS: usize = 32;
/// The interval of pings.
const PING_TIME: Duration = Duration::from_secs(15);
/// The number of pings that may stay unanswered. More than one, as a pong may wait behind what the server sends.
const MAX_SILENCE: u32 = 2;
/// The time for `connection_init`.
const INIT_TIME: Duration = Duration::from_secs(10);
/// The time for the closing handshake.
const FAREWELL: Duration = Duration::from_secs(2);

const BAD_MESSAGE: u16 = 4400;
const NOT_BEGUN: u16 = 4401;
const REFUSED: u16 = 4403;
const INIT_TIMEOUT: u16 = 4408;
const SAME_ID: u16 = 4409;
const BEGUN_TWICE: u16 = 4429;
/// Registered for all WebSockets: the other end says nothing.
const SILENT: u16 = 3008;

/// The service behind a socket.
pub(super) struct Service<E> {
    pub(super) executor: E,
    pub(super) reader: Reader,
    /// The caller as the upgrade's headers say.
    pub(super) caller: RequestCaller,
    pub(super) feed: Live,
    pub(super) stopping: Stopping,
    /// How long an operation may take that is no stream.
    pub(super) request_timeout: Duration,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientMessage {
    ConnectionInit {
        #[serde(default)]
        payload: Value,
    },
    Ping {},
    Pong {},
    Subscribe {
        id: String,
        payload: Box<Request>,
    },
    Complete {
        id: String,
    },
}

/// Why the socket is closed: the code, and what it means.
struct Close(u16, String);

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self(code, reason.into())
    }
}

/// Serves a socket until either end closes it.
pub(super) async fn serve<E, S, F>(mut socket: S, service: Service<E>)
where
    E: Executor,
    S: Stream<Item = Result<Message, F>> + Sink<Message, Error = F> + Unpin,
{
    let stopping = service.stopping.clone();
    let mut conversation = Conversation { service, caller: None, running: HashMap::new(), answers: SelectAll::new() };
    let close = tokio::select! {
        biased;
        () = stopping.stopped() => Some(Close::new(close_code::AWAY, "The server stops.")),
        close = conversation.hold(&mut socket) => close,
    };
    // No client waits for what still runs.
    drop(conversation);
    if let Some(close) = close {
        let _ = timeout(FAREWELL, say_farewell(socket, close)).await;
    }
}

/// Closes, and waits until the client has heard: a connection that ends before may lose what was sent last.
/// Source: RFC 6455 sections 5.5.1, which bounds the reason, 7.1.1 and 7.4.1.
async fn say_farewell<S, F>(mut socket: S, Close(code, mut reason): Close)
where
    S: Stream<Item = Result<Message, F>> + Sink<Message, Error = F> + Unpin,
{
    reason.truncate(reason.floor_char_boundary(123));
    let frame = CloseFrame { code, reason: reason.into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}

struct Conversation<E> {
    service: Service<E>,
    /// The caller; known when the client has begun.
    caller: Option<RequestCaller>,
    running: HashMap<String, AbortHandle>,
    answers: SelectAll<BoxStream<'static, Answer>>,
}

/// The next answer of an operation; without one it is complete.
struct Answer {
    id: String,
    response: Option<Response>,
}

impl<E: Executor> Conversation<E> {
    /// Until the server is to close the socket, or the client has.
    async fn hold<S, F>(&mut self, socket: &mut S) -> Option<Close>
    where
        S: Stream<Item = Result<Message, F>> + Sink<Message, Error = F> + Unpin,
    {
        let begun = Instant::now();
        let mut pings = interval_at(begun + PING_TIME, PING_TIME);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silence = 0;
        loop {
            let replies = tokio::select! {
                message = socket.next() => {
                    silence = 0;
                    match message {
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Binary(_))) => return Some(Close::new(BAD_MESSAGE, "Messages are text.")),
                        Some(Ok(Message::Text(text))) => match self.take(&text).await {
                            Ok(replies) => replies,
                            Err(close) => return Some(close),
                        },
                    }
                }
                Some(answer) = self.answers.next() => vec![self.write(answer)],
                _ = pings.tick() => {
                    if silence == MAX_SILENCE {
                        return Some(Close::new(SILENT, "The client does not answer to pings."));
                    }
                    silence += 1;
                    vec![Message::Ping(Bytes::new())]
                }
                () = sleep_until(begun + INIT_TIME), if self.caller.is_none() => {
                    return Some(Close::new(INIT_TIMEOUT, "Connection initialisation timeout"));
                }
            };
            for reply in replies {
                socket.send(reply).await.ok()?;
            }
        }
    }

    /// Does what a message says; answers it where that is due at once.
    async fn take(&mut self, message: &str) -> Result<Vec<Message>, Close> {
        let message = serde_json::from_str(message)
            .map_err(|error| Close::new(BAD_MESSAGE, format!("Not a message of {PROTOCOL}: {error}")))?;
        match message {
            ClientMessage::ConnectionInit { payload } => self.begin(&payload).await,
            ClientMessage::Ping {} => Ok(vec![text(&json!({ "type": "pong" }))]),
            ClientMessage::Pong {} => Ok(Vec::new()),
            ClientMessage::Subscribe { id, payload } => self.start(id, *payload).await,
            ClientMessage::Complete { id } => {
                self.running.remove(&id).inspect(AbortHandle::abort);
                Ok(Vec::new())
            }
        }
    }

    /// A browser cannot send a header with the upgrade: it names the caller in the first message, as `authorization`.
    async fn begin(&mut self, payload: &Value) -> Result<Vec<Message>, Close> {
        if self.caller.is_some() {
            return Err(Close::new(BEGUN_TWICE, "Too many initialisation requests"));
        }
        let signing_on = self.service.caller.sign_on(payload["authorization"].as_str());
        let signed_on = timeout(self.service.request_timeout, signing_on).await;
        let again = |reason: String| Close::new(close_code::AGAIN, reason);
        let caller = signed_on.map_err(|_| again("Try again later.".to_owned()))?;
        self.caller = Some(caller.map_err(|problem| match problem.code {
            Code::Unauthorized | Code::Forbidden => Close::new(REFUSED, problem.detail),
            _ => again(problem.detail),
        })?);
        Ok(vec![text(&json!({ "type": "connection_ack" }))])
    }

    async fn start(&mut self, id: String, request: Request) -> Result<Vec<Message>, Close> {
        let Some(caller) = self.caller.clone() else { return Err(Close::new(NOT_BEGUN, "Unauthorized")) };
        if self.running.contains_key(&id) {
            return Err(Close::new(SAME_ID, format!("Subscriber for {id} already exists")));
        }
        if let Err(problem) = admit(self.running.len(), &caller).await {
            return Ok(vec![next(&id, &refused(problem)), complete(&id)]);
        }
        let (handle, registration) = AbortHandle::new_pair();
        self.running.insert(id.clone(), handle);
        let answers = run(self.execute(request, &caller)).map(Some).chain(stream::once(ready(None)));
        let answers = answers.map(move |response| Answer { id: id.clone(), response });
        self.answers.push(Abortable::new(answers, registration).boxed());
        Ok(Vec::new())
    }

    fn execute(&self, request: Request, caller: &RequestCaller) -> BoxStream<'static, Response> {
        let followed = Followed::default();
        let mut data = Data::default();
        data.insert(self.service.reader.clone().with_caller(caller.caller().clone()));
        data.insert(self.service.feed.clone());
        data.insert(self.service.stopping.clone());
        let request = request.data(followed.clone()).data(LedgersAt::default());
        let answers = self.service.executor.execute_stream(request, Some(data.into()));
        in_time(answers, followed, self.service.request_timeout).boxed()
    }

    fn write(&mut self, Answer { id, response }: Answer) -> Message {
        match response {
            Some(response) => next(&id, &response),
            None => {
                self.running.remove(&id);
                complete(&id)
            }
        }
    }
}

/// Counts an operation, and refuses one too many.
async fn admit(running: usize, caller: &RequestCaller) -> Result<(), Rejection> {
    if running >= MAX_OPERATIONS {
        let detail = format!("{MAX_OPERATIONS} operations run on this WebSocket, the most of one. End one first.");
        return Err(Rejection::new(Code::TooManyOperations, detail));
    }
    caller.count().await
}

/// Makes the answers one ahead of who takes them, until they end or are dropped.
fn run(mut answers: BoxStream<'static, Response>) -> impl Stream<Item = Response> + Send + 'static {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let answer = tokio::select! {
                biased;
                () = sender.closed() => return,
                answer = answers.next() => answer,
            };
            let Some(answer) = answer else { return };
            if sender.send(answer).await.is_err() {
                return;
            }
        }
    });
    stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))
}

fn next(id: &str, response: &Response) -> Message {
    text(&json!({ "type": "next", "id": id, "payload": response }))
}

fn complete(id: &str) -> Message {
    text(&json!({ "type": "complete", "id": id }))
}

fn text(message: &Value) -> Message {
    Message::text(message.to_string())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
    use axum::extract::ws::Message;
    use counterfoil_http::{Access, AccessPaths, AccessSettings, RequestCaller, Stop};
    use counterfoil_read::{Cache, KeyUses, Live, Policies, Reader, StreamLimits};
    use futures_util::{Sink, Stream};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::{Service, serve};

    struct Root;

    #[Object]
    impl Root {
        async fn one(&self) -> i32 {
            1
        }
    }

    /// The server's end of a socket.
    struct Socket(UnboundedReceiver<Message>, UnboundedSender<Message>);

    impl Stream for Socket {
        type Item = Result<Message, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.poll_recv(context).map(|message| message.map(Ok))
        }
    }

    impl Sink<Message> for Socket {
        type Error = Infallible;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Infallible> {
            let _ = self.1.send(message);
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A socket that is served, over no database.
    fn open() -> (UnboundedSender<Message>, UnboundedReceiver<Message>) {
        let ((to_server, from_client), (to_client, from_server)) = (unbounded_channel(), unbounded_channel());
        let pool = sqlx::postgres::PgPoolOptions::new().connect_lazy("postgres://localhost/none").unwrap();
        let policies = Policies::new(pool.clone(), Duration::from_secs(5));
        let access = Access::new(AccessSettings::default(), AccessPaths::default(), policies, KeyUses::default());
        let service = Service {
            executor: Schema::new(Root, EmptyMutation, EmptySubscription),
            reader: Reader::new(pool.clone()),
            feed: Live::new(pool.clone(), Arc::new(Cache::new(0)), StreamLimits { all: 1, per_caller: 1 }),
            caller: RequestCaller::operator(access),
            stopping: Stop::default().stopping(),
            request_timeout: Duration::from_secs(10),
        };
        tokio::spawn(serve(Socket(from_client, to_client), service));
        (to_server, from_server)
    }

    fn close_code(message: &Message) -> Option<u16> {
        match message {
            Message::Close(frame) => frame.as_ref().map(|frame| frame.code),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_begins_is_told_so() {
        let (_client, mut server) = open();
        assert_eq!(server.recv().await.as_ref().and_then(close_code), Some(4408));
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_to_pings_is_kept_and_who_does_not_is_cut() {
        let (client, mut server) = open();
        let init = Message::text("{\"type\":\"connection_init\"}");
        client.send(init).unwrap();
        assert_eq!(server.recv().await.unwrap(), Message::text("{\"type\":\"connection_ack\"}"));
        // For an hour.
        for _ in 0..240 {
            assert!(matches!(server.recv().await.unwrap(), Message::Ping(_)));
            client.send(Message::Pong(axum::body::Bytes::new())).unwrap();
        }
        assert!(matches!(server.recv().await.unwrap(), Message::Ping(_)));
        assert!(matches!(server.recv().await.unwrap(), Message::Ping(_)));
        assert_eq!(server.recv().await.as_ref().and_then(close_code), Some(3008));
    }
}
