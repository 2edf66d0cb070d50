"""Statements and promises, read by docs/protocol.md and the standard library alone: an oracle for the Rust.

    oracle.py vectors STATEMENT.JSON PROMISE.JSON   compares all vectors with its own answers
    oracle.py answer                                answers each line {"entry": HEX} or {"promise": BASE64, "pinned": KEY}

Not for use with secrets, and slow: Ed25519 is written from RFC 8032.
"""

import base64
import hashlib
import json
import re
import sys

# --- Ed25519, RFC 8032 section 5.1, without the cofactor, and without keys or nonces of small order. ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x % 2 != sign and x else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point(encoded):
    number = int.from_bytes(encoded, "little")
    y = (number & (1 << 255) - 1) % P
    x = recover_x(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def is_signed(key, message, signature):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or any(equal(times(8, p), (0, 1, 1, 0)) for p in (a, r)):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return equal(times(s, BASE), add(r, times(h, a)))


# --- The statement. ---


class Refused(Exception):
    """The bytes are not what they pretend to be."""


TAG = bytes.fromhex("da43665331")
TOKEN = r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"
QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
CONTENT_TYPE = re.compile(f"{TOKEN}/{TOKEN}(?: *; *{TOKEN}=(?:{TOKEN}|{QUOTED}))*")
LENGTHS = {1: 32, 2: 32, 3: 32, 4: 16, 5: 32, 8: 32, 9: 32, 11: 32}


def need(condition, why):
    if not condition:
        raise Refused(why)


class Cbor:
    """A reader that takes the deterministic encoding alone."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "it was cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self, major):
        first = self.take(1)[0]
        need(first >> 5 == major, "another type belongs here")
        short = first & 31
        if short < 24:
            return short
        need(short < 28, "an indefinite or reserved length")
        number = int.from_bytes(self.take(1 << short - 24), "big")
        need(number >= (24, 1 << 8, 1 << 16, 1 << 32)[short - 24], "a longer head than needed")
        return number

    def bytes(self, count=None):
        length = self.head(2)
        need(count in (None, length), "another length belongs here")
        return self.take(length)

    def end(self):
        need(self.at == len(self.data), "bytes follow")


def read_statement(entry):
    """The members, the bytes that are signed, and (key, signature) or None; no statement at all is None."""
    if not entry.startswith(TAG):
        return None
    cbor = Cbor(entry[len(TAG) :])
    parts = cbor.head(4)
    need(parts in (1, 2), "one or two elements")
    inner = cbor.bytes()
    signature = None
    if parts == 2:
        need(cbor.head(4) == 2, "key and signature")
        signature = (cbor.bytes(32), cbor.bytes(64))
    cbor.end()
    cbor, members, last = Cbor(inner), {}, 0
    for _ in range(cbor.head(5)):
        key = cbor.head(0)
        need(last < key <= 11, "an unknown key, or out of order")
        last = key
        if key == 6:
            text = cbor.take(cbor.head(3))
            need(1 <= len(text) <= 127 and text.isascii(), "the content type's length")
            need(CONTENT_TYPE.fullmatch(text.decode("ascii")), "the content type")
            members[key] = text.decode("ascii")
        elif key in (7, 10):
            members[key] = cbor.head(0)
        else:
            members[key] = cbor.bytes(LENGTHS[key])
    cbor.end()
    need(set(members) | {9, 11} == set(range(1, 12)), "a member is missing")
    need(members[4][6] >> 4 == 7 and members[4][8] >> 6 == 2, "no UUID of version 7")
    need(members[7] < 2**63, "the time")
    need((members[10] == 0) == (11 not in members), "sequence and previous")
    return members, inner, signature


def signing_text(inner):
    return "counterfoil statement v1\n" + hashlib.sha256(inner).hexdigest()


def uuid(data):
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def verdict_on_entry(entry, here):
    try:
        read = read_statement(entry)
    except Refused:
        return "malformed"
    if read is None:
        return "raw"
    members, inner, signature = read
    if here is not None and [members[1], members[2], members[3]] != here:
        return "elsewhere"
    if signature and not is_signed(signature[0], signing_text(inner).encode(), signature[1]):
        return "not_signed"
    return "statement"


# --- The promise. ---

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def from_base58(text, length):
    need(is_text(text) and 0 < len(text) <= 2 * length and all(c in ALPHABET for c in text), "base58")
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    need(number < 1 << 8 * length, "base58")
    data = number.to_bytes(length, "big")
    need(base58(data) == text, "base58")
    return data


def hash_of(text):
    need(is_text(text) and re.fullmatch("[0-9a-f]{64}", text), "a hash")
    return bytes.fromhex(text)


def u64(text):
    need(is_text(text) and re.fullmatch("0|[1-9][0-9]*", text) and int(text) < 2**64, "a number")
    return int(text)


def i64(text):
    need(is_text(text) and re.fullmatch("0|-?[1-9][0-9]*", text), "a number")
    need(-(2**63) <= int(text) < 2**63, "a number")
    return int(text)


class Number(str):
    """A number of the JSON, as it is written."""


def is_text(value):
    return type(value) is str


def members(pairs):
    value = dict(pairs)
    need(len(value) == len(pairs), "a member twice")
    return value


def object_of(value, names, optional=()):
    need(isinstance(value, dict), "an object belongs here")
    need(set(names) <= set(value) <= set(names) | set(optional), "members that are not the format's")
    return [value.get(name) for name in names]


def refuse_number(text):
    raise Refused(text)


def parse_json(data):
    try:
        text = data.decode("utf-8")
        hooks = {"parse_float": refuse_number, "parse_constant": refuse_number, "parse_int": Number}
        return json.loads(text, object_pairs_hook=members, **hooks)
    except (UnicodeError, ValueError, RecursionError) as error:
        raise Refused(str(error)) from error


def read_promise(data):
    names = ["format", "genesis_hash", "program", "ledger", "from", "deadline", "records", "copies", "key", "signature"]
    document = parse_json(data)
    values = object_of(document, names, ["record"])
    need(is_text(values[0]) and values[0] == "counterfoil promise v1", "the format")
    count, root = object_of(values[6], ["count", "root"])
    need(isinstance(values[7], str) and not isinstance(values[7], Number) and re.fullmatch("0|[1-9][0-9]*", values[7]), "copies")
    need(int(values[7]) < 2**32, "copies")
    promise = {
        "here": [from_base58(key, 32) for key in values[1:4]],
        "from": u64(values[4]),
        "deadline": i64(values[5]),
        "count": u64(count),
        "root": hash_of(root),
        "copies": int(values[7]),
        "key": from_base58(values[8], 32),
        "signature": from_base58(values[9], 64),
        "record": None,
    }
    if "record" in document:
        index, name, commitment, proof = object_of(document["record"], ["index", "id", "commitment", "proof"])
        need(is_text(name) and re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name), "a UUID")
        name = bytes.fromhex(name.replace("-", ""))
        need(name[6] >> 4 == 7 and name[8] >> 6 == 2, "no UUID of version 7")
        need(isinstance(proof, list), "a list of hashes")
        promise["record"] = (u64(index), name, hash_of(commitment), [hash_of(text) for text in proof])
    return promise


def signing_bytes(promise):
    little = lambda number, size: (number % (1 << 8 * size)).to_bytes(size, "little")
    numbers = little(promise["from"], 8) + little(promise["deadline"], 8) + little(promise["count"], 8)
    head = b"counterfoil promise v1\n" + b"".join(promise["here"]) + numbers
    return head + promise["root"] + little(promise["copies"], 4)


def leads_to(leaf, index, size, proof, root):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        return False
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def verdict_on_promise(data, pinned):
    try:
        promise = read_promise(data)
    except Refused:
        return "unreadable", None
    largest = 2**48 - 1
    if promise["from"] > largest or promise["count"] > largest:
        return "out_of_range", promise
    if promise["count"] == 0:
        return "no_records", promise
    if promise["copies"] == 0:
        return "no_copies", promise
    if not is_signed(promise["key"], signing_bytes(promise), promise["signature"]):
        return "not_signed", promise
    if promise["record"]:
        index, name, commitment, proof = promise["record"]
        if index >= largest:
            return "out_of_range", promise
        leaf = hashlib.sha256(b"\0" + name + commitment).digest()
        if not leads_to(leaf, index, promise["count"], proof, promise["root"]):
            return "record", promise
    return ("believed" if promise["key"] == pinned else "other_key"), promise


def is_record(promise, entry):
    try:
        read = read_statement(entry)
    except Refused:
        return False
    if read is None or promise["record"] is None or [read[0][key] for key in (1, 2, 3)] != promise["here"]:
        return False
    return (read[0][4], read[0][5]) == promise["record"][1:3]


def judge(promise, receipt, evidence, time):
    """The verdict on a believed promise; receipt and evidence are true ones."""
    deadline, here, times, entries, of, covers = promise["deadline"], promise["here"], [], [], None, False
    if receipt:
        leaf = base64.b64decode(receipt["event"]["leaf"])
        times = [int.from_bytes(leaf[56:64], "little", signed=True)]
        entries, of = [(times[0], base64.b64decode(receipt["entry"]["payload"]))], receipt
    if evidence:
        of = evidence[0]
        for line in evidence[1:]:
            if "event" in line:
                times.append(int.from_bytes(base64.b64decode(line["event"]["leaf"])[56:64], "little", signed=True))
            elif "entry" in line:
                entries.append((times[-1], base64.b64decode(line["entry"]["payload"])))
        first, end = int(of["entries"]["from"]), int(of["entries"]["to"])
        covers = of["content"] and first <= promise["from"] < end and times == sorted(times) and times[-1] > deadline
    if of and [from_base58(of[name], 32) for name in ("genesis_hash", "program", "ledger")] != here:
        times, entries, covers = [], [], False
    if any(at <= deadline and is_record(promise, entry) for at, entry in entries):
        return "kept"
    if covers and promise["record"]:
        return "broken"
    if time is not None and max(times + [time]) <= deadline:
        return "due"
    return "cannot_tell"


# --- The vectors. ---


def expect(found, expected, what):
    if found != expected:
        sys.exit(f"{what}: {found!r}, the vectors say {expected!r}")


def compare_statements(vectors):
    here = [from_base58(vectors["here"][name], 32) for name in ("genesis_hash", "program", "ledger")]
    for case in vectors["commitments"]:
        commitment = hashlib.sha256(bytes.fromhex(case["salt"]) + bytes.fromhex(case["content"])).hexdigest()
        expect(commitment, case["commitment"], "a commitment")
    for case in vectors["statements"]:
        entry = bytes.fromhex(case["entry"])
        expect(verdict_on_entry(entry, here), "statement", case["entry"])
        values, inner, signature = read_statement(entry)
        optional = lambda key: values[key].hex() if key in values else None
        found = {
            "genesis_hash": base58(values[1]),
            "program": base58(values[2]),
            "ledger": base58(values[3]),
            "record_id": uuid(values[4]),
            "commitment": values[5].hex(),
            "content_type": values[6],
            "author_time_ms": str(values[7]),
            "stream": values[8].hex(),
            "subject": optional(9),
            "sequence": str(values[10]),
            "previous": optional(11),
        }
        expect(found, case["statement"], case["entry"])
        expect(signing_text(inner), case["signing_text"], case["entry"])
        expect(base58(signature[0]) if signature else None, case["author"], case["entry"])
        expect(hashlib.sha256(b"\0" + entry).hexdigest(), case["leaf_hash"], case["entry"])
    for case in vectors["entries"]:
        expect(verdict_on_entry(bytes.fromhex(case["entry"]), here), case["is"], case["why"] + " " + case["entry"])
    return len(vectors["statements"]) + len(vectors["entries"])


def with_value(document, path, value):
    if not path:
        return value
    altered = list(document) if isinstance(document, list) else dict(document)
    at = int(path[0]) if isinstance(document, list) else path[0]
    inner = document[at] if isinstance(document, list) else document.get(at)
    altered[at] = with_value(inner, path[1:], value)
    return altered


def compare_promises(vectors):
    pinned, promises = from_base58(vectors["pinned"], 32), vectors["promises"]
    for case in promises:
        verdict, promise = verdict_on_promise(json.dumps(case["promise"]).encode(), pinned)
        expect((verdict, signing_bytes(promise).hex()), ("believed", case["signed"]), "a promise")
    for case in vectors["alterations"]:
        altered = with_value(promises[case["of"]]["promise"], case["path"], case["value"])
        expect(verdict_on_promise(json.dumps(altered).encode(), pinned)[0], case["refused"], case)
    for text in vectors["unreadable"]:
        expect(verdict_on_promise(text.encode(), pinned)[0], "unreadable", text)
    for case in vectors["verdicts"]:
        verdict, promise = verdict_on_promise(json.dumps(case["promise"]).encode(), pinned)
        expect(verdict, "believed", case["name"])
        time = None if case["time"] is None else int(case["time"])
        expect(judge(promise, case["receipt"], case["evidence"], time), case["verdict"], case["name"])
    return sum(len(vectors[name]) for name in ("promises", "alterations", "unreadable", "verdicts"))


def main():
    if sys.argv[1] == "vectors":
        loaded = [json.load(open(path, encoding="utf-8")) for path in sys.argv[2:]]
        print(compare_statements(loaded[0]), compare_promises(loaded[1]))
        return
    for line in sys.stdin:
        asked = json.loads(line)
        if "entry" in asked:
            print(verdict_on_entry(bytes.fromhex(asked["entry"]), None))
        else:
            print(verdict_on_promise(base64.b64decode(asked["promise"]), from_base58(asked["pinned"], 32))[0])


main()
