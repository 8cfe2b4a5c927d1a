"""The forward pass: SymPy's derivatives, the identity with the reverse pass, and what is not built."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from pathlib import Path

import pytest

from backprop.equivalence import decide
from backprop.errors import UsageError
from backprop.expr import Graph, Node, to_text
from backprop.forward import jvp, push_forward, tangents
from backprop.parser import parse, parse_equation
from backprop.reverse import backpropagate, gradient
from backprop.symbolic import Translation, Unsupported, sympy_derivative
from backprop.tidy import Tidy

CORPUS = Path(__file__).parent / "corpus" / "expressions.txt"


def corpus(step: int, longest: int = 60) -> list[str]:
    lines = [x for x in CORPUS.read_text(encoding="utf-8").split("\n") if x and not x.startswith("# ")]
    return [line for line in lines[::step] if len(line) <= longest]


def tangent(text: str, name: str) -> str:
    node = parse(text, wrt=[name])
    return str(jvp(node, {name: 1}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", "0"),
        ("x", "1"),
        ("y", "0"),
        ("x + x", "2"),
        ("x - x", "0"),
        ("5 - x", "-1"),
        ("x^5", "5*x**4"),
        ("x^-1", "-x**(-2)"),
        ("x^(1/2)", "1/2*x**(-1/2)"),
        ("2^x", "log(2)*2**x"),
        ("sin(x^2)", "2*(cos(x**2)*x)"),
        ("x if x > 0 else 2x", "1 if x > 0 else 2"),
        ("2 if x > 0 else 3", "0"),
    ],
)
def test_small_tangents_are_what_they_look_like(text, expected):
    assert tangent(text, "x") == expected


def test_the_tangent_is_sympys_derivative_on_expressions_of_all_kinds():
    compared = 0
    for text in corpus(19):
        equation = parse_equation(text)
        graph, root = equation.graph, equation.root
        if equation.right is not None:
            continue
        for name in graph.variables([root])[:2]:
            try:
                found = tangents(graph, [root], {graph.variable(name): graph.number(1)})
                theirs = sympy_derivative(Translation(graph), root, name, 1)
            except (UsageError, Unsupported):
                continue
            ours = found.get(root, graph.number(0))
            verdict = decide(graph, ours, theirs, domain=[root], points=4)
            if verdict.verdict == "undecided":
                continue
            assert verdict.verdict == "equal", (text, name, to_text(graph, ours), to_text(graph, theirs))
            compared += 1
    assert compared >= 150


def test_one_forward_pass_is_the_gradient_times_the_direction():
    """The identity ⟨∇f, d⟩ = Jd, with several variables moving at once."""
    checked = 0
    for text in corpus(23):
        equation = parse_equation(text)
        graph, root = equation.graph, equation.root
        names = graph.variables([root])
        if equation.right is not None or len(names) < 2:
            continue
        direction = {name: Fraction(2 * k + 3, k + 2) for k, name in enumerate(names)}
        try:
            ours = jvp(Node(graph, root), direction).position
            adjoints = backpropagate(graph, root, names).gradient
        except UsageError:
            continue
        tidy = Tidy(graph)
        wanted = tidy.sum([tidy.mul(graph.number(d), adjoints[name]) for name, d in direction.items()])
        verdict = decide(graph, ours, wanted, domain=[root], points=3)
        assert verdict.verdict != "different", text
        checked += verdict.verdict == "equal"
    assert checked >= 50


def test_a_wrong_partial_would_be_seen_against_sympy(monkeypatch):
    """The comparison above does fail if the pass goes wrong."""
    import backprop.forward

    monkeypatch.setattr(backprop.forward, "program", lambda op, operand: ([], 0))  # every partial is the first operand
    graph = (node := parse("sin(x)*exp(x)")).graph
    ours = tangents(graph, [node.position], {graph.variable("x"): graph.number(1)})[node.position]
    theirs = sympy_derivative(Translation(graph), node.position, "x", 1)
    assert decide(graph, ours, theirs).verdict == "different"


def test_what_does_not_vary_has_no_tangent():
    node = parse("x^n + sin(y)*cos(z)")
    graph = node.graph
    found = tangents(graph, [node.position], {graph.variable("x"): graph.number(1)})
    assert {to_text(graph, i) for i in found} == {"x", "x**n", "x**n + sin(y)*cos(z)"}
    assert not any(graph.nodes[i][0] == "log" for i in range(len(graph.nodes)))


def test_a_seed_of_zero_stands_still_and_needs_no_partial():
    node = parse("besselj(n, x)")
    assert str(jvp(node, {"n": 0, "x": 1})) == "(besselj(n - 1, x) - besselj(n + 1, x))/2"
    with pytest.raises(UsageError, match="no partial"):
        jvp(node, {"n": 1})


def test_a_condition_needs_no_partial():
    node = parse("x^2 if zeta(x) > 2 else x")
    assert str(jvp(node, {"x": 1})) == "2*x if zeta(x) > 2 else 1"


def test_a_seed_may_be_any_node_and_what_is_below_is_not_looked_at():
    node = parse("exp(zeta(x))*y")
    graph = node.graph
    inner = graph.index["zeta", graph.variable("x")]
    found = tangents(graph, [node.position], {inner: graph.number(1)})
    assert to_text(graph, found[node.position]) == "y*exp(zeta(x))"
    assert graph.variable("x") not in found


def test_a_direction_may_be_an_expression_of_another_graph():
    assert str(jvp(parse("x^2 + y"), {"x": parse("v"), "y": parse("2w")})) == "2*(x*v) + 2*w"


@pytest.mark.parametrize("entry", ["1", 0.5, None])
def test_a_direction_is_exact(entry):
    with pytest.raises(UsageError, match="direction for `x`"):
        jvp(parse("x"), {"x": entry})


def test_the_edges_add_up_to_the_tangents():
    node = parse("x*sin(x) + x/y")
    graph = node.graph
    found = push_forward(graph, [node.position], {graph.variable("x"): graph.number(1)}, keep_edges=True)
    tidy = Tidy(graph)
    arriving: dict[int, list[int]] = {}
    for edge in found.edges:
        arriving.setdefault(edge.user, []).append(edge.sends)
    assert {user: tidy.sum(terms) for user, terms in arriving.items()} == {
        user: t for user, t in found.tangents.items() if graph.nodes[user][0] != "var"
    }
    assert found.order == sorted(found.order)
    assert len(found.edges) == 6


def test_forward_over_reverse_is_the_hessian_times_a_vector():
    node = parse("x^3*y + exp(x*y)")
    slopes = gradient(node)
    graph, tidy = node.graph, Tidy(node.graph)
    direction = {"x": 2, "y": -1}
    for name in ("x", "y"):
        ours = jvp(slopes[name], direction)
        second = backpropagate(graph, slopes[name].position, ["x", "y"]).gradient
        wanted = tidy.sub(tidy.mul(graph.number(2), second["x"]), second["y"])
        assert decide(graph, ours.position, wanted).how == "proved"


def test_a_pass_over_a_deep_and_wide_graph_is_one_loop():
    graph = Graph()
    x = graph.variable("x")
    root = reduce(lambda u, _: graph.node("sin", graph.node("add", u, x)), range(20_000), x)
    found = tangents(graph, [root], {x: graph.number(1)})
    assert len(found) == 40_001
    assert len(graph.nodes) < 6 * 40_001
