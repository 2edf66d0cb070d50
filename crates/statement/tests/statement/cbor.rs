//! CBOR by hand, in forms that no encoder writes.

/// A head of RFC 8949 section 3, in the shortest form, or with its number in that number of bytes.
pub fn head(major: u8, number: u64, width: usize) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    match width {
        0 => vec![major << 5 | number as u8],
        1 => vec![major << 5 | 24, bytes[7]],
        2 => [&[major << 5 | 25], &bytes[6..]].concat(),
        4 => [&[major << 5 | 26], &bytes[4..]].concat(),
        _ => [&[major << 5 | 27], &bytes[..]].concat(),
    }
}

pub fn shortest(major: u8, number: u64) -> Vec<u8> {
    let width = match number {
        0..24 => 0,
        24..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x1_0000_0000 => 4,
        _ => 8,
    };
    head(major, number, width)
}

pub fn unsigned(number: u64) -> Vec<u8> {
    shortest(0, number)
}

pub fn bytes(bytes: &[u8]) -> Vec<u8> {
    [&shortest(2, bytes.len() as u64), bytes].concat()
}

pub fn text(text: &[u8]) -> Vec<u8> {
    [&shortest(3, text.len() as u64), text].concat()
}

/// A map of keys and values that are encoded already.
pub fn map(members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let count = shortest(5, members.len() as u64);
    members.iter().fold(count, |map, (key, value)| [map.as_slice(), key, value].concat())
}
