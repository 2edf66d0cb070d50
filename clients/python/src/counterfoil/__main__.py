"""`python -m counterfoil verify`: verifies a file, compared with a pin, and asks no server."""

from __future__ import annotations

import argparse
import os
import sys
from typing import IO, NoReturn, Optional

from .judge import MAX_INPUT_BYTES, verify
from .pin import Pin, PinError
from .texts import plain
from .verdict import KINDS, WORDS, Verdict

#: The exit code of a command line that cannot be run as it stands, as that of `counterfoil`; those of verdicts are 0 to 3.
USAGE = 64


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"error: {plain(message)}\n")


def main(arguments: Optional[list[str]] = None) -> int:
    """Runs the command; gives its exit code: 0 verified, 1 refused, 2 cannot tell, 3 consistent, 64 a wrong command line or pin."""
    options = _options(arguments)
    try:
        pin = Pin.read(_read(options.pin)) if options.pin is not None else Pin()
    except (OSError, ValueError, PinError) as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return USAGE
    try:
        document = _read(options.input)
    except (OSError, ValueError) as error:
        verdict = Verdict("cannot_tell", plain(f"the file cannot be read: {error}"))
    else:
        verdict = _expect_kind(verify(document, pin), options.kind)
    _tell(verdict, options.text)
    return WORDS.index(verdict.verdict)


def _options(arguments: Optional[list[str]]) -> argparse.Namespace:
    parser = _Parser(prog="counterfoil", description="Verifies what Counterfoil gives out. No server is asked.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "verify",
        help="verify a receipt, a page with its certificate, evidence or a consistency proof",
        description="Prints the verdict as a line of JSON. Exit codes: 0 verified, 1 refused, 2 cannot tell, 3 consistent, 64 a "
        "wrong command line or a pin that cannot be read.",
    )
    command.add_argument("file", nargs="?", metavar="FILE", help="the document; - for standard input, which is read by default")
    command.add_argument("--input", metavar="FILE", help="the same")
    command.add_argument("--pin", metavar="PIN.json", help="what you rely on: genesis_hash, program, ledger, heads; from elsewhere")
    command.add_argument("--kind", choices=KINDS, help="refuse a document of another kind")
    command.add_argument("--text", action="store_true", help="tell it in words in place of JSON")
    options = parser.parse_args(arguments)
    if options.file is not None and options.input is not None:
        command.error("give FILE or --input")
    options.input = next((name for name in (options.file, options.input) if name is not None), "-")
    if options.input == options.pin == "-":
        command.error("one of document and pin can be on standard input")
    return options


def _read(name: str) -> bytes:
    if name == "-":
        return _read_bounded(sys.stdin.buffer)
    with open(name, "rb") as file:
        return _read_bounded(file)


def _read_bounded(file: IO[bytes]) -> bytes:
    return file.read(MAX_INPUT_BYTES + 1)


def _expect_kind(verdict: Verdict, kind: Optional[str]) -> Verdict:
    if kind is None or verdict.kind in (None, kind):
        return verdict
    return Verdict("refused", f"it is of kind {verdict.kind}, you asked for {kind}", verdict.kind, compared=verdict.compared)


def _tell(verdict: Verdict, is_text: bool) -> None:
    told = [f"{verdict.verdict.upper().replace('_', ' ')}: {verdict.reason}"]
    told += [f"  at: {verdict.where}"] if verdict.where else []
    told += [f"  checked: {line}" for line in verdict.checked] + [f"  not checked: {line}" for line in verdict.not_checked]
    _write(sys.stdout.buffer, "\n".join(told) if is_text else verdict.to_json())
    if not is_text:
        _write(sys.stderr.buffer, told[0])


def _write(stream: IO[bytes], text: str) -> None:
    # A terminal of any encoding gets UTF-8: the verdict of a file does not hang on the reader's settings.
    stream.write(text.encode("utf-8") + b"\n")
    stream.flush()


def run() -> NoReturn:
    """Runs it as a program."""
    try:
        code = main()
    except BrokenPipeError:
        # The reader of the verdict went away: the interpreter must not write to it again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = WORDS.index("cannot_tell")
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    run()
