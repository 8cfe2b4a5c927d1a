"""`backprop report`: what is in the document, what a worksheet leaves out, and what happens to bad lines."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backprop.derivation import derive
from backprop.errors import BackpropError
from backprop.render.report import HtmlReport, LatexReport
from backprop.render.trace import Trace

EQUATIONS = """\
y = 3(x+2)^2
# a comment

x y + sin x
{"equation": "5x^2/(1+e^x)", "at": {"x": 1}}
a = x+2; b = a^2; y = 3b
x^2 + y^2 = 25
{"equation": "x^2 y", "hessian": true}
"""


class Page(HTMLParser):
    """The ids of a page, where its links lead, and the text of each article."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.articles: dict[str, str] = {}
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a":
            self.links.append(str(given["href"]))
        if tag == "article":
            self.inside = str(given["id"])
            self.articles[self.inside] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.articles[self.inside] += data


@pytest.fixture
def written(tmp_path: Path, cli):
    """Runs `report` on a text: its exit status, the document and what it said."""

    def write(*options: str, text: str = EQUATIONS, name: str = "out.html") -> tuple[int, str, str]:
        (tmp_path / "in.eq").write_text(text, encoding="utf-8")
        target = tmp_path / name
        status, out, err = cli("report", str(tmp_path / "in.eq"), *options, "-o", str(target))
        assert out == ""
        return status, target.read_text(encoding="utf-8") if target.exists() else "", err

    return write


def test_every_equation_is_in_the_document_and_every_link_leads_to_one(written) -> None:
    status, text, said = written()
    page = Page(text)
    assert (status, said) == (0, "")
    assert len(page.ids) == len(set(page.ids))
    assert page.links == [f"#equation-{k}" for k in range(1, 7)]
    assert {link[1:] for link in page.links} == set(page.articles)
    assert text.count('<ol class="walk">') >= 6  # each with its steps


def test_a_worksheet_leaves_adjoints_and_results_out_and_has_them_at_the_end(written) -> None:
    status, text, _ = written("--blank", text='{"equation": "x^3 sin(2x)", "at": {"x": "1/3"}}\n')
    page = Page(text)
    assert status == 0
    assert page.links == ["#exercise-1", "#solutions"]
    exercise, solution = page.articles["exercise-1"], page.articles["solution-1"]
    whole = derive("x^3 sin(2x)", at={"x": "1/3"})
    numbers = [whole.number(link.sends_value) for link in whole.edges]
    numbers += [whole.number(step.adjoint_value) for step in whole.nodes]
    forwards = {whole.number(step.value) for step in whole.nodes if step.op != "var"}
    long = {number for number in numbers if number is not None and len(number) > 6} - forwards
    assert len(long) >= 3
    for number in long:
        assert number.lstrip("-") not in exercise
        assert number.lstrip("-") in solution
    assert "cos" not in exercise  # of the local derivative of the sine
    assert "cos" in solution
    assert all(number in exercise for number in forwards if number is not None)
    assert 'class="blank"' in text.partition('id="solutions"')[0]
    assert 'class="blank"' not in text.partition('id="solutions"')[2]


@pytest.mark.parametrize(
    ("equation", "asked"),
    [
        ("x y + sin x", {}), ("x^2 y", {"hessian": True}), ("[x y, x + y]", {"jacobian": True}),
        ("x^2 + y^2 = 25", {}), ("x^2 y", {"along": {"dx": "1", "dy": "2"}}), ("x^5", {"order": 3}),
        ("x^2 y", {"total": "t"}), ("x y^2", {"mixed": ["x", "y"]}), ("x^3 - 3x", {"at": {"x": 2}, "tangent": True}),
        ("a = x+2; b = a^2; y = 3b", {}), ("x y + sin x", {"explain": True}),
    ],
)  # fmt: skip
def test_a_blank_trace_has_a_gap_wherever_the_whole_one_has_an_answer(equation: str, asked: dict) -> None:
    derivation = derive(equation, **asked)
    blank = Trace(derivation, blank=True)
    gap = blank.words.gap()
    gaps = 0
    for section in [*blank.opening(), *blank.closing()]:
        rows = [tuple(row) for row in section.rows]
        if section.title.startswith(("Forward", "In words")) or "forward" in section.title or not section.title:
            assert not any(gap in cell for row in rows for cell in row)
        elif "nothing to pass on" not in str(rows) and "nothing is sent" not in str(rows):
            assert rows
            assert all(sum(gap in cell for cell in row) == (2 if len(row) == 7 else 1) for row in rows)
            gaps += len(rows)
    shown = [link for link in derivation.edges if not derivation.passes[link.part].by]
    assert gaps >= len(shown) + len(derivation.entries)
    assert "verified" not in str([list(section.rows) for section in Trace(derivation, blank=True).closing()])


@pytest.mark.parametrize(
    ("equation", "asked", "gaps"),
    [
        ("x^2 y", {"hessian": True}, 3),  # the one that is 0 as well
        ("x^3 y", {"mixed": ["x", "x", "y"]}, 1),
        ("x^2 sin x", {"order": 2}, 1),
        ("x^2 y", {"hessian": True, "along": {"dx": "1", "dy": "2"}}, 2),
        ("[x y, x + z]", {"jacobian": True}, 6),
        ("x^2 + y^2 = 25", {"order": 2}, 1),
    ],
)  # fmt: skip
def test_a_blank_trace_shows_no_pass_through_a_derivative(equation: str, asked: dict, gaps: int) -> None:
    derivation = derive(equation, **asked)
    trace = Trace(derivation, blank=True)
    sections = [*trace.opening(), *trace.closing()]
    assert not any(" to ∂" in section.title or " to d" in section.title for section in sections)
    assert len(list(sections[-1].rows)) == gaps
    report = HtmlReport(blank=True)
    exercise = report.part(derivation).exercise
    assert len(re.findall(">Compute graph(?:: |</h)", exercise)) == sum(not one.by for one in derivation.passes)


def test_a_worksheet_has_gaps_for_whatever_else_was_asked(written) -> None:
    rows = '{"equation": "x^3 - 3x", "at": {"x": 2}, "tangent": true}\n{"equation": "x^2", "critical": true}\n'
    articles = Page(written("--blank", text=rows)[1]).articles
    assert "Tangent line" in articles["exercise-1"]
    assert "Critical points" in articles["exercise-2"]
    assert "minimum" in articles["solution-2"]
    assert "minimum" not in articles["exercise-2"]


def test_a_bad_line_is_said_in_the_document_and_on_standard_error(written) -> None:
    status, text, said = written(text="x^2\n3*sni(x)\nx^3\n")
    page = Page(text)
    assert status == 2
    assert set(page.articles) == {"equation-1", "equation-3"}
    assert page.links == ["#equation-1", "#equation-3"]
    assert "unknown function `sni`" in text
    assert "in.eq:2:3: error: unknown function" in said


def test_nothing_typed_is_markup(written) -> None:
    evil = '<script>alert(1)</script>" \\input{x} $y$ %'
    status, text, _ = written("--title", evil, "--blank", text=f"x^2\n{evil}\n")
    assert status == 2
    assert text.count("<script") == 1  # the page's own
    assert "<script>alert(1)" not in text
    status, text, _ = written("--title", evil, "--blank", text=f"x^2\n{evil}\n", name="out.tex")
    assert status == 2
    assert "\\input{" not in text
    assert "$y$" not in text


def test_the_name_of_the_file_decides_on_the_format_and_an_option_overrides_it(written) -> None:
    assert written(name="a.html")[1].startswith("<!doctype html>")
    assert written(name="b.tex")[1].startswith("\\documentclass")
    assert written("--format", "latex", name="c.html")[1].startswith("\\documentclass")
    assert written(name="d.txt")[1].startswith("<!doctype html>")


def test_a_latex_report_has_a_section_for_each_equation_and_one_for_the_solutions(written) -> None:
    _, text, _ = written(name="a.tex")
    assert len(re.findall(r"^\\section\{", text, re.MULTILINE)) == 6
    assert r"\tableofcontents" in text
    assert r"\gap" not in text.partition(r"\begin{document}")[2]
    _, text, _ = written("--blank", name="b.tex")
    sheet, _, solutions = text.partition(r"\begin{document}")[2].partition(r"\section*{Solutions}")
    assert len(re.findall(r"^\\section\{", sheet, re.MULTILINE)) == 6
    assert len(re.findall(r"^\\section\*\{", solutions, re.MULTILINE)) == 6
    assert r"\gap" in sheet
    assert r"\gap" not in solutions
    assert "proved" not in sheet
    assert solutions.count("proved") == 6


def test_it_reads_standard_input_and_writes_to_standard_output(cli) -> None:
    status, out, _ = cli("report", stdin='x^2\n{"equation": "y^3"}\n')
    assert status == 0
    assert set(Page(out).articles) == {"equation-1", "equation-2"}


def test_options_are_for_every_line_and_a_line_has_its_own(written) -> None:
    _, text, _ = written("--order", "2", text='x^3\n{"equation": "x^4", "order": 1}\n')
    articles = Page(text).articles
    assert "Second derivative" in articles["equation-1"]
    assert "Second derivative" not in articles["equation-2"]
    status, text, said = written("--at", "points.csv", name="none.html")
    assert (status, text) == (2, "")
    assert "a report has points, no tables" in said


def test_a_program_is_one_equation(tmp_path: Path, cli) -> None:
    (tmp_path / "net.eq").write_text("a = w x + b\ny = sigmoid(a)\n", encoding="utf-8")
    status, out, _ = cli("report", "--program", str(tmp_path / "net.eq"))
    assert status == 0
    assert set(Page(out).articles) == {"equation-1"}


def test_a_report_of_nothing_says_so(written) -> None:
    status, text, said = written(text="# nothing\n")
    assert (status, text) == (2, "")
    assert "no equation" in said


def test_a_file_that_is_not_there_leaves_no_document(tmp_path: Path, cli) -> None:
    target = tmp_path / "out.html"
    status, _, err = cli("report", str(tmp_path / "none.eq"), "-o", str(target))
    assert status == 2
    assert not target.exists()
    assert "none.eq" in err


@pytest.mark.parametrize("kind", [HtmlReport, LatexReport])
def test_parts_are_counted_with_the_errors(kind: type) -> None:
    report = kind("Title", blank=True)
    report.failure("x +", BackpropError("broken"))
    report.part(derive("x^2"))
    assert report.count == 2
