"""The programs that read what is exported.

A test asks for one by its fixture. Where it is missing the test is reported as not run; with
BACKPROP_CONSUMERS=required in the environment, as in `make test-consumers`, it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
from browser import quiet_page

ROOT = Path(__file__).parents[2]
# What a browser would do of its own: look for updates, ask for experiments.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder has the marker."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.consumer)


def missing(what: str) -> NoReturn:
    """Ends a test whose consumer is not there."""
    if os.environ.get("BACKPROP_CONSUMERS") == "required":
        pytest.fail(f"{what} is missing, and BACKPROP_CONSUMERS=required asks for it", pytrace=False)
    pytest.skip(f"not run: {what} is missing")


def program(*names: str) -> str:
    """The path of the first of some programs that is there."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    return missing(names[0])


def module(name: str, whole: str = "") -> ModuleType:
    """A module of Python that is a consumer."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        return missing(f"the Python package {whole or name.partition('.')[0]}")


@pytest.fixture(scope="session")
def pdflatex(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[str, list[str]]]:
    """Compiles a document: what TeX said, and the files that it opened. It must not stop at anything."""
    path = program("pdflatex")
    folder = tmp_path_factory.mktemp("tex")

    def compile(source: str, name: str = "document") -> tuple[str, list[str]]:
        (folder / f"{name}.tex").write_text(source, encoding="utf-8")
        command = [path, "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "-recorder", f"{name}.tex"]
        for _ in range(4):  # until the widths of the tables are known
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
                env={**os.environ, "max_print_line": "10000", "openin_any": "p"},
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-3000:]
            if not re.search("[Rr]erun", done.stdout):
                break
        assert (folder / f"{name}.pdf").stat().st_size > 500
        opened = (folder / f"{name}.fls").read_text(encoding="utf-8", errors="replace").splitlines()
        return done.stdout, [line.partition(" ")[2] for line in opened if line.startswith("INPUT")]

    return compile


@pytest.fixture(scope="session")
def dot(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], list[str]]:
    """Draws graphs as SVG, without a word of warning."""
    path = program("dot")

    def draw(sources: Sequence[str]) -> list[str]:
        folder = tmp_path_factory.mktemp("dot")
        files = [folder / f"{k}.dot" for k in range(len(sources))]
        for file, source in zip(files, sources, strict=True):
            file.write_text(source, encoding="utf-8")
        done = subprocess.run([path, "-Tsvg", "-O", *files], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return [file.with_suffix(".dot.svg").read_text(encoding="utf-8") for file in files]

    return draw


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser of Playwright that runs the machine's Chromium."""
    api = module("playwright.sync_api")
    path = program("chromium", "chromium-browser", "google-chrome")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page of the browser; if it logs, fails, asks or opens anything, or wants the network, the test fails."""
    with quiet_page(chromium, viewport={"width": 1280, "height": 900}) as found:
        yield found


@pytest.fixture(scope="session")
def mermaid(chromium: Any) -> Iterator[Callable[[str], str]]:
    """Mermaid's own parser and renderer, in the browser: the SVG of a diagram."""
    folder = Path(os.environ.get("BACKPROP_MERMAID") or ROOT / "node_modules" / "mermaid" / "dist")
    script = folder / "mermaid.min.js"
    if not script.is_file():
        missing("mermaid (npm install mermaid)")
    with quiet_page(chromium) as page:
        page.set_content("<!doctype html><body></body>")
        page.add_script_tag(path=str(script))
        page.evaluate("mermaid.initialize({startOnLoad: false, suppressErrorRendering: true})")

        def render(source: str) -> str:
            svg = page.evaluate("""async source => {
                await mermaid.parse(source);
                const {svg} = await mermaid.render("drawing", source);
                document.body.innerHTML = svg;
                return new XMLSerializer().serializeToString(document.body.firstElementChild);
            }""", source)  # fmt: skip
            assert page.said == []
            return str(svg)

        yield render


@pytest.fixture(scope="session")
def nbformat() -> ModuleType:
    """What validates notebooks."""
    return module("nbformat")


@pytest.fixture
def commonmark() -> Any:
    """A parser of CommonMark that lets raw HTML through, with the tables of GitHub."""
    parser = module("markdown_it", "markdown-it-py").MarkdownIt("commonmark", {"html": True})
    return parser.enable(["table", "strikethrough"])
