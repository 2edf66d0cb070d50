//! Problems as GraphQL's errors, with their codes.

use counterfoil_read::ReadError;

use crate::problem::Problem;

impl From<Problem> for async_graphql::Error {
    fn from(problem: Problem) -> Self {
        use async_graphql::ErrorExtensions;
        Self::new(problem.detail).extend_with(|_, extensions| extensions.set("code", problem.code.text()))
    }
}

/// For `map_err`.
pub(super) fn refuse(error: ReadError) -> async_graphql::Error {
    Problem::from(error).into()
}
