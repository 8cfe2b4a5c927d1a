"""A sample of ordinary expressions from end to end, in this process: derived, simplified, judged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from backprop.derivation import derive
from backprop.errors import BackpropError
from backprop.tasks import handle

CORPUS = Path(__file__).parent / "corpus" / "expressions.txt"
SAMPLE = 300
NO_RULE = "special functions whose order or first operand is a variable"


def expressions() -> list[tuple[str, str]]:
    """(area, expression), in the order of the file."""
    found, area = [], ""
    for line in CORPUS.read_text(encoding="utf-8").split("\n"):
        if line.startswith("# "):
            area = line[2:]
        elif line:
            found.append((area, line))
    return found


def verdict(text: str) -> tuple[str, str]:
    """The status of an expression, and how it was found or why it was refused."""
    try:
        derivation = derive(text)
    except BackpropError as error:
        return "refused", str(error)
    task = derivation.task(simplify=True, verify=True, adjoints=False)
    if task is None:
        return "proved", "nothing to verify"
    messages = {message["stage"]: message for message in handle(task)}
    assert set(messages) >= {"built", "verified"}
    for message in messages.values():
        derivation.absorb(message)
    assert derivation.verified.status == messages["verified"]["status"]
    assert all(str(node) for node in derivation.gradient.values())
    return derivation.verified.status, derivation.verified.how


@pytest.fixture(scope="module")
def verdicts() -> list[tuple[str, str, str, str]]:
    sample = Random(2024).sample(expressions(), SAMPLE)
    return [(area, text, *verdict(text)) for area, text in sample]


def test_no_gradient_of_the_sample_is_wrong(verdicts):
    assert len(verdicts) == SAMPLE
    assert [v for v in verdicts if v[2] == "failed"] == []


def test_nothing_that_a_person_would_understand_is_refused(verdicts):
    refused = [v for v in verdicts if v[2] == "refused"]
    assert [v for v in refused if not (v[0].startswith(NO_RULE) and "no partial" in v[3])] == []


def test_nearly_everything_is_proved_or_sampled(verdicts):
    counted = Counter(status for *_, status, _ in verdicts)
    judged = SAMPLE - counted["refused"]
    assert counted["proved"] + counted["sampled"] >= 0.99 * judged, counted
    assert counted["proved"] >= 0.7 * judged, counted


def test_every_area_of_the_corpus_is_sampled(verdicts):
    areas = {area for area, _ in expressions()}
    assert len(areas) > 25
    assert len({v[0] for v in verdicts}) >= 0.8 * len(areas)
