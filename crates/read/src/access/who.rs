//! The credential of a caller, and the name under which a caller is counted.

use std::fmt;
use std::net::IpAddr;

use counterfoil_core::Wallet;
use counterfoil_store::KeyId;
use jiff::Timestamp;

/// The credential of a caller.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Nothing: an anonymous caller.
    Anonymous,
    /// An API key.
    Key(KeyId),
    /// A wallet that signed in.
    Wallet(Session),
}

/// A wallet's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The wallet that signed in.
    pub wallet: Wallet,
    /// When the session ends.
    pub expires: Timestamp,
}

impl Session {
    /// Whether the session has ended at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires
    }
}

/// The key under which a caller's streams and searches are counted: the credential, else the client's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerName {
    /// An API key, by its public id.
    Key(KeyId),
    /// A wallet that signed in.
    Wallet(Wallet),
    /// An anonymous caller's address; of IPv6 its /64.
    Network(IpAddr),
}

impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {}", base16ct::lower::encode_string(id)),
            Self::Wallet(wallet) => write!(f, "wallet {wallet}"),
            Self::Network(address) => write!(f, "address {address}"),
        }
    }
}
