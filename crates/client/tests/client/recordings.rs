//! Recordings: what is written is read, and what is cut or damaged says so.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use counterfoil_client::{
    ClientError, InnerInstruction, Recording, RecordingError, RecordingWriter, Source, TransactionRecord,
};
use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet};
use futures_util::StreamExt;
use serde_json::json;
use tempfile::TempDir;

const GENESIS: GenesisHash = GenesisHash([3; 32]);
const PROGRAM: ProgramId = ProgramId([7; 32]);

fn transaction(number: u16) -> TransactionRecord {
    let [low, high] = number.to_le_bytes();
    let mut signature = [low; 64];
    signature[0] = high;
    let inner = |length: u16| InnerInstruction {
        program: 1,
        accounts: vec![0, low],
        data: (0..length % 300).map(|byte| u8::try_from(byte % 251).expect("small")).collect(),
    };
    TransactionRecord {
        signature,
        slot: 1_000 + u64::from(number / 3),
        is_ok: true,
        accounts: vec![[0; 32], [low; 32], [255; 32]],
        inner_instructions: (0..number % 4).map(|each| inner(number + each)).collect(),
    }
}

/// An empty ledger's account with an authority.
fn account(authority: u8) -> Vec<u8> {
    let mut bytes = vec![0; LEDGER_BYTES];
    bytes[..8].copy_from_slice(&LEDGER_DISCRIMINATOR);
    bytes[8] = 1;
    bytes[80..112].copy_from_slice(&[authority; 32]);
    bytes
}

fn write(transactions: u16, accounts: &[(u8, u64, Vec<u8>)]) -> Vec<u8> {
    let mut writer = RecordingWriter::new(Vec::new(), GENESIS, PROGRAM).expect("memory takes all");
    for number in 0..transactions {
        writer.write_transaction(&transaction(number)).expect("memory takes all");
    }
    for (ledger, slot, data) in accounts {
        writer.add_account(LedgerId([*ledger; 32]), *slot, data);
    }
    writer.finish().expect("memory takes all")
}

fn compressed(lines: &[String]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory takes all");
    lines.iter().for_each(|line| writeln!(encoder, "{line}").expect("memory takes all"));
    encoder.finish().expect("memory takes all")
}

fn text(bytes: &[u8]) -> Vec<String> {
    let all = zstd::decode_all(bytes).expect("it is whole");
    String::from_utf8(all).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn put(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("a.recording");
    fs::write(&path, bytes).expect("there is room");
    path
}

/// All that the feed delivers, and how it ends.
async fn read(path: &Path) -> (Vec<TransactionRecord>, Option<ClientError>) {
    let mut feed = Recording::feed(path);
    let mut transactions = Vec::new();
    while let Some(item) = feed.next().await {
        match item {
            Ok(chunk) => transactions.extend(chunk),
            Err(error) => {
                assert!(feed.next().await.is_none(), "the error is the end");
                return (transactions, Some(error));
            }
        }
    }
    (transactions, None)
}

fn line_of(error: Option<ClientError>) -> (u64, RecordingError) {
    match error {
        Some(ClientError::Recording { line, cause, .. }) => (line, cause),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_written_is_read() {
    let folder = TempDir::new().expect("a folder");
    for count in [0, 1, 511, 512, 513, 3_000] {
        let path = put(&folder, &write(count, &[(1, 50, account(9))]));
        let (transactions, error) = read(&path).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(transactions, (0..count).map(transaction).collect::<Vec<_>>());
        let recording = Recording::open(&path).expect("it is whole");
        assert_eq!((recording.genesis_hash(), recording.program()), (GENESIS, PROGRAM));
    }
}

#[tokio::test]
async fn the_lines_are_as_documented_and_others_may_write_them() {
    let lines = text(&write(2, &[(1, 50, account(9))]));
    let key = |byte: u8| bs58::encode([byte; 32]).into_string();
    let mut signature = [1; 64];
    signature[0] = 0;
    let expected = [
        json!({ "recording": 1, "genesis_hash": key(3), "program": key(7) }),
        json!({ "slot": 1000, "signature": bs58::encode([0; 64]).into_string(), "accounts": [key(0), key(0), key(255)],
            "instructions": [] }),
        json!({ "slot": 1000, "signature": bs58::encode(signature).into_string(),
            "accounts": [key(0), key(1), key(255)], "instructions": [{ "program": 1, "accounts": [0, 1], "data": "AA==" }] }),
    ];
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(serde_json::from_str::<serde_json::Value>(line).expect("JSON"), *expected);
    }
    assert_eq!((lines.len(), lines[4].as_str()), (5, r#"{"end":2}"#));

    // Keys in another order, spaces, escapes, an account before and after, no trailer.
    let folder = TempDir::new().expect("a folder");
    let spaced = lines[2].replace("AA==", r"AA=\u003d").replace("\",\"", "\" , \"");
    let account_line = |slot: u64, authority: u8| {
        use base64::Engine;
        let data = base64::prelude::BASE64_STANDARD.encode(account(authority));
        json!({ "slot": slot, "data": data, "account": key(1) }).to_string()
    };
    let path = put(
        &folder,
        &compressed(&[
            lines[0].clone(),
            account_line(40, 5),
            lines[1].clone(),
            account_line(41, 6),
            spaced,
            lines[4].clone(),
        ]),
    );
    let (transactions, error) = read(&path).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(transactions, [transaction(0), transaction(1)]);
    let at = Recording::open(&path).expect("whole").fetch_accounts(&[LedgerId([1; 32])]).await.expect("read");
    let at = at[0].as_ref().expect("an account");
    assert_eq!((at.slot, at.account.authority), (41, Wallet([6; 32])));
}

#[tokio::test]
async fn is_a_source_of_the_accounts_and_lists_no_transactions() {
    let folder = TempDir::new().expect("a folder");
    let accounts = [(1, 50, account(9)), (2, 51, account(8)), (3, 52, vec![0; 9]), (1, 53, account(8))];
    let recording = Recording::open(&put(&folder, &write(600, &accounts))).expect("whole");
    let ledger = |byte: u8| LedgerId([byte; 32]);
    assert_eq!(recording.fetch_ledgers(None).await.expect("all"), [ledger(1), ledger(2), ledger(3)]);
    assert_eq!(recording.fetch_ledgers(Some(Wallet([8; 32]))).await.expect("all"), [ledger(1), ledger(2)]);
    assert_eq!(recording.fetch_ledgers(Some(Wallet([9; 32]))).await.expect("all"), []);
    let read = recording.fetch_accounts(&[ledger(2), ledger(4), ledger(3), ledger(1)]).await.expect("all");
    assert!(matches!(&read[0], Ok(at) if at.slot == 51 && at.account.authority == Wallet([8; 32])));
    assert!(matches!(&read[1], Err(ClientError::NoLedger { .. })));
    assert!(matches!(&read[2], Err(ClientError::Account { .. })));
    assert!(matches!(&read[3], Ok(at) if at.slot == 53));
    let listing = recording.list_transactions(ledger(1), 0).await.expect("a listing");
    assert_eq!((listing.transactions.len(), listing.is_whole), (0, true));
}

#[tokio::test]
async fn a_file_cut_anywhere_gives_a_whole_prefix_and_says_where_it_was_cut() {
    let folder = TempDir::new().expect("a folder");
    let whole = write(12, &[(1, 50, account(9))]);
    let all: Vec<TransactionRecord> = (0..12).map(transaction).collect();
    let mut lengths = Vec::new();
    for end in 0..whole.len() {
        let path = put(&folder, &whole[..end]);
        let (transactions, error) = read(&path).await;
        assert_eq!(transactions, all[..transactions.len()], "cut at {end}");
        lengths.push(transactions.len());
        let opened = Recording::open(&path);
        if let Some(error) = error {
            let shown = error.to_string();
            assert!(shown.contains("line ") && shown.contains("copy or record the file again"), "{shown}");
            // A recording with a hole is not taken for a whole one.
            if let Ok(recording) = opened {
                assert!(recording.fetch_ledgers(None).await.is_err(), "cut at {end}");
            }
        } else {
            // Only the trailer is gone, which nothing but speed hangs on.
            assert!(end + 24 >= whole.len(), "cut at {end}");
            assert_eq!(opened.expect("whole").fetch_ledgers(None).await.expect("all").len(), 1);
        }
    }
    assert!(lengths.is_sorted());
    assert_eq!(lengths.last(), Some(&12));
}

#[tokio::test]
async fn a_damaged_byte_gives_a_whole_prefix_or_other_transactions_and_never_panics() {
    let folder = TempDir::new().expect("a folder");
    let whole = write(12, &[(1, 50, account(9))]);
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        let path = put(&folder, &damaged);
        let (transactions, _) = read(&path).await;
        assert!(transactions.len() <= 12);
        let _ = Recording::open(&path);
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_used_is_named_and_what_is_before_it_is_delivered() {
    let folder = TempDir::new().expect("a folder");
    let good = text(&write(3, &[]));
    type Check = fn(&RecordingError) -> bool;
    let cases: [(String, Check); 6] = [
        ("not JSON".to_owned(), |error| matches!(error, RecordingError::NotALine(_))),
        ("{}".to_owned(), |error| matches!(error, RecordingError::Field { field: "signature" })),
        (good[3].replace("\"slot\":1000,", ""), |error| matches!(error, RecordingError::Field { field: "slot" })),
        (good[3].replace("\"data\":\"", "\"data\":\"?"), |error| matches!(error, RecordingError::Data(_))),
        (r#"{"end":7}"#.to_owned(), |error| matches!(error, RecordingError::WrongCount { claimed: 7, found: 2 })),
        ("x".repeat(9 << 20), |error| matches!(error, RecordingError::TooLong { .. })),
    ];
    for (bad, is_expected) in cases {
        let path = put(&folder, &compressed(&[good[0].clone(), good[1].clone(), good[2].clone(), bad]));
        let (transactions, error) = read(&path).await;
        assert_eq!(transactions, [transaction(0), transaction(1)]);
        let (line, source) = line_of(error);
        assert!(line == 4 && is_expected(&source), "{line}: {source:?}");
    }
    for (header, says) in
        [("{\"recording\":2,\"genesis_hash\":\"\",\"program\":\"\"}", "version 2"), ("[]", "recording")]
    {
        let path = put(&folder, &compressed(&[header.to_owned(), good[1].clone()]));
        assert!(Recording::open(&path).expect_err("no header").to_string().contains(says));
        assert_eq!(line_of(read(&path).await.1).0, 1);
    }
    let missing = Recording::open(&folder.path().join("none")).expect_err("no file");
    assert!(missing.to_string().contains("No such file") && !missing.is_transient(), "{missing}");
}
