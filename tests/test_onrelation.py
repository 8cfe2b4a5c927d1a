"""Second derivatives of relations in the form of the usual textbooks (Stewart, Larson), and only proved ones."""

from __future__ import annotations

import pytest
import sympy

from backprop import onrelation
from backprop.algebra import vanishes_with
from backprop.derivation import derive
from backprop.expr import Graph, to_text
from backprop.onrelation import shorten
from backprop.parser import parse_equation
from backprop.textbook import operations, textbook_forms
from backprop.tidy import Tidy

# relation -> (order, the shortened form); the first nine are worked examples or exercises of the books
TEXTBOOK = {
    "x^2 + y^2 = 25": (2, "-25/y**3"),
    "9x^2 + y^2 = 9": (2, "-81/y**3"),
    "x^2 - y^2 = 1": (2, "-1/y**3"),
    "x^4 + y^4 = 16": (2, "-48*x**2/y**7"),
    "x^3 + y^3 = 1": (2, "-2*x/y**5"),
    "sqrt(x) + sqrt(y) = 1": (2, "1/(2*x**(3/2))"),
    "x^3 + y^3 = 6x y": (2, "16*x*y/(2*x - y**2)**3"),  # the folium: -16xy/(y² - 2x)³
    "x^2 + x y + y^2 = 3": (2, "-18/(x + 2*y)**3"),
    "x^(2/3) + y^(2/3) = 4": (2, "4/(3*x**(4/3)*y**(1/3))"),
    "x^2/4 + y^2/9 = 1": (2, "-81/(4*y**3)"),
    "x^2 + y^2 = r^2": (2, "-r**2/y**3"),
    "b^2 x^2 + a^2 y^2 = a^2 b^2": (2, "-b**4/(a**2*y**3)"),
    "y^2 = x^3": (2, "3*x/(4*y)"),
    "x y + y^2 = 1": (2, "2/(x + 2*y)**3"),
    "e^y = x y": (2, "y*(2*y - y**2 - 2)/(x**2*(y - 1)**3)"),
    "y = x e^y": (2, "(y - 2)*exp(2*y)/(y - 1)**3"),
    "sin y = x": (2, "x/cos(y)**3"),
    "x^2 + y^2 = 25, third": (3, "-75*x/y**5"),
}
STAYS = ["x y = 1", "x = y^2", "ln(y) = x", "sin(x) + cos(y) = 1"]


def derived(text: str, order: int) -> tuple[Graph, int, int]:
    """The graph, the readable form of the derivative, and left − right."""
    derivation = derive(text.partition(",")[0], ["x"], order=order, trace=False)
    graph, difference = derivation.graph, derivation.answer.difference
    node = derivation.derived["x"]
    return graph, textbook_forms(graph, difference, [node])[node], difference


@pytest.mark.parametrize("text", TEXTBOOK)
def test_the_relation_is_used_as_in_a_textbook(text):
    order, expected = TEXTBOOK[text]
    graph, node, difference = derived(text, order)
    found = shorten(graph, node, difference)
    assert found is not None
    assert to_text(graph, found) == expected
    assert operations(graph, found) < operations(graph, node)


@pytest.mark.parametrize("text", TEXTBOOK)
def test_the_form_is_sympys_derivative_at_a_point_of_the_curve(text):
    """Checked without our algebra: idiff, at a point that SymPy finds."""
    order, expected = TEXTBOOK[text]
    equation = parse_equation(text.partition(",")[0])
    assert equation.right is not None
    sides = [to_text(equation.graph, i) for i in (equation.root, equation.right)]
    names = {name: sympy.Symbol(name, positive=True) for name in ("x", "y", "a", "b", "r")}
    x, y = names["x"], names["y"]
    left, right, form = (sympy.sympify(side, names) for side in (*sides, expected))
    at_x = sympy.Rational(3, 10) if "sqrt" in text or "sin" in text or "y = x e" in text else sympy.Rational(1, 2)
    at_x = sympy.Rational(4) if text == "e^y = x y" else at_x
    at_x = sympy.Rational(3, 2) if text == "x^2 - y^2 = 1" else at_x
    others = {names["a"]: 2, names["b"]: 3, names["r"]: 2}
    on_curve = sympy.nsolve((left - right).subs(others).subs(x, at_x), y, sympy.Rational(4, 5), prec=40)
    point = {**others, x: at_x, y: on_curve}
    slope = sympy.idiff(left - right, y, x, order)
    assert abs(sympy.N((slope - form).subs(point), 30)) < 1e-25


@pytest.mark.parametrize("text", STAYS)
def test_what_is_short_already_stays(text):
    assert shorten(*derived(text, 2)) is None


def test_a_form_that_is_not_proved_is_not_taken(monkeypatch):
    """A planted fault: the shortest candidate is wrong, and the next one counts."""
    graph, node, difference = derived("x^2 + y^2 = 25", 2)
    wrong = parse_equation("-24/y^3", graph=graph).root
    right = parse_equation("-25/y^3", graph=graph).root
    monkeypatch.setattr(onrelation, "forms_modulo", lambda *_: iter([wrong, right]))
    assert shorten(graph, node, difference) == right
    monkeypatch.setattr(onrelation, "forms_modulo", lambda *_: iter([wrong]))
    assert shorten(graph, node, difference) is None


@pytest.mark.parametrize(
    ("relation", "zero", "proved"),
    [
        ("x^(2/3) + y^(2/3) - 1", "x^(2/3)*x + y^(2/3)*x - x", True),
        ("sqrt(x) + sqrt(y) - 1", "x - (1 - sqrt(y))^2", True),
        ("sqrt(x) + sqrt(y) - 1", "x - (1 + sqrt(y))^2", False),
        ("x^(1/3) + y - 1", "x - (1 - y)^3", True),
        ("x^(1/3) + y - 1", "x + (1 - y)^3", False),
    ],
)
def test_a_variable_and_its_root_are_one_when_a_relation_is_used(relation, zero, proved):
    graph = Graph()
    given, node = (parse_equation(text, graph=graph).root for text in (relation, zero))
    assert vanishes_with(graph, Tidy(graph).sub(node, Tidy(graph).zero), given) is proved
