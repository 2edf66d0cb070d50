"""Ed25519, strictly: without the cofactor, and without keys or nonces of small order or of a second encoding.

`cryptography` computes where it is there, in 0.2 ms; else what RFC 8032 section 5.1 says is computed here, in 4 ms. Nothing here is
for secrets.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Optional

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    HAS_CRYPTOGRAPHY = True
except Exception:  # An installation that is broken may raise anything.
    HAS_CRYPTOGRAPHY = False

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
# The points whose eighth multiple is the neutral one have these coordinates y, whatever the sign of x.
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = (0, 1, _P - 1, _Y8, _P - _Y8)

_Point = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a key of 32 bytes signed a message with a signature of 64."""
    if len(key) != 32 or len(signature) != 64 or not (_is_strict(key) and _is_strict(signature[:32])):
        return False
    if int.from_bytes(signature[32:], "little") >= _L:
        return False
    return _by_library(key, message, signature) if HAS_CRYPTOGRAPHY else _by_rfc(key, message, signature)


def _is_strict(encoded: bytes) -> bool:
    y = int.from_bytes(encoded, "little") & (1 << 255) - 1
    return y < _P and y not in _SMALL


def _by_library(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _by_rfc(key: bytes, message: bytes, signature: bytes) -> bool:
    point = _decode(key)
    if point is None:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % _L
    x, y, z, t = point
    # R = s B - k A, and its one encoding is compared.
    nonce = _sum(int.from_bytes(signature[32:], "little"), _BASE, challenge, (_P - x, y, z, _P - t))
    return _encode(nonce) == signature[:32]


def _decode(encoded: bytes) -> Optional[_Point]:
    number = int.from_bytes(encoded, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P:
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _encode(point: _Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum(first: int, p: _Point, second: int, q: _Point) -> _Point:
    """first p + second q, bit by bit of both."""
    terms, result = (_NEUTRAL, p, q, _add(p, q)), _NEUTRAL
    for bit in reversed(range(256)):
        result = _add(result, result)
        term = (first >> bit & 1) | (second >> bit & 1) << 1
        if term:
            result = _add(result, terms[term])
    return result


_BASE = _decode((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little")) or _NEUTRAL
