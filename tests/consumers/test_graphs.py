"""DOT, Mermaid and TikZ, read by Graphviz, by Mermaid and by pdfTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from xml.etree import ElementTree

import pytest
from hostile import HOSTILE, planted

from backprop.choices import STYLES
from backprop.derivation import Derivation, derive
from backprop.errors import visible
from backprop.picture import Picture, draw
from backprop.render import dot as dot_format
from backprop.render import mermaid as mermaid_format
from backprop.render import tikz as tikz_format

SVG = "{http://www.w3.org/2000/svg}"
EQUATIONS = ("y = x + 2", "(x+2)^2", "3(x+2)^2", "5x^2/(1+e^x)")


def wide(count: int) -> Derivation:
    """A graph of some 2·count nodes."""
    return derive(" + ".join(f"sin(x{k} + {k})" for k in range(count)))


@cache
def samples() -> list[tuple[str, Picture, str]]:
    """Named pictures, each with a direction."""
    return list(_samples())


def _samples() -> Iterator[tuple[str, Picture, str]]:
    """Pictures of all styles, with and without a point and a step, in both directions, small and large."""
    for equation in EQUATIONS:
        for style in STYLES:
            found = derive(equation, at={"x": "1/2"})
            yield f"{style} of {equation}", draw(found, style=style), "right"
            yield f"{style} of {equation}, a step", draw(found, style=style, step=1), "down"
            yield f"{style} of {equation}, forwards", draw(derive(equation), style=style, forward_only=True), "right"
    yield "a constant", draw(derive("7")), "right"
    yield "a variable", draw(derive("y = x")), "down"
    yield "cases", draw(derive("x if x > 0 and y <= 2 else -x", at={"x": 1, "y": 2})), "right"
    yield "a declared function", draw(derive("f'(g(x, y_1)) alpha", functions=["f", "g"]), style="folded"), "down"
    yield "100 nodes", draw(wide(40), style="circuit"), "right"
    yield "a chain", draw(derive("sin(" * 60 + "x" + ")" * 60)), "right"
    yield "too large", draw(wide(900), limit=60), "right"


@cache
def hostile() -> list[tuple[str, Picture, str]]:
    """Pictures of all styles, in turn, whose names are hostile texts."""
    return [
        (text, draw(planted(text, at=k % 2 > 0), style=STYLES[k % 4]), ("right", "down")[k % 3 % 2])
        for k, text in enumerate([*HOSTILE, HOSTILE[-1], *HOSTILE])
    ]


def shown(text: str) -> str:
    """A text as a picture shows it: on one line, nothing hidden, and without spaces, which every format sets anew."""
    return "".join(visible(text).split())


def inside(svg: str) -> tuple[ElementTree.Element, str]:
    """The elements and the text of an SVG, which must have nothing that acts or loads."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        assert name not in ("script", "a", "img", "iframe", "object", "embed", "form", "input"), svg[:2000]
        for key, value in element.attrib.items():
            assert not key.rpartition("}")[2].lower().startswith("on"), (key, value)
            assert "javascript:" not in value, (key, value)
            assert not key.endswith("href") or value.startswith(("#", "data:image/png;")), (key, value)
    return root, "".join("".join(root.itertext()).split())


# -- Graphviz ------------------------------------------------------------------------------------------


def counts(svg: str) -> tuple[int, int]:
    """How many nodes and edges Graphviz has drawn."""
    root = ElementTree.fromstring(svg)
    classes = [group.get("class") for group in root.iter(f"{SVG}g")]
    return classes.count("node"), classes.count("edge")


def test_graphviz_draws_every_box_and_every_wire(dot: Callable[[list[str]], list[str]]) -> None:
    found = dot([dot_format.render(picture, direction=direction) for _, picture, direction in samples()])
    drawn = [(name, *counts(svg)) for (name, _, _), svg in zip(samples(), found, strict=True)]
    assert drawn == [(name, len(picture.boxes), len(picture.wires)) for name, picture, _ in samples()]


def test_graphviz_writes_what_is_in_the_picture(dot: Callable[[list[str]], list[str]]) -> None:
    picture = draw(derive("5x^2/(1+e^x)", at={"x": 1}), style="circuit", step=3)
    (svg,) = dot([dot_format.render(picture)])
    _, text = inside(svg)
    expected = [picture.title, picture.legend, *(box.label for box in picture.boxes),
                *(said for wire in picture.wires for said in (wire.value, wire.adjoint))]  # fmt: skip
    assert [said for said in expected if shown(said) not in text] == []
    assert len(expected) > 20


def test_hostile_texts_are_inert_for_graphviz(dot: Callable[[list[str]], list[str]]) -> None:
    found = dot([dot_format.render(picture, direction=direction) for _, picture, direction in hostile()])
    for (text, picture, _), svg in zip(hostile(), found, strict=True):
        _, said = inside(svg)
        assert counts(svg) == (len(picture.boxes), len(picture.wires))
        assert shown(text)[:100] in said


# -- Mermaid -------------------------------------------------------------------------------------------


def drawn_by_mermaid(svg: str) -> tuple[int, int, str]:
    """How many nodes and edges Mermaid has drawn, and the text."""
    root, text = inside(svg)
    classes = [(element.get("class") or "").split() for element in root.iter()]
    nodes = sum("node" in names for names in classes)
    return nodes, sum("flowchart-link" in names for names in classes), text


def test_mermaid_draws_every_box_and_every_wire(mermaid: Callable[[str], str]) -> None:
    wrong = []
    for name, picture, direction in [*samples()[:-7:2], *samples()[-7:-3], samples()[-1]]:
        nodes, edges, text = drawn_by_mermaid(mermaid(mermaid_format.render(picture, direction=direction)))
        about = any([picture.caption, picture.remarks, picture.legend])
        labels = [shown(box.label) for box in picture.boxes] + [shown(wire.label) for wire in picture.wires]
        lost = [label for label in labels if label not in text]
        if (nodes - about, edges) != (len(picture.boxes), len(picture.wires)) or lost or "Unsupported" in text:
            wrong.append((name, nodes, edges, lost))
    assert wrong == []


def test_hostile_texts_are_inert_for_mermaid(mermaid: Callable[[str], str]) -> None:
    for text, picture, direction in hostile():
        nodes, edges, said = drawn_by_mermaid(mermaid(mermaid_format.render(picture, direction=direction)))
        assert (nodes - 1, edges) == (len(picture.boxes), len(picture.wires)), text
        assert "Unsupported" not in said
        assert shown(text)[:100] in said


def test_mermaid_refuses_what_is_no_diagram(mermaid: Callable[[str], str]) -> None:
    """The judge can say no."""
    with pytest.raises(Exception, match="Parse error"):
        mermaid('flowchart LR\n  n1("a" b")\n')


# -- TeX -----------------------------------------------------------------------------------------------

FRAME = r"""\documentclass{article}
\usepackage{amsmath,amssymb,tikz}
\usetikzlibrary{arrows.meta}
\pdfpagewidth=500cm \pdfpageheight=500cm \textwidth=490cm \textheight=490cm \parindent=0pt
\begin{document}
%s
\end{document}
"""


def complaints(said: str) -> list[str]:
    """What TeX has against a document; that it takes a sign from another font is as it should be."""
    words = ("Overfull", "Underfull", "Warning", "Missing character", "undefined", "multiply defined")
    lines = [line for line in said.splitlines() if "Font Warning" not in line and not line.startswith("(Font)")]
    return [line for line in lines if any(word in line for word in words)]


def test_tex_compiles_the_document(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    found = derive("5x^2/(1+e^x)", at={"x": 1})
    for direction in ("right", "down"):
        said, _ = pdflatex(tikz_format.render(draw(found, step=3), direction=direction), f"graph-{direction}")
        assert "Output written on" in said
        assert "(1 page" in said
        assert complaints(said) == []


def test_tex_compiles_every_picture(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    parts = [
        tikz_format.render(picture, direction=direction, fragment=True)
        for _, picture, direction in [*samples()[::7], *samples()[-7:]]
    ]
    said, _ = pdflatex(FRAME % "\\newpage\n".join(parts), "graphs")
    assert f"({len(parts)} pages" in said
    assert complaints(said) == []


def test_hostile_texts_are_inert_for_tex(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    parts = [
        tikz_format.render(picture, direction=direction, fragment=True) for _, picture, direction in hostile()[::2]
    ]  # TikZ takes its time
    said, opened = pdflatex(FRAME % "\\newpage\n".join(parts), "hostile")
    assert f"({len(parts)} pages" in said
    assert [name for name in opened if "passwd" in name] == []
    assert "write18" not in said.partition("restricted")[2]
    assert complaints(said) == []
