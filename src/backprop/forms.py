"""Whether an expression is in the form that a teacher asks for: simplified, factored, expanded."""

from __future__ import annotations

from .algebra import is_factored
from .expr import LEAVES, Graph, literal_rational


def form_note(graph: Graph, node: int, form: str, root: int) -> str | None:
    """What is missing, or None. `root` is the problem, whose functions a simplified form keeps."""
    if form == "expanded":
        return None if is_expanded(graph, node) else "right, but not expanded: a product of sums is left"
    if form == "factored":
        return None if is_factored(graph, node) else "right, but not factored: a sum can be written as a product"
    return "right, but it can be simplified" if _can_be_simplified(graph, node, root) else None


def is_expanded(graph: Graph, node: int) -> bool:
    """No product has a sum as a factor, and no power of a sum is left that could be multiplied out."""
    sums = ("add", "sub")
    for position in graph.reachable([node]):
        key = graph.nodes[position]
        if key[0] == "mul" and any(graph.nodes[i][0] in sums for i in key[1:]):
            return False
        if key[0] == "pow" and graph.nodes[key[1]][0] in sums:
            exponent = literal_rational(graph, key[2])
            if exponent is not None and exponent.denominator == 1 and exponent > 1:
                return False
    return True


def _can_be_simplified(graph: Graph, node: int, root: int) -> bool:
    from .textbook import operations, textbook_forms

    if graph.nodes[node][0] in LEAVES:
        return False
    form = textbook_forms(graph, root, [node])[node]
    return operations(graph, form) < operations(graph, node)
