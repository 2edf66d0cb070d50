//! Authentication and rates: who calls, and how often.
//!
//! [`guard`] authenticates the caller and counts the request. [`RequestCaller`] goes with the request; what its caller may read
//! is decided where it is read, in `counterfoil-read`.

mod address;
mod audit;
mod caller;
mod guard;
mod key;
mod limit;
mod secret;
mod sign_in;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::HeaderValue;
use clap::ValueEnum;
use counterfoil_read::{KeyUses, Policies};
use ipnet::IpNet;

use self::limit::{AddressLimiter, KeyLimiters};

pub(crate) use self::address::network;
pub use self::caller::{ReaderOf, RequestCaller};
pub(crate) use self::guard::guard;
pub use self::key::{ApiKey, ApiKeyError, key_id_text, parse_key_id};
pub use self::secret::{Secret, SecretError};
pub use self::sign_in::{Chain, Message, SignIn, SignInError, SignInUriError};

/// The callers that must authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// No caller: all that reach the port read everything, private ledgers too.
    Off,
    /// Callers that read private ledgers.
    Public,
    /// Every caller: each request needs a key or a session.
    Required,
}

/// Authentication and rates, as the operator sets them.
#[derive(Debug)]
pub struct AccessSettings {
    /// The callers that must authenticate.
    pub mode: Mode,
    /// Requests a minute from one address that come without a good key; no limit when absent.
    pub address_rate: Option<NonZeroU32>,
    /// Peers whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may read the responses and open WebSockets.
    pub cors_origins: Vec<HeaderValue>,
    /// The names by which clients may call the server, besides localhost and addresses; all when absent.
    pub hosts: Option<Vec<String>>,
    /// Sign-in with a wallet; without it there are no sessions.
    pub sign_in: Option<SignIn>,
    /// How long a change of keys and readers may take to be noticed.
    pub patience: Duration,
    /// How often the last use of keys is written to the database.
    pub use_interval: Duration,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Off,
            address_rate: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            hosts: None,
            sign_in: None,
            patience: Duration::from_secs(5),
            use_interval: Duration::from_secs(60),
        }
    }
}

/// The paths of a service that authentication treats apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessPaths {
    /// Paths that are answered without authentication: the same for every caller, or the way to authenticate.
    pub open: &'static [&'static str],
    /// The liveness probe: not counted either, so that it is answered however many others call.
    pub liveness: Option<&'static str>,
    /// The path of WebSockets, which may authenticate by their first message.
    pub socket: Option<&'static str>,
    /// Paths that pages of unknown origins may not call at all, whether or not they could read the response.
    pub own_pages: &'static [&'static str],
}

/// Authentication and rates, shared by all requests.
#[derive(Debug)]
pub struct Access {
    mode: Mode,
    paths: AccessPaths,
    addresses: Option<AddressLimiter>,
    trusted_proxies: Vec<IpNet>,
    origins: Vec<HeaderValue>,
    hosts: Option<Vec<String>>,
    /// The first host name that was accepted: nearly all requests have it.
    good_host: OnceLock<HeaderValue>,
    sign_in: Option<SignIn>,
    policies: Arc<Policies>,
    keys: KeyLimiters,
    uses: KeyUses,
}

/// The address at the other end of the connection; set by the server.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

impl Access {
    /// Authentication against these policies. Uses of keys are noted in `uses`.
    #[must_use]
    pub fn new(settings: AccessSettings, paths: AccessPaths, policies: Policies, uses: KeyUses) -> Arc<Self> {
        Arc::new(Self {
            mode: settings.mode,
            paths,
            addresses: settings.address_rate.map(AddressLimiter::new),
            trusted_proxies: settings.trusted_proxies,
            origins: settings.cors_origins,
            hosts: settings.hosts,
            good_host: OnceLock::new(),
            sign_in: settings.sign_in,
            policies: Arc::new(policies),
            keys: KeyLimiters::default(),
            uses,
        })
    }

    /// Sign-in with a wallet, where the operator has set it up.
    #[must_use]
    pub const fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }

    /// Origins whose pages may read the responses.
    pub(crate) fn origins(&self) -> &[HeaderValue] {
        &self.origins
    }
}
