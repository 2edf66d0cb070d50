//! The gateway's own tables, schema `gateway`: accepted records, their order, and the plans by which they go on the chain.
//!
//! They stand in the index's database or in another one: nothing here joins the two.

mod accept;
mod plan;
mod record;
mod schema;
mod seal;
mod terms;

pub use accept::{Accepted, NewRecord, NewRequest, accept, forget_idempotency_keys};
pub use plan::{
    Attempt, NewPlan, Outcome, Plan, add_attempt, add_plan, decide, has_plan, load_attempts, load_first_unplanned,
    load_undone_plans, mark_confirmed, mark_done,
};
pub use record::{Planned, RecordRow, RequestRecord, Usage, load_record, load_request, load_usage};
pub use schema::{connect_to_gateway, migrate_gateway};
pub use seal::{
    GatewayLedger, Sealed, Sequencer, StreamEnd, Unsealed, add_gateway_ledger, load_gateway_ledgers, load_sealed,
    load_sequencer, load_streams, load_unsealed, seal, take_sequencer,
};
pub use terms::{Form, Terms};
