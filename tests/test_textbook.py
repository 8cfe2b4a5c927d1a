"""Readable forms: on a textbook's exercises they are equal to its answers and hardly longer."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import pytest

from backprop.equivalence import compare_at, decide, sample_points
from backprop.errors import UsageError
from backprop.expr import LEAVES, Graph, to_text
from backprop.ops import OPS
from backprop.parser import parse_equation, parse_rule
from backprop.reverse import backpropagate
from backprop.textbook import operations, textbook_forms

CORPUS = Path(__file__).parent / "corpus"
EXERCISES = [
    tuple(line.split("\t"))
    for line in (CORPUS / "textbook.tsv").read_text(encoding="utf-8").split("\n")
    if line and not line.startswith("# ")
]


def solved(text: str, name: str, known: tuple[str, ...] = ()) -> tuple[Graph, int, int, int]:
    """Graph, function, derivative as derived, and its readable form."""
    graph = Graph()
    root = parse_equation(text, graph=graph, wrt=[name, *known]).root
    derived = backpropagate(graph, root, [name]).gradient[name]
    return graph, root, derived, textbook_forms(graph, root, [derived])[derived]


@pytest.fixture(scope="module")
def exercises():
    """Every exercise with our answer and the book's, in one graph."""
    found = []
    for text, name, answer in EXERCISES:
        graph, root, _, form = solved(text, name)
        known = [*graph.variables([root]), name]
        found.append((text, graph, root, form, parse_equation(answer, graph=graph, wrt=known).root))
    return found


def test_every_answer_of_the_textbook_is_ours(exercises):
    assert len(exercises) >= 500
    wrong = []
    for text, graph, root, ours, book in exercises:
        verdict = decide(graph, ours, book, domain=[root])
        if verdict.verdict != "equal":
            wrong.append((text, to_text(graph, ours), to_text(graph, book), repr(verdict)))
    assert wrong == []


def test_nine_of_ten_answers_have_at_most_a_fifth_more_operations_than_the_textbooks(exercises):
    longer = [
        (text, to_text(graph, ours), to_text(graph, book))
        for text, graph, _, ours, book in exercises
        if operations(graph, ours) > 1.2 * operations(graph, book)
    ]
    assert len(longer) <= len(exercises) / 10, longer


def functions(graph: Graph, roots: list[int]) -> set[str]:
    return {graph.nodes[i][0] for i in graph.reachable(roots)} - LEAVES


def partial_functions() -> set[str]:
    """The functions of the table's partials, and the arithmetic that joins them."""
    found = {"add", "sub", "mul", "div", "neg", "pow", "sqrt", "cbrt"}
    for op in OPS.values():
        for text in op.partials:
            if text:
                graph = Graph()
                found |= functions(graph, [parse_rule(text, graph, op.operands)])
    return found


def derivative(graph: Graph, root: int, name: str) -> int | None:
    """The derivative as derived; None if the table has no rule for an operand."""
    try:
        return backpropagate(graph, root, [name]).gradient[name]
    except UsageError:
        return None


def sample(count: int, seed: int) -> list[str]:
    texts = [t for t in (CORPUS / "expressions.txt").read_text(encoding="utf-8").split("\n") if t and t[:2] != "# "]
    return Random(seed).sample([t for t in texts if len(t) < 70], count)


def test_no_form_has_a_function_that_neither_the_input_nor_the_rules_contain():
    rules = partial_functions()
    checked = 0
    for text in [t for t, _, _ in EXERCISES] + sample(200, seed=11):
        equation = parse_equation(text)
        graph, root = equation.graph, equation.root
        typed = functions(graph, [root])
        for name in graph.variables([root])[:2]:
            derived = derivative(graph, root, name)
            if derived is None:
                continue
            form = textbook_forms(graph, root, [derived])[derived]
            assert functions(graph, [form]) <= typed | rules, (text, to_text(graph, form))
            # Inverse and hyperbolic functions and the special ones come from the input only.
            new = functions(graph, [form]) - typed - functions(graph, [derived])
            assert not new - {
                "add",
                "sub",
                "mul",
                "div",
                "neg",
                "pow",
                "sqrt",
                "cbrt",
                "tan",
                "cot",
                "sec",
                "csc",
                "tanh",
                "coth",
                "sech",
                "csch",
                "abs",
                "sign",
            }, (text, to_text(graph, form))
            checked += 1
    assert checked >= 700


def test_the_readable_form_keeps_the_value():
    compared = 0
    for text in sample(220, seed=12):
        equation = parse_equation(text)
        graph, root = equation.graph, equation.root
        for name in graph.variables([root])[:1]:
            derived = derivative(graph, root, name)
            if derived is None:
                continue
            form = textbook_forms(graph, root, [derived])[derived]
            order = graph.reachable([root, derived, form])
            for point in islice(sample_points(graph, [root], graph.variables([root])), 8):
                outcome, values = compare_at(graph, order, derived, form, point, [root])
                assert outcome is not False, (text, to_text(graph, form), point, values)
                compared += outcome is True
    assert compared >= 500


def test_the_readable_form_is_never_longer_than_the_derived_one():
    for text, name, _ in EXERCISES:
        graph, _, derived, form = solved(text, name)
        assert operations(graph, form) <= 1.2 * operations(graph, derived) + 1, text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("x^2", "2*x"),
        ("3(x + 2)^2", "6*(x + 2)"),
        ("sin(x)", "cos(x)"),
        ("sin(x^2)", "2*x*cos(x**2)"),
        ("x sin(x)", "sin(x) + x*cos(x)"),
        ("ln(x)/x", "(1 - log(x))/x**2"),
        ("e^(-x^2)", "-2*x*exp(-x**2)"),
        ("sqrt(x^2 + 1)", "x/sqrt(x**2 + 1)"),
        ("x^x", "x**x*(log(x) + 1)"),
        ("1/x", "-1/x**2"),
        ("tan(x)", "sec(x)**2"),
        ("atan(x)", "1/(1 + x**2)"),
        ("5/(1 + e^x)", "-5*exp(x)/(1 + exp(x))**2"),
        ("(x + 1)^10", "10*(x + 1)**9"),
    ],
)
def test_familiar_derivatives_look_familiar(text, answer):
    graph, _, _, form = solved(text, "x")
    wanted = parse_equation(answer, graph=graph).root
    assert operations(graph, form) <= operations(graph, wanted) + 1, to_text(graph, form)
    assert decide(graph, form, wanted).verdict == "equal"
