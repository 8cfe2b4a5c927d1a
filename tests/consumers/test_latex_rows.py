"""Every row of the table of operations in TeX, alone and in all positions that an operand can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from backprop.errors import BackpropError
from backprop.expr import LEAVES, Graph
from backprop.notation import latex_name, to_latex
from backprop.ops import CONDITIONS, OPS, lookup, unknown_function
from backprop.parser import parse_equation
from backprop.program import read

ROOT = Path(__file__).parents[2]
HEAD = "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"


def document(formulas: list[str]) -> str:
    """Each formula in a line of its own, small and large."""
    lines = "\n".join(f"${formula}$\n\\[{formula}\\]\n" for formula in formulas)
    return f"{HEAD}{lines}\n\\end{{document}}\n"


def rows() -> Iterator[str]:
    """Every operation, of variables and of every kind of operand."""
    graph = Graph()
    x, y = graph.variable("x1"), graph.variable("loss")
    operands = [
        x, graph.node("add", x, y), graph.node("div", x, y), graph.node("neg", x), graph.node("sin", x),
        graph.node("pow", x, graph.number(2)), graph.number(-3), graph.node("factorial", x),
        graph.node("where", graph.node("lt", x, y), x, y),
    ]  # fmt: skip
    names = [*OPS, unknown_function("f_1", 1, (0, 0)), unknown_function("g", 2, (0, 1)), unknown_function("h", 3)]
    for name in names:
        if name in LEAVES:
            yield to_latex(graph, graph.node(name))
            continue
        for operand in operands:
            inner = graph.node("lt", operand, x) if name in ("and", "or", "not", "where") else operand
            more = [graph.node("gt", x, y) if name in ("and", "or") else y] * (lookup(name).arity - 1)
            node = graph.node(name, inner, *more)
            yield to_latex(graph, node)
            if name not in CONDITIONS:
                for user in (graph.node("pow", node, x), graph.node("mul", node, node), graph.node("sin", node)):
                    yield to_latex(graph, user)


def accepted() -> Iterator[str]:
    """All lines that the language accepts."""
    for line in (ROOT / "grammar" / "accept.txt").read_text(encoding="utf-8").splitlines():
        text, arrow, _ = line.partition(" => ")
        if not arrow or line.startswith("#"):
            continue
        try:
            equation = parse_equation(text)
        except BackpropError:
            equation = read(text)
        yield to_latex(equation.graph, equation.root)


def test_tex_sets_every_row_in_every_position(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    formulas = [*rows()]
    assert len(formulas) > 2000
    said, _ = pdflatex(document(formulas), "rows")
    assert "Missing character" not in said


def test_tex_sets_what_the_language_accepts(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    formulas = [*accepted()]
    assert len(formulas) > 700
    pdflatex(document(formulas), "accepted")


def test_tex_sets_names_of_all_alphabets(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    greek = [chr(code) for code in range(0x370, 0x400) if chr(code).isalpha()]
    names = [
        *greek,
        *(f"{c}_1" for c in greek),
        "ж",
        "数",
        "x_max",
        "loss2",
        "x_",
        "__",
        "%",
        "_",
        "&",
        "\\",
        "\0",
        "{",
    ]
    pdflatex(document([latex_name(name) for name in names]), "names")
