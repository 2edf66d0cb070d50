"""The client, against a server on this machine that answers as it is told."""

import json
import os
import pathlib
import re
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

from support import HERE, pin_of, vectors

import counterfoil
from counterfoil.client import Api, ClientError, Gateway

RECEIPT = vectors("receipt")["receipts"][6]
ACCEPTED = (202, {"records": [{"id": "01a0", "url": "/v1/records/01a0"}], "promise": None})
BUSY = (503, {"code": "busy", "detail": "Try again."}, {"Retry-After": "7"})


class Server(ThreadingHTTPServer):
    """Gives each request the next answer, the last one again and again."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests = list(answers), []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        server, length = self.server, int(self.headers.get("Content-Length") or 0)
        server.requests.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        status, body, *headers = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if status is None:
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers[0] if headers else {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def options(self):
        return {"sleep": self.sleep, "clock": lambda: self.now}


class Client(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()

    def gateway(self, server, **options):
        return Gateway(server.url, **{**self.clock.options(), **options})

    def hold_to_one_name(self):
        with Server((None, b""), BUSY, (200, b"{}", {"Content-Length": "99"}), (429, b"no JSON"), ACCEPTED) as server:
            appended = self.gateway(server, key="cfk_1").append("L/1", b"{}", stream="s", occurred="2026-02-28T12:00:00Z")
        self.assertEqual(appended, {"id": "01a0", "url": "/v1/records/01a0", "promise": None})
        self.assertEqual({path for _, path, _, _ in server.requests}, {"/v1/ledgers/L%2F1/records"})
        self.assertEqual({body for _, _, _, body in server.requests}, {b"{}"})
        names = {headers["Idempotency-Key"] for _, _, headers, _ in server.requests}
        self.assertTrue(len(server.requests) == 5 and len(names) == 1, server.requests)
        self.assertRegex(names.pop(), '^"[0-9a-f-]{36}"$')
        headers = {name.lower(): value for name, value in server.requests[0][2].items()}
        self.assertEqual(headers["authorization"], "Bearer cfk_1")
        self.assertEqual((headers["counterfoil-stream"], headers["counterfoil-time"]), ("s", "2026-02-28T12:00:00Z"))
        self.assertNotIn("counterfoil-subject", headers)
        self.assertGreaterEqual(self.clock.slept[1], 7)

    def test_a_record_is_sent_again_under_one_name_until_it_is_accepted(self):
        self.hold_to_one_name()

    def test_twin_a_new_name_for_each_attempt_fails_the_same_run(self):
        names, original = iter(range(9)), Handler.parse_request

        def parse(handler):
            parsed = original(handler)
            handler.headers.replace_header("Idempotency-Key", f'"{next(names)}"')
            return parsed

        with mock.patch.object(Handler, "parse_request", parse), self.assertRaises(AssertionError):
            self.hold_to_one_name()

    def test_a_refusal_is_not_sent_again_and_names_its_code(self):
        refusal = {"code": "idempotency_key_reused", "detail": "Use a new one.\u202e"}
        with Server((422, refusal)) as server, self.assertRaises(ClientError) as caught:
            self.gateway(server).append("L", b"{}", idempotency_key="order-1")
        self.assertEqual((caught.exception.status, caught.exception.code), (422, "idempotency_key_reused"))
        self.assertEqual((len(server.requests), server.requests[0][2]["Idempotency-Key"]), (1, '"order-1"'))
        self.assertNotIn("\u202e", str(caught.exception))

    def test_the_time_for_all_attempts_is_bounded(self):
        with Server(BUSY) as server, self.assertRaises(ClientError) as caught:
            self.gateway(server, retry_s=20).append("L", b"{}")
        self.assertEqual((caught.exception.status, len(server.requests)), (503, 3))

    def test_a_redirect_is_not_followed(self):
        with Server(ACCEPTED) as other, Server((307, b"", {"Location": other.url})) as server:
            with self.assertRaises(ClientError) as caught:
                self.gateway(server, key="cfk_1").record("01a0")
        self.assertEqual((caught.exception.status, other.requests), (307, []))

    def test_a_name_or_a_url_that_is_none_is_its_callers_fault(self):
        for name in ('a"b', "a\\b", "a\nb", "é", "x" * 256):
            with self.assertRaises(ValueError):
                Gateway("http://127.0.0.1:1").append("L", b"{}", idempotency_key=name)
        for url in ("file:///etc/passwd", "127.0.0.1", ""):
            with self.assertRaises(ValueError):
                Api(url)

    def test_waiting_ends_with_the_state_or_with_the_time(self):
        record = {"id": "01a0", "state": "sealed"}
        with Server((200, record), (200, {**record, "state": "checked", "receipt": RECEIPT})) as server:
            self.assertEqual(self.gateway(server).wait("01a0", "finalized")["receipt"], RECEIPT)
        with Server((200, record)) as server, self.assertRaises(ClientError):
            self.gateway(server).wait("01a0", within_s=1)
        self.assertEqual(len(server.requests), 5)

    def test_answers_that_are_none_of_a_gateways_are_refused(self):
        for body in (b"", b"[" * 100_000, b"{}", b"[]", b"null", b'{"records":[],"promise":null}', b'{"records":[{}],"promise":null}'):
            with Server((200, body)) as server:
                for call in (lambda: self.gateway(server).append("L", b"{}"), lambda: self.gateway(server).record("01a0")):
                    with self.assertRaises(ClientError):
                        call()

    def test_documents_of_an_api_come_as_they_are(self):
        with Server((200, RECEIPT)) as server:
            api = Api(server.url, **self.clock.options())
            answers = [api.receipt("L", 6), api.tlog_proof("L", 6), api.page("L", "events", 3), api.consistency("L", "entries", 2)]
        self.assertEqual([json.loads(answer) for answer in answers], [RECEIPT] * 4)
        self.assertEqual([path for _, path, _, _ in server.requests], [
            "/v1/ledgers/L/entries/6/receipt", "/v1/ledgers/L/entries/6/receipt?format=tlog-proof",
            "/v1/ledgers/L/events?first=3&limit=100", "/v1/ledgers/L/consistency?log=entries&first=2",
        ])


class Readme(unittest.TestCase):
    def test_its_code_runs(self):
        text = (HERE.parent / "README.md").read_text(encoding="utf-8")
        verify, append = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        checked = (200, {"id": "01a0", "state": "checked", "receipt": RECEIPT})
        claims = pin_of(counterfoil.verify(json.dumps(RECEIPT)))
        with Server(ACCEPTED, checked) as server, mock.patch("builtins.print") as told:
            environment = {"GATEWAY": server.url, "LEDGER": claims["ledger"], "ROOT": claims["heads"][1]["root"],
                           "SIZE": claims["heads"][1]["size"]}
            files = {"receipt.json": json.dumps(RECEIPT).encode(), "pin.json": json.dumps(claims).encode()}
            with mock.patch.dict(os.environ, environment), \
                    mock.patch.object(pathlib.Path, "read_bytes", lambda path: files[str(path)]):
                exec(verify, {})
                exec(append, {})
        self.assertEqual([call.args[0].split(":")[0] for call in told.call_args_list], ["verified", "verified"])
        self.assertLessEqual(len(append.splitlines()), 15)


if __name__ == "__main__":
    unittest.main()
