"""Backpropagation on typed equations, with the work shown.

>>> import backprop
>>> node = backprop.parse("5a²/(1 + e^b)")
>>> {name: str(d) for name, d in backprop.gradient(node).items()}
{'a': '10/(1 + exp(b))*a', 'b': '-5*a**2/(1 + exp(b))**2*exp(b)'}
>>> result = backprop.differentiate("5a²/(1 + e^b)", at={"a": 2, "b": 0})
>>> str(result.gradient["b"]), result.gradient_value["b"], result.verified.status
('-5*a**2*exp(b)/(1 + exp(b))**2', -5, 'proved')

`parse` and `gradient` need neither SymPy nor a second process and take linear time. `differentiate`
returns a `Derivation`: the trace, the readable result and the verdict of the cross-check.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .critical import CriticalPoint, CriticalPoints, critical_points
    from .derivation import Derivation, derive, differentiate
    from .errors import BackpropError, EncodingError, LimitError, NameFault, ParseError, UsageError
    from .expr import Node, count_operations
    from .forward import jvp
    from .grading import Graded, KeyFault, grade
    from .parser import Equation, parse
    from .passes import hessian, jacobian
    from .points import tabulate
    from .program import parse_program
    from .reverse import gradient
    from .verdicts import Check, Equality, Mistake, Witness, check, equal

__version__ = "0.1.0"

__all__ = [
    "BackpropError",
    "Check",
    "CriticalPoint",
    "CriticalPoints",
    "Derivation",
    "EncodingError",
    "Equality",
    "Equation",
    "Graded",
    "KeyFault",
    "LimitError",
    "Mistake",
    "NameFault",
    "Node",
    "ParseError",
    "UsageError",
    "Witness",
    "check",
    "count_operations",
    "critical_points",
    "derive",
    "differentiate",
    "equal",
    "grade",
    "gradient",
    "hessian",
    "jacobian",
    "jvp",
    "parse",
    "parse_program",
    "tabulate",
]

_HOMES = {
    "verdicts": ("Check", "Equality", "Mistake", "Witness", "check", "equal"),
    "critical": ("CriticalPoint", "CriticalPoints", "critical_points"),
    "derivation": ("Derivation", "derive", "differentiate"),
    "forward": ("jvp",),
    "grading": ("Graded", "KeyFault", "grade"),
    "errors": ("BackpropError", "EncodingError", "LimitError", "NameFault", "ParseError", "UsageError"),
    "expr": ("Node", "count_operations"),
    "parser": ("Equation", "parse"),
    "passes": ("hessian", "jacobian"),
    "points": ("tabulate",),
    "program": ("parse_program",),
    "reverse": ("gradient",),
}


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used: the command line answers `--help` without them."""
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
