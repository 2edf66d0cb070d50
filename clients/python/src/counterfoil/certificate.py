"""Pages of entries or events, each with the certificate that it is whole. Source: docs/protocol.md, section 7."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional

from .merkle import MAX_TREE_SIZE, ProofError, leaf_hash, verify_range
from .pin import Pin
from .reading import Maybe, Object, ReadError, data, digest, hashes, head, key, listed, log, number, text
from .receipt import MAX_ENTRY_BYTES
from .texts import to_base58
from .verdict import Claim, ClaimedHead, Comparison, Origin, refused, root_compared, unreadable

FORMAT = "counterfoil certificate v1"

_HIDDEN = ("members of the rows besides number, bytes and leaf hash; the certificate's slot",)


class _Row(NamedTuple):
    # Of the bytes their hash alone is kept: a list's memory does not grow with them.
    number: int
    length: int
    hash: bytes
    said: Optional[bytes]


def _hashed(value: Any) -> tuple[int, bytes]:
    found = data(value)
    return len(found), leaf_hash(found)


def _rows(number_name: str, bytes_name: str) -> Callable[[Any], Optional[list[_Row]]]:
    members = Object({bytes_name: _hashed, "leaf_hash": Maybe(digest), number_name: number}, is_open=True)

    def read_row(value: Any) -> _Row:
        row = members(value)
        length, found = row[bytes_name]
        return _Row(row[number_name], length, found, row.get("leaf_hash"))

    read = listed(read_row)
    return lambda value: None if value is None else read(value)


_CERTIFICATE = Object({
    "format": text,
    "genesis_hash": key,
    "program": key,
    "ledger": key,
    "log": log,
    "from": number,
    "to": number,
    "head": head,
    "slot": number,
    "proof": hashes,
})
_ROWS = {"entries": _rows("index", "payload"), "events": _rows("seq", "leaf")}
_PAGE = Object({"certificate": _CERTIFICATE, **{name: Maybe(read) for name, read in _ROWS.items()}}, is_open=True)


def verify(document: Any, pin: Pin, compared: list[Comparison]) -> Claim:
    """Verifies that a page is all leaves of its range."""
    try:
        page = _PAGE(document)
    except ReadError as error:
        raise unreadable("it is not a page with a certificate", error) from None
    certificate = page["certificate"]
    origin, name = Origin.of(certificate), certificate["log"]
    pin.expect(origin, compared)
    rows = page.get(name)
    if rows is None or page.get("events" if name == "entries" else "entries") is not None:
        raise refused("the list is not of the log that the certificate names", "certificate.log")
    leaves = _leaves(rows, name, certificate["from"])
    _expect_whole(certificate, leaves, name)
    first, end, shown = certificate["from"], certificate["to"], certificate["head"]
    return Claim(
        kind="certificate",
        origin=origin,
        what=f"{name} {first} up to {end} of ledger {to_base58(origin.ledger)}, all of them",
        heads=[ClaimedHead(name, shown, "certificate.head", "leaves")],
        compared=[root_compared("root that the list and the certificate lead to", shown)],
        facts={"log": name, "from": str(first), "to": str(end)},
        not_checked=_HIDDEN,
    )


def _leaves(rows: list[_Row], name: str, first: int) -> list[bytes]:
    """The rows' leaf hashes. The numbers and the hashes that rows say are shown to readers, so they must be the proven ones."""
    for at, row in enumerate(rows):
        if name == "entries" and not 1 <= row.length <= MAX_ENTRY_BYTES:
            raise refused(f"the entry has {row.length} bytes, not 1 to {MAX_ENTRY_BYTES}", f"entries[{at}].payload")
    for at, row in enumerate(rows):
        if row.number != first + at:
            raise refused(f"the row says number {row.number}, it stands at {first + at}", f"{name}[{at}]")
        if row.said not in (None, row.hash):
            raise refused("the row's leaf hash is not that of its bytes", f"{name}[{at}].leaf_hash")
    return [row.hash for row in rows]


def _expect_whole(certificate: dict[str, Any], leaves: list[bytes], name: str) -> None:
    first, end, shown = certificate["from"], certificate["to"], certificate["head"]
    if certificate["format"] != FORMAT:
        raise refused(f'the format is not "{FORMAT}"', "certificate.format")
    if shown.size > MAX_TREE_SIZE or first >= MAX_TREE_SIZE:
        raise refused("an index or a size is beyond the largest tree", "certificate.from or certificate.head")
    proven = "certificate.proof and the list"
    if end > shown.size:
        raise refused(f"the list is not the log's: it has no leaf {end - 1} in a tree of {shown.size} leaves", proven)
    if len(leaves) != max(end - first, 0):
        raise refused(f"the list has {len(leaves)} leaves, the certificate {max(end - first, 0)}", name)
    try:
        verify_range(shown, first, leaves, certificate["proof"])
    except ProofError as error:
        raise refused(f"the list is not the log's: {error}", proven) from None
