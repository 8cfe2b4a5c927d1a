"""Labelled pairs and answers: no right one called wrong, no wrong one called right, and the mistake named.

The labels were made without the program: every difference has a witness that another evaluator confirmed,
every equality is a known identity. The files say what the columns are.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from backprop.tasks import handle
from backprop.verdicts import Check, Equality, answer_question, equality_question, result_of, take_in

CORPUS = Path(__file__).parent / "corpus"
PARTS = 8  # each part is one test, so that several processes can share the work

# What teachers call a mistake -> the codes that name it.
TAGS = {
    "inner-left-out": "M01", "inner-at-derivative": "M02", "argument-lost": "M03", "layer-left-out": "M01 M04",
    "product-of-derivatives": "M05", "product-ff+gg": "M06", "product-minus": "M07", "product-one-term": "M08",
    "quotient-of-derivatives": "M09", "quotient-plus": "M10", "quotient-swapped": "M11",
    "quotient-not-squared": "M12", "quotient-f2-below": "M13", "power-on-exponential": "M17",
    "exponent-lowered-exponential": "M18", "ln-a-missing": "M19", "power-on-x^x": "M21", "exponent-not-down": "M23",
    "exponent-not-lowered": "M24", "exponent-wrong-way": "M25", "reciprocal-by-parts": "M29", "sign-trig": "M31",
    "tan-sec": "M32", "log-inner": "M01", "log-mx": "M03", "root-half-lost": "M35", "root-of-derivative": "M33",
    "constant-factor-lost": "M36", "constant-kept": "M37", "symbol-as-variable": "M38",
    "constant-by-power-rule": "M40", "sign-of-term": "M41 M42 M65", "sign-whole": "M61", "integrated": "M67 M44",
    "wrong-order": "M68", "squared-derivative": "M69", "wrong-variable": "M70", "notation-power": "M50 M51",
    "abs-value": "M49", "implicit-yprime-dropped": "M76 M78", "implicit-sign": "M75", "factor-2": "M62",
    "missing-term": "M64 M43 M08", "plus-constant": "M63", "function-itself": "M66",
}  # fmt: skip


def rows(name: str, columns: int) -> list[list[str]]:
    lines = (CORPUS / name).read_text(encoding="utf-8").split("\n")
    found = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    assert all(len(row) == columns for row in found)
    return found


def compared(a: str, b: str) -> Equality:
    """The verdict of `equal`, found in this process."""
    task = equality_question(a, b)
    result = result_of(task)
    for message in handle(task):
        take_in(result, message)
    assert isinstance(result, Equality)
    return result


def checked(problem: str, answer: str, **options: object) -> Check:
    """The verdict of `check`, found in this process."""
    task = answer_question(problem, answer, **options)
    result = result_of(task)
    for message in handle(task):
        take_in(result, message)
    assert isinstance(result, Check)
    return result


@pytest.mark.parametrize("part", range(PARTS))
def test_no_pair_is_judged_wrongly(part):
    sample = rows("pairs.tsv", 4)[part::PARTS]
    assert len(sample) > 60
    wrong, undecided = [], []
    for a, b, label, _ in sample:
        result = compared(a, b)
        assert (result.witness is not None) == (result.verdict == "different")
        if result.verdict == "undecided":
            undecided += [(a, b)] * (label != "undecided")
        elif result.verdict != label:
            wrong.append((a, b, label, result.verdict, result.how))
    assert wrong == []
    assert len(undecided) <= 0.03 * len(sample), undecided


@pytest.mark.parametrize("part", range(PARTS))
def test_no_answer_is_judged_wrongly_and_most_mistakes_are_named(part):
    sample = rows("answers.tsv", 6)[part::PARTS]
    assert len(sample) > 80
    wrong = []
    counted: Counter[str] = Counter()
    for problem, wrt, order, answer, label, tag in sample:
        result = checked(problem, answer, wrt=wrt.split(",") if wrt else None, order=int(order))
        if result.verdict != label:
            wrong.append((problem, wrt, order, answer, label, result.verdict, result.reason))
        elif label == "incorrect":
            assert result.witness is not None
            counted["incorrect"] += 1
            counted["named"] += bool(result.mistakes)
            codes = {mistake.code for mistake in result.mistakes}
            if tag in TAGS:
                counted["tagged"] += 1
                counted["hit"] += bool(codes & set(TAGS[tag].split()))
    assert wrong == []
    assert counted["named"] >= 0.9 * counted["incorrect"], counted
    assert counted["hit"] >= 0.8 * counted["tagged"], counted


@pytest.mark.parametrize("seed", range(3))
def test_a_verdict_is_the_same_every_time(seed):
    for a, b, *_ in rows("pairs.tsv", 4)[seed::97]:
        assert compared(a, b) == compared(a, b)
