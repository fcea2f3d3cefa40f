"""Why a photograph of the page has its score: computed when asked, one at a time, off the loop."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ilgnet.errors import IlgnetError
from ilgnet.explanation.frames import why_frames_lost
from ilgnet.explanation.panel import panel_for
from ilgnet.library.choosing.bursts import order_best_first
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.report.rows import json_bytes, shown
from ilgnet.scoring import Scorer
from ilgnet.serve.api import PROBLEMS
from ilgnet.serve.guard import Refusal
from ilgnet.serve.session import Session

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    **{code: PROBLEMS[code] for code in (400, 401, 403, 421)},
    404: {**PROBLEMS[400], "description": "There is no such photograph here."},
    409: {**PROBLEMS[400], "description": "Another model gave the score than the one loaded."},
}


def why_routes(session: Session, scorer: Scorer) -> APIRouter:
    """The route below /v1/library that explains.

    Args:
        session: the library that is open.
        scorer: the model of the service; only what it has scored itself can it explain.
    """
    routes = APIRouter(prefix="/v1/library", tags=["library"], responses=_RESPONSES)
    turn = asyncio.Lock()  # an explanation runs the model a hundred times: scoring goes on beside

    @routes.get("/photographs/{id}/why", summary="Why a photograph has its score")
    async def why(id: str, request: Request) -> Response:
        """Sentences, readings and a map to lay over it; within a burst why it is not the best."""
        photo = session.find(id)
        if photo is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such photograph here")
        if photo.verdict.model != scorer.weights.name:
            raise Refusal(
                HTTPStatus.CONFLICT,
                f"{photo.verdict.model} gave this score, and {scorer.weights.name} is loaded: "
                "start ilgnet serve with --model to name the one to ask",
            )
        async with turn:
            if await request.is_disconnected():  # who has gone on needs it no more
                raise ClientDisconnect
            try:
                answer = await run_in_threadpool(_explained, session, scorer, photo)
            except IlgnetError as error:
                raise Refusal(HTTPStatus.BAD_REQUEST, shown(str(error))) from error
        return Response(
            json_bytes(answer), media_type="application/json", headers={"Cache-Control": "no-store"}
        )

    return routes


def _explained(session: Session, scorer: Scorer, photo: Photograph) -> dict[str, Any]:
    panel = panel_for(scorer, str(photo.path), photo.path)
    if panel is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "the file cannot be read now: is its disk connected?")
    best = _best_of_burst(session, photo)
    lost = None
    if best is not None:
        (frame,) = why_frames_lost([(best, photo)], threads=1)
        lost = {"best": shown(best.name), "behind": round(frame.behind, 2), "words": frame.words}
    return {**panel.to_json(), "lost": lost}


def _best_of_burst(session: Session, photo: Photograph) -> Photograph | None:
    """The best frame of a photograph's burst; None where it is that itself, or stands alone."""
    if photo.burst is None:
        return None
    frames = [each for each in session.photographs if each.burst == photo.burst]
    best = order_best_first(frames)[0]
    return None if best.path == photo.path else best
