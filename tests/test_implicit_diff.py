"""Implicit differentiation: against branches that can be solved for, and at points that are on the curve or are not."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import pytest
import sympy

from backprop.derivation import derive
from backprop.errors import BackpropError, UsageError
from backprop.tasks import handle
from reference import DIGITS, ball, close, function_of, number, values

t = sympy.Symbol("t", real=True)
HALF = sympy.Rational(1, 2)


def graph_of(y: Any) -> tuple[Any, Any]:
    """The branch y(t) as a curve."""
    return t, y


# relation, x(t) and y(t) of one branch, values of t
BRANCHES: list[tuple[str, tuple[Any, Any], list[Any]]] = [
    ("x^2 + y^2 = 25", graph_of(sympy.sqrt(25 - t**2)), [3, 0, -4, "7/3"]),
    ("x^2 + y^2 = 25", graph_of(-sympy.sqrt(25 - t**2)), [3, "-24/5", "1/7"]),
    ("x^2/9 + y^2/4 = 1", graph_of(2 * sympy.sqrt(1 - t**2 / 9)), [0, "9/5", -2]),
    ("x^2 - y^2 = 1", graph_of(-sympy.sqrt(t**2 - 1)), ["5/3", "5/4", -3]),
    ("y^2/4 - x^2 = 1", graph_of(2 * sympy.sqrt(t**2 + 1)), [0, "3/4", -2]),
    ("x*y = 1", graph_of(1 / t), [1, -2, "3/5"]),
    ("x^2 + x*y + y^2 = 7", graph_of((-t + sympy.sqrt(28 - 3 * t**2)) / 2), [1, 2, -3, "1/3"]),
    ("y^2 - 2y = x", graph_of(1 + sympy.sqrt(1 + t)), [3, 0, "5/4"]),
    ("y = x*y + 1", graph_of(1 / (1 - t)), [0, 2, "-3/2"]),
    ("x*e^y = 1", graph_of(-sympy.log(t)), [1, "1/2", 3]),
    ("e^(x*y) = x", graph_of(sympy.log(t) / t), [1, 2, "1/3"]),
    ("e^x + e^y = 5", graph_of(sympy.log(5 - sympy.exp(t))), [0, 1, -2]),
    ("ln(x) + ln(y) = 2x", graph_of(sympy.exp(2 * t) / t), [1, "1/2", 2]),
    ("sin(y) = x", graph_of(sympy.asin(t)), [0, "1/2", "-3/4"]),
    ("tan(x + y) = x", graph_of(sympy.atan(t) - t), [0, 1, "-5/2"]),
    ("sin(x*y) = 1/2", graph_of(sympy.pi / 6 / t), [1, "1/2", 4]),
    ("sqrt(x) + sqrt(y) = 1", graph_of((1 - sympy.sqrt(t)) ** 2), ["1/4", "4/9", "1/3"]),
    ("x^2*y + y = x", graph_of(t / (1 + t**2)), [0, 1, -3]),
    ("x^3 + y^3 = 3x*y", (3 * t / (1 + t**3), 3 * t**2 / (1 + t**3)), [1, 2, "1/3", "-3/4", -4]),  # the folium
    ("(x^2 + y^2)^2 = x^2 - y^2", ((t + t**3) / (1 + t**4), (t - t**3) / (1 + t**4)), ["1/2", 2, "-1/3"]),  # lemniscate
    ("x^(2/3) + y^(2/3) = 1", (((1 - t**2) / (1 + t**2)) ** 3, (2 * t / (1 + t**2)) ** 3), ["1/2", "1/3", "3/4"]),
    ("y^2*(2 - x) = x^3", (2 * t**2 / (1 + t**2), 2 * t**3 / (1 + t**2)), [1, "-1/2", 3]),  # the cissoid
    ("y^2*(1 - x) = x^2*(1 + x)", ((t**2 - 1) / (t**2 + 1), t * (t**2 - 1) / (t**2 + 1)), [2, "1/2", -3]),
    ("y^2 = x^3", (t**2, t**3), [1, -2, "2/3"]),
    ("y^2 = 4x", (t**2, 2 * t), [1, -3, "1/2"]),
    ("y^3 + y = x", (t**3 + t, t), [0, 1, "-1/2"]),
    ("y^5 + y = x", (t**5 + t, t), [0, 1, "-1/2"]),
    ("y*e^y = x", (t * sympy.exp(t), t), [0, 1, "-1/3"]),
    ("y + sin(y) = x", (t + sympy.sin(t), t), [0, 1, "-5/2"]),
    ("y = x + sin(y)/2", (t - sympy.sin(t) / 2, t), [0, 2, "-1/2"]),  # Kepler's equation
    ("x^y = y^x", (t ** (1 / (t - 1)), t ** (t / (t - 1))), [2, 3, "1/2"]),
    ("y^x = 3", graph_of(3 ** (1 / t)), [1, 2, "1/2"]),
]  # fmt: skip
IDS = [f"{k}: {row[0]}" for k, row in enumerate(BRANCHES)]


def along_branch(x: Any, y: Any, order: int) -> list[Any]:
    """y, dy/dx, d²y/dx², …: the derivative by x is the one by t, divided by dx/dt."""
    found = [y]
    for _ in range(order):
        found.append(found[-1].diff(t) / x.diff(t))
    return found


@pytest.mark.parametrize(("relation", "branch", "places"), BRANCHES, ids=IDS)
def test_derivatives_of_relations_are_those_of_a_solved_branch(
    relation: str, branch: tuple[Any, Any], places: list[Any]
) -> None:
    x, y = branch
    theirs = function_of(["t"], [x, *along_branch(x, y, 3)])
    compared = 0
    for order in (1, 2, 3):
        result = derive(relation, ["x"], order=order)
        assert (result.kind, result.output, result.order) == ("implicit", "y", order)
        for place in places:
            here, *wanted = theirs({"t": Fraction(place)})
            point = {"x": ball(here), "y": ball(wanted[0])}
            (ours,) = values(result.graph, [result.derived["x"]], point)
            assert ours is not None, (relation, order, place)
            assert close(ours, wanted[order]), (relation, order, place)
            compared += 1
    assert compared == 3 * len(places)


EXACT = [row for row in BRANCHES if row[0].isascii() and not any(f in row[0] for f in ("e^", "ln", "sin", "tan", "^x"))]


@pytest.mark.parametrize(("relation", "branch", "places"), EXACT, ids=[f"{k}: {row[0]}" for k, row in enumerate(EXACT)])
def test_at_rational_points_the_derivatives_are_exact(
    relation: str, branch: tuple[Any, Any], places: list[Any]
) -> None:
    x, y = branch
    found = along_branch(x, y, 2)
    compared = 0
    for place in places:
        here = [e.subs(t, sympy.Rational(place)) for e in (x, *found)]
        if not all(isinstance(e, sympy.Rational) for e in here):
            continue
        at = {"x": str(here[0]), "y": str(here[1])}
        for order in (1, 2):
            result = derive(relation, ["x"], at, order=order)
            assert result.gradient_value["x"] == Fraction(str(here[1 + order])), (relation, at, order)
            assert result.as_dict()["gradient_value"] == {"x": str(here[1 + order])}
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize("order", [4, 5, 6])
def test_derivatives_of_high_order_are_those_of_the_branch(order: int) -> None:
    circle, cubic = graph_of(sympy.sqrt(25 - t**2)), (t**3 + t, t)
    for text, (x, y), place in (("x^2 + y^2 = 25", circle, 3), ("y^3 + y = x", cubic, 1)):
        wanted = along_branch(x, y, order)[order].subs(t, place)
        at = {"x": str(x.subs(t, place)), "y": str(y.subs(t, place))}
        assert derive(text, ["x"], at, order=order, trace=False).gradient_value == {"x": Fraction(str(wanted))}


def test_a_wrong_branch_is_noticed() -> None:
    x, y = graph_of(sympy.sqrt(25 - t**2))
    slope = along_branch(x, y, 1)[1]
    assert derive("x^2 + y^2 = 25", at={"x": 3, "y": 4}).gradient_value["x"] == Fraction(str(slope.subs(t, 3)))
    assert derive("x^2 + y^2 = 25", at={"x": 3, "y": -4}).gradient_value["x"] != Fraction(str(slope.subs(t, 3)))


@pytest.mark.parametrize("relation", sorted({row[0] for row in BRANCHES}))
def test_the_partials_of_a_relation_are_verified_and_its_forms_keep_the_value(relation: str) -> None:
    result = derive(relation, ["x"])
    before = result.derived["x"]
    task = result.task(simplify=True, verify=True)
    assert task is not None
    for message in handle(task):
        result.absorb(message)
    assert result.verified.status in ("proved", "sampled")
    compared = 0
    for k in range(8):
        point = {"x": Fraction(k + 3, 7), "y": Fraction(2 * k + 1, 5)}  # the formulas agree off the curve as well
        a, b = values(result.graph, [before, result.form(before)], point)
        if a is not None and b is not None:
            assert close(a, number(b))
            compared += 1
    assert compared >= 3


# -- several variables -------------------------------------------------------------------------------------

x, y, z = sympy.symbols("x y z", real=True)
SURFACES: list[tuple[str, str, Any]] = [
    ("x^2 + y^2 + z^2 = 9", "z", sympy.sqrt(9 - x**2 - y**2)),
    ("x^2 + y^2 + z^2 = 9", "z", -sympy.sqrt(9 - x**2 - y**2)),
    ("x*y*z = 6", "z", 6 / (x * y)),
    ("x*y*z = 6", "y", 6 / (x * z)),
    ("e^z = x^2 + y^2", "z", sympy.log(x**2 + y**2)),
    ("x^2/4 + y^2 - z^2 = 1", "z", sympy.sqrt(x**2 / 4 + y**2 - 1)),
    ("sin(z) = x*y/9", "z", sympy.asin(x * y / 9)),
    ("x*z + y*z^2 = 1", "z", (-x + sympy.sqrt(x**2 + 4 * y)) / (2 * y)),
    ("z^3 = x*y^2", "z", sympy.cbrt(x) * sympy.cbrt(y) ** 2),
    ("y + x*z = e^x", "y", sympy.exp(x) - x * z),
]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("relation", "dependent", "branch"), SURFACES)
def test_a_surface_has_a_derivative_by_each_other_variable(
    relation: str, dependent: str, branch: Any, order: int
) -> None:
    result = derive(relation, of=[dependent], order=order)
    names = [name for name in "xyz" if name != dependent]
    assert sorted(result.gradient) == names
    theirs = function_of(names, [branch, *(branch.diff(sympy.Symbol(name, real=True), order) for name in names)])
    for given in ({0: 2, 1: "3/2"}, {0: "7/5", 1: "5/4"}):
        point: dict[str, Any] = {name: Fraction(given[k]) for k, name in enumerate(names)}
        top, *wanted = theirs(point)
        point[dependent] = ball(top)
        ours = values(result.graph, [result.derived[name] for name in names], point)
        for mine, other in zip(ours, wanted):
            assert close(mine, other), (relation, order, given)


def test_the_cyclic_product_of_the_derivatives_of_a_gas_is_minus_one() -> None:
    text, at = "p*V = n*R*T", {"p": 3, "V": 8, "n": 2, "R": 4, "T": 3}
    slopes = [derive(text, [by], at, of=[of]).gradient_value[by] for of, by in ("pV", "VT", "Tp")]
    assert slopes == [Fraction(-3, 8), Fraction(8, 3), 1]
    assert slopes[0] * slopes[1] * slopes[2] == -1


def test_definitions_may_come_before_a_relation() -> None:
    result = derive("r = 5; s = x^2; s + y^2 = r^2", at={"x": 3, "y": 4})
    assert (result.kind, result.gradient_value) == ("implicit", {"x": Fraction(-3, 4)})
    by_radius = derive("r = 5; x^2 + y^2 = r^2", ["r"], at={"x": 3, "y": 4})
    assert by_radius.gradient_value == {"r": Fraction(5, 4)}


# -- which variable depends on the others --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "dependent", "by"),
    [
        ("x^2 + y^2 = 25", {}, "y", ["x"]),
        ("x^2 + y^2 = 25", {"wrt": ["y"]}, "x", ["y"]),
        ("x^2 + y^2 = 25", {"of": ["x"]}, "x", ["y"]),
        ("u^2 + v^2 = 25", {"of": ["v"]}, "v", ["u"]),
        ("u^2 + v^2 = 25", {"wrt": ["v"]}, "u", ["v"]),
        ("x^2 + y^2 + z^2 = 9", {}, "y", ["x", "z"]),
        ("x^2 + y^2 + z^2 = 9", {"of": ["z"]}, "z", ["x", "y"]),
        ("y = x*y + 1", {}, "y", ["x"]),
    ],
)
def test_the_dependent_variable_is_chosen_as_documented(
    text: str, options: dict[str, Any], dependent: str, by: list[str]
) -> None:
    result = derive(text, **options)
    assert (result.answer.dependent, list(result.gradient)) == (dependent, by)
    assert result.as_dict()["implicit"]["dependent"] == dependent


def test_the_derivative_of_the_inverse_is_the_reciprocal() -> None:
    for text, at in (("x^2 + y^2 = 25", {"x": 3, "y": 4}), ("x^3 + y^3 = 9", {"x": 1, "y": 2})):
        there = derive(text, ["x"], at).gradient_value["x"]
        back = derive(text, ["y"], at).gradient_value["y"]
        assert there * back == 1


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("u^2 + v^2 = 25", {}, "which variable depends"),
        ("x^2 + y^2 = 25", {"of": ["q"]}, "does not occur"),
        ("x^2 + y^2 = 25", {"wrt": ["y"], "of": ["y"]}, "depends on the others"),
        ("x^2 = 4", {"of": ["x"]}, "only one variable"),
        ("x^2 + y - y = 25", {}, "cancels"),
        ("x^2 + y^2 = 25", {"hessian": True}, "not for relations"),
        ("x^2 + y^2 = 25", {"jacobian": True}, "not for relations"),
        ("x^2 + y^2 = 25", {"mixed": ["x", "x"]}, "not for relations"),
        ("x^2 + y^2 = 25", {"along": {"dx": "1"}}, "not for relations"),
        ("x^2 + y^2 = 25", {"total": "t"}, "not for relations"),
    ],
)
def test_what_cannot_be_asked_of_a_relation_says_so(text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        derive(text, **options)
    assert message in caught.value.message
    assert caught.value.hint


# -- points --------------------------------------------------------------------------------------------------


def test_a_rational_point_is_found_exactly() -> None:
    result = derive("y^3 + y = 2x", at={"x": 1})
    assert (result.value, result.gradient_value) == (1, {"x": Fraction(1, 2)})


@pytest.mark.parametrize(
    ("text", "at", "slope"),
    [
        ("sin(y) = x", {"x": "1/2", "y": "pi/6"}, lambda: 1 / mpmath.cos(mpmath.pi / 6)),
        ("x*e^y = 1", {"x": "e", "y": -1}, lambda: -mpmath.exp(-1)),
        ("cos(x) + cos(y) = 0", {"x": "pi/3", "y": "2pi/3"}, lambda: mpmath.mpf(-1)),
    ],
)
def test_points_may_be_multiples_of_pi_and_powers_of_e(text: str, at: dict[str, Any], slope: Any) -> None:
    with mpmath.workdps(DIGITS):
        assert close(derive(text, at=at).gradient_value["x"], slope(), 14)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("x^2 + y^2 = 25", {"x": 3, "y": 5}, "not on the curve: left minus right is 9"),
        ("x^2 + y^2 = 25", {"x": 1, "y": "4.898979485566"}, "not on the curve"),
        ("x^2 + y^2 = 25", {"x": 1, "y": 4.898979485566356}, "not on the curve"),
        ("x*e^y = 1", {"x": 1, "y": "1/1000000000000000"}, "not on the curve"),
        ("ln(x) + y = 1", {"x": -1, "y": 1}, "not on the curve"),
        ("x^2 + y^2 = 25", {"x": 3}, "has 2 points"),
        ("x^2 + y^2 = 25", {"x": 6}, "has no point"),
        ("x^2 + y^2 + z^2 = 9", {"x": 3, "y": 3, "z": 3}, "not on the curve"),
    ],
)
def test_a_point_off_the_curve_is_an_error(text: str, at: dict[str, Any], message: str) -> None:
    with pytest.raises(BackpropError) as caught:
        derive(text, at=at)
    assert message in caught.value.message
    assert caught.value.kind == "usage"
    assert caught.value.hint


def test_the_points_that_were_found_are_named() -> None:
    with pytest.raises(UsageError, match=r"y = -4, y = 4"):
        derive("x^2 + y^2 = 25", at={"x": 3})


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x^2 + y^2 = 25", {"x": 5, "y": 0}),  # vertical tangent
        ("x^2 - y^2 = 1", {"x": -1, "y": 0}),
        ("y^3 = x", {"x": 0, "y": 0}),
        ("y^2 - 2y = x", {"x": -1, "y": 1}),
        ("x^3 + y^3 = 3x*y", {"x": 0, "y": 0}),  # two branches cross
        ("y^2 = x^3", {"x": 0, "y": 0}),  # a cusp
        ("(x^2 + y^2)^2 = x^2 - y^2", {"x": 0, "y": 0}),
    ],
)
def test_where_the_curve_defines_no_function_there_is_no_derivative(text: str, at: dict[str, Any], order: int) -> None:
    result = derive(text, ["x"], at, order=order)
    assert result.gradient_value == {"x": None}
    assert any("does not exist" in note for note in result.notes)
    assert result.as_dict()["gradient_value"] == {"x": None}


def test_a_vertical_tangent_is_horizontal_the_other_way_round() -> None:
    assert derive("x^2 + y^2 = 25", ["y"], {"x": 5, "y": 0}).gradient_value == {"y": 0}


def test_a_point_that_is_not_complete_leaves_formulas() -> None:
    result = derive("x^2 + y^2 + z^2 = 9", at={"x": 1}, of=["z"])
    assert set(result.gradient_value.values()) == {None}
    assert any("no value for" in note for note in result.notes)


@pytest.mark.parametrize(
    ("text", "at", "found", "equation"),
    [
        ("y^3 + y = x", {"x": 1}, "0.682327803828019", lambda v: v**3 + v - 1),
        ("y^5 + y = x", {"x": 3}, "1.13299756588507", lambda v: v**5 + v - 3),
        ("y*e^y = x", {"x": 1}, "0.567143290409784", lambda v: v * mpmath.exp(v) - 1),
        ("y + e^y = x", {"x": 2}, "0.442854401002389", lambda v: v + mpmath.exp(v) - 2),
        ("y^3 + y = x", {"x": "pi"}, None, lambda v: v**3 + v - mpmath.pi),
    ],
)
def test_the_dependent_value_is_found_where_the_curve_has_one_point(
    text: str, at: dict[str, Any], found: str | None, equation: Callable[[Any], Any]
) -> None:
    result = derive(text, at=at)
    with mpmath.workdps(DIGITS):
        root = mpmath.findroot(equation, 0.7)
    assert close(result.value, root, 20)
    assert any("point of the curve there" in note for note in result.notes)
    if found is not None:
        assert result.as_dict()["value"] == found
    with mpmath.workdps(DIGITS):
        slopes = {
            "y^3 + y = x": lambda v: 1 / (3 * v**2 + 1),
            "y^5 + y = x": lambda v: 1 / (5 * v**4 + 1),
            "y*e^y = x": lambda v: 1 / ((1 + v) * mpmath.exp(v)),
            "y + e^y = x": lambda v: 1 / (1 + mpmath.exp(v)),
        }
        assert close(result.gradient_value["x"], slopes[text](root), 14)


@pytest.mark.parametrize("y_at", ["sqrt(24)", "2*sqrt(6)", "-sqrt(24)"])
def test_irrational_points_can_be_given_as_expressions(y_at: str) -> None:
    result = derive("x^2 + y^2 = 25", at={"x": 1, "y": y_at})
    sign = -1 if y_at.startswith("-") else 1
    with mpmath.workdps(30):
        assert close(result.gradient_value["x"], -sign / mpmath.sqrt(24), 14)


@pytest.mark.parametrize(
    ("text", "points"),
    [("(y - 0.6)*(y - 0.7)*(y - 3) = x", 3), ("(y - 1)*(y - 5000) = x", 2), ("(y^2 - 2)^2*(y - 1) = x", 3)],
)
def test_all_points_of_an_algebraic_curve_are_found(text: str, points: int) -> None:
    with pytest.raises(UsageError, match=f"the curve has {points} points there"):
        derive(text, at={"x": 0})


def test_a_point_far_away_is_found_and_a_search_does_not_call_its_point_the_only_one() -> None:
    assert derive("y^3 = x", at={"x": 10**12}).value == 10**4
    notes = derive("y*e^y = x", at={"x": 1}).notes
    assert any("there may be others" in note for note in notes)


def test_not_finding_a_point_does_not_deny_that_there_is_one() -> None:
    with pytest.raises(UsageError, match="no point of the curve was found there"):
        derive("y + sin(y) = x", at={"x": "100000*pi"})
