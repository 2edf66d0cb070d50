//! Notifications of a ledger: its watermark moved, or it was halted or filled in. They arrive when that is committed. A
//! rebuild of the index notifies all listeners.
//!
//! A notification says that there may be more, and nothing else: what it is, is read. One that is lost is made up for by
//! reading once more when the connection is back.

use counterfoil_core::LedgerId;
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};

use crate::StoreError;

const CHANNEL: &str = "counterfoil_ledger";

/// A notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something of this ledger changed.
    Ledger(LedgerId),
    /// The connection was lost and is back, or the index was rebuilt: anything may have changed.
    Anything,
}

/// A connection that hears of changes, for as long as it lives.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Hears of everything that is committed from now on. Takes a connection of the pool.
    ///
    /// # Errors
    /// [`StoreError::Database`]; also on a standby, which cannot listen.
    pub async fn listen(pool: &PgPool) -> Result<Self, StoreError> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits for the next change. Nothing is lost when it is dropped before it is ready.
    ///
    /// # Errors
    /// [`StoreError::Database`] while the connection is lost; call it again then.
    pub async fn heard(&mut self) -> Result<Heard, StoreError> {
        // The listener reconnects before it reports a lost connection.
        let Some(notification) = self.0.try_recv().await? else { return Ok(Heard::Anything) };
        // A payload that names no ledger means that any ledger may have changed. Each user of the database can notify, which
        // costs readers a query.
        Ok(notification.payload().parse().map_or(Heard::Anything, Heard::Ledger))
    }
}

/// Tells who listens, when the transaction commits.
pub(crate) async fn notify(connection: &mut PgConnection, ledger: LedgerId) -> Result<(), StoreError> {
    tell(connection, &ledger.to_string()).await
}

/// As [`notify`], of everything.
pub(crate) async fn notify_all(connection: &mut PgConnection) -> Result<(), StoreError> {
    tell(connection, "all").await
}

async fn tell(connection: &mut PgConnection, what: &str) -> Result<(), StoreError> {
    sqlx::query!("select pg_notify($1, $2)", CHANNEL, what).execute(connection).await?;
    Ok(())
}
