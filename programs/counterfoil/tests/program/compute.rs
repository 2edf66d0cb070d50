//! The compute units of each instruction, exactly, event included.
//!
//! `cargo test -p counterfoil compute -- --nocapture` prints the table; the same figures are written as JSON lines to
//! `target/bench/compute.jsonl`. They are of the committed file: another compiler's program costs something else.

use std::fmt::Write as _;
use std::fs;

use anchor_lang::prelude::Pubkey;
use counterfoil::instructions::ProofTarget;
use solana_signer::Signer;

use super::setup::Scene;

const NEVER: i64 = i64::MAX;
const MIB: u64 = 1 << 20;
const SUBTREES_ALLOWED: u32 = 4;
const WALLET: Pubkey = Pubkey::new_from_array([3; 32]);

struct Row {
    instruction: &'static str,
    state: &'static str,
    /// The cost when this was written. A change is no fault, but it is to be seen.
    expected: u64,
    measured: u64,
}

fn entries(count: usize) -> Vec<Vec<u8>> {
    vec![vec![0x5a; 200]; count]
}

/// One append at a size, as the authority.
fn append(size: u64, event_seq: u64, count: usize) -> u64 {
    Scene::seeded(0, size, event_seq).append(&entries(count))
}

fn append_subtrees(size: u64, leaves: u64) -> u64 {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, size, MIB);
    assert_eq!(scene.subtree_hashes(leaves).len(), 20);
    scene.append_subtrees(leaves)
}

/// A proof in a tree of 2^`depth` leaves. Both of its ends cost the same: the hashes decide.
fn verify(depth: u32, target: fn(u64) -> ProofTarget) -> u64 {
    let (mut scene, leaf, proof) = Scene::perfect(depth);
    let verify = scene.verify_instruction(leaf, 0, target(1 << depth), &proof);
    scene.chain.execute(&[verify], &[]).expect("proven").compute_units_consumed
}

fn of_authority(act: fn(&mut Scene) -> u64) -> u64 {
    act(&mut Scene::seeded(SUBTREES_ALLOWED, MIB, MIB))
}

#[test]
fn each_instruction_costs_what_it_did() {
    let mut scene = Scene::before(0);
    let create = scene.create_instruction();
    let created = scene.chain.succeed(create, &[&scene.authority]).compute_units;

    let mut scene = Scene::seeded(0, MIB, MIB);
    let writer = scene.chain.wallet_of([2; 32]);
    let (grant, granted) = scene.grant(&writer.pubkey(), 1, NEVER);
    let (_, replaced) = scene.grant(&writer.pubkey(), 1, NEVER);
    let revoked = scene.revoke(&writer.pubkey());

    let mut scene = Scene::seeded(0, MIB, MIB - 1);
    let writer = scene.chain.wallet_of([2; 32]);
    assert_eq!(scene.grant(&writer.pubkey(), 1, NEVER).0, grant);
    let appended_by_writer = scene.append_as(&writer, Some(grant), &entries(1));

    let proposed = of_authority(|scene| scene.propose(&WALLET));
    let accepted = of_authority(|scene| {
        let wallet = scene.chain.wallet_of([2; 32]);
        scene.propose(&wallet.pubkey());
        scene.accept(&wallet)
    });

    const ONE: &str = "append, 1 entry of 200 bytes";
    const TWENTY: &str = "append_subtrees, 20 hashes";
    let row = |instruction, state, expected, measured| Row { instruction, state, expected, measured };
    let rows = [
        row("create_ledger", "new", 9_961, created),
        row(ONE, "size 0", 4_502, Scene::new(0).append(&entries(1))),
        row(ONE, "size 1", 4_502, append(1, 2, 1)),
        row(ONE, "size 10^3", 5_407, append(1_000, 1_000, 1)),
        row(ONE, "size 2^20", 4_507, append(MIB, MIB, 1)),
        row(ONE, "size 2^40", 4_507, append(1 << 40, 1 << 40, 1)),
        row("append, 2 entries of 200 bytes", "size 2^20", 5_176, append(MIB, MIB, 2)),
        row("append, 3 entries of 200 bytes", "size 2^20", 5_851, append(MIB, MIB, 3)),
        row("append, 4 entries of 200 bytes", "size 2^20", 6_513, append(MIB, MIB, 4)),
        row("append by a writer, 1 entry of 200 bytes", "size 2^20", 4_842, appended_by_writer),
        row(ONE, "size 2^20 - 1: merges 20 levels", 7_808, append(MIB - 1, MIB, 1)),
        row(ONE, "2^20 - 1 events: merges 20 levels", 7_987, append(MIB, MIB - 1, 1)),
        row(ONE, "size and events 2^20 - 1", 11_288, append(MIB - 1, MIB - 1, 1)),
        row(ONE, "size and events 2^48 - 2: the most peaks", 12_787, append((1 << 48) - 2, (1 << 48) - 2, 1)),
        row(TWENTY, "size 0, no merges", 12_131, append_subtrees(0, MIB - 1)),
        row(TWENTY, "size 1, 20 merges", 12_353, append_subtrees(1, MIB - 1)),
        row(TWENTY, "size 10^3", 13_229, append_subtrees(1_000, 1_000_001)),
        row(TWENTY, "size 2^20, no merges", 12_312, append_subtrees(MIB, MIB - 1)),
        row(TWENTY, "size 2^20 + 1, 21 merges", 12_532, append_subtrees(MIB + 1, MIB - 1)),
        row(TWENTY, "size 2^40, no merges", 12_312, append_subtrees(1 << 40, MIB - 1)),
        row("verify_inclusion against the head", "size 1, no hashes", 785, verify(0, |_| ProofTarget::CurrentHead)),
        row(
            "verify_inclusion against the head",
            "size 2^10, 10 hashes",
            3_082,
            verify(10, |_| ProofTarget::CurrentHead),
        ),
        row(
            "verify_inclusion against the head",
            "size 2^20, 20 hashes",
            5_278,
            verify(20, |_| ProofTarget::CurrentHead),
        ),
        row(
            "verify_inclusion against a kept head",
            "size 2^20, 20 hashes",
            5_291,
            verify(20, |size| ProofTarget::KeptHead { size }),
        ),
        row("verify_inclusion against the peak", "size 2^20, 20 hashes", 5_249, verify(20, |_| ProofTarget::Peak)),
        row(
            "verify_inclusion against the head",
            "size 2^40, 40 hashes",
            9_678,
            verify(40, |_| ProofTarget::CurrentHead),
        ),
        row("grant_writer", "new, 2^20 events", 10_256, granted),
        row("grant_writer", "replaced", 8_176, replaced),
        row("revoke_writer", "2^20 events", 4_848, revoked),
        row("propose_authority", "2^20 events", 3_630, proposed),
        row("accept_authority", "2^20 + 1 events", 3_806, accepted),
        row("disallow_subtrees", "2^20 events", 3_505, of_authority(Scene::disallow_subtrees)),
        row("seal_ledger", "2^20 events", 3_516, of_authority(Scene::seal_ledger)),
    ];
    print(&rows);
    record(&rows);
    for row in rows {
        assert_eq!(row.measured, row.expected, "{}, {}", row.instruction, row.state);
    }
}

fn print(rows: &[Row]) {
    println!("| instruction | state | CU |\n|---|---|---:|");
    for row in rows {
        println!("| {} | {} | {} |", row.instruction, row.state, row.measured);
    }
}

fn record(rows: &[Row]) {
    // The binary lies in target/PROFILE/deps.
    let binary = std::env::current_exe().expect("its own path");
    let folder = binary.ancestors().nth(3).expect("a target folder").join("bench");
    let mut lines = String::new();
    for row in rows {
        let name = format!("{}; {}", row.instruction, row.state);
        writeln!(
            lines,
            r#"{{"name":"{name}","unit":"CU","value":{0},"runs":1,"min":{0},"median":{0},"max":{0}}}"#,
            row.measured
        )
        .expect("a string takes it");
    }
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("compute.jsonl"), lines).expect("a file");
}
