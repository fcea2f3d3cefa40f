"""A real service at a port of its own, and pictures to send."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

from ilgnet.serve.app import create_app
from ilgnet.serve.run import Address, listen
from ilgnet.serve.settings import Settings
from tests.tiny_model import make_tiny_model

Start = Callable[..., str]


def encoded(level: int, format: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    """A grey picture; the tiny model scores it by its level."""
    stream = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), level, np.uint8)).save(stream, format)
    return stream.getvalue()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def start(model: Path) -> Iterator[Start]:
    """Starts services with the given settings; returns their addresses."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(**settings: object) -> str:
        app = create_app(Settings(**{"model": str(model), "threads": 2, **settings}))
        listener = listen(Address(port=0))
        config = uvicorn.Config(app, log_level="error", lifespan="on", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"  # connections wait until it is up

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


@pytest.fixture
def ask(start: Start) -> Iterator[httpx.Client]:
    """A client of a service with the default limits."""
    with httpx.Client(base_url=start(), timeout=60) as client:
        yield client
