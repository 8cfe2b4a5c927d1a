"""The linear approximation at a point: the tangent line of a curve, the tangent plane of a surface.

Near a point p a function is f(p) + Σ ∂f/∂x·(x − p_x), up to an error that vanishes faster than the
distance from p. The line touches the curve there: its slope is the value of the derivative.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from .evaluate import Exact, Value, operate, set_precision, value_text
from .expr import Graph
from .tidy import Tidy


class Approximation(NamedTuple):
    """A linear function, as nodes: `around` the point, 18*(x - 1) + 27, and `collected`, 18*x + 9."""

    around: int
    collected: int


def approximate(
    graph: Graph, value: Value, slopes: Mapping[str, Value], point: Mapping[str, Value], digits: int = 15
) -> Approximation | None:
    """The linear function with this value and these slopes at the point; None if one does not exist.

    Numbers stay exact where they are rational or a multiple of pi; others have `digits` digits.
    """
    if value is None or any(slope is None or name not in point for name, slope in slopes.items()):
        return None
    tidy = Tidy(graph)
    previous = set_precision(int(3.4 * digits) + 60)
    try:
        constant = value
        around: list[int] = []
        collected: list[int] = []
        for name, slope in slopes.items():
            variable, factor = graph.variable(name), _number(graph, slope, digits)
            constant = operate("sub", constant, operate("mul", slope, point[name]))
            place = _number(graph, point[name], digits)
            key = graph.nodes[factor]
            negative = key[0] == "num" and key[1] < 0
            factor = tidy.neg(factor) if negative else factor
            for terms, moved in ((around, tidy.sub(variable, place)), (collected, variable)):
                term = tidy.mul(factor, moved)
                terms.append(graph.node("neg", term) if negative and slope != 0 else term)
        around.append(_number(graph, value, digits))
        collected.append(_number(graph, constant, digits))
    finally:
        set_precision(previous)
    return Approximation(tidy.sum(around), tidy.sum(collected))


def _number(graph: Graph, value: Value, digits: int) -> int:
    """A value as a node: exact if it is, else as the decimal that is printed."""
    if isinstance(value, (int, Fraction)):
        return graph.number(value)
    tidy = Tidy(graph)
    if isinstance(value, Exact):
        base = graph.intern((value.kind,))
        if value.kind == "pi":
            return tidy.mul(graph.number(value.q), base)
        return base if value.q == 1 else graph.node("exp", graph.number(value.q))
    text = value_text(value, digits) or "0"
    return graph.number(Fraction(text), text)
