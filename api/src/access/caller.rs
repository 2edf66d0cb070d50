//! Who calls, and what they may read.

use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::{KeyId, Selection};

use super::Access;
use super::policy::Policy;
use super::sign_in::Session;
use crate::problem::Problem;
use crate::query::{Place, QueryError};

/// Who calls. Asked anew about each ledger, so that a stream ends with what it was begun with: a session, a key.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Option<Arc<Access>>, Who);

/// What a caller was let in with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    Nobody,
    Key(KeyId),
    Wallet(Session),
}

impl Caller {
    /// One who may read everything: the operator, and everybody when nobody is asked.
    pub(crate) const fn everything() -> Self {
        Self(None, Who::Nobody)
    }

    pub(super) const fn through(access: Arc<Access>, who: Who) -> Self {
        Self(Some(access), who)
    }

    /// Whether the caller said who they are.
    pub(super) const fn is_known(&self) -> bool {
        !matches!(self.1, Who::Nobody)
    }

    /// The caller of a socket, by its first message where the request did not say who calls.
    pub(crate) async fn sign_on(&self, authorization: Option<&str>) -> Result<Self, Problem> {
        match &self.0 {
            Some(access) if !self.is_known() => access.sign_on(authorization).await,
            _ => Ok(self.clone()),
        }
    }

    /// Refuses unless the caller may read this ledger.
    pub(crate) async fn authorize(&self, ledger: LedgerId) -> Result<(), QueryError> {
        match self.policy(Place::Ledger(ledger)).await? {
            Some(policy) if !policy.may_read(self.1, ledger) => Err(QueryError::Forbidden(ledger)),
            Some(_) | None => Ok(()),
        }
    }

    /// The ledgers that lists may hold.
    pub(crate) async fn selection(&self) -> Result<Selection, QueryError> {
        let policy = self.policy(Place::Index).await?;
        Ok(policy.map_or_else(Selection::default, |policy| policy.selection(self.1)))
    }

    async fn policy(&self, place: Place) -> Result<Option<Arc<Policy>>, QueryError> {
        let Some(access) = &self.0 else { return Ok(None) };
        let policy = access.policies.current().await.map_err(place.store_error())?;
        if policy.is_good(self.1) { Ok(Some(policy)) } else { Err(QueryError::Unauthorized) }
    }
}
