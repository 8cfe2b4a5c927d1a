"""One equation, several compute graphs: split into elementary operations, put together into larger ones.

A decomposition says the same function with other nodes. Everything here holds for all real values and
has the same domain: 1/(1 + e^(-x)) is sigmoid(x), but sin(x)/x is not sinc(x), which has a value at 0.
`alternatives.compare_decompositions` does not trust that: it lets the ladder of `equivalence` decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from .choices import KINDS
from .errors import UsageError, visible
from .expr import LEAVES, Graph, literal_rational
from .ops import OPS, lookup
from .rules import compile_text
from .tidy import Tidy

# What an operation is made of, in the language of the table: the same value, and the same domain.
ELEMENTARY = {op.name: op.elementary for op in OPS.values() if op.elementary}

MAX_POWER = 1024  # x^n is written as products up to this n
MAX_NODES = 4000  # beyond this many nodes nothing is compared

_SUBTRACTION = "x - y as x + (-y)"
_QUOTIENT = "x/y as x*(1/y)"
_POWER = "x**n as products"


class Group(NamedTuple):
    """Binary nodes that are shown as one sum or product of several terms.

    top      the node that has the value of all
    terms    its terms or factors, in the order of the text; `signs` are ±1 (always 1 in a product)
    merged   the nodes that are no longer shown, without `top`
    """

    op: str
    top: int
    terms: tuple[int, ...]
    signs: tuple[int, ...]
    merged: tuple[int, ...]


class Decomposition(NamedTuple):
    """A root that stands for the same function, what was done in words, and what to show as one node."""

    root: int
    description: str
    groups: tuple[Group, ...] = ()


def decompose(graph: Graph, root: int, kind: str) -> Decomposition:
    """The same function with another compute graph, as nodes of the same graph.

    `typed` leaves it as it is; `binary` splits it into elementary operations of one or two operands;
    `fused` recognises functions that were written out; `nary` leaves the nodes and says in `groups` which
    of them are one sum or product of several terms. Errors: `UsageError` for another kind.

    >>> from backprop import parse
    >>> from backprop.expr import to_text
    >>> node = parse("sigmoid(x - y)^3")
    >>> for kind in ("binary", "fused"):
    ...     root = decompose(node.graph, node.position, kind).root
    ...     print(to_text(node.graph, root))
    1/(1 + exp(-(x + (-y))))*(1/(1 + exp(-(x + (-y)))))*(1/(1 + exp(-(x + (-y)))))
    sigmoid(x - y)**3
    """
    if kind == "typed":
        return Decomposition(root, "as typed")
    if kind == "binary":
        used: dict[str, None] = {}
        root = _split_arithmetic(graph, _split_functions(graph, root, used), used)
        return Decomposition(root, _described("elementary operations of one or two operands", used))
    if kind == "fused":
        used = {}
        root = _fused(graph, root, used)
        return Decomposition(root, _described("what was written out as one function", used))
    if kind == "nary":
        groups = tuple(_groups(graph, root))
        shown = dict.fromkeys(f"{len(g.terms)} {'factors' if g.op == 'mul' else 'terms'} as one node" for g in groups)
        return Decomposition(root, _described("sums and products of several terms as one node", shown), groups)
    raise UsageError(f"there is no decomposition `{visible(kind)}`", hint=f"choose from {', '.join(KINDS)}")


def _described(what: str, used: Iterable[str]) -> str:
    details = "; ".join(used)
    return f"{what}: {details}" if details else f"{what}: nothing to change"


# -- into elementary operations ------------------------------------------------------------------------


def _split_functions(graph: Graph, root: int, used: dict[str, None]) -> int:
    """Every function that is made of others, written out."""
    image: dict[int, int] = {}
    for position in graph.reachable([root]):
        key = graph.nodes[position]
        op = key[0]
        if op in LEAVES:
            image[position] = position
            continue
        operands = tuple(image[i] for i in key[1:])
        text = ELEMENTARY.get(op)
        if text is None:
            image[position] = graph.node(op, *operands)
        else:
            row = lookup(op)
            image[position] = _inserted(graph, text, row.operands, operands)
            called = f"{row.call}({', '.join(row.operands)})"
            used[f"{called} as {text.replace('^', '**')}"] = None
    return image[root]


def _inserted(graph: Graph, text: str, names: tuple[str, ...], operands: tuple[int, ...]) -> int:
    """The node of a text over operands, exactly as written: nothing is tidied."""
    steps, result = compile_text(text, names)
    done: list[int] = []
    for op, references, key in steps:
        inner = [operands[r] if r >= 0 else done[-1 - r] for r in references]
        done.append(graph.node(op, *inner) if references else graph.intern(key))
    return operands[result] if result >= 0 else done[-1 - result]


def _split_arithmetic(graph: Graph, root: int, used: dict[str, None]) -> int:
    """Differences as sums, quotients as products with a reciprocal, powers as products.

    Numbers that are written out, as 2/3, stay one number: an exponent 2/3 means a root only as a number.
    """
    image: dict[int, int] = {}
    one = graph.number(1)
    for position in graph.reachable([root]):
        key = graph.nodes[position]
        op = key[0]
        if op in LEAVES or literal_rational(graph, position) is not None:
            image[position] = position
            continue
        operands = [image[i] for i in key[1:]]
        n = literal_rational(graph, key[2]) if op == "pow" else None
        if op == "sub":
            image[position] = graph.node("add", operands[0], _negative(graph, operands[1]))
            used[_SUBTRACTION] = None
        elif op == "div" and operands[0] != one:
            image[position] = graph.node("mul", operands[0], _reciprocal(graph, operands[1]))
            used[_QUOTIENT] = None
        elif n is not None and n.denominator == 1 and 0 < abs(n) <= MAX_POWER and not _is_number(graph, operands[0]):
            product = _product(graph, operands[0], abs(n.numerator))
            image[position] = product if n > 0 else graph.node("div", one, product)
            used[_POWER] = None
        else:
            image[position] = graph.node(op, *operands)
    return image[root]


def _is_number(graph: Graph, position: int) -> bool:
    return literal_rational(graph, position) is not None


def _negative(graph: Graph, position: int) -> int:
    key = graph.nodes[position]
    if key[0] == "num" and key[1] > 0:
        return graph.number(-key[1], None if key[2] is None else f"-{key[2]}")
    return graph.node("neg", position)


def _reciprocal(graph: Graph, position: int) -> int:
    key = graph.nodes[position]
    if key[0] == "num" and key[1] != 0:
        return Tidy(graph).div(graph.number(1), position)
    return graph.node("div", graph.number(1), position)


def _product(graph: Graph, base: int, n: int) -> int:
    """base^n by repeated squaring, n ≥ 1: x·x, (x·x)·x, (x·x)·(x·x) …"""
    result = base
    for bit in bin(n)[3:]:
        result = graph.node("mul", result, result)
        if bit == "1":
            result = graph.node("mul", result, base)
    return result


# -- into larger ones ----------------------------------------------------------------------------------


def _fused(graph: Graph, root: int, used: dict[str, None]) -> int:
    """Every pattern as the function that it is, from the inside out."""
    image: dict[int, int] = {}
    reader = _Patterns(graph)
    for position in graph.reachable([root]):
        key = graph.nodes[position]
        if key[0] in LEAVES or _is_number(graph, position):
            image[position] = position
            continue
        op, operands = key[0], tuple(image[i] for i in key[1:])
        found = reader.read(op, operands)
        if found is None:
            image[position] = graph.node(op, *operands)
        else:
            image[position], said = found
            used[said] = None
    return image[root]


Found = tuple[int, str] | None  # the node of a function and the pattern in words


class _Patterns:
    """Reads what a node would be, given its operands, and finds the function that it writes out."""

    __slots__ = ("graph", "nodes", "_readers")

    def __init__(self, graph: Graph) -> None:
        self.graph, self.nodes = graph, graph.nodes
        self._readers: dict[str, Callable[..., Found]] = {
            "add": self._sum, "sub": self._difference, "mul": self._product, "div": self._quotient,
            "log": self._log, "sqrt": self._sqrt, "max": self._max, "where": self._where,
        }  # fmt: skip

    def read(self, op: str, operands: tuple[int, ...]) -> Found:
        """The function and the pattern, or None."""
        reader = self._readers.get(op)
        return None if reader is None else reader(*operands)

    # What a node is.

    def _number(self, position: int) -> Any:
        key = self.nodes[position]
        return key[1] if key[0] == "num" else None

    def _under(self, op: str, position: int) -> int | None:
        """u, if the node is op(u)."""
        key = self.nodes[position]
        return key[1] if key[0] == op else None

    def _plus_one(self, position: int) -> int | None:
        """u, if the node is 1 + u or u + 1."""
        key = self.nodes[position]
        if key[0] != "add":
            return None
        return key[2] if self._number(key[1]) == 1 else key[1] if self._number(key[2]) == 1 else None

    def _opposite(self, a: int, b: int) -> bool:
        """Whether one is written as the negative of the other."""
        return self._under("neg", a) == b or self._under("neg", b) == a

    def _negated(self, position: int) -> int | None:
        """u, if the node is written as −u: also a − b is −(b − a), and −a − b is −(a + b)."""
        key = self.nodes[position]
        if key[0] == "sub":
            inner = self._under("neg", key[1])
            return self.graph.node("sub", key[2], key[1]) if inner is None else self.graph.node("add", inner, key[2])
        return self._under("neg", position)

    def _base(self, position: int) -> tuple[int, int]:
        """(u, n) if the node is u^n with an integer n ≥ 1 that is written so; (the node, 1) for anything else."""
        key = self.nodes[position]
        if key[0] == "pow":
            n = self._number(key[2])
            if type(n) is int and n >= 1:
                return key[1], n
        return position, 1

    def _reciprocal_of(self, position: int) -> int | None:
        """y, if the node is 1/y; of numbers only those that `binary` has made, as 1/4 is typed with a bar."""
        key = self.nodes[position]
        if key[0] == "num" and key[2] is None and type(key[1]) is Fraction and key[1].numerator == 1:
            return self.graph.number(key[1].denominator)
        written = key[0] == "div" and self._number(key[1]) == 1 and not _is_number(self.graph, position)
        return key[2] if written else None

    # The patterns.

    def _sum(self, a: int, b: int) -> Found:
        inner, key = self._under("neg", b), self.nodes[b]
        if key[0] == "num" and key[1] < 0:
            inner = self.graph.number(-key[1], None if key[2] is None else key[2].removeprefix("-"))
        if inner is None:
            return None
        return self._difference(a, inner) or (self.graph.node("sub", a, inner), "x + (-y) as x - y")

    def _difference(self, a: int, b: int) -> Found:
        inner = self._under("exp", a)
        if inner is not None and self._number(b) == 1:
            return self.graph.node("expm1", inner), "exp(x) - 1 as expm1(x)"
        return None

    def _product(self, a: int, b: int) -> Found:
        (u, m), (v, n) = self._base(a), self._base(b)
        if u == v and not _is_number(self.graph, u) and m + n <= MAX_POWER:
            return self.graph.node("pow", u, self.graph.number(m + n)), "x*x as x**2"
        for factor, other in ((b, a), (a, b)):
            key = self.nodes[factor]
            if key[0] in ("sec", "csc") and self.nodes[other] == ("sin" if key[0] == "sec" else "cos", key[1]):
                name = "tan" if key[0] == "sec" else "cot"
                return self.graph.node(name, key[1]), f"sin(x) and cos(x) as {name}(x)"
            below = self._reciprocal_of(factor)
            if below is not None:
                return self._quotient(other, below) or (self.graph.node("div", other, below), "x*(1/y) as x/y")
        return None

    def _quotient(self, a: int, b: int) -> Found:
        node = self.graph.node
        top, bottom = self.nodes[a], self.nodes[b]
        below = self._plus_one(b)
        grown = None if below is None else self._under("exp", below)
        if grown is not None:
            inner = self._negated(grown) if self._number(a) == 1 else None
            if inner is not None:
                return node("sigmoid", inner), "1/(1 + exp(-x)) as sigmoid(x)"
            if a == below:
                return node("sigmoid", grown), "exp(x)/(1 + exp(x)) as sigmoid(x)"
        if self._number(a) == 1 and bottom[0] in ("cos", "sin"):
            name = "sec" if bottom[0] == "cos" else "csc"
            return node(name, bottom[1]), f"1/{bottom[0]}(x) as {name}(x)"
        if (top[0], bottom[0]) in (("sin", "cos"), ("cos", "sin")) and top[1] == bottom[1]:
            name = "tan" if top[0] == "sin" else "cot"
            return node(name, top[1]), f"{top[0]}(x)/{bottom[0]}(x) as {name}(x)"
        if top[0] == bottom[0] == "log":
            base = self._number(bottom[1])
            if base == 2 or base == 10:
                return node(f"log{base}", top[1]), f"log(x)/log({base}) as log{base}(x)"
            return node("log_base", top[1], bottom[1]), "log(x)/log(b) as log(x, b)"
        return self._hyperbolic(a, b)

    def _hyperbolic(self, a: int, b: int) -> Found:
        """(e^x ± e^(-x))/2, and the quotient of the two."""
        node = self.graph.node
        top, bottom = self._exponents(a), self._exponents(b)
        if top is None or not self._opposite(*top[1:]):
            return None
        if self._number(b) == 2 and (top[0] == "add" or self._under("neg", top[2]) == top[1]):
            inner = top[1] if self._under("neg", top[2]) == top[1] else top[2]
            name = "cosh" if top[0] == "add" else "sinh"
            return node(name, inner), f"(exp(x) {'+' if top[0] == 'add' else '-'} exp(-x))/2 as {name}(x)"
        if bottom is None or sorted(top[1:]) != sorted(bottom[1:]) or self._under("neg", top[2]) != top[1]:
            return None
        if (top[0], bottom[0]) == ("sub", "add"):
            return node("tanh", top[1]), "(exp(x) - exp(-x))/(exp(x) + exp(-x)) as tanh(x)"
        return None

    def _exponents(self, position: int) -> tuple[str, int, int] | None:
        """("add" or "sub", u, v), if the node is e^u ± e^v."""
        key = self.nodes[position]
        if key[0] not in ("add", "sub"):
            return None
        u, v = self._under("exp", key[1]), self._under("exp", key[2])
        return None if u is None or v is None else (key[0], u, v)

    def _log(self, a: int) -> Found:
        inner = self._plus_one(a)
        if inner is None or _is_number(self.graph, inner):
            return None
        grown = self._under("exp", inner)
        if grown is not None:
            return self.graph.node("softplus", grown), "log(1 + exp(x)) as softplus(x)"
        return self.graph.node("log1p", inner), "log(1 + x) as log1p(x)"

    def _sqrt(self, a: int) -> Found:
        key = self.nodes[a]
        u, n = self._base(a)
        if n == 2:
            return self.graph.node("abs", u), "sqrt(x**2) as abs(x)"
        if key[0] == "add":
            (u, m), (v, n) = self._base(key[1]), self._base(key[2])
            if m == n == 2:
                return self.graph.node("hypot", u, v), "sqrt(x**2 + y**2) as hypot(x, y)"
        return None

    def _max(self, a: int, b: int) -> Found:
        for zero, other in ((b, a), (a, b)):
            if self._number(zero) == 0 and not _is_number(self.graph, other):
                return self.graph.node("relu", other), "max(x, 0) as relu(x)"
        return None

    def _where(self, condition: int, first: int, second: int) -> Found:
        op, *sides = self.nodes[condition]
        if op not in ("lt", "le", "gt", "ge") or self._number(sides[1]) != 0:
            return None
        if op in ("lt", "le"):
            first, second = second, first
        if first != sides[0] or _is_number(self.graph, first):
            return None
        if self._number(second) == 0:
            return self.graph.node("relu", first), "x if x > 0 else 0 as relu(x)"
        if self._under("neg", second) == first:
            return self.graph.node("abs", first), "x if x > 0 else -x as abs(x)"
        return None


# -- several terms as one node -------------------------------------------------------------------------


def _groups(graph: Graph, root: int) -> list[Group]:
    """The sums and products of at least three terms; a node that has several users stays one of its own."""
    order = graph.reachable([root])
    users: dict[int, int] = {root: 1}
    for position in order:
        for operand in graph.operands(position):
            users[operand] = users.get(operand, 0) + 1
    taken: set[int] = set()
    found = []
    for position in reversed(order):
        op = graph.nodes[position][0]
        if op not in ("add", "sub", "mul") or position in taken:
            continue
        same = ("mul",) if op == "mul" else ("add", "sub")
        terms: list[tuple[int, int]] = []
        merged: list[int] = []
        stack = [(position, 1)]
        while stack:
            at, sign = stack.pop()
            key = graph.nodes[at]
            inside = at == position or (key[0] in same and users[at] == 1 and sign == 1)
            if not inside:
                terms.append((at, sign))
                continue
            if at != position:
                merged.append(at)
            stack += [(key[2], -1 if key[0] == "sub" else 1), (key[1], 1)]
        if len(terms) > 2:
            taken.update(merged)
            nodes, signs = zip(*terms)
            found.append(Group("mul" if op == "mul" else "add", position, nodes, signs, tuple(sorted(merged))))
    return found[::-1]


def term_partials(graph: Graph, group: Group) -> list[int]:
    """The partial of a sum or product of several terms by each of them: ±1, or the product of the others.

    Products are made from both ends, so that n factors cost about 3n products, not n².
    """
    tidy = Tidy(graph)
    if group.op == "add":
        return [graph.number(sign) for sign in group.signs]
    after = [tidy.one]
    for factor in reversed(group.terms[1:]):
        after.append(tidy.mul(factor, after[-1]))
    before, partials = tidy.one, []
    for factor in group.terms:
        partials.append(tidy.mul(before, after.pop()))
        before = tidy.mul(before, factor)
    return partials
