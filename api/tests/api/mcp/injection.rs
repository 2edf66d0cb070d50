//! Entries that speak to an agent: nothing of them stands outside of `data_untrusted`.

use counterfoil_core::{EventBody, LedgerId};
use serde_json::{Value, json};

use super::corpus::payloads;
use super::{call, ok, refusal};
use crate::history::{History, WRITER};
use crate::index::{BIG, Index};

const HOSTILE: LedgerId = LedgerId([0x51; 32]);
const HARMLESS: LedgerId = LedgerId([0x52; 32]);

/// A ledger with these entries, 20 by each event.
async fn fill(index: &Index, ledger: LedgerId, payloads: &[Vec<u8>]) {
    let mut history = History::create(ledger);
    history.grant();
    for entries in payloads.chunks(20) {
        history.emit(WRITER, EventBody::EntriesAppended { entries: entries.to_vec() });
    }
    history.check(&index.pool).await;
}

/// An answer without records' bytes, and with what must differ between two ledgers of the same shape left out: hashes and names.
fn skeleton(answer: &Value, ledger: LedgerId) -> Value {
    match answer {
        Value::String(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => json!("HASH"),
        Value::String(text)
            if (80..=90).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            json!("SIGNATURE")
        }
        Value::String(text) => json!(text.replace(&ledger.to_string(), "LEDGER")),
        Value::Array(values) => values.iter().map(|value| skeleton(value, ledger)).collect(),
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| *name != "data_untrusted" && *name != "next");
            members
                .map(|(name, value)| (name.clone(), skeleton(value, ledger)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

/// All texts of an answer, with whether each stands in `data_untrusted`.
fn texts<'a>(value: &'a Value, is_data: bool, found: &mut Vec<(&'a str, bool)>) {
    match value {
        Value::String(text) => found.push((text, is_data)),
        Value::Array(values) => values.iter().for_each(|value| texts(value, is_data, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.push((name, false));
            texts(value, is_data || name == "data_untrusted", found);
        }),
        _ => {}
    }
}

fn expect_nothing_hidden(answer: &Value) {
    let mut found = Vec::new();
    texts(answer, false, &mut found);
    for (text, is_data) in found {
        let plain = |letter: char| letter.is_ascii_graphic() || letter == ' ';
        let hidden = |letter: char| {
            letter.is_control()
                || matches!(u32::from(letter), 0x80..=0x9f | 0xad | 0x200b..=0x200f | 0x2028..=0x202f | 0x2060..=0x206f
                    | 0xfe00..=0xfe0f | 0xfeff | 0xe0000..=0xe0fff)
        };
        assert!(if is_data { !text.chars().any(hidden) } else { text.chars().all(plain) }, "{text:?}");
        assert!(!is_data || !text.contains(['<', '`']) && !text.contains("]("), "{text:?}");
    }
}

#[tokio::test]
async fn nothing_of_a_record_stands_outside_of_its_field_and_the_field_is_reversible() {
    let index = Index::open().await;
    let hostile = payloads();
    // As long, and silent.
    let harmless: Vec<Vec<u8>> = hostile.iter().map(|payload| vec![b'x'; payload.len()]).collect();
    fill(&index, HOSTILE, &hostile).await;
    fill(&index, HARMLESS, &harmless).await;

    for (at, payload) in hostile.iter().enumerate() {
        let one = |ledger: LedgerId, include_data: bool| {
            let (ledger, next) = (ledger.to_string(), (at + 1).to_string());
            let index = at.to_string();
            [
                ("get_entries", json!({ "ledger": ledger, "first": index, "limit": 1, "include_data": include_data })),
                (
                    "find_entries",
                    json!({ "ledger": ledger, "from_index": index, "to_index": next, "include_data": include_data }),
                ),
                ("get_receipt", json!({ "ledger": ledger, "index": index, "include_data": include_data })),
                ("verify_receipt", json!({ "ledger": ledger, "index": index })),
            ]
        };
        for include_data in [false, true] {
            for ((tool, of_hostile), (_, of_harmless)) in
                one(HOSTILE, include_data).into_iter().zip(one(HARMLESS, include_data))
            {
                let answer = ok(&index, tool, of_hostile).await;
                expect_nothing_hidden(&answer);
                let rows: Vec<&Value> = match answer["entries"].as_array() {
                    Some(rows) => rows.iter().collect(),
                    None => vec![&answer],
                };
                let data = rows[0].get("data_untrusted").map(|data| data.as_str().unwrap());
                assert_eq!(
                    data.is_some(),
                    include_data && tool != "verify_receipt" && !is_withheld(rows[0]),
                    "{tool} {at}"
                );
                if let Some(data) = data {
                    let bytes = counterfoil_mcp::unescape(data).unwrap();
                    match tool {
                        "get_receipt" => {
                            let receipt: counterfoil_core::receipt::Receipt = serde_json::from_slice(&bytes).unwrap();
                            assert_eq!(&receipt.entry.payload, payload);
                        }
                        _ => assert_eq!(&bytes, payload, "{tool} {at}"),
                    }
                }
                // All else equals the answer about a silent record of its length. Escaped, one may be too long.
                if !is_withheld(rows[0]) {
                    let twin = ok(&index, tool, of_harmless).await;
                    assert_eq!(skeleton(&answer, HOSTILE), skeleton(&twin, HARMLESS), "{tool} {at}");
                }
            }
        }
    }
}

fn is_withheld(row: &Value) -> bool {
    row.get("data_withheld").is_some()
}

#[tokio::test]
async fn pages_and_lists_of_such_records_keep_to_their_budget() {
    let index = Index::open().await;
    let hostile = payloads();
    fill(&index, HOSTILE, &hostile).await;
    let ledger = HOSTILE.to_string();
    for tool in ["get_entries", "find_entries"] {
        let (mut arguments, mut seen) = (json!({ "ledger": ledger, "include_data": true }), 0);
        loop {
            let page = ok(&index, tool, arguments.clone()).await;
            expect_nothing_hidden(&page);
            for row in page["entries"].as_array().unwrap() {
                assert_eq!(row["index"], seen.to_string());
                let data = row["data_untrusted"].as_str().map(|data| counterfoil_mcp::unescape(data).unwrap());
                assert!(data.map_or_else(|| is_withheld(row), |data| data == hostile[seen]), "{row}");
                seen += 1;
            }
            if page["next"].is_null() {
                break;
            }
            arguments[if tool == "get_entries" { "first" } else { "after" }] = page["next"].clone();
        }
        assert_eq!(seen, hostile.len(), "{tool}");
    }
    for (tool, arguments) in [
        ("list_ledgers", json!({})),
        ("describe_ledger", json!({ "ledger": ledger })),
        ("standing", json!({ "ledger": ledger })),
        ("activity", json!({ "ledger": ledger })),
    ] {
        expect_nothing_hidden(&ok(&index, tool, arguments).await);
    }
}

#[tokio::test]
async fn arguments_come_back_in_no_answer_but_escaped() {
    let index = Index::open().await;
    let ledger = BIG.to_string();
    for text in
        ["\u{e0041}\u{e0042}", "\u{1f3f4}\u{e0067}", "\u{1b}[31m", "\u{9b}0m", "\u{202e}x", "a\u{2061}\u{fe0f}b\u{0}"]
    {
        for (tool, arguments) in [
            ("describe_ledger", json!({ "ledger": text })),
            ("describe_ledger", json!({ "ledger": ledger, text: 1 })),
            ("find_entries", json!({ "ledger": ledger, "signer": text })),
            ("find_entries", json!({ "ledger": ledger, "order": text })),
            ("find_entries", json!({ "ledger": ledger, "after": text })),
            ("find_entries", json!({ "ledger": ledger, "where": { text: 1 } })),
            ("find_entries", json!({ "ledger": ledger, "where": text })),
            ("find_entries", json!({ "ledger": ledger, "payload_prefix": text })),
            ("standing", json!({ "ledger": ledger, "time": text })),
            ("activity", json!({ "ledger": ledger, "from_time": text })),
            ("verify_receipt", json!({ "receipt": text })),
            ("verify_receipt", json!({ "receipt": { text: text } })),
        ] {
            refusal(&index, tool, arguments.clone()).await;
            expect_nothing_hidden(&call(&index, tool, arguments).await["structuredContent"]);
        }
    }
}
