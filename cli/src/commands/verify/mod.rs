//! `counterfoil verify FILE`: recomputes a receipt, evidence or an export, then asks servers of the user's choice whether the
//! chain has it.

mod evidence;
mod export;
mod receipt;

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use counterfoil_client::{ProgramInfo, Rpc};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet};
use counterfoil_service::counted;
use merkle_log::{Root, TreeHead, TreeSize};

use crate::bridge::{self, Claim, Shown};
use crate::context::Options;
use crate::verdict::{Report, Usage, Verdict, refute_unless};
use crate::{file, heads, program};

/// The longest line: of the first it shows what the file is.
const MAX_LINE: u64 = 1 << 20;

/// What to verify, against what.
#[derive(Args)]
pub struct Arguments {
    /// The receipt, evidence or export; - reads standard input.
    file: PathBuf,
    /// The ledger that it must be of. Take the address from elsewhere than the receipt: anybody can make a ledger, and a
    /// receipt of it. Without it, and without --trust, the best verdict is CONSISTENT.
    #[arg(long)]
    ledger: Option<LedgerId>,
    /// The wallet that must have appended it.
    #[arg(long)]
    signer: Option<Wallet>,
    /// The file whose bytes the entry must be, or whose SHA-256 it must be: 32 bytes, or 64 hexadecimal digits.
    #[arg(long)]
    content: Option<PathBuf>,
    /// How many of the servers must confirm it. Default: the trust file's, or more than half.
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

impl Arguments {
    /// Whether the verdict shows the event: of which ledger it is, who appended it, and when.
    const fn shows_event(&self) -> bool {
        !self.offline || self.event_head.is_some()
    }
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let result = verify(options, &arguments, &mut report).await;
    report.conclude(result, arguments.json)
}

async fn verify(options: &Options, arguments: &Arguments, report: &mut Report) -> anyhow::Result<(Verdict, String)> {
    let rpcs = options.servers(&mut report.warnings);
    let quorum = options.quorum(arguments.quorum, rpcs.len())?;
    let pinned = pinned_ledgers(options, arguments)?;
    if !arguments.shows_event() && (!pinned.is_empty() || arguments.signer.is_some()) {
        return Err(Usage(
            "--offline shows ledger and signer by the event head alone: give --event-head with either".to_owned(),
        )
        .into());
    }
    let mut input = file::open(&arguments.file)?;
    let first = read_line(&mut input, &arguments.file)?;
    let verifier = Verifier { options, arguments, pinned: &pinned, rpcs, quorum };
    let what = if evidence::is_header(&first) {
        evidence::verify(verifier, &first, input, report).await?
    } else if export::is_export(&first) {
        export::verify(verifier, first, input, report).await?
    } else {
        receipt::verify(verifier, first, input, report).await?
    };
    report.not_checked.push("that what was written is true, or that everything was written".to_owned());
    Ok(match (arguments.offline, pinned.is_empty()) {
        (true, _) => (Verdict::Verified, format!("{what}, by the heads that you gave")),
        (false, false) => (Verdict::Verified, what),
        (false, true) => (
            Verdict::Consistent,
            format!("{what}: the chain has it, but anybody can make a ledger; pin yours with --ledger or --trust"),
        ),
    })
}

/// One line with its end; empty at the end of the file.
fn read_line(input: &mut impl BufRead, path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    let read = input.take(MAX_LINE + 1).read_until(b'\n', &mut line);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(line.len() as u64 <= MAX_LINE, "{} has more than {MAX_LINE} bytes in one line", path.display());
    Ok(line)
}

/// What a file is verified with.
struct Verifier<'a> {
    options: &'a Options,
    arguments: &'a Arguments,
    pinned: &'a [LedgerId],
    rpcs: Vec<Rpc>,
    quorum: usize,
}

/// The ledgers of which the receipt may be; none where the verifier pins none.
fn pinned_ledgers(options: &Options, arguments: &Arguments) -> anyhow::Result<Vec<LedgerId>> {
    let trusted = options.ledgers();
    let Some(ledger) = arguments.ledger else { return Ok(trusted) };
    if !trusted.is_empty() && !trusted.contains(&ledger) {
        return Err(Usage(format!("--ledger is {ledger}, which the trust file does not name")).into());
    }
    Ok(vec![ledger])
}

impl Verifier<'_> {
    /// What the verifier pinned, before anything is computed.
    fn expect_pins(&self, genesis_hash: GenesisHash, program: ProgramId, ledger: LedgerId) -> anyhow::Result<()> {
        refute_unless!(
            program == self.options.program(),
            "it is of program {program}, you trust {}: another program's ledger proves nothing, unless you trust it and \
             say so with --program",
            self.options.program()
        );
        if let Some(cluster) = self.options.cluster() {
            refute_unless!(genesis_hash == cluster, "it is of cluster {genesis_hash}, you trust {cluster}");
        }
        let names = || self.pinned.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        refute_unless!(
            self.pinned.is_empty() || self.pinned.contains(&ledger),
            "it is of ledger {ledger}, you asked for {}",
            names()
        );
        Ok(())
    }

    /// Shows what a file claims: by the heads that the verifier gave, or at the servers.
    ///
    /// `entry` and `event` say what is shown with the heads of both logs.
    async fn show(
        mut self,
        genesis_hash: GenesisHash,
        claim: &Claim,
        entry: Vec<String>,
        event: Vec<String>,
        report: &mut Report,
    ) -> anyhow::Result<Vec<Shown>> {
        if self.arguments.offline {
            offline(self.arguments, claim, entry, event, report)?;
            return Ok(Vec::new());
        }
        heads::expect_cluster(&mut self.rpcs, self.quorum, genesis_hash, &mut report.warnings)
            .await
            .context("it cannot be confirmed")?;
        let apis = self.options.apis()?;
        let question = format!("what they have of ledger {}", claim.ledger);
        let answers = heads::ask(&self.rpcs, self.quorum, &question, |rpc| bridge::show(&apis, rpc, claim)).await;
        let shown = heads::enough(answers, self.quorum, &mut report.warnings)?;
        report.checked.extend(entry);
        report.checked.extend(event);
        for Shown { reading, entry, event } in &shown {
            report.warnings.extend(heads::slot_contradiction(reading));
            let account = &reading.at.account;
            report.checked.push(format!(
                "{} has the ledger, of authority {}, at {} and {} in finalized slot {}. The entries: {entry}. The event: {event}",
                reading.server,
                account.authority,
                counted(account.entries.size().get(), "entry", "entries"),
                counted(account.events.size().get(), "event", "events"),
                reading.at.slot,
            ));
        }
        report
            .not_checked
            .push("that these servers are honest: they were asked, their answers are no proof".to_owned());
        let by_subtree = shown.iter().map(|shown| shown.reading.at.account.leaves_by_subtree).max().unwrap_or(0);
        if by_subtree > 0 {
            report
                .not_checked
                .push(format!("that the {by_subtree} entries appended by subtree exist: the chain saw hashes"));
        }
        let by_account = shown.iter().filter(|shown| !shown.rests_on_program()).count();
        let rests_on_program = by_account < self.quorum;
        if rests_on_program {
            report.not_checked.push(
                "that the account of today extends it: the chain recorded it, and the program refuses all but an append"
                    .to_owned(),
            );
        }
        check_program(self.options, &self.rpcs, self.quorum, claim.slot, rests_on_program, report).await?;
        Ok(shown)
    }
}

fn offline(
    arguments: &Arguments,
    claim: &Claim,
    entry: Vec<String>,
    event: Vec<String>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let trusted = arguments.head.context("--offline needs --head")?;
    expect_pinned("head", &claim.entry_heads(), &trusted)?;
    report.checked.push("the entries lead to the head that you gave".to_owned());
    report.checked.extend(entry);
    match arguments.event_head {
        Some(trusted) => {
            expect_pinned("event head", &claim.event_heads(), &trusted)?;
            report.checked.push("the events lead to the event head that you gave".to_owned());
            report.checked.extend(event);
        }
        None => {
            report.not_checked.push("of which ledger it is, who appended it, and when: give --event-head".to_owned())
        }
    }
    report.not_checked.push("the chain, its program, and which cluster it is: --offline asks nobody".to_owned());
    Ok(())
}

/// Heads of one size with different roots contradict each other; of different sizes, nothing can be told.
fn expect_pinned(what: &str, found: &[TreeHead], trusted: &TreeHead) -> anyhow::Result<()> {
    for head in found {
        refute_unless!(
            head.size != trusted.size || head == trusted,
            "the receipt's {what} of {} leaves has root {}, you trust {}",
            head.size,
            head.root,
            trusted.root
        );
    }
    let names: Vec<String> = found.iter().map(|head| format!("{}:{}", head.size, head.root)).collect();
    ensure!(
        found.contains(trusted),
        "the receipt leads to the {what} {}, you trust {}:{}: refresh the receipt to that size, or verify it online",
        if names.is_empty() { "none".to_owned() } else { names.join(" and ") },
        trusted.size,
        trusted.root
    );
    Ok(())
}

/// Says what the program is. Where a bridge rests on it, enough servers must have it known, and older than the event.
async fn check_program(
    options: &Options,
    rpcs: &[Rpc],
    quorum: usize,
    relied_on: u64,
    rests_on_program: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (programs, errors) = program::fetch(rpcs).await;
    ensure!(!programs.is_empty(), "no server told what the program is: {}", errors.join("; "));
    if rests_on_program {
        let is_good = |program: &ProgramInfo| {
            program::known(options, program).is_some() && program.deployed_slot.is_none_or(|slot| slot < relied_on)
        };
        let good: usize =
            programs.iter().filter(|(program, _)| is_good(program)).map(|(_, servers)| servers.len()).sum();
        if good < quorum {
            let mut reasons: Vec<String> =
                programs.keys().flat_map(|program| doubts(options, program, relied_on)).collect();
            reasons.extend(errors);
            bail!(
                "the chain recorded it, and that its account of today extends it would rest on the program: {}",
                reasons.join("; ")
            );
        }
    }
    report.warnings.extend(errors);
    if programs.len() > 1 {
        report.warnings.push("the servers say different things of the program:".to_owned());
    }
    for (program, servers) in &programs {
        match program::known(options, program) {
            Some(as_what) => {
                report.checked.push(format!("program {} is {as_what}, says {}", program.program, servers.join(", ")))
            }
            None => report.warnings.push(format!("{}, says {}", unknown(program), servers.join(", "))),
        }
        report.warnings.extend(deployed_late(program, relied_on));
        if let Some(authority) = program.upgrade_authority {
            report.warnings.push(format!(
                "the program can be replaced by {authority}: that the ledger stays append-only is also that key's promise"
            ));
        }
    }
    Ok(())
}

fn doubts(options: &Options, program: &ProgramInfo, relied_on: u64) -> Vec<String> {
    let is_unknown = program::known(options, program).is_none();
    is_unknown.then(|| unknown(program)).into_iter().chain(deployed_late(program, relied_on)).collect()
}

fn unknown(program: &ProgramInfo) -> String {
    format!(
        "program {} has SHA-256 {}, which is not the one released with this version, nor pinned in the trust file",
        program.program,
        program::sha256(program),
    )
}

fn deployed_late(program: &ProgramInfo, relied_on: u64) -> Option<String> {
    let slot = program.deployed_slot.filter(|slot| *slot >= relied_on)?;
    Some(format!(
        "the program was deployed in slot {slot}, not before the event of slot {relied_on}: what ran then is unknown"
    ))
}

fn parse_head(text: &str) -> Result<TreeHead, String> {
    let parse = || {
        let (size, root) = text.split_once(':')?;
        let root: Root = root.parse().ok()?;
        Some(TreeHead { size: TreeSize::new(size.parse().ok()?).ok()?, root })
    };
    parse().ok_or_else(|| "a head is SIZE:ROOT, the root in 64 lowercase hexadecimal digits".to_owned())
}
