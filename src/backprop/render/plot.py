"""A plot on a terminal: braille dots by plotille, and everything around them.

Every curve is a layer of dots of its own; in each cell the first layer that has dots there is seen. A tangent comes
after its curve, and is drawn in strokes, so that it is told from it without colours. In ASCII a cell of dots becomes
the sign that looks most like it. plotille is imported when the first plot is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from ..curve import Curve, Drawn, Piece, ticks
from ..field import Field, Mark
from .caption import Caption, dots
from .plain import Line, lay_out

WIDTH, HEIGHT = 80, 22
NARROWEST, LOWEST = 24, 10
REACH = 0.3  # half the length of a tangent, relative to the drawing

# What the parts of a plot look like: a style of `plain`.
CURVE, DERIVATIVE, TANGENT, FRAME, SHADE, MARK = "name", "rule", "number", "remark", "note", "title"


class Signs(NamedTuple):
    """The characters of a plot."""

    corner: str
    bar: str
    tick: str
    line: str
    down: str
    zero_across: str
    zero_up: str
    pole: str
    dot: str
    hole: str
    steep: str
    missing: str
    unknown: str
    shades: str
    arrows: str
    strokes: str  # of tangents where no curve is: for each of '-_|/\\


PRETTY = Signs("└", "│", "┤", "─", "┬", "┄", "┊", "╎", "●", "○", "▒", "╱", "?", " ░▒▓█", "→↗↑↖←↙↓↘", "⎺─⎽│╱╲")
ASCII = Signs("+", "|", "+", "-", "+", ".", ":", "!", "@", "o", "#", "/", "?", " .:*#", ">/^\\</v\\", "******")


# -- cells ---------------------------------------------------------------------------------------------------


class Screen:
    """A part of the page in character cells, for two ranges of numbers; earlier layers lie on top."""

    def __init__(self, columns: int, rows: int, x: tuple[float, float], y: tuple[float, float], signs: Signs) -> None:
        self.columns, self.rows, self.x, self.y, self.signs = columns, rows, x, y, signs
        self.layers: list[tuple[str, Any]] = []
        self.below: dict[tuple[int, int], tuple[str, str]] = {}  # (row, column) -> sign and style
        self.marks: dict[tuple[int, int], tuple[str, str]] = {}

    def column(self, x: float) -> int:
        """The column of a place; it may lie outside."""
        return math.floor((x - self.x[0]) / (self.x[1] - self.x[0]) * self.columns)

    def row(self, y: float) -> int:
        """The row, from the top."""
        return self.rows - 1 - math.floor((y - self.y[0]) / (self.y[1] - self.y[0]) * self.rows)

    def holds(self, x: float, y: float) -> bool:
        """Whether a place is on the screen, its edges included."""
        return self.x[0] <= x <= self.x[1] and self.y[0] <= y <= self.y[1]

    def layer(self, style: str) -> Layer:
        """A new layer of dots."""
        from plotille import Canvas

        width, height = 2 * self.columns, 4 * self.rows
        canvas = Canvas(self.columns, self.rows, xmin=0, ymin=0, xmax=width, ymax=height)
        self.layers.append((style, canvas))
        return Layer(self, canvas)

    def mark(self, x: float, y: float, sign: str, style: str) -> None:
        """One sign at a place, above everything else."""
        if self.holds(x, y):
            row, column = min(max(self.row(y), 0), self.rows - 1), min(self.column(x), self.columns - 1)
            self.marks[row, column] = (sign, style)

    def lines(self) -> list[Line]:
        """The rows from the top."""
        layers = [(style, canvas.plot(linesep="\n").split("\n")) for style, canvas in self.layers]
        found: list[Line] = []
        for row in range(self.rows):
            cells = []
            for column in range(self.columns):
                dots, style = 0, ""
                for name, text in layers:
                    code = ord(text[row][column]) - 0x2800
                    if code and not dots:
                        dots, style = code, name
                cell = (self._sign(dots, style), style) if dots else self.below.get((row, column), (" ", ""))
                cells.append(self.marks.get((row, column), cell))
            found.append([("".join(sign for sign, _ in run), style) for style, run in
                          ((s, list(g)) for s, g in groupby(cells, key=lambda cell: cell[1]))])  # fmt: skip
        return found

    def _sign(self, dots: int, style: str) -> str:
        if style == TANGENT:
            return self.signs.strokes["'-_|/\\".index(ascii_sign(dots))]
        return chr(0x2800 + dots) if self.signs is PRETTY else ascii_sign(dots)


_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille cell, from the top


def ascii_sign(dots: int) -> str:
    r"""The ASCII character that looks most like a cell of braille dots.

    >>> "".join(map(ascii_sign, (0x09, 0x12, 0xC0, 0x47, 0x58, 0x83)))
    "'-_|/\\"
    """
    left = [row for row, bits in enumerate(_BITS) if dots & bits[0]]
    right = [row for row, bits in enumerate(_BITS) if dots & bits[1]]
    rows = left + right
    if max(rows) - min(rows) >= 2:
        lean = (sum(left) / len(left) - sum(right) / len(right)) if left and right else 0.0
        return "|" if abs(lean) < 0.8 else "/" if lean > 0 else "\\"
    return "'--_"[round(sum(rows) / len(rows))]


class Layer:
    """Dots of one style."""

    def __init__(self, screen: Screen, canvas: Any) -> None:
        self.screen, self.canvas = screen, canvas

    def line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A line, as far as it is on the screen."""
        screen = self.screen
        clipped = clip(x0, y0, x1, y1, screen.x, screen.y)
        if clipped is not None:
            across = (2 * screen.columns - 1) / (screen.x[1] - screen.x[0])
            up = (4 * screen.rows - 1) / (screen.y[1] - screen.y[0])
            u0, v0, u1, v1 = clipped
            self.canvas.line((u0 - screen.x[0]) * across, (v0 - screen.y[0]) * up,
                             (u1 - screen.x[0]) * across, (v1 - screen.y[0]) * up)  # fmt: skip

    def piece(self, piece: Piece) -> None:
        """A part of a curve."""
        xs, ys = piece.x.tolist(), piece.y.tolist()
        if len(xs) == 1:
            self.line(xs[0], ys[0], xs[0], ys[0])
        for k in range(len(xs) - 1):
            self.line(xs[k], ys[k], xs[k + 1], ys[k + 1])


def clip(
    x0: float, y0: float, x1: float, y1: float, x: tuple[float, float], y: tuple[float, float]
) -> tuple[float, float, float, float] | None:
    """The part of a segment inside a rectangle (Liang and Barsky, 1984); None if there is none.

    >>> clip(-1, 0, 1, 2, (0, 1), (0, 1))
    (0.0, 1.0, 0.0, 1.0)
    """
    first, last = 0.0, 1.0
    dx, dy = x1 - x0, y1 - y0
    for p, q in ((-dx, x0 - x[0]), (dx, x[1] - x0), (-dy, y0 - y[0]), (dy, y[1] - y0)):
        if p == 0:
            if q < 0:
                return None
        elif p < 0:
            first = max(first, q / p)
        else:
            last = min(last, q / p)
    return None if first > last else (x0 + first * dx, y0 + first * dy, x0 + last * dx, y0 + last * dy)


# -- a page --------------------------------------------------------------------------------------------------


class Page:
    """A plot as lines."""

    def __init__(self, plot: Curve | Field, *, width: int, height: int, ascii: bool) -> None:
        self.plot, self.ascii = plot, ascii
        self.signs = ASCII if ascii else PRETTY
        self.caption = Caption(plot, ascii=ascii)
        self.width, self.height = width, height
        self.margin = 0

    def lines(self) -> Iterator[Line]:
        """All of it: what is drawn, the plot, the tangents, the remarks."""
        yield from lay_out([self.caption.header()], width=self.width, ascii=self.ascii)
        yield []
        yield from self._curve(self.plot) if isinstance(self.plot, Curve) else self._field(self.plot)
        yield []
        yield from lay_out(self.caption.sections(), width=self.width, ascii=self.ascii)
        yield from lay_out([self.caption.verdict()], width=self.width, ascii=self.ascii)

    # Curves.

    def _curve(self, curve: Curve) -> Iterator[Line]:
        first, second = curve.functions
        upper, lower = panel_rows(self.height)
        labels = [self._labels(d.range, rows) for d, rows in ((first, upper), (second, lower))]
        self.margin = max(len(text) for found in labels for text in found.values())
        columns = self.width - self.margin - 1
        for drawn, rows, found in ((first, upper, labels[0]), (second, lower, labels[1])):
            yield self._heading(self.caption.symbol(drawn.order), CURVE if drawn is first else DERIVATIVE)
            screen = Screen(columns, rows, curve.range, drawn.range, self.signs)
            self._draw(screen, curve, drawn)
            yield from self._framed(screen, found)
            if drawn is first:
                yield self._strip(screen, curve)
        yield from self._axis(Screen(columns, 1, curve.range, (0, 1), self.signs))

    def _draw(self, screen: Screen, curve: Curve, drawn: Drawn) -> None:
        signs, main = self.signs, drawn.order == 0
        style = CURVE if main else DERIVATIVE
        self._zero(screen)
        for place in drawn.breaks:
            if place.kind == "pole" and curve.range[0] <= place.at <= curve.range[1]:
                column = min(screen.column(place.at), screen.columns - 1)
                for row in range(screen.rows):
                    screen.below[row, column] = (signs.pole, FRAME)
        layer = screen.layer(style)
        for piece in drawn.pieces:
            layer.piece(piece)
        if main:
            tangents = screen.layer(TANGENT)
            for tangent in curve.tangents:
                if tangent.segment is not None:
                    tangents.line(*tangent.segment)
        for x, y, closed in dots(drawn):
            screen.mark(x, y, signs.dot if closed else signs.hole, style)
        for tangent in curve.tangents:
            height = tangent.y if main else tangent.angle if drawn.order == 1 else math.nan
            screen.mark(tangent.x, height, signs.dot, TANGENT)

    def _zero(self, screen: Screen) -> None:
        if screen.y[0] < 0 < screen.y[1]:
            for column in range(screen.columns):
                screen.below[screen.row(0), column] = (self.signs.zero_across, FRAME)
        if screen.x[0] < 0 < screen.x[1]:
            for row in range(screen.rows):
                screen.below.setdefault((row, screen.column(0)), (self.signs.zero_up, FRAME))

    def _strip(self, screen: Screen, curve: Curve) -> Line:
        """Below the curve: where it is steep, where it has no value."""
        cells = [(" ", "")] * screen.columns
        groups: list[tuple[Sequence[tuple[float, float]], str, str]] = [
            (curve.steep.spans if curve.steep else [], self.signs.steep, SHADE),
            ([(m.low, m.high) for m in curve.functions[0].missing], self.signs.missing, FRAME),
            (curve.functions[0].unknown, self.signs.unknown, FRAME),
        ]
        for spans, sign, style in groups:
            for low, high in spans:
                for column in range(max(0, screen.column(low)), min(screen.columns, screen.column(high) + 1)):
                    cells[column] = (sign, style)
        runs = [(style, list(run)) for style, run in groupby(cells, key=lambda cell: cell[1])]
        found = [("".join(sign for sign, _ in run), style) for style, run in runs]
        return [(" " * self.margin + self.signs.bar, FRAME), *found]

    # Fields.

    def _field(self, field: Field) -> Iterator[Line]:
        x, y = field.ranges
        rows = max(LOWEST - 2, self.height - 3)
        labels = self._labels(y, rows)
        self.margin = max(map(len, labels.values()), default=1)
        columns = self.width - self.margin - 1
        if field.equal:  # a cell is twice as high as it is wide
            fitting = 2 * (x[1] - x[0]) / (y[1] - y[0])
            rows, columns = min(rows, max(4, round(columns / fitting))), min(columns, max(8, round(rows * fitting)))
            labels = self._labels(y, rows)
        screen = Screen(columns, rows, x, y, self.signs)
        if field.relation:
            self._zero(screen)
        else:
            self._shade(screen, field)
        layer = screen.layer(CURVE)
        for level in field.levels if field.relation else ():
            for segment in level.segments.tolist():
                layer.line(*segment)
        tangents = screen.layer(TANGENT)
        places = [(one.x, one.y, one.segment) for one in field.tangents]
        for x0, y0, segment in places + [(one.x, one.y, one.segment) for one in field.marks]:
            if segment is not None:
                tangents.line(*segment)
            screen.mark(x0, y0, self.signs.dot, TANGENT)
        for mark in field.marks:
            self._gradient(screen, mark)
        yield self._heading(self.caption.name(field.variables[1]), FRAME)
        yield from self._framed(screen, labels)
        yield from self._axis(screen)
        if not field.relation:
            yield []
            yield from self._legend()

    def _legend(self) -> Iterator[Line]:
        """What the shades mean."""
        bounds = self.caption.bounds(len(self.signs.shades) - 1)
        text = f"{self.caption.function}:  {self.signs.shades[0] * 2}"
        for bound, sign in zip(bounds, self.signs.shades[1:]):
            text += f" {self.caption.short(bound)} {sign * 2}"
        yield [(text, FRAME)]

    def _shade(self, screen: Screen, field: Field) -> None:
        """Every cell by the level below its value, and the gradients' directions."""
        bounds = self.caption.bounds(len(self.signs.shades) - 1)
        bottom, top = field.ranges[1]
        for row in range(screen.rows):
            y = top - (top - bottom) * (row + 0.5) / screen.rows
            k = min(len(field.up) - 1, round((y - bottom) / (top - bottom) * (len(field.up) - 1)))
            for column in range(screen.columns):
                share = (column + 0.5) / screen.columns
                value = float(field.values[k, min(len(field.across) - 1, round(share * (len(field.across) - 1)))])
                if math.isnan(value):
                    screen.below[row, column] = (self.signs.missing, FRAME)
                else:
                    screen.below[row, column] = (self.signs.shades[sum(b <= value for b in bounds)], FRAME)
        for arrow in field.arrows[:: 2 if screen.columns < 45 else 1]:
            column, row = screen.column(arrow.x), screen.row(arrow.y)
            for beside in (column - 1, column + 1):
                if (row, beside) in screen.below:
                    screen.below[row, beside] = (" ", "")
            screen.mark(arrow.x, arrow.y, self.signs.arrows[self._eighth(screen, arrow.dx, arrow.dy)], CURVE)

    def _eighth(self, screen: Screen, dx: float, dy: float) -> int:
        """A direction as it looks on the screen: a number from 0, to the right, to 7, counterclockwise."""
        u = dx / (screen.x[1] - screen.x[0]) * screen.columns
        v = dy / (screen.y[1] - screen.y[0]) * screen.rows * 2  # a cell is twice as high as it is wide
        return round(math.atan2(v, u) / (math.pi / 4)) % 8

    def _gradient(self, screen: Screen, mark: Mark) -> None:
        """The gradient at a marked point: an arrow beside it."""
        if mark.arrow is None or not screen.holds(mark.x, mark.y):
            return
        eighth = self._eighth(screen, mark.arrow.dx, mark.arrow.dy)
        angle = eighth * math.pi / 4
        row, column = (
            screen.row(mark.y) - round(1.2 * math.sin(angle)),
            screen.column(mark.x) + round(2.4 * math.cos(angle)),
        )
        if 0 <= row < screen.rows and 0 <= column < screen.columns:
            screen.marks[row, column] = (self.signs.arrows[eighth], TANGENT)

    # Frames.

    def _heading(self, text: str, style: str) -> Line:
        return [(" " * max(0, self.margin + 1 - len(text)) + self.caption.name(text), style)]

    def _labels(self, range: tuple[float, float], rows: int) -> dict[int, str]:
        """The rows that have a number."""
        screen = Screen(1, rows, (0, 1), range, self.signs)
        for least in (3, 2, 1):
            values = ticks(*range, max(least, rows // 3), least)
            found = {screen.row(v): self.caption.short(v) for v in values if 0 <= screen.row(v) < rows}
            if len(found) == len(values):
                break
        return found

    def _framed(self, screen: Screen, labels: Mapping[int, str]) -> Iterator[Line]:
        for row, line in enumerate(screen.lines()):
            label = labels.get(row, "").rjust(self.margin)
            yield [(label, FRAME), (self.signs.tick if row in labels else self.signs.bar, FRAME), *line]

    def _axis(self, screen: Screen) -> Iterator[Line]:
        """The axis with its numbers."""
        cells, below = [self.signs.line] * screen.columns, [" "] * (screen.columns + 8)
        last = -2
        for value in ticks(*screen.x, max(3, screen.columns // 9)):
            column, text = min(screen.column(value), screen.columns - 1), self.caption.short(value)
            start = max(0, min(column - len(text.lstrip("−-")) // 2 - (text[0] in "−-"), screen.columns - len(text)))
            cells[column] = self.signs.down
            if start > last:
                below[start : start + len(text)] = text
                last = start + len(text)
        variable = self.plot.variable if isinstance(self.plot, Curve) else self.plot.variables[0]
        name = self.caption.name(variable)
        if len(name) <= self.margin:
            yield [(" " * self.margin + self.signs.corner + "".join(cells), FRAME)]
            yield [(name.rjust(self.margin) + " " + "".join(below).rstrip(), FRAME)]
        else:
            yield [(" " * self.margin + self.signs.corner + "".join(cells), FRAME)]
            yield [(" " * (self.margin + 1) + "".join(below).rstrip(), FRAME)]


def panel_rows(height: int) -> tuple[int, int]:
    """The rows of the function and of its derivative."""
    rows = max(LOWEST, height) - 5
    lower = max(2, round(rows * 0.36))
    return max(2, rows - lower), lower


def page_size(width: int, height: int) -> tuple[float, float]:
    """The size of the drawing of a function in dots, which are as high as they are wide."""
    return 2.0 * max(8, width - 7), 4.0 * panel_rows(height)[0]


def field_size(width: int, height: int) -> tuple[float, float]:
    """The same of a plot of two variables."""
    return 2.0 * max(8, width - 6), 4.0 * max(LOWEST - 2, height - 3)


def render(plot: Curve | Field, *, width: int = WIDTH, height: int = HEIGHT, ascii: bool = False) -> Iterator[Line]:
    """The lines of a plot."""
    return Page(plot, width=max(NARROWEST, width), height=max(LOWEST, height), ascii=ascii).lines()
