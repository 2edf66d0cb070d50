"""The vectors v1 for the programs of this folder: docs/vectors/verdicts.json."""

import base64
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOADED = json.loads((ROOT / "docs/vectors/verdicts.json").read_text(encoding="utf-8"))
NOTHING = {"claims": None, "facts": None}


def of(rule):
    """Each vector of a rule, as the rule's name, verdict and kind of document, the document, the pin's name, and the answer."""
    for vector in rule["vectors"]:
        source = LOADED["documents"][vector["of"]]
        text = source["text"].encode()
        insert = vector["insert"].encode() if "insert" in vector else base64.b64decode(vector["insert_base64"])
        yield {
            "name": f"{rule['rule']} of {vector['of']} at {vector['at']}",
            "verdict": rule["verdict"],
            "kind": source["kind"],
            "bytes": text[: vector["at"]] + insert + text[vector["at"] + vector["remove"] :],
            "pin": LOADED["pins"].get(vector.get("pin")),
            "pin_name": vector.get("pin"),
            "answer": LOADED["answers"].get(vector.get("answer"), NOTHING),
        }
