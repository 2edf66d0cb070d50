//! `counterfoil dev`: everything up, everything gone, and all of it there again.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use pgcluster::{Cluster, Durability};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stack::{expect_success, expect_verdict, program, text, validator_name, wait_until};

#[test]
fn dev_starts_everything_and_leaves_nothing_behind() {
    start_and_end_by(Signal::INT);
}

#[test]
fn dev_leaves_nothing_behind_even_when_it_is_killed() {
    start_and_end_by(Signal::KILL);
}

#[test]
fn dev_goes_on_where_it_was_stopped() {
    end_and_go_on(|dev| dev.end_by(Signal::INT));
}

#[test]
fn dev_goes_on_where_everything_was_killed() {
    end_and_go_on(Dev::kill_all);
}

/// A folder that PostgreSQL can enter when it runs as another user, which it does when this is root.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A running `dev`. Killed when a test fails, so that it does not outlive it.
struct Dev {
    child: Child,
    addresses: Value,
    data: PathBuf,
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Dev {
    /// Starts it with its data in a folder below this one, and waits until all answers.
    fn start(folder: &Path) -> Self {
        Self::start_command(folder, command(&folder.join("data")), Stdio::inherit())
    }

    /// Starts a [`command`] with data in a folder below this one, and with its messages going somewhere.
    fn start_command(folder: &Path, mut command: Command, messages: Stdio) -> Self {
        let (data, ready) = (folder.join("data"), folder.join("ready.json"));
        let _ = fs::remove_file(&ready);
        let mut child = command.arg("--ready-file").arg(&ready).stdout(Stdio::null()).stderr(messages).spawn().unwrap();
        let addresses = wait_until("dev is ready", || {
            assert_eq!(child.try_wait().unwrap(), None, "dev ended");
            serde_json::from_str(&fs::read_to_string(&ready).ok()?).ok()
        });
        Self { child, addresses, data }
    }

    fn address(&self, name: &str) -> &str {
        self.addresses[name].as_str().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(program("counterfoil"))
            .args(arguments)
            .env("COUNTERFOIL_RPC", self.address("rpc_url"))
            .env("COUNTERFOIL_API", self.address("api_url"))
            .env("COUNTERFOIL_WALLET", self.address("wallet"))
            .output()
            .unwrap()
    }

    fn cli(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        expect_success(&output);
        text(&output.stdout).trim().to_owned()
    }

    /// Calls the chain.
    fn call(&self, method: &str, params: &Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let client = reqwest::blocking::Client::new();
        let answer: Value = client.post(self.address("rpc_url")).json(&request).send().unwrap().json().unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Asks the API.
    fn get(&self, path: &str) -> Value {
        let response = reqwest::blocking::get(format!("{}{path}", self.address("api_url"))).unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().unwrap()
    }

    /// Waits until the audit of a ledger passes with these arguments. Audited entries are finalized, which takes a validator
    /// 31 slots.
    fn wait_for_audit(&self, ledger: &str, expected: &str) {
        wait_until(&format!("the audit passes with {expected}"), || {
            let output = self.run(&["audit", ledger]);
            (output.status.success() && text(&output.stdout).contains(expected)).then_some(())
        });
    }

    /// Ends it, and waits until nothing of it is left.
    fn end_by(&mut self, signal: Signal) {
        kill_process(pid(self.child.id()), signal).unwrap();
        assert_eq!(self.child.wait().unwrap().success(), signal == Signal::INT);
        self.wait_until_gone();
    }

    /// Ends it as Ctrl-C does.
    fn stop(&mut self) {
        kill_process(pid(self.child.id()), Signal::INT).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends all of its processes as a crash would, none with the chance to put anything in order.
    fn kill_all(&mut self) {
        let postgres = self.postgres();
        let parts = self.addresses["pids"].as_object().unwrap().values().map(|pid| pid.as_u64().unwrap());
        let mut all: Vec<u32> = parts.map(|pid| pid.try_into().unwrap()).collect();
        all.extend([self.child.id(), postgres]);
        all.extend(children(postgres));
        for &id in &all {
            // One may have ended with another.
            let _ = kill_process(pid(id), Signal::KILL);
        }
        self.child.wait().unwrap();
        for id in all {
            wait_until(&format!("process {id} is gone"), || {
                // The process that inherited a zombie waits for it.
                let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
                (state.is_empty() || state.contains(") Z ")).then_some(())
            });
        }
    }

    /// Waits until nothing answers and PostgreSQL has put its files in order.
    fn wait_until_gone(&self) {
        for url in ["rpc_url", "api_url", "indexer_url"] {
            let address = self.address(url).trim_start_matches("http://");
            wait_until(&format!("{url} answers no more"), || TcpStream::connect(address).is_err().then_some(()));
        }
        wait_until("PostgreSQL has stopped", || (!self.pid_file().exists()).then_some(()));
    }

    /// The number of PostgreSQL's first process.
    fn postgres(&self) -> u32 {
        let file = fs::read_to_string(self.pid_file()).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    fn pid_file(&self) -> PathBuf {
        self.data.join("postgres/data/postmaster.pid")
    }
}

fn children(parent: u32) -> Vec<u32> {
    let output = Command::new("pgrep").args(["-P", &parent.to_string()]).output().unwrap();
    text(&output.stdout).lines().map(|line| line.parse().unwrap()).collect()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap()).unwrap()
}

/// `dev` on free ports, with its data in this folder.
fn command(data: &Path) -> Command {
    command_as(data, &validator_name())
}

fn command_as(data: &Path, validator: &str) -> Command {
    let mut command = Command::new(program("counterfoil"));
    command.args([
        "dev",
        "--validator",
        validator,
        "--slot-ms",
        "100",
        "--api-port",
        "0",
        "--gateway-port",
        "0",
        "--rpc-port",
        "0",
    ]);
    command.arg("--data").arg(data).env_remove("DATABASE_URL").stdin(Stdio::null());
    command
}

fn start_and_end_by(signal: Signal) {
    let folder = folder();
    let mut dev = Dev::start(folder.path());
    let ledger = dev.cli(&["ledger", "create"]);
    dev.cli(&["append", &ledger, "hello"]);
    dev.wait_for_audit(&ledger, "1 entry and");

    dev.end_by(signal);

    folder.close().unwrap();
}

/// Everything from before an end is there after it, and goes on: the chain, the index, the wallet.
fn end_and_go_on(end: impl FnOnce(&mut Dev)) {
    let folder = folder();
    let receipt = folder.path().join("receipt.json");
    let receipt = receipt.to_str().unwrap();
    let mut dev = Dev::start(folder.path());
    let ledger = dev.cli(&["ledger", "create"]);
    dev.cli(&["append", &ledger, "hello"]);
    dev.wait_for_audit(&ledger, "1 entry and");
    dev.cli(&["receipt", &ledger, "0", "--out", receipt]);
    let before = Chain::of(&dev, &ledger);

    end(&mut dev);
    let dev = Dev::start(folder.path());

    assert_eq!(dev.call("getGenesisHash", &json!([])), before.genesis_hash);
    let slot = dev.call("getSlot", &json!([{"commitment": "processed"}])).as_u64().unwrap();
    assert!(slot > before.slot, "slot {slot} after slot {}", before.slot);
    let after = Chain::of(&dev, &ledger);
    let all = |chain: Chain| (chain.signatures, chain.blocks, chain.program, chain.index);
    assert_eq!(all(after), all(before));
    expect_verdict(&dev.run(&["verify", receipt, "--ledger", &ledger]), "VERIFIED", "");
    dev.cli(&["append", &ledger, "again"]);
    dev.wait_for_audit(&ledger, "2 entries and");
}

/// A ledger as a chain and its index show it.
struct Chain {
    genesis_hash: Value,
    slot: u64,
    signatures: Value,
    /// The blocks of these transactions, with them.
    blocks: Vec<Value>,
    /// The program's account and that of its bytes, in which its slot stands.
    program: Value,
    /// The ledger as the index has it.
    index: Vec<Value>,
}

impl Chain {
    fn of(dev: &Dev, ledger: &str) -> Self {
        let config = json!({"encoding": "json", "maxSupportedTransactionVersion": 0, "rewards": false});
        let finalized = |signatures: &Value| {
            signatures.as_array().unwrap().iter().all(|signature| signature["confirmationStatus"] == "finalized")
        };
        let mut signatures = wait_until("the ledger's transactions are finalized", || {
            Some(dev.call("getSignaturesForAddress", &json!([ledger]))).filter(finalized)
        });
        for listed in signatures.as_array_mut().unwrap() {
            // Surfpool guesses it here, again each time.
            listed["blockTime"].take();
        }
        let slots = signatures.as_array().unwrap().iter().map(|signature| signature["slot"].clone());
        let blocks = slots.map(|slot| dev.call("getBlock", &json!([slot, config]))).collect();
        for signature in signatures.as_array().unwrap() {
            assert!(!dev.call("getTransaction", &json!([signature["signature"], config])).is_null());
        }
        let program = dev.addresses["program"].clone();
        let program = dev.call("getAccountInfo", &json!([program, {"encoding": "jsonParsed"}]))["value"].clone();
        let bytes = program["data"]["parsed"]["info"]["programData"].clone();
        let bytes = dev.call("getAccountInfo", &json!([bytes, {"encoding": "base64"}]))["value"].clone();
        Self {
            genesis_hash: dev.call("getGenesisHash", &json!([])),
            slot: dev.call("getSlot", &json!([{"commitment": "processed"}])).as_u64().unwrap(),
            signatures,
            blocks,
            program: json!([program, bytes]),
            index: ["", "/entries/0", "/events"].map(|path| dev.get(&format!("/v1/ledgers/{ledger}{path}"))).to_vec(),
        }
    }
}

/// The last output of `dev`, which must end by itself.
fn last_words(dev: &mut Child) -> String {
    let mut said = String::new();
    dev.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!dev.wait().unwrap().success(), "dev ended as if all were well");
    said
}

#[test]
fn dev_says_which_part_has_ended_and_what_to_do() {
    let folder = folder();
    for part in ["indexer", "PostgreSQL"] {
        let mut dev = Dev::start_command(folder.path(), command(&folder.path().join("data")), Stdio::piped());
        let (id, status, log) = match part {
            "PostgreSQL" => (dev.postgres(), "", "postgres/server.log"),
            _ => (
                dev.addresses["pids"][part].as_u64().unwrap().try_into().unwrap(),
                " (signal: 9 (SIGKILL))",
                "indexer.log",
            ),
        };
        kill_process(pid(id), Signal::KILL).unwrap();
        let said = last_words(&mut dev.child);
        let expected = format!("the {part} ended by itself{status}; the end of its log, ");
        assert!(
            said.contains(&expected) && said.contains(log) && said.contains("Start `counterfoil dev` again"),
            "{said}"
        );
    }
}

#[test]
fn dev_says_which_part_has_ended_while_it_starts_and_shows_why() {
    let folder = folder();
    let data = folder.path().join("data");
    for chain in ["chain-surfpool", "chain-agave"] {
        fs::create_dir_all(data.join(chain)).unwrap();
        fs::write(data.join(chain).join("diary.txt"), "mine").unwrap();
    }
    fs::write(data.join("counterfoil-dev"), "").unwrap();
    let said = last_words(&mut command(&data).stderr(Stdio::piped()).spawn().unwrap());
    assert!(said.contains("holds files, and no chain of a local node"), "{said}");
    assert!(said.contains("the localnet ended before everything had started (exit status: 1)"), "{said}");
    assert!(said.contains("--fresh"), "{said}");
}

#[test]
fn dev_names_the_folder_that_postgresql_cannot_enter_and_what_helps() {
    if !pgcluster::is_root() {
        // PostgreSQL runs as this user then.
        return;
    }
    let closed = tempfile::tempdir().unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let said = last_words(&mut command(&closed.path().join("data")).stderr(Stdio::piped()).spawn().unwrap());
    assert!(said.contains(&format!("chmod o+x {}`", closed.path().display())) && said.contains("--data"), "{said}");
}

#[test]
fn dev_keeps_to_a_schema_of_its_own_in_a_database_that_is_given_and_to_one_chain() {
    let (folder, postgres) = (folder(), Cluster::start_temporary(Durability::None).unwrap());
    postgres.create_database("mine").unwrap();
    let url = postgres.url("mine");
    let sql = |sql: &str| {
        let output = Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", &url, "-c", sql]).output().unwrap();
        expect_success(&output);
        text(&output.stdout).trim().to_owned()
    };
    sql("create table invoice (id int)");
    let with_database = |more: &[&str]| {
        let mut command = command(&folder.path().join("data"));
        command.args(more).args(["--database-url", &url]);
        command
    };
    let refused = |more: &[&str]| last_words(&mut with_database(more).stderr(Stdio::piped()).spawn().unwrap());

    sql("create schema counterfoil; create table counterfoil.\"order\" (id int)");
    let said = refused(&[]);
    assert!(said.contains("schema counterfoil of the database holds table order"), "{said}");
    sql("drop schema counterfoil cascade");

    let mut dev = Dev::start_command(folder.path(), with_database(&[]), Stdio::inherit());
    let ledger = dev.cli(&["ledger", "create"]);
    dev.cli(&["append", &ledger, "hello"]);
    dev.wait_for_audit(&ledger, "1 entry and");
    dev.stop();
    assert_eq!(sql("select relname from pg_class where relnamespace = 'public'::regnamespace"), "invoice");

    let mut dev = Dev::start_command(folder.path(), with_database(&[]), Stdio::inherit());
    dev.wait_for_audit(&ledger, "1 entry and");
    dev.stop();
    let said = refused(&["--fresh"]);
    assert!(said.contains("the index holds ledgers of cluster"), "{said}");
    assert!(said.contains("drop schema counterfoil cascade"), "{said}");
}

/// An environment may carry it for an application, whose database is not to be filled with tables.
#[test]
fn dev_takes_no_database_from_the_environment() {
    let folder = folder();
    let mut command = command(&folder.path().join("data"));
    command.env("DATABASE_URL", "postgres://user:SECRET@127.0.0.1:1/shop");
    let mut dev = Dev::start_command(folder.path(), command, Stdio::piped());
    dev.stop();
    let mut said = String::new();
    dev.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("DATABASE_URL is set and not used") && !said.contains("SECRET"), "{said}");
}

#[test]
fn dev_advises_to_drop_nothing_where_the_database_does_not_answer() {
    let folder = folder();
    let mut command = command(&folder.path().join("data"));
    command.args(["--database-url", "postgres://user:SECRET@127.0.0.1:1/shop"]);
    let said = last_words(&mut command.stderr(Stdio::piped()).spawn().unwrap());
    assert!(said.contains("using the database shop at postgres://127.0.0.1:1, schema counterfoil"), "{said}");
    assert!(!said.contains("drop schema") && !said.contains("SECRET"), "{said}");
}

#[test]
fn dev_says_which_port_is_in_use_and_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program("counterfoil"))
        .args(["dev", "--api-port", &port, "--gateway-port", "0", "--rpc-port", "0", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains(&port) && said.contains("--api-port"), "{said}");
}

/// The block of the README that is pasted by hand, from the second terminal on.
fn readme_block() -> String {
    let readme = include_str!("../../README.md");
    let block = readme.split_once("Or by hand:").unwrap().1.split("```").nth(1).unwrap();
    let lines = block.lines().skip_while(|line| !line.starts_with("# in another")).skip(1);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_readmes_block_works_when_pasted_and_its_receipt_outlives_its_vendor() {
    let folder = folder();
    // As it stands there: with the validator that `dev` takes by itself.
    let command = || command_as(&folder.path().join("data"), "surfpool");
    let start = || Dev::start_command(folder.path(), command(), Stdio::inherit());
    let mut dev = start();
    let mut shell = Command::new("sh");
    shell.arg("-ec").arg(readme_block() + "\nprintf %s \"$ledger\" > ledger").current_dir(folder.path());
    let path = program("counterfoil");
    let paths = format!("{}:{}", path.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let pasted = shell
        .env("PATH", paths)
        .env("COUNTERFOIL_RPC", dev.address("rpc_url"))
        .env("COUNTERFOIL_API", dev.address("api_url"))
        .env("COUNTERFOIL_WALLET", dev.address("wallet"))
        .output()
        .unwrap();
    expect_success(&pasted);
    assert!(text(&pasted.stdout).contains("VERIFIED: entry 0 of ledger"), "{pasted:?}");
    let ledger = fs::read_to_string(folder.path().join("ledger")).unwrap();
    let receipt = folder.path().join("receipt.json");

    // Beyond what the account's ring holds, and by more than a hundred entries.
    let lines: String = (0..100).map(|number| format!("more {number}\n")).collect();
    let file = folder.path().join("lines");
    fs::write(&file, lines).unwrap();
    let mut append = Command::new(program("counterfoil"));
    append.args(["append", &ledger, "-", "--wait"]).stdin(fs::File::open(&file).unwrap());
    append.env("COUNTERFOIL_RPC", dev.address("rpc_url")).env("COUNTERFOIL_API", dev.address("api_url"));
    expect_success(&append.env("COUNTERFOIL_WALLET", dev.address("wallet")).output().unwrap());
    for number in 0..17 {
        dev.cli(&["append", &ledger, &format!("one more {number}")]);
    }
    dev.wait_for_audit(&ledger, "118 entries");
    dev.end_by(Signal::INT);

    let mut dev = start();
    let alone = dev.run(&["--api", "http://127.0.0.1:1", "verify", receipt.to_str().unwrap(), "--ledger", &ledger]);
    expect_verdict(&alone, "VERIFIED", "entry 0");
    assert!(text(&alone.stdout).contains("The entries: it has the transaction"), "{alone:?}");
    dev.end_by(Signal::INT);
}

/// As the page of protected tables has it, with 5,000 rows and others that write meanwhile.
#[test]
fn the_three_commands_of_the_tables_page_protect_a_table_that_dev_relays() {
    let (folder, postgres) = (folder(), Cluster::start_temporary(Durability::None).unwrap());
    postgres.create_database("shop").unwrap();
    let url = postgres.url("shop");
    let psql = |sql: &str| {
        let mut psql = Command::new("psql");
        psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", &url, "-c", sql]);
        psql
    };
    let table = "create table orders (id bigint generated always as identity primary key, amount numeric, note text);
        insert into orders (amount, note) select n * 1.10, 'order ' || n from generate_series(1, 5000) as n";
    expect_success(&psql(table).output().unwrap());
    let write = "do $$ begin for n in 1..200 loop insert into orders (amount) values (n); commit; perform pg_sleep(0.05); end loop; end $$";
    let mut writer = psql(write).spawn().unwrap();

    let mut command = command(&folder.path().join("data"));
    command.args(["--relay-database-url", &url]);
    let mut dev = Dev::start_command(folder.path(), command, Stdio::inherit());
    let page = include_str!("../../docs/tables.md");
    let block = page.split_once("## Three commands").unwrap().1.split("```").nth(3).unwrap();
    let block = block.strip_prefix("sh\n").unwrap().replace("postgres://shop@db.example/shop", &url);
    let block = block.replace("https://gateway.example", dev.address("gateway_url"));
    let (protect, check) = block.split_once("counterfoil check").unwrap();
    // The relay takes seconds, which the page says; the page's reader runs the last line again.
    let script = format!(
        "{protect}\nfor i in $(seq 300); do counterfoil check {}; found=$?; [ $found = 2 ] || break; sleep 1; done; exit $found",
        check.trim()
    );
    let path = program("counterfoil");
    let paths = format!("{}:{}", path.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.arg("-uc").arg(script).env("PATH", paths).env("COUNTERFOIL_RPC", dev.address("rpc_url"));
    let pasted = shell.env("COUNTERFOIL_WALLET", dev.address("wallet")).output().unwrap();
    assert!(writer.wait().unwrap().success(), "no write failed");
    expect_verdict(&pasted, "VERIFIED", "rows of public.orders");
    dev.end_by(Signal::INT);
}
