"""SymPy at the border: our expressions into SymPy's and back, and SymPy's own derivative.

The only module that imports SymPy, and imported only by workers. Symbols are made explicitly, so no
name of a user is ever looked up; numbers that SymPy would try to work out (9^9^9^9, factorials of
huge numbers) stand behind symbols of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any, NamedTuple

import sympy

from .expr import LEAVES, Graph, literal_rational, to_text
from .ops import CONSTANTS, OPS, lookup, unknown_function
from .tidy import Tidy, bits, combine

# The largest argument at which SymPy may evaluate a factorial or the like while it builds.
LARGEST_CONSTANT = 1000


class Unsupported(Exception):
    """SymPy's result has a function that the table has not."""


def _real_root(x: Any, p: int, q: int) -> Any:
    """The real q-th root of x^p for odd q: SymPy's own power is the complex principal one.

    x^(p/q) is (x²)^(p/2q) for even p and x·(x²)^((p−q)/2q) for odd p.
    """
    if p % 2 == 0:
        return (x**2) ** sympy.Rational(p, 2 * q)
    return x * (x**2) ** sympy.Rational(p - q, 2 * q)


def _absolute(x: Any) -> Any:
    # Abs of something SymPy does not know to be real differentiates into real and imaginary parts.
    return sympy.Abs(x) if x.is_extended_real else sympy.sqrt(x**2)


def _sign(x: Any) -> Any:
    return sympy.sign(x) if x.is_extended_real else x / sympy.sqrt(x**2)


def _root(x: Any, n: Any) -> Any:
    if n.is_Integer and n > 0:
        return _real_root(x, 1, int(n)) if n % 2 else x ** sympy.Rational(1, int(n))
    raise Unsupported("a root whose index is not a positive whole number")


BUILDERS: dict[str, Callable[..., Any]] = {
    "sub": lambda x, y: x - y,
    "neg": lambda x: -x,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
    "log2": lambda x: sympy.log(x) / sympy.log(2),
    "log10": lambda x: sympy.log(x) / sympy.log(10),
    "log1p": lambda x: sympy.log(1 + x),
    "expm1": lambda x: sympy.exp(x) - 1,
    "cbrt": lambda x: _real_root(x, 1, 3),
    "root": _root,
    "Abs": _absolute,
    "sign": _sign,
    "Mod": lambda x, n: x - n * sympy.floor(x / n),
    "relu": lambda x: sympy.Max(x, 0) if x.is_extended_real else (x + sympy.sqrt(x**2)) / 2,
    "Max": lambda x, y: sympy.Max(x, y) if _both_real(x, y) else (x + y + sympy.sqrt((x - y) ** 2)) / 2,
    "Min": lambda x, y: sympy.Min(x, y) if _both_real(x, y) else (x + y - sympy.sqrt((x - y) ** 2)) / 2,
    "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "where": lambda c, x, y: sympy.Piecewise((x, c), (y, True)),
}


def _both_real(x: Any, y: Any) -> bool:
    return bool(x.is_extended_real and y.is_extended_real)


# Functions that SymPy works out for numbers as soon as it sees them.
_EAGER = frozenset(
    "factorial gamma lgamma binomial beta floor ceil mod sin cos tan cot sec csc exp digamma polygamma "
    "zeta hurwitz besselj bessely besseli besselk expint polylog lowergamma uppergamma erf".split()
)


class Translation:
    """Nodes of one graph as SymPy expressions, and back."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.symbols: dict[str, Any] = {}
        self.hidden: dict[Any, int] = {}  # symbols that stand for constants, and declared functions
        self.built: dict[int, Any] = {}
        self.names: dict[Any, str] = {}

    def symbol(self, name: str) -> Any:
        """The real symbol of a variable."""
        found = self.symbols.get(name)
        if found is None:
            found = self.symbols[name] = sympy.Symbol(name, real=True)
            self.names[found] = name
        return found

    def to_sympy(self, root: int) -> Any:
        """The expression of a node."""
        nodes = self.graph.nodes
        for position in self.graph.reachable([root]):
            if position not in self.built:
                self.built[position] = self._build(position, nodes[position])
        return self.built[root]

    def _build(self, position: int, key: Any) -> Any:
        op = key[0]
        if op == "num":
            value = Fraction(key[1])
            return sympy.Rational(value.numerator, value.denominator)
        if op == "var":
            return self.symbol(key[1])
        if op in CONSTANTS:
            return sympy.E if op == "e" else sympy.pi
        operands = [self.built[i] for i in key[1:]]
        if self._is_huge(op, key, operands):
            hidden = sympy.Symbol(f"constant {position}", positive=True)
            self.hidden[hidden] = position
            return hidden
        if op.startswith("call "):
            return self._declared(op, operands)
        if op == "pow":
            literal = literal_rational(self.graph, key[2])
            if literal is not None and literal.denominator % 2 and literal.denominator > 1:
                return _real_root(operands[0], literal.numerator, literal.denominator)
        name = lookup(op).sympy
        builder = BUILDERS.get(name)
        return (builder or getattr(sympy, name))(*operands)

    def _is_huge(self, op: str, key: Any, operands: list[Any]) -> bool:
        if not all(x.is_number for x in operands) or op in ("add", "sub", "neg"):
            return False
        if any(x in self.hidden for x in operands):
            return True
        if op in _EAGER and op != "floor":
            return any(x.is_Rational and (abs(x.p) > LARGEST_CONSTANT or x.q > LARGEST_CONSTANT) for x in operands)
        rational = [Fraction(int(x.p), int(x.q)) for x in operands if x.is_Rational]
        if op in ("pow", "mul", "div") and len(rational) == 2:
            found = combine(op, rational[0], rational[1])
            return found is None and (op != "pow" or bits(rational[1]) > 12)
        if op == "pow":
            exponent = operands[1]
            return bool(exponent.is_Rational and abs(exponent.p) > LARGEST_CONSTANT)
        return False

    def _declared(self, op: str, operands: list[Any]) -> Any:
        _, function, _, *orders = op.split(" ")
        called = sympy.Function(function, real=True)
        if not orders:
            return called(*operands)
        inner = [sympy.Symbol(f"operand {i}", real=True) for i in range(len(operands))]
        derivative = sympy.Derivative(called(*inner), *[inner[int(k)] for k in orders])
        return sympy.Subs(derivative, tuple(inner), tuple(operands))

    # -- and back ----------------------------------------------------------------------------------

    def from_sympy(self, expression: Any) -> int:
        """A SymPy expression as a node of the graph; `Unsupported` if the table has not all of it."""
        tidy = Tidy(self.graph)
        done: dict[Any, int] = {}
        stack: list[tuple[Any, bool]] = [(expression, False)]
        while stack:
            item, ready = stack.pop()
            if item in done:
                continue
            parts = _parts(item)
            if not ready:
                stack.append((item, True))
                stack.extend((part, False) for part in parts)
                continue
            done[item] = self._read(item, [done[part] for part in parts], tidy)
        return done[expression]

    def _read(self, item: Any, parts: list[int], tidy: Tidy) -> int:
        graph = self.graph
        if item.is_Symbol:
            if item in self.hidden:
                return self.hidden[item]
            if item not in self.names:
                raise Unsupported(str(item))
            return graph.variable(self.names[item])
        if item.is_Rational:
            return graph.number(Fraction(int(item.p), int(item.q)))
        if item.is_number and item.is_finite is False:
            raise Unsupported("no finite value")
        if item is sympy.E or item is sympy.pi:
            return graph.node("e" if item is sympy.E else "pi")
        if item.is_Add or item.is_Mul:
            op = tidy.add if item.is_Add else tidy.mul
            total = parts[0]
            for part in parts[1:]:
                total = op(total, part)
            return total
        if item.is_Pow:
            return tidy.exp(parts[1]) if item.base is sympy.E else tidy.pow(parts[0], parts[1])
        if isinstance(item, sympy.Piecewise):
            return self._piecewise(item, parts)
        if isinstance(item, (sympy.Subs, sympy.Derivative)):
            return self._derivative(item, parts, tidy)
        name = type(item).__name__
        if isinstance(item, sympy.core.function.AppliedUndef):
            return graph.node(unknown_function(item.func.__name__, len(parts)), *parts)
        if name == "DiracDelta":  # 0 but at a point
            return tidy.zero
        if name == "Heaviside":
            return graph.node("step", parts[0])
        if name in ("Max", "Min"):
            total = parts[0]
            for part in parts[1:]:
                total = graph.node(name.lower(), total, part)
            return total
        if name in _LOGIC:
            return self._logic(name, parts)
        op_name = _FROM_SYMPY.get((name, len(parts)))
        if op_name is None:
            raise Unsupported(name)
        if op_name == "polygamma" and graph.nodes[parts[0]][:2] == ("num", 0):
            return graph.node("digamma", parts[1])
        return tidy.make(op_name, *parts)

    def _logic(self, name: str, parts: list[int]) -> int:
        op = _LOGIC[name]
        if name == "Not":
            return self.graph.node(op, parts[0])
        total = parts[0]
        for part in parts[1:]:
            total = self.graph.node(op, total, part)
        return total

    def _piecewise(self, item: Any, parts: list[int]) -> int:
        pairs = item.args
        if pairs[-1][1] != sympy.true:
            raise Unsupported("a piecewise function without a last case")
        result = parts[-1]
        for k in range(len(pairs) - 2, -1, -1):
            result = self.graph.node("where", parts[2 * k + 1], parts[2 * k], result)
        return result

    def _derivative(self, item: Any, parts: list[int], tidy: Tidy) -> int:
        """Derivatives that SymPy leaves standing: of declared functions, and of steps (0)."""
        derivative = item.expr if isinstance(item, sympy.Subs) else item
        function = derivative.expr
        if type(function).__name__ in ("floor", "ceiling", "sign", "Heaviside"):
            return tidy.zero
        if not isinstance(function, sympy.core.function.AppliedUndef):
            raise Unsupported(type(function).__name__)
        orders: list[int] = []
        for variable, count in derivative.variable_count:
            places = [k for k, argument in enumerate(function.args) if argument == variable]
            if len(places) != 1:
                raise Unsupported("a derivative by something that is not one operand")
            orders += [places[0]] * int(count)
        name = unknown_function(function.func.__name__, len(function.args), tuple(orders))
        return self.graph.node(name, *parts)


def _parts(item: Any) -> list[Any]:
    """The sub-expressions that are read before an expression."""
    if item.is_Atom:
        return []
    if isinstance(item, sympy.Piecewise):
        pairs = item.args
        parts: list[Any] = []
        for value, condition in pairs[:-1]:
            parts += [value, condition]
        return [*parts, pairs[-1][0]]
    if isinstance(item, sympy.Derivative):
        if isinstance(item.expr, sympy.core.function.AppliedUndef):
            return list(item.expr.args)
        return []
    if isinstance(item, sympy.Subs):
        inner = item.expr
        if not isinstance(inner, sympy.Derivative):
            raise Unsupported("a substitution")
        if not isinstance(inner.expr, sympy.core.function.AppliedUndef):
            return []
        replaced = dict(zip(item.variables, item.point, strict=True))
        return [argument.xreplace(replaced) for argument in inner.expr.args]
    if type(item).__name__ == "Heaviside":
        return [item.args[0]]
    return list(item.args)


_LOGIC = {
    "StrictLessThan": "lt", "LessThan": "le", "StrictGreaterThan": "gt", "GreaterThan": "ge",
    "Equality": "eq", "Unequality": "ne", "And": "and", "Or": "or", "Not": "not",
}  # fmt: skip

# SymPy's class names to rows; where a row has a name of its own in SymPy.
_FROM_SYMPY: dict[tuple[str, int], str] = {
    (op.sympy, op.arity): op.name for op in OPS.values() if op.sympy not in BUILDERS and op.name not in LEAVES
}
_FROM_SYMPY |= {("Abs", 1): "abs", ("sign", 1): "sign", ("log", 1): "log", ("zeta", 1): "zeta"}


def sympy_derivative(translation: Translation, root: int, name: str, order: int) -> int:
    """SymPy's own derivative of a node, as a node: nothing of our rules goes into it."""
    expression = translation.to_sympy(root)
    symbol = translation.symbol(name)
    for _ in range(order):
        expression = sympy.diff(expression, symbol)
    return translation.from_sympy(expression)


def is_zero(translation: Translation, root: int) -> bool:
    """Whether SymPy's rewriting proves that a node is 0; its "no" means nothing."""
    expression = translation.to_sympy(root)
    return any(rewrite(expression) == 0 for rewrite in (sympy.expand, sympy.simplify))


class Solutions(NamedTuple):
    """What SymPy gives for equations: values of the variables, families in words, and whether these are all."""

    points: list[dict[str, int]]
    families: list[str]
    finite: bool


def solve_gradient(graph: Graph, gradient: Sequence[int], names: Sequence[str]) -> Solutions | None:
    """SymPy's real zeros of a gradient as nodes; None if it gives up. Nothing of it is to be believed unchecked."""
    translation = Translation(graph)
    symbols = [translation.symbol(name) for name in names]
    try:
        tops = [sympy.fraction(sympy.together(translation.to_sympy(i)))[0] for i in gradient]
        if len(symbols) == 1:
            return _solve_one(translation, tops[0], symbols[0])
        solutions = sympy.solve(tops, symbols, dict=True)
    except Exception:  # SymPy gives up in many ways, and whatever it raises means only that
        return None
    points = []
    for solution in solutions:
        with suppress(Unsupported):
            points.append({translation.names[x]: translation.from_sympy(v) for x, v in solution.items()})
    return Solutions(points, [], False)


def _solve_one(translation: Translation, top: Any, x: Any) -> Solutions:
    """The real zeros of one expression, factor by factor."""
    from .textbook import rewritten

    n = sympy.Dummy("n", integer=True)
    translation.names[n] = "n"
    found = Solutions([], [], True)
    waiting = [sympy.solveset(factor, x, sympy.S.Reals) for factor in sympy.Mul.make_args(sympy.factor(top))]
    points, families, finite = found
    while waiting:
        part = waiting.pop()
        if isinstance(part, sympy.Union):
            waiting += part.args
        elif isinstance(part, sympy.Complement):
            waiting.append(part.args[0])
        elif isinstance(part, sympy.Intersection) and any(isinstance(s, sympy.FiniteSet) for s in part.args):
            waiting.append(next(s for s in part.args if isinstance(s, sympy.FiniteSet)))
        elif isinstance(part, sympy.FiniteSet):
            for value in part.args:
                if value.is_real is False:
                    continue
                try:
                    points.append({translation.names[x]: translation.from_sympy(value)})
                except Unsupported:
                    finite = False
        elif isinstance(part, sympy.ImageSet) and part.base_sets == (sympy.S.Integers,):
            member = part.lamda.expr.xreplace({part.lamda.variables[0]: n})
            finite = False
            with suppress(Unsupported):
                general = rewritten(translation.graph, translation.from_sympy(member))
                families.append(f"{translation.names[x]} = {to_text(translation.graph, general)}")
            for k in range(-2, 3):
                with suppress(Unsupported):
                    one = translation.from_sympy(member.xreplace({n: sympy.Integer(k)}))
                    points.append({translation.names[x]: one})
        elif part is not sympy.S.EmptySet:
            finite = False
    return found._replace(finite=finite)


_LARGEST = 10**3


def rewrites_to_zero(graph: Graph, root: int, largest: int = 40) -> bool:
    """`is_zero` for a small node, with whatever SymPy may raise counted as a "no"."""
    order = graph.reachable([root])
    if len(order) > largest or any(graph.nodes[i][0] == "num" and abs(graph.nodes[i][1]) > _LARGEST for i in order):
        return False  # SymPy would write a power with such an exponent out
    try:
        return is_zero(Translation(graph), root)
    except Exception:  # SymPy gives up in many ways, and its "no" means nothing
        return False
