"""What a service may do and how much, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from secrets import token_hex, token_urlsafe
from typing import Final

from ilgnet.errors import ServiceError

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
"""The names by which this machine calls itself."""

MB: Final = 1_000_000
"""Megabytes, and megapixels."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for. Whatever exceeds a limit is refused with a reason.

    Attributes:
        picture_bytes: of one encoded picture.
        picture_pixels: of one picture, width times height; a picture with more has no score.
        request_bytes: of one request's body.
        pictures: in one request.
        receive_seconds: in which a request's body has to arrive.
        answer_seconds: in which a picture has to be scored once its request has arrived.
        queue: pictures that may wait at a time; a request that does not fit in gets 429.
    """

    picture_bytes: int = 100 * MB
    picture_pixels: int = 200 * MB
    request_bytes: int = 400 * MB
    pictures: int = 200
    receive_seconds: float = 60.0
    answer_seconds: float = 60.0
    queue: int = 400

    def __post_init__(self) -> None:
        for name in ("picture_bytes", "picture_pixels", "request_bytes", "pictures", "queue"):
            if getattr(self, name) < 1:
                raise ServiceError(f"the limit {name} is at least 1, not {getattr(self, name)}")
        for name in ("receive_seconds", "answer_seconds"):
            if getattr(self, name) <= 0:
                raise ServiceError(f"the limit {name} is more than 0, not {getattr(self, name)}")
        if self.queue < self.pictures:
            raise ServiceError(
                f"a request of {self.pictures} pictures would never fit into a queue of "
                f"{self.queue}: allow fewer in a request, or more to wait"
            )


@dataclass(slots=True)
class PageKey:
    """Lets the browser in that opens the printed address, and no other.

    The address holds a key that works once; for it the browser gets a cookie that works as long
    as the service runs. Other users of this machine see neither. A browser keeps cookies by host,
    whatever the port: each service has a name of its own for its.
    """

    once: str | None = field(default_factory=lambda: token_urlsafe(24))
    name: str = field(default_factory=lambda: f"ilgnet-{token_hex(6)}")
    cookie: str = field(default_factory=lambda: token_urlsafe(32))

    def redeem(self, given: str) -> bool:
        """Whether this is the key, which from now on is none."""
        right = self.once is not None and compare_digest(given.encode(), self.once.encode())
        if right:
            self.once = None
        return right

    def opens(self, cookies: Mapping[str, str]) -> bool:
        """Whether this service's cookie is among them."""
        cookie = cookies.get(self.name)
        return cookie is not None and compare_digest(cookie.encode(), self.cookie.encode())


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        key: what a caller has to show as `Authorization: Bearer KEY`; None asks for none.
        hosts: the names, without port, by which the service may be called. A page of another
            name that resolves to this machine (DNS rebinding) is refused, and so is a request
            that a page from elsewhere makes (Origin).
        page: how the browser that was opened shows that it may ask; None where there is no page.
    """

    key: str | None = None
    hosts: tuple[str, ...] = LOOPBACK
    page: PageKey | None = None

    def __post_init__(self) -> None:
        if self.key is not None and len(self.key) < 16:
            raise ServiceError("a key has at least 16 letters; a shorter one can be guessed")
        if not self.hosts:
            raise ServiceError("a service that may be called by no name cannot be reached")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service runs.

    Attributes:
        model: as in `ilgnet.load`.
        threads: pictures worked on side by side in one process; None takes every core.
        limits: see `Limits`.
        access: see `Access`.
    """

    model: str = "default"
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
