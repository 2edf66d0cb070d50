//! `counterfoil verify FILE`: recomputes the receipt, then asks servers of the user's choice for the head.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use counterfoil_client::{ProgramInfo, Rpc};
use counterfoil_core::receipt::{LogKind, Receipt, VerifiedReceipt};
use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_service::counted;
use merkle_log::{Root, TreeHead, TreeSize};

use crate::commands::receipt;
use crate::context::{Options, quorum};
use crate::heads;
use crate::output::time;
use crate::program;
use crate::verdict::{Refute, Report, Usage, Verdict, refute_unless};

/// What to verify, against what.
#[derive(Args)]
pub struct Arguments {
    /// The receipt; - reads standard input.
    file: PathBuf,
    /// The ledger that it must be of. Take the address from elsewhere than the receipt: anybody can make a ledger, and a
    /// receipt of it. Without it the best verdict is CONSISTENT.
    #[arg(long)]
    ledger: Option<LedgerId>,
    /// How many of the servers must confirm it. Default: more than half.
    #[arg(long)]
    quorum: Option<usize>,
    /// Ask no server: compare with the heads given by --head and --event-head.
    #[arg(long, requires = "head")]
    offline: bool,
    /// A head that you trust, SIZE:ROOT.
    #[arg(long, requires = "offline", value_parser = parse_head)]
    head: Option<TreeHead>,
    /// An event log's head that you trust, SIZE:ROOT.
    #[arg(long, requires = "offline", value_parser = parse_head)]
    event_head: Option<TreeHead>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let result = verify(options, &arguments, &mut report).await;
    report.conclude(result, arguments.json)
}

async fn verify(options: &Options, arguments: &Arguments, report: &mut Report) -> anyhow::Result<(Verdict, String)> {
    let rpcs = options.servers(&mut report.warnings);
    let quorum = quorum(arguments.quorum, rpcs.len())?;
    if arguments.offline && arguments.ledger.is_some() && arguments.event_head.is_none() {
        return Err(Usage(
            "--offline shows the ledger by its event head alone: give --event-head with --ledger".to_owned(),
        )
        .into());
    }
    let receipt = receipt::read(&arguments.file)?;
    refute_unless!(
        receipt.program == options.program(),
        "the receipt is of program {}, you trust {}: another program's ledger proves nothing, unless you trust it and \
         say so with --program",
        receipt.program,
        options.program()
    );
    if let Some(ledger) = arguments.ledger {
        refute_unless!(receipt.ledger == ledger, "the receipt is of ledger {}, you asked for {ledger}", receipt.ledger);
    }
    let verified = receipt.verify().refute(|| "the receipt does not hold together".to_owned())?;
    report.not_checked.push("that what was written is true, or that everything was written".to_owned());
    let entry = format!("entry {} of ledger {}", verified.index(), receipt.ledger);
    if arguments.offline {
        offline(arguments, &receipt, &verified, report)?;
        return Ok((Verdict::Verified, format!("{entry}, by the heads that you gave")));
    }
    online(options, rpcs, quorum, &receipt, &verified, report).await?;
    Ok(match arguments.ledger {
        Some(_) => (Verdict::Verified, entry),
        None => (
            Verdict::Consistent,
            format!("{entry}: the chain has it, but anybody can make a ledger; pin yours with --ledger"),
        ),
    })
}

/// What the proofs show, once the heads are believed.
fn describe_entry(receipt: &Receipt, verified: &VerifiedReceipt) -> String {
    format!(
        "entry {} ({} bytes, leaf hash {}) is under root {} of {}",
        verified.index(),
        receipt.entry.payload.len(),
        verified.leaf(),
        receipt.head.root,
        counted(receipt.head.size, "entry", "entries"),
    )
}

fn describe_event(verified: &VerifiedReceipt) -> String {
    let header = &verified.event().header;
    format!(
        "event {} of ledger {} says that {} appended it in slot {}, at {} by the chain's clock",
        header.event_seq,
        header.ledger,
        header.signer,
        header.slot,
        time(header.unix_time),
    )
}

fn offline(
    arguments: &Arguments,
    receipt: &Receipt,
    verified: &VerifiedReceipt,
    report: &mut Report,
) -> anyhow::Result<()> {
    let head = verified.head();
    let trusted = arguments.head.context("--offline needs --head")?;
    expect_pinned("head", &head.entries, &trusted)?;
    report.checked.push(format!("{}, the head that you gave", describe_entry(receipt, verified)));
    match arguments.event_head {
        Some(trusted) => {
            expect_pinned("event head", &head.events, &trusted)?;
            report.checked.push(format!("{}, under the event head that you gave", describe_event(verified)));
        }
        None => {
            report.not_checked.push("of which ledger it is, who appended it, and when: give --event-head".to_owned())
        }
    }
    report.not_checked.push("the chain, its program, and which cluster it is: --offline asks nobody".to_owned());
    Ok(())
}

/// Heads of one size with different roots contradict each other; of different sizes, nothing can be told.
fn expect_pinned(what: &str, found: &TreeHead, trusted: &TreeHead) -> anyhow::Result<()> {
    refute_unless!(
        found.size != trusted.size || found == trusted,
        "the receipt's {what} of {} leaves has root {}, you trust {}",
        found.size,
        found.root,
        trusted.root
    );
    ensure!(
        found == trusted,
        "the receipt's {what} is {}:{}, you trust {}:{}: refresh the receipt to that size, or verify it online",
        found.size,
        found.root,
        trusted.size,
        trusted.root
    );
    Ok(())
}

async fn online(
    options: &Options,
    mut rpcs: Vec<Rpc>,
    quorum: usize,
    receipt: &Receipt,
    verified: &VerifiedReceipt,
    report: &mut Report,
) -> anyhow::Result<()> {
    heads::expect_cluster(&mut rpcs, quorum, receipt.genesis_hash, &mut report.warnings)
        .await
        .context("the receipt cannot be confirmed")?;
    let LedgerHead { ledger, entries, events } = *verified.head();
    let heads = [(LogKind::Entries, entries), (LogKind::Events, events)];
    let confirmed = heads::confirm(options, &rpcs, quorum, ledger, &heads, &mut report.warnings).await?;
    report.checked.push(format!("{}, of ledger {}", describe_entry(receipt, verified), receipt.ledger));
    report.checked.push(describe_event(verified));
    for reading in &confirmed {
        let account = &reading.at.account;
        report.checked.push(format!(
            "{} has the ledger at {}, {} in finalized slot {}: both logs are the receipt's or extend them",
            reading.server,
            counted(account.entries.size().get(), "entry", "entries"),
            counted(account.events.size().get(), "event", "events"),
            reading.at.slot,
        ));
    }
    report.not_checked.push("that these servers are honest: they were asked, their answers are no proof".to_owned());
    let by_subtree = confirmed.iter().map(|reading| reading.at.account.leaves_by_subtree).max().unwrap_or(0);
    if by_subtree > 0 {
        report
            .not_checked
            .push(format!("that the {by_subtree} entries appended by subtree exist: the chain saw hashes"));
    }
    check_program(&rpcs, verified.event().header.slot, report).await
}

async fn check_program(rpcs: &[Rpc], relied_on: u64, report: &mut Report) -> anyhow::Result<()> {
    let (programs, errors) = program::fetch(rpcs).await;
    ensure!(!programs.is_empty(), "no server told what the program is: {}", errors.join("; "));
    report.warnings.extend(errors);
    if programs.len() > 1 {
        report.warnings.push("the servers say different things of the program:".to_owned());
    }
    for (program, servers) in &programs {
        describe_program(program, &servers.join(", "), relied_on, report);
    }
    Ok(())
}

fn describe_program(program: &ProgramInfo, servers: &str, relied_on: u64, report: &mut Report) {
    if program::is_released(program) {
        report
            .checked
            .push(format!("program {} is the one released with this version, says {servers}", program.program));
    } else {
        report.warnings.push(format!(
            "program {} has SHA-256 {}, says {servers}, which is not the one released with this version",
            program.program,
            program::sha256(program),
        ));
    }
    if let Some(authority) = program.upgrade_authority {
        report.warnings.push(format!(
            "the program can be replaced by {authority}: that the ledger stays append-only is also that key's promise"
        ));
    }
    if let Some(slot) = program.deployed_slot.filter(|slot| *slot >= relied_on) {
        report.warnings.push(format!(
            "the program was deployed anew in slot {slot}, not before the event of slot {relied_on}: what ran then is unknown"
        ));
    }
}

fn parse_head(text: &str) -> Result<TreeHead, String> {
    let parse = || {
        let (size, root) = text.split_once(':')?;
        let root: Root = root.parse().ok()?;
        Some(TreeHead { size: TreeSize::new(size.parse().ok()?).ok()?, root })
    };
    parse().ok_or_else(|| "a head is SIZE:ROOT, the root in 64 lowercase hexadecimal digits".to_owned())
}
