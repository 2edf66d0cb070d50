//! Base58 of keys and signatures: five8 knows their lengths, and takes a tenth of the time of a coder for any length.

use core::fmt;

use serde::Serializer;

/// Writes 32 bytes.
pub(crate) fn write_32(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; five8::BASE58_ENCODED_32_MAX_LEN];
    let length = five8::encode_32(bytes, &mut text);
    write(&text, length.into(), f)
}

/// Writes 64 bytes.
pub(crate) fn write_64(bytes: &[u8; 64], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; five8::BASE58_ENCODED_64_MAX_LEN];
    let length = five8::encode_64(bytes, &mut text);
    write(&text, length.into(), f)
}

/// Serializes a key.
pub(crate) fn key<S: Serializer>(key: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Key(key))
}

struct Key<'k>(&'k [u8; 32]);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_32(self.0, f)
    }
}

fn write(text: &[u8], length: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = text.get(..length).and_then(|text| core::str::from_utf8(text).ok());
    f.write_str(text.ok_or(fmt::Error)?)
}
