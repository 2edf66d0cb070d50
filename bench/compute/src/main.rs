//! Compute units, account sizes and rent of Counterfoil's program, compared with those of SPL account compression, by one
//! harness in one run. `run` builds what is measured and calls this:
//!
//! `counterfoil-bench-compute COUNTERFOIL.SO PEER_FOLDER JSON_LINES [LEVEL]`
//!
//! Each log is filled by one append to a transaction until it has had one more than 2^LEVEL: every state up to there is
//! real, none is written into an account.

mod chain;
mod ours;
mod peer;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use peer::Shape;

const LEVEL: u32 = 16;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [program, peer, out, rest @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: counterfoil-bench-compute COUNTERFOIL.SO PEER_FOLDER JSON_LINES [LEVEL]");
    };
    let level = match rest {
        [] => LEVEL,
        [level, ..] => level.to_str().context("a level")?.parse().context("a level")?,
    };
    ensure!((10..20).contains(&level), "2^{level} is no count of leaves between 2^10 and the smaller tree's half");
    let last = 1u64 << level;
    let columns = [
        ours::measure(program, 32, last + 1)?,
        ours::measure(program, 200, last + 1)?,
        peer::measure(peer, Shape { depth: 20, buffer: 64 }, last + 1)?,
        peer::measure(peer, Shape { depth: 30, buffer: 512 }, last + 1)?,
    ];
    let last = last as usize;
    let states = [0, 1, 2, 3, 1_000, 1_023, 1_024, last - 1, last];
    table::print(&columns, &states);
    write(out, &table::json_lines(&columns, &states))
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
