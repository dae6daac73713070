"""Chromium for the tests of this folder, and the app that they look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.offline_app import ROOT, build_app

PATIENCE = 60_000  # ms; only a broken page is waited for so long
WIDE = (1280, 900)
Open = Callable[..., Page]


def find_chromium() -> str | None:
    """Path of an installed Chromium."""
    return os.environ.get("NUMBER_PREDICTION_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if not path:
        pytest.fail("no Chromium found: apt install chromium, or set NUMBER_PREDICTION_CHROMIUM to its path")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@contextmanager
def open_context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A context of its own for pages, which is closed at the end, also of a test that failed."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        context.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the offline app; its ES module is beside it, in npm."""
    if not (ROOT / "offline" / "node_modules").is_dir():
        pytest.fail("the offline app cannot be built: run make offline-app once")
    return build_app(tmp_path_factory.mktemp("offline") / "app")


@pytest.fixture
def open_file(browser: Browser) -> Iterator[Open]:
    """Opens a page that is one file; at the end none may have complained or asked for anything else."""
    complaints: list[str] = []

    @contextmanager
    def opened(path: Path, size: tuple[int, int], theme: str, has_script: bool) -> Iterator[Page]:
        with open_context(
            browser,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            java_script_enabled=has_script,
        ) as context:
            page = context.new_page()
            page.on("console", lambda message: complaints.append(f"console: {message.text}"))
            page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
            page.on("request", lambda request: requests.append(request.url))
            requests: list[str] = []
            page.goto(path.as_uri())
            yield page
            complaints.extend(
                url[:80] for url in requests if not url.startswith("data:") and url != path.as_uri()
            )

    with ExitStack() as stack:

        def open_page(
            path: Path, size: tuple[int, int] = WIDE, *, theme: str = "light", has_script: bool = True
        ) -> Page:
            return stack.enter_context(opened(path, size, theme, has_script))

        yield open_page
    assert complaints == []
