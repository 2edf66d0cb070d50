"""Input that was made to hurt ends in a verdict that is not a good one, soon."""

import json
import os
import unittest
from unittest import mock

from support import documents, pin_of, seeded, vectors

import counterfoil
from counterfoil import evidence, reading

RECEIPT = json.dumps(vectors("receipt")["receipts"][6])
ROUNDS = int(os.environ.get("N") or 2_000)


def nested(depth):
    # A list without its certificate cannot be told of: deeper nesting is refused.
    return '{"entries":[],"note":' + "[" * depth + "]" * depth + "}"


class Hostile(unittest.TestCase):
    def hold(self):
        draw, seed = seeded()
        texts = ["[" * 1_000_000, '{"a":' * 100_000, '"', "\0", "", "\n", "\ufeff{}", "\ud800", '{"format":"counterfoil receipt v2"}',
                 '{"second":{}}', '{"second":' + "9" * 1_000_000 + "}", "[" * 1_000_000 + "]" * 1_000_000]
        texts += [RECEIPT[:at] for at in range(0, len(RECEIPT), 7)]
        originals = [text.encode() for _, text, _ in documents()]
        for _ in range(ROUNDS):
            data = bytearray(draw.choice(originals))
            for _ in range(draw.randrange(4) + 1):
                if data:
                    data[draw.randrange(len(data))] = draw.randrange(256)
            texts.append(bytes(data))
        for text in texts:
            self.assertIn(counterfoil.verify(text).verdict, ("refused", "cannot_tell"), f"{seed}: {text[:100]!r}")
            self.assertIsNone(counterfoil.verify(text).facts)

    def test_nesting_random_bytes_and_cut_texts_end_in_a_verdict(self):
        self.hold()

    def test_twin_a_verifier_that_says_verified_fails_the_same_run(self):
        good = counterfoil.Verdict("verified", "")
        with mock.patch.object(counterfoil, "verify", lambda *_: good), self.assertRaises(AssertionError):
            self.hold()

    def test_nesting_is_bounded_to_the_level(self):
        words = [counterfoil.verify(nested(depth)).verdict for depth in (reading.MAX_DEPTH - 1, reading.MAX_DEPTH)]
        self.assertEqual(words, ["cannot_tell", "refused"])

    def test_what_another_json_reader_takes_is_refused(self):
        good = '{"entries":[],"note":%s}'
        self.assertEqual(counterfoil.verify(good % '"\\ud83d\\ude00 \\u0041 \\\\ud800"').verdict, "cannot_tell", "twin: this is JSON")
        for value in ("NaN", "-Infinity", "01", "1.", "+1", "'a'", '"\\ud800"', '"\\udc00\\ud800"', '"\\u 123"', '"\\x41"', '"\t"',
                      "[1,]", "1 2", '{"a":1,"\\u0061":2}', "\u00a01", "True", '"\\ud800\\u0041"'):
            self.assertEqual(counterfoil.verify(good % value).verdict, "refused", value)
        self.assertEqual(counterfoil.verify(b'{"entries":[],"note":"\xff"}').verdict, "refused")
        self.assertEqual(counterfoil.verify((good % '""').encode("utf-16")).verdict, "refused")

    def test_long_documents_are_not_parsed_in_vain(self):
        with mock.patch.object(reading._DECODER, "decode", side_effect=AssertionError("it was parsed")):
            receipt = '{"format":"counterfoil receipt v2","entry":"' + "A" * 50_000_000 + '"}'
            self.assertEqual(counterfoil.verify(receipt).verdict, "cannot_tell")
            self.assertEqual(counterfoil.verify(b" " * (counterfoil.MAX_INPUT_BYTES + 1)).verdict, "cannot_tell")
            with self.assertRaises(AssertionError, msg="twin: a document that is short enough is"):
                counterfoil.verify(RECEIPT)

    def test_a_line_that_is_too_long_is_refused(self):
        first, rest = next(text for name, text, _ in documents() if name == "evidence 0").split("\n", 1)
        padding = evidence.MAX_LINE_BYTES - len(first) - 1
        told = [counterfoil.verify(first + " " * (padding + more) + "\n" + rest) for more in (0, 1)]
        self.assertEqual([(verdict.verdict, verdict.where) for verdict in told], [("cannot_tell", None), ("refused", "line 1")])

    def test_texts_of_a_document_are_shown_escaped_and_cut(self):
        receipt = {**json.loads(RECEIPT), "format": "x\u202eevil\u0007" + "y" * 10_000}
        verdict = counterfoil.verify(json.dumps(receipt))
        self.assertEqual(verdict.verdict, "refused")
        self.assertTrue("\u202e" not in verdict.reason and "\x07" not in verdict.reason and len(verdict.reason) < 700)

    def test_a_pin_that_cannot_be_read_is_its_authors_fault_and_no_verdict(self):
        root = "0" * 64
        for pin in (
            {"ledger": "x"}, {"ledger": None}, {"note": 1}, b"[]", b"", [], (), 1, "\ud800", {"ledger": object()},
            {"heads": [{"log": "entries", "size": "01", "root": root}]},
            {"heads": [{"log": "entries", "size": "1", "root": root, "note": 1}]},
            {"heads": [["entries", "1", root]]},
            {"heads": [{"log": "entries", "size": "281474976710656", "root": root}]},
            {"heads": [{"log": "entries", "size": "1", "root": root}, {"log": "entries", "size": "1", "root": "1" * 64}]},
        ):
            with self.assertRaises(counterfoil.PinError):
                counterfoil.verify(RECEIPT, pin)
        self.assertEqual(counterfoil.verify(RECEIPT, {}).verdict, "cannot_tell", "twin: a pin without parts is one")

    def test_all_kinds_of_bytes_and_pins_are_one(self):
        claims = pin_of(counterfoil.verify(RECEIPT))
        data, text = RECEIPT.encode(), json.dumps(claims)
        told = [counterfoil.verify(given, claims) for given in (RECEIPT, data, bytearray(data), memoryview(data))]
        told += [counterfoil.verify(data, given) for given in (text, text.encode(), counterfoil.Pin.read(text))]
        self.assertEqual([verdict.to_json() for verdict in told], [told[0].to_json()] * 7)
        self.assertEqual(told[0].verdict, "verified")


if __name__ == "__main__":
    unittest.main()
