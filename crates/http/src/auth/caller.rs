//! The caller of one request, and the rates and credentials that the caller is held to.

use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use counterfoil_core::Wallet;
use counterfoil_read::{Caller, Reader};
use counterfoil_wire::Code;

use super::audit;
use super::{Access, Mode};
use crate::rejection::Rejection;

/// The caller of one request; the guard puts it into each request that passes.
#[derive(Clone, Debug)]
pub struct RequestCaller {
    access: Arc<Access>,
    caller: Caller,
}

impl RequestCaller {
    pub(super) const fn new(access: Arc<Access>, caller: Caller) -> Self {
        Self { access, caller }
    }

    /// The operator, whose requests pass no guard.
    #[must_use]
    pub fn operator(access: Arc<Access>) -> Self {
        Self::new(access, Caller::operator())
    }

    /// The caller, as reads know it.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The caller of a socket, by its first message where the request carried no credential.
    ///
    /// # Errors
    /// [`Rejection`], when the credential is missing or not good.
    pub async fn sign_on(&self, authorization: Option<&str>) -> Result<Self, Rejection> {
        if self.access.mode == Mode::Off || self.caller.is_known() {
            return Ok(self.clone());
        }
        let who = self.access.sign_on(authorization).await?;
        Ok(Self { access: self.access.clone(), caller: self.caller.with_credential(who) })
    }

    /// Counts one more request of the caller, such as an operation on a socket.
    ///
    /// # Errors
    /// [`Rejection`], when the caller's rate is used up.
    pub async fn count(&self) -> Result<(), Rejection> {
        self.access.count_of(self.caller.who(), self.caller.network()).await
    }

    /// Logs for the operator a wallet's sign-in, or its refusal.
    pub fn tell_sign_in(&self, wallet: Wallet, refused: Option<&dyn Display>) {
        audit::signed_in(self.caller.name(), &wallet.to_string(), refused);
    }
}

impl<S: Sync> FromRequestParts<S> for RequestCaller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let caller = parts.extensions.get::<Self>().cloned();
        // Each request passes the guard; one that did not reads nothing.
        caller.ok_or_else(|| Rejection::new(Code::Forbidden, "The request did not pass authentication."))
    }
}

/// Extracts a [`Reader`] for the request's caller.
#[derive(Debug)]
pub struct ReaderOf(pub Reader);

impl<S: Send + Sync> FromRequestParts<S> for ReaderOf
where
    Reader: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let caller = RequestCaller::from_request_parts(parts, state).await?;
        Ok(Self(Reader::from_ref(state).with_caller(caller.caller)))
    }
}
