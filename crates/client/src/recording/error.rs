//! Errors of a recording's lines.

use std::io;

use base64::DecodeError;

use super::format::VERSION;

/// The fault by which a line of a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read, or is damaged or cut in the middle of a block.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// The line is not of this format.
    #[error("is not a line of a recording: {0}")]
    NotALine(serde_json::Error),
    /// A field is missing or is not what it should be.
    #[error("has no good {field}")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// The line has data that is not base64.
    #[error("has data that is not base64: {0}")]
    Data(DecodeError),
    /// The line is longer than any that this program writes.
    #[error("is longer than {most} bytes")]
    TooLong {
        /// The longest length that is read, in bytes.
        most: u64,
    },
    /// The file ends before its end.
    #[error("is missing: the file was cut")]
    Cut,
    /// The last line counts other transactions than there are.
    #[error("counts {claimed} transactions where {found} are")]
    WrongCount {
        /// The count that the line gives.
        claimed: u64,
        /// The count of transactions before the line.
        found: u64,
    },
    /// A newer program wrote it.
    #[error("is of version {version}, this program reads version {VERSION}")]
    UnknownVersion {
        /// The version.
        version: u64,
    },
}
