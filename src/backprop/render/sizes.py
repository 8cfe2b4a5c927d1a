"""How much room the boxes and labels of a picture need, in characters or in pixels, and where they are then put."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..layout import Edge, Layout, Shape, Spacing, lay_out, ports
from ..picture import Box, Picture


class Metric(NamedTuple):
    """The measures of a kind of drawing. Texts and frames are measured in its direction of writing, which is along
    the drawing if that leads to the right, and across it if it leads down.

    width    the room of a text
    pad      what a frame adds to it
    gap      between a text and what stands beside it
    tall     of a drawing downwards: the length of a frame, and `line` that of a line of text
    step     the distance of the wires that enter a box, in units across
    edge     units across that a frame needs beyond its first and its last wire
    """

    width: Callable[[str], int]
    pad: int
    gap: int
    tall: int
    line: int
    step: int
    edge: int
    spacing: Spacing


class Plan(NamedTuple):
    """A picture with places.

    written   of each box: label, value and adjoint
    frames    of each box: the length of its frame across, 0 if it has none; `sizes` its extent in writing direction
    labels    of each label: what stands on, above and below its wire
    """

    layout: Layout
    shapes: list[Shape]
    written: list[tuple[str, str, str]]
    frames: list[int]
    sizes: list[int]
    labels: list[tuple[str, str, str]]
    label_shapes: list[Shape]
    edges: list[Edge]


def is_framed(box: Box, style: str) -> bool:
    """Whether a box has a frame: operations have, and where variables are the nodes, these too."""
    return box.kind in ("operation", "output", "fold") or (box.kind == "variable" and style in ("variables", "folded"))


def arrange(picture: Picture, metric: Metric, write: Callable[[str], str], *, down: bool) -> Plan:
    """The places of everything; `write` says how a text is written (escaped, or cut)."""
    number = {box.key: k for k, box in enumerate(picture.boxes)}
    entering: dict[str, int] = {}
    for wire in picture.wires:
        entering[wire.target] = entering.get(wire.target, 0) + 1
    width, gap = metric.width, metric.gap
    shapes: list[Shape] = []
    written: list[tuple[str, str, str]] = []
    frames: list[int] = []
    sizes: list[int] = []
    for box in picture.boxes:
        label, value, adjoint = texts = write(box.label), write(box.value), write(box.adjoint)
        reach = max(ports(entering.get(box.key, 1), metric.step), default=0)
        own = width(label)
        side = max(width(value) if value else 0, width(adjoint) if adjoint else 0)
        late = box.kind == "constant"
        align = 1 if box.kind in ("variable", "constant") else -1 if box.kind == "point" else 0
        frame, size = 0, own
        if is_framed(box, picture.style) and down:
            frame = size = max(own + metric.pad, 2 * (reach + metric.edge) + 1)
            left = (frame - 1) // 2
            shape = Shape(metric.tall, left, frame - 1 - left + (side + gap if side else 0), 0, metric.step, late)
        elif is_framed(box, picture.style):
            half = reach + metric.edge
            frame, size = 2 * half + 1, own + metric.pad
            shape = Shape(max(size, side), half + bool(value), half + bool(adjoint), 0, metric.step, late)
        elif down:
            left = (own - 1) // 2
            right = max(own - 1 - left + (width(value) + gap if value else 0), width(adjoint) + gap if adjoint else 0)
            shape = Shape(metric.line * (2 if adjoint else 1), left, right, align, metric.step, late)
        else:
            shape = Shape(max(own, side) + gap, int(bool(value)), int(bool(adjoint)), align, metric.step, late)
        shapes.append(shape)
        written.append(texts)
        frames.append(frame)
        sizes.append(size)
    label_shapes: list[Shape] = []
    labels: list[tuple[str, str, str]] = []
    edges: list[Edge] = []
    shared: dict[str, int] = {}
    for wire in picture.wires:
        _, above, below = texts = write(wire.label), write(wire.value), write(wire.adjoint)
        index = -1
        if any(texts):  # a name is that of the operand: it stands once
            index = shared.setdefault(wire.source if picture.style == "operations" else wire.key, len(labels))
            if index == len(labels):
                room = max(width(text) for text in texts if text)
                if down:
                    label_shapes.append(Shape(metric.line * (1 + bool(above and below)), 0, room + gap))
                else:
                    label_shapes.append(Shape(room + 2 * gap, int(bool(above)), int(bool(below)), -1))
                labels.append(texts)
        edges.append(Edge(number[wire.source], number[wire.target], wire.slot, index))
    ordered = frozenset(number[key] for key in picture.ordered)
    layout = lay_out(
        shapes, label_shapes, edges, ordered, spacing=metric.spacing, near_target=picture.style != "operations"
    )  # fmt: skip
    return Plan(layout, shapes, written, frames, sizes, labels, label_shapes, edges)
