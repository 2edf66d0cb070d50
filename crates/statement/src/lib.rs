#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

extern crate alloc;

mod base58;
mod cbor;
mod content_type;
mod ids;
mod judge;
mod promise;
mod signature;
mod signing;
mod statement;

pub use content_type::{ContentType, NotAContentType};
pub use ed25519_dalek::SigningKey;
pub use ids::{
    AuthorTime, Commitment, NotARecordId, NotATime, RecordId, Salt, SaltTextError, StreamId, SubjectId, commit,
};
pub use judge::{EvidenceJudge, Findings, Found, Missing, Read, Verdict};
pub use promise::{FORMAT, Promise, PromiseBody, PromiseError, PromisedRecord, Record, Records, VerifiedPromise};
pub use signature::{AuthorSignature, PromiseKey, Signature};
pub use statement::{Place, SignedStatement, Statement, StatementError, TAG, TAG_BYTES};
