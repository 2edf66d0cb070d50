//! Rejections as GraphQL's errors, with their codes.

use async_graphql::{Error, ErrorExtensions};
use counterfoil_http::Rejection;

/// For `map_err`: the error of a rejection, or of a read's error.
///
/// async-graphql takes whatever has a `Display` for an error, without a code. A [`Rejection`] has none, so each goes through here.
pub(super) fn refuse(error: impl Into<Rejection>) -> Error {
    let Rejection { code, detail, .. } = error.into();
    Error::new(detail).extend_with(|_, extensions| extensions.set("code", code.text()))
}
