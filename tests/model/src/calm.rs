//! A calm world: from a state on nothing goes wrong any more, and whatever can go on does.

use std::cmp::Reverse;

use crate::{Action, Bounds, Event, Sealing, State};

/// More steps than a calm world needs from any state within the bounds.
const STEPS: usize = 200;

/// The state in which a calm world ends: all records have landed, or nothing goes on.
pub(crate) fn end(model: &Sealing, state: &State) -> State {
    let bounds = Bounds {
        plans: 8,
        transactions: 10,
        foreign: 0,
        has_forks: false,
        has_restore: false,
        is_calm_checked: false,
        ..model.bounds
    };
    let (model, mut state) = (Sealing { bounds, ..*model }, *state);
    let mut actions = Vec::new();
    for _ in 0..STEPS {
        actions.clear();
        model.steps(&state, &mut actions);
        let urgent = actions.iter().filter_map(|action| Some((rank(*action)?, action))).min_by_key(key);
        let Some((_, action)) = urgent else { return state };
        state = model.step(&state, *action);
        if have_landed(&model, &state) {
            return state;
        }
    }
    state
}

/// Of several drafts the one of most records comes first.
fn key((rank, action): &(u8, &Action)) -> (u8, Reverse<(u8, u8)>) {
    match action {
        Action::Draft(_, draft) => (*rank, Reverse((draft.records, draft.seals))),
        _ => (*rank, Reverse((0, 0))),
    }
}

/// The order of urgency; none where a step is a fault.
const fn rank(action: Action) -> Option<u8> {
    Some(match action {
        Action::Finalize => 0,
        Action::Index => 1,
        Action::Confirm(_) => 2,
        Action::GiveUpPlan(_) | Action::Plan(_) | Action::EndCommit(_) => 3,
        Action::Decide(..) => 4,
        Action::Send(_) => 5,
        Action::Land(_) => 6,
        // A sender is faster than the round that would give up what it sends.
        Action::BeginSending(..) => 7,
        Action::SignAgain(_) => 8,
        Action::SeeExpired(..) => 9,
        Action::Draft(..) => 10,
        Action::Take(0) => 11,
        Action::Expire(_) => 12,
        _ => return None,
    })
}

/// Whether all records are in the finalized ledger.
pub(crate) fn have_landed(model: &Sealing, state: &State) -> bool {
    let landed = state.log[..state.finalized.into()].iter().fold(0_u32, |landed, event| landed | bits(*event));
    landed == (1 << model.bounds.records) - 1
}

pub(crate) fn bits(event: Event) -> u32 {
    match event {
        Event::Own { first, records } => ((1 << records) - 1) << first,
        Event::Foreign => 0,
    }
}
