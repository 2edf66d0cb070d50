//! True documents, of which the rules make others: receipts of both versions, evidence, pages with their certificate, consistency
//! proofs. They come from the vectors of the parts: `receipt.json`, `evidence.json`, `log.json`, `program.json`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_verifier_wasm::verify;
use serde_json::{Value, json};

use crate::rule::{CONSISTENT, VERIFIED};

/// A true document.
pub struct Base {
    pub name: String,
    pub kind: &'static str,
    /// One JSON text, or the lines of evidence.
    pub texts: Vec<Value>,
    /// All that can be pinned of it.
    pub pin: Value,
}

impl Base {
    fn new(kind: &'static str, name: String, texts: Vec<Value>) -> Self {
        let mut base = Self { name, kind, texts, pin: Value::Null };
        let answer: Value = serde_json::from_slice(&verify(base.text().as_bytes(), b"")).expect("JSON");
        base.pin = answer["claims"].clone();
        assert!(base.pin["heads"].is_array(), "{} is a true document: {answer}", base.name);
        base
    }

    /// The verdict on it when all is pinned. Every log extends the empty one, which shows nothing of the later one.
    pub fn best(&self) -> &'static str {
        let is_of_nothing = self.kind == "consistency" && self.pin["heads"][0]["size"] == "0";
        if is_of_nothing { CONSISTENT } else { VERIFIED }
    }

    pub fn is_evidence(&self) -> bool {
        self.kind == "evidence"
    }

    /// The document's text.
    pub fn text(&self) -> String {
        self.text_of(&self.texts.iter().map(Value::to_string).collect::<Vec<_>>())
    }

    /// A document of this kind out of its texts.
    pub fn text_of(&self, texts: &[String]) -> String {
        if self.is_evidence() { texts.iter().map(|line| format!("{line}\n")).collect() } else { texts.concat() }
    }
}

/// Every true document.
pub fn all() -> Vec<Base> {
    let mut all = Vec::new();
    for (at, receipt) in
        list(&parse(include_str!("../../../../docs/vectors/receipt.json"))["receipts"]).iter().enumerate()
    {
        all.push(Base::new("receipt", format!("receipt {at}"), vec![receipt.clone()]));
    }
    let evidence = parse(include_str!("../../../../docs/vectors/evidence.json"));
    for (at, lines) in list(&evidence["evidence"]).iter().enumerate() {
        let lines = list(lines).iter().map(|line| parse(line.as_str().expect("a line"))).collect();
        all.push(Base::new("evidence", format!("evidence {at}"), lines));
    }
    let log = parse(include_str!("../../../../docs/vectors/log.json"));
    all.extend(consistency(&log));
    all.extend(pages(&log, &parse(include_str!("../../../../docs/vectors/program.json"))));
    all
}

/// Proofs between neighbouring and distant sizes. Every log extends the empty one, so that a proof of that shows nothing.
fn consistency(log: &Value) -> Vec<Base> {
    const CHOSEN: [&str; 14] =
        ["0 1", "0 5", "0 8", "1 2", "2 3", "4 5", "7 8", "4 8", "7 13", "1 8", "7 20", "5 5", "8 8", "13 13"];
    let sizes = |proof: &Value| {
        ["first_size", "second_size"].map(|size| proof[size].as_str().expect("a size").to_owned()).join(" ")
    };
    let chosen = list(&log["consistency"])
        .iter()
        .filter(|proof| proof["fault"].is_null() && CHOSEN.contains(&sizes(proof).as_str()));
    let bases = chosen.enumerate().map(|(at, proof)| {
        let head = |of: &str| json!({ "size": proof[format!("{of}_size")], "root": proof[format!("{of}_root")] });
        let name = if at % 2 == 0 { "entries" } else { "events" };
        let text = json!({ "log": name, "first": head("first"), "second": head("second"), "proof": proof["proof"] });
        Base::new("consistency", format!("consistency {at}"), vec![text])
    });
    bases.collect()
}

/// Pages of the first entries of the log, and of the first events of a ledger.
fn pages(log: &Value, program: &Value) -> Vec<Base> {
    let names = |log: &str, to: usize, root: &Value| {
        json!({
            "format": "counterfoil certificate v1", "genesis_hash": program["program"], "program": program["program"],
            "ledger": program["ledger"]["address"], "log": log, "from": "0", "to": to.to_string(), "slot": "1", "proof": [],
            "head": { "size": to.to_string(), "root": root },
        })
    };
    let row = |number: &str, at: usize, member: &str, bytes: &Value, hash: &Value| json!({ number: at.to_string(), member: base64(bytes), "leaf_hash": hash });
    let mut pages = Vec::new();
    for root in list(&log["roots"]) {
        let size: usize = root["size"].as_str().and_then(|size| size.parse().ok()).expect("a size");
        let leaves: Vec<&Value> = list(&log["leaves"]).iter().take(size).filter(|leaf| leaf["entry"] != "").collect();
        if ![1, 2, 5, 7].contains(&size) || leaves.len() != size {
            continue;
        }
        let rows: Vec<Value> = (0..)
            .zip(&leaves)
            .map(|(at, leaf)| row("index", at, "payload", &leaf["entry"], &leaf["leaf_hash"]))
            .collect();
        pages.push(json!({ "entries": rows, "certificate": names("entries", size, &root["root"]) }));
    }
    let mut events = Vec::new();
    for step in list(&program["steps"]).iter().filter(|step| !step["event"].is_null()) {
        let event = &step["event"];
        events.push(row("seq", events.len(), "leaf", &event["leaf"], &event["leaf_hash"]));
        if [1, 3, 6, 9].contains(&events.len()) {
            pages.push(json!({ "events": events, "certificate": names("events", events.len(), &step["account"]["fields"]["event_root"]) }));
        }
    }
    pages.into_iter().enumerate().map(|(at, page)| Base::new("certificate", format!("page {at}"), vec![page])).collect()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

pub fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn base64(hex: &Value) -> String {
    let hex = hex.as_str().expect("hex");
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"));
    STANDARD.encode(bytes.collect::<Vec<_>>())
}
