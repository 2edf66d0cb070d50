"""Ed25519 signatures, as a wallet makes them: slow, and for tests alone. Source: RFC 8032 section 5.1."""

import hashlib

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493
BASE = (15112221349535400772501151409588531511454012693041857206046113283949847762202, 4 * pow(5, -1, P) % P)


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    (x, y), (u, v) = a, b
    product = D * x * u * y * v
    return (x * v + u * y) * pow(1 + product, -1, P) % P, (y * v + x * u) * pow(1 - product, -1, P) % P


def multiple_of_base(times: int) -> bytes:
    point, doubled = (0, 1), BASE
    while times:
        if times & 1:
            point = add(point, doubled)
        times, doubled = times >> 1, add(doubled, doubled)
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


class Wallet:
    def __init__(self, seed: bytes):
        digest = hashlib.sha512(seed).digest()
        self.secret = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
        self.prefix = digest[32:]
        self.public_key = multiple_of_base(self.secret)

    def sign(self, message: bytes) -> bytes:
        nonce = number(self.prefix, message) % ORDER
        point = multiple_of_base(nonce)
        challenge = number(point, self.public_key, message)
        return point + ((nonce + challenge * self.secret) % ORDER).to_bytes(32, "little")
