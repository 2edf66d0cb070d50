//! Whether an outbox is the one that was read before, on the server that it was on.

use counterfoil_outbox::{Source, load_installation};
use counterfoil_store::begin;
use counterfoil_store::gateway::{RelayCursor, accept_relayed, add_relay, load_relay};
use tracing::warn;

use super::fault::Fault;
use crate::state::Gateway;

/// In this snapshot no row is visible.
const NOTHING: &str = "1:1:";

/// A known outbox.
pub(super) struct Identity {
    pub(super) cursor: RelayCursor,
    /// Its database and server, for people.
    pub(super) name: String,
}

/// Finds how far the outbox was read. A database that was restored from before or copied is refused until `counterfoil.adopt` was called in
/// it: the rows that it has not would be missing, and those that it shares with another copy would be relayed for both.
pub(super) async fn identify(gateway: &Gateway, source: &mut Source) -> Result<Identity, Fault> {
    let found = load_installation(source.connection()).await?;
    let name = format!("database {} on server {}", found.database, found.server);
    let mut connection = gateway.pool.acquire().await?;
    let Some(cursor) = load_relay(&mut connection, found.id).await? else {
        add_relay(&mut connection, found.id, &found.server, found.adoptions, NOTHING).await?;
        let added = load_relay(&mut connection, found.id).await?;
        let cursor = added.ok_or_else(|| Fault::Blocked("its row in gateway.relay is gone".to_owned()))?;
        return Ok(Identity { cursor, name });
    };
    if found.adoptions > cursor.adoptions {
        warn!(
            "the outbox of {name} was adopted: all that it has is read again, and rows that are known are passed over"
        );
        let after = RelayCursor {
            server: found.server,
            adoptions: found.adoptions,
            seen: NOTHING.to_owned(),
            reading: None,
            newest: None,
            ..cursor.clone()
        };
        let mut transaction = begin(&mut connection).await?;
        accept_relayed(&mut transaction, &cursor, &after, &gateway.ledgers.keys(), &[]).await?;
        transaction.commit().await?;
        return Ok(Identity { cursor: after, name });
    }
    let (before, now) = (server_of(&cursor.server), server_of(&found.server));
    let advice = "if this database is the one to go on with, call counterfoil.adopt('why') in it";
    if before.0 != now.0 || before.1 > now.1 {
        let was = &cursor.server;
        return Err(Fault::Blocked(format!("the {name} is a copy or a restore: it was on server {was}; {advice}")));
    }
    if let Some((position, id)) = cursor.newest
        && !source.has_row(position, id).await?
    {
        return Err(Fault::Blocked(format!(
            "the {name} does not have row {position}, which was read last: it was restored from before, or the row was removed; {advice}"
        )));
    }
    Ok(Identity { cursor, name })
}

/// A server's system identifier and timeline.
fn server_of(text: &str) -> (&str, u64) {
    let (system, timeline) = text.split_once(", timeline ").unwrap_or((text, "0"));
    (system, timeline.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::server_of;

    #[test]
    fn a_server_is_a_system_and_a_timeline() {
        assert_eq!(server_of("7, timeline 12"), ("7", 12));
        assert_eq!(server_of("unknown"), ("unknown", 0));
    }
}
