//! The vectors that all implementations read, `docs/vectors/program.json`: events and accounts.

use counterfoil_core::{Event, LedgerAccount};
use serde_json::Value;

fn steps() -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../../docs/vectors/program.json")).expect("JSON");
    all["steps"].as_array().expect("a list").clone()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("hex");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

#[test]
fn events_are_read_as_the_shared_ones_say() {
    let mut names = Vec::new();
    for step in steps().iter().filter(|step| !step["event"].is_null()) {
        let shared = &step["event"];
        let event = Event::decode(&bytes(&shared["data"])[8..]).expect("an event");
        assert_eq!(event.leaf_bytes(), bytes(&shared["leaf"]));
        assert_eq!(event.leaf_hash().to_string(), shared["leaf_hash"]);
        let header = &event.header;
        let fields = [
            ("ledger", header.ledger.to_string()),
            ("event_seq", header.event_seq.to_string()),
            ("slot", header.slot.to_string()),
            ("unix_time", header.unix_time.to_string()),
            ("signer", header.signer.to_string()),
            ("first_index", header.first_index.to_string()),
            ("count", header.count.to_string()),
            ("size", header.size.to_string()),
            ("root", header.root.to_string()),
        ];
        assert_eq!(shared["header"].as_object().expect("fields").len(), fields.len());
        for (name, value) in fields {
            assert_eq!(shared["header"][name], value, "{name}");
        }
        names.push(event.body.name());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 9, "one of each kind: {names:?}");
}

#[test]
fn accounts_are_read_as_the_shared_ones_say() {
    for step in steps().iter().filter(|step| !step["account"].is_null()) {
        let account = LedgerAccount::decode(&bytes(&step["account"]["data"])).expect("a ledger");
        let shared = &step["account"]["fields"];
        assert_eq!(shared["flags"], account.flags);
        assert_eq!(
            shared["pending_authority"].as_str(),
            account.pending_authority.map(|key| key.to_string()).as_deref()
        );
        let fields = [
            ("authority", account.authority.to_string()),
            ("size", account.entries.size().to_string()),
            ("root", account.entries.root().to_string()),
            ("leaves_by_subtree", account.leaves_by_subtree.to_string()),
            ("event_seq", account.events.size().to_string()),
            ("event_root", account.events.root().to_string()),
            ("heads_written", account.heads_written.to_string()),
            ("appended_slot", account.appended_slot.to_string()),
            ("appended_time", account.appended_time.to_string()),
        ];
        assert_eq!(shared.as_object().expect("fields").len(), fields.len() + 2);
        for (name, value) in fields {
            assert_eq!(shared[name], value, "{name}");
        }
    }
}
