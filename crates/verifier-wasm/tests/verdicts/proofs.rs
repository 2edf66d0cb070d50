//! Rules of pages and of consistency proofs whose hashes a forger recomputed, and of true ones of every small tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::forged::{Event, Forger, KEY, SIZES, hashes, head, length_rule, payload, pinned};
use crate::naive::{Hash, around, climb, growth, leaf_hash, node_hash, root};
use crate::rule::{CONSISTENT, REFUSED, VERIFIED};

/// True proofs are made of all trees up to this size.
const SMALL: usize = 7;

impl Forger<'_> {
    fn page(
        &mut self,
        rule: &str,
        verdict: &'static str,
        log: &str,
        bytes: &[u8],
        (proof, whole): (&[Hash], (u64, Hash)),
        more: Value,
    ) {
        let (number, member) = if log == "entries" { ("index", "payload") } else { ("seq", "leaf") };
        let mut text = json!({
            log: [{ number: "0", member: STANDARD.encode(bytes) }],
            "certificate": {
                "format": "counterfoil certificate v1", "genesis_hash": KEY, "program": KEY, "ledger": KEY, "log": log,
                "from": "0", "to": "1", "slot": "1", "head": head(whole), "proof": hashes(proof),
            },
        });
        for (name, value) in more.as_object().expect("members") {
            text[name] = value.clone();
        }
        self.add(rule, verdict, "certificate", vec![text], vec![pinned(log, whole)]);
    }

    pub fn pages(&mut self) {
        for bytes in [Vec::new(), vec![7; 65_536], vec![7; 65_535]] {
            let (rule, verdict) = length_rule(bytes.len());
            self.page(rule, verdict, "entries", &bytes, (&[], (1, leaf_hash(&bytes))), json!({}));
        }
        for (log, other) in [("entries", "events"), ("events", "entries")] {
            let event = Event::append(0, 0, &[leaf_hash(&payload(0))]);
            let bytes = if log == "entries" { payload(0) } else { event.bytes() };
            let alone = (1, leaf_hash(&bytes));
            for (size, rule, verdict) in SIZES {
                let (proof, top) = climb(alone.1);
                self.page(rule, verdict, log, &bytes, (&proof, (size, top)), json!({}));
            }
            self.page("forged/page_of_one", VERIFIED, log, &bytes, (&[], alone), json!({}));
            self.page("forged/page_of_one", VERIFIED, log, &bytes, (&[], alone), json!({ other: null }));
            self.page("forged/page_with_the_other_list", REFUSED, log, &bytes, (&[], alone), json!({ other: [] }));
            let row = json!([{ "index": "0", "seq": "0", "payload": "AA==", "leaf": "AA==" }]);
            self.page("forged/page_with_the_other_list", REFUSED, log, &bytes, (&[], alone), json!({ other: row }));
            self.page("forged/page_whose_list_is_null", REFUSED, log, &bytes, (&[], alone), json!({ log: null }));
            self.page(
                "forged/page_whose_list_is_null",
                REFUSED,
                log,
                &bytes,
                (&[], alone),
                json!({ log: null, other: null }),
            );
            // The page itself is one level.
            for (depth, rule, verdict) in
                [(126, "forged/as_deep_as_may_be", VERIFIED), (127, "forged/too_deep", REFUSED)]
            {
                for inner in [json!([]), json!({})] {
                    let deep = (1..depth)
                        .fold(inner, |inner, at| if at % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) });
                    self.page(rule, verdict, log, &bytes, (&[], alone), json!({ "note": deep }));
                }
            }
        }
    }

    pub fn consistency(&mut self) {
        let leaf = leaf_hash(&payload(0));
        let (proof, top) = climb(leaf);
        for (size, rule, verdict) in SIZES {
            for (first, proof) in [((1, leaf), proof.as_slice()), ((size, top), &[])] {
                let text = json!({ "log": "entries", "first": head(first), "second": head((size, top)), "proof": hashes(proof) });
                self.add(rule, verdict, "consistency", vec![text], vec![pinned("entries", (size, top))]);
            }
        }
    }

    /// A consistency proof, of which the second head is pinned.
    fn growth(&mut self, rule: &str, verdict: &'static str, first: (u64, Hash), second: (u64, Hash), proof: &[Hash]) {
        let text = json!({ "log": "entries", "first": head(first), "second": head(second), "proof": hashes(proof) });
        self.add(rule, verdict, "consistency", vec![text], vec![pinned("entries", second)]);
    }

    /// Proofs of one size that are made for another one, and lead to the heads that they are given with.
    pub fn lengths(&mut self) {
        for size in [3, 5, 6] {
            let leaves: Vec<Hash> = (0..=size).map(|at| leaf_hash(&payload(at))).collect();
            let (first, second) = ((size as u64, root(&leaves[..size])), (size as u64 + 1, root(&leaves)));
            let proof = growth(&leaves, size);
            let more = [proof.as_slice(), &[[3; 32]]].concat();
            let [grown, whole] = [first.1, second.1].map(|root| node_hash([3; 32], root));
            self.growth("forged/growth_by_a_hash_too_many", REFUSED, (first.0, grown), (second.0, whole), &more);
            self.growth("forged/growth_of_nothing_by_a_hash", REFUSED, (0, root(&[])), second, &[second.1]);
            self.growth("forged/growth_of_an_empty_log_of_another_root", REFUSED, (0, [3; 32]), second, &[]);
            self.growth("forged/growth_of_one_size_by_a_hash", REFUSED, first, first, &[first.1]);
            // The root of the first tree stands for that of a larger one.
            let perfect = (1 << (size % 3), leaves[0]);
            self.growth("forged/growth_by_too_few_hashes", REFUSED, perfect, (perfect.0 * 2, leaves[0]), &[]);
        }
    }

    /// True pages and proofs of every small tree.
    pub fn small_trees(&mut self) {
        let all: Vec<Hash> = (0..SMALL).map(|at| leaf_hash(&payload(at))).collect();
        for size in 1..=SMALL {
            let leaves = &all[..size];
            let whole = (size as u64, root(leaves));
            for first in 0..=size {
                let verdict = if first == 0 { CONSISTENT } else { VERIFIED };
                let proof = if first == 0 { Vec::new() } else { growth(leaves, first) };
                let rule = if first == 0 { "forged/growth_of_the_empty_log" } else { "forged/growth" };
                self.growth(rule, verdict, (first as u64, root(&leaves[..first])), whole, &proof);
            }
            for from in 0..size {
                for to in from + 1..=size {
                    self.range("forged/range", VERIFIED, from..to, leaves, whole, &around(leaves, from, to));
                }
                let (rule, proof) = ("forged/range_of_nothing", around(leaves, 0, from));
                let rest = if from == 0 { Vec::new() } else { proof };
                let left = if from == 0 { Vec::new() } else { around(leaves, from, size) };
                self.range(rule, REFUSED, from..from, leaves, whole, &[left, rest].concat());
            }
        }
    }

    fn range(
        &mut self,
        rule: &str,
        verdict: &'static str,
        of: std::ops::Range<usize>,
        leaves: &[Hash],
        whole: (u64, Hash),
        proof: &[Hash],
    ) {
        debug_assert!(of.end <= leaves.len());
        let rows: Vec<Value> =
            of.clone().map(|at| json!({ "index": at.to_string(), "payload": STANDARD.encode(payload(at)) })).collect();
        let text = json!({
            "entries": rows,
            "certificate": {
                "format": "counterfoil certificate v1", "genesis_hash": KEY, "program": KEY, "ledger": KEY, "log": "entries",
                "from": of.start.to_string(), "to": of.end.to_string(), "slot": "1", "head": head(whole), "proof": hashes(proof),
            },
        });
        self.add(rule, verdict, "certificate", vec![text], vec![pinned("entries", whole)]);
    }
}
