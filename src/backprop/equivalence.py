"""Are two expressions equal? The ladder, cheapest and surest rung first.

1. the exact normal form of the difference is 0: proved equal;
2. balls at exact rational points of the common domain: disjoint balls prove a difference and are
   its witness; the points cover every cell into which kinks, jumps and poles cut the domain, as far
   as `domains` finds them;
3. SymPy's rewriting: a zero proves equality, anything else means nothing;
4. agreement of the balls at many points: equal as far as sampled;
5. otherwise undecided, with the reason.

The points come from a generator seeded by the expressions themselves: the same verdict every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from hashlib import sha256
from itertools import chain, pairwise
from math import comb
from random import Random

from .algebra import proves_equal
from .domains import Domain, box_around
from .evaluate import Value, evaluate, set_precision, to_ball
from .expr import Graph, encode

POINTS = 12
DIGITS = 50
PRECISIONS = (240, 900, 3400)
_TRIES = 400
_EVERYDAY = 4
_DOUBTS = 3  # single points may differ where a function is defined by cases; so many may not


class Verdict:
    """equal, different or undecided; how it is known; and a witness of a difference."""

    __slots__ = ("verdict", "how", "reason", "points", "digits", "witness", "meanings")

    def __init__(
        self,
        verdict: str,
        how: str | None,
        reason: str = "",
        points: int = 0,
        digits: int = 0,
        witness: tuple[dict[str, Fraction], Value, Value] | None = None,
    ) -> None:
        self.verdict, self.how, self.reason = verdict, how, reason
        self.points, self.digits, self.witness = points, digits, witness
        self.meanings: dict[str, str] = {}  # what was taken for declared functions

    def __repr__(self) -> str:
        return f"<{self.verdict} ({self.how}) {self.reason}>"


def decide(
    graph: Graph,
    a: int,
    b: int,
    *,
    domain: Sequence[int] = (),
    rewriting: Callable[[], bool] | None = None,
    points: int = POINTS,
    thorough: bool = False,
) -> Verdict:
    """The verdict on two nodes; `domain` are nodes that must have a value at a sampled point.

    `rewriting` is rung 3, called only if the rungs before it do not decide. `thorough` asks for what
    an answer of a person needs: that both have values together in some interval, and that every
    cell of their domain is compared.
    """
    if proves_equal(graph, a, b):
        if thorough and not has_common_domain(graph, [a, b], domain):
            return Verdict("undecided", None, NO_DOMAIN)
        return Verdict("equal", "proved", "the same normal form")
    found = compare_at_points(graph, a, b, domain=domain, points=points, thorough=thorough)
    agreed, tried = found.agreed, found.tried
    if found.witness is not None:
        return Verdict("different", "refuted", "", agreed, DIGITS, found.witness)
    if agreed and rewriting is not None and rewriting():
        return Verdict("equal", "proved", "by rewriting")
    if thorough and found.doubtful >= _DOUBTS:
        return Verdict("undecided", None, "they differ at points around which nothing can be told", agreed, DIGITS)
    if (agreed >= points and 2 * agreed > tried) or (agreed and agreed == tried):
        if thorough and not has_common_domain(graph, [a, b], domain):
            return Verdict("undecided", None, NO_DOMAIN)
        if thorough and Domain(graph, [a, b, *domain]).may_hide_a_case():
            return Verdict("undecided", None, "a case that was never met might differ", agreed, DIGITS)
        if thorough and _equations(graph, a) != _equations(graph, b):
            return Verdict(
                "undecided", None, "an equality in a condition may hold at places that differ", agreed, DIGITS
            )
        if thorough and _jumps(graph, a) != _jumps(graph, b):
            return _between_jumps(graph, a, b, domain, agreed)
        return Verdict("equal", "sampled", "", agreed, DIGITS)
    return Verdict("undecided", None, "the values could not be told apart" if tried else NO_DOMAIN, agreed)


NO_DOMAIN = "no point was found where both have a value"


def _equations(graph: Graph, root: int) -> set[tuple[int, ...]]:
    """What is compared with == or !=: balls can seldom tell."""
    return {graph.nodes[i][1:] for i in graph.reachable([root]) if graph.nodes[i][0] in ("eq", "ne")}


def _jumps(graph: Graph, root: int) -> set[tuple[int, ...]]:
    """What the functions with infinitely many jumps are taken of: no sample can cover all of their cells."""
    return {graph.nodes[i][1:] for i in graph.reachable([root]) if graph.nodes[i][0] in ("floor", "ceil", "mod")}


def _between_jumps(graph: Graph, a: int, b: int, domain: Sequence[int], agreed: int) -> Verdict:
    """The verdict on functions with infinitely many jumps: compared between all jumps of some periods."""
    unknown = Verdict("undecided", None, "they jump at places that may differ", agreed, DIGITS)
    roots = [a, b, *domain]
    names = graph.variables(roots)
    if len(names) != 1:
        return unknown
    jumps: set[Fraction] = set()
    for position in graph.reachable(roots):
        key = graph.nodes[position]
        if key[0] in ("floor", "ceil", "mod"):
            argument = key[1] if key[0] != "mod" else graph.node("div", key[1], key[2])
            order = graph.reachable([argument])
            ends = [evaluate(graph, order, {names[0]: Fraction(x)})[argument] for x in _AT]
            if not all(isinstance(v, int | Fraction) for v in ends):
                return unknown
            d, c = Fraction(ends[0]), Fraction(ends[1]) - ends[0]
            if any(c * x + d != v for x, v in zip(_AT, ends, strict=True)):
                return unknown  # only c·x + d jumps at places that are known
            if c and abs(c) < 20:
                bound = int(abs(c) * _WINDOW) + 1
                jumps |= {(k - d) / c for k in range(-bound, bound + 1)}
    order = graph.reachable(roots)
    for low, high in pairwise(sorted(jumps)):
        point = {names[0]: (2 * low + 3 * high) / 5}
        outcome, values = _compare(graph, order, a, b, point, domain)
        if outcome is False:
            return Verdict("different", "refuted", "", agreed, DIGITS, (point, *values))
        if outcome is None and not any(map(_missing, values)):
            return unknown
        agreed += outcome is True
    return Verdict("equal", "sampled", "", agreed, DIGITS)


_WINDOW = 12  # jumps up to there are looked at
_AT = (Fraction(0), Fraction(1), Fraction(5, 2), Fraction(-17, 7))


def has_common_domain(graph: Graph, needed: Sequence[int], possible: Sequence[int] = ()) -> bool:
    """Whether a point was found around which all of `needed` have values, and none of `possible` surely has none.

    A declared function could have any domain: then nothing is asked for.
    """
    roots = [*needed, *possible]
    if any(graph.nodes[i][0].startswith("call ") for i in graph.reachable(roots)):
        return True
    domain = Domain(graph, roots)
    for point in sample_points(graph, roots, graph.variables(roots), 120):
        defined, _ = domain.status(box_around(point, Fraction(1, 2**50)))
        if all(defined[: len(needed)]) and False not in defined:
            return True
    return False


class Comparison:
    """What points say: how many agree to `DIGITS` digits, at how many both have values, and a witness against.

    `doubtful` counts the points at which the two differ without differing around them, as far as can be told,
    and those of everyday size at which nobody can tell whether they have values.
    """

    __slots__ = ("agreed", "tried", "doubtful", "witness", "last", "domain")

    def __init__(self, domain: Domain | None) -> None:
        self.agreed = self.tried = self.doubtful = 0
        self.domain = domain
        self.witness: tuple[dict[str, Fraction], Value, Value] | None = None
        self.last: dict[str, Fraction] = {}  # a point that agreed

    def take(self, point: dict[str, Fraction], outcome: bool | None, values: tuple[Value, Value]) -> bool:
        """Counts a point; whether it is a witness."""
        exist = not any(map(_missing, values))
        self.tried += exist
        if outcome is False:
            self.witness = (point, *values)
        elif outcome:
            self.agreed += 1
            self.last = point
        elif exist and not values[0].overlaps(values[1]) and all(x.denominator > 2 for x in point.values()):
            self.doubtful += 1  # at whole numbers and their halves cases meet
        elif not exist and self.domain is not None and all(abs(x) <= _EVERYDAY for x in point.values()):
            self.doubtful += False not in self.domain.status(point, exact=True)[0]
        return outcome is False


def compare_at_points(
    graph: Graph, a: int, b: int, *, domain: Sequence[int] = (), points: int = POINTS, thorough: bool = False
) -> Comparison:
    """Compares two nodes at points; `thorough` adds points of every cell that is found."""
    roots = [a, b, *domain]
    order = graph.reachable(roots)
    names = graph.variables(roots)
    found = Comparison(Domain(graph, roots) if thorough else None)
    count = points if names else 1
    for point in sample_points(graph, roots, names):
        if found.take(point, *_compare(graph, order, a, b, point, domain, fine=not found.agreed)):
            return found
        if found.agreed >= count:
            break
    if thorough and found.agreed:
        cells = Domain(graph, roots)
        near = cells.points_through(found.last) if found.last else ()
        special = cells.points_anywhere() if len(names) > 1 else ()
        for point in chain(cells.points(), near, special):
            if found.take(point, *_compare(graph, order, a, b, point, domain)):
                break
    return found


def _compare(
    graph: Graph,
    order: Sequence[int],
    a: int,
    b: int,
    point: dict[str, Fraction],
    domain: Sequence[int],
    fine: bool = False,
) -> tuple[bool | None, tuple[Value, Value]]:
    """`compare_at`, but a difference counts only if it is one in a whole neighbourhood.

    With `fine`, agreement is looked at once more far beyond the digits that count: a difference may
    hide below them.
    """
    outcome, values = compare_at(graph, order, a, b, point, domain)
    if outcome and fine:
        finer = evaluate(graph, order, point, precision=PRECISIONS[-1], exact=False)
        first, second = finer.get(a), finer.get(b)
        if first is not None and not (_missing(first) or _missing(second) or first.overlaps(second)):
            outcome, values = False, (first, second)
    if outcome is False and not _differ_around(graph, order, a, b, point, domain):
        return None, values  # a jump or a kink just here: what a single point says counts for nothing
    if outcome is False and False in Domain(graph, [a, b]).status(point)[0]:
        return None, (None, None)  # x^y has values at some x < 0, but none that calculus could use
    if outcome is None and any(map(_missing, values)):
        return _compare_exactly(graph, order, a, b, point, domain)
    return outcome, values


def _compare_exactly(
    graph: Graph, order: Sequence[int], a: int, b: int, point: dict[str, Fraction], domain: Sequence[int]
) -> tuple[bool | None, tuple[Value, Value]]:
    """Whether exact values agree where balls have none, as on the edge of a case; they refute nothing."""
    exact = evaluate(graph, order, point, precision=PRECISIONS[0])
    if any(_missing(exact.get(i)) for i in (a, b, *domain)):
        return None, (None, None)
    previous = set_precision(PRECISIONS[0])
    try:
        first, second = to_ball(exact[a]), to_ball(exact[b])
    finally:
        set_precision(previous)
    return True if agree(first, second, PRECISIONS[0]) else None, (first, second)


def compare_at(
    graph: Graph, order: Sequence[int], a: int, b: int, point: dict[str, Fraction], domain: Sequence[int] = ()
) -> tuple[bool | None, tuple[Value, Value]]:
    """True: agree to `DIGITS` digits; False: certainly different; None: no value, or not told."""
    first: Value = None
    second: Value = None
    for precision in PRECISIONS:
        values = evaluate(graph, order, point, precision=precision, exact=False)
        first, second = values.get(a), values.get(b)
        if any(_missing(v) for v in (first, second, *(values.get(i) for i in domain))):
            return None, (first, second)
        if not first.overlaps(second):
            return False, (first, second)
        if agree(first, second, precision):
            return True, (first, second)
    return None, (first, second)


def _differ_around(
    graph: Graph, order: Sequence[int], a: int, b: int, point: dict[str, Fraction], domain: Sequence[int]
) -> bool:
    """Whether the two differ in a whole neighbourhood of a point at which they differ."""
    for precision, radius in ((PRECISIONS[0], 80), (PRECISIONS[1], 200), (PRECISIONS[2], 800), (PRECISIONS[2], 3000)):
        previous = set_precision(precision)
        try:
            around = {name: to_ball(x) + to_ball(0).union(to_ball(Fraction(1, 2**radius))) for name, x in point.items()}
        finally:
            set_precision(previous)
        values = evaluate(graph, order, around, precision=precision, exact=False)
        if any(_missing(values.get(i)) for i in (a, b, *domain)):
            continue
        if not values[a].overlaps(values[b]):
            return True
    return False


def _missing(value: Value) -> bool:
    return value is None or isinstance(value, bool)


def agree(first: Value, second: Value, precision: int) -> bool:
    """Whether two balls agree to `DIGITS` significant digits (absolutely, for numbers near 0)."""
    previous = set_precision(precision)
    try:
        error = abs(first - second).upper()
        size = max(abs(first).lower(), abs(second).lower())
        near = size * to_ball(Fraction(1, 10**DIGITS))
        return bool(error < near or error < to_ball(Fraction(1, 10 ** (DIGITS + 10))))
    finally:
        set_precision(previous)


def sample_points(
    graph: Graph, roots: Sequence[int], names: Sequence[str], tries: int = _TRIES
) -> Iterator[dict[str, Fraction]]:
    """Exact rational points, deterministic: easy ones, then small and large ones of both signs and between 0 and 1.

    If the first of them did not do, those that `domains` finds come next.
    """
    if not names:
        yield {}
        return
    order = graph.reachable(roots)
    for k in range(len(_EASY)):
        yield {name: _EASY[(k + i) % len(_EASY)] * (-1) ** (k // 2 * (i + 1)) for i, name in enumerate(names)}
    seed = repr([graph.nodes[i] for i in order]) if len(order) <= 2000 else repr((len(order), list(names)[:100]))
    random = Random(int.from_bytes(sha256(_relative(seed, order, graph)).digest()[:8], "big"))
    for k in range(min(tries, 10**7 // (len(order) + 1) + 3)):
        if k == _HOPEFUL:
            yield from Domain(graph, roots).points()
        low, high = _SCALES[k % len(_SCALES)]
        yield {name: _between(random, low, high) for name in names}


_HOPEFUL = 44
_EASY = [Fraction(n, 2) for n in (1, 4, 1, 3, 5, 6)]


def _relative(seed: str, order: Sequence[int], graph: Graph) -> bytes:
    """The seed without positions that depend on what else the graph holds."""
    if len(order) > 2000:
        return seed.encode()
    return repr(encode(graph, [order[-1]])["nodes"]).encode()


_SCALES = [
    (Fraction(low), Fraction(high))
    for low, high in (
        (-3, 3), (0, 1), (1, 4), (-1, 0), (Fraction(1, 2), Fraction(3, 2)), (-1, 1), (2, 12), (-12, -2),
        (0, 100), (Fraction(1, 100), Fraction(1, 10)), (-100, 100),
    )
]  # fmt: skip


def _between(random: Random, low: Fraction, high: Fraction) -> Fraction:
    denominator = random.choice((7, 11, 13, 17, 64, 101))
    steps = int((high - low) * denominator)
    number = low + Fraction(random.randint(1, max(1, steps - 1)), denominator)
    return number or Fraction(1, denominator)  # 0 is too special to stand for others


def direction_of(k: int) -> Fraction:
    """The entry of the direction of differences for the k-th variable."""
    return Fraction(2 * k + 3, 2 * (k % 7) + 4)


def slope_agrees(
    graph: Graph, root: int, gradient: Sequence[tuple[str, int]], point: dict[str, Fraction], order: int = 1
) -> tuple[bool | None, Value]:
    """Whether derivatives agree with a difference quotient of the function itself, in balls.

    Along a direction d with rational entries, the `order`-th central difference of f with the step
    h = 2^-110 is off by about h² times a derivative of f, far below the 50 digits compared. None of
    the rules goes into it. For order 1, all variables are moved at once; above, only one.
    """
    h = Fraction(1, 2**110)
    bits = 300 + 250 * order
    direction = {name: direction_of(k) for k, (name, _) in enumerate(gradient)}
    needed = graph.reachable([root])

    def differences(shift: Fraction) -> Value:
        """The quotient of differences on a grid whose middle is `shift` steps away from the point."""
        terms = []
        for k in range(order + 1):
            step = h * (Fraction(order, 2) - k + shift)
            moved = {name: x + step * direction.get(name, 0) for name, x in point.items()}
            terms.append(evaluate(graph, needed, moved, precision=bits, exact=False)[root])
        if any(_missing(v) for v in terms):
            return None
        previous = set_precision(bits)
        try:
            return sum((-1) ** k * comb(order, k) * term for k, term in enumerate(terms)) / to_ball(h) ** order
        finally:
            set_precision(previous)

    quotient = differences(Fraction(0))
    values = evaluate(graph, graph.reachable([i for _, i in gradient]), point, precision=bits, exact=False)
    slopes: list[Value] = [values.get(i) for _, i in gradient]
    if quotient is None or any(_missing(v) for v in slopes):
        return None, None
    previous = set_precision(bits)
    try:
        given = sum(s * to_ball(direction[name] ** order) for s, (name, _) in zip(slopes, gradient, strict=True))
        size = max([abs(s).lower() for s in slopes] + [to_ball(Fraction(1, 10**15))])
        error = abs(quotient - given)
        if error.upper() < size * to_ball(Fraction(1, 10**DIGITS)):
            return True, quotient
        tolerance = size * to_ball(Fraction(1, 10**25))
        if not error.lower() > tolerance:
            return None, quotient
        # At a kink or a jump the quotients on the two sides and in the middle differ: it says nothing.
        left, right = differences(Fraction(-order - 1, 2)), differences(Fraction(order + 1, 2))
        if left is None or right is None or max(abs(left - quotient), abs(right - quotient)).upper() > tolerance:
            return None, None
        return False, quotient
    finally:
        set_precision(previous)
