"""`backprop rule`: what a code stands for that was printed anywhere."""

from __future__ import annotations

from typing import Any

import click

from ..errors import UsageError, visible
from .common import State, json_text, open_output


@click.command("rule", options_metavar="[OPTIONS]")
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--all", "everything", is_flag=True, help="All rules and all mistakes.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="For readers, or one JSON object a line.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write to a file, which appears when it is complete.")
@click.option("--ascii", is_flag=True, help="Plain ASCII characters only.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Colours; auto is on a terminal only.")  # fmt: skip
@click.option("--width", type=int, metavar="N", help="Fold lines to N columns.  [default: the terminal's]")
@click.pass_obj
def rule(_: State, /, codes: tuple[str, ...], everything: bool, form: str, **options: Any) -> int:
    """Explain the rule R… or the mistake M… of a CODE, or of the name of a function.

    \b
    Examples:
      backprop rule R05                  the power rule
      backprop rule M01                  inner derivative left out
      backprop rule tanh                 the rule of a function
      backprop rule --all --format json  the whole table of operations and of mistakes
    """
    from ..explain import explain, explain_all
    from .common import fold_line

    if not codes and not everything:
        raise UsageError("no code given", hint="for example: backprop rule R05, or backprop rule --all")
    found = explain_all() if everything else []
    for code in codes:
        entries = explain(code)
        if not entries:
            raise UsageError(
                f"no rule or mistake is called `{visible(code)[:100]}`", hint="backprop rule --all lists them"
            )
        found += entries
    from ..render.explanation import explanation_lines

    with open_output(options["output"], width=options["width"], color=options["color"], ascii=options["ascii"]) as out:
        for k, entry in enumerate(found):
            if form == "json":
                out.text(json_text(entry.as_dict(), ascii=out.ascii))
                continue
            if k:
                out.text("")
            for line in explanation_lines(entry, ascii=out.ascii):
                out.lines(fold_line(line, out.width))
    return 0
