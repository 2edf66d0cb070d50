//! Any input gets an answer, never a panic.

use std::sync::LazyLock;

use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR};
use counterfoil_core::receipt::{Bridge, EntryProof, EventLeaf, Head, Receipt, TransactionSignature, Version};
use counterfoil_core::relate::{LogKind, Relation, relate};
use counterfoil_core::{Event, GenesisHash, LedgerAccount, LedgerId, LedgerState, ProgramId, Wallet};
use merkle_log::{Hash, Root, TreeHead, TreeSize};
use proptest::prelude::*;
use proptest::sample::Index;

use super::history::{History, KINDS, LEDGER, encode, encode_leaf};
use super::seed;

static SAMPLE: LazyLock<History> = LazyLock::new(History::sample);

fn any_kind() -> impl Strategy<Value = [u8; 8]> {
    prop_oneof![prop::sample::select(KINDS.to_vec()), any::<[u8; 8]>()]
}

/// Bytes that begin as an event.
fn any_event_bytes() -> impl Strategy<Value = Vec<u8>> {
    (any_kind(), prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 100..260))
        .prop_map(|(kind, rest)| [kind.as_slice(), &rest].concat())
}

/// Bytes of a true value with a few of them replaced.
fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<Index>(), any::<u8>()), 1..4).prop_map(move |places| {
        let mut bytes = bytes.clone();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

fn damaged_event() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let events = History::sample().events;
    (0..events.len()).prop_flat_map(move |number| (Just(number), damaged(encode(&events[number]))))
}

fn any_account() -> impl Strategy<Value = Vec<u8>> {
    let history = History::sample();
    let noise =
        prop::collection::vec(prop_oneof![4 => Just(0), 1 => any::<u8>()], LEDGER_BYTES).prop_map(|mut bytes| {
            bytes[..8].copy_from_slice(&LEDGER_DISCRIMINATOR);
            bytes[8] = 1;
            bytes
        });
    prop_oneof![damaged(history.account(history.events.len())), noise, prop::collection::vec(any::<u8>(), 0..5_000)]
}

fn any_number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..20, any::<u64>()]
}

fn any_hashes() -> impl Strategy<Value = Vec<Hash>> {
    prop::collection::vec(any::<u8>().prop_map(|byte| Hash([byte; 32])), 0..60)
}

fn any_version() -> impl Strategy<Value = Version> {
    let head = || (any_number(), any::<[u8; 32]>()).prop_map(|(size, root)| Head { size, root: Root(root) });
    let parts = || (head(), head(), any_hashes());
    let v1 = parts().prop_map(|(head, event_head, event_proof)| Version::V1 { head, event_head, event_proof });
    let bridge = (parts(), any_hashes()).prop_map(|((head, event_head, event_proof), consistency)| Bridge {
        head,
        consistency,
        event_head,
        event_proof,
    });
    let v2 = prop::option::of(bridge).prop_map(|bridge| Version::V2 {
        transaction: Some(TransactionSignature([0; 64])),
        bridge,
        statement: Vec::new(),
    });
    prop_oneof![v1, v2]
}

proptest! {
    // An account is thousands of random bytes, which are slow to make.
    #![proptest_config(seed::cases(200))]

    #[test]
    fn an_account_is_answered(bytes in any_account(), size in 0_u64..1 << 48, root in any::<[u8; 32]>()) {
        let Ok(account) = LedgerAccount::decode(&bytes) else { return Ok(()) };
        let earlier = TreeHead { size: TreeSize::new(size).expect("in range"), root: Root(root) };
        let head = account.head(LEDGER);
        prop_assert_ne!(relate(LogKind::Entries, &earlier, &account), Relation::Same);
        prop_assert_eq!(relate(LogKind::Entries, &head.entries, &account), Relation::Same);
        prop_assert_eq!(relate(LogKind::Events, &head.events, &account), Relation::Same);
        prop_assert!(account.heads.len() <= 16);
        let _ = LedgerState::new(LEDGER).check(&account);
    }
}

proptest! {
    #![proptest_config(seed::cases(500))]

    /// An event that is read has exactly these bytes: one text for each event.
    #[test]
    fn an_event_that_is_read_writes_the_same_bytes(bytes in any_event_bytes()) {
        if let Ok(event) = Event::decode(&bytes) {
            prop_assert_eq!(encode(&event), bytes.clone());
        }
        if let Ok(event) = Event::decode_leaf(&bytes) {
            prop_assert_eq!(encode_leaf(&event), event.leaf_bytes());
            prop_assert_eq!(event.leaf_bytes(), bytes);
        }
    }

    #[test]
    fn a_damaged_event_is_answered((number, bytes) in damaged_event()) {
        let history = &*SAMPLE;
        let Ok(event) = Event::decode(&bytes) else { return Ok(()) };
        prop_assert_eq!(encode(&event), bytes);
        let mut state = LedgerState::new(LEDGER);
        for event in &history.events[..number] {
            (state, _) = state.apply(event.clone()).expect("the true history");
        }
        let is_true = event == history.events[number];
        if let Ok((state, _)) = state.apply(event) {
            let account = LedgerAccount::decode(&history.account(number + 1)).expect("a ledger");
            prop_assert_eq!(state.check(&account).is_ok(), is_true);
        }
    }

    #[test]
    fn a_text_is_a_receipt_or_is_refused(text in ".*") {
        prop_assert!(serde_json::from_str::<Receipt>(&text).is_err());
    }

    #[test]
    fn a_key_that_is_read_writes_the_same_text(text in "[1-9A-HJ-NP-Za-km-z]{0,50}", bytes in any::<[u8; 32]>()) {
        if let Ok(key) = text.parse::<Wallet>() {
            prop_assert_eq!(key.to_string(), text);
        }
        let key = LedgerId(bytes);
        prop_assert_eq!(key.to_string().parse::<LedgerId>(), Ok(key));
    }

    #[test]
    fn a_receipt_of_noise_is_refused(
        numbers in prop::array::uniform2(any_number()),
        payload in prop::collection::vec(any::<u8>(), 0..100),
        leaf in any_event_bytes(),
        version in any_version(),
        proof in any_hashes(),
    ) {
        let [index, seq] = numbers;
        let receipt = Receipt {
            genesis_hash: GenesisHash([0; 32]),
            program: ProgramId([0; 32]),
            ledger: LEDGER,
            entry: EntryProof { index, payload, proof },
            event: EventLeaf { seq, leaf },
            version,
        };
        prop_assert!(receipt.verify().is_err());
    }
}
