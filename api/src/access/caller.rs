//! Who calls, and what they may read.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use counterfoil_core::{LedgerId, Wallet};
use counterfoil_store::{KeyId, Selection};

use super::audit::{self, Told};
use super::policy::Policy;
use super::sign_in::Session;
use super::{Access, Mode};
use crate::problem::Problem;
use crate::query::{Place, QueryError};

/// Who calls. Asked anew about each ledger, so that a stream ends with what it was begun with: a session, a key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// None for the operator.
    access: Option<Arc<Access>>,
    who: Who,
    /// Where the request comes from.
    network: IpAddr,
    told: Arc<Told>,
}

/// What a caller was let in with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    Nobody,
    Key(KeyId),
    Wallet(Session),
}

/// By whom streams are counted: by what a caller was let in with, or else by where the request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CallerName {
    Key(KeyId),
    Wallet(Wallet),
    Network(IpAddr),
}

impl Caller {
    /// One who may read everything: the operator, and everybody when nobody is asked.
    pub(crate) fn everything() -> Self {
        Self { access: None, who: Who::Nobody, network: IpAddr::V4(Ipv4Addr::UNSPECIFIED), told: Arc::default() }
    }

    pub(super) fn through(access: Arc<Access>, who: Who, network: IpAddr) -> Self {
        Self { access: Some(access), who, network, told: Arc::default() }
    }

    /// Tells the operator of a wallet that signed in here, or could not.
    pub(crate) fn tell_sign_in(&self, wallet: Wallet, refused: Option<&dyn Display>) {
        audit::signed_in(self.name(), &wallet.to_string(), refused);
    }

    pub(crate) const fn name(&self) -> CallerName {
        match self.who {
            Who::Nobody => CallerName::Network(self.network),
            Who::Key(id) => CallerName::Key(id),
            Who::Wallet(session) => CallerName::Wallet(session.wallet),
        }
    }

    /// Whether the caller said who they are.
    pub(super) const fn is_known(&self) -> bool {
        !matches!(self.who, Who::Nobody)
    }

    /// The caller of a socket, by its first message where the request did not say who calls.
    pub(crate) async fn sign_on(&self, authorization: Option<&str>) -> Result<Self, Problem> {
        match &self.access {
            Some(access) if access.mode != Mode::Off && !self.is_known() => {
                let who = access.sign_on(authorization).await?;
                Ok(Self { who, ..self.clone() })
            }
            _ => Ok(self.clone()),
        }
    }

    /// Counts one more request of the caller's, as one that a socket carries.
    pub(crate) async fn count(&self) -> Result<(), Problem> {
        match &self.access {
            Some(access) => access.count_of(self.who, self.network).await,
            None => Ok(()),
        }
    }

    /// Refuses unless the caller may read this ledger: it is then as unknown as one that is not there.
    pub(crate) async fn authorize(&self, ledger: LedgerId) -> Result<(), QueryError> {
        let Some(policy) = self.policy(Place::Ledger(ledger)).await? else { return Ok(()) };
        let may_read = policy.may_read(self.who, ledger);
        if policy.is_private(ledger) || !may_read {
            self.told.ledger(self.name(), ledger, may_read);
        }
        if may_read { Ok(()) } else { Err(QueryError::UnknownLedger(ledger)) }
    }

    /// The ledgers that lists may hold.
    pub(crate) async fn selection(&self) -> Result<Selection, QueryError> {
        let policy = self.policy(Place::Index).await?;
        Ok(policy.map_or_else(Selection::default, |policy| policy.selection(self.who)))
    }

    async fn policy(&self, place: Place) -> Result<Option<Arc<Policy>>, QueryError> {
        let Some(access) = self.access.as_ref().filter(|access| access.mode != Mode::Off) else { return Ok(None) };
        let policy = access.policies.current().await.map_err(place.store_error())?;
        if policy.is_good(self.who) { Ok(Some(policy)) } else { Err(QueryError::Unauthorized) }
    }
}
