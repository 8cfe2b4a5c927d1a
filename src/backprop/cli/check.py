"""`backprop check`: is the answer the derivative, and if not, where is the mistake?"""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from .common import EquationCommand, State, number_option
from .questions import Asker, ask, with_options

KEYS = ("wrt", "order", "of", "functions", "log10", "up-to-constant", "form", "time-limit")


@click.command("check", cls=EquationCommand, options_metavar="[OPTIONS]")
@click.argument("expressions", nargs=-1, metavar="[PROBLEM ANSWER]")
@click.option("--wrt", multiple=True, metavar="x,y", help="Variables to differentiate by.")
@click.option("--order", type=int, metavar="N", help="The N-th derivative.  [default: 1, or as the answer says]")
@click.option("--of", metavar="y", help="The dependent variable of a relation such as x^2+y^2=25.")
@click.option("--form", type=click.Choice(["simplified", "factored", "expanded"]),
              help="Note it if a right answer is not in this form.")  # fmt: skip
@click.option("--hint", type=click.IntRange(1, 3), metavar="1|2|3",
              help="Help without the answer: the place; the rule; the step.")  # fmt: skip
@with_options
@click.pass_obj
def check(state: State, /, expressions: tuple[str, ...], **options: Any) -> int:
    """Check whether ANSWER is the derivative of PROBLEM.

    The verdict is correct, incorrect (with a point at which anyone can compute the difference),
    undecided or unreadable. For a wrong answer the mistake is named at its place, if one or two
    wrong rules give exactly that answer. An answer may begin with y' =, dy/dx = or f'(x) =, be a
    chain of equalities, or a list for a gradient.

    \b
    Examples:
      backprop check "sin(x^2+3x)" "cos(x^2+3x)"
      backprop check "x^2+y^2" "[2x, 2y]"                a gradient
      backprop check "x^2+y^2=25" "dy/dx = -x/y"         a relation between x and y
      backprop check "x^4" "y'' = 12x^2"                 the second derivative
      backprop check "2x" "x^2 + C" --up-to-constant     an antiderivative
      backprop check "ln(5x)" "1/(5x)" --hint 1          a hint for a student
      backprop check -f answers.txt                      lines: problem, tab, answer

    \b
    Exit status, the worst of all lines:
      0 correct   1 an answer is wrong   3 undecided   2 unreadable, or wrong usage
    """
    from ..render.verdict import check_lines, check_summary

    level = options["hint"]
    hinting = level is not None
    asker = Asker(
        ("problem", "answer"), KEYS, _task, partial(check_lines, hinting=hinting),
        partial(check_summary, hinting=hinting), "incorrect",
        (lambda result: result.with_hints(level)) if hinting else (lambda result: result),
    )  # fmt: skip
    return ask(state, asker, expressions, options)


def _task(problem: str, answer: str, given: dict[str, Any]) -> dict[str, Any]:
    """The question of one row, its options checked."""
    from ..errors import UsageError
    from ..parser import check_variables
    from ..rows import read_names
    from ..verdicts import answer_question

    wrt = given.pop("wrt")
    if isinstance(wrt, tuple):
        wrt = ",".join(wrt)
    names = check_variables(read_names(wrt, "wrt")) if wrt else None
    order = given.pop("order")
    if order is not None:
        order = number_option("order", order)
    of = given.pop("of")
    if of is not None:
        of = check_variables([of] if isinstance(of, str) else of)[0]
    flags = {key.replace("-", "_"): given.pop(key) for key in ("log10", "up-to-constant")}
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise UsageError(f"`{key.replace('_', '-')}` is true or false")
    return answer_question(problem, answer, wrt=names, order=order, of=of, **flags, **given)
