//! The gateway's own tables, schema `gateway`: accepted records, their order, and the plans by which they go on the chain.
//!
//! They stand in the index's database or in another one: nothing here joins the two.

mod accept;
mod backlog;
mod plan;
mod record;
mod relay;
mod request;
mod rows;
mod schema;
mod seal;
mod terms;
mod usage;
mod waiting;

pub use accept::{Accepted, accept, forget_idempotency_keys, load_named};
pub use backlog::{Backlog, load_backlog, load_late, load_oldest_unplanned, load_overdue};
pub use plan::{
    Attempt, NewPlan, Outcome, Plan, add_attempt, add_plan, count_unplanned, decide, give_up, has_plan, has_raw_record,
    load_attempts, load_first_unplanned, load_undone_plans, mark_confirmed, mark_done,
};
pub use record::{Planned, RecordRow, RequestRecord, load_record, load_request};
pub use relay::{
    LandedRecord, RecordContent, RelayCursor, accept_relayed, add_relay, load_accepted, load_contents, load_landed,
    load_receipt_ordinals, load_relay, note_receipts,
};
pub use request::{NewRecord, NewRequest};
pub use schema::{
    Durability, connect_to_gateway, load_durability, load_origin, load_server, migrate_gateway, note_origin,
};
pub use seal::{
    GatewayLedger, Sealed, Sequencer, StreamEnd, Unsealed, add_gateway_ledger, load_gateway_ledgers, load_own_events,
    load_sealed, load_sealed_entries, load_sequencer, load_streams, load_unsealed, note_own_events, seal,
    take_sequencer,
};
pub use terms::{Form, Terms};
pub use usage::{OverQuota, Usage, Used, charge, forget_usage, load_usage};
pub use waiting::{WaitingRow, add_waiting, end_waiting, load_waiting, load_waiting_ledgers};
