//! Rules of forgers who recompute every hash: what is wrong is no byte that another one contradicts, but what the log may not say.
//!
//! A forger's true documents are rules as well, so
//! that a refusal is known to be of the one thing that is wrong.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::base::Base;
use crate::naive::{Hash, around, climb, leaf_hash, node_hash, path, root};
use crate::rule::{CANNOT_TELL, REFUSED, Rules, VERIFIED};

/// The ledger, the program and the cluster of all that is forged: the key of 32 bytes that are 7.
pub const KEY: &str = "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx";
const LEDGER: Hash = [7; 32];
/// The bytes that begin an event by which entries were appended. Source: docs/protocol.md, section 2.
const APPENDED: [u8; 8] = *b"\xf3\xa8\x04\x63\x43\x5d\x2a\xa5";
/// The kinds that append nothing, with the bytes that their bodies have.
const OTHERS: [(u64, usize); 7] = [
    (0xd22b_8795_2bae_cbc7, 36),
    (0x090d_9a57_8a05_029a, 44),
    (0x2b12_afe1_da5e_675e, 32),
    (0xf475_5e70_3597_2359, 32),
    (0xa6c0_dbbc_29d1_c31a, 32),
    (0x45d7_4fc8_fbf7_e4da, 0),
    (0x9d9b_a477_8385_0eb6, 0),
];
/// The largest tree has one leaf less. Source: docs/protocol.md, section 1.
const BEYOND: u64 = 1 << 48;

/// Adds all rules.
pub fn rules(rules: &mut Rules) {
    let mut forger = Forger { rules, count: 0 };
    forger.receipts();
    forger.receipts_of_version_1();
    forger.bridges();
    forger.pages();
    forger.evidence();
    forger.consistency();
    forger.lengths();
    forger.small_trees();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn hashes(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| hex(hash)).collect()
}

pub fn head((size, root): (u64, Hash)) -> Value {
    json!({ "size": size.to_string(), "root": hex(&root) })
}

pub fn pinned(log: &str, (size, root): (u64, Hash)) -> Value {
    json!({ "log": log, "size": size.to_string(), "root": hex(&root) })
}

pub fn payload(at: usize) -> Vec<u8> {
    format!("entry {at}").into_bytes()
}

/// An event, as a forger writes it.
#[derive(Clone)]
pub struct Event {
    kind: [u8; 8],
    ledger: Hash,
    seq: u64,
    first: u64,
    count: u64,
    stated: (u64, Hash),
    body: usize,
}

impl Event {
    /// The true event that appended entries from `first` on up to the end of a log.
    pub fn append(seq: u64, first: usize, leaves: &[Hash]) -> Self {
        let count = (leaves.len() - first) as u64;
        let stated = (leaves.len() as u64, root(leaves));
        Self { kind: APPENDED, ledger: LEDGER, seq, first: first as u64, count, stated, body: 0 }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.kind.as_slice(), &self.ledger].concat();
        for number in [self.seq, 40_000, 1_700_000_000] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([9; 32]);
        for number in [self.first, self.count, self.stated.0] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.stated.1);
        bytes.extend(vec![0; self.body]);
        bytes
    }

    fn text(&self) -> String {
        STANDARD.encode(self.bytes())
    }
}

pub struct Forger<'a> {
    rules: &'a mut Rules,
    count: usize,
}

impl Forger<'_> {
    /// Adds a document with a pin of the names and of some heads.
    pub fn add(&mut self, rule: &str, verdict: &'static str, kind: &'static str, texts: Vec<Value>, heads: Vec<Value>) {
        // A head beyond the largest tree is none that can be pinned.
        let is_tree = |head: &Value| head["size"].as_str().is_some_and(|size| size != BEYOND.to_string());
        let mut pin = json!({ "heads": heads.into_iter().filter(is_tree).collect::<Vec<_>>() });
        if kind != "consistency" {
            for name in ["genesis_hash", "program", "ledger"] {
                pin[name] = json!(KEY);
            }
        }
        self.rules.whole(rule, verdict, Base { name: format!("forged {}", self.count), kind, texts, pin });
        self.count += 1;
    }

    fn receipt(&mut self, rule: &str, verdict: &'static str, index: u64, bytes: &[u8], proof: &[Hash], event: &Event) {
        let text = json!({
            "format": "counterfoil receipt v2", "genesis_hash": KEY, "program": KEY, "ledger": KEY,
            "entry": { "index": index.to_string(), "payload": STANDARD.encode(bytes), "proof": hashes(proof) },
            "event": { "seq": event.seq.to_string(), "leaf": event.text() },
        });
        self.add(rule, verdict, "receipt", vec![text], vec![pinned("entries", event.stated)]);
    }

    fn receipts(&mut self) {
        for (size, index) in [(1, 0), (2, 1), (5, 2)] {
            let leaves: Vec<Hash> = (0..size).map(|at| leaf_hash(&payload(at))).collect();
            let (event, proof, at) = (Event::append(4, 0, &leaves), path(&leaves, index), index as u64);
            let mut forged =
                |rule: &str, verdict, event: Event| self.receipt(rule, verdict, at, &payload(index), &proof, &event);
            forged("forged/by_a_true_event", VERIFIED, event.clone());
            for (kind, body) in OTHERS {
                forged(
                    "forged/by_an_event_that_appends_nothing",
                    REFUSED,
                    Event { kind: kind.to_be_bytes(), body, ..event.clone() },
                );
            }
            forged("forged/entry_after_those_of_the_event", REFUSED, Event { count: at, ..event.clone() });
            forged("forged/entry_before_those_of_the_event", REFUSED, Event { first: at + 1, ..event.clone() });
            forged(
                "forged/entry_is_the_only_one_of_the_event",
                VERIFIED,
                Event { first: at, count: 1, ..event.clone() },
            );
            forged("forged/event_number_beyond_the_largest_tree", REFUSED, Event { seq: BEYOND - 1, ..event.clone() });
            forged("forged/event_number_the_largest", VERIFIED, Event { seq: BEYOND - 2, ..event.clone() });
            forged("forged/event_of_another_ledger", REFUSED, Event { ledger: [8; 32], ..event });
        }
        for size in [1, 2, 4] {
            let leaves: Vec<Hash> = (0..size).map(|at| leaf_hash(&payload(at))).collect();
            let (event, proof) = (Event::append(0, 0, &leaves), path(&leaves, 0));
            let longer = Event { count: 2 * event.count, ..event.clone() };
            self.receipt("forged/index_beyond_the_tree", REFUSED, event.count, &payload(0), &proof, &longer);
            let larger = Event { stated: (2 * event.count, event.stated.1), ..event.clone() };
            self.receipt("forged/proof_that_ends_below_the_root", REFUSED, 0, &payload(0), &proof, &larger);
            let more = [proof.as_slice(), &[[3; 32]]].concat();
            for above in [node_hash([3; 32], event.stated.1), node_hash(event.stated.1, [3; 32])] {
                let event = Event { stated: (event.count, above), ..event.clone() };
                self.receipt("forged/proof_that_ends_above_the_root", REFUSED, 0, &payload(0), &more, &event);
            }
        }
        for size in 1..=7 {
            let leaves: Vec<Hash> = (0..size).map(|at| leaf_hash(&payload(at))).collect();
            for index in 0..size {
                let event = Event::append(0, 0, &leaves);
                self.receipt(
                    "forged/entry_of_a_small_tree",
                    VERIFIED,
                    index as u64,
                    &payload(index),
                    &path(&leaves, index),
                    &event,
                );
            }
        }
        for bytes in [Vec::new(), vec![7; 65_536], vec![7; 65_535]] {
            let (rule, verdict) = length_rule(bytes.len());
            let event = Event::append(0, 0, &[leaf_hash(&bytes)]);
            self.receipt(rule, verdict, 0, &bytes, &[], &event);
        }
        for (size, rule, verdict) in SIZES {
            let (proof, top) = climb(leaf_hash(&payload(0)));
            let event = Event { stated: (size, top), ..Event::append(0, 0, &[leaf_hash(&payload(0))]) };
            self.receipt(rule, verdict, 0, &payload(0), &proof, &event);
        }
    }

    fn receipts_of_version_1(&mut self) {
        for size in [1, 2, 5] {
            let leaves: Vec<Hash> = (0..size).map(|at| leaf_hash(&payload(at))).collect();
            let event = Event::append(0, 0, &leaves);
            let now = (size as u64, root(&leaves));
            for (rule, verdict, stated, shown) in [
                ("forged/event_states_the_head", VERIFIED, now, now),
                ("forged/event_states_a_smaller_head", VERIFIED, (now.0 - 1, [3; 32]), now),
                ("forged/event_states_a_larger_head", REFUSED, (now.0 + 1, now.1), now),
                ("forged/event_states_another_root_of_the_size", REFUSED, (now.0, [3; 32]), now),
            ] {
                let event = Event { stated, ..event.clone() };
                self.version_1(rule, verdict, &event, &path(&leaves, 0), shown, (1, leaf_hash(&event.bytes())), &[]);
            }
        }
        let event = Event::append(0, 0, &[leaf_hash(&payload(0))]);
        for (size, rule, verdict) in SIZES {
            let (proof, top) = climb(leaf_hash(&payload(0)));
            self.version_1(rule, verdict, &event, &proof, (size, top), (1, leaf_hash(&event.bytes())), &[]);
            let (proof, top) = climb(leaf_hash(&event.bytes()));
            self.version_1(rule, verdict, &event, &[], event.stated, (size, top), &proof);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of the older receipt, each of which is forged")]
    fn version_1(
        &mut self,
        rule: &str,
        verdict: &'static str,
        event: &Event,
        proof: &[Hash],
        entries: (u64, Hash),
        events: (u64, Hash),
        event_proof: &[Hash],
    ) {
        let text = json!({
            "format": "counterfoil receipt v1", "genesis_hash": KEY, "program": KEY, "ledger": KEY,
            "entry": { "index": "0", "payload": STANDARD.encode(payload(0)), "proof": hashes(proof) },
            "event": { "seq": event.seq.to_string(), "leaf": event.text(), "proof": hashes(event_proof) },
            "head": head(entries), "event_head": head(events),
        });
        self.add(
            rule,
            verdict,
            "receipt",
            vec![text.clone()],
            vec![pinned("entries", entries), pinned("events", events)],
        );
        // By the head of the events alone an entry is shown where the event states the head that it is under.
        let (rule, verdict) = match verdict {
            VERIFIED if event.stated == entries => ("forged/by_the_events_alone", VERIFIED),
            VERIFIED => ("forged/by_the_events_alone_under_another_head", CANNOT_TELL),
            refused => (rule, refused),
        };
        self.add(rule, verdict, "receipt", vec![text], vec![pinned("events", events)]);
    }

    fn bridges(&mut self) {
        let leaf = leaf_hash(&payload(0));
        let event = Event::append(0, 0, &[leaf]);
        let (siblings, later) = climb(leaf);
        let (event_proof, events) = climb(leaf_hash(&event.bytes()));
        for (size, rule, verdict) in SIZES {
            let alone = (1, leaf_hash(&event.bytes()));
            for (entries, consistency, event_head, proof) in [
                ((size, later), siblings.as_slice(), alone, &[][..]),
                (event.stated, &[], (size, events), event_proof.as_slice()),
            ] {
                let text = json!({
                    "format": "counterfoil receipt v2", "genesis_hash": KEY, "program": KEY, "ledger": KEY,
                    "entry": { "index": "0", "payload": STANDARD.encode(payload(0)), "proof": [] },
                    "event": { "seq": "0", "leaf": event.text() },
                    "bridge": {
                        "head": head(entries), "consistency": hashes(consistency), "event_head": head(event_head),
                        "event_proof": hashes(proof),
                    },
                });
                self.add(
                    rule,
                    verdict,
                    "receipt",
                    vec![text],
                    vec![pinned("entries", entries), pinned("events", event_head)],
                );
            }
        }
    }

    /// Evidence of all entries of some events, as [`Self::file`] writes it.
    fn evidence(&mut self) {
        for size in [1, 2, 3] {
            let first: Vec<Vec<u8>> = (0..size).map(payload).collect();
            let second: Vec<Vec<u8>> = (size..2 * size).map(payload).collect();
            let leaves: Vec<Hash> = first.iter().chain(&second).map(|bytes| leaf_hash(bytes)).collect();
            let events = [Event::append(0, 0, &leaves[..size]), Event::append(1, size, &leaves)];
            let grant = Event {
                kind: OTHERS[5].0.to_be_bytes(),
                seq: 1,
                first: size as u64,
                count: 0,
                body: 0,
                ..events[0].clone()
            };
            let one = |event: &Event| (event.clone(), first.clone());
            let other = |event: Event| (event, second.clone());
            let with = |change: &dyn Fn(&mut Event)| {
                let mut event = events[1].clone();
                change(&mut event);
                event
            };
            let later = with(&|event| event.seq = 2);
            for (rule, verdict, parts) in [
                ("forged/evidence_of_one_event", VERIFIED, vec![one(&events[0])]),
                ("forged/evidence_of_two_events", VERIFIED, vec![one(&events[0]), other(events[1].clone())]),
                (
                    "forged/evidence_with_a_grant_between",
                    VERIFIED,
                    vec![one(&events[0]), (grant.clone(), Vec::new()), other(later)],
                ),
                ("forged/evidence_that_ends_with_a_grant", REFUSED, vec![one(&events[0]), (grant, Vec::new())]),
                (
                    "forged/last_event_states_another_root",
                    REFUSED,
                    vec![one(&events[0]), other(with(&|event| event.stated.1 = [3; 32]))],
                ),
                (
                    "forged/last_event_states_another_size",
                    REFUSED,
                    vec![one(&events[0]), other(with(&|event| event.stated.0 += 1))],
                ),
                (
                    "forged/event_of_another_ledger",
                    REFUSED,
                    vec![one(&events[0]), other(with(&|event| event.ledger = [8; 32]))],
                ),
                (
                    "forged/event_that_leaves_a_gap",
                    REFUSED,
                    vec![one(&events[0]), other(with(&|event| event.first += 1))],
                ),
                ("forged/event_that_overlaps", REFUSED, vec![one(&events[0]), other(with(&|event| event.first -= 1))]),
                ("forged/first_event_begins_later", REFUSED, vec![one(&Event { first: 1, ..events[0].clone() })]),
                ("forged/event_number_repeats", REFUSED, vec![one(&events[0]), other(with(&|event| event.seq = 0))]),
            ] {
                self.file(rule, verdict, &parts, None);
            }
            // The first event is of entries before the range.
            let before = vec![(events[0].clone(), Vec::new()), other(events[1].clone())];
            let range = Some((size, around(&leaves, size, 2 * size), events[1].stated));
            self.file("forged/first_event_appended_none_of_the_entries", REFUSED, &before, range);
            // The last event appends what comes after the range.
            let beyond = vec![one(&events[0]), (events[1].clone(), Vec::new())];
            let range = if size == 3 { None } else { Some((0, vec![root(&leaves[size..])], events[1].stated)) };
            if range.is_some() {
                self.file("forged/last_event_appended_none_of_the_entries", REFUSED, &beyond, range);
            }
        }
        let leaf = leaf_hash(&payload(0));
        // A third one of that rule: entry 0 alone, of a tree of three.
        let leaves: Vec<Hash> = (0..3).map(|at| leaf_hash(&payload(at))).collect();
        let parts = [(Event::append(0, 0, &leaves[..1]), vec![payload(0)]), (Event::append(1, 1, &leaves), Vec::new())];
        self.file(
            "forged/last_event_appended_none_of_the_entries",
            REFUSED,
            &parts,
            Some((0, vec![leaves[1], leaves[2]], parts[1].0.stated)),
        );
        for bytes in [Vec::new(), vec![7; 65_536], vec![7; 65_535]] {
            let (rule, verdict) = length_rule(bytes.len());
            let event = Event::append(0, 0, &[leaf_hash(&bytes)]);
            self.file(rule, verdict, &[(event, vec![bytes])], None);
        }
        for (size, rule, verdict) in SIZES {
            let (proof, top) = climb(leaf);
            let event = Event { stated: (size, top), ..Event::append(0, 0, &[leaf]) };
            self.file(rule, verdict, &[(event.clone(), vec![payload(0)])], Some((0, proof, (size, top))));
        }
    }

    /// Evidence with all its lines, each hash of which is right; `range` has the proof and the head of entries that are not all.
    fn file(
        &mut self,
        rule: &str,
        verdict: &'static str,
        parts: &[(Event, Vec<Vec<u8>>)],
        range: Option<(usize, Vec<Hash>, (u64, Hash))>,
    ) {
        let leaves: Vec<Hash> = parts.iter().flat_map(|(_, entries)| entries).map(|bytes| leaf_hash(bytes)).collect();
        let events: Vec<Hash> = parts.iter().map(|(event, _)| leaf_hash(&event.bytes())).collect();
        let (from, proof, whole) = range.unwrap_or_else(|| (0, Vec::new(), (leaves.len() as u64, root(&leaves))));
        let of = |from: usize, to: usize, whole, proof: &[Hash]| json!({ "from": from.to_string(), "to": to.to_string(), "head": head(whole), "proof": hashes(proof) });
        let all = (events.len() as u64, root(&events));
        let mut texts = vec![json!({
            "format": "counterfoil evidence v1", "genesis_hash": KEY, "program": KEY, "ledger": KEY, "content": true,
            "entries": of(from, from + leaves.len(), whole, &proof), "events": of(0, events.len(), all, &[]),
        })];
        let mut index = from;
        for (event, entries) in parts {
            texts.push(json!({ "event": { "seq": event.seq.to_string(), "leaf": event.text() } }));
            for bytes in entries {
                texts.push(json!({ "entry": { "index": index.to_string(), "payload": STANDARD.encode(bytes) } }));
                index += 1;
            }
        }
        texts.push(json!({ "end": { "entries": leaves.len().to_string(), "events": events.len().to_string() } }));
        self.add(rule, verdict, "evidence", texts.clone(), vec![pinned("entries", whole), pinned("events", all)]);
        self.add(rule, verdict, "evidence", texts, vec![pinned("events", all)]);
    }
}

/// The sizes around the largest tree's.
pub const SIZES: [(u64, &str, &str); 2] =
    [(BEYOND, "forged/tree_beyond_the_largest", REFUSED), (BEYOND - 1, "forged/largest_tree", VERIFIED)];

/// The rule of a payload's length.
pub fn length_rule(bytes: usize) -> (&'static str, &'static str) {
    match bytes {
        0 => ("forged/payload_empty", REFUSED),
        65_536 => ("forged/payload_too_long", REFUSED),
        _ => ("forged/payload_of_the_greatest_length", VERIFIED),
    }
}
