"""Recomputes an answer of a Counterfoil API: curl -s "$COUNTERFOIL_API/v1/ledgers/$LEDGER/entries" | python3 verify.py

Prints the heads that it leads to. That they are the chain's is for the ledger's account to say, which you read from a
server of your own choice. An answer that does not hold ends in an error.
"""
import base64, hashlib, json, sys

sha256 = lambda data: hashlib.sha256(data).digest()
leaf_hash = lambda data: sha256(b"\0" + data)
node_hash = lambda left, right: sha256(b"\1" + left + right)
base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
unbase58 = lambda text: sum(base58.index(c) * 58 ** i for i, c in enumerate(reversed(text))).to_bytes(32, "big")
unhex = lambda hashes: [bytes.fromhex(text) for text in hashes]
split = lambda size: 1 << (size - 1).bit_length() - 1  # the largest power of two below the size

def range_root(start, size, first, leaves, proof):  # takes the proof from its front
    if first + len(leaves) <= start or start + size <= first:
        return proof.pop(0)
    if size == 1:
        return leaves[start - first]
    left = range_root(start, split(size), first, leaves, proof)
    return node_hash(left, range_root(start + split(size), size - split(size), first, leaves, proof))

def leaf_root(index, size, leaf, proof):  # takes the proof from its end
    if size == 1:
        return leaf
    sibling, middle = proof.pop(), split(size)
    if index < middle:
        return node_hash(leaf_root(index, middle, leaf, proof), sibling)
    return node_hash(sibling, leaf_root(index - middle, size - middle, leaf, proof))

def both_roots(first, size, proof, known):  # of the first leaves, and of all; takes the proof from its end
    if first == size:
        root = known or proof.pop()
        return root, root
    sibling, middle = proof.pop(), split(size)
    if first <= middle:
        old, new = both_roots(first, middle, proof, known)
        return old, node_hash(new, sibling)
    old, new = both_roots(first - middle, size - middle, proof, None)
    return node_hash(sibling, old), node_hash(sibling, new)

def expect(is_so, problem):
    if not is_so:
        sys.exit(f"NOT VERIFIED: {problem}")

def expect_root(computed, proof, head, what):
    expect(not proof, f"{what}: hashes are left over")
    expect(computed.hex() == head["root"], f"{what}: it leads to {computed.hex()}, the head says {head['root']}")
    print(f"{what}: root {head['root']} of {head['size']} leaves")

def verify_leaf(index, leaf, proof, head, what):
    proof, size = unhex(proof), int(head["size"])
    expect(0 <= int(index) < size, f"{what}: {index} is not below {size}")
    expect_root(leaf_root(int(index), size, leaf, proof), proof, head, what)

def verify(answer):
    if answer.get("format") == "counterfoil receipt v1":
        entry, event = answer["entry"], answer["event"]
        leaf = base64.b64decode(event["leaf"])
        number = lambda at: int.from_bytes(leaf[at:at + 8], "little")
        first, count, size, root = number(96), number(104), number(112), leaf[120:152].hex()
        expect(leaf[:8].hex() in ("f3a80463435d2aa5", "b62d6df3e004e071"), "the event appends no entries")
        expect(leaf[8:40] == unbase58(answer["ledger"]), "another ledger's event")
        expect(number(40) == int(event["seq"]) and first <= int(entry["index"]) < first + count, "another event's entry")
        head = answer["head"]
        expect((size, root) == (int(head["size"]), head["root"]) or size < int(head["size"]), "event and head contradict")
        verify_leaf(entry["index"], leaf_hash(base64.b64decode(entry["payload"])), entry["proof"], answer["head"], "entry")
        verify_leaf(event["seq"], leaf_hash(leaf), event["proof"], answer["event_head"], "event")
    elif answer.get("certificate"):
        certificate = answer["certificate"]
        rows = [row["payload"] for row in answer.get("entries", [])] or [row["leaf"] for row in answer["events"]]
        first, size = int(certificate["from"]), int(certificate["head"]["size"])
        expect(0 <= first < int(certificate["to"]) == first + len(rows) <= size, "the list is not as long as its certificate says")
        proof, leaves = unhex(certificate["proof"]), [leaf_hash(base64.b64decode(row)) for row in rows]
        what = f"all {certificate['log']} from {first} up to {certificate['to']}"
        expect_root(range_root(0, size, first, leaves, proof), proof, certificate["head"], what)
    elif "second" in answer:
        proof, first, second = unhex(answer["proof"]), answer["first"], answer["second"]
        expect(0 < int(first["size"]) <= int(second["size"]), "there is nothing to prove")
        old, new = both_roots(int(first["size"]), int(second["size"]), proof, bytes.fromhex(first["root"]))
        expect_root(old, proof, first, "first head")
        expect_root(new, proof, second, "second head, which extends it")
    elif "leaf_hash" in answer:
        verify_leaf(answer["index"], bytes.fromhex(answer["leaf_hash"]), answer["proof"], answer["head"], answer["log"])
    else:
        sys.exit("NOT VERIFIED: this answer carries no proof")

try:
    verify(json.load(sys.stdin))
except (IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
    sys.exit(f"NOT VERIFIED: {error!r}")
