//! Errors, by the caller's next step.

use counterfoil_core::LedgerId;

use crate::Cluster;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached or refused; [`Self::is_transient`] says whether trying again may help.
    /// Nothing was written.
    #[error("the database did not answer as it should")]
    Database(#[from] sqlx::Error),
    /// The database did not answer in time. Whether anything was written is not known.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The tables could not be brought to this version.
    #[error("the database's tables could not be brought to this version")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Somebody else's tables are where the index's would be. Nothing was written.
    #[error(
        "schema {schema} of the database holds table {table}, and no index: give the index an empty database, or move \
         what is there out of that schema"
    )]
    ForeignTable {
        /// The schema.
        schema: String,
        /// The first of its tables.
        table: String,
    },
    /// Another writer moved the cursor: this one must load the state again, or stop. Nothing was written.
    #[error("ledger {ledger}: another writer is at work, the cursor is not at event {expected} any more")]
    CursorMoved {
        /// The ledger.
        ledger: LedgerId,
        /// Where this writer left the cursor.
        expected: u64,
    },
    /// The batch is not a run of this ledger's events, each in one slot: the caller is at fault. Nothing was written.
    #[error("ledger {ledger}: event {event_seq} of the batch does not follow from the one before it")]
    BrokenBatch {
        /// The ledger.
        ledger: LedgerId,
        /// The first event that does not fit.
        event_seq: u64,
    },
    /// A row that this program cannot have written: the database was changed by another hand.
    #[error("table {table}, {row}: {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The key of the row.
        row: String,
        /// The fault.
        problem: String,
    },
    /// The index holds another cluster's or another program's ledgers.
    #[error(transparent)]
    WrongCluster(Box<WrongCluster>),
    /// Another indexer has taken this one's place.
    #[error("another process has taken this one's place")]
    LeaseLost,
    /// The ledger is not in the index.
    #[error("ledger {0} is not in the index")]
    UnknownLedger(LedgerId),
    /// A number does not fit the database's 64-bit integers.
    #[error("{what} {value} does not fit the database")]
    TooLarge {
        /// The name of the number.
        what: &'static str,
        /// The number.
        value: u64,
    },
}

/// The index and the chain are not of one cluster and program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the index holds ledgers of cluster {}, program {}; these are of cluster {}, program {}: use another database",
    bound.genesis_hash, bound.program, found.genesis_hash, found.program
)]
pub struct WrongCluster {
    /// The cluster of the index.
    pub bound: Cluster,
    /// The cluster of the new rows.
    pub found: Cluster,
}

impl StoreError {
    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code().is_some_and(|code| is_transient_state(&code)),
            Self::Database(error) => matches!(
                error,
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed
            ),
            Self::TimedOut => true,
            _ => false,
        }
    }

    /// Whether it lies in what was to be written, and not in the database: a number out of range, a broken constraint.
    ///
    /// Source: PostgreSQL's manual, appendix A, classes 22 and 23.
    #[must_use]
    pub fn is_of_value(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::BrokenBatch { .. } => true,
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
            }
            _ => false,
        }
    }

    /// Whether a statement was given up because it took longer than it may.
    #[must_use]
    pub fn is_statement_timeout(&self) -> bool {
        self.has_state("57014")
    }

    /// Whether the database is a standby, which cannot do this.
    #[must_use]
    pub fn is_of_standby(&self) -> bool {
        self.has_state("25006")
    }

    /// Whether the tables are not there, or of another version.
    #[must_use]
    pub fn is_of_tables(&self) -> bool {
        self.has_state("42P01") || self.has_state("42703")
    }

    /// Whether the role may not do this.
    #[must_use]
    pub fn is_not_permitted(&self) -> bool {
        self.has_state("42501")
    }

    /// Source: PostgreSQL's manual, appendix A.
    fn has_state(&self, state: &str) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some(state))
    }

    pub(crate) fn corrupt(table: &'static str, row: impl ToString, problem: impl ToString) -> Self {
        Self::Corrupt { table, row: row.to_string(), problem: problem.to_string() }
    }
}

/// Connection lost, transaction rolled back, out of resources, object in use, operator intervened.
///
/// Source: PostgreSQL's manual, appendix A.
fn is_transient_state(sqlstate: &str) -> bool {
    ["08", "40", "53", "55", "57"].iter().any(|class| sqlstate.starts_with(class))
}
