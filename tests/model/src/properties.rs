//! The properties that every state must have.

use stateright::Property;

use crate::calm::{bits, have_landed};
use crate::gateway::is_known;
use crate::{Event, Expiry, Outcome, Plan, Sealing, State, calm};

/// No record is twice in the ledger.
pub const ONCE: &str = "no record is twice in the ledger";
/// Two transactions that could both land carry no record in common.
pub const ONE_CHANCE: &str = "no two transactions that could both land carry one record";
/// A plan that is called landed is in the finalized ledger.
pub const LANDED_IS_THERE: &str = "landed is said only of what is final";
/// A plan that is called dead is not in the finalized ledger, but where a later plan of the same records and index is.
pub const DEAD_IS_NOT_THERE: &str = "dead is said only of what is not in the ledger";
/// The order of ordinals is the order of the ledger, where no other wallet appends and nothing was restored.
pub const IN_ORDER: &str = "records are in the ledger in their order";
/// The database has all appends of the gateway, where nothing was restored.
pub const OWN_IS_KNOWN: &str = "the database has all appends of the gateway";
/// A gateway plans over no append of its own that its database does not have.
pub const NOT_BLIND: &str = "nothing is planned over an unknown append";
/// Once nothing goes wrong any more, all records land.
pub const CAN_LAND: &str = "all records can land";
/// In some state all records have landed.
pub const ALL_LAND: &str = "all records land";
/// In some state a record stands in the ledger before one of a lower ordinal: an append of another wallet made the earlier plan
/// die, and the later one landed.
pub const OUT_OF_ORDER: &str = "another wallet's append changes the order of records";

/// The properties of a model.
#[must_use]
pub fn all(model: &Sealing) -> Vec<Property<Sealing>> {
    let mut all = vec![
        Property::always(ONCE, |_, state: &State| is_once(state)),
        Property::always(ONE_CHANCE, |_, state: &State| has_one_chance(state)),
        Property::always(LANDED_IS_THERE, |_, state: &State| {
            let is_there = |plan: &Plan| state.has_landed(plan, state.finalized.into());
            state.db.plans.iter().all(|plan| plan.outcome != Outcome::Landed || is_there(plan))
        }),
        Property::always(DEAD_IS_NOT_THERE, |_, state: &State| {
            let content = |plan: &Plan| (plan.first, plan.records, plan.index);
            let is_another =
                |dead: &Plan| state.db.plans.iter().any(|plan| plan.is_live() && content(plan) == content(dead));
            let is_there = |plan: &Plan| state.has_landed(plan, state.finalized.into()) && !is_another(plan);
            state.db.plans.iter().all(|plan| plan.outcome != Outcome::Dead || !is_there(plan))
        }),
        Property::always(IN_ORDER, |_, state: &State| is_in_order(state)),
        Property::always(OWN_IS_KNOWN, |_, state: &State| {
            state.is_restored || state.events(state.log.len()).all(|(index, event)| is_known(state, index, event))
        }),
        Property::always(NOT_BLIND, |_, state: &State| !state.has_planned_blindly),
        Property::sometimes(ALL_LAND, have_landed),
    ];
    if model.bounds.foreign > 0 {
        all.push(Property::sometimes(OUT_OF_ORDER, |_, state: &State| !is_ascending(state)));
    }
    if model.bounds.is_calm_checked {
        all.push(Property::always(CAN_LAND, can_land));
    }
    all
}

/// Whether all records land once nothing goes wrong any more. A restored gateway may also stop: where its database does
/// not have what it appended.
#[must_use]
pub fn can_land(model: &Sealing, state: &State) -> bool {
    let end = calm::end(model, state);
    have_landed(model, &end) || (end.is_restored && !model.knows_own_appends(&end))
}

/// Confirmed appends count too: nothing would keep them from becoming final.
fn is_once(state: &State) -> bool {
    let mut landed = 0;
    state.log.iter().all(|event| {
        let is_new = landed & bits(*event) == 0;
        landed |= bits(*event);
        is_new
    })
}

fn has_one_chance(state: &State) -> bool {
    let size = state.finalized_size();
    let can_land = |at: usize| {
        let transaction = &state.transactions[at];
        transaction.is_sent && transaction.expiry != Expiry::AtFinalized && transaction.index >= size
    };
    let all = &*state.transactions;
    let mut pairs = (0..all.len()).flat_map(|one| (0..all.len()).map(move |other| (one, other)));
    pairs.all(|(one, other)| {
        let (before, after) = (&all[one], &all[other]);
        let is_room_for_both = before.index + before.records <= after.index;
        let is_shared = before.first < after.first + after.records && after.first < before.first + before.records;
        !(is_room_for_both && is_shared && can_land(one) && can_land(other))
    })
}

fn is_in_order(state: &State) -> bool {
    let is_alone = !state.is_restored && !state.log.contains(&Event::Foreign);
    !is_alone || is_ascending(state)
}

fn is_ascending(state: &State) -> bool {
    let mut next = 0;
    state.log.iter().all(|event| match *event {
        Event::Own { first, records } => std::mem::replace(&mut next, first + records) <= first,
        Event::Foreign => true,
    })
}
