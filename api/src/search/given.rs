//! A part of a filter: left out and `null` are two things.

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{InputType, InputValueError, InputValueResult, Value};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

const NULL: &str = "null is nothing to compare with: leave it out, or set the variable";

/// A part of a filter that may be left out, but not be `null`.
///
/// A client whose variable was never set sends `null`. Taken for "left out" it would be shown everything where it asked for
/// one signer's entries. The schema shows the same type as for an `Option`, for GraphQL has no other that may be left out.
pub(crate) struct Given<T>(pub(super) Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: InputType> InputType for Given<T> {
    type RawValueType = T::RawValueType;

    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::type_name().into_owned()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry);
        Self::qualified_type_name()
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value {
            None => Ok(Self(None)),
            Some(Value::Null) => Err(InputValueError::custom(NULL)),
            given => T::parse(given).map(|value| Self(Some(value))).map_err(InputValueError::propagate),
        }
    }

    fn to_value(&self) -> Value {
        self.0.as_ref().map_or(Value::Null, InputType::to_value)
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(InputType::as_raw_value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Option::<T>::deserialize(deserializer)?;
        given.map(|value| Self(Some(value))).ok_or_else(|| D::Error::custom(NULL))
    }
}
