"""What is drawn of a function of one variable: the curve and its derivative, tangents, gaps, steep parts.

A `Curve` holds all that a renderer needs, in the units of the function: renderers compute nothing but where a point
lies on their page. What can be exact is: slopes and tangents come from the derivation, and where the curve may be drawn
through comes from `breaks`, which proves it. The rest are samples in double precision, as dense as the curve bends.

This module imports NumPy and is itself imported only where something is plotted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, Program, nearest
from .breaks import Break, Course, Limit, Window, name_of, runs
from .derivation import Derivation
from .domains import Domain, Line
from .errors import LimitError, UsageError, visible
from .evaluate import Value, evaluate, to_ball
from .expr import Graph
from .linear import approximate
from .numeric import exact_derivatives
from .parser import parse_equation
from .reverse import backpropagate

LARGEST = 2500  # nodes of a function and its derivatives that are plotted
SAMPLES = 801  # places at which a curve is looked at before it is drawn
POINTS = 24_000  # of one curve at most
STEEP = 0.75  # the steepest quarter of the window is shaded
PAGE = (1000.0, 600.0)  # the bends of a curve are smooth on a page of so many dots
_ROUNDS = 24
_HUGE = 1e150  # from here on even finite values are cut off
_CLOSE = 1 / 40  # of the window: so far around a suspect values come from balls
_BITS = (200, 1600)  # of balls: what is still not told by the second is left out
_FLAT = 0.12  # dots by which a sample may lie beside the line between its neighbours

Range = tuple[float, float]
Size = tuple[float, float]


class View(NamedTuple):
    """What a user wants to see.

    fixed   text of the values that other variables have
    points  where tangents are drawn: the value of each variable
    ranges  name -> from, to; what is not named is chosen
    equal   the same scale in both directions; None: where it suits
    size    width and height of the drawing, in any unit
    reach   the half length of a tangent, relative to the size
    """

    fixed: Mapping[str, str] = {}
    points: Sequence[Mapping[str, Value]] = ()
    ranges: Mapping[str, tuple[Value, Value]] = {}
    equal: bool | None = None
    size: Size = PAGE
    reach: float = 0.17


class Piece(NamedTuple):
    """A part of a curve that is drawn without a gap."""

    x: Array
    y: Array


class Interval(NamedTuple):
    """Where a function has no value; the ends as text, None if they lie outside of the window."""

    low: float
    high: float
    after: str | None
    before: str | None


class Drawn(NamedTuple):
    """One function of the plot.

    order     0 for the function, n for its n-th derivative
    position  its node in the derivation's graph
    range     of its values in the window that is shown
    cut       whether it goes on beyond that, not only at poles
    missing   where it has no value; `unknown`, where nothing could be told
    """

    order: int
    position: int
    pieces: list[Piece]
    breaks: list[Break]
    missing: list[Interval]
    unknown: list[Range]
    range: Range
    cut: bool


class Tangent(NamedTuple):
    """A tangent, exact, and the segment of it that is drawn: of the same length on the page for all of them.

    at, value, slope  of the function and its derivative; None where they do not exist
    equation          the tangent as a node of the derivation's graph
    x, y, angle       as floats; the slope may be infinite
    segment           from (x, y) to (x, y), with the point in the middle
    why               why there is none
    """

    at: Mapping[str, Value]
    value: Value
    slope: Value
    equation: int | None
    x: float
    y: float
    angle: float
    segment: tuple[float, float, float, float] | None
    why: str


class Steep(NamedTuple):
    """The steepest quarter of the window: where |f'| is above `threshold`; no spans if it is equally steep.

    quarter   False where most of a quarter would be flat: then it is where |f'| is above 1/100 of its maximum
    """

    threshold: float
    spans: list[Range]
    quarter: bool = True


class Curve(NamedTuple):
    """A plot of one variable: see `Drawn`, `Tangent`, `Steep`.

    ratio   how many times as long a unit of x is drawn as a unit of y
    """

    derivation: Derivation
    variable: str
    range: Range
    functions: list[Drawn]
    tangents: list[Tangent]
    steep: Steep | None
    ratio: float
    equal: bool
    fixed: Mapping[str, str]


def draw_curve(derivation: Derivation, variable: str, view: View) -> Curve:
    """What is to be drawn of a function of one variable and of its derivative.

    Errors: `LimitError` for a function that is too large, `UsageError` for a range that is none.

    >>> from backprop.derivation import derive
    >>> curve = draw_curve(derive("1/x"), "x", View(points=[{"x": 2}]))
    >>> [(b.where, b.kind) for b in curve.functions[0].breaks], curve.tangents[0].slope
    ([('0', 'pole')], Fraction(-1, 4))
    """
    graph = derivation.graph
    root, first, last = _functions(derivation, variable, view.fixed)
    places = [nearest(point[variable]) for point in view.points if variable in point]
    given = view.ranges.get(variable)
    low, high = (
        ends(given, variable)
        if given is not None
        else window_of(graph, [root, first], variable, places, _WANTED if not places else 8)
    )
    roots = list(dict.fromkeys([root, first, last]))
    window = Window(graph, roots, variable, Fraction(low), Fraction(high))
    grid = _grid(low, high)
    course = dict(zip(roots, window.courses))
    samples = {i: _Samples(graph, i, variable, course[i], grid) for i in roots}
    found = [_tangent(graph, root, variable, point, derivation.digits) for point in view.points]
    shown = [t.y for t in found if math.isfinite(t.y)]
    equal = view.equal is True
    vertical = view.ranges.get(_vertical(derivation, variable, view.ranges))
    if vertical is not None:
        below, above = ends(vertical, "y")
    else:
        below, above = samples[root].range(shown)
        if equal:
            middle, half = (below + above) / 2, (high - low) * view.size[1] / view.size[0] / 2
            below, above = middle - half, middle + half
    sx, sy = view.size[0] / (high - low), view.size[1] / (above - below)
    if equal and vertical is not None:
        sx = sy = min(sx, sy)
    order = derivation.order
    slopes = [nearest(t.slope) for t in found] if order == 1 else []
    main = samples[root].drawn(0, (below, above))
    seen = samples[last].range([s for s in slopes if math.isfinite(s)], main.pieces)
    drawn = [main, samples[last].drawn(order, seen)]
    half = view.reach * min(view.size[0], 1.6 * view.size[1])
    tangents = [t._replace(segment=_segment(t, half, sx, sy)) for t in found]
    return Curve(derivation, variable, (low, high), drawn, tangents, samples[first].steep(), sx / sy, equal,
                 dict(view.fixed))  # fmt: skip


def _functions(derivation: Derivation, variable: str, fixed: Mapping[str, str]) -> tuple[int, int, int]:
    """The nodes of the function, of its first derivative, and of the one asked for; the other variables are fixed."""
    graph = derivation.graph
    last = derivation.derived[variable]
    first = last
    if derivation.order > 1:
        first = backpropagate(graph, derivation.root, [variable]).gradient[variable]
    roots = put_in(graph, [derivation.root, first, last], fixed)
    check_size(graph, roots)
    return roots[0], roots[1], roots[2]


def put_in(graph: Graph, roots: Sequence[int], fixed: Mapping[str, str]) -> list[int]:
    """The roots with values, given as text, for some variables."""
    if not fixed:
        return list(roots)
    values = {}
    for name, text in fixed.items():
        equation = parse_equation(str(text))
        values[graph.variable(name)] = graph.copy_from(equation.graph, [equation.root])[0]
    return [graph.substitute(root, values) for root in roots]


def check_size(graph: Graph, roots: Sequence[int]) -> None:
    """Refuses what would take long to draw."""
    size = len(graph.reachable(roots))
    if size > LARGEST:
        raise LimitError(
            f"the function and its derivatives have {size} nodes: a plot takes {LARGEST}",
            hint="backprop diff has its values: --at with a file of points",
        )


def ends(given: tuple[Value, Value], name: str) -> Range:
    """A range as floats."""
    low, high = (nearest(value) for value in given)
    if not (math.isfinite(low) and math.isfinite(high)) or not high - low > 1e-9 * max(abs(low), abs(high), 1e-30):
        raise UsageError(f"the range of {visible(name)} goes from a number to a larger one",
                         hint=f"--range {visible(name)}=-3..5")  # fmt: skip
    return low, high


def _vertical(derivation: Derivation, variable: str, ranges: Mapping[str, Any]) -> str:
    """The name by which the range of the values was given: the output's, or y. Errors: `UsageError` for others."""
    names = [name for name in (derivation.output_name, "y") if name != variable]
    for name in ranges:
        if name not in (*names, variable):
            raise UsageError(f"{visible(name)} is not in the plot", hint=f"--range {visible(variable)}=-3..5")
    return next((name for name in names if name in ranges), "")


# -- samples -------------------------------------------------------------------------------------------------


class _Sampler:
    """Values of some nodes over an array of places."""

    def __init__(self, graph: Graph, roots: Sequence[int], name: str) -> None:
        self.name, self.program = name, Program(graph, roots)

    def __call__(self, places: Array) -> list[Array]:
        found: list[Array] = self.program.run({self.name: places})
        return found


def _grid(low: float, high: float) -> Array:
    """Places all over a window, not quite evenly spaced: no oscillation hides between them."""
    k = np.arange(SAMPLES)
    places: Array = low + (high - low) * (k + 0.35 * np.modf(k * 0.6180339887)[0]) / (SAMPLES - 1 + 0.36)
    return places


class _Samples:
    """The samples of one function on its stretches."""

    def __init__(self, graph: Graph, root: int, name: str, course: Course, grid: Array) -> None:
        self.graph, self.root, self.name, self.course, self.grid = graph, root, name, course, grid
        self.low, self.high = float(grid[0]), float(grid[-1])
        self.order = graph.reachable([root])
        self.sampler = _Sampler(graph, [root], name)
        self.suspects = np.array([-math.inf, *course.suspects, math.inf])
        self.at: Callable[[Array], Array] = self._in_doubles
        inside = np.zeros(len(grid), dtype=bool)
        for stretch in course.stretches:
            inside |= (grid > stretch.low) & (grid < stretch.high)
        self.inside = inside
        values = self.at(grid)
        if not self._is_precise(values):
            self.at = self._in_balls
            values = self.at(grid)
        self.values = np.where(inside & np.isfinite(values), values, np.nan)

    def _in_doubles(self, places: Array) -> Array:
        """Values in double precision; in balls next to the suspects, where 0/0 is near and rounding is all there is."""
        values: Array = np.array(self.sampler(places)[0], dtype=float)
        after = np.searchsorted(self.suspects, places).clip(1, len(self.suspects) - 1)
        apart = np.minimum(places - self.suspects[after - 1], self.suspects[after] - places)
        close = apart < _CLOSE * (self.high - self.low)
        values[close] = self._in_balls(places[close])
        return values

    def _in_balls(self, places: Array) -> Array:
        return np.array([self._exactly(Fraction(x)) for x in places.tolist()], dtype=float)

    def _exactly(self, place: Fraction) -> float:
        """The value at a place, to more digits than can be drawn; nan where there is none, or none that is told."""
        for bits in _BITS:
            ball = evaluate(self.graph, self.order, {self.name: place}, precision=bits, exact=False)[self.root]
            if ball is None or float(ball.rad()) <= 1e-9 * abs(float(ball)):
                return nearest(ball)
        return math.nan

    def _is_precise(self, values: Array) -> bool:
        """Whether double precision is enough here: (1 - cos x)/x^2 near 0 is all rounding."""
        some = np.flatnonzero(self.inside)[:: max(1, SAMPLES // 12)]
        if len(some) < 3:
            return True
        right = self._in_balls(self.grid[some])
        known = np.isfinite(right) & (np.abs(right) < 1e300)
        if not known.any():
            return True
        spread = float(np.ptp(right[known]))
        wrong = np.abs(values[some][known] - right[known])
        return bool(np.all(wrong <= 1e-3 * spread + 1e-9 * float(np.max(np.abs(right[known])))))

    def range(self, shown: Sequence[float] = (), pieces: Sequence[Piece] = ()) -> Range:
        """The values to show: all of them, but of those that grow beyond all bounds only the larger part.

        A finite peak is shown however narrow it is: `pieces` of another function tell where this one may be steep.
        """
        values = np.concatenate([self.values[np.isfinite(self.values)], self._ends()])
        if not len(values):
            low, high = (min(shown), max(shown)) if shown else (-1.0, 1.0)
            return _padded(low, high)
        between = np.concatenate([values, *(self.at(piece.x[1:-1]) for piece in pieces)])
        between = between[np.isfinite(between)]
        low, high = float(between.min()), float(between.max())
        signs = self._infinite()
        trim = 0.045 if len(signs) == 2 else 0.09
        below, above = np.quantile(values, [trim, 1 - trim]).tolist()
        core = above - below
        limits = {limit.kind for s in self.course.stretches for limit in (s.left, s.right)}
        untold = core > 0 and (bool(limits & {"wild", "unknown"}) or max(-low, high) > _HUGE)
        least, most, ends = low, high, self.values[[0, -1]]
        if -1 in signs or (untold and below - low > 12 * core):
            low = below - 0.1 * core
        if 1 in signs or (untold and high - above > 12 * core):
            high = above + 0.1 * core
        # Of (2 + ln x)/sqrt x the smaller values are those at the window's end, not those of the narrow pole:
        # the way down to 0 and below it is shown too.
        if -1 in signs and least < 0 < low and (ends < low + 0.2 * core).any():
            low = -high / 2
        if 1 in signs and high < 0 < most and (ends > high - 0.2 * core).any():
            high = -low / 2
        return _padded(min([low, *shown]), max([high, *shown]))

    def _infinite(self) -> set[float]:
        """The signs of the infinite limits."""
        limits = [limit for s in self.course.stretches for limit in (s.left, s.right)]
        return {math.copysign(1, limit.value) for limit in limits if limit.kind == "infinite"}

    def _ends(self) -> Array:
        """The finite ends of the stretches."""
        limits = [limit.value for s in self.course.stretches for limit in (s.left, s.right) if limit.is_finite]
        return np.array(limits)

    def drawn(self, order: int, shown: Range) -> Drawn:
        """The function as it is drawn in a window of these values."""
        pieces = [piece for stretch in self.course.stretches
                  for piece in self._pieces(stretch.low, stretch.high, stretch.left, stretch.right, shown)]  # fmt: skip
        signs = self._infinite()
        cut = any((-1 not in signs and float(p.y.min()) < shown[0]) or (1 not in signs and float(p.y.max()) > shown[1])
                  for p in pieces)  # fmt: skip
        return Drawn(order, self.root, pieces, self.course.breaks, self._missing(), self.course.unknown, shown, cut)

    def _missing(self) -> list[Interval]:
        """Where the function has no value, between places that have a name."""
        named = {b.at: b.where for b in self.course.breaks}
        tiny = (self.high - self.low) / 1e6
        found: list[Interval] = []
        for low, high in self.course.undefined:
            after, before = _named(named, low, tiny), _named(named, high, tiny)
            if found and after is None and low - found[-1].high < tiny:
                low, after = found[-1].low, found.pop().after
            found.append(Interval(low, high, after, before))
        return found

    def _pieces(self, low: float, high: float, left: Limit, right: Limit, shown: Range) -> Iterator[Piece]:
        """The samples of one stretch, more of them where it bends."""
        span = self.high - self.low
        xs = self.grid[(self.grid > low) & (self.grid < high)]
        if len(xs) < 9:
            xs = low + (high - low) * (np.arange(9) + 0.5) / 9
        near = min(span, high - low) / 2.0 ** np.arange(2, 34)
        parts = [xs]
        for end, limit, sign in ((low, left, 1), (high, right, -1)):
            if limit.kind in ("outside", "unknown"):
                parts.append(np.array([end]))
            else:
                parts.append(end + sign * near)
        xs = np.unique(np.concatenate(parts))
        xs = xs[((xs > low) | (left.kind in ("outside", "unknown")) & (xs == low))
                & ((xs < high) | (right.kind in ("outside", "unknown")) & (xs == high))]  # fmt: skip
        ys = self.at(xs)
        xs, ys = xs[np.isfinite(ys)], ys[np.isfinite(ys)]
        xs, ys = self._refined(xs, ys, shown)
        if left.is_finite:
            xs, ys = np.append(low, xs), np.append(left.value, ys)
        if right.is_finite:
            xs, ys = np.append(xs, high), np.append(ys, right.value)
        if len(xs):
            yield Piece(xs, ys)

    def _refined(self, xs: Array, ys: Array, shown: Range) -> tuple[Array, Array]:
        """With a sample more wherever three neighbours, or two and the curve between them, do not lie on a line."""
        height = shown[1] - shown[0]
        across, up = PAGE[0] / (self.high - self.low), PAGE[1] / height
        checked = False
        for _ in range(_ROUNDS):
            if not 3 <= len(xs) < POINTS:
                break
            u, v = xs * across, np.clip(ys, shown[0] - height / 4, shown[1] + height / 4) * up
            du, dv = np.diff(u), np.diff(v)
            turn = np.abs(du[:-1] * dv[1:] - du[1:] * dv[:-1]) / (np.hypot(u[2:] - u[:-2], v[2:] - v[:-2]) + 1e-300)
            bent = turn > _FLAT
            wanted = np.zeros(len(du), dtype=bool)
            wanted[:-1] |= bent
            wanted[1:] |= bent
            long = (np.hypot(du, dv) > 0.4) & (du > 1e-6)
            wanted &= long
            checking = not wanted.any()
            if checking and checked:
                break
            wanted = du > 0.05 if checking else wanted
            checked = checking
            new = ((xs[:-1] + xs[1:]) / 2)[wanted][: POINTS - len(xs)]
            more = self.at(new)
            if checking:
                chord = ((ys[:-1] + ys[1:]) / 2)[wanted][: len(new)]
                off = np.abs(np.clip(more, shown[0], shown[1]) - np.clip(chord, shown[0], shown[1])) * up > 2 * _FLAT
                if not off.any():
                    break
                checked = False
                new, more = new[off], more[off]
            new, more = new[np.isfinite(more)], more[np.isfinite(more)]
            order = np.argsort(np.concatenate([xs, new]), kind="stable")
            xs, ys = np.concatenate([xs, new])[order], np.concatenate([ys, more])[order]
        return xs, ys

    def steep(self) -> Steep | None:
        """Where these values, of a derivative, are among the largest quarter in size."""
        size = np.abs(self.values)
        known = np.isfinite(size)
        if known.sum() < 8:
            return None
        threshold = float(np.quantile(size[known], STEEP))
        largest = float(size[known].max())
        if largest <= threshold * (1 + 1e-6) or largest < 1e-300:
            return Steep(largest, [])
        quarter = threshold >= 1e-6 * largest or bool(self._infinite())
        threshold = threshold if quarter else largest / 100
        flags = known & (size > threshold)
        spans = []
        for start, stop in runs(flags.tolist()):
            spans.append((self._crossing(start - 1, start, size, threshold, float(self.grid[start])),
                          self._crossing(stop + 1, stop, size, threshold, float(self.grid[stop]))))  # fmt: skip
        return Steep(threshold, spans, quarter)

    def _crossing(self, outer: int, inner: int, size: Array, threshold: float, default: float) -> float:
        """Where between two samples the threshold is crossed."""
        if not 0 <= outer < len(size) or not math.isfinite(size[outer]) or size[outer] == size[inner]:
            return default
        share = (threshold - size[inner]) / (size[outer] - size[inner])
        return float(self.grid[inner] + share * (self.grid[outer] - self.grid[inner]))


def _named(named: Mapping[float, str], place: float, slack: float) -> str | None:
    return next((text for at, text in named.items() if abs(at - place) < slack), None)


def _padded(low: float, high: float) -> Range:
    """A little more than a range; of a single value, some room around it."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        half = max(abs(low), 1.0) / 2
        return low - half, high + half
    pad = 0.06 * (high - low)
    return low - pad, high + pad


# -- tangents ------------------------------------------------------------------------------------------------


def _tangent(graph: Graph, root: int, name: str, point: Mapping[str, Value], digits: int) -> Tangent:
    """The tangent at a point, exact where the derivation is."""
    at = {name: point[name]}
    value = value_at(graph, root, at, digits)
    slopes, notes = exact_derivatives(graph, root, [name], at)
    slope = slopes[name]
    found = approximate(graph, value, slopes, at, digits) if value is not None and slope is not None else None
    why = "" if found is not None else notes[0] if notes else "there is no tangent"
    return Tangent(at, value, slope, None if found is None else found.collected, nearest(point[name]), nearest(value),
                   nearest(slope), None, why)  # fmt: skip


def value_at(graph: Graph, root: int, at: Mapping[str, Value], digits: int) -> Value:
    """The value of a node at a point, to every digit that is printed."""
    return evaluate(graph, graph.reachable([root]), at, precision=int(3.4 * digits) + 200)[root]


def _segment(tangent: Tangent, half: float, sx: float, sy: float) -> tuple[float, float, float, float] | None:
    """The part of a tangent that is drawn: `half` on the page to both sides of the point."""
    if tangent.equation is None or not all(map(math.isfinite, (tangent.x, tangent.y, tangent.angle))):
        return None
    dx = half / math.hypot(sx, tangent.angle * sy)
    dy = tangent.angle * dx
    return tangent.x - dx, tangent.y - dy, tangent.x + dx, tangent.y + dy


# -- a window that shows what there is to see ------------------------------------------------------------------

_WANTED = 13  # places of interest in one window
_GROWN = 40.0  # times the size of a function near the middle that it may have at the ends
_HALVES = (5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.25, 1.0, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01)
_SCALES = (1.0, 0.03, 0.001, 1e-5)  # at which places of interest are looked for


def window_of(
    graph: Graph, roots: Sequence[int], name: str, points: Sequence[float] = (), wanted: int = _WANTED
) -> Range:
    """A window around what there is to see: points, zeros, bends, poles, the ends of the domain.

    Of many places of interest those nearest to the middle count (sin x), of a few all that belong together.
    The window goes on beyond them as long as the curve stays of their height. `roots` are the function and
    its derivative.
    """
    sampler = _Sampler(graph, roots, name)
    edges, kinks = _edges(graph, roots[0], name)
    points = [p for p in points if math.isfinite(p)]
    centre = sum(points) / len(points) if points else _centre(sampler, edges)
    places: list[float] = []
    for scale in _SCALES:
        found, restless = _places(sampler, centre, scale)
        if not restless:
            known = [*points, *edges, *kinks]
            places = [x for x in found if not any(abs(x - e) < 0.006 * (abs(e - centre) + scale) for e in known)]
            break
    places = sorted({*places, *edges, *kinks}, key=lambda x: abs(x - centre))
    chosen = list(_together(places, centre))
    many = len(chosen) > wanted
    if many and not _gather(chosen, centre):
        chosen = chosen[:wanted]
    low, high = _around(sampler, [*points, *chosen], centre, edges, many, bool(points))
    inside = _within_domain(sampler, low, high, edges)
    if inside == (low, high) and not points and centre == 0 and low < 0 < high and 0.6 < -low / high < 1.6:
        inside = (min(low, -high), max(high, -low))
    return _rounded(*inside)


def _edges(graph: Graph, root: int, name: str) -> tuple[list[float], list[float]]:
    """Where the domain ends or is interrupted along the whole axis; and where there may be a kink or a jump."""
    domain = Domain(graph, [root])
    edges: list[float] = []
    kinks: list[float] = []
    if not (domain.conditions or domain.cuts):
        return edges, kinks
    boxes = domain.scan(Line({name: Fraction(0)}, {name: Fraction(1)}), 300)
    told = [box for box in boxes if box.is_told]
    for a, b in pairwise(told):
        gap, middle = b.low - a.high, (a.high + b.low) / 2
        if (a[2:] == b[2:] and gap <= 0) or gap > (abs(middle) + 1) / 1000 or abs(middle) > 10**6:
            continue
        if not any((*a.defined, *b.defined)):
            continue
        place = name_of(a.high, b.low)[0]
        value = float(to_ball(place))
        exists = a.defined == b.defined and domain.status({name: place}, exact=True)[0] == a.defined
        if not exists:
            edges.append(value)
        elif a.cuts != b.cuts:
            kinks.append(value)
    kinks = [x for x in kinks if not any(abs(x - e) < 1e-6 * (1 + abs(x)) for e in edges)]
    return edges, kinks


def _centre(sampler: _Sampler, edges: Sequence[float]) -> float:
    """0 if the function has values near it, else the place nearest to it where it has."""
    nearest_edge = min(edges, key=abs, default=0.0)
    xs = np.array([0.0, *(sign * d for d in (0.01, 0.1, 0.3, 0.7, 1.0, 1.7) for sign in (1, -1))])
    return 0.0 if abs(nearest_edge) < 5 or np.isfinite(sampler(xs)[0]).any() else nearest_edge


def _places(sampler: _Sampler, centre: float, scale: float) -> tuple[list[float], bool]:
    """Zeros, extremes and inflections near a place; and whether there are more than these samples can tell."""
    offsets = np.sinh(np.linspace(-10.6, 10.6, 4001)) * 0.5 * scale
    xs = centre + offsets + 1e-7 * scale
    f, slope = sampler(xs)
    finite = np.isfinite(f)
    if not finite.any():
        return [], False
    size = min(float(np.median(np.abs(f[finite]))), 1.0)
    near, reach = np.abs(offsets) < 2 * scale, np.abs(offsets) + scale
    found: list[float] = []
    restless = False
    with np.errstate(all="ignore"):
        bend, middle = np.diff(slope) / np.diff(xs), (xs[:-1] + xs[1:]) / 2
        rows = ((xs, f, np.abs(f)), (xs, slope, np.abs(slope) * reach), (middle, bend, np.abs(bend) * reach[:-1] ** 2))
        for where, values, weight in rows:
            sign = np.where(np.isfinite(values) & (weight > 1e-9 * size), np.sign(values), 0)  # the rest is rounding
            change = np.flatnonzero(sign[:-1] * sign[1:] < 0)
            over = np.flatnonzero((sign[:-2] * sign[2:] < 0) & (sign[1:-1] == 0))
            restless = restless or bool(near[change].sum() > 0.12 * near.sum())
            found += ((where[change] + where[change + 1]) / 2).tolist() + where[over + 1].tolist()
    distinct: list[float] = []
    for x in sorted(found, key=lambda x: abs(x - centre)):
        if not any(abs(x - y) < 0.012 * (abs(x - centre) + 0.3 * scale) for y in distinct[-6:]):
            distinct.append(x)
    return distinct, restless


def _together(places: Sequence[float], centre: float) -> Iterator[float]:
    """The places from the middle outwards, until the next is very much farther away than the last."""
    reach = 0.0
    for count, place in enumerate(places):
        distance = abs(place - centre)
        if count >= 3 and distance > max(8 * reach, 8.0):
            return
        reach = max(reach, distance)
        yield place


def _gather(places: Sequence[float], centre: float) -> bool:
    """Whether the places become dense towards the middle, as those of sin(1/x) do, and end farther out."""
    far = max(abs(place - centre) for place in places)
    return sum(abs(place - centre) > far / 3 for place in places) <= 6


def _around(
    sampler: _Sampler, chosen: Sequence[float], centre: float, edges: Sequence[float], many: bool, pointed: bool
) -> Range:
    """An interval that holds the places, and some room around them."""
    chosen = chosen or [centre]
    low, high = min(chosen), max(chosen)
    span = high - low
    if many:
        return low - 0.04 * span, high + 0.04 * span
    if span <= 1e-9 * max(1.0, abs(low)):
        middle = 0.0 if abs(low) <= 2.5 and low not in edges and not pointed else low
        for half in _HALVES:
            size = _height(sampler, middle - half, middle + half)
            if size <= _GROWN * max(1.0, _height(sampler, middle - min(1.0, half / 2), middle + min(1.0, half / 2))):
                break
        return middle - half, middle + half
    if any(low <= e <= high for e in edges):
        pad = max(0.75 * span, 4.0 if len(chosen) <= 3 else 0.0)
        least = max(1.0, _height(sampler, low - 0.2 * span, high + 0.2 * span))
        while pad > 0.75 * span and _height(sampler, low - pad, high + pad) > _GROWN * least:
            pad *= 0.8
        return low - pad, high + pad
    height = _extent(sampler, low - 0.1 * span, high + 0.1 * span)
    pad = 0.15
    while pad < 1.5 and _extent(sampler, low - (pad + 0.1) * span, high + (pad + 0.1) * span) <= 3 * height:
        pad += 0.1
    return low - pad * span, high + pad * span


def _height(sampler: _Sampler, low: float, high: float) -> float:
    """The largest size of f between two places, poles left out."""
    values = sampler(_grid(low, high)[::12])[0]
    values = np.abs(values[np.isfinite(values)])
    return float(np.quantile(values, 0.97)) if len(values) else 0.0


def _extent(sampler: _Sampler, low: float, high: float) -> float:
    """How far apart the values between two places are."""
    values = sampler(_grid(low, high)[::4])[0]
    values = values[np.isfinite(values)]
    return float(np.ptp(values)) if len(values) else 0.0


def _within_domain(sampler: _Sampler, low: float, high: float, edges: Sequence[float]) -> Range:
    """Without most of the part beyond the ends of the domain."""
    xs = _grid(low, high)
    known = xs[1:-1][np.isfinite(sampler(xs)[0])[1:-1]]  # x^x has values at whole numbers, at round ends too
    if not len(known):
        return low, high
    near = (high - low) / 100
    room = 0.06 * (float(known[-1]) - float(known[0]))
    for edge in edges:
        if abs(edge - known[0]) < near and edge - low > room:
            low = edge - room
        if abs(edge - known[-1]) < near and high - edge > room:
            high = edge + room
    return low, high


def _rounded(low: float, high: float) -> Range:
    """Outwards to round numbers."""
    step = nice((high - low) / 25)
    return float(f"{math.floor(low / step + 1e-6) * step:.12g}"), float(f"{math.ceil(high / step - 1e-6) * step:.12g}")


def nice(size: float) -> float:
    """The number of the form 1, 2 or 5 times a power of ten that is nearest above.

    >>> nice(0.3), nice(7)
    (0.5, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(size))
    return next((m * power for m in (1, 2, 5) if m * power >= size * (1 - 1e-9)), 10 * power)


def ticks(low: float, high: float, most: int, least: int = 3) -> list[float]:
    """Round numbers between two ends: about so many at most, and so many at least.

    >>> ticks(-3, 5, 5), ticks(-0.5, 0.5, 2)
    ([-2.0, 0.0, 2.0, 4.0], [-0.5, 0.0, 0.5])
    """
    for count in range(max(1, most), 3 * most + 3):
        step = nice((high - low) / count)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first >= least - 1:
            break
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]
