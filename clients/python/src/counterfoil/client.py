"""Reading an API, and appending through a gateway. Nothing that they answer is believed: verify it with a pin.

A gateway's callers need no wallet. Source: docs/gateway.md, docs/api.md.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from http.client import HTTPException, IncompleteRead
from typing import Any, Callable, Mapping, Optional
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from .judge import MAX_INPUT_BYTES
from .texts import plain

#: The states of a record; each includes those before it.
STATES = ("accepted", "sealed", "confirmed", "finalized", "checked")

_MOST_PAUSE = 5.0


class ClientError(Exception):
    """A request that got no answer, or was refused. `status` and `code` are the server's, where it gave any."""

    def __init__(self, problem: str, status: Optional[int] = None, code: Optional[str] = None) -> None:
        super().__init__(plain(problem))
        self.status, self.code = status, code


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is an error: the key is for this server alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Server:
    """A server that is asked again while it is away or busy.

    `url` begins with http: or https:. `key` is sent to it with each request. `timeout_s` bounds each attempt, `retry_s` all
    attempts of a call together.
    """

    def __init__(
        self,
        url: str,
        key: Optional[str] = None,
        *,
        timeout_s: float = 60,
        retry_s: float = 300,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("a server's URL begins with http: or https:")
        self._url, self._key, self._timeout_s, self._retry_s = url.rstrip("/"), key, timeout_s, retry_s
        self._sleep, self._clock, self._opener = sleep, clock, build_opener(_NoRedirect)

    def _call(self, path: str, body: Optional[bytes] = None, headers: Optional[Mapping[str, str]] = None) -> bytes:
        """The body of a success. A request that is sent again has to be one that may be: a read, or one with a name."""
        sent = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        request = Request(self._url + path, data=body, headers={**sent, **(headers or {})})
        end, pause = self._clock() + self._retry_s, 0.05
        while True:
            least = 0.0
            try:
                with self._opener.open(request, timeout=self._timeout_s) as response:
                    answer: bytes = response.read(MAX_INPUT_BYTES + 1)
                    if len(answer) > MAX_INPUT_BYTES:
                        raise ClientError(f"{path}: the answer has more than {MAX_INPUT_BYTES} bytes")
                    # A bounded read does not tell that the connection ended within the body.
                    if response.length:
                        raise IncompleteRead(answer)
                    return answer
            except HTTPError as error:
                problem = _problem(path, error)
                if error.code != 429 and error.code < 500:
                    raise problem from None
                least = _retry_after(error)
            except (OSError, HTTPException) as error:
                problem = ClientError(f"{path}: no answer: {error}")
            # Callers that were refused together do not come back together.
            wait = max(least, pause * (0.5 + random.random() / 2))
            if self._clock() + wait > end:
                raise problem
            self._sleep(wait)
            pause = min(2 * pause, _MOST_PAUSE)


class Api(_Server):
    """An API. Its answers are documents, as bytes: give them to :func:`counterfoil.verify`, with a pin from elsewhere."""

    def receipt(self, ledger: str, index: int) -> bytes:
        """The receipt of an entry."""
        return self._call(f"{_ledger(ledger)}/entries/{index}/receipt")

    def tlog_proof(self, ledger: str, index: int) -> bytes:
        """The proof of an entry in C2SP's form: see :func:`counterfoil.checkpoint.verify_tlog_proof`."""
        return self._call(f"{_ledger(ledger)}/entries/{index}/receipt?format=tlog-proof")

    def page(self, ledger: str, log: str, first: int, limit: int = 100) -> bytes:
        """Some of the `entries` or `events` from `first` on, with the certificate that they are all."""
        return self._call(f"{_ledger(ledger)}/{quote(log, safe='')}?" + urlencode({"first": first, "limit": limit}))

    def consistency(self, ledger: str, log: str, first: int) -> bytes:
        """That the log goes on from its head of `first` leaves."""
        return self._call(f"{_ledger(ledger)}/consistency?" + urlencode({"log": log, "first": first}))


class Gateway(_Server):
    """A gateway, which takes records and answers with a promise and, later, with a receipt."""

    def append(
        self,
        ledger: str,
        content: bytes,
        *,
        content_type: str = "application/json",
        idempotency_key: Optional[str] = None,
        stream: Optional[str] = None,
        subject: Optional[str] = None,
        occurred: Optional[str] = None,
    ) -> dict[str, Any]:
        """Appends one record, once: `{"id", "url", "promise"}`. The promise is None where the gateway gives none.

        Give `idempotency_key`, a name of 1 to 255 characters that is made from what the record is, so that a second run of the
        same program appends nothing twice. Without one each call is a record. `occurred` is a time of RFC 3339. Raises
        :class:`ClientError`: with a status below 500 the record was refused; else it may have been accepted.
        """
        name = idempotency_key or str(uuid.uuid4())
        if not name.isascii() or not name.isprintable() or len(name) > 255 or any(mark in name for mark in '"\\'):
            raise ValueError("an Idempotency-Key has 1 to 255 visible characters of ASCII without quotes and backslashes")
        headers = {
            "Content-Type": content_type,
            "Idempotency-Key": f'"{name}"',
            "Counterfoil-Stream": stream,
            "Counterfoil-Subject": subject,
            "Counterfoil-Time": occurred,
        }
        given = {name: value for name, value in headers.items() if value is not None}
        answer = _json(self._call(f"{_ledger(ledger)}/records", content, given))
        try:
            [record] = answer["records"]
            return {"id": record["id"], "url": record["url"], "promise": answer["promise"]}
        except (KeyError, TypeError, ValueError):
            raise ClientError("the answer is not that of a gateway") from None

    def record(self, record_id: str) -> dict[str, Any]:
        """A record: its `state`, its `promise` with the proof that it is of this record, its `receipt` once it is checked."""
        answer = _json(self._call(f"/v1/records/{quote(record_id, safe='')}"))
        if not isinstance(answer, dict) or answer.get("state") not in STATES:
            raise ClientError("the answer is not that of a gateway")
        return answer

    def wait(self, record_id: str, state: str = "checked", *, within_s: float = 120, pause_s: float = 0.25) -> dict[str, Any]:
        """Waits until a record has reached a state; gives the record. Raises :class:`ClientError` where the time is over first."""
        end, wanted = self._clock() + within_s, STATES.index(state)
        while True:
            record = self.record(record_id)
            if STATES.index(record["state"]) >= wanted:
                return record
            if self._clock() + pause_s > end:
                raise ClientError(f"record {record_id} is {record['state']}, and not {state} after {within_s:g} s")
            self._sleep(pause_s)


def _ledger(ledger: str) -> str:
    return f"/v1/ledgers/{quote(ledger, safe='')}"


def _json(answer: bytes) -> Any:
    try:
        return json.loads(answer.decode("utf-8"))
    except (RecursionError, ValueError):
        raise ClientError("the answer is not JSON") from None


def _problem(path: str, error: HTTPError) -> ClientError:
    """The problem that the server tells. Source: RFC 9457."""
    try:
        told = json.loads(error.read(65_536).decode("utf-8"))
        code, detail = str(told["code"]), str(told["detail"])
    except (HTTPException, KeyError, OSError, RecursionError, TypeError, ValueError):
        code, detail = None, "no further words"
    return ClientError(f"{path}: {error.code}: {detail}", error.code, code)


def _retry_after(error: HTTPError) -> float:
    text = (error.headers.get("Retry-After") or "").strip() if error.headers else ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
