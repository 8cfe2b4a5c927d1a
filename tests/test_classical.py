"""The classical test problems of automatic differentiation: right to 20 digits, by closed forms and by differences.

The programs are those that the benchmarks measure. What they are compared with does not pass through the parser: the
function of the problem, written separately and differenced with 60 digits, and derivatives written out by hand.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import mpmath
import pytest

from backprop.derivation import Derivation, derive
from backprop.expr import LEAVES
from backprop.program import parse_program
from reference import DIGITS, close, number, values

SOURCE = Path(__file__).resolve().parent.parent / "benchmarks" / "classical.py"


def load() -> Any:
    """The module of the benchmarks, which is in no package."""
    spec = spec_from_file_location("classical", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["classical"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


classical = load()
GRADIENTS = [
    classical.rosenbrock(2),
    classical.rosenbrock(6),
    classical.speelpenning(2),
    classical.speelpenning(7),
    classical.helmholtz(1),
    classical.helmholtz(5),
    classical.gaussian_mixture(2, 1, 2),
    classical.gaussian_mixture(2, 2, 3),
    classical.gaussian_mixture(3, 2, 2),
]
JACOBIANS = [
    classical.planar_arm(2),
    classical.planar_arm(6),
    classical.revolute_arm(6),
    classical.revolute_arm(12),
    classical.bundle_adjustment(1, 2),
    classical.bundle_adjustment(2, 2),
]
PROBLEMS = [*GRADIENTS, *JACOBIANS]


def named(problems: list[Any]) -> Any:
    return pytest.mark.parametrize("problem", problems, ids=[f"{p.title}, {p.size}" for p in problems])


def at_point(problem: Any) -> dict[str, Any]:
    """The values of variables and constants, with 60 digits."""
    with mpmath.workdps(DIGITS):
        given = {name: mpmath.mpf(text) for name, text in problem.given.items()}
        return {name: number(value) for name, value in problem.point.items()} | given


def slope(function: Callable[[Mapping[str, Any]], list[Any]], at: Mapping[str, Any], name: str) -> list[Any]:
    """Central differences with a step of 10^-18: right to some 30 digits."""
    with mpmath.workdps(DIGITS):
        step = mpmath.mpf(10) ** -18
        high, low = function({**at, name: at[name] + step}), function({**at, name: at[name] - step})
        return [(a - b) / (2 * step) for a, b in zip(high, low)]


def curvature(problem: Any, at: Mapping[str, Any], x: str, y: str) -> Any:
    """The second difference with steps of 10^-12: right to some 22 digits."""
    with mpmath.workdps(DIGITS):
        step = mpmath.mpf(10) ** -12
        total = mpmath.mpf(0)
        for a, b in itertools.product((1, -1), repeat=2):
            moved = dict(at)
            moved[x] += a * step
            moved[y] += b * step
            total += a * b * problem.function(mpmath.mp, moved)[0]
        return total / (4 * step**2)


def evaluated(result: Derivation, problem: Any) -> dict[tuple[str, ...], Any]:
    """The derivatives at the point of the problem, by their place in the answer."""
    found = values(result.graph, [entry.position for entry in result.entries], problem.point)
    return dict(zip((entry.path for entry in result.entries), found))


def first_derivatives(problem: Any) -> dict[tuple[str, str], Any]:
    """(output, variable) -> value."""
    result = derive(problem.text, problem.names, of=problem.outputs, program=True)
    found = evaluated(result, problem)
    if len(problem.outputs) == 1:
        return {(problem.outputs[0], path[0]): value for path, value in found.items()}
    return {(path[0], path[1]): value for path, value in found.items()}


# -- against differences ---------------------------------------------------------------------------------------


@named(PROBLEMS)
def test_the_program_computes_the_function(problem: Any) -> None:
    equation = parse_program(problem.text, of=problem.outputs)
    found = values(equation.graph, [root for _, root in equation.outputs], problem.point)
    with mpmath.workdps(DIGITS):
        wanted = problem.function(mpmath.mp, at_point(problem))
    assert len(found) == len(wanted) == len(problem.outputs)
    for ours, theirs in zip(found, wanted):
        assert close(ours, theirs, 45)


@named(PROBLEMS)
def test_the_program_uses_every_variable_and_every_line(problem: Any) -> None:
    equation = parse_program(problem.text, of=problem.outputs)
    assert equation.notes == []
    assert sorted(equation.graph.variables([root for _, root in equation.outputs])) == sorted(problem.names)


@named(PROBLEMS)
def test_first_derivatives_are_those_of_differences(problem: Any) -> None:
    found, at = first_derivatives(problem), at_point(problem)
    assert set(found) == set(itertools.product(problem.outputs, problem.names))
    for name in problem.names:
        wanted = slope(lambda v: problem.function(mpmath.mp, v), at, name)
        for output, theirs in zip(problem.outputs, wanted):
            assert close(found[output, name], theirs, 25), (output, name)


@named(GRADIENTS)
def test_hessians_are_those_of_differences(problem: Any) -> None:
    result = derive(problem.text, problem.names, program=True, hessian=True)
    found, at = evaluated(result, problem), at_point(problem)
    assert found
    for x, y in itertools.combinations_with_replacement(problem.names, 2):
        theirs = curvature(problem, at, x, y)
        assert close(found.get((x, y), 0), theirs, 18), (x, y)
        assert (x, y) not in found or result.hessian[x][y] == result.hessian[y][x]


@named([p for p in PROBLEMS if len(p.names) <= 20])
def test_the_printed_values_are_those_of_differences(problem: Any) -> None:
    result = derive(problem.text, problem.names, problem.point, of=problem.outputs, program=True)
    data, at = result.as_dict(), at_point(problem)
    single = len(problem.outputs) == 1
    for name in problem.names:
        wanted = slope(lambda v: problem.function(mpmath.mp, v), at, name)
        for output, theirs in zip(problem.outputs, wanted):
            text = data["gradient_value"][name] if single else data["jacobian_value"][output][name]
            top, _, bottom = text.partition("/")
            with mpmath.workdps(DIGITS):
                assert close(mpmath.mpf(top) / mpmath.mpf(bottom or 1), theirs, 14), (output, name)


@named(GRADIENTS)
def test_hessians_times_a_direction_are_those_of_differences_of_the_slope(problem: Any) -> None:
    direction = {name: k % 5 - 2 for k, name in enumerate(problem.names)}
    along = {name: str(d) for name, d in direction.items()}
    result = derive(problem.text, problem.names, program=True, hessian=True, along=along)
    found, at = evaluated(result, problem), at_point(problem)
    for x in problem.names:
        with mpmath.workdps(DIGITS):
            wanted = mpmath.fsum(d * curvature(problem, at, x, y) for y, d in direction.items() if d)
        assert close(found[x,], wanted, 17), x


def test_a_wrong_derivative_would_be_noticed() -> None:
    problem = classical.helmholtz(3)
    found, at = first_derivatives(problem), at_point(problem)
    wrong = dict(at, A1_2=at["A1_2"] + mpmath.mpf(10) ** -20)
    (theirs,) = slope(lambda v: problem.function(mpmath.mp, v), wrong, "x1")
    assert not close(found["y", "x1"], theirs, 25)


# -- against closed forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 10])
def test_rosenbrocks_gradient_and_hessian_are_those_of_the_closed_form(n: int) -> None:
    """∂f/∂x_i = −400·x_i·(x_{i+1} − x_i²) − 2·(1 − x_i) + 200·(x_i − x_{i−1}²), exactly."""
    problem = classical.rosenbrock(n)
    result = derive(problem.text, problem.names, problem.point, program=True, hessian=True)
    names, x = problem.names, [problem.point[name] for name in problem.names]
    for i, name in enumerate(names):
        slope_here = curve = 0
        if i < n - 1:
            slope_here += -400 * x[i] * (x[i + 1] - x[i] ** 2) - 2 * (1 - x[i])
            curve += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
            assert result.values[name, names[i + 1]] == result.values[names[i + 1], name] == -400 * x[i]
        if i > 0:
            slope_here += 200 * (x[i] - x[i - 1] ** 2)
            curve += 200
        assert result.values["", name] == slope_here
        assert result.values[name, name] == curve
    assert len(result.entries) == 3 * n - 2


@pytest.mark.parametrize("n", [2, 3, 9])
def test_speelpennings_derivatives_are_products_of_the_other_factors(n: int) -> None:
    problem = classical.speelpenning(n)
    result = derive(problem.text, problem.names, problem.point, program=True, hessian=True)

    def product_without(*left_out: str) -> Any:
        total = 1
        for name, value in problem.point.items():
            total *= 1 if name in left_out else value
        return total

    for x in problem.names:
        assert result.values["", x] == product_without(x)
        for y in problem.names:
            wanted = 0 if x == y else product_without(x, y)
            assert result.values.get((x, y), 0) == wanted
    assert len(result.entries) == n * (n - 1)


def test_the_helmholtz_energys_gradient_is_that_of_the_closed_form() -> None:
    problem = classical.helmholtz(6)
    found, v = first_derivatives(problem), at_point(problem)
    each = range(1, 7)
    with mpmath.workdps(DIGITS):
        weighted = sum(v[f"b{i}"] * v[f"x{i}"] for i in each)
        rows = {i: sum(v[f"A{min(i, j)}_{max(i, j)}"] * v[f"x{j}"] for j in each) for i in each}
        form, moles = sum(v[f"x{i}"] * rows[i] for i in each), sum(v[f"x{i}"] for i in each)
        up, down = 1 + mpmath.sqrt(2), 1 - mpmath.sqrt(2)
        log = mpmath.log((1 + up * weighted) / (1 + down * weighted))
        inner = up / (1 + up * weighted) - down / (1 + down * weighted)
        for i in each:
            b = v[f"b{i}"]
            ideal = mpmath.log(v[f"x{i}"] / (1 - weighted)) + 1 + b * moles / (1 - weighted)
            attraction = 2 * rows[i] * log / weighted - form * b * log / weighted**2 + form * b * inner / weighted
            assert close(found["y", f"x{i}"], v["R"] * v["T"] * ideal - attraction / mpmath.sqrt(8), 40)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_the_planar_arms_jacobian_turns_what_hangs_on_the_joint(n: int) -> None:
    """A turn of joint j moves the hand at right angles to the line from the joint: (x, y) goes to (−y, x)."""
    problem = classical.planar_arm(n)
    found, v = first_derivatives(problem), at_point(problem)
    with mpmath.workdps(DIGITS):
        for j in range(1, n + 1):
            turned = [mpmath.fsum(v[f"q{k}"] for k in range(1, i + 1)) for i in range(j, n + 1)]
            right = mpmath.fsum(v[f"l{i}"] * mpmath.cos(w) for i, w in enumerate(turned, j))
            up = mpmath.fsum(v[f"l{i}"] * mpmath.sin(w) for i, w in enumerate(turned, j))
            assert close(found["X", f"q{j}"], -up, 40)
            assert close(found["Y", f"q{j}"], right, 40)


@pytest.mark.parametrize("joints", [6, 9, 12])
def test_the_revolute_arms_jacobian_is_the_geometric_one(joints: int) -> None:
    """Joint i turns the hand about the axis z of the frame before it.

    The hand then moves by z × (hand − origin of the frame), with the angular velocity z; and that is the sum of the
    rates of roll, pitch and yaw about their own axes, Rz·Ry·x, Rz·y and z.
    """
    problem = classical.revolute_arm(joints)
    found, v = first_derivatives(problem), at_point(problem)
    with mpmath.workdps(DIGITS):
        frame, origin = mpmath.eye(3), mpmath.matrix([0, 0, 0])
        axes = []
        for i in range(1, joints + 1):
            _, _, twist = classical.PUMA[(i - 1) % 6]
            axes.append((frame[:, 2], origin.copy()))
            c, s = mpmath.cos(v[f"q{i}"]), mpmath.sin(v[f"q{i}"])
            turned = frame * mpmath.matrix([[c, -s, 0], [s, c, 0], [0, 0, 1]])
            origin = origin + v.get(f"d{i}", 0) * frame[:, 2] + v.get(f"r{i}", 0) * turned[:, 0]
            tilt = [[1, 0, 0], [0, int(not twist), -twist], [0, twist, int(not twist)]]
            frame = turned * mpmath.matrix(tilt)
        pitch = mpmath.asin(-frame[2, 0])
        yaw = mpmath.atan2(frame[1, 0], frame[0, 0])
        for i, (z, start) in enumerate(axes, 1):
            arm = origin - start
            moved = [z[1] * arm[2] - z[2] * arm[1], z[2] * arm[0] - z[0] * arm[2], z[0] * arm[1] - z[1] * arm[0]]
            roll_rate = (mpmath.cos(yaw) * z[0] + mpmath.sin(yaw) * z[1]) / mpmath.cos(pitch)
            pitch_rate = -mpmath.sin(yaw) * z[0] + mpmath.cos(yaw) * z[1]
            yaw_rate = z[2] + mpmath.sin(pitch) * roll_rate
            for output, wanted in zip(problem.outputs, [*moved, roll_rate, pitch_rate, yaw_rate], strict=True):
                assert close(found[output, f"q{i}"], wanted, 35), (output, i)


def test_what_an_observation_does_not_depend_on_has_the_derivative_zero() -> None:
    problem = classical.bundle_adjustment(2, 3)
    result = derive(problem.text, problem.names, of=problem.outputs, program=True)
    filled = {
        output: {name for name, node in row.items() if node.value != 0} for output, row in result.jacobian.items()
    }
    assert len(filled["ex2_3"]) == len(filled["ey2_3"]) == 11 + 3 + 1 - 1  # the other coordinate's principal point
    assert filled["ew2_3"] == {"w2_3"}
    assert filled["ex2_3"] - filled["ey2_3"] == {"ux2"}


# -- what they cost ------------------------------------------------------------------------------------------------


def operations(result: Derivation, positions: list[int]) -> int:
    return sum(result.graph.nodes[i][0] not in LEAVES for i in result.graph.reachable(positions))


@named([*GRADIENTS, classical.rosenbrock(100), classical.speelpenning(100), classical.helmholtz(20)])
def test_a_gradient_costs_at_most_five_operations_for_one_of_the_function(problem: Any) -> None:
    result = derive(problem.text, problem.names, program=True, trace=False)
    alone = operations(result, [result.root])
    assert operations(result, [result.root, *result.derived.values()]) <= 5 * alone


@pytest.mark.parametrize("build", [classical.rosenbrock, classical.speelpenning, classical.planar_arm])
def test_the_cost_of_first_derivatives_is_linear(build: Callable[[int], Any]) -> None:
    counts = []
    for n in (50, 100, 200):
        problem = build(n)
        result = derive(problem.text, problem.names, of=problem.outputs, program=True, trace=False)
        counts.append(operations(result, [entry.position for entry in result.entries]))
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])
