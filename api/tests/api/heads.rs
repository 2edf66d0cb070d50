//! Servers' answers, as they were kept.

use counterfoil_store::{Said, keep_evidence, load_ledger};
use serde_json::json;

use crate::index::{BIG, Index, NEW, UNKNOWN};

#[tokio::test]
async fn what_servers_said_is_told_with_the_one_that_does_not_agree() {
    let index = Index::open().await;
    let path = format!("/v1/ledgers/{BIG}/heads");
    let before = index.ok(&path).await;
    let agreed = &before["said"][0];
    assert_eq!((&before["agrees_since"], &agreed["since"]), (&agreed["since"], &agreed["observed_at"]));
    assert!(agreed["since"].is_string());

    let mut connection = index.pool.acquire().await.unwrap();
    let (mut head, slot) = load_ledger(&mut connection, BIG).await.unwrap().checked.unwrap();
    head.entries.root.0[0] ^= 1;
    let liar = Said { server: "https://liar.example".to_owned(), slot, head, agrees: false };
    keep_evidence(&mut connection, BIG, &[liar]).await.unwrap();
    let after = index.ok(&path).await;
    assert_eq!(after["agrees_since"], json!(null));
    assert_eq!(&after["said"][1], agreed, "by the server's name");
    let said = &after["said"][0];
    assert_eq!(
        (&said["server"], &said["agrees"], &said["since"]),
        (&json!("https://liar.example"), &json!(false), &json!(null))
    );
    assert_eq!(said["head"]["root"], head.entries.root.to_string());
    assert_eq!(said["event_head"], agreed["event_head"]);

    let fields = "agreesSince said { server agrees since observedAt slot head { size root } eventHead { size root } }";
    let data = index.graphql(&format!("{{ ledger(address: \"{BIG}\") {{ heads {{ {fields} }} }} }}")).await;
    let heads = &data["ledger"]["heads"];
    assert_eq!(heads["agreesSince"], after["agrees_since"]);
    for (told, rest) in heads["said"].as_array().unwrap().iter().zip(after["said"].as_array().unwrap()) {
        assert_eq!((&told["eventHead"], &told["observedAt"]), (&rest["event_head"], &rest["observed_at"]));
        for field in ["server", "agrees", "since", "slot", "head"] {
            assert_eq!(told[field], rest[field], "{field}");
        }
    }
}

#[tokio::test]
async fn of_a_ledger_that_was_never_compared_nothing_is_told() {
    let index = Index::open().await;
    assert_eq!(index.ok(&format!("/v1/ledgers/{NEW}/heads")).await, json!({ "agrees_since": null, "said": [] }));
    let (status, code, _) = index.problem(&format!("/v1/ledgers/{UNKNOWN}/heads")).await;
    assert_eq!((status, code.as_str()), (404, "unknown_ledger"));
}
