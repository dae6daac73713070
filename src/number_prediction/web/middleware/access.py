"""Access rules: host name, origin and token of a request, and the headers that restrict the browser.

A page of any web site can send requests to a server on the visitor's own machine, and can give that machine a
host name (DNS rebinding). Therefore a server on a loopback address accepts only the names of loopback, and
refuses pages of other origins unless they are allowed.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from number_prediction.web.problems import Problem, note_problem

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
PROTECTED = ("/api/", "/models/", "/metrics")
"""Prefixes of the paths that need the token; page, documentation and probes do not need it."""
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",  # ONNX Runtime in the browser is WebAssembly
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True)
class Access:
    """Who may use the server."""

    hosts: tuple[str, ...] | None = LOOPBACK_NAMES
    """Host names and addresses, without port, that the server accepts; None accepts any."""
    origins: tuple[str, ...] = ()
    """Other origins whose pages may use the API, such as https://example.org."""
    token: str | None = None
    """Token that clients must send as `Authorization: Bearer TOKEN`; None if none is required."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AccessRules:
    """ASGI middleware: refuse requests that break the rules, and add the headers that restrict browsers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it; every answer gets the security headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        is_allowed_origin = origin in self._access.origins

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.update(SECURITY_HEADERS)
                is_private = scope["path"].startswith("/api/")
                answer.setdefault("Cache-Control", "no-store" if is_private else "no-cache")
                if self._access.origins:
                    answer.add_vary_header("Origin")
                if origin is not None and is_allowed_origin:
                    answer["Access-Control-Allow-Origin"] = origin
                else:
                    answer["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        problem = self._find_problem(scope["path"], headers, needs_token=not is_preflight)
        if problem is not None:
            await note_problem(scope, problem)(scope, receive, send_with_headers)
        elif is_preflight and is_allowed_origin:
            await Response(status_code=204, headers=_PREFLIGHT_HEADERS)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _find_problem(self, path: str, headers: Headers, *, needs_token: bool) -> Problem | None:
        access = self._access
        host = headers.get("host", "").lower()
        if access.hosts is not None and _without_port(host) not in access.hosts:
            names = ", ".join(access.hosts)
            return Problem(
                "unknown-host", f"the host name is {host!r}; use {names}, or allow it in the server"
            )
        origin = headers.get("origin")
        if origin is not None and origin not in access.origins and not _is_same_site(origin, host):
            return Problem(
                "foreign-origin", f"the page comes from {origin!r}; allow this origin in the server"
            )
        if access.token is not None and needs_token and path.startswith(PROTECTED):
            given = headers.get("authorization", "").encode("latin-1")
            if not secrets.compare_digest(given, f"Bearer {access.token}".encode()):
                return Problem(
                    "unauthorized",
                    "send the header Authorization: Bearer TOKEN",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        return None


def _without_port(host: str) -> str:
    """Return the name in a Host header; an IPv6 address loses its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def _is_same_site(origin: str, host: str) -> bool:
    """Whether the page comes from this server; the scheme may differ behind a proxy."""
    try:
        return urlsplit(origin).netloc.lower() == host != ""
    except ValueError:
        return False
