"""ONNX Runtime: the default engine. One thread a call; scoring runs several calls side by side."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.engines.protocol import EngineOutput
from ilgnet.engines.runtime import onnx_runtime
from ilgnet.errors import ModelError

FITS_CACHE: Final = 32_000_000
"""Weights of up to so many bytes stay in a processor's cache from one picture to the next. Larger
ones are fetched from memory anew in every run, which a batch shares; smaller ones gain nothing
from a batch, and lose: its feature maps are too large for the cache and need eight times the
memory."""


class OnnxEngine:
    """Runs a `model.onnx`.

    The file has one input, float32 (N, 3, h, w), and the outputs "probabilities" (N, K),
    "features" (N, D), and, where the network has them, "technical" (N,) and tapped feature maps
    named "tap:NAME".

    Args:
        path: the file.
        threads: of one call.
        together: whether the pictures of a batch run in one go; None does so where it pays.
        providers: what the runtime may run on, the first that works; CPU always does.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        together: bool | None = None,
        providers: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.threads = threads
        self.providers = providers
        if together is None:
            together = path.is_file() and path.stat().st_size > FITS_CACHE
        self.together = together
        _ = self._session  # a damaged file is reported here, not in the middle of a run

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process needs; it opens a session of its own."""
        return {
            "path": self.path,
            "threads": self.threads,
            "together": self.together,
            "providers": self.providers,
        }

    @cached_property
    def _session(self) -> Any:
        runtime = onnx_runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        # Spinning threads steal the cores that decode the next pictures.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            return runtime.InferenceSession(
                str(self.path),
                options,
                providers=list(dict.fromkeys((*self.providers, "CPUExecutionProvider"))),
            )
        except Exception as error:  # the runtime's own exceptions share no base class
            raise ModelError(f"{self.path} cannot be loaded as an ONNX model: {error}") from error

    @cached_property
    def _run_options(self) -> Any:
        options = onnx_runtime().RunOptions()
        # Work that only the outputs nobody asked for need is not done.
        options.only_execute_path_to_fetches = True
        return options

    @property
    def runs_on(self) -> str:
        """The provider that was chosen: one that finds no device leaves it to the next."""
        return str(self._session.get_providers()[0])

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """The names of everything that the file can return."""
        return tuple(output.name for output in self._session.get_outputs())

    def fetch(self, names: list[str], batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run a batch float32 (N, 3, h, w) and return the named outputs."""
        step = max(1, len(batch)) if self.together else 1
        name = self._session.get_inputs()[0].name
        runs = [
            self._session.run(names, {name: batch[start : start + step]}, self._run_options)
            for start in range(0, max(1, len(batch)), step)
        ]
        return [np.concatenate(parts) for parts in zip(*runs, strict=True)]

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w)."""
        names = ["probabilities", *(["features"] if features else [])]
        names += ["technical"] if "technical" in self.output_names else []
        found = dict(zip(names, self.fetch(names, batch), strict=True))
        return EngineOutput(found["probabilities"], found.get("features"), found.get("technical"))
