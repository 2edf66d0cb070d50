"""The documents of docs/vectors get the verdicts that they must get, and each value of them and of a pin is compared."""

import json
import unittest
from unittest import mock

from support import altered, documents, flipped, growth, pin_of

import counterfoil
from counterfoil import judge, merkle, pin

ALL = list(documents())
TRUE = [(name, text) for name, text, holds in ALL if holds]


class Vectors(unittest.TestCase):
    def hold(self):
        """Holds the verifier to what the vectors say, without a pin and with a pin of all that the document says."""
        counts = dict.fromkeys(counterfoil.WORDS, 0)
        for name, text, holds in ALL:
            alone = counterfoil.verify(text)
            # Without a pin the best that can be said is that a document holds together.
            self.assertEqual(alone.verdict, "refused" if holds is False else "cannot_tell", f"{name}: {alone.reason}")
            self.assertIsNone(alone.facts, name)
            if not holds:
                self.assertIsNone(alone.claims, name)
                counts[alone.verdict] += 1
                continue
            pinned = counterfoil.verify(text, pin_of(alone))
            # Every log extends the empty one: that shows nothing of the later one, unless that is pinned as well.
            self.assertIn(pinned.verdict, ("verified", "consistent"), f"{name}: {pinned.reason}")
            self.assertTrue(any(each.by == "pin" and each.equal for each in pinned.compared), name)
            counts[pinned.verdict] += 1
        self.assertTrue(counts["verified"] > 80 and counts["refused"] > 1_000 and counts["cannot_tell"] >= 3, counts)

    def test_each_document_gets_its_verdict(self):
        self.hold()

    def test_twin_a_verifier_that_compares_nothing_fails_the_same_run(self):
        for word in counterfoil.WORDS:
            verdict = counterfoil.Verdict(word, "only inner consistency was checked", claims={"heads": []})
            with mock.patch.object(counterfoil, "verify", lambda *_: verdict), self.assertRaises(AssertionError):
                self.hold()

    def test_twin_roots_that_are_not_compared_fail_the_same_run(self):
        with mock.patch.object(merkle, "expect_root", lambda *_: None), self.assertRaises(AssertionError):
            self.hold()

    def test_twin_another_hash_fails_the_same_run(self):
        with mock.patch.object(merkle, "node_hash", lambda left, right: right), self.assertRaises(AssertionError):
            self.hold()


class Pins(unittest.TestCase):
    def hold(self):
        for name, text in TRUE:
            claims = pin_of(counterfoil.verify(text))
            for head in claims["heads"]:
                other = {**head, "root": flipped(head["root"])}
                refused = counterfoil.verify(text, {**claims, "heads": [other]})
                self.assertEqual(refused.verdict, "refused", name)
                self.assertTrue(refused.where and any(each.by == "pin" and not each.equal for each in refused.compared), name)
                sized = {**head, "size": str(int(head["size"]) + 1)}
                self.assertEqual(counterfoil.verify(text, {**claims, "heads": [sized]}).verdict, "refused", name)
                # A head of another size tells nothing.
                unknown = {**other, "size": str(int(head["size"]) + 1_000)}
                self.assertEqual(counterfoil.verify(text, {**claims, "heads": [unknown]}).verdict, "cannot_tell", name)
            for member in ("genesis_hash", "program", "ledger"):
                if member in claims:
                    refused = counterfoil.verify(text, {**claims, member: "1" * 32})
                    self.assertEqual((refused.verdict, refused.where), ("refused", member), name)

    def test_each_value_of_a_pin_turns_the_verdict(self):
        self.hold()

    def test_twin_values_that_are_always_equal_fail_the_same_run(self):
        def equal(what, found, expected):
            return counterfoil.Comparison(what, found, expected, "pin", True)

        for module in (judge, pin):
            with mock.patch.object(module, "compare", equal), self.assertRaises(AssertionError):
                self.hold()

    def test_the_two_halves_of_a_pin_show_two_things(self):
        text = dict(TRUE)["receipt 6"]
        claims = pin_of(counterfoil.verify(text))
        of = {log: [head for head in claims["heads"] if head["log"] == log] for log in ("entries", "events")}
        entries, events = (counterfoil.verify(text, {**claims, "heads": of[log]}) for log in ("entries", "events"))
        self.assertEqual([entries.verdict, events.verdict], ["verified", "verified"])
        self.assertNotIn("event", entries.facts)
        self.assertEqual(set(events.facts["event"]), {"seq", "signer", "slot", "unix_time"})
        self.assertIn("who appended it, and when: pin a head of the events for that", entries.not_checked)

    def test_a_later_head_that_only_extends_the_pinned_one_is_consistent(self):
        text = growth()[1]
        heads = {head: json.loads(text)[head] for head in ("first", "second")}
        words = [
            counterfoil.verify(text, {"heads": [{"log": log, **heads[head]}]}).verdict
            for log, head in (("entries", "first"), ("entries", "second"), ("events", "second"))
        ]
        self.assertEqual(words, ["consistent", "verified", "cannot_tell"])


class Bytes(unittest.TestCase):
    # Receipt 6 and evidence 0 name a transaction, a hint that nothing shows; receipt 3 has an event under no pinned head.
    CHOSEN = ("receipt 0", "receipt 3", "receipt 6", "evidence 0", "page 3", growth()[0])

    def hold(self):
        counts = {"changed": 0, "verified": 0}
        for name in self.CHOSEN:
            text = dict(TRUE)[name]
            claims = pin_of(counterfoil.verify(text))
            facts = counterfoil.verify(text, claims).facts
            data = bytearray(text.encode())
            for at in range(len(data)):
                data[at] ^= 1
                found = counterfoil.verify(data, claims)
                data[at] ^= 1
                counts["changed"] += 1
                if found.verdict != "verified":
                    self.assertIn(found.verdict, ("refused", "cannot_tell", "consistent"))
                    continue
                counts["verified"] += 1
                self.assertNotEqual(name, "receipt 0", f"byte {at} of a receipt that shows all of itself")
                self.assertEqual(found.facts, facts, f"{name}, byte {at}: {text[max(at - 20, 0) : at + 20]}")
        self.assertTrue(counts["changed"] > 8_000 and counts["verified"] < counts["changed"] / 20, counts)

    def test_no_verdict_shows_another_thing_when_a_byte_changes(self):
        self.hold()

    def test_twin_roots_that_are_not_compared_fail_the_same_run(self):
        with mock.patch.object(merkle, "expect_root", lambda *_: None), self.assertRaises(AssertionError):
            self.hold()

    def test_an_altered_value_is_named(self):
        receipt = json.loads(dict(TRUE)["receipt 6"])
        for path, value, where in (
            (["entry", "index"], "01", "entry.index"),
            (["entry", "proof", "0"], "0", "entry.proof[0]"),
            (["entry", "proof", "0"], "0" * 64, "entry"),
            (["bridge", "consistency"], [], "bridge.consistency"),
            (["bridge", "event_head", "size"], "281474976710656", "entry.index, event.seq or a head"),
            (["event", "seq"], "9", "event.seq"),
            (["event", "leaf"], "", "event.leaf"),
            (["statement"], None, "statement"),
        ):
            refused = counterfoil.verify(json.dumps(altered(receipt, path, value)))
            self.assertEqual((refused.verdict, refused.where), ("refused", where))


if __name__ == "__main__":
    unittest.main()
