"""The table of mistakes: every row is wrong, is found where it was made, and says what it did."""

from __future__ import annotations

import string

import pytest

from backprop import judge
from backprop.diagnosis import Search, compiled, places, sites
from backprop.evaluate import run_in_balls
from backprop.explain import explain, explain_all
from backprop.expr import Graph
from backprop.mistakes import MISTAKES, PATTERNS, WHOLE, Mistake, filled, lookup_mistake
from backprop.ops import OPS, lookup
from backprop.parser import parse_equation
from backprop.reverse import backpropagate
from backprop.tasks import handle
from backprop.verdicts import answer_question, result_of, take_in

ROWS = [*MISTAKES, *WHOLE]
EXAMPLES = [(row, example) for row in ROWS for example in row.examples]

# One function for each pattern of the table, so that every right rule is compared with the rules of derivation.
FUNCTIONS = [
    "sin(x^2+3x)", "(5x+1)^3", "5^(x^2)", "(x+1)^(2x)", "x^4 atan(x)", "7sin(x)", "sinh(x)/(x+3)", "3/(x^2+1)",
    "x^2+sin(x)", "x^3-sin(x)", "-x^2", "x^6+7", "x^2-5", "8-x^3", "x^3-(x^2+sin(x))", "x^3-(x^2-sin(x))",
    "tan(x)^3", "sin(x^3)", "log10(3x+1)", "log2(x^2+1)", "sqrt(x^2+4)", "cbrt(x^2+4)", "abs(x^2-1)", "x^2/5",
]  # fmt: skip


def check(problem, answer, **options):
    task = answer_question(problem, answer, **options)
    result = result_of(task)
    for message in handle(task):
        take_in(result, message)
    return result


def options_of(example):
    named = {"wrt": ["x"]} if "=" not in example[0] else {}
    return {**named, "order": example[2] if len(example) > 2 else 1}


@pytest.mark.parametrize(("row", "example"), EXAMPLES, ids=lambda value: getattr(value, "code", None))
def test_every_example_is_refuted_and_its_mistake_named(row, example):
    result = check(example[0], example[1], **options_of(example))
    assert result.verdict == "incorrect"
    found = [mistake for mistake in result.mistakes if mistake.code == row.code]
    assert found, [mistake.code for mistake in result.mistakes]
    assert found[0].name == row.name
    assert "{" not in found[0].message
    assert len(result.hints) == 3


def test_every_row_has_an_example_a_name_and_a_code_of_its_own():
    assert len({row.code for row in ROWS}) == len(ROWS) == len({row.name for row in ROWS})
    assert all(row.examples and row.sentence for row in ROWS)
    assert all(lookup_mistake(row.code) is row for row in ROWS)
    assert lookup_mistake("M00") is None
    for row in ROWS:
        fields = {field for _, field, _, _ in string.Formatter().parse(row.sentence) if field}
        assert fields <= {"where", "u", "v", "w", "c", "t", "k"}, row.code
        assert all(pattern in PATTERNS or pattern in OPS for pattern in row.rules), row.code


@pytest.mark.parametrize("text", FUNCTIONS)
def test_the_right_rule_of_a_pattern_is_the_derivative(text):
    graph = Graph()
    root = parse_equation(text, graph=graph, wrt=["x"]).root
    expected = backpropagate(graph, root, ["x"]).gradient["x"]
    search = Search(graph, root, "x", expected, expected)
    assert len(search.numbers) == 3
    seen = 0
    for place in places(graph, root, ["x"]):
        pattern = PATTERNS.get(place.pattern)
        if pattern is None or place.pattern.startswith(("constant power", "constant exp", "constant root")):
            continue
        steps = compiled(pattern.right, ("t", *place.parts), place.function)
        for numbers, _ in search.numbers:
            operands = [numbers.variable]
            for kind, node in place.parts.values():
                value = numbers.derivatives[node] if kind == "derivative" else numbers.values[node]
                operands.append(1 / value if kind == "reciprocal" else value)
            given = run_in_balls(steps, operands)
            right = numbers.derivatives[place.node]
            assert given.overlaps(right), (place.pattern, pattern.right)
            assert given.rad() < 1e-15 * (1 + abs(right))
        seen += 1
    assert seen


def test_every_pattern_occurs_among_the_functions():
    found = set()
    for text in [*FUNCTIONS, "a x + pi", "pi^2 x", "e^3 x", "sqrt(5) x"]:
        graph = Graph()
        root = parse_equation(text, graph=graph, wrt=["x"]).root
        found |= {place.pattern for place in places(graph, root, ["x"])}
    assert set(PATTERNS) - found == {"relation"}


@pytest.mark.parametrize("text", FUNCTIONS)
def test_no_wrong_rule_is_a_right_one(text):
    graph = Graph()
    root = parse_equation(text, graph=graph, wrt=["x"]).root
    expected = backpropagate(graph, root, ["x"]).gradient["x"]
    search = Search(graph, root, "x", expected, expected)
    found = [site for site in search.sites if not search.changes(site)]
    # At a bare variable, whose derivative is 1, leaving the inner derivative out changes nothing.
    bare = {("var", "x")}
    assert [
        (site.row.code, site.text)
        for site in found
        if not any(graph.nodes[node] in bare for kind, node in site.place.parts.values() if kind == "derivative")
    ] == []


def test_filled_rules_name_the_functions_of_the_table():
    assert filled("D(u)*du", OPS["sin"]) == "cos(u)*du"
    assert filled("D(w^n)*n", OPS["tan"]) == "(sec((w^n))^2)*n"
    assert filled("F(du)", OPS["sqrt"]) == "sqrt(du)"
    assert filled("D(u)", lookup("call f 1")) == "f'(u)"


def test_a_row_that_is_planted_is_found_and_one_that_is_taken_away_is_not(monkeypatch):
    monkeypatch.setattr("backprop.diagnosis.MISTAKES", ())
    assert [m.code for m in check("sin(x^2+3x)", "cos(x^2+3x)").mistakes] == []
    planted = Mistake("M99", "planted", {"sin": "cos(u)*du + 7"}, "seven added to {where}")
    monkeypatch.setattr("backprop.diagnosis.MISTAKES", (planted,))
    result = check("x + sin(x^2)", "1 + 2x cos(x^2) + 7")
    assert [(m.code, m.where, m.node) for m in result.mistakes] == [("M99", "sin(x**2)", "v2")]
    assert result.mistakes[0].message == "seven added to sin(x**2); you wrote cos(u)·u' + 7, the rule gives cos(u)·u'"


def test_a_wrong_derivative_of_ours_never_reads_as_a_wrong_answer(monkeypatch):
    right = judge.derive_equation

    def broken(equation, *arguments, **options):
        derivation = right(equation, *arguments, **options)
        for name, node in derivation.derived.items():
            derivation.derived[name] = derivation.graph.node("neg", node)
        return derivation

    monkeypatch.setattr(judge, "derive_equation", broken)
    result = check("x^3", "3x^2")
    assert result.verdict == "undecided"
    assert result.reason.startswith("FAILED")


def test_ties_are_all_listed():
    codes = [m.code for m in check("ln(3x)", "3/x").mistakes]
    assert "M03" in codes
    assert [m.code for m in check("x^2", "x").mistakes][:2] == ["M23", "M26"]


def test_another_reading_of_the_typing_is_listed_beside_a_mistake_that_gives_the_same():
    result = check("x²√(1-x)", "2x√(1-x)-x²/2√(1-x)")
    assert [m.code for m in result.mistakes] == ["M71", "M24"]
    assert [m.explanation for m in result.mistakes] == [1, 2]


def test_two_mistakes_are_named_together():
    result = check("x^2 sin(3x)", "2x sin(3x) - x^2 cos(3x)")
    assert {"M31", "M01"} <= {m.code for m in result.mistakes}
    result = check("(x^2+1)^3 + cos(x)", "3(x^2+1)^2 + sin(x)")
    assert {"M01", "M31"} <= {m.code for m in result.mistakes}


def test_the_same_mistake_everywhere_is_named_at_every_place():
    result = check("x^4 + x^3", "x^3 + x^2")
    assert [(m.code, m.where) for m in result.mistakes] == [("M23", "x**3"), ("M23", "x**4")]


def test_nothing_is_invented_for_an_answer_that_no_rule_gives():
    result = check("sin(x^2)", "exp(x) + 17x")
    assert result.verdict == "incorrect"
    assert result.mistakes == []
    assert result.hints[0] == "begin with the outermost step, `sin(x**2)`"


def test_sites_of_a_bare_variable_leave_out_rules_about_inner_functions():
    graph = Graph()
    root = parse_equation("x^3", graph=graph).root
    codes = {site.row.code for site in sites(graph, places(graph, root, ["x"]))}
    assert "M23" in codes
    assert not codes & {row.code for row in MISTAKES if row.nested}


def test_every_code_is_explained():
    explained = explain_all()
    codes = [entry.code for entry in explained]
    assert {op.code for op in OPS.values()} <= set(codes)
    assert {code for op in OPS.values() for code, _ in op.special.values()} <= set(codes)
    assert {row.code for row in ROWS} <= set(codes)
    assert "R105" in codes
    for entry in explained:
        assert entry.name
        assert entry.kind == ("mistake" if entry.code[0] == "M" else "rule")
        assert entry.partials or entry.sentence, entry.code
    assert explain("tanh")[0].code == "R38"
    assert explain("m01")[0].name == "inner derivative left out"
    assert explain("nothing") == []
