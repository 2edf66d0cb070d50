//! Bundles of entries, as C2SP tlog-tiles has them: <https://c2sp.org/tlog-tiles>, "Log entries".

use counterfoil_core::limits::MAX_ENTRY_BYTES;

/// How many entries a full bundle has.
pub const BUNDLE_WIDTH: u64 = 256;
/// The bytes of the largest bundle.
pub const MAX_BUNDLE_BYTES: u64 = BUNDLE_WIDTH * (2 + MAX_ENTRY_BYTES as u64);

/// The fault of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry's bytes end too early.
    #[error("entry {0} ends too early")]
    Short(usize),
    /// An entry has no bytes, which no ledger's has, or too many.
    #[error("entry {index} has {bytes} bytes, not 1 to {MAX_ENTRY_BYTES}")]
    Length {
        /// Its number in the bundle.
        index: usize,
        /// Its bytes.
        bytes: usize,
    },
}

/// Entries one after the other, each behind its length: two bytes, big-endian.
///
/// # Errors
/// [`BundleError::Length`].
pub fn encode_bundle(entries: &[Vec<u8>]) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.len() + 2).sum());
    for (index, entry) in entries.iter().enumerate() {
        let fault = BundleError::Length { index, bytes: entry.len() };
        let length = u16::try_from(entry.len()).ok().filter(|length| *length > 0).ok_or(fault)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle.
///
/// # Errors
/// [`BundleError`].
pub fn decode_bundle(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, BundleError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let short = BundleError::Short(entries.len());
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 {
            return Err(BundleError::Length { index: entries.len(), bytes: 0 });
        }
        let (entry, rest) = rest.split_at_checked(length).ok_or(short)?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    Ok(entries)
}

/// A number in groups of three digits, all but the last with an x before them: 1234067 is x001/x234/067.
#[must_use]
pub fn tile_path(number: u64) -> String {
    let mut path = format!("{:03}", number % 1_000);
    let mut rest = number / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::{BundleError, decode_bundle, encode_bundle, tile_path};

    #[test]
    fn tiles_are_named_as_the_specification_says() {
        let named = [(0, "000"), (7, "007"), (999, "999"), (1_000, "x001/000"), (1_234_067, "x001/x234/067")];
        for (number, path) in named {
            assert_eq!(tile_path(number), path);
        }
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written_and_no_other_bytes_are_one() {
        let entries = vec![vec![1], vec![2; 65_535], vec![3, 4]];
        let bytes = encode_bundle(&entries).expect("they have lengths");
        assert_eq!(bytes[..3], [0, 1, 1]);
        assert_eq!(decode_bundle(&bytes), Ok(entries));
        assert_eq!(encode_bundle(&[vec![]]), Err(BundleError::Length { index: 0, bytes: 0 }));
        assert_eq!(encode_bundle(&[vec![0; 65_536]]), Err(BundleError::Length { index: 0, bytes: 65_536 }));
        assert_eq!(decode_bundle(&[0, 1, 9, 0]), Err(BundleError::Short(1)));
        assert_eq!(decode_bundle(&[0, 2, 9]), Err(BundleError::Short(0)));
        assert_eq!(decode_bundle(&[0, 0]), Err(BundleError::Length { index: 0, bytes: 0 }));
    }
}
