//! Lowercase hexadecimal for 32-byte hashes.

use core::fmt;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8; 32]) -> fmt::Result {
    let mut text = [0; 64];
    for ([high, low], byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        [*high, *low] =
            [byte >> 4, byte & 0xf].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or_default());
    }
    f.write_str(core::str::from_utf8(&text).unwrap_or_default())
}

/// Reads 64 lowercase hexadecimal digits: one text for each hash, so uppercase is refused.
pub(crate) fn parse(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    let value = DIGITS.iter().position(|digit| *digit == character)?;
    u8::try_from(value).ok()
}
