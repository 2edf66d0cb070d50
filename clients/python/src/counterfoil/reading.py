"""Reading JSON strictly: one text for each value, and no member that a format does not name."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Mapping, Optional

from .merkle import Head
from .texts import from_base58, from_base64, from_decimal, from_hex, plain

#: How deep lists and objects may stand in each other.
MAX_DEPTH = 127

# All that a backslash may begin: surrogates come in pairs, for no text has half a character.
_ESCAPE = re.compile(
    r'\\(?:["\\/bfnrt]|u(?:[0-9A-CEFa-cef][0-9A-Fa-f]{3}|[Dd](?:[0-7][0-9A-Fa-f]{2}|[89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})))'
)


class ReadError(Exception):
    """JSON that is not what it should be. `place` is the member, as `entry.proof[3]`, or empty for the whole."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(problem)
        self.problem, self.place = problem, place

    def within(self, name: str) -> "ReadError":
        """The same, within a member or an item of a list."""
        dot = "" if not self.place or self.place.startswith("[") else "."
        return ReadError(self.problem, name + dot + self.place)


class Number:
    """Stands for a number of JSON's own: all numbers of our documents stand in texts."""


def parse(text: bytes) -> Any:
    """Reads one JSON text: dicts, lists, texts, bools, None, and :class:`Number`."""
    try:
        decoded = text.decode("utf-8")
        if "\\" in decoded and "\\" in _ESCAPE.sub("", decoded):
            raise ReadError("it is not JSON: an escape stands for no character")
        value = _DECODER.decode(decoded)
    except RecursionError:
        raise ReadError("it is nested too deeply") from None
    except ValueError as error:
        raise ReadError(f"it is not JSON: {plain(str(error))}") from None
    # Those in texts count, too, so that this is never fewer than there are.
    if decoded.count("[") + decoded.count("{") > MAX_DEPTH:
        _expect_depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    # One reader takes the first of two members of one name, another the last.
    if len(members) != len(pairs):
        raise ReadError("two members have one name")
    return members


def _number(_: str) -> type[Number]:
    return Number


def _no_constant(name: str) -> Any:
    raise ReadError(f"it is not JSON: {name} is no number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_number, parse_int=_number, parse_constant=_no_constant
)


def _expect_depth(value: Any) -> None:
    level = [value]
    for depth in range(MAX_DEPTH + 2):
        level = [item for item in level if type(item) in (dict, list)]
        if not level:
            return
        if depth == MAX_DEPTH:
            raise ReadError("it is nested too deeply")
        level = [inner for item in level for inner in (item.values() if type(item) is dict else item)]


Reader = Callable[[Any], Any]


class Maybe:
    """Marks a member that may be absent. `null` is read as any value: it would be a second text of the absent member."""

    def __init__(self, read: Reader) -> None:
        self.read = read


class Object:
    """Reads an object by its members, in their order here; other members are refused unless it is open."""

    def __init__(self, members: Mapping[str, "Reader | Maybe"], is_open: bool = False) -> None:
        self._members = [
            (name, read.read if isinstance(read, Maybe) else read, isinstance(read, Maybe)) for name, read in members.items()
        ]
        self._is_open = is_open

    def __call__(self, value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _is_not(value, "an object")
        found = {}
        for name, read, is_optional in self._members:
            if name in value:
                try:
                    found[name] = read(value[name])
                except ReadError as error:
                    raise error.within(name) from None
            elif not is_optional:
                raise ReadError(f"it has no member `{name}`")
        if len(found) < len(value) and not self._is_open:
            other = next(name for name in value if name not in found)
            raise ReadError(f"the member `{plain(other)}` is none that it may have")
        return found


def listed(read: Reader) -> Reader:
    """A reader of lists."""

    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _is_not(value, "a list")
        items = []
        for at, item in enumerate(value):
            try:
                items.append(read(item))
            except ReadError as error:
                raise error.within(f"[{at}]") from None
        return items

    return read_list


def text(value: Any) -> str:
    """Any text."""
    if type(value) is not str:
        raise _is_not(value, "a text")
    return value


def flag(value: Any) -> bool:
    """`true` or `false`."""
    if type(value) is not bool:
        raise _is_not(value, "a bool")
    return value


def of_text(read: Callable[[str], Optional[Any]], what: str) -> Reader:
    """A reader of values that have one text."""

    def read_text(value: Any) -> Any:
        found = read(text(value))
        if found is None:
            raise ReadError(f"not {what}, in its usual form")
        return found

    return read_text


number = of_text(lambda value: from_decimal(value, 64), "a number of 64 bits in decimal")
digest = of_text(from_hex, "a hash: 64 lowercase hexadecimal digits")
key = of_text(lambda value: from_base58(value, 32), "a key: 32 bytes in base58")
signature = of_text(lambda value: from_base58(value, 64), "a signature: 64 bytes in base58")
data = of_text(from_base64, "base64 with padding")
hashes = listed(digest)

_HEAD = Object({"size": number, "root": digest})


def head(value: Any) -> Head:
    """A head of any size."""
    found = _HEAD(value)
    return Head(found["size"], found["root"])


def log(value: Any) -> str:
    """The name of one of a ledger's two logs."""
    name = text(value)
    if name not in ("entries", "events"):
        raise ReadError("a log is `entries` or `events`")
    return name


def _is_not(value: Any, expected: str) -> ReadError:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a bool", type(None): "null"}
    return ReadError(f"{names.get(type(value), 'a number')} stands in place of {expected}")
