"""Readable forms: what a textbook would print for a derived expression.

Among cheap candidates the one with the fewest operations is chosen:

* as derived;
* collected: factors of a product gathered (x³/x is x²), like terms of a sum gathered, otherwise in
  the order in which the pass made them;
* factored, and with the numerator expanded, over a common denominator (python-flint's polynomials
  over what the collected form cannot see into), also with sin² + cos² = 1 and its kin used.

No candidate has a function that the derived form has not. Sums that the user typed stay as typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from .expr import LEAVES, Graph, literal_rational
from .tidy import MAX_BITS, Tidy, bits, combine, exact_root

MAX_TERMS = 60
MAX_SIZE = 600
MAX_EXPONENT = 200
MAX_RULES = 6  # terms of a relation that are replaced by the rest of it
MAX_STEPS = 24
KEEP = 1.17  # how many times longer the collected form may be than the shortest

# base -> (rational exponent, the rest of the exponent as a node or None)
Factors = dict[int, tuple[Fraction, int | None]]
Product = tuple[Fraction, Factors]


def textbook_forms(graph: Graph, root: int, positions: Iterable[int]) -> dict[int, int]:
    """node -> the node of its readable form, for each of `positions`; what `root` needs was typed."""
    typed = set(graph.reachable([root]))
    collector, factoring = _Collector(graph, typed), _Collector(graph, typed, factoring=True)
    return {position: _best(graph, position, collector, factoring) for position in positions}


def rewritten(graph: Graph, root: int) -> int:
    """The readable form of an expression itself, as if it had been derived."""
    none: set[int] = set()
    return _best(graph, root, _Collector(graph, none), _Collector(graph, none, factoring=True))


def _best(graph: Graph, position: int, collector: _Collector, factoring: _Collector) -> int:
    """The candidate with the fewest operations; at a tie, the one that comes first."""
    if position in collector.typed or graph.written_size([position]) > MAX_SIZE:
        return position
    collected = collector.build(collector.product(position))
    if collector.is_plain_polynomial(collected):
        return collected
    factored = factoring.build(factoring.product(position))
    candidates = [collected, factored, collector.with_quotients(collected), factoring.with_quotients(factored)]
    try:
        for candidate in _Polynomials(collector, collected).candidates():
            candidates += [candidate, collector.with_quotients(candidate)]
    except _TooLarge:
        pass  # the collected forms are what there is
    candidates.append(position)
    allowed = _functions(graph, [position, *collector.typed]) | _ALWAYS
    chosen = [c for c in candidates if _functions(graph, [c]) <= allowed]
    best = min(chosen, key=lambda c: operations(graph, c))
    # The collected form keeps the shape of the rules; a little longer is no reason to leave it.
    return collected if operations(graph, collected) <= KEEP * operations(graph, best) else best


def forms_modulo(graph: Graph, position: int, relation: int) -> Iterator[int]:
    """Forms that an expression may have where `relation` is 0, none of them proved; only the functions of the two."""
    if graph.written_size([position, relation]) > MAX_SIZE:
        return
    allowed = _functions(graph, [position, relation]) | _ARITHMETIC
    collector = _Collector(graph, set())
    one = collector.tidy.one
    try:
        for form in _Polynomials(collector, collector.build(collector.product(position)), relation).modulo():
            keys = [graph.nodes[i] for i in graph.reachable([form])]
            if {key[0] for key in keys} - LEAVES <= allowed and not any(k[0] == "mul" and one in k[1:] for k in keys):
                yield form
    except _TooLarge:
        return


def _functions(graph: Graph, roots: Iterable[int]) -> set[str]:
    return {graph.nodes[i][0] for i in graph.reachable(roots)} - LEAVES


# The four operations and powers, and the functions that partials of the others bring in.
_ARITHMETIC = frozenset("add sub mul div neg pow sqrt cbrt".split())
_ALWAYS = _ARITHMETIC | frozenset("tan cot sec csc tanh coth sech csch".split())


def operations(graph: Graph, root: int) -> int:
    """How many operations the written-out expression has; a fraction counts its bar, a number its sign."""
    size: dict[int, int] = {}
    for position in graph.reachable([root]):
        key = graph.nodes[position]
        if key[0] == "num":
            size[position] = int(type(key[1]) is Fraction and "." not in (key[2] or "")) + (key[1] < 0)
        elif key[0] in LEAVES:
            size[position] = 0
        else:
            size[position] = 1 + sum(size[i] for i in key[1:])
    return size[root]


class _Collector:
    """Collected forms of the nodes of one graph, and the choice among candidates."""

    def __init__(self, graph: Graph, typed: set[int], factoring: bool = False) -> None:
        self.graph = graph
        self.typed = typed
        self.factoring = factoring  # whether what all terms of a sum share is put in front of it
        self.tidy = Tidy(graph)
        self.e = graph.node("e")
        self.products: dict[int, Product] = {}
        self.sums: dict[int, list[Product]] = {}  # sum node -> its terms
        self.known: dict[Any, int] = {}  # terms -> the sum as the user typed it
        ops = {graph.nodes[i][0] for i in typed}
        self.has_cbrt = "cbrt" in ops
        self.decimal = (
            any(graph.nodes[i][0] == "num" and "." in (graph.nodes[i][2] or "") for i in typed) and "div" not in ops
        )
        for position in sorted(typed):
            if graph.nodes[position][0] in ("add", "sub"):
                self.product(position)

    def is_plain_polynomial(self, position: int) -> bool:
        """3x² + 6x: a sum of numbers times powers of variables, as such a sum is differentiated."""
        product = self.product(position)
        for _, factors in self._terms_of(product, 1):
            for base, (rational, symbolic) in factors.items():
                if (
                    self.graph.nodes[base][0] != "var"
                    or symbolic is not None
                    or rational.denominator != 1
                    or rational < 0
                ):
                    return False
        return True

    def with_quotients(self, position: int) -> int:
        """The expression with sin/cos written as tan, 1/cos as sec, and so on, in each of its terms."""
        terms = [self._quotients(term) for term in self._terms_of(self.product(position), 1)]
        return self.build(self.sum_of(terms))

    def _quotients(self, product: Product) -> Product:
        coefficient, factors = product
        factors = dict(factors)
        nodes = self.graph.nodes
        for base in list(factors):
            for top, bottom, quotient, reciprocal in _QUOTIENTS:
                if nodes[base][0] != bottom or base not in factors:
                    continue
                below, symbolic = factors[base]
                if symbolic is not None or below.denominator != 1 or below >= 0:
                    continue
                partner = self.graph.index.get((top, nodes[base][1]))
                above = factors.get(partner, (Fraction(0), None))[0] if partner is not None else Fraction(0)
                n = min(above, -below) if above > 0 else Fraction(0)
                del factors[base]
                if n and partner is not None:
                    del factors[partner]
                    self._gather(factors, self.graph.node(quotient, nodes[base][1]), (n, None))
                    if above != n:
                        self._gather(factors, partner, (above - n, None))
                if -below != n:
                    self._gather(factors, self.graph.node(reciprocal, nodes[base][1]), (-below - n, None))
        return coefficient, factors

    # -- expression -> product -------------------------------------------------------------------

    def product(self, root: int) -> Product:
        """The node as a coefficient times powers of bases."""
        for position in self.graph.reachable([root]):
            if position not in self.products:
                self.products[position] = self._product(position)
        return self.products[root]

    def _product(self, position: int) -> Product:
        graph, products = self.graph, self.products
        key = graph.nodes[position]
        op = key[0]
        if op == "num":
            return Fraction(key[1]), {}
        if op == "e":
            return Fraction(1), {self.e: (Fraction(0), self.tidy.one)}
        if op in LEAVES:
            return Fraction(1), {position: (Fraction(1), None)}
        if op == "mul":
            return self.times(products[key[1]], products[key[2]])
        if op == "div":
            bottom = products[key[2]]
            if bottom[0] == 0:
                return Fraction(1), {position: (Fraction(1), None)}
            return self.times(products[key[1]], self.raised(bottom, -1))
        if op == "neg":
            c, factors = products[key[1]]
            return -c, factors
        if op in ("add", "sub"):
            return self._sum(position, key)
        if op in ("pow", "sqrt", "cbrt"):
            return self._power(position, key)
        if _INVERSES.get(op) == graph.nodes[key[1]][0] and position not in self.typed:
            return products[graph.nodes[key[1]][1]]
        if op in _BESSEL and graph.nodes[key[1]][0] == "num" and graph.nodes[key[1]][1] < 0:
            return self._negative_order(op, key)
        if op == "exp":
            return Fraction(1), {self.e: (Fraction(0), self.shown(key[1]))}
        if position in self.typed:
            return Fraction(1), {position: (Fraction(1), None)}
        return Fraction(1), {graph.node(op, *[self.shown(i) for i in key[1:]]): (Fraction(1), None)}

    def _negative_order(self, op: str, key: Any) -> Product:
        """J₋ₙ = (−1)ⁿ Jₙ and Y₋ₙ = (−1)ⁿ Yₙ for whole n; I₋ₙ = Iₙ and K₋ₙ = Kₙ."""
        n = -self.graph.nodes[key[1]][1]
        node = self.graph.node(op, self.graph.number(n), self.shown(key[2]))
        sign = -1 if op in ("besselj", "bessely") and n % 2 else 1
        if n.denominator != 1:
            return Fraction(1), {self.graph.node(*key): (Fraction(1), None)}
        return Fraction(sign), {node: (Fraction(1), None)}

    def shown(self, position: int) -> int:
        """The collected form of an operand; typed ones as typed."""
        return position if position in self.typed else self.build(self.product(position))

    def _split(self, exponent: int) -> tuple[int | None, Fraction]:
        """n − 1 as (n, −1): the exponent without its rational part."""
        literal = literal_rational(self.graph, exponent)
        if literal is not None:
            return None, literal
        key = self.graph.nodes[exponent]
        if key[0] in ("add", "sub"):
            right = literal_rational(self.graph, key[2])
            if right is not None:
                return key[1], right if key[0] == "add" else -right
            left = literal_rational(self.graph, key[1])
            if left is not None:
                return (key[2] if key[0] == "add" else self.tidy.neg(key[2])), left
        return exponent, Fraction(0)

    def _power(self, position: int, key: Any) -> Product:
        base = key[1]
        if key[0] == "pow":
            exponent = literal_rational(self.graph, key[2])
        else:
            exponent = Fraction(1, 2 if key[0] == "sqrt" else 3)
        if exponent is None:
            symbolic, constant = self._split(self.shown(key[2]))
            return Fraction(1), {self.shown(base): (constant, symbolic)}
        inner = self.products[base]
        if exponent.denominator == 1:
            found = self._safe_power(inner[0], exponent.numerator)
            if found is not None and (position not in self.typed or len(inner[1]) <= 1):
                return self.raised(inner, exponent.numerator)
        if not inner[1]:
            root = exact_root(inner[0], exponent.denominator) if bits(inner[0]) < MAX_BITS else None
            found = None if root is None else self._safe_power(Fraction(root), exponent.numerator)
            if found is not None:
                return found, {}
        return Fraction(1), {self.shown(base): (exponent, None)}

    @staticmethod
    def _safe_power(value: Fraction, n: int) -> Fraction | None:
        found = combine("pow", value, n)
        return None if found is None else Fraction(found)

    def times(self, a: Product, b: Product) -> Product:
        """The product, exponents of equal bases added."""
        factors = dict(a[1])
        for base, exponent in b[1].items():
            self._gather(factors, base, exponent)
        return self._signs((a[0] * b[0], factors))

    def _signs(self, product: Product) -> Product:
        """|u|·sign(u) = u, u·sign(u) = |u|, |u|² = u² and sign(u)² = 1, in one product."""
        coefficient, factors = product
        nodes = self.graph.nodes
        arguments = {nodes[base][1] for base in factors if nodes[base][0] in ("abs", "sign")}
        for u in arguments:
            magnitude, sign = self.graph.node("abs", u), self.graph.index.get(("sign", u))
            a, s = self._whole(factors, magnitude), self._whole(factors, sign)
            plain = self.products.get(u)
            if a is None or s is None or plain is None:
                continue
            own = plain[0] == 1 and len(plain[1]) == 1
            power = self._whole(factors, next(iter(plain[1]))) if own else 0
            if s % 2 and not a and not (power and power > 0):
                if s != 1 and sign is not None:
                    factors[sign] = (Fraction(1), None)
                continue
            if s % 2 and not a:  # u·sign(u) = |u|
                moved, left = -1, 1
            elif s % 2:  # sign(u)·|u|^a = u·|u|^(a−1)
                moved, left = 1, a - 1
            else:
                moved, left = 0, a
            moved, left = moved + left - left % 2, left % 2
            for base in (magnitude, sign):
                if base is not None:
                    factors.pop(base, None)
            if left:
                factors[magnitude] = (Fraction(left), None)
            if moved:
                more = self.raised(plain, moved)
                coefficient *= more[0]
                for base, exponent in more[1].items():
                    self._gather(factors, base, exponent)
        return coefficient, factors

    @staticmethod
    def _whole(factors: Factors, base: int | None) -> int | None:
        """The exponent of a base if it is a whole number, 0 if there is none; None otherwise."""
        if base is None or base not in factors:
            return 0
        rational, symbolic = factors[base]
        return rational.numerator if symbolic is None and rational.denominator == 1 else None

    def _gather(self, factors: Factors, base: int, exponent: tuple[Fraction, int | None]) -> None:
        if base not in factors:
            factors[base] = exponent
            return
        rational, symbolic = factors[base]
        rational += exponent[0]
        if symbolic is None or exponent[1] is None:
            symbolic = exponent[1] if symbolic is None else symbolic
        else:
            symbolic, more = self._split(self.tidy.add(symbolic, exponent[1]))
            rational += more
        if rational == 0 and symbolic is None:
            del factors[base]
        else:
            factors[base] = (rational, symbolic)

    def raised(self, a: Product, n: int) -> Product:
        """The n-th power of a product, n a whole number."""
        factors: Factors = {}
        for base, (rational, symbolic) in a[1].items():
            scaled = None if symbolic is None else self.tidy.mul(self.graph.number(n), symbolic)
            factors[base] = (rational * n, scaled)
        coefficient = self._safe_power(a[0], n)
        if coefficient is None:
            return Fraction(1), {self.graph.number(a[0]): (Fraction(n), None), **factors}
        return coefficient, factors

    # -- sums ------------------------------------------------------------------------------------

    def _sum(self, position: int, key: Any) -> Product:
        terms = [*self._terms(key[1], 1), *self._terms(key[2], -1 if key[0] == "sub" else 1)]
        if position in self.typed:
            self.sums[position] = terms
            self.known.setdefault(_fingerprint(terms), position)
            return Fraction(1), {position: (Fraction(1), None)}
        return self.sum_of(terms)

    def _terms(self, position: int, sign: int) -> list[Product]:
        return self._terms_of(self.products[position], sign)

    def _terms_of(self, product: Product, sign: int) -> list[Product]:
        c, factors = product
        if len(factors) == 1 and abs(c) == 1:
            ((base, exponent),) = factors.items()
            if exponent[0] == 1 and exponent[1] is None and base in self.sums:
                return [(sign * c * d, more) for d, more in self.sums[base]]
        return [(sign * c, factors)]

    def sum_of(self, terms: list[Product]) -> Product:
        """Like terms gathered; a sum that the user typed is used as typed."""
        gathered: dict[Any, tuple[Fraction, Factors]] = {}
        for c, factors in self._merged_cases(terms):
            fingerprint = frozenset(factors.items())
            old = gathered.get(fingerprint)
            gathered[fingerprint] = (c if old is None else c + old[0], factors)
        left = [(c, factors) for c, factors in gathered.values() if c != 0]
        if not left:
            return Fraction(0), {}
        if len(left) == 1:
            return left[0]
        for sign in (1, -1):
            typed = self.known.get(_fingerprint([(sign * c, f) for c, f in left]))
            if typed is not None:
                return Fraction(sign), {typed: (Fraction(1), None)}
        if all(c < 0 for c, _ in left):
            c, factors = self.sum_of([(-c, f) for c, f in left])
            return -c, factors
        if self.factoring:
            front, left = self._shared(left)
            if front[1] or front[0] != 1:
                return self.times(front, self.sum_of(left))
        node = self._build_sum(left)
        self.sums.setdefault(node, left)
        return Fraction(1), {node: (Fraction(1), None)}

    def _merged_cases(self, terms: list[Product]) -> list[Product]:
        """(u if c else 0) + (0 if c else v) is u if c else v."""
        nodes, tidy = self.graph.nodes, self.tidy
        result: list[Product] = []
        cases: dict[int, int] = {}  # condition -> place in the result
        for c, factors in terms:
            base = next(iter(factors), -1)
            if (
                len(factors) != 1
                or nodes[base][0] != "where"
                or factors[base][0] != 1
                or factors[base][1] is not None
                or base in self.typed
            ):
                result.append((c, factors))
                continue
            condition = nodes[base][1]
            if condition not in cases:
                cases[condition] = len(result)
                result.append((c, factors))
                continue
            before, (other,) = result[cases[condition]][0], result[cases[condition]][1]
            branches = [
                tidy.add(
                    tidy.mul(self.graph.number(before), nodes[other][k]), tidy.mul(self.graph.number(c), nodes[base][k])
                )
                for k in (2, 3)
            ]
            merged = tidy.where(condition, branches[0], branches[1])
            result[cases[condition]] = (Fraction(1), {merged: (Fraction(1), None)})
        return result

    def _shared(self, terms: list[Product]) -> tuple[Product, list[Product]]:
        """What all terms share, and what is left of each."""
        first = terms[0][1]
        shared: Factors = {}
        for base in first:
            if all(base in factors for _, factors in terms):
                exponents = [factors[base] for _, factors in terms]
                if len({symbolic for _, symbolic in exponents}) == 1:
                    choose = min if exponents[0][1] is None else max
                    shared[base] = (choose(rational for rational, _ in exponents), exponents[0][1])
        numbers = [abs(c) for c, _ in terms]
        content = Fraction(gcd(*[c.numerator for c in numbers]), lcm(*[c.denominator for c in numbers]))
        if not shared and content.numerator == 1:
            return (Fraction(1), {}), terms
        inverse: Product = (1 / content, {})
        rest = []
        for c, factors in terms:
            left = {b: e for b, e in factors.items() if b not in shared}
            for base, (rational, _) in shared.items():
                if factors[base][0] != rational:
                    left[base] = (factors[base][0] - rational, None)
            rest.append((c * inverse[0], left))
        return (content, shared), rest

    def _build_sum(self, terms: list[Product]) -> int:
        first = next(i for i, (c, _) in enumerate(terms) if c > 0)
        node = self.build(terms[first])
        for i, (c, factors) in enumerate(terms):
            if i != first:
                op = "add" if c > 0 else "sub"
                node = self.graph.node(op, node, self.build((abs(c), factors)))
        return node

    # -- product -> expression -------------------------------------------------------------------

    def build(self, product: Product) -> int:
        """The node that a product is written as: one fraction, a number in front."""
        graph = self.graph
        coefficient, factors = product
        if coefficient == 0:
            return self.tidy.zero
        above: list[int] = []
        below: list[int] = []
        for base, (rational, symbolic) in sorted(factors.items(), key=self._rank):
            if symbolic is not None:
                opposite = self._typed_opposite(base, rational, symbolic)
                if opposite is not None:
                    below.append(opposite)
                else:
                    above.append(self._symbolic_power(base, rational, symbolic))
            elif rational > 0:
                above.append(self._rational_power(base, rational))
            else:
                below.append(self._rational_power(base, -rational))
        size = abs(coefficient)
        if self.decimal and size.denominator != 1:
            front, size = [self.tidy.number(size, decimal=True)], Fraction(1)
        else:
            front = [graph.number(size.numerator)] if size.numerator != 1 else []
        back = [graph.number(size.denominator)] if size.denominator != 1 else []
        node = self._chain(front + above)
        if not above and not below and back:
            node = graph.number(size)
        elif back or below:
            node = graph.node("div", node, self._chain(back + below))
        if coefficient < 0:
            node = (
                graph.number(-graph.nodes[node][1], None) if graph.nodes[node][0] == "num" else graph.node("neg", node)
            )
        return node

    def _typed_opposite(self, base: int, rational: Fraction, symbolic: int) -> int | None:
        """e^u if the user typed that and the factor is e^(−u), which then goes below the bar."""
        if base != self.e or rational != 0:
            return None
        opposite = self.graph.index.get(("exp", self.tidy.neg(symbolic)))
        if opposite not in self.typed or self.graph.index.get(("exp", symbolic)) in self.typed:
            return None
        return opposite

    def _chain(self, factors: list[int]) -> int:
        if not factors:
            return self.tidy.one
        node = factors[0]
        for factor in factors[1:]:
            node = self.graph.node("mul", node, factor)
        return node

    def _rank(self, factor: tuple[int, tuple[Fraction, int | None]]) -> tuple[int, int]:
        """Constants, variables, functions, sums, exponentials: the order within a product."""
        base, (_, symbolic) = factor
        op = self.graph.nodes[base][0]
        if op in ("num", "pi"):
            return 0, base
        if symbolic is not None:
            return 5, base
        if op in ("add", "sub"):
            return (2 if self._is_rational(base) else 4), base
        return (1 if op == "var" else 3), base

    def _is_rational(self, position: int) -> bool:
        """Whether only variables, numbers and the four operations occur: (2x + 3) before cos(x)."""
        plain = {"add", "sub", "mul", "div", "neg", "pow"} | LEAVES
        return all(self.graph.nodes[i][0] in plain for i in self.graph.reachable([position]))

    def _rational_power(self, base: int, exponent: Fraction) -> int:
        graph = self.graph
        if exponent == 1:
            return base
        if exponent == Fraction(1, 2):
            return graph.node("sqrt", base)
        if exponent == Fraction(1, 3) and self.has_cbrt:
            return graph.node("cbrt", base)
        return graph.node("pow", base, graph.number(exponent))

    def _symbolic_power(self, base: int, rational: Fraction, symbolic: int) -> int:
        exponent = self.tidy.add(symbolic, self.graph.number(rational))
        if base == self.e:
            return self.e if exponent == self.tidy.one else self.tidy.exp(exponent)
        return self.tidy.pow(base, exponent)


def _fingerprint(terms: list[Product]) -> Any:
    return frozenset((c, frozenset(factors.items())) for c, factors in terms)


_BESSEL = frozenset({"besselj", "bessely", "besseli", "besselk"})

# sin/cos = tan and 1/cos = sec, as (top, bottom, quotient, reciprocal).
_QUOTIENTS = (
    ("sin", "cos", "tan", "sec"), ("cos", "sin", "cot", "csc"),
    ("sinh", "cosh", "tanh", "sech"), ("cosh", "sinh", "coth", "csch"),
)  # fmt: skip

# f(f⁻¹(u)) is u wherever it is defined.
_INVERSES = {
    "sin": "asin", "cos": "acos", "tan": "atan", "sec": "asec", "csc": "acsc", "cot": "acot",
    "sinh": "asinh", "cosh": "acosh", "tanh": "atanh", "exp": "log",
}  # fmt: skip


class _TooLarge(Exception):
    """More terms than a person would look at."""


# f² = a + b·g² for pairs of functions of the same argument.
_SQUARES = (
    ("sin", "cos", 1, -1), ("cos", "sin", 1, -1), ("sec", "tan", 1, 1), ("tan", "sec", -1, 1),
    ("csc", "cot", 1, 1), ("cot", "csc", -1, 1), ("cosh", "sinh", 1, 1), ("sinh", "cosh", -1, 1),
)  # fmt: skip


class _Polynomials:
    """One collected expression as a quotient of polynomials over its atoms."""

    def __init__(self, collector: _Collector, root: int, *others: int) -> None:
        from flint import fmpq_mpoly_ctx

        self.collector = collector
        self.graph = collector.graph
        self.product = collector.product(root)
        self.others = [collector.product(other) for other in others]  # over the same atoms
        self.atoms: dict[tuple[int, int | None], int] = {}
        self.units: dict[tuple[int, int | None], int] = {}
        self.order: list[int] = []  # sums, innermost first
        self._survey()
        if len(self.atoms) > 24:
            raise _TooLarge
        self.context = fmpq_mpoly_ctx.get([f"g{i}" for i in range(max(1, len(self.atoms)))])
        self.one = self.context.constant(1)
        self.sums: dict[int, tuple[Any, Any]] = {}
        for base in self.order:
            self.sums[base] = self._total(collector.sums[base])

    # -- what there is ---------------------------------------------------------------------------

    def _survey(self) -> None:
        """Numbers the atoms and finds the finest exponent of each."""
        stack: list[tuple[int, Product | None]] = [(-1, product) for product in (self.product, *self.others)]
        seen: set[int] = set()
        while stack:
            base, product = stack.pop()
            if product is None:
                self.order.append(base)
                continue
            for inner, (rational, symbolic) in product[1].items():
                if symbolic is not None:
                    self._atom((inner, symbolic), 1)
                if inner in self.collector.sums and rational.denominator == 1:
                    pass
                elif rational:
                    self._atom((inner, None), rational.denominator)
                if inner in self.collector.sums and inner not in seen:
                    seen.add(inner)
                    stack.append((inner, None))
                    stack.extend((inner, term) for term in self.collector.sums[inner])
        self._sort_sums()

    def _sort_sums(self) -> None:
        self.order = sorted(set(self.order))

    def _atom(self, key: tuple[int, int | None], unit: int) -> None:
        self.atoms.setdefault(key, len(self.atoms))
        self.units[key] = lcm(self.units.get(key, 1), unit)

    def _monomial(self, product: Product) -> tuple[Any, Any]:
        """The product as a quotient of polynomials."""
        from flint import fmpq

        c = product[0]
        top = self.context.constant(fmpq(c.numerator, c.denominator))
        bottom = self.one
        for base, (rational, symbolic) in product[1].items():
            if symbolic is not None:
                top = top * self._generator((base, symbolic))
            if rational == 0:
                continue
            key = (base, None)
            if key in self.atoms:
                n = int(rational * self.units[key])
                if abs(n) > MAX_EXPONENT:
                    raise _TooLarge
                factor = self._generator(key) ** abs(n)
                top, bottom = (top * factor, bottom) if n > 0 else (top, bottom * factor)
                continue
            n = int(rational)
            if abs(n) > 12:
                raise _TooLarge
            above, below = self.sums[base]
            if n < 0:
                above, below = below, above
            if len(above) ** abs(n) > 4 * MAX_TERMS or len(below) ** abs(n) > 4 * MAX_TERMS:
                raise _TooLarge
            top, bottom = top * above ** abs(n), bottom * below ** abs(n)
        return top, bottom

    def _generator(self, key: tuple[int, int | None]) -> Any:
        return self.context.gens()[self.atoms[key]]

    def _total(self, terms: list[Product]) -> tuple[Any, Any]:
        top, bottom = self._monomial(terms[0])
        for term in terms[1:]:
            above, below = self._monomial(term)
            top, bottom = top * below + above * bottom, bottom * below
            if len(top) > 4 * MAX_TERMS or len(bottom) > 4 * MAX_TERMS:
                raise _TooLarge
        return top, bottom

    # -- candidates ------------------------------------------------------------------------------

    def candidates(self) -> Iterator[int]:
        """The factored and the expanded forms."""
        quotient = self._lowest(*self._monomial(self.product))
        for top, bottom in self._rewritten(quotient):
            yield from self._forms(top, bottom)

    def _forms(self, top: Any, bottom: Any) -> Iterator[int]:
        """Ways to write a quotient in lowest terms."""
        if top == 0:
            yield self.collector.tidy.zero
            return
        if len(top) > MAX_TERMS or len(bottom) > MAX_TERMS:
            return
        below = self._factored(bottom)
        yield self._node(self._factored(top), below)
        yield self._node(self._expanded(top), below)
        yield self._node(self._common_monomial(top), below)
        if len(bottom) <= 3:
            yield self._node(self._factored(top), self._expanded(bottom))
        if len(bottom) == 1 and 1 < len(top) <= 6:
            inverse = self.collector.raised(below, -1)
            terms = [self.collector.times(term, inverse) for term in self._monomials(top)]
            yield self.collector.build(self.collector.sum_of(terms))

    def modulo(self) -> Iterator[int]:
        """Forms of the quotient in which the first of the others, a relation that is 0, was used.

        Every term of the relation in turn is what is replaced by the rest: above, below, and in both.
        """
        relation = self._lowest(*self._monomial(self.others[0]))[0]
        rules = []
        for exponents, coefficient in list(relation.to_dict().items())[:MAX_RULES]:
            if any(exponents):
                rest = relation / -coefficient + self.context.from_dict({exponents: 1})
                rules.append((tuple(map(int, exponents)), rest))
        for top, bottom in list(self._rewritten(self._lowest(*self._monomial(self.product)))):
            tops, bottoms = ([p, *(self._replaced(p, *rule) for rule in rules)] for p in (top, bottom))
            for above in tops:
                for below in bottoms:
                    if above is not None and below is not None and below != 0:
                        yield from self._forms(*self._lowest(above, below))

    def _replaced(self, p: Any, monomial: tuple[int, ...], rest: Any) -> Any:
        """The polynomial with `rest` for a monomial until it has none; None if that never ends, or changes nothing."""
        for step in range(MAX_STEPS):
            kept, replaced = {}, {}
            for exponents, coefficient in p.to_dict().items():
                lowered = tuple(int(n) - m for n, m in zip(exponents, monomial))
                if min(lowered) < 0:
                    kept[exponents] = coefficient
                else:
                    replaced[lowered] = coefficient
            if not replaced:
                return p if step else None
            p = self.context.from_dict(kept) + self.context.from_dict(replaced) * rest
            if len(p) > MAX_TERMS:
                return None
        return None

    def _node(self, top: Product, bottom: Product) -> int:
        return self.collector.build(self.collector.times(top, self.collector.raised(bottom, -1)))

    def _lowest(self, top: Any, bottom: Any) -> tuple[Any, Any]:
        for lowered in (False, True):  # cancel before and after sqrt(s)² becomes s
            if lowered:
                top, bottom = self._roots(top), self._roots(bottom)
            if bottom == 0:
                raise _TooLarge
            if top == 0:
                return top, self.one
            common = top.gcd(bottom)
            if not common.is_one():
                top, bottom = top / common, bottom / common
        return top, bottom

    def _roots(self, p: Any) -> Any:
        """Powers of a root of a sum that reach the sum itself: sqrt(s)² is s."""
        for (base, symbolic), index in self.atoms.items():
            unit = self.units[base, symbolic]
            if symbolic is not None or unit == 1 or base not in self.sums:
                continue
            value, below = self.sums[base]
            if not below.is_one() or p == 0 or p.degrees()[index] < unit or len(p) == 1:
                continue
            total = self.context.constant(0)
            for exponents, coefficient in p.to_dict().items():
                times, rest = divmod(int(exponents[index]), unit)
                lowered = (*exponents[:index], rest, *exponents[index + 1 :])
                total = total + self.context.from_dict({lowered: coefficient}) * value**times
            p = total
            if len(p) > 4 * MAX_TERMS:
                raise _TooLarge
        return p

    def _rewritten(self, quotient: tuple[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """The quotient, and the quotient with sin² = 1 − cos² and the like."""
        yield quotient
        nodes = self.graph.nodes
        functions = {
            nodes[base][:2]: base for base, symbolic in self.atoms if symbolic is None and nodes[base][0] not in LEAVES
        }
        for name, partner, a, b in _SQUARES:
            for (op, argument), base in functions.items():
                other = functions.get((partner, argument))
                if op != name or other is None:
                    continue
                index = self.atoms[base, None]
                value = self.context.constant(a) + b * self._generator((other, None)) ** 2
                top, bottom = (self._squares(p, index, value) for p in quotient)
                if (top, bottom) != quotient and bottom != 0 and top != 0:
                    yield self._lowest(top, bottom)

    def _squares(self, p: Any, index: int, value: Any) -> Any:
        total = self.context.constant(0)
        for exponents, coefficient in p.to_dict().items():
            times, rest = divmod(int(exponents[index]), 2)
            if times > 8:
                raise _TooLarge
            lowered = (*exponents[:index], rest, *exponents[index + 1 :])
            total = total + self.context.from_dict({lowered: coefficient}) * value**times
        return total

    # -- polynomials -> products -------------------------------------------------------------------

    def _term(self, exponents: Any, coefficient: Any) -> Product:
        factors: Factors = {}
        for (base, symbolic), index in self.atoms.items():
            n = int(exponents[index])
            if not n:
                continue
            if symbolic is None:
                self.collector._gather(factors, base, (Fraction(n, self.units[base, None]), None))
            else:
                scaled = self.collector.tidy.mul(self.graph.number(n), symbolic)
                self.collector._gather(factors, base, (Fraction(0), scaled))
        return Fraction(int(coefficient.p), int(coefficient.q)), factors

    def _monomials(self, p: Any) -> list[Product]:
        """The terms, high powers first."""
        terms = sorted(p.to_dict().items(), key=lambda t: (-sum(map(int, t[0])), *(-int(n) for n in t[0])))
        return [self._term(exponents, coefficient) for exponents, coefficient in terms]

    def _expanded(self, p: Any) -> Product:
        return self.collector.sum_of(self._monomials(p))

    def _common_monomial(self, p: Any) -> Product:
        """A common number and common powers in front of the expanded rest."""
        content = p.term_content()
        primitive = p / content
        exponents, coefficient = next(iter(content.to_dict().items()))
        numbers = [Fraction(int(c.p), int(c.q)) for c in primitive.coeffs()]
        shared = Fraction(gcd(*[c.numerator for c in numbers]), lcm(*[c.denominator for c in numbers]))
        front = self._term(exponents, coefficient)
        rest = self.collector.sum_of([(c / shared, f) for c, f in self._monomials(primitive)])
        return self.collector.times((front[0] * shared, front[1]), rest)

    def _factored(self, p: Any) -> Product:
        """The factors; one that is a sum the user typed is written as typed."""
        content, factors = p.factor()
        result: Product = (Fraction(int(content.p), int(content.q)), {})
        for factor, times in factors:
            n = int(times)
            if len(factor) == 1:
                exponents, coefficient = next(iter(factor.to_dict().items()))
                one = self._term(exponents, coefficient)
            else:
                one = self._known_sum(factor) or self.collector.sum_of(self._monomials(factor))
            result = self.collector.times(result, self.collector.raised(one, n))
        return result

    def _known_sum(self, factor: Any) -> Product | None:
        for base, (top, bottom) in self.sums.items():
            if bottom.is_one():
                for sign in (1, -1):
                    if top == sign * factor:
                        return Fraction(sign), {base: (Fraction(1), None)}
        return None
