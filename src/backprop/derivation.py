"""The derivation of a gradient: the one object that every renderer and every check takes.

`derive` does all that needs no SymPy: reading, the reverse pass, values at a point. The readable
forms and the verdict of the judge come later, from a worker, through `Derivation.absorb`; a
derivation without them is complete and right, only less polished.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .decompose import Group, term_partials
from .decompose import decompose as decompose_root
from .errors import BackpropError, UsageError, visible
from .evaluate import Value, accurate, evaluate, sign_of_difference, value_text
from .expr import LEAVES, PYTHON, Graph, Node, Style, decode, definitions, encode, fresh_prefix, to_text
from .linear import Approximation, approximate
from .ops import CONDITIONS, Op, lookup
from .parser import MAX_NODES, Equation, check_variables, parse_equation
from .passes import TRACED, Answer, Asked, Entry, Runner, dependent_variable
from .program import read
from .reverse import Edge, Pass
from .rules import apply as apply_rule
from .rules import compile_text
from .tidy import Tidy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .alternatives import Decompositions
    from .modes import Comparison
    from .numeric import GradientCheck
    from .study import TangentPass

# A result whose written-out form has more nodes than this is printed with named parts.
WRITTEN_OUT = 3000
# Beyond this size nothing is simplified: it takes hours where the passes take milliseconds.
MAX_SIMPLIFY = 400
# Of more variables than this, entries of a matrix that are 0 are left out.
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
        self.typed = len(self.graph.nodes)  # nodes before this one are as the user typed them
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
        # What `study` adds.
        self.comparison: Comparison | None = None
        self.tangents: list[TangentPass] = []
        self.alternatives: Decompositions | None = None
        self.checks: dict[str, dict[str, GradientCheck]] = {}
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
        return self.equation.outputs if len(self.outputs) > 1 else [(self.output_name, self.root)]

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
        rows = [name for name, _ in self.equation.outputs] if kind == "jacobian" else self.wrt
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
        """The readable form of a node, or the node itself."""
        return self.forms.get(position, position)

    def number(self, value: Value) -> str | None:
        """A value as text."""
        return value_text(value, self.digits)

    def __str__(self) -> str:
        from .render.plain import render

        return render(self)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}: {node!r}" for name, node in self.gradient.items())
        return f"<Derivation of {self.equation.node!r}: {{{inside}}}>"

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
            taken = [*self.graph.variables(self.outputs), *self.names.values(), *own.values()]
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
        results = [self.form(i) for i in self.derived.values()] + [self.form(e.position) for e in self.entries]
        shown = [s.position for s in self.nodes] + results
        shown += [self.form(s.adjoint) for s in self.nodes if s.adjoint is not None]
        own = self.given_names()
        names = self.definitions([*shown, *own])
        made = len(names) > len(own)
        graph = self.graph

        def written(position: int) -> str:
            return names[position] if position in names else to_text(graph, position, PYTHON, names)

        def partial(link: Link) -> str:
            return written(link.edge.partial) if made else self.text(link.edge.partial, names=self.names_in(link.part))

        data: dict[str, Any] = {"version": 1, "source": dict(source or {}), "input": self.equation.text}
        parts = {position: (name, to_text(graph, position, PYTHON, names)) for position, name in names.items()}
        listed = [(p, *pair) for p, pair in parts.items()] + self._leaves()
        if listed:
            listed.sort(key=lambda row: row[0])
            data["definitions"] = [{"name": name, "expr": text} for _, name, text in listed]
        functions = [d for d in self.equation.definitions if d.parameters and d.position not in self.outputs]
        if functions:
            data["functions"] = [
                {"name": d.name, "parameters": list(d.parameters), "expr": to_text(graph, d.position, PYTHON, own)}
                for d in functions
            ]
        edge_sentence: Callable[[Derivation, Link], str] | None = None
        if self.explained:
            from .intuition import edge_sentence
        left = f"{self.equation.left_side} = " if self.equation.output is not None and len(self.outputs) == 1 else ""
        data |= {
            "equation": f"{self.equation}" if self.kind == "implicit" and not made else left + written(self.root),
            "output": self.output if len(self.outputs) == 1 else None,
        }
        if len(self.outputs) > 1:
            data["equation"] = "; ".join(f"{n} = {to_text(graph, i, PYTHON, names)}" for n, i in self.equation.outputs)
            data["outputs"] = [name for name, _ in self.equation.outputs]
        if self.kind == "implicit":
            data["implicit"] = {"equation": str(self.equation), "dependent": self.answer.dependent}
        data |= {
            "wrt": self.wrt, "order": self.order,
            "gradient": {name: written(self.form(i)) for name, i in self.derived.items()},
            **self._more(written),
            "nodes": [
                {
                    "name": s.name, "op": s.op, "rule": s.code, "operands": s.operands, "shape": [],
                    "primal": to_text(graph, s.position, PYTHON, names) if s.position in own else written(s.position),
                    "adjoint": "0" if s.adjoint is None else written(self.form(s.adjoint)),
                    "value": self.number(s.value), "adjoint_value": self.number(s.adjoint_value),
                    **({"call": s.call} if s.call else {}),
                    **({"pass": s.part} if len(self.passes) > 1 else {}),
                }
                for s in self.nodes
            ],
            "edges": [
                {
                    "from": link.source, "to": link.target, "rule": link.code,
                    "partial": partial(link), "sends": self._sends(link, names if made else {}),
                    "partial_value": self.number(link.partial_value), "sends_value": self.number(link.sends_value),
                    **({"pass": link.part} if len(self.passes) > 1 else {}),
                    **({"explanation": edge_sentence(self, link)} if edge_sentence is not None else {}),
                }
                for link in self.edges
            ],
            "at": self.point_text or None,
            "value": self.number(self.value),
            **({"values": self._output_values()} if len(self.outputs) > 1 and self.point is not None else {}),
            "gradient_value": self._gradient_values() if self.point is not None else None,
            **self._more_values(),
            **({} if self.tangent is None else {"tangent": {
                "equation": to_text(graph, self.tangent.around), "collected": to_text(graph, self.tangent.collected),
            }}),
            **self._studied(),
            "notes": self.notes,
            "verified": self.verified.as_dict(),
        }  # fmt: skip
        return data

    def _leaves(self) -> list[tuple[int, str, str]]:
        """The definitions that are a name for a variable or a number."""
        graph = self.graph
        found = []
        for d in self.equation.definitions:
            key = graph.nodes[d.position]
            if key[0] in LEAVES and not d.parameters and d.position not in self.outputs:
                text = str(key[1]) if key[0] == "num" and not d.given else to_text(graph, d.value)
                found.append((-1 if d.given else d.position, d.name, text))
        return found

    def _more(self, written: Callable[[int], str]) -> dict[str, Any]:
        """The derivatives that are no gradient, by their key."""
        answer = self.answer
        alone = [written(self.form(entry.position)) for entry in self.entries if not entry.path]
        if self.kind in ("jacobian", "hessian"):
            return {self.kind: self._nested(lambda entry: written(self.form(entry.position)), "0")}
        if self.kind == "product":
            product = {entry.path[0]: written(self.form(entry.position)) for entry in self.entries}
            direction = {name: written(i) for name, i in answer.components.items()}
            return {"hessian_vector": {"direction": direction, "product": product}}
        if self.kind == "mixed":
            return {"mixed": {"by": list(self.entries[0].by), "derivative": alone[0]}}
        if self.kind == "along":
            direction = {name: written(i) for name, i in answer.components.items()}
            return {"along": {"direction": direction, "derivative": alone[0]}}
        if self.kind == "total":
            return {"total": {"by": self.entries[0].by[0], "rates": dict(answer.rates), "derivative": alone[0]}}
        return {}

    def _more_values(self) -> dict[str, Any]:
        """Their values at the point."""
        if self.point is None:
            return {}
        values = self.values
        if self.kind in ("jacobian", "hessian"):
            return {f"{self.kind}_value": self._nested(lambda entry: self.number(values.get(entry.path)), "0")}
        if self.kind == "product":
            return {"hessian_vector_value": {e.path[0]: self.number(values.get(e.path)) for e in self.entries}}
        if self.kind in ("mixed", "along", "total"):
            return {f"{self.kind}_value": self.number(values.get(()))}
        return {}

    def _gradient_values(self) -> dict[str, str | None]:
        if self.kind not in ("gradient", "implicit"):
            return {name: self.number(self.values.get(("", name))) for name in self.derived}
        return {name: self.number(value) for name, value in self.gradient_value.items()}

    def _studied(self) -> dict[str, Any]:
        """What was asked for besides the derivatives."""
        data: dict[str, Any] = {}
        if self.comparison is not None:
            data |= self.comparison.as_dict(self.all_names() if self.names else None)
        if self.tangents:
            data["tangents"] = {one.name: one.as_dict(self) for one in self.tangents}
        if self.alternatives is not None:
            data |= self.alternatives.as_dict(self.digits)
        if self.checks:
            checks = {of: {name: c.as_dict() for name, c in row.items()} for of, row in self.checks.items()}
            data["gradient_check"] = checks if len(self.outputs) > 1 else next(iter(checks.values()))
        return data

    def _output_values(self) -> dict[str, str | None]:
        return {name: self.number(v) for (name, _), v in zip(self.equation.outputs, self.output_values)}

    def _nested(self, value: Callable[[Entry], Any], zero: Any) -> dict[str, dict[str, Any]]:
        """Objects in objects; beyond `DENSE` variables, entries that are 0 are left out."""
        rows = [name for name, _ in self.equation.outputs] if self.kind == "jacobian" else self.wrt
        dense = len(self.wrt) <= DENSE
        table: dict[str, dict[str, Any]] = {row: dict.fromkeys(self.wrt, zero) if dense else {} for row in rows}
        for entry in self.entries:
            table[entry.path[0]][entry.path[1]] = value(entry)
        return table

    def _sends(self, link: Link, names: Mapping[int, str]) -> str:
        """The user's adjoint times the partial, as the pass multiplies them."""
        adjoint = self.passes[link.part].adjoints[link.edge.user]
        cuts = names or self.names_in(link.part)
        one = self.graph.number(1)
        if adjoint == one or link.edge.partial == one:
            position = link.edge.partial if adjoint == one else adjoint
            return cuts.get(position) or to_text(self.graph, position, PYTHON, cuts)

        def factor(position: int) -> str:
            return cuts.get(position) or to_text(self.graph, position, PYTHON, cuts, required=40)

        return f"{factor(adjoint)}*{factor(link.edge.partial)}"

    def to_json(self, source: Mapping[str, Any] | None = None) -> str:
        """`as_dict` on one line."""
        return json.dumps(self.as_dict(source), ensure_ascii=False)

    # -- the worker ----------------------------------------------------------------------------

    def task(self, *, simplify: bool, verify: bool, adjoints: bool = True) -> dict[str, Any] | None:
        """What a worker is asked to do; None if nothing is left to be done."""
        claims = self._claims()
        results = [*self.derived.values(), *self.answer.slopes.values(), *(entry.position for entry in self.entries)]
        results = list(dict.fromkeys(results))
        roots = list(dict.fromkeys(i for claim in claims for i in (claim[0], *claim[2])))
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
        data = encode(self.graph, [*roots, typed, *shown])
        place = dict(zip([*roots, typed, *shown], data.pop("roots")))
        return {
            "kind": "differentiate", "nodes": data["nodes"], "root": place[typed],
            "wrt": self.wrt,
            "claims": [
                [place[root], list(by), [place[i] for i in found], order, self.kind == "hessian" and not self.inner]
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
        if self.kind == "gradient" and self.order > 1:
            return [(self.root, [name], [i], self.order) for name, i in self.derived.items()]
        claims: list[tuple[int, list[str], list[int], int]] = []
        second: dict[str, dict[str, int]] = {}
        for entry in self.entries if self.kind == "hessian" else ():
            second.setdefault(entry.path[0], {})[entry.path[1]] = entry.position
        for one in self.passes:
            if one.by and self.kind == "hessian" and not self.inner:  # with what follows by symmetry
                row = second.get(one.by[0], {})
                if len(self.wrt) <= DENSE:  # the entries that are 0 are claimed as well
                    zero = self.graph.number(0)
                    row = {name: row.get(name, zero) for name in self.wrt}
                claims.append((one.output, list(row), list(row.values()), 1))
                continue
            by = {name: i for name, i in one.gradient.items() if name not in self.inner}
            if by or not one.gradient:
                claims.append((one.output, list(by), list(by.values()), 1))
            for name in one.gradient.keys() - by.keys():  # by an inner node: it is a variable of what stands above
                cut = {self.inner[name]: self.graph.variable(name)}
                above = [self.graph.substitute(i, cut) for i in (one.output, one.gradient[name])]
                claims.append((above[0], [name], [above[1]], 1))
        return claims

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
    functions: Collection[str] = (),
    digits: int = 15,
    max_nodes: int = MAX_NODES,
    trace: bool = True,
) -> Derivation:
    """The derivation without SymPy; `trace` False leaves out the rows, for a result alone. See `differentiate`."""
    if order < 1:
        raise UsageError("the order is a whole number from 1", hint="--order 2 is the second derivative")
    names = None if wrt is None else check_variables(wrt)
    points = list(at) if at else []
    known = [*(names or ()), *points, *mixed, *([total] if total else [])]
    of = check_variables(of)
    equation = read(
        text, wrt=known, of=of, functions=functions, inputs=known, max_nodes=max_nodes, several=jacobian,
        program=program,
    )  # fmt: skip
    if of and not equation.definitions and equation.right is None and of != [equation.output]:
        raise UsageError(f"there is no output {visible(of[0])}", hint="--of names a definition: u = x*y; v = x + y")
    if mixed and names is None:
        names = list(dict.fromkeys(mixed))
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
    given = {d.name: d for d in equation.definitions if d.given and equation.graph.nodes[d.position][0] == "var"}
    if at or given:
        _set_point(result, {**dict.fromkeys(given), **(at or {})}, functions)
        if trace:
            _warn(result)
    if tangent:
        _set_tangent(result)
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
    if decomposition != "typed":
        groups = _decompose(equation, decomposition)
    outputs = [root for _, root in equation.outputs] or [equation.root]
    sides = outputs if equation.right is None else [equation.root, equation.right]
    occurring = graph.variables(sides)
    dependent = "" if equation.right is None else dependent_variable(occurring, names or (), of)
    asked = asked or Asked()
    inner = _inner(equation, names or ())
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
    result.inner, result.typed_root, result.groups = inner, typed, groups
    for name in names:
        if name not in occurring and name not in inner and name != asked.total:
            result.note(f"{visible(name)} does not occur: the derivative by it is 0")
    _name_output(result, dependent)
    name = result.output_name
    if dependent:
        name = fresh_name([*occurring, *(d.name for d in equation.definitions)])
    asked = asked._replace(names=names, order=result.order)
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
    equation.root = made.root
    equation.outputs = [(name, made.root) for name, _ in equation.outputs]
    equation.definitions = [d for d in equation.definitions if kind == "nary" or d.parameters or d.given]
    equation.notes.append(f"decomposed: {made.description}")
    return made.groups


def _inner(equation: Equation, names: Sequence[str]) -> dict[str, int]:
    """Those of the variables asked for that the program defines: their adjoints are on the way."""
    found: dict[str, int] = {}
    for d in equation.definitions:
        if d.name not in names or equation.graph.nodes[d.position] == ("var", d.name):
            continue
        if d.parameters:
            raise UsageError(f"`{visible(d.name)}` is a function, not a variable", hint="choose a variable")
        found[d.name] = d.position
    return found


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


# -- values at a point -----------------------------------------------------------------------------


def parse_value(text: str) -> Value:
    """A number given for a variable: an expression without variables, exact where possible."""
    equation = parse_equation(text)
    graph = equation.graph
    if equation.output is not None or equation.right is not None or graph.variables([equation.root]):
        raise UsageError(f"`{visible(text)}` is not a number", hint="write for example x=1/2 or x=pi/3")
    value = evaluate(graph, graph.reachable([equation.root]), {}, precision=400)[equation.root]
    if value is None or isinstance(value, bool):
        raise UsageError(f"`{visible(text)}` has no real value", hint="choose another point")
    return value


def _set_point(result: Derivation, at: Mapping[str, Any], functions: Collection[str]) -> None:
    from fractions import Fraction

    point: dict[str, Value] = {}
    graph = result.graph
    values = {d.name: d.value for d in result.equation.definitions if d.given}
    for name in check_variables(at):
        given = at[name]
        if given is None:  # what the program says
            value = values[name]
            point[name] = evaluate(graph, graph.reachable([value]), {}, precision=400)[value]
            if point[name] is None:
                result.note(f"{visible(name)} has no real value")
            result.point_text[name] = value_text(point[name], result.digits) or ""
            continue
        point[name] = parse_value(str(given) if not isinstance(given, float) else repr(given))
        if isinstance(given, (int, Fraction)):
            point[name] = given if not isinstance(given, Fraction) or given.denominator > 1 else given.numerator
        result.point_text[name] = value_text(point[name], result.digits) or ""
    result.point = point
    sides = result.outputs if result.equation.right is None else [result.answer.difference]
    occurring = graph.variables([*sides, *(entry.position for entry in result.entries)])
    if result.kind == "implicit":
        _find_on_curve(result, occurring)
    for name in point:
        if name not in occurring:
            result.note(f"{visible(name)} has a value but does not occur")
    missing = [name for name in occurring if name not in point]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        result.note(f"no value for the variable{plural} {', '.join(missing)}: what depends on it stays a formula")
    Values(result).fill()


def _find_on_curve(result: Derivation, occurring: Sequence[str]) -> None:
    """Makes sure that the point is on the curve; the dependent variable is found where it has one value."""
    from .implicit import Relation

    graph, point, y = result.graph, result.point or {}, result.answer.dependent
    difference = result.answer.difference
    missing = [name for name in occurring if name not in point]
    if missing == [y]:
        roots = Relation(result.equation, result.wrt, y).solutions(point)
        words = ", ".join(f"{y} = {value_text(root, result.digits)}" for root in roots)
        if len(roots) != 1:
            found = f"the curve has {len(roots) or 'no'} points" + (f" that were found there: {words}" if roots else "")
            raise UsageError(f"{found}", hint=f"say which: --at {y}=..." if roots else "choose another point")
        point[y] = roots[0]
        result.point_text[y] = value_text(roots[0], result.digits) or ""
        result.note(f"{words} is the point of the curve there")
    elif not missing:
        value = evaluate(graph, graph.reachable([difference]), point, precision=400)[difference]
        if value is None or sign_of_difference(value, 0) != 0:
            off = "" if value is None else f": left minus right is {value_text(value, result.digits)}"
            raise UsageError(f"the point is not on the curve{off}", hint=f"leave {y} out to have it found")


def _set_tangent(result: Derivation) -> None:
    """The linear approximation at the point."""
    if result.kind not in ("gradient", "implicit") or result.order > 1:
        raise UsageError("a tangent goes with a first derivative", hint="leave out what else is asked for")
    point = result.point or {}
    missing = [name for name in result.wrt if name not in point]
    if missing or not result.wrt:
        hint = f"--at {', '.join(f'{name}=1' for name in missing) or 'x=1'}"
        raise UsageError("a tangent needs a point", hint=hint)
    result.tangent = approximate(result.graph, result.value, result.gradient_value, point, result.digits)
    if result.tangent is None:
        result.note("there is no tangent at this point")


class Values:
    """Values forwards and adjoints backwards, at a precision that gives every printed digit."""

    def __init__(self, result: Derivation) -> None:
        self.result = result
        self.graph = result.graph
        self.tidy = Tidy(result.graph)

    def fill(self) -> None:
        """Sets the values of the trace; a value that does not exist gets a note."""
        result = self.result
        precision = int(result.digits * 3.4) + 40
        budget = 16 * precision + 2000
        while True:
            exact_enough = self._fill_at(precision)
            if exact_enough or precision >= budget:
                break
            precision *= 4
        self._notes()

    def _fill_at(self, precision: int) -> bool:
        result, graph = self.result, self.graph
        point = result.point or {}
        done = True
        numbers: dict[tuple[int, str], Value] = {}
        tops = {group.top for group in result.groups}
        for part, one in enumerate(result.passes):
            partials = [e.partial for e in one.edges]
            grouped = [link for link in result.edges if link.part == part and link.edge.user in tops]
            partials += [link.edge.partial for link in grouped]
            roots = [one.output, result.root, *partials, *one.gradient.values()]
            values = evaluate(graph, graph.reachable(roots), point, precision=precision)
            adjoints = self._backward(part, one, values, precision)
            for link in grouped:
                link.partial_value = values.get(link.edge.partial)
                link.sends_value = _times(adjoints.get(link.edge.user), link.partial_value)
            for step in result.nodes:
                if step.part != part:
                    continue
                if step.position in values:
                    step.value = values[step.position]
                    done = done and accurate(step.value, result.digits)
                if step.position in adjoints:
                    step.adjoint_value = adjoints[step.position]
                    done = done and accurate(step.adjoint_value, result.digits)
            for name, position in one.gradient.items():
                variable = result.inner.get(name, graph.index.get(("var", name)))
                reached = variable is not None and variable in one.adjoints
                number = adjoints.get(variable) if reached and variable is not None else 0
                if number is None:  # the sum over the edges does not exist, the derivative may
                    number = values.get(position)
                if values.get(one.output, 0) is None:  # nor has a function a derivative where it has no value
                    number = None
                numbers[part, name] = number
        return self._collect(numbers, precision) and done

    def _collect(self, numbers: Mapping[tuple[int, str], Value], precision: int) -> bool:
        """The values of the entries; whether they are accurate enough."""
        result, graph = self.result, self.graph
        direct = [entry.position for entry in result.entries if entry.part < 0]
        values = evaluate(graph, graph.reachable([*direct, *result.outputs]), result.point or {}, precision=precision)
        result.output_values = [values.get(root) for root in result.outputs]
        defined = all(value is not None for (part, _), value in numbers.items() if part == 0)
        for entry in result.entries:
            found = numbers.get((entry.part, entry.name)) if entry.part >= 0 else values.get(entry.position)
            result.values[entry.path] = found if defined or entry.part >= 0 else None
        if result.kind not in ("gradient", "implicit"):
            for name in result.derived:
                result.values["", name] = numbers.get((0, name))
        return all(accurate(value, result.digits) for value in (*result.values.values(), *result.output_values))

    def _backward(self, part: int, one: Pass, values: dict[int, Value], precision: int) -> dict[int, Value]:
        from .evaluate import set_precision

        result = self.result
        links = {(link.edge.user, link.edge.operand): link for link in result.edges if link.part == part}
        previous = set_precision(precision)
        try:
            adjoints: dict[int, Value] = {one.output: 1}
            waiting: dict[int, list[Value]] = {}
            for edge in one.edges:
                if edge.user not in adjoints:
                    adjoints[edge.user] = _total(waiting.pop(edge.user, []))
                partial = self._partial_value(edge, values)
                sends = _times(adjoints[edge.user], partial)
                link = links.get((edge.user, edge.operand))
                if link is not None:  # else it is inside a sum or product of several terms, or there is no trace
                    link.partial_value, link.sends_value = partial, sends
                waiting.setdefault(edge.target, []).append(sends)
            for target, arrived in waiting.items():
                adjoints[target] = _total(arrived)
            return adjoints
        finally:
            set_precision(previous)

    def _partial_value(self, edge: Edge, values: dict[int, Value]) -> Value:
        """The partial at the point; where its formula says nothing, what the row says."""
        key = self.graph.nodes[edge.user]
        row = lookup(key[0])
        operands = key[1:]
        for place in row.exceptions:
            steps = compile_text(place.where, row.operands)
            where = apply_rule(steps, operands, self.tidy)
            found = evaluate(self.graph, self.graph.reachable([where]), self.result.point or {}, precision=200)
            vanishing = found.get(where)
            if vanishing is not None and not isinstance(vanishing, bool) and sign_of_difference(vanishing, 0) == 0:
                fixed = place.partials[edge.operand]
                if place.kink:
                    shown = to_text(self.graph, where, PYTHON, self.result.names)
                    self.result.note(
                        f"not differentiable at {shown} = 0 ({row.rule}):"
                        f" the value {fixed} of its derivative there is a convention"
                    )
                return parse_value(fixed)
        return values.get(edge.partial)

    def _notes(self) -> None:
        result = self.result
        for step in result.nodes if None in result.output_values and result.kind != "implicit" else ():
            if step.value is None and self._has_values(step.position):
                formula = to_text(self.graph, step.position, PYTHON, result.names)
                result.note(f"{step.name} = {formula} has no real value at this point")
                return
        for entry in result.entries:
            if result.values.get(entry.path) is None and self._has_values(entry.position):
                by = f" by {', '.join(entry.by)}" if result.kind not in ("along", "product") else ""
                result.note(f"the derivative{by} does not exist at this point")

    def _has_values(self, position: int) -> bool:
        point = self.result.point or {}
        return all(name in point for name in self.graph.variables([position]))


def _times(a: Value, b: Value) -> Value:
    if a is None or b is None:
        return None
    return _arithmetic("mul", a, b)


def _total(values: list[Value]) -> Value:
    values = values[::-1]
    total: Value = values[0] if values else 0
    for value in values[1:]:
        total = None if total is None or value is None else _arithmetic("add", total, value)
    return total


def _arithmetic(op: str, a: Value, b: Value) -> Value:
    from .evaluate import operate

    return operate(op, a, b)


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
    object has a sentence for every edge. A relation
    (`x^2 + y^2 = 25`) is differentiated implicitly. SymPy works in a process of its own, which is
    stopped after `time_limit` seconds of processor time: the derivative does not depend on it.
    Errors: `BackpropError`.

    >>> result = differentiate("3*(x + 2)^2", at={"x": 1})
    >>> str(result.gradient["x"]), result.gradient_value["x"], result.verified.status
    ('6*(x + 2)', 18, 'proved')
    >>> str(differentiate("x^2 + y^2 = 25").gradient["x"])
    '-x/y'
    """
    from .session import Derive, shared_session
    from .study import study

    result = derive(
        text, wrt, at, order, of=of, mixed=mixed, along=along, total=total, jacobian=jacobian, hessian=hessian,
        tangent=tangent, decompose=decompose or "typed", explain=explain, program=program, functions=functions,
        digits=digits, max_nodes=max_nodes,
    )  # fmt: skip
    study(result, modes=modes, decompositions=decompose is not None, check=check_gradient)
    if simplify or verify:
        session = shared_session()
        session.wait(session.send(Derive(result, simplify=simplify, verify=verify, time_limit=time_limit)))
    else:
        result.verified = Verification("unverified", "verification was not asked for")
    return result


__all__ = ["BackpropError", "CONDITIONS", "Derivation", "Link", "Step", "Verification", "derive", "differentiate"]
