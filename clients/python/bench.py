"""Leaves and proofs a second, and the same of pymerkle where it is installed (`pip install pymerkle`).

Prints a line for each: the best of five runs, so that another program on the machine counts least.
"""

import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "src"))

import counterfoil  # noqa: E402
from counterfoil.merkle import Head, Tree, leaf_hash, node_hash, verify_inclusion  # noqa: E402

LEAVES = 1 << 15
ENTRIES = [number.to_bytes(64, "little") for number in range(LEAVES)]


def best(what, count, run):
    """Tells how many a second."""
    times = []
    for _ in range(5):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    print(f"{what}: {count / min(times):,.0f}/s")


def proof_of(levels, index):
    """The siblings of a leaf, from the leaf to the root."""
    return [level[(index >> height) ^ 1] for height, level in enumerate(levels[:-1])]


def main():
    levels = [[leaf_hash(entry) for entry in ENTRIES]]
    while len(levels[-1]) > 1:
        level = levels[-1]
        levels.append([node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)])
    head, chosen = Head(LEAVES, levels[-1][0]), range(0, LEAVES, 16)
    proofs = [(at, levels[0][at], proof_of(levels, at)) for at in chosen]
    best("leaf hashes", LEAVES, lambda: [leaf_hash(entry) for entry in ENTRIES])
    best("leaves appended to a tree, with its root", LEAVES, lambda: Tree(map(leaf_hash, ENTRIES)).root())
    best("inclusion proofs of 15 hashes verified", len(proofs), lambda: [verify_inclusion(head, *proof) for proof in proofs])
    documents(best)
    try:
        import pymerkle
    except ImportError:
        print("pymerkle is not installed")
        return
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    best("pymerkle: leaves appended to a tree, with its root", LEAVES, lambda: grow(pymerkle.InmemoryTree(algorithm="sha256")))
    grow(tree)
    root, given = tree.get_root(), [(tree.get_leaf(at + 1), tree.prove_inclusion(at + 1)) for at in list(chosen)[:256]]
    best("pymerkle: inclusion proofs verified", len(given), lambda: [pymerkle.verify_inclusion(leaf, root, proof) for leaf, proof in given])


def grow(tree):
    for entry in ENTRIES:
        tree.append_entry(entry)
    return tree.get_root()


def documents(best):
    """Whole receipts, and lines of evidence."""
    vectors = HERE.parents[1] / "docs/vectors"
    receipt = json.dumps(json.loads((vectors / "receipt.json").read_text())["receipts"][6]).encode()
    pin = counterfoil.Pin.read(counterfoil.verify(receipt).claims)
    best("receipts verified", 1_000, lambda: [counterfoil.verify(receipt, pin) for _ in range(1_000)])
    lines = json.loads((vectors / "evidence.json").read_text())["evidence"][0]
    evidence = "".join(f"{line}\n" for line in lines).encode()
    best("lines of evidence verified", 200 * len(lines), lambda: [counterfoil.verify(evidence) for _ in range(200)])


if __name__ == "__main__":
    main()
