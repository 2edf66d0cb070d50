//! The steps of one row within one transaction, and whether they form a chain in some order.
//!
//! Nested triggers write their changes before the change that fired them, so that the steps of one transaction may stand in
//! any order. Steps form a chain exactly when their graph has an Eulerian path from the state before: that is decided by
//! counting, without a search, and the state at the end does not depend on the path.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::Operation;
use crate::digest::{Hash, UNSAID};
use crate::finding::{Place, Recorded};

/// The state of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no row.
    Absent,
    /// A record without content was the last one.
    Unknown,
    /// There is a row with these columns.
    Row(Box<[Hash]>),
}

/// One step of one key. A `state` has no side before it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) place: Place,
    pub(crate) operation: Operation,
    pub(crate) from: Option<Box<[Hash]>>,
    pub(crate) to: Option<Box<[Hash]>>,
    pub(crate) key: Vec<String>,
    pub(crate) recorded: Arc<Recorded>,
}

impl Step {
    pub(crate) fn end(&self) -> State {
        self.to.clone().map_or(State::Absent, State::Row)
    }
}

/// The places of the columns that both sides say, and that differ.
pub(crate) fn differing(one: &[Hash], other: &[Hash]) -> Vec<usize> {
    let differs = |(_, (one, other)): &(usize, (&Hash, &Hash))| **one != UNSAID && **other != UNSAID && one != other;
    one.iter().zip(other).enumerate().filter(differs).map(|(place, _)| place).collect()
}

/// The row that a `state` leaves: a column that it does not say stays.
pub(crate) fn merge(before: &[Hash], stated: &[Hash]) -> Box<[Hash]> {
    before.iter().zip(stated).map(|(before, stated)| if *stated == UNSAID { *before } else { *stated }).collect()
}

/// The state after one step, or `None` if the step does not join.
///
/// `is_complete` says that each row had a record before: until then a step may begin with a row that was there unrecorded.
pub(crate) fn join(at: &State, step: &Step, is_complete: bool) -> Option<State> {
    let is_state = step.operation == Operation::State;
    match (at, &step.from) {
        (State::Unknown, _) => Some(step.end()),
        (State::Absent, None) => (!is_state || !is_complete).then(|| step.end()),
        (State::Absent, Some(_)) => (!is_complete).then(|| step.end()),
        (State::Row(row), None) => {
            let stated = step.to.as_ref().filter(|_| is_state)?;
            differing(row, stated).is_empty().then(|| State::Row(merge(row, stated)))
        }
        (State::Row(row), Some(from)) => differing(row, from).is_empty().then(|| step.end()),
    }
}

/// The state after all steps, in the order in which they stand or in any other one. `None` if they form no chain.
pub(crate) fn follow(start: &State, steps: &[Step], is_complete: bool) -> Option<State> {
    let in_order = steps.iter().try_fold(start.clone(), |at, step| join(&at, step, is_complete));
    in_order.or_else(|| if steps.len() > 1 { reorder(start, steps, is_complete) } else { None })
}

/// The start of a path: a vertex, or any.
fn reorder(start: &State, steps: &[Step], is_complete: bool) -> Option<State> {
    let said = said_by_all(start, steps);
    let vertex = |row: Option<&[Hash]>| row.map(|row| pick(row, &said));
    let mut graph = Graph::default();
    let mut ends = Vec::with_capacity(steps.len());
    for step in steps {
        let to = graph.vertex(vertex(step.to.as_deref()));
        let is_state = step.operation == Operation::State;
        let from = if is_state { to } else { graph.vertex(vertex(step.from.as_deref())) };
        graph.edge(from, to);
        ends.push(to);
    }
    let start_vertex = match start {
        State::Row(row) => Some(graph.vertex(vertex(Some(row)))),
        State::Absent if is_complete => Some(graph.vertex(None)),
        State::Absent | State::Unknown => None,
    };
    // A row that was there unrecorded, or that is unknown, gives any start.
    let end = match graph.end_of_path(start_vertex) {
        Some(end) => Some(end),
        None if *start == State::Absent && !is_complete => {
            let none = graph.vertex(None);
            graph.end_of_path(Some(none))
        }
        None => None,
    }?;
    let last = ends.iter().rposition(|vertex| *vertex == end).and_then(|place| steps.get(place));
    Some(last.map_or_else(|| start.clone(), Step::end))
}

fn said_by_all(start: &State, steps: &[Step]) -> Vec<bool> {
    let rows = steps.iter().flat_map(|step| [step.from.as_deref(), step.to.as_deref()]).flatten();
    let start = match start {
        State::Row(row) => Some(&**row),
        State::Absent | State::Unknown => None,
    };
    let mut said = Vec::new();
    for row in rows.chain(start) {
        said.resize(row.len(), true);
        for (said, hash) in said.iter_mut().zip(row) {
            *said &= *hash != UNSAID;
        }
    }
    said
}

fn pick(row: &[Hash], said: &[bool]) -> Vec<Hash> {
    row.iter().zip(said).filter(|(_, is_said)| **is_said).map(|(hash, _)| *hash).collect()
}

#[derive(Default)]
struct Graph {
    names: BTreeMap<Option<Vec<Hash>>, usize>,
    /// Steps that leave less steps that arrive.
    surplus: Vec<i64>,
    degree: Vec<u64>,
    /// A forest whose trees are the components.
    parent: Vec<usize>,
}

impl Graph {
    fn vertex(&mut self, name: Option<Vec<Hash>>) -> usize {
        let next = self.parent.len();
        let vertex = *self.names.entry(name).or_insert(next);
        if vertex == next {
            self.parent.push(next);
            self.surplus.push(0);
            self.degree.push(0);
        }
        vertex
    }

    fn root(&mut self, mut vertex: usize) -> usize {
        while self.parent[vertex] != vertex {
            self.parent[vertex] = self.parent[self.parent[vertex]];
            vertex = self.parent[vertex];
        }
        vertex
    }

    fn edge(&mut self, from: usize, to: usize) {
        self.surplus[from] += 1;
        self.surplus[to] -= 1;
        self.degree[from] += 1;
        self.degree[to] += 1;
        let (from, to) = (self.root(from), self.root(to));
        self.parent[from] = to;
    }

    /// The end of a path over all edges from `start`, or from any vertex.
    fn end_of_path(&mut self, start: Option<usize>) -> Option<usize> {
        let vertices: Vec<usize> = (0..self.parent.len()).filter(|vertex| self.degree[*vertex] > 0).collect();
        let first = *vertices.first()?;
        let root = self.root(start.unwrap_or(first));
        if !vertices.iter().all(|vertex| self.root(*vertex) == root) {
            return None;
        }
        let begins: Vec<usize> = vertices.iter().copied().filter(|vertex| self.surplus[*vertex] > 0).collect();
        let ends: Vec<usize> = vertices.iter().copied().filter(|vertex| self.surplus[*vertex] < 0).collect();
        match (begins.as_slice(), ends.as_slice()) {
            ([], []) => Some(start.unwrap_or(first)),
            ([begin], [end]) if self.surplus[*begin] == 1 && start.is_none_or(|start| start == *begin) => Some(*end),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::change::Who;
    use crate::ids::{LeafIndex, Timestamp};

    fn step(from: u64, to: u64) -> Step {
        let side = |value: u64| (value > 0).then(|| vec![value, 7].into_boxed_slice());
        let who = Who { user: String::new(), role: None, actor: None };
        let at = Timestamp::parse("2026-01-02T03:04:05.000000Z").unwrap();
        Step {
            place: Place::Recorded(LeafIndex(0)),
            operation: Operation::Update,
            from: side(from),
            to: side(to),
            key: Vec::new(),
            recorded: Arc::new(Recorded { at, who }),
        }
    }

    fn state(value: u64) -> State {
        if value == 0 { State::Absent } else { State::Row(vec![value, 7].into()) }
    }

    #[test]
    fn finds_a_chain_in_every_order_of_its_steps_and_none_where_one_is_missing() {
        let path = [(1, 2), (2, 1), (1, 0), (0, 3)];
        for turn in 0..path.len() {
            let mut steps: Vec<Step> = path.iter().map(|(from, to)| step(*from, *to)).collect();
            steps.rotate_left(turn);
            assert_eq!(follow(&state(1), &steps, true), Some(state(3)), "{turn}");
            steps.reverse();
            assert_eq!(follow(&state(1), &steps, true), Some(state(3)), "{turn}");
            assert_eq!(follow(&state(2), &steps, true), None, "{turn}");
        }
        assert_eq!(follow(&state(1), &[step(1, 2), step(3, 4), step(4, 3)], true), None);
        assert_eq!(follow(&state(1), &[step(1, 2), step(1, 2)], true), None);
        assert_eq!(follow(&State::Unknown, &[step(2, 3), step(1, 2)], true), Some(state(3)));
        assert_eq!(follow(&State::Absent, &[step(2, 3), step(1, 2)], false), Some(state(3)));
        assert_eq!(follow(&State::Absent, &[step(2, 3), step(1, 2)], true), None);
    }

    proptest! {
        #[test]
        fn follows_each_walk_however_its_steps_are_shuffled(
            (walk, order) in proptest::collection::vec(0u64..4, 2..12)
                .prop_flat_map(|walk| (Just(walk.clone()), Just((0..walk.len() - 1).collect::<Vec<_>>()).prop_shuffle()))
        ) {
            // A walk that stays absent is no step.
            let mut walk = walk;
            walk.dedup();
            let count = walk.len() - 1;
            let order = order.into_iter().filter(|place| *place < count);
            let steps: Vec<Step> = order.map(|place| step(walk[place], walk[place + 1])).collect();
            prop_assert_eq!(follow(&state(walk[0]), &steps, true), Some(state(walk[count])));
        }
    }
}
