"""A client of the HTTP service, with the same verdicts that `ilgnet.load().score` gives."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

from ilgnet.errors import ImageError, ServiceError, require
from ilgnet.images.files import image_error, open_image_file
from ilgnet.report.rows import outcome_of_row
from ilgnet.values import Failure, Outcome, Verdict

if TYPE_CHECKING:
    import httpx

BATCH: Final = 16
"""Pictures of one request."""

_BUSY: Final = 429


class Client:
    """Asks a running service. Use it as a context manager; safe to use from several threads.

    Args:
        url: where the service is, such as http://127.0.0.1:8765.
        key: the service's key, where it asks for one.
        timeout: seconds for one request.
        patience: seconds in all that a service which is busy is waited for.

    Raises:
        MissingExtra: httpx is not installed.
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 120.0, patience: float = 300.0
    ) -> None:
        module = require("httpx", "client", "asking a service")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http: httpx.Client = module.Client(base_url=url, headers=headers, timeout=timeout)
        self._unreachable: type[Exception] = module.TransportError
        self.patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def score(self, picture: str | os.PathLike[str] | bytes) -> Verdict:
        """Score one picture.

        Args:
            picture: a path, or encoded bytes.

        Raises:
            ImageError: the picture cannot be read; its code says why.
            ServiceError: the service refuses, or cannot be reached.
        """
        (outcome,) = self._ask("/v1/score", [picture])
        if isinstance(outcome, Failure):
            raise ImageError(outcome.code, f"{outcome.path}: {outcome.message}")
        return outcome

    def score_many(self, pictures: Iterable[str | os.PathLike[str] | bytes]) -> Iterator[Outcome]:
        """Score a stream of pictures, a few to a request.

        Yields:
            One verdict or failure for each picture, in order. A file that is not there is a
            failure, as with `Scorer.score_many`.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        stream = iter(pictures)
        while batch := list(islice(stream, BATCH)):
            yield from self._ask("/v1/score", batch)

    def rank(
        self, pictures: Iterable[str | os.PathLike[str] | bytes], *, top: int | None = None
    ) -> list[Outcome]:
        """Order pictures in one request, best first; failures come last.

        Raises:
            ServiceError: they are too many for one request, or the service cannot be reached.
        """
        return self._ask("/v1/rank", list(pictures), **({"top": top} if top else {}))

    def _ask(
        self, route: str, pictures: list[str | os.PathLike[str] | bytes], **query: Any
    ) -> list[Outcome]:
        """Outcomes of the pictures, under the names by which the caller knows them."""
        names = [_name(picture, place) for place, picture in enumerate(pictures)]
        read = [_read(picture) for picture in pictures]
        files = [
            ("pictures", (str(place), content, "application/octet-stream"))
            for place, content in enumerate(read)
            if isinstance(content, bytes)
        ]
        rows = self._post(route, files, query)["rows"] if files else []
        outcomes = [outcome_of_row({**row, "path": names[int(row["path"])]}) for row in rows]
        missing = {
            place: Failure(names[place], content.code, content.message)
            for place, content in enumerate(read)
            if isinstance(content, ImageError)
        }
        if route.endswith("rank"):
            return [*outcomes, *missing.values()]
        answered = iter(outcomes)
        return [missing.get(place) or next(answered) for place in range(len(pictures))]

    def _post(self, route: str, files: list[Any], query: dict[str, Any]) -> Any:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                answer = self._http.post(route, files=files, params=query)
            except self._unreachable as error:
                raise ServiceError(
                    f"{self._http.base_url} does not answer ({error}). Is it running? "
                    "Start it with: ilgnet serve"
                ) from error
            if answer.status_code != _BUSY:
                break
            wait = float(answer.headers.get("retry-after", "1"))
            if time.monotonic() + wait > deadline:
                raise ServiceError(f"the service was busy for {self.patience:g} s; ask later")
            time.sleep(wait)
        if answer.is_success:
            return answer.json()
        raise ServiceError(f"the service refuses ({answer.status_code}): {_reason(answer)}")


def _reason(answer: Any) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return str(answer.text[:200])


def _name(picture: str | os.PathLike[str] | bytes, place: int) -> str:
    return f"image-{place}" if isinstance(picture, bytes) else os.fspath(picture)


def _read(picture: str | os.PathLike[str] | bytes) -> bytes | ImageError:
    if isinstance(picture, bytes):
        return picture
    try:
        with open_image_file(picture) as stream:
            return stream.read()
    except ImageError as error:
        return error
    except OSError as error:
        return image_error(error)
