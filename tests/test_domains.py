"""Domains are found from the graph: far out, on small intervals, in every cell; and compared."""

from __future__ import annotations

from fractions import Fraction

import pytest

from backprop.domains import Domain, Line, box_around, compare_domains, simple_between
from backprop.equivalence import decide, has_common_domain
from backprop.evaluate import evaluate
from backprop.expr import Graph
from backprop.parser import parse_equation

FOUND = [
    ("sqrt(x - 1000)", lambda x: x > 1000),
    ("sqrt(x - 100)*sqrt(101 - x)", lambda x: 100 < x < 101),
    ("sqrt(x - 1000)*sqrt(1000.001 - x)", lambda x: 1000 < x < Fraction("1000.001")),
    ("asin(x - 50)", lambda x: 49 <= x <= 51),
    ("acos(1000x - 1)", lambda x: 0 <= x <= Fraction(1, 500)),
    ("log(log(log(x)))", lambda x: x > Fraction("2.7")),
    ("sqrt(x - 10^15)", lambda x: x > 10**15),
    ("sqrt(1 - (x + 77)^2)", lambda x: -78 <= x <= -76),
    ("sqrt(-5928 - 154x - x^2)", lambda x: -78 <= x <= -76),
    ("log(x - 3) + log(3.001 - x)", lambda x: 3 < x < Fraction("3.001")),
    ("(x if x > 5 else sqrt(x - 20))", lambda x: x > 5),
    ("gamma(x) + x^x", lambda x: x > 0),
]
EMPTY = ["sqrt(-1 - x^2)", "sqrt(x)*sqrt(-x)", "log(x) + log(-x)", "asin(x^2 + 2)", "1/(x - x)", "acosh(cos(x) - 1)"]


def graph_of(*texts):
    graph = Graph()
    return graph, [parse_equation(text, graph=graph).root for text in texts]


@pytest.mark.parametrize(("text", "inside"), FOUND)
def test_points_are_found_wherever_the_domain_is(text, inside):
    graph, roots = graph_of(text)
    points = list(Domain(graph, roots).points())
    # The middle of a box that nothing is known of may lie outside; where something is known, all lie inside.
    defined = [p for p in points if evaluate(graph, graph.reachable(roots), p, precision=200)[roots[0]] is not None]
    assert defined
    assert all(inside(point["x"]) for point in defined)


@pytest.mark.parametrize("text", EMPTY)
def test_nothing_is_found_where_there_is_no_domain(text):
    graph, roots = graph_of(text)
    assert not has_common_domain(graph, roots)
    assert decide(graph, roots[0], roots[0], thorough=True).verdict == "undecided"


def test_several_variables_each_with_an_interval_of_its_own():
    graph, roots = graph_of("sqrt(x-1000)*sqrt(1001-x) + log(y-5000)*sqrt(5001-y)")
    domain = Domain(graph, roots)
    point = next(p for p in domain.points() if domain.status(box_around(p, Fraction(1, 2**50)))[0] == (True,))
    assert 1000 < point["x"] < 1001
    assert 5000 < point["y"] < 5001


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("abs(x - 1000)", 2),
        ("max(x, 500)", 2),
        ("1/(x^2 - 2)", 3),
        ("atan(1/(1000 - x))", 2),
        ("x if x > 500 else -x", 2),
    ],
)
def test_there_is_a_point_in_every_cell(text, cells):
    graph, roots = graph_of(text)
    edges = {"1/(x^2 - 2)": [Fraction("-1.5"), Fraction("1.45")], "max(x, 500)": [Fraction(500)]}
    edges |= {"x if x > 500 else -x": [Fraction(500)]}
    bounds = edges.get(text, [Fraction(1000)])
    found = {sum(point["x"] > edge for edge in bounds) for point in Domain(graph, roots).points()}
    assert len(found) == cells


@pytest.mark.parametrize(
    ("a", "b", "relation", "only_a", "only_b"),
    [
        ("log(x^2)", "2log(x)", "a_wider", "for x < 0", ""),
        ("(x^2-1)/(x-1)", "x+1", "b_wider", "", "at x = 1"),
        ("sqrt(x^2-1)", "sqrt(x-1)*sqrt(x+1)", "a_wider", "for x < -1", ""),
        ("x/x", "1/1", "b_wider", "", "at x = 0"),
        ("log(x) + log(3 - x)", "log(x*(3 - x))", "same", "", ""),
        ("1/(x-1) - 1/(x-1)", "1/(x-2) - 1/(x-2)", "differs", "at x = 2", "at x = 1"),
        ("sqrt(4 - x^2)", "sqrt(2 - x)*sqrt(2 + x)", "same", "", ""),
        ("x/y*y", "x", "b_wider", "", "at x = 1/2, y = 0"),
    ],
)
def test_domains_are_compared(a, b, relation, only_a, only_b):
    graph, (first, second) = graph_of(a, b)
    assert compare_domains(graph, first, second) == (relation, only_a, only_b)


def test_domains_are_compared_inside_another_only():
    graph, (first, second, inside) = graph_of("1/abs(x)", "1/x + sqrt(x)*0", "log(x)")
    assert compare_domains(graph, first, second, [inside]).relation == "same"
    assert compare_domains(graph, first, second).relation == "a_wider"


def test_a_box_is_only_called_defined_if_it_is():
    graph, roots = graph_of("sqrt(x)")
    domain, line = Domain(graph, roots), Line({"x": Fraction(0)}, {"x": Fraction(1)})
    assert domain.status(line.box(Fraction(1), Fraction(2)))[0] == (True,)
    assert domain.status(line.box(Fraction(-2), Fraction(-1)))[0] == (False,)
    assert domain.status(line.box(Fraction(-1), Fraction(1)))[0] == (None,)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-5, 1000),
        (100, 101),
        (0, Fraction(1, 500)),
        (Fraction(-1, 100), Fraction(1, 100)),
        (10**9, 10**15),
        (-(10**15), -(10**9)),
        (Fraction(1, 3), Fraction(1, 2)),
    ],
)
def test_a_simple_number_lies_between_and_is_not_zero(low, high):
    low, high = Fraction(low), Fraction(high)
    number = simple_between(low, high)
    assert low < number < high
    assert number != 0
