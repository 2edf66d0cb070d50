//! Wallets named on the command line.

use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// A wallet as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wallet {
    /// Its public key, in base58.
    Key(Pubkey),
    /// A Solana CLI key file: a JSON array of 64 numbers, the secret half first.
    File(PathBuf),
}

impl FromStr for Wallet {
    type Err = Infallible;

    /// A text that is no public key is a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::File(text.into()), Self::Key))
    }
}

impl Wallet {
    /// Returns the public key; a file that is not there is created with a new key, readable by its owner only.
    pub(crate) fn load_or_create(&self) -> Result<Pubkey> {
        match self {
            Self::Key(key) => Ok(*key),
            Self::File(path) => match create(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(path),
                created => created.with_context(|| {
                    format!(
                        "cannot create the key file {}: does its folder exist, and may it be written?",
                        path.display()
                    )
                }),
            },
        }
    }
}

fn create(path: &Path) -> io::Result<Pubkey> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let key = Keypair::new();
    let written = serde_json::to_string(key.to_bytes().as_slice())
        .map_err(io::Error::from)
        .and_then(|json| file.write_all(json.as_bytes()))
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key must not stand in the way of the next try.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(key.pubkey())
}

fn load(path: &Path) -> Result<Pubkey> {
    // No cause below the context quotes the file: it is a secret.
    let not_a_key = || {
        format!(
            "{} is not a Solana key file: 64 numbers in a JSON array, as `solana-keygen new` writes",
            path.display()
        )
    };
    let json = fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
    let bytes: Vec<u8> = serde_json::from_str(&json).map_err(|_| anyhow::Error::msg(not_a_key()))?;
    let key = Keypair::try_from(bytes.as_slice()).with_context(not_a_key)?;
    Ok(key.pubkey())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(folder: &tempfile::TempDir) -> (PathBuf, Wallet) {
        let path = folder.path().join("wallet.json");
        (path.clone(), Wallet::File(path))
    }

    #[test]
    fn a_public_key_is_told_from_a_path() {
        let key = Keypair::new().pubkey();
        assert_eq!(key.to_string().parse(), Ok(Wallet::Key(key)));
        assert_eq!(format!("./{key}").parse(), Ok(Wallet::File(format!("./{key}").into())));
    }

    #[test]
    fn a_missing_key_file_is_created_for_its_owner_only_and_then_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, wallet) = file(&folder);

        let created = wallet.load_or_create().expect("created");

        assert_eq!(fs::metadata(&path).expect("it exists").permissions().mode() & 0o777, 0o600);
        assert_eq!(wallet.load_or_create().expect("loaded"), created);
        assert_eq!(solana_keypair::read_keypair_file(&path).expect("readable by others").pubkey(), created);
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, wallet) = file(&folder);
        let halves_that_do_not_match = format!("{:?}", [7; 64]);
        for content in ["", "[1,2,3]", "hello", &halves_that_do_not_match] {
            fs::write(&path, content).expect("written");

            let error = wallet.load_or_create().expect_err("refused").to_string();

            assert!(error.contains("is not a Solana key file"), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("still there"), content);
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Wallet::File("/nonexistent/folder/wallet.json".into()).load_or_create().expect_err("refused");
        assert!(error.to_string().contains("/nonexistent/folder/wallet.json"), "{error}");
    }
}
