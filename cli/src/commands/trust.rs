//! `counterfoil trust`: the file of what a verifier relies on.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use counterfoil_client::{idl, parse_rpc_url};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_service::{note, out};
use merkle_log::Hash;

use crate::context::Options;
use crate::file;
use crate::trust::{Cluster, Ledger, Program, Release, Server, Trust};
use crate::verdict::Usage;

/// The genesis hashes of Solana's public clusters. Source: docs.solana.com, "Solana Clusters".
const CLUSTERS: [(&str, &str); 3] = [
    ("mainnet-beta", "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"),
    ("testnet", "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"),
    ("devnet", "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"),
];

/// The subcommands of `counterfoil trust`.
#[derive(Subcommand)]
pub enum Command {
    /// Writes a new trust file. Take each value from elsewhere than the API and the receipts that you verify with it.
    Init(Values),
    /// Adds values to a trust file, from another source.
    Add(Values),
    /// Shows what a trust file pins, and where each value was taken from.
    Show {
        /// The file.
        file: PathBuf,
    },
}

/// Values that were taken from one place.
#[derive(Args)]
pub struct Values {
    /// The file.
    file: PathBuf,
    /// Where all values of this command were taken from: a contract, a web page, your own node.
    #[arg(long)]
    source: String,
    /// The cluster: mainnet-beta, testnet, devnet, or a genesis hash.
    #[arg(long, value_parser = parse_cluster)]
    cluster: Option<GenesisHash>,
    /// The program's address. Default of init: the one that all other commands take by default.
    // `program` is the name of the option for the program that is used, whose default would be taken for a value given here.
    #[arg(id = "trusted_program", long = "trusted-program", value_name = "PROGRAM")]
    program: Option<ProgramId>,
    /// The SHA-256 of a program that you trust, besides the one released with this version; may be given several times.
    #[arg(long)]
    program_sha256: Vec<Hash>,
    /// A ledger; may be given several times.
    #[arg(long)]
    ledger: Vec<LedgerId>,
    /// A Solana JSON-RPC server to ask; may be given several times.
    #[arg(long, value_parser = parse_rpc_url)]
    server: Vec<String>,
    /// How many of the servers must agree. Default: more than half.
    #[arg(long)]
    quorum: Option<usize>,
}

/// Runs it.
pub fn run(options: &Options, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(values) => {
            ensure!(!values.file.exists(), "{} is there already: add to it with trust add", values.file.display());
            let mut trust = Trust::new();
            trust.program = Some(default_program(options.program()));
            save(trust, values, true)?;
        }
        Command::Add(values) => {
            if !values.has_any() {
                let what = "--cluster, --trusted-program, --program-sha256, --ledger, --server or --quorum";
                return Err(Usage(format!("there is nothing to add: give {what}")).into());
            }
            save(Trust::read(&values.file)?, values, false)?;
        }
        Command::Show { file } => show(&file)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The pins of a new file where no value is given: where it comes from is no place of the user's.
fn default_program(address: ProgramId) -> Program {
    let source = match address == idl::declared_program() {
        true => concat!("default of counterfoil ", env!("CARGO_PKG_VERSION")),
        false => "--program or COUNTERFOIL_PROGRAM when the file was made",
    };
    Program { address, source: source.to_owned() }
}

impl Values {
    /// Whether there is a value, which may stand in any number of options.
    fn has_any(&self) -> bool {
        let Self { file: _, source: _, cluster, program, program_sha256, ledger, server, quorum } = self;
        let lists = program_sha256.len() + ledger.len() + server.len();
        cluster.is_some() || program.is_some() || quorum.is_some() || lists > 0
    }
}

fn save(mut trust: Trust, values: Values, is_new: bool) -> anyhow::Result<()> {
    let source = || values.source.clone();
    if let Some(genesis_hash) = values.cluster {
        let found = trust.cluster.replace(Cluster { genesis_hash, source: source() });
        expect_same("cluster", found.map(|cluster| cluster.genesis_hash), genesis_hash)?;
    }
    if let Some(address) = values.program {
        let found = trust.program.replace(Program { address, source: source() });
        // Of a new file it is the default.
        let found = found.filter(|_| !is_new).map(|program| program.address);
        expect_same("program", found, address)?;
    }
    trust.releases.extend(values.program_sha256.iter().map(|sha256| Release { sha256: *sha256, source: source() }));
    trust.ledgers.extend(values.ledger.iter().map(|address| Ledger { address: *address, source: source() }));
    trust.servers.extend(values.server.iter().map(|url| Server { url: url.clone(), source: source() }));
    trust.quorum = values.quorum.or(trust.quorum);
    trust.check().map_err(|error| Usage(error.to_string()))?;
    file::write_private(&values.file, trust.to_text()?.as_bytes())?;
    note!("{}: written", values.file.display());
    show(&values.file)
}

/// A second value would silently take the place of the first.
fn expect_same<T: PartialEq + std::fmt::Display>(what: &str, found: Option<T>, given: T) -> anyhow::Result<()> {
    match found {
        Some(found) if found != given => {
            Err(Usage(format!("the file pins {what} {found}, you give {given}: take that line out first")).into())
        }
        _ => Ok(()),
    }
}

fn show(path: &Path) -> anyhow::Result<()> {
    let trust = Trust::read(path).with_context(|| format!("cannot show {}", path.display()))?;
    match &trust.cluster {
        Some(Cluster { genesis_hash, source }) => out!("cluster  {}  from: {source}", name_of(*genesis_hash)),
        None => out!("cluster  not pinned: whichever the servers are of"),
    }
    match &trust.program {
        Some(Program { address, source }) => out!("program  {address}  from: {source}"),
        None => out!("program  not pinned: the one that this version declares"),
    }
    for Release { sha256, source } in &trust.releases {
        out!("release  {sha256}  from: {source}");
    }
    for Ledger { address, source } in &trust.ledgers {
        out!("ledger   {address}  from: {source}");
    }
    if trust.ledgers.is_empty() {
        out!("ledger   not pinned: the best verdict is CONSISTENT, unless --ledger is given");
    }
    for Server { url, source } in &trust.servers {
        out!("server   {}  from: {source}", counterfoil_client::without_keys(url));
    }
    match (trust.servers.len(), trust.quorum) {
        (0, _) => out!("server   not pinned: those of --rpc"),
        (servers, None) => out!("quorum   {} of {servers}, more than half", servers / 2 + 1),
        (servers, Some(quorum)) => out!("quorum   {quorum} of {servers}"),
    }
    Ok(())
}

fn parse_cluster(text: &str) -> Result<GenesisHash, String> {
    let named = CLUSTERS.iter().find(|(name, _)| *name == text).map(|(_, hash)| *hash);
    named
        .unwrap_or(text)
        .parse()
        .map_err(|_| "a cluster is mainnet-beta, testnet, devnet, or a genesis hash, 32 bytes in base58".to_owned())
}

fn name_of(hash: GenesisHash) -> String {
    let text = hash.to_string();
    match CLUSTERS.iter().find(|(_, hash)| *hash == text) {
        Some((name, _)) => format!("{name} ({text})"),
        None => text,
    }
}
