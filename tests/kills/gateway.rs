//! A service of nothing but Python's standard library writes through kills of the gateway and crashes of its database: each
//! record that was acknowledged is in the ledger once, and each has a receipt.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use pgcluster::{Cluster, Durability};
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::liar::{Lies, liar};
use crate::{number, program};

/// The first gateway lives at most this long before it is killed.
const LONGEST_LIFE_MS: u64 = 1_500;
/// Each next one may live this much longer: on a busy machine the first ones end before they have done anything.
const LONGER_MS: u64 = 150;

struct Running(Child, Value);

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command:?} said {line:?}"));
        Self(child, ready)
    }

    fn url(&self, name: &str) -> String {
        self.1[name].as_str().unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn kills_of_the_gateway_and_of_its_database_lose_and_double_no_record() {
    let (records, crashes) = (number("RECORDS_WRITTEN", 200), number("GATEWAY_CRASHES", 2));
    let seed = number("SEED", fastrand::u64(..));
    println!("{records} records, {crashes} crashes, SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let idl: Value = serde_json::from_str(include_str!("../../idls/counterfoil.json")).unwrap();
    let so = root().join("programs/counterfoil/release/counterfoil.so");
    let chain = Running::start(
        Command::new(program("counterfoil-localnet"))
            .args(["--slot-ms", "100"])
            .arg("--wallet")
            .arg(path("wallet"))
            .args(["--program", &format!("{}={}", idl["address"].as_str().unwrap(), so.display())]),
    );
    let rpc = chain.url("rpc_url");
    // Forks are given up for half a minute each: few of them.
    let lies = Lies { swallows: 5, forks: 1, doubles: 10, disowns: 10, most_forks: 1 };
    let liar = liar(&rpc, lies, Rng::with_seed(seed));
    // The index survives: what is tried is the gateway's own database.
    let index_server = Cluster::start_temporary(Durability::None).unwrap();
    index_server.create_database("index").unwrap();
    let index_url = index_server.url("index");
    let indexer = Running::start(
        Command::new(program("counterfoil-indexer"))
            .args(["--rpc", &rpc, "--listen", "127.0.0.1:0", "--poll-ms", "100"])
            .env("DATABASE_URL", &index_url),
    );
    let api = Running::start(
        Command::new(program("counterfoil-api")).args(["--listen", "127.0.0.1:0"]).env("DATABASE_URL", &index_url),
    );
    let cli = || {
        let mut command = Command::new(program("counterfoil"));
        command.env("COUNTERFOIL_RPC", &rpc).env("COUNTERFOIL_WALLET", path("wallet")).stdin(Stdio::null());
        command.env("COUNTERFOIL_API", api.url("url"));
        command
    };
    let ledger = output(cli().args(["ledger", "create", "--allow-subtrees"]));
    for key in ["promise.key", "names.key"] {
        output(Command::new(program("counterfoil-gateway")).arg("make-key").arg(path(key)));
    }
    let database = tempfile::tempdir().unwrap();
    let mut server = Cluster::start(database.path(), Durability::Full).unwrap();
    server.create_database("gateway").unwrap();
    // Bound and never listening: no other process gets the port while the gateway is dead.
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.set_reuseaddr(true).unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listen = reserved.local_addr().unwrap().to_string();
    let start = |server: &Cluster| {
        Running::start(
            Command::new(program("counterfoil-gateway"))
                .args(["--rpc", &liar.url, "--listen", &listen, "--window-ms", "100", "--lease-ms", "300"])
                .arg("--writer")
                .arg(path("wallet"))
                .arg("--promise-key")
                .arg(path("promise.key"))
                .arg("--names-key")
                .arg(path("names.key"))
                .env("DATABASE_URL", &index_url)
                .env("COUNTERFOIL_GATEWAY_DATABASE_URL", server.url("gateway")),
        )
    };
    let mut gateway = start(&server);
    let url = gateway.url("url");
    let receipts = path("receipts");
    fs::create_dir(&receipts).unwrap();
    fs::write(path("lines"), (0..records).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>()).unwrap();

    let is_done = AtomicBool::new(false);
    let kills = thread::scope(|scope| {
        let client = scope.spawn(|| {
            let written = Command::new("python3")
                .arg(root().join("examples/gateway/append.py"))
                .args([&url, &ledger])
                .arg(&receipts)
                .stdin(fs::File::open(path("lines")).unwrap())
                .output();
            is_done.store(true, Ordering::Release);
            written.unwrap()
        });
        let (mut kills, mut crashed) = (0, 0);
        while !is_done.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(rng.u64(0..LONGEST_LIFE_MS + LONGER_MS * kills)));
            drop(gateway);
            kills += 1;
            if crashed < crashes && rng.bool() {
                server = server.crash(database.path(), Durability::Full).unwrap();
                crashed += 1;
            }
            gateway = start(&server);
        }
        let written = client.join().unwrap();
        let said = String::from_utf8_lossy(&written.stderr);
        assert!(written.status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&written.stdout).trim(), format!("{records} records, {records} receipts"));
        kills
    });
    println!("{kills} kills, {} lies", liar.count.load(Ordering::Relaxed));
    let mut indexes = Vec::new();
    for n in 0..records {
        let receipt = receipts.join(format!("{n}.receipt.json"));
        let value: Value = serde_json::from_slice(&fs::read(&receipt).unwrap()).unwrap();
        indexes.push(value["entry"]["index"].as_str().unwrap().parse::<u64>().unwrap());
        // Each is verified against the chain.
        output(cli().args(["verify", "--ledger", &ledger]).arg(&receipt));
    }
    indexes.sort_unstable();
    assert!(indexes.iter().copied().eq(0..records), "each record once, and nothing else: {indexes:?}");
    output(cli().args(["audit", &ledger]));
    drop((indexer, chain));
}
