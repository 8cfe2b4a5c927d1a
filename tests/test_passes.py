"""Hessians, Jacobians, mixed, directional and total derivatives: SymPy's, and no dearer than they must be."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import mpmath
import pytest
import sympy

from backprop import program
from backprop.derivation import Derivation, derive
from backprop.errors import BackpropError, UsageError
from backprop.expr import Graph, to_text
from backprop.parser import parse_equation
from backprop.passes import Runner
from backprop.reverse import Pass, backpropagate
from backprop.symbolic import Translation, Unsupported
from backprop.tasks import handle
from reference import Sample, close, function_of, number, random_program, random_sample, rational_points, values

CORPUS = Path(__file__).parent / "corpus"
# SymPy differentiates these into distributions, or into derivatives that it cannot work out.
NO_NUMBERS = (sympy.DiracDelta, sympy.Derivative, sympy.Subs, sympy.Heaviside, sympy.zoo, sympy.nan)


def lines() -> list[str]:
    """The expressions of the corpus and of the textbook, in the order of the files."""
    expressions = (CORPUS / "expressions.txt").read_text(encoding="utf-8").split("\n")
    textbook = (CORPUS / "textbook.tsv").read_text(encoding="utf-8").split("\n")
    texts = [*expressions, *(line.split("\t")[0] for line in textbook)]
    return [text for text in texts if text and not text.startswith("#") and len(text) <= 70]


def from_corpus(count: int, seed: int) -> Iterator[Sample]:
    """Expressions of two to four variables: our own reading of them, as SymPy builds it."""
    found = 0
    for text in Random(seed).sample(lines(), len(lines())):
        try:
            equation = parse_equation(text)
        except BackpropError:
            continue
        graph, root = equation.graph, equation.root
        names = graph.variables([root])
        if equation.right is not None or equation.wrt is not None or not 2 <= len(names) <= 4:
            continue
        try:
            expression = Translation(graph).to_sympy(root)
        except Unsupported:
            continue
        if {str(symbol) for symbol in expression.free_symbols} <= set(names) and expression.count_ops() <= 40:
            yield Sample(text, expression, names)
            found += 1
            if found == count:
                return


def random_samples(count: int, seed: int) -> Iterator[Sample]:
    random = Random(seed)
    for k in range(count):
        yield random_sample(random, "xyzw"[: 2 + k % 3], 3 + k % 6)


def all_samples() -> list[Sample]:
    return [*from_corpus(230, seed=31), *random_samples(80, seed=32), *(
        random_program(Random(k), "xyz"[: 2 + k % 2], 4 + k % 6) for k in range(20)
    )]  # fmt: skip


SAMPLES = all_samples()


def symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)


@cache
def by_one(expression: Any, name: str) -> Any:
    return expression.diff(symbol(name))


def partial(expression: Any, *names: str) -> Any:
    """SymPy's partial, one variable at a time: asked for several at once, it would factor the result, slowly."""
    for name in sorted(names):
        expression = by_one(expression, name)
    return expression


def compared(derivation: Derivation, positions: Iterable[int], wanted: Iterable[Any], names: Iterable[str]) -> int:
    """How many numbers of ours were compared with SymPy's, at up to three rational points; all must agree."""
    positions, wanted, names = list(positions), list(wanted), list(names)
    assert len(positions) == len(wanted)
    if any(expression.has(*NO_NUMBERS) for expression in wanted):
        return 0
    theirs = function_of(names, wanted)
    count = used = 0
    text = derivation.equation.text
    for _, point in zip(range(12), rational_points(text, names)):
        ours = values(derivation.graph, [derivation.root, *positions], point)
        pairs = [(a, b) for a, b in zip(ours[1:], theirs(point)) if a is not None and b is not None]
        pairs = [(a, b) for a, b in pairs if a.rel_accuracy_bits() > 100 or abs(number(a)) < 1]
        if ours[0] is None or not pairs:
            continue
        for a, b in pairs:
            assert close(a, b, 20), (text, point, str(a), mpmath.nstr(b, 20))
        count += len(pairs)
        used += 1
        if used == 3:
            break
    return count


def try_derive(sample: Sample, **options: Any) -> Derivation | None:
    """The derivation; None for what the table has no partial for."""
    try:
        return derive(sample.text, sample.names, **options)
    except UsageError as error:
        if "no partial" not in error.message:
            raise
        return None


# -- against SymPy -----------------------------------------------------------------------------------------


def test_the_hessian_is_sympys_and_symmetric() -> None:
    agreed: list[str] = []
    refused = 0
    for sample in SAMPLES:
        result = try_derive(sample, hessian=True)
        if result is None:
            refused += 1
            continue
        table = result.hessian
        assert list(table) == sample.names
        for a, b in itertools.combinations(sample.names, 2):
            assert table[a][b] == table[b][a], sample.text
        pairs = list(itertools.combinations_with_replacement(sample.names, 2))
        wanted = [partial(sample.expression, a, b) for a, b in pairs]
        if compared(result, [table[a][b].position for a, b in pairs], wanted, sample.names) >= 3:
            agreed.append(sample.text)
    assert len(SAMPLES) >= 320
    assert refused <= 10
    assert len(agreed) >= 300


def test_a_comparison_with_sympy_can_fail() -> None:
    result = derive("x^2*y + sin(x*y)", ["x", "y"], hessian=True)
    x, y = symbol("x"), symbol("y")
    right = 2 * x + sympy.cos(x * y) - x * y * sympy.sin(x * y)
    place = [result.hessian["x"]["y"].position]
    assert compared(result, place, [right], "xy") == 3
    with pytest.raises(AssertionError):
        compared(result, place, [right + sympy.Rational(1, 10**15)], "xy")


def test_the_values_of_a_hessian_are_those_of_its_formulas() -> None:
    checked = 0
    for sample in random_samples(40, seed=33):
        point = next(rational_points(sample.text, sample.names))
        result = derive(sample.text, sample.names, at=point, hessian=True)
        wanted = function_of(sample.names, [partial(sample.expression, *e.by) for e in result.entries])
        for entry, theirs in zip(result.entries, wanted(point)):
            assert close(result.values[entry.path], theirs, 13), sample.text
            checked += 1
    assert checked >= 120


def test_the_jacobian_is_sympys() -> None:
    agreed = 0
    groups = Random(3).sample(SAMPLES[:310], 300)
    for three in zip(groups[::3], groups[1::3], groups[2::3]):
        names = sorted({name for sample in three for name in sample.names})
        text = "[" + ", ".join(sample.text.partition("=")[2] or sample.text for sample in three) + "]"
        wanted = [partial(sample.expression, name) for sample in three for name in names]
        try:
            result = derive(text, names)
        except BackpropError:  # a reading that needs the expression alone: `y = ...`, words that are products
            continue
        if result.graph.variables(result.outputs) and set(result.graph.variables(result.outputs)) != set(names):
            continue
        assert (result.kind, len(result.entries)) == ("jacobian", len(wanted))
        agreed += compared(result, [entry.position for entry in result.entries], wanted, names) >= len(names)
    assert agreed >= 70


def test_the_jacobian_of_a_program_is_sympys() -> None:
    agreed = 0
    for seed in range(30):
        random = Random(seed)
        names = "xyz"[: 2 + seed % 2]
        sample = random_program(random, names, 6)
        wanted_of = ["s5", "s3", "s1"]
        result = derive(sample.text, list(names), of=wanted_of)
        built: dict[str, Any] = {name: symbol(name) for name in names}
        for statement in sample.text.split("; "):
            left, _, right = statement.partition(" = ")
            built[left] = Translation((e := parse_equation(right)).graph).to_sympy(e.root).subs(
                {symbol(name): value for name, value in built.items()}, simultaneous=True
            )  # fmt: skip
        wanted = [built[row].diff(symbol(name)) for row in wanted_of for name in names]
        agreed += compared(result, [e.position for e in result.entries], wanted, names) >= 6
    assert agreed >= 25


def test_mixed_partials_are_sympys() -> None:
    agreed = 0
    for k, sample in enumerate(SAMPLES[::2]):
        random = Random(k)
        by = [random.choice(sample.names) for _ in range(2 + k % 3)]
        if sample.expression.count_ops() > 40:
            by = by[:2]
        result = try_derive(sample, mixed=by)
        if result is None:
            continue
        assert result.result is not None
        wanted = partial(sample.expression, *by)
        agreed += compared(result, [result.result.position], [wanted], sample.names) >= 1
    assert agreed >= 130


def test_the_order_of_a_mixed_partial_does_not_matter() -> None:
    for sample in random_samples(10, seed=34):
        by = ["x", "y", "x"]
        first, second = (derive(sample.text, sample.names, mixed=order) for order in (by, ["y", "x", "x"]))
        assert first.result is not None
        assert second.result is not None
        for _, point in zip(range(3), rational_points(sample.text, sample.names)):
            (a,) = values(first.graph, [first.result.position], point)
            (b,) = values(second.graph, [second.result.position], point)
            assert close(a, number(b)), sample.text


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_pure_derivatives_of_higher_order_are_sympys(order: int) -> None:
    agreed = 0
    for sample in SAMPLES[order : 60 * (6 - order) : 5]:
        if sample.expression.count_ops() > 25:
            continue
        result = try_derive(sample, order=order)
        if result is None:
            continue
        wanted = [partial(sample.expression, *[name] * order) for name in sample.names]
        agreed += compared(result, result.derived.values(), wanted, sample.names) >= 2
    assert agreed >= {2: 25, 3: 18, 4: 12, 5: 5}[order]


COMPONENTS = ["1", "-2", "3/7", "h", "x*y", "k^2", "0"]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_directional_derivatives_are_sympys(order: int) -> None:
    """Of order N: the sum of ∂ᴺf/∂a∂b…·d_a·d_b… over all variables a, b, …, for a direction that is held fast."""
    agreed = 0
    for k, sample in enumerate(SAMPLES[:: 2 * order]):
        if sample.expression.count_ops() > [60, 25, 16][order - 1] or {"h", "k", "dx", "dy"} & set(sample.names):
            continue
        random = Random(k)
        usable = [c for c in COMPONENTS if "x" not in c or (order == 1 and {"x", "y"} <= set(sample.names))]
        along = {random.choice("dΔ") + name: random.choice(usable) for name in sample.names}
        result = try_derive(sample, along=along, order=order)
        if result is None:
            continue
        assert result.result is not None
        component = {d[1:]: sympy.sympify(text, {n: symbol(n) for n in "hkxy"}) for d, text in along.items()}
        terms = [
            partial(sample.expression, *by) * sympy.prod(component[name] for name in by)
            for by in itertools.product(sample.names, repeat=order)
        ]
        names = [*sample.names, "h", "k"]
        agreed += compared(result, [result.result.position], [sum(terms, sympy.Integer(0))], names) >= 1
    assert agreed >= {1: 100, 2: 40, 3: 20}[order]


def test_the_product_of_the_hessian_with_a_direction_is_sympys() -> None:
    agreed = 0
    for k, sample in enumerate(SAMPLES[1::2]):
        random = Random(k)
        along = {f"d{name}": random.choice(["1", "-2", "3/7", "h"]) for name in sample.names}
        if {"h", *along} & set(sample.names):
            continue
        result = try_derive(sample, along=along, hessian=True)
        if result is None:
            continue
        assert [entry.path for entry in result.entries] == [(name,) for name in sample.names]
        direction = [sympy.sympify(c, {"h": symbol("h")}) for c in along.values()]
        wanted = [
            sum(partial(sample.expression, a, b) * d for b, d in zip(sample.names, direction)) for a in sample.names
        ]
        wanted = [sympy.sympify(expression) for expression in wanted]
        positions = [entry.position for entry in result.entries]
        agreed += compared(result, positions, wanted, [*sample.names, "h"]) >= 2
    assert agreed >= 120


@pytest.mark.parametrize("order", [1, 2])
def test_total_derivatives_are_sympys(order: int) -> None:
    """With every variable but t a function of t, SymPy applies the chain rule itself."""
    agreed = 0
    t = symbol("t")
    for k, sample in enumerate(SAMPLES[::2]):
        if "t" in sample.names or ";" in sample.text or sample.expression.count_ops() > [60, 16][order - 1]:
            continue
        text, moving, explicit = sample.text, sample.names, {}
        if k % 2:  # the first variable is t itself
            equation = parse_equation(text)
            graph, first = equation.graph, sample.names[0]
            root = graph.substitute(equation.root, {graph.variable(first): graph.variable("t")})
            text, moving, explicit = to_text(graph, root), sample.names[1:], {symbol(first): t}
        result = try_derive(Sample(text, sample.expression, moving), total="t", order=order)
        if result is None:
            continue
        assert result.result is not None
        functions = {symbol(name): sympy.Function(f"{name}_of")(t) for name in moving}
        rates = {
            f.diff(t, n): symbol(f"d{x}_dt" if n == 1 else f"d{n}{x}_dt{n}")
            for x, f in functions.items() for n in range(1, order + 1)
        }  # fmt: skip
        wanted = partial(sample.expression.xreplace(functions | explicit), *["t"] * order)
        wanted = wanted.xreplace(rates | {f: x for x, f in functions.items()})
        names = ["t", *moving, *map(str, rates.values())]
        agreed += compared(result, [result.result.position], [wanted], names) >= 1
    assert agreed >= {1: 100, 2: 40}[order]


# -- what is asked ---------------------------------------------------------------------------------------------


def test_a_hessian_times_a_direction_is_that_of_the_hessian_itself() -> None:
    for sample in random_samples(10, seed=35):
        table = derive(sample.text, sample.names, hessian=True)
        along = {name: str(k + 2) for k, name in enumerate(sample.names)}
        product = derive(sample.text, sample.names, hessian=True, along=along)
        for _, point in zip(range(2), rational_points(sample.text, sample.names)):
            for entry in product.entries:
                row = [node.position for node in table.hessian[entry.path[0]].values()]
                terms = [number(v) * (k + 2) for k, v in enumerate(values(table.graph, row, point))]
                with mpmath.workdps(40):
                    wanted = mpmath.fsum(terms)
                assert close(values(product.graph, [entry.position], point)[0], wanted, 12)


def test_of_a_linear_function_the_hessian_has_no_entries() -> None:
    result = derive("3x - 2y + z/7", hessian=True)
    assert result.entries == []
    assert all(str(node) == "0" for row in result.hessian.values() for node in row.values())
    assert result.as_dict()["hessian"] == {a: dict.fromkeys("xyz", "0") for a in "xyz"}


def test_hessian_values_are_exact_where_the_function_is_rational() -> None:
    result = derive("x^3*y^2 + x/y", at={"x": Fraction(1, 2), "y": 3}, hessian=True)
    assert result.values["x", "x"] == 27
    assert result.values["x", "y"] == result.values["y", "x"] == Fraction(9, 2) - Fraction(1, 9)
    assert result.values["y", "y"] == Fraction(1, 4) + Fraction(1, 27)
    assert result.as_dict()["hessian_value"]["x"] == {"x": "27", "y": "79/18"}


def test_a_mixed_partial_that_is_not_symmetric_follows_its_order() -> None:
    """x·y·(x² − y²)/(x² + y²), extended by 0, is Peano's example; away from 0 the order does not matter."""
    text = "x*y*(x^2 - y^2)/(x^2 + y^2)"
    x, y = 2, 1
    wanted = Fraction(x**6 + 9 * x**4 * y**2 - 9 * x**2 * y**4 - y**6, (x**2 + y**2) ** 3)
    for by in (["x", "y"], ["y", "x"]):
        assert derive(text, mixed=by, at={"x": x, "y": y}).values[()] == wanted


@pytest.mark.parametrize(
    "options",
    [
        {"jacobian": True, "hessian": True},
        {"mixed": ["x"], "hessian": True},
        {"mixed": ["x"], "along": {"dx": "1"}},
        {"total": "t", "hessian": True},
        {"hessian": True, "order": 2},
        {"mixed": ["x", "y"], "order": 3},
        {"order": 0},
    ],
)
def test_questions_that_do_not_go_together_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        derive("x^2*y", **options)
    assert caught.value.hint


@pytest.mark.parametrize("along", [{"q": "1"}, {"dx": "1", "x": "2"}, {"dx": "("}, {"dx": ""}])
def test_a_direction_that_is_none_is_refused(along: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        derive("x^2*y", along=along)
    assert "direction" in caught.value.message
    assert caught.value.hint


def test_rates_have_names_that_say_what_they_are() -> None:
    result = derive("x^2*y", total="t", order=2)
    assert result.answer.rates == {"dx_dt": "dx/dt", "d2x_dt2": "d^2x/dt^2", "dy_dt": "dy/dt", "d2y_dt2": "d^2y/dt^2"}


# -- what it costs -----------------------------------------------------------------------------------------------


def neighbours(n: int) -> str:
    """A sum whose Hessian has 3n + 1 entries: each term couples two neighbours."""
    return " + ".join(f"(x{i} - x{i + 1})^2*sin(x{i})" for i in range(n))


def cost(text: str) -> Counter[str]:
    result = derive(text, hessian=True, trace=False)
    visited = sum(len(one.order) for one in result.passes)
    sizes = {"nodes": result.graph.nodes, "entries": result.entries, "passes": result.passes}
    return Counter({"visited": visited, **{name: len(items) for name, items in sizes.items()}})


def test_the_cost_of_a_sparse_hessian_grows_with_its_entries() -> None:
    costs = {n: cost(neighbours(n)) for n in (100, 200, 400)}
    for n in costs:
        assert costs[n]["entries"] == 3 * n + 1
        assert costs[n]["passes"] == n + 2
    for size in ("nodes", "visited"):
        first, second = costs[200][size] - costs[100][size], costs[400][size] - costs[200][size]
        assert second == 2 * first  # exactly linear
        assert 0 < first < 100 * 60


def test_the_cost_of_a_dense_hessian_is_quadratic_at_most() -> None:
    costs = {n: cost("*".join(f"x{i}" for i in range(n))) for n in (10, 20, 40)}
    for n, found in costs.items():
        assert found["entries"] == n * (n - 1)
        assert found["visited"] <= 12 * n * n
    assert costs[40]["nodes"] <= 4.5 * costs[20]["nodes"]


def test_the_hessian_of_two_thousand_variables_is_found() -> None:
    n = 2000
    result = derive(neighbours(n - 1), hessian=True)
    assert len(result.entries) == 3 * (n - 1) + 1
    assert any("passes" in note for note in result.notes)
    point = {f"x{i}": Fraction(i % 7, 5) for i in range(n)}
    here = {entry.path: entry.position for entry in result.entries}
    found = dict(zip(here, values(result.graph, list(here.values()), point)))
    with mpmath.workdps(40):
        x = [number(point[f"x{i}"]) for i in range(n)]
        for i in (0, 1, 2, 777, n - 2, n - 1):
            own = mpmath.mpf(0)
            if i < n - 1:
                d = x[i] - x[i + 1]
                own += 2 * mpmath.sin(x[i]) + 4 * d * mpmath.cos(x[i]) - d**2 * mpmath.sin(x[i])
                coupled = -2 * mpmath.sin(x[i]) - 2 * d * mpmath.cos(x[i])
                assert close(found[f"x{i}", f"x{i + 1}"], coupled)
                assert close(found[f"x{i + 1}", f"x{i}"], coupled)
            if i > 0:
                own += 2 * mpmath.sin(x[i - 1])
            assert close(found[f"x{i}", f"x{i}"], own)
    table = result.as_dict()["hessian"]
    assert sum(map(len, table.values())) == len(result.entries)  # the zeros of a large matrix are left out


def test_a_hessian_times_a_direction_needs_two_passes_whatever_the_size() -> None:
    sizes = {}
    for n in (100, 200):
        along = {f"x{i}": str(i % 5) for i in range(n + 1)}
        result = derive(neighbours(n), hessian=True, along=along, trace=False)
        assert len(result.passes) == 2
        sizes[n] = len(result.graph.nodes)
    assert sizes[200] <= 2.1 * sizes[100]


def test_the_passes_share_one_graph_and_leave_the_function_as_it_was() -> None:
    text = "x^2*y + sin(x*y)"
    before = parse_equation(text).graph.nodes
    result = derive(text, hessian=True)
    assert result.graph.nodes[: len(before)] == before
    assert isinstance(result.graph, Graph)
    assert {one.graph for one in result.passes} == {result.graph}


# -- the judge: what is printed is what is verified --------------------------------------------------------


def verdict(result: Derivation) -> str:
    """What a worker says of a derivation."""
    task = result.task(simplify=True, verify=True)
    assert task is not None
    (status,) = [message["status"] for message in handle(task) if message["stage"] == "verified"]
    return str(status)


QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "gradient": ("x^2*y", {}),
    "order": ("x^3*y", {"order": 2, "wrt": ["x"]}),
    "jacobian": ("u = x*y; v = x^2*y", {"jacobian": True}),
    "hessian": ("x^2*y^3", {"hessian": True}),
    "product": ("x^2*y^3", {"hessian": True, "along": {"dx": "1", "dy": "2"}}),
    "mixed": ("x^2*y^3", {"mixed": ["x", "y"]}),
    "along": ("x^2*y", {"along": {"dx": "1", "dy": "x*y"}}),
    "along twice": ("x^2*y", {"along": {"dx": "1", "dy": "2"}, "order": 2}),
    "total": ("x^2*y*t", {"total": "t"}),
    "total twice": ("x^2*y*t", {"total": "t", "order": 2}),
    "implicit": ("x^2 + y^2 = 25", {}),
    "implicit twice": ("x^2 + y^2 = 25", {"order": 2}),
    "inner": ("a = x^2; b = a*y; z = sin(b) + a", {"wrt": ["a", "y"]}),
    "slope": ("f(u) = u^3; y = f'(x)", {}),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_kind_of_derivative_is_proved(name: str) -> None:
    text, options = QUESTIONS[name]
    assert verdict(derive(text, **options)) == "proved"


@pytest.mark.parametrize("name", sorted(set(QUESTIONS) - {"slope"}))
def test_a_printed_derivative_with_a_wrong_sign_fails(name: str) -> None:
    text, options = QUESTIONS[name]
    result = derive(text, **options)
    wrong = result.entries[-1]
    minus = result.graph.node("neg", wrong.position)
    result.answer.entries[-1] = wrong._replace(position=minus)
    assert verdict(result) == "failed"


@pytest.mark.parametrize("name", ["along", "along twice", "total", "total twice", "product"])
def test_a_lost_component_of_a_direction_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_only(self: Runner, gradient: dict[str, int], direction: dict[str, int]) -> int:
        (moving, component), *_ = direction.items()
        return self.tidy.mul(gradient[moving], component)

    monkeypatch.setattr(Runner, "_dot", first_only)
    text, options = QUESTIONS[name]
    assert verdict(derive(text, **options)) == "failed"


def test_a_wrong_derivative_of_a_function_of_the_program_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(graph: Graph, output: int, names: list[str]) -> Pass:
        found = backpropagate(graph, output, names)
        found.gradient = {name: graph.node("neg", i) for name, i in found.gradient.items()}
        return found

    monkeypatch.setattr(program, "backpropagate", wrong)
    text, options = QUESTIONS["slope"]
    assert verdict(derive(text, **options)) == "failed"


def test_the_shorter_form_of_a_relation_comes_with_the_answer() -> None:
    result = derive("x^2 + y^2 = 25", order=2)
    task = result.task(simplify=True, verify=True)
    assert task is not None
    for message in handle(task):
        result.absorb(message)
    assert str(result.gradient["x"]) == "-25/y**3"
    assert result.verified.status == "proved"
