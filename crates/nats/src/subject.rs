//! The subjects that hints go out on.

use std::fmt;
use std::str::FromStr;

use counterfoil_core::{GenesisHash, LedgerId};

const ROOT: &str = "counterfoil";
/// A prefix is one token of a subject, and part of the stream's name.
const MAX_PREFIX_CHARACTERS: usize = 32;
/// Of a genesis hash, which tells apart the clusters that one NATS serves.
const GENESIS_CHARACTERS: usize = 8;

/// The token that tells one index's subjects from another's: `counterfoil.PREFIX.ledger.LEDGER.head`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

/// A prefix that is no token of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix is 1 to {MAX_PREFIX_CHARACTERS} letters, digits, `-` and `_`")]
pub struct NoPrefix;

impl Prefix {
    /// The prefix where none is configured: the first characters of the hash of the cluster's first block.
    #[must_use]
    pub fn of_cluster(genesis_hash: GenesisHash) -> Self {
        Self(genesis_hash.to_string().chars().take(GENESIS_CHARACTERS).collect())
    }

    /// The subject of a ledger's heads.
    #[must_use]
    pub fn head(&self, ledger: LedgerId) -> String {
        format!("{ROOT}.{self}.ledger.{ledger}.head")
    }

    /// The subject of a ledger's checked entries.
    #[must_use]
    pub fn entries(&self, ledger: LedgerId) -> String {
        format!("{ROOT}.{self}.ledger.{ledger}.entries")
    }

    /// The subjects of all ledgers' heads.
    #[must_use]
    pub fn heads_of_all(&self) -> String {
        format!("{ROOT}.{self}.ledger.*.head")
    }

    /// The subjects of all ledgers' checked entries.
    #[must_use]
    pub fn entries_of_all(&self) -> String {
        format!("{ROOT}.{self}.ledger.*.entries")
    }

    /// All subjects of the index.
    #[must_use]
    pub fn all(&self) -> String {
        format!("{ROOT}.{self}.ledger.>")
    }

    /// The stream that keeps them.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("COUNTERFOIL_{self}")
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = NoPrefix;

    fn from_str(text: &str) -> Result<Self, NoPrefix> {
        let is_token = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if is_token && (1..=MAX_PREFIX_CHARACTERS).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoPrefix)
        }
    }
}

/// The ledger that a subject names; none when it is no subject of ours.
#[must_use]
pub fn ledger_of(subject: &str) -> Option<LedgerId> {
    let mut tokens = subject.split('.');
    let is_ours = tokens.next() == Some(ROOT) && tokens.next().is_some() && tokens.next() == Some("ledger");
    if is_ours { tokens.next()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use counterfoil_core::{GenesisHash, LedgerId};

    use super::{NoPrefix, Prefix, ledger_of};

    #[test]
    fn a_subject_names_its_ledger_and_a_foreign_one_names_none() {
        let prefix = Prefix::of_cluster(GenesisHash([0x6e; 32]));
        let ledger = LedgerId([7; 32]);
        assert_eq!(prefix.to_string().len(), 8);
        assert_eq!(ledger_of(&prefix.head(ledger)), Some(ledger));
        assert_eq!(ledger_of(&prefix.entries(ledger)), Some(ledger));
        for foreign in
            ["", "counterfoil", "counterfoil.x.ledger", "counterfoil.x.ledger.zzz.head", "other.x.ledger.a.head"]
        {
            assert_eq!(ledger_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn rejects_a_prefix_that_is_not_one_token() {
        for text in ["", "a.b", "a b", "*", ">", "a/b", "ü", &"a".repeat(33)] {
            assert_eq!(text.parse::<Prefix>(), Err(NoPrefix), "{text}");
        }
        assert_eq!("dev-1_A".parse::<Prefix>().map(|prefix| prefix.stream()), Ok("COUNTERFOIL_dev-1_A".to_owned()));
    }
}
