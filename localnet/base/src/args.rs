//! The command line.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::wallet::Wallet;
use crate::{Config, Program};

/// The lamports that an account without data must hold to exist.
const RENT_EXEMPT_LAMPORTS: u64 = 890_880;
/// The lamports of all wallets together.
const ALL_LAMPORTS: u64 = 1_000_000_000_000_000;
/// A tenth of it.
const MOST_LAMPORTS: u64 = ALL_LAMPORTS / 10;

/// The arguments of a node; flattened into each binary's own.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// Port of the JSON-RPC server on 127.0.0.1 [default: a free one]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rpc_port: Option<u16>,

    /// Port of the WebSocket server on 127.0.0.1 [default: a free one]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    ws_port: Option<u16>,

    /// Length of a slot in milliseconds; a transaction is finalized after 31 slots and its blockhash expires after 150
    #[arg(long, default_value_t = 400, value_parser = RangedU64ValueParser::<u64>::new().range(5..=60_000))]
    slot_ms: u64,

    /// A program to deploy: its address, and the shared object from the SBF linker (repeatable)
    #[arg(long = "program", value_name = "ID=PATH.so")]
    programs: Vec<ProgramArg>,

    /// The upgrade authority of the programs: a key file or a public key [default: the first wallet; without one, none]
    #[arg(long, value_name = "KEYFILE_OR_PUBKEY")]
    upgrade_authority: Option<Wallet>,

    /// A wallet to fund: a Solana CLI key file, created when it is not there, or a public key (repeatable)
    #[arg(long = "wallet", value_name = "KEYFILE_OR_PUBKEY")]
    wallets: Vec<Wallet>,

    /// The balance of each wallet, in lamports, from the 1,000,000 SOL that there are [default: 1,000 SOL]
    #[arg(long, default_value_t = 1_000_000_000_000, hide_default_value = true,
          value_parser = RangedU64ValueParser::<u64>::new().range(RENT_EXEMPT_LAMPORTS..=MOST_LAMPORTS))]
    lamports: u64,

    /// Keep the chain in this folder, which must be empty or hold a chain of this node's with the same programs; without
    /// it the chain is gone when the node stops
    #[arg(long, value_name = "PATH")]
    ledger: Option<PathBuf>,

    /// Also write the line of JSON to this file when the node answers; removed when it stops
    #[arg(long, value_name = "PATH")]
    pub(crate) ready_file: Option<PathBuf>,

    /// Stop when standard input closes, so that a parent that dies leaves nothing behind
    #[arg(long)]
    pub(crate) exit_with_stdin: bool,
}

#[derive(Clone, Debug)]
struct ProgramArg {
    id: Pubkey,
    path: PathBuf,
}

impl FromStr for ProgramArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, path) = text.split_once('=').ok_or("an address, '=' and a path are wanted")?;
        let id = id.parse().map_err(|error| format!("{id:?} is not a program address: {error}"))?;
        Ok(Self { id, path: path.into() })
    }
}

impl NodeArgs {
    /// Reads and creates the files that the arguments name.
    pub(crate) fn config(&self) -> Result<Config> {
        ensure!(
            self.rpc_port.is_none() || self.rpc_port != self.ws_port,
            "--rpc-port and --ws-port are the same: give two ports, or leave one out"
        );
        let mut wallets = self.wallets.iter().map(Wallet::load_or_create).collect::<Result<Vec<_>>>()?;
        let upgrade_authority = match &self.upgrade_authority {
            Some(authority) => authority.load_or_create()?,
            // A key that is dropped here is one that no one holds.
            None => wallets.first().copied().unwrap_or_else(|| Keypair::new().pubkey()),
        };
        // A wallet that is named twice is one wallet.
        wallets.sort_unstable();
        wallets.dedup();
        ensure!(
            self.lamports.saturating_mul(wallets.len().try_into()?) <= ALL_LAMPORTS,
            "{} wallets cannot be funded with {} lamports each: the node has 1,000,000 SOL for all wallets",
            wallets.len(),
            self.lamports
        );

        let programs = self.programs.iter().map(|program| load(program, upgrade_authority)).collect::<Result<_>>()?;
        Ok(Config {
            rpc_port: self.rpc_port,
            ws_port: self.ws_port,
            slot_ms: self.slot_ms,
            programs,
            wallets,
            wallet_lamports: self.lamports,
            ledger: self.ledger.clone(),
        })
    }
}

fn load(program: &ProgramArg, upgrade_authority: Pubkey) -> Result<Program> {
    let ProgramArg { id, path } = program;
    let elf = fs::read(path).with_context(|| format!("cannot read program {id} from {}", path.display()))?;
    ensure!(elf.starts_with(b"\x7fELF"), "{} is not a shared object: it does not start like one", path.display());
    Ok(Program { id: *id, upgrade_authority, elf })
}
