"""The page of a derivation: complete, inert, and true to the derivation."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from itertools import chain, pairwise
from xml.etree import ElementTree

import pytest

from backprop.derivation import Derivation, derive, differentiate
from backprop.picture import walk
from backprop.render import html
from backprop.render.trace import Trace
from backprop.render.words import MathmlWords

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())

# Equations of all kinds, with what else is asked of them.
VARIED: list[tuple[str, dict[str, object]]] = [
    ("x", {}),
    ("7", {}),
    ("x^2", {"at": {"x": 3}}),
    ("-x", {}),
    ("3*(x + 2)^2", {"at": {"x": "1/2"}}),
    ("5a^2/(1 + e^b)", {"at": {"a": 2, "b": 0}}),
    ("x*y + sin(x)", {"at": {"x": 1, "y": 2}, "explain": True}),
    ("sigmoid(w*x + b)", {}),
    ("sigmoid(w*x + b)", {"at": {"w": 1, "x": -2, "b": "1/3"}}),
    ("x^x", {"at": {"x": 2}}),
    ("2^x", {}),
    ("1/x", {"at": {"x": 0}}),
    ("log(x)", {"at": {"x": -1}}),
    ("sqrt(1 - x^2)", {}),
    ("|x - 1|", {"at": {"x": 1}}),
    ("relu(w x)", {"at": {"w": -1, "x": 2}}),
    ("max(x, y, z)", {"at": {"x": 1, "y": 2, "z": 3}}),
    ("x^2 if x > 0 else -x", {"at": {"x": -2}}),
    ("z if z > 0 else 0.01 z", {}),
    ("n! + x", {}),
    ("f(g(x))", {"functions": ("f", "g")}),
    ("log(x, b)", {}),
    ("a = x + 2; b = a^2; y = 3b", {"at": {"x": 1}}),
    ("g(t) = t^2; y = g(x) + g(2x)", {}),
    ("[x*y, x + y]", {"jacobian": True, "at": {"x": 1, "y": 2}}),
    ("x^2*y + sin(x*y)", {"hessian": True}),
    ("x^2*y", {"hessian": True, "along": {"dx": "1", "dy": "2"}}),
    ("x^3*y^2", {"mixed": ("x", "x", "y")}),
    ("x^4", {"order": 3, "at": {"x": 2}}),
    ("x^2*y", {"along": {"dx": "1", "dy": "2"}, "at": {"x": 1, "y": 1}}),
    ("x^2*y", {"total": "t"}),
    ("x^2 + y^2 = 25", {"at": {"x": 3, "y": 4}}),
    ("x^2 + y^2 = 25", {"order": 2}),
    ("x*y*z*w", {"decompose": "nary"}),
    ("x + y + z", {"decompose": "nary", "at": {"x": 1, "y": 2, "z": 3}}),
    ("x y sin(x y)", {"modes": ("all",), "at": {"x": 1, "y": 2}}),
    ("x^2 + y", {"check_gradient": True, "at": {"x": 1, "y": 2}}),
    ("x^3 - 3x", {"critical": True}),
    ("x^2", {"tangent": True, "at": {"x": 1}}),
    ("x_1*theta + loss", {"at": {"x_1": 1, "theta": 2, "loss": 3}}),
    ("exp(" * 20 + "x" + ")" * 20, {}),
]


class Element:
    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []

    def all(self, tag: str = "") -> list[Element]:
        found, stack = [], [self]
        while stack:
            element = stack.pop()
            if not tag or element.tag == tag:
                found.append(element)
            stack.extend(child for child in reversed(element.children) if isinstance(child, Element))
        return found

    @property
    def text(self) -> str:
        pieces: list[str] = []
        stack: list[Element | str] = [self]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                pieces.append(item)
            else:
                stack.extend(reversed(item.children))
        return "".join(pieces)

    def __getitem__(self, name: str) -> str | None:
        return self.attributes.get(name)


class Tree(HTMLParser):
    """A strict reader: every element that is opened is closed, in order, and no attribute stands twice."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {}, None)
        self.feed(text)
        self.close()
        assert self.here is self.root, f"<{self.here.tag}> is not closed"

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag, attrs):
        self.here.children.append(Element(tag, {name: value or "" for name, value in attrs}, self.here))

    def handle_endtag(self, tag):
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.children.append(data)


def made(text: str, options: dict[str, object]) -> Derivation:
    return differentiate(text, simplify=False, verify=False, **options)


PAGES: dict[int, tuple[Derivation, str, Element]] = {}


def page_of(number: int) -> tuple[Derivation, str, Element]:
    """A derivation, its page, and the page's tree; made once."""
    if number not in PAGES:
        derivation = made(*VARIED[number])
        text = html.render(derivation)
        PAGES[number] = derivation, text, Tree(text).root
    return PAGES[number]


everything = pytest.mark.parametrize("number", range(len(VARIED)), ids=[text[:40] for text, _ in VARIED])


@everything
def test_a_page_is_well_formed(number):
    _, text, root = page_of(number)
    assert text.startswith('<!doctype html>\n<html lang="en">')
    counts = Counter(element["id"] for element in root.all() if element["id"] is not None)
    assert counts
    assert max(counts.values()) == 1
    for element in root.all():
        for name in ("aria-labelledby", "for", "aria-describedby"):
            for reference in (element[name] or "").split():
                assert reference in counts, (element.tag, reference)
        for value in element.attributes.values():
            for reference in re.findall(r"url\(#([^)]*)\)", value):
                assert reference in counts


@everything
def test_mathematics_and_graphs_are_well_formed_xml(number):
    _, text, _ = page_of(number)
    found = re.findall(r"<svg.*?</svg>|<math.*?</math>", text, re.DOTALL)
    assert found
    for part in found:
        ElementTree.fromstring(part)


@everything
def test_a_page_refers_to_nothing_outside_of_it(number):
    _, text, root = page_of(number)
    found = re.findall(r"https?:|[\"'(=]\s*//|@import|url\((?!#)|src=", text.replace("http://www.w3.org/", ""))
    assert not found
    for element in root.all():
        assert element.tag not in ("link", "iframe", "object", "embed", "base", "form", "img", "image", "use", "a")
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "style", "srcdoc", "action")
            assert name not in ("href", "xlink:href") or value.startswith("#")


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else():
    _, _, root = page_of(5)
    (policy,) = [meta["content"] for meta in root.all("meta") if meta["http-equiv"] == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    for tag in ("style", "script"):
        (element,) = root.all(tag)
        digest = b64encode(sha256(element.text.encode()).digest()).decode()
        assert rules.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert rules == {}


def test_headings_are_in_order_and_tables_say_what_their_cells_are():
    for number in range(len(VARIED)):
        _, _, root = page_of(number)
        assert root.all("html")[0]["lang"] == "en"
        assert root.all("title")[0].text.startswith("Backpropagation")
        levels = [int(element.tag[1]) for element in root.all() if re.fullmatch("h[1-6]", element.tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        for table in root.all("table"):
            for cell in table.all("th"):
                assert cell["scope"] in ("row", "col")
                assert cell.text.strip()


@everything
def test_every_node_and_every_edge_is_on_the_page_with_its_numbers(number):
    derivation, _, root = page_of(number)
    steps = [item for item in root.all("li") if item["data-phase"]]
    boxes = {(box["data-node"]) for box in root.all("g") if box["data-node"]}
    for part, _one in enumerate(derivation.passes if derivation.nodes else []):
        section = next((s for s in root.all("section") if s["data-part"] == str(part)), None)
        assert section is not None
        own = [item for item in section.all("li") if item["data-phase"] in ("forward", "seed", "backward")]
        moments = walk(derivation, part)
        found = [(item["data-phase"], item["data-node"]) for item in own]
        assert found == [(moment.phase, str(moment.position)) for moment in moments]
        for item, moment in zip(own, moments):
            assert item["data-link"] == (None if moment.link is None else str(moment.link))
            if moment.link is None:
                continue
            link = derivation.edges[moment.link]
            assert link.rule in item.text
            assert link.code in item.text
            assert moment.complete == (item["data-sum"] is None)
    assert len(steps) >= len(derivation.nodes) + len(derivation.edges)
    assert {str(step.position) for step in derivation.nodes} <= boxes
    wires = {wire["data-link"] for wire in root.all("g") if wire["data-link"]}
    if not derivation.groups:
        assert {str(k) for k in range(len(derivation.edges))} <= wires
    rows: dict[str, str] = {}
    for row in root.all("tr"):
        if row["data-link"]:
            rows[row["data-link"]] = rows.get(row["data-link"], "") + row.text
    if not derivation.tangents:
        assert set(rows) == {str(k) for k in range(len(derivation.edges))}
    for k, link in enumerate(derivation.edges if not derivation.tangents else []):
        for value in (link.partial_value, link.sends_value):
            said = derivation.number(value)
            if said is not None and re.fullmatch(r"\d+(\.\d+)?", said):
                assert said in rows[str(k)]


@everything
def test_everything_that_the_trace_says_is_on_the_page(number):
    """The prose of every section, and the number of its rows."""
    derivation, text, root = page_of(number)
    words = MathmlWords()
    trace = Trace(derivation, words=words)
    opening = trace.opening()
    next(opening)
    count = 0
    for section in chain(opening, trace.closing()):
        assert words.cell(section.title) in text
        assert words.cell(section.remark) in text
        for row in section.rows:
            count += bool(section.title)
            for cell in row:
                assert words.cell(cell) in text
        words.where()
    assert count <= sum(len(body.all("tr")) for body in root.all("tbody"))


def test_the_steps_show_the_sum_at_a_node_term_by_term():
    _, _, root = page_of(6)
    arriving = [item for item in root.all("li") if item["data-phase"] == "backward" and "x" in item.all("p")[1].text]
    first, second = [item for item in arriving if item.all("p")[1].text.endswith("x")]
    assert first["data-sum"] == "0.5403"
    assert "so far" in first.text
    assert "1 more to come, from v" in first.text
    assert second["data-sum"] is None
    assert "from v2" in second.text
    assert "2.540" in second.text


def test_numbers_are_put_into_formulas_as_one_multiplies_them():
    """x·y at x = 1, y = −2 is 1·(−2), and never 12."""
    root = Tree(html.render(derive("x*y", at={"x": 1, "y": -2}))).root
    (product,) = [item for item in root.all("li") if item["data-phase"] == "forward" and "product" in item.text]
    assert product.all("p")[1].text.replace("\u2062", "") == "f=xy=1·(−2)=−2"
    root = Tree(html.render(derive("5a^2/(1 + e^b)", at={"a": 2, "b": 0}))).root
    steps = [item for item in root.all("li") if item["data-phase"] == "backward"]
    assert "=−2022=−5" in steps[1].text.replace("\u2062", "")  # −20/2² = −5
    assert "=1·(−5)=−5" in steps[1].text.replace("\u2062", "")


def steps_of(text: str, **options: object) -> list[Element]:
    return [item for item in Tree(html.render(derive(text, **options))).root.all("li") if item["data-phase"]]


def test_steps_say_what_is_undefined_at_the_point():
    start, x, f, seed, edge, end = steps_of("1/x", at={"x": 0})
    for step in (f, edge, end):
        assert "undefined\xa0here" in step.text
    assert f.all("p")[1].text.startswith("f=1x=10")
    assert "f = 1/x is undefined here" in f["data-say"]
    for step in (start, x, seed):
        assert "undefined" not in step.text


UNKNOWN = [("x*y", {"at": {"x": 1}}), ("f(x)", {"functions": ("f",), "at": {"x": 1}}), ("1/x", {}),
           ("1/x", {"at": {"x": 2}})]  # fmt: skip


@pytest.mark.parametrize(("text", "options"), UNKNOWN)
def test_what_is_not_known_is_not_called_undefined(text, options):
    assert not any("undefined" in step.text + step["data-say"] for step in steps_of(text, **options))


def test_the_last_step_of_a_relation_has_the_derivative_that_was_asked_for():
    end = steps_of("x^2 + y^2 = 25", at={"x": 3, "y": 4})[-1]
    assert end["data-say"] == "Done. The derivative by x: 6, by y: 8, dy/dx: -3/4"
    assert "=−34" in end.text.replace("\u2062", "")
    ends = [step for step in steps_of("x^2 + y^2 = 25", order=2, at={"x": 3, "y": 4}) if step["data-phase"] == "end"]
    assert "dy/dx" in ends[0]["data-say"]
    assert ends[1]["data-say"].endswith("d²y/dx²: -25/64")


def test_one_node_and_one_edge_are_not_several():
    assert "the node gets" in steps_of("7")[0].text
    assert "each of the 2 nodes gets" in steps_of("sin(x)")[0].text
    assert "the edge sends" in steps_of("sin(x)")[0].text
    assert "each of the 2 edges sends" in steps_of("x*y")[0].text


def test_rows_are_about_nodes_of_their_own_pass_and_results_about_none():
    derivation, _, root = page_of([text for text, _ in VARIED].index("x^2*y + sin(x*y)"))
    for row in root.all("tr"):
        if row["data-node"]:
            positions = {step.position for step in derivation.nodes if step.part == int(row["data-part"])}
            assert int(row["data-node"]) in positions
    sections = [section for section in root.all("section") if section.all("h2")[0].text in ("Gradient", "Hessian")]
    assert len(sections) == 2
    for section in sections:
        assert not any(row["data-node"] or row["data-link"] for row in section.all("tr"))


HOSTILE = [
    '<script>alert(1)</script>', "</script><script>alert(1)</script>", "</style><b>", "<!--", "-->", "]]>",
    '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "&lt;b&gt;", "\u202eevil", "\u2028", "\u2029",
    "\x00", "\ud800", "a\nb", "<svg/onload=alert(1)>", "{{7*7}}", "javascript:alert(1)",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(text):
    """In notes, in the title, and in the names of a derivation that has been put together by hand."""
    derivation = derive("x*y + sin(x)", at={"x": 1, "y": 2})
    derivation.note(text)
    derivation.equation.text = text
    if text.isprintable():  # a name that was typed is made of letters, digits and _
        derivation.output_name = text
    for step in derivation.nodes:
        step.rule = text
        step.call = text
    for link in derivation.edges:
        link.rule = text
    derivation.equation.calls.clear()
    derivation.nodes[0].call = ""
    for step in derivation.nodes:
        step.call = ""
    page = html.render(derivation)
    root = Tree(page).root
    assert len(root.all("script")) == 1
    assert len(root.all("style")) == 1
    assert not root.all("img")
    assert not root.all("b")
    for element in root.all():
        assert not any(name.startswith("on") for name in element.attributes)
    for hidden in "\u202e\u2028\u2029\x00":
        assert hidden not in page
    page.encode()


def test_large_graphs_are_left_out_with_a_sentence():
    derivation = derive(" + ".join(f"sin({k} x{k})" for k in range(200)))
    page = html.render(derivation)
    root = Tree(page).root
    assert not root.all("svg")
    assert re.search(r"The graph has \d+ nodes", root.text)
    assert len(root.all("tr")) > 1000


def test_a_huge_derivation_makes_no_huge_page():
    derivation = derive("+".join(f"sin({k} x{k})" for k in range(8000)))
    page = html.render(derivation)
    assert len(page) < html.MOST_CHARACTERS + 500_000
    assert "All rows would make this page too long" in page
    deep = derive("sin(" * 3000 + "x" + ")" * 3000)
    assert len(html.render(deep)) < html.MOST_CHARACTERS + 500_000


def test_many_derivations_share_a_page():
    bodies = [html.body(derive("x*y"), heading_level=2, ids_prefix=f"d{k}") for k in range(3)]
    root = Tree(html.page("Three", bodies)).root
    counts = Counter(element["id"] for element in root.all() if element["id"] is not None)
    assert max(counts.values()) == 1
    assert {"d0", "d1", "d2"} <= set(counts)
    assert not root.all("h1")
    assert len(root.all("h2")) == 3


def test_the_page_of_a_derivation_is_always_the_same():
    assert html.render(derive("x*y + sin(x)")) == html.render(derive("x*y + sin(x)"))


@pytest.mark.parametrize("dark", [False, True])
def test_the_colours_of_text_have_enough_contrast(dark):
    """WCAG 2.2, 1.4.3: at least 4.5 to 1, on every ground."""
    style = html.asset("style.css")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[1 if dark else 0]))

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a: str, b: str) -> float:
        low, high = sorted((luminance(colours[a]), luminance(colours[b])))
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "soft", "value", "adjoint", "good", "warn"):
        assert contrast(text, "paper") >= 4.5, text
        assert contrast(text, "panel") >= 4.5, text
    for text in ("ink", "soft", "value", "adjoint"):
        for ground in ("value-wash", "adjoint-wash"):
            if {text, ground} not in ({"value", "adjoint-wash"}, {"adjoint", "value-wash"}):
                assert contrast(text, ground) >= 4.5, (text, ground)
