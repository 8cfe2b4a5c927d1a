"""What tests compare with: numbers of mpmath at 60 digits, and expressions that SymPy was given directly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

import mpmath
import sympy

from backprop.evaluate import evaluate, exact_rational, set_precision
from backprop.expr import Graph

DIGITS = 60
PRECISION = 240  # bits of our own balls, for some 60 digits before cancellation


def number(value: Any, digits: int = DIGITS) -> mpmath.mpf:
    """A value of ours as a number of mpmath."""
    if hasattr(value, "ball"):
        value = value.ball()
    if hasattr(value, "mid"):
        exact = exact_rational(value)
        value = value.mid().str(digits, radius=False) if exact is None else exact
    with mpmath.workdps(digits):
        if isinstance(value, Fraction):
            return mpmath.mpf(value.numerator) / value.denominator
        return mpmath.mpf(value)


def ball(value: mpmath.mpf) -> Any:
    """A number of mpmath as a ball of ours, so narrow as its digits allow."""
    from flint import arb

    previous = set_precision(PRECISION)
    try:
        return arb(mpmath.nstr(value, DIGITS))
    finally:
        set_precision(previous)


def values(graph: Graph, positions: Sequence[int], point: Mapping[str, Any]) -> list[Any]:
    """The values of nodes at a point, in balls; None where there is none."""
    found = evaluate(graph, graph.reachable(positions), dict(point), precision=PRECISION, exact=False)
    return [found[i] for i in positions]


def close(value: Any, wanted: Any, digits: int = 25) -> bool:
    """Whether a value of ours is a number, to so many digits; tiny numbers are compared absolutely."""
    with mpmath.workdps(DIGITS):
        ours = number(value)
        return bool(abs(ours - wanted) <= mpmath.mpf(10) ** -digits * (1 + abs(wanted)))


def function_of(names: Sequence[str], expressions: Sequence[Any]) -> Callable[[Mapping[str, Any]], list[Any]]:
    """SymPy's expressions as a function from a point to numbers of mpmath.

    None for what is not real, for functions that mpmath has not, and where cancellation leaves fewer than 30 digits:
    the numbers are computed twice, with different precision.
    """
    symbols = [sympy.Symbol(name, real=True) for name in names]
    compiled = sympy.lambdify(symbols, list(expressions), "mpmath", cse=True)

    def once(point: Mapping[str, Any], digits: int) -> list[Any]:
        with mpmath.workdps(digits):
            try:
                return [mpmath.mpmathify(v) for v in compiled(*(number(point[name], digits) for name in names))]
            except (ZeroDivisionError, ValueError, NameError):
                return [None] * len(expressions)

    def at(point: Mapping[str, Any]) -> list[Any]:
        return [a if _settled(a, b) else None for a, b in zip(once(point, DIGITS), once(point, DIGITS + 20))]

    return at


def _settled(a: Any, b: Any) -> bool:
    if a is None or b is None or isinstance(a, mpmath.mpc) or not mpmath.isfinite(a):
        return False
    with mpmath.workdps(DIGITS):
        return bool(abs(a - b) <= mpmath.mpf(10) ** -30 * (1 + abs(b)))


def rational_points(seed: object, names: Sequence[str]) -> Any:
    """Rational points without end, near to and far from 0; the first ones have positive coordinates."""
    random = Random(str(seed))
    count = 0
    while True:
        low = Fraction(-3, 2) if count % 2 else Fraction(1, 8)
        yield {name: low + Fraction(random.randrange(1, 199), 97) for name in names}
        count += 1


class Sample(NamedTuple):
    """An expression in our language, and the same built by SymPy without our parser."""

    text: str
    expression: Any
    names: list[str]


_UNARY: list[tuple[str, Callable[[Any], Any]]] = [
    ("sin({})", sympy.sin),
    ("cos({})", sympy.cos),
    ("exp({})", sympy.exp),
    ("atan({})", sympy.atan),
    ("tanh({})", sympy.tanh),
    ("ln(2 + ({})^2)", lambda u: sympy.log(2 + u**2)),
    ("sqrt(1 + ({})^2)", lambda u: sympy.sqrt(1 + u**2)),
    ("({})^2", lambda u: u**2),
    ("({})^3", lambda u: u**3),
    ("1/(3 + cos({}))", lambda u: 1 / (3 + sympy.cos(u))),
    ("-({})", lambda u: -u),
]
_BINARY: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("({} + {})", lambda u, v: u + v),
    ("({} - {})", lambda u, v: u - v),
    ("({}*{})", lambda u, v: u * v),
    ("({}*{})", lambda u, v: u * v),
    ("({}/(2 + ({})^2))", lambda u, v: u / (2 + v**2)),
]


def random_sample(random: Random, names: Sequence[str], operations: int) -> Sample:
    """A random expression in all of the names, smooth everywhere; some of its parts are used twice."""
    numeral = random.randrange(2, 9)
    pool = [*((name, sympy.Symbol(name, real=True)) for name in names), (str(numeral), sympy.Integer(numeral))]
    while operations > 0 or len(pool) > 1:
        operations -= 1
        text, u = pool.pop(random.randrange(len(pool)))
        if not pool or random.random() < 0.4:
            form, apply = random.choice(_UNARY)
            pool.append((form.format(text), apply(u)))
            continue
        k = random.randrange(len(pool))
        second, v = pool[k]
        if operations <= 0 or random.random() < 0.75:
            del pool[k]
        joined, combine = random.choice(_BINARY)
        pool.append((joined.format(text, second), combine(u, v)))
    return Sample(*pool[0], list(names))


def random_program(random: Random, names: Sequence[str], statements: int) -> Sample:
    """A random program whose statements use what stands before them, and SymPy's expression of its last one."""
    pool = [(name, sympy.Symbol(name, real=True)) for name in names]
    lines = []
    for k in range(statements):
        (first, u), (second, v) = random.choice(pool[-4:]), random.choice(pool)
        text, combine = random.choice(_BINARY)
        wrapped, build = random.choice([("{}", lambda w: w), ("sin({})", sympy.sin), ("tanh({})", sympy.tanh)])
        value = build(combine(u, v))
        lines.append(f"s{k} = {wrapped.format(text.format(first, second))}")
        pool.append((f"s{k}", value))
    return Sample("; ".join(lines), pool[-1][1], list(names))
