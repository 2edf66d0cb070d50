//! `counterfoil-localnet`: runs a local node until it is told to stop.
//!
//! Prints one line of JSON on standard output when the node answers; messages go to standard error.

mod args;
mod wallet;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use args::Args;
use clap::Parser;
use counterfoil_localnet::{Endpoints, Running, start};
use counterfoil_service::{StopSignals, announce, log_to_stderr};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // Unless asked, only ours: the node that is embedded logs much that says nothing to its user.
    log_to_stderr("off,counterfoil_localnet=info");
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    let config = args.config()?;
    // Handlers first: a signal that comes while the node starts must end it cleanly too.
    let mut stop = StopSignals::listen(args.exit_with_stdin).context("cannot listen for signals")?;
    tokio::select! {
        running = start(config) => serve(running?, args, stop).await,
        () = stop.received() => Ok(()),
    }
}

async fn serve(mut running: Running, args: &Args, mut stop: StopSignals) -> Result<()> {
    let ready_file = args.ready_file.as_deref().map(|path| ReadyFile::write(path, running.endpoints())).transpose()?;
    announce(running.endpoints()).context("standard output is closed: nobody learns where the node answers")?;

    tokio::select! {
        reason = running.ended() => bail!("the node ended by itself: {reason}"),
        () = stop.received() => {}
    }
    drop(ready_file);
    running.stop().await;
    Ok(())
}

/// A file that is there, whole, exactly while the node answers.
struct ReadyFile(PathBuf);

impl ReadyFile {
    fn write(path: &Path, endpoints: &Endpoints) -> Result<Self> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{}", std::process::id()));
        let unfinished = PathBuf::from(unfinished);
        let written = serde_json::to_vec(endpoints)
            .map_err(io::Error::from)
            .and_then(|json| fs::write(&unfinished, json))
            .and_then(|()| fs::rename(&unfinished, path));
        if let Err(error) = written {
            // It may never have been created.
            let _ = fs::remove_file(&unfinished);
            return Err(error)
                .with_context(|| format!("cannot write the ready file {}: does its folder exist?", path.display()));
        }
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.0);
    }
}
