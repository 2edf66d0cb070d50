//! `counterfoil verify FILE`: recomputes a receipt, evidence, an export or a promise, then asks servers of the user's choice whether the
//! chain has it.

mod arguments;
mod evidence;
mod export;
mod promise;
mod receipt;
#[cfg(test)]
mod samples;
mod statement;
mod verifier;

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use counterfoil_core::LedgerId;
use counterfoil_core::receipt::Receipt;

pub use arguments::Arguments;

use crate::bridge::Shown;
use crate::commands::receipt::MAX_RECEIPT_BYTES;
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
    let is_of_lines = evidence::is_header(&first) || export::is_export(&first);
    let mut document = first;
    if !is_of_lines {
        let read = (&mut input).take(MAX_RECEIPT_BYTES + 1).read_to_end(&mut document);
        read.with_context(|| format!("cannot read {}", arguments.file.display()))?;
        if promise::is_promise(&document) {
            return promise::verify(verifier, document, report).await;
        }
    }
    if arguments.is_of_promise() {
        return Err(Usage("--receipt, --evidence and --promise-key are for a promise".to_owned()).into());
    }
    let what = if !is_of_lines {
        receipt::verify(verifier, document, report).await?
    } else if evidence::is_header(&document) {
        evidence::verify(verifier, &document, input, report).await?
    } else {
        export::verify(verifier, document, input, report).await?
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
