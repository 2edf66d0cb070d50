//! Logs, settings, announcements, progress and stop signals of Counterfoil's processes.
//!
//! Each writes its log to standard error and, once it answers, one line of JSON with its addresses to standard
//! output. Each stops on Ctrl-C and SIGTERM and, when asked, at the end of standard input, so that a parent that
//! dies leaves nothing behind.
#![forbid(unsafe_code)]

mod log;
mod output;
mod progress;
#[cfg(feature = "settings")]
mod settings;
#[cfg(feature = "otlp")]
mod telemetry;

use std::io::{self, Read, Write};

use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

pub use log::{LogFormat, MoreLog, log_in_format, log_to_stderr};
pub use output::{
    OUTPUT_LOST, counted, end, is_output_closed, note_json_line, note_line, out_bytes, out_json, out_json_line,
    out_line, output_failure, printable, printable_json,
};
pub use progress::{Progress, progress};
#[cfg(feature = "settings")]
pub use settings::{SettingsRules, parse_settings};
#[cfg(feature = "otlp")]
pub use telemetry::Telemetry;

/// Writes one line of JSON to standard output.
///
/// # Errors
/// When standard output is closed.
pub fn announce<T: Serialize>(addresses: &T) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, addresses)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// The signals on which the process stops.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    stdin_closed: Option<oneshot::Receiver<()>>,
}

impl StopSignals {
    /// Listens from now on: call it before anything that must be ended cleanly is started.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn listen(exit_with_stdin: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            stdin_closed: exit_with_stdin.then(stdin_closed),
        })
    }

    /// Waits for the first signal to stop.
    pub async fn received(&mut self) {
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
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
                Ok(_) | Err(_) => {}
            }
        }
        drop(closed);
    });
    receiver
}
