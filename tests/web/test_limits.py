"""Limits: each is an option of serve and an environment variable, and reaches the part that enforces it."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from number_prediction.web.limits import Limits, environment_variable
from tests.conftest import CommandLine
from tests.helpers.served import connect, kind_of, receive_all, running
from tests.helpers.uploads import FORM, HEADERS, PICTURE, form

LIMIT_NAMES = tuple(each.name for each in fields(Limits))

DEPLOY = Path(__file__).parents[2] / "deploy"


@contextmanager
def serving(*options: str, folder: Path, variables: dict[str, str]) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "number_prediction", "serve", "--port", "0", *options]
    with subprocess.Popen(
        [*command, "--corrections", str(folder / "c")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=variables,
    ) as process:
        assert process.stdout is not None
        with httpx.Client(base_url=process.stdout.readline().strip(), timeout=60) as client:
            yield client
        process.send_signal(signal.SIGTERM)


def test_options_and_environment_variables_set_limits(tmp_path: Path) -> None:
    variables = {**os.environ, environment_variable("max_pictures"): "1"}
    with serving("--max-picture-bytes", "100", folder=tmp_path, variables=variables) as client:
        two = client.post("/api/digits", content=form(b"a", b"b"), headers={"content-type": FORM})
        large = client.post("/api/digits", content=PICTURE, headers=HEADERS)
    assert (two.status_code, kind_of(two)) == (413, "too-many-pictures")
    assert (large.status_code, kind_of(large)) == (413, "picture-too-large")


def test_every_limit_is_documented_with_its_default(command_line: CommandLine) -> None:
    text = command_line("serve", "--help").stdout.decode()
    sections = {
        name.strip(): rest for name, rest in re.findall(r"(?m)^  --([a-z-]+)((?:.*\n?(?!  -))*)", text)
    }
    for limit in fields(Limits):
        described = " ".join(sections[limit.name.replace("_", "-")].split())
        assert environment_variable(limit.name) in described
        assert f"default: {limit.default};" in described


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_wrong_limit_is_refused(value: str, command_line: CommandLine) -> None:
    done = command_line("serve", "--max-pictures", value)
    assert done.returncode == 2
    assert b"--max-pictures" in done.stderr


@pytest.mark.parametrize(
    ("changes", "body", "status", "kind"),
    [
        ({"max_correction_bytes": 10}, {}, 422, "invalid-value"),
        ({"max_correction_pixels": 10}, {}, 422, "invalid-value"),
        ({"max_strokes_bytes": 10}, {"strokes": [[1, 2, 3]] * 10}, 422, "invalid-value"),
        ({"max_prediction_bytes": 10}, {"prediction": {"text": "1234567890"}}, 422, "invalid-value"),
        ({"max_json_bytes": 10}, {}, 413, "body-too-large"),
        ({"max_corrections_bytes": 8192}, {}, 507, "storage-failed"),
    ],
)
def test_limits_of_corrections(
    changes: dict[str, int],
    body: dict[str, Any],
    status: int,
    kind: str,
    predictor: Predictor,
    tmp_path: Path,
) -> None:
    limits = Limits(**changes)  # type: ignore[arg-type]
    with running(create_app(predictor, corrections=tmp_path / "c", limits=limits)) as client:
        answer = client.post("/api/corrections", json=correction() | body)
        assert (answer.status_code, kind_of(answer)) == (status, kind)
        assert client.get("/api/corrections").json()["total"] == 0


def correction() -> dict[str, Any]:
    return {
        "picture": base64.b64encode(PICTURE).decode(),
        "strokes": None,
        "prediction": {},
        "label": "7",
        "model_sha256": "0" * 64,
        "kept_with_consent": True,
    }


def test_limits_of_the_headers_reach_the_server(predictor: Predictor, tmp_path: Path) -> None:
    limits = Limits(max_head_seconds=0.2, max_head_bytes=1000)
    app = create_app(predictor, corrections=tmp_path / "c", limits=limits)
    with running(app) as client, connect(client) as slow, connect(client) as long:
        long.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 5000)
        assert receive_all(long)[:13] in (b"", b"HTTP/1.1 400 ")
        slow.settimeout(3)  # the default limit is longer
        assert slow.recv(1) == b""
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("name", ["compose.yml", "Caddyfile", "README.md"])
def test_deploy_names_only_variables_that_exist(name: str) -> None:
    known = {environment_variable(each) for each in ("token", *LIMIT_NAMES)}
    used = set(re.findall(r"NUMBER_PREDICTION_[A-Z_]+", (DEPLOY / name).read_text()))
    assert used
    assert used <= known
