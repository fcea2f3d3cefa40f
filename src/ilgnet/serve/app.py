"""The application: routes behind the guard, over one queue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from ilgnet.scoring import load
from ilgnet.serve.api import PROBLEMS, Service, api_routes, problem_response
from ilgnet.serve.counters import Metrics
from ilgnet.serve.guard import Guard, Refusal
from ilgnet.serve.page import add_page
from ilgnet.serve.page_api import page_routes
from ilgnet.serve.queue import ScoringQueue
from ilgnet.serve.session import Session
from ilgnet.serve.settings import Settings
from ilgnet.serve.views import Views
from ilgnet.serve.why_api import why_routes

LEFT = 499
"""The caller closed the connection before there was an answer (a convention; nobody sees it)."""

_ABOUT = """Scores photographs for their aesthetic quality, on AVA's scale of 1 to 10.

Nothing that is sent is kept, and no address is ever fetched. A picture that cannot be read has a
row with the reason."""


class HealthOut(BaseModel):
    """The service is there."""

    status: str


class ReadyOut(BaseModel):
    """The service takes pictures."""

    status: str
    model: str
    waiting: int


def create_app(settings: Settings, session: Session | None = None) -> FastAPI:
    """The service as an ASGI application; loads the model.

    Args:
        settings: how it runs.
        session: the library that is open in the page; None for the API alone.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    limits = settings.limits
    queue = ScoringQueue(
        load(settings.model, threads=settings.threads), limits.queue, limits.picture_pixels
    )
    metrics = Metrics(lambda: len(queue))
    views = None if session is None else Views(queue.scorer.threads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if session is not None:
            session.close()
        if views is not None:
            views.close()
        queue.close()  # after the last answer was sent: what was taken is finished

    app = FastAPI(
        title="ILGNet",
        version=version("ilgnet"),
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.add_middleware(Guard, settings.access, settings.limits, metrics)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _left)
    app.include_router(api_routes(Service(queue, settings.limits, metrics)))
    _add_operation(app, queue, metrics)
    if session is not None and views is not None:
        app.include_router(page_routes(session, views))
        app.include_router(why_routes(session, queue.scorer))
        add_page(app, settings.access.page)
    return app


def _add_operation(app: FastAPI, queue: ScoringQueue, metrics: Metrics) -> None:
    """What those ask who keep the service running."""

    @app.get("/healthz", response_model=HealthOut, tags=["operation"], summary="Is it there?")
    async def healthz() -> HealthOut:
        return HealthOut(status="ok")

    @app.get(
        "/readyz",
        response_model=ReadyOut,
        responses={503: PROBLEMS[503]},
        tags=["operation"],
        summary="Does it take pictures?",
    )
    async def readyz() -> ReadyOut:
        if len(queue) >= queue.limit:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the queue is full", Retry_After="1")
        return ReadyOut(status="ready", model=queue.scorer.weights.name, waiting=len(queue))

    @app.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={code: PROBLEMS[code] for code in (401, 403, 421)},
        tags=["operation"],
        summary="Counts for Prometheus",
    )
    async def metrics_text() -> PlainTextResponse:
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem_response(error)


async def _invalid(_: Request, error: Exception) -> Response:
    """A parameter that is not what it should be, in the form that all refusals have."""
    assert isinstance(error, RequestValidationError)
    words = "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
    )
    return JSONResponse({"detail": words}, HTTPStatus.BAD_REQUEST)


async def _left(_: Request, __: Exception) -> Response:
    return Response(status_code=LEFT)
