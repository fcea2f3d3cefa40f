"""Make the two face networks again from MediaPipe's wheel; see README.md beside this file."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from tflite_file import TfliteFile
from to_onnx import convert

from ilgnet.engines.runtime import onnx_runtime

WHEEL = "mediapipe==0.10.21"
TARGET = Path(__file__).parents[2] / "src/ilgnet/faces/networks"
NETWORKS = {
    "detection.onnx": (
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        ("Identity", "Identity_1"),
    ),
    "eyes.onnx": (
        "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
        ("output_mesh_identity", "output_left_eye", "output_right_eye", "conv_faceflag"),
    ),
}
"""Our file -> theirs, and the outputs that are kept."""


def main() -> None:
    """Write both, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare with what is shipped")
    parser.add_argument("--wheel", type=Path, help="the wheel, where it is at hand")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = given.wheel or download(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            for name, (member, outputs) in NETWORKS.items():
                model = convert(TfliteFile(Path(archive.extract(member, folder))), outputs)
                target = (Path(folder) if given.check else TARGET) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                onnx.save(model, str(target))
                print(f"{name}: {target.stat().st_size / 1e6:.2f} MB")
                if given.check:
                    print(f"  differs from the shipped one by {difference(target, TARGET / name)}")


def download(folder: Path) -> Path:
    """The wheel, from the index that pip uses; any platform's has the same networks."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    subprocess.run([*command, str(folder), WHEEL], check=True)
    return next(folder.glob("*.whl"))


def difference(one: Path, other: Path) -> float:
    """The largest difference of any output on noise, between two files."""
    noise = np.random.default_rng(0).uniform(0, 1, (1, 192, 192, 3)).astype(np.float32)
    answers = []
    for path in (one, other):
        session = onnx_runtime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
        answers.append(session.run(None, {session.get_inputs()[0].name: noise}))
    return max(float(np.abs(a - b).max()) for a, b in zip(*answers, strict=True))


if __name__ == "__main__":
    main()
