"""The derivation of a gradient: the one object that every renderer and every check takes.

`derive` does all that needs no SymPy: reading, the reverse pass, values at a point. The readable
forms and the verdict of the judge come later, from a worker, through `Derivation.absorb`; a
derivation without them is complete and right, only less polished.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .decompose import Group, term_partials
from .decompose import decompose as decompose_root
from .errors import BackpropError, UsageError, visible
from .evaluate import Value, value_text
from .expr import LEAVES, PYTHON, Graph, Node, Style, decode, definitions, encode, fresh_prefix, to_text
from .linear import Approximation
from .ops import CONDITIONS, Op, lookup
from .parser import MAX_NODES, Equation, check_variables
from .passes import DIFFERENCES, TRACED, Answer, Asked, Entry, Runner, dependent_variable, next_rate
from .program import read
from .reverse import Edge, Pass
from .tidy import Tidy
from .values import set_point, set_tangent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .alternatives import Decompositions
    from .critical import CriticalPoints
    from .modes import Comparison
    from .numeric import GradientCheck
    from .study import TangentPass

# A result whose written-out form has more nodes than this is printed with named parts.
WRITTEN_OUT = 3000
# Beyond this size nothing is simplified: it takes hours where the passes take milliseconds.
MAX_SIMPLIFY = 400
# Of more variables than this, the entries of a Hessian that are 0 are not claimed one by one.
DENSE = 200
WARNINGS = 5  # that are shown of one derivation


class Verification:
    """How a result was checked: proved, sampled, unverified or failed, and by what."""

    __slots__ = ("status", "how", "points", "digits", "limit")

    def __init__(self, status: str, how: str, points: int = 0, digits: int = 0, limit: bool = False) -> None:
        self.status, self.how, self.points, self.digits, self.limit = status, how, points, digits, limit

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of the contract."""
        return {"status": self.status, "how": self.how, "points": self.points,
                "digits": self.digits, "limit": self.limit}  # fmt: skip

    def __str__(self) -> str:
        return f"{self.status}: {self.how}"

    def __repr__(self) -> str:
        return f"Verification({self.status!r}, {self.how!r})"


class Step:
    """A node of the trace: its name, formula and rule, its adjoint, and the numbers at the point."""

    __slots__ = (
        "position", "name", "op", "code", "rule", "operands", "adjoint", "value", "adjoint_value", "part", "call",
    )  # fmt: skip

    def __init__(self, position: int, name: str, op: str, code: str, rule: str, operands: list[str]) -> None:
        self.position, self.name, self.op, self.code, self.rule = position, name, op, code, rule
        self.operands = operands
        self.adjoint: int | None = None  # None: no variable asked for lies below
        self.value: Value = None
        self.adjoint_value: Value = None
        self.part = 0  # the number of its pass: there are several for a higher order
        self.call = ""  # the call of a function of the user's that it is the result of


class Link:
    """An edge of the trace: what a user sends to one of its operands in the reverse pass."""

    __slots__ = ("edge", "source", "target", "code", "rule", "partial_value", "sends_value", "part")

    def __init__(self, edge: Edge, source: str, target: str, code: str, rule: str) -> None:
        self.edge, self.source, self.target, self.code, self.rule = edge, source, target, code, rule
        self.partial_value: Value = None
        self.sends_value: Value = None
        self.part = 0


class Derivation:
    """An equation, its reverse pass, and everything known about the result.

    kind        what was asked: gradient, jacobian, hessian, product, mixed, along, total or implicit
    gradient    variable -> derivative, in readable form once the worker has answered
    jacobian    output -> variable -> derivative
    hessian     variable -> variable -> second derivative
    result      the derivative where there is one alone: mixed, along a direction, total
    nodes       the rows of the trace, operands first
    edges       what flows backwards, in the order of the pass
    verified    how the result was checked
    """

    def __init__(self, equation: Equation, wrt: list[str], order: int, digits: int) -> None:
        self.equation = equation
        self.graph: Graph = equation.graph
        self.wrt = wrt
        self.order = order
        self.digits = digits
        self.root = equation.root
        self.outputs = [root for _, root in equation.outputs] or [equation.root]
        self.inner: dict[str, int] = {}  # the variables asked for that are inner nodes of a program
        self.notes: list[str] = list(equation.notes)
        self.answer = Answer("gradient")
        self.derived: dict[str, int] = {}
        self.forms: dict[int, int] = {}  # node -> the node of its readable form
        self.on_curve: dict[int, int] = {}  # and a shorter one that a relation makes equal to it
        self.point: dict[str, Value] | None = None
        self.point_text: dict[str, str] = {}
        self.values: dict[tuple[str, ...], Value] = {}  # of the derivatives, by the path of their entries
        self.verified = Verification("unverified", "not verified")
        self.nodes: list[Step] = []
        self.edges: list[Link] = []
        self.names: dict[int, str] = {}
        self.output_values: list[Value] = []
        self.output_name = ""
        self.tangent: Approximation | None = None
        self.typed_root = equation.root  # before it was decomposed
        self.groups: tuple[Group, ...] = ()
        self.explained = False
        self.asked: dict[str, Any] = {}  # the arguments of `derive` besides the text that are not the usual ones
        # What `study` adds.
        self.comparison: Comparison | None = None
        self.tangents: list[TangentPass] = []
        self.alternatives: Decompositions | None = None
        self.checks: dict[str, dict[str, GradientCheck]] = {}
        self.critical: CriticalPoints | None = None
        self._own: dict[int, str] | None = None
        self._known: list[dict[int, str]] = []

    # -- what a user asks for ------------------------------------------------------------------

    @property
    def gradient(self) -> dict[str, Node]:
        """The derivative by each variable; of order N, the pure N-th derivative."""
        return {name: Node(self.graph, self.form(i)) for name, i in self.derived.items()}

    @property
    def kind(self) -> str:
        """What was asked."""
        return self.answer.kind

    @property
    def passes(self) -> list[Pass]:
        """The reverse passes, in the order in which they ran."""
        return self.answer.passes

    @property
    def entries(self) -> list[Entry]:
        """The derivatives that were asked for, each with its place."""
        return self.answer.entries

    @property
    def named_outputs(self) -> list[tuple[str, int]]:
        """The outputs with the names that entries use."""
        return self.answer.outputs

    @property
    def jacobian(self) -> dict[str, dict[str, Node]]:
        """The derivative of each output by each variable; empty if it was not asked for."""
        return self._table("jacobian")

    @property
    def hessian(self) -> dict[str, dict[str, Node]]:
        """The second derivatives; empty if they were not asked for."""
        return self._table("hessian")

    @property
    def result(self) -> Node | None:
        """The one derivative that was asked for: mixed, along a direction or total."""
        alone = [entry for entry in self.entries if not entry.path]
        return Node(self.graph, self.form(alone[0].position)) if alone else None

    @property
    def gradient_value(self) -> dict[str, Value]:
        """The derivative by each variable at the point."""
        return {path[0]: value for path, value in self.values.items() if len(path) == 1}

    def _table(self, kind: str) -> dict[str, dict[str, Node]]:
        if self.kind != kind:
            return {}
        zero = Node(self.graph, self.graph.number(0))
        rows = [name for name, _ in self.named_outputs] if kind == "jacobian" else self.wrt
        table = {row: dict.fromkeys(self.wrt, zero) for row in rows}
        for entry in self.entries:
            table[entry.path[0]][entry.path[1]] = Node(self.graph, self.form(entry.position))
        return table

    @property
    def output(self) -> str | None:
        """The name on the left side of the equation; of a relation, the variable that depends on the others."""
        return self.answer.dependent or self.equation.output

    @property
    def value(self) -> Value:
        """The value of the output at the point; of a relation, of the variable that depends on the others."""
        if self.kind == "implicit":
            return (self.point or {}).get(self.answer.dependent)
        return self.output_values[0] if len(self.output_values) == 1 else None

    def form(self, position: int) -> int:
        """The readable form of a node, or the node itself; of a relation, what is equal on its curve."""
        return self.on_curve.get(position, self.forms.get(position, position))

    def number(self, value: Value) -> str | None:
        """A value as text."""
        return value_text(value, self.digits)

    def __str__(self) -> str:
        from .render.plain import render

        return render(self)

    def __repr__(self) -> str:
        shown = self.gradient or {" ".join(e.path): Node(self.graph, self.form(e.position)) for e in self.entries}
        inside = ", ".join(f"{name}: {node!r}" for name, node in shown.items())
        outputs = ", ".join(repr(Node(self.graph, root)) for root in self.outputs)
        return f"<Derivation of {outputs}: {{{inside}}}>"

    # -- in Jupyter ------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        """The equation, its graph and its derivatives; all steps behind a summary."""
        from .render.notebook import excerpt

        return excerpt(self)

    def _repr_latex_(self) -> str:
        """The derivatives as formulas."""
        from .render.notebook import results

        return results(self)

    def _repr_svg_(self) -> str | None:
        """The compute graph; none where the steps were not kept."""
        from .render.svg import render

        return render(self) if self.nodes else None

    # -- names ---------------------------------------------------------------------------------

    def text(self, position: int, style: Style = PYTHON, names: Mapping[int, str] | None = None) -> str:
        """A node written in the trace's names of the nodes below it."""
        names = self.names if names is None else names
        return names.get(position) or to_text(self.graph, position, style, names)

    def all_names(self) -> dict[int, str]:
        """The names of the trace, and variables and constants by their own."""
        leaves = [i for i in self.graph.reachable(self.outputs) if self.graph.nodes[i][0] in LEAVES]
        return {i: to_text(self.graph, i) for i in leaves} | self.names

    def names_in(self, part: int) -> Mapping[int, str]:
        """The names that the trace has explained when a pass is shown."""
        if len(self.passes) == 1:
            return self.names
        while len(self._known) <= part:
            own = {i: self.names[i] for i in self.graph.reachable([self.passes[len(self._known)].output])
                   if i in self.names}  # fmt: skip
            self._known.append((self._known[-1] if self._known else {}) | own)
        return self._known[part]

    def definitions(self, roots: Iterable[int]) -> dict[int, str]:
        """Names for parts of expressions: the program's own, and more if they would be huge written out."""
        roots = list(roots)
        own = self.given_names()
        named = definitions(self.graph, roots, WRITTEN_OUT, named=own)
        if named:
            taken = [*self.graph.variables(self.outputs), *self.names.values(), *own.values(), self.output_name]
            prefix = fresh_prefix(taken, "tsuwhkmnpqr")
            own |= {position: f"{prefix}{i + 1}" for i, position in enumerate(named)}
        if not own:
            return {}
        needed = set(self.graph.reachable(roots))
        return {position: own[position] for position in sorted(own) if position in needed}

    def given_names(self) -> dict[int, str]:
        """The nodes that the program gives a name, but for a single output: it is what the rest is about."""
        if self._own is None:
            single = self.outputs[0] if len(self.outputs) == 1 else -1
            self._own = {}
            for d in self.equation.definitions:
                if d.position != single and not d.parameters and self.graph.nodes[d.position][0] not in LEAVES:
                    self._own.setdefault(d.position, d.name)
        return dict(self._own)

    # -- JSON ----------------------------------------------------------------------------------

    def as_dict(self, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object of `backprop diff --format json`."""
        from .render.json import derivation_object

        return derivation_object(self, source)

    def to_json(self, source: Mapping[str, Any] | None = None) -> str:
        """`as_dict` on one line."""
        return json.dumps(self.as_dict(source), ensure_ascii=False)

    # -- the worker ----------------------------------------------------------------------------

    def task(self, *, simplify: bool, verify: bool, adjoints: bool = True) -> dict[str, Any] | None:
        """What a worker is asked to do; None if nothing is left to be done."""
        claims, identities = self._claims(), self._identities()
        results = [*self.derived.values(), *self.answer.slopes.values(), *(entry.position for entry in self.entries)]
        results = list(dict.fromkeys(results))
        roots = list(dict.fromkeys(i for claim in claims for i in (claim[0], *claim[2])))
        roots = list(dict.fromkeys([*roots, *(i for pair in identities for i in pair)]))
        cuts = self.given_names()
        small = len(self.graph.reachable([*self.outputs, *roots, *results])) <= MAX_SIMPLIFY
        wanted: list[int] = []
        if simplify and small and self.graph.written_size(results, frozenset(cuts)) <= 20 * MAX_SIMPLIFY:
            wanted = results
            if adjoints and len(self.nodes) <= 60:
                wanted = list(dict.fromkeys([*results, *(s.adjoint for s in self.nodes if s.adjoint is not None)]))
        if not wanted and not verify:
            return None
        # What the program named stays a name in what is simplified: there, names are variables.
        names = {i: self.graph.variable(name) for i, name in cuts.items()} if wanted else {}
        shown = [self._cut(i, names) for i in wanted]
        typed = self._cut(self.root, names, whole=True)
        # A higher derivative of a relation may be shorter where the relation holds.
        curve = self.kind == "implicit" and self.order > 1 and bool(wanted) and not cuts
        extra = [self.answer.difference] if curve else []
        data = encode(self.graph, [*roots, typed, *shown, *extra])
        place = dict(zip([*roots, typed, *shown, *extra], data.pop("roots")))
        return {
            "relation": place[self.answer.difference] if curve else None,
            "shorten": [place[entry.position] for entry in self.entries] if curve else [],
            "kind": "differentiate", "nodes": data["nodes"], "root": place[typed],
            "wrt": self.wrt, "identities": [[place[a], place[b]] for a, b in identities],
            "claims": [
                [place[root], list(by), [place[i] for i in found], order, self.kind == "hessian"]
                for root, by, found, order in claims
            ],
            "simplify": [place[i] for i in shown], "positions": wanted, "verify": verify,
        }  # fmt: skip

    def _cut(self, root: int, names: Mapping[int, int], whole: bool = False) -> int:
        """A node with the program's names as variables, itself written out if it has one and `whole` says so."""
        if not names:
            return root
        own = {i: name for i, name in names.items() if i != root} if whole else names
        return self.graph.substitute(root, own)

    def _claims(self) -> list[tuple[int, list[str], list[int], int]]:
        """What is to be checked: a function, variables, the derivative of that order by each."""
        claims: list[tuple[int, list[str], list[int], int]] = []
        shown: dict[int, dict[str, int]] = {}  # what is printed of each pass
        for entry in self.entries:
            if entry.part >= 0:
                shown.setdefault(entry.part, {})[entry.name] = entry.position
        if self.kind == "gradient" and self.order > 1:
            return [(self.root, [entry.name], [entry.position], self.order) for entry in self.entries]
        second: dict[str, dict[str, int]] = {}
        for entry in self.entries if self.kind == "hessian" else ():
            second.setdefault(entry.path[0], {})[entry.path[1]] = entry.position
        for part, one in enumerate(self.passes):
            if one.by and self.kind == "hessian":  # with what follows by symmetry
                row = second.get(one.by[0], {})
                if len(self.wrt) <= DENSE:  # the entries that are 0 are claimed as well
                    zero = self.graph.number(0)
                    row = {name: row.get(name, zero) for name in self.wrt}
                claims.append((one.output, list(row), list(row.values()), 1))
                continue
            results = one.gradient | shown.get(part, {})
            by = {name: i for name, i in results.items() if name not in self.inner}
            if by or not results:
                claims.append((one.output, list(by), list(by.values()), 1))
            for name in results.keys() - by.keys():  # by an inner node: it is a variable of what stands above
                cut = {self.inner[name]: self.graph.variable(name)}
                above = [self.graph.substitute(i, cut) for i in (one.output, results[name])]
                claims.append((above[0], [name], [above[1]], 1))
        claims += [(body, [name], [slope], 1) for body, name, slope in self.equation.slopes]
        return claims

    def _identities(self) -> list[tuple[int, int]]:
        """What is made of the passes' results, each with what it must be equal to, put together anew.

        Along a direction: the sum of the derivatives times the components. Of a relation: dy/dx times F_y
        is −F_x, and a higher derivative is g_x + g_y·dy/dx.
        """
        graph, answer = self.graph, self.answer

        def total(pairs: Iterable[tuple[int, int]]) -> int:
            found = -1
            for a, b in pairs:
                term = graph.node("mul", a, b)
                found = term if found < 0 else graph.node("add", found, term)
            return found if found >= 0 else graph.number(0)

        if self.kind in ("along", "total", "product"):
            results = [one.output for one in self.passes[1:]]
            results += [] if self.kind == "product" else [self.entries[0].position]
            pairs = []
            for one, result in zip(self.passes, results):
                components = answer.components if self.kind != "total" else self._rates(one)
                pairs.append((result, total((one.gradient[name], d) for name, d in components.items())))
            return pairs
        if self.kind != "implicit":
            return []
        first, pairs, rest = self.passes[0], [], iter(self.passes[1:])
        for entry in self.entries:
            x, slope = entry.by[0], answer.slopes[entry.by[0]]
            below = first.gradient[answer.dependent]
            pairs.append((graph.node("mul", slope, below), graph.node("neg", first.gradient[x])))
            chain = [next(rest) for _ in range(self.order - 1)]
            ends = [*(one.output for one in chain), entry.position]
            pairs.append((ends[0], slope))
            for one, end in zip(chain, ends[1:]):
                total_derivative = total([(one.gradient[x], graph.number(1)), (one.gradient[answer.dependent], slope)])
                pairs.append((end, total_derivative))
        return pairs

    def _rates(self, one: Pass) -> dict[str, int]:
        """Of a total derivative: what each variable of a pass changes by, read off the names."""
        t = self.entries[0].by[0]
        rates = {name: 1 for name in one.gradient if name == t}
        found = {name: self.graph.number(n) for name, n in rates.items()}
        return found | {name: self.graph.variable(next_rate(name, t)) for name in one.gradient if name != t}

    def absorb(self, message: Mapping[str, Any]) -> None:
        """Takes one message of a worker."""
        if "ended" in message:
            if self.verified.status == "unverified":
                self.verified = _stopped(message)
        elif message.get("stage") == "simplified":
            found = decode(message["forms"], self.graph)
            back = {self.graph.variable(name): i for i, name in self.given_names().items()}
            for position, form in zip(message["positions"], found, strict=True):
                self.forms[position] = self.graph.substitute(form, back) if back else form
            curve = message.get("on_curve")
            if curve is not None:
                self.on_curve = dict(zip(curve["positions"], decode(curve["forms"], self.graph), strict=True))
        elif message.get("stage") == "verified":
            how = message["how"]
            if len(self.passes) > 1 and self.kind not in ("gradient", "jacobian"):
                how = f"{how}, each step"
            elif self.kind == "implicit":
                how = f"{how}, the partials of {self.passes[0].of}"
            self.verified = Verification(
                message["status"], how, message["points"], message["digits"], message.get("limit", False)
            )
            for position in message.get("rejected", ()):
                self.forms.pop(position, None)
                self.on_curve.pop(position, None)
            for note in message.get("notes", ()):
                self.note(note)

    def note(self, sentence: str) -> None:
        """Adds a sentence to the notes, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def _stopped(message: Mapping[str, Any]) -> Verification:
    """What is said when the judge did not come to an end."""
    reason = message.get("reason") or message["ended"]
    if reason == "time":
        return Verification("unverified", "not verified: stopped at the time limit", limit=True)
    if reason == "memory":
        return Verification("unverified", "not verified: stopped at the memory limit", limit=True)
    if message["ended"] == "unavailable":
        return Verification("unverified", "not verified: SymPy could not be started")
    if message["ended"] == "done":
        return Verification("unverified", "not verified")
    return Verification("unverified", "not verified: the check broke off")


def derive(
    text: str,
    wrt: Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    order: int = 1,
    *,
    of: Sequence[str] = (),
    mixed: Sequence[str] = (),
    along: Mapping[str, str] | None = None,
    total: str | None = None,
    jacobian: bool = False,
    hessian: bool = False,
    tangent: bool = False,
    decompose: str = "typed",
    explain: bool = False,
    program: bool = False,
    inputs: Sequence[str] = (),
    functions: Collection[str] = (),
    digits: int = 15,
    max_nodes: int = MAX_NODES,
    trace: bool = True,
) -> Derivation:
    """The derivation without SymPy; `trace` False leaves out the rows, for a result alone. See `differentiate`."""
    if not isinstance(order, int) or order < 1:
        raise UsageError("the order is a whole number from 1", hint="--order 2 is the second derivative")
    names = None if wrt is None else check_variables(wrt)
    points = list(at) if at else []
    directed = [given[1:] if given[:1] in DIFFERENCES and len(given) > 1 else given for given in along or ()]
    known = [*(names or ()), *points, *mixed, *directed, *([total] if total else [])]
    moving = [name for given in along or () for name in (given, given[1:])]
    of = check_variables(of)
    equation = read(
        text, wrt=known, of=of, functions=functions, inputs=[*known, *moving, *inputs], max_nodes=max_nodes,
        several=jacobian, program=program,
    )  # fmt: skip
    inner = list(_inner(equation, names or ()))
    if inner:
        kept = read(
            text, wrt=known, of=of, functions=functions, inputs=[*known, *moving, *inputs], apart=inner,
            max_nodes=max_nodes, several=jacobian, program=program,
        )  # fmt: skip
        _make_sure_apart(equation, kept, inner)
    if of and not equation.definitions and equation.right is None and of != [equation.output]:
        raise UsageError(f"there is no output {visible(of[0])}", hint="--of names a definition: u = x*y; v = x + y")
    if mixed and names is None:
        names = list(dict.fromkeys(mixed))
    if equation.right is not None and len(of) > 1:
        raise UsageError("of a relation, one variable depends on the others", hint=f"--of {visible(of[0])}")
    if len(equation.outputs) > 1:
        if hessian or mixed or along or total or order > 1:
            raise UsageError("that is for one output", hint="name it: --of y")
        jacobian = True
    asked = Asked(names or (), order, tuple(mixed), along, total, jacobian, hessian)
    result = derive_equation(
        equation, names, order, digits=digits, max_nodes=max_nodes, trace=trace, asked=asked,
        of=of[0] if of and equation.right is not None else None, decomposition=decompose,
    )  # fmt: skip
    result.explained = explain
    settings = {
        "wrt": None if wrt is None else list(wrt), "at": dict(at or {}), "order": order if order > 1 else 0,
        "of": list(of), "mixed": list(mixed), "along": dict(along or {}), "total": total,
        "jacobian": jacobian and len(equation.outputs) <= 1, "hessian": hessian, "tangent": tangent,
        "decompose": decompose if decompose != "typed" else "", "explain": explain, "program": program,
        "functions": sorted(functions), "digits": digits if digits != 15 else 0,
    }  # fmt: skip
    result.asked = {name: value for name, value in settings.items() if value or (value == [] and name == "wrt")}
    given = {d.name: d for d in equation.definitions if d.given and equation.graph.nodes[d.position][0] == "var"}
    if at or given:
        set_point(result, {**dict.fromkeys(given), **(at or {})}, functions)
        if trace:
            _warn(result)
    if tangent:
        set_tangent(result)
    return result


def _warn(result: Derivation) -> None:
    """Points out where the adjoints vanish or explode at the point."""
    from .intuition import warnings

    left_out = {"undefined"} if result.explained else {"undefined", "zero factor"}  # the first has a note already
    found = [warning for warning in warnings(result) if warning.kind not in left_out]
    for warning in found[:WARNINGS]:
        result.note(warning.sentence)
    if len(found) > WARNINGS:
        result.note(f"there are {len(found) - WARNINGS} more such places")


def derive_equation(
    equation: Equation,
    names: list[str] | None,
    order: int = 1,
    *,
    digits: int = 15,
    max_nodes: int = MAX_NODES,
    trace: bool = True,
    asked: Asked | None = None,
    of: str | None = None,
    decomposition: str = "typed",
) -> Derivation:
    """`derive` for an equation that was read already, by `names` or by all its variables."""
    graph = equation.graph
    typed = equation.root
    groups: tuple[Group, ...] = ()
    inner = _inner(equation, names or ())
    if inner and decomposition in ("binary", "fused"):
        raise UsageError("a program is decomposed as a whole, without its names", hint="choose inputs of the program")
    if decomposition != "typed":
        groups = _decompose(equation, decomposition)
    outputs = [root for _, root in equation.outputs] or [equation.root]
    sides = outputs if equation.right is None else [equation.root, equation.right]
    occurring = graph.variables(sides)
    dependent = "" if equation.right is None else dependent_variable(occurring, names or (), of)
    asked = asked or Asked()
    if names is None:
        if equation.wrt is not None:
            names = [equation.wrt]
        else:
            names = list(equation.parameters) or _differentiable(equation, occurring)
        names = [name for name in names if name != dependent]
        if dependent and not names:
            raise UsageError("the relation has only one variable: there is nothing to differentiate by",
                             hint="write another one, as in x^2 + y^2 = 25")  # fmt: skip
        if not names:
            equation.notes.append("no variable occurs: there is nothing to differentiate by")
    elif dependent in names:
        raise UsageError(f"{visible(dependent)} depends on the others", hint="--of names another variable")
    if asked.total is not None:
        names = [*(name for name in names if name != asked.total), asked.total]
    result = Derivation(equation, names, order * equation.order, digits)
    if equation.prefix is not None:
        result.note(f"`{visible(equation.output or '')}` on the left only names what stands on the right")
    result.inner, result.typed_root, result.groups = inner, typed, groups
    present = {*occurring, *inner, asked.total}
    for name in names:
        if name not in present:
            result.note(f"{visible(name)} does not occur: the derivative by it is 0")
    _name_output(result, dependent)
    name = result.output_name
    if dependent:
        name = fresh_name([*occurring, *(d.name for d in equation.definitions)])
    asked = asked._replace(names=names, order=result.order)
    if inner and (asked.kind not in ("gradient", "jacobian") or asked.order > 1):
        first = visible(next(iter(inner)))
        raise UsageError(f"the program defines {first}: only first derivatives are taken by it",
                         hint="choose inputs of the program")  # fmt: skip
    runner = Runner(
        equation, asked, name, inner=inner, max_nodes=max_nodes, trace=trace, dependent=dependent
    )  # fmt: skip
    result.answer = runner.run()
    result.derived = result.answer.gradient
    if trace and len(result.passes) <= TRACED:
        _name_nodes(result)
        _trace(result)
    elif trace:
        result.note(f"{len(result.passes)} passes: their steps are not shown")
    return result


def _decompose(equation: Equation, kind: str) -> tuple[Group, ...]:
    """Rewrites an equation into another compute graph of the same function."""
    if equation.right is not None or len(equation.outputs) > 1:
        raise UsageError("only one formula can be decomposed", hint="name one output: --of y")
    made = decompose_root(equation.graph, equation.root, kind)
    if made.root == equation.root:
        kind = "nary"  # nothing has changed but what is shown as one node
    equation.root = made.root
    equation.outputs = [(name, made.root) for name, _ in equation.outputs]
    equation.definitions = [d for d in equation.definitions if kind == "nary" or d.parameters or d.given]
    equation.notes.append(f"decomposed: {made.description}")
    return made.groups


def _inner(equation: Equation, names: Sequence[str]) -> dict[str, int]:
    """Those of the variables asked for that the program defines: their adjoints are on the way."""
    found: dict[str, int] = {}
    wanted = set(names)
    for d in equation.definitions:
        if d.name not in wanted or equation.graph.nodes[d.position] == ("var", d.name):
            continue
        if d.parameters:
            raise UsageError(f"`{visible(d.name)}` is a function, not a variable", hint="choose a variable")
        found[d.name] = d.position
    return found


def _make_sure_apart(equation: Equation, kept: Equation, names: Sequence[str]) -> None:
    """Refuses a derivative by an inner name whose expression stands elsewhere as well, or under another name.

    In the graph both are one node, and its adjoint would count the other uses too. `kept` is the program
    in which these names are variables.
    """
    graph = equation.graph
    places = _inner(equation, names)
    outputs = {name for name, _ in equation.outputs}
    for name in names:
        if name in outputs:
            raise UsageError(f"{visible(name)} is the output itself", hint="choose another variable")
    by = {position: graph.variable(name) for name, position in places.items()}
    roots = [root for _, root in equation.outputs] if equation.right is None else [equation.root, equation.right]
    others = [root for _, root in kept.outputs] if kept.right is None else [kept.root, kept.right or 0]
    apart = graph.copy_from(kept.graph, others)
    if len(by) < len(names) or [graph.substitute(root, by) for root in roots] != apart:
        raise UsageError(
            f"by {' and '.join(map(visible, names))}: the same expression stands elsewhere in the program too",
            hint="write it once, by its name",
        )  # fmt: skip


def _differentiable(equation: Equation, names: list[str]) -> list[str]:
    """The variables, without those that only an operation without a partial by them depends on."""
    graph = equation.graph
    left_out: dict[str, str] = {}
    for position in graph.reachable([equation.root]):
        key = graph.nodes[position]
        if key[0] in LEAVES or key[0] in CONDITIONS or key[0] == "where":
            continue
        row = lookup(key[0])
        for k, text in enumerate(row.partials):
            if text is None:
                for name in graph.variables([key[1 + k]]):
                    left_out.setdefault(name, row.reason)
    for name, reason in left_out.items():
        equation.notes.append(f"no derivative by {visible(name)}: {reason}")
    return [name for name in names if name not in left_out]


def _name_output(result: Derivation, dependent: str) -> None:
    """The output's own name, else f, else another letter that the user has not typed."""
    graph = result.graph
    called = [key[0].split(" ")[1] for key in graph.nodes if key[0].startswith("call ")]
    defined = [d.name for d in result.equation.definitions if d.name != result.output]
    taken = {*graph.variables(result.outputs), *called, *defined}
    plain = dependent or result.output or "f"
    plain = plain if plain.replace("_", "a").isalnum() else "f"
    result.output_name = plain if dependent or plain not in taken else fresh_name(taken)


def fresh_name(taken: Collection[str]) -> str:
    """A name for a function that is not taken."""
    return next((c for c in "FGHfgh" if c not in taken), None) or fresh_prefix(taken, "FGHfgh") + "1"


def _name_nodes(result: Derivation) -> None:
    """The program's names, the outputs' own, and v1, v2, ... for all other operations."""
    graph = result.graph
    own = {one.output: one.of for one in result.passes if not one.by}
    if result.kind == "gradient" and result.order > 1:
        own = {}
    own = result.given_names() | own
    taken = {*graph.variables([*result.outputs, *(one.output for one in result.passes)]), *own.values()}
    prefix = fresh_prefix([*taken, result.output_name, *(d.name for d in result.equation.definitions)])
    count = 0
    named = result.given_names()
    result.groups = tuple(group for group in result.groups if named.keys().isdisjoint(group.merged))
    merged = {i for group in result.groups for i in group.merged}
    for position in graph.reachable([one.output for one in result.passes]):
        if graph.nodes[position][0] in LEAVES or position in merged:
            continue
        if position in own:
            result.names[position] = own[position]
        else:
            count += 1
            result.names[position] = f"{prefix}{count}"


def _rule(row: Op, constant: Sequence[bool]) -> tuple[str, str]:
    """The rule of a node, given which of its operands do not vary."""
    for k, special in row.special.items():
        if constant[k] and not all(constant):
            return special
    return row.code, row.rule


def _trace(result: Derivation) -> None:
    graph, calls = result.graph, result.equation.calls
    groups = {group.top: group for group in result.groups}
    merged = {i for group in result.groups for i in group.merged}
    for part, one in enumerate(result.passes):
        varying = set(one.order)
        rules: dict[int, tuple[str, str]] = {}
        for position in graph.reachable([one.output]):
            key = graph.nodes[position]
            op = key[0]
            if op == "var":
                step = Step(position, key[1], "var", "R01", "variable", [])
            elif position in merged:
                continue
            elif op in LEAVES:
                if position != one.output:
                    continue
                step = Step(position, one.of or result.output_name, "const", "R01", "constant", [])
            else:
                row = lookup(op)
                constant = [i not in varying for i in key[1:]]
                if all(constant):  # nothing flows here; it is named by what it looks like
                    constant = [graph.nodes[i][0] in LEAVES and graph.nodes[i][0] != "var" for i in key[1:]]
                rules[position] = _rule(row, constant)
                terms: Sequence[int] = key[1:]
                if position in groups:
                    terms = groups[position].terms
                    rules[position] = (row.code, f"{_GROUPED[groups[position].op]} {len(terms)}")
                operands = [result.names.get(i) or to_text(graph, i) for i in terms]
                step = Step(position, result.names[position], _op_name(row), *rules[position], operands)
            step.adjoint, step.part = one.adjoints.get(position), part
            if position in calls:
                function, operands_of_call = calls[position]
                arguments = ", ".join(result.names.get(i) or to_text(graph, i) for i in operands_of_call)
                step.call = f"{function}({arguments})"
            result.nodes.append(step)
        edges: Iterable[Edge] = one.edges
        if groups:
            edges = _grouped(one, groups, merged, Tidy(graph))
        for edge in edges:
            target = result.names.get(edge.target) or to_text(graph, edge.target)
            code, rule = rules[edge.user]
            link = Link(edge, result.names[edge.user], target, code, rule)
            link.part = part
            result.edges.append(link)


_GROUPED = {"add": "sum of", "mul": "product of"}


def _grouped(one: Pass, groups: Mapping[int, Group], merged: Collection[int], tidy: Tidy) -> Iterator[Edge]:
    """The edges of a pass, with those of a sum or product of several terms from its top to each term."""
    varying = set(one.order)
    done: set[int] = set()
    for edge in one.edges:
        if edge.user in merged or edge.user in done:
            continue
        if edge.user not in groups:
            yield edge
            continue
        done.add(edge.user)
        group, adjoint = groups[edge.user], one.adjoints[edge.user]
        for k, (term, partial) in enumerate(zip(group.terms, term_partials(tidy.graph, group))):
            if term in varying:
                yield Edge(edge.user, k, term, partial, tidy.mul(adjoint, partial))


def _op_name(row: Op) -> str:
    return row.call if row.name.startswith("call ") else row.name


# -- the whole job -----------------------------------------------------------------------------------


def differentiate(
    text: str,
    wrt: Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    order: int = 1,
    *,
    of: Sequence[str] = (),
    mixed: Sequence[str] = (),
    along: Mapping[str, str] | None = None,
    total: str | None = None,
    jacobian: bool = False,
    hessian: bool = False,
    tangent: bool = False,
    modes: Sequence[str] = (),
    decompose: str | None = None,
    check_gradient: bool = False,
    explain: bool = False,
    critical: bool = False,
    program: bool = False,
    functions: Collection[str] = (),
    simplify: bool = True,
    verify: bool = True,
    time_limit: float = 5.0,
    digits: int = 15,
    max_nodes: int = MAX_NODES,
) -> Derivation:
    """Differentiates an equation or a program, brings the result into readable form and checks it.

    `wrt` are the variables (default: all); `at` gives values to variables, as numbers or text
    (`{"x": "pi/2"}`); `functions` are the names of unknown functions. Of a program (definitions
    joined by `;`, or by lines with `program`) `of` names the outputs. Instead of the gradient:
    `order` asks for the N-th derivative, `mixed` for a mixed partial, `along` for the derivative
    along a direction, `total` for the total derivative by a variable that the others depend on,
    `jacobian` and `hessian` for these, `hessian` with `along` for their product; `tangent` adds the
    linear approximation at the point, `Derivation.tangent`. `modes` computes the gradient in other
    ways too ("reverse", "forward", "paths", "finite-difference", "complex-step", "all"), `decompose`
    rewrites the equation before ("typed", "binary", "nary", "fused"), `check_gradient` compares with
    numbers at the point: `Derivation.comparison`, `alternatives`, `checks`; with `explain` the JSON
    object has a sentence for every edge. `critical` looks for the critical points: `Derivation.critical`. A relation
    (`x^2 + y^2 = 25`) is differentiated implicitly. SymPy works in a process of its own, which is
    stopped after `time_limit` seconds of processor time: the derivative does not depend on it.
    Errors: `BackpropError`.

    >>> result = differentiate("3*(x + 2)^2", at={"x": 1})
    >>> str(result.gradient["x"]), result.gradient_value["x"], result.verified.status
    ('6*(x + 2)', 18, 'proved')
    >>> str(differentiate("x^2 + y^2 = 25").gradient["x"])
    '-x/y'
    """
    from .session import Derive, Seek, shared_session
    from .study import study

    result = derive(
        text, wrt, at, order, of=of, mixed=mixed, along=along, total=total, jacobian=jacobian, hessian=hessian,
        tangent=tangent, decompose=decompose or "typed", explain=explain, program=program, functions=functions,
        digits=digits, max_nodes=max_nodes,
    )  # fmt: skip
    study(result, modes=modes, decompositions=decompose is not None, check=check_gradient, critical=critical)
    if simplify or verify:
        session = shared_session()
        session.wait(session.send(Derive(result, simplify=simplify, verify=verify, time_limit=time_limit)))
    else:
        result.verified = Verification("unverified", "verification was not asked for")
    if critical:
        session = shared_session()
        session.wait(session.send(Seek.of(result, time_limit=time_limit)))
    return result


__all__ = ["BackpropError", "CONDITIONS", "Derivation", "Link", "Step", "Verification", "derive", "differentiate"]
