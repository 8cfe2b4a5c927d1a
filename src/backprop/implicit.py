"""Relations between variables: `x² + y² = 25` defines y near most of its points.

With F = left − right, the derivative of the dependent variable is −F_x/F_y (implicit function
theorem, where F_y is not 0). Two formulas for it are the same if they agree on the curve F = 0, which
is proved by polynomial division or refuted at certified points of the curve.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from .algebra import vanishes_with
from .answers import Answer
from .domains import Domain
from .equivalence import DIGITS, PRECISIONS, Verdict, agree
from .errors import UsageError
from .evaluate import Value, evaluate, set_precision, to_ball
from .expr import LEAVES, Graph, fresh_prefix
from .parser import Equation, parse_equation
from .passes import dependent_variable
from .program import split_top
from .reverse import backpropagate
from .tidy import Tidy
from .zeros import zeros

_WANTED = 10  # points on the curve
_FIRST = [Fraction(n, 2) for n in (1, 2, 4, 6, -1, -2, 3, 8, -4, -6, 5, 10, 0, -8, 20, -20, 200)]
_PLACES = sorted({Fraction(sign * n, 4) for n in (*range(0, 33, 2), 40, 48, 64, 100, 400, 4000) for sign in (1, -1)})


class Relation:
    """F = 0, with its dependent variable."""

    def __init__(self, equation: Equation, wrt: Sequence[str] | None, of: str | None) -> None:
        assert equation.right is not None
        self.equation, self.graph = equation, equation.graph
        self.difference = Tidy(self.graph).sub(equation.root, equation.right)
        names = self.graph.variables([equation.root, equation.right])
        self.names = names
        self.dependent = dependent_variable(names, wrt or (), of)
        self._points: list[dict[str, Value]] = []
        self._more = self._search()

    def derivative(self, name: str, order: int = 1) -> int:
        """The derivative of the dependent variable by another, as a node in all variables."""
        tidy, y = Tidy(self.graph), self.dependent
        partials = backpropagate(self.graph, self.difference, [name, y]).gradient
        first = result = tidy.neg(tidy.div(partials[name], partials[y]))
        for _ in range(order - 1):  # the total derivative: g_x + g_y·y'
            parts = backpropagate(self.graph, result, [name, y]).gradient
            result = tidy.sum([parts[name], tidy.mul(parts[y], first)])
        return result

    # -- points on the curve -----------------------------------------------------------------------

    def points(self) -> Iterator[dict[str, Value]]:
        """Points of the curve: exact values for all variables but one, and a certified ball or number for it."""
        yield from self._points
        for point in self._more:
            self._points.append(point)
            yield point

    def solutions(self, given: dict[str, Value]) -> tuple[list[Value], bool]:
        """The values of the dependent variable where the others are given, and whether these are all.

        Rational ones are exact, others are balls that certainly hold one. Elimination finds all of them
        where the relation is algebraic (`zeros`); elsewhere a search may miss some.
        """
        if all(isinstance(value, int | Fraction) for value in given.values()):
            graph, y = self.graph, self.dependent
            numbers = {graph.variable(name): graph.number(value) for name, value in given.items()}
            found = zeros(graph, [graph.substitute(self.difference, numbers)], [y])
            repeats = any(point[y].period is not None for point in found.points)
            if found.complete and not found.families and not repeats:
                values = [self._exact(given, point[y].ball) for point in found.points]
                return sorted((v for v in values if v is not None), key=float), True
        return sorted(self._roots(given), key=float), False

    def _exact(self, given: dict[str, Value], ball: Value) -> Value:
        """The rational number near a root if it is one itself, else the ball; None if it is no root at all."""
        easy = Fraction(float(ball)).limit_denominator(10**6)
        order = self.graph.reachable([self.difference])
        point = {**given, self.dependent: easy}
        if ball.overlaps(to_ball(easy)) and evaluate(self.graph, order, point)[self.difference] == 0:
            return easy.numerator if easy.denominator == 1 else easy
        around = evaluate(self.graph, order, {**given, self.dependent: ball}, precision=200, exact=False)
        return None if around[self.difference] is None else ball

    def _search(self) -> Iterator[dict[str, Value]]:
        others = [name for name in self.names if name != self.dependent]
        for k in range(len(_FIRST)):
            given: dict[str, Value] = {name: _FIRST[(k + 3 * i) % len(_FIRST)] for i, name in enumerate(others)}
            for root in self._roots(given):
                yield {**given, self.dependent: root}

    def _roots(self, given: dict[str, Value]) -> list[Value]:
        """Where F(given, ·) changes its sign, as certified balls; rational numbers where they are roots."""
        order = self.graph.reachable([self.difference])

        def value(y: Value) -> Value:
            return evaluate(self.graph, order, {**given, self.dependent: y}, precision=200, exact=False)[
                self.difference
            ]

        def sign(y: Fraction) -> int | None:
            found = value(y)
            return None if found is None else 1 if found > 0 else -1 if found < 0 else 0 if found.is_zero() else None

        roots: list[Value] = []
        before: tuple[Fraction, int] | None = None
        for y in _PLACES:
            here = sign(y)
            if here == 0:
                roots.append(y)
            if before is not None and here is not None and here * before[1] < 0:
                root = _bisect(before[0], y, before[1], sign)
                if root is not None:
                    roots.append(root if isinstance(root, Fraction) else self._certified(given, root))
            before = (y, here) if here else None
        return [root for root in roots if root is not None]

    def _certified(self, given: dict[str, Value], bounds: tuple[Fraction, Fraction]) -> Value:
        """A ball that holds a root, by the interval Newton method: it does if the step maps into the ball."""
        slope = backpropagate(self.graph, self.difference, [self.dependent]).gradient[self.dependent]
        roots = [self.difference, slope]
        order = self.graph.reachable(roots)
        precision = PRECISIONS[1]
        previous = set_precision(precision)
        try:
            ball = to_ball(bounds[0]).union(to_ball(bounds[1]))
            certain = False
            for _ in range(12):
                middle = to_ball(0) + ball.mid()
                above = evaluate(self.graph, order, {**given, self.dependent: middle}, precision=precision, exact=False)
                around = evaluate(self.graph, order, {**given, self.dependent: ball}, precision=precision, exact=False)
                if above[self.difference] is None or around[slope] is None or around[slope].contains(0):
                    return None
                step = middle - above[self.difference] / around[slope]
                certain = certain or bool(ball.contains(step))
                if not step.overlaps(ball):
                    return None
                narrower = step.intersection(ball)
                if certain and not narrower.rad() < ball.rad() / 2:
                    break
                ball = narrower
            return ball if certain else None
        finally:
            set_precision(previous)


def _bisect(
    low: Fraction, high: Fraction, at_low: int, sign: Callable[[Fraction], int | None]
) -> Fraction | tuple[Fraction, Fraction] | None:
    """A rational root between two places of different sign, or a small interval around an irrational one."""
    for _ in range(40):
        middle = (low + high) / 2
        easy = middle.limit_denominator(12)
        if low < easy < high and sign(easy) == 0:
            return easy
        here = sign(middle)
        if here is None:
            return None
        if here == 0:
            return middle
        low, high = (middle, high) if here == at_low else (low, middle)
    return low, high


def read_solved(relation: Relation, text: str, *, log10: bool = False) -> Answer | None:
    """An answer that is an equation for the derivative, `y + x y' = 0`, solved for it; None if it is none."""
    y = relation.dependent
    other = next((name for name in relation.names if name != y), "x")
    called = re.compile(
        rf"(?<![A-Za-z0-9_]){re.escape(y)}\s*['’′](?!['’′])|d\s*{re.escape(y)}\s*/\s*d\s*{re.escape(other)}"
    )
    solved = re.match(rf"\s*(?:{called.pattern})\s*=(.*)$", text, re.DOTALL)
    if not called.search(text) or "=" not in text or (solved and not called.search(solved[1])):
        return None
    graph, tidy = relation.graph, Tidy(relation.graph)
    slope = fresh_prefix(relation.names, "pqrs")
    marked = called.sub(lambda match: slope.ljust(len(match[0])), text)
    sides = [
        parse_equation(" " * low + marked[low:high], wrt=[*relation.names, slope], graph=graph, log10=log10)
        for low, high in split_top(marked, "=")
    ]
    if len(sides) != 2:
        raise UsageError("more than one `=` in an equation for the derivative", text=text, start=0, end=len(text),
                         hint="write the derivative alone on the left")  # fmt: skip
    difference = tidy.sub(sides[0].root, sides[1].root)
    solved_for = solve_linear(graph, difference, slope)
    if solved_for is None:
        raise UsageError(f"not linear in {y}'", text=text, start=0, end=len(text), hint=f"solve it for {y}'")
    answer = Answer(text)
    answer.entries, answer.texts = [[solved_for]], [[text]]
    answer.wrt, answer.notes = [None], [note for side in sides for note in side.notes]
    answer.notes.append(f"the answer is an equation for {y}', solved for it")
    return answer


def solve_linear(graph: Graph, equation: int, name: str) -> int | None:
    """The variable `name` from equation = 0, if that is linear in it, else None."""
    tidy = Tidy(graph)
    factor = backpropagate(graph, equation, [name]).gradient[name]
    if name in graph.variables([factor]) or factor == tidy.zero:
        return None
    rest: dict[int, int] = {}  # the equation with 0 for the variable
    for position in graph.reachable([equation]):
        key = graph.nodes[position]
        if key[0] in LEAVES:
            rest[position] = tidy.zero if key == ("var", name) else position
        else:
            rest[position] = tidy.make(key[0], *[rest[i] for i in key[1:]])
    return tidy.neg(tidy.div(rest[equation], factor))


def _is_exact(point: dict[str, Value]) -> bool:
    return all(isinstance(x, int | Fraction) for x in point.values())


def decide_on(relation: Relation, a: int, b: int) -> Verdict:
    """Whether two nodes agree on the curve; the witness holds a ball where the point is irrational."""
    graph = relation.graph
    if next(relation.points(), None) is None:
        return Verdict("undecided", None, "no point of the curve was found")
    if vanishes_with(graph, Tidy(graph).sub(a, b), relation.difference):
        return Verdict("equal", "proved", "the difference is a multiple of the relation")
    order = graph.reachable([a, b])
    agreed = 0
    against: list[tuple[dict[str, Value], Value, Value]] = []
    for point in relation.points():
        for precision in PRECISIONS[:2]:
            values = evaluate(graph, order, point, precision=precision, exact=False)
            first, second = values[a], values[b]
            if first is None or second is None:
                break
            if not first.overlaps(second):
                against.append((point, first, second))
                break
            if agree(first, second, precision):
                agreed += 1
                break
        if agreed >= _WANTED or len(against) >= (2 + 2 * agreed if _is_exact(point) else 16):
            break
    if against and len(against) > 1:
        # A point that can be computed by hand is the better witness.
        exact = [w for w in against if _is_exact(w[0])]
        return Verdict("different", "refuted", "", agreed, DIGITS, (exact or against)[0])
    if Domain(graph, [a]).cases != Domain(graph, [b]).cases:
        return Verdict("undecided", None, "one has cases that the points of the curve may not have met", agreed)
    if agreed >= 3 and not against:
        return Verdict("equal", "sampled", "", agreed, DIGITS)
    return Verdict("undecided", None, "too few points of the curve were found", agreed)
