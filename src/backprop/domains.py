"""Where expressions are defined, found from the graph itself and not by lucky guesses.

Every operation's domain is a condition in the table, in the names of its operands; put on the
operands of a node, it is a condition of the graph. Evaluated in balls that cover a whole box of
points, it is certainly true, certainly false, or not told. Boxes that are not told are halved, so
that a small interval far from 0 is found by bisection. The places where a kink, a jump or a pole may
be cut the line into cells, and each cell gives a point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import log2
from typing import Any, NamedTuple

from .evaluate import Value, evaluate, set_precision, to_ball
from .expr import LEAVES, Graph, literal_rational
from .ops import CONDITIONS, lookup
from .rules import compile_text

BOXES = 420  # boxes that are looked at on one line
_LINES = 5
_MIDDLES = 80  # boxes whose middle is tried
_LARGEST = 3000  # nodes of a graph that is searched
# Powers of 4, moved a little so that nothing changes exactly there.
_POWERS = [Fraction(4) ** k * Fraction(97, 89) for k in (*range(-9, 25), 28, 32, 36, 44, 52, 64)]
_FAR = 4**64

# What people would take: the first of these that fits is the sample of a cell.
_EASY = [Fraction(n, 2) for n in (1, 4, -1, 3, -4, -3, 6, -6, 10, -10)]

Status = bool | None


class Box(NamedTuple):
    """An interval of the line, or a point: whether each root has a value there, and whether each cut holds."""

    low: Fraction
    high: Fraction
    defined: tuple[Status, ...]
    cuts: tuple[Status, ...]

    @property
    def is_told(self) -> bool:
        """Whether all of it is one cell: nothing changes in it that is known to matter."""
        return None not in self.defined and (None not in self.cuts or not all(self.defined))


class Region(NamedTuple):
    """Neighbouring boxes in which each root is defined or not defined throughout."""

    low: Fraction
    high: Fraction
    defined: tuple[Status, ...]
    sample: Fraction


class Domain:
    """The conditions under which the roots have real values."""

    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        self.graph, self.roots = graph, list(roots)
        self.names = graph.variables(self.roots)
        self.order = graph.reachable(self.roots)
        self.conditions: dict[int, int] = {}  # node -> the condition for its value to exist
        self.cuts: list[int] = []  # conditions that tell on which side of a kink or pole a point lies
        self.cases: set[int] = set()  # those of them between which something is chosen
        for position in self.order:
            self._survey(position)
        self.searched = len(self.order) <= _LARGEST
        added = graph.reachable([*self.conditions.values(), *self.cuts])
        known = set(self.order)
        self.all = [*self.order, *(i for i in added if i not in known)]

    def _survey(self, position: int) -> None:
        """Notes the condition and the cuts of one node."""
        graph = self.graph
        key = graph.nodes[position]
        op = key[0]
        if op in LEAVES or op in ("and", "or", "not"):
            return
        if op in CONDITIONS:
            self.cuts.append(position)
            if op not in ("eq", "ne"):
                self.cases.add(position)
            return
        if op == "where":
            return
        if op == "pow":
            self._power(position, key)
            return
        row = lookup(op)
        if row.domain and not (op == "div" and _is_number(graph, key[2])):
            self.conditions[position] = self._put(row.domain, row.operands, key[1:])
        if row.smooth and row.smooth != row.domain:
            self.cuts.append(self._put(row.smooth, row.operands, key[1:]))
        for exception in row.exceptions:
            self.cuts.append(self._put(f"{exception.where} > 0", row.operands, key[1:]))
            if exception.kink and op not in ("floor", "ceil", "mod"):
                self.cases.add(self.cuts[-1])

    def _power(self, position: int, key: tuple[Any, ...]) -> None:
        exponent = literal_rational(self.graph, key[2])
        if exponent is None:
            self.conditions[position] = self._put("x > 0", ("x",), key[1:2])
        elif exponent.denominator % 2 == 0:
            self.conditions[position] = self._put("x >= 0" if exponent > 0 else "x > 0", ("x",), key[1:2])
        elif exponent < 0:
            self.conditions[position] = self._put("x != 0", ("x",), key[1:2])
        if exponent is not None and exponent.denominator != 1:
            self.cuts.append(self._put("x > 0", ("x",), key[1:2]))

    def _put(self, text: str, operands: tuple[str, ...], nodes: Sequence[int]) -> int:
        """A text of the table on these operands, exactly as written."""
        steps, result = compile_text(text, operands)
        done: list[int] = []
        for op, references, key in steps:
            if references:
                done.append(self.graph.node(op, *[nodes[r] if r >= 0 else done[-1 - r] for r in references]))
            else:
                done.append(self.graph.intern(key))
        return done[-1 - result]

    # -- points and boxes --------------------------------------------------------------------------

    def status(
        self, inputs: Mapping[str, Value], *, exact: bool = False, computed: bool = True
    ) -> tuple[tuple[Status, ...], tuple[Status, ...]]:
        """Whether each root has a value at a point, or in a whole box of points; and whether each cut holds there.

        With `computed` False the conditions alone tell: of special functions, a wide ball has values that none tells.
        """
        values = evaluate(self.graph, self.all, inputs, precision=128 if exact else 64, exact=exact)
        nodes = self.graph.nodes
        status: dict[int, Status] = {}
        for position in self.order:
            key = nodes[position]
            op = key[0]
            if op in LEAVES:
                status[position] = True
                continue
            if op == "where":
                chosen = values.get(key[1])
                branches = [status[key[2]], status[key[3]]]
                found = branches[0] if chosen is True else branches[1] if chosen is False else _same(branches)
                status[position] = _all([status[key[1]], found])
                continue
            found = _all([status[i] for i in key[1:]])
            if found is not False and position in self.conditions:
                holds = values.get(self.conditions[position])
                found = _all([found, holds if isinstance(holds, bool) else None])
            # A value that was computed exists; one that was not may be beyond what balls can tell.
            if computed and found is not False and values.get(position) is None:
                found = None
            status[position] = found
        cuts = [values.get(i) for i in self.cuts]
        return tuple(status[i] for i in self.roots), tuple(c if isinstance(c, bool) else None for c in cuts)

    # -- lines -------------------------------------------------------------------------------------

    def scan(self, line: Line, budget: int = BOXES) -> list[Box]:
        """The boxes of a line from left to right, halved where it is not told what holds in them.

        On an axis, 0 and the numbers that occur are points of their own, and the boxes beside them end
        a little way off: there most changes are, and no halving would ever separate them.
        """
        marks = self._marks() if line.is_axis else set()
        grid = sorted(marks | {sign * power for power in _POWERS for sign in (1, -1)})
        grid = [-16 * max(grid), *grid, 16 * max(grid)]
        done = [Box(mark, mark, *self.status(line.point(mark), exact=True)) for mark in marks]
        waiting = []
        for k, (low, high) in enumerate(pairwise(grid)):
            gap = (high - low) / 2**32
            low, high = low + gap * (low in marks), high - gap * (high in marks)
            waiting.append((_remoteness(low, high), k, low, high))
        heapify(waiting)
        spent = 0
        while waiting:
            rank, _, low, high = heappop(waiting)
            spent += 1
            box = Box(low, high, *self.status(line.box(low, high)))
            small = high - low <= max(abs(low), abs(high), Fraction(1, 4**9)) / 2**36
            if box.is_told or small or spent > budget:
                done.append(box)
                continue
            middle = _middle(low, high)
            heappush(waiting, (rank + 1, 2 * spent + len(grid), low, middle))
            heappush(waiting, (rank + 1, 2 * spent + 1 + len(grid), middle, high))
        return sorted(done, key=lambda box: box[:2])

    def _marks(self) -> set[Fraction]:
        """0 and the numbers that occur, with both signs: places where things may change."""
        marks = {Fraction(0)}
        for value in evaluate(self.graph, self.order, {}).values():  # of what has no variable
            exact = Fraction(value) if isinstance(value, int | Fraction) else Fraction(0)
            if 0 < abs(exact) < 10**300 and len(marks) < 60:
                marks |= {exact, -exact}
        return marks

    def points(self, wanted: int = 24) -> Iterator[dict[str, Fraction]]:
        """Three points in every cell in which all roots are defined, on lines through the space of the variables."""
        if not self.searched or not self.names:
            return
        budget = max(60, min(BOXES // min(len(self.names), 3), 200_000 // (len(self.all) + 1)))
        given = 0
        for line in self._lines(budget):
            for count, point in self._on(line, budget, wanted):
                yield point
                given += count
            if given >= wanted:
                return

    def may_hide_a_case(self) -> bool:
        """Whether some case was never met, and some box might hold it."""
        if not self.cases or not self.names or not self.searched:
            return False
        if len(self.names) == 1:
            boxes = self.scan(Line({self.names[0]: Fraction(0)}, {self.names[0]: Fraction(1)}))
            seen = [box.cuts for box in boxes if False not in box.defined]
        else:  # points, and one box that holds them all
            everywhere = Line(dict.fromkeys(self.names, Fraction(0)), dict.fromkeys(self.names, Fraction(1)))
            points = [everywhere.box(Fraction(-(10**6)), Fraction(10**6)), *self.points_anywhere()]
            seen = [cuts for defined, cuts in map(self.status, points) if False not in defined]
        for k, cut in enumerate(self.cuts):
            met = {cuts[k] for cuts in seen}
            if cut in self.cases and None in met and len(met) == 2:
                return True
        return False

    def points_through(self, point: Mapping[str, Fraction]) -> Iterator[dict[str, Fraction]]:
        """Points of the cells along each variable, the others held: narrow cells are found from inside."""
        if not self.searched or len(self.names) < 2:
            return
        budget = max(60, min(BOXES // 3, 100_000 // (len(self.all) + 1)))
        for name in self.names[:4]:
            line = Line({**point, name: Fraction(0)}, {n: Fraction(int(n == name)) for n in point})
            for _, found in self._on(line, budget, 6):
                yield found

    def _on(self, line: Line, budget: int, wanted: int) -> Iterator[tuple[int, dict[str, Fraction]]]:
        """Points of a line, each with the number of cells that it is the first of."""
        boxes = self.scan(line, budget)
        cells = [region for region in _joined(boxes) if all(region.defined)]
        for region in sorted(cells, key=lambda region: _remoteness(region.sample, region.sample))[:wanted]:
            yield 1, line.point(region.sample)
            yield 0, line.point(simple_between(region.low, region.sample))
            yield 0, line.point(simple_between(region.sample, region.high))
        # The middle of a box may lie in a cell that is too small to be told.
        open_ = [box for box in boxes if not box.is_told and False not in box.defined and box.low < box.high]
        open_.sort(key=lambda box: (_remoteness(box.low, box.high), box.low))
        for box in open_[:_MIDDLES]:
            yield 0, line.point(simple_between(box.low, box.high))
        if self.cuts and line.is_axis:  # beyond every number that occurs, where jumps leave no box told
            for mark in sorted(self._marks())[:_MIDDLES]:
                for offset in (Fraction(1, 3), abs(mark) * Fraction(3, 8)):
                    yield 0, line.point(mark + offset)
                    yield 0, line.point(mark - offset)

    def _lines(self, budget: int) -> Iterator[Line]:
        """The axis of a single variable; for several, lines through points that suit each variable by itself."""
        if len(self.names) == 1:
            yield Line({self.names[0]: Fraction(0)}, {self.names[0]: Fraction(1)})
            return
        suited = {name: self._suited(name, budget // 2) for name in self.names}
        for k in range(_LINES):
            base = {}
            for i, name in enumerate(self.names):
                choices = suited[name]
                base[name] = choices[(k + i) % len(choices)]
            if all(self.status(base)[0]):
                direction = {name: Fraction(i + 2, i + 3) * (-1) ** (k * i) for i, name in enumerate(self.names)}
            else:
                direction = {
                    name: Fraction(i + 2, i + 3) * (-1) ** ((k >> (i % 4)) & 1) for i, name in enumerate(self.names)
                }
            yield Line(base, direction)
        for k, name in enumerate(self.names):  # along one variable alone
            base = {other: suited[other][(i + k) % len(suited[other])] for i, other in enumerate(self.names)}
            yield Line({**base, name: Fraction(0)}, {n: Fraction(int(n == name)) for n in self.names})

    def points_anywhere(self) -> Iterator[dict[str, Fraction]]:
        """Points at which something may be undefined: generic ones, and some with a variable at 0 or 1."""
        generic = [Fraction(n, 2) for n in (1, 3, -1, 5, -3, 7, -5)]
        for k in range(len(generic)):
            for signs in ((1, 1), (1, -1)):
                yield {n: generic[(k + i) % 7] * signs[i % 2] for i, n in enumerate(self.names)}
        for special in (0, 1, -1, 2):
            for name in self.names:
                for k in (0, 1):
                    yield {
                        n: Fraction(special) if n == name else generic[(k + i) % 7] for i, n in enumerate(self.names)
                    }
        yield from ({n: Fraction(x) for n in self.names} for x in (0, 1, -1))

    def _suited(self, name: str, budget: int) -> list[Fraction]:
        """Values of one variable at which every condition on it alone holds."""
        alone = [i for i in self.conditions.values() if self.graph.variables([i]) == [name]]
        found: list[Fraction] = []
        if alone:
            own = Domain(self.graph, [self.graph.nodes[i][1] for i in alone])
            own.roots, own.cuts = alone, alone
            own.order = own.all = self.graph.reachable(alone)
            line = Line({name: Fraction(0)}, {name: Fraction(1)})
            boxes = [box for box in own.scan(line, budget) if box.low < box.high and box.is_told]
            found = [simple_between(b.low, b.high) for b in boxes if own.holds(line.box(b.low, b.high))]
        found.sort(key=lambda x: (abs(x) > 16, x.denominator, abs(x)))
        return found[:8] or [Fraction(1, 2), Fraction(2), Fraction(-1, 2), Fraction(3, 2), Fraction(-2)]

    def holds(self, inputs: Mapping[str, Value]) -> bool:
        """Whether the roots, which are conditions, are certainly true."""
        values = evaluate(self.graph, self.all, inputs, exact=False)
        return all(values.get(i) is True for i in self.roots)


def _joined(boxes: Sequence[Box]) -> list[Region]:
    """Runs of boxes in which nothing changes, with a simple number in each; single points end them."""
    found: list[Region] = []
    run: list[Box] = []
    for box in [*boxes, None]:
        goes_on = box is not None and box.is_told and (not run or run[-1][2:] == box[2:])
        if run and not goes_on:
            low, high = run[0].low, run[-1].high
            if low < high:
                found.append(Region(low, high, run[0].defined, simple_between(low, high)))
            run = []
        if box is not None and box.is_told:
            run.append(box)
    return found


class Line:
    """Points base + t·direction."""

    __slots__ = ("base", "direction", "is_axis", "_ends")

    def __init__(self, base: Mapping[str, Fraction], direction: Mapping[str, Fraction]) -> None:
        self.base, self.direction = dict(base), dict(direction)
        self.is_axis = list(base.values()) == [0] and list(direction.values()) == [1]
        self._ends: dict[Fraction, dict[str, Any]] = {}

    def point(self, t: Fraction) -> dict[str, Fraction]:
        """The point of the parameter t."""
        return {name: x + t * self.direction[name] for name, x in self.base.items()}

    def box(self, low: Fraction, high: Fraction) -> dict[str, Any]:
        """Balls that hold the points of an interval."""
        previous = set_precision(128)
        try:
            for t in (low, high):
                if t not in self._ends:
                    self._ends[t] = {name: to_ball(x) for name, x in self.point(t).items()}
            return {name: ball.union(self._ends[high][name]) for name, ball in self._ends[low].items()}
        finally:
            set_precision(previous)


class Difference(NamedTuple):
    """How the domains of two expressions differ: "same", "a_wider", "b_wider", "differs", and where."""

    relation: str
    only_a: str
    only_b: str


def compare_domains(graph: Graph, a: int, b: int, inside: Sequence[int] = ()) -> Difference:
    """Compares where a and b have values, among the points at which all of `inside` have.

    At the places named, one has values and the other has none. That the domains are the same means
    that no difference was found.
    """
    first, second = Domain(graph, [a]), Domain(graph, [b])
    same = set(first.conditions.values()) == set(second.conditions.values())
    if same and not any(graph.nodes[i][0] == "where" for i in [*first.order, *second.order]):
        return Difference("same", "", "")
    both = Domain(graph, [a, b, *inside])
    both.cuts = []
    if not both.searched or not both.names:
        return Difference("same", "", "")
    places: dict[bool, str] = {}
    for place, defined in _places(both):
        if defined[0] is not None and defined[1] is not None and all(defined[2:]) and defined[0] != defined[1]:
            places.setdefault(defined[0], place)
    relation = {(): "same", (True,): "a_wider", (False,): "b_wider"}.get(tuple(places), "differs")
    return Difference(relation, places.get(True, ""), places.get(False, ""))


def _places(domain: Domain) -> Iterator[tuple[str, tuple[Status, ...]]]:
    """Regions and single points, in words, with what is defined there."""
    name = domain.names[0]
    if len(domain.names) == 1:
        line = Line({name: Fraction(0)}, {name: Fraction(1)})
        regions = _joined(domain.scan(line))
        edges = [_edge(x.high, y.low) for x, y in pairwise(regions)]
        for region, left, right in zip(regions, [None, *edges], [*edges, None], strict=True):
            yield _in_words(name, left, right, region), region.defined
        for edge in edges:
            if edge is not None:
                yield f"at {name} = {edge}", domain.status({name: edge}, exact=True)[0]
        return
    for point in domain.points_anywhere():
        yield "at " + ", ".join(f"{n} = {x}" for n, x in point.items()), domain.status(point, exact=True)[0]


def _edge(low: Fraction, high: Fraction) -> Fraction | None:
    """The number of few digits at which something changes between two regions, if there is one."""
    slack = max(high - low, abs(low) / 2**40, Fraction(1, 2**40))
    if slack > Fraction(1, 2**16):
        return None
    middle = (low + high) / 2
    edge = middle.limit_denominator(1000)
    return edge if low - slack <= edge <= high + slack else None


def _in_words(name: str, left: Fraction | None, right: Fraction | None, region: Region) -> str:
    if region.low <= -_FAR and right is not None:
        return f"for {name} < {right}"
    if region.high >= _FAR and left is not None:
        return f"for {name} > {left}"
    if left is not None and right is not None:
        return f"for {left} < {name} < {right}"
    return f"at {name} = {region.sample}"


def box_around(point: Mapping[str, Fraction], radius: Fraction) -> dict[str, Any]:
    """Balls around a point."""
    return {name: Line({"t": x}, {"t": Fraction(1)}).box(-radius, radius)["t"] for name, x in point.items()}


def simple_between(low: Fraction, high: Fraction) -> Fraction:
    """A number strictly between two others that is easy to write down: near 0, with few digits.

    >>> print(simple_between(Fraction(-5), Fraction(1000)), simple_between(Fraction(100), Fraction(101)))
    1/2 201/2
    """
    for number in _EASY:
        if low < number < high:
            return number
    if low < 0 < high:  # 0 itself is too special to stand for others
        low, high = (Fraction(0), high) if high >= -low else (low, Fraction(0))
    if high > 4 * low > 4:
        high = 4 * low
    elif low < 4 * high < -4:
        low = 4 * high
    middle, largest = (low + high) / 2, 1
    while not low < middle.limit_denominator(largest) < high:
        largest *= 2
    return middle.limit_denominator(largest)


def _remoteness(low: Fraction, high: Fraction) -> float:
    """How late a box is halved: those of everyday size first."""
    size = float(max(abs(low), abs(high)))
    return 2 * max(0.0, abs(log2(size)) / 2 - 2) if size else 0.0


def _middle(low: Fraction, high: Fraction) -> Fraction:
    """A cut between two numbers: geometric while they are far apart, of few digits."""
    if low > 0 and high > 4 * low:
        return simple_between(2 * low, high / 2)
    if high < 0 and low < 4 * high:
        return simple_between(low / 2, 2 * high)
    return (low + high) / 2


def _all(parts: Iterable[Status]) -> Status:
    parts = list(parts)
    return False if False in parts else None if None in parts else True


def _same(parts: Sequence[Status]) -> Status:
    return parts[0] if parts[0] == parts[1] else None


def _is_number(graph: Graph, position: int) -> bool:
    value = literal_rational(graph, position)
    return value is not None and value != 0
