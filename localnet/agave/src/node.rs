//! Starting, watching and stopping the validator, on a thread of its own.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use counterfoil_localnet_base::{Config, Endpoints, Node, Reserved};
use solana_commitment_config::CommitmentConfig;
use solana_core::validator::Validator;
use solana_genesis_config::DEFAULT_GENESIS_FILE;
use solana_keypair::Keypair;
use solana_rpc_client::rpc_client::RpcClient;
use solana_sha256_hasher::hash;
use tokio::sync::{oneshot, watch};

use crate::deploy::Deployer;
use crate::folder::Folder;
use crate::genesis::Keys;
use crate::validator::{make_ledger, start as start_validator};

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
    let (rpc, ws) = (Reserved::rpc(config.rpc_port)?, Reserved::ws(config.ws_port)?);
    let stop = Arc::new(AtomicBool::new(false));
    let (ended_tx, ended) = watch::channel(());
    let (ready_tx, ready) = oneshot::channel();
    let worker = Worker { config, rpc, ws, stop: stop.clone() };
    thread::Builder::new().name("agave".into()).spawn(move || {
        worker.run(ready_tx);
        // Dropped last: after it, everything else is gone.
        drop(ended_tx);
    })?;
    // From here on dropping this future, which a signal does, ends the thread too.
    let thread = Thread { stop, ended };
    let endpoints = ready.await.context("the validator's thread panicked")??;
    Ok(Running { endpoints, thread })
}

/// A validator that has started.
struct Started {
    genesis_hash: String,
    /// Pays for what is deployed.
    deployer: Keypair,
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
        let mut folder = match Folder::open(&self.config) {
            Ok(folder) => folder,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let (validator, started) = match self.start(&folder) {
            Ok((validator, started)) => (validator, started),
            Err(error) => {
                let _ = ready.send(Err(folder.explain(error)));
                return;
            }
        };
        let endpoints = Endpoints {
            rpc_url: format!("http://{}", self.rpc.addr()),
            ws_url: format!("ws://{}", self.ws.addr()),
            genesis_hash: started.genesis_hash,
        };
        let is_new = folder.genesis_hash().is_none();
        let seeded = self.seed(&endpoints.rpc_url, &started.deployer, is_new).and_then(|()| match is_new {
            true => folder.keep(&endpoints.genesis_hash),
            false => Ok(()),
        });
        // No one listens when the caller has given up.
        if ready.send(seeded.map(|()| endpoints)).is_ok() {
            while !self.stop.load(Ordering::Relaxed) {
                thread::sleep(PAUSE);
            }
        }
        validator.close();
    }

    /// Starts the validator on the chain in the folder, or on a new one.
    fn start(&self, folder: &Folder) -> Result<(Validator, Started)> {
        let path = folder.path();
        let (keys, genesis_hash) = match folder.genesis_hash() {
            Some(genesis_hash) => {
                // Agave comes to no end with a genesis that cannot be read.
                let genesis = fs::read(path.join(DEFAULT_GENESIS_FILE)).context("the genesis cannot be read")?;
                ensure!(hash(&genesis).to_string() == genesis_hash, "the genesis is not the one that it was made with");
                (Keys::load(path)?, genesis_hash.to_owned())
            }
            None => {
                let keys = Keys::new();
                keys.save(path)?;
                let genesis_hash = make_ledger(&self.config, &keys, path)?;
                (keys, genesis_hash)
            }
        };
        let deployer = keys.deployer.insecure_clone();
        let validator = start_validator(&self.config, keys, path, &genesis_hash, self.rpc.addr(), self.ws.addr())?;
        Ok((validator, Started { genesis_hash, deployer }))
    }

    /// Waits for the first slots, and deploys the programs of a new chain; funds the wallets that a kept one does not know.
    fn seed(&self, rpc_url: &str, payer: &Keypair, is_new: bool) -> Result<()> {
        let rpc = RpcClient::new_with_commitment(rpc_url.to_owned(), CommitmentConfig::confirmed());
        let start = Instant::now();
        // An error means that the server does not listen yet.
        let mut found = None;
        while !rpc.get_slot().is_ok_and(|slot| slot > *found.get_or_insert(slot)) {
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
        match is_new {
            true => self.config.programs.iter().try_for_each(|program| deployer.deploy(program)),
            false => deployer.fund(&self.config.wallets, self.config.wallet_lamports),
        }
    }
}
