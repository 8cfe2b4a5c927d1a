r"""How a trace says things: names, expressions, numbers, derivatives. Prose stays prose; what is mathematics goes
through the methods of a `Words`, of which there is one for text and one for each kind of print.

A cell of a trace is a string in which mathematics is marked (`Words.math`); `runs` takes it apart again, and
`cell` of the words for print gives the finished markup. In text nothing is marked: a cell is what is shown. All
words for print write LaTeX inside; MathML is translated from it at the end.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from ..errors import visible
from ..expr import ASCII, PRETTY, Graph, Style, fresh_prefix, to_text
from ..notation import (
    Written,
    escape_html,
    escape_latex,
    in_ascii,
    latex_spelling,
    mathml,
    number_latex,
    parts,
    translate,
    write,
)
from ..passes import ALONG

# Around mathematics in a cell. No text that a user typed contains them: `visible` has shown them as U+0002.
BEGIN, END = "\x02", "\x03"

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def runs(cell: str) -> list[tuple[bool, str]]:
    """A cell as pieces: whether it is mathematics, and the text.

    >>> runs("from \\x02v_{1}\\x03, product")
    [(False, 'from '), (True, 'v_{1}'), (False, ', product')]
    """
    found = []
    for k, piece in enumerate(re.split(f"[{BEGIN}{END}]", cell)):
        if piece:
            found.append((k % 2 == 1, piece))
    return found


class Words:
    """The words of plain text: pretty, or ASCII only."""

    printed = False  # whether cells are marked

    def __init__(self, ascii: bool = False) -> None:
        self.ascii = ascii
        self.style: Style = ASCII if ascii else PRETTY
        self.arrow = "->" if ascii else "→"
        self.times = self.tight = "*" if ascii else "·"  # between spaces, and without
        self.dots = "..." if ascii else "…"

    def math(self, text: str) -> str:
        """Marks what is mathematics."""
        return text

    def prose(self, text: str) -> str:
        """A sentence from elsewhere."""
        return text

    def name(self, name: str) -> str:
        """A name."""
        return name

    def rate(self, name: str, text: str) -> str:
        """The name of a variable that is a rate: dx/dt for dx_dt."""
        return text

    def expression(self, graph: Graph, position: int, names: Mapping[int, str] | None = None, required: int = 0) -> str:
        """A node, itself written out; see `expr.to_text`."""
        return to_text(graph, position, self.style, names, required)

    def call(self, function: str, arguments: Iterable[str]) -> str:
        """f(x, y), of arguments that are written already."""
        return f"{function}({', '.join(arguments)})"

    def bar(self, name: str) -> str:
        """The name of an adjoint: v̄4."""
        if not self.ascii and re.fullmatch(r"[^\W\d_][\d_]*", name):
            return f"{name[0]}\u0304{name[1:]}"
        return f"bar({name})"

    def dot(self, name: str) -> str:
        """The name of a tangent: v̇4."""
        if not self.ascii and re.fullmatch(r"[^\W\d_][\d_]*", name):
            return f"{name[0]}\u0307{name[1:]}"
        return f"dot({name})"

    def figure(self, text: str) -> str:
        """A number, with the sign of this style."""
        return text if self.ascii else text.replace("-", "−")

    def number(self, text: str | None) -> str:
        """A value behind its sign; nothing if there is none."""
        return "" if text is None else f"= {self.figure(text)}"

    def partial(self, of: str, by: Sequence[str], alone: bool = False) -> str:
        """∂²f/∂x∂y; D f along a direction.

        >>> Words().partial("f", ["x", "x", "y"]), Words(ascii=True).partial("f", ["x"])
        ('∂³f/∂x²∂y', 'df/dx')
        """
        runs = [(name, len(list(group))) for name, group in groupby(by)]
        if not runs:
            return of
        if runs[0][0] == ALONG:
            (_, order), *runs = runs
            of, by = f"D{self.raised(order)} {of}", by[order:]
            if not runs:
                return of
            of = f"({of})"
        d = "d" if alone or self.ascii else "∂"
        below = "".join(f"{d}{name}{self.raised(n)}" for name, n in runs)
        return f"{d}{self.raised(len(by))}{of}/{below}"

    def partial_of(self, of: str, by: str) -> str:
        """The derivative of what is written already, which may be one itself: ∂(∂f/∂x)/∂v1."""
        return self.partial(of if "/" not in of else f"({of})", [by])

    def minus_quotient(self, above: str, below: str) -> str:
        """−(∂F/∂x) / (∂F/∂y)."""
        return f"{self.style.minus}({above}) / ({below})"

    def raised(self, n: int) -> str:
        """An exponent; nothing for 1."""
        return "" if n == 1 else f"^{n}" if self.ascii else str(n).translate(_RAISED)

    def final(self, text: str) -> str:
        """Safe to show: no control characters, and in ASCII nothing else."""
        if SIMPLE.fullmatch(text) and not (self.ascii and not text.isascii()):
            return text
        text = visible(text)
        return _transliterate(text) if self.ascii and not text.isascii() else text

    def gap(self) -> str:
        """Room for what someone is to fill in."""
        return "________"

    def reserve(self, names: Iterable[str]) -> None:
        """Tells which names are taken."""

    def where(self) -> list[tuple[str, str]]:
        """The names that were given to parts of formulas since the last call, with what they stand for."""
        return []


class Print(Words):
    """The words of print. Inside, everything is LaTeX; `cell` makes of a cell what a page shows.

    What is wider or higher than `width` (em) and `height` (lines) is written with names for its parts; ask `where`
    for them once a section is written.
    """

    printed = True
    width, height, depth = 30.0, 7.0, 24

    def __init__(self) -> None:
        super().__init__()
        self.arrow, self.times, self.tight, self.dots = r"\to", r"\cdot", r" \cdot ", r"\ldots"
        self._spelled: dict[str, str] = {}  # how it is written -> the name
        self._prefix, self._count = "q", 0
        self._parts: dict[int, dict[int, str]] = {}  # by graph
        self._new: list[tuple[str, str]] = []

    def math(self, text: str) -> str:
        """Marks what is mathematics."""
        return f"{BEGIN}{text}{END}" if text else ""

    def prose(self, text: str) -> str:
        """A sentence from elsewhere, which cannot end a mark."""
        return visible(text)

    def spell(self, name: str) -> str:
        """A name; if another one looks the same (x1 and x_1), exactly as it was typed."""
        if type(name) is Written:
            return name
        written = latex_spelling(name)
        if self._spelled.setdefault(written, name) == name:
            return written
        return latex_spelling(name, exactly=True)

    def name(self, name: str) -> Written:
        """A name."""
        return Written(self.spell(name))

    def rate(self, name: str, text: str) -> str:
        """dx_dt is written as a fraction anyway."""
        return self.name(name)

    def expression(self, graph: Graph, position: int, names: Mapping[int, str] | None = None, required: int = 0) -> str:
        """A node, itself written out, with names for parts that are too large."""
        known = self._parts.setdefault(id(graph), {})
        names = names or {}
        both: Mapping[int, str] = _joined(names, known)
        found = parts(graph, position, both, self.width, self.height, self.depth)
        for part in found:
            self._count += 1
            known[part] = f"{self._prefix}{self._count}"
        if found:
            both = _joined(names, known)
            for part in found:
                formula = write(graph, part, both, spell=self.spell)
                self._new.append((self.math(self.name(known[part])), self.math(f"= {formula}")))
        return write(graph, position, both, required, self.spell)

    def call(self, function: str, arguments: Iterable[str]) -> Written:
        """f(x, y), of arguments that are written already."""
        inside = ", ".join(arguments)
        left, right = (r"\left(", r"\right)") if r"\frac" in inside else ("(", ")")
        return Written(f"{self.name(function)}{left}{inside}{right}")

    def _accent(self, sign: str, name: str) -> str:
        written = self.name(name)
        letter = re.fullmatch(r"(\w|\\(?!mathrm|frac)[a-zA-Z]+)(_\{.*\})?", written)
        if letter is None:
            return rf"\overline{{{written}}}" if sign == r"\bar" else rf"\mathrm{{D}} {written}"
        return f"{sign}{{{letter[1]}}}{letter[2] or ''}"

    def bar(self, name: str) -> str:
        """The name of an adjoint."""
        return self._accent(r"\bar", name)

    def dot(self, name: str) -> str:
        """The name of a tangent."""
        return self._accent(r"\dot", name)

    def figure(self, text: str) -> str:
        """A number."""
        return number_latex(text)

    def partial(self, of: str, by: Sequence[str], alone: bool = False) -> str:
        r"""A derivative as a fraction.

        >>> Print().partial("f", ["x", "x", "y"])
        '\\frac{\\partial^{3} f}{\\partial x^{2} \\partial y}'
        """
        of = self.name(of)
        runs = [(name, len(list(group))) for name, group in groupby(by)]
        if runs and runs[0][0] == ALONG:
            (_, order), *runs = runs
            of, by = rf"\mathrm{{D}}{self.raised(order)} {of}", by[order:]
            of = f"({of})" if runs else of
        if not runs:
            return of
        d = r"\mathrm{d}" if alone else r"\partial "
        below = " ".join(f"{d}{self.name(name)}{self.raised(n)}" for name, n in runs)
        above = f"{d.rstrip()}{self.raised(len(by))}"
        if r"\frac" in of:
            return rf"\frac{{{above}}}{{{below}}} {of}"
        return rf"\frac{{{above} {of}}}{{{below}}}"

    def partial_of(self, of: str, by: str) -> str:
        """The derivative of what is written already."""
        return self.partial(Written(of), [by])

    def minus_quotient(self, above: str, below: str) -> str:
        """A quotient of two derivatives, with a minus."""
        return rf"-\frac{{{above}}}{{{below}}}"

    def raised(self, n: int) -> str:
        """An exponent; nothing for 1."""
        return "" if n == 1 else f"^{{{n}}}"

    def gap(self) -> str:
        r"""Room for what someone is to fill in: a document that has gaps defines \gap."""
        return r"\gap"

    def reserve(self, names: Iterable[str]) -> None:
        """Tells which names are taken."""
        names = list(names)
        self._prefix = fresh_prefix(names, "qrpkhgmn")
        for name in names:
            self.spell(name)

    def where(self) -> list[tuple[str, str]]:
        """The names that were given to parts of formulas since the last call, with what they stand for."""
        new, self._new = self._new, []
        return new

    def cell(self, cell: str) -> str:
        """The finished markup of a cell."""
        return "".join(self.finished(text) if is_math else self.escaped(text) for is_math, text in runs(cell))

    def finished(self, latex: str) -> str:
        """Mathematics in a line of prose."""
        raise NotImplementedError

    def escaped(self, prose: str) -> str:
        """Prose in which nothing is markup."""
        raise NotImplementedError


def _joined(names: Mapping[int, str], known: dict[int, str]) -> Mapping[int, str]:
    """Both; a node that has a name already keeps it."""
    if not known:
        return names
    return ChainMap(names if isinstance(names, dict) else dict(names), known)


class LatexWords(Print):
    """The words of LaTeX documents."""

    def finished(self, latex: str) -> str:
        """Between dollars."""
        return f"${in_ascii(latex)}$"

    def escaped(self, prose: str) -> str:
        """Without commands."""
        return escape_latex(prose)

    def bare(self, cell: str) -> str:
        """A cell in mathematical mode: what is prose stands as text in it."""
        pieces = runs(cell)
        return "".join(in_ascii(text) if is_math else rf"\text{{{escape_latex(text)}}}" for is_math, text in pieces)


class MathmlWords(Print):
    """The words of pages in HTML."""

    width, height, depth = 60.0, 9.0, 24

    def finished(self, latex: str) -> str:
        """A <math> in a line."""
        return mathml(translate(latex))

    def escaped(self, prose: str) -> str:
        """Without markup."""
        return escape_html(prose)


# Characters that are known to be one column wide, but for the macron and the dot over a letter, which have none.
SIMPLE = re.compile(
    "[\x20-\x7e\xa1-\xac\xae-\u02ff\u0304\u0307\u0370-\u0377\u0391-\u03ff\u2010-\u2027\u2030-\u205e"
    "\u2070-\u209c\u2190-\u22ff\u2713\u2717]*"
)


def _transliterate(text: str) -> str:
    """Greek letters by their names, everything else by its number."""
    from unicodedata import name, normalize

    out = []
    for c in normalize("NFKD", text):
        if c.isascii():
            out.append(c)
            continue
        called = name(c, "")
        if called.startswith("GREEK") and " LETTER " in called:
            letter = called.rpartition(" ")[2].lower()
            out.append(letter.capitalize() if "CAPITAL" in called else letter)
        else:
            out.append(_SIGNS.get(c) or f"U+{ord(c):04X}")
    return "".join(out)


_SIGNS = {"·": "*", "×": "*", "−": "-", "√": "sqrt", "∂": "d", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=",
          "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "÷": "/",
          "\u0304": "", "\u0307": ""}  # fmt: skip
