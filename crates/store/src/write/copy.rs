//! PostgreSQL's binary COPY: the fastest way in for many rows.

use sqlx::PgConnection;

use crate::StoreError;

/// How many bytes go to the server at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Rows in PostgreSQL's binary COPY format.
///
/// Source: PostgreSQL's manual, COPY, "Binary Format".
pub(crate) struct Copy {
    bytes: Vec<u8>,
    columns: i16,
}

impl Copy {
    /// No rows yet, of `columns` columns, with room for `bytes` bytes of values.
    pub(crate) fn new(columns: i16, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity.saturating_add(64));
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        // No flags, no extension of the header.
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, columns }
    }

    /// Begins a row; its columns follow in order.
    pub(crate) fn row(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
        self
    }

    pub(crate) fn smallint(&mut self, value: i16) -> &mut Self {
        self.value(&[&value.to_be_bytes()])
    }

    pub(crate) fn integer(&mut self, value: i32) -> &mut Self {
        self.value(&[&value.to_be_bytes()])
    }

    pub(crate) fn bigint(&mut self, value: i64) -> &mut Self {
        self.value(&[&value.to_be_bytes()])
    }

    pub(crate) fn boolean(&mut self, value: bool) -> &mut Self {
        self.value(&[&[u8::from(value)]])
    }

    pub(crate) fn bytea(&mut self, value: &[u8]) -> &mut Self {
        self.value(&[value])
    }

    /// A column that may be null.
    pub(crate) fn optional(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.bytea(value),
            None => {
                self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
                self
            }
        }
    }

    /// One column: its length, then the parts one after the other.
    pub(crate) fn value(&mut self, parts: &[&[u8]]) -> &mut Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        // A field of PostgreSQL is below 1 GB; the largest of ours is a megabyte.
        let length = i32::try_from(length).expect("a value is far smaller than 2 GB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self
    }

    /// Sends the rows with `statement`, a `copy … from stdin (format binary)`, and waits until they are written.
    pub(crate) async fn send(mut self, connection: &mut PgConnection, statement: &str) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        let mut copy = connection.copy_in_raw(statement).await?;
        for chunk in self.bytes.chunks(CHUNK_BYTES) {
            copy.send(chunk).await?;
        }
        copy.finish().await?;
        Ok(())
    }
}
