"""The reverse pass: from the output back to the variables, an adjoint expression for every node.

The adjoint of a node is the derivative of the output by that node. It is the sum, over the users of
the node, of the user's adjoint times the user's partial by the node: the chain rule, once for each
edge. Adjoints are nodes of the same graph, so they share what the forward part has already; the
whole gradient costs a small multiple of the function (Baur and Strassen 1983: at most 5 operations
for one, for + − × ÷), and applying the pass to an adjoint gives higher derivatives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from .errors import UsageError
from .expr import LEAVES, Graph, Node, literal_rational
from .parser import check_variables
from .rules import Program, apply, program
from .tidy import Tidy

NOTHING: Mapping[str, int] = MappingProxyType({})


class Edge(NamedTuple):
    """One use of a node: the `operand`-th operand of `user`. All but `operand` are nodes."""

    user: int
    operand: int
    target: int
    partial: int
    sends: int


class Pass:
    """The outcome of one reverse pass.

    order      the nodes on a path from a variable asked for to the output, operands first
    adjoints   node -> its adjoint (a node of the same graph)
    edges      in the order of the pass, from the output back; empty if they were not asked for
    gradient   variable -> the derivative of the output by it
    of, by     what the output is called, and the variables by which it was differentiated before
    """

    __slots__ = ("graph", "output", "order", "adjoints", "edges", "gradient", "of", "by")

    def __init__(self, graph: Graph, output: int, of: str = "", by: tuple[str, ...] = ()) -> None:
        self.graph, self.output, self.of, self.by = graph, output, of, by
        self.order: list[int] = []
        self.adjoints: dict[int, int] = {}
        self.edges: list[Edge] = []
        self.gradient: dict[str, int] = {}


def active(graph: Graph, output: int, names: Iterable[str], others: Collection[int] = ()) -> list[int]:
    """The nodes that lie between a variable in `names`, or a node in `others`, and the output, operands first."""
    nodes = graph.nodes
    wanted = set(names)
    varying: set[int] = set()
    order = []
    for position in graph.reachable([output]):
        key = nodes[position]
        if position in others:
            pass
        elif key[0] in LEAVES:
            if key[0] != "var" or key[1] not in wanted:
                continue
        elif varying.isdisjoint(key[1:]):
            continue
        varying.add(position)
        order.append(position)
    return order


def backpropagate(
    graph: Graph,
    output: int,
    names: Iterable[str],
    *,
    keep_edges: bool = False,
    inner: Mapping[str, int] = NOTHING,
    of: str = "",
    by: tuple[str, ...] = (),
) -> Pass:
    """Runs the reverse pass for the variables in `names`.

    Only nodes on a path to one of them are visited: with a constant exponent, for instance, the
    partial of a power by its exponent (a logarithm) is never built. `inner` gives names to nodes
    that are no variables and whose adjoints are asked for all the same.
    """
    names = list(names)
    result = Pass(graph, output, of, by)
    others = {inner[name] for name in names if name in inner}
    order = result.order = active(graph, output, names, others)
    varying = set(order)
    nodes = graph.nodes
    tidy = Tidy(graph)
    mul, total = tidy.mul, tidy.sum
    programs: dict[tuple[str, int], Program] = {}
    incoming: dict[int, list[int]] = {output: [tidy.one]}
    adjoints, edges = result.adjoints, result.edges
    for position in reversed(order):
        contributions = incoming.pop(position, None)
        if contributions is None:  # reached only through an operand that no value depends on
            adjoints[position] = tidy.zero
            continue
        contributions.reverse()  # the users in the order of the text
        adjoint = adjoints[position] = total(contributions)
        key = nodes[position]
        op = key[0]
        if op in LEAVES:
            continue
        operands = key[1:]
        if op == "pow" and operands[1] not in varying:
            operands = (operands[0], folded(graph, operands[1], tidy))  # −5 and 1/2 as the numbers they are
        for k, target in enumerate(operands):
            if target not in varying:
                continue
            if op == "add" or (op == "sub" and k == 0):
                partial, sends = tidy.one, adjoint
            else:
                steps = programs.get((op, k))
                if steps is None:
                    if op == "where" and k == 0:
                        continue  # a condition passes nothing on
                    steps = programs[op, k] = program(op, k)
                partial = apply(steps, operands, tidy)
                sends = mul(adjoint, partial)
            waiting = incoming.get(target)
            if waiting is None:
                incoming[target] = [sends]
            else:
                waiting.append(sends)
            if keep_edges:
                edges.append(Edge(position, k, target, partial, sends))
    for name in names:
        variable = inner[name] if name in inner else graph.index.get(("var", name))
        result.gradient[name] = tidy.zero if variable is None else adjoints.get(variable, tidy.zero)
    return result


def folded(graph: Graph, exponent: int, tidy: Tidy) -> int:
    value = literal_rational(graph, exponent)
    return (
        exponent
        if value is None or graph.nodes[exponent][0] == "num"
        else tidy.number(value, _decimal(graph, exponent))
    )


def _decimal(graph: Graph, exponent: int) -> bool:
    return any("." in (graph.nodes[i][2] or "") for i in graph.reachable([exponent]) if graph.nodes[i][0] == "num")


def gradient(node: Node, wrt: Iterable[str] | None = None) -> dict[str, Node]:
    """The derivative of an expression by each variable, by one reverse pass and nothing else.

    `wrt` defaults to all variables, in the order of appearance; a name that does not occur gives 0.
    Time and memory are linear in the size of the graph. Errors: `UsageError` if a name is repeated,
    or if an operation on the way has no partial.

    >>> from backprop import parse
    >>> {name: str(d) for name, d in gradient(parse("x*y + sin(x)")).items()}
    {'x': 'y + cos(x)', 'y': 'x'}
    """
    names = node.variables if wrt is None else check_variables(wrt)
    if isinstance(wrt, str):
        raise UsageError("wrt is a list of names", hint=f'write ["{wrt}"]')
    result = backpropagate(node.graph, node.position, names)
    return {name: Node(node.graph, position) for name, position in result.gradient.items()}
