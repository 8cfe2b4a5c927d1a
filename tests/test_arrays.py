"""Arrays against balls: every row of the table, in its domain, at its edges, and along the complex step."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from backprop import parse, rules
from backprop.arrays import ARRAYS, Program, evaluate_arrays, is_precise, nearest
from backprop.errors import UsageError
from backprop.evaluate import evaluate, value_text
from backprop.expr import Graph
from backprop.ops import CONDITIONS, OPS, Op
from backprop.parser import parse_equation, parse_rule
from backprop.reverse import backpropagate, gradient
from backprop.tidy import Tidy
from test_table import ROWS, fixings, node_of, smooth_points

by_row = pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)

# Computed point by point, in real numbers only.
REAL_ONLY = set(
    """erf erfc erfi erfinv gamma lgamma digamma polygamma factorial binomial beta lowergamma uppergamma lambertw
    besselj bessely besseli besselk airyai airybi airyaiprime airybiprime Ei li Si Ci Shi Chi expint zeta hurwitz
    polylog fresnels fresnelc elliptic_k elliptic_e elliptic_f elliptic_e_inc elliptic_pi elliptic_pi_inc""".split()
)


def truth(graph: Graph, root: int, point: dict[str, float]) -> float:
    """The double nearest to the value at a point whose coordinates are these doubles, from balls."""
    exact = {name: Fraction(x) for name, x in point.items()}
    for precision in (64, 300, 1500, 6000):
        value = evaluate(graph, graph.reachable([root]), exact, exact=False, precision=precision)[root]
        if value is not None and is_precise(value):
            break
    return nearest(value)


def computed(graph: Graph, root: int, points: list[dict[str, float]]) -> list[float]:
    columns = {name: np.array([point[name] for point in points]) for name in points[0]}
    found = evaluate_arrays(graph, graph.reachable([root]), columns)[root]
    return [float(v) for v in np.broadcast_to(found, len(points))]


def distance(found: float, true: float) -> float:
    return abs(found - true) / max(abs(true), 1e-300) if true else abs(found)


def in_domain(
    op: Op, condition: str, count: int
) -> Iterator[tuple[Graph, int, dict[str, int], list[dict[str, float]]]]:
    """The row with its constant operands fixed, and points at which a condition of the row holds."""
    for fixed in fixings(op):
        graph, root = node_of(op, None, fixed)
        sampled = smooth_points(op, graph, root, fixed, condition)
        points = [{n: float(v) for n, v in p.items()} for p in islice(sampled, count)]
        yield graph, root, fixed, [p for p in points if all(abs(v) < 1e6 for v in p.values())]


# -- the rows ------------------------------------------------------------------------------------------


def test_the_column_for_arrays_resolves():
    for op in OPS.values():
        if op.array.startswith("= "):
            assert set(op.operands) >= set(variables_of(op.array[2:], op))
        elif op.array != op.ball:
            assert op.array in ARRAYS or op.array == "point by point", op.name
    assert {op.array for op in OPS.values()} >= set(CONDITIONS)
    assert set(ARRAYS) <= {op.array for op in OPS.values()}, "a function that no row names"


def variables_of(text: str, op: Op) -> list[str]:
    graph = Graph()
    return graph.variables([parse_rule(text, graph, op.operands)])


@by_row
def test_values_are_those_of_balls_where_the_row_is_defined(op):
    sampled = 0
    for graph, root, _, points in in_domain(op, op.domain, 14):
        for point, found in zip(points, computed(graph, root, points)):
            true = truth(graph, root, point)
            assert distance(found, true) < 1e-14, (point, found, true)
            sampled += 1
    assert sampled >= 10


@by_row
def test_partials_are_those_of_balls_where_the_row_is_smooth(op):
    if all(text is None for text in op.partials):
        assert op.name == "zeta"
        return
    sampled = 0
    for graph, root, fixed, points in in_domain(op, op.smooth, 8):
        for k, name in enumerate(op.operands):
            if op.partials[k] is None or name in fixed:
                continue
            partial = rules.partial(op.name, k, graph.operands(root), Tidy(graph))
            for point, found in zip(points, computed(graph, partial, points)):
                true = truth(graph, partial, point)
                # A formula in doubles loses digits where its terms cancel; absolutely it is as good as its terms.
                assert math.isclose(found, true, rel_tol=1e-9, abs_tol=1e-13), (name, point, found, true)
                sampled += 1
    assert sampled >= 5


EDGES = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, 1e-6, -30.0, 30.0, 2.5]


@by_row
def test_there_is_a_value_just_where_balls_have_one(op):
    """On a grid of special numbers: nan or an infinity where there is none, and nothing else there."""
    told = none = 0
    for fixed in fixings(op):
        graph, root = node_of(op, None, fixed)
        names = graph.variables([root])
        edges = EDGES if len(names) < 2 else EDGES[:9] if len(names) < 3 else EDGES[:5]
        points = [dict(zip(names, values)) for values in itertools.product(edges, repeat=len(names))]
        for point, found in zip(points, computed(graph, root, points)):
            true = truth(graph, root, point)
            assert math.isfinite(found) == math.isfinite(true), (point, found, true)
            if math.isfinite(true):
                assert distance(found, true) < 1e-14, (point, found, true)
            told, none = told + math.isfinite(true), none + (not math.isfinite(true))
    assert told >= 3
    assert none or not op.domain or op.domain in UNSEEN


UNSEEN = {"cos(x) != 0", "x > 0 or sin(pi*x) != 0"}  # that no double meets


@by_row
def test_the_complex_step_gives_the_partial_or_the_operation_says_that_it_takes_no_complex_numbers(op):
    """Im f(x + ih)/h with h = 1e-200 has no difference in it, so it is right to the last digits."""
    sampled = 0
    for graph, root, fixed, points in in_domain(op, op.smooth, 8):
        columns = {name: np.array([p[name] for p in points]) for name in points[0]}
        for k, name in enumerate(op.operands):
            if name in fixed or name not in columns:
                continue
            stepped = {**columns, name: columns[name] + 1e-200j}
            if op.name in REAL_ONLY:
                with pytest.raises(UsageError, match="is not computed for complex numbers"):
                    evaluate_arrays(graph, graph.reachable([root]), stepped)
                sampled += 4
                continue
            if op.partials[k] is None:
                continue
            partial = rules.partial(op.name, k, graph.operands(root), Tidy(graph))
            found = evaluate_arrays(graph, graph.reachable([root]), stepped)[root]
            slopes = np.broadcast_to(np.imag(found) / 1e-200, len(points)).tolist()
            for point, value, slope in zip(points, np.broadcast_to(np.real(found), len(points)).tolist(), slopes):
                assert distance(value, truth(graph, root, point)) < 1e-13, point
                true = truth(graph, partial, point)
                assert math.isclose(slope, true, rel_tol=1e-12, abs_tol=1e-300), (name, point, slope, true)
                sampled += 1
    assert sampled >= 4


@pytest.mark.parametrize(
    "text",
    ["log(x)", "sqrt(x)", "log2(x)", "x^(1/2)", "x^(3/4)", "x^pi", "asin(x - 3)", "acosh(x)", "log1p(x)", "root(x, 4)"],
)
def test_the_complex_step_finds_no_value_where_the_real_function_has_none(text):
    node = parse(text)
    found = evaluate_arrays(node.graph, node.graph.reachable([node.position]), {"x": np.array([-2.5 + 1e-200j])})
    assert np.isnan(found[node.position]).all()


def test_the_complex_step_chooses_by_real_parts():
    node = parse("(x^2 if x > 1 and not x == 3 else abs(x)) + max(x, -x) + min(2x, x) + floor(x) + mod(x, 2) + sign(x)")
    x = np.array([2.0, -2.0, 3.0]) + 1e-200j
    found = evaluate_arrays(node.graph, node.graph.reachable([node.position]), {"x": x})[node.position]
    assert (found.imag / 1e-200).tolist() == pytest.approx([2 * 2 + 1 + 1 + 1, -1 - 1 + 2 + 1, 1 + 1 + 1 + 1])
    assert found.real.tolist() == [4 + 2 + 2 + 2 + 0 + 1, 2 + 2 - 4 - 2 + 0 - 1, 3 + 3 + 3 + 3 + 1 + 1]


# -- powers --------------------------------------------------------------------------------------------

POWERS = """x^2 x^3 x^-1 x^-2 x^7 x^16 x^-16 x^17 x^-40 x^0 x^(1/2) x^(-1/2) x^(3/2) x^(1/3) x^(2/3) x^(-1/3) x^(-4/3)
x^(1/5) x^(2/5) x^(-3/5) x^(3/4) x^0.5 x^0.2 x^1.5 x^pi x^e x^(1-1/3) x^(1+1) x^(x-x+2) 2^x (-2)^x 0^x x^x""".split()


@pytest.mark.parametrize("text", POWERS)
def test_powers_are_real_powers(text):
    node = parse(text)
    points = [{"x": x} for x in (-8.0, -2.0, -1.0, -0.3, 0.0, 0.3, 1.0, 2.0, 8.0, 1.7)]
    values = computed(node.graph, node.position, points)
    for point, found in zip(points, values):
        true = truth(node.graph, node.position, point)
        assert math.isfinite(found) == math.isfinite(true), (point, found, true)
        assert not math.isfinite(true) or distance(found, true) < 1e-14, (point, found, true)


def test_small_powers_are_products():
    node = parse("x^2 + x^3 + x^-2 + (2x)^15 + x^(1/2) + x^(2/3)")
    functions = [function for function, *_ in Program(node.graph, [node.position])._steps]
    assert np.power not in functions
    assert functions.count(np.multiply) == 1 + 1 + 1 + 6 + 1  # x·x, its square, 2x, (2x)^15, cbrt(x)²


@pytest.mark.parametrize("text", ["x^3", "x^(1/3)", "x^(2/5)", "root(x, 3)", "x^y", "x^20", "x^-21"])
def test_the_complex_step_is_exact_for_powers_of_negative_numbers(text):
    node = parse(text)
    slope = gradient(node, ["x"])["x"]
    inputs = {"x": np.array([-2.0 + 1e-200j]), "y": np.array([5.0])}
    found = evaluate_arrays(node.graph, node.graph.reachable([node.position]), inputs)[node.position]
    true = truth(node.graph, slope.position, {"x": -2.0, "y": 5.0})
    assert distance(found.imag[0] / 1e-200, true) < 1e-14


# -- graphs --------------------------------------------------------------------------------------------


def test_constants_are_rounded_once():
    """10^400/10^399 has no double on the way, pi − 22/7 would lose three digits, and 0.1·3 is 3/10."""
    graph = Graph()
    roots = [parse_equation(t, graph=graph).root for t in ("10^400/10^399", "pi - 22/7", "0.1*3", "1/0", "10^400")]
    values = evaluate_arrays(graph, graph.reachable(roots), {})
    exact = float(value_text(evaluate(graph, graph.reachable(roots), {}, precision=400)[roots[1]], 25) or "")
    assert [values[i] for i in roots[:3]] == [10.0, exact, 0.3]
    assert math.isnan(values[roots[3]])
    assert values[roots[4]] == math.inf


def test_nodes_without_values_are_left_out_and_shapes_broadcast():
    graph = Graph()
    root = parse_equation("x*y + sin(z)", graph=graph).root
    x, y = np.array([[1.0], [2.0]]), np.array([3.0, 4.0, 5.0])
    values = evaluate_arrays(graph, graph.reachable([root]), {"x": x, "y": y})
    assert root not in values
    product = graph.index["mul", graph.variable("x"), graph.variable("y")]
    assert values[product].tolist() == [[3, 4, 5], [6, 8, 10]]
    assert evaluate_arrays(graph, graph.reachable([root]), {"x": 1, "y": 2, "z": 0})[root] == 2


def test_a_declared_function_has_no_values():
    graph = Graph()
    root = parse_equation("f(x)", graph=graph, functions=["f"]).root
    with pytest.raises(UsageError, match="f has no formula"):
        evaluate_arrays(graph, graph.reachable([root]), {"x": 1.0})
    with pytest.raises(UsageError, match="f has no formula"):
        Program(graph, [root])


def test_no_warning_escapes():
    texts = ["1/x", "log(x)", "exp(exp(x + 9))", "sqrt(x)", "x^x", "asin(x)", "mod(1, x)", "gamma(x)", "atan2(x, x)"]
    graph = Graph()
    roots = [parse_equation(text, graph=graph).root for text in texts]
    x = np.array([0.0, -1.0, 800.0, np.inf, np.nan])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="raise"):
            evaluate_arrays(graph, graph.reachable(roots), {"x": x})
            Program(graph, roots).run({"x": x})


def chain(count: int) -> tuple[Graph, int]:
    """sin(… sin(x·1 + x)·2 + x …): many operations, each with one user."""
    graph = Graph()
    x = root = graph.variable("x")
    for k in range(count):
        product = graph.node("mul", root, graph.number(Fraction(k + 1, count)))
        root = graph.node("sin", graph.node("add", product, x))
    return graph, root


def test_results_that_are_not_needed_any_more_give_their_place_to_others():
    graph, root = chain(200)
    assert len(Program(graph, [root])._buffers) <= 2
    together = Program(graph, [root, *backpropagate(graph, root, ["x"]).gradient.values()])
    assert len(together._buffers) <= 250  # what the pass backwards needs is kept, and nothing else


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 255, 256, 257, 1000])
def test_pages_do_not_show(count):
    """The same rows in one page, in many, and all at once without any buffers."""
    rng = np.random.default_rng(count)
    node = parse("sin(x*y)/(1 + x^2) + max(x, y)*gamma(2 + abs(y)) + (x if x > y else y^3) + 2")
    derived = [d.position for d in gradient(node).values()]
    roots = [node.position, *derived, node.graph.variable("x"), node.graph.number(2), node.position]
    columns = {"x": rng.normal(size=count), "y": rng.normal(size=count)}
    program = Program(node.graph, roots)
    whole = program.run(columns)
    program.rows = 64
    paged = program.run(columns)
    plain = evaluate_arrays(node.graph, node.graph.reachable(roots), columns)
    for root, one, other in zip(roots, whole, paged):
        assert one.shape == (count,)
        assert np.array_equal(one, other)
        assert np.array_equal(one, np.broadcast_to(plain[root], count))


def test_inputs_are_not_written_over():
    node = parse("exp(-x)*(-x)")
    x = np.arange(10.0)
    kept = x.copy()
    found = Program(node.graph, [node.position, node.graph.variable("x")]).run({"x": x})
    found[1][:] = 7
    assert np.array_equal(x, kept)


def test_a_watched_node_tells_of_infinities_that_are_swallowed_later():
    node = parse("atan(1/x)")
    inner = node.graph.operands(node.position)
    program = Program(node.graph, [node.position], watched=inner)
    assert program.watch({"x": np.array([1.0, 2.0])})[1] is False
    values, found = program.watch({"x": np.array([1.0, 0.0])})
    assert found is True
    assert np.isfinite(values[0]).all()


def test_columns_have_one_length():
    node = parse("x*y")
    with pytest.raises(UsageError, match="not of one length"):
        Program(node.graph, [node.position]).run({"x": np.zeros(3), "y": np.zeros(2)})


def test_a_gradient_is_that_of_a_closed_form():
    """Rosenbrock's function in 10 variables, whose gradient Wikipedia has."""
    names = [f"x{i}" for i in range(10)]
    text = " + ".join(f"100*(x{i + 1} - x{i}^2)^2 + (1 - x{i})^2" for i in range(9))
    derived = gradient(parse(text), names)
    graph = derived["x0"].graph
    x = np.random.default_rng(3).uniform(-2, 2, (10, 5000))
    found = Program(graph, [d.position for d in derived.values()]).run(dict(zip(names, x)))
    true = np.zeros_like(x)
    true[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    true[1:] += 200 * (x[1:] - x[:-1] ** 2)
    assert np.allclose(found, true, rtol=1e-12, atol=1e-11)


def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with balls does see a wrong entry."""
    monkeypatch.setattr(OPS["acot"], "array", "= atan(1/x)")
    monkeypatch.setattr(OPS["sinh"], "array", "= exp(x)/2")
    with pytest.raises(AssertionError):
        test_there_is_a_value_just_where_balls_have_one(OPS["acot"])
    with pytest.raises(AssertionError):
        test_values_are_those_of_balls_where_the_row_is_defined(OPS["sinh"])
