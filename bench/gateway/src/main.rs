//! The gateway's peers behind the HTTP front that it has: `pgmq URL COMMITS`, `pgmq-alone URL CONNECTIONS`, `jetstream URL REPLICAS`.
//!
//! Each takes `POST /records`, answers 202 once the record is durable, and prints its address as its first line.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::jetstream::{self, stream};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use mimalloc::MiMalloc;
use pgmq::PGMQueueExt;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The gateway's bounds of a group commit.
const WINDOW: Duration = Duration::from_millis(2);
const RECORDS: usize = 512;
const WAITING: usize = 4_096;
const QUEUE: &str = "records";

type Waiting = (Value, oneshot::Sender<bool>);

#[derive(Clone)]
enum Store {
    /// One `pgmq.send` a request.
    Alone(PgPool),
    /// `pgmq.send_batch` for all requests of 2 ms or 512 records.
    Grouped(mpsc::Sender<Waiting>),
    JetStream(jetstream::Context),
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, url, number] = &arguments[..] else { bail!("usage: pgmq|pgmq-alone|jetstream URL NUMBER") };
    let number: usize = number.parse().context("NUMBER")?;
    let store = match kind.as_str() {
        "pgmq" => Store::Grouped(start_groups(pgmq_pool(url, number).await?, number)),
        "pgmq-alone" => Store::Alone(pgmq_pool(url, u32::try_from(number)? as usize).await?),
        "jetstream" => Store::JetStream(jetstream_of(url, number).await?),
        kind => bail!("there is no peer {kind}"),
    };
    let routes = Router::new().route("/records", post(take)).with_state(store);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/records", listener.local_addr()?);
    Ok(axum::serve(listener, routes).await?)
}

async fn take(State(store): State<Store>, body: Bytes) -> StatusCode {
    let is_kept = match store {
        Store::Alone(pool) => match serde_json::from_slice::<Value>(&body) {
            Ok(value) => send(&pool, value).await.is_ok(),
            Err(_) => return StatusCode::BAD_REQUEST,
        },
        Store::Grouped(queue) => {
            let Ok(value) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
            let (answer, kept) = oneshot::channel();
            queue.try_send((value, answer)).is_ok() && kept.await.unwrap_or(false)
        }
        Store::JetStream(context) => keep(&context, body).await.is_ok(),
    };
    if is_kept { StatusCode::ACCEPTED } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn pgmq_pool(url: &str, connections: usize) -> Result<PgPool> {
    let pool = PgPoolOptions::new().max_connections(u32::try_from(connections)?).connect(url).await?;
    let queue = PGMQueueExt::new_with_pool(pool.clone()).await;
    queue.install_sql_from_embedded().await?;
    queue.create(QUEUE).await?;
    Ok(pool)
}

async fn send(pool: &PgPool, value: Value) -> Result<()> {
    sqlx::query("select pgmq.send($1, $2)").bind(QUEUE).bind(value).execute(pool).await?;
    Ok(())
}

fn start_groups(pool: PgPool, commits: usize) -> mpsc::Sender<Waiting> {
    let (sender, mut receiver) = mpsc::channel::<Waiting>(WAITING);
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(commits));
        while let Some(first) = receiver.recv().await {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let mut batch = vec![first];
            let deadline = Instant::now() + WINDOW;
            while batch.len() < RECORDS {
                let Ok(Some(next)) = timeout_at(deadline, receiver.recv()).await else { break };
                batch.push(next);
            }
            let pool = pool.clone();
            tokio::spawn(async move {
                let (values, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                let sent = sqlx::query("select count(*) from pgmq.send_batch($1, $2)").bind(QUEUE).bind(values);
                let is_kept = sent.execute(&pool).await.is_ok();
                for answer in answers {
                    let _ = answer.send(is_kept);
                }
                drop(place);
            });
        }
    });
    sender
}

async fn jetstream_of(url: &str, replicas: usize) -> Result<jetstream::Context> {
    let context = jetstream::new(async_nats::connect(url).await?);
    let config = stream::Config {
        name: QUEUE.to_owned(),
        subjects: vec![QUEUE.to_owned()],
        num_replicas: replicas,
        storage: stream::StorageType::File,
        ..stream::Config::default()
    };
    let mut stream = context.get_or_create_stream(config).await?;
    ensure!(stream.info().await?.config.num_replicas == replicas, "the stream has another number of replicas");
    Ok(context)
}

async fn keep(context: &jetstream::Context, body: Bytes) -> Result<()> {
    context.publish(QUEUE, body).await?.await?;
    Ok(())
}
