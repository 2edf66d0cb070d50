//! Why the relay does not go on.

use counterfoil_outbox::OutboxError;
use counterfoil_store::StoreError;

/// Why the relay does not go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that people have to change.
    #[error("{0}")]
    Blocked(String),
}

impl From<counterfoil_store::SqlError> for Fault {
    fn from(error: counterfoil_store::SqlError) -> Self {
        Self::Store(error.into())
    }
}
