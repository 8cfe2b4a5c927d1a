"""What can be asked of an equation, and the reverse passes that answer it.

Everything is the one pass of `reverse`, applied to the output, to an adjoint, or to a sum of adjoints:

    gradient            one pass
    N-th derivative     N passes for each variable, each over the result of the one before
    Jacobian            one pass for each output
    Hessian             one pass, then one over each entry of the gradient
    along a direction d a pass and the sum of ∂f/∂x·d_x (the directional derivative)
    Hessian times d     two passes: the gradient of the directional derivative (Pearlmutter 1994)
    total by t          a pass and the sum of ∂f/∂x·dx/dt
    of a relation       one pass over F = left − right, and −F_x/F_y (implicit function theorem)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .errors import BackpropError, LimitError, UsageError, visible
from .expr import Graph, Node
from .parser import MAX_NODES, Equation, check_variables, parse_equation
from .reverse import Pass, backpropagate
from .tidy import Tidy

DIFFERENCES = ("d", "Δ", "δ", "∆")  # what stands in front of a variable in the name of a component: dx
ALONG = ""  # in the names of `by`: along the direction
GROWN = 500_000  # nodes beyond those in proportion to the equation that derivatives may have
TRACED = 24  # with more passes than this, only results are kept

Path = tuple[str, ...]


class Asked(NamedTuple):
    """What is asked: by which variables, and which derivatives.

    names     the variables, or the names of inner nodes of a program
    order     the pure N-th derivative by each
    mixed     a mixed partial by these, in order
    along     the direction of a directional derivative: variable -> component, as text
    total     the variable that the others depend on
    jacobian  the gradient of every output
    hessian   all second derivatives; with `along`, their product with the direction
    """

    names: Sequence[str] = ()
    order: int = 1
    mixed: Sequence[str] = ()
    along: Mapping[str, str] | None = None
    total: str | None = None
    jacobian: bool = False
    hessian: bool = False

    @property
    def kind(self) -> str:
        """gradient, jacobian, hessian, product, mixed, along or total; `UsageError` if two are asked for at once."""
        chosen = [
            name for name, value in (("jacobian", self.jacobian), ("hessian", self.hessian), ("mixed", self.mixed),
                                     ("along", self.along), ("total", self.total)) if value
        ]  # fmt: skip
        if chosen == ["hessian", "along"]:
            return "product"
        if len(chosen) > 1:
            raise UsageError(f"`{chosen[0]}` and `{chosen[1]}` do not go together", hint="ask for one of them")
        if chosen and self.order > 1 and chosen != ["along"] and chosen != ["total"]:
            raise UsageError(f"`{chosen[0]}` and `order` do not go together", hint="ask for one of them")
        return chosen[0] if chosen else "gradient"


class Entry(NamedTuple):
    """One derivative of the answer.

    path      where it stands: (x,) in a gradient, (output, x) in a Jacobian, (x, y) in a Hessian, () alone
    position  its node
    of, by    the output, and the variables that it is differentiated by
    part      the pass whose adjoint it is, or -1; `name` is the variable then
    """

    path: Path
    position: int
    of: str
    by: Path
    part: int = -1
    name: str = ""


class Answer:
    """The passes and what came of them; `gradient` belongs to the first output, if it was on the way."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.passes: list[Pass] = []
        self.entries: list[Entry] = []
        self.gradient: dict[str, int] = {}
        self.components: dict[str, int] = {}  # of the direction, or dx/dt
        self.rates: dict[str, str] = {}  # dx_dt -> dx/dt
        self.slopes: dict[str, int] = {}  # of a relation of higher order: the first derivatives
        self.dependent = ""  # of a relation: the variable that depends on the others
        self.difference = -1  # and left − right
        self.outputs: list[tuple[str, int]] = []  # by the names that the entries use


class Runner:
    """Runs passes over one graph."""

    def __init__(
        self,
        equation: Equation,
        asked: Asked,
        name: str,
        *,
        inner: Mapping[str, int],
        max_nodes: int,
        trace: bool,
        dependent: str = "",
    ) -> None:
        self.equation, self.asked, self.inner, self.trace = equation, asked, inner, trace
        self.graph: Graph = equation.graph
        self.tidy = Tidy(self.graph)
        # Of a large equation the first derivative has about five times its nodes; a small one is not to grow so far.
        self.limit = min(20 * max_nodes, 20 * len(self.graph.nodes) + GROWN)
        self.outputs = [(given or name, root) for given, root in equation.outputs] or [(name, equation.root)]
        self.answer = Answer("implicit" if equation.right is not None else asked.kind)
        self.answer.dependent = dependent
        self.answer.outputs = self.outputs

    def run(self) -> Answer:
        """The answer to what was asked."""
        answer = self.answer
        if answer.kind == "implicit":
            self._implicit()
            return answer
        of, root = self.outputs[0]
        names = list(self.asked.names)
        if answer.kind == "gradient" and self.asked.order == 1:
            one = self._pass(root, names, of)
            answer.gradient = one.gradient
            answer.entries = [Entry((x,), i, of, (x,), 0, x) for x, i in one.gradient.items()]
        elif answer.kind == "gradient":
            self._pure(root, names, of)
        elif answer.kind == "jacobian":
            for k, (output, node) in enumerate(self.outputs):
                one = self._pass(node, names, output)
                answer.entries += [Entry((output, x), i, output, (x,), k, x) for x, i in one.gradient.items()]
        elif answer.kind == "hessian":
            self._hessian(root, names, of)
        elif answer.kind == "mixed":
            self._mixed(root, list(self.asked.mixed), of)
        elif answer.kind == "total":
            self._total(root, names, of)
        else:
            self._along(root, names, of)
        return answer

    def _pass(self, root: int, names: Iterable[str], of: str, by: Path = (), keep: bool = True) -> Pass:
        one = backpropagate(self.graph, root, names, keep_edges=self.trace and keep, inner=self.inner, of=of, by=by)
        if len(self.graph.nodes) > self.limit:
            raise LimitError(f"the derivative has more than {self.limit} nodes", hint="ask for less at a time")
        if keep:
            self.answer.passes.append(one)
        return one

    def _pure(self, root: int, names: list[str], of: str) -> None:
        """The N-th derivative by each variable; the trace is that of the last pass."""
        order = self.asked.order
        for k, name in enumerate(names):
            node = root
            for n in range(order):
                last = n == order - 1
                node = self._pass(node, [name], of, (name,) * n, keep=last).gradient[name]
            self.answer.entries.append(Entry((name,), node, of, (name,) * order, k, name))
            self.answer.gradient[name] = node

    def _mixed(self, root: int, by: list[str], of: str) -> None:
        node = root
        for n, name in enumerate(by):
            node = self._pass(node, [name], of, tuple(by[:n])).gradient[name]
        self.answer.entries.append(Entry((), node, of, tuple(by), len(by) - 1, by[-1]))

    def _hessian(self, root: int, names: list[str], of: str) -> None:
        """The Hessian, one half of it: it is symmetric. What a row does not depend on costs nothing."""
        answer, graph = self.answer, self.graph
        first = self._pass(root, names, of)
        answer.gradient = first.gradient
        place = {name: k for k, name in enumerate(names)}
        many = len(names) > TRACED
        found: dict[Path, Entry] = {}
        for k, x in enumerate(names):
            slope = first.gradient[x]
            before = [y for y in self._reaching(slope) if y in place and place[y] <= k]
            before.sort(key=place.__getitem__)
            if not before:
                continue
            one = self._pass(slope, before, of, (x,), keep=not many)
            part = len(answer.passes) - 1 if not many else -1
            if many:
                one.edges.clear()
                answer.passes.append(one)
            for y, node in one.gradient.items():
                if graph.nodes[node][:2] != ("num", 0):
                    found[x, y] = Entry((x, y), node, of, (x, y), part, y)
                    found[y, x] = found[x, y]._replace(path=(y, x), by=(y, x))
        answer.entries = sorted(found.values(), key=lambda entry: (place[entry.path[0]], place[entry.path[1]]))

    def _implicit(self) -> None:
        """dy/dx = −F_x/F_y, and from it the higher ones: d/dx of g(x, y) is g_x + g_y·dy/dx."""
        answer, tidy, asked = self.answer, self.tidy, self.asked
        if asked.kind != "gradient":
            raise UsageError(f"`{asked.kind}` is for formulas, not for relations between variables",
                             hint="solve it for one of them, or ask for --order 2")  # fmt: skip
        assert self.equation.right is not None
        y, names = answer.dependent, list(asked.names)
        (name, _), *_ = self.outputs
        answer.difference = tidy.sub(self.equation.root, self.equation.right)
        first = self._pass(answer.difference, [*names, y], name)
        if first.gradient[y] == tidy.zero:
            raise UsageError(f"{visible(y)} cancels: the relation does not determine it", hint="--of names another")
        for x in names:
            slope = node = tidy.neg(tidy.div(first.gradient[x], first.gradient[y]))
            for n in range(1, asked.order):
                one = self._pass(node, [x, y], y, (x,) * n)
                node = tidy.sum([one.gradient[x], tidy.mul(one.gradient[y], slope)])
            answer.gradient[x] = node
            answer.slopes[x] = slope
            answer.entries.append(Entry((x,), node, y, (x,) * asked.order))

    def _reaching(self, root: int) -> list[str]:
        """What a node depends on: variables, and inner nodes that have a name."""
        if not self.inner:
            return self.graph.variables([root])
        needed = set(self.graph.reachable([root]))
        return [*self.graph.variables([root]), *(name for name, i in self.inner.items() if i in needed)]

    def _along(self, root: int, names: list[str], of: str) -> None:
        """The derivative along a direction, N times; or the product of the Hessian with it."""
        answer, asked = self.answer, self.asked
        answer.components = self._direction(asked.along or {})
        moving = list(answer.components)
        node = root
        by: Path = ()
        wanted = moving if answer.kind == "along" else list(dict.fromkeys([*names, *moving]))
        for _ in range(asked.order):
            one = self._pass(node, wanted, of, by)
            answer.gradient = answer.gradient or one.gradient
            node = self._dot(one.gradient, answer.components)
            by, wanted = (*by, ALONG), moving
        if answer.kind == "along":
            answer.entries = [Entry((), node, of, by)]
            return
        part = len(answer.passes)
        last = self._pass(node, names, of, by)
        answer.entries = [Entry((x,), i, of, (*by, x), part, x) for x, i in last.gradient.items()]

    def _dot(self, gradient: Mapping[str, int], direction: Mapping[str, int]) -> int:
        return self.tidy.sum([self.tidy.mul(gradient[name], d) for name, d in direction.items()])

    def _direction(self, along: Mapping[str, str]) -> dict[str, int]:
        """The components of a direction, `dx=1` or `x=1`, as nodes."""
        occurring = {*self.graph.variables([root for _, root in self.outputs]), *self.asked.names, *self.inner}
        components: dict[str, int] = {}
        for given, text in along.items():
            name = given[1:] if given[:1] in DIFFERENCES and given[1:] in occurring else given
            if name not in occurring:
                raise UsageError(
                    f"`{visible(given)}` is no component of a direction", hint="write for example dx=1,dy=2"
                )
            if name in components:
                raise UsageError(f"the direction has two components for {visible(name)}", hint="give it one")
            try:
                component = parse_equation(str(text), wrt=occurring, graph=self.graph)
            except BackpropError as error:
                raise UsageError(f"`{visible(str(text))}` is no component of a direction: {error.message}",
                                 hint="a number or an expression") from None  # fmt: skip
            if component.right is not None or component.output is not None or component.wrt is not None:
                raise UsageError(f"`{visible(str(text))}` is no component of a direction",
                                 hint="a number or an expression")  # fmt: skip
            components[name] = component.root
        return components

    def _total(self, root: int, names: list[str], of: str) -> None:
        """d/dt where the variables in `names` depend on t: dx/dt is the variable dx_dt, and its rate d2x_dt2."""
        answer, t = self.answer, self.asked.total or ""
        order = self.asked.order
        rates: dict[str, list[str]] = {}
        for name in (name for name in names if name != t):
            row = rates[name] = [name]
            for _ in range(order):
                row.append(next_rate(row[-1], t))
        node = root
        for n in range(order):
            speeds = {row[m]: self.graph.variable(row[m + 1]) for row in rates.values() for m in range(n + 1)}
            speeds[t] = self.tidy.one
            occurring = [name for name in speeds if name in self.graph.variables([node])]
            one = self._pass(node, occurring or [t], of, (t,) * n)
            answer.gradient = answer.gradient or one.gradient
            answer.components = answer.components or {name: speeds[name] for name in one.gradient}
            node = self._dot(one.gradient, {name: speeds[name] for name in one.gradient})
        used = self.graph.variables([node])
        for rate in dict.fromkeys(rate for row in rates.values() for rate in row[1:]):
            match = re.fullmatch(rf"d(\d*)(.+)_d{re.escape(t)}\d*", rate)
            if rate in used and match is not None:
                power = match[1]
                answer.rates[rate] = f"d^{power}{match[2]}/d{t}^{power}" if power else f"d{match[2]}/d{t}"
        answer.entries = [Entry((), node, of, (t,) * order)]


def dependent_variable(names: Sequence[str], wrt: Sequence[str], of: str | None = None) -> str:
    """The variable that a relation defines: the one asked for, y if it occurs, else the only one left.

    >>> dependent_variable(["x", "z"], ["x"])
    'z'
    """
    if of is not None:
        if of not in names:
            raise UsageError(f"{visible(of)} does not occur in the relation", hint="--of names another")
        return of
    if "y" in names and "y" not in wrt:
        return "y"
    others = [name for name in names if name not in wrt]
    if len(others) != 1:
        raise UsageError("it is not clear which variable depends on the others", hint="name it: --of y")
    return others[0]


def next_rate(name: str, t: str) -> str:
    """The name of the derivative by t of a variable that may be one already.

    >>> next_rate("x", "t"), next_rate("dx_dt", "t"), next_rate("d2x_dt2", "t")
    ('dx_dt', 'd2x_dt2', 'd3x_dt3')
    """
    match = re.fullmatch(rf"d(\d*)(.+)_d{re.escape(t)}(\d*)", name)
    if match is None or match[1] != match[3]:
        return _rate(name, t, 1)
    return _rate(match[2], t, int(match[1] or 1) + 1)


def _rate(name: str, t: str, n: int) -> str:
    """The name of the n-th derivative of a variable by t: dx_dt, d2x_dt2."""
    return f"d{name}_d{t}" if n == 1 else f"d{n}{name}_d{t}{n}"


def hessian(node: Node, wrt: Iterable[str] | None = None) -> dict[str, dict[str, Node]]:
    """The second derivatives of an expression: row -> column -> derivative; what is missing is 0.

    `wrt` defaults to all variables. One reverse pass, then one over each entry of the gradient, for
    half of the matrix: of a sum of many small terms it costs in proportion to its non-zero entries.
    Errors: as `gradient`.

    >>> from backprop import parse
    >>> table = hessian(parse("x^2*y + z"))
    >>> {x: {y: str(d) for y, d in row.items()} for x, row in table.items()}
    {'x': {'x': '2*y', 'y': '2*x'}, 'y': {'x': '2*x'}, 'z': {}}
    """
    names = node.variables if wrt is None else check_variables(wrt)
    equation = Equation("", node.graph, [])
    equation.root = node.position
    asked = Asked(names, hessian=True)
    answer = Runner(equation, asked, "f", inner={}, max_nodes=MAX_NODES, trace=False).run()
    table: dict[str, dict[str, Node]] = {name: {} for name in names}
    for entry in answer.entries:
        table[entry.path[0]][entry.path[1]] = Node(node.graph, entry.position)
    return table


def jacobian(nodes: Sequence[Node], wrt: Iterable[str] | None = None) -> list[dict[str, Node]]:
    """The gradients of several expressions of one graph, one reverse pass for each.

    `wrt` defaults to all their variables.

    >>> from backprop.program import parse_program
    >>> equation = parse_program("r = x^2; u = r*y; v = r + y", several=True)
    >>> rows = jacobian([Node(equation.graph, position) for _, position in equation.outputs])
    >>> [{name: str(d) for name, d in row.items()} for row in rows]
    [{'x': '2*(y*x)', 'y': 'x**2'}, {'x': '2*x', 'y': '1'}]
    """
    if any(node.graph is not nodes[0].graph for node in nodes):
        raise UsageError("the expressions are of different graphs", hint="write them as one program")
    if wrt is None:
        wrt = nodes[0].graph.variables(node.position for node in nodes) if nodes else []
    names = check_variables(wrt)
    rows = []
    for node in nodes:
        found = backpropagate(node.graph, node.position, names).gradient
        rows.append({name: Node(node.graph, position) for name, position in found.items()})
    return rows
