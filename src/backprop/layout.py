"""Places for a layered drawing of a directed acyclic graph: boxes, labels on wires, and the wires' corners.

The same layout serves characters and pixels: all measures are whole numbers, in units of the caller.
What lies along the direction of the drawing is called `length`, what lies across it is counted from
the line on which a wire runs through the item: `before` (above or left of it) and `after`.

The steps are those of Sugiyama, Tagawa and Toda (1981). Levels: the longest path. The order within a
level: fast-sugiyama, which reduces the crossings. Places across: least squares to the neighbours,
under the gaps that the items need, by pooling adjacent violators. Wires: orthogonal, in channels
between levels, with a track of its own for what would overlap otherwise. The wires that leave a box
are one net: they share their way until they part. All of it is linear but for sorting, and deterministic.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

Point = tuple[int, int]  # along, across
SHALLOW = 6  # levels of a graph up to which its boxes stand as early as possible, and all variables at the beginning
SWEEPS = 10  # over the levels, to find the places across
STRAIGHT = 8.0  # how much more than others the inner parts of a long wire want to be straight
FAINT = 0.02  # the same for the wires of constants
BUSY = 20_000  # vertices of a level graph beyond which the order is left as it comes


class Shape(NamedTuple):
    """What an item needs: its length, and the room on both sides of its line.

    align   where it stands in its level: -1 at the beginning, 0 in the middle, 1 at the end
    step    the distance of the wires that come in; 0: they need no room of their own
    late    it is placed just before its first user (a source only, without labels on its wires)
    """

    length: int
    before: int
    after: int
    align: int = 0
    step: int = 1
    late: bool = False


class Edge(NamedTuple):
    """A wire: its ends, the operand's place, and its label (an index into the labels) or -1."""

    source: int
    target: int
    slot: int = 0
    label: int = -1


class Spacing(NamedTuple):
    """Distances: between items across, and between the tracks of a channel.

    lead         from the beginning of a channel to its first track
    tail, least  from its last track to boxes; the length of a channel without tracks in front of boxes
    short        the same two in front of labels
    """

    apart: int = 1
    track: int = 1
    lead: int = 1
    tail: int = 2
    least: int = 2
    short: tuple[int, int] = (1, 1)


class Layout(NamedTuple):
    """Where everything is: (along, across) of the beginning of each item on its line, and the wires' corners.

    length, breadth   of the whole; across begins at 0
    ports             box -> the places across of the wires that come in, relative to its line, in order of its edges
    """

    boxes: list[Point]
    labels: list[Point]
    wires: list[list[Point]]
    length: int
    breadth: int


def ports(count: int, step: int) -> list[int]:
    """The places of so many wires at a box, around its middle, which stays free of an even number.

    >>> ports(1, 1), ports(2, 1), ports(3, 1), ports(4, 2)
    ([0], [-1, 1], [-1, 0, 1], [-4, -2, 2, 4])
    """
    half = count // 2
    return [step * k for k in range(-half, half + 1) if k or count % 2]


def lay_out(
    boxes: Sequence[Shape],
    labels: Sequence[Shape],
    edges: Sequence[Edge],
    ordered: frozenset[int] = frozenset(),
    *,
    spacing: Spacing = Spacing(),  # noqa: B008 (it never changes)
    near_target: bool = False,
) -> Layout:
    """Places for boxes (operands before users) and labels, and the corners of the wires.

    The wires into the boxes in `ordered` arrive in the order of their slots, others as it is shortest.
    With `near_target`, labels stand before the user, else behind the operand; edges of one source may
    share one label.
    """
    return _Sugiyama(boxes, labels, edges, ordered, spacing, near_target).layout()


class _Sugiyama:
    def __init__(
        self, boxes: Sequence[Shape], labels: Sequence[Shape], edges: Sequence[Edge], ordered: frozenset[int],
        spacing: Spacing, near_target: bool,
    ) -> None:  # fmt: skip
        self.edges, self.ordered, self.spacing, self.near_target = edges, ordered, spacing, near_target
        self.count = len(boxes)
        self.shapes: list[Shape] = [*boxes, *labels]  # and those of the bends of long wires, which have no size
        self.labels = len(labels)
        self.level: list[int] = []
        self.segments: list[tuple[int, int, int]] = []  # from, to, slot (-1: the only wire that comes in)
        self.ways: list[list[int]] = []  # edge -> its segments
        self.levels: list[list[int]] = []
        self.place: list[int] = []
        self.shift: list[int] = []  # segment -> its place at its target, relative to the line

    def layout(self) -> Layout:
        """All steps."""
        self._assign_levels()
        self._split_edges()
        self._order()
        self._find_ports()
        self._find_places()
        return self._route()

    # Levels.

    def _assign_levels(self) -> None:
        """Boxes on even levels, by the longest path; labels, and what is placed late, on the odd ones between."""
        depth = [0] * self.count
        users: list[list[int]] = [[] for _ in range(self.count)]
        for edge in sorted(self.edges, key=lambda edge: edge.target):
            depth[edge.target] = max(depth[edge.target], depth[edge.source] + 2)
            users[edge.source].append(edge.target)
        deep = max(depth, default=0) > 2 * SHALLOW
        for box in range(self.count - 1, -1, -1):
            if users[box] and (deep or self.shapes[box].late):
                depth[box] = min(depth[user] for user in users[box]) - (1 if self.shapes[box].late else 2)
        low = min(depth, default=0)
        self.level = [d - low for d in depth] + [0] * self.labels
        for edge in self.edges:
            if edge.label >= 0:
                near = self.level[edge.target] - 1 if self.near_target else self.level[edge.source] + 1
                self.level[self.count + edge.label] = near
        used = sorted(set(self.level))
        number = {level: k for k, level in enumerate(used)}
        self.level = [number[level] for level in self.level]

    def _split_edges(self) -> None:
        """Every edge as segments from level to level; what leaves one vertex shares its bends."""
        bends: dict[tuple[int, int], int] = {}
        known: dict[tuple[int, int, int], int] = {}
        shape = Shape(0, 0, 0)

        def segment(source: int, target: int, slot: int = -1) -> int:
            key = (source, target, slot)
            if key not in known:
                known[key] = len(self.segments)
                self.segments.append(key)
            return known[key]

        def lead(source: int, target: int, slot: int) -> list[int]:
            way, at = [], source
            for level in range(self.level[source] + 1, self.level[target]):
                bend = bends.get((source, level))
                if bend is None:
                    bend = bends[source, level] = len(self.shapes)
                    self.shapes.append(shape)
                    self.level.append(level)
                way.append(segment(at, bend))
                at = bend
            return [*way, segment(at, target, slot)]

        for edge in self.edges:
            if edge.label < 0:
                self.ways.append(lead(edge.source, edge.target, edge.slot))
            else:
                label = self.count + edge.label
                self.ways.append([*lead(edge.source, label, -1), *lead(label, edge.target, edge.slot)])

    # The order within a level.

    def _order(self) -> None:
        """By fast-sugiyama, whose levels are these (every edge leads from one level to the next), or from top to
        bottom as the operands are written: what has fewer crossings after neighbours have changed places."""
        levels: list[list[int]] = [[] for _ in range(max(self.level, default=-1) + 1)]
        for vertex, level in enumerate(self.level):
            levels[level].append(vertex)
        self.entering: list[list[tuple[int, int]]] = [[] for _ in self.level]
        self.leaving: list[list[tuple[int, int]]] = [[] for _ in self.level]
        for source, target, slot in self.segments:
            slot = slot if target in self.ordered else 0
            self.entering[target].append((source, slot))
            self.leaving[source].append((target, slot))
        self.rank = [0] * len(self.level)
        written = self._as_written()
        candidates = [[sorted(vertices, key=written.__getitem__) for vertices in levels]]
        if len(self.level) <= BUSY and self.segments:
            across = self._by_library()
            found = [sorted(vertices, key=lambda v: (across.get(v, 0.0), v)) for vertices in levels]
            candidates += [found, [vertices[::-1] for vertices in found]]
        counts = [self._improve(candidate) for candidate in candidates]
        self.levels = candidates[counts.index(min(counts))]
        self._set_ranks(self.levels)

    def _as_written(self) -> list[int]:
        """The order in which a walk from the last box down meets the vertices, first operands first."""
        sources: list[list[tuple[int, int]]] = [[] for _ in self.level]
        for source, target, slot in self.segments:
            sources[target].append((slot, source))
        met = [-1] * len(self.level)
        count = 0
        for start in [self.count - 1, *range(self.count)] if self.count else ():
            stack = [start]
            while stack:
                vertex = stack.pop()
                if met[vertex] < 0:
                    met[vertex] = count
                    count += 1
                    stack.extend(source for _, source in sorted(sources[vertex], reverse=True))
        return met

    def _by_library(self) -> dict[int, float]:
        """Places across in the drawing of fast-sugiyama."""
        from fast_sugiyama import from_edges

        pairs = sorted({(source, target) for source, target, _ in self.segments})
        across: dict[int, float] = {}
        begin = 0.0
        for positions, width, _, _ in from_edges(
            pairs, vertex_spacing=1, dummy_vertices=False, ranking_type="up", crossing_minimization="barycenter",
            transpose=len(pairs) < 3000, check_layout=False,
        ):  # fmt: skip
            for vertex, (x, _) in positions:
                across[int(vertex)] = begin + x
            begin += width + 1
        return across

    def _set_ranks(self, levels: list[list[int]]) -> None:
        for vertices in levels:
            for k, vertex in enumerate(vertices):
                self.rank[vertex] = k

    def _improve(self, levels: list[list[int]]) -> int:
        """Changes places of neighbours while that takes crossings away; how many are left."""
        rank = self.rank
        self._set_ranks(levels)
        for _ in range(8 if len(self.level) < 3000 else 2):
            changed = False
            for vertices in levels:
                for k in range(len(vertices) - 1):
                    a, b = vertices[k], vertices[k + 1]
                    if self._crossings(a, b) > self._crossings(b, a):
                        vertices[k], vertices[k + 1] = b, a
                        rank[a], rank[b] = k + 1, k
                        changed = True
            if not changed:
                break
        return sum(self._count(k, vertices) for k, vertices in enumerate(levels))

    def _crossings(self, a: int, b: int) -> int:
        """How often the wires of a and b cross, if a is above b."""
        rank = self.rank
        count = 0
        for ends in (self.entering, self.leaving):
            places = sorted((rank[v], slot) for v, slot in ends[b])
            for v, slot in ends[a]:
                count += bisect_left(places, (rank[v], slot))
        return count

    def _count(self, level: int, vertices: list[int]) -> int:
        """The crossings between a level and the next: inversions of the order at the other end."""
        rank = self.rank
        ends = [(rank[v], slot) for vertex in vertices
                for v, slot in sorted(self.leaving[vertex], key=lambda end: (rank[end[0]], end[1]))]  # fmt: skip
        seen: list[tuple[int, int]] = []
        count = 0
        for end in ends:
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
        return count

    def _find_ports(self) -> None:
        """Where the wires arrive at their boxes."""
        rank = self.rank
        arriving: dict[int, list[int]] = {}
        for number, (_, target, _) in enumerate(self.segments):
            arriving.setdefault(target, []).append(number)
        self.shift = [0] * len(self.segments)
        for target, numbers in arriving.items():
            if target in self.ordered:
                numbers.sort(key=lambda number: self.segments[number][2])
            else:
                numbers.sort(key=lambda number: (rank[self.segments[number][0]], self.segments[number][2]))
            places = ports(len(numbers), self.shapes[target].step)
            if len(numbers) == 2:  # what comes from a constant leaves the middle to the other one
                late = [self._is_late(number) for number in numbers]
                places = (
                    [0, places[1]] if late == [False, True] else [places[0], 0] if late == [True, False] else places
                )
            for number, place in zip(numbers, places, strict=True):
                self.shift[number] = place

    def _is_late(self, number: int) -> bool:
        """Whether a segment comes from a constant."""
        source = self.segments[number][0]
        return source < self.count and self.shapes[source].late

    # Places across.

    def _find_places(self) -> None:
        """Every vertex near its neighbours, wires straight where they can be."""
        size = len(self.level)
        before: list[list[tuple[int, int]]] = [[] for _ in range(size)]  # neighbour, and how much further it stands
        behind: list[list[tuple[int, int]]] = [[] for _ in range(size)]
        for (source, target, _), shift in zip(self.segments, self.shift, strict=True):
            before[target].append((source, -shift))
            behind[source].append((target, shift))
        gaps = [
            [self.shapes[a].after + self.spacing.apart + self.shapes[b].before for a, b in pairwise(vertices)]
            for vertices in self.levels
        ]
        late = [shape.late for shape in self.shapes]
        place = [0.0] * size
        for vertices, gap in zip(self.levels, gaps, strict=True):
            at = -sum(gap) / 2
            for vertex, step in zip(vertices, [*gap, 0], strict=True):
                place[vertex] = at
                at += step
        order = list(range(len(self.levels)))
        for sweep in range(SWEEPS):
            both = sweep >= SWEEPS // 2
            for k in order if sweep % 2 == 0 else reversed(order):
                wanted, weights = [], []
                for vertex in self.levels[k]:
                    near = before[vertex] if sweep % 2 == 0 else behind[vertex]
                    if both or not near:
                        near = [*before[vertex], *behind[vertex]]
                    total = weight = 0.0
                    for other, shift in near:
                        w = STRAIGHT if vertex >= self.count and other >= self.count else 1.0
                        w = FAINT if late[vertex] or late[other] else w
                        total += w * (place[other] + shift)
                        weight += w
                    wanted.append(total / weight if weight else place[vertex])
                    weights.append(max(weight, FAINT))
                for vertex, at in zip(self.levels[k], fit(wanted, weights, gaps[k]), strict=True):
                    place[vertex] = at
        whole = [int(at // 1) if at % 1 < 0.5 else int(at // 1) + 1 for at in place]
        self._straighten(whole, before, behind, gaps, late)
        self.place = whole

    def _straighten(
        self,
        place: list[int],
        before: list[list[tuple[int, int]]],
        behind: list[list[tuple[int, int]]],
        gaps: list[list[int]],
        late: list[bool],
    ) -> None:
        """Takes out small bends: a vertex moves to where most of its wires are straight, if there is room."""
        for sweep in range(6):
            for k in range(len(self.levels)) if sweep % 2 == 0 else range(len(self.levels) - 1, -1, -1):
                vertices, gap = self.levels[k], gaps[k]
                for i, vertex in enumerate(vertices):
                    ends = [*before[vertex], *behind[vertex]]
                    if sweep < 2:  # first whole chains, along the way
                        one = [end for end in (behind if sweep else before)[vertex] if not late[end[0]]]
                        close = len(one) == 1 and abs(place[one[0][0]] + one[0][1] - place[vertex]) <= 2
                        ends = one if close else []
                    near = sorted(place[v] + shift for v, shift in ends if late[vertex] or not late[v])
                    if not near:
                        continue
                    best = max(near, key=lambda at: (near.count(at), -abs(at - place[vertex]), -at))
                    if near.count(best) == 1 and near[0] != near[-1]:
                        middle = near[len(near) // 2]
                        best = middle if abs(best - place[vertex]) > 2 else best
                    if i:
                        best = max(best, place[vertices[i - 1]] + gap[i - 1])
                    if i + 1 < len(vertices):
                        best = min(best, place[vertices[i + 1]] - gap[i])
                    place[vertex] = best

    # Wires.

    def _route(self) -> Layout:
        """The places along, level by level, and the tracks of the wires between."""
        shapes, place = self.shapes, self.place
        between: list[list[int]] = [[] for _ in self.levels]
        for number, (source, _, _) in enumerate(self.segments):
            between[self.level[source]].append(number)
        begin = [0] * len(shapes)
        corners: list[list[Point]] = [[] for _ in self.segments]
        at = 0
        for k, vertices in enumerate(self.levels):
            length = max((shapes[v].length for v in vertices), default=0)
            for vertex in vertices:
                free = length - shapes[vertex].length
                begin[vertex] = at + (
                    free // 2 if shapes[vertex].align == 0 else free if shapes[vertex].align > 0 else 0
                )
            at += length
            if between[k]:
                boxes = any(v < self.count for v in self.levels[k + 1])
                ends = (self.spacing.tail, self.spacing.least) if boxes else self.spacing.short
                at = self._route_channel(between[k], at, corners, *ends)
        low = min(
            [place[v] - shapes[v].before for v in range(len(shapes))] + [y for path in corners for _, y in path],
            default=0,
        )
        high = max(
            [place[v] + shapes[v].after for v in range(len(shapes))] + [y for path in corners for _, y in path],
            default=0,
        )
        wires = []
        for way in self.ways:
            path: list[Point] = []
            for number in way:
                source, target, _ = self.segments[number]
                path.append((begin[source] + shapes[source].length, place[source]))
                path += corners[number]
                path.append((begin[target], place[target] + self.shift[number]))
            wires.append(_without_repeats((x, y - low) for x, y in path))
        points = [(begin[v], place[v] - low) for v in range(self.count + self.labels)]
        return Layout(points[: self.count], points[self.count :], wires, at, high - low + 1)

    def _route_channel(self, numbers: list[int], begin: int, corners: list[list[Point]], tail: int, least: int) -> int:
        """Gives the wires of a channel their tracks; where the channel ends."""
        spacing = self.spacing
        runs: dict[tuple[int, int], list[int]] = {}  # (from where, up or down) -> segments
        for number in numbers:
            source, target, _ = self.segments[number]
            y, end = self.place[source], self.place[target] + self.shift[number]
            if y != end:
                runs.setdefault((source, 1 if end > y else -1), []).append(number)
        if not runs:
            return begin + least
        jobs = []
        for (source, way), own in runs.items():
            ends = {self.place[self.segments[n][1]] + self.shift[n]: n for n in own}
            jobs.append(Run(source, self.place[source], way, ends))
        rows = {self.place[self.segments[n][0]] for n in numbers}
        rows |= {self.place[self.segments[n][1]] + self.shift[n] for n in numbers}
        tracks = assign_tracks(jobs, rows)
        x = [begin + spacing.lead + spacing.track * k for k in range(max(tracks) + 1)]
        for job, track in zip(jobs, tracks, strict=True):
            for end, number in job.ends.items():
                if number >= 0:
                    corners[number] += [(x[track], job.row), (x[track], end)]
        for job in jobs:  # a way round: what its second part adds comes after the first
            if job.before is not None:
                first = job.before
                for number in job.ends.values():
                    turn = x[tracks[jobs.index(first)]]
                    corners[number][:0] = [(turn, first.row), (turn, job.row)]
        return x[-1] + tail


class Run:
    """What leaves a vertex on one side: from its row to others, all above or all below it.

    row     where it comes from; `ends` are the rows to which it goes, with their segments
    before  of the second part of a way round: its first part, which ends in the row of this
    """

    __slots__ = ("net", "row", "way", "ends", "before")

    def __init__(self, net: int, row: int, way: int, ends: dict[int, int], before: Run | None = None) -> None:
        self.net, self.row, self.way, self.ends, self.before = net, row, way, ends, before

    @property
    def low(self) -> int:
        """The lowest row that it touches."""
        return min(self.row, *self.ends)

    @property
    def high(self) -> int:
        """The highest."""
        return max(self.row, *self.ends)


def assign_tracks(jobs: list[Run], rows: set[int]) -> list[int]:
    """A track for every run, so that different nets overlap nowhere, with few crossings.

    If a run comes from the row in which another one ends, it turns away before the other arrives: its
    track is to the left. Where such demands go round in a circle, one run takes a way round, through
    a row that is free: it is split, and `jobs` gets longer.
    """
    ending = {end: job for job in jobs for end in job.ends}
    for job in list(jobs):
        seen = [job]
        other = ending.get(job.row)
        while other is not None and other is not job and other.net != seen[-1].net and len(seen) <= len(jobs):
            seen.append(other)
            other = ending.get(other.row)
        if other is job and len(seen) > 1:
            _split(job, jobs, rows)
            ending = {end: job for job in jobs for end in job.ends}
    # Those below first, if they lead down; those above first, if they lead up: then they do not cross.
    order = sorted(range(len(jobs)), key=lambda k: (jobs[k].way, -jobs[k].way * jobs[k].row, k))
    number = {id(job): k for k, job in enumerate(jobs)}
    left: dict[int, list[int]] = {}  # run -> those that must be to the left of it
    for k, job in enumerate(jobs):
        after = ending.get(job.row)
        if after is not None and after.net != job.net:
            left.setdefault(number[id(after)], []).append(k)
        if job.before is not None:
            left.setdefault(k, []).append(number[id(job.before)])
    tracks = [-1] * len(jobs)
    taken: list[list[tuple[int, int, int]]] = []
    for first in order:
        stack = [first]
        while stack:
            k = stack[-1]
            if tracks[k] >= 0:
                stack.pop()
                continue
            open_ones = [j for j in left.get(k, ()) if tracks[j] < 0]
            if open_ones and len(stack) <= len(jobs):
                stack += open_ones
                continue
            stack.pop()
            job = jobs[k]
            least = max((tracks[j] + 1 for j in left.get(k, ())), default=0)
            for j, track in enumerate(tracks):
                other = jobs[j]
                same = other.way == job.way and other.net != job.net
                if track >= least and same and other.low <= job.high and job.low <= other.high:
                    least = track + 1
            while least < len(taken) and any(
                low <= job.high and job.low <= high and net != job.net for low, high, net in taken[least]
            ):
                least += 1
            while least >= len(taken):
                taken.append([])
            taken[least].append((job.low, job.high, job.net))
            tracks[k] = least
    return tracks


def _split(job: Run, jobs: list[Run], rows: set[int]) -> None:
    """Leads a run round through a row where nothing else is, the nearest one."""
    free = next(y for k in range(1, len(rows) + 2) for y in (job.row - k, job.row + k) if y not in rows)
    rows.add(free)
    way = 1 if next(iter(job.ends)) > free else -1
    jobs.append(Run(job.net, free, way, job.ends, job))
    job.way, job.ends = 1 if free > job.row else -1, {free: -1}


def fit(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[int]) -> list[float]:
    """The places nearest to those wanted, by least squares, each at least a gap behind the one before.

    Pooling adjacent violators (Ayer and others 1955): linear.

    >>> fit([0.0, 0.0, 5.0], [1.0, 1.0, 1.0], [2, 2])
    [-1.0, 1.0, 5.0]
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    offset, offsets = 0, []
    for k, (want, weight) in enumerate(zip(wanted, weights, strict=True)):
        offset += gaps[k - 1] if k else 0
        offsets.append(offset)
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, w, n = blocks.pop()
            mean = (mean * weight + other * w) / (weight + w)
            weight, count = weight + w, count + n
        blocks.append((mean, weight, count))
    placed = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(placed, offsets, strict=True)]


def _without_repeats(path: Iterable[Point]) -> list[Point]:
    """The corners of a path, without points on the way between two others."""
    out: list[Point] = []
    for point in path:
        if out and out[-1] == point:
            continue
        while len(out) > 1 and (out[-2][0] == out[-1][0] == point[0] or out[-2][1] == out[-1][1] == point[1]):
            out.pop()
        out.append(point)
    return out
