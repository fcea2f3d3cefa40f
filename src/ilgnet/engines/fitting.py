"""Batches that fit an accelerator's memory: the size is found by trying, and shrinks when short."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.engines.protocol import Engine, EngineOutput

SIZES: Final = (8, 16, 32, 64, 128, 256, 512)

WORTH_IT: Final = 1.05
"""A larger batch is taken where it makes so much more a second."""

_SAYINGS: Final = (
    "out of memory",
    "failed to allocate memory",
    "memory allocation",
    "alloc_failed",
    "not enough memory",
    "cuda failure 2",
)


class FittingEngine:
    """Runs another engine; a batch that does not fit is run in halves, and later ones are too.

    Attributes:
        engine: the network.
        most: pictures that are run together; None until memory was short.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.most: int | None = None

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w), in pieces where memory asks for it.

        Raises:
            Exception: what the engine raises, when one picture does not fit either.
        """
        outputs: list[EngineOutput] = []
        start = 0
        while start < len(batch) or not outputs:
            step = min(self.most or len(batch), max(1, len(batch) - start))
            try:
                outputs.append(self.engine.run(batch[start : start + step], features=features))
            except Exception as error:
                if step == 1 or not is_out_of_memory(error):
                    raise
                self.most = step // 2
            else:
                start += step
        return outputs[0] if len(outputs) == 1 else _together(outputs)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a runtime's error says that memory was short; their classes do not tell."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in _SAYINGS)


def find_batch(
    engine: FittingEngine,
    picture: NDArray[np.float32],
    *,
    sizes: Sequence[int] = SIZES,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """The batch that scores most pictures a second, found by trying.

    Args:
        engine: is run on copies of the picture.
        picture: float32 (3, h, w).
        sizes: rising; a larger one is tried as long as the last was worth it.
        clock: seconds.
    """
    best, fastest = sizes[0], 0.0
    for size in sizes:
        batch = np.repeat(picture[None], size, axis=0)
        engine.run(batch)  # the first run of a shape is slow
        if engine.most is not None and engine.most < size:
            return min(best, engine.most)
        begin = clock()
        engine.run(batch)
        speed = size / max(clock() - begin, 1e-9)
        if speed < WORTH_IT * fastest:
            break
        best, fastest = size, speed
    return best


def _together(outputs: list[EngineOutput]) -> EngineOutput:
    def joined(parts: list[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
        there = [part for part in parts if part is not None]
        return np.concatenate(there) if there else None

    return EngineOutput(
        np.concatenate([output.probabilities for output in outputs]),
        joined([output.features for output in outputs]),
        joined([output.technical for output in outputs]),
    )
