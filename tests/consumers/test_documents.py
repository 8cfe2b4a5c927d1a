"""LaTeX, Markdown, SVG, notebooks and pictures of curves, read by the programs that they are for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

from hostile import HOSTILE, planted
from test_graphs import complaints, inside, samples, shown

from backprop.derivation import Derivation, derive
from backprop.errors import visible
from backprop.render import latex, markdown, svg
from backprop.study import study

ROOT = Path(__file__).parents[2]


@cache
def derivations() -> list[Derivation]:
    """Derivations of every kind, those of the examples' equations among them."""
    found = [
        derive("5*a**2/(1+exp(b))", at={"a": "2", "b": "0"}, explain=True),
        derive("y = 3(x+2)^2", order=3),
        derive("f(g(x, y_1)) alpha", functions=["f", "g"]),
        derive("a = x+2; b = a^2; y = 3b", at={"x": "1"}),
        derive("g(t) = t^2; y = g(x) + g(3)"),
        derive("x^2 + y^2 = 25", at={"x": "3", "y": "4"}, tangent=True),
        derive("x^2 y", hessian=True, at={"x": "1", "y": "2"}),
        derive("x^2 y", hessian=True, along={"x": "1", "y": "2"}),
        derive("[x y, x + y]", jacobian=True),
        derive("x^3 y", mixed=["x", "x", "y"]),
        derive("x^2 y", total="t"),
        derive("x if x > 0 and y <= 2 else piecewise(x < -1, -x, 0)", at={"x": "1", "y": "2"}),
        derive("1/x", at={"x": "0"}),
        derive("7"),
        derive("sin(" * 40 + "x" + ")" * 40),
        derive(" + ".join(f"sin(x{k}/{k + 1})^{k}" for k in range(30))),
        derive("max(0, w1*x1 + w2*x2 + b)*theta_max - 0.1e-7 loss"),
        derive("; ".join(["a0 = x", *(f"a{k + 1} = sin(a{k})*a{k}" for k in range(14))])),
    ]
    studied = derive("x y sin(x y) + x y", at={"x": "1", "y": "2"})
    study(studied, modes=["all"], decompositions=True, check=True)
    found.append(studied)
    for name in ("calculus", "physics", "special_functions"):
        lines = (ROOT / "examples" / f"{name}.eq").read_text(encoding="utf-8").splitlines()
        found += [derive(line) for line in lines if line.strip() and line.strip()[0] not in "#{"][:12]
    return found


@cache
def hostile() -> list[tuple[str, Derivation]]:
    """Hostile texts, and derivations that have them as names, every other one at a point."""
    return [(text, planted(text, at=k % 2 > 0)) for k, text in enumerate(HOSTILE)]


# -- LaTeX ---------------------------------------------------------------------------------------------


def too_wide(said: str) -> list[str]:
    """What TeX has against a document; lines that stand out by less than 2 points are none to see."""
    found = []
    for line in complaints(said):
        over = re.search(r"Overfull \\hbox \(([\d.]+)pt", line)
        if "Underfull" not in line and not (over and float(over[1]) < 2):
            found.append(line)
    return found


def test_tex_compiles_every_derivation_and_nothing_is_too_wide(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    said, _ = pdflatex("".join(latex.document(map(latex.part, derivations()), title="All kinds")), "derivations")
    assert too_wide(said) == []


def test_tex_compiles_fragments_in_a_document_of_the_users(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    fragments = "\n".join(latex.render(found, fragment=True) for found in derivations()[:12])
    (packages,) = set(re.findall(r"\\usepackage\{([\w,]+)\}", fragments))
    text = (
        f"\\documentclass{{article}}\\usepackage{{{packages}}}\n\\begin{{document}}\n{fragments}\n\\end{{document}}\n"
    )
    said, _ = pdflatex(text, "fragments")
    assert [line for line in too_wide(said) if "Overfull" not in line] == []  # the users' page has its own width


def test_hostile_texts_are_inert_for_tex(pdflatex: Callable[..., tuple[str, list[str]]]) -> None:
    parts = [latex.part(found) for _, found in hostile()]
    said, opened = pdflatex("".join(latex.document(parts, title=HOSTILE[4] + HOSTILE[5])), "hostile-names")
    assert [name for name in opened if "passwd" in name] == []
    assert [line for line in complaints(said) if "Overfull" not in line and "Underfull" not in line] == []


# -- Markdown ------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """The elements of a page, its text, and its code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.tags |= {f"{tag} {name}" for name, _ in attrs if name not in ("class", "style")}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


HARMLESS = {"h1", "h2", "h3", "h4", "p", "table", "thead", "tbody", "tr", "th", "td", "pre", "code", "strong", "em"}


def test_hostile_texts_are_inert_in_markdown(commonmark: Any) -> None:
    parser = commonmark.disable("text_join")  # then what is escaped stands alone
    for text, found in hostile():
        source = markdown.render(found)
        page = Tags(parser.render(source))
        assert page.tags <= HARMLESS, (text, page.tags - HARMLESS)
        assert shown(text)[:60] in "".join("".join(page.text).split())
        for block in parser.parse(source):
            for token in block.children or ():
                assert token.type != "text" or not re.search(r"://|www\.", token.content), token.content


def test_a_reader_of_markdown_finds_the_tables(commonmark: Any) -> None:
    source = markdown.render(derivations()[0])
    page = Tags(commonmark.render(source))
    assert {"h2", "h3", "table", "td", "code"} <= page.tags <= HARMLESS
    lines = "".join(page.text).splitlines()
    assert [line for line in lines if line.startswith(("|", "#"))] == []  # rows that are none


def test_mermaid_reads_the_graphs_in_markdown(commonmark: Any, mermaid: Callable[[str], str]) -> None:
    count = 0
    for found in [*derivations()[:6], *(found for _, found in hostile()[::4])]:
        for token in commonmark.parse(markdown.render(found)):
            if token.type == "fence" and token.info == "mermaid":
                inside(mermaid(token.content))
                count += 1
    assert count >= 10


# -- SVG -----------------------------------------------------------------------------------------------


def open_in_browser(page: Any, folder: Path, sources: list[str]) -> list[dict[str, Any]]:
    """What a browser says of SVG files: their root, their text, and what they have loaded."""
    found = []
    for k, source in enumerate(sources):
        file = folder / f"{k}.svg"
        file.write_text(source, encoding="utf-8")
        page.goto(file.as_uri())
        found.append(page.evaluate("""() => ({
            root: document.documentElement.tagName, text: document.documentElement.textContent,
            faults: document.getElementsByTagName("parsererror").length,
            loaded: performance.getEntriesByType("resource").length,
            width: document.documentElement.getBoundingClientRect().width,
        })"""))  # fmt: skip
    return found


def test_every_svg_is_xml_that_acts_nowhere_and_shows_all_boxes() -> None:
    for name, picture, direction in samples():
        root, text = inside(svg.picture_svg(picture, direction=direction))
        groups = [(element.get("class") or "").split() for element in root.iter()]
        assert sum("box" in names for names in groups) == len(picture.boxes), name
        assert sum("wire" in names for names in groups) == len(picture.wires), name
        assert [box.label for box in picture.boxes if shown(box.label) not in text] == [], name


def test_hostile_texts_are_inert_in_svg() -> None:
    for text, found in hostile():
        _, said = inside(svg.render(found))
        assert shown(text)[:12] in said


def test_a_browser_opens_svg(page: Any, tmp_path: Path) -> None:
    sources = [svg.picture_svg(picture, direction=direction) for _, picture, direction in samples()[::6]]
    sources += [svg.render(found, prefix="p1-") for _, found in hostile()[::3]]
    for found in open_in_browser(page, tmp_path, sources):
        assert (found["root"], found["faults"], found["loaded"]) == ("svg", 0, 0)
        assert found["width"] > 20


# -- notebooks -----------------------------------------------------------------------------------------


def test_notebooks_are_valid(nbformat: ModuleType) -> None:
    from backprop.render import notebook

    for found in [*derivations(), *(found for _, found in hostile())]:
        read = nbformat.reads(notebook.render(found), as_version=4)
        nbformat.validate(read)
        assert len(read.cells) >= 2
        assert len({cell.id for cell in read.cells}) == len(read.cells)


# -- pictures of curves --------------------------------------------------------------------------------


def plots() -> list[Any]:
    """Curves and a field."""
    from backprop.field import View, draw
    from backprop.render.figure import field_size, page_size

    size = page_size()
    curves = [draw(derive(text), ["x"], View(size=size)) for text in ("x^2", "tan(x)", "log(x)/x")]
    return [*curves, draw(derive("x^2 y - y^3"), ["x", "y"], View(size=field_size()))]


def test_a_browser_opens_the_pictures_of_curves(page: Any, tmp_path: Path) -> None:
    from backprop.render.figure import render

    found = plots()
    drawn = [render(plot, "svg").decode() for plot in found]
    for source, answer in zip(drawn, open_in_browser(page, tmp_path, drawn), strict=True):
        inside(source)
        assert (answer["root"], answer["faults"], answer["loaded"]) == ("svg", 0, 0)
    for k, plot in enumerate(found):
        picture = tmp_path / f"{k}.png"
        picture.write_bytes(render(plot, "png"))
        page.goto(picture.as_uri())
        width, height = page.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]")
        assert width > 400
        assert height > 300


def test_the_hostile_texts_are_what_they_are_meant_to_be() -> None:
    """What hides is there, and is shown by number."""
    text = "".join(HOSTILE)
    assert all(mark in text for mark in ("\0", "\u202e", "\u2028", "\n", "`", "%", "]]>", "-->", "javascript:"))
    assert "U+202E" in visible(text)
