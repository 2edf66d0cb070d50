//! The flags of authentication, and the commands that write keys and lists of readers.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use axum::http::HeaderValue;
use axum::http::uri::Authority;
use clap::{Args, Subcommand};
use counterfoil_api::{AccessSettings, Admin, Chain, KeyScope, Mode, Nats, Quota, Secret, SignIn, read_secret_file};
use counterfoil_core::{LedgerId, Wallet};
use counterfoil_nats::{Prefix, Servers, parse_server};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

/// The lifetime of a session.
const SESSION_TIME: Duration = Duration::from_secs(15 * 60);
/// Requests a minute from one address.
const ADDRESS_RATE: NonZeroU32 = NonZeroU32::new(600).expect("not zero");

/// Authentication and rates.
#[derive(Args)]
pub(crate) struct AccessArguments {
    /// The callers that must send a key or a session. When absent: `off` where the API is served on a loopback address and
    /// without --trusted-proxy, `required` elsewhere.
    #[arg(long, env = "COUNTERFOIL_API_ACCESS", value_enum)]
    access: Option<Mode>,
    /// Requests a minute from one address that come without a good key; 600 when absent, no limit with --access off.
    #[arg(long, value_name = "REQUESTS")]
    address_rate: Option<NonZeroU32>,
    /// A proxy, or a network of them, whose X-Forwarded-For is believed.
    #[arg(long, value_name = "CIDR")]
    trusted_proxy: Vec<IpNet>,
    /// An origin whose pages may read the responses, as https://app.example.com.
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    cors_origin: Vec<HeaderValue>,
    /// A name by which clients may call this server, besides localhost and addresses, as api.example.com. When absent: the
    /// host of --sign-in-uri with --access off, and where the API is served on a loopback address and without
    /// --trusted-proxy; any name elsewhere.
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    host: Vec<String>,
    /// The page on which wallets sign in, as https://app.example.com; without it they cannot.
    #[arg(long, value_name = "URI")]
    sign_in_uri: Option<String>,
    /// The chain that the text to sign names.
    #[arg(long, value_enum, default_value_t = Chain::Mainnet)]
    sign_in_chain: Chain,
    /// The file of the secret that seals sessions, at least 32 random characters. Without it sessions end with the process,
    /// and several processes do not know each other's.
    #[arg(long, value_name = "FILE", env = "COUNTERFOIL_SIGN_IN_SECRET")]
    sign_in_secret: Option<PathBuf>,
}

impl AccessArguments {
    pub(crate) fn settings(self, listen: SocketAddr) -> anyhow::Result<AccessSettings> {
        let is_local = listen.ip().is_loopback() && self.trusted_proxy.is_empty();
        let mode = self.access.unwrap_or(if is_local { Mode::Off } else { Mode::Required });
        let sign_in = match self.sign_in_uri {
            Some(uri) => {
                let secret = self.sign_in_secret.as_deref().map_or_else(|| Ok(Secret::generate()?), read_secret)?;
                Some(SignIn::new(&uri, self.sign_in_chain, secret, SESSION_TIME).context("--sign-in-uri")?)
            }
            None => None,
        };
        let asks_names = !self.host.is_empty() || is_local || mode == Mode::Off;
        let page = sign_in.as_ref().map(|sign_in| sign_in.host().to_owned());
        Ok(AccessSettings {
            mode,
            address_rate: self.address_rate.or_else(|| (mode != Mode::Off).then_some(ADDRESS_RATE)),
            trusted_proxies: self.trusted_proxy,
            cors_origins: self.cors_origin,
            hosts: asks_names.then(|| self.host.into_iter().chain(page).collect()),
            sign_in,
            ..AccessSettings::default()
        })
    }
}

/// Hints over NATS.
#[derive(Args)]
pub(crate) struct NatsArguments {
    /// A NATS server on which the indexer tells of changes, as nats://HOST:4222; give it several times for several of one cluster.
    /// For a database that cannot tell of them: a standby, or one behind a pooler.
    #[arg(long, env = "COUNTERFOIL_NATS", value_delimiter = ',', hide_env_values = true, value_name = "URL", value_parser = parse_server)]
    nats: Vec<String>,
    /// The file of NATS' `NAME:PASSWORD`, or of a token, where they are not in the URL.
    #[arg(long, env = "COUNTERFOIL_NATS_CREDENTIALS", value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// The second token of the subjects, as the indexer has it. The first 8 characters of the cluster's genesis hash when absent.
    #[arg(long, env = "COUNTERFOIL_NATS_PREFIX", value_name = "TOKEN")]
    nats_prefix: Option<Prefix>,
}

impl NatsArguments {
    pub(crate) fn settings(self) -> anyhow::Result<Option<Nats>> {
        if self.nats.is_empty() {
            return Ok(None);
        }
        let login = self.nats_credentials.map(|path| {
            let text = read_secret_file(&path).with_context(|| format!("NATS' credentials {}", path.display()))?;
            Ok::<_, anyhow::Error>(String::from_utf8_lossy(&text).into_owned())
        });
        let servers = Servers::new(&self.nats, login.transpose()?.as_deref())?;
        Ok(Some(Nats { servers, prefix: self.nats_prefix }))
    }
}

fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let what = || format!("the secret {}", path.display());
    let text = String::from_utf8_lossy(&read_secret_file(path).with_context(what)?).into_owned();
    Secret::parse(&text).with_context(what)
}

/// An origin is compared as it stands, so what never equals one is refused.
fn parse_origin(text: &str) -> Result<HeaderValue, String> {
    let uri: axum::http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    let origin = uri.scheme_str().zip(uri.authority()).map(|(scheme, authority)| format!("{scheme}://{authority}"));
    match HeaderValue::from_str(text) {
        Ok(value) if origin.as_deref() == Some(text) && text == text.to_lowercase() => Ok(value),
        _ => Err("an origin is a scheme, a host and a port, in small letters, as https://app.example.com".to_owned()),
    }
}

/// A name is compared without a port, so what has one never equals any.
fn parse_host(text: &str) -> Result<String, String> {
    match text.parse::<Authority>() {
        Ok(authority) if authority.host() == text && !text.ends_with('.') => Ok(text.to_owned()),
        _ => Err("a name is a host alone, without scheme and port, as api.example.com".to_owned()),
    }
}

fn parse_scope(text: &str) -> Result<KeyScope, String> {
    let scope = KeyScope::ALL.into_iter().find(|scope| scope.text() == text);
    scope.ok_or_else(|| "a scope is one of read, write, raw".to_owned())
}

/// A time to come.
fn parse_end(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let end = match text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        Some(days) => now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok(),
        None => text.parse().ok(),
    };
    let end = end.ok_or("an end is a time as 2027-01-31T00:00:00Z, or a number of days from now as 90d")?;
    if end > now { Ok(end) } else { Err("the end is past already".to_owned()) }
}

/// A command that writes to the database, by a role that may.
#[derive(Args)]
pub(crate) struct Write<T: Subcommand> {
    /// The index: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Better given in the environment than here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true, required = false)]
    pub(crate) database_url: Option<String>,
    #[command(subcommand)]
    pub(crate) what: T,
}

/// API keys.
#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a key and prints it, once: only its hash is kept.
    Create {
        /// Its purpose.
        #[arg(long)]
        name: String,
        /// A scope: read, through the API; write, records through the gateway; raw, entries through the gateway that are
        /// public for ever. Give it several times for several; read when absent.
        #[arg(long = "scope", value_name = "SCOPE", value_parser = parse_scope)]
        scopes: Vec<KeyScope>,
        /// A ledger that it is for, also a private one; all that are not private when none is given.
        #[arg(long = "ledger", value_name = "LEDGER")]
        ledgers: Vec<LedgerId>,
        /// The number of requests that the key may make in a minute.
        #[arg(long, value_name = "REQUESTS", default_value = "6000")]
        rate: NonZeroU32,
        /// The number of records that the gateway accepts with the key in 24 hours; no bound when absent.
        #[arg(long, value_name = "RECORDS")]
        records_a_day: Option<u64>,
        /// The number of bytes of records, likewise.
        #[arg(long, value_name = "BYTES")]
        bytes_a_day: Option<u64>,
        /// Its share of what the gateway's transactions cost in 24 hours, after which nothing is accepted with it, in lamports.
        #[arg(long, value_name = "LAMPORTS")]
        lamports_a_day: Option<u64>,
        /// The time at which the key expires, as 2027-01-31T00:00:00Z, or a number of days from now as 90d. Never when absent.
        #[arg(long, value_name = "WHEN", value_parser = parse_end)]
        expires: Option<Timestamp>,
    },
    /// Lists all keys, without their secrets.
    List,
    /// Revokes a key within seconds. It cannot be undone.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// Private ledgers: only readers on their lists, and keys to them, may read them.
#[derive(Subcommand)]
pub(crate) enum LedgerCommand {
    /// Makes a ledger private, whether or not it has readers.
    MakePrivate {
        /// The ledger.
        ledger: LedgerId,
    },
    /// Makes a ledger public, and its list of readers empty.
    MakePublic {
        /// The ledger.
        ledger: LedgerId,
    },
    /// Lists the private ledgers.
    ListPrivate,
}

/// Lists of readers: private ledgers are for them.
#[derive(Subcommand)]
pub(crate) enum ReaderCommand {
    /// Puts a wallet on a ledger's list, and makes the ledger private.
    Add {
        /// The ledger.
        ledger: LedgerId,
        /// The wallet.
        wallet: Wallet,
    },
    /// Takes a wallet off a ledger's list. The ledger stays private: `ledger make-public` publishes it.
    Remove {
        /// The ledger.
        ledger: LedgerId,
        /// The wallet.
        wallet: Wallet,
    },
    /// Lists the readers of all private ledgers, or of one.
    List {
        /// The ledger.
        ledger: Option<LedgerId>,
    },
}

impl From<KeyCommand> for Admin {
    fn from(command: KeyCommand) -> Self {
        match command {
            KeyCommand::Create {
                name,
                scopes,
                ledgers,
                rate,
                records_a_day: records,
                bytes_a_day: bytes,
                lamports_a_day: lamports,
                expires,
            } => {
                let quota = Quota { records, bytes, lamports };
                Self::CreateKey { name, scopes, quota, ledgers, rate, expires }
            }
            KeyCommand::List => Self::ListKeys,
            KeyCommand::Revoke { id } => Self::RevokeKey { id },
        }
    }
}

impl From<LedgerCommand> for Admin {
    fn from(command: LedgerCommand) -> Self {
        match command {
            LedgerCommand::MakePrivate { ledger } => Self::MakePrivate(ledger),
            LedgerCommand::MakePublic { ledger } => Self::MakePublic(ledger),
            LedgerCommand::ListPrivate => Self::ListPrivate,
        }
    }
}

impl From<ReaderCommand> for Admin {
    fn from(command: ReaderCommand) -> Self {
        match command {
            ReaderCommand::Add { ledger, wallet } => Self::AddReader(ledger, wallet),
            ReaderCommand::Remove { ledger, wallet } => Self::RemoveReader(ledger, wallet),
            ReaderCommand::List { ledger } => Self::ListReaders(ledger),
        }
    }
}
