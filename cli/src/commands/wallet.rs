//! `counterfoil wallet`: the wallet in use, and what it has.

use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, Subcommand};
use counterfoil_append::{LAMPORTS_PER_SOL, fetch_balance, request_airdrop, wallet_of};
use counterfoil_client::Source;
use counterfoil_core::Wallet;
use counterfoil_service::{out, out_json};
use serde_json::json;

use crate::context::Options;

/// The least that a transaction costs: one signature.
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;

/// The subcommands of `counterfoil wallet`.
#[derive(Subcommand)]
pub enum Command {
    /// Shows the wallet's address: it may append to the ledgers that it creates, and is granted others.
    Address(Output),
    /// Shows what the wallet has.
    Balance(Output),
    /// Asks for SOL for nothing, which local and test clusters give.
    Airdrop {
        /// How many SOL.
        #[arg(default_value_t = 1)]
        sol: u64,
        #[command(flatten)]
        output: Output,
    },
}

/// How to tell it.
#[derive(Args)]
pub struct Output {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub async fn run(options: &Options, command: Command) -> anyhow::Result<ExitCode> {
    let wallet = wallet_of(&options.wallet()?);
    let rpc = options.rpc();
    match command {
        Command::Address(output) => match output.json {
            true => out_json(&json!({ "address": wallet.to_string() })),
            false => out!("{wallet}"),
        },
        Command::Balance(output) => {
            let lamports = fetch_balance(&rpc, wallet).await?;
            tell(wallet, lamports, rpc.name(), output.json);
        }
        Command::Airdrop { sol, output } => {
            ensure!(sol > 0, "0 SOL are none");
            let lamports = request_airdrop(&rpc, wallet, sol.saturating_mul(LAMPORTS_PER_SOL)).await?;
            tell(wallet, lamports, rpc.name(), output.json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(wallet: Wallet, lamports: u64, server: &str, as_json: bool) {
    let transactions = lamports / LAMPORTS_PER_SIGNATURE;
    if as_json {
        out_json(&json!({ "address": wallet.to_string(), "lamports": lamports.to_string(), "server": server }));
        return;
    }
    let (sol, rest) = (lamports / LAMPORTS_PER_SOL, lamports % LAMPORTS_PER_SOL);
    out!(
        "{wallet} has {sol}.{rest:09} SOL on the cluster of {server}: enough for {transactions} transactions without a priority fee"
    );
}
