"""A plot as a JSON object: the samples of each piece, the gaps, the tangents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..breaks import Limit
from ..curve import Curve, Drawn, Interval
from ..evaluate import Value
from ..expr import to_text
from ..field import Field


def plot_object(plot: Curve | Field, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The object of `backprop plot --format json`. Exact values are text as in `diff`; samples are numbers, and null
    where there is none or where they are infinite.

    >>> from backprop.derivation import derive
    >>> from backprop.field import View, draw
    >>> found = plot_object(draw(derive("1/x"), ["x"], View()))
    >>> found["functions"][0]["breaks"][0]["kind"], found["functions"][1]["name"]
    ('pole', "f'")
    """
    derivation = plot.derivation
    data: dict[str, Any] = {
        "version": 1, "kind": "plot", "source": dict(source or {}), "input": derivation.equation.text,
        "equation": str(derivation.equation), "order": derivation.order, "fixed": dict(plot.fixed),
        "equal": plot.equal, "ratio": plot.ratio,
    }  # fmt: skip
    data |= _curve(plot) if isinstance(plot, Curve) else _field(plot)
    verified = derivation.verified.as_dict()
    return {**data, "notes": list(derivation.notes), "verified": verified}


def _curve(curve: Curve) -> dict[str, Any]:
    derivation = curve.derivation
    name = derivation.output_name or "f"
    steep = None
    if curve.steep is not None:
        steep = {"threshold": curve.steep.threshold, "spans": [list(span) for span in curve.steep.spans]}
    return {
        "variables": [curve.variable], "ranges": {curve.variable: list(curve.range)},
        "functions": [_function(curve, drawn, name + "'" * drawn.order) for drawn in curve.functions],
        "tangents": [
            {
                "at": _values(curve, one.at),
                "value": derivation.number(one.value), "slope": derivation.number(one.slope),
                "tangent": None if one.equation is None else to_text(derivation.graph, one.equation),
                "segment": one.segment and list(one.segment),
            }
            for one in curve.tangents
        ],
        "steep": steep,
    }  # fmt: skip


def _function(curve: Curve, drawn: Drawn, name: str) -> dict[str, Any]:
    return {
        "name": name, "order": drawn.order, "range": list(drawn.range),
        "pieces": [{"x": piece.x.tolist(), "y": [_finite(y) for y in piece.y.tolist()]} for piece in drawn.pieces],
        "breaks": [
            {"at": b.at, "where": b.where, "kind": b.kind, "left": _limit(b.left), "right": _limit(b.right),
             "value": _finite(b.value)}
            for b in drawn.breaks
        ],
        "undefined": [_interval(m) for m in drawn.missing], "unknown": [list(span) for span in drawn.unknown],
    }  # fmt: skip


def _interval(missing: Interval) -> dict[str, Any]:
    return {"from": missing.low, "to": missing.high, "after": missing.after, "before": missing.before}


def _limit(limit: Limit) -> Any:
    """A number, "inf" or "-inf", or null."""
    if limit.kind == "infinite":
        return "inf" if limit.value > 0 else "-inf"
    return _finite(limit.value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _values(plot: Curve | Field, values: Mapping[str, Value]) -> dict[str, str | None]:
    return {name: plot.derivation.number(value) for name, value in values.items()}


def _field(field: Field) -> dict[str, Any]:
    derivation, graph = field.derivation, field.derivation.graph
    x, y = field.variables
    data: dict[str, Any] = {
        "variables": [x, y], "ranges": {x: list(field.ranges[0]), y: list(field.ranges[1])},
        "relation": field.relation,
        "levels": [{"value": level.value, "segments": level.segments.tolist()} for level in field.levels],
    }  # fmt: skip
    if field.relation:
        data["tangents"] = [
            {"at": _values(field, one.at), "slope": derivation.number(one.slope), "vertical": math.isinf(one.angle),
             "tangent": None if one.equation is None else to_text(graph, one.equation),
             "segment": one.segment and list(one.segment)}
            for one in field.tangents
        ]  # fmt: skip
        return data
    data["grid"] = {
        x: field.across.tolist(), y: field.up.tolist(),
        "values": [[_finite(v) for v in row] for row in field.values.tolist()],
    }  # fmt: skip
    data["gradients"] = [{"x": a.x, "y": a.y, "dx": a.dx, "dy": a.dy, "size": a.size} for a in field.arrows]
    data["points"] = [
        {"at": _values(field, one.at), "value": derivation.number(one.value), "gradient": _values(field, one.gradient),
         "tangent": None if one.equation is None else to_text(graph, one.equation)}
        for one in field.marks
    ]  # fmt: skip
    return data
