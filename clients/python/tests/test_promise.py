"""Promises and statements get the verdicts of the vectors."""

import json
import unittest
from unittest import mock

from support import altered, lines, pin_of, vectors

import counterfoil
from counterfoil import account, merkle, promise, statement
from counterfoil.promise import PromiseError, judge_promise, read_promise
from counterfoil.statement import StatementError, read_statement
from counterfoil.texts import from_base58

PROMISE, STATEMENT, PROGRAM = vectors("promise"), vectors("statement"), vectors("program")
KEYS = [PROMISE["pinned"]]


def fault_of(text, keys=KEYS):
    try:
        read_promise(text.encode(), keys)
    except PromiseError as error:
        return error.fault
    return "believed"


def proofs(case):
    receipt = case["receipt"] and json.dumps(case["receipt"]).encode()
    evidence = case["evidence"] and lines(map(json.dumps, case["evidence"])).encode()
    return {"receipt": receipt, "evidence": evidence, "time": case["time"] and int(case["time"])}


class Promises(unittest.TestCase):
    def hold(self):
        for case in PROMISE["promises"]:
            self.assertEqual(fault_of(json.dumps(case["promise"])), "believed")
        for case in PROMISE["alterations"]:
            text = json.dumps(altered(PROMISE["promises"][case["of"]]["promise"], case["path"], case["value"]))
            self.assertEqual(fault_of(text), case["refused"], case)
        for text in PROMISE["unreadable"]:
            self.assertEqual(fault_of(text), "unreadable", text)

    def test_each_promise_is_believed_or_refused_as_the_vectors_say(self):
        self.hold()

    def test_twin_comparisons_that_are_left_out_fail_the_same_run(self):
        for name in ("is_signed", "verify_inclusion"):
            with mock.patch.object(promise, name, lambda *_: True), self.assertRaises(AssertionError):
                self.hold()

    def test_a_promise_by_no_known_key_is_not_believed(self):
        self.assertEqual(fault_of(json.dumps(PROMISE["promises"][0]["promise"]), []), "other_key")
        with self.assertRaises(ValueError):
            read_promise(b"", ["no key"])

    def hold_words(self):
        for case in PROMISE["verdicts"]:
            promised = read_promise(json.dumps(case["promise"]).encode(), KEYS)
            given = proofs(case)
            found = judge_promise(promised, **given)
            self.assertEqual(found.by_documents, case["verdict"], f"{case['name']}: {found.reason}")
            # Anybody can make documents: without a pinned head they show neither.
            expected = "cannot_tell" if case["verdict"] in ("kept", "broken") else case["verdict"]
            self.assertEqual(found.word, expected, case["name"])
            document = given["receipt"] or given["evidence"]
            if expected == case["verdict"] or not document:
                continue
            claims = pin_of(counterfoil.verify(document))
            pinned = judge_promise(promised, **given, pin=claims)
            is_event_claimed = any(head["log"] == "events" for head in claims["heads"])
            self.assertEqual(pinned.word, case["verdict"] if is_event_claimed else "cannot_tell", case["name"])

    def test_each_promise_was_kept_or_not_as_the_vectors_say(self):
        self.hold_words()

    def test_twin_a_pin_that_is_not_asked_for_fails_the_same_run(self):
        shown = counterfoil.Verdict("verified", "", facts={"event": {}})
        with mock.patch.object(promise, "verify", lambda *_: shown), self.assertRaises(AssertionError):
            self.hold_words()

    def test_twin_a_record_that_is_not_compared_fails_the_same_run(self):
        with mock.patch.object(promise._Findings, "_has_record", lambda *_: True), self.assertRaises(AssertionError):
            self.hold_words()

    def test_a_document_that_does_not_hold_together_proves_nothing(self):
        case = next(case for case in PROMISE["verdicts"] if case["verdict"] == "broken")
        promised = read_promise(json.dumps(case["promise"]).encode(), KEYS)
        with mock.patch.object(merkle, "expect_root", lambda *_: None):
            self.assertEqual(judge_promise(promised, **proofs(case)).by_documents, "broken", "twin: it does where roots are equal")
        case = altered(case, ["evidence", "0", "entries", "head", "root"], "0" * 64)
        self.assertEqual(judge_promise(promised, **proofs(case)).by_documents, "cannot_tell")
        with self.assertRaises(ValueError):
            judge_promise(promised, receipt=b"", evidence=b"")


class Statements(unittest.TestCase):
    HERE = [from_base58(STATEMENT["here"][name], 32) for name in ("genesis_hash", "program", "ledger")]

    def word(self, entry):
        try:
            found = read_statement(entry)
        except StatementError:
            return "malformed"
        if found is None:
            return "raw"
        if not found.is_for(*self.HERE):
            return "elsewhere"
        return "not_signed" if found.signature and not found.is_signature_true() else "statement"

    def hold(self):
        for case in STATEMENT["entries"]:
            self.assertEqual(self.word(bytes.fromhex(case["entry"])), case["is"], case)

    def test_each_entry_is_what_the_vectors_say(self):
        self.hold()

    def test_twin_a_signature_that_is_not_checked_fails_the_same_run(self):
        with mock.patch.object(statement, "is_signed", lambda *_: True), self.assertRaises(AssertionError):
            self.hold()

    def test_the_values_of_statements_are_those_of_the_vectors(self):
        for case in STATEMENT["statements"]:
            found, expected = read_statement(bytes.fromhex(case["entry"])), case["statement"]
            told = {"commitment": found.commitment.hex(), "content_type": found.content_type, "stream": found.stream.hex(),
                    "author_time_ms": str(found.author_time_ms), "sequence": str(found.sequence),
                    "subject": found.subject and found.subject.hex(), "previous": found.previous and found.previous.hex()}
            self.assertEqual(told, {name: expected[name] for name in told})
            self.assertEqual(found.signing_text, case["signing_text"])


class Accounts(unittest.TestCase):
    NAMES = {name: PROGRAM["program"] for name in ("genesis_hash", "program", "ledger")}

    def test_an_account_gives_the_heads_that_the_vectors_say(self):
        steps = [step["account"] for step in PROGRAM["steps"] if step.get("account")]
        for step in steps:
            pin, fields = account.pin_of_account(bytes.fromhex(step["data"]), **self.NAMES), step["fields"]
            self.assertEqual(pin.heads[0], ("entries", (int(fields["size"]), bytes.fromhex(fields["root"]))))
            self.assertEqual(pin.heads[-1], ("events", (int(fields["event_seq"]), bytes.fromhex(fields["event_root"]))))
        self.assertGreater(len(pin.heads), 3)

    def test_other_bytes_are_no_account(self):
        data = bytes.fromhex(PROGRAM["steps"][3]["account"]["data"])
        ring = bytearray(data)
        ring[3_280 + 40 + 8] ^= 1
        for other in (data[:-1], b"\0" + data[1:], data[:8] + b"\2" + data[9:], bytes(ring), data[:144] + b"\xff" * 8 + data[152:]):
            with self.assertRaises(account.AccountError):
                account.pin_of_account(other, **self.NAMES)


if __name__ == "__main__":
    unittest.main()
