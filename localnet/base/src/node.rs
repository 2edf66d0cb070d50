//! A node: its configuration, the programs on it, its endpoints, and how it ends.

use std::future::Future;
use std::path::PathBuf;

use serde::Serialize;
use solana_pubkey::Pubkey;

/// The configuration that a node starts with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Port of the JSON-RPC server on 127.0.0.1; a free one when `None`.
    pub rpc_port: Option<u16>,
    /// Port of the WebSocket server on 127.0.0.1; a free one when `None`.
    pub ws_port: Option<u16>,
    /// Length of a slot in milliseconds; at least 1.
    pub slot_ms: u64,
    /// Programs to deploy before the node answers.
    pub programs: Vec<Program>,
    /// Accounts to fund before the node answers.
    pub wallets: Vec<Pubkey>,
    /// Lamports for each of the wallets: at least the 890,880 that an empty account must hold. All wallets together get a
    /// million SOL at most.
    pub wallet_lamports: u64,
    /// The folder that keeps the chain. When `None`, the chain is gone once the node stops.
    ///
    /// A node goes on with a chain that is there already: it does not deploy the programs again, and funds only those
    /// wallets that the chain does not know.
    pub ledger: Option<PathBuf>,
}

/// A program to deploy under the upgradeable loader.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program's address.
    pub id: Pubkey,
    /// The key that may upgrade it.
    pub upgrade_authority: Pubkey,
    /// The shared object, as the SBF linker wrote it.
    pub elf: Vec<u8>,
}

/// The addresses at which a node answers, and the hash that names its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// JSON-RPC, as `http://127.0.0.1:PORT`.
    pub rpc_url: String,
    /// WebSocket subscriptions, as `ws://127.0.0.1:PORT`.
    pub ws_url: String,
    /// Hash of the first block, in base58, which names the cluster. It is another one at each start, unless the chain is
    /// kept.
    pub genesis_hash: String,
}

/// A node that answers. Dropping it stops it.
pub trait Node {
    /// The addresses at which it answers.
    fn endpoints(&self) -> &Endpoints;

    /// Waits until the node ends by itself, and returns its last words. A node does so only when something is wrong.
    fn ended(&mut self) -> impl Future<Output = String>;

    /// Stops the node. Returns when its ports are free, or when waiting for that is no use any more.
    fn stop(self) -> impl Future<Output = ()>;
}
