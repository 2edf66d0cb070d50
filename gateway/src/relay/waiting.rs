//! Ledgers that take none now hold up their own rows, in their order, and no other ledger's.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use counterfoil_outbox::{OutboxRow, Protection, Source, Uuid};
use counterfoil_store::begin;
use counterfoil_store::gateway::{
    NewRequest, RelayCursor, WaitingRow, accept_relayed, end_waiting, load_waiting, load_waiting_ledgers,
};
use tokio::time::Instant;
use tracing::{info, warn};

use super::fault::Fault;
use super::keys::Keys;
use super::request::request;
use crate::state::Gateway;

/// How long it takes until a ledger is tried again, and for how long rows of one are accepted before new ones are read.
const PAUSE: Duration = Duration::from_secs(2);
const TURN: Duration = Duration::from_millis(500);
/// The rows of one commit: each may be large.
const ROWS_PER_COMMIT: u32 = 128;

/// The ledgers for which rows of one outbox wait, as the rows name them, with what was told of each last.
pub(super) struct Waiting {
    ledgers: BTreeMap<String, String>,
    /// The number of rows, of all of them.
    pub(super) rows: u64,
    next: Instant,
}

impl Waiting {
    pub(super) async fn load(gateway: &Gateway, relay: i32) -> Result<Self, Fault> {
        let all = load_waiting_ledgers(&mut *gateway.pool.acquire().await?).await?;
        let mut waiting = Self { ledgers: BTreeMap::new(), rows: 0, next: Instant::now() };
        for (_, ledger, rows) in all.into_iter().filter(|(of, ..)| *of == relay) {
            waiting.ledgers.insert(ledger, String::new());
            waiting.rows += rows;
        }
        Ok(waiting)
    }

    pub(super) fn has(&self, ledger: &str) -> bool {
        self.ledgers.contains_key(ledger)
    }

    /// The ledger's request; none where its rows have to wait, which the log tells. A fault of a database's ends the session.
    pub(super) fn take(&mut self, ledger: &str, asked: Result<NewRequest, Fault>) -> Result<Option<NewRequest>, Fault> {
        let why = match asked {
            Ok(request) => return Ok(Some(request)),
            Err(Fault::Blocked(why)) => why,
            Err(fault) => return Err(fault),
        };
        let told = self.ledgers.entry(ledger.to_owned()).or_default();
        if *told != why {
            warn!("rows of the outbox wait for their ledger, those of other ledgers do not: {why}");
            *told = why;
        }
        Ok(None)
    }

    /// Asks each ledger again, once in a while. Whether there was anything to accept.
    pub(super) async fn retry(
        &mut self,
        gateway: &Gateway,
        source: &mut Source,
        keys: &Keys,
        cursor: &RelayCursor,
    ) -> Result<bool, Fault> {
        if self.ledgers.is_empty() || Instant::now() < self.next {
            return Ok(false);
        }
        let protections = source.load_protections().await?;
        let end = Instant::now() + TURN;
        let mut has_accepted = false;
        for ledger in self.ledgers.keys().cloned().collect::<Vec<_>>() {
            while Instant::now() < end && self.accept(gateway, source, &protections, keys, cursor, &ledger).await? {
                has_accepted = true;
            }
        }
        self.next = Instant::now() + if has_accepted { Duration::ZERO } else { PAUSE };
        Ok(has_accepted)
    }

    /// Has the first rows of a ledger accepted that wait for it. Whether there may be more.
    async fn accept(
        &mut self,
        gateway: &Gateway,
        source: &mut Source,
        protections: &HashMap<Uuid, Protection>,
        keys: &Keys,
        cursor: &RelayCursor,
        ledger: &str,
    ) -> Result<bool, Fault> {
        let mut connection = gateway.pool.acquire().await?;
        let rows = load_waiting(&mut connection, cursor.key, ledger, ROWS_PER_COMMIT).await?;
        if rows.is_empty() {
            self.ledgers.remove(ledger);
            info!("ledger {ledger} takes rows of the outbox again");
            return Ok(false);
        }
        let places: Vec<(u64, u64)> = rows.iter().map(|row| (row.xid, row.position)).collect();
        let records: Vec<[u8; 16]> = rows.iter().map(|row| row.record).collect();
        let found: Vec<OutboxRow> =
            source.load_rows(&places).await?.into_iter().filter(|row| records.contains(&row.id)).collect();
        let gone = records.len() - found.len();
        let mut requests = Vec::new();
        if !found.is_empty() {
            match self.take(ledger, request(gateway, protections, keys, found).await)? {
                Some(request) => requests.push(request),
                None => return Ok(false),
            }
        }
        if gone > 0 {
            warn!("{gone} rows of the outbox that waited for ledger {ledger} are gone from it");
        }
        let mut transaction = begin(&mut connection).await?;
        accept_relayed(&mut transaction, cursor, cursor, &gateway.ledgers.keys(), &requests).await?;
        end_waiting(&mut transaction, cursor.key, &records).await?;
        transaction.commit().await?;
        self.rows = self.rows.saturating_sub(records.len() as u64);
        requests.iter().for_each(|request| gateway.sequencers.wake(request.ledger));
        Ok(true)
    }
}

/// A row as it is noted.
pub(super) fn noted(row: &OutboxRow) -> WaitingRow {
    WaitingRow { ledger: row.ledger.clone(), xid: row.xid, position: row.position, record: row.id }
}
