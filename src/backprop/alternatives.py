"""The decompositions of one equation side by side, each with its derivatives, and whether these are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .choices import KINDS
from .decompose import Decomposition, Group, decompose
from .equivalence import decide
from .errors import BackpropError
from .evaluate import Value, value_text
from .expr import LEAVES, PYTHON, Graph, to_text
from .modes import node_names, operations_beyond
from .numeric import exact_derivatives, written
from .parser import check_variables
from .reverse import backpropagate

MAX_NODES = 4000  # beyond this many nodes nothing is compared

_WORDS = {"proved": "proved", "sampled": "as far as sampled"}


@dataclass
class Row:
    """One decomposition: its size, its derivatives, and whether they are those of the typed equation.

    nodes, operations, edges   of the compute graph, with every group as one node
    gradient                   variable -> node of the derivative; `gradient_operations` counts what they need more
    same_function              "proved", "as far as sampled", "not decided" or "differs"; the same for `same_gradient`
    values                     variable -> the derivative at the point, if there is one; None where it does not exist
    """

    kind: str
    root: int
    description: str
    groups: tuple[Group, ...]
    nodes: int
    operations: int
    edges: int
    gradient: dict[str, int] = field(default_factory=dict)
    gradient_operations: int = 0
    same_function: str = "proved"
    same_gradient: str = "proved"
    values: dict[str, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Decompositions:
    """The decompositions of one equation side by side; `names` are those of nodes in `as_dict`."""

    graph: Graph
    root: int
    wrt: list[str]
    rows: list[Row] = field(default_factory=list)

    def row(self, kind: str) -> Row:
        """The row of a kind."""
        return next(row for row in self.rows if row.kind == kind)

    def as_dict(self, digits: int = 15) -> dict[str, Any]:
        """`decompositions`, one object for each kind, ready for JSON."""
        return {"decompositions": [self._row_dict(row, digits) for row in self.rows]}

    def _row_dict(self, row: Row, digits: int) -> dict[str, Any]:
        names = node_names(self.graph, [row.root])
        return {
            "kind": row.kind, "equation": written(self.graph, row.root), "description": row.description,
            "nodes": row.nodes, "operations": row.operations, "edges": row.edges,
            "groups": [
                {"op": g.op, "node": names[g.top], "terms": [to_text(self.graph, i, PYTHON, names) if
                 self.graph.nodes[i][0] in LEAVES else names[i] for i in g.terms], "signs": list(g.signs)}
                for g in row.groups
            ],
            "gradient": {name: written(self.graph, i) for name, i in row.gradient.items()},
            "gradient_operations": row.gradient_operations,
            "gradient_value": {name: value_text(v, digits) for name, v in row.values.items()},
            "same_function": row.same_function, "same_gradient": row.same_gradient, "note": "; ".join(row.notes),
        }  # fmt: skip


def compare_decompositions(
    graph: Graph,
    root: int,
    wrt: Iterable[str],
    point: Mapping[str, Value] | None = None,
    kinds: Sequence[str] = KINDS,
) -> Decompositions:
    """The decompositions of an equation, each with its derivatives, compared with the typed equation.

    The comparison is the ladder of `equivalence` without SymPy: an exact normal form proves, disjoint
    balls refute. Errors: `UsageError` for a kind that does not exist or an operation without a partial.

    >>> from backprop import parse
    >>> node = parse("1/(1 + e^(-x)) + x*x")
    >>> found = compare_decompositions(node.graph, node.position, ["x"])
    >>> [(row.kind, row.operations, row.same_function, row.same_gradient) for row in found.rows]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('typed', 6, 'proved', 'proved'), ('binary', 6, 'proved', 'proved'),
     ('nary', 6, 'proved', 'proved'), ('fused', 3, 'proved', 'proved')]
    """
    names = check_variables(wrt)
    found = Decompositions(graph, root, names)
    typed = backpropagate(graph, root, names).gradient
    for kind in kinds:
        made = decompose(graph, root, kind)
        row = _measured(graph, kind, made)
        own = Graph()  # what one decomposition has built must not come cheap to the next
        (moved,) = own.copy_from(graph, [made.root])
        gradient = backpropagate(own, moved, names).gradient
        row.gradient_operations = operations_beyond(own, [moved], list(gradient.values()))
        row.gradient = dict(zip(gradient, graph.copy_from(own, gradient.values())))
        row.same_function = _same(graph, row, [(made.root, root)])
        row.same_gradient = _same(graph, row, [(row.gradient[name], typed[name]) for name in names])
        if point is not None and all(name in point for name in graph.variables([root])):
            try:
                row.values, notes = exact_derivatives(graph, made.root, names, point)
                row.notes += notes
            except BackpropError as error:
                row.notes.append(error.message)
        found.rows.append(row)
    return found


def _measured(graph: Graph, kind: str, made: Decomposition) -> Row:
    order = graph.reachable([made.root])
    merged = sum(len(group.merged) for group in made.groups)
    operations = sum(graph.nodes[i][0] not in LEAVES for i in order) - merged
    edges = sum(len(graph.operands(i)) for i in order) - merged
    return Row(kind, made.root, made.description, made.groups, len(order) - merged, operations, edges)


def _same(graph: Graph, row: Row, pairs: Sequence[tuple[int, int]]) -> str:
    """The weakest verdict on pairs that should be equal."""
    words = ["proved"]
    for a, b in pairs:
        if a == b:
            continue
        if len(graph.reachable([a, b])) > MAX_NODES:
            words.append("not decided")
            row.notes.append(f"more than {MAX_NODES} nodes: not compared")
            continue
        verdict = decide(graph, a, b)
        if verdict.verdict == "different":
            words.append("differs")
            point = verdict.witness[0] if verdict.witness else {}
            row.notes.append(f"differs at {', '.join(f'{name} = {value}' for name, value in point.items())}")
        else:
            words.append(_WORDS.get(verdict.how or "", "not decided"))
            if verdict.how is None and verdict.reason:
                row.notes.append(verdict.reason)
    return max(words, key=("proved", "as far as sampled", "not decided", "differs").index)
