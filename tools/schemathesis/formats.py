"""Makes values of the formats of our own that the OpenAPI document names."""

import os

import schemathesis
from hypothesis import strategies as st

DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = DIGITS[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


# Ledgers that are in the index, so that routes answer more than that they know none.
KNOWN = os.environ["LEDGERS"].split(",")
schemathesis.openapi.format(
    "base58-32", st.one_of(st.sampled_from(KNOWN), st.binary(min_size=32, max_size=32).map(base58))
)
schemathesis.openapi.format("base58-64", st.binary(min_size=64, max_size=64).map(base58))
