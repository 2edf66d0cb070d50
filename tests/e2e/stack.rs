//! The chain, the database server, and the programs that run on them.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pgcluster::{Cluster, Durability};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A plan that another append made worthless is planned again once its transaction has expired, which takes a minute and more.
const PATIENCE: Duration = Duration::from_secs(180);
/// The length of the local chain's slots.
const SLOT_MS: &str = "100";

/// The services that all tests share; they end with the process, whose end closes the services' standard input.
pub struct Stack {
    pub folder: TempDir,
    pub rpc: String,
    /// The chain's WebSocket URL, where it is known.
    ws: Option<String>,
    _chain: Option<Service>,
    postgres: Cluster,
    wallets: Wallets,
}

struct Wallets {
    authority: PathBuf,
    others: PathBuf,
}

/// An indexer and an API over a database of their own.
pub struct Index {
    pub database_url: String,
    pub indexer: Service,
    pub api: Service,
}

/// A running program of ours.
pub struct Service {
    child: Child,
    pub ready: Value,
}

static STACK: OnceLock<Stack> = OnceLock::new();
static INDEX: OnceLock<Index> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The chain and the database server, started with the first call.
pub fn stack() -> &'static Stack {
    STACK.get_or_init(Stack::start)
}

/// The index that tests share which change nothing but rows of their own ledgers.
pub fn index() -> &'static Index {
    INDEX.get_or_init(|| Index::start(stack()))
}

/// A program in the folder above this test's own.
pub fn program(name: &str) -> PathBuf {
    let deps = env::current_exe().unwrap();
    let path = deps.parent().unwrap().parent().unwrap().join(name);
    assert!(path.is_file(), "{} is not built: run `make build`", path.display());
    path
}

/// Which validator plays the chain where there is none yet: what `counterfoil dev --validator` takes.
pub fn validator_name() -> String {
    env::var("COUNTERFOIL_VALIDATOR").unwrap_or_else(|_| "surfpool".to_owned())
}

fn validator() -> Command {
    match validator_name().as_str() {
        "surfpool" => Command::new(program("counterfoil-localnet")),
        "agave" => {
            // One of its threads spins: what has something to do goes first.
            let mut command = Command::new("nice");
            command.arg(program("counterfoil-agave"));
            command
        }
        other => panic!("COUNTERFOIL_VALIDATOR is {other:?}: \"surfpool\" or \"agave\" is wanted"),
    }
}

impl Stack {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let wallets = Wallets {
            authority: env::var_os("ANCHOR_WALLET").map_or_else(|| path("authority.json"), PathBuf::from),
            others: folder.path().to_owned(),
        };
        let (chain, rpc, ws) = match env::var("ANCHOR_PROVIDER_URL") {
            Ok(url) => (None, url, None),
            Err(_) => {
                let idl = include_str!("../../idls/counterfoil.json");
                let idl: Value = serde_json::from_str(idl).unwrap();
                let so = concat!(env!("CARGO_MANIFEST_DIR"), "/../programs/counterfoil/release/counterfoil.so");
                let mut command = validator();
                command.args([
                    "--slot-ms",
                    SLOT_MS,
                    "--program",
                    &format!("{}={so}", idl["address"].as_str().unwrap()),
                ]);
                command.arg("--wallet").arg(&wallets.authority);
                let chain = Service::start(command);
                let rpc = chain.ready["rpc_url"].as_str().unwrap().to_owned();
                let ws = chain.ready["ws_url"].as_str().unwrap().to_owned();
                (Some(chain), rpc, Some(ws))
            }
        };
        let postgres = Cluster::start_temporary(Durability::None).unwrap();
        Self { folder, rpc, ws, _chain: chain, postgres, wallets }
    }

    /// The wallet that creates the tests' ledgers.
    pub fn authority(&self) -> &Path {
        &self.wallets.authority
    }

    /// A new wallet with some SOL; its key file and its address.
    pub fn new_wallet(&self) -> (PathBuf, String) {
        let path = self.wallets.others.join(format!("wallet-{}.json", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let address = make_key(&path);
        let call =
            json!({"jsonrpc": "2.0", "id": 1, "method": "requestAirdrop", "params": [address, 10_000_000_000_u64]});
        assert!(self.call(&call)["result"].is_string());
        // A validator gives it with a transaction like any other, which has to be confirmed first.
        let balance = json!({"jsonrpc": "2.0", "id": 1, "method": "getBalance",
                             "params": [address, {"commitment": "confirmed"}]});
        wait_until("the airdrop", || (self.call(&balance)["result"]["value"].as_u64()? > 0).then_some(()));
        (path, address)
    }

    /// A JSON-RPC call to the chain.
    pub fn call(&self, request: &Value) -> Value {
        let answer: Value =
            reqwest::blocking::Client::new().post(&self.rpc).json(request).send().unwrap().json().unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        answer
    }

    /// `counterfoil` with the authority's wallet.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.cli_as(self.authority(), arguments)
    }

    /// `counterfoil` with a wallet.
    pub fn cli_as(&self, wallet: &Path, arguments: &[&str]) -> Output {
        self.command(wallet, arguments).output().unwrap()
    }

    /// `counterfoil`, to be started.
    pub fn command(&self, wallet: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("counterfoil"));
        command.args(arguments).env("COUNTERFOIL_RPC", &self.rpc).env("COUNTERFOIL_WALLET", wallet);
        command.stdin(Stdio::null()).env_remove("COUNTERFOIL_PROGRAM");
        if let Some(index) = INDEX.get() {
            command.env("COUNTERFOIL_API", index.api.url());
        }
        command
    }

    /// Lines for a shell, with the environment of `counterfoil`.
    pub fn in_shell(&self, lines: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", lines]).env("COUNTERFOIL_RPC", &self.rpc).stdin(Stdio::null());
        command.env("COUNTERFOIL_WALLET", self.authority()).env_remove("COUNTERFOIL_PROGRAM");
        command
    }

    /// A new ledger's address.
    pub fn new_ledger(&self, flags: &[&str]) -> String {
        let output = self.cli(&[&["ledger", "create"], flags].concat());
        expect_success(&output);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Appends lines of JSON.
    pub fn append_lines(&self, ledger: &str, lines: &[String]) {
        use std::io::Write;
        let mut command = self.command(self.authority(), &["append", ledger, "--jsonl"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
        expect_success(&child.wait_with_output().unwrap());
    }

    /// The file of a key by which an API signs.
    fn note_key(&self) -> PathBuf {
        let path = self.folder.path().join(format!("note-{}.key", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let output = Command::new(program("counterfoil-api")).args(["note-key", "log.example.com"]).output().unwrap();
        expect_success(&output);
        std::fs::write(&path, output.stdout).unwrap();
        path
    }

    pub fn new_database(&self) -> String {
        let name = format!("index_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.postgres.create_database(&name).unwrap();
        self.postgres.url(&name)
    }
}

impl Index {
    pub fn start(stack: &Stack) -> Self {
        let database_url = stack.new_database();
        let indexer = Self::start_indexer(stack, &database_url);
        let mut command = Command::new(program("counterfoil-api"));
        command.args(["--listen", "127.0.0.1:0"]).env("DATABASE_URL", &database_url);
        command.arg("--note-key").arg(stack.note_key());
        let api = Service::start(command);
        Self { database_url, indexer, api }
    }

    pub fn start_indexer(stack: &Stack, database_url: &str) -> Service {
        let mut command = Command::new(program("counterfoil-indexer"));
        command.args(["--rpc", &stack.rpc, "--listen", "127.0.0.1:0", "--poll-ms", "100"]);
        if let Some(ws) = &stack.ws {
            command.args(["--ws", ws]);
        }
        command.env("DATABASE_URL", database_url);
        Service::start(command)
    }

    /// The API's answer to a path, whatever its status.
    pub fn get(&self, path: &str) -> (u16, Value) {
        let response = reqwest::blocking::get(format!("{}{path}", self.api.url())).unwrap();
        (response.status().as_u16(), response.json().unwrap())
    }

    /// Waits until the API answers proofs for `size` entries.
    pub fn wait_for(&self, ledger: &str, size: u64) -> Value {
        wait_until(&format!("{size} entries of {ledger} are checked"), || {
            let (status, body) = self.get(&format!("/v1/ledgers/{ledger}"));
            let checked = body["checked"]["head"]["size"].as_str().and_then(|size| size.parse::<u64>().ok());
            (status == 200 && checked >= Some(size)).then_some(body)
        })
    }

    /// Runs SQL as the database's superuser.
    pub fn sql(&self, sql: &str) -> String {
        let output = Command::new("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", &self.database_url, "-c", sql])
            .output()
            .unwrap();
        expect_success(&output);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Service {
    /// Starts a program and waits for its line of JSON.
    pub fn start(mut command: Command) -> Self {
        command.arg("--exit-with-stdin").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command:?} said {line:?}"));
        Self { child, ready }
    }

    pub fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until there is an answer.
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not within {} s: {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(50));
    }
}

pub fn expect_success(output: &Output) {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// The folder of the TypeScript client, which is built once for all tests: a second `npm ci` would take its packages away.
pub fn typescript_client() -> &'static Path {
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/typescript");
        let script = "npm ci --ignore-scripts --no-audit --no-fund && npm run build";
        expect_success(&Command::new("bash").args(["-c", script]).current_dir(&folder).output().unwrap());
        folder
    })
}

/// Expects a verdict: its word at the start of the first line of the stream that carries it, and its exit code.
pub fn expect_verdict(output: &Output, word: &str, why: &str) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let code = ["VERIFIED", "REFUSED", "CANNOT TELL", "CONSISTENT"].iter().position(|known| *known == word).unwrap();
    assert_eq!(output.status.code(), i32::try_from(code).ok(), "{stdout}{stderr}");
    let line = stdout.lines().chain(stderr.lines()).find(|line| line.starts_with(&format!("{word}: ")));
    assert!(line.is_some_and(|line| line.contains(why)), "no {word} with \"{why}\": {stdout}{stderr}");
    let others = |line: &str| line.starts_with("VERIFIED") || line.starts_with("CONSISTENT");
    assert!(code == 0 || code == 3 || !stdout.lines().chain(stderr.lines()).any(others), "{stdout}{stderr}");
}

/// Expects a refusal that says `why`, on either stream.
pub fn expect_refusal(output: &Output, why: &str) {
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!output.status.success(), "not refused: {said}");
    assert!(said.contains(why), "refused, but without \"{why}\": {said}");
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes a Solana CLI key file by our own local chain's help: it writes one for a wallet that has none.
pub fn make_key(path: &Path) -> String {
    assert!(!path.exists(), "another test has a wallet {}", path.display());
    let mut command = Command::new(program("counterfoil-localnet"));
    command.arg("--wallet").arg(path);
    drop(Service::start(command));
    let bytes: Vec<u8> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    bs58::encode(&bytes[32..]).into_string()
}
