"""Where a function of one variable is unbroken in an interval, and what it does where it is not.

A ball that holds a whole interval goes in; if all conditions of the table hold for it, and no jump may lie in it, then
the function is continuous on that interval: proved, not sampled. Intervals for which that cannot be told are halved
until they are tiny. What is left are the suspects: around each of them the values at smaller and smaller distances tell
a pole from a jump, a single missing point, the end of a domain, and from a place where nothing happens at all.

Values come in balls throughout, so that nothing is lost to rounding near a pole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise, takewhile
from typing import NamedTuple

from .domains import Domain, Line, Status
from .evaluate import Exact, Value, evaluate, set_precision, to_ball
from .expr import Graph

FIRST = 16  # intervals of the window at the start
LEVELS = 36  # halvings of each until it counts as a point: the window has 2^40 of them
WORK = 1_500_000  # operations on balls that one search may take
LEAST, MOST = 600, 12_000  # intervals that are looked at, whatever they cost
COARSE, MANY = 10, 400  # so many intervals that are not told after so many halvings are left as they are
RUN = 64  # tiny neighbours that may be one suspect; more of them are an interval about which nothing is known
NAMED = 1000  # the largest denominator of a place that is written as a fraction
_NEAREST, _RATIO, _SEEN = 34, 6, 5  # distances from a suspect: 1/2^34 of the window, 2^6 times as much, ...
_BETWEEN = (Fraction(7, 5), Fraction(11, 4), Fraction(17, 2))  # and of the nearest
_NEAR = 1e-7  # values that differ by less of their size are one limit


class Limit(NamedTuple):
    """What a function does at one side of a place.

    kind   finite, infinite (value tells the sign), undefined (it has no values there), wild (no limit was seen),
           unknown (nothing could be told), outside (the window ends here)
    """

    kind: str
    value: float

    @property
    def is_finite(self) -> bool:
        """Whether the curve has an end here."""
        return self.kind == "finite"


class Break(NamedTuple):
    """A place at which a curve may not be drawn on.

    kind    pole      it grows beyond all bounds on one side at least
            jump      both sides have an end, at different heights (also: the value in between is elsewhere)
            hole      both sides meet, but there the function has no value
            edge      its domain ends here
            point     it has a value here, and none on either side
            wild      it has values, but no limit was seen: sin(1/x)
    where   the place as text: 1/2, pi/2, 1.41421
    exact   whether that is the place itself, so that `value` means something
    value   of the function at the place itself, nan if it has none
    """

    at: float
    where: str
    exact: bool
    kind: str
    left: Limit
    right: Limit
    value: float


class Stretch(NamedTuple):
    """An interval on which the function is continuous, with what it does at both ends."""

    low: float
    high: float
    left: Limit  # at `low`, from the right
    right: Limit  # at `high`, from the left


class Course(NamedTuple):
    """One function over the window: where it can be drawn, where it breaks off, where it has no value.

    unknown   intervals of which nothing could be told, which are left open
    suspects  from left to right, all places that were looked at closely, the breaks among them; the ends of `unknown`
    """

    stretches: list[Stretch]
    breaks: list[Break]
    undefined: list[tuple[float, float]]
    unknown: list[tuple[float, float]]
    suspects: list[float]


class _Part(NamedTuple):
    """An interval; whether each function is defined and continuous on it (None: not told). Without that: a suspect."""

    low: Fraction
    high: Fraction
    defined: tuple[Status, ...]


class Window:
    """Some functions of one variable over an interval, the first of which is the function itself.

    The others are its derivatives: they have values only where the function has one. `courses` has one
    entry for each.

    >>> from backprop.parser import parse
    >>> node = parse("1/(x - 2) + floor(x)/9")
    >>> course = Window(node.graph, [node.position], "x", Fraction(0), Fraction(3)).courses[0]
    >>> [(b.where, b.kind) for b in course.breaks]
    [('1', 'jump'), ('2', 'pole')]
    """

    def __init__(self, graph: Graph, roots: Sequence[int], name: str, low: Fraction, high: Fraction) -> None:
        self.name, self.low, self.high = name, low, high
        self.roots = list(roots)
        self.domain = Domain(graph, self.roots)
        self.order = graph.reachable(self.roots)
        self._line = Line({name: Fraction(0)}, {name: Fraction(1)})
        self.courses = self._courses()

    # -- intervals ---------------------------------------------------------------------------------------

    def _parts(self) -> list[_Part]:
        """The window from left to right: intervals, and suspects between them."""
        told, left = self._halved()
        merged: list[_Part] = []
        for part in sorted([*told, *left]):
            last = merged[-1] if merged else None
            if last is not None and last.defined == part.defined:
                merged[-1] = last._replace(high=part.high)
            else:
                merged.append(part)
        tiny = (self.high - self.low) / FIRST / 2**LEVELS
        unknown = (None,) * len(self.roots)
        return [p if p.defined or p.high - p.low <= RUN * tiny else p._replace(defined=unknown) for p in merged]

    def _halved(self) -> tuple[list[_Part], list[_Part]]:
        """Intervals of which all is told, and what is left; large ones are halved first."""
        budget = max(LEAST, min(MOST, WORK // (len(self.domain.all) + 20)))
        # Moved a little, so that no interval ends at a simple number, where things happen.
        share = [Fraction(k, FIRST) + Fraction(37, 10_007 * FIRST) for k in range(1, FIRST)]
        ends = [self.low, *(self.low + (self.high - self.low) * s for s in share), self.high]
        waiting = list(pairwise(ends))
        told: list[_Part] = []
        for level in range(LEVELS + 1):
            left: list[tuple[Fraction, Fraction]] = []
            for low, high in waiting:
                defined = self._told(low, high)
                if defined is None:
                    left.append((low, high))
                else:
                    told.append(_Part(low, high, defined))
            budget -= len(waiting)
            if level == LEVELS or 2 * len(left) > budget or (level >= COARSE and len(left) > MANY):
                break
            middles = [(low + high) / 2 for low, high in left]
            waiting = [half for (low, high), middle in zip(left, middles) for half in ((low, middle), (middle, high))]
        return told, [_Part(low, high, ()) for low, high in left]

    def _told(self, low: Fraction, high: Fraction) -> tuple[Status, ...] | None:
        """Whether each function is continuous all over an interval (True) or undefined (False); None if not told."""
        defined, cuts = self.domain.status(self._line.box(low, high), computed=False)
        if defined[0] is False:
            return (False,) * len(defined)
        return None if None in defined or None in cuts else defined

    # -- points ------------------------------------------------------------------------------------------

    def limits(self, place: Value, side: int, beside: _Part | None) -> list[Limit]:
        """What each function does on one side of a place, seen from smaller and smaller distances.

        `beside` is the interval on that side, in which all distances lie.
        """
        if beside is None or not beside.defined:
            return [Limit("outside" if beside is None else "unknown", math.nan)] * len(self.roots)
        reach, span = (beside.high - beside.low) * Fraction(7, 8), self.high - self.low
        far = [span / 2 ** (_NEAREST - _RATIO * n) for n in range(_SEEN)]
        distances = [d for d in far if d <= reach][::-1]
        columns: list[list[Value]] = []
        for distance in [*distances, *(far[0] * between for between in _BETWEEN)]:
            values = evaluate(self.domain.graph, self.order, {self.name: self._beside(place, side * distance)},
                              precision=256, exact=False)  # fmt: skip
            columns.append([values.get(root) for root in self.roots])
        kinds = {False: Limit("undefined", math.nan), None: Limit("unknown", math.nan)}
        return [
            _limit([column[k] for column in columns], len(distances)) if defined else kinds[defined]
            for k, defined in enumerate(beside.defined)
        ]

    def _beside(self, place: Value, distance: Fraction) -> Value:
        previous = set_precision(256)
        try:
            return to_ball(place) + to_ball(distance)
        finally:
            set_precision(previous)

    def values(self, place: Value) -> list[float]:
        """The values at a place; nan where there is none."""
        status, _ = self.domain.status({self.name: place}, exact=True)
        found = evaluate(self.domain.graph, self.order, {self.name: place}, precision=256)
        values = []
        for root, defined in zip(self.roots, status):
            value = found.get(root)
            known = status[0] is True and defined is True and value is not None and not isinstance(value, bool)
            values.append(float(to_ball(value)) if known else math.nan)
        return values

    # -- what is to be drawn -------------------------------------------------------------------------------

    def _breaks(self, part: _Part, left: _Part | None, right: _Part | None) -> list[Break]:
        """What happens to each function at a suspect; of kind "none" if it goes on as if nothing was here."""
        place, where, exact = name_of(part.low, part.high)
        at = float(to_ball(place))
        found: list[Break] = []
        sides = (self.limits(place, -1, left), self.limits(place, 1, right))
        for k, (before, after, value) in enumerate(zip(*sides, self.values(place))):
            kind = _kind(before, after, value)
            if k and kind == "hole" and found[0].kind == "none":
                kind = "none"  # f is continuous, f' has a limit: that is the derivative (mean value theorem)
            if k and kind == "none" and found[0].kind in ("jump", "hole", "pole", "wild"):
                kind = "hole"  # f breaks off, so it has no derivative, though the formula may go on: floor(x)
            if (k and kind != "none") or kind in ("pole", "wild") or not exact:
                value = math.nan  # at a kink f' has no value, whatever its formula says
            found.append(Break(at, where, exact, kind, before, after, value))
        return found

    def _courses(self) -> list[Course]:
        parts = self._parts()
        around = list(zip(parts, [None, *parts[:-1]], [*parts[1:], None]))
        suspects = {p: self._breaks(p, left, right) for p, left, right in around if not p.defined}
        return [self._course(k, parts, suspects) for k in range(len(self.roots))]

    def _course(self, k: int, parts: Sequence[_Part], suspects: Mapping[_Part, Sequence[Break]]) -> Course:
        course = Course([], [], [], [], [])
        begin: tuple[float, Limit] | None = None  # where the stretch that is under way began
        nothing = Limit("unknown", math.nan)

        def end(at: float, limit: Limit) -> None:
            nonlocal begin
            if begin is not None and at > begin[0]:
                course.stretches.append(Stretch(begin[0], at, begin[1], limit))
            begin = None

        for part in parts:
            low, high = float(part.low), float(part.high)
            if part in suspects:
                found = suspects[part][k]
                course.suspects.append(found.at)
                if found.kind == "none":
                    continue
                if found.kind != "border":
                    course.breaks.append(found)
                end(found.at, found.left)
                if found.right.kind != "undefined":
                    begin = (found.at, found.right)
            elif part.defined[k] is True:
                begin = begin or (low, Limit("outside", math.nan) if low == self.low else nothing)
            else:
                end(low, nothing)
                places = course.unknown if part.defined[k] is None else course.undefined
                places.append((low, high))
                if places is course.unknown:
                    course.suspects.extend((low, high))
        end(float(self.high), Limit("outside", math.nan))
        return course


def _kind(left: Limit, right: Limit, value: float) -> str:
    """What happens at a place with these limits and this value; "none" if nothing does."""
    kinds = {left.kind, right.kind}
    if "outside" in kinds:
        return "pole" if "infinite" in kinds else "border"
    if kinds == {"finite"}:
        if not _close(left.value, right.value):
            return "jump"
        if math.isnan(value):
            return "hole"
        return "none" if _close(left.value, value) else "jump"
    if "infinite" in kinds:
        return "pole"
    if kinds == {"undefined"}:
        return "none" if math.isnan(value) else "point"
    return "edge" if "undefined" in kinds else "wild"


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-4 * max(abs(a), abs(b)) or abs(a - b) < 1e-5


def _limit(balls: Sequence[Value], count: int) -> Limit:
    """The limit of `count` values at distances each of which is 1/64 of the one before.

    What follows are values between the last two, so that sin(1/x) has no limit by chance. Floats that overflow
    are large enough to tell: e^(1/x).
    """
    values = [float(ball) for ball in takewhile(lambda ball: ball is not None, balls[:count])]
    grown = [value for value in values if math.isinf(value)]
    if grown or len(values) < 3:
        return Limit("infinite", grown[-1]) if len(set(grown)) == 1 else Limit("unknown", math.nan)
    last = values[-1]
    steps = [b - a for a, b in pairwise(values)]
    sizes = [abs(step) for step in steps]
    if sizes[-1] <= _NEAR * (abs(last) + 1e-3):
        return Limit("finite", last)
    between = [math.inf if ball is None else abs(float(ball) - last) for ball in balls[count:]]
    if len(steps) < 3 or any(size > 1.01 * sizes[-1] for size in between):
        shrinking = all(b <= a / 4 for a, b in pairwise(sizes)) and max(between, default=0.0) < 4 * sizes[-1]
        return Limit("finite", last) if shrinking else Limit("wild", math.nan)
    ratios = [b / a if a else math.inf for a, b in pairwise(steps[-3:])]
    if all(0 < ratio < 0.9 for ratio in ratios) and abs(ratios[1] - ratios[0]) < 0.2:
        return Limit("finite", last + steps[-1] * ratios[1] / (1 - ratios[1]))  # like a geometric sequence: x^(1/3)
    if all(ratio >= 0.9 for ratio in ratios) and last * steps[-1] > 0:
        return Limit("infinite", math.copysign(math.inf, last))
    if all(b <= a / 4 for a, b in pairwise(sizes)):
        return Limit("finite", last)  # x·sin(1/x)
    return Limit("wild", math.nan)


def name_of(low: Fraction, high: Fraction) -> tuple[Value, str, bool]:
    """The place that a tiny interval stands for, as text, and whether it is exact: a simple fraction or multiple of pi.

    >>> name_of(Fraction(1, 2) - Fraction(1, 10**15), Fraction(1, 2) + Fraction(1, 10**14))
    (Fraction(1, 2), '1/2', True)
    """
    middle = (low + high) / 2
    slack = max(high - low, abs(middle) / 2**44)
    simple = middle.limit_denominator(NAMED)
    if abs(simple - middle) <= slack:
        return (simple.numerator if simple.denominator == 1 else simple), str(simple), True
    turn = (middle / Fraction(math.pi)).limit_denominator(60)
    previous = set_precision(128)
    try:
        apart = abs(to_ball(Exact("pi", turn)) - to_ball(middle))
        if turn and apart <= to_ball(slack):
            return Exact("pi", turn), multiple_of_pi(turn), True
    finally:
        set_precision(previous)
    return middle, f"{float(middle):.6g}", False


def multiple_of_pi(turn: Fraction) -> str:
    """A multiple of pi as it is written.

    >>> multiple_of_pi(Fraction(-3, 2)), multiple_of_pi(Fraction(1))
    ('-3*pi/2', 'pi')
    """
    top = {1: "pi", -1: "-pi"}.get(turn.numerator, f"{turn.numerator}*pi")
    return top if turn.denominator == 1 else f"{top}/{turn.denominator}"


def runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """The first and last index of every run of true flags.

    >>> list(runs([False, True, True, False, True]))
    [(1, 2), (4, 4)]
    """
    start = -1
    for index, flag in enumerate([*flags, False]):
        if flag and start < 0:
            start = index
        elif not flag and start >= 0:
            yield start, index - 1
            start = -1
