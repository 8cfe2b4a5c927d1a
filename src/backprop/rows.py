"""Rows of input: equations from arguments, files and pipes, one at a time.

A line is bytes up to a newline, and nothing else ends one. It is UTF-8 (a mark at the beginning of
a file is dropped, and a carriage return at the end of a line); `#` starts a comment, blank lines are
skipped; a line that begins with `{"` or `{}` is a JSON object. What is wrong with a line is said in
its row, and the others go on. Memory does not grow with the number of lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from .errors import BackpropError, EncodingError, LimitError, ParseError, UsageError, visible

MAX_LINE = 64 << 20  # bytes: the longest line that is read
_CHUNK = 1 << 18
_JSON = re.compile(rb'\s*\{\s*["}]')
_BOM = b"\xef\xbb\xbf"


class Row:
    """One row of input.

    text    what was typed, without its comment and the end of the line
    fields  the keys and values of a JSON object, else None
    error   why the row cannot be read, else None
    file    the name of the file as it was given, "-" for standard input, None for an argument
    line    the number of the line, or of the argument, from 1
    program the text is a whole file, which is one program
    """

    __slots__ = ("text", "fields", "error", "file", "line", "program")

    def __init__(
        self,
        text: str,
        fields: dict[str, Any] | None = None,
        error: BackpropError | None = None,
        file: str | None = None,
        line: int = 1,
        program: bool = False,
    ) -> None:
        self.text, self.fields, self.error, self.file, self.line = text, fields, error, file, line
        self.program = program

    @property
    def source(self) -> dict[str, Any]:
        """Where the row is from, as in JSON."""
        return {"file": self.file, "line": self.line}

    @property
    def place(self) -> str:
        """`file:line:`, or nothing for an argument."""
        return "" if self.file is None else f"{visible(self.file)}:{self.line}:"

    def place_of(self, error: BackpropError) -> str:
        """`place` with the line of the error, which in a program is not the first."""
        return "" if self.file is None else f"{visible(self.file)}:{self.line_of(error)}:"

    def line_of(self, error: BackpropError) -> int:
        """The line of an error in the file."""
        inside = self.program and error.text is not None and error.start is not None
        return self.line + error.text.count("\n", 0, error.start) if inside and error.text else self.line

    def __repr__(self) -> str:
        return f"Row({self.text!r}, {self.fields!r}, {self.error!r}, {self.file!r}, {self.line})"


class Rows:
    """The rows of arguments, or of files; iterate over it once.

    `size` is the number of bytes in the files (None if unknown), `done` how many have been read.
    With `idle`, None comes between the rows where standard input has nothing to read now: the time
    to hand out what is finished. Errors: `UsageError` for a file that cannot be read.
    """

    def __init__(
        self,
        arguments: Iterable[str] = (),
        files: Iterable[str] = (),
        *,
        programs: Iterable[str] = (),
        stdin: BinaryIO | None = None,
        idle: bool = False,
    ) -> None:
        self.arguments, self.files, self.stdin, self.idle = list(arguments), list(files), stdin, idle
        self.programs = list(programs)
        self.done = 0
        self.size: int | None = 0
        for name in [*self.programs, *self.files]:
            size = self._check(name)
            self.size = None if self.size is None or size is None else self.size + size

    def __iter__(self) -> Iterator[Row | None]:
        for number, argument in enumerate(self.arguments, 1):
            yield read_argument(argument, number)
        for name in self.programs:
            yield self._program(name)
        for name in self.files:
            yield from self._file(name)

    def _check(self, name: str) -> int | None:
        """The size of a file; an error before any work is done if it cannot be opened."""
        import stat

        if name == "-":
            return None
        try:
            about = os.stat(name)
            if stat.S_ISDIR(about.st_mode) or not os.access(name, os.R_OK):
                with open(name, "rb"):
                    pass
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from None
        return about.st_size if stat.S_ISREG(about.st_mode) else None

    def _program(self, name: str) -> Row:
        """A whole file as one row."""
        try:
            if name == "-":
                raw = b"" if self.stdin is None else self.stdin.read(MAX_LINE + 1)
            else:
                with open(name, "rb") as stream:
                    raw = stream.read(MAX_LINE + 1)
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from None
        self.done += len(raw)
        if len(raw) > MAX_LINE:
            message = f"the program is longer than {MAX_LINE >> 20} MiB"
            return Row("", None, LimitError(message, hint="split it"), name)
        raw = raw.removeprefix(_BOM)
        try:
            return Row(raw.decode("utf-8"), None, None, name, program=True)
        except UnicodeDecodeError as error:
            begin = raw.rfind(b"\n", 0, error.start) + 1
            line = raw[begin:].partition(b"\n")[0]
            return _undecodable(line, error.start - begin, name, raw.count(b"\n", 0, begin) + 1)

    def _file(self, name: str) -> Iterator[Row | None]:
        stream: BinaryIO | None
        try:
            if name == "-":
                stream = self.stdin
                if stream is None:
                    raise UsageError("standard input is closed", hint="give an equation, or -f FILE")
            else:
                stream = open(name, "rb")  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from None
        try:
            number = 0
            for raw in self._lines(stream):
                if raw is None:
                    yield None
                    continue
                number += 1
                self.done += len(raw) + 1
                row = read_line(raw.removeprefix(_BOM) if number == 1 else raw, name, number)
                if row is not None:
                    yield row
        except OSError as error:
            raise _unreadable(name, error) from None
        finally:
            if name != "-":
                stream.close()

    def _lines(self, stream: BinaryIO) -> Iterator[bytes | None]:
        """The lines of a stream without their newline, cut to `MAX_LINE` + 1 bytes."""
        read = getattr(stream, "read1", stream.read)
        pieces: list[bytes] = []
        length = 0
        while True:
            if self.idle and _would_wait(stream):
                yield None
            chunk = read(_CHUNK)
            if not chunk:
                break
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                yield (b"".join(pieces) + end)[: MAX_LINE + 1] if pieces else end
                pieces.clear()
                length = 0
            if rest and length <= MAX_LINE:
                pieces.append(rest)
                length += len(rest)
        if pieces:
            yield b"".join(pieces)[: MAX_LINE + 1]


def read_argument(text: str, number: int = 1) -> Row:
    """The row of an argument of the command line."""
    raw = text.encode("utf-8", "surrogateescape") if _is_encodable(text) else None
    row = None if raw is None else read_line(raw, None, number)
    return row or Row(text.partition("#")[0].rstrip(), line=number)


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= c <= "\udc7f" or "\udd00" <= c <= "\udfff" for c in text)


def read_line(raw: bytes, file: str | None = None, number: int = 1) -> Row | None:
    """The row of a line; None if there is nothing on it.

    >>> read_line(b"x^2  # a parabola").text
    'x^2'
    >>> read_line(b'{"equation": "x^2", "order": 2}').fields
    {'equation': 'x^2', 'order': 2}
    >>> print(read_line(b"x \\xff").error)
    byte 3 of the line, 0xFF, is not UTF-8 (save the file as UTF-8)
    """
    if len(raw) > MAX_LINE:
        message = f"the line is longer than {MAX_LINE >> 20} MiB"
        return Row("", None, LimitError(message, hint="split it into definitions"), file, number)
    is_json = _JSON.match(raw) is not None
    if not is_json:
        raw = raw.partition(b"#")[0]
    raw = raw.rstrip(b" \t\r\n\v\f")
    if not raw.strip():
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _undecodable(raw, error.start, file, number)
    if not is_json:
        return Row(text, None, None, file, number)
    try:
        return Row(text, read_object(text), None, file, number)
    except BackpropError as error:
        return Row(text, None, error, file, number)


def _undecodable(raw: bytes, offset: int, file: str | None, number: int) -> Row:
    text = raw.decode("utf-8", "backslashreplace")
    start = len(raw[:offset].decode("utf-8"))
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    error = EncodingError(
        f"byte {offset + 1} of the line, 0x{raw[offset]:02X}, is not UTF-8",
        text=text, start=start, end=start + 4,
        hint="the file looks like UTF-16: save it as UTF-8" if wide else "save the file as UTF-8",
    )  # fmt: skip
    return Row(text, None, error, file, number)


def read_object(text: str) -> dict[str, Any]:
    """The keys and values of a JSON object; decimals stay text, so that they are exact."""
    import json

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            twice = next(key for i, (key, _) in enumerate(items) if key in dict(items[:i]))
            raise UsageError(f"the key `{visible(twice)}` stands twice in the row", hint="write it once")
        return found

    try:
        found = json.loads(text, object_pairs_hook=pairs, parse_float=str, parse_int=_integer, parse_constant=str)
    except json.JSONDecodeError as error:
        raise ParseError(
            f"this is not a JSON object: {error.msg}", text=text, start=min(error.pos, len(text) - 1),
            hint='write {"equation": "x^2", "wrt": ["x"]} on one line',
        ) from None  # fmt: skip
    except (RecursionError, ValueError):
        raise ParseError("this JSON object is nested too deeply", text=text, start=0) from None
    if not isinstance(found, dict):
        raise ParseError("this is not a JSON object", text=text, start=0)
    return found


def _integer(digits: str) -> int | str:
    """Long integers stay text: to convert them takes time that grows with the square."""
    return int(digits) if len(digits) < 300 else digits


def split_list(text: str, separator: str = ",") -> list[str]:
    """The parts of a list; what is inside brackets is not split.

    >>> split_list("x=atan2(1, 2), y = 3")
    ['x=atan2(1, 2)', 'y = 3']
    """
    from .program import split_top

    return [text[low:high].strip() for low, high in split_top(text, separator)]


def read_names(given: object, key: str) -> list[str]:
    """Names from `x,y` or from a list of names."""
    if isinstance(given, str):
        given = split_list(given)
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        raise UsageError(f"`{key}` is a list of names", hint=f'write "{key}": ["x", "y"]')
    names = [name.strip() for name in given]
    if "" in names:
        raise UsageError(f"`{key}` has an empty name in it", hint="write names with a comma between two")
    return names


def read_point(given: object, key: str = "at") -> dict[str, Any]:
    """Values from `x=1, y=pi/2`, from several such texts, or from an object.

    >>> read_point("x=1, y=pi/2")
    {'x': '1', 'y': 'pi/2'}
    """
    if isinstance(given, Mapping):
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, (int, str)):
                raise UsageError(
                    f"the value of `{visible(name)}` is not a number", hint=f'write "{key}": {{"x": "1/2"}}'
                )
        return dict(given)
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, (list, tuple)) or not all(isinstance(text, str) for text in given):
        raise UsageError(f"`{key}` holds values of variables", hint=f'write "{key}": {{"x": "1/2"}}')
    point: dict[str, Any] = {}
    for text in given:
        for part in split_list(text):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or not name or not value:
                raise UsageError(f"`{visible(part)}` gives no value to a variable", hint="write for example x=1,y=pi/2")
            if name in point:
                raise UsageError(f"the variable `{visible(name)}` has two values", hint="give it one")
            point[name] = value
    return point


def _would_wait(stream: BinaryIO) -> bool:
    """Whether there is nothing to read at this moment."""
    from select import select

    try:
        return not select([stream.fileno()], [], [], 0)[0]
    except (OSError, ValueError, AttributeError):  # no descriptor, or none that can be asked
        return False


def _unreadable(name: str, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"cannot read {visible(name)}: {visible(reason)}", hint="check the file's name")
