//! How far a record is, and waiting for it.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use counterfoil_http::Rejection;
use counterfoil_read::receipt;
use counterfoil_statement::Promise;
use counterfoil_store::gateway::{Form, Outcome, RecordRow, load_record, load_request};
use counterfoil_store::load_ledger;
use counterfoil_wire::{Code, Hash, Key, Record, RecordState, U64};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::ids::id_text;
use crate::intake::Wait;
use crate::ledgers::unavailable;
use crate::state::Gateway;

/// How often a record is looked at that another gateway may work for.
const LOOK: Duration = Duration::from_millis(500);

/// Answers a request of one record once it has reached a state: 201, or 202 where the time is over before.
pub(crate) async fn wait_for(gateway: &Gateway, id: [u8; 16], wait: Wait) -> Result<Response, Rejection> {
    let end = Instant::now() + wait.most;
    let mut row = gateway.load(id).await?.ok_or_else(unknown)?;
    let mut state = None;
    let mut is_there = false;
    while let Some((newer, reached)) = gateway.next_state(row.clone(), state, end).await? {
        (row, state) = (newer, Some(reached));
        is_there = reached >= wait.until;
        if is_there {
            break;
        }
    }
    let status = if is_there { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(gateway.tell(&row).await?)).into_response())
}

pub(crate) fn unknown() -> Rejection {
    Rejection::new(Code::NotFound, "There is no such record, or it is not for this caller.")
}

impl Gateway {
    pub(crate) async fn load(&self, id: [u8; 16]) -> Result<Option<RecordRow>, Rejection> {
        let mut connection = self.pool.acquire().await.map_err(unavailable)?;
        load_record(&mut connection, id).await.map_err(unavailable)
    }

    /// How far a record is.
    async fn state(&self, row: &RecordRow) -> Result<RecordState, Rejection> {
        let Some(planned) = row.planned else {
            return Ok(if row.is_sealed { RecordState::Sealed } else { RecordState::Accepted });
        };
        let mut connection = self.ledgers.index.acquire().await.map_err(unavailable)?;
        let ledger = load_ledger(&mut connection, row.ledger).await.map_err(unavailable)?;
        let checked = ledger.checked.map_or(0, |(head, _)| head.entries.size.get());
        let is_landed = matches!(planned.outcome, Some(Outcome::Landed { .. }));
        Ok(match planned.confirmed_slot {
            _ if is_landed && planned.index < checked && planned.is_done => RecordState::Checked,
            _ if is_landed => RecordState::Finalized,
            Some(_) if planned.index < ledger.applied_size.get() => RecordState::Finalized,
            Some(_) => RecordState::Confirmed,
            None => RecordState::Sealed,
        })
    }

    /// Waits until a record is in another state than `last`; none where it is not by `end`.
    pub(crate) async fn next_state(
        &self,
        row: RecordRow,
        last: Option<RecordState>,
        end: Instant,
    ) -> Result<Option<(RecordRow, RecordState)>, Rejection> {
        let mut changes = self.ledgers.hear(row.ledger);
        let id = row.id;
        loop {
            // Before the look: a change during it is heard of afterwards.
            if let Some(changes) = &mut changes {
                changes.mark_unchanged();
            }
            let row = self.load(id).await?.ok_or_else(unknown)?;
            let state = self.state(&row).await?;
            if last != Some(state) {
                return Ok(Some((row, state)));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            let look = end.min(Instant::now() + LOOK);
            match &mut changes {
                Some(changes) => drop(timeout_at(look, changes.changed()).await),
                None => sleep_until(look).await,
            }
        }
    }

    /// A record as its caller is told.
    pub(crate) async fn tell(&self, row: &RecordRow) -> Result<Record<Promise>, Rejection> {
        let state = self.state(row).await?;
        let promise = match &row.terms {
            Some(terms) if row.form == Form::Statement => {
                let mut connection = self.pool.acquire().await.map_err(unavailable)?;
                let request = load_request(&mut connection, row.request).await.map_err(unavailable)?;
                drop(connection);
                let (_, records) = request.ok_or_else(unknown)?;
                let promise = self.promiser.sign_for(row.ledger, terms, &records, row.id);
                promise.map_err(|error| Rejection::new(Code::StoredDataCorrupt, format!("{error}.")))?
            }
            _ => None,
        };
        let receipt = match (state, row.planned) {
            (RecordState::Checked, Some(planned)) => Some(receipt(&self.reader, row.ledger, planned.index).await?),
            _ => None,
        };
        let is_statement = row.form == Form::Statement;
        Ok(Record {
            id: id_text(&row.id),
            ledger: Key(row.ledger.to_string()),
            state,
            accepted_at: row.accepted_at.clone(),
            content_type: row.content_type.clone(),
            commitment: is_statement.then_some(Hash(merkle_log::Hash(row.commitment))),
            salt: is_statement.then_some(Hash(merkle_log::Hash(row.salt))),
            index: row.planned.map(|planned| U64(planned.index)),
            confirmed_slot: row.planned.and_then(|planned| planned.confirmed_slot).map(U64),
            promise,
            receipt,
        })
    }
}
