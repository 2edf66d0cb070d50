"""Promises of a gateway, and whether they were kept. Source: docs/protocol.md, section 10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Union

from . import evidence as evidence_lines
from . import receipt as receipts
from .ed25519 import is_signed
from .event import Event
from .judge import verify
from .merkle import MAX_TREE_SIZE, Head, ProofError, leaf_hash, verify_inclusion
from .pin import Pin
from .reading import Maybe, Object, ReadError, digest, hashes, key, number, of_text, parse, signature, text
from .statement import StatementError, read_statement
from .texts import from_base58, from_decimal, from_record_id, plain, to_base58
from .verdict import Fault, Origin, Verdict

FORMAT = "counterfoil promise v1"
#: All words on a promise.
WORDS = ("kept", "broken", "due", "cannot_tell")

_PROMISE = Object({
    "format": text,
    "genesis_hash": key,
    "program": key,
    "ledger": key,
    "from": number,
    "deadline": of_text(lambda value: from_decimal(value, 64, is_signed=True), "a number of 64 bits, signed, in decimal"),
    "records": Object({"count": number, "root": digest}),
    "copies": of_text(lambda value: from_decimal(value, 32), "a number of 32 bits in decimal"),
    "key": key,
    "signature": signature,
    "record": Maybe(Object({
        "index": number,
        "id": of_text(from_record_id, "a UUID of version 7"),
        "commitment": digest,
        "proof": hashes,
    })),
})


class PromiseError(Exception):
    """A promise that is not to be believed.

    `fault` is `unreadable`, `out_of_range`, `no_records`, `no_copies`, `not_signed`, `record` or `other_key`.
    """

    def __init__(self, fault: str, problem: str) -> None:
        super().__init__(plain(problem))
        self.fault = fault


@dataclass(frozen=True)
class Promise:
    """A promise that a pinned key signed."""

    origin: Origin
    #: The ledger's size at acceptance: no entry below it can be one of the records'.
    first: int
    #: The last second, since 1970, by the chain's clock.
    deadline: int
    count: int
    copies: int
    key: str
    #: Id and commitment of the record that it shows to be one of its own, if any.
    record: Optional[tuple[bytes, bytes]]


class Found(NamedTuple):
    """An entry that has the record, and the event that appended it."""

    entry: int
    seq: int
    slot: int
    unix_time: int


@dataclass(frozen=True)
class PromiseVerdict:
    """The word on a promise.

    `by_documents` is the word by the documents alone. `kept` and `broken` are the word itself where the pin shows that the
    documents are the chain's, which `rests_on` says; else the word is `cannot_tell`.
    """

    word: str
    reason: str
    by_documents: str
    found: Optional[Found] = None
    rests_on: Optional[Verdict] = None


def read_promise(document: bytes, keys: Iterable[str]) -> Promise:
    """Verifies a promise against the keys that the reader relies on, in base58, which come from elsewhere than the promise.

    Raises :class:`PromiseError`, and :class:`ValueError` where a key is none.
    """
    trusted = {from_base58(known, 32) for known in keys}
    if None in trusted:
        raise ValueError("a key is 32 bytes in base58")
    try:
        promise = _PROMISE(parse(document))
    except ReadError as error:
        place = f"{error.place}: " if error.place else ""
        raise PromiseError("unreadable", f"it is not a promise: {place}{error.problem}") from None
    if promise["format"] != FORMAT:
        raise PromiseError("unreadable", f'the format "{promise["format"]}" is not "{FORMAT}"')
    _expect_numbers(promise)
    signed_by = to_base58(promise["key"])
    if not is_signed(promise["key"], signing_bytes(promise), promise["signature"]):
        raise PromiseError("not_signed", f"{signed_by} did not sign it")
    record = _record_of(promise)
    if promise["key"] not in trusted:
        raise PromiseError("other_key", f"{signed_by} signed it, which is none of the keys that you rely on")
    count, copies = promise["records"]["count"], promise["copies"]
    return Promise(Origin.of(promise), promise["from"], promise["deadline"], count, copies, signed_by, record)


def signing_bytes(promise: Mapping[str, Any]) -> bytes:
    """The 179 bytes that the key signs, of a promise's members."""
    names: bytes = promise["genesis_hash"] + promise["program"] + promise["ledger"]
    numbers: bytes = promise["from"].to_bytes(8, "little") + promise["deadline"].to_bytes(8, "little", signed=True)
    records: bytes = promise["records"]["count"].to_bytes(8, "little") + promise["records"]["root"]
    copies: bytes = promise["copies"].to_bytes(4, "little")
    return FORMAT.encode() + b"\n" + names + numbers + records + copies


def _expect_numbers(promise: dict[str, Any]) -> None:
    if promise["from"] > MAX_TREE_SIZE or promise["records"]["count"] > MAX_TREE_SIZE:
        raise PromiseError("out_of_range", "a size is beyond the largest tree")
    if promise["records"]["count"] == 0:
        raise PromiseError("no_records", "it is of no record")
    if promise["copies"] == 0:
        raise PromiseError("no_copies", "it says that no machine held the records")


def _record_of(promise: dict[str, Any]) -> Optional[tuple[bytes, bytes]]:
    if "record" not in promise:
        return None
    record, records = promise["record"], promise["records"]
    if record["index"] >= MAX_TREE_SIZE:
        raise PromiseError("out_of_range", "the record's index is beyond the largest tree")
    leaf = leaf_hash(record["id"] + record["commitment"])
    try:
        verify_inclusion(Head(records["count"], records["root"]), record["index"], leaf, record["proof"])
    except ProofError as error:
        raise PromiseError("record", f"its record is not one of those that it is of: {error}") from None
    return record["id"], record["commitment"]


def judge_promise(
    promise: Promise,
    *,
    receipt: Optional[bytes] = None,
    evidence: Optional[bytes] = None,
    time: Optional[int] = None,
    pin: Union[Pin, Mapping[str, Any], bytes, str, None] = None,
) -> PromiseVerdict:
    """Tells whether a promise was kept, by a receipt or by evidence.

    `time` is the newest time of the chain that servers of the caller's choice showed, in seconds since 1970. `pin` has a head of
    the ledger's events: without one *kept* and *broken* are not shown. Raises :class:`counterfoil.PinError`.
    """
    if receipt is not None and evidence is not None:
        raise ValueError("give a receipt or evidence")
    pinned, findings = Pin.read(pin), _Findings(promise)
    try:
        if receipt is not None:
            findings.take_receipt(receipt)
        if evidence is not None:
            findings.take_evidence(evidence)
    except Fault as fault:
        return PromiseVerdict("cannot_tell", f"it proves nothing: {fault.reason}", "cannot_tell")
    word, reason, found = findings.word(time)
    if word not in ("kept", "broken"):
        return PromiseVerdict(word, reason, word, found)
    proof = receipt if receipt is not None else evidence
    rests_on = verify(proof or b"", pinned)
    if rests_on.verdict == "verified" and rests_on.facts and "event" in rests_on.facts:
        return PromiseVerdict(word, reason, word, found, rests_on)
    missing = f"{reason}; that it is the chain's is not shown: pin a head of the events that it leads to"
    return PromiseVerdict("cannot_tell", missing, word, found, rests_on)


class _Findings:
    """What was read about a promise."""

    def __init__(self, promise: Promise) -> None:
        self._promise = promise
        self._void: Optional[str] = None
        if promise.record is None:
            self._void = "the promise shows no record: its member `record` is needed"
        self._in_time: Optional[Found] = None
        self._late: Optional[Found] = None
        self._newest: Optional[int] = None
        self._last_time = -(1 << 63)
        self._range: Optional[dict[str, Any]] = None
        self._is_time_falling = False
        self._is_receipt = False

    def take_receipt(self, document: bytes) -> None:
        try:
            value = parse(document)
        except ReadError as error:
            raise Fault("refused", f"it is not one JSON text: {error.problem}") from None
        receipt = receipts.read(value)
        event = receipts.belong_together(receipt).event
        self._expect(Origin.of(receipt))
        self._take(event, None, b"")
        self._take(event, receipt["entry"]["index"], receipt["entry"]["payload"])
        self._is_receipt = True

    def take_evidence(self, document: bytes) -> None:
        self._range = evidence_lines.belong_together(document, self._expect, self._take)[0]

    def _expect(self, origin: Origin) -> None:
        if self._void is None and origin != self._promise.origin:
            self._void = "it is of another ledger, program or cluster than the promise"

    def _take(self, event: Event, index: Optional[int], payload: bytes) -> None:
        if self._void is not None:
            return
        if index is None:
            self._is_time_falling |= event.unix_time < self._last_time
            self._last_time = event.unix_time
            self._newest = event.unix_time if self._newest is None else max(self._newest, event.unix_time)
            return
        if self._has_record(payload):
            found = Found(index, event.seq, event.slot, event.unix_time)
            if event.unix_time <= self._promise.deadline:
                self._in_time = self._in_time or found
            else:
                self._late = self._late or found

    def _has_record(self, payload: bytes) -> bool:
        try:
            statement = read_statement(payload)
        except StatementError:
            return False
        if statement is None or not statement.is_for(*vars(self._promise.origin).values()):
            return False
        return (statement.record_id, statement.commitment) == self._promise.record

    def word(self, shown_time: Optional[int]) -> tuple[str, str, Optional[Found]]:
        deadline = self._promise.deadline
        if self._in_time:
            at = f"entry {self._in_time.entry} has the record, of second {self._in_time.unix_time}"
            return "kept", f"{at}, and the deadline is {deadline}", self._in_time
        gap = self._gap()
        if gap is None:
            late = f"; entry {self._late.entry} has it, too late" if self._late else ""
            return "broken", f"no entry up to the deadline, {deadline}, has the record{late}", self._late
        # Events alone do not tell how late it is: the chain's clock goes on without them.
        newest = shown_time if shown_time is None or self._newest is None else max(shown_time, self._newest)
        if newest is not None and newest <= deadline:
            return "due", f"the deadline is {deadline}, and it is {newest} by the chain's clock", None
        return "cannot_tell", gap, self._late

    def _gap(self) -> Optional[str]:
        """The part without which it cannot be told that no event up to the deadline has the record."""
        gap = self._void or self._gap_of_range()
        if self._late and gap:
            return (
                f"entry {self._late.entry} has the record, appended after the deadline: evidence of all entries from the "
                "promise's first one up to it is needed, for an earlier one may have it, too"
            )
        return gap

    def _gap_of_range(self) -> Optional[str]:
        if self._is_receipt:
            return "the receipt's entry does not have the record"
        if self._range is None:
            return "a receipt of the record is needed, or evidence"
        first, end = self._range["entries"]["from"], self._range["entries"]["to"]
        if not self._range["content"]:
            return "the evidence has entries by their hashes: one with their content is needed"
        if first > self._promise.first:
            return f"the evidence begins at entry {first}, after the first one that can be the record's"
        if end <= self._promise.first:
            return f"the evidence ends before entry {end}, and does not reach the first one that can be the record's"
        if self._is_time_falling:
            return "the times of the evidence's events fall, so that a later one may be within the deadline"
        if self._last_time <= self._promise.deadline:
            return f"the evidence ends with an event of second {self._last_time}, not after the deadline"
        return None
