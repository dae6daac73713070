"""Loaded models -> an ASGI application: the page, the API, and the middleware around both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from number_prediction import __version__
from number_prediction.digits.predictor import Predictor
from number_prediction.forms.template import FormTemplate
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.web.corrections.routes import correction_routes
from number_prediction.web.corrections.store import CorrectionStore
from number_prediction.web.limits import Limits
from number_prediction.web.metrics import Metrics
from number_prediction.web.middleware.access import Access, AccessRules
from number_prediction.web.middleware.bodies import BodyLimits
from number_prediction.web.middleware.observation import Observation
from number_prediction.web.problems import install_handlers
from number_prediction.web.queue import ReadingQueue
from number_prediction.web.readiness import Readiness
from number_prediction.web.routes import add_documentation, add_model, add_probes, add_service, make_queue
from number_prediction.web.services import services_of
from number_prediction.web.static import Unrouted


def create_app(
    predictor: Predictor,
    *,
    numbers: NumberPredictor | None = None,
    form: FormTemplate | None = None,
    corrections: Path,
    page: Path | None = None,
    limits: Limits | None = None,
    access: Access | None = None,
    threads: int = 2,
) -> FastAPI:
    """Create the web application.

    Args:
        predictor: reads digits.
        numbers: reads numbers; without it, /api/number and /api/page do not exist.
        form: template of the sheets that /api/form reads; needs `numbers`.
        corrections: SQLite file of the corrections, created with the first one.
        page: folder of static files with an index.html, served at /.
        limits: largest, slowest and most that the server accepts.
        access: who may use the server; by default only this machine.
        threads: number of batches that are read at the same time.

    Raises:
        DataError: `corrections` exists and is another kind of file.
    """
    limits, access = limits or Limits(), access or Access()
    services = services_of(predictor, numbers, form)
    store = CorrectionStore(corrections, max_bytes=limits.max_corrections_bytes)
    counters = Metrics(model.sha256 for model in (predictor, numbers) if model is not None)
    queue = make_queue(limits, counters, threads)
    app = _make_app(queue, store)
    app.state.limits = limits  # the server needs them too
    for path, service in services.items():
        add_service(app, path, service, queue, limits)
    add_model(app, predictor, numbers)
    app.include_router(correction_routes(store, limits))
    add_probes(app, Readiness(predictor, numbers), counters)
    add_documentation(app, has_token=access.token is not None)
    if page is not None:
        app.router.default = Unrouted(page)
    app.add_middleware(AccessRules, access=access)  # the last middleware added is the outermost
    app.add_middleware(BodyLimits, limits=limits, picture_paths=frozenset(services))
    app.add_middleware(Observation, metrics=counters)
    return app


def _make_app(queue: ReadingQueue, store: CorrectionStore) -> FastAPI:
    """Create an application without routes that closes the queue and the store when it stops."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(queue.close)
        store.close()

    app = FastAPI(
        title="number_prediction",
        summary="Reads handwritten digits and numbers from pictures",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
    )
    install_handlers(app)
    return app
