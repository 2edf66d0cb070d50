//! The schema, and the bounds of a query.

use async_graphql::{EmptyMutation, Schema};

use super::root::Root;
use super::subscription::SubscriptionRoot;

pub(super) type ApiSchema = Schema<Root, EmptyMutation, SubscriptionRoot>;

/// A page of entries with all that there is to each is 8 deep; the introspection of a tool is 13.
const MAX_DEPTH: usize = 16;
/// A page of 1,000 entries with every field and proof.
const MAX_COMPLEXITY: usize = 50_000;
const MAX_DIRECTIVES: usize = 16;

/// The schema. `introspection` opens it to tools.
pub(super) fn schema(introspection: bool) -> ApiSchema {
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
