"""What the page asks: photographs as columns, views, choices, proposals, plans and jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from ilgnet.errors import IlgnetError, ImageError, ServiceError
from ilgnet.library.choosing.cull import DECISIONS, CullRule
from ilgnet.library.choosing.plan_transfers import TransferRule
from ilgnet.library.choosing.stars import StarRule
from ilgnet.library.open_library import Library
from ilgnet.library.photograph.opinion import Choice
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.proposals import Proposal
from ilgnet.library.sidecar.statements import read_statements
from ilgnet.report.rows import json_bytes, row, shown
from ilgnet.serve.api import PROBLEMS
from ilgnet.serve.file_ratings import rating_of
from ilgnet.serve.guard import Refusal
from ilgnet.serve.session import News, NotNow, Session, choices_to_json, first_steps, key
from ilgnet.serve.views import SIDES, Views, make_view

EVENTS: Final = "text/event-stream"
EVERY: Final = 0.4
"""Seconds between two looks at a job."""

FOREVER: Final = "private, max-age=31536000, immutable"
NEVER: Final = "no-store"
JPEGS: Final = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_SIDE_NAMES: Final = {"tile": SIDES[0], "pane": SIDES[1], "loupe": SIDES[2]}

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    **{code: PROBLEMS[code] for code in (400, 401, 403, 408, 413, 421)},
    404: {**PROBLEMS[400], "description": "There is no such photograph here."},
    409: {**PROBLEMS[400], "description": "Something else is at work, or has changed."},
    503: {**PROBLEMS[400], "description": "The catalogue cannot be written now; ask again."},
}

T = TypeVar("T")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChangeIn(_Strict):
    """What is new of what the person chose for one photograph; what is left out stays as it is."""

    id: str = Field(max_length=64)
    flag: Literal["pick", "reject"] | None = None
    stars: int | None = Field(default=None, ge=0, le=5)

    def news(self) -> News:
        """The same without the photograph."""
        given = self.model_dump(exclude_unset=True, exclude={"id"})
        return cast(News, given)


class ChangesIn(_Strict):
    """Choices that belong together and are undone together."""

    changes: list[ChangeIn] = Field(min_length=1, max_length=100_000)


class RuleIn(_Strict):
    """What is kept, as `ilgnet cull` says it."""

    unit: Literal["score", "percent", "count"] = "percent"
    keep: float = Field(default=20.0, ge=0, le=1e9)
    maybe: float = Field(default=30.0, ge=0, le=1e9)
    per: Literal["all", "day", "burst"] = "all"
    burst_limit: int | None = Field(default=None, ge=1, le=1_000_000)
    diverse: bool = False

    def rule(self) -> CullRule:
        """The same as the library takes it."""
        return CullRule(**self.model_dump())


class PlanIn(_Strict):
    """What is to be done with files."""

    action: Literal["move", "copy", "choices", "stars"]
    rule: RuleIn = RuleIn()
    only: list[Literal["keep", "maybe", "reject"]] = list(DECISIONS)
    by: Literal["run", "ava"] = "ava"


class NameIn(_Strict):
    """A plan that was shown, or a run."""

    name: str = Field(max_length=200)


def page_routes(session: Session, views: Views) -> APIRouter:
    """The routes below /v1/library."""
    routes = APIRouter(prefix="/v1/library", tags=["library"], responses=_RESPONSES)

    @routes.get("/state", summary="What is going on")
    async def state() -> Response:
        """The revision of the photographs, and the last job."""
        return _json(_state(session))

    @routes.get(
        "/events",
        summary="What is going on, as it goes on",
        response_class=Response,
        responses={200: {"content": {EVENTS: {}}}},
    )
    async def events() -> Response:
        """Server-sent events: a state now and whenever it changes, until no job runs any more."""
        return StreamingResponse(
            _events(session), media_type=EVENTS, headers={"Cache-Control": NEVER}
        )

    @routes.get("/photographs", summary="All photographs, as columns")
    async def photographs() -> Response:
        """One list a column, all of one length, in the order of the paths."""
        return await run_in_threadpool(lambda: _json(_columns(session)))

    @routes.get("/photographs/{id}", summary="All that is known of one photograph")
    async def photograph(id: str) -> Response:
        photo = _found(session, id)
        return await run_in_threadpool(lambda: _json(_details(photo)))

    @routes.get("/photographs/{id}/view", summary="A photograph at a size", response_class=Response)
    async def view(id: str, size: Literal["tile", "pane", "loupe"] = "tile") -> Response:
        """An upright sRGB JPEG; the address of a photograph's view never means another picture."""
        photo = _found(session, id)
        assert photo.sha256 is not None
        future = views.view(photo.sha256, photo.path, _SIDE_NAMES[size])
        try:
            jpeg = await asyncio.shield(asyncio.wrap_future(future))
        except ImageError as error:
            raise Refusal(HTTPStatus.NOT_FOUND, error.message) from error
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": FOREVER})

    @routes.get("/photographs/{id}/pixels", summary="Every pixel", response_class=Response)
    async def pixels(id: str) -> Response:
        """The JPEG file itself; of any other format its pixels, or a RAW file's preview."""
        photo = _found(session, id)
        if not photo.path.is_file():
            raise Refusal(HTTPStatus.NOT_FOUND, "the file is not there now: is its disk connected?")
        if photo.path.suffix.lower() in JPEGS:
            return FileResponse(
                photo.path, media_type="image/jpeg", headers={"Cache-Control": FOREVER}
            )
        try:
            jpeg = await run_in_threadpool(make_view, photo.path, None)
        except ImageError as error:
            raise Refusal(HTTPStatus.NOT_FOUND, error.message) from error
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": FOREVER})

    @routes.get("/ratings", summary="What photographs' files say")
    async def ratings() -> Response:
        """Id -> -1 for a reject, or 1 to 5 stars, as other programs left them; what is known yet.

        What was chosen here counts more: the page shows both as `cull` would take them.
        """
        return await run_in_threadpool(lambda: _json(_ratings(session)))

    @routes.get("/failures", summary="What has no score, and why")
    async def failures(
        start: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Response:
        """Some of them, in the order of their paths."""
        found = session.failures
        some = [
            {"path": shown(each.path), "code": each.code, "message": shown(each.message)}
            for each in found[start : start + limit]
        ]
        return _json({"count": len(found), "failures": some})

    @routes.post("/reload", summary="Read again what the catalogue and the folders hold")
    async def reload() -> Response:
        await _blocking(session.reload)
        return _json(_state(session))

    @routes.post("/choices", summary="Choose")
    async def choose(given: ChangesIn) -> Response:
        """Durable when it answers. Gives back every photograph that it is about, copies too."""
        changes = [(each.id, each.news()) for each in given.changes]
        return await _changed(session, lambda: session.choose(changes))

    @routes.post("/choices/undo", summary="Take the last choices back")
    async def undo_choice() -> Response:
        return await _changed(session, session.undo_choice)

    @routes.post("/choices/redo", summary="Make them again")
    async def redo_choice() -> Response:
        return await _changed(session, lambda: session.undo_choice(redo=True))

    @routes.post("/proposal", summary="What a rule would keep")
    async def proposal(given: RuleIn) -> Response:
        """Decisions with reasons; nothing is chosen and nothing done."""
        rule = _valid(given.rule)
        made = await _blocking(lambda: session.library().cull(rule))
        decisions = {
            key(each.photograph): [each.decision, shown(each.reason)] for each in made.decisions
        }
        return _json({"decisions": decisions, "problems": list(map(shown, made.problems))})

    @routes.post("/plan", summary="What would be done with files")
    async def plan(given: PlanIn) -> Response:
        """A plan with a name; just this plan is carried out by that name."""
        name, made = await _blocking(lambda: session.propose(_maker(given)))
        return _json(
            {
                "name": name,
                "count": len(made.plan.steps),
                "steps": [
                    {word: shown(text) for word, text in step.items()} for step in first_steps(made)
                ],
                "problems": list(map(shown, made.problems)),
                "bytes": getattr(made, "bytes", 0),
            }
        )

    @routes.post("/apply", summary="Carry out a plan")
    async def apply(given: NameIn) -> Response:
        return _json((await _blocking(lambda: session.apply(given.name))).to_json())

    @routes.post("/runs/undo", summary="Take a run back")
    async def undo_run(given: NameIn) -> Response:
        job = await _blocking(lambda: session.undo_run(given.name or None))
        return _json(job.to_json())

    @routes.post("/score", summary="Score what is new or changed")
    async def score() -> Response:
        return _json((await _blocking(session.score)).to_json())

    @routes.delete("/score", summary="Stop scoring", status_code=204)
    async def cancel() -> Response:
        session.cancel()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return routes


def _state(session: Session) -> dict[str, Any]:
    job = session.job
    return {
        "name": shown(session.name),
        "id": session.id,
        "revision": session.revision,
        "photographs": len(session.photographs),
        "failures": len(session.failures),
        "away": [
            {"folder": shown(folder), "photographs": count}
            for folder, count in session.away.items()
        ],
        "run": session.latest_run,
        "job": None if job is None else job.to_json(),
    }


async def _events(session: Session) -> AsyncIterator[bytes]:
    last = b""
    while True:
        job = session.job
        text = json_bytes(_state(session))
        if text != last:
            yield b"data: " + text + b"\n\n"
            last = text
        if job is None or job.state != "running" or session.is_closing:
            return
        await asyncio.sleep(EVERY)


def _ratings(session: Session) -> dict[str, Any]:
    complete = session.ratings.is_complete  # asked first: what comes meanwhile is not missed
    said = ((photo, session.ratings.of(photo.path)) for photo in session.photographs)
    ratings = {key(photo): rating for photo, rating in said if rating is not None}
    return {"complete": complete, "ratings": ratings}


def _columns(session: Session) -> dict[str, Any]:
    revision, photos = session.revision, session.photographs
    root = session.library().root
    choices = [photo.choice or Choice() for photo in photos]
    return {
        "library": session.id,
        "revision": revision,
        "id": [key(photo) for photo in photos],
        "name": [shown(photo.name) for photo in photos],
        "folder": [_folder(photo, root) for photo in photos],
        "score": [round(photo.score, 3) for photo in photos],
        "frame_score": [round(photo.frame_score, 3) for photo in photos],
        "percentile": [round(photo.verdict.percentile, 1) for photo in photos],
        "technical": [_rounded(photo.verdict.technical) for photo in photos],
        "width": [photo.verdict.width for photo in photos],
        "height": [photo.verdict.height for photo in photos],
        "taken": [photo.taken.isoformat() if photo.taken else None for photo in photos],
        "burst": [photo.burst for photo in photos],
        "flag": [choice.flag for choice in choices],
        "stars": [choice.stars for choice in choices],
        "content": [photo.sha256.hex()[:16] if photo.sha256 else "" for photo in photos],
    }


def _folder(photo: Photograph, root: Path) -> str:
    parent = photo.path.parent
    return shown(
        parent.relative_to(root).as_posix() if parent.is_relative_to(root) else str(parent)
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _details(photo: Photograph) -> dict[str, Any]:
    verdict = {**row(photo.verdict), "path": shown(photo.verdict.path)}
    opinion = read_statements(photo.group).opinion()
    return {
        **verdict,
        "id": key(photo),
        "files": [shown(path.name) for path in photo.group.files],
        "camera": photo.capture.camera and shown(photo.capture.camera),
        "taken": photo.taken.isoformat() if photo.taken else None,
        "file_rating": rating_of(opinion),
        "problems": [shown(problem) for problem in opinion.problems],
    }


def _found(session: Session, id: str) -> Photograph:
    photo = session.find(id)
    if photo is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such photograph here")
    return photo


def _maker(given: PlanIn) -> Callable[[Library], Proposal]:
    only = tuple(given.only)
    match given.action:
        case "move" | "copy" as how:
            rule = given.rule.rule()
            return lambda library: library.cull(rule, TransferRule(how, only=only))
        case "choices":
            return lambda library: library.write_choices()
        case "stars":
            return lambda library: library.stars(StarRule(given.by))


def _valid(make: Callable[[], T]) -> T:
    try:
        return make()
    except IlgnetError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error


async def _blocking(work: Callable[[], T]) -> T:
    """Work that reads files, in a thread; what goes wrong is said."""
    try:
        return await run_in_threadpool(work)
    except NotNow as error:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, shown(str(error)), Retry_After="2") from error
    except ServiceError as error:
        raise Refusal(HTTPStatus.CONFLICT, shown(str(error))) from error
    except IlgnetError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, shown(str(error))) from error


async def _changed(session: Session, work: Callable[[], dict[str, Choice]]) -> Response:
    changed = await _blocking(work)
    return _json({"revision": session.revision, "changed": choices_to_json(changed)})


def _json(value: Any) -> Response:
    return Response(
        json_bytes(value), media_type="application/json", headers={"Cache-Control": NEVER}
    )
