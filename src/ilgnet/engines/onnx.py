"""ONNX Runtime: the default engine. One thread a call; scoring runs several calls side by side."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilgnet.engines.protocol import EngineOutput
from ilgnet.errors import ModelError


class OnnxEngine:
    """Runs a `model.onnx`.

    The file has one input, float32 (N, 3, h, w), and the outputs "probabilities" (N, K),
    "features" (N, D), and any number of tapped feature maps named "tap:NAME".
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self.threads = threads
        _ = self._session  # a damaged file is reported here, not in the middle of a run

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        # Spinning threads steal the cores that decode the next pictures.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                str(self.path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's own exceptions share no base class
            raise ModelError(f"{self.path} cannot be loaded as an ONNX model: {error}") from error

    @cached_property
    def _run_options(self) -> Any:
        import onnxruntime

        options = onnxruntime.RunOptions()
        # Work that only the outputs nobody asked for need is not done.
        options.only_execute_path_to_fetches = True
        return options

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """The names of everything that the file can return."""
        return tuple(output.name for output in self._session.get_outputs())

    def fetch(self, names: list[str], batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run a batch float32 (N, 3, h, w) and return the named outputs."""
        feed = {self._session.get_inputs()[0].name: batch}
        outputs: list[NDArray[np.float32]] = self._session.run(names, feed, self._run_options)
        return outputs

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w)."""
        names = ["probabilities", "features"] if features else ["probabilities"]
        outputs = self.fetch(names, batch)
        return EngineOutput(outputs[0], outputs[1] if features else None)
