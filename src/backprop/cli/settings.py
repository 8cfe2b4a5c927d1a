"""What the commands that differentiate share: options, and what they ask of an equation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..choices import KINDS, MODES
from ..errors import UsageError, visible
from .common import number_option, row_keys

if TYPE_CHECKING:
    from ..derivation import Derivation
    from ..rows import Row

# What a JSON row may say besides its equation: the options that make sense for one equation.
ROW_OPTIONS = (
    "wrt", "at", "order", "of", "mixed", "along", "total", "jacobian", "hessian", "tangent", "mode", "decompose",
    "check-gradient", "explain", "critical", "functions", "digits", "time-limit", "max-nodes",
    "no-simplify", "no-verify",
)  # fmt: skip
FLAGS = ("jacobian", "hessian", "tangent", "check-gradient", "explain", "critical", "no-simplify", "no-verify")

# The options, by what they mean; a command lists those that it has: see `with_options`.
OPTIONS: dict[str, Callable[..., Any]] = {
    "wrt": click.option("--wrt", multiple=True, metavar="x,y",
                        help="Variables to differentiate by.  [default: all]"),
    "at": click.option("--at", multiple=True, metavar="x=1,y=pi/2",
                       help="Values of variables: numbers beside the formulas."),
    "order": click.option("--order", type=int, default=1, show_default=True, metavar="N", help="The N-th derivative."),
    "program": click.option("--program", "programs", multiple=True, metavar="FILE",
                            help="Read a file as one program: definitions by lines or joined by ;"),
    "of": click.option("--of", multiple=True, metavar="u,v", help="The outputs of a program; of a relation, what "
                       "depends on the others.  [default: the last definition; y]"),
    "jacobian": click.option("--jacobian", is_flag=True, help="The derivative of every output by every variable."),
    "hessian": click.option("--hessian", is_flag=True,
                            help="All second derivatives; with --along, their product with the direction."),
    "mixed": click.option("--mixed", multiple=True, metavar="x,x,y", help="A mixed partial derivative."),
    "along": click.option("--along", multiple=True, metavar="dx=1,dy=2", help="The derivative along a direction."),
    "total": click.option("--total", metavar="t",
                          help="The total derivative by t, on which the other variables depend."),
    "tangent": click.option("--tangent", is_flag=True, help="The tangent line, or linear approximation, at the point."),
    "critical": click.option("--critical", is_flag=True, help="Look for the critical points: minima, maxima, saddles."),
    "decompose": click.option("--decompose", metavar="KIND", help="Another compute graph of the same equation: "
                              f"{', '.join(KINDS[:-1])} or {KINDS[-1]}."),
    "explain": click.option("--explain", is_flag=True, help="Say in words what every edge does."),
    "functions": click.option("--functions", multiple=True, metavar="f,g", help="Names of unknown functions: f(g(x))."),
    "file": click.option("-f", "--file", "files", multiple=True, metavar="FILE",
                         help="Read equations from a file, one a line; - is standard input."),
    "output": click.option("-o", "--output", metavar="FILE",
                           help="Write to a file, which appears when it is complete."),
    "open": click.option("--open", "show", is_flag=True, help="Show what is made in a browser."),
    "steps": click.option("--steps", type=click.Choice(["all", "adjoints", "result"]),
                          help="How much to show.  [default: all for one equation, else a line for each]"),
    "digits": click.option("--digits", type=int, default=15, show_default=True, metavar="N", help="Digits of values."),
    "time-limit": click.option("--time-limit", type=float, default=5.0, show_default=True, metavar="S",
                               help="Seconds that SymPy may work on an equation. No result depends on it."),
    "max-nodes": click.option("--max-nodes", type=int, default=1_000_000, show_default=True, metavar="N",
                              help="The largest equation, in operations."),
    "no-simplify": click.option("--no-simplify", is_flag=True, help="Show derivatives as derived."),
    "no-verify": click.option("--no-verify", is_flag=True, help="Do not check the result."),
    "jobs": click.option("--jobs", type=int, default=2, show_default=True, metavar="N", help="Worker processes."),
    "ascii": click.option("--ascii", is_flag=True, help="Plain ASCII characters only."),
    "color": click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                          help="Colours; auto is on a terminal only."),
    "width": click.option("--width", type=int, metavar="N",
                          help="Fold lines to N columns.  [default: the terminal's; else uncut]"),
    "debug": click.option("--debug", is_flag=True, help="Show where in the program an internal error came from."),
}  # fmt: skip


def with_options(*names: str) -> Callable[..., Any]:
    """Gives a command some of the options, in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            command = OPTIONS[name](command)
        return command

    return decorate


def choices(key: str, given: list[Any], allowed: Sequence[str]) -> list[str]:
    """Words that are all in a list of allowed ones."""
    for word in given:
        if word not in allowed:
            raise UsageError(f"`{visible(str(word))}` is no value of {key}", hint=f"choose from {', '.join(allowed)}")
    return given


class Settings(NamedTuple):
    """What is asked of one equation."""

    wrt: list[str] | None = None
    at: dict[str, Any] | None = None
    order: int = 1
    of: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    along: dict[str, Any] | None = None
    total: str | None = None
    jacobian: bool = False
    hessian: bool = False
    tangent: bool = False
    mode: tuple[str, ...] = ()
    decompose: str | None = None
    check_gradient: bool = False
    explain: bool = False
    critical: bool = False
    functions: tuple[str, ...] = ()
    digits: int = 15
    time_limit: float = 5.0
    max_nodes: int = 1_000_000
    no_simplify: bool = False
    no_verify: bool = False

    def updated(self, given: dict[str, Any]) -> Settings:
        """With some options (by their long names) given anew, and checked."""
        from ..parser import check_variables
        from ..rows import read_names, read_point
        from ..values import parse_value

        changes: dict[str, Any] = {}
        for key, value in given.items():
            if key == "wrt":
                changes["wrt"] = check_variables(read_names(value, key))
            elif key in ("functions", "mixed"):
                changes[key] = tuple(read_names(value, key))
            elif key == "of":
                changes["of"] = tuple(check_variables(read_names(value, key)))
            elif key == "mode":
                changes["mode"] = tuple(choices(key, read_names(value, key), (*MODES, "all")))
            elif key == "decompose":
                changes["decompose"] = choices(key, [value], KINDS)[0]
            elif key == "along":
                changes["along"] = read_point(value, key)
            elif key == "total":
                if not isinstance(value, str):
                    raise UsageError("`total` is the name of a variable", hint="--total t")
                changes["total"] = check_variables([value])[0]
            elif key == "at":
                point = read_point(value)
                check_variables(point)
                for text in point.values():
                    parse_value(str(text))
                changes["at"] = point
            elif key in FLAGS:
                if not isinstance(value, bool):
                    raise UsageError(f"`{key}` is true or false", hint=f'write "{key}": true')
                changes[key.replace("-", "_")] = value
            else:
                changes[key.replace("-", "_")] = number_option(key, value)
        return self._replace(**changes)

    def derive(self, text: str, *, program: bool = False, inputs: Sequence[str] = (), trace: bool = True) -> Derivation:
        """What needs no worker; `inputs` have values that come later."""
        from ..derivation import derive

        return derive(
            text, self.wrt, self.at, self.order, of=self.of, mixed=self.mixed, along=self.along, total=self.total,
            jacobian=self.jacobian, hessian=self.hessian, tangent=self.tangent, decompose=self.decompose or "typed",
            explain=self.explain, program=program, inputs=inputs, functions=self.functions, digits=self.digits,
            max_nodes=self.max_nodes, trace=trace,
        )  # fmt: skip


def given_options(options: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The options that were given, as a JSON row would say them; files of points are left out."""
    given: dict[str, Any] = {}
    for key in keys:
        value = options[key.replace("-", "_")]
        if isinstance(value, tuple):  # it may be given several times
            parts = [text for text in value if key != "at" or "=" in text]
            value = None if not parts else parts if key in ("at", "along") else ",".join(parts)
        if value is not None:
            given[key] = value
    return given


def equation_of(row: Row, keys: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The equation of a row, and what else it says if it is a JSON object. Errors: those of the row."""
    if row.error is not None:
        raise row.error
    if row.fields is None:
        return row.text, {}
    fields = dict(row_keys(row, ("equation", *keys), click.get_current_context().command))
    text = fields.pop("equation", None)
    if not isinstance(text, str):
        raise UsageError("the row has no `equation`", hint='write {"equation": "x^2"}')
    return text, fields
