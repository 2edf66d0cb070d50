//! A new index is made next to the old one and swapped in; whatever goes wrong leaves the old one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use counterfoil_store::{PgPool, connect, load_entries, load_events, load_ledger, snapshot};
use merkle_log::LeafIndex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::history::{SUBTREE, Shape, entry, ledger, record};
use crate::support::{Database, Indexer, signal, text, wait};

const SMALL: Shape = Shape { ledgers: 3, entries: 3_000, has_subtree: false };

fn recording(folder: &TempDir, name: &str, shape: Shape) -> PathBuf {
    let path = folder.path().join(name);
    record(&path, shape);
    path
}

fn rebuild<'a>(recording: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["rebuild", "--recording", recording.to_str().unwrap()];
    arguments.extend(more);
    arguments
}

/// As the API reads: by prepared statements, in a snapshot a request. Whether what it read belongs together.
async fn read_once(pool: &PgPool) -> bool {
    let mut connection = snapshot(pool).await.unwrap();
    let row = load_ledger(&mut connection, ledger(1)).await.unwrap();
    let last = LeafIndex::new(row.applied_event_seq.get() - 1).unwrap();
    let events = load_events(&mut connection, &row, &[last]).await.unwrap();
    let size = row.applied_size.get();
    let entries = load_entries(&mut connection, &row, size - 1, 10).await.unwrap();
    events[0].event.header.ledger == ledger(1) && entries.len() == 1 && entries[0].payload == entry(1, size - 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_that_another_hand_changed_are_repaired_while_readers_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording(&folder, "all", SMALL);
    let database = Database::indexed(&recording);
    let before = database.digest();
    let number = |of: u8| database.sql(&format!("select id from ledger where address = '\\x{}'", hex(&ledger(of).0)));
    let (first, second) = (number(0), number(2));
    database.sql(&format!("update entry set payload = 'forged' where ledger = {first} and index in (1700, 1800)"));
    database.sql(&format!("delete from tile where ledger = {second} and log = 0 and level = 0 and index = 3"));
    database.sql("create role reader; grant select on entry to reader; grant select (address) on ledger to reader");
    database.sql(
        "insert into api_key (id, name, secret_hash, requests_per_minute)
                  values (decode(repeat('ab', 8), 'hex'), 'kept', decode(repeat('cd', 32), 'hex'), 600)",
    );
    database.sql("insert into reader select address, address from ledger");
    let access =
        "select (select string_agg(api_key::text, ',') from api_key), string_agg(reader::text, ',') from reader";
    let access_before = database.sql(access);
    assert!(!database.run(&["fsck"]).status.success());

    let pool = connect(&database.url, 4, Duration::from_secs(30)).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (pool, is_over) = (pool.clone(), is_over.clone());
            tokio::spawn(async move {
                let mut reads = 0_u32;
                while !is_over.load(Ordering::Relaxed) {
                    assert!(read_once(&pool).await);
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    let mut command = database.command(&rebuild(&recording, &[]));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    // The same connections, with what they prepared before.
    assert!(read_once(&pool).await);
    is_over.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    assert!(output.status.success(), "{}", text(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    for wrong in
        [format!("ledger {}, table entry, 1700:", ledger(0)), format!("ledger {}, table tile, entries/0/3:", ledger(2))]
    {
        assert!(said.contains(&wrong), "{wrong} is not in {said}");
    }
    assert!(!said.contains(&ledger(1).to_string()), "{said}");
    database.expect_whole();
    assert_eq!(database.digest(), before);
    let schemas = database.sql("select count(*) from pg_namespace where nspname like 'counterfoil%'");
    assert_eq!(schemas, "0");
    let rights = database.sql(
        "select has_table_privilege('reader', 'entry', 'select'), has_table_privilege('reader', 'event', 'select'),
                has_column_privilege('reader', 'ledger', 'address', 'select')",
    );
    assert_eq!(rights, "t|f|t");
    // Readers' rights do not follow from the chain.
    assert_eq!(database.sql(access), access_before);
    database.sql("drop owned by reader; drop role reader");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_killed_rebuild_leaves_the_old_index_and_the_next_one_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let large = recording(&folder, "large", Shape { ledgers: 2, entries: 60_000, has_subtree: false });
    let database = Database::indexed(&large);
    let before = database.digest();
    let no_lock = "select count(*) from pg_locks join pg_database on pg_database.oid = database
                   where locktype = 'advisory' and datname = current_database()";
    for name in ["KILL", "TERM"] {
        let mut command = database.command(&rebuild(&large, &["--keep-old"]));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait("the new index to have rows", || {
            assert!(child.try_wait().unwrap().is_none(), "it was done before it could be interrupted");
            // The tables may come, and those of the killed one go, between two statements.
            let has_rows = "select to_regclass('counterfoil_rebuild.leftover') is null and sum(size) > 0
                            from counterfoil_rebuild.cursor";
            database.try_sql(has_rows).is_some_and(|answer| answer == "t")
        });
        signal(&child, name);
        assert!(!child.wait().unwrap().success());
        assert_eq!(database.digest(), before);
        database.expect_whole();
        wait("PostgreSQL to notice", || database.sql(no_lock) == "0");
        database.sql("create table counterfoil_rebuild.leftover ()");
    }
    let output = database.run(&rebuild(&large, &["--keep-old"]));
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("the old index had the same rows"), "{}", text(&output));
    assert_eq!(database.digest(), before);
    assert_eq!(database.sql("select count(*) from counterfoil_before.entry"), "120000");
    let again = database.run(&rebuild(&large, &[]));
    assert!(!again.status.success() && text(&again).contains("counterfoil_before"), "{}", text(&again));
}

#[test]
fn entries_that_were_filled_in_are_taken_over_and_false_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording(&folder, "subtrees", Shape { ledgers: 2, entries: 3_000, has_subtree: true });
    let database = Database::indexed(&recording);
    for number in 0..2 {
        let path = folder.path().join("entries");
        let mut file = std::fs::File::create(&path).unwrap();
        for index in SUBTREE {
            let entry = entry(number, index);
            file.write_all(&u16::try_from(entry.len()).unwrap().to_be_bytes()).unwrap();
            file.write_all(&entry).unwrap();
        }
        let (of, first) = (ledger(number).to_string(), SUBTREE.start.to_string());
        let fill = ["fill", "--ledger", &of, "--file", path.to_str().unwrap(), "--first-index", &first];
        assert!(database.run(&fill).status.success());
    }
    let before = database.digest();
    let output = database.run(&rebuild(&recording, &[]));
    assert!(output.status.success() && text(&output).contains("taken over: 2048 entries"), "{}", text(&output));
    assert_eq!(database.digest(), before);

    database.sql("update entry set payload = 'forged' where index = 1500 and ledger = (select min(id) from ledger)");
    let output = database.run(&rebuild(&recording, &[]));
    assert!(output.status.success() && text(&output).contains("left behind"), "{}", text(&output));
    assert_eq!(database.sql("select string_agg(missing::text, ' ' order by missing) from cursor"), "0 1024");
    database.expect_whole();
}

#[test]
fn nothing_is_swapped_that_has_less_than_the_old_index() {
    let folder = tempfile::tempdir().unwrap();
    let all = recording(&folder, "all", SMALL);
    let fewer = recording(&folder, "fewer", Shape { ledgers: 2, ..SMALL });
    let shorter = recording(&folder, "shorter", Shape { entries: 2_000, ..SMALL });
    let database = Database::indexed(&all);
    let before = database.digest();
    let refused =
        [(fewer, format!("ledger {} is in none", ledger(2))), (shorter, "is checked to event 401".to_owned())];
    for (recording, why) in refused {
        let output = database.run(&rebuild(&recording, &[]));
        assert!(!output.status.success() && text(&output).contains(&why), "{why}: {}", text(&output));
        assert_eq!(database.digest(), before);
    }
    database.sql("create view of_somebody as select count(*) from entry");
    let output = database.run(&rebuild(&all, &[]));
    assert!(!output.status.success() && text(&output).contains("view of_somebody"), "{}", text(&output));
    database.sql("drop view of_somebody");

    let indexer = Indexer::start(&database, &all, &[]);
    indexer.wait_until_ready();
    let output = database.run(&rebuild(&all, &[]));
    assert!(!output.status.success() && text(&output).contains("an indexer is at work"), "{}", text(&output));
    assert_eq!(indexer.stop(), Some(0));
    assert_eq!(database.digest(), before);
}

#[test]
fn what_a_quorum_invented_goes_when_the_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let all = recording(&folder, "all", SMALL);
    let fewer = recording(&folder, "fewer", Shape { ledgers: 2, ..SMALL });
    let shorter = recording(&folder, "shorter", Shape { ledgers: 2, entries: 2_000, ..SMALL });
    let [of_fewer, of_shorter] = [&fewer, &shorter].map(|recording| Database::indexed(recording).digest());
    let database = Database::indexed(&all);
    database.sql("insert into reader select address, address from ledger");

    // A ledger that there is not.
    let (invented, real) = (ledger(2).to_string(), ledger(1).to_string());
    let forget =
        |ledger: &str, recording: &Path| database.run(&["forget", ledger, "--recording", recording.to_str().unwrap()]);
    let before = database.digest();
    for (of, recording) in [(&invented, &all), (&real, &fewer)] {
        let output = forget(of, recording);
        assert!(
            !output.status.success() && text(&output).contains(&format!("reports ledger {of}")),
            "{}",
            text(&output)
        );
        assert_eq!(database.digest(), before);
    }
    let output = forget(&invented, &fewer);
    assert!(output.status.success(), "{}", text(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    let evidence: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!((&evidence["ledger"], &evidence["agreed"]), (&json!(invented), &json!(true)), "{said}");
    assert!(said.contains(&format!("forgotten: ledger {invented}, 601 events")), "{said}");
    assert_eq!(database.digest(), of_fewer);
    assert_eq!(database.sql("select count(*) from reader"), "3", "who may read hangs on the address");
    let again = forget(&invented, &fewer);
    assert!(text(&again).contains(&format!("ledger {invented} is not in the index")), "{}", text(&again));

    // Ledgers that are shorter than they were said to be.
    let output = database.run(&rebuild(&shorter, &["--allow-less"]));
    assert!(output.status.success(), "{}", text(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains(&format!("no longer in the index: ledger {real} is checked to event 401, in the old")),
        "{said}"
    );
    assert_eq!(database.digest(), of_shorter);
    database.expect_whole();
}
