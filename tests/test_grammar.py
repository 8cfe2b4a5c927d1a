"""The input language: every line of grammar/accept.txt and reject.txt, and the laws of reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop import grammar_tables, lexer
from backprop.errors import BackpropError, EncodingError, LimitError, NameFault, ParseError, excerpt
from backprop.expr import ASCII, PRETTY, PYTHON, Graph, to_text
from backprop.ops import FUNCTIONS
from backprop.parser import Equation, parse, parse_equation

GRAMMAR = Path(__file__).parent.parent / "grammar"
CORPUS = Path(__file__).parent / "corpus"


def lines(path: Path) -> list[str]:
    """The lines of a file of cases, without comments and blank lines."""
    text = path.read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("# ")]


def pairs(path: Path) -> list[tuple[str, str]]:
    found = [line.rsplit(" => ", 1) for line in lines(path)]
    assert all(len(pair) == 2 for pair in found)
    return [(typed, expected) for typed, expected in found]


ACCEPTED = pairs(GRAMMAR / "accept.txt")
REFUSED = pairs(GRAMMAR / "reject.txt")


def refusal(text: str) -> BackpropError:
    """The error that a text is refused with."""
    with pytest.raises(BackpropError) as caught:
        parse_equation(text)
    return caught.value


def attempt(text: str) -> Equation | BackpropError:
    """What a text is read as, or refused with; any other exception is a fault of the program."""
    try:
        return parse_equation(text)
    except BackpropError as error:
        return error


# -- what is accepted --------------------------------------------------------------------------


def test_every_accepted_line_has_its_canonical_text():
    assert len(ACCEPTED) >= 250
    wrong = [(t, str(parse_equation(t)), c) for t, c in ACCEPTED if str(parse_equation(t)) != c]
    assert wrong == []


def test_no_input_is_listed_twice():
    typed = [t for t, _ in ACCEPTED] + [t for t, _ in REFUSED]
    assert sorted(typed) == sorted(set(typed))


def test_canonical_text_reads_back_to_the_same_node():
    wrong = []
    for typed, _ in ACCEPTED:
        equation = parse_equation(typed)
        again = parse_equation(to_text(equation.graph, equation.root), graph=equation.graph)
        if again.root != equation.root:
            wrong.append((typed, str(equation), str(again)))
    assert wrong == []


def test_canonical_text_makes_no_note_but_on_names():
    noted = []
    for _, canonical in ACCEPTED:
        if "=" not in canonical.replace("<=", "").replace(">=", "").replace("==", "").replace("!=", ""):
            notes = parse_equation(canonical).notes
            noted += [n for n in notes if "read as one name" not in n and "read as a variable" not in n]
    assert noted == []


@pytest.mark.parametrize("style", [PYTHON, ASCII, PRETTY], ids=["python", "ascii", "pretty"])
def test_the_corpus_reads_back_in_every_style(style):
    wrong, count = [], 0
    for typed in lines(CORPUS / "expressions.txt"):
        equation = parse_equation(typed)
        if equation.right is not None:
            continue
        count += 1
        text = to_text(equation.graph, equation.root, style)
        again = parse_equation(text, graph=equation.graph)
        if again.root != equation.root:
            wrong.append((typed, text, str(again)))
    assert count > 3000
    assert wrong == []


NAMES = ["x", "y", "z", "x_1", "theta", "α", "velocity", "gamma", "e1", "ħ", "beta"]
NUMBERS = ["0", "1", "2", "10", "0.5", ".25", "3.", "2e3", "1.5e-4"]
UNARY = sorted({row[1].name for row in FUNCTIONS.values() if 1 in row} | {"neg", "factorial"})
BINARY = ["add", "sub", "mul", "div", "pow"] * 4 + sorted(
    {row[2].name for row in FUNCTIONS.values() if 2 in row} - {"max", "min"}
)


@st.composite
def built(draw: Any) -> tuple[Graph, int]:
    """A random expression, built node by node without the parser."""
    graph = Graph()
    nodes = [graph.variable(name) for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))]
    nodes += [parse_equation(text, graph=graph).root for text in draw(st.lists(st.sampled_from(NUMBERS), max_size=3))]
    nodes += [graph.node("pi")] * draw(st.booleans())
    for _ in range(draw(st.integers(1, 9))):
        pick = st.sampled_from(nodes[-6:])
        kind = draw(st.integers(0, 9))
        if kind < 3:
            nodes.append(graph.node(draw(st.sampled_from(UNARY)), draw(pick)))
        elif kind < 9:
            nodes.append(graph.node(draw(st.sampled_from(BINARY)), draw(pick), draw(pick)))
        else:
            condition = graph.node(draw(st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"])), draw(pick), draw(pick))
            if draw(st.booleans()):
                condition = graph.node("not", condition)
            if draw(st.booleans()):
                other = graph.node("lt", draw(pick), draw(pick))
                condition = graph.node(draw(st.sampled_from(["and", "or"])), condition, other)
            nodes.append(graph.node("where", condition, draw(pick), draw(pick)))
    return graph, nodes[-1]


@settings(max_examples=250, deadline=None, derandomize=True)
@given(built(), st.sampled_from([PYTHON, ASCII, PRETTY]))
def test_any_expression_reads_back_as_it_was_built(expression, style):
    graph, root = expression
    text = to_text(graph, root, style)
    assert parse_equation(text, graph=graph, wrt=graph.variables([root])).root == root, text


# -- notes -------------------------------------------------------------------------------------

NOTED = [
    ("e^2x", "`e^2x` is read as (e^2)*x"),
    ("e^-2x", "(e^-2)*x"),
    ("2^3x", "(2^3)*x"),
    ("(x+1)^n(y)", "((…)^n)*(…)"),
    ("e^2(x + 1)", "(e^2)*(…)"),
    ("x^1/2", "(x^1)/2"),
    ("1/2x", "only 2 divides"),
    ("a/b c", "only b divides"),
    ("1/x y", "only x divides"),
    ("x/2(y + 1)", "`/2(…)` is read as (…/2)*(…)"),
    ("sin 2x", "all of the product"),
    ("sin x y", "all of the product"),
    ("sin x/y", "takes `x` only"),
    ("sin^2 2x", "`sin^2 2x`: the function takes all"),
    ("x + cos^2 2x", "`cos^2 2x`: the function takes all"),
    ("√2x", "takes 2 only"),
    ("∛8x", "write ∛(8x)"),
    ("sinx", "`sinx` is read as sin(x)"),
    ("sin2x", "sin(2*x)"),
    ("xsinx", "x*sin(x)"),
    ("xsin(x)", "x*sin(…)"),
    ("xysin(x)", "x*y*sin(…)"),
    ("sinxcosx", "sin(x)*cos(x)"),
    ("lnx", "ln(x)"),
    ("Sin(x)", "the function sin"),
    ("LN x", "the function ln"),
    ("sin^-1 x", "the inverse function asin"),
    ("tan⁻¹(x)", "the inverse function atan"),
    ("cosh^-1 x", "inverse function acosh"),
    ("x(x + 1)", "x times the bracket"),
    ("mu(x - 1)", "mu times the bracket"),
    ("gamma (x - mu) + gamma", "the function gamma"),
    ("x 2", "`x 2` is read as a product"),
    ("(x + 1)2", "`…)2` is read as a product"),
    ("xy = 1", "`xy` is read as x*y"),
    ("xy = x + y", "`xy` is read as x*y"),
    ("x + xy", "x*y"),
    ("abc + a", "a*b*c"),
    ("y = mx + b", "`mx` is read as one name; write m*x"),
    ("2ab", "one name"),
    ("xyz", "write x*y*z"),
    ("pix", "pi*x"),
    ("Pi r", "the constant pi"),
    ("xe^x", "`xe` is read as x*e"),
    ("ae^(-x)", "a*e"),
    ("A sin(ωt + φ)", "ω*t"),
    ("αβ", "α*β"),
    ("a₁x", "a_1*x"),
    ("x₁", "x_1"),
    ("𝑥²", "`𝑥` is read as x"),
    ("ℏ", "is read as ħ"),
    ("erf x", "`erf` is read as the function"),
    ("abs x", "`abs` is read as the function"),
    ("min x", "`min` is read as a variable"),
    ("log_2x", "log_2(x)"),
]


def test_a_reading_that_was_not_the_only_one_makes_a_note():
    missing = [(t, part) for t, part in NOTED if not any(part in n for n in parse_equation(t).notes)]
    assert missing == []


@pytest.mark.parametrize(
    "text",
    [
        "2x",
        "x^2 y",
        "5x^2y^3",
        "x²y³",
        "4/3 pi r^3",
        "a b c",
        "sin x",
        "sin x cos x",
        "2(x + 1)",
        "(x + 1)(x - 1)",
        "|x||y|",
        "√2 x",
        "√x y",
        "2πr",
        "x dx",
        "mom",
        "sin(x)/x",
        "e^-x",
        "x^-2",
        "gamma(x)",
        "gamma + 1",
        "1/sin x",
    ],
)
def test_the_only_reading_makes_no_note(text):
    assert parse_equation(text).notes == []


def test_notes_are_few_however_long_the_input_is():
    text = " + ".join(f"e^{i}x + 1/{i}y" for i in range(2, 200))
    assert 2 <= len(parse_equation(text).notes) <= 20


# -- meaning of the context --------------------------------------------------------------------


def test_a_word_is_a_product_if_a_letter_is_asked_for():
    assert str(parse("e^(kt)")) == "exp(kt)"
    assert str(parse("e^(kt)", wrt=["t"])) == "exp(k*t)"
    assert str(parse("2ax", wrt=["x"])) == "2*a*x"


def test_a_name_that_is_asked_for_stays_one_name():
    assert str(parse("xy + x", wrt=["xy"])) == "xy + x"
    assert str(parse("sinx", wrt=["sinx"])) == "sinx"
    assert str(parse("Pi + ωt", wrt=["Pi", "ωt"])) == "Pi + ωt"


def test_letters_of_a_product_make_products_of_other_words():
    assert str(parse("ab + bc + cd + a")) == "a*b + b*c + c*d + a"


def test_names_that_clash_with_other_programs_are_plain_variables():
    for name in "E I S N O Q C beta gamma lambda is None v1 dx zeta l o".split():
        assert parse(name).name == name


def test_declared_functions_are_called_and_keep_their_primes():
    assert str(parse("f(g(x)) + f'(x)", functions=["f", "g"])) == "f(g(x)) + f'(x)"
    assert str(parse("f'[1,2](x, y)", functions=["f"])) == "f'[1,2](x, y)"
    with pytest.raises(NameFault, match="needs an argument"):
        parse("f + 1", functions=["f"])


def test_derivatives_in_front_are_understood():
    found = parse_equation("d^2/dt^2 sin(k t)")
    assert (found.wrt, found.order, str(found)) == ("t", 2, "sin(k*t)")
    assert parse_equation("∂/∂y (x y)").wrt == "y"
    for left in ("dy/dx =", "y' =", "f'(x) =", "∂f/∂x =", "d²y/dx² =", "d/dx(x^2) ="):
        equation = parse_equation(f"{left} 2x")
        assert equation.prefix is not None
        assert equation.right is None
        assert str(equation.node) == "2*x"


def test_an_equation_is_a_definition_or_implicit():
    assert parse_equation("y = 2x").output == "y"
    assert parse_equation("f(x, y) = x y").parameters == ("x", "y")
    for text in ("x^2 + y^2 = 25", "y = x*y + 1", "y = xy + 1", "xy = 1", "2y = x"):
        equation = parse_equation(text)
        assert equation.output is None
        assert equation.right is not None


def test_line_breaks_and_tabs_are_spaces_and_comments_end_with_the_line():
    assert str(parse("x +\n\t2 # two\n * y")) == "x + 2*y"
    assert str(parse("\ufeffx + 1")) == "x + 1"


def test_numbers_are_exact():
    from fractions import Fraction

    assert parse("0.1").value == Fraction(1, 10)
    assert parse("2e3").value == 2000
    assert type(parse("1.5E-2").value) is Fraction
    assert str(parse("0.10 + 1e-3")) == "0.10 + 1e-3"


# -- what is refused ---------------------------------------------------------------------------


def test_every_refused_line_has_its_column_and_message():
    assert len(REFUSED) >= 60
    wrong = []
    for typed, expected in REFUSED:
        column, message = expected.split(": ", 1)
        error = refusal(typed)
        if str(error.column) != column or message not in error.message:
            wrong.append((typed, expected, f"{error.column}: {error.message}"))
    assert wrong == []


def test_the_corpus_of_faults_is_refused_with_place_and_remedy():
    faults = [line.split("\t")[0] for line in lines(CORPUS / "must_fail.txt")]
    assert len(faults) >= 90
    for typed in faults:
        error = refusal(typed)
        assert isinstance(error, ParseError | NameFault | EncodingError | LimitError), typed
        assert error.column is not None, typed
        assert 1 <= error.column <= len(typed) + 1, typed
        assert error.message, typed
        assert "Traceback" not in str(error), typed


def test_the_caret_stands_under_the_fault():
    error = refusal("3*sni(x+2)")
    assert excerpt(error) == ["3*sni(x+2)", "  ^^^"]
    assert error.hint is not None
    assert "`sin`" in error.hint
    assert "s*n*i*(x+2)" in error.hint


def test_every_prefix_and_every_deletion_of_a_line_is_read_or_refused_with_a_sentence():
    """No exception but our own, and a column inside the text."""
    texts = [t for t, _ in ACCEPTED[::7]]
    broken = [t[:i] for t in texts for i in range(len(t))]
    broken += [t[:i] + t[i + 1 :] for t in texts for i in range(len(t))]
    refused = 0
    for text in broken:
        outcome = attempt(text)
        if isinstance(outcome, BackpropError):
            refused += 1
            assert outcome.kind in ("parse", "name", "encoding", "limit"), text
            assert outcome.column is not None, text
            assert 1 <= outcome.column <= len(text) + 1, text
    assert len(broken) > refused > 500


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            [
                *"xyefdi2.0^*/+-−·√|()[]{},=<>!'′²ⁿ⁻½∂π# ",
                "sin",
                "sin^2",
                "ln ",
                "log_",
                "e^",
                "d/dx",
                "if ",
                " else ",
                " and ",
                "not ",
                "2e",
                "θ",
                "x_",
                "{1}",
                "max(",
                "piecewise(",
                "αx",
                "₁",
                "\\",
                "ж",
            ]
        ),
        max_size=12,
    )
)
def test_any_tokens_are_read_or_refused_and_what_is_read_reads_back(tokens):
    text = "".join(tokens)
    equation = attempt(text)
    if isinstance(equation, BackpropError):
        assert equation.kind in ("parse", "name", "encoding", "limit")
        assert equation.column is None or 1 <= equation.column <= len(text) + 1
        return
    again = parse_equation(to_text(equation.graph, equation.root), graph=equation.graph)
    assert again.root == equation.root


def test_latex_gets_an_error_that_names_it():
    for text in (r"\frac{1}{2} x", r"x^2 + \sin x", r"\sqrt{x}"):
        error = refusal(text)
        assert "LaTeX" in error.message
        assert error.text is not None
        assert error.column == text.index("\\") + 1


def test_letters_of_other_alphabets_are_named():
    error = refusal("2х + 1")
    assert error.kind == "encoding"
    assert "U+0445" in error.message
    assert "Latin letter x" in (error.hint or "")


def test_control_characters_never_reach_the_message():
    for text in ("x\x1b[31m + 1", "x\x00", "x + \x9b2", "x\u202e + 1", "x\u200b"):
        error = refusal(text)
        shown = str(error) + "".join(excerpt(error))
        assert all(c.isprintable() for c in shown), text


def test_long_numbers_and_too_many_nodes_are_limits():
    assert parse("1" * 300).value is not None
    assert refusal("1" * 301).kind == "limit"
    assert refusal("1e301").kind == "limit"
    text = "+".join(f"x{i}" for i in range(200))
    assert parse_equation(text, max_nodes=199).root >= 0
    with pytest.raises(LimitError, match="198"):
        parse_equation(text, max_nodes=198)


# -- the grammar file --------------------------------------------------------------------------


def test_the_tables_are_those_of_the_grammar():
    grammar = (GRAMMAR / grammar_tables.GRAMMAR).read_text(encoding="utf-8")
    stored = json.loads((GRAMMAR / grammar_tables.TABLES).read_text(encoding="utf-8"))
    assert json.loads(json.dumps(grammar_tables.build(grammar))) == stored, "run python -m backprop.grammar_tables"


def test_a_grammar_that_was_edited_is_built_anew(tmp_path, monkeypatch):
    for name in (grammar_tables.GRAMMAR, grammar_tables.TABLES):
        (tmp_path / name).write_text((GRAMMAR / name).read_text(encoding="utf-8"), encoding="utf-8")
    edited = tmp_path / grammar_tables.GRAMMAR
    text = edited.read_text(encoding="utf-8")
    assert refusal("x ⊗ y").kind == "parse"
    monkeypatch.setattr(grammar_tables, "folder", lambda: tmp_path)
    lexer.tables.cache_clear()
    try:
        assert refusal("x ⊗ y").kind == "parse"
        edited.write_text(text.replace('STAR: "*"', 'STAR: "*" | "⊗"'), encoding="utf-8")
        lexer.tables.cache_clear()
        assert str(parse("x ⊗ y")) == "x*y"
        (tmp_path / grammar_tables.TABLES).unlink()
        lexer.tables.cache_clear()
        assert str(parse("x ⊗ y")) == "x*y"
    finally:
        lexer.tables.cache_clear()
