"""A page of a browser that must be quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_page(browser: Any, **options: Any) -> Iterator[Any]:
    """A page without a network, of which nothing may come: see `page.said`."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.said = said = []
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda other: said.append(f"popup: {other.url}"))

    def decide(route: Any) -> None:
        url = route.request.url
        if url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            said.append(f"request: {url[:200]}")
            route.abort()

    context.route("**/*", decide)
    yield page
    context.close()
    assert said == []
