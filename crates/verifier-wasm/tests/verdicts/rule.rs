//! Rules, the vectors that each made, and their file.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_verifier_wasm::verify;
use serde_json::{Value, json};

use crate::base::{Base, list};

pub const VERIFIED: &str = "verified";
pub const REFUSED: &str = "refused";
pub const CANNOT_TELL: &str = "cannot_tell";
pub const CONSISTENT: &str = "consistent";
pub const WORDS: [&str; 4] = [VERIFIED, REFUSED, CANNOT_TELL, CONSISTENT];

/// A document and a pin.
pub struct Vector {
    /// Where the rule was applied.
    pub what: String,
    of: String,
    pub document: Vec<u8>,
    pin: Option<Value>,
}

impl Vector {
    /// The pin's JSON, empty for none.
    pub fn pin(&self) -> Vec<u8> {
        self.pin.as_ref().map(|pin| pin.to_string().into_bytes()).unwrap_or_default()
    }
}

impl Vector {
    /// All that this crate says a verdict shows and leaves unproven: others are held to the same.
    fn answer(&self) -> Value {
        let answer: Value = serde_json::from_slice(&verify(&self.document, &self.pin())).expect("JSON");
        json!({ "claims": answer["claims"], "facts": answer["facts"] })
    }
}

/// A rule: what was done to true documents, and the verdict that this must get.
pub struct Rule {
    pub name: String,
    pub verdict: &'static str,
    pub vectors: Vec<Vector>,
}

/// All rules by their names.
#[derive(Default)]
pub struct Rules {
    rules: BTreeMap<(String, &'static str), Rule>,
    /// The documents that stand for themselves.
    whole: Vec<Base>,
}

impl Rules {
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// Adds a vector of a rule, unless the rule left the document as it was. Without a word to the contrary all is pinned.
    pub fn add(&mut self, name: &str, verdict: &'static str, base: &Base, at: &str, document: impl Into<Vec<u8>>) {
        let document = document.into();
        if document != base.text().as_bytes() {
            self.push(name, verdict, base, at, document, Some(base.pin.clone()));
        }
    }

    fn push(
        &mut self,
        name: &str,
        verdict: &'static str,
        base: &Base,
        at: &str,
        document: Vec<u8>,
        pin: Option<Value>,
    ) {
        self.push_as(format!("{}/{name}", base.kind), verdict, base, at, document, pin);
    }

    fn push_as(
        &mut self,
        name: String,
        verdict: &'static str,
        base: &Base,
        at: &str,
        document: Vec<u8>,
        pin: Option<Value>,
    ) {
        let what = format!("{}{}{at}", base.name, if at.is_empty() { "" } else { ", " });
        let rule =
            self.rules.entry((name.clone(), verdict)).or_insert_with(|| Rule { name, verdict, vectors: Vec::new() });
        rule.vectors.push(Vector { what, of: base.name.clone(), document, pin });
    }

    /// Adds a document that no rule changes, with its pin. Its rule is one of all kinds.
    pub fn whole(&mut self, name: &str, verdict: &'static str, base: Base) {
        self.push_as(name.to_owned(), verdict, &base, "", base.text().into_bytes(), Some(base.pin.clone()));
        self.whole.push(base);
    }

    /// The file: documents, pins and answers by their names, and each vector as one splice of a document's bytes.
    pub fn to_json(&self, bases: &[Base]) -> String {
        let (mut pins, mut answers) = (Names::new("pin"), Names::new("answer"));
        let documents: BTreeMap<&str, &Base> =
            bases.iter().chain(&self.whole).map(|base| (base.name.as_str(), base)).collect();
        let rules: Vec<String> = self
            .all()
            .map(|rule| {
                let vectors = rule.vectors.iter().map(|vector| {
                    let mut members = splice(vector, documents[vector.of.as_str()].text().as_bytes());
                    if let Some(pin) = &vector.pin {
                        members["pin"] = json!(pins.name(pin));
                    }
                    if rule.verdict != REFUSED {
                        members["answer"] = json!(answers.name(&vector.answer()));
                    }
                    members.to_string()
                });
                format!(
                    "{{\"rule\": {}, \"verdict\": \"{}\", \"vectors\": [\n{}\n]}}",
                    json!(rule.name),
                    rule.verdict,
                    join(vectors)
                )
            })
            .collect();
        let documents = bases
            .iter()
            .chain(&self.whole)
            .map(|base| format!("{}: {}", json!(base.name), json!({ "kind": base.kind, "text": base.text() })));
        format!(
            "{{\n\"format\": \"counterfoil vectors v1\",\n\"documents\": {{\n{}\n}},\n\"pins\": {{\n{}\n}},\n\"answers\": {{\n{}\n}},\n\"rules\": [\n{}\n]\n}}\n",
            join(documents),
            pins.text(),
            answers.text(),
            join(rules.into_iter()),
        )
    }
}

/// Values that get a name each, once.
struct Names {
    kind: &'static str,
    names: BTreeMap<String, usize>,
}

impl Names {
    fn new(kind: &'static str) -> Self {
        Self { kind, names: BTreeMap::new() }
    }

    fn name(&mut self, value: &Value) -> String {
        let next = self.names.len();
        format!("{} {}", self.kind, self.names.entry(value.to_string()).or_insert(next))
    }

    fn text(&self) -> String {
        let mut named: Vec<_> = self.names.iter().map(|(text, number)| (number, text)).collect();
        named.sort_unstable();
        join(named.into_iter().map(|(number, text)| format!("\"{} {number}\": {text}", self.kind)))
    }
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",\n")
}

/// A vector as the file has it: `remove` bytes from byte `at` on are taken out of the document's text, and `insert` stands there.
fn splice(vector: &Vector, from: &[u8]) -> Value {
    let to = vector.document.as_slice();
    let is_end = |bytes: &[u8], at: usize| bytes.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let mut start = from.iter().zip(to).take_while(|(one, other)| one == other).count();
    while !(is_end(from, start) && is_end(to, start)) {
        start -= 1;
    }
    let same = from[start..].iter().rev().zip(to[start..].iter().rev()).take_while(|(one, other)| one == other).count();
    let mut end = same;
    while !(is_end(from, from.len() - end) && is_end(to, to.len() - end)) {
        end -= 1;
    }
    let insert = &to[start..to.len() - end];
    let mut members = json!({ "of": vector.of, "at": start, "remove": from.len() - end - start });
    match std::str::from_utf8(insert) {
        Ok(text) => members["insert"] = json!(text),
        Err(_) => members["insert_base64"] = json!(STANDARD.encode(insert)),
    }
    members
}

/// Rules of the pin: the documents stay as they are.
pub fn pins(bases: &[Base], rules: &mut Rules) {
    for base in bases {
        let heads = list(&base.pin["heads"]);
        let mut with = |name: &str, verdict, at: &str, pin: Value| {
            rules.push(name, verdict, base, at, base.text().into_bytes(), Some(pin));
        };
        let pinned = |heads: Vec<Value>| {
            let mut pin = base.pin.clone();
            pin["heads"] = json!(heads);
            pin
        };
        with("pin/all", base.best(), "", base.pin.clone());
        if base.best() == CONSISTENT {
            continue;
        }
        with("pin/no_head", CANNOT_TELL, "", pinned(Vec::new()));
        with("pin/heads_alone", VERIFIED, "", json!({ "heads": heads }));
        for (at, head) in heads.iter().enumerate() {
            let what = format!("head {at}");
            let size: u64 = head["size"].as_str().and_then(|size| size.parse().ok()).expect("a size");
            let root = head["root"].as_str().expect("a root");
            let other = |size: u64, root: &str| {
                pinned(vec![json!({ "log": head["log"], "size": size.to_string(), "root": root })])
            };
            with("pin/other_root", REFUSED, &what, other(size, &flipped(root)));
            with("pin/other_size_of_the_root", REFUSED, &what, other(size + 1, root));
            if size > 1 {
                with("pin/smaller_size_of_the_root", REFUSED, &what, other(size - 1, root));
            }
            with("pin/head_of_another_size", CANNOT_TELL, &what, other(size + 1_000, &flipped(root)));
        }
        if base.kind == "consistency" {
            // The first head alone says nothing of the second, unless they are one.
            let first = if heads[0] == heads[1] { VERIFIED } else { CONSISTENT };
            with("pin/first_head_alone", first, "", pinned(vec![heads[0].clone()]));
            with("pin/second_head_alone", VERIFIED, "", pinned(vec![heads[1].clone()]));
        }
        for member in ["genesis_hash", "program", "ledger"] {
            if base.pin.get(member).is_none() {
                continue;
            }
            let mut pin = base.pin.clone();
            pin[member] = json!(OTHER_KEY);
            with(&format!("pin/other_{member}"), REFUSED, "", pin.clone());
            with(&format!("pin/other_{member}_alone"), REFUSED, "", json!({ member: OTHER_KEY }));
            with(&format!("pin/{member}_alone"), CANNOT_TELL, "", json!({ member: base.pin[member] }));
        }
        rules.push("pin/none", CANNOT_TELL, base, "", base.text().into_bytes(), None);
    }
}

/// Thirty-two bytes that no document names.
pub const OTHER_KEY: &str = "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx";

/// Another hash.
pub fn flipped(hash: &str) -> String {
    let (first, rest) = hash.split_at(1);
    format!("{}{rest}", if first == "0" { "1" } else { "0" })
}
