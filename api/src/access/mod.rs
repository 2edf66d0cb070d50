//! Authentication and rates: who calls, and how often.
//!
//! [`guard`] authenticates the caller and counts the request. [`Asker`] goes with the request; what its caller may read is
//! decided where it is read, in `counterfoil-read`.

mod address;
mod asker;
mod audit;
mod guard;
mod key;
mod limit;
mod secret;
mod sign_in;
mod uses;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::HeaderValue;
use clap::ValueEnum;
use counterfoil_store::PgPool;
use ipnet::IpNet;

pub(crate) use address::network;
pub(crate) use asker::{Asker, ReaderOf};
pub use guard::OPEN;
pub(crate) use guard::guard;
pub use key::{ApiKey, ApiKeyError};
pub(crate) use key::{key_id_text, parse_key_id};
pub use secret::{Secret, SecretError};
pub(crate) use sign_in::Message;
pub use sign_in::{Chain, SignIn, SignInUriError};

use counterfoil_read::Policies;
use limit::{AddressLimiter, KeyLimiters};
use uses::Uses;

/// Which callers must authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Nobody: whoever reaches the port reads everything, private ledgers too.
    Off,
    /// Who wants more than the ledgers that are not private.
    Public,
    /// Everybody: each request needs a key or a session.
    Required,
}

/// Who may read, and how often.
#[derive(Debug)]
pub struct AccessSettings {
    /// Who is asked to say who they are.
    pub mode: Mode,
    /// Requests a minute from one address that come without a good key; no limit when absent.
    pub address_rate: Option<NonZeroU32>,
    /// Peers whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may read the answers.
    pub cors_origins: Vec<HeaderValue>,
    /// The names by which clients may call the server, beside localhost and addresses; all when absent.
    pub hosts: Option<Vec<String>>,
    /// For people's sessions; without it there are none.
    pub sign_in: Option<SignIn>,
    /// How long a change of keys and readers may take to be noticed.
    pub patience: Duration,
    /// How often it is written down which keys were used.
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

/// What decides, shared by all requests.
#[derive(Debug)]
pub(crate) struct Access {
    mode: Mode,
    addresses: Option<AddressLimiter>,
    trusted_proxies: Vec<IpNet>,
    origins: Vec<HeaderValue>,
    hosts: Option<Vec<String>>,
    /// The first header Host that was found good: nearly all requests have it.
    good_host: OnceLock<HeaderValue>,
    sign_in: Option<SignIn>,
    policies: Arc<Policies>,
    keys: KeyLimiters,
    uses: Uses,
}

/// The other end of the connection; set by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Access {
    pub(crate) fn new(pool: PgPool, settings: AccessSettings) -> Arc<Self> {
        let uses = Uses::default();
        if settings.mode != Mode::Off {
            tokio::spawn(uses.clone().write_down(pool.clone(), settings.use_interval));
        }
        Arc::new(Self {
            mode: settings.mode,
            addresses: settings.address_rate.map(AddressLimiter::new),
            trusted_proxies: settings.trusted_proxies,
            origins: settings.cors_origins,
            hosts: settings.hosts,
            good_host: OnceLock::new(),
            sign_in: settings.sign_in,
            policies: Arc::new(Policies::new(pool, settings.patience)),
            keys: KeyLimiters::default(),
            uses,
        })
    }

    pub(crate) const fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }
}
