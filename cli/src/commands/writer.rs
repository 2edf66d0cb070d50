//! `counterfoil writer grant | revoke`.

use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, Subcommand};
use counterfoil_append::refusal::code::ACCOUNT_MISSING;
use counterfoil_append::{SendError, instruction};
use counterfoil_core::limits::{NEVER, permission};
use counterfoil_core::{LedgerId, Wallet};
use jiff::Timestamp;

use crate::context::{Options, tell_sent};

/// The subcommands of `counterfoil writer`.
#[derive(Subcommand)]
pub enum Command {
    /// Lets a wallet append, in place of what it was granted before. The wallet in use must be the authority.
    Grant(Grant),
    /// Takes that back.
    Revoke {
        /// The ledger.
        ledger: LedgerId,
        /// The wallet.
        #[arg(id = "writer", value_name = "WALLET")]
        wallet: Wallet,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The grant.
#[derive(Args)]
pub struct Grant {
    /// The ledger.
    ledger: LedgerId,
    /// The wallet.
    // `wallet` is the name of the option for the wallet that signs.
    #[arg(id = "writer", value_name = "WALLET")]
    wallet: Wallet,
    /// Also let it append whole subtrees by their hash, where the ledger allows that.
    #[arg(long)]
    subtrees: bool,
    /// When the grant ends, RFC 3339, for example 2027-01-01T00:00:00Z. Default: never.
    #[arg(long)]
    expires: Option<Timestamp>,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub async fn run(options: &Options, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Grant(Grant { ledger, wallet, subtrees, expires, json }) => {
            let permissions = permission::APPEND | if subtrees { permission::APPEND_SUBTREES } else { 0 };
            let expires_at = expires.map_or(NEVER, Timestamp::as_second);
            let grant = |program, authority| {
                instruction::grant_writer(program, ledger, authority, wallet, permissions, expires_at)
            };
            tell_sent("granted", &options.send(ledger, grant).await?, json);
        }
        Command::Revoke { ledger, wallet, json } => {
            let revoke = |program, authority| instruction::revoke_writer(program, ledger, authority, wallet);
            let sent = options.send(ledger, revoke).await;
            // The ledger is there, so it is the grant that is not.
            let is_missing = sent.as_ref().is_err_and(|error| {
                error.downcast_ref().is_some_and(|error: &SendError| error.is_refusal(&[ACCOUNT_MISSING]))
            });
            ensure!(!is_missing, "wallet {wallet} has no grant on ledger {ledger}: there is nothing to revoke");
            tell_sent("revoked", &sent?, json);
        }
    }
    Ok(ExitCode::SUCCESS)
}
