//! Streams and subjects: a name of the caller's becomes 32 bytes that say nothing of it.

use counterfoil_core::LedgerId;
use counterfoil_statement::{StreamId, SubjectId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key under which names are hidden: HMAC-SHA256. Lost, the same names give other streams; stolen, names can be guessed.
#[derive(Clone)]
pub struct Names(Hmac<Sha256>);

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names(..)")
    }
}

impl Names {
    /// Takes the key.
    ///
    /// # Panics
    /// Never: HMAC takes keys of every length.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Hmac::new_from_slice(&key).expect("HMAC takes keys of every length"))
    }

    /// The stream of this name; a ledger's records without a name are one stream.
    #[must_use]
    pub fn stream(&self, ledger: LedgerId, name: Option<&str>) -> StreamId {
        // The kinds differ in their first byte, so that no name of one is a name of another.
        StreamId(match name {
            None => self.hide(&[b"\0", &ledger.0]),
            Some(name) => self.hide(&[b"\x01", &ledger.0, name.as_bytes()]),
        })
    }

    /// The subject of this name.
    #[must_use]
    pub fn subject(&self, ledger: LedgerId, name: &str) -> SubjectId {
        SubjectId(self.hide(&[b"\x02", &ledger.0, name.as_bytes()]))
    }

    fn hide(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_core::LedgerId;

    use super::Names;

    #[test]
    fn a_name_gives_one_stream_of_its_ledger_and_key_and_another_subject() {
        let (names, others) = (Names::new([1; 32]), Names::new([2; 32]));
        let (ledger, other) = (LedgerId([3; 32]), LedgerId([4; 32]));
        let stream = names.stream(ledger, Some("orders"));
        assert_eq!(stream, names.stream(ledger, Some("orders")));
        for different in [
            names.stream(ledger, Some("order")),
            names.stream(ledger, Some("")),
            names.stream(ledger, None),
            names.stream(other, Some("orders")),
            others.stream(ledger, Some("orders")),
        ] {
            assert_ne!(stream, different);
        }
        assert_ne!(stream.0, names.subject(ledger, "orders").0);
    }
}
