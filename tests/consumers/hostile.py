"""Texts that would do harm if a format took them for more than texts, and derivations that have them as names."""

from __future__ import annotations

import pytest

from backprop import values
from backprop.derivation import Derivation, derive_equation
from backprop.parser import MAX_NODES, parse_equation
from backprop.passes import Asked

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</title></svg></table><b>",
    r"\input{/etc/passwd}",
    r"}\write18{id}\end{document}",
    "50% of $x$ & #1 ~ _a_ {b} ^c",
    '"quoted" \'twice\' `code` \\" \\N \\l',
    "two\nlines\tand a tab\r",
    "]]> --> <!-- ?>",
    "[link](javascript:alert(1)) ![](http://example.invalid/x.png) www.example.invalid",
    "<http://example.invalid> **bold** ~~struck~~ | cell",
    'click n1 "javascript:alert(1)"',
    'n1 --> n2; %%{init: {"theme": "x"}}%% $$x$$ #quot; fa:fa-car',
    "1. a list",
    "- another",
    "# heading",
    "---",
    "&lt;b&gt; &amp; &#60;",
    "right\u202eleft \u2066hidden\u2069 \u200b",
    "lines\u2028and\u2029paragraphs",
    "nul \0 bell \a escape \x1b[31m",
    "e\u0301 \U0001d465 \U0001f600 العربية 数学",
    "$(touch /tmp/x) ${HOME} $f$",
    "W" * 400,
)


def planted(text: str, *, at: bool = False) -> Derivation:
    """The derivation of a·b + sin(a)/b whose variable a, output, input and note all are a text.

    The parser lets no such name in; a program that uses the library can.
    """
    equation = parse_equation("y = a b + sin(a)/b")
    graph = equation.graph
    for position, key in enumerate(graph.nodes):
        if key == ("var", "a"):
            del graph.index[key]
            graph.nodes[position] = ("var", text)
            graph.index[graph.nodes[position]] = position
    equation.text, equation.output = text, text
    equation.notes.append(text)
    asked = Asked((), 1, (), None, None, False, False)
    found = derive_equation(equation, None, 1, digits=15, max_nodes=MAX_NODES, trace=True, asked=asked)
    if at:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(values, "check_variables", list)
            values.set_point(found, {text: "1/3", "b": "2"}, ())
    return found
