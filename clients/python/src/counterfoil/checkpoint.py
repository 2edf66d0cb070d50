"""Checkpoints and inclusion proofs of C2SP, which an operator signs.

Their reader believes the operator that the head is the log's: that it is the chain's they do not show. Sources:
https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-proof.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Iterator, NamedTuple

from .ed25519 import is_signed
from .merkle import MAX_TREE_SIZE, Head, ProofError, verify_inclusion
from .texts import from_base64, from_decimal, plain

FORMAT = "c2sp.org/tlog-proof@v1"
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100


class CheckpointError(Exception):
    """A checkpoint or proof that does not hold, or a key that is none."""

    def __init__(self, problem: str) -> None:
        super().__init__(plain(problem))


class LogKey(NamedTuple):
    """A log's key, as `NAME+ID+KEY`. Take it from the operator, and not from where the proof came from."""

    name: str
    id: bytes
    key: bytes

    @classmethod
    def read(cls, text: str) -> "LogKey":
        """Reads it. Raises :class:`CheckpointError`."""
        name, *rest = text.split("+", 2)
        if len(rest) != 2 or not _is_name(name):
            raise CheckpointError("a log's key is NAME+ID+KEY")
        key = from_base64(rest[1])
        if key is None or len(key) != 33 or key[0] != 1:
            raise CheckpointError("it is no Ed25519 key of a log: 33 bytes in base64, the first of them 1")
        found = sha256(name.encode("utf-8", "surrogatepass") + b"\n" + key).digest()[:4]
        if rest[0] != found.hex():
            raise CheckpointError(f"the key's id is {found.hex()}, not {rest[0]}")
        return cls(name, found, key[1:])


def verify_checkpoint(note: bytes, key: LogKey) -> Head:
    """Shows that the key of a log signed a checkpoint. Gives its head. Raises :class:`CheckpointError`."""
    text = _signed_text(note, key)
    name, size, root, *_ = [*text.split("\n"), "", ""]
    if name != key.name:
        raise CheckpointError(f"it is of log {name}, the key is of {key.name}")
    leaves, digest = from_decimal(size, 64), from_base64(root)
    if leaves is None or leaves > MAX_TREE_SIZE or digest is None or len(digest) != 32:
        raise CheckpointError("its checkpoint is not a name, a size and a root")
    return Head(leaves, digest)


def verify_tlog_proof(file: bytes, index: int, leaf: bytes, key: LogKey) -> Head:
    """Shows that the key of a log signed a head which has `leaf`, a leaf hash, at `index`. Gives that head.

    Raises :class:`CheckpointError`.
    """
    head, empty, note = file.partition(b"\n\n")
    if not empty:
        raise CheckpointError("it is not of its format: it has no empty line")
    lines = _decoded(head).split("\n")
    if lines.pop(0) != FORMAT:
        raise CheckpointError(f"it is not of its format: its first line is not {FORMAT}")
    # Neither signature nor proof covers the extra line.
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    prefix, _, number = lines.pop(0).partition(" ") if lines else ("", "", "")
    found = from_decimal(number, 64)
    if prefix != "index" or found is None or found >= MAX_TREE_SIZE:
        raise CheckpointError("it is not of its format: it has no index")
    if found != index:
        raise CheckpointError(f"it is of leaf {found}, not of {index}")
    proof = [_hash(line) for line in lines]
    signed = verify_checkpoint(note, key)
    try:
        verify_inclusion(signed, index, leaf, proof)
    except ProofError as error:
        raise CheckpointError(str(error)) from None
    return signed


def _signed_text(note: bytes, key: LogKey) -> str:
    if len(note) > MAX_NOTE_BYTES:
        raise CheckpointError(f"a note has at most {MAX_NOTE_BYTES} bytes")
    whole = _decoded(note)
    text, empty, signatures = whole.rpartition("\n\n")
    if not empty or not signatures.endswith("\n") or any(character < " " and character != "\n" for character in whole):
        raise CheckpointError("its checkpoint is no note: a text, an empty line, and lines of signatures")
    text += "\n"
    found = [(name, data) for name, data in _signatures(signatures[:-1]) if (name, data[:4]) == (key.name, key.id)]
    if not found:
        raise CheckpointError("the key did not sign its checkpoint")
    # A second signature of one key says nothing more.
    if not is_signed(key.key, text.encode("utf-8"), found[0][1][4:]):
        raise CheckpointError("the signature in the key's name is not the key's")
    return text


def _signatures(text: str) -> Iterator[tuple[str, bytes]]:
    lines = text.split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise CheckpointError(f"a note has at most {MAX_SIGNATURES} signatures")
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        data = from_base64(encoded)
        if dash != "\u2014" or not _is_name(name) or data is None or len(data) < 5:
            raise CheckpointError("a signature of its checkpoint is not of its form")
        yield name, data


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _hash(line: str) -> bytes:
    digest = from_base64(line)
    if digest is None or len(digest) != 32:
        raise CheckpointError("it is not of its format: a hash is not 32 bytes in base64")
    return digest


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise CheckpointError("its lines are not text") from None
