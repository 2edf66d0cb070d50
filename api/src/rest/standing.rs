//! GET /v1/ledgers/{ledger}/standing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Event, Head};
use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use crate::access::ReaderOf;
use crate::problem::{Problem, ProblemBody};
use crate::search::seconds;
use crate::value::{Key, Time, U64};
use counterfoil_read::{self as read, CheckedEvent, When};

/// When. Where several are given, no further than each of them; as it is when none is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct At {
    /// With so many entries, at most the checked size.
    size: Option<U64>,
    /// At the end of a slot.
    slot: Option<U64>,
    /// At the end of a second of the chain's clock.
    #[param(inline)]
    time: Option<Time>,
}

/// Who may append, by a grant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Writer {
    wallet: Key,
    /// Whether it may append entries.
    may_append: bool,
    /// Whether it may append subtrees by their hashes.
    may_append_subtrees: bool,
    /// From when on the grant no longer holds, by the chain's clock; null for never.
    #[schema(required)]
    expires_at: Option<Time>,
    /// The event that granted it.
    granted_seq: U64,
    /// The event that took it back.
    #[schema(required)]
    revoked_seq: Option<U64>,
}

/// A ledger as it was. Every event here is in the checked event log; that `administrative` leaves none out shows the log
/// itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Standing {
    /// The head of the entries then; …/consistency proves that the checked one grew from it.
    head: Head,
    /// The head of the event log then, likewise.
    event_head: Head,
    /// The last event until then.
    #[schema(required)]
    last: Option<Event>,
    /// The first event after: that `last` and this are neighbours shows that `last` was the last. Null when none is checked.
    #[schema(required)]
    next: Option<Event>,
    /// Who could grant, revoke, pass on and seal.
    #[schema(required)]
    authority: Option<Key>,
    /// To whom that was offered.
    #[schema(required)]
    pending_authority: Option<Key>,
    /// Who was granted to append, and not granted anew since, in the order of the grants.
    writers: Vec<Writer>,
    /// The event that sealed the ledger.
    #[schema(required)]
    sealed_seq: Option<U64>,
    /// The events that append nothing: all of the above follows from them.
    administrative: Vec<Event>,
}

impl From<read::Writer> for Writer {
    fn from(writer: read::Writer) -> Self {
        Self {
            wallet: writer.wallet.into(),
            may_append: writer.may_append(),
            may_append_subtrees: writer.may_append_subtrees(),
            expires_at: writer.expiry().map(Time::from),
            granted_seq: writer.granted.seq.into(),
            revoked_seq: writer.revoked.map(|event| event.seq.into()),
        }
    }
}

impl From<read::Standing> for Standing {
    fn from(standing: read::Standing) -> Self {
        let event = |event: Arc<CheckedEvent>| Event::from(&*event);
        Self {
            head: standing.entries.into(),
            event_head: standing.events.into(),
            last: standing.last.map(event),
            next: standing.next.map(event),
            authority: standing.authority.map(Key::from),
            pending_authority: standing.pending_authority.map(Key::from),
            writers: standing.writers.into_iter().map(Writer::from).collect(),
            sealed_seq: standing.sealed.map(|event| event.seq.into()),
            administrative: standing.administrative.into_iter().map(event).collect(),
        }
    }
}

/// The ledger as it is, or as it was with so many entries, or at the end of a slot or second: who could do what, and the
/// events that say so.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/standing", tag = "Ledgers",
    params(("ledger" = Key, Path, description = "The ledger's address."), At),
    responses(
        (status = 200, body = Standing),
        (status = "4XX", description = "malformed_key, malformed_parameter, unknown_ledger, size_out_of_range, \
            not_checked_yet, proof_unavailable, too_expensive", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, too_many_searches, timeout", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn standing(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(at): Parameters<At>,
) -> Result<Json<Standing>, Problem> {
    let (size, slot) = (at.size.map(|size| size.0), at.slot.map(|slot| slot.0));
    let when = When { size, slot, time: at.time.as_ref().map(seconds).transpose()?, ..When::default() };
    Ok(Json(read::standing(&reader, ledger, when).await?.into()))
}
