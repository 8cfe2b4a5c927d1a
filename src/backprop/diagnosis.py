"""What went wrong in an answer: one wrong rule at one node, and everything else done right.

The derivation is done again with a rule of the table of mistakes at a node; if the answer comes out,
the mistake is named. Candidates are found by numbers, forwards and in balls, since there are
thousands of them; each one that is named was then built as an expression and shown equal to the
answer by the same ladder that judges answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, islice
from typing import Any, NamedTuple

from .algebra import proves_equal
from .equivalence import decide, sample_points
from .evaluate import Value, evaluate, run_in_balls, set_precision, to_ball
from .expr import LEAVES, PRETTY, PYTHON, Graph, Style, literal_rational, to_text
from .implicit import Relation, decide_on, solve_linear
from .mistakes import MISTAKES, PATTERNS, WHOLE, Mistake, filled, lookup_mistake
from .ops import CONDITIONS, GROUPS, Op, lookup
from .reverse import active, backpropagate
from .rules import Program, apply, compile_text, partial, program
from .textbook import textbook_forms
from .tidy import Tidy

_BITS = 128
_POINTS = 3
_PAIRS = 16_000  # pairs of mistakes that are tried
_LISTED = 6
_TERMS = 12  # terms of a sum that are tried one by one
_LARGEST = 250  # nodes of a problem whose mistakes are looked for

_PERIODIC = frozenset(op.name for group in ("Trigonometric functions", "Hyperbolic functions") for op in GROUPS[group])

# Where a part of a step comes from: the value or the derivative of a node, its reciprocal, or the variable.
_Part = tuple[str, int]


class Place(NamedTuple):
    """A step of the derivation: a node, its pattern, the function in it if it has one, and its parts."""

    node: int
    pattern: str
    function: Op | None
    parts: dict[str, _Part]


class Site(NamedTuple):
    """A wrong rule at a place."""

    place: Place
    row: Mistake
    rank: int
    text: str
    steps: Program
    names: tuple[str, ...]


# -- places ----------------------------------------------------------------------------------------


def places(graph: Graph, root: int, names: Sequence[str]) -> Iterator[Place]:
    """The steps of a derivation in which some variables vary, the last one first."""
    varying = set(active(graph, root, names))
    for position in reversed(graph.reachable([root])):
        key = graph.nodes[position]
        op = key[0]
        if op == "var":
            if key[1] not in names:
                yield Place(position, "other variable", None, {})
        elif op in ("pi", "e"):
            yield Place(position, "constant", None, {})
        elif position not in varying and op == "pow":
            yield Place(position, "constant power", None, {"u": ("value", key[1]), "n": ("value", key[2])})
        elif position not in varying and op in ("exp", "sqrt"):
            yield (
                Place(position, "constant exponential", None, {"n": ("value", key[1])})
                if op == "exp"
                else Place(position, "constant root", None, {"u": ("value", key[1])})
            )
        elif op not in LEAVES and op not in CONDITIONS and position in varying:
            yield from _steps(graph, position, key, varying)


def _steps(graph: Graph, position: int, key: tuple[Any, ...], varying: set[int]) -> Iterator[Place]:
    op, *operands = key
    a, b = operands[0], operands[-1]
    first, second = a in varying, b in varying
    u, v = _varying("u", a), _varying("v", b)

    def place(pattern: str, *parts: dict[str, _Part], function: Op | None = None) -> Place:
        return Place(position, pattern, function, {k: p for part in parts for k, p in part.items()})

    if op in ("add", "sub", "mul", "div", "pow") and first and second:
        pattern = {"add": "sum", "sub": "difference", "mul": "product", "div": "quotient", "pow": "tower"}[op]
        yield place(pattern, u, v)
        inner = graph.nodes[b]
        if op == "sub" and inner[0] in ("add", "sub"):
            yield place("difference of a sum" if inner[0] == "add" else "difference of a difference",
                        u, _varying("v", inner[1]), _varying("w", inner[2]))  # fmt: skip
    elif op == "add":
        yield place("constant added", _varying("u", a if first else b), {"c": ("value", b if first else a)})
    elif op == "sub":
        yield place("constant taken off", u, {"c": ("value", b)}) if first else place(
            "taken from a constant", _varying("u", b), {"c": ("value", a)})  # fmt: skip
    elif op == "neg":
        yield place("negation", u)
    elif op == "mul":
        yield place("multiple", _varying("u", a if first else b), {"c": ("value", b if first else a)})
    elif op == "div":
        if first:
            yield place("multiple", u, {"c": ("reciprocal", b)})
        else:
            yield place("reciprocal", v, {"c": ("value", a)})
    elif op == "pow" and second:
        yield place("exponential", v, {"a": ("value", a)})
    elif op == "pow":
        yield place("power", u, {"n": ("value", b)})
        inner = graph.nodes[a]
        if len(inner) == 2 and inner[0] not in LEAVES and inner[0] != "neg":
            yield place("power of a function", _varying("w", inner[1]), {"n": ("value", b)}, function=lookup(inner[0]))
        if literal_rational(graph, b) == Fraction(1, 2):
            yield place("sqrt", u, function=lookup("sqrt"))
    elif len(operands) == 1:
        row = lookup(op)
        yield place("function", u, function=row)
        yield place(op, u, function=row)
        if op in _PERIODIC:
            yield place("trigonometric", u, function=row)
        inner = graph.nodes[a]
        if inner[0] == "pow" and inner[2] not in varying:
            yield place("function of a power", _varying("w", inner[1]), {"n": ("value", inner[2])}, function=row)


def _varying(letter: str, node: int) -> dict[str, _Part]:
    return {letter: ("value", node), "d" + letter: ("derivative", node)}


def sites(graph: Graph, found: Iterable[Place]) -> list[Site]:
    """Every row of the table at every place at which it has a wrong rule."""
    result = []
    for place in found:
        names = ("t", *place.parts)
        inner = next((node for letter, (_, node) in place.parts.items() if letter in ("du", "dv", "dw")), None)
        is_bare = inner is not None and graph.nodes[inner][0] == "var"
        for rank, row in enumerate(MISTAKES):
            if row.nested and is_bare:
                continue
            for text in row.rules.get(place.pattern, ()):
                steps = compiled(text, names, place.function)
                if steps is not None:
                    result.append(Site(place, row, rank, text, steps, names))
    return result


def compiled(text: str, names: tuple[str, ...], function: Op | None) -> Program | None:
    """A rule for a function of one operand, with D and F replaced by what the table says; None if it has none."""
    if function is None:
        return compile_text(text, names)
    if function.partials[0] is None:
        return None
    declared = (function.call.rstrip("'"),) if function.ball == "declared" else ()
    return compile_text(filled(text, function), names, declared)


# -- numbers ---------------------------------------------------------------------------------------


class _Numbers:
    """The derivation at one point, in balls: values and derivatives of all nodes."""

    def __init__(
        self, graph: Graph, order: Sequence[int], point: Mapping[str, Value], seeds: Mapping[str, int], name: str
    ) -> None:
        self.graph, self.order, self.point = graph, order, dict(point)
        self.seeds = {variable: to_ball(seed) for variable, seed in seeds.items()}  # their derivatives
        self.values = evaluate(graph, order, point, precision=_BITS, exact=False)
        self.variable = to_ball(point.get(name, 0))
        self.zero = to_ball(0)
        self.partials: dict[tuple[int, int], Value] = {}
        self.derivatives: dict[int, Value] = {}
        self.derivatives = self.forward({})

    def forward(self, wrong: Mapping[int, Site]) -> dict[int, Value]:
        """The derivatives of all nodes, with wrong rules at some of them."""
        nodes, right = self.graph.nodes, self.derivatives
        changed: dict[int, Value] = {}
        for position in self.order:
            if position in wrong:
                changed[position] = self.local(wrong[position], changed)
                continue
            key = nodes[position]
            if key[0] in LEAVES:
                if not right:
                    changed[position] = self.seeds.get(key[1], self.zero) if key[0] == "var" else self.zero
                continue
            operands = key[1:]
            if right and not any(i in changed for i in operands):
                continue
            total = self.zero
            for k, operand in enumerate(operands):
                below = changed[operand] if operand in changed else right.get(operand)
                if below is None:
                    total = None
                    break
                if not below.is_zero():
                    slope = self.partial(position, key, k)
                    if slope is None:
                        total = None
                        break
                    total = total + slope * below
            changed[position] = total
        return changed

    def values_of(self, node: int) -> Value:
        """The value of any node of the graph."""
        return evaluate(self.graph, self.graph.reachable([node]), self.point, precision=_BITS, exact=False)[node]

    def partial(self, position: int, key: tuple[Any, ...], k: int) -> Value:
        """The partial of a node by its k-th operand."""
        found = self.partials.get((position, k), self)
        if found is self:
            if not _has_partial(key[0], k):
                found = self.zero if key[0] == "where" or key[0] in CONDITIONS else None
            else:
                operands = [self.values.get(i) for i in key[1:]]
                found = None if None in operands else run_in_balls(program(key[0], k), operands)
            self.partials[position, k] = found
        return found

    def local(self, site: Site, changed: Mapping[int, Value]) -> Value:
        """What a wrong rule gives at its place."""
        operands: list[Value] = [self.variable]
        for kind, node in site.place.parts.values():
            if kind == "derivative":
                operands.append(changed[node] if node in changed else self.derivatives.get(node))
            else:
                value = self.values.get(node)
                operands.append(1 / value if kind == "reciprocal" and value is not None else value)
        return None if None in operands else run_in_balls(site.steps, operands)


def _has_partial(op: str, k: int) -> bool:
    """Whether anything flows through an operand: not through a condition."""
    return lookup(op).partials[k] is not None


def _same(first: Value, second: Value) -> bool:
    """Whether two balls may be the same number, and both are known well."""
    if first is None or second is None or not first.is_finite() or not second.is_finite():
        return False
    return bool(first.overlaps(second)) and bool(first.rad() <= abs(second).mid() * 1e-15 + 1e-15)


# -- the search ------------------------------------------------------------------------------------


class Finding(NamedTuple):
    """Wrong rules that give the answer, together; `negated` with the whole sign changed as well, `also`
    with the inner derivative left out at the same place."""

    sites: tuple[Site, ...]
    negated: bool = False
    also: str = ""


class Search:
    """The mistakes in one derivation of `root` by `name` that explain the node `given`."""

    def __init__(self, graph: Graph, root: int, name: str, given: int, expected: int) -> None:
        self.graph, self.root, self.name, self.given, self.expected = graph, root, name, given, expected
        self.order = graph.reachable([root])
        self.seeds = {name: graph.number(1)}
        self.numbers: list[tuple[_Numbers, Value]] = []
        roots = [root, given, expected]
        order = graph.reachable(roots)
        previous = set_precision(_BITS)
        try:
            found: list[tuple[bool, int, dict[str, Fraction], Value]] = []
            for point in sample_points(graph, roots, graph.variables(roots), 30):
                values = evaluate(graph, order, point, precision=_BITS, exact=False)
                known = [values.get(i) for i in roots]
                if all(v is not None and v.rad() < 1e-15 * (1 + abs(v)) for v in known):
                    found.append((any(x <= 0 for x in point.values()), len(found), point, values[given]))
            # Powers have values at positive numbers, whatever their exponents.
            for _, _, point, value in sorted(found, key=lambda entry: entry[:2])[:_POINTS]:
                self.numbers.append((_Numbers(graph, self.order, point, {name: 1}, name), value))
        finally:
            set_precision(previous)
        self.sites = sites(graph, places(graph, root, [name]))

    def singles(self) -> list[Finding]:
        """One wrong rule at one node, or the same one at every node of its kind."""
        if not self.numbers and any(self.graph.nodes[i][0].startswith("call ") for i in self.order):
            # Declared functions have no values: the few candidates are compared by their normal forms.
            return [
                Finding((site,)) for site in self.sites if proves_equal(self.graph, self.mutant((site,)), self.given)
            ]
        found = [Finding((site,)) for site in self.sites if self.fits((site,))]
        if found:
            return found
        alike: dict[tuple[str, str], list[Site]] = {}
        for site in self.sites:
            alike.setdefault((site.text, site.place.pattern), []).append(site)
        return [Finding(tuple(group)) for group in alike.values() if len(group) > 1 and self.fits(group)]

    def pairs(self) -> list[Finding]:
        """Two wrong rules at two nodes, or one and the sign of the whole."""
        found = [Finding((site,), negated=True) for site in self.sites if self.fits((site,), negated=True)]
        found += [Finding((site,), also="M01") for site in self._bare() if self.fits((site,))]
        if found or not self.numbers:
            return found
        effective = [site for site in self.sites if self.changes(site)]
        tried = 0
        for first, second in sorted(combinations(effective, 2), key=lambda pair: pair[0].rank + pair[1].rank):
            if first.place.node == second.place.node:
                continue
            tried += 1
            if tried > _PAIRS:
                break
            if self.fits((first, second)):
                found.append(Finding((first, second)))
                if len(found) >= _LISTED:
                    break
        return found

    def _bare(self) -> Iterator[Site]:
        """Wrong rules of single functions, with the inner derivative left out as well."""
        for site in self.sites:
            if site.place.function is not None and site.text.endswith("*du") and site.row.code != "M01":
                text = site.text.removesuffix("*du")
                steps = compiled(text, site.names, site.place.function)
                if steps is not None:
                    yield site._replace(text=text, steps=steps)

    def fits(self, chosen: Sequence[Site], negated: bool = False) -> bool:
        """Whether the answer comes out at all points."""
        wrong = {site.place.node: site for site in chosen}
        for numbers, answer in self.numbers:
            result = numbers.forward(wrong).get(self.root, numbers.derivatives[self.root])
            if result is None or not _same(-result if negated else result, answer):
                return False
        return bool(self.numbers)

    def gives(self, node: int) -> bool:
        """Whether an expression has the values of the answer."""
        return bool(self.numbers) and all(_same(n.values_of(node), answer) for n, answer in self.numbers)

    def changes(self, site: Site) -> bool:
        """Whether the wrong rule gives another number than the right one somewhere."""
        for numbers, _ in self.numbers:
            result = numbers.local(site, {})
            right = numbers.derivatives.get(site.place.node)
            if result is not None and right is not None and not _same(result, right):
                return True
        return False

    # -- expressions -------------------------------------------------------------------------------

    def mutant(self, chosen: Sequence[Site]) -> int:
        """The derivative with wrong rules, as an expression."""
        return self.mutated(chosen)[self.root]

    def mutated(self, chosen: Sequence[Site]) -> dict[int, int]:
        """The derivatives of all nodes with wrong rules at some of them, as expressions."""
        wrong = {site.place.node: site for site in chosen}
        derivatives: dict[int, int] = {}
        for position in self.order:
            if position in wrong:
                derivatives[position] = self.local(wrong[position], derivatives)
            else:
                derivatives[position] = self.right(position, derivatives)
        return derivatives

    def right(self, position: int, derivatives: Mapping[int, int]) -> int:
        """The right derivative of a node, given those of its operands."""
        tidy = Tidy(self.graph)
        key = self.graph.nodes[position]
        if key[0] in LEAVES:
            return self.seeds.get(key[1], tidy.zero) if key[0] == "var" else tidy.zero
        terms = [
            tidy.mul(partial(key[0], k, key[1:], tidy), derivatives[i])
            for k, i in enumerate(key[1:])
            if derivatives[i] != tidy.zero and _has_partial(key[0], k)
        ]
        return tidy.sum(terms) if terms else tidy.zero

    def local(self, site: Site, derivatives: Mapping[int, int]) -> int:
        """What a wrong rule writes at its place."""
        tidy = Tidy(self.graph)
        operands = [self.graph.variable(self.name)]
        for kind, node in site.place.parts.values():
            if kind == "derivative":
                operands.append(derivatives[node])
            else:
                operands.append(tidy.div(tidy.one, node) if kind == "reciprocal" else node)
        return apply(site.steps, tuple(operands), tidy)

    def is_proved(self, finding: Finding) -> bool:
        """Whether the answer really is what these wrong rules give, by the ladder that judges answers."""
        tidy = Tidy(self.graph)
        mutant = self.mutant(finding.sites)
        if finding.negated:
            mutant = tidy.neg(mutant)
        verdict = decide(self.graph, mutant, self.given, domain=[self.root], points=6, thorough=True)
        return verdict.verdict == "equal"

    def right_derivatives(self) -> dict[int, int]:
        """The right derivative of every node, as an expression."""
        derivatives: dict[int, int] = {}
        for position in self.order:
            derivatives[position] = self.right(position, derivatives)
        return derivatives


# -- in words --------------------------------------------------------------------------------------


def diagnose(
    graph: Graph,
    root: int,
    name: str,
    order: int,
    given: int,
    expected: int,
    names: Mapping[int, str],
) -> list[dict[str, Any]]:
    """The mistakes that explain a wrong derivative `given` of `root`; those of one explanation stand together.

    `names` are the derivation's names of nodes. Nothing is listed that was not shown to give exactly
    the answer; if nothing does, the list is empty.
    """
    if len(graph.reachable([root])) > _LARGEST or graph.written_size([given]) > 20 * _LARGEST:
        return []
    previous = set_precision(_BITS)
    try:
        return _diagnosed(graph, root, name, order, given, expected, names)
    finally:
        set_precision(previous)


def _diagnosed(
    graph: Graph, root: int, name: str, order: int, given: int, expected: int, names: Mapping[int, str]
) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    last = root if order == 1 else _before(graph, root, name, order)
    for variant, is_typed in _variants(graph, last, typed=order == 1):
        search = Search(graph, variant, name, given, expected)
        listed = _explained(search, search.singles(), names if is_typed else {})
        if listed:
            break
    listed += whole_facts(graph, root, name, order, given, expected, known=bool(listed))
    if not listed and order == 2:
        listed = _earlier(graph, root, name, given, names)
    if not listed:
        for variant, is_typed in _variants(graph, last, typed=order == 1):
            search = Search(graph, variant, name, given, expected)
            listed = _explained(search, search.pairs(), names if is_typed else {})
            if listed:
                break
    return listed[: 2 * _LISTED]


def _before(graph: Graph, root: int, name: str, order: int) -> int:
    """The derivative of one order less, in readable form."""
    for _ in range(order - 1):
        root = backpropagate(graph, root, [name]).gradient[name]
    return textbook_forms(graph, root, [root])[root]


def _variants(graph: Graph, root: int, *, typed: bool) -> Iterator[tuple[int, bool]]:
    """The function as typed, with roots and reciprocals as powers, and in readable form."""
    seen = {root}
    yield root, typed
    for variant in (_as_powers(graph, root), _readable(graph, root)):
        if variant not in seen:
            seen.add(variant)
            yield variant, False


def _readable(graph: Graph, root: int) -> int:
    from .textbook import rewritten

    return rewritten(graph, root)


def _as_powers(graph: Graph, root: int) -> int:
    """√u as u^(1/2), c/u^n as c·u^(−n)."""
    new: dict[int, int] = {}
    tidy = Tidy(graph)
    for position in graph.reachable([root]):
        key = graph.nodes[position]
        if key[0] in LEAVES:
            new[position] = position
            continue
        op, operands = key[0], [new[i] for i in key[1:]]
        if op == "sqrt":
            new[position] = graph.node("pow", operands[0], graph.number(Fraction(1, 2)))
        elif op == "cbrt":
            new[position] = graph.node("pow", operands[0], graph.number(Fraction(1, 3)))
        elif op == "div" and graph.variables([operands[1]]):
            below = graph.nodes[operands[1]]
            exponent = literal_rational(graph, below[2]) if below[0] == "pow" else None
            base, n = (below[1], exponent) if exponent is not None else (operands[1], Fraction(1))
            power = graph.node("pow", base, graph.number(-n))
            new[position] = power if operands[0] == tidy.one else graph.node("mul", operands[0], power)
        else:
            new[position] = graph.node(op, *operands)
    return new[root]


def _explained(search: Search, findings: Iterable[Finding], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """The findings that hold as expressions, in words; the first of each row and place only."""
    listed: list[dict[str, Any]] = []
    seen: set[Any] = set()
    right = search.right_derivatives() if findings else {}
    for finding in findings:
        what = tuple((site.row.code, site.place.node) for site in finding.sites)
        if what in seen or not search.is_proved(finding):
            continue
        if proves_equal(search.graph, search.mutant(finding.sites), search.expected) and not finding.negated:
            continue  # the wrong rule happens to be right here
        seen.add(what)
        first = len(listed)
        wrong = search.mutated(finding.sites)
        listed += [_in_words(search, site, right, names, wrong[site.place.node]) for site in finding.sites]
        if finding.negated:
            listed.append(fact("M61"))
        if finding.also:
            row = lookup_mistake(finding.also)
            assert row is not None
            listed.append({**listed[-1], "code": row.code, "name": row.name})
        for mistake in listed[first:]:
            mistake["explanation"] = len(seen)
        if len(seen) >= _LISTED:
            break
    return listed


def _in_words(
    search: Search, site: Site, right: Mapping[int, int], names: Mapping[int, str], wrong: int
) -> dict[str, Any]:
    """One mistake for a reader: the place, what was written there, and what the rule gives."""
    graph, place = search.graph, site.place
    shown = {letter: _short(graph, node) for letter, (_, node) in place.parts.items() if not letter.startswith("d")}
    where = _short(graph, place.node)
    inner = shown.get("v", shown.get("w", where))
    sentence = site.row.sentence.format_map({"t": search.name, "u": inner, "w": inner, **shown, "where": where})
    pattern = PATTERNS.get(place.pattern, PATTERNS["function"])
    wrong_shape, right_shape = (
        shape(text, site.names, place.function, search.name) for text in (site.text, pattern.right)
    )
    proper = right[place.node]
    forms = textbook_forms(graph, search.root, [wrong, proper])
    return {
        "code": site.row.code, "name": site.row.name, "node": names.get(place.node), "where": where,
        "message": f"{sentence}; you wrote {wrong_shape}, the rule gives {right_shape}",
        "wrong": _short(graph, forms[wrong]), "right": _short(graph, forms[proper]),
        "hints": _hints(search, place, where, pattern.rule, right_shape, _short(graph, forms[proper])),
    }  # fmt: skip


def _hints(search: Search, place: Place, where: str, rule: str, shape_: str, step: str) -> list[str]:
    """Three hints, each giving away more: the place, the rule, the step."""
    graph = search.graph
    letters = "; ".join(
        f"{letter} = {_short(graph, node)}" for letter, (_, node) in place.parts.items() if not letter.startswith("d")
    )
    shown = f"with {letters}: " if letters else ""
    if place.function is not None and rule == "derivative of the function":
        rule = f"rule for {place.function.call}"
    # At the root the step is the whole derivative, which a hint does not give away.
    that = "" if place.node == search.root else f", that is `{step}`"
    return [
        f"look at `{where}`",
        f"there the {rule} applies" if "rule" in rule else f"the point there: {rule}",
        f"{shown}the derivative of this step is {shape_}{that}",
    ]


def first_step(graph: Graph, root: int, name: str, expected: int) -> list[str]:
    """Hints for an answer that nothing explains: where a derivation begins."""
    if len(graph.reachable([root])) > _LARGEST:
        return []
    search = Search(graph, root, name, expected, expected)
    right = search.right_derivatives()
    for place in places(graph, root, [name]):
        pattern = PATTERNS.get(place.pattern)
        if place.node == root and pattern is not None:
            step = textbook_forms(graph, root, [right[root]])[right[root]]
            names = ("t", *place.parts)
            where = _short(graph, root)
            hints = _hints(
                search,
                place,
                where,
                pattern.rule,
                shape(pattern.right, names, place.function, name),
                _short(graph, step),
            )
            return [f"begin with the outermost step, `{where}`", *hints[1:]]
    return []


def shape(text: str, names: tuple[str, ...], function: Op | None, variable: str = "x") -> str:
    """A rule for a reader: du*v + u*dv is u'·v + u·v'."""
    graph = Graph()
    if function is not None:
        if function.ball == "declared":
            text = re.sub(r"D\(", function.call + "'(", text).replace("F(", function.call + "(")
            return re.sub(r"\bd([uvw])(?![a-z])", r"\1'", text).replace("*", "·")
        text = filled(text, function)
    from .parser import parse_rule

    written = to_text(graph, parse_rule(text, graph, names), PRETTY)
    return re.sub(r"\bt\b", variable, re.sub(r"\bd([uvw])(?![a-z])", r"\1'", written))


def _short(graph: Graph, node: int, style: Style = PYTHON) -> str:
    if graph.written_size([node]) > 400:
        return "a long expression"
    return to_text(graph, node, style)


def fact(code: str, k: str = "") -> dict[str, Any]:
    """A mistake of the answer as a whole."""
    row = lookup_mistake(code)
    assert row is not None
    return {"code": code, "name": row.name, "node": None, "where": None,
            "message": row.sentence.format(k=k), "wrong": "", "right": "", "explanation": 0,
            "hints": ["look at the answer as a whole", f"compare: {row.name}", row.sentence.format(k=k)]}  # fmt: skip


def _earlier(graph: Graph, root: int, name: str, given: int, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Mistakes in the first derivative, which was then differentiated correctly."""
    search = Search(graph, root, name, given, backpropagate(graph, root, [name]).gradient[name])
    found: list[Site] = []
    for site in search.sites:
        if not search.changes(site):
            continue
        second = backpropagate(graph, search.mutant((site,)), [name]).gradient[name]
        if search.gives(second) and decide(graph, second, given, domain=[root], points=4).verdict == "equal":
            found.append(site)
            if len(found) >= _LISTED:
                break
    right = search.right_derivatives() if found else {}
    listed = []
    for k, site in enumerate(found, 1):
        wrong = search.mutated((site,))[site.place.node]
        listed.append({**_in_words(search, site, right, names, wrong), "explanation": k})
    return listed


def whole_facts(
    graph: Graph, root: int, name: str, order: int, given: int, expected: int, *, known: bool
) -> list[dict[str, Any]]:
    """What the answer is as a whole; vague facts only if nothing else is known."""
    tidy = Tidy(graph)
    search = Search(graph, root, name, given, expected)
    found: list[dict[str, Any]] = []

    def check(code: str, candidate: int, k: str = "") -> None:
        if search.gives(candidate) and decide(graph, candidate, given, domain=[root], points=6).verdict == "equal":
            found.append(fact(code, k))

    check("M61", tidy.neg(expected))
    check("M66", root)
    first = backpropagate(graph, root, [name]).gradient[name]
    slope = backpropagate(graph, given, [name]).gradient[name]
    if search.numbers and all(_same(n.values_of(slope), n.values_of(root)) for n, _ in search.numbers):
        if decide(graph, slope, root, domain=[root], points=6).verdict == "equal":
            found.append(fact("M67"))
    derivatives = [root, first]
    for _ in range(order):
        derivatives.append(backpropagate(graph, derivatives[-1], [name]).gradient[name])
    for k in range(1, order + 2):
        if k != order:
            check("M68", derivatives[k], str(k))
    if order > 1:
        check("M69", tidy.pow(first, graph.number(2)))
    for other in graph.variables([root]):
        if other != name:
            by_other = root
            for _ in range(order):
                by_other = backpropagate(graph, by_other, [other]).gradient[other]
            check("M70", by_other, other)
    factor = None
    if search.numbers:
        factor = _constant(
            [answer / n.values_of(expected) for n, answer in search.numbers if n.values_of(expected) != 0]
        )
    if factor in (2, Fraction(1, 2)):
        check("M62", tidy.mul(graph.number(factor), expected), str(factor))
    if known or found:
        return found
    check("M72", tidy.div(tidy.one, expected))
    check("M73", tidy.mul(root, expected))
    terms = _terms(graph, root, expected)
    if len(terms) > 1:
        for term in terms:
            shown = _short(graph, term)
            check("M64", tidy.sub(expected, term), shown)
            check("M65", tidy.sub(expected, tidy.mul(graph.number(2), term)), shown)
    if found or not search.numbers:
        return found
    if factor is not None and factor != 0:
        check("M62", tidy.mul(graph.number(factor), expected), str(factor))
    offset = _constant([answer - n.values_of(expected) for n, answer in search.numbers])
    if offset is not None and offset != 0:
        check("M63", tidy.add(expected, graph.number(offset)), f"{'plus' if offset > 0 else 'minus'} {abs(offset)}")
    return found


def _terms(graph: Graph, root: int, expected: int) -> list[int]:
    """The terms of a derivative, in readable form and multiplied out, with their signs."""
    form = textbook_forms(graph, root, [expected])[expected]
    tidy = Tidy(graph)
    terms: dict[int, list[int]] = {}
    for position in graph.reachable([expected, form]):
        key = graph.nodes[position]
        parts = [terms[i] for i in key[1:]] if key[0] in ("add", "sub", "neg", "mul", "div") else []
        if key[0] == "add":
            found = parts[0] + parts[1]
        elif key[0] == "sub":
            found = parts[0] + [tidy.neg(t) for t in parts[1]]
        elif key[0] == "neg":
            found = [tidy.neg(t) for t in parts[0]]
        elif key[0] == "mul":
            found = [tidy.mul(x, y) for x in parts[0] for y in parts[1]]
        elif key[0] == "div":
            found = [tidy.div(x, key[2]) for x in parts[0]]
        else:
            found = [position]
        terms[position] = found if len(found) <= _TERMS else [position]
    return list(dict.fromkeys(terms[form] + terms[expected]))[: 2 * _TERMS]


def _constant(values: Sequence[Value]) -> Fraction | None:
    """The simple rational number that all of some balls hold."""
    if len(values) < 2 or any(not v.is_finite() for v in values):
        return None
    guess = Fraction(int((values[0].mid() * 2**60).floor().unique_fmpz() or 0), 2**60).limit_denominator(1000)
    ball = to_ball(guess)
    return guess if all(_same(v, ball + 0 * v) for v in values) else None


class ImplicitSearch(Search):
    """The mistakes in differentiating a relation F = 0, in which the dependent variable has the derivative y'."""

    def __init__(self, relation: Relation, name: str, given: int) -> None:
        graph, y = relation.graph, relation.dependent
        self.relation, self.y = relation, y
        self.graph, self.root, self.name, self.given = graph, relation.difference, name, given
        self.expected = relation.derivative(name)
        self.slope = f"{y}'"  # no name that anybody can type
        self.order = graph.reachable([self.root])
        self.seeds = {name: graph.number(1), y: graph.variable(self.slope)}
        self.numbers = []
        self.raised: list[_Numbers] = []  # the same points with y' = 1 instead of 0
        order = graph.reachable([self.root, given])
        previous = set_precision(_BITS)
        try:
            for point in islice(relation.points(), 12):
                value = evaluate(graph, order, point, precision=_BITS, exact=False)[given]
                if value is not None and len(self.numbers) < _POINTS:
                    self.numbers.append((_Numbers(graph, self.order, point, {name: 1, y: 0}, name), value))
                    self.raised.append(_Numbers(graph, self.order, point, {name: 1, y: 1}, name))
        finally:
            set_precision(previous)
        found = list(places(graph, self.root, (name, y)))
        self.sites = [*self._forgetting(found), *sites(graph, found)]

    def _forgetting(self, found: Iterable[Place]) -> Iterator[Site]:
        """Steps in which y was not differentiated, or taken for a constant."""
        y = self.graph.variable(self.y)
        for place in found:
            pattern = PATTERNS.get(place.pattern)
            for letter, (kind, node) in place.parts.items():
                if kind != "derivative" or node != y or pattern is None:
                    continue
                for code, instead in (("M76", "1"), ("M78", "0")):
                    row = lookup_mistake(code)
                    assert row is not None
                    text = re.sub(rf"\b{letter}\b", instead, pattern.right)
                    names = ("t", *place.parts)
                    steps = compiled(text, names, place.function)
                    if steps is not None:
                        yield Site(place, row, -1, text, steps, names)

    def fits(self, chosen: Sequence[Site], negated: bool = False) -> bool:
        """Whether solving for y' gives the answer at all points."""
        wrong = {site.place.node: site for site in chosen}
        for (low, answer), high in zip(self.numbers, self.raised, strict=True):
            first, second = (n.forward(wrong).get(self.root, n.derivatives[self.root]) for n in (low, high))
            if first is None or second is None or (second - first).contains(0):
                return False
            slope = -first / (second - first)
            if not _same(-slope if negated else slope, answer):
                return False
        return bool(self.numbers)

    def mutant(self, chosen: Sequence[Site]) -> int:
        """y' from the equation that the wrong rules give; the relation itself if that is not linear."""
        solved = solve_linear(self.graph, super().mutant(chosen), self.slope)
        return self.root if solved is None else solved

    def is_proved(self, finding: Finding) -> bool:
        """Whether the answer is what these wrong rules give, everywhere on the curve."""
        mutant = self.mutant(finding.sites)
        if finding.negated:
            mutant = Tidy(self.graph).neg(mutant)
        return decide_on(self.relation, mutant, self.given).verdict == "equal"


def diagnose_implicit(relation: Relation, name: str, given: int) -> list[dict[str, Any]]:
    """The mistakes that explain a wrong derivative of the dependent variable of a relation F = 0.

    With p = F_x and q = F_y the derivative is -p/q; the rows of the pattern "relation" write others.
    """
    graph, y = relation.graph, relation.dependent
    tidy = Tidy(graph)
    partials = backpropagate(graph, relation.difference, [name, y]).gradient
    p, q = partials[name], partials[y]
    right = _short(graph, tidy.neg(tidy.div(p, q)))
    found = []
    for row in WHOLE:
        for text in row.rules.get("relation", ()):
            wrong = apply(compile_text(text, ("p", "q")), (p, q), tidy)
            if decide_on(relation, wrong, given).verdict == "equal":
                message = f"{row.sentence}; you wrote {text} with p = F_{name} and q = F_{y}, the rule gives -p/q"
                found.append({**fact(row.code), "message": message, "wrong": _short(graph, given), "right": right})
                break
    if len(graph.reachable([relation.difference])) > _LARGEST:
        return found
    previous = set_precision(_BITS)
    try:
        search = ImplicitSearch(relation, name, given)
        explained = _explained(search, search.singles(), {})
        if not found and not explained:
            explained = _explained(search, search.pairs(), {})
        return [*found, *explained]
    finally:
        set_precision(previous)
