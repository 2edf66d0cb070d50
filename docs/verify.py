"""Recomputes an answer of a Counterfoil API: curl -s "$COUNTERFOIL_API/v1/ledgers/$LEDGER/entries" | python3 verify.py

Prints the heads that it leads to, and nothing that it did not compute. That they are the chain's is for the ledger's account
to say, which you read from a server of your own choice. An answer that does not hold ends with REFUSED and exit code 1.
Values are read as strictly as `counterfoil verify` reads them.
"""
import base64, hashlib, json, re, sys

MAX_BYTES = 100_000_000
MAX_SIZE = (1 << 48) - 1  # of a ledger, so that no proof is longer than 48 hashes
sha256 = lambda data: hashlib.sha256(data).digest()
leaf_hash = lambda data: sha256(b"\0" + data)
node_hash = lambda left, right: sha256(b"\1" + left + right)
split = lambda size: 1 << (size - 1).bit_length() - 1  # the largest power of two below the size

def refuse(problem):  # a text of the answer's is shown with all escaped that is not plain
    sys.exit("REFUSED: " + problem.encode("unicode_escape").decode())

def expect(is_so, problem):
    if not is_so:
        refuse(problem)

def members(pairs):  # of two members with one name a reader takes either
    expect(len(dict(pairs)) == len(pairs), "two members have one name")
    return dict(pairs)

def read(holder, name, kind):
    expect(isinstance(holder, dict) and isinstance(holder.get(name), kind), f"`{name}` is not there, or of another kind")
    return holder[name]

def only(holder, names):
    expect(isinstance(holder, dict) and set(holder) == set(names.split()), f"the members are not {names}")

def number(holder, name):  # each number has one text
    text = read(holder, name, str)
    expect(re.fullmatch("0|[1-9][0-9]{0,14}", text, re.ASCII) and int(text) <= MAX_SIZE, f"`{name}` is not a number of a log")
    return int(text)

def hash_of(text):
    expect(isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text, re.ASCII), "a hash is not 64 lowercase hex digits")
    return bytes.fromhex(text)

def data(holder, name):
    text = read(holder, name, str)
    bytes_ = base64.b64decode(text, validate=True)
    expect(base64.b64encode(bytes_).decode() == text, f"`{name}` is not base64 in its usual form")
    return bytes_

def key(holder, name):
    digits, text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", read(holder, name, str)
    expect(32 <= len(text) <= 44 and set(text) <= set(digits), f"`{name}` is not an address")
    value = sum(digits.index(digit) * 58 ** at for at, digit in enumerate(reversed(text)))
    expect(value < 1 << 256, f"`{name}` is not an address")
    bytes_, ones = value.to_bytes(32, "big"), len(text) - len(text.lstrip("1"))
    expect(len(bytes_) - len(bytes_.lstrip(b"\0")) == ones, f"`{name}` is not an address in its usual form")
    return bytes_

def proof_of(holder):
    return [hash_of(text) for text in read(holder, "proof", list)]

def head_of(holder, name):
    head = read(holder, name, dict)
    return number(head, "size"), hash_of(head.get("root"))

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

def take_root(compute, proof, head, what):
    try:
        computed = compute(proof)
    except IndexError:
        refuse(f"{what}: hashes are missing")
    expect(not proof, f"{what}: hashes are left over")
    expect(computed == head[1], f"{what}: it leads to {computed.hex()}, the head says {head[1].hex()}")
    return f"{what}: root {computed.hex()} of {head[0]} leaves"

def prove_leaf(index, leaf, proof, head, what):
    expect(index < head[0], f"{what}: {index} is not below {head[0]}")
    return take_root(lambda proof: leaf_root(index, head[0], leaf, proof), proof, head, what)

def verify(answer):  # what is shown, once all of it holds
    expect(isinstance(answer, dict), "this is not an answer")
    if "format" in answer:
        return verify_receipt(answer)
    if answer.get("certificate"):
        certificate = answer["certificate"]
        log, head = read(certificate, "log", str), head_of(certificate, "head")
        expect(log in ("entries", "events"), "there is no such log")
        rows = read(answer, log, list)
        leaves = [leaf_hash(data(row, "payload" if log == "entries" else "leaf")) for row in rows]
        first, end = number(certificate, "from"), number(certificate, "to")
        expect(first < end == first + len(rows) <= head[0], "the list is not as long as its certificate says")
        root = lambda proof: range_root(0, head[0], first, leaves, proof)
        return [take_root(root, proof_of(certificate), head, f"all {log} from {first} up to {end}")]
    if "second" in answer:
        first, second, proof = head_of(answer, "first"), head_of(answer, "second"), proof_of(answer)
        if first[0] == 0:  # every log extends the empty one, so that nothing is shown of the second
            return [take_root(lambda proof: sha256(b""), proof, first, "first head, of the empty log")]
        expect(first[0] <= second[0], "the second log is shorter than the first")
        roots = lambda which: lambda proof: both_roots(first[0], second[0], proof, first[1])[which]
        return [take_root(roots(0), list(proof), first, "first head"),
                take_root(roots(1), proof, second, "second head, which extends it")]
    if "leaf_hash" in answer:
        log = read(answer, "log", str)
        expect(log in ("entries", "events"), "there is no such log")
        index, leaf = number(answer, "index"), hash_of(answer["leaf_hash"])
        return [prove_leaf(index, leaf, proof_of(answer), head_of(answer, "head"), f"leaf {index} of the {log}")]
    refuse("this answer carries no proof")

def verify_receipt(receipt):
    only(receipt, "format genesis_hash program ledger entry event head event_head")
    expect(receipt["format"] == "counterfoil receipt v1", "the format is not counterfoil receipt v1")
    for name, names in ("entry", "index payload proof"), ("event", "seq leaf proof"), ("head", "size root"), ("event_head", "size root"):
        only(receipt[name], names)
    entry, event, head, event_head = receipt["entry"], receipt["event"], head_of(receipt, "head"), head_of(receipt, "event_head")
    ledger, _, _ = key(receipt, "ledger"), key(receipt, "program"), key(receipt, "genesis_hash")
    index, seq, payload, leaf = number(entry, "index"), number(event, "seq"), data(entry, "payload"), data(event, "leaf")
    expect(1 <= len(payload) <= 65_535, "the entry has no bytes, or too many")
    word = lambda at: int.from_bytes(leaf[at:at + 8], "little")
    first, count, size, root = word(96), word(104), word(112), leaf[120:152]
    expect(len(leaf) >= 152, "the event is too short")
    expect(leaf[:8].hex() in ("f3a80463435d2aa5", "b62d6df3e004e071"), "the event appends no entries")
    expect(leaf[8:40] == ledger, "another ledger's event")
    expect(word(40) == seq and first <= index < first + count, "another event's entry")
    expect(size < head[0] or (size, root) == head, "event and head contradict each other")
    return [prove_leaf(index, leaf_hash(payload), proof_of(entry), head, f"entry {index}"),
            prove_leaf(seq, leaf_hash(leaf), proof_of(event), event_head, f"event {seq}")]

def main():
    text = sys.stdin.buffer.read(MAX_BYTES + 1)
    expect(len(text) <= MAX_BYTES, f"it has more than {MAX_BYTES} bytes")
    try:
        shown = verify(json.loads(text.decode("utf-8"), object_pairs_hook=members))
    except RecursionError:
        refuse("it is nested too deeply")
    except ValueError as error:
        refuse(f"it cannot be read: {error}")
    print("\n".join(shown))

main()
