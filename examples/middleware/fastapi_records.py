"""FastAPI and Starlette: each request that may change something becomes a record before its handler runs."""

import hashlib
import json
import logging
import uuid
from typing import Callable, Literal, Optional

from counterfoil.client import ClientError, Gateway
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

SAFE = {"GET", "HEAD", "OPTIONS"}
log = logging.getLogger("counterfoil")


def recorded(
    gateway: Gateway,
    ledger: str,
    *,
    without_record: Literal["refuse", "go on"],
    actor: Callable[[Request], Optional[str]] = lambda _: None,
):
    """A middleware for `app.middleware("http")`.

    `without_record` says what happens while no record can be written: refuse the request with 503, and nothing was done; or go on, and log an
    error for each request that has no record. There is no default: choose aloud. Make the gateway with a short `retry_s`: the caller waits for it.
    """
    if without_record not in ("refuse", "go on"):
        raise ValueError("without_record is 'refuse' or 'go on'")

    async def middleware(request: Request, call_next):
        if request.method in SAFE:
            return await call_next(request)
        said = {
            "request": str(uuid.uuid4()),
            "method": request.method,
            "path": request.url.path,
            "actor": actor(request),
            # The body itself may hold what must be forgotten one day.
            "body_sha256": hashlib.sha256(await request.body()).hexdigest(),
        }
        record = None
        try:
            name = f"request/{said['request']}"
            content = json.dumps(said).encode()
            record = await run_in_threadpool(gateway.append, ledger, content, idempotency_key=name, stream="requests")
        except (ClientError, OSError) as error:
            if without_record == "refuse":
                return JSONResponse({"error": "this request cannot be recorded now, and was not carried out: try again"}, 503)
            log.error("no record of request %s, %s %s: %s", said["request"], said["method"], said["path"], error)
        response = await call_next(request)
        if record:
            response.headers["counterfoil-record"] = record["id"]
        return response

    return middleware
