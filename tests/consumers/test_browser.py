"""The page of a derivation in a browser: it walks through the pass, wants no network, and complains of nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import quiet_page
from hostile import HOSTILE, planted

from backprop.derivation import Derivation, derive, differentiate
from backprop.picture import Signs, walk
from backprop.render import html

SHOWN = ".walk > li.shown"
Open = Callable[..., Any]


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Open:
    """Opens the page of a derivation as a file."""

    @contextmanager
    def open_page(found: Derivation | str, where: str = "", **options: Any) -> Iterator[Any]:
        file = tmp_path / "page.html"
        file.write_text(found if isinstance(found, str) else html.render(found), encoding="utf-8")
        size = {"width": options.pop("width", 1280), "height": 900}
        with quiet_page(chromium, viewport=size, **options) as page:
            page.requested = requested = []
            page.on("request", lambda request: requested.append(request.url.partition("#")[0]))
            page.goto(file.as_uri() + where)
            yield page
            assert requested == [file.as_uri()]

    return open_page


QUOTIENT = derive("5a^2/(1 + e^b)", at={"a": 2, "b": 0})
TWICE = derive("x*y + sin(x)", at={"x": 1, "y": 2}, explain=True)
SEVERAL = [
    QUOTIENT, TWICE, derive("sigmoid(w*x + b)"), derive("a = x + 2; b = a^2; y = 3b", at={"x": 1}),
    derive("x^2 + y^2 = 25", at={"x": 3, "y": 4}), derive("x^2*y + sin(x*y)", hessian=True, at={"x": 1, "y": 2}),
    derive("x*y*z*w", decompose="nary", at={"x": 1, "y": 2, "z": 3, "w": 4}), derive("x"), derive("7"),
    derive("[x*y, x + y, x/y]", jacobian=True), derive("x^4", order=3, at={"x": 2}), derive("1/x", at={"x": 0}),
]  # fmt: skip


def texts(page: Any, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_text_contents()]


STATE = """() => {
    const stage = document.querySelector('.pass:not([hidden])');
    const all = (root, selector, name) => [...new Set([...root.querySelectorAll(selector)].map(e => e.dataset[name]))];
    const item = [...stage.querySelectorAll('.walk > li')].filter(e => e.checkVisibility());
    const adjoints = [...stage.querySelectorAll('.right .box')].map(e => [e.dataset.node, e.querySelector('.adjoint')])
        .filter(([, e]) => e).map(([node, e]) => [node, getComputedStyle(e).visibility === 'visible' && e.textContent]);
    return {
        shown: item.length, phase: item[0].dataset.phase, text: item[0].textContent,
        now: all(stage, '.right .box.now', 'node'), known: all(stage, '.right .box.known', 'node').sort(),
        from: all(stage, '.right .box.from', 'node'), wires: all(stage, '.right .wire.now', 'link'),
        edges: all(document, '.adjoints tr.now[data-link]', 'link'),
        nodes: all(document, '.values tr.now[data-node]', 'node'), adjoints: Object.fromEntries(adjoints),
    };
}"""


@pytest.mark.parametrize("number", range(len(SEVERAL)))
def test_the_stepper_shows_every_moment_of_the_walk(opened: Open, number: int) -> None:
    """By the right arrow: the node, the edge, the rule, and the sums that have arrived so far."""
    derivation = SEVERAL[number]
    signs = Signs()
    grouped = {group.top for group in derivation.groups}
    with opened(derivation) as page:
        state = page.evaluate(STATE)
        assert (state["phase"], state["now"]) == ("start", [])
        known: set[str] = set()
        for moment in walk(derivation):
            page.keyboard.press("ArrowRight")
            state = page.evaluate(STATE)
            assert (state["shown"], state["phase"]) == (1, moment.phase)
            assert state["now"] == [str(moment.position)]
            if moment.phase == "forward":
                known.add(str(moment.position))
                assert state["known"] == sorted(known)
                assert set(state["nodes"]) <= {str(moment.position)}
                continue
            assert state["nodes"] == []
            if moment.link is None:
                assert state["adjoints"].get(str(moment.position), "1") == "1"
                continue
            link = derivation.edges[moment.link]
            assert state["edges"] == [str(moment.link)]
            assert state["wires"] == [str(moment.link)] or link.edge.user in grouped
            assert state["from"] == [str(link.edge.user)]
            assert link.rule in state["text"]
            assert ("more to come" in state["text"]) == (not moment.complete)
            shown = state["adjoints"][str(moment.position)]
            expected = signs.number(moment.arrived)
            assert shown == expected if expected else shown
        page.keyboard.press("ArrowRight")
        state = page.evaluate(STATE)
        assert (state["phase"], state["now"], state["wires"], state["edges"]) == ("end", [], [], [])
        page.keyboard.press("ArrowRight")
        assert page.evaluate(STATE) == state


def test_the_way_back_shows_the_same_as_the_way_forth(opened: Open) -> None:
    look = """() => [...document.querySelectorAll('.stage .box, .stage .wire, .walk > li, tr, output')].map(
              e => [...e.classList].sort().join(' ') + e.textContent)"""
    with opened(TWICE) as page:
        forth = [page.evaluate(look)]
        while page.locator(SHOWN).get_attribute("data-phase") != "end":
            page.keyboard.press("ArrowRight")
            forth.append(page.evaluate(look))
        assert len(forth) == len(walk(TWICE)) + 2
        for before in reversed(forth[:-1]):
            page.keyboard.press("ArrowLeft")
            assert page.evaluate(look) == before


def test_buttons_slider_and_keys_lead_to_the_same_steps(opened: Open) -> None:
    last = len(walk(QUOTIENT)) + 1
    with opened(QUOTIENT) as page:
        place = page.locator(".controls output")
        assert place.text_content() == f"0 / {last}"
        assert page.get_by_role("button", name="Back").is_disabled()
        page.get_by_role("button", name="Last step").click()
        assert place.text_content() == f"{last} / {last}"
        assert page.get_by_role("button", name="Forward").is_disabled()
        page.get_by_role("button", name="Back").click()
        assert place.text_content() == f"{last - 1} / {last}"
        page.get_by_role("button", name="First step").click()
        page.get_by_role("button", name="Forward").click()
        assert place.text_content() == f"1 / {last}"
        page.get_by_role("slider").fill("5")
        assert place.text_content() == f"5 / {last}"
        assert page.url.endswith("#step=5")
        page.evaluate("document.activeElement.blur()")
        for key, expected in (("End", last), ("Home", 0), ("ArrowRight", 1), ("ArrowLeft", 0)):
            page.keyboard.press(key)
            assert place.text_content() == f"{expected} / {last}"


def test_it_plays_by_itself_and_stops_at_the_end(opened: Open) -> None:
    with opened(QUOTIENT) as page:
        page.clock.install()
        page.reload()
        page.requested.pop()
        page.keyboard.press("Space")
        assert page.get_by_role("button", name="Pause").is_visible()
        page.clock.run_for(4000)
        assert page.locator(".controls output").text_content().startswith("2 /")
        page.keyboard.press("Space")
        page.clock.run_for(4000)
        assert page.locator(".controls output").text_content().startswith("2 /")
        page.keyboard.press("Space")
        page.clock.run_for(100_000)
        assert page.locator(SHOWN).get_attribute("data-phase") == "end"
        assert page.get_by_role("button", name="Play").is_visible()


def test_a_click_on_a_node_an_edge_or_a_row_leads_to_its_step(opened: Open) -> None:
    with opened(TWICE) as page:
        node = TWICE.edges[0].edge.target
        page.locator(f'.right .box[data-node="{node}"] .label').first.click()
        shown = page.locator(SHOWN)
        assert (shown.get_attribute("data-phase"), shown.get_attribute("data-node")) == ("forward", str(node))
        for k in range(len(TWICE.edges)):
            page.locator(f'.stacked tr[data-link="{k}"]').first.click()
            assert shown.get_attribute("data-link") == str(k)
        page.locator(f'.right .box[data-node="{node}"] .label').first.click()
        assert (shown.get_attribute("data-phase"), shown.get_attribute("data-node")) == ("backward", str(node))
        page.locator(f'.values tr[data-node="{node}"]').first.click()
        assert (shown.get_attribute("data-phase"), shown.get_attribute("data-node")) == ("forward", str(node))
        page.locator('.right .wire[data-link="2"] .line').dispatch_event("click")
        assert shown.get_attribute("data-link") == "2"


def test_keys_are_left_to_those_who_need_them(opened: Open) -> None:
    text = html.render(QUOTIENT).replace("<main>", '<main><input id="typed" aria-label="typed">')
    with opened(text) as page:
        place = page.locator(".controls output")
        page.locator("#typed").fill("ab")
        for key in ("Home", "ArrowRight", "Space", "End"):
            page.keyboard.press(key)
        assert page.locator("#typed").input_value() == "a b"
        assert place.text_content().startswith("0 /")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Control+ArrowRight")
        page.keyboard.press("Alt+End")
        assert place.text_content().startswith("0 /")
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_function("document.querySelector('.stage').getBoundingClientRect().bottom < 0")
        page.keyboard.press("ArrowRight")
        assert place.text_content().startswith("0 /")


def test_focus_is_seen_and_steps_are_said_aloud(opened: Open) -> None:
    with opened(QUOTIENT) as page:
        voice = page.locator("[role=status][aria-live=polite]")
        assert voice.text_content() == ""
        for name in ("Play (space)", "Forward (right arrow)", "Last step (End)", "Step"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.getAttribute('aria-label')") == name
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("End")
        assert voice.text_content() == "Done. The derivative by a: 10, by b: -5"
        for button in page.get_by_role("button").all():
            assert button.get_attribute("aria-label")
        assert page.get_by_role("slider").get_attribute("aria-valuetext") == voice.text_content()


def test_a_step_can_be_linked(opened: Open) -> None:
    with opened(QUOTIENT, "#step=9") as page:
        assert page.locator(".controls output").text_content().startswith("9 /")
        page.evaluate("location.hash = '#step=3'")
        page.wait_for_function("document.querySelector('.controls output').textContent.startsWith('3 /')")
    for wrong in ("#step=999", "#step=-4", "#step=<b>", "#nothing", "#step=%", "#pass=9&step=2"):
        with opened(QUOTIENT, wrong) as page:
            assert page.locator(SHOWN).count() == 1


def test_a_pass_of_several_can_be_chosen_and_linked(opened: Open) -> None:
    derivation = SEVERAL[5]
    with opened(derivation, "#pass=1&step=4") as page:
        assert page.locator(".pass:visible").count() == 1
        assert page.locator(".pass:visible").get_attribute("data-part") == "1"
        assert page.locator(".pass:visible .controls output").text_content().startswith("4 /")
        choice = page.locator("select")
        choice.select_option(index=0)
        assert page.locator(".pass:visible").get_attribute("data-part") == "0"
        assert len(texts(page, "select option")) == len(derivation.passes)
        page.locator('.stacked tr[data-part="2"][data-link]').first.click()
        assert page.locator(".pass:visible").get_attribute("data-part") == "2"


@pytest.mark.parametrize("number", range(len(SEVERAL)))
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(opened: Open, number: int, width: int) -> None:
    with opened(SEVERAL[number], width=width) as page:
        for key in ("Home", "ArrowRight", "ArrowRight", "End", "ArrowLeft", "ArrowLeft"):
            page.keyboard.press(key)
            assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        assert page.locator(".graph .down svg").first.is_visible() == (width < 600)
        assert page.locator(".graph .right svg").first.is_visible() == (width > 600)


WIDE = derive("sigmoid(w*x + b) + s*tanh(y)*(a + b)/(c + d)", at=dict.fromkeys("wxbsyacd", 1))


def test_what_is_said_about_a_long_graph_is_seen_beside_it(opened: Open) -> None:
    with opened(WIDE) as page:
        assert page.locator(".stage.long").count() == 1
        for _ in walk(WIDE):
            page.keyboard.press("ArrowRight")
            assert page.locator(f"{SHOWN} .what").bounding_box()["y"] < 800
            assert page.locator(".controls").bounding_box()["y"] < 800
        page.wait_for_function("""() => {
            const place = selector => document.querySelector(selector).getBoundingClientRect();
            const [box, frame] = [place(".right .box.now"), place(".graph .right")];
            return box.top >= frame.top && box.bottom <= frame.bottom && box.left >= frame.left;
        }""")


def test_a_long_result_scrolls_in_its_box_on_a_phone(opened: Open) -> None:
    with opened(derive("a*sin(b*x)/(1 + c) + exp(x*a + b*c)*a*b*c*log(x)"), width=390) as page:
        page.keyboard.press("End")
        widths = page.evaluate("""() => [...document.querySelectorAll('.shown .term')].map(e => {
            e.scrollTo({left: 9999});
            return [e.scrollWidth - e.clientWidth, e.scrollLeft, e.getBoundingClientRect().right];
        })""")
        assert any(hidden > 50 for hidden, _, _ in widths)
        for hidden, scrolled, right in widths:
            assert abs(scrolled - hidden) < 2
            assert right <= 390


@pytest.mark.parametrize("accent", ["bar", "dot"])
@pytest.mark.parametrize("letter", "xvyfF")
def test_an_accent_does_not_touch_its_letter(opened: Open, accent: str, letter: str) -> None:
    """Of the rows of pixels that have ink, at normal size: one is empty between the accent and the letter."""
    from backprop.mathml import mathml, translate

    formula = mathml(translate(rf"\{accent}{{{letter}}}"))
    with opened(html.page("Accent", [f'<p id="shown">{formula}</p>'])) as page:
        shot = page.locator("#shown math").screenshot()
        empty = page.evaluate("""async bytes => {
            const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
            const canvas = new OffscreenCanvas(image.width, image.height);
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            const {data, width, height} = context.getImageData(0, 0, image.width, image.height);
            const [rows, columns] = [height, width].map(n => [...Array(n).keys()]);
            const ink = rows.map(y => columns.some(x => data[4 * (y * width + x)] < 200));
            const first = ink.indexOf(true), last = ink.lastIndexOf(true);
            return ink.slice(first, last).filter(is => !is).length;
        }""", list(shot))  # fmt: skip
        assert empty >= 1


def test_long_formulas_and_names_do_not_widen_a_phone(opened: Open) -> None:
    long = " + ".join(f"alpha_{k}*sin(beta_{k}*x)/(1 + gamma_{k})" for k in range(12))
    for text in (long, "exp(" * 30 + "x" + ")" * 30, "a" * 200 + "_b", "x^" * 30 + "x"):
        with opened(derive(text), width=390) as page:
            assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_dark_mode_has_other_colours(opened: Open) -> None:
    script = """selector => { const style = getComputedStyle(document.querySelector(selector));
                return [style.backgroundColor, style.color, style.fill]; }"""
    seen = {}
    for scheme in ("light", "dark"):
        with opened(QUOTIENT, "#step=10", color_scheme=scheme) as page:
            places = (
                "html",
                ".right .box.known .value",
                ".right .box.reached .adjoint",
                ".right .box.now .frame",
                "tr.now",
            )
            seen[scheme] = [page.evaluate(script, place) for place in places]
    for light, dark in zip(seen["light"], seen["dark"]):
        assert light != dark
    background, *_ = seen["dark"][0]
    assert max(int(part) for part in background[4:-1].split(",")) < 60


def test_print_is_light_and_complete_and_has_no_controls(opened: Open) -> None:
    with opened(TWICE, "#step=3", color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert not page.locator(".controls").is_visible()
        items = page.locator(".walk > li")
        assert items.count() == len(walk(TWICE)) + 2
        assert all(item.is_visible() for item in items.all())
        for text in page.locator(".right .box .value, .right .box .adjoint").all():
            assert text.is_visible()
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        state = page.evaluate(STATE)
        assert (state["phase"], state["now"]) == ("end", [])
        assert "2.540" in state["adjoints"].values()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(STATE)["phase"] == "forward"
        assert len(page.pdf()) > 10_000


def test_without_javascript_everything_is_there(opened: Open) -> None:
    for derivation in (TWICE, SEVERAL[5]):
        with opened(derivation, java_script_enabled=False) as page:
            assert page.locator(".controls, select").count() == 0
            for selector in (".pass", ".walk > li", ".part", ".right .box .value", "tr"):
                found = page.locator(selector).all()
                assert found
                assert all(element.is_visible() for element in found if element.text_content())


def test_nothing_moves_for_those_who_want_no_motion(opened: Open) -> None:
    script = "getComputedStyle(document.querySelector('.right .wire.now .line')).animationName"
    for motion, expected in (("reduce", "none"), ("no-preference", "flow")):
        with opened(QUOTIENT, "#step=12", reduced_motion=motion) as page:
            assert page.evaluate(script) == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_nothing(opened: Open, text: str) -> None:
    with opened(planted(text, at=True)) as page:
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("End")
        assert page.locator("script").count() == 1
        assert page.locator("img, iframe, a, form, object, embed").count() == 0
        assert page.evaluate("[...document.querySelectorAll('*')].every(e => "
                             "[...e.attributes].every(a => !a.name.startsWith('on')))")  # fmt: skip


def test_a_page_of_many_derivations_keeps_them_apart(opened: Open) -> None:
    bodies = [html.body(found, heading_level=2, ids_prefix=f"d{k}") for k, found in enumerate(SEVERAL[:3])]
    with opened(html.page("Three", bodies), "#in=d1&step=2") as page:
        places = page.locator(".controls output")
        assert [text.split(" /")[0] for text in places.all_text_contents()] == ["0", "2", "0"]
        page.locator("#d2 .walk").click()
        page.keyboard.press("ArrowRight")
        assert [text.split(" /")[0] for text in places.all_text_contents()] == ["0", "2", "1"]
        assert page.url.endswith("#in=d2&step=1")


def test_what_a_notebook_shows_needs_no_script(opened: Open) -> None:
    found = differentiate("x*y + sin(x)", at={"x": 1, "y": 2}, verify=False, simplify=False)
    text = f"<!doctype html><title>notebook</title>{found._repr_html_()}"
    with opened(text, java_script_enabled=False, width=700) as page:
        assert page.evaluate(
            "document.querySelector('img').decode().then(() => document.querySelector('img').width > 200)"
        )
        assert "Gradient" in page.inner_text("body")
        assert not page.locator("details table").first.is_visible()
