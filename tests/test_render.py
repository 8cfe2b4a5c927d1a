"""How a derivation is shown: what stands in the rows, and how they are laid out."""

import re
from functools import cache
from pathlib import Path

import pytest

from backprop.derivation import Verification, derive
from backprop.errors import display_width
from backprop.expr import PRETTY, to_text
from backprop.parser import parse_equation
from backprop.render import plain, terminal
from backprop.render.plain import Trace, fold, lay_out, render, result_text, summary

EXAMPLES = Path(__file__).parents[1] / "examples"


@cache
def examples():
    lines = [line.strip() for path in EXAMPLES.glob("*.eq") for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def section(text, title):
    """The lines of one section, without its heading."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return next(block[1:] for block in blocks if block[0].startswith(title))


def test_the_whole_trace_reads_as_in_the_design():
    derivation = derive("5*a**2/(1+exp(b))", ["a", "b"], {"a": 2, "b": 0})
    for name, form in (("a", "10a/(1+e^b)"), ("b", "-5a^2 e^b/(1+e^b)^2")):  # what a worker would answer
        derivation.forms[derivation.derived[name]] = parse_equation(form, graph=derivation.graph).root
    derivation.verified = Verification("proved", "proved equal to sympy.diff")
    assert render(derivation) == (
        "read as  f(a, b) = 5·a² / (1 + e^b)\n"
        "\n"
        "Forward           (a = 2, b = 0)\n"
        "  v1 = a²      power             = 4\n"
        "  v2 = 5·v1    constant multiple = 20\n"
        "  v3 = e^b     exponential       = 1\n"
        "  v4 = 1 + v3  sum               = 2\n"
        "  f  = v2/v4   quotient          = 10\n"
        "\n"
        "Backward          (v̄1 means ∂f/∂v1; start with f̄ = 1; sends = adjoint · local derivative)\n"
        "  edge     rule                    local derivative        sends\n"
        "  f → v2   R07  quotient, top      1/v4             = 1/2  f̄ · 1/v4      = 1/2\n"
        "  f → v4   R07  quotient, bottom   −v2/v4²          = −5   f̄ · (−v2/v4²) = −5\n"
        "  v4 → v3  R02  sum                1                       v̄4 · 1        = −5\n"
        "  v3 → b   R11  exponential        v3               = 1    v̄3 · v3       = −5\n"
        "  v2 → v1  R03  constant multiple  5                       v̄2 · 5        = 5/2\n"
        "  v1 → a   R05  power              2·a              = 4    v̄1 · 2·a      = 10\n"
        "\n"
        "Adjoints          (what arrives at a node)\n"
        "  v̄4 = −5·a² / (1 + e^b)² = −5\n"
        "  v̄3 = −5·a² / (1 + e^b)² = −5\n"
        "  v̄2 = 1 / (1 + e^b)      = 1/2\n"
        "  v̄1 = 5 / (1 + e^b)      = 5/2\n"
        "\n"
        "Gradient          (∂f/∂a is a\u0304)\n"
        "  ∂f/∂a = 10·a / (1 + e^b)       = 10\n"
        "  ∂f/∂b = −5·a²·e^b / (1 + e^b)² = −5\n"
        "\n"
        "✓ proved equal to sympy.diff"
    )


def test_a_node_with_two_users_shows_the_sum_and_where_each_part_comes_from():
    assert section(render(derive("x*y + sin(x)")), "Adjoints")[-3:] == [
        "  x̄  = y           from v1 = x·y, product",
        "     + cos(x)      from v2 = sin(x), sine",
        "     = y + cos(x)",
    ]


def test_a_negative_part_of_a_sum_stands_in_brackets():
    assert "     + (−sin(x))   from v2 = cos(x), cosine" in render(derive("x*y + cos(x)"))


def test_a_variable_with_one_user_is_left_to_the_gradient():
    assert not any("x̄" in line for line in section(render(derive("sin(x^2)")), "Adjoints"))


def test_the_bar_is_explained_once():
    text = render(derive("sin(x^2)"))
    assert text.count("means") == 1
    assert "v̄1 means ∂f/∂v1; start with f̄ = 1" in text


def test_the_outer_derivative_is_visibly_taken_at_the_inner_function():
    rows = section(render(derive("sin(x^2 + 1)")), "Backward")
    assert any("sine, at v2" in row and "cos(v2)" in row for row in rows)


def test_the_derivative_of_an_unknown_function_is_taken_at_its_operand():
    text = render(derive("f(g(x))", functions=["f", "g"]))
    assert "R105 declared function, at v1  f'(v1)" in text
    assert "dF/dx = f'(g(x))·g'(x)" in text  # f is taken, so the output has another name


@pytest.mark.parametrize(
    ("equation", "wanted"),
    [
        ("x*y", ["product, first factor", "product, second factor"]),
        ("x/y", ["quotient, top", "quotient, bottom"]),
        ("x - y", ["difference, first term", "difference, second term"]),
        ("x^y", ["general power, base", "general power, exponent"]),
        ("x if y > 0 else z", ["case by case, if it holds", "case by case, otherwise"]),
        ("log(x, b)", ["base b, argument", "base b, base"]),
        ("atan2(y, x)", [", by y", ", by x"]),
        ("5/x", ["reciprocal"]),
        ("3*x", ["constant multiple"]),
    ],
)
def test_an_edge_says_which_operand_it_leads_to(equation, wanted):
    rows = section(render(derive(equation)), "Backward")
    for words in wanted:
        assert any(words in row for row in rows), words


def test_one_variable_has_a_straight_d_and_several_have_a_curly_one():
    assert "df/dx" in render(derive("x^2"))
    assert "∂f/∂x" in render(derive("x*y"))
    assert "∂f/∂x" in render(derive("a*x", ["x"]))
    assert "dy/dt" in render(derive("y = t^2"))


def test_the_second_derivative_says_so_in_its_headings():
    text = render(derive("x^3*y", order=2))
    assert "Second derivative by x: forward  (through the first derivative)" in text
    assert "Second derivative by y: backward" in text
    assert "∂²f/∂x² = " in text
    assert "d³f/dx³ = 6" in render(derive("x^3", order=3))
    assert "d^3f/dx^3 = 6" in render(derive("x^3", order=3), ascii=True)


def test_a_pass_whose_nodes_the_next_pass_uses_too_keeps_its_own_adjoints():
    derivation = derive("x^2*y^2", at={"x": 1, "y": 2}, order=2)
    assert all(link.sends_value is not None for link in derivation.edges)
    assert {name: derivation.number(v) for name, v in derivation.gradient_value.items()} == {"x": "8", "y": "2"}


def test_no_variable_a_bare_variable_and_a_constant_are_explained():
    assert "nothing is sent back" in render(derive("2 + 3"))
    assert "f is x itself: nothing to pass on, x̄ = f̄ = 1" in render(derive("x"))
    assert "f does not depend on what it is differentiated by" in render(derive("x", ["y"]))
    assert "  0" in section(render(derive("7")), "Gradient")


def test_a_condition_has_a_truth_value_and_no_adjoint():
    text = render(derive("z if z > 0 else 2z", at={"z": 1}))
    assert "v1 = z > 0            comparison        = true" in text
    assert "v̄1 =" not in text


def test_steps_choose_the_sections():
    titles = {
        steps: [
            s.title for t in [Trace(derive("sin(x^2)"), steps=steps)] for s in (*t.opening(), *t.closing()) if s.title
        ]
        for steps in plain.STEPS
    }
    assert titles == {
        "all": ["Forward", "Backward", "Adjoints", "Gradient"],
        "adjoints": ["Adjoints", "Gradient"],
        "result": ["Gradient"],
    }


def test_notes_on_the_reading_stand_at_the_top_and_others_at_the_end():
    derivation = derive("1/2x", at={"x": 1, "y": 1})
    lines = render(derivation).splitlines()
    assert lines[1].startswith("note  ")
    assert lines[-1] == "note: y has a value but does not occur"


@pytest.mark.parametrize(
    ("status", "mark", "plain_mark"),
    [("proved", "✓", "ok"), ("sampled", "~", "~"), ("unverified", "!", "!"), ("failed", "✗", "X")],
)
def test_the_verdict_has_a_mark(status, mark, plain_mark):
    derivation = derive("x^2")
    derivation.verified = Verification(status, "some words")
    assert render(derivation).splitlines()[-1] == f"{mark} some words"
    assert render(derivation, ascii=True).splitlines()[-1] == f"{plain_mark} some words"


# -- the line of several and the quiet line ------------------------------------------------------------


def test_a_summary_is_one_line():
    derivation = derive("x*y")
    derivation.verified = Verification("proved", "proved equal to sympy.diff")
    assert plain.plain(summary(derivation)) == "f(x, y) = x·y   ∂f/∂x = y, ∂f/∂y = x   ✓ proved equal to sympy.diff"


def test_a_result_alone_reads_back():
    assert result_text(derive("x^2")) == "2*x"
    assert result_text(derive("x*y")) == "[y, x]"
    assert result_text(derive("x*y", ["y"])) == "x"
    assert result_text(derive("4")) == "0"


def chain_of(n):
    text = "x"
    for _ in range(n):
        text = f"sin({text})*y"
    return text


def test_a_huge_result_is_a_straight_line_program_on_one_line():
    line = result_text(derive(chain_of(200)))
    assert "\n" not in line
    parts = line.split("; ")
    assert len(parts) > 100
    assert re.fullmatch(r"t1 = .*", parts[0])
    assert parts[-1].startswith("[")
    assert len(line) < 40_000


def test_large_adjoints_are_shown_in_the_names_of_the_trace():
    sizes = [len(render(derive(chain_of(n)))) for n in (150, 300, 600)]
    assert sizes[1] < 2.3 * sizes[0]
    assert sizes[2] < 2.3 * sizes[1]
    assert "v̄2 · y" in render(derive(chain_of(300)))


def test_a_large_trace_comes_row_by_row():
    trace = Trace(derive("+".join(f"x{i}^2" for i in range(3000))))
    lines = lay_out(trace.opening())
    assert [plain.plain(next(lines)) for _ in range(4)][3] == "  v1   = x0²          power"


# -- layout ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("ascii", [False, True])
def test_everything_fits_the_width(width, ascii):
    for equation in examples()[:: 4 if width > 20 else 9]:
        first = derive(equation)
        point = dict.fromkeys(first.graph.variables([first.root]), "1/3")
        others = [derive(equation, order=2)] if len(first.outputs) == 1 else []
        if first.kind != "implicit":  # of a relation, not every point is on the curve
            others.append(derive(equation, at=point))
        for derivation in (first, *others):
            for line in render(derivation, width=width, ascii=ascii).splitlines():
                assert display_width(line) <= width, (equation, line)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_folding_loses_nothing(width):
    def squeezed(text):
        words = re.sub(r"local\s+derivative|sends|edge|rule|\s|[()]", "", text)
        return sorted(words)

    for equation in examples()[::7]:
        derivation = derive(equation)
        assert squeezed(render(derivation, width=width)) == squeezed(render(derivation))


def test_uncut_text_never_folds_a_formula():
    equation = "+".join(f"sin(a{i}*x)" for i in range(100))
    derivation = derive(equation)
    assert to_text(derivation.graph, derivation.root, PRETTY) in render(derivation).splitlines()[0]


def test_one_long_cell_does_not_push_the_other_rows_away():
    columns = (plain.NAME, plain.FORMULA, plain.NUMBER)
    rows = [("a", "= 1 + 1", "= 2"), ("b", "= " + "1 + " * 1000 + "1", "= 1001")]
    first, second = map(plain.plain, lay_out([plain.Section("", "", columns, rows, top=True)]))
    assert len(first) < 60
    assert second.endswith("1 = 1001")


def test_names_are_aligned_under_combining_marks():
    lines = section(render(derive("x*y + sin(x)")), "Adjoints")
    columns = {display_width(re.split("[=+]", line)[0]) for line in lines}
    assert columns == {5}


def test_ascii_is_ascii_also_for_greek_names():
    for equation in [*examples()[::3], "θ^2 + sin(θ)·Ω"]:
        for order in (1, 2):
            assert render(derive(equation, order=order), ascii=True).isascii()
    assert "df/dtheta" in render(derive("θ^2"), ascii=True)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("a + b", 10, ["a + b"]),
        ("alpha + beta", 9, ["alpha +", "  beta"]),
        ("abcdefghijkl", 6, ["abcdef", "  ghij", "  kl"]),
        ("aaa·bbb·ccc", 9, ["aaa·bbb·", "  ccc"]),
        ("v̄v̄v̄v̄", 3, ["v̄v̄v̄", " v̄"]),
        ("日本語日本", 6, ["日本語", "  日本"]),
        ("", 5, [""]),
    ],
)
def test_folding(text, width, lines):
    assert fold(text, width) == lines


def test_folding_is_linear():
    assert len(fold("x·" * 100_000, 40)) > 5000


# -- terminal -------------------------------------------------------------------------------------------


def test_the_terminal_shows_the_same_text_in_colours():
    derivation = derive("5*a**2/(1+exp(b))", at={"a": 2, "b": 0})
    coloured = terminal.render(derivation, width=80)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).rstrip("\n") == render(derivation, width=80)


@pytest.mark.parametrize("name", ["[red]", "[/]", "[link=x]", ":smile:"])
def test_nothing_is_read_as_markup(name):
    derivation = derive("x^2")
    derivation.note(f"{name} stays")
    assert f"{name} stays" in terminal.render(derivation, width=80)
    assert f"{name} stays" in render(derivation)


def test_no_control_character_of_a_user_reaches_the_output():
    derivation = derive("x^2")
    derivation.note("a\x1b[31mb\x9bc\u202ed\u200be")
    for text in (render(derivation), terminal.render(derivation, width=200)):
        assert "aU+001B[31mbU+009BcU+202EdU+200Be" in text


def test_every_style_has_a_colour():
    assert set(terminal.COLOURS) == set(plain.STYLES)
