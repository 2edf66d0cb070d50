//! The steps of a gateway: `gateway/src/sequencer` and what it asks of the database.

use crate::{Action, Draft, Event, Expiry, Gateway, Look, Outcome, Plan, Rule, Sealing, State, Transaction};

impl Sealing {
    /// The steps of senders that need no gateway in particular.
    pub(crate) fn confirm_steps(state: &State, actions: &mut Vec<Action>) {
        for (at, plan) in (0..).zip(&*state.db.plans) {
            if plan.is_open() && !plan.is_confirmed && state.has_landed(plan, state.log.len()) {
                actions.push(Action::Confirm(at));
            }
        }
    }

    pub(crate) fn gateway_steps(&self, state: &State, number: u8, actions: &mut Vec<Action>) {
        let gateway = &state.gateways[usize::from(number)];
        if *gateway != Gateway::default() {
            actions.push(Action::Crash(number));
        }
        self.sender_steps(state, number, actions);
        match gateway.look {
            Look::Idle if gateway.has_lease => self.round_steps(state, number, actions),
            Look::Idle => actions.push(Action::Take(number)),
            Look::Expired { .. } => actions.push(Action::GiveUpPlan(number)),
            Look::Drafted(_) => {
                actions.push(Action::Plan(number));
                if !self.rules.has(Rule::WriteBeforeSend) && self.has_room(state) {
                    actions.push(Action::SendDraftAndCrash(number));
                }
            }
            Look::Inserted(_) => actions.push(Action::EndCommit(number)),
        }
    }

    fn round_steps(&self, state: &State, number: u8, actions: &mut Vec<Action>) {
        let decisive = self.decisive(state);
        let open = state.open_plans();
        let unplanned = self.first_unplanned(state);
        let is_held =
            unplanned.is_some_and(|(first, _)| open.iter().any(|&at| state.db.plans[usize::from(at)].first > first));
        for &at in &*open {
            let plan = &state.db.plans[usize::from(at)];
            if state.size(decisive) > plan.index {
                actions.push(Action::Decide(number, at));
            }
            if is_held && self.is_expired(state, plan) {
                actions.push(Action::SeeExpired(number, at));
            }
        }
        if is_held && self.rules.has(Rule::DeadBeforeOpen) {
            return;
        }
        if state.db.plans.len() < self.bounds.plans && self.has_room(state) {
            self.drafts(state, number, unplanned, actions);
        }
    }

    fn drafts(&self, state: &State, number: u8, unplanned: Option<(u8, u8)>, actions: &mut Vec<Action>) {
        let (sealed, limit) = (state.db.sealed, self.bounds.records_of_plan);
        let open = state.open_plans();
        let index = match open.last() {
            Some(&last) => state.db.plans[usize::from(last)].index + state.db.plans[usize::from(last)].records,
            None if self.rules.has(Rule::ExpectOwn) && !self.expects_own(state) => return,
            None => state.indexed_size(),
        };
        let first = unplanned.map_or(sealed, |(first, _)| first);
        // Not all may have been accepted when the gateway looks.
        for seals in 0..=limit.min(self.bounds.records - sealed) {
            let earlier = unplanned.map_or(0, |(_, records)| records.min(limit));
            let is_neighbour = unplanned.is_none_or(|(first, records)| first + records == sealed);
            let run = if is_neighbour { limit.min(earlier + seals) } else { earlier };
            // One transaction may not carry all of a run.
            for records in 1..=run {
                actions.push(Action::Draft(number, Draft { seals, first, records, index }));
            }
        }
    }

    fn sender_steps(&self, state: &State, number: u8, actions: &mut Vec<Action>) {
        let gateway = &state.gateways[usize::from(number)];
        let Some(sending) = gateway.sending else {
            if gateway.has_lease && gateway.look == Look::Idle {
                self.begin_sending_steps(state, number, actions);
            }
            return;
        };
        let plan = &state.db.plans[usize::from(sending)];
        let newest = state.newest(plan).map(|newest| state.transactions[newest].expiry);
        if newest != Some(Expiry::AtFinalized) {
            actions.push(Action::Send(number));
        }
        // The sender may have read its transaction before another one was added.
        let has_expired = state.attempts(plan.attempts).any(|attempt| attempt.expiry == Expiry::AtFinalized);
        let is_taken = plan.is_open() || !self.rules.has(Rule::AttemptsLocked);
        let is_held = self.rules.has(Rule::HeldPlansEnd)
            && self.first_unplanned(state).is_some_and(|(first, _)| first < plan.first);
        if has_expired && is_taken && !is_held && self.has_room(state) {
            actions.push(Action::SignAgain(number));
            if !self.rules.has(Rule::WriteBeforeSend) {
                actions.push(Action::SendAgainAndCrash(number));
            }
        }
    }

    fn begin_sending_steps(&self, state: &State, number: u8, actions: &mut Vec<Action>) {
        for &at in &*state.open_plans() {
            let plan = &state.db.plans[usize::from(at)];
            // To send again what the network has changes nothing.
            if state.newest(plan).is_none_or(|newest| !state.transactions[newest].is_sent) {
                actions.push(Action::BeginSending(number, at));
            }
            // A later plan is sent once this one is confirmed.
            if !plan.is_confirmed {
                break;
            }
        }
    }

    pub(crate) fn gateway_step(&self, state: &mut State, action: Action) {
        match action {
            Action::Take(number) => self.take(state, number.into()),
            Action::Decide(_, plan) => {
                let has_landed = state.has_landed(&state.db.plans[usize::from(plan)], self.decisive(state));
                let outcome = if has_landed { Outcome::Landed } else { Outcome::Dead };
                state.db.plans[usize::from(plan)].outcome = outcome;
            }
            Action::SeeExpired(number, plan) => {
                let attempts = state.db.plans[usize::from(plan)].attempts;
                state.gateways[usize::from(number)].look = Look::Expired { plan, attempts };
            }
            Action::GiveUpPlan(number) => self.give_up(state, number.into()),
            Action::Draft(number, draft) => {
                let has_unknown = !self.knows_own_appends(state);
                state.has_planned_blindly |= state.open_plans().is_empty() && has_unknown;
                state.gateways[usize::from(number)].look = Look::Drafted(draft);
            }
            Action::Plan(number) => self.plan(state, number.into()),
            Action::EndCommit(number) => {
                let gateway = &mut state.gateways[usize::from(number)];
                if let Look::Inserted(draft) = std::mem::take(&mut gateway.look) {
                    self.insert_plan(state, draft);
                }
            }
            Action::BeginSending(number, plan) => state.gateways[usize::from(number)].sending = Some(plan),
            Action::Send(number) => self.send(state, number.into()),
            Action::Confirm(plan) => state.db.plans[usize::from(plan)].is_confirmed = true,
            Action::SignAgain(number) => {
                if let Some(plan) = state.gateways[usize::from(number)].sending.take() {
                    let plan = &mut state.db.plans[usize::from(plan)];
                    plan.attempts |= 1 << state.transactions.len();
                    state.transactions.push(transaction(plan.first, plan.records, plan.index, false));
                }
            }
            Action::SendAgainAndCrash(number) => {
                if let Some(plan) = state.gateways[usize::from(number)].sending {
                    let plan = state.db.plans[usize::from(plan)];
                    state.transactions.push(transaction(plan.first, plan.records, plan.index, true));
                }
                state.gateways[usize::from(number)] = Gateway::default();
            }
            Action::SendDraftAndCrash(number) => {
                if let Look::Drafted(draft) = state.gateways[usize::from(number)].look {
                    state.transactions.push(transaction(draft.first, draft.records, draft.index, true));
                }
                state.gateways[usize::from(number)] = Gateway::default();
            }
            Action::Crash(number) => state.gateways[usize::from(number)] = Gateway::default(),
            _ => {}
        }
    }

    fn take(&self, state: &mut State, number: usize) {
        for (at, gateway) in state.gateways.iter_mut().enumerate() {
            gateway.has_lease = at == number;
            // Its commit would fail, but for one that has compared the epoch already.
            if at != number && self.rules.has(Rule::Epoch) && !matches!(gateway.look, Look::Inserted(_)) {
                gateway.look = Look::Idle;
            }
        }
    }

    fn give_up(&self, state: &mut State, number: usize) {
        let Look::Expired { plan, attempts } = std::mem::take(&mut state.gateways[number].look) else { return };
        let plan = &mut state.db.plans[usize::from(plan)];
        let is_as_seen = plan.attempts == attempts || !self.rules.has(Rule::AttemptsLocked);
        if plan.is_open() && is_as_seen {
            plan.outcome = Outcome::Dead;
        }
    }

    fn plan(&self, state: &mut State, number: usize) {
        let Look::Drafted(draft) = std::mem::take(&mut state.gateways[number].look) else { return };
        if draft.seals == 0 {
            state.gateways[number].look = Look::Inserted(draft);
            return;
        }
        let sealed = state.db.sealed;
        state.db.sealed = sealed.max(draft.first + draft.records).max(self.bounds.records.min(sealed + draft.seals));
        if !self.insert_plan(state, draft) {
            state.db.sealed = sealed;
        }
    }

    /// Whether the database takes the plan.
    fn insert_plan(&self, state: &mut State, draft: Draft) -> bool {
        let Draft { first, records, index, .. } = draft;
        let is_there = state.db.plans.iter().any(|plan| plan.is_live() && plan.first == first);
        if is_there && self.rules.has(Rule::UniquePlan) {
            return false;
        }
        let attempts = 1 << state.transactions.len();
        let plan = Plan { first, records, index, attempts, ..Plan::default() };
        state.db.plans.push(plan) && state.transactions.push(transaction(first, records, index, false))
    }

    fn send(&self, state: &mut State, number: usize) {
        let Some(plan) = state.gateways[number].sending.take() else { return };
        if let Some(newest) = state.newest(&state.db.plans[usize::from(plan)]) {
            state.transactions[newest].is_sent = true;
        }
    }

    /// How many appends may decide a plan.
    fn decisive(&self, state: &State) -> usize {
        if self.rules.has(Rule::DecideAtFinalized) { state.indexed.into() } else { state.log.len() }
    }

    /// Whether a plan can be given up: its transactions have expired and the ledger does not exceed its size.
    fn is_expired(&self, state: &State, plan: &Plan) -> bool {
        let size = if self.rules.has(Rule::SizeAtHeight) { state.finalized_size() } else { state.indexed_size() };
        let has_expired = |transaction: &Transaction| match transaction.expiry {
            Expiry::AtFinalized => true,
            Expiry::AtTip => !self.rules.has(Rule::ExpiryAtFinalized),
            Expiry::Valid => false,
        };
        let is_waited_for = self.rules.has(Rule::WaitForExpiry);
        size <= plan.index && (!is_waited_for || state.attempts(plan.attempts).all(has_expired))
    }

    /// `load_first_unplanned`: the first sealed record that is in no plan which landed or may land, and how many follow it.
    fn first_unplanned(&self, state: &State) -> Option<(u8, u8)> {
        let is_holding = |plan: &&Plan| match plan.outcome {
            Outcome::Open => self.rules.has(Rule::OnePlanForARecord),
            outcome => outcome == Outcome::Landed,
        };
        let live = || state.db.plans.iter().filter(is_holding);
        let ends = std::iter::once(0).chain(live().map(|plan| plan.first + plan.records));
        let first = ends.filter(|end| live().all(|plan| plan.first != *end)).min().unwrap_or(0);
        let next = live().map(|plan| plan.first).filter(|next| *next > first).min();
        let end = next.unwrap_or(state.db.sealed).min(state.db.sealed);
        Some((first, end.saturating_sub(first))).filter(|(_, records)| *records > 0)
    }

    /// `expect_own`, as the rules have it.
    fn expects_own(&self, state: &State) -> bool {
        let mut events: Vec<(u8, Event)> = state.events(state.indexed.into()).collect();
        if !self.rules.has(Rule::ExpectOwnEverywhere) {
            events.drain(..events.len().saturating_sub(1));
        }
        events.into_iter().all(|(index, event)| is_known(state, index, event))
    }

    /// Whether the database has all of the gateway's appends that the index has.
    pub(crate) fn knows_own_appends(&self, state: &State) -> bool {
        state.events(state.indexed.into()).all(|(index, event)| is_known(state, index, event))
    }

    fn has_room(&self, state: &State) -> bool {
        state.transactions.len() < self.bounds.transactions
    }
}

/// Whether an append is not the gateway's, or is a plan of the database.
pub(crate) fn is_known(state: &State, index: u8, event: Event) -> bool {
    let Event::Own { first, records } = event else { return true };
    state.db.plans.iter().any(|plan| (plan.first, plan.records, plan.index) == (first, records, index))
}

fn transaction(first: u8, records: u8, index: u8, is_sent: bool) -> Transaction {
    Transaction { first, records, index, is_sent, expiry: Expiry::Valid }
}
