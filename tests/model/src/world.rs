//! The steps of the world: the network, the chain, the index, and the restore.

use crate::{Action, Event, Expiry, Gateway, Rule, Sealing, State, Transaction};

impl Sealing {
    pub(crate) fn world_steps(&self, state: &State, actions: &mut Vec<Action>) {
        let (bounds, size) = (&self.bounds, state.size(state.log.len()));
        let is_final = usize::from(state.finalized) == state.log.len();
        for (at, transaction) in (0..).zip(&*state.transactions) {
            if transaction.is_sent && transaction.expiry == Expiry::Valid && transaction.index == size {
                actions.push(Action::Land(at));
            }
            if is_final && transaction.expiry != Expiry::AtFinalized {
                actions.push(Action::Expire(at));
            }
            // No rule that is kept asks for it, so that it would only make states more.
            if !self.rules.has(Rule::ExpiryAtFinalized) && transaction.expiry == Expiry::Valid {
                actions.push(Action::PassAtTip(at));
            }
        }
        if state.log.iter().filter(|event| **event == Event::Foreign).count() < bounds.foreign {
            actions.push(Action::AppendForeign);
        }
        if !is_final {
            actions.push(Action::Finalize);
            if bounds.has_forks {
                actions.push(Action::Fork);
            }
        }
        if state.indexed < state.finalized {
            actions.push(Action::Index);
        }
        if bounds.has_restore && !state.is_restored {
            let can_land = |transaction: &Transaction| transaction.is_sent && transaction.expiry != Expiry::AtFinalized;
            let is_over = state.indexed == state.finalized && !state.transactions.iter().any(can_land);
            if state.backup.is_none() {
                actions.push(Action::BackUp);
            } else if is_over || !self.rules.has(Rule::RestoreAfterExpiry) {
                actions.push(Action::Restore);
            }
        }
    }

    /// Whether the step is one of the world's.
    pub(crate) fn world_step(&self, state: &mut State, action: Action) -> bool {
        match action {
            Action::Land(at) => {
                let transaction = state.transactions[usize::from(at)];
                state.log.push(Event::Own { first: transaction.first, records: transaction.records });
            }
            Action::AppendForeign => {
                state.log.push(Event::Foreign);
            }
            Action::Finalize => state.finalized += 1,
            Action::Fork => {
                state.log.truncate(state.finalized.into());
                for transaction in &mut *state.transactions {
                    if transaction.expiry == Expiry::AtTip {
                        transaction.expiry = Expiry::Valid;
                    }
                }
            }
            Action::Index => state.indexed += 1,
            Action::PassAtTip(at) => state.transactions[usize::from(at)].expiry = Expiry::AtTip,
            Action::Expire(at) => {
                let transaction = &mut state.transactions[usize::from(at)];
                transaction.expiry = Expiry::AtFinalized;
                // It makes no difference any more.
                transaction.is_sent = false;
            }
            Action::BackUp => state.backup = Some(state.db),
            Action::Restore => {
                state.db = state.backup.take().unwrap_or_default();
                state.gateways = [Gateway::default(); 2];
                state.is_restored = true;
            }
            _ => return false,
        }
        true
    }
}
