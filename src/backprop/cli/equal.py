"""`backprop equal`: are two expressions the same?"""

from __future__ import annotations

from typing import Any

import click

from .common import EquationCommand, State
from .questions import Asker, ask, with_options

KEYS = ("functions", "log10", "up-to-constant", "time-limit")


@click.command("equal", cls=EquationCommand, options_metavar="[OPTIONS]")
@click.argument("expressions", nargs=-1, metavar="[A B]")
@with_options
@click.pass_obj
def equal(state: State, /, expressions: tuple[str, ...], **options: Any) -> int:
    """Say whether A and B are equal wherever both are defined and real.

    The verdict is equal, different (with a point at which anyone can compute both) or undecided, and
    how it is known: proved by an exact normal form or by rewriting; refuted at a point by numbers
    with guaranteed bounds; or equal as far as sampled. Where only one of them is defined is said on
    a line of its own and is not a difference.

    \b
    Examples:
      backprop equal "sin(x)^2" "1 - cos(x)^2"
      backprop equal "sqrt(x^2)" "x"                     different: x = -1/2
      backprop equal "log(x^2)" "2log(x)"                equal, but for the domain
      backprop equal -q "e^(10x)" "e^(10x) + 1e-7"       the verdict's word alone
      backprop equal -f pairs.txt --format json          lines: a, tab, b

    \b
    Exit status, the worst of all lines:
      0 equal   1 two expressions differ   3 undecided   2 unreadable, or wrong usage
    """
    from ..render.verdict import equal_lines, equal_summary

    asker = Asker(("a", "b"), KEYS, _task, equal_lines, equal_summary, "different")
    return ask(state, asker, expressions, options)


def _task(a: str, b: str, given: dict[str, Any]) -> dict[str, Any]:
    """The question of one row, its options checked."""
    from ..errors import UsageError
    from ..verdicts import equality_question

    options = {key.replace("-", "_"): value for key, value in given.items()}
    for key in ("log10", "up_to_constant"):
        if not isinstance(options[key], bool):
            raise UsageError(f"`{key.replace('_', '-')}` is true or false")
    return equality_question(a, b, **options)
