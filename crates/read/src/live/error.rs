//! Errors of streams.

use std::sync::Arc;

use crate::error::ReadError;

/// The reason that a stream ended, or could not begin.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LiveError {
    /// A read of the stream failed. It was logged.
    #[error(transparent)]
    Read(Arc<ReadError>),
    /// The database is a standby, which does not tell of changes.
    #[error("the database is a standby, which does not tell of changes")]
    Standby,
    /// The process does nothing between requests.
    #[error("this process follows no ledger")]
    Off,
    /// The follower fell too far behind.
    #[error("the follower fell too far behind: resume from leaf {next}")]
    TooSlow {
        /// The first leaf that it did not get.
        next: u64,
    },
    /// The process stops.
    #[error("the server stops")]
    Ended,
    /// The server has as many streams open as it allows.
    #[error("{open} streams are open, the most that this server allows")]
    TooManyStreams {
        /// How many.
        open: usize,
    },
    /// The caller has as many streams open as one may have.
    #[error("the caller has {open} streams open, the most that one may have")]
    TooManyStreamsOfCaller {
        /// How many.
        open: usize,
    },
}

impl From<ReadError> for LiveError {
    fn from(error: ReadError) -> Self {
        Self::Read(error.shared())
    }
}
