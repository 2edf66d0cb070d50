//! The processes that `counterfoil dev` consists of.

use std::fs;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use counterfoil_service::note;
use pgcluster::Cluster;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How many lines of a log are shown.
const TAIL: usize = 10;

/// The parts, in the order of their start.
pub(super) struct Parts {
    folder: PathBuf,
    parts: Vec<Part>,
    /// Ends with PostgreSQL, and ends it when aborted.
    postgres: Option<JoinHandle<()>>,
    ends: mpsc::UnboundedSender<End>,
}

struct Part {
    name: &'static str,
    pid: Option<u32>,
    /// Closed to end it.
    stdin: Option<ChildStdin>,
    /// Ends with it, and ends it when aborted.
    waiter: JoinHandle<()>,
}

/// A part that has ended.
pub(super) struct End {
    name: &'static str,
    log: PathBuf,
    status: Option<ExitStatus>,
}

impl Parts {
    /// None yet; their logs go into this folder. The channel receives their ends.
    pub(super) fn new(folder: PathBuf) -> (Self, mpsc::UnboundedReceiver<End>) {
        let (ends, ended) = mpsc::unbounded_channel();
        (Self { folder, parts: Vec::new(), postgres: None, ends }, ended)
    }

    /// Starts a part and waits for the line of JSON that says that it answers; for ever when it ends before that: the
    /// receiver of the ends hears of it.
    pub(super) async fn start<T: for<'de> Deserialize<'de>>(
        &mut self,
        name: &'static str,
        mut command: Command,
    ) -> anyhow::Result<T> {
        let log_path = self.folder.join(format!("{name}.log"));
        let log = fs::File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        // Ctrl-C in a terminal goes to the whole process group; the parts are stopped by us, in order.
        command.arg("--exit-with-stdin").process_group(0).kill_on_drop(true);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        let (pid, stdin) = (child.id(), child.stdin.take());
        let (ends, log) = (self.ends.clone(), log_path.clone());
        let waiter = tokio::spawn(async move {
            let status = child.wait().await.ok();
            // The receiver is gone when all are being stopped.
            let _ = ends.send(End { name, log, status });
        });
        self.parts.push(Part { name, pid, stdin, waiter });

        let mut lines = BufReader::new(stdout).lines();
        match timeout(READY_TIMEOUT, lines.next_line()).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).with_context(|| format!("the {name} said: {line}")),
            Ok(_) => std::future::pending().await,
            Err(_) => {
                tell_tail(name, &log_path);
                let (seconds, log) = (READY_TIMEOUT.as_secs(), log_path.display());
                bail!("the {name} did not answer within {seconds} s; the end of its log, {log}, stands above")
            }
        }
    }

    /// Takes PostgreSQL, which outlives the other parts.
    pub(super) fn watch(&mut self, mut cluster: Cluster) {
        let (ends, log) = (self.ends.clone(), self.folder.join("postgres/server.log"));
        self.postgres = Some(tokio::spawn(async move {
            while !cluster.has_ended() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            let _ = ends.send(End { name: "PostgreSQL", log, status: None });
        }));
    }

    /// Ends the parts, the last started first.
    pub(super) async fn stop(mut self) {
        while let Some(Part { name, pid: _, stdin, mut waiter }) = self.parts.pop() {
            drop(stdin);
            if timeout(STOP_TIMEOUT, &mut waiter).await.is_err() {
                note!("the {name} did not stop within {} s and is killed", STOP_TIMEOUT.as_secs());
                waiter.abort();
                let _ = waiter.await;
            }
        }
        if let Some(postgres) = self.postgres {
            postgres.abort();
            let _ = postgres.await;
        }
    }

    pub(super) fn pids(&self) -> Map<String, Value> {
        self.parts.iter().map(|part| (part.name.to_owned(), json!(part.pid))).collect()
    }
}

impl End {
    /// Shows the end of the part's log, and says what has happened. The database is named where it is the user's own.
    pub(super) fn tell(&self, when: &str, database: Option<&str>) -> anyhow::Error {
        let Self { name, log, status } = self;
        tell_tail(name, log);
        let status = status.map_or_else(String::new, |status| format!(" ({status})"));
        let advice = match (*name, database) {
            ("localnet", _) => {
                "If the chain does not start again either, `counterfoil dev --fresh` begins a new one, without the \
                                ledgers"
                    .to_owned()
            }
            ("indexer", Some(database)) => about_database(database, &fs::read_to_string(log).unwrap_or_default()),
            _ => "Start `counterfoil dev` again: it goes on with the same ledgers".to_owned(),
        };
        anyhow::anyhow!(
            "the {name} ended {when}{status}; the end of its log, {}, stands above. {advice}",
            log.display()
        )
    }
}

/// Advice about a database that the indexer ended at; by what its log says, for only one cause is mended by dropping
/// anything.
fn about_database(database: &str, log: &str) -> String {
    if log.contains("the index holds ledgers of cluster") {
        return format!(
            "Schema counterfoil of {database} belongs to another chain than this folder. Give by --data the folder of its \
             chain, or another --database-url. If that chain is gone, as after --fresh or with its folder, `drop schema \
             counterfoil cascade` in that database makes room for a new index"
        );
    }
    if log.contains("holds table") {
        return "Give another --database-url: what stands in that schema is not of `counterfoil dev`".to_owned();
    }
    format!(
        "Start `counterfoil dev` again once {database} answers, and its user may make the schema counterfoil there; or give \
         another --database-url"
    )
}

fn tell_tail(name: &str, log: &std::path::Path) {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].iter().for_each(|line| note!("{name}: {line}"));
}
