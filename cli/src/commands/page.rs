//! `counterfoil page`: the page that verifies without a request.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use counterfoil_service::{note, out};
use merkle_log::Hash;
use sha2::{Digest, Sha256};

use crate::file;

/// The page of this version. clients/verifier/build-page.mjs makes it.
const PAGE: &[u8] = include_bytes!("../../../clients/verifier/verify.html");

/// Arguments of `counterfoil page`.
#[derive(Args)]
pub struct Arguments {
    /// Write the page to this file; one that is there is replaced. Without it the command prints the page's SHA-256 alone.
    #[arg(long, short)]
    out: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When the file cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let sha256 = Hash(Sha256::digest(PAGE).into());
    let Some(path) = &arguments.out else {
        out!("{sha256}  verify.html");
        return Ok(ExitCode::SUCCESS);
    };
    file::write(path, PAGE)?;
    // As `sha256sum` writes it, so that `sha256sum -c` reads it; next to a page on standard output it would be a part of it.
    if path.as_os_str() == "-" {
        note!("{sha256}  -")
    } else {
        out!("{sha256}  {}", path.display())
    }
    Ok(ExitCode::SUCCESS)
}
