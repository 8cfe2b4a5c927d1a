"""Critical points: where the gradient of a function is 0, and what the function does there.

`critical_points` is for library users; the work is done in a worker process by `search`, stage by stage, so that a
worker that is stopped loses only the stage it was in.

1. Elimination (`zeros`) finds a finite grid that holds every point, or says that it cannot.
2. Where it cannot, one variable is searched in balls, several by Newton's method, and SymPy is asked to solve.
3. Whoever proposed a point: it counts only if the gradient is 0 there in exact numbers, in the normal form, or in balls
   of `BITS` bits, and the interval Newton method says whether a zero is certain. The Hessian of our own passes says
   what kind of point it is.

The list is called complete only if elimination, or SymPy's solver for one variable, leaves no other point.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from itertools import combinations, product
from typing import Any

from .algebra import Field, in_field
from .constants import closed_form, with_known_angles
from .derivation import Derivation, derive
from .domains import Domain
from .errors import BackpropError
from .evaluate import Exact, Value, evaluate, set_precision, to_ball, value_text
from .expr import LEAVES, Graph, decode, encode, literal_rational, to_text
from .ops import CONDITIONS
from .parser import MAX_NODES
from .reverse import backpropagate
from .textbook import operations, rewritten
from .tidy import Tidy
from .zeros import BITS, Coordinate, Family, Point, zeros

MAX_SIZE = 2000  # nodes of a function and its gradient
MAX_VARIABLES = 8
MAX_POINTS = 40
SHORT = 12  # operations of a constant that is shown as a formula
WINDOW = 64  # how far one variable is searched
BOXES = 3000
SCANNED = 20  # points that a search in balls may find
ORDERS = 12  # derivatives that are tried at a degenerate point
DIGITS = 50

KINDS = ("minimum", "maximum", "saddle", "inflection", "degenerate", "corner", "on a curve", "undecided")


# -- what users get --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CriticalPoint:
    """A point at which the gradient is 0, or at which a function of one variable has no derivative.

    at       variable -> its value as text of the input language, exact if a short formula was found, else a decimal;
             a variable that is free has its own name: see `reason`
    values   the same as values (`evaluate.Value`); None for a free variable
    value    of the function
    exact    its formula, if a short one is known
    kind     minimum, maximum (local ones), saddle, inflection (of one variable), degenerate (none of these was proved),
             corner (no derivative there), on a curve (one of infinitely many), undecided
    reason   how the kind is known
    checked  how it is known that the gradient is 0 there
    """

    at: dict[str, str]
    values: dict[str, Value]
    value: Value
    exact: str | None
    kind: str
    reason: str
    checked: str


@dataclass
class CriticalPoints:
    """The critical points of a function: see `critical_points`.

    complete   whether these are certainly all (of a periodic family: all of one or some periods, see `notes`)
    how        how they were found, and whether others may exist
    limit      whether the search was stopped
    """

    text: str
    wrt: list[str]
    points: list[CriticalPoint] = field(default_factory=list)
    complete: bool = False
    how: str = "not searched"
    notes: list[str] = field(default_factory=list)
    limit: bool = False
    digits: int = 15
    function: str = "f"

    def as_dict(self) -> dict[str, Any]:
        """JSON: `at` and `exact` are formulas, `at_value` and `value` numbers as elsewhere."""
        return {
            "wrt": self.wrt,
            "points": [
                {
                    "at": point.at,
                    "at_value": {name: value_text(value, self.digits) for name, value in point.values.items()},
                    "value": value_text(point.value, self.digits), "exact": point.exact,
                    "kind": point.kind, "reason": point.reason, "checked": point.checked,
                }
                for point in self.points
            ],
            "complete": self.complete, "how": self.how, "limit": self.limit, "notes": self.notes,
        }  # fmt: skip


def critical_points(
    text: str,
    wrt: Sequence[str] | None = None,
    *,
    of: Sequence[str] = (),
    functions: Collection[str] = (),
    program: bool = False,
    time_limit: float = 5.0,
    digits: int = 15,
    max_nodes: int = MAX_NODES,
) -> CriticalPoints:
    """The critical points of a function of real variables, each checked and classified by the derivatives.

    `wrt` are the variables (default: all); others are parameters. The other options are those of `differentiate`.
    What cannot be done, or not in time, is said in `how` and `notes`. Errors in reading: `BackpropError`.

    >>> found = critical_points("x^3 - 3x")
    >>> [(point.at["x"], point.kind, point.reason) for point in found.points]
    [('-1', 'maximum', "f'' = -6 < 0"), ('1', 'minimum', "f'' = 6 > 0")]
    >>> found.complete
    True
    """
    from .session import Seek, shared_session

    result, task = question(text, wrt, of=of, functions=functions, program=program, digits=digits, max_nodes=max_nodes)
    session = shared_session()
    session.wait(session.send(Seek(result, task, time_limit=time_limit)))
    return result


def question(
    text: str,
    wrt: Sequence[str] | None = None,
    *,
    of: Sequence[str] = (),
    functions: Collection[str] = (),
    program: bool = False,
    digits: int = 15,
    max_nodes: int = MAX_NODES,
) -> tuple[CriticalPoints, dict[str, Any] | None]:
    """An empty result and the task of the worker that fills it; None if there is nothing to search: `how` says why."""
    derivation = derive(text, wrt, of=of, functions=functions, program=program, max_nodes=max_nodes, trace=False)
    return question_of(derivation, digits=digits)


def question_of(derivation: Derivation, *, digits: int | None = None) -> tuple[CriticalPoints, dict[str, Any] | None]:
    """The same for a gradient that was derived already."""
    graph, names = derivation.graph, list(derivation.wrt)
    result = CriticalPoints(derivation.equation.text, names, digits=digits or derivation.digits)
    result.function = derivation.output_name or "f"
    gradient = list(derivation.derived.values())
    refusal = ""
    if derivation.kind not in ("gradient", "hessian") or derivation.order > 1 or len(gradient) != len(names):
        refusal = "critical points are those of one function and its gradient"
    elif not names:
        refusal = "the function is constant: every point is critical"
    elif any(graph.nodes[i][0].startswith("call ") for i in graph.reachable([derivation.root])):
        refusal = "the function depends on one that nothing is known of"
    elif len(names) > MAX_VARIABLES or len(graph.reachable([derivation.root, *gradient])) > MAX_SIZE:
        refusal = f"not searched: more than {MAX_VARIABLES} variables or {MAX_SIZE} operations"
    if refusal:
        result.how = refusal
        return result, None
    data = encode(graph, [derivation.root, *gradient])
    task = {"kind": "critical", **data, "names": names, "function": result.function, "digits": result.digits}
    return result, task


def take_in(result: CriticalPoints, message: Mapping[str, Any]) -> None:
    """Puts a message of the worker into the result; `ended` says that no more will come."""
    if "ended" in message:
        if message["ended"] != "done":
            reason = message.get("reason")
            result.limit = reason in ("time", "memory")
            why = f"stopped at the {reason} limit" if result.limit else "the search broke off"
            why = "no worker could be started" if message["ended"] == "unavailable" else why
            result.how = f"{why}: others may exist" if result.points else f"{why}: nothing was found"
        return
    if message.get("stage") != "searched":
        return
    result.points = [
        CriticalPoint(
            point["at"], {name: _unpacked(v) for name, v in point["values"].items()}, _unpacked(point["value"]),
            point["exact"], point["kind"], point["reason"], point["checked"],
        )
        for point in message["points"]
    ]  # fmt: skip
    result.complete, result.how, result.notes = message["complete"], message["how"], message["notes"]


def _packed(value: Value) -> list[str] | None:
    """A value as JSON."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | Fraction):
        return ["num", str(value)]
    if isinstance(value, Exact):
        return [value.kind, str(value.q)]
    return ["ball", value.str(80)]


def _unpacked(data: Sequence[str] | None) -> Value:
    if data is None:
        return None
    kind, text = data
    if kind == "ball":
        from flint import arb

        previous = set_precision(300)
        try:
            to_ball(0)
            return arb(text)
        finally:
            set_precision(previous)
    value = Fraction(text)
    number = value.numerator if value.denominator == 1 else value
    return number if kind == "num" else Exact(kind, number)


# -- the function ----------------------------------------------------------------------------------------


class _Place:
    """A candidate: for each variable a value, and the node that says it exactly, if there is one."""

    def __init__(self, graph: Graph, point: Point) -> None:
        self.coordinates = point
        self.nodes = {name: c.node for name, c in point.items()}
        self.inputs: dict[str, Value] = {}
        for name, c in point.items():
            exact = None
            if c.node is not None:
                exact = evaluate(graph, graph.reachable([c.node]), {}, precision=BITS)[c.node]
            self.inputs[name] = c.ball if exact is None else exact

    @property
    def balls(self) -> dict[str, Value]:
        """All values as balls."""
        return {name: to_ball(value) for name, value in self.inputs.items()}

    def is_exact(self) -> bool:
        """Whether every coordinate has a formula."""
        return None not in self.nodes.values()

    def is_same(self, other: _Place) -> bool:
        """Whether the two cannot be told apart."""
        theirs = other.balls
        return all(ball.overlaps(theirs[name]) for name, ball in self.balls.items())

    def moved(self, by: Mapping[str, Fraction]) -> dict[str, Value]:
        """The inputs a step away."""
        return {name: to_ball(value) + to_ball(by.get(name, 0)) for name, value in self.inputs.items()}

    def order(self) -> tuple[float, ...]:
        """Where it stands in a list."""
        return tuple(float(ball.mid()) for ball in self.balls.values())


class _Function:
    """A function, its derivatives, and what can be asked of them at a place."""

    def __init__(self, graph: Graph, root: int, gradient: Sequence[int], names: Sequence[str], called: str) -> None:
        self.graph, self.root, self.names, self.called = graph, root, list(names), called
        self.tidy = Tidy(graph)
        self.gradient = list(gradient)
        # In readable form factors are cancelled: they have values where the rules divide 0 by 0.
        self.plain = [rewritten(graph, i) for i in gradient]
        self.domain = Domain(graph, [root])
        self.slope = f"{called}'" if len(names) == 1 else "the gradient"
        self._hessian: list[list[int]] | None = None

    def hessian(self) -> list[list[int]] | None:
        """The second derivatives; None if an operation has none."""
        if self._hessian is None:
            try:
                rows = [backpropagate(self.graph, g, self.names).gradient for g in self.gradient]
            except BackpropError:
                return None
            self._hessian = [[row[name] for name in self.names] for row in rows]
        return self._hessian

    def values(self, nodes: Sequence[int], inputs: Mapping[str, Value], exact: bool = True) -> list[Value]:
        """The values of nodes at a place, in numbers as exact as they can be."""
        found = evaluate(self.graph, self.graph.reachable(nodes), inputs, precision=BITS, exact=exact)
        return [found.get(i) for i in nodes]

    def put_in(self, node: int, place: _Place) -> int | None:
        """A node with the formulas of a place for the variables; None if there are none."""
        if not place.is_exact():
            return None
        by = {self.graph.variable(name): i for name, i in place.nodes.items() if i is not None}
        return self.graph.substitute(node, by)

    def vanishes(self, node: int, place: _Place) -> str | None:
        """Whether a node is 0 at a place: exact (proved), balls (to 50 digits), "" (it is not), None (not told)."""
        (value,) = self.values([node], place.inputs)
        if value is None:
            return None
        if isinstance(value, int | Fraction | Exact):
            return "exact" if value == 0 else ""
        if not value.contains(0):
            return ""
        constant = self.put_in(node, place)
        if constant is not None:
            constant = with_known_angles(self.graph, constant)
            if in_field(self.graph, [constant], False, lambda f: f.is_zero(f.form(constant))):
                return "exact"
        return "balls" if abs(value).upper() < _ten_to(-DIGITS) else None

    def formula(self, node: int, place: _Place) -> str | None:
        """The value of a node at a place as a short exact formula."""
        constant = self.put_in(node, place)
        form = None if constant is None else closed_form(self.graph, constant)
        if form is None or operations(self.graph, form) > SHORT:
            return None
        return to_text(self.graph, form)

    def is_inside(self, place: _Place) -> bool:
        """Whether the function has values at a place and all around it."""
        around = {name: ball + _plus_minus(Fraction(1, 2**60)) for name, ball in place.balls.items()}
        (defined,), _ = self.domain.status(around)
        if defined is not None:
            return defined
        (here,), _ = self.domain.status(place.inputs, exact=True)
        if here is False:
            return False
        steps = [Fraction(sign, 2**k) for sign in (1, -1) for k in (30, 60)]
        near = [place.moved({name: s * t for name, t in zip(self.names, signs)})
                for s in steps for signs in product((1, -1), repeat=min(len(self.names), 3))]  # fmt: skip
        return all(self.domain.status(inputs)[0][0] for inputs in near)

    def is_on_cut(self, place: _Place) -> bool:
        """Whether a kink may be there."""
        nodes = [i for i in _boundaries(self) if set(self.graph.variables([i])) <= set(self.names)]
        values = self.values(nodes, place.balls, exact=False)
        return any(value is not None and not isinstance(value, bool) and value.contains(0) for value in values)

    def certified(self, place: _Place) -> _Place | None:
        """The place with balls that surely hold a zero of the gradient, by the interval Newton method; or None."""
        for radius in (200, 100, 60):
            box = {name: ball.mid() + _plus_minus(Fraction(1, 2**radius)) for name, ball in place.balls.items()}
            landed = self._newton(box)
            if landed is None or not all(box[name].contains_interior(x) for name, x in landed.items()):
                continue
            for _ in range(6):
                narrower = self._newton(landed)
                if narrower is None or not all(x.rad() < landed[name].rad() for name, x in narrower.items()):
                    break
                landed = narrower
            pairs = landed.items()
            return _Place(self.graph, {name: place.coordinates[name]._replace(ball=x) for name, x in pairs})
        return None

    def _newton(self, box: dict[str, Value]) -> dict[str, Value] | None:
        """One step of the interval Newton method: every zero of the gradient in the box is in what it gives."""
        from flint import arb_mat

        hessian = self.hessian()
        if hessian is None:
            return None
        n = len(self.names)
        middle = {name: to_ball(0) + ball.mid() for name, ball in box.items()}
        slopes = self.values(self.gradient, middle, exact=False)
        second = self.values([i for row in hessian for i in row], box, exact=False)
        if any(v is None or isinstance(v, bool) for v in (*slopes, *second)):
            return None
        try:
            step = arb_mat(n, n, second).solve(arb_mat(n, 1, slopes)).entries()
        except ZeroDivisionError:
            return None  # the matrix may be singular
        return {name: middle[name] - step[i] for i, name in enumerate(self.names)}


def _ten_to(n: int) -> Value:
    return to_ball(Fraction(10) ** n)


def _plus_minus(radius: Fraction) -> Value:
    return to_ball(-radius).union(to_ball(radius))


def _boundaries(function: _Function) -> list[int]:
    """Expressions that are 0 where an operation may have no derivative, or where cases meet."""
    graph = function.graph
    found: dict[int, None] = {}
    for cut in function.domain.cuts:
        for position in graph.reachable([cut]):
            key = graph.nodes[position]
            if key[0] in CONDITIONS and key[0] not in ("and", "or", "not"):
                node = function.tidy.sub(key[1], key[2])
                if graph.nodes[node][0] not in LEAVES or graph.nodes[node][0] == "var":
                    found[node] = None
    return list(found)


# -- one place -------------------------------------------------------------------------------------------


def _examine(function: _Function, place: _Place) -> dict[str, Any] | None:
    """A critical point as a part of a message; None if the place is none."""
    if not function.is_inside(place):
        return None
    if len(function.names) == 1 and function.is_on_cut(place):
        return _at_a_kink(function, place)
    found = [function.vanishes(i, place) for i in function.gradient]
    if None in found:
        found = [a or function.vanishes(i, place) if a is None else a for a, i in zip(found, function.plain)]
    if "" in found:
        return None
    if None in found:
        if any(v is None for v in function.values(function.plain, place.inputs)):
            return _without_gradient(function, place)
        return None
    checked = f"{function.slope} is exactly 0"
    if "balls" in found:
        certain = function.certified(place)
        checked = f"{function.slope} is 0 to {DIGITS} digits"
        if certain is not None and certain.is_same(place):
            checked += ", and surely 0 at one point there (interval Newton)"
            if not place.is_exact():
                place = certain
    kind, reason = _kind_of_one(function, place) if len(function.names) == 1 else _kind_of_several(function, place)
    return _message(function, place, kind, reason, checked)


def _message(function: _Function, place: _Place, kind: str, reason: str, checked: str) -> dict[str, Any]:
    graph = function.graph
    (value,) = function.values([function.root], place.inputs)
    at: dict[str, str] = {}
    values: dict[str, Value] = {}
    for name in function.names:
        node = place.nodes[name]
        values[name] = place.inputs[name]
        if node is not None and operations(graph, node) <= SHORT:
            at[name] = to_text(graph, node)
        else:
            at[name] = value_text(values[name], 15) or ""
    return {
        "at": at, "values": {name: _packed(v) for name, v in values.items()}, "value": _packed(value),
        "exact": function.formula(function.root, place), "kind": kind, "reason": reason, "checked": checked,
    }  # fmt: skip


def _number(function: _Function, node: int, place: _Place, value: Value) -> str:
    """A number in a reason."""
    if isinstance(value, int | Fraction):
        return str(value)
    exact = function.formula(node, place)
    return exact if exact is not None and len(exact) <= 16 else _short(value)


def _sign(value: Value) -> int | None:
    """−1, 0, 1, or None if it is not told."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | Fraction):
        return (value > 0) - (value < 0)
    ball = to_ball(value)
    return 1 if ball > 0 else -1 if ball < 0 else 0 if ball.is_zero() else None


_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
             "eleventh", "twelfth")  # fmt: skip


def _first_derivative(function: _Function, node: int, name: str, place: _Place) -> tuple[int, int, str] | None:
    """Order, sign and text of the first derivative after f' (which `node` is) that is not 0; None if not told."""
    graph = function.graph
    for order in range(2, ORDERS + 1):
        try:
            node = rewritten(graph, backpropagate(graph, node, [name]).gradient[name])
        except BackpropError:
            return None
        if len(graph.reachable([node])) > MAX_SIZE:
            return None
        (value,) = function.values([node], place.inputs)
        sign = _sign(value)
        if sign:
            return order, sign, _number(function, node, place, value)
        if sign is None and function.vanishes(node, place) is None:
            return None
    return None


def _kind_of_one(function: _Function, place: _Place) -> tuple[str, str]:
    """By the second derivative, else by the first one after it that is not 0, else by the signs of f'."""
    (name,), called = function.names, function.called
    found = _first_derivative(function, function.plain[0], name, place)
    if found is None:
        return _by_signs(function, place)
    order, sign, text = found
    relation = ">" if sign > 0 else "<"
    extremum = "minimum" if sign > 0 else "maximum"
    if order == 2:
        return extremum, f"{called}'' = {text} {relation} 0"
    reason = f"the first derivative that is not 0 is the {_ORDINALS[order]}, {text} {relation} 0"
    return ("inflection" if order % 2 else extremum), reason


_NEAR = (30, 60, 120)  # the distances 2^-30, 2^-60, 2^-120 at which what happens beside a point is looked at


def _beside(function: _Function, node: int, place: _Place, side: int) -> list[Value]:
    """The values of a node at three places that come nearer from one side."""
    (name,) = function.names
    return [function.values([node], place.moved({name: Fraction(side, 2**k)}), exact=False)[0] for k in _NEAR]


def _by_signs(function: _Function, place: _Place) -> tuple[str, str]:
    left, right = ([_sign(v) or 0 for v in _beside(function, function.gradient[0], place, side)] for side in (-1, 1))
    if 0 in left or 0 in right or len({*left}) > 1 or len({*right}) > 1:
        return "undecided", "no derivative that was tried tells"
    before, after = left[-1], right[-1]
    if before == after:
        return "inflection", f"{function.called}' is {'positive' if before > 0 else 'negative'} on both sides"
    kind = "minimum" if before < 0 else "maximum"
    return kind, f"{function.called}' changes from {'-' if before < 0 else '+'} to {'+' if after > 0 else '-'}"


def _at_a_kink(function: _Function, place: _Place) -> dict[str, Any] | None:
    """A place where a kink may be: what f' does on both sides of it."""
    called = function.called
    steps = [_beside(function, function.root, place, side) for side in (-1, 1)]
    slopes = [_beside(function, function.gradient[0], place, side) for side in (-1, 1)]
    if any(v is None or isinstance(v, bool) for side in (*steps, *slopes) for v in side):
        return None
    (before, after), ends = [side[-1] for side in slopes], [_limit(side) for side in slopes]
    if abs(steps[0][-1] - steps[1][-1]) > _ten_to(-3) * abs(steps[0][0] - steps[1][0]) + _ten_to(-9):
        return None  # f itself jumps
    if ends[0] is not None and ends[1] is not None and abs(ends[0] - ends[1]) < _ten_to(-6) * (1 + abs(ends[0])):
        if abs(ends[0]) > _ten_to(-6):
            return None  # f' exists there and is not 0
        found = function.vanishes(function.plain[0], place)
        kind, reason = _by_signs(function, place)
        if found in ("exact", "balls"):
            if kind == "undecided":
                kind, reason = _kind_of_one(function, place)
            return _message(function, place, kind, reason, f"{called}' is 0 there")
        return _message(function, place, kind, reason, f"{called}' tends to 0 from both sides")
    extremum = "no extremum"
    if before < 0 < after:
        extremum = "a minimum"
    elif after < 0 < before:
        extremum = "a maximum"
    if None in ends:
        how = "falls" if before < 0 else "rises", "falls" if after < 0 else "rises"
        reason = f"{called}' does not exist there: {called} {how[0]} before it and {how[1]} after it, {extremum}"
        if extremum == "no extremum" and ends == [None, None]:
            reason = f"{called}' does not exist there: the tangent is vertical, {extremum}"
    else:
        first, second = (_near_number(end) for end in ends)
        reason = f"{called}' jumps from {first} to {second}: {extremum}"
    return _message(function, place, "corner", reason, f"{called}' was compared on both sides")


def _limit(values: Sequence[Value]) -> Value:
    """What three values tend to; None if they grow beyond bounds."""
    first, second, third = values
    if abs(second) > abs(first) * 6 / 5 and abs(third) > abs(second) * 6 / 5 and abs(third) > 1:
        return None
    return third


def _near_number(ball: Value) -> str:
    """A limit: the simple fraction next to it, else 6 digits."""
    simple = Fraction(float(ball)).limit_denominator(1000)
    if abs(ball - to_ball(simple)) < _ten_to(-9):
        return str(simple)
    return _short(ball)


# -- several variables -----------------------------------------------------------------------------------


def _kind_of_several(function: _Function, place: _Place) -> tuple[str, str]:
    """By the Hessian's leading minors (Sylvester's criterion), else by lines through the point."""
    hessian = function.hessian()
    if hessian is None:
        return "undecided", "a second derivative does not exist"
    n = len(function.names)
    entries = function.values([i for row in hessian for i in row], place.inputs)
    if any(v is None or isinstance(v, bool) for v in entries):
        return "undecided", "the Hessian has no value there"
    values = [entries[k * n : k * n + n] for k in range(n)]
    minors = [_determinant([row[:k] for row in values[:k]]) for k in range(1, n + 1)]
    texts = [_short(minor) for minor in minors]
    signs = [_sign(minor) for minor in minors]
    shown = f"the Hessian's leading minors are {', '.join(texts)}"
    if all(s == 1 for s in signs):
        return "minimum", f"{shown}: positive definite"
    if all(s == (-1) ** k for k, s in enumerate(signs, 1)):
        return "maximum", f"{shown}: negative definite"
    if signs[-1] and (any(s == -1 for s in signs[1::2]) or set(signs[::2]) >= {1, -1} or 0 in signs):
        return "saddle", f"{shown}: indefinite"
    diagonal = [_sign(values[k][k]) for k in range(n)]
    pairs = [_determinant([[values[i][i], values[i][j]], [values[j][i], values[j][j]]])
             for i, j in combinations(range(n), 2)]  # fmt: skip
    if {1, -1} <= set(diagonal) or any(_sign(pair) == -1 for pair in pairs):
        return "saddle", f"{shown}, and others have both signs: indefinite"
    return _degenerate(function, place, shown)


def _short(value: Value) -> str:
    """A number to 6 digits, without zeros at its end."""
    text = value_text(value, 6) or "?"
    mantissa, e, exponent = text.partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + e + exponent


def _determinant(rows: Sequence[Sequence[Value]]) -> Value:
    """A determinant, exact if all entries are rational."""
    from flint import arb_mat, fmpq, fmpq_mat

    n = len(rows)
    entries = [x for row in rows for x in row]
    if all(isinstance(x, int | Fraction) for x in entries):
        found = fmpq_mat(n, n, [fmpq(Fraction(x).numerator, Fraction(x).denominator) for x in entries]).det()
        value = Fraction(int(found.p), int(found.q))
        return value.numerator if value.denominator == 1 else value
    return arb_mat(n, n, [to_ball(x) for x in entries]).det()


def _degenerate(function: _Function, place: _Place, shown: str) -> tuple[str, str]:
    """Where the Hessian does not tell: lines and parabolas on which f goes down and up, or f − f(p) with one sign."""
    names, graph, tidy = function.names, function.graph, function.tidy
    if not place.is_exact():
        return "degenerate", f"{shown}: they do not tell"
    sign = _one_sign(function, place)
    if sign:
        word = ("never negative", "minimum") if sign > 0 else ("never positive", "maximum")
        return word[1], f"{function.called} minus its value there is {word[0]}"
    t = "t" if "t" not in names else "t_"
    line = _Function(graph, function.root, [], [t], function.called)
    seen: dict[int, str] = {}
    for direction in _directions(len(names)):
        by, words = {}, []
        for name, (a, k) in zip(names, direction):
            node, power = place.nodes[name], tidy.pow(graph.variable(t), graph.number(k))
            assert node is not None
            by[graph.variable(name)] = tidy.add(node, tidy.mul(graph.number(a), power))
            words.append("0" if not a else _monomial(a, k))
        path = graph.substitute(function.root, by)
        start = rewritten(graph, backpropagate(graph, path, [t]).gradient[t])
        origin = _Place(graph, {t: Coordinate(to_ball(0), tidy.zero)})
        found = _first_derivative(line, start, t, origin)
        if found is None:
            continue
        order, sign, text = found
        where = f"along ({', '.join(words)})"
        if order % 2:
            return "saddle", f"{where} the first derivative that is not 0 is the {_ORDINALS[order]}, {text}"
        seen.setdefault(sign, where)
        if len(seen) == 2:
            return "saddle", f"{function.called} rises {seen[1]} and falls {seen[-1]}"
    return "degenerate", f"{shown}: they do not tell"


def _monomial(a: int, k: int) -> str:
    """2t, -t^2."""
    front = "" if a == 1 else "-" if a == -1 else str(a)
    return f"{front}t" if k == 1 else f"{front}t^{k}"


def _directions(n: int) -> Iterator[list[tuple[int, int]]]:
    """Lines through a point, and parabolas: for each variable (a, k) for a·t^k."""
    numbers = (0, 1, -1) if n > 2 else (0, 1, -1, 2, -2)
    for choice in product(numbers, repeat=n) if n <= 4 else ():
        first = next((a for a in choice if a), 0)
        if first == 1:
            yield [(a, 1) for a in choice]
    for i, j in combinations(range(n), 2):
        for a in (1, -1, 2, -2):
            for p, q in ((i, j), (j, i)):
                yield [(1, 1) if k == p else (a, 2) if k == q else (0, 1) for k in range(n)]


def _one_sign(function: _Function, place: _Place) -> int:
    """1 if f − f(p) is certainly never negative around p, −1 if never positive, 0 if that is not plain."""
    graph, tidy = function.graph, function.tidy
    by = {graph.variable(name): tidy.add(graph.variable(name), i) for name, i in place.nodes.items() if i is not None}
    moved = graph.substitute(function.root, by)
    value = function.put_in(function.root, place)
    assert value is not None
    difference = tidy.sub(moved, value)
    return in_field(graph, [difference], False, lambda f: _sign_of_form(f, difference)) or 0


def _sign_of_form(found: Field, node: int) -> int:
    """The one sign of a quotient of products of even powers and of sums of even powers with one sign; else 0."""
    sign = 1
    for polynomial in found.form(node):
        if polynomial == 0:
            return 0
        content, factors = polynomial.factor()
        sign *= 1 if content > 0 else -1
        for factor, times in factors:
            if times % 2 == 0:
                if any(k.key[0] in ("i", "expi") for n, k in zip(factor.degrees(), found.kernels, strict=False) if n):
                    return 0
                continue
            terms = factor.to_dict()
            signs = {1 if c > 0 else -1 for c in terms.values()}
            for exponents in terms:
                for n, kernel in zip(exponents, found.kernels, strict=False):
                    if n and (kernel.key[0] in ("i", "expi") or (n % 2 and not kernel.positive)):
                        return 0
            if len(signs) > 1:
                return 0
            sign *= signs.pop()
    return sign


def _without_gradient(function: _Function, place: _Place) -> dict[str, Any] | None:
    """A place where f has a value and its gradient has none, as the tip of a cone."""
    if function.values([function.root], place.inputs)[0] is None or len(function.names) == 1:
        return None
    reason = f"{function.called} has a value there, but no gradient"
    sign = _one_sign(function, place) if place.is_exact() else 0
    if sign:
        reason += f": a {'minimum' if sign > 0 else 'maximum'}, {function.called} minus its value there is never " + (
            "negative" if sign > 0 else "positive"
        )
    return _message(function, place, "corner", reason, "the gradient does not exist there")


def _family(function: _Function, family: Family) -> dict[str, Any]:
    """Infinitely many points: what f is there, and whether it is the largest or smallest value around."""
    graph, tidy = function.graph, function.tidy
    fixed = {name: c.node for name, c in family.fixed.items()}
    by = {graph.variable(name): node for name, node in fixed.items() if node is not None}
    at = {name: name for name in function.names}
    values: dict[str, Value] = dict.fromkeys(function.names)
    for name, coordinate in family.fixed.items():
        node = coordinate.node
        at[name] = value_text(coordinate.ball, 15) or "" if node is None else to_text(graph, node)
        values[name] = coordinate.ball
        if node is not None:
            values[name] = evaluate(graph, graph.reachable([node]), {}, precision=BITS)[node]
    root = graph.substitute(function.root, by)
    constant = None
    if None not in fixed.values():
        constant = in_field(graph, [root, *([family.equation] if family.equation is not None else [])], False,
                            lambda f: _constant_on(f, root, family.equation))  # fmt: skip
    free = [name for name in function.names if name not in family.fixed]
    where = f"for every {' and '.join(free)}"
    if family.equation is not None:
        left, right = _sides(graph, tidy, family.equation)
        where = f"wherever {to_text(graph, left)} = {to_text(graph, right)}"
    where += " where it exists" if function.domain.cuts else ""
    kind, reason = "on a curve", f"{function.slope} is 0 {where}"
    if constant is not None:
        difference = tidy.sub(function.root, graph.number(constant))
        sign = in_field(graph, [difference], False, lambda f: _sign_of_form(f, difference)) or 0
        if sign:
            word = "minimum" if sign > 0 else "maximum"
            reason += f", and {function.called} has its {word} there"
    text = None if constant is None else str(constant)
    return {
        "at": at, "values": {name: _packed(v) for name, v in values.items()}, "value": _packed(constant),
        "exact": text, "kind": kind, "reason": reason, "checked": f"{function.slope} is a multiple of what is 0 there",
    }  # fmt: skip


def _constant_on(found: Field, root: int, equation: int | None) -> Fraction | int | None:
    """The number that f is on a curve, if it is one."""
    top, bottom = found.form(root)
    if equation is not None:
        if not bottom.is_constant():
            return None
        _, top = divmod(top, found.form(equation)[0])
    value = found.rational((top, bottom))
    return None if value is None else value.numerator if value.denominator == 1 else value


def _sides(graph: Graph, tidy: Tidy, equation: int) -> tuple[int, int]:
    """x² + y² − 1 = 0 as x² + y² and 1."""
    key = graph.nodes[equation]
    if key[0] in ("sub", "add") and graph.nodes[key[2]][0] == "num":
        right = key[2] if key[0] == "sub" else tidy.neg(key[2])
        return key[1], right
    return equation, tidy.zero


# -- the search ------------------------------------------------------------------------------------------


class _Search:
    """What has been found so far."""

    def __init__(self, function: _Function) -> None:
        self.function = function
        self.points: list[tuple[_Place, dict[str, Any]]] = []
        self.families: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.complete = False
        self.how = ""
        self.searched = 0  # how far from 0 everything is told

    def propose(self, point: Point) -> bool:
        """Looks at a candidate; whether it is a critical point."""
        place = _Place(self.function.graph, point)
        for k, (known, _) in enumerate(self.points):
            if known.is_same(place):
                if place.is_exact() and not known.is_exact():  # a formula in place of a decimal
                    found = _examine(self.function, place)
                    if found is not None:
                        self.points[k] = (place, found)
                return True
        found = _examine(self.function, place)
        if found is not None:
            self.points.append((place, found))
        return found is not None

    def message(self) -> dict[str, Any]:
        """Everything, as a message of the worker."""
        points = [found for _, found in sorted(self.points, key=lambda pair: pair[0].order())]
        notes = list(self.notes)
        if len(points) > MAX_POINTS:
            points.sort(key=lambda found: max(abs(_about(v)) for v in found["values"].values()))
            points = points[:MAX_POINTS]
            points.sort(key=lambda found: [_about(v) for v in found["values"].values()])
            notes.append(f"of {len(self.points)} points, the {MAX_POINTS} nearest to 0 are listed")
        ending = "" if self.complete else "; others may exist"
        if not self.complete and self.searched:
            ending += f", but not between -{self.searched} and {self.searched}"
        return {
            "stage": "searched", "points": [*points, *self.families], "complete": self.complete,
            "how": f"{self.how}{ending}", "notes": notes,
        }  # fmt: skip


def _about(packed: Sequence[str] | None) -> float:
    value = _unpacked(packed)
    return float(to_ball(Fraction(0) if value is None else value).mid())


def search(task: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The messages of a task of `question`: what elimination finds, then what a search and SymPy add."""
    previous = set_precision(BITS)
    try:
        yield from _search(task)
    finally:
        set_precision(previous)


def _search(task: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    graph = Graph()
    root, *gradient = decode({"nodes": task["nodes"], "roots": task["roots"]}, graph)
    function = _Function(graph, root, gradient, task["names"], task["function"])
    found = _Search(function)
    if set(graph.variables([root])) - set(function.names):
        _with_parameters(found)
        yield found.message()
        return
    _eliminate(found)
    yield found.message()
    if found.complete:
        return
    if len(function.names) == 1:
        _scan(found)
    else:
        _wander(found)
    yield found.message()
    _ask_sympy(found)
    yield found.message()


def _eliminate(found: _Search) -> None:
    """The zeros of the gradient and the kinks, as far as elimination finds them."""
    function, graph = found.function, found.function.graph
    own = zeros(graph, function.gradient, function.names)
    complete = own.complete
    periodic: list[Point] = []
    candidates = list(own.points)
    boundaries = _boundaries(function) if len(function.names) == 1 else []
    for node in boundaries:
        kinks = zeros(graph, [node], function.names)
        complete = complete and kinks.complete and not kinks.families
        candidates += kinks.points
    if len(function.names) > 1 and _has_kinks(function):
        complete = False
        found.notes.append("corners and cusps were not looked for: that is done for one variable only")
    for point in candidates:
        if len(point) == 1 and next(iter(point.values())).period is not None:
            periodic.append(point)
        else:
            found.propose(point)
    if periodic:
        _repeat(found, periodic)
    elif any(c.period is not None for point in own.points for c in point.values()):
        periods = {name: c.period for point in own.points for name, c in point.items() if c.period is not None}
        words = ", ".join(f"{name} by {_pi_text(graph, period)}" for name, period in periods.items())
        found.notes.append(f"the points repeat: {words}; one period is listed")
    found.families = [_family(function, family) for family in own.families]
    found.complete = complete
    found.how = (
        f"solved by elimination: {function.slope} is 0 at roots of polynomials only, and all of them are isolated"
    )
    if not complete:
        found.how = "not all of it could be solved exactly"
    elif not found.points and not found.families:
        found.how += ": there is no critical point"


def _has_kinks(function: _Function) -> bool:
    """Whether an operation may have no derivative in the midst of the domain."""
    graph = function.graph
    if function.domain.cases:
        return True
    for position in graph.reachable([function.root]):
        key = graph.nodes[position]
        exponent = literal_rational(graph, key[2]) if key[0] == "pow" else None
        if key[0] in ("cbrt", "root", "atan2", "hypot"):
            return True
        if exponent is not None and exponent.denominator % 2 and exponent.denominator > 1:
            return True
    return False


def _pi_text(graph: Graph, turn: Fraction) -> str:
    return to_text(graph, _pi_node(graph, turn))


def _pi_node(graph: Graph, turn: Fraction) -> int:
    """turn·π."""
    form = closed_form(graph, Tidy(graph).mul(graph.number(turn), graph.node("pi")))
    assert form is not None
    return form


def _repeat(found: _Search, points: Sequence[Point]) -> None:
    """Points of one variable that repeat: those of some periods around 0, and a note with the whole family."""
    function, graph = found.function, found.function.graph
    (name,) = function.names
    period = max(point[name].period or Fraction(0) for point in points)
    every = [shifted for point in points for shifted in _periods(graph, point[name], Fraction(0), period)]
    kept = [place for place in (_Place(graph, {name: c}) for c in every) if _examine(function, place) is not None]
    reach = max(period, Fraction(2)) if len(kept) * 4 / period <= MAX_POINTS // 2 else period / 2
    for point in points:
        for coordinate in _periods(graph, point[name], -reach, reach):
            found.propose({name: coordinate})
    if not kept:
        return
    step, first = _finest(kept, name, period)
    n = "n" if name != "n" else "k"
    distance = _pi_node(graph, step)
    texts = []
    for place in sorted(first, key=_Place.order):
        node = place.nodes[name]
        start = value_text(place.inputs[name], 15) or "" if node is None else to_text(graph, node)
        texts.append(f"{name} = {'' if start == '0' else start + ' + '}{to_text(graph, distance)}*{n}")
    found.notes.append(f"they repeat without end: {', '.join(texts)}, {n} a whole number")
    found.notes.append(f"listed are those from {_pi_text(graph, -reach)} to {_pi_text(graph, reach)}")


def _periods(graph: Graph, coordinate: Coordinate, low: Fraction, high: Fraction) -> Iterator[Coordinate]:
    """The repetitions of a coordinate from low·π to high·π (from low·π on, and below high·π, if low is 0)."""
    period = coordinate.period or Fraction(2)
    pi = to_ball(Exact("pi", 1))
    slack = to_ball(Fraction(1, 2**100))
    start = int(float((to_ball(low) * pi - coordinate.ball) / (to_ball(period) * pi))) - 1
    for k in range(start, start + int((high - low) / period) + 4):
        ball = coordinate.ball + to_ball(k * period) * pi
        above = ball > to_ball(low) * pi - slack
        below = ball < to_ball(high) * pi - slack if low == 0 else ball < to_ball(high) * pi + slack
        if not (above and below):
            continue
        node = coordinate.node
        if node is not None and k:
            sum_ = Tidy(graph).add(node, Tidy(graph).mul(graph.number(k * period), graph.node("pi")))
            node = closed_form(graph, sum_) or rewritten(graph, sum_)
        yield Coordinate(ball, node, period)


def _finest(places: Sequence[_Place], name: str, period: Fraction) -> tuple[Fraction, list[_Place]]:
    """The smallest step by which the points of one period repeat, and the first of each."""
    pi = to_ball(Exact("pi", 1))
    whole = to_ball(period) * pi
    balls = [place.balls[name] for place in places]
    for m in range(len(places), 1, -1):
        if len(places) % m:
            continue
        moved = [ball + whole / m for ball in balls]
        if all(any(a.overlaps(b) or a.overlaps(b + whole) for b in balls) for a in moved):
            end = whole / m - to_ball(Fraction(1, 2**100))
            return period / m, [place for place, ball in zip(places, balls) if ball < end]
    return period, list(places)


def _scan(found: _Search) -> None:
    """The zeros of f' near 0, by halving boxes until f' or f'' is certainly not 0 in them."""
    function = found.function
    (name,) = function.names
    hessian = function.hessian()
    nodes = [function.gradient[0], *(hessian[0] if hessian is not None else [])]
    order = function.graph.reachable(nodes)
    cells = 64
    low, high = -WINDOW - Fraction(1, 97), WINDOW + Fraction(5, 89)  # so that no end is a zero
    width = (high - low) / cells
    # Boxes near 0 come first, and those that were halved often come late: a hard place costs not all of the budget.
    waiting: list[tuple[float, int, Fraction, Fraction]] = []

    def add(depth: int, low: Fraction, high: Fraction) -> None:
        heappush(waiting, (depth + float(_distance(low, high)) / 8, depth, low, high))

    for k in range(cells):
        add(0, low + k * width, low + (k + 1) * width)
    reach = Fraction(WINDOW)  # up to there, everything is told
    spent, level = 0, ""

    def values(x: Value) -> list[Value]:
        result = evaluate(function.graph, order, {name: x}, precision=128, exact=False)
        return [None if isinstance(result.get(i), bool) else result.get(i) for i in nodes]

    while waiting:
        _, depth, low, high = heappop(waiting)
        spent += 1
        if spent > BOXES or len(found.points) >= SCANNED:
            reach = min(reach, _distance(low, high), *(_distance(a, b) for _, _, a, b in waiting))
            break
        box = to_ball(low).union(to_ball(high))
        first, *second = values(box)
        if first is not None and not first.contains(0):
            continue
        if first is None and function.domain.status({name: box})[0][0] is False:
            continue
        if first is not None and first.is_zero():
            level = level or str((low + high) / 2 if not low < 0 < high else Fraction(0))
            reach = min(reach, _distance(low, high))
            continue
        if first is not None and second and second[0] is not None and not second[0].contains(0):
            ends = [values(to_ball(x))[0] for x in (low, high)]
            if all(end is not None and not end.contains(0) for end in ends):
                if (ends[0] > 0) != (ends[1] > 0):
                    root = _root_between(function, values, low, high)
                    if root is None or not found.propose({name: root}):
                        reach = min(reach, _distance(low, high))
                continue
        if depth > 24:
            reach = min(reach, _distance(low, high))
            continue
        middle = (low + high) / 2
        add(depth + 1, low, middle)
        add(depth + 1, middle, high)
    found.searched = int(reach)
    found.how = "searched near 0 in ball arithmetic"
    if level:
        found.notes.append(f"{function.slope} is 0 on a whole interval, around {name} = {float(Fraction(level)):.3g}")


def _distance(low: Fraction, high: Fraction) -> Fraction:
    """How far an interval is from 0."""
    return Fraction(0) if low < 0 < high else min(abs(low), abs(high))


def _root_between(function: _Function, values: Any, low: Fraction, high: Fraction) -> Coordinate | None:
    """The zero of f' between two places of different sign, narrowed until Newton's method takes over."""
    (name,) = function.names
    rising = values(to_ball(high))[0] > 0
    for _ in range(80):
        middle = (low + high) / 2
        easy = middle.limit_denominator(12)
        if low < easy < high and function.vanishes(function.gradient[0], _at(function, easy)) == "exact":
            return Coordinate(to_ball(easy), function.graph.number(easy))
        here = values(to_ball(middle))[0]
        if here is None or here.contains(0):
            break
        low, high = (low, middle) if (here > 0) == rising else (middle, high)
    place = function.certified(_at(function, (low + high) / 2, exact=False))
    return None if place is None else Coordinate(place.balls[name], None)


def _at(function: _Function, x: Fraction, exact: bool = True) -> _Place:
    (name,) = function.names
    node = function.graph.number(x) if exact else None
    return _Place(function.graph, {name: Coordinate(to_ball(x), node)})


def _wander(found: _Search) -> None:
    """Newton's method from some places, for several variables; what it ends at is certified."""
    from flint import arb_mat

    function = found.function
    hessian, names = function.hessian(), function.names
    if hessian is None:
        return
    nodes = [*function.gradient, *(i for row in hessian for i in row)]
    n = len(names)
    seeds = [Fraction(k, 3) for k in (1, -2, 4, -5, 8, -10)]
    starts = list(product(seeds, repeat=n))[:60] if n <= 3 else [[s] * n for s in seeds]
    order = function.graph.reachable(nodes)
    for start in starts:
        x = [to_ball(s) for s in start]
        for _ in range(40):
            values = evaluate(function.graph, order, dict(zip(names, x)), precision=128, exact=False)
            row: list[Any] = [values.get(i) for i in nodes]
            if any(v is None or isinstance(v, bool) for v in row):
                break
            try:
                step = arb_mat(n, n, [v.mid() for v in row[n:]]).solve(arb_mat(n, 1, [v.mid() for v in row[:n]]))
            except ZeroDivisionError:
                break
            moves = [s.mid() for s in step.entries()]
            x = [(a - b).mid() for a, b in zip(x, moves)]
            if all(abs(b) < _ten_to(-25) for b in moves):
                place = function.certified(_Place(function.graph, {k: Coordinate(v, None) for k, v in zip(names, x)}))
                if place is not None:
                    found.propose({name: _recognised(function, place.balls[name]) for name in names})
                break
            if not all(abs(a) < 1000 for a in x):
                break
    found.how = "searched by Newton's method from some places"


def _recognised(function: _Function, ball: Value) -> Coordinate:
    """A ball, as the rational number that it holds if there is a simple one; whether it is a zero is checked later."""
    simple = Fraction(float(ball.mid())).limit_denominator(60)
    if ball.contains(to_ball(simple)):
        return Coordinate(to_ball(simple), function.graph.number(simple))
    return Coordinate(ball, None)


def _ask_sympy(found: _Search) -> None:
    """Candidates of SymPy's, each of which is looked at like any other."""
    function, graph = found.function, found.function.graph
    from .symbolic import solve_gradient

    known = len(found.points)
    answer = solve_gradient(graph, function.gradient, function.names)
    if answer is None:
        return
    misses = 0
    listed: list[_Place] = []
    for solution in answer.points:
        free = [name for name in function.names if name not in solution]
        inner = graph.variables(solution.values())
        if free or inner:
            _propose_family(found, solution)
            continue
        point: Point = {}
        for name in function.names:
            node = closed_form(graph, solution[name])
            node = rewritten(graph, solution[name]) if node is None else node
            value = evaluate(graph, graph.reachable([node]), {}, precision=BITS, exact=False)[node]
            if value is not None and not isinstance(value, bool):
                point[name] = Coordinate(value, node)
        if len(point) == len(function.names):
            found.propose(point)
            listed.append(_Place(graph, point))
        else:
            misses += 1
    places = [place for place, _ in found.points]
    if any(place.is_same(other) for place in places for other in listed):
        found.notes += [f"they repeat without end: {text}, n a whole number" for text in answer.families]
    # The solver's word for the whole list counts only if each of its points is one, and none of ours is missing.
    if answer.finite and not misses and len(function.names) == 1 and not _boundaries(function):
        theirs = all(any(place.is_same(other) for place in places) for other in listed)
        ours = all(any(place.is_same(other) for other in listed) for place in places)
        if theirs and ours:
            found.complete = True
            found.how = "SymPy's solver says that these are all; each was checked"
            return
    if len(found.points) > known:
        found.how += ", and by SymPy"


def _propose_family(found: _Search, solution: Mapping[str, int]) -> None:
    """A solution of SymPy's with a variable left free, if the normal form proves it."""
    function, graph = found.function, found.function.graph
    by = {graph.variable(name): node for name, node in solution.items()}
    put_in = [graph.substitute(i, by) for i in function.gradient]
    if not all(in_field(graph, [i], False, lambda f, i=i: f.is_zero(f.form(i))) for i in put_in):  # type: ignore[misc]
        return
    at = {
        name: to_text(graph, rewritten(graph, solution[name])) if name in solution else name for name in function.names
    }
    free = [name for name in function.names if name not in solution]
    entry = {
        "at": at, "values": dict.fromkeys(function.names), "value": None, "exact": None, "kind": "on a curve",
        "reason": f"{function.slope} is 0 for every {' and '.join(free)}", "checked": f"{function.slope} is exactly 0",
    }  # fmt: skip
    if entry not in found.families:
        found.families.append(entry)


def _with_parameters(found: _Search) -> None:
    """A function with letters that are not variables: SymPy's solutions that the normal form proves."""
    from .symbolic import solve_gradient

    function, graph = found.function, found.function.graph
    found.how = "solved by SymPy with the other letters as parameters"
    answer = solve_gradient(graph, function.gradient, function.names)
    hessian = function.hessian()
    for solution in answer.points if answer is not None else ():
        if set(solution) != set(function.names):
            continue
        by = {graph.variable(name): node for name, node in solution.items()}
        put_in = [graph.substitute(i, by) for i in function.gradient]
        if not all(in_field(graph, [i], False, lambda f, i=i: f.is_zero(f.form(i))) for i in put_in):  # type: ignore[misc]
            continue
        kind, reason = "undecided", "the kind depends on the parameters"
        if hessian is not None and len(function.names) == 1:
            second = rewritten(graph, graph.substitute(hessian[0][0], by))
            text = to_text(graph, second)
            key = graph.nodes[second]
            reason = f"{function.called}'' = {text}: its sign depends on the parameters"
            if key[0] == "num" and key[1]:
                kind = "minimum" if key[1] > 0 else "maximum"
                reason = f"{function.called}'' = {text} {'>' if key[1] > 0 else '<'} 0"
        value = rewritten(graph, graph.substitute(function.root, by))
        found.families.append({
            "at": {name: to_text(graph, rewritten(graph, solution[name])) for name in function.names},
            "values": dict.fromkeys(function.names), "value": None,
            "exact": to_text(graph, value) if operations(graph, value) <= 3 * SHORT else None,
            "kind": kind, "reason": reason, "checked": f"{function.slope} is exactly 0, whatever the parameters",
        })  # fmt: skip


__all__ = ["CriticalPoint", "CriticalPoints", "critical_points", "question", "question_of", "search", "take_in"]
