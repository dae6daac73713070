"""Write the reference of the HTTP API as Markdown, from the OpenAPI document of a server.

    python scripts/make_http.py FILE

The documentation site calls `render` at each build.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from number_prediction import NumberPredictor, Predictor, load_form
from number_prediction.web.app import create_app

FORM = Path(__file__).parents[1] / "docs" / "form" / "form.json"


def main() -> None:
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")


def render() -> str:
    """Every route with its parameters, bodies and answers; then every schema."""
    document = fetch_document()
    parts = ["# Routes and schemas\n\nWhich routes does the server have, and what do they take and return?\n"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += describe_operation(path, method, operation)
    parts.append("## Schemas\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts += describe_schema(name, schema)
    return "\n".join(parts)


def fetch_document() -> dict[str, Any]:
    """The OpenAPI document of a server that has every route."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            Predictor(),
            numbers=NumberPredictor(),
            form=load_form(FORM),
            corrections=Path(folder) / "corrections.db",
        )
        return asyncio.run(ask(app, "/openapi.json"))


async def ask(app: FastAPI, path: str) -> dict[str, Any]:
    """What a running server would answer."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get(path)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def describe_operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`\n"
    yield operation.get("description", operation["summary"]) + "\n"
    parameters = operation.get("parameters", [])
    if parameters:
        yield from table(
            ("parameter", "in", "meaning"),
            ((f"`{each['name']}`", each["in"], each.get("description", "")) for each in parameters),
        )
    bodies = operation.get("requestBody", {}).get("content", {})
    if bodies:
        yield f"Body: {', '.join(f'`{media_type}`' for media_type in bodies)}.\n"
    yield from table(
        ("status", "meaning", "content"),
        (
            (status, answer["description"], contents_of(answer))
            for status, answer in sorted(operation["responses"].items())
        ),
    )


def contents_of(answer: Mapping[str, Any]) -> str:
    """The schemas of an answer, or its media types where they have none."""
    kinds = answer.get("content", {})
    names = [kind_of(each["schema"]) for each in kinds.values() if "$ref" in each.get("schema", {})]
    return ", ".join(dict.fromkeys(names)) or ", ".join(f"`{kind}`" for kind in kinds)


def describe_schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if schema.get("description"):
        yield " ".join(schema["description"].split()) + "\n"
    required = schema.get("required", [])
    if "properties" in schema:
        yield from table(
            ("field", "type", "meaning"),
            (
                (
                    f"`{field}`" + ("" if field in required else " (optional)"),
                    kind_of(details),
                    details.get("description", ""),
                )
                for field, details in schema["properties"].items()
            ),
        )
    elif "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"


def kind_of(details: Mapping[str, Any]) -> str:
    """The type of a value, in words; schemas are links."""
    if "$ref" in details:
        name = details["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in details:
        return " or ".join(map(kind_of, details["anyOf"]))
    if details.get("type") == "array":
        return f"list of {kind_of(details['items'])}" if "items" in details else "list"
    if "enum" in details:
        return "one of " + ", ".join(f"`{value}`" for value in details["enum"])
    return str(details.get("type", "any"))


def table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table."""
    lines = [headings, ("---",) * len(headings), *rows]
    yield (
        "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
        + "\n"
    )


if __name__ == "__main__":
    main()
