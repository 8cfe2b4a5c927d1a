"""Tables of points: read, evaluated with the gradient, and written, some thousands of rows at a time.

As many rows go out as come in, in the same order; a row that cannot be read, or at which something
does not exist, says so in its own line. Memory does not grow with the table.

Rows are computed in double precision by `arrays`. That alone would take an infinity for a value, or
nan for one that exists; so the rows in which something was not finite are looked at again:

1. Every operation's domain, a text in its row, is asked for the first that fails: *undefined*. If it
   fails only just, rounding or underflow may be to blame, and step 4 decides.
2. Where an operation has a kink, or a removable singularity, the reverse pass is run on numbers with
   what the table says of such places: *not differentiable*, or the derivative that exists after all.
3. Where the value exists and the gradient is not finite, `smooth` tells why: *not differentiable*.
4. What is left is computed once more, exactly or in balls: either a value on the way was beyond the
   range of double precision, or the result is: *overflow*. This is slow and has a limit.

This module imports NumPy and is itself imported only where tables of points are asked for.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice
from typing import Any, BinaryIO, NamedTuple, TextIO

import numpy as np

from .arrays import Array, Program, evaluate_arrays, is_precise, nearest
from .derivation import Derivation
from .errors import BackpropError, UsageError, visible
from .evaluate import Exact, Value, evaluate
from .expr import LEAVES, Graph, Node, literal_rational, to_text
from .ops import OPS, Singularity, lookup
from .parser import parse_rule
from .reverse import Pass, active, backpropagate, gradient
from .rules import compile_text
from .tables import _FORMULA, MAX_ROW, Record, Table, _chain, _distinct, _guarded, as_text, json_line

STATUSES = ("ok", "undefined", "not differentiable", "overflow", "unreadable")
OK, UNDEFINED, KINK, OVERFLOW, UNREADABLE = range(5)

EXACT_LIMIT = 10_000  # rows that are computed again, exactly or in balls

_BLOCK = 1 << 20  # bytes of a table that are read at a time
_ROWS = 1 << 14  # rows at a time where they are read one by one
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


# -- points ----------------------------------------------------------------------------------------------


class Points:
    """Some rows of a table of points.

    columns    variable -> its values, float64; nan in rows that cannot be read
    lines      the number of each row's line
    names      the columns of the table, which may be more than the variables
    errors     row -> why it cannot be read
    exact      row -> values that are multiples of pi or powers of e, as typed
    more       row -> keys of JSON lines that the first row does not have
    texts      the rows as typed, if they can be written as they are; else
    cells      the cells of the rows, if they come from a table
    """

    __slots__ = ("columns", "lines", "names", "errors", "exact", "more", "texts", "cells", "delimiter")

    def __init__(
        self,
        columns: Mapping[str, Array],
        lines: Sequence[int],
        names: Sequence[str],
        *,
        texts: list[str] | None = None,
        cells: Sequence[Sequence[Any]] | None = None,
        delimiter: str = ",",
    ) -> None:
        self.columns, self.lines, self.names = dict(columns), lines, list(names)
        self.texts, self.cells, self.delimiter = texts, cells, delimiter
        self.errors: dict[int, str] = {}
        self.exact: dict[int, dict[str, Exact]] = {}
        self.more: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self.lines)

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Points:
        """Points that come from no table: variable -> its values.

        >>> len(Points.of({"x": [1, 2, 3], "y": 0.5}))
        3
        """
        arrays = np.broadcast_arrays(*[np.atleast_1d(np.asarray(v, dtype=float)) for v in columns.values()])
        if any(array.ndim != 1 for array in arrays):
            raise UsageError("the values of a variable are a list of numbers")
        count = len(arrays[0]) if arrays else 0
        found = cls(dict(zip(columns, arrays)), range(1, count + 1), list(columns))
        for row in np.flatnonzero(~np.isfinite(arrays).all(axis=0)).tolist() if count else ():
            found.errors[row] = "not a real number"
        return found

    def row(self, row: int) -> Sequence[Any]:
        """The cells of a row, by column."""
        if self.cells is not None:
            return self.cells[row]
        if self.texts is not None:
            return self.texts[row].split(self.delimiter)
        return [float(self.columns[name][row]) for name in self.names]


class PointTable(Table):
    """A table of points: CSV or TSV with a header, or JSON lines. Iterate over it once: `Points` come out.

    A cell holds a decimal number, or an expression without variables such as `pi/2`. Blank lines, and lines
    that begin with `#`, are skipped. Columns that are no variables are kept. The fast way reads a block of
    lines by NumPy; where that fails, rows are read one by one.

    Errors: `UsageError` for a file that cannot be read, for a variable without a column, and for two columns
    of one name.
    """

    def __init__(
        self, name: str, wanted: Iterable[str], *, form: str | None = None, stdin: BinaryIO | None = None
    ) -> None:
        self._begun: list[bytes] = []  # the lines of the header; of JSON lines, the first row
        self._opening = True
        self._before = 0  # lines that were read
        super().__init__(name, form=form, stdin=stdin)
        self._opening = False
        self.wanted = list(wanted)
        try:
            self._check_columns()
        except BaseException:
            self.close()
            raise

    def want(self, names: Iterable[str]) -> None:
        """Says which columns are needed, if it was not known before; `UsageError` if one is missing."""
        self.wanted = list(names)
        self._check_columns()

    def _check_columns(self) -> None:
        known = set(self.columns)
        twice = [name for name, count in Counter(self.columns).items() if count > 1]
        if twice:
            raise self._fault(f"two columns are called {_list(twice)}", "give every column a name of its own")
        missing = [name for name in self.wanted if name not in known]
        if self.form == "jsonl" and self._first is not None and self._first.error is not None:
            missing = []  # that the first row cannot be read is said in its place
        if missing:
            there = f"its columns are {_list(self.columns)}" if self.columns else "it has no columns"
            raise self._fault(
                f"no column for the variable{'s' if len(missing) > 1 else ''} {_list(missing)}; {there}",
                "the first line names the columns, one for each variable"
                if self.form != "jsonl"
                else "every line is an object with a key for each variable",
            )

    def _lines(self) -> Iterator[bytes]:
        """The lines, comments as blank lines; none of those at the beginning, where the format is told."""
        for line in super()._lines():
            self._before += 1
            bare = (line.removeprefix(b"\xef\xbb\xbf") if self._before == 1 else line).lstrip()
            if not bare or bare.startswith(b"#"):
                line = b"\n"
                if not self._begun:
                    continue
            if self._opening:
                self._begun.append(line)
            yield line

    def points(self) -> Iterator[Points]:
        """The rows, some thousands at a time."""
        if self.form == "jsonl":
            yield from self._json_points()
            return
        try:
            while data := self._stream.read(_BLOCK):
                if not data.endswith(b"\n"):
                    data += self._stream.readline(MAX_ROW + 1)
                self.done += len(data)
                lines = data.split(b"\n")
                ended = not lines[-1]
                if ended:
                    lines.pop()
                first = self._before + 1
                cut = not ended and len(lines[-1]) > MAX_ROW
                if cut:
                    self._skip_line()
                self._before += len(lines)
                found = None if cut else self._block(data, first)
                if found is not None:
                    yield found
                elif b'"' not in data:
                    yield from self._one_by_one(self._commented(lines), first)
                else:  # a cell may go on in the next block
                    yield from self._one_by_one(chain(self._commented(lines), self._lines()), first)
                    return
        except OSError as error:
            raise self._unreadable(error) from None

    def _skip_line(self) -> None:
        while (piece := self._stream.readline(_BLOCK)) and not piece.endswith(b"\n"):
            self.done += len(piece)

    @staticmethod
    def _commented(lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            yield b"\n" if line.lstrip().startswith(b"#") else line + b"\n"

    # -- a block of lines ------------------------------------------------------------------------------

    def _block(self, data: bytes, first: int) -> Points | None:
        """The rows of a block if all is as it should be: decimal numbers, and as many cells as columns."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return None
        text = text.replace("\r\n", "\n") if "\r" in text else text
        separator, width = self.delimiter, len(self.columns)
        if not text.replace("\n", "").replace("\t", "").isprintable() or ("\t" in text and separator != "\t"):
            return None
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        numbers: Sequence[int] = range(first, first + len(lines))
        if "#" in text or text.startswith("\n") or "\n\n" in text:
            kept = [k for k, line in enumerate(lines) if line and not line.lstrip().startswith("#")]
            lines, numbers = [lines[k] for k in kept], [numbers[k] for k in kept]
        rows: list[Sequence[str]] | None = None
        if '"' in text:
            try:
                rows = list(csv.reader(lines, delimiter=separator, strict=True))
            except csv.Error:
                return None
            if len(rows) != len(lines) or any(len(row) != width for row in rows):
                return None
        elif any(line.count(separator) != width - 1 for line in lines):
            return None
        places = [self.columns.index(name) for name in self.wanted]
        columns: dict[str, Array] = {}
        if lines and places:
            source = lines if rows is None else [separator.join([row[k] for k in places]) for row in rows]
            used = places if rows is None else None
            try:
                found = np.loadtxt(source, delimiter=separator, usecols=used, ndmin=2, comments=None)
            except ValueError:
                return None
            if found.shape != (len(lines), len(places)) or not np.isfinite(found).all():
                return None
            columns = {name: np.ascontiguousarray(found[:, k]) for k, name in enumerate(self.wanted)}
        others = [k for k in range(width) if k not in places]
        if others:
            cells = rows if rows is not None else [line.split(separator) for line in lines]
            if any(_FORMULA.match(row[k].lstrip("'")) for row in cells for k in others):
                return None
        texts = lines if rows is None else None
        return Points(columns, numbers, self.columns, texts=texts, cells=rows, delimiter=separator)

    # -- row by row ------------------------------------------------------------------------------------

    def _one_by_one(self, lines: Iterator[bytes], first: int) -> Iterator[Points]:
        """The rows of these lines, the first of which has a known number."""
        records = self._csv_rows(self._begun[0], chain(self._begun[1:], lines))
        next(records)
        behind = first - 1 - len(self._begun)
        yield from self._gathered(record._replace(line=record.line + behind) for record in records)

    def _gathered(self, records: Iterator[Record]) -> Iterator[Points]:
        known = set(self.columns)
        while batch := list(islice(records, _ROWS)):
            kept: list[Sequence[Any]] = []
            found = Points({}, [r.line for r in batch], self.columns, cells=kept, delimiter=self.delimiter)
            columns = np.full((len(self.wanted), len(batch)), np.nan)
            for row, record in enumerate(batch):
                cells: Sequence[Any] = record.cells
                if self.form == "jsonl":
                    fields = dict(zip(record.names, record.cells))
                    cells = [fields.get(name) for name in self.columns]
                    if more := {name: value for name, value in fields.items() if name not in known}:
                        found.more[row] = more
                kept.append(cells)
                if record.error is not None:
                    found.errors[row] = record.error
                for k, name in enumerate(self.wanted):
                    if row in found.errors:
                        break
                    self._put(found, columns, row, k, cells[self.columns.index(name)], name)
                if row in found.errors:
                    columns[:, row] = np.nan
            found.columns = dict(zip(self.wanted, columns))
            yield found

    @staticmethod
    def _put(found: Points, columns: Array, row: int, k: int, cell: Any, name: str) -> None:
        """Reads one cell."""
        text = as_text(cell).strip()
        if not text:
            found.errors[row] = f"no value for {visible(name)}"
        elif isinstance(cell, bool | list | dict):
            found.errors[row] = f"{visible(name)}: `{visible(text)[:100]}` is not a number"
        else:
            number, exact, fault = _typed(text) if len(text) < 1000 else (math.nan, None, "the cell is too long")
            columns[k, row] = number
            if fault is not None:
                found.errors[row] = f"{visible(name)}: {fault}"
            elif exact is not None:
                found.exact.setdefault(row, {})[name] = exact

    # -- JSON lines ------------------------------------------------------------------------------------

    def _json_points(self) -> Iterator[Points]:
        lines = _chain(self._begun[-1], self._lines())
        first = self._before
        while batch := list(islice(lines, _ROWS)):
            found = self._json_block(batch, first)
            if found is not None:
                yield found
            else:
                records = self._json_rows(batch[0], iter(batch[1:]))
                yield from self._gathered(r._replace(line=r.line + first - 1) for r in records)
            first += len(batch)

    def _json_block(self, batch: list[bytes], first: int) -> Points | None:
        """The rows of some lines if all is as it should be: numbers, under the keys of the first row."""
        numbers = [first + k for k, line in enumerate(batch) if line != b"\n"]
        lines = [line for line in batch if line != b"\n"]
        keys, width = list(self.columns), len(self.columns)
        try:
            # A key that stands twice is found by its colon; what else has a colon is read the slow way.
            if any(len(line) > MAX_ROW or line.count(b":") != width for line in lines):
                return None
            found = [json.loads(line) for line in lines]
            if any(type(fields) is not dict or len(fields) != width for fields in found):
                return None
            cells: list[Sequence[Any]] = [[fields[key] for key in keys] for fields in found]
        except (ValueError, KeyError, RecursionError):
            return None
        columns = {}
        for name in self.wanted:
            k = self.columns.index(name)
            values = [row[k] for row in cells]
            if not {int, float}.issuperset(map(type, values)):
                return None
            try:
                columns[name] = np.array(values, dtype=float)
            except OverflowError:
                return None
            if not np.isfinite(columns[name]).all():
                return None
        return Points(columns, numbers, self.columns, cells=cells)


def _list(names: Iterable[str]) -> str:
    return ", ".join(visible(name)[:100] for name in names)


@lru_cache(maxsize=4096)
def _typed(text: str) -> tuple[float, Exact | None, str | None]:
    """A cell as a double, the exact value if it is a multiple of pi or a power of e, and what is wrong with it."""
    if _NUMBER.fullmatch(text):
        value, exact = float(text), None
    else:
        from .values import parse_value

        try:
            found = parse_value(text)
        except BackpropError as error:
            return math.nan, None, error.message
        value, exact = nearest(found), found if isinstance(found, Exact) else None
    if not math.isfinite(value):
        return math.nan, None, f"`{visible(text)[:100]}` is too large for double precision"
    return value, exact, None


def read_points(
    name: str, wanted: Iterable[str], *, form: str | None = None, stdin: BinaryIO | None = None
) -> PointTable:
    """Opens a table of points; `-` is standard input. See `PointTable`."""
    return PointTable(name, wanted, form=form, stdin=stdin)


# -- the conditions of the table -----------------------------------------------------------------------------

# Rounding and underflow move an operand by no more than this, as a rule. A condition that would hold so close by
# is left to exact arithmetic.
_SLACK, _TINY = 1e-9, 1e-300

# Kinks of a jump: there a derivative does not exist even if what passes back to it is 0 (x·sign(x) is |x|).
_JUMPS = frozenset({"sign", "step", "floor", "ceil", "mod"})

_COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})


class Need(NamedTuple):
    """A condition on a node: a text of the table in the names of its operands, and the nodes that these are."""

    text: str
    names: tuple[str, ...]
    operands: tuple[int, ...]

    def node(self, graph: Graph) -> int:
        """The condition as a node, exactly as written."""
        steps, result = compile_text(self.text, self.names)
        done: list[int] = []
        for op, references, key in steps:
            if references:
                done.append(graph.node(op, *[self.operands[r] if r >= 0 else done[-1 - r] for r in references]))
            else:
                done.append(graph.intern(key))
        return self.operands[result] if result >= 0 else done[-1 - result]


def _domain(graph: Graph, position: int) -> Need | None:
    """What a node's value needs; of a power, by what its exponent is."""
    key = graph.nodes[position]
    row = lookup(key[0])
    if key[0] != "pow":
        return Need(row.domain, row.operands, key[1:]) if row.domain else None
    exponent = literal_rational(graph, key[2])
    if exponent is None:
        return Need(row.domain, row.operands, key[1:])
    if exponent.denominator % 2 == 0:
        return Need("x >= 0" if exponent > 0 else "x > 0", row.operands, key[1:])
    return Need("x != 0", row.operands, key[1:]) if exponent < 0 else None


def _smooth(graph: Graph, position: int) -> Need | None:
    """What the rule for a node's derivative needs."""
    key = graph.nodes[position]
    row = lookup(key[0])
    if key[0] != "pow":
        return Need(row.smooth, row.operands, key[1:]) if row.smooth else None
    exponent = literal_rational(graph, key[2])
    if exponent is not None and (exponent >= 1 or exponent == 0):
        return _domain(graph, position)
    return Need("x != 0" if exponent is not None and exponent.denominator % 2 else "x > 0", row.operands, key[1:])


def _operations(graph: Graph, order: Iterable[int]) -> Iterator[int]:
    return (i for i in order if graph.nodes[i][0] not in LEAVES and not graph.nodes[i][0].startswith("call "))


# -- evaluation ----------------------------------------------------------------------------------------------


class Results(NamedTuple):
    """What came of some points: for each row its value, its gradient, a status (an index of `STATUSES`) and a note.

    What does not exist is nan; `notes` has the rows that have something to say.
    """

    points: Points
    value: Array
    gradient: dict[str, Array]
    status: Array
    notes: dict[int, str]


class Evaluation:
    """A function and its derivatives, to be evaluated at many points.

    `derived` are nodes of the graph by name: the gradient, or any other derivatives. At most `limit` rows are
    computed again exactly; `recomputed` counts them. Errors: `UsageError` for a function without a formula.
    """

    def __init__(self, graph: Graph, root: int, derived: Mapping[str, int], *, limit: int = EXACT_LIMIT) -> None:
        self.graph = Graph()  # the conditions of the table go into a graph of its own
        self.root, *others = self.graph.copy_from(graph, [root, *derived.values()])
        self.derived = dict(zip(derived, others))
        self.limit, self.recomputed = limit, 0
        self.order = self.graph.reachable([self.root])
        self.needs: dict[int, Need] = {}
        for position in _operations(self.graph, self.order):
            need = _domain(self.graph, position)
            if need is not None:
                self.needs[position] = need
        self.conditions = {position: need.node(self.graph) for position, need in self.needs.items()}
        self.compared = [i for p in self.order if self._op(p) in _COMPARISONS for i in self.graph.operands(p)]
        self._find_singularities()
        watched = {*self.conditions, *self.compared}
        self.program = Program(self.graph, [self.root, *others, *self.singular], watched)
        self.names = self.graph.variables([self.root, *others])
        self._texts: dict[tuple[int, bool], str] = {}
        self._smooths: dict[int, tuple[Need, int]] | None = None

    def _op(self, position: int) -> str:
        return str(self.graph.nodes[position][0])

    def _find_singularities(self) -> None:
        """Notes the nodes that have kinks or removable singularities, and the expressions that vanish there."""
        graph = self.graph
        self.singular: dict[int, list[tuple[int, Singularity]]] = {}  # what vanishes -> nodes, and what then holds
        self.passed: Pass | None = None
        if not any(self._op(i) in OPS and lookup(self._op(i)).exceptions for i in self.order):
            return
        for position in _operations(graph, active(graph, self.root, self.derived)):
            row = lookup(self._op(position))
            for place in row.exceptions:
                where = Need(place.where, row.operands, graph.operands(position)).node(graph)
                self.singular.setdefault(where, []).append((position, place))
        if self.singular:
            passed = backpropagate(graph, self.root, self.derived, keep_edges=True)
            if passed.gradient == self.derived:
                self.passed = passed

    # -- a chunk of rows -------------------------------------------------------------------------------

    def at(self, points: Points) -> Results:
        """The values at some points."""
        missing = [name for name in self.names if name not in points.columns]
        if missing:
            raise UsageError(f"no values for {_list(missing)}", hint="every variable of the function needs some")
        columns = points.columns if self.names else {"": np.zeros(len(points))}
        found, flagged = self.program.watch(columns)
        value, gradient = found[0], dict(zip(self.derived, found[1 : 1 + len(self.derived)]))
        vanishing = dict(zip(self.singular, found[1 + len(self.derived) :]))
        status = np.zeros(len(points), dtype=np.uint8)
        results = Results(points, value, gradient, status, {})
        for row, message in points.errors.items():
            self._mark(results, row, UNREADABLE, message)
        doubtful = ~np.isfinite(found[: 1 + len(self.derived)]).all(axis=0)
        again = np.zeros(len(points), dtype=bool)  # rows to be computed exactly
        again[list(points.exact)] = True
        if flagged:
            self._undefined(results, np.flatnonzero(status == OK), again)
        elif doubtful.any():
            self._undefined(results, np.flatnonzero(doubtful & (status == OK)), again)
        if vanishing:
            self._singularities(results, vanishing, again)
        for column in (value, *gradient.values()) if doubtful.any() else ():
            again |= ~np.isfinite(column) & (status == OK)
        if again.any():
            self._not_smooth(results, np.flatnonzero(again & (status == OK) & np.isfinite(value)), again)
            self._exactly(results, np.flatnonzero(again & (status == OK)))
        return results

    def _mark(self, results: Results, row: int, status: int, note: str) -> None:
        self._mark_all(results, np.array([row]), status, note)

    def _mark_all(self, results: Results, rows: Array, status: int, note: str) -> None:
        """Gives rows a status and a note, if they have none yet."""
        rows = rows[results.status[rows] == OK]
        results.status[rows] = status
        results.notes.update(dict.fromkeys(rows.tolist(), note))
        if status in (UNDEFINED, UNREADABLE):
            for column in (results.value, *results.gradient.values()):
                column[rows] = np.nan

    def _slices(self, rows: Array, width: int) -> Iterator[Array]:
        """The rows in parts, so that one array for each of `width` nodes fits into memory."""
        size = max(64, (1 << 24) // (width + 1))
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def _inputs(self, results: Results, rows: Array) -> dict[str, Array]:
        return {name: results.points.columns[name][rows] for name in self.names}

    # -- 1: domains ------------------------------------------------------------------------------------

    def _undefined(self, results: Results, rows: Array, again: Array) -> None:
        """Marks the rows at which the function has no value, with the first operation that has none."""
        everything = self.graph.reachable([self.root, *self.conditions.values()])
        for part in self._slices(rows, len(everything)):
            values = evaluate_arrays(self.graph, everything, self._inputs(results, part))
            fails: dict[int, Array] = {}
            for position, condition in self.conditions.items():
                # Some domains of the table are narrower than where there are values: at −1, say, besselj(0, x) has one.
                lost = np.broadcast_to(~np.isfinite(values[position]) & ~np.asarray(values[condition]), len(part))
                if lost.any():
                    fails[position] = lost
            doubted = [np.broadcast_to(~np.isfinite(values[i]), len(part)) for i in self.compared]
            if not fails and not any(d.any() for d in doubted):
                continue
            defined = self._defined(values, fails, len(part))
            needed = self._needed(values, defined, np.ones(len(part), dtype=bool))
            for i, doubt in zip(self.compared, doubted):
                again[part[doubt & needed.get(i, False)]] = True
            open_ = ~defined[self.root]
            for position, lost in fails.items():
                here = open_ & lost & needed.get(position, False)
                if not here.any():
                    continue
                open_ &= ~here
                sure = self._surely_fails(position, values, np.flatnonzero(here), len(part))
                self._mark_all(results, part[sure], UNDEFINED, self._because(position))
                again[part[here]] = True
            again[part[open_]] = True

    def _defined(self, values: Mapping[int, Any], fails: Mapping[int, Array], count: int) -> dict[int, Any]:
        """Node -> whether it has a value in each row: what is not chosen, or does not matter, need not have one."""
        defined: dict[int, Any] = {}
        everywhere = np.ones(count, dtype=bool)
        for position in self.order:
            op, operands = self._op(position), self.graph.operands(position)
            if op in ("where", "and", "or"):
                known = [defined[i] for i in operands]
                if all(d is everywhere for d in known):
                    found = everywhere
                elif op == "where":
                    found = known[0] & np.where(values[operands[0]], known[1], known[2])
                else:
                    decides = [known[k] & (values[i] == (op == "or")) for k, i in enumerate(operands)]
                    found = (known[0] & known[1]) | decides[0] | decides[1]
            else:
                found = everywhere
                for i in operands:
                    if defined[i] is not everywhere:
                        found = found & defined[i]
                if position in fails:
                    found = found & ~fails[position]
            defined[position] = found
        return defined

    def _needed(self, values: Mapping[int, Any], defined: Mapping[int, Any], start: Array) -> dict[int, Array]:
        """Node -> whether the function's value depends on it in each row, cases that are not chosen left out."""
        needed: dict[int, Array] = {self.root: start}
        for position in reversed(self.order):
            op, operands = self._op(position), self.graph.operands(position)
            here = needed.get(position)
            if here is None:
                continue
            parts = [here] * len(operands)
            if op == "where":
                chosen = values[operands[0]]
                parts = [here, here & defined[operands[0]] & chosen, here & defined[operands[0]] & ~np.asarray(chosen)]
            elif op in ("and", "or"):
                decided = [defined[i] & (values[i] == (op == "or")) for i in operands]
                parts = [here & ~(decided[1] & ~decided[0]), here & ~decided[0]]
            for i, part in zip(operands, parts):
                needed[i] = part if i not in needed else needed[i] | part
        return needed

    def _surely_fails(self, position: int, values: Mapping[int, Any], rows: Array, count: int) -> Array:
        """Those of the rows at which the condition fails however the operands were rounded."""
        need = self.needs[position]
        if all(self._has_sure_sign(i) for i in need.operands):
            return rows
        inputs = {name: np.broadcast_to(values[i], count)[rows] for name, i in zip(need.names, need.operands)}
        graph = Graph()
        condition = parse_rule(need.text, graph, need.names)
        order = graph.reachable([condition])
        holds = np.zeros(len(rows), dtype=bool)
        for signs in range(2 ** len(need.names)):
            moved = {}
            for k, name in enumerate(need.names):
                sign = 1 if signs >> k & 1 else -1
                moved[name] = inputs[name] * (1 + sign * _SLACK) + sign * _TINY
            holds |= np.isnan(list(moved.values())).any(axis=0) | evaluate_arrays(graph, order, moved)[condition]
        return rows[~holds]

    def _has_sure_sign(self, position: int) -> bool:
        """Whether a double is 0, positive or negative just where the exact value is: a sum of two numbers at most."""
        if self._op(position) in ("add", "sub"):
            return all(self._op(i) in LEAVES for i in self.graph.operands(position))
        return self._op(position) in LEAVES

    def _because(self, position: int) -> str:
        """What the value of an operation needs."""
        text = self._texts.get((position, False))
        if text is None:
            text = self._texts[position, False] = self._sentence(
                "", position, self.needs[position], self.conditions[position]
            )
        return text

    def _sentence(self, before: str, position: int, need: Need, condition: int) -> str:
        if self.graph.written_size([position, condition]) > 60:
            row = lookup(self._op(position))
            return f"{before}{row.call}({', '.join(row.operands)}) needs {need.text}"
        return f"{before}{to_text(self.graph, position)} needs {to_text(self.graph, condition)}"

    # -- 2: kinks and removable singularities ----------------------------------------------------------

    def _singularities(self, results: Results, vanishing: Mapping[int, Array], again: Array) -> None:
        """Derivatives where an operation's own rule says nothing: by the reverse pass, on numbers."""
        usable = results.status == OK
        hit = np.zeros(len(usable), dtype=bool)
        for where, column in vanishing.items():
            hit |= column == 0
            if any(not place.kink for _, place in self.singular[where]):
                again |= (abs(column) < 2**-10) & (column != 0) & usable  # where the formula loses digits
        rows = np.flatnonzero(hit & usable)
        passed = self.passed
        partials = [edge.partial for edge in passed.edges] if passed is not None else []
        everything = self.graph.reachable([self.root, *partials, *self.singular])
        for part in self._slices(rows, len(everything)):
            values = evaluate_arrays(self.graph, everything, self._inputs(results, part))
            zero = {where: np.broadcast_to(values[where] == 0, len(part)) for where in self.singular}
            adjoints = self._adjoints(values, zero, len(part)) if passed is not None else {}
            everywhere = dict.fromkeys(self.order, np.ones(len(part), dtype=bool))
            needed = self._needed(values, everywhere, everywhere[self.root])
            for name in self.derived if passed is not None else ():
                variable = self.graph.index.get(("var", name), -1)
                results.gradient[name][part] = adjoints.get(variable, 0.0)
            for where, places in self.singular.items():
                for position, place in places:
                    if not place.kink:
                        continue
                    here = zero[where] & needed.get(position, False)
                    if self._op(position) not in _JUMPS and position in adjoints:
                        here = here & (adjoints[position] != 0)
                    if here.any():
                        self._mark_all(results, part[here], KINK, self._kink(where, position, place))

    def _adjoints(self, values: Mapping[int, Any], zero: Mapping[int, Array], count: int) -> dict[int, Any]:
        """Node -> its adjoint: each edge sends the adjoint of its user times its partial, or what the table has."""
        assert self.passed is not None
        fixed: dict[int, list[tuple[Array, Singularity]]] = {}
        for where, places in self.singular.items():
            for position, place in places:
                fixed.setdefault(position, []).append((zero[where], place))
        adjoints: dict[int, Any] = {self.root: np.ones(count)}
        with np.errstate(all="ignore"):
            for edge in self.passed.edges:
                partial = values[edge.partial]
                for vanishes, place in fixed.get(edge.user, ()):
                    partial = np.where(vanishes, float(Fraction(place.partials[edge.operand])), partial)
                sends = adjoints[edge.user] * partial
                adjoints[edge.target] = adjoints[edge.target] + sends if edge.target in adjoints else sends
        return adjoints

    def _kink(self, where: int, position: int, place: Singularity) -> str:
        row = lookup(self._op(position))
        shown = to_text(self.graph, where) if self.graph.written_size([where]) <= 40 else place.where
        value = place.partials[0]
        return f"not differentiable at {shown} = 0 ({row.rule}): its derivative there is {value} by convention"

    # -- 3: smoothness ---------------------------------------------------------------------------------

    def _not_smooth(self, results: Results, rows: Array, again: Array) -> None:
        """Marks rows whose value exists, where the rule for an operation of one variable or number has none."""
        if not len(rows):
            return
        rows = rows[~np.isfinite([column[rows] for column in results.gradient.values()]).all(axis=0)]
        sure = {i: found for i, found in self._smoothness().items() if all(map(self._has_sure_sign, found[0].operands))}
        if not sure or not len(rows):
            return
        everything = self.graph.reachable([self.root, *(condition for _, condition in sure.values())])
        for part in self._slices(rows, len(everything)):
            values = evaluate_arrays(self.graph, everything, self._inputs(results, part))
            everywhere = dict.fromkeys(self.order, np.ones(len(part), dtype=bool))
            needed = self._needed(values, everywhere, everywhere[self.root])
            for position, (_, condition) in sure.items():
                here = ~np.asarray(values[condition]) & needed.get(position, False)
                if np.any(here):
                    self._mark_all(results, part[here], KINK, self._rule_needs(position))

    def _smoothness(self) -> dict[int, tuple[Need, int]]:
        """Node -> what its rule needs, for the nodes on a path to a variable asked for."""
        if self._smooths is None:
            self._smooths = {}
            for position in _operations(self.graph, active(self.graph, self.root, self.derived)):
                need = _smooth(self.graph, position)
                if need is not None:
                    self._smooths[position] = need, need.node(self.graph)
        return self._smooths

    def _rule_needs(self, position: int) -> str:
        text = self._texts.get((position, True))
        if text is None:
            text = self._sentence("the rule for the derivative of ", position, *self._smoothness()[position])
            self._texts[position, True] = text
        return text

    # -- 4: exactly ------------------------------------------------------------------------------------

    def _exactly(self, results: Results, rows: Array) -> None:
        """Computes rows once more, exactly or in balls; beyond the limit, says what is known."""
        for row in rows.tolist():
            if self.recomputed >= self.limit:
                self._not_again(results, row)
                continue
            self.recomputed += 1
            typed = results.points.exact.get(row, {})
            point: dict[str, Value] = {}
            for name in self.names:  # the shortest decimal that is this double: as a rule, what was typed
                point[name] = typed.get(name) or Fraction(repr(float(results.points.columns[name][row])))
            self._exact_row(results, row, point)

    def _not_again(self, results: Results, row: int) -> None:
        numbers = [column[row] for column in (results.value, *results.gradient.values())]
        only = f"only the first {self.limit} such rows are computed exactly"
        if all(map(math.isfinite, numbers)):
            results.notes[row] = f"computed in double precision, which may be inaccurate here: {only}"
        else:
            self._mark(results, row, OVERFLOW, f"a number on the way is beyond the range of double precision: {only}")

    def _exact_row(self, results: Results, row: int, point: Mapping[str, Value]) -> None:
        graph, roots = self.graph, [self.root, *self.derived.values()]
        smooths = self._smoothness()
        order = graph.reachable([*roots, *self.conditions.values(), *(c for _, c in smooths.values()), *self.singular])
        for precision in (64, 256, 1024, 4096):
            values = evaluate(graph, order, point, precision=precision)
            if all(is_precise(values[i]) for i in roots):
                break
        if values[self.root] is None:
            for position, condition in self.conditions.items():
                if values[condition] is False and values[position] is None:
                    self._mark(results, row, UNDEFINED, self._because(position))
                    return
            self._mark(results, row, UNDEFINED, "no value could be computed")
            return
        results.value[row] = nearest(values[self.root])
        for name, position in self.derived.items():
            results.gradient[name][row] = nearest(values[position])
        for where, places in self.singular.items():
            if values[where] == 0 and any(place.kink for _, place in places):
                position, place = next((i, place) for i, place in places if place.kink)
                self._mark(results, row, KINK, self._kink(where, position, place))
                return
        large = [name for name, column in results.gradient.items() if math.isinf(column[row])]
        lost = [name for name, column in results.gradient.items() if math.isnan(column[row])]
        if math.isinf(results.value[row]):
            self._mark(results, row, OVERFLOW, "the value is too large for double precision")
        elif lost:
            for position, (_, condition) in smooths.items():
                if values[condition] is False:
                    self._mark(results, row, KINK, self._rule_needs(position))
                    return
            self._mark(results, row, KINK, f"the formula of the derivative by {_list(lost)} has no value here")
        elif large:
            self._mark(results, row, OVERFLOW, f"the derivative by {_list(large)} is too large for double precision")


def table(
    graph: Graph, root: int, derived: Mapping[str, int], points: Iterable[Points], *, limit: int = EXACT_LIMIT
) -> Iterator[Results]:
    """The values of a function and of its derivatives at many points, chunk by chunk.

    At most `limit` rows are computed again exactly. Errors: `UsageError` for a variable without values, and
    for a function without a formula.

    >>> from backprop import parse, gradient
    >>> node = parse("x*abs(y)/x")
    >>> derived = {name: d.position for name, d in gradient(node).items()}
    >>> (found,) = table(node.graph, node.position, derived, [Points.of({"x": [1, 0, 2], "y": [-3, 1, 0]})])
    >>> [STATUSES[i] for i in found.status], found.value.tolist()
    (['ok', 'undefined', 'not differentiable'], [3.0, nan, 0.0])
    >>> found.notes[1]
    'x*abs(y)/x needs x != 0'
    """
    evaluation = Evaluation(graph, root, derived, limit=limit)
    return map(evaluation.at, points)


def evaluation_of(derivation: Derivation) -> Evaluation:
    """What evaluates the function and the gradient of a derivation at many points."""
    if derivation.kind != "gradient" or derivation.order > 1:
        raise UsageError("a table of points goes with the gradient", hint="leave out what else is asked for")
    return Evaluation(derivation.graph, derivation.root, derivation.derived)


def tabulate(node: Node, points: Mapping[str, Any], wrt: Iterable[str] | None = None) -> Results:
    """The value and the gradient of an expression at many points, in double precision, vectorised.

    `points` gives each variable its values: numbers, or arrays of one length. `wrt` defaults to all
    variables. `Results` has the arrays `value` and `gradient[name]`, nan where there is none, and a
    status and perhaps a note for each row. Errors: `UsageError` for a variable without values.

    >>> from backprop import parse
    >>> found = tabulate(parse("x^2*log(y)"), {"x": [1, 2, 3], "y": [1, 1, -1]})
    >>> found.gradient["y"].tolist(), [STATUSES[i] for i in found.status], found.notes
    ([1.0, 4.0, nan], ['ok', 'ok', 'undefined'], {2: 'log(y) needs y > 0'})
    """
    derived = {name: found.position for name, found in gradient(node, wrt).items()}
    return Evaluation(node.graph, node.position, derived).at(Points.of(points))


# -- writing -------------------------------------------------------------------------------------------------


def _numbers(results: Results, nothing: str) -> list[list[str]]:
    """The value and the gradient as the shortest decimals that are these doubles."""
    found = []
    for column in (results.value, *results.gradient.values()):
        texts = list(map(repr, column.tolist()))
        for row in np.flatnonzero(~np.isfinite(column)).tolist():
            texts[row] = nothing
        found.append(texts)
    return found


def _csv_line(cells: Iterable[Any], delimiter: str) -> str:
    out = io.StringIO()
    guarded = []
    for cell in cells:
        text = visible(as_text(cell))
        guarded.append(text if _NUMBER.fullmatch(text) else _guarded(text))
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow(guarded)
    return out.getvalue()[:-1]


def write_csv(
    stream: TextIO,
    results: Iterable[Results],
    names: Sequence[str],
    derived: Sequence[str],
    *,
    output: str = "f",
    delimiter: str = ",",
) -> Counter[str]:
    """Writes rows as CSV: a header, then for each point its cells as typed, the value, the derivatives, status, note.

    `names` are the columns of the table of points, `derived` the variables of the derivatives. A number is
    written as the shortest decimal that is the same double; what does not exist is an empty cell. A text that a
    spreadsheet would take for a formula gets an apostrophe in front. Returns how many rows have each status.
    """
    header = [*names, output, *(f"d{output}/d{name}" for name in derived), "status", "note"]
    stream.write(_csv_line(_distinct(header), delimiter) + "\n")
    counts: Counter[str] = Counter()
    for found in results:
        points = found.points
        if points.texts is not None and points.delimiter == delimiter:
            typed = points.texts
        elif points.cells is None and points.texts is None:
            columns = [map(repr, points.columns[name].tolist()) for name in points.names]
            typed = list(map(delimiter.join, zip(*columns))) if columns else [""] * len(points)
        else:
            typed = [_csv_line(points.row(row), delimiter) for row in range(len(points))]
        tails = [f"ok{delimiter}"] * len(points)
        said: dict[tuple[int, str], str] = {}
        codes = found.status.tolist()
        for row, note in found.notes.items():
            tail = said.get((codes[row], note))
            if tail is None:
                tail = said[codes[row], note] = _csv_line([STATUSES[codes[row]], note], delimiter)
            tails[row] = tail
        parts = ([typed] if points.names else []) + _numbers(found, "") + [tails]
        stream.writelines(line + "\n" for line in map(delimiter.join, zip(*parts)))
        _count(counts, found)
    return counts


def write_jsonl(stream: TextIO, results: Iterable[Results]) -> Counter[str]:
    """Writes rows as JSON lines: {"line", "at", "value", "gradient", "status"}, and "note" and "columns" if any.

    `at` holds the variables (what was typed, if that is no decimal number), `columns` the columns of the table
    that are none. What does not exist is null. Returns how many rows have each status.
    """
    counts: Counter[str] = Counter()
    for found in results:
        points = found.points
        at, gradient = _template(points.columns), _template(found.gradient)
        start = '{"line": %s, "at": ' + at + ', "value": %s, "gradient": ' + gradient + ', "status": %s}\n'
        columns = [list(map(repr, column.tolist())) for column in points.columns.values()]
        tails = ['"ok"'] * len(points)
        for row in {*points.errors, *points.exact}:
            typed = dict(zip(points.names, points.row(row)))
            for name, column in zip(points.columns, columns):
                column[row] = json_line(_plain(typed.get(name)))
        others = [k for k, name in enumerate(points.names) if name not in points.columns]
        for row in range(len(points)) if others else {*found.notes, *points.more}:
            tail = json_line(STATUSES[found.status[row]])
            if row in found.notes:
                tail += f', "note": {json_line(found.notes[row])}'
            more = points.more.get(row, {})
            if others or more:
                cells = points.row(row)
                more = {points.names[k]: cells[k] for k in others} | more
                tail += f', "columns": {json_line(more)}'
            tails[row] = tail
        stream.writelines(map(start.__mod__, zip(points.lines, *columns, *_numbers(found, "null"), tails)))
        _count(counts, found)
    return counts


def _plain(cell: Any) -> Any:
    """A cell as JSON: a decimal number as a number."""
    if isinstance(cell, str) and _NUMBER.fullmatch(cell.strip()) and math.isfinite(float(cell)):
        return float(cell)
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _template(names: Iterable[str]) -> str:
    """A JSON object of these keys, with a place for each value."""
    return "{" + ", ".join(json_line(name).replace("%", "%%") + ": %s" for name in names) + "}"


def _count(counts: Counter[str], found: Results) -> None:
    for status, count in enumerate(np.bincount(found.status, minlength=len(STATUSES)).tolist()):
        if count:
            counts[STATUSES[status]] += count
