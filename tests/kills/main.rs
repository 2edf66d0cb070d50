//! Real kills: two indexers on one database, of which one works and one stands by, are killed at random moments of a
//! backfill, and PostgreSQL crashes under them. In the end the index is whole.
//!
//! `KILLS`, `CRASHES` and `RECORDS` say how many, `SEED` repeats the draws; the moments depend on the machine.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may panic")]

mod gateway;
#[path = "../e2e/http.rs"]
mod http;
#[path = "../e2e/liar.rs"]
mod liar;

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use pgcluster::{Cluster, Durability};

const LEDGERS: &str = "20";
/// An indexer lives at most this long before it is killed.
const LONGEST_LIFE_MS: u64 = 400;
const PATIENCE: Duration = Duration::from_secs(600);

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

fn program(name: &str) -> PathBuf {
    let path = env::current_exe().unwrap().parent().unwrap().parent().unwrap().join(name);
    assert!(path.is_file(), "{} is not built: run `make build`", path.display());
    path
}

struct Index {
    database_url: String,
    recording: PathBuf,
}

impl Index {
    /// An indexer, once it says that it is there.
    fn start(&self) -> Child {
        let mut command = Command::new(program("counterfoil-indexer"));
        command.arg("--recording").arg(&self.recording).args(["--listen", "127.0.0.1:0", "--poll-ms", "100"]);
        command.arg("--exit-with-stdin").env("DATABASE_URL", &self.database_url).env("RUST_LOG", "error");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child
    }

    fn sql(&self, sql: &str) -> Option<String> {
        let output = Command::new("psql").args(["-XAtq", &self.database_url, "-c", sql]).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// How many entries are applied, and how many of them checked.
    fn progress(&self) -> Option<(u64, u64)> {
        let answer = self.sql("select coalesce(sum(size), 0) || ' ' || coalesce(sum(checked_size), 0) from cursor")?;
        let (applied, checked) = answer.split_once(' ')?;
        Some((applied.parse().ok()?, checked.parse().ok()?))
    }

    /// Every entry once, every ledger equal to its account, every row what follows.
    fn expect_whole(&self, records: u64) {
        self.expect_sound();
        let rows = "select (select count(*) from entry) || ' ' || (select count(*) from halt)";
        assert_eq!(self.sql(rows).unwrap(), format!("{records} 0"), "each entry once, and no ledger halted");
        let behind = "select count(*) from cursor where checked_event_seq <> event_seq or checked_size <> size";
        assert_eq!(self.sql(behind).unwrap(), "0", "every ledger equals its account");
    }

    fn expect_sound(&self) {
        let output =
            Command::new(program("counterfoil-indexer")).arg("fsck").env("DATABASE_URL", &self.database_url).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

fn record(folder: &Path, records: u64) -> PathBuf {
    let recording = folder.join("history.zst");
    let mut command = Command::new(program("counterfoil-history"));
    command.arg("--out").arg(&recording).args(["--records", &records.to_string(), "--ledgers", LEDGERS]);
    assert!(command.args(["--entries-per-transaction", "5"]).status().unwrap().success());
    recording
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn kills_of_indexers_and_of_postgres_lose_double_and_falsify_nothing() {
    let (kills, crashes) = (number("KILLS", 30), number("CRASHES", 4));
    let (records, seed) = (number("RECORDS", 20_000), number("SEED", fastrand::u64(..)));
    println!("{kills} kills, {crashes} crashes, {records} records, SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let postgres_folder = tempfile::tempdir().unwrap();
    let mut postgres = Cluster::start(postgres_folder.path(), Durability::Full).unwrap();
    postgres.create_database("index").unwrap();
    let mut index = Index { database_url: String::new(), recording: record(folder.path(), records) };
    let mut indexers = Vec::new();
    let every = (kills / crashes.max(1)).max(1);
    let mut wholes = 0;
    for kill_number in 1..=kills {
        // An index that is whole has nothing left to break: the next one begins.
        if indexers.is_empty() || index.progress() == Some((records, records)) {
            if !indexers.is_empty() {
                indexers.drain(..).for_each(kill);
                index.expect_whole(records);
                wholes += 1;
            }
            postgres.create_database(&format!("index_{wholes}")).unwrap();
            index.database_url = postgres.url(&format!("index_{wholes}"));
            indexers = vec![index.start(), index.start()];
        }
        thread::sleep(Duration::from_millis(rng.u64(0..LONGEST_LIFE_MS)));
        if kill_number % every == 0 {
            postgres = postgres.crash(postgres_folder.path(), Durability::Full).unwrap();
            println!("after {kill_number} kills: {:?} entries applied and checked", index.progress().unwrap());
            index.expect_sound();
        }
        let victim = rng.usize(0..indexers.len());
        kill(indexers.swap_remove(victim));
        indexers.push(index.start());
    }

    let start = Instant::now();
    while index.progress() != Some((records, records)) {
        assert!(start.elapsed() < PATIENCE, "not whole: {:?}", index.progress());
        thread::sleep(Duration::from_millis(100));
    }
    indexers.into_iter().for_each(kill);
    index.expect_whole(records);
    println!("{} times whole", wholes + 1);
}
