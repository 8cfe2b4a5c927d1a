"""A plot as a picture, SVG or PNG, by matplotlib, which is an optional dependency and is imported when it is needed.

The picture is the same for the same plot, byte for byte: no date, no random ids, no settings of the user's. Letters are
outlines, so no font is needed to show it. Nothing that a user typed is read as mathematics or markup.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..curve import Curve, Drawn, ticks
from ..errors import UsageError
from ..field import Field
from .caption import Caption, dots
from .plain import Section, fold, lay_out, plain

DPI = 144  # of a PNG
WIDTH = 8.0  # inches
LEFT, RIGHT, TOP, ROW, GAP = 0.85, 0.25, 0.24, 0.24, 0.28  # around the panels
MAIN, LOWER = 3.7, 1.75  # the heights of the panels
LINE = 0.185  # the height of a line of the caption
COLUMNS, WIDE = 100, 118  # characters in such a line of a table, and of a sentence

INK, PALE, GREY = "#1d2733", "#d5dae0", "#78828d"
BLUE, GREEN, RED = "#1c5fb0", "#1d7a46", "#c2410c"
STEEP, HATCH = "#fbeab8", "#b9c1ca"

SETTINGS = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.parse_math": False, "text.usetex": False,
    "axes.unicode_minus": True, "svg.hashsalt": "backprop", "svg.fonttype": "path", "hatch.color": HATCH,
    "hatch.linewidth": 0.6, "path.simplify": True, "path.simplify_threshold": 0.1, "agg.path.chunksize": 0,
}  # fmt: skip


def page_size() -> tuple[float, float]:
    """The size of the drawing of a function."""
    return WIDTH - LEFT - RIGHT, MAIN


def field_size() -> tuple[float, float]:
    """The size of a drawing of two variables."""
    return WIDTH - LEFT - RIGHT - 0.4, MAIN + 1.6


def render(plot: Curve | Field, form: str) -> bytes:
    """The picture, `form` is svg or png. Errors: `UsageError` if matplotlib is missing.

    >>> from backprop.derivation import derive
    >>> from backprop.field import View, draw
    >>> svg = render(draw(derive("x^2"), ["x"], View(size=page_size())), "svg")
    >>> svg.startswith(b"<?xml"), b"<title>" in svg
    (True, True)
    """
    with _settings() as matplotlib:
        figure = _Picture(matplotlib, plot).figure
        return _svg(figure, plot) if form == "svg" else _png(figure)


@contextmanager
def _settings() -> Iterator[Any]:
    """matplotlib, with its own defaults and ours; afterwards everything is as before."""
    with _folder():
        try:
            import matplotlib
        except ImportError:
            raise UsageError(
                "a picture needs matplotlib, which is not installed", hint='pip install "backprop[plot]"'
            ) from None
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(SETTINGS)
            yield matplotlib


@contextmanager
def _folder() -> Iterator[None]:
    """matplotlib keeps a list of fonts in the user's folders; where it cannot write there, in a temporary one."""
    if "MPLCONFIGDIR" in os.environ or all(map(_is_writable, _own_folders())):
        yield
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="backprop-", ignore_cleanup_errors=True) as folder:
        os.environ["MPLCONFIGDIR"] = folder
        try:
            yield
        finally:
            del os.environ["MPLCONFIGDIR"]


def _own_folders() -> list[str]:
    home = os.path.expanduser("~")
    found = [os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"),
             os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")]  # fmt: skip
    return [os.path.join(folder, "matplotlib") for folder in found]


def _is_writable(folder: str) -> bool:
    """Whether a folder can be written to, or made."""
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _svg(figure: Any, plot: Curve | Field) -> bytes:
    from html import escape
    from io import BytesIO

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = BytesIO()
    FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    caption = Caption(plot)
    header = [" ".join(part for part in row if part) for row in caption.header().rows]
    title = escape("Plot of " + "; ".join(header).removeprefix("read as "), quote=False)
    about = escape(". ".join(caption.remarks()), quote=False)
    before, tag, after = stream.getvalue().partition(b"<svg ")
    before = before.partition(b"<!DOCTYPE")[0]  # it names a file on the network
    inside, end, rest = after.partition(b">")
    text = f"\n <title>{title}</title>\n <desc>{about}.</desc>".encode()
    return before + tag + b'role="img" ' + inside + end + text + rest


def _png(figure: Any) -> bytes:
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    stream = BytesIO()
    FigureCanvasAgg(figure).print_png(stream, metadata={"Software": "backprop"})
    return stream.getvalue()


class _Picture:
    """One figure."""

    def __init__(self, matplotlib: Any, plot: Curve | Field) -> None:
        from matplotlib.figure import Figure

        self.matplotlib, self.plot, self.caption = matplotlib, plot, Caption(plot)
        self.known = self._characters()
        self.below = self._below()
        foot = 0.62 + LINE * len(self.below)
        if isinstance(plot, Curve):
            width, height = page_size()
            heights = [MAIN, LOWER]
            if plot.equal:
                width, heights[0] = fitted(plot.range, plot.functions[0].range, (width, height))
        else:
            width, height = field_size()
            heights = [height]
            if plot.equal:
                width, heights[0] = fitted(*plot.ranges, (width, height))
        top = TOP + ROW * len(list(self.caption.header().rows))
        total = top + sum(heights) + GAP * (len(heights) - 1) + foot
        self.figure = Figure(figsize=(WIDTH, total), dpi=DPI, facecolor="white")
        left = LEFT + max(0.0, (page_size()[0] - width) / 2)
        self.axes, top = [], total - top
        for h in heights:
            top -= h
            self.axes.append(self.figure.add_axes((left / WIDTH, top / total, width / WIDTH, h / total)))
            top -= GAP
        self._words(total)
        if isinstance(plot, Curve):
            for axes, drawn in zip(self.axes, plot.functions):
                self._function(axes, plot, drawn)
        else:
            self._field(self.axes[0], plot)

    # Words.

    def _characters(self) -> Any:
        from matplotlib.font_manager import FontProperties, findfont, get_font

        return get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()

    def text(self, text: str) -> str:
        """A text in the characters that the font has; others are shown by their numbers."""
        return "".join(c if ord(c) in self.known or c == "\n" else f"U+{ord(c):04X}" for c in text)

    def _below(self) -> list[str]:
        """The caption: the table of tangents, and the remarks in as few lines as they need."""
        *tables, remarks = self.caption.sections()
        found: list[str] = []
        for table in tables:
            found += [self.text(plain(line)) for line in lay_out([table], width=COLUMNS)]
        said = ";  ".join(row[0] for row in remarks.rows)
        return [*found, *([""] if found else []), *map(self.text, fold(said, WIDE, hang=0))]

    def _words(self, total: float) -> None:
        header: Section = self.caption.header()
        rows = [(self.text(row[1]), row[0]) for row in header.rows]
        single = isinstance(self.plot, Curve)
        colours = [INK if not single or title == "at" else (GREEN if k else BLUE) for k, (_, title) in enumerate(rows)]
        for k, ((text, _), colour) in enumerate(zip(rows, colours)):
            self.figure.text(
                LEFT / WIDTH, 1 - (0.3 + ROW * k) / total, text, color=colour, fontsize=12 if not k else 11
            )
        for k, text in enumerate(reversed(self.below)):
            family = "DejaVu Sans Mono" if self._is_table(len(self.below) - 1 - k) else "DejaVu Sans"
            self.figure.text(LEFT / WIDTH, (0.1 + LINE * k) / total, text, color=INK, fontsize=8.5, family=family)

    def _is_table(self, row: int) -> bool:
        return "" in self.below and row < self.below.index("")

    # Functions of one variable.

    def _function(self, axes: Any, curve: Curve, drawn: Drawn) -> None:
        main = drawn.order == 0
        colour = BLUE if main else GREEN
        poles = [place.at for place in drawn.breaks if place.kind == "pole"]
        self._frame(axes, curve.range, drawn.range, poles)
        axes.set_ylabel(self.text(self.caption.symbol(drawn.order)), color=colour, rotation=0, labelpad=14, fontsize=12)
        if main:
            axes.tick_params(labelbottom=False)
            for low, high in curve.steep.spans if curve.steep else ():
                axes.axvspan(low, high, color=STEEP, lw=0, zorder=0)
        else:
            axes.set_xlabel(self.text(self.caption.name(curve.variable)), fontsize=11, loc="right", labelpad=2)
        for missing in drawn.missing:
            axes.axvspan(missing.low, missing.high, facecolor="#f3f5f7", edgecolor=HATCH, hatch="///", lw=0, zorder=0)
        for low, high in drawn.unknown:
            axes.axvspan(low, high, facecolor=PALE, lw=0, zorder=0)
        for place in poles:
            axes.axvline(place, color=GREY, lw=1, ls=(0, (4, 3)), zorder=1.5)
        clipped = [(piece.x, _kept(piece.y, drawn.range)) for piece in drawn.pieces]
        for xs, ys in clipped:
            axes.plot(xs, ys, color=colour, lw=2, solid_capstyle="butt", solid_joinstyle="round", zorder=3)
        for x, y, closed in dots(drawn) if len(drawn.breaks) <= 40 else ():
            axes.plot([x], [y], "o", ms=6, mec=colour, mfc=colour if closed else "white", mew=1.5, zorder=4)
        for tangent in curve.tangents:
            height = tangent.y if main else tangent.angle if drawn.order == 1 else math.nan
            axes.axvline(tangent.x, color=RED, lw=0.8, ls=(0, (1, 2.5)), zorder=1.6)
            if main and tangent.segment is not None:
                x0, y0, x1, y1 = tangent.segment
                axes.plot([x0, x1], [y0, y1], color=RED, lw=1.8, solid_capstyle="round", zorder=5)
            if math.isfinite(height):
                axes.plot([tangent.x], [height], "o", ms=6.5, mec="white", mfc=RED, mew=1, zorder=6)

    def _frame(self, axes: Any, x: tuple[float, float], y: tuple[float, float], poles: Sequence[float] = ()) -> None:
        axes.set_xlim(*x)
        axes.set_ylim(*y)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(GREY)
        axes.tick_params(color=GREY, labelcolor=INK, labelsize=9)
        size = axes.get_position()
        height = size.height * self.figure.get_size_inches()[1]
        across, up = ticks(*x, max(4, int(size.width * WIDTH / 0.62))), ticks(*y, max(3, int(height / 0.42)))
        axes.set_xticks(across, [self.caption.short(v) for v in across])
        axes.set_yticks(up, [self.caption.short(v) for v in up])
        axes.grid(color="#edf0f3", lw=0.8, zorder=0.5)
        axes.set_axisbelow(True)
        if y[0] < 0 < y[1]:
            axes.axhline(0, color=GREY, lw=0.9, zorder=1.2)
        if x[0] < 0 < x[1] and 0 not in poles:
            axes.axvline(0, color=GREY, lw=0.9, zorder=1.2)

    # Two variables.

    def _field(self, axes: Any, field: Field) -> None:
        from matplotlib.collections import LineCollection

        x, y = field.ranges
        if not field.relation:
            self._shades(axes, field)
        self._frame(axes, x, y)
        if not field.relation:
            axes.grid(False)
        axes.set_xlabel(self.text(self.caption.name(field.variables[0])), fontsize=11, loc="right", labelpad=2)
        axes.set_ylabel(self.text(self.caption.name(field.variables[1])), rotation=0, labelpad=10, fontsize=11)
        placed: list[tuple[float, float]] = []
        for level in field.levels:
            style: dict[str, Any] = {"colors": BLUE, "linewidths": 2, "zorder": 3, "capstyle": "round"}
            if not field.relation:
                style |= {"colors": "#2b4a78", "linewidths": 0.9}
            axes.add_collection(LineCollection(list(level.segments.reshape(-1, 2, 2)), **style), autolim=False)
            if not field.relation:
                self._label(axes, field, level.value, level.segments, placed)
        if not field.relation and field.arrows:
            self._arrows(axes, field)
        for one in field.tangents:
            self._touch(axes, one.x, one.y, one.segment)
        for mark in field.marks:
            self._touch(axes, mark.x, mark.y, mark.segment)
            if mark.arrow is not None:
                reach = 0.11 * (x[1] - x[0])
                ratio = math.hypot(mark.arrow.dx, mark.arrow.dy / field.ratio)
                tip = (mark.x + mark.arrow.dx / ratio * reach, mark.y + mark.arrow.dy / ratio * reach)
                axes.annotate("", tip, (mark.x, mark.y), zorder=7, annotation_clip=True,
                              arrowprops={"arrowstyle": "-|>", "color": RED, "lw": 2.2, "shrinkA": 0, "shrinkB": 0,
                                          "mutation_scale": 16})  # fmt: skip

    def _touch(self, axes: Any, x: float, y: float, segment: Sequence[float] | None) -> None:
        if segment is not None:
            x0, y0, x1, y1 = segment
            axes.plot([x0, x1], [y0, y1], color=RED, lw=1.8, solid_capstyle="round", zorder=5)
        axes.plot([x], [y], "o", ms=6.5, mec="white", mfc=RED, mew=1, zorder=8)

    def _shades(self, axes: Any, field: Field) -> None:
        """Bands between the level lines, darker upwards; hatched where there is no value."""
        from matplotlib.colors import BoundaryNorm, ListedColormap

        (left, right), (bottom, top) = field.ranges
        axes.set_facecolor("#f3f5f7")
        axes.patch.set(hatch="///", edgecolor=HATCH, lw=0)
        values = [level.value for level in field.levels]
        inner = [v for v in values if field.shown[0] < v < field.shown[1]]
        bounds = (
            [min(field.shown[0], *inner, -1e300), *inner, max(field.shown[1], *inner, 1e300)]
            if inner
            else [-1e300, 1e300]
        )
        shades = self.matplotlib.colormaps["YlGnBu"]
        count = len(bounds) - 1
        colours = [shades(0.04 + 0.6 * k / max(1, count - 1)) for k in range(count)]
        across = (right - left) / (len(field.across) - 1) / 2
        up = (top - bottom) / (len(field.up) - 1) / 2
        axes.imshow(field.values, origin="lower", extent=(left - across, right + across, bottom - up, top + up),
                    aspect="auto", cmap=ListedColormap(colours), norm=BoundaryNorm(bounds, count),
                    interpolation="bilinear", interpolation_stage="data", zorder=0.1)  # fmt: skip

    def _label(self, axes: Any, field: Field, value: float, segments: Any, placed: list[tuple[float, float]]) -> None:
        """The value of a level on its line, where there is most room."""
        (left, right), (bottom, top) = field.ranges
        spans = (right - left, top - bottom)
        best, found = 0.06, None
        for x0, y0, x1, y1 in segments[:: max(1, len(segments) // 80)].tolist():
            u, v = ((x0 + x1) / 2 - left) / spans[0], ((y0 + y1) / 2 - bottom) / spans[1]
            edge = min(u - 0.05, 0.95 - u, v - 0.05, 0.95 - v)
            if edge <= 0:
                continue
            room = min([min(0.35, 0.2 + edge), *(math.hypot(u - a, v - b) for a, b in placed)])
            if room > best:
                best, found = room, (u, v, x1 - x0, y1 - y0)
        if found is None:
            return
        u, v, dx, dy = found
        placed.append((u, v))
        size = axes.get_position()
        page = (size.width * WIDTH, size.height * self.figure.get_size_inches()[1])
        angle = math.degrees(math.atan2(dy / spans[1] * page[1], dx / spans[0] * page[0]))
        angle = (angle + 90) % 180 - 90
        axes.text(left + u * spans[0], bottom + v * spans[1], self.caption.short(value), fontsize=7.5, color="#16294a",
                  rotation=angle, rotation_mode="anchor", ha="center", va="center", zorder=4.5,
                  bbox={"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.8})  # fmt: skip

    def _arrows(self, axes: Any, field: Field) -> None:
        """The gradients: longer where it is steeper."""
        x, y = field.ranges
        step = min((x[1] - x[0]) / 13, (y[1] - y[0]) / 9 * field.ratio**-1 if not field.equal else (y[1] - y[0]) / 9)
        for arrow in field.arrows:
            length = step * (0.35 + 0.5 * math.sqrt(arrow.size)) / math.hypot(arrow.dx, arrow.dy / field.ratio)
            dx, dy = arrow.dx * length / 2, arrow.dy * length / 2
            axes.annotate("", (arrow.x + dx, arrow.y + dy), (arrow.x - dx, arrow.y - dy), zorder=4,
                          arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0,
                                      "mutation_scale": 7})  # fmt: skip


def fitted(x: tuple[float, float], y: tuple[float, float], room: tuple[float, float]) -> tuple[float, float]:
    """The size of a drawing with equal scales that fits into the room.

    >>> fitted((0, 4), (0, 1), (6, 6))
    (6.0, 1.5)
    """
    scale = min(room[0] / (x[1] - x[0]), room[1] / (y[1] - y[0]))
    return scale * (x[1] - x[0]), scale * (y[1] - y[0])


def _kept(values: Any, shown: tuple[float, float]) -> Any:
    """Values far beyond the picture are brought near it: a page cannot hold them."""
    height = shown[1] - shown[0]
    return values.clip(shown[0] - 20 * height, shown[1] + 20 * height)
