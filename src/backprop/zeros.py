"""All real common zeros of expressions, by elimination: a finite grid that holds every one of them.

The numerators of the normal forms (`algebra`) are polynomials over kernels. Their factors that are never 0 (e^u, say)
are left out; roots, signs and i come with an equation of their own (g² = u). If every variable is left in one kernel
alone - itself, e^(cx), ln x, or e^(icx), whose zeros repeat - resultants eliminate all kernels but one, python-flint
isolates all roots of the polynomial that remains, and turning the kernel round gives all values that the variable can
have. What cannot be done so is said: `Zeros.complete`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import gcd, isqrt, lcm
from typing import Any, NamedTuple

from .algebra import Field, Kernel, Poly, in_field
from .constants import power_of_e
from .evaluate import Exact, Value, evaluate, set_precision, to_ball
from .expr import Graph
from .tidy import Tidy, exact_root

BITS = 900  # of the balls
MAX_SYSTEMS = 300
MAX_DEGREE = 60
MAX_GRID = 4000
_ANGLES = 60  # the largest n of an angle that is written k·π/n
_NEVER_ZERO = frozenset({"exp", "expi", "i", "sign", "pi"})

_TURNS = frozenset({"cos", "tan"})

System = tuple[Poly, ...]


class Coordinate(NamedTuple):
    """A value of one variable: a ball of `BITS` bits, a node that says exactly what it is, and whether it repeats.

    The period is a number of times π.
    """

    ball: Value
    node: int | None
    period: Fraction | None = None


Point = dict[str, Coordinate]


class Family(NamedTuple):
    """Infinitely many zeros: some variables are fixed, the others are free or satisfy `equation` = 0 (a node)."""

    fixed: Point
    equation: int | None


class Zeros(NamedTuple):
    """The points found, whether these and the families are certainly all, and what was not solved otherwise."""

    points: list[Point]
    families: list[Family]
    complete: bool


class _Unsolved(Exception):
    """A system that elimination cannot solve."""


def zeros(graph: Graph, nodes: Sequence[int], names: Sequence[str]) -> Zeros:
    """If `complete`, every real common zero of the nodes around which they have values is among what is returned.

    A point that surely is no zero is left out; where a node has no value, or its ball holds 0, the
    point is kept: the caller looks closer.
    """

    def solve(field: Field) -> Zeros:
        return _Solver(field, [field.form(i)[0] for i in nodes], names).solve()

    found = in_field(graph, nodes, False, solve)
    if found is None or not found.complete:  # |sin x| has a normal form only if sin x is a kernel
        found = in_field(graph, nodes, True, solve) or found
    if found is None:
        return Zeros([], [], False)
    order = graph.reachable(nodes)
    points: list[Point] = []
    seen: list[list[Value]] = []
    for point in found.points:
        values = evaluate(graph, order, {x: c.ball for x, c in point.items()}, precision=BITS, exact=False)
        balls = [c.ball for c in point.values()]
        if any(v is not None and not v.contains(0) for v in (values[i] for i in nodes)):
            continue
        if not any(all(map(_overlap, balls, others)) for others in seen):
            points.append(point)
            seen.append(balls)
    return found._replace(points=points)


def _overlap(a: Value, b: Value) -> bool:
    return bool(a.overlaps(b))


class _Solver:
    """One attempt, in one field."""

    def __init__(self, field: Field, tops: Sequence[Poly], names: Sequence[str]) -> None:
        self.field, self.names = field, list(names)
        self.graph, self.tidy = field.graph, Tidy(field.graph)
        self.tops = [top for top in tops if top != 0]
        self.points: list[Point] = []
        self.families: list[Family] = []
        self.complete = True

    def solve(self) -> Zeros:
        """The zeros of all systems into which the numerators split."""
        try:
            waiting = self.systems(self.tops)
        except _Unsolved:
            return Zeros([], [], False)
        done: set[frozenset[str]] = set()
        while waiting:
            system = waiting.pop()
            key = frozenset(map(str, system))
            if key in done or len(done) > MAX_SYSTEMS:
                self.complete = self.complete and key in done
                continue
            done.add(key)
            try:
                waiting += self._solve_system(system)
            except _Unsolved:
                self.complete = False
        kept = [point for point in self.points if not any(self._holds(family, point) for family in self.families)]
        return Zeros(kept, self.families, self.complete)

    # -- factors -----------------------------------------------------------------------------------

    def used(self, p: Poly) -> list[Kernel]:
        """The kernels that occur in a polynomial."""
        return [k for n, k in zip(p.degrees(), self.field.kernels, strict=False) if n]

    def systems(self, polynomials: Iterable[Poly]) -> list[System]:
        """Systems of irreducible polynomials: every common zero of the polynomials is one of one of these."""
        found: dict[frozenset[str], System] = {frozenset(): ()}
        for p in polynomials:
            options = self._options(p)
            following: dict[frozenset[str], System] = {}
            for key, system in found.items():
                if any(key >= {str(q) for q in option} for option in options):
                    following[key] = system  # one of its factors is 0 already
                    continue
                for option in options:
                    new = {str(q): q for q in (*system, *option)}
                    following[frozenset(new)] = tuple(new.values())
            found = following
            if len(found) > MAX_SYSTEMS:
                raise _Unsolved
        return list(found.values())

    def _options(self, p: Poly) -> list[System]:
        """What must be 0 together for p to be 0: one system for each factor that can be."""
        options: list[System] = []
        waiting = [p]
        while waiting:
            p = waiting.pop()
            if p.is_constant():
                if p == 0:
                    options.append(())
                continue
            for factor, _ in p.factor()[1]:
                used = self.used(factor)
                if len(factor) == 1 and len(used) == 1 and factor.total_degree() == 1:
                    kernel = used[0]
                    if kernel.key[0] in _NEVER_ZERO or (kernel.key[0] == "log of" and isinstance(kernel.key[1], int)):
                        continue
                    if kernel.key[0] == "root of" and kernel.relation is not None:
                        waiting.append(kernel.relation[1][0])  # a root is 0 where its base is
                        continue
                elif self.field.is_positive(factor) or self.field.is_positive(-factor):
                    continue
                options.append(self._pure(factor) or (factor / factor.leading_coefficient(),))
        return options

    def _pure(self, p: Poly) -> System | None:
        """x and y for x² + y²: the terms of a sum of squares are 0 together."""
        terms = p.to_dict()
        signs = {c > 0 for c in terms.values()}
        if len(terms) < 2 or len(signs) > 1 or any(n % 2 for exponents in terms for n in exponents):
            return None
        if any(k.key[0] != "var" for k in self.used(p)):
            return None
        pure = {i for exponents in terms for i, n in enumerate(exponents) if n and sum(map(bool, exponents)) == 1}
        if any(pure.isdisjoint(i for i, n in enumerate(exponents) if n) for exponents in terms):
            return None
        return tuple(self.field.generators[i] for i in sorted(pure))

    # -- one system --------------------------------------------------------------------------------

    def _solve_system(self, system: System) -> list[System]:
        """Adds the zeros of a system of irreducible polynomials; or returns simpler ones that are left to be solved."""
        field = self.field
        relations: dict[int, Poly] = {}
        waiting = [k for p in system for k in self.used(p)]
        generators: dict[str, Kernel] = {}
        while waiting:
            kernel = waiting.pop()
            if kernel.relation is not None:
                if kernel.index not in relations:
                    q, (top, bottom) = kernel.relation
                    relations[kernel.index] = field.generators[kernel.index] ** q * bottom - top
                    waiting += [k for k in self.used(relations[kernel.index]) if k is not kernel]
                continue
            name = self._variable(kernel)
            if generators.setdefault(name, kernel) is not kernel:
                raise _Unsolved  # x and e^x, say
        if any(name not in self.names for name in generators) or (relations and len(generators) < len(self.names)):
            raise _Unsolved  # with parameters, or on one side of a kink only
        simpler = self._put_in(system)
        if simpler is not None:
            return simpler
        whole = (*system, *relations.values())
        if system and len(whole) < len(generators) + len(relations):
            return self._curve(system, generators)
        fixed: dict[str, list[Coordinate]] = {}
        for name, kernel in generators.items():
            fixed[name] = [x for p in self._eliminate(whole, kernel) for x in self._turned_round(p, kernel)]
        self._add(fixed)
        return []

    def _put_in(self, system: System) -> list[System] | None:
        """The system with x = 2 put into its other polynomials, if it says so; None if nothing changes."""
        for p in system:
            used = self.used(p)
            if len(used) > 1 or used[0].key[0] != "var" or p.total_degree() > 1:
                continue
            index, name = used[0].index, used[0].key[1]
            changed = [q for q in system if q is not p and q.degrees()[index]]
            kernels = [k for q in system for k in self.used(q) if k.key[0] != "var"]
            if not changed or any(k.relation is not None or self._variable(k) == name for k in kernels):
                continue
            c = _rationals(p, index)
            value = -c[0] / c[1]
            others = [q for q in system if q is not p and not q.degrees()[index]]
            return self.systems([p, *others, *(_at(q, index, value, self.field) for q in changed)])
        return None

    def _variable(self, kernel: Kernel) -> str:
        """The variable that a kernel is a function of and that it can be solved for."""
        op = kernel.key[0]
        if op == "var":
            return str(kernel.key[1])
        if op in ("exp", "expi"):
            _, monomial, bottom = self.field.exponent(kernel)
            used = self.used(monomial)
            if bottom.is_one() and [k.key[0] for k in used] == ["var"]:
                if op == "exp" or monomial.total_degree() == 1:
                    return str(used[0].key[1])
        elif op == "log of" and not isinstance(kernel.key[1], int):
            top, bottom = kernel.key[2].quotient
            used = self.used(top)
            if bottom.is_one() and [k.key[0] for k in used] == ["var"] and top.total_degree() == 1:
                return str(used[0].key[1])
        elif op in _TURNS:
            return str(self._argument(kernel)[1].key[1])
        raise _Unsolved

    def _argument(self, kernel: Kernel) -> tuple[Fraction, Kernel]:
        """(c, x) for a kernel cos(cx) or tan(cx)."""
        top, bottom = kernel.key[1]
        match = re.fullmatch(r"(?:(\d+(?:/\d+)?)\*)?g(\d+)", top)
        if match is None or not bottom.isdigit() or self.field.kernels[int(match[2])].key[0] != "var":
            raise _Unsolved
        return Fraction(match[1] or 1) / int(bottom), self.field.kernels[int(match[2])]

    def _curve(self, system: System, generators: Mapping[str, Kernel]) -> list[System]:
        """A system with more variables than equations: lines, curves, or points where a polynomial only touches 0."""
        if any(k.key[0] != "var" for p in system for k in self.used(p)):
            raise _Unsolved
        single = [p for p in system if len(self.used(p)) == 1]
        several = [p for p in system if len(self.used(p)) > 1]
        if len(several) > 1 or {k for p in single for k in self.used(p)} & {k for p in several for k in self.used(p)}:
            raise _Unsolved
        if several and not self._changes_sign(several[0]):
            # An irreducible polynomial that never changes its sign is 0 only where its gradient is 0, too.
            self.complete = False  # unless a change was missed
            p = several[0]
            return self.systems([*system, *(p.derivative(k.index) for k in self.used(p))])
        fixed: dict[str, list[Coordinate]] = {}
        for p in single:
            (kernel,) = self.used(p)
            fixed[self._variable(kernel)] = self._turned_round(p, kernel)
        equation = self._node(several[0]) if several else None
        for choice in product(*fixed.values()):
            self.families.append(Family(dict(zip(fixed, choice)), equation))
        return []

    def _changes_sign(self, p: Poly) -> bool:
        places = [Fraction(n, 2) for n in (0, 1, -1, 3, -3, 8, -8)]
        used = self.used(p)
        signs = set()
        for point in product(places, repeat=min(len(used), 4)):
            value = evaluate_polynomial(p, dict(zip((k.index for k in used), point)))
            signs.add((value > 0) - (value < 0))
        return {1, -1} <= signs

    def _holds(self, family: Family, point: Point) -> bool:
        """Whether a point belongs to a family."""
        for name, coordinate in family.fixed.items():
            if not _overlap(coordinate.ball, point[name].ball):
                return False
        if family.equation is None:
            return True
        order = self.graph.reachable([family.equation])
        inputs = {name: c.ball for name, c in point.items()}
        value = evaluate(self.graph, order, inputs, precision=BITS, exact=False)[family.equation]
        return value is not None and bool(value.contains(0))

    def _add(self, fixed: Mapping[str, list[Coordinate]]) -> None:
        """The points of a grid; a line if a variable has no value of its own."""
        size = 1
        for values in fixed.values():
            size *= len(values)
        if size > MAX_GRID:
            raise _Unsolved
        free = [name for name in self.names if name not in fixed]
        for choice in product(*fixed.values()):
            point = dict(zip(fixed, choice))
            if free:
                self.families.append(Family(point, None))
            else:
                self.points.append({name: point[name] for name in self.names})

    def _node(self, p: Poly) -> int:
        """A polynomial in the variables as a node."""
        terms = []
        for exponents, coefficient in sorted(p.to_dict().items(), key=lambda t: (-sum(t[0]), *(-n for n in t[0]))):
            node = self.graph.number(Fraction(int(coefficient.p), int(coefficient.q)))
            for n, kernel in zip(exponents, self.field.kernels, strict=False):
                if n:
                    variable = self.graph.variable(kernel.key[1])
                    node = self.tidy.mul(node, self.tidy.pow(variable, self.graph.number(int(n))))
            terms.append(node)
        return self.tidy.sum(terms)

    # -- elimination -------------------------------------------------------------------------------

    def _eliminate(self, system: System, keep: Kernel) -> list[Poly]:
        """Irreducible polynomials in one kernel: at every zero of the system, one of them is 0."""
        found: dict[str, Poly] = {}
        waiting, count = [system], 0
        while waiting:
            system = waiting.pop()
            count += 1
            if count > MAX_SYSTEMS:
                raise _Unsolved
            others = {k.index for p in system for k in self.used(p)} - {keep.index}
            if not others:
                if not system:
                    raise _Unsolved  # nothing is said about the kernel
                if len(system) == 1:
                    found[str(system[0])] = system[0]
                continue  # of two irreducible polynomials, one has no root of the other
            index, pivot = min(
                ((i, p) for i in others for p in system if p.degrees()[i]),
                key=lambda choice: (choice[1].degrees()[choice[0]], len(choice[1]), choice[0]),
            )
            rest = [p for p in system if not p.degrees()[index]]
            made = []
            for p in system:
                if p.degrees()[index] and p is not pivot:
                    if p.total_degree() * pivot.total_degree() > MAX_DEGREE**2 // 4:
                        raise _Unsolved
                    made.append(p.resultant(pivot, str(self.field.generators[index])))
            waiting += self.systems([*rest, *made])
        return list(found.values())

    # -- values ------------------------------------------------------------------------------------

    def _turned_round(self, p: Poly, kernel: Kernel) -> list[Coordinate]:
        """The values of the variable at which the kernel is a root of a polynomial in it alone."""
        coefficients = _integers(p, kernel.index)
        if len(coefficients) > MAX_DEGREE:
            raise _Unsolved
        previous = set_precision(BITS)
        try:
            to_ball(0)
            if kernel.key[0] == "expi":
                return list(self._angles(coefficients, kernel))
            roots = [(ball, self._radical(coefficients, ball)) for ball in _real_roots(coefficients)]
            if kernel.key[0] in _TURNS:
                return [x for ball, node in roots for x in self._turns(ball, node, kernel)]
            return [x for ball, node in roots for x in self._solved(ball, node, kernel)]
        finally:
            set_precision(previous)

    def _solved(self, ball: Value, node: int | None, kernel: Kernel) -> Iterator[Coordinate]:
        """The values of x for kernel = t: x = t, e^(c·x^k) = t, or ln(ax + b) = t."""
        tidy, op = self.tidy, kernel.key[0]
        if op == "var":
            yield Coordinate(ball, node)
        elif op == "exp":
            if not ball > 0:
                return
            unit, monomial, _ = self.field.exponent(kernel)
            unit *= Fraction(int(monomial.leading_coefficient().p), int(monomial.leading_coefficient().q))
            k = int(monomial.total_degree())
            logarithm = None if node is None else _scaled(tidy, self._log(node), 1 / unit)
            below = ball.log() / to_ball(unit)
            if k == 1:
                yield Coordinate(below, logarithm)
            elif k % 2:
                yield Coordinate(_odd_root(below, k), None if logarithm is None else self._root(logarithm, k))
            elif not below < 0:
                if logarithm == tidy.zero:
                    yield Coordinate(to_ball(0), logarithm)
                    return
                root = None if logarithm is None else self._root(logarithm, k)
                yield Coordinate(below.root(k), root)
                yield Coordinate(-below.root(k), None if root is None else tidy.neg(root))
        else:
            top = kernel.key[2].quotient[0]
            (variable,) = self.used(top)
            b, a = _rationals(top, variable.index)
            power = None if node is None else self._exp(node)
            if power is not None and not (a == 1 and b == 0):
                power = _scaled(tidy, tidy.sub(power, self.graph.number(b)), 1 / a)
            yield Coordinate((ball.exp() - to_ball(b)) / to_ball(a), power)

    def _turns(self, ball: Value, node: int | None, kernel: Kernel) -> Iterator[Coordinate]:
        """The values of x for cos(cx) = t or tan(cx) = t, within one period around 0."""
        c, _ = self._argument(kernel)
        op = kernel.key[0]
        if op == "cos" and (ball > 1 or ball < -1):
            return
        angle = ball.acos() if op == "cos" else ball.atan()
        period = Fraction(2 if op == "cos" else 1) / c
        position = None
        if node is not None:
            key = self.graph.nodes[node]
            known = {0: Fraction(1, 2), 1: Fraction(0), -1: Fraction(1), Fraction(1, 2): Fraction(1, 3),
                     Fraction(-1, 2): Fraction(2, 3)} if op == "cos" else {0: Fraction(0), 1: Fraction(1, 4),
                     -1: Fraction(-1, 4)}  # fmt: skip
            turn = known.get(key[1]) if key[0] == "num" else None
            if turn is not None:
                position, angle = self._pi(turn / c), to_ball(turn) * to_ball(Exact("pi", 1))
            else:
                position = _scaled(self.tidy, self.graph.node("acos" if op == "cos" else "atan", node), 1 / c)
        yield Coordinate(angle / to_ball(c), position, period)
        if op == "cos" and not angle.is_zero() and not (ball + 1).is_zero():
            yield Coordinate(-angle / to_ball(c), None if position is None else self.tidy.neg(position), period)

    def _angles(self, coefficients: Sequence[int], kernel: Kernel) -> Iterator[Coordinate]:
        """x for the roots of e^(icx) on the unit circle, within one period around 0."""
        from flint import acb, arb, fmpz_poly

        unit, monomial, _ = self.field.exponent(kernel)
        unit *= Fraction(int(monomial.leading_coefficient().p), int(monomial.leading_coefficient().q))
        period = 2 / abs(unit)
        polynomial = fmpz_poly(list(coefficients))
        for root, _ in polynomial.complex_roots():
            root = acb(root)
            if not abs(root).contains(1):
                continue
            if root.imag.is_zero():
                turn: Fraction | None = Fraction(0) if root.real > 0 else Fraction(1)
                angle = to_ball(0) if turn == 0 else arb.pi()
            else:
                angle = root.arg()
                turn = _turn(polynomial, angle / arb.pi())
            node = None
            if turn is not None:
                node = self._pi(turn / abs(unit))
                angle = arb.pi() * to_ball(turn)
            else:
                cosine = self._cosine(coefficients, root.real)
                if cosine is not None:
                    node = _scaled(self.tidy, self.graph.node("acos", cosine), 1 / abs(unit))
                    node = node if angle > 0 else self.tidy.neg(node)
            yield Coordinate(angle / to_ball(abs(unit)), node, period)

    def _cosine(self, coefficients: Sequence[int], ball: Value) -> int | None:
        """The real part of a root on the circle of a·z⁴ + b·z³ + c·z² + b·z + a, or of such a quadratic, as a node."""
        if list(coefficients) != list(coefficients)[::-1] or len(coefficients) not in (3, 5):
            return None
        if len(coefficients) == 3:
            a, b, _ = coefficients
            return self._radical([b, 2 * a], ball)
        a, b, c, _, _ = coefficients  # with w = z + 1/z, twice the cosine: a·w² + b·w + c − 2a
        return self._radical([c - 2 * a, 2 * b, 4 * a], ball)

    # -- nodes -------------------------------------------------------------------------------------

    def _pi(self, turn: Fraction) -> int:
        """turn·π, as it is written: 3*pi/4."""
        graph, tidy = self.graph, self.tidy
        node = tidy.mul(graph.number(abs(turn.numerator)), graph.node("pi"))
        if turn.denominator != 1:
            node = graph.node("div", node, graph.number(turn.denominator))
        return tidy.neg(node) if turn < 0 else node

    def _log(self, node: int) -> int:
        """ln of a positive number; of a rational one with the power taken out: −ln 2 for 1/2."""
        key = self.graph.nodes[node]
        if key[0] != "num":
            return self.tidy.log(node)
        t = Fraction(key[1])
        if t < 1:
            return self.tidy.neg(self._log_above(1 / t))
        return self._log_above(t)

    def _log_above(self, t: Fraction) -> int:
        for n in range(min(60, t.numerator.bit_length()), 1, -1):
            root = exact_root(t, n)
            if root is not None and t != 1:
                return self.tidy.mul(self.graph.number(n), self.tidy.log(self.graph.number(root)))
        return self.tidy.log(self.graph.number(t))

    def _exp(self, node: int) -> int:
        """e^t: 1/e for t = −1."""
        graph, tidy = self.graph, self.tidy
        key = graph.nodes[node]
        if key[0] != "num" or key[1] == 0:
            return tidy.exp(node)
        power = power_of_e(tidy, abs(Fraction(key[1])))
        return power if key[1] > 0 else graph.node("div", tidy.one, power)

    def _root(self, node: int, n: int) -> int:
        """The real n-th root."""
        graph = self.graph
        key = graph.nodes[node]
        negative = key[0] == "num" and key[1] < 0
        if key[0] == "num":
            exact = exact_root(abs(key[1]), n)
            node = graph.number(abs(key[1])) if exact is None else graph.number(exact)
            if exact is not None:
                return self.tidy.neg(node) if negative else node
        if n in (2, 3):
            root = graph.node("sqrt" if n == 2 else "cbrt", node)
        else:
            root = graph.node("pow", node, graph.number(Fraction(1, n)))
        return self.tidy.neg(root) if negative else root

    def _radical(self, coefficients: Sequence[int], ball: Value) -> int | None:
        """The root in a ball, of a polynomial of degree 1, 2, or (moved by a number) in x² of these, or xⁿ = c."""
        degree = len(coefficients) - 1
        shift = Fraction(-coefficients[-2], degree * coefficients[-1]) if degree > 2 else Fraction(0)
        node = self._centred(_moved(coefficients, shift), ball - to_ball(shift))
        return None if node is None else self.tidy.add(self.graph.number(shift), node)

    def _centred(self, coefficients: Sequence[int], ball: Value) -> int | None:
        degree = len(coefficients) - 1
        if degree == 1:
            return self.graph.number(Fraction(-coefficients[0], coefficients[1]))
        if degree == 2:
            return self._surd(coefficients, ball)
        if degree > 2 and not any(coefficients[1:-1]):
            node = self._root(self.graph.number(abs(Fraction(coefficients[0], coefficients[-1]))), degree)
        elif degree == 4 and coefficients[1] == coefficients[3] == 0:
            square = self._surd(coefficients[::2], ball * ball)
            if square is None:
                return None
            node = self._root(square, 2)
        else:
            return None
        return node if ball > 0 else self.tidy.neg(node)

    def _surd(self, coefficients: Sequence[int], ball: Value) -> int | None:
        """(p ± q·√d)/r, in lowest terms."""
        c, b, a = coefficients
        inside = b * b - 4 * a * c
        if inside < 0:
            return None
        square, free = _square_part(inside)
        if free == 1 or inside == 0:  # reducible: a factor of what was given
            root = next(
                (x for s in (1, -1) for x in [Fraction(-b + s * square, 2 * a)] if ball.contains(to_ball(x))), 0
            )
            return self.graph.number(root)
        sign = 1 if (ball * (2 * a) + b) > 0 else -1
        p, q, r = -b, sign * square, 2 * a
        if r < 0:
            p, q, r = -p, -q, -r
        common = gcd(p, q, r)
        p, q, r = p // common, q // common, r // common
        graph, tidy = self.graph, self.tidy
        root = tidy.mul(graph.number(abs(q)), graph.node("sqrt", graph.number(free)))
        if p == 0:
            node = root if r == 1 else graph.node("div", root, graph.number(r))
            return node if q > 0 else tidy.neg(node)
        node = graph.node("add" if q > 0 else "sub", graph.number(p), root)
        return node if r == 1 else graph.node("div", node, graph.number(r))


def _scaled(tidy: Tidy, node: int, factor: Fraction) -> int:
    """factor·node, with the denominator below a bar."""
    node = tidy.mul(tidy.graph.number(factor.numerator), node)
    return node if factor.denominator == 1 else tidy.div(node, tidy.graph.number(factor.denominator))


def _turn(polynomial: Any, ball: Value) -> Fraction | None:
    """The rational number t in a ball, if e^(iπt) is a root of the (irreducible) polynomial."""
    from flint import fmpz_poly

    t = Fraction(float(ball)).limit_denominator(_ANGLES)
    if not ball.contains(to_ball(t)):
        return None
    order = 2 * t.denominator // gcd(2 * t.denominator, t.numerator)
    cyclotomic = fmpz_poly.cyclotomic(order)
    return t if polynomial in (cyclotomic, -cyclotomic) else None


def _odd_root(ball: Value, n: int) -> Value:
    return -((-ball).root(n)) if ball < 0 else ball.root(n)


def _rationals(p: Poly, index: int) -> list[Fraction]:
    """The coefficients of a polynomial in one kernel, lowest first."""
    found = [Fraction(0)] * (int(p.degrees()[index]) + 1)
    for exponents, c in p.to_dict().items():
        found[int(exponents[index])] = Fraction(int(c.p), int(c.q))
    return found


def _at(p: Poly, index: int, value: Fraction, field: Field) -> Poly:
    """The polynomial with a number for a generator."""
    total = field.zero
    for exponents, c in p.to_dict().items():
        rest = (*exponents[:index], 0, *exponents[index + 1 :])
        total = total + field.context.from_dict({rest: c}) * field.constant(value ** int(exponents[index]))[0]
    return total


def _integers(p: Poly, index: int) -> list[int]:
    """The same with whole numbers without a common factor."""
    found = _rationals(p, index)
    scale = lcm(*(c.denominator for c in found))
    whole = [int(c * scale) for c in found]
    common = gcd(*whole)
    return [n // common for n in whole]


def _real_roots(coefficients: Sequence[int]) -> list[Value]:
    """Balls around all real roots, each around one."""
    from flint import fmpz_poly

    roots = [root for root, _ in fmpz_poly(list(coefficients)).complex_roots()]
    return [root.real for root in roots if root.imag.is_zero()]


def _moved(coefficients: Sequence[int], shift: Fraction) -> list[int]:
    """The polynomial of x + shift, up to a factor."""
    found: list[Fraction] = []
    for c in reversed(coefficients):  # Horner's rule
        found = [Fraction(c), *found] if not found else _times_linear(found, shift, c)
    scale = lcm(*(c.denominator for c in found))
    return [int(c * scale) for c in found]


def _times_linear(p: Sequence[Fraction], shift: Fraction, constant: int) -> list[Fraction]:
    """p·(x + shift) + constant."""
    low = [shift * c for c in p] + [Fraction(0)]
    return [a + b for a, b in zip(low, [Fraction(constant), *p])]


def _square_part(n: int) -> tuple[int, int]:
    """(s, d) with n = s²·d; d has no square factor of a prime below 1000.

    >>> _square_part(72)
    (6, 2)
    """
    root = isqrt(n)
    if root * root == n:
        return root, 1
    square = 1
    for prime in range(2, 1000):
        while n % (prime * prime) == 0:
            n //= prime * prime
            square *= prime
    root = isqrt(n)
    return (square * root, 1) if root * root == n else (square, n)


def evaluate_polynomial(p: Poly, point: Mapping[int, Fraction]) -> Fraction:
    """The value at a rational point, given by the numbers of the generators."""
    total = Fraction(0)
    for exponents, c in p.to_dict().items():
        term = Fraction(int(c.p), int(c.q))
        for i, n in enumerate(exponents):
            if n:
                term *= point[i] ** int(n)
        total += term
    return total
