//! `counterfoil ledger`: what a ledger's authority does, and what the chain has, straight from the chain.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use counterfoil_append::refusal::code::UNEXPECTED_SIZE;
use counterfoil_append::{SendError, instruction, send, wallet_of};
use counterfoil_client::{AccountAt, Source, address};
use counterfoil_core::limits::ledger_flag;
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use counterfoil_service::{counted, out, out_json};
use merkle_log::TreeHead;
use serde_json::json;

use crate::context::{Options, confirmed_account, named, parse_id, tell_sent};
use crate::output::time;

/// The subcommands of `counterfoil ledger`.
#[derive(Subcommand)]
pub enum Command {
    /// Creates a ledger; the wallet becomes its authority and pays about 0.03 SOL.
    Create(Create),
    /// Shows a ledger as the chain has it.
    Show {
        /// The ledger.
        ledger: LedgerId,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lists all ledgers of the program.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Offers the authority to a wallet, in place of an older offer. It passes when that wallet accepts.
    ProposeAuthority(ProposeAuthority),
    /// Takes over the authority that was offered to the wallet in use.
    AcceptAuthority {
        /// The ledger.
        ledger: LedgerId,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ends appending by subtrees permanently. The wallet in use must be the authority.
    DisallowSubtrees {
        /// The ledger.
        ledger: LedgerId,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ends appending permanently. The wallet in use must be the authority.
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
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `counterfoil ledger seal`.
#[derive(Args)]
pub struct Seal {
    /// The ledger.
    ledger: LedgerId,
    /// How many entries it has. With another count it is not sealed, so that no append that you have not seen is
    /// sealed in; `counterfoil ledger show` says the count.
    #[arg(long)]
    size: u64,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// The new ledger's id and flags.
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
    /// Print the ledger's address, and what was done, as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub async fn run(options: &Options, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(arguments) => create(options, arguments).await?,
        Command::Show { ledger, json } => {
            let rpc = options.rpc();
            let at = rpc.fetch_account(ledger).await.map_err(|error| anyhow::anyhow!(named(&rpc, &error.into())))?;
            match json {
                true => out_json(&to_json(ledger, &at)),
                false => show(ledger, &at.account),
            }
        }
        Command::List { json } => {
            let mut ledgers = options.rpc().fetch_ledgers(None).await?;
            ledgers.sort();
            match json {
                true => out_json(&json!({ "ledgers": ledgers.iter().map(LedgerId::to_string).collect::<Vec<_>>() })),
                false => ledgers.iter().for_each(|ledger| out!("{ledger}")),
            }
        }
        Command::ProposeAuthority(ProposeAuthority { ledger, heir, nobody: _, json }) => {
            let offer = |program, authority| instruction::propose_authority(program, ledger, authority, heir);
            let done = if heir.is_some() { "offered" } else { "taken back" };
            tell_sent(done, &options.send(ledger, offer).await?, json);
        }
        Command::AcceptAuthority { ledger, json } => {
            let accept = |program, heir| instruction::accept_authority(program, ledger, heir);
            tell_sent("accepted", &options.send(ledger, accept).await?, json);
        }
        Command::DisallowSubtrees { ledger, json } => {
            let disallow = |program, authority| instruction::disallow_subtrees(program, ledger, authority);
            tell_sent("disallowed permanently", &options.send(ledger, disallow).await?, json);
        }
        Command::Seal(arguments) => seal(options, &arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn seal(options: &Options, &Seal { ledger, size, json }: &Seal) -> anyhow::Result<()> {
    let seal = |program, authority| instruction::seal_ledger(program, ledger, authority, size);
    let sent = options.send(ledger, seal).await;
    let is_of_another_size = sent
        .as_ref()
        .is_err_and(|error| error.downcast_ref().is_some_and(|error: &SendError| error.is_refusal(&[UNEXPECTED_SIZE])));
    if is_of_another_size {
        let has = confirmed_account(&options.rpc(), ledger).await?.entries.size().get();
        let has = counted(has, "entry", "entries");
        bail!(
            "ledger {ledger} has {has}, not {size}: it was not sealed. Look at what was appended, then give that --size"
        );
    }
    tell_sent("sealed permanently", &sent?, json);
    Ok(())
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
    let create = instruction::create_ledger(options.program(), creator, &id, flags);
    let sent = send(&options.rpc(), &wallet, create).await?;
    let ledger = address::ledger(options.program(), creator, &id);
    if arguments.json {
        let (ledger, slot) = (ledger.to_string(), sent.slot.to_string());
        out_json(&json!({ "done": "created", "ledger": ledger, "slot": slot, "transaction": sent.signature }));
    } else {
        // The address alone on standard output, for scripts.
        out!("{ledger}");
        tell_sent("created", &sent, false);
    }
    Ok(())
}

/// The names of the flags that are set, as `show` and its JSON have them.
fn flag_names(account: &LedgerAccount) -> Vec<&'static str> {
    let names = [
        (ledger_flag::SEALED, "sealed"),
        (ledger_flag::OPEN, "open to anybody"),
        (ledger_flag::SUBTREES_ALLOWED, "subtrees allowed"),
    ];
    names.into_iter().filter(|(bit, _)| account.flags & bit != 0).map(|(_, name)| name).collect()
}

fn show(ledger: LedgerId, account: &LedgerAccount) {
    let flags = flag_names(account);
    let (entries, events) = (account.entries.head(), account.events.head());
    out!("ledger            {ledger}");
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
    out!("by subtree        {}", counted(account.leaves_by_subtree, "entry", "entries"));
    out!("created           slot {}, {}", account.created_slot, time(account.created_time));
    if account.heads_written > 0 {
        out!("last append       slot {}, {}", account.appended_slot, time(account.appended_time));
    }
}

/// The output of `show`, with its slot.
fn to_json(ledger: LedgerId, at: &AccountAt) -> serde_json::Value {
    let account = &at.account;
    let head = |head: TreeHead| json!({ "size": head.size.to_string(), "root": head.root.to_string() });
    let moment = |slot: u64, at: i64| json!({ "slot": slot.to_string(), "time": time(at) });
    json!({
        "ledger": ledger.to_string(),
        "slot": at.slot.to_string(),
        "entries": head(account.entries.head()),
        "events": head(account.events.head()),
        "authority": account.authority.to_string(),
        "offered_to": account.pending_authority.map(|wallet| wallet.to_string()),
        "creator": account.creator.to_string(),
        "flags": flag_names(account),
        "by_subtree": account.leaves_by_subtree.to_string(),
        "created": moment(account.created_slot, account.created_time),
        "last_append": (account.heads_written > 0).then(|| moment(account.appended_slot, account.appended_time)),
    })
}
