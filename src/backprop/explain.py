"""What a code stands for: the rows of both tables in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .mistakes import MISTAKES, PATTERNS, WHOLE, Mistake, filled
from .ops import CONSTANTS, OPS, Op, lookup, unknown_function

# What is said of a step whose row has no sentence of its own.
_SLOPE = "the adjoint is multiplied by the slope of {name} at {this}, {partial}"
_SLOPE_BY = "the adjoint is multiplied by the slope of {name} by {this}, {partial}"
_NO_PARTIAL = "nothing can be sent back to {this}: {reason}"
LONG_PARTIAL = 40  # a partial with more characters is not repeated in a sentence
_VARIABLE = "the pass ends here: the adjoint of a variable is the derivative by it"

_SAYS = {
    "R01": "the derivative of a variable by itself is 1, that of a constant 0",
    "R03": "a constant factor stays: (c·u)' = c·u'",
    "R05": "(u^n)' = n·u^(n − 1)·u' for a constant n",
    "R09": "(c/v)' = −c·v'/v²",
    "R12": "(a^v)' = ln(a)·a^v·v' for a constant a",
}
# How the special cases call the operands, the one that varies, and the partial by it.
_CALLS = {
    "R03": (("c", "u"), 1, "c"),
    "R05": (("u", "n"), 0, "n*u^(n - 1)"),
    "R09": (("c", "v"), 1, "-c/v^2"),
    "R12": (("a", "v"), 1, "log(a)*a^v"),
}


@dataclass(frozen=True)
class Explanation:
    """A rule or a mistake.

    kind        "rule" or "mistake"
    function    how the operation is called in the language, for a rule
    partials    operand -> the partial derivative by it, in the names of the operands
    domain      where the value exists, smooth where the partials hold; "" is everywhere
    sentence    what the rule says, or what went wrong
    intuition   operand -> what the reverse pass does there and why, for a rule
    wrong       pattern or function -> the wrong derivatives of a mistake; `right` has the right ones
    examples    [problem, wrong answer] pairs
    """

    code: str
    name: str
    kind: str
    function: str = ""
    partials: dict[str, str] = field(default_factory=dict)
    domain: str = ""
    smooth: str = ""
    sentence: str = ""
    intuition: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    right: dict[str, str] = field(default_factory=dict)
    examples: list[list[str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of `backprop rule --format json`."""
        return {"version": 1, **asdict(self)}


def intuition(op: Op, operand: int, code: str, names: Mapping[str, str], variant: str = "") -> str:
    """What the reverse pass does at one operand of an operation, and why.

    code      the rule: the row's own, or that of one of its special cases
    names     texts for the holes of the sentence: each operand of the row by its name there, `value` for the node
              itself, and `partial`
    variant   of a power with a constant exponent: "above 1", "below 1" or ""

    >>> from backprop.ops import OPS
    >>> intuition(OPS["sin"], 0, "R22", {"x": "v1", "value": "f", "partial": "cos(v1)"})
    'the slope of sin is cos, at the same v1: none at the peaks, most at the zeros'
    >>> intuition(OPS["asinh"], 0, "R42", {"x": "v1", "value": "f", "partial": "1/sqrt(v1**2 + 1)"})
    'the adjoint is multiplied by the slope of asinh at v1, 1/sqrt(v1**2 + 1)'
    """
    keys = (f"{code} {variant}", code, operand, "")
    said = next((op.intuition[key] for key in keys if op.intuition.get(key)), "")
    if not said:
        said = _NO_PARTIAL if op.partials[operand] is None else _SLOPE if op.arity == 1 else _SLOPE_BY
        if len(names["partial"]) > LONG_PARTIAL:
            said = said.removesuffix(", {partial}")
    this = names[op.operands[operand]] if op.arity else ""
    other = names[op.operands[1 - operand]] if op.arity == 2 else ""
    return said.format_map({"this": this, "other": other, "name": op.call, "reason": op.reason, **names})


def explain(code: str) -> list[Explanation]:
    """What a code, or the name of a function or an operation, stands for; empty if nothing does."""
    wanted = code.strip()
    upper = wanted.upper()
    found = [entry for entry in explain_all() if entry.code == upper]
    if found:
        return found
    rows = [op for op in OPS.values() if wanted in (op.name, op.call, *op.aliases)]
    return [_rule(op) for op in rows]


def explain_all() -> list[Explanation]:
    """Every rule, then every mistake."""
    rules: list[Explanation] = []
    for op in OPS.values():
        if op.name in CONSTANTS:
            continue
        rules.append(_rule(op))
        known = {rule.code for rule in rules}  # of a code that two operations share, the first is explained
        specials = dict.fromkeys(op.special.values())
        rules += [_special(op, code, name) for code, name in specials if code not in known]
    first = Explanation("R01", "variable or constant", "rule", sentence=_SAYS["R01"], intuition={"x": _VARIABLE})
    declared = lookup(unknown_function("f", 1))
    last = Explanation("R105", "declared function", "rule", "f", {"x": "f'(x)"},
                       sentence="nothing is known of it: its derivative is f'",
                       intuition=sentences(declared))  # fmt: skip
    unique = {(e.code, e.function): e for e in [first, *rules, last]}
    ordered = sorted(unique.values(), key=lambda entry: int(entry.code[1:]))
    return ordered + [_mistake(row) for row in (*MISTAKES, *WHOLE)]


def _rule(op: Op) -> Explanation:
    partials = {x: text for x, text in zip(op.operands, op.partials, strict=True) if text is not None}
    sentence = "" if partials and len(partials) == len(op.operands) else op.reason
    called = op.symbol or f"{op.call}({', '.join(op.operands)})"
    if op.symbol and len(op.operands) == 2:
        called = f"{op.operands[0]} {op.symbol} {op.operands[1]}"
    return Explanation(op.code, op.rule, "rule", called, partials, op.domain, op.smooth, sentence, sentences(op))


def sentences(op: Op) -> dict[str, str]:
    """`intuition` for every operand, in the row's own names; formulas stand between `."""
    names = {name: f"`{name}`" for name in op.operands}
    names["value"] = f"`{op.call}({', '.join(op.operands)})`"
    return {
        name: intuition(op, k, op.code, {**names, "partial": f"`{op.partials[k] or ''}`"})
        for k, name in enumerate(op.operands)
    }


def _special(op: Op, code: str, name: str) -> Explanation:
    called, operand, partial = _CALLS[code]
    names = {x: f"`{y}`" for x, y in zip(op.operands, called)} | {"partial": f"`{partial}`"}
    said = {called[operand]: intuition(op, operand, code, names)}
    domain = op.domain if code == "R12" else ""
    return Explanation(code, name, "rule", sentence=_SAYS[code], domain=domain, intuition=said)


def _mistake(row: Mistake) -> Explanation:
    wrong = {pattern: list(texts) for pattern, texts in row.rules.items()}
    right = {name: PATTERNS[name].right if name in PATTERNS else filled("D(u)*du", OPS[name]) for name in wrong}
    examples = [[str(part) for part in example] for example in row.examples]
    sentence = row.sentence.replace("{k}", "…")
    for letter, said in (("where", "this step"), ("u", "u"), ("v", "v"), ("w", "the argument"), ("c", "c"), ("t", "x")):
        sentence = sentence.replace(f"`{{{letter}}}`", said)
    return Explanation(row.code, row.name, "mistake", sentence=sentence, wrong=wrong, right=right, examples=examples)
