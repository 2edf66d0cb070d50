//! The service against its OpenAPI document, by schemathesis: every check, no exceptions. `SEED=` takes another seed, `EXAMPLES=`
//! another number of requests.

use std::path::Path;
use std::process::Command;

use counterfoil_api::{Admin, NoteKey, administer};

use crate::index::{BIG, EMPTY, Index, NEW, SMALL, UNCHECKED};
use crate::process::Process;

/// How many requests are made for each operation in each phase that makes them up.
const EXAMPLES: &str = "25";
const SEED: &str = "1";

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_the_document_says() {
    let index = Index::open().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("note.key");
    std::fs::write(&key, NoteKey::generate("log.example.com").unwrap().to_secret_text()).unwrap();
    let arguments = ["--note-key", key.to_str().unwrap(), "--sign-in-uri", "https://app.example.com"];
    // Patient, for a busy machine. That routes ask who calls where the document says so is tested with the rest.
    let patient = [
        "--request-timeout-ms",
        "60000",
        "--search-time-ms",
        "60000",
        "--access",
        "required",
        "--address-rate",
        "1000000",
    ];
    let process = Process::start(&index.url, &[&arguments[..], &patient].concat());
    let rate = 1_000_000.try_into().unwrap();
    let admin = Admin::CreateKey {
        name: "schemathesis".to_owned(),
        scopes: Vec::new(),
        ledgers: Vec::new(),
        rate,
        quota: counterfoil_api::Quota::default(),
        expires: None,
    };
    let created = administer(&index.url, admin).await.unwrap();
    let authorization = format!("Authorization: Bearer {}", created[0]["key"].as_str().unwrap());

    let ledgers = [BIG, SMALL, EMPTY, UNCHECKED, NEW].map(|ledger| ledger.to_string()).join(",");
    let number = |name, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/schemathesis/run"))
        .arg(format!("http://{}", process.address))
        .args(["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"])
        .args(["--header", &authorization])
        .args([
            "--max-examples",
            &number("EXAMPLES", EXAMPLES),
            "--seed",
            &number("SEED", SEED),
            "--continue-on-failure",
            // How long values take to make up depends on what else the machine does.
            "--suppress-health-check",
            "too_slow",
            // Python 3.11 parses in one thread at a time, or fails. Source: github.com/python/cpython/issues/106905.
            "--workers",
            "1",
            "--request-timeout",
            "90",
        ])
        .env("LEDGERS", ledgers)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // A warning says that something could not be tested: that all answers to an operation were refusals, for one.
    assert!(said.contains("No issues found") && !said.contains("WARNINGS"), "{said}");
}
