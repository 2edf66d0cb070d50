//! A wire between the indexer and PostgreSQL that breaks where it is told to.
//!
//! The bytes to the server are cut into the steps that wait for an answer; each can fail before the server has seen it,
//! after the server has done it, or never be answered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The fate of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The connection ends before the server has seen it.
    Before,
    /// The server has done it, and the connection ends before its answer.
    After,
    /// Nothing comes back any more, for ever.
    Hang,
}

/// The wire. Clones are one.
#[derive(Clone)]
pub struct Wire {
    shared: Arc<Shared>,
    port: u16,
}

struct Shared {
    steps: AtomicUsize,
    fault: Mutex<Option<(usize, Break)>>,
    has_broken: AtomicBool,
    broke: Notify,
}

impl Wire {
    /// A wire to the server at a port of this machine.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            steps: AtomicUsize::new(0),
            fault: Mutex::new(None),
            has_broken: AtomicBool::new(false),
            broke: Notify::new(),
        });
        let wire = Self { shared: shared.clone(), port };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(carry(client, server, shared.clone()));
            }
        });
        wire
    }

    /// The port that leads to the server.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many steps were taken since the last call of [`Self::break_at`].
    pub fn steps(&self) -> usize {
        self.shared.steps.load(Ordering::SeqCst)
    }

    /// Counts from here, and breaks at step number `step`; never at none.
    pub fn break_at(&self, fault: Option<(usize, Break)>) {
        *self.shared.fault.lock().unwrap() = fault;
        self.shared.steps.store(0, Ordering::SeqCst);
        self.shared.has_broken.store(false, Ordering::SeqCst);
    }

    /// Waits until the fault has come.
    pub async fn broken(&self) {
        while !self.has_broken() {
            self.shared.broke.notified().await;
        }
    }

    /// Whether the fault has come.
    pub fn has_broken(&self) -> bool {
        self.shared.has_broken.load(Ordering::SeqCst)
    }
}

/// Source: PostgreSQL's manual, "Message Formats", SSLRequest.
const TLS_REQUEST: u32 = 80_877_103;

/// Whether a message makes the server answer: a simple query, the end of an extended one, the end of COPY's data. What
/// begins a connection has no type and is not counted.
const fn is_step(kind: u8) -> bool {
    matches!(kind, b'Q' | b'S' | b'c')
}

async fn carry(mut client: TcpStream, mut server: TcpStream, shared: Arc<Shared>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut pending = Vec::new();
    let mut is_started = false;
    let mut is_swallowing = false;
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = from_client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                pending.extend_from_slice(&up[..length]);
                while let Some((kind, size)) = first_message(&pending, is_started) {
                    let message: Vec<u8> = pending.drain(..size).collect();
                    // The question whether the server speaks TLS comes before the beginning, and is as bare.
                    is_started |= message.get(4..8) != Some(&TLS_REQUEST.to_be_bytes());
                    let fault = if is_step(kind) { shared.next_step() } else { None };
                    match fault {
                        Some(Break::Before) => return shared.tell(),
                        Some(Break::Hang) => {
                            shared.tell();
                            // The client may give up and close; the server must not see that it is gone.
                            while matches!(from_client.read(&mut up).await, Ok(1..)) {}
                            return;
                        }
                        Some(Break::After) => is_swallowing = true,
                        None => {}
                    }
                    if to_server.write_all(&message).await.is_err() {
                        return;
                    }
                }
            }
            read = from_server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                if is_swallowing {
                    return shared.tell();
                }
                if to_client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Shared {
    fn next_step(&self) -> Option<Break> {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        let mut fault = self.fault.lock().unwrap();
        fault.take_if(|(at, _)| *at == step).map(|(_, what)| what)
    }

    fn tell(&self) {
        self.has_broken.store(true, Ordering::SeqCst);
        self.broke.notify_one();
    }
}

/// The type and length of the first whole message.
fn first_message(bytes: &[u8], is_started: bool) -> Option<(u8, usize)> {
    let at = usize::from(is_started);
    let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().unwrap());
    let size = at + usize::try_from(length).unwrap();
    (bytes.len() >= size).then(|| (if is_started { bytes[0] } else { 0 }, size))
}
