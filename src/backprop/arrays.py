"""Values at many points at once: a graph as a straight-line program over NumPy arrays.

The nodes become a list of steps, each a NumPy function applied to earlier results. It is made once
and run over many rows: a few thousand at a time, so that what lies between the inputs and the
results stays in the processor's cache, and in place wherever a result is not needed any more.

Values are in double precision, and mean what they mean in `evaluate`: real calculus. Where an
operation has no value it gives nan or an infinity. Later operations may swallow that (atan of an
infinity, a comparison with nan, which is false); `points` finds the rows in which it happened.
Complex inputs are for derivatives by the complex step, Im f(x + ih)/h: choices (abs, max, sign,
conditions, domains) are made by real parts, and everything else is the analytic continuation.

This module imports NumPy and is itself imported only where arrays are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import UsageError
from .evaluate import Exact, Value, _ball_function, evaluate, set_precision, to_ball
from .expr import LEAVES, Graph, literal_rational
from .ops import lookup
from .rules import compile_text

Array = npt.NDArray[Any]

BYTES = 1 << 23  # that a page of inputs, outputs and what lies between them may take: it fits into the cache
MULTIPLIED = 16  # powers up to this one are products; NumPy's own power costs as much as thirty of them


# -- functions -----------------------------------------------------------------------------------------


class Function(NamedTuple):
    """What computes an operation from arrays of real numbers, and of complex ones (None: nothing does)."""

    real: Callable[..., Any]
    complex: Callable[..., Any] | None


def _by_real(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that looks at real parts only."""
    return lambda *operands: function(*[np.real(v) for v in operands])


def _choice(function: Callable[..., Any]) -> Function:
    return Function(function, _by_real(function))


def _same(function: Callable[..., Any]) -> Function:
    return Function(function, function)


def _step(x: Any) -> Any:
    return np.heaviside(x, 0.5)


def _larger(x: Any, y: Any) -> Any:
    """The larger one by real parts; the mean of both where they are equal, as step(0) = 1/2 has it."""
    return y + (x - y) * _step(np.real(x) - np.real(y))


def _sinc(x: Any) -> Any:
    at_zero = x == 0
    return np.where(at_zero, 1.0, np.sin(x) / np.where(at_zero, 1.0, x))


def _atan2(y: Any, x: Any) -> Any:
    return np.where((x == 0) & (y == 0), np.nan, np.arctan2(y, x))


def _complex_atan2(y: Any, x: Any) -> Any:
    """The angle of the real parts, and on from there: seen along it, the rest is an arctangent near 0."""
    angle = _atan2(np.real(y), np.real(x))
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return angle + np.arctan(across / along)


def _complex_cbrt(x: Any) -> Any:
    sign = np.where(np.real(x) < 0, -1.0, 1.0)
    return np.where(x == 0, 0.0, sign * np.power(sign * x, 1 / 3))


def _root(x: Any, n: Any) -> Any:
    """The real n-th root: of a negative x for odd n only; none if n is no whole number from 1."""
    index = np.real(n)
    sign = np.where((np.real(x) < 0) & (np.mod(index, 2) == 1), -1.0, 1.0)
    value = np.where(x == 0, 0.0, sign * np.power(sign * x, 1 / index))
    exists = (index >= 1) & (index == np.floor(index)) & (index < 1e6) & (np.real(sign * x) >= 0)
    return np.where(exists, value, np.nan)


def _complex_power(x: Any, y: Any) -> Any:
    """x^y by real parts: a whole exponent anywhere, else a positive base.

    The power of a negative base is found from that of −x: NumPy's would have an imaginary part of its
    own, from rounding, that is far larger than the step's.
    """
    base, exponent = np.real(x), np.real(y)
    odd = np.mod(exponent, 2) == 1
    whole = exponent == np.floor(exponent)
    sign = np.where(base < 0, -1.0, 1.0)
    value = np.where(odd, sign, 1.0) * np.power(sign * x, y)
    return np.where((base > 0) | whole, value, np.where((base == 0) & (exponent > 0), 0.0, np.nan))


def _each(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of the module `math`, point by point; nan where it has no value."""

    def at(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return lambda x: np.array([at(v) for v in np.ravel(x).tolist()], dtype=float).reshape(np.shape(x))


def _lgamma(x: float) -> float:
    return math.lgamma(x) if x > 0 else math.nan


# What the column `array` of the table names. What is not named here is computed point by point, in balls.
ARRAYS: dict[str, Function] = {
    "add": _same(np.add),
    "sub": _same(np.subtract),
    "mul": _same(np.multiply),
    "div": _same(np.divide),
    "neg": _same(np.negative),
    "pow": Function(np.power, _complex_power),
    "exp": _same(np.exp),
    "log": _same(np.log),
    "log2": _same(np.log2),
    "log10": _same(np.log10),
    "log1p": _same(np.log1p),
    "expm1": _same(np.expm1),
    "sqrt": _same(np.sqrt),
    "cbrt": Function(np.cbrt, _complex_cbrt),
    "root": _same(_root),
    "sin": _same(np.sin),
    "cos": _same(np.cos),
    "tan": _same(np.tan),
    "asin": _same(np.arcsin),
    "acos": _same(np.arccos),
    "atan": _same(np.arctan),
    "atan2": Function(_atan2, _complex_atan2),
    "sinc": _same(_sinc),
    "sinh": _same(np.sinh),
    "cosh": _same(np.cosh),
    "tanh": _same(np.tanh),
    "asinh": _same(np.arcsinh),
    "acosh": _same(np.arccosh),
    "atanh": _same(np.arctanh),
    "mod": Function(np.mod, lambda x, n: x - n * np.floor(np.real(x / n))),
    "abs": Function(np.absolute, lambda x: x * np.sign(np.real(x))),
    "sgn": _choice(np.sign),
    "floor": _choice(np.floor),
    "ceil": _choice(np.ceil),
    "step": _choice(_step),
    "max": Function(np.maximum, _larger),
    "min": Function(np.minimum, lambda x, y: -_larger(-x, -y)),
    "hypot": Function(np.hypot, lambda x, y: np.sqrt(x * x + y * y)),
    "erf": Function(_each(math.erf), None),
    "erfc": Function(_each(math.erfc), None),
    "gamma": Function(_each(math.gamma), None),
    "lgamma": Function(_each(_lgamma), None),
    "where": _same(np.where),
    "lt": _choice(np.less),
    "le": _choice(np.less_equal),
    "gt": _choice(np.greater),
    "ge": _choice(np.greater_equal),
    "eq": _choice(np.equal),
    "ne": _choice(np.not_equal),
    "and": _same(np.logical_and),
    "or": _same(np.logical_or),
    "not": _same(np.logical_not),
}

# These give truth values, which have no place among the buffers.
_TRUTHS = frozenset(
    {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
    | {np.logical_and, np.logical_or, np.logical_not}
)


def nearest(value: Value) -> float:
    """The double nearest to an exact value or to the middle of a ball; nan for no value, infinite if too large.

    >>> nearest(Fraction(1, 3)), nearest(10**400), nearest(None)
    (0.3333333333333333, inf, nan)
    """
    if value is None:
        return math.nan
    if isinstance(value, int | Fraction):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, Exact):
        previous = set_precision(128)
        try:
            return float(to_ball(value))
        finally:
            set_precision(previous)
    return float(value)


def is_precise(value: Value) -> bool:
    """Whether a value, possibly a ball, determines a double (or there is no value)."""
    return (
        value is None or isinstance(value, int | Fraction | Exact) or value.is_zero() or value.rel_accuracy_bits() > 54
    )


def _in_balls(op: str) -> Function:
    """An operation point by point in ball arithmetic: slow, but right to the last digit."""
    if op.startswith("call "):
        raise UsageError(f"{lookup(op).call} has no formula, so it has no values", hint="define it")

    def at(*operands: float) -> float:
        if not all(map(math.isfinite, operands)):
            return math.nan
        value = None
        for precision in (64, 256, 1024, 4096):
            previous = set_precision(precision)
            try:
                value = _ball_function(op)(*[to_ball(Fraction(v)) for v in operands])
            finally:
                set_precision(previous)
            if value is not None and value.is_finite() and is_precise(value):
                break
        return nearest(value) if value is not None and value.is_finite() else math.nan

    def function(*operands: Any) -> Any:
        columns = np.broadcast_arrays(*operands)
        values = [at(*row) for row in zip(*[np.ravel(c).tolist() for c in columns])]
        return np.array(values, dtype=float).reshape(columns[0].shape)

    return Function(function, None)


# -- from nodes to steps ---------------------------------------------------------------------------------

# A step: a function, the places of its operands and of its result. Places are numbered in order: inputs,
# constants and results alike.
Step = tuple[Callable[..., Any], tuple[int, ...], int]


class _Steps:
    """The steps that compute some nodes, equal ones once.

    inputs     variable -> its place
    constants  place -> its value
    place      node -> its place
    """

    def __init__(self, graph: Graph, order: Iterable[int], *, complex_: bool = False) -> None:
        self.graph, self.complex = graph, complex_
        self.steps: list[Step] = []
        self.inputs: dict[str, int] = {}
        self.constants: dict[int, Any] = {}
        self.place: dict[int, int] = {}
        self._exact: dict[int, Fraction] = {}  # the places of numbers that count as written out in an exponent
        self._known: dict[tuple[Any, ...], int] = {}
        self._functions: dict[str, Function] = {}
        self._count = 0
        order = list(order)
        self._fold(order)
        nodes = graph.nodes
        for position in order:
            if position in self.place:
                continue
            op, *rest = nodes[position]
            if op == "var":
                self.place[position] = self.inputs[rest[0]] = self._new()
            else:
                self.place[position] = self._apply(op, tuple(self.place[i] for i in rest))

    def _fold(self, order: Sequence[int]) -> None:
        """The values of nodes without variables: exact as long as they can be, and rounded once."""
        nodes = self.graph.nodes
        fixed: set[int] = set()
        for position in order:
            key = nodes[position]
            if key[0] in LEAVES:
                if key[0] != "var":
                    fixed.add(position)
            elif fixed.issuperset(key[1:]):
                fixed.add(position)
        if not fixed:
            return
        for position, value in evaluate(self.graph, sorted(fixed), {}, precision=200).items():
            written = literal_rational(self.graph, position)
            self.place[position] = self._number(value if written is None else written, written=written is not None)

    def _new(self) -> int:
        self._count += 1
        return self._count - 1

    def _number(self, value: Value, *, written: bool = False) -> int:
        """The place of a constant; `written` if it is a number that is written out as such."""
        exact = isinstance(value, int | Fraction)
        key = (type(value), value, written)
        if exact and key in self._known:
            return self._known[key]
        place = self._new()
        self.constants[place] = value if isinstance(value, bool) else nearest(value)
        if exact:
            self._known[key] = place
        if written or type(value) is int:
            self._exact[place] = Fraction(value)
        return place

    def _emit(self, name: str, operands: tuple[int, ...]) -> int:
        """The place of a function's result."""
        place = self._known.get((name, operands))
        if place is None:
            function = self._function(name)
            place = self._known[name, operands] = self._new()
            self.steps.append((function, operands, place))
        return place

    def _function(self, name: str) -> Callable[..., Any]:
        found = self._functions.get(name)
        if found is None:
            found = self._functions[name] = ARRAYS[name] if name in ARRAYS else _in_balls(name)
        if not self.complex:
            return found.real
        if found.complex is None:
            raise UsageError(
                f"{lookup(name).call} is not computed for complex numbers here",
                hint="the complex step needs every operation of the formula to take them",
            )
        return found.complex

    def _apply(self, op: str, operands: tuple[int, ...]) -> int:
        """The place of an operation's result, as its row says."""
        if op == "pow":
            return self._power(*operands)
        row = lookup(op)
        if row.array.startswith("= "):
            place = self._text(row.array[2:], row.operands, operands)
        else:
            place = self._emit(row.array if row.array in ARRAYS else op, operands)
        if self.complex and row.domain and op != "div":  # a principal value where the real function has none
            held = self._text(row.domain, row.operands, operands)
            place = self._emit("where", (held, place, self._number(None)))
        return place

    def _text(self, text: str, names: tuple[str, ...], operands: tuple[int, ...]) -> int:
        """The place of what a text of the table comes to."""
        steps, result = compile_text(text, names)
        done: list[int] = []
        for op, references, key in steps:
            if references:
                done.append(self._apply(op, tuple(operands[r] if r >= 0 else done[-1 - r] for r in references)))
            else:
                done.append(self._number(key[1], written=True) if op == "num" else self._number(Exact(op, 1)))
        return operands[result] if result >= 0 else done[-1 - result]

    def _power(self, base: int, exponent: int) -> int:
        """A power; by products, square and cube roots if the exponent is a small number that was written out."""
        n = self._exact.get(exponent)
        if n is None:
            return self._emit("pow", (base, exponent))
        p, q = n.numerator, n.denominator
        if q <= 3 and abs(p) <= MULTIPLIED:
            return self._product(base if q == 1 else self._apply("sqrt" if q == 2 else "cbrt", (base,)), p)
        if q == 1:
            return self._product(base, p) if self.complex and abs(p) < 2**53 else self._emit("pow", (base, exponent))
        if q % 2 == 0 or q >= 10**6:
            return self._emit("pow", (base, exponent))
        value = self._emit("pow", (self._emit("abs", (base,)), exponent))
        return self._emit("mul", (self._emit("sgn", (base,)), value)) if p % 2 else value

    def _product(self, base: int, n: int) -> int:
        """base^n by repeated squaring."""
        place, square, left = None, base, abs(n)
        while left:
            if left % 2:
                place = square if place is None else self._emit("mul", (place, square))
            left //= 2
            if left:
                square = self._emit("mul", (square, square))
        if place is None:
            return self._number(1)
        return self._emit("div", (self._number(1), place)) if n < 0 else place


# -- all at once -----------------------------------------------------------------------------------------


def evaluate_arrays(graph: Graph, order: Iterable[int], inputs: Mapping[str, Any]) -> dict[int, Any]:
    """The values of nodes over arrays, given those of the variables; `order` has operands before users.

    Inputs are numbers or arrays of float64 or complex128 of any shapes that broadcast; values are arrays,
    or numbers where no array went in; of conditions, truth values. Nodes that depend on a variable without
    a value are left out. Errors: `UsageError` for a declared function, and for an operation that takes
    no complex numbers.

    >>> from backprop import parse
    >>> node = parse("x^2 + 1/x")
    >>> values = evaluate_arrays(node.graph, node.graph.reachable([node.position]), {"x": np.array([1.0, 2.0])})
    >>> values[node.position].tolist()
    [2.0, 4.5]
    """
    order = list(order)
    known: set[int] = set()
    for position in order:
        key = graph.nodes[position]
        if key[1] in inputs if key[0] == "var" else key[0] in LEAVES or known.issuperset(key[1:]):
            known.add(position)
    order = [position for position in order if position in known]
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    complex_ = any(np.iscomplexobj(value) for value in arrays.values())
    steps = _Steps(graph, order, complex_=complex_)
    values: dict[int, Any] = dict(steps.constants)
    for name, place in steps.inputs.items():
        values[place] = arrays[name].astype(complex if np.iscomplexobj(arrays[name]) else float, copy=False)
    with np.errstate(all="ignore"):
        for function, operands, place in steps.steps:
            values[place] = function(*[values[i] for i in operands])
    return {position: values[steps.place[position]] for position in order}


# -- a program -------------------------------------------------------------------------------------------


class Program:
    """Some nodes of a graph as a straight-line program, to be run over columns of many rows.

    names    the variables that it needs
    roots    the nodes that it computes
    watched  nodes of which it tells whether any value was nan or infinite

    Errors: `UsageError` for a declared function.

    >>> from backprop import parse, gradient
    >>> node = parse("x*y^2")
    >>> roots = [node.position, *(d.position for d in gradient(node).values())]
    >>> program = Program(node.graph, roots)
    >>> [column.tolist() for column in program.run({"x": np.array([1.0, 2.0]), "y": np.array([3.0, 5.0])})]
    [[9.0, 50.0], [9.0, 25.0], [6.0, 20.0]]
    """

    def __init__(self, graph: Graph, roots: Sequence[int], watched: Iterable[int] = ()) -> None:
        self.roots = list(roots)
        made = _Steps(graph, graph.reachable(self.roots))
        self.names = list(made.inputs)
        self._inputs = list(made.inputs.values())
        self._constants = made.constants
        self._results = [made.place[root] for root in self.roots]
        self._watched = {made.place[i] for i in watched if i in made.place}
        self._always = any(not np.isfinite(made.constants[i]) for i in self._watched if i in made.constants)
        self._plan(made.steps)
        # A page of rows; of a very long program a short one, since every place needs its part of the cache.
        self.rows = max(256, min(1 << 14, BYTES // (8 * max(1, self._width)))) & ~63

    def _plan(self, steps: Sequence[Step]) -> None:
        """Gives every place a cell; a buffer that is not needed any more is the cell of another result.

        A step is a function, the cells of its operands, the cell of its result, whether it writes into what
        is there, and whether it is watched.
        """
        last: dict[int, int] = {}
        for k, (_, operands, _) in enumerate(steps):
            last.update(dict.fromkeys(operands, k))
        cell = {place: k for k, place in enumerate([*self._inputs, *self._constants])}
        self._cells = len(cell)
        self._buffers: list[int] = []
        self._columns: dict[int, int] = {}  # cell -> the result that is computed in it, right in its column
        first = {place: k for k, place in reversed(list(enumerate(self._results)))}
        free: list[int] = []
        own = 0
        self._steps: list[tuple[Callable[..., Any], tuple[int, ...], int, bool, bool]] = []
        for k, (function, operands, place) in enumerate(steps):
            sources = tuple(cell[i] for i in operands)
            # An elementwise function may write over its operands.
            free += [cell[i] for i in dict.fromkeys(operands) if last[i] == k and cell[i] in self._buffers]
            in_place = isinstance(function, np.ufunc) and function not in _TRUTHS
            if in_place and place not in first and free:
                cell[place] = free.pop()
            else:
                cell[place] = self._cells
                self._cells += 1
                if not in_place:
                    own += 1
                elif place in first:
                    self._columns[cell[place]] = first[place]
                else:
                    self._buffers.append(cell[place])
            self._steps.append((function, sources, cell[place], in_place, place in self._watched))
        self._input_cells = [cell[i] for i in self._inputs]
        self._constant_cells = [(cell[i], value) for i, value in self._constants.items()]
        self._copies = [(k, cell[i]) for k, i in enumerate(self._results) if self._columns.get(cell[i]) != k]
        self._width = len(self._buffers) + own + len(self._inputs) + len(self._results)

    def run(self, columns: Mapping[str, Array]) -> list[Array]:
        """The columns of the roots, given those of the variables: float64, of one length."""
        return self.watch(columns)[0]

    def watch(self, columns: Mapping[str, Array]) -> tuple[list[Array], bool]:
        """`run`, and whether a watched node had a value that is nan or infinite."""
        given = [np.ascontiguousarray(columns[name], dtype=float) for name in self.names]
        count = len(given[0]) if given else len(next(iter(columns.values()), ()))
        if any(column.shape != (count,) for column in given):
            raise UsageError("the columns of the variables are not of one length")
        results = [np.empty(count) for _ in self.roots]
        found = self._always and count > 0
        buffers = [np.empty(min(self.rows, count)) for _ in self._buffers]
        with np.errstate(all="ignore"):
            for start in range(0, count, self.rows):
                stop = min(start + self.rows, count)
                found = self._page(given, results, buffers, start, stop) or found
        return results, found

    def _page(self, given: list[Array], results: list[Array], buffers: list[Array], start: int, stop: int) -> bool:
        """Computes the rows from `start` to `stop`."""
        cells: list[Any] = [None] * self._cells
        for cell, column in zip(self._input_cells, given):
            cells[cell] = column[start:stop]
        for cell, value in self._constant_cells:
            cells[cell] = value
        for cell, buffer in zip(self._buffers, buffers):
            cells[cell] = buffer[: stop - start]
        for cell, k in self._columns.items():
            cells[cell] = results[k][start:stop]
        found = False
        for function, sources, target, in_place, watched in self._steps:
            if in_place:
                function(*[cells[i] for i in sources], out=cells[target])
            else:
                cells[target] = function(*[cells[i] for i in sources])
            if watched and not found:
                found = not np.isfinite(cells[target]).all()
        for k, cell in self._copies:
            results[k][start:stop] = cells[cell]
        return found
