"""What is drawn of a function of two variables, or of a relation between two: level lines, gradients, tangents.

Level lines come from a grid: where the function crosses the level between two neighbours, the crossing is searched on
the line between them, so that the points of a level line have its value. A change of sign at a pole is no crossing.
Values and gradients at given points are exact.

This module imports NumPy and is itself imported only where something is plotted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, evaluate_arrays, nearest
from .curve import Curve, Range, Tangent, View, check_size, draw_curve, ends, put_in, ticks, value_at, window_of
from .derivation import Derivation
from .domains import Domain
from .errors import UsageError, visible
from .evaluate import Value, set_precision, sign_of_difference, to_ball
from .expr import LEAVES, Graph, to_text
from .implicit import Relation
from .linear import approximate
from .numeric import exact_derivatives
from .reverse import backpropagate
from .tidy import Tidy
from .values import parse_value

GRID = (281, 217)  # places at which the function is looked at
LEVELS = 10  # level lines, about
ARROWS = (13, 9)  # gradients that are drawn
_ROUNDS = 30  # of the search for a crossing
_HALVES = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
_GROWN = 200.0


class Level(NamedTuple):
    """The line on which the function has a value: segments as rows (x, y, x, y)."""

    value: float
    segments: Array


class Arrow(NamedTuple):
    """The gradient at a place: its direction as a unit vector, and its size relative to the largest one shown."""

    x: float
    y: float
    dx: float
    dy: float
    size: float


class Mark(NamedTuple):
    """A point with its gradient and the tangent of the level line through it.

    gradient  exact, None where there is none
    equation  the tangent of the level line as a node, equal to 0; None if there is none
    arrow     the gradient; `segment`, the tangent as drawn: see `curve.Tangent`
    """

    at: Mapping[str, Value]
    value: Value
    gradient: Mapping[str, Value]
    equation: int | None
    x: float
    y: float
    arrow: Arrow | None
    segment: tuple[float, float, float, float] | None
    why: str


class Field(NamedTuple):
    """A plot of two variables.

    relation  whether it is a relation: then there is one level, 0, and points have tangents
    across    the values of the first variable, `up` those of the second; `values`: a row for each of `up`, nan where
              the function has none
    shown     the range of values that the levels cover
    missing   the share of the window in which the function has no value
    """

    derivation: Derivation
    variables: tuple[str, str]
    ranges: tuple[Range, Range]
    relation: bool
    across: Array
    up: Array
    values: Array
    shown: Range
    levels: list[Level]
    arrows: list[Arrow]
    marks: list[Mark]
    tangents: list[Tangent]
    missing: float
    ratio: float
    equal: bool
    fixed: Mapping[str, str]


def draw(derivation: Derivation, variables: Sequence[str], view: View) -> Curve | Field:
    """What is to be drawn: a curve of one variable, level lines of two, the curve of a relation.

    >>> from backprop.derivation import derive
    >>> field = draw(derive("x^2 - y^2"), ["x", "y"], View(points=[{"x": 2, "y": 1}]))
    >>> field.marks[0].gradient, field.relation
    ({'x': 4, 'y': -2}, False)
    """
    if len(variables) == 1 and derivation.kind != "implicit":
        return draw_curve(derivation, variables[0], view)
    return _Painter(derivation, variables, view).field()


class Chosen(NamedTuple):
    """Which variables are plotted, the values (as text) of the others, and the points at which something is drawn."""

    variables: list[str]
    fixed: dict[str, str]
    points: list[dict[str, Value]]


def choose(derivation: Derivation, given: Sequence[Mapping[str, str]], wrt: Sequence[str] = ()) -> Chosen:
    """Tells from the values that a user gave, one mapping for each `--at`, what is to be plotted.

    What has no value is plotted; if everything has one, all of it is. A variable with several values is
    plotted, and has a point at each. Errors: `UsageError` unless one or two variables are left.

    >>> from backprop.derivation import derive
    >>> choose(derive("a x^2"), [{"a": "2"}, {"x": "1"}, {"x": "3"}])
    Chosen(variables=['x'], fixed={'a': '2'}, points=[{'x': 1}, {'x': 3}])
    """
    equation, graph = derivation.equation, derivation.graph
    relation = derivation.kind == "implicit"
    occurring = graph.variables([derivation.answer.difference if relation else derivation.root])
    occurring = occurring or list(derivation.wrt) or ["x"]
    own = {d.name: to_text(graph, d.value) for d in equation.definitions if d.given and d.name in occurring}
    values: dict[str, list[str]] = {name: [] for name in occurring}
    for point in given:
        for name, text in point.items():
            if name in values and text not in values[name]:
                values[name].append(text)
            elif name not in values:
                derivation.note(f"{visible(name)} has a value but does not occur")
    variables = _plotted(occurring, values, own, list(wrt), given, derivation)
    fixed = {}
    for name in occurring:
        if name in variables:
            continue
        if len(values[name]) > 1:
            raise UsageError(f"{visible(name)} has two values", hint="only a variable that is plotted has several")
        fixed[name] = values[name][0] if values[name] else own.get(name, "")
    points: list[dict[str, Value]] = []
    for point in given:
        at = {name: parse_value(text) for name, text in point.items() if name in variables}
        missing = [name for name in variables if name not in at]
        if at and missing and not (relation and missing == [derivation.answer.dependent]):
            raise UsageError("a point has a value for each of the two variables that are plotted",
                             hint=f"--at {','.join(f'{visible(name)}=1' for name in variables)}")  # fmt: skip
        if at and at not in points:
            points.append(at)
    return Chosen(variables, fixed, points)


def _plotted(
    occurring: Sequence[str],
    values: Mapping[str, Sequence[str]],
    own: Mapping[str, str],
    wrt: list[str],
    given: Sequence[Mapping[str, str]],
    derivation: Derivation,
) -> list[str]:
    """The variables of a plot: see `choose`."""
    relation = derivation.kind == "implicit"
    if wrt:
        variables = [*wrt, derivation.answer.dependent] if relation and len(wrt) == 1 else wrt
    elif derivation.equation.parameters:
        variables = list(derivation.equation.parameters)
    else:
        several = [name for name in occurring if len(values[name]) > 1]
        free = [name for name in occurring if not values[name] and name not in own]
        variables = [name for name in occurring if name in several or name in free]
        if relation and len(variables) < 2:
            names = [name for name in occurring if name not in own]
            variables = (
                names if len(names) == 2 else [n for n in names if n in (*variables, derivation.answer.dependent)]
            )
        elif not variables:
            variables = [name for name in occurring if name not in own] or list(occurring)
            if len(variables) > 1 and all(len(point) == 1 for point in given) and "x" in variables:
                variables = ["x"]
    if not wrt and sorted(variables) == ["x", "y"]:
        variables = ["x", "y"]  # as everybody draws them: also of atan2(y, x)
    without = [name for name in occurring if name not in variables and not values[name] and name not in own]
    wanted = 2 if relation else 1
    if without or not wanted <= len(variables) <= 2:
        rest = without or variables[2 if len(variables) > 2 else 0 :]
        text = ", ".join(map(visible, without or variables))
        if relation and len(variables) < 2 and not without:
            raise UsageError("a relation is plotted over two variables", hint="leave one more without a value")
        raise UsageError(
            f"a plot shows one variable or two; there is no value for {text}",
            hint=f"--at {','.join(f'{visible(name)}=1' for name in rest)}",
        )
    return variables


class _Painter:
    """The work on one field."""

    def __init__(self, derivation: Derivation, variables: Sequence[str], view: View) -> None:
        self.derivation, self.graph, self.view = derivation, derivation.graph, view
        self.relation = derivation.kind == "implicit"
        x, y = variables
        if self.relation and x == derivation.answer.dependent:
            x, y = y, x
        self.x, self.y = x, y
        root = derivation.answer.difference if self.relation else derivation.root
        gradient = backpropagate(self.graph, root, [x, y]).gradient
        self.root, *self.partials = put_in(self.graph, [root, gradient[x], gradient[y]], view.fixed)
        check_size(self.graph, [self.root, *self.partials])
        self.at = grid_function(self.graph, self.root, x, y)

    def field(self) -> Field:
        """Everything."""
        points = [whole for p in self.view.points for whole in self._whole(p)]
        places = [(nearest(p[self.x]), nearest(p[self.y])) for p in points]
        (left, right), (bottom, top), equal = self._ranges(places)
        across, up = np.linspace(left, right, GRID[0]), np.linspace(bottom, top, GRID[1])
        values = self.at(across[None, :], up[:, None])
        sx, sy = self.view.size[0] / (right - left), self.view.size[1] / (top - bottom)
        if equal:
            sx = sy = min(sx, sy)
        shown, wanted = ((0.0, 0.0), [0.0]) if self.relation else levels_of(values)
        levels = [Level(v, level_line(self.at, across, up, values, v)) for v in wanted]
        half = self.view.reach * min(self.view.size[0], 1.3 * self.view.size[1])
        arrows = [] if self.relation else self._arrows((left, right), (bottom, top))
        largest = max((math.hypot(*self._gradient(a.x, a.y)) for a in arrows), default=1.0)
        marks = [] if self.relation else [self._mark(p, half, sx, sy, largest) for p in points]
        tangents = [self._tangent(p, half, sx, sy) for p in points] if self.relation else []
        missing = float(np.mean(~np.isfinite(values)))
        return Field(self.derivation, (self.x, self.y), ((left, right), (bottom, top)), self.relation, across, up,
                     values, shown, levels, arrows, marks, tangents, 0.0 if missing < 0.002 else missing, sx / sy,
                     equal, dict(self.view.fixed))  # fmt: skip

    # -- the window --------------------------------------------------------------------------------------

    def _ranges(self, points: Sequence[tuple[float, float]]) -> tuple[Range, Range, bool]:
        """The ranges of both variables, and whether both have the same scale."""
        for name in self.view.ranges:
            if name not in (self.x, self.y):
                raise UsageError(f"{visible(name)} is not in the plot", hint=f"--range {visible(self.x)}=-3..5")
        given = [self.view.ranges.get(name) for name in (self.x, self.y)]
        known = [ends(g, name) if g is not None else None for g, name in zip(given, (self.x, self.y))]
        x, y = known
        if x is None or y is None:
            chosen = self._around_curve(points, x, y) if self.relation else self._around(points, x, y)
            x, y = x or chosen[0], y or chosen[1]
        spans = (x[1] - x[0], y[1] - y[0])
        width, height = self.view.size
        equal = self.view.equal
        if equal is None:
            equal = 0.25 <= spans[0] / spans[1] * height / width <= 3
        if equal and None in known:
            scale = min(width / spans[0], height / spans[1])
            if known[0] is None:  # a drawing may be narrower than its page
                x = _widened(x, min(width / scale, 1.3 * spans[0]))
            if known[1] is None:
                y = _widened(y, min(height / scale, 1.3 * spans[1]))
        return x, y, equal

    def _around(self, points: Sequence[tuple[float, float]], x: Range | None, y: Range | None) -> tuple[Range, Range]:
        """Windows of both variables, each found along two lines on which the other has a value in the middle."""
        graph, found = self.graph, []
        for k, (name, other, partial) in enumerate(
            [(self.x, self.y, self.partials[0]), (self.y, self.x, self.partials[1])]
        ):
            known = (y, x)[k]
            middle = sum(known) / 2 if known else points[0][1 - k] if points else 0.3
            fixed = {other: f"{middle + 0.0718281828:.9f}"}
            root, slope = put_in(graph, [self.root, partial], fixed)
            found.append(window_of(graph, [root, slope], name, (), 7))
        spans = [high - low for low, high in found]
        if max(spans) < 8 * min(spans):
            found = [_widened(r, math.sqrt(spans[0] * spans[1])) for r in found]
        for share in _HALVES:
            small = [_widened(r, share * (r[1] - r[0])) for r in found]
            if self._height(small) <= _GROWN * max(1.0, self._height([_widened(r, (r[1] - r[0]) / 5) for r in found])):
                break
        for k, r in enumerate(small):
            for p in points:
                pad = 0.25 * (r[1] - r[0])
                r = min(r[0], p[k] - pad), max(r[1], p[k] + pad)
            found[k] = r
        return found[0], found[1]

    def _height(self, ranges: Sequence[Range]) -> float:
        xs, ys = (np.linspace(low, high, 40) for low, high in ranges)
        values = np.abs(self.at(xs[None, :], ys[:, None]))
        values = values[np.isfinite(values)]
        return float(np.quantile(values, 0.95)) if len(values) else 0.0

    def _around_curve(
        self, points: Sequence[tuple[float, float]], x: Range | None, y: Range | None
    ) -> tuple[Range, Range]:
        """A window that holds the curve of a relation if it is bounded, else the part of it nearest to the middle."""
        t = np.sinh(np.linspace(-7.3, 7.3, 301)) * 0.7
        xs = t if x is None else np.linspace(*x, 301)
        ys = t if y is None else np.linspace(*y, 301)
        values = self.at(xs[None, :] + 1e-7, ys[:, None] - 1e-7)
        segments = level_line(self.at, xs, ys, values, 0.0)
        ends_ = segments.reshape(-1, 2)
        far = float(np.max(np.abs(ends_))) if len(ends_) else 0.0
        if len(ends_) and (far < 0.5 * t[-1] or x is not None or y is not None):
            found = [(float(ends_[:, k].min()), float(ends_[:, k].max())) for k in (0, 1)]
        else:
            half = 5.0
            if len(ends_):
                half = max(5.0, 3 * float(np.min(np.hypot(ends_[:, 0], ends_[:, 1]))))
            found = [(-half, half), (-half, half)]
        for p in points:
            found = [(min(r[0], p[k]), max(r[1], p[k])) for k, r in enumerate(found)]
        least = max(high - low for low, high in found) / 4 or 2.0
        found = [_widened(r, 1.25 * max(r[1] - r[0], least)) for r in found]
        return found[0], found[1]

    # -- points ------------------------------------------------------------------------------------------

    def _whole(self, point: Mapping[str, Value]) -> list[Mapping[str, Value]]:
        """A point; of a relation without the dependent variable, all points that the curve has there."""
        if self.y in point or not self.relation:
            return [point]
        fixed = {name: parse_value(text) for name, text in self.view.fixed.items()}
        relation = Relation(self.derivation.equation, [self.x], self.y)
        roots, complete = relation.solutions({**fixed, self.x: point[self.x]})
        if not roots:
            none = "the curve has no point there" if complete else "no point of the curve was found there"
            raise UsageError(f"{none}: {visible(self.x)} = {nearest(point[self.x]):.6g}", hint="choose another point")
        return [{**point, self.y: root} for root in roots]

    def _gradient(self, x: float, y: float) -> tuple[float, float]:
        found = evaluate_arrays(self.graph, self.graph.reachable(self.partials), {self.x: x, self.y: y})
        gx, gy = (float(found[i]) for i in self.partials)
        return gx, gy

    def _arrows(self, x: Range, y: Range) -> list[Arrow]:
        """Gradients on a coarse grid."""
        xs, ys = (low + (high - low) * (np.arange(n) + 0.5) / n for (low, high), n in zip((x, y), ARROWS))
        across, up = (a.ravel() for a in np.meshgrid(xs, ys))
        exists = np.isfinite(self.at(across, up))
        found = evaluate_arrays(self.graph, self.graph.reachable(self.partials), {self.x: across, self.y: up})
        gx, gy = (np.broadcast_to(np.asarray(found[i], dtype=float), across.shape) for i in self.partials)
        size = np.hypot(gx, gy)
        known = exists & np.isfinite(size) & (size > 0)
        largest = float(np.quantile(size[known], 0.98)) if known.any() else 1.0
        known &= size > 1e-9 * largest
        return [
            Arrow(float(a), float(b), float(u / s), float(v / s), min(1.0, float(s / largest)))
            for a, b, u, v, s in zip(across[known], up[known], gx[known], gy[known], size[known])
        ]

    def _values(self, point: Mapping[str, Value]) -> tuple[dict[str, Value], Value, dict[str, Value], list[str]]:
        at = {self.x: point[self.x], self.y: point[self.y]}
        value = value_at(self.graph, self.root, at, self.derivation.digits)
        slopes, notes = exact_derivatives(self.graph, self.root, [self.x, self.y], at)
        return at, value, slopes, notes

    def _line(self, at: Mapping[str, Value], slopes: Mapping[str, Value]) -> int | None:
        """The tangent of the level line: gradient · (place − point), which is 0 on it."""
        if any(s is None for s in slopes.values()) or all(sign_of_difference(s, 0) == 0 for s in slopes.values()):
            return None
        found = approximate(self.graph, 0, slopes, at, self.derivation.digits)
        return None if found is None else found.collected

    def _mark(self, point: Mapping[str, Value], half: float, sx: float, sy: float, largest: float) -> Mark:
        at, value, slopes, notes = self._values(point)
        x, y = nearest(at[self.x]), nearest(at[self.y])
        gx, gy = (nearest(slopes[name]) for name in (self.x, self.y))
        size = math.hypot(gx, gy)
        equation = self._line(at, slopes)
        arrow = segment = None
        if equation is not None and math.isfinite(size) and size > 0:
            arrow = Arrow(x, y, gx / size, gy / size, min(1.0, size / largest))
            segment = _along(x, y, -gy, gx, half, sx, sy)
        flat = "the gradient is 0: the level line has no tangent here"
        why = "" if equation is not None else notes[0] if notes else flat
        return Mark(at, value, slopes, equation, x, y, arrow, segment, why)

    def _tangent(self, point: Mapping[str, Value], half: float, sx: float, sy: float) -> Tangent:
        """The tangent of a relation's curve, with the slope dy/dx = −F_x/F_y."""
        at, value, slopes, notes = self._values(point)
        x, y = nearest(at[self.x]), nearest(at[self.y])
        if value is None or sign_of_difference(value, 0) in (1, -1):
            raise UsageError(
                f"the point {visible(self.x)} = {x:.6g}, {visible(self.y)} = {y:.6g} is not on the curve",
                hint=f"leave {visible(self.y)} out to have it found",
            )
        tidy = Tidy(self.graph)
        gx, gy = slopes[self.x], slopes[self.y]
        if gx is None or gy is None or (sign_of_difference(gx, 0) == 0 and sign_of_difference(gy, 0) == 0):
            why = notes[0] if notes else "both partials are 0 here: the curve may cross itself"
            return Tangent(at, at[self.y], None, None, x, y, math.nan, None, why)
        if sign_of_difference(gy, 0) == 0:
            segment = _along(x, y, 0.0, 1.0, half, sx, sy)
            return Tangent(at, at[self.y], None, None, x, y, math.inf, segment, "the tangent is vertical")
        slope = _quotient(self.graph, tidy, gx, gy)
        found = approximate(self.graph, at[self.y], {self.x: slope}, at, self.derivation.digits)
        segment = _along(x, y, nearest(gy), -nearest(gx), half, sx, sy)
        return Tangent(at, at[self.y], slope, None if found is None else found.collected, x, y, nearest(slope),
                       segment, "")  # fmt: skip


def _quotient(graph: Graph, tidy: Tidy, gx: Value, gy: Value) -> Value:
    """−gx/gy, exact if both are rational."""
    if isinstance(gx, int | Fraction) and isinstance(gy, int | Fraction):
        found = -Fraction(gx) / Fraction(gy)
        return found.numerator if found.denominator == 1 else found
    previous = set_precision(300)
    try:
        return -to_ball(gx) / to_ball(gy)
    finally:
        set_precision(previous)


def _along(
    x: float, y: float, dx: float, dy: float, half: float, sx: float, sy: float
) -> tuple[float, float, float, float]:
    """A segment with a point in its middle, `half` on the page to both sides."""
    size = math.hypot(dx * sx, dy * sy)
    u, v = dx * half / size, dy * half / size
    return x - u, y - v, x + u, y + v


def _widened(given: Range, span: float) -> Range:
    """A range around the same middle."""
    middle = (given[0] + given[1]) / 2
    return middle - span / 2, middle + span / 2


# -- level lines ---------------------------------------------------------------------------------------------


def grid_function(graph: Graph, root: int, x: str, y: str) -> Callable[[Any, Any], Array]:
    """The values of a node over arrays; nan where a condition of the table fails, whatever is computed there."""
    domain = Domain(graph, [root])
    nodes = graph.nodes

    def at(xs: Any, ys: Any) -> Array:
        values = evaluate_arrays(graph, domain.all, {x: xs, y: ys})
        shape = np.broadcast_shapes(np.shape(xs), np.shape(ys))
        exists: dict[int, Any] = {}
        for position in domain.order:
            key = nodes[position]
            if key[0] in LEAVES:
                exists[position] = True
            elif key[0] == "where":
                chosen = np.where(values[key[1]], exists[key[2]], exists[key[3]])
                exists[position] = np.logical_and(exists[key[1]], chosen)
            else:
                found: Any = True
                for i in key[1:]:
                    found = np.logical_and(found, exists[i])
                if position in domain.conditions:
                    found = np.logical_and(found, values[domain.conditions[position]])
                exists[position] = found
        result: Array = np.where(exists[root], np.broadcast_to(np.asarray(values[root], dtype=float), shape), np.nan)
        return np.where(np.isfinite(result), result, np.nan)

    return at


def levels_of(values: Array) -> tuple[Range, list[float]]:
    """Round values for level lines: evenly spaced, or at growing distances from the bottom of a steep valley at 0.

    >>> levels_of(np.linspace(0.0, 10.0, 101))[1]
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return (0.0, 1.0), []
    low, q, middle, p, high = np.quantile(known, [0, 0.02, 0.5, 0.98, 1]).tolist()
    low, high = (low if q - low < 2 * (p - q) else q), (high if high - p < 2 * (p - q) else p)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return (low, high), [low]
    above, below = high - middle, middle - low
    if max(above, below) > 6 * min(above, below):
        base, sign = (low, 1) if above > below else (high, -1)
        if abs(base) < (high - low) / 1000:
            top = math.floor(math.log10(high - low))
            sizes = [m * 10.0**k for k in range(top - 2, top + 1) for m in (1, 3)]
            return (low, high), sorted(float(f"{sign * s:.6g}") for s in sizes if s < high - low)
        low, high = np.quantile(known, [0.05, 0.95]).tolist()
    inner = [v for v in ticks(low, high, LEVELS) if low + 1e-3 * (high - low) < v < high - 1e-3 * (high - low)]
    return (low, high), inner


def level_line(at: Callable[[Any, Any], Array], across: Array, up: Array, values: Array, level: float) -> Array:
    """The segments of a level line in the cells of a grid, as rows (x, y, x, y)."""
    above = np.where(np.isfinite(values), np.where(values >= level, 1, -1), 0)
    xs, ys = np.broadcast_to(across[None, :], values.shape), np.broadcast_to(up[:, None], values.shape)
    flat = _crossings(at, level, xs, ys, values, above, 1)  # between neighbours in a row
    steep = _crossings(at, level, xs, ys, values, above, 0)
    # The four sides of a cell: bottom, right, top, left.
    sides = np.stack([flat[:-1], steep[:, 1:], flat[1:], steep[:, :-1]], axis=2)
    hit = np.isfinite(sides[..., 0])
    count = hit.sum(axis=2)
    found: list[Array] = []
    rows, columns = np.nonzero(count == 2)
    if len(rows):
        order = np.argsort(~hit[rows, columns], axis=1, kind="stable")[:, :2]
        ends_ = sides[rows[:, None], columns[:, None], order]
        found.append(ends_.reshape(-1, 4))
    rows, columns = np.nonzero(count == 4)
    if len(rows):  # a saddle: the middle of the cell tells which corners belong together
        middle = at((across[columns] + across[columns + 1]) / 2, (up[rows] + up[rows + 1]) / 2)
        same = (np.where(middle >= level, 1, -1) == above[rows, columns])[:, None]
        cell = sides[rows, columns]
        first = np.where(same, cell[:, [0, 1]].reshape(-1, 4), cell[:, [0, 3]].reshape(-1, 4))
        second = np.where(same, cell[:, [2, 3]].reshape(-1, 4), cell[:, [1, 2]].reshape(-1, 4))
        found += [first, second]
    return np.concatenate(found) if found else np.empty((0, 4))


def _crossings(
    at: Callable[[Any, Any], Array], level: float, xs: Array, ys: Array, values: Array, above: Array, axis: int
) -> Array:
    """The places (x, y) between neighbours along an axis at which the level is crossed; nan where it is not."""
    head = (slice(None), slice(None, -1)) if axis else (slice(None, -1), slice(None))
    tail = (slice(None), slice(1, None)) if axis else (slice(1, None), slice(None))
    result = np.full((*above[head].shape, 2), np.nan)
    rows, columns = np.nonzero(above[head] * above[tail] < 0)
    if not len(rows):
        return result
    ax, ay, bx, by = (grid[part][rows, columns] for part in (head, tail) for grid in (xs, ys))
    fa, fb = values[head][rows, columns] - level, values[tail][rows, columns] - level
    size = np.maximum(np.abs(fa), np.abs(fb))
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    sign = np.sign(fa) + (fa == 0)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        value = at(ax + (bx - ax) * middle, ay + (by - ay) * middle) - level
        same = np.where(value >= 0, 1, -1) == sign
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    t = (low + high) / 2
    x, y = ax + (bx - ax) * t, ay + (by - ay) * t
    rest = np.abs(at(x, y) - level)
    smooth = np.isfinite(rest) & (rest <= 1e-5 * size + 1e-300)  # at a pole or a jump it is no smaller than beside
    result[rows[smooth], columns[smooth], 0] = x[smooth]
    result[rows[smooth], columns[smooth], 1] = y[smooth]
    return result


__all__ = ["Arrow", "Chosen", "Field", "Level", "Mark", "View", "choose", "draw", "level_line", "levels_of"]
