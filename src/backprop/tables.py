"""Tables of answers: CSV, TSV and JSON lines, read and written one row at a time.

A table comes from anybody. Whatever is wrong with a row is said in the row, and the others go on: bytes
that are not UTF-8, a quote that is never closed, a cell without end. Memory does not grow with the table.

A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` for a formula, and a formula can send
data away. Such a text gets an apostrophe in front when it is written to CSV or TSV, and loses it when it
is read: a table that was written here reads as what it was.
"""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, TextIO

from .errors import UsageError, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

MAX_CELL = 64_000  # bytes of a cell that is read; of a longer one the beginning is kept
MAX_ROW = 1 << 20  # bytes of a row
KEPT = 1000  # characters that stay of a cell that is too long

# The names that a format goes by: as an option, and at the end of a file's name.
FORMATS = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "jsonl": "jsonl", "ndjson": "jsonl"}

_CHUNK = 1 << 18
_BOM = b"\xef\xbb\xbf"
_BAD_BYTE = re.compile("[\udc80-\udcff]")
_NUMBER = re.compile(r"-?\d{1,300}(\.\d{1,300})?", re.ASCII)
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|\s*[\t\r]")

# Older versions of `csv` end at a NUL, and all take a carriage return for the end of a line. Both travel as
# characters that UTF-8 cannot contain, and are put back in the cell.
_HIDE = {0: "\udc00", 13: "\udc0d"}
_SHOW = {0xDC00: "\0", 0xDC0D: "\r"}


class Record(NamedTuple):
    """A row: its number from 1, the line it begins on, its cells by column, and why it cannot be used."""

    number: int
    line: int
    names: Sequence[str]
    cells: Sequence[Any]
    error: str | None = None


class Table:
    """The rows of a table; iterate over it once.

    form      csv, tsv or jsonl: by the file's name, else by its first line
    columns   the names of the columns, of JSON lines the keys of the first row
    size      the bytes of the file (None if unknown); `done` have been read

    Errors: `UsageError` for a file that cannot be read, or has no header.
    """

    def __init__(self, name: str, *, form: str | None = None, stdin: BinaryIO | None = None) -> None:
        self.name, self.done = name, 0
        self.size: int | None = None
        self._line = 0
        self._number = 0
        self._stream = self._open(stdin)
        try:
            lines = self._lines()
            first = next(lines, b"").removeprefix(_BOM)
            if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise self._fault("the table looks like UTF-16", "save it as UTF-8")
            self.form = form or form_of(name) or _sniff(first)
            self.delimiter = "\t" if self.form == "tsv" else ";" if b";" in first and b"," not in first else ","
            self._rows = self._json_rows(first, lines) if self.form == "jsonl" else self._csv_rows(first, lines)
            self._first = next(self._rows, None)
            if self._first is None:
                raise self._fault("the table is empty", "the first line has the names of the columns")
            if self.form != "jsonl" and self._first.error is not None:
                raise self._fault(f"the header cannot be read: {self._first.error}", "mend the first line")
            self.columns = [str(cell).strip() for cell in self._first.cells]
            if self.form == "jsonl":
                self.columns = list(self._first.names)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Record]:
        if self.form == "jsonl" and self._first is not None:
            yield self._first
        yield from self._rows

    def close(self) -> None:
        """Close the file."""
        if self.name != "-":
            self._stream.close()

    # -- lines -----------------------------------------------------------------------------------------

    def _open(self, stdin: BinaryIO | None) -> BinaryIO:
        if self.name == "-":
            if stdin is None:
                raise UsageError("standard input is closed", hint="name a file")
            return stdin
        try:
            stream = open(self.name, "rb")  # noqa: SIM115
            about = os.fstat(stream.fileno())
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None
        self.size = about.st_size if stat.S_ISREG(about.st_mode) else None
        return stream

    def _lines(self) -> Iterator[bytes]:
        """The lines, with their newline; of one that is too long, the first `MAX_ROW` + 1 bytes."""
        try:
            while line := self._stream.readline(MAX_ROW + 1):
                self.done += len(line)
                piece = line
                while not piece.endswith(b"\n") and (piece := self._stream.readline(_CHUNK)):
                    self.done += len(piece)
                yield line
        except OSError as error:
            raise self._unreadable(error) from None

    def _record(self, line: int, names: Sequence[str], cells: Sequence[Any], error: str | None) -> Record:
        """A row with its number. What is too long is cut, and bytes that are not text are shown as `\\xff`."""
        self._number += 1
        kept: list[Any] = []
        for cell in cells:
            if isinstance(cell, str):
                bad = _BAD_BYTE.search(cell)
                if bad is not None:
                    error = error or f"byte 0x{ord(bad[0]) - 0xDC00:02X} is not UTF-8: save the table as UTF-8"
                    cell = cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                if len(cell) > MAX_CELL // 4 and len(cell.encode("utf-8", "replace")) > MAX_CELL:
                    error = error or f"a cell is longer than {MAX_CELL} bytes"
                    cell = cell[:KEPT] + "…"
            kept.append(cell)
        return Record(self._number, line, names, kept, error)

    # -- CSV and TSV -----------------------------------------------------------------------------------

    def _csv_rows(self, first: bytes, lines: Iterator[bytes]) -> Iterator[Record]:
        """The header, then the rows; rows without any content are skipped, as spreadsheets leave them."""
        csv.field_size_limit(max(csv.field_size_limit(), 4 * MAX_ROW))
        feed = _Feed(_text(line) for line in _chain(first, lines))
        names: Sequence[str] | None = None
        while True:
            line = feed.begin()
            cells, error = self._csv_cells(feed)
            if cells is None:
                return
            if error is None and not any(map(str.strip, cells)):
                continue
            cells = [_unguarded(cell.translate(_SHOW)) for cell in cells]
            if names is None:
                names = _header(cells)
                yield self._record(line, names, cells, error)
                self._number = 0
                continue
            extra = cells[len(names) :]
            if error is None and any(map(str.strip, extra)):
                sign = _SIGNS[self.delimiter]
                error = f"{len(cells)} cells, but {len(names)} columns: a cell with a {sign} in it needs quotes"
            cells = cells[: len(names)] + [""] * (len(names) - len(cells))
            yield self._record(line, names, cells, error)

    def _csv_cells(self, feed: _Feed) -> tuple[list[str] | None, str | None]:
        """The cells of the next row, None at the end, and what is wrong with it.

        A quote that is never closed takes the lines behind it for its cell, up to the next quote or to the end
        of the table. Only its own line is given up, and the others are read as rows.
        """
        try:
            cells = next(csv.reader(feed, delimiter=self.delimiter, strict=True), None)
        except csv.Error:
            if len(feed.taken) > 1 or feed.unclosed:
                line = feed.only_first()
                cells = next(csv.reader([line], delimiter=self.delimiter, quoting=csv.QUOTE_NONE))
                return cells, "a quote is never closed"
            cells = next(csv.reader(feed.taken, delimiter=self.delimiter))  # `"a"b` is read as ab
        return cells, f"the row is longer than {MAX_ROW} bytes" if feed.cut else None

    # -- JSON lines ------------------------------------------------------------------------------------

    def _json_rows(self, first: bytes, lines: Iterator[bytes]) -> Iterator[Record]:
        for number, line in enumerate(_chain(first, lines), 1):
            if not line.strip():
                continue
            fields: dict[str, Any] = {}
            error: str | None = None
            if len(line) > MAX_ROW:
                error = f"the row is longer than {MAX_ROW} bytes"
            else:
                try:
                    fields, error = _object(line.decode("utf-8", "surrogateescape"))
                except (ValueError, RecursionError) as fault:
                    error = f"not a JSON object: {getattr(fault, 'msg', 'nested too deeply')}"
            yield self._record(number, list(fields), list(fields.values()), error)

    # -- errors ----------------------------------------------------------------------------------------

    def _fault(self, message: str, hint: str) -> UsageError:
        return UsageError(f"{visible(self.name)}: {message}", hint=hint)

    def _unreadable(self, error: Exception) -> UsageError:
        reason = getattr(error, "strerror", None) or str(error)
        return UsageError(f"cannot read {visible(self.name)}: {visible(reason)}", hint="check the file's name")


class Writer:
    """Writes rows with these columns: a header, then a line for each.

    What is written has no control character but the newline and the tab inside a cell.
    """

    def __init__(self, stream: TextIO, form: str, columns: Sequence[str], *, delimiter: str = ",") -> None:
        self._stream, self._json = stream, form == "jsonl"
        self._csv = csv.writer(stream, delimiter="\t" if form == "tsv" else delimiter, lineterminator="\n")
        if not self._json:
            self._csv.writerow([_guarded(visible(name)) for name in columns])

    def row(self, names: Iterable[str], cells: Iterable[Any]) -> None:
        """Write a row; the names are the keys of JSON lines."""
        if self._json:
            self._stream.write(json_line(dict(zip(_distinct(names), cells))) + "\n")
        else:
            self._csv.writerow([_guarded(visible(as_text(cell))) for cell in cells])


def form_of(name: str) -> str | None:
    """The format that a file's name says, or None.

    >>> form_of("answers.TSV"), form_of("answers.txt")
    ('tsv', None)
    """
    return FORMATS.get(os.path.splitext(name)[1][1:].lower())


def as_text(value: Any) -> str:
    """A cell as text: nothing for null; lists and objects as JSON.

    >>> as_text(None), as_text(True), as_text(2), as_text(["x", "y"])
    ('', 'true', '2', '["x", "y"]')
    """
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def json_line(value: Any) -> str:
    """JSON on one line, in which control characters are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def _guarded(text: str) -> str:
    """With an apostrophe in front of what a spreadsheet would take for a formula; a plain number is none.

    >>> _guarded("=1+1"), _guarded("-2x"), _guarded("-2.5"), _guarded("x - 1")
    ("'=1+1", "'-2x", '-2.5', 'x - 1')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _unguarded(text: str) -> str:
    """Without that apostrophe.

    >>> _unguarded("'-2x"), _unguarded("'-2.5"), _unguarded("'quoted'")
    ('-2x', '-2.5', "'quoted'")
    """
    return text[1:] if text[:1] == "'" and _FORMULA.match(text, 1) else text


class _Feed:
    """Lines for `csv`, one row at a time; `csv` asks for another one as long as a quote is open."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()  # lines that were taken for a cell, and are rows
        self.taken: list[str] = []
        self._size = self._before = 0
        self.unclosed = self.cut = False

    def begin(self) -> int:
        """From here on it is another row; the number of its first line."""
        self._before += len(self.taken)
        self.taken, self._size = [], 0
        self.unclosed = self.cut = False
        return self._before + 1

    def only_first(self) -> str:
        """The first line of the row; the others are read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        return self.taken[0]

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = None
        if self._size <= MAX_ROW:
            line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            self.unclosed = bool(self.taken)
            raise StopIteration
        self.taken.append(line)
        self._size += len(line)
        self.cut = self.cut or len(line) > MAX_ROW
        return line


_SIGNS = {",": "comma", ";": "semicolon", "\t": "tab"}


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _text(line: bytes) -> str:
    """A line as text that `csv` can read; it always ends with a newline."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    return line.decode("utf-8", "surrogateescape").translate(_HIDE) + "\n"


def _sniff(first: bytes) -> str:
    """The format of a table that has no telling name."""
    return "jsonl" if first.lstrip()[:1] == b"{" else "tsv" if b"\t" in first else "csv"


def _header(cells: Sequence[str]) -> list[str]:
    """The names of the columns, without the empty ones at the end."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _object(text: str) -> tuple[dict[str, Any], str | None]:
    """The fields of a JSON object; what stands twice is an error, since it is unclear what counts."""
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            twice.append(next(key for i, (key, _) in enumerate(items) if key in dict(items[:i])))
        return found

    # Long numbers and infinite ones stay text. A control character in a string is for the reader of the answer.
    decoder = json.JSONDecoder(
        object_pairs_hook=pairs, parse_int=_integer, parse_float=_decimal, parse_constant=str, strict=False
    )
    found = decoder.decode(text.strip())
    if not isinstance(found, dict):
        return {}, "not a JSON object"
    probe: Any = found
    for _ in range(50):
        probe = [probe]
    json.dumps(probe)  # what is nested too deeply to be written again is found out here
    return found, f"the key `{visible(twice[0])[:100]}` stands twice" if twice else None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < 300 else digits


def _decimal(digits: str) -> float | str:
    value = float(digits)
    return value if abs(value) <= sys.float_info.max else digits


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """Names of columns as keys: one that comes again gets a number."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"
