"""The parts that the tests share: documents from `docs/vectors`, with the verdict that each must get."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "src"))


def vectors(name):
    """The vectors of `docs/vectors` of that name."""
    return json.loads((ROOT / "docs/vectors" / f"{name}.json").read_text(encoding="utf-8"))


def seeded():
    """A source of random numbers that `SEED=` repeats, and that seed, for the message of a failure."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    return random.Random(seed), f"SEED={seed}"


def altered(document, path, value):
    """A document with another value at a path of members."""
    if not path:
        return value
    if isinstance(document, list):
        at = int(path[0])
        return [altered(item, path[1:], value) if place == at else item for place, item in enumerate(document)]
    return {**document, path[0]: altered(document.get(path[0]), path[1:], value)}


def flipped(digest):
    """Another hash."""
    return ("1" if digest[0] == "0" else "0") + digest[1:]


def pin_of(verdict):
    """A pin of all that a verdict without a pin says of a document."""
    return dict(verdict.claims)


def growth():
    """The name and text of a consistency proof of some hashes."""
    for name, text, holds in documents():
        if holds and name.startswith("consistency") and len(json.loads(text)["proof"]) > 2:
            return name, text


def lines(texts):
    return "".join(f"{line}\n" for line in texts)


def documents():
    """Each document of the vectors: its name, its text, and whether its parts belong together; None where that cannot be told."""
    yield from _receipts()
    yield from _evidence()
    for number, case in enumerate(vectors("log")["consistency"]):
        heads = {at: {"size": case[f"{at}_size"], "root": case[f"{at}_root"]} for at in ("first", "second")}
        answer = {"log": "entries", **heads, "proof": case["proof"]}
        yield f"consistency {number}, {case['fault']}", json.dumps(answer), case["fault"] is None
    for number, page in enumerate(_pages()):
        yield f"page {number}", json.dumps(page), True
        for what, other in _altered_pages(page):
            yield f"page {number}, {what}", json.dumps(other), False


def _receipts():
    loaded = vectors("receipt")
    for at, receipt in enumerate(loaded["receipts"]):
        yield f"receipt {at}", json.dumps(receipt), True
    for case in loaded["alterations"]:
        holds = {None: True, "statement": None}.get(case["refused"], False)
        text = json.dumps(altered(loaded["receipts"][case["of"]], case["path"], case["value"]))
        yield f"receipt {case['of']}, {'.'.join(case['path'])} = {case['value']!r}", text, holds
    for at, text in enumerate(loaded["unreadable"]):
        yield f"unreadable {at}: {text[:60]}", text, False


def _evidence():
    loaded = vectors("evidence")
    for at, texts in enumerate(loaded["evidence"]):
        yield f"evidence {at}", lines(texts), True
    for case in loaded["headers"]:
        texts = loaded["evidence"][case["of"]]
        header = json.dumps(altered(json.loads(texts[0]), case["path"], case["value"]))
        name = f"evidence {case['of']}, {'.'.join(case['path'])} = {case['value']!r}"
        yield name, lines([header, *texts[1:]]), case["verified"]
    for number, case in enumerate(loaded["alterations"]):
        texts, at, removed = loaded["evidence"][case["of"]], case["at"], case["removed"]
        changed = texts[:at] + case["lines"] + texts[at + removed :]
        # Without its last line a file was cut off, and the rest of it may be true. Without its first it is none.
        is_cut = not case["verified"] and at > 0 and at + removed == len(texts) and not case["lines"]
        yield f"evidence {case['of']}, alteration {number} at {at}", lines(changed), None if is_cut else case["verified"]


def _base64(digits):
    return base64.b64encode(bytes.fromhex(digits)).decode()


def _pages():
    """Pages of all entries of the shared log, and of all events of the shared ledger, at each size."""
    program, log = vectors("program"), vectors("log")
    names = {"genesis_hash": program["program"], "program": program["program"], "ledger": program["ledger"]["address"]}

    def certificate(of, size, root):
        head = {"size": str(size), "root": root}
        members = {"format": "counterfoil certificate v1", **names, "log": of, "from": "0", "to": str(size)}
        return {"certificate": {**members, "head": head, "slot": "1", "proof": []}}

    for case in log["roots"]:
        size = int(case["size"])
        leaves = [leaf for leaf in log["leaves"][:size] if leaf["entry"]]
        if size == 0 or len(leaves) != size:
            continue
        rows = [
            {"index": str(at), "payload": _base64(leaf["entry"]), "leaf_hash": leaf["leaf_hash"]}
            for at, leaf in enumerate(leaves)
        ]
        yield {"entries": rows, **certificate("entries", size, case["root"])}
    events = []
    for step in program["steps"]:
        if step.get("event"):
            event = step["event"]
            events.append({"seq": str(len(events)), "leaf": _base64(event["leaf"]), "leaf_hash": event["leaf_hash"]})
            yield {"events": list(events), **certificate("events", len(events), step["account"]["fields"]["event_root"])}


def _altered_pages(page):
    log, member, number = ("entries", "payload", "index") if "entries" in page else ("events", "leaf", "seq")
    rows = page[log]

    def with_row(at, **values):
        row = {name: value for name, value in {**rows[at], **values}.items() if value is not None}
        return {**page, log: rows[:at] + [row] + rows[at + 1 :]}

    for at in sorted({0, len(rows) - 1}):
        data = bytearray(base64.b64decode(rows[at][member]))
        data[0] ^= 1
        changed = base64.b64encode(data).decode()
        yield f"bytes of row {at}", with_row(at, **{member: changed, "leaf_hash": None})
        yield f"bytes of row {at} under the old hash", with_row(at, **{member: changed})
        yield f"number of row {at}", with_row(at, **{number: str(at + 1)})
    head = page["certificate"]["head"]
    yield "a row less", {**page, log: rows[1:]}
    yield "a row more", {**page, log: [*rows, rows[0]]}
    yield "another log", altered(page, ["certificate", "log"], "events" if log == "entries" else "entries")
    yield "another root", altered(page, ["certificate", "head", "root"], flipped(head["root"]))
    yield "another size", altered(page, ["certificate", "head", "size"], str(len(rows) + 1))
    yield "a hash more", altered(page, ["certificate", "proof"], [head["root"]])
    yield "a member more", altered(page, ["certificate", "note"], "")
