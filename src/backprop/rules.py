"""The partials of the table, compiled: text in our own language -> steps over a node's operands.

A rule is parsed once, on first use, into a short straight-line program; applying it to a node runs
the program with the tidying constructors. The rule that is printed is this very text.
"""

from __future__ import annotations

from functools import lru_cache

from .errors import UsageError
from .expr import LEAVES, Graph
from .ops import lookup
from .parser import parse_rule
from .tidy import Tidy

# One step: an operation and where its operands come from. A reference that is >= 0 is an operand
# of the node, one that is < 0 is the result of step -1 - reference.
Step = tuple[str, tuple[int, ...], tuple]  # type: ignore[type-arg]
Program = tuple[list[Step], int]


@lru_cache(maxsize=4096)
def program(op: str, operand: int) -> Program:
    """The steps that compute the partial of an operation by one of its operands."""
    row = lookup(op)
    text = row.partials[operand]
    if text is None:
        raise UsageError(
            f"there is no partial of {row.call} by {row.operands[operand]}: {row.reason}",
            hint="choose another variable",
        )
    return compile_text(text, row.operands)


@lru_cache(maxsize=4096)
def compile_text(text: str, operands: tuple[str, ...], functions: tuple[str, ...] = ()) -> Program:
    """The steps of any text over named operands, in which `functions` are unknown functions."""
    graph = Graph()
    if "'" in text and not functions:  # the derivative of a declared function: its name, with one prime more
        functions = (text.partition("'")[0],)
    root = parse_rule(text, graph, operands, functions)
    steps: list[Step] = []
    place: dict[int, int] = {}
    for position in graph.reachable([root]):
        key = graph.nodes[position]
        if key[0] == "var":
            place[position] = operands.index(key[1])
        else:
            references = () if key[0] in LEAVES else tuple(place[i] for i in key[1:])
            steps.append((key[0], references, key))
            place[position] = -len(steps)
    return steps, place[root]


def apply(steps: Program, operands: tuple[int, ...], tidy: Tidy) -> int:
    """The node that a program computes from these operands."""
    program_steps, result = steps
    if result >= 0:
        return operands[result]
    done: list[int] = []
    for op, references, key in program_steps:
        if references:
            done.append(tidy.make(op, *[operands[r] if r >= 0 else done[-1 - r] for r in references]))
        else:
            done.append(tidy.intern(key))
    return done[-1 - result]


def partial(op: str, operand: int, operands: tuple[int, ...], tidy: Tidy) -> int:
    """The partial of op(operands) by one operand, as a node."""
    return apply(program(op, operand), operands, tidy)
