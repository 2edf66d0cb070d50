"""The tree of RFC 6962: hashes, and the proofs of RFC 9162 that lead to its root."""

from __future__ import annotations

from hashlib import sha256
from typing import Iterable, Iterator, NamedTuple, Sequence

#: The largest tree.
MAX_TREE_SIZE = (1 << 48) - 1
EMPTY_ROOT = sha256(b"").digest()


class Head(NamedTuple):
    """The state of a log: how many leaves, and the root over them."""

    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.size}:{self.root.hex()}"


class ProofError(Exception):
    """A proof that does not hold. `fault` names the rule that it breaks."""

    def __init__(self, fault: str, problem: str) -> None:
        super().__init__(problem)
        self.fault = fault


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\1" + left + right).digest()


def verify_inclusion(head: Head, index: int, leaf: bytes, proof: Sequence[bytes]) -> None:
    """Shows that `leaf`, a leaf hash, is leaf `index` of the tree. Source: RFC 9162 section 2.1.3.2."""
    if not 0 <= index < head.size:
        raise ProofError("index_out_of_range", f"leaf {index} is not in a tree of {head.size} leaves")
    node, last, computed = index, head.size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise too_long()
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            # The last node of a level with an odd count has no sibling there: climb to where it has one.
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise too_short()
    expect_root(computed, head.root)


def verify_consistency(first: Head, second: Head, proof: Sequence[bytes]) -> None:
    """Shows that the second tree begins with the leaves of the first. Source: RFC 9162 section 2.1.4.2."""
    if first.size > second.size:
        raise ProofError("shrinks", f"a tree of {first.size} leaves cannot become one of {second.size}")
    if first.size in (0, second.size):
        if proof:
            raise too_long()
        if first.size == 0:
            expect_root(EMPTY_ROOT, first.root)
        if first.size == second.size:
            expect_root(second.root, first.root)
        return
    siblings = iter(proof)
    # A first tree that is one perfect subtree is itself the node from which the proof climbs.
    start = first.root if first.size & (first.size - 1) == 0 else next(siblings, None)
    if start is None:
        raise too_short()
    node, last = first.size - 1, second.size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first_root = second_root = start
    for sibling in siblings:
        if last == 0:
            raise too_long()
        if node & 1 or node == last:
            first_root, second_root = node_hash(sibling, first_root), node_hash(sibling, second_root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second_root = node_hash(second_root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise too_short()
    expect_root(first_root, first.root)
    expect_root(second_root, second.root, "second_root_mismatch")


class Tree:
    """A growing tree, kept as the roots of its perfect subtrees: one for each bit of the size, the largest first."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []
        for leaf in leaves:
            self.append(leaf)

    def append(self, root: bytes, level: int = 0) -> None:
        """Appends a leaf hash, or the root of a perfect subtree of 2^level leaves, which has to fit at this size."""
        if self.size & ((1 << level) - 1):
            raise ValueError(f"a subtree of 2^{level} leaves does not fit at size {self.size}")
        self.size += 1 << level
        peaks = self._peaks
        while peaks and peaks[-1][0] == level:
            root, level = node_hash(peaks.pop()[1], root), level + 1
        peaks.append((level, root))

    def root(self, last: bytes | None = None) -> bytes:
        """The root of the tree; with `last`, of this tree and the smaller subtree of that root to its right."""
        for _, peak in reversed(self._peaks):
            last = peak if last is None else node_hash(peak, last)
        return EMPTY_ROOT if last is None else last

    def head(self) -> Head:
        """Its size and root."""
        return Head(self.size, self.root())


class RangeVerifier:
    """Shows that leaves are all of a tree's from `first` on up to where they end, in memory that does not grow with them.

    The proof has the roots of the largest subtrees outside the leaves, from left to right. Source: docs/protocol.md, section 7.
    """

    def __init__(self, head: Head, first: int, proof: Sequence[bytes]) -> None:
        self._head, self._first, self._count = head, first, 0
        self._proof: Iterator[bytes] = iter(proof)
        self._tree = Tree()
        if first >= head.size:
            raise self._no_range()
        for level in reversed(range(first.bit_length())):
            if first >> level & 1:
                self._tree.append(self._next_hash(), level)

    def push(self, leaf: bytes) -> None:
        """Takes the next leaf's hash."""
        self._count += 1
        if self._tree.size >= self._head.size:
            raise self._no_range()
        self._tree.append(leaf)

    def finish(self) -> None:
        """Ends after the last leaf."""
        if self._count == 0:
            raise self._no_range()
        rest = None
        while rest is None and self._tree.size < self._head.size:
            # The subtree as large as the tree's last peak, or what is left, which folds into the root as other peaks do.
            level = (self._tree.size & -self._tree.size).bit_length() - 1
            sibling = self._next_hash()
            if self._head.size - self._tree.size >> level:
                self._tree.append(sibling, level)
            else:
                rest = sibling
        if next(self._proof, None) is not None:
            raise too_long()
        expect_root(self._tree.root(rest), self._head.root)

    def _next_hash(self) -> bytes:
        found = next(self._proof, None)
        if found is None:
            raise too_short()
        return found

    def _no_range(self) -> ProofError:
        problem = f"{self._count} leaves from {self._first} on are no range of a tree of {self._head.size} leaves"
        return ProofError("no_range", problem)


def verify_range(head: Head, first: int, leaves: Iterable[bytes], proof: Sequence[bytes]) -> None:
    """Shows that `leaves`, as hashes, are all leaves of the tree from `first` on up to where they end, in order."""
    verifier = RangeVerifier(head, first, proof)
    for leaf in leaves:
        verifier.push(leaf)
    verifier.finish()


def too_short() -> ProofError:
    return ProofError("too_short", "the proof has too few hashes")


def too_long() -> ProofError:
    return ProofError("too_long", "the proof has too many hashes")


def expect_root(computed: bytes, expected: bytes, fault: str = "root_mismatch") -> None:
    """Compares the root that a proof leads to with a head's."""
    if computed != expected:
        raise ProofError(fault, f"the proof leads to root {computed.hex()}, the head says {expected.hex()}")
