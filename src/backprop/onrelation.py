"""Shorter forms of a derivative on the curve that a relation defines: −25/y³ for y″ of x² + y² = 25.

The relation is what textbooks use last: the numerator of y″ has x² + y² in it, which is 25. Nothing is taken on trust:
a form counts only if its difference to the derivative is proved to be a multiple of the relation.
"""

from __future__ import annotations

from .algebra import vanishes_with
from .expr import LEAVES, Graph
from .textbook import forms_modulo, operations
from .tidy import Tidy

MAX_PROOFS = 12


def shorten(graph: Graph, node: int, relation_difference: int) -> int | None:
    """The shortest form found that is proved equal to `node` where `relation_difference` is 0; None if none is shorter.

    >>> from backprop.expr import to_text
    >>> from backprop.parser import parse_equation
    >>> graph = Graph()
    >>> second = parse_equation("-(1/y + x^2/y^3)", graph=graph).root
    >>> circle = parse_equation("x^2 + y^2 - 25", graph=graph).root
    >>> found = shorten(graph, second, circle)
    >>> print(found is not None and to_text(graph, found))
    -25/y**3
    """
    length = operations(graph, node)
    candidates = dict.fromkeys(forms_modulo(graph, node, relation_difference))
    lengths = {candidate: operations(graph, candidate) for candidate in candidates}
    shorter = [candidate for candidate in candidates if lengths[candidate] < length]
    shorter.sort(key=lambda candidate: (lengths[candidate], _functions(graph, candidate)))
    for candidate in shorter[:MAX_PROOFS]:
        if vanishes_with(graph, Tidy(graph).sub(candidate, node), relation_difference):
            return candidate
    return None


def _functions(graph: Graph, node: int) -> int:
    """How many nodes are functions, and not one of the four operations or a power."""
    plain = LEAVES | {"add", "sub", "mul", "div", "neg", "pow"}
    return sum(graph.nodes[i][0] not in plain for i in graph.reachable([node]))
