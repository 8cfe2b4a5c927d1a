"""A rule or a mistake for readers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..explain import Explanation
from .plain import Line
from .verdict import Text


def explanation_lines(entry: Explanation, *, ascii: bool = False) -> Iterator[Line]:
    """The page of one code."""
    text = Text(ascii)
    title = f"{entry.code} {entry.name}"
    yield [(text.words.final(title), "title"), (f"   {text.math(entry.function)}" if entry.function else "", "math")]
    if entry.sentence:
        yield [(f"  {text.said(entry.sentence)}", "")]
    for operand, partial in entry.partials.items():
        yield [(f"  derivative by {operand}   ", "remark"), (text.math(partial), "math")]
    said = {sentence: operand for operand, sentence in reversed(entry.intuition.items())}  # each sentence once
    for sentence, operand in reversed(said.items()):
        yield [(f"  backwards to {operand}    ", "remark"), (text.said(sentence), "")]
    if entry.domain:
        yield [("  defined for       ", "remark"), (text.math(entry.domain), "math")]
    if entry.smooth and entry.smooth != entry.domain:
        yield [("  differentiable for ", "remark"), (text.math(entry.smooth), "math")]
    for pattern, texts in entry.wrong.items():
        yield [(f"  {pattern}: ", "remark"), ("right ", ""), (text.math(primed(entry.right[pattern])), "good"),
               ("   wrong ", ""), (text.math(primed(" or ".join(texts))), "bad")]  # fmt: skip
    for example in entry.examples:
        order = f" (order {example[2]})" if len(example) > 2 else ""
        yield [("  for example ", "remark"), (text.math(example[0]), "math"), (f"{order}: ", "remark"),
               (text.math(example[1]), "bad")]  # fmt: skip


def primed(rule: str) -> str:
    """u' for du, x for the variable, f and f' for the function of a step and its derivative."""
    rule = re.sub(r"\bt\b", "x", re.sub(r"\bd([uvw])(?![a-z])", r"\1'", rule))
    return re.sub(r"\bD\(", "f'(", re.sub(r"\bF\(", "f(", rule))
