//! Makes the vectors v1, `docs/vectors/verdicts.json`: documents and pins, each made by a named rule that says its verdict.
//!
//! A rule's verdict is the one that is written there, not the one that this crate answers, and the crate is held to it. The verifiers in Python,
//! Go, TypeScript and WebAssembly read the same file.
//!
//! `UPDATE=1 cargo test --workspace --test verdicts` writes the file again; without it, one that differs is a failure.

#![allow(clippy::disallowed_methods, reason = "a test reads and writes files of the repository")]

mod base;
mod forged;
mod naive;
mod proofs;
mod rule;
mod texts;
mod trees;

use std::fs;
use std::path::PathBuf;

use counterfoil_verifier_wasm::verify;
use serde_json::Value;

use rule::{Rules, WORDS};

fn made() -> Rules {
    let bases = base::all();
    let mut rules = Rules::default();
    rule::pins(&bases, &mut rules);
    trees::rules(&bases, &mut rules);
    texts::rules(&bases, &mut rules);
    forged::rules(&mut rules);
    rules
}

#[test]
fn each_rule_gets_the_verdict_that_it_says() {
    let rules = made();
    let others: Vec<String> = rules
        .all()
        .flat_map(|rule| rule.vectors.iter().map(move |vector| (rule, vector)))
        .filter_map(|(rule, vector)| {
            let answer: Value = serde_json::from_slice(&verify(&vector.document, &vector.pin())).expect("JSON");
            let found = (&answer["verdict"], &answer["reason"], &answer["where"]);
            (answer["verdict"] != rule.verdict).then(|| format!("{} of {}: {found:?}", rule.name, vector.what))
        })
        .collect();
    assert!(others.is_empty(), "{} differ:\n{}", others.len(), others.join("\n"));
}

#[test]
fn a_verifier_that_says_one_word_fails_the_same_run() {
    let rules = made();
    for word in WORDS {
        assert!(rules.all().any(|rule| rule.verdict != word), "{word}");
    }
}

#[test]
fn there_are_enough_of_each() {
    let rules = made();
    let count = |word: Option<&str>| -> usize {
        let of = |rule: &&rule::Rule| word.is_none_or(|word| rule.verdict == word);
        rules.all().filter(of).map(|rule| rule.vectors.len()).sum()
    };
    let few: Vec<_> = rules.all().filter(|rule| rule.vectors.len() < 3).map(|rule| &rule.name).collect();
    assert!(few.is_empty(), "rules with fewer than three vectors: {few:?}");
    assert!(count(None) >= 2_000 && count(Some("refused")) >= 1_000, "{} of all", count(None));
    for word in WORDS {
        assert!(count(Some(word)) >= 5, "{word}: {}", count(Some(word)));
    }
}

#[test]
fn the_committed_file_is_what_the_rules_give() {
    let text = made().to_json(&base::all());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors/verdicts.json");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).expect("a file");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/vectors/verdicts.json is not what this test gives: run with UPDATE=1 and look at the change"
    );
}
