"""Ways to compute one gradient: equal results, exact counts, errors that are true, and refusals that are polite."""

from __future__ import annotations

import json
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from backprop.choices import MODES
from backprop.equivalence import decide
from backprop.errors import UsageError
from backprop.evaluate import Exact
from backprop.expr import LEAVES, Graph, to_text
from backprop.modes import COUNTED, Comparison, compare, count_text
from backprop.numeric import accuracy, check_gradient, exact_derivatives
from backprop.parser import parse, parse_equation
from backprop.render.modes import mode_sections, render_sections
from backprop.reverse import gradient
from backprop.symbolic import Translation, Unsupported, sympy_derivative

CORPUS = Path(__file__).parent / "corpus" / "expressions.txt"
SYMBOLIC = ("reverse", "forward", "paths")


def compared(text: str, at: dict[str, Any] | None = None, **options: Any) -> Comparison:
    node = parse(text)
    return compare(node.graph, node.position, options.pop("wrt", node.variables), at, **options)


def chain(length: int) -> tuple[Graph, int]:
    """x doubled (or squared) again and again: each node uses the one before twice."""
    graph = Graph()
    position = graph.variable("x")
    for _ in range(length):
        position = graph.node("mul", position, position)
    return graph, position


def product(n: int) -> tuple[Graph, int, list[str]]:
    """Speelpenning's product x1·x2·…·xn."""
    graph = Graph()
    names = [f"x{k + 1}" for k in range(n)]
    position = graph.variable(names[0])
    for name in names[1:]:
        position = graph.node("mul", position, graph.variable(name))
    return graph, position, names


# -- the symbolic modes -------------------------------------------------------------------------------


def test_the_symbolic_modes_give_sympys_derivative_on_expressions_of_all_kinds():
    lines = [x for x in CORPUS.read_text(encoding="utf-8").split("\n") if x and not x.startswith("# ")]
    checked = Counter()
    for text in [line for line in lines[7::29] if len(line) <= 50]:
        equation = parse_equation(text)
        graph, root = equation.graph, equation.root
        names = graph.variables([root])[:2]
        if equation.right is not None or not names:
            continue
        found = compare(graph, root, names, modes=SYMBOLIC)
        for name in names:
            try:
                theirs = sympy_derivative(Translation(graph), root, name, 1)
            except Unsupported:
                continue
            for result in found.results:
                if not result.gradient:  # refused, or no rule
                    assert result.notes
                    continue
                ours = result.gradient[0][name]
                verdict = decide(graph, ours, theirs, domain=[root], points=3)
                assert verdict.verdict != "different", (text, result.mode, to_text(graph, ours))
                checked[result.mode] += verdict.verdict == "equal"
    assert all(checked[mode] >= 80 for mode in SYMBOLIC), checked


@pytest.mark.parametrize("n", [2, 3, 10, 40])
def test_speelpennings_product_costs_3n_in_reverse_and_n_squared_in_forward_mode(n):
    """The products: n − 1 for the function, 2n − 4 more backwards; n(n − 1)/2 − 1 more for n passes forwards.

    Forwards, the pass by xi multiplies x1⋯x(i−1), which the function has, by the n − i factors after xi; the
    pass by x1 needs one less, for its first product is x2 itself.
    """
    graph, root, names = product(n)
    found = compare(graph, root, names, modes=["reverse", "forward"])
    reverse, forward = found.results
    assert found.operations == n - 1
    assert (reverse.passes, reverse.operations) == (1, max(0, 2 * n - 4))
    assert (forward.passes, forward.operations) == (n, n * (n - 1) // 2 - 1)
    assert ("reverse mode wins" if n > 3 else "they cost the same") in found.verdict


def test_forward_mode_wins_with_one_variable_and_many_outputs():
    graph = Graph()
    x = graph.variable("x")
    inner = x
    for _ in range(6):
        inner = graph.node("sin", graph.node("mul", inner, x))
    roots = [graph.node("pow", inner, graph.number(k + 2)) for k in range(5)]
    found = compare(graph, roots, ["x"], {"x": Fraction(1, 2)})
    reverse, forward = found.result("reverse"), found.result("forward")
    assert (reverse.passes, forward.passes) == (5, 1)
    assert forward.operations < reverse.operations
    assert "forward mode wins, for one pass serves every output" in found.verdict
    for j in range(5):
        digits = [r.accuracy[j]["x"].digits for r in found.results]
        assert min(digits) >= 6, digits


def test_a_jacobian_has_an_entry_for_each_output_and_variable():
    graph = Graph()
    x, y = graph.variable("x"), graph.variable("y")
    roots = [graph.node("mul", x, y), graph.node("add", x, graph.node("sin", y))]
    data = compare(graph, roots, ["x", "y"], {"x": 2, "y": 0}).as_dict()
    for mode in data["modes"][:3]:
        assert mode["gradient"] == [{"x": "y", "y": "x"}, {"x": "1", "y": "cos(y)"}]
        assert mode["gradient_value"] == [{"x": "0", "y": "2"}, {"x": "1", "y": "1"}]
    assert data["modes_summary"]["exact"] == [{"x": "0", "y": "2"}, {"x": "1", "y": "1"}]


def test_what_one_mode_builds_does_not_come_cheap_to_the_next():
    alone = {mode: compared("exp(x)/sqrt(sin(x)^3 + y)", modes=[mode]).results[0].operations for mode in SYMBOLIC}
    together = {r.mode: r.operations for r in compared("exp(x)/sqrt(sin(x)^3 + y)", modes=SYMBOLIC).results}
    backwards = {r.mode: r.operations for r in compared("exp(x)/sqrt(sin(x)^3 + y)", modes=SYMBOLIC[::-1]).results}
    assert alone == together == backwards


def test_what_the_graph_holds_already_changes_no_count():
    fresh = compared("exp(x)*(x/y)", wrt=["y"], modes=SYMBOLIC)
    node = parse("exp(x)*(x/y)")
    gradient(node)  # has exp(x)/y, of which the derivative by y could be made with one operation less
    used = compare(node.graph, node.position, ["y"], modes=SYMBOLIC)
    assert [r.operations for r in used.results] == [r.operations for r in fresh.results] == [4, 4, 4]


def test_counts_are_the_operations_that_are_really_there():
    found = compared("exp(x*y)*sin(x*y)")
    for mode in ("reverse", "forward"):
        own = Graph()
        moved = own.copy_from(found.graph, [*found.roots, *found.result(mode).gradient[0].values()])
        function = set(own.reachable(moved[:1]))
        more = [i for i in own.reachable(moved) if i not in function and own.nodes[i][0] not in LEAVES]
        assert found.result(mode).operations == len(more)


# -- paths ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 5, 9])
def test_every_link_of_a_doubling_chain_doubles_the_paths(length):
    graph, root = chain(length)
    result = compare(graph, root, ["x"], {"x": Fraction(11, 10)}, ["paths"]).results[0]
    assert result.path_count == len(result.paths) == 2**length
    assert {len(path.nodes) for path in result.paths} == {length + 1}
    # 2^n paths with n factors each, and the function has all partials already
    assert result.operations == 2**length * (length - 1) + 2**length - 1
    assert result.values[0]["x"] == pytest.approx(2**length * 1.1 ** (2**length - 1), rel=1e-12)


def test_astronomically_many_paths_are_counted_exactly_and_refused_politely():
    graph, root = chain(100)
    found = compare(graph, root, ["x"], {"x": 1})
    paths = found.result("paths")
    assert paths.path_count == 2**100
    assert paths.operations == 99 * 2**100 + 2**100 - 1
    assert paths.paths == paths.gradient == []
    assert f"{2**100} paths (limit 1000): too many to list" in paths.notes[0]
    assert found.result("reverse").values == [{"x": 2.0**100}]
    data = found.as_dict()["modes"][2]
    assert data["paths"] == {"count": str(2**100), "list": []}
    assert data["gradient"] == {}
    assert isinstance(data["operations"], str)


def test_a_chain_of_many_thousand_links_is_counted_too():
    graph, root = chain(20_000)
    result = compare(graph, root, ["x"], modes=["paths"]).results[0]
    assert result.path_count == 2**20_000
    assert "about 10^6020 paths" in result.notes[0]


def test_dead_ends_are_not_entered():
    """2^60 ways lead from the output to a condition, none of them to the variable."""
    graph = Graph()
    x, one, zero = graph.variable("x"), graph.number(1), graph.number(0)
    position = graph.node("where", graph.node("gt", x, zero), one, zero)
    for _ in range(60):
        position = graph.node("mul", position, position)
    result = compare(graph, graph.node("add", position, x), ["x"], modes=["paths"]).results[0]
    assert result.path_count == 1
    assert [len(path.nodes) for path in result.paths] == [2]


def test_the_limit_on_paths_is_an_option():
    graph, root = chain(4)
    assert compare(graph, root, ["x"], modes=["paths"], path_limit=15).results[0].paths == []
    assert len(compare(graph, root, ["x"], modes=["paths"], path_limit=16).results[0].paths) == 16


def test_long_paths_are_refused_like_many():
    graph = Graph()
    position = graph.variable("x")
    for _ in range(300):
        position = graph.node("sin", position)
    result = compare(graph, position, ["x"], modes=["paths"], path_limit=2).results[0]
    assert result.path_count == 1
    assert "1 path with 300 edges (limit 200): too many to list" in result.notes[0]


def test_forward_mode_is_refused_politely_where_it_would_take_long():
    graph, root, names = product(800)
    found = compare(graph, root, names, modes=["reverse", "forward"])
    assert found.result("forward").gradient == []
    assert found.result("forward").notes[0].startswith("not run: 800 passes over 1599 nodes")
    assert found.verdict == "800 variables, 1 output: reverse mode needs 1 pass, forward mode 800"


def test_paths_carry_the_product_of_their_partials():
    found = compared("sin(x*y)*x")
    graph = found.graph
    shown = [
        (p.variable, [to_text(graph, i) for i in p.partials], to_text(graph, p.product))
        for p in found.result("paths").paths
    ]
    assert sorted(shown) == [
        ("x", ["sin(x*y)"], "sin(x*y)"),
        ("x", ["y", "cos(x*y)", "x"], "x*cos(x*y)*y"),
        ("y", ["x", "cos(x*y)", "x"], "x*cos(x*y)*x"),
    ]
    for path in found.result("paths").paths:
        assert graph.nodes[path.nodes[0]] == ("var", path.variable)
        assert path.nodes[-1] == path.output == found.roots[0]


def test_factors_of_one_cost_nothing():
    result = compared("x + y + x").result("paths")
    assert (result.path_count, result.operations) == (3, 1)  # 1 + 1 for x


# -- values --------------------------------------------------------------------------------------------


SQUIRE = "exp(x)/sqrt(sin(x)^3 + cos(x)^3)"


def test_squire_and_trapps_example_is_exact_to_rounding_with_the_complex_step():
    """The function of their paper at 1.5: the derivative is 4.053427893898621…"""
    found = compared(SQUIRE, {"x": Fraction(3, 2)})
    assert found.exact_text(0, "x", 16) == "4.053427893898621"
    for mode in ("reverse", "forward", "paths", "complex-step"):
        assert found.result(mode).accuracy[0]["x"].digits >= 14
    best = found.result("finite-difference").accuracy[0]["x"]
    assert 8 <= best.digits <= 12


def test_the_steps_show_truncation_and_rounding():
    result = compared(SQUIRE, {"x": Fraction(3, 2)}).result("finite-difference")
    assert [step.h for step in result.steps] == [f"1e-{k}" for k in range(1, 16, 2)]
    forward = [float(step.error.error) for step in result.steps]
    central = [float(step.error_central.error) for step in result.steps]
    assert forward[1] / forward[2] == pytest.approx(100, rel=0.1)  # proportional to h
    assert central[0] / central[1] == pytest.approx(10_000, rel=0.1)  # proportional to h²
    assert central[-1] > 1e6 * min(central)
    assert min(central) < 1e-2 * min(forward)
    assert result.values[0]["x"] == result.steps[central.index(min(central))].central
    assert f"h = {result.steps[central.index(min(central))].h}" in " ".join(result.notes)


def test_errors_are_against_the_exact_derivative_not_against_another_mode():
    result = compared("exp(x)", {"x": 1}, modes=["finite-difference"]).results[0]
    for step in result.steps:
        # python's own decimals as an independent source of e
        from decimal import Decimal, getcontext

        getcontext().prec = 50
        true = abs(Decimal(step.central) - Decimal(1).exp())
        assert float(step.error_central.error) == pytest.approx(float(true), rel=0.06)


def test_numeric_modes_count_evaluations_of_the_function():
    found = compared("x*y + sin(x)", {"x": 1, "y": 2})
    difference, complex_ = found.result("finite-difference"), found.result("complex-step")
    assert (difference.evaluations, difference.operations) == (4, 4 * 3)
    assert (complex_.evaluations, complex_.operations) == (2, 2 * 3)


def test_accuracy_counts_the_digits_that_are_right():
    assert accuracy(3.14159, Exact("pi", 1)).digits == 6
    assert accuracy(2.5, Fraction(5, 2)) == ("0", 16)
    assert accuracy(1e-7, 0) == ("1.0e-7", 7)
    assert accuracy(5.0, 1).digits == 0
    assert accuracy(1e-300, Fraction(1, 10**300)).digits >= 15


def test_numeric_modes_say_what_they_miss_without_a_point():
    found = compared("x*y", {"x": 1})
    assert found.notes == ["no value for y: no values of derivatives"]
    for mode in ("finite-difference", "complex-step"):
        assert "needs a value for every variable" in found.result(mode).notes[0]
    assert found.result("reverse").gradient
    assert found.result("reverse").values == []


def test_an_operation_without_complex_values_is_named_and_the_others_go_on():
    found = compared("zeta(x)*x", {"x": 3})
    assert "zeta" in found.result("complex-step").notes[0]
    assert "no partial" in found.result("reverse").notes[0]
    # ζ(3) + 3ζ'(3), ζ(3) = 1.2020569…, ζ'(3) = −0.1981262…
    assert found.result("finite-difference").values[0]["x"] == pytest.approx(1.2020569 - 3 * 0.1981262, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "x", "why"),
    [
        ("abs(x)", 0, "not differentiable at x = 0 (absolute value)"),
        ("max(x, 2x)", 0, "not differentiable"),
        ("x if x > 0 else 0", 0, "not differentiable where two cases meet"),
        ("floor(x)*x", 0, "not differentiable"),
        ("floor(3x)", Fraction(1, 3), "not differentiable"),
        ("log(x)", -1, "no real value at this point"),
        ("1/x", 0, "no real value at this point"),
        ("sqrt(x)", 0, "no value at this point"),
    ],
)
def test_where_there_is_no_derivative_every_mode_says_so(text, x, why):
    found = compared(text, {"x": x})
    assert found.exact == [{"x": None}]
    assert why in found.notes[0]
    data = found.as_dict()
    for mode in data["modes"]:
        assert mode["gradient_value"] == {"x": None}
        assert why in mode["note"]


@pytest.mark.parametrize(
    ("text", "x", "slope"),
    [
        ("x*abs(x)", 0, 0),
        ("abs(x)^3", 0, 0),
        ("x^2 if x > 0 else 0", 0, 0),
        ("sinc(x) + x", 0, 1),
        ("max(x, x)", 5, 1),
        ("abs(x)", -2, -1),
        ("(x - 1)*abs(x - 1) + x", 1, 1),
    ],
)
def test_a_kink_that_is_smoothed_out_has_its_derivative(text, x, slope):
    node = parse(text)
    found, notes = exact_derivatives(node.graph, node.position, ["x"], {"x": x})
    assert (found["x"], notes) == (slope, [])


def test_nothing_infinite_or_complex_is_ever_shown():
    texts = {
        "exp(x^4)": 6, "x^400": 100, "1/x": 0, "log(x)": 0, "sqrt(x)": Fraction(1, 10**9), "asin(x)": 1,
        "x^(1/3)": -8, "gamma(x)": -2, "tan(x)": Fraction(3, 2), "exp(-1/x)": Fraction(1, 10**6), "x^x": -2,
        "atan2(x, -1)": 0, "acosh(x)": 1, "exp(x)": 10**400,
    }  # fmt: skip
    for text, x in texts.items():
        shown = json.dumps(compared(text, {"x": x}).as_dict(), allow_nan=False).lower()
        assert not any(word in shown for word in ('"nan', '"inf', '"-inf', "j)", '1j"')), text


def test_a_cube_root_of_a_negative_number_has_its_real_derivative():
    found = compared("x^(1/3)", {"x": -8})
    assert found.exact_text(0, "x") == "1/12"
    for result in found.results:
        assert result.accuracy[0]["x"].digits >= 8, result.mode


def test_large_arguments_have_larger_steps():
    result = compared("x^2", {"x": 12_345}, modes=["finite-difference"]).results[0]
    assert [step.h for step in result.steps][:2] == ["1e3", "1e1"]
    assert result.accuracy[0]["x"].digits >= 10


def test_the_result_is_ready_for_json():
    data = compared("x*y + sin(x)", {"x": Fraction(1, 2), "y": 3}).as_dict({})
    assert [mode["mode"] for mode in data["modes"]] == list(MODES)
    reverse = data["modes"][0]
    assert reverse == {
        "mode": "reverse",
        "passes": 1,
        "operations": 2,
        "counted": COUNTED["reverse"],
        "evaluations": None,
        "gradient": {"x": "y + cos(x)", "y": "x"},
        "gradient_value": {"x": str(3 + math.cos(0.5)), "y": "0.5"},
        "error": reverse["error"],
        "digits": {"x": 16, "y": 16},
        "note": "",
    }
    steps = data["modes"][3]["steps"]
    assert set(steps[0]) == {"h", "forward", "error", "central", "error_central"}
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_an_unknown_mode_is_refused():
    with pytest.raises(UsageError, match="no mode `sideways`"):
        compared("x", modes=["sideways"])


def test_a_count_of_any_size_can_be_written():
    assert count_text(10**99) == "1" + "0" * 99
    assert count_text(7 * 10**4999) == "about 10^4999"


# -- the check of a gradient ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x^3*sin(y)", "exp(-x^2)/y", "sigmoid(x*y)", "abs(x - y)*x", "log(x^2 + y^2)"])
def test_a_right_gradient_agrees_with_numbers(text):
    node = parse(text)
    derived = {name: d.position for name, d in gradient(node).items()}
    checks = check_gradient(node.graph, node.position, derived, {"x": Fraction(3, 2), "y": Fraction(7, 5)})
    assert {name: check.agrees for name, check in checks.items()} == {"x": True, "y": True}
    assert all(check.digits >= 14 for check in checks.values())


@pytest.mark.parametrize("factor", [Fraction(-1), Fraction(2), Fraction(10**6 + 1, 10**6)])
def test_a_planted_wrong_gradient_is_seen(factor):
    node = parse("x^3*sin(y)")
    graph = node.graph
    derived = {name: d.position for name, d in gradient(node).items()}
    derived["y"] = graph.node("mul", graph.number(factor), derived["y"])
    checks = check_gradient(graph, node.position, derived, {"x": Fraction(3, 2), "y": 2})
    assert (checks["x"].agrees, checks["y"].agrees) == (True, False)
    assert checks["y"].digits <= 6


def test_central_differences_alone_see_a_wrong_gradient_too():
    node = parse("digamma(x)")  # no complex step
    graph = node.graph
    right = gradient(node)["x"].position
    wrong = graph.node("mul", graph.number(Fraction(1001, 1000)), right)
    for derived, agrees in ((right, True), (wrong, False)):
        check = check_gradient(graph, node.position, {"x": derived}, {"x": Fraction(5, 2)})["x"]
        assert (check.complex, check.agrees) == (None, agrees)
        assert "digamma" in check.note


def test_a_derivative_by_a_variable_that_does_not_occur_must_be_zero():
    node = parse("x^2")
    graph = node.graph
    derived = {"y": graph.number(0), "z": graph.number(1)}
    checks = check_gradient(graph, node.position, derived, {"x": 2, "y": 1, "z": 1})
    assert (checks["y"].agrees, checks["z"].agrees) == (True, False)


def test_a_check_outside_the_domain_says_so():
    node = parse("log(x)")
    checks = check_gradient(node.graph, node.position, {"x": gradient(node)["x"].position}, {"x": -1})
    assert (checks["x"].agrees, checks["x"].note) == (None, "there is no value at this point")
    assert json.dumps(checks["x"].as_dict(), allow_nan=False)


# -- the page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "ascii"), [(80, False), (40, False), (80, True), (40, True)])
def test_the_page_keeps_to_its_width_and_alphabet(width, ascii):
    found = compared("x*y + sin(x)^3/abs(y)", {"x": Fraction(1, 2), "y": 3})
    page = render_sections(mode_sections(found, ascii=ascii), width=width, ascii=ascii)
    lines = page.replace("\u0304", "").split("\n")
    assert max(map(len, lines)) <= width
    assert not ascii or page.isascii()
    for word in ("reverse", "forward", "paths", "finite-difference", "complex-step", "x = 1/2", "1e"):
        assert word in page
    assert found.verdict.split(":")[0] in page


def test_the_page_of_a_chain_with_too_many_paths_stays_short():
    graph, root = chain(100)
    page = render_sections(mode_sections(compare(graph, root, ["x"], {"x": 1})), width=80)
    assert str(2**100) in page.replace("\n", "")
    assert len(page) < 4000
