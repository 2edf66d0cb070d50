//! A receipt's JSON: one text for each receipt.

use counterfoil_core::json::{FromJson, ReadError};
use counterfoil_core::receipt::{
    Bridge, EntryProof, EventLeaf, Head, Receipt, ReceiptError, TransactionSignature, Version,
};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use merkle_log::{Hash, Root};
use serde_json::{Value, json};

use super::history::History;
use super::receipt::{FORMS, Form, receipt};

/// Replaces the value at a path of members, or adds it.
pub fn with(receipt: &Value, path: &[&str], value: Value) -> Value {
    let mut altered = receipt.clone();
    let mut place = &mut altered;
    for member in path {
        place = &mut place[member];
    }
    *place = value;
    altered
}

/// Reads a receipt by both ways, which must agree.
pub fn read(json: &Value) -> Result<Receipt, ReadError> {
    let text = json.to_string();
    let read = parse(&text);
    assert_eq!(read.as_ref().ok(), serde_json::from_str(&text).ok().as_ref(), "{text}");
    read
}

fn parse(text: &str) -> Result<Receipt, ReadError> {
    counterfoil_core::json::Value::parse(text.as_bytes()).and_then(|value| Receipt::from_json(&value))
}

/// A true receipt of each form.
pub fn documents() -> [(Form, Value); 3] {
    FORMS.map(|form| (form, serde_json::to_value(receipt(form, &History::sample(), 9, 14)).expect("JSON")))
}

/// The paths of a receipt's objects, itself first.
fn objects(value: &Value) -> Vec<Vec<&str>> {
    let mut all = vec![Vec::new()];
    for (name, inner) in value.as_object().expect("an object").iter().filter(|(_, inner)| inner.is_object()) {
        all.extend(objects(inner).into_iter().map(|rest| [vec![name.as_str()], rest].concat()));
    }
    all
}

fn at<'a>(receipt: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(receipt, |value, member| &value[member])
}

#[test]
fn the_json_reads_back() {
    for form in FORMS {
        for index in 0..5 {
            let receipt = receipt(form, &History::sample(), index, 8);
            let text = serde_json::to_string(&receipt).expect("JSON");
            assert_eq!(serde_json::from_str::<Receipt>(&text).expect("a receipt"), receipt);
        }
    }
}

fn sample(version: Version) -> Receipt {
    Receipt {
        genesis_hash: GenesisHash([0; 32]),
        program: ProgramId([0; 32]),
        ledger: LedgerId([0; 32]),
        entry: EntryProof {
            index: u64::MAX,
            payload: b"any carnal pleas".to_vec(),
            proof: vec![Hash([0x11; 32]), Hash([0xaa; 32])],
        },
        event: EventLeaf { seq: 0, leaf: vec![0xff] },
        version,
    }
}

const HEAD: Head = Head { size: 9_007_199_254_740_993, root: Root([0xbb; 32]) };
const EVENT_HEAD: Head = Head { size: 7, root: Root([0xcc; 32]) };

/// `11…`, `aa…`, … in the texts below.
fn written_out(text: &str) -> String {
    let mut text = text.replace('\n', "").replace('~', &"1".repeat(32));
    for digit in ["1", "a", "b", "c", "d", "e"] {
        text = text.replace(&format!("{digit}…"), &digit.repeat(64));
    }
    text
}

fn expect_text(receipt: &Receipt, expected: &str) {
    let expected = written_out(expected);
    assert_eq!(serde_json::to_string(receipt).expect("JSON"), expected);
    assert_eq!(serde_json::from_str::<Receipt>(&expected).expect("a receipt"), *receipt);
}

/// The text is what people keep: the members' names and order, hex, base58, base64, numbers as strings.
#[test]
fn the_json_is_as_documented() {
    let bare = Version::V2 { transaction: None, bridge: None, statement: Vec::new() };
    expect_text(
        &sample(bare),
        r#"{"format":"counterfoil receipt v2","genesis_hash":"~","program":"~","ledger":"~",
"entry":{"index":"18446744073709551615","payload":"YW55IGNhcm5hbCBwbGVhcw==","proof":["1…","a…"]},
"event":{"seq":"0","leaf":"/w=="}}"#,
    );
    let bridged = Version::V2 {
        transaction: Some(TransactionSignature([0; 64])),
        bridge: Some(Bridge {
            head: HEAD,
            consistency: vec![Hash([0xdd; 32])],
            event_head: EVENT_HEAD,
            event_proof: vec![Hash([0xee; 32])],
        }),
        statement: Vec::new(),
    };
    expect_text(
        &sample(bridged),
        r#"{"format":"counterfoil receipt v2","genesis_hash":"~","program":"~","ledger":"~",
"entry":{"index":"18446744073709551615","payload":"YW55IGNhcm5hbCBwbGVhcw==","proof":["1…","a…"]},
"event":{"seq":"0","leaf":"/w=="},
"transaction":"1…",
"bridge":{"head":{"size":"9007199254740993","root":"b…"},"consistency":["d…"],
"event_head":{"size":"7","root":"c…"},"event_proof":["e…"]}}"#,
    );
}

#[test]
fn the_json_of_version_1_is_as_documented() {
    let version = Version::V1 { head: HEAD, event_head: EVENT_HEAD, event_proof: Vec::new() };
    expect_text(
        &sample(version),
        r#"{"format":"counterfoil receipt v1","genesis_hash":"~","program":"~","ledger":"~",
"entry":{"index":"18446744073709551615","payload":"YW55IGNhcm5hbCBwbGVhcw==","proof":["1…","a…"]},
"event":{"seq":"0","leaf":"/w==","proof":[]},
"head":{"size":"9007199254740993","root":"b…"},"event_head":{"size":"7","root":"c…"}}"#,
    );
}

#[test]
fn a_format_that_is_not_named_is_refused() {
    for (_, document) in documents() {
        for format in ["", "counterfoil receipt v3", "Counterfoil receipt v2", "counterfoil receipt v1 "] {
            let refused = read(&with(&document, &["format"], json!(format))).expect_err(format).to_string();
            assert!(refused.contains(&format!("the format {format:?} is none")), "{refused}");
        }
        for format in [json!(2), json!(null), json!(["counterfoil receipt v2"])] {
            read(&with(&document, &["format"], format)).expect_err("no text");
        }
    }
}

#[test]
fn an_unknown_a_missing_or_a_doubled_member_is_refused() {
    for (form, document) in documents() {
        read(&document).expect("a receipt");
        for path in objects(&document) {
            let object = at(&document, &path);
            read(&with(&document, &[path.as_slice(), &["note"]].concat(), json!(""))).expect_err("an unknown member");
            for (member, value) in object.as_object().expect("an object") {
                let mut without = object.clone();
                without.as_object_mut().expect("an object").remove(member);
                let without = with(&document, &path, without);
                let is_optional =
                    path.is_empty() && form == Form::Bridged && ["transaction", "bridge"].contains(&member.as_str());
                assert_eq!(read(&without).is_ok(), is_optional, "{form:?} without {path:?} {member}");

                let text = object.to_string();
                let doubled = text.replacen('{', &format!("{{\"{member}\":{value},"), 1);
                let doubled = document.to_string().replacen(&text, &doubled, 1);
                assert_ne!(doubled, document.to_string());
                let expected = format!("two members have the name `{member}`");
                assert_eq!(parse(&doubled).expect_err(member).to_string(), expected);
                let refused = serde_json::from_str::<Receipt>(&doubled).expect_err(member).to_string();
                assert!(refused.contains(&expected), "{refused}");
            }
        }
    }
}

/// Code that serde derives reads a list of the members' values as well.
#[test]
fn a_list_in_place_of_an_object_is_refused() {
    for (form, document) in documents() {
        for path in objects(&document) {
            let members = at(&document, &path).as_object().expect("an object").values().cloned().collect::<Value>();
            for list in [json!([]), json!([at(&document, &path)]), members, in_order(&document, &path)] {
                read(&with(&document, &path, list.clone())).expect_err(&format!("{form:?} {path:?} = {list}"));
            }
        }
    }
}

/// The values of an object's members, in the order in which they are written.
fn in_order(document: &Value, path: &[&str]) -> Value {
    let names: &[&str] = match path.last() {
        None => &["format", "genesis_hash", "program", "ledger", "entry", "event", "transaction", "bridge"],
        Some(&"entry") => &["index", "payload", "proof"],
        Some(&"event") => &["seq", "leaf", "proof"],
        Some(&"bridge") => &["head", "consistency", "event_head", "event_proof"],
        _ => &["size", "root"],
    };
    let object = at(document, path);
    names.iter().filter_map(|name| object.get(name)).cloned().collect()
}

/// It would be a second text of the receipt without the member.
#[test]
fn null_is_no_member() {
    for (form, document) in documents() {
        for path in objects(&document) {
            for member in at(&document, &path).as_object().expect("an object").keys() {
                let path = [path.as_slice(), &[member]].concat();
                read(&with(&document, &path, json!(null))).expect_err(&format!("{form:?} {path:?}"));
            }
        }
        for member in ["transaction", "bridge", "head", "event_head", "statement", "content", "salt"] {
            read(&with(&document, &[member], json!(null))).expect_err(member);
        }
        read(&with(&document, &["event", "proof"], json!(null))).expect_err("event.proof");
    }
}

#[test]
fn members_of_one_version_are_refused_in_the_other() {
    let [(_, v1), (_, bare), (_, bridged)] = documents();
    for member in ["head", "event_head"] {
        for v2 in [&bare, &bridged] {
            let refused = read(&with(v2, &[member], v1[member].clone())).expect_err(member).to_string();
            assert!(refused.contains("not those of its format"), "{refused}");
        }
    }
    for v2 in [&bare, &bridged] {
        read(&with(v2, &["event", "proof"], v1["event"]["proof"].clone())).expect_err("event.proof");
        read(&with(v2, &["event", "proof"], json!([]))).expect_err("event.proof");
        read(&with(v2, &["format"], v1["format"].clone())).expect_err("the other format");
    }
    read(&with(&v1, &["format"], bare["format"].clone())).expect_err("the other format");
    for member in ["transaction", "bridge"] {
        read(&with(&v1, &[member], bridged[member].clone())).expect_err(member);
    }
    for member in ["statement", "content", "salt"] {
        read(&with(&v1, &[member], json!("x"))).expect_err(member);
    }
}

#[test]
fn members_of_statements_are_seen_whatever_they_say_and_the_receipt_is_not_written_without_them() {
    let [_, (_, bare), (_, bridged)] = documents();
    for (document, value) in [(&bare, json!("x")), (&bare, json!({ "any": [1.5] })), (&bridged, json!([]))] {
        for members in [&["statement"][..], &["content"], &["salt"], &["content", "salt"]] {
            let document =
                members.iter().fold(document.clone(), |document, member| with(&document, &[member], value.clone()));
            let receipt = read(&document).expect("a receipt");
            assert_eq!(receipt.verify(), Err(ReceiptError::Statement { member: members[0] }));
            serde_json::to_string(&receipt).expect_err("what they say is not kept");
        }
    }
}

#[test]
fn a_value_has_one_text() {
    for (form, document) in documents() {
        let key = document["ledger"].as_str().expect("a key").to_owned();
        let hash = document["entry"]["proof"][0].as_str().expect("a hash").to_owned();
        let refused = |path: &[&str], values: Vec<Value>| {
            for value in values {
                read(&with(&document, path, value.clone())).expect_err(&format!("{form:?} {path:?} = {value}"));
            }
        };
        let texts = |texts: &[String]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
        let heads: &[&[&str]] = match form {
            Form::V1 => &[&["head"], &["event_head"]],
            Form::Bare => &[],
            Form::Bridged => &[&["bridge", "head"], &["bridge", "event_head"]],
        };
        let sizes = heads.iter().map(|head| [head, &["size"][..]].concat());
        for path in sizes.chain([vec!["entry", "index"], vec!["event", "seq"]]) {
            let numbers = ["", "03", "+3", "-3", " 3", "3 ", "3.0", "3e0", "0x3", "\u{663}", "18446744073709551616"];
            refused(&path, numbers.iter().map(|text| json!(text)).chain([json!(3), json!(["3"])]).collect());
        }
        for path in ["genesis_hash", "program", "ledger"] {
            refused(&[path], texts(&other_base58(&key)));
            refused(&[path], vec![json!(key[1..])]);
        }
        let hashes = [
            String::new(),
            hash.to_uppercase(),
            hash[1..].to_owned(),
            format!("0x{hash}"),
            format!("{hash}0"),
            format!("{hash} "),
        ];
        for path in heads.iter().map(|head| [head, &["root"][..]].concat()) {
            refused(&path, texts(&hashes));
        }
        let proofs: &[&[&str]] = match form {
            Form::V1 => &[&["entry", "proof"], &["event", "proof"]],
            Form::Bare => &[&["entry", "proof"]],
            Form::Bridged => &[&["entry", "proof"], &["bridge", "consistency"], &["bridge", "event_proof"]],
        };
        for path in proofs {
            refused(path, hashes.iter().map(|text| json!([hash, text])).chain([json!(hash), json!([[]])]).collect());
        }
        // "AQ==" is one byte: without padding, with bits that mean nothing, of another alphabet, with white space.
        for path in [["entry", "payload"], ["event", "leaf"]] {
            let bytes = ["AQ", "AQ=", "AR==", "_w==", "AQ==\n", " AQ=="].map(|text| json!(text));
            read(&with(&document, &path, json!("AQ=="))).expect("base64");
            refused(&path, bytes.to_vec());
            refused(&path, vec![json!([1])]);
        }
    }
}

/// Texts that are near to one in base58, and are none of as many bytes.
fn other_base58(text: &str) -> [String; 6] {
    [
        String::new(),
        format!(" {text}"),
        format!("{text} "),
        format!("1{text}"),
        text.replacen(&text[..1], "0", 1),
        "1".repeat(31),
    ]
}

#[test]
fn a_transaction_is_a_signature_of_64_bytes_in_base58() {
    let [_, (_, bare), _] = documents();
    for bytes in [[0; 64], [0xff; 64], [1; 64]] {
        let signature = TransactionSignature(bytes);
        let receipt = read(&with(&bare, &["transaction"], json!(signature.to_string()))).expect("a receipt");
        assert_eq!(receipt.transaction(), Some(signature));
        let refused = other_base58(&signature.to_string());
        let refused =
            refused.into_iter().chain([base58(&bytes[1..]), base58(&[&bytes[..], &[1]].concat()), "z".repeat(88)]);
        for text in refused {
            read(&with(&bare, &["transaction"], json!(text))).expect_err(&text);
        }
    }
    for value in [json!(1), json!([]), json!({})] {
        read(&with(&bare, &["transaction"], value)).expect_err("no text");
    }
}

fn base58(bytes: &[u8]) -> String {
    bs58::encode(bytes).into_string()
}
