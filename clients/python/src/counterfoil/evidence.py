"""Evidence, line by line. Source: docs/protocol.md, section 8."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional, TypeVar

from .event import Event, EventError, decode_leaf
from .merkle import MAX_TREE_SIZE, Head, ProofError, RangeVerifier, leaf_hash, verify_consistency
from .pin import Pin
from .reading import Maybe, Object, ReadError, data, digest, flag, hashes, head, key, number, parse, signature, text
from .receipt import MAX_ENTRY_BYTES
from .texts import to_base58
from .verdict import Claim, ClaimedHead, Comparison, Origin, cannot_tell, refused, root_compared, unreadable

FORMAT = "counterfoil evidence v1"
#: The longest line, with its end.
MAX_LINE_BYTES = 1 << 20

_RANGE = Object({"from": number, "to": number, "head": head, "proof": hashes})
_HEADER = Object({
    "format": text,
    "genesis_hash": key,
    "program": key,
    "ledger": key,
    "entries": _RANGE,
    "events": _RANGE,
    "content": flag,
    "transaction": Maybe(signature),
    "bridge": Maybe(Object({"head": head, "consistency": hashes})),
})
_MEMBERS = Object({
    "event": Maybe(Object({"seq": number, "leaf": data})),
    "entry": Maybe(Object({"index": number, "payload": data})),
    "leaf": Maybe(Object({"index": number, "hash": digest})),
    "end": Maybe(Object({"entries": number, "events": number})),
})

#: Takes each entry that has its bytes, with its index and the event that appended it; see :func:`belong_together`.
Taker = Callable[[Event, Optional[int], bytes], None]


def verify(document: bytes, pin: Pin, compared: list[Comparison]) -> Claim:
    """Verifies that evidence holds together."""
    header, last, later = belong_together(document, lambda origin: pin.expect(origin, compared))
    ledger, entries, events = to_base58(header["ledger"]), header["entries"], header["events"]
    heads = [ClaimedHead("entries", last.stated, "entries.head", "leaves")]
    if "bridge" in header:
        heads.append(ClaimedHead("entries", later, "bridge.head", "leaves"))
    heads.append(ClaimedHead("events", events["head"], "events.head", "both"))
    how = "with their bytes" if header["content"] else "by their hashes"
    before = events["to"] - events["from"] - 1
    return Claim(
        kind="evidence",
        origin=Origin.of(header),
        what=f"entries {entries['from']} up to {entries['to']} of ledger {ledger}, all of them, {how}",
        heads=heads,
        compared=[
            root_compared("root that the entries and their proof lead to", last.stated),
            root_compared("root that the events and their proof lead to", events["head"]),
        ],
        facts={"log": "entries", "from": str(entries["from"]), "to": str(entries["to"])},
        event=last,
        not_checked=(f"{before} events before the last are in the file, and not shown here",) if before else (),
    )


def belong_together(
    document: bytes, expect: Callable[[Origin], None], take: Optional[Taker] = None
) -> tuple[dict[str, Any], Event, Head]:
    """Reads all lines. Gives the first, the last event, and the later head of the entries.

    `expect` compares the names first. `take` gets each event, without index and bytes, and each entry that has its bytes, in
    their order: nothing of them is verified until this function returns.
    """
    lines = _lines(document)
    header = _read_line(_HEADER, *next(lines, (b"", 1)))
    expect(Origin.of(header))
    verifier = _Verifier(header, take)
    for line, at in lines:
        members = _read_line(_read_members, line, at)
        try:
            is_last = verifier.push(members)
        except (EventError, ProofError, _WrongLine) as error:
            raise refused(f"it does not hold together with the lines before it: {error}", f"line {at}") from None
        if is_last:
            break
    else:
        raise cannot_tell("it was cut off: it has no last line. Fetch it again")
    for _, at in lines:
        raise refused("it goes on after its last line", f"line {at}")
    return header, verifier.finish(), verifier.later


def _lines(document: bytes) -> Iterator[tuple[bytes, int]]:
    begin, at = 0, 0
    while begin < len(document):
        end, at = document.find(b"\n", begin) + 1 or len(document), at + 1
        yield document[begin:end], at
        begin = end


def _read_line(read: Callable[[Any], Any], line: bytes, at: int) -> Any:
    if len(line) > MAX_LINE_BYTES:
        raise refused(f"a line has at most {MAX_LINE_BYTES} bytes", f"line {at}")
    try:
        return read(parse(line))
    except ReadError as error:
        where = f"line {at}, {error.place}" if error.place else f"line {at}"
        raise unreadable("it is no line of evidence", ReadError(error.problem, where)) from None


def _read_members(value: Any) -> tuple[str, dict[str, Any]]:
    members = _MEMBERS(value)
    if len(members) != 1:
        raise ReadError("a line has one member: `event`, `entry`, `leaf` or `end`")
    return next(iter(members.items()))


class _WrongLine(Exception):
    """A line that stands where another belongs."""


class _Verifier:
    """Evidence that is being read, in memory that does not grow with it."""

    def __init__(self, header: dict[str, Any], take: Optional[Taker]) -> None:
        entries, events = header["entries"], header["events"]
        self._ledger, self._has_content, self._take = header["ledger"], header["content"], take
        self._entries_of, self._events_of = entries, events
        for of in (entries, events):
            _expect_in_range(of["head"].size <= MAX_TREE_SIZE)
        self.later: Head = entries["head"]
        if "bridge" in header:
            self.later = header["bridge"]["head"]
            _expect_in_range(self.later.size <= MAX_TREE_SIZE)
            consistency = header["bridge"]["consistency"]
            _hold(lambda: verify_consistency(entries["head"], self.later, consistency), "bridge")
        self._entries = _begin(entries, "entries")
        self._events = _begin(events, "events")
        self._next, self._seq = entries["from"], events["from"]
        # The entries that the last append covers end here.
        self._covered = entries["from"]
        self._last: Optional[Event] = None

    def push(self, line: tuple[str, dict[str, Any]]) -> bool:
        """Takes the next line; whether it was the last."""
        kind, members = line
        if kind == "event":
            self._push_event(members["seq"], members["leaf"])
        elif kind == "end":
            self._push_end(members)
            return True
        elif (kind == "entry") != self._has_content:
            raise _WrongLine("an entry " + ("with its bytes" if self._has_content else "by its leaf hash") + " belongs here")
        elif kind == "leaf":
            self._push_leaf(members["index"], members["hash"])
        else:
            payload = members["payload"]
            if not 1 <= len(payload) <= MAX_ENTRY_BYTES:
                raise _WrongLine(f"entry {members['index']} does not have 1 to {MAX_ENTRY_BYTES} bytes")
            self._push_leaf(members["index"], leaf_hash(payload))
            if self._take and self._last:
                self._take(self._last, members["index"], payload)
        return False

    def finish(self) -> Event:
        """Ends after the last line; gives the event that appended the last of the entries."""
        _hold(self._entries.finish, "entries")
        _hold(self._events.finish, "events")
        last = self._last
        # An append after it may state a head of the entries, too, and says nothing of them.
        if last is None or not last.is_append or last.first_index >= self._entries_of["to"]:
            raise refused(_TOGETHER + "the event that appended the last entry does not stand as the last", "the last line")
        if last.stated != self._entries_of["head"]:
            raise refused(_TOGETHER + "the last event does not state the entries' head", "entries")
        return last

    def _push_leaf(self, index: int, leaf: bytes) -> None:
        if index != self._next or index >= self._covered:
            raise _WrongLine(self._expected())
        self._next += 1
        self._entries.push(leaf)

    def _push_event(self, seq: int, leaf: bytes) -> None:
        event = decode_leaf(leaf)
        if event.ledger != self._ledger:
            raise _WrongLine(f"an event is ledger {to_base58(event.ledger)}'s")
        is_next = event.seq == seq == self._seq < self._events_of["to"]
        if not is_next or self._next < self._covered:
            raise _WrongLine(self._expected())
        # The first event appends the first entry; each event after it begins where the one before ended.
        if self._last is None:
            follows = event.is_append and event.first_index <= self._next < event.stated.size
        else:
            follows = event.first_index == self._last.stated.size
        if not follows:
            raise _WrongLine("the event that appended the next entry belongs here")
        if event.is_append:
            self._covered = min(event.stated.size, self._entries_of["to"])
        self._seq += 1
        self._events.push(leaf_hash(leaf))
        self._last = event
        if self._take:
            self._take(event, None, b"")

    def _push_end(self, counts: dict[str, int]) -> None:
        entries, events = self._entries_of, self._events_of
        if self._next != entries["to"] or self._seq != events["to"]:
            raise _WrongLine(self._expected())
        expected = {"entries": entries["to"] - entries["from"], "events": events["to"] - events["from"]}
        if counts != expected:
            raise _WrongLine("the last line says another count of lines")

    def _expected(self) -> str:
        if self._next < self._covered:
            return "an entry that the event before it appended belongs here"
        return ("the next event" if self._seq < self._events_of["to"] else "the end") + " belongs here"


_Shown = TypeVar("_Shown")
_TOGETHER = "the evidence does not hold together: "


def _expect_in_range(is_in_range: bool) -> None:
    if not is_in_range:
        raise refused(_TOGETHER + "an index or a size is beyond the largest tree", "entries or events")


def _begin(of: dict[str, Any], where: str) -> RangeVerifier:
    _expect_in_range(of["from"] < MAX_TREE_SIZE)
    return _hold(lambda: RangeVerifier(of["head"], of["from"], of["proof"]), where)


def _hold(prove: Callable[[], _Shown], where: str) -> _Shown:
    try:
        return prove()
    except ProofError as error:
        raise refused(f"{_TOGETHER}{error}", where) from None
