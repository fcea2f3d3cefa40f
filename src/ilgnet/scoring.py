"""The main path: pictures in, verdicts out, in order. Everything that scores goes through here.

path | bytes | pixels -> read_image -> prepare -> engine.run -> Verdict | Failure
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.engines.open import EngineName, open_engine
from ilgnet.engines.protocol import Engine, EngineOutput
from ilgnet.engines.taste import TasteEngine
from ilgnet.errors import ImageError, ModelError
from ilgnet.images.decode import read_image
from ilgnet.images.perceptual_hash import perceptual_hash
from ilgnet.images.picture import Picture
from ilgnet.images.preprocess import prepare
from ilgnet.streams import map_batches
from ilgnet.values import (
    Failure,
    ImageRef,
    ImageSource,
    Outcome,
    ScoreDistribution,
    Verdict,
    probability_high,
    score_from_probability,
)
from ilgnet.zoo.ava_scale import ava_percentile
from ilgnet.zoo.records import DEFAULT_MODEL, Weights, find_weights

BATCH: Final = 8
"""Pictures that one thread decodes and then gives to the engine; more gains nothing on a CPU."""

CONTAINER_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of work allowed in a period, and the period, or "max" (Linux, cgroup v2)."""


def load(
    model: str | Path = DEFAULT_MODEL,
    *,
    threads: int | None = None,
    engine: EngineName = "onnx",
    providers: Sequence[str] = (),
) -> Scorer:
    """Load a model, ready to score.

    Args:
        model: "default", the name of another model or of a taste (see `ilgnet models`), or a
            model folder.
        threads: pictures worked on side by side; None takes every core this process may use.
        engine: "onnx" (ONNX Runtime) or "torch" (PyTorch, from the extra "train").
        providers: of ONNX Runtime, as "CUDAExecutionProvider", tried before the processor.

    Raises:
        ModelError: there is no such model, or its files are damaged.
        MissingExtra: PyTorch is not installed.
    """
    weights = find_weights(model)
    opened = open_engine(weights, engine, providers=tuple(providers))
    return Scorer(weights, opened, threads=threads)


class Scorer:
    """Scores pictures with one set of weights. Safe to use from several threads.

    Attributes:
        weights: the record of the model.
        engine: the network.
        threads: pictures worked on side by side by `score_many`.
        batch: pictures that are decoded and then run together.
        looks: whether verdicts have a `look`, by which near-duplicates are found.
        watch: called with each picture's id and what was decoded of it, in several threads; for
            who needs the pixels too, so that nothing is decoded twice.
    """

    def __init__(self, weights: Weights, engine: Engine, *, threads: int | None = None) -> None:
        self.weights = weights
        self.engine = engine
        self.threads = threads or usable_cores()
        self.batch = BATCH
        self.looks = False
        self.watch: Callable[[str, Picture], object] | None = None
        self._fingerprint = weights.preprocess.fingerprint()

    def score(self, image: ImageSource | ImageRef, *, features: bool = False) -> Verdict:
        """Score one picture.

        Args:
            image: path, encoded bytes, Pillow image, RGB uint8 (H, W, 3) or grey uint8 (H, W).
            features: also return the pooled features, float32 (D,).

        Raises:
            ImageError: the picture cannot be read; its code says why.
        """
        outcome = self.score_batch([_reference(image, 0)], features=features)[0]
        if isinstance(outcome, Failure):
            raise ImageError(outcome.code, f"{outcome.path}: {outcome.message}")
        return outcome

    def score_many(
        self, images: Iterable[ImageSource | ImageRef | Outcome], *, features: bool = False
    ) -> Iterator[Outcome]:
        """Score a stream of pictures of any length in bounded memory.

        The stream is read in a thread of its own, a few dozen pictures ahead. Rows of what has
        come are handed out while it waits for more.

        Args:
            images: what `score` takes, or what `find_images` yields; failures, and verdicts that
                are known already, pass through.
            features: also return the pooled features, float32 (D,), with each verdict.

        Returns:
            An iterator over one verdict or failure for each picture, in input order.

        Raises:
            TypeError: `images` is one path or the bytes of one file (raised at once), or an item is
                no picture at all.
        """
        if isinstance(images, str | bytes | os.PathLike):
            raise TypeError(
                f"score_many takes many pictures, not {type(images).__name__}: score one with "
                "score(), a folder with score_many(find_images(folder))"
            )
        references = (_reference(image, index) for index, image in enumerate(images))
        return map_batches(
            partial(self.score_batch, features=features),
            references,
            threads=self.threads,
            size=self.batch,
        )

    def score_batch(
        self, refs: Sequence[ImageRef | Outcome], *, features: bool = False
    ) -> list[Outcome]:
        """Score a few pictures in this thread: decode them, then run those of one shape together.

        Args:
            refs: a handful; outcomes among them pass through.
            features: also return the pooled features, float32 (D,), with each verdict.

        Returns:
            One verdict or failure for each, in order.
        """
        prepared = [self._prepare(ref) for ref in refs]
        outcomes: dict[int, Outcome] = {
            i: item for i, item in enumerate(prepared) if not isinstance(item, _Prepared)
        }
        ready = [(i, item) for i, item in enumerate(prepared) if isinstance(item, _Prepared)]
        for shape in {item.pixels.shape for _, item in ready}:
            alike = [(i, item) for i, item in ready if item.pixels.shape == shape]
            verdicts = self._run([item for _, item in alike], features)
            for (i, _), verdict in zip(alike, verdicts, strict=True):
                outcomes[i] = verdict
        return [outcomes[i] for i in range(len(refs))]

    def after_base(self, said: Verdict) -> Verdict:
        """What a taste says of a picture, from what the model that it changes said of it.

        Args:
            said: by the base model, with features.

        Raises:
            ModelError: this model is no taste, or not one on these features.
        """
        if not isinstance(self.engine, TasteEngine) or said.features is None:
            raise ModelError(f"{self.weights.name} is no taste that could be told from features")
        votes = said.votes or (1.0 - said.p_high, said.p_high)
        output = self.engine.moved(
            EngineOutput(np.array([votes], np.float32), said.features[None].astype(np.float32))
        )
        picture = _Prepared(said.path, said.width, said.height, np.empty(0, np.float32), said.look)
        return self._verdict(picture, output.probabilities[0], said.features, said.technical)

    def _prepare(self, ref: ImageRef | Outcome) -> _Prepared | Outcome:
        if not isinstance(ref, ImageRef):
            return ref
        preprocess = self.weights.preprocess
        try:
            picture = read_image(ref.source, min_side=preprocess.decode_side, name=ref.id)
        except ImageError as error:
            return Failure(ref.id, error.code, error.message)
        if self.watch is not None:
            self.watch(ref.id, picture)
        look = perceptual_hash(picture.rgb) if self.looks else None
        pixels = prepare(picture.rgb, preprocess)
        return _Prepared(ref.id, picture.width, picture.height, pixels, look)

    def _run(self, pictures: list[_Prepared], features: bool) -> list[Verdict]:
        output = self.engine.run(np.stack([p.pixels for p in pictures]), features=features)
        nothing = [None] * len(pictures)
        vectors = nothing if output.features is None else output.features
        technical = nothing if output.technical is None else output.technical.tolist()
        return [
            self._verdict(*each)
            for each in zip(pictures, output.probabilities, vectors, technical, strict=True)
        ]

    def _verdict(
        self,
        picture: _Prepared,
        probabilities: NDArray[np.float32],
        features: NDArray[np.float32] | None,
        technical: float | None,
    ) -> Verdict:
        error = self.weights.mean_error
        if self.weights.output == "votes":
            distribution = ScoreDistribution(probabilities.astype(np.float64))
            score, std = distribution.mean, distribution.std
            p_high = probability_high(score, error)
            votes = tuple(map(float, probabilities))
        else:
            p_high = float(probabilities[1])
            score, std, votes = score_from_probability(p_high, error), None, None
        return Verdict(
            path=picture.id,
            score=score,
            std=std,
            p_high=p_high,
            percentile=ava_percentile(score),
            votes=votes,
            width=picture.width,
            height=picture.height,
            model=self.weights.name,
            preprocess=self._fingerprint,
            technical=technical,
            features=features,
            look=picture.look,
        )


def usable_cores() -> int:
    """The cores that this process may use: taskset may allow fewer than all, a container too."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(cores, _container_cores() or cores)


def free_cores() -> int:
    """How many of the usable cores other processes leave free, by the load of the last minute.

    For work whose threads wait for each other at every step: one more thread than there are free
    cores makes it many times slower, not faster. At least 1.
    """
    usable = usable_cores()
    if not hasattr(os, "getloadavg"):
        return usable
    busy = min(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    return max(1, round(usable * (1.0 - busy)))


def _container_cores() -> int | None:
    """What `docker --cpus` and the like allow, rounded up; None where nothing is set."""
    try:
        allowed, period = CONTAINER_LIMIT.read_text().split()
        return max(1, ceil(int(allowed) / int(period)))
    except (OSError, ValueError):  # no such file, or "max"
        return None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A decoded picture on its way into the network: float32 (3, h, w)."""

    id: str
    width: int
    height: int
    pixels: NDArray[np.float32]
    look: bytes | None = None


def _reference(image: ImageSource | ImageRef | Outcome, index: int) -> ImageRef | Outcome:
    if isinstance(image, ImageRef | Verdict | Failure):
        return image
    if isinstance(image, str | os.PathLike):
        return ImageRef(os.fspath(image), image)
    return ImageRef(f"image-{index}", image)
