"""Runs the service: one process, or several workers that listen at one address."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from ilgnet.errors import ServiceError, in_words
from ilgnet.serve.app import create_app
from ilgnet.serve.session import Session
from ilgnet.serve.settings import Access, Limits, Settings

_SETTINGS: Final = "ILGNET_SERVE_SETTINGS"
"""Hands the settings on to workers, which are processes of their own."""

FINISH_SECONDS: Final = 60
"""How long a stop waits for the answers that are due."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens.

    Attributes:
        host: an address of this machine; others reach it only where it is not a loopback one.
        port: 0 takes any that is free.
        workers: processes.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ServiceError(f"a port is 0 to 65535, not {self.port}")
        if self.workers < 1:
            raise ServiceError(f"at least one worker serves, not {self.workers}")


def listen(address: Address) -> socket.socket:
    """Take the address now, so that its port is known and two services do not share it.

    Raises:
        ServiceError: it is taken, or not this machine's.
    """
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        # With the protocol named, asyncio sends every part of an answer at once (TCP_NODELAY);
        # otherwise the second part waits for the other side's delayed word of the first, 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(2048)
    except OSError as error:
        raise ServiceError(
            f"{address.host}:{address.port} cannot be listened at: {in_words(error)}. "
            "Choose another port with --port, or 0 for any"
        ) from error
    return listener


def serve(
    settings: Settings, address: Address, listener: socket.socket, session: Session | None = None
) -> None:
    """Serve until the process is asked to stop (SIGINT, SIGTERM); what was accepted is finished.

    Args:
        settings: how the service runs.
        address: where it listens.
        listener: the address, taken by `listen`.
        session: the library that is open in the page; needs a single worker.
    """
    if address.workers == 1:
        _Server(_config(create_app(settings, session)), session).run([listener])
        return
    with tempfile.TemporaryDirectory(prefix="ilgnet-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        os.environ[_SETTINGS] = json.dumps(asdict(settings))
        config = _config("ilgnet.serve.run:app_of_a_worker", workers=address.workers)
        Multiprocess(config, sockets=[listener]).run()


class _Server(uvicorn.Server):
    """Tells the session at once that it is asked to stop: its stream of events would go on."""

    def __init__(self, config: uvicorn.Config, session: Session | None) -> None:
        super().__init__(config)
        self._session = session

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called with the signal."""
        if self._session is not None:
            self._session.begin_to_close()
        super().handle_exit(sig, frame)


def app_of_a_worker() -> FastAPI:
    """The application in a worker, from the settings that its parent has left for it."""
    given = json.loads(os.environ[_SETTINGS])
    access = given.pop("access")
    return create_app(
        Settings(
            **{**given, "limits": Limits(**given["limits"])},
            access=Access(access["key"], tuple(access["hosts"])),
        )
    )


def _config(app: FastAPI | str, *, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="on",
        timeout_graceful_shutdown=FINISH_SECONDS,
        ws="none",
    )
