"""The texts of values: one for each value, so that a second spelling is refused."""

from __future__ import annotations

import binascii
import re
import unicodedata
from typing import Optional

MAX_PLAIN_CHARACTERS = 600

_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_NATURAL = re.compile("0|[1-9][0-9]*", re.ASCII)
_INTEGER = re.compile("0|-?[1-9][0-9]*", re.ASCII)
_RECORD_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
# Characters that reorder, join, hide or tag their neighbours.
_HIDING = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def to_base58(data: bytes) -> str:
    """The base58 of bytes."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _DIGITS[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def from_base58(text: str, length: int) -> Optional[bytes]:
    """The bytes of a text; none when it is not base58 of that many."""
    # The bound comes first: the time of the rest grows with the square of the length.
    if not length <= len(text) <= length * 11 // 8:
        return None
    number = 0
    for character in text:
        digit = _VALUES.get(character)
        if digit is None:
            return None
        number = number * 58 + digit
    if number >> 8 * length:
        return None
    data = number.to_bytes(length, "big")
    zeros = length - len(data.lstrip(b"\0"))
    return data if len(text) - len(text.lstrip("1")) == zeros else None


def from_hex(text: str) -> Optional[bytes]:
    """The 32 bytes of 64 lowercase hexadecimal digits."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data if len(data) == 32 and data.hex() == text else None


def to_base64(data: bytes) -> str:
    """The base64 of bytes, with padding."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def from_base64(text: str) -> Optional[bytes]:
    """The bytes of a text; none when it is not base64 with padding, or has bits that mean nothing."""
    try:
        data = binascii.a2b_base64(text)
    except ValueError:
        return None
    return data if to_base64(data) == text else None


def from_decimal(text: str, bits: int, is_signed: bool = False) -> Optional[int]:
    """The number of that many bits, in decimal without leading zeros and without a plus."""
    # No number of 64 bits is longer: the interpreter refuses to read, or takes long for, one of a million digits.
    if len(text) > 20 or not (_INTEGER if is_signed else _NATURAL).fullmatch(text):
        return None
    number, limit = int(text), 1 << (bits - 1 if is_signed else bits)
    return number if -limit <= number < limit else None


def from_record_id(text: str) -> Optional[bytes]:
    """The 16 bytes of a UUID of version 7, in lowercase with hyphens."""
    return bytes.fromhex(text.replace("-", "")) if _RECORD_ID.fullmatch(text) else None


def plain(text: str) -> str:
    """A text as it may be shown: cut, with each character escaped that moves or hides others."""
    shown = [character if _is_plain(character) else f"\\u{{{ord(character):x}}}" for character in text[:MAX_PLAIN_CHARACTERS]]
    return "".join(shown) + ("…" if len(text) > MAX_PLAIN_CHARACTERS else "")


def _is_plain(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs") and not _HIDING.match(character)
