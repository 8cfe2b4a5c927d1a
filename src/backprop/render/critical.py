"""Critical points as a section of rows: see `trace`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..critical import CriticalPoint, CriticalPoints
from ..errors import BackpropError
from ..evaluate import value_text
from ..expr import PRETTY
from ..parser import parse
from .trace import Column, Section
from .words import Words


def critical_sections(found: CriticalPoints, *, ascii: bool = False, words: Words | None = None) -> Iterator[Section]:
    """The points with their value, kind and reason, and how they were found.

    >>> from backprop.critical import critical_points
    >>> from .modes import render_sections
    >>> print(render_sections(critical_sections(critical_points("x^3 - 3x"))))
    <BLANKLINE>
    Critical points   (f' = 0, or f has no derivative)
      x = −1  f = 2   maximum  f'' = −6 < 0
      x = 1   f = −2  minimum  f'' = 6 > 0
    <BLANKLINE>
    complete: solved by elimination: f' is 0 at roots of polynomials only, and all of them are isolated
    """
    words = words or Words(ascii)
    columns = (Column("", "math"), Column("", "number"), Column("", "name"), Column("", "rule", True))
    if found.points:
        rows = [_row(found, point, words) for point in found.points]
        alone = len(found.wrt) == 1
        function = words.math(words.name(found.function))
        slope = words.math(f"{words.name(found.function)}' = 0")
        remark = f"{slope}, or {function} has no derivative" if alone else "where the gradient is 0"
        yield Section("Critical points", remark, columns, rows)
    else:
        yield Section("Critical points", "", (Column("", "math"),), [("none was found",)])
    how = f"complete: {found.how}" if found.complete else found.how
    notes = [(how,), *((words.prose(f"note: {_signs(note, words)}"),) for note in found.notes)]
    yield Section("", "", (Column("", "note"),), notes)


def _row(found: CriticalPoints, point: CriticalPoint, words: Words) -> Sequence[str]:
    free = [name for name, text in point.at.items() if text == name and name in found.wrt]
    place = [f"{words.name(name)} = {formula(text, words)}" for name, text in point.at.items() if name not in free]
    at = ", ".join([*map(words.math, place), *(f"any {words.math(words.name(name))}" for name in free)])
    if point.exact is None:
        rounded = value_text(point.value, min(found.digits, 8))
        value = None if rounded is None else words.figure(rounded)
    else:
        value = formula(point.exact, words)
    shown = "" if value is None else words.math(f"{words.name(found.function)} = {value}")
    return at, shown, point.kind, words.prose(_signs(point.reason, words))


def formula(text: str, words: Words) -> str:
    """A text of the input language in these words."""
    try:
        node = parse(text)
    except BackpropError:
        return words.figure(text) if words.printed else text  # a decimal with an exponent, say
    return words.expression(node.graph, node.position)


def _signs(text: str, words: Words) -> str:
    """Minus signs as this style writes them."""
    return text if words.ascii or words.style is not PRETTY else text.replace("-", "−").replace("**", "^")


__all__ = ["critical_sections", "formula"]
