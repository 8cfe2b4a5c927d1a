"""Different ways to one gradient, side by side: reverse, forward, sum over paths, and two numeric ones.

Reverse and forward mode are the chain rule, added up from the output or from the variables; the sum
over paths is the chain rule written out with nothing shared, which is what both avoid; difference
quotients and the complex step only evaluate the function. Every mode starts from the function alone,
so what it costs does not depend on the others. Values are computed in double precision, as a program
would, and compared with the exact derivative. numpy and python-flint are imported when they are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log10
from typing import Any, NamedTuple

from .choices import MODES
from .errors import BackpropError, UsageError, visible
from .evaluate import Value, value_text
from .expr import LEAVES, Graph, fresh_prefix, to_text
from .forward import tangents
from .numeric import (
    STEPS,
    Accuracy,
    accuracy,
    as_doubles,
    complex_steps,
    exact_derivatives,
    in_columns,
    number_text,
    quotients,
    real_part,
    written,
)
from .parser import check_variables
from .reverse import Edge, backpropagate
from .tidy import Tidy

COUNTED = {
    "reverse": "different operations that the derivatives need beyond those of the function; one pass for each output",
    "forward": "different operations that the derivatives need beyond those of the function, what several passes share"
    " counted once; one pass for each variable",
    "paths": "operations of the partials, once each; then for every path by itself one multiplication less than it has"
    " factors other than 1, and for every variable one addition less than it has paths",
    "finite-difference": "evaluations of the function (two for each variable, with one step) times its operations",
    "complex-step": "evaluations of the function (one for each variable) times its operations, which are complex",
}

PATH_LIMIT = 1000
_WORK = 500_000_000  # operations on doubles that a numeric mode may cost
_VISITS = 500_000  # nodes that all forward passes together may visit


class Path(NamedTuple):
    """One way from a variable to an output: the nodes on it, variable first, and the product of its partials."""

    output: int
    variable: str
    nodes: tuple[int, ...]
    partials: tuple[int, ...]
    product: int


class Step(NamedTuple):
    """Difference quotients with one step size; None where there is no value."""

    h: str
    forward: float | None
    error: Accuracy | None
    central: float | None
    error_central: Accuracy | None


@dataclass
class Result:
    """What one mode gave. Lists have one entry for each output; see `COUNTED` for `operations`.

    gradient     variable -> node of the derivative; empty for the numeric modes
    values       variable -> the value at the point in double precision, None where there is none
    path_count   the number of paths; `paths` is empty if there are too many
    steps        difference quotients by `steps_by` for some step sizes
    notes        what there is to know, among it why something is missing
    """

    mode: str
    passes: int | None = None
    evaluations: int | None = None
    operations: int | None = None
    gradient: list[dict[str, int]] = field(default_factory=list)
    values: list[dict[str, float | None]] = field(default_factory=list)
    accuracy: list[dict[str, Accuracy | None]] = field(default_factory=list)
    path_count: int | None = None
    paths: list[Path] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    steps_by: str = ""
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Adds a sentence once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


@dataclass
class Comparison:
    """The modes side by side.

    exact        for each output, variable -> the derivative at the point (see `evaluate`); None where it does not exist
    operations   the number of different operations of the function
    verdict      which mode costs least here, and why
    notes        what concerns all modes, as a point where the function has no derivative
    """

    graph: Graph
    roots: list[int]
    wrt: list[str]
    point: Mapping[str, Value] | None
    results: list[Result] = field(default_factory=list)
    exact: list[dict[str, Value]] = field(default_factory=list)
    operations: int = 0
    verdict: str = ""
    notes: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)  # their names, if they have some

    def result(self, mode: str) -> Result:
        """The result of a mode by its name."""
        return next(result for result in self.results if result.mode == mode)

    def exact_text(self, output: int, name: str, digits: int = 15) -> str | None:
        """The exact derivative as text."""
        return value_text(self.exact[output].get(name), digits) if self.exact else None

    def as_dict(self, names: Mapping[int, str] | None = None) -> dict[str, Any]:
        """`modes`, one object for each mode, and `modes_summary`, ready for JSON.

        `names` are the names of nodes on paths. With several outputs, what is {variable: …} for one is a list, or
        an object if the outputs have names.
        """
        named = dict(names) if names is not None else node_names(self.graph, self.roots)
        exact = [{name: self.exact_text(j, name) for name in self.wrt} for j in range(len(self.exact))]
        return {
            "modes": [self._result_dict(result, named) for result in self.results],
            "modes_summary": {
                "operations": self.operations, "exact": self._for_output(exact), "verdict": self.verdict,
                "notes": list(self.notes),
            },
        }  # fmt: skip

    def _for_output(self, parts: list[Any]) -> Any:
        if len(self.roots) == 1:
            return parts[0] if parts else {}
        return dict(zip(self.outputs, parts)) if self.outputs else parts

    def _result_dict(self, result: Result, names: Mapping[int, str]) -> dict[str, Any]:
        def text(position: int) -> str | None:
            return written(self.graph, position)

        each = self._for_output
        out: dict[str, Any] = {
            "mode": result.mode,
            "passes": result.passes,
            "operations": _json_count(result.operations),
            "counted": COUNTED[result.mode],
            "evaluations": result.evaluations,
            "gradient": each([{name: text(i) for name, i in part.items()} for part in result.gradient]),
            "gradient_value": each([{name: number_text(v) for name, v in part.items()} for part in result.values]),
            "error": each([{n: a.error if a else None for n, a in part.items()} for part in result.accuracy]),
            "digits": each([{n: a.digits if a else None for n, a in part.items()} for part in result.accuracy]),
        }
        if result.path_count is not None:
            listed = [
                {"output": self.roots.index(p.output), "variable": p.variable,
                 "nodes": [names.get(i) or f"#{i}" for i in p.nodes],
                 "partials": [text(i) for i in p.partials], "product": text(p.product)}
                for p in result.paths
            ]  # fmt: skip
            out["paths"] = {"count": count_text(result.path_count), "list": listed}
        if result.steps:
            out["by"] = result.steps_by
            out["steps"] = [
                {"h": s.h, "forward": number_text(s.forward), "error": s.error.error if s.error else None,
                 "central": number_text(s.central), "error_central": s.error_central.error if s.error_central else None}
                for s in result.steps
            ]  # fmt: skip
        out["note"] = "; ".join(result.notes)
        return out


# -- text --------------------------------------------------------------------------------------------


def count_text(count: int) -> str:
    """A number of paths or operations: exact up to 100 digits, else its size.

    >>> count_text(2**100), count_text(2**10000)
    ('1267650600228229401496703205376', 'about 10^3010')
    """
    if count.bit_length() <= 332:
        return str(count)
    return f"about 10^{int((count.bit_length() - 1) * log10(2))}"


def _json_count(count: int | None) -> int | str | None:
    """A count as a number as long as every reader of JSON takes it as it is."""
    return count if count is None or count < 2**53 else count_text(count)


def node_names(graph: Graph, roots: Sequence[int]) -> dict[int, str]:
    """Names for the nodes of some expressions: variables and constants by their own, v1, v2 … for the others."""
    prefix = fresh_prefix(graph.variables(roots))
    names: dict[int, str] = {}
    count = 0
    for position in graph.reachable(roots):
        if graph.nodes[position][0] in LEAVES:
            names[position] = to_text(graph, position)
        else:
            count += 1
            names[position] = f"{prefix}{count}"
    return names


# -- the comparison ------------------------------------------------------------------------------------


def compare(
    graph: Graph,
    roots: int | Sequence[int],
    wrt: Iterable[str],
    point: Mapping[str, Value] | None = None,
    modes: Iterable[str] = MODES,
    *,
    path_limit: int = PATH_LIMIT,
) -> Comparison:
    """The derivatives of one or several outputs by the variables in `wrt`, computed in different ways.

    Without a point the numeric modes have nothing to do and say so. A mode that cannot answer says why
    in its notes; the others go on. Errors: `UsageError` for a mode that does not exist.

    >>> from backprop import parse
    >>> node = parse("x*y + sin(x)")
    >>> found = compare(node.graph, node.position, ["x", "y"], modes=["reverse", "forward", "paths"])
    >>> [(r.mode, r.passes, r.operations) for r in found.results]
    [('reverse', 1, 2), ('forward', 2, 2), ('paths', None, 2)]
    >>> found.result("paths").path_count
    3
    """
    roots = [roots] if isinstance(roots, int) else list(roots)
    modes, names = list(modes), check_variables(wrt)
    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"there is no mode `{visible(mode)}`", hint=f"choose from {', '.join(MODES)}")
    found = Comparison(graph, roots, names, point)
    found.operations = _count(graph, graph.reachable(roots))
    missing = [name for name in graph.variables(roots) if point is not None and name not in point]
    if missing:
        found.notes.append(f"no value for {', '.join(map(visible, missing))}: no values of derivatives")
    valued = point is not None and not missing
    if valued and point is not None:
        _set_exact(found, point)
    for mode in modes:
        result = Result(mode)
        found.results.append(result)
        try:
            if mode == "reverse":
                _reverse(found, result)
            elif mode == "forward":
                _forward(found, result)
            elif mode == "paths":
                _paths(found, result, path_limit)
            elif not valued or point is None:
                result.note("it evaluates the function: it needs a value for every variable")
            elif mode == "finite-difference":
                _finite_difference(found, result, point)
            else:
                _complex_step(found, result, point)
            if result.gradient and valued and point is not None:
                _values_in_double(found, result, point)
        except BackpropError as error:
            result.note(error.message)
        _judge(found, result)
    found.verdict = _verdict(found)
    return found


def _count(graph: Graph, positions: Iterable[int]) -> int:
    return sum(graph.nodes[i][0] not in LEAVES for i in positions)


def operations_beyond(graph: Graph, roots: Sequence[int], derived: Sequence[int]) -> int:
    """The number of different operations that the derivatives need and the function has not."""
    return _count(graph, set(graph.reachable(derived)).difference(graph.reachable(roots)))


def _apart(found: Comparison) -> tuple[Graph, list[int]]:
    """The function alone, in a graph of its own: what one mode has built must not come cheap to the next."""
    own = Graph()
    return own, own.copy_from(found.graph, found.roots)


def _keep(found: Comparison, result: Result, own: Graph, gradients: list[dict[str, int]]) -> None:
    """Takes the derivatives back into the graph of the function."""
    flat = [i for part in gradients for i in part.values()]
    image = dict(zip(flat, found.graph.copy_from(own, flat)))
    result.gradient = [{name: image[i] for name, i in part.items()} for part in gradients]


def _reverse(found: Comparison, result: Result) -> None:
    own, roots = _apart(found)
    gradients = [backpropagate(own, root, found.wrt).gradient for root in roots]
    result.passes = len(roots)
    result.operations = operations_beyond(own, roots, [i for part in gradients for i in part.values()])
    _keep(found, result, own, gradients)


def _forward(found: Comparison, result: Result) -> None:
    own, roots = _apart(found)
    one, zero = own.number(1), own.number(0)
    size = len(own.reachable(roots))
    present = [name for name in found.wrt if ("var", name) in own.index]
    result.passes = len(present)
    if len(present) * size > _VISITS:
        result.note(f"not run: {len(present)} passes over {size} nodes (limit {_VISITS} nodes for all passes together)")
        return
    gradients: list[dict[str, int]] = [{} for _ in roots]
    for name in found.wrt:
        seeds = {own.variable(name): one} if name in present else {}
        pushed = tangents(own, roots, seeds)
        for part, root in zip(gradients, roots):
            part[name] = pushed.get(root, zero)
    result.operations = operations_beyond(own, roots, [i for part in gradients for i in part.values()])
    _keep(found, result, own, gradients)


# -- paths ---------------------------------------------------------------------------------------------


class _Ways:
    """How many paths lead from the output to a node: all, those without a factor other than 1; and their factors."""

    __slots__ = ("bare", "edges", "factors", "paths")

    def __init__(self, paths: int = 0) -> None:
        self.paths = self.bare = paths
        self.factors = self.edges = 0


def count_paths(edges: Iterable[Edge], root: int, one: int) -> dict[int, _Ways]:
    """The ways from the output to every leaf, by one loop over the edges of a reverse pass.

    A node has as many paths as its users together, one more time for each edge: exact integers, whatever
    their size. What a node needs no more is let go: the counts of a long chain would fill the memory.
    """
    ways = {root: _Ways(1)}
    user = root
    for edge in edges:
        if edge.user != user:  # the edges of one user stand together
            del ways[user]
            user = edge.user
        arriving, leaving = ways.setdefault(edge.target, _Ways()), ways[user]
        arriving.paths += leaving.paths
        arriving.edges += leaving.edges + leaving.paths
        arriving.factors += leaving.factors
        if edge.partial == one:
            arriving.bare += leaving.bare
        else:
            arriving.factors += leaving.paths
    return ways


def _paths(found: Comparison, result: Result, limit: int) -> None:
    own, roots = _apart(found)
    back = dict(zip(roots, found.roots))
    tidy = Tidy(own)
    passes = [backpropagate(own, root, found.wrt, keep_edges=True) for root in roots]
    count = additions = multiplications = length = 0
    for one in passes:
        ways = count_paths(one.edges, one.output, tidy.one)
        for name in found.wrt:
            way = ways.get(own.index.get(("var", name), -1))
            if way is not None:
                count += way.paths
                length += way.edges
                additions += max(0, way.paths - 1)
                multiplications += way.factors - (way.paths - way.bare)
    result.path_count = count
    partials = [edge.partial for one in passes for edge in one.edges]
    result.operations = operations_beyond(own, roots, partials) + additions + multiplications
    if count > limit or length > 100 * limit:
        many = f"{count_text(count)} {'path' if count == 1 else 'paths'}"
        edges = f" with {count_text(length)} edges (limit {100 * limit})" if count <= limit else f" (limit {limit})"
        result.note(
            f"{many}{edges}: too many to list, so they were only counted, by one pass over the edges;"
            " reverse mode adds up what arrives at a node once, whatever the number of paths"
        )
        return
    gradients = []
    listed: list[Path] = []
    for one in passes:
        own_paths = _listed(own, one.output, found.wrt, one.edges, tidy)
        terms: dict[str, list[int]] = {}
        for path in own_paths:
            terms.setdefault(path.variable, []).append(path.product)
        gradients.append({name: tidy.sum(terms[name]) if name in terms else tidy.zero for name in found.wrt})
        rank = {name: k for k, name in enumerate(found.wrt)}
        listed += sorted(own_paths, key=lambda path: rank[path.variable])
    needed = sorted({i for path in listed for i in (*path.nodes, *path.partials, path.product)})
    image = dict(zip(needed, found.graph.copy_from(own, needed)))
    for output, variable, nodes, factors, product in listed:
        moved = tuple(image[i] for i in nodes), tuple(image[i] for i in factors)
        result.paths.append(Path(back[output], variable, *moved, image[product]))
    _keep(found, result, own, gradients)


def _listed(graph: Graph, root: int, wrt: Sequence[str], edges: Sequence[Edge], tidy: Tidy) -> list[Path]:
    """All paths from the variables to the output, found from the output; dead ends are not entered."""
    wanted = {graph.index[("var", name)] for name in wrt if ("var", name) in graph.index}
    leading = set(wanted)
    below: dict[int, list[Edge]] = {}
    for edge in reversed(edges):  # operands first
        if edge.target in leading:
            leading.add(edge.user)
            below.setdefault(edge.user, []).append(edge)
    found = []
    Trail = tuple[int, int | None, Any]  # a node, the partial by which it was reached, and the trail before
    stack: list[tuple[Trail, int]] = [((root, None, None), tidy.one)]
    while stack:
        trail, product = stack.pop()
        position = trail[0]
        if position in wanted:
            nodes, partials = [], []
            step: Trail | None = trail
            while step is not None:
                nodes.append(step[0])
                if step[1] is not None:
                    partials.append(step[1])
                step = step[2]
            name = graph.nodes[position][1]
            found.append(Path(root, name, tuple(nodes), tuple(partials), product))
        stack += [((e.target, e.partial, trail), tidy.mul(product, e.partial)) for e in below.get(position, ())]
    return found


# -- the exact derivative at a point ------------------------------------------------------------------


def _set_exact(found: Comparison, point: Mapping[str, Value]) -> None:
    for root in found.roots:
        try:
            exact, notes = exact_derivatives(found.graph, root, found.wrt, point)
        except BackpropError as error:  # a function without a rule: the numeric modes still have values
            found.exact = []
            found.notes.append(f"{error.message}: errors are not known")
            return
        found.exact.append(exact)
        found.notes += [note for note in notes if note not in found.notes]


def _judge(found: Comparison, result: Result) -> None:
    """The errors of the values; no value where there is no derivative."""
    if not found.exact or not result.values:
        return
    for exact, values in zip(found.exact, result.values):
        for name in values:
            if exact[name] is None:
                values[name] = None
                for note in found.notes:
                    result.note(note)
        result.accuracy.append(
            {name: None if v is None else accuracy(v, exact[name]) for name, v in values.items()}
        )  # fmt: skip


# -- double precision ----------------------------------------------------------------------------------


def _values_in_double(found: Comparison, result: Result, point: Mapping[str, Value]) -> None:
    import numpy as np

    inputs = {name: np.array([x]) for name, x in as_doubles(point).items()}
    flat = [i for part in result.gradient for i in part.values()]
    numbers = {i: real_part(v[0]) for i, v in zip(flat, in_columns(found.graph, flat, inputs, 1))}
    result.values = [{name: numbers[i] for name, i in part.items()} for part in result.gradient]
    if any(
        v is None and (not found.exact or found.exact[j][name] is not None)
        for j, part in enumerate(result.values)
        for name, v in part.items()
    ):
        result.note("undefined: the formula has no finite value in double precision here")


def _affordable(result: Result, evaluations: int, size: int) -> bool:
    if evaluations * size <= _WORK:
        return True
    result.note(f"not run: {evaluations} evaluations of {size} nodes")
    return False


def _finite_difference(found: Comparison, result: Result, point: Mapping[str, Value]) -> None:
    graph, roots = found.graph, found.roots
    present = set(graph.variables(roots))
    varying = [name for name in found.wrt if name in present]
    result.evaluations = 2 * len(varying)
    result.operations = result.evaluations * found.operations
    size = len(graph.reachable(roots))
    if not _affordable(result, (2 * len(STEPS) + 1) * len(varying), size):
        return
    doubles = as_doubles(point)
    result.values = [dict.fromkeys(found.wrt, 0.0) for _ in roots]
    undefined = False
    for name, by_output in quotients(graph, roots, varying, doubles).items():
        for j, quotient in enumerate(by_output):
            exact = found.exact[j][name] if found.exact else None
            known = [None if v is None or exact is None else accuracy(v, exact) for v in quotient.central]
            errors = [(float(a.error), k) for k, a in enumerate(known) if a]
            settled = None if found.exact else quotient.settled()
            best = min(errors)[1] if errors else settled[0] if settled else None
            result.values[j][name] = None if best is None else quotient.central[best]
            undefined = undefined or None in quotient.central or None in quotient.forward
            if result.steps:
                continue
            result.steps_by = name
            for k, h in enumerate(quotient.steps):
                one_sided = quotient.forward[k]
                off = None if one_sided is None or exact is None else accuracy(one_sided, exact)
                result.steps.append(Step(h, one_sided, off, quotient.central[k], known[k]))
            if best is not None:
                chosen = "best" if errors else "likeliest"
                h = quotient.steps[best]
                result.note(f"central difference with the {chosen} of {len(STEPS)} steps, for {name} h = {h}")
    if any(step.error for step in result.steps):
        result.note(
            "truncation is off by about h·|f''|/2 (forward) or h^2·|f'''|/6 (central), rounding by about"
            " 1e-16·|f|/h: the best step balances the two"
        )
    if undefined:
        result.note("undefined: with some steps the function has no finite value at x ± h")


def _complex_step(found: Comparison, result: Result, point: Mapping[str, Value]) -> None:
    graph, roots = found.graph, found.roots
    present = set(graph.variables(roots))
    varying = [name for name in found.wrt if name in present]
    result.evaluations = len(varying)
    result.operations = result.evaluations * found.operations
    if not _affordable(result, len(varying), len(graph.reachable(roots))):
        return
    doubles = as_doubles(point)
    slopes_by = complex_steps(graph, roots, varying, doubles)
    result.values = [dict.fromkeys(found.wrt, 0.0) for _ in roots]
    for name, slopes in slopes_by.items():
        for j, slope in enumerate(slopes):
            result.values[j][name] = slope
    if any(v is None for part in result.values for v in part.values()):
        result.note("undefined: at x + ih the function has no finite value, or one that is far from that at x")
    result.note(
        "imaginary part of f(x + ih)/h with h = 1e-200: nothing is subtracted, so nothing is lost"
        " (Squire and Trapp 1998)"
    )


# -- which mode wins -----------------------------------------------------------------------------------


def _verdict(found: Comparison) -> str:
    """One sentence on what reverse and forward mode cost here."""
    costs = {r.mode: r for r in found.results}
    reverse, forward = costs.get("reverse"), costs.get("forward")
    if reverse is None or forward is None or reverse.passes is None or forward.passes is None:
        return ""
    n, m = forward.passes, reverse.passes
    have = f"{_plural(n, 'variable')}, {_plural(m, 'output')}: "
    if reverse.operations is None or forward.operations is None:
        return f"{have}reverse mode needs {_plural(m, 'pass')}, forward mode {n}"
    a, b = reverse.operations, forward.operations
    needs = f"reverse mode needs {_plural(m, 'pass')} and {_plural(a, 'operation')}"
    cost = f"{have}{needs}, forward mode {_plural(n, 'pass')} and {_plural(b, 'operation')}"
    if a == b:
        return f"{cost}: they cost the same here" + ("" if n == m else ", for the passes share what they compute")
    winner, fewer = ("reverse", m < n) if a < b else ("forward", n < m)
    because = {"reverse": "one pass for each output serves every variable", "forward": "one pass serves every output"}
    return f"{cost}: {winner} mode wins" + (f", for {because[winner]}" if fewer else " by what it shares")


def _plural(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}es" if word.endswith("s") else f"{n} {word}s"


# -- a check of a gradient by numbers --------------------------------------------------------------------
