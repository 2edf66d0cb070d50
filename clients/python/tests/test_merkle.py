"""Hashes and proofs, against the vectors and against a recursive reference that is written from the RFC."""

import unittest
from unittest import mock

from support import vectors

from counterfoil import merkle
from counterfoil.merkle import EMPTY_ROOT, Head, ProofError, Tree, leaf_hash, node_hash, verify_range

LOG = vectors("log")


def holds(verify, *arguments):
    try:
        verify(*arguments)
    except ProofError:
        return False
    return True


def reference_root(leaves):
    """The Merkle Tree Hash. Source: RFC 6962 section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(reference_root(leaves[:middle]), reference_root(leaves[middle:]))


def reference_proof(leaves, first, end, begin=0):
    """The roots of the largest subtrees outside of leaves `first` to `end`, from left to right."""
    if end <= begin or begin + len(leaves) <= first:
        return [reference_root(leaves)]
    if first <= begin and begin + len(leaves) <= end:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return reference_proof(leaves[:middle], first, end, begin) + reference_proof(leaves[middle:], first, end, begin + middle)


class Merkle(unittest.TestCase):
    def test_leaves_and_roots_are_those_of_the_vectors(self):
        hashes = []
        for case in LOG["roots"]:
            self.assertEqual(Tree(hashes).root().hex(), case["root"])
            if len(hashes) < len(LOG["leaves"]):
                leaf = LOG["leaves"][len(hashes)]
                self.assertEqual(leaf_hash(bytes.fromhex(leaf["entry"])).hex(), leaf["leaf_hash"])
                hashes.append(bytes.fromhex(leaf["leaf_hash"]))

    def hold_to_vectors(self):
        for case in LOG["inclusion"]:
            head = Head(int(case["size"]), bytes.fromhex(case["root"]))
            leaf, proof = bytes.fromhex(case["leaf_hash"]), [bytes.fromhex(text) for text in case["proof"]]
            found = holds(merkle.verify_inclusion, head, int(case["index"]), leaf, proof)
            self.assertEqual(found, case["fault"] is None, case)
        for case in LOG["consistency"]:
            heads = [Head(int(case[f"{at}_size"]), bytes.fromhex(case[f"{at}_root"])) for at in ("first", "second")]
            proof = [bytes.fromhex(text) for text in case["proof"]]
            self.assertEqual(holds(merkle.verify_consistency, *heads, proof), case["fault"] is None, case)

    def test_proofs_are_those_of_the_vectors(self):
        self.hold_to_vectors()

    def test_twin_roots_that_are_not_compared_fail_the_same_run(self):
        with mock.patch.object(merkle, "expect_root", lambda *_: None), self.assertRaises(AssertionError):
            self.hold_to_vectors()

    def hold_to_reference(self):
        leaves = [leaf_hash(bytes([number])) for number in range(20)]
        for size in range(1, 20):
            head = Head(size, reference_root(leaves[:size]))
            self.assertEqual(Tree(leaves[:size]).head(), head)
            for first in range(size):
                for end in range(first + 1, size + 1):
                    self.hold_range(head, leaves, first, end)

    def hold_range(self, head, leaves, first, end):
        given, proof = leaves[first:end], reference_proof(leaves[: head.size], first, end)
        self.assertTrue(holds(verify_range, head, first, given, proof), (head, first, end))
        others = [
            (given[:-1], proof), (given + given[-1:], proof), (given, proof + [EMPTY_ROOT]), (given, proof[1:]),
            ([EMPTY_ROOT, *given[1:]], proof),
        ]
        others += [(given, proof[:at] + [EMPTY_ROOT] + proof[at + 1 :]) for at in range(len(proof))]
        for other, siblings in others:
            if (other, siblings) != (given, proof):
                self.assertFalse(holds(verify_range, head, first, other, siblings), (head, first, end))

    def test_each_range_is_proven_and_no_other_list_is(self):
        self.hold_to_reference()

    def test_twin_ranges_whose_root_is_not_compared_fail_the_same_run(self):
        with mock.patch.object(merkle, "expect_root", lambda *_: None), self.assertRaises(AssertionError):
            self.hold_to_reference()

    def test_a_subtree_that_does_not_fit_is_refused(self):
        with self.assertRaises(ValueError):
            Tree([EMPTY_ROOT]).append(EMPTY_ROOT, 1)


if __name__ == "__main__":
    unittest.main()
