"""Constructors that tidy while they build: what a person would not write down is not built.

They know 0 and 1, exact constants, signs, and like terms and factors that meet. Nothing else is
rewritten, so an adjoint still shows how it came about. Each constructor is O(1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from .expr import Graph, Number

MAX_BITS = 1000  # about 300 digits: larger integers are never built


def combine(op: str, left: Number, right: Number) -> Number | None:
    """The exact result of an operation on numbers; None if undefined, irrational or too long.

    >>> combine("pow", 9, 999), combine("div", 6, 4), combine("pow", 4, Fraction(1, 2))
    (None, Fraction(3, 2), 2)
    """
    result: Number | None
    if op == "add":
        result = left + right
    elif op == "sub":
        result = left - right
    elif op == "mul":
        result = left * right
    elif op == "div":
        result = None if right == 0 else Fraction(left) / right
    else:
        result = power(left, right)
    if result is None or bits(result) > MAX_BITS:
        return None
    return result.numerator if type(result) is Fraction and result.denominator == 1 else result


def bits(value: Number) -> int:
    """The length of a number's numerator and denominator together."""
    return value.numerator.bit_length() + value.denominator.bit_length()


def power(base: Number, exponent: Number) -> Number | None:
    """base^exponent if it is rational, real and at most `MAX_BITS` long; 0^0 is 1."""
    if exponent.denominator != 1:
        root = exact_root(base, exponent.denominator)
        return None if root is None else power(root, exponent.numerator)
    n = exponent.numerator
    if base == 0:
        return 1 if n == 0 else 0 if n > 0 else None
    if abs(n) * max(base.numerator.bit_length(), base.denominator.bit_length()) > MAX_BITS + abs(n):
        return None
    return Fraction(base) ** n if n < 0 else base**n


def exact_root(value: Number, n: int) -> Number | None:
    """The real n-th root if it is rational, else None.

    >>> exact_root(Fraction(-8, 27), 3), exact_root(2, 2)
    (Fraction(-2, 3), None)
    """
    if value < 0:
        root = exact_root(-value, n) if n % 2 else None
        return None if root is None else -root
    parts = []
    for part in (value.numerator, value.denominator):
        if part.bit_length() > 4 * MAX_BITS or n > 4 * MAX_BITS:
            return None
        low, high = 0, 1 << (part.bit_length() // n + 1)
        while low < high:  # the integer root by bisection
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**n <= part else (low, middle - 1)
        if low**n != part:
            return None
        parts.append(low)
    return Fraction(parts[0], parts[1]) if parts[1] != 1 else parts[0]


class Tidy:
    """The tidying constructors over one graph."""

    __slots__ = ("graph", "nodes", "intern", "zero", "one", "_makers")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = graph.nodes
        self.intern = graph.intern
        self.zero = graph.number(0)
        self.one = graph.number(1)
        self._makers: dict[str, Callable[..., int]] = {
            "add": self.add, "sub": self.sub, "mul": self.mul, "div": self.div,
            "neg": self.neg, "pow": self.pow, "where": self.where,
            "exp": self.exp, "log": self.log,
        }  # fmt: skip

    def make(self, op: str, *operands: int) -> int:
        """The tidied node of any operation."""
        maker = self._makers.get(op)
        return self.intern((op, *operands)) if maker is None else maker(*operands)

    def number(self, value: Number, decimal: bool = False) -> int:
        """A folded constant: a decimal if only decimals went in and it ends, else a fraction."""
        return self.graph.number(value, _decimal(value) if decimal else None)

    def _fold(self, op: str, a: int, b: int) -> int | None:
        left, right = self.nodes[a], self.nodes[b]
        value = combine(op, left[1], right[1])
        if value is None:
            return None
        decimal = _is_decimal(left[2]) or _is_decimal(right[2])
        return self.number(value, decimal)

    def add(self, a: int, b: int) -> int:
        """a + b."""
        nodes = self.nodes
        left, right = nodes[a], nodes[b]
        if left[0] == "num":
            if left[1] == 0:
                return b
            if right[0] == "num":
                folded = self._fold("add", a, b)
                return self.intern(("add", a, b)) if folded is None else folded
        elif right[0] == "num":
            if right[1] == 0:
                return a
            if right[1] < 0:
                return self.intern(("sub", a, self.number(-right[1], _is_decimal(right[2]))))
            return self.intern(("add", a, b))
        c, u = self._coefficient(a, left)
        d, v = self._coefficient(b, right)
        if u == v:
            return self._scaled(c + d, u)
        if left[0] == "where" and right[0] == "where" and left[1] == right[1] and self._is_shallow(a):
            return self.where(left[1], self.add(left[2], right[2]), self.add(left[3], right[3]))
        if right[0] == "neg":
            return self.intern(("sub", a, right[1]))
        if d < 0:
            return self.intern(("sub", a, self._scaled(-d, v)))
        if left[0] == "neg":
            return self.intern(("sub", b, left[1]))
        return self.intern(("add", a, b))

    def sub(self, a: int, b: int) -> int:
        """a − b."""
        nodes = self.nodes
        left, right = nodes[a], nodes[b]
        if right[0] == "num":
            if right[1] == 0:
                return a
            if left[0] == "num":
                folded = self._fold("sub", a, b)
                return self.intern(("sub", a, b)) if folded is None else folded
            if right[1] < 0:
                return self.intern(("add", a, self.number(-right[1], _is_decimal(right[2]))))
            return self.intern(("sub", a, b))
        if left[0] == "num" and left[1] == 0:
            return self.neg(b)
        c, u = self._coefficient(a, left)
        d, v = self._coefficient(b, right)
        if u == v:
            return self._scaled(c - d, u)
        if right[0] == "neg":
            return self.add(a, right[1])
        if d < 0:
            return self.intern(("add", a, self._scaled(-d, v)))
        return self.intern(("sub", a, b))

    def neg(self, a: int) -> int:
        """−a."""
        key = self.nodes[a]
        op = key[0]
        if op == "num":
            return self.number(-key[1], _is_decimal(key[2]))
        if op == "neg":
            return int(key[1])
        if op == "sub":
            return self.sub(key[2], key[1])
        if op == "mul" and self.nodes[key[1]][0] == "num":
            return self.mul(self.neg(key[1]), key[2])
        if op == "where" and self.zero in key[2:] and self._is_shallow(a):
            return self.where(key[1], self.neg(key[2]), self.neg(key[3]))
        return self.intern(("neg", a))

    def mul(self, a: int, b: int) -> int:
        """a · b, a number in front."""
        nodes = self.nodes
        left, right = nodes[a], nodes[b]
        if right[0] == "num" and left[0] != "num":
            a, b, left, right = b, a, right, left
        op = right[0]
        if left[0] == "num":
            value = left[1]
            if value == 1:
                return b
            if value == 0:
                return self.zero
            if op == "num":
                folded = self._fold("mul", a, b)
                return self.intern(("mul", a, b)) if folded is None else folded
            if value == -1:
                return self.neg(b)
            if op == "neg":
                sign, b = self._unsigned(b)
                return self.mul(a if sign > 0 else self.neg(a), b)
            if op == "mul":
                first = nodes[right[1]]
                if first[0] == "num":
                    number, rest = self._number_in_front(("mul", a, b))
                    return self.intern(("mul", a, b)) if rest == b else self.mul(number, rest)
                if first[0] == "div" and nodes[first[1]][0] == "num":
                    return self.mul(self.div(self.mul(a, first[1]), first[2]), right[2])
            if op == "where":
                found = self._into_branches(a, right)
                return self.intern(("mul", a, b)) if found is None else found
            if op == "div" and nodes[right[1]][0] == "num":
                return self.div(self.mul(a, right[1]), right[2])
            return self.intern(("mul", a, b))
        # Into the branches before all else: what guards sqrt(x) must go on guarding 1/(2·sqrt(x)). The
        # left one first, so that cases stay nested in the order of the text.
        if left[0] == "where":
            found = self._into_branches(b, left)
            if found is not None:
                return found
        if op == "where":
            found = self._into_branches(a, right)
            if found is not None:
                return found
        if left[0] == "neg" or op == "neg":
            sign, a = self._unsigned(a)
            other, b = self._unsigned(b)
            product = self.mul(a, b)
            return product if sign == other else self.neg(product)
        if left[0] == "mul" and nodes[left[1]][0] == "num":
            number, rest = self._number_in_front(left)
            if nodes[rest][0] == "mul" and nodes[nodes[rest][1]][0] == "num":
                return self.intern(("mul", a, b))
            return self.mul(number, self.mul(rest, b))
        if op == "mul" and nodes[right[1]][0] == "num":
            number, rest = self._number_in_front(right)
            if nodes[rest][0] == "mul" and nodes[nodes[rest][1]][0] == "num":
                return self.intern(("mul", a, b))
            return self.mul(number, self.mul(a, rest))
        if a == b:
            return self.pow(a, self.graph.number(2))
        if op == "div":
            return self._times_quotient(a, right)
        if left[0] == "div" and nodes[left[1]] == nodes[self.one]:
            return self.div(b, left[2])
        return self.intern(("mul", a, b))

    def _unsigned(self, position: int) -> tuple[int, int]:
        """(±1, the node without the signs in front of it), however many signs were typed."""
        nodes, sign = self.nodes, 1
        while nodes[position][0] == "neg":
            sign, position = -sign, nodes[position][1]
        return sign, position

    def _times_quotient(self, a: int, quotient: tuple) -> int:  # type: ignore[type-arg]
        """a · (u/v): one division if u is 1; with what the graph has already, if it has.

        The adjoint of a quotient's bottom is a·u/y², where a/y (the adjoint of its top) and u/y
        (the quotient itself) are already there: one product instead of a power, a product and a
        quotient keeps the whole gradient within five operations for one.
        """
        _, u, v = quotient
        if u == self.one:
            return self.div(a, v)
        bottom = self.nodes[v]
        if bottom[0] == "pow" and self.nodes[bottom[2]][:2] == ("num", 2):
            first = self.graph.index.get(("div", a, bottom[1]))
            second = self.graph.index.get(("div", u, bottom[1]))
            if first is not None and second is not None and self.nodes[u][0] != "num":
                return self.mul(first, second)
        if self.nodes[u][0] == "num":
            return self.div(self.mul(u, a), v)
        return self.intern(("mul", a, self.intern(("div", u, v))))

    def _into_branches(self, factor: int, where: tuple) -> int | None:  # type: ignore[type-arg]
        """factor · (1 if c else 0) is factor if c else 0."""
        _, condition, first, second = where
        if self.zero in (first, second) and self._is_shallow(first) and self._is_shallow(second):
            return self.where(condition, self.mul(factor, first), self.mul(factor, second))
        return None

    def _is_shallow(self, position: int, depth: int = 40) -> bool:
        """Whether cases stand in cases at most `depth` deep: what is moved into them costs as much."""
        level = [position]
        for _ in range(depth):
            level = [i for p in level if self.nodes[p][0] == "where" for i in self.nodes[p][2:]]
            if not level or len(level) > 64:
                break
        return not level

    def _number_in_front(self, key: tuple) -> tuple[int, int]:  # type: ignore[type-arg]
        """The numbers in front of a product as one number, as far as they can be multiplied; the rest."""
        number, rest = key[1], key[2]
        while True:
            inner = self.nodes[rest]
            if inner[0] != "mul" or self.nodes[inner[1]][0] != "num":
                return number, rest
            folded = self._fold("mul", number, inner[1])
            if folded is None:
                return number, rest
            number, rest = folded, inner[2]

    def div(self, a: int, b: int) -> int:
        """a / b."""
        left, right = self.nodes[a], self.nodes[b]
        if right[0] == "num":
            if right[1] == 1:
                return a
            if right[1] == -1:
                return self.neg(a)
            if left[0] == "num":
                folded = self._fold("div", a, b)
                return self.intern(("div", a, b)) if folded is None else folded
            if left[0] == "mul" and self.nodes[left[1]][0] == "num" and right[1] != 0:
                ratio = combine("div", self.nodes[left[1]][1], right[1])
                if ratio is not None and type(ratio) is int:
                    return self._scaled(ratio, left[2])
        if left[0] == "num" and left[1] == 0 and not (right[0] == "num" and right[1] == 0):
            return a
        if left[0] == "where" and self.zero in left[2:] and self._is_shallow(a):
            return self.where(left[1], self.div(left[2], b), self.div(left[3], b))
        if left[0] == "neg" or right[0] == "neg":
            sign, a = self._unsigned(a)
            other, b = self._unsigned(b)
            quotient = self.div(a, b)
            return quotient if sign == other else self.neg(quotient)
        return self.intern(("div", a, b))

    def pow(self, a: int, b: int) -> int:
        """a ^ b."""
        base, exponent = self.nodes[a], self.nodes[b]
        if exponent[0] == "num":
            if exponent[1] == 1:
                return a
            if exponent[1] == 0:
                return self.one
            if base[0] == "num":
                folded = self._fold("pow", a, b)
                return self.intern(("pow", a, b)) if folded is None else folded
        if base[0] == "num" and base[1] == 1:
            return a
        return self.intern(("pow", a, b))

    def exp(self, a: int) -> int:
        """e^a."""
        return self.one if self.nodes[a][:2] == ("num", 0) else self.intern(("exp", a))

    def log(self, a: int) -> int:
        """The natural logarithm: log(1) is 0, log(e) is 1."""
        key = self.nodes[a]
        if key[:2] == ("num", 1):
            return self.zero
        return self.one if key == ("e",) else self.intern(("log", a))

    def where(self, condition: int, first: int, second: int) -> int:
        """first if condition else second."""
        return first if first == second else self.intern(("where", condition, first, second))

    def sum(self, terms: Sequence[int]) -> int:
        """The sum of terms, from left to right; like terms that stand apart still meet."""
        if len(terms) == 1:
            return terms[0]
        if len(terms) > 2:
            terms = self._collect(terms)
        result = terms[0]
        for term in terms[1:]:
            result = self.add(result, term)
        return result

    def _collect(self, terms: Sequence[int]) -> list[int]:
        coefficients: dict[int, Number] = {}
        constants: list[int] = []
        for term in terms:
            key = self.nodes[term]
            if key[0] == "num":
                constants.append(term)
                continue
            c, u = self._coefficient(term, key)
            coefficients[u] = coefficients.get(u, 0) + c
        if len(coefficients) + len(constants) == len(terms):
            return list(terms)
        collected = [self._scaled(c, u) for u, c in coefficients.items() if c != 0] + constants
        return collected or [self.zero]

    def _coefficient(self, position: int, key: tuple) -> tuple[Number, int]:  # type: ignore[type-arg]
        """The number in front, and the rest."""
        sign = 1
        while key[0] == "neg":
            sign, position = -sign, key[1]
            key = self.nodes[position]
        if key[0] == "mul":
            first = self.nodes[key[1]]
            if first[0] == "num" and not _is_decimal(first[2]):
                return sign * first[1], key[2]
        return sign, position

    def _scaled(self, coefficient: Number, position: int) -> int:
        return self.mul(self.graph.number(coefficient), position)


def _is_decimal(spelling: str | None) -> bool:
    return spelling is not None and not spelling.isdigit()


def _decimal(value: Number) -> str | None:
    """The value as a finite decimal, or None: 1/8 is 0.125, 1/3 is None."""
    if type(value) is int:
        return None
    denominator, places = value.denominator, 0
    while denominator % 10 == 0:
        denominator //= 10
        places += 1
    twos = fives = 0
    while denominator % 2 == 0:
        denominator //= 2
        twos += 1
    while denominator % 5 == 0:
        denominator //= 5
        fives += 1
    places += max(twos, fives)
    if denominator != 1 or places > 30:
        return None
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
