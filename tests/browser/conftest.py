"""Chromium for the tests of this folder, and the app that they look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.offline_app import ROOT, build_app

PATIENCE = 15_000  # ms; for busy machines


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


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the offline app."""
    if not (ROOT / "offline" / "node_modules").is_dir():
        pytest.fail("the offline app cannot be built: run make offline-app once")
    return build_app(tmp_path_factory.mktemp("offline") / "app")
