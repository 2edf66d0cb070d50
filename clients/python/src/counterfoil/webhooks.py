"""Signatures of webhooks, as Standard Webhooks 1.0 writes them. Source: https://www.standardwebhooks.com."""

from __future__ import annotations

import hmac
import time
from typing import Iterable, Mapping, NamedTuple, Optional, Union

from .ed25519 import is_signed
from .texts import from_base64, from_decimal

#: A sender that turns its keys signs with two: more than this is no sender.
MAX_SIGNATURES = 16
#: The name of the algorithm that each kind of key checks, and the length of its signatures.
_ALGORITHMS = {"whsec_": ("v1", 32), "whpk_": ("v1a", 64)}


class WebhookError(Exception):
    """A message that none of the keys signed, or that is too old or too new. Answer 400 and act on nothing of it."""


class Message(NamedTuple):
    """The parts of a message that are signed with its body."""

    id: str
    #: In seconds since 1970, when this attempt was sent.
    timestamp: int


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    keys: Union[str, Iterable[str]],
    *,
    tolerance_seconds: int,
    now: Optional[float] = None,
) -> Message:
    """Shows that one of the keys signed this body, and when. Raises :class:`WebhookError`.

    `body` is the bytes as they came, before any parsing. `keys` are secrets, `whsec_…` (HMAC-SHA256), or public keys, `whpk_…`
    (Ed25519), from the sender's settings. A message more than `tolerance_seconds` away from `now` is refused. One within them can
    come twice: keep its id for that long. Raises :class:`ValueError` where a key is none.
    """
    trusted = [_read_key(key) for key in ([keys] if isinstance(keys, str) else keys)]
    identity, stamp = _header(headers, "webhook-id"), _header(headers, "webhook-timestamp")
    sent = from_decimal(stamp, 63)
    if "." in identity or sent is None:
        raise WebhookError("its id or its timestamp is not of its form")
    if abs(sent - (time.time() if now is None else now)) > tolerance_seconds:
        raise WebhookError(f"it was sent at {sent}, more than {tolerance_seconds} seconds away from now")
    signed = f"{identity}.{stamp}.".encode() + body
    signatures = _header(headers, "webhook-signature").split(" ")[:MAX_SIGNATURES]
    found = [(name, from_base64(encoded)) for name, _, encoded in (text.partition(",") for text in signatures)]
    for kind, key in trusted:
        algorithm, length = _ALGORITHMS[kind]
        for name, signature in found:
            if name == algorithm and signature and len(signature) == length and _is_by(kind, key, signed, signature):
                return Message(identity, sent)
    raise WebhookError("none of the keys signed it")


def _is_by(kind: str, key: bytes, signed: bytes, signature: bytes) -> bool:
    if kind == "whpk_":
        return is_signed(key, signed, signature)
    return hmac.compare_digest(hmac.new(key, signed, "sha256").digest(), signature)


def _read_key(text: str) -> tuple[str, bytes]:
    for kind, lengths in (("whsec_", range(24, 65)), ("whpk_", range(32, 33))):
        key = from_base64(text[len(kind) :]) if text.startswith(kind) else None
        if key is not None and len(key) in lengths:
            return kind, key
    raise ValueError("a key is whsec_ and 24 to 64 bytes in base64, or whpk_ and 32")


def _header(headers: Mapping[str, str], name: str) -> str:
    found = [value for header, value in headers.items() if header.lower() == name]
    # Of two headers of one name, one reader takes the first, another the last.
    if len(found) != 1 or not 0 < len(found[0]) <= 8_192 or not found[0].isascii():
        raise WebhookError(f"it comes without one header {name}")
    return found[0]
