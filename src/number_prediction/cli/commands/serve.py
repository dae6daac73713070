"""The command that answers over HTTP: serve."""

from __future__ import annotations

from dataclasses import Field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from number_prediction.cli.console import extra, say
from number_prediction.cli.option_groups import spread_groups
from number_prediction.cli.options import Size, SizeOption, ThreadsOption
from number_prediction.machine import usable_cores
from number_prediction.web.limits import Limits, environment_variable

if TYPE_CHECKING:
    from number_prediction.web.middleware.access import Access


def _limit_option(limit: Field[Any], kind: Any) -> Any:
    """The option of a field of Limits."""
    option = typer.Option(
        min=limit.metadata["min"],
        metavar="N",
        envvar=environment_variable(limit.name),
        help=limit.metadata["help"],
    )
    return Annotated[kind, option]


_ModelOption = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN|MODEL.onnx", help="Model that reads digits.", show_default="the packaged model"
    ),
]
_FormOption = Annotated[
    Path | None,
    typer.Option(metavar="TEMPLATE.json", help="Form whose sheets /api/form reads.", show_default="none"),
]
_PageOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Web page to serve, such as the offline app from `make offline-app`.",
        show_default="the packaged page",
    ),
]
_HostOption = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all networks.")
]
_PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")]
_CorrectionsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="SQLite file for the corrections that users agree to keep.",
        show_default="a file in your data folder",
    ),
]
_TokenOption = Annotated[
    str | None,
    typer.Option(
        envvar=environment_variable("token"),
        help="Require the header Authorization: Bearer TOKEN for the API.",
        show_default="no token",
    ),
]
_AllowOriginOption = Annotated[
    list[str] | None,
    typer.Option(metavar="URL", help="Let pages of this origin use the API; repeatable."),
]
_AllowHostOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Accept this name in the Host header; repeatable.",
        show_default="localhost on a loopback address, else any",
    ),
]


@partial(spread_groups, annotate=_limit_option)
def serve(
    *,
    model: _ModelOption = None,
    size: SizeOption = Size.base,
    form: _FormOption = None,
    page: _PageOption = None,
    host: _HostOption = "127.0.0.1",
    port: _PortOption = 8000,
    corrections: _CorrectionsOption = None,
    token: _TokenOption = None,
    allow_origin: _AllowOriginOption = None,
    allow_host: _AllowHostOption = None,
    threads: ThreadsOption = None,
    limits: Limits,
) -> None:
    """Serve the web page and the REST API, and print their address.

    The API is documented at /docs. Ctrl-C or SIGTERM stops the server after it has answered all requests.
    """
    with extra("web"):
        from number_prediction.web import server
        from number_prediction.web.app import create_app
        from number_prediction.web.middleware.observation import log_to_stderr
        from number_prediction.web.static import PAGE
    from number_prediction.digits.predictor import Predictor
    from number_prediction.forms.template import load_form
    from number_prediction.numbers.predictor import NumberPredictor
    from number_prediction.web.corrections.store import default_path

    if page is not None and not (page / "index.html").is_file():
        raise typer.BadParameter(
            f"{page} contains no index.html; run make offline-app and give build/offline", param_hint="--page"
        )
    app = create_app(
        Predictor(model, threads=1),
        numbers=NumberPredictor(size=size.value, threads=1),
        form=None if form is None else load_form(form),
        corrections=corrections or default_path(),
        page=page or PAGE,
        limits=limits,
        access=_make_access(host, allow_host or [], allow_origin or [], token),
        threads=threads or usable_cores(),
    )
    listener = server.listen(host, port)
    address = f"[{host}]" if ":" in host else host
    print(f"http://{address}:{listener.getsockname()[1]}", flush=True)
    log_to_stderr()
    server.serve(app, listener)


def _make_access(host: str, hosts: list[str], origins: list[str], token: str | None) -> Access:
    """Return the access rules of a server; warn if everyone in the network may use it."""
    from number_prediction.web.middleware.access import LOOPBACK_NAMES, Access, is_loopback

    accepted = tuple(name.lower() for name in hosts)
    if is_loopback(host):
        accepted += LOOPBACK_NAMES
    elif not token:
        say("warning: everyone who can reach this address may use the server; require a token with --token")
    return Access(hosts=accepted or None, origins=tuple(origins), token=token or None)
