"""The vectors v1, `docs/vectors/verdicts.json`: each document and pin gets the verdict of its rule, and shows what others show."""

import base64
import unittest
from unittest import mock

from support import vectors

import counterfoil
from counterfoil import judge, merkle


def cases():
    """Each vector: its rule's name, its verdict, the document, the pin, what a verdict shows and leaves unproven."""
    loaded = vectors("verdicts")
    for rule in loaded["rules"]:
        for vector in rule["vectors"]:
            text = loaded["documents"][vector["of"]]["text"].encode()
            insert = vector["insert"].encode() if "insert" in vector else base64.b64decode(vector["insert_base64"])
            document = text[: vector["at"]] + insert + text[vector["at"] + vector["remove"] :]
            pin = loaded["pins"][vector["pin"]] if "pin" in vector else None
            answer = loaded["answers"].get(vector.get("answer"), {"claims": None, "facts": None})
            yield f"{rule['rule']} of {vector['of']} at {vector['at']}", rule["verdict"], document, pin, answer


ALL = list(cases())


class Verdicts(unittest.TestCase):
    def hold(self):
        for name, verdict, document, pin, answer in ALL:
            found = counterfoil.verify(document, pin)
            self.assertEqual(found.verdict, verdict, f"{name}: {found.reason}")
            self.assertEqual({"claims": found.claims, "facts": found.facts}, answer, name)
        self.assertGreater(len(ALL), 2_000)

    def test_each_vector_gets_its_verdict(self):
        self.hold()

    def test_twin_roots_that_are_not_compared_fail_the_same_run(self):
        with mock.patch.object(merkle, "expect_root", lambda *_: None), self.assertRaises(AssertionError):
            self.hold()

    def test_twin_pins_that_are_not_compared_fail_the_same_run(self):
        with mock.patch.object(judge, "compare_heads", lambda heads, *_: heads), self.assertRaises(AssertionError):
            self.hold()


if __name__ == "__main__":
    unittest.main()
