"""The page itself: static files of the package, which may ask this service and nobody else."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from ilgnet.serve.guard import Refusal
from ilgnet.serve.settings import PageKey

ASSETS: Final = Path(str(files("ilgnet.serve"))) / "assets"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""The page may load and ask this service alone, and no other page may hold it in a frame."""


def add_page(app: FastAPI, access: PageKey | None) -> None:
    """Serve the page at / and its files at /assets."""

    @app.get("/", include_in_schema=False)
    async def page(request: Request, key: str | None = None) -> Response:
        if key is not None and access is not None:
            if not access.redeem(key):
                raise _unknown()
            # Without its query, so that the key is in no history, bookmark or screenshot.
            answer: Response = RedirectResponse("/", 303, headers=HEADERS)
            answer.set_cookie(access.name, access.cookie, httponly=True, samesite="strict")
            return answer
        if access is not None and not access.opens(request.cookies):
            raise _unknown()
        return FileResponse(ASSETS / "page.html", media_type="text/html", headers=HEADERS)

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        known = {path.name: path for path in ASSETS.iterdir() if path.suffix in _TYPES}
        if name not in known:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such file")
        return FileResponse(known[name], media_type=_TYPES[known[name].suffix], headers=HEADERS)


def _unknown() -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "this address works once, in one browser; start ilgnet serve again for a new one",
    )
