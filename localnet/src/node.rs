//! Starting, watching and stopping the embedded node.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use counterfoil_localnet_base::{Config, Endpoints, LedgerError, LedgerFolder, Node, PortError, Program, Reserved};
use crossbeam_channel::{Receiver, Sender, unbounded};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use surfpool_core::error::SurfpoolError;
use surfpool_core::runloops::start_local_surfnet_runloop;
use surfpool_core::surfnet::GeyserEvent;
use surfpool_core::surfnet::locker::SurfnetSvmLocker;
use surfpool_core::surfnet::svm::{SurfnetSvm, SurfnetSvmConfig};
use surfpool_types::{
    BlockProductionMode, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent, SurfpoolConfig, SvmFeatureConfig,
};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tracing::{error, warn};

use crate::ledger::{Ledger, Unwritten};
use crate::restore;

/// The name of this kind of node in the folder of a kept chain.
const KIND: &str = "surfpool";
/// Both servers and the run loop, which end at about the same time.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port cannot be had.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The folder of the kept chain cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The bytes given for a program are not one that this node can run.
    #[error("program {id} cannot be deployed: are these the bytes of an SBF shared object?")]
    Program {
        /// The program's address.
        id: Pubkey,
        /// The virtual machine's error.
        #[source]
        source: SurfpoolError,
    },
    /// A wallet could not be given its lamports.
    #[error("wallet {wallet} cannot be funded with {lamports} lamports: the node has 1,000,000 SOL for all wallets")]
    Wallet {
        /// The wallet.
        wallet: Pubkey,
        /// The lamports that it was to get.
        lamports: u64,
        /// The node's error.
        #[source]
        source: SurfpoolError,
    },
    /// The system gave no thread or no event loop.
    #[error("the node got no thread of its own")]
    Thread(#[from] io::Error),
    /// The virtual machine could not be set up.
    #[error("the virtual machine could not be set up")]
    Machine(#[source] SurfpoolError),
    /// The node ended before it was ready.
    #[error("the node ended while starting: {reason}")]
    Ended {
        /// Its own last words.
        reason: String,
    },
}

/// A node that answers.
///
/// Dropping it tells the node to stop; [`Node::stop`] also waits until its ports are free.
#[derive(Debug)]
pub struct Running {
    endpoints: Endpoints,
    commands: Sender<SimnetCommand>,
    phase: watch::Receiver<Phase>,
}

/// How far a node is. A node goes through these in order and never back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Ended { reason: String },
}

impl Running {
    fn terminate(&self) {
        // A node that has ended has no receiver any more.
        let _ = self.commands.send(SimnetCommand::Terminate(None));
    }
}

impl Node for Running {
    fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    async fn ended(&mut self) -> String {
        ended(&mut self.phase).await
    }

    /// Surfpool's clock thread has no end of its own: it sleeps on until the process exits.
    async fn stop(mut self) {
        self.terminate();
        if tokio::time::timeout(STOP_TIMEOUT, ended(&mut self.phase)).await.is_err() {
            warn!("the node did not end within {} s", STOP_TIMEOUT.as_secs());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.terminate();
    }
}

/// Starts a node, and returns when it answers, its programs are deployed and its wallets are funded.
///
/// # Errors
/// [`StartError`]: a port in use, bytes that are no program, a wallet that cannot be funded.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let (rpc, ws) = (Reserved::rpc(config.rpc_port)?, Reserved::ws(config.ws_port)?);
    let folder = config.ledger.as_ref().map(|path| LedgerFolder::open(path, KIND, &config.programs)).transpose()?;
    let genesis = genesis(folder.as_ref())?;
    let endpoints = Endpoints {
        rpc_url: format!("http://{}", rpc.addr()),
        ws_url: format!("ws://{}", ws.addr()),
        genesis_hash: genesis.to_string(),
    };

    let (commands, commands_rx) = unbounded();
    let (phase_tx, mut phase) = watch::channel(Phase::Starting);
    let (seeded_tx, seeded) = oneshot::channel();
    let worker = Worker { config, folder, rpc, ws, commands: commands.clone(), commands_rx, phase: phase_tx };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    thread::Builder::new().name("localnet".into()).spawn(move || worker.run(runtime, genesis, seeded_tx))?;

    // A dropped sender means that the thread has panicked; its phase says so.
    if let Ok(result) = seeded.await {
        result?;
    }
    let running = Running { endpoints, commands, phase: phase.clone() };
    let reached = phase.wait_for(|phase| *phase != Phase::Starting).await.map(|phase| phase.clone());
    match reached {
        Ok(Phase::Ended { reason }) => Err(StartError::Ended { reason }),
        Ok(_) => Ok(running),
        Err(_) => Err(StartError::Ended { reason: PANICKED.into() }),
    }
}

const PANICKED: &str = "its thread panicked";

async fn ended(phase: &mut watch::Receiver<Phase>) -> String {
    let reached = phase.wait_for(|phase| matches!(phase, Phase::Ended { .. })).await;
    match reached.as_deref() {
        Ok(Phase::Ended { reason }) => reason.clone(),
        _ => PANICKED.into(),
    }
}

/// The genesis hash of the kept chain, or a new one.
fn genesis(folder: Option<&LedgerFolder>) -> Result<Pubkey, LedgerError> {
    match folder.and_then(|folder| Some((folder, folder.genesis_hash()?))) {
        Some((folder, kept)) => kept.parse().map_err(|error| folder.damaged(error)),
        // A fresh public key is 32 bytes that no other node has; surfpool's own genesis hash is the same for all nodes
        // that start within one second.
        None => Ok(Keypair::new().pubkey()),
    }
}

/// All that the node's own thread needs.
struct Worker {
    config: Config,
    folder: Option<LedgerFolder>,
    rpc: Reserved,
    ws: Reserved,
    commands: Sender<SimnetCommand>,
    commands_rx: Receiver<SimnetCommand>,
    phase: watch::Sender<Phase>,
}

/// A node that can run.
struct Parts {
    locker: SurfnetSvmLocker,
    geyser: Receiver<GeyserEvent>,
    ledger: Option<Arc<Ledger>>,
    watcher: thread::JoinHandle<String>,
}

impl Worker {
    /// Runs the node to its end. The ports and the folder stay ours until then.
    fn run(mut self, runtime: Runtime, genesis: Pubkey, seeded_tx: oneshot::Sender<Result<(), StartError>>) {
        let Parts { locker, geyser, ledger, watcher } = match self.seeded(&runtime, genesis) {
            Ok(parts) => parts,
            Err(error) => {
                // No one listens when the caller has given up.
                let _ = seeded_tx.send(Err(error));
                return;
            }
        };
        let _ = seeded_tx.send(Ok(()));

        let surfpool = self.surfpool_config();
        let result = runtime.block_on(start_local_surfnet_runloop(
            locker.clone(),
            surfpool,
            self.commands.clone(),
            self.commands_rx,
            geyser,
        ));
        let mut reason = match result {
            // The servers close after the run loop; the watcher ends when both have.
            Ok(()) => watcher.join().unwrap_or_else(|_| PANICKED.into()),
            Err(error) => error.to_string(),
        };
        if let Some(ledger) = ledger {
            // A failure is what the node says last.
            let _ = ledger.close(locker.with_svm_reader(SurfnetSvm::get_latest_absolute_slot));
            reason = ledger.failure().map_or(reason, str::to_owned);
        }
        runtime.shutdown_background();
        drop((self.rpc, self.ws, self.folder));
        self.phase.send_replace(Phase::Ended { reason });
    }

    /// The machine as the kept chain left it, or a new one with its programs and wallets.
    fn seeded(&mut self, runtime: &Runtime, genesis: Pubkey) -> Result<Parts, StartError> {
        let (mut svm, events, geyser) = self.machine(genesis)?;
        let commands = self.commands.clone();
        let ledger = self.folder.as_ref().map(|folder| restore::open(folder, commands, &mut svm)).transpose()?;
        let watcher = {
            let (phase, ledger) = (self.phase.clone(), ledger.clone());
            let watch = move || watch(&events, &phase, ledger.as_deref());
            thread::Builder::new().name("localnet-events".into()).spawn(watch)?
        };
        let locker = SurfnetSvmLocker::new(svm);
        let is_kept = self.folder.as_ref().is_some_and(|folder| folder.genesis_hash().is_some());
        if !is_kept {
            runtime.block_on(deploy_all(&locker, &self.config.programs))?;
        }
        fund_all(&locker, &self.config)?;
        if let (Some(folder), Some(ledger), false) = (&mut self.folder, &ledger, is_kept) {
            let reason = || ledger.failure().unwrap_or_default().to_owned();
            ledger.flush().map_err(|Unwritten| StartError::Ended { reason: reason() })?;
            folder.keep(&genesis.to_string())?;
        }
        Ok(Parts { locker, geyser, ledger, watcher })
    }

    fn machine(
        &self,
        genesis: Pubkey,
    ) -> Result<(SurfnetSvm, Receiver<SimnetEvent>, Receiver<GeyserEvent>), StartError> {
        let (mut svm, events, geyser) = SurfnetSvm::new(SurfnetSvmConfig {
            slot_time: self.config.slot_ms,
            instruction_profiling_enabled: false,
            feature_config: SvmFeatureConfig::default(),
            ..SurfnetSvmConfig::default()
        })
        .map_err(StartError::Machine)?;
        svm.cached_genesis_hash = Some(genesis.to_bytes().into());
        Ok((svm, events, geyser))
    }

    fn surfpool_config(&self) -> SurfpoolConfig {
        SurfpoolConfig {
            simnets: vec![SimnetConfig {
                offline_mode: true,
                remote_rpc_url: None,
                slot_time: self.config.slot_ms,
                block_production_mode: BlockProductionMode::Clock,
                instruction_profiling_enabled: false,
                ..SimnetConfig::default()
            }],
            rpc: RpcConfig {
                bind_host: self.rpc.addr().ip().to_string(),
                bind_port: self.rpc.addr().port(),
                ws_port: self.ws.addr().port(),
                ..RpcConfig::default()
            },
            ..SurfpoolConfig::default()
        }
    }
}

async fn deploy_all(locker: &SurfnetSvmLocker, programs: &[Program]) -> Result<(), StartError> {
    for program in programs {
        deploy(locker, program).await.map_err(|source| StartError::Program { id: program.id, source })?;
    }
    Ok(())
}

async fn deploy(locker: &SurfnetSvmLocker, program: &Program) -> Result<(), SurfpoolError> {
    let Program { id, upgrade_authority, elf } = program;
    locker.write_program(*id, Some(*upgrade_authority), 0, elf, &None).await?;
    // `write_program` keeps quiet about bytes that do not load, and leaves a placeholder to be executed: setting the
    // account once more loads them again and says what is wrong.
    locker.with_svm_writer(|svm| match svm.get_account(id)? {
        Some(account) => svm.set_account(id, account),
        None => Err(SurfpoolError::internal("the program account is missing after it was written")),
    })
}

/// Funds the wallets that the chain does not know.
fn fund_all(locker: &SurfnetSvmLocker, config: &Config) -> Result<(), StartError> {
    let lamports = config.wallet_lamports;
    for &wallet in &config.wallets {
        fund(locker, wallet, lamports).map_err(|source| StartError::Wallet { wallet, lamports, source })?;
    }
    Ok(())
}

fn fund(locker: &SurfnetSvmLocker, wallet: Pubkey, lamports: u64) -> Result<(), SurfpoolError> {
    locker.with_svm_writer(|svm| {
        if svm.get_account(&wallet)?.is_some() {
            return Ok(());
        }
        match svm.airdrop(&wallet, lamports) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failed)) => Err(SurfpoolError::from(failed.err)),
            Err(error) => Err(SurfpoolError::from(error)),
        }
    })
}

/// Drains the node's events, without which it would block, until both of its servers have closed; returns why.
fn watch(events: &Receiver<SimnetEvent>, phase: &watch::Sender<Phase>, ledger: Option<&Ledger>) -> String {
    let mut servers = 2;
    let mut reason = String::from("it was stopped");
    while let Ok(event) = events.recv() {
        match event {
            SimnetEvent::CoreStarted(_) => {
                phase.send_replace(Phase::Ready);
            }
            SimnetEvent::Aborted(why) => {
                error!("{why}");
                reason = why;
            }
            SimnetEvent::Shutdown => {
                servers -= 1;
                if servers == 0 {
                    break;
                }
            }
            SimnetEvent::SystemClockUpdated(clock) => {
                if let Some(ledger) = ledger {
                    // A failure ends the node by itself.
                    let _ = ledger.reach(clock.slot);
                }
            }
            SimnetEvent::ErrorLog(_, message) => error!("{message}"),
            SimnetEvent::WarnLog(_, message) => warn!("{message}"),
            _ => {}
        }
    }
    reason
}
