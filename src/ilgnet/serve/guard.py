"""What every request passes before it reaches a route: who asks, from where, how much, how slowly.

Plain ASGI, so that bodies stream through it and a refusal costs nothing.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable
from hmac import compare_digest
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ilgnet.serve.counters import Metrics
from ilgnet.serve.settings import Access, Limits

REQUEST_ID: Final = "X-Request-ID"
OPEN_TO_ALL: Final = frozenset({"/healthz", "/readyz"})
"""What a load balancer asks, which has no key and calls by an address."""

_LONGEST_ID: Final = 128


class Refusal(Exception):  # noqa: N818 - a refusal is an answer
    """A request that is not carried out, for a reason in words."""

    def __init__(self, status: HTTPStatus, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Guard:
    """Checks Host, Origin and key, bounds the body, names and measures every request."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, metrics: Metrics) -> None:
        self.app = app
        self.access = access
        self.limits = limits
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        name = _request_id(headers.get(REQUEST_ID))
        answer = _Answer(send, name)
        started = perf_counter()
        try:
            self._admit(scope["path"], headers)
            await self.app(scope, self._bounded(headers, receive), answer.send)
        except Refusal as refusal:
            if answer.begun:
                raise  # the body was cut off in the middle of a streamed answer
            await answer.refuse(refusal)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            self.metrics.note_request(route, answer.status, perf_counter() - started)

    def _admit(self, path: str, headers: Headers) -> None:
        if path in OPEN_TO_ALL:
            return
        host = _host_name(headers.get("host", ""))
        if host not in self.access.hosts:
            raise Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this service is not called {host or 'so'}; it answers to "
                f"{', '.join(self.access.hosts)}. Allow another name with --allow-host",
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin, headers.get("host", "")):
            raise Refusal(HTTPStatus.FORBIDDEN, "a page from elsewhere may not ask this service")
        if not self._is_let_in(path, headers):
            words = "show the key: Authorization: Bearer KEY"
            if self.access.page is not None:
                words = "open the address that ilgnet serve printed; its key works once"
            raise Refusal(HTTPStatus.UNAUTHORIZED, words, WWW_Authenticate="Bearer")

    def _is_let_in(self, path: str, headers: Headers) -> bool:
        key, page = self.access.key, self.access.page
        if key is None and page is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if key is not None and scheme.lower() == "bearer":
            return compare_digest(given.encode(), key.encode())
        if page is None:
            return False
        # The page's own address checks the key in its query.
        return path == "/" or page.opens(_cookies(headers))

    def _is_ours(self, origin: str, host: str) -> bool:
        """Whether a page of this very service asks; "null" and any other port are elsewhere."""
        scheme, _, authority = origin.partition("://")
        return scheme in ("http", "https") and authority.lower() == host.lower()

    def _bounded(self, headers: Headers, receive: Receive) -> Receive:
        """The body, which is neither longer nor slower than the limits allow."""
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self.limits.request_bytes:
            raise self._too_long()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.limits.receive_seconds
        received = 0
        complete = False

        async def bounded() -> Message:
            nonlocal received, complete
            if complete:  # what comes now is the news that the caller has left
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise Refusal(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"the request did not arrive within {self.limits.receive_seconds:g} s",
                    Connection="close",
                ) from error
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self.limits.request_bytes:
                raise self._too_long()
            return message

        return bounded

    def _too_long(self) -> Refusal:
        return Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"a request has at most {self.limits.request_bytes:,} bytes; send fewer pictures",
            Connection="close",
        )


class _Answer:
    """What is sent, with the request's name in its head."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._name = name
        self.begun = False
        self.status = 500  # what a route that raises makes of it

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self._name
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        body = json.dumps(problem(refusal.reason)).encode()
        head: Iterable[tuple[str, str]] = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **{name.lower(): value for name, value in refusal.headers.items()},
        }.items()
        await self.send(
            {
                "type": "http.response.start",
                "status": int(refusal.status),
                "headers": [(name.encode(), value.encode()) for name, value in head],
            }
        )
        await self._send({"type": "http.response.body", "body": body})


def problem(reason: str) -> dict[str, Any]:
    """The body of every refusal: one form for all of them."""
    return {"detail": reason}


def _cookies(headers: Headers) -> dict[str, str]:
    pairs = (pair.strip().partition("=") for pair in headers.get("cookie", "").split(";"))
    return {name: value for name, _, value in pairs}


def _host_name(host: str) -> str:
    """A Host header without its port, in lower case."""
    name = host.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def _request_id(given: str | None) -> str:
    """The caller's own name for the request where it is fit to be sent back, else a new one."""
    fit = given is not None and 0 < len(given) <= _LONGEST_ID and given.isascii()
    return given if fit and given is not None and given.isprintable() else secrets.token_hex(8)
