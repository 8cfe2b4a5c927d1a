"""The compute graph of a derivation as a picture: boxes, wires and what stands beside them, without any places.

`draw` makes the picture that every format shows (`layout` gives it places), `walk` the moments of the
two passes through it, forwards and then backwards. Nothing is computed here but running sums: what
has arrived at a node after some edges of the backward pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .choices import STYLES
from .derivation import Derivation, Link, Step
from .errors import LimitError, UsageError
from .evaluate import Value, decimal_text, operate, set_precision, value_text
from .expr import ASCII, LEAVES, PRETTY, Style, to_text
from .ops import lookup
from .passes import TRACED
from .reverse import Pass

LIMIT = 500  # boxes; of more, chains are folded, and what is far from the output is left out
DIGITS = 4  # of numbers that are not exact
LONGEST_NUMBER = 9  # characters of an exact number; a longer one is rounded
SHORT = 14  # characters of an adjoint's formula that stands at a node; a longer one is called by its name
LONGEST_FORMULA = 34  # characters of the formula in a folded box
TERMS = 3  # of a sum of what arrived so far that are written


class Box(NamedTuple):
    """A node of the picture.

    key       such as "n3": safe in every format, never made of what a user typed
    kind      "variable", "constant", "operation", "output", "fold" (stands for several nodes) or "point" (no frame)
    label     what is written in it: plain text, not escaped
    position  the node of the derivation's graph; None for the end of the last wire
    name      its name in the trace: x, v1, f
    formula   what it computes, in the names of the trace: a², 5·v1
    value     at the point; "" if there is none
    adjoint   the number at the point, else its formula, or its name where that is long; "" if nothing has arrived
    state     of the backward pass: "" | "now" | "done" | "waiting"
    """

    key: str
    kind: str
    label: str
    position: int | None
    name: str = ""
    formula: str = ""
    value: str = ""
    adjoint: str = ""
    state: str = ""


class Wire(NamedTuple):
    """From an operand to its user: the direction of the computation.

    label    a name (operations) or an operation (variables)
    value    stands above the wire (circuit)
    adjoint  stands below it: what flows back along it
    link     the index in `Derivation.edges` of what flows back along it; None: nothing does
    slot     which operand of the user it is
    """

    key: str
    source: str
    target: str
    label: str = ""
    value: str = ""
    adjoint: str = ""
    link: int | None = None
    state: str = ""
    slot: int = 0


class Picture(NamedTuple):
    """A drawing: boxes with operands before users, and wires.

    ordered  the boxes whose operands must keep their order: a − b, a/b
    title    the equation that is drawn
    caption  what the last step did; "" without a step
    legend   what stands above and below
    meaning  what an adjoint is, by an example: v̄1 = ∂y/∂v1; "" if there is none
    remarks  sentences to be shown: folded, left out, one pass of several
    steps    how many edges the backward pass has
    """

    style: str
    boxes: list[Box]
    wires: list[Wire]
    ordered: frozenset[str]
    title: str
    caption: str
    legend: str
    meaning: str
    remarks: list[str]
    steps: int


class Moment(NamedTuple):
    """One step of the walk, forwards and then backwards.

    phase         "forward" | "seed" | "backward"
    position      forward: the node computed; seed: the output; backward: the operand that receives
    link          backward: the index in `Derivation.edges`
    arrived       backward: the sum of what has arrived there so far, at the point; None if there is none
    arrived_text  the same as a formula in the trace's names
    complete      nothing more will arrive there
    """

    phase: str
    position: int
    link: int | None = None
    arrived: Value = None
    arrived_text: str = ""
    complete: bool = False


class Signs:
    """How names and numbers are written in pictures."""

    def __init__(self, ascii: bool = False, digits: int = DIGITS) -> None:
        self.ascii, self.digits = ascii, digits
        self.style: Style = ASCII if ascii else PRETTY
        self.times = "*" if ascii else "·"
        self.arrow = "->" if ascii else "→"
        self.more = "..." if ascii else "…"

    def bar(self, name: str) -> str:
        """The name of an adjoint: v̄4."""
        plain = name[:1].isalpha() and all(c.isdigit() or c == "_" for c in name[1:])
        return f"bar({name})" if self.ascii or not plain else f"{name[0]}\u0304{name[1:]}"

    def number(self, value: Value) -> str:
        """A value, short: exact if that takes no more characters than a few, else rounded; "" if there is none."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        text = value_text(value, self.digits) or ""
        if len(text) > max(LONGEST_NUMBER, self.digits + 2):
            text = decimal_text(value, self.digits)
        return text if self.ascii else text.replace("-", "−")


class Unit:
    """What becomes one box: a node, or a chain of nodes that ends in it.

    slots    what flows in: (operand, user, which operand of it)
    members  the nodes, in order; the last is the one that the box stands for
    """

    __slots__ = ("position", "slots", "members")

    def __init__(self, position: int, slots: list[tuple[int, int, int]]) -> None:
        self.position, self.slots, self.members = position, slots, [position]


class Part:
    """One pass of a derivation: its nodes, its edges, and what has arrived where after some of them."""

    def __init__(self, derivation: Derivation, part: int, signs: Signs) -> None:
        if not derivation.nodes:
            raise LimitError(
                f"there are {len(derivation.passes)} passes: graphs are kept of up to {TRACED}",
                hint="ask for one output or one variable: --of, --wrt",
            )
        if not 0 <= part < len(derivation.passes):
            raise UsageError(f"there is no pass {part + 1}: there are {len(derivation.passes)}", hint="--pass 1")
        self.derivation, self.part, self.signs = derivation, part, signs
        self.graph = derivation.graph
        self.one: Pass = derivation.passes[part]
        self.steps: dict[int, Step] = {step.position: step for step in derivation.nodes if step.part == part}
        self.links: list[int] = [k for k, link in enumerate(derivation.edges) if link.part == part]
        self.place: dict[tuple[int, int], int] = {}
        for order, k in enumerate(self.links):
            edge = derivation.edges[k].edge
            self.place[edge.user, edge.operand] = order
        self.terms: dict[int, Sequence[int]] = {group.top: group.terms for group in derivation.groups}
        self.names = derivation.names_in(part)
        self.own = derivation.given_names()
        self.free = self._free()

    def _free(self) -> set[int]:
        """The nodes that have no value at the point because a variable has none; all, if there is no point."""
        point = self.derivation.point
        if point is None:
            return set(self.steps)
        free: set[int] = set()
        for position in self.graph.reachable([self.one.output]):
            key = self.graph.nodes[position]
            if key[0] == "var":
                if key[1] not in point:
                    free.add(position)
            elif not free.isdisjoint(self.graph.operands(position)):
                free.add(position)
        return free

    def operands(self, position: int) -> Sequence[int]:
        """The operands of a node as it is shown: of a sum of several terms, all of them."""
        return self.terms.get(position) or self.graph.operands(position)

    def link(self, order: int) -> Link:
        """An edge of the backward pass, by its order."""
        return self.derivation.edges[self.links[order]]

    # Texts.

    def text(self, position: int, required: int = 0, names: Mapping[int, str] | None = None) -> str:
        """A node in the names of the trace."""
        names = self.names if names is None else names
        if position in names:
            return names[position]
        return to_text(self.graph, position, self.signs.style, names, required)

    def formula(self, position: int) -> str:
        """What a node computes, in the names of the trace."""
        return to_text(self.graph, position, self.signs.style, self.names)

    def value(self, step: Step) -> str:
        """What stands above a node."""
        if self.derivation.point is None or step.position in self.free:
            return ""
        return self.signs.number(step.value) or "undefined"

    def adjoint(self, step: Step) -> str:
        """What stands below a node when the pass is over."""
        if step.adjoint is None:
            return ""
        if step.adjoint_value is not None:
            return self.signs.number(step.adjoint_value)
        if self.derivation.point is not None and not self.free:
            return "undefined"
        return self.short(self.derivation.form(step.adjoint), self.own) or self.signs.bar(step.name)

    def short(self, position: int, names: Mapping[int, str]) -> str:
        """The text of a node if it is short, else ""."""
        if self._is_large(position, names):
            return ""
        text = self.text(position, 0, names)
        return text if len(text) <= SHORT else ""

    def _is_large(self, position: int, names: Mapping[int, str], most: int = SHORT) -> bool:
        """Whether the written-out tree has more nodes than a short text can have; looks at no more than these."""
        stack, seen = [position], 0
        while stack and seen <= most:
            seen += 1
            position = stack.pop()
            if position not in names:
                stack.extend(self.graph.operands(position))
        return seen > most

    def sends(self, link: Link) -> str:
        """What an edge sends, as a formula: v̄2 · 5."""
        partial = self.text(link.edge.partial, 40)
        bar = self.signs.bar(link.source)
        return bar if partial == "1" else f"{bar}{self.signs.times}{partial}"

    def sent(self, link: Link) -> str:
        """What stands below a wire: the number that an edge sends, else a short formula."""
        if link.sends_value is not None:
            return self.signs.number(link.sends_value)
        if self.derivation.point is not None and not self.free:
            return "undefined"
        return self.short(link.edge.sends, self.own) or self._kept_short(self.sends(link))

    def _kept_short(self, text: str) -> str:
        return text if len(text) <= SHORT + 4 else text[: SHORT + 3] + self.signs.more

    def arrivals(self, count: int | None = None) -> list[tuple[Value, str, bool]]:
        """After each of the first edges: the sum at its target, the same as a formula, and whether it is complete."""
        links = self.links if count is None else self.links[:count]
        edges = self.derivation.edges
        last = {edges[k].edge.target: k for k in self.links}
        sums: dict[int, Value] = {}
        texts: dict[int, list[str]] = {}
        found: list[tuple[Value, str, bool]] = []
        previous = set_precision(64 * self.derivation.digits + 3000)
        try:
            for k in links:
                link = edges[k]
                target, sent = link.edge.target, link.sends_value
                if target in sums and (sums[target] is None or sent is None):
                    sent = None
                elif target in sums:
                    sent = operate("add", sums[target], sent)
                complete = last[target] == k
                if complete and target in self.steps:
                    sent = self.steps[target].adjoint_value  # what the pass itself has found
                sums[target] = sent
                terms = texts.setdefault(target, [])
                terms.append(self.sends(link))
                if len(terms) > TERMS:
                    terms[:2] = [self.signs.more]
                found.append((sent, " + ".join(terms), complete))
        finally:
            set_precision(previous)
        return found


# -- the walk ----------------------------------------------------------------------------------------


def walk(derivation: Derivation, part: int = 0, *, ascii: bool = False) -> list[Moment]:
    """The moments of one pass: every node forwards, the seed, every edge backwards.

    After k edges, what has arrived at a node is the sum of what they have sent there; when nothing
    more will arrive, it is the adjoint. Errors: `LimitError` if the steps were not kept.

    >>> from backprop.derivation import derive
    >>> for moment in walk(derive("x + sin(x)", at={"x": 0})):
    ...     print(moment.phase, moment.position, moment.arrived, moment.arrived_text, moment.complete)
    forward 0 None  False
    forward 1 None  False
    forward 2 None  False
    seed 2 1 1 False
    backward 0 1 f̄ False
    backward 1 1 f̄ True
    backward 0 2 f̄ + v̄1·cos(x) True
    """
    shown = Part(derivation, part, Signs(ascii))
    moments = [Moment("forward", position) for position in shown.steps]
    moments.append(Moment("seed", shown.one.output, None, 1, "1", False))
    edges = derivation.edges
    for k, (value, text, complete) in zip(shown.links, shown.arrivals(), strict=True):
        moments.append(Moment("backward", edges[k].edge.target, k, value, text, complete))
    return moments


# -- the picture -------------------------------------------------------------------------------------


def draw(
    derivation: Derivation,
    *,
    style: str = "operations",
    step: int | None = None,
    forward_only: bool = False,
    part: int = 0,
    limit: int = LIMIT,
    ascii: bool = False,
    digits: int = DIGITS,
    fold: bool = False,
) -> Picture:
    """The picture of one pass, in one of `STYLES`.

    `step` k shows the state after k edges of the backward pass; 0: only the seed. With more than
    `limit` boxes, chains of nodes with one user are folded into one box; if that is not enough, what
    is furthest from the output is left out. `fold` folds the chains of any picture. Numbers have `digits`
    digits unless they are exact and short.
    Errors: `UsageError` for an unknown style, pass or step, `LimitError` if the steps were not kept.

    >>> from backprop.derivation import derive
    >>> picture = draw(derive("3*(x + 2)^2", at={"x": 1}))
    >>> [(box.label, box.value, box.adjoint) for box in picture.boxes if box.kind == "operation"]
    [('+', '3', '18'), ('( )²', '9', '3'), ('×', '27', '1')]
    """
    if style not in STYLES:
        raise UsageError(f"there is no style {style}", hint=f"choose from {', '.join(STYLES)}")
    shown = Part(derivation, part, Signs(ascii, digits))
    if step is not None and forward_only:
        raise UsageError("a step is one of the backward pass", hint="leave out --forward-only or --step")
    if step is not None and not 0 <= step <= len(shown.links):
        count = len(shown.links)
        raise UsageError(f"there is no step {step}: the backward pass has {count} step{'s' * (count != 1)}",
                         hint=f"--step {count} is the last")  # fmt: skip
    return _Drawing(shown, style, step, forward_only, limit, fold).picture()


OPERATIONS = {"add": "+", "sub": "−", "neg": "−", "mul": "×", "div": "÷", "exp": "exp", "sqrt": "√",
              "log": "ln", "where": "if", "factorial": "!", "abs": "abs"}  # fmt: skip
ASCII_OPERATIONS = OPERATIONS | {"sub": "-", "neg": "-", "mul": "*", "div": "/", "sqrt": "sqrt"}
COMMUTATIVE = ("add", "mul")


class _Drawing:
    """The boxes and wires of one picture."""

    def __init__(
        self, shown: Part, style: str, step: int | None, forward_only: bool, limit: int, fold: bool
    ) -> None:  # fmt: skip
        self.fold = fold or style == "folded"
        self.shown, self.style, self.step, self.forward_only, self.limit = shown, style, step, forward_only, limit
        self.graph, self.signs = shown.graph, shown.signs
        self.remarks: list[str] = []
        self.output = shown.one.output
        self.boxes: list[Box] = []
        self.wires: list[Wire] = []
        self.ordered: set[str] = set()
        self.left_out: set[int] = set()
        self.arrived: dict[int, tuple[Value, str, bool]] = {}
        self.now: Link | None = None

    def picture(self) -> Picture:
        """All of it."""
        self._arrive()
        units = self._units()
        self.users: dict[int, int] = {}
        for unit in units.values():
            for operand, _, _ in unit.slots:
                self.users[operand] = self.users.get(operand, 0) + 1
        if self.output not in units:  # a constant
            self._constant(self.output, f"n{self.output}")
        for unit in units.values():
            self._draw(unit)
        if self.style in ("operations", "circuit"):
            self._end()
        return Picture(
            self.style, self.boxes, self.wires, frozenset(self.ordered), self._title(), self._caption(),
            self._legend(), self._meaning(), [*self.remarks, *self._about_passes()],
            0 if self.forward_only else len(self.shown.links),
        )  # fmt: skip

    # Which nodes become boxes.

    def _units(self) -> dict[int, Unit]:
        shown = self.shown
        units: dict[int, Unit] = {}
        for position in shown.steps:
            slots = [(operand, position, k) for k, operand in enumerate(shown.operands(position))]
            units[position] = Unit(position, slots)
        count = len(units)
        if self.fold or count > self.limit:
            units = self._folded(units)
            if self.style != "folded" and len(units) < count:
                self.remarks.append(f"chains are folded: {count} nodes in {len(units)} boxes")
        if len(units) > self.limit:
            units = self._nearest(units, count)
        return units

    def _folded(self, units: dict[int, Unit]) -> dict[int, Unit]:
        """With every chain as one unit: a node that one other alone uses, which has no other varying operand."""
        nodes = self.graph.nodes
        users: dict[int, int] = {}
        for unit in units.values():
            for operand, _, _ in unit.slots:
                users[operand] = users.get(operand, 0) + 1
        kept: dict[int, Unit] = {}
        for position, unit in units.items():
            inputs = [slot for slot in unit.slots if slot[0] in units]
            below = kept.get(inputs[0][0]) if len(inputs) == 1 else None
            if below is not None and nodes[below.position][0] not in LEAVES and users[below.position] == 1:
                del kept[below.position]
                below.members.append(position)
                below.position = position
                unit = below
            kept[position] = unit
        return kept

    def _nearest(self, units: dict[int, Unit], count: int) -> dict[int, Unit]:
        """The units nearest to the output; where they are cut off, a box stands for what is below."""
        near = {self.output}
        queue = [self.output] if self.output in units else []
        opened: set[int] = set()
        for position in queue:
            new = dict.fromkeys(i for i, _, _ in units[position].slots if i in units and i not in near)
            if len(near) + len(new) <= self.limit:
                opened.add(position)
                near |= new.keys()
                queue += new
        found: dict[int, Unit] = {}
        for position, unit in units.items():
            if position in opened:
                found[position] = unit
            elif position in near:
                found[position] = Unit(position, [])
                self.left_out.add(position)
        hidden = count - sum(len(unit.members) for unit in found.values())
        self.remarks.append(
            f"{hidden} of {count} nodes are left out, those that are furthest from {self._name(self.output)}"
        )
        return found

    # Boxes.

    def _draw(self, unit: Unit) -> None:
        """The box of a unit, and the wires into it."""
        shown, position = self.shown, unit.position
        step = shown.steps[position]
        op = self.graph.nodes[position][0]
        key = f"n{position}"
        fold = len(unit.members) > 1 or position in self.left_out
        adjoint, state = self._state(unit)
        value = shown.value(step)
        formula = step.name if op == "var" else shown.formula(position)
        if op == "var":
            kind, label = "variable", step.name
        elif op in LEAVES:
            kind, label = "constant", formula
        elif position in self.left_out:
            kind, label = "fold", f"{step.name} {self.signs.more}"
        elif self.style == "folded":
            kind = "output" if position == self.output else "fold" if fold else "operation"
            label = f"{step.name} = {self._chain(unit)}"
        elif self.style == "variables":
            kind = "output" if position == self.output else "operation"
            label = step.name
            if not self._inputs(unit):
                label = f"{step.name} = {self._chain(unit)}"
        elif fold:
            kind, label = "fold", self._chain(unit)
        else:
            kind, label = "operation", self._symbol(position)
        if fold:
            formula = self._chain(unit)
        constants = self.style in ("operations", "circuit") and not fold
        for operand, user, k in () if position in self.left_out else unit.slots:
            self._wire(unit, operand, user, k, key, constants)
        if self.style == "circuit" and self.users.get(position, 0) + (position == self.output) == 1:
            value = adjoint = ""  # the wire says it
        if self.style in ("operations", "circuit") and op not in LEAVES and op not in COMMUTATIVE:
            self.ordered.add(key)
        self.boxes.append(Box(key, kind, label, position, step.name, formula, value, adjoint, state))

    def _wire(self, unit: Unit, operand: int, user: int, k: int, key: str, constants: bool) -> None:
        """A wire into a box, with the constant that it comes from."""
        shown = self.shown
        source = f"n{operand}"
        wire = f"w{user}_{k}"
        if operand not in shown.steps:
            if not constants or self._in_label(user, k):
                return
            source = f"c{user}_{k}"
            self._constant(operand, source)
            self.wires.append(Wire(wire, source, key, slot=k))
            return
        order = None if self.forward_only else shown.place.get((user, k))
        label = value = adjoint = state = ""
        name = shown.steps[operand].name
        if self.style == "operations" and self.graph.nodes[operand][0] not in LEAVES:
            label = name
        elif self.style == "variables":
            label = self._operation(unit, operand, user, k)
        elif self.style == "circuit":
            value = shown.value(shown.steps[operand])
        if order is not None:
            state = self._wire_state(order)
            if self.style == "circuit" and state != "waiting":
                adjoint = shown.sent(shown.link(order))
        link = None if order is None else shown.links[order]
        self.wires.append(Wire(wire, source, key, label, value, adjoint, link, state, k))

    def _constant(self, position: int, key: str) -> None:
        self.boxes.append(Box(key, "constant", self.shown.text(position), position))

    def _end(self) -> None:
        """The end of the last wire, with the output's name."""
        shown = self.shown
        step = shown.steps.get(self.output)
        if step is None:
            return
        adjoint, state = self._state(Unit(self.output, []))
        value = shown.value(step)
        if self.style == "operations":
            value = adjoint = ""
        self.boxes.append(Box("out", "point", self._name(self.output), None, self._name(self.output)))
        self.wires.append(Wire("w", f"n{self.output}", "out", "", value, adjoint, None, state and "done"))

    def _inputs(self, unit: Unit) -> list[int]:
        return [operand for operand, _, _ in unit.slots if operand in self.shown.steps]

    def _name(self, position: int) -> str:
        step = self.shown.steps.get(position)
        if step is None or (step.op == "var" and position == self.output):
            return self.shown.one.of or self.shown.derivation.output_name
        return step.name

    # What is written in boxes and on wires.

    def _symbol(self, position: int) -> str:
        """An operation as a sign: +, ×, sin; a power by a number with it."""
        op, *operands = self.graph.nodes[position]
        if op == "pow" and self._in_label(position, 1):
            return to_text(self.graph, position, self.signs.style, {operands[0]: "( )"})
        return self._sign(op)

    def _sign(self, op: str) -> str:
        known = ASCII_OPERATIONS if self.signs.ascii else OPERATIONS
        row = lookup(op)
        return known.get(op) or (row.symbol if len(row.operands) > 1 and row.symbol else row.call)

    def _in_label(self, user: int, k: int) -> bool:
        """Whether an operand is part of its user's label: the exponent of a power, if it is a number."""
        key = self.graph.nodes[user]
        return bool(key[0] == "pow" and k == 1 and key[2] not in self.shown.steps and user not in self.shown.terms)

    def _operation(self, unit: Unit, operand: int, user: int, k: int) -> str:
        """An operation as it looks from one of its operands: + 2, ², 3 ·."""
        if len(unit.members) > 1:
            return self._cut(self._chain(unit, {operand: "( )"}))
        op = self.graph.nodes[user][0]
        terms = self.shown.operands(user)
        if len(terms) == 1:
            return self._sign(op)
        if op in COMMUTATIVE:
            sign = "+" if op == "add" else self.signs.times
            if len(terms) > 2:
                return sign
            other = self.shown.text(terms[1 - k], 40)
            return f"{sign} {other}" if op == "add" else f"{sign}{other}"
        names = {**self.shown.names, operand: "( )" if op in ("pow", "sub", "div") else "_"}
        text = to_text(self.graph, user, self.signs.style, names)
        return self._cut(text if op == "pow" else text.removeprefix("( )").removesuffix("( )"))

    def _chain(self, unit: Unit, names: Mapping[int, str] | None = None) -> str:
        """The formula of a unit, its inner nodes written out; their number if that is long."""
        if len(unit.members) > LONGEST_FORMULA:
            return f"{len(unit.members)} operations"
        shown, inner = self.shown, set(unit.members)
        near = {i for member in unit.members for i in (*shown.operands(member), *self.graph.operands(member))}
        known = {i: shown.names[i] for i in near - inner if i in shown.names}
        return self._cut(to_text(self.graph, unit.position, self.signs.style, known | dict(names or {})))

    def _cut(self, text: str) -> str:
        text = text.strip()
        return text if len(text) <= LONGEST_FORMULA else text[: LONGEST_FORMULA - 1] + self.signs.more

    # The backward pass.

    def _arrive(self) -> None:
        """What has arrived where after the steps that are shown."""
        if self.step is None:
            return
        shown = self.shown
        for order, arrival in enumerate(shown.arrivals(self.step)):
            self.arrived[shown.link(order).edge.target] = arrival
        self.now = shown.link(self.step - 1) if self.step else None

    def _state(self, unit: Unit) -> tuple[str, str]:
        """The adjoint of a box at this step, and its state."""
        shown, position = self.shown, unit.position
        step = shown.steps[position]
        if self.forward_only or step.adjoint is None:
            return "", ""
        if self.step is None:
            return shown.adjoint(step), ""
        now = self.now is not None and self.now.edge.target in unit.members
        if position == self.output:
            return "1", "now" if self.step == 0 or now else "done"
        if position not in self.arrived:
            return "", "now" if now else "waiting"
        value, text, complete = self.arrived[position]
        if complete:
            return shown.adjoint(step), "now" if now else "done"
        said = self.signs.number(value) or (text if len(text) <= SHORT else self.signs.more)
        return said, "now" if now else "waiting"

    def _wire_state(self, order: int) -> str:
        if self.step is None:
            return ""
        return "now" if order == self.step - 1 else "done" if order < self.step else "waiting"

    # Sentences.

    def _title(self) -> str:
        shown, derivation = self.shown, self.shown.derivation
        name = self._name(self.output)
        if self.output not in shown.steps:
            return f"{name} = {shown.text(self.output)}"
        names = {i: other for i, other in shown.own.items() if i != self.output}
        left = derivation.equation.left_side if self.output == derivation.root else ""
        if shown._is_large(self.output, names, 80):
            return f"{left or name} = {self._cut(shown.formula(self.output))}"
        return f"{left or name} = {to_text(self.graph, self.output, self.signs.style, names)}"

    def _caption(self) -> str:
        """What the last step did."""
        if self.step is None:
            return ""
        signs, shown = self.signs, self.shown
        begin = f"step {self.step} of {len(shown.links)}"
        link = self.now
        if link is None:
            return f"{begin}: the pass starts with {signs.bar(self._name(self.output))} = 1"
        value, _, complete = self.arrived[link.edge.target]
        partial = shown.text(link.edge.partial)
        number = signs.number(link.partial_value)
        slope = f"local derivative {partial}" + (f" = {number}" if number and number != partial else "")
        sent = f"sends {signs.bar(link.source)} {signs.times} {shown.text(link.edge.partial, 40)}"
        number = signs.number(link.sends_value)
        sent += f" = {number}" if number else ""
        total = signs.number(value)
        bar = signs.bar(link.target)
        if complete:
            state = f"{bar} is complete" + (f": {total}" if total else "")
        else:
            state = f"{bar} so far" + (f": {total}" if total else "") + ", more will arrive"
        return (
            f"{begin}: {link.source} {signs.arrow} {link.target}, {link.rule} ({link.code}); {slope}; {sent}; {state}"
        )

    def _legend(self) -> str:
        """What stands above and below."""
        numbers = any(box.value for box in self.boxes) or any(wire.value for wire in self.wires)
        what = "what flows back" if self.style == "circuit" else "adjoints"
        parts = ["values above"] if numbers else []
        meaning = self._meaning()
        return ", ".join([*parts, f"{what} below ({meaning})"] if meaning else parts)

    def _meaning(self) -> str:
        """An example of an adjoint."""
        shown, signs = self.shown, self.signs
        if self.forward_only or not (shown.links or any(box.adjoint for box in self.boxes)):
            return ""
        name, d = self._name(self.output), "d" if signs.ascii else "∂"
        varying = [box for box in self.boxes if box.position in shown.one.adjoints]
        inner = [box.name for box in varying if box.kind != "variable" and box.position != self.output]
        example = [*inner, *(box.name for box in varying)][0]
        return f"{signs.bar(example)} = {d}{name}/{d}{example}"

    def _about_passes(self) -> list[str]:
        derivation, part = self.shown.derivation, self.shown.part
        count = len(derivation.passes)
        one = self.shown.one
        if count == 1 and not one.by:
            return []
        by = f" by {', '.join(name or 'the direction' for name in one.by)}" if one.by else ""
        what = f"the derivative of {one.of}{by}" if one.by else one.of
        return [f"pass {part + 1} of {count}: the graph of {what}"]
