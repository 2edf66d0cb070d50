//! The trust file: what a verifier relies on, value by value, each with the place that it was taken from.
//!
//! Nothing in it comes from an API, a server or a receipt: they are what is under test.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use counterfoil_client::{parse_rpc_url, without_keys};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId, json};
use merkle_log::Hash;
use serde::{Deserialize, Serialize};

use crate::file;
use crate::verdict::Usage;

/// The first member of every trust file.
pub const FORMAT: &str = "counterfoil trust v1";
const MAX_BYTES: u64 = 1 << 20;

/// A trust file. Every part may be absent: what is not pinned, a verdict says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    format: String,
    /// How many of the servers must agree. Default: more than half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<usize>,
    /// The cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// The program's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// Programs by their bytes, besides the one released with this version.
    #[serde(default, rename = "release", skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Release>,
    /// The ledgers.
    #[serde(default, rename = "ledger", skip_serializing_if = "Vec::is_empty")]
    pub ledgers: Vec<Ledger>,
    /// The Solana JSON-RPC servers to ask.
    #[serde(default, rename = "server", skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Server>,
}

/// See [`Trust::cluster`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The hash of its first block.
    #[serde(with = "json::text")]
    pub genesis_hash: GenesisHash,
    /// Where it was taken from.
    pub source: String,
}

/// See [`Trust::program`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The address.
    #[serde(with = "json::text")]
    pub address: ProgramId,
    /// Where it was taken from.
    pub source: String,
}

/// See [`Trust::releases`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// SHA-256 of the program's bytes without the zeros at their end, lowercase hex.
    #[serde(with = "json::text")]
    pub sha256: Hash,
    /// Where it was taken from.
    pub source: String,
}

/// See [`Trust::ledgers`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The address.
    #[serde(with = "json::text")]
    pub address: LedgerId,
    /// Where it was taken from.
    pub source: String,
}

/// See [`Trust::servers`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The URL. It may hold a key: it is written to the file and nowhere else.
    pub url: String,
    /// Where it was taken from.
    pub source: String,
}

impl Trust {
    /// One that pins nothing.
    pub fn new() -> Self {
        Self {
            format: FORMAT.to_owned(),
            quorum: None,
            cluster: None,
            program: None,
            releases: Vec::new(),
            ledgers: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Reads a trust file.
    ///
    /// # Errors
    /// [`Usage`] that says where it is not one.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let wrong = |error: anyhow::Error| Usage(format!("the trust file cannot be used: {error:#}"));
        let text = file::read_text(path, MAX_BYTES).map_err(wrong)?;
        let read = || {
            // The error shows the line, which may hold a server's key.
            let mut trust: Self = toml::from_str(&text).map_err(|error| {
                let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
                anyhow::anyhow!("line {line}: {}", error.message())
            })?;
            trust.check()?;
            anyhow::Ok(trust)
        };
        Ok(read().with_context(|| path.display().to_string()).map_err(wrong)?)
    }

    /// Its text.
    pub fn to_text(&self) -> anyhow::Result<String> {
        toml::to_string(self).context("a trust file can be written as TOML")
    }

    /// Makes sure that it can be used as it stands; servers' URLs get their usual form.
    ///
    /// # Errors
    /// Says which value is wrong.
    pub fn check(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.format == FORMAT, "the format is {:?}, not {FORMAT:?}", self.format);
        for server in &mut self.servers {
            server.url = parse_rpc_url(&server.url).map_err(|error| anyhow::anyhow!("the URL of a server: {error}"))?;
        }
        let mut sources: Vec<&str> = Vec::new();
        sources.extend(self.cluster.as_ref().map(|cluster| cluster.source.as_str()));
        sources.extend(self.program.as_ref().map(|program| program.source.as_str()));
        sources.extend(self.releases.iter().map(|release| release.source.as_str()));
        sources.extend(self.ledgers.iter().map(|ledger| ledger.source.as_str()));
        sources.extend(self.servers.iter().map(|server| server.source.as_str()));
        anyhow::ensure!(
            sources.iter().all(|source| !source.trim().is_empty()),
            "each value needs a source: the place that you took it from, which is not the API or receipt under test"
        );
        expect_each_once("ledger", self.ledgers.iter().map(|ledger| ledger.address), ToString::to_string)?;
        expect_each_once("server", self.servers.iter().map(|server| server.url.as_str()), |url| without_keys(url))?;
        if let Some(quorum) = self.quorum {
            anyhow::ensure!(
                (1..=self.servers.len()).contains(&quorum),
                "the quorum is {quorum}, of {} servers",
                self.servers.len()
            );
        }
        Ok(())
    }
}

/// Names a value that stands there twice, and where: as which of its kind, from 1.
fn expect_each_once<T: Ord>(
    kind: &str,
    values: impl Iterator<Item = T>,
    name: impl Fn(&T) -> String,
) -> anyhow::Result<()> {
    let mut seen = BTreeMap::new();
    for (number, value) in (1..).zip(values) {
        let shown = name(&value);
        if let Some(before) = seen.insert(value, number) {
            anyhow::bail!("{kind} {shown} stands there twice: as the [[{kind}]] number {before} and {number}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Trust;

    const WHOLE: &str = r#"
format = "counterfoil trust v1"
quorum = 1
[cluster]
genesis_hash = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
source = "solana.com, 2026-05-01"
[[ledger]]
address = "32ZsJ2yJjwuoBiWE5xnZjG9tKmK3CubbmEzgkQLyQzgD"
source = "contract of 2026-05-01, page 3"
[[server]]
url = "https://RPC.example.com:443/?key=secret"
source = "our own contract with the provider"
"#;

    fn read(text: &str) -> Result<Trust, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Trust::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_trust_file_reads_back_as_it_was_written() {
        let trust = read(WHOLE).unwrap();
        assert_eq!(trust.servers[0].url, "https://rpc.example.com/?key=secret");
        let again = read(&trust.to_text().unwrap()).unwrap();
        assert_eq!((again.ledgers, again.cluster, again.quorum), (trust.ledgers, trust.cluster, trust.quorum));
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_without_a_servers_key() {
        for (from, to, expected) in [
            ("genesis_hash", "genesis_hsah", "line 5: unknown field `genesis_hsah`"),
            ("trust v1", "trust v2", "the format is \"counterfoil trust v2\""),
            ("quorum = 1", "quorum = 2", "the quorum is 2, of 1 servers"),
            ("\"contract of 2026-05-01, page 3\"", "\" \"", "each value needs a source"),
            ("32ZsJ2y", "02ZsJ2y", "line 8: a key is 32 bytes in base58"),
            ("https://RPC", "rpc", "the URL of a server:"),
            ("source = \"our own contract with the provider\"", "", "missing field `source`"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let refused = read(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(refused.contains(expected), "{expected}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
        let ledger = &WHOLE[WHOLE.find("[[ledger]]").unwrap()..WHOLE.find("[[server]]").unwrap()];
        let server = &WHOLE[WHOLE.find("[[server]]").unwrap()..];
        for (again, expected) in [
            (
                ledger,
                "ledger 32ZsJ2yJjwuoBiWE5xnZjG9tKmK3CubbmEzgkQLyQzgD stands there twice: as the [[ledger]] number 1 and 2",
            ),
            (server, "server https://rpc.example.com stands there twice: as the [[server]] number 1 and 2"),
        ] {
            let refused = read(&format!("{WHOLE}{again}")).unwrap_err();
            assert!(refused.contains(expected) && !refused.contains("secret"), "{expected}: {refused}");
        }
    }
}
