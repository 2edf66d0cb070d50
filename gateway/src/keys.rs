//! The gateway's own secrets: the key that signs promises, and the key under which names become streams and subjects.
//!
//! Each is 32 random bytes in a file of 64 hex digits. The wallet that appends is a third one, of Solana's form.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base16ct::lower;
use counterfoil_http::{SecretFileError, read_secret_file};
use counterfoil_statement::SigningKey;

pub use crate::names::Names;

/// Why a key cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] SecretFileError),
    /// The file cannot be written; one that is there is not replaced.
    #[error("it cannot be written")]
    Write(#[from] io::Error),
    /// It holds no key.
    #[error("it holds no key of 64 hex digits: `counterfoil-gateway make-key FILE` makes one")]
    NotAKey,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random(#[from] getrandom::Error),
}

/// Reads the key that signs promises.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_promise_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    Ok(SigningKey::from_bytes(&read_key(path)?))
}

/// Reads the key of names.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_names_key(path: &Path) -> Result<Names, KeyFileError> {
    Ok(Names::new(read_key(path)?))
}

/// Writes a new random key to a file that is not there yet, for its owner alone.
///
/// # Errors
/// [`KeyFileError`].
pub fn write_new_key(path: &Path) -> Result<(), KeyFileError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(lower::encode_string(&key).as_bytes())?;
    file.write_all(b"\n")?;
    Ok(file.sync_all()?)
}

fn read_key(path: &Path) -> Result<[u8; 32], KeyFileError> {
    let bytes = read_secret_file(path)?;
    let mut key = [0; 32];
    match lower::decode(bytes.trim_ascii(), &mut key) {
        Ok(decoded) if decoded.len() == 32 => Ok(key),
        _ => Err(KeyFileError::NotAKey),
    }
}
