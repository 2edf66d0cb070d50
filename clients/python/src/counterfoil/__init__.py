"""Verifies what Counterfoil gives out, offline: bytes and a pin in, a verdict out."""

from .judge import MAX_INPUT_BYTES, verify
from .merkle import Head
from .pin import Pin, PinError
from .verdict import KINDS, WORDS, Comparison, Verdict, VerifierError

__all__ = ["KINDS", "MAX_INPUT_BYTES", "WORDS", "Comparison", "Head", "Pin", "PinError", "Verdict", "VerifierError", "verify"]
