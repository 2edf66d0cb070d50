//! Requests and their records, as they are to be accepted.

use counterfoil_core::LedgerId;

use super::terms::{Form, Terms};
use crate::access::Quota;

/// The advisory lock of the transaction that accepts: "cfaccept" in ASCII.
pub(super) const ACCEPT_LOCK: i64 = 0x6366_6163_6365_7074;

/// A request that is to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    /// Its id: a UUID of version 7.
    pub id: [u8; 16],
    /// The ledger.
    pub ledger: LedgerId,
    /// The caller's key; empty for a caller without one.
    pub api_key: Vec<u8>,
    /// The caller's name for the request, for at most one request of this caller and ledger.
    pub idempotency_key: Option<String>,
    /// The bounds of what the caller uses in 24 hours, this request among it.
    pub quota: Quota,
    /// SHA-256 over what must be the same where the same name comes again.
    pub fingerprint: [u8; 32],
    /// The promise; none where nothing is promised.
    pub terms: Option<Terms>,
    /// The records, at least one, in their order.
    pub records: Vec<NewRecord>,
}

impl NewRequest {
    /// The part of it that is unique, where it is named.
    #[must_use]
    pub fn name(&self) -> Option<(LedgerId, &[u8], &str)> {
        self.idempotency_key.as_deref().map(|name| (self.ledger, &self.api_key[..], name))
    }

    /// The bytes of its records.
    pub(super) fn bytes(&self) -> u64 {
        self.records.iter().map(|record| record.content.len() as u64).sum()
    }
}

/// A record that is to be accepted. Ids of a request ascend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Its id: a UUID of version 7.
    pub id: [u8; 16],
    /// Its form.
    pub form: Form,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// The salt of its commitment.
    pub salt: [u8; 32],
    /// SHA-256 of salt and content.
    pub commitment: [u8; 32],
    /// Its stream.
    pub stream: [u8; 32],
    /// Its subject.
    pub subject: Option<[u8; 32]>,
    /// The author's time, in milliseconds since 1970.
    pub author_time_ms: u64,
}
