//! What answers are read from.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use counterfoil_store::{PgPool, Snapshot, StoreError, snapshot};

/// The index as one caller sees it. All that is answered is read through it.
#[derive(Clone, Debug)]
pub struct View {
    pool: PgPool,
}

impl View {
    /// Over a database, which is not trusted with anything but the checked heads.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// One moment of the database.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        snapshot(&self.pool).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for View
where
    Self: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::from_ref(state))
    }
}
