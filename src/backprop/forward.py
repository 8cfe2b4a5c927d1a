"""The forward pass: from the variables on to the output, a tangent expression for every node.

The tangent of a node is its derivative along a direction: the sum, over its operands, of its partial
by the operand times the operand's tangent (the chain rule, once for each edge; Wengert 1964). One pass
gives the derivative of every output along one direction, where the reverse pass gives the derivative
of one output by every variable. Tangents are nodes of the same graph, so a pass over a tangent gives
higher derivatives, and a reverse pass over one gives the product of the Hessian with a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from .errors import UsageError, visible
from .expr import LEAVES, Graph, Node, Number
from .ops import CONDITIONS
from .parser import check_variables
from .reverse import Edge, folded
from .rules import Program, apply, program
from .tidy import Tidy


class Tangents:
    """The outcome of one forward pass.

    order     the nodes that have a tangent, operands first
    tangents  node -> its tangent (a node of the same graph)
    edges     in the order of the pass; `sends` of an edge is what its operand adds to the tangent of
              its user. Empty if they were not asked for
    """

    __slots__ = ("graph", "order", "tangents", "edges")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.order: list[int] = []
        self.tangents: dict[int, int] = {}
        self.edges: list[Edge] = []


def push_forward(graph: Graph, roots: Iterable[int], seeds: Mapping[int, int], *, keep_edges: bool = False) -> Tangents:
    """Runs the forward pass from the nodes in `seeds` (node -> its tangent) to `roots`.

    A seed need not be a variable; nothing below it is looked at. Only nodes that depend on a seed
    whose tangent is not 0 are visited: partials that nobody needs are never built. A choice by a
    condition has the tangent of the branch that is chosen. Errors: `UsageError` if an operation on
    the way has no partial.
    """
    result = Tangents(graph)
    nodes, tangents, edges = graph.nodes, result.tangents, result.edges
    tidy = Tidy(graph)
    mul, total = tidy.mul, tidy.sum
    programs: dict[tuple[str, int], Program] = {}
    for position in _differentiated(graph, roots):
        seed = seeds.get(position)
        if seed is not None:
            if seed != tidy.zero:
                tangents[position] = seed
            continue
        key = nodes[position]
        op = key[0]
        if op in LEAVES or tangents.keys().isdisjoint(key[1:]):
            continue
        operands = key[1:]
        if op == "pow" and operands[1] not in tangents:
            operands = (operands[0], folded(graph, operands[1], tidy))  # −5 and 1/2 as the numbers they are
        terms = []
        for k, operand in enumerate(operands):
            tangent = tangents.get(operand)
            if tangent is None:
                continue
            if op == "add" or (op == "sub" and k == 0):
                partial, sends = tidy.one, tangent
            else:
                steps = programs.get((op, k))
                if steps is None:
                    steps = programs[op, k] = program(op, k)
                partial = apply(steps, operands, tidy)
                sends = mul(partial, tangent)
            terms.append(sends)
            if keep_edges:
                edges.append(Edge(position, k, operand, partial, sends))
        if terms:
            tangents[position] = total(terms)
    result.order = list(tangents)
    return result


def tangents(graph: Graph, roots: Iterable[int], seeds: Mapping[int, int]) -> dict[int, int]:
    """The tangent of every node of `roots` that depends on a seed, by one forward pass.

    Nodes that do not vary are absent; see `push_forward`.
    """
    return push_forward(graph, roots, seeds).tangents


def _differentiated(graph: Graph, roots: Iterable[int]) -> list[int]:
    """The nodes that the roots need, without those that only a condition needs: these have no partials."""
    nodes = graph.nodes
    seen = set(roots)
    stack = list(seen)
    while stack:
        key = nodes[stack.pop()]
        if key[0] in LEAVES or key[0] in CONDITIONS:
            continue
        for operand in key[1:]:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return sorted(i for i in seen if nodes[i][0] not in CONDITIONS)


def jvp(node: Node, direction: Mapping[str, Node | Number]) -> Node:
    """The derivative of an expression along a direction: the sum of (derivative by x)·(entry of x).

    `direction` gives the tangent of each variable, an exact number or an expression; variables that
    it leaves out stand still. Time and memory are linear in the size of the graph, whatever the number
    of variables. Errors: `UsageError` if an entry is neither, or an operation on the way has no partial.

    >>> from backprop import parse
    >>> node = parse("x^2*y + sin(z)")
    >>> str(jvp(node, {"x": 1})), str(jvp(node, {"x": 2, "y": -1}))
    ('2*(y*x)', '4*(y*x) - x**2')
    >>> str(jvp(node, {"z": parse("u*v")}))
    'cos(z)*(u*v)'
    """
    graph = node.graph
    seeds = {}
    for name in check_variables(direction):
        entry = direction[name]
        if isinstance(entry, Node):
            tangent = entry.position if entry.graph is graph else graph.copy_from(entry.graph, [entry.position])[0]
        elif isinstance(entry, int | Fraction):
            tangent = graph.number(entry)
        else:
            raise UsageError(
                f"the entry of the direction for `{visible(name)}` is neither a number nor an expression",
                hint="give an int, a Fraction or what `parse` returns",
            )
        seeds[graph.variable(name)] = tangent
    found = tangents(graph, [node.position], seeds).get(node.position)
    return Node(graph, graph.number(0) if found is None else found)
