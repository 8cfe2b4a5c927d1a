"""The words beside a plot: what is drawn, the tangents in a table, the scale, what is shaded, asymptotes and gaps.

They are the same on a terminal and in a picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from ..arrays import nearest
from ..breaks import Break
from ..curve import Curve, Drawn, Interval, Tangent
from ..errors import BackpropError
from ..evaluate import Value, value_text
from ..expr import ASCII, PRETTY, to_text
from ..field import Field, Mark
from ..parser import parse
from .plain import Column, Section, Words, verdict_mark

LONGEST = 60  # characters of a formula that is written out
NAMED = 4  # places of one kind that are named
_TURN = re.compile(r"-?(\d+\*)?pi(/\d+)?")
DIGITS = 6  # of numbers that are not exact


def dots(drawn: Drawn) -> Iterator[tuple[float, float, bool]]:
    """The ends at jumps and the missing points: x, y, and whether the point belongs to the curve.

    Only where the place is known exactly: elsewhere nobody knows what the function is there.
    """
    for place in drawn.breaks:
        if not place.exact:
            continue
        closed = not math.isnan(place.value)
        if closed and place.kind in ("jump", "point", "edge"):
            yield place.at, place.value, True
        if place.kind in ("jump", "hole", "edge"):
            for limit in {place.left.value, place.right.value} if place.kind != "hole" else {place.left.value}:
                if math.isfinite(limit) and not (closed and abs(limit - place.value) <= 1e-6 * (1 + abs(limit))):
                    yield place.at, limit, False


class Caption:
    """What is said about a plot: the same words on a terminal and in a picture."""

    def __init__(self, plot: Curve | Field, *, ascii: bool = False) -> None:
        self.plot, self.ascii, self.style = plot, ascii, ASCII if ascii else PRETTY
        self._final = Words(ascii).final
        self.derivation = plot.derivation
        self.graph = self.derivation.graph

    def name(self, text: str) -> str:
        """A name of the user's, safe to show."""
        return self._final(text)

    def short(self, value: float) -> str:
        """A number in few digits."""
        text = f"{value:.6g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
        return text if self.ascii else text.replace("-", "−")

    def number(self, value: Value) -> str:
        """An exact value, if it is short, or its first digits; nothing if there is none."""
        text = value_text(value, DIGITS)
        if text is None:
            return ""
        return self.short(nearest(value)) if len(text) > 12 else text if self.ascii else text.replace("-", "−")

    def place(self, text: str) -> str:
        """A place as it is printed: −3π/2."""
        if _TURN.fullmatch(text) and not self.ascii:
            return text.replace("*", "").replace("pi", "π").replace("-", "−")
        try:
            node = parse(text)
        except BackpropError:  # a decimal with an exponent
            return text
        return self._final(to_text(node.graph, node.position, self.style))

    @property
    def function(self) -> str:
        """What the function is called."""
        return self.name(self.derivation.output_name or "f")

    def symbol(self, order: int) -> str:
        """f, f′, f″."""
        mark = "'" if self.ascii else "′"
        return self.function + (mark * order if order <= 3 else f"^({order})")

    def written(self, position: int) -> str | None:
        """A node written out, if it is short."""
        if self.graph.written_size([position]) > LONGEST:
            return None
        text = to_text(self.graph, position, self.style)
        return text if len(text) <= LONGEST else None

    def header(self) -> Section:
        """What is drawn."""
        derivation, equation = self.derivation, self.derivation.equation
        if isinstance(self.plot, Field) and self.plot.relation:
            assert equation.right is not None
            rows = [("read as", " = ".join(self.written(i) or "..." for i in (equation.root, equation.right)))]
        else:
            names = (self.plot.variable,) if isinstance(self.plot, Curve) else self.plot.variables
            called = ", ".join(self.name(n) for n in names)
            root = self.written(derivation.root) or "..."
            rows = [("read as", f"{self.function}({called}) = {root}")]
        if isinstance(self.plot, Curve):
            drawn = self.plot.functions[1]
            derived = self.written(derivation.form(derivation.derived[self.plot.variable]))
            if derived is not None:
                rows.append(("", f"{self.symbol(drawn.order)}({self.name(self.plot.variable)}) = {derived}"))
        used = set(self.graph.reachable([derivation.root]))
        own = {d.name: to_text(self.graph, d.value) for d in equation.definitions if d.given and d.position in used}
        given = {**own, **self.plot.fixed}
        if given:
            rows.append(("at", ", ".join(f"{self.name(n)} = {self.place(str(v))}" for n, v in given.items())))
        return Section("", "", (Column("", "remark"), Column("", "math")), rows, top=True)

    def sections(self) -> Iterator[Section]:
        """Below the plot: the points in a table, and the remarks."""
        if isinstance(self.plot, Curve):
            if self.plot.tangents:
                yield self._tangents(self.plot.tangents, (self.plot.variable,))
        elif self.plot.relation and self.plot.tangents:
            yield self._tangents(self.plot.tangents, self.plot.variables)
        elif self.plot.marks:
            yield self._marks(self.plot.marks)
        yield Section("", "", (Column("", "note"),), [(remark,) for remark in self.remarks()], top=True)

    def verdict(self) -> Section:
        """How the derivative was checked, and the notes of the derivation."""
        mark, style = verdict_mark(self.derivation, self.ascii)
        notes = [f"note: {note}" for note in self.derivation.notes]
        rows = [(f"{mark} {self.derivation.verified.how}",), *((note,) for note in notes)]
        return Section("", "", (Column("", style),), rows, top=True)

    def _tangents(self, tangents: Sequence[Tangent], names: tuple[str, ...]) -> Section:
        columns = (Column("point", "name"), Column("value", "number"), Column("slope", "number"),
                   Column("tangent", "math", True))  # fmt: skip
        y = self.function if isinstance(self.plot, Field) or self.derivation.output is not None else "y"
        y = y if y not in names or isinstance(self.plot, Field) else "z"
        rows = []
        for one in tangents:
            at = ", ".join(f"{self.name(n)} = {self.number(v)}" for n, v in one.at.items())
            slope = self.number(one.slope) or ("vertical" if math.isinf(one.angle) else "none")
            if one.equation is not None:
                line = f"{y} = {to_text(self.graph, one.equation, self.style)}"
            elif math.isinf(one.angle):
                line = f"{self.name(names[0])} = {self.number(one.at[names[0]])}"
            else:
                line = one.why
            rows.append((at, self.number(one.value) or "none", slope, line))
        title = "Tangents" if len(rows) > 1 else "Tangent"
        if isinstance(self.plot, Field):  # the value is a coordinate of the point
            return Section(title, "", (columns[0], *columns[2:]), [(row[0], *row[2:]) for row in rows], top=True)
        return Section(title, "", columns, rows, top=True)

    def _marks(self, marks: Sequence[Mark]) -> Section:
        columns = (Column("point", "name"), Column("value", "number"), Column("gradient", "number"),
                   Column("tangent of the level line", "math", True))  # fmt: skip
        rows = []
        for one in marks:
            at = ", ".join(f"{self.name(n)} = {self.number(v)}" for n, v in one.at.items())
            gradient = ", ".join(self.number(v) or "none" for v in one.gradient.values())
            line = f"{to_text(self.graph, one.equation, self.style)} = 0" if one.equation is not None else one.why
            rows.append((at, self.number(one.value) or "none", f"({gradient})", line))
        return Section("Points" if len(rows) > 1 else "Point", "", columns, rows, top=True)

    # Remarks.

    def remarks(self) -> list[str]:
        """The sentences below a plot, the most important first."""
        plot = self.plot
        return list(self._about_curve(plot) if isinstance(plot, Curve) else self._about_field(plot))

    def scale(self) -> str:
        """The scale of both directions in few words."""
        plot = self.plot
        x, y = (plot.variable, self.function) if isinstance(plot, Curve) else plot.variables
        x, y = self.name(x), self.name(y)
        if 0.97 < plot.ratio < 1.03:
            return f"equal scales: a unit of {x} is as long as a unit of {y}"
        if not isinstance(plot, Curve):
            size = plot.ratio if plot.ratio > 1 else 1 / plot.ratio
            a, b = (x, y) if plot.ratio > 1 else (y, x)
            return f"a unit of {a} is drawn {size:.3g} times as long as one of {b}: right angles look otherwise"
        if plot.ratio > 1:
            return f"a unit of {x} is drawn {plot.ratio:.3g} times as long as one of {y}: slopes look flatter"
        return f"a unit of {y} is drawn {1 / plot.ratio:.3g} times as long as one of {x}: slopes look steeper"

    def _about_curve(self, curve: Curve) -> Iterator[str]:
        main = curve.functions[0]
        if not main.pieces and not main.unknown and main.missing and not any(b.kind == "point" for b in main.breaks):
            yield f"{self.function} has no real value anywhere in this window"
            return
        yield self.scale()
        slope = f"|{self.symbol(1)}|"
        if curve.steep is not None and curve.steep.spans:
            steepest = "the steepest quarter" if curve.steep.quarter else "where it is steep"
            yield f"shaded: {steepest}, {slope} > {self.short(_digits(curve.steep.threshold))}"
        elif curve.steep is not None and curve.steep.threshold > 0:
            yield f"equally steep: {slope} = {self.short(_digits(curve.steep.threshold))}"
        yield from self._about_breaks(main, curve.variable)
        if main.missing:
            yield f"{self.function} has no real value {self._intervals(main.missing, curve.variable)}"
        if main.unknown:
            low, high = main.unknown[0][0], main.unknown[-1][1]
            name = self.name(curve.variable)
            between = f"{name} = {self.short(_digits(low))} and {self.short(_digits(high))}"
            yield f"left open: places between {between} where it breaks too often to be told"
        cut = [self.symbol(d.order) for d in curve.functions if d.cut]
        if cut:
            yield f"{' and '.join(cut)} {'goes' if len(cut) == 1 else 'go'} on beyond the picture"

    def _about_breaks(self, drawn: Drawn, variable: str) -> Iterator[str]:
        sentences = {
            "pole": "vertical asymptote", "jump": "jump", "hole": "missing point", "wild": "no limit",
            "point": "single point",
        }  # fmt: skip
        for kind, words in sentences.items():
            places = [b for b in drawn.breaks if b.kind == kind]
            if places:
                plural = "s" if len(places) > 1 and kind not in ("wild",) else ""
                yield f"{words}{plural} at {self.name(variable)} = {self._list(places)}"

    def _list(self, places: Sequence[Break]) -> str:
        """The first of them from left to right, and how many more there are."""
        texts = [self.place(b.where) for b in places]
        if len(texts) > NAMED + 1:
            return f"{', '.join(texts[:NAMED])} and {len(texts) - NAMED} more"
        return ", ".join(texts[:-1]) + (" and " if len(texts) > 1 else "") + texts[-1]

    def _intervals(self, missing: Sequence[Interval], variable: str) -> str:
        name = self.name(variable)
        less = "<"
        texts = []
        for one in missing[:NAMED]:
            after, before = (None if t is None else self.place(t) for t in (one.after, one.before))
            if after is None and before is None:
                texts.append("anywhere here")
            elif after is None:
                texts.append(f"for {name} {less} {before}")
            elif before is None:
                texts.append(f"for {name} > {after}")
            else:
                texts.append(f"for {after} {less} {name} {less} {before}")
        more = f" and {len(missing) - NAMED} more intervals" if len(missing) > NAMED else ""
        return ", ".join(texts) + more

    def bounds(self, most: int) -> list[float]:
        """The levels at which a shade ends: at most so many, evenly taken."""
        assert isinstance(self.plot, Field)
        values = [level.value for level in self.plot.levels]
        if len(values) <= most:
            return values
        return [values[round((k + 0.5) * len(values) / most - 0.5)] for k in range(most)]

    def _about_field(self, field: Field) -> Iterator[str]:
        yield self.scale()
        if field.relation:
            if not len(field.levels[0].segments):
                yield "no point of the curve was found in this window"
            return
        yield "arrows: the gradient, uphill" + (", at right angles to the level lines" if field.equal else "")
        if field.missing:
            share = f"{100 * field.missing:.0f}" if field.missing > 0.01 else "less than 1"
            yield f"{self.function} has no real value in {share} % of the window"


def _digits(value: float) -> float:
    return float(f"{value:.3g}")
