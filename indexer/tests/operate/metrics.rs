//! Metrics are named by Prometheus' conventions, and the documents name each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::history::{Shape, record};
use crate::support::{Database, Indexer};

/// Each metric's type, from /metrics of a process that has done all but fail.
fn scrape() -> (BTreeMap<String, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 1, entries: 100, has_subtree: false });
    let database = Database::new();
    // The second server is dead, so that failures are counted.
    let indexer = Indexer::start(&database, &recording, &["--rpc", "http://127.0.0.1:1", "--quorum", "1"]);
    indexer.wait_until_ready();
    crate::support::wait("failures to be counted, and the lag by a round that is over", || {
        let metrics = indexer.fetch("/metrics");
        metrics.contains(r#"cause="connection""#) && metrics.contains("\ncounterfoil_lag_slots 0\n")
    });
    let answer = indexer.fetch("/metrics");
    assert_eq!(indexer.stop(), Some(0));
    let (_, text) = answer.split_once("\r\n\r\n").unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    (types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect(), text.to_owned())
}

fn document(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(path)).unwrap()
}

/// All names of metrics in a text, without what histograms add to theirs.
fn named(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names = words.filter(|word| word.starts_with("counterfoil_"));
    let suffixes = ["_bucket", "_sum", "_count"];
    let bare = |name: &str| suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned();
    names.map(bare).collect()
}

#[test]
fn metrics_are_named_typed_and_documented() {
    let (types, text) = scrape();
    for (name, kind) in &types {
        assert!(name.starts_with("counterfoil_"), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        let has_unit = ["_ms", "_milliseconds", "_minutes", "_kb"].iter().any(|unit| name.contains(unit));
        assert!(!has_unit, "{name}: base units only");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
    }
    for sample in [
        "counterfoil_lag_slots 0",
        "counterfoil_entries_written_total 100",
        r#"counterfoil_server_score{server="http://127.0.0.1:1"} 0."#,
    ] {
        assert!(text.contains(sample), "{sample}: {text}");
    }
    // A table row each, with its type.
    let operations = document("operations.md");
    let rows: BTreeMap<String, String> = operations
        .lines()
        .filter_map(|line| line.strip_prefix("| `counterfoil_"))
        .map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
            let name = format!("counterfoil_{}", cells.next().unwrap());
            (name.split('{').next().unwrap().to_owned(), cells.next().unwrap().to_owned())
        })
        .collect();
    // Those with labels show up with their first sample.
    let later = ["counterfoil_falsehoods_total", "counterfoil_retries_total"];
    let mut expected = types.clone();
    expected.extend(later.map(|name| (name.to_owned(), "counter".to_owned())));
    assert_eq!(rows, expected);
}

#[test]
fn dashboard_and_alerts_name_metrics_that_there_are() {
    let operations = document("operations.md");
    let documented: Vec<String> = named(&operations.lines().filter(|line| line.starts_with("| `")).collect::<String>());
    let dashboard = document("../deploy/helm/counterfoil/dashboards/indexer.json");
    let parsed: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = parsed["panels"].as_array().unwrap();
    assert!(panels.len() > 5 && panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    let alerts = document("../deploy/helm/counterfoil/alerts.yml");
    let used: Vec<String> = [&dashboard, &alerts].into_iter().flat_map(|text| named(text)).collect();
    assert!(used.len() > 10);
    for name in used {
        assert!(documented.contains(&name), "{name} is not in docs/operations.md");
    }
}
