//! Lists of hashes.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ScalarType, ServerResult, Value};

use crate::value::Hash;

/// Hashes in their order. Resolved at once: of a `Vec` each would be a future of its own, of which a page with proofs has
/// thousands.
pub(super) struct Hashes(pub(super) Vec<Hash>);

impl OutputType for Hashes {
    fn type_name() -> Cow<'static, str> {
        Vec::<Hash>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<Hash>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<Hash>::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::List(self.0.iter().map(ScalarType::to_value).collect()))
    }
}
