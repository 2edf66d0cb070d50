//! A range as JSON lines.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};

use crate::index::{BIG, BIG_EVENTS, BIG_SIZE, EMPTY, Index};

async fn lines(index: &Index, path: &str) -> Vec<Value> {
    let response = index.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/x-ndjson".parse().unwrap())
    );
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(body.ends_with(b"\n"));
    body.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// The values under a name, in order.
fn all(lines: &[Value], name: &str) -> Vec<Value> {
    lines.iter().filter_map(|line| line.get(name).cloned()).collect()
}

#[tokio::test]
async fn an_export_is_the_pages_in_order_with_their_certificates_and_says_its_end() {
    let index = Index::open().await;
    for (log, name, size) in [("entries", "entry", BIG_SIZE), ("events", "event", BIG_EVENTS)] {
        let whole = lines(&index, &format!("/v1/ledgers/{BIG}/export?log={log}")).await;
        let page = index.ok(&format!("/v1/ledgers/{BIG}/{log}?limit=1000")).await;
        assert_eq!(Value::from(all(&whole, name)), page[log]);
        let certificates = all(&whole, "certificate");
        assert_eq!(certificates.len() as u64, size.div_ceil(256));
        let mut next = json!("0");
        for certificate in certificates {
            assert_eq!((&certificate["from"], &certificate["head"]), (&next, &page["certificate"]["head"]));
            next = certificate["to"].clone();
        }
        assert_eq!(next, json!(size.to_string()));
        assert_eq!(whole.last().unwrap(), &json!({ "end": { "first": "0", "next": size.to_string() } }));

        let part = lines(&index, &format!("/v1/ledgers/{BIG}/export?log={log}&first=7&end=90")).await;
        assert_eq!(Value::from(all(&part, name)), Value::from(page[log].as_array().unwrap()[7..90].to_vec()));
        assert_eq!(part.last().unwrap(), &json!({ "end": { "first": "7", "next": "90" } }));
        let beyond = lines(&index, &format!("/v1/ledgers/{BIG}/export?log={log}&first={size}&end=100000")).await;
        assert_eq!(beyond, [json!({ "end": { "first": size.to_string(), "next": size.to_string() } })]);
    }
    assert_eq!(lines(&index, &format!("/v1/ledgers/{EMPTY}/export?log=entries")).await.len(), 1);
}

#[tokio::test]
async fn an_export_that_comes_upon_a_changed_row_says_so_and_has_no_end() {
    let index = Index::open().await;
    index.tamper("update entry set payload = 'forged' where ledger = 1 and index = 600").await;
    let found = lines(&index, &format!("/v1/ledgers/{BIG}/export?log=entries")).await;
    assert_eq!((all(&found, "entry").len(), all(&found, "end").len()), (512, 0));
    let problem = &found.last().unwrap()["problem"];
    assert_eq!(problem["code"], "stored_data_corrupt");
    assert!(problem["detail"].as_str().unwrap().contains("entry 600"), "{problem}");
}

#[tokio::test]
async fn what_is_wrong_from_the_beginning_has_its_status() {
    let index = Index::open().await;
    for (query, status, code) in [
        ("", 400, "malformed_parameter"),
        ("?log=entries&first=5&end=5", 404, "size_out_of_range"),
        ("?log=entries&first=-1", 400, "malformed_parameter"),
        ("?log=entries&first=901", 404, "index_out_of_range"),
    ] {
        let (found, said, detail) = index.problem(&format!("/v1/ledgers/{BIG}/export{query}")).await;
        assert_eq!((found, said.as_str()), (status, code), "{query}: {detail}");
    }
}
