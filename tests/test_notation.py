"""Expressions as LaTeX and MathML: what is written, and that it cannot be misread."""

import math
import random
import re
import xml.etree.ElementTree as ElementTree

import pytest

from backprop.expr import Graph
from backprop.mathml import NAMED, escape_html, mathml, translate
from backprop.notation import (
    Written,
    escape_latex,
    latex_name,
    mathml_name,
    number_latex,
    parts,
    to_latex,
    to_mathml,
    width_of,
)
from backprop.ops import OPS, lookup, unknown_function
from backprop.parser import parse, parse_equation


def latex(text, functions=()):
    node = parse(text, functions=functions)
    return to_latex(node.graph, node.position)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # products: side by side where nobody can misread them
        ("5a^2", r"5 a^{2}"),
        ("2*3", r"2 \cdot 3"),
        ("2*10^3", r"2 \cdot 10^{3}"),
        ("2*x*3", r"2 x \cdot 3"),
        ("a b c", "a b c"),
        ("a*(b*c)", r"a \cdot (b c)"),
        ("x*(y+1)", r"x \cdot (y + 1)"),
        ("3(x+2)^2", r"3 (x + 2)^{2}"),
        ("(x+1)(x+2)", "(x + 1) (x + 2)"),
        ("x*-3", r"x \cdot (-3)"),
        ("loss*rate", r"\mathrm{loss} \cdot \mathrm{rate}"),
        ("2 loss", r"2 \mathrm{loss}"),
        ("2*(1/3)", r"2 \cdot \frac{1}{3}"),
        ("(a/b)*(c/d)", r"\frac{a}{b} \cdot \frac{c}{d}"),
        ("1/2*x", r"\frac{1}{2} x"),
        ("x*dy", r"x \, \mathrm{d}y"),
        ("abs(x)*abs(y)", r"\lvert x \rvert \cdot \lvert y \rvert"),
        # signs and brackets
        ("-x^2", "-x^{2}"),
        ("(-x)^2", "(-x)^{2}"),
        ("a-(b-c)", "a - (b - c)"),
        ("a-b-c", "a - b - c"),
        ("a+(-b)", "a + (-b)"),
        ("-(a+b)", "-(a + b)"),
        ("(-a)/b", r"\frac{-a}{b}"),
        ("-(a/b)", r"-\frac{a}{b}"),
        # quotients and powers
        ("a/b/c", r"\frac{\frac{a}{b}}{c}"),
        ("(a/b)^2", r"\left(\frac{a}{b}\right)^{2}"),
        ("2^3^2", "2^{3^{2}}"),
        ("(2^3)^2", "(2^{3})^{2}"),
        ("x^(1/2)", "x^{1/2}"),
        ("x^(n+1)", "x^{n + 1}"),
        ("e^b", "e^{b}"),
        ("exp(x)^2", "(e^{x})^{2}"),
        ("exp((a+b)/(c+1/d))", r"\exp\left(\frac{a + b}{c + \frac{1}{d}}\right)"),
        ("sqrt(x^2+1)", r"\sqrt{x^{2} + 1}"),
        ("cbrt(x)", r"\sqrt[3]{x}"),
        ("root(x, 5)", r"\sqrt[5]{x}"),
        # functions
        ("sin x", r"\sin x"),
        ("sin(2x)", r"\sin(2 x)"),
        ("x sin x", r"x \sin x"),
        ("sin(x)*y", r"\sin(x) \cdot y"),
        ("sin x cos y", r"\sin(x) \cos y"),
        ("sin(x)^2", r"\sin^{2} x"),
        ("sin(x+1)^2", r"\sin^{2}(x + 1)"),
        ("sin(x)^2*y", r"\sin^{2}(x) y"),
        ("sin(x)^y", r"\sin(x)^{y}"),
        ("sin(x)^(-1)", r"\sin(x)^{-1}"),
        ("(sin(x)^2)^y", r"(\sin^{2}(x))^{y}"),
        ("sin(-x)", r"\sin(-x)"),
        ("sin(x/y)", r"\sin\left(\frac{x}{y}\right)"),
        ("ln(x)/x", r"\frac{\ln x}{x}"),
        ("log(x, b)", r"\log_{b}(x)"),
        ("log2(x) + log10(y)", r"\log_{2} x + \log_{10} y"),
        ("abs(x/2)", r"\left\lvert \frac{x}{2} \right\rvert"),
        ("floor(x) + ceil(x)", r"\lfloor x \rfloor + \lceil x \rceil"),
        ("max(x, y, 3)", r"\max(x, y, 3)"),
        ("x!", "x!"),
        ("(x!)!", "(x!)!"),
        ("(x!)^2", "(x!)^{2}"),
        ("(x+1)!", "(x + 1)!"),
        ("mod(x, 3)*2", r"(x \bmod 3) \cdot 2"),
        ("digamma(x)*polygamma(1, x)", r"\psi(x) \psi^{(1)}(x)"),
        ("besselj(n, x)", r"\operatorname{J}_{n}(x)"),
        ("airyaiprime(x)", r"\operatorname{Ai}'(x)"),
        # cases and conditions
        ("x if x > 0 else -x", r"\begin{cases} x & \text{if } x > 0 \\ -x & \text{otherwise} \end{cases}"),
        (
            "1 if x <= 0 else (2 if x < 1 and y != 0 else 3)",
            r"\begin{cases} 1 & \text{if } x \le 0 \\ 2 & \text{if } x < 1 \land y \ne 0 \\ "
            r"3 & \text{otherwise} \end{cases}",
        ),
        (
            "(1 if x > 0 else 2)*y",
            r"\left(\begin{cases} 1 & \text{if } x > 0 \\ 2 & \text{otherwise} \end{cases}\right) y",
        ),
        # numbers as typed
        ("0.50*x", "0.50 x"),
        ("1e-5*x", "10^{-5} x"),
        ("2.5e3^x", r"(2.5 \cdot 10^{3})^{x}"),
        (".5", ".5"),
        ("e*pi", r"e \pi"),
    ],
)
def test_an_expression_is_written_as_in_a_textbook(text, wanted):
    assert latex(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("f(x)", "f(x)"), ("f'(x)", "f'(x)"), ("f''(g(x))", "f''(g(x))"), ("f(x/2)", r"f\left(\frac{x}{2}\right)"),
     ("x*f(x)", "x f(x)"), ("f(x)*x", r"f(x) \cdot x")],
)  # fmt: skip
def test_an_unknown_function_is_written_with_its_primes(text, wanted):
    assert latex(text, ["f", "g"]) == wanted


def test_an_unknown_function_of_several_operands_names_those_it_is_differentiated_by():
    graph = Graph()
    x, y = graph.variable("x"), graph.variable("y")
    assert to_latex(graph, graph.node(unknown_function("f", 2, (0, 1)), x, y)) == "f'_{1,2}(x, y)"
    assert to_latex(graph, graph.node(unknown_function("f_1", 2, (1,)), x, y)) == "{f_{1}}'_{2}(x, y)"
    assert to_latex(graph, graph.node(unknown_function("f", 1, (0, 0, 0, 0)), x)) == "f^{(4)}(x)"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("x", "x"), ("x1", "x_{1}"), ("x_1", "x_{1}"), ("x12", "x_{12}"), ("theta", r"\theta"), ("θ", r"\theta"),
        ("alpha_2", r"\alpha_{2}"), ("Gamma", r"\Gamma"), ("loss", r"\mathrm{loss}"), ("loss_1", r"\mathrm{loss}_{1}"),
        ("x_max", r"x_{\mathrm{max}}"), ("x_1_2", "x_{1,2}"), ("x_alpha", r"x_{\alpha}"), ("dx", r"\mathrm{d}x"),
        ("Δx", r"\Delta x"), ("x_", r"\mathrm{x\_}"), ("a__b", r"\mathrm{a\_\_b}"), ("x1y", r"\mathrm{x1y}"),
        ("dx_dt", r"\frac{\mathrm{d}x}{\mathrm{d}t}"), ("d2x_dt2", r"\frac{\mathrm{d}^{2}x}{\mathrm{d}t^{2}}"),
        ("ħ", r"\hbar"), ("ж", "{U{+}0436}"), ("omicron", r"\mathrm{omicron}"),
    ],
)  # fmt: skip
def test_a_name_keeps_its_meaning(name, wanted):
    assert latex_name(name) == wanted


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", r"\input{/etc/passwd}", "a}b{c", "x%y", "#1", "$x$", "~", "^", "&amp;", "`x`", "]]>",
     "\u202eabc", "\x00", "x\ny", '"', "\\"],
)  # fmt: skip
def test_a_hostile_name_is_no_command_in_any_notation(name):
    """The language has no such names; the library lets a caller make them."""
    graph = Graph()
    root = graph.node("mul", graph.variable(name), graph.variable("x"))
    written = to_latex(graph, root)
    assert balanced(written)
    assert not re.search(r"(?<!\\)[%#$~&\x00-\x1f]|\\(?:input|write|def)", written)
    ElementTree.fromstring(mathml(to_mathml(graph, root)))
    assert "<script" not in to_mathml(graph, root)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("3", "3"), ("-3", "-3"), ("1/3", r"\frac{1}{3}"), ("-1/3", r"-\frac{1}{3}"), ("2.50", "2.50"),
     ("-1.5e-07", r"-1.5 \cdot 10^{-7}"), ("1e100", "10^{100}"), ("true", r"\mathrm{true}"), ("nan", r"\mathrm{nan}"),
     ("1" * 99, "1" * 20 + r" \ldots " + "1" * 10)],
)  # fmt: skip
def test_a_number_stays_as_it_is_typed(text, wanted):
    assert number_latex(text) == wanted


def balanced(text):
    """Whether braces, \\left and \\right, and environments come in pairs."""
    depth = 0
    for token in re.findall(r"\\.|[{}]", text):
        depth += (token == "{") - (token == "}")
        if depth < 0:
            return False
    pairs = text.count(r"\left") - text.count(r"\lefta") == text.count(r"\right") - text.count(r"\righta")
    return depth == 0 and pairs and text.count(r"\begin") == text.count(r"\end")


def row_of(op, graph=None):
    graph = graph or Graph()
    names = [f"a{k}" for k in range(lookup(op).arity)]
    return graph, graph.node(op, *(graph.variable(name) for name in names))


@pytest.mark.parametrize("op", sorted(OPS))
def test_every_row_is_written_with_all_its_operands(op):
    graph, root = row_of(op)
    written = to_latex(graph, root)
    assert balanced(written)
    for k in range(lookup(op).arity):
        assert f"a_{{{k}}}" in written
    tree = ElementTree.fromstring(mathml(to_mathml(graph, root)))
    assert "".join(tree.itertext()).count("a") >= lookup(op).arity


def test_templates_use_only_commands_that_are_translated():
    known = NAMED | {
        "frac", "binom", "sqrt", "operatorname", "mathrm", "text", "left", "right", "begin", "end", "cdot", "le", "ge",
        "ne", "land", "lor", "lnot", "bmod", "mid", "max", "min", "lvert", "rvert", "lfloor", "rfloor", "lceil",
        "rceil", "Gamma", "gamma", "sigma", "psi", "zeta", "Pi", "pi",
    }  # fmt: skip
    used = {command for op in OPS.values() for command in re.findall(r"\\([a-zA-Z]+)", op.latex)}
    assert used <= known
    assert "operatorname" in used


def test_no_letter_of_the_dialect_is_left_over_in_mathml():
    """What the translator does not know it would show as letters."""
    for op in OPS:
        graph, root = row_of(op)
        text = "".join(ElementTree.fromstring(mathml(to_mathml(graph, root))).itertext())
        assert not re.search(r"[\\{}_^&]|operatorname|lvert|frac|cdot|left", text.replace("{", "", op == "where")), op


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2x", "<mn>2</mn><mo>\u2062</mo><mi>x</mi>"),
        ("sin(x)", '<mi>sin</mi><mo>\u2061</mo><mspace width="0.17em"></mspace><mi>x</mi>'),
        ("-x", '<mo form="prefix">−</mo><mi>x</mi>'),
        ("a - b", "<mi>a</mi><mo>−</mo><mi>b</mi>"),
        ("x^2", "<msup><mi>x</mi><mn>2</mn></msup>"),
        ("x_1^2", "<msup><msub><mi>x</mi><mn>1</mn></msub><mn>2</mn></msup>"),
        ("1/x", "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>x</mi></mrow></mfrac>".replace("<mrow>", "").replace(
            "</mrow>", "")),
        ("root(x, 3)", "<mroot><mi>x</mi><mrow><mn>3</mn></mrow></mroot>"),
        ("sqrt(x)", "<msqrt><mi>x</mi></msqrt>"),
        ("theta", "<mi>θ</mi>"),
        ("loss", "<mi>loss</mi>"),
        ("x < y", None),
    ],
)  # fmt: skip
def test_mathml_is_what_browsers_draw(text, wanted):
    node = parse(text) if wanted else parse(f"1 if {text} else 2")
    written = to_mathml(node.graph, node.position)
    assert written == wanted if wanted else "<mo>&lt;</mo>" in written


def test_a_name_of_any_length_is_written():
    assert len(latex_name("d" * 20_000 + "x" + "_dt" * 20_000)) > 20_000


@pytest.mark.parametrize("text", ["x|y|", "x floor(y)", "α ceil(y)"])
def test_a_fence_behind_a_name_is_a_factor_for_those_who_listen(text: str) -> None:
    node = parse(text)
    written = to_mathml(node.graph, node.position)
    assert "\u2062" in written
    assert "\u2061" not in written


def test_mathml_names():
    assert mathml_name("alpha_2") == "<msub><mi>α</mi><mn>2</mn></msub>"
    assert mathml_name("ж") == "<mi>ж</mi>"
    assert translate(r"\bar{v}_{1}").startswith("<msub><mover><mi>v</mi>")


def test_a_call_is_an_application_and_a_product_a_product():
    assert "\u2061" in translate("f(x)")
    assert "\u2062" not in translate("f(x)")
    assert "\u2062" in translate("3 (x + 1)")
    assert "\u2062" in translate("x^{2} (y + 1)")
    assert "\u2061" in translate("f_{1}(x)")


@pytest.mark.parametrize("latex", [r"\psi^{(1)}(x)", "f^{(4)}(x)", r"\psi^{(n + m)}(x)",
                                   r"\psi^{\left(1\right)}\left(\frac{x}{y}\right)"])  # fmt: skip
def test_the_derivative_of_a_function_is_applied_to_its_argument(latex: str) -> None:
    assert "</msup><mo>\u2061</mo><mrow>" in translate(latex)
    assert "\u2062" not in translate(latex)


def test_what_stands_behind_a_power_with_brackets_is_a_factor():
    node = parse("x^((a + b)c) (y + 1)")
    assert "\u2061" not in to_mathml(node.graph, node.position)


# -- read back -----------------------------------------------------------------------------------------


def in_the_language(written):
    """LaTeX as text of the input language, by rewriting from the inside: another reader of the notation."""
    text = written.replace(r"\left", "").replace(r"\right", "").replace(r"\cdot", "*").replace(r"\,", " ")
    text = re.sub(r"\\lvert((?:[^\\]|\\(?![lr]vert))*?)\\rvert", r"abs(\1)", text)
    while True:
        before = text
        text = re.sub(r"\\lvert((?:[^\\]|\\(?![lr]vert))*?)\\rvert", r"abs(\1)", text)
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
        text = re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", text)
        text = re.sub(r"(sin|cos|ln)\^\{(\d+)\}", r"\1^\2 ", text)
        text = re.sub(r"\^\{([^{}]*)\}", r"^(\1)", text)
        if text == before:
            return re.sub(r"\\([a-z]+)", r"\1", text)


def value(graph, root, point):
    """A value by Python's own operations; nan where there is none."""
    found = {}
    functions = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
        "neg": lambda a: -a, "sin": math.sin, "cos": math.cos, "abs": abs, "sqrt": math.sqrt, "log": math.log,
        "exp": math.exp, "pow": lambda a, b: a**b,
    }  # fmt: skip
    for i in graph.reachable([root]):
        key = graph.nodes[i]
        if key[0] == "var":
            found[i] = point[key[1]]
        elif key[0] == "num":
            found[i] = float(key[1])
        elif key[0] == "e":
            found[i] = math.e
        else:
            found[i] = functions[key[0]](*(found[j] for j in key[1:]))
            if isinstance(found[i], complex):
                raise ValueError
    return found[root]


def some_expression(graph, source, size):
    nodes = [graph.variable(name) for name in "abxy"] + [graph.number(n) for n in (2, 3, 5)]
    for _ in range(size):
        op = source.choice(["add", "sub", "mul", "mul", "div", "neg", "pow", "sin", "cos", "abs", "sqrt", "log", "exp"])
        arity = lookup(op).arity
        operands = [source.choice(nodes[-4:] + nodes[:7]) for _ in range(arity)]
        if op == "pow":
            operands[1] = source.choice(nodes[4:7])
        nodes.append(graph.node(op, *operands))
    return nodes[-1]


def test_what_is_written_reads_back_to_the_same_value():
    """A reader of LaTeX who knows nothing of trees comes to the same numbers, for hundreds of random expressions."""
    source = random.Random(20)
    point = {"a": 0.7, "b": 1.9, "x": 1.3, "y": 0.4}
    compared = 0
    for _ in range(1200):
        graph = Graph()
        root = some_expression(graph, source, source.randint(1, 9))
        try:
            wanted = value(graph, root, point)
        except (ValueError, ZeroDivisionError, OverflowError):
            continue
        written = to_latex(graph, root)
        read = parse_equation(in_the_language(written), wrt="abxy")
        assert value(read.graph, read.root, point) == pytest.approx(wanted, rel=1e-9, nan_ok=True), written
        compared += 1
    assert compared > 400


# -- size ----------------------------------------------------------------------------------------------


def nested(op, count, *more):
    graph = Graph()
    node = graph.variable("x")
    for _ in range(count):
        node = graph.node(op, node, *(graph.number(n) for n in more))
    return graph, node


@pytest.mark.parametrize("op", ["sin", "exp"])
def test_a_hundred_thousand_calls_in_each_other_are_written(op):
    graph, root = nested(op, 100_000)
    written = to_latex(graph, root)
    assert len(written) > 100_000
    assert written.count("{") == written.count("}")
    assert written.count("(") == written.count(")")
    assert len(to_mathml(graph, root)) > 100_000


@pytest.mark.parametrize("op", ["sin", "sqrt", "exp", "neg", "abs"])
def test_deep_expressions_are_cut_by_names(op):
    graph, root = nested(op, 2000)
    found = parts(graph, root)
    names = {position: f"q{k}" for k, position in enumerate(found)}
    assert found
    for position in [*found, root]:
        written = to_latex(graph, position, names)
        assert depth_of(written) <= 30
        assert len(written) < 1000


def depth_of(text):
    depth = deepest = 0
    for c in text:
        depth += (c in "{(") - (c in "})")
        deepest = max(deepest, depth)
    return deepest


def test_a_continued_fraction_is_cut_before_it_is_too_high():
    graph = Graph()
    one = graph.number(1)
    node = graph.variable("x")
    for _ in range(40):
        node = graph.node("add", one, graph.node("div", one, node))
    found = parts(graph, node)
    assert found
    names = {position: f"q{k}" for k, position in enumerate(found)}
    assert max(to_latex(graph, i, names).count(r"\frac") for i in [*found, node]) <= 8


def test_a_long_sum_needs_no_names_but_one_inside_of_something_does():
    terms = " + ".join(f"x{k}" for k in range(200))
    long = parse(terms)
    assert parts(long.graph, long.position) == []
    inside = parse(f"sin({terms})")
    assert [len(inside.graph.variables([i])) for i in parts(inside.graph, inside.position)] == [200]


def test_a_node_with_a_name_is_written_as_its_name():
    node = parse("sin(x + 1)*(x + 1)")
    inner = next(i for i in node.graph.reachable([node.position]) if node.graph.nodes[i][0] == "add")
    assert to_latex(node.graph, node.position, {inner: "v1"}) == r"\sin(v_{1}) \cdot v_{1}"
    assert to_latex(node.graph, node.position, {inner: Written("f(x)")}) == r"\sin(f(x)) \cdot f(x)"


def test_the_width_of_a_fraction_is_that_of_its_wider_part():
    assert width_of(r"\frac{a + b + c}{2}") == pytest.approx(width_of("a + b + c") + 0.3)
    assert width_of("x^{2}") < width_of("x 2") + 0.1


# -- prose ---------------------------------------------------------------------------------------------


def test_prose_is_inert_in_latex():
    hostile = "\\input{x} 50% #1 $y$ a_b a^b ~ {z} & \"q\" <script> \u202e line\nbreak -- `c` 'd'"
    written = escape_latex(hostile)
    assert not re.search(r"(?<!\\)[%#&_]|\\input|\n|\u202e|--", written)
    assert "U+202E" in written
    assert written.isascii()


def test_letters_and_signs_in_prose_have_their_print():
    assert escape_latex("v̄1 = x²·π → ∂f") == r"$\bar{v}$1 = x$^{2}$$\cdot$$\pi$ $\to$ $\partial$f"


def test_prose_is_inert_in_html():
    assert (
        escape_html("<a href='x' onclick=\"y\">&\x1b")
        == "&lt;a href=&#x27;x&#x27; onclick=&quot;y&quot;&gt;&amp;U+001B"
    )
