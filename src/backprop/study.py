"""What else can be asked about a derivation: other modes, other decompositions, a check by numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .alternatives import compare_decompositions
from .choices import KINDS, MODES
from .derivation import Derivation
from .errors import UsageError
from .evaluate import Value, evaluate
from .expr import to_text
from .forward import Tangents, push_forward
from .modes import compare
from .numeric import check_gradient

TRACED = 8  # forward passes whose steps are shown


class TangentPass(NamedTuple):
    """A forward pass: the variable whose tangent is 1, the tangents, and their values at the point."""

    name: str
    tangents: Tangents
    values: dict[int, Value]

    def as_dict(self, derivation: Derivation) -> list[dict[str, Any]]:
        """A row for each node that varies, ready for JSON."""
        return [
            {"name": derivation.names.get(i) or derivation.text(i), "tangent": to_text(derivation.graph, tangent),
             "value": derivation.number(self.values.get(tangent))}
            for i, tangent in self.tangents.tangents.items()
        ]  # fmt: skip


def _forward(derivation: Derivation, name: str) -> TangentPass:
    graph = derivation.graph
    found = push_forward(graph, derivation.outputs, {graph.variable(name): graph.number(1)}, keep_edges=True)
    values: dict[int, Value] = {}
    if derivation.point is not None:
        roots = [i for edge in found.edges for i in (edge.partial, edge.sends)] + list(found.tangents.values())
        values = evaluate(graph, graph.reachable(roots), derivation.point, precision=4 * derivation.digits + 64)
    return TangentPass(name, found, values)


def modes_of(names: Sequence[str]) -> list[str]:
    """The modes that some names stand for: `all` is all of them.

    >>> modes_of(["all"]) == list(MODES)
    True
    """
    chosen = list(dict.fromkeys(mode for name in names for mode in (MODES if name == "all" else [name])))
    for mode in chosen:
        if mode not in MODES:
            raise UsageError(f"there is no mode `{mode}`", hint=f"choose from {', '.join(MODES)} and all")
    return chosen


def study(
    derivation: Derivation,
    *,
    modes: Sequence[str] = (),
    decompositions: bool = False,
    check: bool = False,
    critical: bool = False,
) -> None:
    """Adds to a derivation what was asked for besides the derivatives.

    modes           the gradient computed in these ways, side by side: `Derivation.comparison`
    decompositions  the equation with other compute graphs: `Derivation.alternatives`
    check           central differences and complex step against the gradient at the point: `Derivation.checks`

    `critical` only says that critical points will be looked for (`session.Seek`). Errors: `UsageError`
    where that makes no sense.
    """
    if critical and (derivation.kind not in ("gradient", "hessian") or derivation.order > 1):
        raise UsageError("critical points are those of one function and its gradient",
                         hint="leave out what else is asked for")  # fmt: skip
    graph, names = derivation.graph, derivation.wrt
    if (modes or decompositions or check) and derivation.kind not in ("gradient", "jacobian"):
        raise UsageError("modes, decompositions and checks are for gradients", hint="leave out what else is asked for")
    if derivation.order > 1 and (modes or decompositions or check):
        raise UsageError("modes, decompositions and checks are for first derivatives", hint="leave out --order")
    if derivation.inner and (modes or decompositions or check):
        raise UsageError("modes, decompositions and checks are by variables", hint="choose inputs of the program")
    point = derivation.point
    if modes:
        chosen = modes_of(modes)
        derivation.comparison = compare(graph, derivation.outputs, names, point, chosen)
        derivation.comparison.outputs = [name for name, _ in derivation.named_outputs]
        if chosen == ["forward"] and len(names) <= TRACED:
            derivation.tangents = [_forward(derivation, name) for name in names]
    if decompositions:
        if len(derivation.outputs) > 1:
            raise UsageError("decompositions are compared for one output", hint="name it: --of y")
        derivation.alternatives = compare_decompositions(graph, derivation.typed_root, names, point, KINDS)
    if check:
        missing = [name for name in graph.variables(derivation.outputs) if point is None or name not in point]
        if missing or point is None:
            hint = f"--at {', '.join(f'{name}=1' for name in missing) or 'x=1'}"
            raise UsageError("the gradient is checked at a point", hint=hint)
        derivation.checks = {
            of: check_gradient(graph, root, {e.by[0]: e.position for e in derivation.entries if e.of == of}, point)
            for of, root in derivation.named_outputs
        }
