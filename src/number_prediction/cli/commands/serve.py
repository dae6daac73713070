"""The command that answers over HTTP: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import extra, say
from number_prediction.cli.options import ThreadsOption
from number_prediction.machine import usable_cores


def serve(
    model: Annotated[
        Path | None,
        typer.Option(metavar="RUN|MODEL.onnx", help="What reads.", show_default="the model in the package"),
    ] = None,
    form: Annotated[
        Path | None,
        typer.Option(metavar="TEMPLATE.json", help="Form whose sheets /api/form reads.", show_default="none"),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Page to serve, such as the offline app of `make offline-app`, which reads in the browser.",
            show_default="the page in the package; the server reads",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="To listen at; 0.0.0.0 for every network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 8000,
    corrections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where corrections are kept that somebody asks to keep.",
            show_default="in the user's data folder",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="NUMBER_PREDICTION_TOKEN",
            help="What clients of the API must send as Authorization: Bearer TOKEN.",
            show_default="nothing",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Another web site whose pages may use the API; may be repeated."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name that the server answers to; may be repeated.",
            show_default="localhost where ADDRESS is loopback, else any",
        ),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Serve the web page and the REST API; prints their address.

    The API is documented at /docs. Ctrl-C or SIGTERM ends it when all requests are answered.
    """
    with extra("web"):
        from number_prediction.web import server
        from number_prediction.web.app import PAGE, create_app
        from number_prediction.web.middleware.access import LOOPBACK_NAMES, Access, is_loopback
    from number_prediction.digits.predictor import Predictor
    from number_prediction.forms.template import load_form
    from number_prediction.numbers.predictor import NumberPredictor
    from number_prediction.web.corrections.store import default_path

    if page is not None and not (page / "index.html").is_file():
        raise typer.BadParameter(
            f"{page} holds no index.html; make offline-app builds build/offline", param_hint="--page"
        )
    hosts = tuple(name.lower() for name in allow_host or ())
    if is_loopback(host):
        hosts += LOOPBACK_NAMES
    elif not token:
        say("warning: everybody who reaches this address may use it; --token asks for a token")
    count = threads or usable_cores()
    app = create_app(
        Predictor(model, threads=1),
        numbers=NumberPredictor(threads=1),
        form=None if form is None else load_form(form),
        corrections=corrections or default_path(),
        page=page or PAGE,
        access=Access(hosts=hosts or None, origins=tuple(allow_origin or ()), token=token or None),
        threads=count,
    )
    listener = server.listen(host, port)
    address = f"[{host}]" if ":" in host else host
    print(f"http://{address}:{listener.getsockname()[1]}", flush=True)
    server.serve(app, listener)
