//! States that no test reaches by appending: written as accounts, and then the program goes on from there.

use counterfoil::errors::CounterfoilError;
use counterfoil_core::LedgerAccount;
use solana_signer::Signer;

use super::setup::{Scene, refused_by};

const SUBTREES_ALLOWED: u32 = 4;
const MOST: u64 = (1 << 48) - 1;

/// One less than each power of two, it, and one more; and the last three sizes.
fn sizes() -> Vec<u64> {
    let around = (0..48).flat_map(|level| [(1_u64 << level) - 1, 1 << level, (1 << level) + 1]);
    let mut sizes: Vec<u64> = around.chain([MOST - 2, MOST - 1, MOST]).collect();
    sizes.dedup();
    sizes
}

fn entry(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// Both logs: the entries at each size, with as many events as bring theirs to such a size too.
#[test]
fn appends_go_on_from_sizes_around_every_power_of_two() {
    let mut scene = Scene::before(SUBTREES_ALLOWED);
    for size in sizes() {
        let event_seq = size.clamp(2, MOST - 4);
        scene.reseed(size, event_seq);
        // No append has written a head of size 0.
        if size < MOST {
            scene.append(&[entry(size)]);
        }
        let left = (MOST - scene.ledger.entries.size).min(3);
        if left > 0 {
            scene.append_subtrees(left);
        }
        LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("everybody can read it");
    }
}

#[test]
fn a_full_log_takes_nothing_and_its_authority_goes_on() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, MOST, 1 << 20);
    let authority = scene.authority.insecure_clone();
    let append = scene.append_instruction(&authority.pubkey(), None, None, &[entry(0)]);
    scene.chain.refuse(&append, &[&authority], refused_by(CounterfoilError::LogFull));
    let append = scene.append_subtrees_instruction(&authority.pubkey(), None, MOST, 1, &[[7; 32]]);
    scene.chain.refuse(&append, &[&authority], refused_by(CounterfoilError::LogFull));
    scene.disallow_subtrees();
    scene.seal_ledger();
}

/// The event log takes as many leaves. After the last event no instruction that writes can be executed, so none can
/// leave the ledger half done.
#[test]
fn after_the_last_event_nothing_is_written() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, 1 << 20, MOST - 1);
    let authority = scene.authority.insecure_clone();
    scene.append(&[entry(0)]);
    assert_eq!(scene.ledger.events.size, MOST);
    let size = scene.ledger.entries.size;
    let wallet = scene.chain.wallet();
    let full = [
        scene.append_instruction(&authority.pubkey(), None, None, &[entry(1)]),
        scene.append_subtrees_instruction(&authority.pubkey(), None, size, 1, &[[7; 32]]),
        scene.grant_instruction(&wallet.pubkey(), 1, i64::MAX),
        scene.propose_instruction(&wallet.pubkey()),
        scene.disallow_subtrees_instruction(),
        scene.seal_instruction(size),
    ];
    for instruction in full {
        scene.chain.refuse(&instruction, &[&authority], refused_by(CounterfoilError::LogFull));
    }
}

/// The ring turns at 16 heads: before, at and after it, from any number of heads written.
#[test]
fn the_ring_turns_at_sixteen_heads() {
    let mut scene = Scene::before(0);
    for heads in [1, 14, 15, 16, 17, 31, 32, 33, (1 << 40) - 1, 1 << 40] {
        scene.reseed(heads, heads + 1);
        assert_eq!(scene.ledger.heads_written, heads);
        for number in 0..18 {
            scene.append(&[entry(number)]);
        }
        let account = LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("a ledger");
        let sizes: Vec<u64> = account.heads.iter().map(|head| head.size.get()).collect();
        assert_eq!(sizes, (heads + 3..=heads + 18).collect::<Vec<_>>());
    }
}
