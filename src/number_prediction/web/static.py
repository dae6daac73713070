"""The static files of the page, with media types that do not depend on the machine."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from number_prediction.web.problems import DOCUMENTATION, Problem

PAGE = Path(__file__).with_name("page")
"""Folder of the page in the package."""
ONNX_MEDIA_TYPE = "application/octet-stream"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".onnx": ONNX_MEDIA_TYPE,
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
"""Suffix -> media type; Python's own table differs between machines, and is not changed."""
_OPTIONAL_PATHS = {
    "/api/number": "the server was started without a model for numbers",
    "/api/page": "the server was started without a model for numbers",
    "/api/form": "start the server with --form TEMPLATE.json and a model for numbers",
}
"""Paths that only some servers have -> why this one lacks it."""


class PageFiles(StaticFiles):
    """Static files whose media types come from _MEDIA_TYPES."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with a file, or with 304 if the browser has it already."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        media_type = _MEDIA_TYPES.get(PurePath(full_path).suffix.lower())
        if media_type and "content-type" in response.headers:
            response.headers["content-type"] = media_type
        return response


class Unrouted:
    """ASGI application for all paths without a route: files of the page, and a problem below /api/.

    It is the router's default application. As a mount it would match before a wrong method could be reported.
    """

    def __init__(self, page: Path) -> None:
        self._files = PageFiles(directory=page, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file; raise Problem if there is none."""
        path = scope["path"]
        if path in _OPTIONAL_PATHS:
            raise Problem("not-found", f"this server has no {path}: {_OPTIONAL_PATHS[path]}")
        if path.startswith("/api/"):
            raise Problem("not-found", f"there is no {path}; see {DOCUMENTATION} for the paths")
        await self._files(scope, receive, send)
