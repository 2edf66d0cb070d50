//! Values as GraphQL's scalars.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ScalarType, ServerResult, Value, scalar};

use crate::value::{Bytes, Hash, Hashes, Key, Signature, Time, U64};

scalar!(U64, "U64", "A 64-bit number as a string of digits.");
scalar!(Hash, "Hash", "A SHA-256 hash: 64 lowercase hex digits.");
scalar!(Key, "Key", "A 32-byte key in base58: a ledger, a wallet, a program, a cluster's genesis hash.");
scalar!(Bytes, "Bytes", "Bytes in base64 with padding.");
scalar!(Time, "Time", "A moment, RFC 3339 in UTC.");
scalar!(Signature, "Signature", "A transaction's signature: 64 bytes in base58.");

/// Resolved at once: of a `Vec` each hash would be a future of its own, of which a page with proofs has thousands.
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
