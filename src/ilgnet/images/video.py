"""Frames of films, a picture each, named by their time: `film.mp4#t=12.5` (a W3C media fragment).

Through PyAV, from the extra "video". Frames are upright, square in their pixels, and sRGB as their
stream says it is encoded; high dynamic range is not tone-mapped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import ImageError, in_words, require
from ilgnet.images.files import image_error
from ilgnet.images.formats import VIDEO_EXTENSIONS
from ilgnet.images.sources import Found
from ilgnet.values import Failure, ImageRef, ImageSource

_TIME: Final = re.compile(r"#t=(\d+(?:\.\d+)?)$")
_UNSPECIFIED, _BT709 = 2, 1
_HIGH_DEFINITION: Final = 720
"""Lines from which a film that does not say so is in BT.709's colours."""


def with_frames(found: Iterable[Found], every: float) -> Iterator[Found]:
    """The same stream with a picture for every so many seconds of each film in it.

    Args:
        found: as `find_images` yields it.
        every: seconds between two frames.
    """
    for item in found:
        if isinstance(item, ImageRef) and is_video(item.source):
            yield from frames(os.fspath(item.source), every)  # type: ignore[arg-type]
        else:
            yield item


def is_video(source: object) -> bool:
    """Whether this is the path of a film, by its extension."""
    if not isinstance(source, str | os.PathLike):
        return False
    return os.path.splitext(os.fspath(source))[1].lower() in VIDEO_EXTENSIONS


def frames(path: str, every: float) -> Iterator[Found]:
    """A frame for every so many seconds, from the first on; a film's fault is its last row.

    Raises:
        MissingExtra: PyAV is not installed.
    """
    av = require("av", "video", "reading films")
    count = 0
    try:
        if os.path.getsize(path) == 0:
            raise ImageError("empty", "the file has no bytes")
        for seconds, frame in _decoded(av, path):
            if seconds >= count * every - 1e-6:
                yield ImageRef(f"{path}#t={_shown(seconds)}", _pixels(frame))
                count = int(seconds / every + 1e-6) + 1
    except ImageError as error:
        yield Failure(path, error.code, error.message)
    except (av.FFmpegError, OSError, ValueError) as error:
        # What PyAV cannot open is an OSError with the system's number.
        known = image_error(error) if isinstance(error, OSError) else None
        if known is None or known.code == "io_error":
            said = getattr(error, "strerror", None) or in_words(error)
            known = ImageError("corrupt", f"after {count} frames: {said}")
        yield Failure(path, known.code, known.message)


def open_frame(name: str) -> ImageSource:
    """What `read_image` takes for a name that scoring gave: a film's frame, or the path itself.

    No bytes, which are no picture, where the film cannot be read any more.
    """
    found = _TIME.search(name)
    path = name[: found.start()] if found else name
    if found is None or not is_video(path):
        return name
    av = require("av", "video", "reading films")
    try:
        for seconds, frame in _decoded(av, path, float(found[1])):
            if seconds >= float(found[1]) - 1e-3:
                return _pixels(frame)
    except (av.FFmpegError, OSError, ValueError, ImageError):
        pass
    return b""


def _decoded(av: Any, path: str, start: float = 0.0) -> Iterator[tuple[float, Any]]:
    """Seconds from the beginning, and the frame, from the key frame before `start` on."""
    with av.open(path, metadata_errors="replace") as film:
        if not film.streams.video:
            raise ImageError("unsupported_format", "there are no moving pictures in this file")
        stream = film.streams.video[0]
        stream.thread_type = "AUTO"
        begin = float((stream.start_time or 0) * stream.time_base)
        if start:
            film.seek(int((start + begin) / stream.time_base), stream=stream)
        for frame in film.decode(stream):
            if frame.time is not None:
                yield frame.time - begin, frame


def _pixels(frame: Any) -> NDArray[np.uint8]:
    """Upright sRGB, uint8 (H, W, 3)."""
    ratio = frame.sample_aspect_ratio if hasattr(frame, "sample_aspect_ratio") else None
    width = round(frame.width * ratio) if ratio else frame.width
    untold = frame.colorspace == _UNSPECIFIED and frame.height >= _HIGH_DEFINITION
    picture = frame.reformat(
        width=width, format="rgb24", src_colorspace=_BT709 if untold else None
    ).to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90) % 4))


def _shown(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
