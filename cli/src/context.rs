//! The options that all subcommands share: servers, program, wallet.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use counterfoil_append::refusal::code::{ACCOUNT_MISSING, WRONG_KIND, WRONG_OWNER};
use counterfoil_append::{Instruction, Keypair, Sent, read_keypair, send, wallet_of};
use counterfoil_client::{Rpc, Source, idl, one_machine_warning, parse_rpc_url};
use counterfoil_core::{GenesisHash, LedgerAccount, LedgerId, ProgramId, Wallet};
use counterfoil_service::{note, out_json};
use serde_json::json;

use crate::api::Api;
use crate::trust::Trust;
use crate::verdict::Usage;

/// The options of every subcommand.
#[derive(Args)]
pub struct Options {
    /// A Solana JSON-RPC server; `verify`, `audit`, `entries --verify` and `doctor` ask several. Default: the Solana CLI's, or the local one.
    #[arg(long = "rpc", global = true, env = "COUNTERFOIL_RPC", value_delimiter = ',', hide_env_values = true, value_parser = parse_rpc_url)]
    rpc_urls: Vec<String>,
    /// The Counterfoil API that serves entries and proofs; `verify` asks several for bridges. Not trusted: what it says is
    /// recomputed.
    #[arg(
        long = "api",
        global = true,
        env = "COUNTERFOIL_API",
        hide_env_values = true,
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8080"
    )]
    api_urls: Vec<String>,
    /// The wallet: a Solana CLI key file. Default: the Solana CLI's.
    #[arg(long, global = true, env = "COUNTERFOIL_WALLET")]
    wallet: Option<PathBuf>,
    /// The program's address. Default: the one that its IDL declares.
    #[arg(long, global = true, env = "COUNTERFOIL_PROGRAM", default_value_t = idl::declared_program())]
    program: ProgramId,
    /// The file of what you rely on: cluster, program, ledgers, servers; see `counterfoil trust`.
    #[arg(long = "trust", global = true, env = "COUNTERFOIL_TRUST")]
    trust_file: Option<PathBuf>,
    #[arg(skip)]
    trust: Option<Trust>,
}

impl Options {
    /// Reads the trust file, where one is given.
    ///
    /// # Errors
    /// [`Usage`] when it cannot be used.
    pub fn read_trust(&mut self) -> anyhow::Result<()> {
        self.trust = self.trust_file.as_deref().map(Trust::read).transpose()?;
        let pinned = self.trust.as_ref().and_then(|trust| trust.program.as_ref()).map(|program| program.address);
        if let Some(pinned) = pinned {
            if self.program != pinned && self.program != idl::declared_program() {
                return Err(Usage(format!("--program is {}, the trust file pins {pinned}", self.program)).into());
            }
            self.program = pinned;
        }
        Ok(())
    }

    /// The cluster that the trust file pins.
    pub fn cluster(&self) -> Option<GenesisHash> {
        self.trust.as_ref()?.cluster.as_ref().map(|cluster| cluster.genesis_hash)
    }

    /// The ledgers that the trust file pins.
    pub fn ledgers(&self) -> Vec<LedgerId> {
        self.trust.iter().flat_map(|trust| &trust.ledgers).map(|ledger| ledger.address).collect()
    }

    /// The SHA-256 of programs that the trust file pins.
    pub fn releases(&self) -> Vec<[u8; 32]> {
        self.trust.iter().flat_map(|trust| &trust.releases).map(|release| release.sha256.0).collect()
    }

    /// How many of `asked` servers must agree: what is given, or the trust file's, or more than half.
    ///
    /// # Errors
    /// [`Usage`] when it is none or more than there are.
    pub fn quorum(&self, given: Option<usize>, asked: usize) -> anyhow::Result<usize> {
        let quorum = given.or(self.trust.as_ref().and_then(|trust| trust.quorum)).unwrap_or(asked / 2 + 1);
        match (1..=asked).contains(&quorum) {
            true => Ok(quorum),
            false => Err(Usage(format!("--quorum must be 1 to {asked}, the count of servers")).into()),
        }
    }

    /// The program to talk to.
    pub const fn program(&self) -> ProgramId {
        self.program
    }

    /// The one server that transactions are sent to.
    pub fn rpc(&self) -> Rpc {
        let url = self.rpc_urls.first().cloned().unwrap_or_else(default_rpc_url);
        Rpc::new(&url, self.program)
    }

    /// All servers given, for asking several the same; one that was given twice is one. Two names that may be one
    /// server's are warned of. Those of the trust file take the place of others.
    pub fn servers(&self, warnings: &mut Vec<String>) -> Vec<Rpc> {
        let trusted: BTreeSet<&String> =
            self.trust.iter().flat_map(|trust| &trust.servers).map(|server| &server.url).collect();
        let given: BTreeSet<&String> = self.rpc_urls.iter().collect();
        if !trusted.is_empty() && !given.is_subset(&trusted) {
            warnings.push("the trust file names the servers: those of --rpc are not asked".to_owned());
        }
        let urls = if trusted.is_empty() { given } else { trusted };
        warnings.extend(one_machine_warning(urls.iter().map(|url| url.as_str())));
        match urls.is_empty() {
            true => vec![self.rpc()],
            false => urls.into_iter().map(|url| Rpc::new(url, self.program)).collect(),
        }
    }

    /// The API; the first, where several are given.
    pub fn api(&self) -> anyhow::Result<Api> {
        Api::new(self.api_urls.first().context("--api has a default")?)
    }

    /// All APIs given.
    pub fn apis(&self) -> anyhow::Result<Vec<Api>> {
        self.api_urls.iter().map(|url| Api::new(url)).collect()
    }

    /// Sends an instruction about a ledger that the wallet in use signs.
    ///
    /// # Errors
    /// As [`Self::wallet`] and [`send`]; that there is no such ledger, where an account that is missing is the ledger's.
    pub async fn send(
        &self,
        ledger: LedgerId,
        instruction: impl FnOnce(ProgramId, Wallet) -> Instruction,
    ) -> anyhow::Result<Sent> {
        let (rpc, wallet) = (self.rpc(), self.wallet()?);
        let sent = send(&rpc, &wallet, instruction(self.program, wallet_of(&wallet))).await;
        if sent.as_ref().is_err_and(|error| error.is_refusal(&[ACCOUNT_MISSING, WRONG_OWNER, WRONG_KIND])) {
            confirmed_account(&rpc, ledger).await?;
        }
        Ok(sent?)
    }

    /// The wallet's key.
    ///
    /// # Errors
    /// Says which file was tried and what to do.
    pub fn wallet(&self) -> anyhow::Result<Keypair> {
        let path = match &self.wallet {
            Some(path) => path.clone(),
            None => default_wallet()?,
        };
        read_keypair(&path).with_context(|| {
            format!(
                "{} is not a readable Solana key file: give one with --wallet or COUNTERFOIL_WALLET, or make one \
                 (`counterfoil dev` makes one for local use, `solana-keygen new` for real use)",
                path.display()
            )
        })
    }
}

/// A ledger's account as a server has it confirmed.
///
/// # Errors
/// As [`Rpc::fetch_confirmed_account`], with the server's name.
pub async fn confirmed_account(rpc: &Rpc, ledger: LedgerId) -> anyhow::Result<LedgerAccount> {
    let at = rpc.fetch_confirmed_account(ledger).await;
    Ok(at.map_err(|error| anyhow::anyhow!(named(rpc, &error.into())))?.account)
}

/// The text of an error with the name of the server that it is about.
pub fn named(rpc: &Rpc, error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    match text.contains(rpc.name()) {
        true => text,
        false => format!("{}: {text}", rpc.name()),
    }
}

/// Tells what was done by a transaction: in words on standard error, or as JSON on standard output.
pub fn tell_sent(done: &str, sent: &Sent, as_json: bool) {
    let Sent { signature, slot } = sent;
    match as_json {
        true => out_json(&json!({ "done": done, "slot": slot.to_string(), "transaction": signature })),
        false => note!("{done} in slot {slot} by transaction {signature}"),
    }
}

/// Reads a text as a 32-byte hash or id: 64 hex digits.
pub fn parse_id(text: &str) -> Result<[u8; 32], String> {
    let hash: merkle_log::Hash = text.parse().map_err(|_| "an id is 64 lowercase hexadecimal digits".to_owned())?;
    Ok(hash.0)
}

fn default_rpc_url() -> String {
    let configured = solana_cli_setting("json_rpc_url");
    configured.and_then(|url| parse_rpc_url(&url).ok()).unwrap_or_else(|| "http://127.0.0.1:8899".to_owned())
}

fn default_wallet() -> anyhow::Result<PathBuf> {
    if let Some(path) = solana_cli_setting("keypair_path") {
        return Ok(path.into());
    }
    let Some(home) = env::var_os("HOME") else {
        bail!("HOME is not set, so there is no default wallet: give one with --wallet")
    };
    Ok(Path::new(&home).join(".config/solana/id.json"))
}

/// A setting of the Solana CLI's configuration file, whose lines are `name: value`.
fn solana_cli_setting(name: &str) -> Option<String> {
    let home = env::var_os("HOME")?;
    let text = fs::read_to_string(Path::new(&home).join(".config/solana/cli/config.yml")).ok()?;
    setting(&text, name)
}

fn setting(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let value = value.trim().trim_matches(['"', '\'']);
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::setting;

    #[test]
    fn reads_the_solana_clis_settings_with_and_without_quotes() {
        let text = "---\njson_rpc_url: \"https://rpc.example.com\"\nwebsocket_url: ''\nkeypair_path: /keys/id.json\n";
        assert_eq!(setting(text, "json_rpc_url").as_deref(), Some("https://rpc.example.com"));
        assert_eq!(setting(text, "keypair_path").as_deref(), Some("/keys/id.json"));
        assert_eq!(setting(text, "websocket_url"), None);
    }
}
