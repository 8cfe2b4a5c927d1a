"""A derivation in plain words: why an edge sends what it sends, and where the adjoint vanishes or explodes.

The sentences about rules are in the table of operations (column `intuition`); here they get the names of a trace and
the numbers at its point. `warnings` follows the adjoint backwards: the gain of a path is the product of the local
derivatives on it, and the strongest path to a node says how much of the adjoint can arrive there. Everything is linear
in the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import inf, log10
from typing import NamedTuple
from weakref import WeakKeyDictionary

from .decompose import Group
from .derivation import Derivation, Link, Step
from .evaluate import LARGEST_ARGUMENT, Exact, Value, sign_of_difference, to_ball
from .explain import intuition
from .expr import LEAVES, PYTHON, Style, literal_rational, to_text
from .ops import lookup
from .tidy import bits

FAINT = -2.0  # log10 of the gain of a path: what comes after a saturated function did not make up for it
SATURATED = -3.0  # log10 of a local derivative of a squashing function below which nearly nothing passes
STEEP = 6.0  # log10 of a local derivative, or of the growth or shrinkage along a path, that is worth a warning
STEEPER_THAN_VALUE = 3.0  # log10 of slope by value beyond which a place is steep, and not the function just large
HALF_OR_DOUBLE = 0.301  # log10 of a factor that counts on a long way
MANY = 4  # a path vanishes or explodes over at least so many edges that each halve or double the adjoint

SQUASHING = frozenset({"sigmoid", "tanh", "erf", "erfc", "atan", "acot", "softplus"})
# Why exactly nothing passes, for the operations whose local derivative is 0 on whole stretches. A power at 0 or a
# cosine at a peak is no such case: there the derivative is 0 because the function is level at one point.
BLOCKING = {
    "mul": "the other factor {other} is 0",
    "relu": "relu is closed at {this}",
    "max": "{other} is larger than {this}",
    "min": "{other} is smaller than {this}",
    "where": "the branch {this} is not taken",
    "step": "step is flat at {this}",
    "sign": "sign is flat at {this}",
    "floor": "floor is flat at {this}",
    "ceil": "ceil is flat at {this}",
}
_JUMPS_AT_WHOLE_NUMBERS = ("floor", "ceil")
_ABOUT = "about "  # in front of a number that is rounded


@dataclass(frozen=True)
class Warning:
    """Something about the numbers at a point that a reader should know.

    node      the name of the node where it happens
    kind      "dead": exactly nothing passes; "zero factor": because the other factor is 0; "saturated": nearly nothing
              passes a squashing function; "vanishing", "exploding": the adjoint shrinks or grows beyond a factor of a
              million; "undefined": there is no value
    sentence  what happens, with the numbers
    """

    node: str
    kind: str
    sentence: str


class _Index:
    """The steps and the links of a derivation by (pass, node)."""

    def __init__(self, derivation: Derivation) -> None:
        self.steps = {(step.part, step.position): step for step in derivation.nodes}
        self.arriving: dict[tuple[int, int], list[Link]] = {}
        self.uses: dict[tuple[int, int], int] = {}
        nodes = derivation.graph.nodes
        for link in derivation.edges:
            self.arriving.setdefault((link.part, link.edge.target), []).append(link)
        for step in derivation.nodes:
            for operand in nodes[step.position][1:] if nodes[step.position][0] not in LEAVES else ():
                self.uses[step.part, operand] = self.uses.get((step.part, operand), 0) + 1


_INDEXES: WeakKeyDictionary[Derivation, _Index] = WeakKeyDictionary()


def _index(derivation: Derivation) -> _Index:
    """The index of a derivation, made once: a renderer asks for one edge after the other."""
    found = _INDEXES.get(derivation)
    if found is None:
        found = _INDEXES[derivation] = _Index(derivation)
    return found


# -- edges and nodes ---------------------------------------------------------------------------------


def edge_sentence(derivation: Derivation, link: Link, style: Style = PYTHON) -> str:
    """Why an edge of the trace sends what it sends; with a point, also what becomes of the adjoint there.

    >>> from backprop.derivation import derive
    >>> derivation = derive("x*(y + 1)", at={"x": 3, "y": 1})
    >>> for link in derivation.edges[:2]:
    ...     print(link.source, "->", link.target + ":", edge_sentence(derivation, link))
    f -> x: the factors swap: x gets the adjoint times the other factor, v1 = 2; here it grows from 1 to 2
    f -> v1: the factors swap: v1 gets the adjoint times the other factor, x = 3; here it grows from 1 to 3
    """
    index, edge, graph = _index(derivation), link.edge, derivation.graph
    group = next((group for group in derivation.groups if group.top == edge.user), None)
    if group is not None:
        return _several(group, link) + _numbers(derivation, index, link, style)
    op, *operands = graph.nodes[edge.user]
    row = lookup(op)
    names = {x: _written(derivation, link.part, i, style) for x, i in zip(row.operands, operands)}
    if link.code == "R06" or op in ("max", "min"):  # the number of the other operand decides on everything
        other = row.operands[1 - edge.operand]
        names[other] = _with_value(derivation, index, link.part, operands[1 - edge.operand], style)
    names |= {"value": link.source, "partial": derivation.text(edge.partial, style, derivation.names_in(link.part))}
    sentence = intuition(row, edge.operand, link.code, names, _variant(derivation, link))
    return sentence + _numbers(derivation, index, link, style)


def _several(group: Group, link: Link) -> str:
    """What a sum or product of several terms, shown as one node, does."""
    if group.op == "mul":
        return f"each factor gets the adjoint times all the others: {link.target} is left out of the product"
    if group.signs[link.edge.operand] < 0:
        return f"{link.target} is taken away: it gets the adjoint with its sign turned"
    return f"a sum passes the adjoint on to every term unchanged: {link.target} moves it one for one"


def node_sentence(derivation: Derivation, step: Step, style: Style = PYTHON) -> str | None:
    """That a node with several users adds up what arrives; None for all others.

    >>> from backprop.derivation import derive
    >>> derivation = derive("x^2 + 3*x", at={"x": 5})
    >>> node_sentence(derivation, derivation.nodes[0])
    'x is used twice: its adjoint is the sum of 2 contributions, 10 + 3 = 13'
    """
    index = _index(derivation)
    links = index.arriving.get((step.part, step.position), [])
    count, uses = len(links), index.uses.get((step.part, step.position), 0)
    if count < 2:
        return None
    sentence = f"{step.name} is used {'twice' if uses == 2 else f'{uses} times'}: its adjoint is the sum of"
    sentence += f" {count} contributions" if uses == count else f" the {count} contributions that arrive"
    values = [*(link.sends_value for link in reversed(links)), step.adjoint_value]
    if count <= 4 and all(_is_short(value) for value in values):
        *sent, total = (short(value, style) for value in values)
        parts = [text if k == 0 or not text.startswith(style.minus) else f"({text})" for k, text in enumerate(sent)]
        sentence += f", {' + '.join(parts)} = {total}"
    return sentence


def _variant(derivation: Derivation, link: Link) -> str:
    """Whether a constant exponent is above or below 1: where the power is steep depends on it."""
    if link.code != "R05":
        return ""
    exponent = literal_rational(derivation.graph, derivation.graph.nodes[link.edge.user][2])
    if exponent is None or exponent in (0, 1):
        return ""
    return "above 1" if exponent > 1 else "below 1"


def _numbers(derivation: Derivation, index: _Index, link: Link, style: Style) -> str:
    """What becomes of the adjoint at the point."""
    user = index.steps.get((link.part, link.edge.user))
    output = index.steps.get((link.part, derivation.passes[link.part].output))
    if user is None or output is None or output.value is None:
        return ""
    size, gain = magnitude(user.adjoint_value), magnitude(link.partial_value)
    if size is None or gain is None or link.sends_value is None:
        return ""
    before, after = short(user.adjoint_value, style), short(link.sends_value, style)
    if size == -inf:
        return "; here the adjoint is 0 already"
    if gain == -inf:
        return f"; here nothing of {before} passes"
    if before.removeprefix(_ABOUT) == after.removeprefix(_ABOUT):
        return f"; here it stays {max(before, after, key=len)}"
    if sign_of_difference(link.partial_value, 0) == -1:
        return f"; here it turns from {before} into {after}"
    return f"; here it {'grows' if gain > 0 else 'shrinks'} from {before} to {after}"


# -- warnings ----------------------------------------------------------------------------------------


def warnings(derivation: Derivation, style: Style = PYTHON) -> list[Warning]:
    """What the numbers at the point should warn of, one warning for each cause; empty without a point.

    An edge is pointed out if it keeps the adjoint from a variable, or blows it up; what follows from that further down
    is not said again.

    >>> from backprop.derivation import derive
    >>> [found] = warnings(derive("3*relu(x)", at={"x": -1}))
    >>> found.kind, found.sentence
    ('dead', 'v1 = relu(x): relu is closed at x = -1, nothing passes back to x')
    """
    if derivation.point is None or not derivation.nodes:
        return []
    index = _index(derivation)
    found = list(_undefined(derivation, index, style))
    if found:  # the numbers that are missing would be needed for everything else
        return list(dict.fromkeys(found))
    links: list[list[Link]] = [[] for _ in derivation.passes]
    for link in derivation.edges:
        links[link.part].append(link)
    for part, own in enumerate(links):
        found += _Flow(derivation, index, part, own, style).warnings()
    return list(dict.fromkeys(found))


def _undefined(derivation: Derivation, index: _Index, style: Style) -> Iterator[Warning]:
    """The nodes without a value that the output depends on, else the edges without a local derivative."""
    known = _known(derivation)
    outputs = [(part, one.output) for part, one in enumerate(derivation.passes)]
    missing = [place for place in outputs if place in known and place in index.steps]
    stack = [place for place in missing if index.steps[place].value is None]
    seen = set(stack)
    undefined = bool(stack)
    while stack:
        part, position = stack.pop()
        step = index.steps[part, position]
        causes = {(part, i) for i in _looked_at(derivation, index, part, position) if (part, i) in index.steps}
        causes = {place for place in causes if index.steps[place].value is None}
        stack.extend(sorted(causes - seen))
        seen |= causes
        if not causes:
            yield Warning(step.name, "undefined", _without_value(derivation, index, step, style))
    if undefined or None not in derivation.values.values():
        return
    for link in derivation.edges:
        user = index.steps[link.part, link.edge.user]
        if link.partial_value is not None or (link.part, link.edge.user) not in known:
            continue
        if user.value is not None and user.adjoint_value is not None and magnitude(user.adjoint_value) != -inf:
            partial = derivation.text(link.edge.partial, style, derivation.names_in(link.part))
            where = _place(derivation, index, user, style)
            yield Warning(
                user.name, "undefined",
                f"the local derivative of {_formula(derivation, user, style)} by {link.target}, {partial},"
                f" has no value{where}: nothing can be sent back",
            )  # fmt: skip


def _known(derivation: Derivation) -> set[tuple[int, int]]:
    """The nodes all of whose variables have a value at the point."""
    nodes, point = derivation.graph.nodes, derivation.point or {}
    known: set[tuple[int, int]] = set()
    for step in derivation.nodes:  # operands first
        key = nodes[step.position]
        if key[0] == "var":
            holds = key[1] in point
        elif key[0] in LEAVES:
            holds = True
        else:
            leaf = (nodes[i][0] in LEAVES and nodes[i][0] != "var" for i in key[1:])
            holds = all(fixed or (step.part, i) in known for fixed, i in zip(leaf, key[1:]))
        if holds:
            known.add((step.part, step.position))
    return known


def _looked_at(derivation: Derivation, index: _Index, part: int, position: int) -> Iterable[int]:
    """The operands that the value of a node was computed from: of a choice, the branch that is taken."""
    op, *operands = derivation.graph.nodes[position]
    if op in LEAVES:
        return ()
    if op != "where":
        return operands
    condition = index.steps.get((part, operands[0]))
    if condition is None or condition.value is None:
        return operands[:1]
    return (operands[1] if condition.value else operands[2],)


def _without_value(derivation: Derivation, index: _Index, step: Step, style: Style) -> str:
    """That a node has no value. Beyond a limit it may have one that is not computed."""
    operands = derivation.graph.nodes[step.position][1:]
    sizes = [magnitude(_value(derivation, index, step.part, i)) for i in operands]
    large = any(size is not None and size > log10(LARGEST_ARGUMENT) for size in sizes)
    said = "has no value that can be computed" if large else "has no real value"
    return f"{_formula(derivation, step, style)} {said}{_place(derivation, index, step, style)}"


class _Way(NamedTuple):
    """The strongest path from the output to a node; gains are logarithms to base 10.

    gain      of the whole path
    link      its last edge; None at the output
    top       the step where the path had its greatest gain so far, and that gain
    bottom    the same for the least
    """

    gain: float
    link: Link | None
    top: tuple[float, int]
    bottom: tuple[float, int]


class _Flow:
    """One pass with the numbers at the point: through which edges the adjoint arrives, and how strong."""

    def __init__(self, derivation: Derivation, index: _Index, part: int, links: list[Link], style: Style) -> None:
        self.derivation, self.index, self.part, self.links, self.style = derivation, index, part, links, style
        self.nodes = derivation.graph.nodes
        self.output = derivation.passes[part].output
        self.alive = {self.output}  # where anything arrives that is not cut off
        self.ways = {self.output: _Way(0.0, None, (0.0, self.output), (0.0, self.output))}
        self.cuts: list[Link] = []
        users = set()
        for link in links:  # all links into a node come before those out of it
            users.add(link.edge.user)
            self._follow(link)
        self.ends = [p for p in dict.fromkeys(link.edge.target for link in links) if p not in users]

    def _follow(self, link: Link) -> None:
        user, target = link.edge.user, link.edge.target
        if user not in self.alive:
            return
        gain = magnitude(link.partial_value)
        if gain == -inf and self._blocks(link):
            self.cuts.append(link)
            return
        self.alive.add(target)
        way = self.ways.get(user)
        if way is None or gain is None or gain == -inf:
            return
        total = way.gain + gain
        before = self.ways.get(target)
        if before is None or total > before.gain:
            top = max(way.top, (total, target), key=lambda place: place[0])
            bottom = min(way.bottom, (total, target), key=lambda place: place[0])
            self.ways[target] = _Way(total, link, top, bottom)

    def _blocks(self, link: Link) -> bool:
        """Whether a local derivative of 0 is that of a closed gate, and not a convention at a kink."""
        op = self.nodes[link.edge.user][0]
        if op not in BLOCKING or self.derivation.passes[self.part].by:  # a derivative is level in many places
            return False
        at = self._value(link.edge.target)
        if op == "mul":  # a typed 0 needs no warning, and where both factors are 0 the product is level, as x^2 is at 0
            other = self.nodes[link.edge.user][2 - link.edge.operand]
            return self.nodes[other][0] != "num" and magnitude(at) != -inf
        if op in _JUMPS_AT_WHOLE_NUMBERS:
            return type(at) is not int
        return op not in ("relu", "step", "sign") or magnitude(at) != -inf

    def warnings(self) -> list[Warning]:
        """The warnings of this pass: what is cut off, what is saturated or steep, what fades on a long way."""
        found = list(self._dead())
        chains: set[int] = set()
        long_ways = [*self._long_way(chains, shrinking=True), *self._long_way(chains, shrinking=False)]
        found += self._saturated(chains)
        found += self._steep()
        return found + long_ways

    def _dead(self) -> Iterator[Warning]:
        """The cuts above a variable that nothing reaches."""
        dead = {end for end in self.ends if end not in self.alive}
        stack, below = list(dead), set(dead)
        cuts = {id(link) for link in self.cuts}
        blamed = set()
        while stack:
            for link in self.index.arriving.get((self.part, stack.pop()), ()):
                user = link.edge.user
                if id(link) in cuts:
                    blamed.add(id(link))
                elif user not in self.alive and user not in below:
                    below.add(user)
                    stack.append(user)
        for link in self.cuts:
            if id(link) in blamed:
                step = self._step(link.edge.user)
                operands = self.nodes[link.edge.user][1:]
                names = {"this": self._with_value(link.edge.target)}
                if len(operands) == 2:
                    names["other"] = self._with_value(operands[1 - link.edge.operand])
                elif len(operands) == 3:
                    names["this"] = self._name(link.edge.target)
                reason = BLOCKING[self.nodes[link.edge.user][0]].format_map(names).replace(" = 0 is 0", " is 0")
                formula = _formula(self.derivation, step, self.style)
                only = self._name(next(iter(dead))) if len(dead) == 1 else link.target
                missed = link.target if only == link.target else f"{link.target}, and so to {only}"
                kind = "zero factor" if step.op == "mul" else "dead"
                yield Warning(step.name, kind, f"{formula}: {reason}, nothing passes back to {missed}")

    def _saturated(self, chains: set[int]) -> Iterator[Warning]:
        """The squashing functions that let nearly nothing through to a variable, by its strongest path."""
        seen: set[int] = set()
        for end in self.ends:
            for link in self._path(end, seen):
                gain, op = magnitude(link.partial_value), self.nodes[link.edge.user][0]
                if op not in SQUASHING or gain is None or gain >= SATURATED or id(link) in chains:
                    continue
                if self.ways[link.edge.target].gain < FAINT:
                    step = self._step(link.edge.user)
                    yield Warning(
                        step.name, "saturated",
                        f"{_formula(self.derivation, step, self.style)} is saturated at"
                        f" {self._with_value(link.edge.target)}: its slope there is {self._short(link.partial_value)}",
                    )  # fmt: skip

    def _path(self, end: int, seen: set[int]) -> Iterator[Link]:
        """The edges of the strongest path, from its end up to where another path went already."""
        while end in self.ways and end not in seen:
            seen.add(end)
            link = self.ways[end].link
            if link is None:
                return
            yield link
            end = link.edge.user

    def _steep(self) -> Iterator[Warning]:
        """The edges where the adjoint gets huge because a function is very steep there: one for each function."""
        steep: dict[int, Link] = {}
        above = self._above(end for end in self.ends if self._outgrows(end, STEEPER_THAN_VALUE))
        for link in self.links:
            if link.edge.target not in above:
                continue  # what comes after makes up for it
            gain, way = magnitude(link.partial_value), self.ways.get(link.edge.user)
            if gain is None or way is None or gain <= STEEP or way.gain + gain <= STEEP:
                continue
            if self.nodes[link.edge.user][0] == "mul" or link.code == "R03":
                continue  # a large factor is a large number and no steep place
            size = magnitude(self._value(link.edge.user))
            if size is None or gain - size <= STEEPER_THAN_VALUE:
                continue  # nor is a large value, such as that of exp
            steep.setdefault(link.edge.user, link)
        for link in steep.values():
            step = self._step(link.edge.user)
            before, after = self._short(step.adjoint_value), self._short(link.sends_value)
            where = self._with_value(link.edge.target)
            if self.nodes[link.edge.user][0] == "div":
                bottom = self.nodes[link.edge.user][2]
                where = self._with_value(bottom)
            yield Warning(
                step.name, "exploding",
                f"{_formula(self.derivation, step, self.style)} is very steep at {where}:"
                f" the adjoint grows from {before} to {after} on the way to {link.target}",
            )  # fmt: skip

    def _long_way(self, chains: set[int], *, shrinking: bool) -> Iterator[Warning]:
        """The variable at which the adjoint has shrunk or grown most, if many edges had a part in it."""
        sign = -1.0 if shrinking else 1.0
        ends = [end for end in self.ends if self._change(end, shrinking) >= STEEP and self._agrees(end, shrinking)]
        ends.sort(key=lambda end: -self._change(end, shrinking))
        for end in ends[:MANY]:  # those that come after share the reason
            path = self._since(end, shrinking)
            gains = [sign * (magnitude(link.partial_value) or 0.0) for link in path]
            # Where the output is as large, the adjoint grows with it, as it does for a high power.
            enough = MANY if shrinking or self._outgrows(end, STEEP) else 2 * MANY
            many = sum(gain >= HALF_OR_DOUBLE for gain in gains) >= enough
            if many and max(gains) <= self._change(end, shrinking) / 2:
                break
        else:
            return
        chains.update(map(id, path))
        _, most = max(zip(reversed(gains), reversed(path)), key=lambda pair: pair[0])
        start, last = self._step(path[-1].edge.user), self._step(end)
        kind = "vanishing" if shrinking else "exploding"
        yield Warning(
            last.name, kind,
            f"the adjoint {'shrinks' if shrinking else 'grows'} from {self._short(start.adjoint_value)} to"
            f" {self._short(last.adjoint_value)} over {len(path)} edges on the way from {start.name} to {last.name},"
            f" most at {most.source} ({most.rule}): {kind} gradient",
        )  # fmt: skip

    def _change(self, end: int, shrinking: bool) -> float:
        way = self.ways.get(end)
        if way is None:
            return 0.0
        return way.top[0] - way.gain if shrinking else way.gain - way.bottom[0]

    def _since(self, end: int, shrinking: bool) -> list[Link]:
        """The edges between the top, or the bottom, of the path and its end; the last one first."""
        way = self.ways[end]
        start = way.top[1] if shrinking else way.bottom[1]
        path = []
        while end != start:
            link = self.ways[end].link
            assert link is not None
            path.append(link)
            end = link.edge.user
        return path

    def _agrees(self, end: int, shrinking: bool) -> bool:
        """Whether the sum of all that arrives is as small, or as large, as the strongest path says."""
        size = magnitude(self._step(end).adjoint_value)
        if size is None or size == -inf:
            return False
        way = self.ways[end]
        return way.top[0] - size >= STEEP if shrinking else size - way.bottom[0] >= STEEP

    def _outgrows(self, end: int, beside: float) -> bool:
        """Whether an adjoint is huge, and beside the output too."""
        size, output = magnitude(self._step(end).adjoint_value), magnitude(self._value(self.output))
        return size is not None and output is not None and size >= STEEP and size - output >= beside

    def _above(self, ends: Iterable[int]) -> set[int]:
        """The nodes from which something comes to one of these."""
        stack = list(ends)
        above = set(stack)
        while stack:
            for link in self.index.arriving.get((self.part, stack.pop()), ()):
                if link.edge.user not in above:
                    above.add(link.edge.user)
                    stack.append(link.edge.user)
        return above

    # Small words.

    def _step(self, position: int) -> Step:
        return self.index.steps[self.part, position]

    def _value(self, position: int) -> Value:
        return _value(self.derivation, self.index, self.part, position)

    def _name(self, position: int) -> str:
        return _written(self.derivation, self.part, position, self.style)

    def _with_value(self, position: int) -> str:
        return _with_value(self.derivation, self.index, self.part, position, self.style)

    def _short(self, value: Value) -> str:
        return short(value, self.style)


# -- names and numbers -------------------------------------------------------------------------------


def _written(derivation: Derivation, part: int, position: int, style: Style) -> str:
    """A node in the names of the trace; a number that was typed as itself, also -5 and 1/2."""
    if literal_rational(derivation.graph, position) is not None:
        return to_text(derivation.graph, position, style)
    return derivation.text(position, style, derivation.names_in(part))


def _value(derivation: Derivation, index: _Index, part: int, position: int) -> Value:
    """The value of a node at the point."""
    key = derivation.graph.nodes[position]
    if key[0] == "num":
        return key[1]
    if key[0] in LEAVES and key[0] != "var":
        return Exact(key[0], 1)
    step = index.steps.get((part, position))
    return None if step is None else step.value


def _with_value(derivation: Derivation, index: _Index, part: int, position: int, style: Style) -> str:
    """`v1 = 2`; a number alone, and a name alone if it has no value."""
    name, value = _written(derivation, part, position, style), _value(derivation, index, part, position)
    if value is None or isinstance(value, bool) or literal_rational(derivation.graph, position) is not None:
        return name
    return f"{name} = {short(value, style)}".replace("= about", "≈" if style.pretty else "= about")


def _formula(derivation: Derivation, step: Step, style: Style) -> str:
    """`v2 = log(v1)`."""
    return f"{step.name} = {to_text(derivation.graph, step.position, style, derivation.names_in(step.part))}"


def _place(derivation: Derivation, index: _Index, step: Step, style: Style) -> str:
    """` at v1 = -1`: the operands of a node with their values."""
    graph = derivation.graph
    op, *operands = graph.nodes[step.position]
    if op == "div" and step.value is None:
        del operands[0]  # it is the bottom that leaves the quotient without a value
    operands = list(dict.fromkeys(operands))
    shown = [i for i in operands if literal_rational(graph, i) is None]
    at = ", ".join(_with_value(derivation, index, step.part, i, style) for i in shown)
    return f" at {at}" if at else ""


def _is_short(value: Value) -> bool:
    return type(value) in (int, Fraction) and bits(value) <= 24


def short(value: Value, style: Style = PYTHON) -> str:
    """A value at a glance: a small rational as it is, else "about" with four digits.

    >>> short(Fraction(-1, 3)), short(2**100), short(Exact("pi", 1))
    ('-1/3', 'about 1.268e30', 'about 3.142')
    >>> short(Fraction(1, 10**9)), short(123456789)
    ('1e-9', 'about 1.235e8')
    """
    if _is_short(value):
        return str(value).replace("-", style.minus)
    ball = to_ball(value)
    if ball.contains(0):
        return "0"
    mantissa, _, exponent = str(ball.mid().str(4, radius=False)).partition("e")
    power = int(exponent or "0")
    if "." in mantissa and not exponent:
        mantissa = mantissa.rstrip("0").rstrip(".")
    elif exponent:
        mantissa = f"{Decimal(mantissa).scaleb(power) if 0 < power < 7 else Decimal(mantissa).normalize():f}"
        power = 0 if 0 < power < 7 else power
    text = f"{mantissa}e{power}" if power else mantissa
    about = "" if isinstance(value, (int, Fraction)) and abs(power) < 300 and Fraction(text) == value else _ABOUT
    return f"{about}{text}".replace("-", style.minus)


def magnitude(value: Value) -> float | None:
    """log10 of the absolute value: -inf for exactly 0, None if there is no number or its size is not known.

    >>> magnitude(1000), magnitude(Fraction(1, 100)), magnitude(0), magnitude(None)
    (3.0, -2.0, -inf, None)
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, Fraction)):
        return log10(abs(value.numerator)) - log10(value.denominator) if value else -inf
    ball = to_ball(value)
    if ball.contains(0):
        return -inf if ball.is_zero() else None
    mantissa, exponent = ball.mid().man_exp()
    binary = int(exponent)
    if binary.bit_length() > 60:
        return inf if binary > 0 else None
    return log10(abs(int(mantissa))) + binary * log10(2)


__all__ = ["Warning", "edge_sentence", "magnitude", "node_sentence", "short", "warnings"]
