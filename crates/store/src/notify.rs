//! Who waits for a ledger hears that its watermark moved, that it was halted or filled in, when that is committed; and all,
//! that the index was made anew.
//!
//! A notification says that there may be more, and nothing else: what it is, is read. One that is lost is made up for by
//! reading once more when the connection is back.

use counterfoil_core::LedgerId;
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};

use crate::StoreError;

const CHANNEL: &str = "counterfoil_ledger";

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something of this ledger changed.
    Ledger(LedgerId),
    /// The connection was lost and is back, or the index was made anew: anything may have changed.
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
    /// [`StoreError::Database`] while the connection cannot be made anew; call it again then.
    pub async fn heard(&mut self) -> Result<Heard, StoreError> {
        // The listener makes a lost connection anew before it says that it was lost.
        let Some(notification) = self.0.try_recv().await? else { return Ok(Heard::Anything) };
        // What names no ledger is of all. Whoever may use the database may notify, which costs readers a look.
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
