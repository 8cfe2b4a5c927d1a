"""What workers do: bring adjoints into readable form, and judge the gradient.

One task is one equation. The messages come stage by stage, so that a worker that is stopped loses
only the stage it was in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .expr import Graph, decode, encode

_MAX_TREE = 4000  # beyond this many written-out nodes SymPy is not asked


def handle(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The stage messages of one task, whose `kind` is `differentiate`, `equal`, `check` or `critical`."""
    if task["kind"] == "critical":
        from .critical import search

        yield from search(task)
        return
    if task["kind"] != "differentiate":
        from .judge import judge as judge_answer

        yield from judge_answer(task)
        return
    graph = Graph()
    decode({"nodes": task["nodes"], "roots": []}, graph)
    yield {"stage": "built"}
    forms: dict[int, int] = {}
    if task["simplify"]:
        from .textbook import textbook_forms

        forms = textbook_forms(graph, task["root"], task["simplify"])
        roots = [forms.get(i, i) for i in task["simplify"]]
        message = {"stage": "simplified", "positions": task["positions"], "forms": encode(graph, roots)}
        if task.get("relation") is not None:
            message["on_curve"] = _on_curve(graph, task, forms)
        yield message
    if task["verify"]:
        yield {"stage": "verified", **judge(graph, task, forms)}


def _on_curve(graph: Graph, task: dict[str, Any], forms: dict[int, int]) -> dict[str, Any]:
    """Shorter forms of some results, by the relation itself: equal to them on its curve, which is proved."""
    from .onrelation import shorten

    where = dict(zip(task["simplify"], task["positions"], strict=True))
    found = {where[i]: shorten(graph, forms.get(i, i), task["relation"]) for i in task["shorten"]}
    shorter = {position: form for position, form in found.items() if form is not None}
    return {"positions": list(shorter), "forms": encode(graph, shorter.values())}


def judge(graph: Graph, task: dict[str, Any], forms: dict[int, int]) -> dict[str, Any]:
    """The verdict on every derivative of the task, as derived and as simplified."""
    from .verify import Claim, verify

    names = tuple(task["wrt"])
    claims = [
        Claim(root, dict(zip(by, results, strict=True)), order, names if whole else ())
        for root, by, results, order, whole in task["claims"]
    ]
    roots = [claim.root for claim in claims]
    parts = sum(len(claim.results) for claim in claims)
    tree = max(graph.written_size([root]) for root in roots) if roots else 0
    small = tree * max(1, parts // 8) <= _MAX_TREE and len(graph.reachable(roots)) <= _MAX_TREE // 4
    verdict = verify(graph, task["root"], claims, forms, use_sympy=small, identities=task["identities"])
    refused = verdict.pop("rejected_forms")
    rejected = {i for i, form in forms.items() if form in refused}
    where = dict(zip(task["simplify"], task["positions"], strict=False))
    verdict["rejected"] = [where[i] for i in rejected if i in where]
    return verdict
