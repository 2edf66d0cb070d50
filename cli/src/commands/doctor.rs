//! `counterfoil doctor`: what the program is, by every server that is given, and what that means for its ledgers.

use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::Args;
use counterfoil_client::{ProgramInfo, is_key};
use counterfoil_core::Wallet;

use crate::context::Options;
use crate::verdict::{Report, Verdict, refute_unless};
use crate::{heads, program};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How to tell it.
#[derive(Args)]
pub struct Arguments {
    /// How many of the servers must answer. Default: all.
    #[arg(long)]
    quorum: Option<usize>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it. Verified when all servers that answer agree that the program is the one released with this version.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let result = examine(options, &arguments, &mut report).await;
    report.conclude(result, arguments.json)
}

async fn examine(options: &Options, arguments: &Arguments, report: &mut Report) -> anyhow::Result<(Verdict, String)> {
    let mut rpcs = options.servers(&mut report.warnings);
    let asked = rpcs.len();
    let quorum = options.quorum(arguments.quorum.or(Some(asked)), asked)?;
    let cluster = heads::genesis_hash(&mut rpcs, quorum, &mut report.warnings).await?;
    let (programs, errors) = program::fetch(&rpcs).await;
    let answered: usize = programs.values().map(Vec::len).sum();
    ensure!(answered >= quorum, "{answered} of {asked} servers told, {quorum} needed: {}", errors.join("; "));
    report.warnings.extend(errors);
    let mut seen = programs.iter();
    let (Some((info, servers)), None) = (seen.next(), seen.next()) else {
        for (info, servers) in &programs {
            report.warnings.extend(describe(info).into_iter().map(|line| format!("{}: {line}", servers.join(", "))));
        }
        bail!("the servers say different things of the program: at least one of them is false or behind");
    };
    report.checked.push(format!("cluster {cluster}, as {} say", servers.join(", ")));
    report.checked.extend(describe(info));
    report.not_checked.push("that these servers are honest: they were asked, their answers are no proof".to_owned());
    let known = program::known(options, info);
    refute_unless!(
        known.is_some(),
        "program {} has SHA-256 {}: it is not the one released with counterfoil {VERSION}. Compare it with the releases that you \
         trust, or build it (docs/operations.md)",
        info.program,
        program::sha256(info)
    );
    Ok((
        Verdict::Verified,
        format!("program {} is {} (counterfoil {VERSION})", info.program, known.unwrap_or_default()),
    ))
}

/// One server's account of the program.
fn describe(info: &ProgramInfo) -> Vec<String> {
    let mut lines = vec![format!("its SHA-256 is {}", program::sha256(info))];
    lines.extend(info.deployed_slot.map(|slot| format!("it was deployed in slot {slot}")));
    lines.push(match info.upgrade_authority {
        None => "it cannot be replaced: what this program refuses stays refused".to_owned(),
        Some(authority) => format!("it can be replaced by {authority}, {}", kind_of(&authority)),
    });
    lines
}

/// A multisig's vault is an address of a program, for which no single key can sign.
fn kind_of(authority: &Wallet) -> &'static str {
    if is_key(authority) {
        "a single key: its holder can end every promise of its ledgers"
    } else {
        "an address that a program signs for, such as a multisig's: ask how many must agree there"
    }
}
