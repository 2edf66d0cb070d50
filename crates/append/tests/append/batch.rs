//! The plan of batches of subtrees.

use std::num::NonZeroUsize;

use counterfoil_append::instruction::{self, SUBTREES_PER_TRANSACTION};
use counterfoil_core::{LedgerId, ProgramId, SubtreeBatch, Wallet, plan_subtrees};
use merkle_log::{Hash, MAX_TREE_SIZE, Position, TreeSize, subtrees};
use solana_instruction::Instruction;
use solana_message::Message;
use solana_pubkey::Pubkey;

fn size(leaves: u64) -> TreeSize {
    TreeSize::new(leaves).expect("in range")
}

/// How many batches a plan has; they follow each other, fit, and append the leaves.
fn planned(start: u64, leaves: u64, most: usize) -> usize {
    let at_most = NonZeroUsize::new(most).expect("not zero");
    let plan: Vec<SubtreeBatch> = plan_subtrees(size(start), leaves, at_most).expect("room").collect();
    let mut next = start;
    let mut positions: Vec<Position> = Vec::new();
    for batch in &plan {
        assert_eq!(batch.expected_size().get(), next);
        let hashes: Vec<Position> = batch.subtrees().collect();
        assert!((1..=most).contains(&hashes.len()));
        positions.extend(hashes);
        next += batch.leaves();
    }
    assert_eq!(next, start + leaves);
    assert_eq!(positions, subtrees(size(start), size(next), 24).collect::<Vec<_>>());
    plan.len()
}

/// Against all ways to cut the leaves into batches.
#[test]
fn no_plan_has_fewer_batches() {
    for start in 0..=40 {
        for most in 1..=4 {
            // By dynamic programming: the fewest batches that append the first `end` leaves after `start`.
            let mut fewest = vec![0_usize];
            for end in 1..=40_u64 {
                let cuts = (0..end).filter(|cut| subtrees(size(start + cut), size(start + end), 24).count() <= most);
                fewest.push(cuts.map(|cut| 1 + fewest[cut as usize]).min().expect("a leaf always fits"));
            }
            for (leaves, fewest) in (0..).zip(fewest) {
                assert_eq!(planned(start, leaves, most), fewest, "{leaves} leaves from {start} by {most}");
            }
        }
    }
}

/// The part above the first 2^20 leaves of a start changes nothing for a shorter run.
#[test]
fn a_million_leaves_take_one_transaction_from_any_size() {
    let most = (0..1 << 20).map(|start| subtrees(size(start), size(start + 1_000_000), 24).count()).max();
    assert_eq!(most, Some(26));
    assert_eq!(planned(572_863, 1_000_000, SUBTREES_PER_TRANSACTION.get()), 1);
    assert_eq!(planned(5 << 20, 1_000_000, 7), 1);
}

#[test]
fn no_leaves_take_no_transaction_and_too_many_are_refused() {
    assert_eq!(planned(5, 0, 1), 0);
    assert!(plan_subtrees(size(MAX_TREE_SIZE), 1, SUBTREES_PER_TRANSACTION).is_err());
    assert!(plan_subtrees(size(1), u64::MAX, SUBTREES_PER_TRANSACTION).is_err());
}

/// By a writer, whose grant is one address more than the authority needs.
#[test]
fn a_batch_and_a_compute_budget_fit_one_transaction() {
    let (program, ledger, wallet) = (ProgramId([0x11; 32]), LedgerId([0x22; 32]), Wallet([0x33; 32]));
    let mut plan = plan_subtrees(size(1), u64::from(u32::MAX), SUBTREES_PER_TRANSACTION).expect("room");
    let batch = plan.next().expect("a batch");
    let hashes = vec![Hash([7; 32]); batch.subtrees().count()];
    assert_eq!(hashes.len(), SUBTREES_PER_TRANSACTION.get());
    let append = instruction::append_subtrees(program, ledger, wallet, true, batch, &hashes);
    let budget: Pubkey = "ComputeBudget111111111111111111111111111111".parse().expect("an address");
    let limit = Instruction { program_id: budget, accounts: Vec::new(), data: vec![2, 0, 0, 0, 0] };
    let price = Instruction { program_id: budget, accounts: Vec::new(), data: vec![3, 0, 0, 0, 0, 0, 0, 0, 0] };
    let message = Message::new(&[limit, price, append], Some(&Pubkey::new_from_array(wallet.0)));
    assert!(1 + 64 + message.serialize().len() <= 1_232);
}
