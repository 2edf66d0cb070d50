"""Recomputes an answer of a Counterfoil API: curl -s "$COUNTERFOIL_API/v1/ledgers/$LEDGER/entries" | python3 verify.py

Prints the heads that it leads to, and nothing that it did not compute. That they are the chain's is for the ledger's account
to say, which you read from a server of your own choice. An answer that does not hold ends with REFUSED and exit code 1.
Values are read as strictly as `counterfoil verify` reads them.
"""
import base64, hashlib, json, re, sys

MAX_BYTES, MAX_RECEIPT_BYTES = 100_000_000, 1 << 20
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

def only(holder, names, optional=""):
    needed, allowed = set(names.split()), set((names + " " + optional).split())
    expect(isinstance(holder, dict) and needed <= set(holder) <= allowed, f"the members are not {names}")

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

def base58(holder, name, length):
    digits, text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", read(holder, name, str)
    expect(length <= len(text) <= 11 * length // 8 and set(text) <= set(digits), f"`{name}` is not {length} bytes in base58")
    value = sum(digits.index(digit) * 58 ** at for at, digit in enumerate(reversed(text)))
    expect(value < 1 << 8 * length, f"`{name}` is not {length} bytes in base58")
    bytes_, ones = value.to_bytes(length, "big"), len(text) - len(text.lstrip("1"))
    expect(length - len(bytes_.lstrip(b"\0")) == ones, f"`{name}` is not {length} bytes in base58 in its usual form")
    return bytes_

def proof_of(holder, name="proof"):
    return [hash_of(text) for text in read(holder, name, list)]

def head_of(holder, name, is_strict=False):
    head = read(holder, name, dict)
    expect(not is_strict or set(head) == {"size", "root"}, "the members are not size root")
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

def prove_growth(first, second, proof):
    expect(first[0] <= second[0], "the second log is shorter than the first")
    roots = lambda which: lambda proof: both_roots(first[0], second[0], proof, first[1])[which]
    return [take_root(roots(0), list(proof), first, "first head"),
            take_root(roots(1), proof, second, "second head, which extends it")]

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
        return prove_growth(first, second, proof)
    if "leaf_hash" in answer:
        log = read(answer, "log", str)
        expect(log in ("entries", "events"), "there is no such log")
        index, leaf = number(answer, "index"), hash_of(answer["leaf_hash"])
        return [prove_leaf(index, leaf, proof_of(answer), head_of(answer, "head"), f"leaf {index} of the {log}")]
    refuse("this answer carries no proof")

def verify_receipt(receipt):
    is_v1 = receipt["format"] == "counterfoil receipt v1"
    expect(is_v1 or receipt["format"] == "counterfoil receipt v2", "the format is none of counterfoil receipt v1, v2")
    names = "format genesis_hash program ledger entry event"
    only(receipt, names + " head event_head" if is_v1 else names, "" if is_v1 else "transaction bridge statement content salt")
    entry, event, bridge = receipt["entry"], receipt["event"], receipt.get("bridge")
    only(entry, "index payload proof")
    only(event, "seq leaf proof" if is_v1 else "seq leaf")
    ledger, _, _ = (base58(receipt, name, 32) for name in ("ledger", "program", "genesis_hash"))
    if "transaction" in receipt:
        base58(receipt, "transaction", 64)
    index, seq, payload, leaf = number(entry, "index"), number(event, "seq"), data(entry, "payload"), data(event, "leaf")
    expect(1 <= len(payload) <= 65_535, "the entry has no bytes, or too many")
    word = lambda at, size=8: int.from_bytes(leaf[at:at + size], "little")
    kind, first, count, size, root = leaf[:8].hex(), word(96), word(104), word(112), leaf[120:152]
    expect(kind in ("f3a80463435d2aa5", "b62d6df3e004e071"), "the event appends no entries")
    length = 152 if kind == "f3a80463435d2aa5" else 156 + 32 * word(152, 4)  # of the other its hashes follow
    expect(len(leaf) == length, "the event is cut short, or bytes follow it")
    expect(size <= MAX_SIZE and seq < MAX_SIZE, "the event is beyond the largest log")
    expect(leaf[8:40] == ledger, "another ledger's event")
    expect(word(40) == seq and first <= index < first + count, "another event's entry")
    stated, entry_leaf, event_leaf = (size, root), leaf_hash(payload), leaf_hash(leaf)
    if is_v1:
        head = head_of(receipt, "head", True)
        expect(size < head[0] or stated == head, "event and head contradict each other")
        return [prove_leaf(index, entry_leaf, proof_of(entry), head, f"entry {index}"),
                prove_leaf(seq, event_leaf, proof_of(event), head_of(receipt, "event_head", True), f"event {seq}")]
    shown = [prove_leaf(index, entry_leaf, proof_of(entry), stated, f"entry {index}")]
    if "bridge" in receipt:
        only(bridge, "head consistency event_head event_proof")
        shown += prove_growth(stated, head_of(bridge, "head", True), proof_of(bridge, "consistency"))[1:]
        event_head = head_of(bridge, "event_head", True)
        shown += [prove_leaf(seq, event_leaf, proof_of(bridge, "event_proof"), event_head, f"event {seq}")]
    else:
        shown += [f"event {seq}: leaf hash {event_leaf.hex()}, under no head"]
    expect(not {"statement", "content", "salt"} & set(receipt), "it carries a statement, which this script does not read")
    return shown

def main():
    text = sys.stdin.buffer.read(MAX_BYTES + 1)
    expect(len(text) <= MAX_BYTES, f"it has more than {MAX_BYTES} bytes")
    try:
        answer = json.loads(text.decode("utf-8"), object_pairs_hook=members)
        shown = verify(answer)
        expect("format" not in answer or len(text) <= MAX_RECEIPT_BYTES, f"a receipt has at most {MAX_RECEIPT_BYTES} bytes")
    except RecursionError:
        refuse("it is nested too deeply")
    except ValueError as error:
        refuse(f"it cannot be read: {error}")
    print("\n".join(shown))

main()
