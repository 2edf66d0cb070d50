//! The promises that all implementations read, `docs/vectors/promise.json`: true ones, altered ones, and whether they were
//! kept. Expected is what is written here, not what this crate answers.

use counterfoil_core::LedgerId;
use counterfoil_statement::{Promise, PromiseError, SigningKey};
use merkle_log::MAX_TREE_SIZE;
use serde_json::{Value, json};

use super::judge::{Shown, cases};
use super::promise::{pinned, read};
use super::sample::{DEADLINE, gateway, promise, record, with};
use super::vectors::{expect_committed, hex};

/// The reason why a promise is refused; none where it is believed.
pub fn refused(promise: Result<Promise, serde_json::Error>) -> &'static str {
    let Ok(promise) = promise else { return "unreadable" };
    match promise.verify(&[pinned()]) {
        Ok(_) => "believed",
        Err(PromiseError::NotSigned { .. }) => "not_signed",
        Err(PromiseError::OtherKey { .. }) => "other_key",
        Err(PromiseError::NoRecords) => "no_records",
        Err(PromiseError::NoCopies) => "no_copies",
        Err(PromiseError::OutOfRange(_)) => "out_of_range",
        Err(PromiseError::Record(_)) => "record",
    }
}

/// Members of a promise, their values instead, what it is refused for then.
type Alteration = (Vec<&'static str>, Value, &'static str);

fn alterations(document: &Value) -> Vec<Alteration> {
    let other_key = json!(LedgerId([7; 32]).to_string());
    let forger = SigningKey::from_bytes(&[0xbd; 32]);
    let forged = serde_json::to_value(Promise::sign(promise(3, None).body, &forger)).expect("JSON");
    let beyond = (MAX_TREE_SIZE + 1).to_string();
    let mut all: Vec<Alteration> = vec![
        (vec![], json!([]), "unreadable"),
        (vec![], forged.clone(), "other_key"),
        (vec!["genesis_hash"], other_key.clone(), "not_signed"),
        (vec!["program"], other_key.clone(), "not_signed"),
        (vec!["ledger"], other_key.clone(), "not_signed"),
        (vec!["from"], json!("9"), "not_signed"),
        (vec!["from"], json!(beyond), "out_of_range"),
        (vec!["deadline"], json!((DEADLINE + 1).to_string()), "not_signed"),
        (vec!["deadline"], json!("-1"), "not_signed"),
        (vec!["records", "count"], json!("4"), "not_signed"),
        (vec!["records", "count"], json!("0"), "no_records"),
        (vec!["records", "count"], json!(beyond), "out_of_range"),
        (vec!["records", "root"], json!("00".repeat(32)), "not_signed"),
        (vec!["copies"], json!("3"), "not_signed"),
        (vec!["copies"], json!("0"), "no_copies"),
        (vec!["key"], other_key, "not_signed"),
        (vec!["key"], forged["key"].clone(), "not_signed"),
        (vec!["signature"], forged["signature"].clone(), "not_signed"),
        (vec!["record", "index"], json!("0"), "record"),
        (vec!["record", "index"], json!("3"), "record"),
        (vec!["record", "index"], json!(u64::MAX.to_string()), "out_of_range"),
        (vec!["record", "id"], json!(record(3).id.to_string()), "record"),
        (vec!["record", "commitment"], json!("00".repeat(32)), "record"),
        (vec!["record", "proof"], json!([]), "record"),
        (vec!["record", "proof", "0"], json!("00".repeat(32)), "record"),
        (vec!["record", "proof", "1"], json!("00".repeat(32)), "record"),
    ];
    let unreadable: [(&[&'static str], Value); 27] = [
        (&["note"], json!("")),
        (&["records", "note"], json!("")),
        (&["record", "note"], json!("")),
        (&["record"], json!(null)),
        (&["record"], json!([])),
        (&["record"], json!({})),
        (&["record", "proof"], json!("")),
        (&["record", "id"], json!(record(2).id.to_string().to_uppercase())),
        (&["record", "id"], json!(record(2).id.to_string().replace('-', ""))),
        (&["record", "id"], json!(record(2).id.to_string().replace("-7", "-4"))),
        (&["record", "commitment"], json!("AA".repeat(32))),
        (&["records"], json!(["3", "00"])),
        (&["format"], json!("counterfoil promise v2")),
        (&["from"], json!(8)),
        (&["from"], json!("08")),
        (&["from"], json!("+8")),
        (&["from"], json!(" 8")),
        (&["from"], json!("18446744073709551616")),
        (&["deadline"], json!("-0")),
        (&["deadline"], json!("9223372036854775808")),
        (&["deadline"], json!(DEADLINE)),
        (&["copies"], json!(2)),
        (&["copies"], json!("02")),
        (&["copies"], json!("4294967296")),
        (&["copies"], json!("-1")),
        (&["copies"], json!(true)),
        (&["signature"], document["key"].clone()),
    ];
    all.extend(unreadable.map(|(path, value)| (path.to_vec(), value, "unreadable")));
    for name in ["genesis_hash", "program", "ledger", "key", "signature"] {
        all.push((vec![name], json!(format!("1{}", document[name].as_str().expect("a text"))), "unreadable"));
        all.push((vec![name], json!("0OIl"), "unreadable"));
    }
    all
}

fn unreadable(document: &Value) -> Vec<String> {
    let text = document.to_string();
    let members = document.as_object().expect("an object");
    let doubled = members.iter().map(|(name, value)| text.replacen('{', &format!("{{\"{name}\":{value},"), 1));
    let missing = members.keys().filter(|name| *name != "record").map(|name| {
        let mut without = members.clone();
        without.remove(name);
        Value::Object(without).to_string()
    });
    let null = members.keys().map(|name| with(document, &[name], json!(null)).to_string());
    let others = [
        text.replace("\"copies\":\"2\"", "\"copies\":2e0"),
        text.replace("\"copies\":\"2\"", "\"copies\":\"+2\""),
        text.replace("\"copies\":\"2\"", "\"copies\":\"2\",\"copies\":\"2\""),
        text.replace("\"index\":\"1\"", "\"index\":\"1\",\"index\":\"1\""),
        text.clone() + "{}",
        text[..text.len() - 1].to_owned(),
        String::new(),
    ];
    doubled.chain(missing).chain(null).chain(others).collect()
}

#[test]
fn of_promises() {
    let all = [promise(3, Some(1)), promise(3, None), promise(1, Some(0)), promise(40, Some(37))];
    let documents: Vec<Value> = all.iter().map(|promise| serde_json::to_value(promise).expect("JSON")).collect();
    let promises = all.iter().zip(&documents).map(|(promise, document)| {
        assert_eq!(refused(read(document)), "believed");
        json!({ "promise": document, "signed": hex(&promise.body.signing_bytes()) })
    });
    let promises: Vec<Value> = promises.collect();
    let altered = alterations(&documents[0]).into_iter().map(|(path, value, expected)| {
        assert_eq!(refused(read(&with(&documents[0], &path, value.clone()))), expected, "{path:?} {value}");
        json!({ "of": 0, "path": path, "value": value, "refused": expected })
    });
    let altered: Vec<Value> = altered.collect();
    let unreadable = unreadable(&documents[0]);
    for text in &unreadable {
        assert_eq!(refused(serde_json::from_str(text)), "unreadable", "{text}");
    }
    let verdicts = cases().into_iter().map(|(name, promise, shown, time, verdict, _)| {
        let (receipt, evidence) = match shown {
            Shown::Nothing => (Value::Null, Value::Null),
            Shown::Receipt(receipt) => (json!(receipt), Value::Null),
            Shown::Evidence(header, lines) => {
                let lines = lines.iter().map(|line| json!(line));
                (Value::Null, [json!(header)].into_iter().chain(lines).collect())
            }
        };
        json!({
            "name": name, "promise": promise, "receipt": receipt, "evidence": evidence,
            "time": time.map(|time| time.to_string()), "verdict": verdict,
        })
    });
    let verdicts: Vec<Value> = verdicts.collect();
    let vectors = json!({
        "pinned": pinned().to_string(),
        "gateway_secret": hex(gateway().as_bytes()),
        "promises": promises,
        "alterations": altered,
        "unreadable": unreadable,
        "verdicts": verdicts,
    });
    expect_committed("promise", &vectors);
}
