//! `counterfoil verify FILE`: recomputes a receipt, evidence or an export, then asks servers of the user's choice whether the
//! chain has it.

mod arguments;
mod evidence;
mod export;
mod receipt;
mod verifier;

use std::process::ExitCode;

use counterfoil_core::LedgerId;
use counterfoil_core::receipt::Receipt;

pub use arguments::Arguments;

use crate::bridge::Shown;
use crate::context::Options;
use crate::file;
use crate::verdict::{Report, Usage, Verdict};
use verifier::{Verifier, read_line};

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

/// Verifies a receipt against the servers, as [`run`] does without flags; gives the verdict and what each server has.
///
/// # Errors
/// A refutation, or why nothing can be told.
pub async fn verify_receipt(
    options: &Options,
    receipt: &Receipt,
    report: &mut Report,
) -> anyhow::Result<(Verdict, Vec<Shown>)> {
    let arguments = Arguments::default();
    let rpcs = options.servers(&mut report.warnings);
    let quorum = options.quorum(None, rpcs.len())?;
    let pinned = options.ledgers();
    let verifier = Verifier { options, arguments: &arguments, pinned: &pinned, rpcs, quorum };
    let (_, shown) = receipt::verify_parsed(verifier, receipt, report).await?;
    Ok((if pinned.is_empty() { Verdict::Consistent } else { Verdict::Verified }, shown))
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
