"""ONNX Runtime, imported in silence.

Since 1.32 the runtime's wheels keep an identifier below the user's cache folder, queue events that
name the interpreter, the processor and the model's file, and look up their maker's host. One
variable switches this off, and only before the first import, so the package imports it here alone.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import Final

SILENCE: Final = "ORT_DISABLE_TELEMETRY"
"""The runtime reads it when it is imported; "1" is silence."""


def onnx_runtime() -> ModuleType:
    """ONNX Runtime, which from now on sends and keeps nothing.

    The variable stays in this process's environment, so that its children are silent too.
    """
    os.environ[SILENCE] = "1"
    runtime = import_module("onnxruntime")
    # A program that had imported the runtime before us can only be asked to be silent from now on.
    runtime.disable_telemetry_events()
    return runtime
