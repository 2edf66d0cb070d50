//! Starting, watching and stopping the validator, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use counterfoil_localnet_base::{Config, Endpoints, Node, Reserved};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_rpc_client::rpc_client::RpcClient;
use tokio::sync::{oneshot, watch};

use crate::deploy::Deployer;
use crate::folder::Folder;
use crate::genesis::Keys;
use crate::validator::{Started, start as start_validator};

/// All threads of a validator. One that does not end keeps none of the ports, and dies with the process.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const START_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// A validator that answers.
pub(crate) struct Running {
    endpoints: Endpoints,
    thread: Thread,
}

/// The thread that owns the validator and its folder. Dropping it waits until both are gone.
struct Thread {
    stop: Arc<AtomicBool>,
    /// Closed when the thread has ended; nothing is ever sent.
    ended: watch::Receiver<()>,
}

impl Node for Running {
    fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    async fn ended(&mut self) -> String {
        // An error means that the channel is closed, which is what is waited for.
        let _ = self.thread.ended.changed().await;
        "its thread panicked".into()
    }

    async fn stop(self) {
        drop(self);
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let start = Instant::now();
        while self.ended.has_changed().is_ok() && start.elapsed() < STOP_TIMEOUT {
            thread::sleep(PAUSE);
        }
    }
}

/// Starts a validator, and returns when it answers, its programs can be called and its wallets are funded.
pub(crate) async fn start(config: Config) -> Result<Running> {
    ensure!(config.ledger.is_none(), "--ledger: this node cannot keep its chain yet");
    let (rpc, ws) = (Reserved::rpc(config.rpc_port)?, Reserved::ws(config.ws_port)?);
    let stop = Arc::new(AtomicBool::new(false));
    let (ended_tx, ended) = watch::channel(());
    let (ready_tx, ready) = oneshot::channel();
    let worker = Worker { config, rpc, ws, stop: stop.clone() };
    thread::Builder::new().name("agave".into()).spawn(move || {
        worker.run(ready_tx);
        // Dropped last: whoever waits for it may count on everything else being gone.
        drop(ended_tx);
    })?;
    // From here on dropping this future, which a signal does, ends the thread too.
    let thread = Thread { stop, ended };
    let endpoints = ready.await.context("the validator's thread panicked")??;
    Ok(Running { endpoints, thread })
}

struct Worker {
    config: Config,
    rpc: Reserved,
    ws: Reserved,
    stop: Arc<AtomicBool>,
}

impl Worker {
    /// Runs the validator to its end. The ports stay reserved until then.
    fn run(self, ready: oneshot::Sender<Result<Endpoints>>) {
        // Declared first, dropped last: the validator writes to it until it has ended.
        let folder = match Folder::new() {
            Ok(folder) => folder,
            Err(error) => {
                let _ = ready.send(Err(error).context("cannot make a folder for the ledger: is TMPDIR writable?"));
                return;
            }
        };
        let keys = Keys::new();
        let deployer = keys.deployer.insecure_clone();
        let started = start_validator(&self.config, keys, folder.path(), self.rpc.addr(), self.ws.addr());
        let Started { validator, genesis_hash } = match started {
            Ok(started) => started,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let endpoints = Endpoints {
            rpc_url: format!("http://{}", self.rpc.addr()),
            ws_url: format!("ws://{}", self.ws.addr()),
            genesis_hash,
        };
        let seeded = self.seed(&endpoints.rpc_url, &deployer);
        // Nobody listens when the caller has given up.
        if ready.send(seeded.map(|()| endpoints)).is_ok() {
            while !self.stop.load(Ordering::Relaxed) {
                thread::sleep(PAUSE);
            }
        }
        validator.close();
    }

    /// Waits for the first slots and deploys the programs.
    fn seed(&self, rpc_url: &str, payer: &Keypair) -> Result<()> {
        let rpc = RpcClient::new_with_commitment(rpc_url.to_owned(), CommitmentConfig::confirmed());
        let start = Instant::now();
        // An error means that the server does not listen yet.
        while !rpc.get_slot().is_ok_and(|slot| slot > 0) {
            ensure!(!self.stop.load(Ordering::Relaxed), "stopped");
            ensure!(
                start.elapsed() < START_TIMEOUT,
                "the validator made no block within {} s",
                START_TIMEOUT.as_secs()
            );
            thread::sleep(PAUSE);
        }
        let is_cancelled = || self.stop.load(Ordering::Relaxed);
        let deployer = Deployer { rpc: &rpc, payer, is_cancelled: &is_cancelled };
        self.config.programs.iter().try_for_each(|program| deployer.deploy(program))
    }
}
