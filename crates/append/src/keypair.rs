//! Wallets as the Solana CLI keeps them.

use std::fs;
use std::io;
use std::path::Path;

use counterfoil_core::Wallet;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Reads a Solana CLI key file: a JSON list of 64 numbers, the secret key and the public key.
///
/// # Errors
/// When the file cannot be read or is none. The error holds nothing of the file's content.
pub fn read_keypair(path: &Path) -> io::Result<Keypair> {
    let text = fs::read_to_string(path)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "it is not a JSON list of the 64 bytes of a key pair");
    let bytes: Vec<u8> = serde_json::from_str(&text).map_err(|_| invalid())?;
    Keypair::try_from(bytes.as_slice()).map_err(|_| invalid())
}

/// The wallet of a signer.
#[must_use]
pub fn wallet_of(signer: &dyn Signer) -> Wallet {
    Wallet(signer.pubkey().to_bytes())
}
