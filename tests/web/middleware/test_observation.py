"""Logs of the server."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import httpx
import pytest

from number_prediction.web.middleware.observation import JsonFormatter
from tests.helpers.uploads import HEADERS, PICTURE


def test_logs_are_json_and_hold_nothing_that_was_sent(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "number_prediction.web"):
        client.post("/api/digits?secret", content=PICTURE, headers=HEADERS)
        client.post("/api/digits", content=PICTURE, headers=HEADERS)
        client.get("/secret")
        expected = {("/api/digits", 200, 1, None), ("other", 404, None, "not-found")}
        noted: set[tuple[Any, ...]] = set()
        lines: list[str] = []
        while not expected <= noted:  # after the answers, and after those of tests before
            time.sleep(0.01)
            lines = [JsonFormatter().format(record) for record in caplog.records]
            noted = {
                tuple(json.loads(line).get(name) for name in ("route", "status", "pictures", "problem"))
                for line in lines
            }
    assert "secret" not in "".join(lines)
