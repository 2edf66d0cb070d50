//! A caller, and what they may read.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::{KeyScope, Quota, Selection};

use super::audit::Told;
use super::policy::{Policies, Policy};
use super::who::{CallerName, Who};
use crate::error::ReadError;

/// A caller. The policy is asked again about each ledger, so that a stream ends with the key or session that began it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// None for a caller who may read everything.
    policies: Option<Arc<Policies>>,
    who: Who,
    network: IpAddr,
    told: Arc<Told>,
}

impl Caller {
    /// A caller who may read everything: the operator.
    #[must_use]
    pub fn operator() -> Self {
        Self::new(None, Who::Anonymous, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// A caller from `network`, held to the policies where there are some.
    #[must_use]
    pub fn new(policies: Option<Arc<Policies>>, who: Who, network: IpAddr) -> Self {
        Self { policies, who, network, told: Arc::default() }
    }

    /// The same caller, let in with something else.
    #[must_use]
    pub fn with_credential(&self, who: Who) -> Self {
        Self { who, ..self.clone() }
    }

    /// The caller's credential.
    #[must_use]
    pub const fn who(&self) -> Who {
        self.who
    }

    /// The network that the request comes from.
    #[must_use]
    pub const fn network(&self) -> IpAddr {
        self.network
    }

    /// The name under which the caller is counted.
    #[must_use]
    pub const fn name(&self) -> CallerName {
        match self.who {
            Who::Anonymous => CallerName::Network(self.network),
            Who::Key(id) => CallerName::Key(id),
            Who::Wallet(session) => CallerName::Wallet(session.wallet),
        }
    }

    /// Whether the caller authenticated.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !matches!(self.who, Who::Anonymous)
    }

    /// Refuses unless the caller may read this ledger. The error is that of a ledger that does not exist.
    ///
    /// # Errors
    /// [`ReadError::UnknownLedger`], [`ReadError::Unauthorized`], [`ReadError::Database`].
    pub async fn authorize(&self, ledger: LedgerId) -> Result<(), ReadError> {
        let Some(policy) = self.policy().await? else { return Ok(()) };
        let may_read = policy.may_read(self.who, ledger);
        if policy.is_private(ledger) || !may_read {
            self.told.ledger(self.name(), ledger, may_read);
        }
        if may_read { Ok(()) } else { Err(ReadError::UnknownLedger(ledger)) }
    }

    /// Refuses unless the caller may have records accepted for this ledger, and says how much. Without authentication everybody may.
    ///
    /// # Errors
    /// [`ReadError::UnknownLedger`] where the caller may do nothing with it, [`ReadError::ScopeMissing`],
    /// [`ReadError::Unauthorized`], [`ReadError::Database`].
    pub async fn authorize_writing(&self, ledger: LedgerId, scope: KeyScope) -> Result<Quota, ReadError> {
        let Some(policy) = self.policy().await? else { return Ok(Quota::default()) };
        if let Some(quota) = policy.writing(self.who, ledger, scope) {
            return Ok(quota);
        }
        let may_write = |scope| policy.writing(self.who, ledger, scope).is_some();
        if policy.may_read(self.who, ledger) || [KeyScope::Write, KeyScope::Raw].into_iter().any(may_write) {
            return Err(ReadError::ScopeMissing { ledger, scope: scope.text() });
        }
        Err(ReadError::UnknownLedger(ledger))
    }

    /// The ledgers that lists may hold.
    pub(crate) async fn selection(&self) -> Result<Selection, ReadError> {
        let policy = self.policy().await?;
        Ok(policy.map_or_else(Selection::default, |policy| policy.selection(self.who)))
    }

    async fn policy(&self) -> Result<Option<Arc<Policy>>, ReadError> {
        let Some(policies) = &self.policies else { return Ok(None) };
        let policy = policies.current().await?;
        if policy.is_good(self.who) { Ok(Some(policy)) } else { Err(ReadError::Unauthorized) }
    }
}
