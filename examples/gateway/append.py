#!/usr/bin/env python3
"""Writes records through Counterfoil's gateway and keeps their receipts: the standard library, retries and idempotency.

Usage: append.py GATEWAY LEDGER FOLDER < lines of JSON. Each line is a record; FOLDER gets its promise and its receipt.
The name of a request is made from its content's place and bytes, so that a second run of the same lines writes nothing twice.
"""

import hashlib
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A key in a header goes to the gateway alone."""

    def redirect_request(self, *_):
        return None


open_url = urllib.request.build_opener(NoRedirects).open


def call(url, body=None, headers=None):
    """Answers the body of a success, again and again while the gateway is away or busy."""
    pause = 0.05
    while True:
        request = urllib.request.Request(url, data=body, headers=headers or {})
        try:
            with open_url(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 429 and error.code < 500:
                raise SystemExit(f"{url}: {error.code} {error.read().decode()}") from error
        except (OSError, ValueError):
            pass  # No answer, or a part of one: the same name makes it safe to ask again.
        time.sleep(pause)
        pause = min(2 * pause, 5)


def main(gateway, ledger, folder):
    folder, written = pathlib.Path(folder), []
    for number, line in enumerate(sys.stdin.buffer.read().splitlines()):
        name = hashlib.sha256(b"%s %d " % (ledger.encode(), number) + line).hexdigest()
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{name}"'}
        accepted = call(f"{gateway}/v1/ledgers/{ledger}/records", line, headers)
        (folder / f"{number}.promise.json").write_text(json.dumps(accepted["promise"]))
        written.append(accepted["records"][0]["url"])
    for number, url in enumerate(written):
        while (record := call(gateway + url))["state"] != "checked":
            time.sleep(0.2)
        (folder / f"{number}.receipt.json").write_text(json.dumps(record["receipt"]))
    print(f"{len(written)} records, {len(written)} receipts")


if __name__ == "__main__":
    main(*sys.argv[1:])
