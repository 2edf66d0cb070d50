"""Receipts. Source: docs/protocol.md, section 6."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from .event import Event, EventError, decode_leaf
from .merkle import MAX_TREE_SIZE, Head, ProofError, leaf_hash, verify_consistency, verify_inclusion
from .pin import Pin
from .reading import Maybe, Object, ReadError, data, hashes, head, key, number, signature, text
from .texts import plain, to_base58, to_base64
from .verdict import Claim, ClaimedHead, Comparison, Origin, cannot_tell, refused, root_compared, unreadable

FORMAT = "counterfoil receipt v2"
FORMAT_V1 = "counterfoil receipt v1"
#: The longest entry; the shortest has one byte.
MAX_ENTRY_BYTES = 65_535

_STATEMENT = ("statement", "content", "salt")
_RANGE = "entry.index, event.seq or a head"


def _present(value: Any) -> bool:
    if value is None:
        raise ReadError("null is no member: leave it out")
    return True


_RECEIPT = Object({
    "format": text,
    "genesis_hash": key,
    "program": key,
    "ledger": key,
    "entry": Object({"index": number, "payload": data, "proof": hashes}),
    "event": Object({"seq": number, "leaf": data, "proof": Maybe(hashes)}),
    "transaction": Maybe(signature),
    "bridge": Maybe(Object({"head": head, "consistency": hashes, "event_head": head, "event_proof": hashes})),
    "head": Maybe(head),
    "event_head": Maybe(head),
    **{member: Maybe(_present) for member in _STATEMENT},
})


class VerifiedReceipt(NamedTuple):
    """A receipt whose parts belong together."""

    leaf: bytes
    event: Event
    #: The head that the event states, where the entry is proven to be under it; always so in version 2.
    stated: Optional[Head]
    #: Later heads of the entries and of the events, which contain both.
    later: Optional[tuple[Head, Head]]


def verify(document: Any, pin: Pin, compared: list[Comparison]) -> Claim:
    """Verifies that a receipt's parts belong together."""
    receipt = read(document)
    origin = Origin.of(receipt)
    pin.expect(origin, compared)
    verified = belong_together(receipt)
    is_v1, stated, later = receipt["format"] == FORMAT_V1, verified.stated, verified.later
    prefix = "" if is_v1 else "bridge."
    heads, roots = [], []
    if stated:
        roots.append(root_compared("root over the entries that the event states", stated))
        # Of version 1 the stated head is the one in `head`.
        if not is_v1:
            heads.append(ClaimedHead("entries", stated, "event", "leaves"))
    if later:
        entries, events = later
        roots.append(root_compared("root over the entries of the later head", entries))
        roots.append(root_compared("root over the events", events))
        heads.append(ClaimedHead("entries", entries, f"{prefix}head", "leaves"))
        heads.append(ClaimedHead("events", events, f"{prefix}event_head", "both" if stated else "event"))
    entry = receipt["entry"]
    return Claim(
        kind="receipt",
        origin=origin,
        what=f"entry {entry['index']} of ledger {to_base58(origin.ledger)}",
        heads=heads,
        compared=roots,
        facts={
            "index": str(entry["index"]),
            "leaf_hash": verified.leaf.hex(),
            "payload": to_base64(entry["payload"]),
        },
        event=verified.event,
    )


def read(document: Any) -> dict[str, Any]:
    """Reads a receipt of either version; nothing in it is verified yet."""
    try:
        receipt = _RECEIPT(document)
        _expect_members(receipt)
    except ReadError as error:
        raise unreadable("it is not a receipt", error) from None
    return receipt


def _expect_members(receipt: dict[str, Any]) -> None:
    of_v1 = ["proof" in receipt["event"], "head" in receipt, "event_head" in receipt]
    of_v2 = any(member in receipt for member in ("transaction", "bridge", *_STATEMENT))
    if receipt["format"] not in (FORMAT, FORMAT_V1):
        found = plain(receipt["format"])
        raise ReadError(f'the format "{found}" is none that this version reads: "{FORMAT}", "{FORMAT_V1}"')
    is_v1 = receipt["format"] == FORMAT_V1
    if (is_v1 and (of_v2 or not all(of_v1))) or (not is_v1 and any(of_v1)):
        raise ReadError("the members are not those of its format")


def belong_together(receipt: dict[str, Any]) -> VerifiedReceipt:
    """Recomputes all that can be recomputed without the chain."""
    entry, event = receipt["entry"], _event_of(receipt)
    leaf, stated = leaf_hash(entry["payload"]), event.stated
    if receipt["format"] == FORMAT_V1:
        entries = receipt["head"]
        _expect_in_range(entries)
        _in_log("entry", "the entry is not in the log", entries, entry["index"], leaf, entry["proof"])
        if stated.size > entries.size or (stated.size == entries.size and stated.root != entries.root):
            raise refused("the receipt does not hold together: the event and the head contradict each other", "head")
        _in_events(receipt, "event.proof", receipt["event_head"], receipt["event"]["proof"])
        return VerifiedReceipt(leaf, event, stated if stated == entries else None, (entries, receipt["event_head"]))
    _in_log("entry", "the entry is not in the log", stated, entry["index"], leaf, entry["proof"])
    bridge, later = receipt.get("bridge"), None
    if bridge:
        _expect_in_range(bridge["head"])
        try:
            verify_consistency(stated, bridge["head"], bridge["consistency"])
        except ProofError as error:
            problem = f"the bridge's head does not extend the one that the event states: {error}"
            raise refused(f"the receipt does not hold together: {problem}", "bridge.consistency") from None
        _in_events(receipt, "bridge.event_proof", bridge["event_head"], bridge["event_proof"])
        later = (bridge["head"], bridge["event_head"])
    # After all else: what contradicts itself is refused, whatever it carries besides.
    for member in _STATEMENT:
        if member in receipt:
            reason = f"it carries a statement, by its member `{member}`, which this version does not read"
            raise cannot_tell(reason, member)
    return VerifiedReceipt(leaf, event, stated, later)


def _event_of(receipt: dict[str, Any]) -> Event:
    entry, seq = receipt["entry"], receipt["event"]["seq"]

    def fault(problem: str, where: str) -> Exception:
        return refused(f"the receipt does not hold together: {problem}", where)

    if entry["index"] >= MAX_TREE_SIZE or seq >= MAX_TREE_SIZE:
        raise fault("an index is beyond the largest tree", _RANGE)
    if not 1 <= len(entry["payload"]) <= MAX_ENTRY_BYTES:
        problem = f"the entry has {len(entry['payload'])} bytes, not 1 to {MAX_ENTRY_BYTES}"
        raise fault(problem, "entry.payload")
    try:
        event = decode_leaf(receipt["event"]["leaf"])
    except EventError as error:
        raise fault(f"the event cannot be read: {error}", "event.leaf") from None
    if not event.is_append:
        raise fault("the event is one that appends no entries", "event.leaf")
    if event.ledger != receipt["ledger"]:
        raise fault(f"the event is ledger {to_base58(event.ledger)}'s", "event.leaf")
    if event.seq != seq:
        raise fault(f"the event says that it is number {event.seq}", "event.seq")
    if not event.first_index <= entry["index"] < event.first_index + event.leaves:
        problem = f"the event appended {event.leaves} entries from {event.first_index} on, not this one"
        raise fault(problem, "entry.index")
    return event


def _expect_in_range(head: Head) -> None:
    if head.size > MAX_TREE_SIZE:
        raise refused(f"the receipt does not hold together: {head.size} is beyond the largest tree", _RANGE)


def _in_events(receipt: dict[str, Any], where: str, head: Head, proof: list[bytes]) -> None:
    _expect_in_range(head)
    leaf = leaf_hash(receipt["event"]["leaf"])
    _in_log(where, "the event is not in the event log", head, receipt["event"]["seq"], leaf, proof)


def _in_log(where: str, what: str, head: Head, index: int, leaf: bytes, proof: list[bytes]) -> None:
    try:
        verify_inclusion(head, index, leaf, proof)
    except ProofError as error:
        raise refused(f"the receipt does not hold together: {what}: {error}", where) from None
