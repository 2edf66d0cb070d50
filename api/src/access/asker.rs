//! The caller of one request, and the rates and credentials that the caller is held to.

use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use counterfoil_core::Wallet;
use counterfoil_read::{Caller, Reader};

use super::audit;
use super::{Access, Mode};
use crate::problem::{Code, Problem};

/// The caller of a request; the guard puts one into each request that it lets pass.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    access: Arc<Access>,
    caller: Caller,
}

impl Asker {
    pub(super) const fn new(access: Arc<Access>, caller: Caller) -> Self {
        Self { access, caller }
    }

    /// The operator, for tests of a part.
    #[cfg(test)]
    pub(crate) fn operator(access: Arc<Access>) -> Self {
        Self::new(access, Caller::operator())
    }

    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The caller of a socket, by its first message where the request carried no credential.
    pub(crate) async fn sign_on(&self, authorization: Option<&str>) -> Result<Self, Problem> {
        if self.access.mode == Mode::Off || self.caller.is_known() {
            return Ok(self.clone());
        }
        let who = self.access.sign_on(authorization).await?;
        Ok(Self { access: self.access.clone(), caller: self.caller.with_credential(who) })
    }

    /// Counts one more request of the caller's, such as an operation on a socket.
    pub(crate) async fn count(&self) -> Result<(), Problem> {
        self.access.count_of(self.caller.who(), self.caller.network()).await
    }

    /// Logs for the operator that a wallet signed in here, or could not.
    pub(crate) fn tell_sign_in(&self, wallet: Wallet, refused: Option<&dyn Display>) {
        audit::signed_in(self.caller.name(), &wallet.to_string(), refused);
    }
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asker = parts.extensions.get::<Self>().cloned();
        // Each request passes the guard. One that did not is shown nothing.
        asker.ok_or_else(|| Problem::new(Code::Forbidden, "The request did not pass authentication."))
    }
}

/// Extracts the index as the request's caller sees it.
pub(crate) struct ReaderOf(pub(crate) Reader);

impl<S: Send + Sync> FromRequestParts<S> for ReaderOf
where
    Reader: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asker = Asker::from_request_parts(parts, state).await?;
        Ok(Self(Reader::from_ref(state).with_caller(asker.caller)))
    }
}
