"""The command: its exit codes, its one line, and no traceback."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from support import HERE, documents, growth, pin_of

import counterfoil
from counterfoil import __main__ as command

DOCUMENTS = {name: text for name, text, _ in documents()}


class Streams:
    """Standard streams with bytes in them."""

    def __init__(self, given=b""):
        self.stdin, self.out, self.err = (io.TextIOWrapper(io.BytesIO(data), encoding="utf-8") for data in (given, b"", b""))

    def run(self, *arguments):
        with mock.patch.object(sys, "stdin", self.stdin), contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.err):
            try:
                code = command.main(list(arguments))
            except SystemExit as end:
                code = end.code
        self.out.flush(), self.err.flush()
        return code, self.out.buffer.getvalue().decode(), self.err.buffer.getvalue().decode()


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    def hold(self):
        text = DOCUMENTS["receipt 6"]
        receipt, claims = self.file("receipt.json", text), pin_of(counterfoil.verify(text))
        pin = self.file("pin.json", claims)
        start = {"heads": [{"log": "entries", **json.loads(growth()[1])["first"]}]}
        for word, code, arguments in (
            ("verified", 0, [receipt, "--pin", pin]),
            ("verified", 0, ["--input", receipt, "--pin", pin, "--kind", "receipt"]),
            ("refused", 1, [receipt, "--pin", pin, "--kind", "evidence"]),
            ("refused", 1, [self.file("other.json", text.replace('"index": "9"', '"index": "8"')), "--pin", pin]),
            ("cannot_tell", 2, [receipt]),
            ("cannot_tell", 2, [str(self.folder / "none.json")]),
            ("consistent", 3, [self.file("growth.json", growth()[1]), "--pin", self.file("start.json", start)]),
        ):
            found, out, err = Streams().run("verify", *arguments)
            self.assertEqual((found, json.loads(out)["verdict"], out.count("\n")), (code, word, 1), f"{arguments}: {out} {err}")
            self.assertTrue(err.startswith(word.upper().replace("_", " ")), err)

    def test_each_verdict_has_its_exit_code_and_its_line(self):
        self.hold()

    def test_twin_a_verifier_that_says_verified_fails_the_same_run(self):
        good = counterfoil.Verdict("verified", "")
        with mock.patch.object(command, "verify", lambda *_: good), self.assertRaises(AssertionError):
            self.hold()

    def test_standard_input_is_read_where_no_file_is_named(self):
        data = DOCUMENTS["receipt 6"].encode()
        for arguments in ([], ["-"], ["--input", "-"]):
            self.assertEqual(Streams(data).run("verify", *arguments)[0], 2)
        code, out, err = Streams(data).run("verify", "--text")
        self.assertEqual((code, out.split(":")[0], err), (2, "CANNOT TELL", ""))

    def test_a_command_line_or_pin_that_is_none_is_64_and_no_verdict(self):
        receipt = self.file("receipt.json", DOCUMENTS["receipt 6"])
        for arguments in (
            [], ["other"], ["verify", "--kind", "other", receipt], ["verify", receipt, "--input", receipt], ["verify", receipt, receipt],
            ["verify", receipt, "--pin", self.file("pin.json", {"note": 1})], ["verify", receipt, "--pin", str(self.folder)],
            ["verify", receipt, "--pin", self.file("deep.json", "[" * 100_000)], ["verify", "--pin", "-"],
        ):
            code, out, err = Streams().run(*arguments)
            self.assertEqual((code, out), (64, ""), arguments)
            self.assertIn("error", err)

    def test_no_input_ends_in_a_traceback(self):
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "src"), "PYTHONIOENCODING": "ascii"}
        for data, code in (
            (b"[" * 1_000_000, 1), (b"\xff\xfe", 1), (b"", 1), (DOCUMENTS["receipt 0"].encode(), 2),
            ('{"format":"\u202e\u6f22"}'.encode(), 1), (b'{"format":"counterfoil receipt v2","entry":"' + b"A" * 50_000_000 + b'"}', 2),
        ):
            done = subprocess.run([sys.executable, "-m", "counterfoil", "verify"], input=data, capture_output=True, env=environment)
            self.assertEqual((done.returncode, done.stdout.count(b"\n")), (code, 1), data[:60])
            self.assertNotIn(b"Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
