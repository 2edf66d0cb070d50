"""Statements: an author's word on a record. Source: docs/protocol.md, section 9."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, NamedTuple, Optional

from .ed25519 import is_signed

TAG = bytes.fromhex("da43665331")

_TOKEN = r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_CONTENT_TYPE = re.compile(f"{_TOKEN}/{_TOKEN}(?: *; *{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*")
# The lengths of the members that are byte strings, by their keys.
_LENGTHS = {1: 32, 2: 32, 3: 32, 4: 16, 5: 32, 8: 32, 9: 32, 11: 32}
_REQUIRED, _OPTIONAL = {1, 2, 3, 4, 5, 6, 7, 8, 10}, {9, 11}


class StatementError(Exception):
    """An entry that begins as a statement and is none: raw bytes that pretend. None of its values may be shown."""


class Statement(NamedTuple):
    """A statement; whose it is, the signature says, or the event that appended it."""

    genesis_hash: bytes
    program: bytes
    ledger: bytes
    record_id: bytes
    commitment: bytes
    content_type: str
    author_time_ms: int
    stream: bytes
    subject: Optional[bytes]
    sequence: int
    previous: Optional[bytes]
    #: The text that an author signs.
    signing_text: str
    #: The author's key and signature.
    signature: Optional[tuple[bytes, bytes]]

    def is_for(self, genesis_hash: bytes, program: bytes, ledger: bytes) -> bool:
        """Whether it is for this ledger: anybody who may append can append it to another one."""
        return (self.genesis_hash, self.program, self.ledger) == (genesis_hash, program, ledger)

    def is_signature_true(self) -> bool:
        """Whether the key that it names signed it; false where it names none."""
        if self.signature is None:
            return False
        return is_signed(self.signature[0], self.signing_text.encode("ascii"), self.signature[1])


def read_statement(entry: bytes) -> Optional[Statement]:
    """The statement that an entry is; none where it is raw bytes.

    Raises :class:`StatementError` where it begins as one and is not the one encoding of one.
    """
    if not entry.startswith(TAG):
        return None
    cbor = _Cbor(entry[len(TAG) :])
    parts = cbor.head(4)
    _need(parts in (1, 2), "it has one element, or two")
    inner, signature = cbor.bytes(), None
    if parts == 2:
        _need(cbor.head(4) == 2, "a signature is a key and the signature")
        signature = (cbor.bytes(32), cbor.bytes(64))
    cbor.end()
    members = _read_members(inner)
    values: list[Any] = [members.get(key) for key in range(1, 12)]
    return Statement._make([*values, "counterfoil statement v1\n" + sha256(inner).hexdigest(), signature])


def _read_members(inner: bytes) -> dict[int, Any]:
    cbor, last = _Cbor(inner), 0
    members: dict[int, Any] = {}
    for _ in range(cbor.head(5)):
        key = cbor.head(0)
        _need(last < key <= 11, "its keys are unknown or out of order")
        last = key
        if key == 6:
            members[key] = cbor.content_type()
        elif key in _LENGTHS:
            members[key] = cbor.bytes(_LENGTHS[key])
        else:
            members[key] = cbor.head(0)
    cbor.end()
    _need(set(members) | _OPTIONAL == _REQUIRED | _OPTIONAL, "a member is missing")
    _need(members[4][6] >> 4 == 7 and members[4][8] >> 6 == 2, "its record id is no UUID of version 7")
    _need(members[7] < 1 << 63, "its time is out of range")
    _need((members[10] == 0) == (11 not in members), "the first statement of a stream alone has none before it")
    return members


class _Cbor:
    """A reader that takes the deterministic encoding alone. Source: RFC 8949 section 4.2.1."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        _need(count <= len(self._data) - self._at, "it was cut off")
        self._at += count
        return self._data[self._at - count : self._at]

    def head(self, major: int) -> int:
        first = self.take(1)[0]
        _need(first >> 5 == major, "a value of another type stands there")
        short = first & 31
        if short < 24:
            return short
        _need(short < 28, "a length is indefinite or reserved")
        number = int.from_bytes(self.take(1 << (short - 24)), "big")
        _need(number >= (24, 1 << 8, 1 << 16, 1 << 32)[short - 24], "a head is longer than it has to be")
        return number

    def bytes(self, count: Optional[int] = None) -> bytes:
        length = self.head(2)
        _need(count in (None, length), "a byte string has another length")
        return self.take(length)

    def content_type(self) -> str:
        text = self.take(self.head(3))
        _need(1 <= len(text) <= 127 and text.isascii(), "its content type has 1 to 127 bytes of ASCII")
        _need(bool(_CONTENT_TYPE.fullmatch(text.decode("ascii"))), "its content type is no media type")
        return text.decode("ascii")

    def end(self) -> None:
        _need(self._at == len(self._data), "bytes follow it")


def _need(condition: bool, problem: str) -> None:
    if not condition:
        raise StatementError(problem)
