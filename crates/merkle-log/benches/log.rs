//! Appending and verifying, compared with the crate ct-merkle, in the same run.
//!
//! Criterion measures; then a table is printed, and the same figures are written as JSON lines to
//! `target/bench/merkle-log.jsonl`. `cargo bench -p merkle-log`.
//!
//! The two are not the same thing where they append: ct-merkle keeps every leaf and node in memory and brings the path
//! to the root up to date at each leaf; a frontier keeps the peaks only, an edge also fills tiles to be stored. Both
//! hash the entries.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark measures and writes files")]

use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use merkle_log::{
    Edge, Frontier, Grown, Hash, LeafHash, LeafIndex, Plan, Tile, Tiles, TreeHead, TreeSize, consistency_plan,
    hash_leaf, inclusion_plan, verify_consistency, verify_inclusion,
};
use serde_json::{Value, json};
use sha2::Sha256;

const PEER: &str = "ct-merkle 0.3";
/// Leaves appended in one run, from the empty log.
const APPENDED: u64 = 65_536;
/// Proofs verified in one run, spread over a tree of `LEAVES`.
const PROOFS: u64 = 1_000;
const LEAVES: u64 = 1_000_000;

type Entry = [u8; 200];

fn main() {
    // The binary lies in target/PROFILE/deps.
    let binary = std::env::current_exe().expect("its own path");
    let target = binary.ancestors().nth(3).expect("a target folder").to_owned();
    let samples = target.join("criterion").join("merkle-log");
    // Old figures must not be reported. There is nothing to remove the first time.
    let _ = fs::remove_dir_all(&samples);

    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .output_directory(&samples)
        .configure_from_args();
    append(&mut criterion);
    verify(&mut criterion);
    criterion.final_summary();

    // Without `--bench`, each benchmark was only tried.
    if std::env::args().any(|argument| argument == "--bench") {
        report(&samples, &target.join("bench")).expect("the figures can be written");
    }
}

fn entry(index: u64) -> Entry {
    let mut entry = [0x5a; 200];
    entry[..8].copy_from_slice(&index.to_be_bytes());
    entry
}

fn append(criterion: &mut Criterion) {
    let entries: Vec<Entry> = (0..APPENDED).map(entry).collect();
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(APPENDED));
    group.bench_function("frontier", |bencher| {
        bencher.iter(|| {
            let mut frontier = Frontier::new();
            for entry in &entries {
                frontier.append_leaf(&hash_leaf(black_box(entry))).expect("room");
            }
            frontier.root()
        });
    });
    group.bench_function("edge", |bencher| {
        bencher.iter(|| {
            let (mut edge, mut grown) = (Edge::new(), Grown::default());
            for entry in &entries {
                edge.append_leaf(&hash_leaf(black_box(entry)), &mut grown).expect("room");
            }
            (edge.frontier().root(), grown)
        });
    });
    group.bench_function("peer", |bencher| {
        bencher.iter_batched(
            || entries.clone(),
            |entries| {
                let mut tree = MemoryBackedTree::<Sha256, Entry>::new();
                entries.into_iter().for_each(|entry| tree.push(black_box(entry)));
                (tree.root(), tree)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// One proof that leaf `at` is in the tree, and one that the tree begins with its first `at + 1` leaves.
struct Case {
    at: LeafIndex,
    entry: Entry,
    first: TreeHead,
    inclusion: Vec<Hash>,
    consistency: Vec<Hash>,
}

fn verify(criterion: &mut Criterion) {
    let (head, cases) = cases();
    let bytes = |proof: &[Hash]| proof.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>();
    let peer_root = |head: &TreeHead| RootHash::<Sha256>::new(head.root.0.into(), head.size.get());

    let mut group = criterion.benchmark_group("verify inclusion");
    group.throughput(Throughput::Elements(PROOFS));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            for case in &cases {
                verify_inclusion(&head, case.at, &hash_leaf(&case.entry), black_box(&case.inclusion))
                    .expect("it holds");
            }
        });
    });
    let root = peer_root(&head);
    let proofs: Vec<InclusionProof<Sha256>> = cases
        .iter()
        .map(|case| InclusionProof::try_from_bytes(bytes(&case.inclusion)).expect("whole hashes"))
        .collect();
    group.bench_function("peer", |bencher| {
        bencher.iter(|| {
            for (case, proof) in cases.iter().zip(&proofs) {
                root.verify_inclusion(&case.entry, case.at.get(), black_box(proof)).expect("it holds");
            }
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("verify consistency");
    group.throughput(Throughput::Elements(PROOFS));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            for case in &cases {
                verify_consistency(&case.first, &head, black_box(&case.consistency)).expect("it holds");
            }
        });
    });
    let proofs: Vec<(RootHash<Sha256>, ConsistencyProof<Sha256>)> = cases
        .iter()
        .map(|case| {
            let proof = ConsistencyProof::try_from_bytes(bytes(&case.consistency)).expect("whole hashes");
            (peer_root(&case.first), proof)
        })
        .collect();
    group.bench_function("peer", |bencher| {
        bencher.iter(|| {
            for (first, proof) in &proofs {
                root.verify_consistency(first, black_box(proof)).expect("it holds");
            }
        });
    });
    group.finish();
}

/// A tree of `LEAVES`, and proofs at leaves all over it.
fn cases() -> (TreeHead, Vec<Case>) {
    let (mut edge, mut grown) = (Edge::new(), Grown::default());
    // By tile level, all hashes.
    let mut levels: Vec<Vec<Hash>> = vec![Vec::new(); 4];
    let mut firsts = Vec::new();
    for index in 0..LEAVES {
        let leaf: LeafHash = hash_leaf(&entry(index));
        edge.append_leaf(&leaf, &mut grown).expect("room");
        levels[0].push(leaf.into());
        for tile in grown.tiles.drain(..) {
            levels[usize::from(tile.level) + 1].push(tile.root);
        }
        // A prime, so that the bits of the indexes differ.
        if index % 997 == 500 && firsts.len() < PROOFS as usize {
            firsts.push((index, edge.frontier().head()));
        }
    }
    let head = edge.frontier().head();
    let case = |(index, first): (u64, TreeHead)| {
        let at = LeafIndex::new(index).expect("in range");
        Case {
            at,
            entry: entry(index),
            first,
            inclusion: prove(&inclusion_plan(at, head.size).expect("in the tree"), head.size, &levels),
            consistency: prove(&consistency_plan(first.size, head.size).expect("it grew"), head.size, &levels),
        }
    };
    (head, firsts.into_iter().map(case).collect())
}

fn prove(plan: &Plan, stored: TreeSize, levels: &[Vec<Hash>]) -> Vec<Hash> {
    let mut tiles = Tiles::default();
    for tile in plan.tiles(stored).expect("stored") {
        let Tile { level, width, .. } = tile;
        let start = usize::try_from(tile.first_offset()).expect("in memory");
        let hashes = levels[usize::from(level)][start..start + usize::from(width)].to_vec();
        tiles.insert(tile, hashes).expect("as wide as it says");
    }
    plan.proof(&tiles).expect("the plan names all its tiles")
}

/// The result of one benchmark, in elements per second.
struct Figures {
    runs: usize,
    min: f64,
    median: f64,
    max: f64,
}

fn report(samples: &Path, bench: &Path) -> io::Result<()> {
    let rows = [
        ("leaves appended to a frontier", "append", "frontier", APPENDED, "leaves/s"),
        ("leaves appended to an edge, tiles filled", "append", "edge", APPENDED, "leaves/s"),
        ("inclusion proofs verified", "verify inclusion", "ours", PROOFS, "proofs/s"),
        ("consistency proofs verified", "verify consistency", "ours", PROOFS, "proofs/s"),
    ];
    fs::create_dir_all(bench)?;
    let path = bench.join("merkle-log.jsonl");
    let mut lines = fs::File::create(&path)?;
    println!("\n{:<42} {:>12} {:>14} {:>7}  {:>27}", "", "ours/s", PEER, "ratio", "ours min .. max");
    for (name, group, function, elements, unit) in rows {
        let (ours, peer) = (figures(samples, group, function, elements), figures(samples, group, "peer", elements));
        // A filter on the command line leaves some out.
        let (Some(ours), Some(peer)) = (ours, peer) else { continue };
        let ratio = ours.median / peer.median;
        println!(
            "{name:<42} {:>12.0} {:>14.0} {ratio:>7.2}  {:>12.0} .. {:>12.0}",
            ours.median, peer.median, ours.min, ours.max
        );
        let line = json!({
            "name": name, "value": ours.median, "unit": unit, "peer": PEER, "peer_value": peer.median, "ratio": ratio,
            "runs": ours.runs, "min": ours.min, "median": ours.median, "max": ours.max,
        });
        writeln!(lines, "{line}")?;
    }
    println!("{}", path.display());
    Ok(())
}

/// Reads what criterion has stored; none when that benchmark did not run.
fn figures(samples: &Path, group: &str, function: &str, elements: u64) -> Option<Figures> {
    let path: PathBuf = [samples, Path::new(group), Path::new(function), Path::new("new/sample.json")].iter().collect();
    let sample: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let list = |name: &str| Some(sample[name].as_array()?.iter().filter_map(Value::as_f64).collect::<Vec<f64>>());
    let mut rates: Vec<f64> = list("iters")?
        .iter()
        .zip(list("times")?)
        .map(|(iterations, nanoseconds)| elements as f64 * iterations * 1e9 / nanoseconds)
        .collect();
    rates.sort_by(f64::total_cmp);
    let median = *rates.get(rates.len() / 2)?;
    Some(Figures { runs: rates.len(), min: *rates.first()?, median, max: *rates.last()? })
}
