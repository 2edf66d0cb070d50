"""The verdict, and what it is made of."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Optional

from .event import Event
from .merkle import Head
from .reading import ReadError
from .texts import plain, to_base58

#: All verdicts that there are.
WORDS = ("verified", "refused", "cannot_tell", "consistent")
#: The kinds of documents.
KINDS = ("receipt", "certificate", "evidence", "consistency")


class VerifierError(Exception):
    """No verdict: the pin or the call is wrong, and nothing is said of the document."""


@dataclass(frozen=True)
class Comparison:
    """Two values that were compared. `by` says whose word the expected one is: `pin`, or `document`."""

    what: str
    found: str
    expected: str
    by: str
    equal: bool


@dataclass(frozen=True)
class Verdict:
    """A verdict with what it rests on. The README of clients/verifier says what each word means."""

    verdict: str
    reason: str
    kind: Optional[str] = None
    #: The member or line that a refusal is of.
    where: Optional[str] = None
    compared: list[Comparison] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    #: The words of the document on itself, unproven. Never there with a refusal.
    claims: Optional[dict[str, Any]] = None
    #: The parts that were shown: there with `verified` alone.
    facts: Optional[dict[str, Any]] = None

    def as_dict(self) -> dict[str, Any]:
        """The verdict as it stands in JSON."""
        optional = {"kind": self.kind, "where": self.where, "claims": self.claims, "facts": self.facts}
        order = ("verdict", "kind", "reason", "where", "compared", "checked", "not_checked", "claims", "facts")
        values = {**vars(self), "compared": [dict(vars(comparison)) for comparison in self.compared]}
        return {name: values[name] for name in order if optional.get(name, "") is not None}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"))


class Fault(Exception):
    """Why there is no better verdict."""

    def __init__(self, verdict: str, reason: str, where: Optional[str] = None) -> None:
        super().__init__(reason)
        self.verdict, self.reason, self.where = verdict, plain(reason), where


def refused(reason: str, where: Optional[str] = None) -> Fault:
    """Something contradicts the document."""
    return Fault("refused", reason, where)


def cannot_tell(reason: str, where: Optional[str] = None) -> Fault:
    """Something is missing."""
    return Fault("cannot_tell", reason, where)


def unreadable(what: str, error: ReadError) -> Fault:
    """The refusal of JSON that cannot be read as what it should be."""
    return refused(f"{what}: {error.problem}", error.place or None)


@dataclass(frozen=True)
class Origin:
    """The names that a document gives itself."""

    genesis_hash: bytes
    program: bytes
    ledger: bytes

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Origin":
        """Takes them from the members of a document."""
        return cls(document["genesis_hash"], document["program"], document["ledger"])


@dataclass(frozen=True)
class ClaimedHead:
    """A head to which a document leads.

    `place` is the member in which it stands. `shows` says what is shown when the verifier trusts it: the `leaves` that the
    document is of; the `event`, and with it who appended them and when; `both`; `start`, nothing but that it goes on from there.
    """

    log: str
    head: Head
    place: str
    shows: str


@dataclass(frozen=True)
class Claim:
    """A document whose parts belong together."""

    kind: str
    #: A consistency proof names none.
    origin: Optional[Origin]
    #: As a sentence's subject: "entry 9 of ledger …".
    what: str
    heads: list[ClaimedHead]
    #: The comparisons within the document.
    compared: list[Comparison]
    facts: dict[str, Any]
    #: Shown with a head of the events alone.
    event: Optional[Event] = None
    #: The parts that verifying does not show even then.
    not_checked: tuple[str, ...] = ()


def root_compared(what: str, head: Head) -> Comparison:
    """The comparison of the root that leaves and a proof lead to with the one that the document says."""
    return Comparison(what, head.root.hex(), head.root.hex(), "document", True)


def event_facts(event: Event) -> dict[str, str]:
    """The signer and the time."""
    return {
        "seq": str(event.seq),
        "signer": to_base58(event.signer),
        "slot": str(event.slot),
        "unix_time": str(event.unix_time),
    }
