"""What is said of edges and nodes in plain words, and what the numbers at a point are warned of."""

from __future__ import annotations

import math
import re
import string
from fractions import Fraction
from pathlib import Path

import pytest

from backprop.derivation import Derivation, derive
from backprop.explain import explain, explain_all, intuition, sentences
from backprop.expr import ASCII, PRETTY
from backprop.intuition import SQUASHING, edge_sentence, magnitude, node_sentence, short, warnings
from backprop.ops import OPS, Op
from backprop.render.explanation import explanation_lines

CORPUS = Path(__file__).parent / "corpus"
OPERANDS = [(op, k) for op in OPS.values() for k in range(op.arity)]
HOLES = {"this", "other", "value", "partial"}


def said(text: str, **at: object) -> dict[str, str]:
    """Edge -> its sentence; of two edges with the same ends the last one."""
    derivation = derive(text, at=at or None)
    return {f"{link.source} {link.target}": edge_sentence(derivation, link) for link in derivation.edges}


def found(text: str, order: int = 1, **at: object) -> list[tuple[str, str]]:
    """Nodes and kinds of the warnings."""
    return [(one.node, one.kind) for one in warnings(derive(text, at=at, order=order))]


def told(text: str, **at: object) -> list[str]:
    return [one.sentence for one in warnings(derive(text, at=at))]


# -- the column of the table ---------------------------------------------------------------------------


def codes(op: Op, operand: int) -> set[str]:
    """The rules that an edge to this operand may have."""
    return {op.code} | {code for k, (code, _) in op.special.items() if k != operand}


@pytest.mark.parametrize(("op", "operand"), OPERANDS, ids=lambda value: getattr(value, "name", str(value)))
def test_every_operand_of_every_row_has_a_sentence_in_any_names(op: Op, operand: int) -> None:
    other_names = {name: f"node{k}" for k, name in enumerate(op.operands)}
    for code in codes(op, operand):
        for variant in ("", "above 1", "below 1"):
            names = {**other_names, "value": "result", "partial": "PARTIAL"}
            sentence = intuition(op, operand, code, names, variant)
            assert 20 < len(sentence) < 130, sentence
            assert "{" not in sentence
            assert sentence[0].islower()
            assert not sentence.endswith(".")
            left = set(re.findall(r"\b[a-z]\b", sentence)) - {"a"}
            assert not left & set(op.operands), f"{sentence} keeps a name of the row"


def test_sentences_have_no_other_holes_than_operands_and_the_four() -> None:
    for op in OPS.values():
        for key, sentence in op.intuition.items():
            holes = {hole for _, hole, _, _ in string.Formatter().parse(sentence) if hole}
            assert holes <= HOLES | set(op.operands), (op.name, key)
            assert "other" not in holes or op.arity == 2, op.name
            known = {"", *range(op.arity), *(code for code, _ in op.special.values())}
            assert key in known or str(key).split(" ")[0] in known, (op.name, key)


def test_a_sentence_that_says_unchanged_or_flipped_stands_at_a_partial_of_plus_or_minus_1() -> None:
    for op, k in OPERANDS:
        sentence = sentences(op)[op.operands[k]]
        if "unchanged" in sentence and "if" not in sentence:
            assert op.partials[k] == "1", op.name
        if "flipped" in sentence and "if" not in sentence:
            assert op.partials[k] == "-1", op.name
        if "nothing passes back" in sentence:
            assert op.partials[k] in (None, "0"), op.name
    assert [op.name for op, k in OPERANDS if op.partials[k] == "0"] == ["sign", "floor", "ceil", "step"]


@pytest.mark.parametrize("name", sorted(SQUASHING))
def test_squashing_functions_are_steepest_at_0_or_above_and_flat_far_out(name: str) -> None:
    def slope(x: str) -> float:
        derivation = derive(f"{name}(x)", at={"x": x})
        return abs(float(Fraction(derivation.number(derivation.gradient_value["x"]) or "")))

    middle = slope("0.001")
    assert slope("-100") < 1e-3 * middle
    assert name == "softplus" or slope("100") < 1e-3 * middle


def test_the_claims_about_slopes_are_true() -> None:
    def slope(function: str, x: float) -> float:
        derivation = derive(f"{function}(x)", at={"x": repr(x)})
        return float(Fraction(derivation.number(derivation.gradient_value["x"]) or ""))

    points = [-3.1, -1.2, -0.4, 0.001, 0.3, 1.1, 2.9]
    assert all(slope("sigmoid", x) <= 0.25 for x in points)
    assert math.isclose(slope("sigmoid", 0), 0.25)
    assert all(0 < slope("atan", x) <= 1 for x in points)
    assert all(slope("tan", x) > 0 > slope("cot", x) for x in points)
    assert all(slope("sinh", x) >= 1 for x in points)
    assert all(slope("acos", x) < 0 < 1 <= slope("asin", x) for x in (-0.9, -0.1, 0.2, 0.99))
    assert slope("asin", 0) == slope("atanh", 0) == slope("tanh", 0) == 1
    assert slope("cosh", 0) == 0
    assert slope("acosh", 1.001) > slope("acosh", 2) > slope("acosh", 50)


def test_the_default_names_the_point_where_the_slope_is_taken() -> None:
    assert said("asinh(x^2)")["f v1"] == "the adjoint is multiplied by the slope of asinh at v1, 1/sqrt(v1**2 + 1)"
    assert said("elliptic_f(z, m)")["f m"] == "the adjoint is multiplied by the slope of elliptic_f by m"  # a long one


def test_an_operand_without_partial_says_why_nothing_is_sent() -> None:
    assert sentences(OPS["besselj"])["n"] == (
        "nothing can be sent back to `n`: the order of a Bessel function is a constant"
    )


def test_declared_functions_have_a_sentence() -> None:
    derivation = derive("g(x^2)", functions=("g",))
    assert edge_sentence(derivation, derivation.edges[0]) == (
        "the adjoint is multiplied by the slope of g at v1, g'(v1)"
    )


def test_the_page_of_every_rule_has_the_sentence() -> None:
    rules = [entry for entry in explain_all() if entry.kind == "rule"]
    assert len(rules) > 100
    for entry in rules:
        assert entry.intuition, entry.code
        text = "\n".join("".join(part for part, _ in line) for line in explanation_lines(entry, ascii=True))
        assert "  backwards to " in text
        assert "`" not in text
    [constant_multiple] = explain("R03")
    assert constant_multiple.intuition == {
        "u": "the constant factor scales every change of `u`: the adjoint is multiplied by `c`"
    }


# -- edges ---------------------------------------------------------------------------------------------


def test_the_sentences_of_one_trace_are_the_ones_of_a_lesson() -> None:
    sentences = said("x*y + sin(x*y) - exp(x)/3")
    assert sentences["v3 v1"] == "each term moves the sum one for one: v1 gets the adjoint unchanged"
    assert sentences["f v3"] == "the first term moves the difference one for one: v3 gets the adjoint unchanged"
    assert sentences["v2 v1"] == "the slope of sin is cos, at the same v1: none at the peaks, most at the zeros"
    assert sentences["v1 x"] == "the factors swap: x gets the adjoint times the other factor, y"
    assert sentences["v1 y"] == "the factors swap: y gets the adjoint times the other factor, x"
    assert sentences["v4 x"] == "the slope of exp is its own value: the adjoint is multiplied by v4"
    assert sentences["v5 v4"] == "the constant divisor divides every change of v4: the adjoint is divided by 3"
    assert sentences["f v5"].endswith("v5 gets the adjoint with its sign flipped")
    assert said("log(x, b)")["f x"].startswith("small inputs count much")


@pytest.mark.parametrize(
    ("exponent", "begins"),
    [("3", "flat near 0, steep far"), ("3/2", "flat near 0"), ("-5", "steep near 0"), ("(1/2)", "steep near 0"),
     ("-1/2", "steep near 0"), ("1", "the exponent comes down"), ("n", "the exponent comes down")],
)  # fmt: skip
def test_where_a_power_is_steep_depends_on_its_exponent(exponent: str, begins: str) -> None:
    derivation = derive(f"x^({exponent})", ["x"])
    assert edge_sentence(derivation, derivation.edges[0]).startswith(begins)


def test_numbers_that_were_typed_are_not_called_by_the_name_of_a_node() -> None:
    assert said("(-3)*x")["f x"].endswith("the adjoint is multiplied by -3")
    assert said("x/(2/3)")["f x"].endswith("the adjoint is divided by 2/3")


@pytest.mark.parametrize(
    ("text", "at", "edge", "end"),
    [
        ("3*x*y", {"x": "2", "y": "1"}, "f v1", "times the other factor, y = 1; here it stays 1"),
        ("x*y", {"x": "6", "y": "2"}, "f y", "times the other factor, x = 6; here it grows from 1 to 6"),
        ("x/4", {"x": "6"}, "f x", "; here it shrinks from 1 to 1/4"),
        ("3 - x", {"x": "6"}, "f x", "; here it turns from 1 into -1"),
        ("log(x)*(-2)", {"x": "4"}, "v1 x", "; here it shrinks from -2 to -1/2"),
        ("3*cos(x)", {"x": "-2"}, "v1 x", "; here it shrinks from 3 to about 2.728"),
        ("relu(x)*5", {"x": "-1"}, "v1 x", "; here nothing of 5 passes"),
        ("relu(2*x)", {"x": "-1"}, "v1 x", "; here the adjoint is 0 already"),
        ("max(x, y)", {"x": "1", "y": "2"}, "f x", "x if it is above y = 2; here nothing of 1 passes"),
        ("tanh(20)*x", {"x": "1"}, "f x", "; here it stays about 1"),
    ],
)
def test_with_a_point_a_sentence_ends_in_what_becomes_of_the_adjoint(
    text: str, at: dict[str, str], edge: str, end: str
) -> None:
    assert said(text, **at)[edge].endswith(end), said(text, **at)[edge]


def test_without_values_a_sentence_has_no_numbers() -> None:
    assert "here" not in said("x*y", x=1)["f x"]
    assert "here" not in said("log(2*x)", x=-1)["v1 x"]  # the output has no value


def test_sentences_are_written_in_the_style_that_is_asked_for() -> None:
    derivation = derive("-2*cos(x*3)", at={"x": "1"})
    link = derivation.edges[-1]
    assert "from -0.2822" not in edge_sentence(derivation, link, PRETTY)
    assert "−" in edge_sentence(derivation, derivation.edges[0], PRETTY)
    assert edge_sentence(derivation, link, ASCII).isascii()


def test_numbers_said_agree_with_those_of_the_trace() -> None:
    derivation = derive("sin(x*y)^3/(1 + x^2) + exp(-x)*log(y)", at={"x": "0.7", "y": "2.5"})
    checked = 0
    for link in derivation.edges:
        match = re.search(r"here it (?:grows|shrinks|turns) from (\S+|about \S+) (?:in)?to (.+)$",
                          edge_sentence(derivation, link))  # fmt: skip
        if match:
            after = float(Fraction(match[2].removeprefix("about ")))
            exact = float(Fraction(derivation.number(link.sends_value) or ""))
            assert math.isclose(after, exact, rel_tol=1e-3)
            checked += 1
    assert checked >= 8


# -- nodes ---------------------------------------------------------------------------------------------


def nodes(text: str, **at: object) -> dict[str, str]:
    derivation = derive(text, at=at or None)
    sentences = {step.name: node_sentence(derivation, step) for step in derivation.nodes}
    return {name: sentence for name, sentence in sentences.items() if sentence is not None}


def test_only_a_node_with_several_users_is_said_to_add_up() -> None:
    assert nodes("x*y + sin(x)") == {"x": "x is used twice: its adjoint is the sum of 2 contributions"}
    assert nodes("x + y") == {}
    assert nodes("x*x*x") == {"x": "x is used 3 times: its adjoint is the sum of 3 contributions"}
    assert list(nodes("(x+1)^2 + sin(x+1)")) == ["v1"]


def test_the_contributions_are_added_up_where_they_are_short() -> None:
    assert nodes("x*y - 3*x + y", x=2, y=4)["x"].endswith("contributions, 4 + (-3) = 1")
    assert nodes("x*sin(x)", x=2)["x"].endswith("contributions")


def test_a_use_in_a_condition_sends_nothing() -> None:
    assert nodes("x^2 if x > 0 else 3*x")["x"] == (
        "x is used 3 times: its adjoint is the sum of the 2 contributions that arrive"
    )


# -- warnings ------------------------------------------------------------------------------------------


def test_without_a_point_there_are_no_warnings() -> None:
    assert warnings(derive("relu(x)/0.0000001")) == []


def test_a_closed_gate_is_named_and_what_lies_behind_it_is_not() -> None:
    assert told("5*relu(sin(2*x) - 3)", x="1") == [
        "v4 = relu(v3): relu is closed at v3 = about -2.091, nothing passes back to v3, and so to x"
    ]
    assert found("5*relu(sin(2*x) + 3)", x="1") == []


@pytest.mark.parametrize(
    ("text", "at", "sentence"),
    [
        ("w*relu(x - 5)", {"w": "2", "x": "6"}, None),
        ("w*log(x)", {"w": "2", "x": "1"}, "f = w*v1: the other factor v1 is 0, nothing passes back to w"),
        ("max(x^2, y)", {"x": "1", "y": "3"}, "f = max(v1, y): y = 3 is larger than v1 = 1,"),
        ("min(x, y)", {"x": "1", "y": "3"}, "f = min(x, y): x = 1 is smaller than y = 3, nothing passes back to y"),
        ("floor(x)*y", {"x": "5/2", "y": "3"}, "v1 = floor(x): floor is flat at x = 5/2, nothing passes back to x"),
        ("x if x > 0 else x*y", {"x": "1", "y": "3"}, "f = x if v1 else v2: the branch v2 is not taken,"),
        ("max(x, 0) + x", {"x": "-1"}, None),  # another way is open
        ("x - floor(x)", {"x": "5/2"}, None),
        ("x^2 + cos(x)", {"x": "0"}, None),  # level at one point, as any minimum is
        ("(x - 1)*log(x)", {"x": "1"}, None),
        ("0*x + 1", {"x": "1"}, None),
        ("relu(x) + abs(x) + floor(x)", {"x": "0"}, None),  # a kink has a note of its own
    ],
)
def test_exactly_what_cuts_a_variable_off_is_dead(text: str, at: dict[str, str], sentence: str | None) -> None:
    derivation = derive(text, at=at)
    sentences = [one.sentence for one in warnings(derivation)]
    assert sentences == [] if sentence is None else len(sentences) == 1 and sentences[0].startswith(sentence)
    if sentence is not None:
        assert 0 in derivation.gradient_value.values()


def test_a_saturated_function_is_named_with_its_slope() -> None:
    [one] = warnings(derive("w*tanh(20*x)", at={"w": "3", "x": "1/2"}))
    assert (one.node, one.kind) == ("v2", "saturated")
    assert one.sentence == "v2 = tanh(v1) is saturated at v1 = 10: its slope there is about 8.245e-9"
    assert math.isclose(1 - math.tanh(10) ** 2, 8.245e-9, rel_tol=1e-3)
    assert found("w*tanh(x)", w=3, x=2) == []
    assert found("x + tanh(20*x)", x=3) == []  # x has a stronger way
    assert found("-log(sigmoid(x))", x=-20) == []  # the logarithm makes up for it
    assert found("-log(sigmoid(x))", x=20) == [("v1", "saturated")]


def nested(function: str, times: int) -> str:
    return function.join([""] * (times + 1)).replace(function, f"{function}(") + "x" + ")" * times


def test_a_chain_of_sigmoids_has_one_line() -> None:
    derivation = derive(nested("sigmoid", 12), at={"x": "1/2"})
    [one] = warnings(derivation)
    assert one.kind == "vanishing"
    x, slope = 0.5, 1.0
    for _ in range(12):
        x = 1 / (1 + math.exp(-x))
        slope *= x * (1 - x)
    assert f"from 1 to about {slope:.4g}".replace("e-0", "e-") in one.sentence
    assert "over 12 edges on the way from f to x" in one.sentence
    assert found(nested("sigmoid", 6), x=0.5) == []


def test_saturated_links_of_a_vanishing_chain_are_not_listed_again() -> None:
    text = "x"
    for _ in range(6):
        text = f"tanh(5*{text})"
    assert [kind for _, kind in found(text, x=1)] == ["vanishing"]


def test_a_chain_that_multiplies_the_adjoint_explodes() -> None:
    text = "x"
    for _ in range(16):
        text = f"tanh(3*{text})"
    [one] = warnings(derive(text, at={"x": "1e-9"}))
    assert (one.node, one.kind) == ("x", "exploding")
    assert one.sentence.endswith("over 31 edges on the way from v31 to x, most at v31 (constant multiple):"
                                 " exploding gradient")  # fmt: skip
    assert found("((((x^2)^2)^2)^2)^2", x=2) == []  # the output is as large: a high power, and no chain


@pytest.mark.parametrize(
    ("text", "x", "node"),
    [("3/(x - 1)", "1.00000001", "f"), ("log(x)", "1e-9", "f"), ("2*sqrt(x)", "1e-16", "v1"),
     ("tan(x)", "1.5707963", "f"), ("x^(-3)", "1e-4", "f"), ("asin(x)^2", "0.99999999999999", "v1")],
)  # fmt: skip
def test_a_steep_place_is_named_where_it_happens(text: str, x: str, node: str) -> None:
    [one] = warnings(derive(text, at={"x": x}))
    assert (one.node, one.kind) == (node, "exploding")
    assert "very steep at" in one.sentence


@pytest.mark.parametrize(
    ("text", "at"),
    [("m*c^2", {"m": "3", "c": "299792458"}), ("x^100", {"x": "2"}), ("exp(x)", {"x": "20"}), ("1e9*x", {"x": "1"}),
     ("x/1e-9", {"x": "1"}), ("gamma(x)", {"x": "15"}), ("x*log(x)", {"x": "1e-9"}), ("1/x^21", {"x": "1/2"}),
     ("1000*(1000*(1000*x))", {"x": "1"}), ("0.001*(0.001*(0.001*(x + 1 + 1 + 1 + 1)))", {"x": "1"}),
     ("1e-9*(x/2/2/2/2)", {"x": "1"}), ("sin(1e9*t)", {"t": "1e-9"}), ("cos(x/1e-9)", {"x": "1e-9"}),
     ("exp(exp(exp(x)))", {"x": "2"}),
     (f"{nested('sigmoid', 12)} - {nested('sigmoid', 12)}", {"x": "1"}),
     ("x^2", {"x": "1e-9"}), ("log(exp(-x^2))", {"x": "10"})],
)  # fmt: skip
def test_large_and_small_numbers_alone_are_no_warning(text: str, at: dict[str, str]) -> None:
    assert warnings(derive(text, at=at)) == []


@pytest.mark.parametrize(
    ("text", "x", "sentence"),
    [
        ("5*log(x - 3)", "1", "v2 = log(v1) has no real value at v1 = -2"),
        ("(x + 1)/(x - 1)", "1", "f = v1/v2 has no real value at v2 = 0"),
        ("sin(log(x)) + sqrt(log(x))", "-1", "v1 = log(x) has no real value at x = -1"),
        ("3*sqrt(x)", "0",
         "the local derivative of v1 = sqrt(x) by x, 1/(2*v1), has no value at x = 0: nothing can be sent back"),
    ],
)  # fmt: skip
def test_the_first_place_without_a_value_is_named_once(text: str, x: str, sentence: str) -> None:
    assert told(text, x=x) == [sentence]


def test_a_branch_that_is_not_taken_may_have_no_value() -> None:
    assert found("log(x) if x > 0 else 2*x", x=-1) == []
    assert found("log(x) if x < 0 else 2*x", x=-1) == [("v1", "undefined")]
    assert found("log(x) if x < 0 else sqrt(x)", x=-1) == [("v1", "undefined")]
    assert found("sqrt(x)*(log(x) if x > 0 else 2*x)", x=-1) == [("v1", "undefined")]


def test_a_variable_without_a_value_is_no_warning() -> None:
    assert found("log(x)*y", x=2) == []
    assert found("log(x) + log(y)", x=2) == []


def test_ordinary_points_of_textbook_problems_have_no_warnings() -> None:
    rows = [line.split("\t") for line in (CORPUS / "textbook.tsv").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if len(row) == 3]
    looked_at, warned = 0, []
    for equation, variable, _ in rows:
        for x in ("1", "1/2"):
            derivation = derive(equation, [variable])
            names = derivation.graph.variables([derivation.root])
            at = {name: x if name == variable else str(Fraction(k + 2, 4)) for k, name in enumerate(names)}
            if not at:
                continue
            derivation = derive(equation, [variable], at)
            for one in warnings(derivation):
                if one.kind == "undefined":
                    assert None in derivation.gradient_value.values()
                else:
                    warned.append((equation, x, one.kind))
            looked_at += 1
    assert looked_at > 1000
    assert {equation for equation, _, _ in warned} <= {"sign(x)", "max(x^2, 1)", "min(x, y)"}, warned


def test_every_warning_of_the_second_derivative_is_about_its_own_pass() -> None:
    assert found("tanh(x)", order=2, x=1) == []
    assert found("abs(x)", order=2, x=2) == []
    assert found("a^x", order=2, a=1, x=3) == []


def test_every_pass_of_a_jacobian_is_looked_at() -> None:
    derivation = derive("a = x*y; [log(a), 3*relu(a - 5)]", at={"x": 1, "y": "1e-9"}, jacobian=True)
    assert [(one.node, one.kind) for one in warnings(derivation)] == [("f1", "exploding"), ("v2", "dead")]


def test_the_kinds_of_derivations_with_several_passes_have_sentences_and_no_false_alarms() -> None:
    curve = derive("x^2 + y^2 = 25", at={"x": 3, "y": 4})
    hessian = derive("x^2*sin(y)", hessian=True, at={"x": 1, "y": 0.5})
    for derivation in (curve, hessian):
        assert warnings(derivation) == []
        assert all(edge_sentence(derivation, link) for link in derivation.edges)
    assert edge_sentence(hessian, hessian.edges[-1]).count("here it") == 1


def test_a_long_trace_is_warned_of_in_one_line() -> None:
    derivation = derive(nested("sigmoid", 3000), at={"x": "1"})
    assert len(warnings(derivation)) == 1
    assert all(edge_sentence(derivation, link) for link in derivation.edges)


# -- numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1, -7, Fraction(2, 3), 10**40, Fraction(1, 10**30), -(2**500)])
def test_magnitudes_are_logarithms(value: int | Fraction) -> None:
    size = magnitude(value)
    assert size is not None
    assert math.isclose(size, math.log10(abs(value.numerator)) - math.log10(value.denominator), abs_tol=1e-12)


def test_magnitudes_of_balls_and_of_what_is_no_number() -> None:
    from flint import arb

    from backprop.evaluate import Exact

    assert math.isclose(magnitude(arb("1e-4000")) or 0, -4000)
    assert math.isclose(magnitude(Exact("e", 10)) or 0, 10 / math.log(10))
    assert magnitude(arb(0)) == -math.inf
    assert magnitude(arb(0, 1)) is None
    assert magnitude(True) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-3, "-3"), (Fraction(1, 3), "1/3"), (Fraction(1, 10**9), "1e-9"), (12345678901, "about 1.235e10"),
     (10**12, "1e12"), (Fraction(10**9, 7), "about 1.429e8"), (2**1000, "about 1.072e301")],
)  # fmt: skip
def test_numbers_are_short_and_rounded_ones_say_so(value: int | Fraction, text: str) -> None:
    assert short(value) == text


def test_the_index_is_not_kept_longer_than_the_derivation() -> None:
    import gc
    import weakref

    derivation: Derivation | None = derive("x*y", at={"x": 1, "y": 2})
    assert derivation is not None
    edge_sentence(derivation, derivation.edges[0])
    gone = weakref.ref(derivation)
    derivation = None
    gc.collect()
    assert gone() is None
