//! `counterfoil ledger`: what a ledger's authority does, and what the chain has, straight from the chain.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use counterfoil_client::{Source, address, instruction, send};
use counterfoil_core::limits::ledger_flag;
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use counterfoil_service::{note, out};

use crate::context::{Options, parse_id, wallet_of};
use crate::output::time;

/// What to do with ledgers.
#[derive(Subcommand)]
pub enum Command {
    /// Creates a ledger; the wallet becomes its authority and pays about 0.03 SOL.
    Create(Create),
    /// Shows a ledger as the chain has it.
    Show {
        /// The ledger.
        ledger: LedgerId,
    },
    /// Lists all ledgers of the program.
    List,
    /// Offers the authority to a wallet, in place of an older offer. It passes when that wallet accepts.
    ProposeAuthority(ProposeAuthority),
    /// Takes over the authority that was offered to the wallet in use.
    AcceptAuthority {
        /// The ledger.
        ledger: LedgerId,
    },
    /// Ends appending by subtrees, for good. The wallet in use must be the authority.
    DisallowSubtrees {
        /// The ledger.
        ledger: LedgerId,
    },
    /// Ends appending, for good. The wallet in use must be the authority.
    Seal(Seal),
}

/// To whom.
#[derive(Args)]
pub struct ProposeAuthority {
    /// The ledger.
    ledger: LedgerId,
    /// The wallet that may accept.
    #[arg(id = "heir", value_name = "WALLET", required_unless_present = "nobody")]
    heir: Option<Wallet>,
    /// Take an offer back.
    #[arg(long, conflicts_with = "heir")]
    nobody: bool,
}

/// What to seal.
#[derive(Args)]
pub struct Seal {
    /// The ledger.
    ledger: LedgerId,
    /// How many entries it has. With another count it is not sealed, so that no append that you have not seen is
    /// sealed in; `counterfoil ledger show` says the count.
    #[arg(long)]
    size: u64,
}

/// How the ledger shall be.
#[derive(Args)]
pub struct Create {
    /// The ledger's id, part of its address: 64 hex digits. Default: random.
    #[arg(long, value_parser = parse_id)]
    id: Option<[u8; 32]>,
    /// Let anybody append.
    #[arg(long)]
    open: bool,
    /// Let the authority and permitted writers append whole subtrees by their hash.
    #[arg(long)]
    allow_subtrees: bool,
}

/// Runs it.
pub async fn run(options: &Options, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(arguments) => create(options, arguments).await?,
        Command::Show { ledger } => {
            let at = options.rpc().fetch_account(ledger).await?;
            out!("ledger            {ledger}");
            show(&at.account);
        }
        Command::List => {
            let mut ledgers = options.rpc().fetch_ledgers(None).await?;
            ledgers.sort();
            ledgers.iter().for_each(|ledger| out!("{ledger}"));
        }
        Command::ProposeAuthority(ProposeAuthority { ledger, heir, nobody: _ }) => {
            let offer = |program, authority| instruction::propose_authority(program, ledger, authority, heir);
            let what = if heir.is_some() { "offered" } else { "taken back" };
            options.send(what, offer).await?;
        }
        Command::AcceptAuthority { ledger } => {
            options.send("accepted", |program, heir| instruction::accept_authority(program, ledger, heir)).await?;
        }
        Command::DisallowSubtrees { ledger } => {
            let disallow = |program, authority| instruction::disallow_subtrees(program, ledger, authority);
            options.send("disallowed for good", disallow).await?;
        }
        Command::Seal(Seal { ledger, size }) => {
            let seal = |program, authority| instruction::seal_ledger(program, ledger, authority, size);
            options.send("sealed for good", seal).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(options: &Options, arguments: Create) -> anyhow::Result<()> {
    let wallet = options.wallet()?;
    let creator = wallet_of(&wallet);
    let id = match arguments.id {
        Some(id) => id,
        None => {
            let mut id = [0; 32];
            getrandom::fill(&mut id).context("the system gave no randomness")?;
            id
        }
    };
    let mut flags = 0;
    if arguments.open {
        flags |= ledger_flag::OPEN;
    }
    if arguments.allow_subtrees {
        flags |= ledger_flag::SUBTREES_ALLOWED;
    }
    let sent =
        send(&options.rpc(), &wallet, instruction::create_ledger(options.program(), creator, &id, flags)).await?;
    // The address alone on standard output, for scripts.
    out!("{}", address::ledger(options.program(), creator, &id));
    note!("created in slot {} by transaction {}", sent.slot, sent.signature);
    Ok(())
}

fn show(account: &LedgerAccount) {
    let mut flags = Vec::new();
    for (bit, name) in [
        (ledger_flag::SEALED, "sealed"),
        (ledger_flag::OPEN, "open to anybody"),
        (ledger_flag::SUBTREES_ALLOWED, "subtrees allowed"),
    ] {
        if account.flags & bit != 0 {
            flags.push(name);
        }
    }
    let entries = account.entries.head();
    let events = account.events.head();
    out!("entries           {}", entries.size);
    out!("root              {}", entries.root);
    out!("events            {}", events.size);
    out!("event root        {}", events.root);
    out!("authority         {}", account.authority);
    if let Some(pending) = account.pending_authority {
        out!("offered to        {pending}");
    }
    out!("creator           {}", account.creator);
    out!("flags             {}", if flags.is_empty() { "none".to_owned() } else { flags.join(", ") });
    out!("by subtree        {} entries", account.leaves_by_subtree);
    out!("created           slot {}, {}", account.created_slot, time(account.created_time));
    if account.heads_written > 0 {
        out!("last append       slot {}, {}", account.appended_slot, time(account.appended_time));
    }
}
