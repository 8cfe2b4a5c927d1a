"""The compute graph as a picture: what its boxes say, step by step, in the terminal and as SVG, by `backprop graph`."""

from __future__ import annotations

import json
import random
import re
import sys
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest

from backprop.choices import STYLES
from backprop.derivation import Derivation, derive
from backprop.errors import LimitError, UsageError, display_width
from backprop.picture import Picture, draw, walk
from backprop.render import boxes, svg
from backprop.render.plain import plain
from backprop.render.words import Words

sys.path.insert(0, str(Path(__file__).parent / "golden"))
import write

QUOTIENT = "y = 5x^2/(1+e^x)"
SVG = "{http://www.w3.org/2000/svg}"


def at_one(text: str = QUOTIENT, **options) -> Derivation:
    return derive(text, at={"x": 1, "y": 2}, **options)


def labels(picture: Picture) -> dict[str, str]:
    return {box.key: box.label for box in picture.boxes}


def connections(picture: Picture) -> set[tuple[str, str, str]]:
    name = labels(picture)
    return {(name[wire.source], wire.label, name[wire.target]) for wire in picture.wires}


def random_program(seed: int, size: int) -> str:
    """Definitions that use earlier ones, of which many are used several times; everything reaches the output."""
    r = random.Random(seed)
    names, lines = ["x", "y"], []
    for k in range(size):
        form = r.choice(["{} + {}", "{}*{}", "{} - 2*{}", "{}^2 + {}", "3*{}", "{}/(1 + {}^2)", "2 - {}"])
        lines.append(f"a{k} = " + re.sub(r"\{\}", lambda _: r.choice(names[-6:]), form))
        names.append(f"a{k}")
    return "; ".join([*lines, "z = " + " + ".join(names)])


PROGRAMS = [random_program(seed, size) for seed, size in enumerate([2, 3, 5, 8, 13, 21, 34])]


# -- the golden drawings -------------------------------------------------------------------------------


def test_the_golden_drawings_are_what_is_drawn():
    """Four equations in each style and format; `python tests/golden/write.py` writes them again, to be looked at."""
    found = dict(write.drawings())
    assert set(found) == {path.name for path in write.FOLDER.iterdir()}
    stale = [name for name, text in found.items() if (write.FOLDER / name).read_text(encoding="utf-8") != text]
    assert stale == []


@pytest.mark.parametrize("name", sorted(path.name for path in write.FOLDER.glob("*.txt")))
def test_the_golden_texts_fit_the_terminal(name):
    width = 40 if name.endswith(".40.txt") else 80
    text = (write.FOLDER / name).read_text(encoding="utf-8")
    drawing = text.split("\n\n")[1:-1]
    assert all(display_width(line) <= width for part in drawing for line in part.splitlines())
    assert text.isascii() == name.endswith("ascii.txt")


# -- what a picture says -------------------------------------------------------------------------------


def test_operations_are_nodes_and_names_stand_on_the_edges():
    picture = draw(at_one("y = 3(x + 2)^2"), style="operations")
    assert connections(picture) == {
        ("x", "", "+"), ("2", "", "+"), ("+", "v1", "( )²"), ("( )²", "v2", "×"), ("3", "", "×"), ("×", "", "y")
    }  # fmt: skip
    assert [(b.label, b.value, b.adjoint) for b in picture.boxes if b.kind == "operation"] == [
        ("+", "3", "18"), ("( )²", "9", "3"), ("×", "27", "1")
    ]  # fmt: skip


def test_variables_are_nodes_and_operations_stand_on_the_edges():
    picture = draw(at_one(), style="variables")
    assert connections(picture) == {
        ("x", "( )²", "v1"), ("v1", "·5", "v2"), ("x", "exp", "v3"), ("v3", "+ 1", "v4"), ("v2", "/v4", "y"),
        ("v4", "v2/", "y"),
    }  # fmt: skip
    assert [box.kind for box in picture.boxes] == ["variable", *["operation"] * 4, "output"]


def test_in_a_circuit_the_wires_carry_the_values_and_what_flows_back():
    picture = draw(at_one("y = 3(x + 2)^2"), style="circuit")
    carried = [(wire.value, wire.adjoint) for wire in picture.wires if wire.value]
    assert carried == [("1", "18"), ("3", "18"), ("9", "3"), ("27", "1")]
    shared = draw(at_one(), style="circuit")
    (x,) = (box for box in shared.boxes if box.kind == "variable")
    assert sorted(wire.adjoint for wire in shared.wires if wire.source == x.key) == ["2.689", "−0.9831"]
    assert x.adjoint == "1.706"  # the sum of both


def test_folded_chains_are_one_box_that_says_its_formula():
    assert [b.label for b in draw(at_one("y = 3(x + 2)^2"), style="folded").boxes] == ["x", "y = 3·(x + 2)²"]
    assert [b.label for b in draw(at_one(), style="folded").boxes] == ["x", "v2 = 5·x²", "v4 = 1 + e^x", "y = v2/v4"]
    # v1 has two users and stays a box of its own
    shared = draw(at_one("y = (x + 1)^2 + sin(x + 1)"), style="folded")
    assert [box.label for box in shared.boxes][:2] == ["x", "v1 = x + 1"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("text", PROGRAMS)
def test_a_shared_node_is_drawn_once_and_every_wire_ends_at_boxes(text, style):
    derivation = at_one(text)
    picture = draw(derivation, style=style)
    keys = [box.key for box in picture.boxes]
    assert len(set(keys)) == len(keys)
    operations = [box.position for box in picture.boxes if box.kind not in ("constant", "point")]
    assert len(set(operations)) == len(operations)
    if style != "folded":
        assert set(operations) == {step.position for step in derivation.nodes}
    place = {key: k for k, key in enumerate(keys)}
    assert all(place[wire.source] < place[wire.target] for wire in picture.wires)
    assert len({wire.key for wire in picture.wires}) == len(picture.wires)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("text", PROGRAMS)
def test_the_numbers_are_those_of_the_derivation(text, style):
    """Value and adjoint of every box, and what every wire of a circuit carries, read back as numbers."""
    derivation = at_one(text)
    steps = {step.position: step for step in derivation.nodes}
    picture = draw(derivation, style=style, digits=12)

    def same(text: str, value: object) -> bool:
        number = float(Fraction(text.replace("−", "-"))) if "/" in text else float(text.replace("−", "-"))
        exact = float(value) if isinstance(value, (int, Fraction)) else float(value.mid())
        return abs(number - exact) <= 1e-11 * max(1, abs(exact))

    seen = 0
    for box in picture.boxes:
        if box.value:
            seen += 1
            assert same(box.value, steps[box.position].value)
        if box.adjoint:
            assert same(box.adjoint, steps[box.position].adjoint_value)
    for wire in picture.wires:
        if wire.link is not None and style == "circuit":
            seen += 1
            assert same(wire.adjoint, derivation.edges[wire.link].sends_value)
    assert seen >= len(picture.boxes) / 2


def test_without_a_point_an_adjoint_is_its_formula_if_short_else_its_name():
    found = {box.name: box.adjoint for box in draw(derive(QUOTIENT), style="variables").boxes}
    assert found == {"x": "x̄", "v1": "5 / (1 + e^x)", "v2": "1 / (1 + e^x)", "v3": "v̄3", "v4": "v̄4", "y": "1"}


def test_what_has_no_value_says_so_and_what_lacks_one_stays_a_formula():
    undefined = draw(derive("x + ln y", at={"x": 1, "y": -1}), style="variables")
    assert [box.value for box in undefined.boxes if box.label == "v1"] == ["undefined"]
    missing = draw(derive("x*y", at={"x": 2}), style="variables")
    assert [(box.value, box.adjoint) for box in missing.boxes] == [("2", "y"), ("", "2"), ("", "1")]


def test_forward_only_leaves_the_backward_pass_out():
    for style in STYLES:
        picture = draw(at_one(), style=style, forward_only=True)
        assert not any(box.adjoint for box in picture.boxes)
        assert not any(wire.adjoint or wire.link is not None for wire in picture.wires)
        assert any(box.value for box in picture.boxes) or any(wire.value for wire in picture.wires)
        assert "flows back" not in picture.legend
        assert "adjoint" not in picture.legend


def test_programs_keep_their_names_and_groups_are_one_gate():
    picture = draw(derive("a = x+2; b = a^2; y = 3b"), style="variables")
    assert [box.label for box in picture.boxes] == ["x", "a", "b", "y"]
    grouped = draw(derive("x*y*z + x + y", decompose="nary"))
    assert [box.label for box in grouped.boxes if box.kind == "operation"] == ["×", "+"]
    assert sum(wire.target == grouped.boxes[-2].key for wire in grouped.wires) == 3


def test_the_pass_that_is_drawn_can_be_chosen_and_is_named():
    derivation = derive("[x y, x + y^2]", jacobian=True)
    first, second = draw(derivation, part=0), draw(derivation, part=1)
    assert first.title != second.title
    assert first.remarks[0].startswith("pass 1 of 2: the graph of")
    with pytest.raises(UsageError, match="there is no pass 3: there are 2"):
        draw(derivation, part=2)
    hessian = derive("x^2*y", hessian=True)
    assert "the derivative of f by x" in draw(hessian, part=1).remarks[0]


# -- the walk --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [QUOTIENT, *PROGRAMS])
def test_what_has_arrived_is_the_sum_of_what_was_sent(text):
    """After every edge, exactly, where everything is rational; when all has arrived it is the adjoint."""
    derivation = at_one(text)
    sums: dict[int, object] = {}
    backward = [moment for moment in walk(derivation) if moment.phase == "backward"]
    assert [moment.link for moment in backward] == list(range(len(derivation.edges)))
    left = [link.edge.target for link in derivation.edges]
    adjoints = {step.position: step.adjoint_value for step in derivation.nodes}
    for moment in backward:
        link = derivation.edges[moment.link]
        left.remove(link.edge.target)
        assert moment.position == link.edge.target
        assert moment.complete == (link.edge.target not in left)
        sums[moment.position] = sums.get(moment.position, 0) + link.sends_value
        if isinstance(moment.arrived, (int, Fraction)):
            assert moment.arrived == sums[moment.position]
        else:
            assert moment.arrived.overlaps(sums[moment.position])
        if moment.complete:
            assert moment.arrived is adjoints[moment.position]


def test_the_walk_goes_forwards_over_every_node_and_then_starts_at_the_output():
    derivation = at_one()
    moments = walk(derivation)
    assert [m.position for m in moments if m.phase == "forward"] == [s.position for s in derivation.nodes]
    seed = moments[len(derivation.nodes)]
    assert (seed.phase, seed.position, seed.arrived) == ("seed", derivation.root, 1)
    assert {m.phase for m in moments[len(derivation.nodes) + 1 :]} == {"backward"}


def test_a_long_sum_of_arrivals_is_written_short():
    text = "x" + "+ sin(x)" * 1 + "".join(f" + sin({k}*x)" for k in range(2, 30))
    longest = max(len(moment.arrived_text) for moment in walk(derive(text)))
    assert longest < 80


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("text", PROGRAMS[:5])
def test_a_step_shows_what_has_arrived_and_marks_the_edge_that_was_used(text, style):
    derivation = at_one(text)
    moments = [moment for moment in walk(derivation) if moment.phase == "backward"]
    for k in range(len(moments) + 1):
        picture = draw(derivation, style=style, step=k, digits=30)
        assert picture.steps == len(moments)
        assert picture.caption.startswith(f"step {k} of {len(moments)}: ")
        arrived = {derivation.root: 1} | {moment.position: moment.arrived for moment in moments[:k]}
        used = {moment.link for moment in moments[:k]}
        for box in picture.boxes:
            if box.adjoint and style != "circuit":
                assert Fraction(box.adjoint.replace("−", "-")) == arrived[box.position]
            elif box.kind == "variable" and style != "circuit":
                assert box.position not in arrived
        now = [wire for wire in picture.wires if wire.state == "now"]
        assert [wire.link for wire in now] == ([k - 1] if k and style != "folded" else [w.link for w in now])
        for wire in picture.wires:
            if wire.link is not None and wire.state != "now":
                assert wire.state == ("done" if wire.link in used else "waiting")
                assert style != "circuit" or bool(wire.adjoint) == (wire.link in used)


def test_the_last_step_is_the_whole_picture():
    for style in STYLES:
        whole, last = draw(at_one(), style=style), draw(at_one(), style=style, step=6)
        assert [(b.value, b.adjoint) for b in whole.boxes] == [(b.value, b.adjoint) for b in last.boxes]
        assert [(w.value, w.adjoint) for w in whole.wires] == [(w.value, w.adjoint) for w in last.wires]


def test_the_caption_names_edge_rule_partial_and_what_is_sent_with_numbers():
    caption = draw(at_one(), step=6).caption
    assert caption == (
        "step 6 of 6: v1 → x, power (R05); local derivative 2·x = 2; sends v̄1 · 2·x = 2.689; x̄ is complete: 1.706"
    )
    assert draw(at_one(), step=0).caption == "step 0 of 6: the pass starts with y\u0304 = 1"


@pytest.mark.parametrize(("step", "message"), [(7, "there is no step 7: the backward pass has 6 steps"), (-1, "-1")])
def test_a_step_beyond_the_pass_is_an_error_that_names_the_number(step, message):
    with pytest.raises(UsageError, match=message):
        draw(at_one(), step=step)


# -- large graphs ----------------------------------------------------------------------------------------


def test_a_long_chain_is_folded_and_it_is_said():
    picture = draw(derive("sin(" * 100_000 + "x" + ")" * 100_000))
    assert [box.label for box in picture.boxes] == ["x", "100000 operations", "f"]
    assert picture.remarks == ["chains are folded: 100001 nodes in 2 boxes"]


def test_of_a_large_graph_the_part_next_to_the_output_is_drawn():
    terms = " + ".join(f"sin({k}*x)*y" for k in range(1, 500))
    derivation = derive(terms)
    picture = draw(derivation, limit=60)
    assert len([box for box in picture.boxes if box.kind not in ("constant", "point")]) <= 60
    assert any(box.position == derivation.root for box in picture.boxes)
    assert re.search(r"\d+ of \d+ nodes are left out", picture.remarks[-1])
    assert any(box.kind == "fold" and box.label.endswith("…") for box in picture.boxes)
    assert draw(derive("x + sin x"), limit=60).remarks == []
    for limit in (1, 2, 3, 7):  # and every box leads to the output
        few = draw(derivation, limit=limit)
        assert {wire.source for wire in few.wires} == {box.key for box in few.boxes} - {"out"}
        assert len([box for box in few.boxes if box.kind not in ("constant", "point")]) <= limit


def test_too_many_passes_are_refused():
    derivation = derive("; ".join(f"u{k} = x^{k}" for k in range(2, 40)), of=[f"u{k}" for k in range(2, 40)])
    with pytest.raises(LimitError, match="passes"):
        draw(derivation)


# -- in the terminal -------------------------------------------------------------------------------------


def lines_of(derivation: Derivation, **options) -> list[str]:
    return [plain(line) for line in boxes.render(derivation, **options)[1]]


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("text", PROGRAMS)
def test_a_drawing_fits_the_terminal_and_nothing_is_lost(text, style, width):
    derivation = at_one(text)
    picture, lines = boxes.render(derivation, style=style, width=width)
    assert all(display_width(plain(line)) <= width for line in lines)
    drawn = "\n".join(map(plain, lines))
    if not any("cut" in remark or "folded" in remark or "list" in remark for remark in picture.remarks):
        texts = [text for box in picture.boxes for text in (box.label, box.value, box.adjoint)]
        texts += [text for wire in picture.wires for text in (wire.value, wire.adjoint)]
        for text in texts:
            assert text in drawn


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("text", PROGRAMS)
def test_ascii_drawings_are_ascii_and_otherwise_the_same(text, down, style):
    derivation = at_one(text)
    ascii = boxes.paint(draw(derivation, style=style, ascii=True), down=down, ascii=True)
    assert all(plain(line).isascii() for line in ascii.lines)
    assert len(ascii.lines) > 3


def test_the_edge_that_was_used_is_drawn_heavy_and_points_back():
    (row,) = [line for line in lines_of(at_one("sin x"), step=1) if "━" in line]
    assert row.split() == ["x", "◄━┃" if "◄━┃" in row else "◄━│", "sin", "│──", "f"]
    (row,) = [line for line in lines_of(at_one("sin x"), step=1, ascii=True) if "=" in line]
    assert "<=" in row


def test_a_crossing_is_not_a_junction():
    """Two inputs that both go to two boxes must cross somewhere."""
    derivation = derive("(x + y)*(x - y)*(x*y)")
    pretty, ascii = (lines_of(derivation, direction="right", forward_only=True, ascii=ascii) for ascii in (False, True))
    found = [(row, k) for row, line in enumerate(pretty) for k, c in enumerate(line) if c == "┼"]
    assert found
    assert {ascii[row][k] for row, k in found} == {"|"}
    joined = [(row, k) for row, line in enumerate(pretty) for k, c in enumerate(line) if c in "├┤┬┴╋" and k < 12]
    assert joined
    assert {ascii[row][k] for row, k in joined} == {"+"}


def test_a_direction_that_was_asked_for_is_kept_and_its_width_said():
    derivation = at_one(random_program(1, 20))
    picture, lines = boxes.render(derivation, width=40, direction="right")
    widest = max(display_width(plain(line)) for line in lines)
    assert widest > 40
    assert picture.remarks == [f"{widest} columns wide: `| less -S` shows lines without folding them"]
    assert boxes.render(derivation, direction="right")[0].remarks == []


def test_what_is_too_wide_becomes_a_list_with_a_line_for_each_node():
    derivation = at_one(random_program(1, 40))
    picture, lines = boxes.render(derivation, width=60)
    assert "written as a list" in picture.remarks[-1]
    texts = [plain(line) for line in lines]
    assert all(display_width(text) <= 60 for text in texts)
    names = [step.name for step in derivation.nodes]
    assert len(texts) == 1 + len(names)
    for name, text in zip(names, texts[1:], strict=True):
        assert re.search(rf"[●│ ] .*\b{name}\b", text), (name, text)
    assert sum("●" in text for text in texts) > len(names) / 2


def test_the_lanes_of_a_list_join_a_node_with_its_operands():
    listed = lines_of(at_one(), direction="list")
    assert [line[:16].rstrip() for line in listed[1:]] == [
        "●    x", "├─●  v1 = x²", "│ ●  v2 = 5·v1", "● │  v3 = e^x", "● │  v4 = 1 + v3", "●─╯  y = v2/v4"
    ]  # fmt: skip


def test_long_labels_are_cut_before_anything_else_is_lost():
    name = "a_rather_long_name_of_a_variable_in_a_program"
    derivation = derive(f"{name} = x*y; z = {name}^2 + sin({name})", at={"x": 1, "y": 2})
    picture, lines = boxes.render(derivation, style="variables", width=48)
    assert all(display_width(plain(line)) <= 48 for line in lines)
    assert any("…" in plain(line) for line in lines)
    assert any("is cut" in remark for remark in picture.remarks)


def test_wide_characters_take_two_columns_and_combining_marks_none():
    canvas = boxes.Canvas(Words())
    for text, column in (("v\u03041", 0), ("|", 2), ("漢字", 3), ("|", 7)):
        canvas.put(0, column, text, "")
    assert [plain(line) for line in canvas.finish()] == ["v\u03041|漢字|"]
    picture = draw(at_one("x + 2"), style="variables")
    wide = [box._replace(label="漢字", value="v\u03041") for box in picture.boxes]
    for down in (False, True):
        lines = [plain(line) for line in boxes.paint(picture._replace(boxes=wide), down=down).lines]
        top, middle = (next(line for line in lines if sign in line) for sign in ("╮", "漢"))
        right = top.index("╮")
        assert display_width(middle[: middle.index("字") + 1]) == right - 1
        assert middle[middle.index("字") + 1 :].startswith(" │")


# -- as SVG ------------------------------------------------------------------------------------------------


def tree(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("direction", ["right", "down", None])
def test_an_svg_has_every_box_and_every_wire_with_its_numbers(style, direction):
    derivation = at_one()
    picture = draw(derivation, style=style)
    root = tree(svg.render(derivation, style=style, direction=direction))
    groups = [group for group in root.iter(f"{SVG}g") if "data-key" in group.attrib]
    found = {group.get("data-key"): group for group in groups}
    assert set(found) == {item.key for item in (*picture.boxes, *picture.wires)}
    assert len(found) == len(groups)
    for box in picture.boxes:
        group = found[box.key]
        assert group.get("class", "").split()[:2] == ["box", box.kind]
        assert group.get("data-node") == (None if box.position is None else str(box.position))
        texts = {text.get("class"): text.text or "" for text in group.iter(f"{SVG}text")}
        assert texts["label"] == box.label
        assert (texts.get("value", ""), texts.get("adjoint", "")) == (box.value, box.adjoint)
    for wire in picture.wires:
        assert found[wire.key].get("data-link") == (None if wire.link is None else str(wire.link))
        assert found[wire.key].find(f"{SVG}path") is not None


def test_an_svg_is_one_file_with_a_title_and_a_size_that_scales():
    text = svg.render(at_one())
    root = tree(text)
    assert root.get("role") == "img"
    assert [root[0].tag, root[1].tag] == [f"{SVG}title", f"{SVG}desc"]
    assert root.get("aria-labelledby") == f"{root[0].get('id')} {root[1].get('id')}"
    width, height = (float(part) for part in (root.get("viewBox") or "").split()[2:])
    assert (float(root.get("width") or 0), float(root.get("height") or 0)) == (width, height)
    assert "prefers-color-scheme:dark" in text
    for word in ("<script", "href", "url(", "@import", "style=", "onload"):
        assert word not in text
    for item in root.iter():
        x = float(item.get("x", "0"))
        assert 0 <= x <= width


def test_svgs_on_one_page_need_not_share_identifiers_or_the_style_sheet():
    one = svg.render(at_one(), prefix="a-", with_style=False, heading=False)
    assert "<style" not in one
    assert re.findall(r' id="([^"]+)"', one) == ["a-graph-title", "a-graph-description"]
    assert svg.COLOURS + svg.STYLE in svg.render(at_one())


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "]]>&amp;", '"onload="x', "a\x00\x1b[31m\u202eb", "\ud800\ufffe", "\u05d0\u05d1"],
)
def test_whatever_a_name_is_the_svg_is_valid_and_it_stays_text(name):
    picture = draw(at_one(), style="variables", step=4)
    hostile = [box._replace(label=name, name=name, formula=name, value=name, adjoint=name) for box in picture.boxes]
    wires = [wire._replace(label=name) for wire in picture.wires]
    text = svg.picture_svg(picture._replace(boxes=hostile, wires=wires, title=name, caption=name, legend=name,
                                            remarks=[name]))  # fmt: skip
    root = tree(text)
    allowed = {"svg", "title", "desc", "style", "g", "path", "rect", "circle", "text", "tspan"}
    assert {item.tag.removeprefix(SVG) for item in root.iter()} <= allowed
    assert all(not key.startswith("on") for item in root.iter() for key in item.attrib)
    assert "\u202e" not in text
    assert sum("U+202E" in (item.text or "") for item in root.iter()) >= ("\u202e" in name)


def test_a_long_drawing_leads_down_by_itself():
    def size(text: str) -> tuple[float, float]:
        width, height = (tree(svg.render(derive(text))).get("viewBox") or "").split()[2:]
        return float(width), float(height)

    width, height = size("sin(cos(tan(x)))")
    assert width > height
    width, height = size("sin(cos(tan(" * 8 + "x" + ")))" * 8)
    assert width < height


# -- the command -----------------------------------------------------------------------------------------


def test_the_command_draws_and_says_how_it_was_checked(cli):
    status, out, err = cli("graph", "y = 3(x+2)^2", "--at", "x=1", "--style", "variables")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "y = 3·(x + 2)²   (x = 1)"
    assert lines[3] == "╭───╮        ╭────╮         ╭────╮       ╔═══╗"
    assert lines[-1] == "✓ proved equal to sympy.diff"


def test_formats_are_told_by_option_or_by_the_name_of_the_file(cli, tmp_path):
    for form, begin in (("svg", "<svg "), ("dot", "digraph"), ("mermaid", "---"), ("tikz", "\\documentclass")):
        status, out, _ = cli("graph", "x^2", "--format", form, "--no-verify")
        assert status == 0
        assert out.startswith(begin)
    for name, begin in (("a.svg", "<svg "), ("a.gv", "digraph"), ("a.mmd", "---"), ("a.tex", "\\documentclass")):
        path = tmp_path / name
        assert cli("graph", "x^2", "-o", str(path), "--no-verify")[:2] == (0, "")
        assert path.read_text(encoding="utf-8").startswith(begin)


def test_several_equations_are_drawn_below_each_other_as_text_only(cli):
    status, out, err = cli("graph", "x^2", "x +", "y z", "--no-verify")
    assert status == 2
    assert out.count("adjoints below") == 2
    assert "x +   error: the equation ends" in out
    assert "the equation ends" in err
    status, out, err = cli("graph", "x^2", "y z", "--format", "svg", "--no-verify")
    assert (status, out) == (2, "")
    assert "svg draws one equation" in err


def test_a_json_row_has_its_own_options(cli):
    row = json.dumps({"equation": "x*y", "at": {"x": 2, "y": 3}, "style": "variables", "step": 1, "no-verify": True})
    status, out, _ = cli("graph", "-", stdin=row + "\n")
    assert status == 0
    assert "step 1 of 2" in out
    status, _, err = cli("graph", "-", stdin='{"equation": "x", "style": "round"}\n')
    assert status == 2
    assert "`round` is no style" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x^2", "--step", "5"], "there is no step 5: the backward pass has 1 step"),
        (["x^2", "--step", "0", "--forward-only"], "a step is one of the backward pass"),
        (["x^2", "--pass", "2"], "there is no pass 2"),
        (["x^2", "--pass", "0"], "`pass` is a whole number from 1"),
        (["x^2", "--format", "svg", "--direction", "list"], "a list is text"),
        (["x^2", "--at", "points.csv"], "a graph has one point"),
        (["x^2", "--limit", "0"], "`limit` is a whole number from 1"),
        (["x^2", "--style", "round"], "'round' is not one of"),
        (["x^2", "--open", "--format", "tikz"], "a browser does not show tikz"),
    ],
)
def test_wrong_usage_is_an_error_with_status_2(cli, arguments, message):
    status, out, err = cli("graph", *arguments, "--no-verify")
    assert (status, out) == (2, "")
    assert message in err


def test_exit_statuses_are_those_of_diff(cli):
    assert cli("graph", "x^2", "--no-verify")[0] == 0
    assert cli("graph", "x+x+x+x", "--max-nodes", "2", "--no-verify")[0] == 4
    status, out, _ = cli("graph", "sin(" * 300 + "x" + ")" * 300, "--time-limit", "0.000001")
    assert status in (0, 3)
    assert "operations" in out


def test_open_writes_an_svg_and_shows_it(cli, monkeypatch, tmp_path):
    import webbrowser

    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: shown.append(address) or True)
    path = tmp_path / "graph.svg"
    assert cli("graph", "x^2", "--open", "-o", str(path), "--no-verify")[0] == 0
    assert shown == [path.as_uri()]
    assert path.read_text(encoding="utf-8").startswith("<svg ")


def test_the_command_says_how_to_see_what_is_not_shown(cli) -> None:
    text = " + ".join(f"sin({k}x)" for k in range(2, 12))
    assert "--limit 30 shows every node" in cli("graph", text, "--limit", "5", "--no-verify").out
    assert "--pass N shows another pass" in cli("graph", "x^2 y", "--hessian", "--no-verify").out
    for option in ([], ["--limit", "30"]):
        assert "--limit" not in cli("graph", text, *option, "--no-verify").out
