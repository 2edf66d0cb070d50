"""The pin: what the verifier relies on, and took from elsewhere than the document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Union

from .merkle import MAX_TREE_SIZE, Head
from .reading import Maybe, Object, ReadError, digest, key, listed, log, number, parse
from .texts import to_base58
from .verdict import Comparison, Fault, Origin, VerifierError, refused

_NAMES = {"genesis_hash": "genesis hash", "program": "program", "ledger": "ledger"}
_PINNED_HEAD = Object({"log": log, "size": number, "root": digest})
_PIN = Object({**{name: Maybe(key) for name in _NAMES}, "heads": Maybe(listed(_PINNED_HEAD))})


class PinError(VerifierError):
    """A pin that cannot be read: that is its author's fault, and no verdict."""


@dataclass(frozen=True)
class Pin:
    """A pin; each part may be absent, and nothing of it is ever filled from the document."""

    genesis_hash: Optional[bytes] = None
    program: Optional[bytes] = None
    ledger: Optional[bytes] = None
    #: Heads of the pinned ledger, as the verifier knows them from the chain, each with the log that it is of.
    heads: tuple[tuple[str, Head], ...] = ()

    @classmethod
    def read(cls, pin: Union["Pin", Mapping[str, Any], bytes, str, None]) -> "Pin":
        """Reads a pin from JSON, or from the same as a mapping; none is one without parts.

        Raises :class:`PinError` when it is none.
        """
        if pin is None or isinstance(pin, Pin):
            return pin or cls()
        # A list of pairs, or none, is a mapping to `dict`, and no pin.
        if not isinstance(pin, (bytes, str, Mapping)):
            raise PinError("the pin cannot be read: it is a mapping, or JSON")
        try:
            given = pin if isinstance(pin, (bytes, str)) else json.dumps(dict(pin))
            found = _PIN(parse(given.encode("utf-8") if isinstance(given, str) else given))
        except ReadError as error:
            place = f"{error.place}: " if error.place else ""
            raise PinError(f"the pin cannot be read: {place}{error.problem}") from None
        except (RecursionError, TypeError, ValueError) as error:
            raise PinError(f"the pin cannot be read: {error}") from None
        heads = tuple((head["log"], Head(head["size"], head["root"])) for head in found.pop("heads", ()))
        roots: dict[tuple[str, int], bytes] = {}
        for of, head in heads:
            if head.size > MAX_TREE_SIZE:
                raise PinError(f"the pin cannot be read: {head.size} is beyond the largest tree")
            if roots.setdefault((of, head.size), head.root) != head.root:
                raise PinError(f"the pin cannot be read: two heads have {head.size} leaves and two roots")
        return cls(heads=heads, **found)

    def expect(self, origin: Origin, compared: list[Comparison]) -> None:
        """Compares the names that a document gives itself with the pinned ones."""
        for name, what in _NAMES.items():
            expected = getattr(self, name)
            if expected is not None:
                compared.append(compare(what, to_base58(getattr(origin, name)), to_base58(expected)))
                if not compared[-1].equal:
                    raise _other(compared[-1], name)


def compare(what: str, found: str, expected: str) -> Comparison:
    """Compares what a document says with what was pinned."""
    return Comparison(what, found, expected, "pin", found == expected)


def _other(comparison: Comparison, where: str) -> Fault:
    what, found, expected = comparison.what, comparison.found, comparison.expected
    return refused(f"it is of {what} {found}, you pinned {expected}", where)
