"""Recomputes an answer of a Counterfoil API: curl -s "$COUNTERFOIL_API/v1/ledgers/$LEDGER/entries" | python3 verify.py

Receipts and evidence it reads, too: python3 verify.py < evidence.jsonl. Prints the heads that they lead to, and nothing that it
did not compute. That those are the chain's is for the ledger's account to say, which you read from a server of your own
choice. What does not hold ends with REFUSED and exit code 1. Values are read as strictly as `counterfoil verify` reads them.
"""
import base64, hashlib, json, re, sys

MAX_BYTES, MAX_RECEIPT_BYTES, MAX_LINE_BYTES = 100_000_000, 1 << 20, 1 << 20  # the last of evidence, which may be longer
MAX_SIZE = (1 << 48) - 1  # of a ledger, so that no proof is longer than 48 hashes
EVIDENCE = "counterfoil evidence v1"
ENTRIES, SUBTREES = APPENDS = "f3a80463435d2aa5", "b62d6df3e004e071"
BODIES = {  # how many bytes follow each kind of event's header; of SUBTREES its hashes follow these
    ENTRIES: 0, SUBTREES: 4, "d22b87952baecbc7": 36, "090d9a578a05029a": 44, "2b12afe1da5e675e": 32, "f4755e7035972359": 32,
    "a6c0dbbc29d1c31a": 32, "45d74fc8fbf7e4da": 0, "9d9ba47783850eb6": 0}
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

class Range:  # some of a log's leaves, one after the other, and the roots of the subtrees beside them
    def __init__(self, holder, what):
        self.head, self.proof = head_of(holder, "head", True), proof_of(holder)
        self.first, self.end = number(holder, "from"), number(holder, "to")
        self.what = f"all {what} from {self.first} up to {self.end}"
        expect(self.first < self.end <= self.head[0], f"{self.what}: there is no such range")
        self.size, self.peaks = 0, []
        for level in reversed(range(48)):
            if self.first >> level & 1:
                self.push(self.beside(), level)

    def beside(self):
        expect(self.proof, f"{self.what}: hashes are missing")
        return self.proof.pop(0)

    def push(self, root, level=0):
        self.size += 1 << level
        while self.peaks and self.peaks[-1][0] == level:
            root, level = node_hash(self.peaks.pop()[1], root), level + 1
        self.peaks.append((level, root))

    def finish(self):
        while self.size < self.head[0]:  # the last subtree may have fewer leaves than the one that it stands beside
            self.push(self.beside(), self.peaks[-1][0])
        _, root = self.peaks.pop()
        while self.peaks:
            root = node_hash(self.peaks.pop()[1], root)
        return take_root(lambda _: root, self.proof, self.head, self.what)

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
        log = read(certificate, "log", str)
        expect(log in ("entries", "events"), "there is no such log")
        rows, leaves = read(answer, log, list), Range(certificate, log)
        for row in rows:
            leaves.push(leaf_hash(data(row, "payload" if log == "entries" else "leaf")))
        expect(len(rows) == leaves.end - leaves.first, "the list is not as long as its certificate says")
        return [leaves.finish()]
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

def event_of(holder, ledger):  # whether it appends, from which entry on, how many, the head that it states, its leaf hash
    seq, leaf = number(holder, "seq"), data(holder, "leaf")
    word = lambda at, size=8: int.from_bytes(leaf[at:at + size], "little")
    kind, first, count, size, root = leaf[:8].hex(), word(96), word(104), word(112), leaf[120:152]
    expect(kind in BODIES, "the event is of no kind that is known")
    length = 152 + BODIES[kind] + (32 * word(152, 4) if kind == SUBTREES else 0)
    expect(len(leaf) == length, "the event is cut short, or bytes follow it")
    expect(size <= MAX_SIZE and seq < MAX_SIZE, "the event is beyond the largest log")
    expect(leaf[8:40] == ledger, "another ledger's event")
    expect(word(40) == seq, "another event's number")
    return kind in APPENDS, first, count, (size, root), leaf_hash(leaf)

def payload_of(entry):
    payload = data(entry, "payload")
    expect(1 <= len(payload) <= 65_535, "the entry has no bytes, or too many")
    return payload

def ledger_of(document):
    if "transaction" in document:
        base58(document, "transaction", 64)
    return [base58(document, name, 32) for name in ("program", "genesis_hash", "ledger")][-1]

def verify_receipt(receipt):
    is_v1 = receipt["format"] == "counterfoil receipt v1"
    expect(is_v1 or receipt["format"] == "counterfoil receipt v2", "the format is none of counterfoil receipt v1, v2")
    names = "format genesis_hash program ledger entry event"
    only(receipt, names + " head event_head" if is_v1 else names, "" if is_v1 else "transaction bridge statement content salt")
    entry, event, bridge = receipt["entry"], receipt["event"], receipt.get("bridge")
    only(entry, "index payload proof")
    only(event, "seq leaf proof" if is_v1 else "seq leaf")
    index, seq, entry_leaf = number(entry, "index"), number(event, "seq"), leaf_hash(payload_of(entry))
    is_append, first, count, stated, event_leaf = event_of(event, ledger_of(receipt))
    expect(is_append, "the event appends no entries")
    expect(first <= index < first + count, "another event's entry")
    if is_v1:
        head = head_of(receipt, "head", True)
        expect(stated[0] < head[0] or stated == head, "event and head contradict each other")
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

def verify_evidence(header):  # line by line, in memory that does not grow with them
    only(header, "format genesis_hash program ledger entries events content", "transaction bridge")
    ledger, has_content, shown = ledger_of(header), read(header, "content", bool), []
    for log in ("entries", "events"):
        only(header[log], "from to head proof")
    entries = Range(header["entries"], "entries" if has_content else "entries, by their hashes,")
    events = Range(header["events"], "events")
    if "bridge" in header:
        only(header["bridge"], "head consistency")
        later = head_of(header["bridge"], "head", True)
        shown = prove_growth(entries.head, later, proof_of(header["bridge"], "consistency"))[1:]
    covered, stated = entries.first, None  # up to where the events' entries go, and the head that the last of them states
    while True:
        line = read_line()
        expect(line, "it was cut off")
        line = parse(line)
        expect(isinstance(line, dict) and len(line) == 1, "a line has one member")
        [(kind, value)] = line.items()
        if kind == "event":
            only(value, "seq leaf")
            is_append, first, _, head, leaf = event_of(value, ledger)
            expect(number(value, "seq") == events.size < events.end, "another event belongs here")
            expect(entries.size >= covered, "an entry belongs here")
            follows = first == stated[0] if stated else is_append and first <= entries.size < head[0]
            expect(follows, "the event that appended the next entry belongs here")
            events.push(leaf)
            covered, stated = min(head[0], entries.end) if is_append else covered, head
        elif kind == ("entry" if has_content else "leaf"):
            only(value, "index payload" if has_content else "index hash")
            expect(number(value, "index") == entries.size < covered, "another entry belongs here")
            entries.push(leaf_hash(payload_of(value)) if has_content else hash_of(value["hash"]))
        else:
            expect(kind == "end", "there is no such line here")
            only(value, "entries events")
            break
    for log, leaves in (("entries", entries), ("events", events)):
        expect(leaves.size == leaves.end, f"{leaves.what}: some are missing")
        expect(number(value, log) == leaves.end - leaves.first, "the last line says another count")
    expect(is_append and first < entries.end, "the last event appended none of the entries")
    expect(stated == entries.head, "the last event does not state the entries' head")
    expect(not read_line(), "it goes on after its last line")
    return [entries.finish()] + shown + [events.finish()]

def read_line():
    line = sys.stdin.buffer.readline(MAX_LINE_BYTES + 1)
    expect(len(line) <= MAX_LINE_BYTES, f"a line has more than {MAX_LINE_BYTES} bytes")
    return line

def parse(text):
    return json.loads(text.decode("utf-8"), object_pairs_hook=members)

def evidence_header(line):  # nothing where the line is none
    try:
        header = parse(line)
    except (RecursionError, ValueError):
        return None
    return header if isinstance(header, dict) and header.get("format") == EVIDENCE else None

def verify_input():
    first = sys.stdin.buffer.readline(MAX_LINE_BYTES + 1)
    header = evidence_header(first)
    if header:
        expect(len(first) <= MAX_LINE_BYTES, f"a line has more than {MAX_LINE_BYTES} bytes")
        return verify_evidence(header)
    text = first + sys.stdin.buffer.read(MAX_BYTES + 1 - len(first))
    expect(len(text) <= MAX_BYTES, f"it has more than {MAX_BYTES} bytes")
    answer = parse(text)
    shown = verify(answer)
    expect("format" not in answer or len(text) <= MAX_RECEIPT_BYTES, f"a receipt has at most {MAX_RECEIPT_BYTES} bytes")
    return shown

def main():
    try:
        shown = verify_input()
    except RecursionError:
        refuse("it is nested too deeply")
    except ValueError as error:
        refuse(f"it cannot be read: {error}")
    print("\n".join(shown))

main()
