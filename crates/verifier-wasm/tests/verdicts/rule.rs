//! Rules, the vectors that each made, and their file.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// A rule: what was done to true documents, and the verdict that this must get.
pub struct Rule {
    pub name: String,
    pub verdict: &'static str,
    pub vectors: Vec<Vector>,
}

/// All rules by their names.
#[derive(Default)]
pub struct Rules(BTreeMap<(String, &'static str), Rule>);

impl Rules {
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.0.values()
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
        let name = format!("{}/{name}", base.kind);
        let what = format!("{}{}{at}", base.name, if at.is_empty() { "" } else { ", " });
        let rule = self.0.entry((name.clone(), verdict)).or_insert_with(|| Rule { name, verdict, vectors: Vec::new() });
        rule.vectors.push(Vector { what, of: base.name.clone(), document, pin });
    }

    /// The file: documents and pins by their names, and each vector as one splice of a document's bytes.
    pub fn to_json(&self, bases: &[Base]) -> String {
        let mut pins: BTreeMap<String, String> = BTreeMap::new();
        for pin in self.all().flat_map(|rule| &rule.vectors).filter_map(|vector| vector.pin.as_ref()) {
            let name = format!("pin {}", pins.len());
            pins.entry(pin.to_string()).or_insert(name);
        }
        let texts: BTreeMap<&str, String> = bases.iter().map(|base| (base.name.as_str(), base.text())).collect();
        let mut json = String::from("{\n\"format\": \"counterfoil vectors v1\",\n\"documents\": {\n");
        join(
            &mut json,
            bases.iter().map(|base| {
                format!("{}: {}", json!(base.name), json!({ "kind": base.kind, "text": texts[base.name.as_str()] }))
            }),
        );
        json.push_str("\n},\n\"pins\": {\n");
        join(&mut json, pins.iter().map(|(pin, name)| format!("{}: {pin}", json!(name))));
        json.push_str("\n},\n\"rules\": [\n");
        join(
            &mut json,
            self.all().map(|rule| {
                let mut text =
                    format!("{{\"rule\": {}, \"verdict\": \"{}\", \"vectors\": [\n", json!(rule.name), rule.verdict);
                join(
                    &mut text,
                    rule.vectors.iter().map(|vector| {
                        let pin = vector.pin.as_ref().map(|pin| &pins[&pin.to_string()]);
                        splice(vector, pin, texts[vector.of.as_str()].as_bytes()).to_string()
                    }),
                );
                text + "]}"
            }),
        );
        json + "\n]\n}\n"
    }
}

fn join(json: &mut String, items: impl Iterator<Item = String>) {
    for (at, item) in items.enumerate() {
        // Writing to a text cannot fail.
        let _ = write!(json, "{}{item}", if at == 0 { "" } else { ",\n" });
    }
}

/// A vector as the file has it: `remove` bytes from byte `at` on are taken out of the document's text, and `insert` stands there.
fn splice(vector: &Vector, pin: Option<&String>, from: &[u8]) -> Value {
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
    if let Some(pin) = pin {
        members["pin"] = json!(pin);
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
        with("pin/all", VERIFIED, "", base.pin.clone());
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
