"""Metrics of the server."""

from __future__ import annotations

import re

import httpx

from number_prediction.digits.predictor import Predictor
from tests.helpers.uploads import HEADERS, PICTURE


def test_metrics_count_answers_and_refusals(client: httpx.Client, predictor: Predictor) -> None:
    def count(line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (.+)$", client.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    answered = 'number_prediction_requests_total{route="/api/digits",status="200"}'
    refused = 'number_prediction_rejections_total{reason="no-picture"}'
    before = count(answered), count(refused)
    client.post("/api/digits", content=PICTURE, headers=HEADERS)
    client.post("/api/digits", content=b"", headers=HEADERS)
    assert (count(answered), count(refused)) == (before[0] + 1, before[1] + 1)
    assert predictor.sha256 in client.get("/metrics").text
    assert count("number_prediction_queue_pictures") == 0
