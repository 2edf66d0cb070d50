//! A ledger as it was, against a model that replays its events.

use counterfoil_core::{EventBody, LedgerId, Wallet};
use serde_json::{Value, json};

use crate::history::{CREATOR, FIRST_SLOT, FIRST_TIME, History, WRITER};
use crate::index::Index;
use crate::oracle::{assert_included, head, tree};

const CHANGED: LedgerId = LedgerId([8; 32]);
const HEIR: Wallet = Wallet([0xb2; 32]);

/// Grants, appends, a revocation, an authority that passes on, and a seal.
async fn open(index: &Index) -> History {
    let mut history = History::create(CHANGED);
    history.pace = 10;
    let grant = |wallet, permissions, expires_at| EventBody::WriterGranted { wallet, permissions, expires_at };
    history.grant();
    history.append(4);
    history.emit(CREATOR, grant(HEIR, 3, FIRST_TIME + 1_000));
    history.append_as(HEIR, 300);
    history.emit(CREATOR, EventBody::WriterRevoked { wallet: WRITER });
    history.emit(CREATOR, EventBody::AuthorityProposed { pending_authority: Wallet([0; 32]) });
    history.emit(CREATOR, EventBody::AuthorityProposed { pending_authority: HEIR });
    history.emit(HEIR, EventBody::AuthorityAccepted { previous_authority: CREATOR });
    history.emit(HEIR, grant(WRITER, 1, i64::MAX));
    history.append(2);
    history.emit(HEIR, EventBody::LedgerSealed);
    history.check(&index.pool).await;
    history
}

const FIELDS: &str = "head { size root } eventHead { size root } eventSeq authority pendingAuthority
    last { seq } next { seq } sealed { seq } administrative { seq leaf proof eventHead { size root } }
    writers { wallet mayAppend mayAppendSubtrees expiresAt granted { seq } revoked { seq } }";

async fn standing(index: &Index, arguments: &str) -> Value {
    let query = format!("{{ ledger(address: \"{CHANGED}\") {{ standing{arguments} {{ {FIELDS} }} }} }}");
    index.graphql(&query).await["ledger"]["standing"].take()
}

/// The ledger after the first events, by another way than the service's: each rule is looked up from the end.
fn expected(history: &History, count: usize, size: u64) -> Value {
    let events = &history.events[..count];
    let seq = |at: usize| json!({ "seq": at.to_string() });
    let find = |wanted: &dyn Fn(&EventBody) -> bool| events.iter().rposition(|(_, event)| wanted(&event.body));
    let accepted = find(&|body| matches!(body, EventBody::AuthorityAccepted { .. }));
    let offer = find(&|body| matches!(body, EventBody::AuthorityProposed { .. })).filter(|at| Some(*at) > accepted);
    let offered = offer.and_then(|at| match events[at].1.body {
        EventBody::AuthorityProposed { pending_authority } => Some(pending_authority),
        _ => None,
    });
    let mut writers = Vec::new();
    for (at, (_, event)) in events.iter().enumerate() {
        let EventBody::WriterGranted { wallet, permissions, expires_at } = event.body else { continue };
        let again = find(&|body| matches!(body, EventBody::WriterGranted { wallet: other, .. } if *other == wallet));
        if again != Some(at) {
            continue;
        }
        let revoked = find(&|body| *body == EventBody::WriterRevoked { wallet }).filter(|revoked| *revoked > at);
        writers.push(json!({
            "wallet": wallet.to_string(),
            "mayAppend": permissions % 2 == 1,
            "mayAppendSubtrees": permissions >= 2,
            "expiresAt": jiff::Timestamp::from_second(expires_at).ok().map(|time| time.to_string()),
            "granted": seq(at),
            "revoked": revoked.map(seq),
        }));
    }
    let leaves: Vec<Vec<u8>> = history.events.iter().map(|(leaf, _)| leaf.clone()).collect();
    json!({
        "head": head(&tree(&history.payloads, size)),
        "eventHead": head(&tree(&leaves, count as u64)),
        "eventSeq": count.to_string(),
        "authority": (count > 0).then(|| events[accepted.unwrap_or(0)].1.header.signer.to_string()),
        "pendingAuthority": offered.filter(|wallet| wallet.0 != [0; 32]).map(|wallet| wallet.to_string()),
        "last": count.checked_sub(1).map(seq),
        "next": (count < history.events.len()).then(|| seq(count)),
        "sealed": find(&|body| *body == EventBody::LedgerSealed).map(seq),
        "writers": writers,
    })
}

#[tokio::test]
async fn a_ledger_is_as_it_was_at_every_event_by_slot_by_time_and_by_size() {
    let index = Index::open().await;
    let history = open(&index).await;
    let leaves = history.events.len();
    for count in 0..=leaves {
        let at = FIRST_TIME + 10 * count as i64 - 1;
        let time = jiff::Timestamp::from_second(at).unwrap();
        let size = count.checked_sub(1).map_or(0, |last| history.events[last].1.header.size.get());
        let mut ways = vec![format!("(time: \"{time}\")"), format!("(slot: \"{}\")", FIRST_SLOT + count as u64 - 1)];
        // The same size with later events is theirs.
        if history.events.get(count).is_none_or(|(_, next)| next.header.size.get() > size) {
            ways.push(format!("(size: \"{size}\")"));
        }
        if count == leaves {
            ways.extend([String::new(), format!("(slot: \"{}\")", u64::MAX)]);
        }
        for way in ways {
            let mut found = standing(&index, &way).await;
            for event in found["administrative"].take().as_array().unwrap() {
                let seq: usize = event["seq"].as_str().unwrap().parse().unwrap();
                assert!(seq < count && history.events[seq].1.header.count == 0);
                assert_included(&event["eventHead"], seq as u64, &history.events[seq].0, &event["proof"]);
            }
            found.as_object_mut().unwrap().remove("administrative");
            assert_eq!(found, expected(&history, count, size), "{way}");
        }
    }
    // The append of 300 entries came in slot 4: no further than each.
    let slot = FIRST_SLOT + 3;
    let both = standing(&index, &format!("(size: \"77\", slot: \"{slot}\")")).await;
    assert_eq!((&both["head"], &both["eventSeq"]), (&head(&tree(&history.payloads, 4)), &json!("4")));
    let cut = standing(&index, "(size: \"77\")").await;
    assert_eq!((&cut["head"], &cut["eventSeq"]), (&head(&tree(&history.payloads, 77)), &json!("4")));
}

#[tokio::test]
async fn moments_that_never_were_are_refused() {
    let index = Index::open().await;
    open(&index).await;
    for (arguments, expected) in [
        ("(size: \"307\")", "size_out_of_range"),
        ("(size: \"18446744073709551615\")", "size_out_of_range"),
        ("(time: \"soon\")", "malformed_parameter"),
    ] {
        let query = format!("{{ ledger(address: \"{CHANGED}\") {{ standing{arguments} {{ eventSeq }} }} }}");
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, expected, "{arguments}: {message}");
    }
}
