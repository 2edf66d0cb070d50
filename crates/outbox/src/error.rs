//! Why the user's database does not do what it is asked.

/// Why the user's database does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database failed, or refused: its words are told once, so that this is no error's source.
    #[error("{}", told(.0))]
    Database(sqlx::Error),
    /// The schema is not there.
    #[error("schema counterfoil is not there: `counterfoil outbox install --database URL` makes it")]
    NotInstalled,
    /// The schema is of another version.
    #[error(
        "schema counterfoil is of version {found}, and this program reads versions {oldest} to {newest}: use a program of its version"
    )]
    OtherVersion {
        /// The version there.
        found: i32,
        /// The oldest that is read.
        oldest: i32,
        /// The newest that is read.
        newest: i32,
    },
    /// The relation is no table.
    #[error("{table} is no table that can be checked: {why}")]
    NotATable {
        /// Its name.
        table: String,
        /// Why.
        why: String,
    },
    /// A row holds something that it cannot hold.
    #[error("row {position} of counterfoil.outbox is not what the triggers write: {why}")]
    Row {
        /// Its position.
        position: i64,
        /// Why.
        why: String,
    },
}

impl From<sqlx::Error> for OutboxError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// The server's words with its hint, which says what to do.
fn told(error: &sqlx::Error) -> String {
    let hint = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().and_then(|error| error.hint()));
    match (error.as_database_error(), hint) {
        (Some(error), Some(hint)) => format!("{} ({hint})", error.message()),
        (Some(error), None) => error.message().to_owned(),
        (None, _) => error.to_string(),
    }
}
