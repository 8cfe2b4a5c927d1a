"""A derivation at a point: values forwards, adjoints backwards, each exact or to every printed digit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .errors import UsageError, visible
from .evaluate import Value, accurate, evaluate, sign_of_difference, value_text
from .expr import PYTHON, to_text
from .linear import approximate
from .ops import lookup
from .parser import check_variables, parse_equation
from .passes import TRACED
from .reverse import Edge, Pass
from .rules import apply as apply_rule
from .rules import compile_text
from .tidy import Tidy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .derivation import Derivation


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


def set_point(result: Derivation, at: Mapping[str, Any], functions: Collection[str]) -> None:
    from fractions import Fraction

    point: dict[str, Value] = {}
    graph = result.graph
    values = {d.name: d.value for d in result.equation.definitions if d.given}
    computed = {d.name for d in result.equation.definitions if not d.given}
    for name in check_variables(at):
        given = at[name]
        if given is not None and name in values:
            result.note(f"the value of {visible(name)} is that of the point, not of the program")
        elif name in computed:
            result.note(f"the program defines {visible(name)}: the value given for it is not used")
        if given is None:  # what the program says
            if name not in values:
                raise UsageError(f"there is no value for {visible(name)}", hint="give a number")
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
    present = {*occurring, *(d.name for d in result.equation.definitions)}
    for name in point:
        if name not in present:
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
        roots, complete = Relation(result.equation, result.wrt, y).solutions(point)
        words = ", ".join(f"{y} = {value_text(root, result.digits)}" for root in roots)
        if not roots:
            none = "the curve has no point there" if complete else "no point of the curve was found there"
            raise UsageError(none, hint="choose another point" if complete else f"if you know one, write --at {y}=...")
        if len(roots) > 1:
            found = f"the curve has {len(roots)} points there" if complete else f"{len(roots)} points were found there"
            raise UsageError(f"{found}: {words}", hint=f"say which: --at {y}=...")
        point[y] = roots[0]
        result.point_text[y] = value_text(roots[0], result.digits) or ""
        result.note(f"{words} is the point of the curve there" if complete else
                    f"{words} is a point of the curve there; there may be others")  # fmt: skip
    elif not missing:
        value = evaluate(graph, graph.reachable([difference]), point, precision=400)[difference]
        if value is None or sign_of_difference(value, 0) in (1, -1):
            off = "" if value is None else f": left minus right is {value_text(value, result.digits)}"
            raise UsageError(f"the point is not on the curve{off}", hint=f"leave {y} out to have it found")


def set_tangent(result: Derivation) -> None:
    """The linear approximation at the point."""
    if result.kind not in ("gradient", "implicit") or result.order > 1:
        raise UsageError("a tangent goes with a first derivative", hint="leave out what else is asked for")
    point = result.point or {}
    if result.inner:
        raise UsageError("a tangent is by variables", hint="choose inputs of the program")
    if not result.wrt:
        raise UsageError("there is no variable: a tangent needs one", hint="write for example x^2")
    sides = result.outputs if result.kind == "gradient" else [result.answer.difference]
    missing = [name for name in dict.fromkeys([*result.wrt, *result.graph.variables(sides)]) if name not in point]
    if missing:
        raise UsageError("a tangent needs a point", hint=f"--at {','.join(f'{name}=1' for name in missing)}")
    slopes = result.gradient_value
    if result.kind == "gradient" and any("not differentiable" in note for note in result.notes):
        from .numeric import exact_derivatives

        slopes, _ = exact_derivatives(result.graph, result.root, result.wrt, point)  # there may be a kink, or none
    result.tangent = approximate(result.graph, result.value, slopes, point, result.digits)
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
        for part, one in enumerate(result.passes if len(result.passes) <= TRACED else result.passes[:1]):
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
