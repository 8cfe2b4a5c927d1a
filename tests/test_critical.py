"""Critical points of textbook functions against answers worked out by hand, and what is said when they are not all."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
import sympy

from backprop.constants import closed_form
from backprop.critical import CriticalPoints, critical_points, question, search, take_in
from backprop.errors import BackpropError
from backprop.evaluate import Value, evaluate, set_precision, to_ball
from backprop.expr import Graph, to_text
from backprop.parser import parse, parse_equation
from backprop.render.critical import critical_sections
from backprop.render.modes import render_sections
from backprop.session import Seek, Session
from backprop.zeros import zeros

MIN, MAX, SADDLE, FLAT, CORNER = "minimum", "maximum", "saddle", "inflection", "corner"

# function -> (x, kind, f(x)): by hand, from f' = 0
ONE = {
    "x^3 - 3x": [("-1", MAX, "2"), ("1", MIN, "-2")],
    "x^2 - 4x + 1": [("2", MIN, "-3")],
    "x^4 - 4x^3": [("0", FLAT, "0"), ("3", MIN, "-27")],
    "x^3": [("0", FLAT, "0")],
    "-x^4": [("0", MAX, "0")],
    "x^4 - 2x^2": [("-1", MIN, "-1"), ("0", MAX, "0"), ("1", MIN, "-1")],
    "2x^3 - 3x^2 - 12x": [("-1", MAX, "7"), ("2", MIN, "-20")],
    "x^5 - 5x^3": [("-sqrt(3)", MAX, "6*sqrt(3)"), ("0", FLAT, "0"), ("sqrt(3)", MIN, "-6*sqrt(3)")],
    "x^4 - 2x": [("2^(-1/3)", MIN, "-3*2^(-4/3)")],
    "(x - 1)^5/5 - 3x": [("1 - 3^(1/4)", MAX, "12/5*3^(1/4) - 3"), ("1 + 3^(1/4)", MIN, "-12/5*3^(1/4) - 3")],
    "x e^(-x)": [("1", MAX, "1/e")],
    "x^2 e^(-x)": [("0", MIN, "0"), ("2", MAX, "4/e^2")],
    "e^(-x^2)": [("0", MAX, "1")],
    "e^(2x) - 3e^x": [("ln(3/2)", MIN, "-9/4")],
    "e^x + 4e^(-2x)": [("ln(8)/3", MIN, "3")],
    "e^x - x": [("0", MIN, "1")],
    "e^(x^2) + 2e^(-x^2)": [("-sqrt(ln(2)/2)", MIN, "2sqrt(2)"), ("0", MAX, "3"), ("sqrt(ln(2)/2)", MIN, "2sqrt(2)")],
    "x ln x": [("1/e", MIN, "-1/e")],
    "x^2 ln x": [("1/sqrt(e)", MIN, "-1/(2e)")],
    "ln(x)/x": [("e", MAX, "1/e")],
    "ln(x)^2/x": [("1", MIN, "0"), ("e^2", MAX, "4/e^2")],
    "x - 2ln(x)": [("2", MIN, "2 - 2ln(2)")],
    "ln(x^2 + 1)": [("0", MIN, "0")],
    "x - ln(1 + x^2)": [("1", FLAT, "1 - ln(2)")],
    "x^x": [("1/e", MIN, "e^(-1/e)")],
    "x/(x^2 + 1)": [("-1", MIN, "-1/2"), ("1", MAX, "1/2")],
    "x + 1/x": [("-1", MAX, "-2"), ("1", MIN, "2")],
    "x^2/(x - 1)": [("0", MAX, "0"), ("2", MIN, "4")],
    "(x^2 - 3)/(x - 2)": [("1", MAX, "2"), ("3", MIN, "6")],
    "1/(1 + x^2)": [("0", MAX, "1")],
    "x sqrt(4 - x^2)": [("-sqrt(2)", MIN, "-2"), ("sqrt(2)", MAX, "2")],
    "x + sqrt(1 - x^2)": [("sqrt(2)/2", MAX, "sqrt(2)")],
    "x^(2/3)(x - 5)": [("0", CORNER, "0"), ("2", MIN, "-3*2^(2/3)")],
    "x^(3/5)(4 - x)": [("0", CORNER, "0"), ("3/2", MAX, "5/2*(3/2)^(3/5)")],
    "x^(4/3)": [("0", MIN, "0")],
    "cbrt(x)": [("0", CORNER, "0")],
    "cbrt(x^2 - 1)": [("-1", CORNER, "0"), ("0", MIN, "-1"), ("1", CORNER, "0")],
    "abs(x)": [("0", CORNER, "0")],
    "abs(x^2 - 1)": [("-1", CORNER, "0"), ("0", MAX, "1"), ("1", CORNER, "0")],
    "abs(x - sqrt(2))": [("sqrt(2)", CORNER, "0")],
    "sqrt(x^2)": [("0", CORNER, "0")],
    "x abs(x)": [("0", FLAT, "0")],
    "max(x, 1 - x)": [("1/2", CORNER, "1/2")],
    "x^2 if x > 0 else -x": [("0", CORNER, "0")],
    "atan(x) - x/2": [("-1", MIN, "1/2 - pi/4"), ("1", MAX, "pi/4 - 1/2")],
    "asin(x) - 2x": [("-sqrt(3)/2", MAX, "sqrt(3) - pi/3"), ("sqrt(3)/2", MIN, "pi/3 - sqrt(3)")],
    "cosh(x)": [("0", MIN, "1")],
    "sinh(x) - 2x": [("-ln(2 + sqrt(3))", MAX, "2ln(2 + sqrt(3)) - sqrt(3)"),
                     ("ln(2 + sqrt(3))", MIN, "sqrt(3) - 2ln(2 + sqrt(3))")],
    "1/x": [],
    "x^3 + x": [],
    "e^x": [],
    "ln x": [],
}  # fmt: skip

# the points from −2π to 2π, without the second period
PERIODIC = {
    "sin x + cos x": [("-7pi/4", MAX, "sqrt(2)"), ("-3pi/4", MIN, "-sqrt(2)"), ("pi/4", MAX, "sqrt(2)"),
                      ("5pi/4", MIN, "-sqrt(2)")],
    "x + sin x": [("-pi", FLAT, "-pi"), ("pi", FLAT, "pi")],
    "x + 2sin(x)": [("-4pi/3", MAX, "-4pi/3 + sqrt(3)"), ("-2pi/3", MIN, "-2pi/3 - sqrt(3)"),
                    ("2pi/3", MAX, "2pi/3 + sqrt(3)"), ("4pi/3", MIN, "4pi/3 - sqrt(3)")],
    "2sin x + cos(2x)": [(f"{k}pi/6", kind, value) for k, kind, value in (
        (-11, MAX, "3/2"), (-9, MIN, "1"), (-7, MAX, "3/2"), (-3, MIN, "-3"), (1, MAX, "3/2"), (3, MIN, "1"),
        (5, MAX, "3/2"), (9, MIN, "-3"))],
    "abs(sin x)": [(f"{k}pi/2", CORNER if k % 2 == 0 else MAX, f"{k % 2}") for k in range(-4, 5)],
    "e^(-x) sin x": [(f"{k}pi/4", MAX if k in (1, -7) else MIN, f"e^(-({k}pi/4))*sin({k}pi/4)")
                     for k in (-7, -3, 1, 5)],
    "sqrt(sin x)": [("-3pi/2", MAX, "1"), ("pi/2", MAX, "1")],
}  # fmt: skip

# function -> (point, kind, value), in the order of the variables of the text
SEVERAL = {
    "x^2 + y^2": [("0, 0", MIN, "0")],
    "x^2 - y^2": [("0, 0", SADDLE, "0")],
    "x^2 + y^2 - 2x - 6y + 14": [("1, 3", MIN, "4")],
    "x^4 + y^4 - 4x y + 1": [("-1, -1", MIN, "-1"), ("0, 0", SADDLE, "1"), ("1, 1", MIN, "-1")],
    "x^3 + y^3 - 3x y": [("0, 0", SADDLE, "0"), ("1, 1", MIN, "-1")],
    "x^2 y - x - y": [("-1, -1/2", SADDLE, "1"), ("1, 1/2", SADDLE, "-1")],
    "2x^3 + x y^2 + 5x^2 + y^2": [("-5/3, 0", MAX, "125/27"), ("-1, -2", SADDLE, "3"), ("-1, 2", SADDLE, "3"),
                                  ("0, 0", MIN, "0")],
    "x y (1 - x - y)": [("0, 0", SADDLE, "0"), ("0, 1", SADDLE, "0"), ("1/3, 1/3", MAX, "1/27"),
                        ("1, 0", SADDLE, "0")],
    "3x - x^3 - 2y^2 + y^4": [("-1, -1", MIN, "-3"), ("-1, 0", SADDLE, "-2"), ("-1, 1", MIN, "-3"),
                              ("1, -1", SADDLE, "1"), ("1, 0", MAX, "2"), ("1, 1", SADDLE, "1")],
    "x y + 1/x + 8/y": [("1/2, 4", MIN, "6")],
    "x^2 + y^2 + 2/(x y)": [("-1, -1", MIN, "4"), ("1, 1", MIN, "4")],
    "x/(1 + x^2 + y^2)": [("-1, 0", MIN, "-1/2"), ("1, 0", MAX, "1/2")],
    "e^(-(x^2 + y^2))": [("0, 0", MAX, "1")],
    "x y e^(-x^2 - y^2)": [("-sqrt(2)/2, -sqrt(2)/2", MAX, "1/(2e)"), ("-sqrt(2)/2, sqrt(2)/2", MIN, "-1/(2e)"),
                           ("0, 0", SADDLE, "0"), ("sqrt(2)/2, -sqrt(2)/2", MIN, "-1/(2e)"),
                           ("sqrt(2)/2, sqrt(2)/2", MAX, "1/(2e)")],
    "(x^2 + y^2) e^(y^2 - x^2)": [("-1, 0", SADDLE, "1/e"), ("0, 0", MIN, "0"), ("1, 0", SADDLE, "1/e")],
    "(1 - x)^2 + 100(y - x^2)^2": [("1, 1", MIN, "0")],
    "x^3 - 3x y^2": [("0, 0", SADDLE, "0")],
    "x^4 + y^4": [("0, 0", MIN, "0")],
    "-(x^2 + y^2)^2": [("0, 0", MAX, "0")],
    "x^4 - y^4": [("0, 0", SADDLE, "0")],
    "(x - y^2)(x - 3y^2)": [("0, 0", SADDLE, "0")],
    "e^x cos y": [],
    "sin(x) sin(y)": [("-pi/2, -pi/2", MAX, "1"), ("-pi/2, pi/2", MIN, "-1"), ("0, 0", SADDLE, "0"),
                      ("0, pi", SADDLE, "0"), ("pi/2, -pi/2", MIN, "-1"), ("pi/2, pi/2", MAX, "1"),
                      ("pi, 0", SADDLE, "0"), ("pi, pi", SADDLE, "0")],
    "sin x + sin y + sin(x + y)": [("-pi/3, -pi/3", MIN, "-3sqrt(3)/2"), ("pi/3, pi/3", MAX, "3sqrt(3)/2"),
                                   ("pi, pi", SADDLE, "0")],
    "y^2 - 2y cos x": [("0, -pi/2", SADDLE, "0"), ("0, pi/2", SADDLE, "0"), ("1, 0", MIN, "-1"),
                       ("-1, pi", MIN, "-1")],
    "x^2 + y^2 + z^2 - x y + x - 2z": [("-2/3, -1/3, 1", MIN, "-4/3")],
    "x^4 + y^4 + z^4 - 4x y z": [("-1, -1, 1", MIN, "-1"), ("-1, 1, -1", MIN, "-1"), ("0, 0, 0", SADDLE, "0"),
                                 ("1, -1, -1", MIN, "-1"), ("1, 1, 1", MIN, "-1")],
    "x^2 + y^2 + z^2 + x y z": [("-2, -2, -2", SADDLE, "4"), ("-2, 2, 2", SADDLE, "4"), ("0, 0, 0", MIN, "0"),
                                ("2, -2, 2", SADDLE, "4"), ("2, 2, -2", SADDLE, "4")],
}  # fmt: skip


def number(text: str) -> Value:
    """What a text without variables says."""
    node = parse(text)
    return evaluate(node.graph, node.graph.reachable([node.position]), {}, precision=400)[node.position]


def same(given: object, expected: str) -> bool:
    """Whether a value is the number that a text says, to 60 digits."""
    previous = set_precision(260)
    try:
        difference = abs(to_ball(given) - to_ball(number(expected)))
        return bool(difference < to_ball(Fraction(1, 10**60)))
    finally:
        set_precision(previous)


def compare(found: CriticalPoints, expected: list[tuple[str, str, str]]) -> None:
    """Every point as expected, and no other."""
    left = list(found.points)
    for place, kind, value in expected:
        wanted = place.split(", ")
        here = [p for p in left if all(map(same, (p.values[name] for name in found.wrt), wanted))]
        assert len(here) == 1, f"{place} is not in {[p.at for p in found.points]}"
        left.remove(here[0])
        assert (here[0].kind, same(here[0].value, value)) == (kind, True), here[0]
        assert all(map(same, map(number, here[0].at.values()), wanted)), here[0].at
    assert left == []


@pytest.mark.parametrize("text", ONE)
def test_functions_of_one_variable_have_the_points_found_by_hand(text):
    found = critical_points(text)
    compare(found, ONE[text])
    assert found.complete, found.how


@pytest.mark.parametrize("text", PERIODIC)
def test_periodic_functions_list_the_points_near_0_and_say_how_they_repeat(text):
    found = critical_points(text)
    compare(found, PERIODIC[text])
    assert found.complete, found.how
    assert "listed are those from -2*pi to 2*pi" in found.notes


@pytest.mark.parametrize("text", SEVERAL)
def test_functions_of_several_variables_have_the_points_found_by_hand(text):
    found = critical_points(text)
    compare(found, SEVERAL[text])
    assert found.complete, found.how


def test_himmelblaus_function_has_nine_points_of_the_known_kinds():
    found = critical_points("(x^2 + y - 11)^2 + (x + y^2 - 7)^2")
    kinds = sorted(point.kind for point in found.points)
    assert (kinds, found.complete) == ([MAX] + [MIN] * 4 + [SADDLE] * 4, True)
    known = {(3.0, 2.0), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)}  # its four minima
    minima = {(round(float(p.at["x"]), 6), round(float(p.at["y"]), 6)) for p in found.points if p.kind == MIN}
    assert minima == known
    assert all("interval Newton" in p.checked for p in found.points if p.at["x"] != "3")


SMOOTH = [text for text in ONE if not any(part in text for part in ("if", "max", "abs", "cbrt", "/3)", "/5)"))]


@pytest.mark.parametrize("text", SMOOTH)
def test_sympy_agrees_that_the_derivative_is_0_there(text):
    """An independent look at points and signs: SymPy's own derivatives at our points."""
    node = parse(text)
    names = {"e": sympy.E, "log": sympy.log}
    function, x = sympy.sympify(to_text(node.graph, node.position), names), sympy.Symbol("x")
    for point in critical_points(text).points:
        place = sympy.sympify(point.at["x"], names)
        if point.kind == CORNER:
            continue
        assert abs(sympy.N(function.diff(x).subs(x, place), 40)) < 1e-30
        step = sympy.Rational(1, 1000)
        here, left, right = (sympy.N(function.subs(x, place + h), 40) for h in (0, -step, step))
        rises = (left > here, right > here)
        assert rises == {MIN: (True, True), MAX: (False, False)}.get(point.kind, rises)
        assert point.kind != FLAT or rises[0] != rises[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x^3 - 3x", "f'' = -6 < 0"),
        ("y = x ln x", "y'' = e > 0"),
        ("x^3", "the first derivative that is not 0 is the third, 6 > 0"),
        ("-x^4", "the first derivative that is not 0 is the fourth, -24 < 0"),
        ("x^2 + 3y^2", "the Hessian's leading minors are 2, 12: positive definite"),
        ("-x^2 - 3y^2", "the Hessian's leading minors are -2, 12: negative definite"),
        ("x y", "the Hessian's leading minors are 0, -1: indefinite"),
        ("x^3 - 3x y^2", "along (t, 0) the first derivative that is not 0 is the third, 6"),
        ("x^4 + y^4", "f minus its value there is never negative"),
        ("abs(x)", "f' jumps from -1 to 1: a minimum"),
        ("x^(2/3)(x - 5)", "f' does not exist there: f rises before it and falls after it, a maximum"),
        ("cbrt(x)", "f' does not exist there: the tangent is vertical, no extremum"),
        ("x^(4/3)", "f' changes from - to +"),
    ],
)
def test_the_reason_says_how_the_kind_is_known(text, reason):
    assert critical_points(text).points[0].reason == reason


def test_whole_curves_of_points_are_described():
    circle = critical_points("(x^2 + y^2 - 1)^2")
    assert [(p.at, p.kind, p.value) for p in circle.points] == [
        ({"x": "0", "y": "0"}, MAX, 1), ({"x": "x", "y": "y"}, "on a curve", 0)]  # fmt: skip
    assert circle.points[1].reason == "the gradient is 0 wherever x**2 + y**2 = 1, and f has its minimum there"
    lines = critical_points("x^2 y^2")
    assert sorted((p.at["x"], p.at["y"]) for p in lines.points) == [("0", "y"), ("x", "0")]
    assert circle.complete
    assert lines.complete
    assert "f' is 0 for every x" in critical_points("sin(x)^2 + cos(x)^2").points[0].reason


def test_a_sum_of_squares_is_0_at_a_point_and_not_on_a_curve():
    assert [p.at for p in critical_points("(x^2 + y^2)^2").points] == [{"x": "0", "y": "0"}]
    touching = critical_points("(x^2 - 2x y + 2y^2 - 2y + 1)^2")  # the square of (x − y)² + (y − 1)²
    assert [p.at for p in touching.points] == [{"x": "1", "y": "1"}]


def test_points_without_a_closed_form_are_decimals_that_are_certain():
    found = critical_points("x^2 e^x + sin(x)/2 + x")
    assert not found.complete
    assert "others may exist" in found.how
    for point in found.points:
        assert "interval Newton" in point.checked
    assert critical_points("e^x - x^2/3").points == []


def test_the_search_in_balls_misses_no_sign_change():
    """x sin x: tan x = −x, with one root in each ((k − 1/2)π, kπ)."""
    found = critical_points("x sin x")
    assert not found.complete
    near = [float(to_ball(p.values["x"]).mid()) for p in found.points]
    x = sympy.Symbol("x")
    ends = [(math.pi * (k - 0.5) + 1e-9, math.pi * k) for k in range(1, 7)]
    roots = [float(sympy.nsolve(sympy.sin(x) + x * sympy.cos(x), x, end, solver="bisect")) for end in ends]
    assert [round(x, 9) for x in near if 0 < x < 18] == [round(x, 9) for x in roots]


def test_what_is_not_complete_says_so():
    for text in ("x sin x", "gamma(x)", "sin(x)/x", "x + abs(x)", "abs(x) + y^2"):
        assert not critical_points(text).complete, text
    assert "f' is 0 on a whole interval" in " ".join(critical_points("x + abs(x)").notes)
    assert "for one variable only" in " ".join(critical_points("abs(x) + y^2").notes)


def test_a_point_where_the_function_has_no_value_is_no_critical_point():
    assert critical_points("x^2/x").points == []
    assert critical_points("(x^2 + y^2)/(x y)").complete
    assert all(p.at != {"x": "0", "y": "0"} for p in critical_points("(x^2 + y^2)/(x y)").points)
    assert critical_points("sqrt(x)").points == []  # the end of the domain, not inside it
    assert critical_points("x^(3/2)").points == []
    assert critical_points("x^2 - 2x + ln(x - 5) - ln(x - 5)").points == []  # its derivative is 0 at 1
    assert critical_points("sign(x)*0 + sign(x)").points[0].kind == "on a curve"


def test_a_root_is_0_where_its_operand_is():
    """The gradient is (4/3·cbrt(x), 2y); the Hessian is infinite at 0."""
    found = critical_points("x^(4/3) + y^2")
    assert [(p.at, p.kind) for p in found.points] == [({"x": "0", "y": "0"}, "undecided")]


def test_a_jump_is_no_corner():
    assert [p.kind for p in critical_points("x + step(x)").points] == []


def test_other_letters_are_parameters():
    found = critical_points("a x^2 + b x", ["x"])
    assert [(p.at["x"], p.kind) for p in found.points] == [("-b/(2*a)", "undecided")]
    assert "f'' = 2*a" in found.points[0].reason
    assert critical_points("x^2 - 2a x", ["x"]).points[0].kind == MIN


def test_refusals_are_sentences():
    assert "constant" in critical_points("5").how
    assert "nothing is known" in critical_points("f(x)", functions=["f"]).how
    assert "one function" in critical_points("x^2 + y^2 = 25").how
    assert critical_points("; ".join(["a = x^2", "[a, a + x]"])).points == []
    with pytest.raises(BackpropError):
        critical_points("x +")


def test_a_program_has_the_critical_points_of_its_output():
    compare(critical_points("u = x^2 - 1; y = u^2"), [("-1", MIN, "0"), ("0", MAX, "1"), ("1", MIN, "0")])


def test_the_json_object_has_the_documented_keys():
    found = critical_points("x e^(-x)")
    data = json.loads(json.dumps(found.as_dict()))
    assert data["complete"] is True
    assert data["points"] == [{
        "at": {"x": "1"}, "at_value": {"x": "1"}, "value": "0.367879441171442", "exact": "1/e", "kind": MAX,
        "reason": "f'' = -1/e < 0", "checked": "f' is exactly 0",
    }]  # fmt: skip
    assert set(data) == {"wrt", "points", "complete", "how", "limit", "notes"}


def test_a_stopped_worker_leaves_a_sentence():
    result, task = question("x^3 - 3x")
    assert task is not None
    first = next(iter(search(task)))
    take_in(result, first)
    take_in(result, {"ended": "stopped", "reason": "time", "message": ""})
    assert (result.limit, result.how) == (True, "stopped at the time limit: others may exist")
    assert len(result.points) == 2
    empty, _ = question("x^3 - 3x")
    take_in(empty, {"ended": "unavailable", "message": "no SymPy"})
    assert "nothing was found" in empty.how


def test_one_session_searches_several_functions():
    with Session() as session:
        for text, count in (("x^2", 1), ("x^3 - 3x", 2)):
            job = session.send(Seek(*question(text)))
            session.wait(job)
            assert isinstance(job, Seek)
            assert len(job.result.points) == count


def test_a_wrong_candidate_is_not_believed(monkeypatch):
    """What SymPy proposes counts only if the gradient is 0 there."""
    from backprop import symbolic

    def lie(graph: Graph, gradient: object, names: object) -> symbolic.Solutions:
        return symbolic.Solutions([{"x": graph.number(7)}], [], True)

    monkeypatch.setattr(symbolic, "solve_gradient", lie)
    result, task = question("e^x + x^2")
    assert task is not None
    for message in search(task):
        take_in(result, message)
    assert [p.at["x"][:6] for p in result.points] == ["-0.351"]
    assert not result.complete


def test_a_point_that_sympy_forgets_makes_its_list_incomplete(monkeypatch):
    from backprop import symbolic

    monkeypatch.setattr(symbolic, "solve_gradient", lambda *_: symbolic.Solutions([], [], True))
    result, task = question("e^x + x^2")
    assert task is not None
    for message in search(task):
        take_in(result, message)
    assert (len(result.points), result.complete) == (1, False)


# -- elimination and constants ---------------------------------------------------------------------------


def test_elimination_says_when_it_cannot_solve():
    graph = parse_equation("x + e^x").graph
    assert not zeros(graph, [len(graph.nodes) - 1], ["x"]).complete


@pytest.mark.parametrize(
    ("text", "root"),
    [("cbrt(x - 2)", "2"), ("x^(2/3) - 4", "8"), ("ln(x - 1) - 1", "e + 1")],
)
def test_elimination_sees_through_roots_and_logarithms(text, root):
    equation = parse_equation(text)
    found = zeros(equation.graph, [equation.root], ["x"])
    assert found.complete
    assert any(same(point["x"].ball, root) for point in found.points)


@pytest.mark.parametrize(
    ("text", "count"), [("x^5 - x - 1", 1), ("x^7 - 7x + 3", 3), ("(x^2 - 2)(x^2 - 3)", 4), ("x^2 + 1", 0)]
)
def test_elimination_finds_all_real_roots_of_a_polynomial(text, count):
    equation = parse_equation(text)
    found = zeros(equation.graph, [equation.root], ["x"])
    assert (len(found.points), found.complete) == (count, True)
    expected = sorted(float(r) for r in sympy.Poly(sympy.sympify(text.replace("^", "**").replace("7x", "7*x").replace(
        ")(", ")*("))).nroots(30) if abs(sympy.im(r)) < 1e-20)  # fmt: skip
    assert sorted(float(p["x"].ball.mid()) for p in found.points) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("sqrt(2)/2*exp(-(sqrt(2)/2)^2)", "sqrt(2)/(2*sqrt(e))"), ("1/e*log(1/e)", "-1/e"),
        ("sin(pi/4) + cos(pi/4)", "sqrt(2)"), ("tan(pi/6)", "sqrt(3)/3"), ("1/sqrt(2)", "sqrt(2)/2"),
        ("(2 + sqrt(7))/3 - 1", "(sqrt(7) - 1)/3"), ("-2^(2/3)*3", "-3*2**(2/3)"), ("1 - 1", "0"),
        ("sqrt(2)*sqrt(3) - sqrt(6)", "0"), ("log(8)/log(2)", "3"), ("sin(1)", None), ("acos(1/4)", None),
    ],
)  # fmt: skip
def test_constants_are_written_as_in_a_textbook(text, form):
    node = parse(text)
    found = closed_form(node.graph, node.position)
    assert (None if found is None else to_text(node.graph, found)) == form
    if found is not None:
        values = evaluate(node.graph, node.graph.reachable([node.position, found]), {}, precision=300, exact=False)
        assert values[node.position].overlaps(values[found])


# -- rendering -------------------------------------------------------------------------------------------


def test_the_section_shows_points_value_kind_and_reason():
    text = render_sections(critical_sections(critical_points("x^4 + y^4 - 4x y")))
    assert text.splitlines() == [
        "",
        "Critical points   (where the gradient is 0)",
        "  x = −1, y = −1  f = −2  minimum  the Hessian's leading minors are 12, 128: positive definite",
        "  x = 0, y = 0    f = 0   saddle   the Hessian's leading minors are 0, −16: indefinite",
        "  x = 1, y = 1    f = −2  minimum  the Hessian's leading minors are 12, 128: positive definite",
        "",
        "complete: solved by elimination: the gradient is 0 at roots of polynomials only, and all of them are isolated",
    ]
    plain = render_sections(critical_sections(critical_points("x e^(-x^2)"), ascii=True), width=60)
    assert plain.isascii()
    assert "x = sqrt(2)/2" in plain
    assert "none was found" in render_sections(critical_sections(critical_points("1/x")))
    assert "any y" in render_sections(critical_sections(critical_points("x^2 + 0*y", ["x", "y"])))
