"""What a code stands for: the rows of both tables in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .mistakes import MISTAKES, PATTERNS, WHOLE, Mistake, filled
from .ops import CONSTANTS, OPS, Op

_SAYS = {
    "R01": "the derivative of a variable by itself is 1, that of a constant 0",
    "R03": "a constant factor stays: (c·u)' = c·u'",
    "R05": "(u^n)' = n·u^(n − 1)·u' for a constant n",
    "R09": "(c/v)' = −c·v'/v²",
    "R12": "(a^v)' = ln(a)·a^v·v' for a constant a",
}


@dataclass(frozen=True)
class Explanation:
    """A rule or a mistake.

    kind        "rule" or "mistake"
    function    how the operation is called in the language, for a rule
    partials    operand -> the partial derivative by it, in the names of the operands
    domain      where the value exists, smooth where the partials hold; "" is everywhere
    sentence    what the rule says, or what went wrong
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
    wrong: dict[str, list[str]] = field(default_factory=dict)
    right: dict[str, str] = field(default_factory=dict)
    examples: list[list[str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of `backprop rule --format json`."""
        return {"version": 1, **asdict(self)}


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
        rules += [_special(op, code, name) for code, name in dict.fromkeys(op.special.values())]
    first = Explanation("R01", "variable or constant", "rule", sentence=_SAYS["R01"])
    last = Explanation("R105", "declared function", "rule", "f", {"x": "f'(x)"},
                       sentence="nothing is known of it: its derivative is f'")  # fmt: skip
    unique = {(e.code, e.function): e for e in [first, *rules, last]}
    ordered = sorted(unique.values(), key=lambda entry: int(entry.code[1:]))
    return ordered + [_mistake(row) for row in (*MISTAKES, *WHOLE)]


def _rule(op: Op) -> Explanation:
    partials = {x: text for x, text in zip(op.operands, op.partials, strict=True) if text is not None}
    sentence = "" if partials and len(partials) == len(op.operands) else op.reason
    called = op.symbol or f"{op.call}({', '.join(op.operands)})"
    if op.symbol and len(op.operands) == 2:
        called = f"{op.operands[0]} {op.symbol} {op.operands[1]}"
    return Explanation(op.code, op.rule, "rule", called, partials, op.domain, op.smooth, sentence)


def _special(op: Op, code: str, name: str) -> Explanation:
    return Explanation(code, name, "rule", sentence=_SAYS[code], domain=op.domain if code == "R12" else "")


def _mistake(row: Mistake) -> Explanation:
    wrong = {pattern: list(texts) for pattern, texts in row.rules.items()}
    right = {name: PATTERNS[name].right if name in PATTERNS else filled("D(u)*du", OPS[name]) for name in wrong}
    examples = [[str(part) for part in example] for example in row.examples]
    sentence = row.sentence.replace("{k}", "…")
    for letter, said in (("where", "this step"), ("u", "u"), ("v", "v"), ("w", "the argument"), ("c", "c"), ("t", "x")):
        sentence = sentence.replace(f"`{{{letter}}}`", said)
    return Explanation(row.code, row.name, "mistake", sentence=sentence, wrong=wrong, right=right, examples=examples)
