"""Other compute graphs of one equation: the same function with the same domain, and how that is known."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

import backprop.decompose
from backprop.alternatives import compare_decompositions
from backprop.choices import KINDS
from backprop.decompose import ELEMENTARY, decompose, term_partials
from backprop.equivalence import decide, sample_points
from backprop.errors import UsageError
from backprop.evaluate import evaluate
from backprop.expr import LEAVES, Graph, literal_rational, to_text
from backprop.ops import OPS
from backprop.parser import parse, parse_equation
from backprop.render.modes import decomposition_sections, render_sections

CORPUS = Path(__file__).parent / "corpus" / "expressions.txt"


def rewritten(text: str, kind: str) -> str:
    node = parse(text)
    return to_text(node.graph, decompose(node.graph, node.position, kind).root)


def domains_differ(graph: Graph, a: int, b: int, count: int = 40) -> list[dict[str, Fraction]]:
    """Points at which exactly one of two nodes has a value, the corners of most domains among them."""
    names = graph.variables([a, b])
    special = [Fraction(x) for x in (-2, -1, 0, 1, 2, 3)]
    points = [dict.fromkeys(names, x) for x in special]
    points += [point for point, _ in zip(sample_points(graph, [a], names), range(count))]
    found = []
    for point in points:
        values = evaluate(graph, graph.reachable([a, b]), point, precision=300)
        if (values[a] is None) != (values[b] is None):
            found.append(point)
    return found


# -- binary ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x - y", "x + (-y)"),
        ("x - 3", "x + (-3)"),
        ("x - 0.5", "x + (-0.5)"),
        ("x/y", "x*(1/y)"),
        ("1/y", "1/y"),
        ("x/4", "x*(1/4)"),
        ("x^2", "x*x"),
        ("x^5", "x*x*(x*x)*x"),
        ("x^-2", "1/(x*x)"),
        ("x^1", "x"),
        ("x^0", "x**0"),
        ("x^(2/3)", "x**(2/3)"),
        ("x^y", "x**y"),
        ("2^10", "2**10"),
        ("2/3*x", "2/3*x"),
        ("root(x, 3)", "root(x, 3)"),
        ("sigmoid(x)", "1/(1 + exp(-x))"),
        ("relu(x)", "max(x, 0)"),
        ("max(a, b, c)", "max(a, b, c)"),
        ("hypot(x, y)", "sqrt(x*x + y*y)"),
        ("tan(x)", "sin(x)*(1/cos(x))"),
    ],
)
def test_binary_operations_are_elementary(text, expected):
    assert rewritten(text, "binary") == expected


def test_a_sigmoid_is_four_nodes():
    node = parse("sigmoid(x)")
    root = decompose(node.graph, node.position, "binary").root
    ops = [node.graph.nodes[i][0] for i in node.graph.reachable([root])]
    assert sorted(op for op in ops if op not in LEAVES) == ["add", "div", "exp", "neg"]


@pytest.mark.parametrize("op", sorted(ELEMENTARY))
def test_every_row_of_the_table_is_the_same_function_with_the_same_domain(op):
    row = OPS[op]
    graph = Graph()
    node = graph.node(op, *map(graph.variable, row.operands))
    root = decompose(graph, node, "binary").root
    assert op not in {graph.nodes[i][0] for i in graph.reachable([root])}
    assert decide(graph, node, root).verdict == "equal"
    assert domains_differ(graph, node, root) == []


def test_only_elementary_operations_are_left():
    left = set()
    for text in ("tanh(x - y)^3/sech(z)", "log(x, 3) - log2(y)", "softplus(hypot(x, y) - 1)^-2", "asinh(x)/acoth(y)"):
        node = parse(text)
        root = decompose(node.graph, node.position, "binary").root
        for i in node.graph.reachable([root]):
            key = node.graph.nodes[i]
            assert len(key) <= 3
            if key[0] not in LEAVES and literal_rational(node.graph, i) is None:
                left.add(key[0])
                assert key[0] != "div" or node.graph.nodes[key[1]][:2] == ("num", 1)
    assert left <= {"add", "neg", "mul", "div", "exp", "log", "sqrt"}


def test_powers_are_made_by_squaring():
    node = parse("x^1000")
    made = decompose(node.graph, node.position, "binary")
    assert sum(node.graph.nodes[i][0] == "mul" for i in node.graph.reachable([made.root])) == 14
    assert rewritten("x^5000", "binary") == "x**5000"


# -- fused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/(1 + e^(-x))", "sigmoid(x)"),
        ("1/(e^(-w*x) + 1)", "sigmoid(w*x)"),
        ("1/(1 + exp(-w*x - b))", "sigmoid(w*x + b)"),
        ("1/(1 + exp(a - b))", "sigmoid(b - a)"),
        ("e^x/(1 + e^x)", "sigmoid(x)"),
        ("log(1 + e^(2x))", "softplus(2*x)"),
        ("x*x", "x**2"),
        ("x*x*x", "x**3"),
        ("x*(1/y)", "x/y"),
        ("(1/y)*x", "x/y"),
        ("sqrt(x^2 + y^2)", "hypot(x, y)"),
        ("sqrt(x*x + y*y)", "hypot(x, y)"),
        ("sqrt(x^2)", "abs(x)"),
        ("max(x, 0)", "relu(x)"),
        ("max(0, x)", "relu(x)"),
        ("x if x > 0 else 0", "relu(x)"),
        ("0 if x <= 0 else x", "relu(x)"),
        ("-x if x < 0 else x", "abs(x)"),
        ("log(1 + x)", "log1p(x)"),
        ("e^x - 1", "expm1(x)"),
        ("(e^x - e^(-x))/(e^x + e^(-x))", "tanh(x)"),
        ("(e^x - e^(-x))/2", "sinh(x)"),
        ("(e^(-x) + e^x)/2", "cosh(x)"),
        ("sin(x)/cos(x)", "tan(x)"),
        ("1/sin(x)", "csc(x)"),
        ("log(x)/log(10)", "log10(x)"),
        ("log(x)/log(b)", "log(x, b)"),
        ("x + (-y)", "x - y"),
    ],
)
def test_what_was_written_out_is_recognised(text, expected):
    assert rewritten(text, "fused") == expected
    node = parse(text)
    graph, root = node.graph, decompose(node.graph, node.position, "fused").root
    assert decide(graph, root, node.position).verdict == "equal"
    assert domains_differ(graph, node.position, root) == []


@pytest.mark.parametrize(
    "text",
    [
        "sin(x)/x",  # sinc has a value at 0
        "1/tan(x)",  # cot has a value where tan has none
        "exp(log(x))",
        "x/x",
        "sqrt(x)^2",
        "(e^(-x) - e^x)/2",  # −sinh
        "(e^x + e^x)/2",
        "x if x > 1 else 0",
        "x if y > 0 else 0",
        "1/(2 + e^(-x))",
        "log(2 + x)",
        "sqrt(x^2 + 1)",
        "sqrt(x^2 - y^2)",
        "2*2",
        "(1/2)*x",
    ],
)
def test_what_only_looks_like_a_function_is_left_alone(text):
    assert rewritten(text, "fused") == str(parse(text))


def test_fusing_undoes_splitting():
    texts = "sigmoid(x) softplus(x*y) hypot(x,y) relu(x-y) tanh(x) x-y x-0.5 x/y x^3 tan(x) expm1(x) sinh(x)/y log10(x)"
    for text in texts.split():
        graph = (node := parse(text)).graph
        split = decompose(graph, node.position, "binary").root
        assert to_text(graph, decompose(graph, split, "fused").root) == str(node)


# -- several terms as one node --------------------------------------------------------------------------


def groups(text: str) -> list[tuple[str, list[str], tuple[int, ...]]]:
    node = parse(text)
    made = decompose(node.graph, node.position, "nary")
    assert made.root == node.position
    return [(g.op, [to_text(node.graph, i) for i in g.terms], g.signs) for g in made.groups]


def test_sums_and_products_of_several_terms_are_one_node():
    assert groups("a + b + c + d") == [("add", ["a", "b", "c", "d"], (1, 1, 1, 1))]
    assert groups("a - b + c - d") == [("add", ["a", "b", "c", "d"], (1, -1, 1, -1))]
    assert groups("a*b*(c*d)") == [("mul", ["a", "b", "c", "d"], (1, 1, 1, 1))]
    assert groups("a - (b + c)") == []
    assert groups("a + b") == []


def test_a_node_with_several_users_stays_one_of_its_own():
    assert groups("(a + b + c)*(a + b + c)") == [("add", ["a", "b", "c"], (1, 1, 1))]
    assert groups("(a + b) + c + sin(a + b)") == [("add", ["a + b", "c", "sin(a + b)"], (1, 1, 1))]


def test_the_partials_of_a_group_are_those_of_the_function():
    node = parse("sin(a)*b*c*exp(d)*a")
    graph = node.graph
    (group,) = decompose(graph, node.position, "nary").groups
    partials = term_partials(graph, group)
    for term, partial in zip(group.terms, partials, strict=True):
        assert decide(graph, graph.node("mul", term, partial), node.position).how == "proved"
    node = parse("a - b + c")
    (group,) = decompose(node.graph, node.position, "nary").groups
    assert [to_text(node.graph, i) for i in term_partials(node.graph, group)] == ["1", "-1", "1"]


def test_a_product_of_n_factors_needs_about_3n_products_for_all_partials():
    graph = Graph()
    position = graph.variable("x0")
    for k in range(1, 200):
        position = graph.node("mul", position, graph.variable(f"x{k}"))
    (group,) = decompose(graph, position, "nary").groups
    before = len(graph.nodes)
    term_partials(graph, group)
    assert len(group.terms) == 200
    assert len(graph.nodes) - before < 3 * 200


def test_merged_nodes_are_not_counted():
    node = parse("a + b + c + d")
    row = compare_decompositions(node.graph, node.position, ["a"]).row("nary")
    assert (row.nodes, row.operations, row.edges) == (5, 1, 4)


# -- the comparison ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus() -> list[tuple[str, str, str]]:
    """(expression, kind, verdict) of every tenth line of the corpus; domains are compared on the way."""
    lines = [x for x in CORPUS.read_text(encoding="utf-8").split("\n") if x and not x.startswith("# ")]
    found = []
    for text in lines[::10]:
        equation = parse_equation(text)
        if equation.right is not None:
            continue
        graph, typed = equation.graph, equation.root
        for kind in ("binary", "fused"):
            root = decompose(graph, typed, kind).root
            if root == typed:
                continue
            verdict = decide(graph, root, typed)
            said = verdict.how if verdict.verdict == "equal" else verdict.verdict
            if domains_differ(graph, typed, root, 8):
                said = "other domain"
            found.append((text, kind, str(said)))
    return found


def test_no_decomposition_of_the_corpus_is_another_function(corpus):
    assert [row for row in corpus if row[2] in ("different", "other domain")] == []
    assert len(corpus) >= 250


def test_nearly_all_decompositions_of_the_corpus_are_proved(corpus):
    counted = Counter(said for _, _, said in corpus)
    assert counted["proved"] >= 0.9 * len(corpus), counted
    assert counted["proved"] + counted["sampled"] >= 0.98 * len(corpus), counted


@pytest.mark.parametrize(
    ("op", "wrong", "text"),
    [
        ("softplus", "log(2 + exp(x))", "softplus(x)*y"),
        ("sigmoid", "1/(1 + exp(x))", "sigmoid(x - 1)"),
        ("relu", "max(x, 1/1000)", "relu(x) + x"),
        ("log2", "log(x)/log(10)", "log2(x)"),
    ],
)
def test_a_planted_wrong_rewriting_is_caught(monkeypatch, op, wrong, text):
    node = parse(text)
    assert compare_decompositions(node.graph, node.position, ["x"]).row("binary").same_function != "differs"
    monkeypatch.setitem(backprop.decompose.ELEMENTARY, op, wrong)
    row = compare_decompositions(node.graph, node.position, ["x"]).row("binary")
    assert row.same_function == "differs"
    assert row.notes[0].startswith("differs at ")


def test_a_wrong_rewriting_that_keeps_the_derivative_is_caught_too(monkeypatch):
    monkeypatch.setitem(backprop.decompose.ELEMENTARY, "expm1", "exp(x) - 2")
    node = parse("expm1(x)")
    row = compare_decompositions(node.graph, node.position, ["x"]).row("binary")
    assert (row.same_function, row.same_gradient) == ("differs", "proved")


def test_the_words_are_honest():
    node = parse("asech(x)")
    row = compare_decompositions(node.graph, node.position, ["x"]).row("binary")
    assert row.same_function in ("proved", "as far as sampled")
    graph = Graph()
    position = graph.variable("x")
    for _ in range(2500):
        position = graph.node("sin", graph.node("sub", position, graph.variable("y")))
    row = compare_decompositions(graph, position, ["x"]).row("binary")
    assert row.same_function == "not decided"
    assert "nodes: not compared" in row.notes[0]


def test_decompositions_share_their_derivatives_values():
    node = parse("sigmoid(x)*tanh(y)^3")
    found = compare_decompositions(node.graph, node.position, ["x", "y"], {"x": Fraction(1, 2), "y": -1})
    data = found.as_dict()["decompositions"]
    assert [row["kind"] for row in data] == list(KINDS)
    assert len({json.dumps(row["gradient_value"]) for row in data}) == 1
    assert len({row["operations"] for row in data}) > 1
    assert all(row["same_gradient"] != "differs" for row in data)


def test_an_unknown_kind_is_refused():
    node = parse("x")
    with pytest.raises(UsageError, match="no decomposition `ternary`"):
        decompose(node.graph, node.position, "ternary")


@pytest.mark.parametrize(("width", "ascii"), [(80, False), (40, False), (80, True), (40, True)])
def test_the_page_keeps_to_its_width_and_alphabet(width, ascii):
    node = parse("1/(1 + exp(-w*x - b)) + a + c")
    found = compare_decompositions(node.graph, node.position, ["w", "b"], {"w": 1, "x": 2, "b": 3, "a": 0, "c": 0})
    page = render_sections(decomposition_sections(found, ascii=ascii), width=width, ascii=ascii)
    assert max(map(len, page.split("\n"))) <= width
    assert not ascii or page.isascii()
    for word in (*KINDS, "sigmoid(w", "proved", "3 terms as one node"):
        assert word in page
