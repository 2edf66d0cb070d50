//! The version of the tables, for commands that only migrate or wait.

use std::time::Duration;

use anyhow::ensure;
use counterfoil_client::Backoff;
use counterfoil_store::{Migrations, PgPool, load_migrations};
use tokio::time::sleep;
use tracing::info;

use crate::open;

/// The longest pause between two looks, and so the time for which a waiting process lags behind.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Brings the tables to this program's version, and returns that. Two at a time wait for each other.
///
/// # Errors
/// When the database cannot be reached, or refuses.
pub async fn migrate(database_url: &str) -> anyhow::Result<i64> {
    let pool = open(database_url).await?;
    counterfoil_store::migrate(&pool).await?;
    let Migrations { known, .. } = load(&pool).await?;
    pool.close().await;
    Ok(known)
}

/// Waits until the tables have this program's version, whether the database answers yet or not, and returns the version.
///
/// # Errors
/// When the tables are of a later version: waiting does not make them older.
pub async fn wait(database_url: &str) -> anyhow::Result<i64> {
    let mut backoff = Backoff::new(Duration::from_millis(100), LONGEST_PAUSE);
    let mut told = None;
    loop {
        let state = match open(database_url).await {
            Ok(pool) => {
                let found = load(&pool).await;
                pool.close().await;
                match found {
                    Ok(Migrations { applied: Some(applied), known }) if applied == known => return Ok(known),
                    Ok(Migrations { applied: Some(applied), known }) => {
                        ensure!(
                            applied < known,
                            "the tables are of version {applied}, this program knows no later than {known}: take a newer program"
                        );
                        format!("the tables are of version {applied}, this program needs {known}")
                    }
                    Ok(Migrations { applied: None, known }) => {
                        format!("there are no tables yet, this program needs version {known}")
                    }
                    Err(error) => format!("{error:#}"),
                }
            }
            Err(error) => format!("{error:#}"),
        };
        if told.as_ref() != Some(&state) {
            info!("waiting: {state}");
            told = Some(state);
        }
        sleep(backoff.next_delay()).await;
    }
}

async fn load(pool: &PgPool) -> anyhow::Result<Migrations> {
    Ok(load_migrations(&mut *pool.acquire().await?).await?)
}
