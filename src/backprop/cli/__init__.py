"""The command line: one file for each command, loaded when it is called.

A command reads, calls the library, prints. To add one, write `cli/name.py` with a click command of
that name and add its line to `COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

# name -> what it does, in one line; the module has the same name, and in it the command.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "diff": "Differentiate equations and show every step.",
        "check": "Check answers: correct, or where the mistake is.",
        "equal": "Say whether two expressions are the same.",
        "grade": "Grade a table of answers against a key.",
        "plot": "Plot a function with its derivative and tangents.",
        "graph": "Draw the compute graph of an equation.",
        "report": "Turn a file of equations into one document, or a worksheet.",
        "rule": "Explain a rule or a mistake by its code.",
        "schema": "Print the JSON Schema of a kind of JSON line.",
    }
)

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f".{cmd_name}", __name__), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a command there is help, as an error; an equation without a command gets a hint."""
        if args and args[0] not in ("-h", "--help", "--version", "--") and args[0] not in COMMANDS:
            raise click.UsageError(self._remedy(args[0]), ctx)
        return super().parse_args(ctx, args)

    def _remedy(self, word: str) -> str:
        from difflib import get_close_matches

        close = get_close_matches(word, list(COMMANDS), 1)
        if close or word.isalpha():
            return f"no command `{word}`: " + (f"did you mean `{close[0]}`?" if close else "see `backprop --help`")
        return f'no command `{word}`: to differentiate it, write backprop diff "{word}"'


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        import backprop

        click.echo(f"backprop {getattr(backprop, '__version__', 'unknown')}")
        ctx.exit()


@click.group("backprop", cls=Commands, context_settings=CONTEXT, no_args_is_help=False)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def cli() -> None:
    """Differentiates typed equations by backpropagation, and shows its work.

    An equation is typed as in a textbook or in Python: 3(x+2)^2, 5*a**2/(1+exp(b)), y = x sin x.
    Every result is checked against SymPy, and the output says how.

    \b
    Examples:
      backprop diff "3*(x+2)**2"                       every step, and the derivative
      backprop diff "5a^2/(1+e^b)" --at a=2,b=0        with numbers beside the formulas
      backprop diff -q "x^2 sin x"                     the answer alone
      backprop diff -f equations.txt --format json     a file, one equation a line

    `backprop diff --help` says more.
    """
