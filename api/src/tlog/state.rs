//! The state that the routes share: the index, and the operator's key.

use std::sync::Arc;

use axum::extract::FromRef;
use counterfoil_http::Rejection;
use counterfoil_read::Reader;
use counterfoil_wire::Code;

use super::note::NoteKey;

/// The state that the routes share.
#[derive(Clone)]
pub(crate) struct Logs {
    reader: Reader,
    key: Option<Arc<NoteKey>>,
}

impl FromRef<Logs> for Reader {
    fn from_ref(logs: &Logs) -> Self {
        logs.reader.clone()
    }
}

impl Logs {
    pub(crate) fn new(reader: Reader, key: Option<NoteKey>) -> Self {
        Self { reader, key: key.map(Arc::new) }
    }

    pub(crate) fn key(&self) -> Result<&NoteKey, Rejection> {
        self.key.as_deref().ok_or_else(|| {
            let detail = "This server signs nothing: its operator can start it with --note-key. Tiles and Counterfoil's own \
                          receipts are served without, and the ledger's own route tells its head.";
            Rejection::new(Code::NotConfigured, detail)
        })
    }
}
