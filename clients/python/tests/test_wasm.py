"""The WebAssembly verifier and this one give one verdict: an oracle that was written from the same protocol in another language."""

import base64
import json
import os
import subprocess
import unittest
from unittest import mock

from support import HERE, documents, flipped, pin_of, seeded

import counterfoil
from counterfoil import evidence, judge, merkle

COUNT = int(os.environ.get("N") or 2_000)


class Oracle:
    """One process of Node.js that reads lines."""

    def __init__(self):
        command = ["node", str(HERE.parent.parent / "verifier/test/lines.mjs")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def verify(self, document, pin=None):
        question = {"document": base64.b64encode(document).decode()}
        if pin is not None:
            question["pin"] = pin
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def told(verdict):
    """A verdict but for the wording of what people read."""
    return {name: value for name, value in verdict.items() if name not in ("reason", "checked", "not_checked")}


def ours(document, pin=None):
    try:
        return told(counterfoil.verify(document, pin).as_dict())
    except counterfoil.PinError:
        return {"error": True}


def theirs(oracle, document, pin=None):
    answer = oracle.verify(document, pin)
    return {"error": True} if "error" in answer else told(answer)


class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.oracle = Oracle()
        cls.documents = [(name, text.encode()) for name, text, _ in documents()]

    @classmethod
    def tearDownClass(cls):
        cls.oracle.end()

    def assert_same(self, document, pin, name):
        self.assertEqual(ours(document, pin), theirs(self.oracle, document, pin), f"{name}, pin {pin}: {document[:300]!r}")

    def compare_vectors(self):
        for name, document in self.documents:
            self.assert_same(document, None, name)
            claims = counterfoil.verify(document).claims
            if claims:
                other = {**claims, "heads": [{**head, "root": flipped(head["root"])} for head in claims["heads"]]}
                self.assert_same(document, claims, name)
                self.assert_same(document, other, name)

    def test_all_vectors_get_one_verdict(self):
        self.compare_vectors()

    def test_documents_and_pins_at_the_limits_get_one_verdict(self):
        receipt, lines = (next(text for name, text in self.documents if name == wanted) for wanted in ("receipt 6", "evidence 0"))
        first, rest = lines.split(b"\n", 1)
        wide, line = b" " * judge.MAX_TEXT_BYTES, evidence.MAX_LINE_BYTES - len(first) - 1
        open_list = '{"entries":[],"note":%s}'
        texts = [open_list % ("[" * depth + "]" * depth) for depth in (125, 126, 127, 128)]
        texts += [open_list % ('{"a":' * depth + "1" + "}" * depth) for depth in (125, 126, 127, 128)]
        texts += [open_list % value for value in (
            "NaN", "01", "1.", "-", "-0", "1e400", "9" * 5_000,
            '"\\ud83d\\ude00"', '"\\ud800"', '"\\ude00\\ud83d"', '"\\u 123"', '"\t"',
            '"\x7f"', "[1,]", '{"a":1,"\\u0061":2}', "\u00a01", '"\\/\\b\\f"')]
        texts += ["", "null", "[" * 1_000_000, '{"certificate":null,"events":[]}']
        texts += ['{"format":1,"second":{}}', '{"format":null,"certificate":{}}']
        documents = [text.encode() for text in texts] + [
            receipt + wide, receipt + b"\n" + wide, first + wide, lines + wide, lines + b"\n", lines + b" ", lines[:-1],
            b"\xff", b"\xef\xbb\xbf{}",
            lines.replace(b"\n", b"\r\n"), lines.replace(b"counterfoil", b"\\u0063ounterfoil", 1), receipt.decode().encode("utf-16"),
            first + b" " * line + b"\n" + rest, first + b" " * (line + 1) + b"\n" + rest,
        ]
        for document in documents:
            self.assert_same(document, None, "a limit")
        root = "0" * 64
        for pin in ({"ledger": "x"}, {"ledger": None}, {"note": 1}, {"heads": None}, {"heads": []}, {}, {"heads": [["entries", "1", root]]},
                    {"heads": [{"log": "entries", "size": "281474976710656", "root": root}]},
                    {"heads": [{"log": "events", "size": size, "root": root} for size in ("1", "2")]},
                    {"heads": [{"log": "events", "size": "1", "root": other} for other in (root, "1" * 64)]}):
            self.assert_same(receipt, pin, "a pin")

    def test_twin_a_verifier_that_compares_no_roots_fails_the_same_run(self):
        with mock.patch.object(merkle, "expect_root", lambda *_: None), self.assertRaises(AssertionError):
            self.compare_vectors()

    def test_twin_a_verifier_that_takes_each_head_for_a_pinned_one_fails_the_same_run(self):
        with mock.patch.object(judge, "compare_heads", lambda heads, *_: heads), self.assertRaises(AssertionError):
            self.compare_vectors()

    def test_random_changes_and_random_pins_get_one_verdict(self):
        draw, seed = seeded()
        true = [(name, text) for name, text in self.documents if counterfoil.verify(text).claims]
        pins = [pin_of(counterfoil.verify(text)) for _, text in true]
        words = set()
        for _ in range(COUNT):
            # Most documents of the vectors are false ones already.
            name, document = draw.choice(draw.choice([true, self.documents]))
            given, pin = changed(draw, document), random_pin(draw, pins, document)
            self.assert_same(given, pin, f"{seed}, {name}")
            words.add(ours(given, pin).get("verdict"))
        # One document in sixteen is verified, so that a run of this many that shows none compares too little.
        self.assertTrue(COUNT < 500 or {"verified", "refused", "cannot_tell"} <= words, seed)


def changed(draw, document):
    """A document with a few of its values or bytes changed, or as it was."""
    kind = draw.randrange(4)
    if kind == 0:
        return document
    if kind == 1:
        return changed_bytes(draw, document)
    texts = document.split(b"\n")
    at = draw.randrange(len(texts))
    try:
        value = json.loads(texts[at])
    except ValueError:
        return changed_bytes(draw, document)
    for _ in range(draw.randrange(1, 3)):
        value = changed_value(draw, value)
    texts[at] = json.dumps(value).encode()
    if kind == 3:
        draw.shuffle(texts) if draw.randrange(4) == 0 else texts.insert(at, draw.choice(texts))
    return b"\n".join(texts)


def changed_bytes(draw, document):
    data = bytearray(document)
    for _ in range(draw.randrange(1, 4)):
        if data:
            at = draw.randrange(len(data))
            data[at : at + draw.randrange(3)] = draw.choice([b"", bytes([draw.randrange(256)]), b"\\u0041", b"\xff", b'"', b"0"])
    return bytes(data)


VALUES = [
    None, True, 1, 1.5, "", "0", "1", "2", "00", "-1", " 1", "\u0661", "281474976710655", "281474976710656", "18446744073709551615",
    "18446744073709551616", [], {}, "0" * 64, "f" * 64, "F" * 64, "1" * 32, "1" * 64, "AA==", "AB==", "AA", "entries", "events",
    "counterfoil receipt v1", "counterfoil receipt v2", "counterfoil evidence v1", "counterfoil certificate v1",
]


def changed_value(draw, value):
    """Another value at a random place."""
    if isinstance(value, dict) and value and draw.randrange(8):
        name = draw.choice(list(value))
        if draw.randrange(8):
            return {**value, name: changed_value(draw, value[name])}
        if draw.randrange(2):
            return {member: inner for member, inner in value.items() if member != name}
        return {**value, draw.choice(["note", "head", "bridge", "statement", "salt", "proof"]): value[name]}
    if isinstance(value, list) and value and draw.randrange(8):
        at = draw.randrange(len(value))
        return draw.choice([
            value[:at] + [changed_value(draw, value[at])] + value[at + 1 :],
            value[:at] + value[at + 1 :],
            value[:at] + [value[at]] + value[at:],
            value[::-1],
        ])
    if isinstance(value, str) and value.isdigit() and draw.randrange(2):
        return str(max(int(value) + draw.choice([-1, 1]), 0))
    if isinstance(value, str) and len(value) > 20 and draw.randrange(2):
        at = draw.randrange(len(value))
        return value[:at] + draw.choice("0123456789abcdefABCDEFGH+/=é") + value[at + 1 :]
    return draw.choice(VALUES)


def random_pin(draw, pins, document):
    """No pin, one of this document or another one, or that with changes, which may be none that can be read."""
    claims = counterfoil.verify(document).claims
    pin = dict(claims if claims and draw.randrange(4) else draw.choice(pins))
    kind = draw.randrange(8)
    if kind == 0:
        return None
    if kind == 1:
        pin = changed_value(draw, pin)
        return {"note": None} if pin is None else pin
    if kind == 2:
        pin.pop(draw.choice(list(pin)))
    elif kind < 5:
        pin["heads"] = [dict(head) for head in pin["heads"] if draw.randrange(2)]
        for head in pin["heads"]:
            if draw.randrange(3) == 0:
                head[draw.choice(["size", "log"])] = draw.choice(["entries", "events", "1", "7", "12"])
    return pin


if __name__ == "__main__":
    unittest.main()
