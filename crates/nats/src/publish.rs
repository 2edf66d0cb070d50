//! Sending hints. The sender never waits, and nothing that matters is lost with a hint that is dropped.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{Context, ContextBuilder};
use counterfoil_core::LedgerId;
use counterfoil_wire::{EntriesHint, HeadHint};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::connect::{REQUEST_TIME, Servers};
use crate::subject::Prefix;

/// How many messages wait for a server that is away; then the oldest is dropped for each that comes.
const WAITING: usize = 1_024;
/// How many messages are sent before the first of them is acknowledged.
const IN_FLIGHT: usize = 64;
const PAUSE: Duration = Duration::from_secs(1);

/// The limits of the stream that keeps messages, where the publisher creates it. One that is there stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// How long a message is kept.
    pub max_age: Duration,
    /// How many bytes are kept, the newest.
    pub max_bytes: u64,
}

/// The end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The stream has one.
    Published,
    /// One was dropped: newer ones took its place.
    Dropped,
}

type Counted = dyn Fn(Outcome) + Send + Sync;

/// The sender of an index's hints. Clones share its queue.
#[derive(Clone)]
pub struct Publisher(Arc<Shared>);

struct Shared {
    prefix: Prefix,
    waiting: Mutex<Waiting>,
    changed: Notify,
    counted: Box<Counted>,
}

#[derive(Default)]
struct Waiting {
    /// By number, in the order in which they came.
    messages: VecDeque<(u64, Message)>,
    next: u64,
}

#[derive(Clone)]
struct Message {
    subject: String,
    /// Repeats within two minutes are stored once. It spares space; no reader depends on it.
    id: String,
    body: Vec<u8>,
}

impl Publisher {
    /// A publisher; [`Self::run`] sends what it is given. `counted` is told what becomes of each message.
    pub fn new(prefix: Prefix, counted: impl Fn(Outcome) + Send + Sync + 'static) -> Self {
        let counted = Box::new(counted);
        Self(Arc::new(Shared { prefix, waiting: Mutex::default(), changed: Notify::new(), counted }))
    }

    /// Queues a hint that a ledger moved, at once. `stage` and `number` tell it from others of the ledger.
    pub fn head(&self, ledger: LedgerId, stage: &str, number: u64, hint: &HeadHint) {
        self.queue(self.0.prefix.head(ledger), format!("{ledger}/{stage}/{number}"), hint);
    }

    /// Queues a hint that entries were checked, at once.
    pub fn entries(&self, ledger: LedgerId, hint: &EntriesHint) {
        self.queue(self.0.prefix.entries(ledger), format!("{ledger}/entries/{}", hint.to.0), hint);
    }

    fn queue(&self, subject: String, id: String, hint: &impl Serialize) {
        let Ok(body) = serde_json::to_vec(hint) else { return (self.0.counted)(Outcome::Dropped) };
        let is_dropped = {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let number = waiting.next;
            waiting.next = number.wrapping_add(1);
            waiting.messages.push_back((number, Message { subject, id, body }));
            waiting.messages.len() > WAITING && waiting.messages.pop_front().is_some()
        };
        if is_dropped {
            (self.0.counted)(Outcome::Dropped);
        }
        self.0.changed.notify_one();
    }

    /// Sends what is queued, for as long as it is polled. A server that is away, frozen or empty is tried again and again.
    pub async fn run(&self, servers: &Servers, limits: StreamLimits) -> Infallible {
        let mut is_told = false;
        loop {
            let error = match servers.client("counterfoil-indexer").await {
                Ok(client) => {
                    let context = ContextBuilder::new().timeout(REQUEST_TIME).build(client);
                    match self.send_all(&context, limits, &mut is_told).await {
                        Ok(never) => match never {},
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            warn!("connecting to NATS again: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends when the connection is gone and does not come back by itself.
    async fn send_all(
        &self,
        context: &Context,
        limits: StreamLimits,
        is_told: &mut bool,
    ) -> Result<Infallible, PublishError> {
        loop {
            self.something().await;
            let config = Config {
                name: self.0.prefix.stream(),
                subjects: vec![self.0.prefix.all()],
                max_age: limits.max_age,
                max_bytes: i64::try_from(limits.max_bytes).unwrap_or(i64::MAX),
                discard: DiscardPolicy::Old,
                ..Config::default()
            };
            let problem = match context.get_or_create_stream(config).await {
                Ok(_) => {
                    if std::mem::take(is_told) {
                        info!("NATS takes hints again");
                    }
                    match self.send(context).await {
                        Ok(never) => match never {},
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            if !std::mem::replace(is_told, true) {
                warn!("NATS takes no hints, trying again; readers look by themselves once a second: {problem}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends one message after the other; with the first that is not acknowledged, all such wait again.
    async fn send(&self, context: &Context) -> Result<Infallible, PublishError> {
        let mut unacknowledged: BTreeMap<u64, Message> = BTreeMap::new();
        let mut acknowledgements = FuturesUnordered::new();
        let error = loop {
            tokio::select! {
                biased;
                Some((number, outcome)) = acknowledgements.next(), if !acknowledgements.is_empty() => match outcome {
                    Ok(()) => {
                        unacknowledged.remove(&number);
                        (self.0.counted)(Outcome::Published);
                    }
                    Err(error) => break error,
                },
                (number, message) = self.take(), if unacknowledged.len() < IN_FLIGHT => {
                    unacknowledged.insert(number, message.clone());
                    let body = PublishMessage::build().payload(message.body.into()).message_id(message.id);
                    match context.send_publish(message.subject, body).await {
                        Ok(acknowledgement) => acknowledgements.push(async move {
                            (number, acknowledgement.await.map(|_| ()))
                        }),
                        Err(error) => break error,
                    }
                }
            }
        };
        self.put_back(unacknowledged);
        Err(error)
    }

    /// Ready when a message waits.
    async fn something(&self) {
        loop {
            let changed = self.0.changed.notified();
            if !self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).messages.is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// The oldest message, as soon as there is one. None is lost when it is dropped before it is ready.
    async fn take(&self) -> (u64, Message) {
        loop {
            let changed = self.0.changed.notified();
            if let Some(message) = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).messages.pop_front() {
                return message;
            }
            changed.await;
        }
    }

    fn put_back(&self, messages: BTreeMap<u64, Message>) {
        let mut dropped = 0;
        {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for message in messages.into_iter().rev() {
                if waiting.messages.len() < WAITING {
                    waiting.messages.push_front(message);
                } else {
                    dropped += 1;
                }
            }
        }
        (0..dropped).for_each(|_| (self.0.counted)(Outcome::Dropped));
    }
}
