//! A random table: its history is verified in each order of a transaction's steps, and refused once something is altered.

use std::collections::BTreeMap;

use counterfoil_table_check::*;
use proptest::prelude::*;

use crate::language::{Entry, entries, report_of};

/// One step of the model: its words in the language, and whether it is a change.
#[derive(Clone, Debug)]
struct Model {
    /// Transactions, each with its steps.
    transactions: Vec<Vec<String>>,
    live: BTreeMap<u8, u8>,
}

#[derive(Clone, Copy, Debug)]
struct Op {
    is_new_transaction: bool,
    kind: u8,
    id: u8,
    other: u8,
    value: u8,
}

fn op() -> impl Strategy<Value = Op> {
    (any::<bool>(), 0u8..10, 0u8..6, 0u8..6, 0u8..4).prop_map(|(is_new_transaction, kind, id, other, value)| Op {
        is_new_transaction,
        kind,
        id,
        other,
        value,
    })
}

fn text(id: u8, value: u8) -> String {
    format!("{id}={value}.00")
}

fn model(ops: &[Op]) -> Model {
    let mut live: BTreeMap<u8, u8> = BTreeMap::new();
    let mut transactions: Vec<Vec<String>> = vec![Vec::new()];
    for op in ops {
        if op.is_new_transaction {
            transactions.push(Vec::new());
        }
        let xid = transactions.len();
        let there = live.get(&op.id).copied();
        let step = match (there, op.kind) {
            (None, _) => {
                live.insert(op.id, op.value);
                format!("{xid} insert {}", text(op.id, op.value))
            }
            (Some(old), 0..=1) => {
                live.remove(&op.id);
                format!("{xid} delete {}", text(op.id, old))
            }
            (Some(old), 2..=3) if !live.contains_key(&op.other) => {
                live.remove(&op.id);
                live.insert(op.other, op.value);
                format!("{xid} update {}>{}", text(op.id, old), text(op.other, op.value))
            }
            (Some(old), _) => {
                live.insert(op.id, op.value);
                format!("{xid} update {}>{}", text(op.id, old), text(op.id, op.value))
            }
        };
        if let Some(steps) = transactions.last_mut() {
            steps.push(step);
        }
    }
    Model { transactions, live }
}

fn history(transactions: &[Vec<String>]) -> Vec<Entry> {
    entries(&format!("P; B; {}", transactions.iter().flatten().cloned().collect::<Vec<_>>().join(";")))
}

fn rows(live: &BTreeMap<u8, u8>) -> String {
    live.iter().map(|(id, value)| text(*id, *value)).collect::<Vec<_>>().join(",")
}

fn verdict(entries: &[Entry], live: &BTreeMap<u8, u8>) -> Verdict {
    report_of(Pins::whole("public.t"), entries, "", &rows(live)).verdict
}

/// A shuffle of each transaction's steps, from a stream of numbers.
fn shuffle(transactions: &mut [Vec<String>], numbers: &[usize]) {
    let mut numbers = numbers.iter().cycle();
    for steps in transactions {
        for end in (1..steps.len()).rev() {
            let number = numbers.next().copied().unwrap_or(0);
            steps.swap(end, number % (end + 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verifies_a_random_table_in_each_order_of_a_transactions_steps(
        ops in proptest::collection::vec(op(), 1..60), numbers in proptest::collection::vec(any::<usize>(), 1..60)
    ) {
        let mut model = model(&ops);
        prop_assert_eq!(verdict(&history(&model.transactions), &model.live), Verdict::Verified);
        shuffle(&mut model.transactions, &numbers);
        prop_assert_eq!(verdict(&history(&model.transactions), &model.live), Verdict::Verified);
    }

    #[test]
    fn refuses_each_live_row_that_was_altered(
        ops in proptest::collection::vec(op(), 1..60), which in any::<proptest::sample::Index>(), kind in 0u8..3
    ) {
        let model = model(&ops);
        let entries = history(&model.transactions);
        let mut live = model.live.clone();
        let keys: Vec<u8> = live.keys().copied().collect();
        match (kind, keys.is_empty()) {
            (0, false) => { live.insert(keys[which.index(keys.len())], 9); }
            (1, false) => { live.remove(&keys[which.index(keys.len())]); }
            _ => { live.insert(77, 1); }
        }
        prop_assert_eq!(verdict(&entries, &live), Verdict::Refused);
    }

    /// A step whose ends are equal can be dropped unseen: the ledger's own proofs say that no record is missing.
    #[test]
    fn refuses_each_record_that_was_dropped_or_altered_or_doubled(
        ops in proptest::collection::vec(op(), 1..60), which in any::<proptest::sample::Index>(), kind in 0u8..3
    ) {
        let model = model(&ops);
        let mut steps: Vec<String> = model.transactions.concat();
        let place = which.index(steps.len());
        let step = steps[place].clone();
        let ends: Vec<&str> = step.rsplit(' ').next().unwrap_or("").split('>').collect();
        let is_idle = ends.len() == 2 && ends[0] == ends[1];
        prop_assume!(!is_idle);
        match kind {
            0 => { steps.remove(place); }
            1 => steps[place] = format!("{}9", step.trim_end_matches(".00").to_owned() + ".0"),
            _ => steps.insert(place, step),
        }
        prop_assert_eq!(verdict(&history(&[steps]), &model.live), Verdict::Refused);
    }

    #[test]
    fn cannot_tell_and_never_verifies_where_a_content_is_missing(
        ops in proptest::collection::vec(op(), 1..60), which in any::<proptest::sample::Index>()
    ) {
        let model = model(&ops);
        let mut entries = history(&model.transactions);
        let place = 2 + which.index(entries.len() - 2);
        // Alone in their transactions, so that the order says which one is missing.
        let content = entries[place].content.take().expect("a content");
        let step = Change::decode(&content.1).expect("a change");
        let id = step.rows.new_row().or(step.rows.old()).and_then(|row| {
            row.members().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned())
        }).expect("an id");
        entries[place].subject = Some(crate::language::subject(&id));
        let found = verdict(&entries, &model.live);
        let is_move = step.rows.old().zip(step.rows.new_row()).is_some_and(|(old, new)| {
            old.members().next() != new.members().next()
        });
        let is_alone = model.transactions.iter().all(|steps| steps.len() <= 1);
        prop_assert_ne!(found, Verdict::Verified);
        if is_alone && !is_move {
            prop_assert_eq!(found, Verdict::CannotTell);
        }
    }
}
