"""Modes of differentiation and decompositions of an equation, as sections of rows: see `trace`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..alternatives import Decompositions, Row
from ..evaluate import value_text
from ..expr import LEAVES
from ..modes import Comparison, Path, Result, count_text, node_names
from ..numeric import Accuracy, GradientCheck, number_text
from .plain import lay_out, plain
from .trace import FORMULA, NAME, Column, Section
from .words import Words

LISTED = 40  # paths that are written out
WRITTEN = 600  # nodes of a formula that is written out
DERIVATIVES = 24  # derivatives whose values and formulas are shown


class _Page:
    """The words of a page, and how nodes and numbers are written on it."""

    def __init__(self, found: Comparison | Decompositions, words: Words, function: str) -> None:
        self.words, self.graph, self.function = words, found.graph, function
        self.outputs = found.outputs if isinstance(found, Comparison) else []
        roots = found.roots if isinstance(found, Comparison) else [found.root]
        self.alone = len(self.graph.variables(roots)) <= 1 and len(found.wrt) <= 1 and len(roots) == 1

    def formula(self, position: int, required: int = 0) -> str:
        size = self.graph.written_size([position])
        if size > WRITTEN:
            return f"{size} nodes when written out"
        return self.words.expression(self.graph, position, required=required)

    def cell(self, position: int) -> str:
        """A formula behind its sign; where it is too long, what is said instead."""
        text = self.formula(position)
        return f"= {text}" if text.endswith(" written out") else self.words.math(f"= {text}")

    def number(self, text: str | None) -> str:
        return "undefined" if text is None else self.words.math(self.words.figure(text))

    def symbol(self, name: str, output: int = 0, outputs: int = 1) -> str:
        """∂f/∂x; ∂f2/∂x with several outputs."""
        function = self.function if outputs == 1 else f"{self.function}{output + 1}"
        if self.outputs:
            function = self.outputs[output]
        return self.words.partial(function, [name], self.alone)

    def notes(self, sentences: Sequence[str]) -> Section:
        return Section("", "", (Column("", "note"),), [(sentence,) for sentence in sentences], top=False)


# -- modes ---------------------------------------------------------------------------------------------


def mode_sections(
    found: Comparison,
    *,
    ascii: bool = False,
    words: Words | None = None,
    function: str = "f",
    names: Mapping[int, str] | None = None,
) -> Iterator[Section]:
    """The sections of a comparison: costs, formulas, values, paths, step sizes, and what there is to say.

    `function` is what the output is called, `names` are the names of nodes on paths.
    """
    page = _Page(found, words or Words(ascii), function)
    yield _costs(found)
    if any(result.gradient for result in found.results):
        yield _formulas(found, page)
    if any(result.values for result in found.results):
        yield _values(found, page)
    for result in found.results:
        if result.paths:
            yield _paths(found, result, page, names or node_names(found.graph, found.roots))
    for result in found.results:
        if result.steps:
            yield _steps(result, page)
    sentences = [found.verdict] if found.verdict else []
    sentences += [f"note: {note}" for note in found.notes]
    for result in found.results:
        own = [note for note in result.notes if note not in found.notes]
        sentences += [f"{result.mode}: {note}" for note in own]
    if sentences:
        yield page.notes(sentences)


def _costs(found: Comparison) -> Section:
    columns = (NAME, Column("runs", "math"), Column("operations", "number", label="operations"))
    rows = []
    for result in found.results:
        cost = "" if result.operations is None else count_text(result.operations)
        rows.append((result.mode, _runs(result), cost))
    own = f"{found.operations} operation{'' if found.operations == 1 else 's'}"
    return Section("Modes", f"the function has {own}", columns, rows)


def _runs(result: Result) -> str:
    """2 passes, 4 evaluations, 3 paths."""
    counts = ((result.passes, "pass", "passes"), (result.evaluations, "evaluation", "evaluations"),
              (result.path_count, "path", "paths"))  # fmt: skip
    for count, one, many in counts:
        if count is not None:
            return f"{count_text(count)} {one if count == 1 else many}"
    return ""


def _each(found: Comparison) -> Iterator[tuple[int, str]]:
    """The derivatives that are shown: output and variable."""
    pairs = ((j, name) for j in range(len(found.roots)) for name in found.wrt)
    for _, pair in zip(range(DERIVATIVES), pairs):
        yield pair


def _left_out(found: Comparison) -> str:
    count = len(found.roots) * len(found.wrt)
    return f"the first {DERIVATIVES} of {count}" if count > DERIVATIVES else ""


def _formulas(found: Comparison, page: _Page) -> Section:
    def rows() -> Iterator[Sequence[str]]:
        for j, name in _each(found):
            written: dict[str, list[str]] = {}
            for result in found.results:
                if result.gradient:
                    written.setdefault(page.cell(result.gradient[j][name]), []).append(result.mode)
            symbol = page.words.math(page.symbol(name, j, len(found.roots)))
            for text, modes in written.items():
                yield symbol, text, ", ".join(modes)
                symbol = ""

    return Section("Derivatives", _left_out(found), (NAME, FORMULA, Column("", "remark", True)), rows())


def _values(found: Comparison, page: _Page) -> Section:
    def rows() -> Iterator[Sequence[str]]:
        for j, name in _each(found):
            symbol = page.words.math(page.symbol(name, j, len(found.roots)))
            if found.exact:
                yield symbol, "exact", page.number(found.exact_text(j, name, 17)), "", ""
                symbol = ""
            for result in found.results:
                if result.values:
                    value = result.values[j][name]
                    accuracy = result.accuracy[j][name] if result.accuracy else None
                    yield symbol, result.mode, page.number(number_text(value)), *_error(accuracy, page)
                    symbol = ""

    point = ", ".join(f"{name} = {value_text(v, 15)}" for name, v in (found.point or {}).items())
    remark = "in double precision"
    if len(point) < 80:
        point = point.replace("-", "−") if not page.words.ascii else point
        remark = f"{point}; all but the exact one in double precision"
    columns = (NAME, Column("", "rule"), Column("value", "math"), Column("error", "number", label="error"),
               Column("digits", "number", label="correct digits"))  # fmt: skip
    return Section("Values", "; ".join(filter(None, [_left_out(found), remark])), columns, rows())


def _error(accuracy: Accuracy | None, page: _Page) -> tuple[str, str]:
    return ("", "") if accuracy is None else (page.number(accuracy.error), str(accuracy.digits))


def _paths(found: Comparison, result: Result, page: _Page, names: Mapping[int, str]) -> Section:
    times = f" {page.words.times} "

    def rows() -> Iterator[Sequence[str]]:
        for path in result.paths[:LISTED]:
            way = f" {page.words.arrow} ".join(_name(path, i, names, found, page) for i in path.nodes)
            factors = [page.formula(i, 41) for i in path.partials]
            product = page.formula(path.product)
            shown = times.join(factors)
            last = "" if shown in ("", product) else page.cell(path.product)
            yield page.words.math(way), page.words.math(shown or "1"), last

    count = len(result.paths)
    remark = "the derivative is the sum, over all paths from the variable, of the product of the partials"
    if count > LISTED:
        remark = f"the first {LISTED} of {count}; {remark}"
    columns = (NAME, Column("", "math", True), FORMULA)
    return Section("Paths", remark, columns, rows())


def _name(path: Path, position: int, names: Mapping[int, str], found: Comparison, page: _Page) -> str:
    if position == path.output and found.graph.nodes[position][0] not in LEAVES:
        if page.outputs:
            return page.words.name(page.outputs[found.roots.index(position)])
        several = f"{page.function}{found.roots.index(position) + 1}"
        return page.words.name(page.function if len(found.roots) == 1 else several)
    return page.words.name(names.get(position) or f"#{position}")


def _steps(result: Result, page: _Page) -> Section:
    def rows() -> Iterator[Sequence[str]]:
        for step in result.steps:
            one_sided = page.number(_short(step.forward)), _error(step.error, page)[0]
            yield (
                page.number(step.h),
                *one_sided,
                page.number(_short(step.central)),
                _error(step.error_central, page)[0],
            )

    error = Column("error", "number", label="error")
    forward, central = (Column(word, "math", True, word) for word in ("forward", "central"))
    columns = (Column("h", "name"), forward, error, central, error)
    return Section("Difference quotients", f"by {result.steps_by}; how the error depends on the step", columns, rows())


def _short(value: float | None) -> str | None:
    """A quotient to 10 digits: enough to see where it goes wrong."""
    return None if value is None else number_text(float(f"{value:.10g}"))


# -- decompositions ------------------------------------------------------------------------------------


def decomposition_sections(
    found: Decompositions, *, ascii: bool = False, words: Words | None = None, function: str = "f"
) -> Iterator[Section]:
    """The sections of a comparison of decompositions: sizes, equations, derivatives, values, and notes."""
    page = _Page(found, words or Words(ascii), function)
    columns = (NAME, Column("nodes", "number", label="nodes"),
               Column("operations", "number", label="operations"), Column("edges", "number", label="edges"),
               Column("derivatives", "number", label="for the derivatives"),
               Column("same function", "rule", True, "same function:"),
               Column("same derivatives", "rule", True, "same derivatives:"))  # fmt: skip
    remark = "derivatives: operations that they need more than the function"
    rows = [(row.kind, *map(str, (row.nodes, row.operations, row.edges, row.gradient_operations)),
             row.same_function, row.same_gradient) for row in found.rows]  # fmt: skip
    yield Section("Decompositions", remark, columns, rows)
    equations = [(row.kind, page.cell(row.root)) for row in found.rows]
    yield Section("Equation", "", (NAME, FORMULA), equations)
    yield Section("Derivatives", "", (NAME, FORMULA, Column("", "number", gap=1), Column("", "remark", True)),
                  _gradients(found, page))  # fmt: skip
    sentences = [f"{row.kind}: {row.description}" for row in found.rows if row.kind != "typed"]
    said: dict[str, list[str]] = {}
    for row in found.rows:
        for note in row.notes:
            said.setdefault(note, []).append(row.kind)
    sentences += [f"{', '.join(kinds)}: {note}" for note, kinds in said.items()]
    if sentences:
        yield page.notes(sentences)


def _gradients(found: Decompositions, page: _Page) -> Iterator[Sequence[str]]:
    for name in found.wrt[:DERIVATIVES]:
        written: dict[tuple[str, str], list[str]] = {}
        for row in found.rows:
            written.setdefault((page.cell(row.gradient[name]), _value(row, name, page)), []).append(row.kind)
        symbol = page.words.math(page.symbol(name))
        for (text, value), kinds in written.items():
            yield symbol, text, value, ", ".join(kinds)
            symbol = ""


def _value(row: Row, name: str, page: _Page) -> str:
    if not row.values:
        return ""
    text = value_text(row.values[name], 15)
    return "undefined" if text is None else page.words.math(f"= {page.words.figure(text)}")


def check_sections(
    checks: Mapping[str, Mapping[str, GradientCheck]],
    *,
    ascii: bool = False,
    words: Words | None = None,
    alone: bool = False,
) -> Iterator[Section]:
    """The section of a check by numbers, and what there is to say; with `alone` there is one variable only."""
    words = words or Words(ascii)
    columns = (
        NAME, Column("gradient", "number", label="gradient"), Column("central difference", "number", label="central"),
        Column("complex step", "number", label="complex step"), Column("digits", "number", label="digits"),
        Column("", "rule"),
    )  # fmt: skip
    said = {True: "agrees", False: "DISAGREES", None: "not told"}
    rows, notes = [], []
    for of, row in checks.items():
        for name, check in row.items():
            numbers = [number_text(v) or "" for v in (check.value, check.central, check.complex)]
            if words.printed:
                numbers = [words.math(words.figure(number)) if number else "" for number in numbers]
            digits = "" if check.digits is None else str(check.digits)
            symbol = words.math(words.partial(of, [name], alone))
            rows.append((symbol, *numbers, digits, said[check.agrees]))
            if check.note:
                notes.append(
                    (
                        words.prose(f"note: {words.partial(of, [name], alone)}: {check.note}")
                        if not words.printed
                        else f"note: {symbol}: {words.prose(check.note)}",
                    )
                )
    yield Section("Gradient check", "digits that agree; the numbers know only the function", columns, rows)
    if notes:
        yield Section("", "", (Column("", "note"),), notes, top=True)


def render_sections(sections: Iterator[Section], *, width: int | None = None, ascii: bool = False) -> str:
    """Sections as plain text.

    >>> from backprop import parse
    >>> from backprop.modes import compare
    >>> node = parse("x*y")
    >>> found = compare(node.graph, node.position, ["x", "y"], modes=["reverse", "paths"])
    >>> print(render_sections(mode_sections(found)))
    <BLANKLINE>
    Modes             (the function has 1 operation)
               runs     operations
      reverse  1 pass   0
      paths    2 paths  0
    <BLANKLINE>
    Derivatives
      ∂f/∂x = y  reverse, paths
      ∂f/∂y = x  reverse, paths
    <BLANKLINE>
    Paths             (the derivative is the sum, over all paths from the variable, of the product of the partials)
      x → f  y
      y → f  x
    """
    return "\n".join(plain(line) for line in lay_out(sections, width=width, ascii=ascii))
