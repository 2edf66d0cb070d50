//! A media type, as a statement names it.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// The most bytes of a content type.
const MAX_BYTES: usize = 127;

/// A media type with its parameters: 1 to 127 bytes of RFC 9110's grammar, in ASCII, with no tab and no empty parameter.
///
/// Source: RFC 9110 section 8.3.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentType(String);

/// Says that a text is not a content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a content type is a media type of RFC 9110, such as \"text/plain; charset=utf-8\", in at most {MAX_BYTES} bytes"
)]
pub struct NotAContentType;

impl ContentType {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ContentType {
    type Err = NotAContentType;

    fn from_str(text: &str) -> Result<Self, NotAContentType> {
        let is_one = text.len() <= MAX_BYTES && is_media_type(text.as_bytes());
        is_one.then(|| Self(text.to_owned())).ok_or(NotAContentType)
    }
}

/// `token "/" token *( *SP ";" *SP token "=" ( token / quoted ) )`, and nothing after it.
fn is_media_type(text: &[u8]) -> bool {
    let parse = || {
        let mut rest = after_token(after(after_token(text)?, b'/')?)?;
        while !rest.is_empty() {
            rest = after(after_spaces(rest), b';')?;
            rest = after(after_token(after_spaces(rest))?, b'=')?;
            rest = after_token(rest).or_else(|| after_quoted(rest))?;
        }
        Some(())
    };
    parse().is_some()
}

fn after(text: &[u8], byte: u8) -> Option<&[u8]> {
    text.split_first().filter(|(first, _)| **first == byte).map(|(_, rest)| rest)
}

fn after_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    text.get(spaces..).unwrap_or_default()
}

/// RFC 9110 section 5.6.2.
fn after_token(text: &[u8]) -> Option<&[u8]> {
    let is_token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    match text.iter().take_while(is_token).count() {
        0 => None,
        length => text.get(length..),
    }
}

/// RFC 9110 section 5.6.4, of printable ASCII alone.
fn after_quoted(text: &[u8]) -> Option<&[u8]> {
    let mut rest = after(text, b'"')?;
    loop {
        let (first, others) = rest.split_first()?;
        rest = match first {
            b'"' => return Some(others),
            b'\\' => others.split_first().filter(|(escaped, _)| is_printable(**escaped))?.1,
            byte if is_printable(*byte) => others,
            _ => return None,
        };
    }
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}
