//! One round after the other: what became of plans, what is sent next, what is planned next.

use std::time::Duration;

use counterfoil_client::with_causes;
use counterfoil_core::EventBody;
use counterfoil_store::gateway::{
    Outcome, Plan, Sequencer, charge, decide, load_late, load_undone_plans, mark_confirmed, take_sequencer,
};
use counterfoil_store::{EventRow, LedgerRow, PgConnection, begin, load_entries, load_event_of_leaf, load_ledger};
use merkle_log::{Frontier, LeafIndex};
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use super::fill::Filler;
use super::work::{RoundError, Sending, Verdict, Work, in_transaction};
use crate::ids::time_text;

/// How long a round waits for what the index has checked meanwhile.
const LOOK: Duration = Duration::from_millis(200);
/// The same for a ledger without anything under way: for records of other gateways on this database. Its own wake it.
const IDLE_LOOK: Duration = Duration::from_secs(1);
/// How long a round that failed waits.
const PAUSE: Duration = Duration::from_secs(1);
/// When a confirmed plan that the index does not have is sent again: a fork may have taken it back.
const RESEND: Duration = Duration::from_secs(30);

impl Work {
    pub(super) async fn run(mut self) {
        loop {
            match self.round().await {
                Ok(is_busy) => {
                    self.ledgers.metrics.set_blocked(self.ledger, false);
                    let look = if is_busy { LOOK } else { IDLE_LOOK.min(self.pace.lease / 3).max(LOOK) };
                    // Woken or not, the next round looks at everything.
                    let _ = timeout(look, self.wake.notified()).await;
                }
                Err(error) => {
                    self.ledgers.metrics.set_blocked(self.ledger, true);
                    self.tell(&with_causes(&error));
                    sleep(PAUSE).await;
                }
            }
        }
    }

    pub(super) fn tell(&mut self, what: &str) {
        if self.told.as_deref() != Some(what) {
            warn!(ledger.id = %self.ledger, "ledger {}: {what}", self.ledger);
            self.told = Some(what.to_owned());
        }
    }

    /// Whether something is under way.
    async fn round(&mut self) -> Result<bool, RoundError> {
        let Some(sequencer) = self.take().await? else { return Ok(false) };
        let row = load_ledger(&mut *self.ledgers.index.acquire().await?, self.ledger).await?;
        let plans = self.load_plans().await?;
        let mut is_changed = self.see_filling(&plans).await?;
        for plan in plans.iter().filter(|plan| plan.outcome.is_none()) {
            is_changed |= self.look_after(&sequencer, &row, plan).await?;
        }
        let plans = self.load_plans().await?;
        self.see_sending(&plans).await?;
        let open: Vec<&Plan> = plans.iter().filter(|plan| plan.outcome.is_none()).collect();
        is_changed |= self.plan_next(&sequencer, &row, &open).await?;
        if is_changed {
            self.ledgers.tell(self.ledger);
            self.wake.notify_one();
        }
        let is_in_window = self.last_plan.is_some_and(|last| last.elapsed() <= self.pace.window);
        Ok(is_changed || is_in_window || !plans.is_empty())
    }

    /// Becomes the ledger's sequencer, or remains it.
    async fn take(&mut self) -> Result<Option<Sequencer>, RoundError> {
        let mut connection = self.ledgers.gateway.acquire().await?;
        let taken = take_sequencer(&mut connection, self.key, self.epoch, self.pace.lease).await?;
        let epoch = taken.map(|sequencer| sequencer.epoch);
        if epoch != self.epoch {
            match epoch {
                Some(epoch) => info!(ledger.id = %self.ledger, epoch, "this gateway plans for ledger {}", self.ledger),
                None => info!(ledger.id = %self.ledger, "another gateway plans for ledger {}", self.ledger),
            }
            self.ledgers.note_planner(self.ledger, epoch.is_some());
            // The sender of a plan goes on: the bytes are on disk, and may arrive twice.
            self.epoch = epoch;
        }
        Ok(taken)
    }

    async fn load_plans(&self) -> Result<Vec<Plan>, RoundError> {
        Ok(load_undone_plans(&mut *self.ledgers.gateway.acquire().await?, self.key).await?)
    }

    /// Sees whether entries were filled in, and begins with those of the next plan that landed. Whether anything changed.
    async fn see_filling(&mut self, plans: &[Plan]) -> Result<bool, RoundError> {
        if self.filling.as_ref().is_some_and(|filling| !filling.is_finished()) {
            return Ok(false);
        }
        if let Some(filling) = self.filling.take() {
            filling.await.unwrap_or_else(|error| Err(RoundError::Blocked(error.to_string())))?;
            // The plans that were read do not say so yet.
            return Ok(true);
        }
        let Some(plan) = plans.iter().find(|plan| plan.outcome.is_some()) else { return Ok(false) };
        let filler = Filler { ledgers: self.ledgers.clone(), ledger: self.ledger, key: self.key, plan: plan.clone() };
        let wake = self.wake.clone();
        self.filling = Some(tokio::spawn(async move {
            let filled = filler.fill().await;
            wake.notify_one();
            filled
        }));
        Ok(false)
    }

    /// Decides a plan, where the index is that far. Whether it did.
    async fn look_after(&mut self, sequencer: &Sequencer, row: &LedgerRow, plan: &Plan) -> Result<bool, RoundError> {
        let checked_size = row.checked.map_or(0, |(head, _)| head.entries.size.get());
        if checked_size <= plan.content.first_index {
            return Ok(false);
        }
        let first = LeafIndex::new(plan.content.first_index).map_err(|error| RoundError::Blocked(error.to_string()))?;
        let mut connection = self.ledgers.index.acquire().await?;
        let Some(event) = load_event_of_leaf(&mut connection, row, first).await? else {
            return Err(RoundError::Blocked(format!(
                "the index has no event for leaf {first}, below its checked size"
            )));
        };
        let outcome = match is_plan(&mut connection, row, plan, &event).await? {
            true => Outcome::Landed { event_seq: event.event.header.event_seq.get() },
            false => {
                let (slot, signer) = (event.event.header.slot, event.event.header.signer);
                error!(
                    ledger.id = %self.ledger, slot,
                    "another append took index {first} of ledger {}, by {signer}: its records are planned again", self.ledger
                );
                Outcome::Dead
            }
        };
        drop(connection);
        if matches!(outcome, Outcome::Landed { .. }) {
            self.tell_late(plan, event.event.header.unix_time).await?;
        }
        in_transaction!(self.ledgers.gateway, |transaction| {
            decide(&mut transaction, sequencer, plan.id, outcome).await?;
            if matches!(outcome, Outcome::Landed { .. }) {
                charge(&mut transaction, plan.id).await?;
            }
        });
        Ok(true)
    }

    /// Tells of promises that were broken by less than the time between two looks at what waits: these records wait no more.
    async fn tell_late(&self, plan: &Plan, landed_at: i64) -> Result<(), RoundError> {
        let (late, deadline) = load_late(&mut *self.ledgers.gateway.acquire().await?, plan.id, landed_at).await?;
        if let Some(deadline) = deadline {
            error!(
                ledger.id = %self.ledger, records = late, deadline, landed_at,
                "{late} records of ledger {} are in it since {}, and were promised until {}: the promise is broken, and anyone who holds it \
                 can show that",
                self.ledger, time_text(landed_at), time_text(deadline)
            );
        }
        Ok(())
    }

    /// Sees what became of the transaction that is being sent, and has the next one sent.
    async fn see_sending(&mut self, plans: &[Plan]) -> Result<(), RoundError> {
        if self.sending.as_ref().is_some_and(|(_, sending)| !sending.is_finished()) {
            return Ok(());
        }
        if let Some((plan, sending)) = self.sending.take() {
            let sent = sending.await.unwrap_or_else(|error| Sending::failed(error.to_string()));
            if !sent.is_here {
                self.here.remove(&plan);
            }
            match sent.verdict {
                Verdict::Confirmed { slot } => {
                    self.told = None;
                    mark_confirmed(&mut *self.ledgers.gateway.acquire().await?, plan, slot).await?;
                    self.ledgers.tell(self.ledger);
                    self.wake.notify_one();
                }
                Verdict::Failed { why } => self.tell(&why),
            }
            // The plans that were read do not say so yet.
            return Ok(());
        }
        if let Some(plan) = plans.iter().find(|plan| plan.outcome.is_none() && is_to_send(plan)) {
            self.sending = Some((plan.id, self.send(plan, self.here.contains(&plan.id))));
        }
        Ok(())
    }
}

fn is_to_send(plan: &Plan) -> bool {
    plan.confirmed_slot.is_none() || plan.confirmed_for.is_some_and(|since| since > RESEND)
}

/// Whether an event has exactly the leaves of a plan.
async fn is_plan(
    connection: &mut PgConnection,
    row: &LedgerRow,
    plan: &Plan,
    event: &EventRow,
) -> Result<bool, RoundError> {
    let (header, content) = (&event.event.header, &plan.content);
    if header.first_index.get() != content.first_index || header.count != content.records {
        return Ok(false);
    }
    match (&event.event.body, &content.subtrees) {
        (EventBody::SubtreesAppended { hashes }, Some(planned)) => Ok(hashes == planned),
        (EventBody::EntriesAppended { .. }, None) => {
            let limit = u32::try_from(content.records).unwrap_or(u32::MAX);
            let mut leaves = Frontier::new();
            for entry in load_entries(connection, row, content.first_index, limit).await? {
                leaves.append_leaf(&entry.leaf).map_err(|error| RoundError::Blocked(error.to_string()))?;
            }
            Ok(leaves.root() == content.root)
        }
        _ => Ok(false),
    }
}
