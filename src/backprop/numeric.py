"""Derivatives by numbers: exact ones at a point, difference quotients, the complex step, and a check by them.

Difference quotients and the complex step only evaluate the function, in double precision, as a program
would; the exact derivative is a number or a ball, from the reverse pass. numpy is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, isfinite, log10
from typing import Any, NamedTuple

from .errors import BackpropError, UsageError
from .evaluate import Value, accurate, evaluate, operate, set_precision, sign_of_difference, to_ball
from .expr import Graph, to_text
from .ops import lookup
from .reverse import Edge, backpropagate
from .rules import apply, compile_text
from .tidy import Tidy

STEPS = range(1, 16, 2)  # h = 10^-1, 10^-3 … 10^-15
COMPLEX_STEP = 1e-200  # its square is below everything a double can hold next to 1: there is no truncation
DIGITS = 30  # to which the exact derivative is known
LONGEST = 20_000  # nodes of an expression that is written out
_CELLS = 4_000_000  # doubles that one evaluation may hold


class Accuracy(NamedTuple):
    """How far a value is from the exact one: absolutely, as text, and in correct significant digits (0 to 16).

    Where the exact value is 0 the digits are those of the absolute error.
    """

    error: str
    digits: int


def written(graph: Graph, position: int) -> str | None:
    """A node in Python's syntax; None if that is too long."""
    return to_text(graph, position) if graph.written_size([position]) <= LONGEST else None


def number_text(value: float | None) -> str | None:
    """A double with as many digits as tell it from its neighbours; a whole number without a point.

    >>> number_text(0.1), number_text(-18.0), number_text(1e300)
    ('0.1', '-18', '1e300')
    """
    if value is None:
        return None
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    mantissa, _, exponent = repr(value).partition("e")
    return mantissa + (f"e{int(exponent)}" if exponent else "")


def exact_derivatives(
    graph: Graph, root: int, wrt: Sequence[str], point: Mapping[str, Value]
) -> tuple[dict[str, Value], list[str]]:
    """The derivatives at a point, exact or in balls of some 30 digits, and sentences on those that do not exist (None).

    What the table says of single points is used: a removable singularity has its value. Where a kink is
    met, difference quotients from both sides, in balls, tell whether the derivative exists all the same.
    """
    own = Graph()
    (root,) = own.copy_from(graph, [root])
    one = backpropagate(own, root, wrt, keep_edges=True)
    tidy = Tidy(own)
    notes: list[str] = []
    singular: dict[Edge, Value] = {}
    for edge in one.edges:
        fixed = _at_singularity(own, edge, point, tidy, notes)
        if fixed is not None:
            singular[edge] = fixed
    for position in one.order:
        key = own.nodes[position]
        if key[0] == "where" and _is_edge_of_case(own, key[1], point):
            notes.append("not differentiable where two cases meet")
    order = own.reachable([root, *(edge.partial for edge in one.edges), *one.gradient.values()])
    found: dict[str, Value] = {}
    for precision in (200, 800, 2400):
        values = evaluate(own, order, point, precision=precision)
        found = _added_up(own, one.gradient, one.edges, root, values, singular, precision)
        if values[root] is None:
            return dict.fromkeys(wrt), ["the function has no real value at this point"]
        if all(accurate(v, DIGITS) for v in found.values()):
            break
    kinks, notes = notes, []
    for name, value in found.items():
        if value is None:
            notes.append(f"the formula of the derivative by {name} has no value at this point")
        elif kinks and not _has_slope(own, root, name, point, value):
            found[name] = None
            notes.append(f"{kinks[0]}: no derivative by {name}")
    return found, notes


def _added_up(
    graph: Graph,
    gradient: Mapping[str, int],
    edges: Sequence[Edge],
    root: int,
    values: Mapping[int, Value],
    singular: Mapping[Edge, Value],
    precision: int,
) -> dict[str, Value]:
    """The chain rule in numbers: each edge sends the adjoint of its user times its partial."""
    previous = set_precision(precision)
    try:
        adjoints: dict[int, Value] = {root: 1}
        for edge in edges:
            partial = singular[edge] if edge in singular else values[edge.partial]
            adjoint = adjoints[edge.user]
            sends = None if adjoint is None or partial is None else operate("mul", adjoint, partial)
            if edge.target in adjoints:
                before = adjoints[edge.target]
                adjoints[edge.target] = None if before is None or sends is None else operate("add", before, sends)
            else:
                adjoints[edge.target] = sends
    finally:
        set_precision(previous)
    found = {}
    for name, formula in gradient.items():
        number = adjoints.get(graph.index.get(("var", name), -1), 0)
        found[name] = values[formula] if number is None else number
    return found


def _at_singularity(
    graph: Graph, edge: Edge, point: Mapping[str, Value], tidy: Tidy, notes: list[str]
) -> Fraction | None:
    """The partial at a place where its formula says nothing, as the row has it; a note if it is a kink."""
    key = graph.nodes[edge.user]
    row = lookup(key[0])
    for place in row.exceptions:
        where = apply(compile_text(place.where, row.operands), key[1:], tidy)
        vanishing = evaluate(graph, graph.reachable([where]), point, precision=200)[where]
        if vanishing is not None and not isinstance(vanishing, bool) and sign_of_difference(vanishing, 0) == 0:
            if place.kink:
                shown = written(graph, where) or "an operand"
                notes.append(f"not differentiable at {shown} = 0 ({row.rule})")
            return Fraction(place.partials[edge.operand])
    return None


def _is_edge_of_case(graph: Graph, condition: int, point: Mapping[str, Value]) -> bool:
    """Whether a comparison in the condition has equal sides at the point."""
    order = graph.reachable([condition])
    values = evaluate(graph, order, point, precision=200)
    for position in order:
        key = graph.nodes[position]
        if key[0] in ("lt", "le", "gt", "ge", "eq", "ne"):
            left, right = values[key[1]], values[key[2]]
            if left is not None and right is not None and sign_of_difference(left, right) == 0:
                return True
    return False


def _has_slope(graph: Graph, root: int, name: str, point: Mapping[str, Value], value: Value) -> bool:
    """Whether difference quotients from the left and from the right both come to the value."""
    order = graph.reachable([root])
    previous = set_precision(1200)
    try:
        h = to_ball(Fraction(1, 2**300))
        here, right, left = (
            evaluate(
                graph, order, {**point, name: to_ball(point[name]) + k * h} if k else point, precision=1200, exact=False
            )[root]
            for k in (0, 1, -1)
        )
        if here is None or right is None or left is None:
            return False
        close = to_ball(Fraction(1, 10**20)) * (1 + abs(to_ball(value)))
        return all(abs(slope - to_ball(value)) < close for slope in ((right - here) / h, (here - left) / h))
    finally:
        set_precision(previous)


def accuracy(value: float, exact: Value) -> Accuracy:
    """How far a double is from the exact value.

    >>> accuracy(3.14159, Fraction(355, 113))
    Accuracy(error='2.9e-6', digits=6)
    """
    previous = set_precision(400)
    try:
        true = to_ball(exact)
        error = abs(to_ball(Fraction(value)) - true)
        if error.contains(0):
            return Accuracy("0", 16)
        ratio = error if true.contains(0) else error / abs(true)
        mantissa, _, exponent = str(error.mid().str(2, radius=False)).partition("e")
        size = float(ratio.log().mid()) / 2.302585092994046
        return Accuracy(mantissa + (f"e{int(exponent)}" if exponent else ""), max(0, min(16, floor(-size))))
    finally:
        set_precision(previous)


def load_arrays() -> Any:
    """The module that evaluates graphs over arrays."""
    try:
        from . import arrays
    except ImportError as error:
        raise UsageError("values in double precision need numpy", hint="pip install numpy") from error
    return arrays


def as_doubles(point: Mapping[str, Value]) -> dict[str, float]:
    return {name: load_arrays().nearest(value) for name, value in point.items()}


def in_columns(graph: Graph, roots: Sequence[int], inputs: Mapping[str, Any], count: int) -> list[Any]:
    """The values of some nodes, each an array of `count` numbers; nan or infinite where there is none."""
    import numpy as np

    with np.errstate(all="ignore"):
        values = load_arrays().evaluate_arrays(graph, graph.reachable(roots), inputs)
    return [np.broadcast_to(np.asarray(values[i]), (count,)) for i in roots]


def real_part(value: Any) -> float | None:
    number = float(value)
    return number if isfinite(number) else None


class Quotients(NamedTuple):
    """Difference quotients of one output by one variable, one for each step size; `size` is that of the output."""

    size: float
    steps: tuple[str, ...]
    forward: tuple[float | None, ...]
    central: tuple[float | None, ...]

    def settled(self) -> tuple[int, float] | None:
        """The central quotient that is likely to be best, and about how far it is off: chosen without the answer.

        Truncation is much less than the difference from the step before, which is 100 times as long;
        rounding is about 2^-53·|f|/h.
        """
        found = []
        for k in range(1, len(self.steps)):
            before, here = self.central[k - 1], self.central[k]
            if before is not None and here is not None:
                found.append((abs(before - here) / 100 + 2**-53 * self.size / float(self.steps[k]), k))
        return min(found)[::-1] if found else None


def quotients(
    graph: Graph, roots: Sequence[int], names: Sequence[str], point: Mapping[str, float]
) -> dict[str, list[Quotients]]:
    """Variable -> forward and central difference quotients by it for each output, in double precision.

    The steps are 10^-1, 10^-3 … 10^-15, for |x| ≥ 10 times the power of ten below |x|.
    """
    import numpy as np

    count = len(STEPS)
    (here,) = zip(*in_columns(graph, roots, {n: np.array([x]) for n, x in point.items()}, 1))
    found: dict[str, list[Quotients]] = {}
    for part in _portions(graph, roots, names, 2 * count):
        width = 2 * count * len(part)
        inputs = {name: np.full(width, x) for name, x in point.items()}
        labels, steps = [], []
        for k, name in enumerate(part):
            x = point[name]
            size = int(log10(abs(x))) if 10 <= abs(x) < float("inf") else 0
            labels.append(tuple(f"1e{size - digits}" for digits in STEPS))
            steps.append(np.array([float(label) for label in labels[k]]))
            begin = 2 * count * k
            inputs[name][begin : begin + count] += steps[k]
            inputs[name][begin + count : begin + 2 * count] -= steps[k]
        columns = in_columns(graph, roots, inputs, width)
        with np.errstate(all="ignore"):
            for k, name in enumerate(part):
                found[name] = []
                for start, values in zip(here, columns):
                    right, left = np.split(values[2 * count * k : 2 * count * (k + 1)], 2)
                    forward, central = (right - start) / steps[k], (right - left) / (2 * steps[k])
                    found[name].append(
                        Quotients(
                            abs(float(start)), labels[k], tuple(map(real_part, forward)), tuple(map(real_part, central))
                        )
                    )
    return found


def _portions(graph: Graph, roots: Sequence[int], names: Sequence[str], columns: int) -> Iterable[Sequence[str]]:
    """The names, as many at a time as may be evaluated together with so many columns for each."""
    size = max(1, _CELLS // (columns * max(1, len(graph.reachable(roots)))))
    return (names[begin : begin + size] for begin in range(0, len(names), size))


def complex_steps(
    graph: Graph, roots: Sequence[int], names: Sequence[str], point: Mapping[str, float]
) -> dict[str, list[float | None]]:
    """Variable -> Im f(x + ih)/h for each output, h = 1e-200; None where the complex function does not extend f.

    Errors: a `BackpropError` that names an operation which does not take complex numbers.
    """
    import numpy as np

    here = [real_part(v[0]) for v in in_columns(graph, roots, {n: np.array([x]) for n, x in point.items()}, 1)]
    found: dict[str, list[float | None]] = {}
    for part in _portions(graph, roots, names, 1):
        inputs = {name: np.full(len(part), x, dtype=complex) for name, x in point.items()}
        for k, name in enumerate(part):
            inputs[name][k] += 1j * COMPLEX_STEP
        columns = in_columns(graph, roots, inputs, len(part))
        for k, name in enumerate(part):
            found[name] = []
            for real, values in zip(here, columns):
                value = complex(values[k])
                extends = real is not None and abs(value.real - real) <= 1e-6 * abs(real) + 1e-9
                found[name].append(real_part(value.imag / COMPLEX_STEP) if extends else None)
    return found


@dataclass
class GradientCheck:
    """One derivative against numbers that know nothing of it.

    value              what the derivative gives at the point, as a double
    central, complex   what difference quotients and the complex step give; None where they give nothing
    digits             in how many digits the better of the two agrees with the value
    agrees             None if neither has a value
    """

    name: str
    value: float | None
    central: float | None
    complex: float | None
    digits: int | None
    agrees: bool | None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The object of one variable, ready for JSON."""
        return {
            "value": number_text(self.value), "central": number_text(self.central),
            "complex": number_text(self.complex), "digits": self.digits, "agrees": self.agrees, "note": self.note,
        }  # fmt: skip


def check_gradient(
    graph: Graph, root: int, derived: Mapping[str, int], point: Mapping[str, Value]
) -> dict[str, GradientCheck]:
    """Checks derivatives (variable -> node) by evaluating the function alone, in double precision.

    The step of the central difference is chosen without looking at the derivative, and its error
    estimated (see `Quotients.settled`); it agrees within 100 times that. The complex step agrees to 8
    digits. If only the complex step disagrees, rounding may be the cause: that decides nothing.

    >>> from backprop import gradient, parse
    >>> node = parse("x^3*sin(y)")
    >>> right = {name: d.position for name, d in gradient(node).items()}
    >>> wrong = {"x": right["x"], "y": node.position}
    >>> point = {"x": Fraction(3, 2), "y": 2}
    >>> [[c.agrees for c in check_gradient(node.graph, node.position, d, point).values()] for d in (right, wrong)]
    [[True, True], [True, False]]
    """
    values = evaluate(graph, graph.reachable([root, *derived.values()]), point, precision=200)
    nearest = load_arrays().nearest
    doubles = as_doubles(point)
    present = set(graph.variables([root]))
    varying = [name for name in derived if name in present]
    steps: dict[str, list[float | None]] = {}
    no_complex = ""
    try:
        steps = complex_steps(graph, [root], varying, doubles)
    except BackpropError as error:
        no_complex = error.message
    by_differences = quotients(graph, [root], varying, doubles)
    checks = {}
    for name, position in derived.items():
        exact = values.get(position)
        value = None if exact is None else real_part(nearest(exact))
        if exact is None or value is None or values.get(root) is None:
            checks[name] = GradientCheck(name, None, None, None, None, None, "there is no value at this point")
            continue
        if name not in present:
            zero = accuracy(0.0, exact)
            note = "the function does not depend on it"
            checks[name] = GradientCheck(name, value, 0.0, 0.0, zero.digits, zero.error == "0", note)
            continue
        (quotient,) = by_differences[name]
        settled = quotient.settled()
        central = None if settled is None else quotient.central[settled[0]]
        slope = steps[name][0] if name in steps else None
        check = checks[name] = GradientCheck(name, value, central, slope, None, None, no_complex)
        numbers = [v for v in (slope, central) if v is not None]
        if not numbers:
            check.note = check.note or "the function has no finite value around this point"
            continue
        check.digits = max(accuracy(v, exact).digits for v in numbers)
        by_slope = None if slope is None else accuracy(slope, exact).digits >= 8 or abs(slope - value) < 1e-14
        by_central = None
        if central is not None and settled is not None:
            by_central = abs(central - value) <= 100 * settled[1] + 1e-9 * abs(central)
        check.agrees = by_central if by_slope is None else by_slope or (None if by_central else False)
    return checks
