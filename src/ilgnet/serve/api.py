"""Version 1 of the API: pictures in, rows out. The rows are those of `ilgnet score --json`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from ilgnet.report.rows import best_first, json_bytes, row, with_run_percentiles
from ilgnet.serve.counters import Metrics
from ilgnet.serve.guard import Refusal
from ilgnet.serve.queue import QueueFull, ScoringQueue
from ilgnet.serve.settings import Limits
from ilgnet.values import Failure, ImageRef, Outcome

NDJSON: Final = "application/x-ndjson"
_NAME_OF_RAW: Final = "picture"


class ErrorOut(BaseModel):
    """Why a picture has no score."""

    code: str = Field(description="One of a few words for programs, such as truncated.")
    message: str = Field(description="What happened, for people.")


class RowOut(BaseModel):
    """One picture: a score, or an error; the other fields are then null."""

    path: str = Field(description="The name under which the picture was sent.")
    score: float | None = Field(ge=1, le=10, description="Mean vote, on AVA's scale.")
    std: float | None = Field(description="Standard deviation of the votes.")
    p_high: float | None = Field(description="Probability that the mean vote exceeds 5.")
    verdict: Literal["high", "low"] | None
    percentile: float | None = Field(description="Share of AVA's pictures that score lower, 0-100.")
    run_percentile: float | None = Field(description="Share of this request's, 0-100.")
    votes: list[float] | None = Field(description="Ten probabilities, for votes 1 to 10.")
    width: int | None
    height: int | None
    model: str | None
    preprocess: str | None = Field(description="Fingerprint of the preprocessing.")
    technical: float | None = Field(description="For frames of one scene; null: not told.")
    error: ErrorOut | None


class RowsOut(BaseModel):
    """The pictures of a request, in the order in which they were sent, or best first."""

    rows: list[RowOut]


class ProblemOut(BaseModel):
    """Why a request was not carried out."""

    detail: str


def _problem(words: str) -> dict[str, Any]:
    return {"model": ProblemOut, "description": words}


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: _problem("The body is not what its content type says."),
    401: _problem("No key, or another one."),
    403: _problem("A page from elsewhere asks."),
    408: _problem("The body did not arrive in time."),
    413: _problem("More bytes or pictures than one request may have."),
    421: _problem("The service is called by a name that is not its own."),
    429: _problem("Too many pictures are waiting; Retry-After says when to ask again."),
    503: _problem("No answer in time, or the service is going down."),
}

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "One encoded picture as it is, or many as files of a form.",
        "content": {
            "application/octet-stream": _BINARY,
            "image/*": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["pictures"],
                    "properties": {
                        "pictures": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            },
        },
    }
}


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes share."""

    queue: ScoringQueue
    limits: Limits
    metrics: Metrics


def api_routes(service: Service) -> APIRouter:
    """The routes below /v1 that score."""
    routes = APIRouter(prefix="/v1", tags=["score"], responses=PROBLEMS)

    @routes.post(
        "/score",
        response_model=RowsOut,
        openapi_extra=_BODY,
        responses={
            200: {"description": "A row for every picture.", "content": {NDJSON: {}}},
            422: {"model": RowsOut, "description": "One picture was sent, and it has no score."},
        },
        summary="Score pictures",
    )
    async def score(request: Request) -> Response:
        """Score one picture (the raw body) or many (files of a form): a row for each.

        With `Accept: application/x-ndjson` rows are sent one a line as they are scored.
        """
        images = await _images(request, service.limits)
        answers = _submit(service, images)
        if NDJSON in request.headers.get("accept", ""):
            return StreamingResponse(_lines(service, images, answers), media_type=NDJSON)
        outcomes = await _outcomes(request, service, images, answers)
        alone = len(outcomes) == 1 and not _is_form(request)
        failed = alone and isinstance(outcomes[0], Failure)
        return _rows(outcomes, HTTPStatus.UNPROCESSABLE_ENTITY if failed else HTTPStatus.OK)

    @routes.post(
        "/rank",
        response_model=RowsOut,
        openapi_extra=_BODY,
        responses={200: {"description": "The rows, best first."}},
        summary="Order pictures, best first",
    )
    async def rank(
        request: Request,
        top: Annotated[int | None, Query(ge=1, le=1_000_000, description="So many best.")] = None,
    ) -> Response:
        """Score pictures and give them back best first; what has no score comes last."""
        images = await _images(request, service.limits)
        outcomes = await _outcomes(request, service, images, _submit(service, images))
        ranked = best_first(with_run_percentiles(outcomes))
        scored = [outcome for outcome in ranked if not isinstance(outcome, Failure)]
        failed = [outcome for outcome in ranked if isinstance(outcome, Failure)]
        return _rows([*scored[:top], *failed])

    return routes


def _rows(outcomes: Sequence[Outcome], status: HTTPStatus = HTTPStatus.OK) -> Response:
    rows = [row(outcome) for outcome in with_run_percentiles(outcomes)]
    return Response(json_bytes({"rows": rows}), status, media_type="application/json")


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def _images(request: Request, limits: Limits) -> list[ImageRef]:
    """The pictures of a request, by the names that it gives them."""
    if not _is_form(request):
        body = await request.body()
        _check_length(len(body), limits)
        return [ImageRef(_NAME_OF_RAW, body)]
    try:
        async with request.form(
            max_files=limits.pictures + 1, max_fields=1, max_part_size=1
        ) as form:
            given = [value for value in form.getlist("pictures") if isinstance(value, UploadFile)]
            if len(given) > limits.pictures:
                raise _too_many(limits)
            images = []
            for place, file in enumerate(given):
                _check_length(file.size or 0, limits)
                images.append(ImageRef(file.filename or f"picture-{place}", await file.read()))
    except MultiPartException as error:
        raise _not_a_form(error.message, limits) from error
    except Exception as error:  # Starlette turns the parser's own into its HTTPException
        if getattr(error, "status_code", None) == HTTPStatus.BAD_REQUEST:
            raise _not_a_form(str(getattr(error, "detail", "")), limits) from error
        raise
    if not images:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, "the form has no file called 'pictures'; send at least one"
        )
    return images


def _not_a_form(words: str, limits: Limits) -> Refusal:
    if "Too many files" in words:
        return _too_many(limits)
    return Refusal(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {words}")


def _too_many(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a request has at most {limits.pictures} pictures; send the others in another",
    )


def _check_length(length: int, limits: Limits) -> None:
    if length > limits.picture_bytes:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"a picture has at most {limits.picture_bytes:,} bytes, this one has {length:,}",
        )


Answers = list[asyncio.Future[Outcome]]


def _submit(service: Service, images: Sequence[ImageRef]) -> Answers:
    try:
        return service.queue.submit(images)
    except QueueFull as error:
        service.metrics.note_refused(len(images))
        raise Refusal(
            HTTPStatus.TOO_MANY_REQUESTS, str(error), Retry_After=str(error.seconds)
        ) from error


async def _outcomes(
    request: Request, service: Service, images: Sequence[ImageRef], answers: Answers
) -> list[Outcome]:
    """All outcomes, unless the caller leaves or the time is over."""
    leaving = asyncio.create_task(_left(request))
    waiting = asyncio.gather(*answers)
    either: list[asyncio.Future[Any]] = [leaving, waiting]
    allowed = service.limits.answer_seconds * len(images)
    try:
        done, _ = await asyncio.wait(either, timeout=allowed, return_when=asyncio.FIRST_COMPLETED)
        if waiting in done:
            outcomes = list(waiting.result())
            for outcome in outcomes:
                service.metrics.note_outcome(outcome)
            return outcomes
        words = "the caller has left" if leaving in done else f"not done within {allowed:g} s"
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, words, Retry_After="5")
    finally:
        leaving.cancel()
        waiting.cancel()  # what still waits is passed over


async def _left(request: Request) -> None:
    """Returns when the caller is gone; all that comes after the body is the news of that."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _lines(
    service: Service, images: Sequence[ImageRef], answers: Answers
) -> AsyncIterator[bytes]:
    """Rows in order, each as soon as it and those before it are there."""
    try:
        for image, answer in zip(images, answers, strict=True):
            try:
                async with asyncio.timeout(service.limits.answer_seconds * len(images)):
                    outcome = await answer
            except TimeoutError:
                outcome = Failure(image.id, "io_error", "it was not scored in time")
            service.metrics.note_outcome(outcome)
            yield json_bytes(row(outcome)) + b"\n"
    finally:
        for answer in answers:
            answer.cancel()


def problem_response(refusal: Refusal) -> JSONResponse:
    """A refusal that a route raises."""
    return JSONResponse({"detail": refusal.reason}, refusal.status, refusal.headers)
