"""Exact normal forms: expressions as quotients of polynomials over kernels.

A kernel is what a polynomial cannot see into: a variable, e^m for a monomial m, an odd or even root,
a logarithm, a function the field knows nothing of. Trigonometric functions are written with
exponentials of i·u, hyperbolic ones with those of u, absolute values, signs and cases with the
indicator of a sign, so that their identities become identities of polynomials. If the difference of
two expressions reduces to 0, they are equal wherever both are real: that is a proof. If it does not,
nothing is claimed.

Polynomial arithmetic, gcds and factorisation are python-flint's (`fmpq_mpoly`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from hashlib import md5
from math import gcd, lcm
from typing import Any, TypeVar

from .expr import Graph, literal_rational
from .ops import lookup
from .rules import compile_text
from .tidy import exact_root

MAX_TERMS = 600
MAX_GENERATORS = 160
MAX_EXPONENT = 400

Poly = Any  # flint.fmpq_mpoly
Quotient = tuple[Poly, Poly]
T = TypeVar("T")


class TooLarge(Exception):
    """The normal form would be larger than the budget; nothing is said about the expression."""


class _Again(Exception):
    """A finer unit of an exponent, or more generators, are needed: start over with them."""


# Functions by simpler ones, valid wherever both sides are real, up to single points.
_DEFINITIONS = {
    "tan": "sin(x)/cos(x)", "cot": "cos(x)/sin(x)", "sec": "1/cos(x)", "csc": "1/sin(x)",
    "sinh": "(exp(x) - exp(-x))/2", "cosh": "(exp(x) + exp(-x))/2",
    "tanh": "(exp(2*x) - 1)/(exp(2*x) + 1)", "coth": "(exp(2*x) + 1)/(exp(2*x) - 1)",
    "sech": "2/(exp(x) + exp(-x))", "csch": "2/(exp(x) - exp(-x))",
    "asinh": "log(x + sqrt(x^2 + 1))", "acosh": "log(x + sqrt(x^2 - 1))",
    "atanh": "log((1 + x)/(1 - x))/2", "acoth": "log((x + 1)/(x - 1))/2",
    "asech": "log(1/x + sqrt(1/x^2 - 1))", "acsch": "log(1/x + sqrt(1/x^2 + 1))",
    "acos": "pi/2 - asin(x)", "acot": "atan(1/x)", "asec": "pi/2 - asin(1/x)", "acsc": "asin(1/x)",
    "sigmoid": "1/(1 + exp(-x))", "softplus": "log(1 + exp(x))",
    "log2": "log(x)/log(2)", "log10": "log(x)/log(10)", "log_base": "log(x)/log(b)",
    "log1p": "log(1 + x)", "expm1": "exp(x) - 1", "hypot": "sqrt(x^2 + y^2)", "sinc": "sin(x)/x",
    "abs": "x*sign(x)", "step": "(1 + sign(x))/2", "relu": "x*(1 + sign(x))/2",
    "max": "(x + y + (x - y)*sign(x - y))/2", "min": "(x + y - (x - y)*sign(x - y))/2",
    "mod": "x - n*floor(x/n)", "ceil": "-floor(-x)", "erfc": "1 - erf(x)",
    "factorial": "gamma(x + 1)", "binomial": "gamma(n + 1)/(gamma(k + 1)*gamma(n - k + 1))",
    "beta": "gamma(x)*gamma(y)/gamma(x + y)",
}  # fmt: skip


# For light fields: f² = constant + factor·partner²; no partner, no relation.
_RELATED: dict[str, tuple[str, int, int]] = {
    "cos": ("", 0, 0), "sin": ("cos", 1, -1), "tan": ("", 0, 0), "sec": ("tan", 1, 1),
    "cot": ("", 0, 0), "csc": ("cot", 1, 1), "cosh": ("", 0, 0), "sinh": ("cosh", -1, 1),
    "tanh": ("", 0, 0), "sech": ("tanh", 1, -1), "coth": ("", 0, 0), "csch": ("coth", -1, 1),
}  # fmt: skip


# The kinds of kernels that are analytic functions of their operands, or the operands themselves.
_PLAIN = frozenset({"var", "pi", "exp", "root of", "log of", *_RELATED})


class Kernel:
    """A generator of the field; `relation` (q, value) says that its q-th power is the value."""

    __slots__ = ("index", "key", "relation", "positive", "label", "plain")

    def __init__(self, index: int, key: Any, relation: tuple[int, Quotient] | None, positive: bool, label: str) -> None:
        self.index, self.key, self.relation, self.positive = index, key, relation, positive
        self.label = label  # a name that does not depend on the order in which kernels were made
        self.plain = False  # an elementary function of the variables themselves: see `Field._is_plain`


class Field:
    """Normal forms of the nodes of one graph.

    `units` are what earlier attempts found out: how fine the exponents of a kernel are, and which
    polynomials are positive wherever the expressions are defined because their even root or their
    logarithm is taken (`assume` allows that; cases, which guard their branches, forbid it). With
    `light`, trigonometric and hyperbolic functions stay kernels, related by sin² = 1 − cos² and its kin.
    """

    def __init__(
        self, graph: Graph, generators: int, units: dict[Any, Fraction], *, light: bool = False, assume: bool = False
    ) -> None:
        from flint import fmpq_mpoly_ctx

        self.graph = graph
        self.units = units
        self.light, self.assume = light, assume
        self.context = fmpq_mpoly_ctx.get([f"g{i}" for i in range(generators)])
        self.generators = self.context.gens()
        self.one = self.context.constant(1)
        self.zero = self.context.constant(0)
        self.kernels: list[Kernel] = []
        self.by_key: dict[Any, Kernel] = {}
        self.forms: dict[int, Quotient] = {}
        self.texts: dict[str, Poly] = {}  # the polynomials of keys

    # -- arithmetic ------------------------------------------------------------------------------

    def constant(self, value: Fraction | int) -> Quotient:
        """A rational number."""
        from flint import fmpq

        value = Fraction(value)
        return self.context.constant(fmpq(value.numerator, value.denominator)), self.one

    def _check(self, *polynomials: Poly) -> None:
        size = 1
        for p in polynomials:
            size *= max(1, len(p))
        if size > MAX_TERMS * 20 or any(len(p) > MAX_TERMS for p in polynomials):
            raise TooLarge

    def quotient(self, top: Poly, bottom: Poly) -> Quotient:
        """top/bottom in lowest terms, the bottom's leading coefficient 1."""
        if bottom == 0:
            raise TooLarge  # a division by zero has no normal form
        if top == 0:
            return self.zero, self.one
        if not bottom.is_constant():
            self._check(top, self.one)
            self._check(bottom, self.one)
            common = top.gcd(bottom)
            if not common.is_one():
                top, bottom = top / common, bottom / common
        leading = bottom.leading_coefficient()
        if leading != 1:
            top, bottom = top / leading, bottom / leading
        return top, bottom

    def add(self, a: Quotient, b: Quotient) -> Quotient:
        if a[1] == b[1]:
            return self.quotient(a[0] + b[0], a[1])
        self._check(a[0], b[1])
        self._check(b[0], a[1])
        return self.quotient(a[0] * b[1] + b[0] * a[1], a[1] * b[1])

    def neg(self, a: Quotient) -> Quotient:
        return -a[0], a[1]

    def mul(self, a: Quotient, b: Quotient) -> Quotient:
        self._check(a[0], b[0])
        self._check(a[1], b[1])
        return self.reduced(a[0] * b[0], a[1] * b[1])

    def div(self, a: Quotient, b: Quotient) -> Quotient:
        if b[0] == 0:
            raise TooLarge
        return self.mul(a, (b[1], b[0]))

    def pow(self, a: Quotient, n: int) -> Quotient:
        if abs(n) > MAX_EXPONENT:
            raise TooLarge
        if n < 0:
            return self.pow(self.div((self.one, self.one), a), -n)
        terms = max(len(a[0]), len(a[1]))
        if terms > 1 and _binomial_bound(n, terms) > MAX_TERMS:
            raise TooLarge
        return self.reduced(a[0] ** n, a[1] ** n)

    def reduced(self, top: Poly, bottom: Poly) -> Quotient:
        """The quotient with every relation g^q = value used above and below."""
        top, factor = self._reduce(top)
        bottom, other = self._reduce(bottom)
        return self.quotient(top * other, bottom * factor)

    def _reduce(self, p: Poly) -> tuple[Poly, Poly]:
        """p with relations used, over a denominator."""
        below = self.one
        degrees = p.degrees() if len(p) else ()
        for kernel in reversed(self.kernels):
            if kernel.relation is None or not len(p) or degrees[kernel.index] < kernel.relation[0]:
                continue
            q, (top, bottom) = kernel.relation
            parts: dict[int, dict[Any, Any]] = {}
            for exponents, coefficient in p.to_dict().items():
                power = exponents[kernel.index]
                rest = (*exponents[: kernel.index], power % q, *exponents[kernel.index + 1 :])
                parts.setdefault(power // q, {})[rest] = coefficient
            most = max(parts)
            total = self.zero
            for k, terms in parts.items():
                part = self.context.from_dict(terms)
                self._check(part, top)
                total = total + part * top**k * bottom ** (most - k)
                self._check(total)
            p, below = total, below * bottom**most
            degrees = p.degrees() if len(p) else ()
        return p, below

    def is_zero(self, a: Quotient) -> bool:
        """Whether the quotient is 0 by the relations: if so, that is proved."""
        top, _ = self._reduce(a[0])
        return bool(top == 0)

    # -- kernels ---------------------------------------------------------------------------------

    def kernel(self, key: Any, relation: tuple[int, Quotient] | None = None, positive: bool = False) -> Quotient:
        """The generator for a key, made on first use."""
        found = self.by_key.get(key)
        if found is None:
            if len(self.kernels) >= len(self.generators):
                self.units["generators"] = Fraction(2 * len(self.generators))
                raise _Again
            texts = repr([k for k in key[1:] if type(k) is not _Opaque])
            label = f"<{key[1]!r}>" if key[0] == "var" else self._label(f"{key[0]} of", texts)
            found = self.by_key[key] = Kernel(len(self.kernels), key, relation, positive, label)
            inner = [] if key[0] == "var" else [self.kernels[int(i)] for i in re.findall(r"\bg(\d+)\b", texts)]
            found.plain = key[0] in _PLAIN and all(k.key[0] in ("var", "pi") for k in inner)
            self.kernels.append(found)
        return self.generators[found.index], self.one

    def _label(self, kind: str, text: str) -> str:
        """A text with the labels of kernels in place of their numbers, or a digest of it."""
        named = kind + re.sub(r"\bg(\d+)\b", lambda m: self.kernels[int(m[1])].label, text)
        return f"<{named if len(named) < 40 else md5(named.encode(), usedforsecurity=False).hexdigest()}>"

    def assumed_positive(self, p: Poly) -> None:
        """Notes that p > 0 wherever the expressions are defined; starts over if that is news."""
        if not self.assume or p.is_constant() or not self._is_plain(p):
            return
        key = ("positive", self._label("", str(p)))
        if key not in self.units:
            self.units[key] = Fraction(1)
            raise _Again

    def text(self, a: Quotient) -> tuple[str, str]:
        """A key for a quotient in lowest terms."""
        top, factor = self._reduce(a[0])
        top, bottom = self.quotient(top, a[1] * factor)
        return str(top), str(bottom)

    def sign_split(self, a: Quotient) -> tuple[int, Quotient]:
        """(±1, the quotient with a positive leading coefficient above)."""
        return (-1, self.neg(a)) if a[0].leading_coefficient() < 0 else (1, a)

    # -- nodes -----------------------------------------------------------------------------------

    def form(self, root: int) -> Quotient:
        """The normal form of a node."""
        nodes = self.graph.nodes
        if root in self.forms:
            return self.forms[root]
        for position in self.graph.reachable([root]):
            if position in self.forms:
                continue
            key = nodes[position]
            op = key[0]
            if op == "num":
                self.forms[position] = self.constant(key[1])
            elif op in ("var", "pi"):
                self.forms[position] = self.kernel(key, positive=op == "pi")
            elif op == "e":
                self.forms[position] = self.exp(self.constant(1))
            elif op in _CONDITIONS:
                continue
            elif op == "where":
                self.forms[position] = self._where(key)
            elif op == "pow":
                literal = literal_rational(self.graph, key[2])
                base = self.forms[key[1]]
                if literal is not None:
                    self.forms[position] = self.power(base, literal)
                else:
                    self.forms[position] = self.apply("pow", [base, self.forms[key[2]]])
            else:
                self.forms[position] = self.apply(op, [self.forms[i] for i in key[1:]])
        return self.forms[root]

    def apply(self, op: str, operands: Sequence[Quotient]) -> Quotient:
        """An operation on normal forms."""
        if op == "add":
            return self.add(operands[0], operands[1])
        if op == "sub":
            return self.add(operands[0], self.neg(operands[1]))
        if op == "mul":
            return self.mul(operands[0], operands[1])
        if op == "div":
            return self.div(operands[0], operands[1])
        if op == "neg":
            return self.neg(operands[0])
        if op == "exp":
            return self.exp(operands[0])
        if op == "log":
            return self.log(operands[0])
        if op == "pow":
            number = self.rational(operands[1])
            if number is not None:
                return self.power(operands[0], number)
            return self.exp(self.mul(operands[1], self.log(operands[0])))
        if op == "sqrt":
            return self.power(operands[0], Fraction(1, 2))
        if op == "cbrt":
            return self.power(operands[0], Fraction(1, 3))
        if op == "root":
            index = self.rational(operands[1])
            if index is not None and index.denominator == 1 and index > 0:
                return self.power(operands[0], 1 / index)
        if self.light and op in _RELATED:
            return self._related(op, operands[0])
        if op == "sin" or op == "cos":
            return self._trigonometric(op, operands[0])
        if op == "sign":
            return self.sign(operands[0])
        definition = _DEFINITIONS.get(op)
        if definition is not None:
            return self._defined(definition, op, operands)
        return self._opaque(op, operands)

    def _defined(self, text: str, op: str, operands: Sequence[Quotient]) -> Quotient:
        steps, result = compile_text(text, lookup(op).operands)
        done: list[Quotient] = []
        for name, references, key in steps:
            if references:
                done.append(self.apply(name, [operands[r] if r >= 0 else done[-1 - r] for r in references]))
            elif name == "num":
                done.append(self.constant(key[1]))
            else:
                done.append(self.kernel(key, positive=True))
        return operands[result] if result >= 0 else done[-1 - result]

    def _opaque(self, op: str, operands: Sequence[Quotient]) -> Quotient:
        """A function the field knows nothing of, except whether it is odd or even."""
        parity = lookup(op).parity
        last = operands[-1]
        factor = 1
        if parity and last[0] != 0:
            sign, last = self.sign_split(last)
            factor = sign if parity == "odd" else 1
        key = (op, *(self.text(a) for a in (*operands[:-1], last)))
        found = self.kernel(key)
        return found if factor == 1 else self.neg(found)

    def _related(self, op: str, u: Quotient) -> Quotient:
        """sin, cos, tan ... as kernels of their own; the square of one is a polynomial in its partner."""
        partner, constant, factor = _RELATED[op]
        sign, u = self.sign_split(u) if u[0] != 0 else (1, u)
        relation = None
        if partner:
            other = self.kernel((partner, self.text(u)))
            square = self.mul(self.constant(factor), self.mul(other, other))
            relation = (2, self.add(self.constant(constant), square))
        kernel = self.kernel((op, self.text(u)), relation=relation)
        return self.neg(kernel) if sign < 0 and lookup(op).parity == "odd" else kernel

    def rational(self, a: Quotient) -> Fraction | None:
        """The rational number that a quotient is, or None."""
        if not (a[0].is_constant() and a[1].is_constant()):
            return None
        if a[0] == 0:
            return Fraction(0)
        top, bottom = a[0].leading_coefficient(), a[1].leading_coefficient()
        value = top / bottom
        return Fraction(int(value.p), int(value.q))

    # -- exponentials and logarithms ---------------------------------------------------------------

    def exp(self, u: Quotient, imaginary: bool = False) -> Quotient:
        """e^u (or e^(iu)) as a product of powers of e^m over the monomials m of u."""
        result: Quotient = (self.one, self.one)
        top, bottom = u
        for exponents, coefficient in top.to_dict().items():
            c = Fraction(int(coefficient.p), int(coefficient.q))
            monomial = self.context.from_dict({exponents: 1})
            if not imaginary and bottom.is_one():
                single = [(i, n) for i, n in enumerate(exponents) if n]
                if len(single) == 1 and single[0][1] == 1:
                    kernel = self.kernels[single[0][0]]
                    if isinstance(kernel.key, tuple) and kernel.key[0] == "log of":
                        result = self.mul(result, self.power(kernel.key[2].quotient, c))
                        continue
            name = "expi" if imaginary else "exp"
            key = (name, str(monomial), str(bottom))
            self.texts[str(monomial)], self.texts[str(bottom)] = monomial, bottom
            lasting = (name, self._label("", f"{monomial} / {bottom}"))
            unit = self.units.setdefault(lasting, c)
            if (c / unit).denominator != 1:
                self.units[lasting] = _common(unit, c)
                raise _Again
            n = (c / unit).numerator
            if abs(n) > MAX_EXPONENT:
                raise TooLarge
            base = self.kernel(key, positive=not imaginary)
            result = self.mul(result, self.pow(base, n))
        return result

    def exponent(self, kernel: Kernel) -> tuple[Fraction, Poly, Poly]:
        """(c, m, d) for a kernel that stands for e^(c·m/d), or for e^(i·c·m/d)."""
        name, top, bottom = kernel.key
        return self.units[name, self._label("", f"{top} / {bottom}")], self._read(top), self._read(bottom)

    def log(self, u: Quotient) -> Quotient:
        """ln(u): numbers by their primes, ln(e^v) = v, a positive number in front split off."""
        number = self.rational(u)
        if number is not None and number > 0:
            total = (self.zero, self.one)
            for value, sign in ((number.numerator, 1), (number.denominator, -1)):
                for prime, times in _factors(value).items():
                    base = self.constant(prime)
                    kernel = self.kernel(("log of", prime, _Opaque(base)))
                    total = self.add(total, self.mul(self.constant(sign * times), kernel))
            return total
        if number == 0:
            raise TooLarge  # it has no value
        undone = self._undo_exp(u)
        if undone is not None:
            return undone
        content = u[0].leading_coefficient()
        c = abs(Fraction(int(content.p), int(content.q)))
        if c != 1 and max(c.numerator, c.denominator) < 10**12:
            u = self.quotient(u[0] / self.constant(c)[0].leading_coefficient(), u[1])
            return self.add(self.log(self.constant(c)), self.log(u))
        split = self._log_of_product(u)
        if split is not None:
            return split
        if (len(u[0]) > 1 and u[1].is_one()) or (u[1].is_one() and sum(map(int, u[0].monomial(0))) == 1):
            self.assumed_positive(u[0])
        return self.kernel(("log of", self.text(u), _Opaque(u)))

    def _log_of_product(self, u: Quotient) -> Quotient | None:
        """Σ n·ln f for a product of powers fⁿ, if every f is positive where the expressions are defined."""
        factors: list[tuple[Poly, int]] = []
        for polynomial, sign in ((u[0], 1), (u[1], -1)):
            if len(polynomial) > 1 and polynomial.total_degree() > 40:
                return None
            content, parts = polynomial.factor()
            if content != 1:
                return None
            factors += [(f, sign * int(times)) for f, times in parts]
        if len(factors) < 2 and all(times == 1 for _, times in factors):
            return None
        if not all(self.is_positive(f) for f, _ in factors):
            return None
        total = (self.zero, self.one)
        for f, times in factors:
            kernel = self.kernel(("log of", self.text((f, self.one)), _Opaque((f, self.one))))
            total = self.add(total, self.mul(self.constant(times), kernel))
        return total

    def _undo_exp(self, u: Quotient) -> Quotient | None:
        if len(u[0]) != 1 or len(u[1]) != 1 or u[0].leading_coefficient() != 1:
            return None
        total = (self.zero, self.one)
        for polynomial, sign in ((u[0], 1), (u[1], -1)):
            for i, n in enumerate(map(int, polynomial.monomial(0))):
                if not n:
                    continue
                kernel = self.kernels[i]
                if not (isinstance(kernel.key, tuple) and kernel.key[0] == "exp"):
                    return None
                _, top, bottom = kernel.key
                exponent = self.quotient(self._read(top), self._read(bottom))
                unit = self.constant(sign * n * self.units["exp", self._label("", f"{top} / {bottom}")])
                total = self.add(total, self.mul(unit, exponent))
        return total

    def _read(self, text: str) -> Poly:
        """The polynomial of a key again (keys are kept as text because they must hash)."""
        if text in self.texts:
            return self.texts[text]
        total = self.one
        if text == "1":
            return total
        for factor in text.split("*"):
            name, _, power = factor.partition("^")
            if not name.startswith("g"):
                raise TooLarge
            total = total * self.generators[int(name[1:])] ** int(power or 1)
        return total

    def _trigonometric(self, op: str, u: Quotient) -> Quotient:
        turns = self.exp(u, imaginary=True)
        back = self.div((self.one, self.one), turns)
        i = self.kernel(("i",), relation=(2, self.constant(-1)))
        if op == "cos":
            return self.mul(self.add(turns, back), self.constant(Fraction(1, 2)))
        # sin u = −i (e^iu − e^−iu)/2
        return self.mul(self.mul(self.add(turns, self.neg(back)), i), self.constant(Fraction(-1, 2)))

    # -- roots -------------------------------------------------------------------------------------

    def power(self, base: Quotient, exponent: Fraction) -> Quotient:
        """base^exponent with a literal rational exponent: the real root."""
        q = exponent.denominator
        if q == 1:
            return self.pow(base, exponent.numerator)
        if q > 60:
            raise TooLarge
        if base[0] == 0:
            return base
        root = self._root(base, q)
        return self.pow(root, exponent.numerator)

    def _root(self, base: Quotient, q: int) -> Quotient:
        """The real q-th root: (n/d)^(1/q) = (n·d^(q−1))^(1/q)/|d|, with q-th powers taken out."""
        number = self.rational(base)
        if number is not None:
            return self._numeric_root(number, q)
        self._check(base[0], base[1])
        whole = base[0] * base[1] ** (q - 1)
        self._check(whole)
        result = self.div((self.one, self.one), self._magnitude((base[1], self.one), q))
        if self._is_complex(whole):
            raise TooLarge  # the factors of a real number need not be real
        content, factors = whole.factor()
        odd: list[tuple[Poly, int]] = []
        c = Fraction(int(content.p), int(content.q))
        for factor, times in factors:
            outside, left = divmod(int(times), q)
            if q % 2 == 0:
                if outside:
                    result = self.mul(result, self._magnitude(self.pow((factor, self.one), outside), q))
                if left:
                    odd.append((factor, left))
                continue
            if outside:
                result = self.mul(result, self.pow((factor, self.one), outside))
            if left and self._is_sign(factor):
                result = self.mul(result, (factor, self.one))  # an odd root of ±1 is itself
            elif left:
                sign, normal = self.sign_split((factor, self.one))
                c = -c if sign < 0 and left % 2 else c
                result = self.mul(result, self.pow(self._generator_root(normal[0], q), left))
        if q % 2:
            return self.mul(result, self._numeric_root(c, q))
        return self.mul(result, self._even_root(c, odd, q))

    def _even_root(self, c: Fraction, factors: list[tuple[Poly, int]], q: int) -> Quotient:
        """The even root of c·Π factor^times. A factor that is positive is split off; the others stay
        together under one root: sqrt(fg) is sqrt(f)·sqrt(g) only where both are real."""
        result: Quotient = (self.one, self.one)
        inside = self.one
        for factor, times in factors:
            if self.is_positive(-factor):
                factor = -factor
                c = -c if times % 2 else c
            if self.is_positive(factor):
                result = self.mul(result, self.pow(self._generator_root(factor, q), times))
            else:
                inside = inside * factor**times
        if inside.is_constant():
            return self.mul(result, self._numeric_root(c, q))
        if c < 0:
            c, inside = -c, -inside
        if len(factors) == 1 and factors[0][1] == 1:
            self.assumed_positive(inside)
        result = self.mul(result, self._numeric_root(c, q))
        return self.mul(result, self._generator_root(inside, q))

    def _is_sign(self, factor: Poly) -> bool:
        if len(factor) != 1 or factor.leading_coefficient() != 1:
            return False
        used = [i for i, n in enumerate(factor.monomial(0)) if n]
        return len(used) == 1 and self.kernels[used[0]].key[0] == "sign"

    def _generator_root(self, base: Poly, q: int) -> Quotient:
        """The generator whose q-th power is the base; several q of one base share a finer one."""
        key = ("root of", str(base))
        lasting = ("root of", self._label("", str(base)))
        order = self.units.setdefault(lasting, Fraction(q))
        if order % q:
            self.units[lasting] = Fraction(lcm(int(order), q))
            raise _Again
        # An odd root has the sign of its base; an even one is 0 where its base is.
        positive = (int(order) % 2 == 0 and self._is_plain(base)) or self.is_positive(base)
        generator = self.kernel(key, relation=(int(order), (base, self.one)), positive=positive)
        return self.pow(generator, int(order) // q)

    def _numeric_root(self, number: Fraction, q: int) -> Quotient:
        if number < 0:
            if q % 2 == 0:
                raise TooLarge  # not real
            return self.neg(self._numeric_root(-number, q))
        exact = exact_root(number, q)
        if exact is not None:
            return self.constant(exact)
        result: Quotient = (self.one, self.one)
        for value, sign in ((number.numerator, 1), (number.denominator, -1)):
            for prime, times in _factors(value).items():
                root = self._generator_root(self.constant(prime)[0], q)
                result = self.mul(result, self.pow(root, sign * times))
        return result

    def _magnitude(self, a: Quotient, q: int) -> Quotient:
        return a if q % 2 else self.mul(a, self.sign(a))

    # -- signs and cases ---------------------------------------------------------------------------

    def sign(self, u: Quotient) -> Quotient:
        """The sign of u, a product over its factors; each unknown one is a kernel whose square is 1."""
        number = self.rational(u)
        if number is not None:
            return self.constant((number > 0) - (number < 0))
        if any(map(self._is_complex, u)):
            raise TooLarge  # the factors of a real number need not be real
        result: Quotient = (self.one, self.one)
        for polynomial in u:
            content, factors = polynomial.factor()
            if content < 0:
                result = self.neg(result)
            for factor, times in factors:
                if not self._is_plain(factor) and not self.is_positive(factor):
                    raise TooLarge  # it might be 0, and then the square of its sign is not 1
                if times % 2 == 0 or self.is_positive(factor):
                    continue
                if self.is_positive(-factor):
                    result = self.neg(result)
                    continue
                sign, normal = self.sign_split((factor, self.one))
                kernel = self.kernel(("sign", self.text(normal)), relation=(2, (self.one, self.one)))
                result = self.mul(result, kernel if sign > 0 else self.neg(kernel))
        return result

    def _is_plain(self, p: Poly) -> bool:
        """Whether p, which is not the polynomial 0, surely vanishes at single points only.

        That is so for a polynomial in the variables, exponentials of them, one root, one logarithm, and
        the trigonometric functions of one argument: these are analytic and independent. It is not so
        for signs and steps, for arcsin(sin x) − x, or for Γ(x + 1) − xΓ(x), which is 0 everywhere.
        """
        used = [kernel for n, kernel in zip(p.degrees(), self.kernels, strict=False) if n]
        if not all(kernel.plain for kernel in used):
            return False
        roots = [k for k in used if k.key[0] == "root of" and "g" in k.key[1]]
        logarithms = [k for k in used if k.key[0] == "log of" and not isinstance(k.key[1], int)]
        arguments = {repr(k.key[1:]) for k in used if k.key[0] in _RELATED}
        return len(roots) <= 1 and len(logarithms) <= 1 and len(arguments) <= 1

    def _is_complex(self, p: Poly) -> bool:
        return any(n and k.key[0] in ("expi", "i") for n, k in zip(p.degrees(), self.kernels, strict=False))

    def is_positive(self, p: Poly) -> bool:
        """Whether p > 0 is plain: positive terms only, and one of them never 0."""
        if self.assume and ("positive", self._label("", str(p))) in self.units:
            return True
        certain = False
        for exponents, coefficient in p.to_dict().items():
            if any(n and self.kernels[i].key[0] in ("expi", "i") for i, n in enumerate(exponents)):
                return False  # these are complex
            if coefficient < 0:
                return False
            odd = [i for i, n in enumerate(exponents) if n % 2]
            if any(not self.kernels[i].positive for i in odd):
                return False
            certain = certain or all(self.kernels[i].positive for i, n in enumerate(exponents) if n)
        return certain

    def _where(self, key: Any) -> Quotient:
        chosen = self._indicator(key[1])
        first, second = self.forms[key[2]], self.forms[key[3]]
        return self.add(second, self.mul(chosen, self.add(first, self.neg(second))))

    def _indicator(self, position: int) -> Quotient:
        """1 where a condition holds and 0 elsewhere, up to the boundary."""
        one: Quotient = (self.one, self.one)
        done: dict[int, Quotient] = {}
        for place in self.graph.reachable([position]):
            key = self.graph.nodes[place]
            op = key[0]
            if op not in _CONDITIONS:
                continue
            if op == "not":
                done[place] = self.add(one, self.neg(done[key[1]]))
            elif op == "and":
                done[place] = self.mul(done[key[1]], done[key[2]])
            elif op == "or":
                a, b = done[key[1]], done[key[2]]
                done[place] = self.add(self.add(a, b), self.neg(self.mul(a, b)))
            else:
                left, right = self.form(key[1]), self.form(key[2])
                difference = self.add(left, self.neg(right))
                if op in ("lt", "le"):
                    difference = self.neg(difference)
                if self.rational(difference) is not None:
                    raise TooLarge  # decided by numbers alone: not this field's business
                if not self._is_plain(difference[0]):
                    raise TooLarge  # equality may hold on an interval
                if op in ("eq", "ne"):
                    done[place] = self.constant(0 if op == "eq" else 1)
                    continue
                half = self.constant(Fraction(1, 2))
                done[place] = self.mul(self.add(one, self.sign(difference)), half)
        return done[position]


class _Opaque:
    """A quotient inside a key: equal to every other, since the key's text tells them apart."""

    __slots__ = ("quotient",)

    def __init__(self, quotient: Quotient) -> None:
        self.quotient = quotient

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opaque)

    def __hash__(self) -> int:
        return 1


_CONDITIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"})


def _common(a: Fraction, b: Fraction) -> Fraction:
    """The largest number of which both are whole multiples."""
    denominator = lcm(a.denominator, b.denominator)
    top = gcd(int(a * denominator), int(b * denominator))
    sign = -1 if a < 0 else 1
    return Fraction(sign * top, denominator)


def _factors(value: int) -> dict[int, int]:
    """The prime factors of a number; a large rest without small factors counts as one."""
    found: dict[int, int] = {}
    prime = 2
    while prime * prime <= value and prime < 2000:
        while value % prime == 0:
            found[prime] = found.get(prime, 0) + 1
            value //= prime
        prime += 1
    if value > 1:
        found[value] = found.get(value, 0) + 1
    return found


def _binomial_bound(n: int, terms: int) -> int:
    from math import comb

    return comb(n + terms - 1, terms - 1) if n * terms < 10_000 else MAX_TERMS + 1


def proves_equal(graph: Graph, a: int, b: int) -> bool:
    """Whether the normal form of a − b is 0, which proves that they are equal."""
    return a == b or any(_difference_vanishes(graph, a, b, light) for light in (True, False))


def _difference_vanishes(graph: Graph, a: int, b: int, light: bool) -> bool:
    def vanishes(field: Field) -> bool:
        return field.is_zero(field.add(field.form(a), field.neg(field.form(b))))

    return bool(in_field(graph, [a, b], light, vanishes))


def vanishes_with(graph: Graph, node: int, relation: int) -> bool:
    """Whether the node's numerator is a multiple of every factor of the relation's.

    That proves that the node is 0 wherever the relation is 0 and the node has a value.
    """

    def divides(field: Field) -> bool:
        numerators = [field.form(i)[0] for i in (node, relation)]
        top, given = (_in_roots(field, p) for p in numerators)
        if top == 0:
            return True
        factors = [factor for factor, _ in given.factor()[1] if not factor.is_constant()]
        return bool(factors) and all(divmod(top, factor)[1] == 0 for factor in factors)

    return any(in_field(graph, [node, relation], light, divides) for light in (True, False))


def _in_roots(field: Field, p: Poly) -> Poly:
    """The polynomial with g^q for every variable whose q-th root g is a kernel: then nothing ties the two together."""
    images = list(field.generators)
    for kernel in field.kernels:
        if kernel.key[0] == "root of" and kernel.relation is not None:
            q, (base, _) = kernel.relation
            if base in images:
                images[images.index(base)] = field.generators[kernel.index] ** q
    return p if images == list(field.generators) else p.compose(*images)


def is_factored(graph: Graph, node: int) -> bool:
    """Whether no sum among the factors of a node can be written as a product."""
    factors, waiting = [], [node]
    while waiting:
        position = waiting.pop()
        op, *operands = graph.nodes[position]
        if op in ("mul", "div", "neg"):
            waiting += operands
        elif op == "pow":
            waiting.append(operands[0])
        elif op in ("add", "sub"):
            factors.append(position)

    def irreducible(field: Field) -> bool:
        for position in factors:
            content, parts = field.form(position)[0].factor()
            if sum(multiplicity for _, multiplicity in parts) > 1 or abs(content) != 1:
                return False
        return True

    return not factors or bool(in_field(graph, [node], True, irreducible))


def in_field(graph: Graph, roots: Sequence[int], light: bool, question: Callable[[Field], T]) -> T | None:
    """The answer to a question about the normal forms of `roots`; None if they would be too large.

    The question may be asked several times, each time in a new field.
    """
    units: dict[Any, Fraction] = {}
    assume = not any(graph.nodes[i][0] == "where" for i in graph.reachable(roots))
    for _ in range(24):
        generators = int(units.get("generators", Fraction(24)))
        if generators > MAX_GENERATORS:
            return None
        try:
            return question(Field(graph, generators, units, light=light, assume=assume))
        except _Again:
            continue
        except TooLarge:
            return None
    return None


__all__ = ["Field", "Kernel", "Poly", "TooLarge", "in_field", "is_factored", "proves_equal", "vanishes_with"]
