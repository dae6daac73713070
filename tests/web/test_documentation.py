"""The documentation of the API: the page, and the OpenAPI document that answers must follow."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from number_prediction.web.problems import PROBLEMS
from tests.helpers.contract import check_contract
from tests.helpers.served import running


def test_the_documentation_explains_every_problem_without_a_script(client: httpx.Client) -> None:
    text = client.get("/docs").text
    assert all(f'id="{kind}"' in text for kind in PROBLEMS)
    assert "POST /api/digits" in text
    assert "<script" not in text


def test_answers_are_what_the_openapi_document_says(predictor: Predictor, tmp_path: Path) -> None:
    with running(create_app(predictor, corrections=tmp_path / "c")) as client:
        statuses = check_contract(str(client.base_url), cases=80)
    assert {200, 201, 422} <= statuses.keys()


def test_every_reference_of_the_openapi_document_leads_to_a_schema(client: httpx.Client) -> None:
    document = client.get("/openapi.json")
    schemas = document.json()["components"]["schemas"]
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', document.text))
    assert names
    assert names <= schemas.keys()


def test_the_documentation_describes_each_parameter(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    parameters = [
        parameter
        for methods in paths.values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
    ]
    assert parameters
    text = client.get("/docs").text
    for parameter in parameters:
        assert f"{parameter['name']}</code>, {parameter['in']} parameter: {parameter['description']}" in text
