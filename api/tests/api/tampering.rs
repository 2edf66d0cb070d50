//! Changed rows: whatever they touch is refused, and the rest is served on.

use crate::index::{BIG, Index, SMALL};
use crate::oracle::{base64, hex};

/// A change by somebody who can write to the database, and what must come of it.
struct Case {
    sql: &'static str,
    /// Routes of the big ledger that must be refused, and what their detail must name.
    refused: &'static [(&'static str, &'static str)],
    /// Routes of the big ledger that must go on.
    served: &'static [&'static str],
}

const EVENTS: &str = "/events?limit=300";

/// The big ledger has number 1. Its entry 5 lies in a full tile, entry 880 in the partial one.
const CASES: &[Case] = &[
    Case {
        // One byte of an entry.
        sql: "update entry set payload = set_byte(payload, 0, get_byte(payload, 0) # 1) where ledger = 1 and index = 5",
        refused: &[
            ("/entries", "entry 5: its bytes hash to"),
            ("/entries?first=5&limit=1", "entry 5: its bytes hash to"),
            ("/entries/5", "entry 5: its bytes hash to"),
            ("/entries/5/receipt", "entry 5: its bytes hash to"),
        ],
        served: &[
            "",
            "/entries?first=6",
            "/entries/4",
            "/entries/6/receipt",
            "/inclusion?log=entries&index=5",
            "/consistency?log=entries&first=5",
            EVENTS,
        ],
    },
    Case {
        // A leaf hash in the middle.
        sql: "update entry set leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1) where ledger = 1 and index = 5",
        refused: &[
            ("/entries?limit=6", "entry 5: its bytes hash to"),
            ("/entries/5", "entry 5: its bytes hash to"),
            ("/entries/5/receipt", "entry 5: its bytes hash to"),
        ],
        served: &[
            "",
            "/entries?limit=5",
            "/entries/6",
            "/entries/899/receipt",
            "/inclusion?log=entries&index=5",
            "/consistency?log=entries&first=5",
        ],
    },
    Case {
        // A leaf hash in the partial tile, which the right edge is made of.
        sql: "update entry set leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1) where ledger = 1 and index = 880",
        refused: &[
            ("", "its entries: the stored hashes lead to root"),
            ("/entries/880", "entry 880: its bytes hash to"),
            ("/entries/879", "its entries: the stored hashes lead to root"),
            ("/entries/5", "its entries: the stored hashes lead to root"),
            ("/entries?first=770&limit=5", "its entries: the stored hashes lead to root"),
            ("/inclusion?log=entries&index=5", "its entries: the stored hashes lead to root"),
            ("/consistency?log=entries&first=5", "its entries: the stored hashes lead to root"),
        ],
        served: &[EVENTS, "/inclusion?log=events&index=5", "/consistency?log=events&first=5"],
    },
    Case {
        // An entry with its leaf hash, as by somebody who knows how it is computed.
        sql: "update entry set payload = 'forged', leaf_hash = sha256('\\x00'::bytea || 'forged'::bytea)
              where ledger = 1 and index = 5",
        refused: &[
            ("/entries", "entry 5: its leaf hash is"),
            ("/entries/5", "entry 5: its leaf hash is"),
            ("/entries/5/receipt", "entry 5: its leaf hash is"),
        ],
        served: &["", "/entries?first=6", "/entries/6/receipt", "/inclusion?log=entries&index=5&size=6"],
    },
    Case {
        // A row deleted in the middle.
        sql: "delete from entry where ledger = 1 and index = 300",
        refused: &[
            ("/entries?first=299", "entry 300: its row is missing"),
            ("/entries?first=300&limit=1", "entry 300: its row is missing"),
            ("/entries/300", "entry 300: its row is missing"),
            ("/entries/300/receipt", "entry 300: its row is missing"),
        ],
        served: &["", "/entries?first=301", "/entries/299", "/entries/301/receipt", "/inclusion?log=entries&index=300"],
    },
    Case {
        // The last checked row deleted; one that is applied only follows.
        sql: "delete from entry where ledger = 1 and index = 899",
        refused: &[
            ("", "table tile, ledger LEDGER, Entries, tile 0/3: tile 0/3 holds 132 hashes, not 131"),
            ("/entries?first=890", "entry 899: its row is missing"),
            ("/entries/899", "entry 899: its row is missing"),
            ("/entries/5", "tile 0/3"),
        ],
        served: &[EVENTS],
    },
    Case {
        // Two rows swapped.
        sql: "update entry set payload = other.payload, leaf_hash = other.leaf_hash, event_seq = other.event_seq
              from entry as other where entry.ledger = 1 and other.ledger = 1
              and entry.index in (5, 7) and other.index = 12 - entry.index",
        refused: &[
            ("/entries?limit=6", "entry 5: event"),
            ("/entries/5", "entry 5: event"),
            ("/entries/7", "entry 7: event"),
            ("/entries/7/receipt", "entry 7: event"),
        ],
        served: &["", "/entries?first=8", "/entries/6"],
    },
    Case {
        // Two rows of one event swapped.
        sql: "update entry set payload = other.payload, leaf_hash = other.leaf_hash
              from entry as other where entry.ledger = 1 and other.ledger = 1
              and entry.index in (6, 7) and other.index = 13 - entry.index",
        refused: &[
            ("/entries", "entry 6: its leaf hash is"),
            ("/entries/6", "entry 6: its leaf hash is"),
            ("/entries/7/receipt", "entry 7: its leaf hash is"),
        ],
        served: &["", "/entries?first=8", "/entries/5"],
    },
    Case {
        // One byte of a tile: of leaf 5's hash.
        sql: "update tile set hashes = set_byte(hashes, 160, get_byte(hashes, 160) # 1)
              where ledger = 1 and log = 0 and level = 0 and index = 0",
        refused: &[
            ("/entries", "its entries: the hashes of tile 0/0 lead to"),
            ("/entries?limit=5", "its entries: the hashes of tile 0/0 lead to"),
            ("/entries/4", "its entries: the hashes of tile 0/0 lead to"),
            ("/inclusion?log=entries&index=9&size=10", "its entries: the hashes of tile 0/0 lead to"),
            ("/consistency?log=entries&first=9", "its entries: the hashes of tile 0/0 lead to"),
        ],
        served: &["/entries?first=256", "/entries/300/receipt", "/consistency?log=entries&first=300", EVENTS],
    },
    Case {
        // A tile's root, which the higher tiles are made of.
        sql: "update tile set root = set_byte(root, 0, get_byte(root, 0) # 1)
              where ledger = 1 and log = 0 and level = 0 and index = 1",
        refused: &[
            ("", "its entries: the stored hashes lead to root"),
            ("/entries/5", "its entries: the stored hashes lead to root"),
            ("/entries?first=800", "its entries: the stored hashes lead to root"),
        ],
        served: &[EVENTS],
    },
    Case {
        // A tile deleted.
        sql: "delete from tile where ledger = 1 and log = 0 and level = 0 and index = 1",
        refused: &[
            ("/entries/256", "tile 1/0 holds 3 hashes, not 2"),
            ("/entries?first=200", "tile 1/0 holds 3 hashes, not 2"),
            ("", "table tile, ledger LEDGER, Entries, tile 1/0: tile 1/0 holds 3 hashes, not 2"),
        ],
        served: &[EVENTS],
    },
    Case {
        // One byte of an event: of its signer.
        sql: "update event set leaf = set_byte(leaf, 70, get_byte(leaf, 70) # 1) where ledger = 1 and seq = 4",
        refused: &[
            ("/events", "event 4: its bytes hash to"),
            ("/entries", "event 4: its bytes hash to"),
            ("/entries/3", "event 4: its bytes hash to"),
            ("/entries/5/receipt", "event 4: its bytes hash to"),
        ],
        served: &["", "/events?first=5", "/entries/0", "/entries/6", "/inclusion?log=events&index=4"],
    },
    Case {
        // An event with its leaf hash.
        sql: "update event set leaf = set_byte(leaf, 70, get_byte(leaf, 70) # 1),
              leaf_hash = sha256('\\x00'::bytea || set_byte(leaf, 70, get_byte(leaf, 70) # 1))
              where ledger = 1 and seq = 4",
        refused: &[
            ("/events", "event 4: its leaf hash is"),
            ("/entries", "event 4: its leaf hash is"),
            ("/entries/3", "event 4: its leaf hash is"),
            ("/entries/5/receipt", "event 4: its leaf hash is"),
        ],
        served: &["", "/events?first=5", "/entries/0", "/entries/6/receipt"],
    },
    Case {
        // An event in the place of another.
        sql: "update event set leaf = other.leaf, leaf_hash = other.leaf_hash, signature = other.signature
              from event as other where event.ledger = 1 and event.seq = 4 and other.ledger = 1 and other.seq = 9",
        refused: &[
            ("/events", "event 4: the stored event says that it is number 9 of ledger LEDGER"),
            ("/entries/4", "event 4: the stored event says that it is number 9"),
        ],
        served: &["", "/events?first=9&limit=1", "/entries/0"],
    },
    Case {
        // An event cut short.
        sql: "update event set leaf = leaf || 'x'::bytea where ledger = 1 and seq = 4",
        refused: &[
            ("/events", "table event, ledger LEDGER, event 4: 1 bytes follow the event"),
            ("/entries/4", "event 4"),
        ],
        served: &["/events?first=5", "/entries/0"],
    },
    Case {
        // An event deleted, with its entries.
        sql: "with gone as (delete from entry where ledger = 1 and event_seq = 4)
              delete from event where ledger = 1 and seq = 4",
        refused: &[
            ("/events", "table event, ledger LEDGER, 4: the row is missing"),
            ("/entries", "entry 3: its row is missing"),
        ],
        served: &["", "/events?first=5", "/entries/0"],
    },
    Case {
        // An entry said to be of an event that is not checked.
        sql: "update entry set event_seq = 303 where ledger = 1 and index = 5",
        refused: &[("/entries/5", "entry 5: it names event 303, but 302 events are checked")],
        served: &["", "/entries/6"],
    },
    Case {
        // Another checked root.
        sql: "update cursor set checked_root = set_byte(checked_root, 0, get_byte(checked_root, 0) # 1) where ledger = 1",
        refused: &[
            ("", "its entries: the stored hashes lead to root"),
            ("/entries", "its entries: the stored hashes lead to root"),
            ("/entries/899/receipt", "its entries: the stored hashes lead to root"),
            ("/inclusion?log=entries&index=5&size=9", "its entries: the stored hashes lead to root"),
            ("/consistency?log=entries&first=5", "its entries: the stored hashes lead to root"),
        ],
        served: &["/inclusion?log=events&index=5", "/consistency?log=events&first=5"],
    },
    Case {
        // A smaller checked size, with the root of the larger.
        sql: "update cursor set checked_size = 899 where ledger = 1",
        refused: &[
            ("", "its entries: the stored hashes lead to root"),
            ("/entries/0", "its entries: the stored hashes lead to root"),
        ],
        served: &["/consistency?log=events&first=5"],
    },
    Case {
        // Which cluster the rows are of.
        sql: "delete from cluster",
        refused: &[("/entries/5/receipt", "entry 5: the row of table cluster is missing")],
        served: &["", "/entries/5"],
    },
];

#[tokio::test]
async fn changed_rows_are_refused_and_the_rest_is_served_on() {
    let all =
        CASES.iter().flat_map(|case| case.refused.iter().map(|(route, _)| *route).chain(case.served.iter().copied()));
    let untouched = Index::open().await;
    for route in std::collections::BTreeSet::from_iter(all) {
        untouched.ok(&format!("/v1/ledgers/{BIG}{route}")).await;
    }
    for case in CASES {
        let index = Index::open().await;
        index.tamper(case.sql).await;
        for (route, named) in case.refused {
            let (status, code, detail) = index.problem(&format!("/v1/ledgers/{BIG}{route}")).await;
            assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"), "{}\n{route}: {detail}", case.sql);
            let named = named.replace("LEDGER", &BIG.to_string());
            assert!(detail.contains(&named), "{}\n{route}: {detail}\nmust name: {named}", case.sql);
            assert!(detail.contains(&BIG.to_string()) && detail.contains("run `counterfoil audit"), "{detail}");
        }
        for route in case.served {
            let path = format!("/v1/ledgers/{BIG}{route}");
            assert!(index.ok(&path).await == untouched.ok(&path).await, "{}\n{path}", case.sql);
        }
        index.ok(&format!("/v1/ledgers/{SMALL}/entries")).await;
    }
}

#[tokio::test]
async fn graphql_refuses_the_same() {
    let index = Index::open().await;
    index.tamper("update entry set payload = 'forged' where ledger = 1 and index = 5").await;
    let ledger = format!("ledger(address: \"{BIG}\")");
    for query in [
        format!("{{ {ledger} {{ entries(first: 10) {{ edges {{ node {{ index }} }} }} }} }}"),
        format!("{{ {ledger} {{ entry(index: \"5\") {{ index }} }} }}"),
        format!("{{ node(id: \"entry:{BIG}:5\") {{ id }} }}"),
    ] {
        let response = index.graphql_response(&query).await;
        let data = response["data"].to_string();
        assert!(["null", "{\"ledger\":null}"].contains(&data.as_str()), "{response}");
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, "stored_data_corrupt");
        assert!(message.contains("entry 5: its bytes hash to"), "{message}");
    }
    index.graphql(&format!("{{ {ledger} {{ entries(first: 5) {{ edges {{ node {{ index proof }} }} }} }} }}")).await;
}

#[tokio::test]
async fn a_page_is_refused_when_an_entry_was_moved_to_another_ledger() {
    let index = Index::open().await;
    let other = index.shared.small.payloads[0].clone();
    assert_eq!(other, index.shared.big.payloads[0], "equal entries hash alike, whatever ledger they are in");
    index
        .tamper(
            "update event set leaf = other.leaf, leaf_hash = other.leaf_hash from event as other
        where event.ledger = 1 and event.seq = 2 and other.ledger = 2 and other.seq = 1",
        )
        .await;
    let (_, code, detail) = index.problem(&format!("/v1/ledgers/{BIG}/entries/0")).await;
    assert_eq!(code, "stored_data_corrupt");
    assert!(!detail.contains(&base64(&other)) && !detail.contains(&hex(&other)), "no payloads in problems: {detail}");
}
