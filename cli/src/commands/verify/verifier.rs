//! The verifier: it compares what a file claims with the user's pins, with given heads, and with what servers have.

use std::io::{BufRead, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use counterfoil_client::{ProgramInfo, Rpc};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_service::counted;
use merkle_log::TreeHead;

use super::arguments::Arguments;
use crate::bridge::{self, Claim, Shown};
use crate::context::Options;
use crate::verdict::{Report, refute_unless};
use crate::{heads, program};

/// The longest line of a file, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// The means to verify one file.
pub(super) struct Verifier<'a> {
    pub(super) options: &'a Options,
    pub(super) arguments: &'a Arguments,
    pub(super) pinned: &'a [LedgerId],
    pub(super) rpcs: Vec<Rpc>,
    pub(super) quorum: usize,
}

impl Verifier<'_> {
    /// Checks that the file is of what the user pinned. Callers do this before they compute anything.
    pub(super) fn expect_pins(
        &self,
        genesis_hash: GenesisHash,
        program: ProgramId,
        ledger: LedgerId,
    ) -> anyhow::Result<()> {
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

    /// Shows what a file claims: by the heads that the user gave, or at the servers.
    ///
    /// `entry` and `event` are the sentences that the report gets once the heads of both logs are shown.
    pub(super) async fn show(
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

/// Compares a claim with the heads that the user gave.
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
    report.not_checked.push("the chain, its program, and which cluster it is: --offline asks no server".to_owned());
    Ok(())
}

/// Checks that the trusted head is among those found. Heads of one size with different roots contradict each other; heads
/// of different sizes tell nothing.
fn expect_pinned(what: &str, found: &[TreeHead], trusted: &TreeHead) -> anyhow::Result<()> {
    for head in found {
        refute_unless!(
            head.size != trusted.size || head == trusted,
            "its {what} of {} leaves has root {}, you trust {}",
            head.size,
            head.root,
            trusted.root
        );
    }
    // The event may state the latest head, too.
    let mut names: Vec<String> = found.iter().map(|head| format!("{}:{}", head.size, head.root)).collect();
    names.dedup();
    ensure!(
        found.contains(trusted),
        "it leads to the {what} {}, you trust {}:{}: fetch one that leads to that size, or verify it online",
        if names.is_empty() { "none".to_owned() } else { names.join(" and ") },
        trusted.size,
        trusted.root
    );
    Ok(())
}

/// Reports the program. Where a bridge rests on it, enough servers must say that it is a known one, deployed before the
/// event.
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

/// Reads one line with its end; empty at the end of the file.
pub(super) fn read_line(input: &mut impl BufRead, path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    let read = input.take(MAX_LINE + 1).read_until(b'\n', &mut line);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(line.len() as u64 <= MAX_LINE, "{} has more than {MAX_LINE} bytes in one line", path.display());
    Ok(line)
}
