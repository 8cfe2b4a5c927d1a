"""Plots: nothing is drawn where nothing is, and what is drawn is where SymPy says it is."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import sympy

from backprop.breaks import Window, name_of
from backprop.cli.common import run
from backprop.curve import Curve, draw_curve, nice, ticks
from backprop.derivation import derive
from backprop.errors import LimitError, UsageError
from backprop.field import Field, View, choose, draw, levels_of
from backprop.render import figure
from backprop.render import plot as terminal
from backprop.render.caption import Caption
from backprop.render.plain import plain
from backprop.render.samples import plot_object
from backprop.values import parse_value

PI = math.pi


def curve(text: str, low: float | None = None, high: float | None = None, **asked: object) -> Curve:
    ranges = {} if low is None else {"x": (Fraction(low), Fraction(high))}
    order = asked.pop("order", 1)
    derivation = derive(text, ["x"], order=order, trace=False)
    return draw_curve(derivation, "x", View(ranges=ranges, **asked))


def field(text: str, *points: dict[str, object], **asked: object) -> Field:
    derivation = derive(text, trace=False)
    names = derivation.graph.variables(
        [
            derivation.root,
            derivation.answer.difference,
        ][: 1 + (derivation.kind == "implicit")]
    )
    found = draw(derivation, sorted(names), View(points=points, **asked))
    assert isinstance(found, Field)
    return found


# -- where a curve breaks off ----------------------------------------------------------------------------

# The function, a window, and by hand: every place where it breaks off, with its kind, and where it has no value.
BROKEN = [
    ("1/x", -3, 3, {0: "pole"}, []),
    ("tan x", -5, 5, {-1.5 * PI: "pole", -PI / 2: "pole", PI / 2: "pole", 1.5 * PI: "pole"}, []),
    ("floor x", -2.5, 2.5, dict.fromkeys((-2, -1, 0, 1, 2), "jump"), []),
    ("ceil(2x)", -0.7, 0.7, dict.fromkeys((-0.5, 0, 0.5), "jump"), []),
    ("step(x - 1)", -3, 3, {1: "jump"}, []),
    ("sign x", -3, 3, {0: "jump"}, []),
    ("mod(x, 3)", -4, 4, dict.fromkeys((-3, 0, 3), "jump"), []),
    ("sin x / x", -7, 8, {0: "hole"}, []),
    ("(x^2 - 1)/(x - 1)", -3, 3, {1: "hole"}, []),
    ("(1 - cos x)/x^2", -3, 3, {0: "hole"}, []),
    ("sqrt x", -3, 3, {0: "edge"}, [(-3, 0)]),
    ("sqrt(x - 100)", 90, 110, {100: "edge"}, [(90, 100)]),
    ("sqrt(x^2 - 4)", -5, 5, {-2: "edge", 2: "edge"}, [(-2, 2)]),
    ("ln x", -3, 3, {0: "pole"}, [(-3, 0)]),
    ("ln(sin x)", -4, 4, {-PI: "pole", 0: "pole", PI: "pole"}, [(-PI, 0), (PI, 4)]),
    ("asin x", -2, 2, {-1: "edge", 1: "edge"}, [(-2, -1), (1, 2)]),
    ("acosh x", -1, 3, {1: "edge"}, [(-1, 1)]),
    ("x ln x", -1, 3, {0: "edge"}, [(-1, 0)]),
    ("x^x", -1, 3, {0: "edge"}, [(-1, 0)]),
    ("x^(3/2)", -1, 3, {0: "edge"}, [(-1, 0)]),
    ("atan(1/x)", -3, 3, {0: "jump"}, []),
    ("exp(1/x)", -3, 3, {0: "pole"}, []),
    ("sin(1/x)", -3, 3, {0: "wild"}, []),
    ("x sin(1/x)", -3, 3, {0: "hole"}, []),
    ("1/ln x", -1, 3, {0: "edge", 1: "pole"}, [(-1, 0)]),
    ("1/(x^2 - 2)", -3, 3, {-math.sqrt(2): "pole", math.sqrt(2): "pole"}, []),
    ("x/abs(x)", -3, 3, {0: "jump"}, []),
    ("1 if x < 1 else 2", -3, 3, {1: "jump"}, []),
    ("gamma(x)", -2.5, 3, {-2: "pole", -1: "pole", 0: "pole"}, []),
    ("atan2(sin x, cos x)", -4, 4, {-PI: "jump", PI: "jump"}, []),
    ("sqrt(-x^2)", -1, 1, {0: "point"}, [(-1, 0), (0, 1)]),
    ("1/(x - 1/3)^2", -1, 1, {1 / 3: "pole"}, []),
    ("sec x", -2, 2, {-PI / 2: "pole", PI / 2: "pole"}, []),
    ("coth x", -2, 2, {0: "pole"}, []),
]
UNBROKEN = ["x^2 sin x", "abs x", "cbrt x", "x^(2/3)", "max(x, 1 - x)", "e^(-x^2)", "x^2 if x < 1 else 2 - x",
            "sqrt(x^2)", "1/(1 + x^2)", "x^10", "sin(100x)", "abs(x)^(1/3)", "sinc x", "5 + 0x"]  # fmt: skip


@pytest.mark.parametrize(("text", "low", "high", "breaks", "missing"), BROKEN, ids=[row[0] for row in BROKEN])
def test_no_segment_crosses_a_pole_a_jump_or_the_end_of_the_domain(text, low, high, breaks, missing):
    drawn = curve(text, low, high).functions[0]
    assert [b.kind for b in drawn.breaks] == list(breaks.values())
    for found, place in zip(drawn.breaks, breaks):
        assert found.at == pytest.approx(place, abs=1e-9)
    assert drawn.unknown == []
    assert [(m.low, m.high) for m in drawn.missing] == [pytest.approx(m, abs=1e-9) for m in missing]
    for piece in drawn.pieces:
        assert not any(piece.x[0] < place - 1e-9 and place + 1e-9 < piece.x[-1] for place in breaks)
        for a, b in missing:
            assert piece.x[-1] <= a + 1e-9 or piece.x[0] >= b - 1e-9
    # and all the rest is drawn
    covered = sum(float(p.x[-1] - p.x[0]) for p in drawn.pieces)
    assert covered == pytest.approx(high - low - sum(b - a for a, b in missing), abs=(high - low) / 1000)


@pytest.mark.parametrize("text", UNBROKEN)
def test_a_continuous_function_is_one_piece(text):
    drawn = curve(text, -3, 3).functions[0]
    assert (drawn.breaks, len(drawn.pieces), drawn.missing, drawn.unknown) == ([], 1, [], [])
    assert (drawn.pieces[0].x[0], drawn.pieces[0].x[-1]) == (-3, 3)


def test_random_rational_functions_break_off_at_the_real_roots_that_sympy_finds():
    random_ = random.Random(7)
    x = sympy.Symbol("x")
    checked = 0
    for _ in range(14):
        top = " + ".join(f"{random_.randint(-4, 4)}x^{k}" for k in range(3)) + " + 1"
        factors = [f"({random_.choice((1, 2, 3))}x^2 + {random_.randint(-5, 5)}x + {random_.randint(-6, 6)})"
                   for _ in range(random_.choice((1, 2)))]  # fmt: skip
        below = "".join(factors)
        p, q = (sympy.sympify(t.replace("^", "**").replace(")(", ")*(").replace("x", "*x")
                .replace("(*", "(")) for t in (top, below))  # fmt: skip
        roots = sorted({float(r) for r in sympy.Poly(q, x).real_roots() if -6 < r < 6})
        poles = [r for r in roots if abs(float(p.subs(x, r))) > 1e-9]
        if len(poles) < len(roots) or any(b - a < 1e-3 for a, b in pairwise(roots)):
            continue
        drawn = curve(f"({top})/({below})", -6, 6).functions[0]
        assert [b.at for b in drawn.breaks] == pytest.approx(poles, abs=1e-8), (top, below)
        assert {b.kind for b in drawn.breaks} <= {"pole"}
        assert len(drawn.pieces) == len(poles) + 1
        checked += 1
    assert checked >= 8


def test_the_places_have_their_names():
    assert [b.where for b in curve("tan x", -5, 5).functions[0].breaks] == ["-3*pi/2", "-pi/2", "pi/2", "3*pi/2"]
    assert [b.where for b in curve("1/(3x - 1)", -1, 1).functions[0].breaks] == ["1/3"]
    (found,) = curve("1/(x^2 - 2)", 0, 2).functions[0].breaks
    assert (found.where, found.exact) == ("1.41421", False)
    assert name_of(Fraction(1, 10**9), Fraction(1001, 10**12))[2] is False  # a very small number is not 0
    (missing,) = curve("sqrt x", -2, 2).functions[0].missing
    assert (missing.after, missing.before) == (None, "0")


def test_a_derivative_has_no_value_at_a_kink_and_one_where_only_its_formula_fails():
    assert [(b.at, b.kind) for b in curve("abs x", -1, 1).functions[1].breaks] == [(0, "jump")]
    assert math.isnan(curve("abs x", -1, 1).functions[1].breaks[0].value)
    # f' of x·|x| is 2|x|; of cbrt(x)^3, which is x, the formula has no value at 0.
    assert curve("x abs(x)", -1, 1).functions[1].breaks == []
    assert curve("cbrt(x)^3", -1, 1).functions[1].breaks == []
    assert [b.kind for b in curve("floor x", -0.5, 1.5).functions[1].breaks] == ["hole", "hole"]
    # 1/x has values for x < 0, the derivative of ln x has not
    assert [(m.low, m.high) for m in curve("ln x", -1, 1).functions[1].missing] == [pytest.approx((-1, 0), abs=1e-9)]


def test_a_jump_says_which_end_belongs_to_the_curve():
    ends = [(x, y, closed) for x, y, closed in terminal.dots(curve("floor x", 0.5, 1.5).functions[0])]
    assert sorted(ends) == [(1.0, 0.0, False), (1.0, 1.0, True)]
    assert list(terminal.dots(curve("sin x / x", -1, 1).functions[0])) == [(0.0, 1.0, False)]


def test_many_breaks_are_left_open_and_said():
    drawn = curve("1/sin(1/x)", -1, 1).functions[0]
    assert drawn.unknown
    for piece in drawn.pieces:
        for k in range(1, 40):
            for place in (1 / (k * PI), -1 / (k * PI)):
                assert not piece.x[0] < place < piece.x[-1]


def test_a_window_that_trusts_its_samples_would_be_caught():
    """The planted fault: if every interval were taken for continuous, tan x would be one piece."""
    derivation = derive("tan x", trace=False)
    window = Window.__new__(Window)
    window._told = lambda low, high: (True,)  # type: ignore[method-assign]
    Window.__init__(window, derivation.graph, [derivation.root], "x", Fraction(-5), Fraction(5))
    assert len(window.courses[0].stretches) == 1  # whereas the true one has five
    assert len(Window(derivation.graph, [derivation.root], "x", Fraction(-5), Fraction(5)).courses[0].stretches) == 5


# -- samples -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x^2 sin x", "tan x", "e^(-x^2)", "sqrt x", "abs x", "1/(x - 5)", "ln x", "gamma(x)"])
def test_every_sample_is_the_value_of_the_function_and_of_its_derivative(text):
    x = sympy.Symbol("x", real=True)
    expected = {"x^2 sin x": x**2 * sympy.sin(x), "tan x": sympy.tan(x), "e^(-x^2)": sympy.exp(-(x**2)),
                "sqrt x": sympy.sqrt(x), "abs x": sympy.Abs(x), "1/(x - 5)": 1 / (x - 5), "ln x": sympy.log(x),
                "gamma(x)": sympy.gamma(x)}[text]  # fmt: skip
    found = curve(text)
    for drawn, formula in zip(found.functions, (expected, sympy.diff(expected, x))):
        for piece in drawn.pieces:
            inner = slice(1, -1)  # the ends may be limits
            for a, y in list(zip(piece.x[inner].tolist(), piece.y[inner].tolist()))[::60]:
                value = complex(formula.subs(x, sympy.Float(a, 40)).evalf(30))
                assert abs(value.imag) < 1e-12
                assert y == pytest.approx(value.real, rel=1e-7, abs=1e-9)


def test_bends_are_smooth_on_the_page():
    for text in ("sin(100x)", "sqrt x", "abs(x - 1/3)", "x^2 sin x", "1/x"):
        found = curve(text, 0 if text == "sqrt x" else -5, 5)
        drawn = found.functions[0]
        across, up = 1000 / 10, 600 / (drawn.range[1] - drawn.range[0])
        derivation = derive(text, trace=False)
        for piece in drawn.pieces:
            middle = (piece.x[:-1] + piece.x[1:]) / 2
            inside = (np.minimum(piece.y[:-1], piece.y[1:]) > drawn.range[0]) & (
                np.maximum(piece.y[:-1], piece.y[1:]) < drawn.range[1]
            )
            from backprop.arrays import evaluate_arrays

            real = evaluate_arrays(derivation.graph, derivation.graph.reachable([derivation.root]), {"x": middle})[
                derivation.root
            ]
            off = np.abs(real - (piece.y[:-1] + piece.y[1:]) / 2) * up
            flat = np.diff(piece.x) * across > 0.05  # elsewhere it is as steep as the page can show
            assert float(np.max(off[inside & flat], initial=0.0)) < 1.5, text


def test_rounding_is_told_from_the_function():
    """Near 0, (1 - cos x)/x^2 in double precision is noise between 0 and 1: it is computed in balls."""
    drawn = curve("(1 - cos x)/x^2", -1e-7, 1e-7).functions[0]
    for piece in drawn.pieces:
        assert np.max(np.abs(piece.y - 0.5)) < 1e-6


REMOVABLE = ["(x^2 - 1)/(x - 1)", "(1 - cos x)/x^2", "(x^3 - 8)/(x - 2)", "(x - 1)/(sqrt(x) - 1)", "ln(1 - x^2)/x",
             "(exp(x) - 1 - x)/x^2", "(sin x - x)/x^3"]  # fmt: skip


@pytest.mark.parametrize("text", REMOVABLE)
def test_next_to_a_missing_point_no_rounding_is_drawn(text):
    """Every sample next to it lies where mpmath, with 120 digits, has the function and its derivative."""
    x = sympy.Symbol("x", real=True)
    formula = sympy.sympify(text.replace("^", "**").replace("s x", "s(x)").replace("n x", "n(x)"),
                            locals={"x": x, "ln": sympy.log})  # fmt: skip
    found = curve(text)
    place = next(b.at for b in found.functions[0].breaks if b.kind == "hole")
    for drawn, right in zip(found.functions, (formula, sympy.diff(formula, x))):
        exactly = sympy.lambdify(x, right, "mpmath")
        height = drawn.range[1] - drawn.range[0]
        close = [(a, b) for p in drawn.pieces for a, b in zip(p.x.tolist(), p.y.tolist()) if 0 < abs(a - place) < 0.1]
        assert len(close) > 50
        with mpmath.workdps(120):
            assert max(abs(b - float(exactly(mpmath.mpf(a)))) for a, b in close) < 1e-6 * height
        assert not drawn.cut
    assert "beyond the picture" not in " ".join(Caption(found).remarks())


def test_places_where_only_the_formula_of_the_derivative_fails_are_exact_too():
    """acosh(1 + x^4) is about sqrt(2) x^2 near 0: there its slope, 4x^3/sqrt((1 + x^4)^2 - 1), is 0/0."""
    drawn = curve("acosh(1 + x^4)", -1, 1).functions[1]
    for piece in drawn.pieces:
        close = (np.abs(piece.x) < 0.01) & (piece.x != 0)
        assert piece.y[close] == pytest.approx(2 * math.sqrt(2) * piece.x[close], rel=1e-6)


# -- tangents ------------------------------------------------------------------------------------------------

TOUCHED = [("x^2 sin x", ["1", "2", "pi"]), ("x^3 - 3x", ["0", "2", "-1"]), ("ln x", ["1", "3", "e"]),
           ("tan x", ["pi/4"]), ("sqrt x", ["1/4"]), ("e^(-x^2)", ["1/2"]), ("1/x", ["-2"])]  # fmt: skip


@pytest.mark.parametrize(("text", "places"), TOUCHED)
def test_a_tangent_touches_with_the_slope_that_sympy_has(text, places):
    x = sympy.Symbol("x", real=True)
    formula = sympy.sympify(text.replace("^", "**").replace("x**2 sin x", "x**2*sin(x)").replace("3x", "3*x")
                            .replace("ln x", "log(x)").replace("tan x", "tan(x)").replace("sqrt x", "sqrt(x)")
                            .replace("e**", "exp(1)**"), locals={"x": x})  # fmt: skip
    for size in ((1000.0, 600.0), (146.0, 44.0)):
        found = curve(text, points=[{"x": parse_value(p)} for p in places], size=size)
        lengths = []
        for one, place in zip(found.tangents, places):
            at = sympy.sympify(place.replace("e", "E"))
            value, slope = (complex(f.subs(x, at).evalf(30)).real for f in (formula, sympy.diff(formula, x)))
            assert one.y == pytest.approx(value, rel=1e-12, abs=1e-12)
            assert one.angle == pytest.approx(slope, rel=1e-12, abs=1e-12)
            x0, y0, x1, y1 = one.segment
            for a, b in ((x0, y0), (x1, y1)):  # the ends lie on the line, which goes through the point
                assert b - value == pytest.approx(slope * (a - float(at)), rel=1e-9, abs=1e-9)
            assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((float(at), value), rel=1e-9, abs=1e-9)
            drawn = found.functions[0].range
            lengths.append(math.hypot((x1 - x0) / (found.range[1] - found.range[0]) * size[0],
                                      (y1 - y0) / (drawn[1] - drawn[0]) * size[1]))  # fmt: skip
            assert found.range[0] < one.x < found.range[1]
            assert drawn[0] < one.y < drawn[1]
        assert lengths == pytest.approx([lengths[0]] * len(lengths))


def test_the_slope_is_the_height_of_the_derivative():
    found = curve("x^2 sin x", points=[{"x": 1}])
    drawn = found.functions[1]
    height = np.interp(1.0, drawn.pieces[0].x, drawn.pieces[0].y)
    assert height == pytest.approx(found.tangents[0].angle, abs=1e-3)


def test_where_there_is_no_tangent_the_reason_is_said():
    for text, place, word in (("abs x", 0, "not differentiable"), ("1/x", 0, "no real value"), ("cbrt x", 0, "")):
        (one,) = curve(text, points=[{"x": place}]).tangents
        assert (one.segment, one.equation) == (None, None)
        assert word in one.why
        assert one.why


def test_equal_scales_are_equal():
    for text in ("x^3 - 3x", "ln x", "2x + 1"):
        found = curve(text, equal=True, size=(800.0, 400.0))
        low, high = found.functions[0].range
        assert found.ratio == pytest.approx(1)
        assert (found.range[1] - found.range[0]) / (high - low) == pytest.approx(2)
    given = curve("x^2", -1, 1, equal=True, size=(800.0, 400.0))
    assert given.ratio == pytest.approx(1)
    assert curve("x^2", -1, 1, size=(800.0, 400.0)).ratio != pytest.approx(1)


def test_steep_is_the_steepest_quarter():
    steep = curve("x^2", -2, 2).steep
    assert steep.threshold == pytest.approx(3, abs=0.02)
    assert [pytest.approx(span, abs=0.02) for span in steep.spans] == [(-2, -1.5), (1.5, 2)]
    assert curve("2x + 1").steep.spans == []
    assert curve("abs x").steep.spans == []


def test_of_a_step_only_the_steep_part_is_shaded():
    """Three quarters of the window and more have slopes below 1e-10: a quarter of it would say nothing."""
    found = curve("tanh(20x)", -5, 5)
    (span,) = found.steep.spans
    assert found.steep.threshold == pytest.approx(0.2, rel=0.05)
    edge = math.acosh(10) / 20  # 20/cosh(20x)^2 = 0.2
    assert span == pytest.approx((-edge, edge), abs=0.02)
    assert "shaded: where it is steep, |f′| > 0.2" in Caption(found).remarks()


# -- windows -------------------------------------------------------------------------------------------------

# What must be seen, and how wide the window may be at most.
WINDOWS = [
    ("x^2 sin x", [0, 2.29], 20), ("tan x", [0, PI / 2], 25), ("1/x", [0, 1], 12), ("ln x", [0, 1], 8),
    ("sqrt(x - 100)", [100, 103], 12), ("1/(x - 5)", [5], 15), ("e^x", [0, 1], 12), ("sin(100x)", [0, PI / 100], 0.6),
    ("x^10", [-1, 1], 5), ("(x - 50)^2", [50], 20), ("x^2 - 1e6", [-1000, 1000], 5000), ("x(x-1)(x-1000)", [0, 1], 10),
    ("e^(-x^2)", [-1.5, 1.5], 8), ("sin(1/x)", [-0.6, 0.6], 3), ("e^(-1000x^2)", [-0.04, 0.04], 0.5),
    ("ln(x - 50)", [50, 51], 12), ("sin(10000x)", [0, PI / 10000], 0.006), ("1000x", [0], 12),
    ("sqrt(1 - x^2)", [-1, 1], 3), ("x^3 - 3x", [-1, 1, math.sqrt(3)], 7), ("5 + 0x", [0], 12),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seen", "widest"), WINDOWS, ids=[row[0] for row in WINDOWS])
def test_the_default_window_shows_what_there_is_to_see(text, seen, widest):
    found = curve(text)
    low, high = found.range
    assert all(low <= place <= high for place in seen)
    assert high - low <= widest
    below, above = found.functions[0].range
    assert below < above
    assert len(found.functions[0].pieces) >= 1


def test_a_pole_does_not_flatten_the_rest():
    for text, low, high in (("1/x", -5, 5), ("tan x", -5, 5), ("1/(x^2 - 1)", -3, 3), ("ln x", 0, 5)):
        below, above = curve(text, low, high).functions[0].range
        assert -12 < below < 0 < above < 12, text
    assert curve("x^3", -3, 3).functions[0].range[1] > 27  # where there is none, nothing is cut off


PEAKS = [("tanh(20x)", 20), ("1/(1 + exp(-20x))", 5), ("tanh(2000x)", 1900), ("atan(50x)", 50), ("e^x", math.exp(5)),
         ("x^10", 10 * 1.3**9)]  # fmt: skip


@pytest.mark.parametrize(("text", "peak"), PEAKS)
def test_a_finite_peak_of_the_derivative_is_in_the_picture(text, peak):
    found = curve(text)
    low, high = found.functions[1].range
    assert low < 0 < peak < high < 1.3 * peak
    assert not any(drawn.cut for drawn in found.functions)


def test_a_narrow_pole_is_seen_though_most_values_are_alike():
    """(2 + ln x)/(2 sqrt x) has 0 at e^-2, falls below it, and lies between 0.8 and 1 in most of the window."""
    low, high = curve("sqrt(x) ln x").functions[1].range
    assert low < -0.3
    assert 1 < high < 1.3
    low, high = curve("-sqrt(x) ln x").functions[1].range
    assert -1.3 < low < -1
    assert high > 0.3
    low, high = curve("100 - 1/x^2", -4, 4).functions[0].range
    assert low > 50  # here the pole is seen without its zeros


def test_tangent_points_lie_in_the_window():
    found = curve("sin x", points=[{"x": 100}, {"x": 101}])
    assert found.range[0] < 100 < 101 < found.range[1]
    assert found.range[1] - found.range[0] < 60


def test_ticks_are_round():
    assert ticks(-7, 7, 8) == [-6, -4, -2, 0, 2, 4, 6]
    assert ticks(0, 0.001, 4) == [0, 0.0005, 0.001]
    assert (nice(0.011), nice(200)) == (0.02, 200)


# -- two variables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["(1-x)^2 + 100(y-x^2)^2", "x^2 - y^2", "sin(x) cos(y)", "e^(-x^2-y^2)", "x y", "1/(x y)"]
)
def test_points_of_level_lines_have_the_level(text):
    x, y = sympy.symbols("x y", real=True)
    formula = sympy.sympify(text.replace("^", "**").replace("100(", "100*(").replace(") cos", ")*cos")
                            .replace("x y", "x*y").replace("e**", "exp(1)**"), locals={"x": x, "y": y})  # fmt: skip
    value = sympy.lambdify((x, y), formula, "math")
    found = field(text)
    assert len(found.levels) >= 4
    spread = found.shown[1] - found.shown[0]
    lines = 0
    for level in found.levels:
        for x0, y0, x1, y1 in level.segments[::7].tolist():
            for a, b in ((x0, y0), (x1, y1)):
                assert value(a, b) == pytest.approx(level.value, abs=1e-5 * spread)
            lines += 1
    assert lines > 100


def test_arrows_are_the_gradient_and_point_uphill():
    x, y = sympy.symbols("x y", real=True)
    formula = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    slopes = [sympy.lambdify((x, y), sympy.diff(formula, v), "math") for v in (x, y)]
    value = sympy.lambdify((x, y), formula, "math")
    found = field("(1-x)^2 + 100(y-x^2)^2")
    assert len(found.arrows) > 80
    for arrow in found.arrows:
        gx, gy = (s(arrow.x, arrow.y) for s in slopes)
        size = math.hypot(gx, gy)
        assert (arrow.dx, arrow.dy) == pytest.approx((gx / size, gy / size), abs=1e-9)
        assert value(arrow.x + 1e-6 * arrow.dx, arrow.y + 1e-6 * arrow.dy) > value(arrow.x, arrow.y)


def test_a_marked_point_has_its_gradient_and_the_tangent_of_its_level_line():
    found = field("x^2 y + y^3", {"x": 1, "y": Fraction(1, 2)})
    (mark,) = found.marks
    assert (mark.value, mark.gradient) == (Fraction(5, 8), {"x": 1, "y": Fraction(7, 4)})
    x0, y0, x1, y1 = mark.segment
    assert (x1 - x0) * 1 + (y1 - y0) * 1.75 == pytest.approx(0, abs=1e-9)
    assert found.equal
    assert (x1 - x0) * mark.arrow.dx + (y1 - y0) * mark.arrow.dy == pytest.approx(0, abs=1e-9)
    (flat,) = field("x^2 + y^2", {"x": 0, "y": 0}).marks
    assert (flat.arrow, flat.segment, flat.equation) == (None, None, None)
    assert "gradient is 0" in flat.why


def test_a_relation_is_drawn_where_it_holds_with_its_tangents():
    found = field("x^2 + y^2 = 25", {"x": 3, "y": 4}, {"x": 5, "y": 0}, {"x": -4})
    (level,) = found.levels
    ends = level.segments.reshape(-1, 2)
    assert np.max(np.abs(np.hypot(ends[:, 0], ends[:, 1]) - 5)) < 1e-7
    angles = np.sort(np.arctan2(ends[:, 1], ends[:, 0]))
    assert np.max(np.diff(angles)) < 0.1  # all around
    first, vertical, *both = found.tangents
    assert (first.slope, first.value) == (Fraction(-3, 4), 4)
    assert (vertical.slope, vertical.segment[0], vertical.segment[2]) == (None, 5, 5)
    assert [(t.y, t.slope) for t in both] == [(-3, Fraction(-4, 3)), (3, Fraction(4, 3))]
    assert found.equal
    with pytest.raises(UsageError, match="not on the curve"):
        field("x^2 + y^2 = 25", {"x": 3, "y": 5})
    with pytest.raises(UsageError, match="no point"):
        field("x^2 + y^2 = 25", {"x": 30})


def test_a_change_of_sign_at_a_pole_is_no_part_of_a_curve():
    ends = field("tan x = y", ranges={"x": (-4, 4), "y": (-3, 3)}).levels[0].segments.reshape(-1, 2)
    assert np.max(np.abs(ends[:, 1] - np.tan(ends[:, 0]))) < 1e-3
    zero = [level for level in field("1/(x y)").levels if level.value == 0]
    assert all(len(level.segments) == 0 for level in zero)


def test_outside_of_its_domain_a_function_of_two_variables_has_no_value():
    found = field("ln(x - y)", ranges={"x": (-2, 2), "y": (-2, 2)})
    across, up = np.meshgrid(found.across, found.up)
    assert np.array_equal(np.isnan(found.values), across <= up)
    assert found.missing == pytest.approx(0.5, abs=0.01)
    assert all(arrow.x > arrow.y for arrow in found.arrows)


def test_levels_are_round_and_grow_out_of_a_valley():
    assert levels_of(np.linspace(-1, 1, 1001))[1] == pytest.approx([k / 5 for k in range(-4, 5)])
    valley = np.linspace(0, 1, 2001) ** 6 * 1000
    assert levels_of(valley)[1] == [10, 30, 100, 300]


# -- which variables -----------------------------------------------------------------------------------------


def chosen(text: str, *given: dict[str, str], wrt: tuple[str, ...] = ()):
    return choose(derive(text, list(wrt) or None, trace=False), given, wrt)


def test_what_has_no_value_is_plotted():
    assert chosen("x^2") == (["x"], {}, [])
    assert chosen("x^2", {"x": "1"}, {"x": "1"}, {"x": "2"}) == (["x"], {}, [{"x": 1}, {"x": 2}])
    assert chosen("a x^2", {"a": "2"}) == (["x"], {"a": "2"}, [])
    assert chosen("a x^2", {"a": "2"}, {"x": "1"}) == (["x"], {"a": "2"}, [{"x": 1}])
    assert chosen("x^2 y", {"x": "1", "y": "2"}) == (["x", "y"], {}, [{"x": 1, "y": 2}])
    assert chosen("x y z", {"z": "3"}) == (["x", "y"], {"z": "3"}, [])
    assert chosen("x y z", {"x": "1", "y": "2", "z": "3"}, wrt=("x",)) == (["x"], {"y": "2", "z": "3"}, [{"x": 1}])
    assert chosen("f(x) = a x^2", {"a": "2"}) == (["x"], {"a": "2"}, [])
    assert chosen("x^2 + y^2 = 25", {"x": "3"}) == (["x", "y"], {}, [{"x": 3}])


def test_x_is_horizontal_and_y_vertical_in_whatever_order_they_occur():
    assert chosen("atan2(y, x)") == (["x", "y"], {}, [])
    assert chosen("y^2 + x^2 = 25", {"x": "3"}) == (["x", "y"], {}, [{"x": 3}])
    assert chosen("y x^2 a", {"a": "2"})[0] == ["x", "y"]
    assert chosen("atan2(y, x)", wrt=("y", "x"))[0] == ["y", "x"]
    assert chosen("v u^2")[0] == ["v", "u"]


def test_too_many_variables_or_half_a_point_are_an_error():
    assert chosen("x y", {"x": "1", "y": "2"}, {"x": "2"}) == (["x"], {"y": "2"}, [{"x": 1}, {"x": 2}])
    for text, given, match in (
        ("x y z", [], "no value for x, y, z"),
        ("a x^2 + b", [{"a": "1", "b": "2"}, {"a": "2"}], "for each of the two variables"),
        ("x y z", [{"x": "1", "y": "1", "z": "1"}], "no value for x, y, z"),
        ("x^2 + y^2 + z^2 = 9", [], "no value"),
    ):
        with pytest.raises(UsageError, match=match):
            chosen(text, *given)


def test_huge_expressions_are_refused():
    text = " + ".join(f"sin({k}x)" for k in range(1, 900))
    with pytest.raises(LimitError, match="a plot takes"):
        curve(text)


# -- the terminal ----------------------------------------------------------------------------------------------


def page(found: Curve | Field, **asked: object) -> list[str]:
    return [plain(line) for line in terminal.render(found, **asked)]


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("text", ["x^2 sin x", "tan x", "floor x", "sqrt x", "5 + 0x", "1e9 x", "x^2 - y^2", "x y = 1"])
def test_a_plot_fits_into_its_columns(text, width):
    derivation = derive(text, trace=False)
    names = ["x", "y"] if "y" in text else ["x"]
    size = (terminal.field_size if "y" in text else terminal.page_size)(width, 22)
    found = draw(derivation, names, View(size=size))
    for ascii in (False, True):
        lines = page(found, width=width, ascii=ascii)
        assert max(map(len, lines)) <= width
        assert "\x1b" not in "".join(lines)
        if ascii:
            assert "".join(lines).isascii()


def test_the_dots_of_the_terminal_lie_on_the_curve():
    found = curve("x^2", -2, 2, size=terminal.page_size(60, 22))
    screen = terminal.Screen(50, 12, found.range, (0.0, 4.0), terminal.PRETTY)
    layer = screen.layer("name")
    for piece in found.functions[0].pieces:
        layer.piece(piece)
    dots = 0
    for row, line in enumerate(screen.lines()):
        for column, sign in enumerate(plain(line)):
            if ord(sign) <= 0x2800:
                continue
            left = -2 + 4 * column / 50
            heights = [(left + 4 / 50 * k / 8) ** 2 for k in range(-1, 10)]
            top, bottom = 4 - 4 * row / 12, 4 - 4 * (row + 1) / 12
            assert min(heights) <= top + 0.1
            assert max(heights) >= bottom - 0.1
            dots += 1
    assert dots > 50


def test_nothing_is_drawn_in_the_columns_of_a_gap():
    found = curve("sqrt(x^2 - 4)", -5, 5, size=terminal.page_size(80, 22))
    lines = page(found)
    start = next(k for k, line in enumerate(lines) if line.strip() == "f") + 1
    strip = next(line for line in lines if "╱" in line)
    inside = [k for k, sign in enumerate(strip) if sign == "╱"][2:-2]
    rows = lines[start : lines.index(strip)]
    for row in rows:
        assert not any(0x2800 < ord(row[k]) < 0x2900 for k in inside if k < len(row))


def test_the_caption_says_scale_shade_asymptotes_and_gaps():
    said = "\n".join(page(curve("ln(x) + 1/(x - 3)", -1, 5, points=[{"x": 1}])))
    for words in ("a unit of x is drawn", "shaded: the steepest quarter, |f′| >", "vertical asymptotes at x = 0 and 3",
                  "f has no real value for x < 0", "x = 1", "y = 3/4·x − 5/4"):  # fmt: skip
        assert words in said
    assert "equal scales" in "\n".join(page(curve("sqrt x", equal=True)))
    assert "missing point at x = 0" in "\n".join(page(curve("sin x / x")))
    assert "−π/2" in "\n".join(page(curve("tan x", -2, 2)))
    assert "-pi/2" in "\n".join(page(curve("tan x", -2, 2), ascii=True))


def test_of_a_function_without_values_only_that_is_said():
    assert Caption(curve("sqrt(-1 - x^2)")).remarks() == ["f has no real value anywhere in this window"]
    assert "single point at x = 0" in Caption(curve("sqrt(-x^2)", -1, 1)).remarks()


def test_arrows_on_the_terminal_point_uphill():
    derivation = derive("x + y", trace=False)
    found = draw(derivation, ["x", "y"], View(size=terminal.field_size(80, 22)))
    rows = "".join(page(found))
    assert "↗" in rows
    assert not set(rows) & set("↑→↓←↖↘↙")


# -- pictures ------------------------------------------------------------------------------------------------


def test_an_svg_is_accessible_closed_in_itself_and_always_the_same():
    pytest.importorskip("matplotlib")
    pictures = [figure.render(curve("x^2 sin x", points=[{"x": 1}], size=figure.page_size()), "svg") for _ in range(2)]
    assert pictures[0] == pictures[1]
    root = ElementTree.fromstring(pictures[0])
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert root.get("role") == "img"
    assert root[0].tag == f"{space}title"
    assert root[0].text == "Plot of f(x) = x²·sin(x); f′(x) = 2·(sin(x)·x) + x²·cos(x)"
    assert root[1].tag == f"{space}desc"
    assert not root.findall(f".//{space}script")
    assert b"DOCTYPE" not in pictures[0]
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert links
    assert all(link.startswith("#") for link in links)


def test_a_png_has_its_size():
    pytest.importorskip("matplotlib")
    data = figure.render(field("x^2 - y^2", size=figure.field_size()), "png")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == int(figure.WIDTH * figure.DPI)


def test_dollar_and_backslash_are_signs_like_others():
    """The language has no such names; what comes from elsewhere is not read as mathematics either."""
    pytest.importorskip("matplotlib")
    found = curve("x^2", -1, 1, size=figure.page_size())
    found.derivation.output_name = "a$\\frac{1}{<b>}$\u202e\x1b名"
    root = ElementTree.fromstring(figure.render(found, "svg"))
    assert root[0].text.startswith("Plot of a$\\frac{1}{<b>}$U+202EU+001B名(x)")
    text = "\n".join(page(found))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x1b" not in json.dumps(plot_object(found), ensure_ascii=False)


# -- the command -----------------------------------------------------------------------------------------------


def plot(*arguments: str, env: dict[str, str] | None = None, text: bool = True) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONUTF8": "1", **(env or {})}
    command = [sys.executable, "-m", "backprop", "plot", *arguments]
    return subprocess.run(command, capture_output=True, text=text, encoding="utf-8" if text else None,
                          env=environment, stdin=subprocess.DEVNULL, check=False)  # fmt: skip


FAST = ("--no-verify", "--no-simplify")


def test_the_command_plots_in_a_pipe_without_escape_codes(capsys):
    assert run(["plot", "x^2 sin x", "--at", "x=1", "--at", "x=2", *FAST]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "x = 1  0.841471  2.22324  y = 2.22324·x − 1.38177" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_has_the_samples(capsys):
    assert run(["plot", "1/x", "--range", "x=-2..2", "--at", "x=1", "--format", "json", *FAST]) == 0
    data = json.loads(capsys.readouterr().out)
    first, second = data["functions"]
    assert (first["name"], second["name"], data["ranges"]) == ("f", "f'", {"x": [-2, 2]})
    assert [(b["where"], b["kind"], b["left"], b["right"]) for b in first["breaks"]] == [("0", "pole", "-inf", "inf")]
    for piece in first["pieces"]:
        assert all(y == pytest.approx(1 / x) for x, y in zip(piece["x"], piece["y"]))
    assert data["tangents"][0]["tangent"] == "-x + 2"
    assert run(["plot", "x y = 4", "--at", "x=2", "--format", "json", *FAST]) == 0
    assert json.loads(capsys.readouterr().out)["tangents"][0]["slope"] == "-1"


def test_a_picture_goes_to_a_file_by_its_name(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    for name, start in (("a.svg", b"<?xml"), ("b.png", b"\x89PNG")):
        assert run(["plot", "a x^2", "--at", "a=2", "-o", str(tmp_path / name), *FAST]) == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("arguments", "message"), [
    (["x^2", "x^3"], "one equation"), (["x y z"], "no value for x, y, z"), (["x^2", "--range", "x=5..3"], "larger one"),
    (["x^2", "--range", "q=1..2"], "q is not in the plot"), (["x^2", "--range", "x=1"], "no range"),
    (["x^2", "--at", "x=1/0"], "no real value"), (["[x, x^2]"], "one function"), (["x^"], "ends after"),
    (["x^2", "--height", "2"], "height"), (["x^2", "--format", "json", "--open"], "browser"),
    (["x^2", "--wrt", "x,y,z"], "one variable or two"), (["x^2 + y^2 = 25", "--at", "x=3,y=5"], "not on the curve"),
])  # fmt: skip
def test_usage_errors_have_a_remedy(arguments, message, capsys):
    assert run(["plot", *arguments, *FAST]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) >= 2


def test_a_parameter_a_program_and_the_output_of_several(capsys):
    assert run(["plot", "a = pi/2; y = a x^2", "--at", "x=1", *FAST]) == 0
    assert "a = π/2" in capsys.readouterr().out
    assert run(["plot", "u = x y; v = x + y", "--of", "u", *FAST]) == 0
    assert "u(x, y) = x·y" in capsys.readouterr().out


def test_the_derivative_is_verified(capsys):
    assert run(["plot", "x^2 sin x", "--range", "x=-2..2"]) == 0
    out = capsys.readouterr().out
    assert "✓ proved equal to sympy.diff" in out
    assert "f′(x) = 2·x·sin(x) + x²·cos(x)" in out


def test_pictures_need_no_home_and_leave_nothing_behind(tmp_path):
    pytest.importorskip("matplotlib")
    env = {"HOME": "/nonexistent", "TMPDIR": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    done = plot("x^2", "--format", "svg", *FAST, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "<title>" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_remedy_is_said(tmp_path):
    package = tmp_path / "matplotlib"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('planted')\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = plot("x^2", "--format", "svg", *FAST, env={"PYTHONPATH": path})
    assert done.returncode == 2
    assert 'pip install "backprop[plot]"' in done.stderr
    assert done.stdout == ""


def test_the_terminal_does_not_load_matplotlib():
    code = (
        "import sys; from backprop.cli.common import run; "
        "run(['plot', 'x^2', '--no-verify', '--no-simplify']); "
        "print([n for n in ('matplotlib', 'sympy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8",
                          env={**os.environ, "PYTHONUTF8": "1"}, check=False)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
