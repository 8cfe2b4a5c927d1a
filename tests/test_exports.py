"""What is written to be taken away: LaTeX and Markdown, the words of print, and `diff --format`, `--open`."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import pytest

from backprop.cli import common
from backprop.cli.diff import EXPORTS
from backprop.derivation import Verification, derive
from backprop.errors import ParseError, UsageError
from backprop.notation import width_of
from backprop.parser import parse_equation
from backprop.render import latex, markdown
from backprop.render.plain import render as plain_text
from backprop.render.trace import STEPS, Row, Trace
from backprop.render.words import LatexWords, MathmlWords, Words, runs
from backprop.study import study

FAST = ("--no-verify", "--no-simplify")
KINDS = {
    "gradient": {"text": "5*a**2/(1+exp(b))", "at": {"a": 2, "b": 0}, "explain": True},
    "order": {"text": "x^5 sin x", "order": 3},
    "hessian": {"text": "x^2 y sin(x y)", "hessian": True, "at": {"x": 1, "y": 2}},
    "product": {"text": "x^2 y", "hessian": True, "along": {"dx": "1", "dy": "2"}},
    "jacobian": {"text": "[x y z, x + y/z]", "jacobian": True},
    "relation": {"text": "x^2 + y^2 = 25", "at": {"x": 3, "y": 4}, "tangent": True},
    "relation twice": {"text": "x^2 + y^2 = 25", "order": 2},
    "total": {"text": "x^2 y", "total": "t", "order": 2},
    "along": {"text": "x^2 y", "along": {"dx": "1", "dy": "a"}},
    "mixed": {"text": "x^3 y", "mixed": ["x", "y"]},
    "program": {"text": "h(u) = u^2 + 1; a = x + 2; b = a^2*h(a); loss = 3b", "at": {"x": 1}},
    "cases": {"text": "x^2 if x > 1 else (sin(x) if x < 0 else 3)", "at": {"x": 2}},
    "unknown": {"text": "f(g(x))", "functions": ["f", "g"]},
    "constant": {"text": "7"},
    "variable": {"text": "x", "at": {"x": 2}},
    "deep": {"text": "sin(" * 60 + "x" + ")" * 60},
    "sum": {"text": "+".join(f"x{k}*x{k + 1}" for k in range(60)), "wrt": ["x1"]},
    "huge": {"text": "; ".join(["a0 = x", *(f"a{k + 1} = sin(a{k})*a{k}" for k in range(14))])},
}


def example(kind):
    given = dict(KINDS[kind])
    return derive(given.pop("text"), **given)


def studied():
    found = derive("x y sin(x y)", at={"x": 1, "y": 2})
    study(found, modes=["all"], decompositions=True, check=True)
    return found


def cells(derivation, words, steps="all"):
    """All cells of a trace, finished, and the names of parts."""
    trace = Trace(derivation, words=words, steps=steps)
    found = []
    for section in chain(trace.opening(), trace.closing()):
        found += [section.title, section.remark, *(column.heading for column in section.columns)]
        found += [cell for row in section.rows for cell in row]
        found += [cell for row in trace.where() for cell in row]
    return found


# -- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_mathematics_is_marked_and_prose_is_not(kind):
    """What is marked is LaTeX of known commands; outside of the marks no command stands."""
    for cell in cells(example(kind), LatexWords()):
        assert cell.count("\x02") == cell.count("\x03")
        for is_math, text in runs(cell):
            if is_math:
                assert text.count("{") == text.count("}")
                assert not re.search(r"[·−→∂²√]|\*\*", text), text
            else:
                assert not re.search(r"\\|\{|_\{", text), text


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("kind", ["gradient", "hessian", "relation", "program", "total"])
def test_print_shows_the_sections_and_rows_of_the_text(kind, steps):
    words = [Words(), LatexWords(), MathmlWords()]
    shapes = []
    for one in words:
        trace = Trace(example(kind), words=one, steps=steps)
        sections = chain(trace.opening(), trace.closing())
        shapes.append([(len(section.columns), len([*section.rows])) for section in sections])
    assert shapes[0] == shapes[1] == shapes[2]


def test_rows_say_which_node_or_edge_they_are_about():
    derivation = example("hessian")
    trace = Trace(derivation)
    for section in chain(trace.opening(), trace.closing()):
        for row in section.rows:
            if section.title.startswith("Backward"):
                link = derivation.edges[row.link]
                assert (f"{link.source} → {link.target}", link.code) == row[:2]
            elif section.title.startswith("Forward") and isinstance(row, Row):
                assert row[0] in (derivation.names.get(row.node), "∂f/∂x", "∂f/∂y")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (
            LatexWords(),
            [
                r"\bar{v}_{12}", r"\overline{\mathrm{loss}}", r"\dot{\theta}", r"\frac{\mathrm{d} f}{\mathrm{d}x}",
                r"\frac{\partial^{3} f}{\partial x^{2} \partial y}", r"\mathrm{D}^{2} f", "f(x, y)",
            ],
        ),
        (Words(), ["v̄12", "bar(loss)", "dot(theta)", "df/dx", "∂³f/∂x²∂y", "D² f", "f(x, y)"]),
    ],
)  # fmt: skip
def test_words_name_adjoints_tangents_and_derivatives(words, wanted):
    found = [words.bar("v12"), words.bar("loss"), words.dot("theta"), words.partial("f", ["x"], True),
             words.partial("f", ["x", "x", "y"]), words.partial("f", ["", ""]),
             words.call("f", ["x", "y"])]  # fmt: skip
    assert found == wanted


def test_names_that_would_look_the_same_are_told_apart():
    text = latex.render(derive("x1*x_1"), fragment=True, steps="result")
    assert r"f(x_{1}, \mathrm{x\_1}) & = x_{1} \cdot \mathrm{x\_1}" in text


def test_a_part_that_is_too_wide_is_named_once_and_explained():
    words = LatexWords()
    derivation = derive("sin(" + "+".join(f"a{k}" for k in range(60)) + ")")
    found = cells(derivation, words)
    assert sum(text == "q_{1}" for cell in found for _, text in runs(cell)) == 1
    assert any(r"\cos q_{1}" in cell for cell in found)


def test_a_name_for_a_part_is_none_that_the_user_has():
    derivation = derive("sin(" + "+".join(f"a{k}" for k in range(60)) + ") + q1")
    assert any("r_{1}" in cell for cell in cells(derivation, LatexWords()))


# -- LaTeX ---------------------------------------------------------------------------------------------


def test_a_document_has_the_sections_of_the_trace():
    derivation = derive("5*a**2/(1+exp(b))", ["a", "b"], {"a": 2, "b": 0})
    for name, form in (("a", "10a/(1+e^b)"), ("b", "-5a^2 e^b/(1+e^b)^2")):
        derivation.forms[derivation.derived[name]] = parse_equation(form, graph=derivation.graph).root
    derivation.verified = Verification("proved", "proved equal to sympy.diff")
    text = latex.render(derivation)
    assert re.findall(r"\\subsection\*\{(\w+)\}", text) == ["Forward", "Backward", "Adjoints", "Gradient"]
    assert r"v_{4} & = 1 + v_{3} && \qquad \text{sum} && \qquad = 2" in text
    assert r"f \to v_{2} & \quad \text{R07 quotient, top} && \qquad \frac{1}{v_{4}} = \frac{1}{2}" in text
    assert r"\frac{\partial f}{\partial b} & = -\frac{5 a^{2} e^{b}}{(1 + e^{b})^{2}} && \qquad = -5" in text
    assert r"\textbf{$\checkmark$ proved equal to sympy.diff}" in text
    assert text.startswith("\\documentclass")
    assert text.endswith("\\end{document}\n")


def environments(text):
    """Every environment begins and ends, in order."""
    stack = []
    for command, name in re.findall(r"\\(begin|end)\{([\w*]+)\}", text):
        if command == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    return stack == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_derivation_makes_a_document_of_whole_environments(kind):
    text = latex.render(example(kind))
    assert environments(text)
    assert text.isascii()
    for columns, body in re.findall(r"\\begin\{alignat\*\}\{(\d)\}\n(.*?)\n\\end\{alignat\*\}", text, re.DOTALL):
        for line in body.split(" \\\\\n"):
            outside = re.sub(r"\\begin\{cases\}.*?\\end\{cases\}", "", line)
            assert outside.count("&") < 2 * int(columns), line


@pytest.mark.parametrize("kind", ["deep", "sum", "huge", "hessian"])
def test_no_line_of_a_document_is_wider_than_a_page(kind):
    for body in re.findall(r"\\begin\{alignat\*\}.*?\n(.*?)\\end\{alignat\*\}", latex.render(example(kind)), re.DOTALL):
        assert max(width_of(line) for line in body.split(" \\\\\n")) < 50


def test_studies_are_tables():
    text = latex.render(studied())
    assert r"finite-{}difference & 4 evaluations & 12" in text
    assert environments(text)


def test_a_fragment_has_nothing_but_formulas_and_comments():
    text = latex.render(example("gradient"), fragment=True)
    outside = re.sub(r"\\begin\{alignat\*\}.*?\\end\{alignat\*\}\n", "", text, flags=re.DOTALL)
    assert outside.count("\n") > 5
    assert all(line.startswith("%") for line in outside.splitlines())
    assert r"\usepackage{amsmath,amssymb}" in text.splitlines()[0]


def test_a_document_of_several_has_a_section_for_each_and_for_each_error():
    error = ParseError("no \\input{x} & 50%", hint="write <this>")
    text = "".join(latex.document([latex.part(derive("x^2")), latex.failure("x_1 +\n#", error)], title="A_B"))
    assert text.count(r"\section*") == 2
    assert r"A\_B" in text
    assert r"\texttt{x\_1 + \#}" in text
    assert r"no \textbackslash{}input\{x\} \& 50\% (\emph{write \textless{}this\textgreater{}})" in text


@pytest.mark.parametrize(
    ("text", "room", "wanted"),
    [
        ("= a + b", 20, ["= a + b"]),
        ("= a + b - c", 3, ["= a", r"\quad + b", r"\quad - c"]),
        (r"= \frac{a + b}{c - d} + e", 4, [r"= \frac{a + b}{c - d}", r"\quad + e"]),
        ("f(a, b, c)", 1, ["f(a,", r"\quad b,", r"\quad c)"]),
        ("a b c", 0.6, ["a", r"\quad \cdot b", r"\quad \cdot c"]),
        (r"\sin x \cos y", 2, [r"\sin x", r"\quad \cdot \cos y"]),
        ("a - (-b)", 2, ["a", r"\quad - (-b)"]),
        (r"\left(a + b\right)^{2}", 1, [r"\left(a + b\right)^{2}"]),
    ],
)
def test_a_long_formula_is_broken_at_its_signs(text, room, wanted):
    assert latex.broken(text, room) == wanted


def test_a_formula_in_lines_is_the_formula():
    text = "= " + " + ".join(f"a_{{{k}}} b_{{{k}}}" for k in range(90))
    lines = latex.broken(text, 30.0)
    assert len(lines) > 3
    assert " ".join(lines).replace(r"\quad ", "").replace(r"\cdot ", "") == text
    assert max(map(width_of, lines)) <= 31


# -- Markdown ------------------------------------------------------------------------------------------


def test_markdown_has_the_sections_of_the_trace():
    text = markdown.render(example("gradient"))
    assert re.findall(r"^### ([\w ]+)", text, re.MULTILINE) == [
        "Compute graph", "Forward", "Backward", "In words", "Adjoints", "Gradient",
    ]  # fmt: skip
    assert "| $`v_{4}`$ | $`= 1 + v_{3}`$ | sum | $`= 2`$ |" in text
    assert "```math\nf(a, b) = \\frac{5 a^{2}}{1 + e^{b}}\n```" in text
    assert "```mermaid\n" in text


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_markdown_are_rectangular(kind):
    """No cell has a bar of its own, and every row has as many cells as the line below the headings."""
    text = re.sub(r"```.*?```", "", markdown.render(example(kind)), flags=re.DOTALL)
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({re.sub(r"\\\|", "", row).count("|") for row in rows}) <= 1, block
    assert text.count("$`") == text.count("`$")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", "`` ` ``` </code>", "# heading", "[a](b)", "![a](b)", "| x |", "a\n\n# b", "```\n# c",
     "\u202egnp.exe", "~~a~~ **b** _c_ $d$ &amp; @me #1", "www.example.com http://example.com"],
)  # fmt: skip
def test_hostile_prose_is_inert_in_markdown(hostile):
    prose = markdown.escape_markdown(hostile)
    assert "\n" not in prose
    assert "\u202e" not in prose
    assert not re.search(r"(?<!\\)[`*_\[\]<>#|~$&@]|(?<!\\)://|www(?<!\\)\.", prose)
    heading = markdown.heading(hostile)
    assert heading.count("\n") == 1
    inside = heading.removeprefix("## ").strip()
    ticks = re.match("`+", inside)[0]
    assert inside.endswith(ticks)
    assert ticks not in re.findall("`+", inside[len(ticks) : -len(ticks)])
    error = markdown.failure(hostile, UsageError(hostile, hint=hostile))
    fences = [line for line in error.splitlines() if re.fullmatch("`{3,}(text)?", line)]
    assert len([fence for fence in fences if len(fence.removesuffix("text")) == max(map(len, fences)) - 4]) >= 1


def test_a_graph_that_is_too_large_for_mermaid_is_left_out_with_a_sentence(monkeypatch):
    monkeypatch.setattr(markdown, "MOST_WIRES", 2)
    text = markdown.render(derive("x*y + sin(x)"))
    assert "```mermaid" not in text
    assert "too large for Mermaid" in text


# -- the command line ----------------------------------------------------------------------------------


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = common.run(["diff", *arguments, *FAST])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_every_format_is_written_by_its_renderer(cli):
    begins = {"latex": "\\documentclass", "markdown": "## `x^2`", "html": "<!doctype html>", "ipynb": "{"}
    assert set(begins) == set(EXPORTS)
    for form, begin in begins.items():
        status, out, err = cli("x^2", "--format", form)
        assert (status, err) == (0, "")
        assert out.startswith(begin)


def test_several_equations_make_one_document_in_their_order_with_the_errors_in_place(cli):
    status, out, err = cli("x^2", "x +", "x^3", "--format", "latex", "--steps", "result")
    assert status == 2
    assert "x +" in err
    assert "^ write what comes next" in err
    assert re.findall(r"\\section\*\{\\texttt\{([^\n]*)\}\}", out) == [
        r"x\textasciicircum{}2", "x +", r"x\textasciicircum{}3",
    ]  # fmt: skip
    assert out.count("documentclass") == out.count(r"\end{document}") == 1
    status, out, _ = cli("x^2", "x +", "--format", "markdown", "--steps", "result")
    assert status == 2
    assert re.findall("^## (.*)", out, re.MULTILINE) == ["`x^2`", "`x +`"]


def test_one_equation_that_fails_writes_no_document_and_no_file(cli):
    for form in EXPORTS:
        status, out, err = cli("x +", "--format", form, "-o", "out")
        assert (status, out) == (2, "")
        assert "ends after" in err
        assert not Path("out").exists()


def test_a_document_from_a_file_goes_on_after_a_bad_line(cli):
    Path("in.txt").write_text("x^2\nx +\nx^3\n")
    status, _, err = cli("-f", "in.txt", "--format", "latex", "-o", "out.tex")
    assert status == 2
    assert "in.txt:2" in err
    assert Path("out.tex").read_text().count(r"\section*") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x^2", "x^3", "--format", "html"], "one equation a page"),
        (["x^2", "x^3", "--format", "ipynb"], "backprop report"),
        (["x^2", "--format", "latex", "-q"], "prints Python's syntax"),
        (["x^2", "--fragment", "--format", "text"], "goes with --format latex"),
        (["x^2", "--fragment", "--format", "html"], "goes with --format latex"),
        (["x^2", "--open", "--format", "latex"], "a browser does not show latex"),
        (["x^2", "--open", "--format", "json"], "a browser does not show json"),
        (["x^2", "--open", "-o", "-"], "--open needs a file"),
        (["x^2", "--format", "latex", "--at", "points.csv"], "table of points"),
    ],
)
def test_what_does_not_go_together_is_said(cli, arguments, message):
    status, out, err = cli(*arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_fragment_is_written_for_each_equation(cli):
    status, out, _ = cli("x^2", "x +", "x^3", "--format", "latex", "--fragment", "--steps", "result")
    assert status == 2
    assert out.count("usepackage") == 1
    assert out.count(r"\begin{alignat*}") == 4
    assert "% error: the equation ends after `+`" in out


def test_open_shows_the_file_in_the_browser(cli, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", lambda address: shown.append(address) or True)
    status, out, err = cli("x^2", "--open", "-o", "page one.html")
    assert (status, out) == (0, "")
    assert "shown in the browser: page one.html" in err
    assert shown == [Path("page one.html").resolve().as_uri()]
    assert Path("page one.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_open_without_a_name_keeps_a_file_and_without_a_browser_says_where(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    status, _, err = cli("x^2", "--open")
    assert status == 0
    (path,) = re.findall(r"no browser was found; open (.*)\n", err)
    assert Path(path).read_text(encoding="utf-8").startswith("<!doctype html>")
    status, _, err = cli("x +", "--open")
    assert status == 2
    assert "browser" not in err
    assert len([*tmp_path.glob("backprop-*")]) == 1


def test_the_text_of_a_derivation_needs_no_module_of_print():
    code = (
        "import sys\nfrom backprop.derivation import derive\nstr(derive('x*y'))\n"
        "print([m for m in sys.modules if m.endswith(('render.latex', 'render.html', 'render.markdown', 'picture'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_text_is_the_same_whatever_was_written_before():
    derivation = example("program")
    before = plain_text(derivation)
    latex.render(derivation)
    markdown.render(derivation)
    assert plain_text(derivation) == before
