//! Files with secrets: private keys, and the secret of sessions.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tracing::warn;

/// Longer than any secret: ten times a private key with its comments.
const MAX_BYTES: u64 = 64 * 1024;
const OTHERS_WRITE: u32 = 0o022;
const OTHERS_READ: u32 = 0o004;

/// The reason that a secret's file is refused. None repeats a part of the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    /// Other users may write to the file, and so choose the secret.
    #[error("others than its owner may write to it (mode {0:04o}), and so choose the secret: chmod 600 it")]
    Writable(u32),
    /// The file is too long for a secret.
    #[error("it is longer than {MAX_BYTES} bytes, and so no secret")]
    TooLong,
}

/// Reads a file with a secret. Warns when all users of the machine may read it.
///
/// # Errors
/// [`SecretFileError`].
pub fn read_secret_file(path: &Path) -> Result<Vec<u8>, SecretFileError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o777;
    // A pipe is gone with its reader, whatever its mode.
    if metadata.is_file() && mode & OTHERS_WRITE != 0 {
        return Err(SecretFileError::Writable(mode));
    }
    if metadata.is_file() && mode & OTHERS_READ != 0 {
        warn!(
            "{} holds a secret, and all users of this machine may read it (mode {mode:04o}): chmod 600 it",
            path.display()
        );
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SecretFileError::TooLong);
    }
    Ok(bytes)
}
