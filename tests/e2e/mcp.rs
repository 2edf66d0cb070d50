//! `counterfoil mcp`: what it answers is verified here, whatever the API says.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::stack::{index, program, stack};
use crate::tamper::key;

/// A running server, to which a client has said hello.
struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Agent {
    fn start() -> Self {
        let mut command = stack().command(stack().authority(), &["mcp"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take();
        let mut agent = Self { child, input, output };
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        agent.say(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string());
        assert_eq!(agent.hear()["result"]["serverInfo"]["name"], "counterfoil");
        agent.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        agent
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line of standard output, which is JSON.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line:?}"))
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.say(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string());
        let answer = self.hear();
        let result = answer["result"].clone();
        assert!(result["structuredContent"].is_object(), "{tool}: {answer}");
        result
    }

    fn ok(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        result["structuredContent"].clone()
    }

    fn refused(&mut self, tool: &str, arguments: Value) -> (String, String) {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{tool}: {result}");
        let error = &result["structuredContent"]["error"];
        (error["code"].as_str().unwrap().to_owned(), error["detail"].as_str().unwrap().to_owned())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ledger_of_six() -> String {
    let ledger = stack().new_ledger(&[]);
    let index = index();
    stack().append_lines(&ledger, &(0..6).map(|n| format!("\"entry {n}\"")).collect::<Vec<_>>());
    index.wait_for(&ledger, 6);
    ledger
}

#[test]
fn each_tool_answers_what_this_machine_has_verified_against_the_chain() {
    let ledger = ledger_of_six();
    let mut agent = Agent::start();
    let of = |rest: Value| {
        let mut arguments = json!({ "ledger": ledger });
        arguments.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        arguments
    };
    let described = agent.ok("describe_ledger", of(json!({})));
    assert_eq!((&described["is_sealed"], &described["checked"]["head"]["size"]), (&json!(false), &json!("6")));
    let page = agent.ok("get_entries", of(json!({ "first": 1, "limit": 3, "include_data": true })));
    let data: Vec<&str> =
        page["entries"].as_array().unwrap().iter().map(|row| row["data_untrusted"].as_str().unwrap()).collect();
    assert_eq!((data, &page["next"]), (vec!["\"entry 1\"", "\"entry 2\"", "\"entry 3\""], &json!("4")));
    let found = agent.ok("find_entries", of(json!({ "order": "-index", "limit": 2 })));
    assert_eq!(
        (&found["entries"][0]["index"], &found["entries"][0]["event"]["kind"]),
        (&json!("5"), &json!("EntriesAppended"))
    );
    let next = agent.ok("find_entries", of(json!({ "order": "-index", "limit": 2, "after": found["next"] })));
    assert_eq!(next["entries"][0]["index"], "3");
    let receipt = agent.ok("get_receipt", of(json!({ "index": "2", "include_data": true })));
    let judged = agent.ok("verify_receipt", json!({ "receipt": receipt["data_untrusted"] }));
    assert_eq!(judged["verdict"], "consistent");
    let standing = agent.ok("standing", of(json!({})));
    assert_eq!(standing["authority"], described["authority"]);
    let activity = agent.ok("activity", of(json!({ "step": "day", "to_time": "2100-01-01T00:00:00Z" })));
    assert_eq!(activity["head"], described["checked"]["head"]);
    for answer in [&described, &page, &found, &receipt, &judged, &standing, &activity] {
        let verified = &answer["verified"];
        assert_eq!((&verified["level"], &verified["servers"]), (&json!("chain"), &json!(1)), "{verified}");
        assert!(verified["by"].as_str().unwrap().contains("on this machine"), "{verified}");
    }
    let listed = agent.ok("list_ledgers", json!({}));
    assert_eq!(listed["verified"]["level"], "index");
}

#[test]
fn a_rewritten_database_is_refused_though_the_api_believes_it() {
    let ledger = ledger_of_six();
    index().sql(&format!(
        "{}; select pg_temp.counterfoil_rewrite({}, 4, 'forged')",
        include_str!("../../tools/demo/rewrite.sql"),
        key(&ledger)
    ));
    while index().get(&format!("/v1/ledgers/{ledger}/entries/4")).0 != 200 {}
    let mut agent = Agent::start();
    for (tool, arguments) in [
        ("describe_ledger", json!({ "ledger": ledger })),
        ("get_entries", json!({ "ledger": ledger })),
        ("find_entries", json!({ "ledger": ledger, "from_index": "4" })),
        ("get_receipt", json!({ "ledger": ledger, "index": "4" })),
        ("standing", json!({ "ledger": ledger })),
    ] {
        let (code, detail) = agent.refused(tool, arguments);
        assert_eq!(code, "refused", "{tool}: {detail}");
        assert!(detail.contains(&format!("counterfoil audit {ledger}")), "{tool}: {detail}");
    }
    let (_, receipt) = index().get(&format!("/v1/ledgers/{ledger}/entries/4/receipt"));
    assert_eq!(agent.ok("verify_receipt", json!({ "receipt": receipt }))["verdict"], "refused");
}

#[test]
fn a_changed_row_is_named() {
    let ledger = ledger_of_six();
    index().sql(&format!(
        "update entry set payload = set_byte(payload, 3, get_byte(payload, 3) # 1) where ledger = {} and index = 4",
        key(&ledger)
    ));
    let mut agent = Agent::start();
    for (tool, arguments) in [
        ("get_entries", json!({ "ledger": ledger })),
        ("find_entries", json!({ "ledger": ledger })),
        ("get_receipt", json!({ "ledger": ledger, "index": "4" })),
    ] {
        let (code, detail) = agent.refused(tool, arguments);
        assert_eq!(code, "stored_data_corrupt", "{tool}: {detail}");
        assert!(detail.contains("at entry 4"), "{tool}: {detail}");
    }
    agent.ok("get_receipt", json!({ "ledger": ledger, "index": "5" }));
}

#[test]
fn lines_that_are_no_messages_end_nothing_and_an_open_call_is_answered_at_the_end() {
    let ledger = ledger_of_six();
    let mut agent = Agent::start();
    agent.say("\r");
    agent.say("");
    agent.say("no JSON");
    agent.say("\r\n");
    let list = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" }).to_string();
    agent.say(&format!("{list}\r"));
    let mut heard = agent.hear();
    // A line that is no message may be answered by an error.
    while heard["error"].is_object() {
        heard = agent.hear();
    }
    assert_eq!(heard["result"]["tools"].as_array().unwrap().len(), 8, "{heard}");
    let params = json!({ "name": "describe_ledger", "arguments": { "ledger": ledger } });
    agent.say(&json!({ "jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": params }).to_string());
    drop(agent.input.take());
    let answer = agent.hear();
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(6), &json!(false)), "{answer}");
    assert!(agent.child.wait().unwrap().success());
}

/// The clients are of others: what they understand of both servers, in the newest revision and by the older ones' first message.
#[test]
fn foreign_clients_understand_both_servers() {
    let ledger = ledger_of_six();
    let calls = json!({
        "http": format!("{}/mcp", index().api.url()),
        "stdio": [program("counterfoil"), "mcp"],
        "modes": ["auto", "legacy"],
        "calls": [
            ["get_entries", { "ledger": ledger, "first": 2, "limit": 2, "include_data": true }],
            ["get_entries", { "ledger": "nonsense" }],
        ],
    });
    let clients = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/agents/run");
    let mut command = Command::new(clients);
    command.arg(calls.to_string()).env("COUNTERFOIL_RPC", &stack().rpc).env("COUNTERFOIL_API", index().api.url());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told.len(), 2 * 2 * 2);
    for one in &told {
        assert_eq!(one["tools"].as_array().unwrap().len(), 8, "{one}");
        let [page, refusal] = [&one["answers"][0], &one["answers"][1]];
        let rows = page["structured"]["entries"].as_array().unwrap();
        let data: Vec<&str> = rows.iter().map(|row| row["data_untrusted"].as_str().unwrap()).collect();
        assert_eq!(data, ["\"entry 2\"", "\"entry 3\""], "{one}");
        let text: Value = serde_json::from_str(page["text"].as_str().unwrap()).unwrap();
        assert_eq!((&text, &page["is_error"]), (&page["structured"], &json!(false)), "{one}");
        assert_eq!(refusal["is_error"], true, "{one}");
        let by = page["structured"]["verified"]["level"].as_str().unwrap();
        assert_eq!(by, if one["server"] == "http" { "checked_head" } else { "chain" }, "{one}");
    }
}
