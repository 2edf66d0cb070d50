"""Signing, for tests alone: Ed25519 as RFC 8032 section 5.1.6 says, without any care for secrets."""

from hashlib import sha256, sha512

import support  # noqa: F401  It finds the package.

from counterfoil import ed25519
from counterfoil.texts import to_base64


def public_key(seed):
    return ed25519._encode(_times(_scalar(seed)))


def sign(seed, message):
    key, prefix = public_key(seed), sha512(seed).digest()[32:]
    nonce = int.from_bytes(sha512(prefix + message).digest(), "little") % ed25519._L
    encoded = ed25519._encode(_times(nonce))
    challenge = int.from_bytes(sha512(encoded + key + message).digest(), "little") % ed25519._L
    return encoded + ((nonce + challenge * _scalar(seed)) % ed25519._L).to_bytes(32, "little")


def log_key(name, seed):
    """A log's key, as NAME+ID+KEY, and its id."""
    key = b"\1" + public_key(seed)
    identity = sha256(name.encode() + b"\n" + key).digest()[:4]
    return f"{name}+{identity.hex()}+{to_base64(key)}", identity


def note(text, name, seed):
    """A text with the signature of a log's key."""
    signature = to_base64(log_key(name, seed)[1] + sign(seed, text.encode()))
    return f"{text}\n\u2014 {name} {signature}\n".encode()


def _scalar(seed):
    number = int.from_bytes(sha512(seed).digest()[:32], "little")
    return number & ((1 << 254) - 8) | 1 << 254


def _times(scalar):
    return ed25519._sum(scalar, ed25519._BASE, 0, ed25519._NEUTRAL)
