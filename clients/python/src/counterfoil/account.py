"""A ledger's account, which holds the heads that a verifier pins. Source: docs/protocol.md, section 3."""

from __future__ import annotations

from dataclasses import replace

from .merkle import MAX_TREE_SIZE, Head, Tree
from .pin import Pin

BYTES = 4_048
_DISCRIMINATOR, _VERSION = bytes.fromhex("2b2915d5b4b05f20"), 1
_LEVELS, _RING = 48, 16


class AccountError(Exception):
    """Bytes that are no ledger's account."""


def pin_of_account(data: bytes, *, genesis_hash: str, program: str, ledger: str) -> Pin:
    """The pin of the heads that a ledger's account holds: the newest of both logs, and those of its ring.

    Read the account from servers of your own choice, finalized, and see to it that `program` owns it and that they are of the
    cluster: nothing here can tell. Raises :class:`AccountError`, and :class:`counterfoil.PinError` where a name is no key.
    """
    if len(data) != BYTES or data[:8] != _DISCRIMINATOR or data[8] != _VERSION:
        raise AccountError("these bytes are no ledger's account of this version")
    entries, events = _head(data, 144, 208), _head(data, 160, 1_744)
    written = min(_number(data, 168), _RING)
    ring = [Head(_number(data, at), data[at + 8 : at + 40]) for at in range(3_280, 3_280 + 40 * written, 40)]
    if written and entries not in ring:
        raise AccountError("the account contradicts itself: its ring does not have its newest head")
    heads = dict.fromkeys([("entries", entries), *(("entries", head) for head in ring), ("events", events)])
    names = Pin.read({"genesis_hash": genesis_hash, "program": program, "ledger": ledger})
    return replace(names, heads=tuple(heads))


def _head(data: bytes, size_at: int, frontier_at: int) -> Head:
    size = _number(data, size_at)
    if size > MAX_TREE_SIZE:
        raise AccountError(f"{size} is beyond the largest tree")
    tree = Tree()
    for level in reversed(range(_LEVELS)):
        if size >> level & 1:
            at = frontier_at + 32 * level
            tree.append(data[at : at + 32], level)
    return tree.head()


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")
