//! Random sequences of all instructions by several wallets on several ledgers, against a plain model: outcome, event
//! and every account are compared after each step.
//!
//! `SEED=` repeats a run and `CASES=` makes it longer; a sequence that fails is shrunk to a short one and printed.

mod action;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use proptest::test_runner::TestRunner;

use crate::seed;
use crate::setup::Chain;
use action::any_sequence;
use world::World;

const REPORT_EVERY: u64 = 1_000;
/// In this number of sequences every instruction is done, the rarest of them some 14 times.
const ENOUGH: u64 = 300;

#[test]
fn every_sequence_does_what_the_model_does() {
    // One machine for all: each sequence has ledgers of an id of its own.
    let chain = RefCell::new(Chain::new());
    let number = Cell::new(0_u64);
    // By instruction: how often it was done, and how often refused.
    let outcomes = RefCell::new(BTreeMap::<&str, (u64, u64)>::new());
    let ran = TestRunner::new(seed::cases(ENOUGH as u32)).run(&any_sequence(), |actions| {
        number.set(number.get() + 1);
        if number.get().is_multiple_of(REPORT_EVERY) {
            println!("{} sequences", number.get());
        }
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.get().to_le_bytes());
        let mut chain = chain.borrow_mut();
        let mut world = World::new(&mut chain, id);
        for action in &actions {
            let is_done = world.step(&mut chain, action);
            let mut outcomes = outcomes.borrow_mut();
            let (done, refused) = outcomes.entry(action.name()).or_default();
            *if is_done { done } else { refused } += 1;
        }
        world.expect_roots();
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
    for (name, (done, refused)) in outcomes.borrow().iter() {
        println!("{name}: {done} done, {refused} refused");
        let is_told = *done != 0 || number.get() < ENOUGH;
        assert!(is_told, "sequences in which {name} is never done say nothing of it");
    }
}
