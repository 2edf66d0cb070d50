//! Sealing under all rules holds; without a rule the checker finds what goes wrong. `MODEL_RECORDS=3` looks at more records, with
//! more plans and transactions: minutes, and gigabytes.

use std::collections::BTreeSet;

use counterfoil_model::properties::{
    ALL_LAND, CAN_LAND, DEAD_IS_NOT_THERE, LANDED_IS_THERE, NOT_BLIND, ONCE, ONE_CHANCE, OUT_OF_ORDER, OWN_IS_KNOWN,
};
use counterfoil_model::{Bounds, Rule, Rules, Sealing};
use stateright::{Checker, HasDiscoveries, Model};

/// Two gateways on one database, forks, and an append of another wallet.
const TWO_GATEWAYS: Bounds = Bounds {
    records: 2,
    records_of_plan: 2,
    plans: 3,
    transactions: 3,
    foreign: 1,
    gateways: 2,
    has_forks: true,
    has_restore: false,
    is_calm_checked: true,
};
/// Plans of several records, all of which can die and be planned again.
const LONG_PLANS: Bounds =
    Bounds { records: 3, plans: 4, transactions: 4, gateways: 1, has_forks: false, ..TWO_GATEWAYS };
/// Another wallet's appends bring the ledger to the size that a later plan expects. No plan is left to plan again.
const MET_BY_OTHERS: Bounds = Bounds { records: 3, plans: 2, foreign: 2, is_calm_checked: false, ..TWO_GATEWAYS };
/// The same, for one gateway with time to plan again, on an index that is behind.
const FAR_BEHIND: Bounds = Bounds { gateways: 1, has_forks: false, plans: 4, transactions: 4, ..MET_BY_OTHERS };
/// A database that is restored.
const RESTORED: Bounds = Bounds { transactions: 4, gateways: 1, has_restore: true, ..TWO_GATEWAYS };

/// The bounds, widened by `MODEL_RECORDS`.
fn widened(bounds: Bounds) -> Bounds {
    let records = std::env::var("MODEL_RECORDS")
        .map_or(bounds.records, |records| records.parse().expect("MODEL_RECORDS is a number"));
    let more = usize::from(records.saturating_sub(bounds.records));
    let records = bounds.records.max(records);
    Bounds { records, plans: bounds.plans + more, transactions: bounds.transactions + more, ..bounds }
}

/// The properties that find something in a whole search.
fn found(bounds: Bounds, rules: Rules) -> BTreeSet<&'static str> {
    let start = std::time::Instant::now();
    let checker = Sealing { bounds, rules }.checker().spawn_bfs().join();
    println!("{} states of {bounds:?} in {:?}", checker.unique_state_count(), start.elapsed());
    checker.discoveries().into_keys().collect()
}

/// Whether the search finds a state that breaks a property. It prints the way there.
fn breaks(bounds: Bounds, rules: Rules, property: &'static str) -> bool {
    let search = Sealing { bounds, rules }.checker().finish_when(HasDiscoveries::AllOf([property].into()));
    let checker = search.spawn_bfs().join();
    let Some(path) = checker.discovery(property) else { return false };
    println!("not so: {property}, after {} states", checker.unique_state_count());
    for (state, action) in path.into_vec() {
        match action {
            Some(action) => println!("  {action:?}"),
            None => println!("  {state:?}"),
        }
    }
    true
}

/// The findings of a search in which no property is broken.
const NOTHING_BROKEN: [&str; 2] = [ALL_LAND, OUT_OF_ORDER];

#[test]
fn two_gateways_on_one_database_land_each_record_once() {
    assert_eq!(found(widened(TWO_GATEWAYS), Rules::ALL), NOTHING_BROKEN.into());
}

#[test]
fn long_plans_that_die_land_each_record_once() {
    assert_eq!(found(widened(LONG_PLANS), Rules::ALL), NOTHING_BROKEN.into());
}

#[test]
fn other_wallets_appends_break_nothing() {
    assert_eq!(found(MET_BY_OTHERS, Rules::ALL), [ALL_LAND].into());
}

#[test]
fn an_index_that_is_behind_breaks_nothing() {
    assert_eq!(found(widened(FAR_BEHIND), Rules::ALL), NOTHING_BROKEN.into());
}

#[test]
fn a_restored_database_lands_each_record_once_or_stops() {
    assert_eq!(found(widened(RESTORED), Rules::ALL), NOTHING_BROKEN.into());
}

#[test]
fn records_keep_their_order_where_no_other_wallet_appends() {
    assert_eq!(found(Bounds { foreign: 0, ..TWO_GATEWAYS }, Rules::ALL), [ALL_LAND].into());
}

#[test]
fn needed_expiry_at_finalized() {
    let rules = Rules::ALL.without(Rule::ExpiryAtFinalized);
    assert!(breaks(Bounds { gateways: 1, ..MET_BY_OTHERS }, rules, DEAD_IS_NOT_THERE));
}

#[test]
fn needed_decisions_by_finalized_events() {
    let rules = Rules::ALL.without(Rule::DecideAtFinalized);
    assert!(breaks(TWO_GATEWAYS, rules, LANDED_IS_THERE));
    assert!(breaks(TWO_GATEWAYS, rules, DEAD_IS_NOT_THERE));
}

/// The database refuses such a plan too, so both have to be taken out.
#[test]
fn needed_no_second_plan_for_a_record_of_an_open_one() {
    let rules = Rules::ALL.without(Rule::OnePlanForARecord);
    assert!(breaks(TWO_GATEWAYS, rules.without(Rule::UniquePlan), ONCE));
}

/// No record lands twice without it, but some never land.
#[test]
fn needed_dead_records_wait_for_open_plans() {
    assert!(breaks(LONG_PLANS, Rules::ALL.without(Rule::DeadBeforeOpen), CAN_LAND));
}

/// The sender signs again as soon as it may, so that the plan never ends.
#[test]
fn needed_end_of_plans_behind_dead_ones() {
    assert!(breaks(LONG_PLANS, Rules::ALL.without(Rule::HeldPlansEnd), CAN_LAND));
}

#[test]
fn needed_compare_and_swap_of_plans() {
    let rules = Rules::ALL.without(Rule::Epoch).without(Rule::UniquePlan);
    assert!(breaks(TWO_GATEWAYS, rules, ONE_CHANCE));
}

/// A commit that seals nothing does not lock the sequencer's row, so the epoch alone does not keep plans apart.
#[test]
fn needed_unique_plans_next_to_the_epoch() {
    assert!(breaks(TWO_GATEWAYS, Rules::ALL.without(Rule::UniquePlan), ONE_CHANCE));
}

/// The epoch spares work that would fail later. Within these bounds nothing rests on it.
#[test]
fn not_needed_epoch_next_to_unique_plans() {
    assert_eq!(found(TWO_GATEWAYS, Rules::ALL.without(Rule::Epoch)), NOTHING_BROKEN.into());
}

#[test]
fn needed_expecting_own_appends() {
    assert!(breaks(RESTORED, Rules::ALL.without(Rule::ExpectOwn), ONCE));
}

#[test]
fn needed_expecting_own_appends_below_the_newest() {
    let rules = Rules::ALL.without(Rule::ExpectOwnEverywhere);
    assert!(breaks(RESTORED, rules, NOT_BLIND));
    assert!(breaks(RESTORED, rules, ONCE));
}

#[test]
fn needed_expiry_before_a_restored_database_is_used() {
    assert!(breaks(RESTORED, Rules::ALL.without(Rule::RestoreAfterExpiry), ONCE));
}

#[test]
fn needed_waiting_before_records_are_planned_at_another_size() {
    let bounds = Bounds { gateways: 1, ..MET_BY_OTHERS };
    assert!(breaks(bounds, Rules::ALL.without(Rule::WaitForExpiry), DEAD_IS_NOT_THERE));
}

#[test]
fn needed_writing_before_sending() {
    assert!(breaks(TWO_GATEWAYS, Rules::ALL.without(Rule::WriteBeforeSend), OWN_IS_KNOWN));
}

#[test]
fn needed_the_chains_size_at_the_height_that_was_asked_for() {
    assert!(breaks(FAR_BEHIND, Rules::ALL.without(Rule::SizeAtHeight), ONCE));
}

/// The look at the records before a plan and the transaction that is added to it are one step here, but two in the gateway.
#[test]
fn needed_a_lock_between_adding_transactions_and_giving_up() {
    let bounds = Bounds { has_forks: false, ..MET_BY_OTHERS };
    let rules = Rules::ALL.without(Rule::HeldPlansEnd).without(Rule::AttemptsLocked);
    assert!(breaks(bounds, rules, DEAD_IS_NOT_THERE));
}
