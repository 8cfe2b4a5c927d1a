"""Closed forms of constants: what a textbook writes for (√2)³/4 or for e^(−ln 2)·sin(π/4)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Any

from .algebra import Field, Kernel, Poly, in_field
from .evaluate import Exact, evaluate
from .expr import Graph
from .tidy import Tidy

MAX_TERMS = 4

Parts = tuple[tuple[int, ...], tuple[int, ...]]

# sin(t·π) for 0 <= t <= 1/2, as p·sqrt(d)/q.
_SINES = {
    Fraction(0): (0, 1, 1), Fraction(1, 6): (1, 1, 2), Fraction(1, 4): (1, 2, 2), Fraction(1, 3): (1, 3, 2),
    Fraction(1, 2): (1, 1, 1),
}  # fmt: skip
_QUOTIENTS = {
    "tan": ("sin", "cos"), "cot": ("cos", "sin"), "sec": ("", "cos"), "csc": ("", "sin"),
}  # fmt: skip


def closed_form(graph: Graph, node: int) -> int | None:
    """A node without variables in numbers, roots, logarithms of primes, π and powers of e; None if it is not so.

    It is a proof: equal constants of this kind have mostly the same form, and 0 is written 0.
    """
    node = with_known_angles(graph, node)
    return in_field(graph, [node], False, lambda field: _Writer(field).write(node))


def with_known_angles(graph: Graph, root: int) -> int:
    """The node with sines and cosines of multiples of π/4 and π/6 written with roots."""
    tidy = Tidy(graph)
    order = graph.reachable([root])
    values = evaluate(graph, order, {})
    replaced: dict[int, int] = {}
    for position in order:
        key = graph.nodes[position]
        if key[0] not in ("sin", "cos", *_QUOTIENTS):
            continue
        angle = values.get(key[1])
        turn = angle.q if type(angle) is Exact and angle.kind == "pi" else 0 if angle == 0 else None
        if turn is None:
            continue
        names = _QUOTIENTS.get(key[0], (key[0], ""))
        parts = [None if not name else _sine(tidy, Fraction(turn), name) for name in names]
        top, bottom = (tidy.one if not name else part for name, part in zip(names, parts))
        if top is not None and bottom is not None and bottom != tidy.zero:
            replaced[position] = tidy.div(top, bottom)
    return graph.substitute(root, replaced) if replaced else root


def _sine(tidy: Tidy, turn: Fraction, op: str) -> int | None:
    """sin or cos of turn·π."""
    turn = (turn + Fraction(1, 2) * (op == "cos")) % 2
    sign = -1 if turn > 1 else 1
    turn %= 1
    found = _SINES.get(min(turn, 1 - turn))
    if found is None:
        return None
    graph = tidy.graph
    p, d, q = found
    root = graph.number(1) if d == 1 else graph.node("sqrt", graph.number(d))
    return tidy.div(tidy.mul(graph.number(sign * p), root), graph.number(q))


class _Writer:
    """Writes the normal form of a constant."""

    def __init__(self, field: Field) -> None:
        self.field, self.graph, self.tidy = field, field.graph, Tidy(field.graph)

    def write(self, node: int) -> int | None:
        """The node, or None."""
        top, bottom = self.field.form(node)
        if self.field.is_zero((top, bottom)):
            return self.tidy.zero
        if len(bottom) != 1 or len(top) > MAX_TERMS:
            return None
        (below, divisor), *_ = bottom.to_dict().items()
        terms: dict[Parts, Fraction] = {}  # what is above and below the bar -> the number in front
        for exponents, c in sorted(top.to_dict().items(), key=lambda term: [*map(int, term[0])]):
            parts = self._parts([int(a) - int(b) for a, b in zip(exponents, below)])
            if parts is None:
                return None
            key, factor = parts
            terms[key] = terms.get(key, Fraction(0)) + _fraction(c) / _fraction(divisor) * factor
        common = lcm(*(c.denominator for c in terms.values()))
        if len(terms) == 1 or any(key[1] for key in terms):
            common = 1
        nodes = [self._term(c * common, *key) for key, c in sorted(terms.items(), key=lambda term: term[1] < 0) if c]
        total = self.tidy.sum(nodes) if nodes else self.tidy.zero
        return total if common == 1 else self.graph.node("div", total, self.graph.number(common))

    def _parts(self, exponents: Sequence[int]) -> tuple[Parts, Fraction] | None:
        """Π kernel^n as a number times what stands above and below the bar; None if it is no constant of this kind."""
        graph, tidy = self.graph, self.tidy
        above: list[int] = []
        below: list[int] = []
        square = 1  # the product of the numbers whose square root is taken
        power = Fraction(0)  # of e
        number = Fraction(1)
        for n, kernel in zip(exponents, self.field.kernels, strict=False):
            kind = kernel.key[0]
            if not n:
                continue
            if kind == "exp":
                unit, monomial, bottom = self.field.exponent(kernel)
                if not (monomial.is_constant() and bottom.is_constant()):
                    return None
                power += n * unit * _rational(monomial) / _rational(bottom)
            elif kind == "root of":
                base = self._base(kernel)
                if base is None or kernel.relation is None:
                    return None
                whole, part = divmod(Fraction(n, kernel.relation[0]), 1)
                number *= Fraction(base) ** int(whole)
                if part == Fraction(1, 2):
                    square *= base
                elif part == Fraction(1, 3):
                    above.append(graph.node("cbrt", graph.number(base)))
                elif part:
                    above.append(graph.node("pow", graph.number(base), graph.number(part)))
            elif kind == "pi" or (kind == "log of" and isinstance(kernel.key[1], int)):
                one = graph.node("pi") if kind == "pi" else graph.node("log", graph.number(kernel.key[1]))
                (above if n > 0 else below).append(tidy.pow(one, graph.number(abs(n))))
            else:
                return None
        if square != 1:
            above.insert(0, graph.node("sqrt", graph.number(square)))
        if power:
            (above if power > 0 else below).append(power_of_e(tidy, abs(power)))
        return (tuple(above), tuple(below)), number

    def _term(self, c: Fraction, above: Sequence[int], below: Sequence[int]) -> int:
        """c·above/below."""
        graph = self.graph
        node = self._chain(abs(c.numerator), above)
        if c.denominator != 1 and not above and not below:
            node = graph.number(abs(c))
        elif c.denominator != 1 or below:
            node = graph.node("div", node, self._chain(c.denominator, below))
        if c > 0:
            return node
        return graph.number(c) if not above and not below else graph.node("neg", node)

    def _chain(self, number: int, factors: Sequence[int]) -> int:
        """2*sqrt(3)*pi."""
        graph = self.graph
        chain = [*([graph.number(number)] if number != 1 or not factors else []), *factors]
        node = chain[0]
        for factor in chain[1:]:
            node = graph.node("mul", node, factor)
        return node

    def _base(self, kernel: Kernel) -> int | None:
        """The whole number whose root a kernel is."""
        base = kernel.relation[1][0] if kernel.relation is not None else self.field.zero
        value = _rational(base) if base.is_constant() and base != 0 else Fraction(0)
        return value.numerator if value > 0 and value.denominator == 1 else None


def _rational(p: Poly) -> Fraction:
    return _fraction(p.leading_coefficient())


def _fraction(c: Any) -> Fraction:
    return Fraction(int(c.p), int(c.q))


def power_of_e(tidy: Tidy, exponent: Fraction) -> int:
    """e, e², √e or e^(2/3), for a positive exponent."""
    graph = tidy.graph
    if exponent.denominator == 1:
        return tidy.pow(graph.node("e"), graph.number(exponent))
    if exponent == Fraction(1, 2):
        return graph.node("sqrt", graph.node("e"))
    return tidy.exp(graph.number(exponent))
