//! Hints from the indexer over NATS. Of a message nothing is read but the ledger that its subject names.

use std::time::Duration;

use counterfoil_nats::{Prefix, Servers, ledger_of, listen};
use counterfoil_read::Hints;
use counterfoil_store::{PgPool, load_cluster};

/// How long the database is left alone before it is asked again which cluster it is of.
const PAUSE: Duration = Duration::from_secs(1);

/// The NATS on which the indexer tells of changes.
#[derive(Clone, Debug)]
pub struct Nats {
    /// Its servers. Not trusted: a message leads to a look at the index, and to no other answer.
    pub servers: Servers,
    /// The token of the subjects; none for the one that the cluster's genesis hash gives.
    pub prefix: Option<Prefix>,
}

/// Passes hints on until the pool is closed.
pub(crate) async fn hear_hints(nats: Nats, pool: PgPool, hints: Hints) {
    let hear = async {
        let prefix = match nats.prefix {
            Some(prefix) => prefix,
            None => find_prefix(&pool).await,
        };
        listen(&nats.servers, "counterfoil-api", &prefix.heads_of_all(), |subject, _| {
            if let Some(ledger) = ledger_of(subject) {
                hints.hint(ledger);
            }
        })
        .await
    };
    tokio::select! {
        never = hear => match never {},
        () = pool.close_event() => {}
    }
}

/// The prefix of the cluster that the index is of. An index is of none before an indexer has written to it.
async fn find_prefix(pool: &PgPool) -> Prefix {
    loop {
        if let Ok(mut connection) = pool.acquire().await
            && let Ok(Some(cluster)) = load_cluster(&mut connection).await
        {
            return Prefix::of_cluster(cluster.genesis_hash);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
