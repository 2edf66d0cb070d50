//! Errors of a PostgreSQL cluster: what kept it from running.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server must accept connections within this time. One that ended is told at once; one that recovers from a crash on a busy disk takes
/// minutes.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(300);

/// The fault that kept a cluster from running.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// PostgreSQL's server programs were not found.
    #[error(
        "PostgreSQL's server programs (initdb, postgres) were not found in PATH or /usr/lib/postgresql/*/bin: \
         install them (Debian, Ubuntu: apt-get install postgresql) or give the URL of a running database"
    )]
    NotInstalled,
    /// Root has no unprivileged user to hand the cluster to.
    #[error("started as root, and neither user postgres nor no one exists to run PostgreSQL as")]
    NoUnprivilegedUser,
    /// The cluster runs as another user, and that user cannot get to its folder.
    #[error(
        "root's PostgreSQL runs as user {user}, who cannot enter {}: `chmod o+x {}` lets that user pass",
        folder.display(), folder.display()
    )]
    Closed {
        /// The outermost folder that is closed.
        folder: PathBuf,
        /// The user.
        user: &'static str,
    },
    /// A file or a process could not be handled.
    #[error("{action} {}: {cause}", path.display())]
    Io {
        /// The action, such as "reading".
        action: &'static str,
        /// The file or program.
        path: PathBuf,
        /// The cause, as the system reported it.
        cause: io::Error,
    },
    /// A program of PostgreSQL's failed.
    #[error("{} failed: {message}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// The end of its output.
        message: String,
    },
    /// The server ended before it accepted connections.
    #[error("PostgreSQL ended at its start; its log: {log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// Another process has the port.
    #[error("PostgreSQL cannot listen on port {port} of 127.0.0.1: another process has it")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The server did not accept connections in time.
    #[error("PostgreSQL did not start within {} s; its log: {log}", START_TIMEOUT.as_secs())]
    NotReady {
        /// The end of its log.
        log: String,
    },
}

/// Makes an I/O error into one that names the action and the path.
pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.to_owned();
    move |cause| ClusterError::Io { action, path, cause }
}
