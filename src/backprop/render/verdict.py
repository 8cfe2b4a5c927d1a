"""Verdicts for readers: what was checked, the witness, and the mistakes with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import display_width
from ..verdicts import Check, Equality, Mistake, Witness
from .plain import Line
from .words import Words

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARKS = {"correct": ("✓", "good"), "equal": ("✓", "good"), "incorrect": ("✗", "bad"), "different": ("✗", "bad"),
          "undecided": ("?", "warn"), "unreadable": ("!", "warn")}  # fmt: skip
_ASCII = {"✓": "ok:", "✗": "no:"}


class Text:
    """Expressions and sentences in the style of the output."""

    def __init__(self, ascii: bool) -> None:
        self.ascii, self.words = ascii, Words(ascii)

    def math(self, text: str) -> str:
        """An expression in Python's syntax as a reader writes it: 3·x² for 3*x**2."""
        if not self.ascii:
            text = re.sub(r"\*\*(\d+)(?![\d.]|\*\*)", lambda m: m[1].translate(_RAISED), text)
            text = text.replace("**", "^").replace("*", "·").replace("-", "−")
        return self.words.final(" ".join(text.split()))

    def typed(self, text: str) -> str:
        """What was typed, on one line and safe to show; a very long one is cut."""
        shown = self.words.final(" ".join(text.split()))
        return shown if len(shown) <= 400 else f"{shown[:400]}… ({len(text)} characters)"

    def said(self, sentence: str) -> str:
        """A sentence, with what stands between ` as an expression."""
        parts = sentence.split("`")
        return self.words.final("".join(self.math(part) if k % 2 else part for k, part in enumerate(parts)))

    def mark(self, verdict: str) -> tuple[str, str]:
        mark, style = _MARKS[verdict]
        return (_ASCII.get(mark, mark) if self.ascii else mark), style


def check_lines(result: Check, *, ascii: bool = False, hinting: bool = False) -> Iterator[Line]:
    """The verdict on an answer, for one that is looked at by itself."""
    text = Text(ascii)
    by = f"   by {', '.join(result.wrt)}" if result.wrt else ""
    order = f", order {result.order}" if result.order > 1 else ""
    yield [("problem   ", "remark"), (text.typed(result.problem), "math"), (text.words.final(by + order), "remark")]
    yield [("answer    ", "remark"), (text.typed(result.answer), "math")]
    if result.reading is not None and (result.notes or result.verdict == "unreadable"):
        yield [("read as   ", "remark"), (text.math(result.reading), "math")]
    yield []
    mark, style = text.mark(result.verdict)
    line: Line = [(f"{mark} {text.words.final(_verdict(result))}", style)]
    if result.witness is not None:
        seen = _witness(text, result.witness, "the derivative is", "yours is")
        line = [(f"{mark} {result.verdict}: ", style), (seen, "")]
    yield line
    if result.expected is not None and result.verdict in ("incorrect", "undecided"):
        yield [("  the derivative is ", ""), (text.math(result.expected), "math")]
    for k, mistake in enumerate(result.mistakes):
        yield []
        if k and mistake.explanation != result.mistakes[k - 1].explanation:
            yield [("  or", "remark")]
        yield from _mistake(text, mistake, _as_read(result))
    for level, hint in enumerate(result.hints if hinting else (), 1):
        yield [(f"  hint {level}: {text.said(hint)}", "note")]
    if result.domain_note:
        yield [(f"  domain: {text.words.final(result.domain_note)}", "note")]
    for note in result.notes:
        yield [(f"  note: {text.words.final(note)}", "note")]


def equal_lines(result: Equality, *, ascii: bool = False) -> Iterator[Line]:
    """The verdict on two expressions."""
    text = Text(ascii)
    yield [("a   ", "remark"), (text.typed(result.a), "math")]
    yield [("b   ", "remark"), (text.typed(result.b), "math")]
    yield []
    mark, style = text.mark(result.verdict)
    line: Line = [(f"{mark} {text.words.final(_verdict(result))}", style)]
    if result.witness is not None:
        seen = _witness(text, result.witness, "the first is", "the second is")
        line = [(f"{mark} {result.verdict}: ", style), (seen, "")]
    yield line
    if result.domain_note:
        yield [(f"  domain: {text.words.final(result.domain_note)}", "note")]
    for note in result.notes:
        yield [(f"  note: {text.words.final(note)}", "note")]


def check_summary(result: Check, *, ascii: bool = False, hinting: bool = False) -> Line:
    """One line of several."""
    text = Text(ascii)
    line = [(text.typed(result.problem), "math"), ("   ", ""), (text.typed(result.answer), "math"), ("   ", "")]
    mark, style = text.mark(result.verdict)
    line.append((f"{mark} {text.words.final(_verdict(result))}", style))
    if result.mistakes:
        named = dict.fromkeys(f"{m.code} {m.name}" for m in result.mistakes)
        line.append((text.words.final(f"   {'; '.join(named)}"), "note"))
    elif hinting and result.hints:
        line.append((f"   {text.said('; '.join(result.hints))}", "note"))
    if result.notes:
        line.append((text.words.final(f"   ({'; '.join(result.notes)})"), "note"))
    return line


def equal_summary(result: Equality, *, ascii: bool = False) -> Line:
    """One line of several."""
    text = Text(ascii)
    mark, style = text.mark(result.verdict)
    line = [(text.typed(result.a), "math"), ("   ", ""), (text.typed(result.b), "math"), ("   ", ""),
            (f"{mark} {text.words.final(_verdict(result))}", style)]  # fmt: skip
    if result.witness is not None:
        line.append(("   " + _witness(text, result.witness, "a =", "b ="), ""))
    return line


def _verdict(result: Check | Equality) -> str:
    """The verdict and its ground in words."""
    digits = f"{result.points} point{'s' * (result.points != 1)}, {result.digits} digits"
    ground = {
        "proved": f"proved ({result.reason})" if result.reason else "proved",
        "sampled": f"equal as far as sampled ({digits})",
        "refuted": "refuted at a point",
    }.get(result.how or "", result.reason)
    return f"{result.verdict}: {ground}" if ground else result.verdict


def _witness(text: Text, witness: Witness, first: str, second: str) -> str:
    at = ", ".join(f"{name} = {text.math(value)}" for name, value in witness.at.items())
    where = f"at {text.words.final(at)} " if at else ""
    return f"{where}{first} {text.math(witness.first)}, {second} {text.math(witness.second)}"


def _mistake(text: Text, mistake: Mistake, problem: str) -> Iterator[Line]:
    """A mistake: its name, its place under the problem, and the wrong step beside the right one."""
    at = f" (at {mistake.node})" if mistake.node else ""
    yield [(text.words.final(f"  {mistake.code} {mistake.name}{at}"), "rule")]
    if mistake.where is not None:
        shown, place = text.math(problem), text.math(mistake.where)
        start = shown.replace(" ", "").find(place.replace(" ", ""))
        if start >= 0 and len(shown) < 200 and place != shown:
            low, high = _spaced(shown, start, len(place.replace(" ", "")))
            yield [("      in ", "remark"), (shown, "math")]
            yield [("         " + " " * display_width(shown[:low]) + "^" * display_width(shown[low:high]), "bad")]
        else:
            yield [("      in ", "remark"), (place, "math")]
    yield [(f"      {text.said(mistake.message)}", "")]
    if mistake.wrong and mistake.right:
        yield [("      your step  ", "remark"), (text.math(mistake.wrong), "bad")]
        yield [("      right step ", "remark"), (text.math(mistake.right), "good")]


def _as_read(result: Check) -> str:
    """The problem in the same spelling as the places in it."""
    from ..errors import BackpropError
    from ..expr import to_text
    from ..parser import parse_equation

    try:
        equation = parse_equation(result.problem, wrt=result.wrt)
    except BackpropError:  # it uses declared functions: then it is shown as typed
        return result.problem
    return to_text(equation.graph, equation.root)


def _spaced(text: str, start: int, length: int) -> tuple[int, int]:
    """Places among the characters that are no spaces, as places in the text."""
    solid = [i for i, c in enumerate(text) if c != " "]
    return solid[start], solid[start + length - 1] + 1
