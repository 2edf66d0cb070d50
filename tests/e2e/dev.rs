//! `counterfoil dev`: everything up, and everything gone.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::stack::{expect_success, program, text, validator_name, wait_until};

#[test]
fn dev_starts_everything_and_leaves_nothing_behind() {
    start_and_end_by(Signal::INT);
}

#[test]
fn dev_leaves_nothing_behind_even_when_it_is_killed() {
    start_and_end_by(Signal::KILL);
}

/// Killed when a test fails, so that it does not outlive it.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_and_end_by(signal: Signal) {
    let folder = tempfile::tempdir().unwrap();
    // PostgreSQL runs as another user when this is root, and must be able to come here.
    let _ = Command::new("chmod").arg("755").arg(folder.path()).status().unwrap();
    let (data, ready) = (folder.path().join("data"), folder.path().join("ready.json"));
    let dev = Command::new(program("counterfoil"))
        .args([
            "dev",
            "--validator",
            &validator_name(),
            "--slot-ms",
            "100",
            "--api-port",
            "0",
            "--rpc-port",
            "0",
            "--data",
        ])
        .env_remove("DATABASE_URL")
        .arg(&data)
        .arg("--ready-file")
        .arg(&ready)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut dev = Dev(dev);
    let addresses: Value = wait_until("dev is ready", || {
        assert_eq!(dev.0.try_wait().unwrap(), None, "dev ended");
        serde_json::from_str(&fs::read_to_string(&ready).ok()?).ok()
    });
    let run = |arguments: &[&str]| {
        Command::new(program("counterfoil"))
            .args(arguments)
            .env("COUNTERFOIL_RPC", addresses["rpc_url"].as_str().unwrap())
            .env("COUNTERFOIL_API", addresses["api_url"].as_str().unwrap())
            .env("COUNTERFOIL_WALLET", addresses["wallet"].as_str().unwrap())
            .output()
            .unwrap()
    };
    let cli = |arguments: &[&str]| {
        let output = run(arguments);
        expect_success(&output);
        text(&output.stdout).trim().to_owned()
    };
    let ledger = cli(&["ledger", "create"]);
    cli(&["append", &ledger, "hello"]);
    // What is audited is finalized, which takes a validator 31 slots.
    wait_until("the audit passes with the entry", || {
        let output = run(&["audit", &ledger]);
        (output.status.success() && text(&output.stdout).contains("1 entry and")).then_some(())
    });

    let pid = rustix::process::Pid::from_raw(dev.0.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
    assert_eq!(dev.0.wait().unwrap().success(), signal == Signal::INT);
    for url in ["rpc_url", "api_url", "indexer_url"] {
        let address = addresses[url].as_str().unwrap().trim_start_matches("http://");
        wait_until(&format!("{url} answers no more"), || TcpStream::connect(address).is_err().then_some(()));
    }
    let pid_file = data.join("postgres/data/postmaster.pid");
    wait_until("PostgreSQL has stopped", || (!pid_file.exists()).then_some(()));
    folder.close().unwrap();
}

#[test]
fn dev_says_which_port_is_in_use_and_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program("counterfoil"))
        .args(["dev", "--api-port", &port, "--rpc-port", "0", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains(&port) && said.contains("--api-port"), "{said}");
}
