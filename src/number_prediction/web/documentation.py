"""The OpenAPI document of the API, and an HTML page of it that needs no script and no other server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from number_prediction.web.problems import PROBLEMS, ProblemDetails, documented

OPENAPI_PATH = "/openapi.json"
_EVERYWHERE = ("foreign-origin", "body-too-slow", "body-too-large", "unknown-host", "overloaded")
"""Problems that can occur before a route is chosen."""
BINARY = {"type": "string", "format": "binary"}
"""Schema of a file."""
_REFERENCE = "#/components/schemas/{model}"
_GENERATED_ERRORS = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI, *, has_token: bool, protected: tuple[str, ...]) -> dict[str, Any]:
    """Return the OpenAPI document of an app, with the problems of each route and the token, if any."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        routes=app.routes,
        license_info={"name": "MIT"},
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _GENERATED_ERRORS:  # FastAPI's own schemas: this server answers with problem details instead
        schemas.pop(name, None)
    problem = ProblemDetails.model_json_schema(ref_template=_REFERENCE)
    schemas.update(problem.pop("$defs"))
    schemas[ProblemDetails.__name__] = problem
    if has_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, _, operation in _operations(document):
        needs_token = has_token and path.startswith(protected)
        if needs_token:
            operation["security"] = [{"token": []}]
        responses = operation["responses"]
        if _GENERATED_ERRORS[0] in str(responses.get("422")):
            del responses["422"]
        for status, answer in documented(*_EVERYWHERE, *(["unauthorized"] if needs_token else [])).items():
            responses.setdefault(str(status), answer)
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def render_documentation(document: Mapping[str, Any]) -> str:
    """Render the document as HTML; each kind of problem has an anchor."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width"><meta name=color-scheme content="light dark">',
        f"<title>{escape(info['title'])}: API</title><main>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f'<p>{escape(info["summary"])}. For programs: the <a href="{OPENAPI_PATH}">OpenAPI document</a>.</p>',
    ]
    for path, method, operation in _operations(document):
        parts += [f"<h2><code>{method.upper()} {escape(path)}</code></h2>", *_render_operation(operation)]
    parts.append("<h2>Problems</h2><p>Each error is answered with problem details (RFC 9457):</p><dl>")
    for kind, (status, title) in PROBLEMS.items():
        parts.append(f'<dt id="{kind}"><code>{kind}</code> ({status})<dd>{escape(title)}')
    parts.append("</dl></main></html>")
    return "\n".join(parts)


def _render_operation(operation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the HTML of one operation: what it does, accepts and answers."""
    yield f"<p>{escape(operation.get('description', operation['summary']))}</p>"
    accepted = operation.get("requestBody", {}).get("content", {})
    if accepted:
        yield f"<p>Accepts {escape(', '.join(accepted))}.</p>"
    for parameter in operation.get("parameters", []):
        text = f": {escape(parameter['description'])}" if "description" in parameter else ""
        yield f"<p><code>{escape(parameter['name'])}</code>, {parameter['in']} parameter{text}</p>"
    yield "<ul>"
    for status, answer in sorted(operation["responses"].items()):
        yield f"<li>{status}: {escape(answer['description'])}"
    yield "</ul>"
