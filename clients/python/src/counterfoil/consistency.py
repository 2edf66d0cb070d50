"""Consistency proofs, as the API answers them."""

from __future__ import annotations

from typing import Any

from .merkle import MAX_TREE_SIZE, ProofError, verify_consistency
from .reading import Object, ReadError, hashes, head, log
from .verdict import Claim, ClaimedHead, refused, root_compared, unreadable

_CONSISTENCY = Object({"log": log, "first": head, "second": head, "proof": hashes})
_PLACES = {
    "shrinks": "first.size and second.size",
    "root_mismatch": "first.root and proof",
    "second_root_mismatch": "second.root and proof",
}


def verify(document: Any) -> Claim:
    """Verifies that the second head extends the first."""
    try:
        answer = _CONSISTENCY(document)
    except ReadError as error:
        raise unreadable("it is not a consistency proof", error) from None
    first, second, name = answer["first"], answer["second"], answer["log"]
    for place in ("first", "second"):
        if answer[place].size > MAX_TREE_SIZE:
            raise refused(f"{answer[place].size} is beyond the largest tree", place)
    try:
        verify_consistency(first, second, answer["proof"])
    except ProofError as error:
        reason = f"the second head does not extend the first: {error}"
        raise refused(reason, _PLACES.get(error.fault, "proof")) from None
    # Every log extends the empty one.
    shows = "start" if first.size == 0 < second.size else "leaves"
    return Claim(
        kind="consistency",
        origin=None,
        what=f"the log of {second.size} {name} begins with the {first.size} of the first head",
        heads=[ClaimedHead(name, first, "first", "start"), ClaimedHead(name, second, "second", shows)],
        compared=[
            root_compared("root of the first head", first),
            root_compared("root of the second head, which extends it", second),
        ],
        facts={"log": name, "from": str(first.size), "to": str(second.size)},
        not_checked=("of which ledger the heads are: a consistency proof names none",),
    )
