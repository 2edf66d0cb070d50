//! `counterfoil-localnet`: runs a local node until it is told to stop.
//!
//! Prints one line of JSON on standard output when the node answers; messages go to standard error.

mod args;
mod wallet;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use args::Args;
use clap::Parser;
use counterfoil_localnet::{Endpoints, Running, start};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    log_to_stderr();
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
    let mut stop = StopSignals::listen(args.exit_with_stdin)?;
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

fn announce(endpoints: &Endpoints) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, endpoints)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

fn log_to_stderr() {
    let ours = tracing_subscriber::filter::Targets::new().with_target("counterfoil_localnet", LevelFilter::INFO);
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false).with_target(false);
    tracing_subscriber::registry().with(to_stderr.with_filter(ours)).init();
}

/// What tells the process to stop: Ctrl-C, SIGTERM, and the end of standard input when asked to watch it.
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    stdin_closed: Option<oneshot::Receiver<()>>,
}

impl StopSignals {
    fn listen(exit_with_stdin: bool) -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            stdin_closed: exit_with_stdin.then(stdin_closed),
        })
    }

    async fn received(&mut self) {
        let stdin_closed = async {
            match &mut self.stdin_closed {
                Some(closed) => {
                    // The sender is dropped at the end of the input, whatever the reason.
                    let _ = closed.await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = stdin_closed => {}
        }
    }
}

/// A thread of its own: a pending read of tokio's standard input would keep the process from exiting.
fn stdin_closed() -> oneshot::Receiver<()> {
    let (closed, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut ignored = [0; 1024];
        loop {
            match input.read(&mut ignored) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        drop(closed);
    });
    receiver
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
