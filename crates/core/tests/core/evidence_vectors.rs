//! The evidence that all implementations read, `docs/vectors/evidence.json`: true evidence, each as its lines; other values
//! in its first line; and other lines in place of some. Expected is what is written here, not what this crate answers.
//!
//! `UPDATE=1 cargo test -p counterfoil-core vectors` writes the file again; without it, one that differs is a failure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::evidence::{Header, Line};
use counterfoil_core::receipt::TransactionSignature;
use serde_json::{Value, json};

use super::evidence::{evidence, late, read};
use super::history::{History, encode_leaf};
use super::receipt::by_subtrees;
use super::receipt_json::with;
use super::vectors::expect_committed;

/// Lines in place of others: at which line, how many, which instead; whether what is then there verifies.
type Alteration = (usize, usize, Vec<String>, bool);
/// A member of the first line, its value instead; whether it verifies then.
type Altered = (Vec<&'static str>, Value, bool);

/// Which entries of which history, with their bytes, with a bridge to a later head.
type Wanted = (fn() -> History, usize, usize, bool, bool);

const EVIDENCE: [Wanted; 8] = [
    (History::sample, 5, 12, true, true),
    (by_subtrees, 2, 13, false, false),
    (History::sample, 0, 16, false, true),
    (History::sample, 0, 1, true, false),
    (History::sample, 15, 16, true, true),
    (History::sample, 7, 9, false, false),
    (by_subtrees, 5, 8, true, true),
    (by_subtrees, 3, 12, false, true),
];

fn lines(history: &History, from: usize, to: usize, content: bool, is_bridged: bool) -> Vec<String> {
    let (mut header, lines) = evidence(history, from, to, content);
    match is_bridged {
        true => header.transaction = Some(TransactionSignature([0x7a; 64])),
        false => header.bridge = None,
    }
    to_texts(&header, &lines)
}

fn to_texts(header: &Header, lines: &[Line]) -> Vec<String> {
    let header = serde_json::to_string(header).expect("JSON");
    [header].into_iter().chain(lines.iter().map(|line| serde_json::to_string(line).expect("JSON"))).collect()
}

fn is_verified(lines: &[String]) -> bool {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    read(text.as_bytes()).is_some()
}

#[test]
fn of_evidence() {
    let all: Vec<Vec<String>> = EVIDENCE
        .iter()
        .map(|&(history, from, to, content, is_bridged)| lines(&history(), from, to, content, is_bridged))
        .collect();
    assert!(all.iter().all(|lines| is_verified(lines)));
    let (mut headers, mut alterations) = (Vec::new(), Vec::new());
    for (of, lines) in all.iter().enumerate() {
        let expect = |altered: &[String], is_true: bool, what: &Value| {
            assert_eq!(is_verified(altered), is_true, "{of}: {what}");
        };
        for (path, value, is_true) in if of < 2 { of_the_header(&all, of) } else { Vec::new() } {
            let header = with(&serde_json::from_str(&lines[0]).expect("JSON"), &path, value.clone());
            let altered = [&[header.to_string()], &lines[1..]].concat();
            headers.push(json!({ "of": of, "path": path, "value": value, "verified": is_true }));
            expect(&altered, is_true, headers.last().expect("one"));
        }
        let cases = match of {
            0 | 1 => [of_each_line(lines), of_the_order(lines), of_other_lines(&all, of), of_the_form(lines)].concat(),
            _ => of_the_order(lines),
        };
        for (at, removed, instead, is_true) in cases {
            let mut altered = lines.clone();
            altered.splice(at..at + removed, instead.iter().cloned());
            alterations.push(json!({ "of": of, "at": at, "removed": removed, "lines": instead, "verified": is_true }));
            expect(&altered, is_true, alterations.last().expect("one"));
        }
    }
    expect_committed("evidence", &json!({ "evidence": all, "headers": headers, "alterations": alterations }));
}

/// Each line altered, in a way that keeps its form.
fn of_each_line(lines: &[String]) -> Vec<Alteration> {
    let mut all = Vec::new();
    for (at, text) in lines.iter().enumerate().skip(1) {
        let mut put = |alter: &dyn Fn(&mut Line)| {
            let mut line = serde_json::from_str(text).expect("a line");
            alter(&mut line);
            all.push((at, 1, vec![serde_json::to_string(&line).expect("JSON")], false));
        };
        put(&|line| match line {
            Line::Event(line) => line.seq += 1,
            Line::Entry(line) => line.index += 1,
            Line::Leaf(line) => line.index += 1,
            Line::End(line) => line.events += 1,
        });
        put(&|line| match line {
            // The time, of which the verifier has no other word.
            Line::Event(line) => line.leaf[56] ^= 1,
            Line::Entry(line) => line.payload[0] ^= 1,
            Line::Leaf(line) => line.hash.0[31] ^= 1,
            Line::End(line) => line.entries -= 1,
        });
    }
    let event = lines[1..].iter().find(|line| line.starts_with("{\"event\"")).expect("the first");
    let event: Value = serde_json::from_str(event).expect("JSON");
    let leaf = STANDARD.decode(event["event"]["leaf"].as_str().expect("a text")).expect("base64");
    let mut put = |leaf: &[u8]| {
        let leaf = json!(STANDARD.encode(leaf));
        all.push((1, 1, vec![with(&event, &["event", "leaf"], leaf).to_string()], false));
    };
    // Kind, ledger, number, slot, signer, first entry, count, size, root.
    for at in [0, 8, 40, 48, 64, 96, 103, 104, 112, 119, 120] {
        let mut leaf = leaf.clone();
        leaf[at] ^= 1;
        put(&leaf);
    }
    put(&leaf[..leaf.len() - 1]);
    put(&[leaf.as_slice(), &[0]].concat());
    put(&[]);
    all
}

/// Lines dropped, doubled, swapped; cut off; what goes on after the end.
fn of_the_order(lines: &[String]) -> Vec<Alteration> {
    let end = lines.len() - 1;
    let mut all = Vec::new();
    for at in 0..=end {
        let line = || lines[at].clone();
        all.push((at, 1, Vec::new(), false));
        all.push((at, 0, vec![line()], false));
        if at < end {
            all.push((at, 2, vec![lines[at + 1].clone(), line()], false));
        }
    }
    all.push((end / 2, end + 1 - end / 2, Vec::new(), false));
    all.push((0, end + 1, Vec::new(), false));
    all.extend(["", "{}", &lines[1], &lines[end]].map(|more| (end + 1, 0, vec![more.to_owned()], false)));
    all
}

/// Lines of other evidence, and members of the first line that are not there or twice.
fn of_other_lines(all: &[Vec<String>], of: usize) -> Vec<Alteration> {
    let lines = &all[of];
    let others = all.iter().enumerate().filter(|(other, _)| *other != of);
    let mut cases: Vec<Alteration> = others.map(|(_, foreign)| (0, 1, vec![foreign[0].clone()], false)).collect();
    cases.push((1, lines.len() - 1, all[1 - of][1..].to_vec(), false));
    // True events and entries, of which the last event appended none: a later append, a grant.
    for (to, last) in [(1, 2), (6, 4)] {
        let (header, late) = late(&History::sample(), to, last);
        cases.push((0, lines.len(), to_texts(&header, &late), false));
    }
    let header: Value = serde_json::from_str(&lines[0]).expect("JSON");
    for name in header.as_object().expect("an object").keys() {
        let mut without = header.clone();
        without.as_object_mut().expect("an object").remove(name);
        // A part that is left out is not shown; the rest is.
        let is_optional = matches!(name.as_str(), "transaction" | "bridge");
        cases.push((0, 1, vec![without.to_string()], is_optional));
        let doubled = header.to_string().replacen('{', &format!("{{\"{name}\":{},", header[name]), 1);
        cases.push((0, 1, vec![doubled], false));
    }
    cases
}

/// Each member of the first line.
fn of_the_header(all: &[Vec<String>], of: usize) -> Vec<Altered> {
    let header: Value = serde_json::from_str(&all[of][0]).expect("JSON");
    let other: Value = serde_json::from_str(&all[1 - of][0]).expect("JSON");
    let (key, hash) = (header["ledger"].as_str().expect("a key"), header["entries"]["head"]["root"].clone());
    let signature = TransactionSignature([7; 64]).to_string();
    let mut cases: Vec<Altered> = vec![
        (vec![], json!([header]), false),
        (vec![], json!(null), false),
        (vec!["format"], json!("counterfoil evidence v2"), false),
        (vec!["format"], json!(1), false),
        (vec!["format"], json!("counterfoil receipt v2"), false),
        // Faults that only the chain can tell.
        (vec!["genesis_hash"], json!(key), true),
        (vec!["program"], json!(key), true),
        (vec!["genesis_hash"], json!(null), false),
        (vec!["program"], json!(format!("1{key}")), false),
        (vec!["ledger"], json!("1".repeat(32)), false),
        (vec!["ledger"], json!(key.replacen(&key[..1], "0", 1)), false),
        (vec!["content"], json!(!header["content"].as_bool().expect("a bool")), false),
        (vec!["content"], json!("true"), false),
        (vec!["content"], json!(1), false),
        (vec!["content"], json!(null), false),
        (vec!["transaction"], json!(signature), true),
        (vec!["transaction"], json!(format!("1{signature}")), false),
        (vec!["transaction"], json!(null), false),
        (vec!["transaction"], json!(""), false),
        (vec!["bridge"], json!(null), false),
        (vec!["bridge"], json!([]), false),
        (vec!["bridge"], json!({}), false),
        (vec!["bridge"], json!({ "head": header["entries"]["head"], "consistency": [] }), true),
        (vec!["bridge"], json!({ "head": header["events"]["head"], "consistency": [] }), false),
        (vec!["bridge"], json!({ "head": header["entries"]["head"], "consistency": [hash] }), false),
        (vec!["bridge"], json!([header["entries"]["head"], []]), false),
        (vec!["note"], json!(1), false),
        (vec!["entries"], header["events"].clone(), false),
        (vec!["events"], header["entries"].clone(), false),
        (vec!["entries"], other["entries"].clone(), false),
    ];
    for log in ["entries", "events"] {
        let range = &header[log];
        let number = |name: &str| range[name].as_str().expect("a text").parse::<u64>().expect("a number");
        let list = json!([range["from"], range["to"], range["head"], range["proof"]]);
        cases.extend([(vec![log], list, false), (vec![log], json!(null), false), (vec![log, "note"], json!(1), false)]);
        for (name, value) in [("from", number("from")), ("to", number("to"))] {
            for near in [value + 1, value.saturating_sub(1), 0, u64::MAX, 1 << 48] {
                if near != value {
                    cases.push((vec![log, name], json!(near.to_string()), false));
                }
            }
            for text in [format!("0{value}"), format!("+{value}"), format!("{value}.0"), format!(" {value}")] {
                cases.push((vec![log, name], json!(text), false));
            }
            cases.push((vec![log, name], json!(value), false));
        }
        let size = range["head"]["size"].as_str().expect("a text").parse::<u64>().expect("a number");
        for near in [size + 1, size - 1, 0, 1 << 48] {
            // How many leaves the last subtree of the proof has, its hash does not say: the chain's head does.
            let is_true = of == 0 && log == "events" && size.abs_diff(near) == 1;
            cases.push((vec![log, "head", "size"], json!(near.to_string()), is_true));
        }
        cases.push((vec![log, "head", "size"], json!(size), false));
        cases.push((vec![log, "head"], json!([range["head"]["size"], range["head"]["root"]]), false));
        cases.push((vec![log, "head", "note"], json!(1), false));
        cases.extend(of_hash(vec![log, "head", "root"], &range["head"]["root"]));
        cases.extend(of_proof(vec![log, "proof"], &range["proof"]));
    }
    if let Some(bridge) = header.get("bridge") {
        cases.push((vec!["bridge", "note"], json!(1), false));
        cases.push((vec!["bridge", "head", "size"], json!("1"), false));
        cases.extend(of_hash(vec!["bridge", "head", "root"], &bridge["head"]["root"]));
        cases.extend(of_proof(vec!["bridge", "consistency"], &bridge["consistency"]));
    }
    cases
}

fn of_hash(path: Vec<&'static str>, hash: &Value) -> Vec<Altered> {
    let hash = hash.as_str().expect("a hash");
    let other = if hash.starts_with('0') { "1" } else { "0" };
    [format!("{other}{}", &hash[1..]), hash.to_uppercase(), hash[2..].to_owned(), format!("{hash} ")]
        .into_iter()
        .map(|text| (path.clone(), json!(text), false))
        .collect()
}

fn of_proof(path: Vec<&'static str>, proof: &Value) -> Vec<Altered> {
    let proof = proof.as_array().expect("hashes");
    let (first, rest) = proof.split_first().expect("at least one");
    let mut others = vec![json!(rest), json!([proof, &proof[..1]].concat()), json!([]), first.clone(), json!(null)];
    if !rest.is_empty() {
        others.push(json!([rest, &proof[..1]].concat()));
    }
    others.into_iter().map(|proof| (path.clone(), proof, false)).collect()
}

/// Texts of the lines that are read, and that are not.
fn of_the_form(lines: &[String]) -> Vec<Alteration> {
    let end = lines.len() - 1;
    let first_of = |kind: &str| lines.iter().position(|line| line.starts_with(&format!("{{\"{kind}\""))).expect("one");
    let content = if lines.iter().any(|line| line.starts_with("{\"entry\"")) { "entry" } else { "leaf" };
    let mut all = Vec::new();
    for (at, kind) in [(0, "header"), (first_of("event"), "event"), (first_of(content), content), (end, "end")] {
        let line = &lines[at];
        let mut put = |text: String, is_true: bool| all.push((at, 1, vec![text], is_true));
        put(format!(" {}\t\r", line.replacen(':', " : ", 1)), true);
        put(format!("{{\"\\u{:04x}{}", u32::from(line.as_bytes()[2]), &line[3..]), true);
        for text in ["", "[]", "null", "1", "{}", "\"\"", "{\"note\":{}}"] {
            put(text.to_owned(), false);
        }
        put(line[..line.len() - 1].to_owned(), false);
        put(format!("{line}{line}"), false);
        put(format!("\u{feff}{line}"), false);
        put(format!("{line}\u{a0}"), false);
        put(line.replacen('{', "{/**/", 1), false);
        put(format!("[{line}]"), false);
        put(line.replace('"', "'"), false);
        if at == 0 {
            continue;
        }
        let value: Value = serde_json::from_str(line).expect("JSON");
        let members = value[kind].as_object().expect("an object");
        put(format!("{{{0},{0}}}", &line[1..line.len() - 1]), false);
        put(format!("{{{},\"note\":1}}", &line[1..line.len() - 1]), false);
        put(json!({ kind: members.values().collect::<Vec<_>>() }).to_string(), false);
        put(json!({ kind: null }).to_string(), false);
        put(json!({ kind: line }).to_string(), false);
        put(json!([kind, members]).to_string(), false);
        put(line.replacen(kind, &kind.to_uppercase(), 1), false);
        put(with(&value, &[kind, "note"], json!("")).to_string(), false);
        for (name, member) in members {
            let mut without = value.clone();
            without[kind].as_object_mut().expect("an object").remove(name);
            put(without.to_string(), false);
            put(line.replacen(":{", &format!(":{{\"{name}\":{member},"), 1), false);
            put(with(&value, &[kind, name], json!(null)).to_string(), false);
            put(with(&value, &[kind, name], json!([member])).to_string(), false);
            let text = member.as_str().expect("a text");
            if let Ok(number) = text.parse::<u64>() {
                put(with(&value, &[kind, name], json!(number)).to_string(), false);
                for other in [format!("0{text}"), format!("+{text}"), format!("{text}.0"), format!(" {text}")] {
                    put(with(&value, &[kind, name], json!(other)).to_string(), false);
                }
            } else {
                for other in [format!("{text}="), format!("{text}\n"), text[1..].to_owned(), String::new()] {
                    put(with(&value, &[kind, name], json!(other)).to_string(), false);
                }
            }
        }
    }
    // By its bytes where it belongs by its hash, and the other way.
    let at = first_of(content);
    let index = serde_json::from_str::<Value>(&lines[at]).expect("JSON")[content]["index"].clone();
    let other = match content {
        "entry" => json!({ "leaf": { "index": index, "hash": "00".repeat(32) } }),
        _ => json!({ "entry": { "index": index, "payload": "AQ==" } }),
    };
    all.push((at, 1, vec![other.to_string()], false));
    // A true event that the log has elsewhere.
    let created =
        json!({ "event": { "seq": "0", "leaf": STANDARD.encode(encode_leaf(&History::sample().events[0])) } });
    all.push((1, 0, vec![created.to_string()], false));
    all
}
