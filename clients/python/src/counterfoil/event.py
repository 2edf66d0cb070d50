"""Events by their leaves. Source: docs/protocol.md, section 2."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from .merkle import MAX_TREE_SIZE, Head

# Ledger, number, slot, time, signer, first index, count, size, root: the header, after the kind.
_HEADER = Struct("<8s32sQQq32sQQQ32s")
_ENTRIES, _SUBTREES = bytes.fromhex("f3a80463435d2aa5"), bytes.fromhex("b62d6df3e004e071")
# The bytes that follow each kind's header; those of the subtrees' hashes follow these.
_BODIES = {
    _ENTRIES: 0,
    _SUBTREES: 4,
    bytes.fromhex("d22b87952baecbc7"): 36,
    bytes.fromhex("090d9a578a05029a"): 44,
    bytes.fromhex("2b12afe1da5e675e"): 32,
    bytes.fromhex("f4755e7035972359"): 32,
    bytes.fromhex("a6c0dbbc29d1c31a"): 32,
    bytes.fromhex("45d74fc8fbf7e4da"): 0,
    bytes.fromhex("9d9ba47783850eb6"): 0,
}


class EventError(Exception):
    """Bytes that are no event."""


class Event(NamedTuple):
    """An event; nothing in it is verified yet."""

    is_append: bool
    ledger: bytes
    seq: int
    slot: int
    unix_time: int
    signer: bytes
    first_index: int
    #: How many leaves it appended.
    leaves: int
    stated: Head


def decode_leaf(leaf: bytes) -> Event:
    """Reads kind, header and body, whole. The entries of an append are outside of it."""
    if len(leaf) < _HEADER.size:
        raise EventError("the event ends inside a field")
    kind, ledger, seq, slot, unix_time, signer, first_index, leaves, size, root = _HEADER.unpack_from(leaf)
    if kind not in _BODIES:
        raise EventError(f"the event is of unknown kind {kind.hex()}; a newer program may need a newer verifier")
    length = _HEADER.size + _BODIES[kind]
    if kind == _SUBTREES and len(leaf) >= length:
        length += 32 * int.from_bytes(leaf[length - 4 : length], "little")
    if len(leaf) != length:
        raise EventError("the event ends inside a field" if len(leaf) < length else "bytes follow the event")
    if seq >= MAX_TREE_SIZE or first_index > MAX_TREE_SIZE or size > MAX_TREE_SIZE:
        raise EventError("an index or a size is beyond the largest tree")
    is_append = kind in (_ENTRIES, _SUBTREES)
    return Event(is_append, ledger, seq, slot, unix_time, signer, first_index, leaves, Head(size, root))
