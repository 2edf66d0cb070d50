//! GraphQL over a WebSocket.

use std::net::SocketAddr;

use axum::ServiceExt;
use axum::body::Body;
use axum::http::Request;
use counterfoil_api::{AccessSettings, Settings};
use counterfoil_core::LedgerId;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::history::History;
use crate::index::{BIG, Index, UNKNOWN, settings};

pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::sign_on(address, None).await.unwrap()
    }

    /// Says who calls with the first message; none when the server closes the socket because of it.
    pub async fn sign_on(address: SocketAddr, authorization: Option<&str>) -> Option<Self> {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let (socket, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "graphql-transport-ws");
        let mut socket = Self(socket);
        let mut first = json!({ "type": "connection_init" });
        if let Some(authorization) = authorization {
            first["payload"] = json!({ "authorization": authorization });
        }
        socket.send(first).await;
        assert_eq!(socket.next().await?["type"], "connection_ack");
        Some(socket)
    }

    pub async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: String) {
        self.send(json!({ "id": id, "type": "subscribe", "payload": { "query": query } })).await;
    }

    /// The next message but for pings; none when the server closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
}

impl Socket {
    /// One that says nothing by itself.
    pub async fn open(address: SocketAddr) -> Self {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        Self(connect_async(request).await.unwrap().0)
    }

    /// The code with which the server closed, after whatever it sent before.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            if let Message::Close(frame) = self.0.next().await?.ok()? {
                return Some(frame?.code.into());
            }
        }
    }
}

pub async fn serve(index: &Index) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        axum::serve(listener, ServiceExt::<Request<Body>>::into_make_service(index.app.clone())).into_future(),
    );
    address
}

#[tokio::test]
async fn one_socket_carries_queries_and_streams() {
    let index = Index::open().await;
    let mut history = History::create(LedgerId([9; 32]));
    history.append(3);
    history.check(&index.pool).await;
    let mut socket = Socket::connect(serve(&index).await).await;
    let ledger = history.ledger;
    socket
        .subscribe(
            "a",
            format!("subscription {{ entries(ledger: \"{ledger}\", after: \"0\") {{ edges {{ cursor }} }} }}"),
        )
        .await;
    let page = socket.next().await.unwrap();
    let cursors = |page: &Value| {
        let edges = page["payload"]["data"]["entries"]["edges"].as_array().unwrap().clone();
        edges.iter().map(|edge| edge["cursor"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((&page["id"], cursors(&page)), (&json!("a"), vec!["1".to_owned(), "2".to_owned()]));
    socket.subscribe("b", format!("{{ ledger(address: \"{BIG}\") {{ ledger }} }}")).await;
    assert_eq!(socket.next().await.unwrap()["payload"]["data"]["ledger"]["ledger"], BIG.to_string());
    assert_eq!(socket.next().await.unwrap(), json!({ "id": "b", "type": "complete" }));
    history.append(1);
    history.check(&index.pool).await;
    assert_eq!(cursors(&socket.next().await.unwrap()), ["3"]);
    socket.subscribe("c", format!("subscription {{ entries(ledger: \"{UNKNOWN}\") {{ edges {{ cursor }} }} }}")).await;
    let refused = socket.next().await.unwrap();
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "unknown_ledger", "{refused}");
    assert_eq!(socket.next().await.unwrap(), json!({ "id": "c", "type": "complete" }));
    socket.send(json!({ "id": "a", "type": "complete" })).await;
}

#[tokio::test]
async fn who_breaks_the_protocol_hears_its_code() {
    let index = Index::open().await;
    let address = serve(&index).await;
    let init = || Message::text(json!({ "type": "connection_init" }).to_string());
    let follow = || {
        let query = format!("subscription {{ ledger(address: \"{BIG}\") {{ ledger }} }}");
        Message::text(json!({ "id": "a", "type": "subscribe", "payload": { "query": query } }).to_string())
    };
    for (messages, expected) in [
        (vec![follow()], 4401),
        (vec![init(), init()], 4429),
        (vec![init(), follow(), follow()], 4409),
        (vec![Message::text("no JSON")], 4400),
        (vec![init(), Message::text("{\"type\":\"start\"}")], 4400),
        (vec![init(), Message::text("{\"type\":\"subscribe\",\"id\":\"a\"}")], 4400),
        (vec![Message::binary(b"{\"type\":\"connection_init\"}".as_slice())], 4400),
    ] {
        let mut socket = Socket::open(address).await;
        for message in &messages {
            socket.0.send(message.clone()).await.unwrap();
        }
        assert_eq!(socket.close_code().await, Some(expected), "{messages:?}");
    }
}

#[tokio::test]
async fn an_id_is_free_again_when_its_operation_has_ended() {
    let index = Index::open().await;
    let mut socket = Socket::connect(serve(&index).await).await;
    for _ in 0..2 {
        socket.subscribe("a", format!("{{ ledger(address: \"{BIG}\") {{ ledger }} }}")).await;
        assert_eq!(socket.next().await.unwrap()["payload"]["data"]["ledger"]["ledger"], BIG.to_string());
        assert_eq!(socket.next().await.unwrap(), json!({ "id": "a", "type": "complete" }));
    }
    for _ in 0..2 {
        socket.subscribe("a", format!("subscription {{ ledger(address: \"{BIG}\") {{ ledger }} }}")).await;
        assert_eq!(socket.next().await.unwrap()["payload"]["data"]["ledger"]["ledger"], BIG.to_string());
        socket.send(json!({ "id": "a", "type": "complete" })).await;
    }
}

#[tokio::test]
async fn pages_of_other_origins_open_no_socket() {
    let mut index = Index::open().await;
    let access =
        AccessSettings { cors_origins: vec!["https://app.example.com".parse().unwrap()], ..Default::default() };
    index.app = counterfoil_api::app(index.pool.clone(), Settings { access, ..settings() });
    let address = serve(&index).await;
    let own = format!("http://{address}");
    for (origin, is_let_in) in [
        (own.as_str(), true),
        ("https://app.example.com", true),
        ("https://app.example.com.evil.example", false),
        ("http://127.0.0.1", false),
        ("null", false),
    ] {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match connect_async(request).await {
            Ok(_) => assert!(is_let_in, "{origin}"),
            Err(Error::Http(refused)) => assert_eq!((refused.status().as_u16(), is_let_in), (403, false), "{origin}"),
            Err(other) => panic!("{origin}: {other}"),
        }
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_or_is_none_closes_the_socket_and_the_server_goes_on() {
    let index = Index::open().await;
    let address = serve(&index).await;
    for bad in ["{".to_owned(), format!("{{\"type\":\"ping\",\"payload\":{{\"long\":\"{}\"}}}}", "x".repeat(5 << 20))] {
        let mut socket = Socket::connect(address).await;
        let _ = socket.0.send(Message::text(bad)).await;
        while socket.next().await.is_some() {}
    }
    Socket::connect(address).await;
    let (status, code, _) = index.problem("/graphql").await;
    assert_eq!((status, code.as_str()), (405, "method_not_allowed"));
}
