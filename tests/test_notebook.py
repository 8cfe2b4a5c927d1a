"""The notebook of a derivation, and what Jupyter shows of one."""

from __future__ import annotations

import ast
import json
import re
from base64 import b64decode
from xml.etree import ElementTree

import pytest

from backprop.derivation import Derivation, derive, differentiate
from backprop.render import notebook

ASKED: list[tuple[str, dict[str, object]]] = [
    ("x*y + sin(x)", {}),
    ("x*y + sin(x)", {"at": {"x": 1, "y": "pi/2"}}),
    ("a x^2", {"wrt": ["x"], "order": 2}),
    ("x^2", {"wrt": []}),
    ("x^3*y^2", {"mixed": ["x", "x", "y"]}),
    ("x^2*y", {"along": {"dx": "1", "dy": "2"}, "at": {"x": 1, "y": 1}}),
    ("x^2*y", {"total": "t"}),
    ("x^2*y", {"hessian": True}),
    ("[x*y, x + y]", {"jacobian": True}),
    ("[x*y, x + y]", {}),
    ("x*y", {"jacobian": True}),
    ("a = x + 2; b = a^2; y = 3b", {"at": {"x": 1}}),
    ("u = x*y; v = x + y", {"of": ["u"]}),
    ("x^2 + y^2 = 25", {"at": {"x": 3, "y": 4}, "order": 2}),
    ("x^2 + y^2 = 25", {"of": ["x"]}),
    ("f(g(x))", {"functions": ["f", "g"]}),
    ("x^2", {"tangent": True, "at": {"x": 1}, "digits": 30}),
    ("x*y*z", {"decompose": "nary"}),
    ("x*y*z", {"decompose": "typed"}),
    ("x*y", {"modes": ["forward", "paths"], "at": {"x": 1, "y": 2}}),
    ("x^2", {"check_gradient": True, "at": {"x": 1}}),
    ("x^3 - 3x", {"critical": True}),
    ("x*y", {"explain": True}),
    ("a = x + 2\ny = a^2", {"program": True}),
]


def made(text: str, options: dict[str, object]) -> Derivation:
    return differentiate(text, simplify=False, verify=False, **options)


def cells(derivation: Derivation) -> list[dict[str, object]]:
    return json.loads(notebook.render(derivation))["cells"]


def arguments(source: str) -> tuple[str, dict[str, object]]:
    """The call in a cell of code, read and not run: a text and keywords that are all literals."""
    module = ast.parse(source)
    importing, assigning, showing = module.body
    assert ast.unparse(importing) == "from backprop import differentiate"
    assert isinstance(assigning, ast.Assign)
    assert ast.unparse(showing) == "derivation"
    call = assigning.value
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "differentiate"
    (text,) = call.args
    return ast.literal_eval(text), {word.arg or "": ast.literal_eval(word.value) for word in call.keywords}


@pytest.mark.parametrize(("text", "options"), ASKED, ids=[f"{text} {options}" for text, options in ASKED])
def test_the_code_makes_the_same_derivation_again(text, options):
    derivation = made(text, options)
    again = made(*arguments(cells(derivation)[-1]["source"]))
    assert again.as_dict() == derivation.as_dict()
    assert str(again) == str(derivation)


@pytest.mark.parametrize("text", ["x'y", 'x"y', "x\\y", "x\n+ y", "'; import os; '", "\u202e", "\ud800", "{x}", "${x}"])
def test_a_typed_text_is_never_code(text):
    derivation = derive("x*y")
    derivation.equation.text = text
    found = notebook.render(derivation)
    assert found.isascii()
    (source,) = [cell["source"] for cell in json.loads(found)["cells"] if cell["cell_type"] == "code"]
    assert arguments(source) == (text, {})


@pytest.mark.parametrize(("text", "options"), ASKED[:12])
def test_a_notebook_says_what_the_trace_says(text, options):
    derivation = made(text, options)
    said = "\n".join(str(cell["source"]) for cell in cells(derivation))
    for link in derivation.edges:
        assert link.code in said
    assert said.count("## Forward") + said.count("forward\n") >= bool(derivation.nodes)
    assert derivation.verified.how in said
    assert said.count("$") % 2 == 0
    for note in derivation.notes:
        assert re.sub(r"\W", "", note) in re.sub(r"\W", "", said)


def test_the_cells_of_a_notebook_are_valid_and_always_the_same():
    text, options = ASKED[1]
    first = notebook.render(made(text, options))
    assert first == notebook.render(made(text, options))
    data = json.loads(first)
    assert (data["nbformat"], data["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in data["cells"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    (graph,) = [cell["source"] for cell in data["cells"] if "Compute graph" in cell["source"]]
    ElementTree.fromstring(b64decode(graph.partition("base64,")[2].rstrip(")")))


def test_the_stored_output_is_what_the_derivation_shows():
    derivation = made(*ASKED[1])
    (output,) = cells(derivation)[-1]["outputs"]
    assert output["data"]["text/latex"] == derivation._repr_latex_()
    assert output["data"]["image/svg+xml"] == derivation._repr_svg_()
    assert output["data"]["text/plain"] == repr(derivation)
    assert r"\frac{\partial f}{\partial x} & = y + \cos x" in output["data"]["text/latex"]


def test_what_jupyter_shows_is_inert_and_complete():
    derivation = derive("x*y + sin(x)", at={"x": 1, "y": 2})
    derivation.note("<script>alert(1)</script>")
    shown = derivation._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<img") == 1
    assert shown.count("<table") == 4
    ElementTree.fromstring(derivation._repr_svg_())
    assert derive("7")._repr_svg_() is not None
    assert derive("x*y", trace=False)._repr_svg_() is None
    assert "Gradient" in derive("x*y", trace=False)._repr_html_()


# Of what JupyterLab's sanitiser lets through in a notebook that is not trusted.
HARMLESS = {"div", "p", "img", "h4", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "code"}


@pytest.mark.parametrize(("text", "options"), ASKED)
def test_what_jupyter_shows_survives_its_sanitiser(text, options):
    """A sanitiser takes <math>, <svg> and <style> out: what is left of a fraction would be false."""
    shown = made(text, options)._repr_html_()
    assert set(re.findall(r"<([a-z0-9]+)", shown)) <= HARMLESS
    assert set(re.findall(r" ([a-z-]+)=\"", shown)) <= {"alt", "src", "style"}
    assert shown.count("$") % 2 == 0
    (graph,) = re.findall('src="data:image/svg\\+xml;base64,([^"]*)"', shown)
    ElementTree.fromstring(b64decode(graph))


def test_mathematics_in_html_is_latex_and_prose_is_none():
    derivation = derive("x/y if x < 1 else y", at={"x": 0, "y": 1})
    derivation.note("costs $5 or $6")
    shown = derivation._repr_html_()
    assert r"$\displaystyle \frac{\partial f}{\partial x}$" in shown
    assert r"\text{if } x &lt; 1" in shown
    assert r"costs \$5 or \$6" in shown
    assert "x < 1" not in shown


def test_the_gradient_by_no_variables_is_an_equation():
    assert r"\nabla f & = 0" in derive("7")._repr_latex_()
    assert r"\nabla g & = 0" in derive("g = 7")._repr_latex_()


def test_large_derivations_make_no_large_notebook():
    derivation = derive(" + ".join(f"sin({k} x{k})" for k in range(3000)))
    text = notebook.render(derivation)
    assert len(text) < 1_500_000
    assert "All rows would make this notebook too long" in text
    assert len(derivation._repr_html_()) < 500_000
    assert "All rows would be too many here" in derivation._repr_html_()
