"""Writes the generated pages: `python docs/write.py`; with --check it only says whether they are up to date.

docs/operations.md comes from the table of operations, docs/mistakes.md from the table of mistakes, docs/command.md
from the command's own help.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from backprop.explain import Explanation, explain, sentences
from backprop.expr import LEAVES, Graph
from backprop.mistakes import MISTAKES, WHOLE
from backprop.ops import GROUPS, Op
from backprop.render.explanation import primed
from backprop.rules import partial
from backprop.tidy import Tidy

HERE = Path(__file__).resolve().parent

OPERATIONS = """# Operations

Every operation that the program knows, from its table (`src/backprop/ops.py`). This page is generated: `make docs`.

A *partial* is the derivative of the result by one operand. The reverse pass multiplies the adjoint of the result by
it and adds that to the adjoint of the operand. *Cost* is the number of operations for the value and for all of this
together (the value, the products with the adjoint, one addition for each operand); for `+ − × ÷` it is at most 5, the
bound of Baur and Strassen's theorem. *Domain* is where the value exists, *smooth* where the partials hold. At a kink,
where no derivative exists, the program uses the value given and says so. *Backwards* is what the reverse pass does
with the adjoint on its way to each operand, and why.
"""


def cost(op: Op) -> int:
    """Operations of the value, and of adding adjoint times partial to what each operand has already."""
    graph = Graph()
    tidy = Tidy(graph)
    operands = tuple(graph.variable(name) for name in op.operands)
    adjoint = graph.variable("adjoint")
    roots = [graph.node(op.name, *operands)]
    for k, text in enumerate(op.partials):
        if text is not None:
            sends = tidy.mul(adjoint, partial(op.name, k, operands, tidy))
            roots.append(tidy.add(graph.variable(f"before {k}"), sends))
    return sum(graph.nodes[i][0] not in LEAVES for i in graph.reachable(roots))


def cell(text: str) -> str:
    """A text as code in a table's cell."""
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""


def operations_page() -> str:
    """The table of operations as Markdown."""
    lines = [OPERATIONS]
    for title, rows in GROUPS.items():
        lines += [f"## {title}", ""]
        if title == "Constants":
            lines += ["`e`, Euler's number, and `pi` or `π`. Neither is ever a variable.", ""]
            continue
        lines += [
            "| code | rule | operation | partials | cost | domain | smooth | at a kink | backwards |",
            "|---|---|---|---|---:|---|---|---|---|",
        ]
        for op in rows:
            call = f"{op.call}({', '.join(op.operands)})"
            if op.symbol and len(op.operands) == 2:
                call = f"{op.operands[0]} {op.symbol} {op.operands[1]}"
            elif op.symbol:
                call = f"{op.operands[0]}!" if op.symbol == "!" else f"{op.symbol} {op.operands[0]}".replace("- ", "-")
            if op.name == "where":
                call = "x if c else y"
            names = ", ".join(cell(alias) for alias in op.aliases)
            partials = "<br>".join(
                f"by {name}: {cell(text)}" if text is not None else f"by {name}: none"
                for name, text in zip(op.operands, op.partials, strict=True)
            )
            if None in op.partials:
                partials += f"<br>({op.reason})"
            kinks = "<br>".join(
                f"{cell(place.where + ' = 0')}: {', '.join(place.partials)}" for place in op.exceptions if place.kink
            )
            rule = "<br>".join([op.rule, *(f"{code} {name}" for code, name in dict.fromkeys(op.special.values()))])
            total = str(cost(op)) if any(op.partials) else ""
            smooth = op.smooth if op.smooth != op.domain else ""
            backwards = [f"to {name}: {said}" for name, said in sentences(op).items()]
            for code in dict.fromkeys(code for code, _ in op.special.values()):
                backwards += [f"{code}: {said}" for said in explain(code)[0].intuition.values()]
            lines.append(
                f"| {op.code} | {rule} | {cell(call)}{', also ' + names if names else ''} | {partials} | {total} |"
                f" {cell(op.domain)} | {cell(smooth)} | {kinks} | {'<br>'.join(backwards)} |"
            )
        lines.append("")
    lines += [
        "## Declared functions",
        "",
        "`--functions f,g` makes `f` and `g` unknown functions. The rule (R105) is `f'(x)` for one operand and",
        "`f'[1](x, y)`, `f'[2](x, y)` for several, differentiated by the first, by the second.",
        "",
    ]
    return "\n".join(lines)


MISTAKES_PAGE = """# Mistakes

Every mistake that `backprop check` names, from its table (`src/backprop/mistakes.py`). This page is generated:
`make docs`.

A mistake is a wrong rule. The program differentiates the problem once more with the wrong rule at one step and all
others right; if exactly the answer comes out, the mistake is named, with its place. If no single one explains the
answer, it tries the same one at all steps of its kind, then one with the sign of the whole, then two together. In the
rules u, v, w are what varies at a step and u', v', w' their derivatives; a, c, n are constants; x is the variable; f
is the function of the step and f' its derivative.
"""

WHOLE_PAGE = """## The answer as a whole

What no rule at a step explains. The first of them are looked at always, the vaguer ones if nothing else was found.

| code | name | what it says | for example | wrong answer |
|---|---|---|---|---|
"""


def mistakes_page() -> str:
    """The table of mistakes as Markdown."""
    lines = [MISTAKES_PAGE, "| code | name | step | right | wrong | for example | wrong answer |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in MISTAKES:
        entry = explain(row.code)[0]
        steps = "<br>".join(entry.wrong)
        right = "<br>".join(cell(primed(entry.right[step])) for step in entry.wrong)
        wrong = "<br>".join(" or ".join(cell(primed(text)) for text in texts) for texts in entry.wrong.values())
        lines.append(f"| {row.code} | {row.name} | {steps} | {right} | {wrong} | {examples(entry)} |")
    lines += ["", WHOLE_PAGE.rstrip()]
    for row in WHOLE:
        entry = explain(row.code)[0]
        said = "; ".join([entry.sentence, *(f"`{primed(text)}`" for texts in entry.wrong.values() for text in texts)])
        lines.append(f"| {row.code} | {row.name} | {said} | {examples(entry)} |")
    lines += ["", "For a relation F = 0 between x and y, p is ∂F/∂x and q is ∂F/∂y; the right rule is `-p/q`.", ""]
    return "\n".join(lines)


def examples(entry: Explanation) -> str:
    """Two cells: problems, and the wrong answers to them."""
    problems = "<br>".join(cell(e[0]) + (f" (order {e[2]})" if len(e) > 2 else "") for e in entry.examples)
    return f"{problems} | {'<br>'.join(cell(e[1]) for e in entry.examples)}"


def command_page() -> str:
    """The help texts of the command line as Markdown."""
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}
    from click.testing import CliRunner

    from backprop.cli import COMMANDS, cli

    lines = ["# Command line", "", "What `--help` prints. This page is generated: `make docs`.", ""]
    for arguments in ([], *([name] for name in COMMANDS)):
        name = " ".join(["backprop", *arguments])
        result = CliRunner().invoke(cli, [*arguments, "--help"], prog_name="backprop", terminal_width=100)
        if result.exit_code:
            raise SystemExit(f"{name} --help failed: {result.output}")
        lines += [f"## {name}", "", "```text", result.output.rstrip(), "```", ""]
    return "\n".join(lines)


PAGES = (("operations.md", operations_page), ("mistakes.md", mistakes_page), ("command.md", command_page))


def main() -> int:
    """Writes or checks the pages."""
    stale = 0
    for name, page in PAGES:
        text = page()
        path = HERE / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"docs/{name} is not up to date: run make docs")
                stale = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
