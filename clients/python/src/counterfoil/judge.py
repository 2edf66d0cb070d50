"""The verdict on a document: what it claims, compared with what the verifier pinned."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Optional, Union

from . import certificate, consistency, evidence, receipt
from .merkle import Head
from .pin import Pin, compare
from .reading import ReadError, parse
from .texts import to_base58
from .verdict import Claim, ClaimedHead, Comparison, Fault, Verdict, cannot_tell, event_facts, refused, unreadable

#: The longest document.
MAX_INPUT_BYTES = 64 << 20
#: The longest one that is one JSON text: its tree takes up to ten times as many bytes.
MAX_TEXT_BYTES = 16 << 20


def verify(
    document: Union[bytes, bytearray, memoryview, str], pin: Union[Pin, Mapping[str, Any], bytes, str, None] = None
) -> Verdict:
    """Verifies a document, compared with what the verifier relies on. No server is asked.

    `document` is the whole file. `pin` comes from elsewhere than the document, and than the server that gave it. Raises
    :class:`counterfoil.PinError` when the pin cannot be read, and nothing else, whatever the document is.
    """
    pinned = Pin.read(pin)
    # Half a character of a text becomes bytes that are no UTF-8, which are refused.
    given = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else bytes(document)
    compared: list[Comparison] = []
    kind = None
    try:
        if len(given) > MAX_INPUT_BYTES:
            raise cannot_tell(f"it has more than {MAX_INPUT_BYTES} bytes: take `counterfoil verify`")
        kind, value = _read(given)
        claim = _belong_together(kind, value, pinned, compared)
        compared += claim.compared
        shown = compare_heads(claim.heads, pinned, compared)
    except Fault as fault:
        return Verdict(fault.verdict, fault.reason, kind, fault.where, compared)
    return _conclude(claim, shown, pinned, compared)


def _read(document: bytes) -> tuple[str, Any]:
    """Tells which kind of document the input is."""
    end = document.find(b"\n") + 1 or len(document)
    too_long = cannot_tell(f"it is one JSON text of more than {MAX_TEXT_BYTES} bytes: take `counterfoil verify`")
    if end > MAX_TEXT_BYTES:
        raise too_long
    first = _parse_first(document, end)
    if isinstance(first, dict) and first.get("format") == evidence.FORMAT:
        return "evidence", document
    if len(document) > MAX_TEXT_BYTES:
        raise too_long
    try:
        # One line was parsed already, unless it is none.
        value = first if end == len(document) and first is not None else parse(document)
    except ReadError as error:
        raise unreadable("it is not one JSON text", error) from None
    members = value if isinstance(value, dict) else {}
    form = members.get("format")
    if form == certificate.FORMAT:
        reason = "a certificate says that a list is whole, and its list is not here: give the page that came with it"
        raise cannot_tell(reason)
    if isinstance(form, str):
        return "receipt", value
    if members.get("certificate") is not None:
        return "certificate", value
    if members.get("entries") is not None or members.get("events") is not None:
        raise cannot_tell("it is a list without a certificate: nothing says that it is whole", "certificate")
    if members.get("second") is not None:
        return "consistency", value
    raise refused("it is no receipt, page with a certificate, evidence or consistency proof of Counterfoil's")


def _parse_first(document: bytes, end: int) -> Any:
    """The first line where it may be one of evidence, or the whole document; none where it is not JSON."""
    first = document[:end]
    # A document that is too long to be one text is looked at only where it may name that format, in letters or escaped.
    if len(document) > MAX_TEXT_BYTES and evidence.FORMAT.encode() not in first and b"\\u" not in first:
        return None
    try:
        return parse(first)
    except ReadError:
        return None


def _belong_together(kind: str, value: Any, pin: Pin, compared: list[Comparison]) -> Claim:
    if kind == "consistency":
        return consistency.verify(value)
    if kind == "evidence":
        return evidence.verify(value, pin, compared)
    if kind == "certificate":
        return certificate.verify(value, pin, compared)
    return receipt.verify(value, pin, compared)


def compare_heads(claimed: Iterable[ClaimedHead], pin: Pin, compared: list[Comparison]) -> list[ClaimedHead]:
    """The claimed heads that are pinned ones.

    Heads of one size with different roots contradict each other, and so do heads of one root with different sizes, for no two
    trees have one root. Other heads tell nothing.
    """
    shown, fault = [], None
    for claim in claimed:
        what = f"head of the {claim.log}"
        for log, pinned in pin.heads:
            if log != claim.log or (pinned.size != claim.head.size and pinned.root != claim.head.root):
                continue
            comparison = compare(what, str(claim.head), str(pinned))
            compared.append(comparison)
            if comparison.equal:
                shown.append(claim)
            else:
                fault = fault or refused(f"its {what} is {comparison.found}, you pinned {comparison.expected}", claim.place)
    if fault:
        raise fault
    return shown


def _conclude(claim: Claim, shown: list[ClaimedHead], pin: Pin, compared: list[Comparison]) -> Verdict:
    is_event_shown = _first(shown, "event", "both") is not None
    verdict, reason = _word(claim, shown, pin)
    is_shown = verdict == "verified"
    checked = [f"inner consistency: {claim.what}"]
    facts = None
    if is_shown:
        for head in shown:
            checked.append(f"it leads to the head of {head.head.size} leaves that you pinned, in `{head.place}`")
        facts = dict(claim.facts)
        if claim.event and is_event_shown:
            facts["event"] = event_facts(claim.event)
    return Verdict(
        verdict=verdict,
        reason=reason,
        kind=claim.kind,
        compared=compared,
        checked=checked,
        not_checked=_not_checked(claim, pin, is_event_shown, is_shown),
        claims=_claims(claim),
        facts=facts,
    )


def _word(claim: Claim, shown: list[ClaimedHead], pin: Pin) -> tuple[str, str]:
    what = claim.what
    found = _first(shown, "leaves", "both")
    if found:
        return "verified", f"{what}, by the head of {found.head.size} leaves that you pinned"
    found = _first(shown, "start")
    if found:
        size = found.head.size
        return "consistent", f"{what}, which you pinned ({size} leaves); that the later one is the chain's is not shown"
    if shown:
        reason = f"the event is in the log that you pinned, and {what} leads to another head than the event states"
    elif pin.heads:
        led, pinned = _names(head.head for head in claim.heads), _names(head for _, head in pin.heads)
        reason = f"only inner consistency was checked: {what} leads to {led}, and you pinned {pinned}"
    else:
        is_named = pin.ledger is not None and claim.origin is not None
        whose = "it names the ledger that you pinned" if is_named else "no ledger was pinned"
        reason = (
            f"only inner consistency was checked: {what} holds together, {whose}, and no head was pinned to compare it with. "
            "That it is in your ledger is not shown"
        )
    return "cannot_tell", reason


def _first(shown: list[ClaimedHead], *wanted: str) -> Optional[ClaimedHead]:
    return next((head for head in shown if head.shows in wanted), None)


def _names(heads: Iterable[Head]) -> str:
    # Version 2 names one head twice where nothing was appended since.
    return " and ".join(dict.fromkeys(str(head) for head in heads))


def _claims(claim: Claim) -> dict[str, Any]:
    names = {name: to_base58(value) for name, value in vars(claim.origin).items()} if claim.origin else {}
    heads = [{"log": head.log, "size": str(head.head.size), "root": head.head.root.hex()} for head in claim.heads]
    return {**names, "heads": heads}


def _not_checked(claim: Claim, pin: Pin, is_event_shown: bool, is_shown: bool) -> list[str]:
    lines = list(claim.not_checked)
    if claim.origin and pin.ledger is None:
        lines.append("whose ledger it is: you pinned none, and anybody can make one")
    if is_shown and claim.event and not is_event_shown:
        lines.append("who appended it, and when: pin a head of the events for that")
    lines.append("the chain: no server was asked, and a head is believed because you pinned it")
    lines.append("that what was written is true, or that everything was written")
    return lines
