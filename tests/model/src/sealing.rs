//! The model: its bounds, its rules, and its steps.

use crate::{Action, Expiry, Outcome, Plan, Rule, Rules, State, Transaction};

/// How much of the world is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many records there are.
    pub records: u8,
    /// The most records of a plan.
    pub records_of_plan: u8,
    /// The most plans that the database ever has.
    pub plans: usize,
    /// The most transactions that are ever signed.
    pub transactions: usize,
    /// The most appends of other wallets.
    pub foreign: usize,
    /// How many gateways, at most two.
    pub gateways: u8,
    /// Whether forks drop what is confirmed.
    pub has_forks: bool,
    /// Whether the database is restored once.
    pub has_restore: bool,
    /// Whether each state is held to [`crate::properties::can_land`], which takes most of the time.
    pub is_calm_checked: bool,
}

/// Sealing, within bounds and under rules.
#[derive(Clone, Copy, Debug)]
pub struct Sealing {
    /// The bounds.
    pub bounds: Bounds,
    /// The rules that are kept.
    pub rules: Rules,
}

impl Sealing {
    pub(crate) fn steps(&self, state: &State, actions: &mut Vec<Action>) {
        for gateway in 0..self.bounds.gateways {
            self.gateway_steps(state, gateway, actions);
        }
        Self::confirm_steps(state, actions);
        self.world_steps(state, actions);
    }

    pub(crate) fn step(&self, state: &State, action: Action) -> State {
        let mut next = *state;
        if !self.world_step(&mut next, action) {
            self.gateway_step(&mut next, action);
        }
        self.forget(&mut next);
        next
    }

    /// Forgets what no step can depend on, so that states that differ in nothing else are one.
    fn forget(&self, state: &mut State) {
        let size = state.finalized_size();
        let mut used = 0;
        for at in 0..state.db.plans.len() {
            let plan = state.db.plans[at];
            let is_final = plan.index < size && state.db.plans[at].outcome == Outcome::Dead;
            if is_final && !state.has_landed(&plan, state.finalized.into()) {
                state.db.plans[at] = Plan { outcome: Outcome::Dead, ..Plan::default() };
            } else if !plan.is_open() && self.rules.has(Rule::AttemptsLocked) {
                state.db.plans[at] = Plan { attempts: 0, is_confirmed: false, ..plan };
            }
            used |= state.db.plans[at].attempts;
        }
        for at in 0..state.transactions.len() {
            let transaction = &mut state.transactions[at];
            let is_used = used & (1 << at) != 0 || transaction.is_sent;
            let is_past = transaction.index < size || transaction.expiry == Expiry::AtFinalized;
            if is_past && used & (1 << at) == 0 || !is_used && state.backup.is_none() {
                *transaction = Transaction { expiry: Expiry::AtFinalized, ..Transaction::default() };
            }
        }
        for gateway in &mut state.gateways {
            // Its transaction can land no more, and no other one is added.
            let is_over = |plan: u8| !state.db.plans[usize::from(plan)].is_open();
            if gateway.sending.is_some_and(is_over) && self.rules.has(Rule::AttemptsLocked) {
                gateway.sending = None;
            }
        }
        state.gateways.sort_unstable_by(|one, other| other.cmp(one));
    }
}
