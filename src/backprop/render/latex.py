r"""Derivations as LaTeX: a document that plain pdfLaTeX compiles, or the formulas alone to be pasted into one.

Rows stand in `alignat*`, whose columns hold formula, rule and number; what is too wide is broken over lines at its
signs, and what cannot be broken got names for its parts (`words.Print`). Only packages that belong to every TeX
distribution are used: see PACKAGES.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from ..derivation import Derivation
from ..errors import BackpropError, visible
from ..mathml import NAMED, TOKENS
from ..notation import width_of
from .trace import FORMULA, Section, Trace
from .words import LatexWords, Print, runs

PACKAGES = ("amsmath", "amssymb")
ROOM = 44.0  # em: the width of a line
GAP = 2.0  # em between columns
TIGHT = 16.0  # with less room for formulas, what stands beside them goes below
LONG_PROSE = 34.0  # em: a sentence, which may be broken anywhere
ROWS = 200  # about so many lines in one environment: TeX reads it as a whole
TABLE = 30  # rows of a table, which is not broken over pages
SHORT_TITLE = 60  # characters of an equation in a heading

OPENING = r"""\documentclass[11pt,a4paper,fleqn]{article}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath,amssymb}
\allowdisplaybreaks
\setlength{\mathindent}{1em}
\setlength{\parindent}{0pt}
\begin{document}
"""
CLOSING = "\\end{document}\n"


def render(derivation: Derivation, *, fragment: bool = False, steps: str = "all") -> str:
    """The whole derivation as a document; as a `fragment`, its formulas alone.

    >>> from backprop.derivation import derive
    >>> print(render(derive("x*y"), fragment=True, steps="result"), end="")
    % needs \\usepackage{amsmath,amssymb}, and \\allowdisplaybreaks to break over pages
    % x*y
    \\begin{alignat*}{1}
    f(x, y) & = x y
    \\end{alignat*}
    % Gradient
    \\begin{alignat*}{1}
    \\frac{\\partial f}{\\partial x} & = y \\\\
    \\frac{\\partial f}{\\partial y} & = x
    \\end{alignat*}
    % ! not verified
    """
    return "".join(document([part(derivation, fragment=fragment, steps=steps)], fragment=fragment))


def document(parts: Iterable[str], title: str = "", *, fragment: bool = False) -> Iterator[str]:
    """A document of parts, as they come, under a title; of fragments, a list."""
    if fragment:
        packages = ",".join(PACKAGES)
        yield rf"% needs \usepackage{{{packages}}}, and \allowdisplaybreaks to break over pages" + "\n"
        yield from parts
        return
    yield OPENING
    if title:
        yield rf"\begin{{center}}\Large {LatexWords().escaped(title)}\end{{center}}" + "\n"
    yield from parts
    yield CLOSING


def part(derivation: Derivation, *, fragment: bool = False, steps: str = "all", blank: bool = False) -> str:
    """One derivation as a section of a document; `blank` leaves gaps: see `Trace`."""
    return heading(derivation.equation.text, fragment) + "".join(_Page(derivation, steps, fragment, blank).lines())


def heading(typed: str, fragment: bool = False) -> str:
    """The heading of a part: what was typed."""
    shown = " ".join(visible(typed).split())
    shown = shown if len(shown) <= SHORT_TITLE else shown[: SHORT_TITLE - 1] + "…"
    return f"% {shown}\n" if fragment else rf"\section*{{\texttt{{{LatexWords().escaped(shown)}}}}}" + "\n"


def failure(typed: str, error: BackpropError, *, fragment: bool = False) -> str:
    """An equation that could not be differentiated, as a part."""
    if fragment:
        return heading(typed, fragment) + _comment(f"error: {error.message}")
    escaped = LatexWords().escaped
    hint = rf" (\emph{{{escaped(error.hint)}}})" if error.hint else ""
    return f"{heading(typed)}\\textbf{{error:}} {escaped(error.message)}{hint}\n"


def _comment(cell: str) -> str:
    shown = "".join(piece for _, piece in runs(cell))
    return f"% {' '.join(visible(shown).split())}\n"


class _Page:
    """A derivation on its way to LaTeX."""

    def __init__(self, derivation: Derivation, steps: str, fragment: bool = False, blank: bool = False) -> None:
        self.words, self.fragment = LatexWords(), fragment
        self.trace = Trace(derivation, words=self.words, steps=steps, blank=blank)

    def lines(self) -> Iterator[str]:
        for section in chain(self.trace.opening(), self.trace.closing()):
            yield from self.section(section)
            where = self.trace.where()
            if where:
                yield "% where\n" if self.fragment else "where\n"
                yield from self.aligned([(name, formula) for name, formula in where])

    def section(self, section: Section) -> Iterator[str]:
        if section.title:
            yield from self.title(section)
        rows = [tuple(row) for row in section.rows]
        if not rows:
            return
        if len(section.columns) == 1:
            for (cell,) in rows:
                yield from self.paragraph(cell, section.columns[0].style)
        elif section.top:  # the reading: formulas, and notes about it
            formulas = [(math, "") for word, math in rows if word != "note"]
            yield from self.aligned([_sides(math) for math, _ in formulas])
            for word, sentence in rows:
                if word == "note":
                    yield from self.paragraph(f"note: {sentence}", "note")
        elif len(section.columns) == 7:
            yield from self.edges(rows)
        elif section.columns[1] == FORMULA:
            yield from self.aligned(whole(section.title, rows, self.trace.function, self.words))
        elif any(self.width(cell) > LONG_PROSE for row in rows for cell in row):
            yield from self.sentences(rows)
        else:
            yield from self.table(section, rows)

    # Prose.

    def title(self, section: Section) -> Iterator[str]:
        if self.fragment:
            yield _comment(section.title + (f": {section.remark}" if section.remark else ""))
            return
        yield rf"\subsection*{{{self.words.cell(section.title)}}}" + "\n"
        if section.remark:
            yield f"{self.words.cell(section.remark)}\n"

    def paragraph(self, cell: str, style: str) -> Iterator[str]:
        if self.fragment:
            yield _comment(cell)
            return
        text = self.words.cell(cell)
        bold = style in ("good", "warn", "bad")
        yield "\\par\\medskip " + (rf"\textbf{{{text}}}" if bold else text) + "\n"

    def sentences(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """What is said about edges and nodes: a list."""
        if self.fragment:
            yield from (_comment(": ".join(cell for cell in row if cell)) for row in rows)
            return
        yield "\\begin{itemize}\n"
        for row in rows:
            cells = [self.words.cell(cell) for cell in row if cell]
            yield rf"\item {cells[0]}: {', '.join(cells[1:])}" + "\n"
        yield "\\end{itemize}\n"

    def table(self, section: Section, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Words and numbers."""
        headings = [self.words.cell(column.heading) for column in section.columns]
        head = " & ".join(rf"\emph{{{text}}}" if text else "" for text in headings) + " \\\\\n" if any(headings) else ""
        for start in range(0, len(rows), TABLE):
            yield rf"\par\medskip\begin{{tabular}}{{@{{}}{'l' * len(headings)}}}" + f"\n{head}"
            yield from (" & ".join(map(self.words.cell, row)) + " \\\\\n" for row in rows[start : start + TABLE])
            yield "\\end{tabular}\n"

    # Formulas.

    def width(self, cell: str) -> float:
        return sum(width_of(text) if is_math else 0.47 * len(text) for is_math, text in runs(cell))

    def aligned(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Rows of a name, a formula, and what stands beside it."""
        count = len(rows[0])
        widths = [max(self.width(row[k]) for row in rows) for k in range(count)]
        beside = [k for k in range(2, count) if widths[k]]
        taken = sum(widths[k] + GAP for k in beside)
        names = min(widths[0], ROOM / 3)
        below = ROOM - names - taken < min(widths[1], TIGHT)
        room = ROOM - names - (0 if below else taken)
        groups = (list(self.row(row, room, beside, below)) for row in rows)
        yield from self.environment(groups, 1 if below else 1 + len(beside))

    def row(self, row: Sequence[str], room: float, beside: Sequence[int], below: bool) -> Iterator[str]:
        """A row as lines of an environment: a long formula goes on in the next."""
        name = self.words.bare(row[0])
        pieces = self.broken(row[1], room)
        if self.width(row[0]) > ROOM / 3:  # f of many variables
            yield from (rf"& {piece}" for piece in self.broken(row[0], ROOM - 4))
            pieces = [rf"\quad {piece}" for piece in pieces]
            name = ""
        cells = [self.bare(row[k]) for k in beside]
        for piece in pieces[:-1]:
            yield f"{name} & {piece}".strip()
            name = ""
        if below:
            yield f"{name} & {pieces[-1]}".strip()
            if any(cells):
                yield r"& \qquad " + r" \quad ".join(cell for cell in cells if cell)
            return
        while cells and not cells[-1]:
            cells.pop()
        yield f"{name} & {pieces[-1]}".strip() + "".join(rf" && \qquad {cell}" for cell in cells)

    def bare(self, cell: str) -> str:
        """A cell in mathematical mode; a minus in front is a sign, not a difference."""
        text = self.words.bare(cell)
        return f"{{{text}}}" if text.startswith("-") else text

    def broken(self, cell: str, room: float) -> list[str]:
        """A formula as lines."""
        if self.width(cell) <= room or any(not is_math for is_math, _ in runs(cell)):
            return [self.words.bare(cell)]
        lines = broken(runs(cell)[0][1], room)
        return [self.words.bare(self.words.math(line)) for line in lines]

    def edges(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """The pass backwards: edge, rule, local derivative, what is sent."""
        joined = [
            (edge, f"{code} {rule}", self.side_by_side(partial, value), self.side_by_side(sends, sent))
            for edge, code, rule, partial, value, sends, sent in rows
        ]
        edge, *rest = (max(self.width(row[k]) for row in joined) for k in range(4))
        groups: list[list[str]] = []
        if edge + sum(rest) + 3 * GAP <= ROOM:
            head = (rf"\text{{{word}}}" for word in ("rule", "local derivative", "sends"))
            groups.append([r"& \quad " + r" && \qquad ".join(head)])
            for row in joined:
                name, *cells = map(self.bare, row)
                groups.append([rf"{name} & \quad " + r" && \qquad ".join(cells)])
            yield from self.environment(groups, 3)
            return
        one_line = edge + max(rest[0], rest[1] + 7) + rest[2] + 6 <= ROOM
        for name, rule, partial, sends in joined:
            lines = [rf"{self.bare(name)} & \quad {self.bare(rule)}"]
            first, second = (
                self.labelled(word, cell, ROOM - edge - 10)
                for word, cell in (("local derivative", partial), ("sends", sends))
            )
            if one_line:
                lines.append(rf"& \quad {first[0]} && \qquad {second[0]}")
            else:
                lines += [rf"& \quad {piece}" for piece in (*first, *second)]
            groups.append(lines)
        yield from self.environment(groups, 2)

    def labelled(self, word: str, cell: str, room: float) -> list[str]:
        first, *rest = self.broken(cell, room)
        return [rf"\text{{{word} }} {{{first}}}", *(rf"\qquad {piece}" for piece in rest)]

    def side_by_side(self, formula: str, value: str) -> str:
        both = " ".join(text for cell in (formula, value) for _, text in runs(cell))
        return self.words.math(both)

    def environment(self, groups: Iterable[Sequence[str]], columns: int) -> Iterator[str]:
        """Lines of an `alignat*`, a new one after many; those of a group stay together."""
        lines: list[str] = []
        for group in chain(groups, [[]]):
            if lines and (not group or len(lines) + len(group) > ROWS):
                inside = " \\\\\n".join(lines)
                yield rf"\begin{{alignat*}}{{{columns}}}" + f"\n{inside}\n\\end{{alignat*}}\n"
                lines = []
            lines += group


def whole(title: str, rows: Sequence[Sequence[str]], function: str, words: Print) -> Sequence[Sequence[str]]:
    """Rows of a table; the lonely 0 that a gradient by no variables is, as an equation."""
    if title != "Gradient" or len(rows) != 1 or rows[0][1]:
        return rows
    return [(words.math(rf"\nabla {words.name(function)}"), words.math("= 0"), "")]


def _sides(equation: str) -> tuple[str, str]:
    """An equation as its left side and the rest, split at the first sign that stands alone."""
    pieces = runs(equation)
    left, sign, right = pieces[0][1].partition(" = ") if len(pieces) == 1 else ("", "", "")
    words = LatexWords()
    if not sign:
        return "", equation
    return words.math(left), words.math(f"= {right}")


class _Unit(NamedTuple):
    """What is not broken in itself: its text, its width, and how bad it is to begin a line with it."""

    text: str
    width: float
    penalty: int
    sign: str = ""  # what a line shows that begins with it


def broken(latex: str, room: float) -> list[str]:
    """A formula as lines that are no wider than `room`, if it can be broken; each begins with a sign.

    >>> broken("= a + b - c", 3.0)
    ['= a', '\\\\quad + b', '\\\\quad - c']
    """
    lines: list[str] = []
    line: list[_Unit] = []
    used = 0.0
    for unit in _units(latex):
        line.append(unit)
        used += unit.width
        while used > room and len(line) > 1:
            at = _break(line, room)
            lines.append(" ".join(u.text for u in line[:at]))
            line = line[at:]
            line[0] = line[0]._replace(text=line[0].sign + line[0].text)
            used = 1.0 + sum(u.width for u in line)
    lines.append(" ".join(u.text for u in line))
    return [lines[0], *(rf"\quad {text}" for text in lines[1:])]


def _break(line: Sequence[_Unit], room: float) -> int:
    """The best place to break a line that is full: in its second half, at the sign that binds least."""
    ends: list[float] = []
    used = 0.0
    for unit in line:
        used += unit.width
        ends.append(used)
    fitting = [k for k in range(1, len(line)) if ends[k - 1] <= room] or [1]
    late = [k for k in fitting if ends[k - 1] >= room * 0.45] or fitting
    return min(late, key=lambda k: (line[k].penalty, -k))


_SIGNS = frozenset({"+", "-", "=", r"\cdot", r"\le", r"\ge", "<", ">", r"\land", r"\lor"})
_DOTLESS = frozenset(")]}") | {r"\rvert", r"\rfloor", r"\rceil"}
_NO_FACTOR = _SIGNS | _DOTLESS | frozenset(",;!'^_")


def _units(latex: str) -> Iterator[_Unit]:
    """The pieces between which a formula may be broken: at signs, commas and factors outside of groups."""
    deep = brackets = penalty = 0
    begin, last, end, sign = 0, "", 0, ""
    for match in TOKENS.finditer(latex):
        token = match[0].rstrip()
        wanted = None
        if not deep:
            unary = token == "-" and (not last or last in _SIGNS or last in "([,")
            if token in _SIGNS and not unary and match.start() > begin:
                wanted = 10 * brackets + (2 if token == r"\cdot" else 0)
            elif last == ",":
                wanted = 10 * brackets + 1
            elif match.start() > end and _ends_factor(last) and token not in _NO_FACTOR:
                wanted = 10 * brackets + 3
        if wanted is not None:
            text = latex[begin : match.start()].strip()
            yield _Unit(text, width_of(text), penalty, sign)
            begin, penalty, sign = match.start(), wanted, r"\cdot " if wanted % 10 == 3 else ""
        deep += (token in ("{", r"\left", r"\begin")) - (token in ("}", r"\right", r"\end"))
        brackets += (token == "(") - (token == ")")
        last, end = token, match.end()
    text = latex[begin:].strip()
    yield _Unit(text, width_of(text), penalty, sign)


def _ends_factor(token: str) -> bool:
    return bool(token) and (token in _DOTLESS or token[0].isalnum() or (token[0] == "\\" and token[1:] not in NAMED))
