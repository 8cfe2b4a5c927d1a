"""The derivation of a gradient: the one object that every renderer and every check takes.

`derive` does all that needs no SymPy: reading, the reverse pass, values at a point. The readable
forms and the verdict of the judge come later, from a worker, through `Derivation.absorb`; a
derivation without them is complete and right, only less polished.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .errors import BackpropError, LimitError, UsageError, visible
from .evaluate import Value, accurate, evaluate, sign_of_difference, value_text
from .expr import LEAVES, PYTHON, Graph, Node, Style, definitions, encode, fresh_prefix, to_text
from .ops import CONDITIONS, Op, lookup
from .parser import MAX_NODES, Equation, check_variables, parse_equation
from .reverse import Edge, Pass, backpropagate
from .rules import apply as apply_rule
from .rules import compile_text
from .tidy import Tidy

# A result whose written-out form has more nodes than this is printed with named parts.
WRITTEN_OUT = 3000
# Beyond this size nothing is simplified: it takes hours where the passes take milliseconds.
MAX_SIMPLIFY = 400


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

    __slots__ = ("position", "name", "op", "code", "rule", "operands", "adjoint", "value", "adjoint_value", "part")

    def __init__(self, position: int, name: str, op: str, code: str, rule: str, operands: list[str]) -> None:
        self.position, self.name, self.op, self.code, self.rule = position, name, op, code, rule
        self.operands = operands
        self.adjoint: int | None = None  # None: no variable asked for lies below
        self.value: Value = None
        self.adjoint_value: Value = None
        self.part = 0  # the number of its pass: there are several for a higher order


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

    gradient    variable -> derivative, in readable form once the worker has answered
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
        self.notes: list[str] = list(equation.notes)
        self.passes: list[Pass] = []
        self.derived: dict[str, int] = {}
        self.forms: dict[int, int] = {}  # node -> the node of its readable form
        self.typed = len(self.graph.nodes)  # nodes before this one are as the user typed them
        self.point: dict[str, Value] | None = None
        self.point_text: dict[str, str] = {}
        self.gradient_value: dict[str, Value] = {}
        self.verified = Verification("unverified", "not verified")
        self.nodes: list[Step] = []
        self.edges: list[Link] = []
        self.names: dict[int, str] = {}
        self.output_name = ""

    # -- what a user asks for ------------------------------------------------------------------

    @property
    def gradient(self) -> dict[str, Node]:
        """The derivative by each variable; of order N, the pure N-th derivative."""
        return {name: Node(self.graph, self.form(i)) for name, i in self.derived.items()}

    @property
    def output(self) -> str | None:
        """The name on the left side of the equation."""
        return self.equation.output

    @property
    def value(self) -> Value:
        """The value of the output at the point."""
        return self.nodes[-1].value if self.nodes else None

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
        inside = ", ".join(f"{name}: {node}" for name, node in self.gradient.items())
        return f"<Derivation of {self.equation}: {{{inside}}}>"

    # -- names ---------------------------------------------------------------------------------

    def text(self, position: int, style: Style = PYTHON) -> str:
        """A node written in the trace's names of the nodes below it."""
        return self.names.get(position) or to_text(self.graph, position, style, self.names)

    def definitions(self, roots: Iterable[int]) -> dict[int, str]:
        """Names for the parts of expressions whose written-out form would be huge; else none."""
        named = definitions(self.graph, roots, WRITTEN_OUT)
        if not named:
            return {}
        prefix = fresh_prefix([*self.equation.graph.variables([self.root]), *self.names.values()], "tsuwhkmnpqr")
        return {position: f"{prefix}{i + 1}" for i, position in enumerate(named)}

    # -- JSON ----------------------------------------------------------------------------------

    def as_dict(self, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object of `backprop diff --format json`."""
        results = [self.form(i) for i in self.derived.values()]
        shown = [s.position for s in self.nodes] + results
        shown += [self.form(s.adjoint) for s in self.nodes if s.adjoint is not None]
        names = self.definitions(shown)
        graph = self.graph

        def written(position: int) -> str:
            return names[position] if position in names else to_text(graph, position, PYTHON, names)

        def inside(position: int) -> str:
            return self.text(position) if not names else written(position)

        data: dict[str, Any] = {"version": 1, "source": dict(source or {}), "input": self.equation.text}
        if names:
            data["definitions"] = [
                {"name": name, "expr": to_text(graph, i, PYTHON, names)} for i, name in names.items()
            ]
        left = f"{self.equation.left_side} = " if self.output is not None else ""
        data |= {
            "equation": left + written(self.equation.root),
            "output": self.output,
            "wrt": self.wrt,
            "order": self.order,
            "gradient": {name: written(self.form(i)) for name, i in self.derived.items()},
            "nodes": [
                {
                    "name": s.name, "op": s.op, "rule": s.code, "operands": s.operands, "shape": [],
                    "primal": written(s.position),
                    "adjoint": "0" if s.adjoint is None else written(self.form(s.adjoint)),
                    "value": self.number(s.value), "adjoint_value": self.number(s.adjoint_value),
                }
                for s in self.nodes
            ],
            "edges": [
                {
                    "from": link.source, "to": link.target, "rule": link.code,
                    "partial": inside(link.edge.partial), "sends": self._sends(link, names),
                    "partial_value": self.number(link.partial_value), "sends_value": self.number(link.sends_value),
                }
                for link in self.edges
            ],
            "at": self.point_text or None,
            "value": self.number(self.value),
            "gradient_value": {n: self.number(v) for n, v in self.gradient_value.items()} if self.point else None,
            "notes": self.notes,
            "verified": self.verified.as_dict(),
        }  # fmt: skip
        return data

    def _sends(self, link: Link, names: Mapping[int, str]) -> str:
        """The user's adjoint times the partial, as the pass multiplies them."""
        adjoint = self.passes[link.part].adjoints[link.edge.user]
        cuts = names or self.names
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
        results = list(self.derived.values())
        roots = [self.root, *results]
        small = len(self.graph.reachable(roots)) <= MAX_SIMPLIFY
        wanted: list[int] = []
        if simplify and small and self.graph.written_size(results) <= 20 * MAX_SIMPLIFY:
            wanted = list(dict.fromkeys(results))
            if adjoints and len(self.nodes) <= 60:
                wanted += [s.adjoint for s in self.nodes if s.adjoint is not None and s.adjoint not in wanted]
                wanted = list(dict.fromkeys(wanted))
        if not wanted and not verify:
            return None
        data = encode(self.graph, [*roots, *wanted])
        place = data.pop("roots")
        return {
            "kind": "differentiate", "nodes": data["nodes"], "root": place[0], "wrt": self.wrt, "order": self.order,
            "results": place[1 : 1 + len(results)], "simplify": place[1 + len(results) :],
            "positions": wanted, "verify": verify,
        }  # fmt: skip

    def absorb(self, message: Mapping[str, Any]) -> None:
        """Takes one message of a worker."""
        from .expr import decode

        if "ended" in message:
            if self.verified.status == "unverified":
                self.verified = _stopped(message)
        elif message.get("stage") == "simplified":
            found = decode(message["forms"], self.graph)
            for position, form in zip(message["positions"], found, strict=True):
                self.forms[position] = form
        elif message.get("stage") == "verified":
            self.verified = Verification(
                message["status"], message["how"], message["points"], message["digits"], message.get("limit", False)
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
    functions: Collection[str] = (),
    digits: int = 15,
    max_nodes: int = MAX_NODES,
    trace: bool = True,
) -> Derivation:
    """The derivation without SymPy; `trace` False leaves out the rows, for a result alone."""
    if order < 1:
        raise UsageError("the order is a whole number from 1", hint="--order 2 is the second derivative")
    names = None if wrt is None else check_variables(wrt)
    points = list(at) if at else []
    equation = parse_equation(text, wrt=[*(names or ()), *points], functions=functions, max_nodes=max_nodes)
    if equation.right is not None:
        raise UsageError(
            "this is a relation between variables, not a formula for one of them",
            text=equation.text, start=0, end=len(equation.text),
            hint="write y = ... with y alone on the left",
        )  # fmt: skip
    result = derive_equation(equation, names, order, digits=digits, max_nodes=max_nodes, trace=trace)
    if at:
        _set_point(result, at, functions)
    return result


def derive_equation(
    equation: Equation,
    names: list[str] | None,
    order: int = 1,
    *,
    digits: int = 15,
    max_nodes: int = MAX_NODES,
    trace: bool = True,
) -> Derivation:
    """`derive` for an equation that was read already, by `names` or by all its variables."""
    graph = equation.graph
    if names is None:
        occurring = graph.variables([equation.root])
        if equation.wrt is not None:
            names = [equation.wrt]
        else:
            names = list(equation.parameters) or _differentiable(equation, occurring)
        if not names:
            equation.notes.append("no variable occurs: there is nothing to differentiate by")
    result = Derivation(equation, names, order * equation.order, digits)
    present = set(graph.variables([equation.root]))
    for name in names:
        if name not in present:
            result.note(f"{visible(name)} does not occur: the derivative by it is 0")
    _name_output(result)
    _run_passes(result, max_nodes, trace)
    if trace:
        _name_nodes(result)
        _trace(result)
    return result


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


def _run_passes(result: Derivation, max_nodes: int, trace: bool) -> None:
    graph = result.graph
    if result.order == 1 or not result.wrt:
        only = backpropagate(graph, result.root, result.wrt, keep_edges=trace)
        result.passes = [only]
        result.derived = only.gradient
        return
    for name in result.wrt:
        root = result.root
        for _ in range(result.order):
            last = backpropagate(graph, root, [name], keep_edges=trace)
            root = last.gradient[name]
            if len(graph.nodes) > 20 * max_nodes:
                raise LimitError(f"the derivative has more than {20 * max_nodes} nodes", hint="ask for a lower order")
        result.passes.append(last)
        result.derived[name] = root


def _name_output(result: Derivation) -> None:
    """The output's own name, else f, else another letter that the user has not typed."""
    graph = result.graph
    called = [key[0].split(" ")[1] for key in graph.nodes if key[0].startswith("call ")]
    taken = {*graph.variables([result.root]), *called}
    plain = result.output if result.output and result.output.replace("_", "a").isalnum() else "f"
    result.output_name = plain if plain not in taken else fresh_name(taken)


def fresh_name(taken: Collection[str]) -> str:
    """A name for a function that is not taken."""
    return next((c for c in "FGHfgh" if c not in taken), None) or fresh_prefix(taken, "FGHfgh") + "1"


def _name_nodes(result: Derivation) -> None:
    """v1, v2, ... for the operations, the output's own name for the last one."""
    graph = result.graph
    variables = graph.variables([result.root])
    taken = {*variables, *(result.output or "f",)}
    first = result.passes[0].output if result.order > 1 else result.root
    prefix = fresh_prefix([*taken, result.output_name])
    count = 0
    roots = list(dict.fromkeys(one.output for one in result.passes)) or [first]
    for position in graph.reachable(roots):
        key = graph.nodes[position]
        if key[0] in LEAVES:
            continue
        if position == roots[-1] and len(roots) == 1 and result.order == 1:
            result.names[position] = result.output_name
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
    graph = result.graph
    for part, one in enumerate(result.passes):
        varying = set(one.order)
        rules: dict[int, tuple[str, str]] = {}
        for position in graph.reachable([one.output]):
            key = graph.nodes[position]
            op = key[0]
            if op == "var":
                step = Step(position, key[1], "var", "R01", "variable", [])
            elif op in LEAVES:
                if position != one.output:
                    continue
                step = Step(position, result.output_name, "const", "R01", "constant", [])
            else:
                row = lookup(op)
                constant = [i not in varying for i in key[1:]]
                if all(constant):  # nothing flows here; it is named by what it looks like
                    constant = [graph.nodes[i][0] in LEAVES and graph.nodes[i][0] != "var" for i in key[1:]]
                rules[position] = _rule(row, constant)
                operands = [result.names.get(i) or to_text(graph, i) for i in key[1:]]
                step = Step(position, result.names[position], _op_name(row), *rules[position], operands)
            step.adjoint, step.part = one.adjoints.get(position), part
            result.nodes.append(step)
        for edge in one.edges:
            target = result.names.get(edge.target) or to_text(graph, edge.target)
            code, rule = rules[edge.user]
            link = Link(edge, result.names[edge.user], target, code, rule)
            link.part = part
            result.edges.append(link)


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
    for name in check_variables(at):
        given = at[name]
        point[name] = parse_value(str(given) if not isinstance(given, float) else repr(given))
        if isinstance(given, (int, Fraction)):
            point[name] = given if not isinstance(given, Fraction) or given.denominator > 1 else given.numerator
        result.point_text[name] = value_text(point[name], result.digits) or ""
    result.point = point
    graph = result.graph
    occurring = graph.variables([result.root])
    for name in point:
        if name not in occurring:
            result.note(f"{visible(name)} has a value but does not occur")
    missing = [name for name in occurring if name not in point]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        result.note(f"no value for the variable{plural} {', '.join(missing)}: what depends on it stays a formula")
    Values(result).fill()


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
        for part, one in enumerate(result.passes):
            partials = [e.partial for e in one.edges]
            values = evaluate(
                graph, graph.reachable([one.output, result.root, *partials, *result.derived.values()]), point,
                precision=precision,
            )  # fmt: skip
            adjoints = self._backward(part, one, values, precision)
            for step in result.nodes:
                if step.part != part:
                    continue
                if step.position in values:
                    step.value = values[step.position]
                    done = done and accurate(step.value, result.digits)
                if step.position in adjoints:
                    step.adjoint_value = adjoints[step.position]
                    done = done and accurate(step.adjoint_value, result.digits)
            for name in result.wrt if result.order == 1 else [n for n in result.wrt if n in one.gradient]:
                variable = graph.index.get(("var", name))
                reached = variable is not None and variable in one.adjoints
                number = adjoints.get(variable) if reached and variable is not None else 0
                if number is None:  # the sum over the edges does not exist, the derivative may
                    number = values.get(result.derived[name])
                if values.get(result.root, 0) is None:  # nor has a function a derivative where it has no value
                    number = None
                result.gradient_value[name] = number
        return done

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
                link = links[edge.user, edge.operand]
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
        for step in result.nodes if result.value is None else ():
            if step.value is None and self._has_values(step.position):
                formula = to_text(self.graph, step.position, PYTHON, result.names)
                result.note(f"{step.name} = {formula} has no real value at this point")
                return
        for name, value in result.gradient_value.items():
            if value is None and self._has_values(result.root):
                result.note(f"the derivative by {name} does not exist at this point")

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
    functions: Collection[str] = (),
    simplify: bool = True,
    verify: bool = True,
    time_limit: float = 5.0,
    digits: int = 15,
    max_nodes: int = MAX_NODES,
) -> Derivation:
    """Differentiates an equation, brings the result into readable form and checks it.

    `wrt` are the variables (default: all); `at` gives values to variables, as numbers or text
    (`{"x": "pi/2"}`); `functions` are the names of unknown functions. SymPy works in a process of
    its own, which is stopped after `time_limit` seconds of processor time: the derivative does not
    depend on it. Errors: `BackpropError`.

    >>> result = differentiate("3*(x + 2)^2", at={"x": 1})
    >>> str(result.gradient["x"]), result.gradient_value["x"], result.verified.status
    ('6*(x + 2)', 18, 'proved')
    """
    from .session import Derive, shared_session

    result = derive(text, wrt, at, order, functions=functions, digits=digits, max_nodes=max_nodes)
    if simplify or verify:
        session = shared_session()
        session.wait(session.send(Derive(result, simplify=simplify, verify=verify, time_limit=time_limit)))
    else:
        result.verified = Verification("unverified", "verification was not asked for")
    return result


__all__ = ["BackpropError", "CONDITIONS", "Derivation", "Link", "Step", "Verification", "derive", "differentiate"]
