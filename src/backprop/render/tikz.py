r"""A compute graph for TeX: a document that pdflatex compiles, or the picture alone, for a document that uses TikZ.

The places are those of `layout`, in points; nothing is left to TeX but to set the formulas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import ceil
from textwrap import wrap

from ..errors import visible
from ..layout import Edge, Layout, Shape, Spacing, lay_out
from ..notation import escape_latex, latex_name, number_latex, width_of
from ..picture import Box, Picture, Wire

UNIT = 4  # points: what the layout counts in, so that no bend is smaller
HEIGHT, LINE, PORT = 20, 11, 8  # of a frame, of a line of small print, between wires that come in; in points
SPACING = Spacing(apart=2, track=2, lead=2, tail=3, least=5)
LARGEST = 14_000.0  # points: a page of PDF has no more, and TeX knows no length above 16383
LONGEST = 200  # characters of a text; what is longer is cut

DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath,amssymb,tikz}
\usetikzlibrary{arrows.meta}
\begin{document}
\newsavebox\drawing
\begin{lrbox}\drawing
%(picture)s\end{lrbox}
%% One page, as large as the picture.
\ifdefined\pdfpagewidth\else\let\pdfpagewidth\pagewidth\let\pdfpageheight\pageheight\fi
\pdfpagewidth=\dimexpr\wd\drawing+20pt\relax
\pdfpageheight=\dimexpr\ht\drawing+\dp\drawing+20pt\relax
\hoffset=-1in \voffset=-1in
\shipout\vbox{\kern10pt\hbox{\kern10pt\usebox\drawing}}
\end{document}
"""

STYLES = r"""  x=1pt, y=-1pt, line width=0.5pt, every node/.style={inner sep=0pt, outer sep=0pt},
  box/.style={draw=black!80, rounded corners=3pt, font=\normalsize},
  variable box/.style={fill=blue!8}, constant box/.style={fill=black!4, densely dashed},
  operation box/.style={fill=white}, output box/.style={fill=red!8}, fold box/.style={fill=green!8, densely dashed},
  point box/.style={draw=none}, now box/.style={fill=yellow!40}, waiting box/.style={draw=black!25, text=black!40},
  small/.style={font=\footnotesize}, waiting small/.style={text=black!40},
  value/.style={text=blue!60!black, small}, adjoint/.style={text=red!70!black, small},
  about/.style={small, align=left, anchor=north west, text=black!70},
  wire/.style={draw=black!65, rounded corners=3pt, -{Stealth[length=4pt]}},
  waiting wire/.style={draw=black!25}, now wire/.style={draw=red!70!black, line width=1.2pt}"""


def render(picture: Picture, *, direction: str = "right", fragment: bool = False) -> str:
    r"""The picture as a LaTeX document, or with `fragment` as a `tikzpicture` alone.

    `direction` is "right" (value above a box, adjoint below it) or "down" (both beside it). The packages needed
    are TikZ with its library arrows.meta, and amsmath and amssymb. Whatever the texts contain, they are text.

    >>> from backprop.derivation import derive
    >>> from backprop.picture import draw
    >>> text = render(draw(derive("y = x + 2"), style="variables"), fragment=True)
    >>> print(*(line for line in text.splitlines() if line.startswith((r"\draw", r"\node[box"))), sep="\n")
    \draw[wire] (20,12) -- (64,12);
    \node[box, variable box, minimum width=20pt, minimum height=20pt] at (10,12) {$x$};
    \node[box, output box, minimum width=20pt, minimum height=20pt] at (74,12) {$y$};
    """
    body = _Drawing(picture, direction == "down").text()
    if fragment:
        return "% needs \\usepackage{amsmath,amssymb,tikz} and \\usetikzlibrary{arrows.meta}\n" + body
    return DOCUMENT % {"picture": body}


class _Drawing:
    """One picture with its sizes and places."""

    def __init__(self, picture: Picture, down: bool) -> None:
        self.picture, self.down = picture, down
        self.number = {box.key: k for k, box in enumerate(picture.boxes)}
        self.entering = dict.fromkeys(self.number, 0)
        for wire in picture.wires:
            self.entering[wire.target] += 1
        self.sizes = [self._size(box) for box in picture.boxes]
        self.labels: list[Wire] = []
        self.edges: list[Edge] = []
        known: dict[tuple[str, str, str, str], int] = {}
        for wire in picture.wires:  # wires from one operand that say the same say it once
            said = (wire.source, wire.label, wire.value, wire.adjoint)
            label = -1
            if any(said[1:]):
                label = known.setdefault(said, len(self.labels))
                if label == len(self.labels):
                    self.labels.append(wire)
            self.edges.append(Edge(self.number[wire.source], self.number[wire.target], wire.slot, label))
        ordered = frozenset(self.number[key] for key in picture.ordered)
        shapes = [self._shape(box, *size) for box, size in zip(picture.boxes, self.sizes)]
        self.lengths = [UNIT * shape.length for shape in shapes]
        self.layout: Layout = lay_out(
            shapes, list(map(self._label_shape, self.labels)), self.edges, ordered, spacing=SPACING
        )

    # Sizes.

    def _size(self, box: Box) -> tuple[int, int]:
        """Width and height of a frame: room for its text, and for the wires that come in."""
        width = max(HEIGHT, _width(_math(box.label), 10.0) + 10)
        ports = 2 * (PORT * (self.entering[box.key] // 2) + 5)
        return (max(width, ports), HEIGHT) if self.down else (width, max(HEIGHT, ports))

    def _shape(self, box: Box, width: int, height: int) -> Shape:
        late = box.kind == "constant"
        texts = [_width(_math(text), 8.0) for text in (box.value, box.adjoint) if text]
        if self.down:
            return _shape(height, width / 2, width / 2 + max(texts, default=0) + 4, late)
        beside = max([width, *texts])
        above, below = (LINE + 2 if text else 0 for text in (box.value, box.adjoint))
        return _shape(beside, height / 2 + above, height / 2 + below, late)

    def _label_shape(self, wire: Wire) -> Shape:
        rows = [text for text in (wire.label, wire.value, wire.adjoint) if text]
        width = max(_width(_math(text), 8.0) for text in rows)
        if self.down:
            return _shape(LINE * len(rows), 1, width + 5)
        above = LINE * bool(wire.label) + LINE * bool(wire.value)
        return _shape(width + 4, above + 1, LINE * bool(wire.adjoint) + 1)

    # Text.

    def text(self) -> str:
        """The tikzpicture."""
        size = float(UNIT * max(self.layout.length, self.layout.breadth, 1))
        scale = f",\n  scale={LARGEST / size:.4f}, transform shape" if size > LARGEST else ""
        lines = [r"\begin{tikzpicture}[", STYLES + scale + "]", *self._wires(), *self._boxes(), *self._names()]
        lines += self._about()
        return "\n".join([*lines, r"\end{tikzpicture}", ""])

    def _at(self, along: float, across: float) -> str:
        x, y = (across, along) if self.down else (along, across)
        return f"({x:g},{y:g})"

    def _wires(self) -> Iterator[str]:
        for wire, units in zip(self.picture.wires, self.layout.wires, strict=True):
            path = [(UNIT * along, UNIT * across) for along, across in units]
            style = "wire" + (f", {wire.state} wire" if wire.state in ("now", "waiting") else "")
            target = self.number[wire.target]
            along, across = path[-1]
            into = along + self._inset(target)
            corners = [(path[0][0] - self._inset(self.number[wire.source]), path[0][1]), *path[1:-1], (into, across)]
            yield rf"\draw[{style}] {' -- '.join(self._at(*corner) for corner in corners)};"

    def _inset(self, box: int) -> float:
        """How far the frame of a box is from the end of its shape, which the longest of its texts determines."""
        if self.down:
            return 0
        return (self.lengths[box] - self.sizes[box][0]) / 2

    def _boxes(self) -> Iterator[str]:
        layout = self.layout
        for k, (box, (width, height)) in enumerate(zip(self.picture.boxes, self.sizes, strict=True)):
            along, across = UNIT * layout.boxes[k][0], UNIT * layout.boxes[k][1]
            style = f"box, {box.kind} box" + (f", {box.state} box" if box.state in ("now", "waiting") else "")
            middle = along + self.lengths[k] / 2
            frame = f"minimum width={width}pt, minimum height={height}pt"
            yield rf"\node[{style}, {frame}] at {self._at(middle, across)} {{{_formula(box.label)}}};"
            grey = ", waiting small" if box.state == "waiting" else ""
            beside = across + width / 2 + 4
            if self.down:
                rows = [("value", box.value), ("adjoint", box.adjoint)]
                yield from self._rows([row for row in rows if row[1]], middle, beside, grey)
                continue
            if box.value:
                at = self._at(middle, across - height / 2 - 3)
                yield rf"\node[value, anchor=base] at {at} {{{_formula(box.value)}}};"
            if box.adjoint:
                at = self._at(middle, across + height / 2 + LINE - 1)
                yield rf"\node[adjoint{grey}, anchor=base] at {at} {{{_formula(box.adjoint)}}};"

    def _names(self) -> Iterator[str]:
        """What stands on wires: above them, and what flows back below."""
        for wire, (along, row) in zip(self.labels, self.layout.labels, strict=True):
            middle, across = UNIT * (along + self._label_shape(wire).length / 2), UNIT * row
            grey = ", waiting small" if wire.state == "waiting" else ""
            rows = [("value", wire.value), (f"small{grey}", wire.label), ("adjoint", wire.adjoint)]
            rows = [row for row in rows if row[1]]
            if self.down:
                yield from self._rows(rows, middle, across + 4, "")
                continue
            place = across - 3 - LINE * (bool(wire.value) + bool(wire.label) - 1)
            for style, text in rows:
                if text is rows[-1][1] and style == "adjoint":
                    place = across + LINE - 1
                yield rf"\node[{style}, anchor=base] at {self._at(middle, place)} {{{_formula(text)}}};"
                place += LINE

    def _rows(self, rows: list[tuple[str, str]], middle: float, beside: float, more: str) -> Iterator[str]:
        """Lines of small print beside a box, or a wire that leads down."""
        for k, (style, text) in enumerate(rows):
            place = middle + LINE * (k - (len(rows) - 1) / 2) + 3
            yield rf"\node[{style}{more}, anchor=base west] at {self._at(place, beside)} {{{_formula(text)}}};"

    def _about(self) -> Iterator[str]:
        """Equation, caption, remarks and legend, below the picture."""
        picture, layout = self.picture, self.layout
        length, breadth = UNIT * layout.length, UNIT * layout.breadth
        width, height = (breadth, length) if self.down else (length, breadth)
        columns = max(48, min(110, width // 4))
        rows = [_formula(picture.title)]
        rows += _lines((picture.caption, *picture.remarks, picture.legend), columns)
        yield rf"\node[about] at (0,{height + 12}) {{{(chr(92) * 2 + chr(10)).join(rows)}}};"


def _shape(length: float, before: float, after: float, late: bool = False) -> Shape:
    """A shape in units of the layout, from points."""
    return Shape(ceil(length / UNIT), ceil(before / UNIT), ceil(after / UNIT), 0, PORT // UNIT, late)


def _lines(texts: Iterable[str], columns: int) -> Iterator[str]:
    for text in texts:
        for row in wrap(_line(text), columns):
            yield escape_latex(row)


def _line(text: str) -> str:
    return " ".join(visible(text).split())


# -- formulas ------------------------------------------------------------------------------------------


def _formula(text: str) -> str:
    return f"${_math(text)}$"


def _width(latex: str, size: float) -> int:
    return round(width_of(latex) * size)


_TOKEN = re.compile(
    r"(?P<bar>[^\W\d_]\u0304\d*)|(?P<name>[^\W\d_⁰¹²³⁴⁵⁶⁷⁸⁹][^\W⁰¹²³⁴⁵⁶⁷⁸⁹]*)|(?P<number>\d+(?:\.\d+)?(?:e[-−]?\d+)?)|(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)"
    r"|(?P<prime>'+)|(?P<power>\^)|(?P<space>\s+)|(?P<sign>.)",
    re.DOTALL,
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SIGNS = {
    "·": r"\cdot ", "×": r"\times ", "÷": r"\div ", "−": "-", "√": r"\surd ", "∂": r"\partial ", "→": r"\to ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∞": r"\infty ", "…": r"\ldots ", "*": r"\ast ",
} | {sign: sign for sign in "+-=<>/,.!()[]|:;?"}  # fmt: skip

_WORDS = frozenset("if else and or not operations".split())


def _math(text: str) -> str:
    r"""A short formula, as the trace prints it, in LaTeX; what is no part of a formula is there as text.

    >>> _math("v2/v4"), _math("−x²·e^(y^2)"), _math("\\input{a}")
    ('v_{2}/v_{4}', '-x^{2}\\cdot e^{(y^{2})}', '\\mbox{\\textbackslash{}}\\mathrm{input}\\mbox{\\{}a\\mbox{\\}}')
    """
    line = _line(text)
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(line)]
    out: list[str] = []
    groups: list[int] = []  # for each open bracket, how many exponents it is in
    exponents = 0  # of the present bracket, that are open
    raised = False  # the last token was an exponent: another one needs something to stand on
    for k, (kind, token) in enumerate(tokens):
        following = tokens[k + 1][0] if k + 1 < len(tokens) else ""
        if kind in ("power", "raised", "prime") and raised:
            out.append("{}")
        raised = False
        if kind == "power":
            out.append("^{")
            exponents += 1
            continue
        if kind == "raised":
            out.append(f"^{{{token.translate(_RAISED)}}}")
        elif kind == "prime":
            out.append(token)
        elif kind == "space":
            beside = {word for _, word in tokens[max(k - 1, 0) : k + 2]}
            out.append(r"\ " if beside & _WORDS or {"(", ")"} <= beside else " ")
            continue
        elif kind == "bar":
            out.append(rf"\bar{{{latex_name(token[0])}}}" + (f"_{{{token[2:]}}}" if token[2:] else ""))
        elif kind == "name":
            out.append(latex_name(token))
        elif kind == "number":
            out.append(number_latex(token.replace("−", "-")))
        else:
            out.append(_SIGNS.get(token) or rf"\mbox{{{escape_latex(token)}}}")
        if token == "(":
            groups.append(exponents)
            exponents = 0
            continue
        if token == ")":
            out.append("}" * exponents)
            exponents = groups.pop() if groups else 0
        raised = kind in ("raised", "prime")
        if exponents and following not in ("power", "raised", "prime"):
            out.append("}" * exponents)
            exponents, raised = 0, True
    out.append("}" * (exponents + sum(groups)))
    return "".join(out)
