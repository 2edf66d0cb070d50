//! GraphQL: the same content as REST, a skin over [`crate::query`].
//!
//! Bounds: pages; of a query its tokens, aliases, fields, depth and complexity (a field counts 1, one that asks the
//! database more, a list as many times as it may have elements); the size of a request, and the time of an answer.

mod aggregate;
mod allowed;
mod entry;
mod event;
mod filter;
mod found;
mod given;
mod hashes;
mod head;
mod heads;
mod http;
mod ledger;
mod limits;
mod missing;
mod operation;
mod order;
mod page;
mod pending;
mod proof;
mod root;
mod socket;
mod standing;
mod subscription;
mod transaction;
mod writer;

use async_graphql::{Context, EmptyMutation, Result, Schema};
use merkle_log::LeafIndex;

use crate::problem::Problem;
use crate::proofs::PageProofs;
use crate::query::{QueryError, View};
use hashes::Hashes;
use root::Root;
use subscription::SubscriptionRoot;

pub use allowed::{AllowedQueries, AllowedQueriesError};
pub(crate) use http::router;

type ApiSchema = Schema<Root, EmptyMutation, SubscriptionRoot>;

/// A page of entries with all that there is to each is 8 deep; the introspection of a tool is 13.
const MAX_DEPTH: usize = 16;
/// A page of 1,000 entries with every field and proof.
const MAX_COMPLEXITY: usize = 50_000;
const MAX_DIRECTIVES: usize = 16;

fn schema(introspection: bool) -> ApiSchema {
    let builder = Schema::build(Root, EmptyMutation, SubscriptionRoot)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_COMPLEXITY)
        .limit_directives(MAX_DIRECTIVES);
    if introspection { builder.finish() } else { builder.disable_introspection().disable_suggestions().finish() }
}

/// The schema in GraphQL's schema language.
#[must_use]
pub fn schema_graphql() -> String {
    Schema::build(Root, EmptyMutation, SubscriptionRoot).finish().sdl()
}

impl From<Problem> for async_graphql::Error {
    fn from(problem: Problem) -> Self {
        use async_graphql::ErrorExtensions;
        Self::new(problem.detail).extend_with(|_, extensions| extensions.set("code", problem.code.text()))
    }
}

/// For `map_err`.
fn refuse(error: QueryError) -> async_graphql::Error {
    Problem::from(error).into()
}

/// The proof of one of a page's leaves.
async fn load_proof(proofs: &PageProofs, context: &Context<'_>, index: LeafIndex) -> Result<Hashes> {
    let proof = proofs.load(context.data::<View>()?, index).await?;
    // The page was made from the same leaves.
    Ok(Hashes(proof.ok_or("the leaf is not of this page")?))
}
