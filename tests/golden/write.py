"""Writes the golden drawings in `graphs/`: four equations at x = 1, in every style and every format.

`python tests/golden/write.py` writes them again. Look at each one that changed before you keep it: the
SVGs in a browser, at the width of a screen and of a phone; the texts in terminals of 80 and 40 columns.
`tests/test_graph.py` compares. For a format more, add a line to `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from backprop.choices import STYLES
from backprop.derivation import Derivation, derive
from backprop.picture import draw
from backprop.render import boxes, dot, mermaid, svg, tikz
from backprop.render.plain import plain

FOLDER = Path(__file__).parent / "graphs"
EQUATIONS = {
    "sum": "y = x + 2",
    "power": "y = (x + 2)^2",
    "chain": "y = 3(x + 2)^2",
    "quotient": "y = 5x^2/(1 + e^x)",
}


def text(width: int, ascii: bool = False) -> Callable[[Derivation, str], str]:
    """A drawing for a terminal of so many columns, with its legend."""

    def write(derivation: Derivation, style: str) -> str:
        picture, lines = boxes.render(derivation, style=style, width=width, ascii=ascii)
        return "\n".join([picture.title, "", *map(plain, lines), "", picture.legend, *picture.remarks, ""])

    return write


# The end of the file's name -> how a derivation is drawn in a style.
FORMATS: dict[str, Callable[[Derivation, str], str]] = {
    "txt": text(80),
    "40.txt": text(40),
    "ascii.txt": text(80, ascii=True),
    "svg": lambda derivation, style: svg.render(derivation, style=style),
    "dot": lambda derivation, style: dot.render(draw(derivation, style=style)),
    "mmd": lambda derivation, style: mermaid.render(draw(derivation, style=style)),
    "tex": lambda derivation, style: tikz.render(draw(derivation, style=style)),
}


def drawings() -> Iterator[tuple[str, str]]:
    """The name of every golden file, and what belongs into it."""
    for name, equation in EQUATIONS.items():
        derivation = derive(equation, at={"x": 1})
        for style in STYLES:
            for suffix, write in FORMATS.items():
                yield f"{name}.{style}.{suffix}", write(derivation, style)


def main() -> None:
    """Writes all of them, and removes what is no longer one."""
    FOLDER.mkdir(exist_ok=True)
    found = dict(drawings())
    for path in FOLDER.iterdir():
        if path.name not in found:
            path.unlink()
    for name, content in found.items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    print(f"wrote {len(found)} drawings")


if __name__ == "__main__":
    main()
