"""Expressions: one hash-consed, inert graph of operations, and its text.

A `Graph` is a list of nodes. A node is a tuple `(op, *operands)` whose operands are positions of
earlier nodes in the same list, so that

* equal sub-expressions are one node (each tuple is stored once),
* the order of the list is a topological order: every traversal is a loop, none recurses,
* a node never changes: what the user typed stays as typed.

Leaves are `("var", name)`, `("num", value, spelling)` and the constants of the table, `("e",)`.
`Node` is the handle that the library gives out: a graph and a position in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from typing import Any

from .errors import LimitError
from .ops import CONSTANTS, lookup

Number = int | Fraction
Key = tuple[Any, ...]

LEAVES = frozenset({"var", "num", *CONSTANTS})
HUGE = 10**18
MAX_WRITTEN = 10**8  # nodes of an expression whose text is made without names for its parts
MAX_SHOWN = 2000  # nodes of an expression that `repr` writes out


class Graph:
    """A growing list of interned nodes.

    >>> graph = Graph()
    >>> x = graph.variable("x")
    >>> graph.node("mul", x, x) == graph.node("mul", x, x)
    True
    """

    __slots__ = ("nodes", "index", "shapes")

    def __init__(self) -> None:
        self.nodes: list[Key] = []
        self.index: dict[Key, int] = {}
        self.shapes: dict[int, tuple[int | str, ...]] = {}  # only of nodes that are not scalars

    def intern(self, key: Key) -> int:
        """The position of the node `key`, which is appended if it is new."""
        position = self.index.get(key)
        if position is None:
            position = self.index[key] = len(self.nodes)
            self.nodes.append(key)
        return position

    def node(self, op: str, *operands: int) -> int:
        """The node of an operation, exactly as asked for: nothing is evaluated or reordered."""
        return self.intern((op, *operands))

    def variable(self, name: str) -> int:
        """The node of a variable."""
        return self.intern(("var", name))

    def number(self, value: Number, spelling: str | None = None) -> int:
        """The node of an exact number; numbers are one node if value and spelling agree."""
        if type(value) is Fraction and value.denominator == 1:
            value = value.numerator
        if spelling is not None and spelling == str(value):
            spelling = None
        return self.intern(("num", value, spelling))

    def reachable(self, roots: Iterable[int]) -> list[int]:
        """The positions of all nodes that the roots need, operands before their users."""
        nodes = self.nodes
        seen = set(roots)
        stack = list(seen)
        while stack:
            key = nodes[stack.pop()]
            if key[0] not in LEAVES:
                for operand in key[1:]:
                    if operand not in seen:
                        seen.add(operand)
                        stack.append(operand)
        return sorted(seen)

    def variables(self, roots: Iterable[int]) -> list[str]:
        """The names of the variables that the roots need, in the order of first appearance."""
        nodes = self.nodes
        return [nodes[i][1] for i in self.reachable(roots) if nodes[i][0] == "var"]

    def operands(self, position: int) -> tuple[int, ...]:
        """The positions of a node's operands; none for a leaf."""
        key = self.nodes[position]
        return () if key[0] in LEAVES else key[1:]

    def written_size(self, roots: Iterable[int], cuts: frozenset[int] | set[int] = frozenset()) -> int:
        """How many nodes the roots have when written out as trees, at most `HUGE`.

        Nodes in `cuts` count as one: they are written as a name.
        """
        roots = list(roots)
        size: dict[int, int] = {}
        for position in self.reachable(roots):
            total = 1 + sum(1 if i in cuts else size[i] for i in self.operands(position))
            size[position] = min(total, HUGE)
        return min(sum(size[i] for i in roots), HUGE)

    def substitute(self, root: int, replacements: Mapping[int, int]) -> int:
        """The root with some nodes replaced by others of this graph."""
        image: dict[int, int] = {}
        for position in self.reachable([root]):
            if position in replacements:
                image[position] = replacements[position]
            elif self.nodes[position][0] in LEAVES:
                image[position] = position
            else:
                key = self.nodes[position]
                image[position] = self.intern((key[0], *(image[i] for i in key[1:])))
        return image[root]

    def copy_from(self, other: Graph, roots: Iterable[int]) -> list[int]:
        """The same expressions as nodes of this graph."""
        roots = list(roots)
        image: dict[int, int] = {}
        for position in other.reachable(roots):
            key = other.nodes[position]
            if key[0] not in LEAVES:
                key = (key[0], *(image[i] for i in key[1:]))
            image[position] = self.intern(key)
        return [image[i] for i in roots]


class Node:
    """An expression: a position in a graph. Two nodes are equal if they are the same expression.

    >>> from backprop import parse
    >>> node = parse("3*(x + 2)^2")
    >>> node.op, [str(operand) for operand in node.operands]
    ('mul', ['3', '(x + 2)**2'])
    """

    __slots__ = ("graph", "position")

    def __init__(self, graph: Graph, position: int) -> None:
        self.graph = graph
        self.position = position

    @property
    def op(self) -> str:
        """The name of the operation; "var" or "num" for a leaf."""
        return str(self.graph.nodes[self.position][0])

    @property
    def operands(self) -> tuple[Node, ...]:
        """The operands as nodes."""
        return tuple(Node(self.graph, i) for i in self.graph.operands(self.position))

    @property
    def name(self) -> str | None:
        """The name of a variable, else None."""
        key = self.graph.nodes[self.position]
        return key[1] if key[0] == "var" else None

    @property
    def value(self) -> Number | None:
        """The exact value of a number, else None."""
        key = self.graph.nodes[self.position]
        return key[1] if key[0] == "num" else None

    @property
    def shape(self) -> tuple[int | str, ...]:
        """The shape: () for a scalar."""
        return self.graph.shapes.get(self.position, ())

    @property
    def variables(self) -> list[str]:
        """The names of the variables in the expression, in the order of first appearance."""
        return self.graph.variables([self.position])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.graph is other.graph and self.position == other.position

    def __hash__(self) -> int:
        return hash((id(self.graph), self.position))

    def __str__(self) -> str:
        size = self.graph.written_size([self.position])
        if size > MAX_WRITTEN:
            raise LimitError(f"the expression has {size} nodes when written out; the limit is {MAX_WRITTEN}",
                             hint="write it with named parts, as `differentiate` does")  # fmt: skip
        return to_text(self.graph, self.position)

    def __repr__(self) -> str:
        size = self.graph.written_size([self.position])
        return f"Node({str(self)!r})" if size <= MAX_SHOWN else f"<Node {self.op}: {size} nodes when written out>"


def literal_rational(graph: Graph, position: int) -> Fraction | None:
    """The rational number that a node writes out: 2/3, -1/2, 0.25; None for anything else."""
    key = graph.nodes[position]
    if key[0] == "num":
        return Fraction(key[1])
    if key[0] == "neg":
        inner = literal_rational(graph, key[1]) if graph.nodes[key[1]][0] != "neg" else None
        return None if inner is None else -inner
    if key[0] == "div":
        top, bottom = graph.nodes[key[1]], graph.nodes[key[2]]
        if top[0] == "neg" and graph.nodes[top[1]][0] == "num":
            top = ("num", -graph.nodes[top[1]][1])
        if top[0] == bottom[0] == "num" and bottom[1] != 0:
            return Fraction(Fraction(top[1]) / bottom[1])
    return None


def count_operations(nodes: Iterable[Node]) -> int:
    """The number of different operations that the nodes need together, shared ones once.

    >>> from backprop import parse
    >>> count_operations([parse("(x + y)*(x + y)")])
    2
    """
    nodes = list(nodes)
    if not nodes:
        return 0
    graph = nodes[0].graph
    if any(node.graph is not graph for node in nodes):
        shared = Graph()
        positions = [shared.copy_from(node.graph, [node.position])[0] for node in nodes]
        graph = shared
    else:
        positions = [node.position for node in nodes]
    return sum(graph.nodes[i][0] not in LEAVES for i in graph.reachable(positions))


class Style:
    """How text is written: `python` for programs, `pretty` for readers, `ascii` for old terminals."""

    __slots__ = ("times", "minus", "power", "pretty")

    def __init__(self, times: str, minus: str, power: str, pretty: bool) -> None:
        self.times, self.minus, self.power, self.pretty = times, minus, power, pretty


PYTHON = Style("*", "-", "**", False)
ASCII = Style("*", "-", "^", False)
PRETTY = Style("·", "−", "^", True)

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_RELATIONS = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}
RAISED_NAMES = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh coth sech csch log".split()
)  # sin²(x) is what textbooks print


def number_text(value: Number, spelling: str | None = None) -> str:
    """A number as typed, else as an integer or a fraction."""
    return spelling if spelling is not None else str(value)


def to_text(
    graph: Graph,
    root: int,
    style: Style = PYTHON,
    names: Mapping[int, str] | None = None,
    required: int = 0,
) -> str:
    """The expression as text that the parser reads back to the same node.

    `names` are nodes to be written as a name (the root itself is always written out); brackets are
    put around an expression whose precedence is below `required`. The text is as long as the
    written-out tree; see `Graph.written_size` and `definitions`.

    >>> graph = Graph()
    >>> to_text(graph, graph.node("neg", graph.node("pow", graph.variable("x"), graph.number(2))))
    '-x**2'
    """
    out: list[str] = []
    nodes = graph.nodes
    stack: list[str | tuple[int, int]] = [(root, required)]
    first = True
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        position, required = item
        if names is not None and not first and position in names:
            out.append(names[position])
            continue
        first = False
        precedence, pieces = _pieces(nodes, position, style, names)
        if precedence < required:
            out.append("(")
            stack.append(")")
        stack.extend(reversed(pieces))
    return "".join(out)


def _pieces(
    nodes: list[Key], position: int, style: Style, names: Mapping[int, str] | None
) -> tuple[int, list[str | tuple[int, int]]]:
    """The precedence of a node and what it is written as: strings, and operands with the
    precedence that they need to stand without brackets."""
    key = nodes[position]
    op = key[0]
    if op == "var":
        return 100, [key[1]]
    if op == "num":
        return _number_pieces(key, style)
    if op in CONSTANTS:
        return 100, ["π" if op == "pi" and style.pretty else op]
    row = lookup(op)
    operands = key[1:]
    if op in ("add", "sub"):
        symbol = "+" if op == "add" else style.minus
        return row.precedence, [(operands[0], 30), f" {symbol} ", (operands[1], 40)]
    if op == "mul":
        return 40, [(operands[0], 40), style.times, (operands[1], 41)]
    if op == "div":
        divide = " / " if style.pretty and _is_wide(nodes, operands, names) else "/"
        return 40, [(operands[0], 40), divide, (operands[1], 41)]
    if op == "neg":
        return 35, [style.minus, (operands[0], 40)]
    if op == "pow":
        return _power_pieces(nodes, operands, style, names)
    if op == "where":
        return 5, [(operands[1], 10), " if ", (operands[0], 10), " else ", (operands[2], 5)]
    if row.precedence in (25, 15, 10):
        symbol = _RELATIONS.get(row.symbol, row.symbol) if style.pretty else row.symbol
        if op != "not":
            low = row.precedence
            return low, [(operands[0], low + (low == 25)), f" {symbol} ", (operands[1], low + 1)]
    if op == "not":
        return 20, ["not ", (operands[0], 20)]
    if style.pretty:
        if op == "exp":
            return _power_pieces(nodes, (-1, operands[0]), style, names)
        if op == "sqrt":
            if _is_leaf(nodes, operands[0], names):
                return 50, ["√", (operands[0], 100)]
            return 90, ["√(", (operands[0], 0), ")"]
        if op == "abs":
            return 100, ["|", (operands[0], 0), "|"]
        if op == "factorial":
            return 60, [(operands[0], 60), "!"]
        if op == "log":
            return 100, ["ln(", (operands[0], 0), ")"]
    pieces: list[str | tuple[int, int]] = [f"{row.call}("]
    for i, operand in enumerate(_flat(nodes, op, operands, names)):
        if i:
            pieces.append(", ")
        pieces.append((operand, 0))
    pieces.append(")")
    return 100, pieces


def _flat(nodes: list[Key], op: str, operands: tuple[int, ...], names: Mapping[int, str] | None) -> tuple[int, ...]:
    """max(max(a, b), c) is written max(a, b, c), as it is read."""
    if op not in ("max", "min"):
        return operands
    flat = list(operands)
    while nodes[flat[0]][0] == op and not (names and flat[0] in names):
        flat[0:1] = nodes[flat[0]][1:]
    return tuple(flat)


def _number_pieces(key: Key, style: Style) -> tuple[int, list[str | tuple[int, int]]]:
    text = number_text(key[1], key[2])
    precedence = 35 if text.startswith("-") else 40 if "/" in text else 100
    if text.startswith("-"):
        text = style.minus + text[1:]
    return precedence, [text]


def _is_leaf(nodes: list[Key], position: int, names: Mapping[int, str] | None) -> bool:
    key = nodes[position]
    if names is not None and position in names:
        return True
    return key[0] in LEAVES and not (key[0] == "num" and (key[1] < 0 or type(key[1]) is not int))


def _is_wide(nodes: list[Key], operands: tuple[int, ...], names: Mapping[int, str] | None) -> bool:
    """Whether a quotient reads better with spaces around its bar."""
    return any(nodes[i][0] in ("add", "sub", "mul", "div") and not (names is not None and i in names) for i in operands)


def _power_pieces(
    nodes: list[Key], operands: tuple[int, int], style: Style, names: Mapping[int, str] | None
) -> tuple[int, list[str | tuple[int, int]]]:
    """base^exponent; position -1 stands for the constant e as a base."""
    base, exponent = operands
    left: list[str | tuple[int, int]] = ["e"] if base < 0 else [(base, 60)]
    if not style.pretty:
        return 50, [*left, style.power, (exponent, 60)]
    key = nodes[exponent]
    if key[0] == "num" and type(key[1]) is int and key[2] is None and base >= 0:
        raised = str(key[1]).translate(_SUPERSCRIPT)
        inner = nodes[base]
        if inner[0] in RAISED_NAMES and not (names is not None and base in names) and key[1] > 0:
            name = "ln" if inner[0] == "log" else inner[0]
            return 50, [f"{name}{raised}(", (inner[1], 0), ")"]
        return 50, [*left, raised]
    return 50, [*left, "^", (exponent, 60)]


def encode(graph: Graph, roots: Iterable[int]) -> dict[str, Any]:
    """Expressions as JSON data, flat: what workers are sent instead of pickles, which recurse."""
    roots = list(roots)
    order = graph.reachable(roots)
    place = {position: i for i, position in enumerate(order)}
    rows: list[list[Any]] = []
    for position in order:
        key = graph.nodes[position]
        if key[0] == "num":
            rows.append(["num", str(key[1]), key[2]])
        elif key[0] in LEAVES:
            rows.append(list(key))
        else:
            rows.append([key[0], *(place[i] for i in key[1:])])
    return {"nodes": rows, "roots": [place[root] for root in roots]}


def decode(data: dict[str, Any], graph: Graph) -> list[int]:
    """The roots of encoded expressions as nodes of a graph."""
    place: list[int] = []
    for op, *rest in data["nodes"]:
        if op == "num":
            place.append(graph.number(Fraction(rest[0]), rest[1]))
        elif op in LEAVES:
            place.append(graph.intern((op, *rest)))
        else:
            place.append(graph.intern((op, *(place[i] for i in rest))))
    return [place[root] for root in data["roots"]]


def definitions(
    graph: Graph, roots: Iterable[int], limit: int, largest: int = 40, named: Collection[int] = ()
) -> list[int]:
    """Which nodes to give a name so that the roots can be written in linear size; in order.

    None if the roots written out have at most `limit` nodes. Otherwise every node with several
    users, and as many others as are needed to keep each written expression below about `largest`.
    The nodes in `named` have a name already.
    """
    roots = [*roots, *named]
    cuts = frozenset(named)
    if graph.written_size(roots, cuts) <= limit:
        return []
    order = graph.reachable(roots)
    users: dict[int, int] = {}
    for position in order:
        for operand in graph.operands(position):
            users[operand] = users.get(operand, 0) + 1
    tops = set(roots)
    found: list[int] = []
    size: dict[int, int] = {}
    for position in order:
        operands = graph.operands(position)
        total = 1 + sum(size[i] for i in operands)
        shared = users.get(position, 0) + (position in tops) > 1
        if position in cuts:
            total = 1
        elif operands and (shared or (total > largest and users.get(position, 0))):
            found.append(position)
            total = 1
        size[position] = total
    return found


def fresh_prefix(taken: Iterable[str], candidates: str = "vwuzqhkmnprst") -> str:
    """A letter such that letter + number is no name that the user has typed.

    >>> fresh_prefix(["x", "v1"])
    'w'
    """
    names = set(taken)
    for letter in candidates:
        if not any(name.startswith(letter) and name[1:].isdigit() for name in names):
            return letter
    prefix = "v_"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    return prefix
