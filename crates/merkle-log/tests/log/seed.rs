//! The seed of a random test: printed, and taken from `SEED=` to repeat a run. `CASES=` sets how many cases there are.
//! The random tests of all crates share this file.

use std::hash::{BuildHasher, RandomState};

use proptest::test_runner::{Config, RngSeed};

/// Runs this number of random cases; a test that fails shows the seed.
pub fn cases(cases: u32) -> Config {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let cases = number("CASES").map_or(cases, |cases| u32::try_from(cases).expect("fewer cases"));
    println!("SEED={seed} CASES={cases}");
    Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() }
}
