//! Statements in receipts, and whether a promise was kept, on the chain.

use std::fs;
use std::path::PathBuf;

use counterfoil_core::receipt::Receipt;
use counterfoil_statement::{
    AuthorTime, Place, Promise, PromiseBody, PromisedRecord, Record, RecordId, Records, Salt, SigningKey, Statement,
    StreamId, commit,
};
use serde_json::Value;

use crate::stack::{Stack, expect_success, expect_verdict, index, stack, text};

/// A deadline that every event meets, and one that none does.
const NEVER: i64 = i64::MAX;
const LONG_AGO: i64 = 0;

fn gateway() -> SigningKey {
    SigningKey::from_bytes(&[0x9a; 32])
}

/// A ledger whose first entry is raw, with the cluster and the program that its receipt names.
struct Ledger {
    stack: &'static Stack,
    id: String,
    receipt: Receipt,
}

impl Ledger {
    fn new() -> Self {
        let (stack, index) = (stack(), index());
        let id = stack.new_ledger(&[]);
        expect_success(&stack.cli(&["append", &id, "raw"]));
        index.wait_for(&id, 1);
        let output = stack.cli(&["receipt", &id, "0"]);
        expect_success(&output);
        Self { stack, receipt: serde_json::from_slice(&output.stdout).unwrap(), id }
    }

    fn statement(&self, number: u8) -> Statement {
        Statement {
            genesis_hash: self.receipt.genesis_hash,
            program: self.receipt.program,
            ledger: self.receipt.ledger,
            record_id: RecordId::from_parts(0, [number; 10]),
            commitment: commit(&Salt([number; 32]), b"paid"),
            content_type: "text/plain".parse().unwrap(),
            author_time: AuthorTime::new(1_000).unwrap(),
            stream: StreamId([3; 32]),
            subject: None,
            place: Place::First,
        }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path: PathBuf = self.stack.folder.path().join(format!("{}-{name}", self.id));
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn append(&self, entry: &[u8], size: u64) {
        let file = self.file("entry", entry);
        expect_success(&self.stack.cli(&["append", &self.id, "--file", &file]));
        index().wait_for(&self.id, size);
    }

    fn receipt(&self, number: &str) -> String {
        let output = self.stack.cli(&["receipt", &self.id, number]);
        expect_success(&output);
        self.file(&format!("{number}.receipt.json"), &output.stdout)
    }

    fn evidence(&self, name: &str, more: &[&str]) -> String {
        let file = self.file(name, b"");
        expect_success(&self.stack.cli(&[&["evidence", &self.id, "--out", &file], more].concat()));
        file
    }

    /// A promise of a record, from entry 1 on.
    fn promise(&self, number: u8, deadline: i64) -> String {
        let Statement { record_id: id, commitment, .. } = self.statement(number);
        let records = [Record { id, commitment }];
        let body = PromiseBody {
            genesis_hash: self.receipt.genesis_hash,
            program: self.receipt.program,
            ledger: self.receipt.ledger,
            from: 1,
            deadline,
            records: Records::of(&records).unwrap(),
            copies: 1,
        };
        let promise = Promise { record: PromisedRecord::of(&records, 0), ..Promise::sign(body, &gateway()) };
        self.file(&format!("{number}-{deadline}.promise.json"), &serde_json::to_vec_pretty(&promise).unwrap())
    }

    /// `verify` of a file with the ledger pinned.
    fn verify(&self, file: &str, more: &[&str]) -> std::process::Output {
        self.stack.cli(&[&["verify", file, "--ledger", &self.id], more].concat())
    }
}

#[test]
fn a_receipt_tells_a_statement_refuses_one_for_elsewhere_and_names_bytes_that_pretend() {
    let ledger = Ledger::new();
    let statement = ledger.statement(1);
    let signature = statement.sign(&SigningKey::from_bytes(&[7; 32]));
    let entry = statement.encode_entry(Some(&signature));
    ledger.append(&entry, 2);
    let mut elsewhere = statement.clone();
    elsewhere.ledger.0[0] ^= 1;
    ledger.append(&elsewhere.encode_entry(None), 3);
    ledger.append(&[entry.as_slice(), &[0]].concat(), 4);

    let told = ledger.verify(&ledger.receipt("1"), &[]);
    expect_verdict(&told, "VERIFIED", "entry 1");
    let told = text(&told.stdout);
    for sentence in [
        format!("its content is a statement: record {} of type text/plain", statement.record_id),
        "its author's time, by the author's word, is 1970-01-01T00:00:01Z".to_owned(),
        format!("its author is {}, who signed it", signature.author),
    ] {
        assert!(told.contains(&sentence), "{sentence}: {told}");
    }
    expect_verdict(&ledger.verify(&ledger.receipt("2"), &[]), "REFUSED", "made for elsewhere");
    let pretending = ledger.verify(&ledger.receipt("3"), &[]);
    expect_verdict(&pretending, "VERIFIED", "entry 3");
    assert!(text(&pretending.stdout).contains("raw bytes that pretend"), "{pretending:?}");
    expect_verdict(&ledger.verify(&ledger.receipt("0"), &[]), "VERIFIED", "entry 0");
}

#[test]
fn a_promise_is_kept_broken_or_due_by_a_pinned_key_alone() {
    let ledger = Ledger::new();
    ledger.append(&ledger.statement(1).encode_entry(None), 2);
    ledger.append(b"more", 3);
    let (receipt, evidence) = (ledger.receipt("1"), ledger.evidence("whole", &["--with-content"]));
    let (kept, late) = (ledger.promise(1, NEVER), ledger.promise(1, LONG_AGO));
    let (due, broken) = (ledger.promise(2, NEVER), ledger.promise(2, LONG_AGO));
    let key = counterfoil_statement::PromiseKey(gateway().verifying_key().to_bytes()).to_string();
    let by_key = ["--promise-key", key.as_str()];
    let verify = |promise: &str, more: &[&str]| ledger.verify(promise, &[&by_key, more].concat());

    expect_verdict(&verify(&kept, &["--receipt", &receipt]), "VERIFIED", "the promise is kept");
    expect_verdict(&verify(&kept, &["--evidence", &evidence]), "VERIFIED", "the promise is kept");
    expect_verdict(&verify(&late, &["--receipt", &receipt]), "CANNOT TELL", "an earlier one may have it");
    expect_verdict(&verify(&late, &["--evidence", &evidence]), "REFUSED", "too late");
    expect_verdict(&verify(&broken, &["--evidence", &evidence]), "REFUSED", "the promise is broken");
    expect_verdict(&verify(&due, &["--evidence", &evidence]), "CANNOT TELL", "the promise is due");
    expect_verdict(&verify(&due, &[]), "CANNOT TELL", "the promise is due");
    expect_verdict(&verify(&broken, &[]), "CANNOT TELL", "a receipt of the record is needed");
    let hashes = ledger.evidence("hashes", &[]);
    expect_verdict(&verify(&broken, &["--evidence", &hashes]), "CANNOT TELL", "with their content");
    let part = ledger.evidence("part", &["--with-content", "--from", "2"]);
    expect_verdict(&verify(&broken, &["--evidence", &part]), "CANNOT TELL", "begins at entry 2");

    let answer = verify(&broken, &["--evidence", &evidence, "--json"]);
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!((&answer["verdict"], &answer["promise"]), (&Value::from("refused"), &Value::from("broken")));

    expect_verdict(&ledger.verify(&kept, &["--receipt", &receipt]), "CONSISTENT", "pin the gateway's key");
    expect_verdict(&ledger.verify(&broken, &["--evidence", &evidence]), "CONSISTENT", "pin the gateway's key");
    let no_ledger = [&["verify", &kept, "--receipt", &receipt], &by_key[..]].concat();
    expect_verdict(&ledger.stack.cli(&no_ledger), "CONSISTENT", "pin yours with --ledger");
    let other = ["--promise-key", ledger.id.as_str(), "--receipt", &receipt];
    expect_verdict(&ledger.verify(&kept, &other), "REFUSED", "none of the keys that you rely on");
    let true_one = fs::read_to_string(&kept).unwrap();
    let forged = true_one.replace("\"copies\": \"1\"", "\"copies\": \"2\"");
    assert_ne!(forged, true_one);
    let forged = ledger.file("forged", forged.as_bytes());
    expect_verdict(&verify(&forged, &["--receipt", &receipt]), "REFUSED", "did not sign it");
    let usage = ledger.verify(&receipt, &by_key);
    assert_eq!(usage.status.code(), Some(64), "{usage:?}");
}

/// Appends after the evidence, more than the account's ring holds, and no API: the transaction shows the last event alone.
#[test]
fn a_broken_promise_is_not_shown_by_the_transaction_of_the_last_event() {
    let ledger = Ledger::new();
    (2..4).for_each(|size| ledger.append(b"more", size));
    let (evidence, broken) = (ledger.evidence("whole", &["--with-content"]), ledger.promise(2, LONG_AGO));
    (4..22).for_each(|_| expect_success(&ledger.stack.cli(&["append", &ledger.id, "later"])));
    index().wait_for(&ledger.id, 21);
    let key = counterfoil_statement::PromiseKey(gateway().verifying_key().to_bytes()).to_string();
    let verify =
        |more: &[&str]| ledger.verify(&broken, &[&["--promise-key", &key, "--evidence", &evidence], more].concat());
    expect_verdict(
        &verify(&["--api", "http://127.0.0.1:1"]),
        "CANNOT TELL",
        "the transaction shows the last event alone",
    );
    expect_verdict(&verify(&[]), "REFUSED", "the promise is broken");
}
