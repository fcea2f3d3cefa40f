"""Look at every picture of a collection before hours are spent on it; nothing here is fatal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from ilgnet.values import Failure

MIN_SIDE: Final = 16
"""Decoding may scale down to this; all of the file's data is still gone through."""

_AT_ONCE: Final = 256


def check_pictures(rated: RatedSet, *, threads: int | None = None) -> Iterator[Failure | None]:
    """Decode every picture.

    Args:
        rated: the collection.
        threads: pictures decoded side by side; None leaves that to Python.

    Yields:
        For each picture in list order None, or why it cannot be read.
    """
    images = iter(rated.images)
    with ThreadPoolExecutor(threads) as pool:
        while some := list(islice(images, _AT_ONCE)):
            yield from pool.map(_look, some)


def _look(image: RatedImage) -> Failure | None:
    try:
        read_image(image.path, min_side=MIN_SIDE)
    except ImageError as error:
        return Failure(image.id, error.code, error.message)
    return None
