//! What each instruction costs, to the unit, event included.
//!
//! `cargo test -p counterfoil compute -- --nocapture` prints the table; the same figures are written as JSON lines to
//! `target/bench/compute.jsonl`. They are of the committed file: another compiler's program costs something else.

use std::fmt::Write as _;
use std::fs;

use solana_signer::Signer;

use super::setup::Scene;

const NEVER: i64 = i64::MAX;
const MIB: u64 = 1 << 20;

struct Row {
    instruction: &'static str,
    state: &'static str,
    /// What it cost when this was written. A change is no fault, but it is to be seen.
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

    let row = |instruction, state, expected, measured| Row { instruction, state, expected, measured };
    let rows = [
        row("create_ledger", "new", 9_916, created),
        row("append, 1 entry of 200 bytes", "size 0", 4_424, Scene::new(0).append(&entries(1))),
        row("append, 1 entry of 200 bytes", "size 2^20", 4_428, append(MIB, MIB, 1)),
        row("append, 2 entries of 200 bytes", "size 2^20", 5_100, append(MIB, MIB, 2)),
        row("append, 3 entries of 200 bytes", "size 2^20", 5_779, append(MIB, MIB, 3)),
        row("append, 4 entries of 200 bytes", "size 2^20", 6_443, append(MIB, MIB, 4)),
        row("append by a writer, 1 entry of 200 bytes", "size 2^20", 4_770, appended_by_writer),
        row("append, 1 entry of 200 bytes", "size 2^20 - 1: merges 20 levels", 7_709, append(MIB - 1, MIB, 1)),
        row("append, 1 entry of 200 bytes", "2^20 - 1 events: merges 20 levels", 7_908, append(MIB, MIB - 1, 1)),
        row("append, 1 entry of 200 bytes", "size and events 2^20 - 1", 11_189, append(MIB - 1, MIB - 1, 1)),
        row(
            "append, 1 entry of 200 bytes",
            "size and events 2^48 - 2: the most peaks",
            12_708,
            append((1 << 48) - 2, (1 << 48) - 2, 1),
        ),
        row("grant_writer", "new, 2^20 events", 10_205, granted),
        row("grant_writer", "replaced", 8_125, replaced),
        row("revoke_writer", "2^20 events", 4_803, revoked),
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
