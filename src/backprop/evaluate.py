"""Values at a point: exact while they can be, else balls that certainly contain the true value.

A value is an int or a Fraction; a rational multiple of pi or a rational power of e (`Exact`); an
`arb`, a ball of python-flint with a guaranteed radius; a bool for a condition; or None where the
real value does not exist or cannot be told. python-flint is imported when the first value needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from .expr import LEAVES, Graph, Number, literal_rational
from .ops import GROUPS, lookup
from .rules import Program, compile_text
from .tidy import bits, combine

# Arguments beyond this are not given to special functions, whose cost grows with them.
LARGEST_ARGUMENT = 10**7


class Exact:
    """q·pi (kind "pi") or e^q (kind "e"), with q rational."""

    __slots__ = ("kind", "q")

    def __init__(self, kind: str, q: Number) -> None:
        self.kind, self.q = kind, q

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and (self.kind, self.q) == (other.kind, other.q)

    def __hash__(self) -> int:
        return hash((self.kind, self.q))

    def ball(self) -> Any:
        from flint import arb

        return arb.pi() * to_ball(self.q) if self.kind == "pi" else to_ball(self.q).exp()

    def __repr__(self) -> str:
        return f"{self.q}*pi" if self.kind == "pi" else f"e^{self.q}"


Value = Any  # int | Fraction | Exact | arb | bool | None


_precision = 64


def _load() -> Any:
    """python-flint, imported when the first ball is needed and set to the precision of the moment."""
    import flint

    if flint.ctx.prec != _precision:
        flint.ctx.prec = _precision
    return flint


def set_precision(precision: int) -> int:
    """Sets the precision of balls in bits and returns the one before."""
    global _precision
    previous, _precision = _precision, precision
    if "flint" in sys.modules:
        _load()
    return previous


def to_ball(value: Value) -> Any:
    """A value as a ball at the precision of the moment."""
    flint = _load()
    arb, fmpq = flint.arb, flint.fmpq
    if type(value) is int:
        return arb(value)
    if type(value) is Fraction:
        return arb(fmpq(value.numerator, value.denominator))
    return value.ball() if type(value) is Exact else value


def evaluate(
    graph: Graph,
    order: Iterable[int],
    inputs: Mapping[str, Value],
    *,
    precision: int = 64,
    exact: bool = True,
) -> dict[int, Value]:
    """The values of nodes, given those of the variables; `order` has operands before users.

    Nodes that depend on a variable without a value are left out. With `exact` False everything is
    computed in balls of `precision` bits.
    """
    values: dict[int, Value] = {}
    nodes = graph.nodes
    previous = set_precision(precision)
    try:
        if not exact:
            return _in_balls(graph, order, inputs)
        for position in order:
            key = nodes[position]
            op = key[0]
            if op == "num":
                values[position] = key[1]
            elif op == "var":
                if key[1] in inputs:
                    values[position] = inputs[key[1]]
            elif op in LEAVES:
                values[position] = Exact(op, 1)
            else:
                operands = [values.get(i, _FREE) for i in key[1:]]
                if _FREE in operands:
                    continue
                values[position] = _apply(graph, op, key, operands)
    finally:
        set_precision(previous)
    return values


def _in_balls(graph: Graph, order: Iterable[int], inputs: Mapping[str, Value]) -> dict[int, Value]:
    """The values as balls; None where there is none. One step of the loop costs about one operation."""
    values: dict[int, Value] = {}
    nodes = graph.nodes
    functions: dict[str, Callable[..., Any] | None] = {}
    for position in order:
        key = nodes[position]
        op = key[0]
        if op in LEAVES:
            given = key[1] if op == "num" else inputs.get(key[1]) if op == "var" else Exact(op, 1)
            values[position] = None if given is None else to_ball(given)
            continue
        if op not in functions:
            functions[op] = None if op in _SPECIAL_CARE else _ball_function(op)
        function = functions[op]
        if function is None:
            values[position] = _apply(graph, op, key, [values[i] for i in key[1:]])
            continue
        first, second = values[key[1]], values[key[-1]]
        if first is None or second is None:
            value = None
        elif len(key) == 2:
            value = function(first)
        elif len(key) == 3:
            value = function(first, second)
        else:
            operands = [values[i] for i in key[1:]]
            value = None if any(v is None for v in operands) else function(*operands)
        values[position] = value if value is not None and value.is_finite() else None
    return values


_FREE = object()


def _apply(graph: Graph, op: str, key: tuple[Any, ...], operands: list[Value]) -> Value:
    if op in _SPECIAL_CARE and op != "pow":
        return _choose(op, operands)
    if any(v is None for v in operands):
        return None
    found = _exact(op, operands)
    if found is not _FREE:
        return found
    if op == "pow":
        if all(_is_rational(v) for v in operands) and operands[0] < 0 and literal_rational(graph, key[2]) is not None:
            root = combine("pow", operands[0], operands[1])  # (-8)^(1/3) is the real root
            if root is not None:
                return root
        return _finite(_power(graph, key, operands))
    return _finite(_ball_function(op)(*[to_ball(v) for v in operands]))


def _choose(op: str, operands: Sequence[Value]) -> Value:
    """A condition, or the choice between two values by one."""
    if op == "where":
        chosen = operands[0]
        return None if chosen is None else operands[1] if chosen else operands[2]
    if op in _LOGIC:
        return _LOGIC[op](operands)
    return None if any(v is None for v in operands) else _relation(op, *operands)


def operate(op: str, a: Value, b: Value) -> Value:
    """The sum or product of two values, exact if it can be."""
    found = _exact(op, [a, b])
    return found if found is not _FREE else _finite(BALLS[op](to_ball(a), to_ball(b)))


def _finite(value: Any) -> Any:
    return value if value is not None and value.is_finite() else None


# -- conditions --------------------------------------------------------------------------------


def _and(operands: Sequence[Value]) -> Value:
    return False if False in operands else None if None in operands else True


def _or(operands: Sequence[Value]) -> Value:
    return True if True in operands else None if None in operands else False


_LOGIC: dict[str, Callable[[Sequence[Value]], Value]] = {
    "and": _and,
    "or": _or,
    "not": lambda operands: None if operands[0] is None else not operands[0],
}
_RELATIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
_SPECIAL_CARE = _RELATIONS | frozenset({*_LOGIC, "where", "pow"})


def _relation(op: str, left: Value, right: Value) -> bool | None:
    sign = sign_of_difference(left, right)
    if sign is None:
        return None
    return {"lt": sign < 0, "le": sign <= 0, "gt": sign > 0, "ge": sign >= 0, "eq": sign == 0, "ne": sign != 0}[op]


def sign_of_difference(left: Value, right: Value) -> int | None:
    """−1, 0 or 1 for left < = > right; None if the balls overlap."""
    if _is_rational(left) and _is_rational(right):
        return int(left > right) - int(left < right)
    if left == right and type(left) is Exact:
        return 0
    difference = to_ball(left) - to_ball(right)
    if difference > 0:
        return 1
    if difference < 0:
        return -1
    return 0 if difference.is_zero() else None


def _is_rational(value: Value) -> bool:
    return type(value) is int or type(value) is Fraction


# -- exact values ------------------------------------------------------------------------------


def _exact(op: str, operands: list[Value]) -> Value:
    """The exact value if it is known, None if it does not exist, `_FREE` if balls must find it."""
    if all(_is_rational(v) for v in operands):
        found = _rational(op, operands)
        return _FREE if found is _FREE else found
    if any(not (_is_rational(v) or type(v) is Exact) for v in operands):
        return _FREE
    return _with_constants(op, operands)


def _rational(op: str, operands: list[Value]) -> Value:
    first = operands[0]
    second = operands[-1]
    if op in ("add", "sub", "mul", "div"):
        if op == "div" and second == 0:
            return None
        found = combine(op, first, second)
        return _FREE if found is None else found
    if op == "neg":
        return -first
    if op == "pow":
        if type(second) is int or second.denominator == 1:
            if first == 0 and second < 0:
                return None
            found = combine("pow", first, second)
            return _FREE if found is None else found
        found = combine("pow", first, second) if first >= 0 else None
        return _FREE if found is None else found
    if op == "abs":
        return abs(first)
    if op == "sign":
        return (first > 0) - (first < 0)
    if op == "floor":
        return first.numerator // first.denominator
    if op == "ceil":
        return -(-first.numerator // first.denominator)
    if op == "mod":
        return None if second == 0 else combine("sub", first, second * (first // second))
    if op in ("max", "min"):
        return max(first, second) if op == "max" else min(first, second)
    if op == "relu":
        return max(first, 0)
    if op == "step":
        return 0 if first < 0 else 1 if first > 0 else Fraction(1, 2)
    if op in ("sqrt", "cbrt", "root"):
        n = 2 if op == "sqrt" else 3 if op == "cbrt" else second
        if type(n) is not int or n <= 0 or (first < 0 and n % 2 == 0):
            return None
        found = combine("pow", first, Fraction(1, n))
        return _FREE if found is None else found
    if op == "exp":
        return 1 if first == 0 else Exact("e", first) if bits(first) < 40 else _FREE
    if op in ("log", "log2", "log10", "log1p"):
        argument = first + 1 if op == "log1p" else first
        if argument <= 0:
            return None
        if argument == 1:
            return 0
        base = {"log2": 2, "log10": 10}.get(op)
        return _FREE if base is None else _integer_logarithm(argument, base)
    if op == "factorial" and type(first) is int:
        return None if first < 0 else _factorial(first)
    if op == "gamma" and type(first) is int:
        return None if first <= 0 else _factorial(first - 1)
    if op == "binomial" and type(first) is int and type(second) is int and 0 <= second <= first <= 500:
        from math import comb

        return comb(first, second)
    if op == "sigmoid" and first == 0:
        return Fraction(1, 2)
    if first == 0 and len(operands) == 1:
        return _AT_ZERO.get(op, _FREE)
    return _FREE


_AT_ZERO = {
    **dict.fromkeys(
        "sin tan asin atan sinh tanh asinh atanh erf erfi erfinv expm1 Si Shi fresnels fresnelc lambertw".split(), 0
    ),
    **dict.fromkeys("cos sec cosh sech sinc erfc".split(), 1),
    **dict.fromkeys("cot csc coth csch acot asec acsc acoth acsch asech".split()),
    "acos": Exact("pi", Fraction(1, 2)),
}


def _factorial(n: int) -> Value:
    from math import factorial

    return factorial(n) if n <= 150 else _FREE


def _integer_logarithm(argument: Number, base: int) -> Value:
    for n in range(-400, 401) if bits(argument) < 1400 else ():
        if (base**n if n >= 0 else Fraction(1, base**-n)) == argument:
            return n
    return _FREE


def _with_constants(op: str, operands: list[Value]) -> Value:
    """Exact arithmetic with multiples of pi and powers of e, as far as it stays within them."""
    first, second = operands[0], operands[-1]
    kinds = [v.kind if type(v) is Exact else "" for v in operands]
    if len(operands) == 1:
        if op == "neg" and kinds == ["pi"]:
            return Exact("pi", -first.q)
        if kinds == ["e"] and op == "log":
            return first.q
        if kinds == ["pi"] and op in _TURNS:
            return _turn(op, first.q)
        return _FREE
    if kinds == ["pi", "pi"]:
        if op in ("add", "sub"):
            return _pi(combine(op, first.q, second.q))
        if op == "div":
            found = combine("div", first.q, second.q)
            return None if second.q == 0 else _FREE if found is None else found
    if kinds == ["pi", ""] and op in ("mul", "div"):
        return None if op == "div" and second == 0 else _pi(combine(op, first.q, second))
    if kinds == ["", "pi"] and op == "mul":
        return _pi(combine("mul", first, second.q))
    if kinds == ["e", "e"] and op in ("mul", "div"):
        q = combine("add" if op == "mul" else "sub", first.q, second.q)
        return _FREE if q is None else Exact("e", q) if q != 0 else 1
    if kinds == ["e", ""] and op == "pow":
        q = combine("mul", first.q, second)
        return _FREE if q is None else Exact("e", q) if q != 0 else 1
    return _FREE


def _pi(q: Number | None) -> Value:
    return _FREE if q is None else Exact("pi", q) if q != 0 else 0


_TURNS = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})


def _turn(op: str, q: Number) -> Value:
    """A trigonometric function of q·pi where it is rational (Niven: 0, ±1/2, ±1) or has a pole."""
    if q.denominator > 6:
        return _FREE
    turn = Fraction(q) % 2
    sines: dict[Number, Number]
    sines = {0: 0, Fraction(1, 6): Fraction(1, 2), Fraction(1, 2): 1, Fraction(5, 6): Fraction(1, 2), 1: 0,
             Fraction(7, 6): Fraction(-1, 2), Fraction(3, 2): -1, Fraction(11, 6): Fraction(-1, 2)}  # fmt: skip
    sine, cosine = sines.get(turn), sines.get((turn + Fraction(1, 2)) % 2)
    if op == "sin":
        return _FREE if sine is None else sine
    if op == "cos":
        return _FREE if cosine is None else cosine
    if op in ("tan", "cot"):
        quarter = {Fraction(1, 4): 1, Fraction(3, 4): -1}.get(Fraction(q) % 1)
        if quarter is not None:
            return quarter
        top, bottom = (sine, cosine) if op == "tan" else (cosine, sine)
        return None if bottom == 0 else 0 if top == 0 else _FREE
    below = cosine if op == "sec" else sine
    return None if below == 0 else _FREE if below is None else combine("div", 1, below)


# -- balls -------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _ball_function(op: str) -> Callable[..., Any]:
    """How balls evaluate an operation: the column `ball` of its row."""
    row = lookup(op)
    if row.ball.startswith("= "):
        steps = compile_text(row.ball[2:], row.operands)
        return lambda *operands: run_in_balls(steps, operands)
    if row.ball in BALLS:
        return BALLS[row.ball]
    from flint import arb

    method: Callable[..., Any] = getattr(arb, row.ball)
    return _guarded(method) if row in GROUPS["Special functions"] else method


def run_in_balls(steps: Program, operands: Sequence[Value]) -> Value:
    """What a text of a table gives for balls as operands; None where there is no value."""
    program_steps, result = steps
    done: list[Any] = []
    for name, references, key in program_steps:
        if references:
            values = [operands[r] if r >= 0 else done[-1 - r] for r in references]
            if any(v is None for v in values):
                return None
            if name == "pow":
                done.append(values[0] ** values[1])
            elif name in _SPECIAL_CARE:
                done.append(_choose(name, values))
            else:
                done.append(_ball_function(name)(*values))
        else:
            done.append(to_ball(key[1]) if name == "num" else to_ball(Exact(name, 1)))
    return operands[result] if result >= 0 else done[-1 - result]


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*operands: Any) -> Any:
        return None if any(not abs(v) < LARGEST_ARGUMENT for v in operands) else function(*operands)

    return guarded


def _power(graph: Graph, key: tuple[Any, ...], operands: list[Value]) -> Any:
    """Powers: integer exponents anywhere, odd roots of negative numbers, else a positive base."""
    base, exponent = operands
    if type(base) not in (int, Fraction, Exact) and base.rel_accuracy_bits() < 4:
        return _power_of_interval(graph, key, base, exponent)
    integer = exponent if type(exponent) is int else None
    if integer is not None:
        if abs(integer) > 10**9:
            return _positive_power(to_ball(base), to_ball(exponent))
        ball = to_ball(base)
        return ball**integer if not (integer < 0 and ball.is_zero()) else None
    literal = literal_rational(graph, key[2])
    if literal is not None:
        ball = to_ball(base)
        if literal.denominator == 1:
            return ball**literal.numerator if abs(literal) <= 10**9 else None
        if ball.is_zero():
            return ball if literal > 0 else None
        if literal.denominator % 2 and literal.denominator < 10**6 and ball < 0:
            root = (-ball).root(literal.denominator) ** literal.numerator
            return -root if literal.numerator % 2 else root
        return _positive_power(ball, to_ball(literal))
    ball, raised = to_ball(base), to_ball(exponent)
    if raised.is_exact() and raised.is_integer() and abs(raised) < 10**9:
        integer = int(raised.unique_fmpz())
        return ball**integer if not (integer < 0 and ball.is_zero()) else None
    return _positive_power(ball, raised)


def _power_of_interval(graph: Graph, key: tuple[Any, ...], base: Any, exponent: Value) -> Any:
    """A power of a wide ball from its ends, since a power of the ball itself would be far too wide."""
    low, high = to_ball(0) + base.lower(), to_ball(0) + base.upper()
    parts = [low, high]
    if low < 0 < high:
        parts.append(to_ball(0))
    values = [_power(graph, key, [part, exponent]) for part in parts]
    if any(v is None or not v.is_finite() for v in values):
        return None
    result = values[0]
    for value in values[1:]:
        result = result.union(value)
    return result


def _positive_power(base: Any, exponent: Any) -> Any:
    if base > 0:
        return (exponent * base.log()).exp() if not exponent.is_exact() else base**exponent
    return base if base.is_zero() and exponent > 0 else None


def _root(ball: Any, n: Any) -> Any:
    index = n.unique_fmpz()
    if index is None or not 0 < index < 10**6:
        return None
    if ball.is_zero():
        return ball
    if ball < 0:
        return -((-ball).root(int(index))) if index % 2 else None
    return ball.root(int(index)) if ball >= 0 else None


def _floor(ball: Any) -> Any:
    below = ball.floor()
    return below if below.is_exact() else None


def _step(ball: Any) -> Any:
    from flint import arb

    return arb(1) if ball > 0 else arb(0) if ball < 0 else arb("0.5") if ball.is_zero() else None


def _sigmoid(ball: Any) -> Any:
    if ball > 0:
        return 1 / (1 + (-ball).exp())
    grown = ball.exp()
    return grown / (1 + grown)


def _softplus(ball: Any) -> Any:
    return ball + (-ball).exp().log1p() if ball > 0 else ball.exp().log1p()


def _real(name: str) -> Callable[..., Any]:
    """An acb method of the last operand(s), where the value is real."""

    def function(*operands: Any) -> Any:
        from flint import acb

        if any(not abs(v) < LARGEST_ARGUMENT for v in operands):
            return None
        value = getattr(acb, name)(*[acb(v) for v in operands])
        return value.real if value.imag.contains(0) else None

    return function


def _ordered(name: str) -> Callable[[Any, Any], Any]:
    """arb methods that take the order of the function as their second argument."""

    def function(order: Any, argument: Any) -> Any:
        from flint import arb

        if any(not abs(v) < LARGEST_ARGUMENT for v in (order, argument)):
            return None
        return getattr(arb, name)(argument, order)

    return function


def _lower_gamma(s: Any, x: Any) -> Any:
    return None if not (abs(s) < LARGEST_ARGUMENT and abs(x) < LARGEST_ARGUMENT) else s.gamma() - x.gamma_upper(s)


def _polygamma(n: Any, x: Any) -> Any:
    from flint import acb

    if not (abs(n) < 1000 and abs(x) < LARGEST_ARGUMENT):
        return None
    return acb(x).polygamma(acb(n)).real


def _ceil(ball: Any) -> Any:
    above = ball.ceil()
    return above if above.is_exact() else None


def _atan2(y: Any, x: Any) -> Any:
    return None if x.contains(0) and y.contains(0) else _load().arb.atan2(y, x)


BALLS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "abs": abs,
    "cbrt": lambda a: _root(a, _load().arb(3)),
    "root": _root,
    "floor": _floor,
    "ceil": _ceil,
    "step": _step,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "atan2": _atan2,
    "lowergamma": _lower_gamma,
    "uppergamma": _ordered("gamma_upper"),
    "besselj": _ordered("bessel_j"),
    "bessely": _ordered("bessel_y"),
    "besseli": _ordered("bessel_i"),
    "besselk": _ordered("bessel_k"),
    "expint": _ordered("expint"),
    "polylog": _ordered("polylog"),
    "hurwitz": lambda s, a: s.zeta(a) if abs(s) < 10**4 and abs(a) < LARGEST_ARGUMENT else None,
    "polygamma": _polygamma,
    "airyaiprime": lambda a: a.airy()[1] if abs(a) < LARGEST_ARGUMENT else None,
    "airybiprime": lambda a: a.airy()[3] if abs(a) < LARGEST_ARGUMENT else None,
    "elliptic_k": _real("elliptic_k"),
    "elliptic_e": _real("elliptic_e"),
    "elliptic_f": _real("elliptic_f"),
    "elliptic_e_inc": _real("elliptic_e_inc"),
    "elliptic_pi": _real("elliptic_pi"),
    "elliptic_pi_inc": _real("elliptic_pi_inc"),
    "declared": lambda *_: None,
}


# -- text of values ------------------------------------------------------------------------------


def accurate(value: Value, digits: int) -> bool:
    """Whether the value can be printed to so many significant digits."""
    if value is None or type(value) in (int, Fraction, Exact, bool):
        return True
    return bool(value.is_zero()) or int(value.rel_accuracy_bits()) > 3.33 * digits + 3


def value_text(value: Value, digits: int) -> str | None:
    """An exact rational, else `digits` significant digits; true or false of a condition; None if there is no value.

    >>> value_text(Fraction(1, 3), 15), value_text(Exact("pi", 1), 5)
    ('1/3', '3.1416')
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if _is_rational(value):
        return str(value) if bits(value) <= 1100 else _rounded(_at_precision(value, digits), digits)
    if type(value) is Exact:
        return _rounded(_at_precision(value, digits), digits)
    if value.is_exact():
        rational = exact_rational(value)
        if rational is not None and bits(rational) < 64:
            return str(rational)
    return _rounded(value, digits)


def decimal_text(value: Value, digits: int) -> str:
    """A number with so many significant digits, also where it is exact.

    >>> decimal_text(Fraction(1, 3), 4), decimal_text(10**12 + 1, 4), decimal_text(Fraction(1, 4), 4)
    ('0.3333', '1.000e12', '0.2500')
    """
    return _rounded(_at_precision(value, digits), digits)


def _at_precision(value: Value, digits: int) -> Any:
    previous = set_precision(int(3.4 * digits) + 32)
    try:
        return to_ball(value)
    finally:
        set_precision(previous)


def exact_rational(ball: Any) -> Number | None:
    """The rational number that an exact ball is."""
    mantissa, exponent = ball.mid().man_exp()
    if abs(int(exponent)) > 4000:
        return None
    power = int(exponent)
    found = Fraction(int(mantissa)) * (Fraction(2) ** power)
    return found.numerator if found.denominator == 1 else found


def _rounded(ball: Any, digits: int) -> str:
    """The midpoint to so many digits; 0 if the ball cannot be told from it."""
    if ball.contains(0):
        return "0"
    mantissa, _, exponent = str(ball.mid().str(digits, radius=False)).partition("e")
    return mantissa + (f"e{int(exponent)}" if exponent else "")
