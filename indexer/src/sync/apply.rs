//! Verifying and writing a run of events: while a batch is written the next one is verified.

use counterfoil_core::{ApplyError, CheckedHead, LedgerId, LedgerState, VerifiedAppend};
use counterfoil_store::{CommittedIn, Said, StoreError};
use tracing::{Instrument, debug, debug_span};

use crate::database::Database;
use crate::feed::inbox::Delivered;
use crate::{FollowError, Quorum};

/// How many events are written in one SQL transaction, and how many bytes of entries about.
pub(crate) const EVENTS_PER_BATCH: usize = 4_096;
const BYTES_PER_BATCH: usize = 4 << 20;

type Batch = Vec<(CommittedIn, VerifiedAppend)>;

/// The result of a batch. The states are those at which an account is to be compared, in order; the last one is where
/// the batch ends.
struct Applied {
    batch: Batch,
    states: Vec<LedgerState>,
}

/// Where a ledger's rows go.
pub(crate) struct Writer<'a> {
    pub(crate) database: &'a Database,
    pub(crate) ledger: LedgerId,
}

impl Writer<'_> {
    /// Applies events that follow from `state`, one after the other, and writes them. `server` delivered them.
    ///
    /// A batch at whose states a quorum contradicts is not written.
    pub(crate) async fn apply(
        &self,
        state: LedgerState,
        run: Vec<Delivered>,
        quorum: &mut Quorum,
        server: &str,
    ) -> Result<LedgerState, FollowError> {
        let mut rest = run.into_iter().peekable();
        let mut state = state;
        let mut unwritten = Batch::new();
        while rest.peek().is_some() {
            let (next, stops) = (next_batch(&mut rest), quorum.moments());
            let applied = tokio::task::spawn_blocking(move || apply_all(state, next, &stops));
            let said = quorum.said(self.ledger);
            let (written, applied) = tokio::join!(self.write(&unwritten, quorum.checked(), &said), applied);
            written?;
            let Applied { batch, mut states } = match applied {
                Ok(result) => result.map_err(|error| error.of(server))?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            states.iter().for_each(|state| quorum.compare(state));
            if let Some(refuted) = FollowError::refuted(quorum) {
                return Err(refuted);
            }
            state = states.pop().expect("a batch ends in a state");
            unwritten = batch;
        }
        self.write(&unwritten, quorum.checked(), &quorum.said(self.ledger)).await?;
        Ok(state)
    }

    async fn write(
        &self,
        batch: &[(CommittedIn, VerifiedAppend)],
        checked: Option<(CheckedHead, u64)>,
        said: &[Said],
    ) -> Result<(), StoreError> {
        let span = debug_span!("write", ledger.id = %self.ledger, events = batch.len());
        self.database.write(self.ledger, batch, checked, said).instrument(span).await?;
        if let Some((_, append)) = batch.last() {
            let (ledger, size, events) = (self.ledger, append.event().header.size, batch.len());
            debug!(ledger.id = %ledger, tree.size = %size, "verified {events} events of ledger {ledger}");
        }
        Ok(())
    }
}

/// An event that does not follow, before it is known who delivered it.
enum Unfit {
    Slot { event_seq: u64, event_slot: u64, slot: u64 },
    Event(ApplyError),
}

impl Unfit {
    fn of(self, server: &str) -> FollowError {
        let server = server.to_owned();
        match self {
            Self::Slot { event_seq, event_slot, slot } => {
                FollowError::WrongSlot { server, event_seq, event_slot, slot }
            }
            Self::Event(cause) => FollowError::FalseEvent { server, cause },
        }
    }
}

fn next_batch(rest: &mut impl Iterator<Item = Delivered>) -> Vec<Delivered> {
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    for delivered in rest {
        bytes = bytes.saturating_add(delivered.bytes());
        batch.push(delivered);
        if batch.len() == EVENTS_PER_BATCH || bytes >= BYTES_PER_BATCH {
            break;
        }
    }
    batch
}

fn apply_all(mut state: LedgerState, events: Vec<Delivered>, stops: &[u64]) -> Result<Applied, Unfit> {
    let mut applied = Applied { batch: Vec::with_capacity(events.len()), states: Vec::new() };
    for Delivered { within, slot, event } in events {
        let (event_seq, event_slot) = (event.header.event_seq.get(), event.header.slot);
        if event_slot != slot {
            return Err(Unfit::Slot { event_seq, event_slot, slot });
        }
        let (next, append) = state.apply(event).map_err(Unfit::Event)?;
        state = next;
        applied.batch.push((within, append));
        if stops.contains(&state.event_seq().get()) {
            applied.states.push(state.clone());
        }
    }
    applied.states.push(state);
    Ok(applied)
}
