//! The form of a record, and the terms of a promise.

use merkle_log::Hash;
use sqlx::types::Uuid;

use crate::StoreError;

/// The form of a record's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A statement with a commitment to its content.
    Statement,
    /// The content is the entry itself, public for ever.
    Raw,
}

impl Form {
    pub(super) const fn number(self) -> i16 {
        match self {
            Self::Statement => 0,
            Self::Raw => 1,
        }
    }

    pub(super) fn read(id: Uuid, number: i16) -> Result<Self, StoreError> {
        match number {
            0 => Ok(Self::Statement),
            1 => Ok(Self::Raw),
            _ => Err(StoreError::corrupt("gateway.record", id, format!("there is no form {number}"))),
        }
    }
}

/// The terms of a promise that vary from request to request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The checked size of the ledger at acceptance.
    pub from: u64,
    /// Until when the records are in the ledger, in seconds since 1970 of the chain's clock.
    pub deadline: i64,
    /// The root over the records' ids and commitments.
    pub root: Hash,
    /// On how many machines the commit stands.
    pub copies: u16,
}
