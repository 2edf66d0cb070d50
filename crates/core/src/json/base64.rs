//! Base64 with padding, RFC 4648 section 4: one text for each byte string.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The base64 of bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = DIGITS.get((bits >> shift & 63) as usize).filter(|_| at <= chunk.len());
            text.push(char::from(digit.copied().unwrap_or(b'=')));
        }
    }
    text
}

/// The value of each character that is a digit, and [`NO_DIGIT`] of any other.
const VALUES: [u8; 256] = values();
/// More than six bits.
const NO_DIGIT: u8 = 0xff;

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler computes it, or stops")]
const fn values() -> [u8; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
}

/// The bytes of a text; none when it is not base64 with padding, or has bits that mean nothing.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (chunks, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = vec![0; chunks.len().saturating_mul(3)];
    let Some((last, chunks)) = chunks.split_last() else { return Some(bytes) };
    // The missing digits of the last chunk are zeros, and the bytes that end in them have to be.
    let (last, missing) = match *last {
        [first, second, b'=', b'='] => ([first, second, b'A', b'A'], 2),
        [first, second, third, b'='] => ([first, second, third, b'A'], 1),
        whole => (whole, 0),
    };
    let (decoded_last, decoded) = bytes.as_chunks_mut::<3>().0.split_last_mut()?;
    let mut seen = fill(decoded_last, last);
    for (decoded, chunk) in decoded.iter_mut().zip(chunks) {
        seen |= fill(decoded, *chunk);
    }
    let length = bytes.len().saturating_sub(missing);
    let is_zero = bytes.get(length..)?.iter().all(|byte| *byte == 0);
    bytes.truncate(length);
    (seen < 64 && is_zero).then_some(bytes)
}

/// Decodes four characters; gives all bits of their values, more than six where one is no digit.
#[inline(always)]
fn fill(decoded: &mut [u8; 3], [a, b, c, d]: [u8; 4]) -> u8 {
    let value = |character: u8| VALUES.get(usize::from(character)).copied().unwrap_or(NO_DIGIT);
    let (a, b, c, d) = (value(a), value(b), value(c), value(d));
    *decoded = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    a | b | c | d
}
