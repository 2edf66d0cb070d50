//! Taking documents from a tree.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display, Write};
use core::str::FromStr;

use merkle_log::{Hash, LeafHash, Root};

use super::base64;
use super::plain::Plain;
use super::value::{ReadError, Value};

/// A document, or a part of one, that is read from JSON.
pub trait FromJson: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// A [`ReadError`] that says at which member the value is not one.
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError>;
}

/// An object's members while they are read, each by its name.
#[derive(Debug)]
pub struct Object<'v, 'a> {
    members: &'v [(Cow<'a, str>, Value<'a>)],
    /// A bit for each of the first 64 members, by its place: whether it was read.
    known: u64,
}

impl<'a> Value<'a> {
    /// Reads an object that has no other members than `read` takes.
    ///
    /// # Errors
    /// When it is no object, or has another member; those of `read`.
    pub fn object<T>(&self, read: impl FnOnce(&mut Object<'_, 'a>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let mut object = self.members()?;
        let value = read(&mut object)?;
        object.expect_no_other()?;
        Ok(value)
    }

    /// Reads an object that may have other members, too.
    ///
    /// # Errors
    /// When it is no object; those of `read`.
    pub fn open_object<T>(
        &self,
        read: impl FnOnce(&mut Object<'_, 'a>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        read(&mut self.members()?)
    }

    /// Reads a list.
    ///
    /// # Errors
    /// When it is no list; those of `read`, at the item.
    pub fn list<T>(&self, read: fn(&Value<'a>) -> Result<T, ReadError>) -> Result<Vec<T>, ReadError> {
        let Self::List(items) = self else { return Err(self.is_not("a list")) };
        let mut list = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            list.push(read(item).map_err(|error| error.at(at))?);
        }
        Ok(list)
    }

    /// Reads a value that has one text; another text of the same value (`007`, `+7`) is refused.
    ///
    /// # Errors
    /// When it is no text, or not the value's.
    pub fn text<T: FromStr<Err: Display> + Display>(&self) -> Result<T, ReadError> {
        value_of(self.as_text()?)
    }

    /// Any text.
    ///
    /// # Errors
    /// When it is no text.
    pub fn as_text(&self) -> Result<&str, ReadError> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other.is_not("a text")),
        }
    }

    /// The value of a member; none when it is absent, or this is no object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    fn members(&self) -> Result<Object<'_, 'a>, ReadError> {
        match self {
            Self::Object(members) => Ok(Object { members, known: 0 }),
            other => Err(other.is_not("an object")),
        }
    }

    #[inline(never)]
    fn is_not(&self, expected: &str) -> ReadError {
        let found = match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Number => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        };
        ReadError::new(format_args!("{found} stands in place of {expected}"))
    }
}

impl<'v, 'a> Object<'v, 'a> {
    /// Reads a member.
    ///
    /// # Errors
    /// When it is absent; when it is no `T`, at the member.
    pub fn member<T: FromJson>(&mut self, name: &str) -> Result<T, ReadError> {
        self.member_by(name, T::from_json)
    }

    /// Reads a member that may be absent. `null` is read as any value: it would be a second text of the absent member.
    ///
    /// # Errors
    /// When it is no `T`, at the member.
    pub fn optional<T: FromJson>(&mut self, name: &str) -> Result<Option<T>, ReadError> {
        self.optional_by(name, T::from_json)
    }

    /// As [`Self::member`], by a function.
    ///
    /// # Errors
    /// When it is absent; those of `read`, at the member.
    #[inline(never)]
    pub fn member_by<T>(&mut self, name: &str, read: fn(&Value<'a>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        read(self.required(name)?).map_err(|error| error.within(name))
    }

    /// As [`Self::optional`], by a function.
    ///
    /// # Errors
    /// Those of `read`, at the member.
    #[inline(never)]
    pub fn optional_by<T>(
        &mut self,
        name: &str,
        read: fn(&Value<'a>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        match self.find(name) {
            Some(value) => read(value).map(Some).map_err(|error| error.within(name)),
            None => Ok(None),
        }
    }

    /// Whether a member is there, whatever it says but `null`.
    ///
    /// # Errors
    /// When it says `null`.
    pub fn is_present(&mut self, name: &str) -> Result<bool, ReadError> {
        match self.find(name) {
            Some(Value::Null) => Err(ReadError::new("null is no member: leave it out").within(name)),
            value => Ok(value.is_some()),
        }
    }

    #[inline(never)]
    fn required(&mut self, name: &str) -> Result<&'v Value<'a>, ReadError> {
        self.find(name).ok_or_else(|| ReadError::new(format_args!("it has no member `{name}`")))
    }

    #[inline(never)]
    fn find(&mut self, name: &str) -> Option<&'v Value<'a>> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        self.known |= bit(at);
        self.members.get(at).map(|(_, value)| value)
    }

    /// No document names as many as 64 members, so those after the first 64 are other ones, or leave another one among these.
    #[inline(never)]
    fn expect_no_other(&self) -> Result<(), ReadError> {
        let mut others = self.members.iter().enumerate().filter(|(at, _)| self.known & bit(*at) == 0);
        match others.next() {
            Some((_, (name, _))) => {
                Err(ReadError::new(format_args!("the member `{}` is none that it may have", Plain(name))))
            }
            None => Ok(()),
        }
    }
}

impl FromJson for String {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.as_text().map(String::from)
    }
}

impl FromJson for bool {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        match value {
            Value::Bool(value) => Ok(*value),
            other => Err(other.is_not("a bool")),
        }
    }
}

impl FromJson for u64 {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.text()
    }
}

impl FromJson for Hash {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.text()
    }
}

impl FromJson for LeafHash {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        Hash::from_json(value).map(|hash| Self(hash.0))
    }
}

impl FromJson for Root {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        Hash::from_json(value).map(|hash| Self(hash.0))
    }
}

/// Bytes in base64 with padding.
impl FromJson for Vec<u8> {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        bytes_of(value.as_text()?)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.list(T::from_json)
    }
}

/// The bit of the member at a place; none from the 64th on.
fn bit(at: usize) -> u64 {
    u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0)
}

/// The value of which this is the text.
pub(super) fn value_of<T: FromStr<Err: Display> + Display>(text: &str) -> Result<T, ReadError> {
    let value = text.parse().map_err(ReadError::new)?;
    if is_text_of(&value, text) { Ok(value) } else { Err(ReadError::new("not in its usual form")) }
}

/// The bytes of which this is the base64.
pub(super) fn bytes_of(text: &str) -> Result<Vec<u8>, ReadError> {
    base64::decode(text).ok_or_else(|| ReadError::new("not base64 with padding"))
}

#[inline(never)]
fn is_text_of(value: &dyn Display, text: &str) -> bool {
    let mut rest = Rest(text);
    write!(rest, "{value}").is_ok() && rest.0.is_empty()
}

/// The part of a text that was not yet written again.
struct Rest<'t>(&'t str);

impl Write for Rest<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Lets types be read by serde as they are by [`FromJson`].
macro_rules! deserialize_from_json {
    ($($type:ty),+) => {
        $(impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = crate::json::Value::deserialize(deserializer)?;
                crate::json::FromJson::from_json(&value).map_err(serde::de::Error::custom)
            }
        })+
    };
}
pub(crate) use deserialize_from_json;
